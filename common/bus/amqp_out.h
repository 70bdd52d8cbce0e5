/* SPDX-License-Identifier: Apache-2.0 */
/** The publishing side of an AMQP bus: publishes, confirms, returns. */
#ifndef HYP_BUS_AMQP_OUT_H
#define HYP_BUS_AMQP_OUT_H

#include "common/bus/amqp_link.h"
#include "common/bus/amqp_window.h"

/** A message that comes back, between its frames. */
struct amqp_return {
    bool active;
    uint64_t number; /**< known once its header has come */
    uint64_t left;   /**< bytes of body to come */
};

struct amqp_out {
    struct amqp_link link;
    char **declared;
    size_t n;
    bool blocked;
    bool corked;      /**< packets wait until the next flush */
    int64_t heard_ms; /**< when the kernel was asked about silence, */
    bool silent;      /**< and what it said */
    struct log_complaint blocking;
    struct amqp_window window;
    struct amqp_return returned;
    uint64_t refuse_to;  /**< all open up to it were nacked at once */
    int64_t refused_ms;  /**< the last refusal, and the first of those that */
    int64_t refusing_ms; /**< followed each other without a pause */
    char reason[LINK_REASON_MAX];
};

void amqp_out_fini(struct amqp_out *out);
void amqp_out_add(struct amqp_out *out, const char *queue);
/** Open the channels, declare what is written to; false: the link is lost. */
bool amqp_out_start(struct amqp_out *out);
/** Declare one queue; false: the link is lost. */
bool amqp_out_declare(struct amqp_out *out, const char *queue);
MUST_CHECK enum err amqp_out_publish(struct amqp_out *out,
                                     const struct bus_message *message,
                                     uint64_t *number);
/** What was published in a row need not wait for more. */
void amqp_out_flush(struct amqp_out *out);
/** Take a frame; true when it is an event. */
bool amqp_out_frame(struct amqp_out *out, const amqp_frame_t *frame,
                    struct bus_event *event);
/** The next of several refused at once; false when there is none. */
bool amqp_out_next_refused(struct amqp_out *out, struct bus_event *event);

#endif
