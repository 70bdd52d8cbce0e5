/* SPDX-License-Identifier: Apache-2.0 */
/** Documents from JSON text, in one pass, every limit kept on the way. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/doc/doc.h"
#include "common/json/json_path.h"

enum {
    KEY_MAX = 1024,
    NUMBER_TEXT_MAX = 128,
    MEMBER_ROOM = 64, /* kind, array index, length words and end marks */
    REASON_MAX = 160
};

struct parse {
    struct doc_out *out;
    struct buf key; /* of the member that comes next */
    size_t depth;   /* documents and arrays open */
    size_t nodes;
    enum err err;
    char reason[REASON_MAX]; /* "" while nothing is refused */
};

static int refuse(struct parse *parse, enum err err, const char *reason)
{
    parse->err = err;
    (void)snprintf(parse->reason, sizeof parse->reason, "%s", reason);
    return 0;
}

/* Whether one more value of len bytes may be added here. */
static bool has_room(struct parse *parse, size_t len)
{
    if (parse->depth == 0) {
        return refuse(parse, ERR_INVALID, "expected an object") != 0;
    }
    if (++parse->nodes > DOC_NODES_MAX) {
        return refuse(parse, ERR_LIMIT, "too many values") != 0;
    }
    if (doc_out_len(parse->out) + parse->key.len + len +
            MEMBER_ROOM * (parse->depth + 1) >
        DOC_BYTES_MAX) {
        return refuse(parse, ERR_LIMIT, "document too large") != 0;
    }
    return true;
}

static int on_null(void *ctx)
{
    struct parse *parse = ctx;

    if (!has_room(parse, 0)) {
        return 0;
    }
    doc_add_null(parse->out, buf_str(&parse->key));
    return 1;
}

static int on_bool(void *ctx, int value)
{
    struct parse *parse = ctx;

    if (!has_room(parse, 0)) {
        return 0;
    }
    doc_add_bool(parse->out, buf_str(&parse->key), value != 0);
    return 1;
}

/* Whole numbers of 64 bits stay exact; all others become doubles. */
static int on_number(void *ctx, const char *text, size_t len)
{
    struct parse *parse = ctx;
    char copy[NUMBER_TEXT_MAX];
    int64_t whole;
    double value;

    if (!has_room(parse, 0)) {
        return 0;
    }
    if (len >= sizeof copy) {
        return refuse(parse, ERR_LIMIT, "number too long");
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (str_to_i64(copy, INT64_MIN, INT64_MAX, &whole) == ERR_OK) {
        doc_add_i64(parse->out, buf_str(&parse->key), whole);
        return 1;
    }
    if (str_to_double(copy, &value) != ERR_OK) {
        return refuse(parse, ERR_INVALID, "number out of range");
    }
    doc_add_f64(parse->out, buf_str(&parse->key), value);
    return 1;
}

static int on_string(void *ctx, const unsigned char *text, size_t len)
{
    struct parse *parse = ctx;

    if (!has_room(parse, len)) {
        return 0;
    }
    if (memchr(text, '\0', len) != NULL) {
        return refuse(parse, ERR_INVALID, "NUL character in a string");
    }
    doc_add_strn(parse->out, buf_str(&parse->key), (const char *)text, len);
    return 1;
}

static int on_key(void *ctx, const unsigned char *text, size_t len)
{
    struct parse *parse = ctx;

    if (memchr(text, '\0', len) != NULL) {
        return refuse(parse, ERR_INVALID, "NUL character in a name");
    }
    buf_clear(&parse->key);
    buf_add(&parse->key, text, len);
    return parse->key.overflow ? refuse(parse, ERR_LIMIT, "name too long") : 1;
}

/* The root is open already: its start only counts. */
static int on_start_map(void *ctx)
{
    struct parse *parse = ctx;

    if (parse->depth > 0) {
        if (!has_room(parse, 0)) {
            return 0;
        }
        if (parse->depth >= DOC_DEPTH_MAX) {
            return refuse(parse, ERR_LIMIT, "nested too deep");
        }
        doc_begin_doc(parse->out, buf_str(&parse->key));
    }
    parse->depth++;
    return 1;
}

static int on_start_array(void *ctx)
{
    struct parse *parse = ctx;

    if (!has_room(parse, 0)) {
        return 0;
    }
    if (parse->depth >= DOC_DEPTH_MAX) {
        return refuse(parse, ERR_LIMIT, "nested too deep");
    }
    doc_begin_array(parse->out, buf_str(&parse->key));
    parse->depth++;
    return 1;
}

static int on_end(void *ctx)
{
    struct parse *parse = ctx;

    if (--parse->depth > 0) {
        doc_end(parse->out);
    }
    return 1;
}

static void tell_place(const char *text, size_t at, const char *reason,
                       struct errbuf *why)
{
    size_t line = 1;
    size_t column = 1;
    char path[JSON_PATH_MAX + 1];

    for (size_t i = 0; i < at; i++) {
        bool newline = text[i] == '\n';

        line += newline ? 1 : 0;
        column = newline ? 1 : column + 1;
    }
    errbuf_set_field(why, json_path_at(text, at, path),
                     "line %zu column %zu: %s", line, column, reason);
}

/* yajl's own words ("parse error: ...\n"), without the line end. */
static void take_yajl_reason(yajl_handle yajl, struct parse *parse)
{
    unsigned char *text = yajl_get_error(yajl, 0, NULL, 0);

    (void)refuse(parse, ERR_INVALID,
                 text != NULL ? (const char *)text : "not JSON");
    parse->reason[strcspn(parse->reason, "\n")] = '\0';
    yajl_free_error(yajl, text);
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_bool,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_start_map,
    .yajl_map_key = on_key,
    .yajl_end_map = on_end,
    .yajl_start_array = on_start_array,
    .yajl_end_array = on_end,
};

static void parse_text(struct parse *parse, const char *text, size_t len,
                       struct errbuf *why)
{
    yajl_handle yajl = yajl_alloc(&callbacks, NULL, parse);
    yajl_status status;
    size_t at;

    BUG_IF(yajl == NULL);
    status = yajl_parse(yajl, (const unsigned char *)text, len);
    at = status == yajl_status_ok ? len : yajl_get_bytes_consumed(yajl);
    at -= status != yajl_status_ok && at > 0 ? 1 : 0; /* the last one read */
    if (status == yajl_status_ok) {
        status = yajl_complete_parse(yajl);
    }
    if (status == yajl_status_error) {
        take_yajl_reason(yajl, parse);
    }
    if (status != yajl_status_ok) {
        tell_place(text, at < len ? at : len, parse->reason, why);
    }
    yajl_free(yajl);
}

/* With a depth of 1 the text's value is a member "" of the document. */
static enum err parse_any(struct parse *parse, const char *text, size_t len,
                          struct doc *doc, struct errbuf *why)
{
    size_t good;
    char path[JSON_PATH_MAX + 1];

    *doc = (struct doc){NULL, 0};
    doc_out_reset(parse->out);
    if (len > DOC_BYTES_MAX) {
        errbuf_set_field(why, JSON_PATH_WHOLE, "text larger than %d bytes",
                         DOC_BYTES_MAX);
        return ERR_LIMIT;
    }
    good = utf8_good(text, len);
    if (good < len) {
        errbuf_set_field(why, json_path_at(text, good, path),
                         "text is not UTF-8");
        return ERR_INVALID;
    }
    buf_init(&parse->key, KEY_MAX);
    parse_text(parse, text, len, why);
    buf_fini(&parse->key);
    if (parse->err == ERR_OK) {
        *doc = doc_out_done(parse->out);
    }
    return parse->err;
}

enum err doc_from_json(const char *text, size_t len, struct doc_out *out,
                       struct doc *doc, struct errbuf *why)
{
    struct parse parse = {.out = out};

    return parse_any(&parse, text, len, doc, why);
}

enum err doc_value_from_json(const char *text, size_t len, struct doc_out *out,
                             struct doc_value *value, struct errbuf *why)
{
    struct parse parse = {.out = out, .depth = 1};
    struct doc doc;
    enum err err = parse_any(&parse, text, len, &doc, why);

    (void)doc_get(doc, "", value);
    return err;
}
