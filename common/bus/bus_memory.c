/* SPDX-License-Identifier: Apache-2.0 */
/** A process's two connections to the broker in memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/bus/broker.h"

/* An event on its way to the process: what is in the socket. */
struct pending {
    struct pending *next;
    uint64_t at; /* orders both connections */
    struct bus_event event;
    struct broker_message *message; /* of a delivery */
};

/* One of the two connections. The process's view (up) and the broker's
 * (linked) differ while an event is on its way, or for a stalled process. */
struct half {
    bool up;     /* the process was handed UP and not yet LOST */
    bool linked; /* the broker has the connection */
    bool told;   /* LOST is on its way */
    enum bus_event_kind on_lost;
    char name[64];
    struct pending *first;
    struct pending *last;
};

struct subscription {
    char *queue;
    int prefetch;
    uint64_t handed; /* newest tag the process has seen */
    uint64_t acked;
};

struct memory_bus {
    struct bus bus;
    struct memory_bus *next;
    struct broker *broker;
    char *user;
    struct half in;
    struct half out;
    struct subscription *subscriptions;
    size_t n_subscriptions;
    char **declared;
    size_t n_declared;
    uint64_t number; /* of the last publish */
    bool blocked;    /* as the process knows */
    bool paused;     /* deliveries stay in the socket */
    uint64_t *late;  /* confirms held back */
    size_t n_late;
    struct pending *current; /* lent to the process until the next poll */
};

static void free_pending(struct pending *pending)
{
    if (pending != NULL) {
        broker_message_free(pending->message);
        free(pending);
    }
}

static struct bus_event *push(struct memory_bus *bus, struct half *half,
                              enum bus_event_kind kind)
{
    struct pending *pending = xcalloc(1, sizeof *pending);

    pending->event.kind = kind;
    pending->event.reason = "";
    pending->at = ++bus->broker->clock;
    if (half->last != NULL) {
        half->last->next = pending;
    } else {
        half->first = pending;
    }
    half->last = pending;
    return &pending->event;
}

static struct pending *take(struct half *half)
{
    struct pending *pending = half->first;

    half->first = pending->next;
    if (half->first == NULL) {
        half->last = NULL;
    }
    return pending;
}

/* Drop what is in the socket, but for what the fault hook keeps. */
static void tear(struct memory_bus *bus, struct half *half)
{
    const struct broker_faults *faults = &bus->broker->faults;
    struct pending **at = &half->first;

    half->last = NULL;
    while (*at != NULL && half->up && faults->keep != NULL &&
           faults->keep(faults->ctx)) {
        half->last = *at;
        at = &(*at)->next;
    }
    while (*at != NULL) {
        struct pending *lost = *at;

        *at = lost->next;
        free_pending(lost);
    }
}

static void tell_lost(struct memory_bus *bus, struct half *half)
{
    half->linked = false;
    if (half->up && !half->told) {
        half->told = true;
        push(bus, half, half->on_lost)->reason = "connection reset by peer";
    }
}

static void detach(struct memory_bus *bus)
{
    struct broker *broker = bus->broker;

    for (size_t i = 0; i < bus->n_subscriptions; i++) {
        struct broker_queue *queue =
            broker_queue_find(broker, bus->subscriptions[i].queue);

        if (queue != NULL) {
            broker_detach(queue, bus);
            broker_pump(broker, queue);
        }
    }
}

static void attach(struct memory_bus *bus, size_t number)
{
    struct subscription *subscription = &bus->subscriptions[number];
    struct broker_queue *queue =
        broker_queue_declare(bus->broker, subscription->queue);
    struct broker_consumer *consumer = xcalloc(1, sizeof *consumer);

    subscription->handed = 0;
    subscription->acked = 0;
    consumer->bus = bus;
    consumer->number = number;
    consumer->prefetch = subscription->prefetch;
    broker_attach(queue, consumer);
    broker_pump(bus->broker, queue);
}

void memory_bus_push(struct memory_bus *bus, size_t number,
                     const struct broker_message *message)
{
    struct bus_event *event = push(bus, &bus->in, BUS_DELIVERY);
    struct broker_message *copy = broker_message_new(&message->content, NULL);
    const struct bus_message *content = &copy->content;

    bus->in.last->message = copy;
    event->delivery = (struct bus_delivery){
        .queue = number,
        .tag = message->tag,
        .redelivered = message->redelivered,
        .exchange = content->exchange,
        .routing_key = content->routing_key,
        .properties = content->properties,
        .body = content->body,
        .len = content->len,
    };
    if (content->len > bus->broker->message_bytes) {
        event->delivery.body = NULL;
        event->delivery.head = content->body;
        event->delivery.head_len =
            content->len < BUS_HEAD_MAX ? content->len : BUS_HEAD_MAX;
    }
}

static void connect_in(struct memory_bus *bus)
{
    bus->in.linked = true;
    (void)push(bus, &bus->in, BUS_IN_UP);
}

static void connect_out(struct memory_bus *bus)
{
    bus->out.linked = true;
    (void)push(bus, &bus->out, BUS_OUT_UP);
    for (size_t i = 0; i < bus->n_declared; i++) {
        (void)broker_queue_declare(bus->broker, bus->declared[i]);
    }
    if (bus->broker->blocked) {
        push(bus, &bus->out, BUS_BLOCKED)->reason = "blocked by the test";
    }
}

static bool wants_connection(const struct memory_bus *bus,
                             const struct half *half)
{
    return !half->up && !half->linked && half->first == NULL &&
           !bus->broker->stopped;
}

/* Both connections are up before the first delivery. */
static void connect_both(struct memory_bus *bus)
{
    bool in = bus->n_subscriptions > 0 && wants_connection(bus, &bus->in);

    if (in) {
        connect_in(bus);
    }
    if (wants_connection(bus, &bus->out)) {
        connect_out(bus);
    }
    for (size_t i = 0; in && i < bus->n_subscriptions; i++) {
        attach(bus, i);
    }
}

static struct memory_bus *memory_of(struct bus *bus)
{
    return (struct memory_bus *)bus;
}

static void memory_close(struct bus *base)
{
    struct memory_bus *bus = memory_of(base);
    struct memory_bus **at = &bus->broker->buses;

    while (*at != bus) {
        at = &(*at)->next;
    }
    *at = bus->next;
    detach(bus);
    bus->in.up = false;
    bus->out.up = false;
    tear(bus, &bus->in);
    tear(bus, &bus->out);
    free_pending(bus->current);
    for (size_t i = 0; i < bus->n_subscriptions; i++) {
        free(bus->subscriptions[i].queue);
    }
    for (size_t i = 0; i < bus->n_declared; i++) {
        free(bus->declared[i]);
    }
    free(bus->subscriptions);
    free(bus->declared);
    free(bus->late);
    free(bus->user);
    free(bus);
}

static enum err memory_consume(struct bus *base, const char *queue,
                               int prefetch, size_t *number)
{
    struct memory_bus *bus = memory_of(base);
    size_t n = bus->n_subscriptions;

    bus->subscriptions =
        xrealloc_array(bus->subscriptions, n + 1, sizeof *bus->subscriptions);
    bus->subscriptions[n] =
        (struct subscription){.queue = xstrdup(queue), .prefetch = prefetch};
    bus->n_subscriptions++;
    if (bus->in.linked) {
        attach(bus, n);
    }
    *number = n;
    return ERR_OK;
}

static bool is_declared(const struct memory_bus *bus, const char *queue)
{
    for (size_t i = 0; i < bus->n_declared; i++) {
        if (strcmp(bus->declared[i], queue) == 0) {
            return true;
        }
    }
    return false;
}

static enum err memory_declare(struct bus *base, const char *queue)
{
    struct memory_bus *bus = memory_of(base);

    if (!is_declared(bus, queue)) {
        bus->declared = xrealloc_array(bus->declared, bus->n_declared + 1,
                                       sizeof *bus->declared);
        bus->declared[bus->n_declared++] = xstrdup(queue);
    }
    if (bus->out.linked) {
        (void)broker_queue_declare(bus->broker, queue);
    }
    return ERR_OK;
}

static bool decide(const struct memory_bus *bus, bool (*hook)(void *ctx))
{
    return hook != NULL && hook(bus->broker->faults.ctx);
}

static void push_confirm(struct memory_bus *bus, uint64_t number)
{
    struct pending *last = bus->out.last;

    /* Only what directly follows joins: whatever came before the last one
     * has been told already, so "all up to it" stays true. */
    if (last != NULL && last->event.kind == BUS_CONFIRMED &&
        last->event.number + 1 == number && bus->n_late == 0) {
        last->event.number = number;
        last->event.multiple = true;
        return;
    }
    push(bus, &bus->out, BUS_CONFIRMED)->number = number;
}

static void release_late(struct memory_bus *bus)
{
    for (size_t i = 0; i < bus->n_late; i++) {
        push(bus, &bus->out, BUS_CONFIRMED)->number = bus->late[i];
    }
    bus->n_late = 0;
}

static void confirm(struct memory_bus *bus, uint64_t number)
{
    if (decide(bus, bus->broker->faults.late)) {
        bus->late =
            xrealloc_array(bus->late, bus->n_late + 1, sizeof *bus->late);
        bus->late[bus->n_late++] = number;
        return;
    }
    push_confirm(bus, number);
    release_late(bus);
}

static void refuse(struct memory_bus *bus, uint64_t number, const char *reason)
{
    struct bus_event *event = push(bus, &bus->out, BUS_REFUSED);

    event->number = number;
    event->reason = reason;
}

static enum err memory_publish(struct bus *base,
                               const struct bus_message *message,
                               uint64_t *number)
{
    struct memory_bus *bus = memory_of(base);
    struct broker *broker = bus->broker;

    if (!bus->out.up || bus->blocked) {
        return ERR_UNAVAILABLE;
    }
    *number = ++bus->number;
    if (!bus->out.linked) {
        return ERR_OK;
    }
    if (decide(bus, broker->faults.swallow) ||
        !broker_exchange_is(broker, message->exchange)) {
        tell_lost(bus, &bus->out);
        bus->n_late = 0;
    } else if (decide(bus, broker->faults.nack)) {
        refuse(bus, *number, "nacked by the broker");
    } else if (broker_route(broker, message, bus->user) == 0 &&
               message->mandatory) {
        refuse(bus, *number, "returned: no queue takes it");
    } else {
        confirm(bus, *number);
    }
    return ERR_OK;
}

static enum err memory_ack(struct bus *base, size_t queue, uint64_t tag)
{
    struct memory_bus *bus = memory_of(base);
    struct subscription *subscription;
    struct broker_queue *target;

    BUG_IF(queue >= bus->n_subscriptions);
    if (!bus->in.up) {
        return ERR_UNAVAILABLE;
    }
    subscription = &bus->subscriptions[queue];
    BUG_IF(tag > subscription->handed || tag <= subscription->acked);
    subscription->acked = tag;
    if (bus->in.linked) {
        target = broker_queue_find(bus->broker, subscription->queue);
        BUG_IF(target == NULL);
        broker_acknowledge(target, tag);
        broker_pump(bus->broker, target);
    }
    return ERR_OK;
}

static enum err memory_prove(struct bus *base, size_t queue)
{
    struct memory_bus *bus = memory_of(base);

    BUG_IF(queue >= bus->n_subscriptions);
    if (!bus->in.up) {
        return ERR_UNAVAILABLE;
    }
    if (!bus->in.linked) {
        tell_lost(bus, &bus->in);
        return ERR_UNAVAILABLE;
    }
    return ERR_OK;
}

static enum err memory_look(struct bus *base, const char *queue,
                            struct bus_queue_state *state)
{
    struct memory_bus *bus = memory_of(base);
    const struct broker_queue *found;

    if (!bus->out.up || !bus->out.linked) {
        return ERR_UNAVAILABLE;
    }
    found = broker_queue_find(bus->broker, queue);
    if (found == NULL) {
        return ERR_NOT_FOUND;
    }
    *state = (struct bus_queue_state){.messages = found->ready.n};
    for (const struct broker_consumer *at = found->consumers; at != NULL;
         at = at->next) {
        state->consumers++;
    }
    return ERR_OK;
}

/* Who reads it learns nothing, as from the real one without a cancel. */
static enum err memory_remove(struct bus *base, const char *queue)
{
    struct memory_bus *bus = memory_of(base);
    struct broker_queue *found;

    if (!bus->out.up || !bus->out.linked) {
        return ERR_UNAVAILABLE;
    }
    found = broker_queue_find(bus->broker, queue);
    BUG_IF(found != NULL && found->consumers != NULL);
    if (found != NULL) {
        broker_queue_remove(bus->broker, found);
    }
    return ERR_OK;
}

static void note_handed(struct memory_bus *bus, const struct bus_event *event)
{
    switch (event->kind) {
    case BUS_DELIVERY:
        bus->subscriptions[event->delivery.queue].handed = event->delivery.tag;
        break;
    case BUS_IN_UP:
        bus->in.up = true;
        break;
    case BUS_IN_LOST:
        bus->in.up = false;
        bus->in.told = false;
        break;
    case BUS_OUT_UP:
        bus->out.up = true;
        bus->number = 0;
        break;
    case BUS_OUT_LOST:
        bus->out.up = false;
        bus->out.told = false;
        bus->blocked = false;
        break;
    case BUS_BLOCKED:
    case BUS_UNBLOCKED:
        bus->blocked = event->kind == BUS_BLOCKED;
        break;
    case BUS_IDLE:
    case BUS_CONFIRMED:
    case BUS_REFUSED:
        break;
    }
}

static bool may_deliver(const struct memory_bus *bus, const struct half *half)
{
    const struct broker_faults *faults = &bus->broker->faults;

    if (half->first == NULL ||
        (bus->paused && half->first->event.kind == BUS_DELIVERY)) {
        return false;
    }
    return faults->deliver == NULL || faults->deliver(faults->ctx, half->name);
}

/* The connection whose next event is handed out, the older event first. */
static struct half *choose(struct memory_bus *bus)
{
    struct half *older = &bus->in;
    struct half *newer = &bus->out;

    if (older->first == NULL ||
        (newer->first != NULL && newer->first->at < older->first->at)) {
        older = &bus->out;
        newer = &bus->in;
    }
    if (may_deliver(bus, older)) {
        return older;
    }
    return may_deliver(bus, newer) ? newer : NULL;
}

static void memory_pause(struct bus *base, bool on)
{
    memory_of(base)->paused = on;
}

static enum err memory_poll(struct bus *base, int timeout_ms,
                            struct bus_event *event)
{
    struct memory_bus *bus = memory_of(base);
    struct half *half;

    (void)timeout_ms;
    connect_both(bus);
    if (bus->out.first == NULL && bus->out.linked) {
        release_late(bus);
    }
    free_pending(bus->current);
    bus->current = NULL;
    half = choose(bus);
    if (half == NULL) {
        *event = (struct bus_event){.kind = BUS_IDLE, .reason = ""};
        return ERR_OK;
    }
    bus->current = take(half);
    note_handed(bus, &bus->current->event);
    *event = bus->current->event;
    return ERR_OK;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): an operation's form. */
static int memory_fds(struct bus *base, int fds[2])
{
    (void)base;
    fds[0] = -1;
    fds[1] = -1;
    return 0;
}

static const struct bus_ops memory_ops = {
    .close = memory_close,
    .consume = memory_consume,
    .declare = memory_declare,
    .publish = memory_publish,
    .ack = memory_ack,
    .prove = memory_prove,
    .look = memory_look,
    .remove = memory_remove,
    .pause = memory_pause,
    .poll = memory_poll,
    .fds = memory_fds,
};

static void init_half(struct half *half, const char *name, const char *suffix,
                      enum bus_event_kind on_lost)
{
    (void)snprintf(half->name, sizeof half->name, "%s.%s", name, suffix);
    half->on_lost = on_lost;
}

struct bus *broker_open(struct broker *broker, const char *name,
                        const char *user)
{
    struct memory_bus *bus = xcalloc(1, sizeof *bus);

    bus->bus.ops = &memory_ops;
    bus->broker = broker;
    bus->user = xstrdup(user);
    init_half(&bus->in, name, "in", BUS_IN_LOST);
    init_half(&bus->out, name, "out", BUS_OUT_LOST);
    bus->next = broker->buses;
    broker->buses = bus;
    return &bus->bus;
}

static void cut_half(struct memory_bus *bus, struct half *half)
{
    if (!half->told) {
        tear(bus, half);
        tell_lost(bus, half);
    }
}

void broker_cut(struct broker *broker, struct bus *bus, bool in, bool out)
{
    struct memory_bus *cut = memory_of(bus);

    BUG_IF(cut->broker != broker);
    if (in) {
        cut_half(cut, &cut->in);
        detach(cut);
    }
    if (out) {
        cut_half(cut, &cut->out);
        cut->n_late = 0;
    }
}

static bool reads(const struct memory_bus *bus, const char *queue)
{
    for (size_t i = 0; i < bus->n_subscriptions; i++) {
        if (strcmp(bus->subscriptions[i].queue, queue) == 0) {
            return true;
        }
    }
    return false;
}

void broker_delete(struct broker *broker, const char *queue)
{
    struct broker_queue *found = broker_queue_find(broker, queue);

    for (struct memory_bus *bus = broker->buses; bus != NULL; bus = bus->next) {
        if (reads(bus, queue)) {
            broker_cut(broker, &bus->bus, true, false);
        }
    }
    if (found != NULL) {
        broker_queue_remove(broker, found);
    }
}

void broker_disown(struct broker *broker, struct bus *bus,
                   bool stalled_publishes)
{
    struct memory_bus *lost = memory_of(bus);

    BUG_IF(lost->broker != broker);
    lost->in.linked = false;
    detach(lost);
    if (!stalled_publishes) {
        lost->out.linked = false;
        lost->n_late = 0;
    }
}

void broker_stop(struct broker *broker)
{
    /* No delivery to the next process on the way down. */
    broker->stopped = true;
    for (struct memory_bus *bus = broker->buses; bus != NULL; bus = bus->next) {
        broker_cut(broker, &bus->bus, true, true);
    }
}

void broker_start(struct broker *broker)
{
    broker->stopped = false;
}

void broker_restart(struct broker *broker)
{
    broker_stop(broker);
    broker_start(broker);
}

void broker_block(struct broker *broker, bool blocked)
{
    struct memory_bus *bus = broker->buses;

    if (broker->blocked == blocked) {
        return;
    }
    broker->blocked = blocked;
    for (; bus != NULL; bus = bus->next) {
        if (bus->out.linked) {
            push(bus, &bus->out, blocked ? BUS_BLOCKED : BUS_UNBLOCKED)
                ->reason = "blocked by the test";
        }
    }
}
