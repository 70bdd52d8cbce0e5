/* SPDX-License-Identifier: Apache-2.0 */
/** A MongoDB store as a whole: read as of one moment, and filled anew. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/store/store_mongodb.h"

enum {
    BULK_ROWS = 1000,
    BULK_BYTES = 8 * 1024 * 1024,
    STORED_MAX = DOC_BYTES_MAX + 64 * 1024,
    NAME_BYTES_MAX = 128,
    WATCH_S = 3, /* an engine at work commits each second */
    SNAPSHOT_TOO_OLD = 239,
    SNAPSHOT_UNAVAILABLE = 246
};

#define PROGRESS "progress"
#define WORK     "restoring." /* in front of a collection's name */

static enum err failed(const struct store_mongodb *store, const char *message,
                       struct errbuf *why)
{
    errbuf_set_field(why, "storage", "MongoDB, database %s: %s",
                     store->database, message);
    return ERR_UNAVAILABLE;
}

static mongoc_collection_t *named(const struct store_mongodb *store,
                                  const char *name)
{
    return mongoc_client_get_collection(store->client, store->database, name);
}

/* Borrows from the document. */
static bool read_progress(const bson_t *found,
                          struct store_copy_progress *progress)
{
    struct doc doc = {bson_get_data(found), found->len};
    struct doc_value payload;

    if (!doc_check(doc)) {
        return false;
    }
    *progress = (struct store_copy_progress){.row = doc_str(doc, "_id", ""),
                                             .epoch = doc_i64(doc, "epoch", 0),
                                             .batch = doc_i64(doc, "batch", 0)};
    if (doc_get(doc, "payload", &payload) && payload.type == DOC_BYTES) {
        progress->payload =
            (struct doc){(const uint8_t *)payload.u.s.text, payload.u.s.len};
    }
    return true;
}

/* Of a progress row only what tells it apart from other states: a document
 * that may be read (the session's id is of a type that ours are not). */
static bson_t *progress_opts(void)
{
    return BCON_NEW("projection", "{", "epoch", BCON_INT32(1), "batch",
                    BCON_INT32(1), "payload", BCON_INT32(1), "}", "sort", "{",
                    "_id", BCON_INT32(1), "}");
}

static enum err each_progress(struct store_mongodb *store,
                              mongoc_cursor_t *cursor,
                              store_copy_progress_fn *each, void *ctx,
                              struct errbuf *why)
{
    struct store_copy_progress progress;
    const bson_t *found;
    bson_error_t error;

    while (mongoc_cursor_next(cursor, &found)) {
        if (!read_progress(found, &progress)) {
            return failed(store, "a progress row that is none", why);
        }
        if (!each(ctx, &progress)) {
            break;
        }
    }
    return mongoc_cursor_error(cursor, &error)
               ? failed(store, error.message, why)
               : ERR_OK;
}

/* --- reading ----------------------------------------------------------------
 */

struct mongodb_snapshot {
    struct store_snapshot base;
    struct store_mongodb *store;
    mongoc_client_session_t *session; /* its reads are of one moment */
};

static void snapshot_close(struct store_snapshot *base)
{
    struct mongodb_snapshot *snapshot = (struct mongodb_snapshot *)base;

    if (snapshot->session != NULL) {
        mongoc_client_session_destroy(snapshot->session);
    }
    mongodb_free(snapshot->store);
    free(snapshot);
}

/* opts are taken. A handle of its own: a concern of the collection's would
 * stand against the session's. */
static mongoc_cursor_t *snapshot_find(struct mongodb_snapshot *snapshot,
                                      const char *name, bson_t *opts,
                                      mongoc_collection_t **collection)
{
    bson_t all = BSON_INITIALIZER;
    mongoc_cursor_t *cursor;

    *collection = named(snapshot->store, name);
    (void)mongoc_client_session_append(snapshot->session, opts, NULL);
    cursor = mongoc_collection_find_with_opts(*collection, &all, opts, NULL);
    bson_destroy(opts);
    bson_destroy(&all);
    return cursor;
}

static enum err explain(const struct mongodb_snapshot *snapshot,
                        mongoc_cursor_t *cursor, struct errbuf *why)
{
    const struct store_mongodb *store = snapshot->store;
    bson_error_t error;

    if (!mongoc_cursor_error(cursor, &error)) {
        return failed(store, store->reason, why);
    }
    if (error.code == SNAPSHOT_TOO_OLD) {
        return failed(store,
                      "it takes longer to read than MongoDB keeps what was: "
                      "raise minSnapshotHistoryWindowInSeconds",
                      why);
    }
    if (error.code == SNAPSHOT_UNAVAILABLE) {
        return failed(
            store, "collections were made or changed just now: try again", why);
    }
    return failed(store, error.message, why);
}

static enum err snapshot_scan(struct store_snapshot *base,
                              enum store_collection collection,
                              store_row_fn *each, void *ctx, struct errbuf *why)
{
    struct mongodb_snapshot *snapshot = (struct mongodb_snapshot *)base;
    bson_t *opts = BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}");
    mongoc_collection_t *from;
    mongoc_cursor_t *cursor =
        snapshot_find(snapshot, store_schema(collection)->name, opts, &from);
    enum err err =
        mongodb_read_rows(snapshot->store, collection, cursor, each, ctx);

    if (err != ERR_OK) {
        err = explain(snapshot, cursor, why);
    }
    mongoc_cursor_destroy(cursor);
    mongoc_collection_destroy(from);
    return err;
}

static enum err snapshot_progress(struct store_snapshot *base,
                                  store_copy_progress_fn *each, void *ctx,
                                  struct errbuf *why)
{
    struct mongodb_snapshot *snapshot = (struct mongodb_snapshot *)base;
    mongoc_collection_t *from;
    mongoc_cursor_t *cursor =
        snapshot_find(snapshot, PROGRESS, progress_opts(), &from);
    enum err err = each_progress(snapshot->store, cursor, each, ctx, why);

    mongoc_cursor_destroy(cursor);
    mongoc_collection_destroy(from);
    return err;
}

static const struct store_snapshot_ops snapshot_ops = {
    snapshot_close, snapshot_scan, snapshot_progress};

static enum err begin_session(struct mongodb_snapshot *snapshot,
                              struct errbuf *why)
{
    mongoc_session_opt_t *opts = mongoc_session_opts_new();
    bson_error_t error;

    mongoc_session_opts_set_causal_consistency(opts, false);
    mongoc_session_opts_set_snapshot(opts, true);
    snapshot->session =
        mongoc_client_start_session(snapshot->store->client, opts, &error);
    mongoc_session_opts_destroy(opts);
    return snapshot->session != NULL
               ? ERR_OK
               : failed(snapshot->store, error.message, why);
}

static bool note_progress(void *ctx, const struct store_copy_progress *progress)
{
    (void)progress;
    *(bool *)ctx = true;
    return false;
}

enum err mongodb_snapshot_open(const char *uri, struct store_snapshot **out,
                               struct errbuf *why)
{
    struct mongodb_snapshot *snapshot = xcalloc(1, sizeof *snapshot);
    bool any = false;
    enum err err;

    snapshot->base.ops = &snapshot_ops;
    err = mongodb_connect(uri, NULL, &snapshot->store, why);
    if (err != ERR_OK) {
        free(snapshot);
        return err;
    }
    err = mongodb_check_versions(snapshot->store, why);
    if (err == ERR_OK) {
        err = begin_session(snapshot, why);
    }
    /* The first read sets the moment. */
    if (err == ERR_OK) {
        err = snapshot_progress(&snapshot->base, note_progress, &any, why);
    }
    if (err == ERR_OK && !any) {
        errbuf_set_field(why, "storage", "database %s holds no store",
                         snapshot->store->database);
        err = ERR_NOT_FOUND;
    }
    if (err != ERR_OK) {
        snapshot_close(&snapshot->base);
        return err;
    }
    *out = &snapshot->base;
    return ERR_OK;
}

/* --- filling ----------------------------------------------------------------
 */

struct mongodb_filling {
    struct store_filling base;
    struct store_mongodb *store;
    enum store_filling_mode mode;
    char name[MONGODB_LOCK_NAME_MAX + 1];
    bool locked;                   /* nobody else fills it */
    uint64_t seen;                 /* of the progress rows when it began */
    mongoc_collection_t *into;     /* of the bulk */
    mongoc_bulk_operation_t *bulk; /* NULL: nothing waits */
    enum store_collection collection;
    size_t rows;
    size_t bytes;
    struct buf stored;
};

static void work_name(const char *name, struct buf *out)
{
    buf_clear(out);
    buf_addf(out, WORK "%s", name);
}

static bool drop(struct store_mongodb *store, const char *name)
{
    mongoc_collection_t *collection = named(store, name);
    bool ok = mongoc_collection_drop(collection, NULL);

    mongoc_collection_destroy(collection);
    return ok; /* false also where there is none */
}

static void drop_work(struct mongodb_filling *filling)
{
    struct buf name;

    buf_init(&name, NAME_BYTES_MAX);
    for (size_t i = 0; i < STORE_N_COLLECTIONS; i++) {
        work_name(store_schema((enum store_collection)i)->name, &name);
        (void)drop(filling->store, buf_str(&name));
    }
    (void)drop(filling->store, WORK PROGRESS);
    buf_fini(&name);
}

static void bulk_drop(struct mongodb_filling *filling)
{
    mongoc_bulk_operation_destroy(filling->bulk);
    mongoc_collection_destroy(filling->into);
    filling->bulk = NULL;
    filling->into = NULL;
    filling->rows = 0;
    filling->bytes = 0;
}

static enum err flush(struct mongodb_filling *filling, struct errbuf *why)
{
    bson_error_t error;
    bson_t reply;
    bool ok;

    if (filling->bulk == NULL) {
        return ERR_OK;
    }
    ok = mongoc_bulk_operation_execute(filling->bulk, &reply, &error) != 0;
    bson_destroy(&reply);
    bulk_drop(filling);
    return ok ? ERR_OK : failed(filling->store, error.message, why);
}

static void filling_close(struct store_filling *base)
{
    struct mongodb_filling *filling = (struct mongodb_filling *)base;

    bulk_drop(filling);
    if (filling->locked) {
        drop_work(filling);
        mongodb_lock_drop(filling->store, filling->name);
    }
    buf_fini(&filling->stored);
    mongodb_free(filling->store);
    free(filling);
}

/* The bulk for this collection, begun when there is none. */
static enum err bulk_for(struct mongodb_filling *filling,
                         enum store_collection collection, struct errbuf *why)
{
    bson_t opts = BSON_INITIALIZER;
    struct buf name;
    enum err err = ERR_OK;

    if (filling->bulk != NULL && filling->collection != collection) {
        err = flush(filling, why);
    }
    if (err == ERR_OK && filling->bulk == NULL) {
        buf_init(&name, NAME_BYTES_MAX);
        work_name(store_schema(collection)->name, &name);
        BSON_APPEND_BOOL(&opts, "ordered", false);
        filling->collection = collection;
        filling->into = named(filling->store, buf_str(&name));
        filling->bulk = mongoc_collection_create_bulk_operation_with_opts(
            filling->into, &opts);
        buf_fini(&name);
    }
    bson_destroy(&opts);
    return err;
}

static enum err filling_put(struct store_filling *base,
                            enum store_collection collection,
                            const struct store_key *key, struct doc row,
                            struct errbuf *why)
{
    struct mongodb_filling *filling = (struct mongodb_filling *)base;
    bson_t opts = BSON_INITIALIZER;
    bson_error_t error;
    bson_t stored;
    bool ok;
    enum err err = bulk_for(filling, collection, why);

    if (err != ERR_OK) {
        return err;
    }
    mongodb_row_store(collection, key, row, &filling->stored);
    BUG_IF(!bson_init_static(&stored, (const uint8_t *)filling->stored.data,
                             filling->stored.len));
    BSON_APPEND_BOOL(&opts, "validate", false);
    ok = mongoc_bulk_operation_insert_with_opts(filling->bulk, &stored, &opts,
                                                &error);
    bson_destroy(&opts);
    if (!ok) {
        return failed(filling->store, error.message, why);
    }
    filling->rows++;
    filling->bytes += filling->stored.len;
    return filling->rows >= BULK_ROWS || filling->bytes >= BULK_BYTES
               ? flush(filling, why)
               : ERR_OK;
}

static enum err filling_put_progress(struct store_filling *base,
                                     const struct store_copy_progress *progress,
                                     struct errbuf *why)
{
    struct mongodb_filling *filling = (struct mongodb_filling *)base;
    mongoc_collection_t *into = named(filling->store, WORK PROGRESS);
    bson_t row = BSON_INITIALIZER;
    bson_error_t error;
    bool ok;

    BSON_APPEND_UTF8(&row, "_id", progress->row);
    BSON_APPEND_INT64(&row, "epoch", progress->epoch);
    BSON_APPEND_INT64(&row, "batch", progress->batch);
    BSON_APPEND_BINARY(&row, "payload", BSON_SUBTYPE_BINARY,
                       progress->payload.len > 0 ? progress->payload.data
                                                 : (const uint8_t *)"",
                       progress->payload.len);
    ok = mongoc_collection_insert_one(into, &row, NULL, NULL, &error);
    bson_destroy(&row);
    mongoc_collection_destroy(into);
    return ok ? ERR_OK : failed(filling->store, error.message, why);
}

struct digest {
    uint64_t hash;
    size_t n;
};

static bool add_digest(void *ctx, const struct store_copy_progress *progress)
{
    struct digest *digest = ctx;
    const uint64_t parts[] = {
        digest->hash, hash_fixed(progress->row, strlen(progress->row)),
        (uint64_t)progress->epoch, (uint64_t)progress->batch};

    digest->hash = hash_fixed(parts, sizeof parts);
    digest->n++;
    return true;
}

/* What all progress rows say: each commit changes it. */
static enum err look(struct mongodb_filling *filling, struct digest *digest,
                     struct errbuf *why)
{
    mongoc_collection_t *from = named(filling->store, PROGRESS);
    bson_t all = BSON_INITIALIZER;
    bson_t *opts = progress_opts();
    mongoc_cursor_t *cursor =
        mongoc_collection_find_with_opts(from, &all, opts, NULL);
    enum err err;

    *digest = (struct digest){.hash = 0};
    err = each_progress(filling->store, cursor, add_digest, digest, why);
    mongoc_cursor_destroy(cursor);
    bson_destroy(opts);
    bson_destroy(&all);
    mongoc_collection_destroy(from);
    return err;
}

static enum err holds_already(const struct mongodb_filling *filling,
                              struct errbuf *why)
{
    errbuf_set_field(why, "storage", "database %s holds a store already",
                     filling->store->database);
    return ERR_CONFLICT;
}

static enum err check_empty(struct mongodb_filling *filling,
                            const struct digest *digest, struct errbuf *why)
{
    struct store *store = &filling->store->store;

    if (digest->n > 0) {
        return holds_already(filling, why);
    }
    for (size_t i = 0; i < STORE_N_COLLECTIONS; i++) {
        int64_t n = 0;

        if (store_count(store, (enum store_collection)i, NULL, 1, &n) !=
            ERR_OK) {
            return failed(filling->store, filling->store->reason, why);
        }
        if (n > 0) {
            return holds_already(filling, why);
        }
    }
    return ERR_OK;
}

static enum err check_still(struct mongodb_filling *filling, struct errbuf *why)
{
    struct digest now;
    enum err err = look(filling, &now, why);

    if (err == ERR_OK && now.hash != filling->seen) {
        errbuf_set_field(why, "storage",
                         "database %s is in use: stop the suite first",
                         filling->store->database);
        err = ERR_CONFLICT;
    }
    return err;
}

/* Whoever works in it commits within a moment. */
static enum err check_unused(struct mongodb_filling *filling,
                             struct errbuf *why)
{
    const struct timespec moment = {.tv_sec = WATCH_S};
    struct digest digest;
    enum err err = look(filling, &digest, why);

    if (err != ERR_OK) {
        return err;
    }
    filling->seen = digest.hash;
    if (filling->mode == STORE_FILL_EMPTY) {
        return check_empty(filling, &digest, why);
    }
    if (digest.n > 0) {
        (void)nanosleep(&moment, NULL);
    }
    return check_still(filling, why);
}

/* Put the mark that keeps every program away, or take it off. */
static enum err mark(struct mongodb_filling *filling, bool on,
                     struct errbuf *why)
{
    mongoc_collection_t *meta = named(filling->store, "meta");
    bson_t *which = BCON_NEW("_id", MONGODB_RESTORE_MARK);
    bson_t *change = BCON_NEW("$set", "{", "schema", BCON_INT32(0), "}");
    bson_t opts;
    bson_error_t error;
    bool ok;

    mongodb_durable_opts(filling->store, &opts);
    if (on) {
        BSON_APPEND_BOOL(&opts, "upsert", true);
        ok = mongoc_collection_update_one(meta, which, change, &opts, NULL,
                                          &error);
    } else {
        ok = mongoc_collection_delete_one(meta, which, &opts, NULL, &error);
    }
    bson_destroy(&opts);
    bson_destroy(change);
    bson_destroy(which);
    mongoc_collection_destroy(meta);
    return ok ? ERR_OK : failed(filling->store, error.message, why);
}

/* The waiting collection takes the place of the other. */
static enum err exchange(struct mongodb_filling *filling, const char *name,
                         struct errbuf *why)
{
    const char *database = filling->store->database;
    char *from = xasprintf("%s." WORK "%s", database, name);
    char *to = xasprintf("%s.%s", database, name);
    bson_t *command =
        BCON_NEW("renameCollection", BCON_UTF8(from), "to", BCON_UTF8(to),
                 "dropTarget", BCON_BOOL(true), "writeConcern", "{", "w",
                 "majority", "j", BCON_BOOL(true), "}");
    bson_error_t error;
    bool ok = mongoc_client_command_simple(filling->store->client, "admin",
                                           command, NULL, NULL, &error);

    bson_destroy(command);
    free(to);
    free(from);
    return ok ? ERR_OK : failed(filling->store, error.message, why);
}

/* The progress last: until then an engine that runs after all is fenced by
 * what it finds there, afterwards by what was put. */
static enum err exchange_all(struct mongodb_filling *filling,
                             struct errbuf *why)
{
    enum err err = ERR_OK;

    for (size_t i = 0; err == ERR_OK && i < STORE_N_COLLECTIONS; i++) {
        err = exchange(filling, store_schema((enum store_collection)i)->name,
                       why);
    }
    return err == ERR_OK ? exchange(filling, PROGRESS, why) : err;
}

/* What is in it now is of this program's schema, whatever was there: writers
 * mark it anew when they start. */
static enum err forget_versions(struct mongodb_filling *filling,
                                struct errbuf *why)
{
    mongoc_collection_t *meta = named(filling->store, "meta");
    bson_t *which = BCON_NEW("_id", "{", "$ne", MONGODB_RESTORE_MARK, "}");
    bson_t opts;
    bson_error_t error;
    bool ok;

    mongodb_durable_opts(filling->store, &opts);
    ok = mongoc_collection_delete_many(meta, which, &opts, NULL, &error);
    bson_destroy(&opts);
    bson_destroy(which);
    mongoc_collection_destroy(meta);
    return ok ? ERR_OK : failed(filling->store, error.message, why);
}

/* What another one fills now is not ours to drop. */
static enum err check_lock(struct mongodb_filling *filling, struct errbuf *why)
{
    enum err err = mongodb_lock_check(filling->store, filling->name, why);

    filling->locked = err != ERR_CONFLICT;
    return err;
}

static enum err filling_finish(struct store_filling *base, struct errbuf *why)
{
    struct mongodb_filling *filling = (struct mongodb_filling *)base;
    enum err err = flush(filling, why);

    if (err == ERR_OK) {
        err = check_lock(filling, why);
    }
    if (err == ERR_OK) {
        err = check_still(filling, why);
    }
    if (err == ERR_OK) {
        err = mark(filling, true, why);
    }
    if (err == ERR_OK) {
        err = exchange_all(filling, why);
    }
    if (err == ERR_OK) {
        err = forget_versions(filling, why);
    }
    return err == ERR_OK ? mark(filling, false, why) : err;
}

static const struct store_filling_ops filling_ops = {
    filling_close, filling_put, filling_put_progress, filling_finish};

/* Also those that stay empty: each takes the place of an older one. */
static enum err create_work(struct mongodb_filling *filling, struct errbuf *why)
{
    bson_error_t error;
    struct buf name;
    bool ok = true;

    drop_work(filling);
    buf_init(&name, NAME_BYTES_MAX);
    for (size_t i = 0; ok && i < STORE_N_COLLECTIONS; i++) {
        enum store_collection collection = (enum store_collection)i;

        work_name(store_schema(collection)->name, &name);
        ok = mongodb_create(filling->store, buf_str(&name), collection, &error);
    }
    /* One without any index. */
    ok = ok &&
         mongodb_create(filling->store, WORK PROGRESS, STORE_OUTBOX, &error);
    buf_fini(&name);
    return ok ? ERR_OK : failed(filling->store, error.message, why);
}

static enum err check_mark(struct mongodb_filling *filling, struct errbuf *why)
{
    return filling->mode == STORE_FILL_REPLACE
               ? ERR_OK
               : mongodb_check_versions(filling->store, why);
}

static enum err take_lock(struct mongodb_filling *filling, struct errbuf *why)
{
    enum err err = mongodb_lock_take(filling->store, filling->name, why);

    filling->locked = err == ERR_OK;
    return err;
}

enum err mongodb_filling_open(const char *uri, enum store_filling_mode mode,
                              struct store_filling **out, struct errbuf *why)
{
    struct mongodb_filling *filling = xcalloc(1, sizeof *filling);
    enum err err;

    filling->base.ops = &filling_ops;
    filling->mode = mode;
    mongodb_lock_name(filling->name);
    err = mongodb_connect_as(uri, filling->name, &filling->store, why);
    if (err != ERR_OK) {
        free(filling);
        return err;
    }
    buf_init(&filling->stored, STORED_MAX);
    err = check_mark(filling, why);
    if (err == ERR_OK) {
        err = take_lock(filling, why);
    }
    if (err == ERR_OK) {
        err = check_unused(filling, why);
    }
    if (err == ERR_OK) {
        err = create_work(filling, why);
    }
    if (err != ERR_OK) {
        filling_close(&filling->base);
        return err;
    }
    *out = &filling->base;
    return ERR_OK;
}
