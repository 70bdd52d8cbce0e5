/* SPDX-License-Identifier: Apache-2.0 */
/** cmocka with what it needs before it, in the order it needs. */
#ifndef HYP_TESTS_SUPPORT_UNIT_H
#define HYP_TESTS_SUPPORT_UNIT_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#define N_ROWS(table) (sizeof(table) / sizeof((table)[0]))

#endif
