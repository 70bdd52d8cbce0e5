/* SPDX-License-Identifier: Apache-2.0 */
/** A table of rows in memory, sorted by key: an array of short arrays. */
#include "common/store/store_memory_table.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/store/store_backend.h"

/* An insert moves at most this many pointers, and as many chunks at a split. */
enum {
    CHUNK_ROWS = 512,
    CHUNKS_FIRST = 16
};

struct store_memory_chunk {
    size_t n;
    struct store_memory_row *rows[CHUNK_ROWS];
};

void store_memory_table_fini(struct store_memory_table *table)
{
    for (size_t c = 0; c < table->n_chunks; c++) {
        for (size_t i = 0; i < table->chunks[c]->n; i++) {
            free(table->chunks[c]->rows[i]);
        }
        free(table->chunks[c]);
    }
    free(table->chunks);
    *table = (struct store_memory_table){.kind = table->kind};
}

/* How many rows of the chunk are below the key. */
static size_t chunk_below(const struct store_memory_table *table,
                          const struct store_memory_chunk *chunk,
                          const struct store_key *key)
{
    size_t low = 0;
    size_t high = chunk->n;

    while (low < high) {
        size_t mid = (low + high) / 2;

        if (store_key_compare(table->kind, &chunk->rows[mid]->key, key) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

/* The first chunk whose last row is not below the key. */
static size_t find_chunk(const struct store_memory_table *table,
                         const struct store_key *key)
{
    size_t low = 0;
    size_t high = table->n_chunks;

    while (low < high) {
        size_t mid = (low + high) / 2;
        const struct store_memory_chunk *chunk = table->chunks[mid];

        if (store_key_compare(table->kind, &chunk->rows[chunk->n - 1]->key,
                              key) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

struct store_memory_at
store_memory_table_seek(const struct store_memory_table *table,
                        const struct store_key *key)
{
    struct store_memory_at at = {0, 0};

    if (key != NULL) {
        at.chunk = find_chunk(table, key);
        if (at.chunk < table->n_chunks) {
            at.i = chunk_below(table, table->chunks[at.chunk], key);
        }
    }
    return at;
}

static bool is_at(const struct store_memory_table *table,
                  struct store_memory_at at, const struct store_key *key)
{
    return at.chunk < table->n_chunks &&
           store_key_compare(table->kind,
                             &table->chunks[at.chunk]->rows[at.i]->key,
                             key) == 0;
}

const struct store_memory_row *
store_memory_table_get(const struct store_memory_table *table,
                       const struct store_key *key)
{
    struct store_memory_at at = store_memory_table_seek(table, key);

    return is_at(table, at, key) ? table->chunks[at.chunk]->rows[at.i] : NULL;
}

static struct store_memory_row *row_new(const struct store_key *key,
                                        struct doc doc)
{
    size_t text_len = key->text != NULL ? strlen(key->text) + 1 : 0;
    struct store_memory_row *row = xmalloc(sizeof *row + doc.len + text_len);

    row->key = *key;
    row->len = doc.len;
    if (doc.len > 0) {
        memcpy(row->data, doc.data, doc.len);
    }
    if (text_len > 0) {
        memcpy(row->data + doc.len, key->text, text_len);
        row->key.text = (const char *)row->data + doc.len;
    }
    return row;
}

static struct store_memory_chunk *add_chunk(struct store_memory_table *table,
                                            size_t at)
{
    struct store_memory_chunk *chunk = xmalloc(sizeof *chunk);

    if (table->n_chunks == table->cap) {
        table->cap = table->cap > 0 ? table->cap * 2 : CHUNKS_FIRST;
        table->chunks = xrealloc_array(table->chunks, table->cap,
                                       sizeof(struct store_memory_chunk *));
    }
    memmove(table->chunks + at + 1, table->chunks + at,
            (table->n_chunks - at) * sizeof *table->chunks);
    table->chunks[at] = chunk;
    table->n_chunks++;
    chunk->n = 0;
    return chunk;
}

/* Make room in the chunk at `at`. Rows come mostly in order of their keys,
 * so a chunk full at its end keeps its rows and a new one begins. */
static void split(struct store_memory_table *table, struct store_memory_at *at)
{
    struct store_memory_chunk *chunk = table->chunks[at->chunk];
    struct store_memory_chunk *above = add_chunk(table, at->chunk + 1);
    size_t keep = at->i == CHUNK_ROWS ? CHUNK_ROWS : CHUNK_ROWS / 2;

    above->n = chunk->n - keep;
    memcpy(above->rows, chunk->rows + keep, above->n * sizeof *above->rows);
    chunk->n = keep;
    if (at->i > keep || keep == CHUNK_ROWS) {
        at->chunk++;
        at->i -= keep;
    }
}

static void insert(struct store_memory_table *table, struct store_memory_at at,
                   struct store_memory_row *row)
{
    struct store_memory_chunk *chunk;

    if (table->n_chunks == 0) {
        (void)add_chunk(table, 0);
    } else if (at.chunk == table->n_chunks) {
        at.chunk--;
        at.i = table->chunks[at.chunk]->n;
    }
    if (table->chunks[at.chunk]->n == CHUNK_ROWS) {
        split(table, &at);
    }
    chunk = table->chunks[at.chunk];
    memmove(chunk->rows + at.i + 1, chunk->rows + at.i,
            (chunk->n - at.i) * sizeof *chunk->rows);
    chunk->rows[at.i] = row;
    chunk->n++;
    table->n++;
}

void store_memory_table_put(struct store_memory_table *table,
                            const struct store_key *key, struct doc doc)
{
    struct store_memory_at at = store_memory_table_seek(table, key);
    struct store_memory_row *row = row_new(key, doc);

    if (is_at(table, at, key)) {
        free(table->chunks[at.chunk]->rows[at.i]);
        table->chunks[at.chunk]->rows[at.i] = row;
    } else {
        insert(table, at, row);
    }
}

static void remove_at(struct store_memory_table *table,
                      struct store_memory_at at)
{
    struct store_memory_chunk *chunk = table->chunks[at.chunk];

    free(chunk->rows[at.i]);
    chunk->n--;
    table->n--;
    memmove(chunk->rows + at.i, chunk->rows + at.i + 1,
            (chunk->n - at.i) * sizeof *chunk->rows);
    if (chunk->n == 0) {
        free(chunk);
        table->n_chunks--;
        memmove(table->chunks + at.chunk, table->chunks + at.chunk + 1,
                (table->n_chunks - at.chunk) * sizeof *table->chunks);
    }
}

void store_memory_table_delete(struct store_memory_table *table,
                               const struct store_key *key)
{
    struct store_memory_at at = store_memory_table_seek(table, key);

    if (is_at(table, at, key)) {
        remove_at(table, at);
    }
}

void store_memory_table_delete_range(struct store_memory_table *table,
                                     const struct store_key *first,
                                     const struct store_key *past)
{
    struct store_memory_at at = store_memory_table_seek(table, first);

    while (at.chunk < table->n_chunks) {
        const struct store_memory_chunk *chunk = table->chunks[at.chunk];

        if (store_key_compare(table->kind, &chunk->rows[at.i]->key, past) >=
            0) {
            return;
        }
        remove_at(table, at);
        at = store_memory_table_seek(table, first);
    }
}

const struct store_memory_row *
store_memory_table_next(const struct store_memory_table *table,
                        struct store_memory_at *at)
{
    const struct store_memory_row *row;

    if (at->chunk >= table->n_chunks) {
        return NULL;
    }
    row = table->chunks[at->chunk]->rows[at->i++];
    if (at->i == table->chunks[at->chunk]->n) {
        at->chunk++;
        at->i = 0;
    }
    return row;
}

const struct store_memory_row *
store_memory_table_prev(const struct store_memory_table *table,
                        struct store_memory_at *at)
{
    if (at->i == 0) {
        if (at->chunk == 0) {
            return NULL;
        }
        at->chunk--;
        at->i = table->chunks[at->chunk]->n;
    }
    at->i--;
    return table->chunks[at->chunk]->rows[at->i];
}
