/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The alarm engine's documents: rows of alarms, tracks and steps, and the
 * message about a change. Members that begin with "_" are the engine's own.
 */
#ifndef HYP_ENGINES_ALARM_ALARM_ROW_H
#define HYP_ENGINES_ALARM_ALARM_ROW_H

#include "common/base/buf.h"
#include "common/doc/doc.h"
#include "engines/alarm/alarm_state.h"

/** Member of a row: the component whose partition has it, where that is not
 *  the row's own component. */
#define ALARM_HOME "_home"

/* Each of these resets out; what it returns is borrowed from out. */

/** The open alarm with what must be known to go on with it. */
struct doc alarm_row_open(const struct alarm_entity *entity,
                          struct doc_out *out);
/** The alarm as it stays: only what people see. */
struct doc alarm_row_resolved(const struct alarm_entity *entity,
                              int64_t resolved_ms, struct doc_out *out);
/** An entity without an open alarm. */
struct doc alarm_row_track(const struct alarm_entity *entity,
                           struct doc_out *out);
/** What a rule on alarms sees of an entity with these facts. */
struct doc alarm_row_source(const struct alarm_entity *entity, struct doc facts,
                            struct doc_out *out);
/** One step; action is the id of what asked for it, "" none. */
struct doc alarm_row_step(const struct alarm_entity *entity,
                          const struct alarm_step *step, const char *action,
                          struct doc_out *out);
/** The step that counts the collapsed ones. */
struct doc alarm_row_collapsed(const struct alarm_entity *entity,
                               struct doc_out *out);
/** Gives the entity (with its alarm) of a row written by alarm_row_open or
 *  alarm_row_track; NULL when it makes no sense. out is used. */
struct alarm_entity *alarm_row_read(struct doc row, struct doc_out *out);

/** What is told on the bus: a step, or a refusal (step NULL). */
struct alarm_notice {
    const struct alarm_entity *entity; /**< NULL: not known */
    const struct alarm_step *step;
    const struct event *event; /**< that caused it; NULL: a timer */
    int64_t t_ms;              /**< of a refusal */
    int64_t resolved_ms;       /**< 0: still open */
    const char *action;        /**< its id; "" none */
    const char *reason;        /**< of a refusal */
};

struct doc alarm_notice_write(const struct alarm_notice *notice,
                              struct doc_out *out);
/** Replace key's content by the routing key of the notice. */
void alarm_notice_key(const struct alarm_notice *notice, struct buf *key);
/** The entity's tags, services, infos and window as the event carries them
 *  (*facts borrows from out; empty when there are none). Returns the window's
 *  name, or NULL outside of one. */
const char *alarm_facts_read(const struct event *event, struct doc_out *out,
                             struct doc *facts);

#endif
