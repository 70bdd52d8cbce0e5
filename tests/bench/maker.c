/* SPDX-License-Identifier: Apache-2.0 */
/** The events that benches without a broker feed. */
#include "tests/bench/maker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/mem.h"

enum {
    HOSTS = 1000,
    STATES = 4,
    STRIDE = 7368787, /* a prime above any number of entities used */
    RANDOM_SHARE = 1000000
};

static const char phrase[] = "/var/lib is watched and told of here; ";

void maker_init(struct maker *maker, int64_t entities, double changes,
                int first)
{
    *maker =
        (struct maker){.entities = entities, .changes = changes, .random = 1};
    maker->states = xmalloc((size_t)entities);
    memset(maker->states, first, (size_t)entities);
}

void maker_fini(struct maker *maker)
{
    free(maker->states);
}

/* Below `most`. */
static int64_t roll(struct maker *maker, int64_t most)
{
    uint64_t z = maker->random += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (int64_t)((z ^ (z >> 31)) % (uint64_t)most);
}

static void change(struct maker *maker, uint8_t *state)
{
    if (maker->made >= maker->entities &&
        (double)roll(maker, RANDOM_SHARE) < maker->changes * RANDOM_SHARE) {
        *state = (uint8_t)((*state + 1 + roll(maker, STATES - 1)) % STATES);
    }
}

/* The text of the output fills what is left. */
static void fill_output(char *text, size_t len)
{
    while (len < MAKER_BYTES - 2) {
        size_t part = MAKER_BYTES - 2 - len;

        part = part < sizeof phrase - 1 ? part : sizeof phrase - 1;
        memcpy(text + len, phrase, part);
        len += part;
    }
    memcpy(text + len, "\"}", 3);
}

void maker_next(struct maker *maker, int64_t now_s, char *text)
{
    static const char *const names[STATES] = {"OK", "WARNING", "MAJOR",
                                              "CRITICAL"};
    int64_t entity = maker->made * STRIDE % maker->entities;
    uint8_t *state = &maker->states[entity];
    int len;

    change(maker, state);
    len = snprintf(
        text, MAKER_BYTES,
        "{\"connector\":\"bench\",\"connector_name\":\"bench1\","
        "\"event_type\":\"check\",\"source_type\":\"resource\","
        "\"component\":\"host%04lld.example.org\","
        "\"resource\":\"disk%03lld\",\"timestamp\":%lld,\"state\":%d,"
        "\"state_type\":1,\"perf_data_array\":[{\"metric\":\"used\","
        "\"value\":%.2f,\"unit\":\"%%\",\"warn\":80,\"crit\":90,\"min\":0,"
        "\"max\":100,\"type\":\"GAUGE\"},{\"metric\":\"inodes\","
        "\"value\":%lld,\"unit\":\"\",\"warn\":900000,\"crit\":1000000,"
        "\"type\":\"GAUGE\"}],\"output\":\"DISK %s: ",
        (long long)(entity % HOSTS), (long long)(entity / HOSTS),
        (long long)now_s, *state, (double)roll(maker, 10000) / 100,
        (long long)entity * 7, names[*state]);
    BUG_IF(len <= 0 || len >= MAKER_BYTES);
    fill_output(text, (size_t)len);
    maker->made++;
}
