/* SPDX-License-Identifier: Apache-2.0 */
/** What no client should send: limits, nonsense, silence. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"
#include "tests/unit/webserver/web_fixture.h"

#define KEY_LINE "x-canopsis-authkey: " WEB_KEY "\r\n"
#define START    "Host: t\r\nConnection: close\r\n" KEY_LINE

struct raw_row {
    const char *name;
    const char *text;
    int least, most; /* statuses; 0: the connection is simply closed */
};

static const struct raw_row raws[] = {
    {"nothing", "\r\n\r\n\r\n\r\n", 0, 0},
    {"noise", "\x16\x03\x01\x02\x01\x01\xfe\r\n\r\n", 0, 499},
    {"no version", "GET /api/v1/version\r\n\r\n", 0, 499},
    {"bad method", "G@T /api/v1/version HTTP/1.1\r\n" START "\r\n", 400, 499},
    {"http 1.0", "GET /api/v1/version HTTP/1.0\r\n\r\n", 200, 200},
    {"bad length",
     "POST /api/v1/events HTTP/1.1\r\n" START "Content-Length: x\r\n\r\n{}",
     400, 413},
    {"negative length",
     "POST /api/v1/events HTTP/1.1\r\n" START "Content-Length: -1\r\n\r\n{}",
     400, 413},
    {"huge length",
     "POST /api/v1/events HTTP/1.1\r\n" START
     "Content-Length: 99999999999\r\n\r\n{",
     413, 413},
    {"length past 64 bits",
     "POST /api/v1/events HTTP/1.1\r\n" START
     "Content-Length: 99999999999999999999999\r\n\r\n{",
     400, 413},
    {"chunked",
     "POST /api/v1/events HTTP/1.1\r\n" START
     "Transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
     422, 422},
    {"bad chunk",
     "POST /api/v1/events HTTP/1.1\r\n" START
     "Transfer-Encoding: chunked\r\n\r\nzz\r\n[]\r\n0\r\n\r\n",
     0, 400},
    {"bad escape", "GET /api/v1/alarms?x=%zz HTTP/1.1\r\n" START "\r\n", 400,
     400},
    {"nul in path", "GET /api/v1/alarms/%00 HTTP/1.1\r\n" START "\r\n", 400,
     400},
    {"broken utf-8 in path",
     "GET /api/v1/alarms/%ff%fe HTTP/1.1\r\n" START "\r\n", 400, 400},
    {"dots", "GET /api/v1/../../etc/passwd HTTP/1.1\r\n" START "\r\n", 404,
     404},
    {"head", "HEAD /api/v1/version HTTP/1.1\r\n" START "\r\n", 200, 200},
};

static void check_raw(void **state)
{
    const struct raw_row *row = *state;
    struct web_fixture f;

    web_start(&f, NULL);
    web_raw(&f, row->text, strlen(row->text));
    assert_true(f.status >= row->least);
    assert_true(f.status <= row->most);
    web_call(&f, "/api/v1/version", NULL); /* and it lives */
    assert_int_equal(f.status, 200);
    web_stop(&f);
}

static char *repeat(const char *what, size_t n)
{
    size_t len = strlen(what);
    char *text = xmalloc(len * n + 1);

    for (size_t i = 0; i < n; i++) {
        memcpy(text + i * len, what, len);
    }
    text[len * n] = '\0';
    return text;
}

static void large_body(void **state)
{
    static const char *const set[] = {"body_bytes=4K", NULL};
    struct web_fixture f;
    char *body = repeat("[1,2,3]", 1000);

    (void)state;
    web_start(&f, set);
    web_call(&f, "/api/v1/events", body);
    assert_int_equal(f.status, 413);
    assert_string_equal(web_at(&f, "status"), "413");
    web_stop(&f);
    free(body);
}

/* The length is not announced: it is refused when it is too much. */
static void large_chunks(void **state)
{
    static const char *const set[] = {"body_bytes=4K", NULL};
    struct web_fixture f;
    char *chunks = repeat("400\r\n" /* 1024 bytes follow */, 1);
    char *filling = repeat(" ", 1024);
    struct buf out;

    (void)state;
    web_start(&f, set);
    buf_init(&out, 1024 * 1024);
    buf_add_str(&out, "POST /api/v1/events HTTP/1.1\r\n" START
                      "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 6; i++) {
        buf_addf(&out, "%s%s\r\n", chunks, filling);
    }
    buf_add_str(&out, "0\r\n\r\n");
    web_raw(&f, buf_str(&out), out.len);
    assert_int_equal(f.status, 413);
    for (int i = 0; i < 40; i++) { /* and cut off when it never ends */
        buf_truncate(&out, out.len - 5);
        buf_addf(&out, "%s%s\r\n0\r\n\r\n", chunks, filling);
    }
    web_raw(&f, buf_str(&out), out.len);
    assert_true(f.status == 0 || f.status == 413);
    web_call(&f, "/api/v1/version", NULL);
    assert_int_equal(f.status, 200);
    web_stop(&f);
    buf_fini(&out);
    free(chunks);
    free(filling);
}

/* Past the limit, with a problem document; far past it the library answers,
 * or hangs up. */
static void huge_headers(void **state)
{
    static const char *const set[] = {"header_bytes=4K", NULL};
    struct web_fixture f;
    char *fits = repeat("A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", 70);
    char *line = repeat("A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", 120);
    char *one = repeat("b", 5000);
    char *huge = repeat("b", 60000);
    struct buf out;

    (void)state;
    web_start(&f, set);
    web_method(&f, "GET", "/api/v1/version", fits, NULL);
    assert_int_equal(f.status, 200);
    web_method(&f, "GET", "/api/v1/version", line, NULL);
    assert_int_equal(f.status, 431);
    assert_string_equal(web_at(&f, "type"),
                        "\"urn:hypervise:problem:headers-too-large\"");
    buf_init(&out, 1024 * 1024);
    buf_addf(&out, "X: %s\r\n", one);
    web_method(&f, "GET", "/api/v1/version", buf_str(&out), NULL);
    assert_int_equal(f.status, 431);
    assert_string_equal(web_at(&f, "status"), "431");
    buf_clear(&out);
    buf_addf(&out, "X: %s\r\n", huge);
    web_method(&f, "GET", "/api/v1/version", buf_str(&out), NULL);
    assert_true(f.status == 0 || f.status == 431 || f.status == 413);
    web_call(&f, "/api/v1/version", NULL);
    assert_int_equal(f.status, 200);
    web_stop(&f);
    buf_fini(&out);
    free(fits);
    free(line);
    free(one);
    free(huge);
}

static void long_target(void **state)
{
    static const char *const set[] = {"query_bytes=512", NULL};
    struct web_fixture f;
    char *text = repeat("a", 1000);
    struct buf path;

    (void)state;
    web_start(&f, set);
    buf_init(&path, 4096);
    buf_addf(&path, "/api/v1/alarms?search=%s", text);
    web_call(&f, buf_str(&path), NULL);
    assert_int_equal(f.status, 414);
    web_stop(&f);
    buf_fini(&path);
    free(text);
}

struct body_row {
    const char *name;
    const char *unit; /* repeated n times, */
    size_t n;
    const char *path;
    int status;
};

static const struct body_row bodies[] = {
    {"deep array", "[", 1000, "/api/v1/events", 422},
    {"deep object", "{\"a\":", 1000, "/api/v1/events", 422},
    {"deep order", "{\"a\":", 1000, "/api/v1/alarms/actions", 400},
    {"empty", "", 0, "/api/v1/events", 422},
    {"empty order", "", 0, "/api/v1/alarms/actions", 400},
    {"blank", " ", 5, "/api/v1/events", 422},
    {"broken utf-8", "{\"component\":\"\xff\xfe\"}", 1, "/api/v1/events", 422},
    {"broken utf-8 order", "{\"type\":\"\xc0\xaf\"}", 1,
     "/api/v1/alarms/actions", 400},
    {"cut short", "{\"component\":\"web1", 1, "/api/v1/events", 422},
    {"number", "7", 1, "/api/v1/events", 422},
    {"array as order", "[]", 1, "/api/v1/alarms/actions", 400},
    {"escaped nul", "{\"component\":\"a\\u0000b\"}", 1, "/api/v1/events", 422},
};

static void check_body(void **state)
{
    const struct body_row *row = *state;
    char *body = repeat(row->unit, row->n);
    struct web_fixture f;

    web_start(&f, NULL);
    web_call(&f, row->path, body);
    assert_true(f.status == row->status ||
                (row->status == 422 && f.status == 400));
    assert_string_not_equal(web_at(&f, "detail"), "");
    web_stop(&f);
    free(body);
}

/* Whole requests one after the other on one connection. */
static void pipelined(void **state)
{
    static const char one[] = "GET /api/v1/version HTTP/1.1\r\nHost: t\r\n\r\n";
    struct web_fixture f;
    char *many = repeat(one, 20);
    struct buf out;
    size_t n = 0;

    (void)state;
    web_start(&f, NULL);
    buf_init(&out, 65536);
    buf_add_str(&out, many);
    buf_add_str(&out, "GET /api/v1/version HTTP/1.1\r\n" START "\r\n");
    web_raw(&f, buf_str(&out), out.len);
    for (const char *at = buf_str(&f.body);
         (at = strstr(at, "\"api\":\"v1\"")) != NULL; at++) {
        n++;
    }
    assert_int_equal(n, 21);
    web_stop(&f);
    buf_fini(&out);
    free(many);
}

int main(void)
{
    const struct row_table tables[] = {
        ROWS(raws, check_raw),    ROWS(bodies, check_body),
        ROW_SINGLE(large_body),   ROW_SINGLE(large_chunks),
        ROW_SINGLE(huge_headers), ROW_SINGLE(long_target),
        ROW_SINGLE(pipelined),
    };

    return rows_run("http", tables, N_ROWS(tables));
}
