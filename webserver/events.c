/* SPDX-License-Identifier: Apache-2.0 */
/** Events: taken in, the last one of each entity, and the log. */
#include <string.h>

#include "webserver/list.h"
#include "webserver/posting.h"
#include "webserver/routes.h"

void events_post(struct server *server, struct request *request)
{
    posting_start(server, request, POSTING_API, buf_str(&request->body),
                  request->body.len);
}

static const char *const search[] = {"component", "resource", "output", NULL};

static const struct list_spec last_checks = {
    .collection = STORE_EVENTS,
    .search = search,
    .sort = "-timestamp",
};

void events_list(struct server *server, struct request *request)
{
    list_reply(server, request, &last_checks);
}

static const struct list_spec logged = {
    .collection = STORE_EVENTS_LOG,
    .search = search,
    .entity_param = "entity",
};

/* Keys are (time of receipt, ...): a span of time is a span of keys. */
void events_log_list(struct server *server, struct request *request)
{
    const char *order = request_param(request, "order");
    struct list_span span = {.descending = true};
    struct list_spec spec = logged;

    if (order != NULL && strcmp(order, "asc") != 0 &&
        strcmp(order, "desc") != 0) {
        request_problem(request, HTTP_BAD_REQUEST, "order",
                        "expected asc or desc");
        return;
    }
    span.descending = order == NULL || strcmp(order, "desc") == 0;
    span.from.a = 0;
    span.to.a = INT64_MAX;
    if (!list_time_param(request, "from", &span.from.a) ||
        !list_time_param(request, "to", &span.to.a)) {
        return;
    }
    spec.span = &span;
    list_reply(server, request, &spec);
}
