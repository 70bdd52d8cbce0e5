/* SPDX-License-Identifier: Apache-2.0 */
/** Any template (behind the first line) for any JSON document (the first
 *  line): rendered for each target within the limits, and escaped for it. */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/template/template.h"
#include "tests/fuzz/fuzz.h"

enum {
    OUT_MAX = 64 * 1024
};

static bool get(void *ctx, const char *path, struct doc_value *value)
{
    const struct doc *doc = ctx;

    return doc_path(*doc, path, value);
}

static void on_name(void *ctx, const char *name, bool inside)
{
    size_t *n = ctx;

    (void)inside;
    BUG_IF(name[0] == '\0' || strlen(name) > TEMPLATE_NAME_MAX);
    (*n)++;
}

static void render(const struct template *tmpl, struct doc doc)
{
    static const enum template_target targets[] = {
        TEMPLATE_TEXT, TEMPLATE_HTML, TEMPLATE_JSON, TEMPLATE_HEADER};
    const struct template_source source = {&doc, get};
    size_t n = 0;

    template_each_name(tmpl, on_name, &n);
    BUG_IF(n > TEMPLATE_NODES_MAX);
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        struct buf out;

        buf_init(&out, OUT_MAX);
        if (template_render(tmpl, &source, targets[i], &out) == ERR_OK) {
            BUG_IF(out.overflow || !utf8_valid(buf_str(&out), out.len));
        }
        buf_fini(&out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t first = end != NULL ? (size_t)(end - data) : 0;
    size_t rest = end != NULL ? first + 1 : 0;
    struct doc_out *docs = doc_out_new();
    struct errbuf why = {"", ""};
    struct template *tmpl;
    struct doc doc;
    char *text = xmemdup(data + rest, size - rest);

    if (doc_from_json((const char *)data, first, docs, &doc, NULL) != ERR_OK) {
        doc = (struct doc){NULL, 0};
    }
    if (template_parse(text, size - rest, &tmpl, &why) == ERR_OK) {
        render(tmpl, doc);
        template_free(tmpl);
    } else {
        BUG_IF(why.text[0] == '\0');
    }
    free(text);
    doc_out_free(docs);
    return 0;
}
