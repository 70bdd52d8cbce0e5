/* SPDX-License-Identifier: Apache-2.0 */
/** Objects: list, show, check, put, delete; each change is told on the bus. */
#include "webserver/objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/bus/topology.h"
#include "common/rules/alarm_rules.h"
#include "common/rules/rules.h"
#include "common/rules/tables.h"
#include "common/store/objects.h"
#include "webserver/json_text.h"
#include "webserver/list.h"
#include "webserver/routes.h"

enum {
    KEY_MAX = 256,
    ROW_MAX = 512 * 1024,
    AUTHOR_MAX = 128,
    NOTICE_MAX = 256,
    FENCE_TRIES = 3 /* another webserver may have taken it in between */
};

#define OBJECTS_PATH "/api/v1/objects/"

static const struct object_kind *const kinds[] = {&alarm_rule_kind, &rule_kind,
                                                  &table_kind, NULL};

/* The kind that the route's path names. */
static const struct object_kind *kind_of(const struct request *request)
{
    const char *name = request->route->path + strlen(OBJECTS_PATH);
    size_t len = strcspn(name, "/");

    for (size_t i = 0; kinds[i] != NULL; i++) {
        if (strlen(kinds[i]->name) == len &&
            strncmp(kinds[i]->name, name, len) == 0) {
            return kinds[i];
        }
    }
    BUG_IF(true);
}

/* Showing. */

static const struct item_field fields[] = {
    {"kind", BLANK_TEXT},       {"name", BLANK_TEXT},
    {"labels", BLANK_OBJECT},   {"spec", BLANK_OBJECT},
    {"version", BLANK_ZERO},    {"revision", BLANK_ZERO},
    {"created_at", BLANK_NULL}, {"updated_at", BLANK_NULL},
    {"author", BLANK_TEXT},     {NULL, BLANK_NULL},
};

/* Why an object that is stored is no good; it has been written by another
 * version, or by hand. */
static void add_problem(const struct object_kind *kind, struct doc row,
                        struct buf *out)
{
    struct errbuf why = {0};

    buf_add_str(out, ",\"problem\":");
    if (object_check(kind, row, &why) == ERR_OK) {
        buf_add_str(out, "null");
        return;
    }
    buf_add_str(out, "{\"field\":");
    json_add_text(out, why.field);
    buf_add_str(out, ",\"reason\":");
    json_add_text(out, why.text);
    buf_add_char(out, '}');
}

static void write_object(struct server *server, const struct list_spec *spec,
                         const struct store_key *key, struct doc row,
                         struct buf *out)
{
    const char *name = doc_str(row, "kind", "");

    item_write(fields, spec->collection, key, row, out);
    buf_truncate(out, out->len - 1); /* the brace: more follows */
    for (size_t i = 0; kinds[i] != NULL; i++) {
        if (strcmp(kinds[i]->name, name) == 0) {
            add_problem(kinds[i], row, out);
        }
    }
    if (strcmp(name, rule_kind.name) == 0) {
        rules_add_stats(server, doc_str(row, "name", ""), out);
    }
    buf_add_char(out, '}');
}

static const char *const search[] = {"name", "spec.description", NULL};

static const struct list_spec objects = {
    .collection = STORE_OBJECTS,
    .search = search,
    .sort = "name",
    .write = write_object,
};

void objects_list(struct server *server, struct request *request)
{
    struct list_spec spec = objects;

    spec.kind = kind_of(request)->name;
    list_reply(server, request, &spec);
}

/* Append the row under the request's name. */
static enum err read_row(struct server *server, const struct request *request,
                         const char *name, struct buf *out, struct doc *row)
{
    enum err err =
        objects_get(server->store, kind_of(request)->name, name, out);

    if (err == ERR_OK) {
        *row = (struct doc){(const uint8_t *)out->data, (uint32_t)out->len};
    }
    return err;
}

static void add_etag(struct request *request, int64_t version)
{
    char etag[32];

    (void)snprintf(etag, sizeof etag, "\"%lld\"", (long long)version);
    request_add_header(request, "ETag", etag);
}

static void reply_row(struct server *server, struct request *request,
                      struct doc row, int status)
{
    const struct store_key key = {.text = doc_str(row, "name", "")};

    write_object(server, &objects, &key, row, request_out(request));
    add_etag(request, doc_i64(row, "version", 0));
    request_reply(request, status);
}

static void refuse_none(struct request *request)
{
    request_problem(request, HTTP_NOT_FOUND, "id",
                    "there is no %s of this "
                    "name",
                    kind_of(request)->name);
}

static void reply_failed(struct request *request, enum err err)
{
    const struct errbuf why = {{0}, {0}};

    if (err == ERR_NOT_FOUND) {
        refuse_none(request);
    } else {
        list_reply_failed(request, err, &why);
    }
}

void objects_get_one(struct server *server, struct request *request)
{
    struct doc row = {NULL, 0};
    struct buf text;
    enum err err;

    if (!list_has_store(server, request)) {
        return;
    }
    buf_init(&text, ROW_MAX);
    err = read_row(server, request, request->id, &text, &row);
    if (err == ERR_OK) {
        reply_row(server, request, row, HTTP_OK);
    } else {
        reply_failed(request, err);
    }
    buf_fini(&text);
}

void objects_versions(struct server *server, struct request *request)
{
    static const struct item_field version_fields[] = {
        {"version", BLANK_ZERO},    {"revision", BLANK_ZERO},
        {"updated_at", BLANK_NULL}, {"author", BLANK_TEXT},
        {"labels", BLANK_OBJECT},   {"spec", BLANK_NULL},
        {NULL, BLANK_NULL},
    };
    char text[KEY_MAX];
    struct list_span span = {.from = {.text = text},
                             .to = {.text = text, .a = INT64_MAX},
                             .descending = true};
    const struct list_spec spec = {.collection = STORE_OBJECT_VERSIONS,
                                   .fields = version_fields,
                                   .span = &span};

    (void)snprintf(text, sizeof text, "%.100s/%.140s", kind_of(request)->name,
                   request->id);
    list_reply(server, request, &spec);
}

/* What is sent. */

bool objects_read_body(struct request *request, struct doc_out *out,
                       struct doc *body)
{
    struct errbuf why = {0};
    enum err err = doc_from_json(buf_str(&request->body), request->body.len,
                                 out, body, &why);

    if (err != ERR_OK) {
        request_problem(request, HTTP_BAD_REQUEST, "body",
                        "expected a JSON object: %s", why.text);
    }
    return err == ERR_OK;
}

/* The object that was sent, under the name of the path when there is one. */
static bool name_object(struct request *request, struct doc body,
                        struct doc_out *out, struct doc *object)
{
    struct doc_iter it;
    struct doc_value value;
    const char *key;
    const char *name = doc_str(body, "name", request->id);

    if (request->id != NULL && strcmp(name, request->id) != 0) {
        request_problem(request, HTTP_UNPROCESSABLE, "name",
                        "name: expected \"%.128s\", as in the path, or none",
                        request->id);
        return false;
    }
    doc_out_reset(out);
    if (request->id != NULL) {
        doc_add_str(out, "name", request->id);
    }
    doc_iter_init(&it, body);
    while (doc_next(&it, &key, &value)) {
        if (request->id == NULL || strcmp(key, "name") != 0) {
            doc_add_value(out, key, &value);
        }
    }
    *object = doc_out_done(out);
    return true;
}

/* Read and check it; false: answered. */
static bool read_object(struct server *server, struct request *request,
                        struct doc_out *out, struct doc *object)
{
    struct errbuf why = {0};
    struct doc body;

    if (!objects_read_body(request, server->doc, &body) ||
        !name_object(request, body, out, object)) {
        return false;
    }
    if (object_check(kind_of(request), *object, &why) != ERR_OK) {
        request_problem_why(request, HTTP_UNPROCESSABLE, &why);
        return false;
    }
    return true;
}

void objects_check(struct server *server, struct request *request)
{
    struct doc_out *out = doc_out_new();
    struct doc object;

    if (read_object(server, request, out, &object)) {
        buf_add_str(request_out(request), "{\"kind\":");
        json_add_text(request_out(request), kind_of(request)->name);
        buf_add_str(request_out(request), ",\"name\":");
        json_add_text(request_out(request), doc_str(object, "name", ""));
        buf_add_str(request_out(request), ",\"good\":true}");
        request_reply(request, HTTP_OK);
    }
    doc_out_free(out);
}

/* Changing. */

/* A version as ETag tells it; 0: refused. */
static int64_t read_etag(const char *text)
{
    size_t len;
    char digits[24];
    int64_t version;

    if (str_starts(text, "W/")) {
        text += 2;
    }
    len = strlen(text);
    if (len < 3 || len >= sizeof digits || text[0] != '"' ||
        text[len - 1] != '"') {
        return 0;
    }
    memcpy(digits, text + 1, len - 2);
    digits[len - 2] = '\0';
    return str_to_i64(digits, 1, INT64_MAX, &version) == ERR_OK ? version : 0;
}

/* Which version must be there: as objects_change has it. False: answered. */
static bool read_expected(struct request *request, int64_t there,
                          int64_t *expected)
{
    const char *match = request_header(request, "If-Match");
    const char *none = request_header(request, "If-None-Match");

    *expected = request->method == HTTP_POST ? 0 : -1;
    if (none != NULL) {
        *expected = 0;
        if (strcmp(none, "*") != 0) {
            request_problem(request, HTTP_BAD_REQUEST, "If-None-Match",
                            "expected *: only when there is none yet");
            return false;
        }
    } else if (match != NULL) {
        bool any = strcmp(match, "*") == 0;

        *expected = any ? there : read_etag(match);
        if (*expected == 0 && any) {
            request_problem(request, HTTP_PRECONDITION, "If-Match",
                            "there is none of this name");
            return false;
        }
        if (*expected == 0) {
            request_problem(request, HTTP_BAD_REQUEST, "If-Match",
                            "expected what ETag held, like \"3\", or *");
            return false;
        }
    }
    return true;
}

/* Who changes it, as the caller says. */
static bool read_author(struct request *request, const char **author)
{
    const char *given = request_param(request, "author");

    *author = given != NULL ? given : "api";
    if (given == NULL || (given[0] != '\0' && strlen(given) <= AUTHOR_MAX &&
                          utf8_valid(given, strlen(given)))) {
        return true;
    }
    request_problem(request, HTTP_BAD_REQUEST, "author",
                    "expected 1 to %d bytes of text", AUTHOR_MAX);
    return false;
}

static enum err raise_fence(struct server *server)
{
    struct buf payload;
    enum err err;

    buf_init(&payload, DOC_BYTES_MAX);
    (void)snprintf(server->fence.row, sizeof server->fence.row, "webserver");
    err = store_fence_raise(server->store, clock_now_ms() / 1000,
                            &server->fence, &payload);
    buf_fini(&payload);
    server->fenced = err == ERR_OK;
    return err;
}

static enum err commit(struct server *server,
                       const struct objects_change *change, int64_t *version,
                       int64_t *revision)
{
    enum err err = ERR_FENCED;

    for (int i = 0; i < FENCE_TRIES && err == ERR_FENCED; i++) {
        err = server->fenced ? ERR_OK : raise_fence(server);
        if (err == ERR_OK) {
            err = objects_commit(server->store, &server->fence, change, version,
                                 revision);
        }
        server->fenced = server->fenced && err != ERR_FENCED &&
                         err != ERR_UNAVAILABLE && err != ERR_UNKNOWN;
    }
    return err;
}

/* Engines look for themselves in the end: a notice may be lost. */
static void tell_engines(struct server *server, const char *kind,
                         int64_t revision)
{
    char exchange[BUS_NAME_MAX + 1];
    char body[NOTICE_MAX];
    int len = snprintf(body, sizeof body, "{\"kind\":\"%s\",\"revision\":%lld}",
                       kind, (long long)revision);
    const struct bus_message notice = {
        .exchange = bus_exchange_name(server->conf->exchange_name, BUS_CONTROL,
                                      exchange),
        .routing_key = kind,
        .properties = {.content_type = "application/json",
                       .message_id = "",
                       .timestamp_ms = clock_now_ms()},
        .body = body,
        .len = (size_t)len};

    BUG_IF(len < 0 || (size_t)len >= sizeof body);
    (void)!publisher_send(&server->publisher, &notice, NULL, 0);
}

static void reply_not_changed(struct request *request,
                              const struct objects_change *change, enum err err,
                              int64_t there)
{
    if (err == ERR_LIMIT) {
        request_problem(
            request, HTTP_UNPROCESSABLE, NULL,
            "there are %lld objects of this kind, and no room for "
            "more",
            (long long)(change->most > 0 ? change->most : OBJECTS_OF_A_KIND));
    } else if (err != ERR_CONFLICT) {
        reply_failed(request, err);
    } else if (request->method == HTTP_POST) {
        request_problem(request, HTTP_CONFLICT, "name",
                        "there is one of the name \"%s\" already",
                        change->name);
    } else if (there == 0) {
        request_problem(request, HTTP_PRECONDITION, "If-Match",
                        "there is none of this name");
    } else {
        request_problem(request, HTTP_PRECONDITION,
                        change->expected == 0 ? "If-None-Match" : "If-Match",
                        "version %lld is there", (long long)there);
    }
}

static bool same_doc(struct doc row, const char *member, struct doc other)
{
    struct doc own = doc_sub(row, member);

    return own.len == other.len &&
           (own.len == 0 || memcmp(own.data, other.data, own.len) == 0);
}

/* Put what was read, unless it is there as it is. */
static void put(struct server *server, struct request *request,
                struct objects_change *change, struct doc row)
{
    bool is_new = row.len == 0;
    struct buf text;
    int64_t version = 0;
    int64_t revision;
    enum err err;

    if (!is_new && request->method != HTTP_POST &&
        (change->expected == -1 ||
         change->expected == doc_i64(row, "version", 0)) &&
        same_doc(row, "spec", change->spec) &&
        same_doc(row, "labels", change->labels)) {
        reply_row(server, request, row, HTTP_OK);
        return;
    }
    err = commit(server, change, &version, &revision);
    if (err != ERR_OK) {
        reply_not_changed(request, change, err, version);
        return;
    }
    tell_engines(server, change->kind, revision);
    buf_init(&text, ROW_MAX);
    err = read_row(server, request, change->name, &text, &row);
    if (err == ERR_OK) {
        reply_row(server, request, row, is_new ? HTTP_CREATED : HTTP_OK);
    } else {
        reply_failed(request, err);
    }
    buf_fini(&text);
}

void objects_put(struct server *server, struct request *request)
{
    struct objects_change change = {.kind = kind_of(request)->name,
                                    .most = kind_of(request)->most,
                                    .now_ms = clock_now_ms()};
    struct doc_out *out = doc_out_new();
    struct doc object;
    struct doc row = {NULL, 0};
    struct buf text;
    enum err err;

    buf_init(&text, ROW_MAX);
    if (list_has_store(server, request) &&
        read_author(request, &change.author) &&
        read_object(server, request, out, &object)) {
        change.name = doc_str(object, "name", "");
        change.spec = doc_sub(object, "spec");
        change.labels = doc_sub(object, "labels");
        err = read_row(server, request, change.name, &text, &row);
        if (err != ERR_OK && err != ERR_NOT_FOUND) {
            reply_failed(request, err);
        } else if (read_expected(request, doc_i64(row, "version", 0),
                                 &change.expected)) {
            put(server, request, &change, row);
        }
    }
    buf_fini(&text);
    doc_out_free(out);
}

static void delete_one(struct server *server, struct request *request,
                       const struct objects_change *change)
{
    struct buf *out = request_out(request);
    int64_t version = 0;
    int64_t revision;
    enum err err = commit(server, change, &version, &revision);

    if (err != ERR_OK) {
        reply_not_changed(request, change, err, version);
        return;
    }
    tell_engines(server, change->kind, revision);
    buf_add_str(out, "{\"kind\":");
    json_add_text(out, change->kind);
    buf_add_str(out, ",\"name\":");
    json_add_text(out, change->name);
    buf_addf(out, ",\"deleted\":true,\"version\":%lld,\"revision\":%lld}",
             (long long)version, (long long)revision);
    request_reply(request, HTTP_OK);
}

void objects_delete(struct server *server, struct request *request)
{
    struct objects_change change = {.kind = kind_of(request)->name,
                                    .name = request->id,
                                    .now_ms = clock_now_ms()};
    struct doc row = {NULL, 0};
    struct buf text;
    enum err err;

    if (!list_has_store(server, request) ||
        !read_author(request, &change.author)) {
        return;
    }
    buf_init(&text, ROW_MAX);
    err = read_row(server, request, request->id, &text, &row);
    if (err != ERR_OK) {
        reply_failed(request, err);
    } else if (read_expected(request, doc_i64(row, "version", 0),
                             &change.expected)) {
        delete_one(server, request, &change);
    }
    buf_fini(&text);
}

/* Schemas. */

static void add_schema(const struct object_kind *kind, struct buf *out)
{
    buf_add_str(out, "{\"kind\":");
    json_add_text(out, kind->name);
    buf_add_str(out, ",\"description\":");
    json_add_text(out, kind->help);
    buf_add_str(out, ",\"schema\":");
    object_add_schema(kind, out);
    buf_add_char(out, '}');
}

void schemas_list(struct server *server, struct request *request)
{
    struct buf *out = request_out(request);
    size_t n = 0;

    (void)server;
    buf_add_str(out, "{\"items\":[");
    for (; kinds[n] != NULL; n++) {
        buf_add_str(out, n > 0 ? "," : "");
        add_schema(kinds[n], out);
    }
    buf_addf(out, "],\"next\":null,\"total\":%zu,\"total_is\":\"exact\"}", n);
    request_reply(request, HTTP_OK);
}

void schemas_get(struct server *server, struct request *request)
{
    (void)server;
    for (size_t i = 0; kinds[i] != NULL; i++) {
        if (strcmp(kinds[i]->name, request->id) == 0) {
            object_add_schema(kinds[i], request_out(request));
            request_reply(request, HTTP_OK);
            return;
        }
    }
    request_problem(request, HTTP_NOT_FOUND, "id", "there is no such kind");
}
