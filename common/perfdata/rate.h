/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Stored values as people read them: counters become rates, with wraps and
 * resets told apart. Pure.
 */
#ifndef HYP_PERFDATA_RATE_H
#define HYP_PERFDATA_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/perfdata/perfdata.h"

enum {
    /** How far back a reader looks for the value that a first rate counts
     *  from. */
    RATE_LOOK_BACK_MS = 3600 * 1000
};

/** Values into rates per second. */
struct rate {
    enum perf_type type;
    double min; /**< of the metric; NaN when it has none */
    bool has_last;
    int64_t last_ms;
    double last;
};

void rate_init(struct rate *rate, enum perf_type type, double min);
/** Take the next stored value, in order of time; false when it gives no
 *  point: the first of a counter, or the first after its reset. A gauge's
 *  values come as they are. */
bool rate_next(struct rate *rate, int64_t t_ms, double value, double *out);

#endif
