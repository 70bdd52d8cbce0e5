/* SPDX-License-Identifier: Apache-2.0 */
/** Operator actions: to the alarm engine's own queue, and its answers. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/bus/topology.h"
#include "webserver/alarms.h"
#include "webserver/json_text.h"
#include "webserver/marks.h"
#include "webserver/routes.h"

enum {
    EVENT_BYTES_MAX = 256 * 1024,
    TEXT_MAX = 4096
};

/* Longer than anything is snoozed, and no overflow in milliseconds. */
#define SECONDS_MAX 1e9

/* What an action is made of, beside its alarm. */
struct order {
    enum event_type type;
    const char *type_name;
    const char *author, *message, *ticket, *ticket_url;
    int64_t duration_ms; /* 0: absent */
    int64_t state;       /* -1: absent */
    bool has_keep_state, keep_state;
    struct doc ids;
    struct filter *filter;
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

struct act {
    struct waiter waiter;
    struct acting *acting;
    char *alarm_id;
    enum outcome outcome;
    int64_t step; /* 0: none */
    char *reason;
};

struct acting {
    struct publish_job job;
    struct deadline deadline;
    struct server *server;
    struct request *request;
    struct act **acts;
    size_t n, cap;
    size_t n_by_outcome[OUTCOME_UNPUBLISHED + 1];
    struct buf event;
    bool too_many;
};

/* What was asked for. */

static bool bad(struct request *request, const char *field, const char *text)
{
    request_problem(request, HTTP_UNPROCESSABLE, field, "%s", text);
    return false;
}

static bool take_type(struct request *request, struct order *order,
                      const struct doc_value *value)
{
    if (value->type != DOC_STRING ||
        event_type_parse(value->u.s.text, &order->type) != ERR_OK ||
        !event_type_is_action(order->type) || order->type == EVENT_DOWNTIME) {
        return bad(request, "type",
                   "expected ack, ackremove, cancel, uncancel, comment, "
                   "snooze, unsnooze, assocticket, declareticket or "
                   "changestate");
    }
    order->type_name = event_type_name(order->type);
    return true;
}

static bool take_text(struct request *request, const char *name,
                      const struct doc_value *value, const char **text)
{
    if (value->type != DOC_STRING || value->u.s.len > TEXT_MAX) {
        return bad(request, name, "expected text of at most 4096 bytes");
    }
    *text = value->u.s.text;
    return true;
}

static bool take_duration(struct request *request, struct order *order,
                          const struct doc_value *value)
{
    double s = value->type == DOC_INT      ? (double)value->u.i
               : value->type == DOC_DOUBLE ? value->u.d
                                           : 0;

    if (value->type == DOC_STRING) {
        (void)!clock_parse_duration(value->u.s.text, &order->duration_ms, NULL);
    } else if (s > 0 && s < SECONDS_MAX) {
        order->duration_ms = clock_s_to_ms(s);
    }
    return order->duration_ms > 0 ||
           bad(request, "duration",
               "expected seconds above 0, or a duration like \"15m\"");
}

static bool take_state(struct request *request, struct order *order,
                       const struct doc_value *value)
{
    for (int i = STATE_OK; i <= STATE_CRITICAL; i++) {
        if ((value->type == DOC_INT && value->u.i == i) ||
            (value->type == DOC_STRING &&
             strcmp(value->u.s.text, event_state_name(i)) == 0)) {
            order->state = i;
            return true;
        }
    }
    return bad(request, "state",
               "expected 0 to 3, or ok, minor, major or critical");
}

static bool take_keep_state(struct request *request, struct order *order,
                            const struct doc_value *value)
{
    order->has_keep_state = value->type == DOC_BOOL;
    order->keep_state = order->has_keep_state && value->u.b;
    return order->has_keep_state ||
           bad(request, "keep_state", "expected true or false");
}

static bool take_ids(struct server *server, struct request *request,
                     struct order *order, const struct doc_value *value)
{
    struct doc_iter it;
    struct doc_value id;
    const char *key;
    int64_t n = 0;

    if (value->type != DOC_ARRAY) {
        return bad(request, "ids", "expected an array of alarm ids");
    }
    order->ids = value->u.doc;
    doc_iter_init(&it, order->ids);
    for (; doc_next(&it, &key, &id); n++) {
        if (id.type != DOC_STRING || id.u.s.len == 0) {
            return bad(request, "ids", "expected text in every place");
        }
    }
    if (n == 0 || n > server->conf->actions) {
        request_problem(request, HTTP_UNPROCESSABLE, "ids",
                        "expected 1 to %lld ids",
                        (long long)server->conf->actions);
        return false;
    }
    return true;
}

static bool take_filter(struct request *request, struct order *order,
                        const struct doc_value *value)
{
    struct errbuf why = {0};
    enum err err = ERR_INVALID;

    if (order->filter != NULL) {
        return bad(request, "filter", "it is given twice");
    }
    if (value->type == DOC_STRING) {
        err = filter_parse(value->u.s.text, &order->filter, &why);
    } else if (value->type == DOC_DOC) {
        err = filter_from_doc(value->u.doc, &order->filter, &why);
    } else {
        errbuf_set(&why, "expected a filter as text or object");
    }
    if (err == ERR_OK) {
        err = marks_resolve(&order->filter, &why);
    }
    return err == ERR_OK || bad(request, "filter", why.text);
}

static bool take_member(struct server *server, struct request *request,
                        struct order *order, const char *name,
                        const struct doc_value *value)
{
    const struct {
        const char *name;
        const char **text;
    } texts[] = {{"author", &order->author},
                 {"message", &order->message},
                 {"output", &order->message},
                 {"ticket", &order->ticket},
                 {"ticket_url", &order->ticket_url}};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(texts[i].name, name) == 0) {
            return take_text(request, name, value, texts[i].text);
        }
    }
    if (strcmp(name, "type") == 0) {
        return take_type(request, order, value);
    }
    if (strcmp(name, "ids") == 0) {
        return take_ids(server, request, order, value);
    }
    if (strcmp(name, "filter") == 0) {
        return take_filter(request, order, value);
    }
    if (strcmp(name, "duration") == 0) {
        return take_duration(request, order, value);
    }
    if (strcmp(name, "state") == 0) {
        return take_state(request, order, value);
    }
    if (strcmp(name, "keep_state") == 0) {
        return take_keep_state(request, order, value);
    }
    return bad(request, name,
               "no such field; there are: type, ids, filter, author, message, "
               "duration, state, keep_state, ticket, ticket_url");
}

static bool check_order(struct request *request, const struct order *order)
{
    if (order->type_name == NULL) {
        return bad(request, "type", "it is missing");
    }
    if ((order->ids.len == 0) == (order->filter == NULL)) {
        return bad(request, "ids", "expected either ids or filter");
    }
    if (order->type == EVENT_SNOOZE && order->duration_ms == 0) {
        return bad(request, "duration", "a snooze needs it");
    }
    if (order->type == EVENT_ASSOCTICKET && order->ticket[0] == '\0') {
        return bad(request, "ticket", "assocticket needs the ticket's number");
    }
    if (order->type == EVENT_CHANGESTATE && order->state < 0) {
        return bad(request, "state", "changestate needs it");
    }
    if (order->type == EVENT_COMMENT && order->message[0] == '\0') {
        return bad(request, "message", "a comment needs it");
    }
    return true;
}

static bool parse_order(struct server *server, struct request *request,
                        struct order *order)
{
    struct errbuf why = {0};
    struct doc_iter it;
    struct doc_value value;
    struct doc doc;
    const char *name;

    if (doc_from_json(buf_str(&request->body), request->body.len, server->doc,
                      &doc, &why) != ERR_OK) {
        request_problem_why(request, HTTP_BAD_REQUEST, &why);
        return false;
    }
    doc_iter_init(&it, doc);
    while (doc_next(&it, &name, &value)) {
        if (value.type != DOC_NULL &&
            !take_member(server, request, order, name, &value)) {
            return false;
        }
    }
    return check_order(request, order);
}

/* The acts. */

static struct act *add_act(struct acting *acting, const char *alarm_id)
{
    struct act *act = xcalloc(1, sizeof *act);

    if (acting->n == acting->cap) {
        acting->cap = acting->cap * 2 + 16;
        acting->acts =
            xrealloc_array(acting->acts, acting->cap, sizeof acting->acts[0]);
    }
    act->acting = acting;
    act->alarm_id = xstrdup(alarm_id);
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
        free(acting->acts[i]->alarm_id);
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
    json_add_text(out, act->alarm_id);
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

static void on_answer(struct waiter *waiter, struct doc change)
{
    /* waiter is the first member */
    struct act *act = (struct act *)waiter;

    if (strcmp(doc_str(change, "type", ""), "action_refused") == 0) {
        set_outcome(act, OUTCOME_REFUSED,
                    doc_str(change, "message", "the alarm engine refused it"));
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

/* The action as an event, with the alarm's own entity fields. */
static void write_event(const struct order *order, const struct act *act,
                        struct doc alarm, struct buf *out)
{
    static const char *const names[] = {"connector", "connector_name",
                                        "source_type", "component", "resource"};

    buf_clear(out);
    buf_addf(out, "{\"event_type\":\"%s\",\"timestamp\":", order->type_name);
    json_add_ms(out, clock_now_ms());
    json_add_member(out, "alarm_id", act->alarm_id);
    json_add_member(out, "action_id", act->waiter.id);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *text = doc_str(alarm, names[i], "");

        json_add_member(out, names[i], text[0] != '\0' ? text : NULL);
    }
    write_order(order, out);
    buf_add_char(out, '}');
}

static void send_act(struct acting *acting, const struct order *order,
                     struct act *act, struct doc alarm)
{
    int64_t partitions = acting->server->conf->alarm_partitions;
    size_t partition =
        bus_partition(doc_str(alarm, "component", ""),
                      doc_str(alarm, "connector_name", ""), (size_t)partitions);
    char queue[BUS_NAME_MAX + 1];
    struct bus_message message = {
        .exchange = "",
        .routing_key = bus_own_queue_name(
            WEB_QUEUE_ACTIONS, "alarm", (int)partition, (int)partitions, queue),
        .mandatory = true,
        .properties = {.content_type = "application/json",
                       .message_id = act->waiter.id,
                       .user_id = "",
                       .timestamp_ms = clock_now_ms()},
    };

    write_event(order, act, alarm, &acting->event);
    message.body = acting->event.data;
    message.len = acting->event.len;
    act->waiter.answer = on_answer;
    waiters_add(&acting->server->waiters, &act->waiter);
    if (publisher_send(&acting->server->publisher, &message, &acting->job,
                       acting->n - 1) != ERR_OK) {
        waiters_remove(&acting->server->waiters, &act->waiter);
        set_outcome(act, OUTCOME_UNPUBLISHED,
                    "too much waits for the message broker already");
    }
}

/* Targets. */

struct targets {
    struct acting *acting;
    const struct order *order;
};

static bool on_target(void *ctx, const struct store_key *key, struct doc row)
{
    struct targets *targets = ctx;

    send_act(targets->acting, targets->order,
             add_act(targets->acting, key->text), row);
    return true;
}

static enum err act_on_id(struct targets *targets, const char *id)
{
    const struct store_key key = {.text = id};
    struct acting *acting = targets->acting;
    struct buf row;
    enum err err;

    buf_init(&row, DOC_BYTES_MAX);
    err = store_get(acting->server->store, STORE_ALARMS, &key, &row);
    if (err == ERR_OK) {
        const struct doc doc = {(const uint8_t *)row.data, (uint32_t)row.len};

        (void)on_target(targets, &key, doc);
    } else if (err == ERR_NOT_FOUND) {
        set_outcome(add_act(acting, id), OUTCOME_REFUSED,
                    "no open alarm has this id");
        err = ERR_OK;
    }
    buf_fini(&row);
    return err;
}

static enum err act_on_ids(struct targets *targets)
{
    struct doc_iter it;
    struct doc_value value;
    const char *key;
    enum err err = ERR_OK;

    doc_iter_init(&it, targets->order->ids);
    while (err == ERR_OK && doc_next(&it, &key, &value)) {
        err = act_on_id(targets, value.u.s.text);
    }
    return err;
}

/* All or nothing: too many matches act on none. */
static enum err act_on_matches(struct targets *targets, struct errbuf *why)
{
    struct acting *acting = targets->acting;
    struct store *store = acting->server->store;
    int64_t most = acting->server->conf->actions;
    const struct store_query query = {.collection = STORE_ALARMS,
                                      .filter = targets->order->filter,
                                      .limit = most};
    int64_t n;
    enum err err =
        store_count(store, STORE_ALARMS, targets->order->filter, most + 1, &n);

    if (err == ERR_OK && n > most) {
        acting->too_many = true;
        return ERR_OK;
    }
    return err != ERR_OK
               ? err
               : store_scan(store, &query, on_target, targets, NULL, why);
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

/* Take back what a failing store left half done. */
static void give_up(struct acting *acting)
{
    publisher_abandon(&acting->server->publisher, &acting->job);
    acting_free(acting);
}

static void start(struct server *server, struct request *request,
                  const struct order *order)
{
    struct acting *acting = xcalloc(1, sizeof *acting);
    struct targets targets = {acting, order};
    struct errbuf why = {0};
    enum err err;

    acting->job.done = on_published;
    acting->server = server;
    acting->request = request;
    buf_init(&acting->event, EVENT_BYTES_MAX);
    err = order->filter != NULL ? act_on_matches(&targets, &why)
                                : act_on_ids(&targets);
    if (err != ERR_OK) {
        list_reply_failed(request, err, &why);
        give_up(acting);
    } else if (acting->too_many) {
        request_problem(request, HTTP_UNPROCESSABLE, "filter",
                        "it matches more than %lld alarms: narrow it",
                        (long long)server->conf->actions);
        give_up(acting);
    } else if (acting->n == 0) {
        buf_add_str(request_out(request), "{");
        add_acts(acting, request_out(request));
        buf_add_str(request_out(request), "}");
        request_reply(request, HTTP_OK);
        give_up(acting);
    } else {
        wait_or_reply(acting);
    }
}

void actions_post(struct server *server, struct request *request)
{
    struct order order = {.state = -1,
                          .author = "api",
                          .message = "",
                          .ticket = "",
                          .ticket_url = ""};
    struct errbuf why = {0};

    if (parse_order(server, request, &order) &&
        list_has_store(server, request)) {
        if (publisher_ready(&server->publisher, &why)) {
            start(server, request, &order);
        } else {
            request_problem_why(request, HTTP_UNAVAILABLE, &why);
        }
    }
    filter_free(order.filter);
}
