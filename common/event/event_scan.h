/* SPDX-License-Identifier: Apache-2.0 */
/** A first look at JSON text: its shape, its limits, and what is wrong. */
#ifndef HYP_EVENT_EVENT_SCAN_H
#define HYP_EVENT_EVENT_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

struct event_scan {
    /* given */
    size_t depth_max;
    size_t items_max;  /**< elements of an array at the top */
    size_t first_line; /**< number of the text's first line, for people */
    /* found */
    bool array;   /**< the top is an array, else it is an object */
    size_t items; /**< its elements */
};

/** Read the whole text (UTF-8). ERR_INVALID or ERR_LIMIT: why tells line and
 *  column, what was expected and what stands there; its field is the path of
 *  what was being read (common/json/json_path.h). */
MUST_CHECK enum err event_scan(const char *text, size_t len,
                               struct event_scan *scan, struct errbuf *why);

#endif
