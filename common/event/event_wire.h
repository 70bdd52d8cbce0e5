/* SPDX-License-Identifier: Apache-2.0 */
/** Events as JSON text, the way a source would send them. */
#ifndef HYP_EVENT_EVENT_WIRE_H
#define HYP_EVENT_EVENT_WIRE_H

#include "common/event/event.h"

/** Append the event as one JSON object: unknown fields at top level, and
 *  without what the entry makes by itself (id, rk, entity_id, received_at).
 *  scratch is reset. */
void event_write_json(const struct event *event, struct doc_out *scratch,
                      struct buf *out);

#endif
