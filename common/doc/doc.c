/* SPDX-License-Identifier: Apache-2.0 */
/** Reading documents in place: BSON (bsonspec.org 1.1), the types we use. */
#include "common/doc/doc.h"

#include <math.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/doc/bson_types.h"

enum {
    DOC_HEAD = 4,
    DOC_LEAST = 5
};

/* 2^63: the least magnitude that int64_t does not hold. */
#define INT64_LIMIT 9223372036854775808.0

static uint32_t get_u32(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof value);
    return value; /* BSON and every machine we build for: little-endian */
}

static uint64_t get_u64(const uint8_t *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof value);
    return value;
}

/* Bytes that a value of this kind takes at least and, for the counted kinds,
 * in all; 0 when it cannot be (unknown kind or past the end). */
static size_t value_len(uint8_t kind, const uint8_t *at, size_t left)
{
    size_t len;

    switch (kind) {
    case BSON_KIND_NULL:
        return SIZE_MAX; /* takes none; the caller knows */
    case BSON_KIND_BOOL:
        return left >= 1 ? 1 : 0;
    case BSON_KIND_INT32:
        return left >= sizeof(uint32_t) ? sizeof(uint32_t) : 0;
    case BSON_KIND_DOUBLE:
    case BSON_KIND_DATE:
    case BSON_KIND_INT64:
        return left >= sizeof(uint64_t) ? sizeof(uint64_t) : 0;
    case BSON_KIND_STRING:
    case BSON_KIND_DOC:
    case BSON_KIND_ARRAY:
    case BSON_KIND_BINARY:
        if (left < DOC_LEAST) {
            return 0;
        }
        len = get_u32(at);
        if (kind == BSON_KIND_STRING) {
            len += DOC_HEAD;
        } else if (kind == BSON_KIND_BINARY) {
            len += DOC_LEAST;
        }
        return len >= DOC_LEAST && len <= left ? len : 0;
    default:
        return 0;
    }
}

static bool check_at(const uint8_t *data, size_t len, int depth);

static bool check_value(uint8_t kind, const uint8_t *at, size_t len, int depth)
{
    switch (kind) {
    case BSON_KIND_STRING:
        return at[len - 1] == '\0' &&
               memchr(at + DOC_HEAD, '\0', len - DOC_HEAD) == at + len - 1 &&
               utf8_valid((const char *)at + DOC_HEAD, len - DOC_LEAST);
    case BSON_KIND_DOC:
    case BSON_KIND_ARRAY:
        return check_at(at, len, depth + 1);
    case BSON_KIND_BOOL:
        return *at <= 1;
    default:
        return true;
    }
}

/* Behind a name, which is short, so libc's ways cost more than they spare;
 * NULL when it is none. */
static const uint8_t *pass_name(const uint8_t *at, const uint8_t *end)
{
    const uint8_t *start = at;
    uint8_t bits = 0;

    for (; at < end && *at != '\0'; at++) {
        bits |= *at;
    }
    if (at == end || (bits > INT8_MAX &&
                      !utf8_valid((const char *)start, (size_t)(at - start)))) {
        return NULL;
    }
    return at + 1;
}

static bool check_at(const uint8_t *data, size_t len, int depth)
{
    const uint8_t *at = data + DOC_HEAD;
    const uint8_t *end = data + len - 1;

    if (depth > DOC_DEPTH_MAX || len < DOC_LEAST || get_u32(data) != len ||
        *end != 0) {
        return false;
    }
    while (at < end) {
        uint8_t kind = *at++;
        size_t n;

        at = pass_name(at, end);
        if (at == NULL) {
            return false;
        }
        n = value_len(kind, at, (size_t)(end - at));
        if (n == SIZE_MAX) {
            continue;
        }
        if (n == 0 || !check_value(kind, at, n, depth)) {
            return false;
        }
        at += n;
    }
    return at == end;
}

bool doc_check(struct doc doc)
{
    return doc.data != NULL && doc.len <= DOC_BYTES_MAX &&
           doc.len >= DOC_LEAST && check_at(doc.data, doc.len, 0);
}

void doc_iter_init(struct doc_iter *it, struct doc doc)
{
    if (doc.len < DOC_LEAST) {
        *it = (struct doc_iter){NULL, NULL};
        return;
    }
    it->at = doc.data + DOC_HEAD;
    it->end = doc.data + doc.len - 1;
}

/* Fill value from the bytes of one of the counted kinds; returns its length. */
static size_t read_counted(uint8_t kind, const uint8_t *at,
                           struct doc_value *value)
{
    uint32_t len = get_u32(at);

    if (kind == BSON_KIND_STRING) {
        value->type = DOC_STRING;
        value->u.s.text = (const char *)at + DOC_HEAD;
        value->u.s.len = len - 1;
        return len + DOC_HEAD;
    }
    if (kind == BSON_KIND_BINARY) {
        value->type = DOC_BYTES;
        value->u.s.text = (const char *)at + DOC_LEAST;
        value->u.s.len = len;
        return len + DOC_LEAST;
    }
    value->type = kind == BSON_KIND_ARRAY ? DOC_ARRAY : DOC_DOC;
    value->u.doc = (struct doc){at, len};
    return len;
}

static size_t read_value(uint8_t kind, const uint8_t *at,
                         struct doc_value *value)
{
    switch (kind) {
    case BSON_KIND_NULL:
        value->type = DOC_NULL;
        return 0;
    case BSON_KIND_BOOL:
        value->type = DOC_BOOL;
        value->u.b = *at != 0;
        return 1;
    case BSON_KIND_INT32:
        value->type = DOC_INT;
        value->u.i = (int32_t)get_u32(at);
        return sizeof(uint32_t);
    case BSON_KIND_INT64:
    case BSON_KIND_DATE:
        value->type = DOC_INT;
        value->u.i = (int64_t)get_u64(at);
        return sizeof(uint64_t);
    case BSON_KIND_DOUBLE:
        value->type = DOC_DOUBLE;
        memcpy(&value->u.d, at, sizeof value->u.d);
        return sizeof(double);
    default:
        return read_counted(kind, at, value);
    }
}

bool doc_next(struct doc_iter *it, const char **key, struct doc_value *value)
{
    uint8_t kind;

    if (it->at == it->end) {
        return false;
    }
    kind = *it->at++;
    *key = (const char *)it->at;
    it->at += strlen(*key) + 1;
    it->at += read_value(kind, it->at, value);
    return true;
}

bool doc_get(struct doc doc, const char *key, struct doc_value *value)
{
    struct doc_iter it;
    const char *name;

    doc_iter_init(&it, doc);
    while (doc_next(&it, &name, value)) {
        if (strcmp(name, key) == 0) {
            return true;
        }
    }
    value->type = DOC_MISSING;
    return false;
}

bool doc_path(struct doc doc, const char *path, struct doc_value *value)
{
    struct doc_iter it;
    const char *name;
    const char *dot = strchr(path, '.');
    size_t len = dot != NULL ? (size_t)(dot - path) : 0;

    if (dot == NULL) {
        return doc_get(doc, path, value);
    }
    doc_iter_init(&it, doc);
    while (doc_next(&it, &name, value)) {
        if (strncmp(name, path, len) == 0 && name[len] == '\0' &&
            (value->type == DOC_DOC || value->type == DOC_ARRAY)) {
            return doc_path(value->u.doc, dot + 1, value);
        }
    }
    value->type = DOC_MISSING;
    return false;
}

const char *doc_str(struct doc doc, const char *key, const char *fallback)
{
    struct doc_value value;

    (void)doc_get(doc, key, &value);
    return value.type == DOC_STRING ? value.u.s.text : fallback;
}

int64_t doc_i64(struct doc doc, const char *key, int64_t fallback)
{
    struct doc_value value;

    (void)doc_get(doc, key, &value);
    if (value.type == DOC_INT) {
        return value.u.i;
    }
    return value.type == DOC_DOUBLE && fabs(value.u.d) < INT64_LIMIT
               ? (int64_t)value.u.d
               : fallback;
}

double doc_f64(struct doc doc, const char *key, double fallback)
{
    struct doc_value value;

    (void)doc_get(doc, key, &value);
    return value.type == DOC_INT      ? (double)value.u.i
           : value.type == DOC_DOUBLE ? value.u.d
                                      : fallback;
}

bool doc_bool(struct doc doc, const char *key, bool fallback)
{
    struct doc_value value;

    (void)doc_get(doc, key, &value);
    return value.type == DOC_BOOL ? value.u.b : fallback;
}

int64_t doc_ms(struct doc doc, const char *key, int64_t fallback_ms)
{
    struct doc_value value;

    (void)doc_get(doc, key, &value);
    return value.type == DOC_INT      ? clock_s_to_ms((double)value.u.i)
           : value.type == DOC_DOUBLE ? clock_s_to_ms(value.u.d)
                                      : fallback_ms;
}

struct doc doc_sub(struct doc doc, const char *key)
{
    struct doc_value value;

    (void)doc_get(doc, key, &value);
    if (value.type == DOC_DOC || value.type == DOC_ARRAY) {
        return value.u.doc;
    }
    return (struct doc){NULL, 0};
}

size_t doc_count(struct doc doc)
{
    struct doc_iter it;
    struct doc_value value;
    const char *key;
    size_t n = 0;

    doc_iter_init(&it, doc);
    while (doc_next(&it, &key, &value)) {
        n++;
    }
    return n;
}

/* Kinds in the order that MongoDB sorts them; numbers are one kind. */
static int rank(enum doc_type type)
{
    static const int ranks[] = {
        [DOC_MISSING] = 0, [DOC_NULL] = 0,   [DOC_INT] = 1,
        [DOC_DOUBLE] = 1,  [DOC_STRING] = 2, [DOC_DOC] = 3,
        [DOC_ARRAY] = 4,   [DOC_BYTES] = 5,  [DOC_BOOL] = 6,
    };
    return ranks[type];
}

static int compare_doubles(double x, double y)
{
    if (isnan(x) || isnan(y)) { /* below every number, equal to itself */
        return (int)isnan(y) - (int)isnan(x);
    }
    return (x > y) - (x < y);
}

/* Exact also where a double cannot tell neighbouring integers apart. */
static int compare_int_double(int64_t i, double d)
{
    int64_t whole;

    if (isnan(d) || fabs(d) >= INT64_LIMIT) {
        return d > 0 ? -1 : 1;
    }
    whole = (int64_t)d;
    return i != whole ? (i > whole) - (i < whole)
                      : compare_doubles((double)whole, d);
}

static int compare_numbers(const struct doc_value *a, const struct doc_value *b)
{
    if (a->type == DOC_INT && b->type == DOC_INT) {
        return (a->u.i > b->u.i) - (a->u.i < b->u.i);
    }
    if (a->type == DOC_INT) {
        return compare_int_double(a->u.i, b->u.d);
    }
    if (b->type == DOC_INT) {
        return -compare_int_double(b->u.i, a->u.d);
    }
    return compare_doubles(a->u.d, b->u.d);
}

static int compare_bytes(const void *a, size_t a_len, const void *b,
                         size_t b_len)
{
    size_t least = a_len < b_len ? a_len : b_len;
    int order = least > 0 ? memcmp(a, b, least) : 0;

    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

int doc_compare(const struct doc_value *a, const struct doc_value *b)
{
    int a_rank = rank(a->type);
    int b_rank = rank(b->type);

    if (a_rank != b_rank) {
        return a_rank < b_rank ? -1 : 1;
    }
    switch (a->type) {
    case DOC_INT:
    case DOC_DOUBLE:
        return compare_numbers(a, b);
    case DOC_STRING:
    case DOC_BYTES:
        return compare_bytes(a->u.s.text, a->u.s.len, b->u.s.text, b->u.s.len);
    case DOC_DOC:
    case DOC_ARRAY:
        return compare_bytes(a->u.doc.data, a->u.doc.len, b->u.doc.data,
                             b->u.doc.len);
    case DOC_BOOL:
        return (int)a->u.b - (int)b->u.b;
    case DOC_MISSING:
    case DOC_NULL:
    default:
        return 0;
    }
}
