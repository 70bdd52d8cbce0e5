/* SPDX-License-Identifier: Apache-2.0 */
/** The publishing side of an AMQP bus. */
#include "common/bus/amqp_out.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/bus/amqp_in.h"

enum {
    PUBLISH_CHANNEL = 1,
    NUMBER_TEXT_MAX = 24,
    /* A message of this size may not fit into what is free of a writable
     * socket; then the library waits for the broker to read. */
    LARGE_BYTES = 16 * 1024,
    STALLED_MS = 15000,
    HEARD_MS = 500, /* between two questions to the kernel */
    REFUSAL_PAUSE_MS = 1000,
    REFUSALS_MS = 2000
};

static void set_cork(const struct amqp_link *link, int on)
{
    (void)setsockopt(link->fd, IPPROTO_TCP, TCP_CORK, &on, sizeof on);
}

/* The library sends a message in three pieces. They, and several messages in a
 * row, share packets: each of its own would wake the broker, which costs it
 * more than the message. */
static void hold_packets(struct amqp_out *out)
{
    if (!out->corked) {
        set_cork(&out->link, 1);
        out->corked = true;
    }
}

void amqp_out_flush(struct amqp_out *out)
{
    if (out->corked && out->link.state == LINK_UP) {
        set_cork(&out->link, 0);
    }
    out->corked = false;
}

void amqp_out_fini(struct amqp_out *out)
{
    amqp_out_flush(out);
    amqp_link_fini(&out->link);
    for (size_t i = 0; i < out->n; i++) {
        free(out->declared[i]);
    }
    free(out->declared);
    amqp_window_fini(&out->window);
}

void amqp_out_add(struct amqp_out *out, const char *queue)
{
    for (size_t i = 0; i < out->n; i++) {
        if (strcmp(out->declared[i], queue) == 0) {
            return;
        }
    }
    out->declared =
        xrealloc_array(out->declared, out->n + 1, sizeof *out->declared);
    out->declared[out->n++] = xstrdup(queue);
}

bool amqp_out_declare(struct amqp_out *out, const char *queue)
{
    amqp_out_flush(out);
    return amqp_declare_queue(&out->link, PUBLISH_CHANNEL, queue);
}

/* A bus that only publishes to exchanges declares nothing: its user may not
 * be allowed to. */
static bool declare_all(struct amqp_out *out)
{
    if (out->n > 0 && !amqp_declare_exchanges(&out->link, PUBLISH_CHANNEL)) {
        return false;
    }
    for (size_t i = 0; i < out->n; i++) {
        if (!amqp_out_declare(out, out->declared[i])) {
            return false;
        }
    }
    return true;
}

bool amqp_out_start(struct amqp_out *out)
{
    out->blocked = false;
    out->corked = false;
    out->refuse_to = 0;
    out->refused_ms = 0;
    out->heard_ms = 0;
    out->silent = false;
    out->returned = (struct amqp_return){0};
    amqp_window_reset(&out->window);
    if (!amqp_open_channel(&out->link, PUBLISH_CHANNEL) || !declare_all(out)) {
        return false;
    }
    (void)amqp_confirm_select(out->link.conn, PUBLISH_CHANNEL);
    return amqp_link_check(&out->link, amqp_get_rpc_reply(out->link.conn),
                           "ask for confirms");
}

/* To publish where nothing came for two heartbeats makes the library wait for
 * input, without end. Who is silent is listened to first, by the next poll,
 * which finds it dead in time. */
static bool can_write(struct amqp_link *link)
{
    struct pollfd item = {.fd = link->fd, .events = POLLIN | POLLOUT};
    int64_t now = clock_mono_ms();

    if (poll(&item, 1, 0) <= 0) {
        return false;
    }
    if ((item.revents & POLLIN) != 0) {
        link->heard_ms = now;
    }
    return (item.revents & POLLOUT) != 0 && !amqp_link_is_silent(link, now);
}

/* Asked to publish when it has heard nothing for two heartbeats, the library
 * waits for the next byte without end. The kernel knows when the last came: a
 * second before that time nothing is published any more, and the next look
 * into the socket loses the connection. */
static bool is_silent(struct amqp_out *out)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    int64_t now_ms = clock_mono_ms();
    int64_t most_ms =
        ((int64_t)2 * amqp_get_heartbeat(out->link.conn) - 1) * 1000;

    if (most_ms <= 0 || (!out->silent && now_ms < out->heard_ms + HEARD_MS)) {
        return false;
    }
    out->heard_ms = now_ms;
    out->silent =
        getsockopt(out->link.fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
        info.tcpi_last_data_recv >= most_ms;
    return out->silent;
}

/* The library waits without end for a broker that does not read; the kernel
 * gives up for it. */
static void limit_stall(const struct amqp_link *link, unsigned int ms)
{
    (void)setsockopt(link->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
}

static void set_property(amqp_basic_properties_t *properties, amqp_flags_t flag,
                         amqp_bytes_t *member, const char *text)
{
    if (*text != '\0') {
        properties->_flags |= flag;
        *member = amqp_cstring_bytes(text);
    }
}

static void fill_properties(const struct amqp_out *out,
                            const struct bus_message *message,
                            const char *number, amqp_basic_properties_t *to)
{
    const struct bus_properties *from = &message->properties;

    *to = (amqp_basic_properties_t){._flags = AMQP_BASIC_DELIVERY_MODE_FLAG,
                                    .delivery_mode = AMQP_DELIVERY_PERSISTENT};
    set_property(to, AMQP_BASIC_CONTENT_TYPE_FLAG, &to->content_type,
                 from->content_type);
    set_property(to, AMQP_BASIC_MESSAGE_ID_FLAG, &to->message_id,
                 from->message_id);
    set_property(to, AMQP_BASIC_USER_ID_FLAG, &to->user_id,
                 out->link.conf->user);
    if (message->mandatory) {
        /* How a returned message is known again. */
        set_property(to, AMQP_BASIC_CORRELATION_ID_FLAG, &to->correlation_id,
                     number);
    }
    if (from->timestamp_ms >= 1000) {
        to->_flags |= AMQP_BASIC_TIMESTAMP_FLAG;
        to->timestamp = (uint64_t)from->timestamp_ms / 1000;
    }
}

static amqp_bytes_t body_of(const struct bus_message *message)
{
    union {
        const void *in;
        void *out;
    } cast = {message->body};

    return (amqp_bytes_t){.len = message->len, .bytes = cast.out};
}

static int send_message(struct amqp_out *out, const struct bus_message *message,
                        const char *number)
{
    bool large = message->len > LARGE_BYTES;
    amqp_basic_properties_t properties;
    int status;

    fill_properties(out, message, number, &properties);
    if (large) {
        limit_stall(&out->link, STALLED_MS);
    }
    status = amqp_basic_publish(
        out->link.conn, PUBLISH_CHANNEL, amqp_cstring_bytes(message->exchange),
        amqp_cstring_bytes(message->routing_key), message->mandatory, 0,
        &properties, body_of(message));
    if (large) {
        limit_stall(&out->link, 0);
    }
    return status;
}

enum err amqp_out_publish(struct amqp_out *out,
                          const struct bus_message *message, uint64_t *number)
{
    char text[NUMBER_TEXT_MAX];
    int status;

    if (!out->link.known || out->link.state != LINK_UP || out->blocked ||
        !can_write(&out->link) || is_silent(out)) {
        return ERR_UNAVAILABLE;
    }
    (void)snprintf(text, sizeof text, "%llu",
                   (unsigned long long)out->window.next);
    hold_packets(out);
    status = send_message(out, message, text);
    if (status != AMQP_STATUS_OK) {
        amqp_link_lose(&out->link, "publish: %s", amqp_error_string2(status));
        return ERR_UNAVAILABLE;
    }
    *number = amqp_window_open(&out->window);
    return ERR_OK;
}

/* A channel keeps what it knows of a queue: one that was opened while the
 * queue's leader was lost nacks until that node is back, and a queue that was
 * removed is declared with the next connection only. */
static void note_refusal(struct amqp_out *out, const char *reason)
{
    int64_t now = clock_mono_ms();

    if (out->refused_ms == 0 || now - out->refused_ms > REFUSAL_PAUSE_MS) {
        out->refusing_ms = now;
    }
    out->refused_ms = now;
    if (now - out->refusing_ms >= REFUSALS_MS) {
        out->refuse_to = 0;
        amqp_link_lose(&out->link, "messages are refused again and again: %s",
                       reason);
    }
}

static void make_refusal(struct amqp_out *out, struct bus_event *event,
                         uint64_t number, const char *reason)
{
    event->kind = BUS_REFUSED;
    event->number = number;
    event->reason = reason;
    note_refusal(out, reason);
}

bool amqp_out_next_refused(struct amqp_out *out, struct bus_event *event)
{
    uint64_t number = out->refuse_to == 0
                          ? 0
                          : amqp_window_first(&out->window, out->refuse_to);

    if (number == 0) {
        out->refuse_to = 0;
        return false;
    }
    amqp_window_close(&out->window, number, false);
    make_refusal(out, event, number, "nacked by the broker");
    return true;
}

static bool take_nack(struct amqp_out *out, const amqp_basic_nack_t *nack,
                      struct bus_event *event)
{
    if (nack->multiple) {
        out->refuse_to = nack->delivery_tag;
        return amqp_out_next_refused(out, event);
    }
    if (!amqp_window_is_open(&out->window, nack->delivery_tag)) {
        return false; /* it was returned, and told as such */
    }
    amqp_window_close(&out->window, nack->delivery_tag, false);
    make_refusal(out, event, nack->delivery_tag, "nacked by the broker");
    return true;
}

static bool take_ack(struct amqp_out *out, const amqp_basic_ack_t *ack,
                     struct bus_event *event)
{
    bool open = ack->multiple
                    ? amqp_window_first(&out->window, ack->delivery_tag) != 0
                    : amqp_window_is_open(&out->window, ack->delivery_tag);

    if (!open) {
        return false; /* it was returned, and told as such */
    }
    amqp_window_close(&out->window, ack->delivery_tag, ack->multiple != 0);
    event->kind = BUS_CONFIRMED;
    event->number = ack->delivery_tag;
    event->multiple = ack->multiple != 0;
    return true;
}

static void set_reason(struct amqp_out *out, const char *what,
                       amqp_bytes_t text)
{
    (void)snprintf(out->reason, sizeof out->reason, "%s%.*s", what,
                   (int)(text.len < BUS_TEXT_MAX ? text.len : BUS_TEXT_MAX),
                   text.len > 0 ? (const char *)text.bytes : "");
}

static bool take_blocked(struct amqp_out *out,
                         const amqp_connection_blocked_t *blocked,
                         struct bus_event *event)
{
    set_reason(out, "the broker is blocked: ", blocked->reason);
    out->blocked = true;
    event->kind = BUS_BLOCKED;
    event->reason = out->reason;
    log_complain(&out->blocking, "BUS-BLOCKED", "%s", out->reason);
    return true;
}

static bool take_unblocked(struct amqp_out *out, struct bus_event *event)
{
    out->blocked = false;
    event->kind = BUS_UNBLOCKED;
    log_settled(&out->blocking, "BUS-BLOCKED", "the broker takes messages");
    return true;
}

static bool take_method(struct amqp_out *out, const amqp_method_t *method,
                        struct bus_event *event)
{
    const amqp_basic_return_t *returned = method->decoded;

    switch (method->id) {
    case AMQP_BASIC_ACK_METHOD:
        return take_ack(out, method->decoded, event);
    case AMQP_BASIC_NACK_METHOD:
        return take_nack(out, method->decoded, event);
    case AMQP_BASIC_RETURN_METHOD:
        set_reason(out, "returned: ", returned->reply_text);
        out->returned = (struct amqp_return){.active = true};
        return false;
    case AMQP_CONNECTION_BLOCKED_METHOD:
        return take_blocked(out, method->decoded, event);
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
        return take_unblocked(out, event);
    default:
        return false;
    }
}

static uint64_t number_of(const amqp_basic_properties_t *properties)
{
    int64_t number = 0;

    if ((properties->_flags & AMQP_BASIC_CORRELATION_ID_FLAG) == 0 ||
        str_to_i64_n(properties->correlation_id.bytes,
                     properties->correlation_id.len, 1, INT64_MAX,
                     &number) != ERR_OK) {
        return 0;
    }
    return (uint64_t)number;
}

/* A return counts as a refusal once the whole of it has come. */
static bool finish_return(struct amqp_out *out, struct bus_event *event)
{
    uint64_t number = out->returned.number;

    if (out->returned.left > 0) {
        return false;
    }
    out->returned.active = false;
    if (!amqp_window_is_open(&out->window, number)) {
        return false;
    }
    amqp_window_close(&out->window, number, false);
    make_refusal(out, event, number, out->reason);
    return true;
}

static bool take_frame(struct amqp_out *out, const amqp_frame_t *frame,
                       struct bus_event *event)
{
    struct amqp_return *returned = &out->returned;

    if (frame->frame_type == AMQP_FRAME_METHOD) {
        return take_method(out, &frame->payload.method, event);
    }
    if (!returned->active) {
        return false;
    }
    if (frame->frame_type == AMQP_FRAME_HEADER) {
        returned->number = number_of(frame->payload.properties.decoded);
        returned->left = frame->payload.properties.body_size;
    } else if (frame->payload.body_fragment.len <= returned->left) {
        returned->left -= frame->payload.body_fragment.len;
    }
    return finish_return(out, event);
}

bool amqp_out_frame(struct amqp_out *out, const amqp_frame_t *frame,
                    struct bus_event *event)
{
    bool told = take_frame(out, frame, event);

    if (out->link.conn != NULL) {
        amqp_maybe_release_buffers_on_channel(out->link.conn, frame->channel);
    }
    return told;
}
