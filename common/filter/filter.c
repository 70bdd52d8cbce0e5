/* SPDX-License-Identifier: Apache-2.0 */
/** Filters: made from either form, freed, and what of them narrows a scan. */
#include "common/filter/filter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/filter/filter_tree.h"

static void build_init(struct filter_build *build, struct errbuf *why)
{
    *build = (struct filter_build){.scratch = doc_out_new(), .why = why};
    buf_init(&build->where, FILTER_WHERE_MAX);
}

static bool check_size(struct filter_build *build, const struct node *root)
{
    if (node_depth(root) > FILTER_DEPTH_MAX) {
        return build_refuse(build, ERR_LIMIT, "nested deeper than %d",
                            FILTER_DEPTH_MAX);
    }
    return build_check_count(build, FILTER_NODES_MAX);
}

/* Takes root; ends the build. */
static enum err build_finish(struct filter_build *build, struct node *root,
                             struct filter **out)
{
    buf_clear(&build->where);
    if (root != NULL && !check_size(build, root)) {
        node_free(root);
        root = NULL;
    }
    if (root != NULL) {
        *out = xcalloc(1, sizeof **out);
        (*out)->root = root;
        if (build->has_regex) {
            regex_room_init(&(*out)->room, 1);
        }
    }
    buf_fini(&build->where);
    doc_out_free(build->scratch);
    BUG_IF(root == NULL && build->err == ERR_OK);
    return build->err;
}

enum err filter_from_doc(struct doc doc, struct filter **out,
                         struct errbuf *why)
{
    struct filter_build build;

    *out = NULL;
    build_init(&build, why);
    return build_finish(&build, filter_read_doc(&build, doc), out);
}

static enum err parse_json(const char *text, struct filter **out,
                           struct errbuf *why)
{
    struct doc_out *json = doc_out_new();
    struct doc doc;
    enum err err = doc_from_json(text, strlen(text), json, &doc, why);

    if (err == ERR_OK) {
        err = filter_from_doc(doc, out, why);
    }
    doc_out_free(json);
    return err;
}

enum err filter_parse(const char *text, struct filter **out, struct errbuf *why)
{
    struct filter_build build;
    size_t len = strlen(text);

    *out = NULL;
    if (len > FILTER_TEXT_MAX) {
        errbuf_set(why, "filter larger than %d bytes", FILTER_TEXT_MAX);
        return ERR_LIMIT;
    }
    if (!utf8_valid(text, len)) {
        errbuf_set(why, "filter is not UTF-8");
        return ERR_INVALID;
    }
    if (text[strspn(text, " \t\r\n")] == '{') {
        return parse_json(text, out, why);
    }
    build_init(&build, why);
    return build_finish(&build, filter_read_text(&build, text), out);
}

void filter_free(struct filter *filter)
{
    if (filter == NULL) {
        return;
    }
    node_free(filter->root);
    regex_room_fini(&filter->room);
    free(filter);
}

static bool is_pushable(const struct doc_value *value)
{
    return value->type == DOC_BOOL || value->type == DOC_INT ||
           value->type == DOC_STRING ||
           (value->type == DOC_DOUBLE && isfinite(value->u.d));
}

static bool all_pushable(struct doc list)
{
    struct doc_iter it;
    struct doc_value value;
    const char *index;

    doc_iter_init(&it, list);
    while (doc_next(&it, &index, &value)) {
        if (!is_pushable(&value)) {
            return false;
        }
    }
    return true;
}

/* The plain operator that a store understands; false when there is none. */
static bool push_op(const struct node *node, enum filter_op *op)
{
    static const struct {
        enum node_op node;
        enum filter_op op;
    } ops[] = {
        {NODE_EQ, FILTER_EQ}, {NODE_GT, FILTER_GT},   {NODE_GTE, FILTER_GTE},
        {NODE_LT, FILTER_LT}, {NODE_LTE, FILTER_LTE},
    };

    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        if (ops[i].node == node->op) {
            *op = ops[i].op;
            return is_pushable(&node->value);
        }
    }
    *op = FILTER_IN;
    return node->op == NODE_IN && all_pushable(node->value.u.doc);
}

/* Whether what matches is never null. */
static bool implies_exists(const struct node *node)
{
    return (node->op == NODE_NE && node->value.type == DOC_NULL) ||
           node->op == NODE_REGEX ||
           (node->op == NODE_TYPE && (node->types & TYPE_NULL) == 0);
}

static bool push_node(const struct node *node, struct filter_cond *cond)
{
    *cond = (struct filter_cond){.field = node->path, .value = node->value};
    if (node->path == NULL) {
        return false;
    }
    if (push_op(node, &cond->op)) {
        return true;
    }
    cond->op = FILTER_EXISTS;
    cond->value = (struct doc_value){.type = DOC_MISSING};
    return implies_exists(node);
}

size_t filter_pushdown(const struct filter *filter,
                       struct filter_cond conds[FILTER_PUSH_MAX])
{
    const struct node *root = filter != NULL ? filter->root : NULL;
    size_t n = 0;

    if (root == NULL || root->op != NODE_AND) {
        return root != NULL && push_node(root, &conds[0]) ? 1 : 0;
    }
    for (size_t i = 0; i < root->n_kids && n < FILTER_PUSH_MAX; i++) {
        n += push_node(root->kids[i], &conds[n]) ? 1 : 0;
    }
    return n;
}
