/* SPDX-License-Identifier: Apache-2.0 */
/** Actions under way: who waits for the alarm engine's answer to which id. */
#ifndef HYP_WEBSERVER_WAITERS_H
#define HYP_WEBSERVER_WAITERS_H

#include <stddef.h>

#include "common/base/map.h"
#include "common/doc/doc.h"

enum {
    ACTION_ID_MAX = 32
};

struct waiter;

/** The change that answers: a step, or type action_refused. Called once. */
typedef void waiter_answer_fn(struct waiter *waiter, struct doc change);

/** Embed it; id is set before it is added. */
struct waiter {
    char id[ACTION_ID_MAX + 1];
    waiter_answer_fn *answer;
};

struct waiters {
    struct map map;
    struct doc_out *doc;
};

void waiters_init(struct waiters *waiters);
void waiters_fini(struct waiters *waiters);
/** Borrowed until answered or removed. */
void waiters_add(struct waiters *waiters, struct waiter *waiter);
void waiters_remove(struct waiters *waiters, struct waiter *waiter);
/** Take the body of a message of the alerts exchange. */
void waiters_take(struct waiters *waiters, const void *body, size_t len);

#endif
