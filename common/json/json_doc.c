/* SPDX-License-Identifier: Apache-2.0 */
/** Between trees and documents. */
#include <math.h>
#include <string.h>

#include "common/base/str.h"
#include "common/json/json.h"

enum {
    /* A document's own bytes around one value (kind, number, terminators) and
     * at its end, one a level. */
    VALUE_ROOM = 64,
    LEVELS_ROOM = DOC_DEPTH_MAX + 1
};

/* --- from a document -------------------------------------------------------
 */

static json_t *must(json_t *json)
{
    BUG_IF(json == NULL); /* out of memory, or text that is not UTF-8 */
    return json;
}

static json_t *from_bytes(const struct doc_value *value)
{
    struct buf text;
    json_t *json;

    buf_init(&text, 2 * (size_t)DOC_BYTES_MAX);
    str_to_base64(&text, value->u.s.text, value->u.s.len);
    json = must(json_stringn(buf_str(&text), text.len));
    buf_fini(&text);
    return json;
}

static json_t *from_nested(struct doc doc, bool array);

static json_t *from_value(const struct doc_value *value)
{
    switch (value->type) {
    case DOC_BOOL:
        return json_boolean(value->u.b);
    case DOC_INT:
        return must(json_integer(value->u.i));
    case DOC_DOUBLE:
        return isfinite(value->u.d) ? must(json_real(value->u.d)) : json_null();
    case DOC_STRING:
        return must(json_stringn(value->u.s.text, value->u.s.len));
    case DOC_BYTES:
        return from_bytes(value);
    case DOC_DOC:
    case DOC_ARRAY:
        return from_nested(value->u.doc, value->type == DOC_ARRAY);
    case DOC_MISSING:
    case DOC_NULL:
    default:
        return json_null();
    }
}

static json_t *from_nested(struct doc doc, bool array)
{
    json_t *json = must(array ? json_array() : json_object());
    struct doc_iter it;
    struct doc_value value;
    const char *key;

    doc_iter_init(&it, doc);
    while (doc_next(&it, &key, &value)) {
        json_t *item = from_value(&value);
        int failed = 0;

        if (array) {
            failed = json_array_append_new(json, item);
        } else if (json_object_get(json, key) == NULL) {
            failed = json_object_set_new(json, key, item);
        } else {
            json_decref(item); /* readers of documents see the first too */
        }
        BUG_IF(failed != 0);
    }
    return json;
}

json_t *json_from_doc(struct doc doc)
{
    return from_nested(doc, false);
}

/* --- to a document ---------------------------------------------------------
 */

struct writing {
    struct doc_out *out;
    size_t depth;
    struct errbuf *why;
};

static enum err add_nested(struct writing *w, const char *key,
                           const json_t *json);

static enum err check_room(const struct writing *w, const char *key, size_t len)
{
    if (doc_out_len(w->out) + strlen(key) + len + VALUE_ROOM + LEVELS_ROOM >
        DOC_BYTES_MAX) {
        errbuf_set_field(w->why, key, "larger than %d bytes",
                         (int)DOC_BYTES_MAX);
        return ERR_LIMIT;
    }
    return ERR_OK;
}

static enum err add_string(struct writing *w, const char *key,
                           const json_t *json)
{
    const char *text = json_string_value(json);
    size_t len = json_string_length(json);
    enum err err = check_room(w, key, len);

    if (err != ERR_OK) {
        return err;
    }
    if (memchr(text, '\0', len) != NULL) {
        errbuf_set_field(w->why, key, "%.60s: a NUL in the text", key);
        return ERR_INVALID;
    }
    doc_add_strn(w->out, key, text, len);
    return ERR_OK;
}

static enum err add_value(struct writing *w, const char *key,
                          const json_t *json)
{
    enum err err = check_room(w, key, 0);

    if (err != ERR_OK) {
        return err;
    }
    switch (json_typeof(json)) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        return add_nested(w, key, json);
    case JSON_STRING:
        return add_string(w, key, json);
    case JSON_INTEGER:
        doc_add_i64(w->out, key, json_integer_value(json));
        return ERR_OK;
    case JSON_REAL:
        doc_add_f64(w->out, key, json_real_value(json));
        return ERR_OK;
    case JSON_TRUE:
    case JSON_FALSE:
        doc_add_bool(w->out, key, json_is_true(json));
        return ERR_OK;
    case JSON_NULL:
    default:
        doc_add_null(w->out, key);
        return ERR_OK;
    }
}

static enum err add_members(struct writing *w, const json_t *json)
{
    /* jansson's iterator takes a tree that may be changed; this one is not. */
    union {
        const json_t *from;
        json_t *to;
    } object = {.from = json};

    for (void *it = json_object_iter(object.to); it != NULL;
         it = json_object_iter_next(object.to, it)) {
        enum err err =
            add_value(w, json_object_iter_key(it), json_object_iter_value(it));

        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

static enum err add_items(struct writing *w, const json_t *json)
{
    for (size_t i = 0; i < json_array_size(json); i++) {
        enum err err = add_value(w, "", json_array_get(json, i));

        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

static enum err add_nested(struct writing *w, const char *key,
                           const json_t *json)
{
    enum err err;

    if (w->depth == DOC_DEPTH_MAX) {
        errbuf_set_field(w->why, key, "nested deeper than %d",
                         (int)DOC_DEPTH_MAX);
        return ERR_LIMIT;
    }
    w->depth++;
    if (json_is_array(json)) {
        doc_begin_array(w->out, key);
        err = add_items(w, json);
    } else {
        doc_begin_doc(w->out, key);
        err = add_members(w, json);
    }
    if (err == ERR_OK) {
        doc_end(w->out);
    }
    w->depth--;
    return err;
}

enum err json_to_doc(const json_t *object, struct doc_out *out, struct doc *doc,
                     struct errbuf *why)
{
    struct writing w = {.out = out, .why = why};
    enum err err;

    doc_out_reset(out);
    if (!json_is_object(object)) {
        errbuf_set(why, "expected an object");
        return ERR_INVALID;
    }
    err = add_members(&w, object);
    if (err != ERR_OK) {
        doc_out_reset(out);
        return err;
    }
    *doc = doc_out_done(out);
    return ERR_OK;
}
