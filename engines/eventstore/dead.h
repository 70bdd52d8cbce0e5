/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Dead letters: kept up to a bound, counted by engine and reason, given again
 * (replayed) or deleted (purged) on request.
 */
#ifndef HYP_EVENTSTORE_DEAD_H
#define HYP_EVENTSTORE_DEAD_H

#include <sys/queue.h>

#include "common/base/log.h"
#include "common/base/map.h"
#include "common/engine/engine.h"
#include "common/engine/known.h"

struct dead_letter_kept;
struct dead_request;
TAILQ_HEAD(dead_letters, dead_letter_kept);
TAILQ_HEAD(dead_requests, dead_request);

struct dead {
    int64_t max;       /**< letters kept at most (option) */
    int64_t max_bytes; /**< and bytes of them (option) */
    struct map letters;
    struct dead_letters by_age; /**< the oldest first */
    size_t bytes;
    struct map counts;
    bool counts_changed;
    struct known known;            /**< requests taken, and letters deleted */
    struct dead_requests requests; /**< to be done */
    int64_t last_request;
    uint64_t batch;   /**< that is open, counted from 1 in this life */
    uint64_t dropped; /**< in this life, as too many were kept */
    struct log_complaint full;
};

/** After the options are filled in. */
void dead_init(struct dead *dead);
void dead_fini(struct dead *dead);
/** Start anew with what is stored. ERR_UNAVAILABLE. */
MUST_CHECK enum err dead_load(struct dead *dead, struct engine_io *io);
/** A letter, or a request about letters, of the queue Engine_dead. */
void dead_take(struct dead *dead, struct engine_io *io,
               const struct bus_delivery *delivery);
/** Do what was requested, as much as fits into a batch; tell when letters had
 *  to be dropped. */
void dead_beat(struct dead *dead, struct engine_io *io);
/** Write the counts that changed. */
void dead_commit(struct dead *dead, struct engine_io *io);

#endif
