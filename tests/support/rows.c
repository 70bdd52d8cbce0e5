/* SPDX-License-Identifier: Apache-2.0 */
/** Tables of cases as cmocka tests. */
#include "tests/support/rows.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "tests/support/testlog.h"
#include "tests/support/unit.h"

static char *name_of(const struct row_table *table, const char *row)
{
    const char *const *name = (const void *)row;

    return row != NULL ? xasprintf("%s: %s", table->name, *name)
                       : xstrdup(table->name);
}

static struct CMUnitTest test_of(const struct row_table *table, size_t i)
{
    const char *row = table->rows;
    /* cmocka hands the state on as void *; no body writes through it. */
    union {
        const char *from;
        void *to;
    } state = {.from = row != NULL ? row + i * table->size : NULL};

    return (struct CMUnitTest){.name = name_of(table, state.from),
                               .test_func = table->check,
                               .setup_func = testlog_setup,
                               .teardown_func = testlog_teardown,
                               .initial_state = state.to};
}

int rows_run(const char *group, const struct row_table *tables, size_t n)
{
    struct CMUnitTest *tests = NULL;
    size_t n_tests = 0;
    int failed;

    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < tables[i].n; j++) {
            tests = xrealloc_array(tests, n_tests + 1, sizeof *tests);
            tests[n_tests++] = test_of(&tables[i], j);
        }
    }
    failed = _cmocka_run_group_tests(group, tests, n_tests, NULL, NULL);
    for (size_t i = 0; i < n_tests; i++) {
        union {
            const char *from;
            void *to;
        } name = {.from = tests[i].name};

        free(name.to);
    }
    free(tests);
    return failed;
}
