/* SPDX-License-Identifier: Apache-2.0 */
/** A run of events through cleaner, probe and sink, and its plain model. */
#ifndef HYP_SIM_STORY_H
#define HYP_SIM_STORY_H

#include "tests/sim/world.h"

struct story_options {
    uint64_t seed;
    int events;
    bool distinct; /**< every body differs; else 2, 0, 2 sends equal bodies */
    struct world_faults faults;
};

/** Run it. Returns "" when the world ended as the model says, else what
 *  differs (static buffer of the story, valid until the next run). */
const char *story_run(const struct story_options *options);

#endif
