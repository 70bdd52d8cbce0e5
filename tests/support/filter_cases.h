/* SPDX-License-Identifier: Apache-2.0 */
/** The cases of the filter language, tests/cases/filter (README.md there). */
#ifndef HYP_TESTS_SUPPORT_FILTER_CASES_H
#define HYP_TESTS_SUPPORT_FILTER_CASES_H

#include <stdbool.h>

#include "common/doc/doc.h"
#include "common/filter/filter.h"

/** Borrowed for the call. */
struct filter_case {
    const char *file; /**< "arrays.json" */
    const char *name;
    const struct filter *filter;
    struct doc doc;
    bool want;
};

typedef void filter_case_fn(void *ctx, const struct filter_case *row);

/** Give every case of every file, below the folder that automake's srcdir
 *  names. Fails the running test when a file cannot be read or a case is not
 *  well formed; returns how many there were. */
size_t filter_cases_each(filter_case_fn *each, void *ctx);

#endif
