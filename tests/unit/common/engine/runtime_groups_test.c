/* SPDX-License-Identifier: Apache-2.0 */
/** What next and side get, together and while the side sheds. */
#include <stdio.h>
#include <string.h>

#include "common/bus/bus_memory.h"
#include "common/bus/envelope.h"
#include "common/engine/progress.h"
#include "common/engine/runtime.h"
#include "common/store/store_memory.h"
#include "tests/support/rows.h"
#include "tests/support/testlog.h"
#include "tests/support/unit.h"

enum {
    STEPS_MAX = 10000,
    TEXT_MAX = 64
};

static enum engine_verdict pass(void *state, struct engine_io *io,
                                const struct event *event, struct errbuf *why)
{
    (void)state;
    (void)io;
    (void)why;
    return strcmp(event->component, "end") == 0 ? ENGINE_DROP : ENGINE_FORWARD;
}

static bool change(void *state, struct engine_io *io, struct event *event)
{
    (void)state;
    (void)io;
    if (strcmp(event->component, "change") != 0) {
        return false;
    }
    event->output = "changed";
    return true;
}

static const struct engine_ops ops = {
    .name = "t", .state_size = 1, .process = pass, .enrich = change};

struct fixture {
    struct broker *broker;
    struct store_memory *memory;
    struct bus *bus;
    struct store *store;
    struct runtime_conf conf;
    struct engine_io *io;
    int64_t now_ms;
    uint64_t n; /* last position */
    uint64_t sequence;
    char sender[ENVELOPE_NAME_MAX + 1]; /* of what is fed */
    char state;
};

static int64_t now_of(void *ctx)
{
    const struct fixture *f = ctx;

    return f->now_ms;
}

static void settle(struct fixture *f)
{
    int steps = 0;

    while (runtime_step(f->io, 0) != RUNTIME_IDLE) {
        assert_true(++steps < STEPS_MAX);
    }
}

static void set_up_relay(struct fixture *f, size_t relay_bytes)
{
    static char name_a[] = "a";
    static char name_b[] = "b";
    static char *next[] = {name_a};
    static char *side[] = {name_b};
    struct runtime_setup setup = {.ops = &ops,
                                  .exchange_prefix = "canopsis",
                                  .user = "hypervise",
                                  .now_ms = now_of,
                                  .mono_ms = now_of,
                                  .ctx = f,
                                  .relay_bytes = relay_bytes};
    struct errbuf why;

    *f =
        (struct fixture){.now_ms = INT64_C(1700000000000), .sender = "cleaner"};
    f->conf = (struct runtime_conf){.next = {next, 1},
                                    .side = {side, 1},
                                    .partitions = 1,
                                    .batch_max = 1000,
                                    .batch_bytes = 1 << 20,
                                    .window = 8,
                                    .prefetch = 100,
                                    .held_bytes = 1 << 20,
                                    .depth_limit = 1000,
                                    .side_bytes = INT64_MAX,
                                    .fold_ms = 60000};
    f->broker = broker_new("canopsis");
    f->memory = store_memory_new();
    f->bus = broker_open(f->broker, "t", "hypervise");
    f->store = store_memory_open(f->memory, "t");
    setup.state = &f->state;
    setup.conf = &f->conf;
    setup.bus = f->bus;
    setup.store = f->store;
    assert_int_equal(runtime_new(&setup, &f->io, &why), ERR_OK);
    settle(f); /* connected: its queues are there */
}

static void set_up(struct fixture *f)
{
    set_up_relay(f, SIZE_MAX);
}

static void tear_down(struct fixture *f)
{
    runtime_free(f->io);
    bus_close(f->bus);
    store_close(f->store);
    store_memory_free(f->memory);
    broker_free(f->broker);
}

static void add_item(struct fixture *f, struct envelope_out *out, char letter)
{
    enum envelope_kind kind = letter == 'm' ? ENVELOPE_MARK : ENVELOPE_EVENT;
    struct doc_out *writer = doc_out_new();
    struct event event;
    struct envelope_item item = {
        .stream = "s", .stream_len = 1, .kind = kind, .n = ++f->n};

    if (kind == ENVELOPE_MARK) {
        doc_add_i64(writer, "t", f->now_ms);
    } else {
        event_init(&event, EVENT_CHECK);
        event.connector = "c";
        event.connector_name = "n";
        event.component = letter == 'd'   ? "end"
                          : letter == 'c' ? "change"
                                          : "host";
        event_to_doc(&event, writer);
    }
    item.doc = doc_out_done(writer);
    assert_true(envelope_out_add(out, &item));
    doc_out_free(writer);
}

/* One envelope to the engine: a letter an item, e an event, d one that ends
 * here, c one that is changed, m a mark. */
static void feed(struct fixture *f, const char *items)
{
    struct envelope_out *out = envelope_out_new();
    struct envelope_header header = {
        .epoch = 1, .sequence = ++f->sequence, .confirmed = f->sequence - 1};
    struct bus_message message = {
        .exchange = "",
        .routing_key = "Engine_t",
        .properties = {.content_type = ENVELOPE_CONTENT_TYPE,
                       .message_id = "",
                       .user_id = ""}};
    struct buf contents;
    struct buf body;

    (void)snprintf(header.sender, sizeof header.sender, "%s", f->sender);
    for (const char *at = items; *at != '\0'; at++) {
        add_item(f, out, *at);
    }
    buf_init(&contents, ENVELOPE_MESSAGE_MAX);
    buf_init(&body, ENVELOPE_MESSAGE_MAX);
    envelope_out_finish(out, &contents);
    envelope_seal(&header, &contents, &body);
    message.body = body.data;
    message.len = body.len;
    assert_true(broker_publish(f->broker, &message));
    buf_fini(&contents);
    buf_fini(&body);
    envelope_out_free(out);
}

static char letter_of(const struct envelope_item *item)
{
    if (item->kind == ENVELOPE_MARK) {
        return 'm';
    }
    return doc_str(item->doc, "output", "")[0] == 'c' ? 'c' : 'e';
}

/* All that a queue got: a letter an item, a blank between messages, which
 * must be numbered without gaps. */
static void check_got(const struct fixture *f, const char *queue,
                      const char *want)
{
    struct bus_message message;
    char got[TEXT_MAX] = "";
    size_t len = 0;
    struct buf room;

    buf_init(&room, ENVELOPE_BODY_MAX);
    for (size_t i = 0; broker_peek(f->broker, queue, i, &message); i++) {
        struct envelope envelope;

        assert_int_equal(
            envelope_open(message.body, message.len, &room, &envelope, NULL),
            ERR_OK);
        assert_int_equal(envelope.header.sequence, i + 1);
        assert_true(len + envelope.count + 2 < sizeof got);
        got[len++] = i > 0 ? ' ' : '|';
        for (uint32_t e = 0; e < envelope.count; e++) {
            struct envelope_item item;

            envelope_get(&envelope, e, &item);
            got[len++] = letter_of(&item);
        }
    }
    buf_fini(&room);
    assert_string_equal(got, want);
}

static void test_together(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f);
    feed(&f, "eem");
    settle(&f);
    feed(&f, "e");
    settle(&f);
    check_got(&f, "Engine_a", "|eem e");
    check_got(&f, "Engine_b", "|eem e");
    tear_down(&f);
}

/* Shedding begins between two deliveries of one batch and ends later: what
 * joined before reaches both, marks always do. */
static void test_shedding(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f);
    feed(&f, "e");
    settle(&f);
    f.now_ms += 200;
    settle(&f); /* nothing is left to be acknowledged */
    f.conf.side_bytes = 1;
    f.now_ms += 2000;
    feed(&f, "ee");
    feed(&f, "eeem");
    settle(&f);
    check_got(&f, "Engine_a", "|e ee eeem");
    check_got(&f, "Engine_b", "|e ee m");
    f.conf.side_bytes = INT64_MAX;
    f.now_ms += 2000;
    settle(&f);
    feed(&f, "ee");
    settle(&f);
    check_got(&f, "Engine_a", "|e ee eeem ee");
    check_got(&f, "Engine_b", "|e ee m ee");
    tear_down(&f);
}

/* In one batch: what is unchanged goes on as it came or with the others; what
 * is changed or ends here never goes on as it came. */
static void test_relay(void **state)
{
    static const struct {
        size_t relay_bytes;
        const char *want;
    } rows[] = {
        {0, "|e ee e ec em"},
        {SIZE_MAX, "|e eeeecem"},
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct fixture f;

        set_up_relay(&f, rows[i].relay_bytes);
        feed(&f, "e"); /* the first may be a batch of its own */
        settle(&f);
        feed(&f, "ee");
        feed(&f, "ed");
        feed(&f, "ec");
        feed(&f, "em");
        settle(&f);
        check_got(&f, "Engine_a", rows[i].want);
        check_got(&f, "Engine_b", rows[i].want);
        tear_down(&f);
    }
}

/* More senders than there is room for: it ends and says so. */
static void test_too_many_senders(void **state)
{
    enum runtime_result result = RUNTIME_GO_ON;
    struct fixture f;
    int steps = 0;

    (void)state;
    testlog_start();
    testlog_expect("ENGINE-STREAMS");
    set_up(&f);
    for (int i = 0; i <= PROGRESS_SENDERS_MAX; i++) {
        (void)snprintf(f.sender, sizeof f.sender, "sender%d", i);
        f.sequence = 0;
        if (i == PROGRESS_SENDERS_MAX) {
            settle(&f);
        }
        feed(&f, "e");
    }
    while (result == RUNTIME_GO_ON || result == RUNTIME_IDLE) {
        result = runtime_step(f.io, 0);
        assert_true(++steps < STEPS_MAX);
    }
    assert_int_equal(result, RUNTIME_FAILED);
    assert_non_null(strstr(testlog_text("ENGINE-STREAMS"), "sender1024"));
    tear_down(&f);
    assert_int_equal(testlog_stop(), 0);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROW_SINGLE(test_together),
        ROW_SINGLE(test_shedding),
        ROW_SINGLE(test_relay),
        ROW_SINGLE(test_too_many_senders),
    };

    return rows_run("runtime_groups", tables, N_ROWS(tables));
}
