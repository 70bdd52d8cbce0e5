/* SPDX-License-Identifier: Apache-2.0 */
/** Ids of the last actions: a ring of rows, as many as are kept. */
#include "engines/alarm/alarm_known.h"

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

void alarm_known_fini(struct alarm_known *known)
{
    for (size_t i = 0; known->slots != NULL && i < ALARM_KNOWN_MAX; i++) {
        free(known->slots[i]);
    }
    free(known->slots);
    map_fini(&known->ids);
    *known = (struct alarm_known){0};
}

static void put(struct alarm_known *known, size_t slot, const char *id)
{
    char *old;

    if (known->slots == NULL) {
        known->slots = xcalloc(ALARM_KNOWN_MAX, sizeof *known->slots);
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
    struct alarm_known *known = ctx;
    int64_t n = doc_i64(row, "n", 0);

    if (key->a >= 0 && key->a < ALARM_KNOWN_MAX) {
        put(known, (size_t)key->a, doc_str(row, "id", ""));
        known->n = n > known->n ? n : known->n;
    }
    return true;
}

enum err alarm_known_load(struct alarm_known *known, struct engine_io *io)
{
    char name[ROW_NAME_MAX];
    const struct store_key from = {.text = row_name(io, name), .a = 0};
    const struct store_key to = {.text = name, .a = ALARM_KNOWN_MAX};
    const struct store_query query = {.collection = STORE_IDS,
                                      .from = &from,
                                      .to = &to,
                                      .limit = ALARM_KNOWN_MAX};

    alarm_known_fini(known);
    return store_scan(engine_store(io), &query, load_row, known, NULL, NULL);
}

bool alarm_known_has(const struct alarm_known *known, const char *id)
{
    return map_get(&known->ids, id, strlen(id)) != NULL;
}

void alarm_known_add(struct alarm_known *known, struct engine_io *io,
                     const char *id)
{
    char name[ROW_NAME_MAX];
    int64_t slot = known->n % ALARM_KNOWN_MAX;
    const struct store_key key = {.text = row_name(io, name), .a = slot};
    struct doc_out *out = engine_scratch(io);

    known->n++;
    put(known, (size_t)slot, id);
    doc_out_reset(out);
    doc_add_str(out, "id", id);
    doc_add_i64(out, "n", known->n);
    store_batch_put(engine_batch(io), STORE_IDS, &key, doc_out_done(out));
}
