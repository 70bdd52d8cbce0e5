/* SPDX-License-Identifier: Apache-2.0 */
/**
 * engine-perfdata over many hours against a plain model: folded, merged,
 * rolled up and removed, killed now and then, with late points, repeats,
 * counters that begin anew; and what schema 1 left.
 */
#include "tests/conformance/points_suite.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/bus/bus_memory.h"
#include "common/engine/runtime.h"
#include "common/perfdata/rate.h"
#include "common/points/rollup_store.h"
#include "engines/cleaner/cleaner.h"
#include "engines/perfdata/perfdata.h"
#include "tests/support/testlog.h"
#include "tests/support/unit.h"

#define START_MS INT64_C(1700000000000)

enum {
    ENGINES = 2,
    QUIET = 25, /* turns without work until all is done */
    MINUTE = 60 * 1000,
    HOUR = 60 * MINUTE,
    TICK = 20 * MINUTE,
    EVENTS_A_TICK = 6,
    HOURS_RUN = 16,
    LATE_HOURS = 8,
    GAUGES = 66, /* with the counters more than a group */
    COUNTER = GAUGES,
    DERIVE,
    METRICS,
    TEXT_MAX = 8192,
    PIECES = 12 /* beats in a tick */
};

/* A seeded sequence (splitmix64). */
static uint64_t roll(uint64_t *seed, uint64_t below)
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

/* The engines. */

struct process {
    const struct engine_ops *ops;
    void *state;
    struct runtime_conf runtime;
    struct conf *conf;
    struct bus *bus;
    struct store *store;
    struct engine_io *io;
};

struct host {
    struct store_suite *suite;
    const char *const *options; /* of perfdata */
    struct broker *broker;
    int64_t now_ms;
    struct process processes[ENGINES];
};

static int64_t now_of_host(void *ctx)
{
    return ((const struct host *)ctx)->now_ms;
}

static void set(struct conf *conf, const char *section, const char *key,
                const char *value)
{
    struct errbuf why;

    if (conf_set(conf, section, key, value, &why) != ERR_OK) {
        fail_msg("%s.%s: %s", section, key, why.text);
    }
}

static void configure(struct host *host, struct process *process)
{
    const struct conf_part parts[] = {{runtime_options, &process->runtime},
                                      {process->ops->options, process->state}};

    process->conf = conf_new(parts, 2);
    if (process->ops == &cleaner_engine) {
        set(process->conf, "engine", "next", "perfdata");
        return;
    }
    for (size_t i = 0; host->options[i] != NULL; i += 2) {
        set(process->conf, "perfdata", host->options[i], host->options[i + 1]);
    }
}

static void start(struct host *host, size_t i)
{
    struct process *process = &host->processes[i];
    struct runtime_setup setup = {.exchange_prefix = "canopsis",
                                  .user = "hypervise",
                                  .now_ms = now_of_host,
                                  .mono_ms = now_of_host,
                                  .ctx = host};
    struct errbuf why;

    process->state = xcalloc(1, process->ops->state_size);
    configure(host, process);
    process->bus = broker_open(host->broker, process->ops->name, "hypervise");
    process->store = host->suite->open(host->suite->ctx, process->ops->name);
    setup.ops = process->ops;
    setup.state = process->state;
    setup.conf = &process->runtime;
    setup.bus = process->bus;
    setup.store = process->store;
    assert_int_equal(runtime_new(&setup, &process->io, &why), ERR_OK);
}

static void kill_process(struct process *process)
{
    runtime_free(process->io);
    bus_close(process->bus);
    store_close(process->store);
    conf_free(process->conf);
    free(process->state);
}

static void host_start(struct host *host, struct store_suite *suite,
                       const char *const *options)
{
    *host = (struct host){
        .suite = suite,
        .options = options,
        .now_ms = START_MS,
        .processes = {{.ops = &cleaner_engine}, {.ops = &perfdata_engine}}};
    host->broker = broker_new("canopsis");
    for (size_t i = 0; i < ENGINES; i++) {
        start(host, i);
    }
}

static void host_stop(struct host *host)
{
    for (size_t i = 0; i < ENGINES; i++) {
        kill_process(&host->processes[i]);
    }
    broker_free(host->broker);
}

static void kill_perfdata(struct host *host)
{
    kill_process(&host->processes[1]);
    start(host, 1);
}

static void turns(struct host *host, int quiet)
{
    int idle = 0;

    while (idle < quiet) {
        bool did = false;

        for (size_t i = 0; i < ENGINES; i++) {
            did =
                runtime_step(host->processes[i].io, 0) == RUNTIME_GO_ON || did;
        }
        host->now_ms++;
        idle = did ? 0 : idle + 1;
    }
}

/* Time passes, with a beat a second apart for the pieces of what is due. */
static void pass(struct host *host, int64_t ms, int beats)
{
    for (int i = 0; i < beats; i++) {
        host->now_ms += ms / beats;
        turns(host, QUIET);
    }
}

static void send(const struct host *host, const char *json)
{
    const struct bus_message message = {
        .exchange = "canopsis.events",
        .routing_key = "suite",
        .properties = {.content_type = "application/json", .message_id = ""},
        .body = json,
        .len = strlen(json)};

    assert_true(broker_publish(host->broker, &message));
}

/* The model: points by metric, in order of time. */

struct known {
    int64_t ms;
    double value;
};

struct model {
    struct {
        struct known *points;
        size_t n;
    } of[METRICS];
    int64_t numbers[METRICS];
    double counter, derive;
    uint64_t seed;
};

static void know(struct model *model, int metric, int64_t ms, double value)
{
    size_t n = model->of[metric].n;
    size_t at = n;
    struct known *points = model->of[metric].points;

    while (at > 0 && points[at - 1].ms >= ms) {
        at--;
    }
    if (at < n && points[at].ms == ms) {
        points[at].value = value;
        return;
    }
    points = xrealloc_array(points, n + 1, sizeof *points);
    memmove(points + at + 1, points + at, (n - at) * sizeof *points);
    points[at] = (struct known){ms, value};
    model->of[metric].points = points;
    model->of[metric].n++;
}

static void model_fini(struct model *model)
{
    for (int i = 0; i < METRICS; i++) {
        free(model->of[i].points);
    }
}

static void send_gauges(const struct host *host, struct model *model,
                        int64_t ms)
{
    char text[TEXT_MAX];
    size_t len;

    len = (size_t)snprintf(text, sizeof text,
                           "{\"connector\":\"c\",\"connector_name\":\"n\","
                           "\"component\":\"h\",\"event_type\":\"perf\","
                           "\"timestamp\":%" PRId64 ".%03d,\"perf_data\":\"",
                           ms / 1000, (int)(ms % 1000));
    for (int i = 0; i < GAUGES; i++) {
        double value = (double)roll(&model->seed, i < 3 ? 100000 : 3) / 100;

        know(model, i, ms, value);
        len += (size_t)snprintf(text + len, sizeof text - len, "g%d=%.2f ", i,
                                value);
    }
    (void)snprintf(text + len, sizeof text - len, "\"}");
    send(host, text);
}

static void send_counters(const struct host *host, struct model *model,
                          int64_t ms)
{
    char text[TEXT_MAX];

    model->counter += (double)roll(&model->seed, 100000);
    model->counter = roll(&model->seed, 40) == 0 ? 5 : model->counter;
    model->derive += (double)roll(&model->seed, 1000) - 500;
    know(model, COUNTER, ms, model->counter);
    know(model, DERIVE, ms, model->derive);
    (void)snprintf(
        text, sizeof text,
        "{\"connector\":\"c\",\"connector_name\":\"n\",\"component\":\"h\","
        "\"event_type\":\"perf\",\"timestamp\":%" PRId64 ".%03d,"
        "\"perf_data_array\":[{\"metric\":\"c\",\"type\":\"COUNTER\","
        "\"value\":%.0f},{\"metric\":\"d\",\"type\":\"DERIVE\",\"value\":%.0f}"
        "]}",
        ms / 1000, (int)(ms % 1000), model->counter, model->derive);
    send(host, text);
}

/* Comparing. */

static bool take_number(void *ctx, const struct store_key *key, struct doc row)
{
    struct model *model = ctx;
    const char *name = doc_str(row, "name", "");
    int64_t metric = name[0] == 'c' ? COUNTER : DERIVE;

    (void)key;
    if (name[0] == 'g') {
        assert_int_equal(str_to_i64(name + 1, 0, GAUGES - 1, &metric), ERR_OK);
    }
    model->numbers[metric] = doc_i64(row, "n", 0);
    return true;
}

struct compare {
    const struct model *model;
    int metric;
    size_t at;
};

static bool compare_point(void *ctx, int64_t ms, double value)
{
    struct compare *compare = ctx;
    const struct known *known =
        &compare->model->of[compare->metric].points[compare->at++];

    if (compare->at > compare->model->of[compare->metric].n ||
        known->ms != ms || known->value != value) {
        fail_msg("metric %d: %" PRId64 " %g came", compare->metric, ms, value);
    }
    return true;
}

static void check_points(const struct model *model, struct store *store,
                         int metric, int64_t from_ms)
{
    struct compare compare = {model, metric, 0};
    const struct points_query query = {
        .n = model->numbers[metric], .from_ms = from_ms, .to_ms = INT64_MAX};

    while (compare.at < model->of[metric].n &&
           model->of[metric].points[compare.at].ms < from_ms) {
        compare.at++;
    }
    assert_int_equal(points_read(store, &query, compare_point, &compare, NULL),
                     ERR_OK);
    if (compare.at != model->of[metric].n) {
        fail_msg("metric %d: the point of %" PRId64 " is missing", metric,
                 model->of[metric].points[compare.at].ms);
    }
}

static bool take_rollup(void *ctx, const struct rollup *rollup)
{
    rollup_steps_add(ctx, rollup);
    return true;
}

/* To the digits that are kept, of values of this size. */
static bool near(double a, double b, double size)
{
    return fabs(a - b) <= 1e-6 * size;
}

static void check_step(const struct rollup *want, const struct rollup *got,
                       int metric, bool with_last)
{
    double size = fmax(fabs(want->min), fabs(want->max));

    if (want->count != got->count ||
        (want->count > 0 &&
         (!near(want->min, got->min, size) ||
          !near(want->max, got->max, size) ||
          !near(rollup_mean(want), rollup_mean(got), size) ||
          (with_last && !near(want->last, got->last, size))))) {
        fail_msg("metric %d, %" PRId64 ": want %g %g %g %g %" PRId64
                 ", got %g %g %g %g %" PRId64,
                 metric, want->ms, want->min, rollup_mean(want), want->max,
                 want->last, want->count, got->min, rollup_mean(got), got->max,
                 got->last, got->count);
    }
}

static enum perf_type type_of(int metric)
{
    return metric == COUNTER  ? PERF_COUNTER
           : metric == DERIVE ? PERF_DERIVE
                              : PERF_GAUGE;
}

/* from_ms: what the tier still has; last_ms: from there on nothing came so
 * late that only roll-ups knew its time. */
static void check_tier(const struct model *model, struct store *store,
                       int metric, enum points_tier tier, int64_t from_ms,
                       int64_t last_ms)
{
    int64_t step_ms = tier == POINTS_HOURS ? HOUR : MINUTE;
    int64_t to_ms = START_MS + (HOURS_RUN + 2) * HOUR;
    const struct rollup_query query = {
        .points = {model->numbers[metric], from_ms, to_ms},
        .tier = tier,
        .type = type_of(metric),
        .min = (double)NAN};
    struct rollup_steps want;
    struct rollup_steps got;
    struct rate rate;

    rollup_steps_init(&want, from_ms, to_ms, step_ms);
    rollup_steps_init(&got, from_ms, to_ms, step_ms);
    rate_init(&rate, type_of(metric), (double)NAN);
    for (size_t i = 0; i < model->of[metric].n; i++) {
        const struct known *known = &model->of[metric].points[i];
        struct rollup one = {.ms = known->ms};
        double value;

        if (rate_next(&rate, known->ms, known->value, &value)) {
            rollup_add(&one, known->ms, value);
            rollup_steps_add(&want, &one);
        }
    }
    assert_int_equal(rollups_read(store, &query, take_rollup, &got, NULL),
                     ERR_OK);
    for (size_t i = 0; i < want.n; i++) {
        check_step(&want.steps[i], &got.steps[i], metric,
                   want.steps[i].ms >= last_ms);
    }
    rollup_steps_fini(&want);
    rollup_steps_fini(&got);
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void check_all(const struct host *host, struct model *model,
                      int64_t last_ms)
{
    static const struct store_query metrics = {.collection = STORE_METRICS,
                                               .limit = INT64_MAX};
    struct store *store = host->suite->open(host->suite->ctx, NULL);
    struct points_floors floors;
    int64_t floor_ms[POINTS_HOURS + 1];

    assert_int_equal(
        store_scan(store, &metrics, take_number, model, NULL, NULL), ERR_OK);
    assert_int_equal(points_floors_read(store, 0, &floors, NULL), ERR_OK);
    for (int tier = 0; tier <= POINTS_HOURS; tier++) {
        floor_ms[tier] =
            later(points_slot_begin_ms(floors.slot[tier]), START_MS - 8 * HOUR);
    }
    for (int i = 0; i < METRICS; i++) {
        if (model->numbers[i] == 0 || (i > 4 && i < GAUGES - 2 && i % 13 > 0)) {
            continue; /* the others are like these */
        }
        check_points(model, store, i, floor_ms[POINTS_RAW]);
        check_tier(model, store, i, POINTS_MINUTES, floor_ms[POINTS_MINUTES],
                   last_ms);
        check_tier(model, store, i, POINTS_HOURS, floor_ms[POINTS_HOURS],
                   last_ms);
    }
    store_close(store);
}

/* Rows that lie where none should. */

struct census {
    struct points_floors floors;
    int64_t merged_before;          /* slot */
    size_t tiers[POINTS_HOURS + 1]; /* rows of each, but for floors */
    bool rollups;
};

static bool count_row(void *ctx, const struct store_key *key, struct doc row)
{
    struct census *census = ctx;
    int64_t slot = points_key_slot(key->a);

    (void)row;
    if (slot == 0) {
        return true;
    }
    if (census->rollups) {
        bool hours = key->a != points_rollup_key_a(0, POINTS_MINUTES, slot);
        int64_t at = hours ? points_day_slot(slot) : slot;

        census->tiers[hours ? POINTS_HOURS : POINTS_MINUTES]++;
        assert_true(at >=
                    census->floors.slot[hours ? POINTS_HOURS : POINTS_MINUTES]);
        return true;
    }
    census->tiers[POINTS_RAW]++;
    assert_true(slot >= census->floors.slot[POINTS_RAW] - 1);
    assert_true(points_key_run(key->a) == 0 || slot >= census->merged_before);
    return true;
}

static void check_census(const struct host *host)
{
    struct store *store = host->suite->open(host->suite->ctx, NULL);
    struct census census = {.merged_before =
                                points_slot_of(host->now_ms - HOUR - TICK)};

    assert_int_equal(points_floors_read(store, 0, &census.floors, NULL),
                     ERR_OK);
    for (int i = 0; i < 2; i++) {
        const struct store_query query = {.collection = i == 0 ? STORE_CHUNKS
                                                               : STORE_ROLLUPS,
                                          .limit = INT64_MAX};

        census.rollups = i > 0;
        assert_int_equal(
            store_scan(store, &query, count_row, &census, NULL, NULL), ERR_OK);
    }
    /* two groups: some hours of points and of minutes, a day or two of hours */
    assert_in_range(census.tiers[POINTS_RAW], 2 * 2, 2 * 20);
    assert_in_range(census.tiers[POINTS_MINUTES], 2 * 4, 2 * 7);
    assert_in_range(census.tiers[POINTS_HOURS], 2, 2 * 2);
    store_close(store);
}

/* Tests. */

static const char *const short_times[] = {
    "fold_after",   "200s", "merge_after", "20m", "keep_raw", "3h",
    "keep_minutes", "6h",   "keep_hours",  "9h",  NULL};

static void tick(struct host *host, struct model *model)
{
    for (int i = 0; i < EVENTS_A_TICK; i++) {
        int64_t ms = host->now_ms - (EVENTS_A_TICK - i) * (TICK / 10);

        send_gauges(host, model, ms);
        send_counters(host, model, ms);
        if (roll(&model->seed, 8) == 0) { /* the same time again */
            send_gauges(host, model, ms);
        }
    }
    if (roll(&model->seed, 6) == 0) { /* late, and never twice at one time */
        int64_t back = (int64_t)roll(&model->seed, 5 * 60) * MINUTE;

        send_gauges(host, model,
                    (host->now_ms - back) / MINUTE * MINUTE + 17 +
                        (int64_t)roll(&model->seed, 40000));
    }
}

static void test_life(void **state)
{
    struct store_suite *suite = store_suite_of(state);
    struct model model = {.seed = 11};
    struct host host;

    suite->begin(suite->ctx);
    testlog_start();
    host_start(&host, suite, short_times);
    turns(&host, QUIET);
    for (int i = 0; i < HOURS_RUN * (HOUR / TICK); i++) {
        tick(&host, &model);
        if (roll(&model.seed, 5) == 0) {
            turns(&host, (int)roll(&model.seed, 6));
            kill_perfdata(&host);
        }
        pass(&host, TICK, PIECES);
        if (i % 6 == 5) {
            /* what is older than points are kept shows when it is merged */
            pass(&host, HOUR / 2, 4 * PIECES);
            check_all(&host, &model, host.now_ms - 2 * HOUR);
        }
    }
    pass(&host, HOUR, 100);
    check_all(&host, &model, host.now_ms - 3 * HOUR);
    check_census(&host);
    assert_int_equal(testlog_stop(), 0);
    host_stop(&host);
    model_fini(&model);
    suite->end(suite->ctx);
}

/* Rows as schema 1 had them: (number, time), {v: value}. */

/* Hours that are merged later than points of their age are removed: what is
 * in no roll-up yet stays, and each hour's first rate counts from the hour
 * before. */
static const char *const late_merges[] = {
    "fold_after",   "200s", "merge_after", "3h", "keep_raw", "1h",
    "keep_minutes", "48h",  "keep_hours",  "9d", NULL};

static void test_late_merges(void **state)
{
    struct store_suite *suite = store_suite_of(state);
    struct model model = {.seed = 5};
    struct host host;

    suite->begin(suite->ctx);
    testlog_start();
    host_start(&host, suite, late_merges);
    turns(&host, QUIET);
    for (int i = 0; i < LATE_HOURS * (HOUR / TICK); i++) {
        send_counters(&host, &model, host.now_ms);
        pass(&host, TICK, PIECES);
        check_all(&host, &model, 0);
    }
    assert_int_equal(testlog_stop(), 0);
    host_stop(&host);
    model_fini(&model);
    suite->end(suite->ctx);
}

static void put_old(struct store_batch *batch, struct doc_out *out, int64_t n,
                    int64_t ms, double value)
{
    const struct store_key key = {.a = n, .b = ms};

    doc_out_reset(out);
    doc_add_f64(out, "v", value);
    store_batch_put(batch, STORE_POINTS, &key, doc_out_done(out));
}

static void put_old_metric(struct store_batch *batch, struct doc_out *out,
                           int metric)
{
    char id[64];
    char json[256];
    const struct store_key key = {.text = id};

    (void)snprintf(id, sizeof id, "/component/c/n/h/g%d", metric);
    (void)snprintf(json, sizeof json,
                   "{'id':'%s','entity_id':'/component/c/n/h','name':'g%d',"
                   "'n':%d,'type':'GAUGE','last':{'t':1,'value':1}}",
                   id, metric, metric + 1);
    store_batch_put(batch, STORE_METRICS, &key, store_suite_doc(out, json));
}

/* Three hours of 40 metrics, a point each 20 s; times that none can show. */
static void seed_old(struct store_suite *suite, struct model *model)
{
    struct store *store = suite->open(suite->ctx, "perfdata");
    struct store_batch *batch = store_batch_new();
    struct doc_out *out = doc_out_new();
    struct store_fence fence;

    store_suite_raise(store, "perfdata", &fence);
    for (int i = 0; i < 40; i++) {
        put_old_metric(batch, out, i);
        put_old(batch, out, i + 1, -5, 1);
        for (int64_t ms = START_MS - 3 * HOUR; ms < START_MS; ms += 20000) {
            double value = (double)roll(&model->seed, 1000);

            put_old(batch, out, i + 1, ms, value);
            know(model, i, ms, value);
        }
    }
    store_suite_commit(store, &fence, batch);
    store_batch_free(batch);
    doc_out_free(out);
    store_close(store);
}

static bool fail_at_row(void *ctx, const struct store_key *key, struct doc row)
{
    (void)ctx;
    (void)row;
    fail_msg("the row %" PRId64 " %" PRId64 " is left", key->a, key->b);
    return false;
}

static void check_no_old(struct store_suite *suite)
{
    static const struct store_query query = {.collection = STORE_POINTS,
                                             .limit = INT64_MAX};
    struct store *store = suite->open(suite->ctx, NULL);

    assert_int_equal(store_scan(store, &query, fail_at_row, NULL, NULL, NULL),
                     ERR_OK);
    store_close(store);
}

static void test_schema_1(void **state)
{
    struct store_suite *suite = store_suite_of(state);
    struct model model = {.seed = 3};
    struct host host;

    suite->begin(suite->ctx);
    testlog_start();
    seed_old(suite, &model);
    host_start(&host, suite, (const char *const[]){NULL});
    turns(&host, QUIET);
    send_gauges(&host, &model, START_MS - HOUR); /* what comes last counts */
    send_gauges(&host, &model, START_MS - 1);
    turns(&host, QUIET);
    check_all(&host, &model, 0);
    for (int i = 0; i < 8; i++) {
        pass(&host, 1100, 1);
        kill_perfdata(&host);
        turns(&host, QUIET);
        check_all(&host, &model, 0);
    }
    pass(&host, HOUR, 30);
    check_no_old(suite);
    check_all(&host, &model, 0);
    assert_int_equal(testlog_stop(), 0);
    host_stop(&host);
    model_fini(&model);
    suite->end(suite->ctx);
}

/* What the programs of schema 1 stored, a value each two minutes. */
static void test_stored(void **state)
{
    struct store_suite *suite = store_suite_of(state);
    struct model model = {.seed = 1};
    struct host host;

    suite->begin(suite->ctx);
    testlog_start();
    for (int i = 0; i < 90; i++) {
        int64_t ms = START_MS - (90 - i) * 2 * (int64_t)MINUTE;

        know(&model, 0, ms, i % 7 + 0.25);
        know(&model, COUNTER, ms, i * 120);
    }
    host_start(&host, suite, (const char *const[]){NULL});
    turns(&host, QUIET);
    check_all(&host, &model, 0);
    pass(&host, HOUR, 20);
    check_no_old(suite);
    check_all(&host, &model, 0);
    assert_int_equal(testlog_stop(), 0);
    host_stop(&host);
    model_fini(&model);
    suite->end(suite->ctx);
}

int points_suite_run_schema_1(struct store_suite *suite)
{
    const struct CMUnitTest tests[] = {
        {"stored", test_stored, NULL, NULL, suite},
    };

    return _cmocka_run_group_tests("points of schema 1", tests, N_ROWS(tests),
                                   NULL, NULL);
}

int points_suite_run(struct store_suite *suite)
{
    const struct CMUnitTest tests[] = {
        {"life", test_life, NULL, NULL, suite},
        {"late merges", test_late_merges, NULL, NULL, suite},
        {"schema 1", test_schema_1, NULL, NULL, suite},
    };

    return _cmocka_run_group_tests("points", tests, N_ROWS(tests), NULL, NULL);
}
