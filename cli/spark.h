/* SPDX-License-Identifier: Apache-2.0 */
/** A series drawn with block characters, with its axis. Pure. */
#ifndef HYP_CLI_SPARK_H
#define HYP_CLI_SPARK_H

#include <stddef.h>

#include "common/base/buf.h"

enum {
    SPARK_ROWS = 4,
    SPARK_WIDTH_MAX = 400
};

/** Append SPARK_ROWS lines, one column a value; NaN leaves a gap. The first
 *  and last line carry the greatest and the least value. */
void spark_draw(const double *values, size_t n, struct buf *out);

#endif
