/* SPDX-License-Identifier: Apache-2.0 */
/** Reading tests/cases/filter. */
#include "tests/support/filter_cases.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "tests/support/unit.h"

static void read_whole(const char *path, struct buf *out)
{
    char part[4096];
    size_t n;
    FILE *file = fopen(path, "r");

    if (file == NULL) {
        fail_msg("cannot read %s", path);
        return;
    }
    while ((n = fread(part, 1, sizeof part, file)) > 0) {
        buf_add(out, part, n);
    }
    (void)fclose(file);
    assert_false(out->overflow);
}

static struct filter *parse_filter(const struct filter_case *row,
                                   struct doc item)
{
    struct doc_value value;
    struct filter *filter = NULL;
    struct errbuf why = {.text = ""};
    enum err err;

    (void)doc_get(item, "filter", &value);
    err = value.type == DOC_STRING
              ? filter_parse(value.u.s.text, &filter, &why)
              : filter_from_doc(doc_sub(item, "filter"), &filter, &why);
    if (err != ERR_OK) {
        fail_msg("%s: %s: %s", row->file, row->name, why.text);
    }
    return filter;
}

static size_t each_of_file(const char *path, filter_case_fn *each, void *ctx)
{
    struct doc_out *out = doc_out_new();
    struct errbuf why = {.text = ""};
    struct buf text;
    struct doc doc;
    struct doc_iter it;
    struct doc_value item;
    const char *index;
    size_t n = 0;

    buf_init(&text, DOC_BYTES_MAX);
    read_whole(path, &text);
    if (doc_from_json(text.data, text.len, out, &doc, &why) != ERR_OK) {
        fail_msg("%s: %s", path, why.text);
    }
    doc_iter_init(&it, doc_sub(doc, "cases"));
    while (doc_next(&it, &index, &item)) {
        struct filter_case row = {
            .file = strrchr(path, '/') + 1,
            .name = doc_str(item.u.doc, "name", ""),
            .doc = doc_sub(item.u.doc, "doc"),
            .want = doc_bool(item.u.doc, "want", false),
        };
        struct filter *filter = parse_filter(&row, item.u.doc);

        row.filter = filter;
        each(ctx, &row);
        filter_free(filter);
        n++;
    }
    buf_fini(&text);
    doc_out_free(out);
    return n;
}

size_t filter_cases_each(filter_case_fn *each, void *ctx)
{
    const char *top = getenv("srcdir");
    char *pattern =
        xasprintf("%s/tests/cases/filter/*.json", top != NULL ? top : ".");
    glob_t files;
    size_t n = 0;

    assert_int_equal(glob(pattern, 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        n += each_of_file(files.gl_pathv[i], each, ctx);
    }
    globfree(&files);
    free(pattern);
    return n;
}
