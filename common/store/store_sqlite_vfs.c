/* SPDX-License-Identifier: Apache-2.0 */
/**
 * SQLite's files as the system has them, but for the write-ahead log: what is
 * written to it one after another goes to the system in one piece, at the
 * latest when it is synced. SQLite itself writes each page in two calls. And
 * the file grows ahead of the log, in steps: to sync a file that has grown,
 * the file system writes its journal too, which takes twice the time. SQLite
 * reads the log as far as its checksums go, not to the end of the file.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/store/store_sqlite.h"

enum {
    PIECE_BYTES = 64 * 1024, /* the unix VFS takes less than 128 KiB at once */
    STEP_BYTES = 1024 * 1024
};

/* The system's own file stands behind it. */
struct log_file {
    sqlite3_file base;
    char *piece;
    sqlite3_int64 from; /* where the piece belongs */
    int len;
    sqlite3_int64 size; /* of the file, as far as known */
};

static sqlite3_vfs *system_vfs(void)
{
    return sqlite3_vfs_find("unix");
}

static struct log_file *log_of(sqlite3_file *file)
{
    return (struct log_file *)file;
}

static sqlite3_file *inner(sqlite3_file *file)
{
    return (sqlite3_file *)(log_of(file) + 1);
}

/* Zeros from the end of the file on. It may fail: the log then grows by what
 * is written to it. */
static void grow(sqlite3_file *file)
{
    static const char zeros[PIECE_BYTES];
    struct log_file *log = log_of(file);
    sqlite3_int64 end = log->size + STEP_BYTES;

    while (log->size < end &&
           inner(file)->pMethods->xWrite(inner(file), zeros, PIECE_BYTES,
                                         log->size) == SQLITE_OK) {
        log->size += PIECE_BYTES;
    }
}

static int write_through(sqlite3_file *file, const void *data, int len,
                         sqlite3_int64 at)
{
    struct log_file *log = log_of(file);
    int code = inner(file)->pMethods->xWrite(inner(file), data, len, at);

    if (code == SQLITE_OK && at + len > log->size) {
        log->size = at + len;
        grow(file);
    }
    return code;
}

/* After a failure the piece is gone, as a write that failed would be: SQLite
 * gives up the transaction. */
static int flush(sqlite3_file *file)
{
    struct log_file *log = log_of(file);
    int len = log->len;

    log->len = 0;
    return len > 0 ? write_through(file, log->piece, len, log->from)
                   : SQLITE_OK;
}

static int log_close(sqlite3_file *file)
{
    int code = flush(file);
    int closed = inner(file)->pMethods->xClose(inner(file));

    free(log_of(file)->piece);
    return code != SQLITE_OK ? code : closed;
}

static int log_read(sqlite3_file *file, void *to, int len, sqlite3_int64 at)
{
    int code = flush(file);

    return code != SQLITE_OK
               ? code
               : inner(file)->pMethods->xRead(inner(file), to, len, at);
}

static int log_write(sqlite3_file *file, const void *data, int len,
                     sqlite3_int64 at)
{
    struct log_file *log = log_of(file);
    int code = SQLITE_OK;

    if (at != log->from + log->len || len > PIECE_BYTES - log->len) {
        code = flush(file);
        log->from = at;
    }
    if (code != SQLITE_OK) {
        return code;
    }
    if (len > PIECE_BYTES) {
        return write_through(file, data, len, at);
    }
    if (log->piece == NULL) {
        log->piece = xmalloc(PIECE_BYTES);
    }
    memcpy(log->piece + log->len, data, (size_t)len);
    log->len += len;
    return SQLITE_OK;
}

static int log_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int code = flush(file);

    if (code == SQLITE_OK) {
        code = inner(file)->pMethods->xTruncate(inner(file), size);
    }
    if (code == SQLITE_OK) {
        log_of(file)->size = size;
    }
    return code;
}

static int log_sync(sqlite3_file *file, int flags)
{
    int code = flush(file);

    return code != SQLITE_OK ? code
                             : inner(file)->pMethods->xSync(inner(file), flags);
}

static int log_size(sqlite3_file *file, sqlite3_int64 *size)
{
    int code = flush(file);

    return code != SQLITE_OK
               ? code
               : inner(file)->pMethods->xFileSize(inner(file), size);
}

static int log_lock(sqlite3_file *file, int level)
{
    return inner(file)->pMethods->xLock(inner(file), level);
}

static int log_unlock(sqlite3_file *file, int level)
{
    return inner(file)->pMethods->xUnlock(inner(file), level);
}

static int log_is_reserved(sqlite3_file *file, int *reserved)
{
    return inner(file)->pMethods->xCheckReservedLock(inner(file), reserved);
}

static int log_control(sqlite3_file *file, int what, void *arg)
{
    return inner(file)->pMethods->xFileControl(inner(file), what, arg);
}

static int log_sector(sqlite3_file *file)
{
    return inner(file)->pMethods->xSectorSize(inner(file));
}

static int log_traits(sqlite3_file *file)
{
    return inner(file)->pMethods->xDeviceCharacteristics(inner(file));
}

static const sqlite3_io_methods log_methods = {
    .iVersion = 1,
    .xClose = log_close,
    .xRead = log_read,
    .xWrite = log_write,
    .xTruncate = log_truncate,
    .xSync = log_sync,
    .xFileSize = log_size,
    .xLock = log_lock,
    .xUnlock = log_unlock,
    .xCheckReservedLock = log_is_reserved,
    .xFileControl = log_control,
    .xSectorSize = log_sector,
    .xDeviceCharacteristics = log_traits,
};

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file,
                     int flags, int *out_flags)
{
    struct log_file *log = log_of(file);
    int code;

    (void)vfs;
    if ((flags & SQLITE_OPEN_WAL) == 0) {
        return system_vfs()->xOpen(system_vfs(), name, file, flags, out_flags);
    }
    memset(log, 0, sizeof *log);
    code =
        system_vfs()->xOpen(system_vfs(), name, inner(file), flags, out_flags);
    /* SQLite closes what has methods, also after a failure. */
    if (inner(file)->pMethods != NULL) {
        log->base.pMethods = &log_methods;
    }
    if (code == SQLITE_OK) {
        code = inner(file)->pMethods->xFileSize(inner(file), &log->size);
    }
    return code;
}

const char *sqlite_vfs(void)
{
    static sqlite3_vfs vfs;

    if (vfs.zName == NULL) {
        vfs = *system_vfs();
        vfs.zName = "hypervise";
        vfs.pNext = NULL;
        vfs.szOsFile += (int)sizeof(struct log_file);
        vfs.xOpen = open_file;
        BUG_IF(sqlite3_vfs_register(&vfs, 0) != SQLITE_OK);
    }
    return vfs.zName;
}
