/* SPDX-License-Identifier: Apache-2.0 */
/** On which things an action is: those of the ids, of the filter, and what
 *  belongs to them. */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "webserver/acting.h"
#include "webserver/json_text.h"

enum {
    IDS_A_PIECE = 50,    /* a round trip each, where the store is MongoDB */
    LOOK_A_PIECE = 1000, /* rows */
    CURSOR_MAX = 16 * 1024,
    COMPONENTS_MAX = 50, /* that are looked for by the index */
    FILTER_MAX = 256 * 1024
};

void choosing_init(struct choosing *choosing)
{
    *choosing = (struct choosing){.phase = CHOOSING_BEGIN};
    buf_init(&choosing->cursor, CURSOR_MAX);
    buf_init(&choosing->id, EVENT_ENTITY_ID_MAX);
    map_init(&choosing->known);
}

void choosing_fini(struct choosing *choosing)
{
    buf_fini(&choosing->cursor);
    buf_fini(&choosing->id);
    map_fini(&choosing->known);
    filter_free(choosing->members);
}

static void add_known(struct acting *acting, const char *id, struct doc row)
{
    struct act *act = acting_add(acting, id, row);

    (void)map_put(&acting->choosing.known, act->id, strlen(act->id), act);
    acting->too_many = acting->n > (size_t)acting->server->conf->actions;
}

static bool is_known(const struct acting *acting, const char *id)
{
    return map_get(&acting->choosing.known, id, strlen(id)) != NULL;
}

/* By ids. */

static enum err choose_id(struct acting *acting, const char *id)
{
    const struct store_key key = {.text = id};
    struct buf row;
    enum err err;

    buf_init(&row, DOC_BYTES_MAX);
    err =
        store_get(acting->server->store, acting->kind->collection, &key, &row);
    if (err == ERR_OK) {
        add_known(acting, id,
                  (struct doc){(const uint8_t *)row.data, (uint32_t)row.len});
    } else if (err == ERR_NOT_FOUND) {
        add_known(acting, id, (struct doc){NULL, 0});
        err = ERR_OK;
    }
    buf_fini(&row);
    return err;
}

static enum err choose_ids(struct acting *acting)
{
    struct choosing *choosing = &acting->choosing;
    struct doc_value value;
    const char *key;
    enum err err = ERR_OK;

    for (int i = 0; err == ERR_OK && i < IDS_A_PIECE; i++) {
        if (!doc_next(&choosing->ids, &key, &value)) {
            choosing->phase = CHOOSING_MEMBERS;
            return ERR_OK;
        }
        err = choose_id(acting, value.u.s.text);
    }
    return err;
}

/* By rows. */

/* An index that leads to the matching rows and does not change while they
 * match: the order of a scan in pieces. NULL: that of the keys. */
static const char *index_for(enum store_collection collection,
                             const struct filter *filter)
{
    struct filter_cond conds[FILTER_PUSH_MAX];
    size_t n = filter != NULL ? filter_pushdown(filter, conds) : 0;

    for (size_t i = 0; i < n; i++) {
        if (conds[i].op == FILTER_EQ &&
            store_schema_indexes(collection, conds[i].field)) {
            return conds[i].field;
        }
    }
    return NULL;
}

/* One piece of a scan; at its end the phase is the next one. */
static enum err scan_some(struct acting *acting, const struct filter *filter,
                          store_row_fn *each, struct errbuf *why)
{
    struct choosing *choosing = &acting->choosing;
    enum store_collection collection = acting->kind->collection;
    const struct store_key first = {.text = ""};
    const char *sort = index_for(collection, filter);
    char *cursor = xstrdup(buf_str(&choosing->cursor));
    const struct store_query query = {.collection = collection,
                                      .filter = filter,
                                      .from = sort == NULL ? &first : NULL,
                                      .sort = sort,
                                      .cursor = cursor,
                                      .limit = LOOK_A_PIECE,
                                      .look = LOOK_A_PIECE};
    enum err err = store_scan(acting->server->store, &query, each, acting,
                              &choosing->cursor, why);

    free(cursor);
    if (err == ERR_OK && choosing->cursor.len == 0) {
        choosing->phase++;
    }
    return err;
}

static bool on_match(void *ctx, const struct store_key *key, struct doc row)
{
    struct acting *acting = ctx;

    if (!is_known(acting, key->text)) {
        add_known(acting, key->text, row);
    }
    return !acting->too_many;
}

/* What belongs to those chosen. */

static bool has_known(struct acting *acting, const struct event *event)
{
    struct buf *id = &acting->choosing.id;

    buf_clear(id);
    event_entity_id(event, id);
    return is_known(acting, buf_str(id));
}

static bool belongs_to_known(struct acting *acting, struct doc row)
{
    struct event event;

    acting_entity(row, &event);
    if (event.source_type == EVENT_SOURCE_CONNECTOR) {
        return false;
    }
    if (event.source_type == EVENT_SOURCE_RESOURCE) {
        event.source_type = EVENT_SOURCE_COMPONENT;
        event.resource = "";
        if (has_known(acting, &event)) {
            return true;
        }
    }
    event.source_type = EVENT_SOURCE_CONNECTOR;
    event.component = "";
    return has_known(acting, &event);
}

static bool on_entity(void *ctx, const struct store_key *key, struct doc row)
{
    struct acting *acting = ctx;

    if (!is_known(acting, key->text) && belongs_to_known(acting, row)) {
        add_known(acting, key->text, row);
    }
    return !acting->too_many;
}

static enum event_source source_of(const struct act *act)
{
    const struct doc row = {act->row, act->row_len};
    struct event event;

    if (act->row == NULL) {
        return EVENT_SOURCE_RESOURCE; /* of nothing, nothing is a part */
    }
    acting_entity(row, &event);
    return event.source_type;
}

static int depth_of(const struct act *act)
{
    enum event_source source = source_of(act);

    return source == EVENT_SOURCE_CONNECTOR  ? 0
           : source == EVENT_SOURCE_RESOURCE ? 2
                                             : 1;
}

/* What holds others goes last, so that it can be deleted. */
static int deepest_first(const void *a, const void *b)
{
    return depth_of(*(struct act *const *)b) -
           depth_of(*(struct act *const *)a);
}

/* Resources stand under their component's name: a few components are looked
 * for by that. What a connector sends stands anywhere. */
static struct filter *members_filter(const struct acting *acting)
{
    struct filter *filter = NULL;
    struct errbuf why;
    struct buf text;
    size_t n = 0;

    buf_init(&text, FILTER_MAX);
    buf_add_str(&text, "{\"component\":{\"$in\":[");
    for (size_t i = 0; i < acting->n && n <= COMPONENTS_MAX; i++) {
        const struct doc row = {acting->acts[i]->row, acting->acts[i]->row_len};

        if (depth_of(acting->acts[i]) == 0) {
            n = COMPONENTS_MAX + 1;
        } else if (depth_of(acting->acts[i]) == 1) {
            buf_add_str(&text, n++ > 0 ? "," : "");
            json_add_text(&text, doc_str(row, "component", ""));
        }
    }
    buf_add_str(&text, "]}}");
    if (n <= COMPONENTS_MAX) {
        (void)!filter_parse(buf_str(&text), &filter, &why);
    }
    buf_fini(&text);
    return filter;
}

static bool holds_others(const struct acting *acting)
{
    for (size_t i = 0; i < acting->n; i++) {
        if (depth_of(acting->acts[i]) < 2) {
            return true;
        }
    }
    return false;
}

/* A component stands for its resources, a connector for all that it sends. */
static void begin_members(struct acting *acting)
{
    struct choosing *choosing = &acting->choosing;

    if (!acting->kind->widens || !holds_others(acting)) {
        choosing->phase = CHOOSING_DONE;
        return;
    }
    choosing->members = members_filter(acting);
    choosing->phase = CHOOSING_IN_MEMBERS;
}

static void begin(struct acting *acting)
{
    struct choosing *choosing = &acting->choosing;
    const struct order *order = &acting->order;

    doc_iter_init(&choosing->ids, order->ids);
    choosing->phase = order->ids.len > 0 ? CHOOSING_IDS : CHOOSING_MATCHES;
}

static enum err choose_one(struct acting *acting)
{
    acting->choosing.phase = CHOOSING_MEMBERS;
    return choose_id(acting, acting->order.one);
}

static enum err take_piece(struct acting *acting, struct errbuf *why)
{
    struct choosing *choosing = &acting->choosing;

    switch (choosing->phase) {
    case CHOOSING_BEGIN:
        if (acting->order.one != NULL) {
            return choose_one(acting);
        }
        begin(acting);
        return ERR_OK;
    case CHOOSING_IDS:
        return choose_ids(acting);
    case CHOOSING_MATCHES:
        return scan_some(acting, acting->order.filter, on_match, why);
    case CHOOSING_MEMBERS:
        begin_members(acting);
        return ERR_OK;
    case CHOOSING_IN_MEMBERS:
        return scan_some(acting, choosing->members, on_entity, why);
    case CHOOSING_DONE:
        break;
    }
    return ERR_OK;
}

enum err choosing_go_on(struct acting *acting, struct errbuf *why)
{
    enum err err = take_piece(acting, why);

    if (err == ERR_OK && acting->choosing.phase == CHOOSING_DONE &&
        acting->kind->widens) {
        qsort(acting->acts, acting->n, sizeof acting->acts[0], deepest_first);
    }
    return err;
}
