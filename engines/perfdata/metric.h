/* SPDX-License-Identifier: Apache-2.0 */
/** The metrics known: number, metadata and last value of each, in memory. */
#ifndef HYP_PERFDATA_METRIC_H
#define HYP_PERFDATA_METRIC_H

#include <stdint.h>

#include "common/base/map.h"
#include "common/doc/doc.h"
#include "common/perfdata/perfdata.h"

/** A metric. min, max, interval_s and last_value are NaN when unknown. */
struct metric {
    char *id;          /**< "<entity id>/<name>", the name escaped */
    char *texts;       /**< name, unit, warn and crit, each with its NUL */
    size_t entity_len; /**< of id: the entity's part */
    int64_t n;         /**< key of its points */
    enum perf_type type;
    double min;
    double max;
    double interval_s;
    int64_t last_ms;
    double last_value;
    bool behind;  /**< its row lacks the last value */
    bool touched; /**< its last value is in no delta yet */
    struct metric *next_behind;
    struct metric *next_touched;
};

struct metrics_table {
    struct map by_id;
    struct map by_n;
    int64_t last_n;
    /** Partitions give numbers of their own: those that are `part` modulo
     *  `parts`; parts 0 or 1: all. Set after init and fini. */
    int64_t part;
    int64_t parts;
    struct metric *behind;
    struct metric *touched;
};

void metrics_table_init(struct metrics_table *table);
void metrics_table_fini(struct metrics_table *table);
/** Take a stored row; false when it is none of ours. */
bool metrics_table_load(struct metrics_table *table, struct doc row);
/** NULL when there is no such metric. */
struct metric *metrics_table_find(const struct metrics_table *table,
                                  const char *id, size_t len);
/** A new metric of that id (entity_len bytes of it the entity's) under the
 *  next number, with the item's metadata and no last value. */
struct metric *metrics_table_add(struct metrics_table *table, const char *id,
                                 size_t entity_len,
                                 const struct perf_item *item);
/** Whether metadata differs from the item's, which it then takes over. */
bool metric_update(struct metric *metric, const struct perf_item *item);
/** Note a value: an older one than the last changes nothing. Then the row is
 *  behind, and the next delta tells it. */
void metrics_table_set_last(struct metrics_table *table, struct metric *metric,
                            int64_t at_ms, double value);
/** One whose row is behind; NULL when there is none. */
struct metric *metrics_table_next_behind(struct metrics_table *table);
/** Write the last values not told yet into an open document (as many as it
 *  holds); false when there is none. */
bool metrics_table_delta(struct metrics_table *table, struct doc_out *out);
void metrics_table_apply(struct metrics_table *table, struct doc delta);
/** Write its row into an open document. */
void metric_to_doc(const struct metric *metric, struct doc_out *out);

#endif
