/* SPDX-License-Identifier: Apache-2.0 */
/** Documents as JSON text, for the API, the bus and people. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/str.h"
#include "common/doc/doc.h"

enum {
    NUMBER_TEXT_MAX = 32,
    DOUBLE_SHORT = 15,
    DOUBLE_EXACT = 17,
    THOUSAND = 1000
};

#define THOUSANDTHS_MAX 1e15 /* of DOUBLE_SHORT digits */

static void add_escaped_char(struct buf *out, unsigned char c)
{
    static const char short_forms[] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};

    if (c == '"' || c == '\\') {
        buf_add_char(out, '\\');
        buf_add_char(out, (char)c);
    } else if (c < sizeof short_forms && short_forms[c] != 0) {
        buf_add_char(out, '\\');
        buf_add_char(out, short_forms[c]);
    } else {
        buf_addf(out, "\\u%04x", c);
    }
}

static void add_string(struct buf *out, const char *text, size_t len)
{
    size_t start = 0;

    buf_add_char(out, '"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c < 0x20 || c == '"' || c == '\\') {
            buf_add(out, text + start, i - start);
            add_escaped_char(out, c);
            start = i + 1;
        }
    }
    buf_add(out, text + start, len - start);
    buf_add_char(out, '"');
}

static void add_i64(struct buf *out, int64_t value)
{
    char text[STR_I64_MAX];

    buf_add(out, text, str_from_i64(value, text));
}

/* Times and most measures have at most three decimals: written by hand, as
 * printf would with DOUBLE_SHORT digits. False: another number. */
static bool add_thousandths(struct buf *out, double value)
{
    double scaled = rint(value * THOUSAND);
    char text[STR_I64_MAX];
    int64_t all;
    size_t len;

    /* What is not below it has more digits, and -0 its own sign. */
    if (!(fabs(scaled) < THOUSANDTHS_MAX) || scaled / THOUSAND != value ||
        value == 0) {
        return false;
    }
    /* With a digit in front that keeps the zeros behind it. */
    all = (int64_t)fabs(scaled);
    len = str_from_i64(THOUSAND + all % THOUSAND, text);
    while (text[len - 1] == '0') {
        len--;
    }
    text[0] = '.';
    if (value < 0) {
        buf_add_char(out, '-');
    }
    add_i64(out, all / THOUSAND);
    if (len > 1) {
        buf_add(out, text, len);
    }
    return true;
}

static void add_double(struct buf *out, double value)
{
    char text[NUMBER_TEXT_MAX];
    double back;

    if (!isfinite(value)) {
        buf_add_str(out, "null"); /* JSON has no other word for it */
        return;
    }
    if (add_thousandths(out, value)) {
        return;
    }
    (void)snprintf(text, sizeof text, "%.*g", DOUBLE_SHORT, value);
    if (str_to_double(text, &back) != ERR_OK || back != value) {
        (void)snprintf(text, sizeof text, "%.*g", DOUBLE_EXACT, value);
    }
    buf_add_str(out, text);
}

static void add_nested(struct buf *out, struct doc doc, bool array, int depth);

static void add_value(struct buf *out, const struct doc_value *value, int depth)
{
    switch (value->type) {
    case DOC_MISSING:
    case DOC_NULL:
        buf_add_str(out, "null");
        break;
    case DOC_BOOL:
        buf_add_str(out, value->u.b ? "true" : "false");
        break;
    case DOC_INT:
        add_i64(out, value->u.i);
        break;
    case DOC_DOUBLE:
        add_double(out, value->u.d);
        break;
    case DOC_STRING:
        add_string(out, value->u.s.text, value->u.s.len);
        break;
    case DOC_BYTES:
        buf_add_char(out, '"');
        str_to_base64(out, value->u.s.text, value->u.s.len);
        buf_add_char(out, '"');
        break;
    case DOC_DOC:
    case DOC_ARRAY:
        add_nested(out, value->u.doc, value->type == DOC_ARRAY, depth + 1);
        break;
    }
}

static void add_nested(struct buf *out, struct doc doc, bool array, int depth)
{
    struct doc_iter it;
    struct doc_value value;
    const char *key;
    bool first = true;

    BUG_IF(depth > DOC_DEPTH_MAX + 1);
    buf_add_char(out, array ? '[' : '{');
    doc_iter_init(&it, doc);
    while (doc_next(&it, &key, &value)) {
        if (!first) {
            buf_add_char(out, ',');
        }
        first = false;
        if (!array) {
            add_string(out, key, strlen(key));
            buf_add_char(out, ':');
        }
        add_value(out, &value, depth);
    }
    buf_add_char(out, array ? ']' : '}');
}

void doc_to_json(struct doc doc, struct buf *out)
{
    add_nested(out, doc, false, 0);
}

void doc_value_to_json(const struct doc_value *value, struct buf *out)
{
    add_value(out, value, 0);
}
