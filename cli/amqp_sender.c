/* SPDX-License-Identifier: Apache-2.0 */
/** Events straight to the message bus, as a connector publishes them. */
#include "cli/amqp_sender.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/hyp.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/bus/bus_amqp.h"
#include "common/bus/topology.h"
#include "common/connector/outlet.h"
#include "common/event/event_json.h"
#include "common/event/event_wire.h"

enum {
    CONNECT_MS = 10000,
    CONFIRM_MS = 30000,
    POLL_MS = 100,
    EVENT_BYTES_MAX = 1024 * 1024,
    UNCONFIRMED_MAX = 500,
    ID_BYTES = 16,
    NUMBER_ROOM = 24, /* a number behind the id, with its mark */
    PENDING_BYTES_MAX = 16 * 1024 * 1024,
    SPOOL_SEGMENT_BYTES = 8 * 1024 * 1024,
    DRAIN_MS = 5000 /* without any confirm: then it is left for the next */
};

#define SPOOL_BYTES  (INT64_C(1024) * 1024 * 1024)
#define SPOOL_FOLDER HYP_LOCALSTATEDIR "/spool/hyp"

/* What the broker has not answered. */
struct pending {
    uint64_t number; /* of the publish */
    size_t index;    /* of the event in its body */
    uint64_t id;
    int64_t received_ms;
    char *routing_key;
    char *body;
    size_t len;
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
    struct pending pending[UNCONFIRMED_MAX + 2]; /* in order of numbers */
    size_t n_pending;
    size_t pending_bytes;
    /* once the broker could not be reached, or where older ones wait */
    char *folder;
    struct spool *spool;
    struct outlet *outlet; /* NULL: not needed so far */
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
    if (err == ERR_OK) {
        err = conf_check(sender->conf, why);
    }
    free(path);
    return err;
}

static void pending_free(struct amqp_sender *sender, struct pending *pending)
{
    sender->pending_bytes -= pending->len;
    free(pending->routing_key);
    free(pending->body);
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
        struct pending *pending = &sender->pending[i];

        if (is_answered(pending, event)) {
            sender->item(sender->ctx, pending->index,
                         event->kind == BUS_REFUSED ? &why : NULL);
            pending_free(sender, pending);
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

/* --- what waits on disk -----------------------------------------------------
 */

static void message_id(const struct amqp_sender *sender, uint64_t number,
                       char *out, size_t size)
{
    (void)snprintf(out, size, "%s-%llu", sender->id,
                   (unsigned long long)number);
}

static enum err keep(struct amqp_sender *sender, const struct pending *pending,
                     struct errbuf *why)
{
    char id[sizeof sender->id + NUMBER_ROOM];
    const struct outlet_message message = {.routing_key = pending->routing_key,
                                           .message_id = id,
                                           .received_ms = pending->received_ms,
                                           .body = pending->body,
                                           .len = pending->len};

    message_id(sender, pending->id, id, sizeof id);
    return outlet_add(sender->outlet, &message, why);
}

/* What the broker has not answered goes to the disk, under the same ids. */
static bool keep_pending(struct amqp_sender *sender, struct errbuf *why)
{
    for (size_t i = 0; i < sender->n_pending; i++) {
        struct pending *pending = &sender->pending[i];

        if (keep(sender, pending, why) != ERR_OK) {
            return false;
        }
        sender->item(sender->ctx, pending->index, NULL);
        pending_free(sender, pending);
    }
    sender->n_pending = 0;
    return true;
}

static bool open_spool(struct amqp_sender *sender, struct errbuf *why)
{
    const struct spool_conf conf = {sender->folder, SPOOL_BYTES,
                                    SPOOL_SEGMENT_BYTES};

    return sender->spool != NULL ||
           spool_open(&conf, &sender->spool, why) == ERR_OK;
}

/* From here on everything goes by the disk. */
static void begin_outlet(struct amqp_sender *sender)
{
    const struct bus_event up = {.kind = BUS_OUT_UP};

    sender->outlet = outlet_new(sender->bus, sender->spool, sender->exchange);
    if (sender->up) {
        outlet_event(sender->outlet, &up, clock_mono_ms());
    }
}

/* False, and told: it can be neither sent nor kept. */
static bool turn_to_disk(struct amqp_sender *sender)
{
    struct errbuf why = {0};

    if (!open_spool(sender, &why)) {
        hyp_say("nor can it be kept for later: %s", why.text);
        return false;
    }
    begin_outlet(sender);
    if (!keep_pending(sender, &why)) {
        hyp_say("nor can all be kept for later: %s", why.text);
        return false;
    }
    sender->failed = false;
    return true;
}

static void turn(struct amqp_sender *sender, int wait_ms)
{
    struct bus_event event = {.kind = BUS_IDLE};

    outlet_pump(sender->outlet, clock_mono_ms());
    do {
        if (bus_poll(sender->bus, wait_ms, &event) != ERR_OK) {
            return;
        }
        outlet_event(sender->outlet, &event, clock_mono_ms());
        wait_ms = 0;
    } while (event.kind != BUS_IDLE);
    outlet_pump(sender->outlet, clock_mono_ms());
}

/* While the broker confirms, it gets what waits. */
static void drain(struct amqp_sender *sender)
{
    struct outlet_state state;
    uint64_t confirmed = 0;
    int64_t until_ms = clock_mono_ms() + DRAIN_MS;

    outlet_get_state(sender->outlet, &state);
    while (state.waiting > 0 && clock_mono_ms() < until_ms) {
        turn(sender, POLL_MS);
        outlet_get_state(sender->outlet, &state);
        if (state.confirmed > confirmed) {
            confirmed = state.confirmed;
            until_ms = clock_mono_ms() + DRAIN_MS;
        }
        if (!state.ready) {
            break;
        }
    }
    if (state.waiting > 0) {
        hyp_say("%llu events wait in %s until the next 'hyp send --amqp' that "
                "reaches the message broker",
                (unsigned long long)state.waiting, sender->folder);
    }
}

/* Events that an earlier run left go first. */
static void look_for_waiting(struct amqp_sender *sender)
{
    struct errbuf why;

    /* Who may not use it has left nothing there. */
    if (access(sender->folder, R_OK | W_OK | X_OK) == 0 &&
        open_spool(sender, &why) && spool_has_next(sender->spool)) {
        begin_outlet(sender);
    }
}

static bool connect_bus(struct amqp_sender *sender)
{
    if (bus_declare(sender->bus, "Engine_cleaner") == ERR_OK &&
        poll_until(sender, 0, CONNECT_MS)) {
        look_for_waiting(sender);
        return true;
    }
    hyp_say("cannot reach the message broker at %s port %lld",
            sender->amqp.host, (long long)sender->amqp.port);
    return turn_to_disk(sender);
}

struct amqp_sender *amqp_sender_open(const char *config_dir, const char *spool)
{
    struct amqp_sender *sender = xcalloc(1, sizeof *sender);
    struct errbuf why = {0};

    sender->folder = xstrdup(spool != NULL ? spool : SPOOL_FOLDER);
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
    if (!connect_bus(sender)) {
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
    if (sender->outlet != NULL) {
        drain(sender);
        outlet_free(sender->outlet);
    }
    spool_close(sender->spool);
    if (sender->bus != NULL) {
        bus_close(sender->bus);
    }
    for (size_t i = 0; i < sender->n_pending; i++) {
        pending_free(sender, &sender->pending[i]);
    }
    event_parser_free(sender->parser);
    doc_out_free(sender->doc);
    buf_fini(&sender->event);
    conf_free(sender->conf);
    free(sender->folder);
    free(sender);
}

/* --- sending ----------------------------------------------------------------
 */

/* Room for one more: few and small enough are unanswered. */
static bool wait_for_room(struct amqp_sender *sender)
{
    size_t most =
        sender->pending_bytes > PENDING_BYTES_MAX ? 0 : UNCONFIRMED_MAX;

    return poll_until(sender, most, CONFIRM_MS);
}

static bool publish(struct amqp_sender *sender, struct pending *pending)
{
    char id[sizeof sender->id + NUMBER_ROOM];
    const struct bus_message message = {
        .exchange = sender->exchange,
        .routing_key = pending->routing_key,
        .mandatory = true,
        .properties = {.content_type = "application/json",
                       .message_id = id,
                       .user_id = "",
                       .timestamp_ms = pending->received_ms},
        .body = pending->body,
        .len = pending->len,
    };

    message_id(sender, pending->id, id, sizeof id);
    return wait_for_room(sender) &&
           bus_publish(sender->bus, &message, &pending->number) == ERR_OK;
}

/* One that could not be sent is the last of those not answered. */
static void send_or_keep(struct amqp_sender *sender, struct pending *pending)
{
    struct errbuf why = {0};

    sender->pending_bytes += pending->len;
    if (sender->outlet == NULL) {
        bool sent = publish(sender, pending);

        sender->pending[sender->n_pending++] = *pending;
        if (!sent) {
            hyp_say("the message broker does not confirm");
            sender->failed = !turn_to_disk(sender);
        }
        return;
    }
    if (keep(sender, pending, &why) == ERR_OK) {
        sender->item(sender->ctx, pending->index, NULL);
        turn(sender, 0);
    } else {
        hyp_say("an event can be neither sent nor kept: %s", why.text);
        sender->failed = true;
    }
    pending_free(sender, pending);
}

static void on_valid(void *ctx, uint32_t index, const struct event *event)
{
    struct amqp_sender *sender = ctx;
    struct errbuf why = {0};
    struct pending pending = {.index = index};

    sender->n++;
    if (sender->failed) {
        return;
    }
    buf_clear(&sender->event);
    event_write_json(event, sender->doc, &sender->event);
    if (sender->event.overflow) {
        errbuf_set(&why, "the event is larger than 1 MiB");
        sender->item(sender->ctx, index, &why);
        return;
    }
    pending.id = sender->n_ids++;
    pending.received_ms = event->received_ms;
    pending.routing_key = xstrdup(event->rk);
    pending.len = sender->event.len;
    pending.body = xmemdup(sender->event.data, sender->event.len);
    send_or_keep(sender, &pending);
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
    if (sender->outlet == NULL && !sender->failed &&
        !poll_until(sender, 0, CONFIRM_MS)) {
        hyp_say("the message broker does not confirm");
        sender->failed = !turn_to_disk(sender);
    }
    if (sender->failed) {
        hyp_say("what was sent may or may not have arrived");
        return ERR_UNAVAILABLE;
    }
    return ERR_OK;
}
