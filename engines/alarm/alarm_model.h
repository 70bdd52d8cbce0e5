/* SPDX-License-Identifier: Apache-2.0 */
/** What the alarm engine holds in memory: entities, their open alarm, marks. */
#ifndef HYP_ENGINES_ALARM_ALARM_MODEL_H
#define HYP_ENGINES_ALARM_ALARM_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/doc/doc.h"
#include "common/event/event.h"
#include "engines/alarm/alarm_timers.h"

enum {
    ALARM_ID_MAX = 31 /**< 12 + 1 + 16 characters are used */
};

enum alarm_status {
    ALARM_OFF,
    ALARM_ONGOING,
    ALARM_STEALTHY,
    ALARM_FLAPPING,
    ALARM_CANCELLED,
    ALARM_NO_EVENTS
};

enum alarm_step_type {
    ALARM_STATEINC,
    ALARM_STATEDEC,
    ALARM_STATUSINC,
    ALARM_STATUSDEC,
    ALARM_ACK,
    ALARM_ACKREMOVE,
    ALARM_CANCEL,
    ALARM_UNCANCEL,
    ALARM_COMMENT,
    ALARM_ASSOCTICKET,
    ALARM_SNOOZE,
    ALARM_UNSNOOZE,
    ALARM_CHANGESTATE,
    ALARM_PBHENTER,
    ALARM_PBHLEAVE,
    ALARM_RESOLVE,
    ALARM_N_STEP_TYPES
};

/** What an operator put on an alarm. Owns its text. */
struct alarm_mark {
    int64_t at_ms;
    int64_t rx_ms;
    int64_t until_ms; /**< of a snooze */
    char *author;
    char *message;
    char *number; /**< of a ticket; NULL otherwise */
    char *url;
    uint8_t seen; /**< the state it speaks for, and any better one */
};

/** State changes beyond the cap, counted in one step. */
struct alarm_collapsed {
    int64_t number;                        /**< of that step */
    uint32_t changes[ALARM_STATUSDEC + 1]; /**< by enum alarm_step_type */
    uint32_t states[STATE_CRITICAL + 1];   /**< changes to each state */
};

struct alarm {
    char id[ALARM_ID_MAX + 1];
    uint8_t state;
    uint8_t status;
    uint8_t source_state; /**< as the source last said */
    uint8_t held_over;    /**< source_state when an operator set the state */
    bool held;            /**< the state is an operator's */
    bool maintained;      /**< inside a maintenance window */
    int64_t opened_ms;
    int64_t changed_ms;    /**< event time of the last change */
    int64_t changed_rx_ms; /**< its receipt: where waits begin */
    int64_t nonok_rx_ms;   /**< receipt of the last check that was not OK */
    int64_t onset_ms;      /**< ring time when the state left OK */
    int64_t step_ms;       /**< time of the last step */
    int64_t events_count;
    int64_t steps_count;
    char *output;           /**< owned, as all below */
    struct alarm_mark *ack; /**< NULL: none; so all marks */
    struct alarm_mark *cancel;
    struct alarm_mark *snooze;
    struct alarm_mark *ticket;
    struct alarm_mark *comment;
    struct alarm_collapsed *collapsed; /**< NULL below the cap */
    uint8_t *facts; /**< document: tags, services, infos, maintenance */
    uint32_t facts_len;
};

/** An entity as long as there is something to remember of it. */
struct alarm_rules;

struct alarm_entity {
    const char *id; /**< this and the names are owned, in one piece */
    const char *connector;
    const char *connector_name;
    const char *component;
    const char *resource;
    const struct alarm_rules *rules; /**< borrowed; NULL: the site's */
    char *home; /**< owned: the component whose partition has it; NULL: its
                     own component's has */
    uint64_t rk_hash;    /**< of its checks' routing key */
    struct alarm *alarm; /**< owned; NULL when none is open */
    /* times of the last state changes, a ring that outlives the alarm */
    int64_t *changes;
    uint16_t changes_room;
    uint16_t changes_n;
    uint16_t changes_next;
    uint8_t source_type;
    bool silent;         /**< ttl has run out since the last check */
    bool silence_is_ok;  /**< when ttl runs out all is well */
    bool stored;         /**< has a row of its own (none while an alarm is) */
    bool touched;        /**< the engine's: in this batch */
    bool lagging;        /**< the engine's: newer than its row */
    bool output_lags;    /**< its output too */
    int64_t change_t_ms; /**< event time of the newest change */
    int64_t change_rx_ms;
    int64_t seen_t_ms; /**< event time of the last check */
    int64_t seen_rx_ms;
    int64_t ttl_ms;
    int64_t version; /**< grows with every check */
    struct alarm_timer wall;
    struct alarm_timer chain;
    struct alarm_entity *lag_prev;
    struct alarm_entity *lag_next;
};

/** Gives an entity with the names of the event; rk is of its checks. */
struct alarm_entity *alarm_entity_new(const struct event *event);
void alarm_entity_free(struct alarm_entity *entity);
/** Gives an empty alarm of the entity, which owns it. */
struct alarm *alarm_new(struct alarm_entity *entity);
/** Take the alarm off its entity and release it. */
void alarm_free(struct alarm_entity *entity);
/** Gives a mark; text may be NULL (then it is empty; number and url: none). */
struct alarm_mark *alarm_mark_new(const char *author, const char *message);
/** Release and clear. */
void alarm_mark_drop(struct alarm_mark **mark);
/** Replace a text that an alarm owns, unless it is the same. True: new. */
bool alarm_text_set(char **text, const char *to);
/** Whether these are its facts. */
bool alarm_facts_are(const struct alarm *alarm, struct doc facts);
/** Replace the facts; true when they are new. */
bool alarm_facts_set(struct alarm *alarm, struct doc facts);
const char *alarm_step_name(enum alarm_step_type type);

/** Append a change time to the ring, which keeps `most`. */
void alarm_ring_add(struct alarm_entity *entity, int64_t t_ms, size_t most);
/** The nth newest change, from 1; false when there are fewer. */
bool alarm_ring_get(const struct alarm_entity *entity, size_t nth,
                    int64_t *t_ms);

#endif
