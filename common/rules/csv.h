/* SPDX-License-Identifier: Apache-2.0 */
/** Text of separated cells (RFC 4180), read in its place. */
#ifndef HYP_RULES_CSV_H
#define HYP_RULES_CSV_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

struct csv {
    char *at; /* changed as it is read; NUL at its end */
    size_t line;
    size_t begun; /* line that the last row began on */
};

/* text is changed: cells are made plain in their places. */
void csv_init(struct csv *csv, char *text);
/**
 * The next row that is not blank: *n of its cells, which borrow from the text,
 * *n is 0 at the end.
 * Returns ERR_OK; ERR_INVALID: a quote that is not closed, or more than most
 * cells; why tells the line.
 */
MUST_CHECK enum err csv_next(struct csv *csv, const char **cells, size_t most,
                             size_t *n, struct errbuf *why);

#endif
