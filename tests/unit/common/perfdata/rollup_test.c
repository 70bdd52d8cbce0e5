/* SPDX-License-Identifier: Apache-2.0 */
/** Roll-ups: what they say of points, and their packs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/perfdata/rollup.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    PACK_MAX = 8 * 1024 * 1024,
    ROUNDS = 2000,
    ROLLUPS_MOST = 200
};

struct add_row {
    const char *name;
    struct {
        int64_t ms;
        double value;
    } points[4];
    size_t n;
    struct rollup want; /* without n and ms */
    double mean;
};

static const struct add_row added[] = {
    {"one", {{5, 2}}, 1, {.min = 2, .max = 2, .last = 2, .count = 1}, 2},
    {"in order",
     {{1, 4}, {2, 1}, {3, 7}},
     3,
     {.min = 1, .max = 7, .last = 7, .count = 3},
     4},
    {"the latest is the last, whenever it comes",
     {{3, 7}, {1, 4}, {2, 1}},
     3,
     {.min = 1, .max = 7, .last = 7, .count = 3},
     4},
    {"below zero",
     {{1, -4}, {2, -1}},
     2,
     {.min = -4, .max = -1, .last = -1, .count = 2},
     -2.5},
    {"sums that overflow",
     {{1, 1.5e308}, {2, 1.5e308}},
     2,
     {.min = 1.5e308, .max = 1.5e308, .last = 1.5e308, .count = 2},
     1.5e308},
};

static void check_same(const char *name, const struct rollup *got,
                       const struct rollup *want)
{
    if (got->n != want->n || got->ms != want->ms || got->min != want->min ||
        got->max != want->max || got->last != want->last ||
        got->count != want->count) {
        fail_msg("%s: %lld %lld: got %g %g %g %lld", name, (long long)got->n,
                 (long long)got->ms, got->min, got->max, got->last,
                 (long long)got->count);
    }
}

static void check_added(void **state)
{
    const struct add_row *row = *state;
    struct rollup rollup = {.count = 0};

    for (size_t i = 0; i < row->n; i++) {
        rollup_add(&rollup, row->points[i].ms, row->points[i].value);
    }
    check_same(row->name, &rollup, &row->want);
    assert_true(rollup_mean(&rollup) == row->mean);
}

/* Merged from any two halves, it is the same. */
static void check_merged(void **state)
{
    const struct add_row *row = *state;

    for (size_t cut = 0; cut <= row->n; cut++) {
        struct rollup halves[2] = {{.count = 0}, {.count = 0}};

        for (size_t i = 0; i < row->n; i++) {
            rollup_add(&halves[i < cut ? 0 : 1], row->points[i].ms,
                       row->points[i].value);
        }
        rollup_merge(&halves[0], &halves[1]);
        check_same(row->name, &halves[0], &row->want);
        assert_true(rollup_mean(&halves[0]) == row->mean);
    }
}

static const struct {
    const char *name;
    double from;
    double to;
} rounded[] = {
    {"zero", 0, 0},
    {"whole", 42, 42},
    {"seven digits", 1234567, 1234567},
    {"more digits", 12345678, 12345680},
    {"a third", 1.0 / 3, 0.3333333},
    {"two thirds, negative", -2.0 / 3, -0.6666667},
    {"bytes", 8345182208.5, 8345182000.},
    {"small", 1.23456789e-9, 1.234568e-9},
    {"just below a power", 99999.99999, 100000},
    {"as small as can be", 5e-324, 5e-324},
    {"as large as can be", 1.7976931348623157e308, 1.7976931348623157e308},
};

static void check_rounded(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(rounded); i++) {
        if (rollup_round(rounded[i].from) != rounded[i].to) {
            fail_msg("%s: %.17g", rounded[i].name,
                     rollup_round(rounded[i].from));
        }
    }
    assert_true(isnan(rollup_round((double)NAN)));
    assert_true(isinf(rollup_round((double)INFINITY)));
}

static const struct {
    int64_t ms, step_ms, begin;
} begins[] = {
    {0, 60000, 0},           {59999, 60000, 0},
    {60000, 60000, 60000},   {-1, 60000, -60000},
    {-60000, 60000, -60000}, {1700000123456, 3600000, 1699999200000},
};

static void check_begins(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(begins); i++) {
        assert_int_equal(rollup_begin_ms(begins[i].ms, begins[i].step_ms),
                         begins[i].begin);
    }
}

/* A seeded sequence (splitmix64). */
static uint64_t roll(uint64_t *seed)
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static struct rollup random_rollup(uint64_t *seed, uint64_t kind)
{
    struct rollup rollup = {.count = 0};
    uint64_t n = kind == 0 ? 1 : roll(seed) % 6 + 1;

    for (uint64_t i = 0; i < n; i++) {
        uint64_t dice = roll(seed);

        rollup_add(&rollup, (int64_t)i,
                   kind == 1 ? 7.5 : (double)(dice % 100000) / 100);
    }
    return rollup;
}

static size_t check_round(const struct rollup *rollups, size_t n)
{
    struct rollups_reader reader;
    struct rollup got;
    struct buf pack;
    size_t len;
    size_t at = 0;

    buf_init(&pack, PACK_MAX);
    rollups_pack(rollups, n, &pack);
    assert_true(rollups_reader_init(&reader, pack.data, pack.len));
    while (rollups_next_metric(&reader)) {
        while (rollups_next(&reader, &got)) {
            assert_true(at < n);
            check_same("pack", &got, &rollups[at]);
            assert_true(fabs(rollup_mean(&got) - rollup_mean(&rollups[at])) <=
                        fabs(rollup_mean(&got)) * 1e-6);
            at++;
        }
    }
    assert_false(reader.bad);
    assert_int_equal(at, n);
    len = pack.len;
    buf_fini(&pack);
    return len;
}

static size_t fill(struct rollup *rollups, size_t n, uint64_t *seed,
                   uint64_t kind)
{
    size_t per_metric = n / 5 + 1;

    for (size_t i = 0; i < n; i++) {
        rollups[i] = random_rollup(seed, kind);
        rollups[i].n = (INT64_C(3) << 32) + (int64_t)(i / per_metric) * 7;
        rollups[i].ms =
            INT64_C(1700000040000) + (int64_t)(i % per_metric) * 60000;
    }
    return n;
}

static void check_packs(void **state)
{
    struct rollup rollups[ROLLUPS_MOST];
    uint64_t seed = 7;

    (void)state;
    for (int i = 0; i < 300; i++) {
        (void)check_round(rollups, fill(rollups, roll(&seed) % ROLLUPS_MOST,
                                        &seed, roll(&seed) % 4));
    }
}

/* What says nothing new takes no room. */
static void check_small(void **state)
{
    struct rollup rollups[60];
    uint64_t seed = 1;
    size_t same;

    (void)state;
    for (size_t i = 0; i < N_ROWS(rollups); i++) {
        rollups[i] = (struct rollup){.n = 1,
                                     .ms = (int64_t)i * 60000,
                                     .min = 3,
                                     .max = 3,
                                     .sum = 3,
                                     .last = 3,
                                     .count = 1};
    }
    same = check_round(rollups, N_ROWS(rollups));
    assert_true(same < 30);
    (void)fill(rollups, N_ROWS(rollups), &seed, 0);
    assert_true(check_round(rollups, N_ROWS(rollups)) < 5 * N_ROWS(rollups));
}

/* Bytes changed and cut: an end, and no read outside. */
static void check_damaged(void **state)
{
    struct rollup rollups[64];
    uint64_t seed = 42;
    struct buf pack;

    (void)state;
    buf_init(&pack, PACK_MAX);
    rollups_pack(rollups, fill(rollups, N_ROWS(rollups), &seed, 3), &pack);
    for (int round = 0; round < ROUNDS; round++) {
        size_t len = roll(&seed) % 4 == 0 ? roll(&seed) % pack.len : pack.len;
        /* its own memory, so that a sanitizer sees its end */
        uint8_t *copy = xmemdup(pack.data, len + 1);
        struct rollups_reader reader;
        struct rollup rollup;

        for (uint64_t i = roll(&seed) % 4; i > 0 && len > 0; i--) {
            copy[roll(&seed) % len] = (uint8_t)roll(&seed);
        }
        (void)rollups_reader_init(&reader, copy, len);
        while (rollups_next_metric(&reader)) {
            for (int i = 0; i < 1000 && rollups_next(&reader, &rollup); i++) {
                assert_true(rollup.count > 0);
            }
        }
        free(copy);
    }
    buf_fini(&pack);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROWS(added, check_added),  ROWS(added, check_merged),
        ROW_SINGLE(check_rounded), ROW_SINGLE(check_begins),
        ROW_SINGLE(check_packs),   ROW_SINGLE(check_small),
        ROW_SINGLE(check_damaged),
    };

    return rows_run("rollup", tables, N_ROWS(tables));
}
