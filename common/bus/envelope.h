/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What travels between engines: many events in one message, read in place
 * and forwarded unchanged when nothing changed.
 *
 * Layout, little-endian: "HYPE", version u8, flags u8 (0), sender length u8,
 * sender bytes, epoch u64, sequence u64, confirmed u64, streams u16, count
 * u32, bytes u32 (of the documents); the streams (length u8, bytes each); per
 * event: stream u16, kind u8, reserved u8, index u32, n u64, offset u32, len
 * u32; the documents; CRC-32C u32 of all before it.
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
    ENVELOPE_VERSION = 1,
    ENVELOPE_EVENTS_MAX = 1000,
    ENVELOPE_BYTES_MAX = 512 * 1024, /* a larger event travels alone */
    ENVELOPE_STREAMS_MAX = 64,
    ENVELOPE_NAME_MAX = 63 /* bytes of sender and stream names */
};

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
    uint32_t count;
    const uint8_t *base;
    size_t at;        /**< of the first event's record */
    size_t documents; /**< of the first document */
    uint32_t bytes;
    uint16_t n_streams;
    struct {
        const char *name;
        uint8_t len;
    } streams[ENVELOPE_STREAMS_MAX];
};

/** Take a message apart; envelope borrows it. Every offset, the CRC and every
 *  document are checked once, here. ERR_INVALID with the reason. */
MUST_CHECK enum err envelope_open(const void *data, size_t len,
                                  struct envelope *envelope,
                                  struct errbuf *why);
/** Item i below count. */
void envelope_get(const struct envelope *envelope, uint32_t i,
                  struct envelope_item *item);

/* Writing: add items, then seal as often as there are targets. */

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
/** Append the finished message to buf. */
void envelope_out_seal(const struct envelope_out *out,
                       const struct envelope_header *header, struct buf *buf);

#endif
