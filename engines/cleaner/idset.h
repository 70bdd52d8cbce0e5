/* SPDX-License-Identifier: Apache-2.0 */
/** The last message ids of trusted senders, by hash: bounded, oldest out. */
#ifndef HYP_CLEANER_IDSET_H
#define HYP_CLEANER_IDSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct idset {
    uint64_t *ring;  /**< in order of arrival, from head, n of most */
    uint64_t *table; /**< open addressing; 0: free */
    size_t most;
    size_t head;
    size_t n;
    size_t mask;
};

/** Room for `most` ids. */
void idset_init(struct idset *set, size_t most);
void idset_fini(struct idset *set);
bool idset_has(const struct idset *set, uint64_t id);
/** Add an id that is not there; the oldest leaves when full. */
void idset_add(struct idset *set, uint64_t id);

#endif
