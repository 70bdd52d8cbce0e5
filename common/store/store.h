/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The store: rows that are documents under a key, in named collections. One
 * narrow interface; backends: memory, SQLite, MongoDB. What a batch changes
 * is committed whole, on condition that its writer still holds its epoch.
 * Source of the rules: docs/architecture.md, "Delivery".
 */
#ifndef HYP_STORE_STORE_H
#define HYP_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/doc/doc.h"
#include "common/filter/filter.h"
#include "common/store/schema.h"

struct store;
struct store_batch;

/** Key of a row; which members count is the collection's key kind. */
struct store_key {
    const char *text; /**< KEY_TEXT, KEY_TEXT_INT */
    int64_t a;        /**< KEY_INTS, KEY_TEXT_INT */
    int64_t b;        /**< KEY_INTS */
};

struct store_options {
    const char *uri;    /**< "sqlite:<folder>" or "mongodb://..." */
    const char *writer; /**< writes this writer's collections, reads all;
                             NULL: reads only */
};

/**
 * Open. A writer creates what is missing and migrates its own schema; a
 * reader takes what is there (a writer that never ran reads as empty).
 * ERR_INVALID: bad uri, a schema of another program version, a standalone
 * mongod (why holds the command that helps); ERR_UNAVAILABLE: retry.
 */
MUST_CHECK enum err store_open(const struct store_options *options,
                               struct store **out, struct errbuf *why);
void store_close(struct store *store);
/** Cheap round trip. ERR_UNAVAILABLE with a reason. */
MUST_CHECK enum err store_ping(struct store *store, struct errbuf *why);
/** How long a batch may wait for more when events come densely, because a
 *  commit costs much whatever is in it; 0: not at all. */
int64_t store_gather_ms(const struct store *store);

/* Reading. Each may return ERR_UNAVAILABLE. */

/** Append the row's bytes to out. ERR_NOT_FOUND. */
MUST_CHECK enum err store_get(struct store *store, enum store_collection from,
                              const struct store_key *key, struct buf *out);

struct store_query {
    enum store_collection collection;
    const struct filter *filter;  /**< NULL: every row; decides every row */
    const struct store_key *from; /**< first key, or NULL */
    const struct store_key *to;   /**< key past the last, or NULL */
    const char *sort;             /**< an indexed field; NULL: by key */
    bool descending;
    const char *cursor; /**< what a scan before gave; NULL or "": start */
    int64_t limit;      /**< rows to give, above 0 */
    int64_t look; /**< rows to decide about at most; 0: as many as it takes */
};

/** One row, borrowed for the call. Returns whether to go on. */
typedef bool store_row_fn(void *ctx, const struct store_key *key,
                          struct doc row);

/**
 * Give rows in order (ties by key; descending turns all of it round). Lists,
 * documents and bytes in the sort field count as equal. next (may be NULL) is
 * cleared and gets the cursor to go on with, empty when there is no more row;
 * after `look` rows there may be one though none matches behind it.
 * ERR_INVALID: sort is not indexed, limit is not above 0, or the cursor is of
 * another query; ERR_LIMIT: next is too small for a cursor.
 */
MUST_CHECK enum err store_scan(struct store *store,
                               const struct store_query *query,
                               store_row_fn *each, void *ctx, struct buf *next,
                               struct errbuf *why);
/** Count matching rows, stopping at most: *n is exact when below most. With a
 *  filter each row is read that the indexed conditions let through. */
MUST_CHECK enum err store_count(struct store *store,
                                enum store_collection collection,
                                const struct filter *filter, int64_t most,
                                int64_t *n);

/** The same, deciding about at most `look` rows; *whole tells whether there
 *  were no more. */
MUST_CHECK enum err store_count_some(struct store *store,
                                     const struct store_query *query,
                                     int64_t *n, bool *whole);

/* Writing. */

struct store_batch *store_batch_new(void);
void store_batch_free(struct store_batch *batch);
void store_batch_clear(struct store_batch *batch);
/** Number of writes and bytes they hold, to cut transactions. */
size_t store_batch_count(const struct store_batch *batch);
size_t store_batch_bytes(const struct store_batch *batch);
/** Insert or replace a row. Copies key and row. Within a batch, writes apply
 *  in order: the last one to a key wins. */
void store_batch_put(struct store_batch *batch, enum store_collection into,
                     const struct store_key *key, struct doc row);
/** The same for a key that is new as a rule: cheaper where that is true. */
void store_batch_append(struct store_batch *batch, enum store_collection into,
                        const struct store_key *key, struct doc row);
/** Insert a row unless the key has one, also one that another writer of the
 *  collection commits at the same time: then this write does nothing. */
void store_batch_add(struct store_batch *batch, enum store_collection into,
                     const struct store_key *key, struct doc row);
/** Delete a row that may be there. */
void store_batch_delete(struct store_batch *batch, enum store_collection from,
                        const struct store_key *key);
/** Delete every key from `first` up to before `past` (KEY_TEXT_INT: both with
 *  the same text). */
void store_batch_delete_range(struct store_batch *batch,
                              enum store_collection from,
                              const struct store_key *first,
                              const struct store_key *past);

/** A writer's hold on its data; kept by the runtime. */
struct store_fence {
    char row[64];  /**< name of the progress row: "<engine>[.<partition>]" */
    int64_t epoch; /**< the one raised by this process */
    int64_t batch; /**< number of the last commit */
};

/** Whether somebody ever raised a fence of that row. ERR_NOT_FOUND;
 *  ERR_UNAVAILABLE. */
MUST_CHECK enum err store_fence_find(struct store *store, const char *row);
/** A progress row; payload is what the last commit left, empty when none. */
struct store_progress {
    const char *row;
    struct doc payload;
};
/** Borrowed for the call. */
typedef void store_progress_fn(void *ctx,
                               const struct store_progress *progress);
/** Give every progress row of this store's writer, "<writer>" and
 *  "<writer>.<more>", in the order of their names. ERR_UNAVAILABLE. */
MUST_CHECK enum err store_progress_each(struct store *store,
                                        store_progress_fn *each, void *ctx);
/** Remove a progress row that has fence's epoch and batch. ERR_FENCED: it has
 *  not; ERR_NOT_FOUND; ERR_UNAVAILABLE, ERR_UNKNOWN: call again. */
MUST_CHECK enum err store_fence_remove(struct store *store,
                                       const struct store_fence *fence);
/**
 * Take over: raise the row's epoch to the greater of stored + 1 and now_s.
 * Fills fence (row is set by the caller) and appends the payload that the
 * last commit left to payload (nothing when new). After ERR_UNKNOWN or
 * ERR_UNAVAILABLE simply call again.
 */
MUST_CHECK enum err store_fence_raise(struct store *store, int64_t now_s,
                                      struct store_fence *fence,
                                      struct buf *payload);
/**
 * Apply the batch and replace the progress payload, whole or not at all, on
 * condition that the row still has fence's epoch and batch; then fence->batch
 * counts one more. ERR_FENCED: another process took over, nothing applied;
 * ERR_UNAVAILABLE: surely not applied, call again with the same; ERR_UNKNOWN:
 * call store_commit_known until it knows, then go on or call again.
 */
MUST_CHECK enum err store_commit(struct store *store, struct store_fence *fence,
                                 const struct store_batch *batch,
                                 struct doc progress);
/** After ERR_UNKNOWN: *applied tells whether that commit is in (fence->batch
 *  is counted then). ERR_FENCED; ERR_UNAVAILABLE: ask again. */
MUST_CHECK enum err store_commit_known(struct store *store,
                                       struct store_fence *fence,
                                       bool *applied);

#endif
