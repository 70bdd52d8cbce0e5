/* SPDX-License-Identifier: Apache-2.0 */
/** Times of the week: spans, nights, ends of weeks, changes of the clock. */
#include "common/calendar/week.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

/* 2026-11-23 is a Monday; times below are seconds since 1970. */
#define MON     INT64_C(1795392000)
#define H(hour) (INT64_C(3600) * (hour))
#define D(day)  (H(24) * (day))

struct cover_row {
    const char *name;
    const char *zone;
    const char *in;  /* NULL: all */
    const char *out; /* NULL: none */
    int64_t s;
    bool covers;
};

static const struct cover_row covers[] = {
    {"before it begins", "UTC", "mon-fri 08:00-18:00", NULL, MON + H(8) - 1,
     false},
    {"the first second", "UTC", "mon-fri 08:00-18:00", NULL, MON + H(8), true},
    {"the last second", "UTC", "mon-fri 08:00-18:00", NULL, MON + H(18) - 1,
     true},
    {"its end is out", "UTC", "mon-fri 08:00-18:00", NULL, MON + H(18), false},
    {"the last day is in", "UTC", "mon-fri 08:00-18:00", NULL,
     MON + D(4) + H(9), true},
    {"another day", "UTC", "mon-fri 08:00-18:00", NULL, MON + D(5) + H(9),
     false},
    {"the week before", "UTC", "mon-fri 08:00-18:00", NULL, MON - D(7) + H(9),
     true},
    {"before 1970", "UTC", "wed", NULL, -1, true},
    {"before 1970, another day", "UTC", "thu", NULL, -1, false},
    {"whole days", "UTC", "sat,sun", NULL, MON + D(7) - 1, true},
    {"whole days end", "UTC", "sat,sun", NULL, MON + D(7), false},
    {"days over the week's end", "UTC", "sat-mon", NULL, MON, true},
    {"not all of them", "UTC", "sat-mon", NULL, MON + D(1), false},
    {"a list of days", "UTC", "mon,wed-thu 10:00-11:00", NULL,
     MON + D(3) + H(10), true},
    {"every day", "UTC", "10:00-11:00", NULL, MON + D(6) + H(10), true},
    {"a night begins", "UTC", "fri 22:00-06:00", NULL, MON + D(4) + H(23),
     true},
    {"a night is its first day's", "UTC", "fri 22:00-06:00", NULL,
     MON + D(5) + H(5), true},
    {"not the night before", "UTC", "fri 22:00-06:00", NULL, MON + D(4) + H(5),
     false},
    {"a night over the week's end", "UTC", "sun 22:00-06:00", NULL, MON + H(5),
     true},
    {"until midnight", "UTC", "mon 22:00-24:00", NULL, MON + D(1) - 1, true},
    {"and no longer", "UTC", "mon 22:00-24:00", NULL, MON + D(1), false},
    {"until midnight, said otherwise", "UTC", "mon 22:00-00:00", NULL,
     MON + D(1) - 1, true},
    {"from midnight", "UTC", "mon 00:00-01:00", NULL, MON, true},
    {"capitals", "UTC", "Mon-FRI", NULL, MON, true},
    {"all but", "UTC", NULL, "mon-fri 08:00-18:00", MON + H(7), true},
    {"all but this", "UTC", NULL, "mon-fri 08:00-18:00", MON + H(8), false},
    {"some but", "UTC", "mon-fri", "12:00-13:00", MON + H(12), false},
    {"east of it, winter", "Europe/Paris", "mon 08:00-18:00", NULL, MON + H(7),
     true},
    {"east of it, too late", "Europe/Paris", "mon 08:00-18:00", NULL,
     MON + H(17), false},
    {"it is Monday there", "Asia/Tokyo", "mon", NULL, MON - H(9), true},
    {"it is Sunday there", "America/New_York", "sun", NULL, MON + H(5) - 1,
     true},
    /* 2026-03-29 01:00 UTC: 02:00 becomes 03:00 in Paris */
    {"summer", "Europe/Paris", "mon 08:00-18:00", NULL, 1774850400, true},
    {"summer, too early", "Europe/Paris", "mon 08:00-18:00", NULL, 1774850399,
     false},
    {"before the hour that is not", "Europe/Paris", "02:00-03:00", NULL,
     1774746000 - 1, false},
    {"behind the hour that is not", "Europe/Paris", "02:00-03:00", NULL,
     1774746000, false},
    {"a span begins within it", "Europe/Paris", "02:30-04:00", NULL, 1774746000,
     true},
    /* 2026-10-25 01:00 UTC: 03:00 becomes 02:00 again */
    {"an hour the first time", "Europe/Paris", "02:00-03:00", NULL,
     1792890000 - 1, true},
    {"an hour the second time", "Europe/Paris", "02:00-03:00", NULL,
     1792890000 + 3599, true},
    {"and over", "Europe/Paris", "02:00-03:00", NULL, 1792890000 + 3600, false},
    {"in half hours", "Asia/Kolkata", "mon 05:30-05:31", NULL, MON, true},
};

static void check_covers(void **state)
{
    const struct cover_row *row = *state;
    struct errbuf why = {0};
    struct zone *zone;
    struct week *week;

    assert_int_equal(zone_open(row->zone, &zone, &why), ERR_OK);
    week = week_new(zone);
    if (row->in == NULL) {
        week_fill(week);
    } else {
        assert_int_equal(week_change(week, row->in, true, &why), ERR_OK);
    }
    if (row->out != NULL) {
        assert_int_equal(week_change(week, row->out, false, &why), ERR_OK);
    }
    assert_int_equal(week_covers(week, row->s * 1000), row->covers);
    week_free(week);
}

struct span_row {
    const char *name;
    const char *span;
};

static const struct span_row refused[] = {
    {"nothing", ""},
    {"no day", "foo"},
    {"more than a day's name", "monday"},
    {"half a range", "mon-"},
    {"no time", "mon 8"},
    {"one digit", "mon 8:00-18:00"},
    {"no minutes", "mon 08-18"},
    {"minutes", "mon 08:60-18:00"},
    {"hours", "mon 08:00-25:00"},
    {"behind the day", "mon 08:00-24:01"},
    {"no length", "mon 08:00-08:00"},
    {"from the end", "mon 24:00-08:00"},
    {"something behind", "mon 08:00-18:00 "},
    {"two times", "mon 08:00-10:00,12:00-13:00"},
    {"a comma behind", "mon,"},
    {"two spaces", "mon  08:00-18:00"},
    {"long", "mon,tue,wed,thu,fri,sat,sun,mon,tue,wed,thu,fri,sat,sun,mon,tue,"
             "wed"},
};

static void check_refused(void **state)
{
    const struct span_row *row = *state;
    struct week *week = week_new(NULL);
    struct errbuf why = {0};

    assert_int_equal(week_change(week, row->span, true, &why), ERR_INVALID);
    assert_string_not_equal(why.text, "");
    for (int64_t hour = 0; hour < 7 * 24; hour++) {
        assert_false(week_covers(week, (MON + H(hour)) * 1000));
    }
    week_free(week);
}

int main(void)
{
    const struct row_table tables[] = {ROWS(covers, check_covers),
                                       ROWS(refused, check_refused)};

    return rows_run("week", tables, N_ROWS(tables));
}
