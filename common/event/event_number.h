/* SPDX-License-Identifier: Apache-2.0 */
/** Numbers of JSON texts: whole ones stay exact, others become doubles. */
#ifndef HYP_EVENT_EVENT_NUMBER_H
#define HYP_EVENT_EVENT_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_number {
    bool whole; /**< i is the value too, exactly */
    int64_t i;
    double d;
};

/** Read a decimal number; text[len] is NUL. False when it is none, or no
 *  double can hold it (as 1e999); number is untouched then. */
bool event_number_parse(const char *text, size_t len,
                        struct event_number *number);

#endif
