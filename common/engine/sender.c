/* SPDX-License-Identifier: Apache-2.0 */
/** The sending side: order, numbers, window, sending again. */
#include "common/engine/sender.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

enum {
    RING_FIRST = 64,
    NO_TARGET = SENDER_TARGETS_MAX
};

enum item_state {
    ITEM_STAGED,
    ITEM_READY,
    ITEM_SENT,
    ITEM_CONFIRMED
};

struct item {
    enum item_state state;
    size_t target;     /* NO_TARGET: a message of its own */
    uint64_t sequence; /* for its target */
    uint64_t number;   /* of its last publish on this connection */
    uint64_t batch;
    uint64_t outbox;
    struct bus_message message; /* text members owned */
};

struct target {
    char queue[BUS_NAME_MAX + 1];
    uint64_t next;      /* sequence of the next envelope */
    uint64_t confirmed; /* all up to it are confirmed */
    uint64_t bytes;
};

struct sender {
    char name[ENVELOPE_NAME_MAX + 1];
    uint64_t epoch;
    struct target targets[SENDER_TARGETS_MAX];
    size_t n_targets;
    struct item *ring; /* from head, n of cap (a power of two) */
    size_t head;
    size_t n;
    size_t cap;
    size_t unconfirmed_bytes;
    size_t next_ready; /* no READY item stands before this offset */
    uint64_t outbox_confirmed;
};

struct sender *sender_new(const char *name)
{
    struct sender *sender = xcalloc(1, sizeof *sender);

    (void)snprintf(sender->name, sizeof sender->name, "%s", name);
    return sender;
}

static struct item *at(const struct sender *sender, size_t offset)
{
    return &sender->ring[(sender->head + offset) & (sender->cap - 1)];
}

static char *own(const char *text)
{
    return xstrdup(text != NULL ? text : "");
}

/* The members are const for everybody else; the sender owns them. */
static void release_text(const char *text)
{
    free((void *)(uintptr_t)text);
}

static void item_fini(struct item *item)
{
    release_text(item->message.exchange);
    release_text(item->message.routing_key);
    release_text(item->message.properties.content_type);
    release_text(item->message.properties.message_id);
    release_text(item->message.body);
}

void sender_free(struct sender *sender)
{
    if (sender == NULL) {
        return;
    }
    for (size_t i = 0; i < sender->n; i++) {
        item_fini(at(sender, i));
    }
    free(sender->ring);
    free(sender);
}

void sender_set_epoch(struct sender *sender, uint64_t epoch)
{
    sender->epoch = epoch;
    for (size_t i = 0; i < sender->n_targets; i++) {
        sender->targets[i].next = 1;
        sender->targets[i].confirmed = 0;
    }
}

size_t sender_add_target(struct sender *sender, const char *queue)
{
    struct target *target;

    BUG_IF(sender->n_targets == SENDER_TARGETS_MAX);
    target = &sender->targets[sender->n_targets];
    *target = (struct target){.next = 1};
    (void)snprintf(target->queue, sizeof target->queue, "%s", queue);
    return sender->n_targets++;
}

const char *sender_target_queue(const struct sender *sender, size_t target)
{
    return sender->targets[target].queue;
}

size_t sender_n_targets(const struct sender *sender)
{
    return sender->n_targets;
}

static void grow(struct sender *sender)
{
    size_t cap = sender->cap > 0 ? 2 * sender->cap : RING_FIRST;
    struct item *ring = xcalloc(cap, sizeof *ring);

    for (size_t i = 0; i < sender->n; i++) {
        ring[i] = *at(sender, i);
    }
    free(sender->ring);
    sender->ring = ring;
    sender->cap = cap;
    sender->head = 0;
}

static void push(struct sender *sender, const struct item *item)
{
    if (sender->n == sender->cap) {
        grow(sender);
    }
    sender->n++;
    *at(sender, sender->n - 1) = *item;
}

void sender_add_envelope(struct sender *sender, size_t target,
                         const struct buf *contents, uint64_t outbox,
                         uint64_t batch)
{
    struct target *to = &sender->targets[target];
    struct envelope_header header = {.epoch = sender->epoch,
                                     .sequence = to->next,
                                     .confirmed = to->confirmed};
    struct buf body;
    struct item item = {.state = ITEM_STAGED,
                        .target = target,
                        .sequence = to->next++,
                        .outbox = outbox,
                        .batch = batch};

    memcpy(header.sender, sender->name, sizeof header.sender);
    buf_init(&body, ENVELOPE_MESSAGE_MAX);
    envelope_seal(&header, contents, &body);
    BUG_IF(body.overflow);
    item.message = (struct bus_message){.exchange = own(""),
                                        .routing_key = own(to->queue),
                                        .mandatory = true,
                                        .len = body.len};
    item.message.properties.content_type = own(ENVELOPE_CONTENT_TYPE);
    item.message.properties.message_id = own("");
    item.message.body = buf_take(&body);
    to->bytes += item.message.len;
    push(sender, &item);
}

void sender_add_message(struct sender *sender,
                        const struct bus_message *message, uint64_t outbox,
                        uint64_t batch)
{
    const struct bus_properties *from = &message->properties;
    struct item item = {.state = ITEM_STAGED,
                        .target = NO_TARGET,
                        .outbox = outbox,
                        .batch = batch,
                        .message = *message};

    item.message.exchange = own(message->exchange);
    item.message.routing_key = own(message->routing_key);
    item.message.properties.content_type = own(from->content_type);
    item.message.properties.message_id = own(from->message_id);
    item.message.body = xmemdup(message->body, message->len);
    push(sender, &item);
}

void sender_release(struct sender *sender)
{
    /* Staged items are the newest: walk back until the first that is not. */
    for (size_t i = sender->n; i > 0; i--) {
        struct item *item = at(sender, i - 1);

        if (item->state != ITEM_STAGED) {
            break;
        }
        item->state = ITEM_READY;
    }
}

enum err sender_step(struct sender *sender, struct bus *bus)
{
    struct item *item = NULL;
    enum err err;

    while (sender->next_ready < sender->n) {
        item = at(sender, sender->next_ready);
        if (item->state == ITEM_READY) {
            break;
        }
        if (item->state == ITEM_STAGED) {
            return ERR_NOT_FOUND;
        }
        sender->next_ready++;
    }
    if (item == NULL || sender->next_ready == sender->n) {
        return ERR_NOT_FOUND;
    }
    if (sender->unconfirmed_bytes > 0 &&
        sender->unconfirmed_bytes + item->message.len >
            SENDER_UNCONFIRMED_BYTES) {
        return ERR_NOT_FOUND;
    }
    err = bus_publish(bus, &item->message, &item->number);
    if (err == ERR_OK) {
        item->state = ITEM_SENT;
        sender->unconfirmed_bytes += item->message.len;
        sender->next_ready++;
    }
    return err;
}

/* Drop what is confirmed at the front: nothing before it can need it again. */
static void pop_confirmed(struct sender *sender)
{
    while (sender->n > 0) {
        struct item *item = at(sender, 0);

        if (item->state != ITEM_CONFIRMED) {
            return;
        }
        if (item->outbox > sender->outbox_confirmed) {
            sender->outbox_confirmed = item->outbox;
        }
        if (item->target != NO_TARGET) {
            sender->targets[item->target].confirmed = item->sequence;
        }
        item_fini(item);
        sender->head = (sender->head + 1) & (sender->cap - 1);
        sender->n--;
        sender->next_ready -= sender->next_ready > 0;
    }
}

void sender_confirmed(struct sender *sender, uint64_t number, bool multiple)
{
    for (size_t i = 0; i < sender->n; i++) {
        struct item *item = at(sender, i);

        if (item->state == ITEM_SENT &&
            (item->number == number || (multiple && item->number < number))) {
            item->state = ITEM_CONFIRMED;
            sender->unconfirmed_bytes -= item->message.len;
            if (!multiple) {
                break;
            }
        }
        if (item->state == ITEM_STAGED) {
            break;
        }
    }
    pop_confirmed(sender);
}

/* From this offset on, what goes to the same place goes again, in order, for
 * the receiver ignored what came after the missing one. */
static void send_again(struct sender *sender, size_t from)
{
    size_t target = at(sender, from)->target;

    for (size_t i = from; i < sender->n; i++) {
        struct item *item = at(sender, i);

        if (item->target != target || item->state < ITEM_SENT) {
            continue;
        }
        if (item->state == ITEM_SENT) {
            sender->unconfirmed_bytes -= item->message.len;
        }
        item->state = ITEM_READY;
    }
    if (from < sender->next_ready) {
        sender->next_ready = from;
    }
}

void sender_refused(struct sender *sender, uint64_t number)
{
    for (size_t i = 0; i < sender->n; i++) {
        const struct item *item = at(sender, i);

        if (item->state == ITEM_SENT && item->number == number) {
            send_again(sender, i);
            return;
        }
    }
}

void sender_lost(struct sender *sender)
{
    for (size_t i = 0; i < sender->n; i++) {
        struct item *item = at(sender, i);

        if (item->state >= ITEM_SENT) {
            item->state = ITEM_READY;
        }
    }
    sender->unconfirmed_bytes = 0;
    sender->next_ready = 0;
}

bool sender_is_idle(const struct sender *sender)
{
    return sender->n == 0;
}

uint64_t sender_oldest_batch(const struct sender *sender)
{
    return sender->n > 0 ? at(sender, 0)->batch : UINT64_MAX;
}

uint64_t sender_outbox_confirmed(const struct sender *sender)
{
    return sender->outbox_confirmed;
}

size_t sender_mean_bytes(const struct sender *sender, size_t target)
{
    const struct target *to = &sender->targets[target];

    return to->next > 1 ? (size_t)(to->bytes / (to->next - 1)) : 0;
}
