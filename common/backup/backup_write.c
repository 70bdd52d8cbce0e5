/* SPDX-License-Identifier: Apache-2.0 */
/** Writing a backup: content gathered to frames, packed, checksummed. */
#include <errno.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/backup/backup_private.h"
#include "common/base/hash.h"
#include "common/base/mem.h"

struct backup_writer {
    int fd;
    uint64_t frames;
    enum store_collection collection; /* of the content that is gathered */
    struct buf content;               /* empty: none is */
    struct buf frame;
    struct backup_summary summary;
};

static enum err write_all(int fd, const struct buf *data, struct errbuf *why)
{
    size_t done = 0;

    while (done < data->len) {
        ssize_t n = write(fd, data->data + done, data->len - done);

        if (n < 0 && errno != EINTR) {
            errbuf_set(why, "the backup cannot be written: %s",
                       strerror(errno));
            return ERR_UNAVAILABLE;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return ERR_OK;
}

/* Append the content, shorter where LZ4 makes it so; returns its bytes. */
static uint32_t add_packed(struct buf *frame, const struct buf *content)
{
    int room = LZ4_compressBound((int)content->len);
    size_t before = frame->len;
    char *to = buf_extend(frame, (size_t)room);
    int len;

    BUG_IF(to == NULL);
    len = LZ4_compress_default(content->data, to, (int)content->len, room);
    if (len > 0 && (size_t)len < content->len) {
        buf_truncate(frame, before + (size_t)len);
    } else {
        buf_truncate(frame, before);
        buf_add(frame, content->data, content->len);
    }
    return (uint32_t)(frame->len - before);
}

static void put_u32(struct buf *frame, size_t at, uint32_t value)
{
    struct buf word;

    buf_init(&word, sizeof value);
    buf_add_u32(&word, value);
    memcpy(frame->data + at, word.data, sizeof value);
    buf_fini(&word);
}

/* Head: magic, kind, number (8), bytes of the content, bytes as they follow,
 * nothing (4), checksum. */
static enum err write_frame(struct backup_writer *writer, enum backup_kind kind,
                            struct errbuf *why)
{
    struct buf *frame = &writer->frame;
    uint32_t packed;
    enum err err;

    buf_clear(frame);
    buf_add_u32(frame, BACKUP_MAGIC);
    buf_add_u32(frame, (uint32_t)kind);
    buf_add_u64(frame, writer->frames++);
    buf_add_u32(frame, (uint32_t)writer->content.len);
    packed = (uint32_t)frame->len;
    buf_add_u32(frame, 0);
    buf_add_u32(frame, 0);
    buf_add_u32(frame, 0);
    put_u32(frame, packed, add_packed(frame, &writer->content));
    put_u32(frame, BACKUP_CRC_AT,
            crc32c(crc32c(0, frame->data, BACKUP_CRC_AT),
                   frame->data + BACKUP_HEAD_BYTES,
                   frame->len - BACKUP_HEAD_BYTES));
    BUG_IF(frame->overflow || writer->content.overflow);
    err = write_all(writer->fd, frame, why);
    writer->summary.bytes += (int64_t)frame->len;
    buf_clear(&writer->content);
    return err;
}

static enum err write_doc(struct backup_writer *writer, enum backup_kind kind,
                          struct doc_out *out, struct errbuf *why)
{
    struct doc doc = doc_out_done(out);
    enum err err;

    buf_add(&writer->content, doc.data, doc.len);
    err = write_frame(writer, kind, why);
    doc_out_free(out);
    return err;
}

static enum err write_head(struct backup_writer *writer, struct errbuf *why)
{
    const struct backup_summary *summary = &writer->summary;
    struct doc_out *out = doc_out_new();

    doc_add_i64(out, "format", BACKUP_FORMAT);
    doc_add_str(out, "version", summary->version);
    doc_add_i64(out, "schema", summary->schema);
    doc_add_str(out, "store", summary->store);
    doc_add_ms(out, "created_at", summary->created_ms);
    return write_doc(writer, BACKUP_HEAD, out, why);
}

enum err backup_writer_open(int fd, const struct backup_summary *summary,
                            struct backup_writer **out, struct errbuf *why)
{
    struct backup_writer *writer = xcalloc(1, sizeof *writer);
    enum err err;

    writer->fd = fd;
    writer->summary = *summary;
    buf_init(&writer->content, BACKUP_CONTENT_MAX);
    buf_init(&writer->frame,
             BACKUP_HEAD_BYTES + (size_t)LZ4_COMPRESSBOUND(BACKUP_CONTENT_MAX));
    err = write_head(writer, why);
    if (err != ERR_OK) {
        backup_writer_free(writer);
        return err;
    }
    *out = writer;
    return ERR_OK;
}

void backup_writer_free(struct backup_writer *writer)
{
    if (writer != NULL) {
        buf_fini(&writer->content);
        buf_fini(&writer->frame);
        free(writer);
    }
}

static enum err flush_rows(struct backup_writer *writer, struct errbuf *why)
{
    return writer->content.len > 0 ? write_frame(writer, BACKUP_ROWS, why)
                                   : ERR_OK;
}

static void add_key(struct buf *out, enum store_key_kind kind,
                    const struct store_key *key)
{
    if (kind != STORE_KEY_INTS) {
        buf_add(out, key->text, strlen(key->text) + 1);
    }
    if (kind != STORE_KEY_TEXT) {
        buf_add_u64(out, (uint64_t)key->a);
    }
    if (kind == STORE_KEY_INTS) {
        buf_add_u64(out, (uint64_t)key->b);
    }
}

enum err backup_write_row(struct backup_writer *writer,
                          enum store_collection collection,
                          const struct store_key *key, struct doc row,
                          struct errbuf *why)
{
    const struct store_schema *schema = store_schema(collection);
    enum err err = ERR_OK;

    if (schema->key != STORE_KEY_INTS && strlen(key->text) > BACKUP_KEY_MAX) {
        errbuf_set(why, "%s holds a key of more than %d bytes", schema->name,
                   (int)BACKUP_KEY_MAX);
        return ERR_LIMIT;
    }
    if (writer->collection != collection) {
        err = flush_rows(writer, why);
    }
    writer->collection = collection;
    if (err == ERR_OK && writer->content.len == 0) {
        buf_add(&writer->content, schema->name, strlen(schema->name) + 1);
    }
    add_key(&writer->content, schema->key, key);
    buf_add(&writer->content, row.data, row.len);
    writer->summary.rows[collection]++;
    writer->summary.all_rows++;
    return err == ERR_OK && writer->content.len >= BACKUP_FRAME_BYTES
               ? flush_rows(writer, why)
               : err;
}

enum err backup_write_progress(struct backup_writer *writer,
                               const struct store_copy_progress *progress,
                               struct errbuf *why)
{
    enum err err = flush_rows(writer, why);

    if (err != ERR_OK) {
        return err;
    }
    buf_add(&writer->content, progress->row, strlen(progress->row) + 1);
    buf_add_u64(&writer->content, (uint64_t)progress->epoch);
    buf_add_u64(&writer->content, (uint64_t)progress->batch);
    buf_add(&writer->content, progress->payload.data, progress->payload.len);
    writer->summary.progress++;
    return write_frame(writer, BACKUP_PROGRESS, why);
}

enum err backup_write_end(struct backup_writer *writer, struct errbuf *why)
{
    const struct backup_summary *summary = &writer->summary;
    enum err err = flush_rows(writer, why);
    struct doc_out *out;

    if (err != ERR_OK) {
        return err;
    }
    out = doc_out_new();
    doc_add_i64(out, "frames", (int64_t)writer->frames);
    doc_add_i64(out, "progress", summary->progress);
    doc_begin_doc(out, "rows");
    for (size_t i = 0; i < STORE_N_COLLECTIONS; i++) {
        doc_add_i64(out, store_schema((enum store_collection)i)->name,
                    summary->rows[i]);
    }
    doc_end(out);
    return write_doc(writer, BACKUP_END, out, why);
}

const struct backup_summary *
backup_writer_summary(const struct backup_writer *writer)
{
    return &writer->summary;
}
