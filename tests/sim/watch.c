/* SPDX-License-Identifier: Apache-2.0 */
/** A bus in front of another. */
#include "tests/sim/watch.h"

#include <stdlib.h>

#include "common/base/mem.h"

struct watch {
    struct bus bus;
    struct bus *real;
    watch_fn *allows;
    void *ctx;
};

static struct watch *watch_of(struct bus *bus)
{
    return (struct watch *)bus;
}

static bool allows(struct bus *bus, enum watch_act act)
{
    const struct watch *watch = watch_of(bus);

    return watch->allows(watch->ctx, act);
}

static void watch_close(struct bus *bus)
{
    free(bus);
}

static enum err watch_consume(struct bus *bus, const char *queue, int prefetch,
                              size_t *number)
{
    return bus_consume(watch_of(bus)->real, queue, prefetch, number);
}

static enum err watch_declare(struct bus *bus, const char *queue)
{
    return bus_declare(watch_of(bus)->real, queue);
}

static enum err watch_publish(struct bus *bus,
                              const struct bus_message *message,
                              uint64_t *number)
{
    return allows(bus, WATCH_PUBLISH)
               ? bus_publish(watch_of(bus)->real, message, number)
               : ERR_UNAVAILABLE;
}

static enum err watch_ack(struct bus *bus, size_t queue, uint64_t tag)
{
    return allows(bus, WATCH_ACK) ? bus_ack(watch_of(bus)->real, queue, tag)
                                  : ERR_UNAVAILABLE;
}

static enum err watch_prove(struct bus *bus, size_t queue)
{
    return allows(bus, WATCH_PROVE) ? bus_prove(watch_of(bus)->real, queue)
                                    : ERR_UNAVAILABLE;
}

static enum err watch_look(struct bus *bus, const char *queue,
                           struct bus_queue_state *state)
{
    return bus_look(watch_of(bus)->real, queue, state);
}

static enum err watch_remove(struct bus *bus, const char *queue)
{
    return bus_remove(watch_of(bus)->real, queue);
}

static void watch_pause(struct bus *bus, bool on)
{
    bus_pause(watch_of(bus)->real, on);
}

static enum err watch_poll(struct bus *bus, int timeout_ms,
                           struct bus_event *event)
{
    return bus_poll(watch_of(bus)->real, timeout_ms, event);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): an operation's form. */
static int watch_fds(struct bus *bus, int fds[2])
{
    return bus_fds(watch_of(bus)->real, fds);
}

static const struct bus_ops watch_ops = {
    .close = watch_close,
    .consume = watch_consume,
    .declare = watch_declare,
    .publish = watch_publish,
    .ack = watch_ack,
    .prove = watch_prove,
    .look = watch_look,
    .remove = watch_remove,
    .pause = watch_pause,
    .poll = watch_poll,
    .fds = watch_fds,
};

struct bus *watch_open(struct bus *real, watch_fn *watcher, void *ctx)
{
    struct watch *watch = xcalloc(1, sizeof *watch);

    watch->bus.ops = &watch_ops;
    watch->real = real;
    watch->allows = watcher;
    watch->ctx = ctx;
    return &watch->bus;
}
