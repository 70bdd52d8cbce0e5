/* SPDX-License-Identifier: Apache-2.0 */
/** The broker in memory: the faults that only it can show. */
#include <string.h>

#include "common/bus/bus_memory.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

/* Answers of the fault hooks: "y" is yes, anything else and the end no. */
struct script {
    const char *nack;
    const char *late;
    const char *swallow;
    const char *keep;
    const char *held; /* name of a connection that delivers nothing */
};

static bool next_answer(const char **answers)
{
    return *answers != NULL && **answers != '\0' && *(*answers)++ == 'y';
}

static bool script_nack(void *ctx)
{
    return next_answer(&((struct script *)ctx)->nack);
}

static bool script_late(void *ctx)
{
    return next_answer(&((struct script *)ctx)->late);
}

static bool script_swallow(void *ctx)
{
    return next_answer(&((struct script *)ctx)->swallow);
}

static bool script_keep(void *ctx)
{
    return next_answer(&((struct script *)ctx)->keep);
}

static bool script_deliver(void *ctx, const char *connection)
{
    const struct script *script = ctx;

    return script->held == NULL || strcmp(script->held, connection) != 0;
}

static void use_script(struct broker *broker, struct script *script)
{
    struct broker_faults faults = {.ctx = script,
                                   .nack = script_nack,
                                   .late = script_late,
                                   .swallow = script_swallow,
                                   .keep = script_keep,
                                   .deliver = script_deliver};

    broker_set_faults(broker, &faults);
}

static enum err send_text(struct bus *bus, const char *text)
{
    struct bus_message message = {.exchange = "",
                                  .routing_key = "Engine_a",
                                  .mandatory = true,
                                  .properties = {"text/plain", "", "", 0},
                                  .body = text,
                                  .len = strlen(text)};
    uint64_t number;

    return bus_publish(bus, &message, &number);
}

static struct bus_event poll_one(struct bus *bus)
{
    struct bus_event event;

    assert_int_equal(bus_poll(bus, 0, &event), ERR_OK);
    return event;
}

static void expect(struct bus *bus, enum bus_event_kind kind)
{
    assert_int_equal(poll_one(bus).kind, kind);
}

static void expect_number(struct bus *bus, enum bus_event_kind kind,
                          uint64_t number, bool multiple)
{
    struct bus_event event = poll_one(bus);

    assert_int_equal(event.kind, kind);
    assert_int_equal(event.number, number);
    assert_int_equal(event.multiple, multiple);
}

static void expect_text(struct bus *bus, const char *text, bool redelivered)
{
    struct bus_event event = poll_one(bus);

    assert_int_equal(event.kind, BUS_DELIVERY);
    assert_int_equal(event.delivery.len, strlen(text));
    assert_memory_equal(event.delivery.body, text, strlen(text));
    assert_int_equal(event.delivery.redelivered, redelivered);
}

static struct bus *open_sender(struct broker *broker)
{
    struct bus *bus = broker_open(broker, "sender", "hypervise");

    assert_int_equal(bus_declare(bus, "Engine_a"), ERR_OK);
    expect(bus, BUS_OUT_UP);
    return bus;
}

static struct bus *open_reader(struct broker *broker, const char *name,
                               int prefetch)
{
    struct bus *bus = broker_open(broker, name, "hypervise");
    size_t number;

    assert_int_equal(bus_consume(bus, "Engine_a", prefetch, &number), ERR_OK);
    expect(bus, BUS_IN_UP);
    return bus;
}

static void test_nack_overtaken(void **state)
{
    struct broker *broker = broker_new("canopsis");
    struct bus *sender = open_sender(broker);
    struct script script = {.nack = "ny"};
    struct bus_message message;

    (void)state;
    use_script(broker, &script);
    assert_int_equal(send_text(sender, "1"), ERR_OK);
    assert_int_equal(send_text(sender, "2"), ERR_OK);
    assert_int_equal(send_text(sender, "3"), ERR_OK);
    assert_int_equal(broker_depth(broker, "Engine_a"), 2);
    assert_true(broker_peek(broker, "Engine_a", 1, &message));
    assert_memory_equal(message.body, "3", 1);
    assert_false(broker_peek(broker, "Engine_a", 2, &message));
    expect_number(sender, BUS_CONFIRMED, 1, false);
    expect_number(sender, BUS_REFUSED, 2, false);
    expect_number(sender, BUS_CONFIRMED, 3, false);
    expect(sender, BUS_IDLE);
    bus_close(sender);
    broker_free(broker);
}

static void test_late_confirm(void **state)
{
    struct broker *broker = broker_new("canopsis");
    struct bus *sender = open_sender(broker);
    struct script script = {.late = "ynnny"};

    (void)state;
    use_script(broker, &script);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(send_text(sender, "x"), ERR_OK);
    }
    expect_number(sender, BUS_CONFIRMED, 2, false);
    expect_number(sender, BUS_CONFIRMED, 1, false);
    expect_number(sender, BUS_CONFIRMED, 4, true);
    expect_number(sender, BUS_CONFIRMED, 5, false);
    bus_close(sender);
    broker_free(broker);
}

static void test_swallow(void **state)
{
    struct broker *broker = broker_new("canopsis");
    struct bus *sender = open_sender(broker);
    struct script script = {.swallow = "ny"};

    (void)state;
    use_script(broker, &script);
    assert_int_equal(send_text(sender, "1"), ERR_OK);
    assert_int_equal(send_text(sender, "2"), ERR_OK);
    assert_int_equal(send_text(sender, "3"), ERR_OK);
    assert_int_equal(broker_depth(broker, "Engine_a"), 1);
    expect_number(sender, BUS_CONFIRMED, 1, false);
    expect(sender, BUS_OUT_LOST);
    assert_int_equal(send_text(sender, "4"), ERR_UNAVAILABLE);
    expect(sender, BUS_OUT_UP);
    assert_int_equal(send_text(sender, "5"), ERR_OK);
    expect_number(sender, BUS_CONFIRMED, 1, false);
    bus_close(sender);
    broker_free(broker);
}

static void test_disowned(void **state)
{
    struct broker *broker = broker_new("canopsis");
    struct bus *sender = open_sender(broker);
    struct bus *old = open_reader(broker, "old", 2);
    struct bus *young;
    size_t messages;

    (void)state;
    assert_int_equal(bus_declare(old, "Engine_a"), ERR_OK);
    expect(old, BUS_OUT_UP);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(send_text(sender, "m"), ERR_OK);
    }
    young = open_reader(broker, "young", 8);
    expect_text(old, "m", false);
    broker_disown(broker, old, true);
    expect(young, BUS_OUT_UP);
    expect_text(young, "m", true);
    /* The stalled one reads what its socket holds, and its acknowledgement
     * and proof change nothing. */
    expect_text(old, "m", false);
    assert_int_equal(bus_ack(old, 0, 2), ERR_OK);
    assert_int_equal(send_text(old, "late"), ERR_OK);
    messages = broker_depth(broker, "Engine_a");
    assert_int_equal(messages, 4);
    expect_text(young, "m", true);
    expect_text(young, "m", false);
    expect_text(young, "late", false);
    assert_int_equal(bus_prove(old, 0), ERR_UNAVAILABLE);
    expect(old, BUS_CONFIRMED);
    expect(old, BUS_IN_LOST);
    assert_int_equal(bus_ack(old, 0, 1), ERR_UNAVAILABLE);
    expect(old, BUS_IN_UP);
    expect(old, BUS_IDLE);
    bus_close(old);
    bus_close(young);
    bus_close(sender);
    broker_free(broker);
}

static void test_cut_keeps_part(void **state)
{
    struct broker *broker = broker_new("canopsis");
    struct bus *sender = open_sender(broker);
    struct bus *reader = open_reader(broker, "reader", 8);
    struct script script = {.keep = "y"};

    (void)state;
    expect(reader, BUS_OUT_UP);
    use_script(broker, &script);
    assert_int_equal(send_text(sender, "1"), ERR_OK);
    assert_int_equal(send_text(sender, "2"), ERR_OK);
    broker_cut(broker, reader, true, false);
    expect_text(reader, "1", false);
    assert_int_equal(bus_ack(reader, 0, 1), ERR_OK);
    expect(reader, BUS_IN_LOST);
    expect(reader, BUS_IN_UP);
    expect_text(reader, "1", true);
    expect_text(reader, "2", true);
    expect(reader, BUS_IDLE);
    bus_close(reader);
    bus_close(sender);
    broker_free(broker);
}

static void test_restart(void **state)
{
    struct broker *broker = broker_new("canopsis");
    struct bus *sender = open_sender(broker);
    struct bus *reader = open_reader(broker, "reader", 1);

    (void)state;
    expect(reader, BUS_OUT_UP);
    assert_int_equal(send_text(sender, "1"), ERR_OK);
    assert_int_equal(send_text(sender, "2"), ERR_OK);
    expect_text(reader, "1", false);
    broker_stop(broker);
    expect(reader, BUS_IN_LOST);
    expect(reader, BUS_OUT_LOST);
    expect(reader, BUS_IDLE);
    broker_start(broker);
    expect(reader, BUS_IN_UP);
    expect(reader, BUS_OUT_UP);
    expect_text(reader, "1", true);
    assert_int_equal(bus_ack(reader, 0, 1), ERR_OK);
    expect_text(reader, "2", false);
    expect(sender, BUS_OUT_LOST);
    expect(sender, BUS_OUT_UP);
    bus_close(reader);
    bus_close(sender);
    broker_free(broker);
}

static void test_blocked(void **state)
{
    struct broker *broker = broker_new("canopsis");
    struct bus *sender = open_sender(broker);

    (void)state;
    broker_block(broker, true);
    expect(sender, BUS_BLOCKED);
    assert_int_equal(send_text(sender, "1"), ERR_UNAVAILABLE);
    broker_block(broker, false);
    expect(sender, BUS_UNBLOCKED);
    assert_int_equal(send_text(sender, "1"), ERR_OK);
    expect_number(sender, BUS_CONFIRMED, 1, false);
    bus_close(sender);
    broker_free(broker);
}

static void test_delayed_connection(void **state)
{
    struct broker *broker = broker_new("canopsis");
    struct bus *both = open_reader(broker, "both", 8);
    struct script script = {.held = "both.out"};

    (void)state;
    expect(both, BUS_OUT_UP);
    use_script(broker, &script);
    assert_int_equal(send_text(both, "1"), ERR_OK);
    expect_text(both, "1", false);
    expect(both, BUS_IDLE);
    script.held = NULL;
    expect_number(both, BUS_CONFIRMED, 1, false);
    bus_close(both);
    broker_free(broker);
}

static void test_exchanges(void **state)
{
    struct broker *broker = broker_new("canopsis");
    struct bus *reader = broker_open(broker, "reader", "hypervise");
    struct bus_message message = {.exchange = "canopsis.events",
                                  .routing_key = "a.b.check",
                                  .properties = {"", "", "guest", 0},
                                  .body = "x",
                                  .len = 1};
    size_t number;

    (void)state;
    assert_false(broker_publish(broker, &message));
    assert_int_equal(bus_consume(reader, "Engine_cleaner", 8, &number), ERR_OK);
    assert_int_equal(bus_consume(reader, "Engine_dead", 8, &number), ERR_OK);
    expect(reader, BUS_IN_UP);
    expect(reader, BUS_OUT_UP);
    assert_true(broker_publish(broker, &message));
    message.exchange = "canopsis.dead";
    assert_true(broker_publish(broker, &message));
    message.exchange = "canopsis.alerts";
    assert_false(broker_publish(broker, &message));
    broker_bind(broker, "listener", "canopsis.alerts", "a.*.check");
    assert_true(broker_publish(broker, &message));
    assert_int_equal(broker_depth(broker, "listener"), 1);
    message.exchange = "nowhere";
    assert_false(broker_publish(broker, &message));
    assert_int_equal(poll_one(reader).delivery.queue, 0);
    assert_int_equal(poll_one(reader).delivery.queue, 1);
    bus_close(reader);
    broker_free(broker);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROW_SINGLE(test_nack_overtaken), ROW_SINGLE(test_late_confirm),
        ROW_SINGLE(test_swallow),        ROW_SINGLE(test_disowned),
        ROW_SINGLE(test_cut_keeps_part), ROW_SINGLE(test_restart),
        ROW_SINGLE(test_blocked),        ROW_SINGLE(test_delayed_connection),
        ROW_SINGLE(test_exchanges),
    };

    return rows_run("bus_memory", tables, N_ROWS(tables));
}
