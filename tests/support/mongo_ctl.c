/* SPDX-License-Identifier: Apache-2.0 */
/** Test tool: the few commands a test sends to a mongod. */
#include <mongoc/mongoc.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/random.h"

enum {
    WAIT_PRIMARY_MS = 60000,
    POLL_NS = 50 * 1000 * 1000,
    STEP_DOWN_S = 10,
    ELECTION_MS = 2000, /* of a set of several members */
    NEWS_BYTES = 1024 * 1024
};

/** args: what follows the server, NULL-terminated. */
typedef bool command_fn(mongoc_client_t *client, const char *server,
                        char **args, bson_error_t *error);

struct command {
    const char *name;
    command_fn *run;
};

static bool run_admin(mongoc_client_t *client, const bson_t *command,
                      bson_t *reply, bson_error_t *error)
{
    return mongoc_client_command_simple(client, "admin", command, NULL, reply,
                                        error);
}

static bool command_ping(mongoc_client_t *client, const char *server,
                         char **args, bson_error_t *error)
{
    (void)server;
    (void)args;
    bson_t *ping = BCON_NEW("ping", BCON_INT32(1));
    bool ok = run_admin(client, ping, NULL, error);
    bson_destroy(ping);
    return ok;
}

static void add_member(bson_t *members, int number, const char *host)
{
    char key[16];
    bson_t member;

    (void)snprintf(key, sizeof key, "%d", number);
    BSON_APPEND_DOCUMENT_BEGIN(members, key, &member);
    BSON_APPEND_INT32(&member, "_id", number);
    BSON_APPEND_UTF8(&member, "host", host);
    (void)bson_append_document_end(members, &member);
}

/* {replSetInitiate: {_id, members, settings}}; who kills a primary does not
 * want to wait long for the next. */
static void build_initiate(bson_t *command, const char *server, char **others)
{
    bson_t set;
    bson_t members;
    bson_t settings;

    BSON_APPEND_DOCUMENT_BEGIN(command, "replSetInitiate", &set);
    BSON_APPEND_UTF8(&set, "_id", "rs0");
    BSON_APPEND_ARRAY_BEGIN(&set, "members", &members);
    add_member(&members, 0, server);
    for (int i = 0; others[i] != NULL; i++) {
        add_member(&members, i + 1, others[i]);
    }
    (void)bson_append_array_end(&set, &members);
    if (others[0] != NULL) {
        BSON_APPEND_DOCUMENT_BEGIN(&set, "settings", &settings);
        BSON_APPEND_INT32(&settings, "electionTimeoutMillis", ELECTION_MS);
        (void)bson_append_document_end(&set, &settings);
    }
    (void)bson_append_document_end(command, &set);
}

/* A set that is initiated already is what the caller wants. */
static bool command_initiate(mongoc_client_t *client, const char *server,
                             char **args, bson_error_t *error)
{
    enum {
        ALREADY_INITIALIZED = 23
    };
    bson_t initiate = BSON_INITIALIZER;
    bool ok;

    build_initiate(&initiate, server, args);
    ok = run_admin(client, &initiate, NULL, error);
    bson_destroy(&initiate);
    return ok || error->code == ALREADY_INITIALIZED;
}

static bool is_writable(mongoc_client_t *client, bson_error_t *error)
{
    bson_t *hello = BCON_NEW("hello", BCON_INT32(1));
    bson_t reply;
    bool ok = run_admin(client, hello, &reply, error);
    bson_iter_t at;
    bool writable = ok &&
                    bson_iter_init_find(&at, &reply, "isWritablePrimary") &&
                    bson_iter_as_bool(&at);
    bson_destroy(&reply);
    bson_destroy(hello);
    return writable;
}

static bool command_wait_primary(mongoc_client_t *client, const char *server,
                                 char **args, bson_error_t *error)
{
    (void)server;
    (void)args;
    const struct timespec poll = {.tv_nsec = POLL_NS};
    int64_t until_ms = clock_mono_ms() + WAIT_PRIMARY_MS;
    bson_set_error(error, 0, 0, "not a writable primary after %d ms",
                   WAIT_PRIMARY_MS);
    while (!is_writable(client, error)) {
        if (clock_mono_ms() > until_ms) {
            return false;
        }
        nanosleep(&poll, NULL);
    }
    return true;
}

/* Print who is the primary of the server's set, if it knows one. */
static bool command_primary(mongoc_client_t *client, const char *server,
                            char **args, bson_error_t *error)
{
    bson_t *hello = BCON_NEW("hello", BCON_INT32(1));
    bson_t reply;
    bson_iter_t at;
    bool ok = run_admin(client, hello, &reply, error);

    (void)server;
    (void)args;
    if (ok && bson_iter_init_find(&at, &reply, "primary")) {
        (void)printf("%s\n", bson_iter_utf8(&at, NULL));
    }
    bson_destroy(&reply);
    bson_destroy(hello);
    return ok;
}

/* The primary gives up for a while, whoever is behind. */
static bool command_step_down(mongoc_client_t *client, const char *server,
                              char **args, bson_error_t *error)
{
    bson_t *step_down = BCON_NEW("replSetStepDown", BCON_INT32(STEP_DOWN_S),
                                 "force", BCON_BOOL(true));
    bool ok = run_admin(client, step_down, NULL, error);

    (void)server;
    (void)args;
    bson_destroy(step_down);
    return ok;
}

/* Bytes that do not pack, into a database of no suite. */
static bool write_news(mongoc_client_t *client, bson_error_t *error)
{
    static uint8_t bytes[NEWS_BYTES];
    mongoc_collection_t *collection =
        mongoc_client_get_collection(client, "news", "blocks");
    bson_t row = BSON_INITIALIZER;
    bool ok;

    random_bytes(bytes, sizeof bytes);
    BSON_APPEND_BINARY(&row, "bytes", BSON_SUBTYPE_BINARY, bytes, NEWS_BYTES);
    ok = mongoc_collection_insert_one(collection, &row, NULL, NULL, error);
    bson_destroy(&row);
    mongoc_collection_destroy(collection);
    return ok;
}

/* What it does by itself each minute: a checkpoint on its disk; with enough
 * that is new to need room there. */
static bool command_flush(mongoc_client_t *client, const char *server,
                          char **args, bson_error_t *error)
{
    bson_t *flush = BCON_NEW("fsync", BCON_INT32(1));
    bool ok =
        write_news(client, error) && run_admin(client, flush, NULL, error);

    (void)server;
    (void)args;
    bson_destroy(flush);
    return ok;
}

static bool command_drop(mongoc_client_t *client, const char *server,
                         char **args, bson_error_t *error)
{
    bson_t *drop = BCON_NEW("dropDatabase", BCON_INT32(1));
    bool ok =
        mongoc_client_command_simple(client, args[0], drop, NULL, NULL, error);

    (void)server;
    bson_destroy(drop);
    return ok;
}

static const struct command commands[] = {
    {"drop", command_drop},
    {"flush", command_flush},
    {"initiate", command_initiate},
    {"ping", command_ping},
    {"primary", command_primary},
    {"step-down", command_step_down},
    {"wait-primary", command_wait_primary},
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static bool run_command(const struct command *command, char **argv)
{
    bson_error_t error = {0};
    char uri[256];
    snprintf(uri, sizeof(uri), "mongodb://%s/?directConnection=true", argv[2]);
    mongoc_init();
    mongoc_client_t *client = mongoc_client_new(uri);
    bool ok = client != NULL && command->run(client, argv[2], argv + 3, &error);
    if (!ok) {
        fprintf(stderr, "mongo_ctl %s %s: %s\n", command->name, argv[2],
                client == NULL ? "not a HOST:PORT" : error.message);
    }
    mongoc_client_destroy(client);
    mongoc_cleanup();
    return ok;
}

int main(int argc, char **argv)
{
    const struct command *command = argc > 2 ? find_command(argv[1]) : NULL;
    if (command == NULL || (command->run == command_drop && argc != 4)) {
        fprintf(stderr, "usage: mongo_ctl flush|ping|primary|step-down|"
                        "wait-primary HOST:PORT\n"
                        "       mongo_ctl initiate HOST:PORT [MEMBER]...\n"
                        "       mongo_ctl drop HOST:PORT DATABASE\n");
        return 2;
    }
    return run_command(command, argv) ? 0 : 1;
}
