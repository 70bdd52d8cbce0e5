/* SPDX-License-Identifier: Apache-2.0 */
/** HTTP/1.1 for a connector: requests with a body, within bounds, answered at
 *  once. */
#ifndef HYP_CONNECTORS_ALERTMANAGER_HTTP_H
#define HYP_CONNECTORS_ALERTMANAGER_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/connector/loop.h"

struct http;

struct http_conf {
    int port;
    int64_t connections_max;
    int64_t body_max; /**< bytes */
    int64_t idle_ms;
    const char *user; /**< "": nobody is asked who he is */
    const char *password;
    const char *tls_certificate; /**< PEM text; "": plain */
    const char *tls_key;
    const char *tls_ca; /**< PEM text: who has no certificate of these
                             authorities is refused; "": nobody is asked */
    /** Told who was refused for that, and why. */
    void (*refused)(void *ctx, const char *peer, const struct errbuf *why);
};

struct http_request {
    const char *method;
    const char *path;
    const char *peer;
    const char *body; /**< ended by a NUL */
    size_t len;
    /* the answer */
    unsigned int status;
    char text[ERRBUF_TEXT_MAX]; /**< JSON, or plain where it does not begin
                                     with a bracket; "" none */
};

/** Fill in status and text. */
typedef void http_fn(void *ctx, struct http_request *request);

/** Begin; nothing is listened on yet. Copies conf but borrows its texts. */
struct http *http_new(struct loop *loop, const struct http_conf *conf,
                      http_fn *fn, void *ctx);
/** Listen on a numeric address, "*" for all; several are fine. Errors as of
 *  listen_open; ERR_INVALID too for a certificate that is none. */
MUST_CHECK enum err http_listen(struct http *http, const char *address,
                                struct errbuf *why);
/** Call it on each beat: for what times out. */
void http_beat(struct http *http);
/** Closes everything. NULL is fine. */
void http_free(struct http *http);

#endif
