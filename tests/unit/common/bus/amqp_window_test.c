/* SPDX-License-Identifier: Apache-2.0 */
/** Open publishes: confirms in any order, against a plain array. */
#include <string.h>

#include "common/bus/amqp_window.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    NUMBERS = 3000,
    STEPS = 20000
};

static void test_in_order(void **state)
{
    struct amqp_window window = {0};

    (void)state;
    amqp_window_reset(&window);
    assert_int_equal(amqp_window_first(&window, 5), 0);
    assert_false(amqp_window_is_open(&window, 1));
    for (uint64_t i = 1; i <= 1000; i++) {
        assert_int_equal(amqp_window_open(&window), i);
    }
    amqp_window_close(&window, 0, true);
    assert_int_equal(amqp_window_first(&window, 1000), 1);
    amqp_window_close(&window, 700, true);
    assert_int_equal(amqp_window_first(&window, 1000), 701);
    assert_int_equal(amqp_window_first(&window, 700), 0);
    /* What was never sent is not closed. */
    amqp_window_close(&window, 5000, true);
    assert_int_equal(amqp_window_first(&window, 5000), 0);
    assert_int_equal(amqp_window_open(&window), 1001);
    assert_true(amqp_window_is_open(&window, 1001));
    amqp_window_reset(&window);
    assert_int_equal(amqp_window_open(&window), 1);
    amqp_window_fini(&window);
}

static uint64_t model_first(const bool *open, uint64_t last)
{
    for (uint64_t i = 1; i <= last; i++) {
        if (open[i]) {
            return i;
        }
    }
    return 0;
}

static void test_against_model(void **state)
{
    struct amqp_window window = {0};
    bool open[NUMBERS + 1] = {false};
    uint32_t seed = 42;
    uint64_t sent = 0;

    (void)state;
    amqp_window_reset(&window);
    for (int i = 0; i < STEPS; i++) {
        uint64_t number;

        seed = seed * 1664525 + 1013904223;
        number = sent > 0 ? 1 + (seed >> 8) % sent : 0;
        if ((seed >> 4) % 3 == 0 && sent < NUMBERS) {
            assert_int_equal(amqp_window_open(&window), ++sent);
            open[sent] = true;
        } else if ((seed >> 4) % 41 == 1 && number > 0) {
            amqp_window_close(&window, number, true);
            memset(open, false, number + 1);
        } else if (number > 0) {
            assert_int_equal(amqp_window_is_open(&window, number),
                             open[number]);
            amqp_window_close(&window, number, false);
            open[number] = false;
        }
        assert_int_equal(amqp_window_first(&window, sent),
                         model_first(open, sent));
    }
    amqp_window_fini(&window);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROW_SINGLE(test_in_order),
        ROW_SINGLE(test_against_model),
    };

    return rows_run("amqp_window", tables, N_ROWS(tables));
}
