/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Merging: the runs of a slot become its run 0 and its roll-ups, a group of
 * metrics at a time. Points of a slot that is no longer kept only join its
 * roll-ups. Rows of schema 1 go the same way.
 */
#ifndef HYP_PERFDATA_POINTS_MERGE_H
#define HYP_PERFDATA_POINTS_MERGE_H

#include "common/engine/engine.h"
#include "common/points/rollup_store.h"
#include "engines/perfdata/metric.h"
#include "engines/perfdata/points_gather.h"

/** The merge of a slot, under way. */
struct points_merge {
    int64_t space;
    int64_t slot; /**< 0: none */
    int64_t next_group;
    size_t n_runs;
    int64_t runs[POINTS_RUNS_MAX];
};

/** What a merge needs of its owner; borrowed. */
struct points_merge_env {
    struct engine_io *io;
    const struct metrics_table *table; /**< types of the metrics */
    const struct points_floors *floors;
};

/** Begin: find the slot's oldest runs. slot is 0 afterwards when it has none.
 *  ERR_UNAVAILABLE: nothing is begun. */
MUST_CHECK enum err points_merge_begin(struct points_merge *merge,
                                       const struct points_merge_env *env,
                                       int64_t space, int64_t slot);
/** Merge the next group that has something in these runs; slot is 0 when that
 *  was the last. At most one call a batch: it reads what is committed. Takes
 *  memory for the rows of a group in an hour. ERR_UNAVAILABLE: nothing was
 *  written, call again. */
MUST_CHECK enum err points_merge_step(struct points_merge *merge,
                                      const struct points_merge_env *env);
/** Merge the first rows of schema 1 of a space, those of one group in one slot,
 *  with that slot's run 0; *left tells whether there may be more. The same
 *  rules as for a step. */
MUST_CHECK enum err points_merge_old(const struct points_merge_env *env,
                                     int64_t space, bool *left);

#endif
