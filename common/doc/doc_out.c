/* SPDX-License-Identifier: Apache-2.0 */
/** Writing documents in one pass into one buffer that is used again. */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/doc/bson_types.h"
#include "common/doc/doc.h"

enum {
    INDEX_TEXT_MAX = 12,
    BASE = 10
};

struct level {
    size_t start;   /* of its length word */
    uint32_t index; /* next key of an array */
    bool array;
};

struct doc_out {
    struct buf buf;
    struct level levels[DOC_DEPTH_MAX + 1];
    size_t depth;
};

static void open_level(struct doc_out *out, bool array)
{
    BUG_IF(out->depth > DOC_DEPTH_MAX);
    out->levels[out->depth++] =
        (struct level){.start = out->buf.len, .array = array};
    buf_add_u32(&out->buf, 0); /* length, known at the end */
}

static void close_level(struct doc_out *out)
{
    const struct level *level = &out->levels[--out->depth];
    uint32_t len;

    buf_add_char(&out->buf, '\0');
    BUG_IF(out->buf.overflow); /* callers keep DOC_BYTES_MAX */
    len = (uint32_t)(out->buf.len - level->start);
    memcpy(out->buf.data + level->start, &len, sizeof len);
}

struct doc_out *doc_out_new(void)
{
    struct doc_out *out = xcalloc(1, sizeof *out);

    buf_init(&out->buf, DOC_BYTES_MAX);
    doc_out_reset(out);
    return out;
}

void doc_out_free(struct doc_out *out)
{
    if (out != NULL) {
        buf_fini(&out->buf);
        free(out);
    }
}

void doc_out_reset(struct doc_out *out)
{
    buf_clear(&out->buf);
    out->depth = 0;
    open_level(out, false);
}

/* Every element of every array comes here: by hand, not by printf. */
static const char *format_index(uint32_t index, char text[INDEX_TEXT_MAX])
{
    size_t at = INDEX_TEXT_MAX - 1;

    text[at] = '\0';
    do {
        text[--at] = (char)('0' + index % BASE);
        index /= BASE;
    } while (index > 0);
    return text + at;
}

/* Write kind and key in front of room for len bytes of value, and return
 * where that is; NULL when the document is full. One look at the buffer's
 * room a member: this is most of what writing costs. */
static char *add_member(struct doc_out *out, enum bson_kind kind,
                        const char *key, size_t len)
{
    struct level *level;
    /* cppcheck-suppress variableScope; key may point to it */
    char index[INDEX_TEXT_MAX];
    size_t key_len;
    char *at;

    BUG_IF(out->depth == 0);
    level = &out->levels[out->depth - 1];
    if (level->array) {
        key = format_index(level->index++, index);
    }
    key_len = strlen(key) + 1;
    at = buf_extend(&out->buf, 1 + key_len + len);
    if (at == NULL) {
        return NULL;
    }
    at[0] = (char)kind;
    memcpy(at + 1, key, key_len);
    return at + 1 + key_len;
}

static void add_fixed(struct doc_out *out, enum bson_kind kind, const char *key,
                      const void *value)
{
    char *at = add_member(out, kind, key, sizeof(uint64_t));

    if (at != NULL) {
        memcpy(at, value, sizeof(uint64_t));
    }
}

static void add_key(struct doc_out *out, enum bson_kind kind, const char *key)
{
    (void)add_member(out, kind, key, 0);
}

void doc_add_null(struct doc_out *out, const char *key)
{
    add_key(out, BSON_KIND_NULL, key);
}

void doc_add_bool(struct doc_out *out, const char *key, bool value)
{
    char *at = add_member(out, BSON_KIND_BOOL, key, 1);

    if (at != NULL) {
        *at = value ? 1 : 0;
    }
}

void doc_add_i64(struct doc_out *out, const char *key, int64_t value)
{
    add_fixed(out, BSON_KIND_INT64, key, &value);
}

void doc_add_f64(struct doc_out *out, const char *key, double value)
{
    add_fixed(out, BSON_KIND_DOUBLE, key, &value);
}

void doc_add_ms(struct doc_out *out, const char *key, int64_t ms)
{
    doc_add_f64(out, key, clock_ms_to_s(ms));
}

void doc_add_strn(struct doc_out *out, const char *key, const char *text,
                  size_t len)
{
    uint32_t counted = (uint32_t)len + 1;
    char *at = add_member(out, BSON_KIND_STRING, key, sizeof counted + counted);

    if (at != NULL) {
        memcpy(at, &counted, sizeof counted);
        if (len > 0) {
            memcpy(at + sizeof counted, text, len);
        }
        at[sizeof counted + len] = '\0';
    }
}

void doc_add_str(struct doc_out *out, const char *key, const char *text)
{
    doc_add_strn(out, key, text, strlen(text));
}

void doc_add_bytes(struct doc_out *out, const char *key, const void *data,
                   size_t len)
{
    add_key(out, BSON_KIND_BINARY, key);
    buf_add_u32(&out->buf, (uint32_t)len);
    buf_add_char(&out->buf, '\0'); /* generic subtype */
    buf_add(&out->buf, data, len);
}

static void add_nested(struct doc_out *out, enum bson_kind kind,
                       const char *key, struct doc doc)
{
    static const uint8_t empty[] = {5, 0, 0, 0, 0};

    add_key(out, kind, key);
    if (doc.len == 0) {
        buf_add(&out->buf, empty, sizeof empty);
    } else {
        buf_add(&out->buf, doc.data, doc.len);
    }
}

void doc_add_doc(struct doc_out *out, const char *key, struct doc doc)
{
    add_nested(out, BSON_KIND_DOC, key, doc);
}

void doc_add_array(struct doc_out *out, const char *key, struct doc array)
{
    add_nested(out, BSON_KIND_ARRAY, key, array);
}

void doc_add_value(struct doc_out *out, const char *key,
                   const struct doc_value *value)
{
    switch (value->type) {
    case DOC_MISSING:
        break;
    case DOC_NULL:
        doc_add_null(out, key);
        break;
    case DOC_BOOL:
        doc_add_bool(out, key, value->u.b);
        break;
    case DOC_INT:
        doc_add_i64(out, key, value->u.i);
        break;
    case DOC_DOUBLE:
        doc_add_f64(out, key, value->u.d);
        break;
    case DOC_STRING:
        doc_add_strn(out, key, value->u.s.text, value->u.s.len);
        break;
    case DOC_BYTES:
        doc_add_bytes(out, key, value->u.s.text, value->u.s.len);
        break;
    case DOC_DOC:
        doc_add_doc(out, key, value->u.doc);
        break;
    case DOC_ARRAY:
        doc_add_array(out, key, value->u.doc);
        break;
    }
}

void doc_begin_doc(struct doc_out *out, const char *key)
{
    add_key(out, BSON_KIND_DOC, key);
    open_level(out, false);
}

void doc_begin_array(struct doc_out *out, const char *key)
{
    add_key(out, BSON_KIND_ARRAY, key);
    open_level(out, true);
}

void doc_end(struct doc_out *out)
{
    BUG_IF(out->depth < 2);
    close_level(out);
}

struct doc doc_out_done(struct doc_out *out)
{
    BUG_IF(out->depth > 1);
    if (out->depth == 1) {
        close_level(out);
    }
    return (struct doc){(const uint8_t *)out->buf.data, (uint32_t)out->buf.len};
}

size_t doc_out_len(const struct doc_out *out)
{
    return out->buf.len;
}
