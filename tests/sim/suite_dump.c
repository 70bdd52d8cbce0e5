/* SPDX-License-Identifier: Apache-2.0 */
/** What a suite knows at the end, as sorted lines. */
#include "tests/sim/suite_dump.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/json/json.h"
#include "common/points/rollup_store.h"

enum {
    LINES_MAX = 8192,
    ALARMS_MAX = 256,
    LINE_BYTES = 64 * 1024
};

/* The hours that stories tell of. */
#define MINUTES_FROM_MS INT64_C(1699995600000)
#define MINUTES_TO_MS   INT64_C(1700010000000)

/* An alarm as the rows tell it. */
struct seen_alarm {
    char *id;
    char *entity;
    int64_t told; /* steps of the live stream, in order, without a gap */
    int64_t rows; /* steps stored */
};

struct dump {
    struct world *world;
    struct store *store;
    char *lines[LINES_MAX];
    size_t n;
    struct seen_alarm alarms[ALARMS_MAX]; /* by id: the order of opening */
    size_t n_alarms;
    int nth; /* of what one entity has several of */
    char last[512];
    struct errbuf *why;
    bool ok;
};

static void contradict(struct dump *dump, const char *what, const char *id,
                       int64_t n)
{
    if (dump->ok) {
        errbuf_set(dump->why, "%s: %s, %" PRId64, what, id, n);
        dump->ok = false;
    }
}

static void add_line(struct dump *dump, struct buf *line)
{
    BUG_IF(dump->n == LINES_MAX);
    dump->lines[dump->n++] = buf_take(line);
}

/* " name=value" for each of the fields, by path. */
static void add_fields(struct buf *line, struct doc row,
                       const char *const *fields)
{
    struct doc_value value;

    for (size_t i = 0; fields[i] != NULL; i++) {
        buf_addf(line, " %s=", fields[i]);
        if (doc_path(row, fields[i], &value)) {
            doc_value_to_json(&value, line);
        }
    }
}

static void scan(struct dump *dump, enum store_collection from,
                 store_row_fn *each)
{
    const struct store_query query = {.collection = from, .limit = INT64_MAX};

    if (store_scan(dump->store, &query, each, dump, NULL, NULL) != ERR_OK) {
        contradict(dump, "a collection cannot be read", "", (int64_t)from);
    }
}

/* A line of one collection: its name, then the fields. */
static bool add_row(struct dump *dump, const char *name, struct doc row,
                    const char *const *fields)
{
    struct buf line;

    buf_init(&line, LINE_BYTES);
    buf_add_str(&line, name);
    add_fields(&line, row, fields);
    add_line(dump, &line);
    return true;
}

static bool each_entity(void *ctx, const struct store_key *key, struct doc row)
{
    static const char *const fields[] = {
        "id",   "type",  "connector", "connector_name", "component",
        "name", "state", "infos",     "tags",           NULL};

    (void)key;
    return add_row(ctx, "entity", row, fields);
}

static bool each_event(void *ctx, const struct store_key *key, struct doc row)
{
    static const char *const fields[] = {"entity_id", "state", "output", NULL};

    (void)key;
    return add_row(ctx, "last check", row, fields);
}

static bool each_log(void *ctx, const struct store_key *key, struct doc row)
{
    static const char *const fields[] = {"entity_id", "event_type", "timestamp",
                                         "state",     "output",     "author",
                                         NULL};

    (void)key;
    return add_row(ctx, "log", row, fields);
}

static bool each_dead(void *ctx, const struct store_key *key, struct doc row)
{
    static const char *const fields[] = {"engine",      "reason",      "field",
                                         "replayed_by", "replayed_to", "body",
                                         NULL};
    /* The body of an event tells its position, which chance has named. */
    static const char *const of_event[] = {
        "engine", "reason", "field", "replayed_by", "replayed_to", NULL};

    (void)key;
    return add_row(ctx, "dead", row,
                   doc_sub(row, "event").len > 0 ? of_event : fields);
}

static bool each_dead_count(void *ctx, const struct store_key *key,
                            struct doc row)
{
    static const char *const fields[] = {"engine", "field", "reason",
                                         "total",  "kept",  NULL};

    (void)key;
    return add_row(ctx, "dead letters", row, fields);
}

static bool each_rule(void *ctx, const struct store_key *key, struct doc row)
{
    static const char *const fields[] = {
        "name", "matches", "drops", "failures", "last_failure.reason", NULL};

    (void)key;
    return add_row(ctx, "rule", row, fields);
}

/* Metrics and points. */

static bool each_metric(void *ctx, const struct store_key *key, struct doc row)
{
    static const char *const fields[] = {"id",   "name", "unit",
                                         "warn", "crit", NULL};
    struct dump *dump = ctx;
    struct buf line;

    (void)key;
    buf_init(&line, LINE_BYTES);
    buf_add_str(&line, "metric");
    add_fields(&line, row, fields);
    add_line(dump, &line);
    return true;
}

struct points_line {
    struct dump *dump;
    const char *metric;
};

static bool each_value(void *ctx, int64_t ms, double value)
{
    const struct points_line *of = ctx;
    struct buf line;

    buf_init(&line, LINE_BYTES);
    buf_addf(&line, "point %s at %" PRId64 ": %g", of->metric, ms, value);
    add_line(of->dump, &line);
    return true;
}

static bool each_rollup(void *ctx, const struct rollup *rollup)
{
    rollup_steps_add(ctx, rollup);
    return true;
}

/* By minute, wherever they come from. */
static void add_minutes(struct dump *dump, const char *metric, struct doc row)
{
    struct rollup_query query = {
        .points = {.from_ms = MINUTES_FROM_MS, .to_ms = MINUTES_TO_MS},
        .tier = POINTS_MINUTES,
        .min = doc_f64(row, "min", (double)NAN)};
    struct rollup_steps steps;
    struct buf line;
    int64_t was[POINTS_SPACES];

    points_query_numbers(&query.points, row, was);
    (void)!perf_type_parse(doc_str(row, "type", "GAUGE"), &query.type);
    rollup_steps_init(&steps, MINUTES_FROM_MS, MINUTES_TO_MS, POINTS_MINUTE_MS);
    if (rollups_read(dump->store, &query, each_rollup, &steps, NULL) !=
        ERR_OK) {
        contradict(dump, "roll-ups cannot be read", metric, query.points.n);
    }
    for (size_t i = 0; i < steps.n; i++) {
        if (steps.steps[i].count > 0) {
            buf_init(&line, LINE_BYTES);
            buf_addf(&line, "minute %s at %" PRId64 ": %g %g %" PRId64, metric,
                     steps.steps[i].ms, steps.steps[i].min, steps.steps[i].max,
                     steps.steps[i].count);
            add_line(dump, &line);
        }
    }
    rollup_steps_fini(&steps);
}

/* Numbers are given in order of arrival: points are told by their name. */
static bool each_points(void *ctx, const struct store_key *key, struct doc row)
{
    struct dump *dump = ctx;
    struct points_line of = {.dump = dump, .metric = key->text};
    struct points_query query = {.to_ms = INT64_MAX};
    int64_t was[POINTS_SPACES];

    points_query_numbers(&query, row, was);
    if (points_read(dump->store, &query, each_value, &of, NULL) != ERR_OK) {
        contradict(dump, "points cannot be read", key->text, query.n);
    }
    add_minutes(dump, key->text, row);
    return true;
}

/* Alarms and their steps. */

static struct seen_alarm *find_alarm(struct dump *dump, const char *id)
{
    for (size_t i = 0; i < dump->n_alarms; i++) {
        if (strcmp(dump->alarms[i].id, id) == 0) {
            return &dump->alarms[i];
        }
    }
    return NULL;
}

static void add_alarm(struct dump *dump, struct doc row)
{
    const char *id = doc_str(row, "id", "");

    if (find_alarm(dump, id) != NULL) {
        contradict(dump, "an alarm is open and resolved", id, 0);
        return;
    }
    BUG_IF(dump->n_alarms == ALARMS_MAX);
    dump->alarms[dump->n_alarms++] = (struct seen_alarm){
        .id = xstrdup(id), .entity = xstrdup(doc_str(row, "entity_id", ""))};
}

static const char *const alarm_members[] = {
    "entity_id",     "state",       "status",         "output",
    "opened_at",     "steps_count", "events_count",   "last_event_at",
    "ack.author",    "ack.message", "snooze.message", "canceled",
    "ticket.number", "tags",        "infos",          NULL};

static bool each_open(void *ctx, const struct store_key *key, struct doc row)
{
    (void)key;
    add_alarm(ctx, row);
    return add_row(ctx, "open", row, alarm_members);
}

static bool each_resolved(void *ctx, const struct store_key *key,
                          struct doc row)
{
    (void)key;
    add_alarm(ctx, row);
    return add_row(ctx, "resolved", row, alarm_members);
}

/* Whether a step's time depends on the run: silence made it, or it came by
 * the action queue, which overtakes the checks. */
static bool is_timeless(struct doc row)
{
    return strcmp(doc_str(row, "author", ""), "hypervise") == 0 ||
           doc_str(row, "_action", "")[0] != '\0';
}

/* Steps in order; those of the action queue in an order of their own. */
static void add_step(struct dump *dump, const char *entity, struct doc row,
                     int nth)
{
    static const char *const dated[] = {"type",   "value",   "t",
                                        "author", "message", NULL};
    static const char *const timeless[] = {"type",    "value",   "author",
                                           "message", "_action", NULL};
    bool by_queue = doc_str(row, "_action", "")[0] != '\0';
    bool snooze = strcmp(doc_str(row, "type", ""), "snooze") == 0;
    struct buf line;

    buf_init(&line, LINE_BYTES);
    buf_addf(&line, "%s %s ", by_queue ? "queue step" : "step", entity);
    if (!by_queue) {
        buf_addf(&line, "%03d", nth);
    }
    /* A snooze's value is when it ends, by the time of its receipt. */
    add_fields(&line, row,
               is_timeless(row) ? timeless
               : snooze         ? timeless + 2
                                : dated);
    add_line(dump, &line);
}

static bool each_step(void *ctx, const struct store_key *key, struct doc row)
{
    struct dump *dump = ctx;
    struct seen_alarm *alarm = find_alarm(dump, key->text);

    if (alarm == NULL) {
        contradict(dump, "a step of no alarm", key->text, key->a);
        return false;
    }
    if (key->a != alarm->rows + 1) {
        contradict(dump, "a step is missing before", key->text, key->a);
    }
    alarm->rows = key->a;
    if (strcmp(dump->last, key->text) != 0) {
        (void)snprintf(dump->last, sizeof dump->last, "%s", key->text);
        dump->nth = 0;
    }
    dump->nth += doc_str(row, "_action", "")[0] == '\0';
    add_step(dump, alarm->entity, row, dump->nth);
    return true;
}

/* The live stream. */

static json_t *read_alert(struct world *world, size_t i)
{
    struct bus_message message;

    if (!broker_peek(world_broker(world), "listener", i, &message)) {
        return NULL;
    }
    return json_loadb(message.body, message.len, 0, NULL);
}

static const char *text_of(const json_t *alert, const char *name)
{
    const char *text = json_string_value(json_object_get(alert, name));

    return text != NULL ? text : "";
}

struct compare_step {
    int64_t step;
    const char *type;
    bool same;
};

/* A consumer that takes only the step it expects must be told every step. */
static void take_alert(struct dump *dump, const json_t *alert)
{
    struct seen_alarm *alarm = find_alarm(dump, text_of(alert, "alarm_id"));
    int64_t step = json_integer_value(json_object_get(alert, "step"));
    struct store_key key = {.text = text_of(alert, "alarm_id"), .a = step};
    struct buf row;
    struct doc doc;

    if (step == 0) {
        return;
    }
    if (alarm == NULL) {
        contradict(dump, "the live stream tells of no alarm", key.text, step);
        return;
    }
    buf_init(&row, DOC_BYTES_MAX);
    if (store_get(dump->store, STORE_STEPS, &key, &row) != ERR_OK) {
        contradict(dump, "told and not stored", key.text, step);
    } else {
        doc = (struct doc){(const uint8_t *)row.data, (uint32_t)row.len};
        if (strcmp(doc_str(doc, "type", ""), text_of(alert, "type")) != 0 ||
            strcmp(doc_str(doc, "message", ""), text_of(alert, "message")) !=
                0) {
            contradict(dump, "told otherwise than stored", key.text, step);
        }
    }
    buf_fini(&row);
    if (step == alarm->told + 1) {
        alarm->told = step;
    }
}

static bool was_told_before(struct world *world, size_t i, const char *id)
{
    struct bus_message message;

    while (i-- > 0) {
        if (broker_peek(world_broker(world), "listener", i, &message) &&
            strcmp(message.properties.message_id, id) == 0) {
            return true;
        }
    }
    return false;
}

/* Each refusal and each answer to an action of the queue, once. */
static void add_answer(struct dump *dump, const json_t *alert)
{
    const char *action = text_of(alert, "action");
    struct buf line;

    if (action[0] == '\0' &&
        strcmp(text_of(alert, "type"), "action_refused") != 0) {
        return;
    }
    buf_init(&line, LINE_BYTES);
    buf_addf(&line, "answer %s %s to \"%s\" of %s: %s",
             text_of(alert, "entity_id"), text_of(alert, "type"), action,
             text_of(alert, "author"), text_of(alert, "message"));
    add_line(dump, &line);
}

static void walk_alerts(struct dump *dump)
{
    struct bus_message message;
    json_t *alert;

    for (size_t i = 0; (alert = read_alert(dump->world, i)) != NULL; i++) {
        char *id;

        BUG_IF(
            !broker_peek(world_broker(dump->world), "listener", i, &message));
        id = xstrdup(message.properties.message_id);
        take_alert(dump, alert);
        if (!was_told_before(dump->world, i, id)) {
            add_answer(dump, alert);
        }
        free(id);
        json_decref(alert);
    }
    for (size_t i = 0; i < dump->n_alarms; i++) {
        if (dump->alarms[i].told != dump->alarms[i].rows) {
            contradict(dump, "steps told in order", dump->alarms[i].entity,
                       dump->alarms[i].told);
        }
    }
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void write_lines(struct dump *dump, struct buf *out)
{
    qsort(dump->lines, dump->n, sizeof *dump->lines, compare_lines);
    for (size_t i = 0; i < dump->n; i++) {
        buf_addf(out, "%s\n", dump->lines[i]);
        free(dump->lines[i]);
    }
    for (size_t i = 0; i < dump->n_alarms; i++) {
        free(dump->alarms[i].id);
        free(dump->alarms[i].entity);
    }
}

bool suite_dump(struct world *world, struct buf *out, struct errbuf *why)
{
    struct dump *dump = xcalloc(1, sizeof *dump);
    bool ok;

    dump->world = world;
    dump->store = world_reader(world);
    dump->why = why;
    dump->ok = true;
    scan(dump, STORE_ENTITIES, each_entity);
    scan(dump, STORE_EVENTS, each_event);
    scan(dump, STORE_EVENTS_LOG, each_log);
    scan(dump, STORE_DEAD, each_dead);
    scan(dump, STORE_DEAD_COUNTS, each_dead_count);
    scan(dump, STORE_RULE_COUNTS, each_rule);
    scan(dump, STORE_METRICS, each_metric);
    scan(dump, STORE_METRICS, each_points);
    scan(dump, STORE_ALARMS, each_open);
    scan(dump, STORE_ALARMS_RESOLVED, each_resolved);
    scan(dump, STORE_STEPS, each_step);
    walk_alerts(dump);
    write_lines(dump, out);
    store_close(dump->store);
    ok = dump->ok;
    free(dump);
    return ok;
}

bool suite_open_alarm(struct world *world, const char *entity, char *out,
                      size_t size)
{
    bool resolved = true;
    json_t *alert;

    out[0] = '\0';
    for (size_t i = 0; (alert = read_alert(world, i)) != NULL; i++) {
        const char *id = text_of(alert, "alarm_id");

        /* Ids sort by the time of opening: the greatest is the newest. */
        if (strcmp(text_of(alert, "entity_id"), entity) == 0 &&
            strcmp(text_of(alert, "type"), "action_refused") != 0) {
            if (strcmp(id, out) > 0) {
                (void)snprintf(out, size, "%s", id);
                resolved = false;
            }
            resolved |= strcmp(id, out) == 0 &&
                        strcmp(text_of(alert, "type"), "resolve") == 0;
        }
        json_decref(alert);
    }
    return !resolved;
}

/* The first letter that matches; the scan ends there. */
struct letter_search {
    const char *engine;
    const char *body;
    char *out;
    size_t size;
};

static bool match_letter(void *ctx, const struct store_key *key, struct doc row)
{
    const struct letter_search *search = ctx;

    if (strcmp(doc_str(row, "engine", ""), search->engine) != 0 ||
        strstr(doc_str(row, "body", ""), search->body) == NULL) {
        return true;
    }
    (void)snprintf(search->out, search->size, "%s", key->text);
    return false;
}

bool suite_dead_letter(struct world *world, const char *engine,
                       const char *body, char *out, size_t size)
{
    const struct store_query query = {.collection = STORE_DEAD,
                                      .limit = INT64_MAX};
    struct letter_search search = {engine, body, out, size};
    struct store *store = world_reader(world);
    enum err err;

    out[0] = '\0';
    err = store_scan(store, &query, match_letter, &search, NULL, NULL);
    store_close(store);
    return err == ERR_OK && out[0] != '\0';
}
