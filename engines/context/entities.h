/* SPDX-License-Identifier: Apache-2.0 */
/** The entities that the context engine knows, in memory. */
#ifndef HYP_CONTEXT_ENTITIES_H
#define HYP_CONTEXT_ENTITIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/map.h"
#include "common/event/event.h"

/** A document with memory of its own; NULL when empty. */
struct owned_doc {
    uint8_t *data;
    uint32_t len;
};

/** Connector of what an import makes; its name is the import's source. */
#define ENTITY_IMPORT "import"

enum {
    ENTITY_IMPORTS_MAX = 64 /**< sources of imports that are remembered */
};

struct entity {
    char *id;
    char *connector;
    char *connector_name;
    char *component;
    char *resource;
    char *import_source; /**< who imported it; NULL: nobody */
    enum event_source source;
    int state;
    bool enabled;
    bool dirty; /**< in the list of those whose row is behind */
    bool gone;  /**< removed, and freed when it leaves that list */
    uint32_t n_children;
    int64_t created_ms; /**< 0: unknown */
    int64_t last_event_ms;
    struct entity *parent; /**< component of a resource; connector of it */
    struct entity *next_dirty;
    struct owned_doc infos;
    struct owned_doc tags;
    struct owned_doc hostgroups;
    struct owned_doc servicegroups;
};

struct entities {
    struct map by_id;
    struct entity *dirty; /**< newest first */
    char **imports;       /**< n_imports sources of imported entities */
    size_t n_imports;
    struct buf id; /**< scratch */
    struct doc_out *merge;
};

void entities_init(struct entities *entities);
void entities_fini(struct entities *entities);
/** The entity an event speaks of, or NULL. */
struct entity *entities_find(const struct entities *entities,
                             const char *entity_id);
/**
 * The entity an event speaks of, made with its parents when unknown; what is
 * made beneath a disabled one is disabled. each (may be NULL) is called for
 * every one made, parents first.
 */
struct entity *entities_take(struct entities *entities,
                             const struct event *event,
                             void (*each)(void *ctx, struct entity *entity),
                             void *ctx);
/** Forget an entity that nothing is beneath. */
void entities_remove(struct entities *entities, struct entity *entity);
/** Take over what the event says of its entity: infos are merged by key,
 *  tags and groups replaced when the event has some. True: it changed. */
bool entities_update(struct entities *entities, struct entity *entity,
                     const struct event *event);
/**
 * Take over what an import says of an entity: infos are merged by key, without
 * those that extra.infos_gone names, tags and groups replaced when there are
 * some; extra.import_source is who says it.
 */
void entities_set(struct entities *entities, struct entity *entity,
                  const struct event *event);
/** A new entity: take over what imports said of its names, before any source
 *  spoke of it. */
void entities_inherit(struct entities *entities, struct entity *entity);
/** An event of this time came, for the entity and its parents: their rows
 *  are behind. */
void entities_touch(struct entities *entities, struct entity *entity,
                    int64_t t_ms);
/** Oldest knowledge first out: the next one whose row is behind, or NULL. */
struct entity *entities_next_dirty(struct entities *entities);
/** Write the row, as the API shows an entity. */
void entity_to_doc(const struct entity *entity, struct doc_out *out);
/** Read it back into the set; a row of another form is left out. */
void entities_add_doc(struct entities *entities, struct doc row);
struct doc entity_doc(const struct owned_doc *doc);

#endif
