/* SPDX-License-Identifier: Apache-2.0 */
/** Cursors: a small document in base64url; anybody may have forged it. */
#include "common/store/store_cursor.h"

#include <string.h>

#include "common/base/str.h"

/* Members: c collection, s sort, d descending, v value, k a b key. */

void store_cursor_format(const struct store_query *query,
                         const struct store_key *key, struct doc row,
                         struct buf *out)
{
    const struct store_schema *schema = store_schema(query->collection);
    struct doc_out *cursor = doc_out_new();
    struct doc_value value;
    struct doc done;

    doc_add_str(cursor, "c", schema->name);
    doc_add_bool(cursor, "d", query->descending);
    if (query->sort != NULL) {
        store_sort_value(row, query->sort, &value);
        doc_add_str(cursor, "s", query->sort);
        doc_add_value(cursor, "v", &value);
    }
    if (schema->key != STORE_KEY_INTS) {
        doc_add_str(cursor, "k", key->text);
    }
    doc_add_i64(cursor, "a", key->a);
    doc_add_i64(cursor, "b", key->b);
    done = doc_out_done(cursor);
    str_to_base64(out, done.data, done.len);
    doc_out_free(cursor);
}

static bool fits(const struct store_query *query, struct doc cursor)
{
    const char *name = store_schema(query->collection)->name;
    const char *sort = query->sort != NULL ? query->sort : "";

    return strcmp(doc_str(cursor, "c", ""), name) == 0 &&
           strcmp(doc_str(cursor, "s", ""), sort) == 0 &&
           doc_bool(cursor, "d", !query->descending) == query->descending;
}

static bool has_key(const struct store_query *query, struct doc cursor)
{
    struct doc_value value;
    bool ints = doc_get(cursor, "a", &value) && value.type == DOC_INT &&
                doc_get(cursor, "b", &value) && value.type == DOC_INT;

    return ints && (store_schema(query->collection)->key == STORE_KEY_INTS ||
                    doc_str(cursor, "k", NULL) != NULL);
}

enum err store_cursor_parse(const struct store_query *query,
                            struct buf *scratch, struct store_scan_plan *plan,
                            struct errbuf *why)
{
    struct doc cursor;

    if (str_from_base64(scratch, query->cursor) != ERR_OK ||
        scratch->overflow) {
        errbuf_set_field(why, "cursor", "not a cursor");
        return ERR_INVALID;
    }
    cursor =
        (struct doc){(const uint8_t *)scratch->data, (uint32_t)scratch->len};
    if (!doc_check(cursor) || !has_key(query, cursor)) {
        errbuf_set_field(why, "cursor", "not a cursor");
        return ERR_INVALID;
    }
    if (!fits(query, cursor)) {
        errbuf_set_field(why, "cursor",
                         "belongs to another query: start without it");
        return ERR_INVALID;
    }
    /* What stands for rows without an order is not of that order. */
    store_sort_value(cursor, "v", &plan->after_value);
    plan->after_key = (struct store_key){
        .text = doc_str(cursor, "k", NULL),
        .a = doc_i64(cursor, "a", 0),
        .b = doc_i64(cursor, "b", 0),
    };
    plan->has_after = true;
    return ERR_OK;
}
