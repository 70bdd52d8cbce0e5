/* SPDX-License-Identifier: Apache-2.0 */
/** Starting and stopping services, and waiting until it is so. */
#ifndef HYP_CONTROL_RUN_H
#define HYP_CONTROL_RUN_H

#include "control/suite.h"

/** Services to bring to one state, with how long that may take. */
struct run {
    const struct suite *suite;
    const char *title; /**< of the progress line, e.g. "engines" */
    char *const *names;
    size_t n;
    int64_t begun_ms; /**< clock_mono_ms() */
    int64_t until_ms; /**< clock_mono_ms() at which waiting ends */
};

/**
 * Start all at once and wait until each is ready.
 * ERR_UNAVAILABLE with "<service>: <why not>" of the first that is not, when
 * the time is over or a service has been given up.
 */
MUST_CHECK enum err run_start(const struct run *run, struct errbuf *why);
/** Stop all at once and wait until each process is gone. */
MUST_CHECK enum err run_stop(const struct run *run, struct errbuf *why);

/** Section by section: start each when the one before is ready. */
MUST_CHECK enum err run_start_suite(const struct suite *suite, int64_t wait_ms,
                                    struct errbuf *why);
/** Backwards, then supervisord itself. */
MUST_CHECK enum err run_stop_suite(const struct suite *suite, int64_t wait_ms,
                                   struct errbuf *why);

#endif
