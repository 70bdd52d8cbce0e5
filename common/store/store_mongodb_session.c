/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The session of commits on MongoDB. A transaction that is left open when its
 * process dies or its connection is lost locks the progress row, for a minute
 * or more by the server's own clock. So each writer's row names the session in
 * use, and who takes over ends that one first.
 */
#include "common/store/store_mongodb.h"

enum {
    LOST_MOST = 64
};

/* Abort what these sessions have open. */
static void kill_sessions(struct store_mongodb *store, const bson_t *list)
{
    bson_t command = BSON_INITIALIZER;

    BSON_APPEND_ARRAY(&command, "killSessions", list);
    (void)mongoc_client_command_simple(store->client, "admin", &command, NULL,
                                       NULL, NULL);
    bson_destroy(&command);
}

static void add_session(bson_t *list, uint32_t number, const bson_t *lsid)
{
    char room[16];
    const char *key;
    size_t len = bson_uint32_to_string(number, &key, room, sizeof room);

    (void)bson_append_document(list, key, (int)len, lsid);
}

void mongodb_session_forget_lost(struct store_mongodb *store)
{
    bson_destroy(store->lost);
    store->lost = NULL;
    store->n_lost = 0;
}

void mongodb_session_drop(struct store_mongodb *store)
{
    if (store->session == NULL) {
        return;
    }
    if (store->n_lost == LOST_MOST) {
        mongodb_session_forget_lost(store); /* the server's own limit did */
    }
    if (store->lost == NULL) {
        store->lost = bson_new();
    }
    add_session(store->lost, store->n_lost++,
                mongoc_client_session_get_lsid(store->session));
    mongoc_client_session_destroy(store->session);
    store->session = NULL;
}

/* Again with each try, until a commit works: a server that hung may begin a
 * transaction after it was told to end its session, for what was sent before
 * waits in the socket of a connection that is given up. */
void mongodb_session_end_lost(struct store_mongodb *store)
{
    if (store->lost != NULL) {
        kill_sessions(store, store->lost);
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
            bson_t list = BSON_INITIALIZER;

            /* Where it is not allowed, the server's own limit frees it. */
            add_session(&list, 0, &lsid);
            kill_sessions(store, &list);
            bson_destroy(&list);
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
    bson_t reply;
    bool ok = mongodb_modify_progress(
        store, which, change, MONGOC_FIND_AND_MODIFY_NONE, &reply, error);

    bson_destroy(&reply);
    bson_destroy(change);
    bson_destroy(which);
    return ok;
}
