/* SPDX-License-Identifier: Apache-2.0 */
/** A change of how many partitions engines have: what is asked for, how far
 *  it has got (var/lib/repartition.conf), and partitions.conf. */
#ifndef HYP_CONTROL_PLAN_H
#define HYP_CONTROL_PLAN_H

#include "common/bus/partitions.h"
#include "common/engine/engine.h"

/** What is done next; each can be begun again. */
enum plan_phase {
    PLAN_DRAIN,  /**< end the engines in order, from the entry on */
    PLAN_MOVE,   /**< the rows of progress */
    PLAN_SETTLE, /**< configuration, queues */
    PLAN_START
};

struct plan {
    struct conf *conf; /**< owns the rest */
    struct conf_part *part;
    int64_t id;
    int64_t phase; /**< enum plan_phase */
    struct partitions from;
    struct partitions to;
};

/** The engine behind the entry of that name; NULL: there is none. */
const struct engine_ops *plan_find_engine(const char *name);
/** Whether events pass through it from queue to queue. */
bool plan_is_hop(const struct engine_ops *ops);
/** Whether it gives events their place. */
bool plan_is_entry(const struct engine_ops *ops);

/** Read the one under way. ERR_NOT_FOUND: none is. plan_close in any case. */
MUST_CHECK enum err plan_read(const char *var, struct plan *plan,
                              struct errbuf *why);
/** Make one: from what partitions.conf says to the same with these numbers,
 *  "alarm=4" each. ERR_INVALID: no such engine or number; ERR_CONFLICT: that
 *  is what it says already. */
MUST_CHECK enum err plan_make(const struct partitions *now,
                              const char *const *numbers, size_t n, int64_t id,
                              struct plan *plan, struct errbuf *why);
void plan_close(struct plan *plan);
/** Whether these numbers ask for what the plan does anyway. */
bool plan_is_for(const struct plan *plan, const char *const *numbers, size_t n);
/** Keep it, surely on disk. ERR_UNAVAILABLE. */
MUST_CHECK enum err plan_write(const char *var, const struct plan *plan,
                               struct errbuf *why);
MUST_CHECK enum err plan_remove(const char *var, struct errbuf *why);
/** "alarm*4, context*4"; appended. */
void plan_list(const struct partitions *partitions, struct buf *out);

/** Put the list into a partitions.conf, whose other lines stay. */
MUST_CHECK enum err plan_write_partitions(const char *path, const char *list,
                                          struct errbuf *why);

#endif
