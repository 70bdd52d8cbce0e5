/* SPDX-License-Identifier: Apache-2.0 */
/** Time zones: as the C library has them, from files and from their rules. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/zone.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    FILE_MAX = 512,
    TRIES = 4000
};

static const int64_t last_s = INT64_C(7258118400); /* 2200 */

struct zone_row {
    const char *name;
    const char *zone; /* of the database, or a rule */
};

static const struct zone_row zones[] = {
    {"UTC", "UTC"},
    {"Paris", "Europe/Paris"},
    {"New York", "America/New_York"},
    {"the south", "Australia/Sydney"},
    {"half an hour", "Australia/Lord_Howe"},
    {"no summer", "Asia/Kolkata"},
    {"a day left out", "Pacific/Apia"},
    {"winter time is the exception", "Europe/Dublin"},
    {"an offset's name", "America/Sao_Paulo"},
    {"a fixed one", "Etc/GMT+5"},
};

static const struct zone_row posix_rules[] = {
    {"plain", "CET-1"},
    {"by weekdays", "CET-1CEST,M3.5.0,M10.5.0/3"},
    {"the south", "AEST-10AEDT,M10.1.0,M4.1.0/3"},
    {"quoted", "<+0330>-3:30<+0430>,J79/24,J263/24"},
    {"own offset", "IST-1GMT0,M10.5.0,M3.5.0/1"},
    {"before midnight", "EET-2EEST,M3.4.4/50,M10.4.4/50"},
    {"negative time", "<-02>2<-01>,M3.5.0/-1,M10.5.0/0"},
    {"by day with leap day", "AAA3BBB,59,300/1:30"},
    {"by day without", "AAA3BBB,J60/0,J300"},
    {"the first week", "AAA-5:45:10BBB,M2.1.6,M11.2.3/4"},
};

/* A number below most, by a generator of our own: the same in each run. */
static int64_t roll(uint64_t *dice, int64_t most)
{
    *dice = *dice * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return (int64_t)(*dice >> 20) % most;
}

static void check_moment(const struct zone *zone, int64_t s)
{
    time_t t = (time_t)s;
    struct tm tm;
    struct zone_time own;
    struct buf text;
    char want[256];
    size_t len;

    assert_non_null(localtime_r(&t, &tm));
    zone_local(zone, s * 1000 + 999, &own);
    if (own.offset_s != tm.tm_gmtoff || strcmp(own.abbr, tm.tm_zone) != 0) {
        fail_msg("at %lld: %lld %s, expected %ld %s", (long long)s,
                 (long long)own.offset_s, own.abbr, tm.tm_gmtoff, tm.tm_zone);
    }
    assert_int_equal(own.weekday, (tm.tm_wday + 6) % 7);
    buf_init(&text, sizeof want);
    zone_format(zone, s * 1000,
                "%Y-%m-%d %H:%M:%S %e %j %I %p %a %A %b %B %F %T %R %z %Z %y "
                "%s%%",
                &text);
    len = strftime(want, sizeof want,
                   "%Y-%m-%d %H:%M:%S %e %j %I %p %a %A %b %B %F %T %R %z %Z",
                   &tm);
    assert_true(len > 0);
    (void)snprintf(want + len, sizeof want - len, " %02d %lld%%",
                   tm.tm_year % 100, (long long)s);
    assert_string_equal(buf_str(&text), want);
    buf_fini(&text);
}

static void check_zone(const struct zone *zone, const char *tz)
{
    uint64_t dice = 7;

    assert_int_equal(setenv("TZ", tz, 1), 0);
    tzset();
    for (int i = 0; i < TRIES; i++) {
        check_moment(zone, roll(&dice, last_s));
    }
    /* each hour of a year, with its changes */
    for (int64_t s = 1767225600; s < 1767225600 + 366 * 86400; s += 1800) {
        check_moment(zone, s);
        check_moment(zone, s - 1);
    }
    assert_int_equal(unsetenv("TZ"), 0);
}

static void check_database(void **state)
{
    const struct zone_row *row = *state;
    struct errbuf why = {0};
    struct zone *zone;

    assert_int_equal(zone_open(row->zone, &zone, &why), ERR_OK);
    check_zone(zone, row->zone);
    zone_free(zone);
}

/* A file as small as there may be, whose times are all the rule's. */
static size_t make_file(const char *rule, uint8_t file[FILE_MAX])
{
    static const uint8_t kind[] = {0, 0, 0, 0, 0, 0, 'L', 'M', 'T', 0};
    size_t at = 0;

    memset(file, 0, FILE_MAX);
    for (int i = 0; i < 2; i++) {
        memcpy(file + at, "TZif2", 5);
        file[at + 39] = 1; /* kinds */
        file[at + 43] = 4; /* bytes of their names */
        memcpy(file + at + 44, kind, sizeof kind);
        at += 44 + sizeof kind;
    }
    return at +
           (size_t)snprintf((char *)file + at, FILE_MAX - at, "\n%s\n", rule);
}

static void check_rule(void **state)
{
    const struct zone_row *row = *state;
    uint8_t file[FILE_MAX];
    size_t len = make_file(row->zone, file);
    struct errbuf why = {0};
    struct zone *zone;

    assert_int_equal(zone_from_bytes(file, len, &zone, &why), ERR_OK);
    check_zone(zone, row->zone);
    zone_free(zone);
}

static const struct zone_row bad_rules[] = {
    {"no offset", "CET"},
    {"short of a change", "CET-1CEST,M3.5.0"},
    {"no changes", "CET-1CEST"},
    {"month", "CET-1CEST,M13.5.0,M10.5.0"},
    {"week", "CET-1CEST,M3.6.0,M10.5.0"},
    {"weekday", "CET-1CEST,M3.5.7,M10.5.0"},
    {"day", "CET-1CEST,J0,J300"},
    {"hours", "CET-1CEST,M3.5.0/168,M10.5.0"},
    {"something behind", "CET-1CEST,M3.5.0,M10.5.0x"},
    {"long name", "ABCDEFGHIJKLMNOPQ-1"},
    {"open quote", "<+03-3"},
};

static void check_bad_rule(void **state)
{
    const struct zone_row *row = *state;
    uint8_t file[FILE_MAX];
    size_t len = make_file(row->zone, file);
    struct errbuf why = {0};
    struct zone *zone;

    assert_int_equal(zone_from_bytes(file, len, &zone, &why), ERR_INVALID);
    assert_null(zone);
}

/* Every part of a file, and every file with one byte changed, is refused or
 * read, and a zone that was read answers. */
static void torn_and_flipped(void **state)
{
    uint8_t file[FILE_MAX];
    size_t len = make_file("CET-1CEST,M3.5.0,M10.5.0/3", file);
    struct errbuf why = {0};
    struct zone *zone;

    (void)state;
    for (size_t cut = 0; cut < len; cut++) {
        assert_int_equal(zone_from_bytes(file, cut, &zone, &why), ERR_INVALID);
    }
    for (size_t i = 0; i < 8 * len; i++) {
        uint8_t *byte = &file[i / 8];
        uint8_t good = *byte;

        *byte = (uint8_t)(good ^ 1U << i % 8);
        if (zone_from_bytes(file, len, &zone, &why) == ERR_OK) {
            (void)zone_offset_s(zone, 0, NULL);
            (void)zone_offset_s(zone, last_s * 1000, NULL);
            zone_free(zone);
        }
        *byte = good;
    }
}

static const struct zone_row names[] = {
    {"empty", ""},
    {"unknown", "Europe/Atlantis"},
    {"a way out", "Europe/../Europe/Paris"},
    {"from the root", "/etc/passwd"},
    {"no zone", "SystemV/posixrules"},
    {"a folder", "Europe"},
    {"long", "EuropeEuropeEuropeEuropeEuropeEuropeEuropeEuropeEuropeEurope/Pa"
             "ris"},
};

static void check_name(void **state)
{
    const struct zone_row *row = *state;
    struct errbuf why = {0};
    struct zone *zone;

    assert_int_not_equal(zone_open(row->zone, &zone, &why), ERR_OK);
    assert_null(zone);
    assert_string_not_equal(why.text, "");
}

static void formats(void **state)
{
    (void)state;
    assert_true(zone_format_is_good("%Y%%%m at %R"));
    assert_true(zone_format_is_good(""));
    assert_false(zone_format_is_good("%"));
    assert_false(zone_format_is_good("%%%"));
    assert_false(zone_format_is_good("%Q"));
    assert_false(zone_format_is_good("%-d"));
}

int main(void)
{
    const struct row_table tables[] = {
        ROWS(zones, check_database),     ROWS(posix_rules, check_rule),
        ROWS(bad_rules, check_bad_rule), ROWS(names, check_name),
        ROW_SINGLE(torn_and_flipped),    ROW_SINGLE(formats),
    };

    return rows_run("zone", tables, N_ROWS(tables));
}
