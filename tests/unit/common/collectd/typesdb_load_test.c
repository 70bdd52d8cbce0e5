/* SPDX-License-Identifier: Apache-2.0 */
/** Several files of types: own ones, what they replace, what is wrong. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/collectd/typesdb_load.h"
#include "tests/support/rows.h"
#include "tests/support/testlog.h"
#include "tests/support/unit.h"

enum {
    FILES_MAX = 3
};

static const struct load_row {
    const char *name;
    const char *files[FILES_MAX];
    const char *told; /* in the last warning; NULL: there is none */
    int n_told;
    const char *refused; /* in why; NULL: it is taken */
    size_t n;            /* types */
} loads[] = {
    {.name = "a type of one's own",
     .files = {"load value:GAUGE:0:U\n", "queue value:GAUGE:0:U\n"},
     .n = 2},
    {.name = "the same once more",
     .files = {"load short:GAUGE:0:100, mid:GAUGE:0:U\n",
               "load short:GAUGE:0:100,mid:GAUGE:0:U\n"},
     .n = 1},
    {.name = "another kind",
     .files = {"a value:GAUGE:0:U\n", "# own\na value:DERIVE:0:U\n"},
     .told = "types1.db:2: type a is not as an earlier line defines it",
     .n_told = 1,
     .n = 1},
    {.name = "another bound",
     .files = {"a value:GAUGE:0:U\n", "a value:GAUGE:0:100\n"},
     .told = "type a ",
     .n_told = 1,
     .n = 1},
    {.name = "another name",
     .files = {"a rx:DERIVE:0:U,tx:DERIVE:0:U\n",
               "a in:DERIVE:0:U,tx:DERIVE:0:U\n"},
     .told = "type a ",
     .n_told = 1,
     .n = 1},
    {.name = "within one file",
     .files = {"a value:GAUGE:0:U\na x:GAUGE:0:U,y:GAUGE:0:U\n"},
     .told = "types0.db:2: type a ",
     .n_told = 1,
     .n = 1},
    {.name = "a line that is wrong",
     .files = {"a value:GAUGE:0:U\n", "b value:GAUGE:0:U\nc value:GAGE:0:U\n"},
     .refused = "types1.db: line 2: expected name:TYPE:min:max, found "
                "'value:GAGE:0:U'",
     .n = 2},
};

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void check_load(void **state)
{
    const struct load_row *row = *state;
    char folder[] = "/tmp/hyp-types-XXXXXX";
    char *paths[FILES_MAX];
    struct conf_list list = {paths, 0};
    struct typesdb *db = typesdb_new();
    struct errbuf why = {0};
    enum err err;

    assert_non_null(mkdtemp(folder));
    for (; list.n < FILES_MAX && row->files[list.n] != NULL; list.n++) {
        paths[list.n] = xasprintf("%s/types%zu.db", folder, list.n);
        put(paths[list.n], row->files[list.n]);
    }
    if (row->told != NULL) {
        testlog_expect("COLLECTD-TYPE");
    }
    err = typesdb_load(db, &list, &why);
    assert_int_equal(err, row->refused != NULL ? ERR_INVALID : ERR_OK);
    if (row->refused != NULL) {
        assert_non_null(strstr(why.text, row->refused));
    }
    assert_int_equal(testlog_count("COLLECTD-TYPE"), row->n_told);
    if (row->told != NULL) {
        assert_non_null(strstr(testlog_text("COLLECTD-TYPE"), row->told));
    }
    assert_int_equal(typesdb_count(db), row->n);
    typesdb_free(db);
    for (size_t i = 0; i < list.n; i++) {
        (void)unlink(paths[i]);
        free(paths[i]);
    }
    (void)rmdir(folder);
}

static void missing_file(void **state)
{
    char path[] = "/nonexistent/types.db";
    char *paths[] = {path};
    const struct conf_list list = {paths, 1};
    struct typesdb *db = typesdb_new();
    struct errbuf why = {0};

    (void)state;
    assert_int_equal(typesdb_load(db, &list, &why), ERR_INVALID);
    assert_non_null(strstr(why.text, path));
    typesdb_free(db);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROWS(loads, check_load),
        ROW_SINGLE(missing_file),
    };

    return rows_run("typesdb_load", tables, N_ROWS(tables));
}
