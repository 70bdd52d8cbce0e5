/* SPDX-License-Identifier: Apache-2.0 */
/** Scripted scenes of bounds: what is under way at most, what one that lost its
 *  place may still do, and who tells the time. */
#include <stdio.h>
#include <string.h>

#include "common/bus/envelope.h"
#include "engines/alarm/alarm.h"
#include "engines/cleaner/cleaner.h"
#include "tests/sim/probe.h"
#include "tests/sim/scene.h"
#include "tests/support/testlog.h"
#include "tests/support/unit.h"

enum {
    HOP = 0,
    WINDOW = 2,
    TOLD = 6,
    WIDE_BYTES = 60000, /* two of them pass the limit of a commit */
    WIDE_N = 8,
    FOLD_MS = 61000,
    LETTER_MOST = 64 * 1024,
    BACKLOG = 40, /* checks */
    AHEAD = 16    /* of them are with the engine already */
};

static void turns(struct world *world, size_t instance)
{
    for (int i = 0; i < SCENE_ROUNDS; i++) {
        (void)world_turn(world, HOP, instance);
    }
}

static void tell(struct world *world, uint64_t n, const char *output)
{
    scene_tell(world, &(struct told){5, n, n - 1, n, output, 0});
}

/* While the broker confirms nothing, so many batches are committed and no
 * more, and nothing is acknowledged. */
static void window_is_bounded(void **state)
{
    static const char *const options[] = {"engine.window=2",
                                          "engine.batch_max=1", NULL};
    static const struct world_engine engines[] = {
        {.ops = &probe_engine, .next = "eventstore", .options = options},
        {.ops = &sink_engine}};
    struct script script = {.hold = "context.out"};
    struct world *world = scene_world(engines, N_ROWS(engines), &script);
    struct broker *broker = world_broker(world);

    (void)state;
    for (uint64_t n = 1; n <= TOLD; n++) {
        tell(world, n, NULL);
    }
    turns(world, 0);
    assert_int_equal(world_acts(world, HOP, WATCH_COMMIT), WINDOW);
    assert_int_equal(broker_depth(broker, "Engine_context"), TOLD);
    script.hold = NULL;
    assert_true(scene_rounds(world, N_ROWS(engines)));
    assert_true(scene_rounds(world, N_ROWS(engines)));
    scene_check_sink(world, "confirmed", "123456");
    assert_int_equal(broker_depth(broker, "Engine_context"), 0);
    world_free(world);
}

/* An engine that stores whole texts. */
static enum engine_verdict keep_text(void *state, struct engine_io *io,
                                     const struct event *event,
                                     struct errbuf *why)
{
    const struct store_key key = {.text = event->id};
    struct doc_out *out = engine_scratch(io);

    (void)state;
    (void)why;
    doc_out_reset(out);
    doc_add_str(out, "output", event->output);
    store_batch_put(engine_batch(io), STORE_ENTITIES, &key, doc_out_done(out));
    return ENGINE_FORWARD;
}

static const struct engine_ops wide_engine = {.name = "context",
                                              .description = "test engine",
                                              .state_size = 1,
                                              .process = keep_text};

/* What waits would fit into one batch, but for its bytes. */
static void commit_is_cut_by_bytes(void **state)
{
    static const char *const options[] = {"engine.batch_bytes=65536", NULL};
    static const struct world_engine engines[] = {
        {.ops = &wide_engine, .options = options}};
    static char text[WIDE_BYTES + 1];
    struct script script = {.engine = HOP};
    struct world *world = scene_world(engines, N_ROWS(engines), &script);
    struct store *store = world_reader(world);
    int64_t n_rows;

    (void)state;
    memset(text, 'a', WIDE_BYTES);
    for (uint64_t n = 1; n <= WIDE_N; n++) {
        tell(world, n, text);
    }
    assert_true(scene_rounds(world, N_ROWS(engines)));
    assert_int_equal(world_acts(world, HOP, WATCH_COMMIT), WIDE_N / 2);
    assert_int_equal(
        store_count(store, STORE_ENTITIES, NULL, 2 * WIDE_N, &n_rows), ERR_OK);
    assert_int_equal(n_rows, WIDE_N);
    store_close(store);
    world_free(world);
}

/* A step that nobody listens to is confirmed, and nothing waits for it. */
static void nobody_hears_a_step(void **state)
{
    struct script script = {.engine = HOP};
    struct world *world = scene_hop_world(&script);

    (void)state;
    broker_delete(world_broker(world), "listener");
    scene_tell(world, &(struct told){5, 1, 0, 1, NULL, 2});
    assert_true(scene_rounds(world, SCENE_HOP_ENGINES));
    assert_true(scene_rounds(world, SCENE_HOP_ENGINES));
    assert_int_equal(scene_counter(world, "publish_refused"), 0);
    assert_int_equal(broker_depth(world_broker(world), "Engine_context"), 0);
    scene_check_sink(world, "unheard", "1");
    world_free(world);
}

/* A letter keeps the head of a body that is too large, and is not given again:
 * half of a message is no message. */
static void large_letter_is_cut(void **state)
{
    static char text[LETTER_MOST + 2];

    (void)state;
    for (size_t len = LETTER_MOST; len <= LETTER_MOST + 1; len++) {
        struct script script = {.engine = HOP};
        struct world *world = scene_entry_world(&script);
        struct bus_message message;
        struct doc letter;

        memset(text, 'x', len);
        text[len] = '\0';
        scene_say(world, text, "", "");
        scene_let_marks_come(world, SCENE_ENTRY_ENGINES);
        assert_true(
            broker_peek(world_broker(world), "Engine_dead", 0, &message));
        letter = (struct doc){message.body, (uint32_t)message.len};
        assert_int_equal(strlen(doc_str(letter, "body", "")), LETTER_MOST);
        assert_int_equal(doc_i64(letter, "body_bytes", 0), len);
        assert_int_equal(doc_bool(letter, "replayable", false),
                         len == LETTER_MOST);
        world_free(world);
    }
}

struct order {
    char alarm[SCENE_TEXT_MAX];
    int checks; /* steps of checks before the comment */
    int after;  /* and behind it */
    bool commented;
};

static bool take_alarm(void *ctx, const struct store_key *key, struct doc row)
{
    struct order *order = ctx;

    (void)row;
    (void)snprintf(order->alarm, sizeof order->alarm, "%s", key->text);
    return true;
}

static bool take_step(void *ctx, const struct store_key *key, struct doc row)
{
    struct order *order = ctx;
    const char *type = doc_str(row, "type", "");

    (void)key;
    order->commented |= strcmp(type, "comment") == 0;
    if (strncmp(type, "state", 5) == 0) {
        *(order->commented ? &order->after : &order->checks) += 1;
    }
    return true;
}

static void scan(struct world *world, enum store_collection collection,
                 store_row_fn *take, struct order *order)
{
    const struct store_query query = {.collection = collection,
                                      .limit = INT64_MAX};
    struct store *store = world_reader(world);

    assert_int_equal(store_scan(store, &query, take, order, NULL, NULL),
                     ERR_OK);
    store_close(store);
}

static void say_comment(struct world *world, const char *alarm)
{
    char text[SCENE_TEXT_MAX * 2];
    struct bus_message message = {
        .exchange = "",
        .routing_key = "Engine_alarm.actions",
        .properties = {.content_type = "application/json",
                       .message_id = "",
                       .user_id = "hypervise"},
        .body = text};

    (void)snprintf(text, sizeof text,
                   "{\"alarm_id\":\"%s\",\"event_type\":\"comment\","
                   "\"author\":\"bob\",\"action_id\":\"a\",\"output\":\"q\"}",
                   alarm);
    message.len = strlen(text);
    assert_true(world_publish(world, &message));
}

/* What people do does not wait behind the checks that wait. */
static void action_overtakes_checks(void **state)
{
    static const char *const options[] = {"cleaner.ids_max=1000",
                                          "engine.batch_max=1", NULL};
    static const struct world_engine engines[] = {
        {.ops = &cleaner_engine, .next = "alarm", .options = options},
        {.ops = &alarm_engine}};
    struct script script = {.engine = HOP};
    struct world *world = scene_world(engines, N_ROWS(engines), &script);
    struct order order = {.checks = 0};

    (void)state;
    scene_say_state(world, 2);
    assert_true(scene_rounds(world, N_ROWS(engines)));
    scan(world, STORE_ALARMS, take_alarm, &order);
    for (int i = 0; i < BACKLOG; i++) {
        scene_say_state(world, i % 2 == 0 ? 3 : 2);
        turns(world, 0);
    }
    say_comment(world, order.alarm);
    for (int i = 0; i < BACKLOG; i++) {
        assert_true(scene_rounds(world, N_ROWS(engines)));
    }
    scan(world, STORE_STEPS, take_step, &order);
    assert_true(order.commented);
    assert_in_range(order.checks, 1, 1 + AHEAD);
    assert_int_equal(order.checks + order.after, 1 + BACKLOG);
    world_free(world);
}

static bool read_count(void *ctx, const struct store_key *key, struct doc row)
{
    (void)key;
    *(int64_t *)ctx = doc_i64(row, "count", 0);
    return true;
}

static int64_t folded_count(struct world *world)
{
    const struct store_query query = {.collection = STORE_ENTITIES,
                                      .limit = INT64_MAX};
    struct store *store = world_reader(world);
    int64_t count = 0;

    assert_int_equal(store_scan(store, &query, read_count, &count, NULL, NULL),
                     ERR_OK);
    store_close(store);
    return count;
}

/* Taken for dead and unaware of it, it folds what it counted: the fence holds
 * for a timer's commit too, and its count replaces no newer one. */
static void stale_timer_is_fenced(void **state)
{
    struct script script = {.engine = HOP};
    struct world *world = scene_hop_world(&script);
    bool lived = true;

    (void)state;
    tell(world, 1, NULL);
    assert_true(scene_rounds(world, SCENE_HOP_ENGINES));
    world_twin(world, HOP);
    turns(world, 1);
    broker_disown(world_broker(world), world_bus(world, HOP, 0), true);
    tell(world, 2, NULL);
    turns(world, 1); /* it has taken over */
    world_pass_time(world, FOLD_MS);
    turns(world, 1);
    assert_int_equal(folded_count(world), 2);
    for (int i = 0; i < SCENE_ROUNDS && lived; i++) {
        lived = world_turn(world, HOP, 0);
    }
    assert_false(lived);
    assert_int_equal(folded_count(world), 2);
    world_free(world);
}

/* One that waits touches no store, and tells the time all the same. */
static void who_waits_marks_too(void **state)
{
    struct script script = {.engine = HOP};
    struct world *world = scene_entry_world(&script);
    struct broker *broker = world_broker(world);
    uint64_t reads;
    size_t depth;

    (void)state;
    scene_let_marks_come(world, SCENE_ENTRY_ENGINES);
    reads = world_acts(world, HOP, WATCH_READ);
    world_twin(world, HOP);
    turns(world, 1);
    depth = broker_depth(broker, "Engine_cleaner");
    for (size_t s = 1; s <= 3; s++) {
        world_pass_time(world, SECOND_MS);
        turns(world, 1);
        assert_int_equal(broker_depth(broker, "Engine_cleaner"), depth + s);
    }
    assert_int_equal(world_acts(world, HOP, WATCH_READ), reads);
    world_free(world);
}

/* What a queue holds of the entry that the event came by. */
struct way {
    char stream[SCENE_TEXT_MAX]; /* of the event; "": not met yet */
    char kinds[SCENE_TEXT_MAX];  /* events as "e", marks as "m" */
    uint64_t last;
};

/* Numbers of one stream rise; each partition has a stream of its own behind
 * the entry's tag. */
static void take_item(struct way *way, const struct envelope_item *item)
{
    size_t len = strlen(way->kinds);
    size_t tag = strcspn(item->stream, "/");

    if (way->stream[0] == '\0' && item->kind == ENVELOPE_EVENT) {
        (void)snprintf(way->stream, sizeof way->stream, "%.*s", (int)tag,
                       item->stream);
    }
    if (strlen(way->stream) == tag &&
        strncmp(way->stream, item->stream, tag) == 0) {
        assert_true(item->n > way->last);
        way->last = item->n;
        way->kinds[len] = item->kind == ENVELOPE_MARK ? 'm' : 'e';
        way->kinds[len + 1] = '\0';
    }
}

static void read_way(struct world *world, const char *queue, struct way *way)
{
    struct bus_message message;
    struct buf room;

    buf_init(&room, ENVELOPE_BODY_MAX);
    way->kinds[0] = '\0';
    way->last = 0;
    for (size_t i = 0; broker_peek(world_broker(world), queue, i, &message);
         i++) {
        struct envelope envelope;

        assert_int_equal(
            envelope_open(message.body, message.len, &room, &envelope, NULL),
            ERR_OK);
        for (uint32_t k = 0; k < envelope.count; k++) {
            struct envelope_item item;

            envelope_get(&envelope, k, &item);
            take_item(way, &item);
        }
    }
    buf_fini(&room);
}

/* A mark travels behind what came before it, to every partition. */
static void marks_reach_every_partition(void **state)
{
    static const char *const options[] = {"cleaner.ids_max=1000", NULL};
    static const struct world_engine engines[] = {
        {.ops = &cleaner_engine, .next = "context*2", .options = options}};
    static const char *const queues[] = {"Engine_context.0",
                                         "Engine_context.1"};
    struct script script = {.engine = HOP};
    struct world *world = scene_world(engines, N_ROWS(engines), &script);
    struct way way = {.stream = ""};
    size_t with;

    (void)state;
    scene_say_state(world, 2);
    assert_true(scene_rounds(world, N_ROWS(engines)));
    world_pass_time(world, SECOND_MS);
    assert_true(scene_rounds(world, N_ROWS(engines)));
    read_way(world, queues[0], &way);
    with = way.stream[0] != '\0' ? 0 : 1;
    read_way(world, queues[with], &way);
    read_way(world, queues[with], &way); /* its stream is known now */
    assert_string_equal(way.kinds, "mem");
    read_way(world, queues[1 - with], &way);
    assert_string_equal(way.kinds, "mm");
    world_free(world);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(window_is_bounded),
        cmocka_unit_test(commit_is_cut_by_bytes),
        cmocka_unit_test(nobody_hears_a_step),
        cmocka_unit_test(large_letter_is_cut),
        cmocka_unit_test(action_overtakes_checks),
        cmocka_unit_test(stale_timer_is_fenced),
        cmocka_unit_test(who_waits_marks_too),
        cmocka_unit_test(marks_reach_every_partition),
    };

    testlog_mute();
    return cmocka_run_group_tests_name("scenes of bounds", tests, NULL, NULL);
}
