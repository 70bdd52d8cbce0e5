/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What is done to stored points beside the batches, a bounded piece a batch:
 * merging, roll-ups, converting rows of schema 1, removing what is too old.
 */
#ifndef HYP_PERFDATA_POINTS_TIDY_H
#define HYP_PERFDATA_POINTS_TIDY_H

#include "engines/perfdata/points_merge.h"

/** Options: all in milliseconds. */
struct points_keep {
    int64_t merge_after_ms;
    int64_t keep_ms[POINTS_HOURS + 1]; /**< by tier */
};

/** A slot with runs that are not merged. */
struct points_pending {
    int64_t slot;
    int64_t run;      /**< the youngest */
    int64_t n_runs;   /**< at most; since the merge before */
    int64_t since_ms; /**< when the first of them came */
};

struct points_tidy {
    int64_t space;
    struct points_pending *pending; /**< in order of slots */
    size_t n_pending;
    size_t cap_pending;
    struct points_merge merge;
    struct points_floors floors;
    int64_t removed_to[POINTS_HOURS + 1]; /**< by tier, the slots before it
                                               hold nothing any more */
    bool has_old;                         /**< rows of schema 1, maybe */
    bool wrote; /**< the open batch changes chunks: what is read now will
                     not be what is committed */
};

void points_tidy_init(struct points_tidy *tidy, int64_t space);
void points_tidy_fini(struct points_tidy *tidy);
/** Read what is no longer kept, after what has runs was told by
 *  points_tidy_note. ERR_UNAVAILABLE. */
MUST_CHECK enum err points_tidy_load(struct points_tidy *tidy,
                                     struct engine_io *io);
/** A slot has got a part of a run. */
void points_tidy_note(struct points_tidy *tidy, int64_t slot, int64_t run,
                      int64_t now_ms);
/** Do the next piece, if one is due, unless the batch has changes to chunks
 *  already. A store that is away is tried again later. */
void points_tidy_step(struct points_tidy *tidy, struct engine_io *io,
                      const struct metrics_table *table,
                      const struct points_keep *keep);
/** The batch is about to be committed: the next piece may be done. */
void points_tidy_commit(struct points_tidy *tidy);
/** The oldest time that a point may have to be kept at all. */
int64_t points_oldest_ms(const struct points_keep *keep, int64_t now_ms);

#endif
