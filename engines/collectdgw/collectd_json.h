/* SPDX-License-Identifier: Apache-2.0 */
/** collectd's JSON form: an array of value lists. */
#ifndef HYP_COLLECTDGW_COLLECTD_JSON_H
#define HYP_COLLECTDGW_COLLECTD_JSON_H

#include "common/collectd/values.h"

/**
 * Read one message of len bytes: an array of value lists, or one alone. Each
 * bad list is refused by itself, with what was expected; text that is not
 * JSON is refused as a whole, with line and column.
 */
void collectd_json_parse(struct values_maker *maker, const char *text,
                         size_t len, int64_t received_ms,
                         const struct values_sink *sink);

#endif
