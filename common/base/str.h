/* SPDX-License-Identifier: Apache-2.0 */
/** Text: strict numbers, UTF-8, cutting. */
#ifndef HYP_BASE_STR_H
#define HYP_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

/** A whole decimal number within min..max; the text must hold nothing else.
 *  ERR_INVALID (not a number) or ERR_LIMIT (out of range). */
MUST_CHECK enum err str_to_i64(const char *text, int64_t min, int64_t max,
                               int64_t *out);
/** The same for the first len bytes. */
MUST_CHECK enum err str_to_i64_n(const char *text, size_t len, int64_t min,
                                 int64_t max, int64_t *out);
/** A finite decimal number, "C" locale; the text must hold nothing else. */
MUST_CHECK enum err str_to_double(const char *text, double *out);
enum {
    STR_I64_MAX = 21 /**< bytes of a number's text and its NUL */
};

/** Write a whole number in decimal, with a NUL; gives its length. */
size_t str_from_i64(int64_t value, char out[STR_I64_MAX]);
/** Whether len bytes are well-formed UTF-8 (no surrogates, no overlong). */
bool utf8_valid(const char *text, size_t len);
/** Bytes before the first that is not part of well-formed UTF-8; len when all
 *  are. */
size_t utf8_good(const char *text, size_t len);
/** The longest length of at most max bytes that does not split a character;
 *  text is valid UTF-8. */
size_t utf8_cut(const char *text, size_t len, size_t max);
/** "host", "host:port", "[address]:port" or a bare address with colons: where
 *  the host stands in text, and the port (left as it is without one).
 *  ERR_INVALID when it is none of these. */
MUST_CHECK enum err str_split_host(const char *text, const char **host,
                                   size_t *len, int64_t *port);
/** Whether text ends with, starts with. */
bool str_starts(const char *text, const char *start);
bool str_ends(const char *text, const char *end);
/** As a part of a URI: what is not unreserved as %XX. */
void str_to_percent(struct buf *out, const char *text);
/** base64url without padding, for cursors and tokens. */
void str_to_base64(struct buf *out, const void *data, size_t len);
/** ERR_INVALID when text is not base64url. */
MUST_CHECK enum err str_from_base64(struct buf *out, const char *text);

#endif
