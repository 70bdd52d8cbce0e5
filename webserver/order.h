/* SPDX-License-Identifier: Apache-2.0 */
/** What the body of a request for actions asks for. */
#ifndef HYP_WEBSERVER_ORDER_H
#define HYP_WEBSERVER_ORDER_H

#include "common/event/event.h"
#include "common/filter/filter.h"
#include "webserver/routes.h"

/** What is done, and to which. Texts are of the document or the request, ""
 *  where none was given. */
struct order {
    struct doc_out *doc;
    enum event_type type;
    const char *type_name;
    const char *author, *message, *ticket, *ticket_url;
    int64_t duration_ms; /**< 0: absent */
    int64_t state;       /**< -1: absent */
    bool has_keep_state, keep_state;
    bool all;        /**< of these there are */
    const char *one; /**< the one that the path names; NULL: see below */
    struct doc ids;
    struct filter *filter;
    const char *body; /**< what goes instead; NULL: absent */
};

/** What can be asked of one kind of thing. */
struct order_kind {
    const char
        *type; /**< the only one, which is not asked for; NULL: several */
    bool (*takes)(enum event_type type); /**< of several */
    const char *types;                   /**< for people: the types it takes */
    const char *fields; /**< names of its members, commas between them */
    const char *all;    /**< the filter that "all" stands for; NULL: none */
    bool marks;         /**< filters know the marks of alarms (acked, ...) */
    bool one;           /**< of the one that the path names; ids and filter
                             are not asked for, nor is a body with a type */
};

/** Read the body; false when it was refused: the reply is set. order_fini in
 *  any case. */
bool order_parse(struct server *server, struct request *request,
                 const struct order_kind *kind, struct order *order);
void order_fini(struct order *order);

#endif
