/* SPDX-License-Identifier: Apache-2.0 */
/** Any filter (first line) on any JSON document (the rest): its canonical
 *  form means the same, and what is pushed down loses no match. */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/filter/filter.h"
#include "tests/fuzz/fuzz.h"

static bool is_scalar(const struct doc_value *value)
{
    return value->type == DOC_INT || value->type == DOC_DOUBLE ||
           value->type == DOC_STRING || value->type == DOC_BOOL;
}

static bool is_in(const struct doc_value *value, struct doc array)
{
    struct doc_iter it;
    struct doc_value element;
    const char *key;

    doc_iter_init(&it, array);
    while (doc_next(&it, &key, &element)) {
        if (doc_compare(value, &element) == 0) {
            return true;
        }
    }
    return false;
}

static bool holds(const struct filter_cond *cond, const struct doc_value *value)
{
    int order;

    switch (cond->op) {
    case FILTER_EXISTS:
        return true;
    case FILTER_IN:
        return is_in(value, cond->value.u.doc);
    case FILTER_EQ:
    case FILTER_GT:
    case FILTER_GTE:
    case FILTER_LT:
    case FILTER_LTE:
        break;
    }
    order = doc_compare(value, &cond->value);
    return cond->op == FILTER_EQ    ? order == 0
           : cond->op == FILTER_GT  ? order > 0
           : cond->op == FILTER_GTE ? order >= 0
           : cond->op == FILTER_LT  ? order < 0
                                    : order <= 0;
}

static void check_pushdown(const struct filter *filter, struct doc doc)
{
    struct filter_cond conds[FILTER_PUSH_MAX];
    size_t n = filter_pushdown(filter, conds);

    BUG_IF(n > FILTER_PUSH_MAX);
    for (size_t i = 0; i < n; i++) {
        struct doc_value value;

        if (doc_path(doc, conds[i].field, &value) && is_scalar(&value)) {
            BUG_IF(!holds(&conds[i], &value));
        }
    }
}

static void check_filter(const struct filter *filter, struct doc doc)
{
    struct filter *again;
    struct errbuf why = {"", ""};
    struct buf one;
    struct buf two;
    bool match = filter_match(filter, doc);

    buf_init(&one, DOC_BYTES_MAX);
    buf_init(&two, DOC_BYTES_MAX);
    filter_format(filter, &one);
    BUG_IF(filter_parse(buf_str(&one), &again, &why) != ERR_OK);
    filter_format(again, &two);
    BUG_IF(strcmp(buf_str(&one), buf_str(&two)) != 0);
    BUG_IF(filter_match(again, doc) != match);
    if (match) {
        check_pushdown(filter, doc);
    }
    buf_clear(&two);
    filter_explain(filter, &two);
    filter_free(again);
    buf_fini(&one);
    buf_fini(&two);
}

static void run(char *text, const char *rest)
{
    struct doc_out *out = doc_out_new();
    struct errbuf why = {"", ""};
    struct filter *filter;
    struct doc doc;

    if (doc_from_json(rest, strlen(rest), out, &doc, NULL) != ERR_OK) {
        doc = (struct doc){NULL, 0};
    }
    if (filter_parse(text, &filter, &why) == ERR_OK) {
        check_filter(filter, doc);
        filter_free(filter);
    } else {
        BUG_IF(why.text[0] == '\0');
    }
    doc_out_free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = xstrndup((const char *)data, size);
    char *end = strchr(text, '\n');
    const char *rest = "";

    if (end != NULL) {
        *end = '\0';
        rest = end + 1;
    }
    run(text, rest);
    free(text);
    return 0;
}
