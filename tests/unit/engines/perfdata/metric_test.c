/* SPDX-License-Identifier: Apache-2.0 */
/** Numbers of metrics: each partition gives those of its own space, once. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/points/points_key.h"
#include "engines/perfdata/metric.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    PER_TABLE = 20
};

static const struct {
    const char *name;
    int64_t space;
    int64_t n_before; /* metrics it had when it was loaded */
} rows[] = {
    {"the first of no partitions", 0, 0},
    {"behind seven", 0, 7},
    {"another partition", 1, 0},
    {"the last partition, behind ten", POINTS_SPACES - 1, 10},
};

static struct metric *add_one(struct metrics_table *table, int64_t i)
{
    const struct perf_item item = {.metric = "m",
                                   .type = PERF_GAUGE,
                                   .min = (double)NAN,
                                   .max = (double)NAN};
    char id[32];

    (void)snprintf(id, sizeof id, "e/%d", (int)i);
    return metrics_table_add(table, id, 1, &item);
}

/* A table that has loaded what another wrote goes on behind it. */
static void load_copy(struct metrics_table *copy,
                      const struct metrics_table *from, int64_t n)
{
    struct doc_out *out = doc_out_new();

    for (int64_t i = 0; i < n; i++) {
        char id[32];

        (void)snprintf(id, sizeof id, "e/%d", (int)i);
        doc_out_reset(out);
        metric_to_doc(metrics_table_find(from, id, strlen(id)), out);
        assert_true(metrics_table_load(copy, doc_out_done(out)));
    }
    doc_out_free(out);
}

static void test_numbers(void **state)
{
    (void)state;
    for (size_t r = 0; r < N_ROWS(rows); r++) {
        struct metrics_table before;
        struct metrics_table table;

        metrics_table_init(&before, rows[r].space);
        for (int64_t i = 0; i < rows[r].n_before; i++) {
            (void)add_one(&before, i);
        }
        metrics_table_init(&table, rows[r].space);
        load_copy(&table, &before, rows[r].n_before);
        for (int64_t i = rows[r].n_before; i < PER_TABLE; i++) {
            struct metric *metric = add_one(&table, i);

            if (metric->newest.n != points_number(rows[r].space, i + 1) ||
                metrics_table_of_number(&table, metric->newest.n) != metric) {
                fail_msg("%s: metric %d got %lld", rows[r].name, (int)i,
                         (long long)metric->newest.n);
            }
        }
        metrics_table_fini(&table);
        metrics_table_fini(&before);
    }
}

int main(void)
{
    static const struct row_table tables[] = {
        ROW_SINGLE(test_numbers),
    };

    return rows_run("metric", tables, N_ROWS(tables));
}
