/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Counters, gauges and histograms of one process. They are plain values that
 * their owner changes directly; a set only knows where they are and how they
 * are called, to show them as Prometheus text and as documents.
 */
#ifndef HYP_METRICS_METRICS_H
#define HYP_METRICS_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/doc/doc.h"

enum {
    METRIC_DECADE = 5,   /**< buckets a factor of ten, each 1.58 wide */
    METRIC_BUCKETS = 45, /**< nine decades above the least value */
    METRIC_TEXT_MAX = 1024 * 1024 /**< more than a process's metrics take */
};

/** Only ever grows: add to value. */
struct metric_counter {
    uint64_t value;
};

/** Any number: set value. */
struct metric_gauge {
    double value;
};

/** Distribution over log-spaced buckets. Bucket i holds the values up to
 *  least * 10^(i / METRIC_DECADE); the last, those above all bounds. */
struct metric_histogram {
    double least; /**< bound of the first bucket, above 0 */
    double sum;
    double max;
    uint64_t n;
    uint64_t counts[METRIC_BUCKETS + 1];
};

/** Begin empty. least 1e-6 suits seconds (to 1,000 s), 1 counts and bytes. */
void metric_histogram_init(struct metric_histogram *h, double least);
/** Count one value; one that is negative or not a number counts as 0. */
void metric_histogram_add(struct metric_histogram *h, double value);
/** The value that the share q (0..1) of all stays at or below, within the
 *  width of a bucket and never above the largest; 0 when empty. */
double metric_histogram_quantile(const struct metric_histogram *h, double q);
/** Arithmetic mean; 0 when empty. */
double metric_histogram_mean(const struct metric_histogram *h);
/** What was counted since earlier, a copy of the same histogram; its max is
 *  the bound of the highest bucket used. */
void metric_histogram_since(const struct metric_histogram *now,
                            const struct metric_histogram *earlier,
                            struct metric_histogram *out);

/** How a metric is called. Texts are borrowed as long as the set. Metrics of
 *  one name, apart in their label's value, are added one after the other. */
struct metric_info {
    const char *name;  /**< [a-z_], with unit: "hypervise_wait_seconds" */
    const char *help;  /**< one line */
    const char *label; /**< NULL: none */
    const char *value; /**< of the label, any text */
};

struct metrics;

struct metrics *metrics_new(void);
/** Forget the set; the metrics themselves are their owners'. */
void metrics_free(struct metrics *set);
/** Add a metric that lives as long as the set. A name that is no Prometheus
 *  name is a bug. */
void metrics_add_counter(struct metrics *set, const struct metric_info *info,
                         const struct metric_counter *counter);
/** A counter of what is not whole, e.g. seconds. */
void metrics_add_total(struct metrics *set, const struct metric_info *info,
                       const struct metric_gauge *total);
void metrics_add_gauge(struct metrics *set, const struct metric_info *info,
                       const struct metric_gauge *gauge);
void metrics_add_histogram(struct metrics *set, const struct metric_info *info,
                           const struct metric_histogram *histogram);
/** A label and its value, any text. name NULL: none. */
struct metric_label {
    const char *name;
    const char *value;
};

/** Append all as Prometheus text, format 0.0.4.
 *  common  a label that every line gets; NULL: none. */
void metrics_format(const struct metrics *set,
                    const struct metric_label *common, struct buf *out);
/** Parts of that text, for who has the values elsewhere: the lines before the
 *  first value of a metric, */
void metrics_add_head(struct buf *out, const char *name, const char *type,
                      const char *help);
/** the labels and the space behind them, */
void metrics_add_labels(struct buf *out, const struct metric_label *labels,
                        size_t n);
/** and the value with the end of the line. */
void metrics_add_value(struct buf *out, double value);
/** Append all as members of the document that is open in out: a number each;
 *  a histogram as {n, mean, p50, p99, max}. A label's value stands behind the
 *  name: "hypervise_events_total:check". */
void metrics_to_doc(const struct metrics *set, struct doc_out *out);

#endif
