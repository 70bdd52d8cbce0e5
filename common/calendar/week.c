/* SPDX-License-Identifier: Apache-2.0 */
/** Times of the week: one bit a minute. */
#include "common/calendar/week.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"

enum {
    DAYS = 7,
    DAY_MINUTES = 24 * 60,
    WEEK_MINUTES = DAYS * DAY_MINUTES,
    DAY_S = 60 * DAY_MINUTES,
    WEEK_S = DAYS * DAY_S
};

struct week {
    struct zone *zone;
    uint8_t bits[(WEEK_MINUTES + 7) / 8]; /* from Monday, 00:00 */
};

static const char *const day_names[DAYS] = {"mon", "tue", "wed", "thu",
                                            "fri", "sat", "sun"};

struct week *week_new(struct zone *zone)
{
    struct week *week = xcalloc(1, sizeof *week);

    week->zone = zone;
    return week;
}

void week_free(struct week *week)
{
    if (week != NULL) {
        zone_free(week->zone);
        free(week);
    }
}

void week_fill(struct week *week)
{
    memset(week->bits, UINT8_MAX, sizeof week->bits);
}

/* Reading a span. */

struct span {
    bool days[DAYS];
    int from, to; /* minutes of the day */
};

static bool take_char(const char **at, char c)
{
    if (**at != c) {
        return false;
    }
    (*at)++;
    return true;
}

static bool take_day(const char **at, int *day)
{
    for (*day = 0; *day < DAYS; (*day)++) {
        if (strncasecmp(*at, day_names[*day], 3) == 0 &&
            !isalpha((unsigned char)(*at)[3])) {
            *at += 3;
            return true;
        }
    }
    return false;
}

/* "mon-wed,fri"; "sat-mon" goes over the week's end. */
static bool take_days(const char **at, struct span *span)
{
    do {
        int first;
        int last;

        if (!take_day(at, &first)) {
            return false;
        }
        last = first;
        if (take_char(at, '-') && !take_day(at, &last)) {
            return false;
        }
        for (int day = first;; day = (day + 1) % DAYS) {
            span->days[day] = true;
            if (day == last) {
                break;
            }
        }
    } while (take_char(at, ','));
    return true;
}

static bool take_two_digits(const char **at, int max, int *out)
{
    if (!isdigit((unsigned char)(*at)[0]) ||
        !isdigit((unsigned char)(*at)[1])) {
        return false;
    }
    *out = 10 * ((*at)[0] - '0') + ((*at)[1] - '0');
    *at += 2;
    return *out <= max;
}

static bool take_time(const char **at, int *minute)
{
    int hours;
    int minutes;

    if (!take_two_digits(at, 24, &hours) || !take_char(at, ':') ||
        !take_two_digits(at, 59, &minutes)) {
        return false;
    }
    *minute = 60 * hours + minutes;
    return *minute <= DAY_MINUTES;
}

static bool take_times(const char **at, struct span *span)
{
    return take_time(at, &span->from) && take_char(at, '-') &&
           take_time(at, &span->to) && span->from != span->to &&
           span->from < DAY_MINUTES;
}

static bool read_span(const char *text, struct span *span)
{
    *span = (struct span){.to = DAY_MINUTES};
    if (isdigit((unsigned char)*text)) {
        memset(span->days, true, sizeof span->days);
        return take_times(&text, span) && *text == '\0';
    }
    return take_days(&text, span) &&
           (*text == '\0' || (take_char(&text, ' ') &&
                              take_times(&text, span) && *text == '\0'));
}

static void change_minute(struct week *week, int minute, bool in)
{
    unsigned bit = 1U << minute % 8;
    uint8_t *byte = &week->bits[minute / 8];

    *byte = (uint8_t)(in ? *byte | bit : *byte & ~bit);
}

enum err week_change(struct week *week, const char *span_text, bool in,
                     struct errbuf *why)
{
    struct span span;

    if (strlen(span_text) > WEEK_TEXT_MAX || !read_span(span_text, &span)) {
        errbuf_set(why, "expected days, times or both, such as \"mon-fri "
                        "08:00-18:00\", \"sat,sun\" or \"22:00-06:00\"");
        return ERR_INVALID;
    }
    for (int day = 0; day < DAYS; day++) {
        int end = span.to > span.from ? span.to : span.to + DAY_MINUTES;

        for (int m = span.from; span.days[day] && m < end; m++) {
            change_minute(week, (day * DAY_MINUTES + m) % WEEK_MINUTES, in);
        }
    }
    return ERR_OK;
}

/* Per rule and event: without the date, whose month takes a search. 1970 began
 * on a Thursday. */
bool week_covers(const struct week *week, int64_t ms)
{
    int64_t local =
        ms / 1000 - (ms % 1000 < 0) + zone_offset_s(week->zone, ms, NULL);
    int64_t past = (local + INT64_C(3) * DAY_S) % WEEK_S;
    int64_t minute = (past < 0 ? past + WEEK_S : past) / 60;
    unsigned byte = week->bits[minute / 8];

    return (byte >> minute % 8 & 1U) != 0;
}
