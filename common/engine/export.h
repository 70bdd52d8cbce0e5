/* SPDX-License-Identifier: Apache-2.0 */
/** The metrics of an engine's process: what its runtime counts, as others of
 *  its machine read it. */
#ifndef HYP_ENGINE_EXPORT_H
#define HYP_ENGINE_EXPORT_H

#include "common/engine/runtime.h"
#include "common/metrics/metrics.h"

struct export;

struct export *export_new(void);
void export_free(struct export *export);
/** Borrowed as long as export. */
const struct metrics *export_metrics(const struct export *export);
/** Bring all up to date. */
void export_update(struct export *export, const struct engine_io *io,
                   int64_t now_ms);

#endif
