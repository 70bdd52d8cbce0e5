/* SPDX-License-Identifier: Apache-2.0 */
/** HTTP/1.1 for a connector, by libmicrohttpd under the connector's loop. */
#include "connectors/alertmanager/http.h"

#include <microhttpd.h>
#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/connector/listen.h"
#include "common/connector/tls.h"

enum {
    LISTEN_MAX = 16,
    RUNS_A_TURN = 64,
    CONNECTION_BYTES = 32 * 1024, /* of memory for headers */
    MS_PER_S = 1000
};

struct listener {
    struct MHD_Daemon *daemon;
    struct loop_watch watch;
};

struct http {
    struct loop *loop;
    struct http_conf conf;
    http_fn *fn;
    void *ctx;
    struct listener listeners[LISTEN_MAX];
    size_t n;
};

/* One request while its body comes. */
struct pending {
    struct buf body;
};

struct http *http_new(struct loop *loop, const struct http_conf *conf,
                      http_fn *fn, void *ctx)
{
    struct http *http = xcalloc(1, sizeof *http);

    http->loop = loop;
    http->conf = *conf;
    http->fn = fn;
    http->ctx = ctx;
    return http;
}

/* --- answers ----------------------------------------------------------------
 */

static enum MHD_Result answer(struct MHD_Connection *connection,
                              unsigned int status, const char *text)
{
    union {
        const char *in;
        char *out;
    } cast = {text};
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(text), cast.out, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result;

    if (response == NULL) {
        return MHD_NO;
    }
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                                  text[0] == '{' || text[0] == '['
                                      ? "application/json"
                                      : "text/plain; charset=utf-8");
    if (status == MHD_HTTP_UNAUTHORIZED) {
        (void)MHD_add_response_header(response,
                                      MHD_HTTP_HEADER_WWW_AUTHENTICATE,
                                      "Basic realm=\"hypervise\"");
    }
    result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static bool texts_equal(const char *a, const char *b)
{
    unsigned char hashes[2][crypto_generichash_BYTES];

    /* The time taken tells nothing of how much agrees. */
    (void)crypto_generichash(hashes[0], sizeof hashes[0],
                             (const unsigned char *)a, strlen(a), NULL, 0);
    (void)crypto_generichash(hashes[1], sizeof hashes[1],
                             (const unsigned char *)b, strlen(b), NULL, 0);
    return sodium_memcmp(hashes[0], hashes[1], sizeof hashes[0]) == 0;
}

static bool may_enter(const struct http *http,
                      struct MHD_Connection *connection)
{
    char *password = NULL;
    char *user;
    bool good;

    if (http->conf.user[0] == '\0') {
        return true;
    }
    user = MHD_basic_auth_get_username_password(connection, &password);
    good = user != NULL && password != NULL &&
           texts_equal(user, http->conf.user) &&
           texts_equal(password, http->conf.password);
    MHD_free(user);
    MHD_free(password);
    return good;
}

static void get_peer(struct MHD_Connection *connection, char *peer)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct sockaddr_storage address = {0};

    if (info != NULL && info->client_addr != NULL) {
        memcpy(&address, info->client_addr,
               info->client_addr->sa_family == AF_INET6
                   ? sizeof(struct sockaddr_in6)
                   : sizeof(struct sockaddr_in));
    }
    (void)listen_peer(&address, peer);
}

/* Whether the sender's certificate is of one of our authorities. The library
 * only asks for one; it hands on no request before hands are shaken. */
static bool is_trusted(const struct http *http,
                       struct MHD_Connection *connection, struct errbuf *why)
{
    const union MHD_ConnectionInfo *info;

    if (http->conf.tls_ca[0] == '\0') {
        return true;
    }
    info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return tls_is_trusted(info != NULL ? info->tls_session : NULL, why);
}

static enum MHD_Result run(const struct http *http,
                           struct MHD_Connection *connection,
                           struct http_request *request)
{
    char peer[PEER_TEXT_MAX];

    if (!may_enter(http, connection)) {
        return answer(connection, MHD_HTTP_UNAUTHORIZED, "who are you?\n");
    }
    get_peer(connection, peer);
    request->peer = peer;
    request->status = MHD_HTTP_OK;
    http->fn(http->ctx, request);
    return answer(connection, request->status, request->text);
}

/* --- requests ---------------------------------------------------------------
 */

static enum MHD_Result refuse_stranger(const struct http *http,
                                       struct MHD_Connection *connection,
                                       const struct errbuf *why)
{
    char peer[PEER_TEXT_MAX];

    get_peer(connection, peer);
    http->conf.refused(http->ctx, peer, why);
    return answer(connection, MHD_HTTP_FORBIDDEN,
                  "a certificate of an authority of tls_ca is needed\n");
}

/* NOLINTNEXTLINE(readability-function-size): the library's form. */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection,
                                  const char *url, const char *method,
                                  const char *version, const char *data,
                                  size_t *len, void **state)
{
    const struct http *http = ctx;
    struct pending *pending = *state;
    struct http_request request = {.method = method, .path = url};
    struct errbuf why = {0};

    (void)version;
    if (pending == NULL && !is_trusted(http, connection, &why)) {
        return refuse_stranger(http, connection, &why);
    }
    if (pending == NULL) {
        pending = xcalloc(1, sizeof *pending);
        buf_init(&pending->body, (size_t)http->conf.body_max);
        *state = pending;
        return MHD_YES;
    }
    if (*len > 0) {
        /* What passes the bound is read to its end, and dropped. */
        buf_add(&pending->body, data, *len);
        *len = 0;
        return MHD_YES;
    }
    if (pending->body.overflow) {
        return answer(connection, MHD_HTTP_CONTENT_TOO_LARGE,
                      "the body is too large\n");
    }
    request.body = buf_str(&pending->body);
    request.len = pending->body.len;
    return run(http, connection, &request);
}

static void on_completed(void *ctx, struct MHD_Connection *connection,
                         void **state, enum MHD_RequestTerminationCode code)
{
    struct pending *pending = *state;

    (void)ctx;
    (void)connection;
    (void)code;
    if (pending != NULL) {
        buf_fini(&pending->body);
        free(pending);
        *state = NULL;
    }
}

/* --- listening --------------------------------------------------------------
 */

/* What the library has in hand is not seen by poll() again. */
static void serve(const struct listener *listener)
{
    MHD_UNSIGNED_LONG_LONG wait_ms = 0;

    for (int i = 0; i < RUNS_A_TURN; i++) {
        if (MHD_run(listener->daemon) != MHD_YES ||
            MHD_get_timeout(listener->daemon, &wait_ms) != MHD_YES ||
            wait_ms > 0) {
            return;
        }
    }
}

static void on_ready(void *ctx, short revents)
{
    (void)revents;
    serve(ctx);
}

static struct MHD_Daemon *start(struct http *http, int fd)
{
    const struct http_conf *conf = &http->conf;
    bool tls = conf->tls_certificate[0] != '\0';
    union {
        const char *in;
        char *out;
    } certificate = {conf->tls_certificate}, key = {conf->tls_key},
      ca = {conf->tls_ca};
    const struct MHD_OptionItem secure[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, certificate.out},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, key.out},
        {ca.in[0] != '\0' ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, 0,
         ca.out},
        {MHD_OPTION_END, 0, NULL}};
    const struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};

    return MHD_start_daemon(
        MHD_USE_EPOLL | (tls ? MHD_USE_TLS : 0), 0, NULL, NULL, on_request,
        http, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned int)conf->connections_max, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_BYTES, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned int)(conf->idle_ms / MS_PER_S), MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, NULL, MHD_OPTION_ARRAY, tls ? secure : none,
        MHD_OPTION_END);
}

enum err http_listen(struct http *http, const char *address, struct errbuf *why)
{
    struct listener *listener = &http->listeners[http->n];
    const union MHD_DaemonInfo *info;
    int fd;
    enum err err = listen_open(address, http->conf.port, SOCK_STREAM, &fd, why);

    if (err != ERR_OK) {
        return err;
    }
    BUG_IF(http->n == LISTEN_MAX);
    listener->daemon = start(http, fd);
    if (listener->daemon == NULL) {
        (void)close(fd);
        errbuf_set_field(why, "tls_certificate",
                         "tls_certificate and tls_key: no certificate and key "
                         "in PEM that fit together");
        return ERR_INVALID;
    }
    info = MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    BUG_IF(info == NULL);
    listener->watch = (struct loop_watch){.fd = info->epoll_fd,
                                          .events = POLLIN,
                                          .fn = on_ready,
                                          .ctx = listener};
    loop_add(http->loop, &listener->watch);
    http->n++;
    return ERR_OK;
}

void http_beat(struct http *http)
{
    for (size_t i = 0; i < http->n; i++) {
        serve(&http->listeners[i]);
    }
}

void http_free(struct http *http)
{
    if (http == NULL) {
        return;
    }
    for (size_t i = 0; i < http->n; i++) {
        loop_remove(http->loop, &http->listeners[i].watch);
        MHD_stop_daemon(http->listeners[i].daemon);
    }
    free(http);
}
