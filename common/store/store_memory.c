/* SPDX-License-Identifier: Apache-2.0 */
/** The store in memory: shared data, handles, faults. */
#include "common/store/store_memory.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/store/store_backend.h"
#include "common/store/store_memory_table.h"

/* The rows of one writer. */
struct space {
    char *writer;
    struct store_memory_table tables[STORE_N_COLLECTIONS];
};

struct progress {
    char *row;
    int64_t epoch;
    int64_t batch;
    uint8_t *payload;
    size_t len;
};

struct store_memory {
    struct map spaces;   /* by writer */
    struct map progress; /* by row */
    store_fault_fn *fault;
    void *fault_ctx;
};

struct handle {
    struct store store;
    struct store_memory *memory;
    struct space *own; /* NULL: reads only */
};

static struct space *space_get(struct store_memory *memory, const char *writer)
{
    struct space *space = map_get(&memory->spaces, writer, strlen(writer));

    if (space == NULL) {
        space = xcalloc(1, sizeof *space);
        space->writer = xstrdup(writer);
        for (size_t i = 0; i < STORE_N_COLLECTIONS; i++) {
            space->tables[i].kind = store_schema((enum store_collection)i)->key;
        }
        (void)map_put(&memory->spaces, space->writer, strlen(writer), space);
    }
    return space;
}

static void space_free(struct space *space)
{
    for (size_t i = 0; i < STORE_N_COLLECTIONS; i++) {
        store_memory_table_fini(&space->tables[i]);
    }
    free(space->writer);
    free(space);
}

/* NULL: a private collection, asked for by a reader. */
static struct store_memory_table *table_get(struct handle *handle,
                                            enum store_collection collection)
{
    const char *writer = store_schema(collection)->writer;
    struct space *space =
        writer != NULL ? space_get(handle->memory, writer) : handle->own;

    return space != NULL ? &space->tables[collection] : NULL;
}

static enum store_fault fault_of(struct store *store, bool is_commit)
{
    struct store_memory *memory = ((struct handle *)store)->memory;

    if (memory->fault == NULL) {
        return STORE_FAULT_NONE;
    }
    return memory->fault(memory->fault_ctx, is_commit);
}

static void memory_close(struct store *store)
{
    free(store);
}

static enum err memory_ping(struct store *store, struct errbuf *why)
{
    if (fault_of(store, false) != STORE_FAULT_NONE) {
        errbuf_set(why, "the store is away (a fault asked for)");
        return ERR_UNAVAILABLE;
    }
    return ERR_OK;
}

static enum err memory_get(struct store *store, enum store_collection from,
                           const struct store_key *key, struct buf *out)
{
    const struct store_memory_table *table =
        table_get((struct handle *)store, from);
    const struct store_memory_row *row;

    if (fault_of(store, false) != STORE_FAULT_NONE) {
        return ERR_UNAVAILABLE;
    }
    row = table != NULL ? store_memory_table_get(table, key) : NULL;
    if (row == NULL) {
        return ERR_NOT_FOUND;
    }
    buf_add(out, row->data, row->len);
    return ERR_OK;
}

static struct doc row_doc(const struct store_memory_row *row)
{
    return (struct doc){row->data, row->len};
}

static bool in_range(const struct store_query *query,
                     const struct store_key *key)
{
    enum store_key_kind kind = store_schema(query->collection)->key;

    return (query->from == NULL ||
            store_key_compare(kind, key, query->from) >= 0) &&
           (query->to == NULL || store_key_compare(kind, key, query->to) < 0);
}

static void scan_up(const struct store_memory_table *table,
                    const struct store_scan_plan *plan, store_row_fn *each,
                    void *ctx)
{
    const struct store_query *query = plan->query;
    const struct store_memory_row *row;
    struct store_memory_at at;
    const struct store_key *start = query->from;

    if (plan->has_after && in_range(query, &plan->after_key)) {
        start = &plan->after_key;
    }
    at = store_memory_table_seek(table, start);
    while ((row = store_memory_table_next(table, &at)) != NULL) {
        if (query->to != NULL &&
            store_key_compare(table->kind, &row->key, query->to) >= 0) {
            return;
        }
        if (plan->has_after &&
            store_key_compare(table->kind, &row->key, &plan->after_key) <= 0) {
            continue;
        }
        if (!each(ctx, &row->key, row_doc(row))) {
            return;
        }
    }
}

static void scan_down(const struct store_memory_table *table,
                      const struct store_scan_plan *plan, store_row_fn *each,
                      void *ctx)
{
    const struct store_query *query = plan->query;
    const struct store_memory_row *row;
    struct store_memory_at at = {table->n_chunks, 0};
    const struct store_key *end = query->to;

    if (plan->has_after &&
        (end == NULL ||
         store_key_compare(table->kind, &plan->after_key, end) < 0)) {
        end = &plan->after_key;
    }
    if (end != NULL) {
        at = store_memory_table_seek(table, end);
    }
    while ((row = store_memory_table_prev(table, &at)) != NULL) {
        if (query->from != NULL &&
            store_key_compare(table->kind, &row->key, query->from) < 0) {
            return;
        }
        if (!each(ctx, &row->key, row_doc(row))) {
            return;
        }
    }
}

struct sorted {
    struct doc_value value;
    const struct store_memory_row *row;
    enum store_key_kind kind;
};

static int sorted_compare(const void *left, const void *right)
{
    const struct sorted *a = left;
    const struct sorted *b = right;
    int order = doc_compare(&a->value, &b->value);

    return order != 0 ? order
                      : store_key_compare(a->kind, &a->row->key, &b->row->key);
}

/* Rows in range, sorted by value and key. Gives the array. */
static struct sorted *collect(const struct store_memory_table *table,
                              const struct store_query *query, size_t *n)
{
    struct store_memory_at at = store_memory_table_seek(table, query->from);
    const struct store_memory_row *row;
    struct sorted *rows = xcalloc(table->n + 1, sizeof *rows);

    *n = 0;
    while ((row = store_memory_table_next(table, &at)) != NULL) {
        if (in_range(query, &row->key)) {
            store_sort_value(row_doc(row), query->sort, &rows[*n].value);
            rows[*n].row = row;
            rows[*n].kind = table->kind;
            (*n)++;
        }
    }
    qsort(rows, *n, sizeof *rows, sorted_compare);
    return rows;
}

static bool is_after(const struct store_scan_plan *plan,
                     const struct sorted *row)
{
    int order;

    if (!plan->has_after) {
        return true;
    }
    order = doc_compare(&row->value, &plan->after_value);
    if (order == 0) {
        order = store_key_compare(row->kind, &row->row->key, &plan->after_key);
    }
    return plan->query->descending ? order < 0 : order > 0;
}

static void scan_sorted(const struct store_memory_table *table,
                        const struct store_scan_plan *plan, store_row_fn *each,
                        void *ctx)
{
    size_t n;
    struct sorted *rows = collect(table, plan->query, &n);

    for (size_t i = 0; i < n; i++) {
        const struct sorted *row =
            &rows[plan->query->descending ? n - 1 - i : i];

        if (is_after(plan, row) &&
            !each(ctx, &row->row->key, row_doc(row->row))) {
            break;
        }
    }
    free(rows);
}

static enum err memory_scan(struct store *store,
                            const struct store_scan_plan *plan,
                            store_row_fn *each, void *ctx)
{
    const struct store_memory_table *table =
        table_get((struct handle *)store, plan->query->collection);

    if (fault_of(store, false) != STORE_FAULT_NONE) {
        return ERR_UNAVAILABLE;
    }
    if (table == NULL) {
        return ERR_OK;
    }
    if (plan->query->sort != NULL) {
        scan_sorted(table, plan, each, ctx);
    } else if (plan->query->descending) {
        scan_down(table, plan, each, ctx);
    } else {
        scan_up(table, plan, each, ctx);
    }
    return ERR_OK;
}

static struct progress *progress_get(struct store_memory *memory,
                                     const char *row)
{
    return map_get(&memory->progress, row, strlen(row));
}

static enum err memory_fence_raise(struct store *store, int64_t now_s,
                                   struct store_fence *fence,
                                   struct buf *payload)
{
    struct store_memory *memory = ((struct handle *)store)->memory;
    struct progress *progress = progress_get(memory, fence->row);
    enum store_fault fault = fault_of(store, false);

    if (fault == STORE_FAULT_UNAVAILABLE) {
        return ERR_UNAVAILABLE;
    }
    if (fault == STORE_FAULT_UNKNOWN_LOST) {
        return ERR_UNKNOWN;
    }
    if (progress == NULL) {
        progress = xcalloc(1, sizeof *progress);
        progress->row = xstrdup(fence->row);
        (void)map_put(&memory->progress, progress->row, strlen(progress->row),
                      progress);
    }
    progress->epoch = progress->epoch + 1 > now_s ? progress->epoch + 1 : now_s;
    if (fault == STORE_FAULT_UNKNOWN_APPLIED) {
        return ERR_UNKNOWN;
    }
    fence->epoch = progress->epoch;
    fence->batch = progress->batch;
    if (progress->len > 0) {
        buf_add(payload, progress->payload, progress->len);
    }
    return ERR_OK;
}

static void apply(struct handle *handle, const struct store_batch *batch)
{
    struct store_write write;
    size_t at = 0;

    while (store_batch_next(batch, &at, &write)) {
        struct store_memory_table *table = table_get(handle, write.collection);

        BUG_IF(handle->own == NULL ||
               !store_may_write(handle->own->writer, write.collection));
        switch (write.op) {
        case STORE_OP_PUT:
        case STORE_OP_APPEND:
            store_memory_table_put(table, &write.key, write.row);
            break;
        case STORE_OP_ADD:
            if (store_memory_table_get(table, &write.key) == NULL) {
                store_memory_table_put(table, &write.key, write.row);
            }
            break;
        case STORE_OP_DELETE:
            store_memory_table_delete(table, &write.key);
            break;
        case STORE_OP_DELETE_RANGE:
            store_memory_table_delete_range(table, &write.key, &write.past);
            break;
        }
    }
}

static enum err memory_commit(struct store *store,
                              const struct store_fence *fence,
                              const struct store_batch *batch,
                              struct doc progress)
{
    struct handle *handle = (struct handle *)store;
    struct progress *row = progress_get(handle->memory, fence->row);
    enum store_fault fault = fault_of(store, true);

    if (fault == STORE_FAULT_UNAVAILABLE) {
        return ERR_UNAVAILABLE;
    }
    if (fault == STORE_FAULT_UNKNOWN_LOST) {
        return ERR_UNKNOWN;
    }
    if (row == NULL || row->epoch != fence->epoch ||
        row->batch != fence->batch) {
        return ERR_FENCED;
    }
    apply(handle, batch);
    row->batch++;
    free(row->payload);
    row->payload =
        progress.len > 0 ? xmemdup(progress.data, progress.len) : NULL;
    row->len = progress.len;
    return fault == STORE_FAULT_NONE ? ERR_OK : ERR_UNKNOWN;
}

static enum err memory_count(struct store *store,
                             enum store_collection collection, int64_t most,
                             int64_t *n)
{
    const struct store_memory_table *table =
        table_get((struct handle *)store, collection);
    int64_t rows = table != NULL ? (int64_t)table->n : 0;

    if (fault_of(store, false) != STORE_FAULT_NONE) {
        return ERR_UNAVAILABLE;
    }
    *n = rows < most ? rows : most;
    return ERR_OK;
}

static enum err memory_progress(struct store *store, const char *row,
                                int64_t *epoch, int64_t *batch)
{
    const struct progress *progress =
        progress_get(((struct handle *)store)->memory, row);

    if (fault_of(store, false) != STORE_FAULT_NONE) {
        return ERR_UNAVAILABLE;
    }
    if (progress == NULL) {
        return ERR_NOT_FOUND;
    }
    *epoch = progress->epoch;
    *batch = progress->batch;
    return ERR_OK;
}

static int compare_rows(const void *a, const void *b)
{
    const struct progress *const *left = a;
    const struct progress *const *right = b;

    return strcmp((*left)->row, (*right)->row);
}

static enum err memory_progress_each(struct store *store,
                                     store_progress_fn *each, void *ctx)
{
    const struct handle *handle = (struct handle *)store;
    const struct progress **rows =
        xcalloc(handle->memory->progress.n + 1, sizeof(struct progress *));
    struct map_slot slot;
    size_t at = 0;
    size_t n = 0;

    BUG_IF(handle->own == NULL);
    if (fault_of(store, false) != STORE_FAULT_NONE) {
        free(rows);
        return ERR_UNAVAILABLE;
    }
    while (map_next(&handle->memory->progress, &at, &slot)) {
        const struct progress *progress = slot.value;

        if (store_is_row_of(progress->row, handle->own->writer)) {
            rows[n++] = progress;
        }
    }
    qsort(rows, n, sizeof(struct progress *), compare_rows);
    for (size_t i = 0; i < n; i++) {
        each(ctx, &(struct store_progress){
                      .row = rows[i]->row,
                      .payload = {rows[i]->payload, (uint32_t)rows[i]->len}});
    }
    free(rows);
    return ERR_OK;
}

static enum err memory_fence_remove(struct store *store,
                                    const struct store_fence *fence)
{
    struct store_memory *memory = ((struct handle *)store)->memory;
    struct progress *row = progress_get(memory, fence->row);
    enum store_fault fault = fault_of(store, true);

    if (fault == STORE_FAULT_UNAVAILABLE) {
        return ERR_UNAVAILABLE;
    }
    if (fault == STORE_FAULT_UNKNOWN_LOST) {
        return ERR_UNKNOWN;
    }
    if (row == NULL) {
        return ERR_NOT_FOUND;
    }
    if (row->epoch != fence->epoch || row->batch != fence->batch) {
        return ERR_FENCED;
    }
    (void)map_remove(&memory->progress, fence->row, strlen(fence->row));
    free(row->payload);
    free(row->row);
    free(row);
    return fault == STORE_FAULT_NONE ? ERR_OK : ERR_UNKNOWN;
}

static const struct store_ops memory_ops = {
    .close = memory_close,
    .ping = memory_ping,
    .get = memory_get,
    .scan = memory_scan,
    .count = memory_count,
    .fence_raise = memory_fence_raise,
    .commit = memory_commit,
    .progress = memory_progress,
    .progress_each = memory_progress_each,
    .fence_remove = memory_fence_remove,
};

struct store_memory *store_memory_new(void)
{
    return xcalloc(1, sizeof(struct store_memory));
}

static void progress_free(struct progress *progress)
{
    free(progress->payload);
    free(progress->row);
    free(progress);
}

void store_memory_forget(struct store_memory *memory, const char *writer)
{
    struct space *space = space_get(memory, writer);
    struct map old = memory->progress;
    struct map_slot slot;
    size_t at = 0;

    for (size_t i = 0; i < STORE_N_COLLECTIONS; i++) {
        store_memory_table_fini(&space->tables[i]);
        space->tables[i] = (struct store_memory_table){
            .kind = store_schema((enum store_collection)i)->key};
    }
    map_init(&memory->progress);
    while (map_next(&old, &at, &slot)) {
        struct progress *progress = slot.value;

        if (store_is_row_of(progress->row, writer)) {
            progress_free(progress);
        } else {
            (void)map_put(&memory->progress, progress->row, slot.key_len,
                          progress);
        }
    }
    map_fini(&old);
}

void store_memory_free(struct store_memory *memory)
{
    struct map_slot slot;
    size_t at = 0;

    if (memory == NULL) {
        return;
    }
    while (map_next(&memory->spaces, &at, &slot)) {
        space_free(slot.value);
    }
    map_fini(&memory->spaces);
    at = 0;
    while (map_next(&memory->progress, &at, &slot)) {
        progress_free(slot.value);
    }
    map_fini(&memory->progress);
    free(memory);
}

struct store *store_memory_open(struct store_memory *memory, const char *writer)
{
    struct handle *handle = xcalloc(1, sizeof *handle);

    handle->store.ops = &memory_ops;
    handle->memory = memory;
    handle->own = writer != NULL ? space_get(memory, writer) : NULL;
    return &handle->store;
}

void store_memory_set_fault(struct store_memory *memory, store_fault_fn *fault,
                            void *ctx)
{
    memory->fault = fault;
    memory->fault_ctx = ctx;
}
