/* SPDX-License-Identifier: Apache-2.0 */
/** The whole suite, each engine as it is, in a rough world and in a calm one:
 *  the same input must lead to the same end. */
#ifndef HYP_SIM_SUITE_STORY_H
#define HYP_SIM_SUITE_STORY_H

#include "tests/sim/world.h"

/** The end of a world without faults, as lines. Gives the text. */
char *suite_calm_end(uint64_t seed);
/** The same of a world with faults; why not in *difference (static). */
char *suite_rough_end(uint64_t seed, const struct world_faults *faults,
                      const char **why);
/** Run a world with faults. Returns "" when it ended like calm, else what
 *  differs (static, valid until the next run). */
const char *suite_run(uint64_t seed, const struct world_faults *faults,
                      const char *calm);

#endif
