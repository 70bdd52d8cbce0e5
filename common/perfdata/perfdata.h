/* SPDX-License-Identifier: Apache-2.0 */
/** Performance data: Nagios strings and perf_data_array items, one form. */
#ifndef HYP_PERFDATA_PERFDATA_H
#define HYP_PERFDATA_PERFDATA_H

#include <stddef.h>

#include "common/base/err.h"
#include "common/doc/doc.h"

enum {
    PERF_METRIC_MAX = 256,
    PERF_UNIT_MAX = 32,
    PERF_RANGE_MAX = 64
};

enum perf_type {
    PERF_GAUGE,
    PERF_COUNTER,
    PERF_DERIVE,
    PERF_ABSOLUTE
};

/** One value of one metric. min and max are NaN when absent. */
struct perf_item {
    char metric[PERF_METRIC_MAX + 1];
    char unit[PERF_UNIT_MAX + 1];
    enum perf_type type;
    double value; /**< finite */
    double min;
    double max;
    char warn[PERF_RANGE_MAX + 1]; /**< Nagios range as written; "" absent */
    char crit[PERF_RANGE_MAX + 1];
};

typedef void perf_item_fn(void *ctx, const struct perf_item *item);
typedef void perf_refused_fn(void *ctx, const char *metric,
                             const struct errbuf *why);

/** Parse a Nagios perfdata string ("'a b'=1.5ms;10;20;0;100 c=1,5%"). Each
 *  metric gives one call; a bad one is refused by itself, the rest goes on.
 *  A comma is taken as decimal point; unit "c" makes a COUNTER; "U" as a
 *  value is skipped (unknown, neither stored nor refused); name[unit] is
 *  split when the value has no unit. A min or max that is no number and a
 *  range that is too long count as absent. text is UTF-8; the calls borrow. */
void perfdata_parse(const char *text, perf_item_fn *item,
                    perf_refused_fn *refused, void *ctx);
/** Read one element of perf_data_array. ERR_INVALID names the field. */
MUST_CHECK enum err perf_item_from_doc(struct doc doc, struct perf_item *item,
                                       struct errbuf *why);
/** Write one as a document with {metric, value, unit, type, min, max, warn,
 *  crit}, absent ones left out. The document is open already. */
void perf_item_add_members(const struct perf_item *item, struct doc_out *out);
const char *perf_type_name(enum perf_type type);
MUST_CHECK enum err perf_type_parse(const char *name, enum perf_type *type);
/** Whether a value alerts in a Nagios range ("10", "5:10", "~:0", "@1:2");
 *  ERR_INVALID when the range is none. */
MUST_CHECK enum err perf_range_alerts(const char *range, double value,
                                      bool *alerts);

#endif
