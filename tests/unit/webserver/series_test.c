/* SPDX-License-Identifier: Apache-2.0 */
/** Rates of counters, and steps. */
#include <math.h>

#include "tests/support/rows.h"
#include "tests/support/unit.h"
#include "webserver/series.h"

#define NONE 1e300 /* no point comes out */

struct rate_row {
    const char *name;
    enum perf_type type;
    double min; /* NONE: none */
    double values[4];
    double rates[4]; /* a value a second */
};

static const struct rate_row rates[] = {
    {"gauge", PERF_GAUGE, NONE, {1, 5, -2, 0}, {1, 5, -2, 0}},
    {"counter", PERF_COUNTER, NONE, {10, 20, 20, 50}, {NONE, 10, 0, 30}},
    {"counter reset",
     PERF_COUNTER,
     NONE,
     {100, 200, 3, 13},
     {NONE, 100, NONE, 10}},
    {"counter wraps at 32 bits",
     PERF_COUNTER,
     NONE,
     {4294967290., 4294967295., 4, 5},
     {NONE, 5, 5, 1}},
    {"counter wraps at 64 bits",
     PERF_COUNTER,
     NONE,
     {18446744073709547520., 18446744073709549568., 2048, 2049},
     {NONE, 2048, 4096, 1}},
    {"derive falls", PERF_DERIVE, NONE, {5, 3, 4, 4}, {NONE, -2, 1, 0}},
    {"derive from 0 up", PERF_DERIVE, 0, {5, 3, 4, 4}, {NONE, NONE, 1, 0}},
    {"absolute", PERF_ABSOLUTE, NONE, {5, 3, 4, 0}, {NONE, 3, 4, 0}},
};

static void check_rate(void **state)
{
    const struct rate_row *row = *state;
    struct rate rate;

    rate_init(&rate, row->type, row->min < NONE ? row->min : (double)NAN);
    for (int i = 0; i < 4; i++) {
        double got = NONE;
        bool there = rate_next(&rate, 1000 * (i + 1), row->values[i], &got);

        assert_int_equal(there, row->rates[i] < NONE);
        assert_float_equal(got, row->rates[i], 1e-6);
    }
}

static void same_time_twice(void **state)
{
    struct rate rate;
    double got;

    (void)state;
    rate_init(&rate, PERF_COUNTER, (double)NAN);
    assert_false(rate_next(&rate, 1000, 1, &got));
    assert_false(rate_next(&rate, 1000, 2, &got));
}

static void buckets(void **state)
{
    struct bucket bucket = {0}, full = {0};

    (void)state;
    assert_false(bucket_add(&bucket, 60000, 60000, 4, &full));
    assert_false(bucket_add(&bucket, 60000, 90000, 1, &full));
    assert_false(bucket_add(&bucket, 60000, 119999, 7, &full));
    assert_true(bucket_add(&bucket, 60000, 300000, 9, &full));
    assert_int_equal(full.start_ms, 60000);
    assert_int_equal(full.n, 3);
    assert_float_equal(full.min, 1, 0);
    assert_float_equal(full.max, 7, 0);
    assert_float_equal(full.sum, 12, 0);
    assert_float_equal(full.last, 7, 0);
    assert_int_equal(bucket.start_ms, 300000);
}

int main(void)
{
    const struct row_table tables[] = {ROWS(rates, check_rate),
                                       ROW_SINGLE(same_time_twice),
                                       ROW_SINGLE(buckets)};

    return rows_run("series", tables, N_ROWS(tables));
}
