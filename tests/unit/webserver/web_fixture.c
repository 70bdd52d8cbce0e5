/* SPDX-License-Identifier: Apache-2.0 */
/** The whole server on memory store and broker behind a real socket. */
#include "tests/unit/webserver/web_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "tests/support/unit.h"

enum {
    ANSWER_MAX = 64 * 1024 * 1024,
    QUIET_STEPS = 3000
};

static void start_conf(struct web_fixture *f, const char *const *set)
{
    struct errbuf why;

    f->part = (struct conf_part){web_options, &f->conf};
    f->conf_handle = conf_new(&f->part, 1);
    assert_int_equal(conf_set(f->conf_handle, "webserver", "port", "0", &why),
                     ERR_OK);
    assert_int_equal(
        conf_set(f->conf_handle, "webserver", "run_folder", f->folder, &why),
        ERR_OK);
    for (; set != NULL && *set != NULL; set++) {
        char key[64];
        const char *equal = strchr(*set, '=');

        (void)snprintf(key, sizeof key, "%.*s", (int)(equal - *set), *set);
        assert_int_equal(
            conf_set(f->conf_handle, "webserver", key, equal + 1, &why),
            ERR_OK);
    }
    free(f->conf.key);
    f->conf.key = xstrdup(WEB_KEY);
}

void web_start(struct web_fixture *f, const char *const *set)
{
    struct errbuf why = {0};

    *f = (struct web_fixture){.docs = doc_out_new()};
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/web_test_XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    start_conf(f, set);
    buf_init(&f->head, 64 * 1024);
    buf_init(&f->body, ANSWER_MAX);
    f->memory = store_memory_new();
    f->store = store_memory_open(f->memory, "webserver");
    f->broker = broker_new("canopsis");
    f->bus = broker_open(f->broker, "webserver", "hypervise");
    assert_int_equal(server_open(&f->server, &f->conf, f->bus, &why), ERR_OK);
    server_set_store(&f->server, f->store, "");
    web_settle(f);
}

void web_stop(struct web_fixture *f)
{
    server_close(&f->server);
    bus_close(f->bus);
    broker_free(f->broker);
    store_close(f->store);
    store_memory_free(f->memory);
    conf_free(f->conf_handle);
    (void)rmdir(f->folder);
    buf_fini(&f->head);
    buf_fini(&f->body);
    doc_out_free(f->docs);
}

void web_settle(struct web_fixture *f)
{
    for (int i = 0; i < 20; i++) {
        assert_int_equal(server_step(&f->server, 0), ERR_OK);
        if (f->hook != NULL) {
            f->hook(f);
        }
    }
}

void web_put(struct web_fixture *f, enum store_collection into,
             const char *json)
{
    const char *writer = store_schema(into)->writer;
    struct store *store = store_memory_open(f->memory, writer);
    struct store_batch *batch = store_batch_new();
    struct store_fence fence = {0};
    struct doc_out *out = doc_out_new(), *none = doc_out_new();
    struct errbuf why = {0};
    struct buf payload;
    struct store_key key;
    struct doc row;

    (void)snprintf(fence.row, sizeof fence.row, "%s", writer);
    assert_int_equal(doc_from_json(json, strlen(json), out, &row, &why),
                     ERR_OK);
    key =
        (struct store_key){.text = doc_str(row, "_key", doc_str(row, "id", "")),
                           .a = doc_i64(row, "_a", 0),
                           .b = doc_i64(row, "_b", 0)};
    buf_init(&payload, 65536);
    assert_int_equal(store_fence_raise(store, 1, &fence, &payload), ERR_OK);
    buf_fini(&payload);
    store_batch_put(batch, into, &key, row);
    doc_out_reset(none);
    assert_int_equal(store_commit(store, &fence, batch, doc_out_done(none)),
                     ERR_OK);
    doc_out_free(out);
    doc_out_free(none);
    store_batch_free(batch);
    store_close(store);
}

static int connect_to(struct web_fixture *f)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)http_port(f->server.http)),
        .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address),
                     0);
    return fd;
}

/* One round: write what goes, step, read what came. False: it is closed. */
static bool exchange(struct web_fixture *f, int fd, const char **data,
                     size_t *len, struct buf *in)
{
    char chunk[8192];
    ssize_t n = *len > 0 ? send(fd, *data, *len > 60000 ? 60000 : *len,
                                MSG_DONTWAIT | MSG_NOSIGNAL)
                         : 0;

    if (n > 0) {
        *data += n;
        *len -= (size_t)n;
    }
    assert_int_equal(server_step(&f->server, 1), ERR_OK);
    if (f->hook != NULL) {
        f->hook(f);
    }
    n = recv(fd, chunk, sizeof chunk, MSG_DONTWAIT);
    if (n > 0) {
        buf_add(in, chunk, (size_t)n);
    }
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void take_answer(struct web_fixture *f, const struct buf *in)
{
    const char *end = in->len > 0 ? strstr(in->data, "\r\n\r\n") : NULL;
    struct errbuf why;

    buf_clear(&f->head);
    buf_clear(&f->body);
    f->status = 0;
    f->doc = (struct doc){NULL, 0};
    if (end == NULL) {
        return;
    }
    buf_add(&f->head, in->data, (size_t)(end - in->data) + 2);
    buf_add(&f->body, end + 4, in->len - (size_t)(end + 4 - in->data));
    (void)sscanf(f->head.data, "HTTP/1.1 %d", &f->status);
    if (doc_from_json(buf_str(&f->body), f->body.len, f->docs, &f->doc, &why) !=
        ERR_OK) {
        f->doc = (struct doc){NULL, 0};
    }
}

void web_raw(struct web_fixture *f, const void *data, size_t len)
{
    const char *at = data;
    int fd = connect_to(f);
    struct buf in;
    int quiet = 0;

    buf_init(&in, ANSWER_MAX);
    f->hang_up = false;
    while (quiet < QUIET_STEPS && !f->hang_up) {
        size_t before = in.len, left = len;

        if (!exchange(f, fd, &at, &len, &in)) {
            break;
        }
        quiet = in.len != before || left != len ? 0 : quiet + 1;
    }
    (void)close(fd);
    take_answer(f, &in);
    buf_fini(&in);
}

void web_method(struct web_fixture *f, const char *method, const char *path,
                const char *headers, const char *body)
{
    struct buf out;

    buf_init(&out, ANSWER_MAX);
    buf_addf(&out, "%s %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n%s",
             method, path, headers);
    if (body != NULL) {
        buf_addf(&out, "Content-Length: %zu\r\n", strlen(body));
    }
    buf_add_str(&out, "\r\n");
    buf_add_str(&out, body != NULL ? body : "");
    web_raw(f, buf_str(&out), out.len);
    buf_fini(&out);
}

void web_call(struct web_fixture *f, const char *path, const char *body)
{
    web_method(f, body != NULL ? "POST" : "GET", path,
               "Authorization: Bearer " WEB_KEY "\r\n", body);
}

const char *web_at(struct web_fixture *f, const char *path)
{
    static char text[8192];
    struct doc_value value = {.type = DOC_MISSING};
    struct buf out;

    if (!doc_path(f->doc, path, &value)) {
        return "";
    }
    buf_init(&out, sizeof text);
    doc_value_to_json(&value, &out);
    (void)snprintf(text, sizeof text, "%s", buf_str(&out));
    buf_fini(&out);
    return text;
}
