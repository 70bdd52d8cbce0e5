/* SPDX-License-Identifier: Apache-2.0 */
/** Rates of counters: wraps, resets, times that stand still. */
#include <math.h>

#include "common/perfdata/rate.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

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
    {"counter at the last quarter of 32 bits",
     PERF_COUNTER,
     NONE,
     {3221225472., 1073741824., 3221225472., 1073741825.},
     {NONE, 2147483648., 2147483648., NONE}},
    {"counter a little before it",
     PERF_COUNTER,
     NONE,
     {3221225471., 5, 4294967296., 7},
     {NONE, NONE, 4294967291., NONE}},
    {"counter with a bound still wraps",
     PERF_COUNTER,
     0,
     {4294967295., 1, 2, 1},
     {NONE, 2, 1, NONE}},
    {"derive below a bound above 0",
     PERF_DERIVE,
     10,
     {15, 13, 14, 14},
     {NONE, NONE, 1, 0}},
    {"derive that may be negative",
     PERF_DERIVE,
     -10,
     {5, -3, 4, 4},
     {NONE, -8, 7, 0}},
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

/* Times that do not pass evenly. */
struct time_row {
    const char *name;
    enum perf_type type;
    int64_t ms[4];
    double values[4];
    double rates[4];
};

static const struct time_row uneven[] = {
    {"the same time twice",
     PERF_COUNTER,
     {1000, 1000, 2000, 2000},
     {1, 2, 5, 7},
     {NONE, NONE, 3, NONE}},
    {"a gauge's times do not matter",
     PERF_GAUGE,
     {1000, 1000, 500, 2000},
     {1, 2, 5, 7},
     {1, 2, 5, 7}},
    {"a gap of three days counts whole",
     PERF_DERIVE,
     {0, 259200000, 259210000, 259220000},
     {0, 259200, 259210, 259200},
     {NONE, 1, 1, -1}},
    {"half a second",
     PERF_ABSOLUTE,
     {0, 500, 750, 1000},
     {9, 1, 1, 0},
     {NONE, 2, 4, 0}},
    {"a reset after a gap",
     PERF_COUNTER,
     {0, 60000, 120000, 180000},
     {1000, 1600, 60, 120},
     {NONE, 10, NONE, 1}},
};

static void check_uneven(void **state)
{
    const struct time_row *row = *state;
    struct rate rate;

    rate_init(&rate, row->type, (double)NAN);
    for (int i = 0; i < 4; i++) {
        double got = NONE;
        bool there = rate_next(&rate, row->ms[i], row->values[i], &got);

        assert_int_equal(there, row->rates[i] < NONE);
        assert_float_equal(got, row->rates[i], 1e-6);
    }
}

int main(void)
{
    const struct row_table tables[] = {ROWS(rates, check_rate),
                                       ROWS(uneven, check_uneven)};

    return rows_run("rate", tables, N_ROWS(tables));
}
