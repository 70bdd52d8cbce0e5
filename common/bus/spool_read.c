/* SPDX-License-Identifier: Apache-2.0 */
/** A queue of records on disk: reading, past what is damaged. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/base/hash.h"
#include "common/bus/spool_private.h"

enum {
    MAGIC_BYTES = 4,
    LEN_AT = MAGIC_BYTES,
    NUMBER_AT = LEN_AT + 4,
    CRC_AT = NUMBER_AT + 8,
    LOOK_BYTES = 4096 /* read at once when looking for the next record */
};

static const unsigned char record_magic[MAGIC_BYTES] = {0xA7, 'R', 'e', 0x5C};

/* A place in one segment, and the numbers that can stand there. */
struct place {
    int fd;
    int64_t offset;
    int64_t end;
    uint64_t least;
    uint64_t most;
};

struct record {
    uint32_t len;
    uint64_t number;
};

static uint32_t record_crc(const unsigned char *header, const void *data,
                           size_t len)
{
    uint32_t crc = crc32c(0, header + LEN_AT, CRC_AT - LEN_AT);

    return len > 0 ? crc32c(crc, data, len) : crc;
}

void spool_record_header(uint64_t number, const void *data, size_t len,
                         unsigned char *header)
{
    uint32_t len32 = (uint32_t)len;
    uint32_t crc;

    memcpy(header, record_magic, MAGIC_BYTES);
    memcpy(header + LEN_AT, &len32, sizeof len32);
    memcpy(header + NUMBER_AT, &number, sizeof number);
    crc = record_crc(header, data, len);
    memcpy(header + CRC_AT, &crc, sizeof crc);
}

static bool read_whole(const struct place *place, int64_t offset, void *out,
                       size_t len)
{
    return offset + (int64_t)len <= place->end &&
           pread(place->fd, out, len, offset) == (ssize_t)len;
}

/* The record that begins at offset, if a whole one does. */
static bool read_record(const struct place *place, int64_t offset,
                        struct buf *content, struct record *record)
{
    unsigned char header[SPOOL_RECORD_HEADER_BYTES];
    uint32_t crc;
    char *room;

    if (!read_whole(place, offset, header, sizeof header) ||
        memcmp(header, record_magic, MAGIC_BYTES) != 0) {
        return false;
    }
    memcpy(&record->len, header + LEN_AT, sizeof record->len);
    memcpy(&record->number, header + NUMBER_AT, sizeof record->number);
    memcpy(&crc, header + CRC_AT, sizeof crc);
    if (record->len > SPOOL_RECORD_MAX ||
        offset + SPOOL_RECORD_HEADER_BYTES + (int64_t)record->len >
            place->end) {
        return false;
    }
    buf_clear(content);
    room = buf_extend(content, record->len);
    return room != NULL &&
           read_whole(place, offset + SPOOL_RECORD_HEADER_BYTES, room,
                      record->len) &&
           crc == record_crc(header, room, record->len);
}

/* The next place at or behind offset where a record may begin; end: none. */
static int64_t find_magic(const struct place *place, int64_t offset)
{
    unsigned char part[LOOK_BYTES];

    while (offset + SPOOL_RECORD_HEADER_BYTES <= place->end) {
        ssize_t n = pread(place->fd, part, sizeof part, offset);
        const unsigned char *hit;

        if (n < MAGIC_BYTES) {
            break;
        }
        hit = memmem(part, (size_t)n, record_magic, MAGIC_BYTES);
        if (hit != NULL) {
            return offset + (hit - part);
        }
        offset += n - (MAGIC_BYTES - 1);
    }
    return place->end;
}

/* Read the next whole record and pass over what is damaged before it; false
 * at the end of the segment. */
static bool next_record(struct place *place, struct buf *content,
                        struct record *record, uint64_t *damaged)
{
    int64_t begin = place->offset;
    int64_t at = begin;

    while (at < place->end) {
        if (read_record(place, at, content, record) &&
            record->number >= place->least && record->number <= place->most) {
            *damaged += (uint64_t)(at - begin);
            place->offset =
                at + SPOOL_RECORD_HEADER_BYTES + (int64_t)record->len;
            return true;
        }
        at = find_magic(place, at + 1);
    }
    *damaged += (uint64_t)(place->end - begin);
    place->offset = place->end;
    return false;
}

static struct place place_of(const struct spool *spool, size_t at, int fd)
{
    const struct spool_segment *segment = &spool->segments[at];
    uint64_t room = (uint64_t)segment->size / SPOOL_RECORD_HEADER_BYTES;

    return (struct place){
        .fd = fd,
        .offset = SPOOL_HEADER_BYTES,
        .end = segment->size,
        .least = segment->first,
        .most = at + 1 < spool->n ? spool->segments[at + 1].first - 1
                                  : segment->first + room,
    };
}

void spool_segment_scan(struct spool *spool, size_t at, uint64_t *newest)
{
    int fd = spool_segment_open(spool, spool->segments[at].first, O_RDONLY);
    struct place place = place_of(spool, at, fd);
    struct record record;
    uint64_t damaged = 0; /* counted when it is read */

    if (fd < 0) {
        return;
    }
    while (next_record(&place, &spool->scratch, &record, &damaged)) {
        *newest = record.number > *newest ? record.number : *newest;
    }
    (void)close(fd);
}

void spool_read_from(struct spool *spool, size_t at)
{
    if (spool->read_fd >= 0) {
        (void)close(spool->read_fd);
        spool->read_fd = -1;
    }
    spool->read_at = at;
    spool->read_offset = SPOOL_HEADER_BYTES;
}

bool spool_has_next(const struct spool *spool)
{
    return spool->last_read + 1 < spool->next;
}

void spool_skip(struct spool *spool)
{
    spool->last_read = spool->next - 1;
    if (spool->n > 0) {
        spool_read_from(spool, spool->n - 1);
        spool->read_offset = spool->segments[spool->n - 1].size;
    }
}

/* A file that is gone reads as damaged from end to end. */
static enum err open_reader(struct spool *spool, struct errbuf *why)
{
    const struct spool_segment *segment = &spool->segments[spool->read_at];

    if (spool->read_fd < 0) {
        spool->read_fd = spool_segment_open(spool, segment->first, O_RDONLY);
    }
    if (spool->read_fd < 0 && errno != ENOENT) {
        errbuf_set(why, "%s: cannot be read: %s", spool->folder,
                   strerror(errno));
        return ERR_UNAVAILABLE;
    }
    return ERR_OK;
}

/* One record of the segment being read; ERR_NOT_FOUND at its end. */
static enum err read_here(struct spool *spool, struct buf *out,
                          struct record *record, struct errbuf *why)
{
    struct place place;
    bool found;

    if (open_reader(spool, why) != ERR_OK) {
        return ERR_UNAVAILABLE;
    }
    place = place_of(spool, spool->read_at, spool->read_fd);
    place.offset = spool->read_offset;
    do {
        found = next_record(&place, out, record, &spool->damaged_bytes);
    } while (found && record->number <= spool->last_read);
    spool->read_offset = place.offset;
    return found ? ERR_OK : ERR_NOT_FOUND;
}

enum err spool_next(struct spool *spool, struct buf *out, uint64_t *number,
                    struct errbuf *why)
{
    struct record record;

    while (spool_has_next(spool)) {
        enum err err = spool->read_at < spool->n
                           ? read_here(spool, out, &record, why)
                           : ERR_NOT_FOUND;

        if (err == ERR_UNAVAILABLE) {
            return err;
        }
        if (err == ERR_OK) {
            spool->lost += record.number - spool->last_read - 1;
            spool->last_read = record.number;
            *number = record.number;
            return ERR_OK;
        }
        if (spool->read_at + 1 >= spool->n) {
            /* What the numbers promise is not there. */
            spool->lost += spool->next - 1 - spool->last_read;
            spool->last_read = spool->next - 1;
            break;
        }
        spool_read_from(spool, spool->read_at + 1);
    }
    return ERR_NOT_FOUND;
}
