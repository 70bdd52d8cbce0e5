/* SPDX-License-Identifier: Apache-2.0 */
/** The one table of routes: method, path, permission, parameters, handler. */
#ifndef HYP_WEBSERVER_ROUTES_H
#define HYP_WEBSERVER_ROUTES_H

#include <stdbool.h>
#include <stddef.h>

#include "webserver/request.h"
#include "webserver/server.h"

typedef void route_fn(struct server *server, struct request *request);

struct route {
    enum http_method method;
    const char *path;       /**< "{id}" stands for one escaped id */
    const char *permission; /**< what the caller must hold; NULL: open */
    const char *params;     /**< query parameters, blank between them */
    route_fn *handler;
    const char *doc;   /**< one line */
    const char *takes; /**< shape of the body (shapes.h); NULL: none */
    const char *gives; /**< shape of the answer, "NAME[]" for a list */
};

/** Ended by a row whose path is NULL. */
extern const struct route routes[];

enum route_match {
    ROUTE_FOUND,
    ROUTE_BAD_METHOD,
    ROUTE_NONE
};

/**
 * Find the route of a request; sets request->route and request->id. An id may
 * stand escaped in its place ("/alarms/a%2Fb/steps"), or be given as ?id=
 * with its part of the path left out ("/alarms/steps?id=a/b"). A body of
 * slashes that a proxy unescaped is taken as part of the id too.
 * ROUTE_NONE with why set: the id is badly escaped.
 */
enum route_match route_find(struct request *request, struct errbuf *why);
/** Whether the route takes the parameter. */
bool route_takes(const struct route *route, const char *param);

/* Handlers, one file per resource. */

void events_post(struct server *server, struct request *request);
void events_list(struct server *server, struct request *request);
void events_log_list(struct server *server, struct request *request);
void compat_post(struct server *server, struct request *request);
void alarms_list(struct server *server, struct request *request);
void alarms_get(struct server *server, struct request *request);
void alarms_counters(struct server *server, struct request *request);
void alarms_export(struct server *server, struct request *request);
void alarms_explain(struct server *server, struct request *request);
void alarms_steps(struct server *server, struct request *request);
void actions_post(struct server *server, struct request *request);
void entities_list(struct server *server, struct request *request);
void entities_act(struct server *server, struct request *request);
void entities_patch(struct server *server, struct request *request);
void context_import(struct server *server, struct request *request);
void entities_delete(struct server *server, struct request *request);
void entities_neighbours(struct server *server, struct request *request);
void entities_get(struct server *server, struct request *request);
void metrics_list(struct server *server, struct request *request);
void metrics_get(struct server *server, struct request *request);
void metrics_query(struct server *server, struct request *request);
void metrics_points(struct server *server, struct request *request);
void objects_list(struct server *server, struct request *request);
void objects_get_one(struct server *server, struct request *request);
void objects_versions(struct server *server, struct request *request);
void objects_check(struct server *server, struct request *request);
void objects_put(struct server *server, struct request *request);
void objects_delete(struct server *server, struct request *request);
void schemas_list(struct server *server, struct request *request);
void schemas_get(struct server *server, struct request *request);
void rules_test(struct server *server, struct request *request);
void dead_list(struct server *server, struct request *request);
void dead_get(struct server *server, struct request *request);
void dead_counts(struct server *server, struct request *request);
void dead_replay(struct server *server, struct request *request);
void dead_purge(struct server *server, struct request *request);
void system_health(struct server *server, struct request *request);
void system_metrics(struct server *server, struct request *request);
void system_ready(struct server *server, struct request *request);
void system_version(struct server *server, struct request *request);
void system_openapi(struct server *server, struct request *request);

/** What a query parameter means, in a line; NULL: it is not described. */
const char *openapi_param_doc(const char *name, size_t len);

#endif
