/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Keys of stored points. Metrics are numbered within a space, which is the
 * partition of perfdata that writes them. What came in one batch is a block;
 * blocks are folded into chunks: the points of a group of metrics in a slot
 * of time, a run for each fold, run 0 for what was merged of all. Each row is
 * {p: a pack (common/perfdata/points.h)}.
 *
 *   blocks   (space, number of the block)
 *   chunks   (space | slot | run, group | part)
 *   chunks   (space | 0 | 0, group): the newest two points of each metric
 *
 * Roll-ups are made when run 0 is written. Each row is {p: a pack
 * (common/perfdata/rollup.h)}.
 *
 *   rollups  (space | minutes | slot, group): of the minutes of a slot
 *   rollups  (space | hours | day, group): of the slots of a day
 *   rollups  (space | minutes | 0, 0): what is no longer kept (points_floors)
 */
#ifndef HYP_POINTS_POINTS_KEY_H
#define HYP_POINTS_POINTS_KEY_H

#include <stdint.h>

#include "common/store/store.h"

enum {
    POINTS_SPACES = 256,
    POINTS_SPACE_BITS = 32, /**< of a number: above the place in its space */
    POINTS_GROUP_BITS = 6,  /**< metrics in a group: 64 */
    POINTS_SLOT_MS = 3600 * 1000,
    POINTS_SLOTS_MAX = 1 << 22,
    POINTS_ROW_MAX = 65536 /**< points in a row, at most */
};

/** The number of the i-th metric of a space. */
static inline int64_t points_number(int64_t space, int64_t i)
{
    return (space << POINTS_SPACE_BITS) | i;
}

static inline int64_t points_space_of(int64_t n)
{
    return (int64_t)((uint64_t)n >> POINTS_SPACE_BITS) & (POINTS_SPACES - 1);
}

/** Place of a metric in its space. */
static inline int64_t points_place_of(int64_t n)
{
    return n & UINT32_MAX;
}

static inline int64_t points_group_of(int64_t n)
{
    return points_place_of(n) >> POINTS_GROUP_BITS;
}

/** Slots count from 1; slot 0 stands for the newest. 0: no slot holds it. */
static inline int64_t points_slot_of(int64_t ms)
{
    return ms >= 0 && ms / POINTS_SLOT_MS < POINTS_SLOTS_MAX - 1
               ? ms / POINTS_SLOT_MS + 1
               : 0;
}

static inline int64_t points_slot_begin_ms(int64_t slot)
{
    return (slot - 1) * POINTS_SLOT_MS;
}

enum {
    POINTS_KEY_SPACE_SHIFT = 55,
    POINTS_KEY_HOURS_SHIFT = 54,
    POINTS_KEY_SLOT_SHIFT = 32,
    POINTS_KEY_GROUP_SHIFT = 8 /* below: the part */
};

enum {
    POINTS_MINUTE_MS = 60 * 1000,
    POINTS_DAY_SLOTS = 24
};

/** What a metric's past is read from. */
enum points_tier {
    POINTS_RAW,
    POINTS_MINUTES,
    POINTS_HOURS
};

/** Days count from 1 too. */
static inline int64_t points_day_of(int64_t slot)
{
    return (slot - 1) / POINTS_DAY_SLOTS + 1;
}

static inline int64_t points_day_slot(int64_t day)
{
    return (day - 1) * POINTS_DAY_SLOTS + 1;
}

static inline int64_t points_key_a(int64_t space, int64_t slot, int64_t run)
{
    return (space << POINTS_KEY_SPACE_SHIFT) | (slot << POINTS_KEY_SLOT_SHIFT) |
           run;
}

/** Of roll-ups; at: the slot, of hours the day. */
static inline int64_t points_rollup_key_a(int64_t space, enum points_tier tier,
                                          int64_t at)
{
    return points_key_a(space, at, 0) |
           (INT64_C(1) * (tier == POINTS_HOURS) << POINTS_KEY_HOURS_SHIFT);
}

static inline int64_t points_key_slot(int64_t a)
{
    return (a >> POINTS_KEY_SLOT_SHIFT) & (POINTS_SLOTS_MAX - 1);
}

static inline int64_t points_key_run(int64_t a)
{
    return a & UINT32_MAX;
}

static inline int64_t points_key_b(int64_t group, int64_t part)
{
    return (group << POINTS_KEY_GROUP_SHIFT) | part;
}

static inline int64_t points_key_group(int64_t b)
{
    return b >> POINTS_KEY_GROUP_SHIFT;
}

#endif
