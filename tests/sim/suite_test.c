/* SPDX-License-Identifier: Apache-2.0 */
/** Every engine of the suite under seeded schedules, against a calm world. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "tests/sim/suite_story.h"
#include "tests/sim/weather.h"
#include "tests/support/testlog.h"
#include "tests/support/unit.h"

enum {
    CHECK_SEEDS = 6
};

/* All weathers; the name of the one that differs. Where the wall clock is set
 * back, what the engines write of times is rightly not the calm end's. */
static const char *run_seed(uint64_t seed, const char **difference)
{
    char *calm = suite_calm_end(seed);
    const struct weather *weather = weathers;

    *difference = "";
    while (weather->name != NULL && (*difference)[0] == '\0') {
        if (weather->faults.back == 0) {
            *difference = suite_run(seed, &weather->faults, calm);
        }
        weather++;
    }
    free(calm);
    return weather[-1].name;
}

static void check_seeds(void **state)
{
    (void)state;
    testlog_mute();
    for (uint64_t seed = 1; seed <= CHECK_SEEDS; seed++) {
        const char *difference;
        const char *name = run_seed(seed, &difference);

        if (difference[0] != '\0') {
            fail_msg("weather %s, seed %" PRIu64 ": %s", name, seed,
                     difference);
        }
    }
    log_set_sink(NULL, NULL);
}

/* Schedules that showed a mistake, each by its weather. */
static const struct {
    const char *weather;
    uint64_t seed;
    const char *mistake;
} found[] = {
    {"stores", 10156, "a row that could not be read was taken for none"},
    {"stores", 10484, "a row that could not be read was taken for none"},
    {"twins", 12873, "a partition wrote the row of another's connector"},
    {"stores", 701000002, "the hours between the acts were told as lateness"},
};

static void check_found(void **state)
{
    (void)state;
    testlog_mute();
    for (size_t i = 0; i < N_ROWS(found); i++) {
        char *calm = suite_calm_end(found[i].seed);
        const struct weather *weather = weather_find(found[i].weather);
        const char *difference =
            suite_run(found[i].seed, &weather->faults, calm);

        free(calm);
        if (difference[0] != '\0') {
            fail_msg("%s: weather %s, seed %" PRIu64 ": %s", found[i].mistake,
                     found[i].weather, found[i].seed, difference);
        }
    }
    log_set_sink(NULL, NULL);
}

/* `suite_test --for SECONDS [SEED]`: all weathers, seed after seed. */
static int run_for(int64_t seconds, uint64_t seed)
{
    int64_t end = clock_mono_ms() + seconds * 1000;
    uint64_t first = seed;

    testlog_mute();
    for (; clock_mono_ms() < end; seed++) {
        const char *difference;
        const char *name = run_seed(seed, &difference);

        if (difference[0] != '\0') {
            (void)printf("weather %s, seed %" PRIu64 ": %s\n", name, seed,
                         difference);
            return EXIT_FAILURE;
        }
    }
    (void)printf("%" PRIu64 " seeds without a difference; last %" PRIu64 "\n",
                 seed - first, seed - 1);
    return EXIT_SUCCESS;
}

/* `suite_test WEATHER SEED`: both ends, to be compared by eye, the calm one on
 * the standard output and the other, with the log, on the error output. */
static int run_one(const char *name, uint64_t seed)
{
    const struct weather *weather = weather_find(name);
    const char *why;
    char *calm;
    char *rough;

    if (weather == NULL) {
        return EXIT_FAILURE;
    }
    calm = suite_calm_end(seed);
    (void)printf("%s", calm);
    rough = suite_rough_end(seed, &weather->faults, &why);
    (void)fprintf(stderr, "%s%s\n", rough, why);
    free(calm);
    free(rough);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(check_found),
                                              cmocka_unit_test(check_seeds)};
    int64_t number = 0;
    int64_t seed = 1;

    if (argc < 3) {
        return cmocka_run_group_tests_name("suite", tests, NULL, NULL);
    }
    if (str_to_i64(argv[2], 0, INT64_MAX / 1000, &number) != ERR_OK ||
        (argc > 3 && str_to_i64(argv[3], 0, INT64_MAX, &seed) != ERR_OK)) {
        return EXIT_FAILURE;
    }
    return strcmp(argv[1], "--for") == 0 ? run_for(number, (uint64_t)seed)
                                         : run_one(argv[1], (uint64_t)number);
}
