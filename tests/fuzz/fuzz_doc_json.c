/* SPDX-License-Identifier: Apache-2.0 */
/** Any text as a JSON document: what is taken is a sound document, and its
 *  JSON, read and written once (-0.0 becomes 0 then), stays as it is. */
#include <string.h>

#include "common/doc/doc.h"
#include "tests/fuzz/fuzz.h"

/* Write doc to json, read that into out; gives the document read. */
static struct doc turn(struct doc doc, struct buf *json, struct doc_out *out)
{
    struct errbuf why;
    struct doc read;

    buf_clear(json);
    doc_to_json(doc, json);
    BUG_IF(doc_from_json(json->data, json->len, out, &read, &why) != ERR_OK);
    BUG_IF(!doc_check(read));
    return read;
}

static void check(struct doc doc)
{
    struct doc_out *outs[2] = {doc_out_new(), doc_out_new()};
    struct buf one;
    struct buf two;

    buf_init(&one, 8 * (size_t)DOC_BYTES_MAX);
    buf_init(&two, 8 * (size_t)DOC_BYTES_MAX);
    doc = turn(doc, &two, outs[0]);
    doc = turn(doc, &one, outs[1]);
    (void)turn(doc, &two, outs[0]);
    BUG_IF(one.len != two.len || memcmp(one.data, two.data, one.len) != 0);
    buf_fini(&one);
    buf_fini(&two);
    doc_out_free(outs[0]);
    doc_out_free(outs[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct doc_out *out = doc_out_new();
    struct errbuf why = {"", ""};
    struct doc doc;

    if (doc_from_json((const char *)data, size, out, &doc, &why) == ERR_OK) {
        BUG_IF(!doc_check(doc));
        check(doc);
    } else {
        BUG_IF(why.text[0] == '\0');
    }
    doc_out_free(out);
    return 0;
}
