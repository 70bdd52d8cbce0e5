/* SPDX-License-Identifier: Apache-2.0 */
/** JSON text token by token. */
#include "common/json/json_scan.h"

#include <limits.h>
#include <string.h>

/* A test builds the other way too. */
#if defined(__SSE2__) && !defined(JSON_SCAN_PORTABLE)
#define JSON_SCAN_SSE2
#include <emmintrin.h>
#endif

enum {
    HEX_DIGITS = 4,
    ESCAPE_LEN = 6 /* of \uXXXX */
};

void json_scan_init(struct json_scan *scan, const char *text, size_t len)
{
    *scan = (struct json_scan){.text = text, .len = len};
}

/* The byte at a place; NUL, which is part of no token, behind the text. */
static char byte_at(const struct json_scan *scan, size_t at)
{
    if (at < scan->len) {
        return scan->text[at];
    }
    return '\0';
}

static void skip_blanks(struct json_scan *scan)
{
    while (scan->at < scan->len) {
        char c = scan->text[scan->at];

        if (c > ' ' || (c != ' ' && c != '\n' && c != '\r' && c != '\t')) {
            return;
        }
        scan->at++;
    }
}

static bool in_array(const struct json_scan *scan)
{
    return (scan->arrays >> (scan->depth - 1) & 1) != 0;
}

/* A value was read. */
static void value_done(struct json_scan *scan)
{
    scan->due = scan->depth > 0 ? JSON_DUE_MORE : JSON_DUE_NOTHING;
}

static enum json_token take_word(struct json_scan *scan, const char *word,
                                 enum json_token token)
{
    size_t len = strlen(word);

    if (scan->len - scan->at < len ||
        memcmp(scan->text + scan->at, word, len) != 0) {
        return JSON_TOKEN_BAD;
    }
    scan->at += len;
    value_done(scan);
    return token;
}

/* Past the digits from a place on. */
static size_t pass_digits(const struct json_scan *scan, size_t at)
{
    while (byte_at(scan, at) >= '0' && byte_at(scan, at) <= '9') {
        at++;
    }
    return at;
}

/* Behind the fraction and the exponent that a number may have; 0 when one
 * has no digits. */
static size_t pass_fraction(const struct json_scan *scan, size_t at)
{
    size_t digits;

    if (byte_at(scan, at) == '.') {
        digits = at + 1;
        at = pass_digits(scan, digits);
        if (at == digits) {
            return 0;
        }
    }
    if (byte_at(scan, at) == 'e' || byte_at(scan, at) == 'E') {
        char sign = byte_at(scan, at + 1);

        digits = at + (sign == '+' || sign == '-' ? 2 : 1);
        at = pass_digits(scan, digits);
        if (at == digits) {
            return 0;
        }
    }
    return at;
}

static enum json_token take_number(struct json_scan *scan)
{
    size_t first = scan->at + (scan->text[scan->at] == '-' ? 1 : 0);
    size_t at =
        byte_at(scan, first) == '0' ? first + 1 : pass_digits(scan, first);

    at = at > first ? pass_fraction(scan, at) : 0;
    if (at == 0) {
        return JSON_TOKEN_BAD;
    }
    scan->part = scan->text + scan->at;
    scan->part_len = at - scan->at;
    scan->at = at;
    value_done(scan);
    return JSON_TOKEN_NUMBER;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
           (c >= 'A' && c <= 'F');
}

/* Length of the escape at a place, 0 when it is none. */
static size_t escape_len(const struct json_scan *scan, size_t at)
{
    char c = byte_at(scan, at + 1);

    if (c != 'u') {
        return c != '\0' && strchr("\"\\/bfnrt", c) != NULL ? 2 : 0;
    }
    for (size_t i = 2; i < ESCAPE_LEN; i++) {
        if (!is_hex(byte_at(scan, at + i))) {
            return 0;
        }
    }
    return ESCAPE_LEN;
}

/* Several bytes at once: a bit of each that ends a run of plain characters (a
 * quote, a backslash, one below the blank). Above the lowest bit it may tell
 * too many. */
#ifdef JSON_SCAN_SSE2
enum {
    WIDTH = sizeof(__m128i),
    STOP_BITS = 1 /* of a byte */
};

static uint64_t find_stops(const char *at)
{
    const __m128i control = _mm_set1_epi8(' ' - 1);
    __m128i bytes;
    __m128i stops;

    memcpy(&bytes, at, sizeof bytes);
    stops = _mm_cmpeq_epi8(_mm_min_epu8(bytes, control), bytes);
    stops = _mm_or_si128(stops, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')));
    stops = _mm_or_si128(stops, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
    return (unsigned int)_mm_movemask_epi8(stops);
}
#else
enum {
    WIDTH = sizeof(uint64_t),
    STOP_BITS = CHAR_BIT,
    HIGH_BIT = 0x80
};

#define EACH_BYTE(byte_) (UINT64_C(0x0101010101010101) * (byte_))

static uint64_t find_stops(const char *at)
{
    uint64_t word;
    uint64_t quote;
    uint64_t slash;

    memcpy(&word, at, sizeof word);
    quote = word ^ EACH_BYTE('"');
    slash = word ^ EACH_BYTE('\\');
    return (((word - EACH_BYTE(' ')) & ~word) |
            ((quote - EACH_BYTE(1)) & ~quote) |
            ((slash - EACH_BYTE(1)) & ~slash)) &
           EACH_BYTE(HIGH_BIT);
}
#endif

static size_t pass_plain(const struct json_scan *scan, size_t at)
{
    for (; scan->len - at >= WIDTH; at += WIDTH) {
        uint64_t stops = find_stops(scan->text + at);

        if (stops != 0) {
            return at + (size_t)__builtin_ctzll(stops) / STOP_BITS;
        }
    }
    while (at < scan->len && (unsigned char)scan->text[at] >= ' ' &&
           scan->text[at] != '"' && scan->text[at] != '\\') {
        at++;
    }
    return at;
}

/* Past a text in quotes; false when it is none. */
static bool pass_text(struct json_scan *scan)
{
    size_t at = scan->at + 1;

    scan->escaped = false;
    for (;;) {
        size_t len;

        at = pass_plain(scan, at);
        if (byte_at(scan, at) == '"') {
            break;
        }
        len = byte_at(scan, at) == '\\' ? escape_len(scan, at) : 0;
        if (len == 0) {
            return false;
        }
        at += len;
        scan->escaped = true;
    }
    scan->part = scan->text + scan->at + 1;
    scan->part_len = at - scan->at - 1;
    scan->at = at + 1;
    return true;
}

static enum json_token take_text(struct json_scan *scan)
{
    if (!pass_text(scan)) {
        return JSON_TOKEN_BAD;
    }
    value_done(scan);
    return JSON_TOKEN_TEXT;
}

static enum json_token take_name(struct json_scan *scan)
{
    if (byte_at(scan, scan->at) != '"' || !pass_text(scan)) {
        return JSON_TOKEN_BAD;
    }
    skip_blanks(scan);
    if (byte_at(scan, scan->at) != ':') {
        scan->start = scan->at;
        scan->due = JSON_DUE_COLON;
        return JSON_TOKEN_BAD;
    }
    scan->at++;
    scan->due = JSON_DUE_VALUE;
    return JSON_TOKEN_NAME;
}

static enum json_token take_open(struct json_scan *scan, bool array)
{
    if (scan->depth == JSON_SCAN_DEPTH_MAX) {
        return JSON_TOKEN_BAD;
    }
    scan->arrays &= ~(UINT64_C(1) << scan->depth);
    scan->arrays |= (uint64_t)array << scan->depth;
    scan->depth++;
    scan->at++;
    scan->due = array ? JSON_DUE_ELEMENT : JSON_DUE_MEMBER;
    return array ? JSON_TOKEN_OPEN_ARRAY : JSON_TOKEN_OPEN_OBJECT;
}

static enum json_token take_close(struct json_scan *scan)
{
    bool array = in_array(scan);

    if (byte_at(scan, scan->at) != (array ? ']' : '}')) {
        return JSON_TOKEN_BAD;
    }
    scan->at++;
    scan->depth--;
    value_done(scan);
    return array ? JSON_TOKEN_CLOSE_ARRAY : JSON_TOKEN_CLOSE_OBJECT;
}

static enum json_token take_value(struct json_scan *scan)
{
    char c = byte_at(scan, scan->at);

    switch (c) {
    case '"':
        return take_text(scan);
    case '{':
    case '[':
        return take_open(scan, c == '[');
    case 't':
        return take_word(scan, "true", JSON_TOKEN_TRUE);
    case 'f':
        return take_word(scan, "false", JSON_TOKEN_FALSE);
    case 'n':
        return take_word(scan, "null", JSON_TOKEN_NULL);
    default:
        return c == '-' || (c >= '0' && c <= '9') ? take_number(scan)
                                                  : JSON_TOKEN_BAD;
    }
}

static enum json_token take_first(struct json_scan *scan, char close)
{
    if (byte_at(scan, scan->at) == close) {
        return take_close(scan);
    }
    return close == ']' ? take_value(scan) : take_name(scan);
}

enum json_token json_scan_next(struct json_scan *scan)
{
    skip_blanks(scan);
    if (scan->due == JSON_DUE_MORE && byte_at(scan, scan->at) == ',') {
        scan->due = in_array(scan) ? JSON_DUE_VALUE : JSON_DUE_NAME;
        scan->at++;
        skip_blanks(scan);
    }
    scan->start = scan->at;
    switch (scan->due) {
    case JSON_DUE_VALUE:
        return take_value(scan);
    case JSON_DUE_ELEMENT:
        return take_first(scan, ']');
    case JSON_DUE_NAME:
        return take_name(scan);
    case JSON_DUE_MEMBER:
        return take_first(scan, '}');
    case JSON_DUE_MORE:
        return take_close(scan);
    case JSON_DUE_NOTHING:
        return scan->at == scan->len ? JSON_TOKEN_END : JSON_TOKEN_BAD;
    case JSON_DUE_COLON:
    default:
        return JSON_TOKEN_BAD;
    }
}

const char *json_scan_expected(const struct json_scan *scan)
{
    switch (scan->due) {
    case JSON_DUE_ELEMENT:
        return "a value or ']'";
    case JSON_DUE_NAME:
        return "a name";
    case JSON_DUE_MEMBER:
        return "a name or '}'";
    case JSON_DUE_COLON:
        return "':'";
    case JSON_DUE_MORE:
        return in_array(scan) ? "',' or ']'" : "',' or '}'";
    case JSON_DUE_NOTHING:
        return "nothing more";
    case JSON_DUE_VALUE:
    default:
        return "a value";
    }
}

static uint32_t hex_value(const char *digits)
{
    enum {
        LETTER_A = 10,
        BITS = 4
    };
    uint32_t value = 0;

    for (int i = 0; i < HEX_DIGITS; i++) {
        char c = digits[i];

        value = value << BITS |
                (uint32_t)(c <= '9' ? c - '0' : (c | ' ') - 'a' + LETTER_A);
    }
    return value;
}

/* UTF-8 of a code point, or what would be it of half a pair. */
static size_t put_utf8(uint32_t code, char *out)
{
    enum {
        BITS = 6,
        TAIL = 0x80,
        TAIL_MASK = 0x3F
    };
    static const struct {
        uint32_t most;
        unsigned char head;
    } forms[] = {{0x7F, 0}, {0x7FF, 0xC0}, {0xFFFF, 0xE0}, {0x10FFFF, 0xF0}};
    size_t n = 0;

    while (code > forms[n].most) {
        n++;
    }
    for (size_t i = n; i > 0; i--) {
        out[i] = (char)(TAIL | (code & TAIL_MASK));
        code >>= BITS;
    }
    out[0] = (char)(forms[n].head | code);
    return n + 1;
}

/* The code point of \uXXXX at *at, both halves of a pair at once. */
static uint32_t take_code(const char **at, const char *end)
{
    enum {
        PAIR_BITS = 10,
        HIGH = 0xD800,
        LOW = 0xDC00,
        AFTER = 0xE000,
        BEYOND = 0x10000
    };
    uint32_t code = hex_value(*at + 2);
    uint32_t low = 0;

    *at += ESCAPE_LEN;
    if (code >= HIGH && code < LOW && end - *at >= ESCAPE_LEN &&
        (*at)[0] == '\\' && (*at)[1] == 'u') {
        low = hex_value(*at + 2);
    }
    if (low < LOW || low >= AFTER) {
        return code;
    }
    *at += ESCAPE_LEN;
    return BEYOND + ((code - HIGH) << PAIR_BITS) + (low - LOW);
}

static char escaped_char(char name)
{
    switch (name) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return name; /* a quote, a slash or a backslash */
    }
}

size_t json_unescape(const char *part, size_t len, char *out)
{
    const char *at = part;
    const char *end = part + len;
    char *to = out;

    while (at < end) {
        const char *slash = memchr(at, '\\', (size_t)(end - at));
        size_t plain = (size_t)((slash != NULL ? slash : end) - at);

        memcpy(to, at, plain);
        to += plain;
        at += plain;
        if (at == end) {
            break;
        }
        if (at[1] == 'u') {
            to += put_utf8(take_code(&at, end), to);
        } else {
            *to++ = escaped_char(at[1]);
            at += 2;
        }
    }
    return (size_t)(to - out);
}
