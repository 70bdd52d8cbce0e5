/* SPDX-License-Identifier: Apache-2.0 */
/** Any text as the CSV of a table: refused with a reason, or each row is
 *  found by its key. */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/rules/csv.h"
#include "common/rules/tables.h"
#include "tests/fuzz/fuzz.h"

/* Read once more, row by row, beside the table. */
static void check_rows(const struct tables *tables, const char *text)
{
    char *own = xstrdup(text);
    const char *cells[TABLE_COLUMNS_MAX];
    struct errbuf why = {"", ""};
    struct csv csv;
    struct doc row;
    size_t n;

    csv_init(&csv, own);
    BUG_IF(csv_next(&csv, cells, TABLE_COLUMNS_MAX, &n, &why) != ERR_OK);
    for (;;) {
        BUG_IF(csv_next(&csv, cells, TABLE_COLUMNS_MAX, &n, &why) != ERR_OK);
        if (n == 0) {
            break;
        }
        BUG_IF(!tables_find(tables, "t", cells[0], strlen(cells[0]), &row));
        BUG_IF(row.len == 0 || doc_count(row) >= n);
    }
    free(own);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tables *tables = tables_new();
    struct doc_out *out = doc_out_new();
    struct errbuf why = {"", ""};
    char *text;

    if (size <= TABLE_BYTES_MAX && utf8_valid((const char *)data, size) &&
        (size == 0 || memchr(data, '\0', size) == NULL)) {
        text = xstrndup((const char *)data, size);
        doc_add_str(out, "name", "t");
        doc_begin_doc(out, "spec");
        doc_add_str(out, "csv", text);
        doc_end(out);
        if (tables_add(tables, doc_out_done(out), &why) == ERR_OK) {
            check_rows(tables, text);
        } else {
            BUG_IF(why.text[0] == '\0' || why.field[0] == '\0');
        }
        free(text);
    }
    doc_out_free(out);
    tables_free(tables);
    return 0;
}
