/* SPDX-License-Identifier: Apache-2.0 */
/** Every collection and index, named once, with its one writer. */
#include "common/store/schema.h"

#include <string.h>

#include "common/base/err.h"

/* Few indexes: each costs more than the row (docs/performance.md). */
static const struct store_schema schemas[STORE_N_COLLECTIONS] = {
    /* key: entity id */
    [STORE_ENTITIES] = {"entities",
                        "context",
                        STORE_KEY_TEXT,
                        {"type", "component", "name", "state"}},
    /* key: alarm id */
    [STORE_ALARMS] = {"alarms",
                      "alarm",
                      STORE_KEY_TEXT,
                      {"entity_id", "component", "state", "status", "opened_at",
                       "changed_at"}},
    [STORE_ALARMS_RESOLVED] = {"alarms_resolved",
                               "alarm",
                               STORE_KEY_TEXT,
                               {"entity_id", "component", "opened_at",
                                "changed_at", "resolved_at"}},
    /* key: (alarm id, step from 1) */
    [STORE_STEPS] = {"steps", "alarm", STORE_KEY_TEXT_INT, {NULL}},
    /* key: entity id */
    [STORE_TRACKS] = {"tracks", "alarm", STORE_KEY_TEXT, {NULL}},
    /* key: entity id */
    [STORE_EVENTS] = {"events",
                      "eventstore",
                      STORE_KEY_TEXT,
                      {"component", "state", "timestamp"}},
    /* key: (received_at in ms, hash of the position) */
    [STORE_EVENTS_LOG] = {"events_log",
                          "eventstore",
                          STORE_KEY_INTS,
                          {"entity_id"}},
    /* key: metric id; field n numbers it for its points */
    [STORE_METRICS] = {"metrics",
                       "perfdata",
                       STORE_KEY_TEXT,
                       {"entity_id", "name"}},
    /* key: (metric n, time in ms); {v: value} */
    [STORE_POINTS] = {"points", "perfdata", STORE_KEY_INTS, {NULL}},
    /* keys and rows: common/points/points_key.h */
    [STORE_BLOCKS] = {"blocks", "perfdata", STORE_KEY_INTS, {NULL}},
    [STORE_CHUNKS] = {"chunks", "perfdata", STORE_KEY_INTS, {NULL}},
    [STORE_ROLLUPS] = {"rollups", "perfdata", STORE_KEY_INTS, {NULL}},
    /* key: "<engine>/<position>" */
    [STORE_DEAD] = {"dead", "eventstore", STORE_KEY_TEXT, {"at", "engine"}},
    /* key: "<engine>/<field>/<reason without its numbers and quotes>" */
    [STORE_DEAD_COUNTS] = {"dead_counts",
                           "eventstore",
                           STORE_KEY_TEXT,
                           {"total"}},
    /* key: (number, 0) */
    [STORE_DEAD_REQUESTS] = {"dead_requests",
                             "eventstore",
                             STORE_KEY_INTS,
                             {NULL}},
    /* key: "<kind>/<name>" */
    [STORE_OBJECTS] = {"objects",
                       "webserver",
                       STORE_KEY_TEXT,
                       {"kind", "name", "updated_at"}},
    /* key: ("<kind>/<name>", version from 1) */
    [STORE_OBJECT_VERSIONS] = {"object_versions",
                               "webserver",
                               STORE_KEY_TEXT_INT,
                               {NULL}},
    /* key: kind */
    [STORE_OBJECT_KINDS] = {"object_kinds",
                            "webserver",
                            STORE_KEY_TEXT,
                            {NULL}},
    /* key: (name of the rule, partition) */
    [STORE_RULE_COUNTS] = {"rule_counts",
                           "event-filter",
                           STORE_KEY_TEXT_INT,
                           {NULL}},
    [STORE_RECEIPTS] = {"receipts", NULL, STORE_KEY_TEXT_INT, {NULL}},
    [STORE_IDS] = {"ids", NULL, STORE_KEY_TEXT_INT, {NULL}},
    [STORE_OUTBOX] = {"outbox", NULL, STORE_KEY_TEXT_INT, {NULL}},
    [STORE_DELTAS] = {"deltas", NULL, STORE_KEY_TEXT_INT, {NULL}},
};

const struct store_schema *store_schema(enum store_collection collection)
{
    BUG_IF((size_t)collection >= STORE_N_COLLECTIONS);
    return &schemas[collection];
}

bool store_schema_is_large(enum store_collection collection)
{
    return collection == STORE_BLOCKS || collection == STORE_CHUNKS ||
           collection == STORE_ROLLUPS;
}

bool store_schema_indexes(enum store_collection collection, const char *field)
{
    const struct store_schema *schema = store_schema(collection);

    for (size_t i = 0; schema->indexes[i] != NULL; i++) {
        if (strcmp(schema->indexes[i], field) == 0) {
            return true;
        }
    }
    return false;
}
