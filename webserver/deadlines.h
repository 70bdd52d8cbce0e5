/* SPDX-License-Identifier: Apache-2.0 */
/** Waits that end at a time, kept in a list: few, and looked at each step. */
#ifndef HYP_WEBSERVER_DEADLINES_H
#define HYP_WEBSERVER_DEADLINES_H

#include <stdint.h>
#include <sys/queue.h>

struct deadline;
typedef void deadline_fn(struct deadline *deadline);

/** Embed it. */
struct deadline {
    TAILQ_ENTRY(deadline) link;
    int64_t at_ms;
    deadline_fn *passed; /**< called once, when it is removed already */
};

TAILQ_HEAD(deadlines, deadline);

void deadlines_init(struct deadlines *deadlines);
/** at_ms of the steady clock. Borrowed until passed or removed. */
void deadlines_add(struct deadlines *deadlines, struct deadline *deadline);
void deadlines_remove(struct deadlines *deadlines, struct deadline *deadline);
/** How long until the first of them, at most `most_ms`. */
int deadlines_wait_ms(const struct deadlines *deadlines, int64_t now_ms,
                      int most_ms);
/** Call what has passed; a call may add and remove others. */
void deadlines_run(struct deadlines *deadlines, int64_t now_ms);

#endif
