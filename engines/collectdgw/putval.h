/* SPDX-License-Identifier: Apache-2.0 */
/** collectd's text form: PUTVAL host/plugin/type interval=10 time:value. */
#ifndef HYP_COLLECTDGW_PUTVAL_H
#define HYP_COLLECTDGW_PUTVAL_H

#include "common/collectd/values.h"

/**
 * Read the lines of one message of len bytes. Empty lines and lines that
 * start with # count for nothing; a bad line is refused by itself, with its
 * number and what was expected.
 */
void putval_parse(struct values_maker *maker, const char *text, size_t len,
                  int64_t received_ms, const struct values_sink *sink);

#endif
