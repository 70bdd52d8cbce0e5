/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Hash map from text to a pointer. It borrows its keys (keep them inside the
 * value) and its values; hashing is keyed per process against flooding.
 */
#ifndef HYP_BASE_MAP_H
#define HYP_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_slot {
    const char *key; /**< NULL: free */
    void *value;
    uint32_t key_len;
    uint32_t hash;
};

struct map {
    struct map_slot *slots;
    size_t mask; /**< slots - 1, a power of two; 0 before the first put */
    size_t n;
};

/** A zeroed map is empty and valid too. */
void map_init(struct map *map);
/** Release the table; keys and values are the caller's. */
void map_fini(struct map *map);
/** The value, or NULL. */
void *map_get(const struct map *map, const char *key, size_t len);
/** Put value (not NULL) under key; returns the value it replaced, or NULL.
 *  The key must live as long as the entry; a replaced entry takes the new. */
void *map_put(struct map *map, const char *key, size_t len, void *value);
/** Remove and return the value, or NULL. */
void *map_remove(struct map *map, const char *key, size_t len);
/** Walk: start with *at = 0; false at the end. Removing the entry just
 *  returned is not allowed during a walk. Order is not defined. */
bool map_next(const struct map *map, size_t *at, struct map_slot *slot);

#endif
