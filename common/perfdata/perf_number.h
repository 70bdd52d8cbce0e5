/* SPDX-License-Identifier: Apache-2.0 */
/** Numbers as plugins write them: shared by the parts of this folder only. */
#ifndef HYP_PERFDATA_PERF_NUMBER_H
#define HYP_PERFDATA_PERF_NUMBER_H

#include <stddef.h>

/** Read the finite number at the start of text; a comma is a decimal point.
 *  Returns its length, 0 when there is none (then *out is not set). */
size_t perf_scan_number(const char *text, double *out);

#endif
