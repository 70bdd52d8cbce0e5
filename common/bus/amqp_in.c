/* SPDX-License-Identifier: Apache-2.0 */
/** The consuming side of an AMQP bus: frames become deliveries. */
#include "common/bus/amqp_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/bus/topology.h"

size_t amqp_in_add(struct amqp_in *in, const char *queue, int prefetch)
{
    struct amqp_channel *channel = xcalloc(1, sizeof *channel);

    channel->queue = xstrdup(queue);
    channel->prefetch = prefetch;
    buf_init(&channel->body, in->message_bytes > BUS_HEAD_MAX
                                 ? in->message_bytes
                                 : BUS_HEAD_MAX);
    in->channels =
        xrealloc_array(in->channels, in->n + 1, sizeof(struct amqp_channel *));
    in->channels[in->n] = channel;
    return in->n++;
}

void amqp_in_fini(struct amqp_in *in)
{
    amqp_link_fini(&in->link);
    for (size_t i = 0; i < in->n; i++) {
        buf_fini(&in->channels[i]->body);
        free(in->channels[i]->queue);
        free(in->channels[i]);
    }
    free(in->channels);
}

static amqp_channel_t channel_of(size_t number)
{
    return (amqp_channel_t)(number + 1);
}

bool amqp_in_qos(struct amqp_in *in, size_t number)
{
    (void)amqp_basic_qos(in->link.conn, channel_of(number), 0,
                         (uint16_t)in->channels[number]->prefetch, 0);
    return amqp_link_check(&in->link, amqp_get_rpc_reply(in->link.conn),
                           "set the prefetch");
}

static bool start_consumer(struct amqp_in *in, size_t number)
{
    const char *queue = in->channels[number]->queue;
    char what[2 * BUS_NAME_MAX];

    (void)amqp_basic_consume(in->link.conn, channel_of(number),
                             amqp_cstring_bytes(queue), amqp_empty_bytes, 0, 0,
                             0, amqp_empty_table);
    (void)snprintf(what, sizeof what, "consume %s", queue);
    return amqp_link_check(&in->link, amqp_get_rpc_reply(in->link.conn), what);
}

bool amqp_in_start(struct amqp_in *in, size_t number)
{
    struct amqp_channel *channel = in->channels[number];

    channel->phase = PHASE_METHOD;
    in->lent = 0;
    return amqp_open_channel(&in->link, channel_of(number)) &&
           (number > 0 ||
            amqp_declare_exchanges(&in->link, channel_of(number))) &&
           amqp_declare_queue(&in->link, channel_of(number), channel->queue) &&
           amqp_in_qos(in, number) && start_consumer(in, number);
}

static const char *set_text(struct amqp_text *text, amqp_bytes_t from)
{
    size_t len = 0;

    if (from.bytes != NULL) {
        len = from.len <= BUS_TEXT_MAX ? from.len : BUS_TEXT_MAX;
        memcpy(text->text, from.bytes, len);
    }
    text->text[len] = '\0';
    return text->text;
}

static const char *set_optional(struct amqp_text *text, bool present,
                                amqp_bytes_t from)
{
    return present ? set_text(text, from) : "";
}

static void begin_delivery(struct amqp_channel *channel, size_t number,
                           const amqp_basic_deliver_t *method)
{
    channel->delivery = (struct bus_delivery){
        .queue = number,
        .tag = method->delivery_tag,
        .redelivered = method->redelivered != 0,
        .exchange = set_text(&channel->exchange, method->exchange),
        .routing_key = set_text(&channel->routing_key, method->routing_key),
    };
    channel->phase = PHASE_HEADER;
}

static void set_properties(struct amqp_channel *channel,
                           const amqp_basic_properties_t *from)
{
    struct bus_properties *to = &channel->delivery.properties;
    amqp_flags_t flags = from->_flags;

    to->content_type = set_optional(&channel->content_type,
                                    (flags & AMQP_BASIC_CONTENT_TYPE_FLAG) != 0,
                                    from->content_type);
    to->message_id = set_optional(&channel->message_id,
                                  (flags & AMQP_BASIC_MESSAGE_ID_FLAG) != 0,
                                  from->message_id);
    to->user_id =
        set_optional(&channel->user_id, (flags & AMQP_BASIC_USER_ID_FLAG) != 0,
                     from->user_id);
    if ((flags & AMQP_BASIC_TIMESTAMP_FLAG) != 0 &&
        from->timestamp <= INT64_MAX / 1000) {
        to->timestamp_ms = (int64_t)from->timestamp * 1000;
    }
}

/* True when the message has no body and so is complete. */
static bool begin_body(struct amqp_in *in, struct amqp_channel *channel,
                       const amqp_frame_t *frame)
{
    set_properties(channel, frame->payload.properties.decoded);
    channel->delivery.len = frame->payload.properties.body_size;
    channel->received = 0;
    buf_clear(&channel->body);
    if (channel->delivery.len == 0) {
        channel->delivery.body = "";
        channel->phase = PHASE_METHOD;
        return true;
    }
    channel->phase = PHASE_BODY;
    amqp_maybe_release_buffers_on_channel(in->link.conn, frame->channel);
    return false;
}

/* Bytes of the body that are kept: all, or the head of one that is too
 * large. */
static size_t kept_of(const struct amqp_in *in,
                      const struct amqp_channel *channel)
{
    size_t len = channel->delivery.len;

    if (len <= in->message_bytes || len < BUS_HEAD_MAX) {
        return len;
    }
    return BUS_HEAD_MAX;
}

static void lend(struct amqp_in *in, struct amqp_channel *channel,
                 const void *body, size_t kept)
{
    if (channel->delivery.len <= in->message_bytes) {
        channel->delivery.body = body;
    } else {
        channel->delivery.head = body;
        channel->delivery.head_len = kept;
    }
    channel->phase = PHASE_METHOD;
}

static bool add_body(struct amqp_in *in, struct amqp_channel *channel,
                     const amqp_frame_t *frame)
{
    amqp_bytes_t part = frame->payload.body_fragment;
    size_t kept = kept_of(in, channel);
    size_t room;

    if (part.len > channel->delivery.len - channel->received) {
        amqp_link_lose(&in->link, "more body than its header says");
        return false;
    }
    channel->received += part.len;
    if (part.len == channel->delivery.len) {
        /* The usual case: read where the library has it. */
        lend(in, channel, part.bytes, kept);
        in->lent = frame->channel;
        return true;
    }
    room = kept - channel->body.len;
    buf_add(&channel->body, part.bytes, part.len < room ? part.len : room);
    amqp_maybe_release_buffers_on_channel(in->link.conn, frame->channel);
    if (channel->received < channel->delivery.len) {
        return false;
    }
    lend(in, channel, channel->body.data, kept);
    return true;
}

static bool is_deliver(const amqp_frame_t *frame)
{
    return frame->frame_type == AMQP_FRAME_METHOD &&
           frame->payload.method.id == AMQP_BASIC_DELIVER_METHOD;
}

static uint8_t wanted_type(enum amqp_phase phase)
{
    switch (phase) {
    case PHASE_METHOD:
        return AMQP_FRAME_METHOD;
    case PHASE_HEADER:
        return AMQP_FRAME_HEADER;
    case PHASE_BODY:
        return AMQP_FRAME_BODY;
    }
    return 0;
}

bool amqp_in_frame(struct amqp_in *in, const amqp_frame_t *frame,
                   struct bus_event *event)
{
    size_t number = (size_t)frame->channel - 1;
    struct amqp_channel *channel;
    bool complete = false;

    if (frame->channel == 0 || number >= in->n) {
        return false;
    }
    channel = in->channels[number];
    if (frame->frame_type != wanted_type(channel->phase)) {
        amqp_link_lose(&in->link, "frames out of order");
        return false;
    }
    if (channel->phase == PHASE_METHOD) {
        if (is_deliver(frame)) {
            begin_delivery(channel, number, frame->payload.method.decoded);
        }
    } else if (channel->phase == PHASE_HEADER) {
        complete = begin_body(in, channel, frame);
    } else {
        complete = add_body(in, channel, frame);
    }
    if (complete) {
        event->kind = BUS_DELIVERY;
        event->delivery = channel->delivery;
    }
    return complete;
}

void amqp_in_release(struct amqp_in *in)
{
    if (in->lent != 0 && in->link.conn != NULL) {
        amqp_maybe_release_buffers_on_channel(in->link.conn, in->lent);
    }
    in->lent = 0;
}
