/* SPDX-License-Identifier: Apache-2.0 */
/** Objects: the field tables at work. */
#include "common/object/object.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/filter/filter.h"

enum {
    MS_PER_S = 1000
};

/* Members of an object that only the server sets, passed over. */
static const char *const served[] = {"id",         "version",    "revision",
                                     "created_at", "updated_at", "author",
                                     "stats",      "problem",    NULL};

/* Where one stands while a document is checked. */
struct place {
    struct errbuf *why;
    struct buf path;
};

static bool is_listed(const char *const *list, const char *name)
{
    while (*list != NULL && strcmp(*list, name) != 0) {
        list++;
    }
    return *list != NULL;
}

static size_t enter(struct place *place, const char *name)
{
    size_t mark = place->path.len;

    buf_addf(&place->path, "%s%s", mark > 0 ? "." : "", name);
    return mark;
}

static void leave(struct place *place, size_t mark)
{
    buf_truncate(&place->path, mark);
}

__attribute__((format(printf, 2, 3))) static bool
expected(struct place *place, const char *format, ...)
{
    char what[256];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    errbuf_set_field(place->why, buf_str(&place->path), "%s: expected %s",
                     buf_str(&place->path), what);
    return false;
}

static bool check_text(struct place *place, const struct object_field *field,
                       const struct doc_value *value)
{
    if (value->type != DOC_STRING || value->u.s.len < field->min ||
        value->u.s.len > field->max) {
        return expected(place, "text of %" PRId64 " to %" PRId64 " bytes",
                        field->min, field->max);
    }
    return true;
}

static bool check_int(struct place *place, const struct object_field *field,
                      const struct doc_value *value)
{
    if (value->type != DOC_INT || value->u.i < field->min ||
        value->u.i > field->max) {
        return expected(place, "a whole number from %" PRId64 " to %" PRId64,
                        field->min, field->max);
    }
    return true;
}

bool object_duration(const struct doc_value *value, int64_t *ms)
{
    switch (value->type) {
    case DOC_INT:
        *ms = clock_s_to_ms((double)value->u.i);
        return true;
    case DOC_DOUBLE:
        *ms = clock_s_to_ms(value->u.d);
        return true;
    case DOC_STRING:
        return clock_parse_duration(value->u.s.text, ms, NULL) == ERR_OK;
    case DOC_MISSING:
    case DOC_NULL:
    case DOC_BOOL:
    case DOC_DOC:
    case DOC_ARRAY:
    case DOC_BYTES:
        break;
    }
    return false;
}

static bool check_duration(struct place *place,
                           const struct object_field *field,
                           const struct doc_value *value)
{
    int64_t ms;

    if (!object_duration(value, &ms) || ms < field->min || ms > field->max) {
        return expected(place,
                        "seconds from %" PRId64 " to %" PRId64
                        ", or a duration like \"15m\"",
                        field->min / MS_PER_S, field->max / MS_PER_S);
    }
    return true;
}

static void add_names(struct buf *out, const char *const *names)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        buf_addf(out, "%s%s", i > 0 ? ", " : "", names[i]);
    }
}

static bool check_choice(struct place *place, const struct object_field *field,
                         const struct doc_value *value)
{
    struct buf names;

    if (value->type == DOC_STRING &&
        is_listed(field->choices, value->u.s.text)) {
        return true;
    }
    buf_init(&names, ERRBUF_TEXT_MAX);
    add_names(&names, field->choices);
    (void)expected(place, "one of %s", buf_str(&names));
    buf_fini(&names);
    return false;
}

static bool check_filter(struct place *place, const struct doc_value *value)
{
    struct filter *filter = NULL;
    struct errbuf why = {0};
    enum err err = ERR_INVALID;

    if (value->type == DOC_DOC) {
        err = filter_from_doc(value->u.doc, &filter, &why);
    } else if (value->type == DOC_STRING) {
        err = filter_parse(value->u.s.text, &filter, &why);
    } else {
        return expected(place, "a filter, as text or as an object");
    }
    filter_free(filter);
    if (err != ERR_OK) {
        errbuf_set_field(place->why, buf_str(&place->path), "%s: %s",
                         buf_str(&place->path), why.text);
    }
    return err == ERR_OK;
}

static bool check_members(struct place *place,
                          const struct object_field *fields, struct doc doc,
                          const char *also);

static bool check_item(struct place *place, const struct object_field *field,
                       const struct doc_value *value)
{
    const struct object_variant *variant = field->variants;
    const char *type;
    struct buf names;

    if (value->type != DOC_DOC) {
        return expected(place, "an object");
    }
    type = doc_str(value->u.doc, "type", "");
    while (variant->name != NULL && strcmp(variant->name, type) != 0) {
        variant++;
    }
    if (variant->name != NULL) {
        return check_members(place, variant->fields, value->u.doc, "type");
    }
    buf_init(&names, ERRBUF_TEXT_MAX);
    for (variant = field->variants; variant->name != NULL; variant++) {
        buf_addf(&names, "%s%s", variant != field->variants ? ", " : "",
                 variant->name);
    }
    (void)enter(place, "type");
    (void)expected(place, "one of %s", buf_str(&names));
    buf_fini(&names);
    return false;
}

static bool check_list(struct place *place, const struct object_field *field,
                       const struct doc_value *value)
{
    struct doc_iter it;
    struct doc_value item;
    const char *index;
    size_t n = value->type == DOC_ARRAY ? doc_count(value->u.doc) : SIZE_MAX;

    if (n < (size_t)field->min || n > (size_t)field->max) {
        return expected(place, "an array of %" PRId64 " to %" PRId64 " objects",
                        field->min, field->max);
    }
    doc_iter_init(&it, value->u.doc);
    while (doc_next(&it, &index, &item)) {
        size_t mark = place->path.len;

        buf_addf(&place->path, "[%s]", index);
        if (!check_item(place, field, &item)) {
            return false;
        }
        leave(place, mark);
    }
    return true;
}

static bool check_texts(struct place *place, const struct object_field *field,
                        const struct doc_value *value)
{
    static const struct object_field text = {.min = 1,
                                             .max = OBJECT_TEXTS_BYTES_MAX};
    struct doc_iter it;
    struct doc_value item;
    const char *index;
    size_t n = value->type == DOC_ARRAY ? doc_count(value->u.doc) : SIZE_MAX;

    if (n < (size_t)field->min || n > (size_t)field->max) {
        return expected(place, "an array of %" PRId64 " to %" PRId64 " texts",
                        field->min, field->max);
    }
    doc_iter_init(&it, value->u.doc);
    while (doc_next(&it, &index, &item)) {
        size_t mark = place->path.len;

        buf_addf(&place->path, "[%s]", index);
        if (!check_text(place, &text, &item)) {
            return false;
        }
        leave(place, mark);
    }
    return true;
}

static bool check_value(struct place *place, const struct object_field *field,
                        const struct doc_value *value)
{
    switch (field->type) {
    case OBJECT_TEXT:
        return check_text(place, field, value);
    case OBJECT_BOOL:
        return value->type == DOC_BOOL || expected(place, "true or false");
    case OBJECT_INT:
        return check_int(place, field, value);
    case OBJECT_DURATION:
        return check_duration(place, field, value);
    case OBJECT_CHOICE:
        return check_choice(place, field, value);
    case OBJECT_FILTER:
        return check_filter(place, value);
    case OBJECT_ANY:
        return value->type != DOC_NULL || expected(place, "a value");
    case OBJECT_LIST:
        return check_list(place, field, value);
    case OBJECT_TEXTS:
        return check_texts(place, field, value);
    case OBJECT_DOC:
        return value->type == DOC_DOC
                   ? check_members(place, field->fields, value->u.doc, NULL)
                   : expected(place, "an object");
    case OBJECT_MAP:
        return (value->type == DOC_DOC &&
                doc_count(value->u.doc) <= (size_t)field->max) ||
               expected(place, "an object of at most %" PRId64 " members",
                        field->max);
    }
    return false;
}

static const struct object_field *find(const struct object_field *fields,
                                       const char *name)
{
    while (fields != NULL && fields->name != NULL &&
           strcmp(fields->name, name) != 0) {
        fields++;
    }
    return fields != NULL && fields->name != NULL ? fields : NULL;
}

static bool refuse_stranger(struct place *place,
                            const struct object_field *fields)
{
    struct buf names;

    buf_init(&names, ERRBUF_TEXT_MAX);
    for (; fields != NULL && fields->name != NULL; fields++) {
        buf_addf(&names, "%s%s", names.len > 0 ? ", " : "", fields->name);
    }
    errbuf_set_field(place->why, buf_str(&place->path),
                     "%s: no such member here; there are: %s",
                     buf_str(&place->path), buf_str(&names));
    buf_fini(&names);
    return false;
}

static bool check_required(struct place *place,
                           const struct object_field *fields, struct doc doc)
{
    for (; fields != NULL && fields->name != NULL; fields++) {
        struct doc_value value;

        if (fields->required && !doc_get(doc, fields->name, &value)) {
            (void)enter(place, fields->name);
            errbuf_set_field(place->why, buf_str(&place->path),
                             "%s: is missing", buf_str(&place->path));
            return false;
        }
    }
    return true;
}

/* also: a member that is checked elsewhere; NULL: none. The place stays where
 * the refusal is. */
static bool check_members(struct place *place,
                          const struct object_field *fields, struct doc doc,
                          const char *also)
{
    struct doc_iter it;
    struct doc_value value;
    const char *name;

    doc_iter_init(&it, doc);
    while (doc_next(&it, &name, &value)) {
        const struct object_field *field = find(fields, name);
        size_t mark;

        if (also != NULL && strcmp(name, also) == 0) {
            continue;
        }
        mark = enter(place, name);
        if (field == NULL) {
            return refuse_stranger(place, fields);
        }
        if (!check_value(place, field, &value)) {
            return false;
        }
        leave(place, mark);
    }
    return check_required(place, fields, doc);
}

bool object_name_is_good(const char *name)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t len = strlen(name);

    return len > 0 && len <= OBJECT_NAME_MAX && strchr(first, name[0]) &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz"
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == len;
}

static bool check_labels(struct place *place, const struct doc_value *labels)
{
    struct doc_iter it;
    struct doc_value value;
    const char *name;

    if (labels->type != DOC_DOC ||
        doc_count(labels->u.doc) > OBJECT_LABELS_MAX) {
        return expected(place, "an object of at most %d texts",
                        OBJECT_LABELS_MAX);
    }
    doc_iter_init(&it, labels->u.doc);
    while (doc_next(&it, &name, &value)) {
        if (value.type != DOC_STRING ||
            value.u.s.len > OBJECT_LABEL_BYTES_MAX ||
            strlen(name) > OBJECT_LABEL_BYTES_MAX) {
            (void)enter(place, name);
            return expected(place, "text of at most %d bytes",
                            OBJECT_LABEL_BYTES_MAX);
        }
    }
    return true;
}

/* A member of the object itself. */
static bool check_outer(struct place *place, const struct object_kind *kind,
                        const char *name, const struct doc_value *value)
{
    if (strcmp(name, "name") == 0) {
        return (value->type == DOC_STRING &&
                object_name_is_good(value->u.s.text)) ||
               expected(place,
                        "1 to %d letters, digits, dots, dashes or "
                        "underscores, a letter or digit first",
                        OBJECT_NAME_MAX);
    }
    if (strcmp(name, "kind") == 0) {
        return (value->type == DOC_STRING &&
                strcmp(value->u.s.text, kind->name) == 0) ||
               expected(place, "\"%s\"", kind->name);
    }
    if (strcmp(name, "labels") == 0) {
        return check_labels(place, value);
    }
    if (strcmp(name, "spec") == 0) {
        return value->type == DOC_DOC
                   ? check_members(place, kind->fields, value->u.doc, NULL)
                   : expected(place, "an object");
    }
    if (is_listed(served, name)) {
        return true;
    }
    errbuf_set_field(place->why, name,
                     "%s: no such member here; there are: name, labels, spec",
                     name);
    return false;
}

static bool check_object(struct place *place, const struct object_kind *kind,
                         struct doc object)
{
    static const struct object_field needed[] = {
        {.name = "name", .required = true},
        {.name = "spec", .required = true},
        {.name = NULL}};
    struct doc_iter it;
    struct doc_value value;
    const char *name;

    doc_iter_init(&it, object);
    while (doc_next(&it, &name, &value)) {
        size_t mark = enter(place, name);

        if (!check_outer(place, kind, name, &value)) {
            return false;
        }
        leave(place, mark);
    }
    return check_required(place, needed, object);
}

static enum err check_further(const struct object_kind *kind, struct doc object,
                              struct errbuf *why)
{
    struct errbuf inner = {0};
    enum err err = kind->check != NULL
                       ? kind->check(doc_sub(object, "spec"), &inner)
                       : ERR_OK;

    if (err != ERR_OK) {
        char path[ERRBUF_FIELD_MAX];

        (void)snprintf(path, sizeof path, "spec%s%.100s",
                       inner.field[0] != '\0' ? "." : "", inner.field);
        errbuf_set_field(why, path, "%s: %s", path, inner.text);
    }
    return err;
}

enum err object_check(const struct object_kind *kind, struct doc object,
                      struct errbuf *why)
{
    struct place place = {.why = why};
    int64_t most = kind->bytes > 0 ? kind->bytes : OBJECT_BYTES_MAX;
    bool good;

    if (doc_sub(object, "spec").len > most) {
        errbuf_set_field(why, "spec",
                         "spec: expected at most %" PRId64 " bytes", most);
        return ERR_LIMIT;
    }
    buf_init(&place.path, ERRBUF_FIELD_MAX - 1);
    good = check_object(&place, kind, object);
    buf_fini(&place.path);
    return good ? check_further(kind, object, why) : ERR_INVALID;
}
