/* SPDX-License-Identifier: Apache-2.0 */
/** What each rule did: counters and the last failure, kept by its name. */
#ifndef HYP_EVENT_FILTER_COUNTS_H
#define HYP_EVENT_FILTER_COUNTS_H

#include "common/base/map.h"
#include "common/doc/doc.h"

enum {
    COUNT_TEXT_MAX = 256
};

struct count {
    char *name;
    int64_t matches, drops, failures;
    int64_t matched_ms; /**< last; 0: never */
    int64_t failed_ms;
    char failed_event[COUNT_TEXT_MAX]; /**< id of the last that failed */
    char failed_why[COUNT_TEXT_MAX];
    bool touched;  /**< in the open batch */
    bool dirty;    /**< since its row was written */
    bool adopted;  /**< counts of other rows are in it, which go with the next
                        write of its own */
    bool gone;     /**< there is no such rule any more */
    uint64_t seen; /**< last round in which there was such a rule */
};

struct counts {
    struct map by_name;
    struct count **touched;
    size_t n_touched, cap_touched;
    uint64_t round; /**< of reading the rules */
};

typedef void count_fn(void *ctx, const struct count *count);

void counts_init(struct counts *counts);
void counts_fini(struct counts *counts);
/** The rule's, made when new; name is copied. */
struct count *counts_take(struct counts *counts, const char *name);
/** It changes in this batch. */
void counts_touch(struct counts *counts, struct count *count);
/** A round of reading the rules begins; counts_see: there is one of that
 *  name; at its end, of those not seen the rules are gone. */
void counts_begin_round(struct counts *counts);
void counts_see(struct counts *counts, const char *name);
void counts_end_round(struct counts *counts);
/** Give each that is not as its row says; one that is gone is forgotten
 *  behind the call. False: there were more than `most`, call again. */
bool counts_fold(struct counts *counts, size_t most, count_fn *each, void *ctx);
/** Members of the row and of a delta. */
void count_add_members(const struct count *count, struct doc_out *out);
/** Read them back; the name must be there. */
void counts_read(struct counts *counts, struct doc doc);
/** Add those of another partition's row, which is gone. */
void counts_adopt(struct counts *counts, struct doc doc);
/** The touched ones as one document; false when there are none. */
bool counts_delta(struct counts *counts, struct doc_out *out);
void counts_apply(struct counts *counts, struct doc delta);

#endif
