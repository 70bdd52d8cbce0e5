/* SPDX-License-Identifier: Apache-2.0 */
/** Reading the short form: state>=2 and component~"^web" and not acked. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/filter/filter_tree.h"

enum token_kind {
    TOKEN_END,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_COMMA,
    TOKEN_WORD,
    TOKEN_QUOTED,
    TOKEN_EQ,
    TOKEN_NE,
    TOKEN_GT,
    TOKEN_GTE,
    TOKEN_LT,
    TOKEN_LTE,
    TOKEN_MATCH,
    TOKEN_NOT_MATCH,
    TOKEN_BAD
};

struct text {
    struct filter_build *build;
    const char *start;
    const char *at;    /* past the token */
    const char *token; /* where it starts */
    enum token_kind kind;
    struct buf word; /* its content, for a word or quoted text */
};

/* Longer ones first. */
static const struct {
    const char *text;
    enum token_kind kind;
} signs[] = {
    {">=", TOKEN_GTE},       {"<=", TOKEN_LTE},  {"!=", TOKEN_NE},
    {"!~", TOKEN_NOT_MATCH}, {"==", TOKEN_EQ},   {"=", TOKEN_EQ},
    {">", TOKEN_GT},         {"<", TOKEN_LT},    {"~", TOKEN_MATCH},
    {"(", TOKEN_OPEN},       {")", TOKEN_CLOSE}, {",", TOKEN_COMMA},
};

static const char blanks[] = " \t\r\n";
static const char word_ends[] = " \t\r\n()=!<>~,\"'";

enum {
    CONTINUATION_BITS = 0xC0,
    CONTINUATION = 0x80
}; /* of UTF-8 */

/* Characters, not bytes, from 1. */
static size_t column(const struct text *text)
{
    size_t n = 1;

    for (const char *p = text->start; p < text->token; p++) {
        n += ((unsigned char)*p & CONTINUATION_BITS) != CONTINUATION ? 1 : 0;
    }
    return n;
}

static struct node *refuse(struct text *text, const char *expected)
{
    char found[ERRBUF_FIELD_MAX];
    size_t len = (size_t)(text->at - text->token);

    if (text->kind == TOKEN_BAD) {
        return NULL; /* told already */
    }
    len = utf8_cut(text->token, len, sizeof found - 1);
    memcpy(found, text->token, len);
    found[len] = '\0';
    (void)build_refuse(text->build, ERR_INVALID,
                       "column %zu: expected %s, found %s", column(text),
                       expected, len == 0 ? "the end" : found);
    return NULL;
}

static void bad_token(struct text *text, const char *reason)
{
    (void)build_refuse(text->build, ERR_INVALID, "column %zu: %s", column(text),
                       reason);
    text->kind = TOKEN_BAD;
}

/* A backslash makes the quote or a backslash plain; before anything else it
 * stays, so that patterns need no doubling. */
static void read_quoted(struct text *text)
{
    char quote = *text->at++;

    text->kind = TOKEN_QUOTED;
    while (*text->at != quote) {
        if (*text->at == '\0') {
            bad_token(text, "the quote is not closed");
            return;
        }
        if (*text->at == '\\' &&
            (text->at[1] == quote || text->at[1] == '\\')) {
            text->at++;
        }
        buf_add_char(&text->word, *text->at++);
    }
    text->at++;
}

static bool read_sign(struct text *text)
{
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (str_starts(text->at, signs[i].text)) {
            text->kind = signs[i].kind;
            text->at += strlen(signs[i].text);
            return true;
        }
    }
    return false;
}

static void next(struct text *text)
{
    size_t len;

    if (text->kind == TOKEN_BAD) {
        return;
    }
    text->at += strspn(text->at, blanks);
    text->token = text->at;
    buf_clear(&text->word);
    if (*text->at == '\0') {
        text->kind = TOKEN_END;
        return;
    }
    if (*text->at == '"' || *text->at == '\'') {
        read_quoted(text);
        return;
    }
    if (read_sign(text)) {
        return;
    }
    len = strcspn(text->at, word_ends);
    if (len == 0) {
        text->at++;
        bad_token(text, "'!' must be followed by '=' or '~'");
        return;
    }
    text->kind = TOKEN_WORD;
    buf_add(&text->word, text->at, len);
    text->at += len;
}

static bool is_word(const struct text *text, const char *word)
{
    return text->kind == TOKEN_WORD &&
           strcasecmp(buf_str(&text->word), word) == 0;
}

static bool is_reserved(const struct text *text)
{
    return is_word(text, "and") || is_word(text, "or") ||
           is_word(text, "not") || is_word(text, "in");
}

static bool is_value(const struct text *text)
{
    return text->kind == TOKEN_QUOTED ||
           (text->kind == TOKEN_WORD && !is_reserved(text));
}

/* Add the token to the scratch: a bare word may be null, a bool or a number. */
static void add_value(struct text *text)
{
    struct doc_out *out = text->build->scratch;
    const char *word = buf_str(&text->word);
    int64_t whole;
    double number;

    /* NOLINTNEXTLINE(bugprone-branch-clone): the first and the last case. */
    if (text->kind == TOKEN_QUOTED) {
        doc_add_str(out, "v", word);
    } else if (is_word(text, "null")) {
        doc_add_null(out, "v");
    } else if (is_word(text, "true") || is_word(text, "false")) {
        doc_add_bool(out, "v", is_word(text, "true"));
    } else if (str_to_i64(word, INT64_MIN, INT64_MAX, &whole) == ERR_OK) {
        doc_add_i64(out, "v", whole);
    } else if (str_to_double(word, &number) == ERR_OK) {
        doc_add_f64(out, "v", number);
    } else {
        doc_add_str(out, "v", word);
    }
    next(text);
}

/* Frees the node when its operand was refused. */
static struct node *finish(struct node *node, bool ok)
{
    if (!ok) {
        node_free(node);
        return NULL;
    }
    return node;
}

static struct node *read_compare(struct text *text, enum node_op op,
                                 const char *field)
{
    struct node *node;

    next(text);
    if (!is_value(text)) {
        return refuse(text, "a value");
    }
    node = node_new_at(text->build, op, field, strlen(field));
    if (node != NULL) {
        doc_out_reset(text->build->scratch);
        add_value(text);
        node_keep_scratch(text->build, node);
    }
    return node;
}

static struct node *read_pattern(struct text *text, const char *field)
{
    struct node *node;

    next(text);
    if (!is_value(text)) {
        return refuse(text, "a pattern");
    }
    node = node_new_at(text->build, NODE_REGEX, field, strlen(field));
    if (node == NULL) {
        return NULL;
    }
    doc_out_reset(text->build->scratch);
    doc_add_str(text->build->scratch, "v", buf_str(&text->word));
    node_keep_scratch(text->build, node);
    buf_addf(&text->build->where, "column %zu", column(text));
    if (!node_compile(text->build, node)) {
        return finish(node, false);
    }
    buf_clear(&text->build->where);
    next(text);
    return node;
}

static struct node *read_not_pattern(struct text *text, const char *field)
{
    struct node *node =
        node_new_at(text->build, NODE_NOT, field, strlen(field));

    return node == NULL ? NULL
                        : finish(node, node_add(text->build, node,
                                                read_pattern(text, field)));
}

/* "(" value {"," value} ")" into the scratch. */
static bool read_list_values(struct text *text)
{
    do {
        next(text);
        if (!is_value(text)) {
            return refuse(text, "a value") != NULL;
        }
        if (!build_count(text->build, 1)) {
            return false;
        }
        add_value(text);
    } while (text->kind == TOKEN_COMMA);
    if (text->kind != TOKEN_CLOSE) {
        return refuse(text, "',' or ')'") != NULL;
    }
    next(text);
    return true;
}

static struct node *read_list(struct text *text, enum node_op op,
                              const char *field)
{
    struct node *node;

    next(text); /* past "in" */
    if (text->kind != TOKEN_OPEN) {
        return refuse(text, "'('");
    }
    node = node_new_at(text->build, op, field, strlen(field));
    if (node == NULL) {
        return NULL;
    }
    doc_out_reset(text->build->scratch);
    doc_begin_array(text->build->scratch, "v");
    if (!read_list_values(text)) {
        return finish(node, false);
    }
    doc_end(text->build->scratch);
    node_keep_scratch(text->build, node);
    return node;
}

/* A field by itself: there, and not null, false, 0 or empty. */
static struct node *read_bare(struct text *text, const char *field)
{
    struct doc_out *out = text->build->scratch;
    struct node *node =
        node_new_at(text->build, NODE_NIN, field, strlen(field));

    if (node == NULL) {
        return NULL;
    }
    doc_out_reset(out);
    doc_begin_array(out, "v");
    doc_add_null(out, "");
    doc_add_bool(out, "", false);
    doc_add_i64(out, "", 0);
    doc_add_str(out, "", "");
    doc_end(out);
    node_keep_scratch(text->build, node);
    return node;
}

static struct node *read_rest(struct text *text, const char *field)
{
    switch (text->kind) {
    case TOKEN_EQ:
        return read_compare(text, NODE_EQ, field);
    case TOKEN_NE:
        return read_compare(text, NODE_NE, field);
    case TOKEN_GT:
        return read_compare(text, NODE_GT, field);
    case TOKEN_GTE:
        return read_compare(text, NODE_GTE, field);
    case TOKEN_LT:
        return read_compare(text, NODE_LT, field);
    case TOKEN_LTE:
        return read_compare(text, NODE_LTE, field);
    case TOKEN_MATCH:
        return read_pattern(text, field);
    case TOKEN_NOT_MATCH:
        return read_not_pattern(text, field);
    case TOKEN_BAD:
        return NULL;
    case TOKEN_WORD:
    case TOKEN_END:
    case TOKEN_OPEN:
    case TOKEN_CLOSE:
    case TOKEN_COMMA:
    case TOKEN_QUOTED:
    default:
        break;
    }
    if (is_word(text, "in")) {
        return read_list(text, NODE_IN, field);
    }
    if (is_word(text, "not")) {
        next(text);
        return is_word(text, "in") ? read_list(text, NODE_NIN, field)
                                   : refuse(text, "'in' after 'not'");
    }
    return read_bare(text, field);
}

static struct node *read_condition(struct text *text)
{
    struct node *node;
    char *field;

    if (!is_value(text) || text->word.len == 0) {
        return refuse(text, "a field name, 'not' or '('");
    }
    if (buf_str(&text->word)[0] == '$') {
        return refuse(text, "a field name, not an operator");
    }
    field = xstrdup(buf_str(&text->word));
    next(text);
    node = read_rest(text, field);
    free(field);
    return node;
}

static struct node *read_or(struct text *text);

static struct node *read_parentheses(struct text *text)
{
    struct node *node;

    next(text);
    node = read_or(text);
    if (node != NULL && text->kind != TOKEN_CLOSE) {
        (void)refuse(text, "'and', 'or' or ')'");
        return finish(node, false);
    }
    next(text);
    return node;
}

static struct node *read_unary(struct text *text);

static struct node *read_not(struct text *text)
{
    struct node *node = node_new(text->build, NODE_NOR);

    next(text);
    return node == NULL
               ? NULL
               : finish(node, node_add(text->build, node, read_unary(text)));
}

static struct node *read_unary(struct text *text)
{
    struct node *node;

    if (++text->build->depth > FILTER_DEPTH_MAX) {
        (void)build_refuse(text->build, ERR_LIMIT,
                           "column %zu: nested deeper than %d", column(text),
                           FILTER_DEPTH_MAX);
        return NULL;
    }
    node = is_word(text, "not")       ? read_not(text)
           : text->kind == TOKEN_OPEN ? read_parentheses(text)
                                      : read_condition(text);
    text->build->depth--;
    return node;
}

/* Operands joined by one word, "and" or "or". */
static struct node *read_joined(struct text *text, enum node_op op,
                                const char *word,
                                struct node *(*read)(struct text *text))
{
    struct node *node = node_new(text->build, op);
    bool ok = node != NULL && node_add(text->build, node, read(text));

    while (ok && is_word(text, word)) {
        next(text);
        ok = node_add(text->build, node, read(text));
    }
    return ok ? node_simplify(text->build, node) : finish(node, false);
}

static struct node *read_and(struct text *text)
{
    return read_joined(text, NODE_AND, "and", read_unary);
}

static struct node *read_or(struct text *text)
{
    return read_joined(text, NODE_OR, "or", read_and);
}

struct node *filter_read_text(struct filter_build *build, const char *start)
{
    struct text text = {.build = build, .start = start, .at = start};
    struct node *node;

    buf_init(&text.word, FILTER_TEXT_MAX);
    next(&text);
    if (text.kind == TOKEN_END) {
        node = node_new(build, NODE_AND);
    } else {
        node = read_or(&text);
    }
    if (node != NULL && text.kind != TOKEN_END) {
        (void)refuse(&text, "'and', 'or' or the end");
        node = finish(node, false);
    }
    buf_fini(&text.word);
    return node;
}
