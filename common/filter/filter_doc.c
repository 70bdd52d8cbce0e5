/* SPDX-License-Identifier: Apache-2.0 */
/** Reading the JSON form of a filter, which came as a document. */
#include <math.h>
#include <string.h>

#include "common/filter/filter_tree.h"

/* The field that an operator speaks of. */
struct field {
    const char *path;
    size_t len;
};

static const struct field element_itself = {"", 0};

static struct node *read_object(struct filter_build *build, struct doc doc);
static struct node *read_operators(struct filter_build *build,
                                   const struct field *field, struct doc doc);

static struct node *refuse(struct filter_build *build, const char *expected)
{
    (void)build_refuse(build, ERR_INVALID, "expected %s", expected);
    return NULL;
}

/* Go into a member; returns what where_leave needs. */
static size_t where_enter(struct filter_build *build, const char *key)
{
    size_t mark = build->where.len;

    buf_add_str(&build->where, mark > 0 ? "." : "");
    buf_add_str(&build->where, key);
    return mark;
}

static size_t where_enter_item(struct filter_build *build, const char *index)
{
    size_t mark = build->where.len;

    buf_addf(&build->where, "[%s]", index);
    return mark;
}

static void where_leave(struct filter_build *build, size_t mark)
{
    buf_truncate(&build->where, mark);
}

static bool go_deeper(struct filter_build *build)
{
    if (++build->depth > FILTER_DEPTH_MAX) {
        return build_refuse(build, ERR_LIMIT, "nested deeper than %d",
                            FILTER_DEPTH_MAX);
    }
    return true;
}

/* Whether the first name of a document is an operator. */
static bool has_operators(const struct doc_value *value)
{
    struct doc_iter it;
    struct doc_value member;
    const char *key;

    if (value->type != DOC_DOC) {
        return false;
    }
    doc_iter_init(&it, value->u.doc);
    return doc_next(&it, &key, &member) && key[0] == '$';
}

static bool read_kids(struct filter_build *build, struct node *node,
                      struct doc array)
{
    struct doc_iter it;
    struct doc_value value;
    const char *index;
    bool ok = true;

    doc_iter_init(&it, array);
    while (ok && doc_next(&it, &index, &value)) {
        size_t mark = where_enter_item(build, index);

        ok = node_add(build, node,
                      value.type == DOC_DOC ? read_object(build, value.u.doc)
                                            : refuse(build, "an object"));
        where_leave(build, mark);
    }
    return ok;
}

static struct node *read_connective(struct filter_build *build, enum node_op op,
                                    const struct doc_value *value)
{
    struct node *node;

    if (value->type != DOC_ARRAY || doc_count(value->u.doc) == 0) {
        return refuse(build, "an array of at least one object");
    }
    node = node_new(build, op);
    if (node != NULL && !read_kids(build, node, value->u.doc)) {
        node_free(node);
        return NULL;
    }
    return node != NULL ? node_simplify(build, node) : NULL;
}

static struct node *read_not_object(struct filter_build *build,
                                    const struct doc_value *value)
{
    struct node *node;

    if (value->type != DOC_DOC) {
        return refuse(build, "an object");
    }
    node = node_new(build, NODE_NOR);
    if (node != NULL &&
        !node_add(build, node, read_object(build, value->u.doc))) {
        node_free(node);
        return NULL;
    }
    return node;
}

static bool is_scalar(const struct doc_value *value)
{
    return value->type != DOC_DOC && value->type != DOC_ARRAY &&
           value->type != DOC_BYTES &&
           (value->type != DOC_DOUBLE || isfinite(value->u.d));
}

static struct node *read_value(struct filter_build *build, enum node_op op,
                               const struct field *field,
                               const struct doc_value *value)
{
    struct node *node = node_new_at(build, op, field->path, field->len);

    if (node != NULL) {
        node_set_value(build, node, value);
    }
    return node;
}

static bool check_list(struct filter_build *build, struct doc list)
{
    struct doc_iter it;
    struct doc_value value;
    const char *index;

    doc_iter_init(&it, list);
    while (doc_next(&it, &index, &value)) {
        if (has_operators(&value)) {
            return refuse(build, "values, not operators") != NULL;
        }
    }
    return build_count(build, doc_count(list));
}

static struct node *read_list(struct filter_build *build, enum node_op op,
                              const struct field *field,
                              const struct doc_value *value)
{
    if (value->type != DOC_ARRAY) {
        return refuse(build, "an array");
    }
    if (!check_list(build, value->u.doc)) {
        return NULL;
    }
    return read_value(build, op, field, value);
}

static struct node *read_elem(struct filter_build *build,
                              const struct field *field,
                              const struct doc_value *value)
{
    struct doc_value first = {.type = DOC_MISSING};
    struct node *node;
    struct node *kid;
    bool object = !has_operators(value);

    if (value->type != DOC_DOC) {
        return refuse(build, "an object");
    }
    object = object || doc_get(value->u.doc, "$and", &first) ||
             doc_get(value->u.doc, "$or", &first) ||
             doc_get(value->u.doc, "$nor", &first);
    node = node_new_at(build, NODE_ELEM, field->path, field->len);
    if (node == NULL) {
        return NULL;
    }
    kid = object ? read_object(build, value->u.doc)
                 : read_operators(build, &element_itself, value->u.doc);
    if (!node_add(build, node, kid)) {
        node_free(node);
        return NULL;
    }
    return node;
}

/* One item of {"$all": [{"$elemMatch": ...}, ...]}. */
static struct node *read_all_item(struct filter_build *build,
                                  const struct field *field,
                                  const struct doc_value *item)
{
    struct doc_value match;

    if (item->type != DOC_DOC || doc_count(item->u.doc) != 1 ||
        !doc_get(item->u.doc, "$elemMatch", &match)) {
        return refuse(build, "only values or only $elemMatch objects");
    }
    return read_elem(build, field, &match);
}

static struct node *read_all(struct filter_build *build,
                             const struct field *field,
                             const struct doc_value *value)
{
    struct doc_iter it;
    struct doc_value item;
    const char *index;
    struct node *node;

    doc_iter_init(&it, value->type == DOC_ARRAY ? value->u.doc
                                                : (struct doc){NULL, 0});
    if (!doc_next(&it, &index, &item) || !has_operators(&item)) {
        return read_list(build, NODE_ALL, field, value);
    }
    node = node_new_at(build, NODE_ALL, field->path, field->len);
    if (node == NULL) {
        return NULL;
    }
    do {
        if (!node_add(build, node, read_all_item(build, field, &item))) {
            node_free(node);
            return NULL;
        }
    } while (doc_next(&it, &index, &item));
    return node;
}

static struct node *read_exists(struct filter_build *build,
                                const struct field *field,
                                const struct doc_value *value)
{
    struct doc_value wanted = {.type = DOC_BOOL};

    if (value->type == DOC_BOOL) {
        wanted.u.b = value->u.b;
    } else if (value->type == DOC_INT) {
        wanted.u.b = value->u.i != 0;
    } else {
        return refuse(build, "true or false");
    }
    return read_value(build, NODE_EXISTS, field, &wanted);
}

static unsigned read_types(const struct doc_value *value)
{
    struct doc_iter it;
    struct doc_value item;
    const char *index;
    unsigned types = 0;

    if (value->type != DOC_ARRAY) {
        return filter_type_bit(value);
    }
    doc_iter_init(&it, value->u.doc);
    while (doc_next(&it, &index, &item)) {
        unsigned bit = filter_type_bit(&item);

        if (bit == 0) {
            return 0;
        }
        types |= bit;
    }
    return types;
}

static struct node *read_type(struct filter_build *build,
                              const struct field *field,
                              const struct doc_value *value)
{
    unsigned types = read_types(value);
    struct node *node;

    if (types == 0) {
        return refuse(build, "number, string, object, array, binData, bool or "
                             "null, or an array of these");
    }
    node = node_new_at(build, NODE_TYPE, field->path, field->len);
    if (node != NULL) {
        node->types = types;
    }
    return node;
}

static struct node *read_size(struct filter_build *build,
                              const struct field *field,
                              const struct doc_value *value)
{
    if (value->type != DOC_INT || value->u.i < 0) {
        return refuse(build, "a whole number, 0 or more");
    }
    return read_value(build, NODE_SIZE, field, value);
}

static bool read_options(struct filter_build *build, struct doc doc,
                         struct node *node)
{
    struct doc_value value;
    size_t n = 0;

    if (!doc_get(doc, "$options", &value)) {
        return true;
    }
    if (value.type != DOC_STRING ||
        strspn(value.u.s.text, "imsx") != value.u.s.len) {
        return refuse(build, "$options of the letters i, m, s, x") != NULL;
    }
    for (const char *known = "imsx"; *known != '\0'; known++) {
        if (strchr(value.u.s.text, *known) != NULL) {
            node->options[n++] = *known;
        }
    }
    return true;
}

static struct node *read_regex(struct filter_build *build,
                               const struct field *field, struct doc doc,
                               const struct doc_value *value)
{
    struct node *node;

    if (value->type != DOC_STRING) {
        return refuse(build, "a pattern as text");
    }
    node = read_value(build, NODE_REGEX, field, value);
    if (node != NULL &&
        (!read_options(build, doc, node) || !node_compile(build, node))) {
        node_free(node);
        return NULL;
    }
    return node;
}

static struct node *read_not(struct filter_build *build,
                             const struct field *field,
                             const struct doc_value *value)
{
    struct node *node;

    if (!has_operators(value)) {
        return refuse(build, "an object of operators");
    }
    node = node_new_at(build, NODE_NOT, field->path, field->len);
    if (node != NULL &&
        !node_add(build, node, read_operators(build, field, value->u.doc))) {
        node_free(node);
        return NULL;
    }
    return node;
}

static struct node *read_range(struct filter_build *build, enum node_op op,
                               const struct field *field,
                               const struct doc_value *value)
{
    if (!is_scalar(value)) {
        return refuse(build, "a number, a text, a bool or null");
    }
    return read_value(build, op, field, value);
}

static struct node *read_operator(struct filter_build *build, enum node_op op,
                                  const struct field *field, struct doc doc,
                                  const struct doc_value *value)
{
    switch (op) {
    case NODE_GT:
    case NODE_GTE:
    case NODE_LT:
    case NODE_LTE:
        return read_range(build, op, field, value);
    case NODE_IN:
    case NODE_NIN:
        return read_list(build, op, field, value);
    case NODE_ALL:
        return read_all(build, field, value);
    case NODE_EXISTS:
        return read_exists(build, field, value);
    case NODE_TYPE:
        return read_type(build, field, value);
    case NODE_REGEX:
        return read_regex(build, field, doc, value);
    case NODE_SIZE:
        return read_size(build, field, value);
    case NODE_ELEM:
        return read_elem(build, field, value);
    case NODE_NOT:
        return read_not(build, field, value);
    case NODE_EQ:
    case NODE_NE:
        return read_value(build, op, field, value);
    case NODE_AND:
    case NODE_OR:
    case NODE_NOR:
    case NODE_N_OPS:
    default:
        BUG_IF(true); /* node_op_parse gives none of these */
    }
}

/* How often a name is in a document. */
static size_t count_name(struct doc doc, const char *name)
{
    struct doc_iter it;
    struct doc_value value;
    const char *key;
    size_t n = 0;

    doc_iter_init(&it, doc);
    while (doc_next(&it, &key, &value)) {
        n += strcmp(key, name) == 0 ? 1 : 0;
    }
    return n;
}

/* What an operator object speaks of, and the object itself. */
struct operators {
    const struct field *field;
    struct doc doc;
};

/* One member of an operator object. $options goes with its $regex. */
static bool read_operator_member(struct filter_build *build, struct node *and,
                                 const char *key, const struct doc_value *value,
                                 const void *ctx)
{
    const struct operators *of = ctx;
    struct doc_value pattern;
    enum node_op op;

    if (count_name(of->doc, key) > 1) {
        return build_refuse(build, ERR_INVALID, "given twice");
    }
    if (strcmp(key, "$options") == 0) {
        return doc_get(of->doc, "$regex", &pattern) ||
               refuse(build, "a $regex beside $options") != NULL;
    }
    if (node_op_parse(key, &op) != ERR_OK) {
        return refuse(build,
                      "one of $eq $ne $gt $gte $lt $lte $in $nin $all "
                      "$exists $type $regex $size $elemMatch $not") != NULL;
    }
    return node_add(build, and,
                    read_operator(build, op, of->field, of->doc, value));
}

/* One member of a document into the node that holds them all. */
typedef bool read_member_fn(struct filter_build *build, struct node *and,
                            const char *key, const struct doc_value *value,
                            const void *ctx);

static struct node *read_members(struct filter_build *build, struct doc doc,
                                 read_member_fn *read, const void *ctx)
{
    struct doc_iter it;
    struct doc_value value;
    const char *key;
    struct node *and;
    bool ok;

    if (!go_deeper(build)) {
        return NULL;
    }
    and = node_new(build, NODE_AND);
    ok = and != NULL;
    doc_iter_init(&it, doc);
    while (ok && doc_next(&it, &key, &value)) {
        size_t mark = where_enter(build, key);

        ok = read(build, and, key, &value, ctx);
        where_leave(build, mark);
    }
    build->depth--;
    if (!ok) {
        node_free(and);
        return NULL;
    }
    return node_simplify(build, and);
}

static struct node *read_operators(struct filter_build *build,
                                   const struct field *field, struct doc doc)
{
    struct operators operators = {.field = field, .doc = doc};

    return read_members(build, doc, read_operator_member, &operators);
}

static struct node *read_field(struct filter_build *build, const char *path,
                               const struct doc_value *value)
{
    struct field field = {path, strlen(path)};

    if (field.len == 0) {
        return refuse(build, "a field name");
    }
    if (has_operators(value)) {
        return read_operators(build, &field, value->u.doc);
    }
    return read_value(build, NODE_EQ, &field, value);
}

static struct node *read_any(struct filter_build *build, const char *key,
                             const struct doc_value *value)
{
    if (key[0] != '$') {
        return read_field(build, key, value);
    }
    for (int op = NODE_AND; op <= NODE_NOR; op++) {
        if (strcmp(node_op_name((enum node_op)op), key) == 0) {
            return read_connective(build, (enum node_op)op, value);
        }
    }
    if (strcmp(key, node_op_name(NODE_NOT)) == 0) {
        return read_not_object(build, value);
    }
    return refuse(build, "a field name, $and, $or, $nor or $not");
}

static bool read_any_member(struct filter_build *build, struct node *and,
                            const char *key, const struct doc_value *value,
                            const void *ctx)
{
    (void)ctx;
    return node_add(build, and, read_any(build, key, value));
}

static struct node *read_object(struct filter_build *build, struct doc doc)
{
    return read_members(build, doc, read_any_member, NULL);
}

struct node *filter_read_doc(struct filter_build *build, struct doc doc)
{
    return read_object(build, doc);
}
