/* SPDX-License-Identifier: Apache-2.0 */
/** A batch: writes one after another in one growing buffer. */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/store/store_backend.h"

/* Callers cut batches far below; past this something feeds on itself. */
enum {
    BATCH_BYTES_MAX = 1024 * 1024 * 1024
};

struct store_batch {
    struct buf ops;
    size_t n;
};

struct store_batch *store_batch_new(void)
{
    struct store_batch *batch = xcalloc(1, sizeof *batch);

    buf_init(&batch->ops, BATCH_BYTES_MAX);
    return batch;
}

void store_batch_free(struct store_batch *batch)
{
    if (batch != NULL) {
        buf_fini(&batch->ops);
        free(batch);
    }
}

void store_batch_clear(struct store_batch *batch)
{
    buf_clear(&batch->ops);
    batch->n = 0;
}

size_t store_batch_count(const struct store_batch *batch)
{
    return batch->n;
}

size_t store_batch_bytes(const struct store_batch *batch)
{
    return batch->ops.len;
}

static bool has_text(enum store_collection collection)
{
    return store_schema(collection)->key != STORE_KEY_INTS;
}

static void add_key(struct buf *ops, enum store_collection collection,
                    const struct store_key *key)
{
    buf_add_u64(ops, (uint64_t)key->a);
    buf_add_u64(ops, (uint64_t)key->b);
    if (has_text(collection)) {
        BUG_IF(key->text == NULL);
        buf_add(ops, key->text, strlen(key->text) + 1);
    }
}

static void add_head(struct store_batch *batch, enum store_op op,
                     enum store_collection collection,
                     const struct store_key *key)
{
    buf_add_char(&batch->ops, (char)op);
    buf_add_char(&batch->ops, (char)collection);
    add_key(&batch->ops, collection, key);
    batch->n++;
}

static void add_row(struct store_batch *batch, enum store_op op,
                    enum store_collection into, const struct store_key *key,
                    struct doc row)
{
    add_head(batch, op, into, key);
    buf_add_u32(&batch->ops, row.len);
    if (row.len > 0) {
        buf_add(&batch->ops, row.data, row.len);
    }
    BUG_IF(batch->ops.overflow);
}

void store_batch_put(struct store_batch *batch, enum store_collection into,
                     const struct store_key *key, struct doc row)
{
    add_row(batch, STORE_OP_PUT, into, key, row);
}

void store_batch_append(struct store_batch *batch, enum store_collection into,
                        const struct store_key *key, struct doc row)
{
    add_row(batch, STORE_OP_APPEND, into, key, row);
}

void store_batch_add(struct store_batch *batch, enum store_collection into,
                     const struct store_key *key, struct doc row)
{
    add_row(batch, STORE_OP_ADD, into, key, row);
}

void store_batch_delete(struct store_batch *batch, enum store_collection from,
                        const struct store_key *key)
{
    add_head(batch, STORE_OP_DELETE, from, key);
    BUG_IF(batch->ops.overflow);
}

void store_batch_delete_range(struct store_batch *batch,
                              enum store_collection from,
                              const struct store_key *first,
                              const struct store_key *past)
{
    add_head(batch, STORE_OP_DELETE_RANGE, from, first);
    add_key(&batch->ops, from, past);
    BUG_IF(batch->ops.overflow);
}

static int64_t get_i64(const char *at)
{
    int64_t value;

    memcpy(&value, at, sizeof value);
    return value;
}

static const char *get_key(const char *at, enum store_collection collection,
                           struct store_key *key)
{
    key->a = get_i64(at);
    key->b = get_i64(at + sizeof(int64_t));
    key->text = NULL;
    at += 2 * sizeof(int64_t);
    if (has_text(collection)) {
        key->text = at;
        at += strlen(at) + 1;
    }
    return at;
}

static bool has_row(enum store_op op)
{
    return op == STORE_OP_PUT || op == STORE_OP_APPEND || op == STORE_OP_ADD;
}

static const char *get_row(const char *at, struct doc *row)
{
    memcpy(&row->len, at, sizeof row->len);
    at += sizeof row->len;
    row->data = (const uint8_t *)at;
    return at + row->len;
}

bool store_batch_next(const struct store_batch *batch, size_t *at,
                      struct store_write *write)
{
    const char *p;

    if (*at >= batch->ops.len) {
        return false;
    }
    p = batch->ops.data + *at;
    *write = (struct store_write){
        .op = (enum store_op)p[0],
        .collection = (enum store_collection)p[1],
    };
    write->id = p + 1;
    p = get_key(p + 2, write->collection, &write->key);
    write->id_len = (size_t)(p - write->id);
    if (has_row(write->op)) {
        p = get_row(p, &write->row);
    } else if (write->op == STORE_OP_DELETE_RANGE) {
        p = get_key(p, write->collection, &write->past);
    }
    *at = (size_t)(p - batch->ops.data);
    return true;
}

static int compare_i64(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

int store_key_compare(enum store_key_kind kind, const struct store_key *a,
                      const struct store_key *b)
{
    int order;

    switch (kind) {
    case STORE_KEY_TEXT:
        return strcmp(a->text, b->text);
    case STORE_KEY_TEXT_INT:
        order = strcmp(a->text, b->text);
        return order != 0 ? order : compare_i64(a->a, b->a);
    case STORE_KEY_INTS:
    default:
        order = compare_i64(a->a, b->a);
        return order != 0 ? order : compare_i64(a->b, b->b);
    }
}
