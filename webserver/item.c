/* SPDX-License-Identifier: Apache-2.0 */
/** Stored rows as the items that people and programs see. */
#include <inttypes.h>
#include <string.h>

#include "webserver/json_text.h"
#include "webserver/list.h"

static const char *const blanks[] = {
    [BLANK_NULL] = "null",   [BLANK_TEXT] = "\"\"", [BLANK_ZERO] = "0",
    [BLANK_FALSE] = "false", [BLANK_ARRAY] = "[]",  [BLANK_OBJECT] = "{}",
};

/* The key as text: the id of a row that holds none. */
static void add_key(enum store_collection from, const struct store_key *key,
                    struct buf *out)
{
    switch (store_schema(from)->key) {
    case STORE_KEY_TEXT:
        json_add_text(out, key->text);
        break;
    case STORE_KEY_INTS:
        buf_addf(out, "\"%" PRId64 "-%" PRId64 "\"", key->a, key->b);
        break;
    case STORE_KEY_TEXT_INT:
        buf_addf(out, "%" PRId64, key->a);
        break;
    }
}

static void write_whole(enum store_collection from, const struct store_key *key,
                        struct doc row, struct buf *out)
{
    struct doc_iter it;
    struct doc_value value;
    const char *name;

    buf_add_str(out, "{\"id\":");
    if (doc_get(row, "id", &value) && value.type == DOC_STRING) {
        doc_value_to_json(&value, out);
    } else {
        add_key(from, key, out);
    }
    doc_iter_init(&it, row);
    while (doc_next(&it, &name, &value)) {
        if (strcmp(name, "id") != 0 && name[0] != '_') {
            buf_add_char(out, ',');
            json_add_text(out, name);
            buf_add_char(out, ':');
            doc_value_to_json(&value, out);
        }
    }
    buf_add_char(out, '}');
}

static void write_field(const struct item_field *field,
                        enum store_collection from, const struct store_key *key,
                        struct doc row, struct buf *out)
{
    struct doc_value value;

    buf_addf(out, "\"%s\":", field->name);
    if (doc_get(row, field->name, &value) && value.type != DOC_NULL) {
        doc_value_to_json(&value, out);
    } else if (strcmp(field->name, "id") == 0 ||
               strcmp(field->name, "step") == 0) {
        add_key(from, key, out);
    } else if (strcmp(field->name, "alarm_id") == 0) {
        json_add_text(out, key->text);
    } else {
        buf_add_str(out, blanks[field->blank]);
    }
}

void item_write(const struct item_field *fields, enum store_collection from,
                const struct store_key *key, struct doc row, struct buf *out)
{
    if (fields == NULL) {
        write_whole(from, key, row, out);
        return;
    }
    for (const struct item_field *f = fields; f->name != NULL; f++) {
        buf_add_char(out, f == fields ? '{' : ',');
        write_field(f, from, key, row, out);
    }
    buf_add_char(out, '}');
}
