/* SPDX-License-Identifier: Apache-2.0 */
/** YAML by libyaml: its events read into documents, documents written. */
#include "cli/yaml_docs.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "common/base/map.h"
#include "common/base/str.h"

enum {
    NUMBER_MAX = 64, /* longest number as text */
    HEX = 16,
    OCTAL = 8
};

/* --- what a plain text means ------------------------------------------------
 */

struct word {
    const char *text;
    enum doc_type type;
    bool value;
};

static const struct word words[] = {
    {"", DOC_NULL, false},      {"~", DOC_NULL, false},
    {"null", DOC_NULL, false},  {"Null", DOC_NULL, false},
    {"NULL", DOC_NULL, false},  {"true", DOC_BOOL, true},
    {"True", DOC_BOOL, true},   {"TRUE", DOC_BOOL, true},
    {"false", DOC_BOOL, false}, {"False", DOC_BOOL, false},
    {"FALSE", DOC_BOOL, false},
};

/* "0x1f", "0o17" */
static bool read_based(const char *text, struct doc_value *value)
{
    int base = text[1] == 'x' ? HEX : OCTAL;
    const char *digits = base == HEX ? "0123456789abcdefABCDEF" : "01234567";
    size_t len = strlen(text + 2);
    unsigned long long number;

    if (len == 0 || strspn(text + 2, digits) != len) {
        return false;
    }
    errno = 0;
    number = strtoull(text + 2, NULL, base);
    if (errno != 0 || number > INT64_MAX) {
        return false;
    }
    *value = (struct doc_value){.type = DOC_INT, .u.i = (int64_t)number};
    return true;
}

static bool read_number(const char *text, struct doc_value *value)
{
    const char *digits = text + (text[0] == '+');
    double real;

    if (digits > text && strchr("+-", digits[0]) != NULL) {
        return false;
    }
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'o')) {
        return read_based(text, value);
    }
    if (strspn(text, "+-.0123456789eE") != strlen(text) ||
        strpbrk(text, "0123456789") == NULL) {
        return false;
    }
    value->type = DOC_INT;
    if (str_to_i64(digits, INT64_MIN, INT64_MAX, &value->u.i) == ERR_OK) {
        return true;
    }
    if (str_to_double(digits, &real) != ERR_OK) {
        return false;
    }
    *value = (struct doc_value){.type = DOC_DOUBLE, .u.d = real};
    return true;
}

/* By the core schema; false: it is a text. */
static bool resolve(const char *text, struct doc_value *value)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i].text, text) == 0) {
            *value = (struct doc_value){.type = words[i].type,
                                        .u.b = words[i].value};
            return true;
        }
    }
    return strlen(text) <= NUMBER_MAX && read_number(text, value);
}

/* --- reading ----------------------------------------------------------------
 */

struct reading {
    yaml_parser_t parser;
    struct doc_out *out;
    size_t nodes;
    int depth;
    struct errbuf *why;
};

static enum err refuse(const struct reading *reading, const yaml_mark_t *at,
                       enum err err, const char *what)
{
    errbuf_set(reading->why, "line %zu, column %zu: %s", at->line + 1,
               at->column + 1, what);
    return err;
}

/* ERR_OK: event is to be deleted. */
static enum err next(struct reading *reading, yaml_event_t *event)
{
    yaml_parser_t *parser = &reading->parser;

    if (yaml_parser_parse(parser, event) == 1) {
        return ERR_OK;
    }
    return refuse(reading, &parser->problem_mark, ERR_INVALID,
                  parser->problem != NULL ? parser->problem : "no YAML");
}

static bool is_text_tag(const yaml_event_t *event)
{
    const char *tag = (const char *)event->data.scalar.tag;

    return tag == NULL || strcmp(tag, YAML_STR_TAG) == 0 ||
           strcmp(tag, "!") == 0;
}

static enum err read_scalar(struct reading *reading, const yaml_event_t *event,
                            const char *key)
{
    const char *text = (const char *)event->data.scalar.value;
    size_t len = event->data.scalar.length;
    struct doc_value value;

    if (!is_text_tag(event)) {
        return refuse(reading, &event->start_mark, ERR_INVALID,
                      "a tag, which is not taken here");
    }
    if (memchr(text, '\0', len) != NULL) {
        return refuse(reading, &event->start_mark, ERR_INVALID,
                      "a text with a NUL in it");
    }
    if (event->data.scalar.plain_implicit && event->data.scalar.tag == NULL &&
        resolve(text, &value)) {
        doc_add_value(reading->out, key, &value);
    } else {
        doc_add_str(reading->out, key, text);
    }
    return ERR_OK;
}

/* Real recursion. */
static enum err read_node(struct reading *reading, const yaml_event_t *event,
                          const char *key);

static enum err read_items(struct reading *reading)
{
    yaml_event_t event;
    enum err err = next(reading, &event);

    while (err == ERR_OK && event.type != YAML_SEQUENCE_END_EVENT) {
        err = read_node(reading, &event, "");
        yaml_event_delete(&event);
        if (err == ERR_OK) {
            err = next(reading, &event);
        }
    }
    if (err == ERR_OK) {
        yaml_event_delete(&event);
    }
    return err;
}

/* Behind its key. */
static enum err read_member(struct reading *reading, const yaml_event_t *key)
{
    const char *name = (const char *)key->data.scalar.value;
    yaml_event_t event;
    enum err err;

    if (key->type != YAML_SCALAR_EVENT ||
        memchr(name, '\0', key->data.scalar.length) != NULL) {
        return refuse(reading, &key->start_mark, ERR_INVALID,
                      "expected a text as the name of a member");
    }
    err = next(reading, &event);
    if (err == ERR_OK) {
        err = read_node(reading, &event, name);
        yaml_event_delete(&event);
    }
    return err;
}

static enum err read_members(struct reading *reading)
{
    yaml_event_t event;
    enum err err = next(reading, &event);

    while (err == ERR_OK && event.type != YAML_MAPPING_END_EVENT) {
        err = read_member(reading, &event);
        yaml_event_delete(&event);
        if (err == ERR_OK) {
            err = next(reading, &event);
        }
    }
    if (err == ERR_OK) {
        yaml_event_delete(&event);
    }
    return err;
}

static enum err read_collection(struct reading *reading,
                                const yaml_event_t *event, const char *key)
{
    bool is_list = event->type == YAML_SEQUENCE_START_EVENT;
    const yaml_char_t *tag = is_list ? event->data.sequence_start.tag
                                     : event->data.mapping_start.tag;
    enum err err;

    if (tag != NULL) {
        return refuse(reading, &event->start_mark, ERR_INVALID,
                      "a tag, which is not taken here");
    }
    if (++reading->depth >= DOC_DEPTH_MAX - 1) {
        return refuse(reading, &event->start_mark, ERR_LIMIT, "too deep");
    }
    if (is_list) {
        doc_begin_array(reading->out, key);
        err = read_items(reading);
    } else {
        doc_begin_doc(reading->out, key);
        err = read_members(reading);
    }
    reading->depth--;
    if (err == ERR_OK) {
        doc_end(reading->out);
    }
    return err;
}

static enum err read_node(struct reading *reading, const yaml_event_t *event,
                          const char *key)
{
    if (++reading->nodes > DOC_NODES_MAX ||
        doc_out_len(reading->out) > DOC_BYTES_MAX / 2) {
        return refuse(reading, &event->start_mark, ERR_LIMIT, "too large");
    }
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(reading, event, key);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return read_collection(reading, event, key);
    case YAML_ALIAS_EVENT:
        return refuse(reading, &event->start_mark, ERR_INVALID,
                      "an alias, which is not taken here");
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
    default:
        return refuse(reading, &event->start_mark, ERR_INVALID, "no value");
    }
}

/* --- names given twice ------------------------------------------------------
 */

/* Real recursion, as deep as documents are. NULL: none. */
static const char *find_twice(struct doc doc)
{
    struct doc_iter it;
    struct doc_value value;
    struct map names;
    const char *name;
    const char *found = NULL;

    map_init(&names);
    doc_iter_init(&it, doc);
    while (found == NULL && doc_next(&it, &name, &value)) {
        if (map_put(&names, name, strlen(name), &names) != NULL) {
            found = name;
        } else if (value.type == DOC_DOC || value.type == DOC_ARRAY) {
            found = find_twice(value.u.doc);
        }
    }
    map_fini(&names);
    return found;
}

static enum err check_names(const struct reading *reading, struct doc doc)
{
    const char *name = find_twice(doc);

    if (name == NULL) {
        return ERR_OK;
    }
    errbuf_set(reading->why, "\"%.64s\" stands twice in one mapping", name);
    return ERR_INVALID;
}

#define ROOT "document"

/* Behind the event that begins it. */
static enum err read_document(struct reading *reading, yaml_value_fn *each,
                              void *ctx, bool *go_on)
{
    yaml_event_t event;
    struct doc_value value;
    struct doc root;
    enum err err = next(reading, &event);

    if (err != ERR_OK) {
        return err;
    }
    doc_out_free(reading->out); /* what was begun may not have been ended */
    reading->out = doc_out_new();
    reading->nodes = 0;
    err = read_node(reading, &event, ROOT);
    yaml_event_delete(&event);
    if (err == ERR_OK) {
        root = doc_out_done(reading->out);
        err = check_names(reading, root);
    }
    if (err == ERR_OK) {
        (void)doc_get(root, ROOT, &value);
        *go_on = each(ctx, &value);
    }
    return err;
}

static enum err read_stream(struct reading *reading, yaml_value_fn *each,
                            void *ctx)
{
    bool go_on = true;
    bool ended = false;

    while (go_on && !ended) {
        yaml_event_t event;
        yaml_event_type_t type;
        enum err err = next(reading, &event);

        if (err != ERR_OK) {
            return err;
        }
        type = event.type;
        yaml_event_delete(&event);
        ended = type == YAML_STREAM_END_EVENT;
        if (type == YAML_DOCUMENT_START_EVENT) {
            err = read_document(reading, each, ctx, &go_on);
        }
        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

enum err yaml_read(const char *text, size_t len, yaml_value_fn *each, void *ctx,
                   struct errbuf *why)
{
    struct reading reading = {.why = why};
    enum err err;

    if (yaml_parser_initialize(&reading.parser) != 1) {
        errbuf_set(why, "the YAML reader does not start");
        return ERR_UNAVAILABLE;
    }
    yaml_parser_set_encoding(&reading.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reading.parser, (const yaml_char_t *)text,
                                 len);
    err = read_stream(&reading, each, ctx);
    yaml_parser_delete(&reading.parser);
    doc_out_free(reading.out);
    return err;
}

/* --- writing ----------------------------------------------------------------
 */

struct writing {
    yaml_emitter_t emitter;
    struct buf *out;
};

static int on_written(void *ctx, unsigned char *data, size_t len)
{
    struct writing *writing = ctx;

    buf_add(writing->out, data, len);
    return writing->out->overflow ? 0 : 1;
}

static bool emit(struct writing *writing, yaml_event_t *event, int made)
{
    return made == 1 && yaml_emitter_emit(&writing->emitter, event) == 1;
}

static bool write_scalar(struct writing *writing, const char *text,
                         yaml_scalar_style_t style)
{
    yaml_event_t event;

    return emit(writing, &event,
                yaml_scalar_event_initialize(&event, NULL, NULL,
                                             (const yaml_char_t *)text,
                                             (int)strlen(text), 1, 1, style));
}

/* One that would be read as something else is quoted. */
static bool write_text(struct writing *writing, const char *text)
{
    struct doc_value value;
    bool lines = strchr(text, '\n') != NULL;

    return write_scalar(writing, text,
                        resolve(text, &value) ? YAML_DOUBLE_QUOTED_SCALAR_STYLE
                        : lines               ? YAML_LITERAL_SCALAR_STYLE
                                              : YAML_ANY_SCALAR_STYLE);
}

static bool write_number(struct writing *writing, const struct doc_value *value)
{
    struct buf text;
    bool ok = value->type == DOC_INT || isfinite(value->u.d);

    buf_init(&text, NUMBER_MAX);
    if (ok) {
        doc_value_to_json(value, &text);
        ok = write_scalar(writing, buf_str(&text), YAML_PLAIN_SCALAR_STYLE);
    }
    buf_fini(&text);
    return ok;
}

/* Real recursion. */
static bool write_value(struct writing *writing, const struct doc_value *value);

static bool write_collection(struct writing *writing,
                             const struct doc_value *value)
{
    bool is_list = value->type == DOC_ARRAY;
    yaml_event_t event;
    struct doc_iter it;
    struct doc_value member;
    const char *name;
    bool ok =
        emit(writing, &event,
             is_list ? yaml_sequence_start_event_initialize(
                           &event, NULL, NULL, 1, YAML_ANY_SEQUENCE_STYLE)
                     : yaml_mapping_start_event_initialize(
                           &event, NULL, NULL, 1, YAML_ANY_MAPPING_STYLE));

    doc_iter_init(&it, value->u.doc);
    while (ok && doc_next(&it, &name, &member)) {
        ok = (is_list || write_text(writing, name)) &&
             write_value(writing, &member);
    }
    return ok && emit(writing, &event,
                      is_list ? yaml_sequence_end_event_initialize(&event)
                              : yaml_mapping_end_event_initialize(&event));
}

static bool write_value(struct writing *writing, const struct doc_value *value)
{
    switch (value->type) {
    case DOC_MISSING:
    case DOC_NULL:
        return write_scalar(writing, "null", YAML_PLAIN_SCALAR_STYLE);
    case DOC_BOOL:
        return write_scalar(writing, value->u.b ? "true" : "false",
                            YAML_PLAIN_SCALAR_STYLE);
    case DOC_INT:
    case DOC_DOUBLE:
        return write_number(writing, value);
    case DOC_STRING:
        return write_text(writing, value->u.s.text);
    case DOC_DOC:
    case DOC_ARRAY:
        return write_collection(writing, value);
    case DOC_BYTES:
    default:
        return false;
    }
}

static bool write_all(struct writing *writing, struct doc doc)
{
    const struct doc_value root = {.type = DOC_DOC, .u.doc = doc};
    yaml_event_t event;

    return emit(writing, &event,
                yaml_stream_start_event_initialize(&event,
                                                   YAML_UTF8_ENCODING)) &&
           emit(writing, &event,
                yaml_document_start_event_initialize(&event, NULL, NULL, NULL,
                                                     0)) &&
           write_value(writing, &root) &&
           emit(writing, &event,
                yaml_document_end_event_initialize(&event, 1)) &&
           emit(writing, &event, yaml_stream_end_event_initialize(&event));
}

enum err yaml_write(struct doc doc, struct buf *out)
{
    struct writing writing = {.out = out};
    bool ok = yaml_emitter_initialize(&writing.emitter) == 1;

    if (!ok) {
        return ERR_UNAVAILABLE;
    }
    yaml_emitter_set_output(&writing.emitter, on_written, &writing);
    yaml_emitter_set_encoding(&writing.emitter, YAML_UTF8_ENCODING);
    yaml_emitter_set_unicode(&writing.emitter, 1);
    yaml_emitter_set_width(&writing.emitter, -1);
    ok = write_all(&writing, doc);
    yaml_emitter_delete(&writing.emitter);
    if (out->overflow) {
        return ERR_LIMIT;
    }
    return ok ? ERR_OK : ERR_INVALID;
}
