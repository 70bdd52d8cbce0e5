/* SPDX-License-Identifier: Apache-2.0 */
/** What travels between engines: many events in one message. */
#include "common/bus/envelope.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/base/mem.h"

enum {
    RECORD_BYTES = 24, /* of the fixed part of an event */
    CRC_BYTES = 4,
    STREAM_AT = 0, /* where the members of a record stand */
    KIND_AT = 2,
    INDEX_AT = 4,
    N_AT = 8,
    OFFSET_AT = 16,
    LEN_AT = 20
};

static const char magic[4] = {'H', 'Y', 'P', 'E'};

static uint64_t get(const uint8_t *at, size_t bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes; i++) {
        value |= (uint64_t)at[i] << (8 * i);
    }
    return value;
}

static uint16_t get_u16(const uint8_t *at)
{
    return (uint16_t)get(at, 2);
}

static uint32_t get_u32(const uint8_t *at)
{
    return (uint32_t)get(at, 4);
}

/* What is left to read; short is set once something was missing. */
struct cursor {
    const uint8_t *at;
    size_t left;
    bool is_short;
};

static const uint8_t *take(struct cursor *in, size_t bytes)
{
    /* Enough for any integer, so that callers check once at the end. */
    static const uint8_t zeros[8];
    const uint8_t *at = in->at;

    if (bytes > in->left) {
        in->is_short = true;
        in->left = 0;
        return bytes <= sizeof zeros ? zeros : NULL;
    }
    in->at += bytes;
    in->left -= bytes;
    return at;
}

/* Names are shown to people and stand in keys: visible ASCII. */
static bool name_valid(const uint8_t *name, size_t len)
{
    if (len == 0 || len > ENVELOPE_NAME_MAX) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (name[i] <= ' ' || name[i] > '~') {
            return false;
        }
    }
    return true;
}

static enum err refuse(struct errbuf *why, const char *what)
{
    errbuf_set_field(why, "body", "envelope: %s", what);
    return ERR_INVALID;
}

static enum err check_frame(const uint8_t *data, size_t len, struct errbuf *why)
{
    if (len < sizeof magic + 1 + CRC_BYTES ||
        memcmp(data, magic, sizeof magic) != 0) {
        return refuse(why, "does not begin with HYPE");
    }
    if (data[sizeof magic] != ENVELOPE_VERSION) {
        errbuf_set_field(why, "body", "envelope: version %u, expected %d",
                         data[sizeof magic], ENVELOPE_VERSION);
        return ERR_INVALID;
    }
    if (crc32c(0, data, len - CRC_BYTES) != get_u32(data + len - CRC_BYTES)) {
        return refuse(why, "checksum differs: damaged or cut");
    }
    return ERR_OK;
}

static enum err read_header(struct cursor *in, struct envelope *envelope,
                            struct errbuf *why)
{
    struct envelope_header *header = &envelope->header;
    const uint8_t *name;
    size_t len;

    if (*take(in, 1) != 0) {
        return refuse(why, "unknown flags");
    }
    len = *take(in, 1);
    name = take(in, len);
    if (in->is_short || !name_valid(name, len)) {
        return refuse(why, "sender is not a name of 1 to 63 characters");
    }
    memcpy(header->sender, name, len);
    header->sender[len] = '\0';
    header->epoch = get(take(in, 8), 8);
    header->sequence = get(take(in, 8), 8);
    header->confirmed = get(take(in, 8), 8);
    envelope->n_streams = get_u16(take(in, 2));
    envelope->count = get_u32(take(in, 4));
    envelope->bytes = get_u32(take(in, 4));
    return in->is_short ? refuse(why, "header is cut") : ERR_OK;
}

static enum err read_streams(struct cursor *in, struct envelope *envelope,
                             struct errbuf *why)
{
    if (envelope->n_streams > ENVELOPE_STREAMS_MAX) {
        return refuse(why, "more than 64 streams");
    }
    for (uint16_t i = 0; i < envelope->n_streams; i++) {
        size_t len = *take(in, 1);
        const uint8_t *name = take(in, len);

        if (in->is_short || !name_valid(name, len)) {
            return refuse(why, "stream is not a name of 1 to 63 characters");
        }
        envelope->streams[i].name = (const char *)name;
        envelope->streams[i].len = (uint8_t)len;
    }
    return ERR_OK;
}

static enum err check_sizes(const struct cursor *in,
                            const struct envelope *envelope, struct errbuf *why)
{
    size_t records = (size_t)envelope->count * RECORD_BYTES;

    if (envelope->count > ENVELOPE_EVENTS_MAX) {
        return refuse(why, "more than 1000 events");
    }
    if (envelope->bytes > ENVELOPE_BYTES_MAX && envelope->count > 1) {
        return refuse(why, "several events of more than 512 KiB");
    }
    if (in->left != records + envelope->bytes) {
        return refuse(why, "length differs from what the header says");
    }
    return ERR_OK;
}

static enum err check_record(const struct envelope *envelope,
                             const uint8_t *record, uint32_t expected,
                             struct errbuf *why)
{
    uint32_t len = get_u32(record + LEN_AT);
    struct doc doc = {envelope->base + envelope->documents + expected, len};

    if (get_u16(record + STREAM_AT) >= envelope->n_streams) {
        return refuse(why, "an event of no stream");
    }
    if (record[KIND_AT] > ENVELOPE_MARK) {
        return refuse(why, "an event of unknown kind");
    }
    if (get_u32(record + OFFSET_AT) != expected ||
        len > envelope->bytes - expected) {
        return refuse(why, "an event lies outside");
    }
    return doc_check(doc) ? ERR_OK : refuse(why, "a document is malformed");
}

static enum err check_records(const struct envelope *envelope,
                              struct errbuf *why)
{
    const uint8_t *record = envelope->base + envelope->at;
    uint32_t offset = 0;

    for (uint32_t i = 0; i < envelope->count; i++, record += RECORD_BYTES) {
        enum err err = check_record(envelope, record, offset, why);

        if (err != ERR_OK) {
            return err;
        }
        offset += get_u32(record + LEN_AT);
    }
    return offset == envelope->bytes ? ERR_OK
                                     : refuse(why, "bytes of no event");
}

enum err envelope_open(const void *data, size_t len, struct envelope *envelope,
                       struct errbuf *why)
{
    struct cursor in;
    enum err err = check_frame(data, len, why);

    if (err != ERR_OK) {
        return err;
    }
    *envelope = (struct envelope){.base = data};
    in = (struct cursor){envelope->base + sizeof magic + 1,
                         len - sizeof magic - 1 - CRC_BYTES, false};
    err = read_header(&in, envelope, why);
    if (err == ERR_OK) {
        err = read_streams(&in, envelope, why);
    }
    if (err == ERR_OK) {
        err = check_sizes(&in, envelope, why);
    }
    if (err != ERR_OK) {
        return err;
    }
    envelope->at = (size_t)(in.at - envelope->base);
    envelope->documents = envelope->at + (size_t)envelope->count * RECORD_BYTES;
    return check_records(envelope, why);
}

void envelope_get(const struct envelope *envelope, uint32_t i,
                  struct envelope_item *item)
{
    const uint8_t *record =
        envelope->base + envelope->at + (size_t)i * RECORD_BYTES;
    uint16_t stream = get_u16(record + STREAM_AT);

    BUG_IF(i >= envelope->count);
    *item = (struct envelope_item){
        .stream = envelope->streams[stream].name,
        .stream_len = envelope->streams[stream].len,
        .kind = record[KIND_AT],
        .n = get(record + N_AT, 8),
        .index = get_u32(record + INDEX_AT),
        .doc = {envelope->base + envelope->documents +
                    get_u32(record + OFFSET_AT),
                get_u32(record + LEN_AT)},
    };
}

struct envelope_out {
    struct buf records;
    struct buf documents;
    uint32_t count;
    uint16_t n_streams;
    struct {
        char name[ENVELOPE_NAME_MAX];
        uint8_t len;
    } streams[ENVELOPE_STREAMS_MAX];
};

struct envelope_out *envelope_out_new(void)
{
    struct envelope_out *out = xcalloc(1, sizeof *out);

    buf_init(&out->records, ENVELOPE_EVENTS_MAX * RECORD_BYTES);
    buf_init(&out->documents, DOC_BYTES_MAX);
    return out;
}

void envelope_out_free(struct envelope_out *out)
{
    if (out != NULL) {
        buf_fini(&out->records);
        buf_fini(&out->documents);
        free(out);
    }
}

void envelope_out_clear(struct envelope_out *out)
{
    buf_clear(&out->records);
    buf_clear(&out->documents);
    out->count = 0;
    out->n_streams = 0;
}

uint32_t envelope_out_count(const struct envelope_out *out)
{
    return out->count;
}

/* Number of the stream, n_streams when it is new. Items of one stream come
 * in runs, so the latest is looked at first. */
static uint16_t find_stream(const struct envelope_out *out,
                            const struct envelope_item *item)
{
    for (uint16_t i = out->n_streams; i > 0; i--) {
        uint16_t at = (uint16_t)(i - 1);

        if (out->streams[at].len == item->stream_len &&
            memcmp(out->streams[at].name, item->stream, item->stream_len) ==
                0) {
            return at;
        }
    }
    return out->n_streams;
}

static void add_stream(struct envelope_out *out,
                       const struct envelope_item *item)
{
    BUG_IF(!name_valid((const uint8_t *)item->stream, item->stream_len));
    memcpy(out->streams[out->n_streams].name, item->stream, item->stream_len);
    out->streams[out->n_streams].len = item->stream_len;
    out->n_streams++;
}

static void put_u16(struct buf *buf, uint16_t value)
{
    const uint8_t bytes[] = {(uint8_t)value, (uint8_t)(value >> CHAR_BIT)};

    buf_add(buf, bytes, sizeof bytes);
}

bool envelope_out_add(struct envelope_out *out,
                      const struct envelope_item *item)
{
    uint16_t stream = find_stream(out, item);

    BUG_IF(item->doc.data == NULL || item->doc.len > DOC_BYTES_MAX);
    if (out->count >= ENVELOPE_EVENTS_MAX || stream >= ENVELOPE_STREAMS_MAX ||
        (out->count > 0 &&
         out->documents.len + item->doc.len > ENVELOPE_BYTES_MAX)) {
        return false;
    }
    if (stream == out->n_streams) {
        add_stream(out, item);
    }
    put_u16(&out->records, stream);
    buf_add_char(&out->records, (char)item->kind);
    buf_add_char(&out->records, 0);
    buf_add_u32(&out->records, item->index);
    buf_add_u64(&out->records, item->n);
    buf_add_u32(&out->records, (uint32_t)out->documents.len);
    buf_add_u32(&out->records, item->doc.len);
    buf_add(&out->documents, item->doc.data, item->doc.len);
    BUG_IF(out->documents.overflow);
    out->count++;
    return true;
}

void envelope_out_seal(const struct envelope_out *out,
                       const struct envelope_header *header, struct buf *buf)
{
    size_t start = buf->len;
    size_t sender = strnlen(header->sender, sizeof header->sender);

    BUG_IF(!name_valid((const uint8_t *)header->sender, sender));
    buf_add(buf, magic, sizeof magic);
    buf_add_char(buf, ENVELOPE_VERSION);
    buf_add_char(buf, 0);
    buf_add_char(buf, (char)sender);
    buf_add(buf, header->sender, sender);
    buf_add_u64(buf, header->epoch);
    buf_add_u64(buf, header->sequence);
    buf_add_u64(buf, header->confirmed);
    put_u16(buf, out->n_streams);
    buf_add_u32(buf, out->count);
    buf_add_u32(buf, (uint32_t)out->documents.len);
    for (uint16_t i = 0; i < out->n_streams; i++) {
        buf_add_char(buf, (char)out->streams[i].len);
        buf_add(buf, out->streams[i].name, out->streams[i].len);
    }
    buf_add(buf, out->records.data, out->records.len);
    buf_add(buf, out->documents.data, out->documents.len);
    if (!buf->overflow) {
        buf_add_u32(buf, crc32c(0, buf->data + start, buf->len - start));
    }
}
