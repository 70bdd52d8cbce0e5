/* SPDX-License-Identifier: Apache-2.0 */
/**
 * An engine made to show every kind of effect: it keeps counts and states per
 * entity, originates a step for each change, drops, refuses, folds.
 */
#ifndef HYP_SIM_PROBE_H
#define HYP_SIM_PROBE_H

#include "common/engine/engine.h"

/** Events whose output is "drop" are dropped, "refuse" refused. */
extern const struct engine_ops probe_engine;
/** Writes down what arrives, in the order it was applied. */
extern const struct engine_ops sink_engine;

#endif
