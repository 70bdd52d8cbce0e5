/* SPDX-License-Identifier: Apache-2.0 */
/** Documents in which each name stands once, as JSON readers expect. */
#ifndef HYP_EVENT_EVENT_UNIQUE_H
#define HYP_EVENT_EVENT_UNIQUE_H

#include <stdbool.h>

#include "common/doc/doc.h"

/** Whether a name stands twice in the document or in one nested in it. */
bool event_has_repeats(struct doc doc);
/** Add the members to the innermost open document of out; of those with the
 *  same name only the last. */
void event_add_unique(struct doc doc, struct doc_out *out);

#endif
