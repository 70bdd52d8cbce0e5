/* SPDX-License-Identifier: Apache-2.0 */
/** The suite's queues, looked after while no engine runs. */
#include "control/queues.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/bus/bus_amqp.h"

enum {
    PATIENCE_MS = 15000,
    POLL_MS = 100,
    PREFETCH = 1 /* nothing else comes while one is passed on */
};

static const char client_name[] = "hypcontrol";

struct queues {
    struct bus_amqp_conf values;
    struct conf_part part;
    struct conf *conf;
    struct bus *bus;
};

/* Poll until an event of that kind; others are passed over. */
static enum err await(struct bus *bus, enum bus_event_kind kind,
                      struct bus_event *event, struct errbuf *why)
{
    int64_t until_ms = clock_mono_ms() + PATIENCE_MS;
    const char *reason = "it does not answer";

    while (clock_mono_ms() < until_ms) {
        enum err err = bus_poll(bus, POLL_MS, event);

        if (err != ERR_OK || event->kind == kind) {
            return err;
        }
        if (event->kind == BUS_OUT_LOST || event->kind == BUS_BLOCKED ||
            event->kind == BUS_REFUSED || event->kind == BUS_IN_LOST) {
            reason = event->reason;
            if (kind != BUS_OUT_UP) {
                break; /* begun again by who goes on with the whole */
            }
        }
    }
    errbuf_set(why, "broker: %.300s", reason);
    return ERR_UNAVAILABLE;
}

static enum err read_conf(const struct suite *suite, struct queues *queues,
                          struct errbuf *why)
{
    char *path = suite_etc_path(suite, "amqp.conf");
    enum err err;

    queues->part = (struct conf_part){bus_amqp_options, &queues->values};
    queues->conf = conf_new(&queues->part, 1);
    err = conf_read_file(queues->conf, path, why);
    if (err == ERR_OK) {
        err = conf_read_env(queues->conf, why);
    }
    if (err == ERR_OK) {
        err = conf_check(queues->conf, why);
    }
    free(path);
    return err;
}

enum err queues_open(const struct suite *suite, struct queues **out,
                     struct errbuf *why)
{
    struct queues *queues = xcalloc(1, sizeof *queues);
    struct bus_event event;
    enum err err = read_conf(suite, queues, why);

    if (err == ERR_OK) {
        queues->bus = bus_amqp_open(&queues->values, client_name);
        err = await(queues->bus, BUS_OUT_UP, &event, why);
    }
    if (err != ERR_OK) {
        queues_close(queues);
        return err;
    }
    *out = queues;
    return ERR_OK;
}

void queues_close(struct queues *queues)
{
    if (queues != NULL) {
        bus_close(queues->bus);
        conf_free(queues->conf);
        free(queues);
    }
}

/* The connection may have been lost since the last question. */
static enum err ensure(struct queues *queues, const char *name,
                       struct bus_queue_state *state, struct errbuf *why)
{
    int64_t until_ms = clock_mono_ms() + PATIENCE_MS;
    enum err err;
    struct bus_event event;

    do {
        (void)!bus_poll(queues->bus, 0, &event);
        err = bus_look(queues->bus, name, state);
        if (err != ERR_UNAVAILABLE) {
            return err;
        }
        suite_pause();
    } while (clock_mono_ms() < until_ms);
    errbuf_set(why, "the broker does not tell of queue %s", name);
    return err;
}

enum err queues_look(struct queues *queues, const char *name,
                     struct bus_queue_state *state, struct errbuf *why)
{
    enum err err = ensure(queues, name, state, why);

    if (err == ERR_NOT_FOUND) {
        *state = (struct bus_queue_state){.messages = 0};
        err = ERR_OK;
    }
    return err;
}

enum err queues_remove(struct queues *queues, const char *name,
                       struct errbuf *why)
{
    struct bus_queue_state state;
    enum err err = ensure(queues, name, &state, why);

    if (err != ERR_OK) {
        return err == ERR_NOT_FOUND ? ERR_OK : err;
    }
    if (state.messages > 0 || state.consumers > 0) {
        errbuf_set(why, "%s: %" PRIu64 " messages, %" PRIu64 " readers", name,
                   state.messages, state.consumers);
        return ERR_CONFLICT;
    }
    err = bus_remove(queues->bus, name);
    if (err != ERR_OK) {
        errbuf_set(why, "the broker does not delete queue %s", name);
    }
    return err;
}

/* Moving: with a bus of its own, whose end gives back what was not done. */

static enum err pass_on(struct bus *bus, const struct bus_delivery *delivery,
                        const char *to, struct errbuf *why)
{
    const struct bus_message message = {.exchange = "",
                                        .routing_key = to,
                                        .mandatory = true,
                                        .properties = delivery->properties,
                                        .body = delivery->body,
                                        .len = delivery->len};
    uint64_t tag = delivery->tag;
    struct bus_event event;
    uint64_t number;
    enum err err = bus_declare(bus, to);

    if (err == ERR_OK) {
        err = bus_publish(bus, &message, &number);
    }
    if (err != ERR_OK) {
        errbuf_set(why, "the broker does not take a message for %s", to);
        return err;
    }
    err = await(bus, BUS_CONFIRMED, &event, why);
    return err == ERR_OK ? bus_ack(bus, 0, tag) : err;
}

/* A body that passes every limit was never taken by an engine either. */
static enum err move_one(struct bus *bus, queues_route_fn *route, void *ctx,
                         struct errbuf *why)
{
    char to[BUS_NAME_MAX + 1];
    struct bus_event event;
    struct bus_delivery copy;
    enum err err = await(bus, BUS_DELIVERY, &event, why);
    char *type;
    char *id;
    void *body;

    if (err != ERR_OK) {
        return err;
    }
    copy = event.delivery;
    if (copy.body == NULL) {
        return bus_ack(bus, 0, copy.tag);
    }
    err = route(ctx, &event.delivery, to, why);
    if (err != ERR_OK) {
        return err;
    }
    body = xmemdup(copy.body, copy.len);
    type = xstrdup(copy.properties.content_type);
    id = xstrdup(copy.properties.message_id);
    copy.body = body;
    copy.properties.content_type = type;
    copy.properties.message_id = id;
    err = pass_on(bus, &copy, to, why);
    free(id);
    free(type);
    free(body);
    return err;
}

enum err queues_move(struct queues *queues, const char *from,
                     queues_route_fn *route, void *ctx, struct errbuf *why)
{
    struct bus_queue_state state;
    struct bus_event event;
    struct bus *bus;
    size_t number;
    enum err err = queues_look(queues, from, &state, why);

    if (err != ERR_OK || state.messages == 0) {
        return err;
    }
    bus = bus_amqp_open(&queues->values, client_name);
    err = await(bus, BUS_OUT_UP, &event, why);
    if (err == ERR_OK) {
        err = bus_consume(bus, from, PREFETCH, &number);
    }
    for (uint64_t i = 0; err == ERR_OK && i < state.messages; i++) {
        err = move_one(bus, route, ctx, why);
    }
    if (err == ERR_OK) {
        err = bus_prove(bus, number);
    }
    bus_close(bus);
    return err;
}
