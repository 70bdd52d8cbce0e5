/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Stored values as people read them, one pass: counters become rates, with
 * wraps and resets told apart; points fall into steps. Pure.
 */
#ifndef HYP_WEBSERVER_SERIES_H
#define HYP_WEBSERVER_SERIES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/perfdata/perfdata.h"

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
 *  point: the first of a counter, or the first after its reset. */
bool rate_next(struct rate *rate, int64_t t_ms, double value, double *out);

/** One step's worth of points. */
struct bucket {
    int64_t start_ms;
    double min, sum, max, last;
    int64_t n; /**< 0: empty */
};

/** Add a point. When it begins another step, *full gets the one before and
 *  true is returned (only when that held something). */
bool bucket_add(struct bucket *bucket, int64_t step_ms, int64_t t_ms,
                double value, struct bucket *full);

#endif
