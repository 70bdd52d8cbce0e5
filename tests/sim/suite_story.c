/* SPDX-License-Identifier: Apache-2.0 */
/** The whole suite in a rough world and in a calm one. */
#include "tests/sim/suite_story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/mem.h"
#include "common/bus/topology.h"
#include "common/event/event.h"
#include "engines/alarm/alarm.h"
#include "engines/cleaner/cleaner.h"
#include "engines/collectdgw/collectdgw.h"
#include "engines/context/context.h"
#include "engines/event-filter/event_filter.h"
#include "engines/eventstore/eventstore.h"
#include "engines/perfdata/perfdata.h"
#include "tests/sim/suite_dump.h"
#include "tests/sim/suite_plan.h"
#include "tests/sim/suite_rules.h"

enum {
    DUMP_BYTES = 16 * 1024 * 1024,
    ACT_STEPS = 6000,
    SEND_EVERY = 100,
    TOUCH_EVERY = 700,
    BLOCKED_STEPS = 300000,
    LOOK_EVERY = 64,
    SECOND_STEPS = 100, /* choices of the scheduler in a second of silence */
    ROUGH_SECONDS = 20,
    CALM_SECONDS = 400, /* until flapping has ended and OK is resolved */
    ACTION_MAX = PLAN_TEXT_MAX + 256
};

static const char *const half_0[] = {"engine.partition=0",
                                     "engine.partitions=2", NULL};
static const char *const half_1[] = {
    "engine.partition=1", "engine.partitions=2", "engine.batch_max=3", NULL};
static const char *const small_batches[] = {
    "engine.batch_max=4", "engine.window=2", "engine.fold_interval=5s", NULL};
/* Hours that are over are merged while others still write into them. */
static const char *const perfdata_options[] = {
    "engine.batch_max=4", "engine.window=2", "perfdata.fold_after=1s",
    "perfdata.merge_after=1s", NULL};
/* Silence concludes nothing within an act, however long that takes: the dates
 * of its events lie within 110 s, all that is left of the window. That events
 * are late, by the hours between the acts, is told by nobody. */
static const char *const alarm_options[] = {"engine.batch_max=5",
                                            "engine.fold_interval=3s",
                                            "alarm.flapping_changes=4",
                                            "alarm.flapping_end=2",
                                            "alarm.flapping_window=250s",
                                            "alarm.resolve_after=120s",
                                            "alarm.cancel_autosolve=10h",
                                            "alarm.chain_late=0s",
                                            NULL};
/* A small window of ids: a large one takes the time of a start. */
static const char *const few_ids[] = {"cleaner.ids_max=1000", NULL};
static const char *collectd_options[] = {NULL, "collectdgw.alive=no", NULL};

static const struct world_engine suite[] = {
    {.ops = &cleaner_engine, .next = "event-filter", .options = few_ids},
    {.ops = &event_filter_engine,
     .next = "context*2",
     .options = small_batches},
    {.ops = &context_engine,
     .next = "alarm",
     .side = "perfdata",
     .options = half_0},
    {.ops = &context_engine,
     .next = "alarm",
     .side = "perfdata",
     .options = half_1},
    {.ops = &alarm_engine, .next = "eventstore", .options = alarm_options},
    {.ops = &perfdata_engine, .options = perfdata_options},
    {.ops = &eventstore_engine, .options = small_batches},
    {.ops = &collectdgw_engine, .options = collectd_options}};

/* The same with other numbers: half way through an act all go over. */
static const char *const first_of_2[] = {
    "engine.partition=0", "engine.partitions=2", "engine.batch_max=4", NULL};
static const char *const second_of_2[] = {
    "engine.partition=1", "engine.partitions=2", "engine.window=2", NULL};
#define PERFDATA_OF_2                                                          \
    "engine.partitions=2", "engine.batch_max=4", "perfdata.fold_after=1s",     \
        "perfdata.merge_after=1s", NULL
static const char *const perfdata_0[] = {"engine.partition=0", PERFDATA_OF_2};
static const char *const perfdata_1[] = {"engine.partition=1", PERFDATA_OF_2};
#define ALARM_OF_2                                                             \
    "engine.partitions=2", "engine.fold_interval=3s",                          \
        "alarm.flapping_changes=4", "alarm.flapping_end=2",                    \
        "alarm.flapping_window=250s", "alarm.resolve_after=120s",              \
        "alarm.cancel_autosolve=10h", "alarm.chain_late=0s", NULL
static const char *const alarm_0[] = {"engine.partition=0", ALARM_OF_2};
static const char *const alarm_1[] = {"engine.partition=1", ALARM_OF_2};

static const struct world_engine other[] = {
    {.ops = &cleaner_engine, .next = "event-filter*2", .options = few_ids},
    {.ops = &event_filter_engine, .next = "context", .options = first_of_2},
    {.ops = &event_filter_engine, .next = "context", .options = second_of_2},
    {.ops = &context_engine,
     .next = "alarm*2",
     .side = "perfdata*2",
     .options = small_batches},
    {.ops = &alarm_engine, .next = "eventstore*2", .options = alarm_0},
    {.ops = &alarm_engine, .next = "eventstore*2", .options = alarm_1},
    {.ops = &perfdata_engine, .options = perfdata_0},
    {.ops = &perfdata_engine, .options = perfdata_1},
    {.ops = &eventstore_engine, .options = first_of_2},
    {.ops = &eventstore_engine, .options = second_of_2},
    {.ops = &collectdgw_engine, .options = collectd_options}};

/* The way of the checks in one process, and each engine in one of its own. */
#define WAY(shares_)                                                           \
    {.ops = &cleaner_engine,                                                   \
     .next = "event-filter",                                                   \
     .options = few_ids,                                                       \
     .shares = (shares_)},                                                     \
        {.ops = &event_filter_engine,                                          \
         .next = "context",                                                    \
         .options = small_batches,                                             \
         .shares = (shares_)},                                                 \
        {.ops = &context_engine,                                               \
         .next = "alarm",                                                      \
         .side = "perfdata",                                                   \
         .options = small_batches,                                             \
         .shares = (shares_)},                                                 \
        {.ops = &alarm_engine,                                                 \
         .next = "eventstore",                                                 \
         .options = alarm_options,                                             \
         .shares = (shares_)},                                                 \
        {.ops = &perfdata_engine, .options = perfdata_options},                \
        {.ops = &eventstore_engine, .options = small_batches},                 \
    {                                                                          \
        .ops = &collectdgw_engine, .options = collectd_options                 \
    }
static const struct world_engine one_process[] = {WAY(true)};
static const struct world_engine processes[] = {WAY(false)};

/* What the end must be: of the plainest world, one context and no faults. */
static const struct world_engine plain[] = {
    {.ops = &cleaner_engine, .next = "event-filter", .options = few_ids},
    {.ops = &event_filter_engine, .next = "context"},
    {.ops = &context_engine, .next = "alarm", .side = "perfdata"},
    {.ops = &alarm_engine, .next = "eventstore", .options = alarm_options},
    {.ops = &perfdata_engine},
    {.ops = &eventstore_engine},
    {.ops = &collectdgw_engine, .options = collectd_options}};

static char difference[1024];
/* Of the world under way. */
static size_t alarm_partitions;
static bool in_one;

/* Sending. */

static bool publish(struct world *world, const char *exchange, const char *key,
                    const char *text, const struct bus_properties *properties)
{
    const struct bus_message message = {.exchange = exchange,
                                        .routing_key = key,
                                        .properties = *properties,
                                        .body = text,
                                        .len = strlen(text)};

    return world_publish(world, &message);
}

/* Where the alarm of the entity is; the first one refuses what never was. */
static void name_queue(const struct plan_item *item,
                       char queue[BUS_NAME_MAX + 1])
{
    struct buf component;
    struct buf name;
    size_t partition = 0;

    buf_init(&component, EVENT_ENTITY_ID_MAX);
    buf_init(&name, EVENT_ENTITY_ID_MAX);
    if (item->entity != NULL) {
        event_entity_source(item->entity, &component, &name);
        partition = bus_partition(buf_str(&component), buf_str(&name),
                                  alarm_partitions);
    }
    (void)bus_own_queue_name("Engine_alarm.actions", "alarm", (int)partition,
                             (int)alarm_partitions, queue);
    buf_fini(&name);
    buf_fini(&component);
}

static bool send_action(struct world *world, const struct plan_item *item)
{
    const struct bus_properties ours = {.content_type = "application/json",
                                        .message_id = "",
                                        .user_id = "hypervise"};
    char alarm_id[128] = "never-was";
    char text[ACTION_MAX];
    char queue[BUS_NAME_MAX + 1];

    name_queue(item, queue);

    if (item->entity != NULL &&
        !suite_open_alarm(world, item->entity, alarm_id, sizeof alarm_id)) {
        return false;
    }
    (void)snprintf(text, sizeof text, "{\"alarm_id\":\"%s\",%s}", alarm_id,
                   item->text);
    if (!publish(world, "", queue, text, &ours)) {
        return false;
    }
    return !item->twice || publish(world, "", queue, text, &ours);
}

/* False: not yet. */
static bool send(struct world *world, const struct plan_item *item)
{
    struct bus_properties properties = {.content_type = "application/json",
                                        .message_id = ""};

    switch (item->kind) {
    case PLAN_EVENT:
        return publish(world, "canopsis.events", "sim", item->text,
                       &properties);
    case PLAN_TRUSTED:
        properties.message_id = item->id;
        properties.user_id = "hypervise";
        return publish(world, "canopsis.events", "sim", item->text,
                       &properties) &&
               (!item->twice || publish(world, "canopsis.events", "sim",
                                        item->text, &properties));
    case PLAN_COLLECTD:
        properties.content_type = "text/collectd";
        return publish(world, "amq.topic", "collectd", item->text, &properties);
    case PLAN_ACTION:
        return send_action(world, item);
    }
    return false;
}

static void step(struct world *world, int n)
{
    for (int i = 0; i < n; i++) {
        world_step(world);
    }
}

/* An action waits until the alarm it means is seen. */
static bool send_surely(struct world *world, const struct plan_item *item)
{
    for (int waited = 0; waited < BLOCKED_STEPS; waited += LOOK_EVERY) {
        if (send(world, item)) {
            return true;
        }
        step(world, LOOK_EVERY);
    }
    return false;
}

/* Nothing happens but the marks of each second. */
static void stay_silent(struct world *world, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        world_pass_time(world, 1000 - SECOND_STEPS * 2);
        step(world, SECOND_STEPS);
    }
}

/* To other numbers in the first act, and back in the second. */
static bool repartition(struct world *world, size_t act, uint64_t kill_of)
{
    const struct world_engine *to = act % 2 == 0 ? other : suite;
    size_t n = act % 2 == 0 ? sizeof other / sizeof other[0]
                            : sizeof suite / sizeof suite[0];
    struct errbuf why = {{0}, {0}};

    if (!world_repartition(world, to, n, kill_of, &why)) {
        (void)snprintf(difference, sizeof difference, "repartition %zu: %.500s",
                       act, why.text);
        return false;
    }
    alarm_partitions = act % 2 == 0 ? 2 : 1;
    return true;
}

static void swap(struct world *world)
{
    in_one = !in_one;
    world_swap(world, in_one ? one_process : processes);
}

static bool tell_act(struct world *world, const struct plan *plan, size_t act,
                     const struct world_faults *faults)
{
    uint64_t move = faults->move;
    size_t next = 0;

    if (world_now_ms(world) < plan_act_ms(act)) {
        world_pass_time(world, plan_act_ms(act) - world_now_ms(world));
        stay_silent(world, 2); /* no batch is open since before */
    }
    for (int i = 0; i < ACT_STEPS; i++) {
        if (next < plan->n[act] && dice_one_in(world_dice(world), SEND_EVERY)) {
            if (!send_surely(world, &plan->items[act][next])) {
                return false;
            }
            next++;
        }
        if (i == ACT_STEPS / 2 && move > 0 && !repartition(world, act, move)) {
            return false;
        }
        if (dice_one_in(world_dice(world), TOUCH_EVERY)) {
            rules_touch(world);
        }
        if (dice_one_in(world_dice(world), faults->swap)) {
            swap(world);
        }
        world_step(world);
    }
    while (next < plan->n[act] && send_surely(world, &plan->items[act][next])) {
        next++;
    }
    return next == plan->n[act];
}

static bool run_acts(struct world *world, const struct world_faults *faults,
                     const struct plan *plan)
{
    for (size_t act = 0; act < PLAN_ACTS; act++) {
        rules_set(world, act);
        stay_silent(world, 3); /* they are in use */
        world_set_faults(world, faults);
        if (!tell_act(world, plan, act, faults)) {
            if (difference[0] == '\0') {
                (void)snprintf(difference, sizeof difference,
                               "act %zu: an alarm is never seen", act);
            }
            return false;
        }
        if (!world_settle(world)) {
            (void)snprintf(difference, sizeof difference,
                           "act %zu: it never ends", act);
            return false;
        }
        world_set_faults(world, faults);
        stay_silent(world, ROUGH_SECONDS);
        if (!world_settle(world)) {
            (void)snprintf(difference, sizeof difference,
                           "silence %zu: it never ends", act);
            return false;
        }
        for (size_t e = 0; e < sizeof other / sizeof other[0]; e++) {
            world_kill(world, e, 1);
        }
        stay_silent(world, CALM_SECONDS);
    }
    world_restart_all(world);
    return world_settle(world);
}

static void set_types(void)
{
    const char *root = getenv("HYP_CASES");

    if (collectd_options[0] == NULL) {
        collectd_options[0] =
            xasprintf("collectdgw.typesdb=%s/collectdgw/types.db",
                      root != NULL ? root : "tests/cases");
    }
}

static struct world *make_world(uint64_t seed,
                                const struct world_faults *faults)
{
    in_one = faults->one;
    if (in_one) {
        return world_new(seed, one_process,
                         sizeof one_process / sizeof one_process[0]);
    }
    if (faults->swap > 0) {
        return world_new(seed, processes,
                         sizeof processes / sizeof processes[0]);
    }
    return world_new(seed, suite, sizeof suite / sizeof suite[0]);
}

static char *run_world(uint64_t seed, const struct world_faults *faults,
                       bool is_plain)
{
    struct plan *plan = xcalloc(1, sizeof *plan);
    struct world *world;
    struct errbuf why;
    struct buf end;

    set_types();
    difference[0] = '\0';
    alarm_partitions = 1;
    buf_init(&end, DUMP_BYTES);
    plan_make(plan, seed);
    world = is_plain ? world_new(seed, plain, sizeof plain / sizeof plain[0])
                     : make_world(seed, faults);
    broker_bind(world_broker(world), "listener", "canopsis.alerts", "#");
    step(world, 400); /* everything is declared before the first event */
    if (run_acts(world, faults, plan) && !suite_dump(world, &end, &why)) {
        (void)snprintf(difference, sizeof difference, "%s", why.text);
    }
    world_free(world);
    free(plan);
    return buf_take(&end);
}

/* The first line that is not in both. */
static void compare(const char *calm, const char *rough)
{
    while (*calm != '\0' && *calm == *rough) {
        const char *end = strchr(calm, '\n');
        size_t len = (size_t)(end - calm) + 1;

        if (strncmp(calm, rough, len) != 0) {
            break;
        }
        calm += len;
        rough += len;
    }
    if (*calm != '\0' || *rough != '\0') {
        (void)snprintf(
            difference, sizeof difference, "expected \"%.*s\", got \"%.*s\"",
            (int)strcspn(calm, "\n"), calm, (int)strcspn(rough, "\n"), rough);
    }
}

char *suite_calm_end(uint64_t seed)
{
    const struct world_faults calm = {0};
    char *end = run_world(seed, &calm, true);

    if (difference[0] != '\0') {
        (void)fprintf(stderr, "seed %llu: the calm world: %s\n",
                      (unsigned long long)seed, difference);
        abort();
    }
    return end;
}

char *suite_rough_end(uint64_t seed, const struct world_faults *faults,
                      const char **why)
{
    char *end = run_world(seed, faults, false);

    *why = difference;
    return end;
}

const char *suite_run(uint64_t seed, const struct world_faults *faults,
                      const char *calm)
{
    char *end = run_world(seed, faults, false);

    if (difference[0] == '\0') {
        compare(calm, end);
    }
    free(end);
    return difference;
}
