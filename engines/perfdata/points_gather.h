/* SPDX-License-Identifier: Apache-2.0 */
/** Finding and collecting the rows of a group of metrics in a slot. */
#ifndef HYP_PERFDATA_POINTS_GATHER_H
#define HYP_PERFDATA_POINTS_GATHER_H

#include "common/perfdata/points_union.h"
#include "common/points/points_key.h"
#include "common/store/store.h"

enum {
    POINTS_GROUP_METRICS = 1 << POINTS_GROUP_BITS,
    POINTS_RUNS_MAX = 128 /**< taken at once: the oldest */
};

/** Where the rows lie. */
struct points_place {
    int64_t space;
    int64_t slot;
    int64_t group;
};

/** Packs as they were stored, the older first. */
struct points_rows {
    struct buf bytes;
    size_t *ends;
    size_t n;
    size_t cap;
    bool damaged; /**< a row that cannot be read, or too many bytes */
};

void points_rows_init(struct points_rows *rows);
void points_rows_fini(struct points_rows *rows);
/** Add a pack. Copies. */
void points_rows_add(struct points_rows *rows, const void *bytes, size_t len);
/** Read them as one; a pack that cannot be read sets damaged and is left out.
 *  all borrows rows until points_union_fini. */
void points_rows_open(struct points_rows *rows, struct points_union *all);
/** Add the rows of one run. ERR_UNAVAILABLE. */
MUST_CHECK enum err points_gather_run(struct store *store,
                                      const struct points_place *place,
                                      int64_t run, struct points_rows *rows);

/** The runs of a slot from `from` on, in order, whatever their groups: at most
 *  POINTS_RUNS_MAX. ERR_UNAVAILABLE. */
MUST_CHECK enum err
points_find_runs(struct store *store, const struct points_place *place,
                 int64_t from, int64_t runs[POINTS_RUNS_MAX], size_t *n_runs);

/** A key that was looked for. */
struct points_found {
    bool any;
    int64_t a;
    int64_t b;
};

/** The first key of a collection in a range. ERR_UNAVAILABLE. */
MUST_CHECK enum err points_look(struct store *store,
                                enum store_collection collection,
                                const struct store_key *first,
                                const struct store_key *past,
                                struct points_found *found);

#endif
