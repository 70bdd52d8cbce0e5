/* SPDX-License-Identifier: Apache-2.0 */
/** Time: milliseconds UTC as int64_t; text forms for people. */
#include "common/base/clock.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/base/str.h"

enum {
    MS_PER_S = 1000,
    NS_PER_MS = 1000000
};

static int64_t read_clock(clockid_t id)
{
    struct timespec now;

    BUG_IF(clock_gettime(id, &now) != 0);
    return (int64_t)now.tv_sec * MS_PER_S + now.tv_nsec / NS_PER_MS;
}

int64_t clock_now_ms(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t clock_mono_ms(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

char *clock_format(int64_t ms, char *text)
{
    int64_t part = (ms % MS_PER_S + MS_PER_S) % MS_PER_S;
    /* Towards the past, without a step over the least int64_t. */
    time_t s = (time_t)(ms / MS_PER_S - (ms % MS_PER_S < 0));
    struct tm tm;
    size_t len;

    if (gmtime_r(&s, &tm) == NULL) {
        (void)snprintf(text, CLOCK_TEXT_MAX, "%lld ms", (long long)ms);
        return text;
    }
    len = strftime(text, CLOCK_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(text + len, CLOCK_TEXT_MAX - len, ".%03dZ", (int)part);
    return text;
}

double clock_ms_to_s(int64_t ms)
{
    return (double)ms / MS_PER_S;
}

int64_t clock_s_to_ms(double s)
{
    double ms = s * MS_PER_S;

    if (isnan(ms)) {
        return 0;
    }
    if (fabs(ms) >= (double)INT64_MAX) {
        return ms > 0 ? INT64_MAX : INT64_MIN;
    }
    return llround(ms);
}

enum err clock_parse_duration(const char *text, int64_t *ms, struct errbuf *why)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"", 1000},     {"ms", 1},       {"s", 1000},     {"m", 60000},
                 {"h", 3600000}, {"d", 86400000}, {"w", 604800000}};
    size_t digits = strspn(text, "0123456789");
    int64_t value;

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(text + digits, units[i].unit) == 0 &&
            str_to_i64_n(text, digits, 0, INT64_MAX / units[i].ms, &value) ==
                ERR_OK) {
            *ms = value * units[i].ms;
            return ERR_OK;
        }
    }
    errbuf_set(why,
               "\"%.40s\" is not a duration: expected a whole number with a "
               "unit, e.g. 250ms, 90s, 15m, 3h, 2d",
               text);
    return ERR_INVALID;
}
