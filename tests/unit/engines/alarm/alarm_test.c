/* SPDX-License-Identifier: Apache-2.0 */
/** The alarm engine: its rows, messages, actions, timers and restarts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "tests/support/rows.h"
#include "tests/support/testlog.h"
#include "tests/support/unit.h"
#include "tests/unit/engines/alarm/world.h"

enum {
    MANY = 1000000,
    ALARM_ID_LEN = 29
};

static void check_at(struct world *world, int n, int state, double s)
{
    struct event event;

    world_at(world, s);
    event = world_event(world, n, EVENT_CHECK);
    event.state = state;
    world_process(world, &event);
}

static void action(struct world *world, int n, enum event_type type)
{
    struct event event = world_event(world, n, type);

    world_process(world, &event);
}

/* The newest alarm id that was told. */
static void alarm_id(const struct world *world, char id[ALARM_ID_LEN + 1])
{
    const char *at = world_messages(world);

    memcpy(id, at, ALARM_ID_LEN);
    id[ALARM_ID_LEN] = '\0';
}

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        print_error("missing: %s\nin: %s\n", part, text);
        fail();
    }
}

static size_t count_of(const char *text, const char *part)
{
    size_t n = 0;

    for (; (text = strstr(text, part)) != NULL; text += strlen(part)) {
        n++;
    }
    return n;
}

static void an_alarm_is_the_item_of_the_api(void **state)
{
    struct world *world = world_new("");
    char want[1024];
    char id[ALARM_ID_LEN + 1];

    (void)state;
    check_at(world, 1, 2, 0);
    world_commit(world, 0);
    alarm_id(world, id);
    (void)snprintf(
        want, sizeof want,
        "{\"id\":\"%s\",\"entity_id\":\"/resource/c/n/web1/r1\","
        "\"source_type\":\"resource\",\"connector\":\"c\","
        "\"connector_name\":\"n\",\"component\":\"web1\","
        "\"resource\":\"r1\",\"state\":2,\"status\":1,\"output\":\"out\","
        "\"opened_at\":1700000000,\"changed_at\":1700000000,"
        "\"last_event_at\":1700000000,\"resolved_at\":null,"
        "\"events_count\":1,\"steps_count\":2,\"ack\":null,"
        "\"canceled\":false,\"snooze\":null,\"ticket\":null,"
        "\"comment\":null,\"maintenance\":null,\"tags\":[],\"services\":[],"
        "\"infos\":{},\"_rk\":",
        id);
    assert_has(world_rows(world, STORE_ALARMS), want);
    (void)snprintf(want, sizeof want,
                   "{\"alarm_id\":\"%s\",\"step\":1,\"type\":\"stateinc\","
                   "\"t\":1700000000,\"value\":2,\"author\":\"c.n\","
                   "\"message\":\"out\"}\n"
                   "{\"alarm_id\":\"%s\",\"step\":2,\"type\":\"statusinc\","
                   "\"t\":1700000000,\"value\":1,\"author\":\"c.n\","
                   "\"message\":\"out\"}\n",
                   id, id);
    assert_string_equal(world_rows(world, STORE_STEPS), want);
    assert_string_equal(world_rows(world, STORE_TRACKS), "");
    world_free(world);
}

static void each_step_is_told_once_with_its_id(void **state)
{
    struct world *world = world_new("");
    char want[512];
    char id[ALARM_ID_LEN + 1];

    (void)state;
    check_at(world, 1, 2, 0);
    alarm_id(world, id);
    (void)snprintf(want, sizeof want,
                   "%s/1 c.n.stateinc.resource.web1.r1 {\"alarm_id\":\"%s\","
                   "\"action\":null,\"step\":1,\"type\":\"stateinc\","
                   "\"t\":1700000000,\"author\":\"c.n\",\"message\":\"out\","
                   "\"value\":2,\"state\":2,\"status\":0,"
                   "\"previous\":{\"state\":0,\"status\":0},"
                   "\"entity_id\":\"/resource/c/n/web1/r1\","
                   "\"entity\":{\"id\":\"/resource/c/n/web1/r1\","
                   "\"type\":\"resource\"",
                   id, id);
    assert_has(world_messages(world), want);
    assert_has(world_messages(world), "\"event\":{\"id\":\"s-1-0\"");
    assert_has(world_messages(world), "\"alarm\":{\"id\":\"");
    assert_int_equal(count_of(world_messages(world), "\n"), 2);
    world_forget_messages(world);
    check_at(world, 1, 2, 1);
    assert_string_equal(world_messages(world), "");
    world_free(world);
}

static void resolved_alarms_move(void **state)
{
    struct world *world = world_new("");

    (void)state;
    check_at(world, 1, 2, 0);
    check_at(world, 1, 0, 10);
    world_at(world, 69);
    world_beat(world);
    world_commit(world, 0);
    assert_int_equal(count_of(world_rows(world, STORE_ALARMS), "\n"), 1);
    world_forget_messages(world);
    world_at(world, 71);
    world_beat(world);
    world_commit(world, 0);
    assert_string_equal(world_rows(world, STORE_ALARMS), "");
    assert_has(world_rows(world, STORE_ALARMS_RESOLVED),
               "\"resolved_at\":1700000070,");
    assert_null(strstr(world_rows(world, STORE_ALARMS_RESOLVED), "\"_"));
    assert_has(world_rows(world, STORE_STEPS),
               "\"step\":5,\"type\":\"resolve\",\"t\":1700000070,"
               "\"value\":null,\"author\":\"hypervise\"");
    assert_has(world_messages(world), "\"resolved_at\":1700000070");
    assert_has(world_messages(world), "\"event\":null");
    assert_int_equal(count_of(world_rows(world, STORE_TRACKS), "\n"), 1);
    world_free(world);
}

static void nothing_is_concluded_before_chain_time_is_known(void **state)
{
    struct world *world = world_new("");

    (void)state;
    check_at(world, 1, 2, 0);
    check_at(world, 1, 0, 10);
    world_wall_at(world, 10000);
    world_beat(world);
    world_commit(world, 0);
    assert_int_equal(count_of(world_rows(world, STORE_ALARMS), "\n"), 1);
    world_free(world);
}

static void what_is_of_no_use_any_more_is_forgotten(void **state)
{
    struct world *world = world_new("");

    (void)state;
    check_at(world, 1, 2, 0);
    check_at(world, 1, 0, 10);
    world_at(world, 100);
    world_beat(world);
    world_at(world, 3611);
    world_beat(world);
    world_commit(world, 0);
    world_beat(world);
    assert_string_equal(world_rows(world, STORE_TRACKS), "");
    assert_int_equal(world_count(world, "entities"), 0);
    world_free(world);
}

static void an_ok_check_of_an_unknown_entity_costs_nothing(void **state)
{
    struct world *world = world_new("");

    (void)state;
    check_at(world, 1, 0, 0);
    world_commit(world, 0);
    assert_string_equal(world_rows(world, STORE_TRACKS), "");
    assert_string_equal(world_rows(world, STORE_DELTAS), "");
    world_free(world);
}

static void counters_travel_as_deltas_until_folded(void **state)
{
    struct world *world = world_new("");

    (void)state;
    check_at(world, 1, 2, 0);
    world_commit(world, 0);
    check_at(world, 1, 2, 5);
    world_commit(world, 0);
    assert_has(world_rows(world, STORE_ALARMS), "\"events_count\":1,");
    assert_int_equal(count_of(world_rows(world, STORE_DELTAS), "\n"), 1);
    world_restart(world);
    world_commit(world, MANY);
    assert_has(world_rows(world, STORE_ALARMS), "\"events_count\":2,");
    assert_has(world_rows(world, STORE_ALARMS),
               "\"last_event_at\":1700000005,");
    assert_string_equal(world_rows(world, STORE_DELTAS), "");
    world_free(world);
}

static void other_events_pass(void **state)
{
    static const enum event_type types[] = {EVENT_PERF, EVENT_LOG,
                                            EVENT_TRAP, EVENT_CALENDAR,
                                            EVENT_EUE,  EVENT_USER};
    struct world *world = world_new("");

    (void)state;
    for (size_t i = 0; i < N_ROWS(types); i++) {
        struct event event = world_event(world, 1, types[i]);

        event.state = 3;
        world_process(world, &event);
    }
    world_commit(world, 0);
    assert_string_equal(world_rows(world, STORE_ALARMS), "");
    assert_string_equal(world_messages(world), "");
    world_free(world);
}

static void engines_own_checks_count_too(void **state)
{
    struct world *world = world_new("");
    struct event event = world_event(world, 1, EVENT_SELECTOR);

    (void)state;
    event.state = 2;
    world_process(world, &event);
    world_commit(world, 0);
    assert_int_equal(count_of(world_rows(world, STORE_ALARMS), "\n"), 1);
    world_free(world);
}

static void an_action_finds_its_alarm_by_its_own_entity(void **state)
{
    struct world *world = world_new("");

    (void)state;
    check_at(world, 1, 2, 0);
    action(world, 1, EVENT_ACK);
    world_commit(world, 0);
    assert_has(world_rows(world, STORE_ALARMS),
               "\"ack\":{\"author\":\"bob\",\"message\":\"out\","
               "\"at\":1700000000}");
    world_free(world);
}

static void an_action_finds_its_alarm_by_ref_rk(void **state)
{
    struct world *world = world_new("");
    struct event event;

    (void)state;
    check_at(world, 1, 2, 0);
    event = world_event(world, 99, EVENT_ACK);
    event.ref_rk = "c.n.check.resource.web1.r1";
    world_process(world, &event);
    assert_int_equal(world_count(world, "actions_refused"), 0);
    world_restart(world);
    world_free(world);
}

static void ref_rk_is_known_after_a_restart(void **state)
{
    struct world *world = world_new("");
    struct event event;

    (void)state;
    check_at(world, 1, 2, 0);
    world_commit(world, 0);
    world_restart(world);
    event = world_event(world, 99, EVENT_ACK);
    event.ref_rk = "c.n.check.resource.web1.r1";
    world_process(world, &event);
    assert_int_equal(world_count(world, "actions_refused"), 0);
    world_free(world);
}

static void an_action_on_an_unknown_entity_is_refused(void **state)
{
    struct world *world = world_new("");

    (void)state;
    action(world, 1, EVENT_ACK);
    assert_has(world_messages(world),
               "s-1-0/refused c.n.action_refused.resource.web1.r1 "
               "{\"alarm_id\":null,\"action\":null,\"step\":null,"
               "\"type\":\"action_refused\",\"t\":1700000000,"
               "\"author\":\"bob\",\"message\":\"no alarm is open for "
               "/resource/c/n/web1/r1\",\"value\":null,\"state\":null,"
               "\"status\":null,\"previous\":null,"
               "\"entity_id\":\"/resource/c/n/web1/r1\",\"entity\":null,"
               "\"alarm\":null,\"event\":{");
    world_free(world);
}

static void an_action_that_does_not_apply_tells_the_state(void **state)
{
    struct world *world = world_new("");

    (void)state;
    check_at(world, 1, 2, 0);
    world_forget_messages(world);
    action(world, 1, EVENT_UNCANCEL);
    assert_has(world_messages(world),
               "\"message\":\"it is not cancelled\",\"value\":null,"
               "\"state\":2,\"status\":1,");
    world_free(world);
}

static void declareticket_is_refused_without_an_alarm_too(void **state)
{
    struct world *world = world_new("");

    (void)state;
    action(world, 1, EVENT_DECLARETICKET);
    assert_has(world_messages(world), "no ticket job is configured");
    world_free(world);
}

/* The same action whenever it is sent: an acknowledgement of that alarm. */
static void ack_by_id(struct world *world, const char *id)
{
    char json[1024];

    (void)snprintf(json, sizeof json,
                   "{\"event_type\":\"ack\",\"alarm_id\":\"%s\","
                   "\"action_id\":\"a-1\",\"author\":\"eve\","
                   "\"output\":\"mine\",\"timestamp\":1700000003,"
                   "\"ticket\":null}",
                   id);
    world_extra(world, json);
}

static void an_action_by_alarm_id(void **state)
{
    struct world *world = world_new("");
    char id[ALARM_ID_LEN + 1];

    (void)state;
    check_at(world, 1, 2, 0);
    alarm_id(world, id);
    world_forget_messages(world);
    ack_by_id(world, id);
    world_commit(world, 0);
    assert_has(world_rows(world, STORE_STEPS),
               "\"type\":\"ack\",\"t\":1700000003,\"value\":null,"
               "\"author\":\"eve\",\"message\":\"mine\","
               "\"_action\":\"a-1\"}");
    assert_has(world_messages(world), "/3 c.n.ack.resource.web1.r1 ");
    assert_has(world_messages(world), "\"action\":\"a-1\",\"step\":3");
    world_free(world);
}

static void a_known_action_id_is_a_repeat(void **state)
{
    struct world *world = world_new("");
    char id[ALARM_ID_LEN + 1];

    (void)state;
    check_at(world, 1, 2, 0);
    alarm_id(world, id);
    ack_by_id(world, id);
    world_commit(world, 0);
    world_restart(world);
    world_forget_messages(world);
    ack_by_id(world, id);
    world_commit(world, 0);
    assert_string_equal(world_messages(world), "");
    assert_int_equal(count_of(world_rows(world, STORE_STEPS), "\n"), 3);
    assert_int_equal(world_count(world, "actions_repeated"), 1);
    world_free(world);
}

static void a_refused_action_is_known_too(void **state)
{
    struct world *world = world_new("");

    (void)state;
    ack_by_id(world, "nothing");
    world_commit(world, 0);
    assert_has(world_messages(world), "a-1/refused .action_refused.component ");
    assert_has(world_messages(world),
               "\"message\":\"alarm nothing is no longer open\"");
    world_restart(world);
    world_forget_messages(world);
    ack_by_id(world, "nothing");
    assert_string_equal(world_messages(world), "");
    world_free(world);
}

static void a_late_ack_never_hits_the_next_alarm(void **state)
{
    struct world *world = world_new("");
    char id[ALARM_ID_LEN + 1];

    (void)state;
    check_at(world, 1, 2, 0);
    alarm_id(world, id);
    check_at(world, 1, 0, 1);
    world_at(world, 100);
    world_beat(world);
    check_at(world, 1, 2, 101);
    world_forget_messages(world);
    ack_by_id(world, id);
    assert_has(world_messages(world), "is no longer open");
    world_commit(world, 0);
    assert_has(world_rows(world, STORE_ALARMS), "\"ack\":null");
    world_free(world);
}

static void an_action_by_entity_fields(void **state)
{
    struct world *world = world_new("");

    (void)state;
    check_at(world, 1, 2, 0);
    world_extra(world, "{\"event_type\":\"snooze\",\"connector\":\"c\","
                       "\"connector_name\":\"n\",\"component\":\"web1\","
                       "\"resource\":\"r1\",\"duration\":90.5,"
                       "\"author\":\"eve\"}");
    world_commit(world, 0);
    assert_has(world_rows(world, STORE_ALARMS),
               "\"snooze\":{\"author\":\"eve\",\"message\":\"\","
               "\"at\":1700000000,\"until\":1700000090.5}");
    world_free(world);
}

struct bad_case {
    const char *name;
    const char *json;
    const char *want;
};

#define TO                                                                     \
    "\"connector\":\"c\",\"connector_name\":\"n\","                            \
    "\"component\":\"web1\",\"resource\":\"r1\",\"action_id\":\"a\""

static const struct bad_case bad[] = {
    {"not JSON", "ack please", "\"type\":\"action_refused\""},
    {"an array", "[]", "\"type\":\"action_refused\""},
    {"empty", "", "\"type\":\"action_refused\""},
    {"no type", "{" TO "}", "expected an action (ack, cancel, ...), got"},
    {"a check", "{" TO ",\"event_type\":\"check\"}", "got \\\"check\\\""},
    {"author no text", "{" TO ",\"event_type\":\"ack\",\"author\":7}",
     "expected a text of at most 256 bytes"},
    {"changestate without a state", "{" TO ",\"event_type\":\"changestate\"}",
     "expected 0, 1, 2 or 3"},
    {"changestate to 4", "{" TO ",\"event_type\":\"changestate\",\"state\":4}",
     "expected 0, 1, 2 or 3"},
    {"changestate to -1",
     "{" TO ",\"event_type\":\"changestate\",\"state\":-1}",
     "expected 0, 1, 2 or 3"},
    {"changestate to a text",
     "{" TO ",\"event_type\":\"changestate\",\"state\":\"2\"}",
     "expected 0, 1, 2 or 3"},
    {"snooze for nothing", "{" TO ",\"event_type\":\"snooze\",\"duration\":0}",
     "expected seconds"},
    {"snooze for ever", "{" TO ",\"event_type\":\"snooze\",\"duration\":1e300}",
     "expected seconds"},
    {"snooze for a text",
     "{" TO ",\"event_type\":\"snooze\",\"duration\":\"1h\"}",
     "expected seconds"},
    {"no target", "{\"event_type\":\"ack\"}",
     "no alarm is open for an unnamed entity"},
    {"an id that is too long",
     "{\"event_type\":\"ack\",\"alarm_id\":"
     "\"0123456789012345678901234567890123456789\"}",
     "expected a text of at most 31 bytes"},
};

static void a_bad_action_is_refused(void **state)
{
    const struct bad_case *row = *state;
    struct world *world = world_new("");

    check_at(world, 1, 2, 0);
    world_forget_messages(world);
    world_extra(world, row->json);
    assert_has(world_messages(world), row->want);
    assert_int_equal(world_count(world, "actions_refused"), 1);
    world_commit(world, 0);
    assert_int_equal(count_of(world_rows(world, STORE_STEPS), "\n"), 2);
    world_free(world);
}

static void an_action_above_the_limit_is_refused(void **state)
{
    struct world *world = world_new("");
    char *text = xmalloc(6000);

    (void)state;
    (void)snprintf(text, 6000,
                   "{" TO ",\"event_type\":\"comment\",\"output\":"
                   "\"%05000d\"}",
                   1);
    world_extra(world, text);
    assert_has(world_messages(world), "expected a text of at most 4096");
    free(text);
    world_free(world);
}

static void facts_of_the_event_are_in_the_row(void **state)
{
    struct world *world = world_new("");
    struct doc_out *out = doc_out_new();
    struct doc_out *more = doc_out_new();
    struct event event;

    (void)state;
    check_at(world, 1, 2, 0);
    event = world_event(world, 1, EVENT_CHECK);
    event.state = 2;
    doc_add_str(out, "site", "paris");
    event.infos = doc_out_done(out);
    doc_begin_doc(more, "maintenance");
    doc_add_str(more, "name", "works");
    doc_end(more);
    doc_begin_array(more, "services");
    doc_add_str(more, NULL, "shop");
    doc_end(more);
    event.extra = doc_out_done(more);
    world_forget_messages(world);
    world_process(world, &event);
    world_commit(world, 0);
    assert_has(world_rows(world, STORE_ALARMS),
               "\"maintenance\":{\"name\":\"works\"},\"tags\":[],"
               "\"services\":[\"shop\"],\"infos\":{\"site\":\"paris\"}");
    assert_has(world_messages(world), "\"type\":\"pbhenter\"");
    world_restart(world);
    world_forget_messages(world);
    event.id = "s-9-0";
    world_process(world, &event);
    world_commit(world, 0);
    assert_string_equal(world_messages(world), "");
    assert_int_equal(count_of(world_rows(world, STORE_DELTAS), "\n"), 1);
    doc_out_free(out);
    doc_out_free(more);
    world_free(world);
}

static void a_late_source_gets_an_alarm_on_its_clock(void **state)
{
    struct world *world = world_new("late_after=60s late_clear=10m");
    struct event event;

    (void)state;
    testlog_expect("ALARM-LATE");
    check_at(world, 1, 0, 1000);
    event = world_event(world, 1, EVENT_CHECK);
    event.timestamp_ms -= 100000;
    event.state = 3;
    world_process(world, &event);
    world_commit(world, 0);
    assert_int_equal(count_of(world_rows(world, STORE_ALARMS), "\n"), 1);
    assert_has(world_rows(world, STORE_ALARMS),
               "\"component\":\"n\",\"resource\":\"clock\",\"state\":1,");
    assert_has(world_rows(world, STORE_ALARMS), "checks come 100 s late");
    world_restart(world);
    world_at(world, 1601);
    world_beat(world);
    world_commit(world, 0);
    assert_has(world_rows(world, STORE_ALARMS), "\"state\":0,\"status\":0,");
    world_at(world, 1661);
    world_beat(world);
    world_commit(world, 0);
    assert_string_equal(world_rows(world, STORE_ALARMS), "");
    world_free(world);
}

/* A check that comes late, of a component of that partition of two. */
static void late_at(struct world *world, size_t partition)
{
    char component[8] = "h0";
    char id[64];
    struct event event = world_event(world, 1, EVENT_CHECK);

    while (bus_partition(component, "", 2) != partition) {
        component[1]++;
    }
    (void)snprintf(id, sizeof id, "/resource/c/n/%s/r", component);
    event.component = component;
    event.entity_id = id;
    world_process(world, &event);
    event.timestamp_ms -= 100000;
    event.state = 3;
    world_process(world, &event);
    world_commit(world, 0);
}

/* The alarm about a clock is where the source is, not where the name of its
 * own component would have it; when both partitions with one become one, one
 * of them goes on. */
static void clocks_of_two_partitions_become_one(void **state)
{
    struct world *world = world_new("late_after=60s late_clear=10m");

    (void)state;
    testlog_expect("ALARM-LATE");
    testlog_expect("ALARM-TWICE");
    world_at(world, 1000);
    for (int64_t p = 0; p < 2; p++) {
        world_restart_as(world, p, 2);
        late_at(world, (size_t)p);
        assert_int_equal(count_of(world_rows(world, STORE_ALARMS), "\"_home\""),
                         p + 1);
    }
    for (int64_t p = 0; p < 2; p++) {
        world_restart_as(world, p, 2);
        late_at(world, (size_t)p);
        assert_int_equal(count_of(world_rows(world, STORE_ALARMS), "\"_home\""),
                         2);
    }
    world_restart_as(world, 0, 1);
    world_forget_messages(world);
    world_beat(world);
    world_commit(world, 0);
    assert_int_equal(count_of(world_rows(world, STORE_ALARMS), "\"_home\""), 1);
    assert_int_equal(count_of(world_rows(world, STORE_ALARMS_RESOLVED), "\n"),
                     1);
    assert_has(world_messages(world), "\"type\":\"resolve\"");
    assert_has(world_messages(world), "the partitions that had them became");
    world_forget_messages(world);
    late_at(world, 0);
    late_at(world, 1);
    assert_int_equal(count_of(world_rows(world, STORE_ALARMS), "\n"), 1);
    world_free(world);
}

static void a_dead_host_opens_after_a_restart_too(void **state)
{
    struct world *world = world_new("");
    struct event event;

    (void)state;
    for (int i = 0; i < 2; i++) {
        world_at(world, i * 10);
        event = world_event(world, 1, EVENT_CHECK);
        event.ttl_ms = 30000;
        world_process(world, &event);
        world_commit(world, 0);
    }
    world_restart(world);
    world_at(world, 39);
    world_beat(world);
    assert_string_equal(world_messages(world), "");
    world_at(world, 40);
    world_beat(world);
    world_commit(world, 0);
    assert_has(world_rows(world, STORE_ALARMS),
               "\"state\":2,\"status\":5,\"output\":\"no events for 30 s\","
               "\"opened_at\":1700000040,");
    assert_string_equal(world_rows(world, STORE_TRACKS), "");
    world_free(world);
}

static void a_snooze_ends_after_a_restart_too(void **state)
{
    struct world *world = world_new("");
    struct event event;

    (void)state;
    check_at(world, 1, 2, 0);
    event = world_event(world, 1, EVENT_SNOOZE);
    event.duration_ms = 10000;
    world_process(world, &event);
    world_commit(world, 0);
    world_restart(world);
    world_forget_messages(world);
    world_wall_at(world, 10);
    world_beat(world);
    assert_has(world_messages(world), "\"type\":\"unsnooze\",\"t\":1700000010");
    world_free(world);
}

static void the_counter_step_goes_on_after_a_restart(void **state)
{
    struct world *world = world_new("steps_max=10");

    (void)state;
    for (int i = 0; i < 20; i++) {
        check_at(world, 1, i % 2 == 0 ? 1 : 3, i);
        world_commit(world, 0);
        if (i == 15) {
            world_restart(world);
        }
    }
    assert_int_equal(count_of(world_rows(world, STORE_STEPS), "\n"), 11);
    assert_has(world_rows(world, STORE_STEPS),
               "\"step\":11,\"type\":\"statecounter\",\"t\":1700000019,"
               "\"value\":{\"stateinc\":6,\"statedec\":5,\"statusinc\":1,"
               "\"statusdec\":0,\"state:0\":0,\"state:1\":5,\"state:2\":0,"
               "\"state:3\":6}");
    assert_has(world_rows(world, STORE_ALARMS), "\"steps_count\":22,");
    assert_has(world_messages(world), "/22 c.n.stateinc.resource.web1.r1 ");
    world_free(world);
}

static void loading_starts_anew_when_the_store_was_away(void **state)
{
    struct world *world = world_new("");

    (void)state;
    check_at(world, 1, 2, 0);
    world_commit(world, 0);
    world_restart_failing(world, 3);
    world_beat(world);
    assert_int_equal(world_count(world, "alarms_open"), 1);
    world_free(world);
}

static void a_mass_of_timers_is_spread_over_beats(void **state)
{
    struct world *world = world_new("");

    (void)state;
    for (int n = 0; n < 3000; n++) {
        check_at(world, n, 2, 0);
        check_at(world, n, 0, 1);
    }
    world_commit(world, 0);
    world_at(world, 100);
    world_beat(world);
    world_commit(world, 0);
    assert_true(world_count(world, "alarms_resolved") >= 500);
    assert_true(world_count(world, "alarms_resolved") < 3000);
    for (int i = 0; i < 10; i++) {
        world_beat(world);
        world_commit(world, 0);
    }
    assert_int_equal(world_count(world, "alarms_resolved"), 3000);
    world_free(world);
}

/* Restarts change nothing: one world lives through, the other ends at any
 * moment between two commits and comes back. */

enum {
    LIVES = 40,
    LENGTH = 150,
    ENTITIES = 5
};

static void random_event(struct world *world, unsigned *seed)
{
    static const enum event_type types[] = {
        EVENT_CHECK,      EVENT_CHECK,    EVENT_CHECK,       EVENT_CHECK,
        EVENT_CHECK,      EVENT_ACK,      EVENT_ACKREMOVE,   EVENT_CANCEL,
        EVENT_SNOOZE,     EVENT_UNCANCEL, EVENT_CHANGESTATE, EVENT_COMMENT,
        EVENT_ASSOCTICKET};
    struct event event =
        world_event(world, rand_r(seed) % ENTITIES,
                    types[(size_t)rand_r(seed) % N_ROWS(types)]);
    static const char *const outputs[] = {"out", "other", "third"};

    event.state = rand_r(seed) % 2 == 0 ? 0 : rand_r(seed) % 4;
    event.hard = rand_r(seed) % 5 != 0;
    event.output = outputs[rand_r(seed) % 3];
    event.ttl_ms = rand_r(seed) % 4 == 0 ? 90000 : 0;
    event.duration_ms = 40000;
    event.ticket = event.type == EVENT_ASSOCTICKET ? "7" : "";
    event.timestamp_ms -= rand_r(seed) % 5000;
    event.keep_state = rand_r(seed) % 2 == 0;
    world_process(world, &event);
}

static void live(struct world *world, unsigned seed, bool restarts)
{
    unsigned other = seed + 1;
    double now = 0;

    for (int i = 0; i < LENGTH; i++) {
        now += rand_r(&seed) % 40;
        world_at(world, now);
        world_beat(world);
        for (int n = rand_r(&seed) % 4; n > 0; n--) {
            random_event(world, &seed);
        }
        world_commit(world, restarts ? (size_t)(rand_r(&other) % 4) : 0);
        if (restarts && rand_r(&other) % 3 == 0) {
            world_restart(world);
        }
    }
    world_commit(world, MANY);
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lines of a text in the order of their bytes; the caller frees both. */
static size_t sorted_lines(char *text, char ***lines)
{
    char *rest = text;
    char *line;
    size_t n = 0;

    *lines = xcalloc(strlen(text) + 1, sizeof **lines);
    while ((line = strsep(&rest, "\n")) != NULL) {
        (*lines)[n++] = line;
    }
    qsort(*lines, n, sizeof **lines, compare_lines);
    return n;
}

/* Order counts within an alarm only, and ids tell it: timers of the same
 * moment come in any order. */
static void assert_same_text(const char *a, const char *b)
{
    char *copies[2] = {xstrdup(a), xstrdup(b)};
    char **lines[2];
    size_t n = sorted_lines(copies[0], &lines[0]);

    assert_int_equal(sorted_lines(copies[1], &lines[1]), n);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(lines[0][i], lines[1][i]);
    }
    for (size_t i = 0; i < N_ROWS(copies); i++) {
        free(lines[i]);
        free(copies[i]);
    }
}

static void assert_same_rows(struct world *a, struct world *b,
                             enum store_collection from)
{
    assert_same_text(world_rows(a, from), world_rows(b, from));
}

static void restarts_change_nothing(void **state)
{
    (void)state;
    for (unsigned life = 0; life < LIVES; life++) {
        const char *settings =
            "flapping_changes=4 flapping_end=2 flapping_window=5m "
            "stealthy_time=30s cancel_autosolve=3m steps_max=12";
        struct world *a = world_new(settings);
        struct world *b = world_new(settings);

        live(a, life * 7919, false);
        live(b, life * 7919, true);
        assert_same_text(world_messages(a), world_messages(b));
        assert_same_rows(a, b, STORE_ALARMS);
        assert_same_rows(a, b, STORE_ALARMS_RESOLVED);
        assert_same_rows(a, b, STORE_STEPS);
        assert_same_rows(a, b, STORE_TRACKS);
        assert_string_equal(world_rows(b, STORE_DELTAS), "");
        world_free(a);
        world_free(b);
    }
}

int main(void)
{
    static const struct row_table tables[] = {
        ROW_SINGLE(an_alarm_is_the_item_of_the_api),
        ROW_SINGLE(each_step_is_told_once_with_its_id),
        ROW_SINGLE(resolved_alarms_move),
        ROW_SINGLE(nothing_is_concluded_before_chain_time_is_known),
        ROW_SINGLE(what_is_of_no_use_any_more_is_forgotten),
        ROW_SINGLE(an_ok_check_of_an_unknown_entity_costs_nothing),
        ROW_SINGLE(counters_travel_as_deltas_until_folded),
        ROW_SINGLE(other_events_pass),
        ROW_SINGLE(engines_own_checks_count_too),
        ROW_SINGLE(an_action_finds_its_alarm_by_its_own_entity),
        ROW_SINGLE(an_action_finds_its_alarm_by_ref_rk),
        ROW_SINGLE(ref_rk_is_known_after_a_restart),
        ROW_SINGLE(an_action_on_an_unknown_entity_is_refused),
        ROW_SINGLE(an_action_that_does_not_apply_tells_the_state),
        ROW_SINGLE(declareticket_is_refused_without_an_alarm_too),
        ROW_SINGLE(an_action_by_alarm_id),
        ROW_SINGLE(a_known_action_id_is_a_repeat),
        ROW_SINGLE(a_refused_action_is_known_too),
        ROW_SINGLE(a_late_ack_never_hits_the_next_alarm),
        ROW_SINGLE(an_action_by_entity_fields),
        ROWS(bad, a_bad_action_is_refused),
        ROW_SINGLE(an_action_above_the_limit_is_refused),
        ROW_SINGLE(facts_of_the_event_are_in_the_row),
        ROW_SINGLE(a_late_source_gets_an_alarm_on_its_clock),
        ROW_SINGLE(clocks_of_two_partitions_become_one),
        ROW_SINGLE(a_dead_host_opens_after_a_restart_too),
        ROW_SINGLE(a_snooze_ends_after_a_restart_too),
        ROW_SINGLE(the_counter_step_goes_on_after_a_restart),
        ROW_SINGLE(loading_starts_anew_when_the_store_was_away),
        ROW_SINGLE(a_mass_of_timers_is_spread_over_beats),
        ROW_SINGLE(restarts_change_nothing),
    };

    return rows_run("alarm", tables, sizeof tables / sizeof tables[0]);
}
