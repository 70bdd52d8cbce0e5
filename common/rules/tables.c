/* SPDX-License-Identifier: Apache-2.0 */
/** Tables that rules look values up in. */
#include "common/rules/tables.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/rules/csv.h"

enum {
    DESCRIPTION_MAX = 2000
};

static const struct object_field spec_fields[] = {
    {.name = "description",
     .type = OBJECT_TEXT,
     .max = DESCRIPTION_MAX,
     .help = "what it is for"},
    {.name = "csv",
     .type = OBJECT_TEXT,
     .min = 1,
     .max = TABLE_BYTES_MAX,
     .help = "the rows as CSV: the first line names the columns, the first "
             "column is the key"},
    {.name = "rows",
     .type = OBJECT_MAP,
     .max = TABLE_ROWS_MAX,
     .help = "the rows as JSON instead: by key, each an object of its columns"},
    {.name = NULL}};

struct row {
    struct doc doc;
    char key[];
};

struct table {
    char *name;
    struct map rows;
};

struct tables {
    struct map by_name;
};

static void table_free(struct table *table)
{
    struct map_slot slot;
    size_t at = 0;

    if (table == NULL) {
        return;
    }
    while (map_next(&table->rows, &at, &slot)) {
        struct row *row = slot.value;

        free((void *)(uintptr_t)row->doc.data);
        free(row);
    }
    map_fini(&table->rows);
    free(table->name);
    free(table);
}

/* False: there is one of the key. */
static bool add_row(struct table *table, const char *key, struct doc doc)
{
    size_t len = strlen(key);
    struct row *row;

    if (map_get(&table->rows, key, len) != NULL) {
        return false;
    }
    row = xmalloc(sizeof *row + len + 1);
    row->doc = (struct doc){xmemdup(doc.data, doc.len), doc.len};
    memcpy(row->key, key, len + 1);
    (void)map_put(&table->rows, row->key, len, row);
    return true;
}

/* Names become members of infos, so they have no dots. */
static bool name_is_good(const char *name)
{
    size_t len = strlen(name);

    return len > 0 && len <= TABLE_NAME_MAX && strchr(name, '.') == NULL;
}

static bool key_is_good(const char *key)
{
    size_t len = strlen(key);

    return len > 0 && len <= TABLE_KEY_MAX;
}

/* CSV. */

struct reading {
    struct table *table;
    struct csv csv;
    const char *columns[TABLE_COLUMNS_MAX];
    size_t n_columns;
    struct doc_out *out;
    struct errbuf *why;
};

__attribute__((format(printf, 2, 3))) static enum err
refuse_line(const struct reading *reading, const char *format, ...)
{
    char what[256];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    errbuf_set_field(reading->why, "csv", "line %zu: %s", reading->csv.begun,
                     what);
    return ERR_INVALID;
}

static enum err read_header(struct reading *reading)
{
    struct errbuf inner = {0};
    enum err err = csv_next(&reading->csv, reading->columns, TABLE_COLUMNS_MAX,
                            &reading->n_columns, &inner);

    if (err != ERR_OK) {
        errbuf_set_field(reading->why, "csv", "%s", inner.text);
        return err;
    }
    if (reading->n_columns < 2) {
        return refuse_line(reading, "expected the names of the key and of at "
                                    "least one more column");
    }
    for (size_t i = 0; i < reading->n_columns; i++) {
        if (!name_is_good(reading->columns[i])) {
            return refuse_line(reading,
                               "column %zu: expected a name of at most %d "
                               "bytes without dots",
                               i + 1, TABLE_NAME_MAX);
        }
        for (size_t other = 0; other < i; other++) {
            if (strcmp(reading->columns[i], reading->columns[other]) == 0) {
                return refuse_line(reading, "column \"%.64s\" is there twice",
                                   reading->columns[i]);
            }
        }
    }
    return ERR_OK;
}

/* What is empty is not there. */
static enum err read_cells(struct reading *reading, const char *const *cells)
{
    doc_out_reset(reading->out);
    for (size_t i = 1; i < reading->n_columns; i++) {
        if (strlen(cells[i]) > TABLE_VALUE_MAX) {
            return refuse_line(reading, "%.64s: expected at most %d bytes",
                               reading->columns[i], TABLE_VALUE_MAX);
        }
        if (cells[i][0] != '\0') {
            doc_add_str(reading->out, reading->columns[i], cells[i]);
        }
    }
    if (!key_is_good(cells[0])) {
        return refuse_line(reading, "expected a key of 1 to %d bytes",
                           TABLE_KEY_MAX);
    }
    if (!add_row(reading->table, cells[0], doc_out_done(reading->out))) {
        return refuse_line(reading, "key \"%.64s\" is there twice", cells[0]);
    }
    return reading->table->rows.n <= TABLE_ROWS_MAX
               ? ERR_OK
               : refuse_line(reading, "more than %d rows", TABLE_ROWS_MAX);
}

static enum err read_row(struct reading *reading, bool *more)
{
    const char *cells[TABLE_COLUMNS_MAX];
    struct errbuf inner = {0};
    size_t n;
    enum err err =
        csv_next(&reading->csv, cells, TABLE_COLUMNS_MAX, &n, &inner);

    if (err != ERR_OK) {
        errbuf_set_field(reading->why, "csv", "%s", inner.text);
        return err;
    }
    *more = n > 0;
    if (n == 0) {
        return ERR_OK;
    }
    if (n != reading->n_columns) {
        return refuse_line(reading, "expected %zu cells, found %zu",
                           reading->n_columns, n);
    }
    return read_cells(reading, cells);
}

static enum err read_csv(struct table *table, const char *text,
                         struct errbuf *why)
{
    char *own = xstrdup(text);
    struct reading reading = {.table = table, .out = doc_out_new(), .why = why};
    bool more = true;
    enum err err;

    csv_init(&reading.csv, own);
    err = read_header(&reading);
    while (err == ERR_OK && more) {
        err = read_row(&reading, &more);
    }
    doc_out_free(reading.out);
    free(own);
    return err;
}

/* JSON. */

static bool members_are_good(struct doc row)
{
    struct doc_iter it;
    struct doc_value value;
    const char *name;
    size_t n = 0;

    doc_iter_init(&it, row);
    while (doc_next(&it, &name, &value)) {
        if (++n > TABLE_COLUMNS_MAX || !name_is_good(name)) {
            return false;
        }
    }
    return true;
}

static enum err read_rows(struct table *table, struct doc rows,
                          struct errbuf *why)
{
    struct doc_iter it;
    struct doc_value value;
    const char *key;

    doc_iter_init(&it, rows);
    while (doc_next(&it, &key, &value)) {
        char path[ERRBUF_FIELD_MAX];

        (void)snprintf(path, sizeof path, "rows.%.100s", key);
        if (!key_is_good(key)) {
            errbuf_set_field(why, path, "expected a key of 1 to %d bytes",
                             TABLE_KEY_MAX);
            return ERR_INVALID;
        }
        if (value.type != DOC_DOC || !members_are_good(value.u.doc)) {
            errbuf_set_field(why, path,
                             "expected an object of at most %d members, whose "
                             "names have no dots",
                             TABLE_COLUMNS_MAX);
            return ERR_INVALID;
        }
        if (!add_row(table, key, value.u.doc)) {
            errbuf_set_field(why, path, "the key is there twice");
            return ERR_INVALID;
        }
    }
    return ERR_OK;
}

/* spec has passed its field table. */
static enum err table_new(const char *name, struct doc spec, struct table **out,
                          struct errbuf *why)
{
    const char *csv = doc_str(spec, "csv", NULL);
    struct doc_value rows;
    bool has_rows = doc_get(spec, "rows", &rows);
    struct table *table;
    enum err err;

    *out = NULL;
    if ((csv != NULL) == has_rows) {
        errbuf_set_field(why, "csv", "expected either csv or rows");
        return ERR_INVALID;
    }
    table = xcalloc(1, sizeof *table);
    table->name = xstrdup(name);
    err = csv != NULL ? read_csv(table, csv, why)
                      : read_rows(table, rows.u.doc, why);
    if (err != ERR_OK) {
        table_free(table);
        return err;
    }
    *out = table;
    return ERR_OK;
}

static enum err check_spec(struct doc spec, struct errbuf *why)
{
    struct table *table;
    enum err err = table_new("", spec, &table, why);

    table_free(table);
    return err;
}

const struct object_kind table_kind = {
    .name = "table",
    .help = "A table that rules of the event filter look values up in.",
    .fields = spec_fields,
    .bytes = TABLE_BYTES_MAX,
    .most = TABLES_MAX,
    .check = check_spec,
};

/* The set. */

struct tables *tables_new(void)
{
    return xcalloc(1, sizeof(struct tables));
}

void tables_free(struct tables *tables)
{
    struct map_slot slot;
    size_t at = 0;

    if (tables == NULL) {
        return;
    }
    while (map_next(&tables->by_name, &at, &slot)) {
        table_free(slot.value);
    }
    map_fini(&tables->by_name);
    free(tables);
}

enum err tables_add(struct tables *tables, struct doc object,
                    struct errbuf *why)
{
    const char *name = doc_str(object, "name", "");
    enum err err = object_check(&table_kind, object, why);
    struct table *table = NULL;

    if (err == ERR_OK && tables->by_name.n >= TABLES_MAX) {
        errbuf_set_field(why, "name", "more than %d tables", TABLES_MAX);
        err = ERR_LIMIT;
    }
    if (err == ERR_OK) {
        err = table_new(name, doc_sub(object, "spec"), &table, why);
    }
    if (err == ERR_OK) {
        table_free(map_put(&tables->by_name, table->name, strlen(name), table));
    }
    return err;
}

size_t tables_count(const struct tables *tables)
{
    return tables->by_name.n;
}

bool tables_find(const struct tables *tables, const char *name, const char *key,
                 size_t len, struct doc *row)
{
    const struct table *table =
        tables != NULL ? map_get(&tables->by_name, name, strlen(name)) : NULL;
    const struct row *found =
        table != NULL ? map_get(&table->rows, key, len) : NULL;

    *row = found != NULL ? found->doc : (struct doc){NULL, 0};
    return table != NULL;
}
