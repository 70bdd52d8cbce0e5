/* SPDX-License-Identifier: Apache-2.0 */
/** A mongod of the suite's own: made a replica set of one, with its user. */
#include "common/store/store_mongodb_set.h"

#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/store/store_mongodb.h"

enum {
    PAUSE_NS = 100 * 1000 * 1000,
    LOOK_MS = 2000,
    ALREADY_INITIALIZED = 23,
    URI_MAX = 256
};

/* Each name's own server, not the primary that it tells of. */
static mongoc_client_t *open_client(mongoc_uri_t *uri)
{
    (void)mongoc_uri_set_option_as_bool(uri, MONGOC_URI_DIRECTCONNECTION, true);
    (void)mongoc_uri_set_option_as_int32(
        uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, LOOK_MS);
    (void)mongoc_uri_set_option_as_int32(uri, MONGOC_URI_CONNECTTIMEOUTMS,
                                         LOOK_MS);
    (void)mongoc_uri_set_option_as_int32(uri, MONGOC_URI_SOCKETTIMEOUTMS,
                                         LOOK_MS);
    return mongoc_client_new_from_uri(uri);
}

/* with: a user, or NULL. */
static mongoc_client_t *connect_to(const struct mongodb_set *set,
                                   const char *user)
{
    char text[URI_MAX];
    mongoc_client_t *client = NULL;
    mongoc_uri_t *uri;

    (void)snprintf(text, sizeof text, "mongodb://%s/admin", set->address);
    uri = mongoc_uri_new(text);
    if (uri != NULL) {
        if (user != NULL) {
            (void)mongoc_uri_set_username(uri, user);
            (void)mongoc_uri_set_password(uri, set->password);
        }
        client = open_client(uri);
    }
    mongoc_uri_destroy(uri);
    return client;
}

static bool run(mongoc_client_t *client, const bson_t *command, bson_t *reply,
                bson_error_t *error)
{
    return mongoc_client_command_simple(client, "admin", command, NULL, reply,
                                        error);
}

static bool is_primary(mongoc_client_t *client, bson_error_t *error)
{
    bson_t *hello = BCON_NEW("hello", BCON_INT32(1));
    bson_t reply;
    bson_iter_t at;
    bool primary = false;

    if (run(client, hello, &reply, error)) {
        primary = bson_iter_init_find(&at, &reply, "isWritablePrimary") &&
                  bson_iter_as_bool(&at);
        bson_set_error(error, 0, 0, "no primary yet");
    }
    bson_destroy(&reply);
    bson_destroy(hello);
    return primary;
}

static bool initiate(const struct mongodb_set *set, mongoc_client_t *client,
                     bson_error_t *error)
{
    bson_t *command =
        BCON_NEW("replSetInitiate", "{", "_id", BCON_UTF8(set->name), "members",
                 "[", "{", "_id", BCON_INT32(0), "host",
                 BCON_UTF8(set->address), "}", "]", "}");
    bool ok =
        run(client, command, NULL, error) || error->code == ALREADY_INITIALIZED;

    bson_destroy(command);
    return ok;
}

static bool create_user(const struct mongodb_set *set, mongoc_client_t *client,
                        bson_error_t *error)
{
    bson_t *command =
        BCON_NEW("createUser", BCON_UTF8(set->user), "pwd",
                 BCON_UTF8(set->password), "roles", "[", "root", "]");
    bool ok = run(client, command, NULL, error);

    bson_destroy(command);
    return ok;
}

static bool user_works(const struct mongodb_set *set, bson_error_t *error)
{
    mongoc_client_t *client = connect_to(set, set->user);
    bson_t *command = BCON_NEW("usersInfo", BCON_INT32(1));
    bool ok = client != NULL && run(client, command, NULL, error);

    bson_destroy(command);
    mongoc_client_destroy(client);
    return ok;
}

/* Without a user mongod lets those in who come by its loopback interface,
 * until there is one. */
static bool make_once(const struct mongodb_set *set, bson_error_t *error)
{
    mongoc_client_t *client = connect_to(set, NULL);
    bool ok = client != NULL &&
              (is_primary(client, error) || initiate(set, client, error)) &&
              is_primary(client, error) && create_user(set, client, error);

    mongoc_client_destroy(client);
    return ok;
}

enum err mongodb_set_make(const struct mongodb_set *set, int64_t wait_ms,
                          struct errbuf *why)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    int64_t until_ms = clock_mono_ms() + wait_ms;
    bson_error_t error;

    mongoc_init();
    mongodb_log_take();
    bson_set_error(&error, 0, 0, "not an address");
    while (!user_works(set, &error) && !make_once(set, &error)) {
        if (clock_mono_ms() > until_ms) {
            errbuf_set(why, "mongod at %s: %s", set->address, error.message);
            return ERR_UNAVAILABLE;
        }
        (void)nanosleep(&pause, NULL);
    }
    return ERR_OK;
}

enum err mongodb_set_is_ready(const char *text, struct errbuf *why)
{
    bson_error_t error = {0};
    mongoc_client_t *client = NULL;
    mongoc_uri_t *uri;
    char plain[URI_MAX];
    enum err err = ERR_UNAVAILABLE;

    mongoc_init();
    mongodb_log_take();
    uri = mongoc_uri_new_with_error(text, &error);
    if (uri == NULL || mongoc_uri_get_hosts(uri) == NULL) {
        errbuf_set(why, "storage.conf: uri is not a MongoDB address");
        mongoc_uri_destroy(uri);
        return ERR_INVALID;
    }
    (void)snprintf(plain, sizeof plain, "%.250s",
                   mongoc_uri_get_hosts(uri)->host_and_port);
    mongoc_uri_destroy(uri);
    client = connect_to(&(struct mongodb_set){.address = plain}, NULL);
    if (client != NULL && is_primary(client, &error)) {
        err = ERR_OK;
    } else {
        errbuf_set(why, "%s: %s", plain, error.message);
    }
    mongoc_client_destroy(client);
    return err;
}
