/* SPDX-License-Identifier: Apache-2.0 */
/** The load of hyp bench: who it is about, changes, latencies. */
#include <stdio.h>
#include <string.h>

#include "cli/load.h"
#include "common/doc/doc.h"
#include "common/event/event_json.h"
#include "tests/support/unit.h"

enum {
    TEXT_MAX = 64 * 1024
};

static const struct load_shape small = {2, 3, 4, 0.5};

/* What the parser of the suite makes of the events. */
struct seen {
    size_t n, refused;
    char connector_name[64], component[64], resource[64];
    int state;
};

static void on_event(void *ctx, uint32_t index, const struct event *event)
{
    struct seen *seen = ctx;

    (void)index;
    seen->n++;
    seen->state = event->state;
    (void)snprintf(seen->connector_name, sizeof seen->connector_name, "%s",
                   event->connector_name);
    (void)snprintf(seen->component, sizeof seen->component, "%s",
                   event->component);
    (void)snprintf(seen->resource, sizeof seen->resource, "%s",
                   event->resource);
}

static void on_refused(void *ctx, uint32_t index, const char *text, size_t len,
                       const struct errbuf *why)
{
    struct seen *seen = ctx;

    (void)index;
    (void)text;
    (void)len;
    (void)why;
    seen->refused++;
}

static void next(struct load *load, int64_t mono_ms, struct seen *seen)
{
    struct event_parser *parser = event_parser_new(&event_limits_default);
    const struct event_sink sink = {seen, on_event, on_refused};
    struct buf text;

    buf_init(&text, TEXT_MAX);
    load_next(load, 1700000000001, mono_ms, &text);
    event_parse(parser, buf_str(&text), text.len, 1700000000500, &sink);
    buf_fini(&text);
    event_parser_free(parser);
}

static void each_in_turn(void **state)
{
    struct load load;
    struct seen seen = {0};

    (void)state;
    load_init(&load, &small);
    for (int i = 0; i < 24; i++) {
        char resource[64], component[64];

        next(&load, 1, &seen);
        (void)snprintf(resource, sizeof resource, "resource-%d", i);
        (void)snprintf(component, sizeof component, "bench-%d", i / 4);
        assert_string_equal(seen.resource, resource);
        assert_string_equal(seen.component, component);
        assert_string_equal(seen.connector_name,
                            i < 12 ? "bench-0" : "bench-1");
        assert_int_equal(seen.state, 0); /* the first round is all OK */
    }
    next(&load, 1, &seen);
    assert_string_equal(seen.resource, "resource-0");
    assert_int_equal(seen.n, 25);
    assert_int_equal(seen.refused, 0);
    load_fini(&load);
}

static void share_of_changes(void **state)
{
    static const double shares[] = {0, 0.05, 0.5, 1};

    (void)state;
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        const struct load_shape shape = {1, 10, 100, shares[i]};
        struct load load;
        struct buf text;
        double part;

        load_init(&load, &shape);
        buf_init(&text, TEXT_MAX);
        for (int k = 0; k < 11000; k++) {
            buf_clear(&text);
            load_next(&load, 1, 1, &text);
        }
        part = (double)load.n_changes / 10000;
        assert_true(part > shares[i] - 0.02 && part < shares[i] + 0.02);
        buf_fini(&text);
        load_fini(&load);
    }
}

/* A change always goes to another state than before. */
static void change_is_new(void **state)
{
    const struct load_shape shape = {1, 1, 1, 1};
    struct load load;
    struct seen seen = {0};
    int before;

    (void)state;
    load_init(&load, &shape);
    next(&load, 1, &seen);
    for (int i = 0; i < 200; i++) {
        before = seen.state;
        next(&load, 1, &seen);
        assert_int_not_equal(seen.state, before);
    }
    assert_int_equal(load.pending, 1);
    load_fini(&load);
}

struct answer_row {
    const char *name, *component, *resource;
    int64_t answered;
};

static const struct answer_row answers[] = {
    {"the one", "bench-0", "resource-0", 1},
    {"another resource", "bench-0", "resource-1", 0},
    {"another component", "bench-1", "resource-0", 0},
    {"no number", "bench-0", "resource-", 0},
    {"past the last", "bench-6", "resource-24", 0},
    {"negative", "bench-0", "resource--1", 0},
    {"somebody else's", "web1", "disk", 0},
    {"none", "", "", 0},
};

static void matching_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct load_shape shape = {2, 3, 4, 0};
        struct load load;
        struct buf text;

        load_init(&load, &shape);
        buf_init(&text, TEXT_MAX);
        for (int k = 0; k < 24; k++) {
            load_next(&load, 1, 1, &text);
        }
        load.shape.changes = 1;
        load_next(&load, 1, 100, &text); /* of resource-0 */
        load_answer(&load, answers[i].component, answers[i].resource, 107);
        load_answer(&load, answers[i].component, answers[i].resource, 200);
        if (load.n_answered != answers[i].answered) {
            fail_msg("%s: %lld answered", answers[i].name,
                     (long long)load.n_answered);
        }
        assert_int_equal(load_quantile(&load, 0.5),
                         answers[i].answered > 0 ? 7 : -1);
        assert_int_equal(load.pending, 1 - answers[i].answered);
        buf_fini(&text);
        load_fini(&load);
    }
}

static void quantiles(void **state)
{
    struct load load;

    (void)state;
    load_init(&load, &small);
    assert_int_equal(load_quantile(&load, 0.5), -1);
    load.took[3] = 50;
    load.took[10] = 49;
    load.took[LOAD_LATENCY_MAX_MS] = 1;
    load.n_answered = 100;
    assert_int_equal(load_quantile(&load, 0), 3);
    assert_int_equal(load_quantile(&load, 0.5), 3);
    assert_int_equal(load_quantile(&load, 0.51), 10);
    assert_int_equal(load_quantile(&load, 0.99), 10);
    assert_int_equal(load_quantile(&load, 1), LOAD_LATENCY_MAX_MS);
    load_fini(&load);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_in_turn),     cmocka_unit_test(share_of_changes),
        cmocka_unit_test(change_is_new),    cmocka_unit_test(quantiles),
        cmocka_unit_test(matching_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
