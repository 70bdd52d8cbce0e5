/* SPDX-License-Identifier: Apache-2.0 */
/** Events in, actions out: with a broker that confirms, refuses, goes away. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"
#include "tests/unit/webserver/web_fixture.h"

#define V1 "/api/v1"
#define EVENT                                                                  \
    "{\"connector\":\"c\",\"connector_name\":\"n\",\"component\":"             \
    "\"web1\",\"resource\":\"disk\",\"state\":2,\"output\":\"full\"}"
#define BAD                                                                    \
    "{\"connector\":\"c\",\"connector_name\":\"n\",\"component\":"             \
    "\"web1\",\"state\":9}"

/* Events. */

struct post_row {
    const char *name;
    const char *body;
    int status;
    const char *at, *want;
    size_t published;
};

static const struct post_row posts[] = {
    {"object", EVENT, 202, "accepted", "1", 1},
    {"status of an item", EVENT, 202, "items.0.status", "\"accepted\"", 1},
    {"array", "[" EVENT "," EVENT "]", 202, "accepted", "2", 1},
    {"ndjson", EVENT "\n" EVENT "\n" EVENT "\n", 202, "accepted", "3", 1},
    {"partly", "[" EVENT "," BAD "]", 207, "items.1.status", "\"refused\"", 1},
    {"partly names the field", "[" EVENT "," BAD "]", 207, "items.1.field",
     "\"state\"", 1},
    {"partly counts", EVENT "\n" BAD "\n" EVENT "\n", 207, "accepted", "2", 1},
    {"all refused", BAD, 422, "field", "\"state\"", 0},
    {"all refused with items", "[" BAD "," BAD "]", 422, "items.1.index", "1",
     0},
    {"no check without a state",
     "{\"connector\":\"c\",\"connector_name\":\"n\",\"component\":\"x\"}", 422,
     "field", "\"state\"", 0},
    {"no json", "hello", 400, "status", "400", 0},
    {"empty array", "[]", 422, "status", "422", 0},
};

static void check_post(void **state)
{
    const struct post_row *row = *state;
    struct web_fixture f;

    web_start(&f, NULL);
    web_call(&f, V1 "/events", row->body);
    assert_int_equal(f.status, row->status);
    assert_string_equal(web_at(&f, row->at), row->want);
    assert_int_equal(broker_depth(f.broker, WEB_QUEUE_EVENTS), row->published);
    web_stop(&f);
}

/* What arrives is the event, with its routing key and an id. */
static void message_of_an_event(void **state)
{
    struct web_fixture f;
    struct bus_message message;
    struct doc_out *out = doc_out_new();
    struct errbuf why;
    struct doc doc;

    (void)state;
    web_start(&f, NULL);
    web_method(&f, "POST", V1 "/events",
               "x-canopsis-authkey: " WEB_KEY "\r\n"
               "Idempotency-Key: once-7\r\n",
               "{\"connector\":\"c\",\"connector_name\":\"n\",\"component\":"
               "\"web1\",\"state\":\"major\",\"rack\":{\"row\":4}}");
    assert_int_equal(f.status, 202);
    assert_string_equal(web_at(&f, "items.0.id"), "\"key-once-7-0\"");
    assert_true(broker_peek(f.broker, WEB_QUEUE_EVENTS, 0, &message));
    assert_string_equal(message.routing_key, "c.n.check.component.web1");
    assert_string_equal(message.exchange, "canopsis.events");
    assert_string_equal(message.properties.message_id, "key-once-7-0");
    assert_string_equal(message.properties.user_id, "hypervise");
    assert_int_equal(doc_from_json(message.body, message.len, out, &doc, &why),
                     ERR_OK);
    assert_int_equal(doc_i64(doc, "state", 0), 2);
    assert_int_equal(doc_i64(doc_sub(doc, "rack"), "row", 0), 4);
    assert_string_equal(doc_str(doc, "entity_id", "none"), "none");
    doc_out_free(out);
    web_stop(&f);
}

/* Events of one body travel together, an event a line, without the refused
 * one between them; ids tell what a message holds. */
static void message_of_several_events(void **state)
{
    struct web_fixture f;
    struct bus_message message;
    char *text;

    (void)state;
    web_start(&f, NULL);
    web_method(&f, "POST", V1 "/events",
               "x-canopsis-authkey: " WEB_KEY "\r\n"
               "Idempotency-Key: k\r\n",
               "[" BAD "," EVENT "," BAD "," EVENT "]");
    assert_int_equal(f.status, 207);
    assert_string_equal(web_at(&f, "items.3.id"), "\"key-k-3\"");
    assert_string_equal(web_at(&f, "items.2.status"), "\"refused\"");
    assert_int_equal(broker_depth(f.broker, WEB_QUEUE_EVENTS), 1);
    assert_true(broker_peek(f.broker, WEB_QUEUE_EVENTS, 0, &message));
    assert_string_equal(message.properties.message_id, "key-k-1+2");
    assert_string_equal(message.routing_key, "c.n.check.resource.web1.disk");
    text = xstrndup(message.body, message.len);
    assert_non_null(strstr(text, "}\n{"));
    free(text);
    web_stop(&f);
}

/* Large events share a message only as far as it stays small. */
static void message_sizes(void **state)
{
    struct web_fixture f;
    struct buf body;
    char *output = xcalloc(1, 30001);

    (void)state;
    memset(output, 'x', 30000);
    buf_init(&body, 1024 * 1024);
    for (int i = 0; i < 5; i++) {
        buf_addf(&body,
                 "{\"connector\":\"c\",\"connector_name\":\"n\","
                 "\"component\":\"w\",\"state\":0,\"long_output\":\"%s\"}\n",
                 output);
    }
    web_start(&f, NULL);
    web_call(&f, V1 "/events", buf_str(&body));
    assert_int_equal(f.status, 202);
    assert_string_equal(web_at(&f, "accepted"), "5");
    assert_int_equal(broker_depth(f.broker, WEB_QUEUE_EVENTS), 3);
    web_stop(&f);
    buf_fini(&body);
    free(output);
}

struct key_row {
    const char *name;
    const char *key;
    int status;
};

static const struct key_row keys[] = {
    {"good", "a-b_c.9", 202},
    {"blank inside", "a b", 400},
    {"control", "a\tb", 400},
    {"not ascii", "\xc3\xa9", 400},
};

static void check_key(void **state)
{
    const struct key_row *row = *state;
    struct web_fixture f;
    char headers[256];

    web_start(&f, NULL);
    (void)snprintf(headers, sizeof headers,
                   "x-canopsis-authkey: " WEB_KEY "\r\nIdempotency-Key: %s\r\n",
                   row->key);
    web_method(&f, "POST", V1 "/events", headers, EVENT);
    assert_int_equal(f.status, row->status);
    web_stop(&f);
}

static bool nack_all(void *ctx)
{
    (void)ctx;
    return true;
}

static void broker_refuses(void **state)
{
    const struct broker_faults faults = {.nack = nack_all};
    struct web_fixture f;

    (void)state;
    web_start(&f, NULL);
    broker_set_faults(f.broker, &faults);
    web_call(&f, V1 "/events", EVENT);
    assert_int_equal(f.status, 503);
    assert_string_equal(web_at(&f, "items.0.status"), "\"unconfirmed\"");
    web_stop(&f);
}

static bool deliver_none(void *ctx, const char *connection)
{
    (void)ctx;
    (void)connection;
    return false;
}

/* No confirm comes: the answer does, in time, and says so. */
static void no_confirm(void **state)
{
    static const char *const set[] = {"publish_timeout=150ms", NULL};
    const struct broker_faults faults = {.deliver = deliver_none};
    const struct broker_faults none = {0};
    struct web_fixture f;

    (void)state;
    web_start(&f, set);
    broker_set_faults(f.broker, &faults);
    web_call(&f, V1 "/events", EVENT);
    assert_int_equal(f.status, 503);
    assert_string_equal(web_at(&f, "unconfirmed"), "1");
    broker_set_faults(f.broker, &none);
    web_settle(&f); /* the late confirm meets nobody */
    web_call(&f, V1 "/events", EVENT);
    assert_int_equal(f.status, 202);
    web_stop(&f);
}

/* The connection breaks before the confirm: the same message goes again. */
static void cut_once(struct web_fixture *f)
{
    if (f->hook_count == 0 && broker_depth(f->broker, WEB_QUEUE_EVENTS) > 0) {
        f->hook_count++;
        broker_cut(f->broker, f->bus, true, true);
    }
}

static void connection_lost(void **state)
{
    struct web_fixture f;
    struct bus_message first, second;

    (void)state;
    web_start(&f, NULL);
    f.hook = cut_once;
    /* the broker takes it, its confirm is lost with the connection */
    web_call(&f, V1 "/events", EVENT);
    assert_int_equal(f.status, 202);
    if (broker_peek(f.broker, WEB_QUEUE_EVENTS, 1, &second)) {
        assert_true(broker_peek(f.broker, WEB_QUEUE_EVENTS, 0, &first));
        assert_string_equal(first.properties.message_id,
                            second.properties.message_id);
    }
    web_stop(&f);
}

/* 10,000 events in one body, over the bound of unconfirmed bytes. */
static void many_events(void **state)
{
    struct web_fixture f;
    struct buf body;

    (void)state;
    buf_init(&body, 8 * 1024 * 1024);
    for (int i = 0; i < 10000; i++) {
        buf_add_str(&body, EVENT "\n");
    }
    web_start(&f, NULL);
    web_call(&f, V1 "/events", buf_str(&body));
    assert_int_equal(f.status, 202);
    assert_string_equal(web_at(&f, "accepted"), "10000");
    assert_int_equal(broker_depth(f.broker, WEB_QUEUE_EVENTS), 10000 / 50);
    web_stop(&f);
    buf_fini(&body);
}

/* More in lines than the parser takes at once. */
static void large_lines(void **state)
{
    struct web_fixture f;
    struct buf body;
    char *output = xcalloc(1, 3001);

    (void)state;
    memset(output, 'x', 3000);
    buf_init(&body, 8 * 1024 * 1024);
    for (int i = 0; i < 2000; i++) {
        buf_addf(&body,
                 "{\"connector\":\"c\",\"connector_name\":\"n\",\"component\":"
                 "\"w%d\",\"state\":0,\"output\":\"%s\"}\n",
                 i, output);
    }
    web_start(&f, NULL);
    web_call(&f, V1 "/events", buf_str(&body));
    assert_int_equal(f.status, 202);
    assert_string_equal(web_at(&f, "accepted"), "2000");
    web_stop(&f);
    buf_fini(&body);
    free(output);
}

/* Compatible forms. */

struct compat_row {
    const char *name;
    const char *path, *headers, *body;
    int status;
    const char *at, *want;
};

#define FORM  "Content-Type: application/x-www-form-urlencoded\r\n"
#define KEYED "x-canopsis-authkey: " WEB_KEY "\r\n"

static const struct compat_row compats[] = {
    {"2015 json", "/event", KEYED, EVENT, 200, "success", "true"},
    {"2015 key in the query", "/event?authkey=" WEB_KEY, "", EVENT, 200,
     "total", "1"},
    {"2015 wrong key", "/event?authkey=x", "", EVENT, 401, "status", "401"},
    {"2015 form", "/event", KEYED FORM,
     "connector=c&connector_name=n&component=web+1&resource=a%2Fb&state=1&"
     "event_type=check&output=%C3%A9",
     200, "data.0.component", "\"web 1\""},
    {"2015 event in a form", "/event", KEYED FORM,
     "event=%7B%22connector%22%3A%22c%22%2C%22connector_name%22%3A%22n%22%2C"
     "%22component%22%3A%22w%22%2C%22state%22%3A0%7D",
     200, "total", "1"},
    {"2015 bad form", "/event", KEYED FORM, "a=%zz", 400, "field", "\"a\""},
    {"2015 refused", "/event", KEYED, BAD, 422, "field", "\"state\""},
    {"2024", "/api/v4/event", KEYED, "[" EVENT "," BAD "]", 200,
     "sent_events.0.component", "\"web1\""},
    {"2024 nothing to retry", "/api/v4/event", KEYED, EVENT, 200,
     "retry_events", "[]"},
    {"2024 all bad", "/api/v4/event", KEYED, BAD, 200, "sent_events", "[]"},
};

static void check_compat(void **state)
{
    const struct compat_row *row = *state;
    struct web_fixture f;

    web_start(&f, NULL);
    web_method(&f, "POST", row->path, row->headers, row->body);
    assert_int_equal(f.status, row->status);
    assert_string_equal(web_at(&f, row->at), row->want);
    web_stop(&f);
}

/* Actions. */

static void seed(struct web_fixture *f)
{
    web_put(f, STORE_ALARMS,
            "{\"id\":\"aa11\",\"connector\":\"c\",\"connector_name\":\"n\","
            "\"source_type\":\"resource\",\"component\":\"web1\","
            "\"resource\":\"disk\",\"state\":2}");
    web_put(f, STORE_ALARMS,
            "{\"id\":\"bb22\",\"connector\":\"c\",\"connector_name\":\"n\","
            "\"source_type\":\"component\",\"component\":\"db1\",\"state\":3}");
}

/* Stands in for the alarm engine: acks aa11, refuses all else. */
static void answer(struct web_fixture *f)
{
    struct bus_message order;
    struct doc_out *out = doc_out_new();
    struct errbuf why;
    struct doc doc;

    while (broker_peek(f->broker, WEB_QUEUE_ACTIONS, f->hook_count, &order)) {
        char body[512];
        bool good;

        f->hook_count++;
        assert_int_equal(doc_from_json(order.body, order.len, out, &doc, &why),
                         ERR_OK);
        good = strcmp(doc_str(doc, "alarm_id", ""), "aa11") == 0;
        (void)snprintf(
            body, sizeof body, "{\"alarm_id\":\"%s\",\"action\":\"%s\",%s}",
            doc_str(doc, "alarm_id", ""), doc_str(doc, "action_id", ""),
            good ? "\"type\":\"ack\",\"step\":3"
                 : "\"type\":\"action_refused\",\"step\":null,"
                   "\"message\":\"acknowledged already\"");
        assert_true(broker_publish(
            f->broker,
            &(struct bus_message){.exchange = "canopsis.alerts",
                                  .routing_key = "c.n.ack",
                                  .properties = {"application/json", "", "", 0},
                                  .body = body,
                                  .len = strlen(body)}));
    }
    doc_out_free(out);
}

struct act_row {
    const char *name;
    const char *body;
    int status;
    const char *at, *want;
    size_t sent;
};

static const struct act_row acts[] = {
    {"done", "{\"type\":\"ack\",\"ids\":[\"aa11\"],\"author\":\"ann\"}", 200,
     "items.0.result", "\"done\"", 1},
    {"step", "{\"type\":\"ack\",\"ids\":[\"aa11\"]}", 200, "items.0.step", "3",
     1},
    {"refused", "{\"type\":\"ack\",\"ids\":[\"bb22\"]}", 422, "detail",
     "\"acknowledged already\"", 1},
    {"partly", "{\"type\":\"ack\",\"ids\":[\"aa11\",\"bb22\"]}", 207,
     "items.1.reason", "\"acknowledged already\"", 2},
    {"unknown alarm", "{\"type\":\"ack\",\"ids\":[\"aa11\",\"zz\"]}", 207,
     "items.1.result", "\"refused\"", 1},
    {"no alarm at all", "{\"type\":\"ack\",\"ids\":[\"zz\"]}", 422,
     "items.0.result", "\"refused\"", 0},
    {"by filter", "{\"type\":\"ack\",\"filter\":\"state=2\"}", 200,
     "items.0.id", "\"aa11\"", 1},
    {"by a mark", "{\"type\":\"ack\",\"filter\":\"state=2 and not acked\"}",
     200, "done", "1", 1},
    {"by filter object", "{\"type\":\"ack\",\"filter\":{\"state\":2}}", 200,
     "done", "1", 1},
    {"filter of none", "{\"type\":\"ack\",\"filter\":\"state=0\"}", 200,
     "items", "[]", 0},
    {"too many", "{\"type\":\"ack\",\"filter\":\"\"}", 422, "field",
     "\"filter\"", 0},
    {"too many ids", "{\"type\":\"ack\",\"ids\":[\"a\",\"b\",\"c\"]}", 422,
     "field", "\"ids\"", 0},
    {"no type", "{\"ids\":[\"aa11\"]}", 422, "field", "\"type\"", 0},
    {"bad type", "{\"type\":\"check\",\"ids\":[\"aa11\"]}", 422, "field",
     "\"type\"", 0},
    {"no target", "{\"type\":\"ack\"}", 422, "field", "\"ids\"", 0},
    {"two targets", "{\"type\":\"ack\",\"ids\":[\"a\"],\"filter\":\"\"}", 422,
     "field", "\"ids\"", 0},
    {"empty ids", "{\"type\":\"ack\",\"ids\":[]}", 422, "field", "\"ids\"", 0},
    {"number as id", "{\"type\":\"ack\",\"ids\":[7]}", 422, "field", "\"ids\"",
     0},
    {"bad filter", "{\"type\":\"ack\",\"filter\":\"((\"}", 422, "field",
     "\"filter\"", 0},
    {"unknown field", "{\"type\":\"ack\",\"ids\":[\"aa11\"],\"x\":1}", 422,
     "field", "\"x\"", 0},
    {"snooze without a time", "{\"type\":\"snooze\",\"ids\":[\"aa11\"]}", 422,
     "field", "\"duration\"", 0},
    {"bad duration",
     "{\"type\":\"snooze\",\"ids\":[\"aa11\"],\"duration\":\"x\"}", 422,
     "field", "\"duration\"", 0},
    {"negative duration",
     "{\"type\":\"snooze\",\"ids\":[\"aa11\"],\"duration\":-5}", 422, "field",
     "\"duration\"", 0},
    {"duration as text",
     "{\"type\":\"snooze\",\"ids\":[\"aa11\"],\"duration\":\"15m\"}", 200,
     "done", "1", 1},
    {"ticket without a number", "{\"type\":\"assocticket\",\"ids\":[\"aa11\"]}",
     422, "field", "\"ticket\"", 0},
    {"comment without a text", "{\"type\":\"comment\",\"ids\":[\"aa11\"]}", 422,
     "field", "\"message\"", 0},
    {"state without one", "{\"type\":\"changestate\",\"ids\":[\"aa11\"]}", 422,
     "field", "\"state\"", 0},
    {"bad state", "{\"type\":\"changestate\",\"ids\":[\"aa11\"],\"state\":4}",
     422, "field", "\"state\"", 0},
    {"state by name",
     "{\"type\":\"changestate\",\"ids\":[\"aa11\"],\"state\":\"minor\"}", 200,
     "done", "1", 1},
};

static void check_act(void **state)
{
    static const char *const set[] = {"actions_max=2", NULL};
    const struct act_row *row = *state;
    struct web_fixture f;

    web_start(&f, set);
    seed(&f);
    if (strcmp(row->name, "too many") == 0) {
        web_put(&f, STORE_ALARMS, "{\"id\":\"cc33\",\"state\":1}");
    }
    f.hook = answer;
    web_call(&f, V1 "/alarms/actions", row->body);
    assert_int_equal(f.status, row->status);
    assert_string_equal(web_at(&f, row->at), row->want);
    assert_int_equal(broker_depth(f.broker, WEB_QUEUE_ACTIONS), row->sent);
    web_stop(&f);
}

/* Many more rows than are looked at in a piece. */
enum {
    CROWD = 2400,
    PIECES_LEAST = 3
};

static void seed_crowd(struct web_fixture *f)
{
    for (int i = 0; i < CROWD; i++) {
        char row[256];

        (void)snprintf(row, sizeof row,
                       "{\"id\":\"crowd%04d\",\"component\":\"%s\","
                       "\"connector\":\"c\",\"connector_name\":\"n\","
                       "\"output\":\"%s\",\"state\":1}",
                       i, i % 2 == 0 ? "even" : "odd",
                       i % (CROWD - 1) == 0 ? "wanted" : "");
        web_put(f, STORE_ALARMS, row);
    }
}

struct reads {
    int n, away_from;
};

static enum store_fault count_reads(void *ctx, bool is_commit)
{
    struct reads *reads = ctx;

    reads->n += is_commit ? 0 : 1;
    return reads->away_from > 0 && reads->n >= reads->away_from
               ? STORE_FAULT_UNAVAILABLE
               : STORE_FAULT_NONE;
}

static const struct crowd_row {
    const char *name;
    const char *filter;
    int away_from; /* piece; 0: the store stays */
    int status;
    const char *at, *want;
    size_t sent;
} crowd_acts[] = {
    {"the first and the last of many", "output=wanted", 0, 422, "refused", "2",
     2},
    {"by an index", "component=odd and output=wanted", 0, 422, "refused", "1",
     1},
    {"too many, all far behind", "id>=crowd2000", 0, 422, "field", "\"filter\"",
     0},
    {"none of them", "output=nothing", 0, 200, "done", "0", 0},
    {"the store goes away meanwhile: none is acted on", "output=wanted", 2, 503,
     "status", "503", 0},
};

/* A filter that matches few of many is looked for piece by piece, and the
 * answer is the same. */
static void check_crowd(void **state)
{
    static const char *const set[] = {"actions_max=2", NULL};
    const struct crowd_row *row = *state;
    struct reads reads = {.away_from = row->away_from};
    struct web_fixture f;
    char body[256];

    web_start(&f, set);
    seed_crowd(&f);
    f.hook = answer;
    store_memory_set_fault(f.memory, count_reads, &reads);
    (void)snprintf(body, sizeof body, "{\"type\":\"ack\",\"filter\":\"%s\"}",
                   row->filter);
    web_call(&f, V1 "/alarms/actions", body);
    assert_int_equal(f.status, row->status);
    assert_string_equal(web_at(&f, row->at), row->want);
    assert_int_equal(broker_depth(f.broker, WEB_QUEUE_ACTIONS), row->sent);
    assert_true(reads.n >= PIECES_LEAST || row->away_from > 0 ||
                strstr(row->filter, "odd") != NULL);
    web_stop(&f);
}

/* Stands in for the context engine, which does as it is told. */
static void obey(struct web_fixture *f)
{
    struct bus_message event;
    struct doc_out *out = doc_out_new();
    struct errbuf why;
    struct doc doc;

    while (broker_peek(f->broker, WEB_QUEUE_EVENTS, f->hook_count, &event)) {
        char body[256];

        f->hook_count++;
        assert_int_equal(doc_from_json(event.body, event.len, out, &doc, &why),
                         ERR_OK);
        (void)snprintf(body, sizeof body,
                       "{\"action\":\"%s\",\"type\":\"entity_deleted\"}",
                       doc_str(doc, "action_id", ""));
        assert_true(broker_publish(
            f->broker,
            &(struct bus_message){.exchange = "canopsis.alerts",
                                  .routing_key = "c.n.entity_deleted",
                                  .properties = {"application/json", "", "", 0},
                                  .body = body,
                                  .len = strlen(body)}));
    }
    doc_out_free(out);
}

#define CONNECTOR "\"connector\":\"c\",\"connector_name\":\"n\""

static void seed_entities(struct web_fixture *f)
{
    web_put(f, STORE_ENTITIES,
            "{\"id\":\"/connector/c/n\",\"type\":\"connector\"," CONNECTOR "}");
    web_put(f, STORE_ENTITIES,
            "{\"id\":\"/component/c/n/web1\",\"type\":\"component\"," CONNECTOR
            ",\"component\":\"web1\"}");
    web_put(
        f, STORE_ENTITIES,
        "{\"id\":\"/resource/c/n/web1/disk\",\"type\":\"resource\"," CONNECTOR
        ",\"component\":\"web1\",\"resource\":\"disk\"}");
    web_put(f, STORE_ENTITIES,
            "{\"id\":\"/component/c/n/web2\",\"type\":\"component\"," CONNECTOR
            ",\"component\":\"web2\"}");
}

static const struct act_row entity_acts[] = {
    {"one resource",
     "{\"type\":\"delete\",\"ids\":[\"/resource/c/n/web1/disk\"]}", 200,
     "items.0.result", "\"done\"", 1},
    {"a component takes its resources along, they go first",
     "{\"type\":\"delete\",\"ids\":[\"/component/c/n/web1\"]}", 200,
     "items.0.id", "\"/resource/c/n/web1/disk\"", 2},
    {"a connector takes all along, and goes last",
     "{\"type\":\"disable\",\"ids\":[\"/connector/c/n\"]}", 200, "items.3.id",
     "\"/connector/c/n\"", 4},
    {"named twice over, once",
     "{\"type\":\"enable\",\"filter\":\"component=\\\"web1\\\"\"}", 200, "done",
     "2", 2},
    {"unknown", "{\"type\":\"delete\",\"ids\":[\"/component/c/n/zz\"]}", 422,
     "detail", "\"no entity has this id\"", 0},
    {"too many with what belongs to it",
     "{\"type\":\"delete\",\"ids\":[\"/connector/c/n\",\"/connector/d/n\"]}",
     422, "field", "\"ids\"", 0},
    {"an action on alarms", "{\"type\":\"ack\",\"ids\":[\"/connector/c/n\"]}",
     422, "field", "\"type\"", 0},
    {"a member of those",
     "{\"type\":\"delete\",\"ids\":[\"/connector/c/n\"],\"duration\":3}", 422,
     "field", "\"duration\"", 0},
};

static void check_entity_act(void **state)
{
    static const char *const set[] = {"actions_max=4", NULL};
    const struct act_row *row = *state;
    struct web_fixture f;

    web_start(&f, set);
    seed_entities(&f);
    if (strstr(row->body, "/connector/d/n") != NULL) {
        web_put(&f, STORE_ENTITIES,
                "{\"id\":\"/connector/d/n\",\"type\":\"connector\","
                "\"connector\":\"d\",\"connector_name\":\"n\"}");
    }
    f.hook = obey;
    web_call(&f, V1 "/entities/actions", row->body);
    assert_int_equal(f.status, row->status);
    assert_string_equal(web_at(&f, row->at), row->want);
    assert_int_equal(broker_depth(f.broker, WEB_QUEUE_EVENTS), row->sent);
    web_stop(&f);
}

static const struct one_row {
    const char *name;
    const char *method, *path, *body;
    int status;
    const char *at, *want;
    size_t sent;
    const char *in; /* of the first event; NULL: none */
} one_acts[] = {
    {"disable", "PATCH", "/entities/%2Fcomponent%2Fc%2Fn%2Fweb1?author=ann",
     "{\"enabled\":false,\"message\":\"moved\"}", 200, "done", "2", 2,
     "\"event_type\":\"disable\""},
    {"who and why", "PATCH", "/entities?id=/resource/c/n/web1/disk",
     "{\"enabled\":true,\"author\":\"eve\",\"message\":\"back\"}", 200, "done",
     "1", 1, "\"author\":\"eve\",\"output\":\"back\""},
    {"delete", "DELETE", "/entities/%2Fcomponent%2Fc%2Fn%2Fweb1?author=ann",
     NULL, 200, "items.0.id", "\"/resource/c/n/web1/disk\"", 2,
     "\"author\":\"ann\""},
    {"delete, with a reason", "DELETE", "/entities?id=/resource/c/n/web1/disk",
     "{\"message\":\"gone\"}", 200, "done", "1", 1, "\"output\":\"gone\""},
    {"unknown", "DELETE", "/entities?id=/component/c/n/zz", NULL, 404, "detail",
     "\"no entity has this id\"", 0, NULL},
    {"unknown to change", "PATCH", "/entities?id=/component/c/n/zz",
     "{\"enabled\":true}", 404, "field", "\"id\"", 0, NULL},
    {"nothing to change", "PATCH", "/entities?id=/component/c/n/web1", "{}",
     422, "field", "\"enabled\"", 0, NULL},
    {"no body", "PATCH", "/entities?id=/component/c/n/web1", "", 400, "status",
     "400", 0, NULL},
    {"no truth", "PATCH", "/entities?id=/component/c/n/web1",
     "{\"enabled\":\"no\"}", 422, "field", "\"enabled\"", 0, NULL},
    {"what others write", "PATCH", "/entities?id=/component/c/n/web1",
     "{\"name\":\"web9\"}", 422, "field", "\"name\"", 0, NULL},
    {"ids", "DELETE", "/entities?id=/component/c/n/web1",
     "{\"ids\":[\"/component/c/n/web1\"]}", 422, "field", "\"ids\"", 0, NULL},
    {"all of them", "DELETE", "/entities", NULL, 405, "status", "405", 0, NULL},
};

static void check_one_act(void **state)
{
    const struct one_row *row = *state;
    struct web_fixture f;
    struct bus_message sent;
    char path[256];

    (void)snprintf(path, sizeof path, V1 "%s", row->path);
    web_start(&f, NULL);
    seed_entities(&f);
    f.hook = obey;
    web_method(&f, row->method, path, "Authorization: Bearer " WEB_KEY "\r\n",
               row->body);
    assert_int_equal(f.status, row->status);
    assert_string_equal(web_at(&f, row->at), row->want);
    assert_int_equal(broker_depth(f.broker, WEB_QUEUE_EVENTS), row->sent);
    if (row->in != NULL) {
        assert_true(broker_peek(f.broker, WEB_QUEUE_EVENTS, 0, &sent));
        assert_non_null(memmem(sent.body, sent.len, row->in, strlen(row->in)));
    }
    web_stop(&f);
}

/* What an import leads to. web1 with its disk is of c/n; the import "cmdb" has
 * web2 and a record of its own of web3. */
#define CI(type, name, more)                                                   \
    "{\"type\":\"" type "\",\"name\":\"" name "\"" more "}"
#define CIS(list) "{\"cis\":[" list "]}"
#define IMPORT    "/context/import?source=cmdb"
#define WEB2                                                                   \
    CI("component", "web2", ",\"infos\":{\"site\":\"Paris\",\"old\":null}")
#define WEB3 CI("component", "web3", "")

static const struct one_row imports[] = {
    {"known by another source: its infos, and a record", "PUT",
     IMPORT "&partial=true",
     CIS(CI("component", "web1",
            ",\"infos\":{\"site\":{\"name\":\"site\","
            "\"value\":\"Lyon\"}},\"category\":\"web\"")),
     200, "done", "2", 2,
     "\"source_type\":\"component\",\"import_source\":\"cmdb\",\"infos\":{"
     "\"site\":\"Lyon\",\"category\":\"web\"}"},
    {"in whose name", "PUT", IMPORT "&partial=true&author=ann",
     CIS(CI("component", "web1", "")), 200, "done", "2", 2,
     "\"author\":\"ann\""},
    {"new", "PUT", IMPORT "&partial=true",
     CIS(CI("resource", "disk", ",\"component\":\"db/1\",\"enabled\":false")),
     200, "items.0.id", "\"/resource/import/cmdb/db%2F1/disk\"", 2,
     "\"event_type\":\"set\""},
    {"nothing new", "PUT", IMPORT, CIS(WEB2 "," WEB3), 200, "unchanged", "3", 0,
     NULL},
    {"absent from a full one: disabled with what it has", "PUT", IMPORT,
     CIS(WEB3), 200, "done", "3", 3, "\"event_type\":\"disable\""},
    {"absent from a partial one", "PUT", IMPORT "&partial=true", CIS(WEB3), 200,
     "done", "0", 0, NULL},
    {"disable takes the resources along", "PUT", IMPORT "&partial=true",
     CIS(CI("component", "web1", ",\"action\":\"disable\"")), 200, "done", "2",
     2, "\"event_type\":\"disable\""},
    {"delete: resources first", "PUT", IMPORT "&partial=true",
     CIS(CI("component", "web1", ",\"action\":\"delete\"")), 200, "items.0.id",
     "\"/resource/c/n/web1/disk\"", 2, "\"event_type\":\"delete\""},
    {"enabled already", "PUT", IMPORT "&partial=true",
     CIS(CI("component", "web1", ",\"action\":\"enable\"")), 200, "unchanged",
     "1", 0, NULL},
    {"a connector", "PUT", IMPORT "&partial=true",
     CIS(CI("connector", "c/n", ",\"enabled\":false")), 200, "done", "2", 2,
     "\"import_source\":\"cmdb\""},
    {"dry run", "PUT", IMPORT "&dry_run=true", CIS(WEB3), 200, "disable", "3",
     0, NULL},
    {"dry run: what", "PUT", IMPORT "&dry_run=true", CIS(WEB3), 200,
     "items.0.would", "\"disable\"", 0, NULL},
    {"some are no good", "PUT", IMPORT "&partial=true",
     CIS(CI("component", "web1", ",\"action\":\"disable\"") ",3"), 207,
     "refused", "1", 2, NULL},
    {"given twice", "PUT", IMPORT "&partial=true", CIS(WEB3 "," WEB3), 422,
     "detail", "\"it is given twice\"", 0, NULL},
    {"no name", "PUT", IMPORT, CIS("{\"type\":\"component\"}"), 422, "detail",
     "\"name: expected text of 1 to 256 bytes\"", 0, NULL},
    {"a full one with an item that is no good: nothing", "PUT", IMPORT,
     CIS(WEB2 ",3"), 422, "refused", "1", 0, NULL},
    {"resource of nothing", "PUT", IMPORT "&partial=true",
     CIS(CI("resource", "disk", "")), 422, "items.0.reason",
     "\"component: expected text of 1 to 256 bytes\"", 0, NULL},
    {"a service", "PUT", IMPORT "&partial=true", CIS(CI("service", "s", "")),
     422, "items.0.id", "\"cis[0]\"", 0, NULL},
    {"unknown member", "PUT", IMPORT "&partial=true",
     CIS(CI("component", "a", ",\"colour\":1")), 422, "refused", "1", 0, NULL},
    {"unknown action", "PUT", IMPORT "&partial=true",
     CIS(CI("component", "a", ",\"action\":\"paint\"")), 422, "refused", "1", 0,
     NULL},
    {"what is not there", "PUT", IMPORT "&partial=true",
     CIS(CI("component", "nowhere", ",\"action\":\"delete\"")), 422, "detail",
     "\"there is no such entity\"", 0, NULL},
    {"a connector that is not there", "PUT", IMPORT "&partial=true",
     CIS(CI("connector", "x/y", "")), 422, "detail",
     "\"there is no such entity\"", 0, NULL},
    {"a connector without its name", "PUT", IMPORT "&partial=true",
     CIS(CI("connector", "c", "")), 422, "refused", "1", 0, NULL},
    {"all would go", "PUT", IMPORT, CIS(""), 422, "field", "\"cis\"", 0, NULL},
    {"no list", "PUT", IMPORT, "{}", 422, "field", "\"cis\"", 0, NULL},
    {"no JSON", "PUT", IMPORT, "[", 400, "field", "\"body\"", 0, NULL},
    {"of whom", "PUT", "/context/import", CIS(WEB3), 400, "field", "\"source\"",
     0, NULL},
    {"of whom exactly", "PUT", "/context/import?source=a%2Fb", CIS(WEB3), 400,
     "field", "\"source\"", 0, NULL},
    {"how", "PUT", IMPORT "&partial=maybe", CIS(WEB3), 400, "field",
     "\"partial\"", 0, NULL},
};

static void seed_imported(struct web_fixture *f)
{
    web_put(f, STORE_ENTITIES,
            "{\"id\":\"/component/c/n/web2\",\"type\":\"component\"," CONNECTOR
            ",\"component\":\"web2\",\"resource\":\"\",\"import_source\":"
            "\"cmdb\",\"infos\":{\"site\":\"Paris\",\"more\":1}}");
    web_put(
        f, STORE_ENTITIES,
        "{\"id\":\"/resource/c/n/web2/cpu\",\"type\":\"resource\"," CONNECTOR
        ",\"component\":\"web2\",\"resource\":\"cpu\"}");
    web_put(f, STORE_ENTITIES,
            "{\"id\":\"/component/import/cmdb/web2\",\"type\":\"component\","
            "\"connector\":\"import\",\"connector_name\":\"cmdb\","
            "\"component\":\"web2\",\"resource\":\"\",\"import_source\":"
            "\"cmdb\",\"infos\":{\"site\":\"Paris\"}}");
    web_put(f, STORE_ENTITIES,
            "{\"id\":\"/component/import/cmdb/web3\",\"type\":\"component\","
            "\"connector\":\"import\",\"connector_name\":\"cmdb\","
            "\"component\":\"web3\",\"resource\":\"\",\"import_source\":"
            "\"cmdb\"}");
    web_put(f, STORE_ENTITIES,
            "{\"id\":\"/component/import/other/web1\",\"type\":\"component\","
            "\"connector\":\"import\",\"connector_name\":\"other\","
            "\"component\":\"web1\",\"resource\":\"\",\"import_source\":"
            "\"other\"}");
}

static void check_import(void **state)
{
    const struct one_row *row = *state;
    struct web_fixture f;
    struct bus_message sent;
    char path[256];

    (void)snprintf(path, sizeof path, V1 "%s", row->path);
    web_start(&f, NULL);
    seed_entities(&f);
    seed_imported(&f);
    f.hook = obey;
    web_method(&f, row->method, path, "Authorization: Bearer " WEB_KEY "\r\n",
               row->body);
    assert_int_equal(f.status, row->status);
    assert_string_equal(web_at(&f, row->at), row->want);
    assert_int_equal(broker_depth(f.broker, WEB_QUEUE_EVENTS), row->sent);
    if (row->in != NULL) {
        assert_true(broker_peek(f.broker, WEB_QUEUE_EVENTS, 0, &sent));
        assert_non_null(memmem(sent.body, sent.len, row->in, strlen(row->in)));
    }
    web_stop(&f);
}

/* Stands in for eventstore: replays all but what was replayed. */
static void tend_letters(struct web_fixture *f)
{
    struct bus_message request;
    struct doc_out *out = doc_out_new();
    struct errbuf why;
    struct doc doc;

    while (broker_peek(f->broker, WEB_QUEUE_DEAD, f->hook_count, &request)) {
        char body[256];

        f->hook_count++;
        assert_string_equal(request.properties.user_id, "hypervise");
        assert_string_equal(request.properties.content_type,
                            "application/json");
        assert_int_equal(
            doc_from_json(request.body, request.len, out, &doc, &why), ERR_OK);
        assert_string_equal(doc_str(doc, "action", ""),
                            request.properties.message_id);
        (void)snprintf(body, sizeof body,
                       "{\"action\":\"%s\",\"type\":\"%s\",\"message\":\"no\"}",
                       doc_str(doc, "action", ""),
                       strcmp(doc_str(doc, "id", ""), "e/q-1-0") == 0
                           ? "dead_refused"
                           : "dead_replayed");
        assert_true(broker_publish(
            f->broker,
            &(struct bus_message){.exchange = "canopsis.alerts",
                                  .routing_key = "dead",
                                  .properties = {"application/json", "", "", 0},
                                  .body = body,
                                  .len = strlen(body)}));
    }
    doc_out_free(out);
}

struct letter_row {
    const char *name;
    const char *path;
    const char *body;
    int status;
    const char *at, *want;
    size_t sent;
};

static const struct letter_row letter_acts[] = {
    {"one", "/dead/replay", "{\"ids\":[\"e/q-2-0\"]}", 200, "items.0.result",
     "\"done\"", 1},
    {"refused", "/dead/replay", "{\"ids\":[\"e/q-1-0\"]}", 422, "detail",
     "\"no\"", 1},
    {"edited", "/dead/replay",
     "{\"ids\":[\"e/q-2-0\"],\"body\":\"{}\",\"author\":\"eve\"}", 200, "done",
     "1", 1},
    {"edited, but which", "/dead/replay", "{\"all\":true,\"body\":\"{}\"}", 422,
     "field", "\"body\"", 0},
    {"edited, but two", "/dead/replay",
     "{\"ids\":[\"e/q-2-0\",\"f/q-3-0\"],\"body\":\"{}\"}", 422, "field",
     "\"body\"", 0},
    {"empty body", "/dead/replay", "{\"ids\":[\"e/q-2-0\"],\"body\":\"\"}", 422,
     "field", "\"body\"", 0},
    {"by filter", "/dead/replay", "{\"filter\":\"engine=e\"}", 207, "done", "1",
     2},
    {"all: what was not replayed yet", "/dead/replay", "{\"all\":true}", 207,
     "refused", "1", 2},
    {"not all", "/dead/replay", "{\"all\":false}", 422, "field", "\"all\"", 0},
    {"all and ids", "/dead/replay", "{\"all\":true,\"ids\":[\"e/q-1-0\"]}", 422,
     "field", "\"ids\"", 0},
    {"none named", "/dead/replay", "{}", 422, "field", "\"ids\"", 0},
    {"unknown", "/dead/replay", "{\"ids\":[\"e/q-9-0\"]}", 422, "detail",
     "\"no dead letter has this id\"", 0},
    {"a type", "/dead/replay", "{\"type\":\"ack\",\"ids\":[\"e/q-1-0\"]}", 422,
     "field", "\"type\"", 0},
    {"purge", "/dead/purge", "{\"ids\":[\"e/q-2-0\"]}", 200, "done", "1", 1},
    {"purge all", "/dead/purge", "{\"all\":true}", 422, "field", "\"all\"", 0},
    {"purge by filter", "/dead/purge", "{\"filter\":\"engine=f\"}", 200,
     "items.0.id", "\"f/q-3-0\"", 1},
    {"purge takes no body", "/dead/purge",
     "{\"ids\":[\"e/q-2-0\"],\"body\":\"{}\"}", 422, "field", "\"body\"", 0},
};

static void check_letter_act(void **state)
{
    static const char *const set[] = {"actions_max=2", NULL};
    const struct letter_row *row = *state;
    struct web_fixture f;
    char path[64];

    web_start(&f, set);
    web_put(&f, STORE_DEAD, "{\"id\":\"e/q-1-0\",\"engine\":\"e\"}");
    web_put(&f, STORE_DEAD, "{\"id\":\"e/q-2-0\",\"engine\":\"e\"}");
    web_put(&f, STORE_DEAD,
            "{\"id\":\"f/q-3-0\",\"engine\":\"f\",\"replayed_at\":5}");
    f.hook = tend_letters;
    (void)snprintf(path, sizeof path, V1 "%s", row->path);
    web_call(&f, path, row->body);
    assert_int_equal(f.status, row->status);
    assert_string_equal(web_at(&f, row->at), row->want);
    assert_int_equal(broker_depth(f.broker, WEB_QUEUE_DEAD), row->sent);
    web_stop(&f);
}

static void message_of_an_action(void **state)
{
    struct web_fixture f;
    struct bus_message message;
    struct doc_out *out = doc_out_new();
    struct errbuf why;
    struct doc doc;

    (void)state;
    web_start(&f, NULL);
    seed(&f);
    f.hook = answer;
    web_call(&f, V1 "/alarms/actions",
             "{\"type\":\"snooze\",\"ids\":[\"aa11\"],\"author\":\"ann\","
             "\"message\":\"later\",\"duration\":90.5}");
    assert_int_equal(f.status, 200);
    assert_true(broker_peek(f.broker, WEB_QUEUE_ACTIONS, 0, &message));
    assert_int_equal(doc_from_json(message.body, message.len, out, &doc, &why),
                     ERR_OK);
    assert_string_equal(doc_str(doc, "event_type", ""), "snooze");
    assert_string_equal(doc_str(doc, "alarm_id", ""), "aa11");
    assert_string_equal(doc_str(doc, "action_id", ""),
                        message.properties.message_id);
    assert_string_equal(doc_str(doc, "author", ""), "ann");
    assert_string_equal(doc_str(doc, "output", ""), "later");
    assert_string_equal(doc_str(doc, "component", ""), "web1");
    assert_string_equal(doc_str(doc, "resource", ""), "disk");
    assert_float_equal(doc_f64(doc, "duration", 0), 90.5, 0);
    doc_out_free(out);
    web_stop(&f);
}

/* Nobody answers: 202 and the ids, and a late answer meets nobody. */
static void no_answer(void **state)
{
    static const char *const set[] = {"answer_timeout=150ms", NULL};
    struct web_fixture f;

    (void)state;
    web_start(&f, set);
    seed(&f);
    web_call(&f, V1 "/alarms/actions", "{\"type\":\"ack\",\"ids\":[\"aa11\"]}");
    assert_int_equal(f.status, 202);
    assert_string_equal(web_at(&f, "items.0.result"), "\"pending\"");
    assert_int_equal(strlen(web_at(&f, "items.0.action")), ACTION_ID_MAX + 2);
    f.hook = answer;
    web_settle(&f);
    assert_int_equal(f.server.waiters.map.n, 0);
    web_stop(&f);
}

static void hang_up_when_sent(struct web_fixture *f)
{
    f->hang_up = broker_depth(f->broker, WEB_QUEUE_ACTIONS) > 0;
}

/* The client goes, and then the server ends, while the request waits. */
static void end_while_waiting(void **state)
{
    struct web_fixture f;

    (void)state;
    web_start(&f, NULL);
    seed(&f);
    f.hook = hang_up_when_sent;
    web_call(&f, V1 "/alarms/actions", "{\"type\":\"ack\",\"ids\":[\"aa11\"]}");
    assert_int_equal(f.status, 0);
    assert_int_equal(http_busy(f.server.http), 1);
    web_stop(&f);
}

static bool fail_now;

static enum store_fault fail_reads(void *ctx, bool is_commit)
{
    (void)ctx;
    return fail_now && !is_commit ? STORE_FAULT_UNAVAILABLE : STORE_FAULT_NONE;
}

static void store_fails(void **state)
{
    struct web_fixture f;

    (void)state;
    web_start(&f, NULL);
    seed(&f);
    store_memory_set_fault(f.memory, fail_reads, NULL);
    fail_now = true;
    web_call(&f, V1 "/alarms/actions", "{\"type\":\"ack\",\"ids\":[\"aa11\"]}");
    assert_int_equal(f.status, 503);
    web_call(&f, V1 "/alarms/actions", "{\"type\":\"ack\",\"filter\":\"\"}");
    assert_int_equal(f.status, 503);
    fail_now = false;
    web_stop(&f);
}

int main(void)
{
    const struct row_table tables[] = {
        ROWS(posts, check_post),
        ROWS(keys, check_key),
        ROWS(compats, check_compat),
        ROWS(acts, check_act),
        ROWS(crowd_acts, check_crowd),
        ROWS(entity_acts, check_entity_act),
        ROWS(one_acts, check_one_act),
        ROWS(imports, check_import),
        ROWS(letter_acts, check_letter_act),
        ROW_SINGLE(message_of_an_event),
        ROW_SINGLE(message_of_several_events),
        ROW_SINGLE(message_sizes),
        ROW_SINGLE(broker_refuses),
        ROW_SINGLE(no_confirm),
        ROW_SINGLE(connection_lost),
        ROW_SINGLE(many_events),
        ROW_SINGLE(large_lines),
        ROW_SINGLE(message_of_an_action),
        ROW_SINGLE(no_answer),
        ROW_SINGLE(end_while_waiting),
        ROW_SINGLE(store_fails),
    };

    return rows_run("writes", tables, N_ROWS(tables));
}
