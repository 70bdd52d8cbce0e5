/* SPDX-License-Identifier: Apache-2.0 */
/** Databases of their own on a test's mongod. */
#include "tests/support/mongo_drop.h"

#include <mongoc/mongoc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mongo_uri_with(const char *uri, const char *database, char *out,
                    size_t size)
{
    const char *hosts = strstr(uri, "//") + strlen("//");
    size_t head = (size_t)(hosts - uri) + strcspn(hosts, "/?");
    const char *options = strchr(uri, '?');

    (void)snprintf(out, size, "%.*s/%s%s", (int)head, uri, database,
                   options != NULL ? options : "");
}

void mongo_drop(const char *uri)
{
    mongoc_client_t *client;
    mongoc_database_t *database;
    bson_error_t error;

    mongoc_init();
    client = mongoc_client_new(uri);
    database = mongoc_client_get_default_database(client);
    if (!mongoc_database_drop(database, &error)) {
        (void)fprintf(stderr, "%s: %s\n", uri, error.message);
        abort();
    }
    mongoc_database_destroy(database);
    mongoc_client_destroy(client);
}

void mongo_put(const char *uri, const char *collection, const char *json)
{
    mongoc_client_t *client;
    mongoc_database_t *database;
    mongoc_collection_t *into;
    bson_error_t error;
    bson_t *row;

    mongoc_init();
    client = mongoc_client_new(uri);
    database = mongoc_client_get_default_database(client);
    into = mongoc_database_get_collection(database, collection);
    row = bson_new_from_json((const uint8_t *)json, -1, &error);
    if (row == NULL ||
        !mongoc_collection_insert_one(into, row, NULL, NULL, &error)) {
        (void)fprintf(stderr, "%s: %s\n", uri, error.message);
        abort();
    }
    bson_destroy(row);
    mongoc_collection_destroy(into);
    mongoc_database_destroy(database);
    mongoc_client_destroy(client);
}
