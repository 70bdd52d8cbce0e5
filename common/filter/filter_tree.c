/* SPDX-License-Identifier: Apache-2.0 */
/** Nodes of a filter: made, counted, freed. */
#include "common/filter/filter_tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

enum {
    NODES_SLACK = 4 * FILTER_DEPTH_MAX
};

static const char *const op_names[NODE_N_OPS] = {
    [NODE_AND] = "$and",        [NODE_OR] = "$or",
    [NODE_NOR] = "$nor",        [NODE_EQ] = "$eq",
    [NODE_NE] = "$ne",          [NODE_GT] = "$gt",
    [NODE_GTE] = "$gte",        [NODE_LT] = "$lt",
    [NODE_LTE] = "$lte",        [NODE_IN] = "$in",
    [NODE_NIN] = "$nin",        [NODE_ALL] = "$all",
    [NODE_EXISTS] = "$exists",  [NODE_TYPE] = "$type",
    [NODE_REGEX] = "$regex",    [NODE_SIZE] = "$size",
    [NODE_ELEM] = "$elemMatch", [NODE_NOT] = "$not",
};

bool build_refuse(struct filter_build *build, enum err err, const char *format,
                  ...)
{
    char text[ERRBUF_TEXT_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    build->err = err;
    if (build->where.len > 0) {
        errbuf_set_field(build->why, buf_str(&build->where), "%s: %s",
                         buf_str(&build->where), text);
    } else {
        errbuf_set(build->why, "%s", text);
    }
    return false;
}

bool build_check_count(struct filter_build *build, size_t most)
{
    if (build->n_nodes > most) {
        return build_refuse(build, ERR_LIMIT,
                            "more than %d conditions and list elements",
                            FILTER_NODES_MAX);
    }
    return true;
}

/* On the way some nodes more exist, which are simplified away. */
bool build_count(struct filter_build *build, size_t n)
{
    build->n_nodes += n;
    return build_check_count(build, FILTER_NODES_MAX + NODES_SLACK);
}

struct node *node_new(struct filter_build *build, enum node_op op)
{
    struct node *node;

    if (!build_count(build, 1)) {
        return NULL;
    }
    node = xcalloc(1, sizeof *node);
    node->op = op;
    return node;
}

static size_t count_segments(const char *path)
{
    size_t n = 1;

    for (; *path != '\0'; path++) {
        n += *path == '.' ? 1 : 0;
    }
    return n;
}

/* False when a segment is empty. */
static bool split_path(struct node *node)
{
    size_t n = count_segments(node->path);
    char *at;

    node->split = xstrdup(node->path);
    node->segments = xcalloc(n + 1, sizeof *node->segments);
    at = node->split;
    for (size_t i = 0; i < n; i++) {
        size_t len = strcspn(at, ".");

        if (len == 0) {
            return false;
        }
        node->segments[i] = at;
        at[len] = '\0';
        at += len + 1;
    }
    return true;
}

struct node *node_new_at(struct filter_build *build, enum node_op op,
                         const char *path, size_t len)
{
    struct node *node = node_new(build, op);

    if (node == NULL) {
        return NULL;
    }
    node->path = xstrndup(path, len);
    if (len > FILTER_PATH_MAX) {
        (void)build_refuse(build, ERR_LIMIT, "field name over %d bytes",
                           FILTER_PATH_MAX);
    } else if (len > 0 && !split_path(node)) {
        (void)build_refuse(build, ERR_INVALID,
                           "expected names joined by single dots");
    } else {
        return node;
    }
    node_free(node);
    return NULL;
}

void node_free(struct node *node)
{
    if (node == NULL) {
        return;
    }
    for (size_t i = 0; i < node->n_kids; i++) {
        node_free(node->kids[i]);
    }
    free(node->kids);
    free(node->path);
    free(node->split);
    free(node->segments);
    free(node->storage);
    pcre2_code_free(node->regex);
    free(node);
}

static void add_kid(struct node *node, struct node *kid)
{
    node->kids =
        xrealloc_array(node->kids, node->n_kids + 1, sizeof(struct node *));
    node->kids[node->n_kids++] = kid;
}

bool node_add(struct filter_build *build, struct node *node, struct node *kid)
{
    if (kid == NULL) {
        return false;
    }
    if (node->op != NODE_AND || kid->op != NODE_AND) {
        add_kid(node, kid);
        return true;
    }
    for (size_t i = 0; i < kid->n_kids; i++) {
        add_kid(node, kid->kids[i]);
    }
    kid->n_kids = 0;
    node_free(kid);
    build->n_nodes--;
    return true;
}

struct node *node_simplify(struct filter_build *build, struct node *node)
{
    struct node *kid;

    if ((node->op != NODE_AND && node->op != NODE_OR) || node->n_kids != 1) {
        return node;
    }
    kid = node->kids[0];
    node->n_kids = 0;
    node_free(node);
    build->n_nodes--;
    return kid;
}

void node_keep_scratch(struct filter_build *build, struct node *node)
{
    struct doc doc = doc_out_done(build->scratch);

    free(node->storage);
    node->storage = xmemdup(doc.data, doc.len);
    doc.data = node->storage;
    (void)doc_get(doc, "v", &node->value);
}

void node_set_value(struct filter_build *build, struct node *node,
                    const struct doc_value *value)
{
    doc_out_reset(build->scratch);
    doc_add_value(build->scratch, "v", value);
    node_keep_scratch(build, node);
}

static uint32_t regex_flags(const char *options)
{
    uint32_t flags = 0;

    for (; *options != '\0'; options++) {
        flags |= *options == 'i'   ? PCRE2_CASELESS
                 : *options == 'm' ? PCRE2_MULTILINE
                 : *options == 's' ? PCRE2_DOTALL
                                   : PCRE2_EXTENDED;
    }
    return flags;
}

bool node_compile(struct filter_build *build, struct node *node)
{
    struct errbuf why = {0};
    enum err err =
        regex_compile(node->value.u.s.text, node->value.u.s.len,
                      regex_flags(node->options), &node->regex, &why);

    if (err != ERR_OK) {
        return build_refuse(build, err, "%s", why.text);
    }
    build->has_regex = true;
    return true;
}

static size_t value_depth(const struct doc_value *value)
{
    struct doc_iter it;
    struct doc_value member;
    const char *key;
    size_t most = 0;

    if (value->type != DOC_DOC && value->type != DOC_ARRAY) {
        return 0;
    }
    doc_iter_init(&it, value->u.doc);
    while (doc_next(&it, &key, &member)) {
        size_t depth = value_depth(&member);

        most = depth > most ? depth : most;
    }
    return most + 1;
}

/* Each node is written as an object in an object or array. */
size_t node_depth(const struct node *node)
{
    size_t most = value_depth(&node->value);

    for (size_t i = 0; i < node->n_kids; i++) {
        size_t depth = node_depth(node->kids[i]);

        most = depth > most ? depth : most;
    }
    return most + 2;
}

bool node_is_element(const struct node *node)
{
    if (node->op == NODE_AND && node->n_kids > 0) {
        node = node->kids[0];
    }
    return node->path != NULL && node->path[0] == '\0';
}

const char *node_op_name(enum node_op op)
{
    return op_names[op];
}

enum err node_op_parse(const char *name, enum node_op *op)
{
    for (int i = NODE_EQ; i < NODE_N_OPS; i++) {
        if (strcmp(op_names[i], name) == 0) {
            *op = (enum node_op)i;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

/* The first of a bit is its canonical name. */
static const struct {
    const char *name;
    int64_t number; /* of BSON */
    unsigned bit;
} types[] = {
    {"number", 16, TYPE_NUMBER}, {"string", 2, TYPE_STRING},
    {"object", 3, TYPE_OBJECT},  {"array", 4, TYPE_ARRAY},
    {"binData", 5, TYPE_BYTES},  {"bool", 8, TYPE_BOOL},
    {"null", 10, TYPE_NULL},     {"double", 1, TYPE_NUMBER},
    {"int", 16, TYPE_NUMBER},    {"long", 18, TYPE_NUMBER},
};

unsigned filter_type_bit(const struct doc_value *name)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (name->type == DOC_STRING
                ? strcmp(types[i].name, name->u.s.text) == 0
                : name->type == DOC_INT && types[i].number == name->u.i) {
            return types[i].bit;
        }
    }
    return 0;
}

const char *filter_type_name(unsigned bit)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (types[i].bit == bit) {
            return types[i].name;
        }
    }
    return NULL;
}
