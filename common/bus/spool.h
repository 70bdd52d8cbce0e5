/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A queue of records on disk, for what cannot be sent yet: segments of
 * checksummed records in one folder, bounded in bytes, read oldest first. What
 * was appended survives the end of the process; what spool_sync covered, that
 * of the machine. One process at a time uses a folder.
 *
 * A segment "<first number, 16 hexadecimal digits>.seg" begins with a magic;
 * a record is (magic, length, number, CRC-32C of length, number and content)
 * and its content, in the byte order of the machine. A damaged place is passed
 * over: reading goes on at the next record that is whole. "released" holds the
 * number up to which all is done. Numbers grow by 1; after damage at the end
 * some come again, so they are no names for ever.
 */
#ifndef HYP_BUS_SPOOL_H
#define HYP_BUS_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

enum {
    SPOOL_RECORD_MAX = 4 * 1024 * 1024, /**< bytes of a record's content */
    SPOOL_SEGMENT_LEAST = 4096
};

struct spool;

struct spool_conf {
    const char *folder;    /**< made, mode 0700, when it is missing */
    int64_t max_bytes;     /**< of all segments on disk */
    int64_t segment_bytes; /**< a segment of this size is followed by another;
                                at least SPOOL_SEGMENT_LEAST */
};

/** How things are. */
struct spool_state {
    uint64_t first;   /**< number of the oldest record not released; when there
                           is none, of the next to come */
    uint64_t next;    /**< number of the next record */
    uint64_t records; /**< not released */
    int64_t bytes;    /**< that all segments take on disk */
    uint64_t damaged_bytes; /**< passed over since the spool was opened */
    uint64_t lost;          /**< records missing for damage since then */
};

/**
 * Open a folder and look through all that it holds.
 *
 * conf   copied.
 * spool  gives: spool_close() it.
 * Returns ERR_OK; ERR_CONFLICT (another process has it open);
 * ERR_UNAVAILABLE (cannot be made, read or written), with why.
 */
MUST_CHECK enum err spool_open(const struct spool_conf *conf,
                               struct spool **spool, struct errbuf *why);
/** What was not released is read again by the next to open. NULL is fine. */
void spool_close(struct spool *spool);

/**
 * Append a record, whole or not at all.
 *
 * number  its number, on ERR_OK.
 * Returns ERR_OK; ERR_LIMIT (max_bytes would be passed, or the record passes
 * SPOOL_RECORD_MAX); ERR_UNAVAILABLE (the disk refuses), with why.
 */
MUST_CHECK enum err spool_append(struct spool *spool, const void *data,
                                 size_t len, uint64_t *number,
                                 struct errbuf *why);
/**
 * Read the next record behind the one read last (first the oldest that is
 * not released).
 *
 * out     its content in place of what it held; has room for SPOOL_RECORD_MAX.
 * Returns ERR_OK; ERR_NOT_FOUND (all is read); ERR_UNAVAILABLE (a segment
 * cannot be read now), with why.
 */
MUST_CHECK enum err spool_next(struct spool *spool, struct buf *out,
                               uint64_t *number, struct errbuf *why);
/** Whether spool_next has a record to read. */
bool spool_has_next(const struct spool *spool);
/** Let spool_next go on behind all that is appended: its user has it. */
void spool_skip(struct spool *spool);
/** Everything up to number (read or skipped) is done and may go; segments
 *  that hold nothing else are removed. */
void spool_release(struct spool *spool, uint64_t number);
/** Write to the disk what is appended. ERR_UNAVAILABLE with why. */
MUST_CHECK enum err spool_sync(struct spool *spool, struct errbuf *why);

void spool_get_state(const struct spool *spool, struct spool_state *state);

#endif
