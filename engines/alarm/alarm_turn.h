/* SPDX-License-Identifier: Apache-2.0 */
/** One input on its way through the rules: shared by checks and actions. */
#ifndef HYP_ENGINES_ALARM_ALARM_TURN_H
#define HYP_ENGINES_ALARM_ALARM_TURN_H

#include "engines/alarm/alarm_state.h"

struct alarm_turn {
    struct alarm_entity *entity;
    const struct alarm_rules *rules;
    struct alarm_result *result;
    int64_t t_ms;
    int64_t rx_ms;
    int64_t ring_ms;    /**< the same moment in the time of the ring */
    const char *author; /**< NULL: the source */
    const char *message;
};

/** Longest time that a duration from outside counts for. */
#define ALARM_DURATION_MAX_MS (INT64_C(3650) * 86400 * 1000)

/** The later of two times. */
int64_t alarm_later(int64_t a, int64_t b);
/** Time of the ring after some time since the entity's last change. */
int64_t alarm_ring_after(const struct alarm_entity *entity, int64_t elapsed_ms);
/** Append a step of the open alarm; borrowed until the next one. */
struct alarm_step *alarm_step_add(struct alarm_turn *turn,
                                  enum alarm_step_type type, int64_t value);
/** Set the state by a step of that type (which tells it even if it is the
 *  same), and take back a cancel that it makes obsolete. */
void alarm_state_set(struct alarm_turn *turn, int state,
                     enum alarm_step_type type);
/** Bring the status in line with state, marks and ring. */
void alarm_status_refresh(struct alarm_turn *turn);

#endif
