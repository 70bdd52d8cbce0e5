/* SPDX-License-Identifier: Apache-2.0 */
/** Engine "office-hours": what begins at night waits for the morning. */
#include "engines/office-hours/office_hours.h"

#include <string.h>
#include <time.h>

enum {
    DAY_MS = 24 * 60 * 60 * 1000,
    N_DAYS = 7
};

struct office_hours {
    struct conf_list days;
    int64_t begin_ms; /* of the day */
    int64_t end_ms;
    bool is_open_on[N_DAYS];
};

/* As struct tm counts them. */
static const char *const day_names[N_DAYS] = {"sun", "mon", "tue", "wed",
                                              "thu", "fri", "sat"};

#define OPTION(member)                                                         \
    .section = "office-hours", .offset = offsetof(struct office_hours, member)

static const struct conf_option office_hours_options[] = {
    {OPTION(days), .key = "days", .type = CONF_LIST,
     .fallback = "mon, tue, wed, thu, fri",
     .help = "days on which somebody is there; sun, mon, tue ..."},
    {OPTION(begin_ms), .key = "begin", .type = CONF_DURATION, .fallback = "8h",
     .max = DAY_MS, .help = "first hour of such a day, local time"},
    {OPTION(end_ms), .key = "end", .type = CONF_DURATION, .fallback = "18h",
     .max = DAY_MS, .help = "its end"},
    {0}};

static bool open_on(struct office_hours *hours, const char *name)
{
    for (size_t day = 0; day < N_DAYS; day++) {
        if (strcmp(day_names[day], name) == 0) {
            hours->is_open_on[day] = true;
            return true;
        }
    }
    return false;
}

static enum err office_hours_init(void *state, struct engine_io *io,
                                  struct errbuf *why)
{
    struct office_hours *hours = state;

    (void)io;
    for (size_t i = 0; i < hours->days.n; i++) {
        if (!open_on(hours, hours->days.items[i])) {
            errbuf_set(why, "office-hours.days: %s is no day: sun, mon, ...",
                       hours->days.items[i]);
            return ERR_INVALID;
        }
    }
    return ERR_OK;
}

static bool is_open(const struct office_hours *hours, int64_t at_ms)
{
    time_t at = (time_t)(at_ms / 1000);
    struct tm tm;
    int64_t of_day_ms;

    (void)localtime_r(&at, &tm);
    of_day_ms = ((tm.tm_hour * 60 + tm.tm_min) * 60 + tm.tm_sec) * 1000;
    return hours->is_open_on[tm.tm_wday] && of_day_ms >= hours->begin_ms &&
           of_day_ms < hours->end_ms;
}

/* By the event's own time, so that what comes again is decided again alike.
 * What turns out well is told at any time. */
static enum engine_verdict office_hours_process(void *state,
                                                struct engine_io *io,
                                                const struct event *event,
                                                struct errbuf *why)
{
    const struct office_hours *hours = state;

    (void)io;
    (void)why;
    if (!event_type_is_check(event->type) || event->state == STATE_OK ||
        is_open(hours, event->timestamp_ms)) {
        return ENGINE_FORWARD;
    }
    return ENGINE_DROP;
}

const struct engine_ops office_hours_engine = {
    .name = "office-hours",
    .description = "Ends checks that are not OK and come while nobody is in\n"
                   "the office: what still is so in the morning comes again.",
    .options = office_hours_options,
    .state_size = sizeof(struct office_hours),
    .init = office_hours_init,
    .process = office_hours_process,
};
