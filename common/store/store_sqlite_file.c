/* SPDX-License-Identifier: Apache-2.0 */
/** The SQLite file of one writer: opening, checks, schema. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/store/store_sqlite.h"

enum {
    SQL_MAX = 64 * 1024,
    BUSY_MS = 1000,
    CHECK_MS = 2000,      /* spent at most on a file not closed in order */
    CHECK_EVERY = 100000, /* steps of its machine between looks at the clock */
    FILE_MODE = 0640
};

static const char *const pragmas =
    "PRAGMA synchronous=FULL;"
    "PRAGMA mmap_size=0;"
    "PRAGMA trusted_schema=OFF;"
    "PRAGMA cell_size_check=ON;"
    "PRAGMA wal_autocheckpoint=4000;" /* pages: 16 MB */
    "PRAGMA journal_size_limit=33554432;";

char *sqlite_folder_mark(const char *folder)
{
    return xasprintf("%s/restore-unfinished", folder);
}

enum err sqlite_folder_check(const char *folder, struct errbuf *why)
{
    char *mark = sqlite_folder_mark(folder);
    bool marked = access(mark, F_OK) == 0;

    free(mark);
    if (folder[0] == '\0') {
        errbuf_set_field(why, "storage", "expected sqlite:<folder>");
        return ERR_INVALID;
    }
    if (marked) {
        errbuf_set_field(why, "storage",
                         "%s: a restore into it was broken off: repeat "
                         "'hyp restore FILE --replace'",
                         folder);
        return ERR_INVALID;
    }
    return ERR_OK;
}

struct sqlite_file *sqlite_file_new(const char *folder, const char *writer,
                                    bool writable)
{
    struct sqlite_file *file = xcalloc(1, sizeof *file);

    file->writer = xstrdup(writer);
    file->path = xasprintf("%s/%s.db", folder, writer);
    file->writable = writable;
    return file;
}

static void table_free(struct sqlite_table *table)
{
    for (size_t i = 0; table != NULL && i < SQLITE_N_STMTS; i++) {
        (void)sqlite3_finalize(table->stmts[i]);
    }
    for (size_t i = 0; table != NULL && i < SQLITE_N_UPDATES; i++) {
        (void)sqlite3_finalize(table->updates[i]);
    }
    for (size_t i = 0; table != NULL && i < STORE_INDEX_MAX; i++) {
        (void)sqlite3_finalize(table->probes[i]);
    }
    free(table);
}

static void file_close(struct sqlite_file *file)
{
    for (size_t i = 0; i < STORE_N_COLLECTIONS; i++) {
        table_free(file->tables[i]);
        file->tables[i] = NULL;
    }
    (void)sqlite3_finalize(file->raise);
    (void)sqlite3_finalize(file->progress);
    (void)sqlite3_finalize(file->advance);
    file->raise = NULL;
    file->progress = NULL;
    file->advance = NULL;
    (void)sqlite3_close(file->db);
    file->db = NULL;
}

void sqlite_file_free(struct sqlite_file *file)
{
    if (file == NULL) {
        return;
    }
    if (file->db != NULL && file->writable) {
        /* Should this fail, the next start looks the file over: no harm. */
        (void)sqlite_file_exec(file,
                               "UPDATE meta SET value=1 WHERE name='clean'");
    }
    file_close(file);
    free(file->writer);
    free(file->path);
    free(file);
}

const char *sqlite_file_reason(struct sqlite_file *file)
{
    int code = sqlite3_errcode(file->db) & 0xff;
    int system = sqlite3_system_errno(file->db);

    if (system == 0 || (code != SQLITE_IOERR && code != SQLITE_CANTOPEN)) {
        return sqlite3_errmsg(file->db);
    }
    (void)snprintf(file->reason, sizeof file->reason, "%s: %s",
                   sqlite3_errmsg(file->db), strerror(system));
    return file->reason;
}

int sqlite_file_exec(struct sqlite_file *file, const char *sql)
{
    return sqlite3_exec(file->db, sql, NULL, NULL, NULL);
}

sqlite3_stmt *sqlite_file_prepare(struct sqlite_file *file, const char *sql,
                                  bool keep)
{
    sqlite3_stmt *stmt = NULL;

    (void)sqlite3_prepare_v3(file->db, sql, -1,
                             keep ? SQLITE_PREPARE_PERSISTENT : 0, &stmt, NULL);
    return stmt;
}

/* Rows under texts in no order of time are whole documents: kept in the order
 * they came, a put dirties fewer pages than in the order of their keys (30 us
 * a row against 42). The others come in the order of their keys, or are small.
 */
static void add_table(struct buf *sql, enum store_collection collection)
{
    const struct store_schema *schema = store_schema(collection);
    const char *const *columns = sqlite_key_columns(collection);

    buf_addf(sql, "CREATE TABLE IF NOT EXISTS %s (", schema->name);
    for (size_t i = 0; columns[i] != NULL; i++) {
        buf_addf(sql, "%s %s NOT NULL, ", columns[i],
                 columns[i][0] == 'k' ? "TEXT" : "INTEGER");
    }
    for (size_t i = 0; schema->indexes[i] != NULL; i++) {
        buf_addf(sql, "\"f_%s\" ANY, ", schema->indexes[i]);
    }
    buf_add_str(sql, "d BLOB NOT NULL, PRIMARY KEY (");
    sqlite_add_key_columns(sql, collection);
    buf_addf(sql, ")) STRICT%s;\n",
             schema->key == STORE_KEY_TEXT || store_schema_is_large(collection)
                 ? ""
                 : ", WITHOUT ROWID");
    for (size_t i = 0; schema->indexes[i] != NULL; i++) {
        buf_addf(sql, "CREATE INDEX IF NOT EXISTS \"%s.%s\" ON %s (\"f_%s\", ",
                 schema->name, schema->indexes[i], schema->name,
                 schema->indexes[i]);
        sqlite_add_key_columns(sql, collection);
        buf_add_str(sql, ");\n");
    }
}

/* In a new file everything, in one of an older version what is missing. */
static int create_schema(struct sqlite_file *file)
{
    struct buf sql;
    int code;

    buf_init(&sql, SQL_MAX);
    buf_add_str(&sql,
                "BEGIN IMMEDIATE;"
                "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY,"
                " value ANY) STRICT;"
                "CREATE TABLE IF NOT EXISTS progress (row TEXT PRIMARY KEY,"
                " epoch INTEGER NOT NULL, batch INTEGER NOT NULL,"
                " payload BLOB NOT NULL) STRICT;"
                "INSERT OR IGNORE INTO meta VALUES ('clean', 0),"
                " ('probe', 0);\n");
    buf_addf(&sql, "INSERT OR REPLACE INTO meta VALUES ('schema', %d);\n",
             STORE_SCHEMA_VERSION);
    for (size_t i = 0; i < STORE_N_COLLECTIONS; i++) {
        if (store_may_write(file->writer, (enum store_collection)i)) {
            add_table(&sql, (enum store_collection)i);
        }
    }
    buf_add_str(&sql, "COMMIT");
    BUG_IF(sql.overflow);
    code = sqlite_file_exec(file, buf_str(&sql));
    if (code != SQLITE_OK && sqlite3_get_autocommit(file->db) == 0) {
        (void)sqlite_file_exec(file, "ROLLBACK");
    }
    buf_fini(&sql);
    return code;
}

/* A whole number from one query; SQLITE_ROW, SQLITE_DONE without a row. */
static int query_int(struct sqlite_file *file, const char *sql, int64_t *value)
{
    sqlite3_stmt *stmt = sqlite_file_prepare(file, sql, false);
    int code = stmt != NULL ? sqlite3_step(stmt) : sqlite3_errcode(file->db);

    if (code == SQLITE_ROW) {
        *value = sqlite3_column_int64(stmt, 0);
    }
    (void)sqlite3_finalize(stmt);
    return code;
}

static bool is_damage(int code)
{
    return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

static enum err refuse(struct sqlite_file *file, int code, struct errbuf *why)
{
    if (is_damage(code)) {
        errbuf_set_field(why, "storage",
                         "%s is damaged (%s): restore it from a backup",
                         file->path, sqlite_file_reason(file));
        return ERR_INVALID;
    }
    errbuf_set_field(why, "storage", "%s: %s", file->path,
                     sqlite_file_reason(file));
    return ERR_UNAVAILABLE;
}

static int stop_at_deadline(void *ctx)
{
    return clock_mono_ms() > *(const int64_t *)ctx;
}

/* Damage that a crash of the machine left is found by reading the file; a
 * large one is read only for as long as a start may take. */
static enum err check_damage(struct sqlite_file *file, struct errbuf *why)
{
    int64_t deadline = clock_mono_ms() + CHECK_MS;
    sqlite3_stmt *stmt =
        sqlite_file_prepare(file, "PRAGMA quick_check(1)", false);
    const char *found = NULL;
    enum err err = ERR_OK;
    int code;

    sqlite3_progress_handler(file->db, CHECK_EVERY, stop_at_deadline,
                             &deadline);
    code = stmt != NULL ? sqlite3_step(stmt) : sqlite3_errcode(file->db);
    if (code == SQLITE_ROW) {
        found = (const char *)sqlite3_column_text(stmt, 0);
    }
    if (is_damage(code)) {
        err = refuse(file, code, why);
    } else if (found != NULL && strcmp(found, "ok") != 0) {
        errbuf_set_field(why, "storage",
                         "%s is damaged (%s): restore it from a backup",
                         file->path, found);
        err = ERR_INVALID;
    }
    (void)sqlite3_finalize(stmt);
    sqlite3_progress_handler(file->db, 0, NULL, NULL);
    return err;
}

/* The writer brings it up to date; its engine changes the rows. */
static bool is_older(int64_t version)
{
    return version >= 1 && version < STORE_SCHEMA_VERSION;
}

static enum err check_version(const struct sqlite_file *file, int64_t version,
                              struct errbuf *why)
{
    if (version == STORE_SCHEMA_VERSION) {
        return ERR_OK;
    }
    errbuf_set_field(why, "storage",
                     "%s has schema version %lld, this program has %d: use "
                     "the program version that wrote it",
                     file->path, (long long)version, STORE_SCHEMA_VERSION);
    return ERR_INVALID;
}

/* A file that has its tables: checked, and brought up to date. */
static enum err open_known(struct sqlite_file *file, struct errbuf *why)
{
    int64_t version = STORE_SCHEMA_VERSION;
    int64_t clean = 1;
    int code =
        query_int(file, "SELECT value FROM meta WHERE name='schema'", &version);

    if (code == SQLITE_ROW) {
        code = query_int(file, "SELECT value FROM meta WHERE name='clean'",
                         &clean);
    }
    if (code != SQLITE_ROW) {
        return refuse(file, code, why);
    }
    if ((!is_older(version) && check_version(file, version, why) != ERR_OK) ||
        (clean == 0 && check_damage(file, why) != ERR_OK)) {
        return ERR_INVALID;
    }
    if (is_older(version)) {
        code = create_schema(file);
        if (code != SQLITE_OK) {
            return refuse(file, code, why);
        }
        log_info("STORE-UPGRADE", "%s: from schema version %lld to %d",
                 file->path, (long long)version, STORE_SCHEMA_VERSION);
    }
    code = sqlite_file_exec(file, "UPDATE meta SET value=0 WHERE name='clean'");
    return code == SQLITE_OK ? ERR_OK : refuse(file, code, why);
}

static enum err open_writable(struct sqlite_file *file, struct errbuf *why)
{
    int64_t tables = 0;
    int code = sqlite_file_exec(file, "PRAGMA journal_mode=WAL");

    if (code == SQLITE_OK) {
        code = query_int(file,
                         "SELECT count(*) FROM sqlite_schema WHERE name='meta'",
                         &tables);
    }
    if (code != SQLITE_ROW) {
        return refuse(file, code, why);
    }
    if (tables > 0) {
        return open_known(file, why);
    }
    code = create_schema(file);
    return code == SQLITE_OK ? ERR_OK : refuse(file, code, why);
}

static enum err open_readable(struct sqlite_file *file, struct errbuf *why)
{
    int64_t version = 0;
    int64_t tables = 0;
    int code = query_int(
        file, "SELECT count(*) FROM sqlite_schema WHERE name='meta'", &tables);

    if (code == SQLITE_ROW && tables == 0) {
        return ERR_NOT_FOUND; /* its writer is just creating it */
    }
    if (code == SQLITE_ROW) {
        code = query_int(file, "SELECT value FROM meta WHERE name='schema'",
                         &version);
    }
    if (code != SQLITE_ROW) {
        return refuse(file, code, why);
    }
    if (is_older(version)) {
        errbuf_set_field(why, "storage",
                         "%s has schema version %lld until engine-%s has "
                         "been started",
                         file->path, (long long)version, file->writer);
        return ERR_UNAVAILABLE;
    }
    return check_version(file, version, why);
}

/* Ours alone from its first moment: SQLite would create it for all to read. */
static void create_file(const char *path)
{
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, FILE_MODE);

    if (fd >= 0) {
        (void)close(fd);
    }
}

static enum err set_up(struct sqlite_file *file, struct errbuf *why)
{
    int code;

    (void)sqlite3_extended_result_codes(file->db, 1);
    (void)sqlite3_busy_timeout(file->db, BUSY_MS);
    code = sqlite_file_exec(file, pragmas);
    if (code == SQLITE_OK) {
        /* KiB at most; a quiet writer gives it back. */
        code =
            sqlite_file_exec(file, file->writable ? "PRAGMA cache_size=-16384"
                                                  : "PRAGMA cache_size=-2048");
    }
    if (code != SQLITE_OK) {
        return refuse(file, code, why);
    }
    return file->writable ? open_writable(file, why) : open_readable(file, why);
}

void sqlite_file_look(struct sqlite_file *file)
{
    struct stat st;

    if (file->db == NULL || file->writable || file->scans > 0) {
        return;
    }
    if (stat(file->path, &st) != 0 || st.st_dev != file->device ||
        st.st_ino != file->inode) {
        file_close(file);
    }
}

/* Which file it is, before it is opened: one that is replaced in between is
 * opened once more. */
static bool note_identity(struct sqlite_file *file)
{
    struct stat st;

    if (stat(file->path, &st) != 0) {
        return false;
    }
    file->device = st.st_dev;
    file->inode = st.st_ino;
    return true;
}

enum err sqlite_file_open(struct sqlite_file *file, struct errbuf *why)
{
    int flags = file->writable ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
    enum err err;
    int code;

    if (file->writable) {
        create_file(file->path);
    } else if (!note_identity(file)) {
        return ERR_NOT_FOUND;
    }
    code = sqlite3_open_v2(file->path, &file->db, flags | SQLITE_OPEN_NOMUTEX,
                           file->writable ? sqlite_vfs() : NULL);
    err = code == SQLITE_OK ? set_up(file, why) : refuse(file, code, why);
    if (err != ERR_OK) {
        file_close(file);
    }
    return err;
}
