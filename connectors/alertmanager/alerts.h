/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Alerts as Prometheus posts them to Alertmanager, and as Alertmanager posts
 * them to a webhook, as checks. Pure.
 */
#ifndef HYP_CONNECTORS_ALERTMANAGER_ALERTS_H
#define HYP_CONNECTORS_ALERTMANAGER_ALERTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/event/event.h"

enum {
    ALERTS_BODY_MAX = 16 * 1024 * 1024,
    ALERTS_MAX = 10000 /**< in one body */
};

struct alerts_severity {
    const char *name;
    int state;
};

/** How alerts are read; all borrowed. */
struct alerts_conf {
    const char *const *component_labels; /**< the first one that is there */
    size_t n_component_labels;
    const char *const *ignored_labels; /**< no part of the resource */
    size_t n_ignored_labels;
    const char *severity_label;
    const struct alerts_severity *severities;
    size_t n_severities;
    int default_state;
    const char *default_component;
    int64_t webhook_ttl_ms; /**< of alerts that tell no end; 0: none */
};

struct alerts_sink {
    void *ctx;
    /** An alert's check, borrowed for the call. Anything but ERR_OK ends the
     *  body with that. */
    enum err (*event)(void *ctx, const struct event *event);
    /** An alert that makes none. */
    void (*refused)(void *ctx, const struct errbuf *why);
};

/**
 * Read a body: an array of alerts, or a webhook's object with one.
 *
 * refused  gets how many alerts were refused.
 * Returns ERR_OK; ERR_INVALID (the body is neither) or ERR_LIMIT (too much),
 * with why; what the sink said.
 */
MUST_CHECK enum err alerts_read(const struct alerts_conf *conf,
                                const char *text, size_t len, int64_t now_ms,
                                const struct alerts_sink *sink, size_t *refused,
                                struct errbuf *why);

/** "2026-11-21T09:30:00.123456789+01:00" as milliseconds; before 1970 (Go's
 *  time of nothing) 0. ERR_INVALID. */
MUST_CHECK enum err alerts_time(const char *text, int64_t *ms);

#endif
