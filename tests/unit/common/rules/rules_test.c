/* SPDX-License-Identifier: Apache-2.0 */
/** The event filter's rules: what they do, in which order, what is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/filter/filter.h"
#include "common/rules/rules.h"
#include "common/rules/tables.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    TEXT_MAX = 256 * 1024,
    RANDOM_RULES = 200,
    RANDOM_EVENTS = 200
};

/* What all events below have, unless they say otherwise. */
#define EVENT(more)                                                            \
    "{\"id\":\"q-1-0\",\"connector\":\"c\",\"connector_name\":\"n\","          \
    "\"event_type\":\"check\",\"source_type\":\"resource\","                   \
    "\"component\":\"web1\",\"resource\":\"disk\",\"timestamp\":1,"            \
    "\"state\":2,\"output\":\"full\"" more "}"
#define SET(field, value)                                                      \
    "{\"type\":\"set\",\"field\":\"" field "\",\"value\":" value "}"
#define TAG(tag) "{\"type\":\"add_tag\",\"tag\":\"" tag "\"}"

struct run_row {
    const char *name;
    const char *rules[4]; /* specs; their names are r0, r1, ... */
    const char *event;
    bool fallback_drop;
    enum rules_verdict verdict;
    const char *path; /* into the event afterwards; NULL: it is unchanged */
    const char *want; /* as JSON; "" for nothing there */
};

static const struct run_row runs[] = {
    {"no rule", {NULL}, EVENT(""), false, RULES_PASS, NULL, NULL},
    {"no rule, default drop", {NULL}, EVENT(""), true, RULES_DROP, NULL, NULL},
    {"pass over a default drop",
     {"{\"actions\":[{\"type\":\"pass\"}]}"},
     EVENT(""),
     true,
     RULES_PASS,
     NULL,
     NULL},
    {"a rule without pass leaves the default",
     {"{\"actions\":[" TAG("x") "]}"},
     EVENT(""),
     true,
     RULES_DROP,
     "tags",
     "[\"x\"]"},
    {"drop",
     {"{\"filter\":\"component=web1\",\"actions\":[{\"type\":\"drop\"}]}"},
     EVENT(""),
     false,
     RULES_DROP,
     NULL,
     NULL},
    {"drop of others",
     {"{\"filter\":\"component=web2\",\"actions\":[{\"type\":\"drop\"}]}"},
     EVENT(""),
     false,
     RULES_PASS,
     NULL,
     NULL},
    {"a rule that is off",
     {"{\"enabled\":false,\"actions\":[{\"type\":\"drop\"}]}"},
     EVENT(""),
     false,
     RULES_PASS,
     NULL,
     NULL},
    {"set a state",
     {"{\"actions\":[" SET("state", "1") "]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "state",
     "1"},
    {"set a text to a number",
     {"{\"actions\":[" SET("output", "17") "]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "output",
     "\"17\""},
    {"set an info",
     {"{\"actions\":[" SET("infos.site", "{\"a\":1}") "]}"},
     EVENT(",\"infos\":{\"rack\":4,\"site\":\"x\"}"),
     false,
     RULES_PASS,
     "infos",
     "{\"rack\":4,\"site\":{\"a\":1}}"},
    {"set what is unknown",
     {"{\"actions\":[" SET("extra.team", "\"ops\"") "]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "extra.team",
     "\"ops\""},
    {"another component is another entity",
     {"{\"actions\":[" SET("component", "\"db/1\"") "]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "entity_id",
     "\"/resource/c/n/db%2F1/disk\""},
    {"and another routing key",
     {"{\"actions\":[" SET("component", "\"db\"") "]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "rk",
     "\"c.n.check.resource.db.disk\""},
    {"without resource it is the component's",
     {"{\"actions\":[{\"type\":\"remove\",\"field\":\"resource\"}]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "source_type",
     "\"component\""},
    {"with a resource it is the resource's",
     {"{\"actions\":[" SET("resource", "\"r\"") "]}"},
     "{\"connector\":\"c\",\"connector_name\":\"n\",\"event_type\":\"check\","
     "\"source_type\":\"component\",\"component\":\"w\",\"timestamp\":1,"
     "\"state\":0}",
     false,
     RULES_PASS,
     "entity_id",
     "\"/resource/c/n/w/r\""},
    {"copy",
     {"{\"actions\":[{\"type\":\"copy\",\"from\":\"resource\",\"to\":"
      "\"infos.what\"}]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "infos.what",
     "\"disk\""},
    {"copy of a number into a text",
     {"{\"actions\":[{\"type\":\"copy\",\"from\":\"state\",\"to\":"
      "\"author\"}]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "author",
     "\"2\""},
    {"copy from extra by its short name",
     {"{\"actions\":[{\"type\":\"copy\",\"from\":\"team.lead\",\"to\":"
      "\"author\"}]}"},
     EVENT(",\"extra\":{\"team\":{\"lead\":\"ann\"}}"),
     false,
     RULES_PASS,
     "author",
     "\"ann\""},
    {"remove",
     {"{\"actions\":[{\"type\":\"remove\",\"field\":\"output\"}]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "output",
     ""},
    {"remove an info",
     {"{\"actions\":[{\"type\":\"remove\",\"field\":\"infos.a\"}]}"},
     EVENT(",\"infos\":{\"a\":1}"),
     false,
     RULES_PASS,
     "infos",
     ""},
    {"a tag once",
     {"{\"actions\":[" TAG("a") "," TAG("b") "," TAG("a") "]}"},
     EVENT(",\"tags\":[\"z\"]"),
     false,
     RULES_PASS,
     "tags",
     "[\"z\",\"b\",\"a\"]"},
    {"a map of tags becomes a list",
     {"{\"actions\":[" TAG("a") "]}"},
     EVENT(",\"tags\":{\"env\":\"prod\",\"n\":3}"),
     false,
     RULES_PASS,
     "tags",
     "[\"env: prod\",\"n: 3\",\"a\"]"},
    {"remove a tag",
     {"{\"actions\":[{\"type\":\"remove_tag\",\"tag\":\"a\"}]}"},
     EVENT(",\"tags\":[\"a\",\"b\"]"),
     false,
     RULES_PASS,
     "tags",
     "[\"b\"]"},
    {"by priority, then by name",
     {"{\"priority\":2,\"actions\":[" TAG("0") "]}",
      "{\"priority\":1,\"actions\":[" TAG("1") "]}",
      "{\"priority\":2,\"actions\":[" TAG("2") "]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "tags",
     "[\"1\",\"0\",\"2\"]"},
    {"break",
     {"{\"break\":true,\"actions\":[" TAG("0") "]}",
      "{\"actions\":[" TAG("1") "]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "tags",
     "[\"0\"]"},
    {"a break that does not match",
     {"{\"break\":true,\"filter\":\"state=0\",\"actions\":[" TAG("0") "]}",
      "{\"actions\":[" TAG("1") "]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "tags",
     "[\"1\"]"},
    {"a later rule sees what an earlier one did",
     {"{\"actions\":[" SET("component", "\"db\"") "]}",
      "{\"filter\":\"component=db\",\"actions\":[" TAG("db") "]}",
      "{\"filter\":\"component=web1\",\"actions\":[" TAG("web") "]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "tags",
     "[\"db\"]"},
    {"an array matches by any element",
     {"{\"filter\":{\"tags\":\"a\"},\"actions\":[{\"type\":\"drop\"}]}"},
     EVENT(",\"tags\":[\"b\",\"a\"]"),
     false,
     RULES_DROP,
     NULL,
     NULL},
    {"a rule on a field in extra",
     {"{\"filter\":\"team=ops\",\"actions\":[{\"type\":\"drop\"}]}"},
     EVENT(",\"extra\":{\"team\":\"ops\"}"),
     false,
     RULES_DROP,
     NULL,
     NULL},
    {"what fails does nothing",
     {"{\"actions\":[" TAG("x") ",{\"type\":\"copy\",\"from\":\"nope\","
                                "\"to\":\"output\"}]}"},
     EVENT(""),
     false,
     RULES_PASS,
     NULL,
     NULL},
    {"what fails and passes lets the next rules work",
     {"{\"break\":true,\"actions\":[{\"type\":\"copy\",\"from\":\"nope\","
      "\"to\":\"output\"}]}",
      "{\"actions\":[" TAG("1") "]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "tags",
     "[\"1\"]"},
    {"on failure drop",
     {"{\"on_failure\":\"drop\",\"actions\":[{\"type\":\"copy\",\"from\":"
      "\"nope\",\"to\":\"output\"}]}"},
     EVENT(""),
     false,
     RULES_DROP,
     NULL,
     NULL},
    {"on failure dead",
     {"{\"on_failure\":\"dead\",\"actions\":[{\"type\":\"copy\",\"from\":"
      "\"nope\",\"to\":\"output\"}]}"},
     EVENT(""),
     false,
     RULES_DEAD,
     NULL,
     NULL},
    /* 2026-11-23 was a Monday; 07:30 UTC is 08:30 in Paris */
    {"a schedule covers the time of receipt",
     {"{\"schedule\":{\"timezone\":\"Europe/Paris\",\"times\":[\"sun\","
      "\"mon-fri 08:00-18:00\"]},\"actions\":[" TAG("x") "]}"},
     EVENT(",\"received_at\":1795419000"),
     false,
     RULES_PASS,
     "tags",
     "[\"x\"]"},
    {"a schedule that does not",
     {"{\"schedule\":{\"times\":[\"sun\",\"mon-fri 08:00-18:00\"]},"
      "\"actions\":[{\"type\":\"drop\"}]}"},
     EVENT(",\"received_at\":1795419000"),
     false,
     RULES_PASS,
     NULL,
     NULL},
    {"a schedule with exceptions alone",
     {"{\"schedule\":{\"except\":[\"mon-fri 08:00-18:00\"]},"
      "\"actions\":[{\"type\":\"drop\"}]}"},
     EVENT(",\"received_at\":1795419000"),
     false,
     RULES_DROP,
     NULL,
     NULL},
    {"an exception",
     {"{\"schedule\":{\"times\":[\"mon\"],\"except\":[\"07:00-08:00\"]},"
      "\"actions\":[{\"type\":\"drop\"}]}"},
     EVENT(",\"received_at\":1795419000"),
     false,
     RULES_PASS,
     NULL,
     NULL},
    {"a template",
     {"{\"actions\":[{\"type\":\"set_template\",\"field\":\"output\","
      "\"template\":\"{{event.component}}/{{event.resource | upper}} is "
      "{{event.state | state}}\"}]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "output",
     "\"web1/DISK is major\""},
    {"a template into an info",
     {"{\"actions\":[{\"type\":\"set_template\",\"field\":\"infos.where\","
      "\"template\":\"{{event.infos.site | default \\\"nowhere\\\"}}\"}]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "infos",
     "{\"where\":\"nowhere\"}"},
    {"a template sees what went before",
     {"{\"actions\":[{\"type\":\"set\",\"field\":\"state\",\"value\":1},{"
      "\"type\":\"set_template\",\"field\":\"author\",\"template\":\"{{event."
      "state}}{{event.rk}}{{state}}\"}]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "author",
     "\"1\""},
    {"a template reads extra by its short name",
     {"{\"actions\":[{\"type\":\"set_template\",\"field\":\"author\","
      "\"template\":\"{{event.team.lead}} {{event.extra.team.lead}}\"}]}"},
     EVENT(",\"extra\":{\"team\":{\"lead\":\"ann\"}}"),
     false,
     RULES_PASS,
     "author",
     "\"ann ann\""},
    {"a template that gives a number",
     {"{\"actions\":[{\"type\":\"set_template\",\"field\":\"state\","
      "\"template\":\"{{event.extra.level}}\"}]}"},
     EVENT(",\"extra\":{\"level\":1}"),
     false,
     RULES_PASS,
     "state",
     "1"},
    {"a template that gives the name of a state",
     {"{\"actions\":[{\"type\":\"set_template\",\"field\":\"state\","
      "\"template\":\"Critical\"}]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "state",
     "3"},
    {"a template that gives no number",
     {"{\"actions\":[{\"type\":\"set_template\",\"field\":\"state\","
      "\"template\":\"{{event.output}}\"}]}"},
     EVENT(""),
     false,
     RULES_PASS,
     NULL,
     NULL},
    {"a template of tags",
     {"{\"actions\":[{\"type\":\"set_template\",\"field\":\"output\","
      "\"template\":\"{{#event.tags}}[{{.}}]{{/event.tags}}\"}]}"},
     EVENT(",\"tags\":[\"a\",\"b\"]"),
     false,
     RULES_PASS,
     "output",
     "\"[a][b]\""},
    {"a template that gives too much",
     {"{\"actions\":[{\"type\":\"set_template\",\"field\":\"output\","
      "\"template\":\"{{event.long_output}}{{event.long_output}}\"}],\"on_"
      "failure\":\"dead\"}"},
     EVENT(
         ",\"long_output\":"
         "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxxxx\""),
     false,
     RULES_DEAD,
     NULL,
     NULL},
    {"extract into fields",
     {"{\"actions\":[{\"type\":\"extract\",\"from\":\"output\",\"regex\":\"^(?<"
      "component>\\\\w+):(?<resource>\\\\S+) (?<state>\\\\w+)$\"}]}"},
     EVENT(""),
     false,
     RULES_PASS,
     NULL,
     NULL},
    {"extract",
     {"{\"actions\":[{\"type\":\"extract\",\"from\":\"resource\",\"regex\":\"^("
      "?<resource>[a-z]{2})(?<author>.*)\"}]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "author",
     "\"sk\""},
    {"extract gives another entity",
     {"{\"actions\":[{\"type\":\"extract\",\"from\":\"resource\",\"regex\":\"(?"
      "<component>i)(?<resource>.*)\"}]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "entity_id",
     "\"/resource/c/n/i/sk\""},
    {"extract into infos",
     {"{\"actions\":[{\"type\":\"extract\",\"from\":\"output\",\"regex\":\"(?<"
      "first>.)(?<rest>.+)(?<not_there>x)?\",\"to\":\"infos\"}]}"},
     EVENT(",\"infos\":{\"a\":1}"),
     false,
     RULES_PASS,
     "infos",
     "{\"a\":1,\"first\":\"f\",\"rest\":\"ull\"}"},
    {"extract into extra",
     {"{\"actions\":[{\"type\":\"extract\",\"from\":\"state\",\"regex\":\"(?<"
      "level>\\\\d)\",\"to\":\"extra\"}]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "extra",
     "{\"level\":\"2\"}"},
    {"extract a state",
     {"{\"actions\":[{\"type\":\"extract\",\"from\":\"extra.line\",\"regex\":"
      "\"^(?<state>[A-Z]+) \"}]}"},
     EVENT(",\"extra\":{\"line\":\"WARNING x\"}"),
     false,
     RULES_PASS,
     "state",
     "1"},
    {"extract of what is not there",
     {"{\"actions\":[{\"type\":\"extract\",\"from\":\"nope\",\"regex\":\"(?<"
      "author>.*)\"}],\"on_failure\":\"dead\"}"},
     EVENT(""),
     false,
     RULES_DEAD,
     NULL,
     NULL},
    {"extract that takes too many steps",
     {"{\"actions\":[{\"type\":\"extract\",\"from\":\"extra.line\",\"regex\":"
      "\"^(?<author>(a+)+)$\"}],\"on_failure\":\"dead\"}"},
     EVENT(
         ",\"extra\":{\"line\":"
         "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"}"),
     false,
     RULES_DEAD,
     NULL,
     NULL},
    {"extract of characters",
     {"{\"actions\":[{\"type\":\"extract\",\"from\":\"extra.line\",\"regex\":"
      "\"^(?<author>.)\"}]}"},
     EVENT(",\"extra\":{\"line\":\"été\"}"),
     false,
     RULES_PASS,
     "author",
     "\"é\""},
    {"extract that sets what cannot be",
     {"{\"actions\":[{\"type\":\"extract\",\"from\":\"output\",\"regex\":\"(?<"
      "state>full)\"}],\"on_failure\":\"dead\"}"},
     EVENT(""),
     false,
     RULES_DEAD,
     NULL,
     NULL},
    {"set an info by its name",
     {"{\"actions\":[{\"type\":\"set_info\",\"name\":\"the "
      "rack\",\"value\":[4]}]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "infos",
     "{\"the rack\":[4]}"},
    {"copy to an info",
     {"{\"actions\":[{\"type\":\"copy_to_info\",\"from\":\"output\",\"name\":"
      "\"last\"}]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "infos",
     "{\"last\":\"full\"}"},
    {"copy what is not there to an info",
     {"{\"actions\":[{\"type\":\"copy_to_info\",\"from\":\"nope\",\"name\":"
      "\"last\"}],\"on_failure\":\"dead\"}"},
     EVENT(""),
     false,
     RULES_DEAD,
     NULL,
     NULL},
    {"lookup of a column",
     {"{\"actions\":[{\"type\":\"lookup\",\"table\":\"sites\",\"from\":"
      "\"component\",\"column\":\"site\",\"to\":\"infos.where\"}]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "infos",
     "{\"where\":\"Paris\"}"},
    {"lookup of a number",
     {"{\"actions\":[{\"type\":\"lookup\",\"table\":\"sites\",\"from\":"
      "\"component\",\"column\":\"level\",\"to\":\"state\"}]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "state",
     "3"},
    {"lookup of all columns",
     {"{\"actions\":[{\"type\":\"lookup\",\"table\":\"sites\",\"from\":"
      "\"component\",\"to\":\"infos\"}]}"},
     EVENT(",\"infos\":{\"a\":1,\"site\":\"x\"}"),
     false,
     RULES_PASS,
     "infos",
     "{\"a\":1,\"site\":\"Paris\",\"level\":\"3\"}"},
    {"lookup into extra",
     {"{\"actions\":[{\"type\":\"lookup\",\"table\":\"sites\",\"from\":"
      "\"component\",\"to\":\"extra\"}]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "extra",
     "{\"site\":\"Paris\",\"level\":\"3\"}"},
    {"lookup of values of JSON",
     {"{\"actions\":[{\"type\":\"lookup\",\"table\":\"rows\",\"from\":"
      "\"state\",\"to\":\"infos\"}]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "infos",
     "{\"list\":[1],\"state\":1,\"none\":null}"},
    {"lookup of a key that is not there",
     {"{\"actions\":[{\"type\":\"lookup\",\"table\":\"sites\",\"from\":"
      "\"resource\",\"to\":\"infos\"},{\"type\":\"add_tag\",\"tag\":\"x\"}]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "infos",
     ""},
    {"lookup of a column that is not there",
     {"{\"actions\":[{\"type\":\"lookup\",\"table\":\"sites\",\"from\":"
      "\"component\",\"column\":\"nope\",\"to\":\"author\"},{\"type\":\"add_"
      "tag\",\"tag\":\"x\"}]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "author",
     ""},
    {"lookup of a null",
     {"{\"actions\":[{\"type\":\"lookup\",\"table\":\"rows\",\"from\":"
      "\"state\",\"column\":\"none\",\"to\":\"author\",\"default\":\"d\"}]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "author",
     "\"d\""},
    {"lookup of what has no key",
     {"{\"actions\":[{\"type\":\"lookup\",\"table\":\"sites\",\"from\":"
      "\"nope\",\"to\":\"infos\"},{\"type\":\"add_tag\",\"tag\":\"x\"}]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "tags",
     "[\"x\"]"},
    {"lookup with a default",
     {"{\"actions\":[{\"type\":\"lookup\",\"table\":\"sites\",\"from\":"
      "\"resource\",\"column\":\"site\",\"to\":\"author\",\"default\":\"none\"}"
      "]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "author",
     "\"none\""},
    {"an empty cell is not there",
     {"{\"actions\":[{\"type\":\"set\",\"field\":\"component\",\"value\":"
      "\"web2\"},{\"type\":\"lookup\",\"table\":\"sites\",\"from\":"
      "\"component\",\"column\":\"site\",\"to\":\"author\",\"default\":"
      "\"none\"}]}"},
     EVENT(""),
     false,
     RULES_PASS,
     "author",
     "\"none\""},
    {"a required lookup",
     {"{\"actions\":[{\"type\":\"lookup\",\"table\":\"sites\",\"from\":"
      "\"resource\",\"to\":\"infos\",\"required\":true}],\"on_failure\":"
      "\"dead\"}"},
     EVENT(""),
     false,
     RULES_DEAD,
     NULL,
     NULL},
    {"a required lookup that finds",
     {"{\"actions\":[{\"type\":\"lookup\",\"table\":\"sites\",\"from\":"
      "\"component\",\"column\":\"site\",\"to\":\"author\",\"required\":true}]"
      "}"},
     EVENT(""),
     false,
     RULES_PASS,
     "author",
     "\"Paris\""},
    {"a lookup of what the field does not take",
     {"{\"actions\":[{\"type\":\"set\",\"field\":\"component\",\"value\":"
      "\"web2\"},{\"type\":\"lookup\",\"table\":\"sites\",\"from\":"
      "\"component\",\"column\":\"level\",\"to\":\"state\"}],\"on_failure\":"
      "\"dead\"}"},
     EVENT(""),
     false,
     RULES_DEAD,
     NULL,
     NULL},
    {"no such table",
     {"{\"actions\":[{\"type\":\"lookup\",\"table\":\"nope\",\"from\":"
      "\"component\",\"to\":\"infos\"}],\"on_failure\":\"dead\"}"},
     EVENT(""),
     false,
     RULES_DEAD,
     NULL,
     NULL},
    {"an event must stay one",
     {"{\"on_failure\":\"dead\",\"actions\":[{\"type\":\"copy\",\"from\":"
      "\"output\",\"to\":\"component\"},{\"type\":\"remove\",\"field\":"
      "\"component\"}]}"},
     EVENT(""),
     false,
     RULES_DEAD,
     NULL,
     NULL},
};

static struct rules *make(const char *const *specs, size_t n)
{
    struct rules *rules = rules_new();
    struct doc_out *out = doc_out_new();

    for (size_t i = 0; i < n && specs[i] != NULL; i++) {
        struct errbuf why = {0};
        struct doc doc;
        char text[4096];

        (void)snprintf(text, sizeof text, "{\"name\":\"r%zu\",\"spec\":%s}", i,
                       specs[i]);
        if (doc_from_json(text, strlen(text), out, &doc, &why) != ERR_OK ||
            rules_add(rules, doc, &why) != ERR_OK) {
            fail_msg("%s: %s", text, why.text);
        }
    }
    doc_out_free(out);
    rules_seal(rules);
    return rules;
}

static struct doc parse(struct doc_out *out, const char *json)
{
    struct errbuf why = {0};
    struct doc doc;

    if (doc_from_json(json, strlen(json), out, &doc, &why) != ERR_OK) {
        fail_msg("%s: %s", json, why.text);
    }
    return doc;
}

/* What the runs may look up. */
static struct tables *make_tables(void)
{
    struct tables *tables = tables_new();
    struct doc_out *out = doc_out_new();
    struct errbuf why = {0};

    assert_int_equal(
        tables_add(tables,
                   parse(out,
                         "{\"name\":\"sites\",\"spec\":{\"csv\":"
                         "\"host,site,level\\nweb1,Paris,3\\nweb2,,x\\n\"}}"),
                   &why),
        ERR_OK);
    assert_int_equal(
        tables_add(tables,
                   parse(out, "{\"name\":\"rows\",\"spec\":{\"rows\":{\"2\":"
                              "{\"list\":[1],\"state\":1,\"none\":null}}}}"),
                   &why),
        ERR_OK);
    doc_out_free(out);
    return tables;
}

static void check_run(void **state)
{
    const struct run_row *row = *state;
    struct rules *rules = make(row->rules, N_ROWS(row->rules));
    struct tables *tables = make_tables();
    struct doc_out *out = doc_out_new();
    struct doc_out *after = doc_out_new();
    struct rules_event run = {.doc = parse(out, row->event),
                              .pass = !row->fallback_drop};
    struct doc_value value = {.type = DOC_MISSING};
    struct errbuf why = {0};
    struct buf text;

    rules_set_tables(rules, tables);
    /* twice: a set keeps nothing of an event */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(event_from_doc(run.doc, &run.event, &why), ERR_OK);
        assert_int_equal(rules_run(rules, &run, NULL, &why), row->verdict);
        assert_int_equal(run.changed, row->path != NULL);
    }
    event_to_doc(&run.event, after);
    buf_init(&text, TEXT_MAX);
    if (row->path != NULL && doc_path(doc_out_done(after), row->path, &value)) {
        doc_value_to_json(&value, &text);
    }
    if (row->path != NULL) {
        assert_string_equal(buf_str(&text), row->want);
    }
    if (row->verdict == RULES_DEAD) {
        assert_non_null(strstr(why.text, "rule r0, action "));
    }
    buf_fini(&text);
    doc_out_free(out);
    doc_out_free(after);
    rules_free(rules);
    tables_free(tables);
}

struct refused_row {
    const char *name;
    const char *object;
    const char *field;
    const char *text;
};

#define ACTIONS(list) "{\"name\":\"a\",\"spec\":{\"actions\":[" list "]}}"

#define SCHEDULE(schedule)                                                     \
    "{\"name\":\"a\",\"spec\":{\"schedule\":" schedule                         \
    ",\"actions\":[{\"type\":\"pass\"}]}}"

static const struct refused_row refused[] = {
    {"no name", "{\"spec\":{\"actions\":[{\"type\":\"pass\"}]}}", "name",
     "is missing"},
    {"bad name", "{\"name\":\"a b\",\"spec\":{}}", "name", "expected 1 to"},
    {"no spec", "{\"name\":\"a\"}", "spec", "is missing"},
    {"no actions", "{\"name\":\"a\",\"spec\":{}}", "spec.actions",
     "is missing"},
    {"empty actions", ACTIONS(""), "spec.actions", "an array of 1 to 50"},
    {"another kind", "{\"kind\":\"x\",\"name\":\"a\",\"spec\":{}}", "kind",
     "\"eventfilter\""},
    {"unknown member", "{\"name\":\"a\",\"spce\":{}}", "spce", "there are"},
    {"unknown in spec", "{\"name\":\"a\",\"spec\":{\"when\":1}}", "spec.when",
     "there are: description"},
    {"schedule", SCHEDULE("1"), "spec.schedule", "an object"},
    {"unknown in a schedule", SCHEDULE("{\"days\":1}"), "spec.schedule.days",
     "there are: timezone, times, except"},
    {"times are no list", SCHEDULE("{\"times\":\"mon\"}"),
     "spec.schedule.times", "an array of 1 to 50 texts"},
    {"a time is no text", SCHEDULE("{\"times\":[\"mon\",1]}"),
     "spec.schedule.times[1]", "text of 1 to"},
    {"a time that is none", SCHEDULE("{\"times\":[\"mon\",\"8-18\"]}"),
     "spec.schedule.times[1]", "mon-fri 08:00-18:00"},
    {"an exception that is none", SCHEDULE("{\"except\":[\"never\"]}"),
     "spec.schedule.except[0]", "sat,sun"},
    {"a zone that is none", SCHEDULE("{\"timezone\":\"Europe/Atlantis\"}"),
     "spec.schedule.timezone", "no time zone of the name"},
    {"unknown action", ACTIONS("{\"type\":\"x\"}"), "spec.actions[0].type",
     "one of pass, drop"},
    {"action is no object", ACTIONS("3"), "spec.actions[0]", "an object"},
    {"set without value", ACTIONS("{\"type\":\"set\",\"field\":\"state\"}"),
     "spec.actions[0].value", "is missing"},
    {"state too high", ACTIONS(TAG("a") "," SET("state", "4")),
     "spec.actions[1].value", "0 to 3"},
    {"a field that is ours", ACTIONS(SET("id", "\"x\"")),
     "spec.actions[0].field", "cannot be changed"},
    {"an action's type", ACTIONS(SET("event_type", "\"ack\"")),
     "spec.actions[0].value", "no operator's action"},
    {"connector cannot go",
     ACTIONS("{\"type\":\"remove\",\"field\":\"connector\"}"),
     "spec.actions[0].field", "expected text"},
    {"copy to nowhere",
     ACTIONS("{\"type\":\"copy\",\"from\":\"a\",\"to\":\"rk\"}"),
     "spec.actions[0].to", "cannot be changed"},
    {"a bad template",
     ACTIONS("{\"type\":\"set_template\",\"field\":\"output\",\"template\":"
             "\"a\\n{{b\"}"),
     "spec.actions[0].template", "line 2, column 4"},
    {"a template for what is ours",
     ACTIONS("{\"type\":\"set_template\",\"field\":\"id\",\"template\":\"x\"}"),
     "spec.actions[0].field", "cannot be changed"},
    {"a long template",
     ACTIONS(
         "{\"type\":\"set_template\",\"field\":\"output\",\"template\":\"\"}"),
     "spec.actions[0].template", "text of 1 to"},
    {"a bad pattern",
     ACTIONS("{\"type\":\"extract\",\"from\":\"output\",\"regex\":\"(?<a>\"}"),
     "spec.actions[0].regex", "bad pattern, at character"},
    {"no groups",
     ACTIONS("{\"type\":\"extract\",\"from\":\"output\",\"regex\":\"(a)\"}"),
     "spec.actions[0].regex", "named groups"},
    {"a group that is no field",
     ACTIONS("{\"type\":\"extract\",\"from\":\"output\",\"regex\":\"(?<author>"
             "a)(?<colour>b)\"}"),
     "spec.actions[0].regex", "\"colour\" cannot be changed"},
    {"a group that is ours",
     ACTIONS(
         "{\"type\":\"extract\",\"from\":\"output\",\"regex\":\"(?<rk>a)\"}"),
     "spec.actions[0].regex", "cannot be changed"},
    {"extract to elsewhere",
     ACTIONS("{\"type\":\"extract\",\"from\":\"output\",\"regex\":\"(?<a>a)\","
             "\"to\":\"tags\"}"),
     "spec.actions[0].to", "one of infos, extra"},
    {"an info with dots",
     ACTIONS("{\"type\":\"set_info\",\"name\":\"a.b\",\"value\":1}"),
     "spec.actions[0].name", "without dots"},
    {"an info without name", ACTIONS("{\"type\":\"set_info\",\"value\":1}"),
     "spec.actions[0].name", "is missing"},
    {"copy to an info of nothing",
     ACTIONS("{\"type\":\"copy_to_info\",\"name\":\"a\"}"),
     "spec.actions[0].from", "is missing"},
    {"lookup to nowhere",
     ACTIONS("{\"type\":\"lookup\",\"table\":\"sites\",\"from\":\"component\","
             "\"column\":\"a\",\"to\":\"rk\"}"),
     "spec.actions[0].to", "cannot be changed"},
    {"lookup of all into one",
     ACTIONS("{\"type\":\"lookup\",\"table\":\"sites\",\"from\":\"component\","
             "\"to\":\"author\"}"),
     "spec.actions[0].to", "infos or extra"},
    {"lookup without table",
     ACTIONS("{\"type\":\"lookup\",\"from\":\"a\",\"to\":\"infos\"}"),
     "spec.actions[0].table", "is missing"},
    {"a default for all",
     ACTIONS("{\"type\":\"lookup\",\"table\":\"sites\",\"from\":\"component\","
             "\"to\":\"infos\",\"default\":1}"),
     "spec.actions[0].default", "a column that it stands for"},
    {"a default that does not fit",
     ACTIONS("{\"type\":\"lookup\",\"table\":\"sites\",\"from\":\"component\","
             "\"column\":\"a\",\"to\":\"state\",\"default\":7}"),
     "spec.actions[0].default", "0 to 3"},
    {"priority", "{\"name\":\"a\",\"spec\":{\"priority\":-1}}", "spec.priority",
     "from 0 to 1000000"},
    {"filter", "{\"name\":\"a\",\"spec\":{\"filter\":\"state>\"}}",
     "spec.filter", "column"},
    {"filter as JSON",
     "{\"name\":\"a\",\"spec\":{\"filter\":{\"a\":{\"$x\":1}}}}", "spec.filter",
     "$eq"},
    {"filter as number", "{\"name\":\"a\",\"spec\":{\"filter\":1}}",
     "spec.filter", "as text or as an object"},
    {"on_failure", "{\"name\":\"a\",\"spec\":{\"on_failure\":\"x\"}}",
     "spec.on_failure", "pass, drop, dead"},
    {"labels", "{\"name\":\"a\",\"labels\":{\"x\":1},\"spec\":{}}", "labels.x",
     "text"},
    {"off but wrong",
     "{\"name\":\"a\",\"spec\":{\"enabled\":false,\"actions\":["
     "{\"type\":\"set\",\"field\":\"state\",\"value\":9}]}}",
     "spec.actions[0].value", "0 to 3"},
};

static void check_refused(void **state)
{
    const struct refused_row *row = *state;
    struct doc_out *out = doc_out_new();
    struct rules *rules = rules_new();
    struct errbuf why = {0};

    assert_int_equal(rules_add(rules, parse(out, row->object), &why),
                     ERR_INVALID);
    assert_string_equal(why.field, row->field);
    if (strstr(why.text, row->text) == NULL) {
        fail_msg("%s: expected \"%s\"", why.text, row->text);
    }
    assert_int_equal(rules_count(rules), 0);
    rules_free(rules);
    doc_out_free(out);
}

/* A number below most, by a generator of our own: the same in each run. */
static unsigned roll(unsigned *dice, unsigned most)
{
    *dice = *dice * 1103515245U + 12345U;
    return (*dice >> 16) % most;
}

static struct filter *add_random_rule(struct rules *rules, struct doc_out *out,
                                      int number, unsigned *dice)
{
    static const char *const forms[][2] = {
        {"component=w", ""},
        {"component in (w", ", w1)"},
        {"component~'^w", "$'"},
        {"resource=w", ""},
        {"component!=w", ""},
        {"team=w", ""},
        {"state=2 and team=w", ""},
        {"team in (w", ", w2)"},
        {"output~'disk ", "'"},
        {"output~'^on disk ", " full' and state=2"},
        {"output~'sk [", "]+ full'"},
        {"infos.site=s", ""},
        {"infos.site~'here-", "?'"},
        {"team.lead~'here-", "'"}};
    const char *const *form = forms[roll(dice, N_ROWS(forms))];
    struct filter *filter = NULL;
    struct errbuf why = {0};
    char text[64];
    char rule[512];

    (void)snprintf(text, sizeof text, "%s%u%s", form[0], roll(dice, 9),
                   form[1]);
    assert_int_equal(filter_parse(text, &filter, &why), ERR_OK);
    (void)snprintf(rule, sizeof rule,
                   "{\"name\":\"r%03d\",\"spec\":{\"filter\":\"%s\","
                   "\"actions\":[{\"type\":\"add_tag\",\"tag\":\"%d\"}]}}",
                   number, text, number);
    assert_int_equal(rules_add(rules, parse(out, rule), &why), ERR_OK);
    return filter;
}

/* A path may lead through lists, to one, or nowhere. */
static struct doc random_event(struct doc_out *out, int number, unsigned *dice)
{
    static const char *const sites[] = {
        "{\"site\":\"s3\"}", "{\"site\":[\"s4\",\"there-5\"]}",
        "[{\"site\":\"s6\"},{\"site\":\"here-\"}]", "{\"site\":\"here-7\"}",
        "\"s3\""};
    static const char *const teams[] = {"[\"w2\",\"w3\"]", "\"w4\"",
                                        "{\"lead\":\"here-1\"}"};
    char text[512];
    unsigned component = roll(dice, 9);

    (void)snprintf(text, sizeof text,
                   "{\"connector\":\"c\",\"connector_name\":\"n\","
                   "\"event_type\":\"check\",\"source_type\":\"resource\","
                   "\"component\":\"w%u\",\"resource\":\"w%u\","
                   "\"timestamp\":1,\"state\":2,\"extra\":{\"team\":%s,"
                   "\"infos\":%s},\"output\":\"on disk %u full\"}",
                   component, roll(dice, 9), teams[number % 3],
                   sites[roll(dice, N_ROWS(sites))], roll(dice, 9));
    return parse(out, text);
}

static size_t count_matches(struct filter *const *filters, struct doc doc)
{
    size_t n = 0;

    for (int i = 0; i < RANDOM_RULES; i++) {
        n += filter_match(filters[i], doc) ? 1 : 0;
    }
    return n;
}

/* What an index leaves out could not have matched. */
static void index_changes_nothing(void **state)
{
    struct rules *rules = rules_new();
    struct filter *filters[RANDOM_RULES];
    struct doc_out *out = doc_out_new();
    unsigned dice = 7;
    size_t all = 0;

    (void)state;
    for (int i = 0; i < RANDOM_RULES; i++) {
        filters[i] = add_random_rule(rules, out, i, &dice);
    }
    rules_seal(rules);
    for (int i = 0; i < RANDOM_EVENTS; i++) {
        struct rules_event run = {.pass = true};
        struct errbuf why = {0};
        size_t tags;

        run.doc = random_event(out, i, &dice);
        tags = count_matches(filters, run.doc);
        all += tags;
        assert_int_equal(event_from_doc(run.doc, &run.event, &why), ERR_OK);
        assert_int_equal(rules_run(rules, &run, NULL, &why), RULES_PASS);
        assert_int_equal(doc_count(run.event.tags), tags);
    }
    assert_true(all > RANDOM_EVENTS); /* else nothing was compared */
    for (int i = 0; i < RANDOM_RULES; i++) {
        filter_free(filters[i]);
    }
    rules_free(rules);
    doc_out_free(out);
}

static void documents_are_bounded(void **state)
{
    static const char *const specs[] = {
        "{\"on_failure\":\"dead\",\"actions\":[{\"type\":\"copy\",\"from\":"
        "\"long_output\",\"to\":\"infos.a\"},{\"type\":\"copy\",\"from\":"
        "\"long_output\",\"to\":\"infos.b\"}]}"};
    struct rules *rules = make(specs, 1);
    struct doc_out *out = doc_out_new();
    struct rules_event run = {.pass = true};
    struct event *event = &run.event;
    struct errbuf why = {0};
    char *text = malloc(TEXT_MAX);

    (void)state;
    event_init(event, EVENT_CHECK);
    memset(text, 'x', 40000);
    text[40000] = '\0';
    event->connector = "c";
    event->connector_name = "n";
    event->component = "w";
    event->long_output = text;
    event_to_doc(event, out);
    run.doc = doc_out_done(out);
    assert_int_equal(rules_run(rules, &run, NULL, &why), RULES_DEAD);
    assert_non_null(strstr(why.text, "more than 65536 bytes"));
    assert_int_equal(event->infos.len, 0);
    free(text);
    doc_out_free(out);
    rules_free(rules);
}

static void schema_is_json(void **state)
{
    struct doc_out *out = doc_out_new();
    struct buf text;
    struct doc_value value;
    struct doc doc;

    (void)state;
    buf_init(&text, TEXT_MAX);
    object_add_schema(&rule_kind, &text);
    doc = parse(out, buf_str(&text));
    assert_true(doc_path(doc,
                         "properties.spec.properties.actions.items.oneOf.2."
                         "properties.type.const",
                         &value));
    assert_string_equal(value.u.s.text, "set");
    assert_true(doc_path(doc, "properties.spec.required.0", &value));
    assert_string_equal(value.u.s.text, "actions");
    buf_fini(&text);
    doc_out_free(out);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROWS(runs, check_run),
        ROWS(refused, check_refused),
        ROW_SINGLE(index_changes_nothing),
        ROW_SINGLE(documents_are_bounded),
        ROW_SINGLE(schema_is_json),
    };

    return rows_run("rules", tables, N_ROWS(tables));
}
