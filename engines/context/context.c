/* SPDX-License-Identifier: Apache-2.0 */
/** Engine "context": knows every entity, and tells events what it knows. */
#include "engines/context/context.h"

#include <string.h>

#include "common/base/log.h"
#include "engines/context/entities.h"
#include "engines/context/entity_action.h"
#include "engines/context/intake.h"

struct context {
    int64_t new_entities;
    struct entities entities;
    struct intake intake;
    struct log_complaint full;
    bool loaded;
};

static const struct conf_option context_options[] = {
    {.section = "context",
     .key = "new_entities",
     .live = true,
     .type = CONF_INT,
     .offset = offsetof(struct context, new_entities),
     .fallback = "10000",
     .min = 0,
     .max = 1000000000,
     .unit = "entities",
     .help = "so many new ones a connector may make in an hour; what comes "
             "beyond goes to the dead letters; 0: no limit"},
    {0}};

struct loading {
    struct context *context;
    const struct engine_io *io;
};

/* Parents that another partition keeps are made again when they are met. */
static bool add_row(void *ctx, const struct store_key *key, struct doc row)
{
    const struct loading *loading = ctx;
    struct context *context = loading->context;

    (void)key;
    if (engine_owns_row(loading->io, row)) {
        entities_add_doc(&context->entities, row);
        intake_note(&context->intake, doc_str(row, "connector", ""),
                    doc_str(row, "connector_name", ""),
                    doc_ms(row, "created_at", 0));
    }
    return true;
}

static void context_fini(void *state)
{
    struct context *context = state;

    if (context->loaded) {
        entities_fini(&context->entities);
        intake_fini(&context->intake);
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
    intake_init(&context->intake);
    context->loaded = true;
    return store_scan(engine_store(io), &query, add_row, &loading, NULL, NULL);
}

/* Who is told of a new entity, and what made it. */
struct creation {
    struct engine_io *io;
    struct context *context;
    const struct event *event;
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
    const struct event *event = creation->event;

    entity->created_ms = event->received_ms;
    entities_inherit(&creation->context->entities, entity);
    if (!is_ours(creation->io, entity)) {
        entities_touch(&creation->context->entities, entity,
                       event->timestamp_ms);
        return;
    }
    entity->last_event_ms = event->timestamp_ms;
    intake_note(&creation->context->intake, event->connector,
                event->connector_name, event->received_ms);
    entity_append_row(creation->io, entity);
    engine_count(creation->io, "entities_created", 1);
}

/* What an import, or a person, says of an entity is so before any source
 * speaks of it; no event has come then. */
static void set_one(void *ctx, struct entity *entity)
{
    const struct creation *creation = ctx;

    entity->created_ms = creation->event->received_ms;
    if (is_ours(creation->io, entity)) {
        entity_put_row(creation->io, entity);
        engine_count(creation->io, "entities_created", 1);
    } else {
        entities_touch(&creation->context->entities, entity,
                       creation->event->timestamp_ms);
    }
}

static enum engine_verdict take_set(struct context *context,
                                    struct engine_io *io,
                                    const struct event *event)
{
    struct creation creation = {.io = io, .context = context, .event = event};
    struct entity *entity =
        entities_take(&context->entities, event, set_one, &creation);

    entities_set(&context->entities, entity, event);
    entity_put_row(io, entity);
    entity_action_tell(io, event, entity);
    return ENGINE_FORWARD;
}

/* Checks and metrics speak of things that exist; what is only logged, and
 * what people do, make no entities. */
static bool makes_entities(const struct event *event)
{
    return event_type_is_check(event->type) || event->type == EVENT_PERF;
}

static bool has_room(struct context *context, struct engine_io *io,
                     const struct event *event, struct errbuf *why)
{
    if (context->new_entities == 0 ||
        intake_count(&context->intake, event->connector, event->connector_name,
                     event->received_ms) < context->new_entities) {
        return true;
    }
    errbuf_set_field(why, "connector",
                     "%.40s/%.40s has made %lld entities in this hour, no more "
                     "are taken ([context] new_entities)",
                     event->connector, event->connector_name,
                     (long long)context->new_entities);
    log_complain(&context->full, "CONTEXT-FULL", "%s: %s", event->entity_id,
                 why->text);
    engine_count(io, "entities_refused", 1);
    return false;
}

static enum engine_verdict take_known(struct context *context,
                                      struct engine_io *io,
                                      struct entity *entity,
                                      const struct event *event)
{
    /* What an operator does is answered: the alarm engine refuses it. */
    if (!entity->enabled && !event_type_is_action(event->type)) {
        engine_count(io, "disabled", 1);
        return ENGINE_DROP;
    }
    if (makes_entities(event)) {
        entities_touch(&context->entities, entity, event->timestamp_ms);
        if (entities_update(&context->entities, entity, event)) {
            entity_put_row(io, entity);
        }
    }
    return ENGINE_FORWARD;
}

static enum engine_verdict context_process(void *state, struct engine_io *io,
                                           const struct event *event,
                                           struct errbuf *why)
{
    struct context *context = state;
    struct creation creation = {.io = io, .context = context, .event = event};
    struct entity *entity;

    if (event->type == EVENT_SET) {
        return take_set(context, io, event);
    }
    if (event_type_is_entity_action(event->type)) {
        return entity_action_take(&context->entities, io, event)
                   ? ENGINE_FORWARD
                   : ENGINE_DROP;
    }
    entity = entities_find(&context->entities, event->entity_id);
    if (entity == NULL) {
        if (!makes_entities(event)) {
            return ENGINE_FORWARD;
        }
        if (!has_room(context, io, event, why)) {
            return ENGINE_REJECT;
        }
        entity = entities_take(&context->entities, event, created, &creation);
    }
    return take_known(context, io, entity, event);
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
            entity_put_row(io, entity);
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

static const struct engine_metric context_metrics[] = {
    {"entities", "Entities kept in memory", true},
    {"entities_created", "Entities made", false},
    {"entities_refused", "New entities refused: too many of one connector",
     false},
    {"entities_deleted", "Entities deleted", false},
    {"disabled", "Events of disabled entities, dropped", false},
    {"actions_refused", "Operators' actions that were refused", false},
    {0}};

const struct engine_ops context_engine = {
    .name = "context",
    .description =
        "Knows every connector, component and resource that events speak of:\n"
        "creates them, keeps what events say of them (infos, tags, groups,\n"
        "state, last event) and adds it to the events that pass. Those that\n"
        "operators disabled stay silent; those they delete are forgotten.",
    .options = context_options,
    .state_size = sizeof(struct context),
    .metrics = context_metrics,
    .load = context_load,
    .process = context_process,
    .enrich = context_enrich,
    .beat = context_beat,
    .delta = context_delta,
    .delta_apply = context_delta_apply,
    .fold = context_fold,
    .fini = context_fini,
};
