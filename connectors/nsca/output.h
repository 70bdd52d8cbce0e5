/* SPDX-License-Identifier: Apache-2.0 */
/** The output of a Nagios plugin, taken apart. Pure. */
#ifndef HYP_CONNECTORS_NSCA_OUTPUT_H
#define HYP_CONNECTORS_NSCA_OUTPUT_H

#include "common/base/buf.h"

/**
 * Append the parts of text, UTF-8: its first line up to "|"; the further lines
 * up to the next "|"; the performance data behind each "|", on one line. As in
 * Nagios, "\n" written out is the end of a line and "\\" a backslash.
 */
void output_split(const char *text, struct buf *output, struct buf *long_output,
                  struct buf *perf_data);

#endif
