/* SPDX-License-Identifier: Apache-2.0 */
/** The metrics of an engine's process. */
#include "common/engine/export.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"

enum {
    NAME_MAX_BYTES = 128
};

#define MS_A_SECOND 1e3

struct export
{
    struct metrics *set;
    struct metric_counter counters[RUNTIME_MIRROR_MAX];
    struct metric_gauge gauges[RUNTIME_MIRROR_MAX];
    char names[RUNTIME_MIRROR_MAX][NAME_MAX_BYTES];
    struct metric_gauge lag_s;        /* NaN: not known */
    struct metric_gauge last_event_s; /* 0: none yet */
    size_t n;
};

struct export *export_new(void)
{
    static const struct metric_info lag = {
        .name = "hypervise_engine_lag_seconds",
        .help = "Age of the newest mark: how far it is behind the sources"};
    static const struct metric_info last = {
        .name = "hypervise_engine_last_event_time_seconds",
        .help = "When events were last committed, in seconds since 1970"};
    struct export *export = xcalloc(1, sizeof *export);

    export->set = metrics_new();
    export->lag_s.value = (double)NAN;
    metrics_add_gauge(export->set, &lag, &export->lag_s);
    metrics_add_gauge(export->set, &last, &export->last_event_s);
    return export;
}

void export_free(struct export *export)
{
    if (export != NULL) {
        metrics_free(export->set);
        free(export);
    }
}

const struct metrics *export_metrics(const struct export *export)
{
    return export->set;
}

static void add(struct export *export, const struct runtime_counter *counter)
{
    char *name = export->names[export->n];
    struct metric_info info = {.name = name, .help = counter->help};

    (void)snprintf(name, NAME_MAX_BYTES, "hypervise_engine_%s%s", counter->name,
                   counter->gauge ? "" : "_total");
    if (counter->gauge) {
        metrics_add_gauge(export->set, &info, &export->gauges[export->n]);
    } else {
        metrics_add_counter(export->set, &info, &export->counters[export->n]);
    }
    export->n++;
}

void export_update(struct export *export, const struct engine_io *io,
                   int64_t now_ms)
{
    const struct runtime_counter *counter;
    int64_t chain_ms = engine_chain_ms(io);

    for (size_t i = 0; (counter = runtime_counter(io, i)) != NULL; i++) {
        if (i == export->n) {
            add(export, counter);
        }
        export->counters[i].value = (uint64_t)counter->value;
        export->gauges[i].value = (double)counter->value;
    }
    if (chain_ms > 0) {
        export->lag_s.value = (double)(now_ms - chain_ms) / MS_A_SECOND;
    }
    export->last_event_s.value =
        (double)runtime_last_event_ms(io) / MS_A_SECOND;
}
