/* SPDX-License-Identifier: Apache-2.0 */
/** Timers in time order: against a plain list, by seeded random steps. */
#include <stdbool.h>
#include <stdlib.h>

#include "engines/alarm/alarm_timers.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    N_TIMERS = 200,
    N_STEPS = 20000,
    TIMES = 500,
    SEED = 20151109
};

/* What the heap must agree with: a due time per timer. */
struct model {
    struct alarm_timers heap;
    struct alarm_timer timers[N_TIMERS];
    int64_t due[N_TIMERS];
};

static int64_t least(const struct model *model)
{
    int64_t due = ALARM_NEVER;

    for (size_t i = 0; i < N_TIMERS; i++) {
        due = model->due[i] < due ? model->due[i] : due;
    }
    return due;
}

static void set(struct model *model, size_t i, int64_t due)
{
    model->due[i] = due;
    alarm_timers_set(&model->heap, &model->timers[i], due);
}

static void check_first(const struct model *model)
{
    int64_t due = ALARM_NEVER;
    struct alarm_timer *first = alarm_timers_first(&model->heap, &due);

    assert_int_equal(due, least(model));
    assert_int_equal(first == NULL, due == ALARM_NEVER);
    if (first != NULL) {
        assert_int_equal(model->due[first - model->timers], due);
    }
}

static void random_steps(void **state)
{
    struct model *model = calloc(1, sizeof *model);
    unsigned seed = SEED;

    (void)state;
    for (size_t i = 0; i < N_TIMERS; i++) {
        model->due[i] = ALARM_NEVER;
    }
    for (size_t n = 0; n < N_STEPS; n++) {
        size_t i = (size_t)rand_r(&seed) % N_TIMERS;
        bool out = rand_r(&seed) % 3 == 0;

        set(model, i, out ? ALARM_NEVER : rand_r(&seed) % TIMES);
        assert_int_equal(alarm_timers_due(&model->heap, &model->timers[i]),
                         model->due[i]);
        check_first(model);
    }
    alarm_timers_fini(&model->heap);
    free(model);
}

static void comes_out_in_order(void **state)
{
    struct model *model = calloc(1, sizeof *model);
    unsigned seed = SEED;
    int64_t last = 0;

    (void)state;
    for (size_t i = 0; i < N_TIMERS; i++) {
        set(model, i, rand_r(&seed) % TIMES);
    }
    for (size_t n = 0; n < N_TIMERS; n++) {
        int64_t due;
        struct alarm_timer *first = alarm_timers_first(&model->heap, &due);

        assert_true(due >= last);
        last = due;
        alarm_timers_set(&model->heap, first, ALARM_NEVER);
    }
    assert_null(alarm_timers_first(&model->heap, &last));
    alarm_timers_fini(&model->heap);
    free(model);
}

static void an_empty_heap_has_no_first(void **state)
{
    struct alarm_timers heap = {0};
    struct alarm_timer timer = {0};
    int64_t due;

    (void)state;
    assert_null(alarm_timers_first(&heap, &due));
    alarm_timers_set(&heap, &timer, ALARM_NEVER);
    assert_true(alarm_timers_due(&heap, &timer) == ALARM_NEVER);
    alarm_timers_fini(&heap);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROW_SINGLE(an_empty_heap_has_no_first),
        ROW_SINGLE(comes_out_in_order),
        ROW_SINGLE(random_steps),
    };

    return rows_run("alarm_timers", tables, sizeof tables / sizeof tables[0]);
}
