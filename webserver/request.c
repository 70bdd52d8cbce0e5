/* SPDX-License-Identifier: Apache-2.0 */
/** Answers: JSON documents and RFC 9457 problems. */
#include "webserver/request.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/doc/doc.h"
#include "webserver/http.h"
#include "webserver/json_text.h"

struct problem {
    int status;
    const char *type; /* last part of the URN */
    const char *title;
};

static const struct problem problems[] = {
    {HTTP_BAD_REQUEST, "bad-request", "The request is not understood"},
    {HTTP_UNAUTHORIZED, "no-key", "A valid API key is needed"},
    {HTTP_NOT_FOUND, "not-found", "There is no such thing"},
    {HTTP_BAD_METHOD, "bad-method", "The method does not fit the path"},
    {HTTP_CONFLICT, "conflict", "There is one already"},
    {HTTP_PRECONDITION, "other-version", "Another version is there"},
    {HTTP_TOO_LARGE, "too-large", "The body is too large"},
    {HTTP_URI_TOO_LONG, "uri-too-long", "The path and query are too long"},
    {HTTP_BAD_MEDIA, "bad-media-type", "The body's type is not accepted"},
    {HTTP_HEADERS_TOO_LARGE, "headers-too-large", "The headers are too large"},
    {HTTP_UNPROCESSABLE, "refused", "What was asked for is refused"},
    {HTTP_UNAVAILABLE, "unavailable", "Something needed is away for now"},
};

static const struct problem *find_problem(int status)
{
    for (size_t i = 0; i < sizeof problems / sizeof problems[0]; i++) {
        if (problems[i].status == status) {
            return &problems[i];
        }
    }
    return &problems[0];
}

const char *request_param(const struct request *request, const char *name)
{
    return uri_params_get(&request->uri.query, name);
}

struct buf *request_out(struct request *request)
{
    return &request->reply.body;
}

void request_reply(struct request *request, int status)
{
    struct reply *reply = &request->reply;

    BUG_IF(reply->done);
    if (reply->body.overflow) {
        request_problem(request, HTTP_UNPROCESSABLE, "limit",
                        "the answer is larger than %d MiB: ask for less",
                        REQUEST_REPLY_MAX / 1024 / 1024);
        return;
    }
    if (reply->content_type == NULL) {
        reply->content_type = "application/json";
    }
    reply->status = status;
    reply->done = true;
    if (request->waiting) {
        request->waiting = false;
        http_wake(request);
    }
}

void request_problem_begin(struct request *request, int status,
                           const char *field, const char *detail)
{
    const struct problem *problem = find_problem(status);
    struct buf *out = request_out(request);

    buf_clear(out);
    buf_addf(out,
             "{\"type\":\"urn:hypervise:problem:%s\",\"title\":\"%s\","
             "\"status\":%d,\"detail\":",
             problem->type, problem->title, status);
    json_add_text(out, detail);
    if (field != NULL && field[0] != '\0') {
        buf_add_str(out, ",\"field\":");
        json_add_text(out, field);
    }
}

void request_reply_problem(struct request *request, int status)
{
    buf_add_char(request_out(request), '}');
    request->reply.content_type = "application/problem+json";
    if (status == HTTP_UNAVAILABLE) {
        request_add_header(request, "Retry-After", "2");
    }
    request_reply(request, status);
}

void request_problem(struct request *request, int status, const char *field,
                     const char *format, ...)
{
    char detail[ERRBUF_TEXT_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    request_problem_begin(request, status, field, detail);
    request_reply_problem(request, status);
}

void request_problem_why(struct request *request, int status,
                         const struct errbuf *why)
{
    request_problem(request, status, why->field, "%s", why->text);
}

void request_add_header(struct request *request, const char *name,
                        const char *value)
{
    struct reply *reply = &request->reply;

    BUG_IF(reply->n_headers == REQUEST_HEADERS_MAX);
    reply->headers[reply->n_headers].name = name;
    (void)snprintf(reply->headers[reply->n_headers].value,
                   sizeof reply->headers[0].value, "%s", value);
    reply->n_headers++;
}

void request_wait(struct request *request, request_cancel_fn *cancel, void *ctx)
{
    BUG_IF(request->reply.done);
    request->waiting = true;
    request->cancel = cancel;
    request->cancel_ctx = ctx;
}
