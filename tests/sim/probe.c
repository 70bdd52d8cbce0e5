/* SPDX-License-Identifier: Apache-2.0 */
/** An engine made to show every kind of effect. */
#include "tests/sim/probe.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

enum {
    PROBE_ENTITIES = 16,
    PROBE_NAME = 64
};

struct probe_entity {
    char name[PROBE_NAME];
    int state;
    int64_t count;
    int64_t steps;
    bool touched;
    bool dirty;
};

struct probe {
    struct probe_entity entities[PROBE_ENTITIES];
    size_t n;
};

static struct probe_entity *find(struct probe *probe, const char *name)
{
    struct probe_entity *entity;

    for (size_t i = 0; i < probe->n; i++) {
        if (strcmp(probe->entities[i].name, name) == 0) {
            return &probe->entities[i];
        }
    }
    BUG_IF(probe->n == PROBE_ENTITIES);
    entity = &probe->entities[probe->n++];
    *entity = (struct probe_entity){.state = 0};
    (void)snprintf(entity->name, sizeof entity->name, "%s", name);
    return entity;
}

static void write_row(struct engine_io *io, struct probe_entity *entity)
{
    const struct store_key key = {.text = entity->name};
    struct doc_out *out = engine_scratch(io);

    doc_out_reset(out);
    doc_add_i64(out, "state", entity->state);
    doc_add_i64(out, "count", entity->count);
    doc_add_i64(out, "steps", entity->steps);
    store_batch_put(engine_batch(io), STORE_ENTITIES, &key, doc_out_done(out));
    entity->dirty = false;
}

static bool read_row(void *ctx, const struct store_key *key, struct doc row)
{
    struct probe_entity *entity = find(ctx, key->text);

    entity->state = (int)doc_i64(row, "state", 0);
    entity->count = doc_i64(row, "count", 0);
    entity->steps = doc_i64(row, "steps", 0);
    return true;
}

static enum err probe_load(void *state, struct engine_io *io)
{
    struct probe *probe = state;
    const struct store_query query = {.collection = STORE_ENTITIES,
                                      .limit = INT64_MAX};

    probe->n = 0;
    return store_scan(engine_store(io), &query, read_row, probe, NULL, NULL);
}

static void originate_step(struct engine_io *io, struct probe_entity *entity)
{
    char id[PROBE_NAME + 32];
    char body[32];

    entity->steps++;
    (void)snprintf(id, sizeof id, "%s/%" PRId64, entity->name, entity->steps);
    (void)snprintf(body, sizeof body, "%d", entity->state);
    engine_originate(io, &(struct engine_outgoing){.exchange = BUS_ALERTS,
                                                   .routing_key = entity->name,
                                                   .content_type = "text/plain",
                                                   .message_id = id,
                                                   .body = body,
                                                   .len = strlen(body)});
}

static enum engine_verdict probe_process(void *state, struct engine_io *io,
                                         const struct event *event,
                                         struct errbuf *why)
{
    struct probe_entity *entity;

    if (strcmp(event->output, "drop") == 0) {
        return ENGINE_DROP;
    }
    if (strcmp(event->output, "refuse") == 0) {
        errbuf_set_field(why, "output", "refused on purpose");
        return ENGINE_REJECT;
    }
    entity = find(state, event->component);
    entity->count++;
    entity->touched = true;
    entity->dirty = true;
    if (entity->state != event->state) {
        entity->state = event->state;
        originate_step(io, entity);
        write_row(io, entity);
        entity->dirty = true;
    }
    return ENGINE_FORWARD;
}

static bool probe_delta(void *state, struct doc_out *out)
{
    struct probe *probe = state;
    bool any = false;

    for (size_t i = 0; i < probe->n; i++) {
        struct probe_entity *entity = &probe->entities[i];

        if (entity->touched) {
            doc_add_i64(out, entity->name, entity->count);
            entity->touched = false;
            any = true;
        }
    }
    return any;
}

static void probe_delta_apply(void *state, struct doc delta)
{
    struct doc_iter it;
    struct doc_value value;
    const char *name;

    doc_iter_init(&it, delta);
    while (doc_next(&it, &name, &value)) {
        struct probe_entity *entity = find(state, name);

        entity->count = value.u.i;
        entity->dirty = true;
    }
}

static bool probe_fold(void *state, struct engine_io *io, size_t most)
{
    struct probe *probe = state;

    for (size_t i = 0; i < probe->n; i++) {
        if (probe->entities[i].dirty) {
            if (most-- == 0) {
                return false;
            }
            write_row(io, &probe->entities[i]);
        }
    }
    return true;
}

const struct engine_ops probe_engine = {
    .name = "context",
    .description = "test engine",
    .state_size = sizeof(struct probe),
    .load = probe_load,
    .process = probe_process,
    .delta = probe_delta,
    .delta_apply = probe_delta_apply,
    .fold = probe_fold,
};

/* The sink: what arrived, in the order it was applied. */

struct sink {
    int64_t n;
};

static bool count_row(void *ctx, const struct store_key *key, struct doc row)
{
    struct sink *sink = ctx;

    (void)row;
    sink->n = key->a;
    return true;
}

static enum err sink_load(void *state, struct engine_io *io)
{
    const struct store_query query = {.collection = STORE_EVENTS_LOG,
                                      .limit = INT64_MAX};

    ((struct sink *)state)->n = 0;
    return store_scan(engine_store(io), &query, count_row, state, NULL, NULL);
}

static enum engine_verdict sink_process(void *state, struct engine_io *io,
                                        const struct event *event,
                                        struct errbuf *why)
{
    struct sink *sink = state;
    const struct store_key key = {.a = ++sink->n};
    struct doc_out *out = engine_scratch(io);

    (void)why;
    doc_out_reset(out);
    doc_add_str(out, "id", event->id);
    doc_add_str(out, "component", event->component);
    doc_add_i64(out, "seq", doc_i64(event->extra, "seq", -1));
    store_batch_append(engine_batch(io), STORE_EVENTS_LOG, &key,
                       doc_out_done(out));
    return ENGINE_FORWARD;
}

const struct engine_ops sink_engine = {
    .name = "eventstore",
    .description = "test engine",
    .state_size = sizeof(struct sink),
    .load = sink_load,
    .process = sink_process,
};
