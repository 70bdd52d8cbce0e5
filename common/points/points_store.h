/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Reading stored points: each that was committed, exactly once, wherever it
 * lies by now. Sent twice, a point has the value that came last.
 */
#ifndef HYP_POINTS_POINTS_STORE_H
#define HYP_POINTS_POINTS_STORE_H

#include "common/perfdata/points.h"
#include "common/points/points_key.h"
#include "common/store/store.h"

enum {
    /** Points of one metric within an hour, or not folded yet, that a read
     *  takes into memory. */
    POINTS_READ_MAX = 1 << 20
};

/** Returns whether to go on. */
typedef bool points_each_fn(void *ctx, int64_t ms, double value);

/** What to read: the points of a metric from from_ms to to_ms, both with. */
struct points_query {
    int64_t n; /**< number of the metric, as its row has it */
    int64_t from_ms;
    int64_t to_ms;
    const int64_t *was; /**< n_was numbers that it had before, the first one
                             first: its points of then are there */
    size_t n_was;
};

/** Fill in the numbers that a metric's row tells; was has room for
 *  POINTS_SPACES, and is used by the query. */
void points_query_numbers(struct points_query *query, struct doc row,
                          int64_t *was);

/** Give the points in order of time. ERR_UNAVAILABLE; ERR_LIMIT: more than
 *  POINTS_READ_MAX at once. Cost: what is not folded (a few MB at most) and a
 *  row for each hour, some more for the last. */
MUST_CHECK enum err points_read(struct store *store,
                                const struct points_query *query,
                                points_each_fn *each, void *ctx,
                                struct errbuf *why);

/** Returns whether to go on. */
typedef bool points_slot_fn(void *ctx, int64_t slot);

/** Give the slots from one on, in order, in which the query's number has
 *  points that
 *  are not merged into run 0: of them there are no roll-ups, or older ones.
 *  Errors as points_read. */
MUST_CHECK enum err points_unmerged(struct store *store,
                                    const struct points_query *query,
                                    int64_t from_slot, points_slot_fn *each,
                                    void *ctx, struct errbuf *why);

/** The newest points of a metric: its last, and the one before. */
struct points_newest {
    int64_t n;
    size_t have; /**< 0 to 2 */
    int64_t ms[2];
    double value[2];
};

/** Take a point into account. again: of two of one time, this one counts. */
void points_newest_add(struct points_newest *newest, int64_t ms, double value,
                       bool again);
/** Fill in what is stored of metrics; the list is in the order of n, each
 *  once, with have 0. */
MUST_CHECK enum err points_read_newest(struct store *store,
                                       struct points_newest *list,
                                       size_t n_list, struct errbuf *why);

/** Begin to read a row of blocks or chunks. */
bool points_row_init(struct points_reader *reader, struct doc row);

#endif
