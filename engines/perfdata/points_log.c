/* SPDX-License-Identifier: Apache-2.0 */
/** Points on their way into the store. */
#include "engines/perfdata/points_log.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/points/points_key.h"

enum {
    GATHER_LEAST = 1 << 17, /* points that are folded together */
    GATHER_MOST = 1 << 22,  /* 96 MB */
    BLOCKS_MOST = 2000,     /* a read looks into each */
    PIECES_A_STEP = 256,
    NUMBER_BITS = 40, /* of a number: space and place; above: the slot */
    PACK_MAX = DOC_BYTES_MAX - 1024
};

#define NUMBER_MASK ((INT64_C(1) << NUMBER_BITS) - 1)

void points_log_init(struct points_log *log, int64_t space,
                     struct points_tidy *tidy)
{
    *log = (struct points_log){.space = space, .next_run = 1, .tidy = tidy};
    buf_init(&log->pack, PACK_MAX);
}

static void fold_fini(struct points_fold *fold)
{
    free(fold->points);
    *fold = (struct points_fold){.points = NULL};
}

void points_log_fini(struct points_log *log)
{
    free(log->points);
    fold_fini(&log->fold);
    buf_fini(&log->pack);
}

static void add_point(struct points_log *log, int64_t n, int64_t ms,
                      double value)
{
    if (log->n == log->cap) {
        log->cap = log->cap > 0 ? log->cap * 2 : BLOCKS_MOST;
        log->points =
            xrealloc_array(log->points, log->cap, sizeof *log->points);
    }
    log->points[log->n++] = (struct point){n, ms, value};
}

void points_log_add(struct points_log *log, struct metric *metric, int64_t ms,
                    double value, int64_t now_ms)
{
    BUG_IF(points_slot_of(ms) == 0);
    if (log->n == 0) {
        log->since_ms = now_ms;
    }
    add_point(log, metric->newest.n, ms, value);
    points_newest_add(&metric->newest, ms, value, true);
}

/* A pack as a row; points are in order. */
static void write_row(struct points_log *log, struct engine_io *io,
                      enum store_collection into, const struct store_key *key,
                      const struct point *points, size_t n)
{
    struct doc_out *out = engine_scratch(io);

    buf_clear(&log->pack);
    points_pack(points, n, &log->pack);
    BUG_IF(log->pack.overflow);
    doc_out_reset(out);
    doc_add_bytes(out, "p", log->pack.data, log->pack.len);
    if (into == STORE_CHUNKS && points_key_slot(key->a) == 0) {
        store_batch_put(engine_batch(io), into, key, doc_out_done(out));
    } else {
        store_batch_append(engine_batch(io), into, key, doc_out_done(out));
    }
}

void points_log_commit(struct points_log *log, struct engine_io *io)
{
    size_t n = log->n - log->stored;
    struct point *points;

    if (n == 0) {
        return;
    }
    points = xmemdup(log->points + log->stored, n * sizeof *points);
    n = points_sort(points, n);
    for (size_t at = 0; at < n; at += POINTS_ROW_MAX) {
        const struct store_key key = {.a = log->space, .b = log->next_block++};
        size_t part = n - at < POINTS_ROW_MAX ? n - at : POINTS_ROW_MAX;

        write_row(log, io, STORE_BLOCKS, &key, points + at, part);
    }
    free(points);
    log->stored = log->n;
}

/* Folding. */

static bool is_due(const struct points_log *log,
                   const struct metrics_table *table, int64_t now_ms,
                   int64_t fold_after_ms)
{
    /* Twice a point for each metric: a chunk's row has its price. */
    size_t most = 2 * (size_t)table->n_numbers;

    most = most > GATHER_LEAST ? most : GATHER_LEAST;
    most = most < GATHER_MOST ? most : GATHER_MOST;
    return log->n > 0 &&
           (log->n >= most || now_ms - log->since_ms >= fold_after_ms ||
            log->next_block - log->first_block >= BLOCKS_MOST);
}

/* By slot, metric and time, so that a chunk's points stand together. */
static void begin_fold(struct points_log *log)
{
    struct points_fold *fold = &log->fold;

    *fold = (struct points_fold){.points = log->points,
                                 .n = log->n,
                                 .run = log->next_run++,
                                 .past_block = log->next_block};
    for (size_t i = 0; i < fold->n; i++) {
        fold->points[i].n |= points_slot_of(fold->points[i].ms) << NUMBER_BITS;
    }
    fold->n = points_sort(fold->points, fold->n);
    log->points = NULL;
    log->n = 0;
    log->cap = 0;
    log->stored = 0;
}

static void write_newest(struct points_log *log,
                         const struct metrics_table *table,
                         struct engine_io *io, int64_t group)
{
    const struct store_key key = {.a = points_key_a(log->space, 0, 0),
                                  .b = points_key_b(group, 0)};
    struct point points[2 << POINTS_GROUP_BITS];
    size_t n = 0;

    for (int64_t i = 0; i < 1 << POINTS_GROUP_BITS; i++) {
        const struct metric *metric = metrics_table_of_number(
            table, points_number(log->space, (group << POINTS_GROUP_BITS) + i));

        /* Of one whose row does not tell the number yet nothing is kept. */
        for (size_t p = metric != NULL && !metric->moved ? metric->newest.have
                                                         : 0;
             p-- > 0;) {
            points[n++] = (struct point){metric->newest.n, metric->newest.ms[p],
                                         metric->newest.value[p]};
        }
    }
    write_row(log, io, STORE_CHUNKS, &key, points, n);
}

/* The points of a group in a slot: what the fold is at. */
static void fold_piece(struct points_log *log,
                       const struct metrics_table *table, struct engine_io *io)
{
    struct points_fold *fold = &log->fold;
    int64_t first = fold->points[fold->at].n;
    int64_t slot = first >> NUMBER_BITS;
    int64_t group = points_group_of(first);
    int64_t part = 0;
    size_t end = fold->at;

    for (; end < fold->n && fold->points[end].n >> POINTS_GROUP_BITS ==
                                first >> POINTS_GROUP_BITS;
         end++) {
        fold->points[end].n &= NUMBER_MASK;
    }
    while (fold->at < end) {
        const struct store_key key = {
            .a = points_key_a(log->space, slot, fold->run),
            .b = points_key_b(group, part++)};
        size_t n =
            end - fold->at < POINTS_ROW_MAX ? end - fold->at : POINTS_ROW_MAX;

        BUG_IF(part > 1 << POINTS_KEY_GROUP_SHIFT);
        write_row(log, io, STORE_CHUNKS, &key, fold->points + fold->at, n);
        fold->at += n;
    }
    write_newest(log, table, io, group);
    points_tidy_note(log->tidy, slot, fold->run, engine_now_ms(io));
}

static void end_fold(struct points_log *log, struct engine_io *io)
{
    const struct store_key first = {.a = log->space, .b = log->first_block};
    const struct store_key past = {.a = log->space, .b = log->fold.past_block};

    store_batch_delete_range(engine_batch(io), STORE_BLOCKS, &first, &past);
    log->first_block = log->fold.past_block;
    fold_fini(&log->fold);
}

void points_log_fold(struct points_log *log, const struct metrics_table *table,
                     struct engine_io *io, int64_t fold_after_ms)
{
    bool due = log->stored == log->n &&
               is_due(log, table, engine_now_ms(io), fold_after_ms);
    size_t pieces = 0;

    if (log->fold.points == NULL && due) {
        begin_fold(log);
        due = false;
    }
    while (log->fold.points != NULL && (due || pieces++ < PIECES_A_STEP)) {
        fold_piece(log, table, io);
        if (log->fold.at == log->fold.n) {
            end_fold(log, io);
        }
    }
}

/* Loading. */

struct loading {
    struct points_log *log;
    struct metrics_table *table;
    bool folded;
    int64_t a;
};

static void load_series(const struct loading *l,
                        const struct points_series *series)
{
    struct metric *metric = metrics_table_of_number(l->table, series->n);
    struct points_iter iter;
    struct point point;

    points_iter_init(&iter, series);
    while (points_next(&iter, &point)) {
        if (metric != NULL) {
            points_newest_add(&metric->newest, point.ms, point.value, true);
        }
        if (!l->folded && points_slot_of(point.ms) != 0) {
            add_point(l->log, point.n, point.ms, point.value);
        }
    }
}

static bool load_row(void *ctx, const struct store_key *key, struct doc row)
{
    const struct loading *l = ctx;
    struct points_reader reader;
    struct points_series series;

    (void)points_row_init(&reader, row);
    while (points_next_series(&reader, &series)) {
        load_series(l, &series);
    }
    if (!l->folded) {
        l->log->first_block =
            l->log->next_block == 0 ? key->b : l->log->first_block;
        l->log->next_block = key->b + 1;
    }
    return true;
}

static enum err load_newest(struct loading *l, struct store *store)
{
    const struct store_key first = {.a = points_key_a(l->log->space, 0, 0)};
    const struct store_key past = {.a = points_key_a(l->log->space, 0, 1)};
    const struct store_query query = {.collection = STORE_CHUNKS,
                                      .from = &first,
                                      .to = &past,
                                      .limit = INT64_MAX};

    l->folded = true;
    return store_scan(store, &query, load_row, l, NULL, NULL);
}

static enum err load_blocks(struct loading *l, struct store *store)
{
    const struct store_key first = {.a = l->log->space};
    const struct store_key past = {.a = l->log->space + 1};
    const struct store_query query = {.collection = STORE_BLOCKS,
                                      .from = &first,
                                      .to = &past,
                                      .limit = INT64_MAX};

    l->folded = false;
    return store_scan(store, &query, load_row, l, NULL, NULL);
}

static bool take_key(void *ctx, const struct store_key *key, struct doc row)
{
    struct loading *l = ctx;

    (void)row;
    l->a = key->a;
    return false;
}

/* The youngest run of each slot, from the last slot to the first. */
static enum err load_runs(struct loading *l, struct store *store,
                          int64_t now_ms)
{
    const struct store_key first = {.a = points_key_a(l->log->space, 1, 0)};
    struct store_key past = {
        .a = points_key_a(l->log->space, POINTS_SLOTS_MAX - 1, UINT32_MAX)};
    const struct store_query query = {.collection = STORE_CHUNKS,
                                      .from = &first,
                                      .to = &past,
                                      .descending = true,
                                      .limit = 1};
    enum err err;

    do {
        l->a = 0;
        err = store_scan(store, &query, take_key, l, NULL, NULL);
        if (points_key_run(l->a) >= l->log->next_run) {
            l->log->next_run = points_key_run(l->a) + 1;
        }
        if (points_key_run(l->a) > 0) {
            points_tidy_note(l->log->tidy, points_key_slot(l->a),
                             points_key_run(l->a), now_ms);
        }
        past.a = points_key_a(l->log->space, points_key_slot(l->a), 0);
    } while (err == ERR_OK && l->a != 0);
    return err;
}

enum err points_log_load(struct points_log *log, struct metrics_table *table,
                         struct engine_io *io)
{
    struct loading l = {.log = log, .table = table};
    struct store *store = engine_store(io);
    int64_t space = log->space;
    enum err err;

    points_log_fini(log);
    points_log_init(log, space, log->tidy);
    err = load_newest(&l, store);
    if (err == ERR_OK) {
        err = load_blocks(&l, store);
    }
    if (err == ERR_OK) {
        err = load_runs(&l, store, engine_now_ms(io));
    }
    log->stored = log->n;
    log->since_ms = engine_now_ms(io);
    return err;
}
