/* SPDX-License-Identifier: Apache-2.0 */
/** hyp entity, hyp dead: what sends events, and what was refused. */
#include <stdio.h>

#include "cli/acting.h"
#include "cli/call.h"
#include "common/base/mem.h"

enum {
    PATH_BYTES = 16 * 1024
};

/* Show the one item under an id. */
static int show(struct hyp *hyp, const char *path, const struct column *columns)
{
    struct api_answer answer;
    struct buf full;
    int code;

    buf_init(&full, PATH_BYTES);
    buf_add_str(&full, path);
    api_add_param(&full, "id", hyp->args.words[0]);
    code = call_get(hyp, buf_str(&full), &answer);
    buf_fini(&full);
    if (code == HYP_DONE) {
        listing_show_item(hyp, answer.doc, columns);
        api_answer_fini(&answer);
    }
    return code;
}

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

#define ENTITIES "/api/v1/entities"

int cmd_entity_list(struct hyp *hyp)
{
    return listing_show(hyp, ENTITIES, entity_columns);
}

int cmd_entity_show(struct hyp *hyp)
{
    return show(hyp, ENTITIES, entity_columns);
}

static int take_id(struct hyp *hyp, const char *word, char **id)
{
    (void)hyp;
    *id = xstrdup(word);
    return HYP_DONE;
}

static int act(struct hyp *hyp, const char *type)
{
    return acting_do(hyp,
                     &(struct acting){.path = ENTITIES,
                                      .one = "entity",
                                      .many = "entities",
                                      .and_more = " and what belongs there",
                                      .columns = entity_columns,
                                      .find = take_id,
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

static const struct column dead_columns[] = {
    {"AT", "at", COLUMN_TIME, false},
    {"ENGINE", "engine", COLUMN_TEXT, false},
    {"FIELD", "field", COLUMN_TEXT, false},
    {"REASON", "reason", COLUMN_TEXT, false},
    {"ROUTING KEY", "routing_key", COLUMN_TEXT, true},
    {"ID", "id", COLUMN_TEXT, false},
    {NULL, NULL, COLUMN_TEXT, false},
};

static const struct column dead_details[] = {
    {"ID", "id", COLUMN_TEXT, false},
    {"AT", "at", COLUMN_TIME, false},
    {"ENGINE", "engine", COLUMN_TEXT, false},
    {"REASON", "reason", COLUMN_TEXT, false},
    {"FIELD", "field", COLUMN_TEXT, false},
    {"ROUTING KEY", "routing_key", COLUMN_TEXT, false},
    {"POSITION", "position", COLUMN_TEXT, false},
    {"BODY", "body", COLUMN_TEXT, false},
    {NULL, NULL, COLUMN_TEXT, false},
};

int cmd_dead_list(struct hyp *hyp)
{
    return listing_show(hyp, "/api/v1/dead", dead_columns);
}

int cmd_dead_show(struct hyp *hyp)
{
    return show(hyp, "/api/v1/dead", dead_details);
}
