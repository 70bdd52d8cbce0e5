/* SPDX-License-Identifier: Apache-2.0 */
/** The bus: hands calls to the backend and keeps the limits of the wire. */
#include "common/bus/bus.h"

#include <string.h>

void bus_close(struct bus *bus)
{
    if (bus != NULL) {
        bus->ops->close(bus);
    }
}

enum err bus_consume(struct bus *bus, const char *queue, int prefetch,
                     size_t *number)
{
    return bus->ops->consume(bus, queue, prefetch, number);
}

enum err bus_declare(struct bus *bus, const char *queue)
{
    return bus->ops->declare(bus, queue);
}

static bool text_fits(const char *text)
{
    return text != NULL && strnlen(text, BUS_TEXT_MAX + 1) <= BUS_TEXT_MAX;
}

static bool message_fits(const struct bus_message *message)
{
    return text_fits(message->exchange) && text_fits(message->routing_key) &&
           text_fits(message->properties.content_type) &&
           text_fits(message->properties.message_id);
}

enum err bus_publish(struct bus *bus, const struct bus_message *message,
                     uint64_t *number)
{
    if (!message_fits(message)) {
        return ERR_LIMIT;
    }
    return bus->ops->publish(bus, message, number);
}

enum err bus_ack(struct bus *bus, size_t queue, uint64_t tag)
{
    BUG_IF(tag == 0);
    return bus->ops->ack(bus, queue, tag);
}

enum err bus_prove(struct bus *bus, size_t queue)
{
    return bus->ops->prove(bus, queue);
}

enum err bus_depth(struct bus *bus, const char *queue, uint64_t *messages)
{
    struct bus_queue_state state;
    enum err err = bus->ops->look(bus, queue, &state);

    if (err == ERR_OK) {
        *messages = state.messages;
    }
    return err;
}

enum err bus_look(struct bus *bus, const char *queue,
                  struct bus_queue_state *state)
{
    return bus->ops->look(bus, queue, state);
}

enum err bus_remove(struct bus *bus, const char *queue)
{
    return bus->ops->remove(bus, queue);
}

void bus_pause(struct bus *bus, bool on)
{
    bus->ops->pause(bus, on);
}

enum err bus_poll(struct bus *bus, int timeout_ms, struct bus_event *event)
{
    return bus->ops->poll(bus, timeout_ms, event);
}

int bus_fds(struct bus *bus, int fds[2])
{
    return bus->ops->fds(bus, fds);
}
