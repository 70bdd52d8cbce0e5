/* SPDX-License-Identifier: Apache-2.0 */
/** The JSON Schema (2020-12) of a kind, from its field table. */
#include <inttypes.h>
#include <string.h>

#include "common/object/object.h"

static void add_text(struct buf *out, const char *text)
{
    const struct doc_value value = {.type = DOC_STRING,
                                    .u.s = {text, (uint32_t)strlen(text)}};

    doc_value_to_json(&value, out);
}

static void add_fields(const struct object_field *fields, const char *type,
                       struct buf *out);

static void add_choices(const char *const *choices, struct buf *out)
{
    buf_add_str(out, "\"enum\":[");
    for (size_t i = 0; choices[i] != NULL; i++) {
        buf_add_str(out, i > 0 ? "," : "");
        add_text(out, choices[i]);
    }
    buf_add_char(out, ']');
}

static void add_variants(const struct object_field *field, struct buf *out)
{
    const struct object_variant *v = field->variants;

    buf_addf(out,
             "\"type\":\"array\",\"minItems\":%" PRId64 ",\"maxItems\":%" PRId64
             ",\"items\":{\"oneOf\":[",
             field->min, field->max);
    for (; v->name != NULL; v++) {
        buf_add_str(out, v != field->variants ? ",{" : "{");
        add_fields(v->fields, v->name, out);
        buf_add_str(out, ",\"description\":");
        add_text(out, v->help);
        buf_add_char(out, '}');
    }
    buf_add_str(out, "]}");
}

static void add_texts(const struct object_field *field, struct buf *out)
{
    buf_addf(out,
             "\"type\":\"array\",\"minItems\":%" PRId64 ",\"maxItems\":%" PRId64
             ",\"items\":{\"type\":\"string\",\"minLength\":1,"
             "\"maxLength\":%d}",
             field->min, field->max, OBJECT_TEXTS_BYTES_MAX);
}

static void add_type(const struct object_field *field, struct buf *out)
{
    switch (field->type) {
    case OBJECT_TEXT:
        buf_addf(out,
                 "\"type\":\"string\",\"minLength\":%d,"
                 "\"maxLength\":%" PRId64,
                 field->min > 0, field->max);
        break;
    case OBJECT_BOOL:
        buf_add_str(out, "\"type\":\"boolean\"");
        break;
    case OBJECT_INT:
        buf_addf(out,
                 "\"type\":\"integer\",\"minimum\":%" PRId64
                 ",\"maximum\":%" PRId64,
                 field->min, field->max);
        break;
    case OBJECT_DURATION:
        buf_add_str(out, "\"type\":[\"number\",\"string\"]");
        break;
    case OBJECT_CHOICE:
        add_choices(field->choices, out);
        break;
    case OBJECT_FILTER:
        buf_add_str(out, "\"type\":[\"string\",\"object\"]");
        break;
    case OBJECT_ANY:
        buf_add_str(out, "\"not\":{\"type\":\"null\"}");
        break;
    case OBJECT_LIST:
        add_variants(field, out);
        break;
    case OBJECT_TEXTS:
        add_texts(field, out);
        break;
    case OBJECT_DOC:
        add_fields(field->fields, NULL, out);
        break;
    case OBJECT_MAP:
        buf_addf(out, "\"type\":\"object\",\"maxProperties\":%" PRId64,
                 field->max);
        break;
    }
}

static void add_required(const struct object_field *fields, bool typed,
                         struct buf *out)
{
    bool any = typed;

    buf_addf(out, "},\"required\":[%s", typed ? "\"type\"" : "");
    for (; fields != NULL && fields->name != NULL; fields++) {
        if (fields->required) {
            buf_add_str(out, any ? "," : "");
            add_text(out, fields->name);
            any = true;
        }
    }
    buf_add_str(out, "],\"additionalProperties\":false");
}

/* Members of an object schema; type: what its "type" must be, or NULL. */
static void add_fields(const struct object_field *fields, const char *type,
                       struct buf *out)
{
    const struct object_field *f = fields;

    buf_add_str(out, "\"type\":\"object\",\"properties\":{");
    if (type != NULL) {
        buf_addf(out, "\"type\":{\"const\":\"%s\"}", type);
    }
    for (; f != NULL && f->name != NULL; f++) {
        buf_addf(out, "%s\"%s\":{", f != fields || type != NULL ? "," : "",
                 f->name);
        add_type(f, out);
        buf_add_str(out, ",\"description\":");
        add_text(out, f->help);
        if (f->fallback != NULL) {
            buf_addf(out, ",\"default\":%s", f->fallback);
        }
        buf_add_char(out, '}');
    }
    add_required(fields, type != NULL, out);
}

void object_add_schema(const struct object_kind *kind, struct buf *out)
{
    buf_add_str(out, "{\"$schema\":\"https://json-schema.org/draft/2020-12/"
                     "schema\",\"title\":");
    add_text(out, kind->name);
    buf_add_str(out, ",\"description\":");
    add_text(out, kind->help);
    buf_addf(out,
             ",\"type\":\"object\",\"properties\":{"
             "\"kind\":{\"const\":\"%s\"},"
             "\"name\":{\"type\":\"string\",\"maxLength\":%d,"
             "\"pattern\":\"^[A-Za-z0-9][A-Za-z0-9._-]*$\"},"
             "\"labels\":{\"type\":\"object\",\"maxProperties\":%d,"
             "\"additionalProperties\":{\"type\":\"string\"}},\"spec\":{",
             kind->name, OBJECT_NAME_MAX, OBJECT_LABELS_MAX);
    add_fields(kind->fields, NULL, out);
    buf_add_str(out, "}},\"required\":[\"name\",\"spec\"]}");
}
