/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What travels between engines: many events in one message, read in place
 * and forwarded unchanged when nothing changed.
 *
 * Layout, little-endian: "HYPE", version u8, sender length u8, sender bytes,
 * epoch u64, sequence u64, confirmed u64; flags u8, streams u16, count u32,
 * bytes u32 (of the documents), body u32 (bytes of what follows, unpacked);
 * the body; CRC-32C u32 of all before it. Body: the streams (length u8, bytes
 * each); per event: stream u16, kind u8, reserved u8, index u32, n u64, offset
 * u32, len u32; the documents. With ENVELOPE_PACKED the body is one LZ4 block.
 * Version 1 had the flags (0) behind the version, and no body length.
 */
#ifndef HYP_BUS_ENVELOPE_H
#define HYP_BUS_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/doc/doc.h"

enum {
    ENVELOPE_VERSION = 2,
    ENVELOPE_EVENTS_MAX = 1000,
    ENVELOPE_BYTES_MAX = 512 * 1024, /* a larger event travels alone */
    ENVELOPE_STREAMS_MAX = 64,
    ENVELOPE_NAME_MAX = 63,  /* bytes of sender and stream names */
    ENVELOPE_RECORD = 24,    /* bytes of an event beside its document */
    ENVELOPE_PACK_MIN = 2048 /* a smaller body is not worth packing */
};

/** Most bytes in a body before its documents. */
#define ENVELOPE_FRONT_MAX                                                     \
    (ENVELOPE_STREAMS_MAX * (ENVELOPE_NAME_MAX + 1) +                          \
     ENVELOPE_EVENTS_MAX * ENVELOPE_RECORD)
/** Most bytes of a body, unpacked, and of the message that has it. */
#define ENVELOPE_BODY_MAX    (ENVELOPE_FRONT_MAX + DOC_BYTES_MAX)
#define ENVELOPE_MESSAGE_MAX (ENVELOPE_BODY_MAX + 256)

/** Flags. */
#define ENVELOPE_PACKED 1U

enum envelope_kind {
    ENVELOPE_EVENT,
    ENVELOPE_MARK /**< chain time: n is its position, doc {t: send time} */
};

/** Ends the stream's tag in the name of a part of it that went through one
 *  partition: "<tag>/<p>", and so on at each further split. */
#define ENVELOPE_SPLIT_MARK '/'

struct envelope_item {
    const char *stream; /**< not NUL-terminated in place: see stream_len */
    uint8_t stream_len;
    enum envelope_kind kind;
    uint64_t n;
    uint32_t index;
    struct doc doc;
};

/** How such a message is told from JSON on the wire. */
#define ENVELOPE_CONTENT_TYPE "application/vnd.hypervise.envelope"

struct envelope_header {
    char sender[ENVELOPE_NAME_MAX + 1]; /**< "<engine>[.<p>]", or an entry */
    uint64_t epoch;
    uint64_t sequence;  /**< from 1 within the epoch and target, no gaps */
    uint64_t confirmed; /**< all up to this number are confirmed */
};

/* Reading. */

struct envelope {
    struct envelope_header header;
    uint8_t flags;
    uint32_t count;
    uint32_t bytes;      /**< of the documents */
    uint32_t body;       /**< bytes of streams, records and documents */
    const uint8_t *base; /**< the body */
    /** What envelope_out_finish appended, as it came; NULL: of an older
     *  version. */
    const uint8_t *contents;
    size_t contents_len;
    size_t at;        /**< of the first event's record */
    size_t documents; /**< of the first document */
    uint16_t n_streams;
    struct {
        const char *name;
        uint8_t len;
    } streams[ENVELOPE_STREAMS_MAX];
};

/** Take a message apart; envelope borrows it and room, which holds the body
 *  when it came packed (initialised for ENVELOPE_BODY_MAX; used again from call
 *  to call). What a packed body says it needs is bounded before room grows.
 *  Every offset, the CRC and every document are checked once, here.
 *  ERR_INVALID with the reason. */
MUST_CHECK enum err envelope_open(const void *data, size_t len,
                                  struct buf *room, struct envelope *envelope,
                                  struct errbuf *why);
/** Item i below count. */
void envelope_get(const struct envelope *envelope, uint32_t i,
                  struct envelope_item *item);

/* Writing: add items, finish once, seal for each target. */

struct envelope_out;

struct envelope_out *envelope_out_new(void);
void envelope_out_free(struct envelope_out *out);
void envelope_out_clear(struct envelope_out *out);
uint32_t envelope_out_count(const struct envelope_out *out);
/** Copy an item in. False, and nothing is added, when the envelope has no
 *  room for it (the caller seals, clears, adds again); an empty envelope
 *  takes any one item. */
bool envelope_out_add(struct envelope_out *out,
                      const struct envelope_item *item);
/** Append what all targets get alike: counts and the body, packed where that
 *  makes it smaller by an eighth. Items can be added and finished again. */
void envelope_out_finish(struct envelope_out *out, struct buf *contents);
/** Append to buf the message of one target around finished contents. */
void envelope_seal(const struct envelope_header *header,
                   const struct buf *contents, struct buf *buf);

#endif
