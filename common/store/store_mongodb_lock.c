/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One restore into a database at a time: a document names who fills it, by
 * the name that his connections bear. Who has none left has ended, however
 * that was, and the next one takes his place.
 */
#include <string.h>

#include "common/base/random.h"
#include "common/store/store_mongodb.h"

enum {
    RANDOM_BYTES = 8,
    TRIES = 5, /* others take it and end at the same time */
    DUPLICATE_KEY = 11000
};

#define COLLECTION "restoring.lock"
#define ID         "restore"

static mongoc_collection_t *lock_of(const struct store_mongodb *store)
{
    return mongoc_client_get_collection(store->client, store->database,
                                        COLLECTION);
}

static enum err failed(const struct store_mongodb *store,
                       const bson_error_t *error, struct errbuf *why)
{
    errbuf_set_field(why, "storage", "MongoDB, database %s: %s",
                     store->database, error->message);
    return ERR_UNAVAILABLE;
}

void mongodb_lock_name(char *name)
{
    static const char start[] = "hypervise-restore-";

    memcpy(name, start, sizeof start);
    random_hex(name + sizeof start - 1, RANDOM_BYTES);
}

/* ERR_CONFLICT: somebody is named there. */
static enum err insert(const struct store_mongodb *store, const char *name,
                       struct errbuf *why)
{
    mongoc_collection_t *lock = lock_of(store);
    bson_t *row = BCON_NEW("_id", ID, "by", BCON_UTF8(name));
    bson_error_t error;
    bson_t opts;
    bool ok;

    mongodb_durable_opts(store, &opts);
    ok = mongoc_collection_insert_one(lock, row, &opts, NULL, &error);
    bson_destroy(&opts);
    bson_destroy(row);
    mongoc_collection_destroy(lock);
    return ok                            ? ERR_OK
           : error.code == DUPLICATE_KEY ? ERR_CONFLICT
                                         : failed(store, &error, why);
}

/* Who is named there. ERR_NOT_FOUND: nobody. */
static enum err read_holder(const struct store_mongodb *store, char *name,
                            struct errbuf *why)
{
    mongoc_collection_t *lock = lock_of(store);
    bson_t *which = BCON_NEW("_id", ID);
    mongoc_cursor_t *cursor =
        mongoc_collection_find_with_opts(lock, which, NULL, NULL);
    const bson_t *found;
    bson_error_t error;
    enum err err = ERR_NOT_FOUND;

    if (mongoc_cursor_next(cursor, &found)) {
        struct doc doc = {bson_get_data(found), found->len};

        (void)snprintf(name, MONGODB_LOCK_NAME_MAX + 1, "%s",
                       doc_check(doc) ? doc_str(doc, "by", "") : "");
        err = ERR_OK;
    } else if (mongoc_cursor_error(cursor, &error)) {
        err = failed(store, &error, why);
    }
    mongoc_cursor_destroy(cursor);
    bson_destroy(which);
    mongoc_collection_destroy(lock);
    return err;
}

/* Whether the server has a connection of that name. */
static enum err look_for(const struct store_mongodb *store, const char *name,
                         bool *there, struct errbuf *why)
{
    mongoc_database_t *admin =
        mongoc_client_get_database(store->client, "admin");
    bson_t *pipeline =
        BCON_NEW("pipeline", "[", "{", "$currentOp", "{", "allUsers",
                 BCON_BOOL(false), "idleConnections", BCON_BOOL(true), "}", "}",
                 "{", "$match", "{", "appName", BCON_UTF8(name), "}", "}", "{",
                 "$limit", BCON_INT32(1), "}", "]");
    mongoc_cursor_t *cursor =
        mongoc_database_aggregate(admin, pipeline, NULL, NULL);
    const bson_t *found;
    bson_error_t error;
    enum err err = ERR_OK;

    *there = mongoc_cursor_next(cursor, &found);
    if (mongoc_cursor_error(cursor, &error)) {
        err = failed(store, &error, why);
    }
    mongoc_cursor_destroy(cursor);
    bson_destroy(pipeline);
    mongoc_database_destroy(admin);
    return err;
}

/* Take the place of one who has ended, unless somebody else did. */
static enum err replace(const struct store_mongodb *store, const char *holder,
                        const char *name, struct errbuf *why)
{
    mongoc_collection_t *lock = lock_of(store);
    bson_t *which = BCON_NEW("_id", ID, "by", BCON_UTF8(holder));
    bson_t *change = BCON_NEW("$set", "{", "by", BCON_UTF8(name), "}");
    bson_error_t error;
    bson_t opts, reply;
    bool ok;
    enum err err;

    mongodb_durable_opts(store, &opts);
    ok = mongoc_collection_update_one(lock, which, change, &opts, &reply,
                                      &error);
    if (ok) {
        struct doc doc = {bson_get_data(&reply), reply.len};

        err = doc_check(doc) && doc_i64(doc, "modifiedCount", 0) == 1
                  ? ERR_OK
                  : ERR_CONFLICT;
    } else {
        err = failed(store, &error, why);
    }
    bson_destroy(&reply);
    bson_destroy(&opts);
    bson_destroy(change);
    bson_destroy(which);
    mongoc_collection_destroy(lock);
    return err;
}

static enum err runs(const struct store_mongodb *store, struct errbuf *why)
{
    errbuf_set_field(why, "storage",
                     "database %s: another restore into it runs",
                     store->database);
    return ERR_CONFLICT;
}

/* ERR_CONFLICT: it changed meanwhile, or why tells that another one runs. */
static enum err take_over(const struct store_mongodb *store, const char *name,
                          struct errbuf *why)
{
    char holder[MONGODB_LOCK_NAME_MAX + 1];
    bool there = false;
    enum err err = read_holder(store, holder, why);

    if (err != ERR_OK) {
        return err == ERR_NOT_FOUND ? ERR_CONFLICT : err;
    }
    err = look_for(store, holder, &there, why);
    if (err != ERR_OK) {
        return err;
    }
    return there ? runs(store, why) : replace(store, holder, name, why);
}

enum err mongodb_lock_take(const struct store_mongodb *store, const char *name,
                           struct errbuf *why)
{
    enum err err = ERR_CONFLICT;

    why->text[0] = '\0';
    for (int i = 0; i < TRIES && err == ERR_CONFLICT && why->text[0] == '\0';
         i++) {
        err = insert(store, name, why);
        if (err == ERR_CONFLICT) {
            err = take_over(store, name, why);
        }
    }
    return err == ERR_CONFLICT ? runs(store, why) : err;
}

enum err mongodb_lock_check(const struct store_mongodb *store, const char *name,
                            struct errbuf *why)
{
    char holder[MONGODB_LOCK_NAME_MAX + 1];
    enum err err = read_holder(store, holder, why);

    if (err == ERR_NOT_FOUND) {
        return runs(store, why); /* and has ended already */
    }
    return err == ERR_OK && strcmp(holder, name) != 0 ? runs(store, why) : err;
}

void mongodb_lock_drop(const struct store_mongodb *store, const char *name)
{
    mongoc_collection_t *lock = lock_of(store);
    bson_t *which = BCON_NEW("_id", ID, "by", BCON_UTF8(name));

    /* One that stays is of nobody, once we are gone. */
    (void)mongoc_collection_delete_one(lock, which, NULL, NULL, NULL);
    bson_destroy(which);
    mongoc_collection_destroy(lock);
}
