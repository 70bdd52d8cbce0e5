/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The connector contract. A connector takes in what a foreign sender tells
 * and publishes it as events. It is one ops table; the runtime owns the
 * configuration, the loop, the spool and the connection to the broker, the
 * connector's own event, metrics and readiness. docs/connectors.md.
 */
#ifndef HYP_CONNECTOR_CONNECTOR_H
#define HYP_CONNECTOR_CONNECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/conf/conf.h"
#include "common/connector/loop.h"
#include "common/event/event.h"

/** What a connector sees of the world. */
struct connector_io;

/** Wall clock of this turn of the loop. */
int64_t connector_now_ms(const struct connector_io *io);
/** Where to watch sockets; they are removed before fini returns. */
struct loop *connector_loop(const struct connector_io *io);
/**
 * Publish an event: keep it (on disk), send it when the broker takes it.
 * connector and connector_name are set by the runtime; received_ms is now;
 * a timestamp of 0 is now. Names that are too long are cut on a character
 * boundary; the entry cuts the other texts. All must be UTF-8 (text.h).
 *
 * Returns ERR_OK; ERR_INVALID (component or, for a resource, its name is
 * empty; counted, told at growing intervals); ERR_UNAVAILABLE: it cannot be
 * kept now. Then the source is to be held back: offer it again when
 * connector_is_held turns false, or drop it and count it by connector_lose.
 */
MUST_CHECK enum err connector_publish(struct connector_io *io,
                                      const struct event *event);
/** Whether nothing can be kept for now: do not read from senders. */
bool connector_is_held(const struct connector_io *io);
/** n messages that could not be kept were dropped: counted, and the
 *  connector's own event says so. */
void connector_lose(struct connector_io *io, uint64_t n);
/** A message of peer made no event: counted, and told at growing intervals. */
void connector_refuse(struct connector_io *io, const char *peer,
                      const struct errbuf *why);
/** Count for metrics and the own event; name is a literal, [a-z_]+. */
void connector_count(struct connector_io *io, const char *name, uint64_t n);

struct connector_ops {
    const char *name;        /**< "nsca": connector of its events, and files */
    const char *summary;     /**< one line for --help */
    const char *description; /**< a paragraph for --help */
    const struct conf_option *options; /**< offsets into the state */
    size_t state_size; /**< zeroed by the runtime, options filled in */
    /** Open what is listened on. On any error, fini is called, and open again
     *  after a while on ERR_UNAVAILABLE (a port in use); ERR_INVALID ends the
     *  process: its configuration cannot work. */
    enum err (*open)(void *state, struct connector_io *io, struct errbuf *why);
    /** About once a second: timeouts. May be NULL. */
    void (*beat)(void *state, struct connector_io *io);
    /** Close all that open opened. */
    void (*fini)(void *state, struct connector_io *io);
};

/** The whole of a connector's main(). Returns the exit code. */
int connector_main(const struct connector_ops *ops, int argc, char **argv);

#endif
