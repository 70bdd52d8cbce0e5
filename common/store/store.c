/* SPDX-License-Identifier: Apache-2.0 */
/** The store above its backends: choice, matching, limits, cursors, fence. */
#include <math.h>
#include <string.h>

#include "common/store/store_backend.h"
#include "common/store/store_cursor.h"

enum {
    CURSOR_BYTES_MAX = 64 * 1024,
    IN_MAX = 1000 /* longer lists are left to the matcher */
};

/* Whole numbers up to here are the same as doubles and as integers. */
#define EXACT_MAX 9007199254740991.0

void store_close(struct store *store)
{
    if (store != NULL) {
        store->ops->close(store);
    }
}

enum err store_ping(struct store *store, struct errbuf *why)
{
    return store->ops->ping(store, why);
}

int64_t store_gather_ms(const struct store *store)
{
    return store->ops->gather_ms;
}

enum err store_get(struct store *store, enum store_collection from,
                   const struct store_key *key, struct buf *out)
{
    return store->ops->get(store, from, key, out);
}

/* The value at a path. False where the path crosses an array: a matcher may
 * look into each member, so no single value stands for it. */
static bool plain_path(struct doc doc, const char *path,
                       struct doc_value *value)
{
    struct doc_iter it;
    const char *name;
    const char *dot = strchr(path, '.');
    size_t len = dot != NULL ? (size_t)(dot - path) : strlen(path);

    doc_iter_init(&it, doc);
    while (doc_next(&it, &name, value)) {
        if (strncmp(name, path, len) != 0 || name[len] != '\0') {
            continue;
        }
        if (dot == NULL || value->type == DOC_ARRAY) {
            return dot == NULL;
        }
        if (value->type == DOC_DOC) {
            return plain_path(value->u.doc, dot + 1, value);
        }
        break;
    }
    value->type = DOC_MISSING;
    return true;
}

void store_sort_value(struct doc row, const char *field,
                      struct doc_value *value)
{
    bool plain = plain_path(row, field, value);

    if (plain && value->type == DOC_DOUBLE && value->u.d != value->u.d) {
        plain = false;
    }
    if (!plain || value->type == DOC_DOC || value->type == DOC_ARRAY ||
        value->type == DOC_BYTES) {
        *value = (struct doc_value){.type = DOC_BYTES, .u.s = {"", 0}};
    }
}

struct scan {
    const struct store_query *query;
    store_row_fn *each;
    void *ctx;
    struct buf *next;
    int64_t given;
    int64_t looked;
    bool stopped; /* next is where to go on, should there be more */
    bool more;
};

/* One that does not match: whether to look at another. */
static bool pass_over(struct scan *scan, const struct store_key *key,
                      struct doc row)
{
    if (scan->query->look == 0 || scan->looked < scan->query->look) {
        return true;
    }
    scan->stopped = true;
    if (scan->next != NULL && scan->next->len == 0) {
        store_cursor_format(scan->query, key, row, scan->next);
    } /* else the page is full, and the cursor behind its last row */
    return false;
}

static bool scan_row(void *ctx, const struct store_key *key, struct doc row)
{
    struct scan *scan = ctx;

    scan->looked++;
    if (!filter_match(scan->query->filter, row)) {
        return pass_over(scan, key, row);
    }
    if (scan->given == scan->query->limit) {
        scan->more = true;
        return false;
    }
    scan->given++;
    scan->stopped = !scan->each(scan->ctx, key, row);
    if (scan->next != NULL &&
        (scan->stopped || scan->given == scan->query->limit)) {
        store_cursor_format(scan->query, key, row, scan->next);
    }
    return !scan->stopped &&
           (scan->next != NULL || scan->given < scan->query->limit);
}

static enum err check_query(const struct store_query *query, struct errbuf *why)
{
    if (query->limit < 1) {
        errbuf_set_field(why, "limit", "must be above 0");
        return ERR_INVALID;
    }
    if (query->sort != NULL &&
        !store_schema_indexes(query->collection, query->sort)) {
        errbuf_set_field(why, "sort", "%s cannot be sorted by \"%s\"",
                         store_schema(query->collection)->name, query->sort);
        return ERR_INVALID;
    }
    return ERR_OK;
}

/* Beyond, databases tell numbers apart that the matcher takes as equal. */
static bool is_exact(const struct doc_value *value)
{
    if (value->type == DOC_INT) {
        return fabs((double)value->u.i) <= EXACT_MAX;
    }
    return value->type != DOC_DOUBLE || fabs(value->u.d) <= EXACT_MAX;
}

static bool is_exact_list(struct doc list)
{
    struct doc_iter it;
    struct doc_value value;
    const char *index;
    size_t n = 0;

    doc_iter_init(&it, list);
    while (doc_next(&it, &index, &value)) {
        if (!is_exact(&value) || ++n > IN_MAX) {
            return false;
        }
    }
    return true;
}

/* Whether a database decides the condition on scalars as the matcher does. */
static bool is_pushable(const struct store_query *query,
                        const struct filter_cond *cond)
{
    if (!store_schema_indexes(query->collection, cond->field)) {
        return false;
    }
    if (cond->op == FILTER_EXISTS) {
        return true;
    }
    return cond->op == FILTER_IN ? is_exact_list(cond->value.u.doc)
                                 : is_exact(&cond->value);
}

static size_t conds_of(const struct store_query *query,
                       struct filter_cond *conds)
{
    size_t all = filter_pushdown(query->filter, conds);
    size_t n = 0;

    for (size_t i = 0; i < all; i++) {
        if (is_pushable(query, &conds[i])) {
            conds[n++] = conds[i];
        }
    }
    return n;
}

static enum err run_scan(struct store *store, struct scan *scan,
                         struct store_scan_plan *plan)
{
    struct filter_cond conds[FILTER_PUSH_MAX];
    enum err err;

    if (scan->query->filter != NULL) {
        plan->conds = conds;
        plan->n_conds = conds_of(scan->query, conds);
    }
    err = store->ops->scan(store, plan, scan_row, scan);
    plan->conds = NULL;
    return err;
}

/* A scan that goes on at the query's cursor, where it has one. */
static enum err run_query(struct store *store, struct scan *scan,
                          struct errbuf *why)
{
    const struct store_query *query = scan->query;
    struct store_scan_plan plan = {.query = query};
    struct buf cursor;
    enum err err = ERR_OK;

    buf_init(&cursor, CURSOR_BYTES_MAX);
    if (query->cursor != NULL && query->cursor[0] != '\0') {
        err = store_cursor_parse(query, &cursor, &plan, why);
    }
    if (err == ERR_OK) {
        err = run_scan(store, scan, &plan);
    }
    buf_fini(&cursor);
    return err;
}

enum err store_scan(struct store *store, const struct store_query *query,
                    store_row_fn *each, void *ctx, struct buf *next,
                    struct errbuf *why)
{
    struct scan scan = {.query = query, .each = each, .ctx = ctx, .next = next};
    enum err err = check_query(query, why);

    if (next != NULL) {
        buf_clear(next);
    }
    if (err == ERR_OK) {
        err = run_query(store, &scan, why);
    }
    if (next == NULL) {
        return err;
    }
    if (err == ERR_OK && next->overflow) {
        err = ERR_LIMIT;
    }
    if (err != ERR_OK || !(scan.more || scan.stopped)) {
        buf_clear(next);
    }
    return err;
}

static bool count_row(void *ctx, const struct store_key *key, struct doc row)
{
    (void)ctx;
    (void)key;
    (void)row;
    return true;
}

enum err store_count_some(struct store *store, const struct store_query *query,
                          int64_t *n, bool *whole)
{
    struct scan scan = {.query = query, .each = count_row};
    struct store_scan_plan plan = {.query = query};
    enum err err = ERR_OK;

    if (query->limit > 0 && query->filter == NULL) {
        *whole = true;
        return store->ops->count(store, query->collection, query->limit, n);
    }
    if (query->limit > 0) {
        err = run_scan(store, &scan, &plan);
    }
    if (err == ERR_OK) {
        *n = scan.given;
        *whole = !scan.stopped;
    }
    return err;
}

enum err store_count(struct store *store, enum store_collection collection,
                     const struct filter *filter, int64_t most, int64_t *n)
{
    bool whole;

    return store_count_some(store,
                            &(struct store_query){.collection = collection,
                                                  .filter = filter,
                                                  .limit = most},
                            n, &whole);
}

enum err store_fence_raise(struct store *store, int64_t now_s,
                           struct store_fence *fence, struct buf *payload)
{
    return store->ops->fence_raise(store, now_s, fence, payload);
}

enum err store_commit(struct store *store, struct store_fence *fence,
                      const struct store_batch *batch, struct doc progress)
{
    enum err err = store->ops->commit(store, fence, batch, progress);

    if (err == ERR_OK) {
        fence->batch++;
    }
    return err;
}

enum err store_fence_find(struct store *store, const char *row)
{
    int64_t epoch;
    int64_t batch;

    return store->ops->progress(store, row, &epoch, &batch);
}

enum err store_progress_each(struct store *store, store_progress_fn *each,
                             void *ctx)
{
    return store->ops->progress_each(store, each, ctx);
}

enum err store_fence_remove(struct store *store,
                            const struct store_fence *fence)
{
    return store->ops->fence_remove(store, fence);
}

enum err store_commit_known(struct store *store, struct store_fence *fence,
                            bool *applied)
{
    int64_t epoch;
    int64_t batch;
    enum err err = store->ops->progress(store, fence->row, &epoch, &batch);

    if (err == ERR_NOT_FOUND ||
        (err == ERR_OK && (epoch != fence->epoch || batch < fence->batch ||
                           batch > fence->batch + 1))) {
        return ERR_FENCED;
    }
    if (err == ERR_OK) {
        *applied = batch == fence->batch + 1;
        fence->batch = batch;
    }
    return err;
}

bool store_may_write(const char *writer, enum store_collection collection)
{
    const char *owner = store_schema(collection)->writer;

    return writer != NULL && (owner == NULL || strcmp(owner, writer) == 0);
}

enum err store_writer_of_row(const char *row, char *writer, size_t size,
                             struct errbuf *why)
{
    size_t len = strcspn(row, "./");

    if (len == 0 || len >= size) {
        errbuf_set(why, "\"%.100s\" is no name of a progress row", row);
        return ERR_INVALID;
    }
    memcpy(writer, row, len);
    writer[len] = '\0';
    return ERR_OK;
}

enum err store_writer_of(enum store_collection collection,
                         const struct store_key *key, char *writer, size_t size,
                         struct errbuf *why)
{
    const char *owner = store_schema(collection)->writer;

    return store_writer_of_row(owner != NULL ? owner : key->text, writer, size,
                               why);
}

bool store_is_row_of(const char *row, const char *writer)
{
    size_t len = strlen(writer);

    return strncmp(row, writer, len) == 0 &&
           (row[len] == '\0' || row[len] == '.');
}
