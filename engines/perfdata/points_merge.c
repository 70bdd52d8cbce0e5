/* SPDX-License-Identifier: Apache-2.0 */
/** Merging the runs of a slot. */
#include "engines/perfdata/points_merge.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "engines/perfdata/points_roll.h"

enum {
    MS_A_SECOND = 1000,
    PACK_MAX = DOC_BYTES_MAX - 1024
};

/* A group of metrics in a slot. */
struct piece {
    const struct points_merge_env *env;
    struct points_place place;
    bool keeps; /* points too, not only roll-ups */
    struct points_rows rows;
    int64_t runs[POINTS_RUNS_MAX]; /* that have rows of the group */
    size_t n_runs;
    int64_t old_past_ms[POINTS_GROUP_METRICS]; /* of rows of schema 1 */
    struct point before[POINTS_GROUP_METRICS]; /* the slot; n 0: none */
    struct points_roll roll;
    struct point *points;
    size_t n_points;
    int64_t part;
};

/* NULL: unknown, or nothing is kept of that time. */
static const struct metric *metric_of(const struct piece *piece, int64_t n)
{
    return piece->place.slot >= piece->env->floors->slot[POINTS_HOURS]
               ? metrics_table_of_number(piece->env->table, n)
               : NULL;
}

static int64_t number_of(const struct piece *piece, int64_t i)
{
    return points_number(piece->place.space,
                         (piece->place.group << POINTS_GROUP_BITS) + i);
}

static void piece_init(struct piece *piece, const struct points_merge_env *env,
                       const struct points_place *place)
{
    *piece = (struct piece){.env = env, .place = *place};
    piece->keeps = place->slot >= env->floors->slot[POINTS_RAW];
    points_rows_init(&piece->rows);
}

static void piece_fini(struct piece *piece)
{
    points_rows_fini(&piece->rows);
    points_roll_fini(&piece->roll);
    free(piece->points);
}

/* What a counter's first rate counts from. */

static bool has_counters(const struct piece *piece)
{
    for (int64_t i = 0; i < POINTS_GROUP_METRICS; i++) {
        const struct metric *metric = metric_of(piece, number_of(piece, i));

        if (metric != NULL && metric->type != PERF_GAUGE) {
            return true;
        }
    }
    return false;
}

static void take_before(struct piece *piece, struct points_rows *rows)
{
    struct points_union all;
    struct point point;
    int64_t n;

    points_rows_open(rows, &all);
    while (points_union_next_series(&all, &n)) {
        while (points_union_next(&all, &point)) {
            piece->before[n & (POINTS_GROUP_METRICS - 1)] = point;
        }
    }
    points_union_fini(&all);
}

static enum err gather_before(struct piece *piece)
{
    struct store *store = engine_store(piece->env->io);
    struct points_place before = piece->place;
    int64_t runs[POINTS_RUNS_MAX];
    size_t n_runs = 0;
    struct points_rows rows;
    enum err err;

    before.slot--;
    if (before.slot == 0 || !has_counters(piece)) {
        return ERR_OK;
    }
    points_rows_init(&rows);
    err = points_find_runs(store, &before, 0, runs, &n_runs);
    for (size_t i = 0; err == ERR_OK && i < n_runs; i++) {
        err = points_gather_run(store, &before, runs[i], &rows);
    }
    if (err == ERR_OK) {
        take_before(piece, &rows);
    }
    points_rows_fini(&rows);
    return err;
}

/* Writing. */

static void write_part(struct piece *piece)
{
    const struct points_place *place = &piece->place;
    const struct store_key key = {
        .a = points_key_a(place->space, place->slot, 0),
        .b = points_key_b(place->group, piece->part++)};
    struct doc_out *out = engine_scratch(piece->env->io);
    struct buf pack;

    BUG_IF(piece->part > 1 << POINTS_KEY_GROUP_SHIFT);
    buf_init(&pack, PACK_MAX);
    points_pack(piece->points, piece->n_points, &pack);
    BUG_IF(pack.overflow);
    doc_out_reset(out);
    doc_add_bytes(out, "p", pack.data, pack.len);
    store_batch_put(engine_batch(piece->env->io), STORE_CHUNKS, &key,
                    doc_out_done(out));
    buf_fini(&pack);
    piece->n_points = 0;
}

static void take_point(struct piece *piece, const struct point *point)
{
    points_roll_add(&piece->roll, point);
    if (!piece->keeps) {
        return;
    }
    piece->points[piece->n_points++] = *point;
    if (piece->n_points == POINTS_ROW_MAX) {
        write_part(piece);
    }
}

static void take_points(struct piece *piece, struct points_union *all)
{
    struct point point;
    int64_t n;

    piece->points = xcalloc(POINTS_ROW_MAX, sizeof *piece->points);
    while (points_union_next_series(all, &n)) {
        const struct point *before =
            &piece->before[n & (POINTS_GROUP_METRICS - 1)];

        points_roll_metric(&piece->roll, n, metric_of(piece, n),
                           before->n == n ? before : NULL);
        while (points_union_next(all, &point)) {
            take_point(piece, &point);
        }
    }
    if (piece->n_points > 0) {
        write_part(piece);
    }
    points_roll_write(&piece->roll, piece->env->io);
}

/* The group's rows in a run, from a part on. */
static void remove_run(const struct piece *piece, int64_t run, int64_t part)
{
    const struct points_place *place = &piece->place;
    int64_t a = points_key_a(place->space, place->slot, run);
    const struct store_key first = {.a = a,
                                    .b = points_key_b(place->group, part)};
    const struct store_key past = {.a = a,
                                   .b = points_key_b(place->group + 1, 0)};

    store_batch_delete_range(engine_batch(piece->env->io), STORE_CHUNKS, &first,
                             &past);
}

static void remove_old(const struct piece *piece)
{
    for (int64_t i = 0; i < POINTS_GROUP_METRICS; i++) {
        const struct store_key first = {
            .a = number_of(piece, i),
            .b = points_slot_begin_ms(piece->place.slot)};
        const struct store_key past = {.a = first.a,
                                       .b = piece->old_past_ms[i]};

        if (past.b > first.b) {
            store_batch_delete_range(engine_batch(piece->env->io), STORE_POINTS,
                                     &first, &past);
        }
    }
}

/* Rows that cannot be read stay as they are while points of their time are
 * kept. */
static bool is_left_alone(const struct piece *piece)
{
    if (piece->rows.damaged) {
        log_warning("PERFDATA-DAMAGED",
                    "metrics %" PRId64 " to %" PRId64 ", hour from %" PRId64
                    ": a row of points cannot be read%s",
                    number_of(piece, 0),
                    number_of(piece, POINTS_GROUP_METRICS - 1),
                    points_slot_begin_ms(piece->place.slot) / MS_A_SECOND,
                    piece->keeps ? " and is left alone" : " and is too old");
    }
    return piece->rows.damaged && piece->keeps;
}

/* Reads all it needs before it writes anything: a batch takes nothing back. */
static enum err write_piece(struct piece *piece)
{
    const int64_t *floors = piece->env->floors->slot;
    struct points_union all;
    enum err err = gather_before(piece);

    if (err == ERR_OK) {
        err = points_roll_init(&piece->roll, &piece->place,
                               engine_store(piece->env->io), piece->keeps,
                               piece->place.slot >= floors[POINTS_MINUTES]);
    }
    if (err != ERR_OK) {
        return err;
    }
    points_rows_open(&piece->rows, &all);
    if (!is_left_alone(piece)) {
        take_points(piece, &all);
        for (size_t i = 0; i < piece->n_runs; i++) {
            remove_run(piece, piece->runs[i], 0);
        }
        remove_old(piece);
        if (piece->keeps) {
            remove_run(piece, 0, piece->part);
        }
    }
    points_union_fini(&all);
    return ERR_OK;
}

/* Steps. */

enum err points_merge_begin(struct points_merge *merge,
                            const struct points_merge_env *env, int64_t space,
                            int64_t slot)
{
    const struct points_place place = {.space = space, .slot = slot};
    enum err err;

    *merge = (struct points_merge){.space = space};
    err = points_find_runs(engine_store(env->io), &place, 1, merge->runs,
                           &merge->n_runs);
    if (err == ERR_OK && merge->n_runs > 0) {
        merge->slot = slot;
    }
    return err;
}

/* The first group from the next on that has rows in the runs; -1: none. */
static enum err find_group(const struct points_merge *merge,
                           const struct points_merge_env *env, int64_t *group)
{
    enum err err = ERR_OK;

    *group = -1;
    for (size_t i = 0; err == ERR_OK && i < merge->n_runs; i++) {
        int64_t a = points_key_a(merge->space, merge->slot, merge->runs[i]);
        const struct store_key first = {
            .a = a, .b = points_key_b(merge->next_group, 0)};
        const struct store_key past = {.a = a + 1};
        struct points_found found;

        err = points_look(engine_store(env->io), STORE_CHUNKS, &first, &past,
                          &found);
        if (err == ERR_OK && found.any &&
            (*group < 0 || points_key_group(found.b) < *group)) {
            *group = points_key_group(found.b);
        }
    }
    return err;
}

/* What is too old to be kept is in the roll-ups already. */
static enum err gather_merged(struct piece *piece)
{
    return piece->keeps ? points_gather_run(engine_store(piece->env->io),
                                            &piece->place, 0, &piece->rows)
                        : ERR_OK;
}

static enum err gather_runs(struct piece *piece,
                            const struct points_merge *merge)
{
    struct store *store = engine_store(piece->env->io);
    enum err err = gather_merged(piece);

    for (size_t i = 0; err == ERR_OK && i < merge->n_runs; i++) {
        size_t before = piece->rows.n;

        err = points_gather_run(store, &piece->place, merge->runs[i],
                                &piece->rows);
        /* What the batch itself writes into this run is not in it yet: only
         * what was read may go. */
        if (piece->rows.n > before) {
            piece->runs[piece->n_runs++] = merge->runs[i];
        }
    }
    return err;
}

enum err points_merge_step(struct points_merge *merge,
                           const struct points_merge_env *env)
{
    struct points_place place = {.space = merge->space, .slot = merge->slot};
    struct piece *piece;
    enum err err = find_group(merge, env, &place.group);

    if (err != ERR_OK) {
        return err;
    }
    if (place.group < 0) {
        merge->slot = 0;
        return ERR_OK;
    }
    piece = xcalloc(1, sizeof *piece);
    piece_init(piece, env, &place);
    err = gather_runs(piece, merge);
    if (err == ERR_OK) {
        err = write_piece(piece);
    }
    if (err == ERR_OK) {
        merge->next_group = place.group + 1;
    }
    piece_fini(piece);
    free(piece);
    return err;
}

/* Rows of schema 1: (number, time), {v: value}. */

struct old_points {
    struct point *points;
    size_t n;
};

static bool take_old(void *ctx, const struct store_key *key, struct doc row)
{
    struct old_points *old = ctx;

    old->points[old->n++] =
        (struct point){key->a, key->b, doc_f64(row, "v", (double)NAN)};
    return old->n < POINTS_ROW_MAX;
}

/* As a pack in front of all others: they are the oldest. */
static enum err gather_old(struct piece *piece)
{
    struct old_points old = {.points =
                                 xcalloc(POINTS_ROW_MAX, sizeof(struct point))};
    enum err err = ERR_OK;

    for (int64_t i = 0; err == ERR_OK && i < POINTS_GROUP_METRICS; i++) {
        const struct store_key first = {
            .a = number_of(piece, i),
            .b = points_slot_begin_ms(piece->place.slot)};
        const struct store_key past = {.a = first.a,
                                       .b = first.b + POINTS_SLOT_MS};
        const struct store_query query = {.collection = STORE_POINTS,
                                          .from = &first,
                                          .to = &past,
                                          .limit = POINTS_ROW_MAX};
        struct buf pack;

        old.n = 0;
        err = store_scan(engine_store(piece->env->io), &query, take_old, &old,
                         NULL, NULL);
        if (err == ERR_OK && old.n > 0) {
            buf_init(&pack, PACK_MAX);
            points_pack(old.points, old.n, &pack);
            points_rows_add(&piece->rows, pack.data, pack.len);
            buf_fini(&pack);
            piece->old_past_ms[i] = old.points[old.n - 1].ms + 1;
        }
    }
    free(old.points);
    return err;
}

/* Times that no slot holds: they were never shown. */
static void remove_timeless(struct engine_io *io, int64_t n)
{
    const struct store_key first = {.a = n, .b = INT64_MIN};
    const struct store_key past = {.a = n, .b = 0};
    const struct store_key far_first = {
        .a = n, .b = points_slot_begin_ms(POINTS_SLOTS_MAX)};
    const struct store_key far_past = {.a = n, .b = INT64_MAX};

    store_batch_delete_range(engine_batch(io), STORE_POINTS, &first, &past);
    store_batch_delete_range(engine_batch(io), STORE_POINTS, &far_first,
                             &far_past);
}

enum err points_merge_old(const struct points_merge_env *env, int64_t space,
                          bool *left)
{
    const struct store_key first = {.a = points_number(space, 0),
                                    .b = INT64_MIN};
    const struct store_key past = {.a = points_number(space + 1, 0),
                                   .b = INT64_MIN};
    struct points_place place = {.space = space};
    struct points_found found;
    struct piece *piece;
    enum err err =
        points_look(engine_store(env->io), STORE_POINTS, &first, &past, &found);

    if (err != ERR_OK || !found.any) {
        *left = err != ERR_OK;
        return err;
    }
    *left = true;
    place.slot = points_slot_of(found.b);
    place.group = points_group_of(found.a);
    if (place.slot == 0) {
        remove_timeless(env->io, found.a);
        return ERR_OK;
    }
    piece = xcalloc(1, sizeof *piece);
    piece_init(piece, env, &place);
    err = gather_old(piece);
    if (err == ERR_OK) {
        err = gather_merged(piece);
    }
    if (err == ERR_OK) {
        err = write_piece(piece);
        *left = !(piece->rows.damaged && piece->keeps);
    }
    piece_fini(piece);
    free(piece);
    return err;
}
