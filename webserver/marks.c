/* SPDX-License-Identifier: Apache-2.0 */
/** What people call the marks of an alarm in filters. */
#include "webserver/marks.h"

#include <string.h>

enum {
    TEXT_MAX = 1024 * 1024
};

static const char *field_of(const char *word)
{
    static const char *const marks[][2] = {{"acked", "ack"},
                                           {"snoozed", "snooze"},
                                           {"ticketed", "ticket"},
                                           {"commented", "comment"},
                                           {"cancelled", "canceled"}};

    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (strcmp(marks[i][0], word) == 0) {
            return marks[i][1];
        }
    }
    return NULL;
}

/* Whether a condition compares with true or false. */
static bool is_bool(const struct doc_value *value, bool *wanted)
{
    struct doc_value inner;

    if (value->type == DOC_BOOL) {
        *wanted = value->u.b;
        return true;
    }
    if (value->type == DOC_DOC && doc_count(value->u.doc) == 1 &&
        doc_get(value->u.doc, "$eq", &inner) && inner.type == DOC_BOOL) {
        *wanted = inner.u.b;
        return true;
    }
    return false;
}

/* A mark is a document when it is set, so true means "not nothing". */
static void add_mark(struct doc_out *out, const char *field,
                     const struct doc_value *value)
{
    bool wanted;

    if (!is_bool(value, &wanted)) {
        doc_add_value(out, field, value);
        return;
    }
    doc_begin_doc(out, field);
    doc_begin_array(out, wanted ? "$nin" : "$in");
    doc_add_null(out, "");
    doc_add_bool(out, "", false);
    doc_end(out);
    doc_end(out);
}

static bool is_list(const char *key)
{
    return strcmp(key, "$and") == 0 || strcmp(key, "$or") == 0 ||
           strcmp(key, "$nor") == 0;
}

/* Depth is bounded: the document comes from a parsed filter. */
static void copy(struct doc from, struct doc_out *out)
{
    struct doc_iter it, list;
    struct doc_value value, element;
    const char *key, *index;

    doc_iter_init(&it, from);
    while (doc_next(&it, &key, &value)) {
        if (is_list(key)) {
            doc_begin_array(out, key);
            doc_iter_init(&list, value.u.doc);
            while (doc_next(&list, &index, &element)) {
                doc_begin_doc(out, index);
                copy(element.u.doc, out);
                doc_end(out);
            }
            doc_end(out);
        } else if (field_of(key) != NULL) {
            add_mark(out, field_of(key), &value);
        } else {
            doc_add_value(out, key, &value);
        }
    }
}

enum err marks_resolve(struct filter **filter, struct errbuf *why)
{
    struct doc_out *in = doc_out_new(), *out = doc_out_new();
    struct filter *resolved;
    struct buf text;
    struct doc doc;
    enum err err;

    buf_init(&text, TEXT_MAX);
    filter_format(*filter, &text);
    err = doc_from_json(buf_str(&text), text.len, in, &doc, why);
    if (err == ERR_OK) {
        doc_out_reset(out);
        copy(doc, out);
        err = filter_from_doc(doc_out_done(out), &resolved, why);
    }
    if (err == ERR_OK) {
        filter_free(*filter);
        *filter = resolved;
    }
    buf_fini(&text);
    doc_out_free(in);
    doc_out_free(out);
    return err;
}
