/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Roll-ups: what is kept of a metric's points in a step of time, and packs of
 * them. Pure.
 */
#ifndef HYP_PERFDATA_ROLLUP_H
#define HYP_PERFDATA_ROLLUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/perfdata/points.h"

struct rollup {
    int64_t n;  /**< number of the metric */
    int64_t ms; /**< begin of the step */
    double min;
    double max;
    double sum;
    double last;
    int64_t last_ms; /**< of `last`; of what was packed: ms */
    int64_t count;   /**< 0: empty, the values mean nothing */
};

/** Begin of the step that a time lies in; steps are counted from 1970. */
int64_t rollup_begin_ms(int64_t ms, int64_t step_ms);
/** Take a value into account. In any order: `last` is of the latest time. */
void rollup_add(struct rollup *rollup, int64_t ms, double value);
/** Take all that another stands for into account. */
void rollup_merge(struct rollup *rollup, const struct rollup *other);
/** Of what is not empty. */
double rollup_mean(const struct rollup *rollup);
/** A computed value as it is kept: to seven digits. */
double rollup_round(double value);

/** All steps of a span of time, filled in any order. */
struct rollup_steps {
    int64_t step_ms;
    struct rollup *steps; /**< those without a value have count 0 */
    size_t n;
};

/** from_ms to to_ms, both with, in whole steps: memory is taken for each. */
void rollup_steps_init(struct rollup_steps *steps, int64_t from_ms,
                       int64_t to_ms, int64_t step_ms);
void rollup_steps_fini(struct rollup_steps *steps);
/** Put into the step in which it begins; outside of the span it is nothing. */
void rollup_steps_add(struct rollup_steps *steps, const struct rollup *rollup);

/** Append roll-ups, in order of metric and time, none empty, as a pack. Means
 *  are kept to seven digits, last_ms not at all. */
void rollups_pack(const struct rollup *rollups, size_t n, struct buf *out);

enum {
    ROLLUP_FIELDS = 5
};

/** A pack under the reader. Damage ends it early and sets bad; whatever the
 *  bytes are, nothing outside them is read. */
struct rollups_reader {
    struct points_reader pack;
    struct points_series series; /**< the next */
    struct points_iter fields[ROLLUP_FIELDS];
    bool has[ROLLUP_FIELDS];
    bool has_series;
    int64_t n;
    bool bad;
};

/** Begin to read; false (and bad) when it is no pack. Borrows the bytes. */
bool rollups_reader_init(struct rollups_reader *reader, const void *bytes,
                         size_t len);
/** Go to the next metric, in order of numbers, which is then in n; false at
 *  the end. */
bool rollups_next_metric(struct rollups_reader *reader);
/** The metric's next roll-up; false at the end. Hostile bytes may claim any
 *  number of them. */
bool rollups_next(struct rollups_reader *reader, struct rollup *rollup);

#endif
