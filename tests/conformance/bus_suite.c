/* SPDX-License-Identifier: Apache-2.0 */
/** What every bus must do: one suite for the broker in memory and for
 *  RabbitMQ. */
#include "tests/conformance/bus_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/bus/topology.h"
#include "tests/support/testlog.h"
#include "tests/support/unit.h"

enum {
    TAG_BYTES = 4,
    NAME_MAX = 64,
    IDLE_MOST = 100,
    STAMP_MS = 1700000001
};

/* cmocka gives the tests no other way to a parameter. */
static const struct bus_suite *suite;

struct fixture {
    char queue[NAME_MAX]; /* its own in every test */
    struct bus *sender;
};

/* Who waits for deliveries does not care when the other connection comes
 * and goes. */
static bool is_aside(const struct bus_event *event, enum bus_event_kind want)
{
    return (event->kind == BUS_OUT_UP || event->kind == BUS_OUT_LOST) &&
           (want == BUS_DELIVERY || want == BUS_IN_LOST || want == BUS_IN_UP);
}

/* The next event that is one of two kinds; anything else is a failure. */
static struct bus_event next_of(struct bus *bus, enum bus_event_kind a,
                                enum bus_event_kind b)
{
    int64_t end = clock_mono_ms() + suite->wait_ms;
    struct bus_event event;
    int idle = 0;

    do {
        assert_int_equal(bus_poll(bus, suite->quiet_ms, &event), ERR_OK);
    } while ((event.kind == BUS_IDLE || is_aside(&event, a)) &&
             (clock_mono_ms() < end || idle++ < IDLE_MOST));
    if (event.kind != a && event.kind != b) {
        fail_msg("event %d (%s), expected %d or %d", (int)event.kind,
                 event.reason, (int)a, (int)b);
    }
    return event;
}

static struct bus_event next(struct bus *bus, enum bus_event_kind kind)
{
    return next_of(bus, kind, kind);
}

static void expect_quiet(struct bus *bus)
{
    struct bus_event event;

    do {
        assert_int_equal(bus_poll(bus, suite->quiet_ms, &event), ERR_OK);
    } while (is_aside(&event, BUS_DELIVERY));
    assert_int_equal(event.kind, BUS_IDLE);
}

static struct bus_message message_to(const char *queue, const char *text)
{
    return (struct bus_message){
        .exchange = "",
        .routing_key = queue,
        .mandatory = true,
        .properties = {.content_type = "text/plain",
                       .message_id = text,
                       .user_id = "",
                       .timestamp_ms = (int64_t)STAMP_MS * 1000 + 345},
        .body = text,
        .len = strlen(text),
    };
}

static void publish(struct bus *bus, const struct bus_message *message,
                    uint64_t want)
{
    uint64_t number = 0;
    enum err err = bus_publish(bus, message, &number);

    if (err != ERR_OK || number != want) {
        fail_msg("publish %llu: %s, number %llu", (unsigned long long)want,
                 err_name(err), (unsigned long long)number);
    }
}

/* Until all up to `last` are confirmed, each at most once. */
static void expect_confirms(struct bus *bus, uint64_t first, uint64_t last)
{
    bool seen[4096] = {false};
    uint64_t left = last - first + 1;

    while (left > 0) {
        struct bus_event event = next(bus, BUS_CONFIRMED);
        uint64_t from = event.multiple ? first : event.number;

        assert_in_range(event.number, first, last);
        assert_true(event.multiple || !seen[event.number - first]);
        for (uint64_t i = from; i <= event.number; i++) {
            left -= seen[i - first] ? 0 : 1;
            seen[i - first] = true;
        }
    }
}

/* Texts "first".."last" as messages of their own, confirmed. */
static void send_range(struct bus *bus, const char *queue, int first, int last,
                       uint64_t number)
{
    char text[16];

    for (int i = first; i <= last; i++) {
        struct bus_message message;

        (void)snprintf(text, sizeof text, "%d", i);
        message = message_to(queue, text);
        publish(bus, &message, number + (uint64_t)(i - first));
    }
    expect_confirms(bus, number, number + (uint64_t)(last - first));
}

static struct bus *open_consumer(const char *name, const char *queue,
                                 int prefetch)
{
    struct bus *bus = suite->open(suite->ctx, name);
    size_t number = 99;

    assert_int_equal(bus_consume(bus, queue, prefetch, &number), ERR_OK);
    assert_int_equal(number, 0);
    (void)next(bus, BUS_IN_UP);
    return bus;
}

/* The delivery of the text `i`; returns its tag. */
static uint64_t expect_text(struct bus *bus, int i, bool redelivered)
{
    struct bus_event event = next(bus, BUS_DELIVERY);
    char text[16];

    (void)snprintf(text, sizeof text, "%d", i);
    if (event.delivery.len != strlen(text) ||
        memcmp(event.delivery.body, text, strlen(text)) != 0) {
        fail_msg("got %.*s, expected %s", (int)event.delivery.len,
                 (const char *)event.delivery.body, text);
    }
    if (event.delivery.redelivered != redelivered) {
        fail_msg("%s: redelivered is %d", text, event.delivery.redelivered);
    }
    return event.delivery.tag;
}

static int setup(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    char tag[2 * TAG_BYTES + 1];

    testlog_start();
    random_hex(tag, TAG_BYTES);
    (void)snprintf(fixture->queue, sizeof fixture->queue, "Suite_%s", tag);
    fixture->sender = suite->open(suite->ctx, "sender");
    assert_int_equal(bus_declare(fixture->sender, fixture->queue), ERR_OK);
    (void)next(fixture->sender, BUS_OUT_UP);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    bus_close(fixture->sender);
    free(fixture);
    return testlog_stop();
}

static void test_order(void **state)
{
    const struct fixture *f = *state;
    struct bus *reader;

    send_range(f->sender, f->queue, 1, 500, 1);
    reader = open_consumer("reader", f->queue, 100);
    for (int i = 1; i <= 500; i++) {
        uint64_t tag = expect_text(reader, i, false);

        assert_int_equal(tag, i);
        if (i % 50 == 0) {
            assert_int_equal(bus_ack(reader, 0, tag), ERR_OK);
        }
    }
    assert_int_equal(bus_prove(reader, 0), ERR_OK);
    expect_quiet(reader);
    bus_close(reader);
}

static void test_properties(void **state)
{
    const struct fixture *f = *state;
    struct bus *reader = open_consumer("reader", f->queue, 10);
    struct bus_message message = message_to(f->queue, "id-1");
    struct bus_event event;

    publish(f->sender, &message, 1);
    message.properties = (struct bus_properties){"", "", "", 0};
    message.len = 0;
    publish(f->sender, &message, 2);
    event = next(reader, BUS_DELIVERY);
    assert_string_equal(event.delivery.exchange, "");
    assert_string_equal(event.delivery.routing_key, f->queue);
    assert_string_equal(event.delivery.properties.content_type, "text/plain");
    assert_string_equal(event.delivery.properties.message_id, "id-1");
    assert_string_equal(event.delivery.properties.user_id, suite->user);
    assert_true(event.delivery.properties.timestamp_ms ==
                (int64_t)STAMP_MS * 1000);
    event = next(reader, BUS_DELIVERY);
    assert_string_equal(event.delivery.properties.content_type, "");
    assert_string_equal(event.delivery.properties.message_id, "");
    assert_string_equal(event.delivery.properties.user_id, suite->user);
    assert_true(event.delivery.properties.timestamp_ms == 0);
    assert_int_equal(event.delivery.len, 0);
    assert_non_null(event.delivery.body);
    bus_close(reader);
}

static void test_redelivery_after_close(void **state)
{
    const struct fixture *f = *state;
    struct bus *reader = open_consumer("first", f->queue, 10);

    send_range(f->sender, f->queue, 1, 20, 1);
    for (int i = 1; i <= 10; i++) {
        (void)expect_text(reader, i, false);
    }
    assert_int_equal(bus_ack(reader, 0, 4), ERR_OK);
    /* What the acknowledgement makes room for is under way too. */
    for (int i = 11; i <= 14; i++) {
        (void)expect_text(reader, i, false);
    }
    assert_int_equal(bus_prove(reader, 0), ERR_OK);
    bus_close(reader);
    reader = open_consumer("second", f->queue, 100);
    for (int i = 5; i <= 20; i++) {
        assert_int_equal(expect_text(reader, i, i <= 14), i - 4);
    }
    expect_quiet(reader);
    bus_close(reader);
}

static void test_prefetch_and_multiple_ack(void **state)
{
    const struct fixture *f = *state;
    struct bus *reader = open_consumer("reader", f->queue, 3);

    send_range(f->sender, f->queue, 1, 10, 1);
    for (int i = 1; i <= 3; i++) {
        (void)expect_text(reader, i, false);
    }
    expect_quiet(reader);
    assert_int_equal(bus_ack(reader, 0, 2), ERR_OK);
    (void)expect_text(reader, 4, false);
    (void)expect_text(reader, 5, false);
    expect_quiet(reader);
    assert_int_equal(bus_ack(reader, 0, 5), ERR_OK);
    for (int i = 6; i <= 8; i++) {
        (void)expect_text(reader, i, false);
    }
    bus_close(reader);
}

/* Paused, deliveries wait, also those that are here already; acknowledgements
 * and the other connection go on. */
static void test_pause(void **state)
{
    const struct fixture *f = *state;
    struct bus *reader = open_consumer("reader", f->queue, 100);
    struct bus_message message = message_to(f->queue, "201");

    send_range(f->sender, f->queue, 1, 200, 1);
    for (int i = 1; i <= 50; i++) {
        (void)expect_text(reader, i, false);
    }
    bus_pause(reader, true);
    expect_quiet(reader);
    assert_int_equal(bus_ack(reader, 0, 50), ERR_OK);
    publish(reader, &message, 1);
    (void)next(reader, BUS_CONFIRMED);
    expect_quiet(reader);
    bus_pause(reader, false);
    for (int i = 51; i <= 201; i++) {
        uint64_t tag = expect_text(reader, i, false);

        if (i % 50 == 0) {
            assert_int_equal(bus_ack(reader, 0, tag), ERR_OK);
        }
    }
    assert_int_equal(bus_prove(reader, 0), ERR_OK);
    expect_quiet(reader);
    bus_close(reader);
}

static void test_two_queues(void **state)
{
    const struct fixture *f = *state;
    struct bus *reader = suite->open(suite->ctx, "reader");
    char other[NAME_MAX + 8];
    int got[2] = {0, 0};
    size_t number;

    (void)snprintf(other, sizeof other, "%s.other", f->queue);
    assert_int_equal(bus_consume(reader, f->queue, 1, &number), ERR_OK);
    assert_int_equal(bus_consume(reader, other, 1, &number), ERR_OK);
    assert_int_equal(number, 1);
    (void)next(reader, BUS_IN_UP);
    send_range(f->sender, f->queue, 1, 3, 1);
    send_range(f->sender, other, 1, 3, 4);
    while (got[0] + got[1] < 6) {
        struct bus_event event = next(reader, BUS_DELIVERY);
        size_t queue = event.delivery.queue;

        assert_in_range(queue, 0, 1);
        assert_int_equal(event.delivery.tag, ++got[queue]);
        assert_string_equal(event.delivery.routing_key,
                            queue == 0 ? f->queue : other);
        assert_int_equal(bus_ack(reader, queue, event.delivery.tag), ERR_OK);
    }
    bus_close(reader);
}

static void test_consume_and_declare_later(void **state)
{
    const struct fixture *f = *state;
    char other[NAME_MAX + 8];
    size_t number;

    (void)snprintf(other, sizeof other, "%s.late", f->queue);
    assert_int_equal(bus_declare(f->sender, other), ERR_OK);
    send_range(f->sender, other, 1, 2, 1);
    assert_int_equal(bus_consume(f->sender, other, 5, &number), ERR_OK);
    (void)next(f->sender, BUS_IN_UP);
    (void)expect_text(f->sender, 1, false);
    assert_int_equal(bus_consume(f->sender, f->queue, 5, &number), ERR_OK);
    assert_int_equal(number, 1);
    (void)expect_text(f->sender, 2, false);
}

static void test_mandatory(void **state)
{
    const struct fixture *f = *state;
    struct bus_message good = message_to(f->queue, "1");
    struct bus_message lost = message_to("Suite_nobody", "2");
    bool done[5] = {false};

    publish(f->sender, &good, 1);
    publish(f->sender, &lost, 2);
    publish(f->sender, &good, 3);
    lost.mandatory = false;
    publish(f->sender, &lost, 4);
    while (!done[1] || !done[2] || !done[3] || !done[4]) {
        struct bus_event event = next_of(f->sender, BUS_CONFIRMED, BUS_REFUSED);

        assert_in_range(event.number, 1, 4);
        if (event.kind == BUS_REFUSED) {
            assert_int_equal(event.number, 2);
            assert_non_null(strstr(event.reason, "returned"));
            done[2] = true;
        } else if (event.multiple) {
            /* A refusal is told before a confirm that would include it. */
            assert_true(event.number < 2 || done[2]);
            memset(done, true, event.number + 1);
        } else {
            assert_true(event.number != 2);
            done[event.number] = true;
        }
    }
    expect_quiet(f->sender);
}

static void test_many_returns(void **state)
{
    const struct fixture *f = *state;
    struct bus_message lost = message_to("Suite_nobody", "x");
    bool seen[101] = {false};

    for (uint64_t i = 1; i <= 100; i++) {
        publish(f->sender, &lost, i);
    }
    for (int i = 0; i < 100; i++) {
        struct bus_event event = next(f->sender, BUS_REFUSED);

        assert_in_range(event.number, 1, 100);
        assert_false(seen[event.number]);
        seen[event.number] = true;
    }
    expect_quiet(f->sender);
}

static void test_takeover(void **state)
{
    const struct fixture *f = *state;
    struct bus *first = open_consumer("first", f->queue, 5);
    struct bus *second = open_consumer("second", f->queue, 50);
    struct bus *third = open_consumer("third", f->queue, 50);

    send_range(f->sender, f->queue, 1, 10, 1);
    for (int i = 1; i <= 5; i++) {
        (void)expect_text(first, i, false);
    }
    expect_quiet(second);
    assert_int_equal(bus_ack(first, 0, 2), ERR_OK);
    (void)expect_text(first, 6, false);
    (void)expect_text(first, 7, false);
    assert_int_equal(bus_prove(first, 0), ERR_OK);
    bus_close(first);
    for (int i = 3; i <= 10; i++) {
        (void)expect_text(second, i, i <= 7);
    }
    expect_quiet(third);
    bus_close(second);
    for (int i = 3; i <= 10; i++) {
        (void)expect_text(third, i, true);
    }
    bus_close(third);
}

static char *make_body(size_t len)
{
    char *body = xmalloc(len);

    for (size_t i = 0; i < len; i++) {
        body[i] = (char)(i * 31 + i / 251);
    }
    return body;
}

static const size_t sizes[] = {1,
                               100 * 1024,
                               131072 - 8,
                               131072,
                               400 * 1024,
                               BUS_SUITE_MESSAGE_BYTES,
                               BUS_SUITE_MESSAGE_BYTES + 1,
                               2 * 1024 * 1024,
                               3};

static void check_sized(const struct bus_delivery *got, const char *body,
                        size_t len)
{
    assert_int_equal(got->len, len);
    if (len <= BUS_SUITE_MESSAGE_BYTES) {
        assert_memory_equal(got->body, body, len);
        assert_null(got->head);
    } else {
        assert_null(got->body);
        assert_int_equal(got->head_len, BUS_HEAD_MAX);
        assert_memory_equal(got->head, body, BUS_HEAD_MAX);
    }
}

static void test_sizes(void **state)
{
    const struct fixture *f = *state;
    struct bus *reader = open_consumer("reader", f->queue, 2);
    char *body = make_body(2 * 1024 * 1024);

    for (size_t i = 0; i < N_ROWS(sizes); i++) {
        struct bus_message message = message_to(f->queue, "sized");
        struct bus_event event;

        message.body = body;
        message.len = sizes[i];
        publish(f->sender, &message, i + 1);
        expect_confirms(f->sender, i + 1, i + 1);
        event = next(reader, BUS_DELIVERY);
        check_sized(&event.delivery, body, sizes[i]);
        assert_int_equal(bus_ack(reader, 0, event.delivery.tag), ERR_OK);
    }
    free(body);
    bus_close(reader);
}

static void test_proof_between(void **state)
{
    const struct fixture *f = *state;
    struct bus *reader = open_consumer("reader", f->queue, 50);

    send_range(f->sender, f->queue, 1, 50, 1);
    for (int i = 1; i <= 50; i++) {
        struct bus_event event = next(reader, BUS_DELIVERY);
        char text[16];

        /* A round trip while the next are under way must lose none, nor
         * touch the delivery in hand. */
        assert_int_equal(bus_ack(reader, 0, event.delivery.tag), ERR_OK);
        assert_int_equal(bus_prove(reader, 0), ERR_OK);
        (void)snprintf(text, sizeof text, "%d", i);
        assert_memory_equal(event.delivery.body, text, strlen(text));
        assert_int_equal(event.delivery.tag, i);
    }
    bus_close(reader);
}

static void test_depth(void **state)
{
    const struct fixture *f = *state;
    uint64_t messages = 99;

    assert_int_equal(bus_depth(f->sender, "Suite_nobody", &messages),
                     ERR_NOT_FOUND);
    assert_int_equal(bus_depth(f->sender, f->queue, &messages), ERR_OK);
    assert_int_equal(messages, 0);
    send_range(f->sender, f->queue, 1, 7, 1);
    assert_int_equal(bus_depth(f->sender, "Suite_nobody", &messages),
                     ERR_NOT_FOUND);
    assert_int_equal(bus_depth(f->sender, f->queue, &messages), ERR_OK);
    assert_int_equal(messages, 7);
    send_range(f->sender, f->queue, 1, 2, 8);
}

static void test_limits(void **state)
{
    const struct fixture *f = *state;
    struct bus_message message = message_to(f->queue, "x");
    char key[BUS_TEXT_MAX + 2];
    uint64_t number;

    memset(key, 'k', sizeof key - 1);
    key[BUS_TEXT_MAX + 1] = '\0';
    message.routing_key = key;
    assert_int_equal(bus_publish(f->sender, &message, &number), ERR_LIMIT);
    message.routing_key = f->queue;
    message.properties.message_id = key;
    assert_int_equal(bus_publish(f->sender, &message, &number), ERR_LIMIT);
    key[BUS_TEXT_MAX] = '\0';
    publish(f->sender, &message, 1);
    expect_confirms(f->sender, 1, 1);
    message.routing_key = key;
    publish(f->sender, &message, 2);
    assert_int_equal(next(f->sender, BUS_REFUSED).number, 2);
}

static void test_unavailable_at_first(void **state)
{
    const struct fixture *f = *state;
    struct bus *bus = suite->open(suite->ctx, "fresh");
    struct bus_message message = message_to(f->queue, "x");
    uint64_t value;
    size_t number;

    assert_int_equal(bus_consume(bus, f->queue, 1, &number), ERR_OK);
    assert_int_equal(bus_publish(bus, &message, &value), ERR_UNAVAILABLE);
    assert_int_equal(bus_ack(bus, 0, 1), ERR_UNAVAILABLE);
    assert_int_equal(bus_prove(bus, 0), ERR_UNAVAILABLE);
    assert_int_equal(bus_depth(bus, f->queue, &value), ERR_UNAVAILABLE);
    bus_close(bus);
}

static void expect_route(struct bus *reader, const char *exchange,
                         const char *key, size_t queue)
{
    struct bus_event event = next(reader, BUS_DELIVERY);

    assert_int_equal(event.delivery.queue, queue);
    assert_string_equal(event.delivery.exchange, exchange);
    assert_string_equal(event.delivery.routing_key, key);
    assert_int_equal(bus_ack(reader, queue, event.delivery.tag), ERR_OK);
}

static void test_topology(void **state)
{
    static const char *const queues[] = {"Engine_cleaner", "Engine_collectdgw",
                                         "Engine_dead"};
    static const struct {
        const char *exchange;
        const char *key;
        size_t queue; /* 3: none */
    } routes[] = {
        {"canopsis.events", "a.b.check", 0}, {"canopsis.events", "", 0},
        {"amq.topic", "collectd", 1},        {"amq.topic", "collectd.h", 1},
        {"amq.topic", "collectdx", 3},       {"canopsis.dead", "a.b", 2},
        {"canopsis.alerts", "a.b", 3},       {"", "Engine_dead", 2},
    };
    const struct fixture *f = *state;
    struct bus *reader = suite->open(suite->ctx, "reader");
    size_t number;

    for (size_t i = 0; i < N_ROWS(queues); i++) {
        assert_int_equal(bus_consume(reader, queues[i], 10, &number), ERR_OK);
    }
    (void)next(reader, BUS_IN_UP);
    for (size_t i = 0; i < N_ROWS(routes); i++) {
        struct bus_message message = message_to(routes[i].key, "x");

        message.exchange = routes[i].exchange;
        publish(f->sender, &message, i + 1);
        if (routes[i].queue == 3) {
            assert_int_equal(next(f->sender, BUS_REFUSED).number, i + 1);
        } else {
            expect_confirms(f->sender, i + 1, i + 1);
            expect_route(reader, routes[i].exchange, routes[i].key,
                         routes[i].queue);
        }
    }
    for (size_t i = 0; i < N_ROWS(queues); i++) {
        assert_int_equal(bus_prove(reader, i), ERR_OK);
    }
    bus_close(reader);
}

/* RabbitMQ 3.10 knows a queue again after kill -9 only once it has saved its
 * name, half a second after the last queue was made; before that the queue
 * comes back without a leader, for ever. */
static void settle(struct bus *bus)
{
    int64_t end = clock_mono_ms() + suite->settle_ms;

    do {
        expect_quiet(bus);
    } while (clock_mono_ms() < end);
}

static void test_restart(void **state)
{
    const struct fixture *f = *state;
    struct bus *reader = open_consumer("reader", f->queue, 10);
    struct bus_message message = message_to(f->queue, "31");
    uint64_t number;

    if (suite->lost_id != NULL) {
        testlog_expect(suite->lost_id);
    }
    send_range(f->sender, f->queue, 1, 30, 1);
    for (int i = 1; i <= 10; i++) {
        (void)expect_text(reader, i, false);
    }
    assert_int_equal(bus_ack(reader, 0, 5), ERR_OK);
    for (int i = 11; i <= 15; i++) {
        (void)expect_text(reader, i, false);
    }
    assert_int_equal(bus_prove(reader, 0), ERR_OK);
    settle(reader);
    suite->restart(suite->ctx);
    assert_true(strlen(next(f->sender, BUS_OUT_LOST).reason) > 0);
    assert_int_equal(bus_publish(f->sender, &message, &number),
                     ERR_UNAVAILABLE);
    (void)next(f->sender, BUS_OUT_UP);
    (void)next(reader, BUS_IN_LOST);
    (void)next(reader, BUS_IN_UP);
    publish(f->sender, &message, 1);
    expect_confirms(f->sender, 1, 1);
    for (int i = 6; i <= 15; i++) {
        (void)expect_text(reader, i, true);
    }
    assert_int_equal(bus_ack(reader, 0, 10), ERR_OK);
    for (int i = 16; i <= 25; i++) {
        (void)expect_text(reader, i, false);
    }
    assert_int_equal(bus_ack(reader, 0, 20), ERR_OK);
    for (int i = 26; i <= 31; i++) {
        (void)expect_text(reader, i, false);
    }
    expect_quiet(reader);
    bus_close(reader);
}

int bus_suite_run(const char *name, const struct bus_suite *given)
{
#define SUITE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    static const struct CMUnitTest tests[] = {
        SUITE_TEST(test_order),
        SUITE_TEST(test_properties),
        SUITE_TEST(test_redelivery_after_close),
        SUITE_TEST(test_prefetch_and_multiple_ack),
        SUITE_TEST(test_pause),
        SUITE_TEST(test_two_queues),
        SUITE_TEST(test_consume_and_declare_later),
        SUITE_TEST(test_mandatory),
        SUITE_TEST(test_many_returns),
        SUITE_TEST(test_takeover),
        SUITE_TEST(test_sizes),
        SUITE_TEST(test_proof_between),
        SUITE_TEST(test_depth),
        SUITE_TEST(test_limits),
        SUITE_TEST(test_unavailable_at_first),
        SUITE_TEST(test_topology),
        SUITE_TEST(test_restart),
    };

    suite = given;
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}
