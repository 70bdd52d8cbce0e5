/* SPDX-License-Identifier: Apache-2.0 */
/** HTTP/1.1 by libmicrohttpd, driven from outside through its epoll. */
#include "webserver/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"

enum {
    BACKLOG = 128,
    TICK_MS = 1000,
    DRAIN_FACTOR = 4,  /* of the body limit: read and dropped, to be polite */
    SEND_FACTOR = 10,  /* of receive_ms: the slowest reader of an answer */
    POOL_EXTRA = 4096, /* of a connection's memory: our answer's headers */
    /* What passes the limit of headers by no more than this is read, to be
     * refused by us; beyond, the library answers in its own way. */
    POOL_FACTOR = 4
};

enum phase {
    PHASE_HEAD,
    PHASE_BODY,
    PHASE_RUN,
    PHASE_ANSWERED
};

/* One connection, for the deadlines that its activity does not move. */
struct client {
    struct client *next, *prev;
    struct MHD_Connection *connection;
    int64_t since_ms;
    bool waits;   /* its request is run: no deadline */
    bool sending; /* its answer is under way */
};

struct http {
    const struct http_options *options;
    const struct http_app *app;
    struct MHD_Daemon *daemon;
    int listener;
    int port;
    int busy;
    int64_t next_tick_ms;
    struct client *clients;
    struct request *requests;
};

/* Lists. */

static void client_link(struct http *http, struct client *client)
{
    client->next = http->clients;
    if (client->next != NULL) {
        client->next->prev = client;
    }
    http->clients = client;
}

static void client_unlink(struct http *http, struct client *client)
{
    if (client->prev != NULL) {
        client->prev->next = client->next;
    } else {
        http->clients = client->next;
    }
    if (client->next != NULL) {
        client->next->prev = client->prev;
    }
}

static void request_link(struct http *http, struct request *request)
{
    request->next = http->requests;
    if (request->next != NULL) {
        request->next->prev = request;
    }
    http->requests = request;
    http->busy++;
}

static void request_unlink(struct http *http, struct request *request)
{
    if (request->prev != NULL) {
        request->prev->next = request->next;
    } else {
        http->requests = request->next;
    }
    if (request->next != NULL) {
        request->next->prev = request->prev;
    }
    http->busy--;
}

/* Requests. */

static struct client *client_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    BUG_IF(info == NULL || info->socket_context == NULL);
    return info->socket_context;
}

const char *request_header(const struct request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND,
                                       name);
}

static void *on_target(void *ctx, const char *target,
                       struct MHD_Connection *connection)
{
    struct http *http = ctx;
    struct request *request = xcalloc(1, sizeof *request);

    request->http = http;
    request->connection = connection;
    request->target =
        xstrndup(target, strnlen(target, (size_t)http->options->header_bytes));
    buf_init(&request->body, (size_t)http->options->body_bytes);
    buf_init(&request->reply.body, REQUEST_REPLY_MAX);
    request_link(http, request);
    return request;
}

static void on_completed(void *ctx, struct MHD_Connection *connection,
                         void **own, enum MHD_RequestTerminationCode code)
{
    struct http *http = ctx;
    struct request *request = *own;
    struct client *client = client_of(connection);

    (void)code;
    client->waits = false;
    client->sending = false;
    client->since_ms = clock_mono_ms();
    if (request == NULL) {
        return;
    }
    if (request->waiting) {
        request->waiting = false;
        request->cancel(request->cancel_ctx);
    }
    request_unlink(http, request);
    uri_fini(&request->uri);
    buf_fini(&request->body);
    buf_fini(&request->reply.body);
    free(request->id);
    free(request->target);
    free(request);
    *own = NULL;
}

static void on_connection(void *ctx, struct MHD_Connection *connection,
                          void **socket_ctx,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http *http = ctx;
    struct client *client = *socket_ctx;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        client = xcalloc(1, sizeof *client);
        client->connection = connection;
        client->since_ms = clock_mono_ms();
        client_link(http, client);
        *socket_ctx = client;
    } else if (client != NULL) {
        client_unlink(http, client);
        free(client);
        *socket_ctx = NULL;
    }
}

static enum http_method method_of(const char *name)
{
    static const struct {
        const char *name;
        enum http_method method;
    } methods[] = {{"GET", HTTP_GET},     {"HEAD", HTTP_GET},
                   {"POST", HTTP_POST},   {"PUT", HTTP_PUT},
                   {"PATCH", HTTP_PATCH}, {"DELETE", HTTP_DELETE}};

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (strcmp(methods[i].name, name) == 0) {
            return methods[i].method;
        }
    }
    return HTTP_OTHER;
}

static enum MHD_Result send_reply(struct request *request)
{
    struct reply *reply = &request->reply;
    struct client *client = client_of(request->connection);
    size_t len = reply->body.len;
    enum MHD_Result result;
    struct MHD_Response *response;

    response = MHD_create_response_from_buffer(len, buf_take(&reply->body),
                                               MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        return MHD_NO;
    }
    (void)MHD_add_response_header(response, "Content-Type",
                                  reply->content_type);
    (void)MHD_add_response_header(response, "Cache-Control", "no-store");
    (void)MHD_add_response_header(response, "X-Content-Type-Options",
                                  "nosniff");
    for (size_t i = 0; i < reply->n_headers; i++) {
        (void)MHD_add_response_header(response, reply->headers[i].name,
                                      reply->headers[i].value);
    }
    result = MHD_queue_response(request->connection,
                                (unsigned int)reply->status, response);
    MHD_destroy_response(response);
    request->phase = PHASE_ANSWERED;
    client->waits = false;
    client->sending = true;
    client->since_ms = clock_mono_ms();
    return result;
}

/* What the Content-Length header says; -1: nothing or nonsense (which the
 * library has refused before). */
static int64_t announced_bytes(const struct request *request)
{
    const char *text = request_header(request, "Content-Length");
    int64_t bytes;

    if (text == NULL || str_to_i64(text, 0, INT64_MAX, &bytes) != ERR_OK) {
        return -1;
    }
    return bytes;
}

static void refuse_large(struct request *request)
{
    request_problem(request, HTTP_TOO_LARGE, NULL,
                    "the body may have %lld bytes at most",
                    (long long)request->http->options->body_bytes);
}

static bool headers_are_large(const struct request *request)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        request->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

    return info != NULL &&
           info->header_size > (size_t)request->http->options->header_bytes;
}

static enum MHD_Result start_request(struct request *request,
                                     const char *method)
{
    struct http *http = request->http;
    int64_t limit = http->options->body_bytes;
    int64_t bytes = announced_bytes(request);

    request->method = method_of(method);
    request->phase = PHASE_BODY;
    if (headers_are_large(request)) {
        request_problem(request, HTTP_HEADERS_TOO_LARGE, NULL,
                        "the request's line and headers may have %lld bytes "
                        "at most",
                        (long long)http->options->header_bytes);
    } else if (strlen(request->target) > (size_t)http->options->target_bytes) {
        request_problem(request, HTTP_URI_TOO_LONG, NULL,
                        "the path and query may have %lld bytes at most",
                        (long long)http->options->target_bytes);
    } else {
        http->app->head(http->app->ctx, request);
    }
    if (!request->reply.done && bytes > limit) {
        refuse_large(request);
    }
    if (request->reply.done && bytes / DRAIN_FACTOR > limit) {
        return send_reply(request); /* the rest is not read; it closes */
    }
    return MHD_YES;
}

static enum MHD_Result take_body(struct request *request, const char *data,
                                 size_t *len)
{
    uint64_t most = (uint64_t)request->http->options->body_bytes * DRAIN_FACTOR;

    if (!request->reply.done) {
        buf_add(&request->body, data, *len);
        if (request->body.overflow) {
            buf_fini(&request->body);
            refuse_large(request);
        }
    } else {
        request->dropped_bytes += *len;
    }
    *len = 0;
    return request->dropped_bytes > most ? MHD_NO : MHD_YES;
}

static enum MHD_Result run_request(struct request *request)
{
    struct http *http = request->http;

    request->phase = PHASE_RUN;
    if (!request->reply.done) {
        http->app->run(http->app->ctx, request);
    }
    if (request->reply.done) {
        return send_reply(request);
    }
    BUG_IF(!request->waiting);
    client_of(request->connection)->waits = true;
    MHD_suspend_connection(request->connection);
    return MHD_YES;
}

/* NOLINTNEXTLINE(readability-function-size): the library's form. */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection,
                                  const char *path, const char *method,
                                  const char *version, const char *data,
                                  size_t *len, void **own)
{
    struct request *request = *own;

    (void)ctx;
    (void)connection;
    (void)path;
    (void)version;
    if (request->phase == PHASE_HEAD) {
        return start_request(request, method);
    }
    if (*len > 0) {
        return take_body(request, data, len);
    }
    if (request->phase == PHASE_BODY) {
        return run_request(request);
    }
    if (request->phase == PHASE_RUN && request->reply.done) {
        return send_reply(request);
    }
    return MHD_YES;
}

void http_wake(struct request *request)
{
    MHD_resume_connection(request->connection);
}

/* Opening. */

static void on_log(void *ctx, const char *format, va_list args)
{
    char text[ERRBUF_TEXT_MAX];

    (void)ctx;
    (void)vsnprintf(text, sizeof text, format, args);
    text[strcspn(text, "\r\n")] = '\0';
    log_debug("WEB-HTTP", "%s", text);
}

static int bind_first(const struct addrinfo *found, struct errbuf *why,
                      const char *what)
{
    int on = 1;
    int fd =
        socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        errbuf_set(why, "%s: no socket: %s", what, strerror(errno));
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, found->ai_addr, found->ai_addrlen) != 0 ||
        listen(fd, BACKLOG) != 0) {
        errbuf_set(why, "%s: cannot listen: %s", what, strerror(errno));
        (void)close(fd);
        return -1;
    }
    return fd;
}

static enum err open_listener(const struct http_options *options, int *fd,
                              struct errbuf *why)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV |
                                               AI_PASSIVE};
    struct addrinfo *found;
    char port[16];
    char what[128];
    int code;

    (void)snprintf(port, sizeof port, "%d", (int)options->port);
    (void)snprintf(what, sizeof what, "%s port %s", options->listen, port);
    code = getaddrinfo(options->listen, port, &hints, &found);
    if (code != 0) {
        errbuf_set_field(why, "listen",
                         "%s: not an address (expected one like 127.0.0.1 or "
                         "::1): %s",
                         what, gai_strerror(code));
        return ERR_INVALID;
    }
    *fd = bind_first(found, why, what);
    freeaddrinfo(found);
    return *fd >= 0 ? ERR_OK : ERR_UNAVAILABLE;
}

static int port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    char port[16] = "0";
    int64_t number = 0;

    if (getsockname(fd, (struct sockaddr *)&address, &len) == 0 &&
        getnameinfo((struct sockaddr *)&address, len, NULL, 0, port,
                    sizeof port, NI_NUMERICSERV) == 0) {
        (void)!str_to_i64(port, 0, UINT16_MAX, &number);
    }
    return (int)number;
}

static struct MHD_Daemon *start_daemon(struct http *http)
{
    const struct http_options *o = http->options;

    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL,
        NULL, on_request, http,
        /* the logger first: options after it may already say something */
        MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_LISTEN_SOCKET,
        http->listener, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned int)o->connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        POOL_FACTOR * (size_t)o->header_bytes + POOL_EXTRA,
        MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned int)((o->idle_ms + TICK_MS - 1) / TICK_MS),
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK, on_target,
        http, MHD_OPTION_NOTIFY_COMPLETED, on_completed, http,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, http, MHD_OPTION_END);
}

enum err http_open(const struct http_options *options,
                   const struct http_app *app, struct http **out,
                   struct errbuf *why)
{
    struct http *http;
    int fd;
    enum err err = open_listener(options, &fd, why);

    if (err != ERR_OK) {
        return err;
    }
    http = xcalloc(1, sizeof *http);
    http->options = options;
    http->app = app;
    http->listener = fd;
    http->port = port_of(fd);
    http->daemon = start_daemon(http);
    if (http->daemon == NULL) {
        errbuf_set(why, "the HTTP server does not start");
        (void)close(fd);
        free(http);
        return ERR_UNAVAILABLE;
    }
    *out = http;
    return ERR_OK;
}

void http_close(struct http *http)
{
    if (http == NULL) {
        return;
    }
    for (struct request *r = http->requests; r != NULL; r = r->next) {
        if (r->waiting) {
            r->cancel(r->cancel_ctx);
            request_problem(r, HTTP_UNAVAILABLE, NULL, "the server ends");
        }
    }
    MHD_run(http->daemon);
    MHD_stop_daemon(http->daemon);
    free(http);
}

/* Running. */

int http_port(const struct http *http)
{
    return http->port;
}

int http_fd(const struct http *http)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);

    BUG_IF(info == NULL);
    return info->epoll_fd;
}

int http_timeout_ms(const struct http *http)
{
    unsigned long long ms;

    if (MHD_get_timeout(http->daemon, &ms) == MHD_YES && ms < TICK_MS) {
        return (int)ms;
    }
    return TICK_MS;
}

static bool is_overdue(const struct http *http, const struct client *client,
                       int64_t now_ms)
{
    int64_t most = http->options->receive_ms;

    if (client->waits) {
        return false; /* whoever makes it wait has a deadline */
    }
    return now_ms - client->since_ms >
           (client->sending ? most * SEND_FACTOR : most);
}

/* The library's own time-out moves with each byte; this one does not. */
static void cut_overdue(struct http *http, int64_t now_ms)
{
    for (struct client *c = http->clients; c != NULL; c = c->next) {
        const union MHD_ConnectionInfo *info;

        if (!is_overdue(http, c, now_ms)) {
            continue;
        }
        info = MHD_get_connection_info(c->connection,
                                       MHD_CONNECTION_INFO_CONNECTION_FD);
        if (info != NULL) {
            (void)shutdown(info->connect_fd, SHUT_RDWR);
        }
    }
}

void http_run(struct http *http)
{
    int64_t now_ms = clock_mono_ms();

    if (now_ms >= http->next_tick_ms) {
        http->next_tick_ms = now_ms + TICK_MS;
        cut_overdue(http, now_ms);
    }
    (void)MHD_run(http->daemon);
}

void http_quiesce(struct http *http)
{
    MHD_socket fd = MHD_quiesce_daemon(http->daemon);

    if (fd != MHD_INVALID_SOCKET) {
        (void)close(fd);
    }
}

int http_busy(const struct http *http)
{
    return http->busy;
}
