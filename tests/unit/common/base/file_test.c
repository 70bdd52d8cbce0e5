/* SPDX-License-Identifier: Apache-2.0 */
/** Whole files: limits, replacing, what is left behind after a failure. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    BIG = 100000
};

struct fixture {
    char folder[32];
    char *path;
};

static void begin(struct fixture *f)
{
    *f = (struct fixture){.folder = "/tmp/hyp-file-XXXXXX"};
    assert_non_null(mkdtemp(f->folder));
    f->path = xasprintf("%s/x", f->folder);
}

static size_t count_files(const char *folder)
{
    DIR *dir = opendir(folder);
    size_t n = 0;

    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        n += entry->d_name[0] != '.';
    }
    assert_int_equal(closedir(dir), 0);
    return n;
}

static void end(struct fixture *f)
{
    (void)unlink(f->path);
    assert_int_equal(rmdir(f->folder), 0);
    free(f->path);
}

static void replaces_whole(void **state)
{
    char *big = xcalloc(1, BIG);
    struct fixture f;
    struct stat st;
    struct buf out;

    (void)state;
    memset(big, 'x', BIG);
    begin(&f);
    assert_int_equal(file_replace(f.path, big, BIG, 0640, NULL), ERR_OK);
    assert_int_equal(stat(f.path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    buf_init(&out, BIG);
    assert_int_equal(file_read(f.path, &out, NULL), ERR_OK);
    assert_int_equal(out.len, BIG);
    assert_memory_equal(out.data, big, BIG);
    assert_int_equal(file_replace(f.path, "new", 3, 0600, NULL), ERR_OK);
    buf_clear(&out);
    assert_int_equal(file_read(f.path, &out, NULL), ERR_OK);
    assert_string_equal(buf_str(&out), "new");
    assert_int_equal(count_files(f.folder), 1);
    buf_fini(&out);
    end(&f);
    free(big);
}

static void keeps_the_limit(void **state)
{
    struct errbuf why = {0};
    struct fixture f;
    struct buf out;

    (void)state;
    begin(&f);
    assert_int_equal(file_replace(f.path, "12345", 5, 0600, NULL), ERR_OK);
    buf_init(&out, 4);
    assert_int_equal(file_read(f.path, &out, &why), ERR_LIMIT);
    assert_non_null(strstr(why.text, "/x: larger than 4 bytes"));
    buf_fini(&out);
    end(&f);
}

static void tells_what_failed(void **state)
{
    struct errbuf why = {0};
    struct fixture f;
    struct buf out;

    (void)state;
    begin(&f);
    buf_init(&out, 16);
    assert_int_equal(file_read(f.path, &out, &why), ERR_NOT_FOUND);
    assert_int_equal(strncmp(why.text, f.path, strlen(f.path)), 0);
    assert_int_equal(file_read(f.folder, &out, &why), ERR_UNAVAILABLE);
    /* A folder stands in the way: refused, and nothing is left over. */
    assert_int_equal(mkdir(f.path, 0700), 0);
    assert_int_equal(file_replace(f.path, "x", 1, 0600, &why), ERR_UNAVAILABLE);
    assert_int_equal(count_files(f.folder), 1);
    assert_int_equal(rmdir(f.path), 0);
    buf_fini(&out);
    end(&f);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROW_SINGLE(replaces_whole),
        ROW_SINGLE(keeps_the_limit),
        ROW_SINGLE(tells_what_failed),
    };

    return rows_run("base/file", tables, N_ROWS(tables));
}
