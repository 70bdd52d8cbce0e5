/* SPDX-License-Identifier: Apache-2.0 */
/** Envelopes: round trip, limits, and every kind of damage. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/bus/envelope.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    DAMAGES = 20000,
    FLAGS_AT = 5 + 1 + 9 + 24, /* sender "cleaner.0" */
    BODY_AT = FLAGS_AT + 15,
    BODY_LEN_AT = FLAGS_AT + 11
};

static const struct envelope_header header = {
    .sender = "cleaner.0", .epoch = 7, .sequence = 9, .confirmed = 8};

static struct doc make_doc(struct doc_out *out, int64_t i, size_t padding)
{
    char *text = xmalloc(padding + 1);

    memset(text, 'x', padding);
    text[padding] = '\0';
    doc_out_reset(out);
    doc_add_i64(out, "i", i);
    doc_add_str(out, "text", text);
    free(text);
    return doc_out_done(out);
}

static struct envelope_item make_item(struct doc doc, const char *stream,
                                      uint64_t n)
{
    return (struct envelope_item){.stream = stream,
                                  .stream_len = (uint8_t)strlen(stream),
                                  .kind = n % 3 == 0 ? ENVELOPE_MARK
                                                     : ENVELOPE_EVENT,
                                  .n = n,
                                  .index = (uint32_t)(n * 5),
                                  .doc = doc};
}

/* An envelope of n events over two streams. */
static void fill(struct envelope_out *out, uint32_t n, size_t padding)
{
    struct doc_out *writer = doc_out_new();

    for (uint32_t i = 0; i < n; i++) {
        struct doc doc = make_doc(writer, i, padding);
        struct envelope_item item =
            make_item(doc, i % 2 ? "Engine_cleaner-a1" : "Engine_che-b2", i);

        assert_true(envelope_out_add(out, &item));
    }
    doc_out_free(writer);
}

static void seal_for(struct envelope_out *out, const struct envelope_header *to,
                     struct buf *buf)
{
    struct buf contents;

    buf_init(&contents, ENVELOPE_MESSAGE_MAX);
    envelope_out_finish(out, &contents);
    buf_init(buf, ENVELOPE_MESSAGE_MAX);
    envelope_seal(to, &contents, buf);
    assert_false(buf->overflow);
    buf_fini(&contents);
}

static void seal(struct envelope_out *out, struct buf *buf)
{
    seal_for(out, &header, buf);
}

/* Where packed bodies go. */
static struct buf room = {.max = ENVELOPE_BODY_MAX};

static enum err open_message(const void *data, size_t len,
                             struct envelope *envelope, struct errbuf *why)
{
    return envelope_open(data, len, &room, envelope, why);
}

static bool is_packed(const struct buf *message)
{
    return message->data[FLAGS_AT] == ENVELOPE_PACKED;
}

/* Put a right checksum under damaged bytes, so that the checks behind it are
 * reached too. */
static void mend(uint8_t *data, size_t len)
{
    uint32_t crc = crc32c(0, data, len - 4);

    for (size_t i = 0; i < 4; i++) {
        data[len - 4 + i] = (uint8_t)(crc >> (8 * i));
    }
}

/* Whatever opens must be readable to its last byte. */
static void read_all(const struct envelope *envelope)
{
    for (uint32_t i = 0; i < envelope->count; i++) {
        struct envelope_item item;

        envelope_get(envelope, i, &item);
        assert_in_range(item.stream_len, 1, ENVELOPE_NAME_MAX);
        assert_true(doc_check(item.doc));
    }
}

static void check_roundtrip(uint32_t n, bool packed)
{
    struct envelope_out *out = envelope_out_new();
    struct envelope envelope;
    struct errbuf why;
    struct buf buf;

    fill(out, n, 10);
    seal(out, &buf);
    assert_int_equal(is_packed(&buf), packed);
    assert_int_equal(open_message(buf.data, buf.len, &envelope, &why), ERR_OK);
    assert_string_equal(envelope.header.sender, header.sender);
    assert_int_equal(envelope.header.epoch, 7);
    assert_int_equal(envelope.header.sequence, 9);
    assert_int_equal(envelope.header.confirmed, 8);
    assert_int_equal(envelope.count, n);
    assert_int_equal(envelope.n_streams, 2);
    for (uint32_t i = 0; i < envelope.count; i++) {
        const char *stream = i % 2 ? "Engine_cleaner-a1" : "Engine_che-b2";
        struct envelope_item item;

        envelope_get(&envelope, i, &item);
        assert_int_equal(item.n, i);
        assert_int_equal(item.index, i * 5);
        assert_int_equal(item.kind, i % 3 == 0);
        assert_int_equal(item.stream_len, strlen(stream));
        assert_memory_equal(item.stream, stream, item.stream_len);
        assert_int_equal(doc_i64(item.doc, "i", -1), i);
    }
    buf_fini(&buf);
    envelope_out_free(out);
}

static void test_roundtrip(void **state)
{
    (void)state;
    check_roundtrip(5, false);
    check_roundtrip(ENVELOPE_EVENTS_MAX, true);
}

/* The same contents for several targets: only their headers differ. */
static void test_targets(void **state)
{
    static const struct envelope_header other = {.sender = "x", .sequence = 4};
    struct envelope_out *out = envelope_out_new();
    struct envelope first;
    struct envelope second;
    struct buf contents;
    struct buf bufs[2];

    (void)state;
    fill(out, 300, 10);
    buf_init(&contents, ENVELOPE_MESSAGE_MAX);
    envelope_out_finish(out, &contents);
    for (size_t i = 0; i < 2; i++) {
        buf_init(&bufs[i], ENVELOPE_MESSAGE_MAX);
        envelope_seal(i == 0 ? &header : &other, &contents, &bufs[i]);
    }
    assert_int_equal(open_message(bufs[0].data, bufs[0].len, &first, NULL),
                     ERR_OK);
    assert_int_equal(open_message(bufs[1].data, bufs[1].len, &second, NULL),
                     ERR_OK);
    assert_int_equal(first.header.sequence, 9);
    assert_int_equal(second.header.sequence, 4);
    assert_int_equal(first.count, second.count);
    assert_int_equal(first.body, second.body);
    buf_fini(&contents);
    buf_fini(&bufs[0]);
    buf_fini(&bufs[1]);
    envelope_out_free(out);
}

/* Text in which nothing stands twice. */
static void fill_noise(struct envelope_out *out, size_t len)
{
    struct doc_out *writer = doc_out_new();
    char *text = xmalloc(len + 1);
    uint32_t seed = 1;
    struct envelope_item item;

    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525 + 1013904223;
        text[i] = (char)('0' + (seed >> 24) % 64);
    }
    text[len] = '\0';
    doc_add_str(writer, "noise", text);
    item = make_item(doc_out_done(writer), "s", 1);
    assert_true(envelope_out_add(out, &item));
    free(text);
    doc_out_free(writer);
}

static void test_not_worth_packing(void **state)
{
    struct envelope_out *out = envelope_out_new();
    struct envelope envelope;
    struct buf buf;

    (void)state;
    fill_noise(out, 10000);
    seal(out, &buf);
    assert_false(is_packed(&buf));
    assert_int_equal(open_message(buf.data, buf.len, &envelope, NULL), ERR_OK);
    assert_int_equal(envelope.count, 1);
    buf_fini(&buf);
    envelope_out_free(out);
}

/* The form of the version before: flags first, no body length, not packed. */
static void make_old(const struct buf *now, struct buf *old)
{
    buf_init(old, ENVELOPE_MESSAGE_MAX);
    buf_add(old, now->data, 4);
    buf_add_char(old, 1);
    buf_add_char(old, 0);
    buf_add(old, now->data + 5, FLAGS_AT - 5);
    buf_add(old, now->data + FLAGS_AT + 1, BODY_LEN_AT - FLAGS_AT - 1);
    buf_add(old, now->data + BODY_AT, now->len - BODY_AT);
}

static void test_version_before(void **state)
{
    struct envelope_out *out = envelope_out_new();
    struct envelope envelope;
    struct errbuf why;
    struct buf buf;
    struct buf old;

    (void)state;
    fill(out, 5, 8);
    seal(out, &buf);
    make_old(&buf, &old);
    mend((uint8_t *)old.data, old.len);
    assert_int_equal(open_message(old.data, old.len, &envelope, &why), ERR_OK);
    assert_int_equal(envelope.count, 5);
    assert_int_equal(envelope.header.sequence, 9);
    read_all(&envelope);
    old.data[5] = 1;
    mend((uint8_t *)old.data, old.len);
    assert_int_equal(open_message(old.data, old.len, &envelope, &why),
                     ERR_INVALID);
    assert_non_null(strstr(why.text, "unknown flags"));
    buf_fini(&buf);
    buf_fini(&old);
    envelope_out_free(out);
}

static void test_empty_and_reuse(void **state)
{
    struct envelope_out *out = envelope_out_new();
    struct envelope envelope;
    struct buf buf;

    (void)state;
    fill(out, 3, 1);
    assert_int_equal(envelope_out_count(out), 3);
    envelope_out_clear(out);
    seal(out, &buf);
    assert_int_equal(open_message(buf.data, buf.len, &envelope, NULL), ERR_OK);
    assert_int_equal(envelope.count, 0);
    assert_int_equal(envelope.n_streams, 0);
    buf_fini(&buf);
    envelope_out_free(out);
}

static void test_full(void **state)
{
    struct envelope_out *out = envelope_out_new();
    struct doc_out *writer = doc_out_new();
    struct doc doc = make_doc(writer, 0, 1);
    struct envelope_item item = make_item(doc, "s", 1);

    (void)state;
    fill(out, ENVELOPE_EVENTS_MAX, 1);
    assert_false(envelope_out_add(out, &item));
    envelope_out_clear(out);

    fill(out, 5, 100 * 1024);
    doc = make_doc(writer, 0, 100 * 1024);
    item = make_item(doc, "s", 1);
    assert_false(envelope_out_add(out, &item));
    assert_int_equal(envelope_out_count(out), 5);
    doc_out_free(writer);
    envelope_out_free(out);
}

static void test_large_alone(void **state)
{
    struct envelope_out *out = envelope_out_new();
    struct envelope envelope;
    struct errbuf why;
    struct buf buf;

    (void)state;
    fill(out, 1, 2 * ENVELOPE_BYTES_MAX);
    seal(out, &buf);
    assert_int_equal(open_message(buf.data, buf.len, &envelope, &why), ERR_OK);
    assert_true(envelope.bytes > ENVELOPE_BYTES_MAX);
    buf_fini(&buf);
    envelope_out_free(out);
}

static void test_streams_full(void **state)
{
    struct envelope_out *out = envelope_out_new();
    struct doc_out *writer = doc_out_new();
    struct doc doc = make_doc(writer, 0, 1);
    char name[16];

    (void)state;
    for (int i = 0; i < ENVELOPE_STREAMS_MAX; i++) {
        struct envelope_item item;

        (void)snprintf(name, sizeof name, "stream-%d", i);
        item = make_item(doc, name, 1);
        assert_true(envelope_out_add(out, &item));
    }
    {
        struct envelope_item old = make_item(doc, "stream-0", 2);
        struct envelope_item new = make_item(doc, "another", 3);

        assert_false(envelope_out_add(out, &new));
        assert_true(envelope_out_add(out, &old));
    }
    doc_out_free(writer);
    envelope_out_free(out);
}

static void check_truncated(uint32_t n)
{
    struct envelope_out *out = envelope_out_new();
    struct envelope envelope;
    struct errbuf why;
    struct buf buf;

    fill(out, n, 8);
    seal(out, &buf);
    for (size_t len = 0; len < buf.len; len++) {
        /* Its own block, so that a read past the end is seen. */
        uint8_t *part = xmalloc(len + 1);

        memcpy(part, buf.data, len);
        assert_int_equal(open_message(part, len, &envelope, &why), ERR_INVALID);
        assert_true(strlen(why.text) > 0);
        if (len >= 9) {
            mend(part, len);
            assert_int_equal(open_message(part, len, &envelope, &why),
                             ERR_INVALID);
        }
        free(part);
    }
    buf_fini(&buf);
    envelope_out_free(out);
}

static void test_truncated(void **state)
{
    (void)state;
    check_truncated(5);
    check_truncated(100);
}

static void check_damaged(uint32_t n)
{
    struct envelope_out *out = envelope_out_new();
    uint32_t seed = 20261121;
    struct buf buf;
    size_t opened = 0;

    fill(out, n, 8);
    seal(out, &buf);
    for (int i = 0; i < DAMAGES; i++) {
        uint8_t *copy = xmemdup(buf.data, buf.len);
        struct envelope envelope;
        struct errbuf why;

        for (int hits = 0; hits <= i % 3; hits++) {
            seed = seed * 1664525 + 1013904223;
            copy[(seed >> 8) % buf.len] = (uint8_t)(seed >> 3);
        }
        if (memcmp(copy, buf.data, buf.len) != 0 &&
            open_message(copy, buf.len, &envelope, &why) == ERR_OK) {
            fail_msg("damage %d was not seen", i);
        }
        mend(copy, buf.len);
        if (open_message(copy, buf.len, &envelope, &why) == ERR_OK) {
            read_all(&envelope);
            opened++;
        }
        free(copy);
    }
    assert_true(opened > 0);
    buf_fini(&buf);
    envelope_out_free(out);
}

static void test_damaged(void **state)
{
    (void)state;
    check_damaged(5);
    check_damaged(100);
}

/* What a packed body says of itself, and what it is. */
static const struct {
    const char *name;
    size_t at;
    uint32_t value;
    const char *want;
} packed_refused[] = {
    {"too long a body", BODY_LEN_AT, 0xffffffff, "length differs"},
    {"a longer body", BODY_LEN_AT, 64 * 1024, "length differs"},
    {"no body", BODY_LEN_AT, 0, "length differs"},
    {"more documents", FLAGS_AT + 7, 0xffffffff, "of more than 512 KiB"},
    {"no block", BODY_AT, 0xffffffff, "the packed body is malformed"},
};

static void test_packed_refused(void **state)
{
    struct envelope_out *out = envelope_out_new();
    struct envelope envelope;
    struct errbuf why;
    struct buf buf;

    (void)state;
    buf_fini(&room);
    fill(out, 100, 8);
    seal(out, &buf);
    assert_true(is_packed(&buf));
    for (size_t i = 0; i < sizeof packed_refused / sizeof *packed_refused;
         i++) {
        uint8_t *copy = xmemdup(buf.data, buf.len);

        for (size_t b = 0; b < 4; b++) {
            copy[packed_refused[i].at + b] =
                (uint8_t)(packed_refused[i].value >> (8 * b));
        }
        mend(copy, buf.len);
        if (open_message(copy, buf.len, &envelope, &why) != ERR_INVALID ||
            strstr(why.text, packed_refused[i].want) == NULL) {
            fail_msg("%s: \"%s\"", packed_refused[i].name, why.text);
        }
        free(copy);
    }
    /* Nothing was taken for what the header only claims. */
    assert_true(room.cap <= 64 * 1024);
    buf_fini(&buf);
    envelope_out_free(out);
}

/* Memory for one large event goes with the next of a usual size. */
static void test_room(void **state)
{
    struct envelope_out *out = envelope_out_new();
    struct envelope envelope;
    struct buf large;
    struct buf usual;

    (void)state;
    buf_fini(&room);
    fill(out, 1, 4 * ENVELOPE_BYTES_MAX);
    seal(out, &large);
    assert_true(is_packed(&large));
    envelope_out_clear(out);
    fill(out, 100, 8);
    seal(out, &usual);
    assert_int_equal(open_message(large.data, large.len, &envelope, NULL),
                     ERR_OK);
    assert_int_equal(envelope.count, 1);
    assert_true(room.cap > 4 * ENVELOPE_BYTES_MAX);
    assert_int_equal(open_message(usual.data, usual.len, &envelope, NULL),
                     ERR_OK);
    assert_int_equal(envelope.count, 100);
    assert_true(room.cap < ENVELOPE_BYTES_MAX);
    buf_fini(&large);
    buf_fini(&usual);
    envelope_out_free(out);
}

/* One byte set in an envelope of one event whose sender and stream have one
 * character each: header 46 bytes, stream 2, record 24. */
static const struct {
    const char *name;
    size_t at;
    uint8_t value;
    const char *want;
} refused[] = {
    {"magic", 0, 'h', "does not begin with HYPE"},
    {"version 0", 4, 0, "version 0, expected 1 or 2"},
    {"version 3", 4, 3, "version 3, expected 1 or 2"},
    {"no sender", 5, 0, "sender is not a name"},
    {"long sender", 5, 64, "sender is not a name"},
    {"sender past the end", 5, 255, "sender is not a name"},
    {"blank sender", 6, ' ', "sender is not a name"},
    {"flags", 31, 2, "unknown flags"},
    {"packed", 31, 1, "the packed body is malformed"},
    {"no stream", 32, 0, "length differs"},
    {"many streams", 33, 1, "more than 64 streams"},
    {"two events", 34, 2, "length differs"},
    {"many events", 35, 4, "more than 1000 events"},
    {"few bytes", 38, 4, "length differs"},
    {"many bytes", 41, 255, "an event of more than 8 MiB"},
    {"long body", 42, 255, "length differs"},
    {"empty stream", 46, 0, "stream is not a name"},
    {"stream with NUL", 47, 0, "stream is not a name"},
    {"other stream", 48, 1, "an event of no stream"},
    {"unknown kind", 50, 2, "an event of unknown kind"},
    {"offset", 64, 1, "an event lies outside"},
    {"length", 68, 4, "a document is malformed"},
    {"far length", 71, 255, "an event lies outside"},
    {"document", 72, 4, "a document is malformed"},
};

static void test_refused(void **state)
{
    struct doc_out *writer = doc_out_new();
    struct envelope_out *out = envelope_out_new();
    struct envelope_header small = {.sender = "c"};
    struct envelope_item item;
    struct envelope envelope;
    struct errbuf why;
    struct buf buf;

    (void)state;
    doc_out_reset(writer);
    item = make_item(doc_out_done(writer), "s", 1);
    assert_true(envelope_out_add(out, &item));
    seal_for(out, &small, &buf);
    assert_int_equal(open_message(buf.data, buf.len, &envelope, &why), ERR_OK);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        uint8_t *copy = xmemdup(buf.data, buf.len);

        copy[refused[i].at] = refused[i].value;
        mend(copy, buf.len);
        if (open_message(copy, buf.len, &envelope, &why) != ERR_INVALID ||
            strstr(why.text, refused[i].want) == NULL) {
            fail_msg("%s: \"%s\"", refused[i].name, why.text);
        }
        free(copy);
    }
    buf_fini(&buf);
    envelope_out_free(out);
    doc_out_free(writer);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROW_SINGLE(test_roundtrip),         ROW_SINGLE(test_targets),
        ROW_SINGLE(test_not_worth_packing), ROW_SINGLE(test_version_before),
        ROW_SINGLE(test_empty_and_reuse),   ROW_SINGLE(test_full),
        ROW_SINGLE(test_large_alone),       ROW_SINGLE(test_streams_full),
        ROW_SINGLE(test_truncated),         ROW_SINGLE(test_damaged),
        ROW_SINGLE(test_packed_refused),    ROW_SINGLE(test_room),
        ROW_SINGLE(test_refused),
    };
    int result = rows_run("envelope", tables, N_ROWS(tables));

    buf_fini(&room);
    return result;
}
