/* SPDX-License-Identifier: Apache-2.0 */
/** What scripted scenes are made of. */
#include "tests/sim/scene.h"

#include <stdio.h>
#include <string.h>

#include "common/bus/envelope.h"
#include "common/event/event.h"
#include "engines/cleaner/cleaner.h"
#include "tests/sim/probe.h"
#include "tests/support/unit.h"

static const char *const one_by_one[] = {"cleaner.ids_max=1000",
                                         "engine.batch_max=1", NULL};
static const struct world_engine entry[] = {
    {.ops = &cleaner_engine, .next = "context", .options = one_by_one}};
static const struct world_engine hop[] = {
    {.ops = &probe_engine, .next = "eventstore"}, {.ops = &sink_engine}};

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

    return script->hold != NULL && strcmp(connection, script->hold) == 0;
}

void scene_set_script(struct world *world, struct script *script)
{
    world_set_script(world, &(struct world_script){.ctx = script,
                                                   .dies = script_dies,
                                                   .nack = script_nacks,
                                                   .store = script_stores,
                                                   .holds = script_holds});
}

bool scene_rounds(struct world *world, size_t n_engines)
{
    bool lived = true;

    for (int i = 0; i < SCENE_ROUNDS; i++) {
        for (size_t e = 0; e < n_engines; e++) {
            lived &= world_turn(world, e, 0);
        }
    }
    return lived;
}

void scene_say(struct world *world, const char *body, const char *user,
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

void scene_say_state(struct world *world, int state)
{
    char body[SCENE_TEXT_MAX];

    (void)snprintf(body, sizeof body,
                   "{\"connector\":\"s\",\"connector_name\":\"s\","
                   "\"event_type\":\"check\",\"component\":\"x\","
                   "\"state\":%d}",
                   state);
    scene_say(world, body, "", "");
}

void scene_read_states(struct world *world, char *out, bool *disorder)
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

void scene_check_states(struct world *world, const char *expected)
{
    char states[SCENE_TEXT_MAX];
    bool disorder;

    scene_read_states(world, states, &disorder);
    assert_string_equal(states, expected);
}

struct world *scene_world(const struct world_engine *engines, size_t n,
                          struct script *script)
{
    struct world *world = world_new(1, engines, n);

    broker_bind(world_broker(world), "listener", "canopsis.alerts", "#");
    (void)scene_rounds(world, n);
    scene_set_script(world, script);
    return world;
}

struct world *scene_entry_world(struct script *script)
{
    return scene_world(entry, N_ROWS(entry), script);
}

void scene_let_marks_come(struct world *world, size_t n_engines)
{
    for (int i = 0; i < 3; i++) {
        world_pass_time(world, SECOND_MS);
        (void)scene_rounds(world, n_engines);
    }
}

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

void scene_tell_as(struct world *world, const struct told *told,
                   const char *queue, const char *user)
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
        .routing_key = queue,
        .properties = {.content_type = ENVELOPE_CONTENT_TYPE,
                       .message_id = "",
                       .user_id = user}};
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

void scene_tell(struct world *world, const struct told *told)
{
    scene_tell_as(world, told, "Engine_context", "hypervise");
}

struct world *scene_hop_world(struct script *script)
{
    return scene_world(hop, N_ROWS(hop), script);
}

static bool add_position(void *ctx, const struct store_key *key, struct doc row)
{
    char *text = ctx;
    const char *id = doc_str(row, "id", "");
    size_t len = strlen(text);

    (void)key;
    (void)snprintf(text + len, SCENE_TEXT_MAX - len, "%.*s",
                   (int)strcspn(id + 2, "-"), id + 2);
    return true;
}

void scene_check_sink(struct world *world, const char *name,
                      const char *expected)
{
    const struct store_query query = {.collection = STORE_EVENTS_LOG,
                                      .limit = INT64_MAX};
    char text[SCENE_TEXT_MAX] = "";
    struct store *store = world_reader(world);

    assert_int_equal(store_scan(store, &query, add_position, text, NULL, NULL),
                     ERR_OK);
    store_close(store);
    if (strcmp(text, expected) != 0) {
        fail_msg("%s: the sink took \"%s\", expected \"%s\"", name, text,
                 expected);
    }
}

int64_t scene_counter(struct world *world, const char *name)
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
