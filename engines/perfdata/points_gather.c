/* SPDX-License-Identifier: Apache-2.0 */
/** Finding and collecting the rows of a group of metrics in a slot. */
#include "engines/perfdata/points_gather.h"

#include <stdlib.h>

#include "common/base/mem.h"

enum {
    ROWS_FIRST = 64,
    ROWS_BYTES_MAX = 256 * 1024 * 1024
};

void points_rows_init(struct points_rows *rows)
{
    *rows = (struct points_rows){.n = 0};
    buf_init(&rows->bytes, ROWS_BYTES_MAX);
}

void points_rows_fini(struct points_rows *rows)
{
    buf_fini(&rows->bytes);
    free(rows->ends);
}

void points_rows_add(struct points_rows *rows, const void *bytes, size_t len)
{
    if (rows->n == rows->cap) {
        rows->cap = rows->cap > 0 ? rows->cap * 2 : ROWS_FIRST;
        rows->ends = xrealloc_array(rows->ends, rows->cap, sizeof *rows->ends);
    }
    buf_add(&rows->bytes, bytes, len);
    rows->ends[rows->n++] = rows->bytes.len;
    rows->damaged = rows->damaged || rows->bytes.overflow;
}

void points_rows_open(struct points_rows *rows, struct points_union *all)
{
    size_t begin = 0;

    points_union_init(all);
    for (size_t i = 0; i < rows->n; i++) {
        if (!points_union_add(all, buf_str(&rows->bytes) + begin,
                              rows->ends[i] - begin)) {
            rows->damaged = true;
        }
        begin = rows->ends[i];
    }
}

static bool take_row(void *ctx, const struct store_key *key, struct doc row)
{
    struct points_rows *rows = ctx;
    struct doc_value value;

    (void)key;
    if (doc_get(row, "p", &value) && value.type == DOC_BYTES) {
        points_rows_add(rows, value.u.s.text, value.u.s.len);
    } else {
        rows->damaged = true;
    }
    return !rows->bytes.overflow;
}

enum err points_gather_run(struct store *store,
                           const struct points_place *place, int64_t run,
                           struct points_rows *rows)
{
    int64_t a = points_key_a(place->space, place->slot, run);
    const struct store_key first = {.a = a, .b = points_key_b(place->group, 0)};
    const struct store_key past = {.a = a,
                                   .b = points_key_b(place->group + 1, 0)};
    const struct store_query query = {.collection = STORE_CHUNKS,
                                      .from = &first,
                                      .to = &past,
                                      .limit = INT64_MAX};

    return store_scan(store, &query, take_row, rows, NULL, NULL);
}

static bool take_key(void *ctx, const struct store_key *key, struct doc row)
{
    struct points_found *found = ctx;

    (void)row;
    *found = (struct points_found){true, key->a, key->b};
    return false;
}

enum err points_look(struct store *store, enum store_collection collection,
                     const struct store_key *first,
                     const struct store_key *past, struct points_found *found)
{
    const struct store_query query = {
        .collection = collection, .from = first, .to = past, .limit = 1};

    found->any = false;
    return store_scan(store, &query, take_key, found, NULL, NULL);
}

enum err points_find_runs(struct store *store, const struct points_place *place,
                          int64_t from, int64_t runs[POINTS_RUNS_MAX],
                          size_t *n_runs)
{
    struct store_key first = {
        .a = points_key_a(place->space, place->slot, from)};
    const struct store_key past = {
        .a = points_key_a(place->space, place->slot + 1, 0)};
    struct points_found found;
    enum err err;

    *n_runs = 0;
    do {
        err = points_look(store, STORE_CHUNKS, &first, &past, &found);
        if (err == ERR_OK && found.any) {
            runs[(*n_runs)++] = points_key_run(found.a);
            first.a = found.a + 1;
        }
    } while (err == ERR_OK && found.any && *n_runs < POINTS_RUNS_MAX);
    return err;
}
