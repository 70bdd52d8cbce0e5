/* SPDX-License-Identifier: Apache-2.0 */
/** The alarm engine alone: what the runtime does for it, in small. */
#include "tests/unit/engines/alarm/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "engines/alarm/alarm.h"
#include "tests/support/unit.h"

enum {
    TEXT_MAX = 64 * 1024 * 1024,
    NAMES_MAX = 16,
    WORD_MAX = 64,
    FAR = 1000000
};

struct counter {
    const char *name;
    int64_t n;
};

struct engine_io {
    int64_t now_ms;
    int64_t chain_ms;
    int64_t gap_ms;
    struct store *store;
    struct store_batch *batch;
    struct doc_out *scratch;
    struct buf *messages;
    struct counter counters[NAMES_MAX];
    int64_t partition;
    int64_t of;
};

struct world {
    struct engine_io io;
    struct store_memory *memory;
    struct store_fence fence;
    struct conf_part part;
    struct conf *conf;
    void *state;
    char *settings;
    struct buf messages;
    struct buf rows;
    int failing; /* loads that find the store away */
    int n;       /* of the last event */
    char id[WORD_MAX];
    char rk[WORD_MAX];
    char entity_id[WORD_MAX];
    char resource[WORD_MAX];
};

int64_t engine_now_ms(const struct engine_io *io)
{
    return io->now_ms;
}

int64_t engine_chain_ms(const struct engine_io *io)
{
    return io->chain_ms;
}

int64_t engine_chain_gap_ms(const struct engine_io *io)
{
    return io->gap_ms;
}

struct store *engine_store(const struct engine_io *io)
{
    return io->store;
}

const char *engine_row(const struct engine_io *io)
{
    (void)io;
    return "alarm";
}

int64_t engine_partition(const struct engine_io *io, int64_t *of)
{
    *of = io->of;
    return io->partition;
}

bool engine_owns(const struct engine_io *io, const char *component,
                 const char *connector_name)
{
    return bus_partition(component, connector_name, (size_t)io->of) ==
           (size_t)io->partition;
}

bool engine_owns_row(const struct engine_io *io, struct doc row)
{
    return engine_owns(io, doc_str(row, "component", ""),
                       doc_str(row, "connector_name", ""));
}

struct store_batch *engine_batch(struct engine_io *io)
{
    return io->batch;
}

struct doc_out *engine_scratch(struct engine_io *io)
{
    return io->scratch;
}

void engine_originate(struct engine_io *io,
                      const struct engine_outgoing *message)
{
    assert_int_equal(message->exchange, BUS_ALERTS);
    assert_string_equal(message->content_type, "application/json");
    buf_addf(io->messages, "%s %s ", message->message_id, message->routing_key);
    buf_add(io->messages, message->body, message->len);
    buf_add_char(io->messages, '\n');
}

void engine_count(struct engine_io *io, const char *name, uint64_t n)
{
    size_t i = 0;

    while (io->counters[i].name != NULL &&
           strcmp(io->counters[i].name, name) != 0) {
        i++;
        assert_true(i < NAMES_MAX);
    }
    io->counters[i].name = name;
    io->counters[i].n += (int64_t)n;
}

void engine_gauge(struct engine_io *io, const char *name, int64_t value)
{
    engine_count(io, name, 0);
    for (size_t i = 0; i < NAMES_MAX; i++) {
        if (io->counters[i].name != NULL &&
            strcmp(io->counters[i].name, name) == 0) {
            io->counters[i].n = value;
        }
    }
}

static enum store_fault fault(void *ctx, bool is_commit)
{
    struct world *world = ctx;

    if (!is_commit && world->failing > 0) {
        world->failing--;
        return STORE_FAULT_UNAVAILABLE;
    }
    return STORE_FAULT_NONE;
}

static void set_options(struct world *world)
{
    char *copy = xstrdup(world->settings);
    char *rest = copy;
    char *word;
    struct errbuf why;

    world->part = (struct conf_part){alarm_engine.options, world->state};
    world->conf = conf_new(&world->part, 1);
    while ((word = strsep(&rest, " ")) != NULL) {
        char *value = strchr(word, '=');

        if (value != NULL) {
            *value++ = '\0';
            assert_int_equal(conf_set(world->conf, "alarm", word, value, &why),
                             ERR_OK);
        }
    }
    free(copy);
}

static bool apply_delta(void *ctx, const struct store_key *key, struct doc row)
{
    struct world *world = ctx;

    (void)key;
    alarm_engine.delta_apply(world->state, row);
    return true;
}

static enum err load(struct world *world)
{
    const struct store_key from = {.text = "alarm", .a = 0};
    const struct store_key to = {.text = "alarm", .a = INT64_MAX};
    const struct store_query query = {.collection = STORE_DELTAS,
                                      .from = &from,
                                      .to = &to,
                                      .limit = INT64_MAX};
    enum err err = alarm_engine.load(world->state, &world->io);

    return err != ERR_OK ? err
                         : store_scan(world->io.store, &query, apply_delta,
                                      world, NULL, NULL);
}

static void start(struct world *world, int failing)
{
    struct errbuf why = {{0}, {0}};
    struct buf payload;

    world->io.store = store_memory_open(world->memory, "alarm");
    world->state = xcalloc(1, alarm_engine.state_size);
    set_options(world);
    assert_int_equal(alarm_engine.init(world->state, &world->io, &why), ERR_OK);
    buf_init(&payload, TEXT_MAX);
    assert_int_equal(
        store_fence_raise(world->io.store, 1, &world->fence, &payload), ERR_OK);
    buf_fini(&payload);
    store_memory_set_fault(world->memory, fault, world);
    world->failing = failing;
    while (load(world) != ERR_OK) {
    }
    assert_int_equal(world->failing, 0);
}

static void stop(struct world *world)
{
    alarm_engine.fini(world->state);
    conf_free(world->conf);
    free(world->state);
    store_close(world->io.store);
    store_batch_clear(world->io.batch);
}

struct world *world_new(const char *settings)
{
    struct world *world = xcalloc(1, sizeof *world);

    world->settings = xstrdup(settings);
    world->memory = store_memory_new();
    world->io.batch = store_batch_new();
    world->io.scratch = doc_out_new();
    world->io.messages = &world->messages;
    world->io.of = 1;
    buf_init(&world->messages, TEXT_MAX);
    buf_init(&world->rows, TEXT_MAX);
    (void)snprintf(world->fence.row, sizeof world->fence.row, "alarm");
    world_at(world, 0);
    start(world, 0);
    return world;
}

void world_free(struct world *world)
{
    stop(world);
    store_memory_free(world->memory);
    store_batch_free(world->io.batch);
    doc_out_free(world->io.scratch);
    buf_fini(&world->messages);
    buf_fini(&world->rows);
    free(world->settings);
    free(world);
}

void world_restart(struct world *world)
{
    world_restart_failing(world, 0);
}

void world_restart_as(struct world *world, int64_t partition, int64_t of)
{
    stop(world);
    world->io.partition = partition;
    world->io.of = of;
    start(world, 0);
}

void world_restart_failing(struct world *world, int loads)
{
    stop(world);
    start(world, loads);
}

void world_wall_at(struct world *world, double s)
{
    world->io.now_ms = WORLD_EPOCH_MS + (int64_t)(s * 1000);
}

void world_at(struct world *world, double s)
{
    world_wall_at(world, s);
    world->io.chain_ms = world->io.now_ms;
}

void world_beat(struct world *world)
{
    alarm_engine.beat(world->state, &world->io);
}

struct event world_event(struct world *world, int n, enum event_type type)
{
    world->n++;
    (void)snprintf(world->id, WORD_MAX, "s-%d-0", world->n);
    (void)snprintf(world->resource, WORD_MAX, "r%d", n);
    (void)snprintf(world->rk, WORD_MAX, "c.n.%s.resource.web1.r%d",
                   event_type_name(type), n);
    (void)snprintf(world->entity_id, WORD_MAX, "/resource/c/n/web1/r%d", n);
    return (struct event){
        .id = world->id,
        .rk = world->rk,
        .entity_id = world->entity_id,
        .connector = "c",
        .connector_name = "n",
        .component = "web1",
        .resource = world->resource,
        .type = type,
        .type_name = event_type_name(type),
        .source_type = EVENT_SOURCE_RESOURCE,
        .timestamp_ms = world->io.now_ms,
        .received_ms = world->io.now_ms,
        .hard = true,
        .output = "out",
        .long_output = "",
        .perf_data = "",
        .author = event_type_is_action(type) ? "bob" : "",
        .display_name = "",
        .address = "",
        .domain = "",
        .perimeter = "",
        .ref_rk = "",
        .alarm_id = "",
        .action_id = "",
        .ticket = "",
        .ticket_url = "",
        .keep_state = true,
    };
}

void world_process(struct world *world, const struct event *event)
{
    struct errbuf why;

    assert_int_equal(
        alarm_engine.process(world->state, &world->io, event, &why),
        ENGINE_FORWARD);
}

void world_extra(struct world *world, const char *json)
{
    const struct bus_delivery delivery = {
        .exchange = "",
        .routing_key = "Engine_alarm.actions",
        .properties = {.content_type = "application/json",
                       .message_id = "",
                       .user_id = ""},
        .body = json,
        .len = strlen(json)};

    alarm_engine.extra(world->state, &world->io, 0, &delivery);
}

void world_commit(struct world *world, size_t most)
{
    const struct store_key first = {.text = "alarm", .a = 0};
    struct store_key key = {.text = "alarm", .a = world->fence.batch + 1};
    bool folded = most > 0 && alarm_engine.fold(world->state, &world->io, most);
    struct doc_out *out = world->io.scratch;
    bool any;

    doc_out_reset(out);
    any = alarm_engine.delta(world->state, out);
    if (folded) {
        assert_false(any);
        store_batch_delete_range(world->io.batch, STORE_DELTAS, &first, &key);
    } else if (any) {
        store_batch_append(world->io.batch, STORE_DELTAS, &key,
                           doc_out_done(out));
    }
    doc_out_reset(out);
    assert_int_equal(store_commit(world->io.store, &world->fence,
                                  world->io.batch, doc_out_done(out)),
                     ERR_OK);
    store_batch_clear(world->io.batch);
}

static bool add_row(void *ctx, const struct store_key *key, struct doc row)
{
    struct world *world = ctx;

    (void)key;
    doc_to_json(row, &world->rows);
    buf_add_char(&world->rows, '\n');
    return true;
}

const char *world_rows(struct world *world, enum store_collection from)
{
    const struct store_query query = {.collection = from, .limit = FAR};

    buf_clear(&world->rows);
    assert_int_equal(
        store_scan(world->io.store, &query, add_row, world, NULL, NULL),
        ERR_OK);
    return buf_str(&world->rows);
}

const char *world_messages(const struct world *world)
{
    return buf_str(&world->messages);
}

void world_forget_messages(struct world *world)
{
    buf_clear(&world->messages);
}

int64_t world_count(const struct world *world, const char *name)
{
    for (size_t i = 0; i < NAMES_MAX; i++) {
        if (world->io.counters[i].name != NULL &&
            strcmp(world->io.counters[i].name, name) == 0) {
            return world->io.counters[i].n;
        }
    }
    return 0;
}
