/* SPDX-License-Identifier: Apache-2.0 */
/** Dead letters: messages that were refused, with the reason. */
#include "webserver/list.h"
#include "webserver/routes.h"

static const struct item_field fields[] = {
    {"id", BLANK_NULL},       {"at", BLANK_NULL},
    {"engine", BLANK_TEXT},   {"reason", BLANK_TEXT},
    {"field", BLANK_TEXT},    {"routing_key", BLANK_TEXT},
    {"position", BLANK_NULL}, {"body", BLANK_NULL},
    {NULL, BLANK_NULL},
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
