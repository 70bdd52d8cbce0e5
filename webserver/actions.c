/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What operators do, and what comes of it. To alarms: through the alarm
 * engine's own queue. To entities: as events of the chain, so that each engine
 * sees them in their order. To dead letters: through the queue of the letters.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/bus/topology.h"
#include "webserver/acting.h"
#include "webserver/alarms.h"
#include "webserver/entity_events.h"
#include "webserver/json_text.h"
#include "webserver/routes.h"

enum {
    EVENT_BYTES_MAX = 256 * 1024,
    TURN_MS = 20, /* at a stretch; then others are answered */
    SENT_A_PIECE = 100
};

static const char *const outcome_names[] = {"pending", "done", "refused",
                                            "unpublished"};

/* The acts. */

/* Stands for a row that nobody asks for anything. */
static const uint8_t no_members[] = {5, 0, 0, 0, 0};
static const struct doc bare_row = {no_members, sizeof no_members};

struct act *acting_add(struct acting *acting, const char *id, struct doc row)
{
    struct act *act = xcalloc(1, sizeof *act);

    if (acting->n == acting->cap) {
        acting->cap = acting->cap * 2 + 16;
        acting->acts =
            xrealloc_array(acting->acts, acting->cap, sizeof acting->acts[0]);
    }
    act->acting = acting;
    act->id = xstrdup(id);
    if (row.data != NULL) {
        const struct doc kept = acting->kind->bare ? bare_row : row;

        act->row = xmemdup(kept.data, kept.len);
        act->row_len = kept.len;
    }
    random_hex(act->waiter.id, ACTION_ID_MAX / 2);
    acting->acts[acting->n++] = act;
    acting->n_by_outcome[OUTCOME_PENDING]++;
    return act;
}

static void set_outcome(struct act *act, enum outcome outcome,
                        const char *reason)
{
    act->acting->n_by_outcome[act->outcome]--;
    act->acting->n_by_outcome[outcome]++;
    act->outcome = outcome;
    if (reason != NULL && act->reason == NULL) {
        act->reason = xstrdup(reason);
    }
}

static void acting_free(struct acting *acting)
{
    for (size_t i = 0; i < acting->n; i++) {
        if (acting->acts[i]->outcome == OUTCOME_PENDING) {
            waiters_remove(&acting->server->waiters, &acting->acts[i]->waiter);
        }
        free(acting->acts[i]->id);
        free(acting->acts[i]->row);
        free(acting->acts[i]->reason);
        free(acting->acts[i]);
    }
    free(acting->acts);
    buf_fini(&acting->event);
    choosing_fini(&acting->choosing);
    order_fini(&acting->order);
    free(acting);
}

/* The answer. */

static void add_act_json(const struct act *act, struct buf *out)
{
    buf_add_str(out, "{\"id\":");
    json_add_text(out, act->id);
    json_add_member(out, "action", act->waiter.id);
    json_add_member(out, "result", outcome_names[act->outcome]);
    if (act->step > 0) {
        buf_addf(out, ",\"step\":%lld", (long long)act->step);
    }
    json_add_member(out, "reason", act->reason);
    buf_add_char(out, '}');
}

static void add_acts(const struct acting *acting, struct buf *out)
{
    for (size_t i = 0; i <= OUTCOME_UNPUBLISHED; i++) {
        buf_addf(out, "\"%s\":%zu,", outcome_names[i], acting->n_by_outcome[i]);
    }
    if (acting->kind->compares) {
        buf_addf(out, "\"unchanged\":%zu,", acting->n_unchanged);
    }
    buf_add_str(out, "\"items\":[");
    for (size_t i = 0; i < acting->n; i++) {
        buf_add_str(out, i > 0 ? "," : "");
        add_act_json(acting->acts[i], out);
    }
    buf_add_char(out, ']');
}

static int status_of(const struct acting *acting)
{
    const size_t *n = acting->n_by_outcome;

    if (n[OUTCOME_DONE] == acting->n) {
        return HTTP_OK;
    }
    if (n[OUTCOME_UNPUBLISHED] == acting->n) {
        return HTTP_UNAVAILABLE;
    }
    if (n[OUTCOME_REFUSED] == acting->n) {
        return HTTP_UNPROCESSABLE;
    }
    return n[OUTCOME_PENDING] + n[OUTCOME_DONE] == acting->n ? HTTP_ACCEPTED
                                                             : HTTP_MULTI;
}

static void reply(const struct acting *acting)
{
    struct request *request = acting->request;
    int status = status_of(acting);

    acting->server->counts.actions += acting->n;
    if (status == HTTP_UNAVAILABLE || status == HTTP_UNPROCESSABLE) {
        const char *reason = acting->acts[0]->reason;

        request_problem_begin(request, status, NULL,
                              reason != NULL ? reason : "refused");
        buf_add_char(request_out(request), ',');
        add_acts(acting, request_out(request));
        request_reply_problem(request, status);
        return;
    }
    buf_add_char(request_out(request), '{');
    add_acts(acting, request_out(request));
    buf_add_char(request_out(request), '}');
    request_reply(request, status);
}

static void check_finished(struct acting *acting)
{
    if (acting->n_by_outcome[OUTCOME_PENDING] > 0 ||
        !acting->request->waiting) {
        return;
    }
    publisher_abandon(&acting->server->publisher, &acting->job);
    deadlines_remove(&acting->server->deadlines, &acting->deadline);
    reply(acting);
    acting_free(acting);
}

/* What comes back. */

static bool is_refusal(const char *type)
{
    return strcmp(type, "action_refused") == 0 ||
           strcmp(type, "dead_refused") == 0;
}

static void on_answer(struct waiter *waiter, struct doc change)
{
    /* waiter is the first member */
    struct act *act = (struct act *)waiter;

    if (is_refusal(doc_str(change, "type", ""))) {
        set_outcome(act, OUTCOME_REFUSED,
                    doc_str(change, "message", "it was refused"));
    } else {
        act->step = doc_i64(change, "step", 0);
        set_outcome(act, OUTCOME_DONE, NULL);
    }
    check_finished(act->acting);
}

static void on_published(struct publish_job *job, size_t i, const char *reason)
{
    /* job is the first member */
    struct acting *acting = (struct acting *)job;
    struct act *act = acting->acts[i];

    if (reason == NULL || act->outcome != OUTCOME_PENDING) {
        return;
    }
    waiters_remove(&acting->server->waiters, &act->waiter);
    set_outcome(act, OUTCOME_UNPUBLISHED, reason);
    check_finished(acting);
}

static void on_deadline(struct deadline *deadline)
{
    struct acting *acting =
        (struct acting *)((char *)deadline - offsetof(struct acting, deadline));

    reply(acting);
    publisher_abandon(&acting->server->publisher, &acting->job);
    acting_free(acting);
}

static void on_cancel(void *ctx)
{
    struct acting *acting = ctx;

    publisher_abandon(&acting->server->publisher, &acting->job);
    deadlines_remove(&acting->server->deadlines, &acting->deadline);
    acting_free(acting);
}

/* Sending. */

static void write_order(const struct order *order, struct buf *out)
{
    json_add_member(out, "author", order->author);
    json_add_member(out, "output", order->message);
    if (order->ticket[0] != '\0') {
        json_add_member(out, "ticket", order->ticket);
    }
    if (order->ticket_url[0] != '\0') {
        json_add_member(out, "ticket_url", order->ticket_url);
    }
    if (order->duration_ms > 0) {
        buf_add_str(out, ",\"duration\":");
        json_add_ms(out, order->duration_ms);
    }
    if (order->state >= 0) {
        buf_addf(out, ",\"state\":%d", (int)order->state);
    }
    if (order->has_keep_state) {
        buf_addf(out, ",\"keep_state\":%s",
                 order->keep_state ? "true" : "false");
    }
}

/* The action as an event of the entity that the row names. */
static void write_event(const struct order *order, const struct act *act,
                        struct doc row, struct buf *out)
{
    static const char *const names[] = {"connector", "connector_name",
                                        "component", "resource"};

    buf_clear(out);
    buf_addf(out, "{\"event_type\":\"%s\",\"timestamp\":", order->type_name);
    json_add_ms(out, clock_now_ms());
    json_add_member(out, "action_id", act->waiter.id);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *text = doc_str(row, names[i], "");

        json_add_member(out, names[i], text[0] != '\0' ? text : NULL);
    }
    write_order(order, out);
}

static void send_act(struct acting *acting, size_t i)
{
    struct act *act = acting->acts[i];
    struct doc row = {act->row, act->row_len};
    struct bus_message message = {
        .mandatory = true,
        .properties = {.content_type = "application/json",
                       .message_id = act->waiter.id,
                       .user_id = "",
                       .timestamp_ms = clock_now_ms()},
    };

    acting->kind->write(&acting->order, act, row, &acting->event);
    acting->kind->address(acting, row, &message);
    message.body = acting->event.data;
    message.len = acting->event.len;
    act->waiter.answer = on_answer;
    waiters_add(&acting->server->waiters, &act->waiter);
    if (publisher_send(&acting->server->publisher, &message, &acting->job, i) !=
        ERR_OK) {
        waiters_remove(&acting->server->waiters, &act->waiter);
        set_outcome(act, OUTCOME_UNPUBLISHED,
                    "too much waits for the message broker already");
    }
}

static void send_some(struct acting *acting)
{
    for (int i = 0; i < SENT_A_PIECE && acting->n_sent < acting->n; i++) {
        size_t at = acting->n_sent++;

        if (acting->acts[at]->outcome != OUTCOME_PENDING) {
            continue; /* refused at once */
        }
        if (acting->acts[at]->row == NULL) {
            set_outcome(acting->acts[at], OUTCOME_REFUSED,
                        acting->kind->unknown);
        } else {
            send_act(acting, at);
        }
    }
}

/* Alarms. */

static bool is_alarm_action(enum event_type type)
{
    return event_type_is_action(type) && type != EVENT_DOWNTIME;
}

static void write_alarm_event(const struct order *order, const struct act *act,
                              struct doc row, struct buf *out)
{
    write_event(order, act, row, out);
    json_add_member(out, "source_type", doc_str(row, "source_type", ""));
    json_add_member(out, "alarm_id", act->id);
    buf_add_char(out, '}');
}

static void address_alarm(struct acting *acting, struct doc row,
                          struct bus_message *message)
{
    int64_t partitions = acting->server->conf->alarm_partitions;
    /* An alarm about a source's clock is where the source is. */
    size_t partition =
        bus_partition(doc_str(row, "_home", doc_str(row, "component", "")),
                      doc_str(row, "connector_name", ""), (size_t)partitions);

    message->exchange = "";
    message->routing_key =
        bus_own_queue_name(WEB_QUEUE_ACTIONS, "alarm", (int)partition,
                           (int)partitions, acting->to);
}

static const struct act_kind alarm_kind = {
    .order = {.takes = is_alarm_action,
              .types = "ack, ackremove, cancel, uncancel, comment, snooze, "
                       "unsnooze, assocticket, declareticket or changestate",
              .fields = "type, ids, filter, author, message, output, duration, "
                        "state, keep_state, ticket, ticket_url",
              .marks = true},
    .collection = STORE_ALARMS,
    .unknown = "no open alarm has this id",
    .many = "alarms",
    .write = write_alarm_event,
    .address = address_alarm,
};

/* Entities. */

void acting_entity(struct doc row, struct event *event)
{
    event_init(event, EVENT_CHECK);
    event->connector = doc_str(row, "connector", "");
    event->connector_name = doc_str(row, "connector_name", "");
    event->component = doc_str(row, "component", "");
    event->resource = doc_str(row, "resource", "");
    if (event_source_parse(doc_str(row, "type", ""), &event->source_type) !=
        ERR_OK) {
        event->source_type = EVENT_SOURCE_COMPONENT;
    }
}

static void write_entity_event(const struct order *order, const struct act *act,
                               struct doc row, struct buf *out)
{
    write_event(order, act, row, out);
    json_add_member(out, "source_type", doc_str(row, "type", ""));
    buf_add_char(out, '}');
}

static void address_entity(struct acting *acting, struct doc row,
                           struct bus_message *message)
{
    struct event event;
    struct buf key;

    acting_entity(row, &event);
    buf_init(&key, EVENT_ENTITY_ID_MAX);
    event_routing_key(&event, &key);
    (void)snprintf(acting->key, sizeof acting->key, "%s", buf_str(&key));
    buf_fini(&key);
    message->exchange = bus_exchange_name(acting->server->conf->exchange_name,
                                          BUS_EVENTS, acting->to);
    message->routing_key = acting->key;
}

#define ENTITY                                                                 \
    .collection = STORE_ENTITIES, .unknown = "no entity has this id",          \
    .many = "entities", .widens = true, .write = write_entity_event,           \
    .address = address_entity

/* What people say of entities comes as an import. */
static bool is_switch(enum event_type type)
{
    return event_type_is_entity_action(type) && type != EVENT_SET;
}

static const struct act_kind entity_kind = {
    .order = {.takes = is_switch,
              .types = "enable, disable or delete",
              .fields = "type, ids, filter, author, message",
              .marks = false},
    ENTITY,
};

static const struct act_kind entity_patch_kind = {
    .order = {.takes = is_switch,
              .fields = "enabled, author, message",
              .one = true},
    ENTITY,
};

static const struct act_kind entity_delete_kind = {
    .order = {.type = "delete", .fields = "author, message", .one = true},
    ENTITY,
};

/* Dead letters. */

static void write_letter_request(const struct order *order,
                                 const struct act *act, struct doc row,
                                 struct buf *out)
{
    (void)row;
    buf_clear(out);
    buf_addf(out, "{\"op\":\"%s\"", order->type_name);
    json_add_member(out, "id", act->id);
    json_add_member(out, "action", act->waiter.id);
    json_add_member(out, "author", order->author);
    json_add_member(out, "body", order->body);
    buf_add_char(out, '}');
}

static void address_letters(struct acting *acting, struct doc row,
                            struct bus_message *message)
{
    (void)acting;
    (void)row;
    message->exchange = "";
    message->routing_key = WEB_QUEUE_DEAD;
}

#define LETTERS                                                                \
    .collection = STORE_DEAD, .unknown = "no dead letter has this id",         \
    .many = "dead letters", .bare = true, .write = write_letter_request,       \
    .address = address_letters

static const struct act_kind replay_kind = {
    .order = {.type = "replay",
              .fields = "ids, filter, all, author, body",
              .all = "{\"replayed_at\":{\"$exists\":false}}"},
    LETTERS,
};

static const struct act_kind purge_kind = {
    .order = {.type = "purge", .fields = "ids, filter, all, author"},
    LETTERS,
};

/* The way of an action. */

/* What one piece of it led to. */
enum progress {
    GOES_ON,
    WAITS, /* for answers */
    ENDED  /* answered, and freed */
};

static void wait_until(struct acting *acting, int64_t at_ms,
                       deadline_fn *passed)
{
    acting->deadline.at_ms = at_ms;
    acting->deadline.passed = passed;
    deadlines_add(&acting->server->deadlines, &acting->deadline);
}

static enum progress wait_or_reply(struct acting *acting)
{
    if (acting->n_by_outcome[OUTCOME_PENDING] == 0) {
        reply(acting); /* also when nothing was asked: all of it is done */
        acting_free(acting);
        return ENDED;
    }
    wait_until(acting, clock_mono_ms() + acting->server->conf->answer_ms,
               on_deadline);
    return WAITS;
}

static bool has_one(const struct acting *acting, const char *id)
{
    for (size_t i = 0; i < acting->n; i++) {
        if (strcmp(acting->acts[i]->id, id) == 0) {
            return acting->acts[i]->row != NULL;
        }
    }
    return false;
}

/* Whether what was chosen so far cannot be acted on; answered then. */
static bool is_refused(struct acting *acting)
{
    const struct order *order = &acting->order;
    struct request *request = acting->request;

    if (acting->too_many) {
        request_problem(request, HTTP_UNPROCESSABLE,
                        order->all              ? "all"
                        : order->filter != NULL ? "filter"
                                                : "ids",
                        "they are more than %lld %s (actions_max): narrow it",
                        (long long)acting->server->conf->actions,
                        acting->kind->many);
        return true;
    }
    if (order->one != NULL && acting->choosing.phase == CHOOSING_DONE &&
        !has_one(acting, order->one)) {
        request_problem(request, HTTP_NOT_FOUND, "id", "%s",
                        acting->kind->unknown);
        return true;
    }
    return false;
}

/* All or nothing: none is acted on before all are known. */
static enum progress choose(struct acting *acting)
{
    struct errbuf why = {0};
    enum err err;

    if (!list_has_store(acting->server, acting->request)) {
        acting_free(acting);
        return ENDED;
    }
    err = choosing_go_on(acting, &why);
    if (err != ERR_OK) {
        list_reply_failed(acting->request, err, &why);
    } else if (!is_refused(acting)) {
        return GOES_ON;
    }
    acting_free(acting);
    return ENDED;
}

static enum progress take_piece(struct acting *acting)
{
    if (acting->choosing.phase != CHOOSING_DONE) {
        return choose(acting);
    }
    send_some(acting);
    return acting->n_sent < acting->n ? GOES_ON : wait_or_reply(acting);
}

static void on_turn(struct deadline *deadline);

static enum progress go_on(struct acting *acting)
{
    int64_t until_ms = clock_mono_ms() + TURN_MS;
    enum progress progress;

    do {
        progress = take_piece(acting);
    } while (progress == GOES_ON && clock_mono_ms() < until_ms);
    if (progress == GOES_ON) {
        wait_until(acting, clock_mono_ms() + 1, on_turn);
    }
    return progress;
}

static void on_turn(struct deadline *deadline)
{
    (void)go_on((struct acting *)((char *)deadline -
                                  offsetof(struct acting, deadline)));
}

static void post(struct server *server, struct request *request,
                 const struct act_kind *kind)
{
    struct acting *acting = xcalloc(1, sizeof *acting);
    struct errbuf why = {0};

    acting->job.done = on_published;
    acting->server = server;
    acting->request = request;
    acting->kind = kind;
    buf_init(&acting->event, EVENT_BYTES_MAX);
    choosing_init(&acting->choosing);
    if (!order_parse(server, request, &kind->order, &acting->order)) {
        acting_free(acting);
    } else if (!publisher_ready(&server->publisher, &why)) {
        request_problem_why(request, HTTP_UNAVAILABLE, &why);
        acting_free(acting);
    } else if (go_on(acting) != ENDED) {
        request_wait(request, on_cancel, acting);
    }
}

/* Events that a handler made itself. */

/* In an event what is null is not there: what is to go is named apart. */
static void write_infos(struct doc infos, struct buf *out)
{
    struct doc_iter it;
    struct doc_value value;
    const char *name;
    struct buf gone;
    size_t start;

    buf_init(&gone, EVENT_BYTES_MAX);
    buf_add_str(out, ",\"infos\":{");
    start = out->len;
    doc_iter_init(&it, infos);
    while (doc_next(&it, &name, &value)) {
        struct buf *to = value.type == DOC_NULL ? &gone : out;

        buf_add_str(to, to->len > (to == out ? start : 0) ? "," : "");
        json_add_text(to, name);
        if (to == out) {
            buf_add_char(out, ':');
            doc_value_to_json(&value, out);
        }
    }
    buf_addf(out, "},\"infos_gone\":[%s]", buf_str(&gone));
    buf_fini(&gone);
}

static void write_made(const struct order *order, const struct act *act,
                       struct doc row, struct buf *out)
{
    struct order own = *order;
    const char *source = doc_str(row, "import_source", "");

    own.type_name = doc_str(row, "event_type", "");
    write_event(&own, act, row, out);
    json_add_member(out, "source_type", doc_str(row, "type", ""));
    json_add_member(out, "import_source", source[0] != '\0' ? source : NULL);
    if (strcmp(own.type_name, "set") == 0) {
        write_infos(doc_sub(row, "infos"), out);
    }
    buf_add_char(out, '}');
    BUG_IF(out->overflow);
}

static const struct act_kind made_kind = {
    .collection = STORE_ENTITIES,
    .unknown = "it is unknown",
    .many = "entities",
    .compares = true,
    .write = write_made,
    .address = address_entity,
};

struct acting *entity_events_new(struct server *server, struct request *request)
{
    struct acting *acting = xcalloc(1, sizeof *acting);

    acting->job.done = on_published;
    acting->server = server;
    acting->request = request;
    acting->kind = &made_kind;
    buf_init(&acting->event, EVENT_BYTES_MAX);
    choosing_init(&acting->choosing);
    acting->choosing.phase = CHOOSING_DONE;
    return acting;
}

void entity_events_add(struct acting *acting, const char *id, struct doc event)
{
    (void)acting_add(acting, id, event);
}

void entity_events_refuse(struct acting *acting, const char *id,
                          const char *reason)
{
    set_outcome(acting_add(acting, id, (struct doc){NULL, 0}), OUTCOME_REFUSED,
                reason);
}

void entity_events_drop(struct acting *acting)
{
    if (acting != NULL) {
        acting_free(acting);
    }
}

void entity_events_unchanged(struct acting *acting)
{
    acting->n_unchanged++;
}

void entity_events_send(struct acting *acting, const char *author)
{
    struct request *request = acting->request;

    acting->order = (struct order){.author = author,
                                   .message = "",
                                   .ticket = "",
                                   .ticket_url = "",
                                   .state = -1};
    if (go_on(acting) != ENDED) {
        request_wait(request, on_cancel, acting);
    }
}

static void add_plan(const struct act *act, struct buf *out)
{
    const struct doc event = {act->row, act->row_len};

    buf_add_str(out, "{\"id\":");
    json_add_text(out, act->id);
    if (act->row == NULL) {
        json_add_member(out, "result", outcome_names[act->outcome]);
        json_add_member(out, "reason", act->reason);
    } else {
        json_add_member(out, "would", doc_str(event, "event_type", ""));
    }
    buf_add_char(out, '}');
}

static size_t count_planned(const struct acting *acting, const char *type)
{
    size_t n = 0;

    for (size_t i = 0; i < acting->n; i++) {
        const struct doc event = {acting->acts[i]->row,
                                  acting->acts[i]->row_len};

        n += acting->acts[i]->row != NULL &&
             strcmp(doc_str(event, "event_type", ""), type) == 0;
    }
    return n;
}

void entity_events_tell(struct acting *acting)
{
    static const char *const types[] = {"set", "enable", "disable", "delete"};
    struct request *request = acting->request;
    struct buf *out = request_out(request);

    buf_add_str(out, "{\"dry_run\":true,");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        buf_addf(out, "\"%s\":%zu,", types[i], count_planned(acting, types[i]));
    }
    buf_addf(out, "\"unchanged\":%zu,\"refused\":%zu,\"items\":[",
             acting->n_unchanged, acting->n_by_outcome[OUTCOME_REFUSED]);
    for (size_t i = 0; i < acting->n; i++) {
        buf_add_str(out, i > 0 ? "," : "");
        add_plan(acting->acts[i], out);
    }
    buf_add_str(out, "]}");
    request_reply(request, HTTP_OK);
    acting_free(acting);
}

void actions_post(struct server *server, struct request *request)
{
    post(server, request, &alarm_kind);
}

void entities_act(struct server *server, struct request *request)
{
    post(server, request, &entity_kind);
}

void entities_patch(struct server *server, struct request *request)
{
    post(server, request, &entity_patch_kind);
}

void entities_delete(struct server *server, struct request *request)
{
    post(server, request, &entity_delete_kind);
}

void dead_replay(struct server *server, struct request *request)
{
    post(server, request, &replay_kind);
}

void dead_purge(struct server *server, struct request *request)
{
    post(server, request, &purge_kind);
}
