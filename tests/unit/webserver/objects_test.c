/* SPDX-License-Identifier: Apache-2.0 */
/** Objects over the API: made, changed, refused, tried; the notice on the bus;
 *  the store that fails, and another webserver that writes too. */
#include <stdio.h>
#include <string.h>

#include "common/store/objects.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"
#include "tests/unit/webserver/web_fixture.h"

#define V1   "/api/v1"
#define KIND V1 "/objects/eventfilter"
#define TAG(tag)                                                               \
    "{\"spec\":{\"actions\":[{\"type\":\"add_tag\",\"tag\":\"" tag "\"}]}}"
#define NAMED(name, spec) "{\"name\":\"" name "\",\"spec\":{" spec "}}"
#define DROP              "\"actions\":[{\"type\":\"drop\"}]"
#define COPY                                                                   \
    "\"actions\":[{\"type\":\"copy\",\"from\":\"nothing\",\"to\":\"author\"}]"
#define LOOKUP                                                                 \
    "\"actions\":[{\"type\":\"lookup\",\"table\":\"sites\",\"from\":"          \
    "\"component\","                                                           \
    "\"to\":\"infos\"}]"
#define EVENT(more)                                                            \
    "{\"connector\":\"c\",\"connector_name\":\"n\",\"component\":\"web1\","    \
    "\"state\":2,\"output\":\"full\"" more "}"

/* A call, and one member of its answer. */
struct step {
    const char *method;
    const char *path;
    const char *header; /* NULL: none */
    const char *body;   /* NULL: none */
    int status;
    const char *at; /* NULL: not looked at */
    const char *want;
};

struct story {
    const char *name;
    struct step steps[12];
};

static const struct story stories[] = {
    {"made, shown, listed",
     {{"POST", KIND, NULL, NAMED("a", DROP), 201, "version", "1"},
      {"GET", KIND "/a", NULL, NULL, 200, "spec.actions.0.type", "\"drop\""},
      {"GET", KIND "/a", NULL, NULL, 200, "problem", "null"},
      {"GET", KIND "/a", NULL, NULL, 200, "stats.matches", "0"},
      {"GET", KIND "/a", NULL, NULL, 200, "author", "\"api\""},
      {"PUT", KIND "/b?author=ann", NULL, NAMED("b", DROP), 201, "author",
       "\"ann\""},
      {"GET", KIND, NULL, NULL, 200, "total", "2"},
      {"GET", KIND "?sort=-name", NULL, NULL, 200, "items.0.name", "\"b\""},
      {"GET", KIND "?search=B", NULL, NULL, 200, "total", "1"},
      {"GET", KIND "?filter=author=ann", NULL, NULL, 200, "total", "1"},
      {"GET", KIND "?limit=1", NULL, NULL, 200, "items.1.name", ""},
      {"GET", V1 "/schemas", NULL, NULL, 200, "items.1.kind",
       "\"eventfilter\""}}},
    {"of another kind",
     {{"PUT", V1 "/objects/alarmrule/slow", NULL,
       "{\"spec\":{\"filter\":\"component=db1\",\"resolve_after\":\"10m\"}}",
       201, "kind", "\"alarmrule\""},
      {"PUT", V1 "/objects/alarmrule/bad", NULL,
       "{\"spec\":{\"filter\":\"component=db1\",\"resolve_after\":"
       "\"10\xc2\xb5\"}}",
       422, "field", "\"spec.resolve_after\""},
      {"PUT", V1 "/objects/alarmrule/none", NULL, "{\"spec\":{}}", 422, "field",
       "\"spec\""},
      {"GET", V1 "/objects/alarmrule", NULL, NULL, 200, "total", "1"},
      {"GET", V1 "/objects/alarmrule/slow", NULL, NULL, 200, "stats", ""},
      {"GET", KIND, NULL, NULL, 200, "total", "0"},
      {"GET", V1 "/schemas/alarmrule", NULL, NULL, 200, "title",
       "\"alarmrule\""},
      {"DELETE", V1 "/objects/alarmrule/slow", NULL, NULL, 200, "revision",
       "2"}}},
    {"changed, with versions",
     {{"PUT", KIND "/a", NULL, TAG("x"), 201, "version", "1"},
      {"PUT", KIND "/a", NULL, TAG("x"), 200, "version", "1"},
      {"PUT", KIND "/a", NULL, TAG("y"), 200, "version", "2"},
      {"PUT", KIND "/a", NULL,
       "{\"labels\":{\"team\":\"ops\"},\"spec\":{" DROP "}}", 200,
       "labels.team", "\"ops\""},
      {"PUT", KIND "/a", NULL, "{\"spec\":{" DROP "}}", 200, "labels", "{}"},
      {"GET", KIND "/a/versions", NULL, NULL, 200, "items.0.version", "4"},
      {"GET", KIND "/a/versions", NULL, NULL, 200, "items.3.spec.actions.0.tag",
       "\"x\""},
      {"DELETE", KIND "/a", NULL, NULL, 200, "version", "5"},
      {"GET", KIND "/a", NULL, NULL, 404, "field", "\"id\""},
      {"GET", KIND "/a/versions", NULL, NULL, 200, "items.0.spec", "null"},
      {"DELETE", KIND "/a", NULL, NULL, 404, "status", "404"},
      {"POST", KIND, NULL, NAMED("a", DROP), 201, "version", "6"}}},
    {"on condition",
     {{"PUT", KIND "/a", "If-Match: \"1\"", TAG("x"), 412, "field",
       "\"If-Match\""},
      {"PUT", KIND "/a", "If-Match: *", TAG("x"), 412, "field", "\"If-Match\""},
      {"PUT", KIND "/a", "If-None-Match: *", TAG("x"), 201, "version", "1"},
      {"PUT", KIND "/a", "If-None-Match: *", TAG("y"), 412, "field",
       "\"If-None-Match\""},
      {"PUT", KIND "/a", "If-Match: \"1\"", TAG("y"), 200, "version", "2"},
      {"PUT", KIND "/a", "If-Match: \"1\"", TAG("z"), 412, "detail",
       "\"version 2 is there\""},
      {"PUT", KIND "/a", "If-Match: *", TAG("z"), 200, "version", "3"},
      {"PUT", KIND "/a", "If-Match: 3", TAG("x"), 400, "field", "\"If-Match\""},
      {"DELETE", KIND "/a", "If-Match: \"2\"", NULL, 412, "status", "412"},
      {"DELETE", KIND "/a", "If-Match: \"3\"", NULL, 200, "deleted", "true"},
      {"POST", KIND, NULL, NAMED("b", DROP), 201, NULL, NULL},
      {"POST", KIND, NULL, NAMED("b", DROP), 409, "field", "\"name\""}}},
    {"refused with the path",
     {{"POST", KIND, NULL, "{\"spec\":{" DROP "}}", 422, "field", "\"name\""},
      {"POST", KIND, NULL, NAMED("a/b", DROP), 422, "field", "\"name\""},
      {"PUT", KIND "/a", NULL, NAMED("b", DROP), 422, "field", "\"name\""},
      {"PUT", KIND "/a%20b", NULL, "{\"spec\":{" DROP "}}", 422, "field",
       "\"name\""},
      {"POST", KIND, NULL, NAMED("a", "\"actions\":[]"), 422, "field",
       "\"spec.actions\""},
      {"POST", KIND, NULL, NAMED("a", "\"actions\":[{\"type\":\"explode\"}]"),
       422, "field", "\"spec.actions[0].type\""},
      {"POST", KIND, NULL,
       NAMED("a", "\"actions\":[{\"type\":\"set\",\"field\":\"state\","
                  "\"value\":9}]"),
       422, "field", "\"spec.actions[0].value\""},
      {"POST", KIND, NULL, NAMED("a", "\"filter\":\"state >\"," DROP), 422,
       "field", "\"spec.filter\""},
      {"POST", KIND, NULL, NAMED("a", "\"colour\":1," DROP), 422, "field",
       "\"spec.colour\""},
      {"POST", KIND, NULL, "[]", 400, "field", "\"body\""},
      {"PUT", KIND "/a?author=", NULL, "{\"spec\":{" DROP "}}", 400, "field",
       "\"author\""},
      {"GET", KIND, NULL, NULL, 200, "total", "0"}}},
    {"checked only",
     {{"POST", KIND "/check", NULL, NAMED("a", DROP), 200, "good", "true"},
      {"POST", KIND "/check", NULL, NAMED("a", "\"break\":1," DROP), 422,
       "field", "\"spec.break\""},
      {"GET", KIND, NULL, NULL, 200, "total", "0"},
      {"GET", V1 "/schemas/eventfilter", NULL, NULL, 200, "title",
       "\"eventfilter\""},
      {"GET", V1 "/schemas/none", NULL, NULL, 404, NULL, NULL},
      {"GET", V1 "/objects/none", NULL, NULL, 404, NULL, NULL}}},
    {"tried on an event",
     {{"POST", KIND "/test", NULL, "{\"event\":" EVENT("") "}", 200, "tested",
       "1"},
      {"POST", KIND "/test", NULL, "{\"event\":" EVENT("") "}", 200,
       "items.0.verdict", "\"pass\""},
      {"POST", KIND "/test", NULL,
       "{\"event\":" EVENT("") ",\"default_action\":\"drop\"}", 200, "dropped",
       "1"},
      {"POST", KIND, NULL,
       NAMED("a", "\"actions\":[{\"type\":\"set\",\"field\":\"component\","
                  "\"value\":\"web2\"},{\"type\":\"set\",\"field\":"
                  "\"infos.site\",\"value\":\"x\"}]"),
       201, NULL, NULL},
      {"POST", KIND "/test", NULL,
       "{\"event\":" EVENT(",\"infos\":{\"rack\":4}") "}", 200,
       "items.0.changes.2.field", "\"component\""},
      {"POST", KIND "/test", NULL,
       "{\"event\":" EVENT(",\"infos\":{\"rack\":4}") "}", 200,
       "items.0.changes.3",
       "{\"field\":\"infos.site\",\"from\":null,\"to\":\"x\"}"},
      {"POST", KIND "/test", NULL, "{\"event\":" EVENT("") "}", 200,
       "items.0.event.entity_id", "\"/component/c/n/web2\""},
      {"POST", KIND "/test", NULL,
       "{\"event\":" EVENT("") ",\"objects\":[" NAMED("a", DROP) "]}", 200,
       "items.0.verdict", "\"drop\""},
      {"POST", KIND "/test", NULL,
       "{\"event\":" EVENT("") ",\"only\":true,\"objects\":[" NAMED(
           "b", "\"on_failure\":\"dead\"," COPY) "]}",
       200, "items.0.reason",
       "\"rule b, action 1: nothing is not there to be copied\""},
      {"POST", KIND "/test", NULL,
       "{\"event\":" EVENT("") ",\"objects\":[" NAMED("b", COPY) "]}", 200,
       "rules",
       "[{\"name\":\"a\",\"matches\":1,\"drops\":0,\"failures\":0},"
       "{\"name\":\"b\",\"matches\":1,\"drops\":0,\"failures\":1}]"},
      {"GET", KIND "/a", NULL, NULL, 200, "version", "1"},
      {"GET", KIND, NULL, NULL, 200, "total", "1"}}},
    {"tried as if received at another time",
     {{"POST", KIND, NULL,
       NAMED("a", "\"schedule\":{\"times\":[\"mon 07:00-08:00\"]}," DROP), 201,
       NULL, NULL},
      {"POST", KIND "/test", NULL,
       "{\"event\":" EVENT("") ",\"at\":1795419000}", 200, "dropped", "1"},
      {"POST", KIND "/test", NULL,
       "{\"event\":" EVENT("") ",\"at\":1795422600}", 200, "dropped", "0"},
      {"POST", KIND "/test", NULL, "{\"event\":" EVENT("") ",\"at\":\"noon\"}",
       422, "field", "\"at\""}}},
    {"tables",
     {{"PUT", V1 "/objects/table/sites", NULL,
       "{\"spec\":{\"csv\":\"host,site\\nweb1,Paris\\n\"}}", 201, "version",
       "1"},
      {"GET", V1 "/objects/table/sites", NULL, NULL, 200, "problem", "null"},
      {"PUT", V1 "/objects/table/sites", NULL,
       "{\"spec\":{\"csv\":\"host,site\\nweb1\\n\"}}", 422, "field",
       "\"spec.csv\""},
      {"POST", KIND, NULL, NAMED("a", LOOKUP), 201, NULL, NULL},
      {"POST", KIND "/test", NULL, "{\"event\":" EVENT("") "}", 200,
       "items.0.changes.0",
       "{\"field\":\"infos\",\"from\":null,\"to\":{\"site\":\"Paris\"}}"},
      {"POST", KIND "/test", NULL,
       "{\"event\":" EVENT("") ",\"objects\":[{\"kind\":\"table\",\"name\":"
                               "\"sites\",\"spec\":{\"rows\":{}}}]}",
       200, "items.0.changes", "[]"},
      {"POST", KIND "/test", NULL,
       "{\"event\":" EVENT("") ",\"objects\":[{\"kind\":\"table\",\"name\":"
                               "\"x\",\"spec\":{}}]}",
       422, "field", "\"objects[0].spec.csv\""},
      {"DELETE", V1 "/objects/table/sites", NULL, NULL, 200, "deleted", "true"},
      {"POST", KIND "/test", NULL, "{\"event\":" EVENT("") "}", 200,
       "rules.0.failures", "1"}}},
    {"tried on nothing",
     {{"POST", KIND "/test", NULL, "{}", 422, "field", "\"event\""},
      {"POST", KIND "/test", NULL, "{\"event\":1}", 422, "field", "\"event\""},
      {"POST", KIND "/test", NULL,
       "{\"event\":{\"connector\":\"c\",\"connector_name\":\"n\","
       "\"component\":\"w\",\"state\":9}}",
       422, "field", "\"event.state\""},
      {"POST", KIND "/test", NULL, "{\"entity\":\"/x\"}", 404, "field",
       "\"entity\""},
      {"POST", KIND "/test", NULL, "{\"id\":\"q-1-0\"}", 404, "field",
       "\"id\""},
      {"POST", KIND "/test", NULL, "{\"from\":0}", 200, "tested", "0"},
      {"POST", KIND "/test", NULL, "{\"from\":\"yesterday\"}", 422, "field",
       "\"from\""},
      {"POST", KIND "/test", NULL, "{\"from\":0,\"limit\":0}", 422, "field",
       "\"limit\""},
      {"POST", KIND "/test", NULL, "{\"colour\":1}", 422, "field",
       "\"colour\""},
      {"POST", KIND "/test", NULL, "{\"from\":0,\"objects\":[1]}", 422, "field",
       "\"objects[0]\""},
      {"POST", KIND "/test", NULL,
       "{\"from\":0,\"objects\":[" NAMED("b", "\"actions\":1") "]}", 422,
       "field", "\"objects[0].spec.actions\""},
      {"POST", KIND "/test", NULL, "{\"from\":0,\"default_action\":\"x\"}", 422,
       "field", "\"default_action\""}}},
};

static void call(struct web_fixture *f, const struct step *step)
{
    char headers[256];

    (void)snprintf(headers, sizeof headers, "x-canopsis-authkey: %s\r\n%s%s",
                   WEB_KEY, step->header != NULL ? step->header : "",
                   step->header != NULL ? "\r\n" : "");
    web_method(f, step->method, step->path, headers, step->body);
}

static void check_story(void **state)
{
    const struct story *story = *state;
    struct web_fixture f;

    web_start(&f, NULL);
    for (size_t i = 0; i < N_ROWS(story->steps); i++) {
        const struct step *step = &story->steps[i];

        if (step->method == NULL) {
            break;
        }
        call(&f, step);
        if (f.status != step->status ||
            (step->at != NULL &&
             strcmp(web_at(&f, step->at), step->want) != 0)) {
            fail_msg("step %zu, %s %s: expected %d %s, got %d: %.1000s", i,
                     step->method, step->path, step->status,
                     step->want != NULL ? step->want : "", f.status,
                     buf_str(&f.body));
        }
    }
    web_stop(&f);
}

static void put(struct web_fixture *f, const char *name, const char *body,
                int status)
{
    char path[256];

    (void)snprintf(path, sizeof path, KIND "/%s", name);
    call(f, &(struct step){.method = "PUT", .path = path, .body = body});
    assert_int_equal(f->status, status);
}

/* The version comes as ETag, for If-Match. */
static void tells_its_version(void **state)
{
    struct web_fixture f;

    (void)state;
    web_start(&f, NULL);
    put(&f, "a", TAG("x"), 201);
    assert_non_null(strstr(buf_str(&f.head), "ETag: \"1\"\r\n"));
    web_call(&f, KIND "/a", NULL);
    assert_non_null(strstr(buf_str(&f.head), "ETag: \"1\"\r\n"));
    web_stop(&f);
}

/* Each change is told once, what changes nothing is not. */
static void tells_the_engines(void **state)
{
    struct web_fixture f;
    struct bus_message message;

    (void)state;
    web_start(&f, NULL);
    broker_bind(f.broker, "notices", "canopsis.control", "eventfilter");
    put(&f, "a", TAG("x"), 201);
    put(&f, "a", TAG("x"), 200);
    put(&f, "a", "{}", 422);
    put(&f, "a", TAG("y"), 200);
    assert_int_equal(broker_depth(f.broker, "notices"), 2);
    assert_true(broker_peek(f.broker, "notices", 1, &message));
    assert_int_equal(message.len, strlen("{\"kind\":\"eventfilter\","
                                         "\"revision\":2}"));
    assert_memory_equal(
        message.body, "{\"kind\":\"eventfilter\",\"revision\":2}", message.len);
    web_stop(&f);
}

/* Two webservers write in turn: each raises the fence again. */
static void shares_with_another(void **state)
{
    struct web_fixture f;
    struct store *other;
    struct store_fence fence = {.row = "webserver"};
    struct buf payload;

    (void)state;
    web_start(&f, NULL);
    put(&f, "a", TAG("x"), 201);
    other = store_memory_open(f.memory, "webserver");
    buf_init(&payload, DOC_BYTES_MAX);
    assert_int_equal(
        store_fence_raise(other, INT64_C(9000000000), &fence, &payload),
        ERR_OK);
    buf_fini(&payload);
    put(&f, "a", TAG("y"), 200);
    assert_string_equal(web_at(&f, "version"), "2");
    store_close(other);
    web_stop(&f);
}

struct failing {
    int64_t countdown; /* of calls; 0: none fails */
    bool commits;      /* with a result that is lost */
    bool reached;
};

static enum store_fault fail_nth(void *ctx, bool is_commit)
{
    struct failing *failing = ctx;

    if (failing->countdown == 0 || --failing->countdown > 0) {
        return STORE_FAULT_NONE;
    }
    failing->reached = true;
    return failing->commits && is_commit ? STORE_FAULT_UNKNOWN_APPLIED
                                         : STORE_FAULT_UNAVAILABLE;
}

/* Whichever call of the store fails: 503, and again works; or, where only the
 * result was lost, it is done. */
static void survives_the_store(void **state)
{
    (void)state;
    for (int64_t nth = 1; nth < 100; nth++) {
        struct failing failing = {.countdown = nth, .commits = nth % 2 == 0};
        struct web_fixture f;

        web_start(&f, NULL);
        store_memory_set_fault(f.memory, fail_nth, &failing);
        call(&f, &(struct step){
                     .method = "PUT", .path = KIND "/a", .body = TAG("x")});
        assert_true(f.status == 201 || f.status == 503);
        failing.countdown = 0;
        call(&f, &(struct step){
                     .method = "PUT", .path = KIND "/a", .body = TAG("x")});
        assert_true(f.status == 200 || f.status == 201);
        store_memory_set_fault(f.memory, NULL, NULL);
        web_call(&f, KIND "/a", NULL);
        assert_string_equal(web_at(&f, "version"), "1");
        web_stop(&f);
        if (!failing.reached) {
            return;
        }
    }
    fail_msg("the torture has no end");
}

static void put_unchecked(struct web_fixture *f, const char *name,
                          const char *spec)
{
    struct store *store = store_memory_open(f->memory, "webserver");
    struct store_fence fence = {.row = "webserver"};
    struct objects_change change = {
        .kind = "eventfilter", .name = name, .author = "hand", .expected = -1};
    struct doc_out *out = doc_out_new();
    struct errbuf why;
    struct buf payload;
    int64_t version;
    int64_t revision;

    buf_init(&payload, DOC_BYTES_MAX);
    assert_int_equal(doc_from_json(spec, strlen(spec), out, &change.spec, &why),
                     ERR_OK);
    assert_int_equal(store_fence_raise(store, 1, &fence, &payload), ERR_OK);
    assert_int_equal(
        objects_commit(store, &fence, &change, &version, &revision), ERR_OK);
    buf_fini(&payload);
    doc_out_free(out);
    store_close(store);
}

/* A stored object that is no good is shown, with the reason, and can be put
 * right; a trial passes over it. */
static void shows_a_bad_one(void **state)
{
    struct web_fixture f;

    (void)state;
    web_start(&f, NULL);
    put_unchecked(&f, "bad", "{\"actions\":[{\"type\":\"explode\"}]}");
    web_call(&f, KIND, NULL);
    assert_int_equal(f.status, 200);
    assert_string_equal(web_at(&f, "items.0.problem.field"),
                        "\"spec.actions[0].type\"");
    web_call(&f, KIND "/test", "{\"event\":" EVENT("") "}");
    assert_string_equal(web_at(&f, "items.0.verdict"), "\"pass\"");
    assert_string_equal(web_at(&f, "bad_rules.0.name"), "\"bad\"");
    put(&f, "bad", TAG("x"), 200);
    assert_string_equal(web_at(&f, "problem"), "null");
    web_stop(&f);
}

/* Stored events: the last check of an entity, one of the log, a time of it. */
static void tries_stored_ones(void **state)
{
    static const char event[] =
        "{\"_key\":\"/component/c/n/web1\",\"_a\":%d,\"id\":\"q-%d-0\","
        "\"connector\":\"c\",\"connector_name\":\"n\",\"event_type\":\"check\","
        "\"source_type\":\"component\",\"component\":\"web1\",\"state\":%d,"
        "\"timestamp\":1,\"entity_id\":\"/component/c/n/web1\"}";
    struct web_fixture f;
    char text[1024];

    (void)state;
    web_start(&f, NULL);
    put(&f, "a", "{\"spec\":{\"filter\":\"state>1\"," DROP "}}", 201);
    for (int i = 1; i <= 3; i++) {
        (void)snprintf(text, sizeof text, event, i * 1000, i, i);
        web_put(&f, i == 3 ? STORE_EVENTS : STORE_EVENTS_LOG, text);
    }
    web_call(&f, KIND "/test", "{\"entity\":\"/component/c/n/web1\"}");
    assert_string_equal(web_at(&f, "items.0.id"), "\"q-3-0\"");
    assert_string_equal(web_at(&f, "items.0.verdict"), "\"drop\"");
    web_call(&f, KIND "/test", "{\"id\":\"q-1-0\"}");
    assert_string_equal(web_at(&f, "tested"), "1");
    assert_string_equal(web_at(&f, "items.0.verdict"), "\"pass\"");
    web_call(&f, KIND "/test", "{\"from\":0,\"to\":100}");
    assert_string_equal(web_at(&f, "tested"), "2");
    assert_string_equal(web_at(&f, "dropped"), "1");
    assert_string_equal(web_at(&f, "items.1.id"), "");
    assert_string_equal(web_at(&f, "more"), "false");
    web_call(&f, KIND "/test", "{\"from\":0,\"limit\":1}");
    assert_string_equal(web_at(&f, "more"), "true");
    assert_string_equal(web_at(&f, "tested"), "1");
    assert_string_equal(web_at(&f, "reached_at"), "2");
    assert_string_equal(web_at(&f, "items.0.verdict"), "\"drop\"");
    (void)snprintf(text, sizeof text, "{\"from\":0,\"limit\":5,\"cursor\":%s}",
                   web_at(&f, "next"));
    web_call(&f, KIND "/test", text);
    assert_string_equal(web_at(&f, "tested"), "1");
    assert_string_equal(web_at(&f, "reached_at"), "1");
    assert_string_equal(web_at(&f, "next"), "null");
    assert_string_equal(web_at(&f, "items"), "[]");
    web_call(&f, KIND "/test", "{\"from\":0,\"examples\":0}");
    assert_string_equal(web_at(&f, "dropped"), "1");
    assert_string_equal(web_at(&f, "items"), "[]");
    web_call(&f, KIND "/test", "{\"from\":0,\"examples\":101}");
    assert_string_equal(web_at(&f, "field"), "\"examples\"");
    web_call(&f, KIND "/test", "{\"from\":0,\"cursor\":\"x\"}");
    assert_string_equal(web_at(&f, "field"), "\"cursor\"");
    /* what was done already is no change */
    put(&f, "a",
        "{\"spec\":{\"actions\":[{\"type\":\"set\",\"field\":\"state\","
        "\"value\":1}]}}",
        200);
    web_call(&f, KIND "/test", "{\"from\":0}");
    assert_string_equal(web_at(&f, "changed"), "1");
    assert_string_equal(web_at(&f, "rules.0.matches"), "2");
    assert_string_equal(web_at(&f, "items.0.id"), "\"q-2-0\"");
    assert_string_equal(web_at(&f, "items.1"), "");
    web_stop(&f);
}

/* What the engine counted, over its partitions. */
static void sums_counts(void **state)
{
    struct web_fixture f;

    (void)state;
    web_start(&f, NULL);
    put(&f, "a", TAG("x"), 201);
    web_put(&f, STORE_RULE_COUNTS,
            "{\"_key\":\"a\",\"_a\":0,\"name\":\"a\",\"matches\":3,\"drops\":1,"
            "\"failures\":1,\"matched_at\":5,\"last_failure\":{\"at\":4,"
            "\"event\":\"q-1-0\",\"reason\":\"old\"}}");
    web_put(&f, STORE_RULE_COUNTS,
            "{\"_key\":\"a\",\"_a\":1,\"name\":\"a\",\"matches\":4,\"drops\":0,"
            "\"failures\":2,\"matched_at\":9,\"last_failure\":{\"at\":8,"
            "\"event\":\"q-2-0\",\"reason\":\"new\"}}");
    web_call(&f, KIND "/a", NULL);
    assert_string_equal(web_at(&f, "stats.matches"), "7");
    assert_string_equal(web_at(&f, "stats.failures"), "3");
    assert_string_equal(web_at(&f, "stats.matched_at"), "9");
    assert_string_equal(web_at(&f, "stats.last_failure.reason"), "\"new\"");
    web_stop(&f);
}

int main(void)
{
    const struct row_table tables[] = {
        ROWS(stories, check_story),     ROW_SINGLE(tells_its_version),
        ROW_SINGLE(tells_the_engines),  ROW_SINGLE(shares_with_another),
        ROW_SINGLE(survives_the_store), ROW_SINGLE(shows_a_bad_one),
        ROW_SINGLE(tries_stored_ones),  ROW_SINGLE(sums_counts),
    };

    return rows_run("objects", tables, N_ROWS(tables));
}
