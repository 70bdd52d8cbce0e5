/* SPDX-License-Identifier: Apache-2.0 */
/** Alarms and their steps. */
#include "webserver/alarms.h"

#include <stdio.h>
#include <string.h>

#include "webserver/marks.h"
#include "webserver/routes.h"

/* Sorts after every other character. */
#define LAST_CHARACTER "\xf4\x8f\xbf\xbf"

enum {
    PREFIX_MAX = 64,
    CURSOR_MAX = 16 * 1024
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

void alarms_export(struct server *server, struct request *request)
{
    const struct list_spec *spec = by_opened(request);

    if (spec == NULL) {
        request_problem(request, HTTP_BAD_REQUEST, "opened",
                        "expected true, false or both");
    } else {
        list_export(server, request, spec);
    }
}

/* How many there are, of which kinds. */

static const char *const state_names[] = {"ok", "minor", "major", "critical"};
static const char *const status_names[] = {"off",      "ongoing",   "stealthy",
                                           "flapping", "cancelled", "noevents"};
/* Marks as filters call them, and the fields that hold them. */
static const char *const mark_names[][2] = {
    {"acked", "ack"},          {"snoozed", "snooze"},
    {"ticketed", "ticket"},    {"commented", "comment"},
    {"cancelled", "canceled"}, {"in_maintenance", "maintenance"}};

enum {
    N_STATES = sizeof state_names / sizeof state_names[0],
    N_STATUSES = sizeof status_names / sizeof status_names[0],
    N_MARKS = sizeof mark_names / sizeof mark_names[0]
};

struct counting {
    int64_t total;
    int64_t states[N_STATES];
    int64_t statuses[N_STATUSES];
    int64_t marks[N_MARKS];
};

static bool count_row(void *ctx, const struct store_key *key, struct doc row)
{
    struct counting *counting = ctx;
    int64_t state = doc_i64(row, "state", 0);
    int64_t status = doc_i64(row, "status", 0);
    struct doc_value mark;

    (void)key;
    counting->total++;
    if (state >= 0 && state < N_STATES) {
        counting->states[state]++;
    }
    if (status >= 0 && status < N_STATUSES) {
        counting->statuses[status]++;
    }
    for (size_t i = 0; i < N_MARKS; i++) {
        counting->marks[i] += doc_get(row, mark_names[i][1], &mark) &&
                                      mark.type != DOC_NULL &&
                                      (mark.type != DOC_BOOL || mark.u.b)
                                  ? 1
                                  : 0;
    }
    return true;
}

static void add_counts(const char *const *names, const int64_t *counts,
                       size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        buf_addf(out, "%s\"%s\":%lld", i > 0 ? "," : "{", names[i],
                 (long long)counts[i]);
    }
    buf_add_char(out, '}');
}

static void write_counting(const struct counting *counting, bool whole,
                           struct buf *out)
{
    buf_addf(out, "{\"total\":%lld,\"total_is\":\"%s\",\"by_state\":",
             (long long)counting->total, whole ? "exact" : "at least");
    add_counts(state_names, counting->states, N_STATES, out);
    buf_add_str(out, ",\"by_status\":");
    add_counts(status_names, counting->statuses, N_STATUSES, out);
    for (size_t i = 0; i < N_MARKS; i++) {
        buf_addf(out, ",\"%s\":%lld", mark_names[i][0],
                 (long long)counting->marks[i]);
    }
    buf_add_char(out, '}');
}

/* The filter of the request; false: it is none, answered. */
static bool read_filter(struct request *request, struct filter **filter)
{
    const char *text = request_param(request, "filter");
    struct errbuf why = {0};
    enum err err;

    if (text == NULL || text[0] == '\0') {
        return true;
    }
    err = filter_parse(text, filter, &why);
    if (err == ERR_OK) {
        err = marks_resolve(filter, &why);
    }
    if (err != ERR_OK) {
        request_problem(request, HTTP_BAD_REQUEST, "filter", "%s", why.text);
    }
    return err == ERR_OK;
}

static void count_alarms(struct server *server, struct request *request,
                         const struct filter *filter)
{
    const struct store_query query = {.collection = STORE_ALARMS,
                                      .filter = filter,
                                      .limit = LIST_LOOK,
                                      .look = LIST_LOOK};
    struct counting counting = {0};
    struct errbuf why = {0};
    struct buf next;
    enum err err;

    buf_init(&next, CURSOR_MAX);
    err = store_scan(server->store, &query, count_row, &counting, &next, &why);
    if (err == ERR_OK) {
        write_counting(&counting, next.len == 0, request_out(request));
        request_reply(request, HTTP_OK);
    } else {
        list_reply_failed(request, err, &why);
    }
    buf_fini(&next);
}

void alarms_counters(struct server *server, struct request *request)
{
    struct filter *filter = NULL;

    if (read_filter(request, &filter) && list_has_store(server, request)) {
        count_alarms(server, request, filter);
    }
    filter_free(filter);
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
