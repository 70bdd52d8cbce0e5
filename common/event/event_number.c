/* SPDX-License-Identifier: Apache-2.0 */
/** Numbers of JSON texts: short ones by integer arithmetic, others by libc. */
#include "common/event/event_number.h"

#include "common/base/str.h"

enum {
    BASE = 10,
    DIGITS_MAX = 15 /* fewer than 2^53: a double holds each exactly */
};

/* Digits from *at on; false when there are none or the sum gets too long. */
static bool read_digits(const char **at, const char *end, int64_t *value,
                        int *digits)
{
    const char *start = *at;

    while (*at < end && **at >= '0' && **at <= '9') {
        if (++*digits > DIGITS_MAX) {
            return false;
        }
        *value = *value * BASE + (**at - '0');
        (*at)++;
    }
    return *at > start;
}

/* The common case: a sign, at most 15 digits, perhaps a point. Dividing two
 *  exact doubles rounds once, so the result is the nearest double. */
static bool parse_short(const char *text, size_t len,
                        struct event_number *number)
{
    static const double powers[DIGITS_MAX + 1] = {
        1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
        1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    const char *at = text;
    const char *end = text + len;
    bool negative = len > 0 && *at == '-';
    int64_t value = 0;
    int digits = 0;
    int whole_digits;

    at += negative ? 1 : 0;
    if (!read_digits(&at, end, &value, &digits)) {
        return false;
    }
    whole_digits = digits;
    if (at < end && *at == '.') {
        at++;
        if (!read_digits(&at, end, &value, &digits)) {
            return false;
        }
    }
    if (at != end) {
        return false;
    }
    number->whole = digits == whole_digits;
    number->i = negative ? -value : value;
    number->d = (double)number->i / powers[digits - whole_digits];
    return true;
}

bool event_number_parse(const char *text, size_t len,
                        struct event_number *number)
{
    double d;
    int64_t i;

    if (parse_short(text, len, number)) {
        return true;
    }
    if (str_to_i64_n(text, len, INT64_MIN, INT64_MAX, &i) == ERR_OK) {
        *number = (struct event_number){true, i, (double)i};
        return true;
    }
    if (str_to_double(text, &d) != ERR_OK) {
        return false;
    }
    *number = (struct event_number){false, 0, d};
    return true;
}
