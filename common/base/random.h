/* SPDX-License-Identifier: Apache-2.0 */
/** Random bytes of the kernel, for ids, keys and passwords. */
#ifndef HYP_BASE_RANDOM_H
#define HYP_BASE_RANDOM_H

#include <stddef.h>

/** Fill with random bytes; ends the process when the kernel has none. */
void random_bytes(void *out, size_t len);
/** Write 2 * n hexadecimal digits of n random bytes and a NUL. */
void random_hex(char *out, size_t n);

#endif
