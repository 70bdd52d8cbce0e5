/* SPDX-License-Identifier: Apache-2.0 */
/** Actions under way, found by the id that their answer carries. */
#include "webserver/waiters.h"

#include <string.h>

void waiters_init(struct waiters *waiters)
{
    map_init(&waiters->map);
    waiters->doc = doc_out_new();
}

void waiters_fini(struct waiters *waiters)
{
    map_fini(&waiters->map);
    doc_out_free(waiters->doc);
}

void waiters_add(struct waiters *waiters, struct waiter *waiter)
{
    (void)map_put(&waiters->map, waiter->id, strlen(waiter->id), waiter);
}

void waiters_remove(struct waiters *waiters, struct waiter *waiter)
{
    (void)map_remove(&waiters->map, waiter->id, strlen(waiter->id));
}

void waiters_take(struct waiters *waiters, const void *body, size_t len)
{
    struct waiter *waiter;
    struct doc change;
    const char *id;

    /* As a rule nobody waits: then a change costs nothing here. */
    if (waiters->map.n == 0 || body == NULL ||
        doc_from_json(body, len, waiters->doc, &change, NULL) != ERR_OK) {
        return;
    }
    id = doc_str(change, "action", "");
    waiter = map_remove(&waiters->map, id, strlen(id));
    if (waiter != NULL) {
        waiter->answer(waiter, change);
    }
}
