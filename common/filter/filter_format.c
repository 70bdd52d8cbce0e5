/* SPDX-License-Identifier: Apache-2.0 */
/** A filter as canonical JSON and as an indented tree. */
#include <string.h>

#include "common/filter/filter_tree.h"

enum {
    INDENT = 2
};

static void write_object(const struct node *node, struct buf *out);
static void write_operators(struct node *const *nodes, size_t n,
                            struct buf *out);

static void write_name(const char *name, struct buf *out)
{
    struct doc_value value = {.type = DOC_STRING};

    value.u.s.text = name;
    value.u.s.len = (uint32_t)strlen(name);
    doc_value_to_json(&value, out);
    buf_add_char(out, ':');
}

static void write_types(unsigned types, struct buf *out)
{
    bool several = (types & (types - 1)) != 0;
    bool first = true;

    buf_add_str(out, several ? "[" : "");
    for (unsigned bit = TYPE_NUMBER; bit <= TYPE_NULL; bit <<= 1) {
        if ((types & bit) != 0) {
            buf_addf(out, "%s\"%s\"", first ? "" : ",", filter_type_name(bit));
            first = false;
        }
    }
    buf_add_str(out, several ? "]" : "");
}

/* The one kid of node as an object of operators. */
static void write_kid_operators(const struct node *node, struct buf *out)
{
    const struct node *kid = node->kids[0];

    if (kid->op == NODE_AND) {
        write_operators(kid->kids, kid->n_kids, out);
    } else {
        write_operators(node->kids, 1, out);
    }
}

static void write_elem_operand(const struct node *node, struct buf *out)
{
    if (node_is_element(node->kids[0])) {
        write_kid_operators(node, out);
    } else {
        write_object(node->kids[0], out);
    }
}

static void write_all_kids(const struct node *node, struct buf *out)
{
    for (size_t i = 0; i < node->n_kids; i++) {
        buf_add_str(out, i == 0 ? "[{\"$elemMatch\":" : ",{\"$elemMatch\":");
        write_elem_operand(node->kids[i], out);
        buf_add_char(out, '}');
    }
    buf_add_char(out, ']');
}

static void write_operand(const struct node *node, struct buf *out)
{
    if (node->op == NODE_TYPE) {
        write_types(node->types, out);
    } else if (node->op == NODE_ELEM) {
        write_elem_operand(node, out);
    } else if (node->op == NODE_NOT) {
        write_kid_operators(node, out);
    } else if (node->op == NODE_ALL && node->n_kids > 0) {
        write_all_kids(node, out);
    } else {
        doc_value_to_json(&node->value, out);
    }
}

/* {"$gte":2,"$lt":5} */
static void write_operators(struct node *const *nodes, size_t n,
                            struct buf *out)
{
    buf_add_char(out, '{');
    for (size_t i = 0; i < n; i++) {
        buf_add_str(out, i == 0 ? "" : ",");
        write_name(node_op_name(nodes[i]->op), out);
        write_operand(nodes[i], out);
        if (nodes[i]->options[0] != '\0') {
            buf_addf(out, ",\"$options\":\"%s\"", nodes[i]->options);
        }
    }
    buf_add_char(out, '}');
}

/* How many conditions from the first on share its path, no operator twice. */
static size_t run_length(struct node *const *nodes, size_t n)
{
    unsigned seen = 0;

    for (size_t i = 0; i < n; i++) {
        unsigned bit = 1U << nodes[i]->op;

        if (nodes[i]->path == NULL || (seen & bit) != 0 ||
            strcmp(nodes[i]->path, nodes[0]->path) != 0) {
            return i;
        }
        seen |= bit;
    }
    return n;
}

/* "state":{"$gte":2}, or "state":2. */
static void write_run(struct node *const *nodes, size_t n, struct buf *out)
{
    const struct doc_value *value = &nodes[0]->value;

    write_name(nodes[0]->path, out);
    if (n == 1 && nodes[0]->op == NODE_EQ && value->type != DOC_DOC &&
        value->type != DOC_ARRAY) {
        doc_value_to_json(value, out);
    } else {
        write_operators(nodes, n, out);
    }
}

/* Whether the and can be one object: conditions only, each path once. */
static bool is_plain(const struct node *and)
{
    size_t run;

    for (size_t i = 0; i < and->n_kids; i += run) {
        run = run_length(and->kids + i, and->n_kids - i);
        if (run == 0) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(and->kids[j]->path, and->kids[i]->path) == 0) {
                return false;
            }
        }
    }
    return true;
}

static void write_plain(const struct node *and, struct buf *out)
{
    size_t run;

    buf_add_char(out, '{');
    for (size_t i = 0; i < and->n_kids; i += run) {
        run = run_length(and->kids + i, and->n_kids - i);
        buf_add_str(out, i == 0 ? "" : ",");
        write_run(and->kids + i, run, out);
    }
    buf_add_char(out, '}');
}

static void write_connective(const struct node *node, struct buf *out)
{
    buf_add_char(out, '{');
    write_name(node_op_name(node->op), out);
    for (size_t i = 0; i < node->n_kids; i++) {
        buf_add_char(out, i == 0 ? '[' : ',');
        write_object(node->kids[i], out);
    }
    buf_add_str(out, "]}");
}

static void write_object(const struct node *node, struct buf *out)
{
    struct node self = *node;
    struct node *nodes[] = {&self};

    if (node->op == NODE_AND && is_plain(node)) {
        write_plain(node, out);
    } else if (node->path == NULL) {
        write_connective(node, out);
    } else {
        buf_add_char(out, '{');
        write_run(nodes, 1, out);
        buf_add_char(out, '}');
    }
}

void filter_format(const struct filter *filter, struct buf *out)
{
    if (filter == NULL) {
        buf_add_str(out, "{}");
    } else {
        write_object(filter->root, out);
    }
}

static const char *connective_text(const struct node *node)
{
    if (node->op == NODE_AND) {
        return node->n_kids > 0 ? "all of" : "everything";
    }
    if (node->op == NODE_OR) {
        return "any of";
    }
    return node->n_kids > 1 ? "none of" : "not";
}

static void explain_node(const struct node *node, int depth, struct buf *out)
{
    bool walk =
        node->path == NULL || node->op == NODE_ELEM || node->op == NODE_NOT;

    buf_addf(out, "%*s", depth * INDENT, "");
    if (node->path != NULL) {
        buf_addf(out, "%s ", node->path[0] != '\0' ? node->path : "element");
    }
    buf_add_str(out, node->path == NULL ? connective_text(node)
                                        : node_op_name(node->op) + 1);
    if (!walk) {
        buf_add_char(out, ' ');
        write_operand(node, out);
    }
    if (node->options[0] != '\0') {
        buf_addf(out, " (options %s)", node->options);
    }
    buf_add_char(out, '\n');
    for (size_t i = 0; walk && i < node->n_kids; i++) {
        explain_node(node->kids[i], depth + 1, out);
    }
}

void filter_explain(const struct filter *filter, struct buf *out)
{
    if (filter == NULL) {
        buf_add_str(out, "everything\n");
    } else {
        explain_node(filter->root, 0, out);
    }
}
