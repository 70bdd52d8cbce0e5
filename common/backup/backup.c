/* SPDX-License-Identifier: Apache-2.0 */
/** Backups of a whole store: made, verified, restored. */
#include "common/backup/backup.h"

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/engine/restored.h"

enum {
    FILE_MODE = 0600,
    TELL_ROWS = 1000
};

static enum err file_failed(const char *path, const char *what,
                            struct errbuf *why)
{
    errbuf_set(why, "%s: cannot %s: %s", path, what, strerror(errno));
    return ERR_UNAVAILABLE;
}

static void tell(const struct backup_watch *watch,
                 const struct backup_summary *summary)
{
    if (watch != NULL && watch->tell != NULL) {
        watch->tell(watch->ctx, summary);
    }
}

/* --- making -----------------------------------------------------------------
 */

struct making {
    struct backup_writer *writer;
    const struct backup_watch *watch;
    enum store_collection collection; /* of the scan under way */
    enum err err;
    struct errbuf *why;
};

static bool copy_row(void *ctx, const struct store_key *key, struct doc row)
{
    struct making *making = ctx;
    const struct backup_summary *summary =
        backup_writer_summary(making->writer);

    making->err = backup_write_row(making->writer, making->collection, key, row,
                                   making->why);
    if (summary->all_rows % TELL_ROWS == 0) {
        tell(making->watch, summary);
    }
    return making->err == ERR_OK;
}

static bool copy_progress(void *ctx, const struct store_copy_progress *progress)
{
    struct making *making = ctx;

    making->err = backup_write_progress(making->writer, progress, making->why);
    return making->err == ERR_OK;
}

static enum err copy_store(struct making *making,
                           struct store_snapshot *snapshot)
{
    enum err err = ERR_OK;

    for (size_t i = 0;
         err == ERR_OK && making->err == ERR_OK && i < STORE_N_COLLECTIONS;
         i++) {
        making->collection = (enum store_collection)i;
        err = store_snapshot_scan(snapshot, making->collection, copy_row,
                                  making, making->why);
    }
    if (err == ERR_OK && making->err == ERR_OK) {
        err = store_snapshot_progress(snapshot, copy_progress, making,
                                      making->why);
    }
    return err == ERR_OK ? making->err : err;
}

static enum err write_store(struct store_snapshot *snapshot, const char *uri,
                            int fd, const struct backup_watch *watch,
                            struct backup_summary *summary, struct errbuf *why)
{
    struct making making = {.watch = watch, .why = why};
    enum err err;

    *summary = (struct backup_summary){.created_ms = clock_now_ms(),
                                       .schema = STORE_SCHEMA_VERSION};
    (void)snprintf(summary->version, sizeof summary->version, "%s",
                   PACKAGE_VERSION);
    (void)snprintf(summary->store, sizeof summary->store, "%s",
                   str_starts(uri, "sqlite:") ? "sqlite" : "mongodb");
    err = backup_writer_open(fd, summary, &making.writer, why);
    if (err != ERR_OK) {
        return err;
    }
    err = copy_store(&making, snapshot);
    if (err == ERR_OK) {
        err = backup_write_end(making.writer, why);
    }
    *summary = *backup_writer_summary(making.writer);
    tell(watch, summary);
    backup_writer_free(making.writer);
    return err;
}

static enum err sync_folder_of(const char *path, struct errbuf *why)
{
    char *copy = xstrdup(path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum err err = ERR_OK;

    if (fd < 0 || fsync(fd) != 0) {
        err = file_failed(copy, "sync this folder", why);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    free(copy);
    return err;
}

/* What was counted when it was written is what is read now. */
static enum err check_part(const char *part,
                           const struct backup_summary *written,
                           struct errbuf *why)
{
    struct backup_summary read;
    enum err err = backup_verify(part, NULL, &read, why);

    if (err == ERR_OK &&
        memcmp(read.rows, written->rows, sizeof read.rows) != 0) {
        errbuf_set(why, "%s: it holds other rows than were written", part);
        err = ERR_INVALID;
    }
    return err;
}

static enum err write_part(struct store_snapshot *snapshot, const char *uri,
                           const char *part, const struct backup_watch *watch,
                           struct backup_summary *summary, struct errbuf *why)
{
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
    enum err err;

    if (fd < 0) {
        return file_failed(part, "be made", why);
    }
    /* One that a killed run left may be open to others. */
    err = fchmod(fd, FILE_MODE) == 0
              ? write_store(snapshot, uri, fd, watch, summary, why)
              : file_failed(part, "be kept from others", why);
    if (err == ERR_OK && fsync(fd) != 0) {
        err = file_failed(part, "be synced", why);
    }
    if (close(fd) != 0 && err == ERR_OK) {
        err = file_failed(part, "be closed", why);
    }
    return err == ERR_OK ? check_part(part, summary, why) : err;
}

static enum err write_file(struct store_snapshot *snapshot, const char *uri,
                           const char *path, const struct backup_watch *watch,
                           struct backup_summary *summary, struct errbuf *why)
{
    char *part = xasprintf("%s.part", path);
    enum err err = write_part(snapshot, uri, part, watch, summary, why);

    if (err == ERR_OK && rename(part, path) != 0) {
        err = file_failed(path, "be made", why);
    }
    if (err != ERR_OK) {
        (void)unlink(part);
    }
    free(part);
    return err == ERR_OK ? sync_folder_of(path, why) : err;
}

static enum err check_absent(const char *path, struct errbuf *why)
{
    struct stat st;

    if (lstat(path, &st) == 0) {
        errbuf_set(why, "%s: there is such a file already", path);
        return ERR_CONFLICT;
    }
    return ERR_OK;
}

enum err backup_make(const char *uri, const char *path,
                     const struct backup_watch *watch,
                     struct backup_summary *summary, struct errbuf *why)
{
    bool stream = strcmp(path, BACKUP_STREAM) == 0;
    struct store_snapshot *snapshot = NULL;
    enum err err = stream ? ERR_OK : check_absent(path, why);

    if (err == ERR_OK) {
        err = store_snapshot_open(uri, &snapshot, why);
    }
    if (err != ERR_OK) {
        return err;
    }
    err = stream
              ? write_store(snapshot, uri, STDOUT_FILENO, watch, summary, why)
              : write_file(snapshot, uri, path, watch, summary, why);
    store_snapshot_close(snapshot);
    return err;
}

/* --- reading ----------------------------------------------------------------
 */

static enum err open_file(const char *path, int *fd, struct errbuf *why)
{
    *fd = strcmp(path, BACKUP_STREAM) == 0 ? STDIN_FILENO
                                           : open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0) {
        enum err err = errno == ENOENT ? ERR_NOT_FOUND : ERR_UNAVAILABLE;

        (void)file_failed(path, "be read", why);
        return err;
    }
    return ERR_OK;
}

/* What is wrong is the file: tell which. */
static enum err about_file(const char *path, enum err err, struct errbuf *why)
{
    bool stream = strcmp(path, BACKUP_STREAM) == 0;
    struct errbuf found;

    if (err != ERR_OK) {
        found = *why;
        errbuf_set(why, "%.255s: %s", stream ? "standard input" : path,
                   found.text);
    }
    return err;
}

static void close_file(int fd)
{
    if (fd != STDIN_FILENO) {
        (void)close(fd);
    }
}

static void tell_read(void *ctx, const struct backup_summary *summary)
{
    const struct backup_watch *watch = ctx;

    tell(watch, summary);
}

enum err backup_verify(const char *path, const struct backup_watch *watch,
                       struct backup_summary *summary, struct errbuf *why)
{
    struct backup_reader *reader = NULL;
    struct backup_watch whom =
        watch != NULL ? *watch : (struct backup_watch){NULL, NULL};
    const struct backup_sink sink = {.ctx = &whom, .frame = tell_read};
    int fd;
    enum err err = open_file(path, &fd, why);

    if (err != ERR_OK) {
        return err;
    }
    err = backup_reader_open(fd, &reader, why);
    if (err == ERR_OK) {
        err = backup_read(reader, &sink, why);
        *summary = *backup_reader_summary(reader);
    }
    backup_reader_free(reader);
    close_file(fd);
    return about_file(path, err, why);
}

/* --- restoring --------------------------------------------------------------
 */

struct restoring {
    const char *path;
    bool store_failed; /* not the file */
    struct store_filling *filling;
    const struct backup_watch *watch;
    struct doc_out *out;
    int64_t now_ms;
};

static enum err put_row(void *ctx, enum store_collection collection,
                        const struct store_key *key, struct doc row,
                        struct errbuf *why)
{
    struct restoring *restoring = ctx;
    enum err err =
        store_filling_put(restoring->filling, collection, key, row, why);

    restoring->store_failed = err != ERR_OK;
    return err;
}

static enum err put_progress(void *ctx,
                             const struct store_copy_progress *progress,
                             struct errbuf *why)
{
    struct restoring *restoring = ctx;
    struct store_copy_progress put = *progress;
    enum err err;

    /* Whoever still held the backup's own epoch loses it. */
    put.epoch++;
    if (put.payload.len > 0) {
        put.payload =
            restored_progress(put.payload, restoring->now_ms, restoring->out);
    }
    err = store_filling_put_progress(restoring->filling, &put, why);
    restoring->store_failed = err != ERR_OK;
    return err;
}

static void tell_restored(void *ctx, const struct backup_summary *summary)
{
    const struct restoring *restoring = ctx;

    tell(restoring->watch, summary);
}

static enum err fill(struct restoring *restoring, struct backup_reader *reader,
                     struct errbuf *why)
{
    const struct backup_sink sink = {restoring, put_row, put_progress,
                                     tell_restored};
    enum err err = backup_read(reader, &sink, why);

    if (err == ERR_OK) {
        return store_filling_finish(restoring->filling, why);
    }
    return restoring->store_failed ? err
                                   : about_file(restoring->path, err, why);
}

/* Into the store that is open. */
static enum err restore_from(struct restoring *restoring,
                             struct backup_reader *reader, struct errbuf *why)
{
    enum err err;

    restoring->now_ms = clock_now_ms();
    restoring->out = doc_out_new();
    err = fill(restoring, reader, why);
    doc_out_free(restoring->out);
    store_filling_close(restoring->filling);
    return err;
}

enum err backup_restore(const char *path, const char *uri,
                        enum store_filling_mode mode,
                        const struct backup_watch *watch,
                        struct backup_summary *summary, struct errbuf *why)
{
    struct restoring restoring = {.path = path, .watch = watch};
    struct backup_reader *reader = NULL;
    int fd;
    enum err err = open_file(path, &fd, why);

    if (err != ERR_OK) {
        return err;
    }
    err = about_file(path, backup_reader_open(fd, &reader, why), why);
    if (err == ERR_OK) {
        err = store_filling_open(uri, mode, &restoring.filling, why);
    }
    if (err == ERR_OK) {
        err = restore_from(&restoring, reader, why);
        *summary = *backup_reader_summary(reader);
    }
    backup_reader_free(reader);
    close_file(fd);
    return err;
}
