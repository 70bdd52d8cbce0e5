/* SPDX-License-Identifier: Apache-2.0 */
/** Metrics and their points. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/perfdata/rate.h"
#include "common/perfdata/rollup.h"
#include "common/points/points_store.h"
#include "common/points/rollup_store.h"
#include "webserver/json_text.h"
#include "webserver/list.h"
#include "webserver/routes.h"

enum {
    DEFAULT_SPAN_MS = 3600 * 1000,
    MS_A_SECOND = 1000,
    MANY_IN_A_STEP = 10,
    QUERY_METRICS_MAX = 100
};

static const struct item_field fields[] = {
    {"id", BLANK_NULL},       {"entity_id", BLANK_NULL}, {"name", BLANK_TEXT},
    {"unit", BLANK_TEXT},     {"type", BLANK_TEXT},      {"min", BLANK_NULL},
    {"max", BLANK_NULL},      {"warn", BLANK_NULL},      {"crit", BLANK_NULL},
    {"interval", BLANK_NULL}, {"last", BLANK_NULL},      {NULL, BLANK_NULL},
};

static const char *const search[] = {"id", "name", NULL};

static int compare_newest(const void *a, const void *b)
{
    int64_t left = ((const struct points_newest *)a)->n;
    int64_t right = ((const struct points_newest *)b)->n;

    return (left > right) - (left < right);
}

/* The newest points of all metrics in an answer, read in one pass. A store
 * that is away leaves them out: its list was there a moment ago. */
static void prepare_metrics(struct server *server, const struct doc *rows,
                            size_t n)
{
    struct points_newest *list = xcalloc(n + 1, sizeof *list);
    size_t kept = 0;

    free(server->newest);
    for (size_t i = 0; i < n; i++) {
        list[i].n = doc_i64(rows[i], "n", 0);
    }
    qsort(list, n, sizeof *list, compare_newest);
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || list[kept - 1].n != list[i].n) {
            list[kept++] = list[i];
        }
    }
    if (points_read_newest(server->store, list, kept, NULL) != ERR_OK) {
        kept = 0;
    }
    server->newest = list;
    server->n_newest = kept;
}

/* Of a counter the last value is its last rate. */
static bool last_of(const struct server *server, struct doc row, int64_t *t_ms,
                    double *value)
{
    const struct points_newest wanted = {.n = doc_i64(row, "n", 0)};
    const struct points_newest *newest =
        bsearch(&wanted, server->newest, server->n_newest, sizeof wanted,
                compare_newest);
    enum perf_type type = PERF_GAUGE;
    struct rate rate;
    bool good = false;

    (void)!perf_type_parse(doc_str(row, "type", "GAUGE"), &type);
    rate_init(&rate, type, doc_f64(row, "min", (double)NAN));
    for (size_t i = newest != NULL ? newest->have : 0; i-- > 0;) {
        *t_ms = newest->ms[i];
        good = rate_next(&rate, *t_ms, newest->value[i], value);
    }
    return good;
}

/* A row of schema 1 has a last value of its own, which may be old. */
static void write_metric(struct server *server, const struct list_spec *spec,
                         const struct store_key *key, struct doc row,
                         struct buf *out)
{
    struct doc_iter it;
    struct doc_value value;
    const char *name;
    int64_t t_ms;
    double last;

    doc_out_reset(server->doc);
    doc_iter_init(&it, row);
    while (doc_next(&it, &name, &value)) {
        if (strcmp(name, "last") != 0) {
            doc_add_value(server->doc, name, &value);
        }
    }
    if (last_of(server, row, &t_ms, &last)) {
        doc_begin_doc(server->doc, "last");
        doc_add_ms(server->doc, "t", t_ms);
        doc_add_f64(server->doc, "value", last);
        doc_end(server->doc);
    }
    item_write(spec->fields, spec->collection, key, doc_out_done(server->doc),
               out);
}

static const struct list_spec metrics = {
    .collection = STORE_METRICS,
    .fields = fields,
    .search = search,
    .entity_param = "entity",
    .component_param = "component",
    .write = write_metric,
    .prepare = prepare_metrics,
};

void metrics_list(struct server *server, struct request *request)
{
    list_reply(server, request, &metrics);
}

void metrics_get(struct server *server, struct request *request)
{
    list_reply_item(server, request, &metrics, "metric");
}

/* What a point of an aggregated answer shows. */
enum agg {
    AGG_ALL,
    AGG_MIN,
    AGG_MEAN,
    AGG_MAX,
    AGG_LAST,
    AGG_COUNT
};

static const char *const agg_names[] = {"all", "min",  "mean",
                                        "max", "last", "count"};

struct reading {
    struct server *server;
    struct request *request;
    const char *id;     /* of the metric */
    struct doc options; /* of a body; empty: those of the query */
    char text[32];      /* a number among them, as text */
    int64_t from_ms, to_ms, step_ms, limit;
    enum agg agg;
    struct points_query numbers; /* of the metric */
    int64_t was[POINTS_SPACES];
    struct rate rate;
    enum points_tier tier;
    bool tier_asked;
    bool raw;                  /* no rates */
    struct rollup_steps steps; /* with a step */
    int64_t n;
    int64_t next_ms; /* first that did not fit; 0: all did */
};

/* An option as text, wherever it was given; NULL: it was not. */
static const char *option(struct reading *r, const char *name)
{
    struct doc_value value;

    if (r->options.len == 0) {
        return request_param(r->request, name);
    }
    if (!doc_get(r->options, name, &value) || value.type == DOC_NULL) {
        return NULL;
    }
    if (value.type == DOC_STRING) {
        return value.u.s.text;
    }
    if (value.type == DOC_BOOL) {
        return value.u.b ? "true" : "false";
    }
    if (value.type == DOC_INT) {
        (void)snprintf(r->text, sizeof r->text, "%" PRId64, value.u.i);
    } else if (value.type == DOC_DOUBLE) {
        (void)snprintf(r->text, sizeof r->text, "%.3f", value.u.d);
    } else {
        r->text[0] = '\0'; /* good for nothing, and told so */
    }
    return r->text;
}

static bool time_option(struct reading *r, const char *name, int64_t *ms)
{
    return list_time(r->request, name, option(r, name), ms);
}

static bool parse_agg(struct reading *r)
{
    const char *text = option(r, "agg");

    if (text == NULL) {
        return true;
    }
    for (size_t i = 0; i < sizeof agg_names / sizeof agg_names[0]; i++) {
        if (strcmp(agg_names[i], text) == 0) {
            r->agg = (enum agg)i;
            return true;
        }
    }
    request_problem(r->request, HTTP_BAD_REQUEST, "agg",
                    "expected all, min, mean, max, last or count");
    return false;
}

/* What a tier's roll-ups stand for; 0: points. */
static const int64_t tier_ms[] = {[POINTS_RAW] = 0,
                                  [POINTS_MINUTES] = POINTS_MINUTE_MS,
                                  [POINTS_HOURS] = POINTS_SLOT_MS};

static const char *const tier_names[] = {
    [POINTS_RAW] = "raw", [POINTS_MINUTES] = "minute", [POINTS_HOURS] = "hour"};

static bool parse_resolution(struct reading *r)
{
    const char *text = option(r, "resolution");

    if (text == NULL || strcmp(text, "auto") == 0) {
        return true;
    }
    for (size_t i = 0; i < sizeof tier_names / sizeof tier_names[0]; i++) {
        if (strcmp(tier_names[i], text) == 0) {
            r->tier = (enum points_tier)i;
            r->tier_asked = true;
            r->step_ms = tier_ms[i];
            return true;
        }
    }
    request_problem(r->request, HTTP_BAD_REQUEST, "resolution",
                    "expected auto, raw, minute or hour");
    return false;
}

/* The coarsest tier whose steps make up the one asked for, or are so small a
 * part of it that its edges hardly move. */
static void choose_tier(struct reading *r)
{
    for (int tier = POINTS_HOURS; tier > POINTS_RAW && !r->tier_asked; tier--) {
        if (r->step_ms > 0 && (r->step_ms % tier_ms[tier] == 0 ||
                               r->step_ms / tier_ms[tier] >= MANY_IN_A_STEP)) {
            r->tier = (enum points_tier)tier;
            return;
        }
    }
}

static bool check_step(struct reading *r)
{
    if (r->step_ms == 0 && r->agg != AGG_ALL) {
        request_problem(r->request, HTTP_BAD_REQUEST, "agg",
                        "agg needs a step");
        return false;
    }
    if (r->step_ms < tier_ms[r->tier]) {
        request_problem(r->request, HTTP_BAD_REQUEST, "step",
                        "that is less than the resolution asked for");
        return false;
    }
    if (r->step_ms > 0 && (r->to_ms - r->from_ms) / r->step_ms > r->limit) {
        request_problem(r->request, HTTP_BAD_REQUEST, "step",
                        "that gives more than %lld points: ask for a larger "
                        "step or a shorter time",
                        (long long)r->limit);
        return false;
    }
    return true;
}

static bool parse_step(struct reading *r)
{
    const char *text = option(r, "step");
    struct errbuf why = {0};

    if (text != NULL &&
        (clock_parse_duration(text, &r->step_ms, &why) != ERR_OK ||
         (r->step_ms < MS_A_SECOND && r->step_ms != 0))) {
        request_problem(r->request, HTTP_BAD_REQUEST, "step",
                        "expected seconds or a duration like 5m, from 1s");
        return false;
    }
    choose_tier(r);
    return check_step(r);
}

static bool parse_raw(struct reading *r)
{
    const char *raw = option(r, "raw");

    if (raw == NULL || strcmp(raw, "false") == 0) {
        return true;
    }
    if (strcmp(raw, "true") == 0) {
        r->raw = true;
        return true;
    }
    request_problem(r->request, HTTP_BAD_REQUEST, "raw",
                    "expected true or false");
    return false;
}

static bool parse_span(struct reading *r)
{
    r->to_ms = clock_now_ms();
    if (!time_option(r, "to", &r->to_ms)) {
        return false;
    }
    r->from_ms = r->to_ms - DEFAULT_SPAN_MS;
    if (!time_option(r, "from", &r->from_ms)) {
        return false;
    }
    if (r->from_ms >= r->to_ms) {
        request_problem(r->request, HTTP_BAD_REQUEST, "from",
                        "expected a time before 'to'");
        return false;
    }
    r->limit = r->server->conf->points;
    return list_int(r->request, "limit", option(r, "limit"),
                    (struct list_bounds){1, r->limit}, &r->limit) &&
           parse_agg(r) && parse_raw(r) && parse_resolution(r) && parse_step(r);
}

/* Writing points. */

static void add_point(struct reading *r, int64_t t_ms, const double *values,
                      size_t n)
{
    struct buf *out = request_out(r->request);

    buf_add_str(out, r->n++ > 0 ? ",[" : "[");
    json_add_number(out, clock_ms_to_s(t_ms));
    for (size_t i = 0; i < n; i++) {
        buf_add_char(out, ',');
        json_add_number(out, values[i]);
    }
    buf_add_char(out, ']');
}

static void add_steps(struct reading *r)
{
    for (size_t i = 0; i < r->steps.n; i++) {
        const struct rollup *step = &r->steps.steps[i];
        const double values[] = {step->min, rollup_mean(step), step->max,
                                 step->last, (double)step->count};

        if (step->count == 0) {
            continue;
        }
        if (r->agg == AGG_ALL) {
            add_point(r, step->ms, values, sizeof values / sizeof values[0]);
        } else {
            add_point(r, step->ms, &values[r->agg - AGG_MIN], 1);
        }
    }
}

static bool on_point(void *ctx, int64_t ms, double stored)
{
    struct reading *r = ctx;
    double value;

    if (!rate_next(&r->rate, ms, stored, &value) || ms < r->from_ms ||
        isnan(value)) {
        return true;
    }
    if (r->n == r->limit) {
        r->next_ms = ms;
        return false;
    }
    add_point(r, ms, &value, 1);
    return true;
}

static enum err read_points(struct reading *r, struct errbuf *why)
{
    /* A rate needs the value before the first. */
    int64_t back_ms = r->rate.type == PERF_GAUGE ? 0 : RATE_LOOK_BACK_MS;
    struct points_query query = r->numbers;

    query.from_ms = r->from_ms - back_ms;
    query.to_ms = r->to_ms;
    return points_read(r->server->store, &query, on_point, r, why);
}

static bool on_rollup(void *ctx, const struct rollup *rollup)
{
    struct reading *r = ctx;

    rollup_steps_add(&r->steps, rollup);
    return true;
}

/* Steps are whole: the first begins at or before from. Roll-ups of counters
 * are of rates, so what is stored comes from points only. */
static enum err read_steps(struct reading *r, struct errbuf *why)
{
    struct rollup_query query = {.points = r->numbers,
                                 .tier = r->tier,
                                 .only_points = r->raw,
                                 .type = r->rate.type,
                                 .min = r->rate.min};
    enum err err;

    query.points.from_ms = rollup_begin_ms(r->from_ms, r->step_ms);
    query.points.to_ms = r->to_ms;
    rollup_steps_init(&r->steps, r->from_ms, r->to_ms, r->step_ms);
    err = rollups_read(r->server->store, &query, on_rollup, r, why);
    if (err == ERR_OK) {
        add_steps(r);
    }
    rollup_steps_fini(&r->steps);
    return err;
}

/* False: it cannot be read; answered. */
static bool write_points(struct reading *r)
{
    struct buf *out = request_out(r->request);
    struct errbuf why = {0};
    enum err err;

    buf_add_str(out, "{\"metric\":");
    json_add_text(out, r->id);
    buf_add_str(out, ",\"step\":");
    json_add_number(out, clock_ms_to_s(r->step_ms));
    buf_addf(out, ",\"resolution\":\"%s\"", tier_names[r->tier]);
    buf_add_str(out, ",\"points\":[");
    err = r->step_ms > 0 ? read_steps(r, &why) : read_points(r, &why);
    if (err == ERR_LIMIT) {
        buf_clear(out);
        request_problem(r->request, HTTP_BAD_REQUEST, "from", "%s", why.text);
        return false;
    }
    if (err != ERR_OK) {
        list_reply_failed(r->request, err, &why);
        return false;
    }
    buf_add_str(out, "],\"next\":");
    if (r->next_ms != 0) {
        json_add_number(out, clock_ms_to_s(r->next_ms));
    } else {
        buf_add_str(out, "null");
    }
    buf_add_char(out, '}');
    return true;
}

/* Number, type and bounds of the metric asked for. */
static bool find_metric(struct reading *r)
{
    const struct store_key key = {.text = r->id};
    enum perf_type type = PERF_GAUGE;
    struct errbuf why = {0};
    struct buf bytes;
    enum err err;
    bool good = false;

    buf_init(&bytes, DOC_BYTES_MAX);
    err = store_get(r->server->store, STORE_METRICS, &key, &bytes);
    if (err == ERR_OK) {
        const struct doc row = {(const uint8_t *)bytes.data,
                                (uint32_t)bytes.len};

        points_query_numbers(&r->numbers, row, r->was);
        (void)!perf_type_parse(doc_str(row, "type", "GAUGE"), &type);
        rate_init(&r->rate, r->raw ? PERF_GAUGE : type,
                  doc_f64(row, "min", NAN));
        good = true;
    } else if (err == ERR_NOT_FOUND) {
        request_problem(r->request, HTTP_NOT_FOUND, "id",
                        "there is no such metric: %.300s", r->id);
    } else {
        list_reply_failed(r->request, err, &why);
    }
    buf_fini(&bytes);
    return good;
}

void metrics_points(struct server *server, struct request *request)
{
    struct reading reading = {
        .server = server, .request = request, .id = request->id};

    if (parse_span(&reading) && list_has_store(server, request) &&
        find_metric(&reading) && write_points(&reading)) {
        request_reply(request, HTTP_OK);
    }
}

/* Several at once. */

static const char query_fields[] =
    "metrics, from, to, step, resolution, agg, raw, limit";

/* The metrics that a body asks for, checked; false when answered. */
static bool read_query(struct request *request, struct doc doc, struct doc *ids)
{
    struct doc_iter it;
    struct doc_value value;
    const char *name;

    doc_iter_init(&it, doc);
    while (doc_next(&it, &name, &value)) {
        if (!list_has_name(query_fields, name)) {
            request_problem(request, HTTP_UNPROCESSABLE, name,
                            "no such field; there are: %s", query_fields);
            return false;
        }
    }
    *ids = doc_sub(doc, "metrics");
    doc_iter_init(&it, *ids);
    while (doc_next(&it, &name, &value)) {
        if (value.type != DOC_STRING) {
            request_problem(request, HTTP_UNPROCESSABLE, "metrics",
                            "expected the id of a metric in every place");
            return false;
        }
    }
    if (doc_count(*ids) < 1 || doc_count(*ids) > QUERY_METRICS_MAX) {
        request_problem(request, HTTP_UNPROCESSABLE, "metrics",
                        "expected an array of 1 to %d ids of metrics",
                        (int)QUERY_METRICS_MAX);
        return false;
    }
    return true;
}

/* All share the options, and the bound of points. */
static bool write_query(struct server *server, struct request *request,
                        struct doc options, struct doc ids)
{
    int64_t left = server->conf->points;
    struct buf *out = request_out(request);
    struct doc_iter it;
    struct doc_value id;
    const char *key;
    size_t n = 0;

    buf_add_str(out, "{\"items\":[");
    doc_iter_init(&it, ids);
    while (doc_next(&it, &key, &id)) {
        struct reading r = {.server = server,
                            .request = request,
                            .id = id.u.s.text,
                            .options = options};

        if (!parse_span(&r)) {
            return false;
        }
        if (left < 1 ||
            (r.step_ms > 0 && (r.to_ms - r.from_ms) / r.step_ms > left)) {
            request_problem(request, HTTP_UNPROCESSABLE, "metrics",
                            "together they are more than %lld points "
                            "(points_max): ask for fewer, a larger step or a "
                            "shorter time",
                            (long long)server->conf->points);
            return false;
        }
        r.limit = r.limit < left ? r.limit : left;
        buf_add_str(out, n++ > 0 ? "," : "");
        if (!find_metric(&r) || !write_points(&r)) {
            return false;
        }
        left -= r.n;
    }
    buf_add_str(out, "]}");
    return true;
}

void metrics_query(struct server *server, struct request *request)
{
    struct doc_out *docs = doc_out_new();
    struct errbuf why = {0};
    struct doc options, ids;

    if (doc_from_json(buf_str(&request->body), request->body.len, docs,
                      &options, &why) != ERR_OK) {
        request_problem_why(request, HTTP_BAD_REQUEST, &why);
    } else if (read_query(request, options, &ids) &&
               list_has_store(server, request) &&
               write_query(server, request, options, ids)) {
        request_reply(request, HTTP_OK);
    }
    doc_out_free(docs);
}
