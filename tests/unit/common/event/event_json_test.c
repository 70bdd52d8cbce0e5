/* SPDX-License-Identifier: Apache-2.0 */
/** Events from JSON: each rule as a row, message shapes, limits, and that
 *  what is read can be written and read again unchanged. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/event/event_json.h"
#include "tests/support/testlog.h"
#include "tests/support/unit.h"

enum {
    RESULTS_MAX = 64,
    MESSAGE_MAX = 8 * 1024 * 1024
};

static const int64_t received_ms = INT64_C(1700000000500);

struct result {
    bool accepted;
    uint32_t index;
    struct errbuf why;
    char *text; /* of a refused item */
    struct doc_out *doc;
};

struct fixture {
    struct event_limits limits;
    struct event_parser *parser;
    struct result results[RESULTS_MAX];
    size_t n;
    size_t n_all; /* also those past RESULTS_MAX */
    struct doc_out *want;
    struct doc_out *back;
    struct buf text;
};

static struct result *next_result(struct fixture *fixture, uint32_t index)
{
    struct result *result = &fixture->results[fixture->n];

    assert_int_equal(index, fixture->n_all);
    fixture->n_all++;
    if (fixture->n == RESULTS_MAX) {
        return NULL;
    }
    fixture->n++;
    result->index = index;
    return result;
}

/* The id tells the names again that it was made of. */
static void check_source(const struct event *event)
{
    struct buf component;
    struct buf name;

    buf_init(&component, EVENT_ENTITY_ID_MAX);
    buf_init(&name, EVENT_ENTITY_ID_MAX);
    event_entity_source(event->entity_id, &component, &name);
    assert_string_equal(buf_str(&component), event->component);
    assert_string_equal(buf_str(&name), event->connector_name);
    buf_fini(&name);
    buf_fini(&component);
}

static void on_event(void *ctx, uint32_t index, const struct event *event)
{
    struct result *result = next_result(ctx, index);

    assert_null(event->id);
    assert_true(event->rk[0] != '\0');
    assert_true(event->entity_id[0] == '/');
    check_source(event);
    if (result != NULL) {
        result->accepted = true;
        event_to_doc(event, result->doc);
        (void)doc_out_done(result->doc);
    }
}

static void on_refused(void *ctx, uint32_t index, const char *text, size_t len,
                       const struct errbuf *why)
{
    struct result *result = next_result(ctx, index);

    if (result != NULL) {
        result->accepted = false;
        result->why = *why;
        free(result->text);
        result->text = xstrndup(text, len);
    }
}

static int setup(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);

    fixture->limits = event_limits_default;
    fixture->parser = event_parser_new(&fixture->limits);
    fixture->want = doc_out_new();
    fixture->back = doc_out_new();
    for (size_t i = 0; i < RESULTS_MAX; i++) {
        fixture->results[i].doc = doc_out_new();
    }
    buf_init(&fixture->text, MESSAGE_MAX);
    testlog_start();
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < RESULTS_MAX; i++) {
        doc_out_free(fixture->results[i].doc);
        free(fixture->results[i].text);
    }
    event_parser_free(fixture->parser);
    doc_out_free(fixture->want);
    doc_out_free(fixture->back);
    buf_fini(&fixture->text);
    free(fixture);
    return testlog_stop();
}

static void use_limits(struct fixture *fixture,
                       const struct event_limits *limits)
{
    event_parser_free(fixture->parser);
    fixture->limits = *limits;
    fixture->parser = event_parser_new(&fixture->limits);
}

/* The copy has no byte past its end, so that a sanitizer sees one read. */
static void parse(struct fixture *fixture, const char *text, size_t len)
{
    struct event_sink sink = {fixture, on_event, on_refused};
    char *copy = len > 0 ? xmemdup(text, len) : xmalloc(1);

    fixture->n = 0;
    fixture->n_all = 0;
    (void)event_parse(fixture->parser, copy, len, received_ms, &sink);
    free(copy);
}

static struct doc result_doc(struct fixture *fixture, size_t i)
{
    assert_true(i < fixture->n);
    if (!fixture->results[i].accepted) {
        print_error("refused: %s\n", fixture->results[i].why.text);
    }
    assert_true(fixture->results[i].accepted);
    return doc_out_done(fixture->results[i].doc);
}

/* Each member of want stands in doc just so; null means absent. */
static void assert_members(struct fixture *fixture, struct doc doc,
                           const char *want)
{
    struct doc wanted;
    struct doc_iter it;
    struct doc_value value;
    struct doc_value found;
    const char *key;

    assert_int_equal(
        doc_from_json(want, strlen(want), fixture->want, &wanted, NULL),
        ERR_OK);
    doc_iter_init(&it, wanted);
    while (doc_next(&it, &key, &value)) {
        (void)doc_get(doc, key, &found);
        if (doc_compare(&found, &value) != 0) {
            buf_clear(&fixture->text);
            doc_value_to_json(&found, &fixture->text);
            print_error("%s: found %s\n", key, buf_str(&fixture->text));
        }
        assert_int_equal(doc_compare(&found, &value), 0);
    }
}

static void assert_refused(struct fixture *fixture, size_t i, const char *field,
                           const char *text)
{
    const struct result *result = &fixture->results[i];

    assert_true(i < fixture->n);
    assert_false(result->accepted);
    if (strcmp(result->why.field, field) != 0 ||
        strstr(result->why.text, text) == NULL) {
        print_error("field \"%s\", text \"%s\"\n", result->why.field,
                    result->why.text);
    }
    assert_string_equal(result->why.field, field);
    assert_non_null(strstr(result->why.text, text));
}

/* Rules: the row's members stand after these. */
#define WHO "\"connector\":\"k\",\"connector_name\":\"n\","
#define ON  WHO "\"component\":\"h\","

struct accept_case {
    const char *name;
    const char *text;
    const char *want;
};

static const struct accept_case accept_cases[] = {
    {"defaults", "{" ON "\"state\":0}",
     "{\"connector\":\"k\",\"connector_name\":\"n\",\"event_type\":\"check\","
     "\"source_type\":\"component\",\"component\":\"h\",\"resource\":null,"
     "\"timestamp\":1700000000.5,\"received_at\":1700000000.5,\"state\":0,"
     "\"state_type\":1,\"output\":null,\"extra\":null,\"id\":null,"
     "\"rk\":\"k.n.check.component.h\",\"entity_id\":\"/component/k/n/h\"}"},
    {"blanks and line ends inside", " \r\n{\t" ON "\n\"state\" : 1 }\r\n ",
     "{\"state\":1}"},
    {"byte order mark", "\xEF\xBB\xBF{" ON "\"state\":1}", "{\"state\":1}"},
    /* types */
    {"event_type null is absent", "{" ON "\"event_type\":null,\"state\":1}",
     "{\"event_type\":\"check\"}"},
    {"event_type empty is absent", "{" ON "\"event_type\":\"\",\"state\":1}",
     "{\"event_type\":\"check\"}"},
    {"perf needs no state", "{" ON "\"event_type\":\"perf\"}",
     "{\"event_type\":\"perf\",\"state\":0}"},
    {"log needs no state", "{" ON "\"event_type\":\"log\",\"output\":\"x\"}",
     "{\"event_type\":\"log\",\"state\":0,\"output\":\"x\"}"},
    {"produced types", "{" ON "\"event_type\":\"sla\",\"state\":1}",
     "{\"event_type\":\"sla\"}"},
    {"escaped name", "{" ON "\"st\\u0061te\":2}", "{\"state\":2}"},
    /* source */
    {"resource derives its source", "{" ON "\"resource\":\"r\",\"state\":0}",
     "{\"source_type\":\"resource\",\"resource\":\"r\","
     "\"entity_id\":\"/resource/k/n/h/r\"}"},
    {"empty resource does not", "{" ON "\"resource\":\"\",\"state\":0}",
     "{\"source_type\":\"component\",\"resource\":null}"},
    {"resource of a component is removed",
     "{" ON "\"resource\":\"r\",\"source_type\":\"component\",\"state\":0}",
     "{\"source_type\":\"component\",\"resource\":null,"
     "\"rk\":\"k.n.check.component.h\"}"},
    {"connector needs no component",
     "{" WHO "\"source_type\":\"connector\",\"state\":0}",
     "{\"source_type\":\"connector\",\"component\":null,"
     "\"entity_id\":\"/connector/k/n\"}"},
    {"component of a connector is removed",
     "{" ON "\"resource\":\"r\",\"source_type\":\"connector\",\"state\":0}",
     "{\"component\":null,\"resource\":null}"},
    {"service", "{" ON "\"source_type\":\"service\",\"state\":0}",
     "{\"source_type\":\"service\",\"entity_id\":\"/service/k/n/h\"}"},
    {"numbers as names",
     "{" WHO "\"component\":42,\"resource\":1.50,\"state\":0}",
     "{\"component\":\"42\",\"resource\":\"1.50\"}"},
    {"not ascii",
     "{" WHO "\"component\":\"\\u00e9\\ud83d\\ude00ü\",\"state\":0}",
     "{\"component\":\"é😀ü\"}"},
    /* state */
    {"state as float", "{" ON "\"state\":2.0}", "{\"state\":2}"},
    {"state with exponent", "{" ON "\"state\":3e0}", "{\"state\":3}"},
    {"state as text", "{" ON "\"state\":\"3\"}", "{\"state\":3}"},
    {"state ok", "{" ON "\"state\":\"ok\"}", "{\"state\":0}"},
    {"state minor", "{" ON "\"state\":\"minor\"}", "{\"state\":1}"},
    {"state warning", "{" ON "\"state\":\"WARNING\"}", "{\"state\":1}"},
    {"state major", "{" ON "\"state\":\"major\"}", "{\"state\":2}"},
    {"state critical", "{" ON "\"state\":\"Critical\"}", "{\"state\":3}"},
    {"state wrapped", "{" ON "\"state\":{\"$numberInt\":\"2\"}}",
     "{\"state\":2}"},
    {"last of two", "{" ON "\"state\":9,\"state\":1}", "{\"state\":1}"},
    {"soft", "{" ON "\"state\":1,\"state_type\":0}", "{\"state_type\":0}"},
    {"soft as text", "{" ON "\"state\":1,\"state_type\":\"0\"}",
     "{\"state_type\":0}"},
    {"state_type null", "{" ON "\"state\":1,\"state_type\":null}",
     "{\"state_type\":1}"},
    /* time */
    {"whole seconds", "{" ON "\"state\":0,\"timestamp\":1600000000}",
     "{\"timestamp\":1600000000,\"extra\":null}"},
    {"milliseconds", "{" ON "\"state\":0,\"timestamp\":1600000000.123}",
     "{\"timestamp\":1600000000.123}"},
    {"wrapped long",
     "{" ON "\"state\":0,\"timestamp\":{\"$numberLong\":\"1600000000\"}}",
     "{\"timestamp\":1600000000}"},
    {"wrapped long as number",
     "{" ON "\"state\":0,\"timestamp\":{\"$numberLong\":1600000000}}",
     "{\"timestamp\":1600000000}"},
    {"time as text", "{" ON "\"state\":0,\"timestamp\":\"1600000000.5\"}",
     "{\"timestamp\":1600000000.5}"},
    {"time null", "{" ON "\"state\":0,\"timestamp\":null}",
     "{\"timestamp\":1700000000.5,\"extra\":null}"},
    {"time empty object", "{" ON "\"state\":0,\"timestamp\":{}}",
     "{\"timestamp\":1700000000.5,\"extra\":null}"},
    {"a little ahead", "{" ON "\"state\":0,\"timestamp\":1700000060.5}",
     "{\"timestamp\":1700000060.5,\"extra\":null}"},
    {"too far ahead", "{" ON "\"state\":0,\"timestamp\":1700000060.501}",
     "{\"timestamp\":1700000000.5,"
     "\"extra\":{\"original_timestamp\":1700000060.501}}"},
    {"year 9999", "{" ON "\"state\":0,\"timestamp\":253402300799}",
     "{\"timestamp\":1700000000.5,"
     "\"extra\":{\"original_timestamp\":253402300799}}"},
    {"in milliseconds", "{" ON "\"state\":0,\"timestamp\":1700000000500}",
     "{\"timestamp\":1700000000.5,"
     "\"extra\":{\"original_timestamp\":1700000000500}}"},
    {"first second of 2001", "{" ON "\"state\":0,\"timestamp\":978307200}",
     "{\"timestamp\":978307200,\"extra\":null}"},
    {"before 2001", "{" ON "\"state\":0,\"timestamp\":978307199.999}",
     "{\"timestamp\":1700000000.5,"
     "\"extra\":{\"original_timestamp\":978307199.999}}"},
    {"zero", "{" ON "\"state\":0,\"timestamp\":0}",
     "{\"timestamp\":1700000000.5,\"extra\":{\"original_timestamp\":0}}"},
    {"negative", "{" ON "\"state\":0,\"timestamp\":-1.5}",
     "{\"timestamp\":1700000000.5,\"extra\":{\"original_timestamp\":-1.5}}"},
    {"not finite", "{" ON "\"state\":0,\"timestamp\":1e999}",
     "{\"timestamp\":1700000000.5,"
     "\"extra\":{\"original_timestamp\":\"1e999\"}}"},
    {"ttl", "{" ON "\"state\":0,\"ttl\":90.5}", "{\"ttl\":90.5}"},
    {"ttl none", "{" ON "\"state\":0,\"ttl\":0}", "{\"ttl\":null}"},
    {"ttl as text", "{" ON "\"state\":0,\"ttl\":\"30\"}", "{\"ttl\":30}"},
    /* texts */
    {"texts",
     "{" ON "\"state\":0,\"output\":\"a\\nb\",\"long_output\":\"l\","
     "\"perf_data\":\"x=1\",\"author\":\"me\",\"display_name\":\"d\","
     "\"address\":\"::1\",\"domain\":\"o\",\"perimeter\":\"p\"}",
     "{\"output\":\"a\\nb\",\"long_output\":\"l\",\"perf_data\":\"x=1\","
     "\"author\":\"me\",\"display_name\":\"d\",\"address\":\"::1\","
     "\"domain\":\"o\",\"perimeter\":\"p\",\"extra\":null}"},
    {"empty texts are absent",
     "{" ON "\"state\":0,\"output\":\"\",\"author\":\"\",\"perf_data\":\"\"}",
     "{\"output\":null,\"author\":null,\"perf_data\":null}"},
    {"empty objects are absent",
     "{" ON "\"state\":0,\"output\":{},\"author\":[],\"tags\":{},"
     "\"infos\":{},\"perf_data_array\":[],\"hostgroups\":[]}",
     "{\"output\":null,\"author\":null,\"tags\":null,\"infos\":null,"
     "\"perf_data_array\":null,\"hostgroups\":null,\"extra\":null}"},
    /* lists and maps */
    {"tags array", "{" ON "\"state\":0,\"tags\":[\"a\",1,null,true]}",
     "{\"tags\":[\"a\",\"1\",\"true\"]}"},
    {"tags text", "{" ON "\"state\":0,\"tags\":\"a\"}", "{\"tags\":[\"a\"]}"},
    {"tags empty text", "{" ON "\"state\":0,\"tags\":\"\"}", "{\"tags\":null}"},
    {"tags map",
     "{" ON "\"state\":0,\"tags\":{\"a\":\"b\",\"c\":1,\"d\":null}}",
     "{\"tags\":{\"a\":\"b\",\"c\":\"1\"}}"},
    {"tags map, last of two",
     "{" ON "\"state\":0,\"tags\":{\"a\":\"b\",\"c\":\"d\",\"a\":\"e\"}}",
     "{\"tags\":{\"c\":\"d\",\"a\":\"e\"}}"},
    {"tags twice", "{" ON "\"state\":0,\"tags\":[\"a\"],\"tags\":[\"b\"]}",
     "{\"tags\":[\"b\"]}"},
    {"tags then null", "{" ON "\"state\":0,\"tags\":[\"a\"],\"tags\":null}",
     "{\"tags\":null}"},
    {"groups",
     "{" ON "\"state\":0,\"hostgroups\":[\"a\",\"b\"],"
     "\"servicegroups\":\"s\"}",
     "{\"hostgroups\":[\"a\",\"b\"],\"servicegroups\":[\"s\"]}"},
    {"infos",
     "{" ON "\"state\":0,\"infos\":{\"a\":{\"b\":[1,null,2.5]},"
     "\"c\":null,\"d\":false,\"b\":1,\"b\":2}}",
     "{\"infos\":{\"a\":{\"b\":[1,null,2.5]},\"d\":false,\"b\":2}}"},
    {"metrics",
     "{" ON "\"state\":0,\"perf_data_array\":[{\"metric\":\"m\",\"value\":1.5,"
     "\"unit\":null,\"warn\":\"10:20\",\"value\":2},null,"
     "{\"metric\":\"n\",\"value\":\"bad\"}]}",
     "{\"perf_data_array\":[{\"metric\":\"m\",\"warn\":\"10:20\",\"value\":2},"
     "{\"metric\":\"n\",\"value\":\"bad\"}]}"},
    {"metrics null", "{" ON "\"state\":0,\"perf_data_array\":null}",
     "{\"perf_data_array\":null}"},
    /* operators */
    {"ack",
     "{" ON "\"event_type\":\"ack\",\"author\":\"me\",\"output\":\"seen\","
     "\"referer\":\"r.k\",\"ticket\":1234,\"ticket_url\":\"http://t\","
     "\"alarm_id\":\"al\",\"action_id\":\"ac\"}",
     "{\"event_type\":\"ack\",\"ref_rk\":\"r.k\",\"ticket\":\"1234\","
     "\"ticket_url\":\"http://t\",\"alarm_id\":\"al\",\"action_id\":\"ac\","
     "\"extra\":null,\"state\":0}"},
    {"snooze", "{" ON "\"event_type\":\"snooze\",\"duration\":300}",
     "{\"duration\":300}"},
    {"changestate", "{" ON "\"event_type\":\"changestate\",\"state\":1}",
     "{\"state\":1,\"keep_state\":null}"},
    {"changestate, let go",
     "{" ON "\"event_type\":\"changestate\",\"state\":1,\"keep_state\":false}",
     "{\"keep_state\":false}"},
    {"check of 2015 that changes the state",
     "{" ON "\"event_type\":\"check\",\"state\":1,\"keep_state\":\"true\","
     "\"ref_rk\":\"x\",\"author\":\"root\",\"output\":\"o\",\"cancel\":1}",
     "{\"keep_state\":true,\"ref_rk\":\"x\",\"extra\":{\"cancel\":1}}"},
    {"keep_state as text", "{" ON "\"state\":1,\"keep_state\":\"False\"}",
     "{\"keep_state\":null}"},
    {"keep_state as number", "{" ON "\"state\":1,\"keep_state\":0}",
     "{\"keep_state\":null}"},
    /* anything else */
    {"unknown members",
     "{" ON "\"state\":0,\"zone\":\"dmz\",\"n\":12345678901,\"f\":0.1,"
     "\"t\":true,\"none\":null,\"empty\":\"\",\"d\":{\"a\":{\"b\":1},"
     "\"x\":null},\"l\":[1,[2],{\"c\":3},null]}",
     "{\"extra\":{\"zone\":\"dmz\",\"n\":12345678901,\"f\":0.1,\"t\":true,"
     "\"d\":{\"a\":{\"b\":1}},\"l\":[1,[2],{\"c\":3},null]}}"},
    {"extra itself",
     "{" ON "\"state\":0,\"a\":1,\"extra\":{\"b\":2,"
     "\"c\":{\"d\":3},\"e\":null}}",
     "{\"extra\":{\"a\":1,\"b\":2,\"c\":{\"d\":3}}}"},
    {"extra beside the same name",
     "{" ON "\"state\":0,\"a\":1,\"extra\":{\"a\":2,\"state\":9}}",
     "{\"state\":0,\"extra\":{\"a\":2,\"state\":9}}"},
    {"extra that is a text", "{" ON "\"state\":0,\"extra\":\"x\"}",
     "{\"extra\":{\"extra\":\"x\"}}"},
    {"extra that is an array", "{" ON "\"state\":0,\"extra\":[1]}",
     "{\"extra\":{\"extra\":[1]}}"},
    {"unknown members, last of two",
     "{" ON "\"state\":0,\"a\":1,\"b\":{\"c\":1,\"c\":{\"x\":1,\"x\":2}},"
     "\"a\":[{\"d\":1,\"d\":2}]}",
     "{\"extra\":{\"b\":{\"c\":{\"x\":2}},\"a\":[{\"d\":2}]}}"},
    {"whole numbers of any size",
     "{" ON "\"state\":0,\"a\":9223372036854775807,"
     "\"b\":-9223372036854775808,\"c\":9223372036854775808,\"d\":1e3,"
     "\"e\":-0.0000001,\"f\":123456789012345678.5}",
     "{\"extra\":{\"a\":9223372036854775807,\"b\":-9223372036854775808,"
     "\"c\":9223372036854775808,\"d\":1000.0,\"e\":-0.0000001,"
     "\"f\":123456789012345678.5}}"},
    {"a sender's id is not the position",
     "{" ON "\"state\":0,\"id\":\"x\",\"rk\":\"y\",\"entity_id\":\"z\","
     "\"received_at\":1}",
     "{\"id\":null,\"rk\":\"k.n.check.component.h\","
     "\"entity_id\":\"/component/k/n/h\",\"received_at\":1700000000.5,"
     "\"extra\":{\"id\":\"x\"}}"},
    {"as a generator of 2024 sends it",
     "{\"_id\":null,\"connector\":\"feeder\",\"connector_name\":\"feeder2\","
     "\"event_type\":\"check\",\"component\":\"comp-1\",\"resource\":\"res-7\","
     "\"perf_data\":\"\",\"status\":null,\"timestamp\":null,\"state\":2,"
     "\"source_type\":\"resource\",\"long_output\":\"\",\"output\":\"\","
     "\"current_alarm\":null,\"current_entity\":null,\"author\":\"\","
     "\"user_id\":\"\",\"rt\":null,\"routing_key\":\"\",\"debug\":false,"
     "\"extra\":null,\"alarm_change\":null,\"tags\":null,\"stat_name\":\"\","
     "\"initiator\":\"\",\"pbehavior_info\":{\"id\":\"\",\"name\":\"\","
     "\"type\":null,\"timestamp\":null,\"canonical_type\":\"\"}}",
     "{\"connector\":\"feeder\",\"connector_name\":\"feeder2\","
     "\"event_type\":\"check\",\"source_type\":\"resource\","
     "\"component\":\"comp-1\",\"resource\":\"res-7\",\"state\":2,"
     "\"timestamp\":1700000000.5,\"output\":null,\"author\":null,"
     "\"tags\":null,\"extra\":{\"debug\":false},"
     "\"rk\":\"feeder.feeder2.check.resource.comp-1.res-7\"}"},
    {"as a source of 2015 sends it",
     "{\"connector\":\"nagios\",\"connector_name\":\"nagios1\","
     "\"event_type\":\"check\",\"source_type\":\"resource\","
     "\"component\":\"srv\",\"resource\":\"load\",\"timestamp\":1600000000,"
     "\"state\":1,\"state_type\":1,\"output\":\"WARNING\","
     "\"long_output\":null,\"perf_data\":\"load1=5;4;8\","
     "\"perf_data_array\":[{\"metric\":\"load1\",\"value\":5,\"unit\":null,"
     "\"min\":null,\"max\":null,\"warn\":4,\"crit\":8,\"type\":\"GAUGE\","
     "\"retention\":3600}],\"scheduled\":1,\"check_type\":0,"
     "\"current_attempt\":3,\"max_attempts\":3,\"execution_time\":0.1,"
     "\"latency\":0.2,\"command_name\":\"check_load\",\"address\":"
     "\"192.0.2.7\",\"tags\":[],\"hostgroups\":[\"linux\"],"
     "\"component_problem\":false,\"status\":1}",
     "{\"state\":1,\"perf_data\":\"load1=5;4;8\",\"perf_data_array\":"
     "[{\"metric\":\"load1\",\"value\":5,\"warn\":4,\"crit\":8,"
     "\"type\":\"GAUGE\",\"retention\":3600}],\"hostgroups\":[\"linux\"],"
     "\"address\":\"192.0.2.7\",\"tags\":null,\"extra\":{\"scheduled\":1,"
     "\"check_type\":0,\"current_attempt\":3,\"max_attempts\":3,"
     "\"execution_time\":0.1,\"latency\":0.2,"
     "\"command_name\":\"check_load\",\"component_problem\":false}}"},
    {"an ack of 2015",
     "{\"connector\":\"canopsis\",\"connector_name\":\"webui\","
     "\"event_type\":\"ack\",\"source_type\":\"resource\","
     "\"component\":\"srv\",\"resource\":\"load\",\"state\":1,"
     "\"state_type\":1,\"ref_rk\":\"nagios.nagios1.check.resource.srv.load\","
     "\"author\":\"root\",\"output\":\"mine\",\"ticket\":\"42\"}",
     "{\"event_type\":\"ack\",\"ref_rk\":"
     "\"nagios.nagios1.check.resource.srv.load\",\"ticket\":\"42\"}"},
    {"a trap",
     "{" ON "\"event_type\":\"trap\",\"snmp_severity\":\"x\","
     "\"snmp_state\":2,\"snmp_oid\":\"1.3.6\",\"snmp_vars\":{\"1.3\":\"v\"}}",
     "{\"event_type\":\"trap\",\"extra\":{\"snmp_severity\":\"x\","
     "\"snmp_state\":2,\"snmp_oid\":\"1.3.6\",\"snmp_vars\":{\"1.3\":\"v\"}}}"},
    {"a downtime",
     "{" ON "\"event_type\":\"downtime\",\"start\":1700000000,"
     "\"end\":1700003600,\"duration\":3600,\"fixed\":true,"
     "\"author\":\"me\",\"output\":\"upgrade\"}",
     "{\"event_type\":\"downtime\",\"duration\":3600,\"extra\":"
     "{\"start\":1700000000,\"end\":1700003600,\"fixed\":true}}"},
};

static void test_accepted(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof accept_cases / sizeof *accept_cases; i++) {
        const struct accept_case *row = &accept_cases[i];

        print_message("row: %s\n", row->name);
        parse(fixture, row->text, strlen(row->text));
        assert_int_equal(fixture->n_all, 1);
        assert_members(fixture, result_doc(fixture, 0), row->want);
    }
}

struct refuse_case {
    const char *name;
    const char *text;
    const char *field;
    const char *why;
};

static const struct refuse_case refuse_cases[] = {
    /* meaning */
    {"no connector",
     "{\"connector_name\":\"n\",\"component\":\"h\","
     "\"state\":0}",
     "connector", "connector: missing, required"},
    {"empty connector",
     "{\"connector\":\"\",\"connector_name\":\"n\","
     "\"component\":\"h\",\"state\":0}",
     "connector", "missing"},
    {"no connector_name",
     "{\"connector\":\"k\",\"component\":\"h\","
     "\"state\":0}",
     "connector_name", "missing"},
    {"connector null", "{\"connector\":null,\"connector_name\":\"n\"}",
     "connector", "missing"},
    {"connector an object", "{\"connector\":{\"a\":1}}", "connector",
     "expected a text, found an object"},
    {"no component", "{" WHO "\"state\":0}", "component",
     "component: missing, required unless source_type is connector"},
    {"empty component", "{" WHO "\"component\":\"\",\"state\":0}", "component",
     "missing"},
    {"no component of a resource", "{" WHO "\"resource\":\"r\",\"state\":0}",
     "component", "missing"},
    {"no resource", "{" ON "\"source_type\":\"resource\",\"state\":0}",
     "resource", "required when source_type is resource"},
    {"empty resource",
     "{" ON "\"source_type\":\"resource\",\"resource\":\"\","
     "\"state\":0}",
     "resource", "missing"},
    {"component true", "{" WHO "\"component\":true,\"state\":0}", "component",
     "expected a text, found true"},
    {"component an array", "{" WHO "\"component\":[\"a\"],\"state\":0}",
     "component", "expected a text, found an"},
    {"source_type unknown", "{" ON "\"source_type\":\"topo\",\"state\":0}",
     "source_type",
     "expected component, resource, connector or service, "
     "found \"topo\""},
    {"event_type unknown", "{" ON "\"event_type\":\"chekc\",\"state\":0}",
     "event_type", "unknown event type \"chekc\""},
    {"event_type in capitals", "{" ON "\"event_type\":\"Check\",\"state\":0}",
     "event_type", "unknown event type \"Check\""},
    {"check without state", "{" ON "\"output\":\"x\"}", "state",
     "state: missing, required in a check"},
    {"sla without state", "{" ON "\"event_type\":\"sla\"}", "state", "missing"},
    {"changestate without state", "{" ON "\"event_type\":\"changestate\"}",
     "state", "required in a changestate"},
    {"state null", "{" ON "\"state\":null}", "state", "missing"},
    {"state 9", "{" ON "\"state\":9}", "state",
     "expected 0 to 3, or ok, "
     "minor, warning, major or critical, found 9"},
    {"state -1", "{" ON "\"state\":-1}", "state", "found -1"},
    {"state 1.5", "{" ON "\"state\":1.5}", "state", "found 1.5"},
    {"state huge", "{" ON "\"state\":1e300}", "state", "found 1e300"},
    {"state past any number", "{" ON "\"state\":1e999}", "state", "1e999"},
    {"state x", "{" ON "\"state\":\"x\"}", "state", "found \"x\""},
    {"state 4 as text", "{" ON "\"state\":\"4\"}", "state", "found \"4\""},
    {"state true", "{" ON "\"state\":true}", "state", "found true"},
    {"state an array", "{" ON "\"state\":[2]}", "state", "found an"},
    {"state wrapped twice", "{" ON "\"state\":{\"$numberInt\":{\"a\":1}}}",
     "state", "found an object"},
    {"state wrapped with more", "{" ON "\"state\":{\"$numberInt\":1,\"a\":1}}",
     "state", "found an object"},
    {"state_type 2", "{" ON "\"state\":0,\"state_type\":2}", "state_type",
     "expected 0 (soft) or 1 (hard), found 2"},
    {"timestamp in words", "{" ON "\"state\":0,\"timestamp\":\"now\"}",
     "timestamp", "expected seconds since 1970 as a number, found \"now\""},
    {"timestamp true", "{" ON "\"state\":0,\"timestamp\":true}", "timestamp",
     "found true"},
    {"timestamp a document", "{" ON "\"state\":0,\"timestamp\":{\"a\":1}}",
     "timestamp", "found an object"},
    {"ttl negative", "{" ON "\"state\":0,\"ttl\":-1}", "ttl",
     "expected 0 to 315360000 seconds, found -1"},
    {"ttl too long", "{" ON "\"state\":0,\"ttl\":1e10}", "ttl", "1e10"},
    {"duration in words",
     "{" ON "\"event_type\":\"snooze\","
     "\"duration\":\"5m\"}",
     "duration", "found \"5m\""},
    {"keep_state in words", "{" ON "\"state\":0,\"keep_state\":\"maybe\"}",
     "keep_state", "expected true or false, found \"maybe\""},
    {"output an object", "{" ON "\"state\":0,\"output\":{\"a\":1}}", "output",
     "expected a text, found an object"},
    {"tags true", "{" ON "\"state\":0,\"tags\":true}", "tags",
     "expected a text, an array of texts or a map, found true"},
    {"tags nested", "{" ON "\"state\":0,\"tags\":[[\"a\"]]}", "tags[0]",
     "expected texts"},
    {"hostgroups a map", "{" ON "\"state\":0,\"hostgroups\":{\"a\":\"b\"}}",
     "hostgroups", "expected an array, found an object"},
    {"hostgroups true", "{" ON "\"state\":0,\"hostgroups\":true}", "hostgroups",
     "found true"},
    {"infos a text", "{" ON "\"state\":0,\"infos\":\"x\"}", "infos",
     "expected an object, found \"x\""},
    {"infos an array", "{" ON "\"state\":0,\"infos\":[1]}", "infos",
     "expected an object, found an array"},
    {"metrics an object",
     "{" ON "\"state\":0,\"perf_data_array\":"
     "{\"metric\":\"m\"}}",
     "perf_data_array", "expected an array, found an object"},
    {"metrics a text", "{" ON "\"state\":0,\"perf_data_array\":\"a=1\"}",
     "perf_data_array", "expected an array, found \"a=1\""},
    {"metric a number",
     "{" ON "\"state\":0,\"perf_data_array\":"
     "[{\"metric\":\"m\",\"value\":1},5]}",
     "perf_data_array[1]", "element 2: expected an object"},
    {"metric an array", "{" ON "\"state\":0,\"perf_data_array\":[[1]]}",
     "perf_data_array[0]", "element 1: expected an object"},
    {"NUL in a text", "{" ON "\"state\":0,\"output\":\"a\\u0000b\"}", "output",
     "NUL"},
    {"NUL in an unknown text", "{" ON "\"state\":0,\"x\":\"a\\u0000b\"}", "x",
     "NUL"},
    {"NUL in a name", "{" ON "\"state\":0,\"a\\u0000b\":1}", "a\\u0000b",
     "NUL"},
    {"NUL in a nested name", "{" ON "\"state\":0,\"infos\":{\"\\u0000\":1}}",
     "infos.\\u0000", "NUL"},
    {"half a pair", "{" ON "\"state\":0,\"output\":\"\\udc00\"}", "output",
     "surrogate"},
    {"the first half", "{" ON "\"state\":0,\"output\":\"\\ud83dx\"}", "output",
     "surrogate"},
    {"the first half and no second",
     "{" ON "\"state\":0,\"output\":\"\\ud83d\\u0041\"}", "output",
     "surrogate"},
    {"the first half of a name", "{" ON "\"state\":0,\"\\ud83d\":1}", "\\ud83d",
     "surrogate"},
    {"number too large", "{" ON "\"state\":0,\"x\":1e999}", "x",
     "a number too large"},
    /* form */
    {"no text", "", "body",
     "line 1, column 1: expected an object or an array of "
     "objects, found the end of the text"},
    {"blanks", " \r\n\t", "body", "found the end of the text"},
    {"only the byte order mark", "\xEF\xBB\xBF", "body", "the end of the text"},
    {"words", "hello", "body", "expected an object or an array"},
    {"a number", "42", "body",
     "expected an object or an array of objects, "
     "found 42"},
    {"a text", "\"x\"", "body", "expected an object or an array of objects"},
    {"null", "null", "body", "expected an object or an array of objects"},
    {"cut in a name", "{\"connec", "body",
     "line 1, column 2: expected a name or "
     "'}', found \"connec"},
    {"cut in the second name", "{\"a\":1,\"connec", "body",
     "column 8: expected a name, found \"connec"},
    {"cut in a name behind a text", "{\"a\":\"b\" , \"con", "body",
     "expected a name, found \"con"},
    {"cut in a nested name", "{\"a\":{\"b\":1,\"con", "a",
     "expected a name, found \"con"},
    {"cut in a name behind an array", "{\"a\":[1,{\"b\":2}],\"con", "body",
     "expected a name, found \"con"},
    {"cut in an escape of a name", "{\"a\":1,\"c\\u00", "body",
     "expected a name, found \"c"},
    {"UTF-8 cut in the second name", "{\"a\":1,\"caf\xC3", "body",
     "line 1: expected UTF-8"},
    {"cut after a name", "{\"a\"", "a",
     "column 5: expected ':', found the end "
     "of the text"},
    {"cut after a colon", "{\"a\":", "a", "column 6: expected a value"},
    {"cut after a value", "{\"a\":1", "a",
     "column 7: expected ',' or '}', found the end of the text"},
    {"cut after a word", "[true", "[0]",
     "column 6: expected ',' or ']', found the end of the text"},
    {"cut after a comma", "{\"a\":1,", "body",
     "column 8: expected a name, found "
     "the end of the text"},
    {"comma too many", "{\"a\":1,}", "body",
     "column 8: expected a name, found }"},
    {"no comma", "{\"a\":1 \"b\":2}", "a",
     "column 8: expected ',' or '}', "
     "found \"b\""},
    {"no colon", "{\"a\" 1}", "a", "column 6: expected ':', found 1"},
    {"single quotes", "{'a':1}", "body", "column 2: expected a name or '}'"},
    {"no value", "{\"a\":}", "a", "column 6: expected a value, found }"},
    {"NaN", "{\"a\":NaN}", "a", "column 6: expected a value, found NaN"},
    {"leading zero", "{\"a\":01}", "a", "column 7: expected ',' or '}'"},
    {"tab in a text", "{\"a\":\"\t\"}", "a", "column 6: expected a value"},
    {"wrong escape", "{\"a\":\"\\x\"}", "a", "column 6: expected a value"},
    {"comment", "{/* x */\"a\":1}", "body", "column 2: expected a name or '}'"},
    {"second line", "{\n \"a\": tru }", "a",
     "line 2, column 7: expected a "
     "value, found tru"},
    {"more behind it", "{" ON "\"state\":0} x", "body",
     "expected nothing more, "
     "found x"},
    {"two on a line", "{" ON "\"state\":0}{" ON "\"state\":0}", "body",
     "expected nothing more, found {"},
    {"unclosed array", "[{" ON "\"state\":0}", "[0]",
     "expected ',' or ']', "
     "found the end of the text"},
    {"array with a comma too many", "[{" ON "\"state\":0},]", "[1]",
     "expected a value, found ]"},
    {"more behind the array", "[{" ON "\"state\":0}]]", "body",
     "expected nothing more, found ]"},
    {"bad element", "[{" ON "\"state\":0},{\"a\":}]", "[1].a",
     "expected a value, found }"},
    {"cut deep inside",
     "{" ON "\"perf_data_array\":[{\"metric\":\"a\"},"
     "{\"metric\":\"b\",\"value\":1},{},{\"metric\":\"c",
     "perf_data_array[3].metric", "expected a value, found \"c"},
    {"not UTF-8 deep inside",
     "[{" ON "\"state\":0},{\"infos\":{\"a\":[0,1,\"\xFF\"]}}]",
     "[1].infos.a[2]", "expected UTF-8"},
    {"too deep",
     "{" ON "\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
     "x[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]",
     "expected at most 32 levels of nesting"},
    {"no object", "[3]", "body", "expected an event, which is an object"},
    {"not UTF-8", "{" ON "\"state\":0,\n\"output\":\"\xFF\"}", "output",
     "line 2: expected UTF-8"},
    {"overlong", "{\"a\":\"\xC0\xAF\"}", "a", "line 1: expected UTF-8"},
    {"surrogate in UTF-8", "{\"a\":\"\xED\xA0\x80\"}", "a", "expected UTF-8"},
    {"UTF-8 cut", "{\"a\":\"\xE2\x82", "a", "expected UTF-8"},
    {"UTF-16", "\xFF\xFE{\"", "body", "expected UTF-8"},
};

static void test_refused(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof refuse_cases / sizeof *refuse_cases; i++) {
        const struct refuse_case *row = &refuse_cases[i];

        print_message("row: %s\n", row->name);
        parse(fixture, row->text, strlen(row->text));
        assert_int_equal(fixture->n_all, 1);
        assert_refused(fixture, 0, row->field, row->why);
    }
}

static void test_refused_text_is_the_whole_message(void **state)
{
    struct fixture *fixture = *state;
    static const char text[] = " [{" ON "\"state\":0},{";

    parse(fixture, text, strlen(text));
    assert_int_equal(fixture->n_all, 1);
    assert_string_equal(fixture->results[0].text, text);
}

static void test_raw_nul(void **state)
{
    struct fixture *fixture = *state;
    static const char text[] = "{\"a\":1}\0";

    parse(fixture, text, sizeof text - 1);
    assert_refused(fixture, 0, "body", "expected nothing more");
}

/* Shapes */

#define GOOD(n) "{" ON "\"state\":" n "}"

static void test_array(void **state)
{
    struct fixture *fixture = *state;
    static const char text[] =
        "[ " GOOD("1") " ,\n" GOOD("9") ",5, \"a,[\" ,null,[1,{}]," GOOD(
            "2") ",{\"x\":{\"y\":[1]},\"connector\":true}, " GOOD("3") "\n]\n";
    static const char *const refused[] = {
        NULL,   GOOD("9"), "5",  "\"a,[\"",
        "null", "[1,{}]",  NULL, "{\"x\":{\"y\":[1]},\"connector\":true}",
        NULL};

    parse(fixture, text, strlen(text));
    assert_int_equal(fixture->n_all, 9);
    for (size_t i = 0; i < 9; i++) {
        if (refused[i] != NULL) {
            assert_false(fixture->results[i].accepted);
            assert_string_equal(fixture->results[i].text, refused[i]);
        }
    }
    assert_refused(fixture, 1, "state", "found 9");
    assert_refused(fixture, 2, "body", "expected an event, which is an object");
    assert_refused(fixture, 5, "body", "expected an event, which is an object");
    assert_refused(fixture, 7, "connector", "found true");
    assert_members(fixture, result_doc(fixture, 0), "{\"state\":1}");
    assert_members(fixture, result_doc(fixture, 6), "{\"state\":2}");
    assert_members(fixture, result_doc(fixture, 8), "{\"state\":3}");
}

static void test_nothing_leaks_between_items(void **state)
{
    struct fixture *fixture = *state;
    static const char text[] =
        "[{" ON "\"resource\":\"r\",\"state\":3,\"output\":\"o\",\"x\":1,"
        "\"tags\":[\"a\"],\"infos\":{\"a\":1},\"ttl\":5,"
        "\"perf_data_array\":[{\"metric\":\"m\"}]},{" ON "\"event_type\":"
        "\"log\"},{" ON "\"extra\":{\"a\":\"\\u0000\"},\"tags\":[[",
                      rest[] = "]]},{" ON "\"event_type\":\"log\"}]";

    buf_clear(&fixture->text);
    buf_add_str(&fixture->text, text);
    buf_add_str(&fixture->text, rest);
    parse(fixture, fixture->text.data, fixture->text.len);
    assert_int_equal(fixture->n_all, 4);
    assert_refused(fixture, 2, "extra.a", "NUL");
    for (size_t i = 1; i < 4; i += 2) {
        assert_members(fixture, result_doc(fixture, i),
                       "{\"resource\":null,\"state\":0,\"output\":null,"
                       "\"extra\":null,\"tags\":null,\"infos\":null,"
                       "\"ttl\":null,\"perf_data_array\":null}");
    }
}

static void test_empty_array(void **state)
{
    struct fixture *fixture = *state;

    parse(fixture, "[]", 2);
    assert_int_equal(fixture->n_all, 0);
}

static void test_lines(void **state)
{
    struct fixture *fixture = *state;
    static const char text[] =
        "\n" GOOD("1") "\n\n" GOOD("9") "\r\n"
                                        "{\"a\":\n"
                                        "oops\n"
                                        "[" GOOD("1") "]\n"
                                                      "{\"a\":\"\xFF\"}\n"
                                                      "  " GOOD("2") "  ";

    parse(fixture, text, strlen(text));
    assert_int_equal(fixture->n_all, 7);
    assert_members(fixture, result_doc(fixture, 0), "{\"state\":1}");
    assert_refused(fixture, 1, "state", "found 9");
    assert_refused(fixture, 2, "a", "line 5, column 6: expected a value");
    assert_refused(fixture, 3, "body", "line 6, column 1: expected an object");
    assert_refused(fixture, 4, "body", "line 7: expected one object, found an");
    assert_refused(fixture, 5, "a", "line 8: expected UTF-8");
    assert_members(fixture, result_doc(fixture, 6), "{\"state\":2}");
    assert_string_equal(fixture->results[2].text, "{\"a\":");
    assert_string_equal(fixture->results[3].text, "oops");
}

static void test_lines_that_begin_badly(void **state)
{
    struct fixture *fixture = *state;
    static const char text[] = "{\"connector\":\n" GOOD("2") "\n";

    parse(fixture, text, strlen(text));
    assert_int_equal(fixture->n_all, 2);
    assert_false(fixture->results[0].accepted);
    assert_members(fixture, result_doc(fixture, 1), "{\"state\":2}");
}

static void test_pretty_object_is_one(void **state)
{
    struct fixture *fixture = *state;
    static const char good[] =
        "{\n  " ON "\n  \"infos\":\n  {\n    \"a\": 1\n  },\n  \"state\": 1\n}";
    static const char bad[] =
        "{\n  " ON
        "\n  \"infos\":\n  {\n    \"a\": 1,\n  },\n  \"state\": 1\n}";

    parse(fixture, good, strlen(good));
    assert_int_equal(fixture->n_all, 1);
    assert_members(fixture, result_doc(fixture, 0), "{\"infos\":{\"a\":1}}");
    parse(fixture, bad, strlen(bad));
    assert_int_equal(fixture->n_all, 1);
    assert_refused(fixture, 0, "infos", "line 6, column 3: expected a name");
}

static void test_default_state(void **state)
{
    struct fixture *fixture = *state;
    struct event_limits limits = event_limits_default;
    static const char text[] =
        "[{" ON "\"output\":\"x\"},{" ON "\"event_type\":\"changestate\"},{" ON
        "\"event_type\":\"log\"}]";

    limits.default_state = 2;
    use_limits(fixture, &limits);
    parse(fixture, text, strlen(text));
    assert_members(fixture, result_doc(fixture, 0), "{\"state\":2}");
    assert_refused(fixture, 1, "state", "required in a changestate");
    assert_members(fixture, result_doc(fixture, 2), "{\"state\":0}");
}

static void test_extra_types(void **state)
{
    struct fixture *fixture = *state;
    struct event_limits limits = event_limits_default;
    static const char *const types[] = {"syslog", "audit", NULL};
    static const char text[] =
        "[{" ON "\"event_type\":\"audit\"},{" ON "\"event_type\":\"other\"}]";

    limits.extra_types = types;
    use_limits(fixture, &limits);
    parse(fixture, text, strlen(text));
    assert_members(fixture, result_doc(fixture, 0),
                   "{\"event_type\":\"audit\"}");
    assert_refused(fixture, 1, "event_type", "unknown event type \"other\"");
}

/* Limits */

/* A message with a member whose value is n times unit, in quotes or not. */
static void fill(struct fixture *fixture, const char *start, const char *unit,
                 size_t n, const char *end)
{
    buf_clear(&fixture->text);
    buf_add_str(&fixture->text, start);
    for (size_t i = 0; i < n; i++) {
        buf_add_str(&fixture->text, unit);
    }
    buf_add_str(&fixture->text, end);
    assert_false(fixture->text.overflow);
    parse(fixture, fixture->text.data, fixture->text.len);
}

struct length_case {
    const char *field;
    const char *start;
    size_t max;
};

static const struct length_case length_cases[] = {
    {"connector",
     "{\"connector_name\":\"n\",\"component\":\"h\",\"state\":0,"
     "\"connector\":\"",
     EVENT_CONNECTOR_MAX},
    {"connector_name",
     "{\"connector\":\"k\",\"component\":\"h\",\"state\":0,"
     "\"connector_name\":\"",
     EVENT_CONNECTOR_MAX},
    {"component", "{" WHO "\"state\":0,\"component\":\"", EVENT_COMPONENT_MAX},
    {"resource", "{" ON "\"state\":0,\"resource\":\"", EVENT_RESOURCE_MAX},
    {"author", "{" ON "\"state\":0,\"author\":\"", 2048},
    {"ticket_url", "{" ON "\"state\":0,\"ticket_url\":\"", 2048},
    {"perf_data", "{" ON "\"state\":0,\"perf_data\":\"", 65536},
};

static void test_lengths(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof length_cases / sizeof *length_cases; i++) {
        const struct length_case *row = &length_cases[i];

        print_message("row: %s\n", row->field);
        fill(fixture, row->start, "x", row->max, "\"}");
        (void)result_doc(fixture, 0);
        fill(fixture, row->start, "x", row->max + 1, "\"}");
        assert_refused(fixture, 0, row->field, "expected at most ");
    }
}

static void check_cut(struct fixture *fixture, const char *start,
                      const char *field, size_t max)
{
    struct doc_value value;
    char mark[64];

    fill(fixture, start, "x", max, "\"}");
    (void)doc_get(result_doc(fixture, 0), field, &value);
    assert_int_equal(value.u.s.len, max);
    assert_int_equal(value.u.s.text[max - 1], 'x');

    fill(fixture, start, "é", max, "\"}");
    (void)doc_get(result_doc(fixture, 0), field, &value);
    assert_true(value.u.s.len <= max);
    assert_true(value.u.s.len > max - 2);
    assert_true(utf8_valid(value.u.s.text, value.u.s.len));
    (void)snprintf(mark, sizeof mark, "é… (cut, %zu bytes in all)", 2 * max);
    assert_true(str_ends(value.u.s.text, mark));
}

static void test_output_cut(void **state)
{
    struct fixture *fixture = *state;
    struct event_limits limits = event_limits_default;
    struct doc_value value;

    check_cut(fixture, "{" ON "\"state\":0,\"output\":\"", "output", 4096);
    check_cut(fixture, "{" ON "\"state\":0,\"long_output\":\"", "long_output",
              65536);
    limits.output_bytes = 5; /* no place for the mark */
    use_limits(fixture, &limits);
    fill(fixture, "{" ON "\"state\":0,\"output\":\"", "日", 10, "\"}");
    (void)doc_get(result_doc(fixture, 0), "output", &value);
    assert_string_equal(value.u.s.text, "日");
}

static void test_extra_limit(void **state)
{
    struct fixture *fixture = *state;

    fill(fixture, "{" ON "\"state\":0,\"x\":\"", "y", 65000, "\"}");
    (void)result_doc(fixture, 0);
    fill(fixture, "{" ON "\"state\":0,\"x\":\"", "y", 65537, "\"}");
    assert_refused(fixture, 0, "extra", "extra: larger than 65536 bytes");
    fill(fixture, "{" ON "\"state\":0,\"x\":[", "1,", 200000, "1]}");
    assert_refused(fixture, 0, "extra", "larger than");
    fill(fixture, "{" ON "\"state\":0,\"x\":[", "{},", 100000, "1]}");
    assert_refused(fixture, 0, "extra", "larger than");
    fill(fixture, "{" ON "\"state\":0,\"extra\":{", "\"a\":1,", 100000,
         "\"b\":1}}");
    assert_refused(fixture, 0, "extra", "larger than");
    fill(fixture, "{" ON "\"state\":0,\"infos\":{\"a\":\"", "x", 65537, "\"}}");
    assert_refused(fixture, 0, "infos", "larger than 65536");
    fill(fixture, "{" ON "\"state\":0,\"tags\":[", "\"a\",", 10000, "\"b\"]}");
    assert_refused(fixture, 0, "tags", "larger than 65536");
    fill(fixture, "{" ON "\"state\":0,\"tags\":\"", "x", 65537, "\"}");
    assert_refused(fixture, 0, "tags", "larger than 65536");
}

static void test_repeats_among_many(void **state)
{
    struct fixture *fixture = *state;

    fill(fixture, "{" ON "\"state\":0,", "\"a\":1,", 3000, "\"b\":1,\"a\":2}");
    assert_members(fixture, result_doc(fixture, 0),
                   "{\"extra\":{\"b\":1,\"a\":2}}");
}

/* More names than are compared each with each; then one of them twice. */
static void test_many_names(void **state)
{
    struct fixture *fixture = *state;
    struct buf text;

    buf_init(&text, MESSAGE_MAX);
    for (int repeated = 0; repeated < 2; repeated++) {
        buf_clear(&text);
        buf_add_str(&text, "{" ON "\"state\":0");
        for (int i = 0; i < 200; i++) {
            buf_addf(&text, ",\"name%d\":%d", i, i);
        }
        buf_add_str(&text, repeated > 0 ? ",\"name7\":-1}" : "}");
        parse(fixture, text.data, text.len);
        assert_int_equal(doc_count(doc_sub(result_doc(fixture, 0), "extra")),
                         200);
        assert_int_equal(
            doc_i64(doc_sub(result_doc(fixture, 0), "extra"), "name7", 0),
            repeated > 0 ? -1 : 7);
    }
    buf_fini(&text);
}

/* Escapes make the reader copy: its memory grows and is given back. */
static void test_long_escaped_text(void **state)
{
    struct fixture *fixture = *state;
    struct doc_value value;

    for (int i = 0; i < 3; i++) {
        fill(fixture, "{" ON "\"state\":0,\"long_output\":\"", "\\n", 65000,
             "\"}");
        (void)doc_get(result_doc(fixture, 0), "long_output", &value);
        assert_int_equal(value.u.s.len, 65000);
    }
}

static void test_metrics_limit(void **state)
{
    struct fixture *fixture = *state;

    fill(fixture, "{" ON "\"state\":0,\"perf_data_array\":[",
         "{\"metric\":\"m\",\"value\":1},", 999, "{\"metric\":\"m\"}]}");
    assert_int_equal(
        doc_count(doc_sub(result_doc(fixture, 0), "perf_data_array")), 1000);
    fill(fixture, "{" ON "\"state\":0,\"perf_data_array\":[",
         "{\"metric\":\"m\",\"value\":1},", 1000, "{\"metric\":\"m\"}]}");
    assert_refused(fixture, 0, "perf_data_array", "more than 1000 elements");
    fill(fixture, "{" ON "\"state\":0,\"perf_data_array\":[{\"a\":[", "1,",
         100000, "1]}]}");
    assert_refused(fixture, 0, "perf_data_array", "larger than 1048576");
}

static void test_message_limit(void **state)
{
    struct fixture *fixture = *state;
    size_t max = (size_t)event_limits_default.message_bytes;
    size_t other = strlen("{" ON "\"state\":0}");

    fill(fixture, "{" ON "\"state\":0", " ", max - other, "}");
    (void)result_doc(fixture, 0);
    fill(fixture, "{" ON "\"state\":0", " ", max - other + 1, "}");
    assert_refused(fixture, 0, "body",
                   "expected at most 1048576 bytes, found "
                   "1048577");
}

static void test_depth_limit(void **state)
{
    struct fixture *fixture = *state;
    char closing[64];

    memset(closing, ']', sizeof closing);
    closing[31] = '}';
    closing[32] = '\0';
    fill(fixture, "{" ON "\"state\":0,\"x\":", "[", 31, closing);
    (void)result_doc(fixture, 0);
    closing[31] = ']';
    closing[32] = '}';
    closing[33] = '\0';
    fill(fixture, "{" ON "\"state\":0,\"x\":", "[", 32, closing);
    assert_refused(fixture, 0, "x[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]",
                   "expected at most 32 levels of nesting");
    fill(fixture, "", "[", 1000, "");
    assert_refused(fixture, 0,
                   "[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]",
                   "expected at most 32 levels of nesting");
    fill(fixture, "", "{\"a\":", 100000, "");
    assert_refused(fixture, 0, "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a",
                   "expected at most 32 levels of nesting");
}

static void test_events_limit(void **state)
{
    struct fixture *fixture = *state;
    struct event_limits limits = event_limits_default;

    fill(fixture, "[", "0,", 9999, "0]");
    assert_int_equal(fixture->n_all, 10000);
    fill(fixture, "[", "0,", 10000, "0]");
    assert_int_equal(fixture->n_all, 1);
    assert_refused(fixture, 0, "[10000]",
                   "expected at most 10000 events in one");
    limits.events = 3;
    use_limits(fixture, &limits);
    fill(fixture, "", GOOD("0") "\n", 3, "\n\n");
    assert_int_equal(fixture->n_all, 3);
    fill(fixture, "", GOOD("0") "\n", 4, "");
    assert_int_equal(fixture->n_all, 1);
    assert_refused(fixture, 0, "body",
                   "expected at most 3 events in one message, "
                   "found 4");
}

static void test_limits_that_are_too_wide(void **state)
{
    struct fixture *fixture = *state;
    struct event_limits limits = event_limits_default;

    limits.message_bytes = INT64_MAX;
    limits.extra_bytes = INT64_MAX;
    limits.depth = INT64_MAX;
    limits.perf_items = INT64_MAX;
    use_limits(fixture, &limits);
    fill(fixture, "{" ON "\"state\":0,\"x\":", "[", 100, "");
    assert_refused(fixture, 0, "x[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]",
                   "levels of nesting");
    fill(fixture, "{" ON "\"state\":0,\"x\":[", "1,", 1000000, "1]}");
    assert_refused(fixture, 0, "extra", "larger than 524288");
    fill(fixture, "{" ON "\"state\":0,\"output\":\"", "x", 4200000, "\"}");
    assert_refused(fixture, 0, "body", "expected at most 4194304 bytes");
}

/* Properties */

struct random {
    uint64_t seed;
    uint64_t n;
};

static uint32_t random_below(struct random *random, uint32_t below)
{
    random->n++;
    return (uint32_t)(hash_fixed(random, sizeof *random) % below);
}

static const char *const atoms[] = {"0",
                                    "1",
                                    "2",
                                    "3",
                                    "9",
                                    "-1",
                                    "1.5",
                                    "1e3",
                                    "1e999",
                                    "null",
                                    "true",
                                    "false",
                                    "\"\"",
                                    "\"ok\"",
                                    "\"major\"",
                                    "\"é\"",
                                    "\"3\"",
                                    "\"check\"",
                                    "\"resource\"",
                                    "\"ack\"",
                                    "\"log\"",
                                    "\"a\\nb\\u00e9\"",
                                    "1600000000",
                                    "1600000000.25",
                                    "{}",
                                    "[]",
                                    "\"changestate\"",
                                    "\"connector\"",
                                    "\"\\u0000\""};

static const char *const member_names[] = {"connector",
                                           "connector_name",
                                           "event_type",
                                           "source_type",
                                           "component",
                                           "resource",
                                           "timestamp",
                                           "state",
                                           "state_type",
                                           "output",
                                           "long_output",
                                           "perf_data",
                                           "perf_data_array",
                                           "ttl",
                                           "author",
                                           "tags",
                                           "hostgroups",
                                           "infos",
                                           "ref_rk",
                                           "referer",
                                           "duration",
                                           "keep_state",
                                           "extra",
                                           "id",
                                           "x",
                                           "y",
                                           "\\u0078",
                                           "$numberLong",
                                           "_id"};

static void add_random_value(struct random *random, struct buf *out,
                             unsigned depth)
{
    uint32_t kind = random_below(random, depth > 3 ? 8 : 10);
    uint32_t n = random_below(random, 4);

    if (kind < 8) {
        buf_add_str(out,
                    atoms[random_below(random, sizeof atoms / sizeof *atoms)]);
        return;
    }
    buf_add_char(out, kind == 8 ? '[' : '{');
    for (uint32_t i = 0; i < n; i++) {
        if (kind == 9) {
            buf_addf(out, "\"%s\":",
                     member_names[random_below(
                         random, sizeof member_names / sizeof *member_names)]);
        }
        add_random_value(random, out, depth + 1);
        buf_add_str(out, i + 1 < n ? "," : "");
    }
    buf_add_char(out, kind == 8 ? ']' : '}');
}

static void add_random_event(struct random *random, struct buf *out)
{
    uint32_t n = random_below(random, 12);

    buf_add_str(out, "{" ON "\"state\":1");
    for (uint32_t i = 0; i < n; i++) {
        buf_addf(out, ",\"%s\":",
                 member_names[random_below(random, sizeof member_names /
                                                       sizeof *member_names)]);
        add_random_value(random, out, 0);
    }
    buf_add_char(out, '}');
}

/* event -> document -> event -> document: the same bytes; and the document
 * as JSON is an event with the same document. */
static void check_round_trips(struct fixture *fixture, struct doc doc)
{
    struct errbuf why;
    struct event event;
    struct doc again;

    assert_true(doc_check(doc));
    assert_int_equal(event_from_doc(doc, &event, &why), ERR_OK);
    event_to_doc(&event, fixture->back);
    again = doc_out_done(fixture->back);
    assert_int_equal(again.len, doc.len);
    assert_memory_equal(again.data, doc.data, doc.len);
}

static void check_json_round_trip(struct fixture *fixture, struct doc doc)
{
    struct doc again;

    buf_clear(&fixture->text);
    doc_to_json(doc, &fixture->text);
    doc_out_reset(fixture->want);
    doc_add_doc(fixture->want, "d", doc);
    doc = doc_sub(doc_out_done(fixture->want), "d");
    parse(fixture, fixture->text.data, fixture->text.len);
    again = result_doc(fixture, 0);
    buf_clear(&fixture->text);
    doc_to_json(doc, &fixture->text);
    buf_add_char(&fixture->text, '\n');
    doc_to_json(again, &fixture->text);
    if (memcmp(fixture->text.data, strchr(buf_str(&fixture->text), '\n') + 1,
               fixture->text.len / 2) != 0) {
        print_error("%s\n", buf_str(&fixture->text));
        fail();
    }
}

static void test_round_trips_of_rows(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof accept_cases / sizeof *accept_cases; i++) {
        const struct accept_case *row = &accept_cases[i];

        print_message("row: %s\n", row->name);
        parse(fixture, row->text, strlen(row->text));
        check_round_trips(fixture, result_doc(fixture, 0));
        check_json_round_trip(fixture, result_doc(fixture, 0));
    }
}

static uint64_t seed_of_this_run(void)
{
    const char *text = getenv("TEST_SEED");
    int64_t seed = 20251121;

    if (text != NULL) {
        assert_int_equal(str_to_i64(text, 0, INT64_MAX, &seed), ERR_OK);
    }
    print_message("TEST_SEED=%" PRId64 "\n", seed);
    return (uint64_t)seed;
}

static void test_random_events(void **state)
{
    struct fixture *fixture = *state;
    struct random random = {.seed = seed_of_this_run()};
    struct buf text;
    size_t n_accepted = 0;

    buf_init(&text, MESSAGE_MAX);
    for (int i = 0; i < 3000; i++) {
        buf_clear(&text);
        add_random_event(&random, &text);
        parse(fixture, text.data, text.len);
        assert_int_equal(fixture->n_all, 1);
        if (!fixture->results[0].accepted) {
            assert_true(fixture->results[0].why.field[0] != '\0');
            continue;
        }
        n_accepted++;
        check_round_trips(fixture, result_doc(fixture, 0));
        check_json_round_trip(fixture, result_doc(fixture, 0));
    }
    print_message("%zu of 3000 accepted\n", n_accepted);
    assert_true(n_accepted > 100);
    buf_fini(&text);
}

/* A message broken at any place never gives an event it did not hold whole,
 * and always an answer. */
static void test_broken_messages(void **state)
{
    struct fixture *fixture = *state;
    struct random random = {.seed = seed_of_this_run()};
    struct buf text;

    buf_init(&text, MESSAGE_MAX);
    for (int i = 0; i < 300; i++) {
        size_t len;

        buf_clear(&text);
        buf_add_str(&text, i % 2 == 0 ? "[" : "");
        add_random_event(&random, &text);
        buf_add_str(&text, i % 2 == 0 ? ",{" ON "\"state\":2}]" : "");
        len = text.len;
        for (size_t at = 0; at < len; at += 1 + random_below(&random, 40)) {
            parse(fixture, text.data, at);
            assert_int_equal(fixture->n_all, 1);
            assert_false(fixture->results[0].accepted);
        }
        for (int flips = 0; flips < 20; flips++) {
            text.data[random_below(&random, (uint32_t)len)] ^=
                (char)(1 << random_below(&random, 8));
            parse(fixture, text.data, len);
        }
    }
    buf_fini(&text);
}

static void test_array_equals_lines_equals_single(void **state)
{
    struct fixture *fixture = *state;
    struct random random = {.seed = seed_of_this_run()};
    struct buf one;
    struct buf array;
    struct buf lines;
    bool accepted[10];

    buf_init(&one, MESSAGE_MAX);
    buf_init(&array, MESSAGE_MAX);
    buf_init(&lines, MESSAGE_MAX);
    buf_add_char(&array, '[');
    for (int i = 0; i < 10; i++) {
        buf_clear(&one);
        add_random_event(&random, &one);
        parse(fixture, one.data, one.len);
        accepted[i] = fixture->results[0].accepted;
        buf_addf(&array, "%s%s", i > 0 ? "," : "", buf_str(&one));
        buf_addf(&lines, "%s\n", buf_str(&one));
    }
    buf_add_char(&array, ']');
    parse(fixture, array.data, array.len);
    assert_int_equal(fixture->n_all, 10);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(fixture->results[i].accepted, accepted[i]);
    }
    parse(fixture, lines.data, lines.len);
    assert_int_equal(fixture->n_all, 10);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(fixture->results[i].accepted, accepted[i]);
    }
    buf_fini(&one);
    buf_fini(&array);
    buf_fini(&lines);
}

#define TEST(function)                                                         \
    cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(test_accepted),
        TEST(test_refused),
        TEST(test_refused_text_is_the_whole_message),
        TEST(test_raw_nul),
        TEST(test_array),
        TEST(test_nothing_leaks_between_items),
        TEST(test_empty_array),
        TEST(test_lines),
        TEST(test_lines_that_begin_badly),
        TEST(test_pretty_object_is_one),
        TEST(test_default_state),
        TEST(test_extra_types),
        TEST(test_lengths),
        TEST(test_output_cut),
        TEST(test_extra_limit),
        TEST(test_repeats_among_many),
        TEST(test_many_names),
        TEST(test_long_escaped_text),
        TEST(test_metrics_limit),
        TEST(test_message_limit),
        TEST(test_depth_limit),
        TEST(test_events_limit),
        TEST(test_limits_that_are_too_wide),
        TEST(test_round_trips_of_rows),
        TEST(test_random_events),
        TEST(test_broken_messages),
        TEST(test_array_equals_lines_equals_single),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
