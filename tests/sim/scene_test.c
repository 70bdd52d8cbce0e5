/* SPDX-License-Identifier: Apache-2.0 */
/** Scripted scenes: one rule of delivery each, nothing left to chance. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/bus/envelope.h"
#include "common/event/event.h"
#include "engines/cleaner/cleaner.h"
#include "tests/sim/probe.h"
#include "tests/sim/world.h"
#include "tests/support/testlog.h"
#include "tests/support/unit.h"

enum {
    ROUNDS = 60,
    SECOND_MS = 1000,
    MESSAGES_MAX = 8,
    TEXT_MAX = 256,
    NACKS = 12 /* publishes of a short run, with room */
};

static const char *const one_by_one[] = {"cleaner.ids_max=1000",
                                         "engine.batch_max=1", NULL};
static const struct world_engine entry[] = {
    {.ops = &cleaner_engine, .next = "context", .options = one_by_one}};
static const struct world_engine hop[] = {
    {.ops = &probe_engine, .next = "eventstore"}, {.ops = &sink_engine}};

/* What the script does: a death before the n-th act of a kind, an n-th
 * publish that is refused, a first commit whose result is lost; 0: none. */
struct script {
    size_t engine;
    enum watch_act deadly;
    int death;
    int nack;
    enum store_fault commit;
    bool hold; /* the cleaner is told of no confirm */
};

static bool script_dies(void *ctx, size_t engine, enum watch_act act)
{
    struct script *script = ctx;

    return engine == script->engine && act == script->deadly &&
           script->death > 0 && --script->death == 0;
}

static bool script_nacks(void *ctx, size_t engine)
{
    struct script *script = ctx;

    return engine == script->engine && script->nack > 0 && --script->nack == 0;
}

static enum store_fault script_stores(void *ctx, size_t engine, bool is_commit)
{
    struct script *script = ctx;
    enum store_fault fault = STORE_FAULT_NONE;

    if (is_commit && engine == script->engine) {
        fault = script->commit;
        script->commit = STORE_FAULT_NONE;
    }
    return fault;
}

static bool script_holds(void *ctx, const char *connection)
{
    const struct script *script = ctx;

    return script->hold && strcmp(connection, "cleaner.out") == 0;
}

static void set_script(struct world *world, struct script *script)
{
    world_set_script(world, &(struct world_script){.ctx = script,
                                                   .dies = script_dies,
                                                   .nack = script_nacks,
                                                   .store = script_stores,
                                                   .holds = script_holds});
}

/* Whether every instance lived through. */
static bool rounds(struct world *world, size_t n_engines)
{
    bool lived = true;

    for (int i = 0; i < ROUNDS; i++) {
        for (size_t e = 0; e < n_engines; e++) {
            lived &= world_turn(world, e, 0);
        }
    }
    return lived;
}

/* The entry: what the cleaner passes on is read from the next queue. */

static void say(struct world *world, const char *body, const char *user,
                const char *id)
{
    const struct bus_message message = {
        .exchange = "canopsis.events",
        .routing_key = "sim",
        .properties = {.content_type = "application/json",
                       .message_id = id,
                       .user_id = user},
        .body = body,
        .len = strlen(body)};

    assert_true(world_publish(world, &message));
}

static void say_state(struct world *world, int state)
{
    char body[TEXT_MAX];

    (void)snprintf(body, sizeof body,
                   "{\"connector\":\"s\",\"connector_name\":\"s\","
                   "\"event_type\":\"check\",\"component\":\"x\","
                   "\"state\":%d}",
                   state);
    say(world, body, "", "");
}

/* States of the events that a plain reader of a queue takes, by number and
 * position. *disorder tells that a number came before one below it. */
static void read_states(struct world *world, char *out, bool *disorder)
{
    uint64_t epoch = 0;
    uint64_t next = 1;
    uint64_t last = 0;
    struct bus_message message;
    struct buf room;

    buf_init(&room, ENVELOPE_BODY_MAX);
    *disorder = false;
    for (size_t i = 0;
         broker_peek(world_broker(world), "Engine_context", i, &message); i++) {
        struct envelope envelope;

        assert_int_equal(
            envelope_open(message.body, message.len, &room, &envelope, NULL),
            ERR_OK);
        if (envelope.header.epoch > epoch) {
            epoch = envelope.header.epoch;
            next = 1;
        }
        *disorder |= envelope.header.sequence > next;
        if (envelope.header.epoch < epoch || envelope.header.sequence != next) {
            continue;
        }
        next++;
        for (uint32_t k = 0; k < envelope.count; k++) {
            struct envelope_item item;

            envelope_get(&envelope, k, &item);
            if (item.kind == ENVELOPE_EVENT && item.n > last) {
                last = item.n;
                *out++ = (char)('0' + doc_i64(item.doc, "state", 0));
            }
        }
    }
    *out = '\0';
    buf_fini(&room);
}

static void check_states(struct world *world, const char *expected)
{
    char states[TEXT_MAX];
    bool disorder;

    read_states(world, states, &disorder);
    assert_string_equal(states, expected);
}

static struct world *entry_world(struct script *script)
{
    struct world *world = world_new(1, entry, N_ROWS(entry));

    (void)rounds(world, N_ROWS(entry));
    set_script(world, script);
    return world;
}

static void let_marks_come(struct world *world)
{
    for (int i = 0; i < 3; i++) {
        world_pass_time(world, SECOND_MS);
        (void)rounds(world, N_ROWS(entry));
    }
}

/* A message with a known id passes nothing on, and neither does its repeat:
 * its receipt says so. */
static void known_id_comes_again(void **state)
{
    static const char body[] =
        "{\"connector\":\"s\",\"connector_name\":\"s\",\"event_type\":"
        "\"check\",\"component\":\"x\",\"state\":2}";

    (void)state;
    for (int nth = 1; nth <= 2; nth++) {
        struct script script = {.deadly = WATCH_ACK, .death = nth};
        struct world *world = entry_world(&script);

        say(world, body, "hypervise", "id-1");
        say(world, body, "hypervise", "id-1");
        (void)rounds(world, N_ROWS(entry));
        assert_int_equal(script.death, 0);
        let_marks_come(world);
        check_states(world, "2");
        world_free(world);
    }
}

/* A foreign user's id tells nothing. */
static void foreign_id_tells_nothing(void **state)
{
    static const char body[] =
        "{\"connector\":\"s\",\"connector_name\":\"s\",\"event_type\":"
        "\"check\",\"component\":\"x\",\"state\":2}";
    struct script script = {.engine = 0};
    struct world *world = entry_world(&script);

    (void)state;
    say(world, body, "guest", "id-1");
    say(world, body, "guest", "id-1");
    let_marks_come(world);
    check_states(world, "22");
    world_free(world);
}

/* 2, 0, 2 in equal bodies, with a death before each act of each kind: each is
 * passed on, once, in order. */
static void equal_bodies(void **state)
{
    (void)state;
    for (enum watch_act act = WATCH_COMMIT; act <= WATCH_PROVE; act++) {
        bool died = true;

        for (int nth = 1; died; nth++) {
            struct script script = {.deadly = act, .death = nth};
            struct world *world = entry_world(&script);

            say_state(world, 2);
            say_state(world, 0);
            say_state(world, 2);
            (void)rounds(world, N_ROWS(entry));
            let_marks_come(world);
            died = script.death == 0;
            check_states(world, "202");
            world_free(world);
        }
    }
}

/* Acknowledgements that go nowhere prove nothing: the receipts stay. */
static void lost_acknowledgements(void **state)
{
    struct script script = {.engine = 0};
    struct world *world = entry_world(&script);

    (void)state;
    say_state(world, 1);
    say_state(world, 2);
    say_state(world, 3);
    (void)world_turn(world, 0, 0); /* the first is read */
    broker_disown(world_broker(world), world_bus(world, 0, 0), true);
    (void)rounds(world, N_ROWS(entry));
    broker_cut(world_broker(world), world_bus(world, 0, 0), true, true);
    let_marks_come(world);
    let_marks_come(world);
    check_states(world, "123");
    world_free(world);
}

/* One that waited is sent a message, stalls, and wakes up after another one
 * has taken it, proven that and forgotten the receipt: it drops what it reads
 * from its dead socket. */
static void stalled_and_woken(void **state)
{
    struct script script = {.engine = 0};
    struct world *world = entry_world(&script);

    (void)state;
    world_twin(world, 0);
    for (int i = 0; i < 4; i++) {
        assert_true(world_turn(world, 0, 1)); /* it is connected */
    }
    broker_disown(world_broker(world), world_bus(world, 0, 0), true);
    broker_cut(world_broker(world), world_bus(world, 0, 0), true, true);
    assert_true(rounds(world, N_ROWS(entry)));
    say_state(world, 1);
    broker_disown(world_broker(world), world_bus(world, 0, 1), true);
    let_marks_come(world);
    check_states(world, "1");
    for (int i = 0; i < ROUNDS; i++) {
        assert_true(world_turn(world, 0, 1));
    }
    check_states(world, "1");
    world_free(world);
}

/* One of a window is refused and the next taken: both go again, in order,
 * with the same numbers. */
static void refused_in_a_window(void **state)
{
    bool seen = false;

    (void)state;
    for (int nth = 1; nth <= NACKS; nth++) {
        struct script script = {.nack = nth, .hold = true};
        struct world *world = entry_world(&script);
        char states[TEXT_MAX];
        bool disorder;

        say_state(world, 1);
        say_state(world, 2);
        say_state(world, 3);
        (void)rounds(world, N_ROWS(entry));
        script.hold = false;
        let_marks_come(world);
        read_states(world, states, &disorder);
        assert_string_equal(states, "123");
        seen |= disorder;
        world_free(world);
    }
    assert_true(seen);
}

/* Hops: the test is the sender. */

struct told {
    uint64_t epoch;
    uint64_t sequence;
    uint64_t confirmed;
    uint64_t n;         /* position; 0 in a list: its end */
    const char *output; /* "mark": a mark; NULL: an event that passes */
    int state;
};

static struct doc write_event(const struct told *told, struct doc_out *out)
{
    struct event event;
    char id[EVENT_ID_MAX + 1];

    event_position_format(&(struct event_position){.stream = "s", .n = told->n},
                          id, sizeof id);
    event_init(&event, EVENT_CHECK);
    event.id = id;
    event.rk = "rk";
    event.entity_id = "/component/s/s/x";
    event.connector = "s";
    event.connector_name = "s";
    event.component = "x";
    event.source_type = EVENT_SOURCE_COMPONENT;
    event.state = told->state;
    event.output = told->output != NULL ? told->output : "";
    event.timestamp_ms = 1;
    event.received_ms = 1;
    event_to_doc(&event, out);
    return doc_out_done(out);
}

static struct doc write_mark(struct doc_out *out)
{
    doc_out_reset(out);
    doc_add_i64(out, "t", INT64_C(1700000000000));
    return doc_out_done(out);
}

static void tell(struct world *world, const struct told *told)
{
    struct envelope_header header = {.sender = "Engine_cleaner",
                                     .epoch = told->epoch,
                                     .sequence = told->sequence,
                                     .confirmed = told->confirmed};
    bool mark = told->output != NULL && strcmp(told->output, "mark") == 0;
    struct doc_out *doc = doc_out_new();
    struct envelope_out *out = envelope_out_new();
    struct envelope_item item = {.stream = "s",
                                 .stream_len = 1,
                                 .kind = mark ? ENVELOPE_MARK : ENVELOPE_EVENT,
                                 .n = told->n};
    struct bus_message message = {
        .exchange = "",
        .routing_key = "Engine_context",
        .properties = {.content_type = ENVELOPE_CONTENT_TYPE,
                       .message_id = "",
                       .user_id = "hypervise"}};
    struct buf contents;
    struct buf body;

    item.doc = mark ? write_mark(doc) : write_event(told, doc);
    assert_true(envelope_out_add(out, &item));
    buf_init(&contents, ENVELOPE_BODY_MAX);
    buf_init(&body, ENVELOPE_MESSAGE_MAX);
    envelope_out_finish(out, &contents);
    envelope_seal(&header, &contents, &body);
    message.body = body.data;
    message.len = body.len;
    assert_true(world_publish(world, &message));
    buf_fini(&contents);
    buf_fini(&body);
    envelope_out_free(out);
    doc_out_free(doc);
}

static struct world *hop_world(struct script *script)
{
    struct world *world = world_new(1, hop, N_ROWS(hop));

    broker_bind(world_broker(world), "listener", "canopsis.alerts", "#");
    (void)rounds(world, N_ROWS(hop));
    set_script(world, script);
    return world;
}

static bool add_position(void *ctx, const struct store_key *key, struct doc row)
{
    char *text = ctx;
    const char *id = doc_str(row, "id", "");
    size_t len = strlen(text);

    (void)key;
    (void)snprintf(text + len, TEXT_MAX - len, "%.*s",
                   (int)strcspn(id + 2, "-"), id + 2);
    return true;
}

/* Positions as the sink applied them. */
static void check_sink(struct world *world, const char *name,
                       const char *expected)
{
    const struct store_query query = {.collection = STORE_EVENTS_LOG,
                                      .limit = INT64_MAX};
    char text[TEXT_MAX] = "";
    struct store *store = world_reader(world);

    assert_int_equal(store_scan(store, &query, add_position, text, NULL, NULL),
                     ERR_OK);
    store_close(store);
    if (strcmp(text, expected) != 0) {
        fail_msg("%s: the sink took \"%s\", expected \"%s\"", name, text,
                 expected);
    }
}

static int64_t counter(struct world *world, const char *name)
{
    const struct engine_io *io = world_io(world, 0, 0);
    const struct runtime_counter *at;

    for (size_t i = 0;
         (at = runtime_counter(io, i)) != NULL && at->name != NULL; i++) {
        if (strcmp(at->name, name) == 0) {
            return at->value;
        }
    }
    return 0;
}

static const struct {
    const char *name;
    struct told told[MESSAGES_MAX];
    const char *sink;
    const char *counter;
} judged[] = {
    {"an older epoch is ignored",
     {{5, 1, 0, 1, NULL, 0}, {4, 2, 1, 2, NULL, 0}, {5, 2, 1, 2, NULL, 0}},
     "12",
     "ignored"},
    {"a newer epoch starts the numbers at 1",
     {{5, 1, 0, 1, NULL, 0},
      {6, 2, 0, 3, NULL, 0},
      {6, 1, 0, 2, NULL, 0},
      {6, 2, 0, 3, NULL, 0}},
     "123",
     "ignored"},
    {"a number above, not confirmed: nacked, comes again",
     {{5, 1, 0, 1, NULL, 0},
      {5, 3, 1, 3, NULL, 0},
      {5, 2, 1, 2, NULL, 0},
      {5, 3, 1, 3, NULL, 0}},
     "123",
     "ignored"},
    {"a number above, confirmed: gone, go on and count it",
     {{5, 1, 0, 1, NULL, 0}, {5, 3, 2, 3, NULL, 0}, {5, 4, 2, 4, NULL, 0}},
     "134",
     "holes"},
    {"a number below is a repeat",
     {{5, 1, 0, 1, NULL, 0},
      {5, 2, 0, 2, NULL, 0},
      {5, 1, 0, 1, NULL, 0},
      {5, 3, 0, 3, NULL, 0}},
     "123",
     "repeats"},
    {"a position not above the last is a repeat",
     {{5, 1, 0, 1, NULL, 0},
      {5, 2, 0, 2, NULL, 0},
      {6, 1, 0, 2, NULL, 0},
      {6, 2, 0, 3, NULL, 0}},
     "123",
     "repeats"},
};

static void judge_messages(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(judged); i++) {
        struct script script = {.engine = 0};
        struct world *world = hop_world(&script);

        for (const struct told *told = judged[i].told; told->n > 0; told++) {
            tell(world, told);
        }
        assert_true(rounds(world, N_ROWS(hop)));
        check_sink(world, judged[i].name, judged[i].sink);
        if (counter(world, judged[i].counter) != 1) {
            fail_msg("%s: %s %" PRId64, judged[i].name, judged[i].counter,
                     counter(world, judged[i].counter));
        }
        world_free(world);
    }
}

/* 1, 3 (ignored), 2, 3 in one batch, committed and not published: redelivered
 * in that order, they are forwarded in the order of their positions. */
static void redelivered_out_of_order(void **state)
{
    struct script script = {.deadly = WATCH_PUBLISH, .death = 1};
    struct world *world = hop_world(&script);

    (void)state;
    tell(world, &(struct told){5, 1, 0, 1, NULL, 0});
    tell(world, &(struct told){5, 3, 1, 3, NULL, 0});
    tell(world, &(struct told){5, 2, 1, 2, NULL, 0});
    tell(world, &(struct told){5, 3, 1, 3, NULL, 0});
    (void)rounds(world, N_ROWS(hop));
    assert_int_equal(script.death, 0);
    check_sink(world, "before", "");
    tell(world, &(struct told){5, 4, 3, 4, "mark", 0});
    (void)rounds(world, N_ROWS(hop));
    check_sink(world, "redelivered", "123");
    world_free(world);
}

/* Of both lives of a sender, taken in one batch and not published. */
static void redelivered_older_epoch(void **state)
{
    struct script script = {.deadly = WATCH_PUBLISH, .death = 1};
    struct world *world = hop_world(&script);

    (void)state;
    tell(world, &(struct told){5, 1, 0, 1, NULL, 0});
    tell(world, &(struct told){5, 2, 0, 2, NULL, 0});
    tell(world, &(struct told){6, 1, 0, 3, NULL, 0});
    (void)rounds(world, N_ROWS(hop));
    assert_int_equal(script.death, 0);
    tell(world, &(struct told){6, 2, 1, 4, "mark", 0});
    (void)rounds(world, N_ROWS(hop));
    check_sink(world, "both lives", "123");
    world_free(world);
}

/* A dropped event is acknowledged; its sender's next life sends it again, and
 * that repeat comes twice: it still ends. */
static void dropped_stays_dropped(void **state)
{
    struct script script = {.engine = 0};
    struct world *world = hop_world(&script);

    (void)state;
    tell(world, &(struct told){5, 1, 0, 1, "drop", 0});
    (void)rounds(world, N_ROWS(hop));
    script.deadly = WATCH_ACK;
    script.death = 1;
    tell(world, &(struct told){6, 1, 0, 1, "drop", 0});
    (void)rounds(world, N_ROWS(hop));
    assert_int_equal(script.death, 0);
    tell(world, &(struct told){6, 2, 1, 2, "mark", 0});
    tell(world, &(struct told){6, 3, 1, 3, NULL, 0});
    (void)rounds(world, N_ROWS(hop));
    check_sink(world, "dropped", "3");
    world_free(world);
}

/* The process asks what became of its commit, and lives on with it. */
static void unknown_commit(void **state)
{
    static const enum store_fault faults[] = {STORE_FAULT_UNKNOWN_APPLIED,
                                              STORE_FAULT_UNKNOWN_LOST,
                                              STORE_FAULT_UNAVAILABLE};

    (void)state;
    for (size_t i = 0; i < N_ROWS(faults); i++) {
        struct script script = {.commit = faults[i]};
        struct world *world = hop_world(&script);

        tell(world, &(struct told){5, 1, 0, 1, NULL, 0});
        assert_true(rounds(world, N_ROWS(hop)));
        world_pass_time(world, SECOND_MS);
        tell(world, &(struct told){5, 2, 0, 2, NULL, 0});
        assert_true(rounds(world, N_ROWS(hop)));
        check_sink(world, "unknown result", "12");
        world_free(world);
    }
}

/* A step is committed; before it is published, the process dies. */
static void step_after_a_death(void **state)
{
    struct script script = {.deadly = WATCH_PUBLISH, .death = 1};
    struct world *world = hop_world(&script);
    struct bus_message message;

    (void)state;
    tell(world, &(struct told){5, 1, 0, 1, NULL, 2});
    (void)rounds(world, N_ROWS(hop));
    assert_int_equal(script.death, 0);
    tell(world, &(struct told){5, 2, 0, 2, NULL, 0});
    (void)rounds(world, N_ROWS(hop));
    for (size_t i = 0; i < 2; i++) {
        assert_true(broker_peek(world_broker(world), "listener", i, &message));
        assert_string_equal(message.properties.message_id,
                            i == 0 ? "x/1" : "x/2");
    }
    assert_false(broker_peek(world_broker(world), "listener", 2, &message));
    check_sink(world, "steps", "12");
    world_free(world);
}

/* Who waits touches nothing; who takes over ends the one before. */
static void lost_epoch(void **state)
{
    struct script script = {.engine = 0};
    struct world *world = hop_world(&script);
    uint64_t reads;

    (void)state;
    tell(world, &(struct told){5, 1, 0, 1, NULL, 0});
    (void)rounds(world, N_ROWS(hop));
    world_twin(world, 0);
    reads = world_acts(world, 0, WATCH_READ);
    world_pass_time(world, SECOND_MS * SECOND_MS);
    for (int i = 0; i < ROUNDS; i++) {
        assert_true(world_turn(world, 0, 1));
    }
    assert_int_equal(world_acts(world, 0, WATCH_READ), reads);
    tell(world, &(struct told){5, 2, 0, 2, NULL, 0});
    (void)world_turn(world, 0, 0); /* the older one reads it, and stalls */
    broker_disown(world_broker(world), world_bus(world, 0, 0), true);
    tell(world, &(struct told){5, 3, 0, 3, NULL, 0});
    for (int i = 0; i < ROUNDS; i++) {
        assert_true(world_turn(world, 0, 1));
    }
    assert_false(rounds(world, N_ROWS(hop)));
    check_sink(world, "lost epoch", "123");
    world_free(world);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_id_comes_again),
        cmocka_unit_test(foreign_id_tells_nothing),
        cmocka_unit_test(equal_bodies),
        cmocka_unit_test(lost_acknowledgements),
        cmocka_unit_test(stalled_and_woken),
        cmocka_unit_test(refused_in_a_window),
        cmocka_unit_test(judge_messages),
        cmocka_unit_test(redelivered_out_of_order),
        cmocka_unit_test(redelivered_older_epoch),
        cmocka_unit_test(dropped_stays_dropped),
        cmocka_unit_test(unknown_commit),
        cmocka_unit_test(step_after_a_death),
        cmocka_unit_test(lost_epoch),
    };

    testlog_mute();
    return cmocka_run_group_tests_name("scenes", tests, NULL, NULL);
}
