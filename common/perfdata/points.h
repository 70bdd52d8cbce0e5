/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Points of metrics in few bytes: packs. A pack holds a series for each of
 * its metrics; times as differences of differences, values as whole numbers
 * of a decimal scale or as changed bytes. Pure. Form: docs/decisions/0007.
 */
#ifndef HYP_PERFDATA_POINTS_H
#define HYP_PERFDATA_POINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"

/** A value of a metric. (metric, time) names it: sent twice, it is one. */
struct point {
    int64_t n; /**< number of the metric, from 0 */
    int64_t ms;
    double value; /**< any bits: they come back as they are */
};

/** Order by metric and time; of points equal in both only the one that stood
 *  last remains. Returns how many there are then. Takes the memory for n
 *  points while it works, unless they are in order already. */
size_t points_sort(struct point *points, size_t n);
/** Append points in the order of points_sort as a pack. */
void points_pack(const struct point *points, size_t n, struct buf *out);

/** A pack under the reader. Damage ends it early and sets bad; whatever the
 *  bytes are, nothing outside them is read. */
struct points_reader {
    const uint8_t *at;
    const uint8_t *end;
    int64_t first_ms; /**< no point is older */
    int64_t last_ms;  /**< nor younger */
    int64_t n;
    bool bad;
};

/** One metric's points within a pack. */
struct points_series {
    int64_t n;
    uint64_t count;
    int64_t base_ms;
    const uint8_t *at;     /**< its times */
    const uint8_t *values; /**< its values */
    const uint8_t *end;
};

/** A series under the reader. */
struct points_iter {
    int64_t n;
    uint64_t left;
    const uint8_t *t_at, *t_end; /* times */
    const uint8_t *v_at, *v_end; /* values */
    uint64_t ms, step, t_run;
    uint64_t value, change, v_run;
    int kind, scale;
    bool begun;
    bool bad;
};

/** Begin to read; false (and bad) when it is no pack. Borrows the bytes. */
bool points_reader_init(struct points_reader *reader, const void *bytes,
                        size_t len);
/** The next metric's series, in order of metrics; false at the end. Series
 *  that are not iterated cost a few nanoseconds. */
bool points_next_series(struct points_reader *reader,
                        struct points_series *series);
void points_iter_init(struct points_iter *iter,
                      const struct points_series *series);
/** The next point; false at the end. Hostile bytes may claim any number of
 *  points: who collects them needs a limit. */
bool points_next(struct points_iter *iter, struct point *point);

#endif
