/* SPDX-License-Identifier: Apache-2.0 */
/** Any text as Nagios perfdata and as a perf_data_array item: what is taken
 *  is finite, named, and survives its own document. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/perfdata/perfdata.h"
#include "tests/fuzz/fuzz.h"

static bool same_number(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void check_range(const char *range)
{
    bool alerts;

    BUG_IF(strlen(range) > PERF_RANGE_MAX);
    (void)!perf_range_alerts(range, 1.0, &alerts);
}

static void check_item(struct doc_out *out, const struct perf_item *item)
{
    struct perf_item back;
    struct errbuf why;

    BUG_IF(item->metric[0] == '\0' || strlen(item->metric) > PERF_METRIC_MAX);
    BUG_IF(strlen(item->unit) > PERF_UNIT_MAX || !isfinite(item->value));
    BUG_IF(isinf(item->min) || isinf(item->max));
    check_range(item->warn);
    check_range(item->crit);
    doc_out_reset(out);
    perf_item_add_members(item, out);
    BUG_IF(!doc_check(doc_out_done(out)));
    BUG_IF(perf_item_from_doc(doc_out_done(out), &back, &why) != ERR_OK);
    BUG_IF(strcmp(back.metric, item->metric) != 0);
    BUG_IF(strcmp(back.unit, item->unit) != 0);
    BUG_IF(back.type != item->type || back.value != item->value);
    BUG_IF(!same_number(back.min, item->min));
    BUG_IF(!same_number(back.max, item->max));
    BUG_IF(strcmp(back.warn, item->warn) != 0);
    BUG_IF(strcmp(back.crit, item->crit) != 0);
}

static void on_item(void *ctx, const struct perf_item *item)
{
    check_item(ctx, item);
}

static void on_refused(void *ctx, const char *metric, const struct errbuf *why)
{
    (void)ctx;
    (void)strlen(metric);
    BUG_IF(why->text[0] == '\0');
}

static void try_document(const char *text, size_t len, struct doc_out *out)
{
    struct doc_out *in = doc_out_new();
    struct perf_item item;
    struct errbuf why = {"", ""};
    struct doc doc;

    if (doc_from_json(text, len, in, &doc, NULL) == ERR_OK) {
        if (perf_item_from_doc(doc, &item, &why) == ERR_OK) {
            check_item(out, &item);
        } else {
            BUG_IF(why.field[0] == '\0');
        }
    }
    doc_out_free(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = xstrndup((const char *)data, size);
    struct doc_out *out = doc_out_new();

    /* Texts reach it only from documents, which hold UTF-8 without NUL. */
    if (strlen(text) == size && utf8_valid(text, size)) {
        perfdata_parse(text, on_item, on_refused, out);
        try_document(text, size, out);
    }
    doc_out_free(out);
    free(text);
    return 0;
}
