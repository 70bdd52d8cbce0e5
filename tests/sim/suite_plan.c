/* SPDX-License-Identifier: Apache-2.0 */
/** What is sent to the suite: made from a seed. */
#include "tests/sim/suite_plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/err.h"

enum {
    ENTITIES = 6,
    SPACING_S = 2,
    LAST_CHECKS = ENTITIES
};

static const int64_t act_s[PLAN_ACTS] = {1700000000, 1700007200};
static const int64_t events_before_s = 1000;

/* An entity: how events name it, and its id. The last one is the connector
 * itself, whose row both partitions of context know. */
struct entity {
    const char *names;
    const char *id;
};

static const struct entity entities[ENTITIES] = {
    {"\"component\":\"h0\",\"resource\":\"cpu\"", "/resource/sim/s/h0/cpu"},
    {"\"component\":\"h0\",\"resource\":\"disk\"", "/resource/sim/s/h0/disk"},
    {"\"component\":\"h1\",\"resource\":\"cpu\"", "/resource/sim/s/h1/cpu"},
    {"\"component\":\"h2\"", "/component/sim/s/h2"},
    {"\"component\":\"h3\"", "/component/sim/s/h3"},
    {"\"source_type\":\"connector\"", "/connector/sim/s"},
};

/* What making needs: how far it is, and whose alarm is surely open. */
struct maker {
    struct plan *plan;
    struct dice dice;
    size_t act;
    int64_t t_s;
    int serial;
    bool open[ENTITIES];
};

int64_t plan_act_ms(size_t act)
{
    return act_s[act] * 1000;
}

static struct plan_item *add_item(struct maker *maker, enum plan_kind kind)
{
    struct plan *plan = maker->plan;
    struct plan_item *item = &plan->items[maker->act][plan->n[maker->act]++];

    BUG_IF(plan->n[maker->act] > PLAN_ACT_ITEMS);
    *item = (struct plan_item){.kind = kind};
    maker->serial++;
    maker->t_s += SPACING_S;
    return item;
}

static int roll(struct maker *maker, int below)
{
    return (int)dice_roll(&maker->dice, (uint64_t)below);
}

static void write_check(struct maker *maker, char *out, size_t size, int entity,
                        int state)
{
    static const char *const extras[] = {
        "",
        "",
        ",\"perf_data\":\"load=3;5;9 used=40MB\"",
        ",\"perf_data\":\"load=4;5;9\",\"long_output\":\"more\"",
        ",\"infos\":{\"site\":\"north\"},\"tags\":[\"a\",\"b\"]",
        ",\"state_type\":0"};

    (void)snprintf(
        out, size,
        "{\"connector\":\"sim\",\"connector_name\":\"s\",%s,"
        "\"event_type\":\"check\",\"state\":%d,\"timestamp\":%" PRId64
        ",\"output\":\"o%d\"%s}",
        entities[entity].names, state, maker->t_s, maker->serial,
        extras[roll(maker, (int)(sizeof extras / sizeof extras[0]))]);
    if (state != 0 && strstr(out, "state_type") == NULL) {
        maker->open[entity] = true;
    }
}

static void make_check(struct maker *maker)
{
    struct plan_item *item = add_item(maker, PLAN_EVENT);

    write_check(maker, item->text, sizeof item->text, roll(maker, ENTITIES),
                roll(maker, 4));
}

/* Three events in one message. */
static void make_array(struct maker *maker)
{
    struct plan_item *item = add_item(maker, PLAN_EVENT);
    int entity = roll(maker, ENTITIES);
    size_t len;

    (void)snprintf(item->text, sizeof item->text, "[");
    for (int i = 0; i < 3; i++) {
        len = strlen(item->text);
        write_check(maker, item->text + len, sizeof item->text - len - 2,
                    entity, roll(maker, 3));
        len = strlen(item->text);
        item->text[len] = i < 2 ? ',' : ']';
        item->text[len + 1] = '\0';
        maker->t_s += SPACING_S;
    }
}

static void make_trusted(struct maker *maker)
{
    struct plan_item *item = add_item(maker, PLAN_TRUSTED);

    write_check(maker, item->text, sizeof item->text, roll(maker, ENTITIES),
                roll(maker, 4));
    (void)snprintf(item->id, sizeof item->id, "id-%d", maker->serial);
    item->twice = roll(maker, 2) == 0;
}

static void make_log(struct maker *maker)
{
    struct plan_item *item = add_item(maker, PLAN_EVENT);

    (void)snprintf(
        item->text, sizeof item->text,
        "{\"connector\":\"sim\",\"connector_name\":\"s\",%s,"
        "\"event_type\":\"log\",\"timestamp\":%" PRId64 ",\"output\":\"l%d\"}",
        entities[roll(maker, ENTITIES)].names, maker->t_s, maker->serial);
}

static void make_perf(struct maker *maker)
{
    struct plan_item *item = add_item(maker, PLAN_EVENT);

    (void)snprintf(item->text, sizeof item->text,
                   "{\"connector\":\"sim\",\"connector_name\":\"s\",%s,"
                   "\"event_type\":\"perf\",\"timestamp\":%" PRId64
                   ",\"perf_data_array\":[{\"metric\":\"m%d\",\"value\":%d}]}",
                   entities[roll(maker, ENTITIES)].names, maker->t_s,
                   roll(maker, 3), maker->serial);
}

static void make_collectd(struct maker *maker)
{
    struct plan_item *item = add_item(maker, PLAN_COLLECTD);

    (void)snprintf(item->text, sizeof item->text,
                   "PUTVAL c%d/cpu-0/percent-idle interval=10 %" PRId64
                   ":%d\nPUTVAL c%d/load/load interval=10 %" PRId64 ":1:2:%d",
                   roll(maker, 2), maker->t_s, maker->serial % 100,
                   roll(maker, 2), maker->t_s, maker->serial);
}

/* The way of the checks: behind the checks it speaks of. */
static void make_ordinary_action(struct maker *maker)
{
    static const char *const types[] = {
        "ack", "ackremove", "comment", "snooze", "cancel", "uncancel", "ack"};
    struct plan_item *item = add_item(maker, PLAN_EVENT);

    (void)snprintf(
        item->text, sizeof item->text,
        "{\"connector\":\"sim\",\"connector_name\":\"s\",%s,"
        "\"event_type\":\"%s\",\"author\":\"eve\",\"duration\":31536000,"
        "\"timestamp\":%" PRId64 ",\"output\":\"a%d\"}",
        entities[roll(maker, ENTITIES)].names,
        types[roll(maker, (int)(sizeof types / sizeof types[0]))], maker->t_s,
        maker->serial);
}

/* The action queue. It overtakes checks, so only actions that commute with
 * them: a comment and a ticket. An alarm that never was: refused. */
static void make_action(struct maker *maker)
{
    int entity = roll(maker, ENTITIES);
    struct plan_item *item = add_item(maker, PLAN_ACTION);

    (void)snprintf(item->id, sizeof item->id, "act-%d", maker->serial);
    (void)snprintf(item->text, sizeof item->text,
                   "\"event_type\":\"%s\",\"author\":\"bob\","
                   "\"action_id\":\"%s\",\"ticket\":\"T%d\","
                   "\"timestamp\":%" PRId64 ",\"output\":\"q%d\"",
                   roll(maker, 2) == 0 ? "comment" : "assocticket", item->id,
                   maker->serial, act_s[maker->act] - events_before_s,
                   maker->serial);
    item->entity = maker->open[entity] ? entities[entity].id : NULL;
    item->twice = roll(maker, 3) == 0;
}

/* What no engine can take. */
static void make_refused(struct maker *maker)
{
    struct plan_item *item = add_item(maker, PLAN_EVENT);

    (void)snprintf(item->text, sizeof item->text,
                   roll(maker, 2) == 0
                       ? "{\"broken\":%d"
                       : "{\"connector\":\"sim\",\"connector_name\":\"s\","
                         "\"component\":\"h0\",\"event_type\":\"check\","
                         "\"state\":%d7}",
                   maker->serial);
}

/* A maker, and how many of a hundred items are its. */
static const struct {
    int share;
    void (*make)(struct maker *maker);
} kinds[] = {
    {44, make_check},
    {6, make_array},
    {8, make_trusted},
    {6, make_log},
    {7, make_perf},
    {7, make_collectd},
    {11, make_ordinary_action},
    {6, make_action},
    {5, make_refused},
};

static void make_one(struct maker *maker)
{
    int at = roll(maker, 100);
    size_t i = 0;

    while (at >= kinds[i].share) {
        at -= kinds[i].share;
        i++;
    }
    kinds[i].make(maker);
}

void plan_make(struct plan *plan, uint64_t seed)
{
    struct maker maker = {.plan = plan, .dice = {.state = seed ^ 0x5eed}};

    *plan = (struct plan){.n = {0}};
    for (size_t act = 0; act < PLAN_ACTS; act++) {
        maker.act = act;
        maker.t_s = act_s[act] - events_before_s;
        memset(maker.open, 0, sizeof maker.open);
        while (plan->n[act] < PLAN_ACT_ITEMS - LAST_CHECKS) {
            make_one(&maker);
        }
        /* What alarms copy of their entities is that of the last check. */
        for (int e = 0; e < ENTITIES; e++) {
            struct plan_item *item = add_item(&maker, PLAN_EVENT);

            write_check(&maker, item->text, sizeof item->text, e,
                        roll(&maker, 2) * 2);
        }
    }
}
