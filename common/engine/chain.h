/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Chain time: marks with their send time travel behind the events they
 * followed; what an engine may conclude from silence waits for them.
 */
#ifndef HYP_ENGINE_CHAIN_H
#define HYP_ENGINE_CHAIN_H

#include <stdint.h>

#include "common/bus/envelope.h"
#include "common/bus/topology.h"
#include "common/doc/doc.h"
#include "common/event/event.h"

enum {
    CHAIN_GAP_MS = 5000,
    CHAIN_MARK_MS = 1000
};

struct chain_source {
    char stream[EVENT_STREAM_MAX + 1];
    char sender[ENVELOPE_NAME_MAX + 1];
    char queue[BUS_NAME_MAX + 1]; /**< entry queue it was sent to; "" unknown */
    int64_t newest_ms;
};

struct chain {
    struct chain_source *sources; /**< n of cap: the streams that progress
                                       knows, at most */
    size_t n;
    size_t cap;
    int64_t gap_ms; /**< first mark after the last gap; 0: none yet */
};

/** A mark, as it travels: queue is the entry queue it was sent to. */
struct chain_mark {
    const char *stream;
    const char *sender;
    const char *queue;
    int64_t t_ms;
};

void chain_fini(struct chain *chain);
/** A mark arrived. More than CHAIN_GAP_MS after the one before, or before it
 *  (a clock set back), is a gap. The first mark of a new stream replaces the
 *  older stream of the same entry queue that came the same way: the entry's
 *  store was made anew, and nothing of the older one can follow (why:
 *  docs/decisions, "A new stream of an entry replaces the older one"). So does
 *  the first mark of a stream through another sender: an engine was put
 *  between, or taken away. */
void chain_mark(struct chain *chain, const struct chain_mark *mark);
/** The least of the newest marks; 0 before the first. */
int64_t chain_ms(const struct chain *chain);
/** Members "marks" and "gap" of the progress document. */
void chain_add_members(const struct chain *chain, struct doc_out *out);
void chain_from_doc(struct chain *chain, struct doc progress);

#endif
