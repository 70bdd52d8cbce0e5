/* SPDX-License-Identifier: Apache-2.0 */
/** A series drawn with block characters, with its axis. */
#include "cli/spark.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/table.h"

enum {
    LEVELS = 8,
    LABEL = 8
};

static const char *const blocks[LEVELS + 1] = {" ", "▁", "▂", "▃", "▄",
                                               "▅", "▆", "▇", "█"};

struct range {
    double min, max;
};

static struct range range_of(const double *values, size_t n)
{
    struct range range = {INFINITY, -INFINITY};

    for (size_t i = 0; i < n; i++) {
        if (!isnan(values[i])) {
            range.min = fmin(range.min, values[i]);
            range.max = fmax(range.max, values[i]);
        }
    }
    return range;
}

/* Eighths of a row that the value fills, of SPARK_ROWS * LEVELS; at least
 * one, so that a value is never a gap. */
static int level_of(double value, const struct range *range)
{
    double span = range->max - range->min;
    double share = span > 0 ? (value - range->min) / span : 0.5;
    int level = (int)lround(share * SPARK_ROWS * LEVELS);

    return level < 1 ? 1 : level;
}

static void add_label(struct buf *out, const char *text)
{
    size_t width = table_width(text);

    buf_addf(out, "%*s%s ", (int)(width < LABEL ? LABEL - width : 0), "", text);
}

static void add_number_label(struct buf *out, double number)
{
    struct buf label;

    buf_init(&label, 64);
    table_add_number(&label, number);
    add_label(out, buf_str(&label));
    buf_fini(&label);
}

static void add_row(struct buf *out, const double *values, size_t n, int row,
                    const struct range *range)
{
    int below = (SPARK_ROWS - 1 - row) * LEVELS;

    for (size_t i = 0; i < n; i++) {
        int level = isnan(values[i]) ? 0 : level_of(values[i], range) - below;

        buf_add_str(out, blocks[level < 0        ? 0
                                : level > LEVELS ? LEVELS
                                                 : level]);
    }
}

void spark_draw(const double *values, size_t n, struct buf *out)
{
    struct range range = range_of(values, n);

    for (int row = 0; row < SPARK_ROWS; row++) {
        if (row == 0) {
            add_number_label(out, range.max);
        } else if (row == SPARK_ROWS - 1) {
            add_number_label(out, range.min);
        } else {
            add_label(out, "");
        }
        buf_add_str(out, row == 0 ? "┐" : row == SPARK_ROWS - 1 ? "┘" : "│");
        add_row(out, values, n, row, &range);
        buf_add_char(out, '\n');
    }
}
