/* SPDX-License-Identifier: Apache-2.0 */
/** Times of the week, as a clock on the wall of some place shows them. Pure
 *  once the zone is open. */
#ifndef HYP_CALENDAR_WEEK_H
#define HYP_CALENDAR_WEEK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/zone.h"

enum {
    WEEK_TEXT_MAX = 64 /* bytes of one span */
};

struct week;

/** A week of which nothing is in yet; takes zone (NULL: UTC). */
struct week *week_new(struct zone *zone);
void week_free(struct week *week);
/**
 * Put in (or take out) the minutes of a span: "mon-fri 08:00-18:00",
 * "sat,sun", "22:00-06:00". Without days it is every day's, without times the
 * whole day. One that ends before it begins ends on the next day. The last
 * day, and the last minute "24:00", are included as people mean it.
 * ERR_INVALID with what was expected.
 */
MUST_CHECK enum err week_change(struct week *week, const char *span, bool in,
                                struct errbuf *why);
/** All of it is in. */
void week_fill(struct week *week);
/** Whether the moment's minute is in. */
bool week_covers(const struct week *week, int64_t ms);

#endif
