/* SPDX-License-Identifier: Apache-2.0 */
/** A parsed template: shared by the parts of this folder only. */
#ifndef HYP_TEMPLATE_TEMPLATE_TREE_H
#define HYP_TEMPLATE_TEMPLATE_TREE_H

#include "common/base/zone.h"
#include "common/template/template.h"

enum helper_type {
    HELPER_DATE,
    HELPER_DEFAULT,
    HELPER_JSON,
    HELPER_LOWER,
    HELPER_STATE,
    HELPER_TRUNCATE,
    HELPER_UPPER,
    HELPER_URL
};

/* One helper with its arguments. */
struct call {
    enum helper_type type;
    int64_t number;   /* of truncate */
    const char *text; /* of default; the format of date */
    struct zone *zone;
};

enum node_type {
    NODE_TEXT,
    NODE_VALUE,
    NODE_SECTION, /* its body ends before the node `end` */
    NODE_INVERTED
};

struct node {
    enum node_type type;
    const char *text; /* of a text; else the name, with its NUL */
    size_t len;
    bool literal; /* a value in quotes: text is what it is */
    struct call *calls;
    size_t n_calls;
    size_t end;
    size_t depth; /* sections around it */
};

struct template
{
    char *own; /* texts live in it */
    struct node *nodes;
    size_t n, cap;
};

/* Where one stands in a template that is parsed. */
struct template_reader {
    const char *source; /* as it came: what was read is changed */
    char *start, *at, *end;
    struct errbuf *why;
    enum err err;
};

__attribute__((format(printf, 3, 4))) bool
template_refuse(struct template_reader *reader, const char *at,
                const char *format, ...);
void template_skip_blanks(struct template_reader *reader);
/* "text" with \" and \\ in it, made plain in its place. */
bool template_take_quoted(struct template_reader *reader, const char **text);

/* Read the helper behind a bar, with its arguments. */
bool helper_take(struct template_reader *reader, struct call *call);
void helper_fini(struct call *call);

/* What a value goes through: texts that helpers make live in room, by turns. */
struct helper_room {
    struct buf room[2];
    size_t turn;
    bool is_json; /* what came last is JSON already */
};

/* Put the value through the helper. ERR_LIMIT: it becomes too large. */
MUST_CHECK enum err helper_apply(const struct call *call,
                                 struct helper_room *room,
                                 struct doc_value *value);
/* A value as text, appended. */
void helper_add_text(const struct doc_value *value, struct buf *out);

#endif
