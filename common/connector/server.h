/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A server of byte streams (TCP, TLS) on the connector's loop: connections
 * within bounds, their input handed on as it comes. While nothing can be kept
 * it does not read, so that the senders wait.
 */
#ifndef HYP_CONNECTOR_SERVER_H
#define HYP_CONNECTOR_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/connector/connector.h"
#include "common/connector/listen.h"
#include "common/connector/tls.h"

struct server;
struct server_conn;

struct server_conf {
    int port;
    int64_t connections_max;
    int64_t idle_ms;  /**< a connection without input for so long is closed */
    size_t input_max; /**< bytes of input that may wait to be taken */
    const struct tls *tls; /**< borrowed; NULL: plain */
};

struct server_ops {
    /** A sender connected; user (zeroed, of user_size) is the caller's. May
     *  be NULL. */
    void (*opened)(void *ctx, struct server_conn *conn);
    /** Input that waits: take from its front, and return how many bytes. At
     *  the end (eof) it is called once more with what is left. Input that
     *  fills the bound and is not taken closes the connection. */
    size_t (*input)(void *ctx, struct server_conn *conn, const char *data,
                    size_t len, bool eof);
    /** About to be closed. May be NULL. */
    void (*closed)(void *ctx, struct server_conn *conn);
    size_t user_size;
};

/** Copies conf; borrows ops, ctx and io. */
struct server *server_new(struct connector_io *io,
                          const struct server_conf *conf,
                          const struct server_ops *ops, void *ctx);
/** Listen on a numeric address, "*" for all; several are fine. Errors as of
 *  listen_open. */
MUST_CHECK enum err server_listen(struct server *server, const char *address,
                                  struct errbuf *why);
/** Closes everything. NULL is fine. */
void server_free(struct server *server);
/** Call it on each beat: idle connections, and those held back before. */
void server_beat(struct server *server);

const char *server_conn_peer(const struct server_conn *conn);
void *server_conn_user(struct server_conn *conn);
/** Send a short answer at once; a peer that does not take it is closed. Only
 *  on plain connections. */
void server_conn_send(struct server_conn *conn, const void *data, size_t len);
/** Close it once the call under way has returned. */
void server_conn_end(struct server_conn *conn);

#endif
