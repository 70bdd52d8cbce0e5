/* SPDX-License-Identifier: Apache-2.0 */
/** YAML as JSON says the same, what is refused and where, and back again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/yaml_docs.h"
#include "common/base/mem.h"
#include "tests/support/unit.h"

enum {
    TEXT_MAX = 1024 * 1024,
    DEEP = 100
};

/* The documents of a text as JSON, one behind the other. */
static bool add_json(void *ctx, const struct doc_value *value)
{
    doc_value_to_json(value, ctx);
    buf_add_char(ctx, ';');
    return true;
}

static const struct {
    const char *name, *yaml, *json;
} good[] = {
    {"mapping", "a: 1\nb: two\n", "{\"a\":1,\"b\":\"two\"};"},
    {"sequence", "- 1\n- [2, x]\n", "[1,[2,\"x\"]];"},
    {"nested", "a:\n  b:\n  - c: d\n", "{\"a\":{\"b\":[{\"c\":\"d\"}]}};"},
    {"empty ones", "a: {}\nb: []\n", "{\"a\":{},\"b\":[]};"},
    {"nothing", "", ""},
    {"comments only", "# one\n", ""},
    {"documents", "a: 1\n---\nb: 2\n...\n---\n- 3\n",
     "{\"a\":1};{\"b\":2};[3];"},
    {"an empty one among them", "---\n---\na: 1\n", "null;{\"a\":1};"},
    {"JSON", "{\"a\": [true, null, 1.5]}", "{\"a\":[true,null,1.5]};"},
    {"nulls", "[~, null, Null, NULL, ]", "[null,null,null,null];"},
    {"no value", "a:\n", "{\"a\":null};"},
    {"bools", "[true, True, FALSE]", "[true,true,false];"},
    {"no bools", "[yes, no, on, off, y, tRUE]",
     "[\"yes\",\"no\",\"on\",\"off\",\"y\",\"tRUE\"];"},
    {"whole numbers", "[0, -7, +7, 9223372036854775807, 0x1f, 0o17]",
     "[0,-7,7,9223372036854775807,31,15];"},
    {"numbers", "[1.5, -2.5e3, 1e3, 9223372036854775808]",
     "[1.5,-2500,1000,9.2233720368547758e+18];"},
    {"no numbers",
     "[1.2.3, 2026-11-21, '5', \"6\", 1_000, 0x, 0xg, +-1, -, ., e, .inf, 10m]",
     "[\"1.2.3\",\"2026-11-21\",\"5\",\"6\",\"1_000\",\"0x\",\"0xg\",\"+-1\","
     "\"-\",\".\",\"e\",\".inf\",\"10m\"];"},
    {"quoted words", "['true', \"null\", '~']", "[\"true\",\"null\",\"~\"];"},
    {"texts", "a: |\n  one\n  two\nb: >\n  one\n  two\nc: \"x\\ty\"\n",
     "{\"a\":\"one\\ntwo\\n\",\"b\":\"one two\\n\",\"c\":\"x\\ty\"};"},
    {"marked as text", "[!!str 5, ! true]", "[\"5\",\"true\"];"},
    {"names that look like numbers", "5: a\ntrue: b\n",
     "{\"5\":\"a\",\"true\":\"b\"};"},
    {"Unicode", "h\xc3\xb6st: \"\\u20ac\"\n",
     "{\"h\xc3\xb6st\":\"\xe2\x82\xac\"};"},
};

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(good); i++) {
        struct errbuf why = {0};
        struct buf json;

        buf_init(&json, TEXT_MAX);
        if (yaml_read(good[i].yaml, strlen(good[i].yaml), add_json, &json,
                      &why) != ERR_OK) {
            fail_msg("%s: %s", good[i].name, why.text);
        }
        if (strcmp(buf_str(&json), good[i].json) != 0) {
            fail_msg("%s: %s", good[i].name, buf_str(&json));
        }
        buf_fini(&json);
    }
}

static const struct {
    const char *name, *yaml, *why;
} bad[] = {
    {"not closed", "a: [1, 2\n", "line 2, column 1: "},
    {"a tab", "a:\n\tb: 1\n", "line 2, column 1: "},
    {"indentation", "a: 1\n  b: 2\n", "line 2, column 4: "},
    {"an alias", "a: &x 1\nb: *x\n", "line 2, column 4: an alias"},
    {"a merge", "a: &x {b: 1}\nc:\n  <<: *x\n", "an alias"},
    {"a tag", "a: !!binary aGk=\n", "line 1, column 4: a tag"},
    {"a tag of a mapping", "a: !thing {b: 1}\n", "a tag"},
    {"a list as a name", "? [a, b]\n: 1\n", "as the name of a member"},
    {"twice", "a: {b: 1, c: 2, b: 3}\n", "\"b\" stands twice"},
    {"a NUL", "a: \"x\\0y\"\n", "a text with a NUL"},
    {"a NUL in a name", "\"x\\0y\": 1\n", "as the name of a member"},
    {"no UTF-8", "a: \xff\xfe\n", ""},
    {"a control character", "a: \x01\n", ""},
};

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(bad); i++) {
        struct errbuf why = {0};
        struct buf json;

        buf_init(&json, TEXT_MAX);
        if (yaml_read(bad[i].yaml, strlen(bad[i].yaml), add_json, &json,
                      &why) != ERR_INVALID ||
            strstr(why.text, bad[i].why) == NULL || why.text[0] == '\0') {
            fail_msg("%s: \"%s\" %s", bad[i].name, why.text, buf_str(&json));
        }
        buf_fini(&json);
    }
}

static void test_too_deep(void **state)
{
    struct errbuf why = {0};
    struct buf text;
    struct buf json;

    (void)state;
    buf_init(&text, TEXT_MAX);
    buf_init(&json, TEXT_MAX);
    for (int i = 0; i < DEEP; i++) {
        buf_add_str(&text, "[");
    }
    for (int i = 0; i < DEEP; i++) {
        buf_add_str(&text, "]");
    }
    assert_int_equal(yaml_read(buf_str(&text), text.len, add_json, &json, &why),
                     ERR_LIMIT);
    assert_non_null(strstr(why.text, "too deep"));
    buf_fini(&json);
    buf_fini(&text);
}

static bool count(void *ctx, const struct doc_value *value)
{
    (void)value;
    ++*(int *)ctx;
    return true;
}

static void add_large(struct buf *text, int items)
{
    buf_add_str(text, "--- [");
    for (int i = 0; i < items; i++) {
        buf_add_str(text, "1,");
    }
    buf_add_str(text, "]\n");
}

/* Each document has its bound for itself: there can be many. */
static void test_large(void **state)
{
    struct errbuf why = {0};
    struct buf text;
    int n = 0;

    (void)state;
    buf_init(&text, 4 * TEXT_MAX);
    add_large(&text, DOC_NODES_MAX / 2);
    add_large(&text, DOC_NODES_MAX / 2);
    add_large(&text, 1);
    assert_int_equal(yaml_read(buf_str(&text), text.len, count, &n, &why),
                     ERR_OK);
    assert_int_equal(n, 3);
    add_large(&text, DOC_NODES_MAX);
    assert_int_equal(yaml_read(buf_str(&text), text.len, count, &n, &why),
                     ERR_LIMIT);
    assert_non_null(strstr(why.text, "too large"));
    buf_fini(&text);
}

static bool stop(void *ctx, const struct doc_value *value)
{
    (void)value;
    ++*(int *)ctx;
    return false;
}

static void test_stops(void **state)
{
    static const char text[] = "a: 1\n---\nb: [\n";
    struct errbuf why = {0};
    int n = 0;

    (void)state;
    assert_int_equal(yaml_read(text, strlen(text), stop, &n, &why), ERR_OK);
    assert_int_equal(n, 1);
}

/* What would be something else without quotes, and what cannot be plain. */
static const char *const back[] = {
    "{\"kind\":\"eventfilter\",\"name\":\"calm\",\"spec\":{\"filter\":"
    "\"component~\\\"^lab\\\"\",\"actions\":[{\"type\":\"set\",\"value\":1}]}}",
    "{\"a\":[\"true\",\"null\",\"5\",\"1.5\",\"\",\"~\",\"0x1f\",\"yes\"]}",
    "{\"a\":[true,null,5,1.5,-1e-300,0.1,9223372036854775807]}",
    "{\"5\":\"x\",\"true\":\"y\",\"a b\":\"z\",\"\":\"no name\"}",
    "{\"a\":\"one\\ntwo\\n\",\"b\":\"one\\n\",\"c\":\"\\n\",\"d\":\" x\\n \"}",
    "{\"a\":\"- x\",\"b\":\"# x\",\"c\":\"a: b\",\"d\":\"*x\",\"e\":\"&x\","
    "\"f\":\"!x\",\"g\":\"'\",\"h\":\"\\\"\",\"i\":\"{}\",\"j\":\"[]\"}",
    "{\"a\":\"\\t\\u001b[31m\\u0085\\u2028\",\"b\":\"h\xc3\xb6st "
    "\xf0\x9f\x92\xa5\"}",
    "{\"a\":{},\"b\":[],\"c\":[[],[{}]],\"d\":[{\"e\":[1,{\"f\":2}]}]}",
    "{\"a\":\"---\",\"b\":\"...\",\"c\":\"<<\"}",
};

static void test_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(back); i++) {
        struct doc_out *out = doc_out_new();
        struct errbuf why = {0};
        struct doc doc;
        struct buf yaml;
        struct buf json;
        struct buf want;

        buf_init(&yaml, TEXT_MAX);
        buf_init(&json, TEXT_MAX);
        buf_init(&want, TEXT_MAX);
        assert_int_equal(
            doc_from_json(back[i], strlen(back[i]), out, &doc, &why), ERR_OK);
        doc_to_json(doc, &want);
        buf_add_char(&want, ';');
        assert_int_equal(yaml_write(doc, &yaml), ERR_OK);
        if (yaml_read(buf_str(&yaml), yaml.len, add_json, &json, &why) !=
                ERR_OK ||
            strcmp(buf_str(&json), buf_str(&want)) != 0) {
            fail_msg("%s\n%s\n%s %s", buf_str(&want), buf_str(&yaml),
                     buf_str(&json), why.text);
        }
        buf_fini(&want);
        buf_fini(&json);
        buf_fini(&yaml);
        doc_out_free(out);
    }
}

static void test_unwritable(void **state)
{
    struct doc_out *out = doc_out_new();
    struct buf yaml;

    (void)state;
    buf_init(&yaml, TEXT_MAX);
    doc_add_bytes(out, "a", "x", 1);
    assert_int_equal(yaml_write(doc_out_done(out), &yaml), ERR_INVALID);
    buf_fini(&yaml);
    buf_init(&yaml, 8);
    doc_out_reset(out);
    doc_add_str(out, "name", "longer than eight bytes");
    assert_int_equal(yaml_write(doc_out_done(out), &yaml), ERR_LIMIT);
    buf_fini(&yaml);
    doc_out_free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),     cmocka_unit_test(test_bad),
        cmocka_unit_test(test_too_deep), cmocka_unit_test(test_stops),
        cmocka_unit_test(test_back),     cmocka_unit_test(test_unwritable),
        cmocka_unit_test(test_large),
    };

    return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
