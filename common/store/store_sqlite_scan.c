/* SPDX-License-Identifier: Apache-2.0 */
/** Scans of a SQLite file: the condition as SQL, order, place, candidates. */
#include <string.h>

#include "common/base/clock.h"
#include "common/store/store_sqlite.h"

enum {
    SQL_MAX = 256 * 1024,
    READ_MS = 1000,    /* a read this long starts anew where it is */
    ROWS_A_LOOK = 256, /* rows between looks at the clock */
    ROW_COPY_MAX = 2 * DOC_BYTES_MAX
};

/* NULLs sort first and equal nothing, so rows after a place are read in two
 * parts: those on its side of the NULLs, then the others. */
enum part {
    PART_ALL,   /* no place: every row */
    PART_AFTER, /* (value, key) after the place */
    PART_NULLS, /* behind every value: those without (descending) */
    PART_VALUES /* behind those without: every value (ascending) */
};

struct sqlite_scan {
    struct sqlite_file *file;
    struct store_scan_plan plan;
    store_row_fn *each;
    void *ctx;
    bool stopped;
    struct buf place; /* the row that a long read stopped at: row, key text */
};

static size_t index_of(const struct store_schema *schema, const char *field)
{
    size_t i = 0;

    while (schema->indexes[i] != NULL &&
           strcmp(schema->indexes[i], field) != 0) {
        i++;
    }
    return i;
}

/* Whether no matching row fails the condition as SQL. */
static bool is_pushed(struct sqlite_scan *scan, const struct filter_cond *cond)
{
    enum store_collection collection = scan->plan.query->collection;
    const struct store_schema *schema = store_schema(collection);
    size_t index = index_of(schema, cond->field);

    return cond->op == FILTER_EXISTS || /* lists are not NULL */
           !sqlite_file_has_lists(scan->file, collection, index);
}

static void add_in(struct buf *sql, struct doc list)
{
    struct doc_iter it;
    struct doc_value value;
    const char *index;
    const char *between = "";

    buf_add_str(sql, " IN (");
    doc_iter_init(&it, list);
    while (doc_next(&it, &index, &value)) {
        buf_addf(sql, "%s?", between);
        between = ",";
    }
    buf_add_char(sql, ')');
}

static void add_cond(struct buf *sql, const struct filter_cond *cond)
{
    static const char *const ops[] = {
        [FILTER_EQ] = "=?",
        [FILTER_IN] = "",
        [FILTER_GT] = ">?",
        [FILTER_GTE] = ">=?",
        [FILTER_LT] = "<?",
        [FILTER_LTE] = "<=?",
        [FILTER_EXISTS] = " IS NOT NULL",
    };

    buf_addf(sql, " AND \"f_%s\"%s", cond->field, ops[cond->op]);
    if (cond->op == FILTER_IN) {
        add_in(sql, cond->value.u.doc);
    }
}

/* "(k, a) < (?, ?)", with the sort column first when there is one. */
static void add_compare(struct buf *sql, const struct store_query *query,
                        const char *sort, const char *op)
{
    const char *const *columns = sqlite_key_columns(query->collection);

    buf_add_str(sql, " AND (");
    if (sort != NULL) {
        buf_addf(sql, "\"f_%s\", ", sort);
    }
    buf_addf(sql, columns[1] != NULL ? "%s, %s" : "%s", columns[0], columns[1]);
    buf_addf(sql, ") %s (%s%s)", op, sort != NULL ? "?, " : "",
             columns[1] != NULL ? "?, ?" : "?");
}

static bool place_is_null(const struct store_scan_plan *plan)
{
    return plan->after_value.type == DOC_NULL ||
           plan->after_value.type == DOC_MISSING;
}

static void add_part(struct buf *sql, const struct store_scan_plan *plan,
                     enum part part)
{
    const struct store_query *query = plan->query;
    const char *op = query->descending ? "<" : ">";

    switch (part) {
    case PART_ALL:
        break;
    case PART_NULLS:
        buf_addf(sql, " AND \"f_%s\" IS NULL", query->sort);
        break;
    case PART_VALUES:
        buf_addf(sql, " AND \"f_%s\" IS NOT NULL", query->sort);
        break;
    case PART_AFTER:
        if (query->sort != NULL && place_is_null(plan)) {
            buf_addf(sql, " AND \"f_%s\" IS NULL", query->sort);
            add_compare(sql, query, NULL, op);
        } else {
            add_compare(sql, query, query->sort, op);
        }
        break;
    }
}

static void add_order(struct buf *sql, const struct store_query *query)
{
    const char *const *columns = sqlite_key_columns(query->collection);
    const char *direction = query->descending ? " DESC" : "";

    buf_add_str(sql, " ORDER BY ");
    if (query->sort != NULL) {
        buf_addf(sql, "\"f_%s\"%s, ", query->sort, direction);
    }
    buf_addf(sql, "%s%s", columns[0], direction);
    if (columns[1] != NULL) {
        buf_addf(sql, ", %s%s", columns[1], direction);
    }
}

static int bind_cond(sqlite3_stmt *stmt, int at, const struct filter_cond *cond)
{
    struct doc_iter it;
    struct doc_value value;
    const char *index;

    if (cond->op == FILTER_EXISTS) {
        return at;
    }
    if (cond->op != FILTER_IN) {
        sqlite_bind_value(stmt, at++, &cond->value);
        return at;
    }
    doc_iter_init(&it, cond->value.u.doc);
    while (doc_next(&it, &index, &value)) {
        sqlite_bind_value(stmt, at++, &value);
    }
    return at;
}

static void bind_place(sqlite3_stmt *stmt, int at, struct sqlite_scan *scan,
                       enum part part)
{
    const struct store_query *query = scan->plan.query;

    if (query->from != NULL) {
        at = sqlite_bind_key(stmt, at, query->collection, query->from);
    }
    if (query->to != NULL) {
        at = sqlite_bind_key(stmt, at, query->collection, query->to);
    }
    if (part != PART_AFTER) {
        return;
    }
    if (query->sort != NULL && !place_is_null(&scan->plan)) {
        sqlite_bind_value(stmt, at++, &scan->plan.after_value);
    }
    (void)sqlite_bind_key(stmt, at, query->collection, &scan->plan.after_key);
}

/* The statement of one part, bound; NULL when it cannot be prepared. */
static sqlite3_stmt *prepare(struct sqlite_scan *scan, enum part part)
{
    const struct store_query *query = scan->plan.query;
    const char *const *columns = sqlite_key_columns(query->collection);
    const struct filter_cond *pushed[FILTER_PUSH_MAX];
    size_t n = 0;
    sqlite3_stmt *stmt;
    struct buf sql;
    int at = 1;

    buf_init(&sql, SQL_MAX);
    buf_addf(&sql, columns[1] != NULL ? "SELECT d, %s, %s" : "SELECT d, %s",
             columns[0], columns[1]);
    buf_addf(&sql, " FROM %s WHERE 1", store_schema(query->collection)->name);
    for (size_t i = 0; i < scan->plan.n_conds; i++) {
        if (is_pushed(scan, &scan->plan.conds[i])) {
            pushed[n++] = &scan->plan.conds[i];
            add_cond(&sql, &scan->plan.conds[i]);
        }
    }
    if (query->from != NULL) {
        add_compare(&sql, query, NULL, ">=");
    }
    if (query->to != NULL) {
        add_compare(&sql, query, NULL, "<");
    }
    add_part(&sql, &scan->plan, part);
    add_order(&sql, query);
    BUG_IF(sql.overflow);
    stmt = sqlite_file_prepare(scan->file, buf_str(&sql), false);
    buf_fini(&sql);
    for (size_t i = 0; stmt != NULL && i < n; i++) {
        at = bind_cond(stmt, at, pushed[i]);
    }
    if (stmt != NULL) {
        bind_place(stmt, at, scan, part);
    }
    return stmt;
}

static void read_row(sqlite3_stmt *stmt, enum store_key_kind kind,
                     struct store_key *key, struct doc *row)
{
    row->data = sqlite3_column_blob(stmt, 0);
    row->len = (uint32_t)sqlite3_column_bytes(stmt, 0);
    *key = (struct store_key){0};
    if (kind == STORE_KEY_INTS) {
        key->a = sqlite3_column_int64(stmt, 1);
        key->b = sqlite3_column_int64(stmt, 2);
        return;
    }
    key->text = (const char *)sqlite3_column_text(stmt, 1);
    if (kind == STORE_KEY_TEXT_INT) {
        key->a = sqlite3_column_int64(stmt, 2);
    }
}

/* Keep where a read stopped, to start anew behind it. */
static void keep_place(struct sqlite_scan *scan, const struct store_key *key,
                       struct doc row)
{
    struct store_scan_plan *plan = &scan->plan;

    buf_clear(&scan->place);
    buf_add(&scan->place, row.data, row.len);
    if (key->text != NULL) {
        buf_add(&scan->place, key->text, strlen(key->text) + 1);
    }
    BUG_IF(scan->place.overflow);
    plan->has_after = true;
    plan->after_key = *key;
    if (key->text != NULL) {
        plan->after_key.text = scan->place.data + row.len;
    }
    if (plan->query->sort != NULL) {
        row.data = (const uint8_t *)scan->place.data;
        store_sort_value(row, plan->query->sort, &plan->after_value);
    }
}

/* SQLITE_DONE at the end of the part or of the scan; SQLITE_ROW when the read
 * took long and the place is kept. */
static int run_part(struct sqlite_scan *scan, enum part part)
{
    enum store_key_kind kind = store_schema(scan->plan.query->collection)->key;
    sqlite3_stmt *stmt = prepare(scan, part);
    int64_t start = 0;
    int code;

    if (stmt == NULL) {
        return sqlite3_errcode(scan->file->db);
    }
    for (unsigned int n = 0;; n++) {
        struct store_key key;
        struct doc row;

        code = sqlite3_step(stmt);
        if (code != SQLITE_ROW) {
            break;
        }
        read_row(stmt, kind, &key, &row);
        if (!scan->each(scan->ctx, &key, row)) {
            scan->stopped = true;
            code = SQLITE_DONE;
            break;
        }
        if (n == 0) {
            start = clock_mono_ms();
        } else if (n % ROWS_A_LOOK == 0 && clock_mono_ms() - start > READ_MS) {
            keep_place(scan, &key, row);
            break;
        }
    }
    (void)sqlite3_finalize(stmt);
    return code;
}

/* One pass over what is after the place, in one or two parts. */
static int run_pass(struct sqlite_scan *scan)
{
    const struct store_query *query = scan->plan.query;
    enum part second = query->descending ? PART_NULLS : PART_VALUES;
    bool both;
    int code;

    if (!scan->plan.has_after) {
        return run_part(scan, PART_ALL);
    }
    both =
        query->sort != NULL && place_is_null(&scan->plan) != query->descending;
    code = run_part(scan, PART_AFTER);
    if (code == SQLITE_DONE && !scan->stopped && both) {
        code = run_part(scan, second);
    }
    return code;
}

int sqlite_count(struct sqlite_file *file, enum store_collection collection,
                 int64_t most, int64_t *n)
{
    sqlite3_stmt *stmt;
    struct buf sql;
    int code;

    buf_init(&sql, SQL_MAX);
    buf_addf(&sql, "SELECT count(*) FROM (SELECT 1 FROM %s LIMIT ?)",
             store_schema(collection)->name);
    stmt = sqlite_file_prepare(file, buf_str(&sql), false);
    buf_fini(&sql);
    if (stmt == NULL) {
        return sqlite3_errcode(file->db);
    }
    (void)sqlite3_bind_int64(stmt, 1, most);
    code = sqlite3_step(stmt);
    if (code == SQLITE_ROW) {
        *n = sqlite3_column_int64(stmt, 0);
    }
    (void)sqlite3_finalize(stmt);
    return code;
}

int sqlite_scan(struct sqlite_file *file, const struct store_scan_plan *plan,
                store_row_fn *each, void *ctx)
{
    struct sqlite_scan scan = {
        .file = file, .plan = *plan, .each = each, .ctx = ctx};
    int code;

    buf_init(&scan.place, ROW_COPY_MAX);
    do {
        code = run_pass(&scan);
    } while (code == SQLITE_ROW);
    buf_fini(&scan.place);
    return code;
}
