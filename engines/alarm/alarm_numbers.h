/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The numbers that hold for each entity: the site's, or those that rules on
 * alarms say for what matches them. What is chosen follows from what is
 * stored alone: names, and the facts of an open alarm.
 */
#ifndef HYP_ENGINES_ALARM_ALARM_NUMBERS_H
#define HYP_ENGINES_ALARM_ALARM_NUMBERS_H

#include "common/base/map.h"
#include "common/rules/alarm_rules.h"
#include "engines/alarm/alarm_state.h"

/** A zeroed one has no rules: the site's numbers hold for all. */
struct alarm_numbers_book {
    const struct alarm_rules *site; /**< borrowed */
    struct alarm_rule_set *rules;   /**< NULL: none */
    struct map forms;               /**< what was chosen so far, each once */
    struct doc_out *out;
};

/** Borrows site, which may change: alarm_numbers_renew then. */
void alarm_numbers_init(struct alarm_numbers_book *book,
                        const struct alarm_rules *site);
void alarm_numbers_fini(struct alarm_numbers_book *book);
/** Takes the (sealed) rules in the place of those in use; what entities point
 *  to is gone: choose for all of them anew. */
void alarm_numbers_use(struct alarm_numbers_book *book,
                       struct alarm_rule_set *rules);
/** The site's numbers changed: bring those of rules in line. */
void alarm_numbers_renew(struct alarm_numbers_book *book);
/** Choose for an entity with these facts (as in struct alarm). */
void alarm_numbers_choose(struct alarm_numbers_book *book,
                          struct alarm_entity *entity, struct doc facts);
/** The same with the facts of its alarm; without one none. */
void alarm_numbers_settle(struct alarm_numbers_book *book,
                          struct alarm_entity *entity);

#endif
