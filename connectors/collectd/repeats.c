/* SPDX-License-Identifier: Apache-2.0 */
/** A ring of hashes, and a map to find one. */
#include "connectors/collectd/repeats.h"

#include <stdint.h>
#include <stdlib.h>

#include "common/base/err.h"
#include "common/base/hash.h"
#include "common/base/map.h"
#include "common/base/mem.h"

/* A key of the map is the bytes of one hash of the ring. */
union mark {
    uint64_t hash;
    char bytes[sizeof(uint64_t)];
};

struct repeats {
    union mark *ring;
    size_t most;
    size_t n; /* all there ever were */
    struct map map;
};

struct repeats *repeats_new(size_t most)
{
    struct repeats *repeats = xcalloc(1, sizeof *repeats);

    BUG_IF(most == 0);
    repeats->most = most;
    repeats->ring = xmalloc(most * sizeof *repeats->ring);
    return repeats;
}

void repeats_free(struct repeats *repeats)
{
    if (repeats != NULL) {
        map_fini(&repeats->map);
        free(repeats->ring);
        free(repeats);
    }
}

bool repeats_has(const struct repeats *repeats, const void *data, size_t len)
{
    union mark mark = {.hash = hash_keyed(data, len)};

    return map_get(&repeats->map, mark.bytes, sizeof mark) != NULL;
}

void repeats_add(struct repeats *repeats, const void *data, size_t len)
{
    union mark *mark = &repeats->ring[repeats->n % repeats->most];

    if (repeats_has(repeats, data, len)) {
        return;
    }
    if (repeats->n++ >= repeats->most) {
        (void)map_remove(&repeats->map, mark->bytes, sizeof *mark);
    }
    mark->hash = hash_keyed(data, len);
    (void)map_put(&repeats->map, mark->bytes, sizeof *mark, mark);
}
