/* SPDX-License-Identifier: Apache-2.0 */
/** The API on seeded rows: lists, items, points, and what they refuse. */
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/metrics/status_file.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"
#include "tests/unit/webserver/web_fixture.h"

#define V1 "/api/v1"

static const struct {
    enum store_collection into;
    const char *json;
} seeds[] = {
    {STORE_ALARMS,
     "{\"id\":\"aa11\",\"entity_id\":\"/resource/c/n/web1/disk\","
     "\"source_type\":\"resource\",\"connector\":\"c\","
     "\"connector_name\":\"n\",\"component\":\"web1\","
     "\"resource\":\"disk\",\"state\":2,\"status\":1,"
     "\"output\":\"95% full\",\"opened_at\":100.5,\"changed_at\":200.25,"
     "\"events_count\":3,\"steps_count\":2,\"_memory\":7}"},
    {STORE_ALARMS,
     "{\"id\":\"aa22\",\"entity_id\":\"/component/c/n/db.1\","
     "\"source_type\":\"component\",\"connector\":\"c\","
     "\"connector_name\":\"n\",\"component\":\"db.1\",\"resource\":\"\","
     "\"state\":3,\"status\":1,\"output\":\"down\",\"opened_at\":50,"
     "\"changed_at\":300,\"ack\":{\"author\":\"ann\",\"message\":\"m\","
     "\"at\":310}}"},
    {STORE_ALARMS,
     "{\"id\":\"bb33\",\"entity_id\":\"/component/c/n/dbx1\","
     "\"source_type\":\"component\",\"component\":\"dbx1\",\"state\":1,"
     "\"status\":1,\"output\":\"slow\",\"opened_at\":60,"
     "\"changed_at\":250}"},
    {STORE_ALARMS_RESOLVED,
     "{\"id\":\"cc44\",\"entity_id\":\"/component/c/n/old\","
     "\"component\":\"old\",\"state\":0,\"status\":0,\"output\":\"fine\","
     "\"opened_at\":1,\"changed_at\":2,\"resolved_at\":3}"},
    {STORE_STEPS,
     "{\"_key\":\"aa11\",\"_a\":1,\"alarm_id\":\"aa11\",\"step\":1,"
     "\"type\":\"stateinc\",\"t\":100.5,\"value\":2,\"author\":\"c.n\","
     "\"message\":\"95% full\"}"},
    {STORE_STEPS,
     "{\"_key\":\"aa11\",\"_a\":2,\"alarm_id\":\"aa11\",\"step\":2,"
     "\"type\":\"statusinc\",\"t\":100.5,\"value\":1,\"author\":\"c.n\","
     "\"message\":\"\"}"},
    {STORE_STEPS,
     "{\"_key\":\"aa22\",\"_a\":1,\"type\":\"stateinc\",\"t\":50}"},
    {STORE_ENTITIES,
     "{\"id\":\"/resource/c/n/web1/a%2Fb\",\"type\":\"resource\","
     "\"name\":\"a/b\",\"component\":\"web1\",\"resource\":\"a/b\","
     "\"connector\":\"c\",\"connector_name\":\"n\","
     "\"enabled\":true,\"state\":0}"},
    {STORE_ENTITIES, "{\"id\":\"/component/c/n/web1\",\"type\":\"component\","
                     "\"connector\":\"c\",\"connector_name\":\"n\","
                     "\"resource\":\"\","
                     "\"name\":\"web1\",\"component\":\"web1\",\"state\":2}"},
    {STORE_ENTITIES, "{\"id\":\"/connector/c/n\",\"type\":\"connector\","
                     "\"connector\":\"c\",\"connector_name\":\"n\","
                     "\"component\":\"\",\"resource\":\"\",\"name\":\"n\"}"},
    {STORE_ENTITIES, "{\"id\":\"/component/d/n/web1\",\"type\":\"component\","
                     "\"connector\":\"d\",\"connector_name\":\"n\","
                     "\"resource\":\"\","
                     "\"name\":\"web1\",\"component\":\"web1\",\"state\":0}"},
    {STORE_ENTITIES, "{\"id\":\"/resource/d/n/web1/x\",\"type\":\"resource\","
                     "\"connector\":\"d\",\"connector_name\":\"n\","
                     "\"resource\":\"x\","
                     "\"name\":\"x\",\"component\":\"web1\",\"state\":0}"},
    {STORE_METRICS,
     "{\"id\":\"/resource/c/n/web1/disk/used\",\"n\":7,"
     "\"entity_id\":\"/resource/c/n/web1/disk\",\"name\":\"used\","
     "\"unit\":\"%\",\"type\":\"GAUGE\",\"warn\":\"80\",\"crit\":\"90\"}"},
    {STORE_METRICS, "{\"id\":\"/resource/c/n/web1/if/rx\",\"n\":8,"
                    "\"entity_id\":\"/resource/c/n/web1/if\",\"name\":\"rx\","
                    "\"type\":\"COUNTER\"}"},
    {STORE_POINTS, "{\"_a\":7,\"_b\":10000,\"v\":1}"},
    {STORE_POINTS, "{\"_a\":7,\"_b\":20500,\"v\":3.5}"},
    {STORE_POINTS, "{\"_a\":7,\"_b\":70000,\"v\":5}"},
    {STORE_POINTS, "{\"_a\":8,\"_b\":10000,\"v\":100}"},
    {STORE_POINTS, "{\"_a\":8,\"_b\":20000,\"v\":300}"},
    {STORE_POINTS, "{\"_a\":8,\"_b\":30000,\"v\":310}"},
    {STORE_POINTS, "{\"_a\":9,\"_b\":20000,\"v\":1}"},
    {STORE_EVENTS, "{\"_key\":\"/component/c/n/web1\",\"id\":\"q-1-0\","
                   "\"component\":\"web1\",\"state\":2,\"timestamp\":5,"
                   "\"output\":\"bad\"}"},
    {STORE_EVENTS_LOG,
     "{\"_a\":1000,\"_b\":1,\"id\":\"q-1-0\",\"entity_id\":\"e1\","
     "\"received_at\":1,\"component\":\"web1\",\"output\":\"one\"}"},
    {STORE_EVENTS_LOG,
     "{\"_a\":2000,\"_b\":1,\"id\":\"q-2-0\",\"entity_id\":\"e2\","
     "\"received_at\":2,\"component\":\"web2\",\"output\":\"two\"}"},
    {STORE_EVENTS_LOG,
     "{\"_a\":3000,\"_b\":1,\"id\":\"q-3-0\",\"entity_id\":\"e1\","
     "\"received_at\":3,\"component\":\"web1\",\"output\":\"three\"}"},
    {STORE_DEAD,
     "{\"_key\":\"cleaner/q-9-0\",\"at\":9,\"engine\":\"cleaner\","
     "\"reason\":\"state: expected 0 to 3\",\"field\":\"state\","
     "\"routing_key\":\"a.b\",\"position\":\"q-9-0\",\"body\":\"{}\"}"},
    {STORE_DEAD_COUNTS,
     "{\"_key\":\"cleaner/state/r\",\"engine\":\"cleaner\",\"total\":3}"},
    {STORE_DEAD_COUNTS,
     "{\"_key\":\"alarm//s\",\"engine\":\"alarm\",\"total\":5}"},
};

static void seed(struct web_fixture *f)
{
    for (size_t i = 0; i < N_ROWS(seeds); i++) {
        web_put(f, seeds[i].into, seeds[i].json);
    }
}

struct get_row {
    const char *name;
    const char *path;
    int status;
    const char *at; /* path in the answer; NULL: not looked at */
    const char *want;
};

static const struct get_row gets[] = {
    /* alarms */
    {"alarms", V1 "/alarms", 200, "total", "3"},
    {"total is exact", V1 "/alarms", 200, "total_is", "\"exact\""},
    {"newest change first", V1 "/alarms", 200, "items.0.id", "\"aa22\""},
    {"no next", V1 "/alarms", 200, "next", "null"},
    {"times with fraction", V1 "/alarms?sort=changed_at", 200,
     "items.0.changed_at", "200.25"},
    {"absent member", V1 "/alarms?sort=changed_at", 200, "items.0.ack", "null"},
    {"absent bool", V1 "/alarms", 200, "items.0.canceled", "false"},
    {"absent array", V1 "/alarms", 200, "items.0.tags", "[]"},
    {"nested member", V1 "/alarms", 200, "items.0.ack.author", "\"ann\""},
    {"own members are hidden", V1 "/alarms/aa11", 200, "_memory", ""},
    {"sort", V1 "/alarms?sort=opened_at", 200, "items.0.id", "\"aa22\""},
    {"sort down", V1 "/alarms?sort=-state", 200, "items.2.id", "\"bb33\""},
    {"limit", V1 "/alarms?limit=1", 200, "items.1.id", ""},
    {"limit keeps the total", V1 "/alarms?limit=1", 200, "total", "3"},
    {"resolved", V1 "/alarms?opened=false", 200, "items.0.id", "\"cc44\""},
    {"both", V1 "/alarms?opened=both", 200, "items.3.id", "\"cc44\""},
    {"both counts both", V1 "/alarms?opened=both", 200, "total", "4"},
    {"filter as text", V1 "/alarms?filter=state%3E=3", 200, "total", "1"},
    {"filter as JSON", V1 "/alarms?filter=%7B%22component%22%3A%22web1%22%7D",
     200, "items.0.id", "\"aa11\""},
    {"filter by a mark", V1 "/alarms?filter=not%20acked", 200, "total", "2"},
    {"filter by a mark set", V1 "/alarms?filter=acked", 200, "items.0.id",
     "\"aa22\""},
    {"filter by a mark as bool", V1 "/alarms?filter=acked%3Dtrue", 200, "total",
     "1"},
    {"filter by no mark", V1 "/alarms?filter=acked%3Dfalse", 200, "total", "2"},
    {"filter by a nested mark",
     V1 "/alarms?filter=state%3E%3D1%20and%20(acked%20or%20cancelled)", 200,
     "total", "1"},
    {"empty filter", V1 "/alarms?filter=", 200, "total", "3"},
    {"search output", V1 "/alarms?search=FULL", 200, "items.0.id", "\"aa11\""},
    {"search is no pattern", V1 "/alarms?search=db.1", 200, "total", "1"},
    {"search and filter", V1 "/alarms?search=db&filter=state%3D1", 200,
     "items.0.id", "\"bb33\""},
    {"search nothing", V1 "/alarms?search=%28%5B", 200, "total", "0"},
    {"prefix", V1 "/alarms?prefix=aa", 200, "total", "2"},
    {"prefix in both", V1 "/alarms?prefix=cc&opened=both", 200, "items.0.id",
     "\"cc44\""},
    {"prefix of none", V1 "/alarms?prefix=zz", 200, "total", "0"},
    {"one", V1 "/alarms/aa11", 200, "output", "\"95% full\""},
    {"one by query", V1 "/alarms?id=aa11", 200, "output", "\"95% full\""},
    {"one resolved", V1 "/alarms/cc44", 200, "resolved_at", "3"},
    {"none", V1 "/alarms/dd", 404, "field", "\"id\""},
    {"steps", V1 "/alarms/aa11/steps", 200, "items.1.type", "\"statusinc\""},
    {"steps of it only", V1 "/alarms/aa11/steps", 200, "items.2.type", ""},
    {"steps by query", V1 "/alarms/steps?id=aa22", 200, "items.0.step", "1"},
    {"steps of none", V1 "/alarms/dd/steps", 200, "items", "[]"},
    /* what is refused */
    {"bad sort", V1 "/alarms?sort=output", 400, "field", "\"sort\""},
    {"bad limit", V1 "/alarms?limit=0", 400, "field", "\"limit\""},
    {"limit above", V1 "/alarms?limit=1001", 400, "field", "\"limit\""},
    {"limit no number", V1 "/alarms?limit=1x", 400, "field", "\"limit\""},
    {"bad filter", V1 "/alarms?filter=%7B%22%24no%22:1%7D", 400, "field",
     "\"filter\""},
    {"bad cursor", V1 "/alarms?cursor=zz", 400, "field", "\"cursor\""},
    {"forged cursor", V1 "/alarms?cursor=0.AAAA", 400, "field", "\"cursor\""},
    {"bad opened", V1 "/alarms?opened=maybe", 400, "field", "\"opened\""},
    {"param twice", V1 "/alarms?limit=1&limit=2", 400, "field", "\"limit\""},
    {"empty prefix", V1 "/alarms?prefix=", 400, "field", "\"prefix\""},
    /* entities */
    {"entities", V1 "/entities", 200, "total", "5"},
    {"entity filter", V1 "/entities?filter=type%3Dcomponent", 200,
     "items.0.name", "\"web1\""},
    {"entity escaped", V1 "/entities/%2Fcomponent%2Fc%2Fn%2Fweb1", 200, "state",
     "2"},
    {"entity by query", V1 "/entities?id=/component/c/n/web1", 200, "state",
     "2"},
    {"entity with escapes in its id",
     V1 "/entities/%2Fresource%2Fc%2Fn%2Fweb1%2Fa%252Fb", 200, "name",
     "\"a/b\""},
    {"entity through an unescaping proxy", V1 "/entities//component/c/n/web1",
     200, "state", "2"},
    {"no entity", V1 "/entities/x", 404, "status", "404"},
    {"neighbours of a component",
     V1 "/entities/neighbours?id=/component/c/n/web1", 200, "total", "3"},
    {"another one of its name",
     V1 "/entities/neighbours?id=/component/c/n/web1&filter=connector=d", 200,
     "items.0.relation", "\"same\""},
    {"its resource",
     V1 "/entities/neighbours?id=/component/c/n/web1&filter=type=resource", 200,
     "items.0.relation", "\"child\""},
    {"its connector",
     V1 "/entities/neighbours?id=/component/c/n/web1&search=n&"
        "filter=type=connector",
     200, "items.0.relation", "\"parent\""},
    {"neighbours of a resource",
     V1 "/entities/%2Fresource%2Fc%2Fn%2Fweb1%2Fa%252Fb/neighbours", 200,
     "total", "2"},
    {"its component",
     V1 "/entities/%2Fresource%2Fc%2Fn%2Fweb1%2Fa%252Fb/neighbours"
        "?filter=type=component",
     200, "items.0.relation", "\"parent\""},
    {"neighbours of a connector",
     V1 "/entities/%2Fconnector%2Fd%2Fn/neighbours", 404, "field", "\"id\""},
    {"neighbours of a connector's",
     V1 "/entities/%2Fconnector%2Fc%2Fn/neighbours", 200, "items.0.id",
     "\"/component/c/n/web1\""},
    {"neighbours, page by page",
     V1 "/entities/neighbours?id=/component/c/n/web1&limit=1", 200,
     "items.1.id", ""},
    /* metrics */
    {"counters", V1 "/alarms/counters", 200, "by_state.critical", "1"},
    {"counters of marks", V1 "/alarms/counters", 200, "acked", "1"},
    {"counters by a filter", V1 "/alarms/counters?filter=not%20acked", 200,
     "total", "2"},
    {"counters by none", V1 "/alarms/counters?filter=(", 400, "field",
     "\"filter\""},
    {"why it was opened", V1 "/alarms/aa11/explain", 200, "reasons.0.text",
     "\"it was opened by what came from c.n: 95% full\""},
    {"why its state", V1 "/alarms/aa11/explain", 200, "reasons.1.text",
     "\"it became worse by what came from c.n: 95% full\""},
    {"why its status, since when", V1 "/alarms/aa11/explain", 200,
     "reasons.2.at", "100.5"},
    {"who acknowledged", V1 "/alarms/aa22/explain", 200, "reasons.3.text",
     "\"acknowledged by ann: m\""},
    {"why is nothing", V1 "/alarms/zz/explain", 404, "field", "\"id\""},
    {"metrics", V1 "/metrics", 200, "total", "2"},
    {"metrics of an entity", V1 "/metrics?entity=/resource/c/n/web1/disk", 200,
     "items.0.name", "\"used\""},
    {"metrics of a component", V1 "/metrics?component=web1", 200, "total", "2"},
    {"metrics of a component, filtered",
     V1 "/metrics?component=web1&filter=name=rx&search=if", 200, "total", "1"},
    {"metrics of no component", V1 "/metrics?component=web", 200, "total", "0"},
    {"metrics of an odd component", V1 "/metrics?component=w.b1%2F(%25", 200,
     "total", "0"},
    {"alarms have no such parameter", V1 "/alarms?component=web1", 400,
     "status", "400"},
    {"metrics of none", V1 "/metrics?entity=/x", 200, "total", "0"},
    {"metric", V1 "/metrics?id=/resource/c/n/web1/disk/used", 200, "crit",
     "\"90\""},
    {"last value", V1 "/metrics?search=used", 200, "items.0.last",
     "{\"t\":70,\"value\":5}"},
    {"last rate", V1 "/metrics?id=/resource/c/n/web1/if/rx", 200, "last.value",
     "1"},
    {"both in their list", V1 "/metrics?limit=2", 200, "items.1.last.t", "30"},
    {"points",
     V1 "/metrics/%2Fresource%2Fc%2Fn%2Fweb1%2Fdisk%2Fused/points?from=0&to="
        "100",
     200, "points", "[[10,1],[20.5,3.5],[70,5]]"},
    {"points by query",
     V1 "/metrics/points?id=/resource/c/n/web1/disk/used&from=0&to=100", 200,
     "points", "[[10,1],[20.5,3.5],[70,5]]"},
    {"points in a span",
     V1 "/metrics/points?id=/resource/c/n/web1/disk/used&from=20&to=70", 200,
     "points", "[[20.5,3.5],[70,5]]"},
    {"points by step",
     V1 "/metrics/points?id=/resource/c/n/web1/disk/used&from=0&to=100&step="
        "1m",
     200, "points", "[[0,1,2.25,3.5,3.5,2],[60,5,5,5,5,1]]"},
    {"points aggregated",
     V1 "/metrics/points?id=/resource/c/n/web1/disk/used&from=0&to=100&step=60"
        "&agg=max",
     200, "points", "[[0,3.5],[60,5]]"},
    {"points limited",
     V1 "/metrics/points?id=/resource/c/n/web1/disk/used&from=0&to=100&limit=2",
     200, "next", "70"},
    {"rates", V1 "/metrics/points?id=/resource/c/n/web1/if/rx&from=15&to=100",
     200, "points", "[[20,20],[30,1]]"},
    {"raw counter",
     V1 "/metrics/points?id=/resource/c/n/web1/if/rx&from=15&to=100&raw=true",
     200, "points", "[[20,300],[30,310]]"},
    {"no metric", V1 "/metrics/points?id=/x&from=0&to=1", 404, "field",
     "\"id\""},
    {"bad from", V1 "/metrics/points?id=/x&from=yesterday", 400, "field",
     "\"from\""},
    {"from after to", V1 "/metrics/points?id=/x&from=5&to=4", 400, "field",
     "\"from\""},
    {"far time", V1 "/metrics/points?id=/x&from=0&to=1e300", 400, "field",
     "\"to\""},
    {"bad step", V1 "/metrics/points?id=/x&from=0&to=9&step=x", 400, "field",
     "\"step\""},
    {"step too small", V1 "/metrics/points?id=/x&from=0&step=1s", 400, "field",
     "\"step\""},
    {"bad agg", V1 "/metrics/points?id=/x&from=0&to=9&step=1m&agg=sum", 400,
     "field", "\"agg\""},
    {"agg without step", V1 "/metrics/points?id=/x&from=0&to=9&agg=min", 400,
     "field", "\"agg\""},
    /* events */
    {"events", V1 "/events", 200, "items.0.output", "\"bad\""},
    {"event keeps its id", V1 "/events", 200, "items.0.id", "\"q-1-0\""},
    {"log newest first", V1 "/events/log", 200, "items.0.output", "\"three\""},
    {"log oldest first", V1 "/events/log?order=asc", 200, "items.0.output",
     "\"one\""},
    {"log from", V1 "/events/log?from=2&order=asc", 200, "items.0.output",
     "\"two\""},
    {"log to", V1 "/events/log?to=3", 200, "items.0.output", "\"two\""},
    {"log of an entity", V1 "/events/log?entity=e2", 200, "items.0.output",
     "\"two\""},
    {"log search", V1 "/events/log?search=one", 200, "items.0.output",
     "\"one\""},
    {"log order", V1 "/events/log?order=up", 400, "field", "\"order\""},
    {"log has no sort", V1 "/events/log?sort=state", 400, "field", "\"sort\""},
    /* dead letters */
    {"dead", V1 "/dead", 200, "items.0.field", "\"state\""},
    {"dead one", V1 "/dead?id=cleaner/q-9-0", 200, "body", "\"{}\""},
    {"dead not replayed", V1 "/dead", 200, "items.0.replayed_at", "null"},
    {"dead counts, most first", V1 "/dead/counts", 200, "items.0.id",
     "\"alarm//s\""},
    {"dead counts by filter", V1 "/dead/counts?filter=engine=cleaner", 200,
     "items.0.total", "3"},
    {"dead none", V1 "/dead?id=x", 404, "field", "\"id\""},
    /* system */
    {"version", V1 "/version", 200, "api", "\"v1\""},
    {"ready", V1 "/ready", 200, "ready", "true"},
    {"health counts the dead", V1 "/health", 200, "dead", "1"},
    {"health misses engines", V1 "/health", 200, "status", "\"degraded\""},
    {"health says which", V1 "/health", 200, "engines.0.why_not",
     "\"not started\""},
};

static void check_get(void **state)
{
    const struct get_row *row = *state;
    struct web_fixture f;

    web_start(&f, NULL);
    seed(&f);
    web_call(&f, row->path, NULL);
    assert_int_equal(f.status, row->status);
    if (row->at != NULL) {
        assert_string_equal(web_at(&f, row->at), row->want);
    }
    web_stop(&f);
}

/* A line each, what needs it quoted, over both collections. */
static void exported(void **state)
{
    struct web_fixture f;
    const char *text;

    (void)state;
    web_start(&f, NULL);
    seed(&f);
    web_put(&f, STORE_ALARMS,
            "{\"id\":\"quoted\",\"component\":\"a,b\",\"state\":1,"
            "\"changed_at\":1,\"output\":\"say \\\"x\\\"\\nnow\"}");
    web_call(&f, V1 "/alarms/export.csv?opened=both&sort=changed_at", NULL);
    assert_int_equal(f.status, 200);
    assert_non_null(strstr(buf_str(&f.head), "text/csv"));
    text = buf_str(&f.body);
    assert_int_equal(strncmp(text, "id,entity_id,source_type,", 25), 0);
    assert_non_null(strstr(text, "\r\nquoted,,,,,\"a,b\",,1,,\"say \"\"x\"\"\n"
                                 "now\","));
    assert_non_null(strstr(text, "\r\naa11,/resource/c/n/web1/disk,resource,"));
    assert_true(strstr(text, "\r\nquoted,") < strstr(text, "\r\naa11,"));
    web_call(&f, V1 "/alarms/export.csv?filter=acked", NULL);
    assert_non_null(strstr(buf_str(&f.body), "\r\naa22,"));
    assert_null(strstr(buf_str(&f.body), "aa11"));
    web_call(&f, V1 "/alarms/export.csv?sort=nope", NULL);
    assert_int_equal(f.status, 400);
    web_stop(&f);
}

#define USED "\"/resource/c/n/web1/disk/used\""
#define RX   "\"/resource/c/n/web1/if/rx\""

static const struct query_row {
    const char *name, *body;
    int status;
    const char *at, *want;
} queries[] = {
    {"two, in their order",
     "{\"metrics\":[" RX "," USED "],\"from\":0,\"to\":100}", 200,
     "items.1.points", "[[10,1],[20.5,3.5],[70,5]]"},
    {"rates", "{\"metrics\":[" RX "],\"from\":15,\"to\":100}", 200,
     "items.0.points", "[[20,20],[30,1]]"},
    {"as stored",
     "{\"metrics\":[" RX "],\"from\":\"15\",\"to\":100,\"raw\":true}", 200,
     "items.0.points", "[[20,300],[30,310]]"},
    {"the greatest of a step",
     "{\"metrics\":[" USED "],\"from\":0,\"to\":60,\"step\":\"1m\","
     "\"agg\":\"max\"}",
     200, "items.0.points", "[[0,3.5]]"},
    {"a bound for all together",
     "{\"metrics\":[" USED "," RX "],\"from\":0,\"to\":100,\"limit\":2}", 200,
     "items.0.next", "70"},
    {"too many steps",
     "{\"metrics\":[" USED "],\"from\":0,\"to\":200,\"step\":1}", 400, "field",
     "\"step\""},
    {"too many steps of all together",
     "{\"metrics\":[" USED "," USED "," USED
     "],\"from\":0,\"to\":99,\"raw\":true,\"limit\":100}",
     200, "items.2.next", "null"},
    {"no metric", "{\"metrics\":[\"/x\"],\"from\":0,\"to\":1}", 404, "field",
     "\"id\""},
    {"none", "{\"metrics\":[]}", 422, "field", "\"metrics\""},
    {"no list", "{\"metrics\":" USED "}", 422, "field", "\"metrics\""},
    {"no text", "{\"metrics\":[1]}", 422, "field", "\"metrics\""},
    {"an unknown member", "{\"metrics\":[" USED "],\"x\":1}", 422, "field",
     "\"x\""},
    {"no time", "{\"metrics\":[" USED "],\"from\":[]}", 400, "field",
     "\"from\""},
    {"no JSON", "metrics", 400, "status", "400"},
};

static void check_query(void **state)
{
    static const char *const set[] = {"points_max=100", NULL};
    const struct query_row *row = *state;
    struct web_fixture f;

    web_start(&f, set);
    seed(&f);
    web_call(&f, V1 "/metrics/query", row->body);
    assert_int_equal(f.status, row->status);
    assert_string_equal(web_at(&f, row->at), row->want);
    web_stop(&f);
}

/* Page after page gives each row once, over both collections. */
static void pages(void **state)
{
    struct web_fixture f;
    char cursor[512] = "", path[1024], seen[256] = "";
    int n = 0;

    (void)state;
    web_start(&f, NULL);
    seed(&f);
    do {
        (void)snprintf(
            path, sizeof path,
            V1 "/alarms?opened=both&limit=1&sort=opened_at&cursor=%s", cursor);
        web_call(&f, path, NULL);
        assert_int_equal(f.status, 200);
        (void)snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%s ",
                       web_at(&f, "items.0.id"));
        (void)snprintf(cursor, sizeof cursor, "%s", doc_str(f.doc, "next", ""));
        n++;
    } while (cursor[0] != '\0' && n < 10);
    assert_string_equal(seen, "\"aa22\" \"bb33\" \"aa11\" \"cc44\" ");
    web_stop(&f);
}

static void message_lists_sorts(void **state)
{
    struct web_fixture f;

    (void)state;
    web_start(&f, NULL);
    web_call(&f, V1 "/alarms?sort=nope", NULL);
    assert_non_null(strstr(web_at(&f, "detail"), "changed_at"));
    assert_non_null(strstr(web_at(&f, "detail"), "state"));
    web_call(&f, V1 "/alarms?sort=nope&opened=both", NULL);
    assert_non_null(strstr(web_at(&f, "detail"), "opened_at"));
    assert_null(strstr(web_at(&f, "detail"), "status"));
    web_stop(&f);
}

static enum store_fault always_away(void *ctx, bool is_commit)
{
    (void)ctx;
    return is_commit ? STORE_FAULT_NONE : STORE_FAULT_UNAVAILABLE;
}

static void store_away(void **state)
{
    static const char *const paths[] = {V1 "/alarms",
                                        V1 "/alarms/aa11",
                                        V1 "/alarms/aa11/steps",
                                        V1 "/entities",
                                        V1 "/entities/x",
                                        V1 "/metrics",
                                        V1 "/metrics/x/points",
                                        V1 "/events",
                                        V1 "/events/log",
                                        V1 "/dead",
                                        V1 "/ready"};
    struct web_fixture f;

    (void)state;
    web_start(&f, NULL);
    seed(&f);
    store_memory_set_fault(f.memory, always_away, NULL);
    for (size_t i = 0; i < N_ROWS(paths); i++) {
        web_call(&f, paths[i], NULL);
        assert_int_equal(f.status, 503);
        assert_non_null(strstr(buf_str(&f.head), "Retry-After"));
    }
    web_call(&f, V1 "/health", NULL);
    assert_int_equal(f.status, 200);
    assert_string_equal(web_at(&f, "status"), "\"down\"");
    store_memory_set_fault(f.memory, NULL, NULL);
    server_set_store(&f.server, NULL, "not there");
    for (size_t i = 0; i < N_ROWS(paths); i++) {
        web_call(&f, paths[i], NULL);
        assert_int_equal(f.status, 503);
    }
    server_set_store(&f.server, f.store, "");
    web_call(&f, V1 "/alarms", NULL);
    assert_int_equal(f.status, 200);
    web_stop(&f);
}

static void tell_status(struct status_file *file, const char *why_not)
{
    struct errbuf why = {0};

    assert_int_equal(
        status_file_write(file, why_not == NULL, why_not, clock_now_ms(), &why),
        ERR_OK);
}

/* What a process tells is seen by the next who asks, not a second later. */
static void health_is_new(void **state)
{
    static const char *const set[] = {"expect=engine-x", NULL};
    struct status_file *file;
    struct web_fixture f;

    (void)state;
    web_start(&f, set);
    file = status_file_open(f.folder, "engine-x", NULL, clock_now_ms());
    for (int i = 0; i < 3; i++) {
        tell_status(file, "starting");
        web_call(&f, V1 "/health", NULL);
        assert_string_equal(web_at(&f, "why_not"), "\"engine-x: starting\"");
        tell_status(file, NULL);
        web_call(&f, V1 "/health", NULL);
        assert_string_equal(web_at(&f, "status"), "\"ok\"");
    }
    status_file_close(file);
    web_stop(&f);
}

int main(void)
{
    const struct row_table tables[] = {
        ROWS(gets, check_get),
        ROWS(queries, check_query),
        ROW_SINGLE(pages),
        ROW_SINGLE(exported),
        ROW_SINGLE(message_lists_sorts),
        ROW_SINGLE(store_away),
        ROW_SINGLE(health_is_new),
    };

    return rows_run("api", tables, N_ROWS(tables));
}
