/* SPDX-License-Identifier: Apache-2.0 */
/** Events: names, entity ids, routing keys, positions and their documents. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/event/event.h"
#include "tests/support/testlog.h"
#include "tests/support/unit.h"

static struct event sample(void)
{
    return (struct event){
        .connector = "demo",
        .connector_name = "cli",
        .component = "web1",
        .resource = "disk",
        .type = EVENT_CHECK,
        .type_name = "check",
        .source_type = EVENT_SOURCE_RESOURCE,
        .timestamp_ms = 1700000000123,
        .received_ms = 1700000000456,
        .state = STATE_MAJOR,
        .hard = true,
    };
}

struct identity_case {
    const char *name;
    enum event_source source;
    const char *connector;
    const char *component;
    const char *resource;
    const char *entity_id;
    const char *rk;
};

static const struct identity_case identity_cases[] = {
    {"resource", EVENT_SOURCE_RESOURCE, "demo", "web1", "disk",
     "/resource/demo/cli/web1/disk", "demo.cli.check.resource.web1.disk"},
    {"component", EVENT_SOURCE_COMPONENT, "demo", "web1", "",
     "/component/demo/cli/web1", "demo.cli.check.component.web1"},
    {"connector", EVENT_SOURCE_CONNECTOR, "demo", "", "", "/connector/demo/cli",
     "demo.cli.check.connector"},
    {"service", EVENT_SOURCE_SERVICE, "demo", "shop", "",
     "/service/demo/cli/shop", "demo.cli.check.service.shop"},
    {"slash and percent", EVENT_SOURCE_RESOURCE, "a/b", "50%", "/var/log",
     "/resource/a%2Fb/cli/50%25/%2Fvar%2Flog",
     "a/b.cli.check.resource.50%./var/log"},
    {"escape is no collision", EVENT_SOURCE_COMPONENT, "demo", "a%2Fb", "",
     "/component/demo/cli/a%252Fb", "demo.cli.check.component.a%2Fb"},
    {"only separators", EVENT_SOURCE_COMPONENT, "demo", "//", "",
     "/component/demo/cli/%2F%2F", "demo.cli.check.component.//"},
    {"not ascii", EVENT_SOURCE_COMPONENT, "démo", "日本", "",
     "/component/démo/cli/日本", "démo.cli.check.component.日本"},
};

static void test_identity(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, EVENT_ENTITY_ID_MAX);
    for (size_t i = 0; i < sizeof identity_cases / sizeof *identity_cases;
         i++) {
        const struct identity_case *row = &identity_cases[i];
        struct event event = sample();

        print_message("row: %s\n", row->name);
        event.source_type = row->source;
        event.connector = row->connector;
        event.component = row->component;
        event.resource = row->resource;
        buf_clear(&out);
        event_entity_id(&event, &out);
        assert_string_equal(buf_str(&out), row->entity_id);
        buf_clear(&out);
        event_routing_key(&event, &out);
        assert_string_equal(buf_str(&out), row->rk);
    }
    buf_fini(&out);
}

static void test_longest_entity_id_fits(void **state)
{
    char connector[EVENT_CONNECTOR_MAX + 1];
    char component[EVENT_COMPONENT_MAX + 1];
    char resource[EVENT_RESOURCE_MAX + 1];
    struct event event = sample();
    struct buf out;

    (void)state;
    memset(connector, '/', sizeof connector);
    memset(component, '%', sizeof component);
    memset(resource, '/', sizeof resource);
    connector[EVENT_CONNECTOR_MAX] = '\0';
    component[EVENT_COMPONENT_MAX] = '\0';
    resource[EVENT_RESOURCE_MAX] = '\0';
    event.connector = connector;
    event.connector_name = connector;
    event.component = component;
    event.resource = resource;
    buf_init(&out, EVENT_ENTITY_ID_MAX);
    event_entity_id(&event, &out);
    assert_false(out.overflow);
    buf_fini(&out);
}

static void routing_key(const char *resource, struct buf *out)
{
    struct event event = sample();

    event.resource = resource;
    buf_clear(out);
    event_routing_key(&event, out);
}

static void test_routing_key_cut(void **state)
{
    char resource[EVENT_RESOURCE_MAX + 1];
    struct buf one;
    struct buf two;
    size_t head = strlen("demo.cli.check.resource.web1.");

    (void)state;
    buf_init(&one, EVENT_ENTITY_ID_MAX);
    buf_init(&two, EVENT_ENTITY_ID_MAX);
    memset(resource, 'x', sizeof resource);
    resource[EVENT_ROUTING_KEY_MAX - head] = '\0';
    routing_key(resource, &one);
    assert_int_equal(one.len, EVENT_ROUTING_KEY_MAX);
    assert_null(strchr(buf_str(&one), '~'));

    resource[EVENT_ROUTING_KEY_MAX - head] = 'x';
    resource[EVENT_ROUTING_KEY_MAX - head + 1] = '\0';
    routing_key(resource, &one);
    assert_int_equal(one.len, EVENT_ROUTING_KEY_MAX);
    assert_int_equal(one.data[one.len - 17], '~');

    resource[EVENT_ROUTING_KEY_MAX - head] = 'y';
    routing_key(resource, &two);
    assert_string_not_equal(buf_str(&one), buf_str(&two));
    buf_fini(&one);
    buf_fini(&two);
}

static void test_routing_key_cut_keeps_characters_whole(void **state)
{
    struct buf resource;
    struct buf out;

    (void)state;
    buf_init(&resource, EVENT_RESOURCE_MAX);
    buf_init(&out, EVENT_ENTITY_ID_MAX);
    for (int shift = 0; shift < 4; shift++) {
        buf_clear(&resource);
        buf_add(&resource, "xxx", (size_t)shift);
        while (resource.len < EVENT_RESOURCE_MAX - 4) {
            buf_add_str(&resource, "日");
        }
        routing_key(buf_str(&resource), &out);
        assert_true(out.len <= EVENT_ROUTING_KEY_MAX);
        assert_true(out.len > EVENT_ROUTING_KEY_MAX - 4);
        assert_int_equal(out.data[out.len - 17], '~');
        assert_memory_equal(out.data + out.len - 20, "日", 3);
    }
    buf_fini(&resource);
    buf_fini(&out);
}

static void test_routing_key_appends(void **state)
{
    struct event event = sample();
    struct buf out;

    (void)state;
    buf_init(&out, EVENT_ENTITY_ID_MAX);
    buf_add_str(&out, "before ");
    event_routing_key(&event, &out);
    assert_string_equal(buf_str(&out),
                        "before demo.cli.check.resource.web1.disk");
    buf_fini(&out);
}

static void test_position(void **state)
{
    char text[EVENT_ID_MAX + 1];
    char stream[EVENT_STREAM_MAX + 1];
    struct event_position position = {.stream = "e7f3", .n = 42, .index = 3};

    (void)state;
    event_position_format(&position, text, sizeof text);
    assert_string_equal(text, "e7f3-42-3");
    memset(stream, 's', sizeof stream);
    stream[EVENT_STREAM_MAX] = '\0';
    position = (struct event_position){stream, UINT64_MAX, UINT32_MAX};
    event_position_format(&position, text, sizeof text);
    assert_string_equal(text, "sssssssssssssssssssssssssssssss-"
                              "18446744073709551615-4294967295");
}

static void test_type_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < EVENT_N_TYPES; i++) {
        enum event_type type = (enum event_type)i;
        enum event_type back = EVENT_N_TYPES;
        const char *name = event_type_name(type);

        assert_non_null(name);
        assert_int_equal(
            event_type_is_check(type) + event_type_is_action(type) +
                event_type_is_entity_action(type) + event_type_is_log(type),
            type == EVENT_PERF ? 0 : 1);
        if (type == EVENT_EXTRA_LOG) {
            assert_int_equal(event_type_parse(name, &back), ERR_NOT_FOUND);
            continue;
        }
        assert_int_equal(event_type_parse(name, &back), ERR_OK);
        assert_int_equal(back, type);
    }
}

static void test_unknown_names(void **state)
{
    enum event_type type = EVENT_SLA;
    enum event_source source = EVENT_SOURCE_SERVICE;

    (void)state;
    assert_int_equal(event_type_parse("Check", &type), ERR_NOT_FOUND);
    assert_int_equal(event_type_parse("", &type), ERR_NOT_FOUND);
    assert_int_equal(event_type_parse("checks", &type), ERR_NOT_FOUND);
    assert_int_equal(type, EVENT_SLA);
    assert_int_equal(event_source_parse("topo", &source), ERR_NOT_FOUND);
    assert_int_equal(source, EVENT_SOURCE_SERVICE);
}

static void test_state_names(void **state)
{
    (void)state;
    assert_string_equal(event_state_name(STATE_OK), "ok");
    assert_string_equal(event_state_name(STATE_MINOR), "minor");
    assert_string_equal(event_state_name(STATE_MAJOR), "major");
    assert_string_equal(event_state_name(STATE_CRITICAL), "critical");
}

/* Documents */

struct docs {
    struct doc_out *out;
    struct doc_out *back;
    struct doc_out *nested;
    struct doc_out *array;
    struct buf json;
};

static int setup(void **state)
{
    struct docs *docs = xcalloc(1, sizeof *docs);

    docs->out = doc_out_new();
    docs->back = doc_out_new();
    docs->nested = doc_out_new();
    docs->array = doc_out_new();
    buf_init(&docs->json, DOC_BYTES_MAX);
    testlog_start();
    *state = docs;
    return 0;
}

static int teardown(void **state)
{
    struct docs *docs = *state;

    doc_out_free(docs->out);
    doc_out_free(docs->back);
    doc_out_free(docs->nested);
    doc_out_free(docs->array);
    buf_fini(&docs->json);
    free(docs);
    return testlog_stop();
}

static void assert_json(struct docs *docs, struct doc doc, const char *want)
{
    buf_clear(&docs->json);
    doc_to_json(doc, &docs->json);
    assert_string_equal(buf_str(&docs->json), want);
}

static void test_smallest_doc(void **state)
{
    struct docs *docs = *state;
    struct event event = sample();

    event_to_doc(&event, docs->out);
    assert_json(docs, doc_out_done(docs->out),
                "{\"connector\":\"demo\",\"connector_name\":\"cli\","
                "\"event_type\":\"check\",\"source_type\":\"resource\","
                "\"component\":\"web1\",\"resource\":\"disk\","
                "\"timestamp\":1700000000.123,\"received_at\":1700000000.456,"
                "\"state\":2,\"state_type\":1}");
}

static void fill(struct docs *docs, struct event *event)
{
    struct doc_value value;
    struct doc all;

    doc_out_reset(docs->nested);
    doc_begin_doc(docs->nested, "d");
    doc_add_str(docs->nested, "a", "é");
    doc_end(docs->nested);
    doc_begin_array(docs->nested, "l");
    doc_add_str(docs->nested, NULL, "x");
    doc_add_str(docs->nested, NULL, "y");
    doc_end(docs->nested);
    all = doc_out_done(docs->nested);
    assert_true(doc_get(all, "d", &value));
    event->infos = value.u.doc;
    event->extra = value.u.doc;
    assert_true(doc_get(all, "l", &value));
    event->tags = value.u.doc;
    event->perf = value.u.doc;
    event->hostgroups = value.u.doc;
    event->servicegroups = value.u.doc;
    event->id = "s-1-0";
    event->rk = "demo.cli.check.resource.web1.disk";
    event->entity_id = "/resource/demo/cli/web1/disk";
    event->hard = false;
    event->output = "95% full";
    event->long_output = "two\nlines";
    event->perf_data = "'/'=95%";
    event->ttl_ms = 90500;
    event->author = "me";
    event->display_name = "Disk";
    event->address = "192.0.2.1";
    event->domain = "example.org";
    event->perimeter = "prod";
    event->ref_rk = "ref";
    event->alarm_id = "al";
    event->action_id = "ac";
    event->ticket = "T1";
    event->ticket_url = "https://example.org/T1";
    event->duration_ms = 300000;
    event->keep_state = true;
}

static void check_round_trip(struct docs *docs, const struct event *event)
{
    struct event back;
    struct errbuf why = {"", ""};
    struct doc one;
    struct doc two;

    event_to_doc(event, docs->out);
    one = doc_out_done(docs->out);
    assert_true(doc_check(one));
    assert_int_equal(event_from_doc(one, &back, &why), ERR_OK);
    event_to_doc(&back, docs->back);
    two = doc_out_done(docs->back);
    assert_int_equal(one.len, two.len);
    assert_memory_equal(one.data, two.data, one.len);
}

static void test_full_doc_round_trip(void **state)
{
    struct docs *docs = *state;
    struct event event = sample();
    struct event back;

    fill(docs, &event);
    check_round_trip(docs, &event);
    assert_int_equal(event_from_doc(doc_out_done(docs->out), &back, NULL),
                     ERR_OK);
    assert_string_equal(back.id, "s-1-0");
    assert_string_equal(back.output, "95% full");
    assert_string_equal(back.ticket_url, "https://example.org/T1");
    assert_int_equal(back.type, EVENT_CHECK);
    assert_int_equal(back.source_type, EVENT_SOURCE_RESOURCE);
    assert_int_equal(back.timestamp_ms, 1700000000123);
    assert_int_equal(back.received_ms, 1700000000456);
    assert_int_equal(back.state, STATE_MAJOR);
    assert_false(back.hard);
    assert_int_equal(back.ttl_ms, 90500);
    assert_int_equal(back.duration_ms, 300000);
    assert_true(back.keep_state);
    assert_false(back.tags_is_map);
    assert_int_equal(doc_count(back.perf), 2);
    assert_string_equal(doc_str(back.extra, "a", ""), "é");
}

static void test_defaults_after_reading(void **state)
{
    struct docs *docs = *state;
    struct event event = sample();
    struct event back;

    event.component = "";
    event.resource = "";
    event.source_type = EVENT_SOURCE_CONNECTOR;
    event_to_doc(&event, docs->out);
    assert_int_equal(event_from_doc(doc_out_done(docs->out), &back, NULL),
                     ERR_OK);
    assert_null(back.id);
    assert_string_equal(back.component, "");
    assert_string_equal(back.resource, "");
    assert_string_equal(back.output, "");
    assert_string_equal(back.ref_rk, "");
    assert_string_equal(back.action_id, "");
    assert_true(back.hard);
    assert_false(back.keep_state);
    assert_int_equal(back.extra.len, 0);
}

static void test_keep_state(void **state)
{
    struct docs *docs = *state;
    static const enum event_type types[] = {EVENT_CHECK, EVENT_CHANGESTATE};

    for (size_t i = 0; i < 4; i++) {
        struct event event = sample();
        struct event back;

        event.type = types[i / 2];
        event.type_name = event_type_name(event.type);
        event.keep_state = i % 2 == 1;
        check_round_trip(docs, &event);
        assert_int_equal(event_from_doc(doc_out_done(docs->out), &back, NULL),
                         ERR_OK);
        assert_int_equal(back.keep_state, event.keep_state);
    }
}

static void test_map_tags_and_extra_type(void **state)
{
    struct docs *docs = *state;
    struct event event = sample();
    struct event back;

    fill(docs, &event);
    event.tags = event.infos;
    event.tags_is_map = true;
    event.type = EVENT_EXTRA_LOG;
    event.type_name = "syslog";
    check_round_trip(docs, &event);
    assert_int_equal(event_from_doc(doc_out_done(docs->out), &back, NULL),
                     ERR_OK);
    assert_true(back.tags_is_map);
    assert_int_equal(back.type, EVENT_EXTRA_LOG);
    assert_string_equal(back.type_name, "syslog");
}

static void test_any_order_and_foreign_members(void **state)
{
    struct docs *docs = *state;
    struct event back;

    doc_out_reset(docs->out);
    doc_add_bool(docs->out, "maintenance", true);
    doc_add_bool(docs->out, "keep_state", false);
    doc_add_i64(docs->out, "timestamp", 1700000000);
    doc_add_f64(docs->out, "state", 3.0);
    doc_add_null(docs->out, "output");
    doc_add_str(docs->out, "source_type", "component");
    doc_add_str(docs->out, "event_type", "changestate");
    doc_add_str(docs->out, "component", "c");
    doc_add_str(docs->out, "connector_name", "n");
    doc_add_str(docs->out, "connector", "k");
    assert_int_equal(event_from_doc(doc_out_done(docs->out), &back, NULL),
                     ERR_OK);
    assert_int_equal(back.timestamp_ms, 1700000000000);
    assert_int_equal(back.state, 3);
    assert_string_equal(back.output, "");
    assert_false(back.keep_state);
    assert_string_equal(back.connector, "k");
}

struct wrong_case {
    const char *name; /* the member that is replaced, or left out */
    struct doc_value value;
    const char *text;
};

static const struct wrong_case wrong_cases[] = {
    {"connector", {.type = DOC_MISSING}, "is missing"},
    {"connector_name", {.type = DOC_NULL}, "is missing"},
    {"event_type", {.type = DOC_MISSING}, "is missing"},
    {"source_type", {.type = DOC_MISSING}, "is missing"},
    {"timestamp", {.type = DOC_MISSING}, "is missing"},
    {"state", {.type = DOC_MISSING}, "is missing"},
    {"connector", {.type = DOC_INT, .u.i = 1}, "expected text"},
    {"event_type", {.type = DOC_STRING, .u.s = {"", 0}}, "an event type"},
    {"source_type", {.type = DOC_STRING, .u.s = {"host", 4}}, "component, "},
    {"timestamp", {.type = DOC_STRING, .u.s = {"now", 3}}, "seconds"},
    {"timestamp", {.type = DOC_DOUBLE, .u.d = (double)NAN}, "seconds"},
    {"timestamp", {.type = DOC_DOUBLE, .u.d = 1e300}, "seconds"},
    {"state", {.type = DOC_INT, .u.i = 4}, "0 to 3"},
    {"state", {.type = DOC_INT, .u.i = -1}, "0 to 3"},
    {"state", {.type = DOC_INT, .u.i = INT64_C(1) << 32}, "0 to 3"},
    {"state", {.type = DOC_DOUBLE, .u.d = 1e300}, "0 to 3"},
    {"state_type", {.type = DOC_INT, .u.i = 2}, "0 or 1"},
    {"keep_state", {.type = DOC_INT, .u.i = 1}, "true or false"},
    {"perf_data_array", {.type = DOC_DOC}, "an array"},
    {"tags", {.type = DOC_INT}, "an array or an object"},
    {"extra", {.type = DOC_ARRAY}, "an object"},
};

static void test_wrong_docs(void **state)
{
    struct docs *docs = *state;
    struct event event = sample();
    struct doc good;

    event_to_doc(&event, docs->out);
    good = doc_out_done(docs->out);
    for (size_t i = 0; i < sizeof wrong_cases / sizeof *wrong_cases; i++) {
        const struct wrong_case *row = &wrong_cases[i];
        struct event back = {.rk = "untouched"};
        struct errbuf why = {"", ""};
        struct doc_iter it;
        struct doc_value value;
        const char *key;

        print_message("row: %s %s\n", row->name, row->text);
        doc_out_reset(docs->back);
        doc_iter_init(&it, good);
        while (doc_next(&it, &key, &value)) {
            if (strcmp(key, row->name) != 0) {
                doc_add_value(docs->back, key, &value);
            }
        }
        doc_add_value(docs->back, row->name, &row->value);
        assert_int_equal(event_from_doc(doc_out_done(docs->back), &back, &why),
                         ERR_INVALID);
        assert_string_equal(why.field, row->name);
        assert_non_null(strstr(why.text, row->text));
        assert_string_equal(back.rk, "untouched");
    }
}

static void test_members_in_an_open_document(void **state)
{
    struct docs *docs = *state;
    struct event event = sample();
    struct event back;

    doc_out_reset(docs->out);
    doc_begin_doc(docs->out, "event");
    event_add_members(&event, docs->out);
    doc_add_str(docs->out, "more", "x");
    doc_end(docs->out);
    assert_int_equal(
        event_from_doc(doc_sub(doc_out_done(docs->out), "event"), &back, NULL),
        ERR_OK);
    assert_string_equal(back.resource, "disk");
}

static void test_blank_event(void **state)
{
    struct event event;

    (void)state;
    event_init(&event, EVENT_CHANGESTATE);
    assert_null(event.id);
    assert_string_equal(event.connector, "");
    assert_string_equal(event.connector_name, "");
    assert_string_equal(event.ticket_url, "");
    assert_string_equal(event.type_name, "changestate");
    assert_true(event.hard);
    assert_true(event.keep_state);
    assert_int_equal(event.extra.len, 0);
    event_init(&event, EVENT_CHECK);
    assert_false(event.keep_state);
}

/* Every member that is written can be read, taken away and set again. */
static void test_members_one_by_one(void **state)
{
    struct docs *docs = *state;
    struct event event = sample();
    struct errbuf why = {0};
    struct doc_iter it;
    struct doc_value value;
    struct doc_value got;
    const struct doc_value null = {.type = DOC_NULL};
    const char *name;

    event_to_doc(&event, docs->out);
    doc_iter_init(&it, doc_out_done(docs->out));
    while (doc_next(&it, &name, &value)) {
        struct event copy = event;
        enum err err;

        assert_true(event_get_member(&event, name, &got));
        assert_int_equal(doc_compare(&got, &value), 0);
        err = event_set_member(&copy, name, &null, &why);
        if (err == ERR_OK) {
            (void)event_get_member(&copy, name, &got);
            assert_true(got.type == DOC_MISSING ||
                        doc_compare(&got, &value) != 0 ||
                        strcmp(name, "state_type") == 0);
        } else {
            assert_int_equal(err, ERR_INVALID);
            assert_string_equal(why.field, name);
        }
        assert_int_equal(event_set_member(&copy, name, &value, &why), ERR_OK);
        assert_true(event_get_member(&copy, name, &got));
        assert_int_equal(doc_compare(&got, &value), 0);
    }
    value = (struct doc_value){.type = DOC_INT, .u.i = 4};
    assert_int_equal(event_set_member(&event, "state", &value, &why),
                     ERR_INVALID);
    assert_string_equal(why.text, "state: expected 0 to 3");
    assert_int_equal(event_set_member(&event, "nothing", &value, &why),
                     ERR_NOT_FOUND);
    assert_false(event_get_member(&event, "nothing", &got));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_identity, testlog_setup,
                                        testlog_teardown),
        cmocka_unit_test_setup_teardown(test_longest_entity_id_fits,
                                        testlog_setup, testlog_teardown),
        cmocka_unit_test_setup_teardown(test_routing_key_cut, testlog_setup,
                                        testlog_teardown),
        cmocka_unit_test_setup_teardown(
            test_routing_key_cut_keeps_characters_whole, testlog_setup,
            testlog_teardown),
        cmocka_unit_test_setup_teardown(test_routing_key_appends, testlog_setup,
                                        testlog_teardown),
        cmocka_unit_test_setup_teardown(test_position, testlog_setup,
                                        testlog_teardown),
        cmocka_unit_test_setup_teardown(test_type_names, testlog_setup,
                                        testlog_teardown),
        cmocka_unit_test_setup_teardown(test_unknown_names, testlog_setup,
                                        testlog_teardown),
        cmocka_unit_test_setup_teardown(test_state_names, testlog_setup,
                                        testlog_teardown),
        cmocka_unit_test_setup_teardown(test_blank_event, testlog_setup,
                                        testlog_teardown),
        cmocka_unit_test_setup_teardown(test_smallest_doc, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_doc_round_trip, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_defaults_after_reading, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_keep_state, setup, teardown),
        cmocka_unit_test_setup_teardown(test_map_tags_and_extra_type, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_any_order_and_foreign_members,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_docs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_members_one_by_one, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_members_in_an_open_document, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
