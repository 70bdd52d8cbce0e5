/* SPDX-License-Identifier: Apache-2.0 */
/** Numbers of metrics: none twice, whatever partitions give them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engines/perfdata/metric.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    PER_TABLE = 20
};

static const struct {
    const char *name;
    int64_t last_n; /* of the rows loaded */
    int64_t parts;
} rows[] = {
    {"no partitions", 0, 0},
    {"one", 7, 1},
    {"two from nothing", 0, 2},
    {"four from nothing", 0, 4},
    {"four behind one that was", 9, 4},
    {"three", 10, 3},
};

static int64_t add_one(struct metrics_table *table, int i)
{
    const struct perf_item item = {.metric = "m",
                                   .type = PERF_GAUGE,
                                   .min = (double)NAN,
                                   .max = (double)NAN};
    char id[32];

    (void)snprintf(id, sizeof id, "e/%d", i);
    return metrics_table_add(table, id, 1, &item)->n;
}

static void test_numbers(void **state)
{
    (void)state;
    for (size_t r = 0; r < N_ROWS(rows); r++) {
        bool seen[1024] = {false};
        int64_t parts = rows[r].parts > 0 ? rows[r].parts : 1;

        for (int64_t part = 0; part < parts; part++) {
            struct metrics_table table;

            metrics_table_init(&table);
            table.last_n = rows[r].last_n;
            table.part = part;
            table.parts = rows[r].parts;
            for (int i = 0; i < PER_TABLE; i++) {
                int64_t n = add_one(&table, i);

                if (n <= rows[r].last_n || n >= 1024 || seen[n]) {
                    fail_msg("%s: partition %d gave %d", rows[r].name,
                             (int)part, (int)n);
                }
                seen[n] = true;
            }
            metrics_table_fini(&table);
        }
    }
}

int main(void)
{
    static const struct row_table tables[] = {
        ROW_SINGLE(test_numbers),
    };

    return rows_run("metric", tables, N_ROWS(tables));
}
