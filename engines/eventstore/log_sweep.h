/* SPDX-License-Identifier: Apache-2.0 */
/** The log loses what is too old, some rows a second. */
#ifndef HYP_EVENTSTORE_LOG_SWEEP_H
#define HYP_EVENTSTORE_LOG_SWEEP_H

#include "common/engine/engine.h"

struct log_sweep {
    int64_t keep_ms; /**< 0: for ever */
    int64_t next_ms;
};

/** About once a second, as part of a batch. With partitions the first one
 *  sweeps for all. */
void log_sweep(struct log_sweep *sweep, struct engine_io *io);

#endif
