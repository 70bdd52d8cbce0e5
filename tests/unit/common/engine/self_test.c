/* SPDX-License-Identifier: Apache-2.0 */
/** An engine's judgement of itself: what it tells when, as tables of looks. */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/engine/self.h"
#include "common/perfdata/perfdata.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    LOOKS_MAX = 12
};

static const int64_t start_ms = 1700000000000;

static const struct self_conf conf = {.interval_ms = 60000,
                                      .lag_minor_ms = 30000,
                                      .lag_major_ms = 300000,
                                      .dead_minor = 2,
                                      .dead_major = 100,
                                      .errors_minor = 10,
                                      .quiet_ms = 120000,
                                      .memory_minor = 1000,
                                      .memory_major = 2000};

/* One look: what is, and what is told; NULL: nothing. */
struct at {
    int64_t s; /* since the start */
    struct self_view view;
    int state;
    const char *output; /* how it begins; NULL: nothing is told */
};

struct look_case {
    const char *name;
    struct at looks[LOOKS_MAX];
};

#define LAG(lag_, waiting_)                                                    \
    {                                                                          \
        .lag_ms = (lag_)*1000, .waiting = (waiting_)                           \
    }
#define DEAD(n_)                                                               \
    {                                                                          \
        .lag_ms = -1, .dead = (n_)                                             \
    }

static const struct look_case cases[] = {
    {"at once, then every minute",
     {{0, LAG(1, 0), 0, "0.0 events/s, 1.0 s behind the sources"},
      {1, LAG(1, 0), 0, NULL},
      {59, LAG(1, 0), 0, NULL},
      {60, {.events = 90, .lag_ms = -1}, 0, "1.5 events/s"},
      {61, {.events = 90, .lag_ms = -1}, 0, NULL},
      {120, {.events = 90, .lag_ms = -1}, 0, "0.0 events/s"}}},
    {"a clock put back",
     {{100, LAG(1, 0), 0, "0.0"}, {10, LAG(1, 0), 0, "0.0"}}},
    {"behind: told at once, worse at once, better with the minute",
     {{0, LAG(1, 0), 0, "0.0"},
      {10, LAG(29, 5), 0, NULL},
      {11, LAG(30, 5), 1, "30 s behind the sources, waiting messages: 5"},
      {12, LAG(299, 5), 1, NULL},
      {13, LAG(300, 9), 2, "300 s behind the sources, waiting messages: 9"},
      {14, LAG(1, 0), 0, NULL},
      {73, LAG(1, 0), 0, "0.0 events/s, 1.0 s behind the sources"}}},
    {"around a limit it stays",
     {{0, LAG(30, 1), 1, "30 s"},
      {60, LAG(25, 1), 1, "25 s"},
      {61, LAG(31, 1), 1, NULL},
      {120, LAG(24, 1), 1, "24 s"},
      {180, LAG(23, 1), 0, "0.0"},
      {181, LAG(30, 1), 1, "30 s"}}},
    {"one that has nothing to do is not behind",
     {{0, LAG(600, 0), 0, "0.0 events/s, 600.0 s behind the sources"}}},
    {"nor one that is held up",
     {{0, {.lag_ms = 600000, .waiting = 9, .held_up = true}, 0, "0.0"}}},
    {"refused messages, until it is quiet",
     {{0, DEAD(0), 0, "0.0"},
      {10, DEAD(1), 0, NULL},
      {11, DEAD(2), 1,
       "refused messages: 2 since it started, the last 0 s ago"},
      {20, DEAD(99), 1, NULL},
      {21, DEAD(100), 2, "refused messages: 100"},
      {81, DEAD(101), 2, "refused messages: 101"},
      {140, DEAD(101), 2, NULL},
      {141, DEAD(101), 2, "refused messages: 101"},
      {200, DEAD(102), 2, NULL},
      {201, DEAD(102), 0, "0.0"}}},
    {"a few now and then are below the limit",
     {{0, DEAD(0), 0, "0.0"},
      {30, DEAD(1), 0, NULL},
      {60, DEAD(1), 0, "0.0"},
      {90, DEAD(2), 0, NULL},
      {120, DEAD(2), 0, "0.0"}}},
    {"errors",
     {{0,
       {.lag_ms = -1, .errors = 10},
       1,
       "publishes refused or messages missing: 10"}}},
    {"memory",
     {{0, {.lag_ms = -1, .resident_bytes = 1000}, 1, "it takes 0 MiB"},
      {1, {.lag_ms = -1, .resident_bytes = 2000}, 2, "it takes"},
      {61, {.lag_ms = -1, .resident_bytes = 1601}, 2, "it takes"},
      {121, {.lag_ms = -1, .resident_bytes = 1599}, 1, "it takes"},
      {181, {.lag_ms = -1, .resident_bytes = 799}, 0, "0.0"}}},
    {"the store, with all else",
     {{0,
       {.lag_ms = 31000, .waiting = 1, .store_away = true, .dead = 3},
       3,
       "the store does not answer, so it waits; 31 s behind the sources, "
       "waiting messages: 1; refused messages: 3"},
      {1, {.lag_ms = -1, .dead = 3}, 1, NULL},
      {60, {.lag_ms = -1, .dead = 3}, 1, "refused messages: 3"}}},
};

static void word_init(struct self_word *word)
{
    *word = (struct self_word){0};
    buf_init(&word->output, SELF_TEXT_MAX);
    buf_init(&word->perf, SELF_TEXT_MAX);
}

static void word_fini(struct self_word *word)
{
    buf_fini(&word->output);
    buf_fini(&word->perf);
}

static void check_look(struct self *self, const struct at *at,
                       struct self_word *word)
{
    struct self_view view = at->view;

    view.now_ms = start_ms + at->s * 1000;
    if (!self_look(self, &conf, &view, word)) {
        if (at->output != NULL) {
            fail_msg("at %d s nothing is told", (int)at->s);
        }
        return;
    }
    if (at->output == NULL || word->state != at->state ||
        strncmp(buf_str(&word->output), at->output, strlen(at->output)) != 0) {
        fail_msg("at %d s it tells %d \"%s\"", (int)at->s, word->state,
                 buf_str(&word->output));
    }
    assert_int_equal(word->ttl_ms, 3 * conf.interval_ms);
    self_told(self, &view, word);
}

static void check_looks(const struct look_case *row, int64_t runs_s)
{
    const struct self_view first = {.now_ms = start_ms - runs_s * 1000};
    struct self_word word;
    struct self self;

    word_init(&word);
    self_init(&self, &first);
    for (size_t i = 0; i < LOOKS_MAX && (i == 0 || row->looks[i].s > 0); i++) {
        check_look(&self, &row->looks[i], &word);
    }
    word_fini(&word);
}

static void check_case(void **state)
{
    check_looks(*state, 3600);
}

/* What waited before it started is not its fault at first. */
static void counts_lag_from_its_start(void **state)
{
    static const struct look_case row = {
        "new",
        {{0, LAG(600, 5), 0, "0.0"},
         {29, LAG(600, 5), 0, NULL},
         {30, LAG(600, 5), 1, "600 s behind the sources"}}};

    (void)state;
    check_looks(&row, 0);
}

/* What could not be published is told at the next look. */
static void tells_again_what_was_not_published(void **state)
{
    const struct self_view view = {.now_ms = start_ms, .lag_ms = -1};
    struct self_word word;
    struct self self;

    (void)state;
    word_init(&word);
    self_init(&self, &view);
    assert_true(self_look(&self, &conf, &view, &word));
    assert_true(self_look(&self, &conf, &view, &word));
    self_told(&self, &view, &word);
    assert_false(self_look(&self, &conf, &view, &word));
    word_fini(&word);
}

static void is_silent_when_off(void **state)
{
    const struct self_conf off = {.interval_ms = 0};
    const struct self_view view = {.now_ms = start_ms, .store_away = true};
    struct self_word word;
    struct self self;

    (void)state;
    word_init(&word);
    self_init(&self, &view);
    assert_false(self_look(&self, &off, &view, &word));
    word_fini(&word);
}

static void measures(void **state)
{
    const struct self_view first = {.now_ms = start_ms, .cpu_ms = 100};
    const struct self_view view = {.now_ms = start_ms + 60000,
                                   .events = 1200,
                                   .batches = 100,
                                   .dead = 1,
                                   .errors = 2,
                                   .lag_ms = 1500,
                                   .waiting = 7,
                                   .resident_bytes = 512,
                                   .cpu_ms = 700};
    struct self_word word;
    struct self self;

    (void)state;
    word_init(&word);
    self_init(&self, &first);
    assert_true(self_look(&self, &conf, &view, &word));
    assert_string_equal(
        buf_str(&word.perf),
        "cps_evt_per_sec=20;;;0 cps_sec_per_evt=0.0005s;;;0 batch=12;;;0 "
        "cpu=1%;;;0 lag=1.5s;30;300;0 queue=7;;;0 memory=512B;1000;2000;0 "
        "events=1200c dead_letters=1c errors=2c");
    word_fini(&word);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROWS(cases, check_case),
        ROW_SINGLE(counts_lag_from_its_start),
        ROW_SINGLE(tells_again_what_was_not_published),
        ROW_SINGLE(is_silent_when_off),
        ROW_SINGLE(measures),
    };

    return rows_run("engine self", tables, N_ROWS(tables));
}
