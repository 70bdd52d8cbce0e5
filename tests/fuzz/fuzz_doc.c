/* SPDX-License-Identifier: Apache-2.0 */
/** Any bytes as a document: what doc_check lets pass can be walked, compared,
 *  shown as JSON, copied, and read as an event. */
#include <string.h>

#include "common/base/str.h"
#include "common/event/event.h"
#include "tests/fuzz/fuzz.h"

static size_t walk(struct doc doc)
{
    struct doc_iter it;
    struct doc_value value;
    struct doc_value first;
    const char *key;
    size_t n = 0;

    doc_iter_init(&it, doc);
    while (doc_next(&it, &key, &value)) {
        n++;
        BUG_IF(!doc_get(doc, key, &first));
        BUG_IF(doc_compare(&value, &value) != 0);
        BUG_IF(doc_compare(&first, &value) != -doc_compare(&value, &first));
        if (value.type == DOC_DOC || value.type == DOC_ARRAY) {
            (void)walk(value.u.doc);
        }
    }
    BUG_IF(n != doc_count(doc));
    return n;
}

static void copy(struct doc doc)
{
    struct doc_out *out = doc_out_new();
    struct doc_iter it;
    struct doc_value value;
    const char *key;

    doc_iter_init(&it, doc);
    while (doc_next(&it, &key, &value)) {
        doc_add_value(out, key, &value);
    }
    BUG_IF(!doc_check(doc_out_done(out)));
    doc_out_free(out);
}

static void read_event(struct doc doc)
{
    struct event event;
    struct errbuf why = {"", ""};
    struct doc_out *out;

    if (event_from_doc(doc, &event, &why) != ERR_OK) {
        BUG_IF(why.text[0] == '\0' || why.field[0] == '\0');
        return;
    }
    out = doc_out_new();
    event_to_doc(&event, out);
    BUG_IF(!doc_check(doc_out_done(out)));
    doc_out_free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct doc doc = {data, (uint32_t)size};
    struct doc_value value;
    struct buf json;

    if (size > DOC_BYTES_MAX || !doc_check(doc)) {
        return 0;
    }
    (void)walk(doc);
    (void)doc_path(doc, "a.0.b", &value);
    copy(doc);
    buf_init(&json, 8 * (size_t)DOC_BYTES_MAX);
    doc_to_json(doc, &json);
    BUG_IF(json.len < 2);
    buf_fini(&json);
    read_event(doc);
    return 0;
}
