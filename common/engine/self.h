/* SPDX-License-Identifier: Apache-2.0 */
/**
 * How an engine judges itself, and what it says: its own event. Pure: the
 * runtime gives it what is, and publishes what it says. docs/self-watch.md.
 */
#ifndef HYP_ENGINE_SELF_H
#define HYP_ENGINE_SELF_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/conf/conf.h"

enum {
    SELF_SILENCES = 3, /**< own events missed: it counts as gone */
    SELF_TEXT_MAX = 1024
};

/** Section [self]; times in ms. A limit of 0 is never reached. */
struct self_conf {
    int64_t interval_ms; /**< 0: no own event */
    int64_t lag_minor_ms;
    int64_t lag_major_ms;
    int64_t dead_minor; /**< dead letters between two own events */
    int64_t dead_major;
    int64_t errors_minor; /**< the same of other errors */
    int64_t errors_major;
    int64_t quiet_ms; /**< without any more of them, they are past */
    int64_t memory_minor;
    int64_t memory_major;
};

extern const struct conf_option self_options[];

/** What an engine sees of itself; counts since it started. */
struct self_view {
    int64_t now_ms;
    uint64_t events;
    uint64_t batches;
    uint64_t dead;
    uint64_t errors;  /**< publishes refused, messages missing */
    int64_t lag_ms;   /**< behind the sources; -1: not known */
    uint64_t waiting; /**< messages that wait for it */
    bool held_up;     /**< by an engine after it: the lag is not its own */
    int64_t resident_bytes;
    int64_t cpu_ms;
    bool store_away;
};

/** How bad one thing is, and what that is judged by. */
struct self_level {
    int state;
    uint64_t seen;     /**< of a count: what it was at the last look, */
    uint64_t before;   /**< and when the interval began */
    int64_t before_ms; /**< which was then */
    int64_t last_ms;   /**< when it last grew so that it matters */
};

struct self {
    struct self_view told; /**< as it was at the last own event */
    int64_t told_ms;       /**< 0: none yet */
    int told_state;
    int64_t began_ms;
    struct self_level lag, dead, errors, memory;
};

/** What is to be told. */
struct self_word {
    int state; /**< 0 to 3 */
    int64_t ttl_ms;
    struct buf output; /**< of SELF_TEXT_MAX, made by the caller; both set */
    struct buf perf;
};

/** Begin: what was counted before is of no interest. */
void self_init(struct self *self, const struct self_view *view);
/**
 * Look: about once a second. True when it is time to tell word: the interval
 * has passed, or it got worse. What gets better waits for the interval, so
 * that there are two events an interval at most that matter.
 */
bool self_look(struct self *self, const struct self_conf *conf,
               const struct self_view *view, struct self_word *word);
/** The word was published. */
void self_told(struct self *self, const struct self_view *view,
               const struct self_word *word);

#endif
