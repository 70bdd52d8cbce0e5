/* SPDX-License-Identifier: Apache-2.0 */
/** The suite on SQLite files in a folder of their own. */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/conformance/points_suite.h"
#include "tests/conformance/store_suite.h"

enum {
    PATH_MAX_LEN = 256,
    WALK_FDS = 8
};

struct place {
    char folder[PATH_MAX_LEN];
};

static void begin(void *ctx)
{
    struct place *place = ctx;

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

static void end(void *ctx)
{
    struct place *place = ctx;

    assert_int_equal(
        nftw(place->folder, remove_one, WALK_FDS, FTW_DEPTH | FTW_PHYS), 0);
}

static struct store *open_handle(void *ctx, const char *writer)
{
    const struct place *place = ctx;
    char uri[PATH_MAX_LEN * 2];
    struct store_options options = {.uri = uri, .writer = writer};
    struct store *store = NULL;
    struct errbuf why = {0};

    (void)snprintf(uri, sizeof uri, "sqlite:%s/data", place->folder);
    if (store_open(&options, &store, &why) != ERR_OK) {
        fail_msg("%s", why.text);
    }
    return store;
}

int main(void)
{
    struct place place;
    struct store_suite suite = {"store conformance: sqlite", &place, begin, end,
                                open_handle};

    return store_suite_run(&suite) + points_suite_run(&suite);
}
