/* SPDX-License-Identifier: Apache-2.0 */
/** The load of hyp bench: events, and how long their changes took. */
#include "cli/load.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"

enum {
    STATES = 4,
    PARTS = 100,
    USED_MOST = 100 * PARTS, /* hundredths of a percent */
    INODES_STEP = 7,         /* so that entities differ */
    SHIFT_A = 13,            /* of the xorshift64 */
    SHIFT_B = 7,
    SHIFT_C = 17,
    DOUBLE_BITS = 53,
    DOUBLE_LEAVES = 64 - DOUBLE_BITS
};

#define NAME_START     "bench-"
#define RESOURCE_START "resource-"
#define RANDOM_START   UINT64_C(0x9e3779b97f4a7c15)

/* xorshift64: the same load in every run. */
static uint64_t dice(struct load *load)
{
    load->random ^= load->random << SHIFT_A;
    load->random ^= load->random >> SHIFT_B;
    load->random ^= load->random << SHIFT_C;
    return load->random;
}

static bool throw_share(struct load *load, double share)
{
    return (double)(dice(load) >> DOUBLE_LEAVES) <
           share * (double)(UINT64_C(1) << DOUBLE_BITS);
}

void load_init(struct load *load, const struct load_shape *shape)
{
    int64_t n = shape->connectors * shape->components * shape->resources;

    BUG_IF(n < 1 || n > LOAD_ENTITIES_MAX);
    *load = (struct load){.shape = *shape, .n = n, .random = RANDOM_START};
    load->states = xcalloc((size_t)n, sizeof load->states[0]);
    load->sent_ms = xcalloc((size_t)n, sizeof load->sent_ms[0]);
    load->took = xcalloc(LOAD_LATENCY_MAX_MS + 1, sizeof load->took[0]);
}

void load_fini(struct load *load)
{
    free(load->states);
    free(load->sent_ms);
    free(load->took);
}

static void change(struct load *load, int64_t i, int64_t mono_ms)
{
    uint64_t step = 1 + dice(load) % (STATES - 1);

    load->states[i] = (uint8_t)((load->states[i] + step) % STATES);
    load->n_changes++;
    if (load->sent_ms[i] == 0) {
        load->sent_ms[i] = mono_ms;
        load->pending++;
    }
}

static void write_event(struct load *load, int64_t i, int64_t wall_ms,
                        struct buf *out)
{
    static const char *const words[STATES] = {"OK", "MINOR", "MAJOR",
                                              "CRITICAL"};
    const struct load_shape *shape = &load->shape;
    int64_t host = i / shape->resources;
    unsigned used = (unsigned)(dice(load) % USED_MOST);
    int state = load->states[i];

    buf_addf(out,
             "{\"connector\":\"bench\",\"connector_name\":\"" NAME_START
             "%" PRId64 "\",\"event_type\":\"check\",\"source_type\":"
             "\"resource\",\"component\":\"" NAME_START "%" PRId64
             "\",\"resource\":\"" RESOURCE_START "%" PRId64
             "\",\"timestamp\":%" PRId64 ".%03" PRId64
             ",\"state\":%d,\"output\":\"%s: made by hyp bench\","
             "\"perf_data\":\"used=%u.%02u%%;80;90;0;100 "
             "inodes=%" PRId64 ";900000;1000000;0\"}",
             host / shape->components, host, i, wall_ms / 1000, wall_ms % 1000,
             state, words[state], used / PARTS, used % PARTS, i * INODES_STEP);
}

void load_next(struct load *load, int64_t wall_ms, int64_t mono_ms,
               struct buf *out)
{
    int64_t i = load->next;

    if (load->events >= load->n && throw_share(load, load->shape.changes)) {
        change(load, i, mono_ms);
    }
    write_event(load, i, wall_ms, out);
    load->events++;
    load->next = i + 1 == load->n ? 0 : i + 1;
}

static bool number_behind(const char *text, const char *start, int64_t most,
                          int64_t *number)
{
    return str_starts(text, start) &&
           str_to_i64(text + strlen(start), 0, most, number) == ERR_OK;
}

void load_answer(struct load *load, const char *component, const char *resource,
                 int64_t mono_ms)
{
    int64_t i, host, ms;

    if (!number_behind(resource, RESOURCE_START, load->n - 1, &i) ||
        !number_behind(component, NAME_START, load->n - 1, &host) ||
        host != i / load->shape.resources || load->sent_ms[i] == 0) {
        return;
    }
    ms = mono_ms - load->sent_ms[i];
    load->sent_ms[i] = 0;
    load->pending--;
    load->n_answered++;
    load->took[ms < LOAD_LATENCY_MAX_MS ? ms : LOAD_LATENCY_MAX_MS]++;
}

int64_t load_quantile(const struct load *load, double share)
{
    double want = share * (double)load->n_answered;
    int64_t seen = 0;

    for (int64_t ms = 0; ms <= LOAD_LATENCY_MAX_MS; ms++) {
        seen += load->took[ms];
        if (seen > 0 && (double)seen >= want) {
            return ms;
        }
    }
    return -1;
}
