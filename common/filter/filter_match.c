/* SPDX-License-Identifier: Apache-2.0 */
/** Deciding on a document, as MongoDB would. */
#include <string.h>

#include "common/filter/filter_tree.h"

/* What a node is decided on: a document, or one element of an array. */
struct scope {
    const struct filter *filter;
    struct doc doc;
    bool root;                       /* fields may also be under extra */
    const struct doc_value *element; /* of an elemMatch */
};

/* One operator and operand, asked of every value that a path leads to. */
struct probe {
    const struct filter *filter;
    const struct node *node;
    enum node_op op;
    struct doc_value operand;
};

static const struct doc_value missing = {.type = DOC_MISSING};

static bool match_node(const struct node *node, const struct scope *scope);

/* Values of one class compare with each other only. */
static unsigned class_of(enum doc_type type)
{
    static const unsigned classes[] = {
        [DOC_MISSING] = TYPE_NULL,  [DOC_NULL] = TYPE_NULL,
        [DOC_BOOL] = TYPE_BOOL,     [DOC_INT] = TYPE_NUMBER,
        [DOC_DOUBLE] = TYPE_NUMBER, [DOC_STRING] = TYPE_STRING,
        [DOC_BYTES] = TYPE_BYTES,   [DOC_DOC] = TYPE_OBJECT,
        [DOC_ARRAY] = TYPE_ARRAY,
    };

    return classes[type];
}

static bool nested_equal(struct doc a, struct doc b);

static bool values_equal(const struct doc_value *a, const struct doc_value *b)
{
    if (class_of(a->type) != class_of(b->type)) {
        return false;
    }
    if (a->type == DOC_DOC || a->type == DOC_ARRAY) {
        return nested_equal(a->u.doc, b->u.doc);
    }
    return doc_compare(a, b) == 0;
}

/* The same members in the same order; 1 and 1.0 are the same. */
static bool nested_equal(struct doc a, struct doc b)
{
    struct doc_iter at_a;
    struct doc_iter at_b;
    struct doc_value value_a;
    struct doc_value value_b;
    const char *key_a;
    const char *key_b;

    doc_iter_init(&at_a, a);
    doc_iter_init(&at_b, b);
    while (doc_next(&at_a, &key_a, &value_a)) {
        if (!doc_next(&at_b, &key_b, &value_b) || strcmp(key_a, key_b) != 0 ||
            !values_equal(&value_a, &value_b)) {
            return false;
        }
    }
    return !doc_next(&at_b, &key_b, &value_b);
}

static bool in_list(struct doc list, const struct doc_value *value)
{
    struct doc_iter it;
    struct doc_value item;
    const char *index;

    doc_iter_init(&it, list);
    while (doc_next(&it, &index, &item)) {
        if (values_equal(&item, value)) {
            return true;
        }
    }
    return false;
}

/* A pattern that passes the limits does not match. */
static bool regex_matches(const struct probe *probe,
                          const struct doc_value *value)
{
    const struct filter *filter = probe->filter;

    return value->type == DOC_STRING &&
           pcre2_match(probe->node->regex, (PCRE2_SPTR)value->u.s.text,
                       value->u.s.len, 0, PCRE2_NO_UTF_CHECK,
                       filter->room.match, filter->room.limits) >= 0;
}

static bool element_matches(const struct probe *probe,
                            const struct doc_value *element)
{
    struct scope scope = {.filter = probe->filter, .element = element};
    const struct node *kid = probe->node->kids[0];

    if (node_is_element(kid)) {
        return match_node(kid, &scope);
    }
    if (element->type != DOC_DOC && element->type != DOC_ARRAY) {
        return false;
    }
    scope.doc = element->u.doc;
    return match_node(kid, &scope);
}

static bool any_element_matches(const struct probe *probe,
                                const struct doc_value *value)
{
    struct doc_iter it;
    struct doc_value element;
    const char *index;

    if (value->type != DOC_ARRAY) {
        return false;
    }
    doc_iter_init(&it, value->u.doc);
    while (doc_next(&it, &index, &element)) {
        if (element_matches(probe, &element)) {
            return true;
        }
    }
    return false;
}

static bool in_order(const struct probe *probe, const struct doc_value *value)
{
    int order;

    if (class_of(value->type) != class_of(probe->operand.type)) {
        return false;
    }
    order = doc_compare(value, &probe->operand);
    return probe->op == NODE_GT    ? order > 0
           : probe->op == NODE_GTE ? order >= 0
           : probe->op == NODE_LT  ? order < 0
                                   : order <= 0;
}

/* Whether this one value satisfies the operator, not looking into arrays
 * but for the operators that speak of arrays. */
static bool value_satisfies(const struct probe *probe,
                            const struct doc_value *value)
{
    switch (probe->op) {
    case NODE_EQ:
        return values_equal(value, &probe->operand);
    case NODE_GT:
    case NODE_GTE:
    case NODE_LT:
    case NODE_LTE:
        return in_order(probe, value);
    case NODE_IN:
        return in_list(probe->operand.u.doc, value);
    case NODE_EXISTS:
        return value->type != DOC_MISSING;
    case NODE_TYPE:
        return value->type != DOC_MISSING &&
               (class_of(value->type) & probe->node->types) != 0;
    case NODE_REGEX:
        return regex_matches(probe, value);
    case NODE_SIZE:
        return value->type == DOC_ARRAY &&
               doc_count(value->u.doc) == (size_t)probe->operand.u.i;
    case NODE_ELEM:
        return any_element_matches(probe, value);
    case NODE_AND:
    case NODE_OR:
    case NODE_NOR:
    case NODE_NE:
    case NODE_NIN:
    case NODE_ALL:
    case NODE_NOT:
    case NODE_N_OPS:
    default:
        BUG_IF(true); /* match_condition asks for the plain ones */
    }
}

/* At the end of a path: an array answers for itself or by any element. */
static bool leaf_satisfies(const struct probe *probe,
                           const struct doc_value *value)
{
    struct doc_iter it;
    struct doc_value element;
    const char *index;

    if (value_satisfies(probe, value)) {
        return true;
    }
    if (value->type != DOC_ARRAY || probe->op == NODE_SIZE ||
        probe->op == NODE_ELEM) {
        return false;
    }
    doc_iter_init(&it, value->u.doc);
    while (doc_next(&it, &index, &element)) {
        if (value_satisfies(probe, &element)) {
            return true;
        }
    }
    return false;
}

static bool path_satisfies(const struct probe *probe,
                           const struct doc_value *value,
                           char *const *segments);

static bool indexed_satisfies(const struct probe *probe,
                              const struct doc_value *element,
                              char *const *rest)
{
    if (rest[0] == NULL) {
        return value_satisfies(probe, element);
    }
    return (element->type == DOC_DOC || element->type == DOC_ARRAY) &&
           path_satisfies(probe, element, rest);
}

/* A path through an array: the element of that number, and every document;
 * a scalar element leads nowhere, not even to a missing value. */
static bool array_satisfies(const struct probe *probe, struct doc array,
                            char *const *segments)
{
    struct doc_iter it;
    struct doc_value element;
    const char *index;

    doc_iter_init(&it, array);
    while (doc_next(&it, &index, &element)) {
        if (strcmp(index, segments[0]) == 0 &&
            indexed_satisfies(probe, &element, segments + 1)) {
            return true;
        }
        if (element.type == DOC_DOC &&
            path_satisfies(probe, &element, segments)) {
            return true;
        }
    }
    return false;
}

static bool path_satisfies(const struct probe *probe,
                           const struct doc_value *value, char *const *segments)
{
    struct doc_value member;

    if (segments[0] == NULL) {
        return leaf_satisfies(probe, value);
    }
    if (value->type == DOC_ARRAY) {
        return array_satisfies(probe, value->u.doc, segments);
    }
    if (value->type != DOC_DOC ||
        !doc_get(value->u.doc, segments[0], &member)) {
        return value_satisfies(probe, &missing);
    }
    return path_satisfies(probe, &member, segments + 1);
}

static bool field_satisfies(const struct probe *probe,
                            const struct scope *scope)
{
    char *const *segments = probe->node->segments;
    struct doc_value start = {.type = DOC_DOC, .u.doc = scope->doc};
    struct doc_value member;

    if (segments == NULL) {
        BUG_IF(scope->element == NULL); /* the parser allows no other */
        return value_satisfies(probe, scope->element);
    }
    if (scope->root && !doc_get(scope->doc, segments[0], &member)) {
        start.u.doc = doc_sub(scope->doc, "extra");
    }
    return path_satisfies(probe, &start, segments);
}

static bool ask(const struct node *node, const struct scope *scope,
                enum node_op op)
{
    struct probe probe = {.filter = scope->filter,
                          .node = node,
                          .op = op,
                          .operand = node->value};

    return field_satisfies(&probe, scope);
}

static bool all_kids(const struct node *node, const struct scope *scope)
{
    for (size_t i = 0; i < node->n_kids; i++) {
        if (!match_node(node->kids[i], scope)) {
            return false;
        }
    }
    return true;
}

static bool any_kid(const struct node *node, const struct scope *scope)
{
    for (size_t i = 0; i < node->n_kids; i++) {
        if (match_node(node->kids[i], scope)) {
            return true;
        }
    }
    return false;
}

/* Each listed value is found; an empty list matches nothing. */
static bool all_values(const struct node *node, const struct scope *scope)
{
    struct probe probe = {.filter = scope->filter, .node = node, .op = NODE_EQ};
    struct doc_iter it;
    const char *index;
    bool any = false;

    doc_iter_init(&it, node->value.u.doc);
    while (doc_next(&it, &index, &probe.operand)) {
        if (!field_satisfies(&probe, scope)) {
            return false;
        }
        any = true;
    }
    return any;
}

static bool match_node(const struct node *node, const struct scope *scope)
{
    switch (node->op) {
    case NODE_AND:
        return all_kids(node, scope);
    case NODE_OR:
        return any_kid(node, scope);
    case NODE_NOR:
    case NODE_NOT:
        return !any_kid(node, scope);
    case NODE_NE:
        return !ask(node, scope, NODE_EQ);
    case NODE_NIN:
        return !ask(node, scope, NODE_IN);
    case NODE_ALL:
        return node->n_kids > 0 ? all_kids(node, scope)
                                : all_values(node, scope);
    case NODE_EXISTS:
        return ask(node, scope, NODE_EXISTS) == node->value.u.b;
    case NODE_EQ:
    case NODE_GT:
    case NODE_GTE:
    case NODE_LT:
    case NODE_LTE:
    case NODE_IN:
    case NODE_TYPE:
    case NODE_REGEX:
    case NODE_SIZE:
    case NODE_ELEM:
    case NODE_N_OPS:
    default:
        return ask(node, scope, node->op);
    }
}

bool filter_match(const struct filter *filter, struct doc doc)
{
    struct scope scope = {.filter = filter, .doc = doc, .root = true};

    return filter == NULL || match_node(filter->root, &scope);
}
