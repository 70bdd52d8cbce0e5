/* SPDX-License-Identifier: Apache-2.0 */
/** Stored values as people read them: rates. */
#include "common/perfdata/rate.h"

#define WRAP_32 4294967296.0
#define WRAP_64 18446744073709551616.0

void rate_init(struct rate *rate, enum perf_type type, double min)
{
    *rate = (struct rate){.type = type, .min = min};
}

/* A counter that fell: it wrapped when it stood in the last quarter of its
 * range and stands in the first now, else its source began anew. */
static bool wrapped(double last, double value, double *delta)
{
    double range = last < WRAP_32 ? WRAP_32 : WRAP_64;

    if (last < range * 3 / 4 || value > range / 4) {
        return false;
    }
    *delta = value - last + range;
    return true;
}

static bool delta_of(const struct rate *rate, double value, double *delta)
{
    *delta = value - rate->last;
    if (*delta >= 0) {
        return true;
    }
    if (rate->type == PERF_COUNTER) {
        return wrapped(rate->last, value, delta);
    }
    /* DERIVE may fall, unless its bounds say that it never does. */
    return !(rate->min >= 0);
}

bool rate_next(struct rate *rate, int64_t t_ms, double value, double *out)
{
    double seconds = (double)(t_ms - rate->last_ms) / 1000;
    bool good = rate->has_last && seconds > 0;
    double delta = value;

    if (rate->type == PERF_GAUGE) {
        *out = value;
        return true;
    }
    if (good && rate->type != PERF_ABSOLUTE) {
        good = delta_of(rate, value, &delta);
    }
    rate->has_last = true;
    rate->last_ms = t_ms;
    rate->last = value;
    if (good) {
        *out = delta / seconds;
    }
    return good;
}
