/* SPDX-License-Identifier: Apache-2.0 */
/** Parts of the SQLite backend: a file of one writer, and scans of it. */
#ifndef HYP_STORE_STORE_SQLITE_H
#define HYP_STORE_STORE_SQLITE_H

#include <sqlite3.h>
#include <sys/types.h>

#include "common/store/store_backend.h"

enum sqlite_statement {
    SQLITE_STMT_GET,
    SQLITE_STMT_FIELDS, /**< the indexed values of a row */
    SQLITE_STMT_INSERT,
    SQLITE_STMT_DELETE,
    SQLITE_STMT_DELETE_RANGE,
    SQLITE_N_STMTS
};

/* One statement for each set of indexed fields that a put changes. */
enum {
    SQLITE_N_UPDATES = 1 << STORE_INDEX_MAX
};

/** The prepared statements of one collection. */
struct sqlite_table {
    sqlite3_stmt *stmts[SQLITE_N_STMTS];
    sqlite3_stmt *updates[SQLITE_N_UPDATES];
    sqlite3_stmt *probes[STORE_INDEX_MAX]; /**< is there a list in it? */
};

/** <folder>/<writer>.db */
struct sqlite_file {
    char *writer;
    char *path;
    bool writable;
    sqlite3 *db;  /**< NULL: not open yet */
    dev_t device; /**< with the inode: which file it is */
    ino_t inode;
    int scans; /**< under way: their statements are in use */
    char reason[ERRBUF_TEXT_MAX];
    sqlite3_stmt *raise;
    sqlite3_stmt *progress;
    sqlite3_stmt *advance;
    struct sqlite_table *tables[STORE_N_COLLECTIONS]; /**< made when used */
};

/** Name of the VFS for writers: the system's, but what goes to the write-ahead
 *  log one after another goes in one piece, by the next sync. */
const char *sqlite_vfs(void);
/** Path of the mark that a folder bears while its files are exchanged; the
 *  caller frees it. */
char *sqlite_folder_mark(const char *folder);
/** ERR_INVALID: no folder is named, or it bears the mark. */
MUST_CHECK enum err sqlite_folder_check(const char *folder, struct errbuf *why);
/** Prepare to open; does nothing yet. Borrows nothing. */
struct sqlite_file *sqlite_file_new(const char *folder, const char *writer,
                                    bool writable);
void sqlite_file_free(struct sqlite_file *file);
/**
 * Open; a writer creates and checks. ERR_NOT_FOUND: a reader, and the writer
 * never ran; ERR_INVALID: not of this program's version, or damaged;
 * ERR_UNAVAILABLE: retry. On an error the file is closed again.
 */
MUST_CHECK enum err sqlite_file_open(struct sqlite_file *file,
                                     struct errbuf *why);
/** Close a reader's file when another one stands in its place (a restore, a
 *  store made anew) and no scan of it is under way. */
void sqlite_file_look(struct sqlite_file *file);
/** The statement, reset; NULL when it cannot be prepared. Borrowed. */
sqlite3_stmt *sqlite_file_stmt(struct sqlite_file *file,
                               enum store_collection collection,
                               enum sqlite_statement which);
/** Run one write of a batch. SQLite's result code: SQLITE_DONE. */
int sqlite_file_write(struct sqlite_file *file,
                      const struct store_write *write);
/** Prepare text that a program made; NULL on failure. */
sqlite3_stmt *sqlite_file_prepare(struct sqlite_file *file, const char *sql,
                                  bool keep);
/** Run statements without a result. SQLite's result code. */
int sqlite_file_exec(struct sqlite_file *file, const char *sql);
/** Whether a row's indexed field may hold a list (see store_sort_value):
 *  then a condition on it must not be pushed down. */
bool sqlite_file_has_lists(struct sqlite_file *file,
                           enum store_collection collection, size_t index);
/** Why the last call on it failed. Borrowed until the next call. */
const char *sqlite_file_reason(struct sqlite_file *file);

/** Names of the key columns, NULL-terminated. */
const char *const *sqlite_key_columns(enum store_collection collection);
/** Append them: "k, a". */
void sqlite_add_key_columns(struct buf *sql, enum store_collection collection);
/** Bind a key from parameter at on; returns the next parameter. */
int sqlite_bind_key(sqlite3_stmt *stmt, int at,
                    enum store_collection collection,
                    const struct store_key *key);
/** Bind a value as its column holds it. It must outlive the statement's run. */
void sqlite_bind_value(sqlite3_stmt *stmt, int at,
                       const struct doc_value *value);

/** All rows, stopping at most. SQLITE_ROW, or what went wrong. */
int sqlite_count(struct sqlite_file *file, enum store_collection collection,
                 int64_t most, int64_t *n);
/** Candidates of a scan in order. SQLITE_DONE, or what went wrong. */
int sqlite_scan(struct sqlite_file *file, const struct store_scan_plan *plan,
                store_row_fn *each, void *ctx);

#endif
