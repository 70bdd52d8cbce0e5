/* SPDX-License-Identifier: Apache-2.0 */
/** Performance data: strings, array items, ranges; what is refused and why. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/perfdata/perfdata.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    TEXT_MAX = 1024 * 1024
};

/* What a string gave, as text: an item as JSON, a refusal as "!name why". */
struct seen {
    struct buf text;
    size_t items;
    size_t refused;
};

static void take_item(void *ctx, const struct perf_item *item)
{
    struct seen *seen = ctx;
    struct doc_out *out = doc_out_new();

    seen->items++;
    assert_true(isfinite(item->value));
    perf_item_add_members(item, out);
    doc_to_json(doc_out_done(out), &seen->text);
    buf_add_char(&seen->text, '\n');
    doc_out_free(out);
}

static void take_refused(void *ctx, const char *metric,
                         const struct errbuf *why)
{
    struct seen *seen = ctx;

    seen->refused++;
    assert_memory_equal(metric, why->field, strlen(why->field));
    buf_addf(&seen->text, "!%s\n", why->text);
}

struct text_case {
    const char *name;
    const char *text;
    const char *want;
};

#define GAUGE "\"type\":\"GAUGE\""

static const struct text_case texts[] = {
    {"empty", "", ""},
    {"blanks", " \t\n", ""},
    {"value", "load=1.5", "{\"metric\":\"load\",\"value\":1.5," GAUGE "}\n"},
    {"all fields", "'/'=95%;80;90;0;100",
     "{\"metric\":\"/\",\"value\":95,\"unit\":\"%\"," GAUGE
     ",\"min\":0,\"max\":100,\"warn\":\"80\",\"crit\":\"90\"}\n"},
    {"two items", "a=1 b=2",
     "{\"metric\":\"a\",\"value\":1," GAUGE "}\n"
     "{\"metric\":\"b\",\"value\":2," GAUGE "}\n"},
    {"decimal comma", "a=1,5ms;2,5;3;0,5;10,25",
     "{\"metric\":\"a\",\"value\":1.5,\"unit\":\"ms\"," GAUGE
     ",\"min\":0.5,\"max\":10.25,\"warn\":\"2,5\",\"crit\":\"3\"}\n"},
    {"joined by commas", "a=1,b=2, c=3,'d e'=4,",
     "{\"metric\":\"a\",\"value\":1," GAUGE "}\n"
     "{\"metric\":\"b\",\"value\":2," GAUGE "}\n"
     "{\"metric\":\"c\",\"value\":3," GAUGE "}\n"
     "{\"metric\":\"d e\",\"value\":4," GAUGE "}\n"},
    {"quoted label", "'a b'=1", "{\"metric\":\"a b\",\"value\":1," GAUGE "}\n"},
    {"quote in a label", "'it''s'=1",
     "{\"metric\":\"it's\",\"value\":1," GAUGE "}\n"},
    {"equal sign in a quoted label", "'a=b'=1",
     "{\"metric\":\"a=b\",\"value\":1," GAUGE "}\n"},
    {"blank in a plain label", "C:\\ used=5",
     "{\"metric\":\"C:\\\\ used\",\"value\":5," GAUGE "}\n"},
    {"blank before the equal sign", "a =5",
     "{\"metric\":\"a\",\"value\":5," GAUGE "}\n"},
    {"unit in the label", "used[MB]=5",
     "{\"metric\":\"used\",\"value\":5,\"unit\":\"MB\"," GAUGE "}\n"},
    {"unit in label and value", "used[MB]=5%",
     "{\"metric\":\"used[MB]\",\"value\":5,\"unit\":\"%\"," GAUGE "}\n"},
    {"empty brackets", "used[]=5",
     "{\"metric\":\"used[]\",\"value\":5," GAUGE "}\n"},
    {"only brackets", "[MB]=5",
     "{\"metric\":\"[MB]\",\"value\":5," GAUGE "}\n"},
    {"counter", "octets=123456c",
     "{\"metric\":\"octets\",\"value\":123456,\"type\":\"COUNTER\"}\n"},
    {"unknown value", "a=U b=1", "{\"metric\":\"b\",\"value\":1," GAUGE "}\n"},
    {"unknown value with fields", "a=U;1;2", ""},
    {"ranges", "a=1;@5:10;~:20;;",
     "{\"metric\":\"a\",\"value\":1," GAUGE
     ",\"warn\":\"@5:10\",\"crit\":\"~:20\"}\n"},
    {"empty fields", "a=1;;;0;",
     "{\"metric\":\"a\",\"value\":1," GAUGE ",\"min\":0}\n"},
    {"max alone", "a=1;;;;9",
     "{\"metric\":\"a\",\"value\":1," GAUGE ",\"max\":9}\n"},
    {"more fields than there are", "a=1;1;2;3;4;5;6 b=1",
     "{\"metric\":\"a\",\"value\":1," GAUGE
     ",\"min\":3,\"max\":4,\"warn\":\"1\",\"crit\":\"2\"}\n"
     "{\"metric\":\"b\",\"value\":1," GAUGE "}\n"},
    {"min that is no number", "a=1;;;x;y",
     "{\"metric\":\"a\",\"value\":1," GAUGE "}\n"},
    {"negative and exponent", "a=-1.5e3s",
     "{\"metric\":\"a\",\"value\":-1500,\"unit\":\"s\"," GAUGE "}\n"},
    {"letter e as unit", "a=5e",
     "{\"metric\":\"a\",\"value\":5,\"unit\":\"e\"," GAUGE "}\n"},
    {"accented unit", "a=5\xc2\xb5s",
     "{\"metric\":\"a\",\"value\":5,\"unit\":\"\xc2\xb5s\"," GAUGE "}\n"},
    {"unit with a slash", "a=5MB/s",
     "{\"metric\":\"a\",\"value\":5,\"unit\":\"MB/s\"," GAUGE "}\n"},
    {"nan", "load=nan ok=1",
     "!metric 'load': expected a finite number and a unit\n"
     "{\"metric\":\"ok\",\"value\":1," GAUGE "}\n"},
    {"infinite", "a=inf b=-Infinity",
     "!metric 'a': expected a finite number and a unit\n"
     "!metric 'b': expected a finite number and a unit\n"},
    {"too large", "a=1e999",
     "!metric 'a': expected a finite number and a unit\n"},
    {"no value", "a= b=1",
     "!metric 'a': expected a finite number and a unit\n"
     "{\"metric\":\"b\",\"value\":1," GAUGE "}\n"},
    {"no value with fields", "a=;1;2",
     "!metric 'a': expected a finite number and a unit\n"},
    {"two points", "a=1.2.3",
     "!metric 'a': expected a finite number and a unit\n"},
    {"thousands", "a=1,234.5",
     "!metric 'a': expected a finite number and a unit\n"},
    {"no equal sign", "a=1 garbage",
     "{\"metric\":\"a\",\"value\":1," GAUGE "}\n"
     "!metric 'garbage': expected '=' and a value after the label\n"},
    {"no label", "=5 a=1",
     "!metric '': expected a label before '='\n"
     "{\"metric\":\"a\",\"value\":1," GAUGE "}\n"},
    {"empty quotes", "''=5", "!metric '': expected a label before '='\n"},
    {"open quote", "'a b=1", "!metric 'a b=1': expected a closing quote\n"},
    {"no equal sign after quotes", "'a' b=1",
     "!metric 'a': expected '=' and a value after the label\n"
     "{\"metric\":\"b\",\"value\":1," GAUGE "}\n"},
    {"check_ping",
     "rta=0.050000ms;3000.000000;5000.000000;0.000000 "
     "pl=0%;80;100;;",
     "{\"metric\":\"rta\",\"value\":0.05,\"unit\":\"ms\"," GAUGE
     ",\"min\":0,\"warn\":\"3000.000000\",\"crit\":\"5000.000000\"}\n"
     "{\"metric\":\"pl\",\"value\":0,\"unit\":\"%\"," GAUGE
     ",\"warn\":\"80\",\"crit\":\"100\"}\n"},
    {"check_disk", "/=2643MB;5948;5958;0;5968 /boot=68MB;88;93;0;98",
     "{\"metric\":\"/\",\"value\":2643,\"unit\":\"MB\"," GAUGE
     ",\"min\":0,\"max\":5968,\"warn\":\"5948\",\"crit\":\"5958\"}\n"
     "{\"metric\":\"/boot\",\"value\":68,\"unit\":\"MB\"," GAUGE
     ",\"min\":0,\"max\":98,\"warn\":\"88\",\"crit\":\"93\"}\n"},
};

static void parse(const char *text, struct seen *seen)
{
    *seen = (struct seen){.items = 0};
    buf_init(&seen->text, TEXT_MAX);
    perfdata_parse(text, take_item, take_refused, seen);
    assert_false(seen->text.overflow);
}

static void test_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(texts); i++) {
        struct seen seen;

        parse(texts[i].text, &seen);
        if (strcmp(buf_str(&seen.text), texts[i].want) != 0) {
            fail_msg("%s: got\n%s", texts[i].name, buf_str(&seen.text));
        }
        buf_fini(&seen.text);
    }
}

static void test_truncations(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(texts); i++) {
        for (size_t len = 0; len < strlen(texts[i].text); len++) {
            char *part = xstrndup(texts[i].text, len);
            struct seen seen;

            parse(part, &seen);
            buf_fini(&seen.text);
            free(part);
        }
    }
}

static void test_many(void **state)
{
    struct seen seen;
    struct buf text;

    (void)state;
    buf_init(&text, TEXT_MAX);
    for (int i = 0; i < 1000; i++) {
        buf_addf(&text, "'metric %d'=%d.5MB;1;2;0;%d ", i, i, i + 1);
    }
    parse(buf_str(&text), &seen);
    assert_int_equal(seen.items, 1000);
    assert_int_equal(seen.refused, 0);
    buf_fini(&seen.text);
    buf_fini(&text);
}

/* A label of n times item, then "=1". */
static void check_label(const char *quote, const char *item, size_t n,
                        bool taken)
{
    struct seen seen;
    struct buf text;

    buf_init(&text, TEXT_MAX);
    buf_add_str(&text, quote);
    for (size_t i = 0; i < n; i++) {
        buf_add_str(&text, item);
    }
    buf_addf(&text, "%s=1 next=2", quote);
    parse(buf_str(&text), &seen);
    assert_int_equal(seen.items, taken ? 2 : 1);
    assert_int_equal(seen.refused, taken ? 0 : 1);
    buf_fini(&seen.text);
    buf_fini(&text);
}

static void test_long_labels(void **state)
{
    (void)state;
    check_label("", "x", PERF_METRIC_MAX, true);
    check_label("", "x", PERF_METRIC_MAX + 1, false);
    check_label("'", "x", PERF_METRIC_MAX, true);
    check_label("'", "x", PERF_METRIC_MAX + 1, false);
    check_label("", "\xe2\x82\xac", PERF_METRIC_MAX, false);
    check_label("'", "\xe2\x82\xac", 100000, false);
}

static void test_long_fields(void **state)
{
    struct seen seen;

    (void)state;
    parse("a=1abcdefghijklmnopqrstuvwxyzabcdefg", &seen);
    assert_int_equal(seen.refused, 1);
    buf_fini(&seen.text);
    parse("a=1;0000000000000000000000000000000000000000000000000000000000000000"
          "0:1;2",
          &seen);
    assert_string_equal(buf_str(&seen.text),
                        "{\"metric\":\"a\",\"value\":1," GAUGE
                        ",\"crit\":\"2\"}\n");
    buf_fini(&seen.text);
    parse("a=10000000000000000000000000000000000000000000000000000000000000000",
          &seen);
    assert_int_equal(seen.refused, 1);
    buf_fini(&seen.text);
}

struct item_case {
    const char *doc;
    const char *want; /* the item again, or the reason */
};

static const struct item_case items[] = {
    {"{\"metric\":\"a\",\"value\":1}",
     "{\"metric\":\"a\",\"value\":1," GAUGE "}"},
    {"{\"metric\":\"a\",\"value\":1.5,\"unit\":\"%\",\"type\":\"COUNTER\","
     "\"min\":0,\"max\":100.5,\"warn\":80,\"crit\":\"5:10\"}",
     "{\"metric\":\"a\",\"value\":1.5,\"unit\":\"%\",\"type\":\"COUNTER\","
     "\"min\":0,\"max\":100.5,\"warn\":\"80\",\"crit\":\"5:10\"}"},
    {"{\"metric\":\"a\",\"value\":\"1.5\",\"type\":\"derive\"}",
     "{\"metric\":\"a\",\"value\":1.5,\"type\":\"DERIVE\"}"},
    {"{\"metric\":\"a\",\"value\":1,\"unit\":null,\"type\":null,\"min\":null,"
     "\"max\":null,\"warn\":null,\"crit\":null,\"retention\":3600}",
     "{\"metric\":\"a\",\"value\":1," GAUGE "}"},
    {"{\"value\":1}", "metric: expected a name"},
    {"{\"metric\":\"\",\"value\":1}", "metric: expected a name"},
    {"{\"metric\":5,\"value\":1}", "metric: expected a text"},
    {"{\"metric\":\"a\"}", "value: expected a finite number"},
    {"{\"metric\":\"a\",\"value\":null}", "value: expected a finite number"},
    {"{\"metric\":\"a\",\"value\":\"nan\"}", "value: expected a finite number"},
    {"{\"metric\":\"a\",\"value\":true}", "value: expected a finite number"},
    {"{\"metric\":\"a\",\"value\":1,\"unit\":5}", "unit: expected a text"},
    {"{\"metric\":\"a\",\"value\":1,"
     "\"unit\":\"123456789012345678901234567890123\"}",
     "unit: expected at most 32 bytes"},
    {"{\"metric\":\"a\",\"value\":1,\"type\":\"RATE\"}",
     "type: expected GAUGE, COUNTER, DERIVE or ABSOLUTE"},
    {"{\"metric\":\"a\",\"value\":1,\"type\":1}",
     "type: expected GAUGE, COUNTER, DERIVE or ABSOLUTE"},
    {"{\"metric\":\"a\",\"value\":1,\"min\":\"x\"}",
     "min: expected a number or null"},
    {"{\"metric\":\"a\",\"value\":1,\"max\":[]}",
     "max: expected a number or null"},
    {"{\"metric\":\"a\",\"value\":1,\"warn\":{}}", "warn: expected a text"},
    {"{\"metric\":\"a\",\"value\":1,\"crit\":true}", "crit: expected a text"},
};

static void test_items(void **state)
{
    struct doc_out *in = doc_out_new();
    struct doc_out *out = doc_out_new();

    (void)state;
    for (size_t i = 0; i < N_ROWS(items); i++) {
        struct perf_item item;
        struct errbuf why;
        struct buf text;
        struct doc doc;

        buf_init(&text, TEXT_MAX);
        assert_int_equal(
            doc_from_json(items[i].doc, strlen(items[i].doc), in, &doc, &why),
            ERR_OK);
        doc_out_reset(out);
        if (perf_item_from_doc(doc, &item, &why) == ERR_OK) {
            perf_item_add_members(&item, out);
            doc_to_json(doc_out_done(out), &text);
        } else {
            buf_add_str(&text, why.text);
            assert_memory_equal(why.field, why.text, strlen(why.field));
        }
        if (strcmp(buf_str(&text), items[i].want) != 0) {
            fail_msg("%s: got %s", items[i].doc, buf_str(&text));
        }
        buf_fini(&text);
    }
    doc_out_free(in);
    doc_out_free(out);
}

static void test_not_finite(void **state)
{
    struct doc_out *out = doc_out_new();
    struct perf_item item;
    struct errbuf why;

    (void)state;
    doc_add_str(out, "metric", "a");
    doc_add_f64(out, "value", (double)NAN);
    assert_int_equal(perf_item_from_doc(doc_out_done(out), &item, &why),
                     ERR_INVALID);
    assert_string_equal(why.field, "value");
    doc_out_free(out);
}

struct range_case {
    const char *range;
    double value;
    int alerts; /* -1: no range */
};

static const struct range_case ranges[] = {
    {"10", 0, 0},      {"10", 10, 0},    {"10", 10.1, 1},     {"10", -1, 1},
    {"10:", 10, 0},    {"10:", 9, 1},    {"10:", 1e9, 0},     {"~:10", -1e9, 0},
    {"~:10", 11, 1},   {"~:", 5, 0},     {"10:20", 9, 1},     {"10:20", 15, 0},
    {"10:20", 20, 0},  {"10:20", 21, 1}, {"@10:20", 9, 0},    {"@10:20", 10, 1},
    {"@10:20", 20, 1}, {"@10", 5, 1},    {"@10", 11, 0},      {"-5:5", -5, 0},
    {"-5:5", -6, 1},   {"1,5", 2, 1},    {"1.5:2.5", 2, 0},   {"", 1, -1},
    {"x", 1, -1},      {"20:10", 1, -1}, {"10:20:30", 1, -1}, {"10x", 1, -1},
    {"@", 1, -1},      {":10", 1, -1},   {"10:x", 1, -1},     {"-10", 1, -1},
    {"~", 1, -1},      {"10%", 1, -1},   {"@~:5", 4, 1},      {"0", 0, 0},
    {"0", 0.1, 1},
};

static void test_ranges(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(ranges); i++) {
        bool alerts = false;
        enum err err =
            perf_range_alerts(ranges[i].range, ranges[i].value, &alerts);
        int got = err == ERR_OK ? (int)alerts : -1;

        if (got != ranges[i].alerts) {
            fail_msg("%s with %g: got %d", ranges[i].range, ranges[i].value,
                     got);
        }
    }
}

static void test_types(void **state)
{
    enum perf_type type;

    (void)state;
    for (int i = PERF_GAUGE; i <= PERF_ABSOLUTE; i++) {
        assert_int_equal(
            perf_type_parse(perf_type_name((enum perf_type)i), &type), ERR_OK);
        assert_int_equal(type, i);
    }
    assert_int_equal(perf_type_parse("", &type), ERR_NOT_FOUND);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROW_SINGLE(test_texts),       ROW_SINGLE(test_truncations),
        ROW_SINGLE(test_many),        ROW_SINGLE(test_long_labels),
        ROW_SINGLE(test_long_fields), ROW_SINGLE(test_items),
        ROW_SINGLE(test_not_finite),  ROW_SINGLE(test_ranges),
        ROW_SINGLE(test_types),
    };

    return rows_run("perfdata", tables, N_ROWS(tables));
}
