/* SPDX-License-Identifier: Apache-2.0 */
/** Mixtures of faults, each with a name. */
#ifndef HYP_SIM_WEATHER_H
#define HYP_SIM_WEATHER_H

#include "tests/sim/world.h"

struct weather {
    const char *name;
    struct world_faults faults;
};

/** Ends with a row whose name is NULL; the first is calm. */
extern const struct weather weathers[];

/** NULL: there is none of that name. */
const struct weather *weather_find(const char *name);

#endif
