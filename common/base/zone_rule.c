/* SPDX-License-Identifier: Apache-2.0 */
/** The POSIX rule of a time zone, and days as dates. */
#include "common/base/zone_rule.h"

#include <ctype.h>
#include <string.h>

enum {
    DAY_S = 86400,
    HOUR_S = 3600,
    HOURS_MAX = 167,            /* of a change's time */
    DAYS_OF_400_YEARS = 146097, /* the calendar repeats then */
    YEAR_0 = 1970,
    TO_1970 = 719468, /* days from 1 March of the year 0 */
    WEEK_LAST = 5,    /* of a month */
    WEEKDAY_LAST = 6,
    MARCH_1 = 60 /* in a count that leaves 29 February out */
};

int64_t zone_floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t zone_floor_mod(int64_t a, int64_t b)
{
    return a % b + (a % b < 0 ? b : 0);
}

/* NOLINTBEGIN(readability-magic-numbers): those of the calendar.
 * Counted in years that begin with March: a leap day is their last one, and
 * the months before it have 30.6 days on average. */
int64_t zone_days(int64_t year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t m = month > 2 ? month - 3 : month + 9;

    return 365 * y + zone_floor_div(y, 4) - zone_floor_div(y, 100) +
           zone_floor_div(y, 400) + (153 * m + 2) / 5 + day - 1 - TO_1970;
}
/* NOLINTEND(readability-magic-numbers) */

void zone_date(int64_t days, int64_t *year, int *month, int *day)
{
    int64_t y = YEAR_0 + zone_floor_div(days * 400, DAYS_OF_400_YEARS);
    int m = 1;

    while (zone_days(y, 1, 1) > days) {
        y--;
    }
    while (zone_days(y + 1, 1, 1) <= days) {
        y++;
    }
    while (m < 12 && zone_days(y, m + 1, 1) <= days) {
        m++;
    }
    *year = y;
    *month = m;
    *day = (int)(days - zone_days(y, m, 1)) + 1;
}

/* Reading. */

static bool take_number(const char **at, int min, int max, int *out)
{
    int n = 0;
    int digits = 0;

    while (isdigit((unsigned char)**at) && digits < 3) {
        n = 10 * n + (**at - '0');
        (*at)++;
        digits++;
    }
    *out = n;
    return digits > 0 && n >= min && n <= max;
}

static bool take_char(const char **at, char c)
{
    if (**at != c) {
        return false;
    }
    (*at)++;
    return true;
}

/* "<+03>" or letters. */
static bool take_abbr(const char **at, char out[ZONE_ABBR_MAX + 1])
{
    bool quoted = take_char(at, '<');
    size_t len = 0;

    while (isalpha((unsigned char)**at) ||
           (quoted &&
            (isdigit((unsigned char)**at) || **at == '+' || **at == '-'))) {
        if (len == ZONE_ABBR_MAX) {
            return false;
        }
        out[len++] = *(*at)++;
    }
    out[len] = '\0';
    return len > 0 && (!quoted || take_char(at, '>'));
}

/* [+-]hh[:mm[:ss]] in seconds. */
static bool take_time(const char **at, int hours, int64_t *out)
{
    bool negative = take_char(at, '-');
    int h = 0;
    int m = 0;
    int s = 0;

    if (!negative) {
        (void)take_char(at, '+');
    }
    if (!take_number(at, 0, hours, &h) ||
        (take_char(at, ':') &&
         (!take_number(at, 0, 59, &m) ||
          (take_char(at, ':') && !take_number(at, 0, 59, &s))))) {
        return false;
    }
    *out = (int64_t)h * HOUR_S + m * 60 + s;
    *out = negative ? -*out : *out;
    return true;
}

static bool take_day(const char **at, struct zone_change *change)
{
    if (take_char(at, 'M')) {
        change->form = ZONE_BY_WEEKDAY;
        return take_number(at, 1, 12, &change->month) && take_char(at, '.') &&
               take_number(at, 1, WEEK_LAST, &change->week) &&
               take_char(at, '.') &&
               take_number(at, 0, WEEKDAY_LAST, &change->day);
    }
    change->form = take_char(at, 'J') ? ZONE_BY_DAY : ZONE_BY_DAY_0;
    return take_number(at, change->form == ZONE_BY_DAY, 365, &change->day);
}

static bool take_change(const char **at, struct zone_change *change)
{
    change->time_s = INT64_C(2) * HOUR_S;
    return take_char(at, ',') && take_day(at, change) &&
           (!take_char(at, '/') || take_time(at, HOURS_MAX, &change->time_s));
}

/* Offsets are written west of UTC. */
static bool take_offset(const char **at, int64_t *out)
{
    bool good = take_time(at, 24, out);

    *out = -*out;
    return good;
}

bool zone_rule_parse(const char *text, struct zone_rule *rule)
{
    const char *at = text;

    memset(rule, 0, sizeof *rule);
    if (!take_abbr(&at, rule->std) || !take_offset(&at, &rule->std_s)) {
        return false;
    }
    if (*at == '\0') {
        return true;
    }
    if (!take_abbr(&at, rule->dst)) {
        return false;
    }
    rule->dst_s = rule->std_s + HOUR_S;
    return (*at == ',' || take_offset(&at, &rule->dst_s)) &&
           take_change(&at, &rule->start) && take_change(&at, &rule->end) &&
           *at == '\0';
}

/* When. */

static int64_t day_by_weekday(const struct zone_change *change, int64_t year)
{
    int64_t first = zone_days(year, change->month, 1);
    int64_t next = zone_days(year, change->month + 1, 1);
    /* 1970-01-01 was a Thursday */
    int64_t day = first + zone_floor_mod(change->day - (first + 4), 7) +
                  INT64_C(7) * (change->week - 1);

    return day < next ? day : day - 7;
}

/* On the clock on the wall, in seconds. */
static int64_t change_in(const struct zone_change *change, int64_t year)
{
    int64_t day = zone_days(year, 1, 1) + change->day;

    switch (change->form) {
    case ZONE_BY_WEEKDAY:
        day = day_by_weekday(change, year);
        break;
    case ZONE_BY_DAY:
        day = change->day < MARCH_1
                  ? day - 1
                  : zone_days(year, 3, 1) + change->day - MARCH_1;
        break;
    case ZONE_BY_DAY_0:
        break;
    }
    return day * DAY_S + change->time_s;
}

/* Whether the last change before was to summer time. A change may fall into
 * the year beside; where one year's end is the next one's start, it goes on. */
static bool is_summer(const struct zone_rule *rule, int64_t s)
{
    int64_t latest = INT64_MIN;
    bool summer = false;
    int64_t year;
    int month;
    int day;

    zone_date(zone_floor_div(s + rule->std_s, DAY_S), &year, &month, &day);
    for (int64_t y = year - 1; y <= year + 1; y++) {
        int64_t end = change_in(&rule->end, y) - rule->dst_s;
        int64_t start = change_in(&rule->start, y) - rule->std_s;

        if (end <= s && end >= latest) {
            latest = end;
            summer = false;
        }
        if (start <= s && start >= latest) {
            latest = start;
            summer = true;
        }
    }
    return summer;
}

int64_t zone_rule_offset_s(const struct zone_rule *rule, int64_t s,
                           const char **abbr)
{
    bool summer = rule->dst[0] != '\0' && is_summer(rule, s);

    *abbr = summer ? rule->dst : rule->std;
    return summer ? rule->dst_s : rule->std_s;
}
