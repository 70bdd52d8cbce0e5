/* SPDX-License-Identifier: Apache-2.0 */
/** Datagrams seen lately, so that one recorded and sent again is known. */
#ifndef HYP_CONNECTOR_COLLECTD_REPEATS_H
#define HYP_CONNECTOR_COLLECTD_REPEATS_H

#include <stdbool.h>
#include <stddef.h>

struct repeats;

/** Remember the last `most` datagrams. */
struct repeats *repeats_new(size_t most);
void repeats_free(struct repeats *repeats);
bool repeats_has(const struct repeats *repeats, const void *data, size_t len);
void repeats_add(struct repeats *repeats, const void *data, size_t len);

#endif
