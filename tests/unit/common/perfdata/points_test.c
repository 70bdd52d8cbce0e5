/* SPDX-License-Identifier: Apache-2.0 */
/** Packs of points: what goes in comes out, bit by bit; damage is harmless. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/perfdata/points.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    PACK_MAX = 8 * 1024 * 1024,
    ROUNDS = 300,
    POINTS_MOST = 500
};

/* A seeded sequence (splitmix64). */
static uint64_t roll(uint64_t *seed)
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static size_t unpack(const void *bytes, size_t len, struct point *out,
                     size_t most)
{
    struct points_reader reader;
    struct points_series series;
    struct points_iter iter;
    size_t n = 0;

    assert_true(points_reader_init(&reader, bytes, len));
    while (points_next_series(&reader, &series)) {
        points_iter_init(&iter, &series);
        while (n < most && points_next(&iter, &out[n])) {
            assert_true(out[n].ms >= reader.first_ms);
            assert_true(out[n].ms <= reader.last_ms);
            n++;
        }
        assert_false(iter.bad);
    }
    assert_false(reader.bad);
    return n;
}

/* Returns the bytes it took. */
static size_t check_round(const char *name, const struct point *points,
                          size_t n)
{
    struct point *back = xcalloc(n + 1, sizeof *back);
    struct buf pack;
    size_t len;

    buf_init(&pack, PACK_MAX);
    points_pack(points, n, &pack);
    assert_false(pack.overflow);
    if (unpack(pack.data, pack.len, back, n + 1) != n) {
        fail_msg("%s: another number of points", name);
    }
    for (size_t i = 0; i < n; i++) {
        if (back[i].n != points[i].n || back[i].ms != points[i].ms ||
            memcmp(&back[i].value, &points[i].value, sizeof(double)) != 0) {
            fail_msg("%s: point %zu: %lld %lld %.17g came back as %lld %lld "
                     "%.17g",
                     name, i, (long long)points[i].n, (long long)points[i].ms,
                     points[i].value, (long long)back[i].n,
                     (long long)back[i].ms, back[i].value);
        }
    }
    len = pack.len;
    buf_fini(&pack);
    free(back);
    return len;
}

struct values_row {
    const char *name;
    double values[8];
    size_t n;
    size_t most; /* bytes for its pack of a point each 10 s */
};

static const struct values_row values[] = {
    {"none", {0}, 0, 3},
    {"one", {1}, 1, 16},
    {"zeros", {0, 0, 0, 0, 0, 0, 0, 0}, 8, 21},
    {"the same", {95.25, 95.25, 95.25, 95.25, 95.25, 95.25}, 6, 24},
    {"negative zero", {0.0, -0.0, 0.0, -0.0}, 4, 80},
    {"whole, rising evenly", {1e9, 1e9 + 700, 1e9 + 1400, 1e9 + 2100}, 4, 28},
    {"two decimals", {0.05, 0.12, 0.1, 0.07, 0.29}, 5, 25},
    {"six decimals", {0.000001, 123456.654321, -5.5}, 3, 33},
    {"no decimals", {1.0 / 3, 2.0 / 3, 1.0 / 7}, 3, 60},
    {"not finite", {(double)NAN, (double)INFINITY, -(double)INFINITY}, 3, 60},
    {"extremes",
     {1.7976931348623157e308, 5e-324, -1.7976931348623157e308},
     3,
     60},
    {"past 2^53", {9007199254740993.0, 18446744073709551616.0}, 2, 40},
    {"at the edge of whole", {2251799813685247, -2251799813685247, 0}, 3, 60},
};

static void check_values(void **state)
{
    const struct values_row *row = *state;
    struct point points[N_ROWS(row->values)];
    size_t len;

    for (size_t i = 0; i < row->n; i++) {
        points[i] = (struct point){
            7, INT64_C(1700000000000) + (int64_t)i * 10000, row->values[i]};
    }
    len = check_round(row->name, points, row->n);
    if (len > row->most) {
        fail_msg("%s: %zu bytes", row->name, len);
    }
}

struct times_row {
    const char *name;
    int64_t ms[6];
    size_t n;
};

static const struct times_row times[] = {
    {"of the epoch", {0, 1, 2}, 3},
    {"before it", {-1000, -1, 0, 5}, 4},
    {"the whole range", {INT64_MIN, -1, 0, 1, INT64_MAX}, 5},
    {"only the ends", {INT64_MIN, INT64_MAX}, 2},
    {"last", {INT64_MAX - 1, INT64_MAX}, 2},
};

static void check_times(void **state)
{
    const struct times_row *row = *state;
    struct point points[N_ROWS(row->ms)];

    for (size_t i = 0; i < row->n; i++) {
        points[i] = (struct point){INT64_MAX, row->ms[i], (double)i};
    }
    (void)check_round(row->name, points, row->n);
}

static double random_value(uint64_t *seed, uint64_t kind)
{
    uint64_t bits = roll(seed);
    double value;

    switch (kind) {
    case 0:
        return (double)(bits % 100);
    case 1:
        return (double)(int64_t)(bits % 2000000) / 100 - 10000;
    case 2:
        return (double)(bits >> 10);
    case 3:
        return 42.5;
    default:
        memcpy(&value, &bits, sizeof value);
        return value;
    }
}

/* Whatever is packed comes back. */
static void check_random(void **state)
{
    uint64_t seed = 20240607;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct point points[POINTS_MOST];
        size_t n = roll(&seed) % POINTS_MOST;
        uint64_t metrics = roll(&seed) % 20 + 1;
        uint64_t kind = roll(&seed) % 5;
        uint64_t wide = roll(&seed) % 2 == 0 ? UINT64_MAX : 3600000;

        for (size_t i = 0; i < n; i++) {
            points[i] = (struct point){
                (int64_t)(roll(&seed) % metrics * 1000003),
                (int64_t)(roll(&seed) % wide), random_value(&seed, kind)};
        }
        n = points_sort(points, n);
        (void)check_round("random", points, n);
    }
}

/* Bytes changed, cut and made up: an end, and no read outside. */
static void check_damaged(void **state)
{
    uint64_t seed = 42;
    struct point points[64];
    struct buf pack;

    (void)state;
    for (size_t i = 0; i < N_ROWS(points); i++) {
        points[i] = (struct point){(int64_t)(i / 8), (int64_t)i * 10007,
                                   random_value(&seed, i / 8 % 5)};
    }
    buf_init(&pack, PACK_MAX);
    points_pack(points, N_ROWS(points), &pack);
    for (int round = 0; round < ROUNDS * 20; round++) {
        size_t len = roll(&seed) % 4 == 0 ? roll(&seed) % pack.len : pack.len;
        /* its own memory, so that a sanitizer sees its end */
        uint8_t *copy = xmemdup(pack.data, len + 1);
        struct points_reader reader;
        struct points_series series;
        struct points_iter iter;
        struct point point;

        for (uint64_t i = roll(&seed) % 4; i > 0 && len > 0; i--) {
            copy[roll(&seed) % len] = (uint8_t)roll(&seed);
        }
        (void)points_reader_init(&reader, copy, len);
        while (points_next_series(&reader, &series)) {
            points_iter_init(&iter, &series);
            for (int i = 0; i < 1000 && points_next(&iter, &point); i++) {
            }
        }
        free(copy);
    }
    buf_fini(&pack);
}

/* Of what was sent twice the last one counts; the order of others stays. */
static void check_sort(void **state)
{
    struct point points[] = {{2, 5, 1}, {1, 9, 2}, {2, 5, 3}, {1, 3, 4},
                             {1, 9, 5}, {2, 4, 6}, {2, 5, 7}};
    static const struct point want[] = {
        {1, 3, 4}, {1, 9, 5}, {2, 4, 6}, {2, 5, 7}};

    (void)state;
    assert_int_equal(points_sort(points, N_ROWS(points)), N_ROWS(want));
    for (size_t i = 0; i < N_ROWS(want); i++) {
        assert_int_equal(points[i].n, want[i].n);
        assert_int_equal(points[i].ms, want[i].ms);
        assert_true(points[i].value == want[i].value);
    }
    assert_int_equal(points_sort(NULL, 0), 0);
}

/* An hour of a counter each 10 s that jitters by a millisecond. */
static void check_small(void **state)
{
    struct point points[360];
    uint64_t seed = 1;
    double value = 1e9;

    (void)state;
    for (size_t i = 0; i < N_ROWS(points); i++) {
        value += (double)(1000 + roll(&seed) % 60);
        points[i] = (struct point){
            3, INT64_C(1700000000000) + (int64_t)(i * 10000 + roll(&seed) % 2),
            value};
    }
    assert_true(check_round("counter", points, N_ROWS(points)) <
                3 * N_ROWS(points));
}

int main(void)
{
    static const struct row_table tables[] = {
        ROWS(values, check_values), ROWS(times, check_times),
        ROW_SINGLE(check_random),   ROW_SINGLE(check_damaged),
        ROW_SINGLE(check_sort),     ROW_SINGLE(check_small),
    };

    return rows_run("points", tables, N_ROWS(tables));
}
