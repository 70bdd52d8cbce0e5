/* SPDX-License-Identifier: Apache-2.0 */
/** Entities: what sends events, and what they speak of. */
#include <string.h>

#include "webserver/json_text.h"
#include "webserver/list.h"
#include "webserver/routes.h"

static const struct item_field fields[] = {
    {"id", BLANK_NULL},         {"type", BLANK_NULL},
    {"connector", BLANK_TEXT},  {"connector_name", BLANK_TEXT},
    {"component", BLANK_TEXT},  {"resource", BLANK_TEXT},
    {"name", BLANK_TEXT},       {"enabled", BLANK_NULL},
    {"infos", BLANK_OBJECT},    {"tags", BLANK_ARRAY},
    {"created_at", BLANK_NULL}, {"last_event_at", BLANK_NULL},
    {"state", BLANK_NULL},      {"import_source", BLANK_NULL},
    {NULL, BLANK_NULL},
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

/* Neighbours: what an entity belongs to, what belongs to it, and what other
 * connectors call by the same names. */

enum {
    WHERE_MAX = 64 * 1024
};

struct neighbours {
    struct list_spec spec; /* first: what writes an item gets it */
    struct doc of;         /* the entity's row */
};

static bool is_of(struct doc row, const char *type)
{
    return strcmp(doc_str(row, "type", ""), type) == 0;
}

static bool shares(struct doc a, struct doc b, const char *member)
{
    return strcmp(doc_str(a, member, ""), doc_str(b, member, "")) == 0;
}

static int level_of(struct doc row)
{
    return is_of(row, "connector") ? 0 : is_of(row, "resource") ? 2 : 1;
}

static const char *relation(struct doc of, struct doc row)
{
    if (!shares(of, row, "connector") || !shares(of, row, "connector_name")) {
        return "same";
    }
    return level_of(row) < level_of(of) ? "parent" : "child";
}

static void write_neighbour(struct server *server, const struct list_spec *spec,
                            const struct store_key *key, struct doc row,
                            struct buf *out)
{
    const struct neighbours *neighbours =
        (const struct neighbours *)(const void *)spec;

    (void)server;
    item_write(fields, spec->collection, key, row, out);
    buf_truncate(out, out->len - 1); /* the brace: more follows */
    json_add_member(out, "relation", relation(neighbours->of, row));
    buf_add_char(out, '}');
}

static void add_equal(const char *name, struct doc row, struct buf *out)
{
    buf_addf(out, ",\"%s\":", name);
    json_add_text(out, doc_str(row, name, ""));
}

/* {"type":...,"connector":...,"connector_name":... : of the same source. */
static void add_own(const char *type, struct doc row, struct buf *out)
{
    buf_addf(out, "{\"type\":\"%s\"", type);
    add_equal("connector", row, out);
    add_equal("connector_name", row, out);
}

/* Connectors have no component: with it they are found by its index. */
static void add_where(struct doc row, struct buf *out)
{
    bool is_resource = is_of(row, "resource");

    if (is_of(row, "connector")) {
        add_own("component", row, out);
        buf_add_char(out, '}');
        return;
    }
    buf_add_str(out, "{\"component\":{\"$in\":[\"\",");
    json_add_text(out, doc_str(row, "component", ""));
    buf_add_str(out, "]},\"id\":{\"$ne\":");
    json_add_text(out, doc_str(row, "id", ""));
    buf_add_str(out, "},\"$or\":[");
    add_own("connector", row, out);
    buf_add_str(out, "},");
    add_own(is_resource ? "component" : "resource", row, out);
    add_equal("component", row, out);
    buf_addf(out, "},{\"type\":\"%s\"", doc_str(row, "type", ""));
    add_equal("component", row, out);
    add_equal("resource", row, out);
    buf_add_str(out, "}]}");
}

static void reply_neighbours(struct server *server, struct request *request,
                             struct doc row)
{
    struct neighbours neighbours = {.spec = entities, .of = row};
    struct buf where;

    buf_init(&where, WHERE_MAX);
    add_where(row, &where);
    neighbours.spec.where = buf_str(&where);
    neighbours.spec.write = write_neighbour;
    list_reply(server, request, &neighbours.spec);
    buf_fini(&where);
}

void entities_neighbours(struct server *server, struct request *request)
{
    const struct store_key key = {.text = request->id};
    struct errbuf why = {0};
    struct buf row;
    enum err err;

    if (!list_has_store(server, request)) {
        return;
    }
    buf_init(&row, DOC_BYTES_MAX);
    err = store_get(server->store, STORE_ENTITIES, &key, &row);
    if (err == ERR_OK) {
        reply_neighbours(
            server, request,
            (struct doc){(const uint8_t *)row.data, (uint32_t)row.len});
    } else if (err == ERR_NOT_FOUND) {
        request_problem(request, HTTP_NOT_FOUND, "id",
                        "there is no such entity");
    } else {
        list_reply_failed(request, err, &why);
    }
    buf_fini(&row);
}

void entities_get(struct server *server, struct request *request)
{
    list_reply_item(server, request, &entities, "entity");
}
