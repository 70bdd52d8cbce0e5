/* SPDX-License-Identifier: Apache-2.0 */
/** A bus in front of another: asks before each call that others may notice. */
#ifndef HYP_SIM_WATCH_H
#define HYP_SIM_WATCH_H

#include "common/bus/bus.h"

/** What a process does to the world outside. */
enum watch_act {
    WATCH_READ, /**< a store's call but for commits; also the fence's rise */
    WATCH_COMMIT,
    WATCH_PUBLISH,
    WATCH_ACK,
    WATCH_PROVE,
    WATCH_ACTS
};

/** Asked before each act of the bus: false, and the call does nothing and
 *  fails. */
typedef bool watch_fn(void *ctx, enum watch_act act);

/** Borrows real; a handle to be closed with bus_close, real stays open. */
struct bus *watch_open(struct bus *real, watch_fn *allows, void *ctx);

#endif
