/* SPDX-License-Identifier: Apache-2.0 */
/** XML-RPC: answers become documents, what is no answer is refused. */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "control/xmlrpc.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

#define ANSWER(value)                                                          \
    "<?xml version='1.0'?><methodResponse><params><param>" value               \
    "</param></params></methodResponse>"

struct answer_row {
    const char *name;
    const char *xml;
    enum err want;
    const char *text; /* JSON of the document, or a part of why */
};

static const struct answer_row answers[] = {
    {"array",
     ANSWER("<value><array><data><value><int>1</int></value><value>"
            "<string>b</string></value></data></array></value>"),
     ERR_OK, "{\"result\":[1,\"b\"]}"},
    {"array empty", ANSWER("<value><array><data></data></array></value>"),
     ERR_OK, "{\"result\":[]}"},
    {"blanks between tags",
     ANSWER("\n <value>\n <struct>\n <member>\n <name>pid</name>\n <value>"
            "<int>7</int></value>\n </member>\n </struct>\n </value>\n"),
     ERR_OK, "{\"result\":{\"pid\":7}}"},
    {"boolean", ANSWER("<value><boolean>1</boolean></value>"), ERR_OK,
     "{\"result\":true}"},
    {"double", ANSWER("<value><double>1.5</double></value>"), ERR_OK,
     "{\"result\":1.5}"},
    {"entities", ANSWER("<value><string>a&lt;b&amp;c</string></value>"), ERR_OK,
     "{\"result\":\"a<b&c\"}"},
    {"fault",
     "<methodResponse><fault><value><struct><member><name>faultCode"
     "</name><value><int>10</int></value></member></struct></value>"
     "</fault></methodResponse>",
     ERR_OK, "{\"fault\":{\"faultCode\":10}}"},
    {"i4 negative", ANSWER("<value><i4>-3</i4></value>"), ERR_OK,
     "{\"result\":-3}"},
    {"nested",
     ANSWER("<value><struct><member><name>a</name><value><struct>"
            "<member><name>b</name><value><array><data><value>"
            "<struct></struct></value></data></array></value>"
            "</member></struct></value></member></struct></value>"),
     ERR_OK, "{\"result\":{\"a\":{\"b\":[{}]}}}"},
    {"string empty", ANSWER("<value><string></string></value>"), ERR_OK,
     "{\"result\":\"\"}"},
    {"string untyped", ANSWER("<value>text</value>"), ERR_OK,
     "{\"result\":\"text\"}"},
};

static const struct answer_row refused[] = {
    {"cut", "<methodResponse><params><param><value><int>1</int>", ERR_INVALID,
     "line 1"},
    {"doctype", "<!DOCTYPE x [<!ENTITY a 'b'>]><methodResponse/>", ERR_INVALID,
     "document type"},
    {"empty", "", ERR_INVALID, "line 1"},
    {"int not a number", ANSWER("<value><int>x</int></value>"), ERR_INVALID,
     "not a number"},
    {"int too large", ANSWER("<value><int>99999999999999999999</int></value>"),
     ERR_INVALID, "not a number"},
    {"no value", "<methodResponse></methodResponse>", ERR_INVALID, "no value"},
    {"not XML", "Unauthorized", ERR_INVALID, "line 1"},
    {"scalar alone", "<methodResponse><int>1</int></methodResponse>",
     ERR_INVALID, "outside a value"},
    {"scalar in scalar", ANSWER("<value><int><int>1</int></int></value>"),
     ERR_INVALID, "outside a value"},
    {"struct in member",
     ANSWER("<value><struct><member><name>a</name><struct></struct></member>"
            "</struct></value>"),
     ERR_INVALID, "outside a value"},
    {"two values", ANSWER("<value>a</value><value>b</value>"), ERR_INVALID,
     "where none is expected"},
    {"value in scalar", ANSWER("<value><int><value>1</value></int></value>"),
     ERR_INVALID, "where none is expected"},
};

static enum err parse(const char *xml, size_t len, struct buf *json,
                      struct errbuf *why)
{
    struct doc_out *out = doc_out_new();
    struct doc answer;
    enum err err = xmlrpc_parse(xml, len, out, &answer, why);

    if (err == ERR_OK) {
        assert_true(doc_check(answer));
        doc_to_json(answer, json);
    }
    doc_out_free(out);
    return err;
}

static void check_answer(void **state)
{
    const struct answer_row *row = *state;
    struct buf json;
    struct errbuf why = {0};

    buf_init(&json, 4096);
    assert_int_equal(parse(row->xml, strlen(row->xml), &json, &why), row->want);
    if (row->want == ERR_OK) {
        assert_string_equal(buf_str(&json), row->text);
    } else if (strstr(why.text, row->text) == NULL) {
        fail_msg("why is \"%s\", expected \"%s\" in it", why.text, row->text);
    }
    buf_fini(&json);
}

/* Every beginning of a good answer, and the answer with any byte broken, is
 * taken or refused, never more. */
static void torture(void **state)
{
    const char *whole = answers[8].xml;
    size_t len = strlen(whole);
    struct buf json;
    struct errbuf why;

    (void)state;
    buf_init(&json, 65536);
    for (size_t cut = 0; cut < len; cut++) {
        char *text = xstrdup(whole);

        assert_int_not_equal(parse(text, cut, &json, &why), ERR_OK);
        text[cut] = '<';
        (void)!parse(text, len, &json, &why);
        text[cut] = (char)0xff;
        (void)!parse(text, len, &json, &why);
        free(text);
        buf_clear(&json);
    }
    buf_fini(&json);
}

static void nested_too_deeply(void **state)
{
    enum {
        LEVELS = 100
    };
    struct buf xml;
    struct buf json;
    struct errbuf why = {0};

    (void)state;
    buf_init(&xml, 65536);
    buf_init(&json, 4096);
    for (int i = 0; i < LEVELS; i++) {
        buf_add_str(&xml, "<value><array><data>");
    }
    for (int i = 0; i < LEVELS; i++) {
        buf_add_str(&xml, "</data></array></value>");
    }
    assert_int_equal(parse(buf_str(&xml), xml.len, &json, &why), ERR_LIMIT);
    buf_fini(&xml);
    buf_fini(&json);
}

static void call_is_escaped(void **state)
{
    const struct xmlrpc_param params[] = {{.text = "a<&>b"}, {.flag = true}};
    struct buf call;

    (void)state;
    buf_init(&call, 4096);
    xmlrpc_call(&call, "m", params, 2);
    assert_string_equal(
        buf_str(&call),
        "<?xml version=\"1.0\"?><methodCall><methodName>m</methodName>"
        "<params><param><value><string>a&lt;&amp;&gt;b</string></value>"
        "</param><param><value><boolean>1</boolean></value></param></params>"
        "</methodCall>");
    buf_fini(&call);
}

int main(void)
{
    const struct row_table tables[] = {
        ROWS(answers, check_answer), ROWS(refused, check_answer),
        ROW_SINGLE(torture), ROW_SINGLE(nested_too_deeply),
        ROW_SINGLE(call_is_escaped)};

    return rows_run("xmlrpc", tables, sizeof(tables) / sizeof(tables[0]));
}
