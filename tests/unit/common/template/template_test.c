/* SPDX-License-Identifier: Apache-2.0 */
/** Templates: names, helpers, sections, escaping, limits, what is refused. */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/template/template.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    OUT_MAX = 64 * 1024
};

#define DOC                                                                    \
    "{\"name\":\"web1\",\"state\":2,\"ok\":0,\"none\":null,\"empty\":\"\","    \
    "\"at\":1795419000.25,\"long\":\"d\xC3\xA9j\xC3\xA0 vu\",\"yes\":true,"    \
    "\"no\":false,\"html\":\"<a href='x'>\\\"&\\\"</a>\","                     \
    "\"lines\":\"a\\nb\\u0001\\tc\",\"path\":\"a b/c?d=\xC3\xA9\","            \
    "\"tags\":[\"x\",\"y\"],\"nothing\":[],\"info\":{\"site\":\"Paris\","      \
    "\"name\":\"inner\",\"deep\":{\"er\":[1,2]}},"                             \
    "\"list\":[{\"k\":1,\"v\":\"one\"},{\"k\":2}],\"half\":0.5}"

static bool get(void *ctx, const char *path, struct doc_value *value)
{
    const struct doc *doc = ctx;

    return doc_path(*doc, path, value);
}

struct render_row {
    const char *name;
    const char *text;
    const char *want;
    enum template_target target;
};

static const struct render_row renders[] = {
    {"empty", "", "", TEMPLATE_TEXT},
    {"text alone", "a { b } }} c", "a { b } }} c", TEMPLATE_TEXT},
    {"a name", "<{{name}}>", "<web1>", TEMPLATE_TEXT},
    {"blanks and lines in a tag", "{{ \t\n name \n}}", "web1", TEMPLATE_TEXT},
    {"two in a row", "{{name}}{{state}}", "web12", TEMPLATE_TEXT},
    {"a path", "{{info.site}} {{info.deep.er.1}}", "Paris 2", TEMPLATE_TEXT},
    {"unknown is nothing", "<{{nope}}{{info.nope}}{{name.nope}}>", "<>",
     TEMPLATE_TEXT},
    {"null is nothing", "<{{none}}>", "<>", TEMPLATE_TEXT},
    {"numbers", "{{state}} {{half}} {{yes}}", "2 0.5 true", TEMPLATE_TEXT},
    {"lists as JSON", "{{tags}} {{list.0}}",
     "[\"x\",\"y\"] {\"k\":1,\"v\":\"one\"}", TEMPLATE_TEXT},
    {"quoted braces", "{{\"{{\"}}name{{\"}}\"}}", "{{name}}", TEMPLATE_TEXT},
    {"a quote in quotes", "{{nope | default \"a \\\"b\\\" \\\\\"}}",
     "a \"b\" \\", TEMPLATE_TEXT},
    {"comment", "a{{! name }}b", "ab", TEMPLATE_TEXT},

    {"default of nothing", "{{nope | default \"-\"}}", "-", TEMPLATE_TEXT},
    {"default of an empty text", "{{empty|default \"-\"}}", "-", TEMPLATE_TEXT},
    {"default of zero", "{{ok | default \"-\"}}", "0", TEMPLATE_TEXT},
    {"upper", "{{long | upper}}", "D\xC3\x89J\xC3\x80 VU", TEMPLATE_TEXT},
    {"lower", "{{\"ABC \xC3\x89\" | lower}}", "abc \xC3\xA9", TEMPLATE_TEXT},
    {"upper of nothing", "<{{nope | upper}}>", "<>", TEMPLATE_TEXT},
    {"upper of lines", "{{\"a\nb\" | upper}}", "A\nB", TEMPLATE_TEXT},
    {"truncate", "{{long | truncate 4}}", "d\xC3\xA9j\xE2\x80\xA6",
     TEMPLATE_TEXT},
    {"truncate of what fits", "{{long | truncate 7}}", "d\xC3\xA9j\xC3\xA0 vu",
     TEMPLATE_TEXT},
    {"truncate to one", "{{long | truncate 1}}", "\xE2\x80\xA6", TEMPLATE_TEXT},
    {"state", "{{state | state}} {{ok | state}} {{name | state}}",
     "major ok web1", TEMPLATE_TEXT},
    {"json", "{{name | json}} {{nope | json}} {{tags | json}}",
     "\"web1\" null [\"x\",\"y\"]", TEMPLATE_TEXT},
    {"url", "{{path | url}}", "a%20b%2Fc%3Fd%3D%C3%A9", TEMPLATE_TEXT},
    {"date", "{{at | date}}", "2026-11-23 07:30:00 UTC", TEMPLATE_TEXT},
    {"date with a format", "{{at | date \"%d.%m. %R\"}}", "23.11. 07:30",
     TEMPLATE_TEXT},
    {"date with a zone", "{{at | date \"%R %Z\" \"Europe/Paris\"}}",
     "08:30 CET", TEMPLATE_TEXT},
    {"date of no time", "<{{name | date}}>", "<>", TEMPLATE_TEXT},
    {"several helpers", "{{nope | default \"abcdef\" | upper | truncate 3}}",
     "AB\xE2\x80\xA6", TEMPLATE_TEXT},

    {"section", "{{#name}}yes{{/name}}{{#nope}}no{{/nope}}", "yes",
     TEMPLATE_TEXT},
    {"inverted", "{{^name}}no{{/name}}{{^nope}}yes{{/nope}}", "yes",
     TEMPLATE_TEXT},
    {"zero, false, empty are nothing",
     "{{#ok}}a{{/ok}}{{#no}}b{{/no}}{{#empty}}c{{/empty}}{{#nothing}}d{{/"
     "nothing}}{{^nothing}}e{{/nothing}}",
     "e", TEMPLATE_TEXT},
    {"a list", "{{#tags}}<{{.}}>{{/tags}}", "<x><y>", TEMPLATE_TEXT},
    {"a list of objects", "{{#list}}{{k}}={{v | default \"?\"}} {{/list}}",
     "1=one 2=? ", TEMPLATE_TEXT},
    {"an object", "{{#info}}{{site}} {{name}} {{state}}{{/info}}",
     "Paris inner 2", TEMPLATE_TEXT},
    {"in one another", "{{#list}}{{#tags}}{{k}}{{.}}{{/tags}}{{/list}}",
     "1x1y2x2y", TEMPLATE_TEXT},
    {"lines of tags vanish",
     "a\n  {{#tags}}  \n- {{.}}\n{{/tags}}\n{{! c }}\nb", "a\n- x\n- y\nb",
     TEMPLATE_TEXT},
    {"a line of tag at the end", "{{#name}}\na\n{{/name}}", "a\n",
     TEMPLATE_TEXT},
    {"tags within a line stay", "a {{#name}} b {{/name}} c\n", "a  b  c\n",
     TEMPLATE_TEXT},
    {"a value's line stays", "a\n{{name}}\nb", "a\nweb1\nb", TEMPLATE_TEXT},
    {"DOS lines", "a\r\n{{#name}}\r\nb\r\n{{/name}}\r\n", "a\r\nb\r\n",
     TEMPLATE_TEXT},

    {"HTML", "<b>{{html}}</b>",
     "<b>&lt;a href=&#39;x&#39;&gt;&quot;&amp;&quot;&lt;/a&gt;</b>",
     TEMPLATE_HTML},
    {"HTML of helpers", "{{html | json}}",
     "&quot;&lt;a href=&#39;x&#39;&gt;\\&quot;&amp;\\&quot;&lt;/a&gt;&quot;",
     TEMPLATE_HTML},
    {"HTML of quoted", "{{\"<\"}}<", "&lt;<", TEMPLATE_HTML},
    {"JSON", "{\"a\":\"{{html}}{{lines}}\",\"b\":{{tags | json}}}",
     "{\"a\":\"<a href='x'>\\\"&\\\"</a>a\\nb\\u0001\\tc\",\"b\":[\"x\","
     "\"y\"]}",
     TEMPLATE_JSON},
    {"JSON that a helper follows is text", "{{tags | json | truncate 3}}",
     "[\\\"\xE2\x80\xA6", TEMPLATE_JSON},
    {"header", "Subject: {{lines}}", "Subject: a b  c", TEMPLATE_HEADER},
};

static struct doc parse_doc(struct doc_out *out, const char *json)
{
    struct errbuf why = {0};
    struct doc doc;

    if (doc_from_json(json, strlen(json), out, &doc, &why) != ERR_OK) {
        fail_msg("%s: %s", json, why.text);
    }
    return doc;
}

static struct template *parse(const char *text)
{
    struct template *tmpl;
    struct errbuf why = {0};

    if (template_parse(text, strlen(text), &tmpl, &why) != ERR_OK) {
        fail_msg("%s: %s", text, why.text);
    }
    /* cppcheck takes "template" for the keyword of another language. */
    /* cppcheck-suppress CastIntegerToAddressAtReturn */
    return tmpl;
}

static void check_render(void **state)
{
    const struct render_row *row = *state;
    struct doc_out *docs = doc_out_new();
    struct doc doc = parse_doc(docs, DOC);
    const struct template_source source = {&doc, get};
    struct template *tmpl = parse(row->text);
    struct buf out;

    buf_init(&out, OUT_MAX);
    for (int i = 0; i < 2; i++) {
        buf_clear(&out);
        assert_int_equal(template_render(tmpl, &source, row->target, &out),
                         ERR_OK);
        assert_string_equal(buf_str(&out), row->want);
    }
    buf_fini(&out);
    template_free(tmpl);
    doc_out_free(docs);
}

struct refused_row {
    const char *name;
    const char *text;
    const char *want;
};

static const struct refused_row refused[] = {
    {"open braces", "a {{name", "line 1, column 9: expected }}"},
    {"nothing in them", "{{}}", "line 1, column 3: expected a name"},
    {"one brace", "{{name}", "column 7: expected }}"},
    {"two names", "{{a b}}", "column 5: expected }}"},
    {"unknown helper", "a\n{{b | shell}}", "line 2, column 7: expected one of"},
    {"no helper", "{{a | }}", "expected one of date"},
    {"default of what", "{{a | default}}", "in quotes"},
    {"open quote", "{{a | default \"x}}", "column 15: a quote"},
    {"truncate to what", "{{a | truncate}}", "number of characters"},
    {"truncate to nothing", "{{a | truncate 0}}", "number of characters"},
    {"format", "{{a | date \"%Q\"}}", "column 12: expected a format of these"},
    {"zone", "{{a | date \"%R\" \"Nowhere\"}}", "no time zone"},
    {"unclosed", "{{#a}}b", "line 1, column 8: section \"a\" is not closed"},
    {"closed twice", "{{#a}}{{/a}}{{/a}}", "no section is open"},
    {"crossed", "{{#a}}{{#b}}{{/a}}{{/b}}", "end of section \"b\""},
    {"as the other begins", "{{#ab}}{{/a}}", "end of section \"ab\""},
    {"helper in a section", "{{#a | upper}}{{/a}}", "expected }}"},
    {"raw", "{{{a}}}", "always escaped"},
    {"raw too", "{{&a}}", "always escaped"},
    {"parts", "{{>a}}", "no parts of others"},
    {"other brackets", "{{=<% %>=}}", "no other brackets"},
    {"open comment", "{{! a", "expected }}"},
    {"a deep one", "{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}{{#a}}",
     "more than 8 sections"},
    {"many helpers", "{{a|url|url|url|url|url|url|url|url|url}}",
     "more than 8 helpers"},
    {"not UTF-8", "\xFF", "UTF-8"},
    {"the line behind others", "{{a}}\n{{\"x\ny\"}} {{nope|}}",
     "line 3, column 13"},
};

static void check_refused(void **state)
{
    const struct refused_row *row = *state;
    struct template *tmpl;
    struct errbuf why = {0};
    enum err err = template_parse(row->text, strlen(row->text), &tmpl, &why);

    assert_true(err == ERR_INVALID || err == ERR_LIMIT);
    assert_null(tmpl);
    if (strstr(why.text, row->want) == NULL) {
        fail_msg("%s: expected \"%s\"", why.text, row->want);
    }
}

/* Every part of each text above is refused or read, and rendered. */
static void torn(void **state)
{
    struct doc_out *docs = doc_out_new();
    struct doc doc = parse_doc(docs, DOC);
    const struct template_source source = {&doc, get};

    (void)state;
    for (size_t row = 0; row < N_ROWS(renders); row++) {
        for (size_t len = 0; len <= strlen(renders[row].text); len++) {
            /* exactly as large as it is, for the sanitizer */
            char *part = xmemdup(renders[row].text, len);
            struct template *tmpl;
            struct errbuf why;
            struct buf out;

            buf_init(&out, OUT_MAX);
            if (template_parse(part, len, &tmpl, &why) == ERR_OK) {
                assert_int_equal(
                    template_render(tmpl, &source, renders[row].target, &out),
                    ERR_OK);
                template_free(tmpl);
            }
            buf_fini(&out);
            free(part);
        }
    }
    doc_out_free(docs);
}

static void limits(void **state)
{
    struct doc_out *docs = doc_out_new();
    struct doc doc = parse_doc(docs, "{\"l\":[1,1,1,1,1,1,1,1,1,1]}");
    const struct template_source source = {&doc, get};
    struct template *tmpl = parse(
        "{{#l}}{{#l}}{{#l}}{{#l}}{{#l}}{{#l}}x{{/l}}{{/l}}{{/l}}{{/l}}{{/l}}"
        "{{/l}}");
    struct errbuf why;
    struct buf text;
    struct buf out;

    (void)state;
    buf_init(&out, OUT_MAX);
    assert_int_equal(template_render(tmpl, &source, TEMPLATE_TEXT, &out),
                     ERR_LIMIT);
    template_free(tmpl);
    buf_fini(&out);

    buf_init(&out, 10);
    tmpl = parse("{{#l}}{{.}}{{/l}}");
    assert_int_equal(template_render(tmpl, &source, TEMPLATE_TEXT, &out),
                     ERR_OK);
    assert_int_equal(template_render(tmpl, &source, TEMPLATE_TEXT, &out),
                     ERR_LIMIT);
    template_free(tmpl);
    buf_fini(&out);

    buf_init(&text, 2 * TEMPLATE_BYTES_MAX);
    while (text.len <= TEMPLATE_BYTES_MAX) {
        buf_add_str(&text, "x");
    }
    assert_int_equal(template_parse(buf_str(&text), text.len, &tmpl, &why),
                     ERR_LIMIT);
    buf_clear(&text);
    for (int i = 0; i <= TEMPLATE_NODES_MAX; i++) {
        buf_add_str(&text, "{{l}}");
    }
    assert_int_equal(template_parse(buf_str(&text), text.len, &tmpl, &why),
                     ERR_LIMIT);
    buf_clear(&text);
    buf_add_str(&text, "{{");
    for (int i = 0; i <= TEMPLATE_NAME_MAX; i++) {
        buf_add_str(&text, "l");
    }
    buf_add_str(&text, "}}");
    assert_int_equal(template_parse(buf_str(&text), text.len, &tmpl, &why),
                     ERR_LIMIT);
    assert_int_equal(template_parse("a\0b", 3, &tmpl, &why), ERR_INVALID);
    buf_fini(&text);
    doc_out_free(docs);
}

static void add_name(void *ctx, const char *name, bool inside)
{
    buf_addf(ctx, "%s%s ", inside ? "+" : "", name);
}

static void names(void **state)
{
    struct template *tmpl =
        parse("{{a.b | upper}} {{#c}}{{d}}{{.}}{{/c}}{{\"e\"}}{{^f}}{{/f}}");
    struct buf out;

    (void)state;
    buf_init(&out, OUT_MAX);
    template_each_name(tmpl, add_name, &out);
    assert_string_equal(buf_str(&out), "a.b c +d f ");
    buf_fini(&out);
    template_free(tmpl);
}

int main(void)
{
    const struct row_table tables[] = {
        ROWS(renders, check_render), ROWS(refused, check_refused),
        ROW_SINGLE(torn), ROW_SINGLE(limits), ROW_SINGLE(names)};

    return rows_run("template", tables, N_ROWS(tables));
}
