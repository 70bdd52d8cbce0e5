/* SPDX-License-Identifier: Apache-2.0 */
/** What the body of a request for actions asks for. */
#include "webserver/order.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "webserver/list.h"
#include "webserver/marks.h"

enum {
    TEXT_MAX = 4096,
    BODY_MAX = 64 * 1024
};

/* Longer than anything is snoozed, and no overflow in milliseconds. */
#define SECONDS_MAX 1e9

/* Who asks for what. */
struct asking {
    struct server *server;
    struct request *request;
    const struct order_kind *kind;
};

static bool bad(struct request *request, const char *field, const char *text)
{
    request_problem(request, HTTP_UNPROCESSABLE, field, "%s", text);
    return false;
}

static bool take_type(struct request *request, const struct order_kind *kind,
                      struct order *order, const struct doc_value *value)
{
    if (value->type != DOC_STRING ||
        event_type_parse(value->u.s.text, &order->type) != ERR_OK ||
        !kind->takes(order->type)) {
        request_problem(request, HTTP_UNPROCESSABLE, "type", "expected %s",
                        kind->types);
        return false;
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

/* What becomes of an entity: a type of action each. */
static bool take_enabled(struct request *request, struct order *order,
                         const struct doc_value *value)
{
    if (value->type != DOC_BOOL) {
        return bad(request, "enabled", "expected true or false");
    }
    order->type = value->u.b ? EVENT_ENABLE : EVENT_DISABLE;
    order->type_name = event_type_name(order->type);
    return true;
}

static bool take_all(struct request *request, struct order *order,
                     const struct doc_value *value)
{
    order->all = value->type == DOC_BOOL && value->u.b;
    return order->all || bad(request, "all", "expected true, or nothing");
}

/* "all", as a filter. */
static void resolve_all(const struct order_kind *kind, struct order *order)
{
    struct errbuf why;

    BUG_IF(kind->all != NULL && order->filter == NULL && order->all &&
           filter_parse(kind->all, &order->filter, &why) != ERR_OK);
}

static bool take_body(struct request *request, struct order *order,
                      const struct doc_value *value)
{
    if (value->type != DOC_STRING || value->u.s.len == 0 ||
        value->u.s.len > BODY_MAX) {
        return bad(request, "body", "expected text of 1 to 65536 bytes");
    }
    order->body = value->u.s.text;
    return true;
}

static bool take_ids(struct server *server, struct request *request,
                     struct order *order, const struct doc_value *value)
{
    struct doc_iter it;
    struct doc_value id;
    const char *key;
    int64_t n = 0;

    if (value->type != DOC_ARRAY) {
        return bad(request, "ids", "expected an array of ids");
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

static bool take_filter(struct request *request, const struct order_kind *kind,
                        struct order *order, const struct doc_value *value)
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
    if (err == ERR_OK && kind->marks) {
        err = marks_resolve(&order->filter, &why);
    }
    return err == ERR_OK || bad(request, "filter", why.text);
}

static bool take_text_member(struct request *request, struct order *order,
                             const char *name, const struct doc_value *value)
{
    const struct {
        const char *name;
        const char **text;
    } texts[] = {{"author", &order->author},
                 {"message", &order->message},
                 {"ticket", &order->ticket},
                 {"ticket_url", &order->ticket_url}};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(texts[i].name, name) == 0) {
            return take_text(request, name, value, texts[i].text);
        }
    }
    BUG_IF(strcmp(name, "output") != 0);
    return take_text(request, name, value, &order->message);
}

static bool take_member(const struct asking *asking, struct order *order,
                        const char *name, const struct doc_value *value)
{
    struct request *request = asking->request;

    if (!list_has_name(asking->kind->fields, name)) {
        request_problem(request, HTTP_UNPROCESSABLE, name,
                        "no such field; there are: %s", asking->kind->fields);
        return false;
    }
    if (strcmp(name, "type") == 0) {
        return take_type(request, asking->kind, order, value);
    }
    if (strcmp(name, "ids") == 0) {
        return take_ids(asking->server, request, order, value);
    }
    if (strcmp(name, "filter") == 0) {
        return take_filter(request, asking->kind, order, value);
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
    if (strcmp(name, "enabled") == 0) {
        return take_enabled(request, order, value);
    }
    if (strcmp(name, "all") == 0) {
        return take_all(request, order, value);
    }
    if (strcmp(name, "body") == 0) {
        return take_body(request, order, value);
    }
    return take_text_member(request, order, name, value);
}

static bool check_targets(struct request *request, const struct order *order)
{
    int ways = (order->ids.len > 0) + (order->filter != NULL) + order->all;

    if (ways != 1) {
        return bad(request, "ids", "expected either ids or filter");
    }
    if (order->body != NULL && doc_count(order->ids) != 1) {
        return bad(request, "body", "it stands for one: expected one id");
    }
    return true;
}

static bool check_order(struct request *request, const struct order *order)
{
    if (order->type_name == NULL) {
        return bad(request, order->one != NULL ? "enabled" : "type",
                   "it is missing");
    }
    if (order->one != NULL) {
        return true;
    }
    if (!check_targets(request, order)) {
        return false;
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

static bool read_members(const struct asking *asking, struct doc doc,
                         struct order *order)
{
    struct doc_iter it;
    struct doc_value value;
    const char *name;

    doc_iter_init(&it, doc);
    while (doc_next(&it, &name, &value)) {
        if (value.type != DOC_NULL &&
            !take_member(asking, order, name, &value)) {
            return false;
        }
    }
    if (!check_order(asking->request, order)) {
        return false;
    }
    resolve_all(asking->kind, order);
    return true;
}

/* Who asks, when the body does not tell. */
static bool read_author(struct request *request, const char **author)
{
    const char *given = request_param(request, "author");

    if (given != NULL &&
        (strlen(given) > TEXT_MAX || !utf8_valid(given, strlen(given)))) {
        return bad(request, "author", "expected text of at most 4096 bytes");
    }
    *author = given != NULL ? given : "api";
    return true;
}

bool order_parse(struct server *server, struct request *request,
                 const struct order_kind *kind, struct order *order)
{
    const struct asking asking = {server, request, kind};
    struct errbuf why = {0};
    struct doc doc;

    *order = (struct order){.doc = doc_out_new(),
                            .type_name = kind->type,
                            .state = -1,
                            .one = kind->one ? request->id : NULL,
                            .message = "",
                            .ticket = "",
                            .ticket_url = ""};
    if (!read_author(request, &order->author)) {
        return false;
    }
    if (kind->one && kind->type != NULL && request->body.len == 0) {
        return true;
    }
    if (doc_from_json(buf_str(&request->body), request->body.len, order->doc,
                      &doc, &why) != ERR_OK) {
        request_problem_why(request, HTTP_BAD_REQUEST, &why);
        return false;
    }
    return read_members(&asking, doc, order);
}

void order_fini(struct order *order)
{
    filter_free(order->filter);
    doc_out_free(order->doc);
    order->filter = NULL;
    order->doc = NULL;
}
