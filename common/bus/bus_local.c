/* SPDX-License-Identifier: Apache-2.0 */
/** Buses of engines that share a process, in front of their connections. */
#include "common/bus/bus_local.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/bus/topology.h"

enum {
    LOCAL_QUEUE = INT32_MAX, /* no connection reads so many */
    BROKER_EVERY = 16        /* local events between two looks at the broker */
};

/* A message on its way, kept until its reader has acknowledged it. */
struct letter {
    struct letter *next;
    struct local_bus *from;
    uint64_t number;            /* its sender's */
    uint64_t tag;               /* its reader's */
    struct bus_message message; /* text and body owned */
};

/* Numbers to be told as confirmed. */
struct confirms {
    uint64_t *list; /* from head, n of cap */
    size_t head;
    size_t n;
    size_t cap;
};

struct local_bus {
    struct bus bus;
    struct local_bus *next;
    struct bus_hub *hub;
    struct bus *broker;
    char queue[BUS_NAME_MAX + 1]; /* read in memory; "": none */
    struct letter *first;
    struct letter *last;
    struct letter *coming; /* first that is not delivered (again) yet */
    uint64_t waiting;      /* from coming on */
    uint64_t tag;          /* of the last letter */
    uint64_t number;       /* of the last publish in memory */
    struct confirms confirms;
    bool paused;
    unsigned turn;
};

struct bus_hub {
    struct local_bus *buses;
};

static struct local_bus *local_of(struct bus *bus)
{
    return (struct local_bus *)bus;
}

/* The members are const for everybody else; a letter owns them. */
static void release(const void *text)
{
    free((void *)(uintptr_t)text);
}

static void letter_free(struct letter *letter)
{
    release(letter->message.exchange);
    release(letter->message.routing_key);
    release(letter->message.properties.content_type);
    release(letter->message.properties.message_id);
    release(letter->message.body);
    free(letter);
}

static void confirms_add(struct confirms *confirms, uint64_t number)
{
    if (confirms->head + confirms->n == confirms->cap) {
        if (confirms->head > 0) {
            memmove(confirms->list, confirms->list + confirms->head,
                    confirms->n * sizeof *confirms->list);
            confirms->head = 0;
        } else {
            confirms->cap = confirms->cap > 0 ? 2 * confirms->cap : 64;
            confirms->list = xrealloc_array(confirms->list, confirms->cap,
                                            sizeof *confirms->list);
        }
    }
    confirms->list[confirms->head + confirms->n++] = number;
}

static uint64_t confirms_take(struct confirms *confirms)
{
    uint64_t number = confirms->list[confirms->head++];

    if (--confirms->n == 0) {
        confirms->head = 0;
    }
    return number;
}

/* Who reads in memory what `from` sends there; NULL: the broker takes it. */
static struct local_bus *find_reader(const struct local_bus *from,
                                     const char *exchange, const char *key)
{
    struct local_bus *at = from->hub->buses;

    if (*exchange != '\0' || *key == '\0') {
        return NULL;
    }
    while (at != NULL && (at == from || strcmp(at->queue, key) != 0)) {
        at = at->next;
    }
    return at;
}

static void hand_over(struct local_bus *from, struct local_bus *to,
                      const struct bus_message *message)
{
    struct letter *letter = xcalloc(1, sizeof *letter);
    struct bus_message *copy = &letter->message;

    *copy = *message;
    copy->exchange = xstrdup(message->exchange);
    copy->routing_key = xstrdup(message->routing_key);
    copy->properties.content_type = xstrdup(message->properties.content_type);
    copy->properties.message_id = xstrdup(message->properties.message_id);
    copy->properties.user_id = "";
    copy->body = xmemdup(message->body, message->len);
    letter->from = from;
    letter->number = BUS_LOCAL_NUMBER | ++from->number;
    letter->tag = ++to->tag;
    if (to->last != NULL) {
        to->last->next = letter;
    } else {
        to->first = letter;
    }
    to->last = letter;
    to->coming = to->coming != NULL ? to->coming : letter;
    to->waiting++;
}

static void local_close(struct bus *base)
{
    struct local_bus *bus = local_of(base);
    struct local_bus **at = &bus->hub->buses;

    while (*at != bus) {
        at = &(*at)->next;
    }
    *at = bus->next;
    for (at = &bus->hub->buses; *at != NULL; at = &(*at)->next) {
        for (struct letter *letter = (*at)->first; letter != NULL;
             letter = letter->next) {
            letter->from = letter->from == bus ? NULL : letter->from;
        }
    }
    while (bus->first != NULL) {
        struct letter *letter = bus->first;

        bus->first = letter->next;
        letter_free(letter);
    }
    free(bus->confirms.list);
    free(bus);
}

static enum err local_consume(struct bus *base, const char *queue, int prefetch,
                              size_t *number)
{
    struct local_bus *bus = local_of(base);
    size_t len = strlen(queue);
    size_t end = sizeof BUS_LOCAL_SUFFIX - 1;

    if (len <= end || strcmp(queue + len - end, BUS_LOCAL_SUFFIX) != 0) {
        return bus_consume(bus->broker, queue, prefetch, number);
    }
    BUG_IF(bus->queue[0] != '\0' || len - end > BUS_NAME_MAX);
    memcpy(bus->queue, queue, len - end);
    *number = LOCAL_QUEUE;
    return ERR_OK;
}

static enum err local_declare(struct bus *base, const char *queue)
{
    return bus_declare(local_of(base)->broker, queue);
}

static enum err local_publish(struct bus *base,
                              const struct bus_message *message,
                              uint64_t *number)
{
    struct local_bus *bus = local_of(base);
    struct local_bus *reader =
        find_reader(bus, message->exchange, message->routing_key);

    if (reader == NULL) {
        return bus_publish(bus->broker, message, number);
    }
    hand_over(bus, reader, message);
    *number = BUS_LOCAL_NUMBER | bus->number;
    return ERR_OK;
}

/* Done, and all that came of it: now its sender may forget it. */
static void confirm_first(struct local_bus *bus)
{
    struct letter *letter = bus->first;

    bus->first = letter->next;
    if (bus->first == NULL) {
        bus->last = NULL;
    }
    if (letter->from != NULL) {
        confirms_add(&letter->from->confirms, letter->number);
    }
    letter_free(letter);
}

static enum err local_ack(struct bus *base, size_t queue, uint64_t tag)
{
    struct local_bus *bus = local_of(base);

    if (queue != LOCAL_QUEUE) {
        return bus_ack(bus->broker, queue, tag);
    }
    while (bus->first != bus->coming && bus->first->tag <= tag) {
        confirm_first(bus);
    }
    return ERR_OK;
}

static enum err local_prove(struct bus *base, size_t queue)
{
    return queue != LOCAL_QUEUE ? bus_prove(local_of(base)->broker, queue)
                                : ERR_OK;
}

static enum err local_look(struct bus *base, const char *queue,
                           struct bus_queue_state *state)
{
    const struct local_bus *bus = local_of(base);
    const struct local_bus *reader = find_reader(bus, "", queue);

    if (reader == NULL) {
        return bus_look(bus->broker, queue, state);
    }
    *state =
        (struct bus_queue_state){.messages = reader->waiting, .consumers = 1};
    return ERR_OK;
}

static enum err local_remove(struct bus *base, const char *queue)
{
    return bus_remove(local_of(base)->broker, queue);
}

static void local_pause(struct bus *base, bool on)
{
    struct local_bus *bus = local_of(base);

    bus->paused = on;
    bus_pause(bus->broker, on);
}

static void deliver(struct local_bus *bus, struct bus_event *event)
{
    const struct letter *letter = bus->coming;
    const struct bus_message *message = &letter->message;

    bus->coming = letter->next;
    bus->waiting--;
    event->kind = BUS_DELIVERY;
    event->delivery = (struct bus_delivery){.queue = LOCAL_QUEUE,
                                            .tag = letter->tag,
                                            .exchange = message->exchange,
                                            .routing_key = message->routing_key,
                                            .properties = message->properties,
                                            .body = message->body,
                                            .len = message->len};
}

static void tell(struct local_bus *bus, struct bus_event *event)
{
    *event = (struct bus_event){.kind = BUS_IDLE, .reason = ""};
    if (bus->confirms.n > 0) {
        event->kind = BUS_CONFIRMED;
        event->number = confirms_take(&bus->confirms);
    } else {
        deliver(bus, event);
    }
}

bool bus_local_has_news(const struct bus *base)
{
    const struct local_bus *bus = (const struct local_bus *)base;

    return bus->confirms.n > 0 || (bus->coming != NULL && !bus->paused);
}

/* Who lost its connection has dropped all that it held. */
static void come_again(struct local_bus *bus)
{
    bus->coming = bus->first;
    bus->waiting = 0;
    for (const struct letter *letter = bus->first; letter != NULL;
         letter = letter->next) {
        bus->waiting++;
    }
}

static enum err local_poll(struct bus *base, int timeout_ms,
                           struct bus_event *event)
{
    struct local_bus *bus = local_of(base);
    bool any = bus_local_has_news(base);
    enum err err;

    if (any && ++bus->turn % BROKER_EVERY != 0) {
        tell(bus, event);
        return ERR_OK;
    }
    err = bus_poll(bus->broker, any ? 0 : timeout_ms, event);
    if (err == ERR_OK && event->kind == BUS_IN_LOST) {
        come_again(bus);
    } else if (any && event->kind == BUS_IDLE) {
        tell(bus, event);
    }
    return err;
}

static int local_fds(struct bus *base, int fds[2])
{
    return bus_fds(local_of(base)->broker, fds);
}

static const struct bus_ops local_ops = {
    .close = local_close,
    .consume = local_consume,
    .declare = local_declare,
    .publish = local_publish,
    .ack = local_ack,
    .prove = local_prove,
    .look = local_look,
    .remove = local_remove,
    .pause = local_pause,
    .poll = local_poll,
    .fds = local_fds,
};

struct bus_hub *bus_hub_new(void)
{
    return xcalloc(1, sizeof(struct bus_hub));
}

void bus_hub_free(struct bus_hub *hub)
{
    BUG_IF(hub != NULL && hub->buses != NULL);
    free(hub);
}

struct bus *bus_local_open(struct bus_hub *hub, struct bus *broker)
{
    struct local_bus *bus = xcalloc(1, sizeof *bus);

    bus->bus.ops = &local_ops;
    bus->hub = hub;
    bus->broker = broker;
    bus->next = hub->buses;
    hub->buses = bus;
    return &bus->bus;
}
