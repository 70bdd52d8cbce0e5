/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A store as a whole: everything it holds read as of one moment, and a store
 * filled with that in one step. For backup and restore; engines never use it.
 */
#ifndef HYP_STORE_STORE_COPY_H
#define HYP_STORE_STORE_COPY_H

#include "common/store/store.h"

/** A progress row: what a writer's process goes on from. */
struct store_copy_progress {
    const char *row; /**< "<engine>[.<partition>]" */
    int64_t epoch;
    int64_t batch;
    struct doc payload; /**< as the last commit left it; empty: none yet */
};

/* Reading. */

struct store_snapshot;

/** Returns whether to go on. Borrowed for the call. */
typedef bool store_copy_progress_fn(void *ctx,
                                    const struct store_copy_progress *progress);

/**
 * Begin to read a store, whether engines write to it meanwhile or not. Each
 * writer's rows and progress are of one moment. On MongoDB that is the same
 * for all of them; on SQLite the files' moments follow each other at once, in
 * the order of their names, with "webserver" last.
 * ERR_INVALID: as store_open; ERR_NOT_FOUND: there is no store;
 * ERR_UNAVAILABLE: retry.
 */
MUST_CHECK enum err store_snapshot_open(const char *uri,
                                        struct store_snapshot **out,
                                        struct errbuf *why);
void store_snapshot_close(struct store_snapshot *snapshot);
/** Give every row of a collection, in the order of keys within what one writer
 *  wrote. ERR_UNAVAILABLE with why: it cannot be read to its end. */
MUST_CHECK enum err store_snapshot_scan(struct store_snapshot *snapshot,
                                        enum store_collection collection,
                                        store_row_fn *each, void *ctx,
                                        struct errbuf *why);
/** Give every progress row; the same errors. */
MUST_CHECK enum err store_snapshot_progress(struct store_snapshot *snapshot,
                                            store_copy_progress_fn *each,
                                            void *ctx, struct errbuf *why);

/* Filling. */

struct store_filling;

enum store_filling_mode {
    STORE_FILL_EMPTY,  /**< refuse a store that holds anything */
    STORE_FILL_REPLACE /**< put the new content in place of the old */
};

/**
 * Begin to fill a store. What is put waits beside the store's own content,
 * which stays as it is until store_filling_finish.
 * ERR_CONFLICT: it holds something already, or a process uses it;
 * ERR_INVALID: as store_open; ERR_UNAVAILABLE: retry.
 */
MUST_CHECK enum err store_filling_open(const char *uri,
                                       enum store_filling_mode mode,
                                       struct store_filling **out,
                                       struct errbuf *why);
/** Drops what was put, unless it was finished. NULL is fine. */
void store_filling_close(struct store_filling *filling);
/** Put a row with a key that was not put before. ERR_UNAVAILABLE with why;
 *  ERR_INVALID: the row can be nobody's. */
MUST_CHECK enum err store_filling_put(struct store_filling *filling,
                                      enum store_collection collection,
                                      const struct store_key *key,
                                      struct doc row, struct errbuf *why);
MUST_CHECK enum err
store_filling_put_progress(struct store_filling *filling,
                           const struct store_copy_progress *progress,
                           struct errbuf *why);
/**
 * What was put becomes the store's content, and all else goes. While that is
 * under way no program opens the store; should the process end in between,
 * only another filling with STORE_FILL_REPLACE makes it whole.
 * ERR_CONFLICT: a process uses the store; ERR_UNAVAILABLE, with why.
 */
MUST_CHECK enum err store_filling_finish(struct store_filling *filling,
                                         struct errbuf *why);

#endif
