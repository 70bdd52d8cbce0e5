/* SPDX-License-Identifier: Apache-2.0 */
/** Hash map from text to a pointer: linear probing, backward-shift removal. */
#include "common/base/map.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/hash.h"
#include "common/base/mem.h"

enum {
    MAP_FIRST = 16
};

void map_init(struct map *map)
{
    *map = (struct map){0};
}

void map_fini(struct map *map)
{
    free(map->slots);
    *map = (struct map){0};
}

static uint32_t hash_key(const char *key, size_t len)
{
    return (uint32_t)hash_keyed(key, len);
}

/* The slot that holds the key, or the free one where it belongs. */
static struct map_slot *probe(const struct map *map, const char *key,
                              size_t len, uint32_t hash)
{
    size_t i = hash & map->mask;

    for (;; i = (i + 1) & map->mask) {
        struct map_slot *slot = &map->slots[i];

        if (slot->key == NULL || (slot->hash == hash && slot->key_len == len &&
                                  memcmp(slot->key, key, len) == 0)) {
            return slot;
        }
    }
}

static void resize(struct map *map, size_t slots)
{
    struct map old = *map;

    map->slots = xcalloc(slots, sizeof *map->slots);
    map->mask = slots - 1;
    for (size_t i = 0; old.slots != NULL && i <= old.mask; i++) {
        const struct map_slot *from = &old.slots[i];

        if (from->key != NULL) {
            *probe(map, from->key, from->key_len, from->hash) = *from;
        }
    }
    free(old.slots);
}

void *map_get(const struct map *map, const char *key, size_t len)
{
    if (map->n == 0) {
        return NULL;
    }
    return probe(map, key, len, hash_key(key, len))->value;
}

void *map_put(struct map *map, const char *key, size_t len, void *value)
{
    uint32_t hash = hash_key(key, len);
    struct map_slot *slot;
    void *old;

    BUG_IF(value == NULL || len > UINT32_MAX);
    if (map->slots == NULL) {
        resize(map, MAP_FIRST);
    } else if ((map->n + 1) * 4 > (map->mask + 1) * 3) {
        resize(map, (map->mask + 1) * 2);
    }
    slot = probe(map, key, len, hash);
    old = slot->key != NULL ? slot->value : NULL;
    map->n += old == NULL;
    *slot = (struct map_slot){
        .key = key, .value = value, .key_len = (uint32_t)len, .hash = hash};
    return old;
}

/* Whether an entry that belongs at home may stay at i once hole is free. */
static bool may_stay(size_t home, size_t hole, size_t i)
{
    return hole <= i ? home > hole && home <= i : home > hole || home <= i;
}

void *map_remove(struct map *map, const char *key, size_t len)
{
    struct map_slot *slot;
    size_t hole;
    void *value;

    if (map->n == 0) {
        return NULL;
    }
    slot = probe(map, key, len, hash_key(key, len));
    if (slot->key == NULL) {
        return NULL;
    }
    value = slot->value;
    hole = (size_t)(slot - map->slots);
    for (size_t i = (hole + 1) & map->mask; map->slots[i].key != NULL;
         i = (i + 1) & map->mask) {
        if (!may_stay(map->slots[i].hash & map->mask, hole, i)) {
            map->slots[hole] = map->slots[i];
            hole = i;
        }
    }
    map->slots[hole] = (struct map_slot){0};
    map->n--;
    return value;
}

bool map_next(const struct map *map, size_t *at, struct map_slot *slot)
{
    for (; map->slots != NULL && *at <= map->mask; (*at)++) {
        if (map->slots[*at].key != NULL) {
            *slot = map->slots[(*at)++];
            return true;
        }
    }
    return false;
}
