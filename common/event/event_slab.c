/* SPDX-License-Identifier: Apache-2.0 */
/** Memory for one parse at a time: a list of chunks, filled from the front. */
#include "common/event/event_slab.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

enum {
    CHUNK_LEAST = 16384
};

struct event_slab_chunk {
    struct event_slab_chunk *next;
    size_t size;
    alignas(max_align_t) char data[];
};

/* In front of each piece: how long it is. */
struct piece {
    size_t size;
    alignas(max_align_t) char data[];
};

static size_t round_up(size_t size)
{
    size_t step = alignof(max_align_t);

    return (size + step - 1) / step * step;
}

static void add_chunk(struct event_slab *slab, size_t least)
{
    size_t size = least > CHUNK_LEAST ? least : CHUNK_LEAST;
    struct event_slab_chunk *chunk = xmalloc(sizeof *chunk + size);

    chunk->next = slab->chunks;
    chunk->size = size;
    slab->chunks = chunk;
    slab->used = 0;
}

static void drop_chunk(struct event_slab *slab)
{
    struct event_slab_chunk *chunk = slab->chunks;

    slab->chunks = chunk->next;
    free(chunk);
}

void event_slab_fini(struct event_slab *slab)
{
    while (slab->chunks != NULL) {
        drop_chunk(slab);
    }
    slab->used = 0;
}

void event_slab_reset(struct event_slab *slab)
{
    while (slab->chunks != NULL && slab->chunks->next != NULL) {
        drop_chunk(slab);
    }
    slab->used = 0;
}

void *event_slab_malloc(void *ctx, size_t size)
{
    struct event_slab *slab = ctx;
    size_t need = sizeof(struct piece) + round_up(size);
    struct piece *piece;

    if (slab->chunks == NULL || slab->chunks->size - slab->used < need) {
        add_chunk(slab, need);
    }
    piece = (struct piece *)(void *)(slab->chunks->data + slab->used);
    piece->size = size;
    slab->used += need;
    return piece->data;
}

void *event_slab_realloc(void *ctx, void *old, size_t size)
{
    void *moved = event_slab_malloc(ctx, size);

    if (old != NULL) {
        const struct piece *piece =
            (const void *)((const char *)old - sizeof *piece);

        memcpy(moved, old, piece->size < size ? piece->size : size);
    }
    return moved;
}

void event_slab_free(void *ctx, void *old)
{
    (void)ctx; /* all goes at once */
    (void)old;
}
