/* SPDX-License-Identifier: Apache-2.0 */
/** Every engine killed before each of its acts, one by one, and in pairs. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "engines/alarm/alarm.h"
#include "engines/cleaner/cleaner.h"
#include "engines/collectdgw/collectdgw.h"
#include "engines/context/context.h"
#include "engines/event-filter/event_filter.h"
#include "engines/eventstore/eventstore.h"
#include "engines/perfdata/perfdata.h"
#include "tests/sim/suite_dump.h"
#include "tests/sim/suite_rules.h"
#include "tests/support/testlog.h"
#include "tests/support/unit.h"

enum {
    DUMP_BYTES = 4 * 1024 * 1024,
    ROUNDS = 14,       /* turns each engine gets after each message */
    LONG_ROUNDS = 700, /* and at the end: proofs, marks, folds */
    PATIENCE = 4000,   /* rounds until an alarm must be seen */
    PAIRS = 60,        /* pairs of deaths tried for each engine */
    ACTION_BYTES = 1024,
    ID_BYTES = 128,
    MESSAGES_BEFORE_ACTION = 3
};

static const char *const few_ids[] = {"cleaner.ids_max=1000", NULL};
static const char *collectd_options[] = {NULL, "collectdgw.alive=no", NULL};
static const char *const quick_fold[] = {"engine.fold_interval=1s", NULL};
static const char *const quick_merge[] = {"engine.fold_interval=1s",
                                          "perfdata.fold_after=1s",
                                          "perfdata.merge_after=1s", NULL};
static const char *const alarm_options[] = {"engine.fold_interval=1s",
                                            "alarm.resolve_after=10h", NULL};

static const struct world_engine chain[] = {
    {.ops = &cleaner_engine, .next = "event-filter", .options = few_ids},
    {.ops = &event_filter_engine, .next = "context", .options = quick_fold},
    {.ops = &context_engine,
     .next = "alarm",
     .side = "perfdata",
     .options = quick_fold},
    {.ops = &alarm_engine, .next = "eventstore", .options = alarm_options},
    {.ops = &perfdata_engine, .options = quick_merge},
    {.ops = &eventstore_engine, .options = quick_fold},
    {.ops = &collectdgw_engine, .options = collectd_options},
};

#define EVENT(component, rest)                                                 \
    "{\"connector\":\"sim\",\"connector_name\":\"s\",\"component\":"           \
    "\"" component "\",\"timestamp\":1699999000," rest "}"

/* What is told, an action and collectd's lines apart. */
static const char *const messages[] = {
    EVENT("h0", "\"event_type\":\"check\",\"state\":2,\"output\":\"a\","
                "\"perf_data\":\"load=3;5;9\""),
    "[" EVENT("h0",
              "\"event_type\":\"check\",\"state\":0,\"output\":"
              "\"b\"") "," EVENT("h1", "\"event_type\":\"check\",\"state\":1,"
                                       "\"output\":\"c\"") "]",
    EVENT("h0", "\"event_type\":\"check\",\"state\":2,\"output\":\"a\","
                "\"perf_data\":\"load=4;5;9\""),
    "{\"broken\":",
    EVENT("h1", "\"event_type\":\"ack\",\"author\":\"eve\",\"output\":\"d\""),
    EVENT("h2", "\"event_type\":\"log\",\"output\":\"e\""),
    EVENT("h4", "\"event_type\":\"log\",\"output\":\"refused\""),
    "{\"worse\":",
};

/* What makes the filter refuse a message, until it is gone. */
static const char strict_rule[] =
    "{\"filter\":\"component=h4\",\"on_failure\":\"dead\",\"actions\":["
    "{\"type\":\"copy\",\"from\":\"infos.a\",\"to\":\"infos.b\"}]}";

/* What is asked about the dead letters, in order. */
static const struct {
    const char *action;
    const char *op;
    const char *engine;
    const char *holds; /* in the letter's body */
    const char *body;  /* what goes instead; "": the letter itself */
} requests[] = {
    {"rep-1", "replay", "event-filter", "refused", ""},
    {"rep-2", "replay", "event-filter", "refused", ""},
    {"rep-3", "replay", "cleaner", "broken",
     EVENT("h2", "\"event_type\":\"log\",\"output\":\"mended\"")},
    {"rep-4", "replay", "collectdgw", "no_such_type",
     "PUTVAL c0/load/load interval=10 1699999010:4:5:6"},
    {"pur-1", "purge", "cleaner", "worse", ""},
    {"pur-2", "purge", "cleaner", "worse", ""},
};

/* Lines that the end must hold, whatever the engines think. */
static const char *const expected[] = {
    "step /component/sim/s/h0 001 type=\"stateinc\" value=2",
    "step /component/sim/s/h0 003 type=\"statedec\" value=0",
    "step /component/sim/s/h0 005 type=\"stateinc\" value=2",
    "point /component/sim/s/h0/load at ",
    "minute /component/sim/s/h0/load at ",
    "dead engine=\"cleaner\"",
    "log entity_id=\"/component/sim/s/h4\" event_type=\"log\"",
    "dead_replayed to \"rep-1\"",
    "dead_refused to \"rep-2\"",
    "dead_replayed to \"rep-3\"",
    "dead_replayed to \"rep-4\"",
    "dead_purged to \"pur-1\"",
    "dead_refused to \"pur-2\"",
    "rule name=\"fails-often\" matches=4 drops=0 failures=4",
};

/* Deaths: before the n-th act of this engine, and before the m-th after. */
struct deaths {
    size_t engine;
    uint64_t first;  /* 0: none */
    uint64_t second; /* acts after the first; 0: none */
    uint64_t acts;   /* so far */
    int died;
};

static bool dies(void *ctx, size_t engine, enum watch_act act)
{
    struct deaths *deaths = ctx;
    uint64_t at = deaths->died == 0 ? deaths->first : deaths->second;

    (void)act;
    if (engine != deaths->engine) {
        return false;
    }
    deaths->acts++;
    if (at == 0 || deaths->died > 1 || deaths->acts != at) {
        return false;
    }
    deaths->died++;
    deaths->acts = 0;
    return true;
}

static void rounds(struct world *world, int n)
{
    for (int i = 0; i < n; i++) {
        for (size_t e = 0; e < N_ROWS(chain); e++) {
            (void)world_turn(world, e, 0);
        }
    }
}

static void send_to(struct world *world, const char *exchange, const char *key,
                    const char *type, const char *text)
{
    const struct bus_message message = {.exchange = exchange,
                                        .routing_key = key,
                                        .properties = {.content_type = type,
                                                       .message_id = "",
                                                       .user_id = "hypervise"},
                                        .body = text,
                                        .len = strlen(text)};

    assert_true(world_publish(world, &message));
    rounds(world, ROUNDS);
}

static void send_action(struct world *world)
{
    char id[128];
    char text[ACTION_BYTES];
    int waited = 0;

    while (!suite_open_alarm(world, "/component/sim/s/h0", id, sizeof id)) {
        assert_true(waited++ < PATIENCE);
        rounds(world, 1);
    }
    (void)snprintf(text, sizeof text,
                   "{\"alarm_id\":\"%s\",\"event_type\":\"comment\","
                   "\"author\":\"bob\",\"action_id\":\"act-1\","
                   "\"timestamp\":1699999000,\"output\":\"q\"}",
                   id);
    send_to(world, "", "Engine_alarm.actions", "application/json", text);
}

static void set_strict_rule(struct world *world, bool there)
{
    struct doc_out *out = doc_out_new();
    struct doc spec = {NULL, 0};

    if (there) {
        assert_int_equal(
            doc_from_json(strict_rule, strlen(strict_rule), out, &spec, NULL),
            ERR_OK);
    }
    world_change_object(world, "eventfilter", "strict", spec);
    doc_out_free(out);
}

/* The letters are found before the first is touched: a purge takes them. */
static void send_requests(struct world *world)
{
    char ids[N_ROWS(requests)][ID_BYTES];
    struct buf text;

    for (size_t i = 0; i < N_ROWS(requests); i++) {
        for (int waited = 0;
             !suite_dead_letter(world, requests[i].engine, requests[i].holds,
                                ids[i], sizeof ids[i]);
             waited++) {
            assert_true(waited < PATIENCE);
            rounds(world, 1);
        }
    }
    buf_init(&text, ACTION_BYTES);
    for (size_t i = 0; i < N_ROWS(requests); i++) {
        struct doc_value body = {.type = DOC_STRING};

        body.u.s.text = requests[i].body;
        body.u.s.len = (uint32_t)strlen(requests[i].body);
        buf_clear(&text);
        buf_addf(&text,
                 "{\"op\":\"%s\",\"id\":\"%s\",\"author\":\"bob\","
                 "\"action\":\"%s\",\"body\":",
                 requests[i].op, ids[i], requests[i].action);
        body.type = body.u.s.len > 0 ? DOC_STRING : DOC_NULL;
        doc_value_to_json(&body, &text);
        buf_add_char(&text, '}');
        send_to(world, "", "Engine_dead", "application/json", buf_str(&text));
    }
    buf_fini(&text);
}

static void tell(struct world *world)
{
    for (size_t i = 0; i < N_ROWS(messages); i++) {
        send_to(world, "canopsis.events", "sim", "application/json",
                messages[i]);
        if (i == MESSAGES_BEFORE_ACTION) {
            send_action(world);
            rules_touch(world);
        }
    }
    send_to(world, "amq.topic", "collectd", "text/collectd",
            "PUTVAL c0/load/load interval=10 1699999000:1:2:3");
    send_to(world, "amq.topic", "collectd", "text/collectd",
            "PUTVAL c0/load/no_such_type interval=10 1699999000:1");
    rounds(world, LONG_ROUNDS);
    set_strict_rule(world, false);
    rounds(world, LONG_ROUNDS);
    send_requests(world);
    rounds(world, LONG_ROUNDS);
}

/* The end of the story with these deaths. Gives the text. */
static char *run(struct deaths *deaths)
{
    struct world *world = world_new(1, chain, N_ROWS(chain));
    const struct world_script script = {.ctx = deaths, .dies = dies};
    struct errbuf why = {{0}, {0}};
    struct buf end;

    buf_init(&end, DUMP_BYTES);
    broker_bind(world_broker(world), "listener", "canopsis.alerts", "#");
    rules_set(world, 0);
    set_strict_rule(world, true);
    rounds(world, ROUNDS);
    world_set_script(world, &script);
    tell(world);
    if (!world_settle(world)) {
        errbuf_set(&why, "it never ends");
    } else {
        world_restart_all(world);
        (void)(world_settle(world) && suite_dump(world, &end, &why));
    }
    world_free(world);
    if (why.text[0] != '\0') {
        fail_msg("%s, dead before act %" PRIu64 " and %" PRIu64 ": %s",
                 chain[deaths->engine].ops->name, deaths->first, deaths->second,
                 why.text);
    }
    return buf_take(&end);
}

static void compare(const char *calm, const struct deaths *deaths, char *end)
{
    size_t same = 0;

    while (calm[same] != '\0' && calm[same] == end[same]) {
        same++;
    }
    if (calm[same] != end[same]) {
        while (same > 0 && calm[same - 1] != '\n') {
            same--;
        }
        fail_msg("%s, dead before act %" PRIu64 " and %" PRIu64
                 ": expected \"%.*s\", got \"%.*s\"",
                 chain[deaths->engine].ops->name, deaths->first, deaths->second,
                 (int)strcspn(calm + same, "\n"), calm + same,
                 (int)strcspn(end + same, "\n"), end + same);
    }
    free(end);
}

static char *calm_end(void)
{
    struct deaths none = {.engine = 0};
    char *end = run(&none);

    for (size_t i = 0; i < N_ROWS(expected); i++) {
        if (strstr(end, expected[i]) == NULL) {
            fail_msg("no line \"%s\" in:\n%s", expected[i], end);
        }
    }
    return end;
}

/* One engine: a death before each act there is, then pairs of deaths. */
static void check_engine(void **state)
{
    const struct world_engine *engine = *state;
    char *calm = calm_end();
    struct dice dice = {.state = (uint64_t)(engine - chain) + 1};
    uint64_t n = 0;
    int died;

    do {
        struct deaths deaths = {.engine = (size_t)(engine - chain),
                                .first = ++n};

        compare(calm, &deaths, run(&deaths));
        died = deaths.died;
    } while (died > 0);
    assert_true(n > MESSAGES_BEFORE_ACTION);
    for (int i = 0; i < PAIRS; i++) {
        struct deaths deaths = {.engine = (size_t)(engine - chain),
                                .first = 1 + dice_roll(&dice, n - 1),
                                .second = 1 + dice_roll(&dice, n / 2)};

        compare(calm, &deaths, run(&deaths));
    }
    print_message("%s: %" PRIu64 " acts, %d pairs\n", engine->ops->name, n - 1,
                  (int)PAIRS);
    free(calm);
}

int main(void)
{
    struct CMUnitTest tests[N_ROWS(chain)];
    const char *root = getenv("HYP_CASES");
    char *types = xasprintf("collectdgw.typesdb=%s/collectdgw/types.db",
                            root != NULL ? root : "tests/cases");
    int failed;

    collectd_options[0] = types;
    testlog_mute();
    for (size_t i = 0; i < N_ROWS(chain); i++) {
        tests[i] =
            (struct CMUnitTest){.name = chain[i].ops->name,
                                .test_func = check_engine,
                                .initial_state = (void *)(uintptr_t)&chain[i]};
    }
    failed = _cmocka_run_group_tests("force", tests, N_ROWS(chain), NULL, NULL);
    free(types);
    return failed;
}
