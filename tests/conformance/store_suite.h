/* SPDX-License-Identifier: Apache-2.0 */
/** What every store backend has to do, as one suite run on each of them. */
#ifndef HYP_TESTS_STORE_SUITE_H
#define HYP_TESTS_STORE_SUITE_H

#include "common/store/store.h"

/** A backend under test. */
struct store_suite {
    const char *name;
    void *ctx;
    /** Before and after each test: an empty store, then none. */
    void (*begin)(void *ctx);
    void (*end)(void *ctx);
    /** One more handle on the same data; writer NULL reads only. */
    struct store *(*open)(void *ctx, const char *writer);
};

/** Number of failed tests. */
int store_suite_run(struct store_suite *suite);

/* Shared by the parts of the suite. */

/** The suite of the running test. */
struct store_suite *store_suite_of(void **state);
/** A document from JSON text in ' for "; the same bytes until the next call
 *  with this out. */
struct doc store_suite_doc(struct doc_out *out, const char *json);
/** Raise a fence that has to succeed; the payload is thrown away. */
void store_suite_raise(struct store *store, const char *row,
                       struct store_fence *fence);
/** Commit that has to succeed, and clear the batch. */
void store_suite_commit(struct store *store, struct store_fence *fence,
                        struct store_batch *batch);

/** Random operations against a plain model. */
void store_suite_test_model(void **state);

#endif
