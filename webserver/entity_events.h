/* SPDX-License-Identifier: Apache-2.0 */
/** Events about entities that a handler has made itself, and what comes of
 *  them: sent, waited for and answered like the actions of operators. */
#ifndef HYP_WEBSERVER_ENTITY_EVENTS_H
#define HYP_WEBSERVER_ENTITY_EVENTS_H

#include "common/doc/doc.h"
#include "webserver/routes.h"

struct acting;

/** Begin; send, tell or drop must follow in the end. */
struct acting *entity_events_new(struct server *server,
                                 struct request *request);
/** An event, sent in this order: the members event_type, type (of the
 *  source), connector, connector_name, component, resource and, of "set",
 *  infos and import_source. Copied. */
void entity_events_add(struct acting *acting, const char *id, struct doc event);
/** One that is answered as refused without being sent. */
void entity_events_refuse(struct acting *acting, const char *id,
                          const char *reason);
/** One more that needs no event: only counted. */
void entity_events_unchanged(struct acting *acting);
/** Send them in the author's name and answer the request when all came back,
 *  or after answer_timeout. Takes acting. */
void entity_events_send(struct acting *acting, const char *author);
/** Give it up unsent: the request is answered by others. NULL: nothing. */
void entity_events_drop(struct acting *acting);
/** Answer what would be sent instead. Takes acting. */
void entity_events_tell(struct acting *acting);

#endif
