/* SPDX-License-Identifier: Apache-2.0 */
/** Scripted scenes of what surrounds the messages: a queue that is gone, a
 *  store made anew, pressure, marks that stop coming, the end of a process. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/engine/restored.h"
#include "engines/alarm/alarm.h"
#include "engines/cleaner/cleaner.h"
#include "engines/context/context.h"
#include "tests/sim/probe.h"
#include "tests/sim/scene.h"
#include "tests/support/testlog.h"
#include "tests/support/unit.h"

enum {
    HOP = 0,
    SINK = 1,
    BRANCH = 2,
    LARGE_BYTES = 60000,
    LARGE_N = 40,
    SHALLOW = 2, /* depth_limit of the scene of pressure */
    SIDE_AFTER = 6,
    WINDOW = 2,
    FOLDS = 10,
    RESOLVE_S = 60,
    GAP_S = 7,
    MINUTE_S = 60
};

static void turns(struct world *world, size_t engine)
{
    for (int i = 0; i < SCENE_ROUNDS; i++) {
        (void)world_turn(world, engine, 0);
    }
}

static void tell(struct world *world, uint64_t n)
{
    scene_tell(world, &(struct told){5, n, n - 1, n, NULL, 0});
}

/* 1 and 2 are returned, 3 is taken by the queue made anew: all go again, in
 * order, and nothing of the input is acknowledged before. */
static void returned_in_a_window(void **state)
{
    struct script script = {.hold = "context.out"};
    struct world *world = scene_hop_world(&script);
    struct broker *broker = world_broker(world);

    (void)state;
    broker_delete(broker, "Engine_eventstore");
    tell(world, 1);
    turns(world, HOP);
    tell(world, 2);
    turns(world, HOP);
    turns(world, SINK); /* connects again, and declares what it reads */
    tell(world, 3);
    turns(world, HOP);
    assert_int_equal(broker_depth(broker, "Engine_eventstore"), 1);
    assert_int_equal(broker_depth(broker, "Engine_context"), 3);
    script.hold = NULL;
    assert_true(scene_rounds(world, SCENE_HOP_ENGINES));
    scene_check_sink(world, "returned", "123");
    assert_int_equal(scene_counter(world, "publish_refused"), 2);
    assert_int_equal(broker_depth(broker, "Engine_context"), 0);
    world_free(world);
}

/* Nobody else makes the queue again: its sender does. */
static void queue_made_again(void **state)
{
    struct script script = {.engine = 0};
    struct world *world = scene_hop_world(&script);
    struct broker *broker = world_broker(world);

    (void)state;
    for (uint64_t n = 1; n <= 2; n++) {
        broker_delete(broker, "Engine_eventstore");
        tell(world, n);
        turns(world, HOP);
        world_pass_time(world, SECOND_MS);
        turns(world, HOP);
        assert_int_equal(broker_depth(broker, "Engine_eventstore"), 1);
        assert_int_equal(broker_depth(broker, "Engine_context"), 0);
    }
    assert_true(scene_rounds(world, SCENE_HOP_ENGINES));
    scene_check_sink(world, "made again", "2"); /* 1 went with its queue */
    world_free(world);
}

/* A life on an empty store is newer than the ones before it. */
static void store_made_anew(void **state)
{
    struct script script = {.engine = 0};
    struct world *world = scene_hop_world(&script);

    (void)state;
    for (int lives = 0; lives < 3; lives++) {
        world_kill(world, HOP, 0);
        tell(world, 1);
        assert_true(scene_rounds(world, SCENE_HOP_ENGINES));
        world_pass_time(world, SECOND_MS);
    }
    tell(world, 2);
    assert_true(scene_rounds(world, SCENE_HOP_ENGINES));
    world_pass_time(world, SECOND_MS);
    world_forget_store(world, HOP);
    tell(world, 3);
    tell(world, 4);
    assert_true(scene_rounds(world, SCENE_HOP_ENGINES));
    scene_check_sink(world, "made anew", "1234");
    world_free(world);
}

/* The log as it is: how many rows, and the stream of the last one. */
struct tail {
    int n;
    char stream[SCENE_TEXT_MAX];
};

static bool take_tail(void *ctx, const struct store_key *key, struct doc row)
{
    struct tail *tail = ctx;
    const char *id = doc_str(row, "id", "");

    (void)key;
    tail->n++;
    (void)snprintf(tail->stream, sizeof tail->stream, "%.*s",
                   (int)strcspn(id, "-"), id);
    return true;
}

static struct tail read_tail(struct world *world)
{
    const struct store_query query = {.collection = STORE_EVENTS_LOG,
                                      .limit = INT64_MAX};
    struct tail tail = {.n = 0};
    struct store *store = world_reader(world);

    assert_int_equal(store_scan(store, &query, take_tail, &tail, NULL, NULL),
                     ERR_OK);
    store_close(store);
    return tail;
}

/* What the cleaner knew goes into payload, or comes back from it as hyp restore
 * brings it; either ends the life that runs. */
static void keep_or_restore(struct world *world, struct buf *payload)
{
    struct store *store = world_writer(world, "cleaner");
    struct store_fence fence = {.row = "cleaner"};
    struct store_batch *none = store_batch_new();
    struct doc_out *out = doc_out_new();
    struct buf now;

    buf_init(&now, DOC_BYTES_MAX);
    assert_int_equal(
        store_fence_raise(store, world_now_ms(world) / SECOND_MS, &fence, &now),
        ERR_OK);
    if (payload->len == 0) {
        buf_add(payload, now.data, now.len);
    } else {
        const struct doc old = {(const uint8_t *)payload->data,
                                (uint32_t)payload->len};

        assert_int_equal(
            store_commit(store, &fence, none,
                         restored_progress(old, world_now_ms(world), out)),
            ERR_OK);
    }
    buf_fini(&now);
    doc_out_free(out);
    store_batch_free(none);
    store_close(store);
}

/* So many events by the entry, and the end of it all. */
static void say_some(struct world *world, int n)
{
    for (int i = 0; i < n; i++) {
        scene_say_state(world, i % 2);
    }
    scene_let_marks_come(world, 3);
}

/* A cleaner that goes on from a backup gives no position a second time: what
 * comes now is new to those behind it, who know what came after the backup. */
static void restored_in_a_new_stream(void **state)
{
    static const char *const options[] = {"cleaner.ids_max=1000", NULL};
    static const struct world_engine engines[] = {
        {.ops = &cleaner_engine, .next = "context", .options = options},
        {.ops = &probe_engine, .next = "eventstore"},
        {.ops = &sink_engine}};
    struct script script = {.engine = 0};
    struct world *world = scene_world(engines, N_ROWS(engines), &script);
    struct buf payload;
    struct tail before;
    struct tail after;

    (void)state;
    buf_init(&payload, DOC_BYTES_MAX);
    say_some(world, 2);
    keep_or_restore(world, &payload);
    say_some(world, 3);
    before = read_tail(world);
    assert_int_equal(before.n, 5);
    keep_or_restore(world, &payload);
    say_some(world, 2);
    after = read_tail(world);
    assert_int_equal(after.n, 7);
    assert_string_not_equal(after.stream, before.stream);
    buf_fini(&payload);
    world_free(world);
}

/* So many events reach the hop while its next is away. */
static void pile_up(struct world *world, uint64_t n_events)
{
    world_kill(world, SINK, 0); /* it has not connected again yet */
    for (uint64_t n = 1; n <= n_events; n++) {
        tell(world, n);
        turns(world, HOP);
        world_pass_time(world, SECOND_MS);
        turns(world, HOP);
    }
}

/* While the queue of next is deep, nothing more is taken. */
static void paused_and_resumed(void **state)
{
    static const char *const options[] = {"engine.depth_limit=2",
                                          "engine.batch_max=1", NULL};
    static const struct world_engine engines[] = {
        {.ops = &probe_engine, .next = "eventstore", .options = options},
        {.ops = &sink_engine}};
    struct script script = {.engine = 0};
    struct world *world = scene_world(engines, N_ROWS(engines), &script);
    struct broker *broker = world_broker(world);

    (void)state;
    pile_up(world, 6);
    assert_int_equal(broker_depth(broker, "Engine_eventstore"), SHALLOW + 1);
    assert_int_equal(broker_depth(broker, "Engine_context"), 6 - (SHALLOW + 1));
    assert_int_equal(scene_counter(world, "paused"), 1);
    assert_true(scene_rounds(world, N_ROWS(engines)));
    world_pass_time(world, SECOND_MS);
    assert_true(scene_rounds(world, N_ROWS(engines)));
    scene_check_sink(world, "resumed", "123456");
    assert_int_equal(scene_counter(world, "paused"), 0);
    world_free(world);
}

/* While what was taken ahead holds more than it may, nothing more is read; the
 * prefetch alone would let eight through. */
static void held_is_bounded(void **state)
{
    static const char *const options[] = {"engine.depth_limit=2",
                                          "engine.batch_max=1",
                                          "engine.held_bytes=1024", NULL};
    static const struct world_engine engines[] = {
        {.ops = &probe_engine, .next = "eventstore", .options = options},
        {.ops = &sink_engine}};
    struct script script = {.engine = 0};
    struct world *world = scene_world(engines, N_ROWS(engines), &script);

    (void)state;
    pile_up(world, 9);
    assert_int_equal(scene_counter(world, "paused"), 1);
    assert_int_equal(scene_counter(world, "full"), 1);
    assert_true(scene_rounds(world, N_ROWS(engines)));
    world_pass_time(world, SECOND_MS);
    assert_true(scene_rounds(world, N_ROWS(engines)));
    scene_check_sink(world, "read on", "123456789");
    assert_int_equal(scene_counter(world, "full"), 0);
    world_free(world);
}

static enum engine_verdict pass(void *state, struct engine_io *io,
                                const struct event *event, struct errbuf *why)
{
    (void)state;
    (void)io;
    (void)event;
    (void)why;
    return ENGINE_FORWARD;
}

static const struct engine_ops branch_engine = {.name = "perfdata",
                                                .description = "test engine",
                                                .state_size = 1,
                                                .process = pass};

/* Text that does not pack. */
static void fill(struct world *world, char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        text[i] = (char)(' ' + dice_roll(world_dice(world), '~' - ' '));
    }
    text[len] = '\0';
}

/* The reports told so far: "NAME STATE", a line each, repeats left out by their
 * ids as the cleaner does, who does not run here. */
static void check_reports(struct world *world, const char *expected)
{
    struct doc_out *out = doc_out_new();
    char text[SCENE_TEXT_MAX] = "";
    char last[SCENE_TEXT_MAX] = "";
    struct bus_message message;

    for (size_t i = 0;
         broker_peek(world_broker(world), "Engine_cleaner", i, &message); i++) {
        size_t len = strlen(text);
        struct doc doc;

        if (strcmp(message.properties.message_id, last) == 0) {
            continue;
        }
        (void)snprintf(last, sizeof last, "%s", message.properties.message_id);

        assert_int_equal(
            doc_from_json(message.body, message.len, out, &doc, NULL), ERR_OK);
        assert_string_equal(doc_str(doc, "component", ""), "hypervise");
        (void)snprintf(text + len, sizeof text - len, "%s %" PRId64 "\n",
                       doc_str(doc, "resource", ""), doc_i64(doc, "state", -1));
    }
    assert_string_equal(text, expected);
    doc_out_free(out);
}

/* A side that is too far behind gets nothing new; the chain does not wait. */
static void side_is_shed(void **state)
{
    static const char *const options[] = {"engine.side_bytes=1048576", NULL};
    static const struct world_engine engines[] = {{.ops = &probe_engine,
                                                   .next = "eventstore",
                                                   .side = "perfdata",
                                                   .options = options},
                                                  {.ops = &sink_engine},
                                                  {.ops = &branch_engine}};
    static char text[LARGE_BYTES + 1];
    struct script script = {.engine = 0};
    struct world *world = scene_world(engines, N_ROWS(engines), &script);
    struct broker *broker = world_broker(world);
    size_t held;
    uint64_t n;

    (void)state;
    world_kill(world, BRANCH, 0); /* it has not connected again yet */
    for (n = 1; n <= LARGE_N; n++) {
        fill(world, text, LARGE_BYTES);
        scene_tell(world, &(struct told){5, n, n - 1, n, text, 0});
        world_pass_time(world, SECOND_MS);
        assert_true(scene_rounds(world, SINK + 1));
    }
    held = broker_depth(broker, "Engine_perfdata");
    assert_in_range(held, 1, LARGE_N - 1);
    assert_int_equal(scene_counter(world, "shed"), LARGE_N - held);
    assert_int_equal(broker_depth(broker, "Engine_context"), 0);
    check_reports(world, "Engine_context.shedding 2\n");
    world_kill(world, HOP, 0); /* what it told outlives it */
    assert_true(scene_rounds(world, SINK + 1));
    turns(world, BRANCH); /* it catches up */
    world_pass_time(world, SECOND_MS);
    turns(world, BRANCH); /* and acknowledges */
    assert_true(scene_rounds(world, SINK + 1));
    tell(world, n);
    assert_true(scene_rounds(world, SINK + 1));
    assert_int_equal(broker_depth(broker, "Engine_perfdata"), 1);
    world_pass_time(world, SECOND_MS);
    assert_true(scene_rounds(world, SINK + 1));
    check_reports(world, "Engine_context.shedding 2\n"
                         "Engine_context.shedding 0\n");
    world_free(world);
}

/* What a sender says is confirmed never came: people are told, once, also when
 * the process dies with it; an hour later it is over. */
static void loss_is_told(void **state)
{
    (void)state;
    for (enum watch_act act = WATCH_COMMIT; act <= WATCH_ACK; act++) {
        for (int nth = 1; nth <= 2; nth++) {
            struct script script = {.deadly = act, .death = nth};
            struct world *world = scene_hop_world(&script);

            tell(world, 1);
            (void)scene_rounds(world, SCENE_HOP_ENGINES);
            scene_tell(world, &(struct told){5, 4, 3, 4, NULL, 0});
            scene_tell(world, &(struct told){5, 6, 5, 6, NULL, 0});
            (void)scene_rounds(world, SCENE_HOP_ENGINES);
            scene_tell(world, &(struct told){5, 7, 6, 7, "mark", 0});
            (void)scene_rounds(world, SCENE_HOP_ENGINES);
            assert_int_equal(script.death, 0);
            scene_check_sink(world, "loss", "146");
            check_reports(world, "Engine_context.lost 2\n");
            world_pass_time(world, INT64_C(3600) * SECOND_MS);
            assert_true(scene_rounds(world, SCENE_HOP_ENGINES));
            check_reports(world, "Engine_context.lost 2\n"
                                 "Engine_context.lost 0\n");
            world_free(world);
        }
    }
}

/* One second of the suite; without marks the cleaner stands still. */
static void pass_second(struct world *world, size_t first, size_t n_engines)
{
    world_pass_time(world, SECOND_MS);
    for (int i = 0; i < SCENE_ROUNDS; i++) {
        for (size_t e = first; e < n_engines; e++) {
            (void)world_turn(world, e, 0);
        }
    }
}

static int64_t rows(struct world *world, enum store_collection collection)
{
    struct store *store = world_reader(world);
    int64_t n;

    assert_int_equal(store_count(store, collection, NULL, 1000, &n), ERR_OK);
    store_close(store);
    return n;
}

/* Marks stop for seven seconds: who waits for silence waits anew. */
static void marks_stop(void **state)
{
    static const char *const options[] = {"alarm.resolve_after=60s", NULL};
    static const struct world_engine engines[] = {
        {.ops = &cleaner_engine, .next = "context"},
        {.ops = &context_engine, .next = "alarm"},
        {.ops = &alarm_engine, .options = options}};
    struct script script = {.engine = 0};
    struct world *world = scene_world(engines, N_ROWS(engines), &script);

    (void)state;
    scene_say_state(world, 2);
    pass_second(world, 0, N_ROWS(engines));
    scene_say_state(world, 0);
    for (int s = 0; s < RESOLVE_S / 2; s++) {
        pass_second(world, 0, N_ROWS(engines));
    }
    for (int s = 0; s < GAP_S; s++) {
        pass_second(world, 1, N_ROWS(engines));
    }
    for (int s = 0; s < RESOLVE_S / 2 + GAP_S; s++) {
        pass_second(world, 0, N_ROWS(engines));
        assert_int_equal(rows(world, STORE_ALARMS), 1);
    }
    for (int s = 0; s < RESOLVE_S / 2; s++) {
        pass_second(world, 0, N_ROWS(engines));
    }
    assert_int_equal(rows(world, STORE_ALARMS), 0);
    assert_int_equal(rows(world, STORE_ALARMS_RESOLVED), 1);
    world_free(world);
}

/* An engine whose fold takes many commits. */
struct slow {
    int folds;
};

static bool slow_delta(void *state, struct doc_out *out)
{
    (void)state;
    (void)out;
    return false;
}

static void slow_delta_apply(void *state, struct doc delta)
{
    (void)state;
    (void)delta;
}

static bool slow_fold(void *state, struct engine_io *io, size_t most)
{
    struct slow *slow = state;

    (void)io;
    (void)most;
    slow->folds++;
    return slow->folds >= FOLDS;
}

static const struct engine_ops slow_engine = {.name = "context",
                                              .description = "test engine",
                                              .state_size = sizeof(struct slow),
                                              .process = pass,
                                              .delta = slow_delta,
                                              .delta_apply = slow_delta_apply,
                                              .fold = slow_fold};

/* Told to stop while the broker confirms nothing, it commits no more than its
 * window holds; when the confirms come it folds to the end. */
static void stops_within_its_window(void **state)
{
    static const char *const options[] = {"engine.window=2", NULL};
    static const struct world_engine engines[] = {
        {.ops = &slow_engine, .next = "eventstore", .options = options},
        {.ops = &sink_engine}};
    struct script script = {.engine = 0};
    struct world *world = scene_world(engines, N_ROWS(engines), &script);
    uint64_t before;

    (void)state;
    scene_tell(world, &(struct told){5, 1, 0, 1, "mark", 0});
    assert_true(scene_rounds(world, N_ROWS(engines))); /* it has taken over */
    script.hold = "context.out";
    before = world_acts(world, HOP, WATCH_COMMIT);
    tell(world, 2);
    turns(world, HOP);
    runtime_stop(world_io(world, HOP, 0));
    turns(world, HOP);
    assert_int_equal(world_acts(world, HOP, WATCH_COMMIT) - before, WINDOW);
    assert_non_null(world_io(world, HOP, 0));
    script.hold = NULL;
    assert_false(scene_rounds(world, N_ROWS(engines))); /* it ended */
    assert_true(world_acts(world, HOP, WATCH_COMMIT) >= FOLDS);
    scene_check_sink(world, "stopped", "2");
    world_free(world);
}

/* The own events told so far: "RESOURCE STATE TTL", a line each. */
static void check_own_events(struct world *world, const char *expected)
{
    struct doc_out *out = doc_out_new();
    char text[SCENE_TEXT_MAX] = "";
    struct bus_message message;

    for (size_t i = 0;
         broker_peek(world_broker(world), "Engine_cleaner", i, &message); i++) {
        size_t len = strlen(text);
        struct doc doc;

        assert_int_equal(
            doc_from_json(message.body, message.len, out, &doc, NULL), ERR_OK);
        assert_string_equal(doc_str(doc, "component", ""), "hypervise");
        assert_non_null(strstr(doc_str(doc, "perf_data", ""), "cps_evt_per_"));
        (void)snprintf(text + len, sizeof text - len,
                       "%s %" PRId64 " %" PRId64 "\n",
                       doc_str(doc, "resource", ""), doc_i64(doc, "state", -1),
                       doc_i64(doc, "ttl", -1));
    }
    assert_string_equal(text, expected);
    doc_out_free(out);
}

/* An engine tells how it is: nothing before it runs, then each minute, idle or
 * not; that its store is away while it waits for it; nothing at its end. */
static void tells_how_it_is(void **state)
{
    static const struct self_conf self = {.interval_ms = MINUTE_S * SECOND_MS};
    static const struct world_engine engines[] = {
        {.ops = &probe_engine, .next = "eventstore", .self = &self},
        {.ops = &sink_engine}};
    struct script script = {.engine = HOP};
    struct world *world = scene_world(engines, N_ROWS(engines), &script);

    (void)state;
    world_pass_time(world, SECOND_MS);
    assert_true(scene_rounds(world, N_ROWS(engines)));
    check_own_events(world, "");
    tell(world, 1);
    pass_second(world, HOP, N_ROWS(engines));
    check_own_events(world, "Engine_context 0 180\n");
    for (int s = 0; s < MINUTE_S; s++) {
        pass_second(world, HOP, N_ROWS(engines));
    }
    check_own_events(world, "Engine_context 0 180\nEngine_context 0 180\n");
    script.commit = STORE_FAULT_UNAVAILABLE;
    tell(world, 2);
    /* The world's watcher takes it away when it has failed. */
    /* cppcheck-suppress knownConditionTrueFalse */
    while (script.commit != STORE_FAULT_NONE) {
        assert_true(world_turn(world, HOP, 0));
    }
    pass_second(world, HOP, N_ROWS(engines));
    check_own_events(world, "Engine_context 0 180\nEngine_context 0 180\n"
                            "Engine_context 3 180\n");
    runtime_stop(world_io(world, HOP, 0));
    world_pass_time(world, MINUTE_S * SECOND_MS);
    assert_false(scene_rounds(world, N_ROWS(engines))); /* it ended */
    check_own_events(world, "Engine_context 0 180\nEngine_context 0 180\n"
                            "Engine_context 3 180\n");
    scene_check_sink(world, "told", "12");
    world_free(world);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(returned_in_a_window),
        cmocka_unit_test(queue_made_again),
        cmocka_unit_test(store_made_anew),
        cmocka_unit_test(restored_in_a_new_stream),
        cmocka_unit_test(paused_and_resumed),
        cmocka_unit_test(held_is_bounded),
        cmocka_unit_test(side_is_shed),
        cmocka_unit_test(loss_is_told),
        cmocka_unit_test(marks_stop),
        cmocka_unit_test(stops_within_its_window),
        cmocka_unit_test(tells_how_it_is),
    };

    testlog_mute();
    return cmocka_run_group_tests_name("scenes around", tests, NULL, NULL);
}
