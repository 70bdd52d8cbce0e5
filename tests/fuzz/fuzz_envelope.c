/* SPDX-License-Identifier: Apache-2.0 */
/** Any bytes as an envelope, as they are and with a right checksum: what is
 *  taken can be walked and sealed again. */
#include <stdlib.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/bus/envelope.h"
#include "tests/fuzz/fuzz.h"

enum {
    CRC_LEN = 4
};

static void check_same(const struct envelope_item *a,
                       const struct envelope_item *b)
{
    BUG_IF(a->stream_len != b->stream_len || a->kind != b->kind);
    BUG_IF(memcmp(a->stream, b->stream, a->stream_len) != 0);
    BUG_IF(a->n != b->n || a->index != b->index);
    BUG_IF(a->doc.len != b->doc.len);
    BUG_IF(memcmp(a->doc.data, b->doc.data, a->doc.len) != 0);
}

/* Items can need more than one envelope: those that fit must be the same. */
static void seal_again(const struct envelope *envelope)
{
    struct envelope_out *out = envelope_out_new();
    struct envelope again;
    struct errbuf why;
    struct buf contents;
    struct buf sealed;
    struct buf room;
    uint32_t n = 0;

    buf_init(&contents, ENVELOPE_MESSAGE_MAX);
    buf_init(&sealed, ENVELOPE_MESSAGE_MAX);
    buf_init(&room, ENVELOPE_BODY_MAX);
    for (; n < envelope->count; n++) {
        struct envelope_item item;

        envelope_get(envelope, n, &item);
        BUG_IF(!doc_check(item.doc));
        if (!envelope_out_add(out, &item)) {
            break;
        }
    }
    BUG_IF(envelope_out_count(out) != n);
    envelope_out_finish(out, &contents);
    envelope_seal(&envelope->header, &contents, &sealed);
    BUG_IF(envelope_open(sealed.data, sealed.len, &room, &again, &why) !=
           ERR_OK);
    BUG_IF(again.count != n);
    BUG_IF(strcmp(again.header.sender, envelope->header.sender) != 0);
    for (uint32_t i = 0; i < n; i++) {
        struct envelope_item one;
        struct envelope_item two;

        envelope_get(envelope, i, &one);
        envelope_get(&again, i, &two);
        check_same(&one, &two);
    }
    buf_fini(&contents);
    buf_fini(&sealed);
    buf_fini(&room);
    envelope_out_free(out);
}

static void run(const uint8_t *data, size_t size)
{
    struct envelope envelope;
    struct errbuf why = {"", ""};
    struct buf room;

    buf_init(&room, ENVELOPE_BODY_MAX);
    if (envelope_open(data, size, &room, &envelope, &why) == ERR_OK) {
        seal_again(&envelope);
    } else {
        BUG_IF(why.text[0] == '\0');
    }
    buf_fini(&room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy;
    uint32_t crc;

    run(data, size);
    if (size < CRC_LEN) {
        return 0;
    }
    copy = xmemdup(data, size);
    crc = crc32c(0, copy, size - CRC_LEN);
    memcpy(copy + size - CRC_LEN, &crc, CRC_LEN);
    run(copy, size);
    free(copy);
    return 0;
}
