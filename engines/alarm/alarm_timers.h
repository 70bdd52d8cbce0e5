/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Timers in time order: a binary heap whose members know their place, so that
 * a timer is moved or taken out in O(log n) and nothing is ever scanned.
 */
#ifndef HYP_ENGINES_ALARM_ALARM_TIMERS_H
#define HYP_ENGINES_ALARM_ALARM_TIMERS_H

#include <stddef.h>
#include <stdint.h>

/** "Never", as a due time. */
#define ALARM_NEVER INT64_MAX

/** Embedded in what waits; a zeroed one is not set. */
struct alarm_timer {
    uint32_t place; /**< in the heap, from 1; 0: not in it */
};

struct alarm_timer_slot {
    int64_t due_ms;
    struct alarm_timer *timer;
};

/** A zeroed heap is empty and valid. */
struct alarm_timers {
    struct alarm_timer_slot *slots;
    size_t n;
    size_t room;
};

void alarm_timers_fini(struct alarm_timers *timers);
/** Set or move a timer; ALARM_NEVER takes it out. Borrows the timer until it
 *  is taken out. */
void alarm_timers_set(struct alarm_timers *timers, struct alarm_timer *timer,
                      int64_t due_ms);
/** When it is due; ALARM_NEVER when it is not set. */
int64_t alarm_timers_due(const struct alarm_timers *timers,
                         const struct alarm_timer *timer);
/** The timer that is due first, or NULL; it stays in. */
struct alarm_timer *alarm_timers_first(const struct alarm_timers *timers,
                                       int64_t *due_ms);

#endif
