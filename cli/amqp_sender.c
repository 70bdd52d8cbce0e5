/* SPDX-License-Identifier: Apache-2.0 */
/** Events straight to the message bus, as a connector publishes them. */
#include "cli/amqp_sender.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/hyp.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/bus/bus_amqp.h"
#include "common/bus/topology.h"
#include "common/event/event_json.h"
#include "common/event/event_wire.h"

enum {
    CONNECT_MS = 10000,
    CONFIRM_MS = 30000,
    POLL_MS = 100,
    EVENT_BYTES_MAX = 1024 * 1024,
    UNCONFIRMED_MAX = 500,
    ID_BYTES = 16,
    NUMBER_ROOM = 24 /* a number behind the id, with its mark */
};

/* What the broker has not answered. */
struct pending {
    uint64_t number; /* of the publish */
    size_t index;    /* of the event in its body */
};

struct amqp_sender {
    struct bus_amqp_conf amqp;
    struct conf_part part;
    struct conf *conf;
    struct bus *bus;
    struct event_parser *parser;
    struct doc_out *doc;
    struct buf event;
    char exchange[BUS_NAME_MAX + 1];
    char id[2 * ID_BYTES + 1]; /* of all messages of this run */
    uint64_t n_ids;
    bool up;
    bool failed;                                 /* told already */
    struct pending pending[UNCONFIRMED_MAX + 1]; /* in order of numbers */
    size_t n_pending;
    /* one call of send */
    amqp_item_fn *item;
    void *ctx;
    size_t n;
};

static enum err read_conf(struct amqp_sender *sender, const char *folder,
                          struct errbuf *why)
{
    char *path = xasprintf("%s/amqp.conf", folder);
    enum err err;

    sender->part = (struct conf_part){bus_amqp_options, &sender->amqp};
    sender->conf = conf_new(&sender->part, 1);
    conf_set_folder(sender->conf, folder);
    err = conf_read_file(sender->conf, path, why);
    if (err == ERR_OK || err == ERR_NOT_FOUND) {
        err = conf_read_env(sender->conf, why);
    }
    free(path);
    return err;
}

static bool is_answered(const struct pending *pending,
                        const struct bus_event *event)
{
    return pending->number == event->number ||
           (event->multiple && pending->number < event->number);
}

/* Tell what this answer speaks of, and keep the others. */
static void settle(struct amqp_sender *sender, const struct bus_event *event)
{
    struct errbuf why = {0};
    size_t kept = 0;

    errbuf_set(&why, "%s", event->reason != NULL ? event->reason : "refused");
    for (size_t i = 0; i < sender->n_pending; i++) {
        const struct pending *pending = &sender->pending[i];

        if (is_answered(pending, event)) {
            sender->item(sender->ctx, pending->index,
                         event->kind == BUS_REFUSED ? &why : NULL);
        } else {
            sender->pending[kept++] = *pending;
        }
    }
    sender->n_pending = kept;
}

static void on_event(struct amqp_sender *sender, const struct bus_event *event)
{
    switch (event->kind) {
    case BUS_OUT_UP:
        sender->up = true;
        break;
    case BUS_OUT_LOST:
        sender->up = false;
        sender->failed = sender->failed || sender->n_pending > 0;
        break;
    case BUS_CONFIRMED:
    case BUS_REFUSED:
        settle(sender, event);
        break;
    case BUS_IDLE:
    case BUS_DELIVERY:
    case BUS_IN_UP:
    case BUS_IN_LOST:
    case BUS_BLOCKED:
    case BUS_UNBLOCKED:
        break;
    }
}

/* Poll until at most `most` are unconfirmed (and it is connected). */
static bool poll_until(struct amqp_sender *sender, size_t most,
                       int64_t timeout_ms)
{
    int64_t until_ms = clock_mono_ms() + timeout_ms;
    struct bus_event event;

    while (!sender->up || sender->n_pending > most) {
        if (sender->failed || clock_mono_ms() > until_ms ||
            bus_poll(sender->bus, POLL_MS, &event) != ERR_OK) {
            return false;
        }
        on_event(sender, &event);
    }
    return true;
}

struct amqp_sender *amqp_sender_open(const char *config_dir)
{
    struct amqp_sender *sender = xcalloc(1, sizeof *sender);
    struct errbuf why = {0};

    buf_init(&sender->event, EVENT_BYTES_MAX);
    random_hex(sender->id, ID_BYTES);
    if (read_conf(sender, config_dir != NULL ? config_dir : HYP_SYSCONFDIR,
                  &why) != ERR_OK) {
        hyp_say("%s", why.text);
        amqp_sender_close(sender);
        return NULL;
    }
    (void)bus_exchange_name(sender->amqp.exchange_name, BUS_EVENTS,
                            sender->exchange);
    sender->parser = event_parser_new(&event_limits_default);
    sender->doc = doc_out_new();
    sender->bus = bus_amqp_open(&sender->amqp, "hyp");
    if (bus_declare(sender->bus, "Engine_cleaner") != ERR_OK ||
        !poll_until(sender, 0, CONNECT_MS)) {
        hyp_say("cannot reach the message broker at %s port %lld",
                sender->amqp.host, (long long)sender->amqp.port);
        amqp_sender_close(sender);
        return NULL;
    }
    return sender;
}

void amqp_sender_close(struct amqp_sender *sender)
{
    if (sender == NULL) {
        return;
    }
    if (sender->bus != NULL) {
        bus_close(sender->bus);
    }
    event_parser_free(sender->parser);
    doc_out_free(sender->doc);
    buf_fini(&sender->event);
    conf_free(sender->conf);
    free(sender);
}

static bool publish(struct amqp_sender *sender, const struct event *event,
                    size_t index)
{
    char id[sizeof sender->id + NUMBER_ROOM];
    const struct bus_message message = {
        .exchange = sender->exchange,
        .routing_key = event->rk,
        .mandatory = true,
        .properties = {.content_type = "application/json",
                       .message_id = id,
                       .user_id = "",
                       .timestamp_ms = event->received_ms},
        .body = sender->event.data,
        .len = sender->event.len,
    };
    uint64_t number;

    (void)snprintf(id, sizeof id, "%s-%llu", sender->id,
                   (unsigned long long)sender->n_ids++);
    if (!poll_until(sender, UNCONFIRMED_MAX, CONFIRM_MS) ||
        bus_publish(sender->bus, &message, &number) != ERR_OK) {
        return false;
    }
    sender->pending[sender->n_pending++] = (struct pending){number, index};
    return true;
}

static void on_valid(void *ctx, uint32_t index, const struct event *event)
{
    struct amqp_sender *sender = ctx;
    struct errbuf why = {0};

    sender->n++;
    if (sender->failed) {
        return;
    }
    buf_clear(&sender->event);
    event_write_json(event, sender->doc, &sender->event);
    if (sender->event.overflow) {
        errbuf_set(&why, "the event is larger than 1 MiB");
        sender->item(sender->ctx, index, &why);
    } else if (!publish(sender, event, index)) {
        sender->failed = true;
    }
}

static void on_refused(void *ctx, uint32_t index, const char *text, size_t len,
                       const struct errbuf *why)
{
    struct amqp_sender *sender = ctx;

    (void)text;
    (void)len;
    sender->n++;
    sender->item(sender->ctx, index, why);
}

enum err amqp_sender_send(struct amqp_sender *sender, const struct buf *body,
                          amqp_item_fn *item, void *ctx, size_t *n)
{
    const struct event_sink sink = {sender, on_valid, on_refused};

    sender->item = item;
    sender->ctx = ctx;
    sender->n = 0;
    (void)event_parse(sender->parser, buf_str(body), body->len, clock_now_ms(),
                      &sink);
    *n = sender->n;
    if (sender->failed || !poll_until(sender, 0, CONFIRM_MS)) {
        hyp_say("the message broker does not confirm: what was sent may or may "
                "not have arrived");
        return ERR_UNAVAILABLE;
    }
    return ERR_OK;
}
