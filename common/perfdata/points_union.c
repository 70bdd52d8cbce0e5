/* SPDX-License-Identifier: Apache-2.0 */
/** Several packs of points read as one. */
#include "common/perfdata/points_union.h"

#include <stdlib.h>

#include "common/base/mem.h"

enum {
    SOURCES_FIRST = 16
};

struct points_union_source {
    struct points_reader reader;
    struct points_series series; /* the next */
    bool has_series;
    struct points_iter iter; /* of the metric under way */
    struct point point;
    bool has_point;
};

void points_union_init(struct points_union *all)
{
    *all = (struct points_union){.sources = NULL};
}

void points_union_fini(struct points_union *all)
{
    free(all->sources);
    free(all->live);
    points_union_init(all);
}

/* Looked through once, so that who rewrites packs loses nothing half way. */
static bool is_sound(struct points_reader reader)
{
    struct points_series series;
    struct points_iter iter;
    struct point point;
    uint64_t left = POINTS_UNION_MAX;

    while (points_next_series(&reader, &series)) {
        if (series.count > left) {
            return false;
        }
        left -= series.count;
        points_iter_init(&iter, &series);
        while (points_next(&iter, &point)) {
        }
        if (iter.bad) {
            return false;
        }
    }
    return !reader.bad;
}

static void next_series(struct points_union_source *source)
{
    source->has_series = points_next_series(&source->reader, &source->series);
}

bool points_union_add(struct points_union *all, const void *bytes, size_t len)
{
    struct points_union_source source = {.has_series = false};

    if (!points_reader_init(&source.reader, bytes, len) ||
        !is_sound(source.reader)) {
        return false;
    }
    next_series(&source);
    if (all->n == all->cap) {
        all->cap = all->cap > 0 ? all->cap * 2 : SOURCES_FIRST;
        all->sources =
            xrealloc_array(all->sources, all->cap, sizeof *all->sources);
        all->live = xrealloc_array(all->live, all->cap, sizeof(void *));
    }
    all->sources[all->n++] = source;
    all->n_live = 0;
    return true;
}

bool points_union_next_series(struct points_union *all, int64_t *n)
{
    bool any = false;

    for (size_t i = 0; i < all->n; i++) {
        const struct points_union_source *source = &all->sources[i];

        if (source->has_series && (!any || source->series.n < *n)) {
            *n = source->series.n;
            any = true;
        }
    }
    all->n_live = 0;
    for (size_t i = 0; any && i < all->n; i++) {
        struct points_union_source *source = &all->sources[i];

        if (source->has_series && source->series.n == *n) {
            points_iter_init(&source->iter, &source->series);
            next_series(source);
            source->has_point = points_next(&source->iter, &source->point);
            all->live[all->n_live++] = source;
        }
    }
    return any;
}

bool points_union_next(struct points_union *all, struct point *point)
{
    bool any = false;

    for (size_t i = 0; i < all->n_live; i++) {
        const struct points_union_source *source = all->live[i];

        if (source->has_point && (!any || source->point.ms <= point->ms)) {
            *point = source->point;
            any = true;
        }
    }
    for (size_t i = 0; any && i < all->n_live; i++) {
        struct points_union_source *source = all->live[i];

        while (source->has_point && source->point.ms == point->ms) {
            source->has_point = points_next(&source->iter, &source->point);
        }
    }
    return any;
}
