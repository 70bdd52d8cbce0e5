/* SPDX-License-Identifier: Apache-2.0 */
/** A SQLite store as a whole: read as of one moment, and filled anew. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/store/store_sqlite.h"

enum {
    FILES_MAX = 64, /* writers; there are far fewer */
    NAME_MAX_BYTES = 64,
    FOLDER_MODE = 0750,
    MARK_MODE = 0640,
    COMMIT_BYTES = 16 * 1024 * 1024
};

#define SUFFIX    ".db"
#define WORK_NAME "restoring"
#define LAST_NAME "webserver"

/* Names of the writers that have a file in a folder. */
struct names {
    char list[FILES_MAX][NAME_MAX_BYTES];
    size_t n;
};

/* "<writer>.db" */
static bool writer_of_file(const char *name, char *writer)
{
    size_t len = strlen(name);
    size_t tail = strlen(SUFFIX);

    if (len <= tail || len - tail >= NAME_MAX_BYTES ||
        strcmp(name + len - tail, SUFFIX) != 0) {
        return false;
    }
    memcpy(writer, name, len - tail);
    writer[len - tail] = '\0';
    return true;
}

/* What people configure last: what engines know of it is there then. */
static int compare_names(const void *a, const void *b)
{
    bool a_last = strcmp(a, LAST_NAME) == 0;
    bool b_last = strcmp(b, LAST_NAME) == 0;

    return a_last != b_last ? a_last - b_last : strcmp(a, b);
}

static enum err folder_failed(const char *folder, const char *what,
                              struct errbuf *why)
{
    errbuf_set_field(why, "storage", "%s: cannot %s: %s", folder, what,
                     strerror(errno));
    return ERR_UNAVAILABLE;
}

static enum err too_many(const char *folder, struct errbuf *why)
{
    errbuf_set_field(why, "storage",
                     "%s: more than %d files *" SUFFIX ": no store has so many",
                     folder, FILES_MAX);
    return ERR_INVALID;
}

/* ERR_NOT_FOUND: there is no such folder. */
static enum err list_writers(const char *folder, struct names *names,
                             struct errbuf *why)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    char writer[NAME_MAX_BYTES];
    enum err err = ERR_OK;

    names->n = 0;
    if (dir == NULL) {
        err = errno == ENOENT ? ERR_NOT_FOUND : ERR_UNAVAILABLE;
        (void)folder_failed(folder, "be read", why);
        return err;
    }
    while (err == ERR_OK && (entry = readdir(dir)) != NULL) {
        if (!writer_of_file(entry->d_name, writer)) {
            continue;
        }
        if (names->n == FILES_MAX) {
            err = too_many(folder, why);
        } else {
            memcpy(names->list[names->n++], writer, sizeof writer);
        }
    }
    (void)closedir(dir);
    qsort(names->list, names->n, sizeof names->list[0], compare_names);
    return err;
}

static enum err file_failed(struct sqlite_file *file, struct errbuf *why)
{
    errbuf_set_field(why, "storage", "%s: %s", file->path,
                     sqlite_file_reason(file));
    return ERR_UNAVAILABLE;
}

/* --- reading ----------------------------------------------------------------
 */

struct sqlite_snapshot {
    struct store_snapshot base;
    struct sqlite_file *files[FILES_MAX];
    size_t n_files;
};

static void snapshot_close(struct store_snapshot *base)
{
    struct sqlite_snapshot *snapshot = (struct sqlite_snapshot *)base;

    for (size_t i = 0; i < snapshot->n_files; i++) {
        sqlite_file_free(snapshot->files[i]);
    }
    free(snapshot);
}

struct walk {
    store_row_fn *each;
    void *ctx;
    bool stopped;
};

static bool walk_row(void *ctx, const struct store_key *key, struct doc row)
{
    struct walk *walk = ctx;

    walk->stopped = !walk->each(walk->ctx, key, row);
    return !walk->stopped;
}

static enum err snapshot_scan(struct store_snapshot *base,
                              enum store_collection collection,
                              store_row_fn *each, void *ctx, struct errbuf *why)
{
    struct sqlite_snapshot *snapshot = (struct sqlite_snapshot *)base;
    const struct store_query query = {.collection = collection,
                                      .limit = INT64_MAX};
    const struct store_scan_plan plan = {.query = &query};
    struct walk walk = {.each = each, .ctx = ctx};

    for (size_t i = 0; i < snapshot->n_files && !walk.stopped; i++) {
        struct sqlite_file *file = snapshot->files[i];

        if (store_may_write(file->writer, collection) &&
            sqlite_scan(file, &plan, walk_row, &walk) != SQLITE_DONE) {
            return file_failed(file, why);
        }
    }
    return ERR_OK;
}

static struct store_copy_progress read_progress(sqlite3_stmt *stmt)
{
    struct store_copy_progress progress = {
        .row = (const char *)sqlite3_column_text(stmt, 0),
        .epoch = sqlite3_column_int64(stmt, 1),
        .batch = sqlite3_column_int64(stmt, 2)};

    progress.payload.data = sqlite3_column_blob(stmt, 3);
    progress.payload.len = (uint32_t)sqlite3_column_bytes(stmt, 3);
    return progress;
}

static enum err file_progress(struct sqlite_file *file,
                              store_copy_progress_fn *each, void *ctx,
                              bool *stopped, struct errbuf *why)
{
    sqlite3_stmt *stmt = sqlite_file_prepare(
        file, "SELECT row, epoch, batch, payload FROM progress ORDER BY row",
        false);
    int code = stmt != NULL ? SQLITE_ROW : sqlite3_errcode(file->db);

    while (code == SQLITE_ROW && !*stopped) {
        code = sqlite3_step(stmt);
        if (code == SQLITE_ROW) {
            const struct store_copy_progress progress = read_progress(stmt);

            *stopped = !each(ctx, &progress);
        }
    }
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        (void)file_failed(file, why);
    }
    (void)sqlite3_finalize(stmt);
    return code == SQLITE_ROW || code == SQLITE_DONE ? ERR_OK : ERR_UNAVAILABLE;
}

static enum err snapshot_progress(struct store_snapshot *base,
                                  store_copy_progress_fn *each, void *ctx,
                                  struct errbuf *why)
{
    struct sqlite_snapshot *snapshot = (struct sqlite_snapshot *)base;
    bool stopped = false;
    enum err err = ERR_OK;

    for (size_t i = 0; err == ERR_OK && !stopped && i < snapshot->n_files;
         i++) {
        err = file_progress(snapshot->files[i], each, ctx, &stopped, why);
    }
    return err;
}

/* From its first read on the file stands still for this connection. */
static enum err freeze(struct sqlite_file *file, struct errbuf *why)
{
    return sqlite_file_exec(file, "BEGIN; SELECT count(*) FROM meta") ==
                   SQLITE_OK
               ? ERR_OK
               : file_failed(file, why);
}

/* All are opened before the first is frozen: that takes no time then. */
static enum err snapshot_files(struct sqlite_snapshot *snapshot,
                               const char *folder, const struct names *names,
                               struct errbuf *why)
{
    enum err err = ERR_OK;

    for (size_t i = 0; err == ERR_OK && i < names->n; i++) {
        struct sqlite_file *file =
            sqlite_file_new(folder, names->list[i], false);

        err = sqlite_file_open(file, why);
        if (err == ERR_OK) {
            snapshot->files[snapshot->n_files++] = file;
            continue;
        }
        sqlite_file_free(file);
        if (err == ERR_NOT_FOUND) {
            err = ERR_OK; /* its writer is just creating it */
        }
    }
    for (size_t i = 0; err == ERR_OK && i < snapshot->n_files; i++) {
        err = freeze(snapshot->files[i], why);
    }
    return err;
}

static const struct store_snapshot_ops snapshot_ops = {
    snapshot_close, snapshot_scan, snapshot_progress};

enum err sqlite_snapshot_open(const char *uri, struct store_snapshot **out,
                              struct errbuf *why)
{
    const char *folder = strchr(uri, ':') + 1;
    struct sqlite_snapshot *snapshot;
    struct names names;
    enum err err = sqlite_folder_check(folder, why);

    if (err == ERR_OK) {
        err = list_writers(folder, &names, why);
    }
    if (err != ERR_OK) {
        return err;
    }
    snapshot = xcalloc(1, sizeof *snapshot);
    snapshot->base.ops = &snapshot_ops;
    err = snapshot_files(snapshot, folder, &names, why);
    if (err == ERR_OK && snapshot->n_files == 0) {
        errbuf_set_field(why, "storage", "%s holds no store", folder);
        err = ERR_NOT_FOUND;
    }
    if (err != ERR_OK) {
        snapshot_close(&snapshot->base);
        return err;
    }
    *out = &snapshot->base;
    return ERR_OK;
}

/* --- filling ----------------------------------------------------------------
 */

struct fill_file {
    struct sqlite_file *file;
    size_t bytes; /* of the transaction; 0: none is open */
};

struct sqlite_filling {
    struct store_filling base;
    enum store_filling_mode mode;
    char *folder;
    char *work;
    int lock; /* of the folder: one filling at a time; -1: not held */
    struct fill_file files[FILES_MAX];
    size_t n_files;
};

/* Remove "<writer>.db" and what SQLite keeps beside it. */
static enum err remove_files(const char *folder, const char *writer,
                             struct errbuf *why)
{
    static const char *const tails[] = {"", "-wal", "-shm", "-journal"};

    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        char *path = xasprintf("%s/%s" SUFFIX "%s", folder, writer, tails[i]);
        bool gone = unlink(path) == 0 || errno == ENOENT;

        if (!gone) {
            (void)folder_failed(path, "be removed", why);
        }
        free(path);
        if (!gone) {
            return ERR_UNAVAILABLE;
        }
    }
    return ERR_OK;
}

static enum err remove_all(const char *folder, struct errbuf *why)
{
    struct names names;
    enum err err = list_writers(folder, &names, why);

    for (size_t i = 0; err == ERR_OK && i < names.n; i++) {
        err = remove_files(folder, names.list[i], why);
    }
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static void filling_close(struct store_filling *base)
{
    struct sqlite_filling *filling = (struct sqlite_filling *)base;
    struct errbuf why;

    for (size_t i = 0; i < filling->n_files; i++) {
        sqlite_file_free(filling->files[i].file);
    }
    /* What stays is removed by the next filling. */
    if (filling->lock >= 0 && remove_all(filling->work, &why) == ERR_OK) {
        (void)rmdir(filling->work);
    }
    if (filling->lock >= 0) {
        (void)close(filling->lock);
    }
    free(filling->work);
    free(filling->folder);
    free(filling);
}

static struct fill_file *find_file(struct sqlite_filling *filling,
                                   const char *writer)
{
    for (size_t i = 0; i < filling->n_files; i++) {
        if (strcmp(filling->files[i].file->writer, writer) == 0) {
            return &filling->files[i];
        }
    }
    return NULL;
}

/* The writer's file, made when it is the first of it, within a transaction. */
static enum err fill_file(struct sqlite_filling *filling, const char *writer,
                          struct fill_file **out, struct errbuf *why)
{
    struct fill_file *into = find_file(filling, writer);

    if (into == NULL) {
        if (filling->n_files == FILES_MAX) {
            return too_many(filling->work, why);
        }
        into = &filling->files[filling->n_files];
        into->bytes = 0;
        into->file = sqlite_file_new(filling->work, writer, true);
        if (sqlite_file_open(into->file, why) != ERR_OK) {
            sqlite_file_free(into->file);
            return ERR_UNAVAILABLE;
        }
        filling->n_files++;
    }
    if (into->bytes == 0 &&
        sqlite_file_exec(into->file, "BEGIN IMMEDIATE") != SQLITE_OK) {
        return file_failed(into->file, why);
    }
    *out = into;
    return ERR_OK;
}

static enum err fill_commit(struct fill_file *into, struct errbuf *why)
{
    if (into->bytes > 0 &&
        sqlite_file_exec(into->file, "COMMIT") != SQLITE_OK) {
        return file_failed(into->file, why);
    }
    into->bytes = 0;
    return ERR_OK;
}

static enum err fill_done(struct fill_file *into, size_t bytes,
                          struct errbuf *why)
{
    into->bytes += bytes;
    return into->bytes > COMMIT_BYTES ? fill_commit(into, why) : ERR_OK;
}

static enum err filling_put(struct store_filling *base,
                            enum store_collection collection,
                            const struct store_key *key, struct doc row,
                            struct errbuf *why)
{
    const struct store_write write = {.op = STORE_OP_APPEND,
                                      .collection = collection,
                                      .key = *key,
                                      .row = row};
    struct fill_file *into = NULL;
    char writer[NAME_MAX_BYTES];
    enum err err = store_writer_of(collection, key, writer, sizeof writer, why);

    if (err == ERR_OK) {
        err = fill_file((struct sqlite_filling *)base, writer, &into, why);
    }
    if (err == ERR_OK && sqlite_file_write(into->file, &write) != SQLITE_DONE) {
        err = file_failed(into->file, why);
    }
    return err == ERR_OK ? fill_done(into, row.len + 1, why) : err;
}

static enum err filling_put_progress(struct store_filling *base,
                                     const struct store_copy_progress *progress,
                                     struct errbuf *why)
{
    static const char *const sql = "INSERT INTO progress VALUES (?, ?, ?, ?)";
    struct fill_file *into = NULL;
    char writer[NAME_MAX_BYTES];
    sqlite3_stmt *stmt;
    int code = SQLITE_ERROR;
    enum err err =
        store_writer_of_row(progress->row, writer, sizeof writer, why);

    if (err == ERR_OK) {
        err = fill_file((struct sqlite_filling *)base, writer, &into, why);
    }
    if (err != ERR_OK) {
        return err;
    }
    stmt = sqlite_file_prepare(into->file, sql, false);
    if (stmt != NULL) {
        struct doc payload = progress->payload;

        (void)sqlite3_bind_text(stmt, 1, progress->row, -1, SQLITE_STATIC);
        (void)sqlite3_bind_int64(stmt, 2, progress->epoch);
        (void)sqlite3_bind_int64(stmt, 3, progress->batch);
        (void)sqlite3_bind_blob(
            stmt, 4, payload.len > 0 ? (const void *)payload.data : "",
            (int)payload.len, SQLITE_STATIC);
        code = sqlite3_step(stmt);
    }
    if (code != SQLITE_DONE) {
        err = file_failed(into->file, why);
    }
    (void)sqlite3_finalize(stmt);
    return err == ERR_OK ? fill_done(into, progress->payload.len + 1, why)
                         : err;
}

/* Whether any other process has the file open: leaving the write-ahead log
 * needs it alone. What cannot be read as a database is in nobody's use. */
static bool is_used(const char *folder, const char *writer)
{
    char *path = xasprintf("%s/%s" SUFFIX, folder, writer);
    sqlite3 *db = NULL;
    int code = sqlite3_open_v2(
        path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

    if (code == SQLITE_OK) {
        code = sqlite3_exec(db, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL);
    }
    (void)sqlite3_close(db);
    free(path);
    return (code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED;
}

static enum err check_unused(const struct sqlite_filling *filling,
                             struct errbuf *why)
{
    struct names names;
    enum err err = list_writers(filling->folder, &names, why);

    if (err == ERR_OK && names.n > 0 && filling->mode == STORE_FILL_EMPTY) {
        errbuf_set_field(why, "storage", "%s holds a store already",
                         filling->folder);
        return ERR_CONFLICT;
    }
    for (size_t i = 0; err == ERR_OK && i < names.n; i++) {
        if (is_used(filling->folder, names.list[i])) {
            errbuf_set_field(why, "storage",
                             "%s/%s" SUFFIX " is in use: stop the suite first",
                             filling->folder, names.list[i]);
            err = ERR_CONFLICT;
        }
    }
    return err;
}

static enum err sync_folder(const char *folder, struct errbuf *why)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;

    if (!ok) {
        (void)folder_failed(folder, "be synced", why);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return ok ? ERR_OK : ERR_UNAVAILABLE;
}

/* Closed in order, a file is whole without any other beside it. */
static enum err close_files(struct sqlite_filling *filling, struct names *names,
                            struct errbuf *why)
{
    for (size_t i = 0; i < filling->n_files; i++) {
        enum err err = fill_commit(&filling->files[i], why);

        if (err != ERR_OK) {
            return err;
        }
    }
    names->n = filling->n_files;
    for (size_t i = 0; i < names->n; i++) {
        (void)snprintf(names->list[i], sizeof names->list[i], "%s",
                       filling->files[i].file->writer);
        sqlite_file_free(filling->files[i].file);
    }
    filling->n_files = 0;
    return sync_folder(filling->work, why);
}

/* What root restores belongs to who has the folder. */
static enum err give_away(const char *path, const struct stat *folder,
                          struct errbuf *why)
{
    return geteuid() != 0 || chown(path, folder->st_uid, folder->st_gid) == 0
               ? ERR_OK
               : folder_failed(path, "be given to the owner of its folder",
                               why);
}

static enum err move_files(const struct sqlite_filling *filling,
                           const struct names *names, struct errbuf *why)
{
    struct stat folder;
    enum err err = ERR_OK;

    if (stat(filling->folder, &folder) != 0) {
        return folder_failed(filling->folder, "be read", why);
    }
    for (size_t i = 0; err == ERR_OK && i < names->n; i++) {
        char *from = xasprintf("%s/%s" SUFFIX, filling->work, names->list[i]);
        char *to = xasprintf("%s/%s" SUFFIX, filling->folder, names->list[i]);

        err = give_away(from, &folder, why);
        if (err == ERR_OK && rename(from, to) != 0) {
            err = folder_failed(to, "be put in place", why);
        }
        free(to);
        free(from);
    }
    return err;
}

static enum err set_mark(const char *mark, struct errbuf *why)
{
    int fd = open(mark, O_CREAT | O_WRONLY | O_CLOEXEC, MARK_MODE);

    if (fd < 0) {
        return folder_failed(mark, "be made", why);
    }
    (void)close(fd);
    return ERR_OK;
}

static enum err filling_finish(struct store_filling *base, struct errbuf *why)
{
    struct sqlite_filling *filling = (struct sqlite_filling *)base;
    char *mark = sqlite_folder_mark(filling->folder);
    struct names names;
    enum err err = close_files(filling, &names, why);

    if (err == ERR_OK) {
        err = check_unused(filling, why);
    }
    if (err == ERR_OK) {
        err = set_mark(mark, why);
    }
    if (err == ERR_OK) {
        err = sync_folder(filling->folder, why);
    }
    if (err == ERR_OK) {
        err = remove_all(filling->folder, why);
    }
    if (err == ERR_OK) {
        err = move_files(filling, &names, why);
    }
    if (err == ERR_OK) {
        err = sync_folder(filling->folder, why);
    }
    if (err == ERR_OK && unlink(mark) != 0) {
        err = folder_failed(mark, "be removed", why);
    }
    free(mark);
    return err == ERR_OK ? sync_folder(filling->folder, why) : err;
}

static const struct store_filling_ops filling_ops = {
    filling_close, filling_put, filling_put_progress, filling_finish};

static enum err make_folder(const char *folder, struct errbuf *why)
{
    char *parent = xasprintf("%s/..", folder);
    struct stat above;
    enum err err = ERR_OK;

    if (mkdir(folder, FOLDER_MODE) == 0) {
        err = stat(parent, &above) == 0 ? give_away(folder, &above, why)
                                        : folder_failed(parent, "be read", why);
    } else if (errno != EEXIST) {
        err = folder_failed(folder, "be made", why);
    }
    free(parent);
    return err;
}

static enum err take_lock(struct sqlite_filling *filling, struct errbuf *why)
{
    int fd = open(filling->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) {
        return folder_failed(filling->folder, "be read", why);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        (void)close(fd);
        errbuf_set_field(why, "storage", "%s: another restore into it runs",
                         filling->folder);
        return ERR_CONFLICT;
    }
    filling->lock = fd;
    return ERR_OK;
}

static enum err prepare_folders(struct sqlite_filling *filling,
                                struct errbuf *why)
{
    char *mark = sqlite_folder_mark(filling->folder);
    bool broken = access(mark, F_OK) == 0;
    enum err err = make_folder(filling->folder, why);

    free(mark);
    if (err == ERR_OK && broken && filling->mode == STORE_FILL_EMPTY) {
        return sqlite_folder_check(filling->folder, why);
    }
    if (err == ERR_OK) {
        err = take_lock(filling, why);
    }
    if (err == ERR_OK) {
        err = check_unused(filling, why);
    }
    if (err == ERR_OK) {
        err = make_folder(filling->work, why);
    }
    return err == ERR_OK ? remove_all(filling->work, why) : err;
}

enum err sqlite_filling_open(const char *uri, enum store_filling_mode mode,
                             struct store_filling **out, struct errbuf *why)
{
    const char *folder = strchr(uri, ':') + 1;
    struct sqlite_filling *filling = xcalloc(1, sizeof *filling);
    enum err err;

    filling->base.ops = &filling_ops;
    filling->mode = mode;
    filling->lock = -1;
    filling->folder = xstrdup(folder);
    filling->work = xasprintf("%s/" WORK_NAME, folder);
    err = prepare_folders(filling, why);
    if (err != ERR_OK) {
        filling_close(&filling->base);
        return err;
    }
    *out = &filling->base;
    return ERR_OK;
}
