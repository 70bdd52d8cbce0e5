/* SPDX-License-Identifier: Apache-2.0 */
/** Which of many texts stand in a text. */
#include "common/rules/grams.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

enum {
    SLOT_BITS = 12,
    SLOTS = 1 << SLOT_BITS
};

struct entry {
    uint32_t next; /* of the same slot, from 1; 0: none */
    size_t at;     /* of the three bytes in the text */
    const char *text;
    size_t len;
    void *item;
};

struct grams {
    uint32_t heads[SLOTS]; /* entries, from 1 */
    uint32_t counts[SLOTS];
    struct entry *entries;
    size_t n, cap;
};

struct grams *grams_new(void)
{
    return xcalloc(1, sizeof(struct grams));
}

void grams_free(struct grams *grams)
{
    if (grams != NULL) {
        free(grams->entries);
        free(grams);
    }
}

static size_t slot_of(const char *text)
{
    const unsigned char *b = (const unsigned char *)text;
    uint32_t gram = b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16;

    return gram * UINT32_C(2654435761) >> (32 - SLOT_BITS);
}

/* Texts often begin alike: the three bytes that fewest share. */
static size_t rarest(const struct grams *grams, const char *text, size_t len)
{
    size_t best = 0;

    for (size_t at = 1; at + GRAMS_MIN <= len; at++) {
        if (grams->counts[slot_of(text + at)] <
            grams->counts[slot_of(text + best)]) {
            best = at;
        }
    }
    return best;
}

void grams_add(struct grams *grams, const char *text, size_t len, void *item)
{
    size_t at = rarest(grams, text, len);
    size_t slot = slot_of(text + at);

    if (grams->n == grams->cap) {
        grams->cap = 2 * grams->cap + 16;
        grams->entries = xrealloc_array(grams->entries, grams->cap,
                                        sizeof grams->entries[0]);
    }
    grams->entries[grams->n++] = (struct entry){.next = grams->heads[slot],
                                                .at = at,
                                                .text = text,
                                                .len = len,
                                                .item = item};
    grams->heads[slot] = (uint32_t)grams->n;
    grams->counts[slot]++;
}

/* Whether the entry's text stands where its three bytes were found. */
static bool stands(const struct entry *entry, const char *text, size_t len,
                   size_t at)
{
    return at >= entry->at && at - entry->at + entry->len <= len &&
           memcmp(text + at - entry->at, entry->text, entry->len) == 0;
}

void grams_find(const struct grams *grams, const char *text, size_t len,
                void (*found)(void *ctx, void *item), void *ctx)
{
    for (size_t at = 0; at + GRAMS_MIN <= len; at++) {
        uint32_t i = grams->heads[slot_of(text + at)];

        while (i != 0) {
            const struct entry *entry = &grams->entries[i - 1];

            if (stands(entry, text, len, at)) {
                found(ctx, entry->item);
            }
            i = entry->next;
        }
    }
}
