/* SPDX-License-Identifier: Apache-2.0 */
/** Engine "perfdata": the values of events become stored metrics. */
#include "engines/perfdata/perfdata.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "common/base/log.h"
#include "engines/perfdata/metric.h"

enum {
    METRIC_ID_MAX = EVENT_ENTITY_ID_MAX + 3 * PERF_METRIC_MAX + 1,
    STATE_STEP = 100, /* cps_state: state * 100 + hard * 10 */
    HARD_STEP = 10
};

struct perfdata {
    int64_t metrics_max;
    bool cps_state;

    struct metrics_table metrics;
    struct buf id;
    struct log_complaint refused;
    /* of the call under way */
    struct engine_io *io;
    const struct event *event;
};

/* NOLINTBEGIN(bugprone-macro-parentheses): members, not values. */
#define OPTION(key_, field_)                                                   \
    .section = "perfdata", .key = key_,                                        \
    .offset = offsetof(struct perfdata, field_)
/* NOLINTEND(bugprone-macro-parentheses) */

static const struct conf_option perfdata_options[] = {
    {OPTION("metrics_max", metrics_max), .type = CONF_INT,
     .fallback = "1000000", .min = 1, .max = 100000000, .unit = "metrics",
     .help = "values of further metrics are refused"},
    {OPTION("cps_state", cps_state), .type = CONF_BOOL, .fallback = "yes",
     .help = "keep the state of each check as metric cps_state"},
    {0}};

static enum err perfdata_init(void *state, struct engine_io *io,
                              struct errbuf *why)
{
    struct perfdata *perfdata = state;

    (void)io;
    (void)why;
    metrics_table_init(&perfdata->metrics);
    buf_init(&perfdata->id, METRIC_ID_MAX);
    return ERR_OK;
}

static bool load_row(void *ctx, const struct store_key *key, struct doc row)
{
    struct perfdata *perfdata = ctx;

    if (!metrics_table_load(&perfdata->metrics, row)) {
        log_warning("PERFDATA-ROW",
                    "metric %s: its row makes no sense and is "
                    "left alone",
                    key->text);
    }
    return true;
}

static enum err perfdata_load(void *state, struct engine_io *io)
{
    struct perfdata *perfdata = state;
    const struct store_query query = {.collection = STORE_METRICS,
                                      .limit = INT64_MAX};

    metrics_table_fini(&perfdata->metrics);
    perfdata->metrics.part = engine_partition(io, &perfdata->metrics.parts);
    return store_scan(engine_store(io), &query, load_row, perfdata, NULL, NULL);
}

static void write_row(struct engine_io *io, const struct metric *metric)
{
    const struct store_key key = {.text = metric->id};
    struct doc_out *out = engine_scratch(io);

    doc_out_reset(out);
    metric_to_doc(metric, out);
    store_batch_put(engine_batch(io), STORE_METRICS, &key, doc_out_done(out));
}

static void write_point(struct engine_io *io, const struct metric *metric,
                        int64_t at_ms, double value)
{
    const struct store_key key = {.a = metric->n, .b = at_ms};
    struct doc_out *out = engine_scratch(io);

    doc_out_reset(out);
    doc_add_f64(out, "v", value);
    store_batch_append(engine_batch(io), STORE_POINTS, &key, doc_out_done(out));
}

/* "<entity id>/<name>", the name escaped as the parts before it. */
static void name_metric(struct perfdata *perfdata, const char *name)
{
    buf_clear(&perfdata->id);
    buf_add_str(&perfdata->id, perfdata->event->entity_id);
    buf_add_char(&perfdata->id, '/');
    for (; *name != '\0'; name++) {
        if (*name == '/' || *name == '%') {
            buf_addf(&perfdata->id, "%%%02X", (unsigned char)*name);
        } else {
            buf_add_char(&perfdata->id, *name);
        }
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
                                  const struct perf_item *item, bool *write)
{
    struct metric *metric = metrics_table_find(
        &perfdata->metrics, buf_str(&perfdata->id), perfdata->id.len);
    struct errbuf why;

    if (metric != NULL) {
        *write = metric_update(metric, item);
        return metric;
    }
    if (perfdata->metrics.by_id.n >= (size_t)perfdata->metrics_max) {
        errbuf_set(&why, "metric '%s': expected at most %" PRId64 " metrics",
                   item->metric, perfdata->metrics_max);
        take_refused(perfdata, item->metric, &why);
        return NULL;
    }
    *write = true;
    return metrics_table_add(&perfdata->metrics, buf_str(&perfdata->id),
                             strlen(perfdata->event->entity_id), item);
}

/* The row is written at once when metadata changed; the last value alone
 * waits, so that a point costs no second write. */
static void take_item(void *ctx, const struct perf_item *item)
{
    struct perfdata *perfdata = ctx;
    const struct event *event = perfdata->event;
    struct metric *metric;
    bool write = false;

    name_metric(perfdata, item->metric);
    metric = find_or_add(perfdata, item, &write);
    if (metric == NULL) {
        return;
    }
    metric->interval_s = doc_f64(event->extra, "interval", metric->interval_s);
    metrics_table_set_last(&perfdata->metrics, metric, event->timestamp_ms,
                           item->value);
    write_point(perfdata->io, metric, event->timestamp_ms, item->value);
    engine_count(perfdata->io, "points", 1);
    if (write) {
        write_row(perfdata->io, metric);
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
    perfdata_parse(event->perf_data, take_item, take_refused, perfdata);
    take_array(perfdata, event->perf);
    if (perfdata->cps_state && event_type_is_check(event->type)) {
        take_state(perfdata, event);
    }
    return ENGINE_FORWARD;
}

static void perfdata_beat(void *state, struct engine_io *io)
{
    const struct perfdata *perfdata = state;

    engine_gauge(io, "metrics", (int64_t)perfdata->metrics.by_id.n);
}

static bool perfdata_delta(void *state, struct doc_out *out)
{
    struct perfdata *perfdata = state;

    return metrics_table_delta(&perfdata->metrics, out);
}

static void perfdata_delta_apply(void *state, struct doc delta)
{
    struct perfdata *perfdata = state;

    metrics_table_apply(&perfdata->metrics, delta);
}

/* The last values reach the rows. */
static bool perfdata_fold(void *state, struct engine_io *io, size_t most)
{
    struct perfdata *perfdata = state;

    for (size_t n = 0; n < most; n++) {
        const struct metric *metric =
            metrics_table_next_behind(&perfdata->metrics);

        if (metric == NULL) {
            return true;
        }
        write_row(io, metric);
    }
    return perfdata->metrics.behind == NULL;
}

static void perfdata_fini(void *state)
{
    struct perfdata *perfdata = state;

    metrics_table_fini(&perfdata->metrics);
    buf_fini(&perfdata->id);
}

const struct engine_ops perfdata_engine = {
    .name = "perfdata",
    .description =
        "Stores the values that events carry: each metric with its unit,\n"
        "type, bounds and thresholds, and its points as they came. A value\n"
        "that is refused is counted and logged; the event's others are kept.",
    .options = perfdata_options,
    .state_size = sizeof(struct perfdata),
    .init = perfdata_init,
    .load = perfdata_load,
    .process = perfdata_process,
    .beat = perfdata_beat,
    .delta = perfdata_delta,
    .delta_apply = perfdata_delta_apply,
    .fold = perfdata_fold,
    .fini = perfdata_fini,
};
