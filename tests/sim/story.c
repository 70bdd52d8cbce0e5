/* SPDX-License-Identifier: Apache-2.0 */
/** A run of events through cleaner, probe and sink, and its plain model. */
#include "tests/sim/story.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/mem.h"
#include "engines/cleaner/cleaner.h"
#include "tests/sim/probe.h"

enum {
    STORY_ENTITIES = 3,
    STORY_EVENTS_MAX = 512,
    STORY_STEPS = 7000,
    STORY_SEND_EVERY = 30,
    N_STORY_ENGINES = 3
};

/* A small window of ids: a large one is what most of a run's time went to. */
static const char *const few_ids[] = {"cleaner.ids_max=1000", NULL};

static const struct world_engine story_engines[] = {
    {.ops = &cleaner_engine, .next = "context", .options = few_ids},
    {.ops = &probe_engine, .next = "eventstore"},
    {.ops = &sink_engine}};

/* The same in one process. */
static const struct world_engine story_process[] = {
    {.ops = &cleaner_engine,
     .next = "context",
     .options = few_ids,
     .shares = true},
    {.ops = &probe_engine, .next = "eventstore", .shares = true},
    {.ops = &sink_engine, .shares = true}};

/* One event of the story, as sent and as the model takes it. */
struct sent {
    int entity;
    int state;
    bool drop;
    bool refuse;
};

struct model {
    struct sent sent[STORY_EVENTS_MAX];
    int n;
    int state[STORY_ENTITIES];
    int64_t count[STORY_ENTITIES];
    int steps[STORY_ENTITIES][STORY_EVENTS_MAX]; /* state of each step */
    int n_steps[STORY_ENTITIES];
    int refused;
};

static char difference[256];

#define DIFFER(...)                                                            \
    do {                                                                       \
        (void)snprintf(difference, sizeof difference, __VA_ARGS__);            \
        return false;                                                          \
    } while (0)

static void model_take(struct model *model, const struct sent *sent)
{
    int e = sent->entity;

    model->sent[model->n++] = *sent;
    if (sent->refuse) {
        model->refused++;
    }
    if (sent->refuse || sent->drop) {
        return;
    }
    model->count[e]++;
    if (model->state[e] != sent->state) {
        model->state[e] = sent->state;
        model->steps[e][model->n_steps[e]++] = sent->state;
    }
}

static void send_one(struct world *world, struct model *model, bool distinct)
{
    struct dice *dice = world_dice(world);
    struct sent sent = {.entity = (int)dice_roll(dice, STORY_ENTITIES),
                        .state = (int)dice_roll(dice, 3)};
    char seq[32] = "";
    char json[512];

    sent.drop = distinct && dice_one_in(dice, 12);
    sent.refuse = distinct && !sent.drop && dice_one_in(dice, 15);
    if (distinct) {
        (void)snprintf(seq, sizeof seq, ",\"seq\":%d", model->n);
    }
    (void)snprintf(json, sizeof json,
                   "{\"connector\":\"sim\",\"connector_name\":\"sim\","
                   "\"event_type\":\"check\",\"component\":\"%c\","
                   "\"state\":%d,\"output\":\"%s\"%s}",
                   'x' + sent.entity, sent.state,
                   sent.drop     ? "drop"
                   : sent.refuse ? "refuse"
                                 : "",
                   seq);
    model_take(model, &sent);
    world_send(world, json);
}

/* Comparing. */

static bool compare_entity(struct store *store, const struct model *model,
                           int e, bool distinct)
{
    const char name[] = {(char)('x' + e), '\0'};
    const struct store_key key = {.text = name};
    struct buf row;
    struct doc doc = {NULL, 0};
    int64_t state;
    int64_t count;
    int64_t steps;

    buf_init(&row, DOC_BYTES_MAX);
    if (store_get(store, STORE_ENTITIES, &key, &row) == ERR_OK) {
        doc = (struct doc){(const uint8_t *)row.data, (uint32_t)row.len};
    }
    state = doc_i64(doc, "state", 0);
    count = doc_i64(doc, "count", 0);
    steps = doc_i64(doc, "steps", 0);
    buf_fini(&row);
    if (state != model->state[e]) {
        DIFFER("%s: state %" PRId64 ", expected %d", name, state,
               model->state[e]);
    }
    if (distinct && (count != model->count[e] || steps != model->n_steps[e])) {
        DIFFER("%s: count %" PRId64 " steps %" PRId64 ", expected %" PRId64
               " and %d",
               name, count, steps, model->count[e], model->n_steps[e]);
    }
    return true;
}

/* Every step is on the bus, for a consumer that takes only the one it expects:
 * after a nack, later ones stand before the missing one, and again after. */
static bool compare_steps(struct broker *broker, const struct model *model)
{
    struct bus_message message;
    int next[STORY_ENTITIES] = {0};

    for (size_t i = 0; broker_peek(broker, "listener", i, &message); i++) {
        int e = message.routing_key[0] - 'x';
        int step = (int)strtol(message.properties.message_id + 2, NULL, 10);

        if (step == next[e] + 1) {
            if (((const char *)message.body)[0] - '0' !=
                model->steps[e][next[e]]) {
                DIFFER("%c: step %d has another state", 'x' + e, step);
            }
            next[e]++;
        }
    }
    for (int e = 0; e < STORY_ENTITIES; e++) {
        if (next[e] != model->n_steps[e]) {
            DIFFER("%c: %d steps on the bus, expected %d", 'x' + e, next[e],
                   model->n_steps[e]);
        }
    }
    return true;
}

struct sink_walk {
    const struct model *model;
    int at[STORY_ENTITIES]; /* index in sent of the next expected */
    bool same;
};

static int next_forwarded(const struct model *model, int e, int from)
{
    while (from < model->n &&
           (model->sent[from].entity != e || model->sent[from].drop ||
            model->sent[from].refuse)) {
        from++;
    }
    return from;
}

static bool walk_sink(void *ctx, const struct store_key *key, struct doc row)
{
    struct sink_walk *walk = ctx;
    int e = doc_str(row, "component", "x")[0] - 'x';
    int expected = next_forwarded(walk->model, e, walk->at[e]);
    int64_t seq = doc_i64(row, "seq", -1);

    if (seq != expected) {
        walk->same = false;
        (void)snprintf(difference, sizeof difference,
                       "sink row %" PRId64 " of %c: event %" PRId64
                       " (%s), expected %d",
                       key->a, 'x' + e, seq, doc_str(row, "id", ""), expected);
        return false;
    }
    walk->at[e] = expected + 1;
    return true;
}

static bool compare_sink(struct store *store, const struct model *model)
{
    const struct store_query query = {.collection = STORE_EVENTS_LOG,
                                      .limit = INT64_MAX};
    struct sink_walk walk = {.model = model, .same = true};

    if (store_scan(store, &query, walk_sink, &walk, NULL, NULL) != ERR_OK) {
        DIFFER("the log cannot be read");
    }
    for (int e = 0; walk.same && e < STORY_ENTITIES; e++) {
        int left = next_forwarded(model, e, walk.at[e]);

        if (left != model->n) {
            DIFFER("%c: event %d never reached the sink", 'x' + e, left);
        }
    }
    return walk.same;
}

static bool seen_before(struct broker *broker, size_t i, const char *id)
{
    struct bus_message message;

    while (i-- > 0) {
        if (broker_peek(broker, "Engine_dead", i, &message) &&
            strcmp(message.properties.message_id, id) == 0) {
            return true;
        }
    }
    return false;
}

static bool compare_dead(struct broker *broker, const struct model *model)
{
    struct bus_message message;
    int n = 0;

    for (size_t i = 0; broker_peek(broker, "Engine_dead", i, &message); i++) {
        char *id = xstrdup(message.properties.message_id);

        n += !seen_before(broker, i, id);
        free(id);
    }
    if (n != model->refused) {
        DIFFER("%d dead letters, expected %d", n, model->refused);
    }
    return true;
}

static bool compare(struct world *world, const struct model *model,
                    bool distinct)
{
    struct store *store = world_reader(world);
    bool same = true;

    for (int e = 0; same && e < STORY_ENTITIES; e++) {
        same = compare_entity(store, model, e, distinct);
    }
    if (same && distinct) {
        same = compare_steps(world_broker(world), model) &&
               compare_sink(store, model) &&
               compare_dead(world_broker(world), model);
    }
    store_close(store);
    return same;
}

/* One process of all, or one for each. */
static const struct world_engine *engines_of(bool one)
{
    return one ? story_process : story_engines;
}

const char *story_run(const struct story_options *options)
{
    bool one = options->faults.one;
    struct world *world =
        world_new(options->seed, engines_of(one), N_STORY_ENGINES);
    struct model *model = xcalloc(1, sizeof *model);

    BUG_IF(options->events > STORY_EVENTS_MAX);
    difference[0] = '\0';
    broker_bind(world_broker(world), "listener", "canopsis.alerts", "#");
    for (int i = 0; i < 200; i++) {
        world_step(world); /* everything is declared before the first event */
    }
    world_set_faults(world, &options->faults);
    for (int i = 0; i < STORY_STEPS; i++) {
        if (model->n < options->events &&
            dice_one_in(world_dice(world), STORY_SEND_EVERY)) {
            send_one(world, model, options->distinct);
        }
        if (dice_one_in(world_dice(world), options->faults.swap)) {
            one = !one;
            world_swap(world, engines_of(one));
        }
        world_step(world);
    }
    while (model->n < options->events) {
        send_one(world, model, options->distinct);
    }
    if (!world_settle(world)) {
        (void)snprintf(difference, sizeof difference, "it never ends");
    } else {
        world_restart_all(world);
        if (!world_settle(world)) {
            (void)snprintf(difference, sizeof difference,
                           "it never ends after a restart");
        } else {
            (void)compare(world, model, options->distinct);
        }
    }
    free(model);
    world_free(world);
    return difference;
}
