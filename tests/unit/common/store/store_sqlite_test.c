/* SPDX-License-Identifier: Apache-2.0 */
/** What can happen to SQLite files: full disk, no rights, damage, kill -9. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/store/store.h"

enum {
    TEXT_MAX = 512,
    WALK_FDS = 8,
    FILE_LIMIT = 1024 * 1024,
    ROW_BYTES = 64 * 1024,
    NOBODY = 65534,
    KILL_AFTER = 20
};

struct place {
    char folder[TEXT_MAX];
    int complaints;
};

static void count_line(void *ctx, enum log_level level, const char *id,
                       const char *text)
{
    struct place *place = ctx;

    (void)text;
    if (level >= LOG_WARNING && strcmp(id, "STORE-AWAY") == 0) {
        place->complaints++;
    }
}

static int setup(void **state)
{
    struct place *place = xcalloc(1, sizeof *place);

    (void)snprintf(place->folder, sizeof place->folder,
                   "/tmp/hyp-store-XXXXXX");
    if (mkdtemp(place->folder) == NULL) {
        return -1;
    }
    log_set_sink(count_line, place);
    *state = place;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

static int teardown(void **state)
{
    struct place *place = *state;
    int failed =
        nftw(place->folder, remove_one, WALK_FDS, FTW_DEPTH | FTW_PHYS);

    log_set_sink(NULL, NULL);
    free(place);
    return failed;
}

static enum err open_at(const struct place *place, const char *writer,
                        struct store **out, struct errbuf *why)
{
    char uri[TEXT_MAX + 8];
    struct store_options options = {.uri = uri, .writer = writer};

    (void)snprintf(uri, sizeof uri, "sqlite:%s", place->folder);
    return store_open(&options, out, why);
}

static struct store *must_open(const struct place *place, const char *writer)
{
    struct store *store = NULL;
    struct errbuf why = {0};

    if (open_at(place, writer, &store, &why) != ERR_OK) {
        fail_msg("%s", why.text);
    }
    return store;
}

static void raise_fence(struct store *store, struct store_fence *fence)
{
    struct buf payload;

    buf_init(&payload, TEXT_MAX);
    *fence = (struct store_fence){.row = "alarm"};
    assert_int_equal(store_fence_raise(store, 1, fence, &payload), ERR_OK);
    buf_fini(&payload);
}

/* Rows n.. of a batch: each of ROW_BYTES, under its number. */
static void add_row(struct store_batch *batch, int64_t n)
{
    struct store_key key = {.text = "x", .a = n};
    struct doc_out *out = doc_out_new();
    char *body = xcalloc(1, ROW_BYTES);

    doc_add_i64(out, "n", n);
    doc_add_bytes(out, "body", body, ROW_BYTES);
    store_batch_append(batch, STORE_STEPS, &key, doc_out_done(out));
    free(body);
    doc_out_free(out);
}

static int64_t count_steps(struct store *store)
{
    int64_t n = -1;

    assert_int_equal(store_count(store, STORE_STEPS, NULL, 1 << 20, &n),
                     ERR_OK);
    return n;
}

static void fill(const struct place *place, int64_t rows)
{
    struct store *store = must_open(place, "alarm");
    struct store_batch *batch = store_batch_new();
    struct store_fence fence;

    raise_fence(store, &fence);
    for (int64_t i = 0; i < rows; i++) {
        add_row(batch, i);
    }
    assert_int_equal(store_commit(store, &fence, batch, (struct doc){NULL, 0}),
                     ERR_OK);
    store_batch_free(batch);
    store_close(store);
}

static void file_path(const struct place *place, char *path)
{
    int n =
        snprintf(path, TEXT_MAX, "%.*s/alarm.db", TEXT_MAX - 16, place->folder);

    assert_true(n > 0 && n < TEXT_MAX);
}

/* The limit of file sizes stands for a full disk: writes fail in the middle.
 * What was committed stays, the failed batch goes in once there is room. */
static void test_disk_full(void **state)
{
    struct place *place = *state;
    struct store *store = must_open(place, "alarm");
    struct store_batch *batch = store_batch_new();
    struct store_fence fence;
    struct errbuf why = {0};
    struct rlimit before;
    struct rlimit limit;
    int64_t n = 0;
    enum err err;

    raise_fence(store, &fence);
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = (struct rlimit){FILE_LIMIT, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    do {
        store_batch_clear(batch);
        add_row(batch, n++);
        err = store_commit(store, &fence, batch, (struct doc){NULL, 0});
        assert_true(n < FILE_LIMIT / ROW_BYTES * 2);
    } while (err == ERR_OK);
    if (err == ERR_UNKNOWN) {
        bool applied = true;

        assert_int_equal(store_commit_known(store, &fence, &applied), ERR_OK);
        assert_false(applied);
        err = ERR_UNAVAILABLE;
    }
    assert_int_equal(err, ERR_UNAVAILABLE);
    assert_int_equal(place->complaints, 1);
    assert_int_equal(store_ping(store, &why), ERR_UNAVAILABLE);
    assert_non_null(strstr(why.text, "alarm.db"));
    assert_int_equal(count_steps(store), n - 1);

    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(store_commit(store, &fence, batch, (struct doc){NULL, 0}),
                     ERR_OK);
    assert_int_equal(store_ping(store, &why), ERR_OK);
    assert_int_equal(count_steps(store), n);
    store_batch_free(batch);
    store_close(store);
}

/* In a process that has no rights over others' files. */
static int without_rights(const struct place *place)
{
    struct store *store = NULL;
    struct errbuf why = {0};

    if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)) {
        return 2;
    }
    if (open_at(place, "alarm", &store, &why) != ERR_UNAVAILABLE) {
        return 3;
    }
    return strstr(why.text, "alarm.db") != NULL ? 0 : 4;
}

static void test_read_only_file(void **state)
{
    const struct place *place = *state;
    char path[TEXT_MAX];
    int status = -1;
    pid_t child;

    fill(place, 1);
    file_path(place, path);
    assert_int_equal(chmod(path, S_IRUSR | S_IRGRP | S_IROTH), 0);
    assert_int_equal(chmod(place->folder, S_IRWXU | S_IXGRP | S_IXOTH), 0);
    child = fork();
    if (child == 0) {
        _exit(without_rights(place));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_no_folder(void **state)
{
    struct place place = *(const struct place *)*state;
    struct store *store = NULL;
    struct errbuf why = {0};
    size_t len = strlen(place.folder);

    (void)snprintf(place.folder + len, sizeof place.folder - len, "/a/b");
    assert_int_equal(open_at(&place, "alarm", &store, &why), ERR_UNAVAILABLE);
    assert_string_equal(why.field, "storage");
    assert_non_null(strstr(why.text, place.folder));
    assert_null(store);
}

struct damage_case {
    const char *name;
    off_t at;     /* of the bytes to spoil; negative: from the end */
    size_t len;   /* 0: cut the file there instead */
    bool unclean; /* only looked for after a crash */
};

static const struct damage_case damages[] = {
    {"no header", 0, 100, false},
    {"schema page", 100, 3000, false},
    {"data page", -200000, 9000, true},
    {"cut short", 40000, 0, true},
};

static void spoil(const char *path, const struct damage_case *c)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    struct stat st;
    off_t at;
    char *junk = xcalloc(1, c->len + 1);

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    at = c->at >= 0 ? c->at : st.st_size + c->at;
    memset(junk, 'J', c->len + 1);
    if (c->len == 0) {
        assert_int_equal(ftruncate(fd, at), 0);
    } else {
        assert_int_equal(pwrite(fd, junk, c->len, at), (ssize_t)c->len);
    }
    free(junk);
    assert_int_equal(close(fd), 0);
}

/* As after a crash: not closed in order. */
static void mark_unclean(const char *path)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "UPDATE meta SET value=0 WHERE "
                                  "name='clean'",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void test_damage(void **state)
{
    const struct place *place = *state;

    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        const struct damage_case *c = &damages[i];
        struct store *store = NULL;
        struct errbuf why = {0};
        char path[TEXT_MAX];

        fill(place, 30);
        file_path(place, path);
        if (c->unclean) {
            mark_unclean(path);
        }
        spoil(path, c);
        if (open_at(place, "alarm", &store, &why) != ERR_INVALID ||
            strstr(why.text, "damaged") == NULL ||
            strstr(why.text, path) == NULL ||
            strcmp(why.field, "storage") != 0) {
            fail_msg("%s: not refused: %s", c->name, why.text);
        }
        assert_int_equal(remove(path), 0);
    }
}

static void set_version(const char *path, int version)
{
    sqlite3 *db = NULL;
    char sql[TEXT_MAX];

    (void)snprintf(sql, sizeof sql,
                   "UPDATE meta SET value=%d WHERE name='schema'", version);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* A newer or older program's file: no writer, no reader takes it. */
static void test_other_version(void **state)
{
    const struct place *place = *state;
    const char *const writers[] = {"alarm", NULL};
    char path[TEXT_MAX];

    fill(place, 1);
    file_path(place, path);
    for (int version = 0; version <= STORE_SCHEMA_VERSION + 1; version++) {
        set_version(path, version);
        for (size_t i = 0; i < 2; i++) {
            struct store *store = NULL;
            struct errbuf why = {0};
            enum err err = open_at(place, writers[i], &store, &why);

            /* The writer brings an older one up to date. */
            if (version >= 1 && version <= STORE_SCHEMA_VERSION) {
                assert_int_equal(err, ERR_OK);
            } else if (err != ERR_INVALID ||
                       strstr(why.text, "version") == NULL) {
                fail_msg("version %d: not refused: %s", version, why.text);
            }
            store_close(store);
        }
    }
}

/* One that appears after the reader opened: each read is refused. */
static void test_other_version_later(void **state)
{
    struct place *place = *state;
    struct store *reader = must_open(place, NULL);
    char path[TEXT_MAX];
    struct buf row;
    struct store_key key = {.text = "x", .a = 0};

    buf_init(&row, DOC_BYTES_MAX);
    fill(place, 1);
    file_path(place, path);
    set_version(path, STORE_SCHEMA_VERSION + 1);
    assert_int_equal(store_get(reader, STORE_STEPS, &key, &row),
                     ERR_UNAVAILABLE);
    assert_int_equal(place->complaints, 1);
    set_version(path, STORE_SCHEMA_VERSION);
    assert_int_equal(store_get(reader, STORE_STEPS, &key, &row), ERR_OK);
    buf_fini(&row);
    store_close(reader);
}

static void remove_file(const struct place *place)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char path[TEXT_MAX];
    char part[TEXT_MAX + 8];

    file_path(place, path);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        (void)snprintf(part, sizeof part, "%s%s", path, ends[i]);
        if (unlink(part) != 0) {
            assert_int_equal(errno, ENOENT);
        }
    }
}

/* The log grows ahead of what is written, in steps: a commit need not sync a
 * file that has grown. */
static void test_log_grows_ahead(void **state)
{
    struct place *place = *state;
    struct store *store = must_open(place, "alarm");
    struct store_batch *batch = store_batch_new();
    struct store_fence fence;
    char path[TEXT_MAX];
    char log[TEXT_MAX + 8];
    struct stat before;
    struct stat after;
    int grown = 0;

    raise_fence(store, &fence);
    file_path(place, path);
    (void)snprintf(log, sizeof log, "%s-wal", path);
    for (int64_t i = 0; i < 100; i++) {
        assert_int_equal(stat(log, &before), 0);
        store_batch_clear(batch);
        add_row(batch, i);
        assert_int_equal(
            store_commit(store, &fence, batch, (struct doc){NULL, 0}), ERR_OK);
        assert_int_equal(stat(log, &after), 0);
        grown += after.st_size != before.st_size;
    }
    assert_in_range(grown, 1, 10); /* of 100 commits, 6 MB */
    assert_int_equal(count_steps(store), 100);
    store_batch_free(batch);
    store_close(store);
}

/* A restore puts another file there: who reads on must see that one. */
static void test_replaced(void **state)
{
    struct place *place = *state;
    struct store *reader;

    fill(place, 3);
    reader = must_open(place, NULL);
    assert_int_equal(count_steps(reader), 3);
    remove_file(place);
    assert_int_equal(count_steps(reader), 0);
    fill(place, 5);
    assert_int_equal(count_steps(reader), 5);
    remove_file(place);
    fill(place, 2);
    assert_int_equal(count_steps(reader), 2);
    assert_int_equal(place->complaints, 0);
    store_close(reader);
}

struct replacing {
    const struct place *place;
    struct store *reader;
    int rows;
};

static bool replace_and_read(void *ctx, const struct store_key *key,
                             struct doc row)
{
    struct replacing *replacing = ctx;
    struct buf other;

    (void)row;
    if (replacing->rows++ == 0) {
        remove_file(replacing->place);
        fill(replacing->place, 1);
    }
    buf_init(&other, DOC_BYTES_MAX);
    assert_int_equal(store_get(replacing->reader, STORE_STEPS, key, &other),
                     ERR_OK);
    buf_fini(&other);
    return true;
}

/* A scan under way ends on the file it began with. */
static void test_replaced_in_scan(void **state)
{
    struct place *place = *state;
    const struct store_query query = {.collection = STORE_STEPS, .limit = 100};
    struct replacing replacing = {.place = place};

    fill(place, 4);
    replacing.reader = must_open(place, NULL);
    assert_int_equal(store_scan(replacing.reader, &query, replace_and_read,
                                &replacing, NULL, NULL),
                     ERR_OK);
    assert_int_equal(replacing.rows, 4);
    assert_int_equal(count_steps(replacing.reader), 1);
    store_close(replacing.reader);
}

/* Commit without end, telling the number of each. */
_Noreturn static void commit_for_ever(const struct place *place, int out)
{
    struct store *store = NULL;
    struct store_batch *batch = store_batch_new();
    struct store_fence fence;
    struct errbuf why;

    if (open_at(place, "alarm", &store, &why) != ERR_OK) {
        _exit(2);
    }
    raise_fence(store, &fence);
    for (;;) {
        store_batch_clear(batch);
        add_row(batch, fence.batch * 2);
        add_row(batch, fence.batch * 2 + 1);
        if (store_commit(store, &fence, batch, (struct doc){NULL, 0}) !=
                ERR_OK ||
            write(out, &fence.batch, sizeof fence.batch) !=
                (ssize_t)sizeof fence.batch) {
            _exit(3);
        }
    }
}

/* What was told to be in is in, and no batch is in by half. */
static void test_kill(void **state)
{
    const struct place *place = *state;
    int64_t told = 0;

    for (int round = 0; round < 3; round++) {
        int pipes[2];
        pid_t child;
        struct store *store;
        struct store_fence fence;

        assert_int_equal(pipe(pipes), 0);
        child = fork();
        if (child == 0) {
            commit_for_ever(place, pipes[1]);
        }
        (void)close(pipes[1]);
        for (int i = 0; i < KILL_AFTER + round * 7; i++) {
            assert_int_equal(read(pipes[0], &told, sizeof told), sizeof told);
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        while (read(pipes[0], &told, sizeof told) == sizeof told) {
        }
        (void)close(pipes[0]);
        store = must_open(place, "alarm");
        raise_fence(store, &fence);
        assert_in_range(fence.batch, told, told + 1);
        assert_int_equal(count_steps(store), fence.batch * 2);
        store_close(store);
    }
}

/* Only its user and group may read what is stored. */
static void test_rights(void **state)
{
    const struct place *place = *state;
    char path[TEXT_MAX];
    struct stat st;

    fill(place, 1);
    file_path(place, path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & S_IRWXO, 0);
}

static void test_bad_uri(void **state)
{
    static const char *const uris[] = {"", "sqlite", "sqlite:", "/tmp/x",
                                       "mysql://localhost/x"};

    (void)state;
    for (size_t i = 0; i < sizeof uris / sizeof uris[0]; i++) {
        struct store_options options = {.uri = uris[i], .writer = "alarm"};
        struct store *store = NULL;
        struct errbuf why = {0};

        if (store_open(&options, &store, &why) != ERR_INVALID ||
            strcmp(why.field, "storage") != 0) {
            fail_msg("%s: not refused", uris[i]);
        }
    }
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_disk_full),     CASE(test_read_only_file),
        CASE(test_no_folder),     CASE(test_damage),
        CASE(test_other_version), CASE(test_other_version_later),
        CASE(test_kill),          CASE(test_rights),
        CASE(test_bad_uri),       CASE(test_log_grows_ahead),
        CASE(test_replaced),      CASE(test_replaced_in_scan),
    };
#undef CASE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
