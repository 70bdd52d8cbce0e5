/* SPDX-License-Identifier: Apache-2.0 */
/** Counters, gauges and histograms, and how they are shown. */
#include "common/metrics/metrics.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/mem.h"

enum {
    NUMBER_TEXT_MAX = 32,
    KEY_MAX = 160,
    DOUBLE_EXACT = 17
};

enum kind {
    KIND_COUNTER,
    KIND_TOTAL, /* a counter of what is not whole */
    KIND_GAUGE,
    KIND_HISTOGRAM
};

struct entry {
    struct metric_info info;
    enum kind kind;
    union {
        const struct metric_counter *counter;
        const struct metric_gauge *gauge;
        const struct metric_histogram *histogram;
    } u;
};

struct metrics {
    struct entry *entries;
    size_t n;
};

/* --- histograms ------------------------------------------------------------
 */

void metric_histogram_init(struct metric_histogram *h, double least)
{
    BUG_IF(!(least > 0));
    *h = (struct metric_histogram){.least = least};
}

static double bound_of(const struct metric_histogram *h, size_t i)
{
    return h->least * pow(10.0, (double)i / METRIC_DECADE);
}

static size_t bucket_of(const struct metric_histogram *h, double value)
{
    double at;

    if (value <= h->least) {
        return 0;
    }
    at = log10(value / h->least) * METRIC_DECADE;
    if (!(at < METRIC_BUCKETS - 1)) {
        return value <= bound_of(h, METRIC_BUCKETS - 1) ? METRIC_BUCKETS - 1
                                                        : METRIC_BUCKETS;
    }
    /* Rounding of the logarithm must not put a value above its bound. */
    return value <= bound_of(h, (size_t)at) ? (size_t)at : (size_t)at + 1;
}

void metric_histogram_add(struct metric_histogram *h, double value)
{
    if (!(value > 0)) {
        value = 0;
    }
    h->counts[bucket_of(h, value)]++;
    h->n++;
    h->sum += value;
    if (value > h->max) {
        h->max = value;
    }
}

/* Within a bucket values are taken as spread evenly on the log scale. */
static double within(const struct metric_histogram *h, size_t i, double share)
{
    if (i == 0) {
        return h->least * share;
    }
    return bound_of(h, i - 1) * pow(10.0, share / METRIC_DECADE);
}

double metric_histogram_quantile(const struct metric_histogram *h, double q)
{
    double rank = q * (double)h->n;
    uint64_t below = 0;

    for (size_t i = 0; i < METRIC_BUCKETS; i++) {
        uint64_t count = h->counts[i];

        if (count > 0 && (double)(below + count) >= rank) {
            double share = (rank - (double)below) / (double)count;

            return fmin(within(h, i, fmax(share, 0)), h->max);
        }
        below += count;
    }
    return h->max;
}

double metric_histogram_mean(const struct metric_histogram *h)
{
    return h->n > 0 ? h->sum / (double)h->n : 0;
}

void metric_histogram_since(const struct metric_histogram *now,
                            const struct metric_histogram *earlier,
                            struct metric_histogram *out)
{
    struct metric_histogram since = {.least = now->least,
                                     .n = now->n - earlier->n,
                                     .sum = now->sum - earlier->sum};

    for (size_t i = 0; i <= METRIC_BUCKETS; i++) {
        since.counts[i] = now->counts[i] - earlier->counts[i];
        if (since.counts[i] > 0) {
            since.max = i < METRIC_BUCKETS ? bound_of(now, i) : now->max;
        }
    }
    since.max = fmin(since.max, now->max);
    *out = since;
}

/* --- the set ---------------------------------------------------------------
 */

struct metrics *metrics_new(void)
{
    return xcalloc(1, sizeof(struct metrics));
}

void metrics_free(struct metrics *set)
{
    if (set != NULL) {
        free(set->entries);
        free(set);
    }
}

static bool is_name(const char *name)
{
    static const char first[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    static const char rest[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";

    return name[0] != '\0' && strchr(first, name[0]) != NULL &&
           name[strspn(name, rest)] == '\0';
}

static struct entry *add_entry(struct metrics *set,
                               const struct metric_info *info, enum kind kind)
{
    struct entry *entry;

    BUG_IF(!is_name(info->name));
    BUG_IF(info->label != NULL && !is_name(info->label));
    set->entries =
        xrealloc_array(set->entries, set->n + 1, sizeof *set->entries);
    entry = &set->entries[set->n++];
    *entry = (struct entry){.info = *info, .kind = kind};
    return entry;
}

void metrics_add_counter(struct metrics *set, const struct metric_info *info,
                         const struct metric_counter *counter)
{
    add_entry(set, info, KIND_COUNTER)->u.counter = counter;
}

void metrics_add_total(struct metrics *set, const struct metric_info *info,
                       const struct metric_gauge *total)
{
    add_entry(set, info, KIND_TOTAL)->u.gauge = total;
}

void metrics_add_gauge(struct metrics *set, const struct metric_info *info,
                       const struct metric_gauge *gauge)
{
    add_entry(set, info, KIND_GAUGE)->u.gauge = gauge;
}

void metrics_add_histogram(struct metrics *set, const struct metric_info *info,
                           const struct metric_histogram *histogram)
{
    add_entry(set, info, KIND_HISTOGRAM)->u.histogram = histogram;
}

/* --- Prometheus text --------------------------------------------------------
 */

/* One line of the text: whose, and what every line carries. */
struct text {
    struct buf *out;
    const struct metric_label *common; /* NULL: none */
};

/* Escape as the format wants; quotes only inside label values. */
static void add_escaped(struct buf *out, const char *text, bool in_label)
{
    for (; *text != '\0'; text++) {
        if (*text == '\\' || (in_label && *text == '"')) {
            buf_add_char(out, '\\');
            buf_add_char(out, *text);
        } else if (*text == '\n') {
            buf_add_str(out, "\\n");
        } else {
            buf_add_char(out, *text);
        }
    }
}

void metrics_add_value(struct buf *out, double value)
{
    char text[NUMBER_TEXT_MAX];

    if (isnan(value)) {
        buf_add_str(out, "NaN");
    } else if (isinf(value)) {
        buf_add_str(out, value > 0 ? "+Inf" : "-Inf");
    } else {
        (void)snprintf(text, sizeof text, "%.*g", DOUBLE_EXACT, value);
        buf_add_str(out, text);
    }
    buf_add_char(out, '\n');
}

void metrics_add_labels(struct buf *out, const struct metric_label *labels,
                        size_t n)
{
    char before = '{';

    for (size_t i = 0; i < n; i++) {
        if (labels[i].name != NULL) {
            buf_addf(out, "%c%s=\"", before, labels[i].name);
            add_escaped(out, labels[i].value, true);
            buf_add_char(out, '"');
            before = ',';
        }
    }
    buf_add_str(out, before == ',' ? "} " : " ");
}

void metrics_add_head(struct buf *out, const char *name, const char *type,
                      const char *help)
{
    buf_addf(out, "# HELP %s ", name);
    add_escaped(out, help, false);
    buf_addf(out, "\n# TYPE %s %s\n", name, type);
}

/* "name_suffix{common="...",label="value",le="bound"} "; bound NULL: without
 * le. */
static void add_series(const struct text *text, const struct metric_info *info,
                       const char *suffix, const char *bound)
{
    const struct metric_label none = {NULL, NULL};
    const struct metric_label labels[] = {text->common != NULL ? *text->common
                                                               : none,
                                          {info->label, info->value},
                                          {bound != NULL ? "le" : NULL, bound}};

    buf_addf(text->out, "%s%s", info->name, suffix);
    metrics_add_labels(text->out, labels, sizeof labels / sizeof labels[0]);
}

static void format_histogram(const struct entry *entry, const struct text *text)
{
    const struct metric_histogram *h = entry->u.histogram;
    struct buf *out = text->out;
    uint64_t below = 0;

    for (size_t i = 0; i < METRIC_BUCKETS; i++) {
        char bound[NUMBER_TEXT_MAX];

        below += h->counts[i];
        (void)snprintf(bound, sizeof bound, "%.4g", bound_of(h, i));
        add_series(text, &entry->info, "_bucket", bound);
        buf_addf(out, "%" PRIu64 "\n", below);
    }
    add_series(text, &entry->info, "_bucket", "+Inf");
    buf_addf(out, "%" PRIu64 "\n", h->n);
    add_series(text, &entry->info, "_sum", NULL);
    metrics_add_value(out, h->sum);
    add_series(text, &entry->info, "_count", NULL);
    buf_addf(out, "%" PRIu64 "\n", h->n);
}

static void format_entry(const struct entry *entry, const struct text *text)
{
    switch (entry->kind) {
    case KIND_COUNTER:
        add_series(text, &entry->info, "", NULL);
        buf_addf(text->out, "%" PRIu64 "\n", entry->u.counter->value);
        break;
    case KIND_TOTAL:
    case KIND_GAUGE:
        add_series(text, &entry->info, "", NULL);
        metrics_add_value(text->out, entry->u.gauge->value);
        break;
    case KIND_HISTOGRAM:
        format_histogram(entry, text);
        break;
    }
}

void metrics_format(const struct metrics *set,
                    const struct metric_label *common, struct buf *out)
{
    static const char *const types[] = {[KIND_COUNTER] = "counter",
                                        [KIND_TOTAL] = "counter",
                                        [KIND_GAUGE] = "gauge",
                                        [KIND_HISTOGRAM] = "histogram"};
    const struct text text = {out, common};

    for (size_t i = 0; i < set->n; i++) {
        const struct entry *entry = &set->entries[i];

        if (i == 0 || strcmp(entry[-1].info.name, entry->info.name) != 0) {
            metrics_add_head(out, entry->info.name, types[entry->kind],
                             entry->info.help);
        }
        format_entry(entry, &text);
    }
}

/* --- documents ---------------------------------------------------------------
 */

static void histogram_to_doc(const struct metric_histogram *h, const char *key,
                             struct doc_out *out)
{
    doc_begin_doc(out, key);
    doc_add_i64(out, "n", (int64_t)h->n);
    doc_add_f64(out, "mean", metric_histogram_mean(h));
    doc_add_f64(out, "p50", metric_histogram_quantile(h, 0.5));
    doc_add_f64(out, "p99", metric_histogram_quantile(h, 0.99));
    doc_add_f64(out, "max", h->max);
    doc_end(out);
}

static void entry_to_doc(const struct entry *entry, struct doc_out *out)
{
    char key[KEY_MAX];

    (void)snprintf(key, sizeof key, "%s%s%s", entry->info.name,
                   entry->info.label != NULL ? ":" : "",
                   entry->info.label != NULL ? entry->info.value : "");
    switch (entry->kind) {
    case KIND_COUNTER:
        doc_add_i64(out, key, (int64_t)entry->u.counter->value);
        break;
    case KIND_TOTAL:
    case KIND_GAUGE:
        doc_add_f64(out, key, entry->u.gauge->value);
        break;
    case KIND_HISTOGRAM:
        histogram_to_doc(entry->u.histogram, key, out);
        break;
    }
}

void metrics_to_doc(const struct metrics *set, struct doc_out *out)
{
    for (size_t i = 0; i < set->n; i++) {
        entry_to_doc(&set->entries[i], out);
    }
}
