/* SPDX-License-Identifier: Apache-2.0 */
/** The API's description: every route is in it, and answers as it says. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/rows.h"
#include "tests/support/unit.h"
#include "tests/unit/webserver/web_fixture.h"
#include "webserver/routes.h"
#include "webserver/shapes.h"

enum {
    PATH_BYTES = 512,
    DESCRIPTION_MAX = 1024 * 1024
};

#define V1     "/api/v1"
#define ENTITY "/component/c/n/web1"
#define METRIC "/component/c/n/web1/load"
#define RULE                                                                   \
    "{\"name\":\"calm\",\"spec\":{\"filter\":\"component=web1\","              \
    "\"actions\":[{\"type\":\"set\",\"field\":\"state\",\"value\":1}]}}"
#define ALARMRULE                                                              \
    "{\"name\":\"slow\",\"spec\":{\"filter\":\"component=web1\","              \
    "\"resolve_after\":\"5m\"}}"
#define TABLE                                                                  \
    "{\"name\":\"sites\",\"spec\":{\"rows\":{\"web1\":{\"site\":\"Paris\"}}}}"
#define EVENT                                                                  \
    "{\"connector\":\"c\",\"connector_name\":\"n\",\"component\":\"web1\","    \
    "\"state\":1}"

static const struct {
    enum store_collection into;
    const char *json;
} seeds[] = {
    {STORE_ALARMS,
     "{\"id\":\"aa11\",\"entity_id\":\"" ENTITY "\",\"component\":\"web1\","
     "\"connector\":\"c\",\"connector_name\":\"n\",\"state\":2,\"status\":1,"
     "\"source_type\":\"component\",\"opened_at\":100.5,\"changed_at\":200.25,"
     "\"ack\":{\"author\":\"ann\",\"message\":\"m\",\"at\":310}}"},
    {STORE_STEPS,
     "{\"_key\":\"aa11\",\"_a\":1,\"type\":\"stateinc\","
     "\"t\":100.5,\"value\":2,\"author\":\"c\",\"message\":\"x\"}"},
    {STORE_ENTITIES,
     "{\"id\":\"" ENTITY "\",\"type\":\"component\",\"connector\":\"c\","
     "\"connector_name\":\"n\",\"component\":\"web1\",\"name\":\"web1\","
     "\"enabled\":true}"},
    {STORE_METRICS, "{\"id\":\"" METRIC "\",\"entity_id\":\"" ENTITY "\","
                    "\"name\":\"load\",\"type\":\"GAUGE\",\"n\":7}"},
    {STORE_EVENTS, "{\"id\":\"" ENTITY "\",\"component\":\"web1\","
                   "\"event_type\":\"check\",\"state\":2,\"timestamp\":100}"},
    {STORE_EVENTS_LOG, "{\"_a\":100000,\"_b\":1,\"component\":\"web1\","
                       "\"event_type\":\"log\",\"output\":\"x\"}"},
    {STORE_DEAD, "{\"id\":\"cleaner/1\",\"at\":100,\"engine\":\"cleaner\","
                 "\"reason\":\"r\",\"body\":\"b\",\"replayable\":true}"},
    {STORE_DEAD_COUNTS, "{\"id\":\"cleaner//r\",\"engine\":\"cleaner\","
                        "\"reason\":\"r\",\"total\":1,\"kept\":1}"},
};

/* One call of each route at least, in an order that makes sense. */
static const struct call {
    const char *method, *route, *path, *body;
} calls[] = {
    {"POST", V1 "/events", NULL, EVENT},
    {"POST", V1 "/events", NULL, "[" EVENT ",{\"component\":1}]"},
    {"GET", V1 "/events", NULL, NULL},
    {"GET", V1 "/events/log", NULL, NULL},
    {"GET", V1 "/alarms", NULL, NULL},
    {"GET", V1 "/alarms", V1 "/alarms?opened=both&limit=1", NULL},
    {"POST", V1 "/alarms/actions", NULL,
     "{\"type\":\"ack\",\"ids\":[\"aa11\"]}"},
    {"GET", V1 "/alarms/counters", V1 "/alarms/counters?filter=acked", NULL},
    {"GET", V1 "/alarms/export.csv", NULL, NULL},
    {"GET", V1 "/alarms/{id}/explain", V1 "/alarms/aa11/explain", NULL},
    {"GET", V1 "/alarms/{id}/steps", V1 "/alarms/aa11/steps", NULL},
    {"GET", V1 "/alarms/{id}", V1 "/alarms/aa11", NULL},
    {"GET", V1 "/entities", NULL, NULL},
    {"POST", V1 "/entities/actions", NULL,
     "{\"type\":\"disable\",\"ids\":[\"" ENTITY "\"]}"},
    {"PUT", V1 "/context/import", V1 "/context/import?source=cmdb",
     "{\"cis\":[{\"type\":\"component\",\"name\":\"web1\"}]}"},
    {"PUT", V1 "/context/import", V1 "/context/import?source=cmdb&dry_run=true",
     "{\"cis\":[{\"type\":\"component\",\"name\":\"web1\"}]}"},
    {"GET", V1 "/entities/{id}/neighbours",
     V1 "/entities/neighbours?id=" ENTITY, NULL},
    {"GET", V1 "/entities/{id}", V1 "/entities?id=" ENTITY, NULL},
    {"PATCH", V1 "/entities/{id}", V1 "/entities?id=" ENTITY,
     "{\"enabled\":true}"},
    {"DELETE", V1 "/entities/{id}", V1 "/entities?id=" ENTITY, NULL},
    {"GET", V1 "/metrics", NULL, NULL},
    {"GET", V1 "/metrics/{id}/points", V1 "/metrics/points?id=" METRIC, NULL},
    {"GET", V1 "/metrics/{id}/points",
     V1 "/metrics/points?step=5m&agg=max&id=" METRIC, NULL},
    {"POST", V1 "/metrics/query", NULL,
     "{\"metrics\":[\"" METRIC "\",\"" METRIC "\"],\"from\":\"-3h\","
     "\"step\":300}"},
    {"GET", V1 "/metrics/{id}", V1 "/metrics?id=" METRIC, NULL},
    {"POST", V1 "/objects/eventfilter/check", NULL, RULE},
    {"POST", V1 "/objects/eventfilter", NULL, RULE},
    {"PUT", V1 "/objects/eventfilter/{id}", V1 "/objects/eventfilter/calm",
     RULE},
    {"GET", V1 "/objects/eventfilter", NULL, NULL},
    {"GET", V1 "/objects/eventfilter/{id}", V1 "/objects/eventfilter/calm",
     NULL},
    {"GET", V1 "/objects/eventfilter/{id}/versions",
     V1 "/objects/eventfilter/calm/versions", NULL},
    {"POST", V1 "/objects/eventfilter/test", NULL, "{\"event\":" EVENT "}"},
    {"DELETE", V1 "/objects/eventfilter/{id}", V1 "/objects/eventfilter/calm",
     NULL},
    {"POST", V1 "/objects/alarmrule/check", NULL, ALARMRULE},
    {"POST", V1 "/objects/alarmrule", NULL, ALARMRULE},
    {"PUT", V1 "/objects/alarmrule/{id}", V1 "/objects/alarmrule/slow",
     ALARMRULE},
    {"GET", V1 "/objects/alarmrule", NULL, NULL},
    {"GET", V1 "/objects/alarmrule/{id}", V1 "/objects/alarmrule/slow", NULL},
    {"GET", V1 "/objects/alarmrule/{id}/versions",
     V1 "/objects/alarmrule/slow/versions", NULL},
    {"DELETE", V1 "/objects/alarmrule/{id}", V1 "/objects/alarmrule/slow",
     NULL},
    {"POST", V1 "/objects/table/check", NULL, TABLE},
    {"POST", V1 "/objects/table", NULL, TABLE},
    {"PUT", V1 "/objects/table/{id}", V1 "/objects/table/sites", TABLE},
    {"GET", V1 "/objects/table", NULL, NULL},
    {"GET", V1 "/objects/table/{id}", V1 "/objects/table/sites", NULL},
    {"GET", V1 "/objects/table/{id}/versions",
     V1 "/objects/table/sites/versions", NULL},
    {"DELETE", V1 "/objects/table/{id}", V1 "/objects/table/sites", NULL},
    {"GET", V1 "/schemas", NULL, NULL},
    {"GET", V1 "/schemas/{id}", V1 "/schemas/eventfilter", NULL},
    {"GET", V1 "/dead", NULL, NULL},
    {"GET", V1 "/dead/counts", NULL, NULL},
    {"GET", V1 "/dead/{id}", V1 "/dead?id=cleaner/1", NULL},
    {"POST", V1 "/dead/replay", NULL, "{\"ids\":[\"cleaner/1\"]}"},
    {"POST", V1 "/dead/purge", NULL, "{\"all\":true}"},
    {"GET", V1 "/health", NULL, NULL},
    {"GET", V1 "/ready", NULL, NULL},
    {"GET", V1 "/version", NULL, NULL},
    {"GET", V1 "/openapi.json", NULL, NULL},
    {"GET", "/metrics", NULL, NULL},
    {"POST", "/event", NULL, EVENT},
    {"PUT", "/event", NULL, EVENT},
    {"POST", "/api/v4/event", NULL, EVENT},
};

static const char *const method_names[] = {
    [HTTP_GET] = "GET",     [HTTP_POST] = "POST",     [HTTP_PUT] = "PUT",
    [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE",
};

/* The description, kept while other answers are read. */
struct described {
    struct web_fixture web;
    struct doc_out *docs;
    struct doc doc;
    size_t seen[3]; /* messages answered, by queue */
};

/* Whoever is asked does it. */
static void obey(struct web_fixture *f)
{
    static const char *const queues[] = {WEB_QUEUE_ACTIONS, WEB_QUEUE_EVENTS,
                                         WEB_QUEUE_DEAD};
    struct described *described = (struct described *)f;
    struct bus_message order;

    for (size_t i = 0; i < N_ROWS(queues); i++) {
        while (broker_peek(f->broker, queues[i], described->seen[i], &order)) {
            char body[256];

            described->seen[i]++;
            (void)snprintf(body, sizeof body,
                           "{\"action\":\"%s\",\"type\":\"ack\",\"step\":2}",
                           order.properties.message_id);
            assert_true(broker_publish(
                f->broker, &(struct bus_message){
                               .exchange = "canopsis.alerts",
                               .routing_key = "c.n.ack",
                               .properties = {"application/json", "", "", 0},
                               .body = body,
                               .len = strlen(body)}));
        }
    }
}

static void describe(struct described *described)
{
    struct web_fixture *f = &described->web;
    struct errbuf why = {0};

    web_start(f, NULL);
    memset(described->seen, 0, sizeof described->seen);
    f->hook = obey;
    for (size_t i = 0; i < N_ROWS(seeds); i++) {
        web_put(f, seeds[i].into, seeds[i].json);
    }
    described->docs = doc_out_new();
    web_call(f, V1 "/openapi.json", NULL);
    assert_int_equal(f->status, 200);
    if (doc_from_json(buf_str(&f->body), f->body.len, described->docs,
                      &described->doc, &why) != ERR_OK) {
        fail_msg("%s", why.text);
    }
}

static void forget(struct described *described)
{
    web_stop(&described->web);
    doc_out_free(described->docs);
}

/* --- a small validator of JSON Schema: what the description uses ------------
 */

struct checking {
    struct doc schemas;
    char at[PATH_BYTES]; /* in the answer */
};

static bool fits(struct checking *c, struct doc_value schema,
                 const struct doc_value *value);

static bool is_of_type(const char *type, const struct doc_value *value)
{
    static const struct {
        const char *name;
        enum doc_type types[2];
    } types[] = {
        {"string", {DOC_STRING, DOC_STRING}}, {"number", {DOC_INT, DOC_DOUBLE}},
        {"integer", {DOC_INT, DOC_INT}},      {"boolean", {DOC_BOOL, DOC_BOOL}},
        {"object", {DOC_DOC, DOC_DOC}},       {"array", {DOC_ARRAY, DOC_ARRAY}},
        {"null", {DOC_NULL, DOC_NULL}}};

    for (size_t i = 0; i < N_ROWS(types); i++) {
        if (strcmp(types[i].name, type) == 0) {
            return value->type == types[i].types[0] ||
                   value->type == types[i].types[1];
        }
    }
    fail_msg("no such type: %s", type);
    return false;
}

/* Whether one of a list of texts fits, or the one text. */
static bool fits_type(struct doc_value types, const struct doc_value *value)
{
    struct doc_iter it;
    struct doc_value type;
    const char *key;

    if (types.type == DOC_STRING) {
        return is_of_type(types.u.s.text, value);
    }
    doc_iter_init(&it, types.u.doc);
    while (doc_next(&it, &key, &type)) {
        if (is_of_type(type.u.s.text, value)) {
            return true;
        }
    }
    return false;
}

static bool fits_enum(struct doc names, const struct doc_value *value)
{
    struct doc_iter it;
    struct doc_value name;
    const char *key;

    doc_iter_init(&it, names);
    while (doc_next(&it, &key, &name)) {
        if (value->type == DOC_STRING &&
            strcmp(name.u.s.text, value->u.s.text) == 0) {
            return true;
        }
    }
    return false;
}

static bool fits_one(struct checking *c, struct doc list,
                     const struct doc_value *value)
{
    struct doc_iter it;
    struct doc_value schema;
    const char *key;

    doc_iter_init(&it, list);
    while (doc_next(&it, &key, &schema)) {
        if (fits(c, schema, value)) {
            return true;
        }
    }
    return false;
}

static bool has_required(struct checking *c, struct doc names, struct doc value)
{
    struct doc_iter it;
    struct doc_value name, found;
    const char *key;

    doc_iter_init(&it, names);
    while (doc_next(&it, &key, &name)) {
        if (!doc_get(value, name.u.s.text, &found)) {
            (void)snprintf(c->at, sizeof c->at, "%.200s is missing",
                           name.u.s.text);
            return false;
        }
    }
    return true;
}

static bool fits_members(struct checking *c, struct doc properties,
                         struct doc value)
{
    struct doc_iter it;
    struct doc_value schema, found;
    const char *key;

    doc_iter_init(&it, properties);
    while (doc_next(&it, &key, &schema)) {
        if (doc_get(value, key, &found) && !fits(c, schema, &found)) {
            if (c->at[0] == '\0') {
                (void)snprintf(c->at, sizeof c->at, "%.200s", key);
            }
            return false;
        }
    }
    return true;
}

static bool fits_items(struct checking *c, struct doc_value schema,
                       struct doc list)
{
    struct doc_iter it;
    struct doc_value item;
    const char *key;

    doc_iter_init(&it, list);
    while (doc_next(&it, &key, &item)) {
        if (!fits(c, schema, &item)) {
            return false;
        }
    }
    return true;
}

static bool fits(struct checking *c, struct doc_value schema,
                 const struct doc_value *value)
{
    struct doc_value part;

    if (schema.type == DOC_BOOL) {
        return schema.u.b;
    }
    assert_int_equal(schema.type, DOC_DOC);
    if (doc_get(schema.u.doc, "$ref", &part)) {
        const char *name = strrchr(part.u.s.text, '/') + 1;

        assert_true(doc_get(c->schemas, name, &schema));
        return fits(c, schema, value);
    }
    if (doc_get(schema.u.doc, "oneOf", &part)) {
        return fits_one(c, part.u.doc, value);
    }
    if (doc_get(schema.u.doc, "enum", &part)) {
        return fits_enum(part.u.doc, value);
    }
    if (doc_get(schema.u.doc, "type", &part) && !fits_type(part, value)) {
        return false;
    }
    if (value->type == DOC_DOC) {
        return has_required(c, doc_sub(schema.u.doc, "required"),
                            value->u.doc) &&
               fits_members(c, doc_sub(schema.u.doc, "properties"),
                            value->u.doc);
    }
    return value->type != DOC_ARRAY || !doc_get(schema.u.doc, "items", &part) ||
           fits_items(c, part, value->u.doc);
}

/* --- tests ------------------------------------------------------------------
 */

static struct doc operation_of(const struct described *described,
                               const struct call *call)
{
    char method[16];
    struct doc_value path;

    for (size_t i = 0; i <= strlen(call->method); i++) {
        method[i] = (char)(call->method[i] | (call->method[i] != 0 ? 32 : 0));
    }
    /* Paths hold dots, so they are no doc_path. */
    assert_true(doc_get(doc_sub(described->doc, "paths"), call->route, &path));
    return doc_sub(path.u.doc, method);
}

static void check_answer(struct described *described, const struct call *call)
{
    struct web_fixture *f = &described->web;
    struct checking c = {
        .schemas = doc_sub(doc_sub(described->doc, "components"), "schemas")};
    struct doc_value answer = {.type = DOC_DOC, .u.doc = f->doc};
    struct doc responses = doc_sub(operation_of(described, call), "responses");
    struct doc_value response, content, media, schema;
    struct doc_iter it;
    const char *type;
    char status[16];

    (void)snprintf(status, sizeof status, "%d", f->status);
    if (!doc_get(responses, status, &response)) {
        fail_msg("%s %s: status %s is not described: %s", call->method,
                 call->route, status, buf_str(&f->body));
    }
    assert_true(doc_get(response.u.doc, "content", &content));
    doc_iter_init(&it, content.u.doc);
    assert_true(doc_next(&it, &type, &media));
    if (strstr(buf_str(&f->head), type) == NULL) {
        fail_msg("%s %s: is no %s", call->method, call->route, type);
    }
    assert_true(doc_get(media.u.doc, "schema", &schema));
    if (strcmp(type, "application/json") == 0 && !fits(&c, schema, &answer)) {
        fail_msg("%s %s: %s: %s", call->method, call->route, c.at,
                 buf_str(&f->body));
    }
}

static void mark_called(const struct call *call, bool *called)
{
    for (size_t i = 0; routes[i].path != NULL; i++) {
        if (strcmp(routes[i].path, call->route) == 0 &&
            strcmp(method_names[routes[i].method], call->method) == 0) {
            called[i] = true;
            return;
        }
    }
    fail_msg("no such route: %s %s", call->method, call->route);
}

/* Every route answers as the description says. */
static void every_route(void **state)
{
    bool called[256] = {false};
    struct described described;

    (void)state;
    describe(&described);
    for (size_t i = 0; i < N_ROWS(calls); i++) {
        const struct call *call = &calls[i];

        web_method(&described.web, call->method,
                   call->path != NULL ? call->path : call->route,
                   "x-canopsis-authkey: " WEB_KEY "\r\n", call->body);
        check_answer(&described, call);
        mark_called(call, called);
    }
    for (size_t i = 0; routes[i].path != NULL; i++) {
        if (!called[i]) {
            fail_msg("%s %s is not called", method_names[routes[i].method],
                     routes[i].path);
        }
    }
    forget(&described);
}

/* Every route, and nothing else; each parameter with what it means. */
static void describes_all(void **state)
{
    struct described described;
    size_t n = 0, operations = 0;
    struct doc_iter paths, methods;
    struct doc_value path, operation;
    const char *key;

    (void)state;
    describe(&described);
    assert_string_equal(doc_str(described.doc, "openapi", ""), "3.1.0");
    for (const struct route *r = routes; r->path != NULL; r++, n++) {
        const char *at = r->params;

        assert_non_null(r->gives);
        assert_non_null(shapes_find(r->gives));
        for (size_t len; *at != '\0'; at += len + (at[len] == ' ')) {
            len = strcspn(at, " ");
            if (openapi_param_doc(at, len) == NULL) {
                fail_msg("%s: %.*s is not described", r->path, (int)len, at);
            }
        }
    }
    doc_iter_init(&paths, doc_sub(described.doc, "paths"));
    while (doc_next(&paths, &key, &path)) {
        doc_iter_init(&methods, path.u.doc);
        while (doc_next(&methods, &key, &operation)) {
            assert_string_not_equal(doc_str(operation.u.doc, "operationId", ""),
                                    "");
            operations++;
        }
    }
    assert_int_equal(operations, n);
    forget(&described);
}

/* A refusal is as described too. */
static void problems(void **state)
{
    struct described described;
    struct doc_value schema, value;
    struct checking c = {.at = ""};

    (void)state;
    describe(&described);
    c.schemas = doc_sub(doc_sub(described.doc, "components"), "schemas");
    assert_true(doc_get(c.schemas, "problem", &schema));
    web_call(&described.web, V1 "/alarms/nothing", NULL);
    assert_int_equal(described.web.status, 404);
    value = (struct doc_value){.type = DOC_DOC, .u.doc = described.web.doc};
    assert_true(fits(&c, schema, &value));
    forget(&described);
}

int main(void)
{
    const struct row_table tables[] = {
        ROW_SINGLE(describes_all),
        ROW_SINGLE(every_route),
        ROW_SINGLE(problems),
    };

    return rows_run("openapi", tables, N_ROWS(tables));
}
