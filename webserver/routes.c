/* SPDX-License-Identifier: Apache-2.0 */
/** The one table of routes, and how a path finds its row. */
#include "webserver/routes.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

#define PLACE "{id}"

/* Where an id stands in a pattern. */
struct pattern {
    size_t head; /* bytes before the place */
    const char *tail;
    size_t tail_len;
};

static bool pattern_of(const struct route *route, struct pattern *pattern)
{
    const char *place = strstr(route->path, PLACE);

    if (place == NULL) {
        return false;
    }
    pattern->head = (size_t)(place - route->path);
    pattern->tail = place + strlen(PLACE);
    pattern->tail_len = strlen(pattern->tail);
    return true;
}

/* "/alarms/{id}/steps" as "/alarms/steps" with ?id=. */
static bool matches_by_query(const struct route *route, const struct pattern *p,
                             const char *path, size_t len)
{
    return len == p->head - 1 + p->tail_len &&
           strncmp(path, route->path, p->head - 1) == 0 &&
           strncmp(path + p->head - 1, p->tail, p->tail_len) == 0;
}

static bool matches_by_path(const struct route *route, const struct pattern *p,
                            const char *path, size_t len)
{
    return len > p->head + p->tail_len &&
           strncmp(path, route->path, p->head) == 0 &&
           strncmp(path + len - p->tail_len, p->tail, p->tail_len) == 0;
}

/* Whether the path is of this row; *id is given when it holds one. */
static bool matches(const struct route *route, const struct request *request,
                    char **id, struct errbuf *why)
{
    const char *path = request->uri.path;
    const char *param = request_param(request, "id");
    size_t len = strlen(path);
    struct pattern p;

    if (!pattern_of(route, &p)) {
        return strcmp(route->path, path) == 0 &&
               (param == NULL || route_takes(route, "id"));
    }
    if (param != NULL) {
        if (!matches_by_query(route, &p, path, len) || param[0] == '\0') {
            return false;
        }
        *id = xstrdup(param);
        return true;
    }
    return matches_by_path(route, &p, path, len) &&
           uri_decode(path + p.head, len - p.head - p.tail_len, ' ', id, why) ==
               ERR_OK;
}

bool route_takes(const struct route *route, const char *param)
{
    const char *at = route->params;
    size_t len = strlen(param);

    while (*at != '\0') {
        size_t n = strcspn(at, " ");

        if (n == len && strncmp(at, param, n) == 0) {
            return true;
        }
        at += n + (at[n] == ' ');
    }
    return false;
}

enum route_match route_find(struct request *request, struct errbuf *why)
{
    enum route_match result = ROUTE_NONE;

    for (const struct route *r = routes; r->path != NULL; r++) {
        char *id = NULL;

        if (!matches(r, request, &id, why)) {
            continue;
        }
        if (r->method == request->method) {
            request->route = r;
            request->id = id;
            return ROUTE_FOUND;
        }
        free(id);
        result = ROUTE_BAD_METHOD;
    }
    return result;
}

#define LIST_PARAMS "filter search sort limit cursor"
#define API         "/api/v1"

/* The routes of a kind of objects. */
/* clang-format off */
#define OBJECTS(kind) API "/objects/" kind
#define OBJECTS_R "objects:read"
#define OBJECTS_W "objects:write"
#define OBJECT_ROUTES(kind)                                                    \
    {HTTP_GET, OBJECTS(kind), OBJECTS_R, LIST_PARAMS, objects_list,            \
     "Objects of this kind", .gives = "object[]"},                             \
    {HTTP_POST, OBJECTS(kind), OBJECTS_W, "author", objects_put,               \
     "Make one; 409 when there is one of the name", .takes = "object_in",      \
     .gives = "object_put"},                                                   \
    {HTTP_POST, OBJECTS(kind) "/check", OBJECTS_R, "", objects_check,          \
     "Whether an object would be taken", .takes = "object_in",                 \
     .gives = "object_good"},                                                  \
    {HTTP_GET, OBJECTS(kind) "/{id}/versions", OBJECTS_R, "id limit cursor",   \
     objects_versions, "What it was, newest first", .gives = "version[]"},     \
    {HTTP_GET, OBJECTS(kind) "/{id}", OBJECTS_R, "id", objects_get_one,        \
     "One object", .gives = "object"},                                         \
    {HTTP_PUT, OBJECTS(kind) "/{id}", OBJECTS_W, "id author", objects_put,     \
     "Make or replace one", .takes = "object_in", .gives = "object_put"},      \
    {HTTP_DELETE, OBJECTS(kind) "/{id}", OBJECTS_W, "id author",               \
     objects_delete, "Delete one", .gives = "object_gone"}
/* clang-format on */

/* Longer patterns first: an unescaped id may hold what looks like a part. */
const struct route routes[] = {
    {HTTP_POST, API "/events", "events:write", "", events_post,
     "Publish events: an object, an array or NDJSON", .takes = "events_in",
     .gives = "events_taken"},
    {HTTP_GET, API "/events", "events:read", LIST_PARAMS, events_list,
     "The last check of each entity", .gives = "event[]"},
    {HTTP_GET, API "/events/log", "events:read",
     "filter search limit cursor from to order entity", events_log_list,
     "Logged events, newest first", .gives = "event[]"},
    {HTTP_GET, API "/alarms", "alarms:read", LIST_PARAMS " opened prefix",
     alarms_list, "Open alarms, resolved ones, or both", .gives = "alarm[]"},
    {HTTP_POST, API "/alarms/actions", "alarms:write", "", actions_post,
     "Acknowledge, cancel, comment, ... alarms by ids or filter",
     .takes = "action", .gives = "acted"},
    {HTTP_GET, API "/alarms/counters", "alarms:read", "filter", alarms_counters,
     "How many are open, by state, status and mark", .gives = "counters"},
    {HTTP_GET, API "/alarms/export.csv", "alarms:read",
     "filter search sort opened", alarms_export, "All alarms of a list as CSV",
     .gives = "csv"},
    {HTTP_GET, API "/alarms/{id}/explain", "alarms:read", "id", alarms_explain,
     "Why one alarm is as it is, in sentences", .gives = "explanation"},
    {HTTP_GET, API "/alarms/{id}/steps", "alarms:read", "id limit cursor",
     alarms_steps, "The steps of one alarm, in order", .gives = "step[]"},
    {HTTP_GET, API "/alarms/{id}", "alarms:read", "id", alarms_get,
     "One alarm, open or resolved", .gives = "alarm"},
    {HTTP_GET, API "/entities", "entities:read", LIST_PARAMS, entities_list,
     "What sends events: connectors, components, resources, services",
     .gives = "entity[]"},
    {HTTP_POST, API "/entities/actions", "entities:write", "", entities_act,
     "Enable, disable or delete entities by ids or filter", .takes = "action",
     .gives = "acted"},
    {HTTP_PUT, API "/context/import", "entities:write",
     "source partial dry_run author", context_import,
     "What another system knows of entities, full or partial",
     .takes = "inventory", .gives = "imported"},
    {HTTP_GET, API "/entities/{id}/neighbours", "entities:read",
     "id " LIST_PARAMS, entities_neighbours,
     "What one belongs to, what belongs to it, and what others call so",
     .gives = "entity[]"},
    {HTTP_GET, API "/entities/{id}", "entities:read", "id", entities_get,
     "One entity", .gives = "entity"},
    {HTTP_PATCH, API "/entities/{id}", "entities:write", "id author",
     entities_patch, "Enable or disable one and what belongs to it",
     .takes = "entity_change", .gives = "acted"},
    {HTTP_DELETE, API "/entities/{id}", "entities:write", "id author",
     entities_delete, "Delete one and what belongs to it",
     .takes = "entity_change", .gives = "acted"},
    {HTTP_GET, API "/metrics", "metrics:read", LIST_PARAMS " entity component",
     metrics_list, "Metrics with their unit, bounds and last value",
     .gives = "metric[]"},
    {HTTP_POST, API "/metrics/query", "metrics:read", "", metrics_query,
     "Points of several metrics at once", .takes = "points_query",
     .gives = "points_of_several"},
    {HTTP_GET, API "/metrics/{id}/points", "metrics:read",
     "id from to step resolution agg raw limit", metrics_points,
     "Points of one metric, or aggregates by step", .gives = "points"},
    {HTTP_GET, API "/metrics/{id}", "metrics:read", "id", metrics_get,
     "One metric", .gives = "metric"},
    OBJECT_ROUTES("alarmrule"),
    OBJECT_ROUTES("eventfilter"),
    {HTTP_POST, API "/objects/eventfilter/test", "objects:read", "", rules_test,
     "What the rules would make of an event, or of logged ones",
     .takes = "tries", .gives = "tried"},
    OBJECT_ROUTES("table"),
    {HTTP_GET, API "/schemas", "objects:read", "", schemas_list,
     "The kinds of objects, each with its JSON Schema", .gives = "schema[]"},
    {HTTP_GET, API "/schemas/{id}", "objects:read", "id", schemas_get,
     "The JSON Schema of one kind", .gives = "schema"},
    {HTTP_GET, API "/dead", "dead:read", LIST_PARAMS, dead_list,
     "Messages that were refused, with the reason", .gives = "dead_letter[]"},
    {HTTP_GET, API "/dead/counts", "dead:read", LIST_PARAMS, dead_counts,
     "Refused messages counted by engine, field and kind of reason",
     .gives = "dead_count[]"},
    {HTTP_POST, API "/dead/replay", "dead:write", "", dead_replay,
     "Give refused messages again to who refused them, or edited ones",
     .takes = "action", .gives = "acted"},
    {HTTP_POST, API "/dead/purge", "dead:write", "", dead_purge,
     "Delete refused messages", .takes = "action", .gives = "acted"},
    {HTTP_GET, API "/dead/{id}", "dead:read", "id", dead_get,
     "One refused message", .gives = "dead_letter"},
    {HTTP_GET, API "/health", "system:read", "", system_health,
     "Each engine: rate, lag, errors, last seen, ready or why not",
     .gives = "health"},
    {HTTP_GET, API "/ready", NULL, "", system_ready,
     "200 when store and broker answer", .gives = "ready"},
    {HTTP_GET, API "/version", NULL, "", system_version,
     "Name and version of this server", .gives = "product"},
    {HTTP_GET, API "/openapi.json", "system:read", "", system_openapi,
     "This API, described as OpenAPI 3.1", .gives = "openapi"},
    {HTTP_GET, "/metrics", "system:read", "", system_metrics,
     "What all processes count and measure, for Prometheus",
     .gives = "prometheus"},
    {HTTP_POST, "/event", "events:write", "authkey", compat_post,
     "Events as 2015 connectors post them", .takes = "events_in",
     .gives = "taken_2015"},
    {HTTP_PUT, "/event", "events:write", "authkey", compat_post, "The same",
     .takes = "events_in", .gives = "taken_2015"},
    {HTTP_POST, "/api/v4/event", "events:write", "authkey", compat_post,
     "Events as 2024 connectors post them", .takes = "events_in",
     .gives = "taken_2015"},
    {0},
};
