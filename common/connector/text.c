/* SPDX-License-Identifier: Apache-2.0 */
/** Texts of foreign senders as UTF-8. Pure. */
#include "common/connector/text.h"

#include <stdbool.h>
#include <stdint.h>

#include "common/base/str.h"

enum {
    HIGH_FIRST = 0x80, /* where Windows-1252 differs from ISO 8859-1 */
    HIGH_LAST = 0x9F,
    BYTE_DEL = 0x7F,
    /* UTF-8: the first byte of two, three and four; those behind it */
    LEAD_2 = 0xC0,
    LEAD_3 = 0xE0,
    LEAD_4 = 0xF0,
    LEAD_LEAST = 0xC2,
    LEAD_MOST = 0xF4,
    TAIL = 0x80,
    TAIL_MASK = 0x3F,
    TAIL_BITS = 6
};

/* Windows-1252 0x80..0x9F; those not assigned become U+FFFD. */
static const uint16_t high[HIGH_LAST - HIGH_FIRST + 1] = {
    0x20AC, 0xFFFD, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
    0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0xFFFD, 0x017D, 0xFFFD,
    0xFFFD, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
    0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0xFFFD, 0x017E, 0x0178};

/* A character from U+0080 to U+FFFF. */
static void add_character(struct buf *out, unsigned int c)
{
    char bytes[3] = {(char)(LEAD_3 | c >> (2 * TAIL_BITS)),
                     (char)(TAIL | (c >> TAIL_BITS & TAIL_MASK)),
                     (char)(TAIL | (c & TAIL_MASK))};

    if (c < 0x800) {
        bytes[1] = (char)(LEAD_2 | c >> TAIL_BITS);
        buf_add(out, bytes + 1, 2);
    } else {
        buf_add(out, bytes, 3);
    }
}

static bool is_left_out(char byte)
{
    unsigned char c = (unsigned char)byte;

    return c == BYTE_DEL || (c < ' ' && c != '\t' && c != '\n');
}

static void add_windows(struct buf *out, unsigned char c)
{
    if (c < HIGH_FIRST) {
        buf_add_char(out, (char)c);
    } else {
        add_character(out, c <= HIGH_LAST ? high[c - HIGH_FIRST] : c);
    }
}

/* Whether only a character cut in two stands behind the good bytes. */
static bool is_cut(const char *bytes, size_t len, size_t good)
{
    unsigned char first = (unsigned char)bytes[good];
    size_t takes = first >= LEAD_4 ? 4 : first >= LEAD_3 ? 3 : 2;

    if (first < LEAD_LEAST || first > LEAD_MOST || len - good >= takes) {
        return false;
    }
    for (size_t i = good + 1; i < len; i++) {
        if (((unsigned char)bytes[i] & ~TAIL_MASK) != TAIL) {
            return false;
        }
    }
    return true;
}

static bool has_high(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)bytes[i] >= HIGH_FIRST) {
            return true;
        }
    }
    return false;
}

void text_add(struct buf *out, const char *bytes, size_t len)
{
    size_t good = utf8_good(bytes, len);
    /* "caf\xE9" ends as a cut character does; one with a character of
     * several bytes before it is UTF-8 for sure. */
    bool is_utf8 =
        good == len || (is_cut(bytes, len, good) && has_high(bytes, good));

    len = is_utf8 ? good : len;
    for (size_t i = 0; i < len; i++) {
        if (is_left_out(bytes[i])) {
            continue;
        }
        if (is_utf8) {
            buf_add_char(out, bytes[i]);
        } else {
            add_windows(out, (unsigned char)bytes[i]);
        }
    }
    if (out->overflow) {
        buf_truncate(out, utf8_good(buf_str(out), out->len));
    }
}

const char *text_set(struct buf *out, const char *bytes, size_t len)
{
    buf_clear(out);
    text_add(out, bytes, len);
    return buf_str(out);
}
