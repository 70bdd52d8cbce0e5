/* SPDX-License-Identifier: Apache-2.0 */
/** Which offset a zone has from its last known change on: the POSIX rule at
 *  the end of its file; and days as dates. For the zones only. */
#ifndef HYP_BASE_ZONE_RULE_H
#define HYP_BASE_ZONE_RULE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    ZONE_ABBR_MAX = 15
};

enum zone_form {
    ZONE_BY_WEEKDAY, /* month, week (5: the last), weekday (0: Sunday) */
    ZONE_BY_DAY,     /* 1 to 365, without 29 February */
    ZONE_BY_DAY_0    /* 0 to 365, with it */
};

struct zone_change {
    enum zone_form form;
    int month, week, day;
    int64_t time_s; /* of the wall's clock, from the day's beginning */
};

struct zone_rule {
    char std[ZONE_ABBR_MAX + 1];
    char dst[ZONE_ABBR_MAX + 1]; /* "": there is none */
    int64_t std_s, dst_s;        /* east of UTC */
    struct zone_change start, end;
};

/* False: it is no rule. */
bool zone_rule_parse(const char *text, struct zone_rule *rule);
int64_t zone_rule_offset_s(const struct zone_rule *rule, int64_t s,
                           const char **abbr);

/* Quotient and remainder towards the past; the divisor is above 0. */
int64_t zone_floor_div(int64_t a, int64_t b);
int64_t zone_floor_mod(int64_t a, int64_t b);
/* Days since 1970-01-01 of a date; month may be 13. */
int64_t zone_days(int64_t year, int month, int day);
void zone_date(int64_t days, int64_t *year, int *month, int *day);

#endif
