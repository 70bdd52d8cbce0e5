/* SPDX-License-Identifier: Apache-2.0 */
/** The parsed tree of a filter: shared by the parts of this folder only. */
#ifndef HYP_FILTER_FILTER_TREE_H
#define HYP_FILTER_FILTER_TREE_H

#ifndef PCRE2_CODE_UNIT_WIDTH
#define PCRE2_CODE_UNIT_WIDTH 8
#endif
#include <pcre2.h>

#include "common/filter/filter.h"

enum {
    FILTER_TEXT_MAX = 256 * 1024,
    FILTER_PATH_MAX = 512, /* bytes of a field path */
    FILTER_REGEX_MAX = 4096,
    FILTER_OPTIONS_MAX = 4, /* i, m, s, x */
    FILTER_WHERE_MAX = 1024
};

enum node_op {
    /* over kids */
    NODE_AND,
    NODE_OR,
    NODE_NOR,
    /* over the values of one path */
    NODE_EQ,
    NODE_NE,
    NODE_GT,
    NODE_GTE,
    NODE_LT,
    NODE_LTE,
    NODE_IN,
    NODE_NIN,
    NODE_ALL, /* kids: elemMatch conditions; none: value */
    NODE_EXISTS,
    NODE_TYPE,
    NODE_REGEX,
    NODE_SIZE,
    NODE_ELEM, /* one kid */
    NODE_NOT,  /* one kid: a condition, or an and of some, on the same path */
    NODE_N_OPS
};

/** Types as $type tells them apart: JSON has one kind of number. */
enum type_bit {
    TYPE_NUMBER = 1,
    TYPE_STRING = 2,
    TYPE_OBJECT = 4,
    TYPE_ARRAY = 8,
    TYPE_BYTES = 16,
    TYPE_BOOL = 32,
    TYPE_NULL = 64
};

struct node {
    enum node_op op;
    char *path;      /* dotted; "" is the element of an elemMatch itself */
    char *split;     /* the path's segments, each with its NUL */
    char **segments; /* into split, NULL-terminated; NULL for "" */
    struct node **kids;
    size_t n_kids;
    void *storage;                        /* of value */
    struct doc_value value;               /* operand */
    unsigned types;                       /* NODE_TYPE: bits */
    char options[FILTER_OPTIONS_MAX + 1]; /* NODE_REGEX */
    pcre2_code *regex;
};

/** Scratch and limits of matching; zeroed: none. */
struct regex_room {
    pcre2_match_data *match;
    pcre2_match_context *limits;
    pcre2_jit_stack *stack;
};

void regex_room_init(struct regex_room *room, uint32_t pairs);
void regex_room_fini(struct regex_room *room);
/** Compile with flags beside those of every pattern. ERR_INVALID, ERR_LIMIT. */
MUST_CHECK enum err regex_compile(const char *text, size_t len, uint32_t flags,
                                  pcre2_code **out, struct errbuf *why);

struct filter {
    struct node *root;
    struct regex_room room; /* a filter serves one thread at a time */
};

/** What is counted, told and reused while a tree is built. */
struct filter_build {
    struct doc_out *scratch;
    struct errbuf *why;
    struct buf where; /* place in a document, "$or[1].state" */
    enum err err;
    size_t n_nodes; /* conditions, connectives and list elements */
    size_t depth;
    bool has_regex;
};

/** Keep err and tell why, with the place; returns false. */
bool build_refuse(struct filter_build *build, enum err err, const char *format,
                  ...) __attribute__((format(printf, 3, 4)));
/** Count n nodes or list elements; false when there are far too many. */
bool build_count(struct filter_build *build, size_t n);
/** False when more than most are counted. */
bool build_check_count(struct filter_build *build, size_t most);

/** A node without kids, or NULL when there are too many. */
struct node *node_new(struct filter_build *build, enum node_op op);
/** The same with a path of len bytes; NULL too when it is no field path. */
struct node *node_new_at(struct filter_build *build, enum node_op op,
                         const char *path, size_t len);
void node_free(struct node *node);
/** Takes kid. An and takes over the kids of an and. False: kid is NULL. */
bool node_add(struct filter_build *build, struct node *node, struct node *kid);
/** An and or or with one kid becomes that kid. Takes node, gives the result. */
struct node *node_simplify(struct filter_build *build, struct node *node);
/** Copy the operand. */
void node_set_value(struct filter_build *build, struct node *node,
                    const struct doc_value *value);
/** The operand is member "v" of what was written to the scratch. */
void node_keep_scratch(struct filter_build *build, struct node *node);
/** Compile the pattern in value with options; false when it is refused. */
bool node_compile(struct filter_build *build, struct node *node);
/** Nesting of the canonical form. */
size_t node_depth(const struct node *node);
/** Whether it is a condition on the element of an elemMatch itself. */
bool node_is_element(const struct node *node);
/** "$gte"; "$not" and the connectives too. */
const char *node_op_name(enum node_op op);
/** Operator of a condition; ERR_NOT_FOUND. */
MUST_CHECK enum err node_op_parse(const char *name, enum node_op *op);

/** The two readers: NULL on error, told in build. */
struct node *filter_read_doc(struct filter_build *build, struct doc doc);
struct node *filter_read_text(struct filter_build *build, const char *start);

/** Types by name or by BSON number; 0 when there is no such. */
unsigned filter_type_bit(const struct doc_value *name);
const char *filter_type_name(unsigned bit);

#endif
