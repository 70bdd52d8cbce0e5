/* SPDX-License-Identifier: Apache-2.0 */
/** Waits that end at a time. */
#include "webserver/deadlines.h"

#include <stddef.h>

void deadlines_init(struct deadlines *deadlines)
{
    TAILQ_INIT(deadlines);
}

void deadlines_add(struct deadlines *deadlines, struct deadline *deadline)
{
    TAILQ_INSERT_TAIL(deadlines, deadline, link);
}

void deadlines_remove(struct deadlines *deadlines, struct deadline *deadline)
{
    TAILQ_REMOVE(deadlines, deadline, link);
}

int deadlines_wait_ms(const struct deadlines *deadlines, int64_t now_ms,
                      int most_ms)
{
    const struct deadline *deadline;
    int64_t wait_ms = most_ms;

    TAILQ_FOREACH(deadline, deadlines, link)
    {
        if (deadline->at_ms - now_ms < wait_ms) {
            wait_ms = deadline->at_ms - now_ms;
        }
    }
    return wait_ms > 0 ? (int)wait_ms : 0;
}

static struct deadline *find_passed(struct deadlines *deadlines, int64_t now_ms)
{
    struct deadline *deadline;

    TAILQ_FOREACH(deadline, deadlines, link)
    {
        if (deadline->at_ms <= now_ms) {
            return deadline;
        }
    }
    return NULL;
}

void deadlines_run(struct deadlines *deadlines, int64_t now_ms)
{
    struct deadline *deadline;

    while ((deadline = find_passed(deadlines, now_ms)) != NULL) {
        TAILQ_REMOVE(deadlines, deadline, link);
        deadline->passed(deadline);
    }
}
