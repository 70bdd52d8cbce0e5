/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Tables of cases: each row becomes a cmocka test of its own, under the row's
 * name, with log capture (testlog.h) around it.
 */
#ifndef HYP_TESTS_ROWS_H
#define HYP_TESTS_ROWS_H

#include <stddef.h>

/** One table and the body that checks a row of it, which gets the row's
 *  address as *state. A row begins with a member "const char *name". */
struct row_table {
    const void *rows; /**< NULL: a single test without a row */
    size_t n;
    size_t size; /**< bytes of a row */
    void (*check)(void **state);
    const char *name; /**< of the table, in front of the row's */
};

#define ROWS(table, check)                                                     \
    {                                                                          \
        (table), sizeof(table) / sizeof(table)[0], sizeof(table)[0], (check),  \
            #table                                                             \
    }
#define ROW_SINGLE(check)                                                      \
    {                                                                          \
        NULL, 1, 0, (check), #check                                            \
    }

/** Run all rows of all tables; returns what main() returns. */
int rows_run(const char *group, const struct row_table *tables, size_t n);

#endif
