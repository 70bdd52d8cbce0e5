/* SPDX-License-Identifier: Apache-2.0 */
/** Backups of SQLite stores, and backup files that are not as they should be.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/backup/backup.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "tests/conformance/backup_suite.h"
#include "tests/support/testlog.h"
#include "tests/support/unit.h"

enum {
    ENTITIES = 40,
    FOREIGN_FILES = 70,
    FILE_MAX = 1024 * 1024
};

/* --- a small backup to be spoilt --------------------------------------------
 */

struct spoilt {
    int fd; /* in memory */
    struct buf good;
};

static void write_backup(int fd)
{
    const struct backup_summary head = {.created_ms = 1700000000000,
                                        .schema = STORE_SCHEMA_VERSION,
                                        .version = "1.2.3",
                                        .store = "sqlite"};
    struct backup_writer *writer = NULL;
    struct doc_out *out = doc_out_new();
    struct errbuf why;

    assert_int_equal(backup_writer_open(fd, &head, &writer, &why), ERR_OK);
    for (int i = 0; i < ENTITIES; i++) {
        char id[32];
        const struct store_key key = {.text = id, .a = i};

        (void)snprintf(id, sizeof id, "entity%d", i);
        doc_out_reset(out);
        doc_add_i64(out, "i", i);
        assert_int_equal(backup_write_row(writer, STORE_ENTITIES, &key,
                                          doc_out_done(out), &why),
                         ERR_OK);
        assert_int_equal(backup_write_row(writer, STORE_STEPS, &key,
                                          doc_out_done(out), &why),
                         ERR_OK);
    }
    assert_int_equal(backup_write_progress(writer,
                                           &(struct store_copy_progress){
                                               .row = "context",
                                               .epoch = 1,
                                               .batch = 2,
                                               .payload = doc_out_done(out)},
                                           &why),
                     ERR_OK);
    assert_int_equal(backup_write_end(writer, &why), ERR_OK);
    backup_writer_free(writer);
    doc_out_free(out);
}

static int spoilt_setup(void **state)
{
    struct spoilt *spoilt = xcalloc(1, sizeof *spoilt);
    struct stat st;

    spoilt->fd = memfd_create("backup", MFD_CLOEXEC);
    assert_true(spoilt->fd >= 0);
    write_backup(spoilt->fd);
    assert_int_equal(fstat(spoilt->fd, &st), 0);
    buf_init(&spoilt->good, FILE_MAX);
    assert_int_equal(pread(spoilt->fd,
                           buf_extend(&spoilt->good, (size_t)st.st_size),
                           (size_t)st.st_size, 0),
                     st.st_size);
    *state = spoilt;
    return 0;
}

static int spoilt_teardown(void **state)
{
    struct spoilt *spoilt = *state;

    (void)close(spoilt->fd);
    buf_fini(&spoilt->good);
    free(spoilt);
    return 0;
}

static enum err verify(const struct spoilt *spoilt, const char *data,
                       size_t len, struct errbuf *why)
{
    const struct backup_sink nobody = {.ctx = NULL};
    struct backup_reader *reader = NULL;
    enum err err;

    assert_int_equal(ftruncate(spoilt->fd, (off_t)len), 0);
    assert_int_equal(pwrite(spoilt->fd, data, len, 0), (ssize_t)len);
    assert_int_equal(lseek(spoilt->fd, 0, SEEK_SET), 0);
    err = backup_reader_open(spoilt->fd, &reader, why);
    if (err == ERR_OK) {
        err = backup_read(reader, &nobody, why);
    }
    backup_reader_free(reader);
    return err;
}

static void test_good(void **state)
{
    struct spoilt *spoilt = *state;
    const struct backup_sink nobody = {.ctx = NULL};
    const struct backup_summary *summary;
    struct backup_reader *reader = NULL;
    struct errbuf why = {0};

    assert_int_equal(lseek(spoilt->fd, 0, SEEK_SET), 0);
    assert_int_equal(backup_reader_open(spoilt->fd, &reader, &why), ERR_OK);
    assert_int_equal(backup_read(reader, &nobody, &why), ERR_OK);
    summary = backup_reader_summary(reader);
    assert_int_equal(summary->all_rows, 2 * ENTITIES);
    assert_int_equal(summary->rows[STORE_STEPS], ENTITIES);
    assert_int_equal(summary->progress, 1);
    assert_int_equal(summary->created_ms, 1700000000000);
    assert_string_equal(summary->version, "1.2.3");
    assert_int_equal(summary->bytes, spoilt->good.len);
    backup_reader_free(reader);
}

/* Any byte of it counts. */
static void test_each_byte(void **state)
{
    struct spoilt *spoilt = *state;
    struct errbuf why = {0};

    for (size_t i = 0; i < spoilt->good.len; i++) {
        spoilt->good.data[i] ^= 0x41;
        if (verify(spoilt, spoilt->good.data, spoilt->good.len, &why) !=
            ERR_INVALID) {
            fail_msg("byte %zu is changed, and nobody cares", i);
        }
        spoilt->good.data[i] ^= 0x41;
    }
}

/* So does each length below the whole, and above. */
static void test_each_length(void **state)
{
    struct spoilt *spoilt = *state;
    struct errbuf why = {0};

    for (size_t len = 0; len < spoilt->good.len; len++) {
        if (verify(spoilt, spoilt->good.data, len, &why) != ERR_INVALID) {
            fail_msg("%zu bytes are taken for the whole", len);
        }
    }
    buf_add_char(&spoilt->good, '\0');
    assert_int_equal(verify(spoilt, spoilt->good.data, spoilt->good.len, &why),
                     ERR_INVALID);
    assert_non_null(strstr(why.text, "behind the end"));
}

static uint32_t length_at(const struct buf *data, size_t at)
{
    uint32_t value = 0;

    for (size_t i = 4; i > 0; i--) {
        value = value << 8 | (uint8_t)data->data[at + i - 1];
    }
    return value;
}

/* A frame is 32 bytes and what the word at 20 says. */
static void test_frame_missing(void **state)
{
    struct spoilt *spoilt = *state;
    struct errbuf why = {0};
    size_t second = 32 + length_at(&spoilt->good, 20);
    size_t third = second + 32 + length_at(&spoilt->good, second + 20);
    struct buf less;

    buf_init(&less, FILE_MAX);
    buf_add(&less, spoilt->good.data, second);
    buf_add(&less, spoilt->good.data + third, spoilt->good.len - third);
    assert_int_equal(verify(spoilt, less.data, less.len, &why), ERR_INVALID);
    assert_non_null(strstr(why.text, "another one was expected"));
    buf_fini(&less);
}

static const struct {
    const char *name;
    const char *text;
} strangers[] = {
    {"empty", ""},
    {"short", "HYPB"},
    {"text", "this is a text and no backup, but long enough for a head"},
};

static void test_strangers(void **state)
{
    struct spoilt *spoilt = *state;
    struct errbuf why = {0};

    for (size_t i = 0; i < N_ROWS(strangers); i++) {
        if (verify(spoilt, strangers[i].text, strlen(strangers[i].text),
                   &why) != ERR_INVALID ||
            strstr(why.text, "no backup") == NULL) {
            fail_msg("%s: %s", strangers[i].name, why.text);
        }
    }
}

/* Made by a program of another schema: told, and what to do. */
static void test_other_schema(void **state)
{
    struct spoilt *spoilt = *state;
    const struct backup_summary head = {
        .schema = STORE_SCHEMA_VERSION + 1, .version = "9", .store = "sqlite"};
    struct backup_writer *writer = NULL;
    struct backup_reader *reader = NULL;
    struct errbuf why = {0};

    assert_int_equal(lseek(spoilt->fd, 0, SEEK_SET), 0);
    assert_int_equal(backup_writer_open(spoilt->fd, &head, &writer, &why),
                     ERR_OK);
    backup_writer_free(writer);
    assert_int_equal(lseek(spoilt->fd, 0, SEEK_SET), 0);
    assert_int_equal(backup_reader_open(spoilt->fd, &reader, &why),
                     ERR_INVALID);
    assert_non_null(strstr(why.text, "schema version"));
}

/* --- SQLite's own ways ------------------------------------------------------
 */

/* A store with one entity, and a backup of it. */
struct kept {
    struct backup_folder folder;
    char *path;
};

static struct store *open_context(const char *uri, struct errbuf *why)
{
    const struct store_options options = {.uri = uri, .writer = "context"};
    struct store *store = NULL;

    return store_open(&options, &store, why) == ERR_OK ? store : NULL;
}

static int kept_setup(void **state)
{
    struct kept *kept = xcalloc(1, sizeof *kept);
    struct store_batch *batch = store_batch_new();
    struct doc_out *out = doc_out_new();
    struct store_fence fence = {.row = "context"};
    struct backup_summary summary;
    struct errbuf why = {0};
    struct store *store;
    struct buf payload;

    backup_folder_begin(&kept->folder);
    kept->path = xasprintf("%s/backup", kept->folder.name);
    store = open_context(kept->folder.uri, &why);
    assert_non_null(store);
    buf_init(&payload, FILE_MAX);
    assert_int_equal(store_fence_raise(store, 1, &fence, &payload), ERR_OK);
    doc_add_str(out, "name", "web1");
    store_batch_put(batch, STORE_ENTITIES, &(struct store_key){.text = "web1"},
                    doc_out_done(out));
    assert_int_equal(store_commit(store, &fence, batch, (struct doc){NULL, 0}),
                     ERR_OK);
    store_close(store);
    assert_int_equal(
        backup_make(kept->folder.uri, kept->path, NULL, &summary, &why),
        ERR_OK);
    buf_fini(&payload);
    doc_out_free(out);
    store_batch_free(batch);
    *state = kept;
    return 0;
}

static int kept_teardown(void **state)
{
    struct kept *kept = *state;

    backup_folder_end(&kept->folder);
    free(kept->path);
    free(kept);
    return 0;
}

static enum err restore(const struct kept *kept, enum store_filling_mode mode,
                        struct errbuf *why)
{
    struct backup_summary summary;

    return backup_restore(kept->path, kept->folder.uri, mode, NULL, &summary,
                          why);
}

static void test_in_use(void **state)
{
    struct kept *kept = *state;
    struct errbuf why = {0};
    struct store *store = open_context(kept->folder.uri, &why);

    assert_non_null(store);
    assert_int_equal(restore(kept, STORE_FILL_REPLACE, &why), ERR_CONFLICT);
    assert_non_null(strstr(why.text, "context.db is in use"));
    assert_int_equal(store_ping(store, &why), ERR_OK);
    store_close(store);
    assert_int_equal(restore(kept, STORE_FILL_REPLACE, &why), ERR_OK);
}

/* Whose fault it is: the file's, by its name, or the store's. */
static void test_which_file(void **state)
{
    struct kept *kept = *state;
    char *file = xasprintf("%s/stranger", kept->folder.name);
    char *good = kept->path;
    struct backup_summary summary;
    struct errbuf why = {0};

    assert_int_equal(file_replace(file, "no backup at all", 16, 0600, NULL),
                     ERR_OK);
    assert_int_equal(backup_verify(file, NULL, &summary, &why), ERR_INVALID);
    assert_int_equal(strncmp(why.text, file, strlen(file)), 0);
    kept->path = file;
    assert_int_equal(restore(kept, STORE_FILL_REPLACE, &why), ERR_INVALID);
    assert_int_equal(strncmp(why.text, file, strlen(file)), 0);
    kept->path = good;
    assert_int_equal(truncate(good, 200), 0);
    assert_int_equal(restore(kept, STORE_FILL_REPLACE, &why), ERR_INVALID);
    assert_int_equal(strncmp(why.text, good, strlen(good)), 0);
    assert_int_equal(restore(kept, STORE_FILL_EMPTY, &why), ERR_CONFLICT);
    assert_null(strstr(why.text, good));
    free(file);
}

/* One restore at a time; who comes second does no harm to the first. */
static void test_two_at_once(void **state)
{
    struct kept *kept = *state;
    struct store_filling *filling = NULL;
    struct errbuf why = {0};

    assert_int_equal(store_filling_open(kept->folder.uri, STORE_FILL_REPLACE,
                                        &filling, &why),
                     ERR_OK);
    assert_int_equal(restore(kept, STORE_FILL_REPLACE, &why), ERR_CONFLICT);
    assert_non_null(strstr(why.text, "another restore"));
    assert_int_equal(
        store_filling_put(filling, STORE_ENTITIES,
                          &(struct store_key){.text = "x"},
                          (struct doc){(const uint8_t *)"\5\0\0\0", 5}, &why),
        ERR_OK);
    assert_int_equal(store_filling_finish(filling, &why), ERR_OK);
    store_filling_close(filling);
}

/* Broken off while files were exchanged: nobody opens that. */
static void test_broken_off(void **state)
{
    struct kept *kept = *state;
    char *mark = xasprintf("%s/data/restore-unfinished", kept->folder.name);
    struct errbuf why = {0};
    struct store *store;

    assert_int_equal(file_replace(mark, "", 0, 0600, NULL), ERR_OK);
    assert_null(open_context(kept->folder.uri, &why));
    assert_non_null(strstr(why.text, "broken off"));
    assert_int_equal(restore(kept, STORE_FILL_EMPTY, &why), ERR_INVALID);
    assert_int_equal(restore(kept, STORE_FILL_REPLACE, &why), ERR_OK);
    store = open_context(kept->folder.uri, &why);
    assert_non_null(store);
    store_close(store);
    free(mark);
}

/* What a killed restore left beside the store is in nobody's way. */
static void test_left_behind(void **state)
{
    struct kept *kept = *state;
    char *work = xasprintf("%s/data/restoring", kept->folder.name);
    char *file = xasprintf("%s/context.db", work);
    struct errbuf why = {0};
    struct store *store;

    assert_int_equal(mkdir(work, 0700), 0);
    assert_int_equal(file_replace(file, "half", 4, 0600, NULL), ERR_OK);
    store = open_context(kept->folder.uri, &why);
    assert_non_null(store);
    store_close(store);
    assert_int_equal(restore(kept, STORE_FILL_REPLACE, &why), ERR_OK);
    assert_int_not_equal(access(work, F_OK), 0);
    free(file);
    free(work);
}

/* A file that is no database any more is replaced like any other. */
static void test_damaged_store(void **state)
{
    struct kept *kept = *state;
    char *file = xasprintf("%s/data/context.db", kept->folder.name);
    struct errbuf why = {0};
    struct store *store;

    assert_int_equal(file_replace(file, "no database at all", 18, 0640, NULL),
                     ERR_OK);
    assert_null(open_context(kept->folder.uri, &why));
    assert_int_equal(restore(kept, STORE_FILL_REPLACE, &why), ERR_OK);
    store = open_context(kept->folder.uri, &why);
    assert_non_null(store);
    store_close(store);
    free(file);
}

/* More files than any store has: refused, and nothing is touched. */
static void test_not_a_store(void **state)
{
    const struct kept *kept = *state;
    struct store_snapshot *snapshot = NULL;
    struct errbuf why = {0};

    for (int i = 0; i < FOREIGN_FILES; i++) {
        char *file = xasprintf("%s/data/other%d.db", kept->folder.name, i);

        assert_int_equal(file_replace(file, "", 0, 0640, NULL), ERR_OK);
        free(file);
    }
    assert_int_equal(store_snapshot_open(kept->folder.uri, &snapshot, &why),
                     ERR_INVALID);
    assert_non_null(strstr(why.text, "no store has so many"));
    assert_int_equal(restore(kept, STORE_FILL_REPLACE, &why), ERR_INVALID);
}

int main(void)
{
    static struct backup_folder from;
    static struct backup_folder to;
    struct backup_suite suite = {
        "backup: sqlite to sqlite",
        {&from, backup_folder_begin, backup_folder_end, backup_folder_uri},
        {&to, backup_folder_begin, backup_folder_end, backup_folder_uri}};
#define SPOILT(function)                                                       \
    cmocka_unit_test_setup_teardown(function, spoilt_setup, spoilt_teardown)
#define KEPT(function)                                                         \
    cmocka_unit_test_setup_teardown(function, kept_setup, kept_teardown)
    const struct CMUnitTest tests[] = {
        SPOILT(test_good),        SPOILT(test_each_byte),
        SPOILT(test_each_length), SPOILT(test_frame_missing),
        SPOILT(test_strangers),   SPOILT(test_other_schema),
        KEPT(test_in_use),        KEPT(test_broken_off),
        KEPT(test_two_at_once),   KEPT(test_left_behind),
        KEPT(test_damaged_store), KEPT(test_not_a_store),
        KEPT(test_which_file),
    };
#undef SPOILT
#undef KEPT

    testlog_mute();
    return cmocka_run_group_tests_name("backup files", tests, NULL, NULL) +
           backup_suite_run(&suite);
}
