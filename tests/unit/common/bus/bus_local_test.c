/* SPDX-License-Identifier: Apache-2.0 */
/** Buses of engines that share a process. */
#include "common/bus/bus_local.h"

#include <string.h>

#include "common/bus/bus_memory.h"
#include "tests/support/unit.h"

enum {
    POLLS = 64
};

/* A sender and a reader in one process, each with its connection. */
struct pair {
    struct broker *broker;
    struct bus_hub *hub;
    struct bus *real[2];
    struct bus *sender;
    struct bus *reader;
    size_t hop;
    size_t local;
};

/* The next event of a kind; what comes before it is dropped. */
static struct bus_event wait_for(struct bus *bus, enum bus_event_kind kind)
{
    struct bus_event event = {.kind = BUS_IDLE};

    for (int i = 0; i < POLLS; i++) {
        assert_int_equal(bus_poll(bus, 0, &event), ERR_OK);
        if (event.kind == kind) {
            return event;
        }
    }
    fail_msg("no event of kind %d", (int)kind);
    return event;
}

static void assert_idle(struct bus *bus)
{
    struct bus_event event;

    assert_false(bus_local_has_news(bus));
    assert_int_equal(bus_poll(bus, 0, &event), ERR_OK);
    assert_int_equal(event.kind, BUS_IDLE);
}

static int set_up(void **state)
{
    static struct pair pair;

    pair.broker = broker_new("canopsis");
    pair.hub = bus_hub_new();
    pair.real[0] = broker_open(pair.broker, "sender", "hypervise");
    pair.real[1] = broker_open(pair.broker, "reader", "hypervise");
    pair.sender = bus_local_open(pair.hub, pair.real[0]);
    pair.reader = bus_local_open(pair.hub, pair.real[1]);
    assert_int_equal(bus_declare(pair.sender, "Engine_alarm"), ERR_OK);
    assert_int_equal(bus_consume(pair.reader, "Engine_alarm", 4, &pair.hop),
                     ERR_OK);
    assert_int_equal(bus_consume(pair.reader, "Engine_alarm" BUS_LOCAL_SUFFIX,
                                 1, &pair.local),
                     ERR_OK);
    (void)wait_for(pair.sender, BUS_OUT_UP);
    (void)wait_for(pair.reader, BUS_OUT_UP);
    *state = &pair;
    return 0;
}

static int tear_down(void **state)
{
    struct pair *pair = *state;

    bus_close(pair->sender);
    bus_close(pair->reader);
    bus_close(pair->real[0]);
    bus_close(pair->real[1]);
    bus_hub_free(pair->hub);
    broker_free(pair->broker);
    return 0;
}

static uint64_t say(struct bus *bus, const char *queue, const char *text)
{
    const struct bus_message message = {
        .exchange = "",
        .routing_key = queue,
        .properties = {.content_type = "text/plain", .message_id = "m"},
        .body = text,
        .len = strlen(text)};
    uint64_t number = 0;

    assert_int_equal(bus_publish(bus, &message, &number), ERR_OK);
    return number;
}

static uint64_t hear(const struct pair *pair, size_t queue, const char *text)
{
    struct bus_event event = wait_for(pair->reader, BUS_DELIVERY);

    assert_int_equal(event.delivery.queue, queue);
    assert_int_equal(event.delivery.len, strlen(text));
    assert_memory_equal(event.delivery.body, text, strlen(text));
    assert_string_equal(event.delivery.properties.content_type, "text/plain");
    return event.delivery.tag;
}

static void confirmed_when_acknowledged(void **state)
{
    struct pair *pair = *state;
    uint64_t first = say(pair->sender, "Engine_alarm", "one");
    uint64_t second = say(pair->sender, "Engine_alarm", "two");
    uint64_t depth = 0;
    uint64_t tag;

    assert_true(first >= BUS_LOCAL_NUMBER && second == first + 1);
    assert_int_equal(broker_depth(pair->broker, "Engine_alarm"), 0);
    assert_int_equal(bus_depth(pair->sender, "Engine_alarm", &depth), ERR_OK);
    assert_int_equal(depth, 2);
    (void)hear(pair, pair->local, "one");
    tag = hear(pair, pair->local, "two");
    assert_idle(pair->sender);
    assert_int_equal(bus_ack(pair->reader, pair->local, tag), ERR_OK);
    assert_int_equal(wait_for(pair->sender, BUS_CONFIRMED).number, first);
    assert_int_equal(wait_for(pair->sender, BUS_CONFIRMED).number, second);
    assert_idle(pair->sender);
    assert_int_equal(bus_prove(pair->reader, pair->local), ERR_OK);
}

static void others_and_own_go_to_the_broker(void **state)
{
    struct pair *pair = *state;

    assert_true(say(pair->sender, "Engine_dead", "x") < BUS_LOCAL_NUMBER);
    assert_true(say(pair->reader, "Engine_alarm", "mine") < BUS_LOCAL_NUMBER);
    (void)hear(pair, pair->hop, "mine");
}

static void comes_again_after_a_loss(void **state)
{
    struct pair *pair = *state;
    uint64_t number = say(pair->sender, "Engine_alarm", "one");
    uint64_t tag;

    (void)say(pair->sender, "Engine_alarm", "two");
    (void)hear(pair, pair->local, "one");
    broker_cut(pair->broker, pair->real[1], true, false);
    bus_pause(pair->reader, true);
    (void)wait_for(pair->reader, BUS_IN_LOST);
    bus_pause(pair->reader, false);
    tag = hear(pair, pair->local, "one");
    assert_int_equal(bus_ack(pair->reader, pair->local, tag), ERR_OK);
    assert_int_equal(wait_for(pair->sender, BUS_CONFIRMED).number, number);
    (void)hear(pair, pair->local, "two");
}

static void paused_keeps_it(void **state)
{
    struct pair *pair = *state;

    bus_pause(pair->reader, true);
    (void)say(pair->sender, "Engine_alarm", "one");
    assert_idle(pair->reader);
    bus_pause(pair->reader, false);
    (void)hear(pair, pair->local, "one");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(confirmed_when_acknowledged, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(others_and_own_go_to_the_broker, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(comes_again_after_a_loss, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(paused_keeps_it, set_up, tear_down)};

    return cmocka_run_group_tests_name("bus_local", tests, NULL, NULL);
}
