/* SPDX-License-Identifier: Apache-2.0 */
/** Any bytes as a pack of points, alone, twice over, and as one of roll-ups:
 *  reading ends, and what is sound comes back from a pack of its own. */
#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/mem.h"
#include "common/perfdata/points_union.h"
#include "common/perfdata/rollup.h"
#include "tests/fuzz/fuzz.h"

enum {
    POINTS_MOST = 20000,
    PACK_MAX = 16 * 1024 * 1024
};

/* As a reader that collects does: with a limit of its own. */
static void read_plainly(const uint8_t *data, size_t size)
{
    struct points_reader reader;
    struct points_series series;
    struct points_iter iter;
    struct point point;
    size_t left = POINTS_MOST;

    (void)points_reader_init(&reader, data, size);
    while (points_next_series(&reader, &series)) {
        BUG_IF(series.at < data || series.end > data + size);
        points_iter_init(&iter, &series);
        while (left > 0 && points_next(&iter, &point)) {
            BUG_IF(point.n != series.n);
            left--;
        }
    }
}

static void read_rollups(const uint8_t *data, size_t size)
{
    struct rollups_reader reader;
    struct rollup rollup;
    size_t left = POINTS_MOST;

    (void)rollups_reader_init(&reader, data, size);
    while (rollups_next_metric(&reader)) {
        while (left > 0 && rollups_next(&reader, &rollup)) {
            BUG_IF(rollup.count < 1 || rollup.n != reader.n);
            left--;
        }
    }
}

/* Points of a union, at most POINTS_MOST. */
static size_t collect(struct points_union *all, struct point *points)
{
    size_t n = 0;
    int64_t number;

    while (points_union_next_series(all, &number)) {
        while (n < POINTS_MOST && points_union_next(all, &points[n])) {
            BUG_IF(points[n].n != number);
            n++;
        }
    }
    return n;
}

static bool same(const struct point *a, const struct point *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (a[i].n != b[i].n || a[i].ms != b[i].ms ||
            memcmp(&a[i].value, &b[i].value, sizeof a[i].value) != 0) {
            return false;
        }
    }
    return true;
}

/* What was read, sorted and packed, is read again; beside itself it is the
 * same. */
static void go_round(struct point *points, size_t n)
{
    struct point *back = xcalloc(POINTS_MOST + 1, sizeof *back);
    struct points_union all;
    struct buf pack;

    n = points_sort(points, n);
    buf_init(&pack, PACK_MAX);
    points_pack(points, n, &pack);
    points_union_init(&all);
    BUG_IF(!points_union_add(&all, pack.data, pack.len));
    BUG_IF(!points_union_add(&all, pack.data, pack.len));
    BUG_IF(collect(&all, back) != n || !same(points, back, n));
    points_union_fini(&all);
    buf_fini(&pack);
    free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct points_union all;

    read_plainly(data, size);
    read_rollups(data, size);
    points_union_init(&all);
    if (points_union_add(&all, data, size)) {
        struct point *points = xcalloc(POINTS_MOST + 1, sizeof *points);

        go_round(points, collect(&all, points));
        free(points);
    }
    points_union_fini(&all);
    return 0;
}
