/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A whole suite in one thread: engines on the memory bus and store, each step
 * chosen by a seed, with crashes, stalls, takeovers, nacks, lost connections
 * and failing stores between any two of them.
 */
#ifndef HYP_SIM_WORLD_H
#define HYP_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bus/bus_memory.h"
#include "common/engine/runtime.h"
#include "common/store/store_memory.h"
#include "tests/sim/watch.h"

/** A seeded sequence of choices (splitmix64). */
struct dice {
    uint64_t state;
};

uint64_t dice_roll(struct dice *dice, uint64_t below);
/** True once in `of` rolls on the mean; never when of is 0. */
bool dice_one_in(struct dice *dice, uint64_t of);

/** How rough a world is; each is "once in so many", 0 for never. */
struct world_faults {
    uint64_t crash;   /**< a process dies between two steps */
    uint64_t twin;    /**< a second instance starts while one runs */
    uint64_t disown;  /**< the broker takes a live process for dead */
    uint64_t cut;     /**< a connection is lost */
    uint64_t restart; /**< the broker dies and returns */
    uint64_t nack;    /**< a publish is refused, later ones taken */
    uint64_t store;   /**< a store call fails, surely not done */
    uint64_t unknown; /**< a commit's result is lost */
    uint64_t late;    /**< an event of the bus is held back */
    uint64_t delay;   /**< a confirm comes after a later one's */
    uint64_t swallow; /**< a publish and all after it go nowhere */
    uint64_t keep;    /**< on a cut: an event is still in the dead socket */
    uint64_t swap;    /**< the engines that share a process, if any do, get
                           processes of their own, or one again */
    uint64_t back;    /**< the wall clock goes back by an hour, or is right
                           again */
    bool one;         /**< they start in one process */
    uint64_t move;    /**< the suite goes to other numbers of partitions and
                           back, each time killed in so many steps */
};

struct world;

/** One kind of process. */
struct world_engine {
    const struct engine_ops *ops;
    const char *next; /**< "a,b" as in its file; NULL: none */
    const char *side;
    const char *const *options;   /**< "section.key=value", NULL-terminated */
    const struct self_conf *self; /**< NULL: no own events */
    bool shares; /**< one process with the others that do; neighbours in the
                      list, in the order of the events' way */
};

struct world *world_new(uint64_t seed, const struct world_engine *engines,
                        size_t n_engines);
void world_free(struct world *world);
void world_set_faults(struct world *world, const struct world_faults *faults);
/** Instead of faults: asked before every store call and every publish whether
 *  this one fails. */
void world_set_torture(struct world *world, bool (*strikes)(void *ctx),
                       void *ctx);
/** Scripted faults, asked before those of chance, with the engine (number in
 *  the world's list) whose turn it is. A member may be NULL. */
struct world_script {
    void *ctx;
    bool (*nack)(void *ctx, size_t engine);
    enum store_fault (*store)(void *ctx, size_t engine, bool is_commit);
    /** The process dies just before this act: neither it nor anything after
     *  it is done. */
    bool (*dies)(void *ctx, size_t engine, enum watch_act act);
    /** The next event of "NAME.in" or "NAME.out" is held back. */
    bool (*holds)(void *ctx, const char *connection);
};
void world_set_script(struct world *world, const struct world_script *script);
/** How often an engine did this, with all its lives. */
uint64_t world_acts(const struct world *world, size_t engine,
                    enum watch_act act);
struct broker *world_broker(struct world *world);
/** A reader of everything; close it before world_free. */
struct store *world_reader(struct world *world);
/** What an engine of that name writes with; close it before world_free. */
struct store *world_writer(struct world *world, const char *name);
struct dice *world_dice(struct world *world);
int64_t world_now_ms(const struct world *world);
/** Let `ms` pass at once. */
void world_pass_time(struct world *world, int64_t ms);
/** One choice of the scheduler. */
void world_step(struct world *world);
/** One step of an instance of an engine (0: the older, 1: its twin), without
 *  chance; 2 ms pass. False: there is none, or it ended. */
bool world_turn(struct world *world, size_t engine, size_t instance);
/** Kill one, if there is; another takes its place. */
void world_kill(struct world *world, size_t engine, size_t instance);
/** Kill an engine and delete its store; it starts on an empty one. */
void world_forget_store(struct world *world, size_t engine);
/** Start a second instance, unless there is one. */
void world_twin(struct world *world, size_t engine);
/** NULL: no such instance. */
struct bus *world_bus(struct world *world, size_t engine, size_t instance);
struct engine_io *world_io(struct world *world, size_t engine, size_t instance);
/** No more faults: run until nothing is left to do. False: it never ends. */
bool world_settle(struct world *world);
/** Stop every process cleanly (folding), then start them again. */
void world_restart_all(struct world *world);
/** As hypcontrol repartition: end every process in order, drained, and go on
 *  as this list has them. The moves are killed once in so many steps, and
 *  meet the store faults of the world. What was sent and not taken waits at
 *  the entry. False: it never ends; why says where. */
bool world_repartition(struct world *world, const struct world_engine *engines,
                       size_t n_engines, uint64_t kill_of, struct errbuf *why);
/** End every process, killed or in order, and go on as this list of as many
 *  has them; what waits in queues waits on. */
void world_swap(struct world *world, const struct world_engine *engines);
/** Kill every process and start them again. */
void world_kill_all(struct world *world);
/** Publish JSON to the events exchange as an outsider. */
void world_send(struct world *world, const char *json);
/** Change an object as the webserver does, and tell the engines; a spec of
 *  length 0 deletes it. */
void world_change_object(struct world *world, const char *kind,
                         const char *name, struct doc spec);
/** Publish anything as anybody; false when no queue takes it (yet). */
bool world_publish(struct world *world, const struct bus_message *message);

#endif
