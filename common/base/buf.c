/* SPDX-License-Identifier: Apache-2.0 */
/** The one growing byte buffer, with a maximum from birth. */
#include "common/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/mem.h"

enum {
    BUF_FIRST = 256
};

void buf_init(struct buf *buf, size_t max)
{
    BUG_IF(max == 0 || max > SIZE_MAX / 2);
    *buf = (struct buf){.max = max};
}

void buf_fini(struct buf *buf)
{
    size_t max = buf->max;

    free(buf->data);
    *buf = (struct buf){.max = max};
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->overflow = false;
    if (buf->data != NULL) {
        buf->data[0] = '\0';
    }
}

static void grow(struct buf *buf, size_t need)
{
    size_t cap = buf->cap > 0 ? buf->cap : BUF_FIRST;

    while (cap < need) {
        cap *= 2;
    }
    buf->data = xrealloc_array(buf->data, cap, 1);
    buf->cap = cap;
}

char *buf_extend(struct buf *buf, size_t len)
{
    char *at;

    if (len > buf->max - buf->len || buf->overflow) {
        buf->overflow = true;
        return NULL;
    }
    if (buf->len + len + 1 > buf->cap) {
        grow(buf, buf->len + len + 1);
    }
    at = buf->data + buf->len;
    buf->len += len;
    buf->data[buf->len] = '\0';
    return at;
}

void buf_add(struct buf *buf, const void *data, size_t len)
{
    char *at = buf_extend(buf, len);

    if (at != NULL && len > 0) {
        memcpy(at, data, len);
    }
}

void buf_add_str(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_add_char(struct buf *buf, char c)
{
    buf_add(buf, &c, 1);
}

void buf_addf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_list again;
    char *at;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    BUG_IF(len < 0);
    at = buf_extend(buf, (size_t)len);
    if (at != NULL) {
        (void)vsnprintf(at, (size_t)len + 1, format, again);
    }
    va_end(again);
}

static void add_little_endian(struct buf *buf, uint64_t value, size_t bytes)
{
    unsigned char text[sizeof value];

    for (size_t i = 0; i < bytes; i++) {
        text[i] = (unsigned char)(value >> (8 * i));
    }
    buf_add(buf, text, bytes);
}

void buf_add_u32(struct buf *buf, uint32_t value)
{
    add_little_endian(buf, value, sizeof value);
}

void buf_add_u64(struct buf *buf, uint64_t value)
{
    add_little_endian(buf, value, sizeof value);
}

void buf_truncate(struct buf *buf, size_t len)
{
    BUG_IF(len > buf->len);
    buf->len = len;
    if (buf->data != NULL) {
        buf->data[len] = '\0';
    }
}

const char *buf_str(const struct buf *buf)
{
    return buf->data != NULL ? buf->data : "";
}

char *buf_take(struct buf *buf)
{
    char *data = buf->data != NULL ? buf->data : xstrdup("");
    size_t max = buf->max;

    *buf = (struct buf){.max = max};
    return data;
}
