/* SPDX-License-Identifier: Apache-2.0 */
/** Inside of the connector runtime. */
#ifndef HYP_CONNECTOR_CONNECTOR_PRIVATE_H
#define HYP_CONNECTOR_CONNECTOR_PRIVATE_H

#include "common/base/log.h"
#include "common/connector/connector.h"
#include "common/connector/outlet.h"
#include "common/metrics/metrics.h"

enum {
    CONNECTOR_COUNTERS_MAX = 32,
    CONNECTOR_WHY_MAX = 256,
    CONNECTOR_LATE_MS = 10000, /**< what waits for longer is worth telling */
    CONNECTOR_SILENCES = 3     /**< own events missed: it counts as gone */
};

/** Sections [connector] and [process]. */
struct connector_conf {
    char *name;
    char *spool_dir;
    int64_t spool_bytes;
    int64_t self_ms;
    char *status_dir;
    bool metrics_file;
};

struct connector_counter {
    const char *name;
    char metric[64]; /* "hypervise_connector_<name>_total" */
    struct metric_counter value;
};

struct connector_io {
    const struct connector_ops *ops;
    const struct connector_conf *conf;
    struct loop *loop;
    struct outlet *outlet; /* borrowed */
    struct metrics *metrics;
    int64_t now_ms;
    int64_t mono_ms; /* for waits: the other may be set back */
    int64_t held_until_ms;
    char name[EVENT_CONNECTOR_MAX + 1];
    struct doc_out *scratch;
    struct buf json;
    struct buf rk;
    struct buf component;
    struct buf resource;
    struct buf output;
    struct buf perf;
    struct connector_counter counters[CONNECTOR_COUNTERS_MAX];
    size_t n_counters;
    struct metric_gauge waiting;
    struct metric_gauge spool_bytes;
    struct metric_gauge lag_s;
    struct log_complaint refusal;
    struct log_complaint invalid;
    struct log_complaint losing;
    /* the connector's own event */
    int64_t told_ms;
    int told_state; /* -1: none yet */
    uint64_t n_lost, told_lost;
    uint64_t told_received;
};

/** Borrows all. */
struct connector_io *connector_io_new(const struct connector_ops *ops,
                                      const struct connector_conf *conf,
                                      struct outlet *outlet);
void connector_io_free(struct connector_io *io);
/** Bring the gauges up to date. */
void connector_update_metrics(struct connector_io *io,
                              const struct outlet_state *state);
/** Publish the connector's own event when its time has come or its state
 *  changed. why_not: it does not listen, and why; NULL: it does. */
void connector_tell_self(struct connector_io *io, const char *why_not);
/** Publish that it ended on purpose: its silence means nothing. */
void connector_tell_end(struct connector_io *io);

#endif
