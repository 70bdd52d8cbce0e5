/* SPDX-License-Identifier: Apache-2.0 */
/** Memory for one parse at a time: taken bit by bit, given back at once. */
#ifndef HYP_EVENT_EVENT_SLAB_H
#define HYP_EVENT_EVENT_SLAB_H

#include <stddef.h>

struct event_slab_chunk;

/** Zeroed is empty and valid. */
struct event_slab {
    struct event_slab_chunk *chunks; /**< newest first */
    size_t used;                     /**< bytes of the newest */
};

/** Release the memory. */
void event_slab_fini(struct event_slab *slab);
/** Forget what was taken; a first chunk stays for the next parse. */
void event_slab_reset(struct event_slab *slab);
/** With the signatures that yajl wants; ctx is the slab. Never NULL. */
void *event_slab_malloc(void *ctx, size_t size);
void *event_slab_realloc(void *ctx, void *old, size_t size);
void event_slab_free(void *ctx, void *old);

#endif
