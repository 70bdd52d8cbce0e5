/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Messages on their way to the broker: sent in order within a bound of
 * unconfirmed bytes, sent again after a lost connection, until each is
 * confirmed or nobody waits for it any more.
 */
#ifndef HYP_WEBSERVER_PUBLISHER_H
#define HYP_WEBSERVER_PUBLISHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/bus/bus.h"

enum {
    PUBLISHER_BYTES_MAX = 64 * 1024 * 1024 /* of what waits */
};

/** One who waits for its messages; embed it. */
struct publish_job {
    /** The item's message is confirmed (reason NULL) or refused by the
     *  broker. The job must not be abandoned from within. */
    void (*done)(struct publish_job *job, size_t item, const char *reason);
};

struct outgoing;
TAILQ_HEAD(outgoing_list, outgoing);

struct publisher {
    struct bus *bus; /* borrowed */
    bool up;
    bool blocked;
    char reason[128]; /* why the broker takes nothing */
    struct outgoing_list unsent;
    struct outgoing_list unconfirmed; /* in order of their numbers */
    size_t unconfirmed_bytes;
    size_t bytes; /* of all held */
    uint64_t n_confirmed, n_refused;
};

void publisher_init(struct publisher *publisher, struct bus *bus);
void publisher_fini(struct publisher *publisher);
/** Whether the broker takes messages now; why (may be NULL) says what not. */
bool publisher_ready(const struct publisher *publisher, struct errbuf *why);
/** Queue a message (copied). job is borrowed until done or abandoned; item is
 *  the caller's number. ERR_LIMIT: too much waits already. */
MUST_CHECK enum err publisher_send(struct publisher *publisher,
                                   const struct bus_message *message,
                                   struct publish_job *job, size_t item);
/** The job waits no longer: what is not sent yet is dropped. */
void publisher_abandon(struct publisher *publisher,
                       const struct publish_job *job);
/** Take an event of the bus; those of deliveries do not concern it. */
void publisher_event(struct publisher *publisher,
                     const struct bus_event *event);

#endif
