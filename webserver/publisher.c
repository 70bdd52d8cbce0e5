/* SPDX-License-Identifier: Apache-2.0 */
/** Messages on their way to the broker, until each is confirmed. */
#include "webserver/publisher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

/* Below a socket's buffers, so that a write never waits for the broker. */
enum {
    UNCONFIRMED_BYTES_MAX = 512 * 1024
};

struct outgoing {
    TAILQ_ENTRY(outgoing) link;
    struct publish_job *job; /* NULL: nobody waits */
    size_t item;
    uint64_t number;
    bool mandatory;
    int64_t timestamp_ms;
    char *exchange, *routing_key, *content_type, *message_id;
    size_t len;
    char *body;
};

static struct outgoing *outgoing_new(const struct bus_message *message)
{
    struct outgoing *out = xcalloc(1, sizeof *out);

    out->mandatory = message->mandatory;
    out->timestamp_ms = message->properties.timestamp_ms;
    out->exchange = xstrdup(message->exchange);
    out->routing_key = xstrdup(message->routing_key);
    out->content_type = xstrdup(message->properties.content_type);
    out->message_id = xstrdup(message->properties.message_id);
    out->len = message->len;
    out->body = xmemdup(message->body, message->len);
    return out;
}

static void outgoing_free(struct outgoing *out)
{
    free(out->exchange);
    free(out->routing_key);
    free(out->content_type);
    free(out->message_id);
    free(out->body);
    free(out);
}

static void list_free(struct outgoing_list *list)
{
    struct outgoing *out;

    while ((out = TAILQ_FIRST(list)) != NULL) {
        TAILQ_REMOVE(list, out, link);
        outgoing_free(out);
    }
}

void publisher_init(struct publisher *publisher, struct bus *bus)
{
    *publisher = (struct publisher){.bus = bus, .reason = "not connected yet"};
    TAILQ_INIT(&publisher->unsent);
    TAILQ_INIT(&publisher->unconfirmed);
}

void publisher_fini(struct publisher *publisher)
{
    list_free(&publisher->unsent);
    list_free(&publisher->unconfirmed);
}

bool publisher_ready(const struct publisher *publisher, struct errbuf *why)
{
    if (publisher->up && !publisher->blocked) {
        return true;
    }
    errbuf_set(why, "the message broker takes nothing now: %s",
               publisher->reason);
    return false;
}

static enum err publish(struct publisher *publisher, struct outgoing *out)
{
    const struct bus_message message = {
        .exchange = out->exchange,
        .routing_key = out->routing_key,
        .mandatory = out->mandatory,
        .properties = {.content_type = out->content_type,
                       .message_id = out->message_id,
                       .user_id = "",
                       .timestamp_ms = out->timestamp_ms},
        .body = out->body,
        .len = out->len,
    };

    return bus_publish(publisher->bus, &message, &out->number);
}

static void pump(struct publisher *publisher)
{
    struct outgoing *out;

    while (publisher->up && !publisher->blocked &&
           (out = TAILQ_FIRST(&publisher->unsent)) != NULL) {
        if (publisher->unconfirmed_bytes > 0 &&
            publisher->unconfirmed_bytes + out->len > UNCONFIRMED_BYTES_MAX) {
            return;
        }
        if (publish(publisher, out) != ERR_OK) {
            return; /* an event of the bus says when to go on */
        }
        TAILQ_REMOVE(&publisher->unsent, out, link);
        TAILQ_INSERT_TAIL(&publisher->unconfirmed, out, link);
        publisher->unconfirmed_bytes += out->len;
    }
}

enum err publisher_send(struct publisher *publisher,
                        const struct bus_message *message,
                        struct publish_job *job, size_t item)
{
    struct outgoing *out;

    if (publisher->bytes + message->len > PUBLISHER_BYTES_MAX) {
        return ERR_LIMIT;
    }
    out = outgoing_new(message);
    out->job = job;
    out->item = item;
    publisher->bytes += out->len;
    TAILQ_INSERT_TAIL(&publisher->unsent, out, link);
    pump(publisher);
    return ERR_OK;
}

void publisher_abandon(struct publisher *publisher,
                       const struct publish_job *job)
{
    struct outgoing *out = TAILQ_FIRST(&publisher->unsent);
    struct outgoing *next;

    for (; out != NULL; out = next) {
        next = TAILQ_NEXT(out, link);
        if (out->job == job) {
            TAILQ_REMOVE(&publisher->unsent, out, link);
            publisher->bytes -= out->len;
            outgoing_free(out);
        }
    }
    TAILQ_FOREACH(out, &publisher->unconfirmed, link)
    {
        if (out->job == job) {
            out->job = NULL;
        }
    }
}

/* The broker's word on the first of the unconfirmed, or one in between. */
static void settle(struct publisher *publisher, struct outgoing *out,
                   const char *reason)
{
    TAILQ_REMOVE(&publisher->unconfirmed, out, link);
    publisher->unconfirmed_bytes -= out->len;
    publisher->bytes -= out->len;
    if (reason == NULL) {
        publisher->n_confirmed++;
    } else {
        publisher->n_refused++;
    }
    if (out->job != NULL) {
        out->job->done(out->job, out->item, reason);
    }
    outgoing_free(out);
}

static void settle_numbers(struct publisher *publisher,
                           const struct bus_event *event, const char *reason)
{
    struct outgoing *out = TAILQ_FIRST(&publisher->unconfirmed);
    struct outgoing *next;

    for (; out != NULL && out->number <= event->number; out = next) {
        next = TAILQ_NEXT(out, link);
        if (event->multiple || out->number == event->number) {
            settle(publisher, out, reason);
        }
    }
}

/* Nothing unconfirmed is known: all of it goes again, in order. What nobody
 * waits for goes too, it may have been promised with an id. */
static void take_back(struct publisher *publisher)
{
    TAILQ_CONCAT(&publisher->unconfirmed, &publisher->unsent, link);
    TAILQ_CONCAT(&publisher->unsent, &publisher->unconfirmed, link);
    publisher->unconfirmed_bytes = 0;
}

static void set_reason(struct publisher *publisher, const char *what,
                       const char *reason)
{
    (void)snprintf(publisher->reason, sizeof publisher->reason, "%s%s%s", what,
                   reason != NULL ? ": " : "", reason != NULL ? reason : "");
}

void publisher_event(struct publisher *publisher, const struct bus_event *event)
{
    switch (event->kind) {
    case BUS_CONFIRMED:
        settle_numbers(publisher, event, NULL);
        break;
    case BUS_REFUSED:
        settle_numbers(publisher, event,
                       event->reason != NULL ? event->reason : "refused");
        break;
    case BUS_OUT_UP:
        publisher->up = true;
        publisher->blocked = false;
        break;
    case BUS_OUT_LOST:
        publisher->up = false;
        set_reason(publisher, "the connection is lost", event->reason);
        take_back(publisher);
        break;
    case BUS_BLOCKED:
        publisher->blocked = true;
        set_reason(publisher, "the broker blocks publishers", event->reason);
        break;
    case BUS_UNBLOCKED:
        publisher->blocked = false;
        break;
    case BUS_IDLE:
    case BUS_DELIVERY:
    case BUS_IN_UP:
    case BUS_IN_LOST:
        return;
    }
    pump(publisher);
}
