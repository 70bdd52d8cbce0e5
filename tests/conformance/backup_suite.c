/* SPDX-License-Identifier: Apache-2.0 */
/** Backups from one store into another, whatever their kinds. */
#include "tests/conformance/backup_suite.h"

#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/backup/backup.h"
#include "common/base/mem.h"
#include "common/engine/restored.h"
#include "common/store/store_backend.h"
#include "tests/support/unit.h"

enum {
    ROWS = 1500, /* of entities: more than one frame and one bulk */
    FEW = 20,    /* at most, of any other collection */
    BIG_BYTES = 3 * 1024 * 1024,
    NOW_S = 1700000000,
    WALK_FDS = 8,
    ID_MAX = 64
};

/* With a partition, with a group, and those without rows of their own. */
static const char *const processes[] = {
    "alarm.0", "alarm.1",    "cleaner",  "cleaner.north", "collectdgw",
    "context", "eventstore", "perfdata", "event-filter",  "webserver"};

static struct backup_suite *suite_of(void **state)
{
    return *state;
}

/* --- a folder ---------------------------------------------------------------
 */

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

void backup_folder_begin(void *ctx)
{
    struct backup_folder *folder = ctx;

    (void)snprintf(folder->name, sizeof folder->name, "/tmp/hyp-backup-XXXXXX");
    assert_non_null(mkdtemp(folder->name));
    (void)snprintf(folder->uri, sizeof folder->uri, "sqlite:%s/data",
                   folder->name);
}

void backup_folder_end(void *ctx)
{
    struct backup_folder *folder = ctx;

    assert_int_equal(
        nftw(folder->name, remove_one, WALK_FDS, FTW_DEPTH | FTW_PHYS), 0);
}

const char *backup_folder_uri(void *ctx)
{
    struct backup_folder *folder = ctx;

    return folder->uri;
}

/* --- filling a store as engines do ------------------------------------------
 */

/* Every type, and what one of the databases would take for its own. */
static struct doc make_row(struct doc_out *out, int i, int flavour)
{
    doc_out_reset(out);
    doc_add_i64(out, "n", (int64_t)i * INT64_C(1234567890123));
    switch (flavour % 6) {
    case 0:
        doc_add_str(out, "component", "h\xc3\xb6st \"1\" $x");
        doc_add_f64(out, "state", 2.0);
        break;
    case 1:
        doc_add_str(out, "$set", "not an operator");
        doc_add_str(out, "a.b", "no path");
        break;
    case 2:
        doc_begin_array(out, "component");
        doc_add_i64(out, NULL, INT64_MIN);
        doc_add_null(out, NULL);
        doc_end(out);
        doc_add_f64(out, "state", (double)NAN);
        break;
    case 3:
        doc_begin_doc(out, "name");
        doc_add_bool(out, "yes", true);
        doc_begin_doc(out, "empty");
        doc_end(out);
        doc_end(out);
        break;
    case 4:
        doc_add_bytes(out, "data", "\0\1\2", 3);
        doc_add_str(out, "_id", "a member of this name");
        break;
    default:
        doc_add_str(out, "", "no name");
        break;
    }
    return doc_out_done(out);
}

static void put_big(struct store_batch *batch, enum store_collection collection,
                    const struct store_key *key, struct doc_out *out)
{
    char *bytes = xcalloc(1, BIG_BYTES);

    for (size_t i = 0; i < BIG_BYTES; i++) {
        bytes[i] = (char)(i * i >> 7);
    }
    doc_out_reset(out);
    doc_add_bytes(out, "big", bytes, BIG_BYTES);
    store_batch_put(batch, collection, key, doc_out_done(out));
    free(bytes);
}

static void put_rows(struct store_batch *batch, const char *process,
                     enum store_collection collection, int n,
                     struct doc_out *out)
{
    bool own = store_schema(collection)->writer == NULL;

    for (int i = 0; i < n; i++) {
        char id[ID_MAX];
        struct store_key key = {.text = id, .a = i - n / 2, .b = -i};

        (void)snprintf(id, sizeof id, own ? "%s/queue" : "%s/id %d", process,
                       i);
        if (store_schema(collection)->key == STORE_KEY_INTS) {
            key.a += (int64_t)strlen(process) * 100000 + process[6];
        }
        if (collection == STORE_ENTITIES && i == n / 2) {
            put_big(batch, collection, &key, out);
        } else {
            store_batch_put(batch, collection, &key,
                            make_row(out, i, i + (int)collection));
        }
    }
}

static struct store *open_writer(const char *uri, const char *process,
                                 struct store_fence *fence)
{
    char writer[ID_MAX];
    const struct store_options options = {.uri = uri, .writer = writer};
    struct store *store = NULL;
    struct errbuf why = {0};
    struct buf payload;

    (void)snprintf(writer, sizeof writer, "%.*s", (int)strcspn(process, "."),
                   process);
    if (store_open(&options, &store, &why) != ERR_OK) {
        fail_msg("%s", why.text);
    }
    *fence = (struct store_fence){0};
    (void)snprintf(fence->row, sizeof fence->row, "%s", process);
    buf_init(&payload, DOC_BYTES_MAX);
    assert_int_equal(store_fence_raise(store, NOW_S, fence, &payload), ERR_OK);
    buf_fini(&payload);
    return store;
}

static void commit(struct store *store, struct store_fence *fence,
                   const struct store_batch *batch, struct doc_out *out)
{
    doc_out_reset(out);
    doc_add_str(out, "of", fence->row);
    doc_add_i64(out, "batch", fence->batch);
    assert_int_equal(store_commit(store, fence, batch, doc_out_done(out)),
                     ERR_OK);
}

/* The webserver has no progress to tell. */
static void fill_process(const char *uri, const char *process, int n)
{
    struct store_batch *batch = store_batch_new();
    struct doc_out *out = doc_out_new();
    struct store_fence fence;
    struct store *store = open_writer(uri, process, &fence);
    char writer[ID_MAX];

    (void)snprintf(writer, sizeof writer, "%.*s", (int)strcspn(process, "."),
                   process);
    for (size_t i = 0; i < STORE_N_COLLECTIONS; i++) {
        if (store_may_write(writer, (enum store_collection)i)) {
            store_batch_clear(batch);
            put_rows(batch, process, (enum store_collection)i,
                     i == STORE_ENTITIES || n < FEW ? n : FEW, out);
            commit(store, &fence, batch, out);
        }
    }
    store_close(store);
    doc_out_free(out);
    store_batch_free(batch);
}

static void fill_store(const char *uri, int n)
{
    for (size_t i = 0; i < N_ROWS(processes); i++) {
        fill_process(uri, processes[i], n);
    }
}

/* --- comparing --------------------------------------------------------------
 */

/* All of a store as lines in order: "collection key hex of the row". */
struct lines {
    char **list;
    size_t n;
    size_t cap;
    enum store_collection collection;
};

static void add_line(struct lines *lines, char *line)
{
    if (lines->n == lines->cap) {
        lines->cap = lines->cap * 2 + 64;
        lines->list =
            xrealloc_array(lines->list, lines->cap, sizeof *lines->list);
    }
    lines->list[lines->n++] = line;
}

static char *hex_of(struct doc doc)
{
    char *text = xcalloc(1, (size_t)doc.len * 2 + 1);

    for (uint32_t i = 0; i < doc.len; i++) {
        static const char digits[] = "0123456789abcdef";

        text[2 * i] = digits[doc.data[i] >> 4];
        text[2 * i + 1] = digits[doc.data[i] & 15];
    }
    return text;
}

static bool line_of_row(void *ctx, const struct store_key *key, struct doc row)
{
    struct lines *lines = ctx;
    char *hex = hex_of(row);

    add_line(lines, xasprintf("%s %s %lld %lld %s",
                              store_schema(lines->collection)->name,
                              key->text != NULL ? key->text : "",
                              (long long)key->a, (long long)key->b, hex));
    free(hex);
    return true;
}

static bool line_of_progress(void *ctx,
                             const struct store_copy_progress *progress)
{
    char *hex = hex_of(progress->payload);

    add_line(ctx, xasprintf("progress %s %lld %lld %s", progress->row,
                            (long long)progress->epoch,
                            (long long)progress->batch, hex));
    free(hex);
    return true;
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void read_rows(const char *uri, struct lines *lines, bool progress)
{
    struct store_snapshot *snapshot = NULL;
    struct errbuf why = {0};

    *lines = (struct lines){0};
    if (store_snapshot_open(uri, &snapshot, &why) != ERR_OK) {
        fail_msg("%s", why.text);
    }
    for (size_t i = 0; i < STORE_N_COLLECTIONS; i++) {
        lines->collection = (enum store_collection)i;
        assert_int_equal(store_snapshot_scan(snapshot, lines->collection,
                                             line_of_row, lines, &why),
                         ERR_OK);
    }
    if (progress) {
        assert_int_equal(
            store_snapshot_progress(snapshot, line_of_progress, lines, &why),
            ERR_OK);
    }
    store_snapshot_close(snapshot);
    qsort(lines->list, lines->n, sizeof *lines->list, compare_lines);
}

static void lines_free(struct lines *lines)
{
    for (size_t i = 0; i < lines->n; i++) {
        free(lines->list[i]);
    }
    free(lines->list);
}

static void assert_same_lines(const struct lines *a, const struct lines *b)
{
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++) {
        if (strcmp(a->list[i], b->list[i]) != 0) {
            fail_msg("%.200s\nis not\n%.200s", a->list[i], b->list[i]);
        }
    }
}

static void assert_same_rows(const char *a, const char *b)
{
    struct lines of_a;
    struct lines of_b;

    read_rows(a, &of_a, false);
    read_rows(b, &of_b, false);
    assert_same_lines(&of_a, &of_b);
    lines_free(&of_a);
    lines_free(&of_b);
}

/* --- one test's stores and file ---------------------------------------------
 */

static const char *from_uri(void **state)
{
    struct backup_suite *suite = suite_of(state);

    return suite->from.uri(suite->from.ctx);
}

static const char *to_uri(void **state)
{
    struct backup_suite *suite = suite_of(state);

    return suite->to.uri(suite->to.ctx);
}

static struct backup_folder files; /* where a test's backups go */

static char *file_path(const char *name)
{
    return xasprintf("%s/%s", files.name, name);
}

static int setup(void **state)
{
    struct backup_suite *suite = suite_of(state);

    backup_folder_begin(&files);
    suite->from.begin(suite->from.ctx);
    suite->to.begin(suite->to.ctx);
    return 0;
}

static int teardown(void **state)
{
    struct backup_suite *suite = suite_of(state);

    suite->to.end(suite->to.ctx);
    suite->from.end(suite->from.ctx);
    backup_folder_end(&files);
    return 0;
}

static void make(const char *uri, const char *path,
                 struct backup_summary *summary)
{
    struct errbuf why = {0};

    if (backup_make(uri, path, NULL, summary, &why) != ERR_OK) {
        fail_msg("%s", why.text);
    }
}

static void restore(const char *path, const char *uri,
                    enum store_filling_mode mode)
{
    struct backup_summary summary;
    struct errbuf why = {0};

    if (backup_restore(path, uri, mode, NULL, &summary, &why) != ERR_OK) {
        fail_msg("%s", why.text);
    }
}

static void assert_refused(const char *path, const char *uri,
                           enum store_filling_mode mode, enum err expected,
                           const char *words)
{
    struct backup_summary summary;
    struct errbuf why = {0};

    assert_int_equal(backup_restore(path, uri, mode, NULL, &summary, &why),
                     expected);
    if (strstr(why.text, words) == NULL) {
        fail_msg("\"%s\" does not hold \"%s\"", why.text, words);
    }
}

/* --- tests ------------------------------------------------------------------
 */

static void test_every_document(void **state)
{
    char *path = file_path("backup");
    struct backup_summary summary;
    struct backup_summary read;
    struct errbuf why = {0};
    struct stat st;
    int64_t rows = 0;

    fill_store(from_uri(state), ROWS);
    make(from_uri(state), path, &summary);
    for (size_t i = 0; i < STORE_N_COLLECTIONS; i++) {
        assert_true(summary.rows[i] >= (i == STORE_ENTITIES ? ROWS : FEW));
        rows += summary.rows[i];
    }
    assert_int_equal(rows, summary.all_rows);
    assert_int_equal(summary.progress, N_ROWS(processes));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_size, summary.bytes);
    assert_int_equal(backup_verify(path, NULL, &read, &why), ERR_OK);
    assert_memory_equal(read.rows, summary.rows, sizeof read.rows);
    restore(path, to_uri(state), STORE_FILL_EMPTY);
    assert_same_rows(from_uri(state), to_uri(state));
    free(path);
}

struct expected {
    int64_t restored_ms;
    size_t n;
};

static bool check_progress(void *ctx,
                           const struct store_copy_progress *progress)
{
    struct expected *expected = ctx;

    assert_int_equal(progress->epoch, NOW_S + 1);
    assert_true(progress->batch > 0);
    assert_string_equal(doc_str(progress->payload, "of", ""), progress->row);
    assert_int_equal(doc_i64(progress->payload, "batch", -1),
                     progress->batch - 1);
    expected->restored_ms = doc_ms(progress->payload, RESTORED_MEMBER, 0);
    assert_true(expected->restored_ms > 0);
    expected->n++;
    return true;
}

/* Where each process was, under an epoch that nobody holds. */
static void test_progress(void **state)
{
    char *path = file_path("backup");
    struct expected expected = {0};
    struct backup_summary summary;
    struct store_snapshot *snapshot = NULL;
    struct errbuf why;

    fill_store(from_uri(state), 2);
    make(from_uri(state), path, &summary);
    restore(path, to_uri(state), STORE_FILL_EMPTY);
    assert_int_equal(store_snapshot_open(to_uri(state), &snapshot, &why),
                     ERR_OK);
    assert_int_equal(
        store_snapshot_progress(snapshot, check_progress, &expected, &why),
        ERR_OK);
    assert_int_equal(expected.n, N_ROWS(processes));
    store_snapshot_close(snapshot);
    free(path);
}

/* What a writer commits behind the moment of the snapshot is not in it. */
static void test_one_moment(void **state)
{
    struct store_batch *batch = store_batch_new();
    struct doc_out *out = doc_out_new();
    struct store_snapshot *snapshot = NULL;
    struct lines before;
    struct lines seen = {0};
    struct store_fence fence;
    struct store *store;
    struct errbuf why = {0};

    fill_store(from_uri(state), 10);
    read_rows(from_uri(state), &before, false);
    store = open_writer(from_uri(state), "context", &fence);
    assert_int_equal(store_snapshot_open(from_uri(state), &snapshot, &why),
                     ERR_OK);
    put_rows(batch, "context", STORE_ENTITIES, 500, out);
    store_batch_delete(batch, STORE_ENTITIES,
                       &(struct store_key){.text = "context/id 3"});
    commit(store, &fence, batch, out);
    for (size_t i = 0; i < STORE_N_COLLECTIONS; i++) {
        seen.collection = (enum store_collection)i;
        assert_int_equal(store_snapshot_scan(snapshot, seen.collection,
                                             line_of_row, &seen, &why),
                         ERR_OK);
    }
    qsort(seen.list, seen.n, sizeof *seen.list, compare_lines);
    assert_same_lines(&before, &seen);
    store_snapshot_close(snapshot);
    store_close(store);
    lines_free(&before);
    lines_free(&seen);
    doc_out_free(out);
    store_batch_free(batch);
}

/* Nothing of what was there is left, and writers go on. */
static void test_replace(void **state)
{
    char *path = file_path("backup");
    struct backup_summary summary;
    struct lines before;
    struct lines after;

    fill_process(from_uri(state), "context", 20);
    make(from_uri(state), path, &summary);
    fill_store(to_uri(state), 3);
    read_rows(to_uri(state), &before, true);
    assert_refused(path, to_uri(state), STORE_FILL_EMPTY, ERR_CONFLICT,
                   "holds a store already");
    read_rows(to_uri(state), &after, true);
    assert_same_lines(&before, &after);
    restore(path, to_uri(state), STORE_FILL_REPLACE);
    assert_same_rows(from_uri(state), to_uri(state));
    fill_process(to_uri(state), "context", 20);
    lines_free(&before);
    lines_free(&after);
    free(path);
}

static void truncate_by(const char *path, off_t less)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size - less), 0);
}

/* What is found to be damaged half way leaves the store as it was. */
static void test_not_whole(void **state)
{
    char *path = file_path("backup");
    struct backup_summary summary;
    struct lines before;
    struct lines after;

    fill_store(from_uri(state), 100);
    make(from_uri(state), path, &summary);
    truncate_by(path, 100);
    fill_process(to_uri(state), "context", 5);
    read_rows(to_uri(state), &before, true);
    assert_refused(path, to_uri(state), STORE_FILL_REPLACE, ERR_INVALID,
                   "not whole");
    read_rows(to_uri(state), &after, true);
    assert_same_lines(&before, &after);
    lines_free(&before);
    lines_free(&after);
    free(path);
}

static void test_no_store(void **state)
{
    char *path = file_path("backup");
    char *part = file_path("backup.part");
    struct backup_summary summary;
    struct errbuf why = {0};

    assert_int_equal(backup_make(from_uri(state), path, NULL, &summary, &why),
                     ERR_NOT_FOUND);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_not_equal(access(part, F_OK), 0);
    free(part);
    free(path);
}

static void test_existing_file(void **state)
{
    char *path = file_path("backup");
    struct backup_summary summary;
    struct errbuf why = {0};

    fill_process(from_uri(state), "context", 1);
    make(from_uri(state), path, &summary);
    assert_int_equal(backup_make(from_uri(state), path, NULL, &summary, &why),
                     ERR_CONFLICT);
    free(path);
}

/* --- kill -9 ----------------------------------------------------------------
 */

static void kill_self(void *ctx, const struct backup_summary *summary)
{
    (void)ctx;
    if (summary->all_rows >= ROWS / 2) {
        (void)raise(SIGKILL);
    }
}

/* In a process of its own, killed when half of it is done. */
static void run_killed(const char *path, const char *uri, bool restores)
{
    const struct backup_watch watch = {kill_self, NULL};
    struct backup_summary summary;
    struct errbuf why;
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        _exit(restores ? (int)backup_restore(path, uri, STORE_FILL_REPLACE,
                                             &watch, &summary, &why)
                       : (int)backup_make(uri, path, &watch, &summary, &why));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* No file that looks whole; the next one is not disturbed. */
static void test_backup_killed(void **state)
{
    char *path = file_path("backup");
    char *part = file_path("backup.part");
    struct backup_summary summary;
    struct errbuf why = {0};

    fill_process(from_uri(state), "context", ROWS);
    run_killed(path, from_uri(state), false);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(access(part, F_OK), 0);
    assert_int_equal(backup_verify(part, NULL, &summary, &why), ERR_INVALID);
    make(from_uri(state), path, &summary);
    assert_int_not_equal(access(part, F_OK), 0);
    free(part);
    free(path);
}

/* The store is as it was, can be used, and can be restored into again. */
static void test_restore_killed(void **state)
{
    char *path = file_path("backup");
    struct backup_summary summary;
    struct lines before;
    struct lines after;

    fill_process(from_uri(state), "context", ROWS);
    make(from_uri(state), path, &summary);
    fill_process(to_uri(state), "context", 5);
    read_rows(to_uri(state), &before, true);
    run_killed(path, to_uri(state), true);
    read_rows(to_uri(state), &after, true);
    assert_same_lines(&before, &after);
    fill_process(to_uri(state), "context", 6);
    restore(path, to_uri(state), STORE_FILL_REPLACE);
    assert_same_rows(from_uri(state), to_uri(state));
    lines_free(&before);
    lines_free(&after);
    free(path);
}

/* --- two at once ------------------------------------------------------------
 */

struct second {
    const char *path, *uri;
    bool tried;
};

static void try_second(void *ctx, const struct backup_summary *summary)
{
    struct second *second = ctx;

    (void)summary;
    if (!second->tried) {
        second->tried = true;
        assert_refused(second->path, second->uri, STORE_FILL_EMPTY,
                       ERR_CONFLICT, "another restore into it runs");
        assert_refused(second->path, second->uri, STORE_FILL_REPLACE,
                       ERR_CONFLICT, "another restore into it runs");
    }
}

/* The second is refused, and does no harm to the first. */
static void test_two_restores(void **state)
{
    char *path = file_path("backup");
    struct second second = {path, to_uri(state), false};
    const struct backup_watch watch = {try_second, &second};
    struct backup_summary summary;
    struct errbuf why = {0};

    fill_process(from_uri(state), "context", ROWS);
    make(from_uri(state), path, &summary);
    if (backup_restore(path, to_uri(state), STORE_FILL_EMPTY, &watch, &summary,
                       &why) != ERR_OK) {
        fail_msg("%s", why.text);
    }
    assert_true(second.tried);
    assert_same_rows(from_uri(state), to_uri(state));
    free(path);
}

int backup_suite_run(struct backup_suite *suite)
{
#define TEST(function)                                                         \
    {                                                                          \
#function, function, setup, teardown, suite                            \
    }
    const struct CMUnitTest tests[] = {
        TEST(test_every_document), TEST(test_progress),
        TEST(test_one_moment),     TEST(test_replace),
        TEST(test_not_whole),      TEST(test_no_store),
        TEST(test_existing_file),  TEST(test_backup_killed),
        TEST(test_restore_killed), TEST(test_two_restores),
    };
#undef TEST

    return cmocka_run_group_tests_name(suite->name, tests, NULL, NULL);
}
