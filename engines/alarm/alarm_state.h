/* SPDX-License-Identifier: Apache-2.0 */
/**
 * How checks, operator actions and silence change an entity's alarm. Pure:
 * same input, same steps.
 *
 * Two clocks. t: event time, what steps carry. rx: time of receipt by the
 * cleaner, with which chain time can be compared.
 */
#ifndef HYP_ENGINES_ALARM_ALARM_STATE_H
#define HYP_ENGINES_ALARM_ALARM_STATE_H

#include "common/base/err.h"
#include "engines/alarm/alarm_model.h"

/** Most steps that one input makes. */
enum {
    ALARM_STEPS_A_TURN = 8
};

/** The numbers a site chooses; times in ms. docs/engines/alarm.md. */
struct alarm_rules {
    int64_t flapping_changes;
    int64_t flapping_window;
    int64_t flapping_end;
    int64_t stealthy_time;
    int64_t resolve_after;
    int64_t cancel_autosolve;
    int64_t snooze_default;
    int64_t no_events_state;
    int64_t late_after;
    int64_t late_clear;
    int64_t steps_max;
    int64_t remember; /**< changes at least, when no alarm is open */
    bool uncancel_on_worse;
    bool hard_only;
};

/** What holds for an entity. */
static inline const struct alarm_rules *
alarm_rules_of(const struct alarm_entity *entity,
               const struct alarm_rules *site)
{
    return entity->rules != NULL ? entity->rules : site;
}

/** One change, in the order they happened. Text is borrowed for the turn. */
struct alarm_step {
    enum alarm_step_type type;
    int64_t number;
    int64_t t_ms;
    int64_t value;      /**< state, status; of a snooze its end in ms */
    const char *text;   /**< of a ticket its number; NULL otherwise */
    const char *author; /**< NULL: the source */
    const char *message;
    bool collapsed; /**< counted in the alarm's counter step */
    uint8_t state, status, previous_state, previous_status; /**< of the alarm */
};

struct alarm_result {
    struct alarm_step steps[ALARM_STEPS_A_TURN];
    size_t n;
    bool opened;
    bool resolved; /**< the alarm is still there, for the caller to move */
    bool changed;  /**< something that its row must tell at once */
    bool late;     /**< the check came too late to decide anything */
};

struct alarm_input {
    const struct event *event;
    struct doc facts;        /**< as in struct alarm; borrowed */
    const char *maintenance; /**< name of the active window; NULL: none */
};

/** A check of the entity. */
void alarm_check(struct alarm_entity *entity, const struct alarm_rules *rules,
                 const struct alarm_input *input, struct alarm_result *result);
/** An operator's action on the entity's open alarm. ERR_INVALID: it does not
 *  apply, why tells the operator. */
MUST_CHECK enum err alarm_action(struct alarm_entity *entity,
                                 const struct alarm_rules *rules,
                                 const struct alarm_input *input,
                                 struct alarm_result *result,
                                 struct errbuf *why);
/** What every action on any alarm can be told before one is looked for:
 *  ERR_INVALID with the reason when nothing can do it. */
MUST_CHECK enum err alarm_action_possible(enum event_type type,
                                          struct errbuf *why);

/** The entity was disabled or deleted: nothing is expected of it any more, and
 *  its alarm, if one is open, is resolved in the name of who did it. */
void alarm_gone(struct alarm_entity *entity, const struct alarm_rules *rules,
                const struct event *event, struct alarm_result *result);

/** When silence will next conclude something, in chain time; gap_ms is the
 *  end of the last gap, from which waits that began earlier count. */
int64_t alarm_silence_due(const struct alarm_entity *entity,
                          const struct alarm_rules *rules, int64_t gap_ms);
/** Conclude what was due then; false: the entity can be forgotten. */
bool alarm_silence(struct alarm_entity *entity, const struct alarm_rules *rules,
                   int64_t gap_ms, struct alarm_result *result);
/** When the snooze ends, on the wall clock. */
int64_t alarm_snooze_due(const struct alarm_entity *entity);
/** End it. */
void alarm_snooze_end(struct alarm_entity *entity,
                      const struct alarm_rules *rules,
                      struct alarm_result *result);

#endif
