/* SPDX-License-Identifier: Apache-2.0 */
/** A whole suite in one thread, each step chosen by a seed. */
#include "tests/sim/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/mem.h"
#include "common/bus/bus_local.h"
#include "common/bus/topology.h"
#include "common/engine/repartition.h"
#include "common/store/objects.h"

enum {
    TWINS = 2, /* instances of one engine at once */
    ENGINES = 12,
    SETTLE_STEPS = 400000,
    HEARTBEATS = 5,    /* times rarer than a disown */
    SETTLE_LOOK = 8,   /* steps between two looks at the queues */
    QUIET_MS = 8000,   /* longer than the longest back-off and a mark */
    QUIET_STEPS = 100, /* and so many turns of each engine */
    IDLE_MS = 100,     /* that pass when nobody has anything to do */
    IDLE_STEPS = 3,    /* turns of each engine that tell so */
    SHALLOW = 4,
    TURN_MS = 2,
    BACK_MS = 3600000,
    DRAIN_ROUNDS = 50,
    DRY_STEPS = 500,
    DRY_MOST = 3000,
    MOVE_TRIES = 1000
};

static const int64_t first_ms = INT64_C(1700000000000);

struct instance {
    bool dead; /* it died within the step it is in */
    struct engine_io *io;
    void *state;
    struct conf *conf;
    struct runtime_conf runtime;
    struct bus *bus;
    struct bus *local;   /* in front of it, in a shared process; else NULL */
    struct bus *watched; /* as the process sees it */
    struct store *store;
};

struct world {
    struct dice dice;
    struct world_faults faults;
    const struct world_engine *engines;
    size_t n_engines;
    struct instance *instances[ENGINES][TWINS]; /* [0] is the older */
    struct bus_hub *hubs[TWINS];                /* of the shared process */
    struct broker *broker;
    struct store_memory *memory;
    int64_t now_ms;
    int64_t back_ms; /* the wall clock is behind by */
    bool (*strikes)(void *ctx);
    void *strikes_ctx;
    struct world_script script;
    size_t stepping;          /* engine whose turn it is */
    struct instance *current; /* NULL: nobody's turn */
    uint64_t acts[ENGINES][WATCH_ACTS];
    uint64_t starts; /* instances ever started */
};

uint64_t dice_roll(struct dice *dice, uint64_t below)
{
    uint64_t z = dice->state += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (z ^ (z >> 31)) % below;
}

bool dice_one_in(struct dice *dice, uint64_t of)
{
    return of > 0 && dice_roll(dice, of) == 0;
}

static int64_t now_of_world(void *ctx)
{
    const struct world *world = ctx;

    return world->now_ms - world->back_ms;
}

static int64_t mono_of_world(void *ctx)
{
    const struct world *world = ctx;

    return world->now_ms;
}

static bool is_struck(const struct world *world)
{
    return world->strikes != NULL && world->strikes(world->strikes_ctx);
}

/* Whether the process whose turn it is lives to do this. */
static bool allows(void *ctx, enum watch_act act)
{
    struct world *world = ctx;
    struct instance *current = world->current;

    if (current == NULL) {
        return true; /* a reader's, or at the start */
    }
    if (!current->dead && world->script.dies != NULL) {
        current->dead =
            world->script.dies(world->script.ctx, world->stepping, act);
    }
    if (!current->dead) {
        world->acts[world->stepping][act]++;
    }
    return !current->dead;
}

static bool decide_nack(void *ctx)
{
    struct world *world = ctx;

    if (world->script.nack != NULL &&
        world->script.nack(world->script.ctx, world->stepping)) {
        return true;
    }
    return is_struck(world) || dice_one_in(&world->dice, world->faults.nack);
}

static bool decide_late(void *ctx)
{
    struct world *world = ctx;

    return dice_one_in(&world->dice, world->faults.delay);
}

static bool decide_swallow(void *ctx)
{
    struct world *world = ctx;

    return dice_one_in(&world->dice, world->faults.swallow);
}

static bool decide_keep(void *ctx)
{
    struct world *world = ctx;

    return dice_one_in(&world->dice, world->faults.keep);
}

static bool decide_deliver(void *ctx, const char *connection)
{
    struct world *world = ctx;

    if (world->script.holds != NULL &&
        world->script.holds(world->script.ctx, connection)) {
        return false;
    }
    return !dice_one_in(&world->dice, world->faults.late);
}

static enum store_fault decide_store(void *ctx, bool is_commit)
{
    struct world *world = ctx;
    enum store_fault fault = STORE_FAULT_NONE;

    if (!allows(world, is_commit ? WATCH_COMMIT : WATCH_READ)) {
        return STORE_FAULT_UNAVAILABLE;
    }
    if (world->script.store != NULL) {
        fault =
            world->script.store(world->script.ctx, world->stepping, is_commit);
    }
    if (fault != STORE_FAULT_NONE) {
        return fault;
    }
    if (is_commit && dice_one_in(&world->dice, world->faults.unknown)) {
        return dice_one_in(&world->dice, 2) ? STORE_FAULT_UNKNOWN_APPLIED
                                            : STORE_FAULT_UNKNOWN_LOST;
    }
    return is_struck(world) || dice_one_in(&world->dice, world->faults.store)
               ? STORE_FAULT_UNAVAILABLE
               : STORE_FAULT_NONE;
}

static void configure(struct instance *instance,
                      const struct world_engine *engine)
{
    static const struct conf_option none[] = {{0}};
    const struct conf_part parts[] = {
        {runtime_options, &instance->runtime},
        {engine->ops->options != NULL ? engine->ops->options : none,
         instance->state}};
    struct errbuf why;

    instance->conf = conf_new(parts, 2);
    if (engine->next != NULL) {
        BUG_IF(conf_set(instance->conf, "engine", "next", engine->next, &why) !=
               ERR_OK);
    }
    if (engine->side != NULL) {
        BUG_IF(conf_set(instance->conf, "engine", "side", engine->side, &why) !=
               ERR_OK);
    }
    for (size_t i = 0; engine->options != NULL && engine->options[i] != NULL;
         i++) {
        char *text = xstrdup(engine->options[i]);
        char *dot = strchr(text, '.');
        char *equals = strchr(text, '=');

        BUG_IF(dot == NULL || equals == NULL);
        *dot = '\0';
        *equals = '\0';
        if (conf_set(instance->conf, text, dot + 1, equals + 1, &why) !=
            ERR_OK) {
            (void)fprintf(stderr, "%s: %s\n", engine->options[i], why.text);
            abort();
        }
        free(text);
    }
}

static struct bus *open_local(struct world *world, size_t i, struct bus *broker)
{
    if (world->hubs[i] == NULL) {
        world->hubs[i] = bus_hub_new();
    }
    return bus_local_open(world->hubs[i], broker);
}

static void start(struct world *world, size_t e, size_t i)
{
    const struct world_engine *engine = &world->engines[e];
    struct instance *instance = xcalloc(1, sizeof *instance);
    struct runtime_setup setup = {.ops = engine->ops,
                                  .exchange_prefix = "canopsis",
                                  .user = "hypervise",
                                  .now_ms = now_of_world,
                                  .mono_ms = mono_of_world,
                                  .ctx = world};
    struct errbuf why;

    world->starts++;
    instance->state = xcalloc(1, engine->ops->state_size);
    configure(instance, engine);
    instance->bus = broker_open(world->broker, engine->ops->name, "hypervise");
    instance->store = store_memory_open(world->memory, engine->ops->name);
    /* An envelope goes on as it came, or its events with those of others. */
    setup.relay_bytes = world->starts % 2 == 0 ? 0 : SIZE_MAX;
    setup.state = instance->state;
    setup.conf = &instance->runtime;
    setup.self = engine->self;
    setup.local = engine->shares;
    if (engine->shares) {
        instance->local = open_local(world, i, instance->bus);
    }
    instance->watched = watch_open(
        engine->shares ? instance->local : instance->bus, allows, world);
    setup.bus = instance->watched;
    setup.store = instance->store;
    if (runtime_new(&setup, &instance->io, &why) != ERR_OK) {
        (void)fprintf(stderr, "%s: %s\n", engine->ops->name, why.text);
        abort();
    }
    world->instances[e][i] = instance;
}

/* Whether two engines are in one process. */
static bool are_one(const struct world *world, size_t e, size_t f)
{
    return e == f || (world->engines[e].shares && world->engines[f].shares);
}

/* The first engine of a process stands for it. */
static bool is_first(const struct world *world, size_t e)
{
    return e == 0 || !are_one(world, e, e - 1);
}

/* The process that an engine is in. */
static void start_process(struct world *world, size_t e, size_t i)
{
    for (size_t f = 0; f < world->n_engines; f++) {
        if (are_one(world, e, f)) {
            start(world, f, i);
        }
    }
}

/* What kill -9 leaves: nothing of the process, its connections closed. */
static void kill_instance(struct instance **at)
{
    struct instance *instance = *at;

    runtime_free(instance->io);
    bus_close(instance->watched);
    bus_close(instance->local);
    bus_close(instance->bus);
    store_close(instance->store);
    conf_free(instance->conf);
    free(instance->state);
    free(instance);
    *at = NULL;
}

static void kill_process(struct world *world, size_t e, size_t i)
{
    for (size_t f = 0; f < world->n_engines; f++) {
        if (are_one(world, e, f) && world->instances[f][i] != NULL) {
            kill_instance(&world->instances[f][i]);
        }
    }
    if (world->engines[e].shares) {
        bus_hub_free(world->hubs[i]);
        world->hubs[i] = NULL;
    }
}

static void kill_engine(struct world *world, size_t e)
{
    for (size_t i = 0; i < TWINS; i++) {
        kill_process(world, e, i);
    }
}

struct world *world_new(uint64_t seed, const struct world_engine *engines,
                        size_t n_engines)
{
    struct world *world = xcalloc(1, sizeof *world);
    const struct broker_faults faults = {.ctx = world,
                                         .nack = decide_nack,
                                         .deliver = decide_deliver,
                                         .late = decide_late,
                                         .swallow = decide_swallow,
                                         .keep = decide_keep};

    BUG_IF(n_engines > ENGINES);
    world->dice.state = seed * 2654435761u + 1;
    world->engines = engines;
    world->n_engines = n_engines;
    world->now_ms = first_ms;
    world->broker = broker_new("canopsis");
    broker_set_faults(world->broker, &faults);
    world->memory = store_memory_new();
    store_memory_set_fault(world->memory, decide_store, world);
    for (size_t e = 0; e < n_engines; e++) {
        start(world, e, 0);
    }
    return world;
}

void world_free(struct world *world)
{
    for (size_t e = 0; e < world->n_engines; e++) {
        kill_engine(world, e);
    }
    broker_free(world->broker);
    store_memory_free(world->memory);
    free(world);
}

void world_set_faults(struct world *world, const struct world_faults *faults)
{
    world->faults = *faults;
}

void world_set_torture(struct world *world, bool (*strikes)(void *ctx),
                       void *ctx)
{
    world->strikes = strikes;
    world->strikes_ctx = ctx;
}

void world_set_script(struct world *world, const struct world_script *script)
{
    world->script = *script;
}

uint64_t world_acts(const struct world *world, size_t engine,
                    enum watch_act act)
{
    return world->acts[engine][act];
}

struct broker *world_broker(struct world *world)
{
    return world->broker;
}

struct store *world_reader(struct world *world)
{
    return store_memory_open(world->memory, NULL);
}

struct store *world_writer(struct world *world, const char *name)
{
    return store_memory_open(world->memory, name);
}

struct dice *world_dice(struct world *world)
{
    return &world->dice;
}

int64_t world_now_ms(const struct world *world)
{
    return world->now_ms;
}

void world_pass_time(struct world *world, int64_t ms)
{
    world->now_ms += ms;
}

/* The older one leaves; a twin takes its place. */
static void promote(struct world *world, size_t e)
{
    if (world->instances[e][0] != NULL) {
        return;
    }
    for (size_t f = 0; f < world->n_engines; f++) {
        if (are_one(world, e, f)) {
            world->instances[f][0] = world->instances[f][1];
            world->instances[f][1] = NULL;
        }
    }
    if (world->engines[e].shares) {
        world->hubs[0] = world->hubs[1];
        world->hubs[1] = NULL;
    }
    if (world->instances[e][0] == NULL) {
        start_process(world, e, 0);
    }
}

static void disturb_instance(struct world *world, size_t e, size_t i)
{
    struct instance **at = &world->instances[e][i];
    struct dice *dice = &world->dice;

    if (dice_one_in(dice, world->faults.crash)) {
        kill_process(world, e, i);
    } else if (dice_one_in(dice, world->faults.cut)) {
        bool in = dice_one_in(dice, 2);

        broker_cut(world->broker, (*at)->bus, in, !in || dice_one_in(dice, 2));
    } else if (dice_one_in(dice, world->faults.disown)) {
        broker_disown(world->broker, (*at)->bus, dice_one_in(dice, 2));
        if (world->instances[e][1] == NULL) {
            start_process(world, e, 1);
        }
    } else if (dice_one_in(dice, HEARTBEATS * world->faults.disown)) {
        /* Who was taken for dead learns it by missing heartbeats. */
        broker_cut(world->broker, (*at)->bus, true, true);
    }
    promote(world, e);
}

/* Whether it had something to do. */
static bool step_instance(struct world *world, size_t e, size_t i)
{
    struct instance **at = &world->instances[e][i];
    enum runtime_result result;

    world->stepping = e;
    world->current = *at;
    result = runtime_step((*at)->io, 0);
    world->current = NULL;
    if (result == RUNTIME_FENCED || result == RUNTIME_ENDED || (*at)->dead) {
        kill_process(world, e, i);
        promote(world, e);
    }
    return result == RUNTIME_GO_ON;
}

/* One choice of the scheduler; whether it found something to do. */
static bool step(struct world *world)
{
    struct dice *dice = &world->dice;
    size_t e = dice_roll(dice, world->n_engines);
    size_t i = 0;
    bool did;

    world->now_ms += (int64_t)dice_roll(dice, 5);
    if (dice_one_in(dice, world->faults.restart)) {
        broker_restart(world->broker);
    }
    if (dice_one_in(dice, world->faults.back)) {
        world->back_ms = world->back_ms == 0 ? BACK_MS : 0;
    }
    if (world->instances[e][1] == NULL) {
        if (dice_one_in(dice, world->faults.twin)) {
            start_process(world, e, 1);
        }
    } else {
        /* The older one stalls more often than not. */
        i = dice_roll(dice, 10) < 6 ? 1 : 0;
    }
    did = step_instance(world, e, i);
    if (world->instances[e][i] != NULL) {
        disturb_instance(world, e, i);
    }
    return did;
}

void world_step(struct world *world)
{
    (void)step(world);
}

bool world_turn(struct world *world, size_t engine, size_t instance)
{
    const struct instance *before = world->instances[engine][instance];
    uint64_t starts = world->starts;

    world->now_ms += TURN_MS;
    if (before == NULL) {
        return false;
    }
    (void)step_instance(world, engine, instance);
    return world->instances[engine][instance] == before &&
           world->starts == starts;
}

void world_kill(struct world *world, size_t engine, size_t instance)
{
    if (engine < world->n_engines &&
        world->instances[engine][instance] != NULL) {
        kill_process(world, engine, instance);
        promote(world, engine);
    }
}

void world_forget_store(struct world *world, size_t engine)
{
    kill_engine(world, engine);
    store_memory_forget(world->memory, world->engines[engine].ops->name);
    promote(world, engine);
}

void world_twin(struct world *world, size_t engine)
{
    if (world->instances[engine][1] == NULL) {
        start_process(world, engine, 1);
    }
}

struct bus *world_bus(struct world *world, size_t engine, size_t instance)
{
    const struct instance *at = world->instances[engine][instance];

    return at != NULL ? at->bus : NULL;
}

struct engine_io *world_io(struct world *world, size_t engine, size_t instance)
{
    const struct instance *at = world->instances[engine][instance];

    return at != NULL ? at->io : NULL;
}

/* Who was taken for dead and lives learns it at last, as by heartbeats. */
static void notice_all(struct world *world)
{
    for (size_t e = 0; e < world->n_engines; e++) {
        for (size_t i = 0; i < TWINS; i++) {
            if (world->instances[e][i] != NULL) {
                broker_cut(world->broker, world->instances[e][i]->bus, true,
                           true);
            }
        }
    }
}

/* Marks keep coming: a few messages are no backlog. */
static bool is_deep(const struct world *world, const char *queue)
{
    return broker_depth(world->broker, queue) > SHALLOW;
}

static bool any_deep(const struct world *world, const char *const *queues)
{
    for (size_t i = 0; queues != NULL && queues[i] != NULL; i++) {
        if (is_deep(world, queues[i])) {
            return true;
        }
    }
    return false;
}

/* Whether a queue that an engine of this world reads is not empty. */
static bool has_backlog(const struct world *world)
{
    for (size_t e = 0; e < world->n_engines; e++) {
        const struct engine_ops *ops = world->engines[e].ops;
        const struct runtime_conf *conf = &world->instances[e][0]->runtime;
        char name[BUS_NAME_MAX + 1];

        (void)bus_queue_name(ops->name, (int)conf->partition,
                             (int)conf->partitions, name);
        if (is_deep(world, name) || any_deep(world, ops->entries) ||
            any_deep(world, ops->extras)) {
            return true;
        }
    }
    return false;
}

bool world_settle(struct world *world)
{
    const struct world_faults calm = {0};
    const struct world_script silent = {0};
    const int64_t quiet_steps = QUIET_STEPS * (int64_t)world->n_engines;
    int64_t busy_ms = world->now_ms;
    int64_t busy_step = 0;
    size_t idle = 0;

    world->faults = calm;
    world->script = silent;
    notice_all(world);
    for (int64_t n = 0; n < SETTLE_STEPS; n++) {
        idle = step(world) ? 0 : idle + 1;
        if (idle == IDLE_STEPS * world->n_engines) {
            world->now_ms += IDLE_MS;
            idle = 0;
        }
        if (n % SETTLE_LOOK == 0 && has_backlog(world)) {
            busy_ms = world->now_ms;
            busy_step = n;
        }
        if (world->now_ms - busy_ms > QUIET_MS && n - busy_step > quiet_steps) {
            return true;
        }
    }
    return false;
}

/* What it has sent is confirmed by those behind it in its process. */
static void step_others(struct world *world, size_t e)
{
    for (size_t f = e + 1; f < world->n_engines; f++) {
        if (are_one(world, e, f)) {
            (void)runtime_step(world->instances[f][0]->io, 0);
        }
    }
}

static bool drained(struct world *world, size_t e)
{
    struct instance **at = &world->instances[e][0];
    enum runtime_result result;

    for (int64_t n = 0; n < SETTLE_STEPS; n++) {
        world->now_ms++;
        result = runtime_step((*at)->io, 0);
        if (result == RUNTIME_ENDED || result == RUNTIME_FENCED) {
            kill_instance(at);
            return true;
        }
        step_others(world, e);
    }
    return false;
}

/* End the process that begins with this engine, in the order of the list. */
static bool end_process(struct world *world, size_t e)
{
    bool good = true;

    for (size_t f = e; f < world->n_engines && good; f++) {
        if (are_one(world, e, f)) {
            runtime_stop(world->instances[f][0]->io);
            good = drained(world, f);
        }
    }
    kill_process(world, e, 0); /* nothing is left but the hub */
    return good;
}

void world_restart_all(struct world *world)
{
    for (size_t e = 0; e < world->n_engines; e++) {
        kill_process(world, e, 1);
    }
    BUG_IF(!world_settle(world)); /* one that was fenced starts anew */
    for (size_t e = 0; e < world->n_engines; e++) {
        if (is_first(world, e)) {
            BUG_IF(!end_process(world, e));
            start_process(world, e, 0);
        }
    }
}

void world_swap(struct world *world, const struct world_engine *engines)
{
    const struct world_faults faults = world->faults;
    bool in_order = dice_one_in(&world->dice, 2);

    world->faults = (struct world_faults){0};
    for (size_t e = 0; e < world->n_engines; e++) {
        kill_process(world, e, 1);
    }
    for (size_t e = 0; e < world->n_engines && in_order; e++) {
        if (is_first(world, e)) {
            BUG_IF(!end_process(world, e));
        }
    }
    for (size_t e = 0; e < world->n_engines; e++) {
        kill_process(world, e, 0);
    }
    world->engines = engines;
    for (size_t e = 0; e < world->n_engines; e++) {
        start(world, e, 0);
    }
    world->faults = faults;
}

/* Repartitioning. */

static bool is_hop(const struct world_engine *engine)
{
    return engine->ops->entries == NULL;
}

static const char *main_queue(const struct world *world, size_t e,
                              char name[BUS_NAME_MAX + 1])
{
    const struct runtime_conf *conf = &world->instances[e][0]->runtime;

    return bus_queue_name(world->engines[e].ops->name, (int)conf->partition,
                          (int)conf->partitions, name);
}

/* Let those that still run go on until what this one reads is empty. What was
 * delivered to a lost connection may wait for the next mark: such an end
 * leaves something, and the next round has marks. */
static void run_dry(struct world *world, size_t e)
{
    char name[BUS_NAME_MAX + 1];
    bool hop = is_hop(&world->engines[e]);
    int64_t quiet = 0; /* steps: what was delivered is worked on meanwhile */

    (void)main_queue(world, e, name);
    for (int64_t n = 0; n < DRY_MOST && quiet < DRY_STEPS; n++) {
        size_t any = e + dice_roll(&world->dice, world->n_engines - e);

        world->now_ms++;
        (void)step_instance(world, any, 0);
        quiet = hop && broker_depth(world->broker, name) > 0 ? 0 : quiet + 1;
    }
}

/* In the order of the list, which is that of the events' way. Names of the
 * queues that are not empty at the end go into left. */
static bool end_all(struct world *world, bool *left)
{
    char names[ENGINES][BUS_NAME_MAX + 1];

    *left = false;
    for (size_t e = 0; e < world->n_engines; e++) {
        run_dry(world, e);
        (void)main_queue(world, e, names[e]);
        runtime_stop(world->instances[e][0]->io);
        if (!drained(world, e)) {
            return false;
        }
    }
    for (size_t e = 0; e < world->n_engines; e++) {
        *left |= is_hop(&world->engines[e]) &&
                 broker_depth(world->broker, names[e]) > 0;
    }
    return true;
}

static void start_all(struct world *world)
{
    for (size_t e = 0; e < world->n_engines; e++) {
        start(world, e, 0);
    }
}

/* The number of an engine in a list. */
static int64_t number_in(const struct world_engine *engines, size_t n,
                         const char *name)
{
    int64_t number = 0;

    for (size_t e = 0; e < n; e++) {
        number += strcmp(engines[e].ops->name, name) == 0;
    }
    return number;
}

/* A store that is away is asked again, as who runs the command would. */
static bool gone_on(enum err err, int *tries)
{
    return err == ERR_UNAVAILABLE && ++*tries < MOVE_TRIES;
}

struct mover {
    struct world *world;
    struct repartition change;
    struct progress floors;
    uint64_t kill_of;
    bool open; /* some process did not end in order */
    struct errbuf *why;
};

typedef enum err mover_fn(struct mover *mover, struct store *store);

static enum err hold_entry(struct mover *mover, struct store *store)
{
    return repartition_hold(&mover->change, store, mover->why);
}

static enum err release_entry(struct mover *mover, struct store *store)
{
    return repartition_release(&mover->change, store, mover->why);
}

static enum err look_hop(struct mover *mover, struct store *store)
{
    struct repartition_found found;
    enum err err = repartition_look(&mover->change, store, &mover->floors,
                                    &found, mover->why);

    mover->open |= err == ERR_OK && found.open[0] != '\0';
    return err;
}

/* For each engine once, again while its store is away. */
static bool each_store(struct mover *mover, bool hops, mover_fn *fn)
{
    struct world *world = mover->world;

    for (size_t e = 0; e < world->n_engines; e++) {
        const struct engine_ops *ops = world->engines[e].ops;
        struct store *store;
        enum err err;
        int tries = 0;

        if (is_hop(&world->engines[e]) != hops || ops->to_exchange) {
            continue;
        }
        store = store_memory_open(world->memory, ops->name);
        do {
            err = fn(mover, store);
        } while (gone_on(err, &tries));
        store_close(store);
        if (err != ERR_OK) {
            return false;
        }
    }
    return true;
}

/* Again while something is left, or a process has not ended in order: one that
 * was killed before and was given nothing since. */
static bool drain_all(struct mover *mover)
{
    struct world *world = mover->world;
    bool left = true;

    for (int round = 0; round < DRAIN_ROUNDS && left; round++) {
        for (size_t e = 0; e < world->n_engines; e++) {
            kill_process(world, e, 1);
            if (world->instances[e][0] == NULL) {
                start(world, e, 0);
            }
        }
        if (!end_all(world, &left)) {
            return false;
        }
        mover->open = false;
        if (!each_store(mover, true, look_hop) ||
            !each_store(mover, false, look_hop)) {
            return false;
        }
        left |= mover->open;
    }
    return !left;
}

/* One engine, through as many lives as chance has it. */
static bool move_engine(struct mover *mover, const char *name, int64_t to)
{
    struct store *store = store_memory_open(mover->world->memory, name);
    struct repartition_move move = {.change = &mover->change,
                                    .store = store,
                                    .engine = name,
                                    .to = to,
                                    .floors = &mover->floors};
    enum err err = ERR_OK;
    bool done = false;
    int tries = 0;

    while (!done && (err == ERR_OK || gone_on(err, &tries))) {
        err = repartition_step(&move, &done, mover->why);
        if (dice_one_in(&mover->world->dice, mover->kill_of)) {
            move.copied = false;
        }
    }
    store_close(store);
    return done;
}

static bool move_all(struct mover *mover, const struct world_engine *engines,
                     size_t n_engines)
{
    for (size_t e = 0; e < n_engines; e++) {
        const char *name = engines[e].ops->name;

        if (is_hop(&engines[e]) &&
            (e == 0 || strcmp(engines[e - 1].ops->name, name) != 0) &&
            !move_engine(mover, name, number_in(engines, n_engines, name))) {
            return false;
        }
    }
    return true;
}

bool world_repartition(struct world *world, const struct world_engine *engines,
                       size_t n_engines, uint64_t kill_of, struct errbuf *why)
{
    const struct world_faults faults = world->faults;
    struct mover mover = {.world = world, .kill_of = kill_of, .why = why};
    bool good;

    BUG_IF(n_engines > ENGINES);
    mover.change.id = world->now_ms;
    mover.change.now_s = world->now_ms / 1000;
    progress_init(&mover.floors);
    world->faults = (struct world_faults){0};
    notice_all(world);
    errbuf_set(why, "it is not drained");
    good = drain_all(&mover);
    world->faults =
        (struct world_faults){.store = faults.store, .unknown = faults.unknown};
    good = good && each_store(&mover, false, hold_entry) &&
           each_store(&mover, true, look_hop) &&
           move_all(&mover, engines, n_engines) &&
           each_store(&mover, false, release_entry);
    progress_fini(&mover.floors);
    for (size_t e = 0; e < world->n_engines; e++) {
        kill_engine(world, e); /* none, where all went well */
    }
    world->engines = engines;
    world->n_engines = n_engines;
    start_all(world);
    world->faults = faults;
    return good;
}

void world_kill_all(struct world *world)
{
    for (size_t e = 0; e < world->n_engines; e++) {
        if (is_first(world, e)) {
            kill_engine(world, e);
            start_process(world, e, 0);
        }
    }
}

void world_change_object(struct world *world, const char *kind,
                         const char *name, struct doc spec)
{
    const struct bus_message notice = {
        .exchange = "canopsis.control",
        .routing_key = kind,
        .properties = {.content_type = "application/json", .message_id = ""},
        .body = "{}",
        .len = 2};
    const struct objects_change change = {.kind = kind,
                                          .name = name,
                                          .spec = spec,
                                          .author = "sim",
                                          .now_ms = world->now_ms,
                                          .expected = -1};
    struct store *store = store_memory_open(world->memory, "webserver");
    struct store_fence fence = {.row = "webserver"};
    struct buf payload;
    int64_t version;
    int64_t revision;
    enum err err;

    buf_init(&payload, DOC_BYTES_MAX);
    do {
        err = store_fence_raise(store, 0, &fence, &payload);
    } while (err != ERR_OK);
    do {
        err = objects_commit(store, &fence, &change, &version, &revision);
        BUG_IF(err != ERR_OK && err != ERR_UNAVAILABLE);
    } while (err != ERR_OK);
    buf_fini(&payload);
    store_close(store);
    (void)broker_publish(world->broker, &notice);
}

bool world_publish(struct world *world, const struct bus_message *message)
{
    return broker_publish(world->broker, message);
}

void world_send(struct world *world, const char *json)
{
    const struct bus_message message = {
        .exchange = "canopsis.events",
        .routing_key = "sim",
        .properties = {.content_type = "application/json", .message_id = ""},
        .body = json,
        .len = strlen(json)};

    BUG_IF(!broker_publish(world->broker, &message));
}
