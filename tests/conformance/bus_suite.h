/* SPDX-License-Identifier: Apache-2.0 */
/** What every bus must do, whatever is behind it. */
#ifndef HYP_TESTS_BUS_SUITE_H
#define HYP_TESTS_BUS_SUITE_H

#include "common/bus/bus.h"

enum {
    BUS_SUITE_MESSAGE_BYTES = 512 * 1024
};

struct bus_suite {
    void *ctx;
    /** Gives a bus of that name with BUS_SUITE_MESSAGE_BYTES as its limit. */
    struct bus *(*open)(void *ctx, const char *name);
    /** kill -9 of the broker, and its return. */
    void (*restart)(void *ctx);
    const char *user;    /**< of every bus */
    const char *lost_id; /**< of the log line about a loss; NULL: none */
    int wait_ms;         /**< for what must come */
    int quiet_ms;        /**< for what must not come */
    int settle_ms;       /**< what a new queue needs to outlive a kill */
};

/** Run all tests; returns what main() returns. */
int bus_suite_run(const char *name, const struct bus_suite *suite);

#endif
