/* SPDX-License-Identifier: Apache-2.0 */
/** The rules of the event filter tried on the log: page by page, summed up. */
#ifndef HYP_CLI_REPLAY_H
#define HYP_CLI_REPLAY_H

#include "cli/hyp.h"
#include "common/doc/doc.h"

/** What is to be tried. */
struct replay_job {
    const struct buf *body; /**< of the request, an object with members */
    int64_t from_ms, to_ms; /**< as it says; newest events come first */
    void (*print)(struct doc item);   /**< one event as an example */
    void (*tell_bad)(struct doc bad); /**< a rule that is no good */
};

/** Try, with progress on a terminal, and print; returns the exit code. */
int replay_run(struct hyp *hyp, const struct replay_job *job);

#endif
