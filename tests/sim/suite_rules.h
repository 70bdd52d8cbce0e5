/* SPDX-License-Identifier: Apache-2.0 */
/** The rules that the suite's events pass, act by act. */
#ifndef HYP_SIM_SUITE_RULES_H
#define HYP_SIM_SUITE_RULES_H

#include "tests/sim/world.h"

/** Put those of an act; what an earlier one had and this one has not is
 *  deleted. */
void rules_set(struct world *world, size_t act);
/** A newer revision of the same rules, to be taken in use at any moment. */
void rules_touch(struct world *world);

#endif
