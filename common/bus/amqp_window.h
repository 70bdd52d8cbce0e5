/* SPDX-License-Identifier: Apache-2.0 */
/** Which publishes of a connection are neither confirmed nor refused yet. */
#ifndef HYP_BUS_AMQP_WINDOW_H
#define HYP_BUS_AMQP_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct amqp_window {
    uint8_t *states; /**< ring by number; enum in the .c file */
    size_t cap;      /**< a power of two, 0 before the first publish */
    uint64_t base;   /**< lowest number that may be open */
    uint64_t next;   /**< number of the next publish */
};

/** Start again at 1; a zeroed window is valid for it. */
void amqp_window_reset(struct amqp_window *window);
void amqp_window_fini(struct amqp_window *window);
/** Gives the number of one more publish. */
uint64_t amqp_window_open(struct amqp_window *window);
/** Whether number was published and is neither confirmed nor refused. */
bool amqp_window_is_open(const struct amqp_window *window, uint64_t number);
/** The lowest open number up to last; 0 when there is none. */
uint64_t amqp_window_first(const struct amqp_window *window, uint64_t last);
/** It is done, or, with all of them, everything up to it. */
void amqp_window_close(struct amqp_window *window, uint64_t number, bool all);

#endif
