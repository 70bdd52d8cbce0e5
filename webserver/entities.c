/* SPDX-License-Identifier: Apache-2.0 */
/** Entities: what sends events, and what they speak of. */
#include "webserver/list.h"
#include "webserver/routes.h"

static const struct item_field fields[] = {
    {"id", BLANK_NULL},         {"type", BLANK_NULL},
    {"connector", BLANK_TEXT},  {"connector_name", BLANK_TEXT},
    {"component", BLANK_TEXT},  {"resource", BLANK_TEXT},
    {"name", BLANK_TEXT},       {"enabled", BLANK_NULL},
    {"infos", BLANK_OBJECT},    {"tags", BLANK_ARRAY},
    {"created_at", BLANK_NULL}, {"last_event_at", BLANK_NULL},
    {"state", BLANK_NULL},      {NULL, BLANK_NULL},
};

static const char *const search[] = {"component", "resource", "name", NULL};

static const struct list_spec entities = {
    .collection = STORE_ENTITIES,
    .fields = fields,
    .search = search,
};

void entities_list(struct server *server, struct request *request)
{
    list_reply(server, request, &entities);
}

void entities_get(struct server *server, struct request *request)
{
    list_reply_item(server, request, &entities, "entity");
}
