/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The filter language: MongoDB-style JSON, or a short text form, parsed into
 * one tree. One matcher decides on events and stored rows alike; the part
 * that both databases answer alike can be pushed down to narrow a scan.
 */
#ifndef HYP_FILTER_FILTER_H
#define HYP_FILTER_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/doc/doc.h"

enum {
    FILTER_DEPTH_MAX = 32,
    FILTER_NODES_MAX = 1000,
    FILTER_PUSH_MAX = 16,
    FILTER_LITERAL_MAX = 64
};

struct filter;

/** Parse either form (text that starts with '{' is JSON; empty text matches
 *  everything). ERR_INVALID: why names the path or column and what was
 *  expected; ERR_LIMIT: too deep or too many nodes. Gives *out. */
MUST_CHECK enum err filter_parse(const char *text, struct filter **out,
                                 struct errbuf *why);
/** From an already parsed document (a rule's field). */
MUST_CHECK enum err filter_from_doc(struct doc doc, struct filter **out,
                                    struct errbuf *why);
void filter_free(struct filter *filter);
/** Pure: same answer for the same document everywhere. NULL matches all. */
bool filter_match(const struct filter *filter, struct doc doc);
/** The canonical JSON form; filter_parse of it gives an equal tree. */
void filter_format(const struct filter *filter, struct buf *out);
/** The tree, one node a line, indented: what `hyp filter check` shows. */
void filter_explain(const struct filter *filter, struct buf *out);

enum filter_op {
    FILTER_EQ,
    FILTER_IN,
    FILTER_GT,
    FILTER_GTE,
    FILTER_LT,
    FILTER_LTE,
    FILTER_EXISTS /**< the field is there and not null */
};

/** One condition of a conjunction that every matching row satisfies. */
struct filter_cond {
    const char *field; /**< dotted path */
    enum filter_op op;
    struct doc_value value; /**< FILTER_IN: a DOC_ARRAY of scalars */
};

/** Conditions implied by the filter (strings, numbers and bools only; no
 *  nulls): every matching document whose field is a scalar satisfies all.
 *  Borrowed from the filter; returns how many were written. */
size_t filter_pushdown(const struct filter *filter,
                       struct filter_cond conds[FILTER_PUSH_MAX]);

/** A text without which a regular expression cannot match. */
struct filter_literal {
    const char *field; /**< dotted path, borrowed from the filter */
    char text[FILTER_LITERAL_MAX];
    size_t len;
};

/** Texts that a conjunction needs: each matching document whose field is a
 *  string has the text in it. Returns how many were written. */
size_t filter_literals(const struct filter *filter,
                       struct filter_literal literals[FILTER_PUSH_MAX]);

#endif
