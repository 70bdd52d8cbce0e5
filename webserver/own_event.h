/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the webserver tells of itself and of its machine, as an event: the
 * processes that it expects, and the disk. Nobody else looks at all of them.
 */
#ifndef HYP_WEBSERVER_OWN_EVENT_H
#define HYP_WEBSERVER_OWN_EVENT_H

#include <stdint.h>

struct server;

/** Zeroed before the first look. */
struct own_event {
    int64_t told_ms; /**< by the steady clock, as all here; 0: not yet */
    int told_state;
    int64_t missed_ms; /**< since when a process is not ready; 0: all are */
    uint64_t told_requests;
};

/** Look, about once a second, and publish when the interval has passed or it
 *  got worse. A broker that takes nothing is told nothing. */
void own_event_look(struct server *server, int64_t now_ms);

#endif
