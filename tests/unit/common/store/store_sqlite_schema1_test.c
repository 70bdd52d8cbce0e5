/* SPDX-License-Identifier: Apache-2.0 */
/** A file that the programs of schema 1 wrote: read on, and converted. */
#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/buf.h"
#include "tests/conformance/points_suite.h"
#include "tests/support/unit.h"

enum {
    PATH_MAX_LEN = 256,
    FOLDER_MODE = 0700,
    SQL_MAX = 1024 * 1024,
    CHUNK = 65536,
    WALK_FDS = 8
};

struct place {
    char folder[PATH_MAX_LEN];
};

static void read_sql(struct buf *sql)
{
    const char *top = getenv("srcdir");
    char path[PATH_MAX_LEN * 2];
    FILE *file;
    size_t n;

    (void)snprintf(path, sizeof path,
                   "%s/tests/unit/common/store/perfdata-schema-1.sql",
                   top != NULL ? top : ".");
    file = fopen(path, "rb");
    assert_non_null(file);
    do {
        char *at = buf_extend(sql, CHUNK);

        assert_non_null(at);
        n = fread(at, 1, CHUNK, file);
        buf_truncate(sql, sql->len - CHUNK + n);
    } while (n > 0);
    (void)fclose(file);
}

static void begin(void *ctx)
{
    struct place *place = ctx;
    char path[PATH_MAX_LEN * 2];
    struct buf sql;
    sqlite3 *db;

    (void)snprintf(place->folder, sizeof place->folder,
                   "/tmp/hyp-schema1-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    (void)snprintf(path, sizeof path, "%s/data", place->folder);
    assert_int_equal(mkdir(path, FOLDER_MODE), 0);
    (void)snprintf(path, sizeof path, "%s/data/perfdata.db", place->folder);
    buf_init(&sql, SQL_MAX);
    read_sql(&sql);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, buf_str(&sql), NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    buf_fini(&sql);
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
    const struct place *place = ctx;

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
    struct store_suite suite = {"schema 1", &place, begin, end, open_handle};

    return points_suite_run_schema_1(&suite);
}
