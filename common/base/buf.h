/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The one growing byte buffer. It has a maximum from birth; what would pass
 * it is refused and remembered, so a chain of adds needs one check at its end.
 */
#ifndef HYP_BASE_BUF_H
#define HYP_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data; /**< len bytes, always followed by a NUL once allocated */
    size_t len;
    size_t cap;
    size_t max;    /**< most bytes it may ever hold */
    bool overflow; /**< an add was refused since the last clear */
};

/** Start empty; takes no memory yet. max in bytes, above 0. */
void buf_init(struct buf *buf, size_t max);
/** Release the memory; the buffer may be used again with its maximum. */
void buf_fini(struct buf *buf);
/** Forget the content, keep the memory. */
void buf_clear(struct buf *buf);
/** Add bytes, or set overflow and add nothing. */
void buf_add(struct buf *buf, const void *data, size_t len);
void buf_add_str(struct buf *buf, const char *text);
void buf_add_char(struct buf *buf, char c);
void buf_addf(struct buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/** Little-endian integers, for binary forms. */
void buf_add_u32(struct buf *buf, uint32_t value);
void buf_add_u64(struct buf *buf, uint64_t value);
/** Room for len more bytes: returns where to write them, NULL on overflow. */
char *buf_extend(struct buf *buf, size_t len);
/** Drop everything past len (at most the present length). */
void buf_truncate(struct buf *buf, size_t len);
/** The content as a C string; "" when empty. */
const char *buf_str(const struct buf *buf);
/** Gives the memory (NUL-terminated) to the caller and starts anew. */
char *buf_take(struct buf *buf);

#endif
