/* SPDX-License-Identifier: Apache-2.0 */
/** Rows of a SQLite file: values as columns hold them, statements, writes. */
#include <string.h>

#include "common/base/mem.h"
#include "common/store/store_sqlite.h"

enum {
    SQL_MAX = 64 * 1024,
    KIND_BOOL = 6 /* as doc_compare ranks it: above texts and lists */
};

const char *const *sqlite_key_columns(enum store_collection collection)
{
    static const char *const columns[][3] = {
        [STORE_KEY_TEXT] = {"k"},
        [STORE_KEY_INTS] = {"a", "b"},
        [STORE_KEY_TEXT_INT] = {"k", "a"},
    };
    return columns[store_schema(collection)->key];
}

int sqlite_bind_key(sqlite3_stmt *stmt, int at,
                    enum store_collection collection,
                    const struct store_key *key)
{
    enum store_key_kind kind = store_schema(collection)->key;

    if (kind != STORE_KEY_INTS) {
        (void)sqlite3_bind_text(stmt, at++, key->text, -1, SQLITE_STATIC);
    }
    if (kind != STORE_KEY_TEXT) {
        (void)sqlite3_bind_int64(stmt, at++, key->a);
    }
    if (kind == STORE_KEY_INTS) {
        (void)sqlite3_bind_int64(stmt, at++, key->b);
    }
    return at;
}

/* NULL < numbers < texts < blobs, as SQLite sorts, is the order of values:
 * what has no order is an empty blob, a bool one that starts by its rank. */
void sqlite_bind_value(sqlite3_stmt *stmt, int at,
                       const struct doc_value *value)
{
    static const char bools[2][2] = {{KIND_BOOL, 0}, {KIND_BOOL, 1}};

    switch (value->type) {
    case DOC_MISSING:
    case DOC_NULL:
        (void)sqlite3_bind_null(stmt, at);
        break;
    case DOC_BOOL:
        (void)sqlite3_bind_blob(stmt, at, bools[value->u.b ? 1 : 0],
                                sizeof bools[0], SQLITE_STATIC);
        break;
    case DOC_INT:
        (void)sqlite3_bind_int64(stmt, at, value->u.i);
        break;
    case DOC_DOUBLE:
        (void)sqlite3_bind_double(stmt, at, value->u.d);
        break;
    case DOC_STRING:
        (void)sqlite3_bind_text(stmt, at, value->u.s.text, (int)value->u.s.len,
                                SQLITE_STATIC);
        break;
    case DOC_BYTES:
    case DOC_DOC:
    case DOC_ARRAY:
        (void)sqlite3_bind_blob(stmt, at, "", 0, SQLITE_STATIC);
        break;
    }
}

void sqlite_add_key_columns(struct buf *sql, enum store_collection collection)
{
    const char *const *columns = sqlite_key_columns(collection);

    for (size_t i = 0; columns[i] != NULL; i++) {
        buf_addf(sql, i > 0 ? ", %s" : "%s", columns[i]);
    }
}

static struct sqlite_table *table_of(struct sqlite_file *file,
                                     enum store_collection collection)
{
    if (file->tables[collection] == NULL) {
        file->tables[collection] = xcalloc(1, sizeof(struct sqlite_table));
    }
    return file->tables[collection];
}

/* " WHERE k=? AND a=?" */
static void add_key_equal(struct buf *sql, enum store_collection collection)
{
    const char *const *columns = sqlite_key_columns(collection);

    for (size_t i = 0; columns[i] != NULL; i++) {
        buf_addf(sql, i > 0 ? " AND %s=?" : " WHERE %s=?", columns[i]);
    }
}

static void add_insert(struct buf *sql, enum store_collection collection)
{
    const struct store_schema *schema = store_schema(collection);
    const char *const *columns = sqlite_key_columns(collection);

    buf_addf(sql, "INSERT OR REPLACE INTO %s VALUES (?", schema->name);
    for (size_t i = 0; columns[i] != NULL; i++) {
        buf_add_str(sql, ", ?");
    }
    for (size_t i = 0; schema->indexes[i] != NULL; i++) {
        buf_add_str(sql, ", ?");
    }
    buf_add_char(sql, ')');
}

static void add_fields(struct buf *sql, enum store_collection collection)
{
    const struct store_schema *schema = store_schema(collection);

    buf_add_str(sql, "SELECT 1");
    for (size_t i = 0; schema->indexes[i] != NULL; i++) {
        buf_addf(sql, ", \"f_%s\"", schema->indexes[i]);
    }
    buf_addf(sql, " FROM %s", schema->name);
    add_key_equal(sql, collection);
}

/* "(k, a) >= (?, ?) AND (k, a) < (?, ?)" */
static void add_delete_range(struct buf *sql, enum store_collection collection)
{
    const char *marks =
        sqlite_key_columns(collection)[1] != NULL ? "?, ?" : "?";

    buf_addf(sql, "DELETE FROM %s WHERE (", store_schema(collection)->name);
    sqlite_add_key_columns(sql, collection);
    buf_addf(sql, ") >= (%s) AND (", marks);
    sqlite_add_key_columns(sql, collection);
    buf_addf(sql, ") < (%s)", marks);
}

static void add_sql(struct buf *sql, enum store_collection collection,
                    enum sqlite_statement which)
{
    const char *name = store_schema(collection)->name;

    switch (which) {
    case SQLITE_STMT_GET:
        buf_addf(sql, "SELECT d FROM %s", name);
        add_key_equal(sql, collection);
        break;
    case SQLITE_STMT_FIELDS:
        add_fields(sql, collection);
        break;
    case SQLITE_STMT_INSERT:
        add_insert(sql, collection);
        break;
    case SQLITE_STMT_DELETE:
        buf_addf(sql, "DELETE FROM %s", name);
        add_key_equal(sql, collection);
        break;
    case SQLITE_STMT_DELETE_RANGE:
        add_delete_range(sql, collection);
        break;
    case SQLITE_N_STMTS:
    default:
        break;
    }
}

sqlite3_stmt *sqlite_file_stmt(struct sqlite_file *file,
                               enum store_collection collection,
                               enum sqlite_statement which)
{
    struct sqlite_table *table = table_of(file, collection);
    struct buf sql;

    if (table->stmts[which] != NULL) {
        (void)sqlite3_reset(table->stmts[which]);
        return table->stmts[which];
    }
    buf_init(&sql, SQL_MAX);
    add_sql(&sql, collection, which);
    table->stmts[which] = sqlite_file_prepare(file, buf_str(&sql), true);
    buf_fini(&sql);
    return table->stmts[which];
}

/* The update of a row and of the indexed fields in the mask. */
static sqlite3_stmt *update_stmt(struct sqlite_file *file,
                                 enum store_collection collection,
                                 unsigned int mask)
{
    const struct store_schema *schema = store_schema(collection);
    struct sqlite_table *table = table_of(file, collection);
    struct buf sql;

    if (table->updates[mask] != NULL) {
        (void)sqlite3_reset(table->updates[mask]);
        return table->updates[mask];
    }
    buf_init(&sql, SQL_MAX);
    buf_addf(&sql, "UPDATE %s SET d=?", schema->name);
    for (size_t i = 0; schema->indexes[i] != NULL; i++) {
        if ((mask & 1U << i) != 0) {
            buf_addf(&sql, ", \"f_%s\"=?", schema->indexes[i]);
        }
    }
    add_key_equal(&sql, collection);
    table->updates[mask] = sqlite_file_prepare(file, buf_str(&sql), true);
    buf_fini(&sql);
    return table->updates[mask];
}

bool sqlite_file_has_lists(struct sqlite_file *file,
                           enum store_collection collection, size_t index)
{
    const struct store_schema *schema = store_schema(collection);
    struct sqlite_table *table = table_of(file, collection);
    struct buf sql;
    int code = SQLITE_ERROR;

    if (table->probes[index] == NULL) {
        buf_init(&sql, SQL_MAX);
        buf_addf(&sql, "SELECT 1 FROM %s WHERE \"f_%s\"=x'' LIMIT 1",
                 schema->name, schema->indexes[index]);
        table->probes[index] = sqlite_file_prepare(file, buf_str(&sql), true);
        buf_fini(&sql);
    }
    if (table->probes[index] != NULL) {
        code = sqlite3_step(table->probes[index]);
        (void)sqlite3_reset(table->probes[index]);
    }
    return code != SQLITE_DONE;
}

/* Whether the column holds what sqlite_bind_value would bind. */
static bool same_value(sqlite3_stmt *stmt, int column,
                       const struct doc_value *value)
{
    const void *bytes;
    int type = sqlite3_column_type(stmt, column);

    switch (value->type) {
    case DOC_MISSING:
    case DOC_NULL:
        return type == SQLITE_NULL;
    case DOC_INT:
        return type == SQLITE_INTEGER &&
               sqlite3_column_int64(stmt, column) == value->u.i;
    case DOC_DOUBLE:
        return type == SQLITE_FLOAT &&
               sqlite3_column_double(stmt, column) == value->u.d;
    case DOC_STRING:
        if (type != SQLITE_TEXT) {
            return false;
        }
        bytes = sqlite3_column_text(stmt, column);
        return (uint32_t)sqlite3_column_bytes(stmt, column) == value->u.s.len &&
               memcmp(bytes, value->u.s.text, value->u.s.len) == 0;
    case DOC_BOOL:
        bytes = type == SQLITE_BLOB ? sqlite3_column_blob(stmt, column) : NULL;
        return bytes != NULL &&
               ((const char *)bytes)[1] == (value->u.b ? 1 : 0);
    case DOC_BYTES:
    case DOC_DOC:
    case DOC_ARRAY:
    default:
        return type == SQLITE_BLOB && sqlite3_column_bytes(stmt, column) == 0;
    }
}

static void bind_row(sqlite3_stmt *stmt, int at, struct doc row)
{
    (void)sqlite3_bind_blob(stmt, at, row.len > 0 ? (const void *)row.data : "",
                            (int)row.len, SQLITE_STATIC);
}

static int insert_row(struct sqlite_file *file, const struct store_write *write,
                      const struct doc_value *values, size_t n)
{
    sqlite3_stmt *stmt =
        sqlite_file_stmt(file, write->collection, SQLITE_STMT_INSERT);
    int at;

    if (stmt == NULL) {
        return sqlite3_errcode(file->db);
    }
    at = sqlite_bind_key(stmt, 1, write->collection, &write->key);
    for (size_t i = 0; i < n; i++) {
        sqlite_bind_value(stmt, at++, &values[i]);
    }
    bind_row(stmt, at, write->row);
    return sqlite3_step(stmt);
}

/* Most rows that are put again keep most of their indexed values: an index
 * costs more than the row, so only what changed is touched. */
static int update_row(struct sqlite_file *file, const struct store_write *write,
                      const struct doc_value *values, unsigned int mask)
{
    sqlite3_stmt *stmt = update_stmt(file, write->collection, mask);
    int at = 1;

    if (stmt == NULL) {
        return sqlite3_errcode(file->db);
    }
    bind_row(stmt, at++, write->row);
    for (size_t i = 0; i < STORE_INDEX_MAX; i++) {
        if ((mask & 1U << i) != 0) {
            sqlite_bind_value(stmt, at++, &values[i]);
        }
    }
    (void)sqlite_bind_key(stmt, at, write->collection, &write->key);
    return sqlite3_step(stmt);
}

static int add_row(struct sqlite_file *file, const struct store_write *write,
                   const struct doc_value *values, size_t n)
{
    sqlite3_stmt *stmt =
        sqlite_file_stmt(file, write->collection, SQLITE_STMT_FIELDS);
    int code;

    if (stmt == NULL) {
        return sqlite3_errcode(file->db);
    }
    (void)sqlite_bind_key(stmt, 1, write->collection, &write->key);
    code = sqlite3_step(stmt);
    (void)sqlite3_reset(stmt);
    if (code == SQLITE_ROW) {
        return SQLITE_DONE; /* as a write that is done */
    }
    return code == SQLITE_DONE ? insert_row(file, write, values, n) : code;
}

static int put_row(struct sqlite_file *file, const struct store_write *write,
                   const struct doc_value *values, size_t n)
{
    sqlite3_stmt *stmt =
        sqlite_file_stmt(file, write->collection, SQLITE_STMT_FIELDS);
    unsigned int mask = 0;
    int code;

    if (stmt == NULL) {
        return sqlite3_errcode(file->db);
    }
    (void)sqlite_bind_key(stmt, 1, write->collection, &write->key);
    code = sqlite3_step(stmt);
    for (size_t i = 0; code == SQLITE_ROW && i < n; i++) {
        if (!same_value(stmt, (int)i + 1, &values[i])) {
            mask |= 1U << i;
        }
    }
    (void)sqlite3_reset(stmt);
    if (code == SQLITE_ROW) {
        return update_row(file, write, values, mask);
    }
    return code == SQLITE_DONE ? insert_row(file, write, values, n) : code;
}

static int delete_rows(struct sqlite_file *file,
                       const struct store_write *write,
                       enum sqlite_statement which)
{
    sqlite3_stmt *stmt = sqlite_file_stmt(file, write->collection, which);
    int at;

    if (stmt == NULL) {
        return sqlite3_errcode(file->db);
    }
    at = sqlite_bind_key(stmt, 1, write->collection, &write->key);
    if (which == SQLITE_STMT_DELETE_RANGE) {
        (void)sqlite_bind_key(stmt, at, write->collection, &write->past);
    }
    return sqlite3_step(stmt);
}

int sqlite_file_write(struct sqlite_file *file, const struct store_write *write)
{
    const struct store_schema *schema = store_schema(write->collection);
    struct doc_value values[STORE_INDEX_MAX];
    size_t n = 0;

    switch (write->op) {
    case STORE_OP_DELETE:
        return delete_rows(file, write, SQLITE_STMT_DELETE);
    case STORE_OP_DELETE_RANGE:
        return delete_rows(file, write, SQLITE_STMT_DELETE_RANGE);
    case STORE_OP_PUT:
    case STORE_OP_APPEND:
    case STORE_OP_ADD:
    default:
        break;
    }
    for (; schema->indexes[n] != NULL; n++) {
        store_sort_value(write->row, schema->indexes[n], &values[n]);
    }
    if (write->op == STORE_OP_ADD) {
        return add_row(file, write, values, n);
    }
    return write->op == STORE_OP_PUT && n > 0
               ? put_row(file, write, values, n)
               : insert_row(file, write, values, n);
}
