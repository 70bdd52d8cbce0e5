/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The store in memory, for tests: several handles share one set of data as
 * several processes share a database, and any call can be made to fail.
 */
#ifndef HYP_STORE_STORE_MEMORY_H
#define HYP_STORE_STORE_MEMORY_H

#include "common/store/store.h"

struct store_memory;

enum store_fault {
    STORE_FAULT_NONE,
    STORE_FAULT_UNAVAILABLE,     /**< not done, ERR_UNAVAILABLE */
    STORE_FAULT_UNKNOWN_APPLIED, /**< commits: done, ERR_UNKNOWN */
    STORE_FAULT_UNKNOWN_LOST     /**< commits: not done, ERR_UNKNOWN */
};

/** Asked before each call; is_commit for store_commit. */
typedef enum store_fault store_fault_fn(void *ctx, bool is_commit);

struct store_memory *store_memory_new(void);
/** All handles must be closed. */
void store_memory_free(struct store_memory *memory);
/** A handle, to be closed with store_close. writer NULL: reads only. */
struct store *store_memory_open(struct store_memory *memory,
                                const char *writer);
/** The writer's data is gone, as if its files were deleted. Its open handles
 *  stay good. */
void store_memory_forget(struct store_memory *memory, const char *writer);
void store_memory_set_fault(struct store_memory *memory, store_fault_fn *fault,
                            void *ctx);

#endif
