/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One HTTP request on its way: what was asked, and the answer. A handler
 * either replies at once or calls request_wait and replies later.
 */
#ifndef HYP_WEBSERVER_REQUEST_H
#define HYP_WEBSERVER_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "webserver/uri.h"

enum http_method {
    HTTP_GET, /**< HEAD too */
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OTHER
};

enum {
    HTTP_OK = 200,
    HTTP_CREATED = 201,
    HTTP_ACCEPTED = 202,
    HTTP_MULTI = 207, /**< read the items: some did, some did not */
    HTTP_BAD_REQUEST = 400,
    HTTP_UNAUTHORIZED = 401,
    HTTP_NOT_FOUND = 404,
    HTTP_BAD_METHOD = 405,
    HTTP_CONFLICT = 409,
    HTTP_PRECONDITION = 412,
    HTTP_TOO_LARGE = 413,
    HTTP_URI_TOO_LONG = 414,
    HTTP_BAD_MEDIA = 415,
    HTTP_UNPROCESSABLE = 422,
    HTTP_HEADERS_TOO_LARGE = 431,
    HTTP_UNAVAILABLE = 503,
    REQUEST_REPLY_MAX = 64 * 1024 * 1024, /* bytes of an answer */
    REQUEST_HEADERS_MAX = 2
};

struct route;

/** Called instead of the reply that was waited for, when the server ends. */
typedef void request_cancel_fn(void *ctx);

struct reply {
    bool done;
    int status;
    const char *content_type;
    struct buf body;
    size_t n_headers;
    struct {
        const char *name;
        char value[64];
    } headers[REQUEST_HEADERS_MAX];
};

struct request {
    void *connection; /**< http.c's own */
    enum http_method method;
    struct uri uri;
    const struct route *route;
    char *id; /**< decoded {id} of the path or ?id=; NULL when there is none */
    struct buf body;
    struct reply reply;
    /* while it waits */
    bool waiting;
    request_cancel_fn *cancel;
    void *cancel_ctx;
    /* kept by http.c */
    struct http *http;
    struct request *next, *prev;
    char *target;
    int phase;
    uint64_t dropped_bytes;
};

/** Query parameter, or NULL; request header, or NULL. Borrowed. */
const char *request_param(const struct request *request, const char *name);
const char *request_header(const struct request *request, const char *name);
/** Where a JSON answer is written before request_reply. */
struct buf *request_out(struct request *request);
/** Answer with what request_out holds. Ends a wait. A body that passed
 *  REQUEST_REPLY_MAX is answered as a problem. */
void request_reply(struct request *request, int status);
/** Answer with an RFC 9457 problem document; field may be NULL. */
void request_problem(struct request *request, int status, const char *field,
                     const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/** The same from what a parser said. */
void request_problem_why(struct request *request, int status,
                         const struct errbuf *why);
/** Write a problem's members up to but without the closing brace, so that
 *  more can follow; then request_reply_problem. */
void request_problem_begin(struct request *request, int status,
                           const char *field, const char *detail);
void request_reply_problem(struct request *request, int status);
/** Add a header to the answer; at most REQUEST_HEADERS_MAX. name is a
 *  literal, value is copied. */
void request_add_header(struct request *request, const char *name,
                        const char *value);
/** The handler returns without a reply; cancel(ctx) is called when the server
 *  ends first, and the request is answered without the handler then. */
void request_wait(struct request *request, request_cancel_fn *cancel,
                  void *ctx);

#endif
