/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Log capture for tests: a warning or error that nobody expected fails the
 * test, and so does an expected one that never came.
 */
#ifndef HYP_TESTS_TESTLOG_H
#define HYP_TESTS_TESTLOG_H

#include <stddef.h>

/** Begin to capture, forgetting what was captured and expected before. */
void testlog_start(void);
/** A warning or error of this id (literal) must come, once or more. */
void testlog_expect(const char *id);
/** Lines of this id so far, whatever their level. */
size_t testlog_count(const char *id);
/** The text of the newest line of this id; "" when there is none. */
const char *testlog_text(const char *id);
/** End: 0, or -1 after printing what was unexpected or never came. */
int testlog_stop(void);

/** From here on nothing is printed nor kept: for a program whose failures tell
 *  all there is, or that logs on purpose what is far too much. */
void testlog_mute(void);

/** As setup and teardown of cmocka_unit_test_setup_teardown(). */
int testlog_setup(void **state);
int testlog_teardown(void **state);

#endif
