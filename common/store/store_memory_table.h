/* SPDX-License-Identifier: Apache-2.0 */
/** A table of rows in memory, sorted by key: an array of short arrays. */
#ifndef HYP_STORE_STORE_MEMORY_TABLE_H
#define HYP_STORE_STORE_MEMORY_TABLE_H

#include "common/store/store.h"

struct store_memory_row {
    struct store_key key; /**< its text is the row's own */
    uint32_t len;
    uint8_t data[]; /**< the document, then the key's text */
};

struct store_memory_chunk;

/** A zeroed one with its kind is empty. */
struct store_memory_table {
    enum store_key_kind kind;
    struct store_memory_chunk **chunks; /**< none of them empty */
    size_t n_chunks;
    size_t cap;
    size_t n; /**< rows */
};

/** Where a row is. Valid until the table changes. */
struct store_memory_at {
    size_t chunk;
    size_t i;
};

void store_memory_table_fini(struct store_memory_table *table);
/** The row, or NULL. Borrowed until the table changes. */
const struct store_memory_row *
store_memory_table_get(const struct store_memory_table *table,
                       const struct store_key *key);
/** Insert or replace; copies. */
void store_memory_table_put(struct store_memory_table *table,
                            const struct store_key *key, struct doc doc);
void store_memory_table_delete(struct store_memory_table *table,
                               const struct store_key *key);
void store_memory_table_delete_range(struct store_memory_table *table,
                                     const struct store_key *first,
                                     const struct store_key *past);
/** The first row whose key is key or above it; key NULL: the first. */
struct store_memory_at
store_memory_table_seek(const struct store_memory_table *table,
                        const struct store_key *key);
/** The row there, moving on; NULL past the last. */
const struct store_memory_row *
store_memory_table_next(const struct store_memory_table *table,
                        struct store_memory_at *at);
/** The row before, moving there; NULL before the first. */
const struct store_memory_row *
store_memory_table_prev(const struct store_memory_table *table,
                        struct store_memory_at *at);

#endif
