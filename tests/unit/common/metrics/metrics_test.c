/* SPDX-License-Identifier: Apache-2.0 */
/** Histograms against sorted samples; the text and document forms. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/metrics/metrics.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    SAMPLES_MAX = 5000
};

struct spread_case {
    const char *name;
    size_t n;
    double least;
    double low, high; /* samples lie log-evenly between */
};

static const struct spread_case spreads[] = {
    {"one", 1, 1e-6, 0.02, 0.02},
    {"two", 2, 1e-6, 0.001, 1},
    {"many, narrow", SAMPLES_MAX, 1e-6, 0.010, 0.011},
    {"many, wide", SAMPLES_MAX, 1e-6, 1e-5, 100},
    {"counts", SAMPLES_MAX, 1, 1, 1e6},
    {"below the least", 100, 1e-3, 1e-9, 1e-4},
};

static int compare_doubles(const void *a, const void *b)
{
    const double *x = a;
    const double *y = b;

    return (*x > *y) - (*x < *y);
}

static void check_spread(void **state)
{
    static const double shares[] = {0.01, 0.5, 0.9, 0.99, 1};
    static double samples[SAMPLES_MAX];
    const struct spread_case *row = *state;
    double width = pow(10.0, 1.0 / METRIC_DECADE) * 1.0001;
    struct metric_histogram h;
    uint32_t seed = 20263;

    metric_histogram_init(&h, row->least);
    for (size_t i = 0; i < row->n; i++) {
        double share;

        seed = seed * 1664525U + 1013904223U;
        share = (double)seed / (double)UINT32_MAX;
        samples[i] = row->low * pow(row->high / row->low, share);
        metric_histogram_add(&h, samples[i]);
    }
    qsort(samples, row->n, sizeof samples[0], compare_doubles);
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        size_t at = (size_t)ceil(shares[i] * (double)row->n) - 1;
        double got = metric_histogram_quantile(&h, shares[i]);

        /* Right within one bucket; below the first bound, within that. */
        assert_true(got <= fmax(samples[at] * width, row->least));
        assert_true(got * width >= samples[at] || samples[at] <= row->least);
        assert_true(got <= samples[row->n - 1]);
    }
    assert_true(fabs(h.max - samples[row->n - 1]) < 1e-12 * h.max);
}

static void keeps_each_value_under_its_bound(void **state)
{
    struct metric_histogram h;

    (void)state;
    for (size_t i = 0; i < METRIC_BUCKETS; i++) {
        double bound = 1e-6 * pow(10.0, (double)i / METRIC_DECADE);

        metric_histogram_init(&h, 1e-6);
        metric_histogram_add(&h, bound);
        assert_int_equal(h.counts[i], 1);
        metric_histogram_add(&h, nextafter(bound, INFINITY));
        assert_int_equal(h.counts[i + 1], 1);
    }
}

static void takes_any_number(void **state)
{
    struct metric_histogram h;

    (void)state;
    metric_histogram_init(&h, 1);
    assert_true(metric_histogram_quantile(&h, 0.5) == 0);
    assert_true(metric_histogram_mean(&h) == 0);
    metric_histogram_add(&h, -5);
    metric_histogram_add(&h, (double)NAN);
    metric_histogram_add(&h, 0);
    assert_int_equal(h.counts[0], 3);
    assert_true(metric_histogram_quantile(&h, 0.99) == 0);
    metric_histogram_add(&h, 1e300);
    metric_histogram_add(&h, (double)INFINITY);
    assert_int_equal(h.counts[METRIC_BUCKETS], 2);
}

static void tells_what_came_since(void **state)
{
    struct metric_histogram h;
    struct metric_histogram earlier;
    struct metric_histogram since;

    (void)state;
    metric_histogram_init(&h, 1e-6);
    metric_histogram_add(&h, 50);
    earlier = h;
    metric_histogram_add(&h, 0.5);
    metric_histogram_add(&h, 0.5);
    metric_histogram_since(&h, &earlier, &since);
    assert_int_equal(since.n, 2);
    assert_true(metric_histogram_mean(&since) == 0.5);
    assert_true(since.max < 1);
    metric_histogram_since(&h, &h, &since);
    assert_int_equal(since.n, 0);
    assert_true(metric_histogram_quantile(&since, 0.5) == 0);
}

struct fixture {
    struct metric_counter checks;
    struct metric_counter logs;
    struct metric_gauge lag;
    struct metric_histogram seconds;
    struct metrics *set;
};

static void begin(struct fixture *f)
{
    *f = (struct fixture){.checks = {7}, .logs = {UINT32_MAX}, .lag = {0.25}};
    metric_histogram_init(&f->seconds, 1e-6);
    metric_histogram_add(&f->seconds, 0.5);
    f->set = metrics_new();
    metrics_add_counter(f->set,
                        &(struct metric_info){"hyp_events_total",
                                              "Events\nby \\ type.", "type",
                                              "check"},
                        &f->checks);
    metrics_add_counter(
        f->set,
        &(struct metric_info){"hyp_events_total", "", "type", "a\"b\\c\n"},
        &f->logs);
    metrics_add_gauge(
        f->set, &(struct metric_info){"hyp_lag", "Lag.", NULL, NULL}, &f->lag);
    metrics_add_histogram(
        f->set, &(struct metric_info){"hyp_seconds", "Time.", NULL, NULL},
        &f->seconds);
}

static void formats_text(void **state)
{
    static const char *const wanted[] = {
        "# HELP hyp_events_total Events\\nby \\\\ type.\n"
        "# TYPE hyp_events_total counter\n"
        "hyp_events_total{type=\"check\"} 7\n"
        "hyp_events_total{type=\"a\\\"b\\\\c\\n\"} 4294967295\n"
        "# HELP hyp_lag Lag.\n# TYPE hyp_lag gauge\nhyp_lag 0.25\n"
        "# HELP hyp_seconds Time.\n# TYPE hyp_seconds histogram\n"
        "hyp_seconds_bucket{le=\"1e-06\"} 0\n",
        "hyp_seconds_bucket{le=\"0.3981\"} 0\n"
        "hyp_seconds_bucket{le=\"0.631\"} 1\n",
        "hyp_seconds_bucket{le=\"+Inf\"} 1\nhyp_seconds_sum 0.5\n"
        "hyp_seconds_count 1\n"};
    struct fixture f;
    struct buf out;
    const char *at;

    (void)state;
    begin(&f);
    buf_init(&out, METRIC_TEXT_MAX);
    metrics_format(f.set, NULL, &out);
    at = buf_str(&out);
    for (size_t i = 0; i < N_ROWS(wanted); i++) {
        const char *found = strstr(at, wanted[i]);

        assert_non_null(found);
        assert_true(i > 0 || found == at);
        at = found + strlen(wanted[i]);
    }
    assert_string_equal(at, "");
    f.lag.value = (double)NAN;
    buf_clear(&out);
    metrics_format(f.set, NULL, &out);
    assert_non_null(strstr(buf_str(&out), "\nhyp_lag NaN\n"));
    buf_fini(&out);
    metrics_free(f.set);
}

/* Each line gets the label of its process, whatever that is called. */
static void adds_a_common_label(void **state)
{
    static const struct metric_label process = {"process", "a\"b"};
    static const char *const wanted[] = {
        "\nhyp_events_total{process=\"a\\\"b\",type=\"check\"} 7\n",
        "\nhyp_lag{process=\"a\\\"b\"} 0.25\n",
        "\nhyp_seconds_bucket{process=\"a\\\"b\",le=\"+Inf\"} 1\n",
        "\nhyp_seconds_count{process=\"a\\\"b\"} 1\n",
        "# TYPE hyp_cpu_total counter\n"
        "hyp_cpu_total{process=\"a\\\"b\"} 0.25\n"};
    struct fixture f;
    struct buf out;

    (void)state;
    begin(&f);
    metrics_add_total(
        f.set, &(struct metric_info){"hyp_cpu_total", "", NULL, NULL}, &f.lag);
    buf_init(&out, METRIC_TEXT_MAX);
    metrics_format(f.set, &process, &out);
    for (size_t i = 0; i < N_ROWS(wanted); i++) {
        assert_non_null(strstr(buf_str(&out), wanted[i]));
    }
    buf_fini(&out);
    metrics_free(f.set);
}

static void makes_documents(void **state)
{
    struct fixture f;
    struct doc_out *docs = doc_out_new();
    struct buf out;

    (void)state;
    begin(&f);
    f.logs.value = 2;
    metrics_to_doc(f.set, docs);
    buf_init(&out, METRIC_TEXT_MAX);
    doc_to_json(doc_out_done(docs), &out);
    assert_string_equal(
        buf_str(&out),
        "{\"hyp_events_total:check\":7,\"hyp_events_total:a\\\"b\\\\c\\n\":2,"
        "\"hyp_lag\":0.25,\"hyp_seconds\":{\"n\":1,\"mean\":0.5,"
        "\"p50\":0.5,\"p99\":0.5,\"max\":0.5}}");
    buf_fini(&out);
    doc_out_free(docs);
    metrics_free(f.set);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROWS(spreads, check_spread),
        ROW_SINGLE(keeps_each_value_under_its_bound),
        ROW_SINGLE(takes_any_number),
        ROW_SINGLE(tells_what_came_since),
        ROW_SINGLE(formats_text),
        ROW_SINGLE(adds_a_common_label),
        ROW_SINGLE(makes_documents),
    };

    return rows_run("metrics", tables, N_ROWS(tables));
}
