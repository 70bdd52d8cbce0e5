/* SPDX-License-Identifier: Apache-2.0 */
/** A metric's values by minute, wherever they come from: to compare stores. */
#ifndef HYP_TESTS_MINUTES_H
#define HYP_TESTS_MINUTES_H

#include "common/points/rollup_store.h"

/** Give the minutes of a stored metric, in order of time. Errors as
 *  rollups_read. */
MUST_CHECK enum err minutes_read(struct store *store, struct doc metric,
                                 rollup_each_fn *each, void *ctx,
                                 struct errbuf *why);

#endif
