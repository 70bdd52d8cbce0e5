/* SPDX-License-Identifier: Apache-2.0 */
/** Making the roll-ups of a group of metrics in a slot. */
#include "engines/perfdata/points_roll.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/mem.h"

enum {
    LIST_FIRST = 256,
    PACK_MAX = DOC_BYTES_MAX - 1024
};

static struct rollup *list_add(struct rollup_list *list,
                               const struct rollup *rollup)
{
    if (list->n == list->cap) {
        list->cap = list->cap > 0 ? list->cap * 2 : LIST_FIRST;
        list->rollups =
            xrealloc_array(list->rollups, list->cap, sizeof *list->rollups);
    }
    list->rollups[list->n] = *rollup;
    return &list->rollups[list->n++];
}

/* Beginning: what was made before. */

static void read_pack(const struct buf *row, struct rollup_list *list)
{
    const struct doc doc = {(const uint8_t *)row->data, (uint32_t)row->len};
    struct rollups_reader reader;
    struct rollup rollup;
    struct doc_value value;

    if (!doc_get(doc, "p", &value) || value.type != DOC_BYTES ||
        !rollups_reader_init(&reader, value.u.s.text, value.u.s.len)) {
        return;
    }
    while (list->n < POINTS_ROW_MAX && rollups_next_metric(&reader)) {
        while (list->n < POINTS_ROW_MAX && rollups_next(&reader, &rollup)) {
            (void)list_add(list, &rollup);
        }
    }
}

static enum err read_stored(struct store *store, const struct store_key *key,
                            struct rollup_list *list)
{
    struct buf row;
    enum err err;

    buf_init(&row, DOC_BYTES_MAX);
    err = store_get(store, STORE_ROLLUPS, key, &row);
    if (err == ERR_OK) {
        read_pack(&row, list);
    }
    buf_fini(&row);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static struct store_key minutes_key(const struct points_place *place)
{
    return (struct store_key){
        .a = points_rollup_key_a(place->space, POINTS_MINUTES, place->slot),
        .b = points_key_b(place->group, 0)};
}

static struct store_key hours_key(const struct points_place *place)
{
    return (struct store_key){
        .a = points_rollup_key_a(place->space, POINTS_HOURS,
                                 points_day_of(place->slot)),
        .b = points_key_b(place->group, 0)};
}

enum err points_roll_init(struct points_roll *roll,
                          const struct points_place *place, struct store *store,
                          bool whole, bool keeps_minutes)
{
    const struct store_key minutes = minutes_key(place);
    const struct store_key hours = hours_key(place);
    enum err err;

    *roll = (struct points_roll){
        .place = *place, .whole = whole, .keeps_minutes = keeps_minutes};
    err = read_stored(store, &hours, &roll->stored_hours);
    if (err == ERR_OK && keeps_minutes && !whole) {
        err = read_stored(store, &minutes, &roll->stored_minutes);
    }
    return err;
}

void points_roll_fini(struct points_roll *roll)
{
    free(roll->stored_minutes.rollups);
    free(roll->stored_hours.rollups);
    free(roll->minutes.rollups);
    free(roll->hours.rollups);
}

/* Making. */

void points_roll_metric(struct points_roll *roll, int64_t n,
                        const struct metric *metric, const struct point *before)
{
    double ignored;

    roll->known = metric != NULL;
    if (!roll->known) {
        return;
    }
    roll->n = n;
    rate_init(&roll->rate, metric->type, metric->min);
    if (before != NULL && metric->type != PERF_GAUGE) {
        (void)rate_next(&roll->rate, before->ms, before->value, &ignored);
    }
}

/* The step that goes on, or a new one. */
static void add(struct points_roll *roll, struct rollup_list *list,
                int64_t step_ms, int64_t ms, double value)
{
    const struct rollup new = {.n = roll->n,
                               .ms = rollup_begin_ms(ms, step_ms)};
    struct rollup *last = list->n > 0 ? &list->rollups[list->n - 1] : NULL;

    if (last == NULL || last->n != new.n || last->ms != new.ms) {
        last = list_add(list, &new);
    }
    rollup_add(last, ms, value);
}

void points_roll_add(struct points_roll *roll, const struct point *point)
{
    double value;

    if (!roll->known ||
        !rate_next(&roll->rate, point->ms, point->value, &value) ||
        !isfinite(value)) {
        return;
    }
    if (roll->rate.type != PERF_GAUGE) {
        value = rollup_round(value);
    }
    add(roll, &roll->hours, POINTS_SLOT_MS, point->ms, value);
    if (roll->keeps_minutes) {
        add(roll, &roll->minutes, POINTS_MINUTE_MS, point->ms, value);
    }
}

/* Writing. */

static int compare(const struct rollup *a, const struct rollup *b)
{
    if (a->n != b->n) {
        return a->n < b->n ? -1 : 1;
    }
    return (a->ms > b->ms) - (a->ms < b->ms);
}

/* Which of two lists is behind at these places; 0: both, at one step. */
static int order_at(const struct rollup_list *made, size_t i,
                    const struct rollup_list *stored, size_t j)
{
    if (i == made->n) {
        return 1;
    }
    return j == stored->n ? -1
                          : compare(&made->rollups[i], &stored->rollups[j]);
}

/* What was made into what was stored: in the place of the same step, or
 * joining it. */
static void merge(const struct rollup_list *made,
                  const struct rollup_list *stored, bool whole,
                  struct rollup_list *out)
{
    size_t i = 0;
    size_t j = 0;

    while (i < made->n || j < stored->n) {
        int order = order_at(made, i, stored, j);
        struct rollup *added =
            list_add(out, order <= 0 ? &made->rollups[i] : &stored->rollups[j]);

        if (order == 0 && !whole) {
            rollup_merge(added, &stored->rollups[j]);
        }
        i += order <= 0 ? 1 : 0;
        j += order >= 0 ? 1 : 0;
    }
}

static void put(struct engine_io *io, const struct store_key *key,
                const struct rollup_list *list)
{
    struct doc_out *out = engine_scratch(io);
    struct buf pack;

    buf_init(&pack, PACK_MAX);
    rollups_pack(list->rollups, list->n, &pack);
    BUG_IF(pack.overflow);
    doc_out_reset(out);
    doc_add_bytes(out, "p", pack.data, pack.len);
    store_batch_put(engine_batch(io), STORE_ROLLUPS, key, doc_out_done(out));
    buf_fini(&pack);
}

void points_roll_write(struct points_roll *roll, struct engine_io *io)
{
    const struct store_key minutes = minutes_key(&roll->place);
    const struct store_key hours = hours_key(&roll->place);
    struct rollup_list merged = {.n = 0};

    if (roll->minutes.n > 0) {
        merge(&roll->minutes, &roll->stored_minutes, roll->whole, &merged);
        put(io, &minutes, &merged);
        merged.n = 0;
    }
    if (roll->hours.n > 0) {
        merge(&roll->hours, &roll->stored_hours, roll->whole, &merged);
        put(io, &hours, &merged);
    }
    free(merged.rollups);
}
