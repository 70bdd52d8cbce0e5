/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The session of commits on MongoDB. A transaction that is left open when its
 * process dies or its connection is lost locks the progress row, for a minute
 * or more by the server's own clock. So each writer's row names the session in
 * use, and who takes over ends that one first.
 */
#include "common/store/store_mongodb.h"

/* Abort what the session has open. */
static bool kill_session(struct store_mongodb *store, const bson_t *lsid)
{
    bson_t command = BSON_INITIALIZER;
    bson_t list;
    bool ok;

    BSON_APPEND_ARRAY_BEGIN(&command, "killSessions", &list);
    BSON_APPEND_DOCUMENT(&list, "0", lsid);
    (void)bson_append_array_end(&command, &list);
    ok = mongoc_client_command_simple(store->client, "admin", &command, NULL,
                                      NULL, NULL);
    bson_destroy(&command);
    return ok;
}

void mongodb_session_drop(struct store_mongodb *store)
{
    if (store->session != NULL) {
        bson_destroy(store->lost);
        store->lost = bson_copy(mongoc_client_session_get_lsid(store->session));
        mongoc_client_session_destroy(store->session);
        store->session = NULL;
    }
}

void mongodb_session_end_lost(struct store_mongodb *store)
{
    if (store->lost != NULL && kill_session(store, store->lost)) {
        bson_destroy(store->lost);
        store->lost = NULL;
    }
}

static bool is_own(const struct store_mongodb *store, const bson_t *lsid)
{
    return store->session != NULL &&
           bson_equal(mongoc_client_session_get_lsid(store->session), lsid);
}

void mongodb_session_end_recorded(struct store_mongodb *store, const char *row)
{
    bson_t *which = BCON_NEW("_id", BCON_UTF8(row));
    bson_t *opts = BCON_NEW("projection", "{", "session", BCON_INT32(1), "}");
    mongoc_cursor_t *cursor =
        mongoc_collection_find_with_opts(store->progress, which, opts, NULL);
    const bson_t *found;
    bson_iter_t at;

    if (mongoc_cursor_next(cursor, &found) &&
        bson_iter_init_find(&at, found, "session") &&
        BSON_ITER_HOLDS_DOCUMENT(&at)) {
        const uint8_t *data;
        uint32_t len;
        bson_t lsid;

        bson_iter_document(&at, &len, &data);
        if (bson_init_static(&lsid, data, len) && !is_own(store, &lsid)) {
            /* Where it is not allowed, the server's own limit frees it. */
            (void)kill_session(store, &lsid);
        }
    }
    mongoc_cursor_destroy(cursor);
    bson_destroy(opts);
    bson_destroy(which);
}

bool mongodb_session_start(struct store_mongodb *store, bson_error_t *error)
{
    if (store->session == NULL) {
        mongodb_session_end_lost(store);
        store->session =
            mongoc_client_start_session(store->client, NULL, error);
    }
    return store->session != NULL;
}

bool mongodb_session_record(struct store_mongodb *store,
                            const struct store_fence *fence,
                            bson_error_t *error)
{
    bson_t *which = BCON_NEW("_id", BCON_UTF8(fence->row), "epoch",
                             BCON_INT64(fence->epoch));
    bson_t *change = BCON_NEW(
        "$set", "{", "session",
        BCON_DOCUMENT(mongoc_client_session_get_lsid(store->session)), "}");
    bson_t opts;
    bool ok;

    mongodb_durable_opts(store, &opts);
    ok = mongoc_collection_update_one(store->progress, which, change, &opts,
                                      NULL, error);
    bson_destroy(&opts);
    bson_destroy(change);
    bson_destroy(which);
    return ok;
}
