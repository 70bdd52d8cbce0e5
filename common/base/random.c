/* SPDX-License-Identifier: Apache-2.0 */
/** Random bytes of the kernel. */
#include "common/base/random.h"

#include <sys/random.h>

#include "common/base/err.h"

void random_bytes(void *out, size_t len)
{
    char *at = out;

    while (len > 0) {
        ssize_t n = getrandom(at, len, 0);

        BUG_IF(n <= 0);
        at += n;
        len -= (size_t)n;
    }
}

void random_hex(char *out, size_t n)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        unsigned char byte;

        random_bytes(&byte, 1);
        out[2 * i] = digits[byte >> 4];
        out[2 * i + 1] = digits[byte & 15];
    }
    out[2 * n] = '\0';
}
