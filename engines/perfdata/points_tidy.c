/* SPDX-License-Identifier: Apache-2.0 */
/** Merging, converting and removing stored points, a piece a batch. */
#include "engines/perfdata/points_tidy.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

enum {
    PENDING_FIRST = 64,
    RUNS_MOST = 64,      /* a slot with so many is merged before its end */
    GROUPS_REMOVED = 64, /* a batch */
    TIERS = POINTS_HOURS + 1
};

void points_tidy_init(struct points_tidy *tidy, int64_t space)
{
    *tidy = (struct points_tidy){.space = space};
}

void points_tidy_fini(struct points_tidy *tidy)
{
    free(tidy->pending);
}

enum err points_tidy_load(struct points_tidy *tidy, struct engine_io *io)
{
    tidy->has_old = true;
    tidy->wrote = false;
    return points_floors_read(engine_store(io), tidy->space, &tidy->floors,
                              NULL);
}

/* Slots that wait for their merge. */

static size_t find_pending(const struct points_tidy *tidy, int64_t slot)
{
    size_t low = 0;
    size_t high = tidy->n_pending;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (tidy->pending[middle].slot < slot) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct points_pending *insert_pending(struct points_tidy *tidy,
                                             size_t at)
{
    if (tidy->n_pending == tidy->cap_pending) {
        tidy->cap_pending =
            tidy->cap_pending > 0 ? tidy->cap_pending * 2 : PENDING_FIRST;
        tidy->pending = xrealloc_array(tidy->pending, tidy->cap_pending,
                                       sizeof *tidy->pending);
    }
    memmove(tidy->pending + at + 1, tidy->pending + at,
            (tidy->n_pending - at) * sizeof *tidy->pending);
    tidy->n_pending++;
    return &tidy->pending[at];
}

static void remove_pending(struct points_tidy *tidy, size_t at)
{
    tidy->n_pending--;
    memmove(tidy->pending + at, tidy->pending + at + 1,
            (tidy->n_pending - at) * sizeof *tidy->pending);
}

void points_tidy_note(struct points_tidy *tidy, int64_t slot, int64_t run,
                      int64_t now_ms)
{
    size_t at = find_pending(tidy, slot);
    struct points_pending *pending;

    if (at < tidy->n_pending && tidy->pending[at].slot == slot) {
        pending = &tidy->pending[at];
    } else {
        pending = insert_pending(tidy, at);
        *pending = (struct points_pending){.slot = slot};
    }
    if (pending->n_runs == 0) {
        pending->since_ms = now_ms;
    }
    if (pending->n_runs == 0 || pending->run != run) {
        pending->run = run;
        pending->n_runs++;
    }
    tidy->wrote = true;
}

/* The last points of a slot are still to be folded when it ends, and what is
 * late comes in many runs: both wait a while. */
static bool is_ripe(const struct points_pending *pending, int64_t now_ms,
                    int64_t merge_after_ms)
{
    int64_t end_ms = points_slot_begin_ms(pending->slot + 1);
    int64_t since_ms = pending->since_ms > end_ms ? pending->since_ms : end_ms;

    return pending->n_runs >= RUNS_MOST || now_ms - since_ms >= merge_after_ms;
}

/* Begin the merge of the first slot that is ripe; false: none is. */
static bool begin_merge(struct points_tidy *tidy,
                        const struct points_merge_env *env,
                        const struct points_keep *keep)
{
    int64_t now_ms = engine_now_ms(env->io);

    for (size_t i = 0; i < tidy->n_pending; i++) {
        struct points_pending *pending = &tidy->pending[i];

        if (!is_ripe(pending, now_ms, keep->merge_after_ms)) {
            continue;
        }
        if (points_merge_begin(&tidy->merge, env, tidy->space, pending->slot) !=
            ERR_OK) {
            return true;
        }
        pending->n_runs = 0; /* those to come */
        if (tidy->merge.slot == 0) {
            remove_pending(tidy, i);
        }
        return true;
    }
    return false;
}

/* Runs may have come since it began, or be more than one merge takes. */
static void end_merge(struct points_tidy *tidy, int64_t slot, int64_t now_ms)
{
    size_t at = find_pending(tidy, slot);

    BUG_IF(at == tidy->n_pending || tidy->pending[at].slot != slot);
    if (tidy->pending[at].n_runs > 0) {
        return;
    }
    if (tidy->merge.n_runs == POINTS_RUNS_MAX) {
        points_tidy_note(tidy, slot, 0, now_ms);
    } else {
        remove_pending(tidy, at);
    }
}

static void merge(struct points_tidy *tidy, const struct points_merge_env *env)
{
    int64_t slot = tidy->merge.slot;

    if (points_merge_step(&tidy->merge, env) == ERR_OK &&
        tidy->merge.slot == 0) {
        end_merge(tidy, slot, engine_now_ms(env->io));
    }
}

/* Removing. */

static int64_t tier_floor(enum points_tier tier, int64_t keep_ms,
                          int64_t now_ms)
{
    int64_t slot = points_slot_of(now_ms - keep_ms);

    return tier == POINTS_HOURS && slot > 0
               ? points_day_slot(points_day_of(slot))
               : slot;
}

/* Points that are in no roll-up yet must not go. */
static int64_t oldest_unmerged(const struct points_tidy *tidy)
{
    size_t at = find_pending(tidy, tidy->floors.slot[POINTS_RAW]);

    return at < tidy->n_pending ? tidy->pending[at].slot : POINTS_SLOTS_MAX;
}

/* What the clock says is no longer kept; true when it is more than before. */
static bool raise_floors(struct points_tidy *tidy, struct engine_io *io,
                         const struct points_keep *keep)
{
    bool raised = false;

    for (int tier = 0; tier < TIERS; tier++) {
        int64_t slot = tier_floor((enum points_tier)tier, keep->keep_ms[tier],
                                  engine_now_ms(io));
        int64_t unmerged = oldest_unmerged(tidy);

        if (tier == POINTS_RAW && slot > unmerged) {
            slot = unmerged;
        }
        if (slot > tidy->floors.slot[tier]) {
            tidy->floors.slot[tier] = slot;
            raised = true;
        }
    }
    if (raised) {
        points_floors_write(engine_batch(io), engine_scratch(io), tidy->space,
                            &tidy->floors);
    }
    return raised;
}

/* The key of the first row at or behind a slot of a tier. */
static int64_t key_at(const struct points_tidy *tidy, enum points_tier tier,
                      int64_t slot)
{
    if (tier == POINTS_RAW) {
        return points_key_a(tidy->space, slot, 0);
    }
    return points_rollup_key_a(
        tidy->space, tier, tier == POINTS_HOURS ? points_day_of(slot) : slot);
}

static int64_t slot_of_key(enum points_tier tier, int64_t a)
{
    int64_t at = points_key_slot(a);

    return tier == POINTS_HOURS ? points_day_slot(at) : at;
}

/* Remove some of the oldest rows before a tier's floor; false: none is left.
 * Late points of such a time lie in runs until they are merged. */
static bool remove_some(struct points_tidy *tidy, struct engine_io *io,
                        enum points_tier tier)
{
    enum store_collection from =
        tier == POINTS_RAW ? STORE_CHUNKS : STORE_ROLLUPS;
    /* The slot before those that are kept has what their first rates count
     * from. */
    int64_t floor = tidy->floors.slot[tier] - (tier == POINTS_RAW ? 1 : 0);
    struct store_key past = {.a = key_at(tidy, tier, floor)};
    struct store_key first;
    struct points_found found;

    tidy->removed_to[tier] += tidy->removed_to[tier] == 0 ? 1 : 0;
    first = (struct store_key){.a = key_at(tidy, tier, tidy->removed_to[tier])};
    if (tidy->removed_to[tier] >= floor) {
        return false;
    }
    if (points_look(engine_store(io), from, &first, &past, &found) != ERR_OK) {
        return true;
    }
    if (!found.any) {
        tidy->removed_to[tier] = floor;
        return false;
    }
    tidy->removed_to[tier] = slot_of_key(tier, found.a);
    if (points_key_run(found.a) > 0) {
        tidy->removed_to[tier]++;
        return true;
    }
    first = (struct store_key){.a = found.a, .b = found.b};
    past.a = found.a;
    past.b = points_key_b(points_key_group(found.b) + GROUPS_REMOVED, 0);
    store_batch_delete_range(engine_batch(io), from, &first, &past);
    return true;
}

static void remove_old(struct points_tidy *tidy, struct engine_io *io,
                       const struct points_keep *keep)
{
    if (raise_floors(tidy, io, keep)) {
        return;
    }
    for (int tier = 0; tier < TIERS; tier++) {
        if (remove_some(tidy, io, (enum points_tier)tier)) {
            return;
        }
    }
}

/* Steps. */

static void do_piece(struct points_tidy *tidy,
                     const struct points_merge_env *env,
                     const struct points_keep *keep)
{
    if (tidy->merge.slot != 0) {
        merge(tidy, env);
    } else if (begin_merge(tidy, env, keep)) {
        return;
    } else if (tidy->has_old) {
        (void)!points_merge_old(env, tidy->space, &tidy->has_old);
    } else {
        remove_old(tidy, env->io, keep);
    }
}

void points_tidy_step(struct points_tidy *tidy, struct engine_io *io,
                      const struct metrics_table *table,
                      const struct points_keep *keep)
{
    const struct points_merge_env env = {io, table, &tidy->floors};
    size_t writes = store_batch_count(engine_batch(io));

    if (!tidy->wrote) {
        do_piece(tidy, &env, keep);
        tidy->wrote = store_batch_count(engine_batch(io)) > writes;
    }
}

void points_tidy_commit(struct points_tidy *tidy)
{
    tidy->wrote = false;
}

int64_t points_oldest_ms(const struct points_keep *keep, int64_t now_ms)
{
    int64_t most = 0;

    for (int tier = 0; tier < TIERS; tier++) {
        most = keep->keep_ms[tier] > most ? keep->keep_ms[tier] : most;
    }
    return now_ms - most;
}
