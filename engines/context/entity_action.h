/* SPDX-License-Identifier: Apache-2.0 */
/** What operators do to entities: enable, disable, delete. */
#ifndef HYP_CONTEXT_ENTITY_ACTION_H
#define HYP_CONTEXT_ENTITY_ACTION_H

#include "common/engine/engine.h"
#include "engines/context/entities.h"

/**
 * Take an event of such a type: the entity's row changes with the batch, and
 * what came of it is told on the alerts' exchange (docs/events.md). False: it
 * was refused, nobody else is to see it.
 */
bool entity_action_take(struct entities *entities, struct engine_io *io,
                        const struct event *event);
/** Tell what came of one that was done. */
void entity_action_tell(struct engine_io *io, const struct event *event,
                        const struct entity *entity);
/** Put the row of an entity. */
void entity_put_row(struct engine_io *io, const struct entity *entity);
/** The same for an entity that is new: there is no row, as a rule. */
void entity_append_row(struct engine_io *io, const struct entity *entity);

#endif
