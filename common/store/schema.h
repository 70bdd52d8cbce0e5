/* SPDX-License-Identifier: Apache-2.0 */
/** Every collection and index, named once, with its one writer. */
#ifndef HYP_STORE_SCHEMA_H
#define HYP_STORE_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

enum store_collection {
    STORE_ENTITIES,
    STORE_ALARMS,
    STORE_ALARMS_RESOLVED,
    STORE_STEPS,
    STORE_TRACKS, /**< what alarm keeps of an entity beyond its alarms */
    STORE_EVENTS,
    STORE_EVENTS_LOG,
    STORE_METRICS,
    STORE_POINTS,  /**< of schema 1: read, folded away, never written */
    STORE_BLOCKS,  /**< points as committed, a row a batch */
    STORE_CHUNKS,  /**< points by hour and group of metrics */
    STORE_ROLLUPS, /**< what is kept of points for long */
    STORE_DEAD,
    STORE_DEAD_COUNTS,     /**< dead letters by engine and reason */
    STORE_DEAD_REQUESTS,   /**< what is to be done with them */
    STORE_OBJECTS,         /**< what people configure (objects.h) */
    STORE_OBJECT_VERSIONS, /**< as they were */
    STORE_OBJECT_KINDS,    /**< how many changes a kind has seen */
    STORE_RULE_COUNTS,     /**< what each rule of the event filter did */
    /* of every writer, its own rows under its progress row's name */
    STORE_RECEIPTS, /**< (row, last n): what an entry read, a row a batch */
    STORE_IDS,      /**< (row, batch): message ids of trusted senders */
    STORE_OUTBOX,   /**< (row, last sequence): what it has to publish */
    STORE_DELTAS,   /**< (row, batch): counters not folded into rows yet */
    STORE_N_COLLECTIONS
};

enum store_key_kind {
    STORE_KEY_TEXT,
    STORE_KEY_INTS,    /**< (a, b) */
    STORE_KEY_TEXT_INT /**< (text, a) */
};

enum {
    STORE_INDEX_MAX = 8,
    STORE_SCHEMA_VERSION = 2
};

struct store_schema {
    const char *name;
    const char *writer; /**< NULL: every writer has its own */
    enum store_key_kind key;
    /** Fields (dotted paths of scalars) that a scan may sort by and that
     *  conditions are pushed down on; NULL-terminated. */
    const char *indexes[STORE_INDEX_MAX + 1];
};

/** The table, by enum store_collection. */
const struct store_schema *store_schema(enum store_collection collection);
/** Whether its rows are of kilobytes: SQLite keeps those apart from their
 *  keys, where they would leave half of each page empty. */
bool store_schema_is_large(enum store_collection collection);
/** Whether a scan may sort by the field. */
bool store_schema_indexes(enum store_collection collection, const char *field);

#endif
