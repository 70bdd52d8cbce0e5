/* SPDX-License-Identifier: Apache-2.0 */
/** Timers in time order: a binary heap whose members know their place. */
#include "engines/alarm/alarm_timers.h"

#include <stdlib.h>

#include "common/base/err.h"
#include "common/base/mem.h"

enum {
    FIRST_ROOM = 64
};

void alarm_timers_fini(struct alarm_timers *timers)
{
    free(timers->slots);
    *timers = (struct alarm_timers){0};
}

/* Places count from 1, so that a zeroed timer is in no heap. */
static void put_at(struct alarm_timers *timers, size_t place,
                   struct alarm_timer_slot slot)
{
    timers->slots[place - 1] = slot;
    slot.timer->place = (uint32_t)place;
}

static void sift_up(struct alarm_timers *timers, size_t place,
                    struct alarm_timer_slot slot)
{
    while (place > 1 && timers->slots[place / 2 - 1].due_ms > slot.due_ms) {
        put_at(timers, place, timers->slots[place / 2 - 1]);
        place /= 2;
    }
    put_at(timers, place, slot);
}

static void sift_down(struct alarm_timers *timers, size_t place,
                      struct alarm_timer_slot slot)
{
    for (;;) {
        size_t child = place * 2;

        if (child < timers->n &&
            timers->slots[child].due_ms < timers->slots[child - 1].due_ms) {
            child++;
        }
        if (child > timers->n ||
            timers->slots[child - 1].due_ms >= slot.due_ms) {
            break;
        }
        put_at(timers, place, timers->slots[child - 1]);
        place = child;
    }
    put_at(timers, place, slot);
}

static void move(struct alarm_timers *timers, size_t place,
                 struct alarm_timer_slot slot)
{
    if (place > 1 && timers->slots[place / 2 - 1].due_ms > slot.due_ms) {
        sift_up(timers, place, slot);
    } else {
        sift_down(timers, place, slot);
    }
}

static void take_out(struct alarm_timers *timers, struct alarm_timer *timer)
{
    size_t place = timer->place;
    struct alarm_timer_slot last = timers->slots[timers->n - 1];

    timers->n--;
    timer->place = 0;
    if (last.timer != timer) {
        move(timers, place, last);
    }
}

static void add(struct alarm_timers *timers, struct alarm_timer_slot slot)
{
    if (timers->n == timers->room) {
        timers->room = timers->room == 0 ? FIRST_ROOM : timers->room * 2;
        timers->slots =
            xrealloc_array(timers->slots, timers->room, sizeof *timers->slots);
    }
    BUG_IF(timers->n >= UINT32_MAX - 1);
    timers->n++;
    sift_up(timers, timers->n, slot);
}

void alarm_timers_set(struct alarm_timers *timers, struct alarm_timer *timer,
                      int64_t due_ms)
{
    struct alarm_timer_slot slot = {due_ms, timer};

    if (due_ms == ALARM_NEVER) {
        if (timer->place != 0) {
            take_out(timers, timer);
        }
    } else if (timer->place == 0) {
        add(timers, slot);
    } else {
        move(timers, timer->place, slot);
    }
}

int64_t alarm_timers_due(const struct alarm_timers *timers,
                         const struct alarm_timer *timer)
{
    return timer->place == 0 ? ALARM_NEVER
                             : timers->slots[timer->place - 1].due_ms;
}

struct alarm_timer *alarm_timers_first(const struct alarm_timers *timers,
                                       int64_t *due_ms)
{
    if (timers->n == 0) {
        return NULL;
    }
    *due_ms = timers->slots[0].due_ms;
    return timers->slots[0].timer;
}
