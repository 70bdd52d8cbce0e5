/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Roll-ups and packs of them. A pack is one of points, in which each metric
 * has a series for each field. What would only say again what `last` says is
 * left out, and so is a count that is always 1.
 */
#include "common/perfdata/rollup.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/mem.h"

enum {
    DIGITS = 7,
    FIELD_BITS = 3,
    POWER_MAX = 22 /* powers of ten that doubles hold exactly */
};

/* No step holds more points. */
#define COUNT_MAX 1e15

/* In the order of their series. */
enum field {
    FIELD_LAST,
    FIELD_MIN,
    FIELD_MEAN,
    FIELD_MAX,
    FIELD_COUNT
};

int64_t rollup_begin_ms(int64_t ms, int64_t step_ms)
{
    int64_t into = ms % step_ms;

    return ms - (into < 0 ? into + step_ms : into);
}

void rollup_add(struct rollup *rollup, int64_t ms, double value)
{
    const struct rollup one = {.min = value,
                               .max = value,
                               .sum = value,
                               .last = value,
                               .last_ms = ms,
                               .count = 1};

    rollup_merge(rollup, &one);
}

void rollup_merge(struct rollup *rollup, const struct rollup *other)
{
    if (other->count == 0) {
        return;
    }
    if (rollup->count == 0 || other->last_ms >= rollup->last_ms) {
        rollup->last = other->last;
        rollup->last_ms = other->last_ms;
    }
    if (rollup->count == 0) {
        rollup->min = other->min;
        rollup->max = other->max;
        rollup->sum = 0;
    }
    rollup->min = fmin(rollup->min, other->min);
    rollup->max = fmax(rollup->max, other->max);
    rollup->sum += other->sum;
    rollup->count += other->count;
}

double rollup_mean(const struct rollup *rollup)
{
    double mean = rollup->sum / (double)rollup->count;

    /* Sums of huge values overflow. */
    return isfinite(mean) ? mean : rollup->min / 2 + rollup->max / 2;
}

double rollup_round(double value)
{
    int power;
    double scale;

    if (value == 0 || !isfinite(value)) {
        return value;
    }
    power = DIGITS - 1 - (int)floor(log10(fabs(value)));
    if (power > POWER_MAX || power < -POWER_MAX) {
        return value;
    }
    /* Powers of ten below one are no doubles, so it divides by their inverse:
     * the nearest double of a decimal comes out, which packs well. */
    scale = pow(10, abs(power));
    return power >= 0 ? rint(value * scale) / scale
                      : rint(value / scale) * scale;
}

/* Steps. */

void rollup_steps_init(struct rollup_steps *steps, int64_t from_ms,
                       int64_t to_ms, int64_t step_ms)
{
    int64_t begin_ms = rollup_begin_ms(from_ms, step_ms);

    steps->step_ms = step_ms;
    steps->n = (size_t)((to_ms - begin_ms) / step_ms) + 1;
    steps->steps = xcalloc(steps->n, sizeof *steps->steps);
    for (size_t i = 0; i < steps->n; i++) {
        steps->steps[i].ms = begin_ms + (int64_t)i * step_ms;
    }
}

void rollup_steps_fini(struct rollup_steps *steps)
{
    free(steps->steps);
}

void rollup_steps_add(struct rollup_steps *steps, const struct rollup *rollup)
{
    int64_t after_ms = rollup->ms - steps->steps[0].ms;

    if (after_ms >= 0 && (size_t)(after_ms / steps->step_ms) < steps->n) {
        rollup_merge(&steps->steps[after_ms / steps->step_ms], rollup);
    }
}

/* Packing. */

static double value_of(const struct rollup *rollup, enum field field)
{
    switch (field) {
    case FIELD_MIN:
        return rollup->min;
    case FIELD_MEAN:
        return rollup->count > 1 ? rollup_round(rollup_mean(rollup))
                                 : rollup->last;
    case FIELD_MAX:
        return rollup->max;
    case FIELD_COUNT:
        return (double)rollup->count;
    case FIELD_LAST:
    default:
        return rollup->last;
    }
}

/* Whether a reader knows the values of a field without them. */
static bool is_plain(const struct rollup *rollups, size_t n, enum field field)
{
    for (size_t i = 0; i < n; i++) {
        double plain = field == FIELD_COUNT ? 1 : rollups[i].last;

        if (value_of(&rollups[i], field) != plain) {
            return false;
        }
    }
    return field != FIELD_LAST;
}

static size_t metric_end(const struct rollup *rollups, size_t n, size_t begin)
{
    size_t end = begin + 1;

    while (end < n && rollups[end].n == rollups[begin].n) {
        end++;
    }
    return end;
}

void rollups_pack(const struct rollup *rollups, size_t n, struct buf *out)
{
    struct point *points = xcalloc(n * ROLLUP_FIELDS + 1, sizeof *points);
    size_t n_points = 0;

    for (size_t at = 0, end; at < n; at = end) {
        end = metric_end(rollups, n, at);
        for (int field = 0; field < ROLLUP_FIELDS; field++) {
            if (is_plain(rollups + at, end - at, (enum field)field)) {
                continue;
            }
            for (size_t i = at; i < end; i++) {
                points[n_points++] = (struct point){
                    rollups[i].n << FIELD_BITS | field, rollups[i].ms,
                    value_of(&rollups[i], (enum field)field)};
            }
        }
    }
    points_pack(points, n_points, out);
    free(points);
}

/* Reading. */

static void next_series(struct rollups_reader *reader)
{
    reader->has_series = points_next_series(&reader->pack, &reader->series);
    reader->bad = reader->bad || reader->pack.bad;
}

bool rollups_reader_init(struct rollups_reader *reader, const void *bytes,
                         size_t len)
{
    *reader = (struct rollups_reader){.has_series = false};
    if (!points_reader_init(&reader->pack, bytes, len)) {
        reader->bad = true;
        return false;
    }
    next_series(reader);
    return true;
}

bool rollups_next_metric(struct rollups_reader *reader)
{
    uint64_t first = (uint64_t)reader->series.n; /* of its first field */

    if (!reader->has_series) {
        return false;
    }
    if (first % (1 << FIELD_BITS) != FIELD_LAST) {
        reader->has_series = false;
        reader->bad = true;
        return false;
    }
    for (size_t i = 0; i < ROLLUP_FIELDS; i++) {
        reader->has[i] =
            reader->has_series && (uint64_t)reader->series.n == (first | i);
        if (reader->has[i]) {
            points_iter_init(&reader->fields[i], &reader->series);
            next_series(reader);
        }
    }
    reader->n = (int64_t)(first >> FIELD_BITS);
    return true;
}

/* A field's value at a time, or what it is when it was left out. */
static bool next_value(struct rollups_reader *reader, enum field field,
                       int64_t ms, double *value)
{
    struct point point;

    if (!reader->has[field]) {
        return true;
    }
    if (!points_next(&reader->fields[field], &point) || point.ms != ms) {
        reader->bad = true;
        return false;
    }
    *value = point.value;
    return true;
}

bool rollups_next(struct rollups_reader *reader, struct rollup *rollup)
{
    struct point last;
    double mean;
    double count = 1;

    if (!points_next(&reader->fields[FIELD_LAST], &last)) {
        reader->bad = reader->bad || reader->fields[FIELD_LAST].bad;
        return false;
    }
    *rollup = (struct rollup){.n = reader->n,
                              .ms = last.ms,
                              .min = last.value,
                              .max = last.value,
                              .last = last.value,
                              .last_ms = last.ms};
    mean = last.value;
    if (!next_value(reader, FIELD_MIN, last.ms, &rollup->min) ||
        !next_value(reader, FIELD_MEAN, last.ms, &mean) ||
        !next_value(reader, FIELD_MAX, last.ms, &rollup->max) ||
        !next_value(reader, FIELD_COUNT, last.ms, &count) ||
        !(count >= 1 && count <= COUNT_MAX)) {
        reader->bad = true;
        return false;
    }
    rollup->count = (int64_t)count;
    rollup->sum = mean * (double)rollup->count;
    return true;
}
