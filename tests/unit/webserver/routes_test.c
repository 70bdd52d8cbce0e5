/* SPDX-License-Identifier: Apache-2.0 */
/** Every route: closed without the key, strict about parameters. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"
#include "tests/unit/webserver/web_fixture.h"
#include "webserver/routes.h"

static const char *method_name(enum http_method method)
{
    static const char *const names[] = {
        [HTTP_GET] = "GET",       [HTTP_POST] = "POST",
        [HTTP_PUT] = "PUT",       [HTTP_PATCH] = "PATCH",
        [HTTP_DELETE] = "DELETE", [HTTP_OTHER] = "OPTIONS",
    };
    return names[method];
}

/* The route's path with a harmless id, and a query. */
static void path_of(const struct route *route, const char *query, char *out,
                    size_t size)
{
    const char *place = strstr(route->path, "{id}");

    if (place == NULL) {
        (void)snprintf(out, size, "%s%s", route->path, query);
    } else {
        (void)snprintf(out, size, "%.*snone%s%s", (int)(place - route->path),
                       route->path, place + 4, query);
    }
}

static void call(struct web_fixture *f, const struct route *route,
                 const char *query, const char *headers)
{
    char path[256];

    path_of(route, query, path, sizeof path);
    web_method(f, method_name(route->method), path, headers,
               route->method == HTTP_GET ? NULL : "{}");
}

static void assert_problem(struct web_fixture *f, int status)
{
    assert_int_equal(f->status, status);
    assert_non_null(strstr(buf_str(&f->head), "application/problem+json"));
    assert_string_not_equal(web_at(f, "type"), "");
    assert_string_not_equal(web_at(f, "title"), "");
    assert_string_not_equal(web_at(f, "detail"), "");
    assert_int_equal(doc_i64(f->doc, "status", 0), status);
}

static void without_key(void **state)
{
    static const char *const headers[] = {
        "",
        "Authorization: Bearer wrong\r\n",
        "Authorization: Bearer " WEB_KEY "0\r\n",
        "Authorization: Bearer\r\n",
        "Authorization: Basic " WEB_KEY "\r\n",
        "x-canopsis-authkey: 0\r\n",
    };
    struct web_fixture f;

    (void)state;
    web_start(&f, NULL);
    for (const struct route *r = routes; r->path != NULL; r++) {
        for (size_t i = 0; i < N_ROWS(headers); i++) {
            call(&f, r, "", headers[i]);
            if (r->permission == NULL) {
                assert_int_not_equal(f.status, 401);
            } else {
                assert_problem(&f, 401);
                assert_non_null(strstr(buf_str(&f.head), "WWW-Authenticate"));
            }
        }
    }
    web_stop(&f);
}

static void with_key(void **state)
{
    static const char *const headers[] = {
        "Authorization: Bearer " WEB_KEY "\r\n",
        "authorization: bearer " WEB_KEY "\r\n",
        "x-canopsis-authkey: " WEB_KEY "\r\n",
    };
    struct web_fixture f;

    (void)state;
    web_start(&f, NULL);
    for (const struct route *r = routes; r->path != NULL; r++) {
        for (size_t i = 0; i < N_ROWS(headers); i++) {
            call(&f, r, "", headers[i]);
            assert_int_not_equal(f.status, 401);
            assert_int_not_equal(f.status, 405);
            assert_true(f.status >= 200);
            assert_true(f.status < 500);
        }
    }
    web_stop(&f);
}

static void unknown_parameter(void **state)
{
    struct web_fixture f;

    (void)state;
    web_start(&f, NULL);
    for (const struct route *r = routes; r->path != NULL; r++) {
        call(&f, r, "?nonsense=1", "x-canopsis-authkey: " WEB_KEY "\r\n");
        assert_problem(&f, 400);
        assert_string_equal(doc_str(f.doc, "field", ""), "nonsense");
    }
    web_stop(&f);
}

static void wrong_method(void **state)
{
    struct web_fixture f;

    (void)state;
    web_start(&f, NULL);
    web_method(&f, "DELETE", "/api/v1/alarms",
               "x-canopsis-authkey: " WEB_KEY "\r\n", NULL);
    assert_problem(&f, 405);
    web_method(&f, "PATCH", "/api/v1/events",
               "x-canopsis-authkey: " WEB_KEY "\r\n", "{}");
    assert_problem(&f, 405);
    web_stop(&f);
}

static void unknown_path(void **state)
{
    struct web_fixture f;

    (void)state;
    web_start(&f, NULL);
    web_call(&f, "/", NULL);
    assert_problem(&f, 404);
    web_call(&f, "/api/v1/alarmsx", NULL);
    assert_problem(&f, 404);
    web_method(&f, "GET", "/api/v1/nothing", "", NULL);
    assert_problem(&f, 401); /* a stranger learns nothing */
    web_stop(&f);
}

/* A table without double rows, each with a line of documentation. */
static void table_is_sound(void **state)
{
    (void)state;
    for (const struct route *r = routes; r->path != NULL; r++) {
        assert_non_null(r->handler);
        assert_non_null(r->params);
        assert_string_not_equal(r->doc, "");
        for (const struct route *o = r + 1; o->path != NULL; o++) {
            assert_false(r->method == o->method &&
                         strcmp(r->path, o->path) == 0);
        }
    }
}

/* docs/api.md names each route. */
static void manual_has_all(void **state)
{
    const char *top = getenv("srcdir");
    char *path = xasprintf("%s/docs/api.md", top != NULL ? top : "..");
    struct errbuf why = {0};
    struct buf text;

    (void)state;
    buf_init(&text, 1024 * 1024);
    assert_int_equal(file_read(path, &text, &why), ERR_OK);
    for (const struct route *r = routes; r->path != NULL; r++) {
        char name[256];

        (void)snprintf(name, sizeof name, "`%s %s`", method_name(r->method),
                       r->path);
        if (strstr(buf_str(&text), name) == NULL) {
            fail_msg("%s is not in docs/api.md", name);
        }
    }
    buf_fini(&text);
    free(path);
}

int main(void)
{
    const struct row_table tables[] = {
        ROW_SINGLE(table_is_sound), ROW_SINGLE(without_key),
        ROW_SINGLE(with_key),       ROW_SINGLE(unknown_parameter),
        ROW_SINGLE(wrong_method),   ROW_SINGLE(unknown_path),
        ROW_SINGLE(manual_has_all),
    };

    return rows_run("routes", tables, N_ROWS(tables));
}
