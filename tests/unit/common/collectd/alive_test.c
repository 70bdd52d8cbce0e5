/* SPDX-License-Identifier: Apache-2.0 */
/** When a host is said to be alive again, and how many are remembered. */
#include <stdio.h>

#include "common/collectd/alive.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    INTERVAL_MS = 10000,
    TTL_MS = 3 * INTERVAL_MS,
    DAY_MS = 86400000
};

static const int64_t start_ms = 1700000000000;

static int64_t say(struct alive *alive, const char *host, int64_t time_ms)
{
    return alive_say(alive, &(struct alive_heard){.host = host,
                                                  .time_ms = time_ms,
                                                  .interval_ms = INTERVAL_MS});
}

static void test_interval(void **state)
{
    struct alive alive;

    (void)state;
    alive_init(&alive, 10);
    assert_int_equal(say(&alive, "a", start_ms), TTL_MS);
    assert_int_equal(say(&alive, "a", start_ms), 0);
    assert_int_equal(say(&alive, "a", start_ms + INTERVAL_MS - 1), 0);
    assert_int_equal(say(&alive, "b", start_ms), TTL_MS);
    assert_int_equal(say(&alive, "a", start_ms + INTERVAL_MS), TTL_MS);
    /* values come a little out of order; a clock may jump back */
    assert_int_equal(say(&alive, "a", start_ms + 1), 0);
    assert_int_equal(say(&alive, "a", start_ms), TTL_MS);
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
        assert_int_equal(say(&alive, name, start_ms + i), TTL_MS);
    }
    assert_int_equal(say(&alive, "new", start_ms + 1000), 0);
    assert_int_equal(say(&alive, "new", start_ms + DAY_MS / 2), 0);
    /* half of them were heard of later and stay */
    for (int i = 0; i < 50; i++) {
        (void)snprintf(name, sizeof name, "h%d", i);
        assert_int_equal(say(&alive, name, start_ms + DAY_MS / 2), TTL_MS);
    }
    assert_int_equal(say(&alive, "new", start_ms + DAY_MS + 1000), TTL_MS);
    assert_int_equal(alive.hosts.n, 51);
    assert_int_equal(say(&alive, "h0", start_ms + DAY_MS / 2 + 1), 0);
    alive_fini(&alive);
}

/* What is said of one host, value after value. */
static const struct heard {
    const char *name;
    uint64_t packet;
    int64_t at_s;
    int64_t ttl_s;
} heard[] = {
    {"of no packet", 0, 0, 30},
    {"its values are not together", 0, 9, 0},
    {"a packet's first", 1, 10, 30},
    {"less than half of an interval later", 1, 14, 0},
    {"the next interval's in the same packet", 1, 20, 60},
    {"and the one after that", 1, 30, 90},
    {"out of order", 1, 25, 0},
    {"another packet, counted as the one before", 2, 40, 90},
    {"its last: as long as the one before", 2, 60, 90},
    {"it sends more now, packets fill at once", 3, 70, 90},
    {"and again", 4, 80, 30},
    {"not a whole interval, but what was said is too short", 5, 90, 30},
    {"half of one more has room", 5, 95, 0},
    {"more has not", 5, 96, 48},
    {"values of months in one packet: an hour is the most", 5, 9000000, 10830},
};

static void test_packets(void **state)
{
    struct alive alive;

    (void)state;
    alive_init(&alive, 10);
    for (size_t i = 0; i < N_ROWS(heard); i++) {
        const struct heard *row = &heard[i];
        struct alive_heard values = {.host = "a",
                                     .time_ms = start_ms + row->at_s * 1000,
                                     .interval_ms = INTERVAL_MS,
                                     .packet = row->packet};
        int64_t ttl_ms = alive_say(&alive, &values);

        if (ttl_ms != row->ttl_s * 1000) {
            fail_msg("%s: %lld ms", row->name, (long long)ttl_ms);
        }
    }
    alive_fini(&alive);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROW_SINGLE(test_interval),
        ROW_SINGLE(test_most),
        ROW_SINGLE(test_packets),
    };

    return rows_run("collectdgw alive", tables, N_ROWS(tables));
}
