/* SPDX-License-Identifier: Apache-2.0 */
/** When a host is said to be alive again, and how many are remembered. */
#include <stdio.h>

#include "common/collectd/alive.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    INTERVAL_MS = 10000,
    DAY_MS = 86400000
};

static const int64_t start_ms = 1700000000000;

static void test_interval(void **state)
{
    struct alive alive;

    (void)state;
    alive_init(&alive, 10);
    assert_true(alive_is_due(&alive, "a", start_ms, INTERVAL_MS));
    assert_false(alive_is_due(&alive, "a", start_ms, INTERVAL_MS));
    assert_false(
        alive_is_due(&alive, "a", start_ms + INTERVAL_MS - 1, INTERVAL_MS));
    assert_true(alive_is_due(&alive, "b", start_ms, INTERVAL_MS));
    assert_true(alive_is_due(&alive, "a", start_ms + INTERVAL_MS, INTERVAL_MS));
    /* values come a little out of order; a clock may jump back */
    assert_false(alive_is_due(&alive, "a", start_ms + 1, INTERVAL_MS));
    assert_true(alive_is_due(&alive, "a", start_ms, INTERVAL_MS));
    alive_fini(&alive);
}

static void test_most(void **state)
{
    struct alive alive;
    char name[16];

    (void)state;
    alive_init(&alive, 100);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof name, "h%d", i);
        assert_true(alive_is_due(&alive, name, start_ms + i, INTERVAL_MS));
    }
    assert_false(alive_is_due(&alive, "new", start_ms + 1000, INTERVAL_MS));
    assert_false(
        alive_is_due(&alive, "new", start_ms + DAY_MS / 2, INTERVAL_MS));
    /* half of them were heard of later and stay */
    for (int i = 0; i < 50; i++) {
        (void)snprintf(name, sizeof name, "h%d", i);
        assert_true(
            alive_is_due(&alive, name, start_ms + DAY_MS / 2, INTERVAL_MS));
    }
    assert_true(
        alive_is_due(&alive, "new", start_ms + DAY_MS + 1000, INTERVAL_MS));
    assert_int_equal(alive.hosts.n, 51);
    assert_false(
        alive_is_due(&alive, "h0", start_ms + DAY_MS / 2 + 1, INTERVAL_MS));
    alive_fini(&alive);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROW_SINGLE(test_interval),
        ROW_SINGLE(test_most),
    };

    return rows_run("collectdgw alive", tables, N_ROWS(tables));
}
