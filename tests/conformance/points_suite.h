/* SPDX-License-Identifier: Apache-2.0 */
/** What engine-perfdata does to points over days, on each store backend. */
#ifndef HYP_TESTS_POINTS_SUITE_H
#define HYP_TESTS_POINTS_SUITE_H

#include "tests/conformance/store_suite.h"

/** Number of failed tests. */
int points_suite_run(struct store_suite *suite);

/** The same for a store that begins with what tests/unit/common/store/
 *  perfdata-schema-1.sql holds. */
int points_suite_run_schema_1(struct store_suite *suite);

#endif
