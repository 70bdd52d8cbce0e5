/* SPDX-License-Identifier: Apache-2.0 */
/** Reading a backup: every frame checked before anything of it is believed. */
#include <errno.h>
#include <inttypes.h>
#include <lz4.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/backup/backup_private.h"
#include "common/base/hash.h"
#include "common/base/mem.h"

struct frame {
    uint32_t kind;
    uint64_t number;
    uint32_t len;    /* of the content */
    uint32_t packed; /* as it follows */
    uint32_t crc;
};

struct backup_reader {
    int fd;
    uint64_t frames; /* read */
    struct buf packed;
    struct buf content;
    struct backup_summary summary;
};

static enum err damaged(const struct backup_reader *reader, const char *what,
                        struct errbuf *why)
{
    errbuf_set(why, "the backup is damaged at frame %" PRIu64 ": %s",
               reader->frames, what);
    return ERR_INVALID;
}

/* ERR_NOT_FOUND: it ends before the first byte. */
static enum err read_all(struct backup_reader *reader, char *to, size_t len,
                         struct errbuf *why)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = read(reader->fd, to + done, len - done);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            errbuf_set(why, "the backup cannot be read: %s", strerror(errno));
            return ERR_UNAVAILABLE;
        }
        if (n == 0) {
            errbuf_set(why,
                       "the backup is not whole: it ends after frame "
                       "%" PRIu64,
                       reader->frames);
            return done == 0 ? ERR_NOT_FOUND : ERR_INVALID;
        }
        done += (size_t)n;
    }
    reader->summary.bytes += (int64_t)len;
    return ERR_OK;
}

static uint64_t get_u64(const char *at, size_t bytes)
{
    uint64_t value = 0;

    for (size_t i = bytes; i > 0; i--) {
        value = value << 8 | (uint8_t)at[i - 1];
    }
    return value;
}

static uint32_t get_u32(const char *at)
{
    return (uint32_t)get_u64(at, sizeof(uint32_t));
}

static enum err read_head(struct backup_reader *reader, char *head,
                          struct frame *frame, struct errbuf *why)
{
    enum err err = read_all(reader, head, BACKUP_HEAD_BYTES, why);

    if (err != ERR_OK) {
        return err;
    }
    *frame = (struct frame){.kind = get_u32(head + BACKUP_KIND_AT),
                            .number = get_u64(head + BACKUP_NUMBER_AT, 8),
                            .len = get_u32(head + BACKUP_LEN_AT),
                            .packed = get_u32(head + BACKUP_PACKED_AT),
                            .crc = get_u32(head + BACKUP_CRC_AT)};
    if (get_u32(head) != BACKUP_MAGIC) {
        return damaged(reader, "there is no frame", why);
    }
    if (frame->len > BACKUP_CONTENT_MAX || frame->packed > frame->len) {
        return damaged(reader, "its size cannot be", why);
    }
    return ERR_OK;
}

static enum err unpack(struct backup_reader *reader, const struct frame *frame,
                       struct errbuf *why)
{
    char *to;

    buf_clear(&reader->content);
    if (frame->packed == frame->len) {
        buf_add(&reader->content, reader->packed.data, frame->len);
        return ERR_OK;
    }
    to = buf_extend(&reader->content, frame->len);
    if (to == NULL ||
        LZ4_decompress_safe(reader->packed.data, to, (int)frame->packed,
                            (int)frame->len) != (int)frame->len) {
        return damaged(reader, "it cannot be unpacked", why);
    }
    return ERR_OK;
}

/* The next frame, its content in reader->content. */
static enum err read_frame(struct backup_reader *reader, struct frame *frame,
                           struct errbuf *why)
{
    char head[BACKUP_HEAD_BYTES];
    enum err err = read_head(reader, head, frame, why);
    char *to = NULL;

    if (err == ERR_OK) {
        buf_clear(&reader->packed);
        to = buf_extend(&reader->packed, frame->packed);
        BUG_IF(to == NULL);
        err = read_all(reader, to, frame->packed, why);
    }
    if (err != ERR_OK) {
        return err == ERR_NOT_FOUND && to != NULL ? ERR_INVALID : err;
    }
    if (crc32c(crc32c(0, head, BACKUP_CRC_AT), to, frame->packed) !=
        frame->crc) {
        return damaged(reader, "its checksum is wrong", why);
    }
    if (frame->number != reader->frames) {
        return damaged(reader, "another one was expected", why);
    }
    err = unpack(reader, frame, why);
    reader->frames++;
    return err;
}

static bool content_doc(const struct backup_reader *reader, struct doc *doc)
{
    *doc = (struct doc){(const uint8_t *)reader->content.data,
                        (uint32_t)reader->content.len};
    return doc_check(*doc);
}

/* --- the first frame --------------------------------------------------------
 */

static enum err check_form(int64_t format, int64_t schema, struct errbuf *why)
{
    if (format != BACKUP_FORMAT) {
        errbuf_set(why,
                   "the backup has format %" PRId64 ", this program reads %d: "
                   "use the program version that made it",
                   format, (int)BACKUP_FORMAT);
        return ERR_INVALID;
    }
    if (schema != STORE_SCHEMA_VERSION) {
        errbuf_set(why,
                   "the backup is of schema version %" PRId64
                   ", this program has %d: restore it with the program "
                   "version that made it, then update",
                   schema, (int)STORE_SCHEMA_VERSION);
        return ERR_INVALID;
    }
    return ERR_OK;
}

static enum err take_head(struct backup_reader *reader, struct errbuf *why)
{
    struct backup_summary *summary = &reader->summary;
    struct doc doc;

    if (!content_doc(reader, &doc)) {
        return damaged(reader, "it is no document", why);
    }
    summary->schema = doc_i64(doc, "schema", 0);
    summary->created_ms = doc_ms(doc, "created_at", 0);
    (void)snprintf(summary->version, sizeof summary->version, "%s",
                   doc_str(doc, "version", "?"));
    (void)snprintf(summary->store, sizeof summary->store, "%s",
                   doc_str(doc, "store", "?"));
    return check_form(doc_i64(doc, "format", 0), summary->schema, why);
}

enum err backup_reader_open(int fd, struct backup_reader **out,
                            struct errbuf *why)
{
    struct backup_reader *reader = xcalloc(1, sizeof *reader);
    struct frame frame = {.kind = 0};
    enum err err;

    reader->fd = fd;
    buf_init(&reader->packed, BACKUP_CONTENT_MAX);
    buf_init(&reader->content, BACKUP_CONTENT_MAX);
    err = read_frame(reader, &frame, why);
    if (err != ERR_OK || frame.kind != BACKUP_HEAD) {
        if (err != ERR_UNAVAILABLE) {
            errbuf_set(why, "this is no backup of the suite");
            err = ERR_INVALID;
        }
    } else {
        err = take_head(reader, why);
    }
    if (err != ERR_OK) {
        backup_reader_free(reader);
        return err;
    }
    *out = reader;
    return ERR_OK;
}

void backup_reader_free(struct backup_reader *reader)
{
    if (reader != NULL) {
        buf_fini(&reader->packed);
        buf_fini(&reader->content);
        free(reader);
    }
}

/* --- rows -------------------------------------------------------------------
 */

/* What is left of a content. */
struct rest {
    const char *at;
    size_t len;
};

/* A text with its end, borrowed; NULL: there is none. */
static const char *take_text(struct rest *rest)
{
    const char *text = rest->at;
    const char *end = rest->len > 0 ? memchr(rest->at, '\0', rest->len) : NULL;

    if (end == NULL) {
        return NULL;
    }
    rest->len -= (size_t)(end - text) + 1;
    rest->at = end + 1;
    return text;
}

static bool take_i64(struct rest *rest, int64_t *value)
{
    if (rest->len < sizeof *value) {
        return false;
    }
    *value = (int64_t)get_u64(rest->at, sizeof *value);
    rest->at += sizeof *value;
    rest->len -= sizeof *value;
    return true;
}

static bool take_key(struct rest *rest, enum store_key_kind kind,
                     struct store_key *key)
{
    *key = (struct store_key){0};
    if (kind != STORE_KEY_INTS && (key->text = take_text(rest)) == NULL) {
        return false;
    }
    return (kind == STORE_KEY_TEXT || take_i64(rest, &key->a)) &&
           (kind != STORE_KEY_INTS || take_i64(rest, &key->b));
}

static bool take_doc(struct rest *rest, struct doc *doc)
{
    uint32_t len = rest->len >= sizeof len ? get_u32(rest->at) : 0;

    if (len == 0 || len > rest->len) {
        return false;
    }
    *doc = (struct doc){(const uint8_t *)rest->at, len};
    rest->at += len;
    rest->len -= len;
    return doc_check(*doc);
}

static bool find_collection(const char *name, enum store_collection *out)
{
    for (size_t i = 0; name != NULL && i < STORE_N_COLLECTIONS; i++) {
        *out = (enum store_collection)i;
        if (strcmp(store_schema(*out)->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static enum err take_rows(struct backup_reader *reader,
                          const struct backup_sink *sink, struct errbuf *why)
{
    struct rest rest = {reader->content.data, reader->content.len};
    enum store_collection collection;
    enum err err = ERR_OK;

    if (!find_collection(take_text(&rest), &collection)) {
        return damaged(reader, "it names no collection", why);
    }
    while (err == ERR_OK && rest.len > 0) {
        struct store_key key;
        struct doc row;

        if (!take_key(&rest, store_schema(collection)->key, &key) ||
            !take_doc(&rest, &row)) {
            return damaged(reader, "a row is none", why);
        }
        reader->summary.rows[collection]++;
        reader->summary.all_rows++;
        if (sink->row != NULL) {
            err = sink->row(sink->ctx, collection, &key, row, why);
        }
    }
    return err;
}

static enum err take_progress(struct backup_reader *reader,
                              const struct backup_sink *sink,
                              struct errbuf *why)
{
    struct rest rest = {reader->content.data, reader->content.len};
    struct store_copy_progress progress = {.row = take_text(&rest)};

    if (progress.row == NULL || !take_i64(&rest, &progress.epoch) ||
        !take_i64(&rest, &progress.batch) ||
        (rest.len > 0 &&
         (!take_doc(&rest, &progress.payload) || rest.len > 0))) {
        return damaged(reader, "a progress row is none", why);
    }
    reader->summary.progress++;
    return sink->progress != NULL ? sink->progress(sink->ctx, &progress, why)
                                  : ERR_OK;
}

/* --- the last frame ---------------------------------------------------------
 */

static enum err take_end(struct backup_reader *reader, struct errbuf *why)
{
    const struct backup_summary *summary = &reader->summary;
    struct doc doc;
    struct doc rows;
    char more;

    if (!content_doc(reader, &doc)) {
        return damaged(reader, "it is no document", why);
    }
    rows = doc_sub(doc, "rows");
    for (size_t i = 0; i < STORE_N_COLLECTIONS; i++) {
        if (doc_i64(rows, store_schema((enum store_collection)i)->name, 0) !=
            summary->rows[i]) {
            return damaged(reader, "it counts other rows than there are", why);
        }
    }
    if (doc_i64(doc, "frames", -1) != (int64_t)reader->frames - 1 ||
        doc_i64(doc, "progress", -1) != summary->progress) {
        return damaged(reader, "it counts other frames than there are", why);
    }
    return read_all(reader, &more, 1, why) == ERR_NOT_FOUND
               ? ERR_OK
               : damaged(reader, "something stands behind the end", why);
}

enum err backup_read(struct backup_reader *reader,
                     const struct backup_sink *sink, struct errbuf *why)
{
    struct frame frame;
    enum err err;

    for (;;) {
        err = read_frame(reader, &frame, why);
        if (err != ERR_OK) {
            return err == ERR_NOT_FOUND ? ERR_INVALID : err;
        }
        switch (frame.kind) {
        case BACKUP_ROWS:
            err = take_rows(reader, sink, why);
            break;
        case BACKUP_PROGRESS:
            err = take_progress(reader, sink, why);
            break;
        case BACKUP_END:
            return take_end(reader, why);
        default:
            err = damaged(reader, "it is of no kind that is known", why);
            break;
        }
        if (err != ERR_OK) {
            return err;
        }
        if (sink->frame != NULL) {
            sink->frame(sink->ctx, &reader->summary);
        }
    }
}

const struct backup_summary *
backup_reader_summary(const struct backup_reader *reader)
{
    return &reader->summary;
}
