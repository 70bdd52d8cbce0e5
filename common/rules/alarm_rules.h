/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Rules on alarms: other numbers for the alarms that a filter matches. Pure.
 * docs/engines/alarm.md says what each number means.
 */
#ifndef HYP_RULES_ALARM_RULES_H
#define HYP_RULES_ALARM_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/object/object.h"

/** What a rule can say, named as the option of the alarm engine. */
enum alarm_rules_number {
    ALARM_RULES_FLAPPING_CHANGES,
    ALARM_RULES_FLAPPING_WINDOW, /**< ms, as all times */
    ALARM_RULES_FLAPPING_END,
    ALARM_RULES_STEALTHY_TIME,
    ALARM_RULES_RESOLVE_AFTER,
    ALARM_RULES_CANCEL_AUTOSOLVE,
    ALARM_RULES_N
};

/** Numbers by enum alarm_rules_number; a negative one is not said. */
struct alarm_numbers {
    int64_t at[ALARM_RULES_N];
};

/** Kind "alarmrule". */
extern const struct object_kind alarm_rule_kind;

struct alarm_rule_set;

struct alarm_rule_set *alarm_rule_set_new(void);
void alarm_rule_set_free(struct alarm_rule_set *set);
/** Add a rule from its object {name, spec}, which is copied. One that is not
 *  enabled is passed over. ERR_INVALID with the path in why. */
MUST_CHECK enum err alarm_rule_set_add(struct alarm_rule_set *set,
                                       struct doc object, struct errbuf *why);
/** All are in: put them in order. */
void alarm_rule_set_seal(struct alarm_rule_set *set);
/** Number of (enabled) rules. */
size_t alarm_rule_set_count(const struct alarm_rule_set *set);
/** The greatest that any rule says of a number; negative: none does. */
int64_t alarm_rule_set_most(const struct alarm_rule_set *set,
                            enum alarm_rules_number number);
/** What holds for an alarm's entity: each number is that of the first rule
 *  that matches and says it. */
struct alarm_numbers alarm_rule_set_choose(const struct alarm_rule_set *set,
                                           struct doc entity);

#endif
