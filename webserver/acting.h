/* SPDX-License-Identifier: Apache-2.0 */
/**
 * An action under way: on which things, and what came of each. They are chosen
 * piece by piece, so that other requests are answered meanwhile.
 */
#ifndef HYP_WEBSERVER_ACTING_H
#define HYP_WEBSERVER_ACTING_H

#include "common/base/map.h"
#include "common/bus/topology.h"
#include "webserver/list.h"
#include "webserver/order.h"

enum outcome {
    OUTCOME_PENDING,
    OUTCOME_DONE,
    OUTCOME_REFUSED,
    OUTCOME_UNPUBLISHED
};

struct acting;

/** What is done to one thing. */
struct act {
    struct waiter waiter;
    struct acting *acting;
    char *id;
    uint8_t *row; /**< as stored; NULL: there is none, it is refused */
    uint32_t row_len;
    enum outcome outcome;
    int64_t step; /**< 0: none */
    char *reason;
};

/** The kinds of things: where they are, and how an action gets to them. */
struct act_kind {
    struct order_kind order;
    enum store_collection collection;
    const char *unknown; /**< why an id is refused that nothing has */
    const char *many;    /**< their name */
    bool bare;           /**< a row may be large, and is not needed */
    bool compares;       /**< some may need nothing: they are counted */
    bool widens;         /**< entities: what belongs to the chosen, too */
    void (*write)(const struct order *order, const struct act *act,
                  struct doc row, struct buf *out);
    /** Set where the message goes. */
    void (*address)(struct acting *acting, struct doc row,
                    struct bus_message *message);
};

/** How far the choosing is. */
enum choosing_phase {
    CHOOSING_BEGIN,
    CHOOSING_IDS,
    CHOOSING_MATCHES,
    CHOOSING_MEMBERS, /**< what belongs to those chosen */
    CHOOSING_IN_MEMBERS,
    CHOOSING_DONE
};

struct choosing {
    enum choosing_phase phase;
    struct doc_iter ids;
    struct buf cursor;
    struct map known;       /**< acts by their ids */
    struct filter *members; /**< where to look for them; NULL: everywhere */
    struct buf id;
};

struct acting {
    struct publish_job job;
    struct deadline deadline; /**< for the next piece, or for the answers */
    struct server *server;
    struct request *request;
    const struct act_kind *kind;
    struct order order;
    struct choosing choosing;
    struct act **acts;
    size_t n, cap;
    size_t n_sent;
    size_t n_unchanged;
    size_t n_by_outcome[OUTCOME_UNPUBLISHED + 1];
    struct buf event;
    char to[BUS_NAME_MAX + 1]; /**< queue or exchange */
    char key[EVENT_ROUTING_KEY_MAX + 1];
    bool too_many;
};

/** Add one; row may have no data: there is none of that id. */
struct act *acting_add(struct acting *acting, const char *id, struct doc row);
/** The entity that a row tells of, for its id and routing key. */
void acting_entity(struct doc row, struct event *event);

void choosing_init(struct choosing *choosing);
void choosing_fini(struct choosing *choosing);
/** Choose some more, in a few milliseconds; at the end the phase is
 *  CHOOSING_DONE, or acting->too_many is set. Errors as of the store. */
MUST_CHECK enum err choosing_go_on(struct acting *acting, struct errbuf *why);

#endif
