/* SPDX-License-Identifier: Apache-2.0 */
/** What this process takes of its machine. */
#ifndef HYP_METRICS_USAGE_H
#define HYP_METRICS_USAGE_H

#include <stdint.h>

struct usage {
    int64_t resident_bytes; /**< of memory; 0: the kernel does not say */
    int64_t cpu_ms;         /**< used since it started, user and system */
};

void usage_get(struct usage *out);

#endif
