/* SPDX-License-Identifier: Apache-2.0 */
/** When each host was last said to be alive, and for how long that holds. */
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
/** That a host's values came. */
struct alive_heard {
    const char *host;
    int64_t time_ms; /**< the host's own, of the values */
    int64_t interval_ms;
    uint64_t packet; /**< number of what they came in; 0: came alone */
};

/**
 * For how long to count on the host (ms) when it is time to say that it is
 * alive: it is new, or an interval has passed since, or its clock jumped back
 * by more than one, or what was said last was too short. 0: not yet; else
 * counts as said. Three intervals; collectd sends a packet only when it is
 * full, so the time between the first and the last values of a packet is
 * added to the interval (an hour at most).
 * A new host is refused (0) while there is no room: hosts not heard of for a
 * day leave.
 */
int64_t alive_say(struct alive *alive, const struct alive_heard *heard);
/** The check that says so, of the host that values are of, with that time as
 *  its ttl. interval_ms counts when the values do not tell theirs; packet as
 *  above. False: not yet. event borrows from values. */
bool alive_check(struct alive *alive, const struct event *values,
                 int64_t interval_ms, uint64_t packet, struct event *event);

#endif
