/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The metrics of several processes as one text: Prometheus wants all lines of
 * a metric together, and each process tells its own.
 */
#ifndef HYP_WEBSERVER_EXPOSITION_H
#define HYP_WEBSERVER_EXPOSITION_H

#include <stddef.h>

#include "common/base/buf.h"

enum {
    EXPOSITION_FAMILIES_MAX = 1024,
    EXPOSITION_BYTES_MAX = 16 * 1024 * 1024
};

struct exposition;

struct exposition *exposition_new(void);
void exposition_free(struct exposition *all);
/** Take in what one process tells: its lines join those of the same metric
 *  that came before; what a metric is comes from the first. Lines of no metric
 *  that was announced are left out, as is what passes the limits. */
void exposition_add(struct exposition *all, const char *text, size_t len);
/** Append all, in the order in which the metrics came first. */
void exposition_write(const struct exposition *all, struct buf *out);

#endif
