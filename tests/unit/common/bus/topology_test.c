/* SPDX-License-Identifier: Apache-2.0 */
/** Names, bindings and the matching of topic keys. */

#include <string.h>

#include "common/bus/topology.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

static const struct {
    const char *pattern;
    const char *key;
    bool want;
} topics[] = {
    {"#", "", true},
    {"#", "a", true},
    {"#", "a.b.c", true},
    {"a", "a", true},
    {"a", "b", false},
    {"a", "", false},
    {"", "", true},
    {"", "a", false},
    {"*", "a", true},
    {"*", "", true},
    {"*", "a.b", false},
    {"a.*", "a.b", true},
    {"a.*", "a", false},
    {"a.*", "a.b.c", false},
    {"a.#", "a", true},
    {"a.#", "a.b", true},
    {"a.#", "a.b.c", true},
    {"a.#", "ab", false},
    {"collectd.#", "collectd", true},
    {"collectd.#", "collectd.host.cpu", true},
    {"collectd", "collectd.host", false},
    {"#.z", "z", true},
    {"#.z", "a.z", true},
    {"#.z", "a.b.z", true},
    {"#.z", "a.z.b", false},
    {"a.#.z", "a.z", true},
    {"a.#.z", "a.b.z.z", true},
    {"a.#.z", "a.b", false},
    {"a.#.m.#.z", "a.b.m.m.c.z", true},
    {"a.#.m.#.z", "a.b.c.z", false},
    {"*.#", "", true},
    {"#.*", "a", true},
    {"#.*.#", "a", true},
    {"#.#", "", true},
    {"a.*.c", "a..c", true},
    {"a.**", "a.b", false},
    {"a#", "a#", true},
    {"#.a.#.a.#.a.#.b", "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a", false},
};

static void test_durable(void **state)
{
    (void)state;
    assert_true(bus_queue_is_durable("Engine_cleaner"));
    assert_true(bus_queue_is_durable("webserver.alerts"));
    assert_false(bus_queue_is_durable(BUS_QUEUE_WATCH));
}

static void test_topics(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
        if (bus_topic_matches(topics[i].pattern, topics[i].key) !=
            topics[i].want) {
            fail_msg("row %zu: %s on %s", i, topics[i].pattern, topics[i].key);
        }
    }
}

static void test_names(void **state)
{
    char name[BUS_NAME_MAX + 1];

    (void)state;
    assert_string_equal(bus_exchange_name("canopsis", BUS_EVENTS, name),
                        "canopsis.events");
    assert_string_equal(bus_exchange_name("x", BUS_DEAD, name), "x.dead");
    assert_string_equal(bus_exchange_type(BUS_DEAD), "fanout");
    assert_string_equal(bus_exchange_type(BUS_ALERTS), "topic");
    assert_string_equal(bus_queue_name("alarm", 0, 1, name), "Engine_alarm");
    assert_string_equal(bus_queue_name("alarm", 3, 4, name), "Engine_alarm.3");
}

static void test_own_queues_of_a_partition(void **state)
{
    char name[BUS_NAME_MAX + 1];

    (void)state;
    assert_string_equal(
        bus_own_queue_name("Engine_alarm.actions", "alarm", 0, 1, name),
        "Engine_alarm.actions");
    assert_string_equal(
        bus_own_queue_name("Engine_alarm.actions", "alarm", 2, 4, name),
        "Engine_alarm.2.actions");
    assert_string_equal(bus_own_queue_name("Engine_dead", "dea", 2, 4, name),
                        "Engine_dead");
    assert_string_equal(
        bus_own_queue_name("Engine_dead", "eventstore", 2, 4, name),
        "Engine_dead");
}

static void test_groups(void **state)
{
    static const struct bus_binding any = {"", BUS_EVENTS, "#"};
    static const struct bus_binding collectd = {"", -1, "collectd"};
    char name[BUS_NAME_MAX + 1];

    (void)state;
    assert_string_equal(bus_group_name("cleaner", "", name), "cleaner");
    assert_string_equal(bus_group_name("cleaner", "a-1", name), "cleaner.a-1");
    assert_true(bus_group_is_valid("North_2"));
    assert_false(bus_group_is_valid(""));
    assert_false(bus_group_is_valid("a.b"));
    assert_false(bus_group_is_valid("#"));
    assert_false(bus_group_is_valid("control"));
    assert_false(bus_group_is_valid("a23456789012345678901234567890123"));
    assert_null(bus_queue_group("Engine_cleaner"));
    assert_null(bus_queue_group("Engine_alarm.1"));
    assert_string_equal(bus_queue_group("Engine_cleaner.north"), "north");
    assert_string_equal(
        bus_binding_exchange("canopsis", "Engine_cleaner", &any, name),
        "canopsis.events");
    assert_string_equal(
        bus_binding_exchange("x", "Engine_cleaner.north", &any, name),
        "x.events.north");
    assert_string_equal(
        bus_binding_exchange("x", "Engine_collectdgw", &collectd, name),
        "amq.topic");
}

static void test_partitions(void **state)
{
    (void)state;
    assert_int_equal(bus_partition("any", "c", 1), 0);
    assert_int_equal(bus_partition("", "host", 4),
                     bus_partition("host", "other", 4));
    assert_true(bus_partition("host", "c", 4) < 4);
}

static const struct {
    const char *queue;
    size_t bindings;
    int exchange; /* of the first */
} queues[] = {
    {"Engine_cleaner", 1, BUS_EVENTS},
    {"Engine_cleaner.north", 1, BUS_EVENTS},
    {"Engine_che", 0, 0},
    {"Engine_fifo", 0, 0},
    {"Engine_collectdgw", 2, -1},
    {"Engine_dead", 1, BUS_DEAD},
    {"Engine_alarm.actions", 0, 0},
    {"Engine_alarm", 0, 0},
    {"Engine_eventstore", 0, 0},
    {"Engine_event-filter.control", 1, BUS_CONTROL},
    {"Engine_event-filter.3.control", 1, BUS_CONTROL},
    {".control", 0, 0},
};

static void test_bindings(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof queues / sizeof *queues; i++) {
        const struct bus_binding *binding;
        size_t at = 0;
        size_t n = 0;

        while ((binding = bus_binding_next(queues[i].queue, &at)) != NULL) {
            assert_non_null(strstr(queues[i].queue, binding->queue));
            if (n++ == 0 && binding->exchange != queues[i].exchange) {
                fail_msg("%s: exchange %d", binding->queue, binding->exchange);
            }
        }
        if (n != queues[i].bindings) {
            fail_msg("%s: %zu bindings", queues[i].queue, n);
        }
    }
}

int main(void)
{
    static const struct row_table tables[] = {
        ROW_SINGLE(test_topics),   ROW_SINGLE(test_durable),
        ROW_SINGLE(test_names),    ROW_SINGLE(test_own_queues_of_a_partition),
        ROW_SINGLE(test_groups),   ROW_SINGLE(test_partitions),
        ROW_SINGLE(test_bindings),
    };

    return rows_run("topology", tables, N_ROWS(tables));
}
