/* SPDX-License-Identifier: Apache-2.0 */
/** A metric's values by minute, wherever they come from. */
#include "tests/support/minutes.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/mem.h"

struct list {
    struct rollup *rollups;
    size_t n;
};

static bool take(void *ctx, const struct rollup *rollup)
{
    struct list *list = ctx;

    list->rollups =
        xrealloc_array(list->rollups, list->n + 1, sizeof *list->rollups);
    list->rollups[list->n] = *rollup;
    list->rollups[list->n++].ms = rollup_begin_ms(rollup->ms, POINTS_MINUTE_MS);
    return true;
}

static int compare(const void *a, const void *b)
{
    int64_t left = ((const struct rollup *)a)->ms;
    int64_t right = ((const struct rollup *)b)->ms;

    return (left > right) - (left < right);
}

static void give(struct list *list, rollup_each_fn *each, void *ctx)
{
    size_t i = 0;

    if (list->n > 0) {
        qsort(list->rollups, list->n, sizeof *list->rollups, compare);
    }
    while (i < list->n) {
        struct rollup *minute = &list->rollups[i++];

        while (i < list->n && list->rollups[i].ms == minute->ms) {
            rollup_merge(minute, &list->rollups[i++]);
        }
        if (!each(ctx, minute)) {
            return;
        }
    }
}

enum err minutes_read(struct store *store, struct doc metric,
                      rollup_each_fn *each, void *ctx, struct errbuf *why)
{
    struct rollup_query query = {.points = {.to_ms = INT64_MAX},
                                 .tier = POINTS_MINUTES,
                                 .min = doc_f64(metric, "min", (double)NAN)};
    struct list list = {.n = 0};
    int64_t was[POINTS_SPACES];
    enum err err;

    points_query_numbers(&query.points, metric, was);
    (void)!perf_type_parse(doc_str(metric, "type", "GAUGE"), &query.type);
    err = rollups_read(store, &query, take, &list, why);
    if (err == ERR_OK) {
        give(&list, each, ctx);
    }
    free(list.rollups);
    return err;
}
