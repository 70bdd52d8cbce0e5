/* SPDX-License-Identifier: Apache-2.0 */
/** When the end of the chain tells that nothing comes through it. */
#include "engines/alarm/alarm_chain.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    LOOKS_MAX = 10,
    START_S = 1000,
    LIMIT_S = 60
};

#define NOTHING ALARM_CHAIN_NOTHING
#define LATE    ALARM_CHAIN_LATE
#define WELL    ALARM_CHAIN_WELL

/* Times in seconds since the first look. */
struct look {
    int now;
    int chain;
    enum alarm_chain_word word;
};

struct chain_case {
    const char *name;
    int limit;
    bool open; /* before the first look */
    struct look looks[LOOKS_MAX];
};

static const struct chain_case cases[] = {
    {"all is well", LIMIT_S, false, {{0, 0, NOTHING}, {100, 99, NOTHING}}},
    {"late at three looks",
     LIMIT_S,
     false,
     {{0, 0, NOTHING},
      {60, 0, NOTHING},
      {61, 0, NOTHING},
      {62, 0, LATE},
      {63, 0, NOTHING},
      {121, 0, NOTHING},
      {122, 0, LATE},
      {123, 90, NOTHING},
      {124, 95, WELL},
      {125, 124, NOTHING}}},
    {"what was before it started does not count",
     LIMIT_S,
     false,
     {{0, -900, NOTHING},
      {1, -900, NOTHING},
      {2, -900, NOTHING},
      {59, -900, NOTHING}}},
    {"but what it did not hear since does",
     LIMIT_S,
     false,
     {{0, -900, NOTHING},
      {60, -900, NOTHING},
      {61, -900, NOTHING},
      {62, -900, LATE}}},
    {"a process that slept",
     LIMIT_S,
     false,
     {{0, 0, NOTHING},
      {900, 0, NOTHING},
      {901, 900, NOTHING},
      {902, 901, NOTHING}}},
    {"open since before a restart",
     LIMIT_S,
     true,
     {{0, -900, WELL}, {1, -900, NOTHING}}},
    {"a clock put back",
     LIMIT_S,
     false,
     {{900, 0, NOTHING}, {10, 0, NOTHING}, {20, 0, NOTHING}}},
    {"off", 0, false, {{0, 0, NOTHING}, {900, 0, NOTHING}, {901, 0, NOTHING}}},
    {"switched off while it lasted", 0, true, {{0, 0, WELL}}},
};

static void check_case(void **state)
{
    const struct chain_case *row = *state;
    struct alarm_chain chain = {0};
    bool open = row->open;

    for (size_t i = 0; i < LOOKS_MAX; i++) {
        const struct look *look = &row->looks[i];
        enum alarm_chain_word word;

        if (i > 0 && look->now == 0) {
            break;
        }
        word = alarm_chain_look(&chain, (START_S + look->now) * 1000L,
                                (START_S + look->chain) * 1000L,
                                row->limit * 1000L, open);
        if (word != look->word) {
            fail_msg("at %d s: %d", look->now, (int)word);
        }
        open = word == LATE || (open && word != WELL);
    }
}

int main(void)
{
    static const struct row_table tables[] = {
        ROWS(cases, check_case),
    };

    return rows_run("alarm chain", tables, N_ROWS(tables));
}
