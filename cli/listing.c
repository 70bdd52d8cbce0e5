/* SPDX-License-Identifier: Apache-2.0 */
/** Lists of the API, page by page. */
#include "cli/listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/call.h"
#include "common/base/mem.h"
#include "common/base/str.h"

enum {
    PATH_MAX_BYTES = 64 * 1024,
    PAGE = 500,
    DEFAULT_LIMIT = 100,
    CELL_MAX = 64 * 1024,
    TITLE_WIDTH = 16
};

struct page {
    listing_fn *fn;
    void *ctx;
    int64_t left; /* -1: no limit */
    bool stop;
    char *cursor; /* NULL: the first page, or no further one */
};

static void take_items(struct page *page, struct doc answer)
{
    struct doc_iter it;
    struct doc_value value;
    const char *key;

    doc_iter_init(&it, doc_sub(answer, "items"));
    while (!page->stop && doc_next(&it, &key, &value)) {
        if (value.type != DOC_DOC || !page->fn(page->ctx, value.u.doc)) {
            page->stop = true;
        }
        page->left -= page->left > 0 ? 1 : 0;
        page->stop = page->stop || page->left == 0;
    }
    free(page->cursor);
    page->cursor = NULL;
    if (!page->stop && doc_str(answer, "next", NULL) != NULL) {
        page->cursor = xstrdup(doc_str(answer, "next", ""));
    }
}

static int read_page(struct hyp *hyp, const char *path, struct page *page,
                     int64_t *total)
{
    struct api_answer answer;
    struct buf full;
    char limit[32];
    int code;

    (void)snprintf(limit, sizeof limit, "%lld",
                   page->left > 0 && page->left < PAGE ? (long long)page->left
                                                       : (long long)PAGE);
    buf_init(&full, PATH_MAX_BYTES);
    buf_add_str(&full, path);
    api_add_param(&full, "limit", limit);
    api_add_param(&full, "cursor", page->cursor);
    code = call_get(hyp, buf_str(&full), &answer);
    buf_fini(&full);
    if (code != HYP_DONE) {
        return code;
    }
    if (total != NULL) {
        *total = doc_i64(answer.doc, "total", 0);
    }
    take_items(page, answer.doc);
    api_answer_fini(&answer);
    return HYP_DONE;
}

int listing_each(struct hyp *hyp, const char *path, int64_t limit,
                 listing_fn *fn, void *ctx, int64_t *total)
{
    struct page page = {.fn = fn, .ctx = ctx, .left = limit > 0 ? limit : -1};
    int code;

    do {
        code = read_page(hyp, path, &page, total);
    } while (code == HYP_DONE && page.cursor != NULL);
    free(page.cursor);
    return code;
}

bool listing_path(const struct hyp *hyp, const char *path, struct buf *out,
                  int64_t *limit)
{
    const char *text = hyp_option(hyp, "limit");

    *limit = DEFAULT_LIMIT;
    if (text != NULL && str_to_i64(text, 0, INT32_MAX, limit) != ERR_OK) {
        hyp_say("--limit: expected a whole number from 0 (all)");
        return false;
    }
    buf_add_str(out, path);
    api_add_param(out, "filter", hyp_option(hyp, "filter"));
    api_add_param(out, "search", hyp_option(hyp, "search"));
    api_add_param(out, "sort", hyp_option(hyp, "sort"));
    return true;
}

static bool add_to_table(void *ctx, struct doc item)
{
    table_add(ctx, item);
    return true;
}

static void tell_more(const struct hyp *hyp, size_t shown, int64_t total)
{
    if (hyp->terminal && (int64_t)shown < total) {
        hyp_say("%zu of %lld shown: --limit N shows more, --limit 0 all", shown,
                (long long)total);
    }
}

int listing_show(struct hyp *hyp, const char *path,
                 const struct column *columns)
{
    struct table *table;
    struct buf full;
    int64_t limit, total = 0;
    int code = HYP_USAGE;

    buf_init(&full, PATH_MAX_BYTES);
    if (listing_path(hyp, path, &full, &limit)) {
        table = table_new(hyp, columns);
        code = listing_each(hyp, buf_str(&full), limit, add_to_table, table,
                            &total);
        if (code == HYP_DONE) {
            table_finish(table);
            tell_more(hyp, table_rows(table), total);
        }
        table_free(table);
    }
    buf_fini(&full);
    return code;
}

void listing_show_item(const struct hyp *hyp, struct doc item,
                       const struct column *columns)
{
    struct table *table;
    struct buf cell;

    if (hyp->format != FORMAT_TABLE && hyp->format != FORMAT_WIDE) {
        table = table_new(hyp, columns);
        table_add(table, item);
        table_finish(table);
        table_free(table);
        return;
    }
    buf_init(&cell, CELL_MAX);
    for (const struct column *c = columns; c->title != NULL; c++) {
        bool colored = c->kind == COLUMN_STATE;

        buf_clear(&cell);
        table_format(c, item, &cell);
        if (cell.len > 0) {
            (void)printf("%-*s %s%s%s\n", TITLE_WIDTH, c->title,
                         colored ? table_color(hyp, doc_i64(item, "state", -1))
                                 : "",
                         buf_str(&cell), colored ? table_color_end(hyp) : "");
        }
    }
    buf_fini(&cell);
}

int listing_show_one(struct hyp *hyp, const char *path,
                     const struct column *columns)
{
    struct api_answer answer;
    struct buf full;
    int code;

    buf_init(&full, PATH_MAX_BYTES);
    buf_add_str(&full, path);
    api_add_param(&full, "id", hyp->args.words[0]);
    code = call_get(hyp, buf_str(&full), &answer);
    buf_fini(&full);
    if (code == HYP_DONE) {
        listing_show_item(hyp, answer.doc, columns);
        api_answer_fini(&answer);
    }
    return code;
}
