/* SPDX-License-Identifier: Apache-2.0 */
/** Whether a service does its work, and if not, why not. */
#ifndef HYP_CONTROL_PROBE_H
#define HYP_CONTROL_PROBE_H

#include <stdbool.h>

#include "control/suite.h"

/**
 * Whether the process is ready: the broker lets the suite's user in; an
 * engine or the webserver says so in its status file; others just run.
 * False sets why to what a person should read.
 */
bool probe_ready(const struct suite *suite, const struct process *process,
                 struct errbuf *why);
/** Whether the service is a program of the suite, with a status file. */
bool probe_is_ours(const char *name);

#endif
