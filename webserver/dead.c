/* SPDX-License-Identifier: Apache-2.0 */
/** Dead letters: messages that were refused, with the reason; their counts. */
#include "webserver/list.h"
#include "webserver/routes.h"

static const struct item_field fields[] = {
    {"id", BLANK_NULL},          {"at", BLANK_NULL},
    {"engine", BLANK_TEXT},      {"reason", BLANK_TEXT},
    {"field", BLANK_TEXT},       {"routing_key", BLANK_TEXT},
    {"position", BLANK_NULL},    {"body", BLANK_NULL},
    {"body_bytes", BLANK_ZERO},  {"replayable", BLANK_FALSE},
    {"replayed_at", BLANK_NULL}, {"replayed_by", BLANK_NULL},
    {"replayed_to", BLANK_NULL}, {NULL, BLANK_NULL},
};

static const char *const search[] = {"reason", "routing_key", "body", NULL};

static const struct list_spec dead = {
    .collection = STORE_DEAD,
    .fields = fields,
    .search = search,
    .sort = "-at",
};

void dead_list(struct server *server, struct request *request)
{
    list_reply(server, request, &dead);
}

void dead_get(struct server *server, struct request *request)
{
    list_reply_item(server, request, &dead, "dead letter");
}

static const struct item_field count_fields[] = {
    {"id", BLANK_NULL},      {"engine", BLANK_TEXT}, {"field", BLANK_TEXT},
    {"reason", BLANK_TEXT},  {"total", BLANK_ZERO},  {"kept", BLANK_ZERO},
    {"last_at", BLANK_NULL}, {NULL, BLANK_NULL},
};

static const char *const count_search[] = {"engine", "field", "reason", NULL};

static const struct list_spec counts = {
    .collection = STORE_DEAD_COUNTS,
    .fields = count_fields,
    .search = count_search,
    .sort = "-total",
};

void dead_counts(struct server *server, struct request *request)
{
    list_reply(server, request, &counts);
}
