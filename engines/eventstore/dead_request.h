/* SPDX-License-Identifier: Apache-2.0 */
/** A request about one dead letter: as it comes, as it is stored. */
#ifndef HYP_EVENTSTORE_DEAD_REQUEST_H
#define HYP_EVENTSTORE_DEAD_REQUEST_H

#include <sys/queue.h>

#include "common/engine/engine.h"

enum dead_op {
    DEAD_REPLAY,
    DEAD_PURGE
};

struct dead_request {
    TAILQ_ENTRY(dead_request) link;
    int64_t n;    /* key of its row */
    uint8_t *row; /* {op, id, author, action, body} */
    uint32_t len;
};

/** From JSON into a row. ERR_INVALID with why. */
MUST_CHECK enum err dead_request_read(const struct bus_delivery *delivery,
                                      struct doc_out *json, struct doc_out *row,
                                      struct errbuf *why);
/** Gives a request with a copy of the row. */
struct dead_request *dead_request_new(int64_t n, struct doc row);
void dead_request_free(struct dead_request *request);
struct doc dead_request_doc(const struct dead_request *request);
enum dead_op dead_request_op(const struct dead_request *request);
/** Tell what became of it, as its action's answer: to is the queue it went to,
 *  refusal (NULL: done) why it was not done. */
void dead_request_answer(struct engine_io *io,
                         const struct dead_request *request, const char *to,
                         const char *refusal);

#endif
