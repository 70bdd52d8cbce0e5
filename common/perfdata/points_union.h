/* SPDX-License-Identifier: Apache-2.0 */
/** Several packs of points read as one, without unpacking them. Pure. */
#ifndef HYP_PERFDATA_POINTS_UNION_H
#define HYP_PERFDATA_POINTS_UNION_H

#include <stdbool.h>
#include <stddef.h>

#include "common/perfdata/points.h"

enum {
    POINTS_UNION_MAX = 1 << 20 /**< points in a pack */
};

struct points_union_source;

struct points_union {
    struct points_union_source *sources; /**< the older first */
    size_t n;
    size_t cap;
    struct points_union_source **live; /**< with the metric under way */
    size_t n_live;
};

void points_union_init(struct points_union *all);
void points_union_fini(struct points_union *all);
/** Take a pack along, younger than those before it: of points that are equal
 *  in metric and time, the youngest one's value counts. Borrows the bytes.
 *  False when it is damaged, or claims more than POINTS_UNION_MAX points:
 *  nothing is taken of it then. */
bool points_union_add(struct points_union *all, const void *bytes, size_t len);
/** Go to the next metric, in order of numbers; false at the end. Skips what is
 *  left of the one before. */
bool points_union_next_series(struct points_union *all, int64_t *n);
/** The metric's next point, in order of time, each time once; false at the
 *  end. */
bool points_union_next(struct points_union *all, struct point *point);

#endif
