/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Receipts of one entry queue: which number each message got, kept until its
 * acknowledgement is proven, so that what the broker delivers again is known
 * again without looking at its content. Pure.
 */
#ifndef HYP_ENGINE_RECEIPTS_H
#define HYP_ENGINE_RECEIPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/doc/doc.h"

struct receipt {
    uint64_t n;
    uint64_t hash; /**< hash_fixed of the body */
    int64_t received_ms;
    bool silent; /**< nothing was passed on (a known id): nothing ever is */
};

struct receipts {
    struct receipt *list; /**< oldest first; n grows */
    size_t n;
    size_t cap;
};

void receipts_init(struct receipts *receipts);
void receipts_fini(struct receipts *receipts);
void receipts_add(struct receipts *receipts, const struct receipt *receipt);
/** Forget all up to this number. */
void receipts_forget(struct receipts *receipts, uint64_t upto);
/**
 * Match what was delivered again (hashes in order) with the receipts above
 * proven, whose acknowledgement may not have arrived: for the smallest k such
 * that list[k..] is a prefix of the hashes, those messages keep their numbers.
 * whole tells that the hashes are all there are; else a
 * longer list[k..] need only agree as far as they go. Returns k (list's
 * length: none matches).
 */
size_t receipts_match(const struct receipts *receipts, uint64_t proven,
                      const uint64_t *hashes, size_t n_hashes, bool whole);
/** Row form of receipts [from, n): {first, data}. */
void receipts_to_doc(const struct receipts *receipts, size_t from,
                     struct doc_out *out);
void receipts_add_doc(struct receipts *receipts, struct doc row);

#endif
