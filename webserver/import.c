/* SPDX-License-Identifier: Apache-2.0 */
/**
 * PUT /context/import: what another system knows of entities, as the document
 * of "cis" that Canopsis takes. It is compared with what is stored; what is
 * different goes through the chain as events of the entities.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/object/object.h"
#include "webserver/entity_events.h"
#include "webserver/list.h"

enum {
    AUTHOR_MAX = 128,
    INFOS_BYTES_MAX = 32 * 1024, /* fit an event, however they are escaped */
    PLACE_MAX = 32,
    REASON_MAX = 256
};

/* Connector of what an import makes, as engine-context knows it. */
static const char connector_import[] = "import";

enum ci_action {
    CI_SET,
    CI_ENABLE,
    CI_DISABLE,
    CI_DELETE
};

static const char *const ci_actions[] = {"set", "enable", "disable", "delete",
                                         NULL};
static const char *const ci_types[] = {"component", "resource", "connector",
                                       NULL};

/* One item. Texts are borrowed from the body. */
struct ci {
    const char *type;
    const char *connector, *connector_name; /* of a connector */
    const char *component, *resource;
    enum ci_action action;
    bool says_enabled, enabled;
    struct doc infos; /* owned */
    struct buf key;
    bool met;      /* an entity has these names */
    bool recorded; /* the import has a row of its own for it */
};

struct import {
    struct server *server;
    struct request *request;
    struct acting *acting;
    const char *source;
    const char *author;
    bool partial, dry_run;
    struct ci *list;
    size_t n, n_refused;
    struct map by_key;
    struct map gone; /* names of components that are no longer imported */
    struct doc_out *out;
    struct doc_out *infos;
    struct acting_later *later; /* components to delete, behind resources */
    size_t n_later;
};

/* A deletion that waits until those beneath are gone. */
struct acting_later {
    char *id;
    uint8_t *event;
    uint32_t len;
};

/* Parameters. */

static bool refuse(struct request *request, int status, const char *field,
                   const char *text)
{
    request_problem(request, status, field, "%s", text);
    return false;
}

static bool read_flag(struct request *request, const char *name, bool *flag)
{
    const char *text = request_param(request, name);

    *flag = text != NULL && strcmp(text, "true") == 0;
    return text == NULL || *flag || strcmp(text, "false") == 0 ||
           refuse(request, HTTP_BAD_REQUEST, name, "expected true or false");
}

static bool read_params(struct import *import)
{
    struct request *request = import->request;

    import->source = request_param(request, "source");
    import->author = request_param(request, "author");
    if (import->source == NULL || !object_name_is_good(import->source)) {
        return refuse(request, HTTP_BAD_REQUEST, "source",
                      "expected who knows this: 1 to 128 letters, digits, "
                      "dots, dashes or underscores");
    }
    if (import->author == NULL) {
        import->author = import->source;
    } else if (import->author[0] == '\0' ||
               strlen(import->author) > AUTHOR_MAX ||
               !utf8_valid(import->author, strlen(import->author))) {
        return refuse(request, HTTP_BAD_REQUEST, "author",
                      "expected 1 to 128 bytes of text");
    }
    return read_flag(request, "partial", &import->partial) &&
           read_flag(request, "dry_run", &import->dry_run);
}

/* Items. */

static int index_of(const char *const *names, const char *name)
{
    int i = 0;

    while (names[i] != NULL && strcmp(names[i], name) != 0) {
        i++;
    }
    return names[i] != NULL ? i : -1;
}

/* A member's text; NULL (and why) when it is none of 1 to max bytes. */
static const char *read_name(struct doc item, const char *member, size_t max,
                             struct errbuf *why)
{
    struct doc_value value;

    if (doc_get(item, member, &value) && value.type == DOC_STRING &&
        value.u.s.len > 0 && value.u.s.len <= max) {
        return value.u.s.text;
    }
    errbuf_set(why, "%s: expected text of 1 to %zu bytes", member, max);
    return NULL;
}

/* An info is a value, or an object with it. */
static void add_info(struct doc_out *out, const char *name,
                     const struct doc_value *value)
{
    struct doc_value inner;

    if (value->type == DOC_DOC && doc_get(value->u.doc, "value", &inner)) {
        doc_add_value(out, name, &inner);
    } else {
        doc_add_value(out, name, value);
    }
}

static bool read_infos(struct import *import, struct doc item, struct ci *ci,
                       struct errbuf *why)
{
    static const char *const also[] = {"category", "impact_level"};
    struct doc_out *out = import->infos;
    struct doc_iter it;
    struct doc_value value;
    const char *name;
    struct doc infos;

    doc_out_reset(out);
    doc_iter_init(&it, doc_sub(item, "infos"));
    while (doc_next(&it, &name, &value)) {
        add_info(out, name, &value);
    }
    for (size_t i = 0; i < sizeof also / sizeof also[0]; i++) {
        if (doc_get(item, also[i], &value)) {
            doc_add_value(out, also[i], &value);
        }
    }
    infos = doc_out_done(out);
    if (infos.len > INFOS_BYTES_MAX) {
        errbuf_set(why, "infos: expected at most %d bytes", INFOS_BYTES_MAX);
        return false;
    }
    ci->infos = (struct doc){xmemdup(infos.data, infos.len), infos.len};
    return true;
}

static bool check_members(struct doc item, struct errbuf *why)
{
    /* The last three follow from the names. */
    static const char *const known[] = {
        "name",     "type",         "component", "infos",   "action", "enabled",
        "category", "impact_level", "_id",       "depends", "impact", NULL};
    struct doc_iter it;
    struct doc_value value;
    const char *name;

    doc_iter_init(&it, item);
    while (doc_next(&it, &name, &value)) {
        if (index_of(known, name) < 0) {
            errbuf_set(why,
                       "%.64s: no such member here; there are: name, "
                       "type, component, infos, action, enabled, "
                       "category, impact_level",
                       name);
            return false;
        }
    }
    if (doc_get(item, "infos", &value) && value.type != DOC_DOC &&
        value.type != DOC_NULL) {
        errbuf_set(why, "infos: expected an object");
        return false;
    }
    return true;
}

/* A connector is named "<connector>/<its name>". */
static bool read_connector(struct doc item, struct ci *ci, struct errbuf *why)
{
    const char *name =
        read_name(item, "name", 2 * EVENT_CONNECTOR_MAX + 1, why);
    const char *slash = name == NULL ? NULL : strchr(name, '/');

    if (name == NULL) {
        return false;
    }
    if (slash == NULL || slash == name || slash[1] == '\0') {
        errbuf_set(why, "name: expected \"<connector>/<connector_name>\"");
        return false;
    }
    buf_add(&ci->key, "connector", sizeof "connector");
    buf_add(&ci->key, name, (size_t)(slash - name));
    buf_add_char(&ci->key, '\0');
    buf_add(&ci->key, slash + 1, strlen(slash + 1) + 1);
    return true;
}

static bool read_names(struct doc item, struct ci *ci, struct errbuf *why)
{
    bool is_resource;

    ci->type = doc_str(item, "type", "");
    if (index_of(ci_types, ci->type) < 0) {
        errbuf_set(why, strcmp(ci->type, "service") == 0
                            ? "type: services are not made here yet"
                            : "type: expected component, resource or "
                              "connector");
        return false;
    }
    if (strcmp(ci->type, "connector") == 0) {
        return read_connector(item, ci, why);
    }
    is_resource = strcmp(ci->type, "resource") == 0;
    ci->component = read_name(item, is_resource ? "component" : "name",
                              EVENT_COMPONENT_MAX, why);
    if (is_resource) {
        ci->resource = read_name(item, "name", EVENT_RESOURCE_MAX, why);
    }
    if (ci->component == NULL || ci->resource == NULL) {
        return false;
    }
    buf_add(&ci->key, ci->type, strlen(ci->type) + 1);
    buf_add(&ci->key, ci->component, strlen(ci->component) + 1);
    buf_add(&ci->key, ci->resource, strlen(ci->resource) + 1);
    return true;
}

static bool read_doing(struct doc item, struct ci *ci, struct errbuf *why)
{
    struct doc_value value;
    int action = index_of(ci_actions, doc_str(item, "action", "set"));

    if (action < 0) {
        errbuf_set(why, "action: expected set, enable, disable or delete");
        return false;
    }
    ci->action = (enum ci_action)action;
    if (ci->action == CI_DELETE && strcmp(ci->type, "connector") == 0) {
        errbuf_set(why, "action: an import deletes no connectors");
        return false;
    }
    ci->says_enabled =
        doc_get(item, "enabled", &value) && value.type != DOC_NULL;
    ci->enabled = ci->says_enabled && value.type == DOC_BOOL && value.u.b;
    if (ci->says_enabled && value.type != DOC_BOOL) {
        errbuf_set(why, "enabled: expected true or false");
        return false;
    }
    if (ci->action == CI_ENABLE || ci->action == CI_DISABLE) {
        ci->says_enabled = true;
        ci->enabled = ci->action == CI_ENABLE;
    }
    return true;
}

static bool read_item(struct import *import, const struct doc_value *item,
                      struct ci *ci, struct errbuf *why)
{
    if (item->type != DOC_DOC) {
        errbuf_set(why, "expected an object");
        return false;
    }
    if (!check_members(item->u.doc, why) || !read_names(item->u.doc, ci, why) ||
        !read_doing(item->u.doc, ci, why) ||
        !read_infos(import, item->u.doc, ci, why)) {
        return false;
    }
    if (map_get(&import->by_key, ci->key.data, ci->key.len) != NULL) {
        errbuf_set(why, "it is given twice");
        return false;
    }
    return true;
}

static void ci_fini(struct ci *ci)
{
    free((void *)(uintptr_t)ci->infos.data);
    buf_fini(&ci->key);
}

/* One that is no good stops none of the others. */
static void take_item(struct import *import, const char *index,
                      const struct doc_value *item)
{
    struct ci *ci = &import->list[import->n];
    struct errbuf why = {0};
    char place[PLACE_MAX];

    *ci = (struct ci){.component = "", .resource = ""};
    buf_init(&ci->key, EVENT_ENTITY_ID_MAX);
    if (read_item(import, item, ci, &why)) {
        (void)map_put(&import->by_key, ci->key.data, ci->key.len, ci);
        import->n++;
        return;
    }
    import->n_refused++;
    (void)snprintf(place, sizeof place, "cis[%.16s]", index);
    entity_events_refuse(import->acting, place, why.text);
    ci_fini(ci);
}

static bool read_items(struct import *import)
{
    struct request *request = import->request;
    struct errbuf why = {0};
    struct doc_iter it;
    struct doc_value value;
    const char *index;
    struct doc body;

    if (doc_from_json(buf_str(&request->body), request->body.len,
                      import->server->doc, &body, &why) != ERR_OK) {
        return refuse(request, HTTP_BAD_REQUEST, "body", why.text);
    }
    if (!doc_get(body, "cis", &value) || value.type != DOC_ARRAY) {
        return refuse(request, HTTP_UNPROCESSABLE, "cis",
                      "expected an array of items");
    }
    if (doc_count(value.u.doc) == 0) {
        return refuse(request, HTTP_UNPROCESSABLE, "cis",
                      "there is no item: taken as it is, all that the source "
                      "has imported would be disabled");
    }
    import->acting = entity_events_new(import->server, request);
    import->list = xcalloc(doc_count(value.u.doc), sizeof import->list[0]);
    doc_iter_init(&it, value.u.doc);
    while (doc_next(&it, &index, &value)) {
        take_item(import, index, &value);
    }
    return true;
}

/* What is to be done. */

static const char *id_of(struct doc row)
{
    return doc_str(row, "id", "");
}

/* An event of the entity that the row names. */
static struct doc make_event(struct import *import, const char *type,
                             struct doc row)
{
    static const char *const names[] = {"type", "connector", "connector_name",
                                        "component", "resource"};

    doc_out_reset(import->out);
    doc_add_str(import->out, "event_type", type);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        doc_add_str(import->out, names[i], doc_str(row, names[i], ""));
    }
    return doc_out_done(import->out);
}

static void add_event(struct import *import, const char *type, struct doc row)
{
    entity_events_add(import->acting, id_of(row),
                      make_event(import, type, row));
}

static void add_set(struct import *import, const struct ci *ci, struct doc row)
{
    struct doc event = make_event(import, "set", row);
    struct doc_out *out = doc_out_new();
    struct doc_iter it;
    struct doc_value value;
    const char *name;

    doc_out_reset(out);
    doc_iter_init(&it, event);
    while (doc_next(&it, &name, &value)) {
        doc_add_value(out, name, &value);
    }
    doc_add_str(out, "import_source", import->source);
    doc_add_doc(out, "infos", ci->infos);
    entity_events_add(import->acting, id_of(row), doc_out_done(out));
    doc_out_free(out);
}

/* Whether the row has every info already, and none that is to go. */
static bool has_infos(const struct ci *ci, struct doc row)
{
    struct doc there = doc_sub(row, "infos");
    struct doc_iter it;
    struct doc_value value;
    struct doc_value own;
    const char *name;

    doc_iter_init(&it, ci->infos);
    while (doc_next(&it, &name, &value)) {
        (void)doc_get(there, name, &own);
        if (doc_compare(&value, &own) != 0) {
            return false;
        }
    }
    return true;
}

static void switch_to(struct import *import, const struct ci *ci,
                      struct doc row)
{
    add_event(import, ci->enabled ? "enable" : "disable", row);
}

static void delete_later(struct import *import, struct doc row)
{
    struct doc event = make_event(import, "delete", row);

    import->later = xrealloc_array(import->later, import->n_later + 1,
                                   sizeof import->later[0]);
    import->later[import->n_later++] =
        (struct acting_later){.id = xstrdup(id_of(row)),
                              .event = xmemdup(event.data, event.len),
                              .len = event.len};
}

/* An entity that has an item's names. */
static void plan(struct import *import, const struct ci *ci, struct doc row)
{
    bool differs =
        ci->says_enabled && ci->enabled != doc_bool(row, "enabled", true);
    bool set =
        ci->action == CI_SET &&
        (strcmp(doc_str(row, "import_source", ""), import->source) != 0 ||
         !has_infos(ci, row));

    if (ci->action == CI_DELETE) {
        delete_later(import, row);
        return;
    }
    if (set) {
        add_set(import, ci, row);
    }
    if (differs) {
        switch_to(import, ci, row);
    }
    if (!set && !differs) {
        entity_events_unchanged(import->acting);
    }
}

static void take_known(struct import *import, struct ci *ci, struct doc row,
                       bool recorded)
{
    ci->met = true;
    ci->recorded = ci->recorded || recorded;
    plan(import, ci, row);
}

/* What belongs to a component goes with it. */
static void take_resource(struct import *import, struct doc row)
{
    const char *component = doc_str(row, "component", "");
    bool enabled = doc_bool(row, "enabled", true);
    const struct ci *ci;
    struct buf key;

    buf_init(&key, EVENT_ENTITY_ID_MAX);
    buf_add(&key, "component", sizeof "component");
    buf_add(&key, component, strlen(component) + 1);
    buf_add_char(&key, '\0');
    ci = map_get(&import->by_key, key.data, key.len);
    buf_fini(&key);
    if (ci != NULL && ci->action == CI_DELETE) {
        delete_later(import, row);
    } else if (ci != NULL && ci->says_enabled && ci->enabled != enabled) {
        switch_to(import, ci, row);
    } else if (enabled &&
               map_get(&import->gone, component, strlen(component)) != NULL) {
        add_event(import, "disable", row);
    }
}

static void note_gone(struct import *import, struct doc row)
{
    const char *component = doc_str(row, "component", "");

    if (strcmp(doc_str(row, "type", ""), "component") == 0 &&
        map_get(&import->gone, component, strlen(component)) == NULL) {
        char *own = xstrdup(component);

        (void)map_put(&import->gone, own, strlen(own), own);
    }
}

/* Whether the source imported it once and no longer does. */
static bool is_gone(const struct import *import, struct doc row)
{
    return !import->partial &&
           strcmp(doc_str(row, "import_source", ""), import->source) == 0;
}

static bool is_import(struct doc row)
{
    return strcmp(doc_str(row, "connector", ""), connector_import) == 0;
}

static void make_key(struct doc row, struct buf *key)
{
    const char *type = doc_str(row, "type", "");
    bool is_connector = strcmp(type, "connector") == 0;
    const char *a = doc_str(row, is_connector ? "connector" : "component", "");
    const char *b =
        doc_str(row, is_connector ? "connector_name" : "resource", "");

    buf_clear(key);
    buf_add(key, type, strlen(type) + 1);
    buf_add(key, a, strlen(a) + 1);
    buf_add(key, b, strlen(b) + 1);
}

/* Of two imports each has rows of its own. Rows come by their ids, so
 * components before resources. */
static bool on_entity(void *ctx, const struct store_key *store_key,
                      struct doc row)
{
    struct import *import = ctx;
    bool recorded = is_import(row) && strcmp(doc_str(row, "connector_name", ""),
                                             import->source) == 0;
    struct buf key;
    struct ci *ci;

    (void)store_key;
    if (is_import(row) && !recorded) {
        return true;
    }
    buf_init(&key, EVENT_ENTITY_ID_MAX);
    make_key(row, &key);
    ci = map_get(&import->by_key, key.data, key.len);
    buf_fini(&key);
    if (ci != NULL) {
        take_known(import, ci, row, recorded);
    } else if (is_gone(import, row)) {
        note_gone(import, row);
        if (doc_bool(row, "enabled", true)) {
            add_event(import, "disable", row);
        }
    } else if (strcmp(doc_str(row, "type", ""), "resource") == 0) {
        take_resource(import, row);
    }
    return true;
}

/* What the import says, for sources that will speak of it later. */
static void record(struct import *import, const struct ci *ci)
{
    struct doc_out *out = doc_out_new();
    struct event event;
    struct buf id;
    struct doc row;

    event_init(&event, EVENT_SET);
    event.connector = connector_import;
    event.connector_name = import->source;
    event.component = ci->component;
    event.resource = ci->resource;
    event.source_type = ci->resource[0] != '\0' ? EVENT_SOURCE_RESOURCE
                                                : EVENT_SOURCE_COMPONENT;
    buf_init(&id, EVENT_ENTITY_ID_MAX);
    event_entity_id(&event, &id);
    doc_out_reset(out);
    doc_add_str(out, "id", buf_str(&id));
    doc_add_str(out, "type", ci->type);
    doc_add_str(out, "connector", event.connector);
    doc_add_str(out, "connector_name", event.connector_name);
    doc_add_str(out, "component", event.component);
    doc_add_str(out, "resource", event.resource);
    row = doc_out_done(out);
    add_set(import, ci, row);
    if (ci->says_enabled && !ci->enabled) {
        switch_to(import, ci, row);
    }
    buf_fini(&id);
    doc_out_free(out);
}

static void refuse_unknown(struct import *import, const struct ci *ci)
{
    char name[REASON_MAX];

    (void)snprintf(name, sizeof name, "%s %.100s%s%.100s", ci->type,
                   ci->component, ci->resource[0] != '\0' ? "/" : "",
                   ci->resource);
    entity_events_refuse(import->acting, name, "there is no such entity");
}

static void plan_rest(struct import *import)
{
    for (size_t i = 0; i < import->n; i++) {
        const struct ci *ci = &import->list[i];
        bool is_connector = strcmp(ci->type, "connector") == 0;

        if (ci->action == CI_SET && !ci->recorded && !is_connector) {
            record(import, ci);
        } else if (!ci->met) {
            refuse_unknown(import, ci);
        }
    }
    for (size_t i = 0; i < import->n_later; i++) {
        const struct acting_later *later = &import->later[i];

        entity_events_add(import->acting, later->id,
                          (struct doc){later->event, later->len});
    }
}

static int deeper_first(const void *a_, const void *b_)
{
    const struct acting_later *a = a_;
    const struct acting_later *b = b_;

    return str_starts(b->id, "/resource/") - str_starts(a->id, "/resource/");
}

static void finish(struct import *import)
{
    if (import->n_later > 1) {
        qsort(import->later, import->n_later, sizeof import->later[0],
              deeper_first);
    }
    plan_rest(import);
    if (import->dry_run) {
        entity_events_tell(import->acting);
    } else {
        entity_events_send(import->acting, import->author);
    }
    import->acting = NULL;
}

static void import_fini(struct import *import)
{
    struct map_slot slot;
    size_t at = 0;

    for (size_t i = 0; i < import->n; i++) {
        ci_fini(&import->list[i]);
    }
    for (size_t i = 0; i < import->n_later; i++) {
        free(import->later[i].id);
        free(import->later[i].event);
    }
    while (map_next(&import->gone, &at, &slot)) {
        free(slot.value);
    }
    map_fini(&import->gone);
    free(import->list);
    free(import->later);
    map_fini(&import->by_key);
    doc_out_free(import->out);
    doc_out_free(import->infos);
    entity_events_drop(import->acting);
}

void context_import(struct server *server, struct request *request)
{
    const struct store_query query = {.collection = STORE_ENTITIES,
                                      .limit = INT64_MAX};
    struct import import = {.server = server, .request = request};
    struct errbuf why = {0};
    enum err err;

    map_init(&import.by_key);
    map_init(&import.gone);
    import.out = doc_out_new();
    import.infos = doc_out_new();
    if (!read_params(&import) || !list_has_store(server, request) ||
        !read_items(&import)) {
        import_fini(&import);
        return;
    }
    /* What a full one lacks is known only when all of it is good. */
    if (!import.partial && import.n_refused > 0) {
        entity_events_send(import.acting, import.author);
        import.acting = NULL;
        import_fini(&import);
        return;
    }
    err = store_scan(server->store, &query, on_entity, &import, NULL, &why);
    if (err != ERR_OK) {
        list_reply_failed(request, err, &why);
    } else if (!import.dry_run && !publisher_ready(&server->publisher, &why)) {
        request_problem_why(request, HTTP_UNAVAILABLE, &why);
    } else {
        finish(&import);
    }
    import_fini(&import);
}
