/* SPDX-License-Identifier: Apache-2.0 */
/** What is sent to the suite: made from a seed, the same for every world. */
#ifndef HYP_SIM_SUITE_PLAN_H
#define HYP_SIM_SUITE_PLAN_H

#include "tests/sim/world.h"

enum {
    PLAN_ACTS = 2,
    PLAN_ACT_ITEMS = 48,
    PLAN_TEXT_MAX = 768,
    PLAN_ID_MAX = 32
};

enum plan_kind {
    PLAN_EVENT,    /**< JSON from an outsider */
    PLAN_TRUSTED,  /**< JSON of the suite's own user, under id; comes twice */
    PLAN_COLLECTD, /**< lines of collectd */
    PLAN_ACTION    /**< to the action queue; may come twice */
};

struct plan_item {
    enum plan_kind kind;
    char text[PLAN_TEXT_MAX]; /**< of an action: without its alarm_id */
    char id[PLAN_ID_MAX];     /**< message-id, or action_id */
    bool twice;
    const char *entity; /**< whose open alarm an action means; NULL: none */
};

struct plan {
    struct plan_item items[PLAN_ACTS][PLAN_ACT_ITEMS];
    size_t n[PLAN_ACTS];
};

/** Fill it. The world's clock must read at least plan_act_ms(a) when act a is
 *  told, for no event may come from the future. */
void plan_make(struct plan *plan, uint64_t seed);
int64_t plan_act_ms(size_t act);

#endif
