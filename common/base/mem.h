/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Memory that is there or ends the process: the supervisor restarts it and
 * the unacknowledged input comes again. Safe because every input is bounded.
 */
#ifndef HYP_BASE_MEM_H
#define HYP_BASE_MEM_H

#include <stddef.h>

#define XALLOC_RETURN __attribute__((returns_nonnull, warn_unused_result))

/** Each gives memory for free(); never NULL. xcalloc zeroes. */
XALLOC_RETURN void *xmalloc(size_t size);
XALLOC_RETURN void *xcalloc(size_t n, size_t size);
/** Resize to n elements; the product is checked for overflow. */
XALLOC_RETURN void *xrealloc_array(void *old, size_t n, size_t size);
XALLOC_RETURN char *xstrdup(const char *text);
/** Copy exactly len bytes and add a NUL. */
XALLOC_RETURN char *xstrndup(const char *text, size_t len);
XALLOC_RETURN void *xmemdup(const void *data, size_t len);
/** printf into new memory. */
XALLOC_RETURN char *xasprintf(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

#endif
