/* SPDX-License-Identifier: Apache-2.0 */
/** When each host was last said to be alive: once an interval is enough. */
#ifndef HYP_COLLECTD_ALIVE_H
#define HYP_COLLECTD_ALIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/map.h"
#include "common/event/event.h"

struct alive {
    struct map hosts;
    size_t most;
    int64_t sweep_ms; /**< when room may be made again */
};

/** Remember at most `most` hosts. */
void alive_init(struct alive *alive, size_t most);
void alive_fini(struct alive *alive);
/**
 * Whether it is time to say so again: the host is new, or an interval has
 * passed since, or its clock jumped back by more than one. Counts as said.
 * A new host is refused (false) while there is no room: hosts not heard of
 * for a day leave.
 */
bool alive_is_due(struct alive *alive, const char *host, int64_t now_ms,
                  int64_t interval_ms);
/** The check that says so, of the host that values are of: it turns to "no
 *  events" when three intervals pass without one. interval_ms counts when the
 *  values do not tell theirs. False: not due. event borrows from values. */
bool alive_check(struct alive *alive, const struct event *values,
                 int64_t interval_ms, struct event *event);

#endif
