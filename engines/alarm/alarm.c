/* SPDX-License-Identifier: Apache-2.0 */
/** Engine "alarm": one open alarm per entity, and all that happens to it. */
#include "engines/alarm/alarm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/engine/known.h"
#include "common/store/objects.h"
#include "engines/alarm/alarm_book.h"
#include "engines/alarm/alarm_chain.h"
#include "engines/alarm/alarm_numbers.h"
#include "engines/alarm/alarm_request.h"
#include "engines/alarm/alarm_row.h"

enum {
    JSON_MAX = DOC_BYTES_MAX,
    KEY_MAX = 2 * EVENT_ENTITY_ID_MAX,
    MESSAGE_ID_MAX = 256,
    LATE_TEXT_MAX = 512,
    CHAIN_NAME_MAX = 128,
    CHAIN_SILENCES = 3,
    BEAT_WRITES = 3000,           /* timers of a beat stop there, and at */
    BEAT_BYTES = 2 * 1024 * 1024, /* these: the rest goes with the next */
    SWEEP_EVERY_MS = 10000,
    SWEEP_ALARMS = 100, /* removed with their steps in one beat */
    MS_PER_S = 1000
};

struct alarm_state {
    struct alarm_rules rules; /**< the site's */
    struct alarm_numbers_book numbers;
    struct alarm_book book;
    struct known known;
    struct alarm_request request;
    struct doc_out *facts;
    struct buf json;
    struct buf key;
    struct buf own_id;
    struct buf own_rk;
    struct log_complaint late;
    struct alarm_chain chain;
    struct log_complaint chain_complaint;
    int64_t chain_late_ms;
    int64_t keep_resolved_ms;
    int64_t sweep_ms; /* when resolved alarms are swept next */
    bool folding;     /**< until it is through, rows are written at once */
    struct alarm_entity **surplus; /**< n_surplus, each with an open alarm */
    size_t n_surplus;
};

/* What one input leads to. */
struct turn {
    struct alarm_state *state;
    struct engine_io *io;
    struct alarm_entity *entity;
    const struct event *event; /**< NULL: a timer */
    const char *action;        /**< id; "" none */
    struct alarm_result result;
};

static const struct alarm_rules *rules_of(const struct alarm_state *state,
                                          const struct alarm_entity *entity)
{
    return alarm_rules_of(entity, &state->rules);
}

static void put_row(const struct turn *turn)
{
    struct alarm_entity *entity = turn->entity;
    struct doc_out *out = engine_scratch(turn->io);
    struct store_batch *batch = engine_batch(turn->io);
    struct store_key key = {.text = entity->id};

    if (entity->alarm == NULL) {
        store_batch_put(batch, STORE_TRACKS, &key,
                        alarm_row_track(entity, out));
        entity->stored = true;
    } else {
        if (entity->stored) {
            store_batch_delete(batch, STORE_TRACKS, &key);
            entity->stored = false;
        }
        key.text = entity->alarm->id;
        if (turn->result.opened) {
            store_batch_append(batch, STORE_ALARMS, &key,
                               alarm_row_open(entity, out));
        } else {
            store_batch_put(batch, STORE_ALARMS, &key,
                            alarm_row_open(entity, out));
        }
    }
    alarm_book_settle(&turn->state->book, entity);
}

static void forget(const struct turn *turn)
{
    const struct store_key key = {.text = turn->entity->id};

    if (turn->entity->stored) {
        store_batch_delete(engine_batch(turn->io), STORE_TRACKS, &key);
    }
    alarm_book_remove(&turn->state->book, turn->entity);
}

/* Tell a step or a refusal; id: how consumers know a repeat. */
static void tell(const struct turn *turn, const struct alarm_notice *notice,
                 const char *id)
{
    struct alarm_state *state = turn->state;
    struct doc doc = alarm_notice_write(notice, engine_scratch(turn->io));

    buf_clear(&state->json);
    doc_to_json(doc, &state->json);
    BUG_IF(state->json.overflow);
    alarm_notice_key(notice, &state->key);
    engine_originate(
        turn->io, &(struct engine_outgoing){.exchange = BUS_ALERTS,
                                            .routing_key = buf_str(&state->key),
                                            .content_type = "application/json",
                                            .message_id = id,
                                            .body = state->json.data,
                                            .len = state->json.len});
}

static void tell_step(const struct turn *turn, const struct alarm_step *step,
                      int64_t resolved_ms)
{
    const struct alarm_notice notice = {.entity = turn->entity,
                                        .step = step,
                                        .event = turn->event,
                                        .resolved_ms = resolved_ms,
                                        .action = turn->action};
    char id[MESSAGE_ID_MAX];

    (void)snprintf(id, sizeof id, "%s/%" PRId64, turn->entity->alarm->id,
                   step->number);
    tell(turn, &notice, id);
}

static void put_steps(const struct turn *turn)
{
    const struct alarm_result *result = &turn->result;
    const struct alarm *alarm = turn->entity->alarm;
    struct store_batch *batch = engine_batch(turn->io);
    struct store_key key = {.text = alarm->id};
    bool collapsed = false;

    for (size_t i = 0; i < result->n; i++) {
        const struct alarm_step *step = &result->steps[i];

        if (step->collapsed) {
            collapsed = true;
            continue;
        }
        key.a = step->number;
        store_batch_append(batch, STORE_STEPS, &key,
                           alarm_row_step(turn->entity, step, turn->action,
                                          engine_scratch(turn->io)));
    }
    if (collapsed) {
        key.a = alarm->collapsed->number;
        store_batch_put(
            batch, STORE_STEPS, &key,
            alarm_row_collapsed(turn->entity, engine_scratch(turn->io)));
    }
    engine_count(turn->io, "steps", result->n);
}

static void put_resolved(const struct turn *turn, int64_t resolved_ms)
{
    struct store_batch *batch = engine_batch(turn->io);
    const struct store_key key = {.text = turn->entity->alarm->id};

    store_batch_delete(batch, STORE_ALARMS, &key);
    store_batch_append(batch, STORE_ALARMS_RESOLVED, &key,
                       alarm_row_resolved(turn->entity, resolved_ms,
                                          engine_scratch(turn->io)));
    alarm_book_close(&turn->state->book, turn->entity);
    alarm_numbers_settle(&turn->state->numbers, turn->entity);
    engine_count(turn->io, "alarms_resolved", 1);
}

static void record(const struct turn *turn)
{
    const struct alarm_result *result = &turn->result;
    int64_t resolved_ms = 0;

    if (result->n == 0) {
        return;
    }
    if (result->resolved) {
        resolved_ms = result->steps[result->n - 1].t_ms;
    }
    put_steps(turn);
    for (size_t i = 0; i < result->n; i++) {
        tell_step(turn, &result->steps[i], resolved_ms);
    }
    if (result->resolved) {
        put_resolved(turn, resolved_ms);
    }
}

/* Counters wait for the fold, unless one is under way: it must end. */
static void note_counters(const struct turn *turn)
{
    const struct alarm_entity *entity = turn->entity;

    if (entity->alarm == NULL && entity->ttl_ms == 0 &&
        turn->state->rules.late_after == 0) {
        return; /* nobody will ask when it was seen */
    }
    if (turn->state->folding) {
        put_row(turn);
    } else {
        alarm_book_touch(&turn->state->book, turn->entity);
    }
}

/* Write and tell what a turn changed, and set the timers by it. */
static void finish(const struct turn *turn)
{
    const struct alarm_result *result = &turn->result;
    struct alarm_entity *entity = turn->entity;
    struct alarm_state *state = turn->state;

    if (result->opened) {
        alarm_book_opened(&state->book, entity);
        engine_count(turn->io, "alarms_opened", 1);
    }
    record(turn);
    if (entity->alarm == NULL &&
        alarm_silence_due(entity, rules_of(state, entity), 0) <= 0) {
        forget(turn);
        return;
    }
    if (result->changed || (entity->alarm == NULL && !entity->stored)) {
        put_row(turn);
    } else {
        note_counters(turn);
    }
    alarm_book_arm(&state->book, entity, &state->rules);
}

/* Checks. */

static struct alarm_entity *add_entity(struct alarm_state *state,
                                       const struct event *event)
{
    struct alarm_entity *entity = alarm_entity_new(event);

    entity->rk_hash = alarm_book_key(event->rk);
    alarm_book_add(&state->book, entity);
    alarm_numbers_settle(&state->numbers, entity);
    return entity;
}

/* Most checks are of this kind: all is well and was. */
static bool is_nothing(const struct alarm_state *state,
                       const struct event *event)
{
    bool unsure = state->rules.hard_only && !event->hard;

    return (event->state == STATE_OK || unsure) && event->ttl_ms == 0 &&
           state->rules.late_after == 0;
}

/* The numbers follow the facts that the check brings; where its alarm does not
 * get them, back to those that it has. */
static void take_check(struct turn *turn, const struct event *event)
{
    struct alarm_state *state = turn->state;
    struct alarm_entity *entity = turn->entity;
    struct alarm_input input = {.event = event};
    bool chosen = false;

    if (entity->alarm != NULL || event->state != STATE_OK) {
        input.maintenance = alarm_facts_read(event, state->facts, &input.facts);
        chosen = entity->alarm == NULL ||
                 !alarm_facts_are(entity->alarm, input.facts);
    }
    if (chosen) {
        alarm_numbers_choose(&state->numbers, entity, input.facts);
    }
    turn->event = event;
    turn->action = "";
    alarm_check(entity, rules_of(state, entity), &input, &turn->result);
    if (chosen && (entity->alarm == NULL || turn->result.late)) {
        alarm_numbers_settle(&state->numbers, entity);
    }
}

/* What is told of a source stays with the partition that tells it. */
static char *home_of(const struct event *late)
{
    bool is_elsewhere = late->component[0] != '\0' &&
                        strcmp(late->component, late->connector_name) != 0;

    return is_elsewhere ? xstrdup(late->component) : NULL;
}

/* A check that no source sends: the engine's own, about names of its choice.
 * Complete what follows from them and take it as if it had come.
 *
 * home  the component whose partition has it, taken; NULL: its own's. */
static void take_own(struct alarm_state *state, struct engine_io *io,
                     struct event *event, char *home)
{
    struct turn turn = {.state = state, .io = io};

    buf_clear(&state->own_id);
    event_entity_id(event, &state->own_id);
    event->entity_id = buf_str(&state->own_id);
    buf_clear(&state->own_rk);
    event_routing_key(event, &state->own_rk);
    event->rk = buf_str(&state->own_rk);
    turn.entity = alarm_book_find(&state->book, event->entity_id);
    if (turn.entity == NULL) {
        turn.entity = add_entity(state, event);
        turn.entity->silence_is_ok = true;
        turn.entity->home = home;
    } else {
        free(home);
    }
    take_check(&turn, event);
    finish(&turn);
}

/* A source whose checks come late by its own dates: what would be silence is
 * told, as an alarm on that source's clock that ends with the cause. */
static void blame_clock(struct alarm_state *state, struct engine_io *io,
                        const struct event *late, int64_t by_ms)
{
    char output[LATE_TEXT_MAX];
    struct event event = *late;

    (void)snprintf(output, sizeof output,
                   "checks come %" PRId64 " s late by their own time, so "
                   "they change no state: last of %.200s",
                   by_ms / MS_PER_S, late->rk);
    event.component = late->connector_name;
    event.resource = "clock";
    event.source_type = EVENT_SOURCE_RESOURCE;
    event.type = EVENT_CHECK;
    event.type_name = event_type_name(EVENT_CHECK);
    event.state = STATE_MINOR;
    event.hard = true;
    event.output = output;
    event.long_output = "";
    event.timestamp_ms = late->received_ms;
    event.ttl_ms = state->rules.late_clear;
    event.tags = (struct doc){NULL, 0};
    event.infos = (struct doc){NULL, 0};
    event.extra = (struct doc){NULL, 0};
    take_own(state, io, &event, home_of(late));
}

static void on_check(struct alarm_state *state, struct engine_io *io,
                     struct alarm_entity *entity, const struct event *event)
{
    struct turn turn = {.state = state, .io = io, .entity = entity};
    int64_t late_ms = entity->seen_t_ms - event->timestamp_ms;

    take_check(&turn, event);
    finish(&turn);
    if (turn.result.late) {
        engine_count(io, "late", 1);
        log_complain(&state->late, "ALARM-LATE",
                     "%s: a check %" PRId64 " s older than the one before "
                     "changed no state (late_after)",
                     event->entity_id, late_ms / MS_PER_S);
        blame_clock(state, io, event, late_ms);
    }
}

/* Actions. */

static void refuse(struct turn *turn, const struct errbuf *why)
{
    const struct event *event = turn->event;
    const char *cause = turn->action[0] != '\0' ? turn->action
                        : event->id != NULL     ? event->id
                                                : "";
    const struct alarm_notice notice = {.entity = turn->entity,
                                        .event = event,
                                        .t_ms = event->timestamp_ms,
                                        .action = turn->action,
                                        .reason = why->text};
    char id[MESSAGE_ID_MAX];

    (void)snprintf(id, sizeof id, "%s/refused", cause);
    tell(turn, &notice, id);
    engine_count(turn->io, "actions_refused", 1);
}

/* By alarm id, so that a late action never hits the next alarm; else by the
 * routing key it refers to, or by the fields of the entity. */
static enum err find_target(struct turn *turn, struct errbuf *why)
{
    const struct alarm_book *book = &turn->state->book;
    const struct event *event = turn->event;

    if (event->alarm_id[0] != '\0') {
        turn->entity = alarm_book_find_alarm(book, event->alarm_id);
        if (turn->entity == NULL) {
            errbuf_set_field(why, "alarm_id", "alarm %s is no longer open",
                             event->alarm_id);
            return ERR_NOT_FOUND;
        }
        return ERR_OK;
    }
    if (event->ref_rk[0] != '\0') {
        turn->entity = alarm_book_find_key(book, event->ref_rk);
    }
    if (turn->entity == NULL) {
        turn->entity = alarm_book_find(book, event->entity_id);
    }
    if (turn->entity == NULL || turn->entity->alarm == NULL) {
        errbuf_set(why, "no alarm is open for %.300s",
                   event->entity_id[0] != '\0' ? event->entity_id
                                               : "an unnamed entity");
        return ERR_NOT_FOUND;
    }
    return ERR_OK;
}

static void on_action(struct alarm_state *state, struct engine_io *io,
                      const struct event *event, const struct errbuf *refused)
{
    struct turn turn = {
        .state = state, .io = io, .event = event, .action = event->action_id};
    const struct alarm_input input = {.event = event};
    struct errbuf why = {{0}, {0}};
    enum err found;

    if (turn.action[0] != '\0') {
        if (known_has(&state->known, turn.action)) {
            engine_count(io, "actions_repeated", 1);
            return;
        }
        known_add(&state->known, io, turn.action);
    }
    engine_count(io, "actions", 1);
    if (refused != NULL) {
        refuse(&turn, refused);
        return;
    }
    /* Found in any case: a refusal tells the state of its alarm too. */
    found = find_target(&turn, &why);
    if (alarm_action_possible(event->type, &why) != ERR_OK || found != ERR_OK ||
        alarm_action(turn.entity, rules_of(state, turn.entity), &input,
                     &turn.result, &why) != ERR_OK) {
        refuse(&turn, &why);
        return;
    }
    finish(&turn);
}

/* Whether the entity will send nothing any more that the engine hears. */
static bool is_gone(const struct event *event)
{
    return event->type == EVENT_DISABLE || event->type == EVENT_DELETE;
}

static void on_gone(struct alarm_state *state, struct engine_io *io,
                    const struct event *event)
{
    struct turn turn = {
        .state = state, .io = io, .event = event, .action = event->action_id};

    turn.entity = alarm_book_find(&state->book, event->entity_id);
    if (turn.entity != NULL) {
        alarm_gone(turn.entity, rules_of(state, turn.entity), event,
                   &turn.result);
        finish(&turn);
    }
}

static enum engine_verdict alarm_process(void *at, struct engine_io *io,
                                         const struct event *event,
                                         struct errbuf *why)
{
    struct alarm_state *state = at;
    struct alarm_entity *entity;

    (void)why;
    if (event_type_is_check(event->type)) {
        entity = alarm_book_find(&state->book, event->entity_id);
        if (entity == NULL && !is_nothing(state, event)) {
            entity = add_entity(state, event);
        }
        if (entity != NULL) {
            on_check(state, io, entity, event);
        }
    } else if (event_type_is_action(event->type)) {
        on_action(state, io, event, NULL);
    } else if (is_gone(event)) {
        on_gone(state, io, event);
    }
    return ENGINE_FORWARD;
}

static void alarm_extra(void *at, struct engine_io *io, size_t queue,
                        const struct bus_delivery *delivery)
{
    struct alarm_state *state = at;
    struct event event;
    struct errbuf why = {{0}, {0}};
    bool bad;

    (void)queue;
    bad = alarm_request_read(&state->request, delivery, engine_now_ms(io),
                             &event, &why) != ERR_OK;
    on_action(state, io, &event, bad ? &why : NULL);
}

/* Timers. */

static bool beat_is_full(struct engine_io *io)
{
    const struct store_batch *batch = engine_batch(io);

    return store_batch_count(batch) >= BEAT_WRITES ||
           store_batch_bytes(batch) >= BEAT_BYTES;
}

static void beat_wall(struct alarm_state *state, struct engine_io *io)
{
    struct turn turn = {.state = state, .io = io, .action = ""};
    struct alarm_timer *timer;
    int64_t due_ms;

    while ((timer = alarm_timers_first(&state->book.wall, &due_ms)) != NULL &&
           due_ms <= engine_now_ms(io) && !beat_is_full(io)) {
        turn.entity = alarm_book_of_wall(timer);
        alarm_snooze_end(turn.entity, rules_of(state, turn.entity),
                         &turn.result);
        finish(&turn);
    }
}

/* One that is due by its place may have been moved since. */
static void beat_one(struct turn *turn, int64_t chain_ms)
{
    struct alarm_state *state = turn->state;
    const struct alarm_rules *rules = rules_of(state, turn->entity);
    int64_t gap_ms = engine_chain_gap_ms(turn->io);
    int64_t due_ms = alarm_silence_due(turn->entity, rules, gap_ms);

    alarm_timers_set(&state->book.chain, &turn->entity->chain,
                     due_ms > chain_ms ? due_ms : ALARM_NEVER);
    if (due_ms > chain_ms) {
        return;
    }
    if (alarm_silence(turn->entity, rules, gap_ms, &turn->result)) {
        finish(turn);
    } else {
        forget(turn);
    }
}

static void beat_chain(struct alarm_state *state, struct engine_io *io)
{
    struct turn turn = {.state = state, .io = io, .action = ""};
    int64_t chain_ms = engine_chain_ms(io);
    struct alarm_timer *timer;
    int64_t due_ms;

    while ((timer = alarm_timers_first(&state->book.chain, &due_ms)) != NULL &&
           due_ms <= chain_ms && !beat_is_full(io)) {
        turn.entity = alarm_book_of_chain(timer);
        beat_one(&turn, chain_ms);
    }
}

/* Resolved alarms that are too old, with their steps. */
struct sweep {
    struct engine_io *io;
    int64_t floor_ms;
    size_t n;
};

static bool sweep_row(void *ctx, const struct store_key *key, struct doc row)
{
    struct sweep *sweep = ctx;
    struct store_batch *batch = engine_batch(sweep->io);
    const struct store_key first = {.text = key->text, .a = 0};
    const struct store_key past = {.text = key->text, .a = INT64_MAX};

    if (doc_ms(row, "resolved_at", INT64_MAX) >= sweep->floor_ms) {
        return false;
    }
    store_batch_delete(batch, STORE_ALARMS_RESOLVED, key);
    store_batch_delete_range(batch, STORE_STEPS, &first, &past);
    sweep->n++;
    return true;
}

/* The longest resolved first. Where the store does not answer, the next time
 * does. With partitions one is enough to sweep. */
static void beat_sweep(struct alarm_state *state, struct engine_io *io)
{
    const struct store_query query = {.collection = STORE_ALARMS_RESOLVED,
                                      .sort = "resolved_at",
                                      .limit = SWEEP_ALARMS};
    struct sweep sweep = {
        .io = io, .floor_ms = engine_now_ms(io) - state->keep_resolved_ms};
    int64_t parts;

    if (state->keep_resolved_ms == 0 || engine_now_ms(io) < state->sweep_ms ||
        engine_partition(io, &parts) != 0) {
        return;
    }
    if (store_scan(engine_store(io), &query, sweep_row, &sweep, NULL, NULL) ==
        ERR_OK) {
        engine_count(io, "alarms_removed", sweep.n);
    }
    if (sweep.n < SWEEP_ALARMS) {
        state->sweep_ms = engine_now_ms(io) + SWEEP_EVERY_MS;
    }
}

/* Partitions that have become one had each an alarm of the same entity: one
 * of them goes on. */
static void beat_surplus(struct alarm_state *state, struct engine_io *io)
{
    const struct event event = {
        .type = EVENT_DELETE,
        .author = "hypervise",
        .output = "another alarm of the same entity goes on: the partitions "
                  "that had them became one",
        .timestamp_ms = engine_now_ms(io),
        .received_ms = engine_now_ms(io)};

    while (state->n_surplus > 0 && !beat_is_full(io)) {
        struct turn turn = {.state = state, .io = io, .action = ""};

        turn.entity = state->surplus[--state->n_surplus];
        alarm_gone(turn.entity, &state->rules, &event, &turn.result);
        record(&turn);
        alarm_entity_free(turn.entity);
    }
}

/* Names of the entity that stands for the chain as this partition sees it. */
static void name_chain(const struct engine_io *io, struct event *event,
                       char resource[CHAIN_NAME_MAX])
{
    (void)snprintf(resource, CHAIN_NAME_MAX, "Engine_%.64s.chain",
                   engine_row(io));
    event_init(event, EVENT_CHECK);
    event->connector = "Engine";
    event->connector_name = "engine";
    event->component = "hypervise";
    event->resource = resource;
    event->source_type = EVENT_SOURCE_RESOURCE;
    event->hard = true;
    event->timestamp_ms = engine_now_ms(io);
    event->received_ms = engine_now_ms(io);
}

/* A component that this partition owns; NULL: "hypervise" is its own. */
static char *home_of_chain(const struct engine_io *io)
{
    char *home = NULL;

    for (int i = 0; !engine_owns(io, home != NULL ? home : "hypervise", "");
         i++) {
        free(home);
        home = xasprintf("hypervise.%d", i);
    }
    return home;
}

static bool is_chain_alarm_open(struct alarm_state *state,
                                const struct event *event)
{
    const struct alarm_entity *entity;

    buf_clear(&state->own_id);
    event_entity_id(event, &state->own_id);
    entity = alarm_book_find(&state->book, buf_str(&state->own_id));
    return entity != NULL && entity->alarm != NULL &&
           entity->alarm->source_state != STATE_OK;
}

/* An alarm on the chain itself. It takes no way that others must keep open,
 * and ends by silence too, should nobody be left to say that it is over. */
static void beat_own_chain(struct alarm_state *state, struct engine_io *io)
{
    char resource[CHAIN_NAME_MAX];
    char output[LATE_TEXT_MAX];
    struct event event;
    enum alarm_chain_word word;

    name_chain(io, &event, resource);
    word = alarm_chain_look(&state->chain, engine_now_ms(io),
                            engine_chain_ms(io), state->chain_late_ms,
                            is_chain_alarm_open(state, &event));
    if (word == ALARM_CHAIN_NOTHING) {
        return;
    }
    event.output = "events come through again";
    if (word == ALARM_CHAIN_LATE) {
        (void)snprintf(output, sizeof output,
                       "what was sent in the last %" PRId64 " s has not come: "
                       "the broker or an engine before this one stands still "
                       "or is far behind",
                       state->chain.behind_ms / MS_PER_S);
        event.output = output;
        event.state = STATE_CRITICAL;
        event.ttl_ms = CHAIN_SILENCES * ALARM_CHAIN_AGAIN_MS;
        log_complain(&state->chain_complaint, "ALARM-CHAIN", "%s", output);
    } else {
        log_settled(&state->chain_complaint, "ALARM-CHAIN",
                    "events come through the chain again");
    }
    take_own(state, io, &event, home_of_chain(io));
}

static void alarm_beat(void *at, struct engine_io *io)
{
    struct alarm_state *state = at;

    beat_surplus(state, io);
    beat_wall(state, io);
    beat_own_chain(state, io);
    if (engine_chain_ms(io) > 0) {
        beat_chain(state, io);
    }
    beat_sweep(state, io);
    engine_gauge(io, "alarms_open", (int64_t)state->book.alarms.n);
    engine_gauge(io, "entities", (int64_t)state->book.entities.n);
}

/* Rows and counters. */

static bool alarm_delta(void *at, struct doc_out *out)
{
    struct alarm_state *state = at;

    return alarm_book_delta(&state->book, out);
}

static void alarm_delta_apply(void *at, struct doc delta)
{
    struct alarm_state *state = at;

    alarm_book_apply(&state->book, delta, &state->rules);
}

static bool alarm_fold(void *at, struct engine_io *io, size_t most)
{
    struct alarm_state *state = at;
    struct turn turn = {.state = state, .io = io};

    while (state->book.lag_last != NULL && most > 0) {
        turn.entity = state->book.lag_last;
        put_row(&turn);
        most--;
    }
    state->folding = state->book.lag_last != NULL;
    return !state->folding;
}

/* Start and end. */

struct loading {
    struct alarm_state *state;
    struct engine_io *io;
};

static void clear_surplus(struct alarm_state *state)
{
    for (size_t i = 0; i < state->n_surplus; i++) {
        alarm_entity_free(state->surplus[i]);
    }
    free(state->surplus);
    state->surplus = NULL;
    state->n_surplus = 0;
}

/* The first row is used. A second alarm is closed; what else a second row
 * tells was to be forgotten with its entity's alarm. */
static void load_second(struct alarm_state *state, struct alarm_entity *first,
                        struct alarm_entity *second)
{
    if (second->alarm == NULL) {
        first->stored = true; /* its row goes when the first's is put */
        alarm_entity_free(second);
        return;
    }
    log_warning("ALARM-TWICE", "%s: has two alarms, %s is closed", second->id,
                second->alarm->id);
    state->surplus = xrealloc_array(state->surplus, state->n_surplus + 1,
                                    sizeof(struct alarm_entity *));
    state->surplus[state->n_surplus++] = second;
}

/* Whether the row is this partition's. */
static bool owns(const struct engine_io *io, struct doc row)
{
    const char *home = doc_str(row, ALARM_HOME, "");

    return home[0] != '\0' ? engine_owns(io, home, "")
                           : engine_owns_row(io, row);
}

static bool load_row(void *ctx, const struct store_key *key, struct doc row)
{
    struct loading *loading = ctx;
    struct alarm_state *state = loading->state;
    struct alarm_entity *entity =
        owns(loading->io, row) ? alarm_row_read(row, state->facts) : NULL;
    struct alarm_entity *first =
        entity != NULL ? alarm_book_find(&state->book, entity->id) : NULL;

    (void)key;
    if (first != NULL) {
        load_second(state, first, entity);
    } else if (entity != NULL) {
        alarm_book_add(&state->book, entity);
        alarm_book_arm(&state->book, entity, &state->rules);
    }
    return true;
}

static enum err load_all(struct loading *loading, enum store_collection from)
{
    const struct store_query query = {.collection = from, .limit = INT64_MAX};

    return store_scan(engine_store(loading->io), &query, load_row, loading,
                      NULL, NULL);
}

static enum err alarm_load(void *at, struct engine_io *io)
{
    struct alarm_state *state = at;
    struct loading loading = {state, io};
    enum err err;

    alarm_book_clear(&state->book);
    clear_surplus(state);
    state->folding = false;
    err = load_all(&loading, STORE_ALARMS);
    if (err == ERR_OK) {
        err = load_all(&loading, STORE_TRACKS);
    }
    return err == ERR_OK ? known_load(&state->known, io) : err;
}

static enum err check_flapping(const void *values, struct errbuf *why)
{
    const struct alarm_state *state = values;

    if (state->rules.flapping_end > state->rules.flapping_changes) {
        errbuf_set_field(why, "flapping_end",
                         "flapping_end (%" PRId64 ") must not be above "
                         "flapping_changes (%" PRId64 ")",
                         state->rules.flapping_end,
                         state->rules.flapping_changes);
        return ERR_INVALID;
    }
    return ERR_OK;
}

/* Rules on alarms that are read from the store. */
struct reading {
    struct alarm_rule_set *rules;
    int64_t bad;
};

static void read_rule(void *ctx, struct doc row)
{
    struct reading *reading = ctx;
    struct errbuf why = {0};

    if (alarm_rule_set_add(reading->rules, row, &why) != ERR_OK) {
        reading->bad++;
        log_error("ALARM-BAD-RULE", "rule %s is passed over: %s",
                  doc_str(row, "name", ""), why.text);
    }
}

static void choose_all(struct alarm_state *state)
{
    struct map_slot slot;
    size_t at = 0;

    while (map_next(&state->book.entities, &at, &slot)) {
        alarm_numbers_settle(&state->numbers, slot.value);
    }
    alarm_book_arm_all(&state->book, &state->rules);
}

static enum err alarm_reload(void *at, struct engine_io *io, const char *kind,
                             int64_t revision)
{
    struct alarm_state *state = at;
    struct reading reading = {.rules = alarm_rule_set_new()};
    enum err err =
        objects_each_at(engine_store(io), kind, revision, read_rule, &reading);

    if (err != ERR_OK) {
        alarm_rule_set_free(reading.rules);
        return err;
    }
    alarm_rule_set_seal(reading.rules);
    engine_gauge(io, "rules", (int64_t)alarm_rule_set_count(reading.rules));
    engine_gauge(io, "bad_rules", reading.bad);
    alarm_numbers_use(&state->numbers, reading.rules);
    choose_all(state);
    return ERR_OK;
}

/* The options were changed: alarms that wait are due by the new ones. */
static void alarm_reconfigured(void *at)
{
    struct alarm_state *state = at;

    alarm_numbers_renew(&state->numbers);
    alarm_book_arm_all(&state->book, &state->rules);
}

static enum err alarm_init(void *at, struct engine_io *io, struct errbuf *why)
{
    struct alarm_state *state = at;

    (void)io;
    if (check_flapping(state, why) != ERR_OK) {
        return ERR_INVALID;
    }
    state->facts = doc_out_new();
    alarm_numbers_init(&state->numbers, &state->rules);
    alarm_request_init(&state->request);
    buf_init(&state->json, JSON_MAX);
    buf_init(&state->key, KEY_MAX);
    buf_init(&state->own_id, KEY_MAX);
    buf_init(&state->own_rk, KEY_MAX);
    return ERR_OK;
}

static void alarm_fini(void *at)
{
    struct alarm_state *state = at;

    alarm_book_clear(&state->book);
    clear_surplus(state);
    alarm_numbers_fini(&state->numbers);
    known_fini(&state->known);
    alarm_request_fini(&state->request);
    doc_out_free(state->facts);
    buf_fini(&state->json);
    buf_fini(&state->key);
    buf_fini(&state->own_id);
    buf_fini(&state->own_rk);
}

#define RULE(name)                                                             \
    .section = "alarm", .key = #name, .live = true,                            \
    .offset = offsetof(struct alarm_state, rules.name)

/* Longest times that make sense, in ms. */
#define DAY  INT64_C(86400000)
#define YEAR (366 * DAY)

static const struct conf_option alarm_options[] = {
    {RULE(flapping_changes), .type = CONF_INT, .fallback = "10", .min = 2,
     .max = 1000, .unit = "changes",
     .help = "so many state changes within flapping_window are flapping"},
    {RULE(flapping_window), .type = CONF_DURATION, .fallback = "1h",
     .min = MS_PER_S, .max = 30 * DAY,
     .help = "how far back state changes count for flapping"},
    {RULE(flapping_end), .type = CONF_INT, .fallback = "5", .min = 1,
     .max = 1000, .unit = "changes", .check = check_flapping,
     .help = "flapping ends when the window holds fewer changes than this"},
    {RULE(stealthy_time), .type = CONF_DURATION, .fallback = "0s", .min = 0,
     .max = 30 * DAY,
     .help = "a problem that ends sooner stays stealthy so long; 0: off"},
    {RULE(resolve_after), .type = CONF_DURATION, .fallback = "60s", .min = 0,
     .max = YEAR,
     .help = "an alarm that is OK is resolved so long after its last change"},
    {RULE(cancel_autosolve), .type = CONF_DURATION, .fallback = "1h", .min = 0,
     .max = YEAR,
     .help = "a cancelled alarm is resolved so long after the cancel and the "
             "last check that was not OK"},
    {RULE(uncancel_on_worse), .type = CONF_BOOL, .fallback = "yes",
     .help = "a state worse than the one that was cancelled reopens"},
    {RULE(snooze_default), .type = CONF_DURATION, .fallback = "5m",
     .min = MS_PER_S, .max = YEAR,
     .help = "duration of a snooze that names none"},
    {RULE(hard_only), .type = CONF_BOOL, .fallback = "yes",
     .help = "a soft problem (state_type 0) opens and worsens nothing"},
    {RULE(no_events_state), .type = CONF_INT, .fallback = "2", .min = 1,
     .max = 3, .unit = "state",
     .help = "state of an entity whose ttl ran out without an event"},
    {RULE(late_after), .type = CONF_DURATION, .fallback = "0s", .min = 0,
     .max = YEAR,
     .help = "a check so much older than the last one changes no state; "
             "0: order of arrival decides"},
    {RULE(late_clear), .type = CONF_DURATION, .fallback = "1h", .min = MS_PER_S,
     .max = YEAR,
     .help = "the alarm on a source's clock ends so long after its last late "
             "check"},
    {.section = "alarm",
     .key = "chain_late",
     .type = CONF_DURATION,
     .offset = offsetof(struct alarm_state, chain_late_ms),
     .fallback = "60s",
     .min = 0,
     .max = DAY,
     .help = "an alarm when what was sent takes so long to come through the "
             "chain, or does not come; 0: none",
     .live = true},
    {RULE(steps_max), .type = CONF_INT, .fallback = "2000", .min = 10,
     .max = 100000, .unit = "steps",
     .help = "steps kept one by one; further changes share a counter step"},
    {.section = "alarm",
     .key = "keep_resolved",
     .type = CONF_DURATION,
     .offset = offsetof(struct alarm_state, keep_resolved_ms),
     .fallback = "365d",
     .min = 0,
     .max = 100 * YEAR,
     .help = "how long resolved alarms and their steps are kept; 0: for ever",
     .live = true},
    {0},
};

static const char *const alarm_extras[] = {"Engine_alarm.actions", NULL};
static const char *const alarm_kinds[] = {"alarmrule", NULL};

static const struct engine_metric alarm_metrics[] = {
    {"steps", "Steps of alarms", false},
    {"alarms_opened", "Alarms opened", false},
    {"alarms_resolved", "Alarms resolved", false},
    {"alarms_removed", "Resolved alarms removed for their age", false},
    {"late", "Checks that came too late to decide anything", false},
    {"actions", "Operators' actions", false},
    {"actions_refused", "Operators' actions that were refused", false},
    {"actions_repeated", "Operators' actions that came again and were known",
     false},
    {"alarms_open", "Open alarms", true},
    {"entities", "Entities kept in memory", true},
    {"rules", "Rules in use", true},
    {"bad_rules", "Rules in the store that are no good and passed over", true},
    {0}};

const struct engine_ops alarm_engine = {
    .name = "alarm",
    .description =
        "Turns checks into alarms: opens one when an entity is not OK, keeps "
        "its steps, knows flapping and stealthy problems, takes what "
        "operators do (acknowledge, cancel, snooze, comment, ticket, change "
        "of state), and resolves it when all is well for long enough. Rules "
        "(objects of kind alarmrule) give some alarms other numbers.",
    .options = alarm_options,
    .state_size = sizeof(struct alarm_state),
    .metrics = alarm_metrics,
    .extras = alarm_extras,
    .kinds = alarm_kinds,
    .init = alarm_init,
    .load = alarm_load,
    .reload = alarm_reload,
    .reconfigured = alarm_reconfigured,
    .process = alarm_process,
    .extra = alarm_extra,
    .beat = alarm_beat,
    .delta = alarm_delta,
    .delta_apply = alarm_delta_apply,
    .fold = alarm_fold,
    .fini = alarm_fini,
};
