/* SPDX-License-Identifier: Apache-2.0 */
/** Alarms and their steps. */
#include "webserver/alarms.h"

#include <stdio.h>
#include <string.h>

#include "webserver/routes.h"

/* Sorts after every other character. */
#define LAST_CHARACTER "\xf4\x8f\xbf\xbf"

enum {
    PREFIX_MAX = 64
};

static const struct item_field fields[] = {
    {"id", BLANK_NULL},
    {"entity_id", BLANK_NULL},
    {"source_type", BLANK_NULL},
    {"connector", BLANK_TEXT},
    {"connector_name", BLANK_TEXT},
    {"component", BLANK_TEXT},
    {"resource", BLANK_TEXT},
    {"state", BLANK_ZERO},
    {"status", BLANK_ZERO},
    {"output", BLANK_TEXT},
    {"opened_at", BLANK_NULL},
    {"changed_at", BLANK_NULL},
    {"last_event_at", BLANK_NULL},
    {"resolved_at", BLANK_NULL},
    {"events_count", BLANK_ZERO},
    {"steps_count", BLANK_ZERO},
    {"ack", BLANK_NULL},
    {"canceled", BLANK_FALSE},
    {"snooze", BLANK_NULL},
    {"ticket", BLANK_NULL},
    {"comment", BLANK_NULL},
    {"maintenance", BLANK_NULL},
    {"tags", BLANK_ARRAY},
    {"services", BLANK_ARRAY},
    {"infos", BLANK_OBJECT},
    {NULL, BLANK_NULL},
};

static const char *const search[] = {"component", "resource", "output", NULL};

const struct list_spec alarms_open = {
    .collection = STORE_ALARMS,
    .fields = fields,
    .search = search,
    .sort = "-changed_at",
    .marks = true,
};

const struct list_spec alarms_resolved = {
    .collection = STORE_ALARMS_RESOLVED,
    .fields = fields,
    .search = search,
    .sort = "-changed_at",
    .marks = true,
};

static const struct list_spec alarms_all = {
    .collection = STORE_ALARMS,
    .fields = fields,
    .search = search,
    .sort = "-changed_at",
    .marks = true,
    .then = &alarms_resolved,
};

static const struct list_spec *by_opened(const struct request *request)
{
    const char *opened = request_param(request, "opened");

    if (opened == NULL || strcmp(opened, "true") == 0) {
        return &alarms_open;
    }
    if (strcmp(opened, "false") == 0) {
        return &alarms_resolved;
    }
    return strcmp(opened, "both") == 0 ? &alarms_all : NULL;
}

/* Keys that begin with the prefix, for ids that people cut short. */
static void list_prefix(struct server *server, struct request *request,
                        const struct list_spec *spec, const char *prefix)
{
    char past[PREFIX_MAX + sizeof LAST_CHARACTER];
    const struct list_span span = {.from = {.text = prefix},
                                   .to = {.text = past}};
    struct list_spec then;
    struct list_spec first = *spec;

    if (prefix[0] == '\0' || strlen(prefix) > PREFIX_MAX) {
        request_problem(request, HTTP_BAD_REQUEST, "prefix",
                        "expected the first characters of an id (at most %d)",
                        PREFIX_MAX);
        return;
    }
    (void)snprintf(past, sizeof past, "%s" LAST_CHARACTER, prefix);
    first.span = &span;
    if (first.then != NULL) {
        then = *first.then;
        then.span = &span;
        first.then = &then;
    }
    list_reply(server, request, &first);
}

void alarms_list(struct server *server, struct request *request)
{
    const struct list_spec *spec = by_opened(request);
    const char *prefix = request_param(request, "prefix");

    if (spec == NULL) {
        request_problem(request, HTTP_BAD_REQUEST, "opened",
                        "expected true, false or both");
    } else if (prefix != NULL) {
        list_prefix(server, request, spec, prefix);
    } else {
        list_reply(server, request, spec);
    }
}

void alarms_get(struct server *server, struct request *request)
{
    list_reply_item(server, request, &alarms_all, "alarm");
}

static const struct item_field step_fields[] = {
    {"alarm_id", BLANK_NULL}, {"step", BLANK_NULL},  {"type", BLANK_TEXT},
    {"t", BLANK_NULL},        {"value", BLANK_NULL}, {"author", BLANK_TEXT},
    {"message", BLANK_TEXT},  {NULL, BLANK_NULL},
};

void alarms_steps(struct server *server, struct request *request)
{
    const struct list_span span = {
        .from = {.text = request->id, .a = 0},
        .to = {.text = request->id, .a = INT64_MAX},
    };
    const struct list_spec spec = {.collection = STORE_STEPS,
                                   .fields = step_fields,
                                   .search = search,
                                   .span = &span};

    list_reply(server, request, &spec);
}
