/* SPDX-License-Identifier: Apache-2.0 */
/** Scripted scenes: one rule of delivery each, nothing left to chance. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engines/cleaner/cleaner.h"
#include "tests/sim/scene.h"
#include "tests/support/testlog.h"
#include "tests/support/unit.h"

enum {
    MESSAGES_MAX = 8,
    NACKS = 12,    /* publishes of a short run, with room */
    FEW_TURNS = 20 /* committed and published, and not acknowledged yet */
};

static int dead_letters(struct world *world)
{
    char last[SCENE_TEXT_MAX] = "";
    struct bus_message message;
    int n = 0;

    for (size_t i = 0;
         broker_peek(world_broker(world), "Engine_dead", i, &message); i++) {
        n += strcmp(message.properties.message_id, last) != 0;
        (void)snprintf(last, sizeof last, "%s", message.properties.message_id);
    }
    return n;
}

/* A message with a known id passes nothing on, and neither does its repeat:
 * its receipt says so. */
static void known_id_comes_again(void **state)
{
    static const char body[] =
        "{\"connector\":\"s\",\"connector_name\":\"s\",\"event_type\":"
        "\"check\",\"component\":\"x\",\"state\":2}";

    (void)state;
    for (int nth = 1; nth <= 2; nth++) {
        struct script script = {.deadly = WATCH_ACK, .death = nth};
        struct world *world = scene_entry_world(&script);

        scene_say(world, body, "hypervise", "id-1");
        scene_say(world, body, "hypervise", "id-1");
        (void)scene_rounds(world, SCENE_ENTRY_ENGINES);
        assert_int_equal(script.death, 0);
        scene_let_marks_come(world, SCENE_ENTRY_ENGINES);
        scene_check_states(world, "2");
        world_free(world);
    }
}

/* Whose message-id tells a repeat: a foreign user's does not, unless he is
 * named. */
static void foreign_id_tells_nothing(void **state)
{
    static const char body[] =
        "{\"connector\":\"s\",\"connector_name\":\"s\",\"event_type\":"
        "\"check\",\"component\":\"x\",\"state\":2}";
    static const char *const named[] = {
        "cleaner.ids_max=1000", "cleaner.trusted_ids=gate, guest", NULL};
    static const struct {
        const char *const *options;
        const char *user;
        const char *states;
    } rows[] = {{named + 2, "guest", "22"},
                {named + 2, "", "22"},
                {named + 2, "hypervise", "2"},
                {named, "guest", "2"},
                {named, "stranger", "22"}};

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        const struct world_engine entry[] = {{.ops = &cleaner_engine,
                                              .next = "context",
                                              .options = rows[i].options}};
        struct script script = {.engine = 0};
        struct world *world = scene_world(entry, N_ROWS(entry), &script);

        scene_say(world, body, rows[i].user, "id-1");
        scene_say(world, body, rows[i].user, "id-1");
        scene_let_marks_come(world, SCENE_ENTRY_ENGINES);
        scene_check_states(world, rows[i].states);
        world_free(world);
    }
}

/* Envelopes are the suite's own: from anybody else they are dead letters. */
static void foreign_envelope_is_refused(void **state)
{
    static const struct {
        const char *user;
        const char *states;
        int letters;
    } rows[] = {{"hypervise", "2", 0}, {"guest", "", 1}, {"", "", 1}};

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct script script = {.engine = 0};
        struct world *world = scene_entry_world(&script);

        scene_tell_as(world, &(struct told){5, 1, 0, 1, NULL, 2},
                      "Engine_cleaner", rows[i].user);
        scene_let_marks_come(world, SCENE_ENTRY_ENGINES);
        scene_check_states(world, rows[i].states);
        assert_int_equal(dead_letters(world), rows[i].letters);
        world_free(world);
    }
}

/* Nothing of a batch leaves before its receipts are surely stored. */
static void nothing_before_its_receipt(void **state)
{
    static const enum store_fault faults[] = {STORE_FAULT_UNKNOWN_LOST,
                                              STORE_FAULT_UNAVAILABLE};

    (void)state;
    for (size_t i = 0; i < N_ROWS(faults); i++) {
        struct script script = {.commit = faults[i]};
        struct world *world = scene_entry_world(&script);

        scene_say_state(world, 2);
        while (script.commit != STORE_FAULT_NONE) {
            assert_true(world_turn(world, 0, 0));
        }
        for (int turn = 0; turn < FEW_TURNS; turn++) {
            scene_check_states(world, "");
            assert_true(world_turn(world, 0, 0));
        }
        scene_let_marks_come(world, SCENE_ENTRY_ENGINES);
        scene_check_states(world, "2");
        world_free(world);
    }
}

/* 2, 0, 2 in equal bodies, with a death before each act of each kind: each is
 * passed on, once, in order. */
static void equal_bodies(void **state)
{
    (void)state;
    for (enum watch_act act = WATCH_COMMIT; act <= WATCH_PROVE; act++) {
        bool died = true;

        for (int nth = 1; died; nth++) {
            struct script script = {.deadly = act, .death = nth};
            struct world *world = scene_entry_world(&script);

            scene_say_state(world, 2);
            scene_say_state(world, 0);
            scene_say_state(world, 2);
            (void)scene_rounds(world, SCENE_ENTRY_ENGINES);
            scene_let_marks_come(world, SCENE_ENTRY_ENGINES);
            died = script.death == 0;
            scene_check_states(world, "202");
            world_free(world);
        }
    }
}

/* 2, 0 is acknowledged without a proof, 2, 0 is taken and 2, 0 delivered when
 * the process dies. The four that come again could be the first four as well:
 * how many are new cannot be known. The last state is right. */
static void periodic_bodies(void **state)
{
    struct script script = {.engine = 0};
    struct world *world = scene_entry_world(&script);

    (void)state;
    scene_let_marks_come(world, SCENE_ENTRY_ENGINES); /* all is proven */
    scene_say_state(world, 2);
    scene_say_state(world, 0);
    (void)scene_rounds(world, SCENE_ENTRY_ENGINES);
    scene_say_state(world, 2);
    scene_say_state(world, 0);
    for (int turn = 0; turn < FEW_TURNS; turn++) {
        assert_true(world_turn(world, 0, 0));
    }
    scene_check_states(world, "2020");
    script.deadly = WATCH_COMMIT;
    script.death = 1;
    scene_say_state(world, 2);
    scene_say_state(world, 0);
    (void)scene_rounds(world, SCENE_ENTRY_ENGINES);
    assert_int_equal(script.death, 0);
    scene_let_marks_come(world, SCENE_ENTRY_ENGINES);
    scene_check_states(world, "2020");
    world_free(world);
}

/* Acknowledgements that go nowhere prove nothing: the receipts stay. */
static void lost_acknowledgements(void **state)
{
    struct script script = {.engine = 0};
    struct world *world = scene_entry_world(&script);

    (void)state;
    scene_say_state(world, 1);
    scene_say_state(world, 2);
    scene_say_state(world, 3);
    (void)world_turn(world, 0, 0); /* the first is read */
    broker_disown(world_broker(world), world_bus(world, 0, 0), true);
    (void)scene_rounds(world, SCENE_ENTRY_ENGINES);
    broker_cut(world_broker(world), world_bus(world, 0, 0), true, true);
    scene_let_marks_come(world, SCENE_ENTRY_ENGINES);
    scene_let_marks_come(world, SCENE_ENTRY_ENGINES);
    scene_check_states(world, "123");
    world_free(world);
}

/* One that waited is sent a message, stalls, and wakes up after another one
 * has taken it, proven that and forgotten the receipt: it drops what it reads
 * from its dead socket. */
static void stalled_and_woken(void **state)
{
    struct script script = {.engine = 0};
    struct world *world = scene_entry_world(&script);

    (void)state;
    world_twin(world, 0);
    for (int i = 0; i < 4; i++) {
        assert_true(world_turn(world, 0, 1)); /* it is connected */
    }
    broker_disown(world_broker(world), world_bus(world, 0, 0), true);
    broker_cut(world_broker(world), world_bus(world, 0, 0), true, true);
    assert_true(scene_rounds(world, SCENE_ENTRY_ENGINES));
    scene_say_state(world, 1);
    broker_disown(world_broker(world), world_bus(world, 0, 1), true);
    scene_let_marks_come(world, SCENE_ENTRY_ENGINES);
    scene_check_states(world, "1");
    for (int i = 0; i < SCENE_ROUNDS; i++) {
        assert_true(world_turn(world, 0, 1));
    }
    scene_check_states(world, "1");
    world_free(world);
}

/* One of a window is refused and the next taken: both go again, in order,
 * with the same numbers. */
static void refused_in_a_window(void **state)
{
    bool seen = false;

    (void)state;
    for (int nth = 1; nth <= NACKS; nth++) {
        struct script script = {.nack = nth, .hold = "cleaner.out"};
        struct world *world = scene_entry_world(&script);
        char states[SCENE_TEXT_MAX];
        bool disorder;

        scene_say_state(world, 1);
        scene_say_state(world, 2);
        scene_say_state(world, 3);
        (void)scene_rounds(world, SCENE_ENTRY_ENGINES);
        script.hold = NULL;
        scene_let_marks_come(world, SCENE_ENTRY_ENGINES);
        scene_read_states(world, states, &disorder);
        assert_string_equal(states, "123");
        seen |= disorder;
        world_free(world);
    }
    assert_true(seen);
}

/* Hops: the test is the sender. */

static const struct {
    const char *name;
    struct told told[MESSAGES_MAX];
    const char *sink;
    const char *counter;
} judged[] = {
    {"an older epoch is ignored",
     {{5, 1, 0, 1, NULL, 0}, {4, 2, 1, 2, NULL, 0}, {5, 2, 1, 2, NULL, 0}},
     "12",
     "ignored"},
    {"a newer epoch starts the numbers at 1",
     {{5, 1, 0, 1, NULL, 0},
      {6, 2, 0, 3, NULL, 0},
      {6, 1, 0, 2, NULL, 0},
      {6, 2, 0, 3, NULL, 0}},
     "123",
     "ignored"},
    {"a number above, not confirmed: nacked, comes again",
     {{5, 1, 0, 1, NULL, 0},
      {5, 3, 1, 3, NULL, 0},
      {5, 2, 1, 2, NULL, 0},
      {5, 3, 1, 3, NULL, 0}},
     "123",
     "ignored"},
    {"a number above, confirmed: gone, go on and count it",
     {{5, 1, 0, 1, NULL, 0}, {5, 3, 2, 3, NULL, 0}, {5, 4, 2, 4, NULL, 0}},
     "134",
     "holes"},
    {"a number below is a repeat",
     {{5, 1, 0, 1, NULL, 0},
      {5, 2, 0, 2, NULL, 0},
      {5, 1, 0, 1, NULL, 0},
      {5, 3, 0, 3, NULL, 0}},
     "123",
     "repeats"},
    {"a position not above the last is a repeat",
     {{5, 1, 0, 1, NULL, 0},
      {5, 2, 0, 2, NULL, 0},
      {6, 1, 0, 2, NULL, 0},
      {6, 2, 0, 3, NULL, 0}},
     "123",
     "repeats"},
};

static void judge_messages(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(judged); i++) {
        struct script script = {.engine = 0};
        struct world *world = scene_hop_world(&script);

        for (const struct told *told = judged[i].told; told->n > 0; told++) {
            scene_tell(world, told);
        }
        assert_true(scene_rounds(world, SCENE_HOP_ENGINES));
        scene_check_sink(world, judged[i].name, judged[i].sink);
        if (scene_counter(world, judged[i].counter) != 1) {
            fail_msg("%s: %s %" PRId64, judged[i].name, judged[i].counter,
                     scene_counter(world, judged[i].counter));
        }
        world_free(world);
    }
}

/* 1, 3 (ignored), 2, 3 in one batch, committed and not published: redelivered
 * in that order, they are forwarded in the order of their positions. */
static void redelivered_out_of_order(void **state)
{
    struct script script = {.deadly = WATCH_PUBLISH, .death = 1};
    struct world *world = scene_hop_world(&script);

    (void)state;
    scene_tell(world, &(struct told){5, 1, 0, 1, NULL, 0});
    scene_tell(world, &(struct told){5, 3, 1, 3, NULL, 0});
    scene_tell(world, &(struct told){5, 2, 1, 2, NULL, 0});
    scene_tell(world, &(struct told){5, 3, 1, 3, NULL, 0});
    (void)scene_rounds(world, SCENE_HOP_ENGINES);
    assert_int_equal(script.death, 0);
    scene_check_sink(world, "before", "");
    scene_tell(world, &(struct told){5, 4, 3, 4, "mark", 0});
    (void)scene_rounds(world, SCENE_HOP_ENGINES);
    scene_check_sink(world, "redelivered", "123");
    world_free(world);
}

/* Of both lives of a sender, taken in one batch and not published. */
static void redelivered_older_epoch(void **state)
{
    struct script script = {.deadly = WATCH_PUBLISH, .death = 1};
    struct world *world = scene_hop_world(&script);

    (void)state;
    scene_tell(world, &(struct told){5, 1, 0, 1, NULL, 0});
    scene_tell(world, &(struct told){5, 2, 0, 2, NULL, 0});
    scene_tell(world, &(struct told){6, 1, 0, 3, NULL, 0});
    (void)scene_rounds(world, SCENE_HOP_ENGINES);
    assert_int_equal(script.death, 0);
    scene_tell(world, &(struct told){6, 2, 1, 4, "mark", 0});
    (void)scene_rounds(world, SCENE_HOP_ENGINES);
    scene_check_sink(world, "both lives", "123");
    world_free(world);
}

/* A dropped, or refused, event is acknowledged; its sender's next life sends
 * it again, and that repeat comes twice: it still ends. */
static void ended_stays_ended(void **state)
{
    static const struct {
        const char *output;
        int letters; /* each under one id */
    } ends[] = {{"drop", 0}, {"refuse", 1}};

    (void)state;
    for (size_t i = 0; i < N_ROWS(ends); i++) {
        const char *output = ends[i].output;
        struct script script = {.engine = 0};
        struct world *world = scene_hop_world(&script);

        scene_tell(world, &(struct told){5, 1, 0, 1, output, 0});
        (void)scene_rounds(world, SCENE_HOP_ENGINES);
        script.deadly = WATCH_ACK;
        script.death = 1;
        scene_tell(world, &(struct told){6, 1, 0, 1, output, 0});
        (void)scene_rounds(world, SCENE_HOP_ENGINES);
        assert_int_equal(script.death, 0);
        scene_tell(world, &(struct told){6, 2, 1, 2, "mark", 0});
        scene_tell(world, &(struct told){6, 3, 1, 3, NULL, 0});
        (void)scene_rounds(world, SCENE_HOP_ENGINES);
        scene_check_sink(world, output, "3");
        assert_int_equal(dead_letters(world), ends[i].letters);
        world_free(world);
    }
}

/* The process asks what became of its commit, and lives on with it. */
static void unknown_commit(void **state)
{
    static const enum store_fault faults[] = {STORE_FAULT_UNKNOWN_APPLIED,
                                              STORE_FAULT_UNKNOWN_LOST,
                                              STORE_FAULT_UNAVAILABLE};

    (void)state;
    for (size_t i = 0; i < N_ROWS(faults); i++) {
        struct script script = {.commit = faults[i]};
        struct world *world = scene_hop_world(&script);

        scene_tell(world, &(struct told){5, 1, 0, 1, NULL, 0});
        assert_true(scene_rounds(world, SCENE_HOP_ENGINES));
        world_pass_time(world, SECOND_MS);
        scene_tell(world, &(struct told){5, 2, 0, 2, NULL, 0});
        assert_true(scene_rounds(world, SCENE_HOP_ENGINES));
        scene_check_sink(world, "unknown result", "12");
        world_free(world);
    }
}

/* A step is committed; before it is published, the process dies. */
static void step_after_a_death(void **state)
{
    struct script script = {.deadly = WATCH_PUBLISH, .death = 1};
    struct world *world = scene_hop_world(&script);
    struct bus_message message;

    (void)state;
    scene_tell(world, &(struct told){5, 1, 0, 1, NULL, 2});
    (void)scene_rounds(world, SCENE_HOP_ENGINES);
    assert_int_equal(script.death, 0);
    scene_tell(world, &(struct told){5, 2, 0, 2, NULL, 0});
    (void)scene_rounds(world, SCENE_HOP_ENGINES);
    for (size_t i = 0; i < 2; i++) {
        assert_true(broker_peek(world_broker(world), "listener", i, &message));
        assert_string_equal(message.properties.message_id,
                            i == 0 ? "x/1" : "x/2");
    }
    assert_false(broker_peek(world_broker(world), "listener", 2, &message));
    scene_check_sink(world, "steps", "12");
    world_free(world);
}

/* Who waits touches nothing; who takes over ends the one before. */
static void lost_epoch(void **state)
{
    struct script script = {.engine = 0};
    struct world *world = scene_hop_world(&script);
    uint64_t reads;

    (void)state;
    scene_tell(world, &(struct told){5, 1, 0, 1, NULL, 0});
    (void)scene_rounds(world, SCENE_HOP_ENGINES);
    world_twin(world, 0);
    reads = world_acts(world, 0, WATCH_READ);
    world_pass_time(world, SECOND_MS * SECOND_MS);
    for (int i = 0; i < SCENE_ROUNDS; i++) {
        assert_true(world_turn(world, 0, 1));
    }
    assert_int_equal(world_acts(world, 0, WATCH_READ), reads);
    scene_tell(world, &(struct told){5, 2, 0, 2, NULL, 0});
    (void)world_turn(world, 0, 0); /* the older one reads it, and stalls */
    broker_disown(world_broker(world), world_bus(world, 0, 0), true);
    scene_tell(world, &(struct told){5, 3, 0, 3, NULL, 0});
    for (int i = 0; i < SCENE_ROUNDS; i++) {
        assert_true(world_turn(world, 0, 1));
    }
    assert_false(scene_rounds(world, SCENE_HOP_ENGINES));
    scene_check_sink(world, "lost epoch", "123");
    world_free(world);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_id_comes_again),
        cmocka_unit_test(foreign_id_tells_nothing),
        cmocka_unit_test(foreign_envelope_is_refused),
        cmocka_unit_test(nothing_before_its_receipt),
        cmocka_unit_test(periodic_bodies),
        cmocka_unit_test(equal_bodies),
        cmocka_unit_test(lost_acknowledgements),
        cmocka_unit_test(stalled_and_woken),
        cmocka_unit_test(refused_in_a_window),
        cmocka_unit_test(judge_messages),
        cmocka_unit_test(redelivered_out_of_order),
        cmocka_unit_test(redelivered_older_epoch),
        cmocka_unit_test(ended_stays_ended),
        cmocka_unit_test(unknown_commit),
        cmocka_unit_test(step_after_a_death),
        cmocka_unit_test(lost_epoch),
    };

    testlog_mute();
    return cmocka_run_group_tests_name("scenes", tests, NULL, NULL);
}
