/* SPDX-License-Identifier: Apache-2.0 */
/** Test tool: the few commands a test sends to a mongod. */
#include <mongoc/mongoc.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"

enum {
    WAIT_PRIMARY_MS = 60000,
    POLL_NS = 50 * 1000 * 1000
};

typedef bool command_fn(mongoc_client_t *client, const char *arg,
                        bson_error_t *error);

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

static bool command_ping(mongoc_client_t *client, const char *arg,
                         bson_error_t *error)
{
    (void)arg;
    bson_t *ping = BCON_NEW("ping", BCON_INT32(1));
    bool ok = run_admin(client, ping, NULL, error);
    bson_destroy(ping);
    return ok;
}

/* A set that is initiated already is what the caller wants. */
static bool command_initiate(mongoc_client_t *client, const char *arg,
                             bson_error_t *error)
{
    enum {
        ALREADY_INITIALIZED = 23
    };
    bson_t *initiate = BCON_NEW("replSetInitiate", "{", "_id", BCON_UTF8("rs0"),
                                "members", "[", "{", "_id", BCON_INT32(0),
                                "host", BCON_UTF8(arg), "}", "]", "}");
    bool ok = run_admin(client, initiate, NULL, error);
    bson_destroy(initiate);
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

static bool command_wait_primary(mongoc_client_t *client, const char *arg,
                                 bson_error_t *error)
{
    (void)arg;
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

static bool command_drop(mongoc_client_t *client, const char *arg,
                         bson_error_t *error)
{
    bson_t *drop = BCON_NEW("dropDatabase", BCON_INT32(1));
    bool ok =
        mongoc_client_command_simple(client, arg, drop, NULL, NULL, error);
    bson_destroy(drop);
    return ok;
}

/** What the command is about: its own argument, else the server. */
static const char *command_argument(int argc, char **argv)
{
    return argc > 3 ? argv[3] : argv[2];
}

static const struct command commands[] = {
    {"drop", command_drop},
    {"initiate", command_initiate},
    {"ping", command_ping},
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

static bool run_command(const struct command *command, int argc, char **argv)
{
    bson_error_t error = {0};
    char uri[256];
    snprintf(uri, sizeof(uri), "mongodb://%s/?directConnection=true", argv[2]);
    mongoc_init();
    mongoc_client_t *client = mongoc_client_new(uri);
    bool ok = client != NULL &&
              command->run(client, command_argument(argc, argv), &error);
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
        fprintf(stderr, "usage: mongo_ctl ping|initiate|wait-primary HOST:PORT"
                        "\n       mongo_ctl drop HOST:PORT DATABASE\n");
        return 2;
    }
    return run_command(command, argc, argv) ? 0 : 1;
}
