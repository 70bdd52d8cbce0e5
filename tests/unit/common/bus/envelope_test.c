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
    MESSAGE_MAX = 16 * 1024 * 1024,
    DAMAGES = 20000
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

static void seal(const struct envelope_out *out, struct buf *buf)
{
    buf_init(buf, MESSAGE_MAX);
    envelope_out_seal(out, &header, buf);
    assert_false(buf->overflow);
}

static void test_roundtrip(void **state)
{
    struct envelope_out *out = envelope_out_new();
    struct envelope envelope;
    struct errbuf why;
    struct buf buf;

    (void)state;
    fill(out, ENVELOPE_EVENTS_MAX, 10);
    seal(out, &buf);
    assert_int_equal(envelope_open(buf.data, buf.len, &envelope, &why), ERR_OK);
    assert_string_equal(envelope.header.sender, header.sender);
    assert_int_equal(envelope.header.epoch, 7);
    assert_int_equal(envelope.header.sequence, 9);
    assert_int_equal(envelope.header.confirmed, 8);
    assert_int_equal(envelope.count, ENVELOPE_EVENTS_MAX);
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
    assert_int_equal(envelope_open(buf.data, buf.len, &envelope, NULL), ERR_OK);
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
    assert_int_equal(envelope_open(buf.data, buf.len, &envelope, &why), ERR_OK);
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

static void test_truncated(void **state)
{
    struct envelope_out *out = envelope_out_new();
    struct envelope envelope;
    struct errbuf why;
    struct buf buf;

    (void)state;
    fill(out, 5, 8);
    seal(out, &buf);
    for (size_t len = 0; len < buf.len; len++) {
        /* Its own block, so that a read past the end is seen. */
        uint8_t *part = xmalloc(len + 1);

        memcpy(part, buf.data, len);
        assert_int_equal(envelope_open(part, len, &envelope, &why),
                         ERR_INVALID);
        assert_true(strlen(why.text) > 0);
        if (len >= 9) {
            mend(part, len);
            assert_int_equal(envelope_open(part, len, &envelope, &why),
                             ERR_INVALID);
        }
        free(part);
    }
    buf_fini(&buf);
    envelope_out_free(out);
}

static void test_damaged(void **state)
{
    struct envelope_out *out = envelope_out_new();
    uint32_t seed = 20261121;
    struct buf buf;
    size_t opened = 0;

    (void)state;
    fill(out, 5, 8);
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
            envelope_open(copy, buf.len, &envelope, &why) == ERR_OK) {
            fail_msg("damage %d was not seen", i);
        }
        mend(copy, buf.len);
        if (envelope_open(copy, buf.len, &envelope, &why) == ERR_OK) {
            read_all(&envelope);
            opened++;
        }
        free(copy);
    }
    assert_true(opened > 0);
    buf_fini(&buf);
    envelope_out_free(out);
}

/* One byte set in an envelope of one event whose sender and stream have one
 * character each: header 41 bytes, stream 2, record 24. */
static const struct {
    const char *name;
    size_t at;
    uint8_t value;
    const char *want;
} refused[] = {
    {"magic", 0, 'h', "does not begin with HYPE"},
    {"version 0", 4, 0, "version 0, expected 1"},
    {"version 2", 4, 2, "version 2, expected 1"},
    {"flags", 5, 1, "unknown flags"},
    {"no sender", 6, 0, "sender is not a name"},
    {"long sender", 6, 64, "sender is not a name"},
    {"sender past the end", 6, 255, "sender is not a name"},
    {"blank sender", 7, ' ', "sender is not a name"},
    {"many streams", 33, 1, "more than 64 streams"},
    {"no stream", 32, 0, "length differs"},
    {"many events", 35, 4, "more than 1000 events"},
    {"two events", 34, 2, "length differs"},
    {"few bytes", 38, 4, "length differs"},
    {"many bytes", 41, 255, "length differs"},
    {"empty stream", 42, 0, "stream is not a name"},
    {"stream with NUL", 43, 0, "stream is not a name"},
    {"other stream", 44, 1, "an event of no stream"},
    {"unknown kind", 46, 2, "an event of unknown kind"},
    {"offset", 60, 1, "an event lies outside"},
    {"length", 64, 4, "a document is malformed"},
    {"far length", 67, 255, "an event lies outside"},
    {"document", 68, 4, "a document is malformed"},
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
    buf_init(&buf, MESSAGE_MAX);
    envelope_out_seal(out, &small, &buf);
    assert_int_equal(envelope_open(buf.data, buf.len, &envelope, &why), ERR_OK);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        uint8_t *copy = xmemdup(buf.data, buf.len);

        copy[refused[i].at] = refused[i].value;
        mend(copy, buf.len);
        if (envelope_open(copy, buf.len, &envelope, &why) != ERR_INVALID ||
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
        ROW_SINGLE(test_roundtrip),    ROW_SINGLE(test_empty_and_reuse),
        ROW_SINGLE(test_full),         ROW_SINGLE(test_large_alone),
        ROW_SINGLE(test_streams_full), ROW_SINGLE(test_truncated),
        ROW_SINGLE(test_damaged),      ROW_SINGLE(test_refused),
    };

    return rows_run("envelope", tables, N_ROWS(tables));
}
