/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The engine contract. An engine is one ops table; the runtime owns the bus,
 * batches, acknowledgement, progress, fence, signals, metrics and readiness.
 * Rules: docs/architecture.md, "Delivery" and "The engine contract".
 */
#ifndef HYP_ENGINE_ENGINE_H
#define HYP_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/bus/bus.h"
#include "common/bus/topology.h"
#include "common/conf/conf.h"
#include "common/event/event.h"
#include "common/store/store.h"

/** Content types of the suite's own messages beside envelopes. */
#define ENGINE_MARK_CONTENT_TYPE "application/vnd.hypervise.mark"
#define ENGINE_TURN_CONTENT_TYPE "application/vnd.hypervise.turn"
#define ENGINE_DEAD_CONTENT_TYPE "application/vnd.hypervise.dead"

/** What an engine sees of the world; every call below is valid from load to
 *  fini (init: only the ones that say so). */
struct engine_io;

/** Wall clock of this batch: the same for all its events. */
int64_t engine_now_ms(const struct engine_io *io);
/** Chain time: everything sent before it has been seen. 0: not known yet.
 *  What concludes from silence waits for it, never for the wall clock. */
int64_t engine_chain_ms(const struct engine_io *io);
/** End of the last gap between marks: a wait for silence that began earlier
 *  counts from here. 0: none. */
int64_t engine_chain_gap_ms(const struct engine_io *io);
/** User-id that the suite's own publishers carry, checked by the broker. */
const char *engine_user(const struct engine_io *io);
/** Store, for reading in load and in rare lookups; never per event. */
struct store *engine_store(const struct engine_io *io);
/** Name of the progress row: the text key of the engine's own rows. */
const char *engine_row(const struct engine_io *io);
/** Whether this partition is the one that gets the events of a source: of its
 *  component, or of its connector's name where that is "". True without
 *  partitions. What all partitions know of, only this one writes. */
bool engine_owns(const struct engine_io *io, const char *component,
                 const char *connector_name);
/** The same by the members component and connector_name of a stored row: what
 *  is another partition's need not be loaded. */
bool engine_owns_row(const struct engine_io *io, struct doc row);
/** Number of this partition; *of gets how many there are (1: no more). */
int64_t engine_partition(const struct engine_io *io, int64_t *of);
/** Writes added here are committed with the batch, whole or not at all. The
 *  commit is repeated until it is in: an engine may change its memory at once
 *  and never takes anything back. */
struct store_batch *engine_batch(struct engine_io *io);
/** The event that process or enrich was called with, as it came. */
struct doc engine_event_doc(const struct engine_io *io);
/** A document writer to build a row in: reset before each use; the batch
 *  copies. */
struct doc_out *engine_scratch(struct engine_io *io);

/** A message that only this engine can make (a step, a refusal): committed
 *  with the batch under a sequence number and published from the store. */
struct engine_outgoing {
    const char *queue; /**< straight to this queue; NULL: to the exchange */
    enum bus_exchange exchange;
    const char *routing_key;
    const char *content_type;
    const char *message_id; /**< how consumers know a repeat; "" none */
    const void *body;
    size_t len;
};
/** Copies everything. */
void engine_originate(struct engine_io *io,
                      const struct engine_outgoing *message);
/** The same for an event that the engine of `queue` refused once: given to it
 *  again, as the next of the stream "dead.<its row>". Positions of that stream
 *  rise, so each is applied once. */
void engine_resend(struct engine_io *io, const char *queue, struct doc event);
/** Whether the broker has the queue. ERR_NOT_FOUND; ERR_UNAVAILABLE: it does
 *  not say. A question to the broker: for rare use. */
MUST_CHECK enum err engine_find_queue(struct engine_io *io, const char *queue);
/** Tell people of a condition of this engine: a check event of the resource
 *  "Engine_<row>.<name>", sent when the state (0 to 3) changes and, above 0,
 *  once a minute at most while this is called. What was told is remembered
 *  with the progress. name: a literal, [a-z]+. */
void engine_report(struct engine_io *io, const char *name, int state,
                   const char *text);
/** Count for metrics and status; name is a literal, [a-z_]+, and stands in
 *  ops->metrics. */
void engine_count(struct engine_io *io, const char *name, uint64_t n);
/** A gauge for metrics and status. */
void engine_gauge(struct engine_io *io, const char *name, int64_t value);

enum engine_verdict {
    ENGINE_FORWARD, /**< on to next, unchanged or as enrich changes it */
    ENGINE_DROP,    /**< ends here on purpose; counted */
    ENGINE_REJECT   /**< to the dead letters, with why */
};

/** A message of an entry queue as the entry hooks see it. */
struct engine_input {
    const struct bus_delivery *delivery;
    int64_t received_ms; /**< as first received, also for a repeat */
    bool repeat;         /**< known by its receipt: what it decided on a
                              message-id or a count was decided before */
};

/** For entry engines: pass one event on. Copies. index counts the message's
 *  items; the event's id is set by the runtime. */
void engine_pass(struct engine_io *io, uint32_t index,
                 const struct event *event);
/** For entry engines: dead-letter one item (no effect for a repeat). */
void engine_refuse(struct engine_io *io, uint32_t index, const void *text,
                   size_t len, const struct errbuf *why);

/** One thing that an engine counts or measures. Engines that share a name give
 *  it the same help: they are one metric to who reads them. */
struct engine_metric {
    const char *name; /**< as in engine_count: shown as
                           "hypervise_engine_<name>", counters with _total */
    const char *help; /**< one line */
    bool gauge;       /**< of engine_gauge */
};

struct engine_ops {
    const char *name;        /**< "alarm": queue, progress row, files */
    const char *description; /**< a paragraph for --help */
    const struct conf_option *options; /**< offsets into the state; or NULL */
    size_t state_size; /**< zeroed by the runtime, options filled in */
    /** What it counts beside what the runtime does, ended by {0}; NULL: none.
     *  They are shown from the start, as 0. */
    const struct engine_metric *metrics;

    /** Entry queues (NULL-terminated names) whose messages go to `input`;
     *  NULL for an engine that is fed by others through Engine_<name>. */
    const char *const *entries;
    /** Further queues (NULL-terminated) whose messages go to `extra`. Served
     *  once the main queue has delivered. One named "Engine_<name>.<more>" is
     *  each partition's own: "Engine_<name>.<p>.<more>". */
    const char *const *extras;
    /** Entry engines only: publish to this exchange, a message for each input
     *  with its own message-id, instead of to `next`. */
    bool to_exchange;
    enum bus_exchange exchange;
    /** Nobody waits for what it does: its batches wait a moment for more, so
     *  that the disk is there for those whose results are waited for. */
    bool patient;

    /** Kinds of objects (NULL-terminated) that it works by: `reload` is called
     *  after `load`, and between batches when one has changed. */
    const char *const *kinds;

    /** Check options; open nothing. ERR_INVALID refuses to start. io only
     *  for engine_count and engine_gauge. May be NULL. */
    enum err (*init)(void *state, struct engine_io *io, struct errbuf *why);
    /** After the fence, before the first event: read what is stored. On
     *  ERR_UNAVAILABLE it is called again on the same state, so it must
     *  start anew. May be NULL. */
    enum err (*load)(void *state, struct engine_io *io);
    /** Work by the objects of a kind as they were at that revision
     *  (objects_each_at) from the next event on. On an error everything stays
     *  as it is and it is called again. A bad object is passed over. */
    enum err (*reload)(void *state, struct engine_io *io, const char *kind,
                       int64_t revision);
    /** Options were changed by a reload, between two batches: what was
     *  derived from them is derived anew. May be NULL. */
    void (*reconfigured)(void *state);
    /** One event, new to this engine. */
    enum engine_verdict (*process)(void *state, struct engine_io *io,
                                   const struct event *event,
                                   struct errbuf *why);
    /** Change what is forwarded; called for new events and for repeats, so
     *  it reads the engine's state and writes nothing. True: event changed
     *  (strings must live until the next call). May be NULL. */
    bool (*enrich)(void *state, struct engine_io *io, struct event *event);
    /** One message of an entry queue: call engine_pass and engine_refuse. */
    void (*input)(void *state, struct engine_io *io,
                  const struct engine_input *input);
    /** One message of extras[queue]; may come again: known by its own id. */
    void (*extra)(void *state, struct engine_io *io, size_t queue,
                  const struct bus_delivery *delivery);
    /** The batch is about to be committed: what is written once for all its
     *  events. May be NULL. */
    void (*commit)(void *state, struct engine_io *io);
    /** About once a second, as part of a batch: timers. May be NULL. */
    void (*beat)(void *state, struct engine_io *io);

    /** Counters and last-seen times, so that they cost one row a batch.
     *  delta: write into out's open document the new absolute values of what
     *  this batch touched; false when there is nothing. */
    bool (*delta)(void *state, struct doc_out *out);
    /** Apply such a document on load, in order, after `load`. */
    void (*delta_apply)(void *state, struct doc delta);
    /** Each minute, at a clean stop and after load: put the rows that deltas
     *  stand for (at most `most` a call); true when none is left, then the
     *  deltas are removed in the same commit. All three or none. */
    bool (*fold)(void *state, struct engine_io *io, size_t most);

    void (*fini)(void *state);
};

/** The whole of an engine's main(): command line, configuration, runtime.
 *  Returns the exit code. */
int engine_main(const struct engine_ops *ops, int argc, char **argv);
/** The same of a process that several engines share, each as it is alone but
 *  for the queues between them: section [chain] of engines/chain.conf says
 *  which of `known` (NULL-terminated). */
int engine_chain_main(const struct engine_ops *const *known, int argc,
                      char **argv);

#endif
