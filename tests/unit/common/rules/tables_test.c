/* SPDX-License-Identifier: Apache-2.0 */
/** Tables: from CSV and JSON, found by key, limits, what is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/rules/csv.h"
#include "common/rules/tables.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    TEXT_MAX = 1024 * 1024,
    CELLS_MAX = 8
};

struct csv_row {
    const char *name;
    const char *text;
    const char
        *want; /* cells in brackets, rows with their line; "!": refused */
};

static const struct csv_row csvs[] = {
    {"nothing", "", ""},
    {"one cell", "a", "1[a]"},
    {"two rows", "a,b\nc,d\n", "1[a][b]2[c][d]"},
    {"no end of line", "a,b\nc,d", "1[a][b]2[c][d]"},
    {"DOS lines", "a,b\r\nc,d\r\n", "1[a][b]2[c][d]"},
    {"empty cells", ",\n,,", "1[][]2[][][]"},
    {"blank lines", "\n\na\n\r\n\nb\n\n", "3[a]6[b]"},
    {"quotes", "\"a,b\",\"c\"\n", "1[a,b][c]"},
    {"quoted quotes", "\"a \"\"b\"\"\",\"\"\"\"\n", "1[a \"b\"][\"]"},
    {"a line in quotes", "\"a\nb\",c\nd,e", "1[a\nb][c]3[d][e]"},
    {"quoted nothing", "\"\",\"\"\r\n", "1[][]"},
    {"a quote within", "a\"b,c", "1[a\"b][c]"},
    {"blanks stay", " a , b ", "1[ a ][ b ]"},
    {"byte order mark",
     "\xEF\xBB\xBF"
     "a,b",
     "1[a][b]"},
    {"a lone return", "a\rb,c\r", "1[a\rb][c\r]"},
    {"an open quote", "a\n\"b,c\nd", "1[a]!line 2: a quote"},
    {"behind a quote", "\"a\nb\"c", "!line 2: expected a comma"},
    {"many cells", "a\n1,2,3,4,5,6,7,8,9", "1[a]!line 2: expected at most 8"},
};

static void check_csv(void **state)
{
    const struct csv_row *row = *state;
    char *text = xstrdup(row->text);
    const char *cells[CELLS_MAX];
    struct errbuf why = {0};
    struct csv csv;
    struct buf got;
    size_t n = 1;
    enum err err = ERR_OK;

    buf_init(&got, TEXT_MAX);
    csv_init(&csv, text);
    while (err == ERR_OK && n > 0) {
        err = csv_next(&csv, cells, CELLS_MAX, &n, &why);
        if (err == ERR_OK && n > 0) {
            buf_addf(&got, "%zu", csv.begun);
            for (size_t i = 0; i < n; i++) {
                buf_addf(&got, "[%s]", cells[i]);
            }
        }
    }
    if (err != ERR_OK) {
        buf_addf(&got, "!%s", why.text);
    }
    /* a refusal may say more */
    buf_truncate(&got, got.len < strlen(row->want) || err == ERR_OK
                           ? got.len
                           : strlen(row->want));
    assert_string_equal(buf_str(&got), row->want);
    buf_fini(&got);
    free(text);
}

static struct doc parse(struct doc_out *out, const char *json)
{
    struct errbuf why = {0};
    struct doc doc;

    if (doc_from_json(json, strlen(json), out, &doc, &why) != ERR_OK) {
        fail_msg("%s: %s", json, why.text);
    }
    return doc;
}

struct find_row {
    const char *name;
    const char *spec;
    const char *key;
    const char *want; /* as JSON; NULL: there is none */
};

#define CSV                                                                    \
    "{\"csv\":\"host,site,room\\nweb1,Paris,\\n\\\"web,2\\\",Lyon,3\\n\"}"
#define JSON "{\"rows\":{\"web1\":{\"site\":\"Paris\",\"n\":[1]},\"x\":{}}}"

static const struct find_row finds[] = {
    {"CSV", CSV, "web1", "{\"site\":\"Paris\"}"},
    {"CSV, quoted", CSV, "web,2", "{\"site\":\"Lyon\",\"room\":\"3\"}"},
    {"CSV, not there", CSV, "host", NULL},
    {"CSV, nothing", CSV, "", NULL},
    {"JSON", JSON, "web1", "{\"site\":\"Paris\",\"n\":[1]}"},
    {"JSON, an empty row", JSON, "x", "{}"},
    {"JSON, not there", JSON, "web", NULL},
    {"no rows", "{\"rows\":{}}", "web1", NULL},
    {"names alone", "{\"csv\":\"a,b\"}", "a", NULL},
};

static struct tables *make(const char *spec)
{
    struct tables *tables = tables_new();
    struct doc_out *out = doc_out_new();
    struct errbuf why = {0};
    struct buf text;

    buf_init(&text, TEXT_MAX);
    buf_addf(&text, "{\"name\":\"t\",\"spec\":%s}", spec);
    if (tables_add(tables, parse(out, buf_str(&text)), &why) != ERR_OK) {
        fail_msg("%s: %s", spec, why.text);
    }
    buf_fini(&text);
    doc_out_free(out);
    return tables;
}

static void check_find(void **state)
{
    const struct find_row *row = *state;
    struct tables *tables = make(row->spec);
    struct doc found;
    struct buf text;

    buf_init(&text, TEXT_MAX);
    assert_true(tables_find(tables, "t", row->key, strlen(row->key), &found));
    assert_int_equal(found.len > 0, row->want != NULL);
    if (row->want != NULL) {
        doc_to_json(found, &text);
        assert_string_equal(buf_str(&text), row->want);
    }
    assert_false(tables_find(tables, "u", row->key, strlen(row->key), &found));
    assert_false(tables_find(NULL, "t", row->key, strlen(row->key), &found));
    buf_fini(&text);
    tables_free(tables);
}

struct refused_row {
    const char *name;
    const char *spec;
    const char *field;
    const char *text;
};

static const struct refused_row refused[] = {
    {"neither", "{}", "spec.csv", "either csv or rows"},
    {"both", "{\"csv\":\"a,b\",\"rows\":{}}", "spec.csv", "either"},
    {"rows of a list", "{\"rows\":[]}", "spec.rows", "an object of at most"},
    {"unknown", "{\"table\":1}", "spec.table", "there are: description"},
    {"one column", "{\"csv\":\"a\\nb\"}", "spec.csv", "line 1: expected the"},
    {"blank", "{\"csv\":\"\\n\"}", "spec.csv", "line 2: expected the names"},
    {"a column without name", "{\"csv\":\"a,,b\"}", "spec.csv", "column 2"},
    {"a column with dots", "{\"csv\":\"a,b.c\"}", "spec.csv", "without dots"},
    {"a column twice", "{\"csv\":\"a,b,b\"}", "spec.csv",
     "\"b\" is there twice"},
    {"a short row", "{\"csv\":\"a,b\\n1,2\\n\\n3\"}", "spec.csv",
     "line 4: expected 2 cells, found 1"},
    {"a key twice", "{\"csv\":\"a,b\\n1,2\\n1,3\"}", "spec.csv",
     "line 3: key \"1\" is there twice"},
    {"no key", "{\"csv\":\"a,b\\n,2\"}", "spec.csv", "line 2: expected a key"},
    {"an open quote", "{\"csv\":\"a,b\\n1,\\\"2\"}", "spec.csv", "not closed"},
    {"a row of text", "{\"rows\":{\"a\":\"b\"}}", "spec.rows.a", "an object"},
    {"a member with dots", "{\"rows\":{\"a\":{\"b.c\":1}}}", "spec.rows.a",
     "no dots"},
    {"an empty key", "{\"rows\":{\"\":{}}}", "spec.rows.", "a key of 1"},
};

static void check_refused(void **state)
{
    const struct refused_row *row = *state;
    struct tables *tables = tables_new();
    struct doc_out *out = doc_out_new();
    struct errbuf why = {0};
    struct buf text;

    buf_init(&text, TEXT_MAX);
    buf_addf(&text, "{\"name\":\"t\",\"spec\":%s}", row->spec);
    assert_int_equal(tables_add(tables, parse(out, buf_str(&text)), &why),
                     ERR_INVALID);
    assert_string_equal(why.field, row->field);
    if (strstr(why.text, row->text) == NULL) {
        fail_msg("%s: expected \"%s\"", why.text, row->text);
    }
    assert_int_equal(tables_count(tables), 0);
    buf_fini(&text);
    doc_out_free(out);
    tables_free(tables);
}

static enum err add_csv(struct tables *tables, const char *name,
                        const struct buf *csv)
{
    struct doc_out *out = doc_out_new();
    struct errbuf why = {0};
    enum err err;

    doc_add_str(out, "name", name);
    doc_begin_doc(out, "spec");
    doc_add_strn(out, "csv", buf_str(csv), csv->len);
    doc_end(out);
    err = tables_add(tables, doc_out_done(out), &why);
    doc_out_free(out);
    return err;
}

static void limits(void **state)
{
    struct tables *tables = tables_new();
    struct buf csv;
    char name[16];

    (void)state;
    buf_init(&csv, TEXT_MAX);
    buf_add_str(&csv, "k,v\n");
    for (int i = 0; i < TABLE_ROWS_MAX; i++) {
        buf_addf(&csv, "%d,x\n", i);
    }
    assert_int_equal(add_csv(tables, "rows", &csv), ERR_OK);
    buf_add_str(&csv, "more,x\n");
    assert_int_equal(add_csv(tables, "rows", &csv), ERR_INVALID);
    while (csv.len < TABLE_BYTES_MAX) {
        buf_add_str(&csv, "\n");
    }
    assert_int_equal(add_csv(tables, "bytes", &csv), ERR_LIMIT);
    buf_clear(&csv);
    buf_add_str(&csv, "k,v\n1,");
    for (int i = 0; i <= TABLE_VALUE_MAX; i++) {
        buf_add_char(&csv, 'x');
    }
    assert_int_equal(add_csv(tables, "value", &csv), ERR_INVALID);
    buf_truncate(&csv, csv.len - 1);
    assert_int_equal(add_csv(tables, "value", &csv), ERR_OK);
    for (int i = 2; i < TABLES_MAX; i++) {
        (void)snprintf(name, sizeof name, "t%d", i);
        assert_int_equal(add_csv(tables, name, &csv), ERR_OK);
    }
    assert_int_equal(tables_count(tables), TABLES_MAX);
    assert_int_equal(add_csv(tables, "more", &csv), ERR_LIMIT);
    buf_fini(&csv);
    tables_free(tables);
}

static void replaces(void **state)
{
    struct tables *tables = make(CSV);
    struct doc_out *out = doc_out_new();
    struct errbuf why = {0};
    struct doc row;

    (void)state;
    assert_int_equal(
        tables_add(tables,
                   parse(out, "{\"name\":\"t\",\"spec\":{\"rows\":{}}}"), &why),
        ERR_OK);
    assert_int_equal(tables_count(tables), 1);
    assert_true(tables_find(tables, "t", "web1", 4, &row));
    assert_int_equal(row.len, 0);
    doc_out_free(out);
    tables_free(tables);
}

int main(void)
{
    const struct row_table tables[] = {
        ROWS(csvs, check_csv), ROWS(finds, check_find),
        ROWS(refused, check_refused), ROW_SINGLE(limits), ROW_SINGLE(replaces)};

    return rows_run("tables", tables, N_ROWS(tables));
}
