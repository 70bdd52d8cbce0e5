/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Reading stored points. They move while one reads, and always from where is
 * looked first to where is looked later: rows of schema 1, blocks, runs from
 * the youngest to the oldest, run 0. So none is missed, and what is met twice
 * counts once.
 */
#include "common/points/points_store.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/points/points_key.h"

enum {
    POINTS_FIRST = 256
};

bool points_row_init(struct points_reader *reader, struct doc row)
{
    struct doc_value value;

    if (!doc_get(row, "p", &value) || value.type != DOC_BYTES) {
        return points_reader_init(reader, "", 0);
    }
    return points_reader_init(reader, value.u.s.text, value.u.s.len);
}

/* A growing list of points. */
struct list {
    struct point *points;
    size_t n;
    size_t cap;
    bool full;
};

static bool list_add(struct list *list, const struct point *point)
{
    if (list->n == list->cap) {
        if (list->cap == POINTS_READ_MAX) {
            list->full = true;
            return false;
        }
        list->cap = list->cap > 0 ? list->cap * 2 : POINTS_FIRST;
        list->points =
            xrealloc_array(list->points, list->cap, sizeof *list->points);
    }
    list->points[list->n++] = *point;
    return true;
}

/* Reading under one number. */
struct reading {
    struct store *store;
    const struct points_query *query;
    int64_t n;
    size_t recent_at; /* the first that was not given yet */
    int64_t next;     /* slot; 0: none */
    struct errbuf *why;
    struct list recent; /* not in chunks yet */
    struct list slot;   /* of the slot under way */
    struct list *into;
    int64_t a; /* key that a look found */
};

static enum err scan(const struct reading *r, enum store_collection from,
                     const struct store_key *first,
                     const struct store_key *past, store_row_fn *each)
{
    const struct store_query query = {
        .collection = from, .from = first, .to = past, .limit = INT64_MAX};
    union {
        const struct reading *from;
        void *to;
    } ctx = {.from = r};

    return store_scan(r->store, &query, each, ctx.to, NULL, r->why);
}

static bool take_old_row(void *ctx, const struct store_key *key, struct doc row)
{
    struct reading *r = ctx;
    const struct point point = {key->a, key->b, doc_f64(row, "v", (double)NAN)};

    return list_add(&r->recent, &point);
}

static void take_series(struct reading *r, const struct points_series *series)
{
    struct points_iter iter;
    struct point point;

    points_iter_init(&iter, series);
    while (points_next(&iter, &point)) {
        if (point.ms >= r->query->from_ms && point.ms <= r->query->to_ms &&
            !list_add(r->into, &point)) {
            return;
        }
    }
}

static bool take_row(void *ctx, const struct store_key *key, struct doc row)
{
    struct reading *r = ctx;
    struct points_reader reader;
    struct points_series series;

    (void)key;
    if (!points_row_init(&reader, row) || reader.last_ms < r->query->from_ms ||
        reader.first_ms > r->query->to_ms) {
        return true;
    }
    while (points_next_series(&reader, &series) && series.n <= r->n) {
        if (series.n == r->n) {
            take_series(r, &series);
        }
    }
    return !r->into->full;
}

static enum err read_recent(struct reading *r)
{
    const struct store_key old_from = {.a = r->n, .b = r->query->from_ms};
    const struct store_key old_past = {
        .a = r->n,
        .b = r->query->to_ms < INT64_MAX ? r->query->to_ms + 1 : INT64_MAX};
    enum err err = scan(r, STORE_POINTS, &old_from, &old_past, take_old_row);

    r->into = &r->recent;
    if (err == ERR_OK) {
        err = scan(r, STORE_BLOCKS, NULL, NULL, take_row);
    }
    r->recent.n = points_sort(r->recent.points, r->recent.n);
    return err;
}

static bool take_key(void *ctx, const struct store_key *key, struct doc row)
{
    struct reading *r = ctx;

    (void)row;
    r->a = key->a;
    return false;
}

/* The first key from one up to before another, or the last: into r->a, which
 * is 0 when there is none. */
static enum err look(struct reading *r, int64_t from_a, int64_t past_a,
                     bool descending)
{
    const struct store_key first = {.a = from_a, .b = 0};
    const struct store_key past = {.a = past_a, .b = 0};
    const struct store_query query = {.collection = STORE_CHUNKS,
                                      .from = &first,
                                      .to = &past,
                                      .descending = descending,
                                      .limit = 1};

    r->a = 0;
    return store_scan(r->store, &query, take_key, r, NULL, r->why);
}

static enum err read_run(struct reading *r, int64_t a)
{
    int64_t group = points_group_of(r->n);
    const struct store_key first = {.a = a, .b = points_key_b(group, 0)};
    const struct store_key past = {.a = a, .b = points_key_b(group + 1, 0)};

    return scan(r, STORE_CHUNKS, &first, &past, take_row);
}

/* Runs of a slot, the youngest first. Of two in one the order of age counts,
 * so what was read is turned round at the end. */
static enum err read_chunks(struct reading *r, int64_t slot)
{
    int64_t space = points_space_of(r->n);
    int64_t oldest = points_key_a(space, slot, 0);
    int64_t past = points_key_a(space, slot + 1, 0);
    struct point *points;
    enum err err;

    r->into = &r->slot;
    r->slot.n = 0;
    do {
        err = look(r, oldest + 1, past, true);
        past = r->a;
        if (err == ERR_OK) {
            err = read_run(r, past != 0 ? past : oldest);
        }
    } while (err == ERR_OK && past != 0);
    points = r->slot.points;
    for (size_t i = 0, j = r->slot.n; i + 1 < j; i++) {
        struct point point = points[i];

        points[i] = points[--j];
        points[j] = point;
    }
    return err;
}

/* The slot with chunks or recent points from one on, into r->next. */
static enum err next_slot(struct reading *r, int64_t from)
{
    int64_t space = points_space_of(r->n);
    int64_t last = points_slot_of(r->query->to_ms);
    enum err err = ERR_OK;

    r->next = 0;
    last = last > 0 || r->query->to_ms < 0 ? last : POINTS_SLOTS_MAX - 1;
    r->a = 0;
    if (from <= last) {
        err = look(r, points_key_a(space, from, 0),
                   points_key_a(space, last, UINT32_MAX), false);
    }
    if (r->a != 0) {
        r->next = points_key_slot(r->a);
    }
    if (r->recent_at < r->recent.n) {
        int64_t recent = points_slot_of(r->recent.points[r->recent_at].ms);

        if (r->next == 0 || recent < r->next) {
            r->next = recent;
        }
    }
    return err;
}

/* What the number has in the slot: chunks, and then what is in none. */
static enum err read_slot(struct reading *r, int64_t slot)
{
    enum err err = read_chunks(r, slot);

    while (err == ERR_OK && r->recent_at < r->recent.n && !r->slot.full &&
           points_slot_of(r->recent.points[r->recent_at].ms) <= slot) {
        (void)list_add(&r->slot, &r->recent.points[r->recent_at++]);
    }
    return err;
}

/* Reading under all numbers that a metric had, the first one first. */
struct numbers {
    struct reading *readings;
    size_t n;
    struct list slot;
    bool full; /* more than can be taken at once */
};

static enum err begin(struct numbers *all)
{
    enum err err = ERR_OK;

    for (size_t i = 0; i < all->n && err == ERR_OK; i++) {
        err = read_recent(&all->readings[i]);
        all->full |= all->readings[i].recent.full;
    }
    return err;
}

/* The first slot from one on that any has something in; 0: none. */
static enum err find_slot(struct numbers *all, int64_t from, int64_t *slot)
{
    enum err err = ERR_OK;

    *slot = 0;
    for (size_t i = 0; i < all->n && err == ERR_OK; i++) {
        struct reading *r = &all->readings[i];

        err = next_slot(r, from);
        if (r->next != 0 && (*slot == 0 || r->next < *slot)) {
            *slot = r->next;
        }
    }
    return err;
}

static enum err take_slot(struct numbers *all, int64_t slot)
{
    int64_t n = all->readings[all->n - 1].n;
    enum err err = ERR_OK;

    all->slot.n = 0;
    for (size_t i = 0; i < all->n && err == ERR_OK; i++) {
        struct reading *r = &all->readings[i];

        if (r->next != slot) {
            continue;
        }
        err = read_slot(r, slot);
        all->full |= r->slot.full;
        for (size_t p = 0; p < r->slot.n && !all->full; p++) {
            r->slot.points[p].n = n;
            all->full |= !list_add(&all->slot, &r->slot.points[p]);
        }
    }
    return err;
}

static bool give_slot(struct numbers *all, points_each_fn *each, void *ctx)
{
    all->slot.n = points_sort(all->slot.points, all->slot.n);
    for (size_t i = 0; i < all->slot.n; i++) {
        if (!each(ctx, all->slot.points[i].ms, all->slot.points[i].value)) {
            return false;
        }
    }
    return true;
}

static enum err read_all(struct numbers *all, points_each_fn *each, void *ctx)
{
    int64_t from_ms = all->readings[0].query->from_ms;
    int64_t from = from_ms > 0 ? points_slot_of(from_ms) : 1;
    int64_t slot;
    enum err err = begin(all);

    while (err == ERR_OK && !all->full) {
        err = find_slot(all, from, &slot);
        if (err != ERR_OK || slot == 0) {
            break;
        }
        err = take_slot(all, slot);
        if (err != ERR_OK || all->full || !give_slot(all, each, ctx)) {
            break;
        }
        from = slot + 1;
    }
    return err;
}

enum err points_read(struct store *store, const struct points_query *query,
                     points_each_fn *each, void *ctx, struct errbuf *why)
{
    struct numbers all = {.n = query->n_was + 1};
    enum err err;

    all.readings = xcalloc(all.n, sizeof *all.readings);
    for (size_t i = 0; i < all.n; i++) {
        all.readings[i] =
            (struct reading){.store = store,
                             .query = query,
                             .n = i < query->n_was ? query->was[i] : query->n,
                             .why = why};
    }
    err = read_all(&all, each, ctx);
    if (err == ERR_OK && all.full) {
        errbuf_set(why, "more than %d points at once: ask for a shorter time",
                   POINTS_READ_MAX);
        err = ERR_LIMIT;
    }
    for (size_t i = 0; i < all.n; i++) {
        free(all.readings[i].recent.points);
        free(all.readings[i].slot.points);
    }
    free(all.readings);
    free(all.slot.points);
    return err;
}

void points_query_numbers(struct points_query *query, struct doc row,
                          int64_t *was)
{
    struct doc_iter it;
    struct doc_value value;
    const char *index;

    query->n = doc_i64(row, "n", 0);
    query->was = was;
    query->n_was = 0;
    doc_iter_init(&it, doc_sub(row, "was"));
    while (doc_next(&it, &index, &value) && query->n_was < POINTS_SPACES) {
        if (value.type == DOC_INT) {
            was[query->n_was++] = value.u.i;
        }
    }
}

/* Slots that are not merged. */

/* The first slot from one on that has a run above 0, or recent points. */
static enum err next_unmerged(struct reading *r, int64_t from,
                              size_t *recent_at, int64_t *slot)
{
    int64_t space = points_space_of(r->n);
    int64_t last = points_slot_of(r->query->to_ms);
    int64_t at = from;
    enum err err = ERR_OK;

    *slot = 0;
    last = last > 0 ? last : POINTS_SLOTS_MAX - 1;
    while (err == ERR_OK && at <= last) {
        err = look(r, points_key_a(space, at, 1),
                   points_key_a(space, last, UINT32_MAX), false);
        at = r->a == 0 ? POINTS_SLOTS_MAX : points_key_slot(r->a);
        if (r->a != 0 && points_key_run(r->a) > 0) {
            *slot = at;
            break;
        }
    }
    while (*recent_at < r->recent.n &&
           points_slot_of(r->recent.points[*recent_at].ms) < from) {
        (*recent_at)++;
    }
    if (*recent_at < r->recent.n) {
        int64_t recent = points_slot_of(r->recent.points[*recent_at].ms);

        *slot = *slot == 0 || recent < *slot ? recent : *slot;
    }
    return err;
}

enum err points_unmerged(struct store *store, const struct points_query *query,
                         int64_t from_slot, points_slot_fn *each, void *ctx,
                         struct errbuf *why)
{
    struct reading r = {
        .store = store, .query = query, .n = query->n, .why = why};
    int64_t first = query->from_ms > 0 ? points_slot_of(query->from_ms) : 1;
    size_t recent_at = 0;
    int64_t slot = 0;
    enum err err = read_recent(&r);

    if (err == ERR_OK && r.recent.full) {
        errbuf_set(why, "more than %d points at once: ask for a shorter time",
                   POINTS_READ_MAX);
        err = ERR_LIMIT;
    }
    from_slot = from_slot > first ? from_slot : first;
    while (err == ERR_OK) {
        err = next_unmerged(&r, from_slot, &recent_at, &slot);
        if (err != ERR_OK || slot == 0 || !each(ctx, slot)) {
            break;
        }
        from_slot = slot + 1;
    }
    free(r.recent.points);
    return err;
}

/* The newest points. */

static void newest_set(struct points_newest *newest, size_t i, int64_t ms,
                       double value)
{
    newest->ms[i] = ms;
    newest->value[i] = value;
}

void points_newest_add(struct points_newest *newest, int64_t ms, double value,
                       bool again)
{
    for (size_t i = 0; i < newest->have; i++) {
        if (newest->ms[i] == ms) {
            if (again) {
                newest->value[i] = value;
            }
            return;
        }
    }
    if (newest->have == 0 || ms > newest->ms[0]) {
        newest_set(newest, 1, newest->ms[0], newest->value[0]);
        newest_set(newest, 0, ms, value);
    } else if (newest->have == 1 || ms > newest->ms[1]) {
        newest_set(newest, 1, ms, value);
    } else {
        return;
    }
    newest->have += newest->have < 2 ? 1 : 0;
}

struct newest_reading {
    struct points_newest *list;
    size_t n;
    bool again;
};

static struct points_newest *newest_find(const struct newest_reading *r,
                                         int64_t n)
{
    size_t low = 0;
    size_t high = r->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (r->list[middle].n < n) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < r->n && r->list[low].n == n ? &r->list[low] : NULL;
}

static bool newest_row(void *ctx, const struct store_key *key, struct doc row)
{
    const struct newest_reading *r = ctx;
    struct points_reader reader;
    struct points_series series;

    (void)key;
    (void)points_row_init(&reader, row);
    while (points_next_series(&reader, &series)) {
        struct points_newest *newest = newest_find(r, series.n);
        struct points_iter iter;
        struct point point;

        if (newest == NULL) {
            continue;
        }
        points_iter_init(&iter, &series);
        while (points_next(&iter, &point)) {
            points_newest_add(newest, point.ms, point.value, r->again);
        }
    }
    return true;
}

/* Rows of schema 1 lose to all others. */
static bool newest_old_row(void *ctx, const struct store_key *key,
                           struct doc row)
{
    struct points_newest *newest = ctx;

    points_newest_add(newest, key->b, doc_f64(row, "v", (double)NAN), false);
    return newest->have < 2;
}

static bool has_any(void *ctx, const struct store_key *key, struct doc row)
{
    bool *any = ctx;

    (void)key;
    (void)row;
    *any = true;
    return false;
}

static enum err read_old_newest(struct store *store, struct points_newest *old,
                                size_t n, struct errbuf *why)
{
    bool any = false;
    enum err err = store_scan(
        store, &(struct store_query){.collection = STORE_POINTS, .limit = 1},
        has_any, &any, NULL, why);

    for (size_t i = 0; any && err == ERR_OK && i < n; i++) {
        const struct store_key first = {.a = old[i].n, .b = INT64_MIN};
        const struct store_key past = {.a = old[i].n, .b = INT64_MAX};
        const struct store_query query = {.collection = STORE_POINTS,
                                          .from = &first,
                                          .to = &past,
                                          .descending = true,
                                          .limit = 2};

        err = store_scan(store, &query, newest_old_row, &old[i], NULL, why);
    }
    return err;
}

/* The row of each group that a listed metric is of. */
static enum err read_folded(struct store *store, struct newest_reading *r,
                            struct errbuf *why)
{
    enum err err = ERR_OK;

    r->again = false;
    for (size_t i = 0; err == ERR_OK && i < r->n; i++) {
        int64_t group = points_group_of(r->list[i].n);
        int64_t a = points_key_a(points_space_of(r->list[i].n), 0, 0);
        const struct store_key first = {.a = a, .b = points_key_b(group, 0)};
        const struct store_key past = {.a = a, .b = points_key_b(group + 1, 0)};
        const struct store_query query = {.collection = STORE_CHUNKS,
                                          .from = &first,
                                          .to = &past,
                                          .limit = 1};

        if (i == 0 || (r->list[i].n ^ r->list[i - 1].n) >> POINTS_GROUP_BITS) {
            err = store_scan(store, &query, newest_row, r, NULL, why);
        }
    }
    return err;
}

enum err points_read_newest(struct store *store, struct points_newest *list,
                            size_t n_list, struct errbuf *why)
{
    struct newest_reading r = {.list = list, .n = n_list, .again = true};
    const struct store_query blocks = {.collection = STORE_BLOCKS,
                                       .limit = INT64_MAX};
    struct points_newest *old;
    enum err err;

    if (n_list == 0) {
        return ERR_OK;
    }
    old = xcalloc(n_list, sizeof *old);
    for (size_t i = 0; i < n_list; i++) {
        old[i].n = list[i].n;
    }
    err = read_old_newest(store, old, n_list, why);
    if (err == ERR_OK) {
        err = store_scan(store, &blocks, newest_row, &r, NULL, why);
    }
    if (err == ERR_OK) {
        err = read_folded(store, &r, why);
    }
    for (size_t i = 0; i < n_list; i++) {
        for (size_t j = 0; j < old[i].have; j++) {
            points_newest_add(&list[i], old[i].ms[j], old[i].value[j], false);
        }
    }
    free(old);
    return err;
}
