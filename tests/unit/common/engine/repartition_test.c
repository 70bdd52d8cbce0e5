/* SPDX-License-Identifier: Apache-2.0 */
/** Tests of the store's part of changing how many partitions engines have. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/engine/known.h"
#include "common/engine/repartition.h"
#include "common/store/store_memory.h"
#include "tests/support/rows.h"
#include "tests/support/testlog.h"
#include "tests/support/unit.h"

enum {
    NOW_S = 1700000000,
    ID = 77,
    STEPS_MAX = 200,
    TEXT_MAX = 1 << 20,
    OUTBOX = 40
};

static const char *row_of(int64_t p, int64_t of, char out[32])
{
    (void)snprintf(out, 32, of > 1 ? "alarm.%d" : "alarm", (int)p);
    return out;
}

static void write_row(struct store *store, const char *row, struct doc payload,
                      const char *id)
{
    struct store_fence fence = {.epoch = 0};
    struct store_batch *batch = store_batch_new();
    struct doc_out *out = doc_out_new();
    struct buf old;

    buf_init(&old, TEXT_MAX);
    (void)snprintf(fence.row, sizeof fence.row, "%s", row);
    assert_int_equal(store_fence_raise(store, NOW_S, &fence, &old), ERR_OK);
    if (id != NULL) {
        known_put(batch, out, row, 1, id);
    }
    assert_int_equal(store_commit(store, &fence, batch, payload), ERR_OK);
    buf_fini(&old);
    doc_out_free(out);
    store_batch_free(batch);
}

/* As partition p of N leaves it: streams at 100 + p, an outbox, an id. */
static void write_partition(struct store *store, int64_t p, int64_t of,
                            bool drained)
{
    struct doc_out *out = doc_out_new();
    struct progress progress;
    char row[32];
    char id[32];
    char stream[32];
    uint32_t at;

    progress_init(&progress);
    (void)snprintf(stream, sizeof stream, of > 1 ? "abc/%d" : "abc", (int)p);
    at = progress_stream(&progress, stream, strlen(stream), "context");
    (void)progress_advance(&progress, at, (uint64_t)(100 + p), 3);
    progress_add_members(&progress, out);
    doc_add_i64(out, "partitions", of);
    doc_add_i64(out, "outbox", OUTBOX + p);
    doc_add_i64(out, "published", OUTBOX + p);
    doc_add_bool(out, "drained", drained);
    doc_begin_array(out, "reports");
    doc_begin_doc(out, NULL);
    doc_add_str(out, "name", "chain");
    doc_add_i64(out, "state", 2);
    doc_end(out);
    doc_end(out);
    (void)snprintf(id, sizeof id, "id-%d", (int)p);
    write_row(store, row_of(p, of, row), doc_out_done(out), id);
    progress_fini(&progress);
    doc_out_free(out);
}

static struct store_memory *make(int64_t of, bool drained)
{
    struct store_memory *memory = store_memory_new();
    struct store *store = store_memory_open(memory, "alarm");

    for (int64_t p = 0; p < of; p++) {
        write_partition(store, p, of, drained);
    }
    store_close(store);
    return memory;
}

static const struct repartition change = {.id = ID, .now_s = NOW_S};

static enum err look(struct store *store, struct progress *floors,
                     struct repartition_found *found)
{
    struct errbuf why = {{0}, {0}};

    return repartition_look(&change, store, floors, found, &why);
}

/* Steps from a life of its own: at most so many; true when it was through. */
static bool move_some(struct store_memory *memory, int64_t to, int steps)
{
    struct store *store = store_memory_open(memory, "alarm");
    struct repartition_move move = {
        .change = &change, .store = store, .engine = "alarm", .to = to};
    struct repartition_found found;
    struct progress floors;
    bool done = false;

    progress_init(&floors);
    assert_int_equal(look(store, &floors, &found), ERR_OK);
    move.floors = &floors;
    while (!done && steps-- > 0) {
        struct errbuf why = {{0}, {0}};

        assert_int_equal(repartition_step(&move, &done, &why), ERR_OK);
    }
    progress_fini(&floors);
    store_close(store);
    return done;
}

/* What partitions told of themselves is ended by others, or by themselves. */
static void check_told(struct doc payload, int64_t from)
{
    struct doc orphans = doc_sub(payload, "orphans");

    int64_t to = doc_i64(payload, "partitions", 0);
    int64_t gone = from == 1 || to == 1 ? from : from > to ? from - to : 0;

    assert_int_equal(doc_count(orphans) +
                         doc_count(doc_sub(payload, "reports")),
                     from + (from != to ? gone : 0));
    if (from == 1 && to > 1) {
        assert_string_equal(doc_str(doc_sub(orphans, "0"), "own", ""),
                            "Engine_alarm");
        assert_string_equal(doc_str(orphans, "1", ""), "Engine_alarm.chain");
    }
}

struct dumping {
    struct buf *text;
    int64_t from;
};

static void add_row(void *ctx, const struct store_progress *row)
{
    const struct dumping *dumping = ctx;
    struct buf *text = dumping->text;
    struct progress progress;
    const char *stream = "abc/9/9";

    progress_init(&progress);
    progress_from_doc(&progress, row->payload);
    (void)progress_stream(&progress, stream, strlen(stream), "any");
    buf_addf(text, "%s of %d, floor %d, outbox %d, moved %d, held %d; ",
             row->row, (int)doc_i64(row->payload, "partitions", 0),
             (int)progress.streams[progress.n_streams - 1].n,
             (int)doc_i64(row->payload, "outbox", 0),
             (int)doc_i64(row->payload, "moved", 0),
             doc_sub(row->payload, "move").len > 0);
    assert_int_equal(doc_i64(row->payload, "outbox", 0),
                     doc_i64(row->payload, "published", 0));
    check_told(row->payload, dumping->from);
    progress_fini(&progress);
}

static bool add_id(void *ctx, const struct store_key *key, struct doc row)
{
    buf_addf(ctx, "%s/%s ", key->text, doc_str(row, "id", ""));
    return true;
}

/* What is there at the end does not depend on where it was killed. */
static void dump(struct store_memory *memory, struct buf *text, int64_t from)
{
    struct dumping dumping = {text, from};
    const struct store_query query = {.collection = STORE_IDS,
                                      .limit = INT64_MAX};
    struct store *store = store_memory_open(memory, "alarm");

    assert_int_equal(store_progress_each(store, add_row, &dumping), ERR_OK);
    assert_int_equal(store_scan(store, &query, add_id, text, NULL, NULL),
                     ERR_OK);
    store_close(store);
}

struct move_case {
    const char *name;
    int64_t from;
    int64_t to;
    const char *wanted;
};

#define LEFT(name, of, outbox)                                                 \
    name " of " #of ", floor 10" #outbox ", outbox 4" #outbox                  \
         ", moved 77, held 0; "

static const struct move_case moves[] = {
    {"1 to 4", 1, 4,
     LEFT("alarm.0", 4, 0) LEFT("alarm.1", 4, 0) LEFT("alarm.2", 4, 0)
         LEFT("alarm.3", 4, 0) "alarm.0.actions/id-0 alarm.1.actions/id-0 "
                               "alarm.2.actions/id-0 alarm.3.actions/id-0 "},
    {"4 to 1", 4, 1,
     LEFT("alarm", 1, 3) "alarm.actions/id-3 alarm.actions/id-2 "
                         "alarm.actions/id-1 alarm.actions/id-0 "},
    {"2 to 3", 2, 3,
     LEFT("alarm.0", 3, 1) LEFT("alarm.1", 3, 1)
         LEFT("alarm.2", 3, 1) "alarm.0.actions/id-1 alarm.0.actions/id-0 "
                               "alarm.1.actions/id-1 alarm.1.actions/id-0 "
                               "alarm.2.actions/id-1 alarm.2.actions/id-0 "},
    {"1 to 1", 1, 1, LEFT("alarm", 1, 0) "alarm.actions/id-0 "},
};

/* The order of equal ids is no part of the promise. */
static size_t sum_of(const char *text)
{
    size_t sum = 0;

    while (*text != '\0') {
        sum += (unsigned char)*text++;
    }
    return sum;
}

static void check_dump(struct store_memory *memory, const struct move_case *row,
                       int killed)
{
    struct buf text;

    buf_init(&text, TEXT_MAX);
    dump(memory, &text, row->from);
    if (text.len != strlen(row->wanted) ||
        sum_of(buf_str(&text)) != sum_of(row->wanted)) {
        fail_msg("%s, killed after %d steps:\n%s\nwanted:\n%s", row->name,
                 killed, buf_str(&text), row->wanted);
    }
    buf_fini(&text);
}

static void check_move(void **state)
{
    const struct move_case *row = *state;

    for (int killed = 0; killed < STEPS_MAX; killed++) {
        struct store_memory *memory = make(row->from, true);
        bool done = move_some(memory, row->to, killed);

        assert_true(move_some(memory, row->to, STEPS_MAX));
        check_dump(memory, row, killed);
        store_memory_free(memory);
        if (done) {
            assert_true(killed > row->to);
            return;
        }
    }
    fail_msg("it does not end");
}

/* Killed after each step, each time. */
static void check_move_stepwise(void **state)
{
    const struct move_case *row = *state;
    struct store_memory *memory = make(row->from, true);
    int steps = 0;

    /* The copy of ids counts as one step, made again as a whole: with a life
     * for each step it would never pass, so every third has three. */
    while (!move_some(memory, row->to, steps % 3 == 2 ? 3 : 1)) {
        assert_true(++steps < STEPS_MAX);
    }
    check_dump(memory, row, 1);
    store_memory_free(memory);
}

static void what_did_not_end_in_order_is_refused(void **state)
{
    struct store_memory *memory = make(2, false);
    struct store *store = store_memory_open(memory, "alarm");
    struct repartition_found found;
    struct progress floors;
    struct repartition_move move = {.change = &change,
                                    .store = store,
                                    .engine = "alarm",
                                    .to = 3,
                                    .floors = &floors};
    struct errbuf why = {{0}, {0}};
    bool done;

    (void)state;
    progress_init(&floors);
    assert_int_equal(look(store, &floors, &found), ERR_OK);
    assert_int_equal(found.partitions, 2);
    assert_int_equal(found.n_rows, 2);
    assert_string_equal(found.open, "alarm.1");
    assert_false(found.moved);
    assert_int_equal(repartition_step(&move, &done, &why), ERR_INVALID);
    assert_string_equal(why.text,
                        "engine-alarm.0 did not end in order: start it and "
                        "stop it");
    progress_fini(&floors);
    store_close(store);
    store_memory_free(memory);
}

static void rows_of_two_numbers_are_refused(void **state)
{
    struct store_memory *memory = make(2, true);
    struct store *store = store_memory_open(memory, "alarm");
    struct repartition_found found;
    struct progress floors;

    (void)state;
    write_partition(store, 1, 3, true);
    progress_init(&floors);
    assert_int_equal(look(store, &floors, &found), ERR_INVALID);
    progress_fini(&floors);
    store_close(store);
    store_memory_free(memory);
}

static void an_entry_is_held_and_released(void **state)
{
    struct store_memory *memory = make(1, true);
    struct store *store = store_memory_open(memory, "alarm");
    const struct repartition other = {.id = ID + 1, .now_s = NOW_S};
    struct repartition_found found;
    struct progress floors;
    struct errbuf why = {{0}, {0}};

    (void)state;
    progress_init(&floors);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(repartition_hold(&change, store, &why), ERR_OK);
        assert_int_equal(look(store, &floors, &found), ERR_OK);
        assert_int_equal(found.moving, ID);
    }
    assert_int_equal(repartition_hold(&other, store, &why), ERR_INVALID);
    assert_string_equal(why.text,
                        "alarm: held by another change of partitions (77)");
    assert_int_equal(repartition_release(&other, store, &why), ERR_OK);
    assert_int_equal(look(store, &floors, &found), ERR_OK);
    assert_int_equal(found.moving, ID);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(repartition_release(&change, store, &why), ERR_OK);
        assert_int_equal(look(store, &floors, &found), ERR_OK);
        assert_int_equal(found.moving, 0);
    }
    assert_int_equal(floors.n_floors, 1);
    assert_int_equal(floors.floors[0].n, 100);
    progress_fini(&floors);
    store_close(store);
    store_memory_free(memory);
}

static void an_engine_that_never_ran_is_left_alone(void **state)
{
    struct store_memory *memory = store_memory_new();

    (void)state;
    assert_true(move_some(memory, 4, 1));
    store_memory_free(memory);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROWS(moves, check_move),
        ROWS(moves, check_move_stepwise),
        ROW_SINGLE(what_did_not_end_in_order_is_refused),
        ROW_SINGLE(rows_of_two_numbers_are_refused),
        ROW_SINGLE(an_entry_is_held_and_released),
        ROW_SINGLE(an_engine_that_never_ran_is_left_alone),
    };

    return rows_run("repartition", tables, N_ROWS(tables));
}
