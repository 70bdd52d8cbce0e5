/* SPDX-License-Identifier: Apache-2.0 */
/** The entities that the context engine knows, in memory. */
#include "engines/context/entities.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

enum {
    TAG_TEXT_MAX = 1024
};

void entities_init(struct entities *entities)
{
    *entities = (struct entities){.dirty = NULL};
    map_init(&entities->by_id);
    buf_init(&entities->id, EVENT_ENTITY_ID_MAX);
    entities->merge = doc_out_new();
}

static void owned_set(struct owned_doc *owned, struct doc doc)
{
    free(owned->data);
    *owned = (struct owned_doc){0};
    if (doc_count(doc) > 0) {
        owned->data = xmemdup(doc.data, doc.len);
        owned->len = doc.len;
    }
}

static bool owned_equals(const struct owned_doc *owned, struct doc doc)
{
    return owned->len == doc.len &&
           (doc.len == 0 || memcmp(owned->data, doc.data, doc.len) == 0);
}

struct doc entity_doc(const struct owned_doc *doc)
{
    return (struct doc){doc->data, doc->len};
}

static void entity_free(struct entity *entity)
{
    free(entity->id);
    free(entity->connector);
    free(entity->connector_name);
    free(entity->component);
    free(entity->resource);
    free(entity->import_source);
    free(entity->infos.data);
    free(entity->tags.data);
    free(entity->hostgroups.data);
    free(entity->servicegroups.data);
    free(entity);
}

static struct entity *pop_dirty(struct entities *entities)
{
    struct entity *entity = entities->dirty;

    if (entity != NULL) {
        entities->dirty = entity->next_dirty;
        entity->next_dirty = NULL;
        entity->dirty = false;
    }
    return entity;
}

struct entity *entities_next_dirty(struct entities *entities)
{
    struct entity *entity;

    while ((entity = pop_dirty(entities)) != NULL && entity->gone) {
        entity_free(entity);
    }
    return entity;
}

void entities_remove(struct entities *entities, struct entity *entity)
{
    BUG_IF(entity->n_children > 0);
    (void)map_remove(&entities->by_id, entity->id, strlen(entity->id));
    if (entity->parent != NULL) {
        entity->parent->n_children--;
    }
    if (entity->dirty) {
        entity->gone = true;
    } else {
        entity_free(entity);
    }
}

void entities_fini(struct entities *entities)
{
    struct map_slot slot;
    size_t at = 0;

    while (entities_next_dirty(entities) != NULL) {
        /* frees those that are gone */
    }
    while (map_next(&entities->by_id, &at, &slot)) {
        entity_free(slot.value);
    }
    map_fini(&entities->by_id);
    for (size_t i = 0; i < entities->n_imports; i++) {
        free(entities->imports[i]);
    }
    free(entities->imports);
    buf_fini(&entities->id);
    doc_out_free(entities->merge);
    *entities = (struct entities){.dirty = NULL};
}

struct entity *entities_find(const struct entities *entities,
                             const char *entity_id)
{
    return map_get(&entities->by_id, entity_id, strlen(entity_id));
}

/* Who imported something: few do. */
static void note_import(struct entities *entities, const char *source)
{
    for (size_t i = 0; i < entities->n_imports; i++) {
        if (strcmp(entities->imports[i], source) == 0) {
            return;
        }
    }
    if (entities->n_imports < ENTITY_IMPORTS_MAX) {
        entities->imports = xrealloc_array(
            entities->imports, entities->n_imports + 1, sizeof(char *));
        entities->imports[entities->n_imports++] = xstrdup(source);
    }
}

static struct entity *add(struct entities *entities, const char *id,
                          const struct event *event)
{
    struct entity *entity = xcalloc(1, sizeof *entity);

    entity->id = xstrdup(id);
    entity->connector = xstrdup(event->connector);
    entity->connector_name = xstrdup(event->connector_name);
    entity->component = xstrdup(event->component);
    entity->resource = xstrdup(event->resource);
    entity->source = event->source_type;
    if (strcmp(event->connector, ENTITY_IMPORT) == 0) {
        note_import(entities, event->connector_name);
    }
    (void)map_put(&entities->by_id, entity->id, strlen(entity->id), entity);
    return entity;
}

/* What the source of an event belongs to: false for a connector. */
static bool parent_of(const struct event *event, struct event *parent)
{
    *parent = *event;
    switch (event->source_type) {
    case EVENT_SOURCE_RESOURCE:
        parent->source_type = EVENT_SOURCE_COMPONENT;
        parent->resource = "";
        return true;
    case EVENT_SOURCE_COMPONENT:
    case EVENT_SOURCE_SERVICE:
        parent->source_type = EVENT_SOURCE_CONNECTOR;
        parent->component = "";
        return true;
    case EVENT_SOURCE_CONNECTOR:
        break;
    }
    return false;
}

struct entity *entities_take(struct entities *entities,
                             const struct event *event,
                             void (*each)(void *ctx, struct entity *entity),
                             void *ctx)
{
    struct entity *entity = entities_find(entities, event->entity_id);
    struct entity *parent = NULL;
    struct event above;
    char *id;

    if (entity != NULL) {
        return entity;
    }
    if (parent_of(event, &above)) {
        buf_clear(&entities->id);
        event_entity_id(&above, &entities->id);
        id = xstrdup(buf_str(&entities->id));
        above.entity_id = id;
        parent = entities_take(entities, &above, each, ctx);
        free(id);
    }
    entity = add(entities, event->entity_id, event);
    entity->parent = parent;
    entity->enabled = parent == NULL || parent->enabled;
    if (parent != NULL) {
        parent->n_children++;
    }
    if (each != NULL) {
        each(ctx, entity);
    }
    return entity;
}

/* Whether a list of names has the name. */
static bool is_named(struct doc names, const char *name)
{
    struct doc_iter it;
    struct doc_value value;
    const char *index;

    doc_iter_init(&it, names);
    while (doc_next(&it, &index, &value)) {
        if (value.type == DOC_STRING && strcmp(value.u.s.text, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Members of fresh over those of old, in old's order; without those that are
 * named as gone. */
static struct doc merge_infos(struct entities *entities, struct doc old,
                              struct doc fresh, struct doc gone)
{
    struct doc_iter it;
    struct doc_value value;
    struct doc_value other;
    const char *key;

    doc_out_reset(entities->merge);
    doc_iter_init(&it, old);
    while (doc_next(&it, &key, &value)) {
        if (!is_named(gone, key)) {
            doc_add_value(entities->merge, key,
                          doc_get(fresh, key, &other) ? &other : &value);
        }
    }
    doc_iter_init(&it, fresh);
    while (doc_next(&it, &key, &value)) {
        if (!doc_get(old, key, &other) && !is_named(gone, key)) {
            doc_add_value(entities->merge, key, &value);
        }
    }
    return doc_out_done(entities->merge);
}

static bool replace(struct owned_doc *owned, struct doc fresh)
{
    if (doc_count(fresh) == 0 || owned_equals(owned, fresh)) {
        return false;
    }
    owned_set(owned, fresh);
    return true;
}

/* A map of tags becomes a list of "key: value". */
static struct doc tags_of(struct entities *entities, const struct event *event)
{
    struct doc_iter it;
    struct doc_value value;
    const char *key;
    struct buf text;
    struct doc list;

    if (!event->tags_is_map || doc_count(event->tags) == 0) {
        return event->tags;
    }
    buf_init(&text, TAG_TEXT_MAX);
    doc_out_reset(entities->merge);
    doc_begin_array(entities->merge, "tags");
    doc_iter_init(&it, event->tags);
    while (doc_next(&it, &key, &value)) {
        buf_clear(&text);
        buf_addf(&text, "%s: ", key);
        if (value.type == DOC_STRING) {
            buf_add(&text, value.u.s.text, value.u.s.len);
        } else {
            doc_value_to_json(&value, &text);
        }
        doc_add_str(entities->merge, NULL, buf_str(&text));
    }
    doc_end(entities->merge);
    buf_fini(&text);
    list = doc_sub(doc_out_done(entities->merge), "tags");
    return list;
}

bool entities_update(struct entities *entities, struct entity *entity,
                     const struct event *event)
{
    bool changed = false;

    if (doc_count(event->infos) > 0) {
        changed |= replace(&entity->infos,
                           merge_infos(entities, entity_doc(&entity->infos),
                                       event->infos, (struct doc){NULL, 0}));
    }
    if (event->tags.len > 0) {
        changed |= replace(&entity->tags, tags_of(entities, event));
    }
    changed |= replace(&entity->hostgroups, event->hostgroups);
    changed |= replace(&entity->servicegroups, event->servicegroups);
    if (event_type_is_check(event->type) && entity->state != event->state) {
        entity->state = event->state;
        changed = true;
    }
    return changed;
}

void entities_set(struct entities *entities, struct entity *entity,
                  const struct event *event)
{
    const char *source = doc_str(event->extra, "import_source", "");

    owned_set(&entity->infos,
              merge_infos(entities, entity_doc(&entity->infos), event->infos,
                          doc_sub(event->extra, "infos_gone")));
    if (event->tags.len > 0) {
        (void)replace(&entity->tags, tags_of(entities, event));
    }
    (void)replace(&entity->hostgroups, event->hostgroups);
    (void)replace(&entity->servicegroups, event->servicegroups);
    if (source[0] != '\0') {
        free(entity->import_source);
        entity->import_source = xstrdup(source);
    }
}

static struct entity *find_import(struct entities *entities,
                                  const struct entity *entity,
                                  const char *source)
{
    const struct event names = {.source_type = entity->source,
                                .connector = ENTITY_IMPORT,
                                .connector_name = source,
                                .component = entity->component,
                                .resource = entity->resource};

    buf_clear(&entities->id);
    event_entity_id(&names, &entities->id);
    return entities_find(entities, buf_str(&entities->id));
}

void entities_inherit(struct entities *entities, struct entity *entity)
{
    if (entity->source == EVENT_SOURCE_CONNECTOR ||
        strcmp(entity->connector, ENTITY_IMPORT) == 0) {
        return;
    }
    for (size_t i = 0; i < entities->n_imports; i++) {
        const struct entity *import =
            find_import(entities, entity, entities->imports[i]);

        if (import != NULL) {
            owned_set(&entity->infos,
                      merge_infos(entities, entity_doc(&entity->infos),
                                  entity_doc(&import->infos),
                                  (struct doc){NULL, 0}));
            free(entity->import_source);
            entity->import_source = xstrdup(entities->imports[i]);
            entity->enabled = entity->enabled && import->enabled;
        }
    }
}

static void mark_dirty(struct entities *entities, struct entity *entity)
{
    if (!entity->dirty) {
        entity->dirty = true;
        entity->next_dirty = entities->dirty;
        entities->dirty = entity;
    }
}

void entities_touch(struct entities *entities, struct entity *entity,
                    int64_t t_ms)
{
    for (; entity != NULL && entity->last_event_ms < t_ms;
         entity = entity->parent) {
        entity->last_event_ms = t_ms;
        mark_dirty(entities, entity);
    }
}

static const char *name_of(const struct entity *entity)
{
    switch (entity->source) {
    case EVENT_SOURCE_RESOURCE:
        return entity->resource;
    case EVENT_SOURCE_COMPONENT:
    case EVENT_SOURCE_SERVICE:
        return entity->component;
    case EVENT_SOURCE_CONNECTOR:
        break;
    }
    return entity->connector_name;
}

void entity_to_doc(const struct entity *entity, struct doc_out *out)
{
    doc_add_str(out, "id", entity->id);
    doc_add_str(out, "type", event_source_name(entity->source));
    doc_add_str(out, "connector", entity->connector);
    doc_add_str(out, "connector_name", entity->connector_name);
    doc_add_str(out, "component", entity->component);
    doc_add_str(out, "resource", entity->resource);
    doc_add_str(out, "name", name_of(entity));
    doc_add_bool(out, "enabled", entity->enabled);
    doc_add_i64(out, "state", entity->state);
    if (entity->created_ms != 0) {
        doc_add_ms(out, "created_at", entity->created_ms);
    }
    if (entity->last_event_ms != 0) {
        doc_add_ms(out, "last_event_at", entity->last_event_ms);
    }
    if (entity->import_source != NULL) {
        doc_add_str(out, "import_source", entity->import_source);
    }
    doc_add_doc(out, "infos", entity_doc(&entity->infos));
    doc_add_array(out, "tags", entity_doc(&entity->tags));
    doc_add_array(out, "hostgroups", entity_doc(&entity->hostgroups));
    doc_add_array(out, "servicegroups", entity_doc(&entity->servicegroups));
}

static bool parse_source(const char *name, enum event_source *source)
{
    for (int i = EVENT_SOURCE_COMPONENT; i <= EVENT_SOURCE_SERVICE; i++) {
        if (strcmp(event_source_name((enum event_source)i), name) == 0) {
            *source = (enum event_source)i;
            return true;
        }
    }
    return false;
}

void entities_add_doc(struct entities *entities, struct doc row)
{
    struct event event = {.entity_id = doc_str(row, "id", ""),
                          .connector = doc_str(row, "connector", ""),
                          .connector_name = doc_str(row, "connector_name", ""),
                          .component = doc_str(row, "component", ""),
                          .resource = doc_str(row, "resource", "")};
    struct entity *entity;

    if (event.entity_id[0] == '\0' ||
        !parse_source(doc_str(row, "type", ""), &event.source_type)) {
        return;
    }
    /* A parent may come first as such, then as a row of its own. */
    entity = entities_take(entities, &event, NULL, NULL);
    entity->enabled = doc_bool(row, "enabled", true);
    entity->state = (int)doc_i64(row, "state", 0);
    entity->created_ms = doc_ms(row, "created_at", 0);
    entity->last_event_ms = doc_ms(row, "last_event_at", 0);
    if (doc_str(row, "import_source", "")[0] != '\0') {
        free(entity->import_source);
        entity->import_source = xstrdup(doc_str(row, "import_source", ""));
    }
    owned_set(&entity->infos, doc_sub(row, "infos"));
    owned_set(&entity->tags, doc_sub(row, "tags"));
    owned_set(&entity->hostgroups, doc_sub(row, "hostgroups"));
    owned_set(&entity->servicegroups, doc_sub(row, "servicegroups"));
}
