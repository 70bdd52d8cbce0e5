/* SPDX-License-Identifier: Apache-2.0 */
/** What a stretch of work used: time, processor time of this process and of a
 *  server beside it. */
#ifndef HYP_TESTS_METER_H
#define HYP_TESTS_METER_H

#include <stdint.h>

/** Sums, in seconds. */
struct use {
    double wall;
    double own;
    double server;
};

struct meter {
    int64_t server_pid; /**< 0: none */
    struct use begin;
};

/** Read the clocks; the server's pid stays as it is set. */
void meter_start(struct meter *meter);
/** Add what was used since the start. */
void meter_add(const struct meter *meter, struct use *sum);

#endif
