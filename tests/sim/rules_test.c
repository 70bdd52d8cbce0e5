/* SPDX-License-Identifier: Apache-2.0 */
/** A rule that changes while its engine dies: before each of its acts, one by
 *  one. Each event is worked on once and as a whole by one of the rules, the
 *  earlier ones by the old rule and the later ones by the new one; also one
 *  whose publish is lost behind commits that came later. */
#include <stdio.h>
#include <string.h>

#include "engines/cleaner/cleaner.h"
#include "engines/event-filter/event_filter.h"
#include "engines/eventstore/eventstore.h"
#include "tests/sim/world.h"
#include "tests/support/testlog.h"
#include "tests/support/unit.h"

enum {
    EVENTS = 6,
    CHANGE_BEHIND = 3, /* events, when nobody died by then */
    FILTER = 1,        /* row of the chain */
    ROUNDS = 14,
    LONG_ROUNDS = 700,
    DEATHS_MIN = 20 /* acts there must be */
};

static const char *const quick[] = {"engine.fold_interval=1s",
                                    "engine.batch_max=1", NULL};
static const char *const few_ids[] = {"cleaner.ids_max=1000", NULL};

static const struct world_engine chain[] = {
    {.ops = &cleaner_engine, .next = "event-filter", .options = few_ids},
    {.ops = &event_filter_engine, .next = "eventstore", .options = quick},
    {.ops = &eventstore_engine, .options = quick},
};

struct story {
    struct world *world;
    int64_t death; /* before which act; counts down */
    bool died;
    bool changed;
    bool lost; /* all that the filter publishes, and nobody tells it */
    /* what is read at the end */
    int64_t logged;
    int64_t matches;
    int64_t drops;
};

static bool dies(void *ctx, size_t engine, enum watch_act act)
{
    struct story *story = ctx;

    (void)act;
    if (engine != FILTER || story->death == 0 || --story->death > 0) {
        return false;
    }
    story->died = true;
    return true;
}

static bool loses(void *ctx, size_t engine)
{
    const struct story *story = ctx;

    return engine == FILTER && story->lost;
}

static bool keeps_quiet(void *ctx, const char *connection)
{
    const struct story *story = ctx;

    return story->lost && strcmp(connection, "event-filter.out") == 0;
}

/* The first lets events pass, signed; another signs otherwise, and one drops
 * them. */
static const char sign[] = "{\"actions\":[{\"type\":\"set\",\"field\":"
                           "\"author\",\"value\":\"one\"}]}";
static const char sign_again[] = "{\"actions\":[{\"type\":\"set\",\"field\":"
                                 "\"author\",\"value\":\"two\"}]}";
static const char drop[] = "{\"actions\":[{\"type\":\"drop\"}]}";

static void put_rule(const struct story *story, const char *text)
{
    struct doc_out *out = doc_out_new();
    struct errbuf why;
    struct doc spec;

    assert_int_equal(doc_from_json(text, strlen(text), out, &spec, &why),
                     ERR_OK);
    world_change_object(story->world, "eventfilter", "r", spec);
    doc_out_free(out);
}

static void rounds(struct story *story, int n, bool may_change)
{
    for (int i = 0; i < n; i++) {
        for (size_t e = 0; e < N_ROWS(chain); e++) {
            (void)world_turn(story->world, e, 0);
            if (!story->changed && (story->died || may_change)) {
                story->changed = true;
                put_rule(story, drop);
            }
        }
    }
}

static void send_event(const struct story *story, int i)
{
    char text[256];

    (void)snprintf(text, sizeof text,
                   "{\"connector\":\"c\",\"connector_name\":\"n\","
                   "\"event_type\":\"log\",\"component\":\"h\","
                   "\"output\":\"%d\"}",
                   i);
    world_send(story->world, text);
}

static void tell(struct story *story)
{
    const struct world_script script = {.ctx = story, .dies = dies};

    put_rule(story, sign);
    rounds(story, LONG_ROUNDS, false);
    world_set_script(story->world, &script);
    for (int i = 0; i < EVENTS; i++) {
        send_event(story, i);
        rounds(story, ROUNDS, i >= CHANGE_BEHIND);
    }
    rounds(story, LONG_ROUNDS, true);
}

static bool each_logged(void *ctx, const struct store_key *key, struct doc row)
{
    struct story *story = ctx;
    char output[8];

    (void)key;
    (void)snprintf(output, sizeof output, "%d", (int)story->logged++);
    assert_string_equal(doc_str(row, "output", ""), output);
    assert_string_equal(doc_str(row, "author", ""), "one");
    return true;
}

static bool each_count(void *ctx, const struct store_key *key, struct doc row)
{
    struct story *story = ctx;

    (void)key;
    story->matches += doc_i64(row, "matches", 0);
    story->drops += doc_i64(row, "drops", 0);
    return true;
}

static void read_end(struct story *story)
{
    const struct store_query logged = {.collection = STORE_EVENTS_LOG,
                                       .limit = INT64_MAX};
    const struct store_query counts = {.collection = STORE_RULE_COUNTS,
                                       .limit = INT64_MAX};
    struct store *store = world_reader(story->world);

    assert_int_equal(store_scan(store, &logged, each_logged, story, NULL, NULL),
                     ERR_OK);
    assert_int_equal(store_scan(store, &counts, each_count, story, NULL, NULL),
                     ERR_OK);
    store_close(store);
}

static void check_end(struct story *story)
{
    read_end(story);
    assert_int_equal(story->matches, EVENTS);
    assert_int_equal(story->drops, EVENTS - story->logged);
    assert_true(story->logged > 0 && story->drops > 0);
}

static void dies_before_each_act(void **state)
{
    bool died = true;
    int64_t n = 0;

    (void)state;
    while (died) {
        struct story story = {.world = world_new(1, chain, N_ROWS(chain)),
                              .death = ++n};

        tell(&story);
        died = story.died;
        assert_true(world_settle(story.world));
        world_restart_all(story.world);
        assert_true(world_settle(story.world));
        check_end(&story);
        world_free(story.world);
    }
    assert_true(n > DEATHS_MIN);
}

/* Worked on, committed, and its publish lost, while the rule changes and later
 * batches are committed: what a death then makes the engine publish anew is
 * worked on as the first time. */
static void unpublished_keeps_its_rule(void **state)
{
    struct story story = {.world = world_new(1, chain, N_ROWS(chain)),
                          .changed = true};
    const struct world_script script = {
        .ctx = &story, .nack = loses, .holds = keeps_quiet};

    (void)state;
    put_rule(&story, sign);
    rounds(&story, LONG_ROUNDS, false);
    world_set_script(story.world, &script);
    story.lost = true;
    send_event(&story, 0);
    rounds(&story, ROUNDS, false);
    put_rule(&story, sign_again);
    rounds(&story, LONG_ROUNDS, false);
    world_kill(story.world, FILTER, 0);
    story.lost = false;
    assert_true(world_settle(story.world));
    world_restart_all(story.world);
    assert_true(world_settle(story.world));
    read_end(&story);
    assert_int_equal(story.logged, 1);
    assert_int_equal(story.matches, 1);
    world_free(story.world);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(dies_before_each_act),
        cmocka_unit_test(unpublished_keeps_its_rule)};

    testlog_mute();
    return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
