/* SPDX-License-Identifier: Apache-2.0 */
/** Engine "perfdata": the values of events become stored metrics. */
#include "engines/perfdata/perfdata.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/points/points_key.h"
#include "engines/perfdata/metric.h"
#include "engines/perfdata/points_log.h"

enum {
    METRIC_ID_MAX = EVENT_ENTITY_ID_MAX + 3 * PERF_METRIC_MAX + 1,
    STATE_STEP = 100, /* cps_state: state * 100 + hard * 10 */
    HARD_STEP = 10
};

#define KEEP_LEAST_MS 3600000
#define KEEP_MOST_MS  INT64_C(3153600000000) /* 100 years */

/* The space of a partition that is gone: what is there is folded, merged and
 * removed in time, and nothing is added. */
struct adopted {
    struct metrics_table table;
    struct points_log log;
    struct points_tidy tidy;
};

struct perfdata {
    int64_t metrics_max;
    bool cps_state;
    int64_t fold_after_ms;
    struct points_keep keep;

    struct metrics_table metrics;
    struct points_log log;
    struct points_tidy tidy;
    struct adopted *adopted[POINTS_SPACES]; /* by space; NULL: not ours */
    struct buf id;
    struct buf component; /* of a row being loaded */
    struct buf connector_name;
    struct log_complaint refused;
    /* of the call under way */
    struct engine_io *io;
    const struct event *event;
    size_t entity_len; /* of id, whose first part it is */
    double interval_s; /* that the event tells; NaN: none */
};

/* NOLINTBEGIN(bugprone-macro-parentheses): members, not values. */
#define OPTION(key_, field_)                                                   \
    .section = "perfdata", .key = key_,                                        \
    .offset = offsetof(struct perfdata, field_)
/* NOLINTEND(bugprone-macro-parentheses) */

static const struct conf_option perfdata_options[] = {
    {OPTION("metrics_max", metrics_max), .live = true, .type = CONF_INT,
     .fallback = "1000000", .min = 1, .max = 100000000, .unit = "metrics",
     .help = "values of further metrics are refused"},
    {OPTION("cps_state", cps_state), .live = true, .type = CONF_BOOL,
     .fallback = "yes",
     .help = "keep the state of each check as metric cps_state"},
    {OPTION("fold_after", fold_after_ms), .live = true, .type = CONF_DURATION,
     .fallback = "5m", .min = 1000, .max = 3600000,
     .help = "points that came so long ago are folded into chunks"},
    {OPTION("merge_after", keep.merge_after_ms), .live = true,
     .type = CONF_DURATION, .fallback = "10m", .min = 1000, .max = 86400000,
     .help = "an hour that ended so long ago is merged and rolled up"},
    {OPTION("keep_raw", keep.keep_ms[POINTS_RAW]), .live = true,
     .type = CONF_DURATION, .fallback = "7d", .min = KEEP_LEAST_MS,
     .max = KEEP_MOST_MS, .help = "keep points as they came for so long"},
    {OPTION("keep_minutes", keep.keep_ms[POINTS_MINUTES]), .live = true,
     .type = CONF_DURATION, .fallback = "90d", .min = KEEP_LEAST_MS,
     .max = KEEP_MOST_MS, .help = "keep roll-ups by minute for so long"},
    {OPTION("keep_hours", keep.keep_ms[POINTS_HOURS]), .live = true,
     .type = CONF_DURATION, .fallback = "1095d", .min = KEEP_LEAST_MS,
     .max = KEEP_MOST_MS, .help = "keep roll-ups by hour for so long"},
    {0}};

static enum err perfdata_init(void *state, struct engine_io *io,
                              struct errbuf *why)
{
    struct perfdata *perfdata = state;

    (void)io;
    (void)why;
    metrics_table_init(&perfdata->metrics, 0);
    points_tidy_init(&perfdata->tidy, 0);
    points_log_init(&perfdata->log, 0, &perfdata->tidy);
    buf_init(&perfdata->id, METRIC_ID_MAX);
    buf_init(&perfdata->component, METRIC_ID_MAX);
    buf_init(&perfdata->connector_name, METRIC_ID_MAX);
    return ERR_OK;
}

static int compare_newest(const void *a, const void *b)
{
    int64_t left = ((const struct points_newest *)a)->n;
    int64_t right = ((const struct points_newest *)b)->n;

    return (left > right) - (left < right);
}

static void abandon(struct perfdata *perfdata)
{
    for (size_t i = 0; i < POINTS_SPACES; i++) {
        struct adopted *adopted = perfdata->adopted[i];

        if (adopted != NULL) {
            metrics_table_fini(&adopted->table);
            points_log_fini(&adopted->log);
            points_tidy_fini(&adopted->tidy);
            free(adopted);
            perfdata->adopted[i] = NULL;
        }
    }
}

static struct adopted *adopt(struct perfdata *perfdata, int64_t space)
{
    struct adopted *adopted = perfdata->adopted[space];

    if (adopted == NULL) {
        adopted = xcalloc(1, sizeof *adopted);
        metrics_table_init(&adopted->table, space);
        points_tidy_init(&adopted->tidy, space);
        points_log_init(&adopted->log, space, &adopted->tidy);
        perfdata->adopted[space] = adopted;
    }
    return adopted;
}

/* What loading needs to know of the process. */
struct loading {
    struct perfdata *perfdata;
    const struct engine_io *io;
    int64_t parts;
};

/* A number of a row. is_ours: its metric is loaded with all its numbers. */
static void load_number(const struct loading *loading, struct doc row,
                        int64_t n, bool is_ours)
{
    struct perfdata *perfdata = loading->perfdata;
    int64_t space = points_space_of(n);

    if (n <= 0) {
        return;
    }
    if (space == perfdata->metrics.space) {
        metrics_table_reserve(&perfdata->metrics, n);
        if (!is_ours) {
            metrics_table_add_past(&perfdata->metrics, n, row);
        }
    } else if (space >= loading->parts &&
               space % loading->parts == perfdata->metrics.space) {
        metrics_table_add_past(&adopt(perfdata, space)->table, n, row);
    }
}

static bool is_ours(const struct loading *loading, struct doc row)
{
    struct perfdata *perfdata = loading->perfdata;

    if (loading->parts == 1) {
        return true;
    }
    event_entity_source(doc_str(row, "entity_id", ""), &perfdata->component,
                        &perfdata->connector_name);
    return engine_owns(loading->io, buf_str(&perfdata->component),
                       buf_str(&perfdata->connector_name));
}

static bool load_row(void *ctx, const struct store_key *key, struct doc row)
{
    const struct loading *loading = ctx;
    struct points_query numbers = {.n = 0};
    int64_t was[POINTS_SPACES];
    bool ours = is_ours(loading, row);

    points_query_numbers(&numbers, row, was);
    load_number(loading, row, numbers.n, ours);
    for (size_t i = 0; i < numbers.n_was; i++) {
        load_number(loading, row, was[i], ours);
    }
    if (ours && !metrics_table_load(&loading->perfdata->metrics, row)) {
        log_warning("PERFDATA-ROW",
                    "metric %s: its row makes no sense and is "
                    "left alone",
                    key->text);
    }
    return true;
}

/* The newest points of what has come from other spaces are there still. */
static enum err load_moved(struct perfdata *perfdata, struct store *store,
                           size_t n_moved)
{
    struct points_newest *list = xcalloc(n_moved, sizeof *list);
    struct map numbers;
    struct map_slot slot;
    size_t at = 0;
    size_t n = 0;
    enum err err;

    map_init(&numbers);
    while (map_next(&perfdata->metrics.by_id, &at, &slot)) {
        struct metric *metric = slot.value;

        if (metric->moved) {
            list[n].n = metric->was[metric->n_was - 1];
            (void)map_put(&numbers,
                          (const char *)&metric->was[metric->n_was - 1],
                          sizeof metric->was[0], metric);
            n++;
        }
    }
    qsort(list, n, sizeof *list, compare_newest);
    err = points_read_newest(store, list, n, NULL);
    for (size_t i = 0; i < n && err == ERR_OK; i++) {
        struct metric *metric =
            map_get(&numbers, (const char *)&list[i].n, sizeof list[i].n);

        for (size_t p = list[i].have; p-- > 0;) {
            points_newest_add(&metric->newest, list[i].ms[p], list[i].value[p],
                              true);
        }
    }
    map_fini(&numbers);
    free(list);
    return err;
}

static enum err load_points(struct perfdata *perfdata, struct engine_io *io)
{
    size_t n_moved = metrics_table_settle(&perfdata->metrics);
    enum err err = points_log_load(&perfdata->log, &perfdata->metrics, io);

    if (err == ERR_OK && n_moved > 0) {
        log_info("PERFDATA-MOVED",
                 "%zu metrics came from other partitions: their points stay "
                 "where they are",
                 n_moved);
        err = load_moved(perfdata, engine_store(io), n_moved);
    }
    return err == ERR_OK ? points_tidy_load(&perfdata->tidy, io) : err;
}

static enum err load_adopted(struct perfdata *perfdata, struct engine_io *io)
{
    enum err err = ERR_OK;

    for (size_t i = 0; i < POINTS_SPACES && err == ERR_OK; i++) {
        struct adopted *adopted = perfdata->adopted[i];

        if (adopted != NULL) {
            err = points_log_load(&adopted->log, &adopted->table, io);
        }
        if (adopted != NULL && err == ERR_OK) {
            err = points_tidy_load(&adopted->tidy, io);
        }
    }
    return err;
}

static enum err perfdata_load(void *state, struct engine_io *io)
{
    struct perfdata *perfdata = state;
    const struct store_query query = {.collection = STORE_METRICS,
                                      .limit = INT64_MAX};
    struct loading loading = {.perfdata = perfdata, .io = io};
    enum err err;

    /* Each partition numbers its metrics in a space of its own. */
    perfdata->metrics.space = engine_partition(io, &loading.parts);
    perfdata->log.space = perfdata->metrics.space;
    metrics_table_fini(&perfdata->metrics);
    points_tidy_fini(&perfdata->tidy);
    points_tidy_init(&perfdata->tidy, perfdata->metrics.space);
    abandon(perfdata);
    err = store_scan(engine_store(io), &query, load_row, &loading, NULL, NULL);
    if (err == ERR_OK) {
        err = load_points(perfdata, io);
    }
    return err == ERR_OK ? load_adopted(perfdata, io) : err;
}

static void write_row(struct engine_io *io, const struct metric *metric,
                      bool is_new)
{
    const struct store_key key = {.text = metric->id};
    struct doc_out *out = engine_scratch(io);

    doc_out_reset(out);
    metric_to_doc(metric, out);
    if (is_new) {
        store_batch_append(engine_batch(io), STORE_METRICS, &key,
                           doc_out_done(out));
    } else {
        store_batch_put(engine_batch(io), STORE_METRICS, &key,
                        doc_out_done(out));
    }
}

/* "<entity id>/<name>", the name escaped as the parts before it. The entity's
 * part is there already. */
static void name_metric(struct perfdata *perfdata, const char *name)
{
    buf_truncate(&perfdata->id, perfdata->entity_len + 1);
    for (;;) {
        size_t plain = strcspn(name, "/%");

        buf_add(&perfdata->id, name, plain);
        if (name[plain] == '\0') {
            return;
        }
        buf_addf(&perfdata->id, "%%%02X", (unsigned char)name[plain]);
        name += plain + 1;
    }
}

static void take_refused(void *ctx, const char *metric,
                         const struct errbuf *why)
{
    struct perfdata *perfdata = ctx;

    (void)metric;
    engine_count(perfdata->io, "metrics_refused", 1);
    log_complain(&perfdata->refused, "PERFDATA-REFUSED", "%s: %s",
                 perfdata->event->entity_id, why->text);
}

/* The metric of the name in id, made when it is new; NULL: no room. */
static struct metric *find_or_add(struct perfdata *perfdata,
                                  const struct perf_item *item)
{
    struct metric *metric = metrics_table_find(
        &perfdata->metrics, buf_str(&perfdata->id), perfdata->id.len);
    bool is_new = metric == NULL;

    if (is_new && perfdata->metrics.by_id.n >= (size_t)perfdata->metrics_max) {
        struct errbuf why;

        errbuf_set(&why, "metric '%s': expected at most %" PRId64 " metrics",
                   item->metric, perfdata->metrics_max);
        take_refused(perfdata, item->metric, &why);
        return NULL;
    }
    if (is_new) {
        metric = metrics_table_add(&perfdata->metrics, buf_str(&perfdata->id),
                                   perfdata->entity_len, item);
    }
    if (metric_update(metric, item, perfdata->interval_s) || is_new ||
        metric->moved) {
        metric->moved = false;
        write_row(perfdata->io, metric, is_new);
    }
    return metric;
}

/* Whether any tier has room for a point of that time. */
static bool is_kept(const struct perfdata *perfdata, int64_t ms)
{
    return points_slot_of(ms) != 0 &&
           ms >= points_oldest_ms(&perfdata->keep, engine_now_ms(perfdata->io));
}

static void take_item(void *ctx, const struct perf_item *item)
{
    struct perfdata *perfdata = ctx;
    int64_t ms = perfdata->event->timestamp_ms;
    struct metric *metric;

    if (!is_kept(perfdata, ms)) {
        struct errbuf why;

        errbuf_set(&why, "metric '%s': its time is older than what is kept",
                   item->metric);
        take_refused(perfdata, item->metric, &why);
        return;
    }
    name_metric(perfdata, item->metric);
    metric = find_or_add(perfdata, item);
    if (metric != NULL) {
        points_log_add(&perfdata->log, metric, ms, item->value,
                       engine_now_ms(perfdata->io));
        engine_count(perfdata->io, "points", 1);
    }
}

static void take_array(struct perfdata *perfdata, struct doc array)
{
    struct doc_iter it;
    struct doc_value value;
    const char *index;

    doc_iter_init(&it, array);
    while (doc_next(&it, &index, &value)) {
        struct perf_item item;
        struct errbuf why;

        if (value.type != DOC_DOC) {
            errbuf_set(&why, "perf_data_array[%s]: expected an object", index);
            take_refused(perfdata, "", &why);
        } else if (perf_item_from_doc(value.u.doc, &item, &why) == ERR_OK) {
            take_item(perfdata, &item);
        } else {
            struct errbuf told;
            const char *name = doc_str(value.u.doc, "metric", "");

            errbuf_set(&told, "metric '%s': %s", name, why.text);
            take_refused(perfdata, name, &told);
        }
    }
}

static void take_state(struct perfdata *perfdata, const struct event *event)
{
    struct perf_item item = {.metric = "cps_state",
                             .type = PERF_GAUGE,
                             .min = (double)NAN,
                             .max = (double)NAN};

    item.value = event->state * STATE_STEP + (event->hard ? HARD_STEP : 0);
    take_item(perfdata, &item);
}

static enum engine_verdict perfdata_process(void *state, struct engine_io *io,
                                            const struct event *event,
                                            struct errbuf *why)
{
    struct perfdata *perfdata = state;

    (void)why;
    perfdata->io = io;
    perfdata->event = event;
    perfdata->interval_s = doc_f64(event->extra, "interval", (double)NAN);
    buf_clear(&perfdata->id);
    buf_add_str(&perfdata->id, event->entity_id);
    perfdata->entity_len = perfdata->id.len;
    buf_add_char(&perfdata->id, '/');
    perfdata_parse(event->perf_data, take_item, take_refused, perfdata);
    take_array(perfdata, event->perf);
    if (perfdata->cps_state && event_type_is_check(event->type)) {
        take_state(perfdata, event);
    }
    return ENGINE_FORWARD;
}

/* What is tidied is what was committed: before anything is folded. */
static void tidy_and_fold(struct perfdata *perfdata, struct engine_io *io)
{
    points_tidy_step(&perfdata->tidy, io, &perfdata->metrics, &perfdata->keep);
    points_log_fold(&perfdata->log, &perfdata->metrics, io,
                    perfdata->fold_after_ms);
    for (size_t i = 0; i < POINTS_SPACES; i++) {
        struct adopted *adopted = perfdata->adopted[i];

        if (adopted != NULL) {
            points_tidy_step(&adopted->tidy, io, &adopted->table,
                             &perfdata->keep);
            points_log_fold(&adopted->log, &adopted->table, io,
                            perfdata->fold_after_ms);
        }
    }
}

static void perfdata_commit(void *state, struct engine_io *io)
{
    struct perfdata *perfdata = state;

    points_log_commit(&perfdata->log, io);
    tidy_and_fold(perfdata, io);
    points_tidy_commit(&perfdata->tidy);
    for (size_t i = 0; i < POINTS_SPACES; i++) {
        if (perfdata->adopted[i] != NULL) {
            points_tidy_commit(&perfdata->adopted[i]->tidy);
        }
    }
}

/* Hours that wait for their merge, in all spaces. */
static size_t count_pending(const struct perfdata *perfdata)
{
    size_t n = perfdata->tidy.n_pending;

    for (size_t i = 0; i < POINTS_SPACES; i++) {
        if (perfdata->adopted[i] != NULL) {
            n += perfdata->adopted[i]->tidy.n_pending;
        }
    }
    return n;
}

/* Here too, for without events there is no commit. */
static void perfdata_beat(void *state, struct engine_io *io)
{
    struct perfdata *perfdata = state;

    engine_gauge(io, "metrics", (int64_t)perfdata->metrics.by_id.n);
    engine_gauge(io, "merges_waiting", (int64_t)count_pending(perfdata));
    tidy_and_fold(perfdata, io);
}

static void perfdata_fini(void *state)
{
    struct perfdata *perfdata = state;

    metrics_table_fini(&perfdata->metrics);
    points_log_fini(&perfdata->log);
    points_tidy_fini(&perfdata->tidy);
    abandon(perfdata);
    buf_fini(&perfdata->component);
    buf_fini(&perfdata->connector_name);
    buf_fini(&perfdata->id);
}

static const struct engine_metric perfdata_metrics[] = {
    {"metrics", "Metrics kept in memory", true},
    {"merges_waiting", "Hours of points that wait to be merged", true},
    {"points", "Points stored", false},
    {"metrics_refused", "Values that could not be stored", false},
    {0}};

const struct engine_ops perfdata_engine = {
    .name = "perfdata",
    .description =
        "Stores the values that events carry: each metric with its unit,\n"
        "type, bounds and thresholds, and its points as they came. A value\n"
        "that is refused is counted and logged; the event's others are kept.",
    .patient = true,
    .options = perfdata_options,
    .state_size = sizeof(struct perfdata),
    .metrics = perfdata_metrics,
    .init = perfdata_init,
    .load = perfdata_load,
    .process = perfdata_process,
    .commit = perfdata_commit,
    .beat = perfdata_beat,
    .fini = perfdata_fini,
};
