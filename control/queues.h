/* SPDX-License-Identifier: Apache-2.0 */
/** The suite's queues, looked after while no engine runs. */
#ifndef HYP_CONTROL_QUEUES_H
#define HYP_CONTROL_QUEUES_H

#include "common/bus/bus.h"
#include "common/bus/topology.h"
#include "control/suite.h"

struct queues;

/** Connect to the broker of amqp.conf. ERR_INVALID; ERR_UNAVAILABLE. */
MUST_CHECK enum err queues_open(const struct suite *suite, struct queues **out,
                                struct errbuf *why);
void queues_close(struct queues *queues);
/** One that is not there is empty. ERR_UNAVAILABLE. */
MUST_CHECK enum err queues_look(struct queues *queues, const char *name,
                                struct bus_queue_state *state,
                                struct errbuf *why);
/** Delete it. ERR_CONFLICT: it is not empty, or somebody reads it. */
MUST_CHECK enum err queues_remove(struct queues *queues, const char *name,
                                  struct errbuf *why);

/** Where a message goes: the queue's name into out. What goes wrong ends the
 *  move; the message stays. */
typedef enum err queues_route_fn(void *ctx, const struct bus_delivery *delivery,
                                 char out[BUS_NAME_MAX + 1],
                                 struct errbuf *why);

/** Take every message that is in a queue to where it belongs. Each is
 *  acknowledged when the broker has confirmed its copy: after a kill some go
 *  twice. ERR_UNAVAILABLE. */
MUST_CHECK enum err queues_move(struct queues *queues, const char *from,
                                queues_route_fn *route, void *ctx,
                                struct errbuf *why);

#endif
