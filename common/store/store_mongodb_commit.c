/* SPDX-License-Identifier: Apache-2.0 */
/** A commit on MongoDB: one transaction, the progress row first. */
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/store/store_mongodb.h"

enum {
    KNOW_MS = 10000, /* for which an unknown result is asked for again */
    PENDING_FIRST = 64,
    STORED_MAX = DOC_BYTES_MAX + 64 * 1024,
    DUPLICATE_KEY = 11000
};

struct pending {
    struct store_write write;
    bool replaced; /* by a later write to the key */
    bool again;    /* after an earlier one */
};

/* A run of a batch: what comes between two deletes of ranges may be sent in
 * any order once each key is written only once. */
struct run {
    struct store_mongodb *store;
    bool upserts;    /* appends too: one of them is there already */
    struct map last; /* by key: the write that counts */
    struct pending *pending;
    size_t n;
    size_t cap;
    mongoc_bulk_operation_t *bulks[STORE_N_COLLECTIONS];
    struct buf stored;
    bson_error_t error;
};

static void run_fini(struct run *run)
{
    map_fini(&run->last);
    free(run->pending);
    buf_fini(&run->stored);
}

static mongoc_bulk_operation_t *bulk_of(struct run *run,
                                        enum store_collection collection)
{
    bson_t opts = BSON_INITIALIZER;

    if (run->bulks[collection] == NULL) {
        BSON_APPEND_BOOL(&opts, "ordered", false);
        (void)mongoc_client_session_append(run->store->session, &opts, NULL);
        run->bulks[collection] =
            mongoc_collection_create_bulk_operation_with_opts(
                mongodb_collection(run->store, collection), &opts);
    }
    bson_destroy(&opts);
    return run->bulks[collection];
}

/* Within the transaction: a row that another writer commits meanwhile makes
 * the insert below a conflict, and the commit is tried again. */
static bool is_there(struct run *run, const struct store_write *write,
                     bool *there)
{
    bson_t opts = BSON_INITIALIZER;
    const bson_t *found;
    mongoc_cursor_t *cursor;
    bson_t key;

    (void)mongoc_client_session_append(run->store->session, &opts, NULL);
    BSON_APPEND_INT64(&opts, "limit", 1);
    mongodb_query_key(&key, write->collection, &write->key);
    cursor = mongoc_collection_find_with_opts(
        mongodb_collection(run->store, write->collection), &key, &opts, NULL);
    *there = mongoc_cursor_next(cursor, &found);
    bson_destroy(&key);
    bson_destroy(&opts);
    if (mongoc_cursor_error(cursor, &run->error)) {
        mongoc_cursor_destroy(cursor);
        return false;
    }
    mongoc_cursor_destroy(cursor);
    return true;
}

static bool is_insert(const struct run *run, const struct pending *pending)
{
    return pending->write.op == STORE_OP_ADD ||
           (pending->write.op == STORE_OP_APPEND && !pending->again &&
            !run->upserts);
}

/* What the server refuses is wrapped already: the client need not look. */
static bool add_row(struct run *run, const struct pending *pending)
{
    const struct store_write *write = &pending->write;
    mongoc_bulk_operation_t *bulk = bulk_of(run, write->collection);
    bson_t opts = BSON_INITIALIZER;
    bson_t row;
    bson_t key;
    bool ok;

    mongodb_row_store(write->collection, &write->key, write->row, &run->stored);
    BUG_IF(!bson_init_static(&row, (const uint8_t *)run->stored.data,
                             run->stored.len));
    BSON_APPEND_BOOL(&opts, "validate", false);
    if (is_insert(run, pending)) {
        ok = mongoc_bulk_operation_insert_with_opts(bulk, &row, &opts,
                                                    &run->error);
    } else {
        BSON_APPEND_BOOL(&opts, "upsert", true);
        mongodb_query_key(&key, write->collection, &write->key);
        ok = mongoc_bulk_operation_replace_one_with_opts(bulk, &key, &row,
                                                         &opts, &run->error);
        bson_destroy(&key);
    }
    bson_destroy(&opts);
    return ok;
}

static bool add_unless_there(struct run *run, const struct pending *pending)
{
    bool there = false;

    return is_there(run, &pending->write, &there) &&
           (there || add_row(run, pending));
}

static bool add_delete(struct run *run, const struct store_write *write)
{
    bson_t key;
    bool ok;

    mongodb_query_key(&key, write->collection, &write->key);
    ok = mongoc_bulk_operation_remove_one_with_opts(
        bulk_of(run, write->collection), &key, NULL, &run->error);
    bson_destroy(&key);
    return ok;
}

/* Send the bulks while all is well, and let go of them. */
static bool execute_bulks(struct run *run, bool ok)
{
    for (size_t i = 0; i < STORE_N_COLLECTIONS; i++) {
        bson_t reply;

        if (run->bulks[i] != NULL && ok) {
            ok = mongoc_bulk_operation_execute(run->bulks[i], &reply,
                                               &run->error) != 0;
            bson_destroy(&reply);
        }
        mongoc_bulk_operation_destroy(run->bulks[i]);
        run->bulks[i] = NULL;
    }
    return ok;
}

static bool add_write(struct run *run, const struct pending *pending)
{
    switch (pending->write.op) {
    case STORE_OP_DELETE:
        return add_delete(run, &pending->write);
    case STORE_OP_ADD:
        return add_unless_there(run, pending);
    case STORE_OP_PUT:
    case STORE_OP_APPEND:
    case STORE_OP_DELETE_RANGE: /* never pending */
    default:
        return add_row(run, pending);
    }
}

/* Send what is pending. */
static bool flush(struct run *run)
{
    bool ok = true;

    for (size_t i = 0; ok && i < run->n; i++) {
        const struct pending *pending = &run->pending[i];

        if (pending->replaced) {
            continue;
        }
        ok = add_write(run, pending);
    }
    run->n = 0;
    map_fini(&run->last);
    map_init(&run->last);
    return execute_bulks(run, ok);
}

/* Behind another write to its key, an addition is nothing, or, behind a
 * delete, a put. */
static bool settle_add(struct run *run, const struct store_write *write,
                       struct store_write *as)
{
    uintptr_t before = (uintptr_t)map_get(&run->last, write->id, write->id_len);

    *as = *write;
    if (write->op != STORE_OP_ADD || before == 0) {
        return true;
    }
    as->op = STORE_OP_PUT;
    return run->pending[before - 1].write.op == STORE_OP_DELETE;
}

static void add_pending(struct run *run, const struct store_write *write)
{
    struct pending *pending;
    size_t *before;

    if (run->n == run->cap) {
        run->cap = run->cap > 0 ? run->cap * 2 : PENDING_FIRST;
        run->pending =
            xrealloc_array(run->pending, run->cap, sizeof *run->pending);
    }
    pending = &run->pending[run->n];
    *pending = (struct pending){.write = *write};
    /* The array may move: its numbers, from 1, are the map's values. */
    before = map_put(&run->last, write->id, write->id_len,
                     (void *)(uintptr_t)(run->n + 1));
    if (before != NULL) {
        run->pending[(uintptr_t)before - 1].replaced = true;
        pending->again = true;
    }
    run->n++;
}

static bool delete_range(struct run *run, const struct store_write *write)
{
    bson_t opts = BSON_INITIALIZER;
    bson_t range;
    bool ok = flush(run);

    if (ok) {
        (void)mongoc_client_session_append(run->store->session, &opts, NULL);
        mongodb_query_range(&range, write->collection, &write->key,
                            &write->past);
        ok = mongoc_collection_delete_many(
            mongodb_collection(run->store, write->collection), &range, &opts,
            NULL, &run->error);
        bson_destroy(&range);
    }
    bson_destroy(&opts);
    return ok;
}

static bool apply(struct run *run, const struct store_batch *batch)
{
    struct store_write write;
    size_t at = 0;

    while (store_batch_next(batch, &at, &write)) {
        struct store_write as;

        BUG_IF(!store_may_write(run->store->writer, write.collection));
        if (write.op != STORE_OP_DELETE_RANGE) {
            if (settle_add(run, &write, &as)) {
                add_pending(run, &as);
            }
        } else if (!delete_range(run, &write)) {
            return false;
        }
    }
    return flush(run);
}

/* Count the batch, on condition of epoch and batch: *matched tells. */
static bool advance(struct store_mongodb *store,
                    const struct store_fence *fence, struct doc progress,
                    bool *matched, bson_error_t *error)
{
    bson_t opts = BSON_INITIALIZER;
    bson_t which = BSON_INITIALIZER;
    bson_t change = BSON_INITIALIZER;
    bson_t inner;
    bson_t reply;
    bson_iter_t at;
    bool ok;

    BSON_APPEND_UTF8(&which, "_id", fence->row);
    BSON_APPEND_INT64(&which, "epoch", fence->epoch);
    BSON_APPEND_INT64(&which, "batch", fence->batch);
    BSON_APPEND_DOCUMENT_BEGIN(&change, "$set", &inner);
    BSON_APPEND_INT64(&inner, "batch", fence->batch + 1);
    BSON_APPEND_BINARY(&inner, "payload", BSON_SUBTYPE_BINARY,
                       progress.len > 0 ? progress.data : (const uint8_t *)"",
                       progress.len);
    (void)bson_append_document_end(&change, &inner);
    (void)mongoc_client_session_append(store->session, &opts, NULL);
    ok = mongoc_collection_update_one(store->progress, &which, &change, &opts,
                                      &reply, error);
    *matched = ok && bson_iter_init_find(&at, &reply, "matchedCount") &&
               bson_iter_as_int64(&at) == 1;
    bson_destroy(&reply);
    bson_destroy(&opts);
    bson_destroy(&change);
    bson_destroy(&which);
    return ok;
}

static void abort_transaction(struct store_mongodb *store)
{
    (void)mongoc_client_session_abort_transaction(store->session, NULL);
    mongodb_session_drop(store);
}

static bool begin(struct store_mongodb *store, const struct store_fence *fence,
                  bson_error_t *error)
{
    bool is_new = store->session == NULL;

    if (!mongodb_session_start(store, error)) {
        return false;
    }
    if (is_new && !mongodb_session_record(store, fence, error)) {
        mongodb_session_drop(store);
        return false;
    }
    if (!mongoc_client_session_start_transaction(store->session,
                                                 store->transaction, error)) {
        mongodb_session_drop(store);
        return false;
    }
    return true;
}

/* Ask until it is known, for a while; the server knows a commit repeated. */
static enum err finish(struct store_mongodb *store)
{
    int64_t until = clock_mono_ms() + KNOW_MS;
    bson_error_t error;
    bson_t reply;
    bool unknown;
    bool transient;

    do {
        if (mongoc_client_session_commit_transaction(store->session, &reply,
                                                     &error)) {
            bson_destroy(&reply);
            mongodb_session_forget_lost(store);
            mongodb_worked(store);
            return ERR_OK;
        }
        unknown =
            mongoc_error_has_label(&reply, "UnknownTransactionCommitResult");
        transient = mongoc_error_has_label(&reply, "TransientTransactionError");
        bson_destroy(&reply);
    } while (unknown && clock_mono_ms() < until);
    mongodb_session_drop(store);
    (void)mongodb_failed(store, &error);
    return transient && !unknown ? ERR_UNAVAILABLE : ERR_UNKNOWN;
}

/* ERR_CONFLICT: an append found its key. */
static enum err try_commit(struct store_mongodb *store,
                           const struct store_fence *fence,
                           const struct store_batch *batch, struct doc progress,
                           bool upserts)
{
    struct run run = {.store = store, .upserts = upserts};
    bool matched = false;
    bool ok;

    if (!begin(store, fence, &run.error)) {
        return mongodb_failed(store, &run.error);
    }
    ok = advance(store, fence, progress, &matched, &run.error);
    if (ok && !matched) {
        abort_transaction(store);
        return ERR_FENCED;
    }
    buf_init(&run.stored, STORED_MAX);
    ok = ok && apply(&run, batch);
    run_fini(&run);
    if (ok) {
        return finish(store);
    }
    abort_transaction(store);
    return run.error.code == DUPLICATE_KEY && !upserts
               ? ERR_CONFLICT
               : mongodb_failed(store, &run.error);
}

enum err mongodb_commit(struct store *base, const struct store_fence *fence,
                        const struct store_batch *batch, struct doc progress)
{
    struct store_mongodb *store = (struct store_mongodb *)base;
    enum err err;

    BUG_IF(store->writer == NULL);
    err = try_commit(store, fence, batch, progress, false);
    if (err == ERR_CONFLICT) {
        err = try_commit(store, fence, batch, progress, true);
    }
    return err;
}
