/* SPDX-License-Identifier: Apache-2.0 */
/** The last message ids of trusted senders, by hash. */
#include "engines/cleaner/idset.h"

#include <stdlib.h>

#include "common/base/err.h"
#include "common/base/mem.h"

enum {
    TABLE_FIRST = 64,
    TABLE_LOAD = 2
};

void idset_init(struct idset *set, size_t most)
{
    size_t slots = TABLE_FIRST;

    while (slots < TABLE_LOAD * most) {
        slots *= 2;
    }
    *set = (struct idset){.most = most, .mask = slots - 1};
    set->ring = xcalloc(most, sizeof *set->ring);
    set->table = xcalloc(slots, sizeof *set->table);
}

void idset_fini(struct idset *set)
{
    free(set->ring);
    free(set->table);
    *set = (struct idset){0};
}

/* The free slot's mark is 0, so that hash stands for its neighbour. */
static uint64_t fit(uint64_t id)
{
    return id != 0 ? id : 1;
}

static size_t probe(const struct idset *set, uint64_t id)
{
    size_t i = id & set->mask;

    while (set->table[i] != 0 && set->table[i] != id) {
        i = (i + 1) & set->mask;
    }
    return i;
}

bool idset_has(const struct idset *set, uint64_t id)
{
    return set->table[probe(set, fit(id))] != 0;
}

static void remove_id(struct idset *set, uint64_t id)
{
    size_t hole = probe(set, id);

    for (size_t i = (hole + 1) & set->mask; set->table[i] != 0;
         i = (i + 1) & set->mask) {
        size_t home = set->table[i] & set->mask;

        /* An entry moves back when its home is not between hole and it. */
        if (((i - home) & set->mask) >= ((i - hole) & set->mask)) {
            set->table[hole] = set->table[i];
            hole = i;
        }
    }
    set->table[hole] = 0;
}

void idset_add(struct idset *set, uint64_t id)
{
    id = fit(id);
    if (set->n == set->most) {
        remove_id(set, set->ring[set->head]);
        set->head = (set->head + 1) % set->most;
        set->n--;
    }
    set->ring[(set->head + set->n++) % set->most] = id;
    set->table[probe(set, id)] = id;
}
