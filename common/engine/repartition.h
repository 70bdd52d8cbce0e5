/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The store's part of changing how many partitions engines have. All engines
 * have ended in order before and nothing is under way between them; while
 * entries are held none can start. Every call reads from the store what is
 * still to be done, so it can be made again after a kill at any place. Why it
 * is safe: docs/decisions, "The number of partitions can change".
 */
#ifndef HYP_ENGINE_REPARTITION_H
#define HYP_ENGINE_REPARTITION_H

#include "common/engine/progress.h"
#include "common/store/store.h"

/** One change, the same for all engines. */
struct repartition {
    int64_t id; /**< of this change: above 0, above that of any before */
    int64_t now_s;
};

/** What the progress rows of an engine tell. */
struct repartition_found {
    size_t n_rows;      /**< 0: the engine never ran */
    int64_t partitions; /**< that wrote them, before a change under way */
    int64_t moving;     /**< id of a change under way here; 0: none */
    bool moved;         /**< this change is through here */
    char open[64];      /**< a row whose engine did not end in order; "" none */
};

/** Look at an engine (store: its writer's), and add what it has taken to
 *  floors. ERR_INVALID: rows of different numbers; ERR_UNAVAILABLE. */
MUST_CHECK enum err repartition_look(const struct repartition *change,
                                     struct store *store,
                                     struct progress *floors,
                                     struct repartition_found *found,
                                     struct errbuf *why);

/** Hold an entry (store: its writer's): it refuses to start until it is
 *  released.
 *  ERR_INVALID: it did not end in order, or another change holds it;
 *  ERR_FENCED: it runs; ERR_UNAVAILABLE. */
MUST_CHECK enum err repartition_hold(const struct repartition *change,
                                     struct store *store, struct errbuf *why);
/** The same errors. No effect on what is not held. */
MUST_CHECK enum err repartition_release(const struct repartition *change,
                                        struct store *store,
                                        struct errbuf *why);

/** An engine behind the entry; one whose number stays is moved too. */
struct repartition_move {
    const struct repartition *change;
    struct store *store; /**< its writer's */
    const char *engine;
    int64_t to;                    /**< partitions */
    const struct progress *floors; /**< of all engines */
    bool copied;                   /**< the ids of requests, in this life */
};

/** One commit of the move. *done: there is nothing left to do. Errors as
 *  repartition_hold. */
MUST_CHECK enum err repartition_step(struct repartition_move *move, bool *done,
                                     struct errbuf *why);

#endif
