/* SPDX-License-Identifier: Apache-2.0 */
/** A file that the programs of schema 1 wrote: read on, and converted. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/base/buf.h"
#include "tests/conformance/points_suite.h"
#include "tests/conformance/sqlite_place.h"
#include "tests/support/unit.h"

enum {
    FOLDER_MODE = 0700,
    SQL_MAX = 1024 * 1024,
    CHUNK = 65536
};

static void read_sql(struct buf *sql)
{
    const char *top = getenv("srcdir");
    char path[SQLITE_PLACE_PATH_MAX * 2];
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
    const struct sqlite_place *place = ctx;
    char path[SQLITE_PLACE_PATH_MAX * 2];
    struct buf sql;
    sqlite3 *db;

    sqlite_place_begin(ctx);
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

int main(void)
{
    struct sqlite_place place;
    struct store_suite suite = {"schema 1", &place, begin, sqlite_place_end,
                                sqlite_place_open};

    return points_suite_run_schema_1(&suite);
}
