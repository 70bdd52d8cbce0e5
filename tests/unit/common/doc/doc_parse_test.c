/* SPDX-License-Identifier: Apache-2.0 */
/** doc_from_json: what is taken, what is refused and where, and the limits. */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/doc/doc.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    TEXT_MAX = 16 * 1024 * 1024
};

struct parse_case {
    const char *name;
    const char *text;
    const char *want; /* JSON again, or the reason when err is not ERR_OK */
    enum err err;
};

static const struct parse_case cases[] = {
    {"empty object", "{}", "{}", ERR_OK},
    {"blanks around", " \n{ }\t ", "{}", ERR_OK},
    {"each type", "{\"a\":null,\"b\":true,\"c\":-5,\"d\":1.5,\"e\":\"x\"}",
     "{\"a\":null,\"b\":true,\"c\":-5,\"d\":1.5,\"e\":\"x\"}", ERR_OK},
    {"nested", "{\"a\":{\"b\":[1,[2,{}],[]]}}", "{\"a\":{\"b\":[1,[2,{}],[]]}}",
     ERR_OK},
    {"same name again", "{\"a\":[{\"a\":1}],\"b\":2}",
     "{\"a\":[{\"a\":1}],\"b\":2}", ERR_OK},
    {"whole 64 bits", "{\"a\":9223372036854775807,\"b\":-9223372036854775808}",
     "{\"a\":9223372036854775807,\"b\":-9223372036854775808}", ERR_OK},
    {"past 64 bits", "{\"a\":9223372036854775808}",
     "{\"a\":9.2233720368547758e+18}", ERR_OK},
    {"escapes", "{\"a\\u00e9\":\"\\\"\\\\\\n\\ud83d\\ude00\"}",
     "{\"a\xc3\xa9\":\"\\\"\\\\\\n\xf0\x9f\x98\x80\"}", ERR_OK},
    {"empty name", "{\"\":1}", "{\"\":1}", ERR_OK},
    {"empty text", "", "line 1 column 1: parse error: premature EOF",
     ERR_INVALID},
    {"truncated", "{\"a\":", "line 1 column 6: parse error: premature EOF",
     ERR_INVALID},
    {"array at the root", "[1]", "line 1 column 1: expected an object",
     ERR_INVALID},
    {"number at the root", "1", "line 1 column 2: expected an object",
     ERR_INVALID},
    {"something after", "{} {}",
     "line 1 column 4: parse error: trailing garbage", ERR_INVALID},
    {"second line", "{\n  \"a\": x}",
     "line 2 column 8: lexical error: invalid char in json text.", ERR_INVALID},
    {"huge number", "{\"a\":1e999}", "line 1 column 10: number out of range",
     ERR_INVALID},
    {"NUL in a string", "{\"a\":\"x\\u0000y\"}",
     "line 1 column 15: NUL character in a string", ERR_INVALID},
    {"NUL in a name", "{\"\\u0000\":1}",
     "line 1 column 9: NUL character in a name", ERR_INVALID},
    {"overlong UTF-8", "{\"a\":\"\xc0\xaf\"}", "text is not UTF-8",
     ERR_INVALID},
    {"surrogate as UTF-8", "{\"a\":\"\xed\xa0\x80\"}", "text is not UTF-8",
     ERR_INVALID},
    {"comment", "{/* */}",
     "line 1 column 1: lexical error: probable comment found in input text, "
     "comments are not enabled.",
     ERR_INVALID},
};

static void check_case(const struct parse_case *row, struct doc_out *out)
{
    struct errbuf why = {.text = ""};
    struct buf json;
    struct doc doc;
    enum err err = doc_from_json(row->text, strlen(row->text), out, &doc, &why);

    buf_init(&json, TEXT_MAX);
    if (err == ERR_OK) {
        assert_true(doc_check(doc));
        doc_to_json(doc, &json);
    } else {
        buf_add_str(&json, why.text);
        assert_int_equal(doc.len, 0);
    }
    if (err != row->err || strcmp(buf_str(&json), row->want) != 0) {
        fail_msg("%s: got %s %s", row->name, err_name(err), buf_str(&json));
    }
    buf_fini(&json);
}

static void test_cases(void **state)
{
    struct doc_out *out = doc_out_new();

    (void)state;
    for (size_t i = 0; i < N_ROWS(cases); i++) {
        check_case(&cases[i], out);
    }
    doc_out_free(out);
}

static enum err parse_buf(const struct buf *text, struct errbuf *why)
{
    struct doc_out *out = doc_out_new();
    struct doc doc;
    enum err err = doc_from_json(buf_str(text), text->len, out, &doc, why);

    if (err == ERR_OK) {
        assert_true(doc_check(doc));
    }
    doc_out_free(out);
    return err;
}

static enum err parse_depth(int depth)
{
    struct errbuf why;
    struct buf text;
    enum err err;

    buf_init(&text, TEXT_MAX);
    buf_add_str(&text, "{\"a\":");
    for (int i = 1; i < depth; i++) {
        buf_add_char(&text, '[');
    }
    buf_add_char(&text, '1');
    for (int i = 1; i < depth; i++) {
        buf_add_char(&text, ']');
    }
    buf_add_char(&text, '}');
    err = parse_buf(&text, &why);
    buf_fini(&text);
    return err;
}

static void test_depth(void **state)
{
    (void)state;
    assert_int_equal(parse_depth(DOC_DEPTH_MAX), ERR_OK);
    assert_int_equal(parse_depth(DOC_DEPTH_MAX + 1), ERR_LIMIT);
    assert_int_equal(parse_depth(100000), ERR_LIMIT);
}

/* n times item in an array. */
static enum err parse_many(const char *item, size_t n, struct errbuf *why)
{
    struct buf text;
    enum err err;

    buf_init(&text, TEXT_MAX);
    buf_add_str(&text, "{\"a\":[");
    for (size_t i = 0; i < n; i++) {
        buf_add_str(&text, i == 0 ? "" : ",");
        buf_add_str(&text, item);
    }
    buf_add_str(&text, "]}");
    err = parse_buf(&text, why);
    buf_fini(&text);
    return err;
}

static void test_sizes(void **state)
{
    struct errbuf why;
    struct doc_out *out;
    struct doc doc;
    char *big = xmalloc(DOC_BYTES_MAX + 1);

    (void)state;
    assert_int_equal(parse_many("1", DOC_NODES_MAX - 1, &why), ERR_OK);
    assert_int_equal(parse_many("1", DOC_NODES_MAX, &why), ERR_LIMIT);
    assert_non_null(strstr(why.text, "too many values"));
    /* Small as text, large as a document. */
    assert_int_equal(parse_many("[\"\",[]]", 400000, &why), ERR_LIMIT);
    assert_non_null(strstr(why.text, "too"));
    memset(big, ' ', DOC_BYTES_MAX + 1);
    out = doc_out_new();
    assert_int_equal(doc_from_json(big, DOC_BYTES_MAX + 1, out, &doc, &why),
                     ERR_LIMIT);
    doc_out_free(out);
    memset(big, 'x', DOC_BYTES_MAX);
    big[DOC_BYTES_MAX] = '\0';
    big[0] = '"';
    big[DOC_BYTES_MAX - 12] = '"';
    big[DOC_BYTES_MAX - 11] = '\0';
    assert_int_equal(parse_many(big, 1, &why), ERR_LIMIT);
    assert_non_null(strstr(why.text, "document too large"));
    free(big);
}

static void test_long_tokens(void **state)
{
    struct errbuf why;
    struct buf text;

    (void)state;
    buf_init(&text, TEXT_MAX);
    buf_add_str(&text, "{\"a\":1");
    for (int i = 0; i < 200; i++) {
        buf_add_char(&text, '0');
    }
    buf_add_char(&text, '}');
    assert_int_equal(parse_buf(&text, &why), ERR_LIMIT);
    buf_clear(&text);
    buf_add_str(&text, "{\"");
    for (int i = 0; i < 2000; i++) {
        buf_add_char(&text, 'k');
    }
    buf_add_str(&text, "\":1}");
    assert_int_equal(parse_buf(&text, &why), ERR_LIMIT);
    assert_non_null(strstr(why.text, "name too long"));
    buf_fini(&text);
}

static void test_truncations(void **state)
{
    static const char text[] =
        "{\"a\":[1,-2.5e3,\"\\u00e9\\n\",{\"b\":null}],\"c\":false}";
    struct doc_out *out = doc_out_new();
    struct errbuf why;
    struct doc doc;

    (void)state;
    for (size_t len = 0; len < sizeof text - 1; len++) {
        char *part = xmemdup(text, len + 1); /* exact size for the checker */

        assert_int_equal(doc_from_json(part, len, out, &doc, &why),
                         ERR_INVALID);
        free(part);
    }
    assert_int_equal(doc_from_json(text, sizeof text - 1, out, &doc, &why),
                     ERR_OK);
    doc_out_free(out);
}

static void test_any_value(void **state)
{
    static const char *const taken[] = {
        "[1,{\"a\":[]}]", "{\"a\":1}", "null", "-1.5", "\"x\"", "true", "[]"};
    static const char *const wrong[] = {"", "1 2", "[1", "[1]]", "nul", "\xff"};
    struct doc_out *out = doc_out_new();
    struct doc_value value;
    struct errbuf why;
    struct buf text;

    (void)state;
    buf_init(&text, TEXT_MAX);
    for (size_t i = 0; i < N_ROWS(taken); i++) {
        assert_int_equal(
            doc_value_from_json(taken[i], strlen(taken[i]), out, &value, &why),
            ERR_OK);
        buf_clear(&text);
        doc_value_to_json(&value, &text);
        assert_string_equal(buf_str(&text), taken[i]);
    }
    for (size_t i = 0; i < N_ROWS(wrong); i++) {
        assert_int_equal(
            doc_value_from_json(wrong[i], strlen(wrong[i]), out, &value, &why),
            ERR_INVALID);
        assert_int_equal(value.type, DOC_MISSING);
    }
    buf_fini(&text);
    doc_out_free(out);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROW_SINGLE(test_cases),       ROW_SINGLE(test_depth),
        ROW_SINGLE(test_sizes),       ROW_SINGLE(test_long_tokens),
        ROW_SINGLE(test_truncations), ROW_SINGLE(test_any_value),
    };

    return rows_run("doc_parse", tables, N_ROWS(tables));
}
