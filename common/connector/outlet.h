/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The way out of a source of events: each message is kept in a spool on disk
 * before it is sent, and until the broker confirms it, so that neither an
 * outage of the broker nor the end of the process loses or reorders any. What
 * the broker confirms within moments never reaches the disk for good.
 */
#ifndef HYP_CONNECTOR_OUTLET_H
#define HYP_CONNECTOR_OUTLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/bus/bus.h"
#include "common/bus/spool.h"

enum {
    OUTLET_WINDOW_BYTES = 1024 * 1024, /**< unconfirmed at the broker */
    OUTLET_MEMORY_BYTES = 8 * 1024 * 1024,
    OUTLET_SYNC_MS = 1000, /**< what waits for longer is on the disk */
    OUTLET_WHY_MAX = 256,
    OUTLET_ID_MAX = 200
};

struct outlet;

struct outlet_message {
    const char *routing_key; /**< at most BUS_TEXT_MAX bytes */
    const char *message_id; /**< at most OUTLET_ID_MAX bytes; NULL: made here */
    int64_t received_ms;
    const void *body;
    size_t len;
};

struct outlet_state {
    uint64_t waiting;  /**< messages not confirmed */
    int64_t bytes;     /**< that the spool takes on disk */
    int64_t oldest_ms; /**< when the oldest of these came; 0: none waits */
    bool ready;        /**< the broker takes messages */
    bool full;         /**< the last message could not be kept */
    char why[OUTLET_WHY_MAX]; /**< not ready or full: what a person is told */
    uint64_t confirmed;
    uint64_t refused;   /**< by the broker; they were sent again */
    uint64_t unspooled; /**< sent without being on disk: it refused them */
    uint64_t lost;      /**< records that the disk spoilt */
};

/**
 * bus, spool  borrowed; the bus's events go to outlet_event.
 * exchange    full name; copied.
 * What the spool holds from before is sent first.
 */
struct outlet *outlet_new(struct bus *bus, struct spool *spool,
                          const char *exchange);
void outlet_free(struct outlet *outlet);

/**
 * Keep a message (copied) and send it when its turn comes.
 * Returns ERR_OK; ERR_LIMIT (the spool is full) or ERR_UNAVAILABLE (the disk
 * refuses and the broker takes nothing), with why: hold the source back.
 */
MUST_CHECK enum err outlet_add(struct outlet *outlet,
                               const struct outlet_message *message,
                               struct errbuf *why);
/** Send what the broker takes; call it after events and additions. */
void outlet_pump(struct outlet *outlet, int64_t mono_ms);
/** Take an event of the bus; those of deliveries do not concern it. */
void outlet_event(struct outlet *outlet, const struct bus_event *event,
                  int64_t mono_ms);
/** Nothing waits. */
bool outlet_is_idle(const struct outlet *outlet);
void outlet_get_state(const struct outlet *outlet, struct outlet_state *state);

#endif
