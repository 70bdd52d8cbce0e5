/* SPDX-License-Identifier: Apache-2.0 */
/** Whether a broker lets a user into a vhost: one short connection. */
#ifndef HYP_BUS_PROBE_H
#define HYP_BUS_PROBE_H

#include <stdint.h>

#include "common/base/err.h"

/** Where and who; all borrowed. */
struct bus_probe {
    const char *host;
    int port;
    const char *user;
    const char *password;
    const char *vhost;
    int64_t timeout_ms; /**< of each step: connect, login */
};

/**
 * Log in to the vhost and leave again.
 * Returns ERR_OK; ERR_UNAVAILABLE (nobody answers, or not yet);
 * ERR_INVALID (refused: user, password or vhost). why has no password in it.
 */
MUST_CHECK enum err bus_probe(const struct bus_probe *probe,
                              struct errbuf *why);

#endif
