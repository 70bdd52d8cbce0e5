/* SPDX-License-Identifier: Apache-2.0 */
/** The MongoDB backend: one client; collections named as in the schema. */
#include "common/store/store_mongodb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

enum {
    CONNECT_MS = 3000,
    SELECT_MS = 3000,  /* to find the primary */
    SOCKET_MS = 20000, /* for one answer */
    COMMIT_MS = 5000,
    PROGRESS_MS = 5000, /* that a lock of a lost commit is waited for */
    BATCH_MOST = 1000,  /* rows asked for at once */
    GATHER_MS = 30,     /* a transaction costs the server 1 to 2 ms */
    STORED_MAX = DOC_BYTES_MAX + 64 * 1024,
    NAMESPACE_EXISTS = 48
};

enum err mongodb_failed(struct store_mongodb *store, const bson_error_t *error)
{
    (void)snprintf(store->reason, sizeof store->reason, "%s", error->message);
    log_complain(&store->away, "STORE-AWAY", "MongoDB, database %s: %s",
                 store->database, error->message);
    return ERR_UNAVAILABLE;
}

void mongodb_worked(struct store_mongodb *store)
{
    log_settled(&store->away, "STORE-AWAY", "MongoDB, database %s: works",
                store->database);
}

mongoc_collection_t *mongodb_collection(struct store_mongodb *store,
                                        enum store_collection collection)
{
    if (store->collections[collection] == NULL) {
        store->collections[collection] = mongoc_client_get_collection(
            store->client, store->database, store_schema(collection)->name);
        mongoc_collection_set_read_concern(store->collections[collection],
                                           store->majority);
    }
    return store->collections[collection];
}

void mongodb_durable_opts(const struct store_mongodb *store, bson_t *opts)
{
    bson_init(opts);
    (void)mongoc_write_concern_append(store->durable, opts);
}

void mongodb_free(struct store_mongodb *store)
{
    for (size_t i = 0; i < STORE_N_COLLECTIONS; i++) {
        mongoc_collection_destroy(store->collections[i]);
    }
    mongoc_collection_destroy(store->progress);
    if (store->session != NULL) {
        mongoc_client_session_destroy(store->session);
    }
    bson_destroy(store->lost);
    mongoc_transaction_opts_destroy(store->transaction);
    mongoc_write_concern_destroy(store->durable);
    mongoc_read_concern_destroy(store->majority);
    mongoc_client_destroy(store->client);
    free(store->database);
    free(store->writer);
    free(store);
}

static void mongodb_close(struct store *base)
{
    mongodb_free((struct store_mongodb *)base);
}

static enum err mongodb_ping(struct store *base, struct errbuf *why)
{
    struct store_mongodb *store = (struct store_mongodb *)base;
    bson_t command = BSON_INITIALIZER;
    bson_error_t error;
    bool ok;

    BSON_APPEND_INT32(&command, "ping", 1);
    ok = mongoc_client_command_simple(store->client, store->database, &command,
                                      NULL, NULL, &error);
    bson_destroy(&command);
    if (!ok) {
        errbuf_set(why, "MongoDB, database %s: %s", store->database,
                   error.message);
        return ERR_UNAVAILABLE;
    }
    mongodb_worked(store);
    return ERR_OK;
}

static enum err bad_row(struct store_mongodb *store,
                        enum store_collection collection)
{
    bson_error_t error;

    bson_set_error(&error, 0, 0,
                   "%s holds a document that this program did not write",
                   store_schema(collection)->name);
    return mongodb_failed(store, &error);
}

enum err mongodb_read_rows(struct store_mongodb *store,
                           enum store_collection collection,
                           mongoc_cursor_t *cursor, store_row_fn *each,
                           void *ctx)
{
    const bson_t *stored;
    bson_error_t error;
    struct buf scratch;
    struct store_key key;
    struct doc row;
    enum err err = ERR_OK;

    buf_init(&scratch, STORED_MAX);
    while (mongoc_cursor_next(cursor, &stored)) {
        struct doc doc = {bson_get_data(stored), stored->len};

        if (!mongodb_row_load(collection, doc, &scratch, &key, &row)) {
            err = bad_row(store, collection);
            break;
        }
        if (!each(ctx, &key, row)) {
            break;
        }
    }
    buf_fini(&scratch);
    if (err == ERR_OK && mongoc_cursor_error(cursor, &error)) {
        return mongodb_failed(store, &error);
    }
    if (err == ERR_OK) {
        mongodb_worked(store);
    }
    return err;
}

struct got {
    struct buf *out;
    bool found;
};

static bool take_row(void *ctx, const struct store_key *key, struct doc row)
{
    struct got *got = ctx;

    (void)key;
    buf_add(got->out, row.data, row.len);
    got->found = true;
    return false;
}

static enum err mongodb_get(struct store *base, enum store_collection from,
                            const struct store_key *key, struct buf *out)
{
    struct store_mongodb *store = (struct store_mongodb *)base;
    struct got got = {out, false};
    bson_t opts = BSON_INITIALIZER;
    bson_t query;
    mongoc_cursor_t *cursor;
    enum err err;

    BSON_APPEND_INT64(&opts, "limit", 1);
    BSON_APPEND_BOOL(&opts, "singleBatch", true);
    mongodb_query_key(&query, from, key);
    cursor = mongoc_collection_find_with_opts(mongodb_collection(store, from),
                                              &query, &opts, NULL);
    err = mongodb_read_rows(store, from, cursor, take_row, &got);
    mongoc_cursor_destroy(cursor);
    bson_destroy(&query);
    bson_destroy(&opts);
    return err == ERR_OK && !got.found ? ERR_NOT_FOUND : err;
}

static void scan_opts(bson_t *opts, const struct store_query *query)
{
    int32_t direction = query->descending ? -1 : 1;
    bson_t sort;

    bson_init(opts);
    BSON_APPEND_DOCUMENT_BEGIN(opts, "sort", &sort);
    if (query->sort != NULL) {
        BSON_APPEND_INT32(&sort, query->sort, direction);
    }
    BSON_APPEND_INT32(&sort, "_id", direction);
    (void)bson_append_document_end(opts, &sort);
    BSON_APPEND_INT32(opts, "batchSize",
                      query->limit < BATCH_MOST ? (int32_t)query->limit + 1
                                                : BATCH_MOST);
    BSON_APPEND_BOOL(opts, "allowDiskUse", true);
}

static enum err mongodb_scan(struct store *base,
                             const struct store_scan_plan *plan,
                             store_row_fn *each, void *ctx)
{
    struct store_mongodb *store = (struct store_mongodb *)base;
    bson_t opts;
    bson_t query;
    mongoc_cursor_t *cursor;
    enum err err;

    scan_opts(&opts, plan->query);
    mongodb_query_scan(&query, plan);
    cursor = mongoc_collection_find_with_opts(
        mongodb_collection(store, plan->query->collection), &query, &opts,
        NULL);
    err = mongodb_read_rows(store, plan->query->collection, cursor, each, ctx);
    mongoc_cursor_destroy(cursor);
    bson_destroy(&query);
    bson_destroy(&opts);
    return err;
}

static enum err mongodb_count(struct store *base,
                              enum store_collection collection, int64_t most,
                              int64_t *n)
{
    struct store_mongodb *store = (struct store_mongodb *)base;
    bson_t all = BSON_INITIALIZER;
    bson_t opts = BSON_INITIALIZER;
    bson_error_t error;
    int64_t found;

    BSON_APPEND_INT64(&opts, "limit", most);
    found = mongoc_collection_count_documents(
        mongodb_collection(store, collection), &all, &opts, NULL, NULL, &error);
    bson_destroy(&opts);
    bson_destroy(&all);
    if (found < 0) {
        return mongodb_failed(store, &error);
    }
    mongodb_worked(store);
    *n = found;
    return ERR_OK;
}

bool mongodb_modify_progress(struct store_mongodb *store, const bson_t *which,
                             const bson_t *change, int flags, bson_t *reply,
                             bson_error_t *error)
{
    mongoc_find_and_modify_opts_t *opts = mongoc_find_and_modify_opts_new();
    bson_t extra;
    bool ok;

    mongodb_durable_opts(store, &extra);
    (void)mongoc_find_and_modify_opts_set_flags(
        opts, (mongoc_find_and_modify_flags_t)flags);
    (void)mongoc_find_and_modify_opts_set_update(opts, change);
    (void)mongoc_find_and_modify_opts_set_max_time_ms(opts, PROGRESS_MS);
    (void)mongoc_find_and_modify_opts_append(opts, &extra);
    ok = mongoc_collection_find_and_modify_with_opts(store->progress, which,
                                                     opts, reply, error);
    mongoc_find_and_modify_opts_destroy(opts);
    bson_destroy(&extra);
    return ok;
}

/* The same by the row's name; tells what goes wrong. */
static bool modify_row(struct store_mongodb *store, const char *row,
                       const bson_t *change, int flags, bson_t *reply)
{
    bson_t which = BSON_INITIALIZER;
    bson_error_t error;
    bool ok;

    BSON_APPEND_UTF8(&which, "_id", row);
    ok = mongodb_modify_progress(store, &which, change,
                                 flags | MONGOC_FIND_AND_MODIFY_RETURN_NEW,
                                 reply, &error);
    bson_destroy(&which);
    if (ok) {
        mongodb_worked(store);
    } else {
        (void)mongodb_failed(store, &error);
    }
    return ok;
}

/* The row in the reply; false: there is none. Borrows. */
static bool reply_row(const bson_t *reply, struct doc *row)
{
    bson_iter_t at;
    const uint8_t *data;
    uint32_t len;

    if (!bson_iter_init_find(&at, reply, "value") ||
        !BSON_ITER_HOLDS_DOCUMENT(&at)) {
        return false;
    }
    bson_iter_document(&at, &len, &data);
    *row = (struct doc){data, len};
    return doc_check(*row);
}

/* {epoch: max(epoch + 1, now), batch: batch or 0, session: the one of this
 * writer}, decided by the server. */
static bson_t *raise_change(const struct store_mongodb *store, int64_t now_s)
{
    return BCON_NEW(
        "0", "{", "$set", "{", "epoch", "{", "$max", "[", "{", "$add", "[", "{",
        "$ifNull", "[", "$epoch", BCON_INT64(0), "]", "}", BCON_INT64(1), "]",
        "}", BCON_INT64(now_s), "]", "}", "batch", "{", "$ifNull", "[",
        "$batch", BCON_INT64(0), "]", "}", "session", "{", "$literal",
        BCON_DOCUMENT(mongoc_client_session_get_lsid(store->session)), "}", "}",
        "}");
}

static enum err mongodb_fence_raise(struct store *base, int64_t now_s,
                                    struct store_fence *fence,
                                    struct buf *payload)
{
    struct store_mongodb *store = (struct store_mongodb *)base;
    struct doc_value old;
    struct doc row;
    bson_t *change;
    bson_t reply;
    bson_error_t error;
    enum err err = ERR_UNAVAILABLE;

    BUG_IF(store->writer == NULL);
    mongodb_session_end_recorded(store, fence->row);
    if (!mongodb_session_start(store, &error)) {
        return mongodb_failed(store, &error);
    }
    change = raise_change(store, now_s);
    if (modify_row(store, fence->row, change, MONGOC_FIND_AND_MODIFY_UPSERT,
                   &reply) &&
        reply_row(&reply, &row)) {
        fence->epoch = doc_i64(row, "epoch", 0);
        fence->batch = doc_i64(row, "batch", 0);
        if (doc_get(row, "payload", &old) && old.type == DOC_BYTES &&
            old.u.s.len > 0) {
            buf_add(payload, old.u.s.text, old.u.s.len);
        }
        err = ERR_OK;
    }
    bson_destroy(&reply);
    bson_destroy(change);
    return err;
}

/* By a write, not a read: it waits for a commit of unknown result that still
 * holds the row, so what it finds is final. */
static enum err mongodb_progress(struct store *base, const char *name,
                                 int64_t *epoch, int64_t *batch)
{
    struct store_mongodb *store = (struct store_mongodb *)base;
    bson_t *change = BCON_NEW("$inc", "{", "asked", BCON_INT64(1), "}");
    struct doc row;
    bson_t reply;
    enum err err = ERR_UNAVAILABLE;

    mongodb_session_end_lost(store);
    if (modify_row(store, name, change, MONGOC_FIND_AND_MODIFY_NONE, &reply)) {
        err = ERR_NOT_FOUND;
        if (reply_row(&reply, &row)) {
            *epoch = doc_i64(row, "epoch", 0);
            *batch = doc_i64(row, "batch", 0);
            err = ERR_OK;
        }
    }
    bson_destroy(&reply);
    bson_destroy(change);
    return err;
}

static void give_progress(const bson_t *found, const char *writer,
                          store_progress_fn *each, void *ctx)
{
    const struct doc doc = {bson_get_data(found), found->len};
    struct store_progress progress = {.payload = {NULL, 0}};
    struct doc_value payload;

    if (!doc_check(doc)) {
        return;
    }
    progress.row = doc_str(doc, "_id", "");
    if (doc_get(doc, "payload", &payload) && payload.type == DOC_BYTES) {
        progress.payload =
            (struct doc){(const uint8_t *)payload.u.s.text, payload.u.s.len};
    }
    if (store_is_row_of(progress.row, writer)) {
        each(ctx, &progress);
    }
}

/* A row for each engine and partition: few enough to read them all. */
static enum err mongodb_progress_each(struct store *base,
                                      store_progress_fn *each, void *ctx)
{
    struct store_mongodb *store = (struct store_mongodb *)base;
    bson_t *every = bson_new();
    bson_t *opts = BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}");
    mongoc_cursor_t *cursor =
        mongoc_collection_find_with_opts(store->progress, every, opts, NULL);
    const bson_t *found;
    bson_error_t error;
    enum err err = ERR_OK;

    BUG_IF(store->writer == NULL);
    while (mongoc_cursor_next(cursor, &found)) {
        give_progress(found, store->writer, each, ctx);
    }
    if (mongoc_cursor_error(cursor, &error)) {
        err = mongodb_failed(store, &error);
    }
    mongoc_cursor_destroy(cursor);
    bson_destroy(opts);
    bson_destroy(every);
    return err;
}

static int64_t n_deleted(const bson_t *reply)
{
    bson_iter_t at;

    return bson_iter_init_find(&at, reply, "deletedCount")
               ? bson_iter_as_int64(&at)
               : 0;
}

static enum err mongodb_fence_remove(struct store *base,
                                     const struct store_fence *fence)
{
    struct store_mongodb *store = (struct store_mongodb *)base;
    bson_t *which =
        BCON_NEW("_id", BCON_UTF8(fence->row), "epoch",
                 BCON_INT64(fence->epoch), "batch", BCON_INT64(fence->batch));
    int64_t epoch;
    int64_t batch;
    enum err err = mongodb_progress(base, fence->row, &epoch, &batch);
    bson_t opts;
    bson_t reply;
    bson_error_t error;

    if (err == ERR_OK) {
        mongodb_durable_opts(store, &opts);
        if (!mongoc_collection_delete_one(store->progress, which, &opts, &reply,
                                          &error)) {
            err = mongodb_failed(store, &error);
        } else if (n_deleted(&reply) == 0) {
            err = ERR_FENCED;
        }
        bson_destroy(&reply);
        bson_destroy(&opts);
    }
    bson_destroy(which);
    return err;
}

static const struct store_ops mongodb_ops = {
    .gather_ms = GATHER_MS,
    .close = mongodb_close,
    .ping = mongodb_ping,
    .get = mongodb_get,
    .scan = mongodb_scan,
    .count = mongodb_count,
    .fence_raise = mongodb_fence_raise,
    .commit = mongodb_commit,
    .progress = mongodb_progress,
    .progress_each = mongodb_progress_each,
    .fence_remove = mongodb_fence_remove,
};

static enum err refuse(const struct store_mongodb *store,
                       const bson_error_t *error, struct errbuf *why)
{
    errbuf_set_field(why, "storage", "MongoDB, database %s: %s",
                     store->database, error->message);
    return ERR_UNAVAILABLE;
}

static bool run_command(struct store_mongodb *store, const bson_t *command,
                        bson_t *reply, bson_error_t *error)
{
    return mongoc_client_command_simple(store->client, store->database, command,
                                        NULL, reply, error);
}

/* A batch is one transaction, which a mongod alone does not have. */
static enum err check_set(struct store_mongodb *store, struct errbuf *why)
{
    bson_t *hello = BCON_NEW("hello", BCON_INT32(1));
    bson_t reply;
    bson_error_t error;
    bson_iter_t at;
    bool ok = run_command(store, hello, &reply, &error);
    bool member = ok && (bson_iter_init_find(&at, &reply, "setName") ||
                         (bson_iter_init_find(&at, &reply, "msg") &&
                          BSON_ITER_HOLDS_UTF8(&at) &&
                          strcmp(bson_iter_utf8(&at, NULL), "isdbgrid") == 0));

    bson_destroy(&reply);
    bson_destroy(hello);
    if (!ok) {
        return refuse(store, &error, why);
    }
    if (!member) {
        errbuf_set_field(
            why, "storage",
            "this MongoDB stands alone, and a replica set (of one is enough) "
            "is needed: give it replication.replSetName in mongod.conf, "
            "restart it, then: mongosh --eval 'rs.initiate()'");
        return ERR_INVALID;
    }
    return ERR_OK;
}

static bool create_indexes(struct store_mongodb *store, const char *into,
                           const struct store_schema *schema,
                           bson_error_t *error)
{
    bson_t command = BSON_INITIALIZER;
    bson_t list;
    bson_t index;
    bson_t key;
    char number[16];
    const char *name;
    bool ok;

    BSON_APPEND_UTF8(&command, "createIndexes", into);
    BSON_APPEND_ARRAY_BEGIN(&command, "indexes", &list);
    for (uint32_t i = 0; schema->indexes[i] != NULL; i++) {
        (void)bson_uint32_to_string(i, &name, number, sizeof number);
        BSON_APPEND_DOCUMENT_BEGIN(&list, name, &index);
        BSON_APPEND_DOCUMENT_BEGIN(&index, "key", &key);
        BSON_APPEND_INT32(&key, schema->indexes[i], 1);
        BSON_APPEND_INT32(&key, "_id", 1);
        (void)bson_append_document_end(&index, &key);
        BSON_APPEND_UTF8(&index, "name", schema->indexes[i]);
        (void)bson_append_document_end(&list, &index);
    }
    (void)bson_append_array_end(&command, &list);
    ok = run_command(store, &command, NULL, error);
    bson_destroy(&command);
    return ok;
}

/* Before they are written to: a transaction should not have to create. */
static bool create_collection(struct store_mongodb *store, const char *name,
                              bson_error_t *error)
{
    bson_t *command = BCON_NEW("create", BCON_UTF8(name));
    bool ok = run_command(store, command, NULL, error) ||
              error->code == NAMESPACE_EXISTS;

    bson_destroy(command);
    return ok;
}

bool mongodb_create(struct store_mongodb *store, const char *name,
                    enum store_collection as, bson_error_t *error)
{
    const struct store_schema *schema = store_schema(as);

    return schema->indexes[0] != NULL
               ? create_indexes(store, name, schema, error)
               : create_collection(store, name, error);
}

static bool create_all(struct store_mongodb *store, bson_error_t *error)
{
    for (size_t i = 0; i < STORE_N_COLLECTIONS; i++) {
        enum store_collection collection = (enum store_collection)i;

        if (store_may_write(store->writer, collection) &&
            !mongodb_create(store, store_schema(collection)->name, collection,
                            error)) {
            return false;
        }
    }
    return create_collection(store, "progress", error);
}

/* An older version is brought up to date by creating what is missing; its
 * engine changes the rows. A newer one stays and is refused below. */
static bool mark_version(struct store_mongodb *store, mongoc_collection_t *meta,
                         bson_error_t *error)
{
    bson_t *which = BCON_NEW("_id", BCON_UTF8(store->writer));
    bson_t *change =
        BCON_NEW("$max", "{", "schema", BCON_INT64(STORE_SCHEMA_VERSION), "}");
    bson_t opts;
    bool ok;

    mongodb_durable_opts(store, &opts);
    BSON_APPEND_BOOL(&opts, "upsert", true);
    ok = mongoc_collection_update_one(meta, which, change, &opts, NULL, error);
    bson_destroy(&opts);
    bson_destroy(change);
    bson_destroy(which);
    return ok;
}

/* What any writer marked: all are of one suite and read each other. What an
 * older version wrote can be read; its writer marks it when it starts. */
static enum err refuse_marked(const struct store_mongodb *store, struct doc doc,
                              struct errbuf *why)
{
    if (strcmp(doc_str(doc, "_id", "?"), MONGODB_RESTORE_MARK) == 0) {
        errbuf_set_field(why, "storage",
                         "database %s: a restore into it was broken off: "
                         "repeat 'hyp restore FILE --replace'",
                         store->database);
    } else {
        errbuf_set_field(why, "storage",
                         "the data of %s in database %s has schema version "
                         "%lld, this program has %d: use the program version "
                         "that wrote it",
                         doc_str(doc, "_id", "?"), store->database,
                         (long long)doc_i64(doc, "schema", 0),
                         STORE_SCHEMA_VERSION);
    }
    return ERR_INVALID;
}

enum err mongodb_check_versions(struct store_mongodb *store, struct errbuf *why)
{
    bson_t all = BSON_INITIALIZER;
    mongoc_collection_t *meta =
        mongoc_client_get_collection(store->client, store->database, "meta");
    mongoc_cursor_t *cursor =
        mongoc_collection_find_with_opts(meta, &all, NULL, NULL);
    const bson_t *found;
    bson_error_t error;
    enum err err = ERR_OK;

    while (err == ERR_OK && mongoc_cursor_next(cursor, &found)) {
        struct doc doc = {bson_get_data(found), found->len};
        int64_t version;

        if (!doc_check(doc)) {
            doc = (struct doc){NULL, 0};
        }
        version = doc_i64(doc, "schema", 0);
        if (version < 1 || version > STORE_SCHEMA_VERSION) {
            err = refuse_marked(store, doc, why);
        }
    }
    if (err == ERR_OK && mongoc_cursor_error(cursor, &error)) {
        err = refuse(store, &error, why);
    }
    mongoc_cursor_destroy(cursor);
    mongoc_collection_destroy(meta);
    bson_destroy(&all);
    return err;
}

static enum err set_up(struct store_mongodb *store, struct errbuf *why)
{
    mongoc_collection_t *meta =
        mongoc_client_get_collection(store->client, store->database, "meta");
    bson_error_t error;
    enum err err = ERR_OK;

    if (store->writer != NULL && !mark_version(store, meta, &error)) {
        err = refuse(store, &error, why);
    }
    if (err == ERR_OK) {
        err = mongodb_check_versions(store, why);
    }
    if (err == ERR_OK && store->writer != NULL && !create_all(store, &error)) {
        err = refuse(store, &error, why);
    }
    mongoc_collection_destroy(meta);
    return err;
}

/* What the uri leaves open: fail soon, so that the caller can tell and wait. */
static void set_defaults(mongoc_uri_t *uri)
{
    static const struct {
        const char *name;
        int32_t value;
    } times[] = {
        {MONGOC_URI_CONNECTTIMEOUTMS, CONNECT_MS},
        {MONGOC_URI_SERVERSELECTIONTIMEOUTMS, SELECT_MS},
        {MONGOC_URI_SOCKETTIMEOUTMS, SOCKET_MS},
    };

    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        if (!mongoc_uri_has_option(uri, times[i].name)) {
            (void)mongoc_uri_set_option_as_int32(uri, times[i].name,
                                                 times[i].value);
        }
    }
    if (!mongoc_uri_has_option(uri, MONGOC_URI_SERVERSELECTIONTRYONCE)) {
        (void)mongoc_uri_set_option_as_bool(
            uri, MONGOC_URI_SERVERSELECTIONTRYONCE, false);
    }
}

/* What the server lists its connections under; a site may name its own. */
static void set_name(mongoc_uri_t *uri, const char *name)
{
    if (name != NULL) {
        (void)mongoc_uri_set_appname(uri, name);
    } else if (mongoc_uri_get_appname(uri) == NULL) {
        (void)mongoc_uri_set_appname(uri, "hypervise");
    }
}

/* A name behind mongodb+srv:// is looked up here. */
static bool connect_client(struct store_mongodb *store, mongoc_uri_t *uri,
                           bson_error_t *error)
{
    const char *database = mongoc_uri_get_database(uri);

    set_defaults(uri);
    store->database = xstrdup(database != NULL ? database : "hypervise");
    store->client = mongoc_client_new_from_uri_with_error(uri, error);
    if (store->client == NULL) {
        return false;
    }
    (void)mongoc_client_set_error_api(store->client,
                                      MONGOC_ERROR_API_VERSION_2);
    store->durable = mongoc_write_concern_new();
    mongoc_write_concern_set_wmajority(store->durable, COMMIT_MS);
    mongoc_write_concern_set_journal(store->durable, true);
    store->majority = mongoc_read_concern_new();
    (void)mongoc_read_concern_set_level(store->majority,
                                        MONGOC_READ_CONCERN_LEVEL_MAJORITY);
    store->transaction = mongoc_transaction_opts_new();
    mongoc_transaction_opts_set_write_concern(store->transaction,
                                              store->durable);
    mongoc_transaction_opts_set_max_commit_time_ms(store->transaction,
                                                   COMMIT_MS);
    store->progress = mongoc_client_get_collection(store->client,
                                                   store->database, "progress");
    return true;
}

static enum err connect_to(const struct store_options *options,
                           const char *name, struct store_mongodb **out,
                           struct errbuf *why)
{
    struct store_mongodb *store;
    bson_error_t error;
    mongoc_uri_t *parsed;
    enum err err;

    mongoc_init();
    mongodb_log_take();
    parsed = mongoc_uri_new_with_error(options->uri, &error);
    if (parsed == NULL) {
        /* Without the uri: it may hold a password. */
        errbuf_set_field(why, "storage", "not a MongoDB address: %s",
                         error.message);
        return ERR_INVALID;
    }
    store = xcalloc(1, sizeof *store);
    store->store.ops = &mongodb_ops;
    store->writer = options->writer != NULL ? xstrdup(options->writer) : NULL;
    set_name(parsed, name);
    err = connect_client(store, parsed, &error) ? check_set(store, why)
                                                : refuse(store, &error, why);
    mongoc_uri_destroy(parsed);
    if (err != ERR_OK) {
        mongodb_free(store);
        return err;
    }
    *out = store;
    return ERR_OK;
}

enum err mongodb_connect(const char *uri, const char *writer,
                         struct store_mongodb **out, struct errbuf *why)
{
    const struct store_options options = {.uri = uri, .writer = writer};

    return connect_to(&options, NULL, out, why);
}

enum err mongodb_connect_as(const char *uri, const char *name,
                            struct store_mongodb **out, struct errbuf *why)
{
    const struct store_options options = {.uri = uri};

    return connect_to(&options, name, out, why);
}

enum err store_mongodb_open(const struct store_options *options,
                            struct store **out, struct errbuf *why)
{
    struct store_mongodb *store;
    enum err err = mongodb_connect(options->uri, options->writer, &store, why);

    if (err != ERR_OK) {
        return err;
    }
    err = set_up(store, why);
    if (err != ERR_OK) {
        mongodb_free(store);
        return err;
    }
    *out = &store->store;
    return ERR_OK;
}
