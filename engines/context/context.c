/* SPDX-License-Identifier: Apache-2.0 */
/** Engine "context": knows every entity, and tells events what it knows. */
#include "engines/context/context.h"

#include <string.h>

#include "engines/context/entities.h"

struct context {
    struct entities entities;
    bool loaded;
};

static void put_row(struct engine_io *io, const struct entity *entity)
{
    const struct store_key key = {.text = entity->id};
    struct doc_out *out = engine_scratch(io);

    doc_out_reset(out);
    entity_to_doc(entity, out);
    store_batch_put(engine_batch(io), STORE_ENTITIES, &key, doc_out_done(out));
}

struct loading {
    struct context *context;
    const struct engine_io *io;
};

/* Parents that another partition keeps are made again when they are met. */
static bool add_row(void *ctx, const struct store_key *key, struct doc row)
{
    const struct loading *loading = ctx;

    (void)key;
    if (engine_owns_row(loading->io, row)) {
        entities_add_doc(&loading->context->entities, row);
    }
    return true;
}

static void context_fini(void *state)
{
    struct context *context = state;

    if (context->loaded) {
        entities_fini(&context->entities);
        context->loaded = false;
    }
}

static enum err context_load(void *state, struct engine_io *io)
{
    struct context *context = state;
    const struct store_query query = {.collection = STORE_ENTITIES,
                                      .limit = INT64_MAX};

    struct loading loading = {context, io};

    context_fini(state);
    entities_init(&context->entities);
    context->loaded = true;
    return store_scan(engine_store(io), &query, add_row, &loading, NULL, NULL);
}

/* Who is told of a new entity, and since when it is known. */
struct creation {
    struct engine_io *io;
    struct entities *entities;
    int64_t t_ms;
};

/* Every partition knows the connectors; the one that gets their own events
 * keeps their rows. */
static bool is_ours(const struct engine_io *io, const struct entity *entity)
{
    return engine_owns(io, entity->component, entity->connector_name);
}

/* The row of a connector that another partition keeps: only who has events
 * of its own, or none yet, may lack one. */
static void add_missing_row(struct engine_io *io, const struct entity *entity)
{
    const struct store_key key = {.text = entity->id};
    struct doc_out *out = engine_scratch(io);

    doc_out_reset(out);
    entity_to_doc(entity, out);
    store_batch_add(engine_batch(io), STORE_ENTITIES, &key, doc_out_done(out));
}

/* A connector that another partition keeps gets its row there, or with the
 * next fold where that one never hears of it. */
static void created(void *ctx, struct entity *entity)
{
    const struct creation *creation = ctx;

    if (!is_ours(creation->io, entity)) {
        entities_touch(creation->entities, entity, creation->t_ms);
        return;
    }
    entity->last_event_ms = creation->t_ms;
    put_row(creation->io, entity);
    engine_count(creation->io, "entities_created", 1);
}

/* Checks and metrics speak of things that exist; what is only logged, and
 * what people do, make no entities. */
static bool makes_entities(const struct event *event)
{
    return event_type_is_check(event->type) || event->type == EVENT_PERF;
}

static enum engine_verdict context_process(void *state, struct engine_io *io,
                                           const struct event *event,
                                           struct errbuf *why)
{
    struct context *context = state;
    struct creation creation = {
        .io = io, .entities = &context->entities, .t_ms = event->timestamp_ms};
    struct entity *entity;

    (void)why;
    if (!makes_entities(event)) {
        return ENGINE_FORWARD;
    }
    entity = entities_take(&context->entities, event, created, &creation);
    entities_touch(&context->entities, entity, event->timestamp_ms);
    if (entities_update(&context->entities, entity, event)) {
        put_row(io, entity);
    }
    return ENGINE_FORWARD;
}

/* What the entity is known by goes along where the event has none itself. */
static bool context_enrich(void *state, struct engine_io *io,
                           struct event *event)
{
    const struct context *context = state;
    const struct entity *entity =
        entities_find(&context->entities, event->entity_id);
    bool changed = false;

    (void)io;
    if (entity == NULL) {
        return false;
    }
    if (entity->infos.len > event->infos.len) {
        event->infos = entity_doc(&entity->infos);
        changed = true;
    }
    if (entity->tags.len > 0 && event->tags.len == 0) {
        event->tags = entity_doc(&entity->tags);
        event->tags_is_map = false;
        changed = true;
    }
    return changed;
}

static bool context_delta(void *state, struct doc_out *out)
{
    (void)state;
    (void)out;
    return false; /* a last-event time that a kill takes is seen again */
}

static void context_delta_apply(void *state, struct doc delta)
{
    (void)state;
    (void)delta;
}

/* Last-event times reach the rows once a minute, and at a stop. */
static bool context_fold(void *state, struct engine_io *io, size_t most)
{
    struct context *context = state;
    struct entity *entity;

    for (size_t n = 0; n < most; n++) {
        entity = entities_next_dirty(&context->entities);
        if (entity == NULL) {
            return true;
        }
        if (is_ours(io, entity)) {
            put_row(io, entity);
        } else {
            add_missing_row(io, entity);
        }
    }
    return context->entities.dirty == NULL;
}

static void context_beat(void *state, struct engine_io *io)
{
    const struct context *context = state;

    engine_gauge(io, "entities", (int64_t)context->entities.by_id.n);
}

const struct engine_ops context_engine = {
    .name = "context",
    .description =
        "Knows every connector, component and resource that events speak of:\n"
        "creates them, keeps what events say of them (infos, tags, groups,\n"
        "state, last event) and adds it to the events that pass.",
    .state_size = sizeof(struct context),
    .load = context_load,
    .process = context_process,
    .enrich = context_enrich,
    .beat = context_beat,
    .delta = context_delta,
    .delta_apply = context_delta_apply,
    .fold = context_fold,
    .fini = context_fini,
};
