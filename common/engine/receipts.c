/* SPDX-License-Identifier: Apache-2.0 */
/** Receipts of one entry queue. */
#include "common/engine/receipts.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

enum {
    RECEIPTS_FIRST = 256,
    RECEIPT_BYTES = 17
};

void receipts_init(struct receipts *receipts)
{
    *receipts = (struct receipts){0};
}

void receipts_fini(struct receipts *receipts)
{
    free(receipts->list);
    *receipts = (struct receipts){0};
}

void receipts_add(struct receipts *receipts, const struct receipt *receipt)
{
    if (receipts->n == receipts->cap) {
        receipts->cap = receipts->cap > 0 ? 2 * receipts->cap : RECEIPTS_FIRST;
        receipts->list = xrealloc_array(receipts->list, receipts->cap,
                                        sizeof *receipts->list);
    }
    receipts->list[receipts->n++] = *receipt;
}

void receipts_forget(struct receipts *receipts, uint64_t upto)
{
    size_t gone = 0;

    while (gone < receipts->n && receipts->list[gone].n <= upto) {
        gone++;
    }
    receipts->n -= gone;
    if (gone > 0 && receipts->n > 0) {
        memmove(receipts->list, receipts->list + gone,
                receipts->n * sizeof *receipts->list);
    }
}

static bool agrees(const struct receipts *receipts, size_t k,
                   const uint64_t *hashes, size_t n_hashes)
{
    size_t n = receipts->n - k < n_hashes ? receipts->n - k : n_hashes;

    for (size_t i = 0; i < n; i++) {
        if (receipts->list[k + i].hash != hashes[i]) {
            return false;
        }
    }
    return true;
}

size_t receipts_match(const struct receipts *receipts, uint64_t proven,
                      const uint64_t *hashes, size_t n_hashes, bool whole)
{
    size_t k = 0;

    if (whole && receipts->n > n_hashes) {
        k = receipts->n - n_hashes; /* a longer tail is no prefix */
    }
    while (k < receipts->n && receipts->list[k].n <= proven) {
        k++;
    }
    while (k < receipts->n && !agrees(receipts, k, hashes, n_hashes)) {
        k++;
    }
    return k;
}

void receipts_to_doc(const struct receipts *receipts, size_t from,
                     struct doc_out *out)
{
    struct buf data;

    BUG_IF(from >= receipts->n);
    buf_init(&data, DOC_BYTES_MAX);
    for (size_t i = from; i < receipts->n; i++) {
        buf_add_u64(&data, receipts->list[i].hash);
        buf_add_u64(&data, (uint64_t)receipts->list[i].received_ms);
        buf_add_char(&data, (char)receipts->list[i].silent);
    }
    BUG_IF(data.overflow);
    doc_add_i64(out, "first", (int64_t)receipts->list[from].n);
    doc_add_bytes(out, "data", buf_str(&data), data.len);
    buf_fini(&data);
}

void receipts_add_doc(struct receipts *receipts, struct doc row)
{
    struct doc_value value;
    uint64_t n = (uint64_t)doc_i64(row, "first", 0);

    if (!doc_get(row, "data", &value) || value.type != DOC_BYTES) {
        return;
    }
    for (size_t i = 0; i + RECEIPT_BYTES <= value.u.s.len; i += RECEIPT_BYTES) {
        struct receipt receipt = {.n = n++};

        memcpy(&receipt.hash, value.u.s.text + i, sizeof receipt.hash);
        memcpy(&receipt.received_ms, value.u.s.text + i + 8,
               sizeof receipt.received_ms);
        receipt.silent = value.u.s.text[i + RECEIPT_BYTES - 1] != 0;
        receipts_add(receipts, &receipt);
    }
}
