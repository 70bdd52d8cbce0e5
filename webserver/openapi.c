/* SPDX-License-Identifier: Apache-2.0 */
/** The API described as OpenAPI 3.1, made from the table of routes. */
#include "config.h"

#include <ctype.h>
#include <string.h>

#include "webserver/json_text.h"
#include "webserver/routes.h"
#include "webserver/shapes.h"

#define API "/api/v1"

static const char *const method_names[] = {
    [HTTP_GET] = "get",     [HTTP_POST] = "post",     [HTTP_PUT] = "put",
    [HTTP_PATCH] = "patch", [HTTP_DELETE] = "delete",
};

/* What parameters mean, of whichever route. */
static const struct param {
    const char *name, *schema, *doc;
} params[] = {
    {"id", "{\"type\":\"string\"}", "the id, its slashes as %2F"},
    {"filter", "{\"type\":\"string\"}",
     "short text, like state>=2 and not acked, or a JSON object"},
    {"search", "{\"type\":\"string\",\"maxLength\":200}",
     "only items with this text in their names or output"},
    {"sort", "{\"type\":\"string\"}",
     "an indexed field; with - before it from high to low"},
    {"limit", "{\"type\":\"integer\",\"minimum\":1}", "items at most"},
    {"cursor", "{\"type\":\"string\"}", "next of the page before"},
    {"opened", "{\"enum\":[\"true\",\"false\",\"both\"]}",
     "open alarms, resolved ones, or both"},
    {"prefix", "{\"type\":\"string\",\"maxLength\":64}",
     "only ids that begin so"},
    {"from", "{\"type\":\"string\"}",
     "seconds since 1970, or a time before now like -3h"},
    {"to", "{\"type\":\"string\"}", "likewise"},
    {"order", "{\"enum\":[\"asc\",\"desc\"]}", "by time"},
    {"entity", "{\"type\":\"string\"}", "only of the entity of this id"},
    {"component", "{\"type\":\"string\"}",
     "only of this component and what it has"},
    {"step", "{\"type\":\"string\"}", "seconds, or a duration like 5m"},
    {"resolution", "{\"enum\":[\"auto\",\"raw\",\"minute\",\"hour\"]}",
     "points, or roll-ups"},
    {"agg", "{\"enum\":[\"all\",\"min\",\"mean\",\"max\",\"last\",\"count\"]}",
     "what a step shows"},
    {"raw", "{\"enum\":[\"true\",\"false\"]}", "counters as they are stored"},
    {"author", "{\"type\":\"string\"}", "who asks"},
    {"source", "{\"type\":\"string\",\"maxLength\":128}",
     "who knows what is imported"},
    {"partial", "{\"enum\":[\"true\",\"false\"]}",
     "nothing follows from what is absent"},
    {"dry_run", "{\"enum\":[\"true\",\"false\"]}",
     "only tell what would be done"},
    {"authkey", "{\"type\":\"string\"}", "the API key"},
};

const char *openapi_param_doc(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof params / sizeof params[0]; i++) {
        if (strlen(params[i].name) == len &&
            strncmp(params[i].name, name, len) == 0) {
            return params[i].doc;
        }
    }
    return NULL;
}

/* Paths. */

/* Whether the routes before it have the path. */
static bool is_first_of_path(const struct route *route)
{
    for (const struct route *r = routes; r != route; r++) {
        if (strcmp(r->path, route->path) == 0) {
            return false;
        }
    }
    return true;
}

/* "get_alarms_id_steps" */
static void add_operation_id(const struct route *route, struct buf *out)
{
    const char *at = route->path;
    bool gap = true;

    if (strncmp(at, API, strlen(API)) == 0) {
        at += strlen(API);
    }
    buf_addf(out, "\"operationId\":\"%s", method_names[route->method]);
    for (; *at != '\0'; at++) {
        if (isalnum((unsigned char)*at)) {
            buf_add_str(out, gap ? "_" : "");
            buf_add_char(out, *at);
        }
        gap = !isalnum((unsigned char)*at);
    }
    buf_add_char(out, '"');
}

/* The first part of the path. */
static void add_tag(const struct route *route, struct buf *out)
{
    const char *at = route->path;

    if (strncmp(at, API, strlen(API)) == 0) {
        at += strlen(API);
    }
    buf_addf(out, ",\"tags\":[\"%.*s\"]", (int)strcspn(at + 1, "/"), at + 1);
}

static void add_params(const struct route *route, struct buf *out)
{
    bool has_place = strstr(route->path, "{id}") != NULL;
    bool first = true;

    buf_add_str(out, ",\"parameters\":[");
    for (size_t i = 0; i < sizeof params / sizeof params[0]; i++) {
        const struct param *p = &params[i];
        bool in_path = has_place && strcmp(p->name, "id") == 0;

        if (in_path || route_takes(route, p->name)) {
            buf_addf(out,
                     "%s{\"name\":\"%s\",\"in\":\"%s\",\"required\":%s,"
                     "\"schema\":%s,\"description\":",
                     first ? "" : ",", p->name, in_path ? "path" : "query",
                     in_path ? "true" : "false", p->schema);
            json_add_text(out, p->doc);
            buf_add_char(out, '}');
            first = false;
        }
    }
    buf_add_char(out, ']');
}

/* Of "shape[]": a list of them. */
static void add_content(const char *shape, struct buf *out)
{
    const struct shape *found = shapes_find(shape);

    buf_addf(out, "\"content\":{\"%s\":{\"schema\":",
             found->media != NULL ? found->media : "application/json");
    shapes_add_reference(shape, out);
    buf_add_str(out, "}}");
}

static void add_body(const struct route *route, struct buf *out)
{
    if (route->takes != NULL) {
        buf_add_str(out, ",\"requestBody\":{");
        add_content(route->takes, out);
        buf_add_char(out, '}');
    }
}

static void add_responses(const struct route *route, struct buf *out)
{
    const struct shape *shape = shapes_find(route->gives);
    const char *at = shape->statuses != NULL ? shape->statuses : "200";

    buf_add_str(out, ",\"responses\":{");
    while (*at != '\0') {
        size_t n = strcspn(at, " ");

        buf_addf(out, "\"%.*s\":{\"description\":", (int)n, at);
        json_add_text(out, shape->doc);
        buf_add_char(out, ',');
        add_content(route->gives, out);
        buf_add_str(out, "},");
        at += n + (at[n] == ' ');
    }
    buf_add_str(out, "\"default\":{\"description\":\"a problem document\",");
    add_content("problem", out);
    buf_add_str(out, "}}");
}

static void add_operation(const struct route *route, struct buf *out)
{
    buf_addf(out, "\"%s\":{", method_names[route->method]);
    add_operation_id(route, out);
    add_tag(route, out);
    json_add_member(out, "summary", route->doc);
    json_add_member(out, "x-permission", route->permission);
    if (route->permission == NULL) {
        buf_add_str(out, ",\"security\":[]");
    }
    add_params(route, out);
    add_body(route, out);
    add_responses(route, out);
    buf_add_char(out, '}');
}

static void add_path(const struct route *first, struct buf *out)
{
    bool more = false;

    json_add_text(out, first->path);
    buf_add_str(out, ":{");
    for (const struct route *r = first; r->path != NULL; r++) {
        if (strcmp(r->path, first->path) == 0) {
            buf_add_str(out, more ? "," : "");
            add_operation(r, out);
            more = true;
        }
    }
    buf_add_char(out, '}');
}

static void add_paths(struct buf *out)
{
    bool more = false;

    buf_add_str(out, "\"paths\":{");
    for (const struct route *r = routes; r->path != NULL; r++) {
        if (is_first_of_path(r)) {
            buf_add_str(out, more ? "," : "");
            add_path(r, out);
            more = true;
        }
    }
    buf_add_char(out, '}');
}

void system_openapi(struct server *server, struct request *request)
{
    struct buf *out = request_out(request);

    (void)server;
    buf_add_str(
        out,
        "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Hypervise\","
        "\"version\":\"" PACKAGE_VERSION "\",\"license\":{\"name\":"
        "\"Apache-2.0\",\"identifier\":\"Apache-2.0\"},\"description\":"
        "\"Times are seconds since 1970 UTC. Where a path has {id}, its place "
        "may be left out and ?id= given instead.\"},"
        "\"servers\":[{\"url\":\"/\"}],"
        "\"security\":[{\"bearer\":[]},{\"authkey\":[]}],");
    add_paths(out);
    buf_add_str(out, ",\"components\":{\"securitySchemes\":{"
                     "\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\"},"
                     "\"authkey\":{\"type\":\"apiKey\",\"in\":\"header\","
                     "\"name\":\"x-canopsis-authkey\"}},\"schemas\":");
    shapes_add_all(out);
    buf_add_str(out, "}}");
    request_reply(request, HTTP_OK);
}
