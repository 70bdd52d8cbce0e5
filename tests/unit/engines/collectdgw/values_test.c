/* SPDX-License-Identifier: Apache-2.0 */
/** collectd's forms: what they give, what is refused and why, truncations. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "engines/collectdgw/collectd_json.h"
#include "engines/collectdgw/putval.h"
#include "tests/support/testlog.h"
#include "tests/support/unit.h"

enum {
    TEXT_MAX = 1024 * 1024
};

static const int64_t now_ms = 1700000000500;

static const char types_text[] =
    "# comment\n"
    "load    shortterm:GAUGE:0:5000, midterm:GAUGE:0:5000, "
    "longterm:GAUGE:0:5000\n"
    "\n"
    "percent value:GAUGE:0:100.1\r\n"
    "if_octets rx:DERIVE:0:U, tx:DERIVE:0:U\n"
    "counter value:COUNTER:U:U\n"
    "memory value:GAUGE:0:281474976710656";

/* What a message gave: an event as JSON, a refusal as "!why". */
struct seen {
    struct buf text;
    uint32_t next; /* lowest index that may come */
};

static void take_event(void *ctx, uint32_t index, const struct event *event)
{
    struct seen *seen = ctx;
    struct doc_out *out = doc_out_new();
    struct errbuf why;
    struct event again;

    assert_true(index >= seen->next);
    seen->next = index + 1;
    event_to_doc(event, out);
    assert_int_equal(event_from_doc(doc_out_done(out), &again, &why), ERR_OK);
    assert_string_equal(event->connector, "collectd");
    assert_string_equal(event->connector_name, "gw");
    assert_int_equal(event->type, EVENT_PERF);
    buf_addf(&seen->text, "%s|%s|%lld|", event->component, event->resource,
             (long long)event->timestamp_ms);
    doc_value_to_json(
        &(struct doc_value){.type = DOC_ARRAY, .u.doc = event->perf},
        &seen->text);
    doc_to_json(event->extra, &seen->text);
    buf_add_char(&seen->text, '\n');
    doc_out_free(out);
}

static void take_refused(void *ctx, uint32_t index, const char *text,
                         size_t len, const struct errbuf *why)
{
    struct seen *seen = ctx;

    (void)text;
    (void)len;
    assert_true(index >= seen->next);
    assert_true(why->field[0] != '\0');
    seen->next = index + 1;
    buf_addf(&seen->text, "!%s\n", why->text);
}

struct maker {
    struct typesdb *types;
    struct values_maker *values;
    struct seen seen;
};

static int setup(void **state)
{
    struct maker *maker = xcalloc(1, sizeof *maker);
    struct values_conf conf = {
        .connector = "collectd", .connector_name = "gw", .max_ahead_ms = 60000};
    struct errbuf why;

    maker->types = typesdb_new();
    if (typesdb_parse(maker->types, types_text, NULL, &why) != ERR_OK) {
        return -1;
    }
    conf.types = maker->types;
    maker->values = values_maker_new(&conf);
    buf_init(&maker->seen.text, TEXT_MAX);
    *state = maker;
    return 0;
}

static int teardown(void **state)
{
    struct maker *maker = *state;

    values_maker_free(maker->values);
    typesdb_free(maker->types);
    buf_fini(&maker->seen.text);
    free(maker);
    return 0;
}

typedef void parse_fn(struct values_maker *maker, const char *text, size_t len,
                      int64_t received_ms, const struct values_sink *sink);

static const char *run(struct maker *maker, parse_fn *parse, const char *text,
                       size_t len)
{
    const struct values_sink sink = {
        .ctx = &maker->seen, .event = take_event, .refused = take_refused};

    buf_clear(&maker->seen.text);
    maker->seen.next = 0;
    parse(maker->values, text, len, now_ms, &sink);
    assert_false(maker->seen.text.overflow);
    return buf_str(&maker->seen.text);
}

struct text_case {
    const char *name;
    const char *text;
    const char *want;
};

#define LOAD(name, value)                                                      \
    "{\"metric\":\"load-" name "\",\"value\":" value                           \
    ",\"type\":\"GAUGE\",\"min\":0,\"max\":5000}"
#define CPU(value)                                                             \
    "[{\"metric\":\"percent-idle\",\"value\":" value                           \
    ",\"unit\":\"%\",\"type\":\"GAUGE\",\"min\":0,\"max\":100.1}]"

static const struct text_case putvals[] = {
    {"empty", "", ""},
    {"blank lines and comments", "\n \n# PUTVAL x\n\r\n", ""},
    {"one value",
     "PUTVAL web1/cpu-0/percent-idle interval=10 1700000000.123:97.5\n",
     "web1|cpu-0|1700000000123|" CPU("97.5") "{\"interval\":10}\n"},
    {"no line end", "PUTVAL web1/cpu-0/percent-idle interval=10 1700000000:1",
     "web1|cpu-0|1700000000000|" CPU("1") "{\"interval\":10}\n"},
    {"carriage return", "PUTVAL web1/cpu-0/percent-idle 1700000000:1\r\n",
     "web1|cpu-0|1700000000000|" CPU("1") "{}\n"},
    {"several sources",
     "PUTVAL web1/load/load interval=10.000 1700000000:0.1:0.2:0.3",
     "web1|load|1700000000000|[" LOAD("shortterm", "0.1") "," LOAD(
         "midterm", "0.2") "," LOAD("longterm", "0.3") "]{\"interval\":10}\n"},
    {"several lines",
     "PUTVAL a/cpu-0/percent-idle 1700000000:1\n"
     "PUTVAL b/cpu-0/percent-idle 1700000000:2\n",
     "a|cpu-0|1700000000000|" CPU("1") "{}\n"
                                       "b|cpu-0|1700000000000|" CPU(
                                           "2") "{}\n"},
    {"several samples in a line",
     "PUTVAL a/cpu-0/percent-idle interval=5 1700000000:1 1699999990:2",
     "a|cpu-0|1700000000000|" CPU("1") "{\"interval\":5}\n"
                                       "a|cpu-0|1699999990000|" CPU(
                                           "2") "{\"interval\":5}\n"},
    {"time N", "PUTVAL a/cpu-0/percent-idle N:1",
     "a|cpu-0|1700000000500|" CPU("1") "{}\n"},
    {"lower case", "putval a/cpu-0/percent-idle N:1",
     "a|cpu-0|1700000000500|" CPU("1") "{}\n"},
    {"quoted identifier",
     "PUTVAL \"my host/cpu \\\"0\\\"\\\\/percent-idle\" interval=\"10\" N:1",
     "my host|cpu \"0\"\\|1700000000500|" CPU("1") "{\"interval\":10}\n"},
    {"unknown value of one", "PUTVAL a/cpu-0/percent-idle N:U", ""},
    {"unknown value as nan", "PUTVAL a/cpu-0/percent-idle N:nan", ""},
    {"unknown value of several", "PUTVAL a/load/load N:1:U:3",
     "a|load|1700000000500|[" LOAD("shortterm", "1") "," LOAD("longterm",
                                                              "3") "]{}\n"},
    {"derive with instance",
     "PUTVAL a/interface-eth0/if_octets-x N:18446744073709551615:2",
     "a|interface-eth0|1700000000500|[{\"metric\":\"if_octets-x-rx\",\"value\":"
     "1.8446744073709552e+19,\"unit\":\"B\",\"type\":\"DERIVE\",\"min\":0},"
     "{\"metric\":\"if_octets-x-tx\",\"value\":2,\"unit\":\"B\",\"type\":"
     "\"DERIVE\",\"min\":0}]{}\n"},
    {"counter without bounds", "PUTVAL a/x/counter N:-1",
     "a|x|1700000000500|[{\"metric\":\"counter\",\"value\":-1,\"type\":"
     "\"COUNTER\"}]{}\n"},
    {"slash in the type instance", "PUTVAL a/x/counter-b/c N:1",
     "a|x|1700000000500|[{\"metric\":\"counter-b/c\",\"value\":1,\"type\":"
     "\"COUNTER\"}]{}\n"},
    {"other options", "PUTVAL a/x/counter meta:x=\"y z\" interval=1 N:1",
     "a|x|1700000000500|[{\"metric\":\"counter\",\"value\":1,\"type\":"
     "\"COUNTER\"}]{\"interval\":1}\n"},
    {"time far ahead", "PUTVAL a/x/counter 1800000000:1",
     "a|x|1700000000500|[{\"metric\":\"counter\",\"value\":1,\"type\":"
     "\"COUNTER\"}]{\"original_timestamp\":1800000000}\n"},
    {"time before 2001", "PUTVAL a/x/counter 86400:1",
     "a|x|1700000000500|[{\"metric\":\"counter\",\"value\":1,\"type\":"
     "\"COUNTER\"}]{\"original_timestamp\":86400}\n"},
    {"accented names", "PUTVAL h\xc3\xb4te/x/counter-\xc3\xa9 N:1",
     "h\xc3\xb4te|x|1700000000500|[{\"metric\":\"counter-\xc3\xa9\",\"value\":1"
     ",\"type\":\"COUNTER\"}]{}\n"},
    {"bad line between good ones",
     "PUTVAL a/x/counter N:1\nnonsense\nPUTVAL a/x/counter N:2",
     "a|x|1700000000500|[{\"metric\":\"counter\",\"value\":1,\"type\":"
     "\"COUNTER\"}]{}\n"
     "!line 2: command: expected PUTVAL, found 'nonsense'\n"
     "a|x|1700000000500|[{\"metric\":\"counter\",\"value\":2,\"type\":"
     "\"COUNTER\"}]{}\n"},
    {"another command", "PUTNOTIF message=x",
     "!line 1: command: expected PUTVAL, found 'PUTNOTIF'\n"},
    {"no identifier", "PUTVAL",
     "!line 1: identifier: expected host/plugin/type, found 'the end'\n"},
    {"short identifier", "PUTVAL a/b N:1",
     "!line 1: identifier: expected host/plugin/type, found 'a/b'\n"},
    {"empty host", "PUTVAL /x/counter N:1",
     "!line 1: host: expected 1 to 256 bytes, found 0\n"},
    {"empty plugin", "PUTVAL a//counter N:1",
     "!line 1: plugin: expected 1 to 512 bytes, found 0\n"},
    {"empty type", "PUTVAL a/b/ N:1",
     "!line 1: type: expected a type of types.db, found ''\n"},
    {"unknown type", "PUTVAL a/x/foo N:1",
     "!line 1: type: expected a type of types.db, found 'foo'\n"},
    {"no value", "PUTVAL a/x/counter interval=10",
     "!line 1: values: expected time:value, found 'the end'\n"},
    {"no time", "PUTVAL a/x/counter 5",
     "!line 1: values: expected time:value, found '5'\n"},
    {"bad time", "PUTVAL a/x/counter now:5",
     "!line 1: time: expected seconds since 1970 or N, found 'now'\n"},
    {"negative time", "PUTVAL a/x/counter -5:5",
     "!line 1: time: expected seconds since 1970 or N, found '-5'\n"},
    {"huge time", "PUTVAL a/x/counter 1e300:5",
     "!line 1: time: expected seconds since 1970 or N, found '1e300'\n"},
    {"bad value", "PUTVAL a/x/counter N:5x",
     "!line 1: values: expected a finite number or U, found '5x'\n"},
    {"infinite value", "PUTVAL a/x/counter N:inf",
     "!line 1: values: expected a finite number or U, found 'inf'\n"},
    {"empty value", "PUTVAL a/x/counter N:",
     "!line 1: values: expected a finite number or U, found ''\n"},
    {"fewer values", "PUTVAL a/load/load N:1:2",
     "!line 1: values: expected as many as the type has sources, found "
     "'fewer'\n"},
    {"more values", "PUTVAL a/load/load N:1:2:3:4",
     "!line 1: values: expected as many as the type has sources, found "
     "'more'\n"},
    {"bad interval", "PUTVAL a/x/counter interval=x N:1",
     "!line 1: interval: expected seconds above 0, found 'x'\n"},
    {"zero interval", "PUTVAL a/x/counter interval=0 N:1",
     "!line 1: interval: expected seconds above 0, found '0'\n"},
    {"open quote", "PUTVAL \"a/x/counter N:1",
     "!line 1: line: expected a closing quote, found 'a/x/counter N:1'\n"},
    {"not UTF-8", "PUTVAL a/x/counter-\xff N:1",
     "!line 1: line: expected UTF-8 without NUL, found 'other bytes'\n"},
};

static void check_texts(struct maker *maker, parse_fn *parse,
                        const struct text_case *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *got = run(maker, parse, rows[i].text, strlen(rows[i].text));

        if (strcmp(got, rows[i].want) != 0) {
            fail_msg("%s: got\n%swant\n%s", rows[i].name, got, rows[i].want);
        }
    }
}

static void test_putval(void **state)
{
    check_texts(*state, putval_parse, putvals, N_ROWS(putvals));
}

/* Every cut of every text, in memory of just that size. */
static void check_truncations(struct maker *maker, parse_fn *parse,
                              const struct text_case *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t len = 0; len < strlen(rows[i].text); len++) {
            char *part = xmalloc(len + (len == 0 ? 1 : 0));

            memcpy(part, rows[i].text, len);
            (void)run(maker, parse, part, len);
            free(part);
        }
    }
}

static void test_putval_truncations(void **state)
{
    check_truncations(*state, putval_parse, putvals, N_ROWS(putvals));
}

static void test_putval_nul(void **state)
{
    static const char text[] = "PUTVAL a/x/counter\0 N:1";

    assert_string_equal(run(*state, putval_parse, text, sizeof text - 1),
                        "!line 1: line: expected UTF-8 without NUL, found "
                        "'other bytes'\n");
}

/* One byte changed at each place: any answer, no harm. */
static void test_putval_bytes(void **state)
{
    static const char bytes[] = "\0\n\"\\/:=- \xff"
                                "U0";
    static const char text[] =
        "PUTVAL \"web 1/cpu-0/load-a\" interval=10 1700000000:1:U:3";

    for (size_t at = 0; at < sizeof text - 1; at++) {
        for (size_t i = 0; i < sizeof bytes - 1; i++) {
            char *copy = xmemdup(text, sizeof text - 1);

            copy[at] = bytes[i];
            (void)run(*state, putval_parse, copy, sizeof text - 1);
            free(copy);
        }
    }
}

static void test_long_names(void **state)
{
    char *name = xmalloc(EVENT_RESOURCE_MAX + 2);
    char *text;

    memset(name, 'x', EVENT_RESOURCE_MAX + 1);
    name[EVENT_RESOURCE_MAX + 1] = '\0';
    text = xasprintf("PUTVAL a/%s/counter N:1", name);
    assert_string_equal(run(*state, putval_parse, text, strlen(text)),
                        "!line 1: plugin: expected 1 to 512 bytes, found "
                        "513\n");
    free(text);
    text = xasprintf("PUTVAL a/x/counter-%s N:1", name);
    assert_string_equal(run(*state, putval_parse, text, strlen(text)),
                        "!line 1: type: expected at most 256 bytes with the "
                        "instance\n");
    free(text);
    text = xasprintf("[{\"host\":\"a\",\"plugin\":\"x\",\"plugin_instance\":"
                     "\"%s\",\"type\":\"counter\",\"values\":[1]}]",
                     name);
    assert_string_equal(run(*state, collectd_json_parse, text, strlen(text)),
                        "!plugin: expected 1 to 512 bytes, found 513\n");
    free(text);
    free(name);
}

#define HEAD "\"host\":\"a\",\"plugin\":\"x\",\"plugin_instance\":\"\","

static const struct text_case jsons[] = {
    {"as collectd writes it",
     "[{\"values\":[0.5,1,null],\"dstypes\":[\"gauge\",\"gauge\",\"gauge\"],"
     "\"dsnames\":[\"shortterm\",\"midterm\",\"longterm\"],"
     "\"time\":1700000000.250,\"interval\":10.000,\"host\":\"web1\","
     "\"plugin\":\"load\",\"plugin_instance\":\"\",\"type\":\"load\","
     "\"type_instance\":\"\",\"meta\":{\"a\":1}}]",
     "web1|load|1700000000250|[" LOAD("shortterm", "0.5") "," LOAD(
         "midterm", "1") "]{\"interval\":10}\n"},
    {"instances",
     "[{\"values\":[5],\"dstypes\":[\"derive\"],\"dsnames\":[\"value\"],"
     "\"host\":\"a\",\"plugin\":\"df\",\"plugin_instance\":\"root\","
     "\"type\":\"memory\",\"type_instance\":\"used\"}]",
     "a|df-root|1700000000500|[{\"metric\":\"memory-used\",\"value\":5,"
     "\"unit\":\"B\",\"type\":\"DERIVE\",\"min\":0,\"max\":281474976710656}]"
     "{}\n"},
    {"type that types.db does not have",
     "[{" HEAD "\"values\":[5],\"dstypes\":[\"gauge\"],\"dsnames\":[\"value\"]"
     ",\"type\":\"foo\"}]",
     "a|x|1700000000500|[{\"metric\":\"foo\",\"value\":5,\"type\":\"GAUGE\"}]"
     "{}\n"},
    {"no names of sources", "[{" HEAD "\"values\":[5],\"type\":\"counter\"}]",
     "a|x|1700000000500|[{\"metric\":\"counter\",\"value\":5,\"type\":"
     "\"COUNTER\"}]{}\n"},
    {"one alone", "{" HEAD "\"values\":[5],\"type\":\"counter\"}",
     "a|x|1700000000500|[{\"metric\":\"counter\",\"value\":5,\"type\":"
     "\"COUNTER\"}]{}\n"},
    {"empty array", "[]", ""},
    {"all unknown", "[{" HEAD "\"values\":[null],\"type\":\"counter\"}]", ""},
    {"bad one between good ones",
     "[{" HEAD "\"values\":[5],\"type\":\"counter\"},7,{" HEAD
     "\"values\":[6],\"type\":\"counter\"}]",
     "a|x|1700000000500|[{\"metric\":\"counter\",\"value\":5,\"type\":"
     "\"COUNTER\"}]{}\n"
     "!expected an object, a value list\n"
     "a|x|1700000000500|[{\"metric\":\"counter\",\"value\":6,\"type\":"
     "\"COUNTER\"}]{}\n"},
    {"not JSON", "[{\"host\":",
     "!line 1 column 10: parse error: premature "
     "EOF\n"},
    {"no host", "[{\"plugin\":\"x\",\"values\":[5],\"type\":\"counter\"}]",
     "!host: expected 1 to 256 bytes, found 0\n"},
    {"no values", "[{" HEAD "\"type\":\"counter\"}]",
     "!values: expected an array of numbers\n"},
    {"empty values", "[{" HEAD "\"type\":\"counter\",\"values\":[]}]",
     "!values: expected an array of numbers\n"},
    {"text as value", "[{" HEAD "\"type\":\"counter\",\"values\":[\"5\"]}]",
     "!values: expected at most 128 numbers or nulls\n"},
    {"unknown type", "[{" HEAD "\"type\":\"foo\",\"values\":[5]}]",
     "!type: expected a type of types.db, or dsnames\n"},
    {"fewer values", "[{" HEAD "\"type\":\"load\",\"values\":[5]}]",
     "!values: expected as many as the type has sources\n"},
    {"fewer names",
     "[{" HEAD "\"type\":\"load\",\"values\":[5,6],\"dsnames\":[\"a\"],"
     "\"dstypes\":[\"gauge\",\"gauge\"]}]",
     "!dsnames: expected a valid text for each value\n"},
    {"more types",
     "[{" HEAD "\"type\":\"load\",\"values\":[5],\"dsnames\":[\"a\"],"
     "\"dstypes\":[\"gauge\",\"gauge\"]}]",
     "!dstypes: expected a valid text for each value\n"},
    {"unknown source type",
     "[{" HEAD "\"type\":\"load\",\"values\":[5],\"dsnames\":[\"a\"],"
     "\"dstypes\":[\"foo\"]}]",
     "!dstypes: expected a valid text for each value\n"},
    {"bad time", "[{" HEAD "\"type\":\"counter\",\"values\":[5],\"time\":-1}]",
     "!time: expected seconds since 1970\n"},
    {"text as time",
     "[{" HEAD "\"type\":\"counter\",\"values\":[5],\"time\":\"x\"}]",
     "!time: expected seconds since 1970\n"},
    {"bad interval",
     "[{" HEAD "\"type\":\"counter\",\"values\":[5],\"interval\":-1}]",
     "!interval: expected seconds above 0\n"},
};

static void test_json(void **state)
{
    check_texts(*state, collectd_json_parse, jsons, N_ROWS(jsons));
}

static void test_json_truncations(void **state)
{
    check_truncations(*state, collectd_json_parse, jsons, N_ROWS(jsons));
}

static void test_json_many_values(void **state)
{
    struct buf text;

    buf_init(&text, TEXT_MAX);
    buf_add_str(&text, "[{" HEAD "\"type\":\"counter\",\"values\":[1");
    for (int i = 0; i < TYPESDB_SOURCES_MAX; i++) {
        buf_add_str(&text, ",1");
    }
    buf_add_str(&text, "]}]");
    assert_string_equal(run(*state, collectd_json_parse, text.data, text.len),
                        "!values: expected at most 128 numbers or nulls\n");
    buf_fini(&text);
}

struct types_case {
    const char *text;
    const char *want; /* reason, or NULL */
};

static const struct types_case types_cases[] = {
    {"", NULL},
    {"# only a comment", NULL},
    {"a v:GAUGE:0:U", NULL},
    {"a v:gauge:U:u\n\n b\tv:DERIVE:0:U,w:ABSOLUTE:-1.5:2e9  ", NULL},
    {"a", "line 1: expected a data source, found 'none'"},
    {"a v:GAUGE:0:U\nb v:GAUGE:0",
     "line 2: expected name:TYPE:min:max, found 'v:GAUGE:0'"},
    {"a v:GAUGE:0:1:2",
     "line 1: expected name:TYPE:min:max, found 'v:GAUGE:0:1:2'"},
    {"a v:RATE:0:U", "line 1: expected name:TYPE:min:max, found 'v:RATE:0:U'"},
    {"a v:GAUGE:x:U",
     "line 1: expected name:TYPE:min:max, found 'v:GAUGE:x:U'"},
    {"a v:GAUGE:0:y",
     "line 1: expected name:TYPE:min:max, found 'v:GAUGE:0:y'"},
    {"a :GAUGE:0:U", "line 1: expected name:TYPE:min:max, found ':GAUGE:0:U'"},
};

static void test_types(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(types_cases); i++) {
        struct typesdb *db = typesdb_new();
        struct errbuf why = {.text = ""};
        enum err err = typesdb_parse(db, types_cases[i].text, NULL, &why);

        if (types_cases[i].want == NULL) {
            assert_int_equal(err, ERR_OK);
        } else {
            assert_int_equal(err, ERR_INVALID);
            assert_string_equal(why.text, types_cases[i].want);
        }
        typesdb_free(db);
    }
}

static void test_types_again(void **state)
{
    struct typesdb *db = typesdb_new();
    const struct typesdb_type *type;
    struct errbuf why;
    struct buf text;

    (void)state;
    assert_int_equal(
        typesdb_parse(db, "a v:GAUGE:0:U\nb v:GAUGE:0:U", NULL, &why), ERR_OK);
    assert_int_equal(
        typesdb_parse(db, "a x:DERIVE:1:2,y:COUNTER:U:U", NULL, &why), ERR_OK);
    assert_int_equal(typesdb_count(db), 2);
    type = typesdb_find(db, "a");
    assert_int_equal(type->n_sources, 2);
    assert_string_equal(type->sources[1].name, "y");
    assert_int_equal(type->sources[0].type, PERF_DERIVE);
    assert_true(type->sources[0].max == 2 && isnan(type->sources[1].max));
    assert_null(typesdb_find(db, "c"));
    buf_init(&text, TEXT_MAX);
    buf_add_str(&text, "big v:GAUGE:0:1");
    for (int i = 0; i < TYPESDB_SOURCES_MAX; i++) {
        buf_addf(&text, ",v%d:GAUGE:0:1", i);
    }
    assert_int_equal(typesdb_parse(db, buf_str(&text), NULL, &why),
                     ERR_INVALID);
    buf_clear(&text);
    for (int i = 0; i < 300; i++) {
        buf_add_char(&text, 'n');
    }
    assert_int_equal(typesdb_parse(db, buf_str(&text), NULL, &why),
                     ERR_INVALID);
    assert_int_equal(typesdb_parse(db, "c ", NULL, &why), ERR_INVALID);
    buf_clear(&text);
    buf_add_str(&text, "c ");
    for (int i = 0; i < 300; i++) {
        buf_add_char(&text, 'n');
    }
    assert_int_equal(typesdb_parse(db, buf_str(&text), NULL, &why),
                     ERR_INVALID);
    typesdb_free(NULL);
    buf_fini(&text);
    typesdb_free(db);
}

/* No form of collectd gives one, but the check is not theirs. */
static void test_not_finite(void **state)
{
    struct maker *maker = *state;
    struct value_list list = {.host = "a",
                              .plugin = "x",
                              .type = "counter",
                              .type_instance = "",
                              .n = 1,
                              .values = {(double)INFINITY}};
    struct event event;
    struct errbuf why;

    list.sources = typesdb_find(maker->types, "counter")->sources;
    assert_int_equal(
        values_to_event(maker->values, &list, now_ms, &event, &why),
        ERR_INVALID);
    assert_string_equal(why.field, "values");
}

static void test_units(void **state)
{
    (void)state;
    assert_string_equal(typesdb_unit("percent"), "%");
    assert_string_equal(typesdb_unit("apache_bytes"), "B");
    assert_string_equal(typesdb_unit("voltage"), "V");
    assert_string_equal(typesdb_unit("if_octets"), "B");
    assert_string_equal(typesdb_unit("load"), "");
    assert_string_equal(typesdb_unit(""), "");
    assert_string_equal(typesdb_unit("zzz"), "");
}

int main(void)
{
#define CASE(test)                                                             \
    cmocka_unit_test_setup_teardown(test, testlog_setup, testlog_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_putval),
        CASE(test_putval_truncations),
        CASE(test_putval_nul),
        CASE(test_putval_bytes),
        CASE(test_long_names),
        CASE(test_json),
        CASE(test_json_truncations),
        CASE(test_json_many_values),
        CASE(test_types),
        CASE(test_types_again),
        CASE(test_units),
        CASE(test_not_finite),
    };
#undef CASE

    return cmocka_run_group_tests_name("collectdgw values", tests, setup,
                                       teardown);
}
