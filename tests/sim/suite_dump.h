/* SPDX-License-Identifier: Apache-2.0 */
/** All that a suite knows at the end, as sorted lines that two worlds can be
 *  compared by: without what differs by the time of a run. */
#ifndef HYP_SIM_SUITE_DUMP_H
#define HYP_SIM_SUITE_DUMP_H

#include "common/base/buf.h"
#include "tests/sim/world.h"

/** Append the lines. False, with the reason in why, when what is stored or
 *  told contradicts itself. */
bool suite_dump(struct world *world, struct buf *out, struct errbuf *why);
/** Write the id of the entity's open alarm, as the live stream tells it, into
 *  out[size]; false while there is none. */
bool suite_open_alarm(struct world *world, const char *entity, char *out,
                      size_t size);
/** Write the id of the first stored letter of an engine whose body holds the
 *  text into out[size]; false while there is none. */
bool suite_dead_letter(struct world *world, const char *engine,
                       const char *body, char *out, size_t size);

#endif
