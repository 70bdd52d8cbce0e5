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
    int64_t stale_ms;    /**< since when its row lacks the last value; 0: it
                              does not */
    struct metric *next; /**< in the order of stale_ms */
};

struct metrics_table {
    struct map by_id;
    int64_t last_n;
    struct metric *stale_first;
    struct metric *stale_last;
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
/** Note a value; an older one than the last changes nothing. True when the
 *  last value is another one now. */
bool metric_set_last(struct metric *metric, int64_t at_ms, double value);
/** Remember that the row must be written again. */
void metrics_table_mark(struct metrics_table *table, struct metric *metric,
                        int64_t now_ms);
/** The longest marked one if that is since before_ms or earlier, no more
 *  marked then; else NULL. */
struct metric *metrics_table_take(struct metrics_table *table,
                                  int64_t before_ms);
/** Write its row into an open document. */
void metric_to_doc(const struct metric *metric, struct doc_out *out);

#endif
