/* SPDX-License-Identifier: Apache-2.0 */
/** A server of byte streams on the connector's loop. */
#include "common/connector/server.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/mem.h"

enum {
    READ_BYTES = 64 * 1024,
    READS_A_TURN = 8, /* one busy sender does not starve the others */
    ACCEPTS_A_TURN = 64
};

struct listener {
    LIST_ENTRY(listener) entry;
    struct loop_watch watch;
    struct server *server;
};

struct server_conn {
    LIST_ENTRY(server_conn) entry;
    struct loop_watch watch;
    struct server *server;
    struct tls_session *tls;
    struct buf in;
    int64_t active_ms; /* clock_mono_ms() */
    bool eof;
    bool ending;
    char peer[PEER_TEXT_MAX];
    void *user;
};

struct server {
    struct connector_io *io;
    struct server_conf conf;
    const struct server_ops *ops;
    void *ctx;
    LIST_HEAD(, listener) listeners;
    LIST_HEAD(, server_conn) conns;
    int64_t n_conns;
    char *room;
};

/* --- one connection ---------------------------------------------------------
 */

static void conn_close(struct server_conn *conn)
{
    struct server *server = conn->server;

    if (server->ops->closed != NULL) {
        server->ops->closed(server->ctx, conn);
    }
    loop_remove(connector_loop(server->io), &conn->watch);
    LIST_REMOVE(conn, entry);
    server->n_conns--;
    tls_session_free(conn->tls);
    (void)close(conn->watch.fd);
    buf_fini(&conn->in);
    free(conn->user);
    free(conn);
}

const char *server_conn_peer(const struct server_conn *conn)
{
    return conn->peer;
}

void *server_conn_user(struct server_conn *conn)
{
    return conn->user;
}

void server_conn_send(struct server_conn *conn, const void *data, size_t len)
{
    if (send(conn->watch.fd, data, len, MSG_NOSIGNAL) != (ssize_t)len) {
        conn->ending = true;
    }
}

void server_conn_end(struct server_conn *conn)
{
    conn->ending = true;
}

static void refuse(struct server_conn *conn, const struct errbuf *why)
{
    connector_refuse(conn->server->io, conn->peer, why);
    conn->ending = true;
}

/* Bytes read, 0 at the end, -1 nothing now, -2 failed. */
static ssize_t conn_read(struct server_conn *conn, size_t room)
{
    struct server *server = conn->server;
    struct errbuf why = {0};
    ssize_t n;

    if (conn->tls != NULL) {
        n = tls_read(conn->tls, server->room, room, &conn->watch.events, &why);
        if (n == -2) {
            refuse(conn, &why);
        }
        return n;
    }
    n = recv(conn->watch.fd, server->room, room, 0);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ? -1 : -2;
    }
    return n;
}

/* Hand on what waits. */
static void conn_hand_on(struct server_conn *conn)
{
    struct server *server = conn->server;
    struct buf *in = &conn->in;
    size_t taken;

    if (conn->ending || (in->len == 0 && !conn->eof)) {
        return;
    }
    taken =
        server->ops->input(server->ctx, conn, buf_str(in), in->len, conn->eof);
    BUG_IF(taken > in->len);
    if (taken > 0) {
        memmove(in->data, in->data + taken, in->len - taken);
        buf_truncate(in, in->len - taken);
    }
    if (connector_is_held(server->io)) {
        conn->watch.events = 0;
    } else if (conn->eof) {
        conn->ending = true;
    } else if (in->len == in->max && taken == 0) {
        struct errbuf why = {0};

        errbuf_set(&why, "more than %zu bytes that make no message", in->len);
        refuse(conn, &why);
    }
}

static bool conn_read_some(struct server_conn *conn)
{
    size_t room = conn->in.max - conn->in.len;
    ssize_t n;

    room = room < READ_BYTES ? room : READ_BYTES;
    n = room > 0 ? conn_read(conn, room) : -1;
    if (n > 0) {
        conn->active_ms = clock_mono_ms();
        buf_add(&conn->in, conn->server->room, (size_t)n);
        return true;
    }
    conn->eof = conn->eof || n == 0 || n == -2;
    return false;
}

static void conn_serve(struct server_conn *conn)
{
    bool more = true;

    for (int i = 0; more && !conn->ending; i++) {
        bool held = connector_is_held(conn->server->io);

        more = !held && !conn->eof && conn_read_some(conn);
        conn_hand_on(conn);
        if (i >= READS_A_TURN &&
            (conn->tls == NULL || !tls_has_more(conn->tls))) {
            break; /* poll() tells of the rest */
        }
    }
    if (conn->ending) {
        conn_close(conn);
    }
}

static void on_conn(void *ctx, short revents)
{
    (void)revents;
    conn_serve(ctx);
}

/* --- listening --------------------------------------------------------------
 */

static void conn_open(struct server *server, int fd,
                      const struct sockaddr_storage *address)
{
    struct server_conn *conn = xcalloc(1, sizeof *conn);

    conn->server = server;
    conn->watch = (struct loop_watch){
        .fd = fd, .events = POLLIN, .fn = on_conn, .ctx = conn};
    conn->active_ms = clock_mono_ms();
    buf_init(&conn->in, server->conf.input_max);
    (void)listen_peer(address, conn->peer);
    conn->user = xcalloc(1, server->ops->user_size + 1);
    if (server->conf.tls != NULL) {
        conn->tls = tls_session_new(server->conf.tls, fd);
    }
    LIST_INSERT_HEAD(&server->conns, conn, entry);
    server->n_conns++;
    loop_add(connector_loop(server->io), &conn->watch);
    if (server->ops->opened != NULL) {
        server->ops->opened(server->ctx, conn);
    }
    if (conn->ending) {
        conn_close(conn);
    }
}

static void on_listener(void *ctx, short revents)
{
    const struct listener *listener = ctx;
    struct server *server = listener->server;

    (void)revents;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        struct sockaddr_storage address;
        socklen_t len = sizeof address;
        int fd = accept4(listener->watch.fd, (struct sockaddr *)&address, &len,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        struct errbuf why = {0};
        char peer[PEER_TEXT_MAX];

        if (fd < 0) {
            return;
        }
        if (server->n_conns < server->conf.connections_max) {
            conn_open(server, fd, &address);
            continue;
        }
        errbuf_set(&why, "more than %lld connections",
                   (long long)server->conf.connections_max);
        connector_refuse(server->io, listen_peer(&address, peer), &why);
        (void)close(fd);
    }
}

struct server *server_new(struct connector_io *io,
                          const struct server_conf *conf,
                          const struct server_ops *ops, void *ctx)
{
    struct server *server = xcalloc(1, sizeof *server);

    server->io = io;
    server->conf = *conf;
    server->ops = ops;
    server->ctx = ctx;
    server->room = xmalloc(READ_BYTES);
    return server;
}

enum err server_listen(struct server *server, const char *address,
                       struct errbuf *why)
{
    struct listener *listener;
    int fd;
    enum err err =
        listen_open(address, server->conf.port, SOCK_STREAM, &fd, why);

    if (err != ERR_OK) {
        return err;
    }
    listener = xcalloc(1, sizeof *listener);
    listener->server = server;
    listener->watch = (struct loop_watch){
        .fd = fd, .events = POLLIN, .fn = on_listener, .ctx = listener};
    LIST_INSERT_HEAD(&server->listeners, listener, entry);
    loop_add(connector_loop(server->io), &listener->watch);
    return ERR_OK;
}

void server_free(struct server *server)
{
    struct listener *listener;
    struct server_conn *conn;

    if (server == NULL) {
        return;
    }
    while ((listener = LIST_FIRST(&server->listeners)) != NULL) {
        LIST_REMOVE(listener, entry);
        loop_remove(connector_loop(server->io), &listener->watch);
        (void)close(listener->watch.fd);
        free(listener);
    }
    while ((conn = LIST_FIRST(&server->conns)) != NULL) {
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it left the list. */
        conn_close(conn);
    }
    free(server->room);
    free(server);
}

void server_beat(struct server *server)
{
    int64_t now_ms = clock_mono_ms();
    struct server_conn *conn = LIST_FIRST(&server->conns);

    while (conn != NULL) {
        struct server_conn *next = LIST_NEXT(conn, entry);

        if (conn->watch.events == 0) {
            if (!connector_is_held(server->io)) {
                conn->watch.events = POLLIN;
                conn->active_ms = now_ms;
                conn_serve(conn);
            }
        } else if (now_ms - conn->active_ms >= server->conf.idle_ms) {
            conn_close(conn);
        }
        conn = next;
    }
}
