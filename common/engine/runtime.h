/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The runtime of an engine: takes from the bus, lets the engine work, commits
 * once a batch, publishes, acknowledges. One small step a call and no waiting
 * inside, so that the simulator can stop it between any two.
 */
#ifndef HYP_ENGINE_RUNTIME_H
#define HYP_ENGINE_RUNTIME_H

#include "common/engine/engine.h"
#include "common/engine/self.h"

/** Section [engine] of every engine's file. */
struct runtime_conf {
    struct conf_list next; /**< "name" or "name*partitions" */
    struct conf_list side; /**< the same; never waited for */
    char *group; /**< of sources, whose entry this one reads; NULL, "": none */
    int64_t partition;
    int64_t partitions;
    int64_t batch_max;   /**< events */
    int64_t batch_bytes; /**< of writes */
    int64_t window;      /**< batches committed and not acknowledged */
    int64_t prefetch;    /**< entry messages */
    int64_t held_bytes;  /**< of messages taken ahead */
    int64_t depth_limit; /**< messages waiting in a queue of next */
    int64_t side_bytes;  /**< bytes waiting in a queue of side */
    int64_t fold_ms;
};

extern const struct conf_option runtime_options[];

struct runtime_setup {
    const struct engine_ops *ops;
    void *state; /**< options filled in */
    const struct runtime_conf *conf;
    const struct self_conf *self; /**< NULL: no own event */
    struct store *store;
    struct bus *bus;
    const char *exchange_prefix; /**< "canopsis" */
    const char *user;            /**< the suite's own, for marks */
    int64_t (*now_ms)(void *ctx);
    int64_t (*mono_ms)(void *ctx); /**< for waits; nobody sets it back */
    void *ctx;
    int burst;       /**< messages published in one step at most; 0: one */
    int patience_ms; /**< what the batches of a patient engine wait for more */
    /** An envelope whose documents have so many bytes, and whose events all go
     *  on unchanged, goes on as it came; smaller ones are put together. */
    size_t relay_bytes;
    bool local; /**< the bus is one of bus_local.h: what other engines of the
                     process send to this one's queue is taken from them */
};

enum runtime_result {
    RUNTIME_GO_ON,
    RUNTIME_IDLE,   /**< nothing to do now: the next step may wait */
    RUNTIME_ENDED,  /**< drained after runtime_stop */
    RUNTIME_FENCED, /**< another process took over: end at once */
    RUNTIME_FAILED  /**< it cannot go on, and said why: end at once */
};

/** Borrows everything; calls ops->init. ERR_INVALID: a bad option. */
MUST_CHECK enum err runtime_new(const struct runtime_setup *setup,
                                struct engine_io **out, struct errbuf *why);
/** Drops everything as it is (what a kill would); calls ops->fini. */
void runtime_free(struct engine_io *io);
/** One step; the bus is polled for at most timeout_ms. */
enum runtime_result runtime_step(struct engine_io *io, int timeout_ms);
/** How long the next step may be put off, should nothing come by the bus: ms,
 *  at most most_ms. */
int runtime_wait_ms(const struct engine_io *io, int most_ms);
/** Drain: take nothing more, finish what was taken, then RUNTIME_ENDED. */
void runtime_stop(struct engine_io *io);
/** Whether it consumes and its store answers; else why not. */
bool runtime_is_ready(const struct engine_io *io, struct errbuf *why);

enum {
    RUNTIME_MIRROR_MAX = 64,
    RUNTIME_DRAIN_MS = 10000 /**< what draining takes at most */
};

/** Counters and gauges, for status and metrics; NULL at the end. */
struct runtime_counter {
    const char *name;
    const char *help; /**< one line */
    int64_t value;
    bool gauge;
};
const struct runtime_counter *runtime_counter(const struct engine_io *io,
                                              size_t i);
/** When a batch with events was last committed; 0: not in this life. */
int64_t runtime_last_event_ms(const struct engine_io *io);

#endif
