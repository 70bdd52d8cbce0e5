/* SPDX-License-Identifier: Apache-2.0 */
/** A process that is one of another number of partitions than its store. */
#include <string.h>

#include "common/bus/bus_memory.h"
#include "common/bus/envelope.h"
#include "common/bus/topology.h"
#include "common/engine/runtime.h"
#include "common/store/store_memory.h"
#include "tests/support/rows.h"
#include "tests/support/testlog.h"
#include "tests/support/unit.h"

enum {
    STEPS_MAX = 1000,
    LIVES_MAX = 3
};

static enum engine_verdict drop(void *state, struct engine_io *io,
                                const struct event *event, struct errbuf *why)
{
    (void)state;
    (void)io;
    (void)event;
    (void)why;
    return ENGINE_DROP;
}

static const struct engine_ops ops = {
    .name = "t", .state_size = 1, .process = drop};

static int64_t now_of(void *ctx)
{
    return *(const int64_t *)ctx;
}

static void publish(struct broker *broker, const char *queue)
{
    const struct envelope_header header = {
        .sender = "cleaner", .epoch = 1, .sequence = 1};
    struct envelope_out *out = envelope_out_new();
    struct doc_out *writer = doc_out_new();
    struct bus_message message = {
        .exchange = "",
        .routing_key = queue,
        .properties = {.content_type = ENVELOPE_CONTENT_TYPE}};
    struct envelope_item item = {
        .stream = "s", .stream_len = 1, .kind = ENVELOPE_MARK, .n = 1};
    struct buf contents;
    struct buf body;

    doc_add_i64(writer, "t", 1);
    item.doc = doc_out_done(writer);
    assert_true(envelope_out_add(out, &item));
    buf_init(&contents, ENVELOPE_MESSAGE_MAX);
    buf_init(&body, ENVELOPE_MESSAGE_MAX);
    envelope_out_finish(out, &contents);
    envelope_seal(&header, &contents, &body);
    message.body = body.data;
    message.len = body.len;
    assert_true(broker_publish(broker, &message));
    buf_fini(&contents);
    buf_fini(&body);
    doc_out_free(writer);
    envelope_out_free(out);
}

struct life {
    int64_t partition;
    int64_t of;          /* 0: no more */
    const char *refused; /* NULL: it works */
};

static const struct lives {
    const char *name;
    struct life lives[LIVES_MAX];
} rows[] = {
    {"the same number", {{0, 1, NULL}, {0, 1, NULL}}},
    {"others of the same number", {{0, 2, NULL}, {1, 2, NULL}, {0, 2, NULL}}},
    {"1 to 4, the first", {{0, 1, NULL}, {0, 4, "written by t,"}}},
    {"1 to 4, the last", {{0, 1, NULL}, {3, 4, "written by t,"}}},
    {"4 to 1", {{0, 4, NULL}, {0, 1, "written by t.0,"}}},
    {"4 to 2", {{1, 4, NULL}, {1, 2, "written by t.1 of 4,"}}},
    {"refused, and right again",
     {{0, 1, NULL}, {0, 2, "written by t,"}, {0, 1, NULL}}},
};

static enum runtime_result settle(struct engine_io *io)
{
    enum runtime_result result;
    int steps = 0;

    do {
        result = runtime_step(io, 0);
        assert_true(++steps < STEPS_MAX);
    } while (result == RUNTIME_GO_ON);
    return result;
}

/* Until it has taken a message and acknowledged it, or ended. */
static enum runtime_result
run(struct broker *broker, struct store_memory *memory, const struct life *life)
{
    struct runtime_conf conf = {.partition = life->partition,
                                .partitions = life->of,
                                .batch_max = 1000,
                                .batch_bytes = 1 << 20,
                                .window = 8,
                                .prefetch = 100,
                                .fold_ms = 60000};
    char state = 0;
    int64_t now_ms = INT64_C(1700000000000);
    char queue[BUS_NAME_MAX + 1];
    struct runtime_setup setup = {.ops = &ops,
                                  .state = &state,
                                  .conf = &conf,
                                  .exchange_prefix = "canopsis",
                                  .user = "hypervise",
                                  .now_ms = now_of,
                                  .mono_ms = now_of,
                                  .ctx = &now_ms};
    enum runtime_result result;
    struct engine_io *io;
    struct errbuf why;

    setup.store = store_memory_open(memory, "t");
    setup.bus = broker_open(broker, "t", "hypervise");
    assert_int_equal(runtime_new(&setup, &io, &why), ERR_OK);
    (void)settle(io);
    publish(broker,
            bus_queue_name("t", (int)life->partition, (int)life->of, queue));
    result = settle(io);
    now_ms += 200; /* acknowledged by then */
    result = result == RUNTIME_IDLE ? settle(io) : result;
    assert_int_equal(broker_depth(broker, queue), life->refused != NULL);
    runtime_free(io);
    bus_close(setup.bus);
    store_close(setup.store);
    return result;
}

static void check_lives(void **state)
{
    const struct lives *row = *state;
    struct broker *broker = broker_new("canopsis");
    struct store_memory *memory = store_memory_new();

    for (size_t i = 0; i < LIVES_MAX && row->lives[i].of > 0; i++) {
        const struct life *life = &row->lives[i];
        enum runtime_result result;

        testlog_start();
        if (life->refused != NULL) {
            testlog_expect("ENGINE-PARTITIONS");
        }
        result = run(broker, memory, life);
        assert_int_equal(result,
                         life->refused != NULL ? RUNTIME_FAILED : RUNTIME_IDLE);
        if (life->refused != NULL &&
            strstr(testlog_text("ENGINE-PARTITIONS"), life->refused) == NULL) {
            fail_msg("%s: %s", row->name, testlog_text("ENGINE-PARTITIONS"));
        }
        assert_int_equal(testlog_stop(), 0);
    }
    store_memory_free(memory);
    broker_free(broker);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROWS(rows, check_lives),
    };

    return rows_run("runtime_partitions", tables, N_ROWS(tables));
}
