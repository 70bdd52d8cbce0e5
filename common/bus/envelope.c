/* SPDX-License-Identifier: Apache-2.0 */
/** What travels between engines: many events in one message. */
#include "common/bus/envelope.h"

#include <endian.h>
#include <limits.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/base/mem.h"

enum {
    CRC_BYTES = 4,
    VERSION_BEFORE = 1, /* read too, for the time of an upgrade */
    WORTH_PART = 8,     /* packing must save one part in so many */
    /* What room keeps from one message to the next. */
    ROOM_KEPT = 2 * (ENVELOPE_FRONT_MAX + ENVELOPE_BYTES_MAX),
    STREAM_AT = 0, /* where the members of a record stand */
    KIND_AT = 2,
    INDEX_AT = 4,
    N_AT = 8,
    OFFSET_AT = 16,
    LEN_AT = 20
};

static const char magic[4] = {'H', 'Y', 'P', 'E'};

static uint16_t get_u16(const uint8_t *at)
{
    uint16_t value;

    memcpy(&value, at, sizeof value);
    return le16toh(value);
}

static uint32_t get_u32(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof value);
    return le32toh(value);
}

static uint64_t get_u64(const uint8_t *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof value);
    return le64toh(value);
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
    if (data[sizeof magic] != ENVELOPE_VERSION &&
        data[sizeof magic] != VERSION_BEFORE) {
        errbuf_set_field(why, "body", "envelope: version %u, expected %d or %d",
                         data[sizeof magic], VERSION_BEFORE, ENVELOPE_VERSION);
        return ERR_INVALID;
    }
    if (crc32c(0, data, len - CRC_BYTES) != get_u32(data + len - CRC_BYTES)) {
        return refuse(why, "checksum differs: damaged or cut");
    }
    return ERR_OK;
}

/* Which of the flags' two places is read depends on the version. */
static uint8_t read_flags(struct cursor *in, uint8_t version, uint8_t here)
{
    return version == here ? *take(in, 1) : 0;
}

static enum err read_header(struct cursor *in, uint8_t version,
                            struct envelope *envelope, struct errbuf *why)
{
    struct envelope_header *header = &envelope->header;
    uint8_t old_flags = read_flags(in, version, VERSION_BEFORE);
    size_t len = *take(in, 1);
    const uint8_t *name = take(in, len);

    if (in->is_short || !name_valid(name, len)) {
        return refuse(why, "sender is not a name of 1 to 63 characters");
    }
    memcpy(header->sender, name, len);
    header->sender[len] = '\0';
    header->epoch = get_u64(take(in, 8));
    header->sequence = get_u64(take(in, 8));
    header->confirmed = get_u64(take(in, 8));
    if (version == ENVELOPE_VERSION) {
        envelope->contents = in->at;
        envelope->contents_len = in->left;
    }
    envelope->flags = read_flags(in, version, ENVELOPE_VERSION);
    envelope->n_streams = get_u16(take(in, 2));
    envelope->count = get_u32(take(in, 4));
    envelope->bytes = get_u32(take(in, 4));
    envelope->body =
        version == VERSION_BEFORE ? (uint32_t)in->left : get_u32(take(in, 4));
    if (in->is_short) {
        return refuse(why, "header is cut");
    }
    if (old_flags != 0 || (envelope->flags & ~ENVELOPE_PACKED) != 0) {
        return refuse(why, "unknown flags");
    }
    return ERR_OK;
}

/* Before any memory is taken for it. */
static enum err check_counts(const struct envelope *envelope,
                             struct errbuf *why)
{
    size_t documents = (size_t)envelope->count * ENVELOPE_RECORD;

    documents += envelope->bytes;
    if (envelope->n_streams > ENVELOPE_STREAMS_MAX) {
        return refuse(why, "more than 64 streams");
    }
    if (envelope->count > ENVELOPE_EVENTS_MAX) {
        return refuse(why, "more than 1000 events");
    }
    if (envelope->bytes > ENVELOPE_BYTES_MAX && envelope->count > 1) {
        return refuse(why, "several events of more than 512 KiB");
    }
    if (envelope->bytes > DOC_BYTES_MAX) {
        return refuse(why, "an event of more than 8 MiB");
    }
    if (envelope->body < documents ||
        envelope->body - documents >
            (size_t)envelope->n_streams * (ENVELOPE_NAME_MAX + 1)) {
        return refuse(why, "length differs from what the header says");
    }
    return ERR_OK;
}

static enum err unpack(struct cursor *in, const struct envelope *envelope,
                       struct buf *room, struct errbuf *why)
{
    char *body;
    int len;

    if (room->cap > ROOM_KEPT && envelope->body < ROOM_KEPT) {
        buf_fini(room);
    }
    buf_clear(room);
    body = buf_extend(room, envelope->body);
    BUG_IF(body == NULL);
    if (in->left > LZ4_COMPRESSBOUND(ENVELOPE_BODY_MAX)) {
        return refuse(why, "the packed body is too long");
    }
    len = LZ4_decompress_safe((const char *)in->at, body, (int)in->left,
                              (int)envelope->body);
    if (len < 0 || (uint32_t)len != envelope->body) {
        return refuse(why, "the packed body is malformed");
    }
    *in = (struct cursor){(const uint8_t *)body, envelope->body, false};
    return ERR_OK;
}

static enum err read_streams(struct cursor *in, struct envelope *envelope,
                             struct errbuf *why)
{
    for (uint16_t i = 0; i < envelope->n_streams; i++) {
        size_t len = *take(in, 1);
        const uint8_t *name = take(in, len);

        if (in->is_short || !name_valid(name, len)) {
            return refuse(why, "stream is not a name of 1 to 63 characters");
        }
        envelope->streams[i].name = (const char *)name;
        envelope->streams[i].len = (uint8_t)len;
    }
    if (in->left !=
        (size_t)envelope->count * ENVELOPE_RECORD + envelope->bytes) {
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

    for (uint32_t i = 0; i < envelope->count; i++, record += ENVELOPE_RECORD) {
        enum err err = check_record(envelope, record, offset, why);

        if (err != ERR_OK) {
            return err;
        }
        offset += get_u32(record + LEN_AT);
    }
    return offset == envelope->bytes ? ERR_OK
                                     : refuse(why, "bytes of no event");
}

enum err envelope_open(const void *data, size_t len, struct buf *room,
                       struct envelope *envelope, struct errbuf *why)
{
    const uint8_t *bytes = data;
    struct cursor in;
    enum err err = check_frame(bytes, len, why);

    if (err != ERR_OK) {
        return err;
    }
    memset(envelope, 0, offsetof(struct envelope, streams));
    in = (struct cursor){bytes + sizeof magic + 1,
                         len - sizeof magic - 1 - CRC_BYTES, false};
    err = read_header(&in, bytes[sizeof magic], envelope, why);
    if (err == ERR_OK) {
        err = check_counts(envelope, why);
    }
    if (err == ERR_OK && (envelope->flags & ENVELOPE_PACKED) != 0) {
        err = unpack(&in, envelope, room, why);
    }
    if (err != ERR_OK) {
        return err;
    }
    envelope->base = in.at;
    err = read_streams(&in, envelope, why);
    if (err != ERR_OK) {
        return err;
    }
    envelope->at = (size_t)(in.at - envelope->base);
    envelope->documents =
        envelope->at + (size_t)envelope->count * ENVELOPE_RECORD;
    return check_records(envelope, why);
}

void envelope_get(const struct envelope *envelope, uint32_t i,
                  struct envelope_item *item)
{
    const uint8_t *record =
        envelope->base + envelope->at + (size_t)i * ENVELOPE_RECORD;
    uint16_t stream = get_u16(record + STREAM_AT);

    BUG_IF(i >= envelope->count);
    *item = (struct envelope_item){
        .stream = envelope->streams[stream].name,
        .stream_len = envelope->streams[stream].len,
        .kind = record[KIND_AT],
        .n = get_u64(record + N_AT),
        .index = get_u32(record + INDEX_AT),
        .doc = {envelope->base + envelope->documents +
                    get_u32(record + OFFSET_AT),
                get_u32(record + LEN_AT)},
    };
}

/* The body is built in place: the documents grow behind room for the longest
 * front, and the front is put right before them at the end. */
struct envelope_out {
    struct buf body;
    uint32_t count;
    uint16_t n_streams;
    struct {
        char name[ENVELOPE_NAME_MAX];
        uint8_t len;
    } streams[ENVELOPE_STREAMS_MAX];
    uint8_t records[ENVELOPE_EVENTS_MAX * ENVELOPE_RECORD];
};

struct envelope_out *envelope_out_new(void)
{
    struct envelope_out *out = xcalloc(1, sizeof *out);

    buf_init(&out->body, ENVELOPE_BODY_MAX);
    return out;
}

void envelope_out_free(struct envelope_out *out)
{
    if (out != NULL) {
        buf_fini(&out->body);
        free(out);
    }
}

void envelope_out_clear(struct envelope_out *out)
{
    buf_clear(&out->body);
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

static size_t documents_len(const struct envelope_out *out)
{
    return out->body.len > 0 ? out->body.len - ENVELOPE_FRONT_MAX : 0;
}

static void add_record(struct envelope_out *out, uint16_t stream,
                       const struct envelope_item *item)
{
    uint8_t *record = out->records + (size_t)out->count * ENVELOPE_RECORD;
    const uint16_t stream_le = htole16(stream);
    const uint32_t index = htole32(item->index);
    const uint64_t n = htole64(item->n);
    const uint32_t offset = htole32((uint32_t)documents_len(out));
    const uint32_t len = htole32(item->doc.len);

    memcpy(record + STREAM_AT, &stream_le, sizeof stream_le);
    record[KIND_AT] = (uint8_t)item->kind;
    record[KIND_AT + 1] = 0;
    memcpy(record + INDEX_AT, &index, sizeof index);
    memcpy(record + N_AT, &n, sizeof n);
    memcpy(record + OFFSET_AT, &offset, sizeof offset);
    memcpy(record + LEN_AT, &len, sizeof len);
    out->count++;
}

bool envelope_out_add(struct envelope_out *out,
                      const struct envelope_item *item)
{
    uint16_t stream = find_stream(out, item);

    BUG_IF(item->doc.data == NULL || item->doc.len > DOC_BYTES_MAX);
    if (out->count >= ENVELOPE_EVENTS_MAX || stream >= ENVELOPE_STREAMS_MAX ||
        (out->count > 0 &&
         documents_len(out) + item->doc.len > ENVELOPE_BYTES_MAX)) {
        return false;
    }
    if (stream == out->n_streams) {
        add_stream(out, item);
    }
    if (out->body.len == 0) {
        BUG_IF(buf_extend(&out->body, ENVELOPE_FRONT_MAX) == NULL);
    }
    add_record(out, stream, item);
    buf_add(&out->body, item->doc.data, item->doc.len);
    BUG_IF(out->body.overflow);
    return true;
}

/* Put streams and records right before the documents; gives where the body
 * begins. Nothing is there without an event. */
static size_t put_front(struct envelope_out *out)
{
    size_t records = (size_t)out->count * ENVELOPE_RECORD;
    size_t start = ENVELOPE_FRONT_MAX - records;
    char *at;

    if (out->count == 0) {
        return 0;
    }
    memcpy(out->body.data + start, out->records, records);
    for (uint16_t i = 0; i < out->n_streams; i++) {
        start -= out->streams[i].len + 1U;
    }
    at = out->body.data + start;
    for (uint16_t i = 0; i < out->n_streams; i++) {
        *at++ = (char)out->streams[i].len;
        memcpy(at, out->streams[i].name, out->streams[i].len);
        at += out->streams[i].len;
    }
    return start;
}

/* Append the body packed; false, and nothing is appended, when that is not
 * worth it. */
static bool add_packed(const char *body, size_t len, struct buf *contents)
{
    size_t start = contents->len;
    size_t room = len - len / WORTH_PART;
    char *at;
    int packed;

    if (len < ENVELOPE_PACK_MIN) {
        return false;
    }
    at = buf_extend(contents, room);
    BUG_IF(at == NULL);
    packed = LZ4_compress_default(body, at, (int)len, (int)room);
    buf_truncate(contents, start + (packed > 0 ? (size_t)packed : 0));
    return packed > 0;
}

void envelope_out_finish(struct envelope_out *out, struct buf *contents)
{
    size_t flags_at = contents->len;
    size_t start = put_front(out);
    size_t len = out->body.len - start;
    /* without an event there is no buffer yet to point into */
    const void *body = len > 0 ? out->body.data + start : NULL;

    buf_add_char(contents, 0);
    put_u16(contents, out->n_streams);
    buf_add_u32(contents, out->count);
    buf_add_u32(contents, (uint32_t)documents_len(out));
    buf_add_u32(contents, (uint32_t)len);
    if (add_packed(body, len, contents)) {
        contents->data[flags_at] = ENVELOPE_PACKED;
    } else if (len > 0) {
        buf_add(contents, body, len);
    }
    BUG_IF(contents->overflow);
}

void envelope_seal(const struct envelope_header *header,
                   const struct buf *contents, struct buf *buf)
{
    size_t start = buf->len;
    size_t sender = strnlen(header->sender, sizeof header->sender);

    BUG_IF(!name_valid((const uint8_t *)header->sender, sender));
    buf_add(buf, magic, sizeof magic);
    buf_add_char(buf, ENVELOPE_VERSION);
    buf_add_char(buf, (char)sender);
    buf_add(buf, header->sender, sender);
    buf_add_u64(buf, header->epoch);
    buf_add_u64(buf, header->sequence);
    buf_add_u64(buf, header->confirmed);
    buf_add(buf, contents->data, contents->len);
    if (!buf->overflow) {
        buf_add_u32(buf, crc32c(0, buf->data + start, buf->len - start));
    }
}
