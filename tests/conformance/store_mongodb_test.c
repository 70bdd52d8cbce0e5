/* SPDX-License-Identifier: Apache-2.0 */
/** The suite on a real MongoDB: $HYP_TEST_MONGODB, a uri of a replica set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/conformance/store_suite.h"
#include "tests/support/mongo_drop.h"

enum {
    URI_MAX = 512,
    SKIPPED = 77
};

struct place {
    const char *server;
    char uri[URI_MAX];
    int n;
};

static void begin(void *ctx)
{
    struct place *place = ctx;
    char database[64];

    (void)snprintf(database, sizeof database, "hyp_test_%d_%d", (int)getpid(),
                   place->n++);
    mongo_uri_with(place->server, database, place->uri, sizeof place->uri);
}

static void end(void *ctx)
{
    struct place *place = ctx;

    mongo_drop(place->uri);
}

static struct store *open_handle(void *ctx, const char *writer)
{
    const struct place *place = ctx;
    struct store_options options = {.uri = place->uri, .writer = writer};
    struct store *store = NULL;
    struct errbuf why = {0};

    if (store_open(&options, &store, &why) != ERR_OK) {
        fail_msg("%s", why.text);
    }
    return store;
}

int main(void)
{
    struct place place = {.server = getenv("HYP_TEST_MONGODB")};
    struct store_suite suite = {"store conformance: mongodb", &place, begin,
                                end, open_handle};

    if (place.server == NULL) {
        (void)fprintf(stderr, "HYP_TEST_MONGODB is not set: skipped\n");
        return SKIPPED;
    }
    return store_suite_run(&suite);
}
