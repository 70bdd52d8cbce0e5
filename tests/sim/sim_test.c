/* SPDX-License-Identifier: Apache-2.0 */
/** Seeded schedules of the real runtime against a plain model. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "tests/sim/story.h"
#include "tests/sim/weather.h"
#include "tests/support/testlog.h"
#include "tests/support/unit.h"

enum {
    CHECK_SEEDS = 50,
    STORY_EVENTS = 60,
    WEATHERS_MAX = 24
};

static void run_weather(const struct weather *weather, uint64_t seed,
                        bool distinct)
{
    const struct story_options options = {.seed = seed,
                                          .events = STORY_EVENTS,
                                          .distinct = distinct,
                                          .faults = weather->faults};
    const char *difference = story_run(&options);

    if (difference[0] != '\0') {
        fail_msg("weather %s, seed %" PRIu64 ", %s bodies: %s", weather->name,
                 seed, distinct ? "distinct" : "equal", difference);
    }
}

static void check_weathers(void **state)
{
    const struct weather *weather = *state;

    testlog_mute();
    for (uint64_t seed = 1; seed <= CHECK_SEEDS; seed++) {
        run_weather(weather, seed, true);
        run_weather(weather, seed, false);
    }
    log_set_sink(NULL, NULL);
}

/* Schedules that a known mistake does not survive: each was found by making
 * it. They hold as long as the world rolls its dice in the same order. */
static const struct {
    const char *weather;
    uint64_t seed;
    const char *mistake;
} found[] = {
    {"crashes", 382, "older epochs among the redelivered are not forwarded"},
    {"stores", 2046, "older epochs among the redelivered are not forwarded"},
    {"storm", 4067, "older epochs among the redelivered are not forwarded"},
    {"nacks", 9, "no sequence numbers"},
    {"crashes", 23, "an end is forgotten at the acknowledgement"},
    {"crashes", 3, "published is stored too early"},
    {"twins", 1, "no fence"},
    {"storm", 119338, "a lost connection's deliveries are taken"},
    {"storm", 167121, "a lost connection's deliveries are taken"},
    {"one-twins", 6, "whose turn never comes back does not look at its fence"},
    {"swaps", 33, "what is handed over is taken before the broker's queue"},
    {"one-storm", 6, "what is handed over is taken before the broker's queue"},
    {"swaps", 2,
     "what a sender kept is not forwarded when it comes again by "
     "the broker"},
    {"one-crashes", 1, "what is handed over is confirmed at once"},
    {"one-storm", 1280, "what is new of one entry ends another's repeats"},
    {"one-storm", 99001556, "what is new of one entry ends another's repeats"},
};

static void check_found(void **state)
{
    (void)state;
    testlog_mute();
    for (size_t i = 0; i < N_ROWS(found); i++) {
        run_weather(weather_find(found[i].weather), found[i].seed, true);
    }
    log_set_sink(NULL, NULL);
}

/* `sim_test WEATHER SEED`: one story again, with its log lines. */
static int run_one(const char *name, const char *seed_text)
{
    const struct weather *weather;
    int64_t seed;

    if (str_to_i64(seed_text, 0, INT64_MAX, &seed) != ERR_OK) {
        return EXIT_FAILURE;
    }
    weather = weather_find(name);
    if (weather == NULL) {
        return EXIT_FAILURE;
    }
    for (int distinct = 0; distinct < 2; distinct++) {
        const struct story_options options = {.seed = (uint64_t)seed,
                                              .events = STORY_EVENTS,
                                              .distinct = distinct == 1,
                                              .faults = weather->faults};

        (void)printf("%s: %s\n", distinct ? "distinct" : "equal",
                     story_run(&options));
    }
    return EXIT_SUCCESS;
}

/* `sim_test --for SECONDS [SEED]`: all weathers, seed after seed. */
static int run_for(const char *seconds_text, const char *seed_text)
{
    int64_t seconds;
    int64_t seed = 1;
    int64_t end;
    uint64_t stories = 0;

    if (str_to_i64(seconds_text, 1, INT64_MAX / 1000, &seconds) != ERR_OK ||
        (seed_text != NULL &&
         str_to_i64(seed_text, 0, INT64_MAX, &seed) != ERR_OK)) {
        return EXIT_FAILURE;
    }
    testlog_mute();
    for (end = clock_mono_ms() + seconds * 1000; clock_mono_ms() < end;
         seed++) {
        for (size_t i = 0; weathers[i / 2].name != NULL; i++) {
            const struct story_options options = {.seed = (uint64_t)seed,
                                                  .events = STORY_EVENTS,
                                                  .distinct = i % 2 == 0,
                                                  .faults =
                                                      weathers[i / 2].faults};
            const char *difference = story_run(&options);

            stories++;
            if (difference[0] != '\0') {
                (void)printf("weather %s, seed %" PRId64 ", %s bodies: %s\n",
                             weathers[i / 2].name, seed,
                             i % 2 == 0 ? "distinct" : "equal", difference);
                return EXIT_FAILURE;
            }
        }
    }
    (void)printf("%" PRIu64 " schedules without a difference; last seed "
                 "%" PRId64 "\n",
                 stories, seed - 1);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct CMUnitTest tests[WEATHERS_MAX + 1];
    size_t n = 0;

    if (argc >= 3 && strcmp(argv[1], "--for") == 0) {
        return run_for(argv[2], argc > 3 ? argv[3] : NULL);
    }
    if (argc == 3) {
        return run_one(argv[1], argv[2]);
    }
    for (; weathers[n].name != NULL; n++) {
        tests[n] = (struct CMUnitTest){.name = weathers[n].name,
                                       .test_func = check_weathers,
                                       .initial_state =
                                           (void *)(uintptr_t)&weathers[n]};
    }
    tests[n++] = (struct CMUnitTest){.name = "found", .test_func = check_found};
    return _cmocka_run_group_tests("sim", tests, n, NULL, NULL);
}
