/* SPDX-License-Identifier: Apache-2.0 */
/**
 * HTTP/1.1 for one loop: the only file that knows libmicrohttpd. It reads
 * requests within limits of bytes and time and hands them to an application.
 */
#ifndef HYP_WEBSERVER_HTTP_H
#define HYP_WEBSERVER_HTTP_H

#include <stdint.h>

#include "common/base/err.h"
#include "webserver/request.h"

struct http_options {
    const char *listen; /**< numeric address */
    int64_t port;       /**< 0: the kernel chooses */
    int64_t connections;
    int64_t header_bytes; /**< of one request's line and headers together */
    int64_t body_bytes;
    int64_t target_bytes; /**< of the path and query */
    int64_t idle_ms;      /**< without a byte either way */
    int64_t receive_ms;   /**< for one whole request */
};

struct http_app {
    void *ctx;
    /** The headers are in: may reply already (no body is kept then). */
    void (*head)(void *ctx, struct request *request);
    /** The body is in: reply or request_wait. */
    void (*run)(void *ctx, struct request *request);
};

struct http;

/** Listen. options and app are borrowed. ERR_INVALID: the address is none;
 *  ERR_UNAVAILABLE: it cannot be listened on, why says which and why. */
MUST_CHECK enum err http_open(const struct http_options *options,
                              const struct http_app *app, struct http **out,
                              struct errbuf *why);
/** Cancel what waits, close every connection. */
void http_close(struct http *http);
/** Port in use. */
int http_port(const struct http *http);
/** Becomes readable when http_run has work. */
int http_fd(const struct http *http);
/** How long the loop may sleep at most before http_run, in milliseconds. */
int http_timeout_ms(const struct http *http);
/** Do what can be done without waiting. */
void http_run(struct http *http);
/** Take no new connection from now on. */
void http_quiesce(struct http *http);
/** Requests being received, run or answered. */
int http_busy(const struct http *http);
/** A waiting request has its reply: continue it. */
void http_wake(struct request *request);

#endif
