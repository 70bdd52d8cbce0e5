/* SPDX-License-Identifier: Apache-2.0 */
/** Rows and keys as MongoDB documents, and queries for them. */
#include <string.h>

#include "common/doc/bson_types.h"
#include "common/store/store_mongodb.h"

/* Append an element's kind and name. */
static void add_name(struct buf *out, enum bson_kind kind, const char *name)
{
    buf_add_char(out, (char)kind);
    buf_add(out, name, strlen(name) + 1);
}

static void add_text(struct buf *out, const char *name, const char *text)
{
    size_t size = strlen(text) + 1;

    add_name(out, BSON_KIND_STRING, name);
    buf_add_u32(out, (uint32_t)size);
    buf_add(out, text, size);
}

static void add_int(struct buf *out, const char *name, int64_t value)
{
    add_name(out, BSON_KIND_INT64, name);
    buf_add_u64(out, (uint64_t)value);
}

/* Close the document that began with its length word at start. */
static void close_doc(struct buf *out, size_t start)
{
    uint32_t len = (uint32_t)(out->len - start);

    BUG_IF(out->overflow);
    memcpy(out->data + start, &len, sizeof len);
}

static void add_key(struct buf *out, enum store_key_kind kind,
                    const struct store_key *key)
{
    size_t start;

    if (kind == STORE_KEY_TEXT) {
        add_text(out, "_id", key->text);
        return;
    }
    add_name(out, BSON_KIND_DOC, "_id");
    start = out->len;
    buf_add_u32(out, 0);
    if (kind == STORE_KEY_TEXT_INT) {
        add_text(out, "k", key->text);
    }
    add_int(out, "a", key->a);
    if (kind == STORE_KEY_INTS) {
        add_int(out, "b", key->b);
    }
    buf_add_char(out, '\0');
    close_doc(out, start);
}

/* Whether a name inside starts like an operator. */
static bool has_operators(struct doc doc)
{
    struct doc_iter it;
    struct doc_value value;
    const char *name;

    doc_iter_init(&it, doc);
    while (doc_next(&it, &name, &value)) {
        if (name[0] == '$' ||
            ((value.type == DOC_DOC || value.type == DOC_ARRAY) &&
             has_operators(value.u.doc))) {
            return true;
        }
    }
    return false;
}

/* A server takes "_id" for its own and may refuse names that start with $;
 * lists and what else has no order it would sort by their members. */
static bool needs_wrapping(enum store_collection collection, struct doc row)
{
    const struct store_schema *schema = store_schema(collection);
    struct doc_value value;

    for (size_t i = 0; schema->indexes[i] != NULL; i++) {
        store_sort_value(row, schema->indexes[i], &value);
        if (value.type == DOC_BYTES) {
            return true;
        }
    }
    if (doc_get(row, "_id", &value) || doc_get(row, "_row", &value)) {
        return true;
    }
    return row.len > 0 && memchr(row.data, '$', row.len) != NULL &&
           has_operators(row);
}

/* The members behind _id of a row that is kept as bytes. */
static void add_wrapped(struct buf *out, enum store_collection collection,
                        struct doc row)
{
    const struct store_schema *schema = store_schema(collection);
    struct doc_out *members = doc_out_new();
    struct doc_value value;
    struct doc done;

    doc_add_bytes(members, "_row", row.data, row.len);
    for (size_t i = 0; schema->indexes[i] != NULL; i++) {
        BUG_IF(strchr(schema->indexes[i], '.') != NULL);
        store_sort_value(row, schema->indexes[i], &value);
        doc_add_value(members, schema->indexes[i], &value);
    }
    done = doc_out_done(members);
    buf_add(out, done.data + sizeof(uint32_t), done.len - sizeof(uint32_t));
    doc_out_free(members);
}

void mongodb_row_store(enum store_collection collection,
                       const struct store_key *key, struct doc row,
                       struct buf *out)
{
    buf_clear(out);
    buf_add_u32(out, 0);
    add_key(out, store_schema(collection)->key, key);
    if (needs_wrapping(collection, row)) {
        add_wrapped(out, collection, row);
    } else if (row.len > 0) {
        buf_add(out, row.data + sizeof(uint32_t), row.len - sizeof(uint32_t));
    } else {
        buf_add_char(out, '\0');
    }
    close_doc(out, 0);
}

static bool load_key(enum store_key_kind kind, const struct doc_value *id,
                     struct store_key *key)
{
    *key = (struct store_key){0};
    if (kind == STORE_KEY_TEXT) {
        key->text = id->type == DOC_STRING ? id->u.s.text : NULL;
        return key->text != NULL;
    }
    if (id->type != DOC_DOC) {
        return false;
    }
    key->text = doc_str(id->u.doc, "k", NULL);
    key->a = doc_i64(id->u.doc, "a", 0);
    key->b = doc_i64(id->u.doc, "b", 0);
    return (kind == STORE_KEY_TEXT_INT) == (key->text != NULL);
}

bool mongodb_row_load(enum store_collection collection, struct doc stored,
                      struct buf *scratch, struct store_key *key,
                      struct doc *row)
{
    struct doc_iter it;
    struct doc_value value;
    const char *name;
    const uint8_t *members;

    if (!doc_check(stored)) {
        return false;
    }
    doc_iter_init(&it, stored);
    if (!doc_next(&it, &name, &value) || strcmp(name, "_id") != 0 ||
        !load_key(store_schema(collection)->key, &value, key)) {
        return false;
    }
    members = it.at;
    if (doc_next(&it, &name, &value) && strcmp(name, "_row") == 0 &&
        value.type == DOC_BYTES) {
        *row = (struct doc){(const uint8_t *)value.u.s.text, value.u.s.len};
        return doc_check(*row);
    }
    buf_clear(scratch);
    buf_add_u32(scratch, 0);
    buf_add(scratch, members, (size_t)(stored.data + stored.len - members));
    close_doc(scratch, 0);
    *row = (struct doc){(const uint8_t *)scratch->data, (uint32_t)scratch->len};
    return true;
}

void mongodb_append_key(bson_t *to, const char *name,
                        enum store_collection collection,
                        const struct store_key *key)
{
    enum store_key_kind kind = store_schema(collection)->key;
    bson_t id;

    if (kind == STORE_KEY_TEXT) {
        BSON_APPEND_UTF8(to, name, key->text);
        return;
    }
    BSON_APPEND_DOCUMENT_BEGIN(to, name, &id);
    if (kind == STORE_KEY_TEXT_INT) {
        BSON_APPEND_UTF8(&id, "k", key->text);
    }
    BSON_APPEND_INT64(&id, "a", key->a);
    if (kind == STORE_KEY_INTS) {
        BSON_APPEND_INT64(&id, "b", key->b);
    }
    (void)bson_append_document_end(to, &id);
}

void mongodb_query_key(bson_t *query, enum store_collection collection,
                       const struct store_key *key)
{
    bson_init(query);
    mongodb_append_key(query, "_id", collection, key);
}

static void append_range(bson_t *query, enum store_collection collection,
                         const struct store_key *first,
                         const struct store_key *past)
{
    bson_t range;

    if (first == NULL && past == NULL) {
        return;
    }
    BSON_APPEND_DOCUMENT_BEGIN(query, "_id", &range);
    if (first != NULL) {
        mongodb_append_key(&range, "$gte", collection, first);
    }
    if (past != NULL) {
        mongodb_append_key(&range, "$lt", collection, past);
    }
    (void)bson_append_document_end(query, &range);
}

void mongodb_query_range(bson_t *query, enum store_collection collection,
                         const struct store_key *first,
                         const struct store_key *past)
{
    bson_init(query);
    append_range(query, collection, first, past);
}

/* What stands in a sort field for a list: see store_sort_value. */
static void append_listed(bson_t *to, const char *name)
{
    BSON_APPEND_BINARY(to, name, BSON_SUBTYPE_BINARY, (const uint8_t *)"", 0);
}

static void append_value(bson_t *to, const char *name,
                         const struct doc_value *value)
{
    switch (value->type) {
    case DOC_MISSING:
    case DOC_NULL:
        BSON_APPEND_NULL(to, name);
        break;
    case DOC_BOOL:
        BSON_APPEND_BOOL(to, name, value->u.b);
        break;
    case DOC_INT:
        BSON_APPEND_INT64(to, name, value->u.i);
        break;
    case DOC_DOUBLE:
        BSON_APPEND_DOUBLE(to, name, value->u.d);
        break;
    case DOC_STRING:
        (void)bson_append_utf8(to, name, -1, value->u.s.text,
                               (int)value->u.s.len);
        break;
    case DOC_BYTES:
    case DOC_DOC:
    case DOC_ARRAY:
        append_listed(to, name);
        break;
    }
}

/* Clauses of an $and or $or: an array of documents with one member. */
struct clauses {
    bson_t array;
    uint32_t n;
};

static void clause_begin(struct clauses *to, bson_t *clause)
{
    char buffer[16];
    const char *index;

    (void)bson_uint32_to_string(to->n++, &index, buffer, sizeof buffer);
    (void)bson_append_document_begin(&to->array, index, -1, clause);
}

static void clause_end(struct clauses *to, bson_t *clause)
{
    (void)bson_append_document_end(&to->array, clause);
}

/* {field: {op: value}} */
static void clause_add(struct clauses *to, const char *field, const char *op,
                       const struct doc_value *value)
{
    bson_t clause;
    bson_t inner;

    clause_begin(to, &clause);
    BSON_APPEND_DOCUMENT_BEGIN(&clause, field, &inner);
    append_value(&inner, op, value);
    (void)bson_append_document_end(&clause, &inner);
    clause_end(to, &clause);
}

/* {field: {$in: [values of list or the one value, what lists are]}} */
static void clause_add_in(struct clauses *to, const struct filter_cond *cond)
{
    bson_t clause;
    bson_t inner;
    struct clauses values = {.n = 1};
    struct doc_iter it;
    struct doc_value value;
    const char *index;
    char buffer[16];

    clause_begin(to, &clause);
    BSON_APPEND_DOCUMENT_BEGIN(&clause, cond->field, &inner);
    BSON_APPEND_ARRAY_BEGIN(&inner, "$in", &values.array);
    append_listed(&values.array, "0");
    if (cond->op == FILTER_EQ) {
        append_value(&values.array, "1", &cond->value);
    } else {
        doc_iter_init(&it, cond->value.u.doc);
        while (doc_next(&it, &index, &value)) {
            (void)bson_uint32_to_string(values.n++, &index, buffer,
                                        sizeof buffer);
            append_value(&values.array, index, &value);
        }
    }
    (void)bson_append_array_end(&inner, &values.array);
    (void)bson_append_document_end(&clause, &inner);
    clause_end(to, &clause);
}

/* {$or: [{field: {op: value}}, {field: what lists are}]} */
static void clause_add_range(struct clauses *to, const struct filter_cond *cond)
{
    static const char *const ops[] = {
        [FILTER_EQ] = "$eq",         [FILTER_IN] = "$in", [FILTER_GT] = "$gt",
        [FILTER_GTE] = "$gte",       [FILTER_LT] = "$lt", [FILTER_LTE] = "$lte",
        [FILTER_EXISTS] = "$exists",
    };
    const struct doc_value listed = {.type = DOC_BYTES};
    struct clauses either = {.n = 0};
    bson_t clause;

    clause_begin(to, &clause);
    BSON_APPEND_ARRAY_BEGIN(&clause, "$or", &either.array);
    clause_add(&either, cond->field, ops[cond->op], &cond->value);
    clause_add(&either, cond->field, "$eq", &listed);
    (void)bson_append_array_end(&clause, &either.array);
    clause_end(to, &clause);
}

static void clause_add_cond(struct clauses *to, const struct filter_cond *cond)
{
    const struct doc_value yes = {.type = DOC_BOOL, .u.b = true};

    switch (cond->op) {
    case FILTER_EQ:
    case FILTER_IN:
        clause_add_in(to, cond);
        break;
    case FILTER_EXISTS:
        clause_add(to, cond->field, "$exists", &yes);
        break;
    case FILTER_GT:
    case FILTER_GTE:
    case FILTER_LT:
    case FILTER_LTE:
        clause_add_range(to, cond);
        break;
    }
}

/* {_id: {$gt: key}}, and {field: value} with it when there is a field. */
static void clause_add_same(struct clauses *to,
                            const struct store_scan_plan *plan)
{
    const struct store_query *query = plan->query;
    bson_t clause;
    bson_t inner;

    clause_begin(to, &clause);
    if (query->sort != NULL) {
        append_value(&clause, query->sort, &plan->after_value);
    }
    BSON_APPEND_DOCUMENT_BEGIN(&clause, "_id", &inner);
    mongodb_append_key(&inner, query->descending ? "$lt" : "$gt",
                       query->collection, &plan->after_key);
    (void)bson_append_document_end(&clause, &inner);
    clause_end(to, &clause);
}

/* Kinds of sort values in their order. */
enum kind {
    KIND_NULL,
    KIND_NUMBER,
    KIND_TEXT,
    KIND_LISTED,
    KIND_BOOL
};

static enum kind kind_of(const struct doc_value *value)
{
    static const enum kind kinds[] = {
        [DOC_MISSING] = KIND_NULL,  [DOC_NULL] = KIND_NULL,
        [DOC_BOOL] = KIND_BOOL,     [DOC_INT] = KIND_NUMBER,
        [DOC_DOUBLE] = KIND_NUMBER, [DOC_STRING] = KIND_TEXT,
        [DOC_BYTES] = KIND_LISTED,  [DOC_DOC] = KIND_LISTED,
        [DOC_ARRAY] = KIND_LISTED,
    };
    return kinds[value->type];
}

/* {field: null} or {field: {$type: name}} */
static void clause_add_kind(struct clauses *to, const char *field,
                            enum kind kind)
{
    static const char *const names[] = {
        [KIND_NULL] = NULL,     [KIND_NUMBER] = "number",
        [KIND_TEXT] = "string", [KIND_LISTED] = "binData",
        [KIND_BOOL] = "bool",
    };
    bson_t clause;
    bson_t inner;

    clause_begin(to, &clause);
    if (kind == KIND_NULL) {
        BSON_APPEND_NULL(&clause, field);
    } else {
        BSON_APPEND_DOCUMENT_BEGIN(&clause, field, &inner);
        BSON_APPEND_UTF8(&inner, "$type", names[kind]);
        (void)bson_append_document_end(&clause, &inner);
    }
    clause_end(to, &clause);
}

/* Comparisons of a server stay within a kind: the kinds behind are named. */
static void add_values_after(struct clauses *to,
                             const struct store_scan_plan *plan)
{
    const struct store_query *query = plan->query;
    enum kind kind = kind_of(&plan->after_value);
    int step = query->descending ? -1 : 1;

    if (kind != KIND_NULL && kind != KIND_LISTED) {
        clause_add(to, query->sort, query->descending ? "$lt" : "$gt",
                   &plan->after_value);
    }
    for (int behind = (int)kind + step;
         behind >= KIND_NULL && behind <= KIND_BOOL; behind += step) {
        clause_add_kind(to, query->sort, (enum kind)behind);
    }
}

static void add_place(struct clauses *to, const struct store_scan_plan *plan)
{
    struct clauses either = {.n = 0};
    bson_t clause;

    clause_begin(to, &clause);
    BSON_APPEND_ARRAY_BEGIN(&clause, "$or", &either.array);
    clause_add_same(&either, plan);
    if (plan->query->sort != NULL) {
        add_values_after(&either, plan);
    }
    (void)bson_append_array_end(&clause, &either.array);
    clause_end(to, &clause);
}

void mongodb_query_scan(bson_t *query, const struct store_scan_plan *plan)
{
    struct clauses all = {.n = 0};

    mongodb_query_range(query, plan->query->collection, plan->query->from,
                        plan->query->to);
    if (plan->n_conds == 0 && !plan->has_after) {
        return;
    }
    BSON_APPEND_ARRAY_BEGIN(query, "$and", &all.array);
    for (size_t i = 0; i < plan->n_conds; i++) {
        clause_add_cond(&all, &plan->conds[i]);
    }
    if (plan->has_after) {
        add_place(&all, plan);
    }
    (void)bson_append_array_end(query, &all.array);
}
