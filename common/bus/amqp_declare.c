/* SPDX-License-Identifier: Apache-2.0 */
/** Declarations of the topology over AMQP. */
#include <stdio.h>

#include "common/bus/amqp_in.h"
#include "common/bus/topology.h"

enum {
    ASK_CHANNEL = 1000 /* beyond those of queues */
};

static const char *action(char *out, size_t size, const char *what,
                          const char *name)
{
    (void)snprintf(out, size, "%s %s", what, name);
    return out;
}

bool amqp_open_channel(struct amqp_link *link, amqp_channel_t channel)
{
    (void)amqp_channel_open(link->conn, channel);
    return amqp_link_check(link, amqp_get_rpc_reply(link->conn),
                           "open a channel");
}

static bool declare_exchange(struct amqp_link *link, amqp_channel_t channel,
                             const char *name, enum bus_exchange like)
{
    char what[2 * BUS_NAME_MAX];

    (void)amqp_exchange_declare(link->conn, channel, amqp_cstring_bytes(name),
                                amqp_cstring_bytes(bus_exchange_type(like)), 0,
                                1, 0, 0, amqp_empty_table);
    return amqp_link_check(link, amqp_get_rpc_reply(link->conn),
                           action(what, sizeof what, "declare exchange", name));
}

bool amqp_declare_exchanges(struct amqp_link *link, amqp_channel_t channel)
{
    char name[BUS_NAME_MAX + 1];

    for (int i = 0; i < BUS_N_EXCHANGES; i++) {
        enum bus_exchange exchange = (enum bus_exchange)i;

        (void)bus_exchange_name(link->conf->exchange_name, exchange, name);
        if (!declare_exchange(link, channel, name, exchange)) {
            return false;
        }
    }
    return true;
}

static bool bind_queue(struct amqp_link *link, amqp_channel_t channel,
                       const char *queue, const struct bus_binding *binding)
{
    char name[BUS_NAME_MAX + 1];
    char what[2 * BUS_NAME_MAX];

    (void)bus_binding_exchange(link->conf->exchange_name, queue, binding, name);
    if (bus_queue_group(queue) != NULL &&
        !declare_exchange(link, channel, name, BUS_EVENTS)) {
        return false;
    }
    (void)amqp_queue_bind(link->conn, channel, amqp_cstring_bytes(queue),
                          amqp_cstring_bytes(name),
                          amqp_cstring_bytes(binding->key), amqp_empty_table);
    return amqp_link_check(link, amqp_get_rpc_reply(link->conn),
                           action(what, sizeof what, "bind queue", queue));
}

bool amqp_declare_queue(struct amqp_link *link, amqp_channel_t channel,
                        const char *queue)
{
    amqp_table_entry_t entries[] = {
        {.key = amqp_cstring_bytes("x-queue-type"),
         .value = {.kind = AMQP_FIELD_KIND_UTF8,
                   .value.bytes = amqp_cstring_bytes("quorum")}},
        {.key = amqp_cstring_bytes("x-single-active-consumer"),
         .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1}},
    };
    bool durable = bus_queue_is_durable(queue);
    amqp_table_t arguments = {.num_entries = durable ? 2 : 0,
                              .entries = entries};
    const struct bus_binding *binding;
    char what[2 * BUS_NAME_MAX];
    size_t at = 0;

    (void)amqp_queue_declare(link->conn, channel, amqp_cstring_bytes(queue), 0,
                             durable, !durable, !durable, arguments);
    if (!amqp_link_check(link, amqp_get_rpc_reply(link->conn),
                         action(what, sizeof what, "declare queue", queue))) {
        return false;
    }
    while ((binding = bus_binding_next(queue, &at)) != NULL) {
        if (!bind_queue(link, channel, queue, binding)) {
            return false;
        }
    }
    return true;
}

/* A question about a missing queue costs its channel, which is closed by
 * both sides and opened again for the next. */
static enum err answer_missing(struct amqp_link *link, amqp_rpc_reply_t reply)
{
    const amqp_channel_close_t *close = reply.reply.decoded;
    amqp_channel_close_ok_t ok = {0};

    if (reply.reply_type != AMQP_RESPONSE_SERVER_EXCEPTION ||
        reply.reply.id != AMQP_CHANNEL_CLOSE_METHOD ||
        close->reply_code != AMQP_NOT_FOUND ||
        amqp_send_method(link->conn, ASK_CHANNEL, AMQP_CHANNEL_CLOSE_OK_METHOD,
                         &ok) != AMQP_STATUS_OK) {
        (void)amqp_link_check(link, reply, "ask for a queue's depth");
        return ERR_UNAVAILABLE;
    }
    link->can_ask = false;
    amqp_maybe_release_buffers_on_channel(link->conn, ASK_CHANNEL);
    return ERR_NOT_FOUND;
}

enum err amqp_ask_queue(struct amqp_link *link, const char *queue,
                        struct bus_queue_state *state)
{
    amqp_queue_declare_ok_t *ok;

    if (!link->can_ask && !amqp_open_channel(link, ASK_CHANNEL)) {
        return ERR_UNAVAILABLE;
    }
    link->can_ask = true;
    ok = amqp_queue_declare(link->conn, ASK_CHANNEL, amqp_cstring_bytes(queue),
                            1, 1, 0, 0, amqp_empty_table);
    if (ok == NULL) {
        return answer_missing(link, amqp_get_rpc_reply(link->conn));
    }
    state->messages = ok->message_count;
    state->consumers = ok->consumer_count;
    amqp_maybe_release_buffers_on_channel(link->conn, ASK_CHANNEL);
    return ERR_OK;
}

bool amqp_remove_queue(struct amqp_link *link, const char *queue)
{
    char what[2 * BUS_NAME_MAX];

    if (!link->can_ask && !amqp_open_channel(link, ASK_CHANNEL)) {
        return false;
    }
    link->can_ask = true;
    (void)amqp_queue_delete(link->conn, ASK_CHANNEL, amqp_cstring_bytes(queue),
                            0, 0);
    return amqp_link_check(link, amqp_get_rpc_reply(link->conn),
                           action(what, sizeof what, "delete queue", queue));
}
