/* SPDX-License-Identifier: Apache-2.0 */
/** The events that benches without a broker feed: as load.py makes them. */
#ifndef HYP_TESTS_MAKER_H
#define HYP_TESTS_MAKER_H

#include <stdint.h>

enum {
    MAKER_BYTES = 600 /* of each event */
};

struct maker {
    int64_t entities;
    double changes;  /**< share of events with a new state, 0 to 1 */
    uint8_t *states; /**< by entity */
    uint64_t random;
    int64_t made;
};

/** All entities begin in the state `first`, 0 to 3. */
void maker_init(struct maker *maker, int64_t entities, double changes,
                int first);
void maker_fini(struct maker *maker);
/** The next check result as JSON of MAKER_BYTES bytes and a NUL. The entities
 *  come in turn, spread over their names; none changes in the first turn. */
void maker_next(struct maker *maker, int64_t now_s, char *text);

#endif
