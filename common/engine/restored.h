/* SPDX-License-Identifier: Apache-2.0 */
/** The progress of an engine whose store was restored from a backup. */
#ifndef HYP_ENGINE_RESTORED_H
#define HYP_ENGINE_RESTORED_H

#include <stdint.h>

#include "common/doc/doc.h"

/** Name of the member that tells the runtime when it was restored. */
#define RESTORED_MEMBER "restored_at"

/** The progress document with that member; borrowed from out until its next
 *  reset. */
struct doc restored_progress(struct doc progress, int64_t now_ms,
                             struct doc_out *out);

#endif
