/* SPDX-License-Identifier: Apache-2.0 */
/** Ids of the last requests: a ring of rows, as many as are kept. */
#include "common/engine/known.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

/* The engine's own rows, apart from those of the runtime. */
const char *known_row(const char *row, char *out)
{
    int len = snprintf(out, KNOWN_ROW_MAX, "%s.actions", row);

    BUG_IF(len < 0 || len >= KNOWN_ROW_MAX);
    return out;
}

void known_put(struct store_batch *batch, struct doc_out *scratch,
               const char *row, int64_t n, const char *id)
{
    char name[KNOWN_ROW_MAX];
    const struct store_key key = {.text = known_row(row, name),
                                  .a = (n - 1) % KNOWN_MAX};

    doc_out_reset(scratch);
    doc_add_str(scratch, "id", id);
    doc_add_i64(scratch, "n", n);
    store_batch_put(batch, STORE_IDS, &key, doc_out_done(scratch));
}

void known_fini(struct known *known)
{
    for (size_t i = 0; known->slots != NULL && i < KNOWN_MAX; i++) {
        free(known->slots[i]);
    }
    free(known->slots);
    map_fini(&known->ids);
    *known = (struct known){0};
}

static void put(struct known *known, size_t slot, const char *id)
{
    char *old;

    if (known->slots == NULL) {
        known->slots = xcalloc(KNOWN_MAX, sizeof *known->slots);
    }
    old = known->slots[slot];
    if (old != NULL) {
        if (map_get(&known->ids, old, strlen(old)) == old) {
            (void)map_remove(&known->ids, old, strlen(old));
        }
        free(old);
    }
    known->slots[slot] = xstrdup(id);
    (void)map_put(&known->ids, known->slots[slot], strlen(id),
                  known->slots[slot]);
}

static bool load_row(void *ctx, const struct store_key *key, struct doc row)
{
    struct known *known = ctx;
    int64_t n = doc_i64(row, "n", 0);

    if (key->a >= 0 && key->a < KNOWN_MAX) {
        put(known, (size_t)key->a, doc_str(row, "id", ""));
        known->n = n > known->n ? n : known->n;
    }
    return true;
}

enum err known_load(struct known *known, struct engine_io *io)
{
    char name[KNOWN_ROW_MAX];
    const struct store_key from = {.text = known_row(engine_row(io), name),
                                   .a = 0};
    const struct store_key to = {.text = name, .a = KNOWN_MAX};
    const struct store_query query = {
        .collection = STORE_IDS, .from = &from, .to = &to, .limit = KNOWN_MAX};

    known_fini(known);
    return store_scan(engine_store(io), &query, load_row, known, NULL, NULL);
}

bool known_has(const struct known *known, const char *id)
{
    return map_get(&known->ids, id, strlen(id)) != NULL;
}

void known_add(struct known *known, struct engine_io *io, const char *id)
{
    size_t slot = (size_t)(known->n % KNOWN_MAX);

    known->n++;
    put(known, slot, id);
    known_put(engine_batch(io), engine_scratch(io), engine_row(io), known->n,
              id);
}
