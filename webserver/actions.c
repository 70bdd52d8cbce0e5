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
#include "webserver/alarms.h"
#include "webserver/entity_events.h"
#include "webserver/json_text.h"
#include "webserver/order.h"
#include "webserver/routes.h"

enum {
    EVENT_BYTES_MAX = 256 * 1024
};

enum outcome {
    OUTCOME_PENDING,
    OUTCOME_DONE,
    OUTCOME_REFUSED,
    OUTCOME_UNPUBLISHED
};

static const char *const outcome_names[] = {"pending", "done", "refused",
                                            "unpublished"};

struct acting;

/* What is done to one thing. */
struct act {
    struct waiter waiter;
    struct acting *acting;
    char *id;
    uint8_t *row; /* as stored; NULL: there is none, it is refused */
    uint32_t row_len;
    enum outcome outcome;
    int64_t step; /* 0: none */
    char *reason;
};

/* The kinds of things: where they are, and how an action gets to them. */
struct act_kind {
    struct order_kind order;
    enum store_collection collection;
    const char *unknown; /* why an id is refused that nothing has */
    const char *many;    /* their name */
    bool bare;           /* a row may be large, and is not needed */
    bool compares;       /* some may need nothing: they are counted */
    /** Choose what belongs to the chosen ones too; may be NULL. */
    enum err (*widen)(struct acting *acting, struct errbuf *why);
    void (*write)(const struct order *order, const struct act *act,
                  struct doc row, struct buf *out);
    /** Set where the message goes. */
    void (*address)(struct acting *acting, struct doc row,
                    struct bus_message *message);
};

struct acting {
    struct publish_job job;
    struct deadline deadline;
    struct server *server;
    struct request *request;
    const struct act_kind *kind;
    struct act **acts;
    size_t n, cap;
    size_t n_by_outcome[OUTCOME_UNPUBLISHED + 1];
    size_t n_unchanged;
    struct buf event;
    char to[BUS_NAME_MAX + 1]; /* queue or exchange */
    char key[EVENT_ROUTING_KEY_MAX + 1];
    bool too_many;
};

/* The acts. */

/* Stands for a row that nobody asks for anything. */
static const uint8_t no_members[] = {5, 0, 0, 0, 0};
static const struct doc bare_row = {no_members, sizeof no_members};

static struct act *add_act(struct acting *acting, const char *id,
                           struct doc row)
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

static void send_act(struct acting *acting, const struct order *order, size_t i)
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

    acting->kind->write(order, act, row, &acting->event);
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

static void send_acts(struct acting *acting, const struct order *order)
{
    for (size_t i = 0; i < acting->n; i++) {
        if (acting->acts[i]->outcome != OUTCOME_PENDING) {
            continue; /* refused at once */
        }
        if (acting->acts[i]->row == NULL) {
            set_outcome(acting->acts[i], OUTCOME_REFUSED,
                        acting->kind->unknown);
        } else {
            send_act(acting, order, i);
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

static void entity_of(struct doc row, struct event *event)
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

    entity_of(row, &event);
    buf_init(&key, EVENT_ENTITY_ID_MAX);
    event_routing_key(&event, &key);
    (void)snprintf(acting->key, sizeof acting->key, "%s", buf_str(&key));
    buf_fini(&key);
    message->exchange = bus_exchange_name(acting->server->conf->exchange_name,
                                          BUS_EVENTS, acting->to);
    message->routing_key = acting->key;
}

/* The chosen entities by their ids, while what belongs to them is looked for.
 */
struct widening {
    struct acting *acting;
    struct map chosen;
    struct buf id;
};

static bool is_chosen(struct widening *widening, const struct event *event)
{
    buf_clear(&widening->id);
    event_entity_id(event, &widening->id);
    return map_get(&widening->chosen, widening->id.data, widening->id.len) !=
           NULL;
}

static bool belongs_to_chosen(struct widening *widening, struct doc row)
{
    struct event event;

    entity_of(row, &event);
    if (event.source_type == EVENT_SOURCE_CONNECTOR) {
        return false;
    }
    if (event.source_type == EVENT_SOURCE_RESOURCE) {
        event.source_type = EVENT_SOURCE_COMPONENT;
        event.resource = "";
        if (is_chosen(widening, &event)) {
            return true;
        }
    }
    event.source_type = EVENT_SOURCE_CONNECTOR;
    event.component = "";
    return is_chosen(widening, &event);
}

static bool on_entity(void *ctx, const struct store_key *key, struct doc row)
{
    struct widening *widening = ctx;
    struct acting *acting = widening->acting;

    if (map_get(&widening->chosen, key->text, strlen(key->text)) == NULL &&
        belongs_to_chosen(widening, row)) {
        (void)add_act(acting, key->text, row);
    }
    acting->too_many = acting->n > (size_t)acting->server->conf->actions;
    return !acting->too_many;
}

static int depth_of(const struct act *act)
{
    const struct doc row = {act->row, act->row_len};
    struct event event;

    entity_of(row, &event);
    return event.source_type == EVENT_SOURCE_CONNECTOR  ? 0
           : event.source_type == EVENT_SOURCE_RESOURCE ? 2
                                                        : 1;
}

/* What holds others goes last, so that it can be deleted. */
static int deepest_first(const void *a, const void *b)
{
    return depth_of(*(struct act *const *)b) -
           depth_of(*(struct act *const *)a);
}

/* A component stands for its resources, a connector for all that it sends. */
static enum err widen_entities(struct acting *acting, struct errbuf *why)
{
    const struct store_query query = {.collection = STORE_ENTITIES,
                                      .limit = INT64_MAX};
    struct widening widening = {.acting = acting};
    bool holds_others = false;
    enum err err = ERR_OK;

    map_init(&widening.chosen);
    buf_init(&widening.id, EVENT_ENTITY_ID_MAX);
    for (size_t i = 0; i < acting->n; i++) {
        struct act *act = acting->acts[i];

        (void)map_put(&widening.chosen, act->id, strlen(act->id), act);
        holds_others |= act->row != NULL && depth_of(act) < 2;
    }
    if (holds_others) {
        err = store_scan(acting->server->store, &query, on_entity, &widening,
                         NULL, why);
    }
    map_fini(&widening.chosen);
    buf_fini(&widening.id);
    if (err == ERR_OK) {
        qsort(acting->acts, acting->n, sizeof acting->acts[0], deepest_first);
    }
    return err;
}

#define ENTITY                                                                 \
    .collection = STORE_ENTITIES, .unknown = "no entity has this id",          \
    .many = "entities", .widen = widen_entities, .write = write_entity_event,  \
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

/* Targets. */

static bool on_target(void *ctx, const struct store_key *key, struct doc row)
{
    (void)add_act(ctx, key->text, row);
    return true;
}

static enum err choose_id(struct acting *acting, const char *id)
{
    const struct store_key key = {.text = id};
    struct buf row;
    enum err err;

    buf_init(&row, DOC_BYTES_MAX);
    err =
        store_get(acting->server->store, acting->kind->collection, &key, &row);
    if (err == ERR_OK) {
        (void)add_act(
            acting, id,
            (struct doc){(const uint8_t *)row.data, (uint32_t)row.len});
    } else if (err == ERR_NOT_FOUND) {
        (void)add_act(acting, id, (struct doc){NULL, 0});
        err = ERR_OK;
    }
    buf_fini(&row);
    return err;
}

static enum err choose_ids(struct acting *acting, struct doc ids)
{
    struct doc_iter it;
    struct doc_value value;
    const char *key;
    enum err err = ERR_OK;

    doc_iter_init(&it, ids);
    while (err == ERR_OK && doc_next(&it, &key, &value)) {
        err = choose_id(acting, value.u.s.text);
    }
    return err;
}

/* All or nothing: too many matches act on none. */
static enum err choose_matches(struct acting *acting,
                               const struct filter *filter, struct errbuf *why)
{
    struct store *store = acting->server->store;
    enum store_collection collection = acting->kind->collection;
    int64_t most = acting->server->conf->actions;
    const struct store_query query = {
        .collection = collection, .filter = filter, .limit = most};
    int64_t n;
    enum err err = store_count(store, collection, filter, most + 1, &n);

    if (err == ERR_OK && n > most) {
        acting->too_many = true;
        return ERR_OK;
    }
    return err != ERR_OK
               ? err
               : store_scan(store, &query, on_target, acting, NULL, why);
}

static enum err choose(struct acting *acting, const struct order *order,
                       struct errbuf *why)
{
    enum err err = order->one != NULL ? choose_id(acting, order->one)
                   : order->ids.len == 0
                       ? choose_matches(acting, order->filter, why)
                       : choose_ids(acting, order->ids);

    return err == ERR_OK && !acting->too_many && acting->kind->widen != NULL
               ? acting->kind->widen(acting, why)
               : err;
}

static void wait_or_reply(struct acting *acting)
{
    struct server *server = acting->server;

    if (acting->n_by_outcome[OUTCOME_PENDING] == 0) {
        reply(acting);
        acting_free(acting);
        return;
    }
    acting->deadline.at_ms = clock_mono_ms() + server->conf->answer_ms;
    acting->deadline.passed = on_deadline;
    deadlines_add(&server->deadlines, &acting->deadline);
    request_wait(acting->request, on_cancel, acting);
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
    return acting;
}

void entity_events_add(struct acting *acting, const char *id, struct doc event)
{
    (void)add_act(acting, id, event);
}

void entity_events_refuse(struct acting *acting, const char *id,
                          const char *reason)
{
    set_outcome(add_act(acting, id, (struct doc){NULL, 0}), OUTCOME_REFUSED,
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
    const struct order order = {.author = author,
                                .message = "",
                                .ticket = "",
                                .ticket_url = "",
                                .state = -1};

    send_acts(acting, &order);
    wait_or_reply(acting);
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

static bool has_one(const struct acting *acting, const char *id)
{
    for (size_t i = 0; i < acting->n; i++) {
        if (strcmp(acting->acts[i]->id, id) == 0) {
            return acting->acts[i]->row != NULL;
        }
    }
    return false;
}

static void start(struct server *server, struct request *request,
                  const struct act_kind *kind, const struct order *order)
{
    struct acting *acting = xcalloc(1, sizeof *acting);
    struct errbuf why = {0};
    enum err err;

    acting->job.done = on_published;
    acting->server = server;
    acting->request = request;
    acting->kind = kind;
    buf_init(&acting->event, EVENT_BYTES_MAX);
    err = choose(acting, order, &why);
    if (err != ERR_OK) {
        list_reply_failed(request, err, &why);
    } else if (acting->too_many) {
        request_problem(request, HTTP_UNPROCESSABLE,
                        order->all              ? "all"
                        : order->filter != NULL ? "filter"
                                                : "ids",
                        "they are more than %lld %s (actions_max): narrow it",
                        (long long)server->conf->actions, kind->many);
    } else if (order->one != NULL && !has_one(acting, order->one)) {
        request_problem(request, HTTP_NOT_FOUND, "id", "%s", kind->unknown);
    } else if (acting->n == 0) {
        reply(acting); /* nothing was asked, all of it is done */
    } else {
        send_acts(acting, order);
        wait_or_reply(acting);
        return;
    }
    acting_free(acting);
}

static void post(struct server *server, struct request *request,
                 const struct act_kind *kind)
{
    struct order order;
    struct errbuf why = {0};

    if (order_parse(server, request, &kind->order, &order) &&
        list_has_store(server, request)) {
        if (publisher_ready(&server->publisher, &why)) {
            start(server, request, kind, &order);
        } else {
            request_problem_why(request, HTTP_UNAVAILABLE, &why);
        }
    }
    order_fini(&order);
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
