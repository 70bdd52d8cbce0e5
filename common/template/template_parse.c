/* SPDX-License-Identifier: Apache-2.0 */
/** Templates: from text to the list of their parts. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/template/template_tree.h"

struct parse {
    struct template_reader reader;
    struct template *tmpl;
    size_t open[TEMPLATE_DEPTH_MAX]; /* nodes of the sections around */
    size_t depth;
};

bool template_refuse(struct template_reader *reader, const char *at,
                     const char *format, ...)
{
    char what[ERRBUF_TEXT_MAX];
    size_t len = (size_t)(at - reader->start);
    size_t begin = 0;
    size_t line = 1;
    va_list args;

    for (size_t i = 0; i < len; i++) {
        if (reader->source[i] == '\n') {
            line++;
            begin = i + 1;
        }
    }
    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    errbuf_set(reader->why, "line %zu, column %zu: %.400s", line,
               len - begin + 1, what);
    reader->err = reader->err == ERR_OK ? ERR_INVALID : reader->err;
    return false;
}

static bool refuse_limit(struct template_reader *reader, const char *at,
                         const char *what)
{
    reader->err = ERR_LIMIT;
    return template_refuse(reader, at, "%s", what);
}

void template_skip_blanks(struct template_reader *reader)
{
    while (reader->at < reader->end && strchr(" \t\r\n", *reader->at)) {
        reader->at++;
    }
}

bool template_take_quoted(struct template_reader *reader, const char **text)
{
    char *open = reader->at;
    char *to = open + 1;

    for (char *at = to; at < reader->end; at++) {
        if (*at == '"') {
            *to = '\0';
            *text = open + 1;
            reader->at = at + 1;
            return true;
        }
        if (*at == '\\' && at + 1 < reader->end) {
            at++;
        }
        *to++ = *at;
    }
    return template_refuse(reader, open, "a quote that is not closed");
}

static bool add_node(struct parse *parse, const struct node *node)
{
    struct template *tmpl = parse->tmpl;

    if (tmpl->n == TEMPLATE_NODES_MAX) {
        return refuse_limit(&parse->reader, parse->reader.at,
                            "more than 500 parts");
    }
    if (tmpl->n == tmpl->cap) {
        tmpl->cap = 2 * tmpl->cap + 16;
        tmpl->nodes =
            xrealloc_array(tmpl->nodes, tmpl->cap, sizeof tmpl->nodes[0]);
    }
    tmpl->nodes[tmpl->n] = *node;
    tmpl->nodes[tmpl->n].depth = parse->depth;
    tmpl->n++;
    return true;
}

static bool add_text(struct parse *parse, const char *from, const char *to)
{
    return from == to ||
           add_node(parse, &(struct node){.type = NODE_TEXT,
                                          .text = from,
                                          .len = (size_t)(to - from)});
}

/* A name ends where something else than a name may go on. */
static bool take_name(struct parse *parse, const char **name, size_t *len)
{
    struct template_reader *reader = &parse->reader;

    template_skip_blanks(reader);
    *name = reader->at;
    while (reader->at < reader->end &&
           strchr(" \t\r\n|{}\"'<>&#/", *reader->at) == NULL) {
        reader->at++;
    }
    *len = (size_t)(reader->at - *name);
    if (*len == 0) {
        return template_refuse(reader, *name, "expected a name");
    }
    if (*len > TEMPLATE_NAME_MAX) {
        return refuse_limit(reader, *name, "a name of more than 256 bytes");
    }
    return true;
}

/* The two braces at the end of a tag. */
static bool take_end(struct parse *parse)
{
    struct template_reader *reader = &parse->reader;

    template_skip_blanks(reader);
    if (reader->end - reader->at < 2 || reader->at[0] != '}' ||
        reader->at[1] != '}') {
        return template_refuse(reader, reader->at, "expected }}");
    }
    return true;
}

static bool take_calls(struct parse *parse, struct node *node)
{
    struct template_reader *reader = &parse->reader;

    for (;;) {
        template_skip_blanks(reader);
        if (reader->at == reader->end || *reader->at != '|') {
            return take_end(parse);
        }
        if (node->n_calls == TEMPLATE_CALLS_MAX) {
            return refuse_limit(reader, reader->at, "more than 8 helpers");
        }
        if (node->calls == NULL) {
            node->calls = xcalloc(TEMPLATE_CALLS_MAX, sizeof node->calls[0]);
        }
        reader->at++;
        template_skip_blanks(reader);
        if (!helper_take(reader, &node->calls[node->n_calls])) {
            return false;
        }
        node->n_calls++;
    }
}

static void node_fini(struct node *node)
{
    for (size_t i = 0; i < node->n_calls; i++) {
        helper_fini(&node->calls[i]);
    }
    free(node->calls);
}

/* The braces behind it are overwritten by the NULs of what stands before. */
static bool take_value(struct parse *parse)
{
    struct template_reader *reader = &parse->reader;
    struct node node = {.type = NODE_VALUE};
    bool good;

    template_skip_blanks(reader);
    node.literal = reader->at < reader->end && *reader->at == '"';
    good = node.literal ? template_take_quoted(reader, &node.text)
                        : take_name(parse, &node.text, &node.len);
    good = good && take_calls(parse, &node) && add_node(parse, &node);
    if (!good) {
        node_fini(&node);
        return false;
    }
    if (!node.literal) {
        ((char *)(uintptr_t)node.text)[node.len] = '\0';
    }
    reader->at += 2;
    return true;
}

static bool take_open(struct parse *parse, enum node_type type)
{
    struct template_reader *reader = &parse->reader;
    struct node node = {.type = type};

    reader->at++;
    if (!take_name(parse, &node.text, &node.len) || !take_end(parse)) {
        return false;
    }
    if (parse->depth == TEMPLATE_DEPTH_MAX) {
        return refuse_limit(reader, node.text,
                            "more than 8 sections in one another");
    }
    if (!add_node(parse, &node)) {
        return false;
    }
    ((char *)(uintptr_t)node.text)[node.len] = '\0';
    parse->open[parse->depth++] = parse->tmpl->n - 1;
    reader->at += 2;
    return true;
}

static bool take_close(struct parse *parse)
{
    struct template_reader *reader = &parse->reader;
    const char *name;
    struct node *node;
    size_t len;

    reader->at++;
    if (!take_name(parse, &name, &len) || !take_end(parse)) {
        return false;
    }
    if (parse->depth == 0) {
        return template_refuse(reader, name, "no section is open here");
    }
    node = &parse->tmpl->nodes[parse->open[parse->depth - 1]];
    if (node->len != len || memcmp(node->text, name, len) != 0) {
        return template_refuse(
            reader, name, "expected the end of section \"%.64s\"", node->text);
    }
    node->end = parse->tmpl->n;
    parse->depth--;
    reader->at += 2;
    return true;
}

static bool take_comment(struct parse *parse)
{
    struct template_reader *reader = &parse->reader;
    char *close =
        memmem(reader->at, (size_t)(reader->end - reader->at), "}}", 2);

    if (close == NULL) {
        return template_refuse(reader, reader->at, "expected }}");
    }
    reader->at = close + 2;
    return true;
}

static bool take_tag(struct parse *parse)
{
    struct template_reader *reader = &parse->reader;

    switch (reader->at < reader->end ? *reader->at : '\0') {
    case '#':
        return take_open(parse, NODE_SECTION);
    case '^':
        return take_open(parse, NODE_INVERTED);
    case '/':
        return take_close(parse);
    case '!':
        return take_comment(parse);
    case '{':
    case '&':
        return template_refuse(reader, reader->at,
                               "values are always escaped for where the text "
                               "goes: expected a name behind {{");
    case '>':
    case '=':
        return template_refuse(reader, reader->at,
                               "no parts of others and no other brackets: "
                               "expected a name behind {{");
    default:
        return take_value(parse);
    }
}

static bool is_value(char c)
{
    return strchr("#^/!", c) == NULL;
}

/* A line with nothing but such a tag is no line of the text: its blanks and
 * its end go with it. */
static char *line_of(const char *text, char *open)
{
    while (open > text && (open[-1] == ' ' || open[-1] == '\t')) {
        open--;
    }
    return open;
}

static char *end_of_line(const struct template_reader *reader)
{
    char *at = reader->at;

    while (at < reader->end && strchr(" \t\r", *at) != NULL) {
        at++;
    }
    if (at < reader->end) {
        return *at == '\n' ? at + 1 : NULL;
    }
    return at;
}

/* From text on: the text before the next tag, and the tag. False: an error or
 * the end. */
static bool take_part(struct parse *parse)
{
    struct template_reader *reader = &parse->reader;
    char *text = reader->at;
    char *open = memmem(text, (size_t)(reader->end - text), "{{", 2);
    char *line;
    char *next;
    bool alone;
    size_t node = parse->tmpl->n;

    if (open == NULL) {
        reader->at = reader->end;
        (void)add_text(parse, text, reader->end);
        return false;
    }
    line = line_of(text, open);
    reader->at = open + 2;
    alone = reader->at < reader->end && !is_value(*reader->at) &&
            (line == reader->start || line[-1] == '\n');
    if (!add_text(parse, text, open) || !take_tag(parse)) {
        return false;
    }
    next = alone ? end_of_line(reader) : NULL;
    if (next != NULL) {
        reader->at = next;
        if (open > text) {
            parse->tmpl->nodes[node].len = (size_t)(line - text);
        }
    }
    return true;
}

static bool parse_all(struct parse *parse)
{
    struct template_reader *reader = &parse->reader;

    while (take_part(parse)) {
    }
    if (reader->err == ERR_OK && parse->depth > 0) {
        const struct node *node =
            &parse->tmpl->nodes[parse->open[parse->depth - 1]];

        return template_refuse(reader, reader->end,
                               "section \"%.64s\" is not closed", node->text);
    }
    return reader->err == ERR_OK;
}

enum err template_parse(const char *text, size_t len, struct template **out,
                        struct errbuf *why)
{
    struct template *tmpl;
    struct parse parse = {.reader = {.source = text, .why = why}};

    *out = NULL;
    if (len > TEMPLATE_BYTES_MAX) {
        errbuf_set(why, "more than %d bytes", TEMPLATE_BYTES_MAX);
        return ERR_LIMIT;
    }
    if (!utf8_valid(text, len) || memchr(text, '\0', len) != NULL) {
        errbuf_set(why, "expected UTF-8 text");
        return ERR_INVALID;
    }
    tmpl = xcalloc(1, sizeof *tmpl);
    tmpl->own = xstrndup(text, len);
    parse.tmpl = tmpl;
    parse.reader.start = parse.reader.at = tmpl->own;
    parse.reader.end = tmpl->own + len;
    if (!parse_all(&parse)) {
        template_free(tmpl);
        return parse.reader.err;
    }
    *out = tmpl;
    return ERR_OK;
}

void template_free(struct template *tmpl)
{
    if (tmpl == NULL) {
        return;
    }
    for (size_t i = 0; i < tmpl->n; i++) {
        node_fini(&tmpl->nodes[i]);
    }
    free(tmpl->nodes);
    free(tmpl->own);
    free(tmpl);
}
