/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a consumer has taken: by sender its epoch and next number, by stream
 * and sender the last position, and how the unacknowledged ended. It decides,
 * for each message and event, whether it is new. Pure.
 */
#ifndef HYP_ENGINE_PROGRESS_H
#define HYP_ENGINE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bus/envelope.h"
#include "common/doc/doc.h"
#include "common/event/event.h"

enum {
    /* Every entry queue gives a stream for each way through the partitions
     * before this one; past these somebody has far too many of them. */
    PROGRESS_SENDERS_MAX = 1024,
    PROGRESS_STREAMS_MAX = 4096
};

/** progress_stream found no room for one more. */
#define PROGRESS_NO_STREAM UINT32_MAX

struct progress_sender {
    char name[ENVELOPE_NAME_MAX + 1];
    uint64_t epoch;
    uint64_t next; /**< number expected */
};

struct progress_stream {
    char stream[EVENT_STREAM_MAX + 1];
    char sender[ENVELOPE_NAME_MAX + 1];
    uint64_t n; /**< last position taken; 0: none */
    uint32_t index;
    /** Its sender kept the last messages itself until all was done: what comes
     *  again, nobody else has. Until something new of this stream comes by the
     *  broker; a sender with several may be at the new of one and have to send
     *  another's again. */
    bool kept;
    bool heard;          /**< something new, in this life */
    uint64_t mark_n;     /**< a mark on its way to every target; 0: none */
    uint64_t mark_batch; /**< the batch that forwards it */
};

/** An event that was not forwarded, until a later mark of its stream has
 *  reached every target: after that, who forwards it again does no harm, for
 *  the targets' last position is above it. */
struct progress_ended {
    uint64_t n;
    uint32_t index;
    uint32_t stream; /**< row in streams */
};

/** All of an entry's stream up to message n has been everywhere, whatever way
 *  it took: the partitions were changed then. */
struct progress_floor {
    char stream[EVENT_STREAM_MAX + 1]; /**< without a way */
    uint64_t n;
};

struct progress {
    struct progress_floor *floors; /**< n_floors of cap_floors */
    size_t n_floors;
    size_t cap_floors;
    struct progress_sender *senders; /**< n_senders of cap_senders */
    size_t n_senders;
    size_t cap_senders;
    struct progress_stream *streams; /**< n_streams of cap_streams */
    size_t n_streams;
    size_t cap_streams;
    struct progress_ended *ended; /**< n_ended of cap_ended */
    size_t n_ended;
    size_t cap_ended;
};

enum progress_message {
    PROGRESS_TAKE,   /**< look at its events */
    PROGRESS_IGNORE, /**< an older life, or a gap: will be sent again */
    PROGRESS_FULL,   /**< there are PROGRESS_SENDERS_MAX other senders */
    PROGRESS_HOLE    /**< look at its events; confirmed ones before are gone */
};

void progress_init(struct progress *progress);
void progress_fini(struct progress *progress);
/** Raise the floor of a stream, with or without a way, to n. */
void progress_add_floor(struct progress *progress, const char *stream,
                        uint64_t n);
/** Judge a message by its sender's epoch and number, and remember it. */
enum progress_message progress_judge(struct progress *progress,
                                     const struct envelope_header *header);
/** Whether a sender that kept its messages may still send some again. */
bool progress_awaits(const struct progress *progress);
/** Row of a (stream, sender), made when new: at the stream's floor, if it has
 *  one; stream has len bytes.
 *  PROGRESS_NO_STREAM when there are PROGRESS_STREAMS_MAX others. */
uint32_t progress_stream(struct progress *progress, const char *stream,
                         size_t len, const char *sender);
/** Whether the position is above the last. */
bool progress_is_new(const struct progress *progress, uint32_t stream,
                     uint64_t n, uint32_t index);
/** The same, and then it is the last. */
bool progress_advance(struct progress *progress, uint32_t stream, uint64_t n,
                      uint32_t index);
/** Something of the stream came, local: from a sender in this process, which
 *  keeps it. Returns whether a repeat of it is nowhere else. */
bool progress_keeps(struct progress *progress, uint32_t stream, bool local);
/** It was new. */
void progress_hear(struct progress *progress, uint32_t stream, bool local);
/** The event just advanced to ends here (dropped or refused). */
void progress_end(struct progress *progress, uint32_t stream, uint64_t n,
                  uint32_t index);
/** A mark at position n joins a batch, to be forwarded to every target. */
void progress_mark(struct progress *progress, uint32_t stream, uint64_t n,
                   uint64_t batch);
/** Whether a repeat ended the first time. */
bool progress_has_ended(const struct progress *progress, uint32_t stream,
                        uint64_t n, uint32_t index);
/** All that batches up to this one forwarded is confirmed: forget what ended
 *  before their marks. */
void progress_confirmed(struct progress *progress, uint64_t batch);
/** Members "floors", "senders", "streams", "ended" of the progress document. */
void progress_add_members(const struct progress *progress, struct doc_out *out);
void progress_from_doc(struct progress *progress, struct doc doc);

#endif
