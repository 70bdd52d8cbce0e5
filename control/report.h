/* SPDX-License-Identifier: Apache-2.0 */
/** What people and scripts are shown: the status of services, addresses. */
#ifndef HYP_CONTROL_REPORT_H
#define HYP_CONTROL_REPORT_H

#include <stdbool.h>

#include "common/base/buf.h"
#include "control/suite.h"

enum {
    REPORT_MAX = 256 * 1024
};

enum report_form {
    REPORT_TABLE,
    REPORT_JSON
};

/**
 * Append the status of every service, or of the one named.
 * Returns whether all shown are ready.
 */
bool report_status(const struct suite *suite, const char *only,
                   enum report_form form, struct buf *out);

/**
 * Append where the API, the bus and the store answer. Passwords are in it
 * only with secrets. ERR_INVALID with why: a configuration file is wrong.
 */
MUST_CHECK enum err report_urls(const struct suite *suite, bool secrets,
                                enum report_form form, struct buf *out,
                                struct errbuf *why);

#endif
