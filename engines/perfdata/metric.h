/* SPDX-License-Identifier: Apache-2.0 */
/** The metrics known: number, metadata and newest points of each, in memory. */
#ifndef HYP_PERFDATA_METRIC_H
#define HYP_PERFDATA_METRIC_H

#include <stdint.h>

#include "common/base/map.h"
#include "common/doc/doc.h"
#include "common/perfdata/perfdata.h"
#include "common/points/points_store.h"

/** A metric. min, max and interval_s are NaN when unknown. */
struct metric {
    char *id;          /**< "<entity id>/<name>", the name escaped */
    char *texts;       /**< name, unit, warn and crit, each with its NUL */
    size_t entity_len; /**< of id: the entity's part */
    enum perf_type type;
    double min;
    double max;
    double interval_s;
    struct points_newest newest; /**< and its number */
    int64_t *was; /**< n_was numbers before, the first one first; NULL: none */
    size_t n_was;
    bool moved; /**< the number is new: its row goes before its next point */
};

struct metrics_table {
    struct map by_id;
    int64_t space;           /**< in which its new metrics are numbered */
    struct metric **numbers; /**< by place in the space; NULL: none */
    int64_t n_numbers;       /**< one more than the last place */
    int64_t cap_numbers;
    struct metric **past; /**< n_past of the numbers that are no metric's
                               any more: without an id */
    size_t n_past;
};

void metrics_table_init(struct metrics_table *table, int64_t space);
void metrics_table_fini(struct metrics_table *table);
/** Take a stored row; false when it makes no sense. */
bool metrics_table_load(struct metrics_table *table, struct doc row);
/** A number that some row tells: of its space, it is given to no other. */
void metrics_table_reserve(struct metrics_table *table, int64_t n);
/** A number whose metric has another one by now, or another partition: what
 *  its points are is kept. */
void metrics_table_add_past(struct metrics_table *table, int64_t n,
                            struct doc row);
/** All is loaded: number in this space what has come from another. Returns how
 *  many that were. */
size_t metrics_table_settle(struct metrics_table *table);
/** NULL when there is no such metric. */
struct metric *metrics_table_find(const struct metrics_table *table,
                                  const char *id, size_t len);
/** A new metric of that id (entity_len bytes of it the entity's) under the
 *  next number, with the item's metadata and no points yet. */
struct metric *metrics_table_add(struct metrics_table *table, const char *id,
                                 size_t entity_len,
                                 const struct perf_item *item);
/** Whether metadata differs from the item's, which it then takes over.
 *  interval_s: NaN leaves it. */
bool metric_update(struct metric *metric, const struct perf_item *item,
                   double interval_s);
/** The metric of a number; NULL: none of this space. */
struct metric *metrics_table_of_number(const struct metrics_table *table,
                                       int64_t n);
/** Write its row into an open document. */
void metric_to_doc(const struct metric *metric, struct doc_out *out);

#endif
