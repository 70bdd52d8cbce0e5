/* SPDX-License-Identifier: Apache-2.0 */
/** Which publishes are open: a ring of states by number. */
#include "common/bus/amqp_window.h"

#include <stdlib.h>

#include "common/base/mem.h"

enum {
    CLOSED,
    OPEN,
    WINDOW_FIRST = 256
};

void amqp_window_reset(struct amqp_window *window)
{
    window->base = 1;
    window->next = 1;
}

void amqp_window_fini(struct amqp_window *window)
{
    free(window->states);
    *window = (struct amqp_window){0};
}

static uint8_t *state_of(const struct amqp_window *window, uint64_t number)
{
    return &window->states[number & (window->cap - 1)];
}

static void grow(struct amqp_window *window)
{
    struct amqp_window old = *window;

    window->cap = old.cap > 0 ? old.cap * 2 : WINDOW_FIRST;
    window->states = xcalloc(window->cap, 1);
    for (uint64_t i = old.base; i < old.next; i++) {
        *state_of(window, i) = *state_of(&old, i);
    }
    free(old.states);
}

uint64_t amqp_window_open(struct amqp_window *window)
{
    if (window->next - window->base >= window->cap) {
        grow(window);
    }
    *state_of(window, window->next) = OPEN;
    return window->next++;
}

bool amqp_window_is_open(const struct amqp_window *window, uint64_t number)
{
    return number >= window->base && number < window->next &&
           *state_of(window, number) == OPEN;
}

uint64_t amqp_window_first(const struct amqp_window *window, uint64_t last)
{
    return window->base < window->next && window->base <= last ? window->base
                                                               : 0;
}

void amqp_window_close(struct amqp_window *window, uint64_t number, bool all)
{
    if (all && number >= window->base) {
        window->base = number < window->next ? number + 1 : window->next;
    } else if (amqp_window_is_open(window, number)) {
        *state_of(window, number) = CLOSED;
    }
    while (window->base < window->next &&
           *state_of(window, window->base) == CLOSED) {
        window->base++;
    }
}
