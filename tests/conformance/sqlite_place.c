/* SPDX-License-Identifier: Apache-2.0 */
/** A folder of SQLite files that the store suites run on. */
#include "tests/conformance/sqlite_place.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/unit.h"

enum {
    WALK_FDS = 8
};

void sqlite_place_begin(void *ctx)
{
    struct sqlite_place *place = ctx;

    (void)snprintf(place->folder, sizeof place->folder,
                   "/tmp/hyp-store-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
}

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

void sqlite_place_end(void *ctx)
{
    const struct sqlite_place *place = ctx;

    assert_int_equal(
        nftw(place->folder, remove_one, WALK_FDS, FTW_DEPTH | FTW_PHYS), 0);
}

struct store *sqlite_place_open(void *ctx, const char *writer)
{
    const struct sqlite_place *place = ctx;
    char uri[SQLITE_PLACE_PATH_MAX * 2];
    struct store_options options = {.uri = uri, .writer = writer};
    struct store *store = NULL;
    struct errbuf why = {0};

    (void)snprintf(uri, sizeof uri, "sqlite:%s/data", place->folder);
    if (store_open(&options, &store, &why) != ERR_OK) {
        fail_msg("%s", why.text);
    }
    return store;
}
