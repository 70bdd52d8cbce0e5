/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Reading a metric's past at a resolution: roll-ups, and points where there
 * are none yet.
 */
#ifndef HYP_POINTS_ROLLUP_STORE_H
#define HYP_POINTS_ROLLUP_STORE_H

#include "common/perfdata/perfdata.h"
#include "common/perfdata/rollup.h"
#include "common/points/points_key.h"
#include "common/points/points_store.h"

/** What is kept: by tier, the first slot. Before it, the next coarser tier
 *  has what there is; before hours there is nothing. */
struct points_floors {
    int64_t slot[POINTS_HOURS + 1];
};

/** All 0 when nothing was ever removed. ERR_UNAVAILABLE. */
MUST_CHECK enum err points_floors_read(struct store *store, int64_t space,
                                       struct points_floors *floors,
                                       struct errbuf *why);
/** Add to a batch. */
void points_floors_write(struct store_batch *batch, struct doc_out *scratch,
                         int64_t space, const struct points_floors *floors);

/** Returns whether to go on. */
typedef bool rollup_each_fn(void *ctx, const struct rollup *rollup);

struct rollup_query {
    struct points_query points; /**< to_ms: a roll-up that begins by then. Of
                                     its numbers each has roll-ups of its
                                     own: a step may be given twice, of other
                                     points */
    enum points_tier tier;      /**< finest to read */
    enum perf_type type;        /**< counters come as rates */
    double min;                 /**< of the metric, as rates need it */
    bool only_points;           /**< no roll-ups: type GAUGE then gives what
                                     is stored of counters too */
};

/** Give what there is: of the tier, or coarser where that is no longer kept,
 *  or single points (count 1) where it is not made yet. Each point is in one
 *  of them exactly; they come in no order of time. Errors as points_read. */
MUST_CHECK enum err rollups_read(struct store *store,
                                 const struct rollup_query *query,
                                 rollup_each_fn *each, void *ctx,
                                 struct errbuf *why);

#endif
