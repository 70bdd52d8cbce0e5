/* SPDX-License-Identifier: Apache-2.0 */
/** Ids of the last requests: a ring of rows, as many as are kept. */
#include "common/engine/known.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

enum {
    ROW_NAME_MAX = 96
};

/* The engine's own rows, apart from those of the runtime. */
static const char *row_name(const struct engine_io *io, char name[ROW_NAME_MAX])
{
    int len = snprintf(name, ROW_NAME_MAX, "%s.actions", engine_row(io));

    BUG_IF(len < 0 || len >= ROW_NAME_MAX);
    return name;
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
    char name[ROW_NAME_MAX];
    const struct store_key from = {.text = row_name(io, name), .a = 0};
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
    char name[ROW_NAME_MAX];
    int64_t slot = known->n % KNOWN_MAX;
    const struct store_key key = {.text = row_name(io, name), .a = slot};
    struct doc_out *out = engine_scratch(io);

    known->n++;
    put(known, (size_t)slot, id);
    doc_out_reset(out);
    doc_add_str(out, "id", id);
    doc_add_i64(out, "n", known->n);
    store_batch_put(engine_batch(io), STORE_IDS, &key, doc_out_done(out));
}
