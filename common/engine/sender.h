/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The sending side: messages in order, numbered for each target queue, sent
 * within a window, and sent again from the oldest unconfirmed after a nack,
 * a return or a lost connection, with the same numbers.
 */
#ifndef HYP_ENGINE_SENDER_H
#define HYP_ENGINE_SENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bus/bus.h"
#include "common/bus/envelope.h"
#include "common/bus/topology.h"

enum {
    SENDER_UNCONFIRMED_BYTES = 1024 * 1024, /* below the socket's buffer */
    SENDER_TARGETS_MAX = 256
};

struct sender;

/** name and epoch go into every envelope. */
struct sender *sender_new(const char *name);
void sender_free(struct sender *sender);
/** Numbers start at 1 again: call with the epoch, before the first message. */
void sender_set_epoch(struct sender *sender, uint64_t epoch);
/** Add a queue to write to; gives its number. */
size_t sender_add_target(struct sender *sender, const char *queue);
const char *sender_target_queue(const struct sender *sender, size_t target);
size_t sender_n_targets(const struct sender *sender);

/** Queue an envelope around finished contents (envelope_out_finish) for a
 *  target as part of a batch; it is sent after sender_release of that batch.
 *  outbox is its sequence there, 0: none. */
void sender_add_envelope(struct sender *sender, size_t target,
                         const struct buf *contents, uint64_t outbox,
                         uint64_t batch);
/** Queue any message (copied). outbox is its sequence there, 0: none. */
void sender_add_message(struct sender *sender,
                        const struct bus_message *message, uint64_t outbox,
                        uint64_t batch);
/** The batch is committed: what was queued for it (and before) may go. */
void sender_release(struct sender *sender);

/** Send one message if there is one and the window has room.
 *  ERR_OK: sent; ERR_NOT_FOUND: nothing to send now; ERR_UNAVAILABLE. */
MUST_CHECK enum err sender_step(struct sender *sender, struct bus *bus);
/** Tell what the bus told. */
void sender_confirmed(struct sender *sender, uint64_t number, bool multiple);
void sender_refused(struct sender *sender, uint64_t number);
void sender_lost(struct sender *sender);

/** Nothing waits to be sent or confirmed. */
bool sender_is_idle(const struct sender *sender);
/** The oldest batch with a message not confirmed; UINT64_MAX: none. */
uint64_t sender_oldest_batch(const struct sender *sender);
/** All outbox messages up to this sequence are confirmed (those queued so
 *  far); 0: none yet. */
uint64_t sender_outbox_confirmed(const struct sender *sender);
/** Mean bytes of a target's envelopes so far, to judge its queue's size. */
size_t sender_mean_bytes(const struct sender *sender, size_t target);

#endif
