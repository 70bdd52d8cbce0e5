/* SPDX-License-Identifier: Apache-2.0 */
/** Dead letters counted by engine, field and kind of reason. */
#ifndef HYP_EVENTSTORE_DEAD_COUNT_H
#define HYP_EVENTSTORE_DEAD_COUNT_H

#include "common/base/map.h"
#include "common/engine/engine.h"

enum {
    DEAD_REASON_MAX = 160, /* bytes of a kind of reason */
    DEAD_COUNTS_MAX = 1000 /* kinds told apart */
};

/** What is the same in all reasons that differ by numbers and quotes only. */
struct dead_count {
    int64_t total; /**< since the store was made */
    int64_t kept;  /**< of these, still there */
    int64_t last_ms;
    bool changed;
    char *engine;
    char *field;
    char *reason;
    char key[];
};

void dead_counts_fini(struct map *counts);
/** The count of a letter, made when new; beyond the most, one for all others.
 */
struct dead_count *dead_count_of(struct map *counts, struct doc letter);
/** A count as it was stored; what is kept is counted anew. */
void dead_counts_add(struct map *counts, const char *key, struct doc row);
/** Put the rows of those that changed. */
void dead_counts_write(struct map *counts, struct engine_io *io);
/** The reason up to ", got" or ", found", with each number as N and each quoted
 *  text as "...", cut at DEAD_REASON_MAX. */
void dead_reason_kind(const char *reason, char out[DEAD_REASON_MAX + 1]);

#endif
