/* SPDX-License-Identifier: Apache-2.0 */
/** Text: strict numbers, UTF-8, cutting. */
#include "common/base/str.h"

#include <errno.h>
#include <math.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum {
    NUMBER_TEXT_MAX = 32,
    UTF8_FIRST = 0x80, /* below: ASCII, a character in each byte */
    HOST_MAX = 253,
    PORT_MAX = 65535
};

enum err str_to_i64_n(const char *text, size_t len, int64_t min, int64_t max,
                      int64_t *out)
{
    char copy[NUMBER_TEXT_MAX];
    char *end;
    long long value;

    if (len == 0 || len >= sizeof copy) {
        return ERR_INVALID;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (strspn(copy, "0123456789-") < len) {
        return ERR_INVALID;
    }
    errno = 0;
    value = strtoll(copy, &end, 10);
    if (*end != '\0') {
        return ERR_INVALID;
    }
    if (errno == ERANGE || value < min || value > max) {
        return ERR_LIMIT;
    }
    *out = value;
    return ERR_OK;
}

enum err str_to_i64(const char *text, int64_t min, int64_t max, int64_t *out)
{
    return str_to_i64_n(text, strlen(text), min, max, out);
}

size_t str_from_i64(int64_t value, char out[STR_I64_MAX])
{
    enum {
        BASE = 10
    };
    uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;
    char digits[STR_I64_MAX];
    size_t at = sizeof digits - 1;
    size_t len;

    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + left % BASE);
        left /= BASE;
    } while (left > 0);
    if (value < 0) {
        digits[--at] = '-';
    }
    len = sizeof digits - 1 - at;
    memcpy(out, digits + at, len + 1);
    return len;
}

enum err str_to_double(const char *text, double *out)
{
    char *end;
    double value;

    /* strtod also takes blanks, "nan", "inf" and hexadecimal. */
    if (text[0] == '\0' || strspn(text, "0123456789+-.eE") != strlen(text)) {
        return ERR_INVALID;
    }
    value = strtod(text, &end);
    if (*end != '\0' || !isfinite(value)) {
        return ERR_INVALID;
    }
    *out = value;
    return ERR_OK;
}

/* The well-formed characters of two and more bytes: the range of the first
 * byte, of the second, and the length. Unicode 15, table 3-7. */
static const struct utf8_form {
    unsigned char first_low, first_high;
    unsigned char second_low, second_high;
    unsigned char len;
} utf8_forms[] = {
    {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
    {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3},
    {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
    {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
};

/* The form that the first byte belongs to, NULL if there is none. */
static const struct utf8_form *utf8_find(unsigned char first)
{
    for (size_t i = 0; i < sizeof utf8_forms / sizeof utf8_forms[0]; i++) {
        if (first <= utf8_forms[i].first_high) {
            return first >= utf8_forms[i].first_low ? &utf8_forms[i] : NULL;
        }
    }
    return NULL;
}

static bool utf8_continues(unsigned char byte)
{
    enum {
        MARK_BITS = 0xC0,
        MARK = 0x80
    };

    return (byte & MARK_BITS) == MARK;
}

/* Length of the well-formed character at p, 0 if there is none. */
static size_t utf8_char(const unsigned char *p, size_t left)
{
    const struct utf8_form *form;

    if (p[0] < UTF8_FIRST) {
        return 1;
    }
    form = utf8_find(p[0]);
    if (form == NULL || form->len > left || p[1] < form->second_low ||
        p[1] > form->second_high) {
        return 0;
    }
    for (size_t i = 2; i < form->len; i++) {
        if (!utf8_continues(p[i])) {
            return 0;
        }
    }
    return form->len;
}

/* How many bytes from p on are ASCII: most text is, so four words at once. */
static size_t ascii_run(const unsigned char *p, size_t len)
{
    static const uint64_t high_bits = UINT64_C(0x8080808080808080);
    uint64_t words[4];
    size_t n = 0;

    for (; len - n >= sizeof words; n += sizeof words) {
        memcpy(words, p + n, sizeof words);
        if (((words[0] | words[1] | words[2] | words[3]) & high_bits) != 0) {
            break;
        }
    }
    for (; len - n >= sizeof words[0]; n += sizeof words[0]) {
        memcpy(words, p + n, sizeof words[0]);
        if ((words[0] & high_bits) != 0) {
            break;
        }
    }
    while (n < len && p[n] < UTF8_FIRST) {
        n++;
    }
    return n;
}

size_t utf8_good(const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t left = len;

    while (left > 0) {
        size_t plain = ascii_run(p, left);
        size_t n;

        p += plain;
        left -= plain;
        n = left > 0 ? utf8_char(p, left) : 0;
        if (n == 0) {
            break;
        }
        p += n;
        left -= n;
    }
    return len - left;
}

bool utf8_valid(const char *text, size_t len)
{
    return utf8_good(text, len) == len;
}

size_t utf8_cut(const char *text, size_t len, size_t max)
{
    size_t cut = max;

    if (len <= max) {
        return len;
    }
    while (cut > 0 && utf8_continues((unsigned char)text[cut])) {
        cut--;
    }
    return cut;
}

/* Letters of names, addresses and zones; a colon only within brackets or
 * where more than one makes it an address. */
static bool is_host(const char *text, size_t len, bool colons)
{
    for (size_t i = 0; i < len; i++) {
        if (strchr("/@[]#?, \t\"\\", text[i]) != NULL ||
            (text[i] == ':' && !colons)) {
            return false;
        }
    }
    return len > 0 && len <= HOST_MAX;
}

enum err str_split_host(const char *text, const char **host, size_t *len,
                        int64_t *port)
{
    bool bracket = text[0] == '[';
    const char *begin = bracket ? text + 1 : text;
    const char *end = begin + strcspn(begin, bracket ? "]" : ":");
    const char *behind = end;

    if (bracket) {
        behind = *end == ']' ? end + 1 : text;
    } else if (*end == ':' && strchr(end + 1, ':') != NULL) {
        end += strlen(end);
        behind = end;
    }
    if (!is_host(begin, (size_t)(end - begin), *behind != ':' || bracket) ||
        (*behind != '\0' && *behind != ':') ||
        (*behind == ':' &&
         str_to_i64(behind + 1, 1, PORT_MAX, port) != ERR_OK)) {
        return ERR_INVALID;
    }
    *host = begin;
    *len = (size_t)(end - begin);
    return ERR_OK;
}

bool str_starts(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

bool str_ends(const char *text, const char *end)
{
    size_t len = strlen(text);
    size_t end_len = strlen(end);

    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

enum {
    BASE64_VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING
};

void str_to_base64(struct buf *out, const void *data, size_t len)
{
    size_t room = sodium_base64_ENCODED_LEN(len, BASE64_VARIANT);
    char *at = buf_extend(out, room);

    if (at != NULL) {
        sodium_bin2base64(at, room, data, len, BASE64_VARIANT);
        buf_truncate(out, out->len - 1); /* its NUL */
    }
}

enum err str_from_base64(struct buf *out, const char *text)
{
    size_t len = strlen(text);
    size_t before = out->len;
    char *at = buf_extend(out, len);
    size_t n;

    if (at == NULL) {
        return ERR_LIMIT;
    }
    if (sodium_base642bin((unsigned char *)at, len, text, len, NULL, &n, NULL,
                          BASE64_VARIANT) != 0) {
        buf_truncate(out, before);
        return ERR_INVALID;
    }
    buf_truncate(out, before + n);
    return ERR_OK;
}

void str_to_percent(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        char c = *text;

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            (c >= '0' && c <= '9') || strchr("-._~", c) != NULL) {
            buf_add_char(out, c);
        } else {
            buf_addf(out, "%%%02X", (unsigned char)c);
        }
    }
}
