/* SPDX-License-Identifier: Apache-2.0 */
/** Runs the stories of tests/cases: plain, killed at each step, tortured. */
#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "common/points/points_store.h"
#include "engines/engines.h"
#include "tests/sim/world.h"
#include "tests/support/minutes.h"
#include "tests/support/testlog.h"
#include "tests/support/unit.h"

enum {
    FILES_MAX = 512,
    CHAIN_MAX = 6,
    OPTIONS_MAX = 16,
    FILE_BYTES = 1024 * 1024,
    STEP_ROUNDS = 60, /* scheduler choices an input gets, per engine */
    DIFFERENCE_MAX = 2048,
    TORTURE_MAX = 400, /* calls made to fail one by one, at most */
    STORY_START = 1700000000
};

enum mode {
    MODE_PLAIN,
    MODE_KILLS,
    MODE_TORTURE
};

struct story {
    char name[256];
    json_t *json;
    struct world_engine chain[CHAIN_MAX];
    const char *options[CHAIN_MAX][OPTIONS_MAX + 1];
    size_t n_chain;
};

/* Numbers differ when they are further apart: half a millisecond, in seconds.
 */
#define NUMBERS_AT 0.0005

static char difference[DIFFERENCE_MAX];

static void differ(const char *what, const json_t *want, const json_t *got)
{
    char *want_text = json_dumps(want, JSON_COMPACT | JSON_ENCODE_ANY);
    char *got_text = got != NULL
                         ? json_dumps(got, JSON_COMPACT | JSON_ENCODE_ANY)
                         : xstrdup("nothing");

    (void)snprintf(difference, sizeof difference,
                   "%s: expected %s, got %.1500s", what, want_text, got_text);
    free(want_text);
    free(got_text);
}

static bool fits(const json_t *want, const json_t *got);

/* Every member that is named must be there; others may be. */
static bool object_fits(const json_t *want, const json_t *got)
{
    json_t *object = (json_t *)(uintptr_t)want; /* the macro wants it so */
    const char *key;
    json_t *value;

    if (!json_is_object(got)) {
        return false;
    }
    json_object_foreach(object, key, value)
    {
        if (!fits(value, json_object_get(got, key))) {
            return false;
        }
    }
    return true;
}

static bool array_fits(const json_t *want, const json_t *got)
{
    if (!json_is_array(got) || json_array_size(want) != json_array_size(got)) {
        return false;
    }
    for (size_t i = 0; i < json_array_size(want); i++) {
        if (!fits(json_array_get(want, i), json_array_get(got, i))) {
            return false;
        }
    }
    return true;
}

static bool number_fits(const json_t *want, const json_t *got)
{
    return json_is_number(got) &&
           fabs(json_number_value(want) - json_number_value(got)) < NUMBERS_AT;
}

/* Whether got is what want says of it. */
static bool fits(const json_t *want, const json_t *got)
{
    switch (json_typeof(want)) {
    case JSON_NULL:
        return got == NULL || json_is_null(got);
    case JSON_OBJECT:
        return object_fits(want, got);
    case JSON_ARRAY:
        return array_fits(want, got);
    case JSON_INTEGER:
    case JSON_REAL:
        return number_fits(want, got);
    case JSON_STRING:
    case JSON_TRUE:
    case JSON_FALSE:
        break;
    }
    return got != NULL && json_equal(want, got);
}

static void compare_list(const char *what, const json_t *want,
                         const json_t *got)
{
    json_t *value;
    size_t i;

    if (difference[0] != '\0' || want == NULL) {
        return;
    }
    if (json_array_size(want) != json_array_size(got)) {
        differ(what, want, got);
        return;
    }
    json_array_foreach(want, i, value)
    {
        if (!fits(value, json_array_get(got, i))) {
            differ(what, value, json_array_get(got, i));
            return;
        }
    }
}

/* Reading what is there at the end. */

static bool add_row(void *ctx, const struct store_key *key, struct doc row)
{
    (void)key;
    (void)json_array_append_new(ctx, json_from_doc(row));
    return true;
}

/* A metric's row, with what its newest point says, and its points. */
struct metric_rows {
    struct store *store;
    json_t *metrics;
    json_t *points;
};

static bool add_point(void *ctx, int64_t ms, double value)
{
    (void)json_array_append_new(
        ctx, json_pack("{s:I,s:f}", "t", (json_int_t)ms, "v", value));
    return true;
}

static bool add_metric(void *ctx, const struct store_key *key, struct doc row)
{
    struct metric_rows *rows = ctx;
    json_t *metric = json_from_doc(row);

    (void)key;
    (void)json_array_append_new(rows->metrics, metric);
    return true;
}

/* In the order of numbers, which is that of creation. */
static void read_points(struct metric_rows *rows)
{
    json_int_t most = (json_int_t)json_array_size(rows->metrics);

    for (json_int_t n = 1; n <= most; n++) {
        const struct points_query query = {.n = n, .to_ms = INT64_MAX};
        json_t *points = json_array();
        json_t *metric;
        size_t i;

        assert_int_equal(
            points_read(rows->store, &query, add_point, points, NULL), ERR_OK);
        json_array_foreach(rows->metrics, i, metric)
        {
            json_t *last = json_array_get(points, json_array_size(points) - 1);

            if (json_integer_value(json_object_get(metric, "n")) == n &&
                last != NULL) {
                (void)json_object_set_new(
                    metric, "last",
                    json_pack(
                        "{s:f,s:O}", "t",
                        (double)json_integer_value(json_object_get(last, "t")) /
                            1000,
                        "value", json_object_get(last, "v")));
            }
        }
        (void)json_array_extend(rows->points, points);
        json_decref(points);
    }
}

static json_t *read_metrics(struct store *store, bool points)
{
    static const struct store_query query = {.collection = STORE_METRICS,
                                             .limit = INT64_MAX};
    struct metric_rows rows = {store, json_array(), json_array()};

    assert_int_equal(store_scan(store, &query, add_metric, &rows, NULL, NULL),
                     ERR_OK);
    read_points(&rows);
    json_decref(points ? rows.metrics : rows.points);
    return points ? rows.points : rows.metrics;
}

/* Values by minute, in the order of metric ids. */

struct minute_rows {
    struct store *store;
    json_t *rows;
};

static bool add_minute(void *ctx, const struct rollup *minute)
{
    (void)json_array_append_new(
        ctx, json_pack("{s:f,s:f,s:f,s:f,s:I}", "min", minute->min, "mean",
                       rollup_mean(minute), "max", minute->max, "last",
                       minute->last, "count", (json_int_t)minute->count));
    return true;
}

static bool add_minutes(void *ctx, const struct store_key *key, struct doc row)
{
    const struct minute_rows *of = ctx;

    (void)key;
    assert_int_equal(minutes_read(of->store, row, add_minute, of->rows, NULL),
                     ERR_OK);
    return true;
}

static json_t *read_minutes(struct store *store)
{
    static const struct store_query query = {.collection = STORE_METRICS,
                                             .limit = INT64_MAX};
    struct minute_rows of = {store, json_array()};

    assert_int_equal(store_scan(store, &query, add_minutes, &of, NULL, NULL),
                     ERR_OK);
    return of.rows;
}

static json_t *read_rows(struct world *world, const char *name)
{
    json_t *rows;
    struct store *store = world_reader(world);

    if (strcmp(name, "minutes") == 0) {
        rows = read_minutes(store);
        store_close(store);
        return rows;
    }

    if (strcmp(name, "points") == 0 || strcmp(name, "metrics") == 0) {
        rows = read_metrics(store, strcmp(name, "points") == 0);
        store_close(store);
        return rows;
    }
    rows = json_array();

    for (int i = 0; i < STORE_N_COLLECTIONS; i++) {
        const struct store_query query = {
            .collection = (enum store_collection)i, .limit = INT64_MAX};

        if (strcmp(store_schema(query.collection)->name, name) == 0) {
            assert_int_equal(
                store_scan(store, &query, add_row, rows, NULL, NULL), ERR_OK);
        }
    }
    store_close(store);
    return rows;
}

/* Messages of a queue, each id once. */
static json_t *read_queue(struct world *world, const char *queue, bool is_doc)
{
    json_t *list = json_array();
    json_t *seen = json_object();
    struct bus_message message;

    for (size_t i = 0; broker_peek(world_broker(world), queue, i, &message);
         i++) {
        const char *id = message.properties.message_id;
        const struct doc doc = {message.body, (uint32_t)message.len};

        if (json_object_get(seen, id) != NULL) {
            continue;
        }
        (void)json_object_set_new(seen, id, json_true());
        (void)json_array_append_new(
            list, is_doc ? json_from_doc(doc)
                         : json_loadb(message.body, message.len, 0, NULL));
    }
    json_decref(seen);
    return list;
}

static void compare(struct world *world, const struct story *story)
{
    json_t *rows = json_object_get(story->json, "rows");
    json_t *got;
    json_t *want;
    const char *name;

    json_object_foreach(rows, name, want)
    {
        got = read_rows(world, name);
        compare_list(name, want, got);
        json_decref(got);
    }
    got = read_queue(world, "listener", false);
    compare_list("alerts", json_object_get(story->json, "alerts"), got);
    json_decref(got);
    got = read_queue(world, "graveyard", true);
    compare_list("dead", json_object_get(story->json, "dead"), got);
    json_decref(got);
}

/* Telling. */

static void let_work(struct world *world, const struct story *story)
{
    for (size_t i = 0; i < STEP_ROUNDS * (story->n_chain + 1); i++) {
        world_step(world);
    }
}

static void wait_s(struct world *world, const struct story *story, double s)
{
    for (double left = s; left > 0; left -= 1) {
        world_pass_time(world, 1000);
        let_work(world, story);
    }
    let_work(world, story);
}

static void publish(struct world *world, const char *queue, const json_t *body)
{
    char *text = json_dumps(body, JSON_COMPACT);
    const struct bus_message message = {
        .exchange = "",
        .routing_key = queue,
        .properties = {.content_type = "application/json",
                       .message_id = "",
                       .user_id = "hypervise"},
        .body = text,
        .len = strlen(text)};

    assert_true(broker_publish(world_broker(world), &message));
    free(text);
}

/* As collectd's amqp plugin publishes. */
static void send_collectd(struct world *world, const char *text)
{
    const struct bus_message message = {
        .exchange = "amq.topic",
        .routing_key = "collectd",
        .properties = {.content_type = "text/collectd", .message_id = ""},
        .body = text,
        .len = strlen(text)};

    assert_true(broker_publish(world_broker(world), &message));
}

/* "@1" in an action: the id of the second alarm that was ever opened. */
static void send_action(struct world *world, const json_t *action)
{
    json_t *copy = json_deep_copy(action);
    const char *id = json_string_value(json_object_get(copy, "alarm_id"));
    int64_t nth;

    if (id != NULL && id[0] == '@' &&
        str_to_i64(id + 1, 0, 1000, &nth) == ERR_OK) {
        json_t *alerts = read_queue(world, "listener", false);
        json_t *seen = json_array();
        json_t *alert;
        size_t i;

        json_array_foreach(alerts, i, alert)
        {
            json_t *alarm_id = json_object_get(alert, "alarm_id");

            if (json_integer_value(json_object_get(alert, "step")) == 1) {
                (void)json_array_append(seen, alarm_id);
            }
        }
        (void)json_object_set(copy, "alarm_id",
                              json_array_get(seen, (size_t)nth));
        json_decref(seen);
        json_decref(alerts);
    }
    publish(world, "Engine_alarm.actions", copy);
    json_decref(copy);
}

/* "@1" as the id: the second letter there was. */
static void send_request(struct world *world, const json_t *request)
{
    json_t *copy = json_deep_copy(request);
    const char *id = json_string_value(json_object_get(copy, "id"));
    int64_t nth;

    if (id != NULL && id[0] == '@' &&
        str_to_i64(id + 1, 0, 1000, &nth) == ERR_OK) {
        json_t *letters = read_queue(world, "graveyard", true);
        json_t *letter = json_array_get(letters, (size_t)nth);

        (void)json_object_set(copy, "id", json_object_get(letter, "id"));
        json_decref(letters);
    }
    publish(world, "Engine_dead", copy);
    json_decref(copy);
}

static void send_event(struct world *world, const json_t *event)
{
    json_t *copy = json_deep_copy(event);
    const char *at = json_string_value(json_object_get(copy, "timestamp"));
    double offset;
    char *text;

    if (at != NULL && at[0] == '@' &&
        str_to_double(at + 1, &offset) == ERR_OK) {
        (void)json_object_set_new(copy, "timestamp",
                                  json_real(STORY_START + offset));
    }
    text = json_dumps(copy, JSON_COMPACT);
    world_send(world, text);
    free(text);
    json_decref(copy);
}

static void change_object(struct world *world, const json_t *object)
{
    struct doc_out *out = doc_out_new();
    struct doc spec = {NULL, 0};
    struct errbuf why;

    if (json_object_get(object, "spec") != NULL) {
        if (json_to_doc(json_object_get(object, "spec"), out, &spec, &why) !=
            ERR_OK) {
            fail_msg("%s", why.text);
        }
    }
    world_change_object(
        world, json_string_value(json_object_get(object, "kind")),
        json_string_value(json_object_get(object, "name")), spec);
    doc_out_free(out);
}

static void tell_one(struct world *world, const struct story *story,
                     const json_t *what)
{
    const json_t *value;

    if ((value = json_object_get(what, "_text")) != NULL) {
        world_send(world, json_string_value(value));
    } else if ((value = json_object_get(what, "_collectd")) != NULL) {
        send_collectd(world, json_string_value(value));
    } else if ((value = json_object_get(what, "_wait")) != NULL) {
        wait_s(world, story, json_number_value(value));
    } else if ((value = json_object_get(what, "_action")) != NULL) {
        send_action(world, value);
    } else if ((value = json_object_get(what, "_dead")) != NULL) {
        send_request(world, value);
    } else if ((value = json_object_get(what, "_object")) != NULL) {
        change_object(world, value);
    } else if (json_object_get(what, "_restart") != NULL) {
        world_restart_all(world);
    } else if (json_object_get(what, "_kill") != NULL) {
        world_kill_all(world);
    } else {
        send_event(world, what);
    }
    let_work(world, story);
}

/* One call of the store or the bus that fails: the n-th since the start. */
struct torture {
    int64_t countdown; /* 0: none */
    bool reached;
};

static bool torture_strikes(void *ctx)
{
    struct torture *torture = ctx;

    if (torture->countdown == 0 || --torture->countdown > 0) {
        return false;
    }
    torture->reached = true;
    return true;
}

/* Returns whether the n-th call was reached. */
static bool tell(const struct story *story, enum mode mode, int64_t nth)
{
    struct world *world = world_new(1, story->chain, story->n_chain);
    struct torture torture = {.countdown = nth};
    json_t *in = json_object_get(story->json, "in");
    json_t *what;
    size_t i;

    difference[0] = '\0';
    broker_bind(world_broker(world), "listener", "canopsis.alerts", "#");
    broker_bind(world_broker(world), "graveyard", "canopsis.dead", "#");
    for (i = 0; i < 4; i++) {
        let_work(world, story);
    }
    if (mode == MODE_TORTURE) {
        world_set_torture(world, torture_strikes, &torture);
    }
    json_array_foreach(in, i, what)
    {
        tell_one(world, story, what);
        if (mode == MODE_KILLS) {
            world_kill_all(world);
            wait_s(world, story, 2);
        }
    }
    if (!world_settle(world)) {
        (void)snprintf(difference, sizeof difference, "it never ends");
    } else {
        world_restart_all(world);
        (void)world_settle(world);
        torture.countdown = 0; /* reading for the comparison must not fail */
        compare(world, story);
    }
    world_free(world);
    return torture.reached;
}

static void check_plain(void **state)
{
    const struct story *story = *state;

    (void)tell(story, MODE_PLAIN, 0);
    if (difference[0] != '\0') {
        fail_msg("%s: %s", story->name, difference);
    }
}

static void check_kills(void **state)
{
    const struct story *story = *state;

    (void)tell(story, MODE_KILLS, 0);
    if (difference[0] != '\0') {
        fail_msg("%s, killed after each step: %s", story->name, difference);
    }
}

static void check_torture(void **state)
{
    const struct story *story = *state;

    /* Every call at first, then wider apart: long stories have thousands. */
    for (int64_t nth = 1, tried = 0; tried < TORTURE_MAX;
         tried++, nth += 1 + nth / 20) {
        bool reached = tell(story, MODE_TORTURE, nth);

        if (difference[0] != '\0') {
            fail_msg("%s, call %" PRId64 " failing: %s", story->name, nth,
                     difference);
        }
        if (!reached) {
            break;
        }
    }
}

/* Loading. */

static const struct engine_ops *ops_of(const char *name)
{
    for (size_t i = 0; all_engines[i] != NULL; i++) {
        if (strcmp(all_engines[i]->name, name) == 0) {
            return all_engines[i];
        }
    }
    fail_msg("no engine is called %s", name);
    return NULL;
}

/* "@cases" stands for the folder of the cases. */
static void expand_option(json_t *option)
{
    static const char mark[] = "@cases";
    const char *text = json_string_value(option);
    const char *at = strstr(text, mark);
    const char *root = getenv("HYP_CASES");
    char *full;

    if (at == NULL) {
        return;
    }
    full = xasprintf("%.*s%s%s", (int)(at - text), text,
                     root != NULL ? root : "tests/cases", at + sizeof mark - 1);
    (void)json_string_set(option, full);
    free(full);
}

/* Of the i-th process of the chain; the last place stays empty. */
static void load_options(struct story *story, size_t i, json_t *list)
{
    const char **options = story->options[i];
    json_t *option;
    size_t o;

    json_array_foreach(list, o, option)
    {
        assert_true(o < OPTIONS_MAX);
        expand_option(option);
        options[o] = json_string_value(option);
    }
    story->chain[i].options = options;
}

static void load_chain(struct story *story)
{
    json_t *engines = json_object_get(story->json, "engines");
    json_t *engine;
    size_t i;

    story->chain[0] = (struct world_engine){.ops = ops_of("cleaner")};
    load_options(story, 0, json_object_get(story->json, "cleaner"));
    story->n_chain = 1;
    json_array_foreach(engines, i, engine)
    {
        struct world_engine *row = &story->chain[story->n_chain];

        assert_true(story->n_chain < CHAIN_MAX);
        row->ops = ops_of(json_string_value(json_object_get(engine, "engine")));
        row->next = json_string_value(json_object_get(engine, "next"));
        if (i == 0) {
            story->chain[0].next = row->ops->name;
        }
        load_options(story, story->n_chain, json_object_get(engine, "options"));
        story->n_chain++;
    }
}

static struct story *load_story(const char *folder, const char *file)
{
    struct story *story = xcalloc(1, sizeof *story);
    char path[1024];
    json_error_t error;

    (void)snprintf(path, sizeof path, "%s/%s", folder, file);
    (void)snprintf(story->name, sizeof story->name, "%s/%s",
                   strrchr(folder, '/') + 1, file);
    story->json = json_load_file(path, 0, &error);
    if (story->json == NULL) {
        (void)fprintf(stderr, "%s:%d: %s\n", path, error.line, error.text);
        exit(EXIT_FAILURE);
    }
    load_chain(story);
    return story;
}

static size_t load_folder(const char *folder, struct story **stories, size_t n)
{
    struct dirent **files;
    int n_files = scandir(folder, &files, NULL, alphasort);

    for (int i = 0; i < n_files; i++) {
        if (str_ends(files[i]->d_name, ".json")) {
            assert_true(n < FILES_MAX);
            stories[n++] = load_story(folder, files[i]->d_name);
        }
        free(files[i]);
    }
    if (n_files >= 0) {
        free(files);
    }
    return n;
}

int main(int argc, char **argv)
{
    static struct story *stories[FILES_MAX];
    static struct CMUnitTest tests[3 * FILES_MAX];
    static void (*const checks[])(void **) = {check_plain, check_kills,
                                              check_torture};
    static const char *const modes[] = {"", " killed", " tortured"};
    const char *root = getenv("HYP_CASES");
    size_t n = 0;
    size_t n_tests = 0;
    int failed;

    testlog_mute();
    if (argc > 1) { /* one file */
        char *folder = xstrdup(argv[1]);
        char *slash = strrchr(folder, '/');

        *slash = '\0';
        stories[n++] = load_story(folder, slash + 1);
        log_set_sink(NULL, NULL);
    }
    for (size_t i = 0; argc == 1 && all_engines[i] != NULL; i++) {
        char folder[1024];

        (void)snprintf(folder, sizeof folder, "%s/%s",
                       root != NULL ? root : "tests/cases",
                       all_engines[i]->name);
        n = load_folder(folder, stories, n);
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t m = 0; m < N_ROWS(checks); m++) {
            tests[n_tests++] = (struct CMUnitTest){
                .name = xasprintf("%s%s", stories[i]->name, modes[m]),
                .test_func = checks[m],
                .initial_state = stories[i]};
        }
    }
    failed = _cmocka_run_group_tests("cases", tests, n_tests, NULL, NULL);
    for (size_t i = 0; i < n_tests; i++) {
        free((void *)(uintptr_t)tests[i].name);
    }
    for (size_t i = 0; i < n; i++) {
        json_decref(stories[i]->json);
        free(stories[i]);
    }
    return failed;
}
