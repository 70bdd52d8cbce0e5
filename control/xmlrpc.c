/* SPDX-License-Identifier: Apache-2.0 */
/** XML-RPC as supervisord speaks it: calls as text, answers as documents. */
#include "control/xmlrpc.h"

#include <expat.h>
#include <limits.h>
#include <string.h>

#include "common/base/str.h"

enum {
    DEPTH_MAX = 16,
    TEXT_MAX = 1024 * 1024,
    NAME_MAX_BYTES = 255
};

/* An open <value>: what it has turned out to be, and its name if it is a
 * member of a struct. */
enum frame_kind {
    FRAME_TEXT,
    FRAME_STRUCT,
    FRAME_ARRAY,
    FRAME_DONE
};

struct frame {
    enum frame_kind kind;
    char name[NAME_MAX_BYTES + 1];
};

struct parse {
    XML_Parser parser;
    struct doc_out *out;
    struct errbuf *why;
    enum err err;
    struct frame frames[DEPTH_MAX];
    size_t depth; /**< open values */
    bool has_value;
    char name[NAME_MAX_BYTES + 1]; /**< of the member being read */
    struct buf text;               /**< since the last start tag */
};

static void add_escaped(struct buf *out, const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        switch (*at) {
        case '<':
            buf_add_str(out, "&lt;");
            break;
        case '>':
            buf_add_str(out, "&gt;");
            break;
        case '&':
            buf_add_str(out, "&amp;");
            break;
        default:
            buf_add_char(out, *at);
        }
    }
}

static void add_param(struct buf *out, const struct xmlrpc_param *param)
{
    buf_add_str(out, "<param><value>");
    if (param->text != NULL) {
        buf_add_str(out, "<string>");
        add_escaped(out, param->text);
        buf_add_str(out, "</string>");
    } else {
        buf_addf(out, "<boolean>%d</boolean>", param->flag ? 1 : 0);
    }
    buf_add_str(out, "</value></param>");
}

void xmlrpc_call(struct buf *out, const char *method,
                 const struct xmlrpc_param *params, size_t n_params)
{
    buf_add_str(out, "<?xml version=\"1.0\"?><methodCall><methodName>");
    add_escaped(out, method);
    buf_add_str(out, "</methodName><params>");
    for (size_t i = 0; i < n_params; i++) {
        add_param(out, &params[i]);
    }
    buf_add_str(out, "</params></methodCall>");
}

static void parse_stop(struct parse *parse, enum err err, const char *what)
{
    if (parse->err == ERR_OK) {
        parse->err = err;
        errbuf_set(parse->why, "XML-RPC answer, line %lu: %s",
                   (unsigned long)XML_GetCurrentLineNumber(parse->parser),
                   what);
        XML_StopParser(parse->parser, XML_FALSE);
    }
}

static struct frame *parse_top(struct parse *parse)
{
    return parse->depth == 0 ? NULL : &parse->frames[parse->depth - 1];
}

/* The innermost value at an end tag: expat has seen its start tag. */
static struct frame *parse_ending(struct parse *parse)
{
    BUG_IF(parse->depth == 0);
    return &parse->frames[parse->depth - 1];
}

static void value_start(struct parse *parse)
{
    if (parse->depth == DEPTH_MAX) {
        parse_stop(parse, ERR_LIMIT, "nested too deeply");
        return;
    }
    const struct frame *outer = parse_top(parse);
    if (outer == NULL
            ? parse->has_value
            : outer->kind == FRAME_TEXT || outer->kind == FRAME_DONE) {
        parse_stop(parse, ERR_INVALID, "a value where none is expected");
        return;
    }
    struct frame *frame = &parse->frames[parse->depth];
    parse->depth++;
    frame->kind = FRAME_TEXT;
    memcpy(frame->name, parse->name, sizeof(frame->name));
}

/* Open a struct or array inside the innermost value. */
static void nest_start(struct parse *parse, enum frame_kind kind)
{
    struct frame *frame = parse_top(parse);
    if (frame == NULL || frame->kind != FRAME_TEXT) {
        parse_stop(parse, ERR_INVALID, "a struct or array outside a value");
        return;
    }
    frame->kind = kind;
    if (kind == FRAME_STRUCT) {
        doc_begin_doc(parse->out, frame->name);
    } else {
        doc_begin_array(parse->out, frame->name);
    }
}

static void nest_end(struct parse *parse)
{
    doc_end(parse->out);
    parse_ending(parse)->kind = FRAME_DONE;
}

static void add_number(struct parse *parse, const char *name, const char *tag)
{
    int64_t number;
    double real;
    const char *text = buf_str(&parse->text);
    if (strcmp(tag, "double") == 0) {
        if (str_to_double(text, &real) == ERR_OK) {
            doc_add_f64(parse->out, name, real);
            return;
        }
    } else if (str_to_i64(text, INT64_MIN, INT64_MAX, &number) == ERR_OK) {
        if (strcmp(tag, "boolean") == 0) {
            doc_add_bool(parse->out, name, number != 0);
        } else {
            doc_add_i64(parse->out, name, number);
        }
        return;
    }
    parse_stop(parse, ERR_INVALID, "not a number");
}

static bool is_text_tag(const char *tag)
{
    return strcmp(tag, "string") == 0 || strcmp(tag, "base64") == 0 ||
           strcmp(tag, "dateTime.iso8601") == 0;
}

static bool is_number_tag(const char *tag)
{
    return strcmp(tag, "int") == 0 || strcmp(tag, "i4") == 0 ||
           strcmp(tag, "boolean") == 0 || strcmp(tag, "double") == 0;
}

static void scalar_end(struct parse *parse, const char *tag)
{
    struct frame *frame = parse_top(parse);
    if (frame == NULL || frame->kind != FRAME_TEXT) {
        parse_stop(parse, ERR_INVALID, "a scalar outside a value");
        return;
    }
    if (is_text_tag(tag)) {
        doc_add_strn(parse->out, frame->name, buf_str(&parse->text),
                     parse->text.len);
    } else {
        add_number(parse, frame->name, tag);
    }
    frame->kind = FRAME_DONE;
}

/* A value without a type tag is a string. */
static void value_end(struct parse *parse)
{
    struct frame *frame = parse_ending(parse);
    if (frame->kind == FRAME_TEXT) {
        doc_add_strn(parse->out, frame->name, buf_str(&parse->text),
                     parse->text.len);
    }
    parse->depth--;
    parse->has_value = true;
}

static void name_end(struct parse *parse)
{
    if (parse->text.len > NAME_MAX_BYTES) {
        parse_stop(parse, ERR_LIMIT, "member name too long");
        return;
    }
    memcpy(parse->name, buf_str(&parse->text), parse->text.len + 1);
}

static void XMLCALL on_start(void *ctx, const XML_Char *tag,
                             const XML_Char **attributes)
{
    struct parse *parse = ctx;
    (void)attributes;
    buf_clear(&parse->text);
    if (strcmp(tag, "value") == 0) {
        value_start(parse);
    } else if (strcmp(tag, "struct") == 0) {
        nest_start(parse, FRAME_STRUCT);
    } else if (strcmp(tag, "array") == 0) {
        nest_start(parse, FRAME_ARRAY);
    } else if (strcmp(tag, "fault") == 0) {
        memcpy(parse->name, "fault", sizeof("fault"));
    }
}

static void XMLCALL on_end(void *ctx, const XML_Char *tag)
{
    struct parse *parse = ctx;
    if (parse->err != ERR_OK) {
        return;
    }
    if (strcmp(tag, "value") == 0) {
        value_end(parse);
    } else if (strcmp(tag, "struct") == 0 || strcmp(tag, "array") == 0) {
        nest_end(parse);
    } else if (strcmp(tag, "name") == 0) {
        name_end(parse);
    } else if (is_text_tag(tag) || is_number_tag(tag)) {
        scalar_end(parse, tag);
    }
    buf_clear(&parse->text);
}

static void XMLCALL on_text(void *ctx, const XML_Char *text, int len)
{
    struct parse *parse = ctx;
    buf_add(&parse->text, text, (size_t)len);
    if (parse->text.overflow) {
        parse_stop(parse, ERR_LIMIT, "text too long");
    }
}

/* Nothing of ours needs entities, and they are the way to blow a parser up. */
static void XMLCALL on_doctype(void *ctx, const XML_Char *name,
                               const XML_Char *sysid, const XML_Char *pubid,
                               int has_internal_subset)
{
    (void)name;
    (void)sysid;
    (void)pubid;
    (void)has_internal_subset;
    parse_stop(ctx, ERR_INVALID, "a document type is not accepted");
}

static enum err parse_run(struct parse *parse, const char *xml, size_t len)
{
    XML_SetUserData(parse->parser, parse);
    XML_SetElementHandler(parse->parser, on_start, on_end);
    XML_SetStartDoctypeDeclHandler(parse->parser, on_doctype);
    XML_SetCharacterDataHandler(parse->parser, on_text);
    if (len > INT_MAX) {
        errbuf_set(parse->why, "XML-RPC answer: too long");
        return ERR_LIMIT;
    }
    if (XML_Parse(parse->parser, xml, (int)len, XML_TRUE) != XML_STATUS_OK) {
        parse_stop(parse, ERR_INVALID,
                   XML_ErrorString(XML_GetErrorCode(parse->parser)));
        return parse->err;
    }
    if (!parse->has_value) {
        errbuf_set(parse->why, "XML-RPC answer: no value in it");
        return ERR_INVALID;
    }
    return ERR_OK;
}

enum err xmlrpc_parse(const char *xml, size_t len, struct doc_out *out,
                      struct doc *answer, struct errbuf *why)
{
    struct parse parse = {.out = out, .why = why, .name = "result"};
    parse.parser = XML_ParserCreate("UTF-8");
    BUG_IF(parse.parser == NULL);
    buf_init(&parse.text, TEXT_MAX);
    doc_out_reset(out);
    enum err err = parse_run(&parse, xml, len);
    if (err == ERR_OK) {
        *answer = doc_out_done(out);
    }
    buf_fini(&parse.text);
    XML_ParserFree(parse.parser);
    return err;
}
