/* SPDX-License-Identifier: Apache-2.0 */
/** Objects in the store: by kind and name, with their versions. */
#include "common/store/objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

enum {
    KEY_MAX = 256,
    ROW_MAX = 512 * 1024,
    ASK_MAX = 50 /* how often after a commit with unknown result */
};

/* Keys are "<kind>/<name>"; no name holds a slash, and '0' follows '/'. */
static void make_key(char out[KEY_MAX], const char *kind, const char *name)
{
    (void)snprintf(out, KEY_MAX, "%.100s/%.140s", kind, name);
}

static enum err get_row(struct store *store, enum store_collection from,
                        const char *text, struct buf *out, struct doc *row)
{
    const struct store_key key = {.text = text};
    enum err err = store_get(store, from, &key, out);

    if (err == ERR_OK) {
        *row = (struct doc){(const uint8_t *)out->data, (uint32_t)out->len};
    }
    return err;
}

enum err objects_revision(struct store *store, const char *kind,
                          int64_t *revision)
{
    struct buf out;
    struct doc row = {NULL, 0};
    enum err err;

    buf_init(&out, ROW_MAX);
    err = get_row(store, STORE_OBJECT_KINDS, kind, &out, &row);
    if (err == ERR_OK || err == ERR_NOT_FOUND) {
        *revision = doc_i64(row, "revision", 0);
        err = ERR_OK;
    }
    buf_fini(&out);
    return err;
}

enum err objects_get(struct store *store, const char *kind, const char *name,
                     struct buf *out)
{
    char text[KEY_MAX];
    const struct store_key key = {.text = text};

    make_key(text, kind, name);
    return store_get(store, STORE_OBJECTS, &key, out);
}

/* Reading a kind as it was. */

struct rows {
    struct doc *list;
    size_t n, cap;
    int64_t revision;
    bool newer;         /* one is above the revision */
    char name[KEY_MAX]; /* of the version before */
};

static void rows_free(struct rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        free((void *)(uintptr_t)rows->list[i].data);
    }
    free(rows->list);
    *rows = (struct rows){.revision = rows->revision};
}

static void add_row(struct rows *rows, struct doc row)
{
    if (rows->n == rows->cap) {
        rows->cap = 2 * rows->cap + 64;
        rows->list =
            xrealloc_array(rows->list, rows->cap, sizeof rows->list[0]);
    }
    rows->list[rows->n++] = (struct doc){xmemdup(row.data, row.len), row.len};
}

static bool take_object(void *ctx, const struct store_key *key, struct doc row)
{
    struct rows *rows = ctx;

    (void)key;
    rows->newer = rows->newer || doc_i64(row, "revision", 0) > rows->revision;
    add_row(rows, row);
    return !rows->newer;
}

/* Versions come by name, oldest first: the last that is not above the
 * revision stands. Where the oldest that is kept is above it, that one does. */
static bool take_version(void *ctx, const struct store_key *key, struct doc row)
{
    struct rows *rows = ctx;
    const char *name = doc_str(row, "name", "");
    bool first = strcmp(rows->name, name) != 0;
    struct doc *last = rows->n > 0 ? &rows->list[rows->n - 1] : NULL;

    (void)snprintf(rows->name, sizeof rows->name, "%s", name);
    if (doc_i64(row, "revision", 0) > rows->revision &&
        (!first || key->a == 1)) {
        return true;
    }
    if (last != NULL && strcmp(doc_str(*last, "name", ""), name) == 0) {
        free((void *)(uintptr_t)last->data);
        rows->n--;
    }
    add_row(rows, row);
    return true;
}

static enum err scan_kind(struct store *store, enum store_collection from,
                          const char *kind, store_row_fn *take,
                          struct rows *rows)
{
    char first[KEY_MAX];
    char past[KEY_MAX];
    const struct store_key from_key = {.text = first};
    const struct store_key to_key = {.text = past};
    const struct store_query query = {.collection = from,
                                      .from = &from_key,
                                      .to = &to_key,
                                      .limit = INT64_MAX};

    (void)snprintf(first, sizeof first, "%.100s/", kind);
    (void)snprintf(past, sizeof past, "%.100s0", kind);
    rows_free(rows);
    return store_scan(store, &query, take, rows, NULL, NULL);
}

/* What lives now is what lived then, unless a change came in since. */
static enum err read_at(struct store *store, const char *kind,
                        struct rows *rows)
{
    int64_t now = 0;
    enum err err = scan_kind(store, STORE_OBJECTS, kind, take_object, rows);

    if (err == ERR_OK) {
        err = objects_revision(store, kind, &now);
    }
    if (err == ERR_OK && (rows->newer || now > rows->revision)) {
        err = scan_kind(store, STORE_OBJECT_VERSIONS, kind, take_version, rows);
    }
    return err;
}

enum err objects_each_at(struct store *store, const char *kind,
                         int64_t revision, objects_fn *each, void *ctx)
{
    struct rows rows = {.revision = revision};
    enum err err = read_at(store, kind, &rows);

    for (size_t i = 0; err == ERR_OK && i < rows.n; i++) {
        if (doc_sub(rows.list[i], "spec").len > 0) {
            each(ctx, rows.list[i]);
        }
    }
    rows_free(&rows);
    return err;
}

/* Changing one. */

struct last_version {
    int64_t version;
    bool deleted;
};

static bool take_last(void *ctx, const struct store_key *key, struct doc row)
{
    struct last_version *last = ctx;

    last->version = key->a;
    last->deleted = doc_sub(row, "spec").len == 0;
    return false;
}

static enum err find_last(struct store *store, const char *text,
                          struct last_version *last)
{
    const struct store_key first = {.text = text, .a = 0};
    const struct store_key past = {.text = text, .a = INT64_MAX};
    const struct store_query query = {.collection = STORE_OBJECT_VERSIONS,
                                      .from = &first,
                                      .to = &past,
                                      .descending = true,
                                      .limit = 1};

    *last = (struct last_version){.version = 0, .deleted = true};
    return store_scan(store, &query, take_last, last, NULL, NULL);
}

static bool count_one(void *ctx, const struct store_key *key, struct doc row)
{
    int64_t *n = ctx;

    (void)key;
    (void)row;
    (*n)++;
    return true;
}

static enum err check_room(struct store *store, const char *kind, int64_t most)
{
    char first[KEY_MAX];
    char past[KEY_MAX];
    const struct store_key from_key = {.text = first};
    const struct store_key to_key = {.text = past};
    const struct store_query query = {.collection = STORE_OBJECTS,
                                      .from = &from_key,
                                      .to = &to_key,
                                      .limit = most};
    int64_t n = 0;
    enum err err;

    (void)snprintf(first, sizeof first, "%.100s/", kind);
    (void)snprintf(past, sizeof past, "%.100s0", kind);
    err = store_scan(store, &query, count_one, &n, NULL, NULL);
    return err == ERR_OK && n >= most ? ERR_LIMIT : err;
}

/* Whether the change fits what is there; *version is what lives, 0: nothing. */
static enum err check_change(struct store *store,
                             const struct objects_change *change,
                             const struct last_version *last, int64_t *version)
{
    bool deletes = change->spec.len == 0;

    *version = last->deleted ? 0 : last->version;
    if (deletes && last->deleted) {
        return ERR_NOT_FOUND;
    }
    if (change->expected >= 0 && change->expected != *version) {
        return ERR_CONFLICT;
    }
    return last->deleted
               ? check_room(store, change->kind,
                            change->most > 0 ? change->most : OBJECTS_OF_A_KIND)
               : ERR_OK;
}

/* When what lives was made; left alone when nothing does. */
static enum err read_created(struct store *store, const char *text, int64_t *ms)
{
    struct buf out;
    struct doc row = {NULL, 0};
    enum err err;

    buf_init(&out, ROW_MAX);
    err = get_row(store, STORE_OBJECTS, text, &out, &row);
    if (err == ERR_OK) {
        *ms = doc_ms(row, "created_at", *ms);
    }
    buf_fini(&out);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static struct doc make_row(struct doc_out *out,
                           const struct objects_change *change, int64_t created,
                           int64_t version, int64_t revision)
{
    doc_out_reset(out);
    doc_add_str(out, "name", change->name);
    doc_add_str(out, "kind", change->kind);
    if (change->labels.len > 0) {
        doc_add_doc(out, "labels", change->labels);
    }
    if (change->spec.len > 0) {
        doc_add_doc(out, "spec", change->spec);
    }
    doc_add_i64(out, "version", version);
    doc_add_i64(out, "revision", revision);
    doc_add_ms(out, "created_at", created);
    doc_add_ms(out, "updated_at", change->now_ms);
    doc_add_str(out, "author", change->author);
    return doc_out_done(out);
}

static void fill_batch(struct store_batch *batch, struct doc_out *out,
                       const struct objects_change *change, struct doc row)
{
    char text[KEY_MAX];
    const struct store_key key = {.text = text};
    const struct store_key kind = {.text = change->kind};
    const int64_t version = doc_i64(row, "version", 0);
    const int64_t revision = doc_i64(row, "revision", 0);
    const struct store_key version_key = {.text = text, .a = version};

    make_key(text, change->kind, change->name);
    if (change->spec.len > 0) {
        store_batch_put(batch, STORE_OBJECTS, &key, row);
    } else {
        store_batch_delete(batch, STORE_OBJECTS, &key);
    }
    store_batch_append(batch, STORE_OBJECT_VERSIONS, &version_key, row);
    if (version > OBJECTS_KEPT) {
        const struct store_key first = {.text = text, .a = 0};
        const struct store_key past = {.text = text,
                                       .a = version - OBJECTS_KEPT + 1};

        store_batch_delete_range(batch, STORE_OBJECT_VERSIONS, &first, &past);
    }
    doc_out_reset(out);
    doc_add_i64(out, "revision", revision);
    store_batch_put(batch, STORE_OBJECT_KINDS, &kind, doc_out_done(out));
}

/* Until it is known whether the commit is in. */
static enum err commit(struct store *store, struct store_fence *fence,
                       const struct store_batch *batch, struct doc progress)
{
    enum err err = store_commit(store, fence, batch, progress);
    bool applied = false;

    if (err != ERR_UNKNOWN) {
        return err;
    }
    for (int i = 0; i < ASK_MAX; i++) {
        err = store_commit_known(store, fence, &applied);
        if (err != ERR_UNAVAILABLE) {
            break;
        }
    }
    return err == ERR_OK && !applied ? ERR_UNAVAILABLE : err;
}

enum err objects_commit(struct store *store, struct store_fence *fence,
                        const struct objects_change *change, int64_t *version,
                        int64_t *revision)
{
    struct last_version last;
    struct store_batch *batch;
    struct doc_out *row_out;
    struct doc_out *out;
    char text[KEY_MAX];
    int64_t created = change->now_ms;
    int64_t now = 0;
    enum err err;

    make_key(text, change->kind, change->name);
    err = find_last(store, text, &last);
    if (err == ERR_OK) {
        err = check_change(store, change, &last, version);
    }
    if (err == ERR_OK) {
        err = objects_revision(store, change->kind, &now);
    }
    if (err == ERR_OK) {
        err = read_created(store, text, &created);
    }
    if (err != ERR_OK) {
        return err;
    }
    batch = store_batch_new();
    row_out = doc_out_new();
    out = doc_out_new();
    fill_batch(batch, out, change,
               make_row(row_out, change, created, last.version + 1, now + 1));
    doc_out_reset(out);
    err = commit(store, fence, batch, doc_out_done(out));
    if (err == ERR_OK) {
        *version = last.version + 1;
        *revision = now + 1;
    }
    store_batch_free(batch);
    doc_out_free(row_out);
    doc_out_free(out);
    return err;
}
