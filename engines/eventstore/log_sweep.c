/* SPDX-License-Identifier: Apache-2.0 */
/** The log loses what is too old, some rows a second. */
#include "engines/eventstore/log_sweep.h"

enum {
    EVERY_MS = 10 * 1000,
    ROWS = 1000 /* removed at once, once a second at most */
};

struct found {
    struct store_key past; /* before it rows go */
    size_t n;
};

static bool each_row(void *ctx, const struct store_key *key, struct doc row)
{
    struct found *found = ctx;

    (void)row;
    found->n++;
    if (found->n == ROWS) {
        found->past = (struct store_key){.a = key->a, .b = key->b};
    }
    return found->n < ROWS;
}

/* Where the store does not answer, the next time does. */
static size_t remove_oldest(struct engine_io *io, int64_t floor_ms)
{
    const struct store_key first = {.a = INT64_MIN, .b = INT64_MIN};
    const struct store_key floor = {.a = floor_ms, .b = INT64_MIN};
    const struct store_query query = {
        .collection = STORE_EVENTS_LOG, .to = &floor, .limit = ROWS};
    struct found found = {.past = floor};

    if (store_scan(engine_store(io), &query, each_row, &found, NULL, NULL) !=
            ERR_OK ||
        found.n == 0) {
        return 0;
    }
    store_batch_delete_range(engine_batch(io), STORE_EVENTS_LOG, &first,
                             &found.past);
    engine_count(io, "log_removed", found.n);
    return found.n;
}

void log_sweep(struct log_sweep *sweep, struct engine_io *io)
{
    int64_t now_ms = engine_now_ms(io);
    int64_t parts;

    if (sweep->keep_ms == 0 || now_ms < sweep->next_ms ||
        engine_partition(io, &parts) != 0) {
        return;
    }
    if (remove_oldest(io, now_ms - sweep->keep_ms) < ROWS) {
        sweep->next_ms = now_ms + EVERY_MS;
    }
}
