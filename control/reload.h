/* SPDX-License-Identifier: Apache-2.0 */
/** Every program of the suite reads its configuration again. */
#ifndef HYP_CONTROL_RELOAD_H
#define HYP_CONTROL_RELOAD_H

#include "common/base/buf.h"
#include "control/suite.h"

/**
 * Send HUP to every service of ours that runs, wait until each has told what
 * came of it, and append a line for each service.
 * Returns whether all that the files say now is in force.
 */
bool reload_suite(const struct suite *suite, int64_t wait_ms, struct buf *out);

#endif
