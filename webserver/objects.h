/* SPDX-License-Identifier: Apache-2.0 */
/** What people configure: objects of kinds, versioned, told to the engines. */
#ifndef HYP_WEBSERVER_OBJECTS_H
#define HYP_WEBSERVER_OBJECTS_H

#include "common/object/object.h"
#include "webserver/server.h"

/** Read a request's body as one JSON object into out; false: answered. */
bool objects_read_body(struct request *request, struct doc_out *out,
                       struct doc *body);
/** Append ,"stats":{...}: what the event filter counted of the rule. */
void rules_add_stats(struct server *server, const char *name, struct buf *out);

#endif
