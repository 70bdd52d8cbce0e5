/* SPDX-License-Identifier: Apache-2.0 */
/** JSON text token by token, read in place: RFC 8259 and nothing more. */
#ifndef HYP_JSON_JSON_SCAN_H
#define HYP_JSON_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    JSON_SCAN_DEPTH_MAX = 64 /**< deeper nesting is JSON_TOKEN_BAD */
};

enum json_token {
    JSON_TOKEN_END, /**< one value and nothing behind it but blanks */
    JSON_TOKEN_BAD, /**< no JSON from scan->start on */
    JSON_TOKEN_NULL,
    JSON_TOKEN_TRUE,
    JSON_TOKEN_FALSE,
    JSON_TOKEN_NUMBER,
    JSON_TOKEN_TEXT,
    JSON_TOKEN_NAME, /**< of a member, with the colon behind it */
    JSON_TOKEN_OPEN_OBJECT,
    JSON_TOKEN_CLOSE_OBJECT,
    JSON_TOKEN_OPEN_ARRAY,
    JSON_TOKEN_CLOSE_ARRAY
};

/** What may stand next. */
enum json_due {
    JSON_DUE_VALUE,
    JSON_DUE_ELEMENT, /**< a value or ']' */
    JSON_DUE_NAME,
    JSON_DUE_MEMBER, /**< a name or '}' */
    JSON_DUE_COLON,
    JSON_DUE_MORE, /**< ',' or the end of the container */
    JSON_DUE_NOTHING
};

struct json_scan {
    const char *text;
    size_t len;
    size_t at;    /**< behind the last token */
    size_t start; /**< of the last token */
    enum json_due due;
    size_t depth;    /**< open containers */
    uint64_t arrays; /**< a bit for each: it is an array */
    /** Of a number, as written; of a text or name, between its quotes. */
    const char *part;
    size_t part_len;
    bool escaped; /**< there is a backslash in it: json_unescape */
};

/** Borrows text, which is UTF-8 (the caller has checked). */
void json_scan_init(struct json_scan *scan, const char *text, size_t len);
/** The next token. After END or BAD it is not called again. */
enum json_token json_scan_next(struct json_scan *scan);
/** After BAD: what would have been right there ("a name or '}'"). */
const char *json_scan_expected(const struct json_scan *scan);
/**
 * Write a text's part with its escapes resolved; gives its length, which is
 * at most len. Half of a surrogate pair becomes three bytes that are not
 * UTF-8; \u0000 a NUL.
 *
 * out  len bytes
 */
size_t json_unescape(const char *part, size_t len, char *out);

#endif
