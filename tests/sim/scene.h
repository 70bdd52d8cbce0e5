/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What scripted scenes are made of: the script of faults, worlds of an entry
 * and of a hop, what is told to them, and what came out.
 */
#ifndef HYP_SIM_SCENE_H
#define HYP_SIM_SCENE_H

#include "tests/sim/world.h"

enum {
    SCENE_ROUNDS = 60,
    SCENE_TEXT_MAX = 256,
    SECOND_MS = 1000
};

/** What the script does: a death before the n-th act of a kind, an n-th
 *  publish that is refused, a first commit whose result is lost; 0: none. */
struct script {
    size_t engine;
    enum watch_act deadly;
    int death;
    int nack;
    enum store_fault commit;
    const char *hold; /**< connection that nothing is told; NULL: none */
};

/** Borrows script; its engine, or all of the others, does what it says. */
void scene_set_script(struct world *world, struct script *script);
/** So many turns of each engine; whether every instance lived through. */
bool scene_rounds(struct world *world, size_t n_engines);
/** Three seconds with turns in each: marks, proofs, what waits for them. */
void scene_let_marks_come(struct world *world, size_t n_engines);
/** A counter or gauge of the first engine; 0 while it has none. */
int64_t scene_counter(struct world *world, const char *name);

/** A world of these engines, connected, its script set; "listener" hears the
 *  alerts. */
struct world *scene_world(const struct world_engine *engines, size_t n,
                          struct script *script);
/** A cleaner alone, connected: what it passes on is read from the queue. */
struct world *scene_entry_world(struct script *script);
enum {
    SCENE_ENTRY_ENGINES = 1,
    SCENE_HOP_ENGINES = 2
};
/** Publish a body to the cleaner; user and id may be "". */
void scene_say(struct world *world, const char *body, const char *user,
               const char *id);
/** The same: a check of component "x". */
void scene_say_state(struct world *world, int state);
/** States of the events that a plain reader of Engine_context takes, by number
 *  and position, into out[SCENE_TEXT_MAX]. *disorder tells that a number came
 *  before one below it. */
void scene_read_states(struct world *world, char *out, bool *disorder);
void scene_check_states(struct world *world, const char *expected);

/** An envelope with one item: the test is the sender. */
struct told {
    uint64_t epoch;
    uint64_t sequence;
    uint64_t confirmed;
    uint64_t n;         /**< position; 0 in a list: its end */
    const char *output; /**< "mark": a mark; NULL: an event that passes */
    int state;
};

/** A probe and a sink behind it, connected; "listener" hears the alerts. */
struct world *scene_hop_world(struct script *script);
void scene_tell(struct world *world, const struct told *told);
/** The same, told by anybody, to any queue. */
void scene_tell_as(struct world *world, const struct told *told,
                   const char *queue, const char *user);
/** Positions as the sink applied them; name is for the failure. */
void scene_check_sink(struct world *world, const char *name,
                      const char *expected);

#endif
