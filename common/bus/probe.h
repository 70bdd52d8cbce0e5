/* SPDX-License-Identifier: Apache-2.0 */
/** Whether a broker lets a user into a vhost: one short connection. */
#ifndef HYP_BUS_PROBE_H
#define HYP_BUS_PROBE_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/bus/bus_amqp.h"

/**
 * Log in to the vhost, as processes of this configuration do, and leave again.
 * timeout_ms is of each step: connect, login.
 * Returns ERR_OK; ERR_UNAVAILABLE (nobody answers, or not yet);
 * ERR_INVALID (refused: user, password, vhost, certificate). why has no
 * password in it.
 */
MUST_CHECK enum err bus_probe(const struct bus_amqp_conf *conf,
                              int64_t timeout_ms, struct errbuf *why);

#endif
