/* SPDX-License-Identifier: Apache-2.0 */
/** Inside of the spool: segments, the form of records, reading them. */
#ifndef HYP_BUS_SPOOL_PRIVATE_H
#define HYP_BUS_SPOOL_PRIVATE_H

#include "common/bus/spool.h"

#define SPOOL_SEGMENT_MAGIC "HYPSPL1\n"

enum {
    SPOOL_HEADER_BYTES = 8,        /* the magic of a segment */
    SPOOL_RECORD_HEADER_BYTES = 20 /* magic, length, number, CRC */
};

struct spool_segment {
    uint64_t first; /**< number of its first record, and its name */
    int64_t size;   /**< bytes on disk that count */
    bool dirty;     /**< appended to since the last sync */
};

struct spool {
    char *folder;
    int64_t max_bytes;
    int64_t segment_bytes;
    int lock_fd;
    int mark_fd;
    int write_fd; /**< of the last segment; -1: the next append begins one */
    int read_fd;  /**< of segment read_at; -1: not open yet */
    struct spool_segment *segments; /**< oldest first */
    size_t n;
    int64_t bytes;
    bool folder_dirty;
    size_t read_at;
    int64_t read_offset;
    uint64_t last_read; /**< number read or skipped last */
    uint64_t released;
    uint64_t next;
    uint64_t damaged_bytes;
    uint64_t lost;
    struct buf scratch;
};

/** open() of a segment's file with flags; -1 with errno. */
int spool_segment_open(const struct spool *spool, uint64_t first, int flags);
/** Read through segments[at]: *newest becomes the greatest number of a record
 *  in it, if that is greater. */
void spool_segment_scan(struct spool *spool, size_t at, uint64_t *newest);
/** Let reading go on at the beginning of segments[at]. */
void spool_read_from(struct spool *spool, size_t at);
/** Write the header of a record. */
void spool_record_header(uint64_t number, const void *data, size_t len,
                         unsigned char *header);

#endif
