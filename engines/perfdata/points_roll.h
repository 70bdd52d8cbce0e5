/* SPDX-License-Identifier: Apache-2.0 */
/** Making the roll-ups of a group of metrics in a slot. */
#ifndef HYP_PERFDATA_POINTS_ROLL_H
#define HYP_PERFDATA_POINTS_ROLL_H

#include "common/engine/engine.h"
#include "common/perfdata/rate.h"
#include "common/perfdata/rollup.h"
#include "common/points/points_key.h"
#include "engines/perfdata/metric.h"
#include "engines/perfdata/points_gather.h"

/** Roll-ups in order of metric and time. */
struct rollup_list {
    struct rollup *rollups;
    size_t n;
    size_t cap;
};

struct points_roll {
    struct points_place place;
    bool whole;
    bool keeps_minutes;
    struct rollup_list stored_minutes, stored_hours;
    struct rollup_list minutes, hours;
    /* of the metric under way */
    int64_t n;
    bool known;
    struct rate rate;
};

/** Begin, and read what was made before. whole: of all points of the slot,
 *  and it will be replaced; else what is made joins it. keeps_minutes: else
 *  only hours are made. ERR_UNAVAILABLE; points_roll_fini in any case. */
MUST_CHECK enum err points_roll_init(struct points_roll *roll,
                                     const struct points_place *place,
                                     struct store *store, bool whole,
                                     bool keeps_minutes);
void points_roll_fini(struct points_roll *roll);
/** Begin the metric of a number, in order of numbers; metric NULL: nothing is
 *  known of it, and nothing is made for it. before (may be NULL) is its last
 *  point before the slot: what a counter's first rate counts from. */
void points_roll_metric(struct points_roll *roll, int64_t n,
                        const struct metric *metric,
                        const struct point *before);
/** Its next point, in order of time. */
void points_roll_add(struct points_roll *roll, const struct point *point);
/** Add what was made to the batch. */
void points_roll_write(struct points_roll *roll, struct engine_io *io);

#endif
