/* SPDX-License-Identifier: Apache-2.0 */
/** A store as a whole: the choice of a backend. */
#include "common/store/store_copy.h"

#include <string.h>

#include "common/base/str.h"
#include "common/store/store_backend.h"

static const struct {
    const char *scheme;
    enum err (*snapshot)(const char *uri, struct store_snapshot **out,
                         struct errbuf *why);
    enum err (*filling)(const char *uri, enum store_filling_mode mode,
                        struct store_filling **out, struct errbuf *why);
} backends[] = {
    {"sqlite:", sqlite_snapshot_open, sqlite_filling_open},
    {"mongodb://", mongodb_snapshot_open, mongodb_filling_open},
    {"mongodb+srv://", mongodb_snapshot_open, mongodb_filling_open},
};

enum {
    N_BACKENDS = sizeof backends / sizeof backends[0]
};

/* N_BACKENDS, and told: there is none. */
static size_t backend_of(const char *uri, struct errbuf *why)
{
    size_t i = 0;

    while (i < N_BACKENDS && !str_starts(uri, backends[i].scheme)) {
        i++;
    }
    if (i == N_BACKENDS) {
        errbuf_set_field(why, "storage",
                         "expected sqlite:<folder> or mongodb://...");
    }
    return i;
}

enum err store_snapshot_open(const char *uri, struct store_snapshot **out,
                             struct errbuf *why)
{
    size_t i = backend_of(uri, why);

    return i < N_BACKENDS ? backends[i].snapshot(uri, out, why) : ERR_INVALID;
}

void store_snapshot_close(struct store_snapshot *snapshot)
{
    if (snapshot != NULL) {
        snapshot->ops->close(snapshot);
    }
}

enum err store_snapshot_scan(struct store_snapshot *snapshot,
                             enum store_collection collection,
                             store_row_fn *each, void *ctx, struct errbuf *why)
{
    return snapshot->ops->scan(snapshot, collection, each, ctx, why);
}

enum err store_snapshot_progress(struct store_snapshot *snapshot,
                                 store_copy_progress_fn *each, void *ctx,
                                 struct errbuf *why)
{
    return snapshot->ops->progress(snapshot, each, ctx, why);
}

enum err store_filling_open(const char *uri, enum store_filling_mode mode,
                            struct store_filling **out, struct errbuf *why)
{
    size_t i = backend_of(uri, why);

    return i < N_BACKENDS ? backends[i].filling(uri, mode, out, why)
                          : ERR_INVALID;
}

void store_filling_close(struct store_filling *filling)
{
    if (filling != NULL) {
        filling->ops->close(filling);
    }
}

enum err store_filling_put(struct store_filling *filling,
                           enum store_collection collection,
                           const struct store_key *key, struct doc row,
                           struct errbuf *why)
{
    return filling->ops->put(filling, collection, key, row, why);
}

enum err store_filling_put_progress(struct store_filling *filling,
                                    const struct store_copy_progress *progress,
                                    struct errbuf *why)
{
    return filling->ops->put_progress(filling, progress, why);
}

enum err store_filling_finish(struct store_filling *filling, struct errbuf *why)
{
    return filling->ops->finish(filling, why);
}
