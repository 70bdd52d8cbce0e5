/* SPDX-License-Identifier: Apache-2.0 */
/** hyp entity: what sends events. */
#include "cli/acting.h"
#include "cli/call.h"
#include "common/base/mem.h"

static const struct column entity_columns[] = {
    {"TYPE", "type", COLUMN_TEXT, false},
    {"NAME", "name", COLUMN_TEXT, false},
    {"COMPONENT", "component", COLUMN_TEXT, false},
    {"RESOURCE", "resource", COLUMN_TEXT, false},
    {"STATE", "state", COLUMN_STATE, false},
    {"ENABLED", "enabled", COLUMN_BOOL, true},
    {"LAST EVENT", "last_event_at", COLUMN_AGE, false},
    {"CONNECTOR", "connector", COLUMN_TEXT, true},
    {"CONNECTOR NAME", "connector_name", COLUMN_TEXT, true},
    {"TAGS", "tags", COLUMN_TEXT, true},
    {"INFOS", "infos", COLUMN_TEXT, true},
    {"ID", "id", COLUMN_TEXT, false},
    {NULL, NULL, COLUMN_TEXT, false},
};

static const struct column neighbour_columns[] = {
    {"RELATION", "relation", COLUMN_TEXT, false},
    {"TYPE", "type", COLUMN_TEXT, false},
    {"NAME", "name", COLUMN_TEXT, false},
    {"STATE", "state", COLUMN_STATE, false},
    {"ENABLED", "enabled", COLUMN_BOOL, true},
    {"LAST EVENT", "last_event_at", COLUMN_AGE, false},
    {"CONNECTOR", "connector", COLUMN_TEXT, false},
    {"CONNECTOR NAME", "connector_name", COLUMN_TEXT, true},
    {"ID", "id", COLUMN_TEXT, false},
    {NULL, NULL, COLUMN_TEXT, false},
};

enum {
    PATH_BYTES = 16 * 1024
};

#define ENTITIES "/api/v1/entities"

int cmd_entity_list(struct hyp *hyp)
{
    return listing_show(hyp, ENTITIES, entity_columns);
}

int cmd_entity_show(struct hyp *hyp)
{
    return listing_show_one(hyp, ENTITIES, entity_columns);
}

int cmd_entity_neighbours(struct hyp *hyp)
{
    struct buf path;
    int code;

    buf_init(&path, PATH_BYTES);
    buf_add_str(&path, ENTITIES "/neighbours");
    api_add_param(&path, "id", hyp->args.words[0]);
    code = listing_show(hyp, buf_str(&path), neighbour_columns);
    buf_fini(&path);
    return code;
}

static int act(struct hyp *hyp, const char *type)
{
    return acting_do(hyp,
                     &(struct acting){.path = ENTITIES,
                                      .one = "entity",
                                      .many = "entities",
                                      .and_more = " and what belongs there",
                                      .columns = entity_columns,
                                      .find = acting_take_id,
                                      .type = type,
                                      .asks = true});
}

int cmd_entity_enable(struct hyp *hyp)
{
    return act(hyp, "enable");
}

int cmd_entity_disable(struct hyp *hyp)
{
    return act(hyp, "disable");
}

int cmd_entity_delete(struct hyp *hyp)
{
    return act(hyp, "delete");
}
