/* SPDX-License-Identifier: Apache-2.0 */
/** What a backend implements; store.c does the rest (matching, cursors). */
#ifndef HYP_STORE_STORE_BACKEND_H
#define HYP_STORE_STORE_BACKEND_H

#include "common/store/store.h"
#include "common/store/store_copy.h"

enum store_op {
    STORE_OP_PUT,
    STORE_OP_APPEND,
    STORE_OP_ADD, /**< nothing where the key has a row */
    STORE_OP_DELETE,
    STORE_OP_DELETE_RANGE /**< key up to before past */
};

struct store_write {
    enum store_op op;
    enum store_collection collection;
    struct store_key key;
    struct store_key past;
    struct doc row;
    const char *id; /**< bytes that name collection and key: equal for equal
                         keys of a batch */
    size_t id_len;
};

/** Walk a batch: start with *at = 0; false at the end. Borrows. */
bool store_batch_next(const struct store_batch *batch, size_t *at,
                      struct store_write *write);
/** Order of keys of one kind. */
int store_key_compare(enum store_key_kind kind, const struct store_key *a,
                      const struct store_key *b);

/** Whether this writer's batches may touch the collection. A batch that goes
 *  elsewhere is a bug. */
bool store_may_write(const char *writer, enum store_collection collection);
/** The writer behind the name of a progress row ("<writer>[.<partition>]", or
 *  one with a queue behind it: "/<queue>"). ERR_INVALID: behind no name. */
MUST_CHECK enum err store_writer_of_row(const char *row, char *writer,
                                        size_t size, struct errbuf *why);
/** The writer whose the row under this key is; the same error. */
MUST_CHECK enum err store_writer_of(enum store_collection collection,
                                    const struct store_key *key, char *writer,
                                    size_t size, struct errbuf *why);
/** Whether a progress row is the writer's: "<writer>" or "<writer>.<more>". */
bool store_is_row_of(const char *row, const char *writer);
/** What a row is sorted and narrowed by: its scalar at the path; where that
 *  is a list, a document, bytes, NaN or lies inside a list: empty DOC_BYTES,
 *  which no pushed-down condition may rule out. Borrows from row. */
void store_sort_value(struct doc row, const char *field,
                      struct doc_value *value);

/** A scan as a backend sees it: the cursor is taken apart. */
struct store_scan_plan {
    const struct store_query *query;
    const struct filter_cond *conds; /**< on indexed fields, to push down; a
                                          hint. Of a row, no condition may
                                          rule out empty DOC_BYTES as
                                          store_sort_value gives it. */
    size_t n_conds;
    bool has_after;               /**< rows after (after_value, after_key) */
    struct doc_value after_value; /**< of the sort field */
    struct store_key after_key;
};

struct store_ops {
    int64_t gather_ms; /**< see store_gather_ms */
    void (*close)(struct store *store);
    enum err (*ping)(struct store *store, struct errbuf *why);
    enum err (*get)(struct store *store, enum store_collection from,
                    const struct store_key *key, struct buf *out);
    /** Candidates in order: may give rows that do not match. */
    enum err (*scan)(struct store *store, const struct store_scan_plan *plan,
                     store_row_fn *each, void *ctx);
    /** All rows, stopping at most (above 0), without reading them. */
    enum err (*count)(struct store *store, enum store_collection collection,
                      int64_t most, int64_t *n);
    enum err (*fence_raise)(struct store *store, int64_t now_s,
                            struct store_fence *fence, struct buf *payload);
    /** Does not touch fence->batch: store.c counts. */
    enum err (*commit)(struct store *store, const struct store_fence *fence,
                       const struct store_batch *batch, struct doc progress);
    /** The row's epoch and batch as stored. ERR_NOT_FOUND. */
    enum err (*progress)(struct store *store, const char *row, int64_t *epoch,
                         int64_t *batch);
    /** In any order. */
    enum err (*progress_each)(struct store *store, store_progress_fn *each,
                              void *ctx);
    enum err (*fence_remove)(struct store *store,
                             const struct store_fence *fence);
};

/** A backend's struct begins with this. */
struct store {
    const struct store_ops *ops;
};

struct store_snapshot_ops {
    void (*close)(struct store_snapshot *snapshot);
    enum err (*scan)(struct store_snapshot *snapshot,
                     enum store_collection collection, store_row_fn *each,
                     void *ctx, struct errbuf *why);
    enum err (*progress)(struct store_snapshot *snapshot,
                         store_copy_progress_fn *each, void *ctx,
                         struct errbuf *why);
};

/** A backend's struct begins with this. */
struct store_snapshot {
    const struct store_snapshot_ops *ops;
};

struct store_filling_ops {
    void (*close)(struct store_filling *filling);
    enum err (*put)(struct store_filling *filling,
                    enum store_collection collection,
                    const struct store_key *key, struct doc row,
                    struct errbuf *why);
    enum err (*put_progress)(struct store_filling *filling,
                             const struct store_copy_progress *progress,
                             struct errbuf *why);
    enum err (*finish)(struct store_filling *filling, struct errbuf *why);
};

/** A backend's struct begins with this. */
struct store_filling {
    const struct store_filling_ops *ops;
};

MUST_CHECK enum err sqlite_snapshot_open(const char *uri,
                                         struct store_snapshot **out,
                                         struct errbuf *why);
MUST_CHECK enum err sqlite_filling_open(const char *uri,
                                        enum store_filling_mode mode,
                                        struct store_filling **out,
                                        struct errbuf *why);
MUST_CHECK enum err mongodb_snapshot_open(const char *uri,
                                          struct store_snapshot **out,
                                          struct errbuf *why);
MUST_CHECK enum err mongodb_filling_open(const char *uri,
                                         enum store_filling_mode mode,
                                         struct store_filling **out,
                                         struct errbuf *why);

MUST_CHECK enum err store_sqlite_open(const struct store_options *options,
                                      struct store **out, struct errbuf *why);
MUST_CHECK enum err store_mongodb_open(const struct store_options *options,
                                       struct store **out, struct errbuf *why);

#endif
