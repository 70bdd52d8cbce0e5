/* SPDX-License-Identifier: Apache-2.0 */
/** Filters: the shared cases, what is refused, limits, and properties. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/filter/filter.h"
#include "tests/support/filter_cases.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    TEXT_MAX = 4 * 1024 * 1024,
    RANDOM_ROUNDS = 3000
};

static struct filter *parse(const char *text)
{
    struct filter *filter = NULL;
    struct errbuf why = {.text = ""};

    if (filter_parse(text, &filter, &why) != ERR_OK) {
        fail_msg("%s: %s", text, why.text);
    }
    return filter;
}

static void format(const struct filter *filter, struct buf *out)
{
    buf_init(out, TEXT_MAX);
    filter_format(filter, out);
    assert_false(out->overflow);
}

/* The canonical form parses to a tree with the same form and answer. */
static void check_roundtrip(const struct filter *filter, struct doc doc,
                            const char *name)
{
    struct buf once;
    struct buf twice;
    struct filter *again;

    format(filter, &once);
    again = parse(buf_str(&once));
    format(again, &twice);
    if (strcmp(buf_str(&once), buf_str(&twice)) != 0 ||
        filter_match(filter, doc) != filter_match(again, doc)) {
        fail_msg("%s: %s became %s", name, buf_str(&once), buf_str(&twice));
    }
    filter_free(again);
    buf_fini(&once);
    buf_fini(&twice);
}

/* {"$nor":[f]} turns the answer; twice gives it back. */
static void check_negation(const struct filter *filter, struct doc doc,
                           const char *name)
{
    bool want = filter_match(filter, doc);
    struct buf text;
    char *once;
    char *twice;
    struct filter *negated;

    format(filter, &text);
    once = xasprintf("{\"$nor\":[%s]}", buf_str(&text));
    twice = xasprintf("{\"$nor\":[%s]}", once);
    negated = parse(once);
    if (filter_match(negated, doc) == want) {
        fail_msg("%s: %s answers as without $nor", name, once);
    }
    filter_free(negated);
    negated = parse(twice);
    if (filter_match(negated, doc) != want) {
        fail_msg("%s: %s answers otherwise", name, twice);
    }
    filter_free(negated);
    free(once);
    free(twice);
    buf_fini(&text);
}

/* For a scalar field every pushed condition must hold on what matches. */
static void check_pushdown(const struct filter *filter, struct doc doc,
                           const char *name)
{
    struct filter_cond conds[FILTER_PUSH_MAX];
    size_t n = filter_pushdown(filter, conds);

    for (size_t i = 0; i < n && filter_match(filter, doc); i++) {
        struct doc_value value;
        int order;
        bool ok = true;

        if (strchr(conds[i].field, '.') != NULL ||
            !doc_get(doc, conds[i].field, &value) || value.type == DOC_ARRAY) {
            continue;
        }
        order = doc_compare(&value, &conds[i].value);
        switch (conds[i].op) {
        case FILTER_EQ:
            ok = order == 0;
            break;
        case FILTER_GT:
            ok = order > 0;
            break;
        case FILTER_GTE:
            ok = order >= 0;
            break;
        case FILTER_LT:
            ok = order < 0;
            break;
        case FILTER_LTE:
            ok = order <= 0;
            break;
        case FILTER_IN:
            ok = doc_count(conds[i].value.u.doc) > 0;
            break;
        case FILTER_EXISTS:
            ok = value.type != DOC_NULL;
            break;
        default:
            break;
        }
        if (!ok) {
            fail_msg("%s: pushed condition %zu does not hold", name, i);
        }
    }
}

static void check_case(void *ctx, const struct filter_case *row)
{
    size_t *failed = ctx;

    if (filter_match(row->filter, row->doc) != row->want) {
        print_error("%s: %s: want %s\n", row->file, row->name,
                    row->want ? "a match" : "no match");
        ++*failed;
    }
    check_roundtrip(row->filter, row->doc, row->name);
    check_negation(row->filter, row->doc, row->name);
    check_pushdown(row->filter, row->doc, row->name);
}

static void test_cases(void **state)
{
    size_t failed = 0;

    (void)state;
    assert_true(filter_cases_each(check_case, &failed) > 200);
    assert_int_equal(failed, 0);
}

struct refused_case {
    const char *filter;
    const char *want; /* beginning of the reason */
    enum err err;
};

static const struct refused_case refused[] = {
    {"{", "line 1 column", ERR_INVALID},
    {"{\"$foo\":1}", "$foo: expected a field name, $and, $or, $nor or $not",
     ERR_INVALID},
    {"{\"\":1}", "expected a field name", ERR_INVALID},
    {"{\"$and\":{}}", "$and: expected an array of at least one object",
     ERR_INVALID},
    {"{\"$or\":[]}", "$or: expected an array of at least one object",
     ERR_INVALID},
    {"{\"$or\":[{\"a\":1},5]}", "$or[1]: expected an object", ERR_INVALID},
    {"{\"$not\":5}", "$not: expected an object", ERR_INVALID},
    {"{\"a\":{\"$foo\":1}}", "a.$foo: expected one of $eq $ne", ERR_INVALID},
    {"{\"a\":{\"$gt\":1,\"b\":2}}", "a.b: expected one of $eq $ne",
     ERR_INVALID},
    {"{\"a\":{\"$gt\":1,\"$gt\":2}}", "a.$gt: given twice", ERR_INVALID},
    {"{\"a\":{\"$gt\":{}}}", "a.$gt: expected a number, a text, a bool or null",
     ERR_INVALID},
    {"{\"a\":{\"$lt\":[1]}}",
     "a.$lt: expected a number, a text, a bool or null", ERR_INVALID},
    {"{\"a\":{\"$in\":1}}", "a.$in: expected an array", ERR_INVALID},
    {"{\"a\":{\"$in\":[{\"$gt\":1}]}}", "a.$in: expected values, not operators",
     ERR_INVALID},
    {"{\"a\":{\"$nin\":{}}}", "a.$nin: expected an array", ERR_INVALID},
    {"{\"a\":{\"$all\":5}}", "a.$all: expected an array", ERR_INVALID},
    {"{\"a\":{\"$all\":[{\"$elemMatch\":{\"b\":1}},2]}}",
     "a.$all: expected only values or only $elemMatch objects", ERR_INVALID},
    {"{\"a\":{\"$all\":[{\"$gt\":1}]}}",
     "a.$all: expected only values or only $elemMatch objects", ERR_INVALID},
    {"{\"a\":{\"$all\":[1,{\"$elemMatch\":{\"b\":1}}]}}",
     "a.$all: expected values, not operators", ERR_INVALID},
    {"{\"a\":{\"$exists\":\"yes\"}}", "a.$exists: expected true or false",
     ERR_INVALID},
    {"{\"a\":{\"$type\":\"text\"}}", "a.$type: expected number, string",
     ERR_INVALID},
    {"{\"a\":{\"$type\":[]}}", "a.$type: expected number, string", ERR_INVALID},
    {"{\"a\":{\"$size\":-1}}", "a.$size: expected a whole number", ERR_INVALID},
    {"{\"a\":{\"$size\":1.5}}", "a.$size: expected a whole number",
     ERR_INVALID},
    {"{\"a\":{\"$regex\":5}}", "a.$regex: expected a pattern as text",
     ERR_INVALID},
    {"{\"a\":{\"$regex\":\"(\"}}",
     "a.$regex: bad pattern, at character 1: missing closing parenthesis",
     ERR_INVALID},
    {"{\"a\":{\"$regex\":\"x\",\"$options\":\"q\"}}",
     "a.$regex: expected $options of the letters i, m, s, x", ERR_INVALID},
    {"{\"a\":{\"$options\":\"i\"}}",
     "a.$options: expected a $regex beside $options", ERR_INVALID},
    {"{\"a\":{\"$regex\":\"\\\\C\"}}", "a.$regex: bad pattern", ERR_INVALID},
    {"{\"a\":{\"$not\":5}}", "a.$not: expected an object of operators",
     ERR_INVALID},
    {"{\"a\":{\"$not\":{\"$foo\":1}}}", "a.$not.$foo: expected one of $eq",
     ERR_INVALID},
    {"{\"$not\":{\"$foo\":1}}", "$not.$foo: expected a field name",
     ERR_INVALID},
    {"{\"a\":{\"$elemMatch\":5}}", "a.$elemMatch: expected an object",
     ERR_INVALID},
    {"{\"a\":{\"$elemMatch\":{\"$gt\":1,\"b\":2}}}",
     "a.$elemMatch.b: expected one of $eq", ERR_INVALID},
    {"{\"a..b\":1}", "a..b: expected names joined by single dots", ERR_INVALID},
    {"{\"$and\":[{\"a\":{\"$in\":[1,2]}},{\"b\":{\"$gte\":[]}}]}",
     "$and[1].b.$gte: expected a number", ERR_INVALID},
    /* short form */
    {"state>=", "column 8: expected a value, found the end", ERR_INVALID},
    {"state>= and x", "column 9: expected a value, found and", ERR_INVALID},
    {"and", "column 1: expected a field name, 'not' or '(', found and",
     ERR_INVALID},
    {"a=1 b=2", "column 5: expected 'and', 'or' or the end, found b",
     ERR_INVALID},
    {"(a=1", "column 5: expected 'and', 'or' or ')', found the end",
     ERR_INVALID},
    {"a=1)", "column 4: expected 'and', 'or' or the end, found )", ERR_INVALID},
    {"()", "column 2: expected a field name, 'not' or '(', found )",
     ERR_INVALID},
    {"a=\"x", "column 3: the quote is not closed", ERR_INVALID},
    {"a ! b", "column 3: '!' must be followed by '=' or '~'", ERR_INVALID},
    {"a in 1", "column 6: expected '(', found 1", ERR_INVALID},
    {"a in ()", "column 7: expected a value, found )", ERR_INVALID},
    {"a in (1 2)", "column 9: expected ',' or ')', found 2", ERR_INVALID},
    {"a in (1,", "column 9: expected a value, found the end", ERR_INVALID},
    {"a not b", "column 7: expected 'in' after 'not', found b", ERR_INVALID},
    {"a ~ \"(\"", "column 5: bad pattern, at character 1: missing",
     ERR_INVALID},
    {"\xc3\xa9\xc3\xa9 = ", "column 6: expected a value, found the end",
     ERR_INVALID},
    {"not", "column 4: expected a field name, 'not' or '(', found the end",
     ERR_INVALID},
    {"a=1 or", "column 7: expected a field name, 'not' or '('", ERR_INVALID},
    {"$where=1", "column 1: expected a field name, not an operator",
     ERR_INVALID},
    {"a.=1", "expected names joined by single dots", ERR_INVALID},
    {"[1]", "column 4: ", ERR_OK},
    {"a=\xff", "filter is not UTF-8", ERR_INVALID},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(refused); i++) {
        struct filter *filter = NULL;
        struct errbuf why = {.text = ""};
        enum err err = filter_parse(refused[i].filter, &filter, &why);

        if (err != refused[i].err ||
            (err != ERR_OK && strncmp(why.text, refused[i].want,
                                      strlen(refused[i].want)) != 0)) {
            fail_msg("%s: got %s: %s", refused[i].filter, err_name(err),
                     why.text);
        }
        assert_true((filter == NULL) == (err != ERR_OK));
        filter_free(filter);
    }
}

/* Every cut of a valid text is refused or taken, never more. */
static void test_truncations(void **state)
{
    static const char *const texts[] = {
        "state>=2 and (component~\"^web\" or not a in (1,\"x\")) and b!~'x'",
        "{\"$or\":[{\"a\":{\"$not\":{\"$regex\":\"x\",\"$options\":\"i\"}}},"
        "{\"b\":{\"$all\":[{\"$elemMatch\":{\"c\":1}}]}}]}",
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(texts); i++) {
        for (size_t len = 0; len <= strlen(texts[i]); len++) {
            char *part = xstrndup(texts[i], len);
            struct filter *filter = NULL;
            struct errbuf why;

            if (filter_parse(part, &filter, &why) == ERR_OK) {
                filter_free(filter);
            }
            free(part);
        }
    }
}

static enum err parse_repeated(const char *before, const char *item,
                               const char *after, size_t n, bool close)
{
    struct filter *filter = NULL;
    struct errbuf why = {.text = ""};
    struct buf text;
    enum err err;

    buf_init(&text, TEXT_MAX);
    buf_add_str(&text, before);
    for (size_t i = 0; i < n; i++) {
        buf_add_str(&text, item);
    }
    buf_add_str(&text, after);
    for (size_t i = 0; close && i < n; i++) {
        buf_add_char(&text, ')');
    }
    err = filter_parse(buf_str(&text), &filter, &why);
    filter_free(filter);
    buf_fini(&text);
    return err;
}

/* {"$not":{"$not": ... {"a":1}}} */
static enum err parse_nested(size_t n)
{
    struct filter *filter = NULL;
    struct errbuf why = {.text = ""};
    struct buf text;
    enum err err;

    buf_init(&text, TEXT_MAX);
    for (size_t i = 0; i < n; i++) {
        buf_add_str(&text, "{\"$not\":");
    }
    buf_add_str(&text, "{\"a\":1}");
    for (size_t i = 0; i < n; i++) {
        buf_add_char(&text, '}');
    }
    err = filter_parse(buf_str(&text), &filter, &why);
    filter_free(filter);
    buf_fini(&text);
    return err;
}

static void test_limits(void **state)
{
    (void)state;
    /* one or, n conditions of one and each */
    assert_int_equal(parse_repeated("a=1", " or b=2", "", 998, false), ERR_OK);
    assert_int_equal(parse_repeated("a=1", " or b=2", "", 999, false),
                     ERR_LIMIT);
    assert_int_equal(
        parse_repeated("{\"a\":{\"$in\":[0", ",1", "]}}", 998, false), ERR_OK);
    assert_int_equal(
        parse_repeated("{\"a\":{\"$in\":[0", ",1", "]}}", 999, false),
        ERR_LIMIT);
    assert_int_equal(parse_repeated("a in (0", ",1", ")", 998, false), ERR_OK);
    assert_int_equal(parse_repeated("a in (0", ",1", ")", 999, false),
                     ERR_LIMIT);
    assert_int_equal(parse_repeated("{\"$or\":[{}", ",{}", "]}", 100000, false),
                     ERR_LIMIT);
    assert_int_equal(parse_repeated("", "(", "a=1", 31, true), ERR_OK);
    assert_int_equal(parse_repeated("", "(", "a=1", 32, true), ERR_LIMIT);
    assert_int_equal(parse_repeated("", "(", "a=1", 50000, true), ERR_LIMIT);
    assert_int_equal(parse_repeated("", "not ", "a=1", 15, false), ERR_OK);
    assert_int_equal(parse_repeated("", "not ", "a=1", 16, false), ERR_LIMIT);
    assert_int_equal(parse_repeated("", "{\"$not\":", "1", 100, false),
                     ERR_LIMIT);
    assert_int_equal(parse_nested(14), ERR_OK);
    assert_int_equal(parse_nested(16), ERR_LIMIT); /* its canonical form */
    assert_int_equal(parse_nested(33), ERR_LIMIT);
    assert_int_equal(parse_repeated("a", "a", "=1", 511, false), ERR_OK);
    assert_int_equal(parse_repeated("a", "a", "=1", 512, false), ERR_LIMIT);
    assert_int_equal(parse_repeated("a~x", "x", "", 4095, false), ERR_OK);
    assert_int_equal(parse_repeated("a~x", "x", "", 4096, false), ERR_LIMIT);
    assert_int_equal(parse_repeated("a=", " ", "1", 300000, false), ERR_LIMIT);
}

/* A pattern that would take exponential time answers soon: no match. */
static void test_hostile_pattern(void **state)
{
    struct filter *filter = parse("a ~ '^(a+)+$'");
    struct doc_out *out = doc_out_new();
    char *text = xmalloc(64 * 1024);

    (void)state;
    memset(text, 'a', 64 * 1024 - 2);
    text[64 * 1024 - 2] = '!';
    text[64 * 1024 - 1] = '\0';
    doc_add_str(out, "a", text);
    assert_false(filter_match(filter, doc_out_done(out)));
    doc_out_reset(out);
    doc_add_str(out, "a", "aaaa");
    assert_true(filter_match(filter, doc_out_done(out)));
    free(text);
    doc_out_free(out);
    filter_free(filter);
}

struct format_case {
    const char *filter;
    const char *want;
};

static const struct format_case formats[] = {
    {"", "{}"},
    {"{}", "{}"},
    {"state>=2 and component~\"^web\" and not acked",
     "{\"$and\":[{\"state\":{\"$gte\":2}},"
     "{\"component\":{\"$regex\":\"^web\"}},"
     "{\"$nor\":[{\"acked\":{\"$nin\":[null,false,0,\"\"]}}]}]}"},
    {"a=1 and b=2", "{\"a\":1,\"b\":2}"},
    {"a>1 and a<5 and b=2", "{\"a\":{\"$gt\":1,\"$lt\":5},\"b\":2}"},
    {"a=1 and a=2", "{\"$and\":[{\"a\":1},{\"a\":2}]}"},
    {"{\"$and\":[{\"$and\":[{\"a\":1}]},{\"b\":2}]}", "{\"a\":1,\"b\":2}"},
    {"{\"$or\":[{\"a\":1}]}", "{\"a\":1}"},
    {"{\"a\":{\"b\":1}}", "{\"a\":{\"$eq\":{\"b\":1}}}"},
    {"{\"a\":{\"$regex\":\"x\",\"$options\":\"si\"}}",
     "{\"a\":{\"$regex\":\"x\",\"$options\":\"is\"}}"},
    {"{\"a\":{\"$type\":[\"null\",\"int\"]}}",
     "{\"a\":{\"$type\":[\"number\",\"null\"]}}"},
    {"{\"a\":{\"$exists\":0}}", "{\"a\":{\"$exists\":false}}"},
    {"a !~ x", "{\"a\":{\"$not\":{\"$regex\":\"x\"}}}"},
    {"{\"a\":{\"$elemMatch\":{\"$gt\":1,\"$not\":{\"$gt\":5}}}}",
     "{\"a\":{\"$elemMatch\":{\"$gt\":1,\"$not\":{\"$gt\":5}}}}"},
    {"{\"a\":{\"$elemMatch\":{\"b\":1,\"c\":2}}}",
     "{\"a\":{\"$elemMatch\":{\"b\":1,\"c\":2}}}"},
};

static void test_format(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(formats); i++) {
        struct filter *filter = parse(formats[i].filter);
        struct buf text;

        format(filter, &text);
        if (strcmp(buf_str(&text), formats[i].want) != 0) {
            fail_msg("%s became %s", formats[i].filter, buf_str(&text));
        }
        buf_fini(&text);
        filter_free(filter);
    }
}

static void test_explain(void **state)
{
    struct filter *filter =
        parse("{\"state\":{\"$gte\":2},\"$or\":[{\"c\":{\"$regex\":\"^w\","
              "\"$options\":\"i\"}},{\"t\":{\"$elemMatch\":{\"$gt\":1}}}],"
              "\"d\":{\"$not\":{\"$in\":[1]}}}");
    struct buf text;

    (void)state;
    buf_init(&text, TEXT_MAX);
    filter_explain(filter, &text);
    assert_string_equal(buf_str(&text), "all of\n"
                                        "  state gte 2\n"
                                        "  any of\n"
                                        "    c regex \"^w\" (options i)\n"
                                        "    t elemMatch\n"
                                        "      element gt 1\n"
                                        "  d not\n"
                                        "    d in [1]\n");
    filter_free(filter);
    filter = parse("{\"$or\":[{\"$nor\":[{\"a\":1},{\"b\":2}]},{\"$nor\":[{"
                   "\"c\":3}]},{}]}");
    buf_clear(&text);
    filter_explain(filter, &text);
    assert_string_equal(buf_str(&text), "any of\n"
                                        "  none of\n"
                                        "    a eq 1\n"
                                        "    b eq 2\n"
                                        "  not\n"
                                        "    c eq 3\n"
                                        "  everything\n");
    buf_clear(&text);
    filter_explain(NULL, &text);
    assert_string_equal(buf_str(&text), "everything\n");
    buf_clear(&text);
    filter_format(NULL, &text);
    assert_string_equal(buf_str(&text), "{}");
    assert_true(filter_match(NULL, (struct doc){NULL, 0}));
    buf_fini(&text);
    filter_free(filter);
}

struct push_case {
    const char *filter;
    const char *want; /* "field op value;" each */
};

static const struct push_case pushes[] = {
    {"", ""},
    {"a=1", "a 0 1;"},
    {"a=1.5 and b=x and c=true", "a 0 1.5;b 0 \"x\";c 0 true;"},
    {"a in (1,x)", "a 1 [1,\"x\"];"},
    {"a>1 and a>=2 and b<3 and b<=4", "a 2 1;a 3 2;b 4 3;b 5 4;"},
    {"a=null", ""},
    {"a!=null", "a 6 null;"},
    {"a in (1,null)", ""},
    {"a!=1", ""},
    {"a not in (1)", ""},
    {"a~x", "a 6 null;"},
    {"a!~x", ""},
    {"a=1 or b=2", ""},
    {"(a=1 or b=2) and c=3", "c 0 3;"},
    {"not a=1", ""},
    {"{\"a\":{\"$exists\":true}}", ""},
    {"{\"a\":{\"$type\":\"string\"}}", "a 6 null;"},
    {"{\"a\":{\"$type\":[\"string\",\"null\"]}}", ""},
    {"{\"a\":{\"b\":1}}", ""},
    {"{\"a\":[1]}", ""},
    {"{\"a\":{\"$elemMatch\":{\"$gt\":1}}}", ""},
    {"a.b=1", "a.b 0 1;"},
};

static void test_pushdown(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(pushes); i++) {
        struct filter_cond conds[FILTER_PUSH_MAX];
        struct filter *filter = parse(pushes[i].filter);
        size_t n = filter_pushdown(filter, conds);
        struct buf text;

        buf_init(&text, TEXT_MAX);
        for (size_t j = 0; j < n; j++) {
            buf_addf(&text, "%s %d ", conds[j].field, (int)conds[j].op);
            doc_value_to_json(&conds[j].value, &text);
            buf_add_char(&text, ';');
        }
        if (strcmp(buf_str(&text), pushes[i].want) != 0) {
            fail_msg("%s pushed %s", pushes[i].filter, buf_str(&text));
        }
        buf_fini(&text);
        filter_free(filter);
    }
    assert_int_equal(filter_pushdown(NULL, NULL), 0);
}

static void test_pushdown_most(void **state)
{
    struct filter_cond conds[FILTER_PUSH_MAX];
    struct filter *filter;
    struct buf text;

    (void)state;
    buf_init(&text, TEXT_MAX);
    buf_add_str(&text, "a0=1");
    for (int i = 1; i < 2 * FILTER_PUSH_MAX; i++) {
        buf_addf(&text, " and a%d=1", i);
    }
    filter = parse(buf_str(&text));
    assert_int_equal(filter_pushdown(filter, conds), FILTER_PUSH_MAX);
    filter_free(filter);
    buf_fini(&text);
}

/* xorshift: the same rounds everywhere for one seed. */
static uint32_t roll(uint32_t *seed, uint32_t n)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed % n;
}

static void random_value(uint32_t *seed, int depth, struct buf *out)
{
    static const char *const scalars[] = {"null",  "true",   "false", "0",
                                          "1",     "2",      "1.5",   "\"\"",
                                          "\"x\"", "\"xy\"", "\"1\"", "-1"};
    uint32_t kind = roll(seed, 8);
    uint32_t n;

    if (depth == 0 || kind < 5) {
        buf_add_str(out, scalars[roll(seed, N_ROWS(scalars))]);
        return;
    }
    n = roll(seed, 3);
    buf_add_char(out, kind < 7 ? '[' : '{');
    for (uint32_t i = 0; i < n; i++) {
        buf_add_str(out, i == 0 ? "" : ",");
        if (kind == 7) {
            buf_addf(out, "\"%c\":", (char)('a' + (int)i));
        }
        random_value(seed, depth - 1, out);
    }
    buf_add_char(out, kind < 7 ? ']' : '}');
}

static void random_document(uint32_t *seed, struct buf *out)
{
    buf_add_char(out, '{');
    for (char c = 'a'; c < 'd'; c++) {
        if (roll(seed, 4) > 0) {
            buf_addf(out,
                     "%s\"%c\":", out->data[out->len - 1] == '{' ? "" : ",", c);
            random_value(seed, 3, out);
        }
    }
    buf_add_char(out, '}');
}

static void random_operators(uint32_t *seed, int depth, struct buf *out)
{
    static const char *const fixed[] = {
        "\"$exists\":true",
        "\"$exists\":false",
        "\"$type\":\"number\"",
        "\"$type\":[\"string\",\"null\"]",
        "\"$regex\":\"^x\"",
        "\"$size\":1",
        "\"$elemMatch\":{\"$gt\":0,\"$lt\":2}",
        "\"$elemMatch\":{\"a\":1}",
        "\"$all\":[1]",
        "\"$in\":[1,\"x\",null]",
        "\"$nin\":[0,[]]",
        "\"$gt\":1",
        "\"$gte\":\"x\"",
        "\"$lt\":2,\"$gt\":0",
        "\"$lte\":null",
    };

    if (depth > 0 && roll(seed, 6) == 0) {
        buf_add_str(out, "{\"$not\":");
        random_operators(seed, depth - 1, out);
        buf_add_char(out, '}');
    } else if (roll(seed, 4) == 0) {
        buf_add_str(out, roll(seed, 2) == 0 ? "{\"$ne\":" : "{\"$eq\":");
        random_value(seed, 1, out);
        buf_add_char(out, '}');
    } else {
        buf_addf(out, "{%s}", fixed[roll(seed, N_ROWS(fixed))]);
    }
}

static void random_filter(uint32_t *seed, int depth, struct buf *out)
{
    static const char *const paths[] = {"a",   "b",   "c",     "a.a",  "a.b",
                                        "b.0", "b.1", "c.0.a", "a.b.a"};
    static const char *const connectives[] = {"$and", "$or", "$nor"};
    uint32_t n = 1 + roll(seed, 3);

    if (depth == 0 || roll(seed, 3) == 0) {
        buf_addf(out, "{\"%s\":", paths[roll(seed, N_ROWS(paths))]);
        random_operators(seed, 2, out);
        buf_add_char(out, '}');
        return;
    }
    buf_addf(out, "{\"%s\":[", connectives[roll(seed, 3)]);
    for (uint32_t i = 0; i < n; i++) {
        buf_add_str(out, i == 0 ? "" : ",");
        random_filter(seed, depth - 1, out);
    }
    buf_add_str(out, "]}");
}

static void check_random(uint32_t start, struct doc_out *out)
{
    uint32_t seed = start;
    struct filter *filter;
    struct buf text;
    struct errbuf why;
    struct doc doc;

    buf_init(&text, TEXT_MAX);
    random_document(&seed, &text);
    assert_int_equal(doc_from_json(text.data, text.len, out, &doc, &why),
                     ERR_OK);
    buf_clear(&text);
    random_filter(&seed, 3, &text);
    filter = parse(buf_str(&text));
    check_roundtrip(filter, doc, buf_str(&text));
    check_negation(filter, doc, buf_str(&text));
    check_pushdown(filter, doc, buf_str(&text));
    filter_free(filter);
    buf_fini(&text);
}

static void test_random(void **state)
{
    struct doc_out *out = doc_out_new();

    (void)state;
    for (uint32_t i = 1; i <= RANDOM_ROUNDS; i++) {
        check_random(i * 2654435761U, out);
    }
    doc_out_free(out);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROW_SINGLE(test_cases),           ROW_SINGLE(test_refused),
        ROW_SINGLE(test_truncations),     ROW_SINGLE(test_limits),
        ROW_SINGLE(test_hostile_pattern), ROW_SINGLE(test_format),
        ROW_SINGLE(test_explain),         ROW_SINGLE(test_pushdown),
        ROW_SINGLE(test_pushdown_most),   ROW_SINGLE(test_random),
    };

    return rows_run("filter", tables, N_ROWS(tables));
}
