/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Buses of engines that share a process: what one sends to a queue that
 * another of them reads is handed over in memory, all else goes to the broker.
 * Such a message is confirmed to its sender when its reader has acknowledged
 * it, so that whoever keeps what it came from keeps it until all is done: the
 * queues in memory may be lost at any time.
 */
#ifndef HYP_BUS_BUS_LOCAL_H
#define HYP_BUS_BUS_LOCAL_H

#include "common/bus/bus.h"

/** Behind the name of a queue: what the other engines of the process send
 *  there. bus_consume of it makes the bus take that over from the broker. */
#define BUS_LOCAL_SUFFIX ".local"

/** Where the buses of a process meet. */
struct bus_hub;

struct bus_hub *bus_hub_new(void);
/** After the last of its buses is closed. */
void bus_hub_free(struct bus_hub *hub);
/** A bus of an engine in front of its connection to the broker. Borrows both;
 *  closing it leaves them. What it publishes to the queue that it reads itself
 *  goes to the broker. After BUS_IN_LOST what came in memory and is not
 *  acknowledged comes again, too. */
struct bus *bus_local_open(struct bus_hub *hub, struct bus *broker);
/** Whether bus_poll has something to tell that is here already. */
bool bus_local_has_news(const struct bus *bus);

#endif
