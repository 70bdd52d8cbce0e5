/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Reading a metric's past at a resolution. An hour with points that are not
 * merged is read from its points, any other from its roll-ups. What is
 * merged meanwhile was looked for among the points first, so it is not
 * missed; and its hour is not taken from the roll-ups again.
 */
#include "common/points/rollup_store.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/perfdata/rate.h"

enum {
    SLOTS_FIRST = 64,
    SLOTS_PAST = POINTS_SLOTS_MAX - 1, /* that a key can have */
    TIERS = POINTS_HOURS + 1
};

static const char *const floor_names[TIERS] = {[POINTS_RAW] = "raw",
                                               [POINTS_MINUTES] = "minutes",
                                               [POINTS_HOURS] = "hours"};

static struct store_key floors_key(int64_t space)
{
    return (struct store_key){
        .a = points_rollup_key_a(space, POINTS_MINUTES, 0), .b = 0};
}

enum err points_floors_read(struct store *store, int64_t space,
                            struct points_floors *floors, struct errbuf *why)
{
    const struct store_key key = floors_key(space);
    struct buf row;
    enum err err;

    *floors = (struct points_floors){{0}};
    buf_init(&row, DOC_BYTES_MAX);
    err = store_get(store, STORE_ROLLUPS, &key, &row);
    for (int tier = 0; err == ERR_OK && tier < TIERS; tier++) {
        const struct doc doc = {(const uint8_t *)row.data, (uint32_t)row.len};

        floors->slot[tier] = doc_i64(doc, floor_names[tier], 0);
    }
    buf_fini(&row);
    if (err == ERR_UNAVAILABLE) {
        errbuf_set(why, "the store does not answer");
    }
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

void points_floors_write(struct store_batch *batch, struct doc_out *scratch,
                         int64_t space, const struct points_floors *floors)
{
    const struct store_key key = floors_key(space);

    doc_out_reset(scratch);
    for (int tier = 0; tier < TIERS; tier++) {
        doc_add_i64(scratch, floor_names[tier], floors->slot[tier]);
    }
    store_batch_put(batch, STORE_ROLLUPS, &key, doc_out_done(scratch));
}

/* Slots, in order. */
struct slots {
    int64_t *slots;
    size_t n;
    size_t cap;
};

struct reading {
    struct store *store;
    const struct rollup_query *query;
    struct errbuf *why;
    rollup_each_fn *each;
    void *ctx;
    bool stopped;
    struct points_floors floors;
    struct slots unmerged; /* read from points, within what is kept */
    struct rate rate;
    int64_t from_ms; /* of what is under way, without a rate's look back */
    int64_t from_slot, past_slot;
    int64_t look_a, found_a;
};

static bool add_slot(void *ctx, int64_t slot)
{
    struct reading *r = ctx;
    struct slots *list = &r->unmerged;

    if (list->n == list->cap) {
        list->cap = list->cap > 0 ? list->cap * 2 : SLOTS_FIRST;
        list->slots =
            xrealloc_array(list->slots, list->cap, sizeof *list->slots);
    }
    list->slots[list->n++] = slot;
    return true;
}

static bool is_unmerged(const struct reading *r, int64_t slot)
{
    size_t low = 0;
    size_t high = r->unmerged.n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (r->unmerged.slots[middle] < slot) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < r->unmerged.n && r->unmerged.slots[low] == slot;
}

/* Points. */

static bool take_point(void *ctx, int64_t ms, double value)
{
    struct reading *r = ctx;
    struct rollup one = {.n = r->query->points.n, .ms = ms};
    double shown;

    if (!rate_next(&r->rate, ms, value, &shown) || ms < r->from_ms ||
        isnan(shown)) {
        return true;
    }
    rollup_add(&one, ms, shown);
    r->stopped = !r->each(r->ctx, &one);
    return !r->stopped;
}

static int64_t greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The points of slots from one up to before another. */
static enum err give_points(struct reading *r, int64_t slot, int64_t past)
{
    struct points_query points = r->query->points;

    points.from_ms = greater(points.from_ms, points_slot_begin_ms(slot));
    points.to_ms = lesser(points.to_ms, points_slot_begin_ms(past) - 1);
    r->from_ms = points.from_ms;
    rate_init(&r->rate, r->query->type, r->query->min);
    if (r->query->type != PERF_GAUGE) {
        points.from_ms -= RATE_LOOK_BACK_MS;
    }
    return points_read(r->store, &points, take_point, r, r->why);
}

static enum err give_unmerged(struct reading *r)
{
    const int64_t *slots = r->unmerged.slots;
    enum err err = ERR_OK;

    for (size_t i = 0, end; err == ERR_OK && i < r->unmerged.n && !r->stopped;
         i = end) {
        for (end = i + 1;
             end < r->unmerged.n && slots[end] == slots[end - 1] + 1; end++) {
        }
        err = give_points(r, slots[i], slots[end - 1] + 1);
    }
    return err;
}

/* Roll-ups. */

static void take_rollups(struct reading *r, struct rollups_reader *reader)
{
    struct rollup rollup;

    for (int i = 0;
         i < POINTS_ROW_MAX && !r->stopped && rollups_next(reader, &rollup);
         i++) {
        int64_t slot = points_slot_of(rollup.ms);

        if (rollup.ms >= r->query->points.from_ms &&
            rollup.ms <= r->query->points.to_ms && slot >= r->from_slot &&
            slot < r->past_slot && !is_unmerged(r, slot)) {
            r->stopped = !r->each(r->ctx, &rollup);
        }
    }
}

/* The row at the key that was looked for, or the one behind it. */
static bool take_row(void *ctx, const struct store_key *key, struct doc row)
{
    struct reading *r = ctx;
    struct rollups_reader reader;
    struct doc_value value;

    r->found_a = key->a;
    if (key->a != r->look_a ||
        points_key_group(key->b) != points_group_of(r->query->points.n) ||
        !doc_get(row, "p", &value) || value.type != DOC_BYTES) {
        return false;
    }
    (void)rollups_reader_init(&reader, value.u.s.text, value.u.s.len);
    while (rollups_next_metric(&reader)) {
        if (reader.n == r->query->points.n) {
            take_rollups(r, &reader);
        }
    }
    return false;
}

/* A row for each hour or day, without a look at those of other groups; what
 * holds nothing is skipped. */
static enum err give_tier(struct reading *r, enum points_tier tier)
{
    int64_t space = points_space_of(r->query->points.n);
    int64_t b = points_key_b(points_group_of(r->query->points.n), 0);
    bool hours = tier == POINTS_HOURS;
    int64_t at = hours ? points_day_of(r->from_slot) : r->from_slot;
    int64_t past_at =
        hours ? points_day_of(r->past_slot - 1) + 1 : r->past_slot;
    enum err err = ERR_OK;

    while (err == ERR_OK && at < past_at && !r->stopped) {
        const struct store_key first = {
            .a = points_rollup_key_a(space, tier, at), .b = b};
        const struct store_key past = {
            .a = points_rollup_key_a(space, tier, past_at)};
        const struct store_query query = {.collection = STORE_ROLLUPS,
                                          .from = &first,
                                          .to = &past,
                                          .limit = 1};

        r->look_a = first.a;
        r->found_a = 0;
        err = store_scan(r->store, &query, take_row, r, NULL, r->why);
        at = r->found_a == 0 ? past_at
                             : greater(at + 1, points_key_slot(r->found_a));
    }
    return err;
}

/* Of each tier what the finer ones no longer have. */
static enum err give_tiers(struct reading *r)
{
    int64_t first = points_slot_of(greater(r->query->points.from_ms, 0));
    int64_t last = points_slot_of(r->query->points.to_ms);
    int64_t past = lesser(last > 0 ? last + 1 : INT64_MAX, SLOTS_PAST);
    enum err err = ERR_OK;

    for (int tier = (int)r->query->tier; tier < TIERS && err == ERR_OK;
         tier++) {
        r->from_slot = greater(first, r->floors.slot[tier]);
        r->past_slot = past;
        if (r->from_slot < past) {
            err = tier == POINTS_RAW ? give_points(r, r->from_slot, past)
                                     : give_tier(r, (enum points_tier)tier);
        }
        past = lesser(past, greater(r->from_slot, 1));
    }
    return err;
}

static enum err read_all(struct reading *r)
{
    const struct points_query *points = &r->query->points;
    enum err err = points_floors_read(r->store, points_space_of(points->n),
                                      &r->floors, r->why);

    if (err == ERR_OK && r->query->tier != POINTS_RAW) {
        err = points_unmerged(r->store, points, r->floors.slot[POINTS_RAW],
                              add_slot, r, r->why);
        if (err == ERR_OK) {
            err = give_unmerged(r);
        }
    }
    return err == ERR_OK && !r->stopped ? give_tiers(r) : err;
}

/* Of one number. */
static enum err read_number(struct store *store,
                            const struct rollup_query *query,
                            struct reading *like)
{
    struct reading r = *like;
    enum err err;

    r.store = store;
    r.query = query;
    err = read_all(&r);
    like->stopped = r.stopped;
    free(r.unmerged.slots);
    return err;
}

static enum err read_numbers(struct store *store,
                             const struct rollup_query *query,
                             struct reading *like)
{
    struct rollup_query one = *query;
    enum err err = ERR_OK;

    one.points.n_was = 0;
    for (size_t i = 0; i <= query->points.n_was && err == ERR_OK; i++) {
        one.points.n =
            i < query->points.n_was ? query->points.was[i] : query->points.n;
        err = like->stopped ? ERR_OK : read_number(store, &one, like);
    }
    return err;
}

enum err rollups_read(struct store *store, const struct rollup_query *query,
                      rollup_each_fn *each, void *ctx, struct errbuf *why)
{
    struct reading r = {
        .store = store, .query = query, .each = each, .ctx = ctx, .why = why};

    if (query->only_points) {
        return give_points(&r, 1, POINTS_SLOTS_MAX);
    }
    if (query->points.to_ms < query->points.from_ms ||
        query->points.to_ms < 0 ||
        points_slot_of(greater(query->points.from_ms, 0)) == 0) {
        return ERR_OK;
    }
    return read_numbers(store, query, &r);
}
