/* SPDX-License-Identifier: Apache-2.0 */
/** hyp metric: which there are, and one drawn. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/call.h"
#include "cli/listing.h"
#include "cli/spark.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"

enum {
    PATH_BYTES = 64 * 1024,
    CHART_BYTES = 64 * 1024,
    CHOICES_MAX = 10,
    CHART_WIDTH = 60,
    CHART_EDGE = 10, /* what the axis takes beside the columns */
    DEFAULT_SPAN_MS = 3600000
};

/* Beyond any date, and no overflow in milliseconds. */
#define TIME_MAX_S 1e12

#define METRICS "/api/v1/metrics"

static const struct column columns[] = {
    {"NAME", "name", COLUMN_TEXT, false},
    {"LAST", "last.value", COLUMN_NUMBER, false},
    {"UNIT", "unit", COLUMN_TEXT, false},
    {"TYPE", "type", COLUMN_TEXT, false},
    {"AGE", "last.t", COLUMN_AGE, false},
    {"MIN", "min", COLUMN_NUMBER, true},
    {"MAX", "max", COLUMN_NUMBER, true},
    {"WARN", "warn", COLUMN_TEXT, true},
    {"CRIT", "crit", COLUMN_TEXT, true},
    {"INTERVAL", "interval", COLUMN_NUMBER, true},
    {"ENTITY", "entity_id", COLUMN_TEXT, true},
    {"ID", "id", COLUMN_TEXT, false},
    {NULL, NULL, COLUMN_TEXT, false},
};

int cmd_metric_list(struct hyp *hyp)
{
    struct buf path;
    int code;

    buf_init(&path, PATH_BYTES);
    buf_add_str(&path, METRICS);
    api_add_param(&path, "entity", hyp_option(hyp, "entity"));
    api_add_param(&path, "component", hyp_option(hyp, "component"));
    code = listing_show(hyp, buf_str(&path), columns);
    buf_fini(&path);
    return code;
}

/* Which metric is meant: its id, or text that only one metric holds. */

struct found {
    char *ids[CHOICES_MAX];
    size_t n;
};

static bool on_found(void *ctx, struct doc item)
{
    struct found *found = ctx;

    found->ids[found->n++] = xstrdup(doc_str(item, "id", ""));
    return found->n < CHOICES_MAX;
}

static int choose(const struct found *found, const char *text, char **id)
{
    for (size_t i = 0; i < found->n; i++) {
        if (found->n == 1 || strcmp(found->ids[i], text) == 0) {
            *id = xstrdup(found->ids[i]);
            return HYP_DONE;
        }
    }
    if (found->n == 0) {
        hyp_say("no metric is called '%s'; 'hyp metric list' shows them", text);
        return HYP_REFUSED;
    }
    hyp_say("'%s' stands in several metrics:", text);
    for (size_t i = 0; i < found->n; i++) {
        hyp_say("  %s", found->ids[i]);
    }
    return HYP_REFUSED;
}

static int find_id(struct hyp *hyp, const char *text, char **id)
{
    struct found found = {.n = 0};
    struct buf path;
    int code;

    if (text[0] == '/') {
        *id = xstrdup(text);
        return HYP_DONE;
    }
    buf_init(&path, PATH_BYTES);
    buf_add_str(&path, METRICS);
    api_add_param(&path, "search", text);
    code =
        listing_each(hyp, buf_str(&path), CHOICES_MAX, on_found, &found, NULL);
    if (code == HYP_DONE) {
        code = choose(&found, text, id);
    }
    for (size_t i = 0; i < found.n; i++) {
        free(found.ids[i]);
    }
    buf_fini(&path);
    return code;
}

/* Points. */

struct chart {
    double *values;
    size_t n;
    int64_t from_ms, to_ms, step_ms;
    double min, max, last, last_t;
    size_t points;
    bool raw; /* counters as stored */
};

static bool parse_time(const char *option, const char *text, int64_t now_ms,
                       int64_t *ms)
{
    double seconds;
    int64_t before;

    if (text == NULL) {
        return true;
    }
    if (text[0] == '-' &&
        clock_parse_duration(text + 1, &before, NULL) == ERR_OK) {
        *ms = now_ms - before;
        return true;
    }
    if (str_to_double(text, &seconds) == ERR_OK && seconds >= 0 &&
        seconds < TIME_MAX_S) {
        *ms = clock_s_to_ms(seconds);
        return true;
    }
    hyp_say("--%s: expected seconds since 1970, or a time before now like -3h",
            option);
    return false;
}

/* The least round time for a column: what is asked by whole minutes or hours
 * is read from roll-ups. */
static int64_t column_step_ms(int64_t least_ms)
{
    static const int64_t round_s[] = {1,    2,    5,     10,    15,   30,
                                      60,   120,  300,   600,   900,  1800,
                                      3600, 7200, 10800, 21600, 43200};
    const int64_t day_ms = 86400 * 1000;

    for (size_t i = 0; i < sizeof round_s / sizeof round_s[0]; i++) {
        if (least_ms <= round_s[i] * 1000) {
            return round_s[i] * 1000;
        }
    }
    return (least_ms + day_ms - 1) / day_ms * day_ms;
}

/* Roll-ups come as steps of at least this, asked for or not; 0: points. */
static int64_t resolution_ms(const struct hyp *hyp)
{
    const char *resolution = hyp_option(hyp, "resolution");

    if (resolution != NULL && strcmp(resolution, "hour") == 0) {
        return INT64_C(3600) * 1000;
    }
    return resolution != NULL && strcmp(resolution, "minute") == 0
               ? INT64_C(60) * 1000
               : 0;
}

static bool plan_chart(const struct hyp *hyp, struct chart *chart)
{
    int64_t now_ms = clock_now_ms();
    int width =
        hyp->width > CHART_EDGE * 2 ? hyp->width - CHART_EDGE : CHART_WIDTH;
    const char *step = hyp_option(hyp, "step");
    struct errbuf why = {0};

    chart->raw = hyp_has(hyp, "raw");
    width = width > SPARK_WIDTH_MAX ? SPARK_WIDTH_MAX : width;
    chart->to_ms = now_ms;
    if (!parse_time("to", hyp_option(hyp, "to"), now_ms, &chart->to_ms)) {
        return false;
    }
    chart->from_ms = chart->to_ms - DEFAULT_SPAN_MS;
    if (!parse_time("from", hyp_option(hyp, "from"), now_ms, &chart->from_ms)) {
        return false;
    }
    if (chart->from_ms >= chart->to_ms) {
        hyp_say("--from: expected a time before --to");
        return false;
    }
    if (step != NULL &&
        (clock_parse_duration(step, &chart->step_ms, &why) != ERR_OK ||
         chart->step_ms < 1000)) {
        hyp_say("--step: expected a duration from 1s");
        return false;
    }
    if (step == NULL) {
        chart->step_ms =
            column_step_ms((chart->to_ms - chart->from_ms) / width);
        if (chart->step_ms < resolution_ms(hyp)) {
            chart->step_ms = resolution_ms(hyp);
        }
    }
    return true;
}

static void take_point(struct chart *chart, struct doc point)
{
    /* [t, min, mean, max, last, count] */
    double t = doc_f64(point, "0", 0);
    int64_t begin_ms = chart->from_ms - chart->from_ms % chart->step_ms;
    int64_t slot = (clock_s_to_ms(t) - begin_ms) / chart->step_ms;

    if (slot >= 0 && (size_t)slot < chart->n) {
        chart->values[slot] = doc_f64(point, "2", NAN);
    }
    chart->min = fmin(chart->min, doc_f64(point, "1", NAN));
    chart->max = fmax(chart->max, doc_f64(point, "3", NAN));
    chart->last = doc_f64(point, "4", NAN);
    chart->last_t = t;
    chart->points += (size_t)doc_i64(point, "5", 0);
}

static void add_known(struct buf *line, struct doc metric, const char *name)
{
    const char *text = doc_str(metric, name, "");

    if (text[0] != '\0') {
        buf_addf(line, "  %s ", name);
        table_add_clean(line, text);
    }
}

static void print_numbers(const struct hyp *hyp, const struct chart *chart,
                          struct doc metric)
{
    struct buf line;

    buf_init(&line, CHART_BYTES);
    buf_addf(&line, "%*s", CHART_EDGE - 1, "");
    table_add_time(&line, clock_ms_to_s(chart->from_ms));
    buf_add_str(&line, " .. ");
    table_add_time(&line, clock_ms_to_s(chart->to_ms));
    buf_addf(&line, ", a column is ");
    table_add_age(&line, chart->step_ms);
    buf_addf(&line, "\n%*smin ", CHART_EDGE - 1, "");
    table_add_number(&line, chart->min);
    buf_add_str(&line, "  max ");
    table_add_number(&line, chart->max);
    buf_add_str(&line, "  last ");
    table_add_number(&line, chart->last);
    add_known(&line, metric, "unit");
    add_known(&line, metric, "warn");
    add_known(&line, metric, "crit");
    buf_addf(&line, "  points %zu", chart->points);
    if (strcmp(doc_str(metric, "type", "GAUGE"), "GAUGE") != 0 && !chart->raw) {
        buf_add_str(&line, "  as rates a second");
    }
    buf_add_char(&line, '\n');
    (void)fputs(buf_str(&line), stdout);
    buf_fini(&line);
    (void)hyp;
}

static void print_chart(const struct hyp *hyp, struct chart *chart,
                        struct doc points, struct doc metric)
{
    struct doc_iter it;
    struct doc_value value;
    const char *key;
    struct buf out;

    chart->n = (size_t)(chart->to_ms / chart->step_ms -
                        chart->from_ms / chart->step_ms) +
               1;
    chart->n = chart->n > SPARK_WIDTH_MAX ? SPARK_WIDTH_MAX : chart->n;
    chart->values = xcalloc(chart->n, sizeof chart->values[0]);
    for (size_t i = 0; i < chart->n; i++) {
        chart->values[i] = NAN;
    }
    chart->min = chart->max = chart->last = NAN;
    doc_iter_init(&it, points);
    while (doc_next(&it, &key, &value)) {
        take_point(chart, value.u.doc);
    }
    buf_init(&out, CHART_BYTES);
    table_add_clean(&out, doc_str(metric, "id", ""));
    buf_add_char(&out, '\n');
    if (chart->points == 0) {
        buf_add_str(&out, "no points in this time\n");
    } else {
        spark_draw(chart->values, chart->n, &out);
    }
    (void)fputs(buf_str(&out), stdout);
    buf_fini(&out);
    if (chart->points > 0) {
        print_numbers(hyp, chart, metric);
    }
    free(chart->values);
}

static const struct column point_columns[] = {
    {"TIME", "t", COLUMN_TEXT, false},
    {"VALUE", "value", COLUMN_TEXT, false},
    {NULL, NULL, COLUMN_TEXT, false},
};

static const struct column step_columns[] = {
    {"TIME", "t", COLUMN_TEXT, false},
    {"MIN", "min", COLUMN_TEXT, false},
    {"MEAN", "mean", COLUMN_TEXT, false},
    {"MAX", "max", COLUMN_TEXT, false},
    {"LAST", "last", COLUMN_TEXT, false},
    {"COUNT", "count", COLUMN_TEXT, false},
    {NULL, NULL, COLUMN_TEXT, false},
};

/* Points as items, for programs. */
static void print_points(const struct hyp *hyp, struct doc points, bool all)
{
    const struct column *shown = all ? step_columns : point_columns;
    struct table *table = table_new(hyp, shown);
    struct doc_out *item = doc_out_new();
    struct doc_iter it;
    struct doc_value point;
    const char *key;

    doc_iter_init(&it, points);
    while (doc_next(&it, &key, &point)) {
        struct doc_iter members;
        struct doc_value value;

        doc_out_reset(item);
        doc_iter_init(&members, point.u.doc);
        for (size_t i = 0;
             shown[i].title != NULL && doc_next(&members, &key, &value); i++) {
            doc_add_value(item, shown[i].path, &value);
        }
        table_add(table, doc_out_done(item));
    }
    table_finish(table);
    table_free(table);
    doc_out_free(item);
}

static void add_times(const struct chart *chart, bool with_step,
                      struct buf *path)
{
    char text[32];

    (void)snprintf(text, sizeof text, "%.3f", clock_ms_to_s(chart->from_ms));
    api_add_param(path, "from", text);
    (void)snprintf(text, sizeof text, "%.3f", clock_ms_to_s(chart->to_ms));
    api_add_param(path, "to", text);
    if (with_step) {
        (void)snprintf(text, sizeof text, "%lldms", (long long)chart->step_ms);
        api_add_param(path, "step", text);
    }
}

static int read_points(struct hyp *hyp, const char *id,
                       const struct chart *chart, bool with_step,
                       struct api_answer *answer)
{
    struct buf path;
    int code;

    buf_init(&path, PATH_BYTES);
    buf_add_str(&path, METRICS "/points");
    api_add_param(&path, "id", id);
    add_times(chart, with_step, &path);
    api_add_param(&path, "resolution", hyp_option(hyp, "resolution"));
    api_add_param(&path, "agg", hyp_option(hyp, "agg"));
    api_add_param(&path, "raw", hyp_has(hyp, "raw") ? "true" : NULL);
    code = call_get(hyp, buf_str(&path), answer);
    buf_fini(&path);
    return code;
}

static int draw(struct hyp *hyp, const char *id, struct chart *chart)
{
    struct api_answer metric, points;
    struct buf path;
    int code;

    buf_init(&path, PATH_BYTES);
    buf_add_str(&path, METRICS);
    api_add_param(&path, "id", id);
    code = call_get(hyp, buf_str(&path), &metric);
    buf_fini(&path);
    if (code != HYP_DONE) {
        return code;
    }
    code = read_points(hyp, id, chart, true, &points);
    if (code == HYP_DONE) {
        print_chart(hyp, chart, doc_sub(points.doc, "points"), metric.doc);
        api_answer_fini(&points);
    }
    api_answer_fini(&metric);
    return code;
}

static int list_points(struct hyp *hyp, const char *id,
                       const struct chart *chart)
{
    bool with_step = hyp_has(hyp, "step");
    bool steps = with_step || resolution_ms(hyp) > 0;
    struct api_answer answer;
    int code = read_points(hyp, id, chart, with_step, &answer);

    if (code == HYP_DONE) {
        print_points(hyp, doc_sub(answer.doc, "points"),
                     steps && !hyp_has(hyp, "agg"));
        if (doc_f64(answer.doc, "next", 0) > 0) {
            hyp_say("there are more points from %.3f on",
                    doc_f64(answer.doc, "next", 0));
        }
        api_answer_fini(&answer);
    }
    return code;
}

int cmd_metric_show(struct hyp *hyp)
{
    struct chart chart = {0};
    bool picture = hyp_option(hyp, "output") == NULL && !hyp_has(hyp, "agg");
    char *id = NULL;
    int code;

    if (!plan_chart(hyp, &chart)) {
        return HYP_USAGE;
    }
    code = find_id(hyp, hyp->args.words[0], &id);
    if (code == HYP_DONE) {
        code = picture ? draw(hyp, id, &chart) : list_points(hyp, id, &chart);
    }
    free(id);
    return code;
}
