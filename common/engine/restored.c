/* SPDX-License-Identifier: Apache-2.0 */
/** The progress of an engine whose store was restored from a backup. */
#include "common/engine/restored.h"

#include <string.h>

struct doc restored_progress(struct doc progress, int64_t now_ms,
                             struct doc_out *out)
{
    struct doc_iter it;
    struct doc_value value;
    const char *name;

    doc_out_reset(out);
    doc_iter_init(&it, progress);
    while (doc_next(&it, &name, &value)) {
        if (strcmp(name, RESTORED_MEMBER) != 0) {
            doc_add_value(out, name, &value);
        }
    }
    doc_add_ms(out, RESTORED_MEMBER, now_ms);
    return doc_out_done(out);
}
