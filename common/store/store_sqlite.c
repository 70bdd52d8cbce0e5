/* SPDX-License-Identifier: Apache-2.0 */
/** The SQLite backend: a folder with one file for each writer. */
#include "common/store/store_sqlite.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"

enum {
    FOLDER_MODE = 0750,
    FILES_MAX = STORE_N_COLLECTIONS + 1,
    SMALL_BATCH = 10,   /* writes; of timers and marks more or less */
    QUIET_COMMITS = 60, /* one a second comes without any event */
    TELL_MS = 10000     /* what a failed write is told for at least */
};

struct store_sqlite {
    struct store store;
    char *folder;
    struct sqlite_file *own;              /* NULL: reads only */
    struct sqlite_file *files[FILES_MAX]; /* read when first asked for */
    size_t n_files;
    char reason[ERRBUF_TEXT_MAX]; /* of the last write, when it failed */
    int64_t failed_ms;            /* clock_mono_ms() of that */
    int quiet;                    /* small commits in a row */
    struct log_complaint reads;
    struct log_complaint writes;
};

static enum err read_failed(struct store_sqlite *store, const char *path,
                            const char *reason)
{
    log_complain(&store->reads, "STORE-AWAY", "%s: cannot be read: %s", path,
                 reason);
    return ERR_UNAVAILABLE;
}

static void read_worked(struct store_sqlite *store)
{
    log_settled(&store->reads, "STORE-AWAY", "%s: can be read again",
                store->folder);
}

static enum err write_failed(struct store_sqlite *store)
{
    (void)snprintf(store->reason, sizeof store->reason, "%s",
                   sqlite_file_reason(store->own));
    store->failed_ms = clock_mono_ms();
    log_complain(&store->writes, "STORE-AWAY", "%s: cannot be written: %s",
                 store->own->path, store->reason);
    return ERR_UNAVAILABLE;
}

static void write_worked(struct store_sqlite *store)
{
    store->reason[0] = '\0';
    log_settled(&store->writes, "STORE-AWAY", "%s: can be written again",
                store->own->path);
}

static struct sqlite_file *find_file(struct store_sqlite *store,
                                     const char *writer)
{
    if (store->own != NULL && strcmp(store->own->writer, writer) == 0) {
        return store->own;
    }
    for (size_t i = 0; i < store->n_files; i++) {
        BUG_IF(store->files[i] == NULL);
        if (strcmp(store->files[i]->writer, writer) == 0) {
            return store->files[i];
        }
    }
    BUG_IF(store->n_files == FILES_MAX);
    store->files[store->n_files] =
        sqlite_file_new(store->folder, writer, false);
    return store->files[store->n_files++];
}

/* The open file of a collection. ERR_NOT_FOUND: nothing was written yet. */
static enum err file_of(struct store_sqlite *store,
                        enum store_collection collection,
                        struct sqlite_file **out)
{
    const char *writer = store_schema(collection)->writer;
    struct sqlite_file *file =
        writer != NULL ? find_file(store, writer) : store->own;
    struct errbuf why;
    enum err err = ERR_OK;

    if (file == NULL) {
        return ERR_NOT_FOUND;
    }
    sqlite_file_look(file);
    if (file->db == NULL) {
        err = sqlite_file_open(file, &why);
    }
    if (err == ERR_OK || err == ERR_NOT_FOUND) {
        *out = file;
        return err;
    }
    return read_failed(store, file->path, why.text);
}

static void sqlite_close(struct store *base)
{
    struct store_sqlite *store = (struct store_sqlite *)base;

    sqlite_file_free(store->own);
    for (size_t i = 0; i < store->n_files; i++) {
        sqlite_file_free(store->files[i]);
    }
    free(store->folder);
    free(store);
}

/* A failed write is told until one works. Who has nothing to write tries a
 * small one after a while: on a nearly full disk that alone proves nothing. */
static enum err ping_file(struct store_sqlite *store, struct errbuf *why)
{
    const char *sql = "SELECT value FROM meta WHERE name='probe'";

    if (store->reason[0] != '\0') {
        if (clock_mono_ms() - store->failed_ms < TELL_MS) {
            errbuf_set(why, "%s: %s", store->own->path, store->reason);
            return ERR_UNAVAILABLE;
        }
        sql = "UPDATE meta SET value=value+1 WHERE name='probe'";
    }
    if (sqlite_file_exec(store->own, sql) != SQLITE_OK) {
        errbuf_set(why, "%s: %s", store->own->path,
                   sqlite_file_reason(store->own));
        return ERR_UNAVAILABLE;
    }
    return ERR_OK;
}

static enum err sqlite_ping(struct store *base, struct errbuf *why)
{
    struct store_sqlite *store = (struct store_sqlite *)base;
    struct stat st;

    if (stat(store->folder, &st) != 0) {
        errbuf_set(why, "%s: %s", store->folder, strerror(errno));
        return ERR_UNAVAILABLE;
    }
    return store->own != NULL ? ping_file(store, why) : ERR_OK;
}

static enum err sqlite_get(struct store *base, enum store_collection from,
                           const struct store_key *key, struct buf *out)
{
    struct store_sqlite *store = (struct store_sqlite *)base;
    struct sqlite_file *file = NULL;
    sqlite3_stmt *stmt;
    int code = SQLITE_ERROR;
    enum err err = file_of(store, from, &file);

    if (err != ERR_OK) {
        return err;
    }
    stmt = sqlite_file_stmt(file, from, SQLITE_STMT_GET);
    if (stmt != NULL) {
        (void)sqlite_bind_key(stmt, 1, from, key);
        code = sqlite3_step(stmt);
    }
    if (code == SQLITE_ROW) {
        int len = sqlite3_column_bytes(stmt, 0);

        if (len > 0) {
            buf_add(out, sqlite3_column_blob(stmt, 0), (size_t)len);
        }
    } else {
        err = ERR_NOT_FOUND;
    }
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        err = read_failed(store, file->path, sqlite_file_reason(file));
    } else {
        read_worked(store);
    }
    (void)sqlite3_reset(stmt); /* ends the read */
    return err;
}

static enum err sqlite_scan_rows(struct store *base,
                                 const struct store_scan_plan *plan,
                                 store_row_fn *each, void *ctx)
{
    struct store_sqlite *store = (struct store_sqlite *)base;
    struct sqlite_file *file = NULL;
    enum err err = file_of(store, plan->query->collection, &file);
    int code;

    if (err != ERR_OK) {
        return err == ERR_NOT_FOUND ? ERR_OK : err;
    }
    file->scans++;
    code = sqlite_scan(file, plan, each, ctx);
    file->scans--;
    if (code != SQLITE_DONE) {
        return read_failed(store, file->path, sqlite_file_reason(file));
    }
    read_worked(store);
    return ERR_OK;
}

static enum err sqlite_count_rows(struct store *base,
                                  enum store_collection collection,
                                  int64_t most, int64_t *n)
{
    struct store_sqlite *store = (struct store_sqlite *)base;
    struct sqlite_file *file = NULL;
    enum err err = file_of(store, collection, &file);

    if (err == ERR_NOT_FOUND) {
        *n = 0;
        return ERR_OK;
    }
    if (err != ERR_OK) {
        return err;
    }
    if (sqlite_count(file, collection, most, n) != SQLITE_ROW) {
        return read_failed(store, file->path, sqlite_file_reason(file));
    }
    read_worked(store);
    return ERR_OK;
}

/* A statement of the progress table, made once. */
static sqlite3_stmt *progress_stmt(struct sqlite_file *file,
                                   sqlite3_stmt **stmt, const char *sql)
{
    if (*stmt == NULL) {
        *stmt = sqlite_file_prepare(file, sql, true);
    } else {
        (void)sqlite3_reset(*stmt);
    }
    return *stmt;
}

static enum err sqlite_fence_raise(struct store *base, int64_t now_s,
                                   struct store_fence *fence,
                                   struct buf *payload)
{
    static const char *const sql =
        "INSERT INTO progress VALUES (?1, max(1, ?2), 0, x'')"
        " ON CONFLICT DO UPDATE SET epoch=max(epoch + 1, ?2)"
        " RETURNING epoch, batch, payload";
    struct store_sqlite *store = (struct store_sqlite *)base;
    sqlite3_stmt *stmt;
    size_t before = payload->len;
    int code = SQLITE_ERROR;

    BUG_IF(store->own == NULL);
    stmt = progress_stmt(store->own, &store->own->raise, sql);
    if (stmt != NULL) {
        (void)sqlite3_bind_text(stmt, 1, fence->row, -1, SQLITE_STATIC);
        (void)sqlite3_bind_int64(stmt, 2, now_s);
        code = sqlite3_step(stmt);
    }
    if (code == SQLITE_ROW) {
        int64_t epoch = sqlite3_column_int64(stmt, 0);
        int64_t batch = sqlite3_column_int64(stmt, 1);
        int len = sqlite3_column_bytes(stmt, 2);

        if (len > 0) {
            buf_add(payload, sqlite3_column_blob(stmt, 2), (size_t)len);
        }
        code = sqlite3_step(stmt); /* commits */
        if (code == SQLITE_DONE) {
            fence->epoch = epoch;
            fence->batch = batch;
            write_worked(store);
            (void)sqlite3_reset(stmt);
            return ERR_OK;
        }
        buf_truncate(payload, before);
    }
    (void)write_failed(store);
    (void)sqlite3_reset(stmt);
    return ERR_UNAVAILABLE;
}

/* Progress first: who lost the epoch writes nothing. */
static int advance(struct store_sqlite *store, const struct store_fence *fence,
                   struct doc progress)
{
    static const char *const sql =
        "UPDATE progress SET batch=batch + 1, payload=?4"
        " WHERE row=?1 AND epoch=?2 AND batch=?3";
    sqlite3_stmt *stmt = progress_stmt(store->own, &store->own->advance, sql);
    int code;

    if (stmt == NULL) {
        return sqlite3_errcode(store->own->db);
    }
    (void)sqlite3_bind_text(stmt, 1, fence->row, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(stmt, 2, fence->epoch);
    (void)sqlite3_bind_int64(stmt, 3, fence->batch);
    (void)sqlite3_bind_blob(stmt, 4,
                            progress.len > 0 ? (const void *)progress.data : "",
                            (int)progress.len, SQLITE_STATIC);
    code = sqlite3_step(stmt);
    (void)sqlite3_reset(stmt);
    return code;
}

static int apply(struct store_sqlite *store, const struct store_batch *batch)
{
    struct store_write write;
    size_t at = 0;
    int code = SQLITE_DONE;

    while (code == SQLITE_DONE && store_batch_next(batch, &at, &write)) {
        BUG_IF(!store_may_write(store->own->writer, write.collection));
        code = sqlite_file_write(store->own, &write);
    }
    return code;
}

/* Tell before the rollback, which has its own message. */
static enum err give_up(struct store_sqlite *store)
{
    (void)write_failed(store);
    if (sqlite3_get_autocommit(store->own->db) == 0) {
        (void)sqlite_file_exec(store->own, "ROLLBACK");
    }
    return ERR_UNAVAILABLE;
}

/* What the disk failed to tell may be in after all: it is read again. */
static enum err finish(struct store_sqlite *store)
{
    int code = sqlite_file_exec(store->own, "COMMIT");

    if (code == SQLITE_OK) {
        write_worked(store);
        return ERR_OK;
    }
    (void)give_up(store);
    return (code & 0xff) == SQLITE_IOERR ? ERR_UNKNOWN : ERR_UNAVAILABLE;
}

/* What a burst of events filled the cache with is not needed after it. */
static void rest(struct store_sqlite *store, const struct store_batch *batch)
{
    if (store_batch_count(batch) > SMALL_BATCH) {
        store->quiet = 0;
    } else if (++store->quiet == QUIET_COMMITS) {
        store->quiet = 0;
        (void)sqlite3_db_release_memory(store->own->db);
        (void)malloc_trim(0);
    }
}

static enum err sqlite_commit(struct store *base,
                              const struct store_fence *fence,
                              const struct store_batch *batch,
                              struct doc progress)
{
    struct store_sqlite *store = (struct store_sqlite *)base;
    enum err err;

    BUG_IF(store->own == NULL);
    if (sqlite_file_exec(store->own, "BEGIN IMMEDIATE") != SQLITE_OK ||
        advance(store, fence, progress) != SQLITE_DONE) {
        return give_up(store);
    }
    if (sqlite3_changes(store->own->db) == 0) {
        (void)sqlite_file_exec(store->own, "ROLLBACK");
        return ERR_FENCED;
    }
    if (apply(store, batch) != SQLITE_DONE) {
        return give_up(store);
    }
    err = finish(store);
    if (err == ERR_OK) {
        rest(store, batch);
    }
    return err;
}

static enum err sqlite_progress(struct store *base, const char *row,
                                int64_t *epoch, int64_t *batch)
{
    static const char *const sql =
        "SELECT epoch, batch FROM progress WHERE row=?1";
    struct store_sqlite *store = (struct store_sqlite *)base;
    sqlite3_stmt *stmt;
    int code = SQLITE_ERROR;
    enum err err = ERR_OK;

    BUG_IF(store->own == NULL);
    stmt = progress_stmt(store->own, &store->own->progress, sql);
    if (stmt != NULL) {
        (void)sqlite3_bind_text(stmt, 1, row, -1, SQLITE_STATIC);
        code = sqlite3_step(stmt);
    }
    if (code == SQLITE_ROW) {
        *epoch = sqlite3_column_int64(stmt, 0);
        *batch = sqlite3_column_int64(stmt, 1);
    } else {
        err = code == SQLITE_DONE ? ERR_NOT_FOUND
                                  : read_failed(store, store->own->path,
                                                sqlite_file_reason(store->own));
    }
    (void)sqlite3_reset(stmt);
    return err;
}

/* Rare, so its statement is not kept. */
static enum err sqlite_progress_each(struct store *base,
                                     store_progress_fn *each, void *ctx)
{
    struct store_sqlite *store = (struct store_sqlite *)base;
    sqlite3_stmt *stmt;
    int code = SQLITE_ERROR;

    BUG_IF(store->own == NULL);
    stmt = sqlite_file_prepare(
        store->own, "SELECT row, payload FROM progress ORDER BY row", false);
    while (stmt != NULL && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        const struct store_progress progress = {
            .row = (const char *)sqlite3_column_text(stmt, 0),
            .payload = {sqlite3_column_blob(stmt, 1),
                        (uint32_t)sqlite3_column_bytes(stmt, 1)}};

        if (store_is_row_of(progress.row, store->own->writer)) {
            each(ctx, &progress);
        }
    }
    (void)sqlite3_finalize(stmt);
    return code == SQLITE_DONE ? ERR_OK
                               : read_failed(store, store->own->path,
                                             sqlite_file_reason(store->own));
}

static enum err sqlite_fence_remove(struct store *base,
                                    const struct store_fence *fence)
{
    struct store_sqlite *store = (struct store_sqlite *)base;
    sqlite3_stmt *stmt;
    int64_t epoch;
    int64_t batch;
    enum err err = sqlite_progress(base, fence->row, &epoch, &batch);
    int code = SQLITE_ERROR;

    if (err != ERR_OK) {
        return err;
    }
    stmt = sqlite_file_prepare(
        store->own,
        "DELETE FROM progress WHERE row=?1 AND epoch=?2 AND batch=?3", false);
    if (stmt != NULL) {
        (void)sqlite3_bind_text(stmt, 1, fence->row, -1, SQLITE_STATIC);
        (void)sqlite3_bind_int64(stmt, 2, fence->epoch);
        (void)sqlite3_bind_int64(stmt, 3, fence->batch);
        code = sqlite3_step(stmt);
    }
    err = code != SQLITE_DONE                   ? write_failed(store)
          : sqlite3_changes(store->own->db) > 0 ? ERR_OK
                                                : ERR_FENCED;
    (void)sqlite3_finalize(stmt);
    return err;
}

static const struct store_ops sqlite_ops = {
    .close = sqlite_close,
    .ping = sqlite_ping,
    .get = sqlite_get,
    .scan = sqlite_scan_rows,
    .count = sqlite_count_rows,
    .fence_raise = sqlite_fence_raise,
    .commit = sqlite_commit,
    .progress = sqlite_progress,
    .progress_each = sqlite_progress_each,
    .fence_remove = sqlite_fence_remove,
};

/* The other writers' files that are there already. */
static enum err open_others(struct store_sqlite *store, struct errbuf *why)
{
    for (size_t i = 0; i < STORE_N_COLLECTIONS; i++) {
        const char *writer = store_schema((enum store_collection)i)->writer;
        struct sqlite_file *file =
            writer != NULL ? find_file(store, writer) : NULL;
        enum err err = ERR_OK;

        if (file != NULL && file->db == NULL) {
            err = sqlite_file_open(file, why);
        }
        if (err == ERR_INVALID) {
            return err;
        }
    }
    return ERR_OK;
}

static enum err open_files(struct store_sqlite *store, const char *writer,
                           struct errbuf *why)
{
    if (writer == NULL) {
        return open_others(store, why);
    }
    if (mkdir(store->folder, FOLDER_MODE) != 0 && errno != EEXIST) {
        errbuf_set_field(why, "storage", "cannot make the folder %s: %s",
                         store->folder, strerror(errno));
        return ERR_UNAVAILABLE;
    }
    store->own = sqlite_file_new(store->folder, writer, true);
    return sqlite_file_open(store->own, why);
}

enum err store_sqlite_open(const struct store_options *options,
                           struct store **out, struct errbuf *why)
{
    const char *folder = strchr(options->uri, ':') + 1;
    struct store_sqlite *store;
    enum err err = sqlite_folder_check(folder, why);

    if (err != ERR_OK) {
        return err;
    }
    store = xcalloc(1, sizeof *store);
    store->store.ops = &sqlite_ops;
    store->folder = xstrdup(folder);
    err = open_files(store, options->writer, why);
    if (err != ERR_OK) {
        sqlite_close(&store->store);
        return err;
    }
    *out = &store->store;
    return ERR_OK;
}
