/* SPDX-License-Identifier: Apache-2.0 */
/** Durations, text forms and the way between seconds and milliseconds. */
#include <math.h>
#include <string.h>

#include "common/base/clock.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    UNTOUCHED = -77,
    ROUNDS = 100000
};

struct duration_case {
    const char *name;
    const char *text;
    int64_t want; /* UNTOUCHED: refused */
};

static const struct duration_case durations[] = {
    {"plain seconds", "5", 5000},
    {"milliseconds", "250ms", 250},
    {"seconds", "90s", 90000},
    {"minutes", "15m", 900000},
    {"hours", "3h", 10800000},
    {"days", "2d", 172800000},
    {"weeks", "1w", 604800000},
    {"none", "0", 0},
    {"longest", "9223372036854775807ms", INT64_MAX},
    {"too long", "9223372036854775808ms", UNTOUCHED},
    {"too long by its unit", "9223372036854775807s", UNTOUCHED},
    {"empty", "", UNTOUCHED},
    {"unit only", "s", UNTOUCHED},
    {"unknown unit", "5y", UNTOUCHED},
    {"capital", "5S", UNTOUCHED},
    {"negative", "-5s", UNTOUCHED},
    {"fraction", "1.5s", UNTOUCHED},
    {"blank", "5 s", UNTOUCHED},
    {"two parts", "1h30m", UNTOUCHED},
};

static void check_duration(void **state)
{
    const struct duration_case *row = *state;
    struct errbuf why = {0};
    int64_t ms = UNTOUCHED;
    enum err err = clock_parse_duration(row->text, &ms, &why);

    assert_int_equal(err, row->want == UNTOUCHED ? ERR_INVALID : ERR_OK);
    assert_true(ms == row->want);
    assert_int_equal(why.text[0] != '\0', err != ERR_OK);
}

struct format_case {
    const char *name;
    int64_t ms;
    const char *want;
};

static const struct format_case formats[] = {
    {"epoch", 0, "1970-01-01T00:00:00.000Z"},
    {"before it", -1, "1969-12-31T23:59:59.999Z"},
    {"leap day", 951782400123, "2000-02-29T00:00:00.123Z"},
    {"year 9999", 253402300799999, "9999-12-31T23:59:59.999Z"},
    {"no year for it", INT64_MAX, "292278994-08-17T07:12:55.807Z"},
    {"nor for this", INT64_MIN, "-292275055-05-16T16:47:04.192Z"},
};

static void check_format(void **state)
{
    const struct format_case *row = *state;
    char text[CLOCK_TEXT_MAX];

    assert_ptr_equal(clock_format(row->ms, text), text);
    assert_string_equal(text, row->want);
}

static void seconds_come_back_exactly(void **state)
{
    uint64_t seed = 20266;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        int64_t ms;

        seed = seed * 6364136223846793005U + 1442695040888963407U;
        ms = (int64_t)(seed >> 16) % 253402300800000; /* up to year 9999 */
        assert_true(clock_s_to_ms(clock_ms_to_s(ms)) == ms);
        assert_true(clock_s_to_ms(clock_ms_to_s(-ms)) == -ms);
    }
}

static void seconds_of_any_size(void **state)
{
    (void)state;
    assert_true(clock_s_to_ms(1e300) == INT64_MAX);
    assert_true(clock_s_to_ms(-1e300) == INT64_MIN);
    assert_true(clock_s_to_ms((double)INFINITY) == INT64_MAX);
    assert_true(clock_s_to_ms((double)NAN) == 0);
    assert_true(clock_s_to_ms(9223372036854775.807) == INT64_MAX);
    assert_true(clock_s_to_ms(1.0004) == 1000);
    assert_true(clock_s_to_ms(1.0006) == 1001);
}

static void clocks_go_forward(void **state)
{
    int64_t before = clock_mono_ms();

    (void)state;
    assert_true(clock_mono_ms() >= before);
    assert_true(clock_now_ms() > 1700000000000);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROWS(durations, check_duration),       ROWS(formats, check_format),
        ROW_SINGLE(seconds_come_back_exactly), ROW_SINGLE(seconds_of_any_size),
        ROW_SINGLE(clocks_go_forward),
    };

    return rows_run("base/clock", tables, N_ROWS(tables));
}
