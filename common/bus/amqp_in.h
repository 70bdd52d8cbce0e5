/* SPDX-License-Identifier: Apache-2.0 */
/** The consuming side of an AMQP bus: a channel for each queue. */
#ifndef HYP_BUS_AMQP_IN_H
#define HYP_BUS_AMQP_IN_H

#include "common/base/buf.h"
#include "common/bus/amqp_link.h"

/** A short string of the wire, as C text. */
struct amqp_text {
    char text[BUS_TEXT_MAX + 1];
};

enum amqp_phase {
    PHASE_METHOD,
    PHASE_HEADER,
    PHASE_BODY
};

/** One consumed queue: channel number + 1. */
struct amqp_channel {
    char *queue;
    int prefetch;
    enum amqp_phase phase; /**< what the next frame must be */
    struct bus_delivery delivery;
    struct amqp_text exchange;
    struct amqp_text routing_key;
    struct amqp_text content_type;
    struct amqp_text message_id;
    struct amqp_text user_id;
    size_t received;
    struct buf body; /**< of a message in several frames */
};

struct amqp_in {
    struct amqp_link link;
    struct amqp_channel **channels;
    size_t n;
    amqp_channel_t lent; /**< whose buffers a delivery borrows; 0: none */
    size_t message_bytes;
};

/** Borrows queue's text only during the call; gives its number. */
size_t amqp_in_add(struct amqp_in *in, const char *queue, int prefetch);
void amqp_in_fini(struct amqp_in *in);
/** Open the channel, declare, consume; false: the link is lost. */
bool amqp_in_start(struct amqp_in *in, size_t number);
/** Take a frame; true when it completes a delivery. */
bool amqp_in_frame(struct amqp_in *in, const amqp_frame_t *frame,
                   struct bus_event *event);
/** The delivery lent last is no longer needed. */
void amqp_in_release(struct amqp_in *in);
/** Set the prefetch again: a round trip. */
bool amqp_in_qos(struct amqp_in *in, size_t number);

/** Declare a queue with its bindings on a channel; false: link lost. */
bool amqp_declare_queue(struct amqp_link *link, amqp_channel_t channel,
                        const char *queue);
/** Declare every exchange of the topology. */
bool amqp_declare_exchanges(struct amqp_link *link, amqp_channel_t channel);
/** How a queue is: a round trip on a channel of its own.
 *  ERR_NOT_FOUND: no such queue; ERR_UNAVAILABLE: the link is lost. */
MUST_CHECK enum err amqp_ask_queue(struct amqp_link *link, const char *queue,
                                   struct bus_queue_state *state);
/** Delete a queue; true too when there is none, false: the link is lost. */
bool amqp_remove_queue(struct amqp_link *link, const char *queue);
bool amqp_open_channel(struct amqp_link *link, amqp_channel_t channel);

#endif
