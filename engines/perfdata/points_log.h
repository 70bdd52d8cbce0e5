/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Points on their way into the store: a batch's are committed as a block, and
 * what has gathered is folded into chunks in bounded steps.
 */
#ifndef HYP_PERFDATA_POINTS_LOG_H
#define HYP_PERFDATA_POINTS_LOG_H

#include "common/engine/engine.h"
#include "engines/perfdata/metric.h"
#include "engines/perfdata/points_tidy.h"

/** A fold under way. */
struct points_fold {
    struct point *points; /**< NULL: none; n tells the slot too */
    size_t n;
    size_t at; /**< the first that is in no chunk yet */
    int64_t run;
    int64_t past_block; /**< blocks before it are in chunks at its end */
};

struct points_log {
    int64_t space;
    struct point *points; /**< committed or about to be; not being folded */
    size_t n;
    size_t cap;
    size_t stored;    /**< of these are in blocks */
    int64_t since_ms; /**< when the first came */
    int64_t first_block;
    int64_t next_block;
    int64_t next_run;
    struct points_fold fold;
    struct buf pack;
    struct points_tidy *tidy; /* told of every slot with runs */
};

/** Borrows tidy. */
void points_log_init(struct points_log *log, int64_t space,
                     struct points_tidy *tidy);
void points_log_fini(struct points_log *log);
/** Read what is not folded, and the newest points of the table's metrics.
 *  Starts anew each time. ERR_UNAVAILABLE. */
MUST_CHECK enum err points_log_load(struct points_log *log,
                                    struct metrics_table *table,
                                    struct engine_io *io);
/** Take a point of a time that points_slot_of knows. */
void points_log_add(struct points_log *log, struct metric *metric, int64_t ms,
                    double value, int64_t now_ms);
/** Write the blocks of the batch. */
void points_log_commit(struct points_log *log, struct engine_io *io);
/** Fold when enough has gathered or the first came fold_after_ms ago: a
 *  bounded part of it a call, but all when too much waits behind it. Between
 *  points_log_commit and the end of the batch. */
void points_log_fold(struct points_log *log, const struct metrics_table *table,
                     struct engine_io *io, int64_t fold_after_ms);

#endif
