/* SPDX-License-Identifier: Apache-2.0 */
/**
 * All entities that the engine remembers: found by their id, by their alarm's
 * id and by the routing key of their checks; their timers; and which of them
 * are newer than their rows.
 */
#ifndef HYP_ENGINES_ALARM_ALARM_BOOK_H
#define HYP_ENGINES_ALARM_ALARM_BOOK_H

#include "common/base/map.h"
#include "engines/alarm/alarm_state.h"

/** A zeroed book is empty and valid. */
struct alarm_book {
    struct map entities;
    struct map alarms;
    struct map keys;
    struct alarm_timers wall;       /**< ends of snoozes */
    struct alarm_timers chain;      /**< what silence concludes */
    struct alarm_entity *lag_first; /**< those of this batch first */
    struct alarm_entity *lag_last;
};

/** Release all entities; the book is empty then. */
void alarm_book_clear(struct alarm_book *book);
/** Takes an entity that is not in the book, with its alarm if it has one. */
void alarm_book_add(struct alarm_book *book, struct alarm_entity *entity);
/** Forget and free an entity. */
void alarm_book_remove(struct alarm_book *book, struct alarm_entity *entity);
/** Its alarm was opened: known by its id from now on. */
void alarm_book_opened(struct alarm_book *book, struct alarm_entity *entity);
/** Close its alarm: forget the id and free it. */
void alarm_book_close(struct alarm_book *book, struct alarm_entity *entity);

/** Each borrows, or gives NULL. */
struct alarm_entity *alarm_book_find(const struct alarm_book *book,
                                     const char *entity_id);
struct alarm_entity *alarm_book_find_alarm(const struct alarm_book *book,
                                           const char *alarm_id);
struct alarm_entity *alarm_book_find_key(const struct alarm_book *book,
                                         const char *routing_key);
/** What entity->rk_hash is of a check's routing key. */
uint64_t alarm_book_key(const char *routing_key);

/** Set its timers by its rules, or the site's. A silence timer may stay too
 * early: what is due then is asked again. */
void alarm_book_arm(struct alarm_book *book, struct alarm_entity *entity,
                    const struct alarm_rules *site);
/** The timers of all, by rules that have changed. */
void alarm_book_arm_all(struct alarm_book *book,
                        const struct alarm_rules *site);
/** The entities of timers. */
struct alarm_entity *alarm_book_of_wall(struct alarm_timer *timer);
struct alarm_entity *alarm_book_of_chain(struct alarm_timer *timer);

/** Newer than its row since this batch. */
void alarm_book_touch(struct alarm_book *book, struct alarm_entity *entity);
/** Its row is written. */
void alarm_book_settle(struct alarm_book *book, struct alarm_entity *entity);

/** The batch's delta: what it touched, as absolute values; false: nothing. */
bool alarm_book_delta(struct alarm_book *book, struct doc_out *out);
/** Take over such values where the rows are older. */
void alarm_book_apply(struct alarm_book *book, struct doc delta,
                      const struct alarm_rules *site);

#endif
