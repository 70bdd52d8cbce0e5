/* SPDX-License-Identifier: Apache-2.0 */
/** The store's part of changing how many partitions engines have. */
#include "common/engine/repartition.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/bus/partitions.h"
#include "common/bus/topology.h"
#include "common/engine/known.h"

enum {
    ROWS_MAX = 2 * PARTITIONS_MAX + 2,
    IDS_A_COMMIT = 2000
};

/* A progress row, copied. */
struct row {
    char name[64];
    uint8_t *payload;
    uint32_t len;
};

struct rows {
    struct row *list; /* ROWS_MAX at most */
    size_t n;
    bool overflow;
};

static struct doc doc_of(const struct row *row)
{
    return (struct doc){row->payload, row->len};
}

static void add_row(void *ctx, const struct store_progress *progress)
{
    struct rows *rows = ctx;
    struct row *row = rows->list + rows->n;

    if (rows->n == ROWS_MAX) {
        rows->overflow = true;
        return;
    }
    (void)snprintf(row->name, sizeof row->name, "%s", progress->row);
    row->len = progress->payload.len;
    row->payload =
        row->len > 0 ? xmemdup(progress->payload.data, row->len) : NULL;
    rows->n++;
}

static void rows_free(struct rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        free(rows->list[i].payload);
    }
    free(rows->list);
    free(rows);
}

/* Gives all rows of the store's writer; *rows is NULL on an error. */
static enum err rows_read(struct store *store, struct rows **rows,
                          struct errbuf *why)
{
    struct rows *read = xcalloc(1, sizeof *read);
    enum err err;

    *rows = NULL;
    read->list = xcalloc(ROWS_MAX, sizeof *read->list);
    err = store_progress_each(store, add_row, read);
    if (err == ERR_OK && read->overflow) {
        errbuf_set(why, "expected at most %d partitions", PARTITIONS_MAX);
        err = ERR_INVALID;
    } else if (err != ERR_OK) {
        errbuf_set(why, "the store does not answer");
    }
    if (err == ERR_OK) {
        *rows = read;
    } else {
        rows_free(read);
    }
    return err;
}

/* Id of the change that holds a row, 0: none. */
static int64_t moving(const struct row *row)
{
    return doc_i64(doc_sub(doc_of(row), "move"), "id", 0);
}

/* The number of partitions that a row was written with; of a row that is held
 * for a change, before it. 0: it was never written. */
static int64_t number_of(const struct row *row)
{
    int64_t partitions =
        row->len > 0 ? doc_i64(doc_of(row), "partitions", 1) : 0;

    return doc_i64(doc_sub(doc_of(row), "move"), "from", partitions);
}

static bool is_moved(const struct row *row, const struct repartition *change)
{
    return moving(row) == 0 && doc_i64(doc_of(row), "moved", 0) == change->id;
}

/* A process that raised its fence and never committed leaves it empty. */
static bool is_drained(const struct row *row)
{
    return row->len == 0 || doc_bool(doc_of(row), "drained", false);
}

static enum err refuse_other(const struct row *row, struct errbuf *why)
{
    errbuf_set(why, "%s: held by another change of partitions (%" PRId64 ")",
               row->name, moving(row));
    return ERR_INVALID;
}

static enum err refuse_open(const char *row, struct errbuf *why)
{
    errbuf_set(why, "engine-%s did not end in order: start it and stop it",
               row);
    return ERR_INVALID;
}

/* Put a row's payload, with a batch, as a new life of it. What comes of a
 * commit of unknown result is seen by who looks again. */
static enum err put_row(const struct repartition *change, struct store *store,
                        const char *name, const struct store_batch *batch,
                        struct doc payload, struct errbuf *why)
{
    struct store_fence fence = {.epoch = 0};
    struct buf old;
    enum err err;

    buf_init(&old, DOC_BYTES_MAX);
    (void)snprintf(fence.row, sizeof fence.row, "%s", name);
    err = store_fence_raise(store, change->now_s, &fence, &old);
    if (err == ERR_OK) {
        err = store_commit(store, &fence, batch, payload);
    }
    buf_fini(&old);
    if (err == ERR_FENCED) {
        errbuf_set(why, "engine-%s was started meanwhile: stop it", name);
    } else if (err != ERR_OK) {
        errbuf_set(why, "the store does not take the row of %s", name);
    }
    return err == ERR_UNKNOWN ? ERR_UNAVAILABLE : err;
}

static enum err put_payload(const struct repartition *change,
                            struct store *store, const char *name,
                            struct doc payload, struct errbuf *why)
{
    struct store_batch *batch = store_batch_new();
    enum err err = put_row(change, store, name, batch, payload, why);

    store_batch_free(batch);
    return err;
}

static void add_move(const struct repartition *change, int64_t from,
                     struct doc_out *out)
{
    doc_begin_doc(out, "move");
    doc_add_i64(out, "id", change->id);
    doc_add_i64(out, "from", from);
    doc_end(out);
}

/* All members but these two. */
static void copy_members(struct doc from, const char *but, const char *nor,
                         struct doc_out *out)
{
    struct doc_iter it;
    struct doc_value value;
    const char *name;

    doc_iter_init(&it, from);
    while (doc_next(&it, &name, &value)) {
        if (strcmp(name, but) != 0 && strcmp(name, nor) != 0) {
            doc_add_value(out, name, &value);
        }
    }
}

/* Looking. */

static void add_floors(struct progress *floors, struct doc payload)
{
    struct progress progress;

    progress_init(&progress);
    progress_from_doc(&progress, payload);
    for (size_t i = 0; i < progress.n_floors; i++) {
        progress_add_floor(floors, progress.floors[i].stream,
                           progress.floors[i].n);
    }
    for (size_t i = 0; i < progress.n_streams; i++) {
        progress_add_floor(floors, progress.streams[i].stream,
                           progress.streams[i].n);
    }
    progress_fini(&progress);
}

static enum err look_row(const struct repartition *change,
                         const struct row *row, struct repartition_found *found,
                         struct errbuf *why)
{
    int64_t number = number_of(row);

    if (is_moved(row, change)) {
        return ERR_OK; /* of the new number */
    }
    found->moved = false;
    if (moving(row) != 0) {
        found->moving = moving(row);
    } else if (!is_drained(row)) {
        (void)snprintf(found->open, sizeof found->open, "%s", row->name);
    }
    if (number == 0) {
        return ERR_OK;
    }
    if (found->partitions != 0 && found->partitions != number) {
        errbuf_set(why,
                   "%s was written as one of %" PRId64
                   " partitions, others as one of %" PRId64,
                   row->name, number, found->partitions);
        return ERR_INVALID;
    }
    found->partitions = number;
    return ERR_OK;
}

enum err repartition_look(const struct repartition *change, struct store *store,
                          struct progress *floors,
                          struct repartition_found *found, struct errbuf *why)
{
    struct rows *rows;
    enum err err = rows_read(store, &rows, why);

    *found = (struct repartition_found){.moved = true};
    if (err != ERR_OK) {
        return err;
    }
    found->n_rows = rows->n;
    for (size_t i = 0; err == ERR_OK && i < rows->n; i++) {
        err = look_row(change, &rows->list[i], found, why);
        add_floors(floors, doc_of(&rows->list[i]));
    }
    rows_free(rows);
    return err;
}

/* The entry. */

static enum err hold_row(const struct repartition *change, struct store *store,
                         const struct row *row, struct errbuf *why)
{
    struct doc_out *out;
    enum err err;

    if (moving(row) == change->id) {
        return ERR_OK;
    }
    if (moving(row) != 0) {
        return refuse_other(row, why);
    }
    if (!is_drained(row)) {
        return refuse_open(row->name, why);
    }
    out = doc_out_new();
    copy_members(doc_of(row), "", "", out);
    add_move(change, 1, out);
    err = put_payload(change, store, row->name, doc_out_done(out), why);
    doc_out_free(out);
    return err;
}

enum err repartition_hold(const struct repartition *change, struct store *store,
                          struct errbuf *why)
{
    struct rows *rows;
    enum err err = rows_read(store, &rows, why);

    for (size_t i = 0; err == ERR_OK && i < rows->n; i++) {
        err = hold_row(change, store, &rows->list[i], why);
    }
    if (rows != NULL) {
        rows_free(rows);
    }
    return err;
}

enum err repartition_release(const struct repartition *change,
                             struct store *store, struct errbuf *why)
{
    struct rows *rows;
    enum err err = rows_read(store, &rows, why);

    for (size_t i = 0; err == ERR_OK && i < rows->n; i++) {
        const struct row *row = &rows->list[i];
        struct doc_out *out;

        if (moving(row) != change->id) {
            continue;
        }
        out = doc_out_new();
        copy_members(doc_of(row), "move", "", out);
        err = put_payload(change, store, row->name, doc_out_done(out), why);
        doc_out_free(out);
    }
    if (rows != NULL) {
        rows_free(rows);
    }
    return err;
}

/* Moving an engine. */

static char *name_of(const struct repartition_move *move, int64_t p,
                     char out[BUS_NAME_MAX + 1])
{
    char number[24] = "";

    if (move->to > 1) {
        (void)snprintf(number, sizeof number, "%" PRId64, p);
    }
    return bus_group_name(move->engine, number, out);
}

static bool is_wanted(const struct repartition_move *move, const char *row)
{
    char name[BUS_NAME_MAX + 1];

    for (int64_t p = 0; p < move->to; p++) {
        if (strcmp(name_of(move, p, name), row) == 0) {
            return true;
        }
    }
    return false;
}

static const struct row *find_row(const struct rows *rows, const char *name)
{
    for (size_t i = 0; i < rows->n; i++) {
        if (strcmp(rows->list[i].name, name) == 0) {
            return &rows->list[i];
        }
    }
    return NULL;
}

static int64_t greatest(const struct rows *rows, const char *member)
{
    int64_t most = 0;

    for (size_t i = 0; i < rows->n; i++) {
        int64_t value = doc_i64(doc_of(&rows->list[i]), member, 0);

        most = value > most ? value : most;
    }
    return most;
}

/* The number before this change. */
static int64_t number_before(const struct repartition_move *move,
                             const struct rows *rows)
{
    int64_t number = 0;

    for (size_t i = 0; i < rows->n && number == 0; i++) {
        if (!is_moved(&rows->list[i], move->change)) {
            number = number_of(&rows->list[i]);
        }
    }
    return number > 0 ? number : move->to;
}

static void add_own_event(const struct row *row, struct doc_out *out)
{
    char resource[2 * sizeof row->name];

    (void)snprintf(resource, sizeof resource, "Engine_%s", row->name);
    doc_begin_doc(out, NULL);
    doc_add_str(out, "own", resource);
    doc_end(out);
}

/* What it told that only it could end: conditions, and of one that is gone
 * the event about itself, whose silence would be an alarm. */
static void add_orphans_of(const struct repartition_move *move,
                           const struct row *row, struct doc_out *out)
{
    struct doc_iter it;
    struct doc_value value;
    const char *key;

    if (!is_wanted(move, row->name)) {
        add_own_event(row, out);
    }

    doc_iter_init(&it, doc_sub(doc_of(row), "orphans"));
    while (doc_next(&it, &key, &value)) {
        doc_add_value(out, NULL, &value);
    }
    doc_iter_init(&it, doc_sub(doc_of(row), "reports"));
    while (doc_next(&it, &key, &value)) {
        char resource[2 * sizeof row->name + sizeof "Engine_."];

        if (value.type == DOC_DOC && doc_i64(value.u.doc, "state", 0) != 0) {
            (void)snprintf(resource, sizeof resource, "Engine_%s.%.32s",
                           row->name, doc_str(value.u.doc, "name", ""));
            doc_add_str(out, NULL, resource);
        }
    }
}

/* What a partition begins with, by the rows that it follows: everything
 * numbered so far is known, whatever way it takes; what it originates goes on
 * behind all that was. */
static void write_payload(const struct repartition_move *move,
                          const struct rows *rows, int64_t from,
                          struct doc_out *out)
{
    struct progress progress = *move->floors;
    struct doc_value reports;

    progress.n_senders = 0;
    progress.n_streams = 0;
    progress.n_ended = 0;
    progress_add_members(&progress, out);
    doc_add_i64(out, "partitions", move->to);
    doc_add_bool(out, "drained", true);
    doc_add_i64(out, "outbox", greatest(rows, "outbox"));
    doc_add_i64(out, "published", greatest(rows, "outbox"));
    doc_add_i64(out, "resent", greatest(rows, "resent"));
    if (from == move->to &&
        doc_get(doc_of(&rows->list[0]), "reports", &reports)) {
        doc_add_value(out, "reports", &reports);
    }
    if (from != move->to) {
        doc_begin_array(out, "orphans");
        for (size_t i = 0; i < rows->n; i++) {
            add_orphans_of(move, &rows->list[i], out);
        }
        doc_end(out);
    }
    add_move(move->change, from, out);
}

/* The payload that the rows of this change have; false: none has one yet. */
static bool find_payload(const struct repartition_move *move,
                         const struct rows *rows, struct doc *payload)
{
    for (size_t i = 0; i < rows->n; i++) {
        if (moving(&rows->list[i]) == move->change->id) {
            *payload = doc_of(&rows->list[i]);
            return true;
        }
    }
    return false;
}

static enum err check_row(const struct repartition_move *move,
                          const struct row *row, struct errbuf *why)
{
    if (moving(row) != 0 && moving(row) != move->change->id) {
        return refuse_other(row, why);
    }
    if (moving(row) == 0 && !is_moved(row, move->change) && !is_drained(row)) {
        return refuse_open(row->name, why);
    }
    return ERR_OK;
}

static enum err check_rows(const struct repartition_move *move,
                           const struct rows *rows, struct errbuf *why)
{
    enum err err = ERR_OK;

    for (size_t i = 0; err == ERR_OK && i < rows->n; i++) {
        err = check_row(move, &rows->list[i], why);
    }
    return err;
}

/* A row that is not held yet; else a new one that is missing; "" none. */
static void find_to_hold(const struct repartition_move *move,
                         const struct rows *rows, char name[BUS_NAME_MAX + 1])
{
    for (size_t i = 0; i < rows->n; i++) {
        const struct row *row = &rows->list[i];

        if (moving(row) == 0 && !is_moved(row, move->change)) {
            (void)bus_group_name(row->name, "", name);
            return;
        }
    }
    for (int64_t p = 0; p < move->to; p++) {
        if (find_row(rows, name_of(move, p, name)) == NULL) {
            return;
        }
    }
    name[0] = '\0';
}

/* With another number all begin with the same; else each with its own. */
static enum err hold(const struct repartition_move *move,
                     const struct rows *rows, const char *name,
                     struct errbuf *why)
{
    struct doc_out *out = doc_out_new();
    const struct row *row = find_row(rows, name);
    int64_t from = number_before(move, rows);
    struct doc payload;
    enum err err;

    if (from == move->to && row != NULL) {
        struct row copy = *row;
        const struct rows own = {.list = &copy, .n = 1};

        write_payload(move, &own, from, out);
        payload = doc_out_done(out);
    } else if (!find_payload(move, rows, &payload)) {
        write_payload(move, rows, from, out);
        payload = doc_out_done(out);
    }
    err = put_payload(move->change, move->store, name, payload, why);
    doc_out_free(out);
    return err;
}

/* Removing and freeing. */

static const struct row *find_gone(const struct repartition_move *move,
                                   const struct rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        if (!is_wanted(move, rows->list[i].name)) {
            return &rows->list[i];
        }
    }
    return NULL;
}

/* With it goes what stands under its name. */
static enum err remove_row(const struct repartition_move *move,
                           const struct row *row, struct errbuf *why)
{
    struct store_fence fence = {.epoch = 0};
    struct store_batch *batch = store_batch_new();
    char ids[KNOWN_ROW_MAX];
    const struct store_key first = {.text = known_row(row->name, ids)};
    const struct store_key past = {.text = ids, .a = INT64_MAX};
    struct buf old;
    enum err err;

    buf_init(&old, DOC_BYTES_MAX);
    (void)snprintf(fence.row, sizeof fence.row, "%s", row->name);
    store_batch_delete_range(batch, STORE_IDS, &first, &past);
    err = store_fence_raise(move->store, move->change->now_s, &fence, &old);
    if (err == ERR_OK) {
        err = store_commit(move->store, &fence, batch, doc_of(row));
    }
    if (err == ERR_OK) {
        err = store_fence_remove(move->store, &fence);
    }
    if (err == ERR_FENCED) {
        errbuf_set(why, "engine-%s was started meanwhile: stop it", row->name);
    } else if (err != ERR_OK) {
        errbuf_set(why, "the store does not remove the row of %s", row->name);
        err = ERR_UNAVAILABLE;
    }
    store_batch_free(batch);
    buf_fini(&old);
    return err;
}

static const struct row *find_held(const struct repartition_move *move,
                                   const struct rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        if (moving(&rows->list[i]) == move->change->id) {
            return &rows->list[i];
        }
    }
    return NULL;
}

static enum err release(const struct repartition_move *move,
                        const struct row *row, struct errbuf *why)
{
    struct doc_out *out = doc_out_new();
    enum err err;

    copy_members(doc_of(row), "move", "moved", out);
    doc_add_i64(out, "moved", move->change->id);
    err = put_payload(move->change, move->store, row->name, doc_out_done(out),
                      why);
    doc_out_free(out);
    return err;
}

/* Ids of requests: what any partition knows, all of them know then. */

struct ids {
    struct known_id *list;
    size_t n;
    size_t cap;
};

static bool add_id(void *ctx, const struct store_key *key, struct doc row)
{
    struct ids *ids = ctx;

    (void)key;
    if (ids->n == ids->cap) {
        ids->cap = ids->cap > 0 ? 2 * ids->cap : KNOWN_MAX;
        ids->list = xrealloc_array(ids->list, ids->cap, sizeof *ids->list);
    }
    ids->list[ids->n].n = doc_i64(row, "n", 0);
    ids->list[ids->n++].id = xstrdup(doc_str(row, "id", ""));
    return true;
}

static enum err read_ids(const struct repartition_move *move,
                         const struct rows *rows, struct ids *ids)
{
    enum err err = ERR_OK;

    for (size_t i = 0; err == ERR_OK && i < rows->n; i++) {
        char name[KNOWN_ROW_MAX];
        const struct store_key from = {.text =
                                           known_row(rows->list[i].name, name)};
        const struct store_key to = {.text = name, .a = KNOWN_MAX};
        const struct store_query query = {.collection = STORE_IDS,
                                          .from = &from,
                                          .to = &to,
                                          .limit = KNOWN_MAX};

        err = store_scan(move->store, &query, add_id, ids, NULL, NULL);
    }
    return err;
}

static void ids_free(struct ids *ids)
{
    for (size_t i = 0; i < ids->n; i++) {
        free(ids->list[i].id);
    }
    free(ids->list);
}

/* The youngest first, each id once, at most as many as are kept. */
static int compare_ids(const void *a, const void *b)
{
    const struct known_id *left = a;
    const struct known_id *right = b;

    return (left->n < right->n) - (left->n > right->n);
}

static size_t choose_ids(struct ids *ids)
{
    struct map seen;
    size_t kept = 0;

    map_init(&seen);
    qsort(ids->list, ids->n, sizeof *ids->list, compare_ids);
    for (size_t i = 0; i < ids->n; i++) {
        struct known_id id = ids->list[i];

        if (kept < KNOWN_MAX && map_get(&seen, id.id, strlen(id.id)) == NULL) {
            ids->list[i] = ids->list[kept];
            ids->list[kept++] = id;
            (void)map_put(&seen, id.id, strlen(id.id), id.id);
        }
    }
    map_fini(&seen);
    return kept;
}

static enum err write_ids(const struct repartition_move *move,
                          const struct ids *ids, size_t n, const char *row,
                          struct errbuf *why)
{
    struct store_batch *batch = store_batch_new();
    struct doc_out *out = doc_out_new();
    struct rows *rows;
    enum err err = rows_read(move->store, &rows, why);
    const struct row *held = err == ERR_OK ? find_row(rows, row) : NULL;

    BUG_IF(err == ERR_OK && held == NULL);
    for (size_t i = 0; err == ERR_OK && i < n; i++) {
        known_put(batch, out, row, (int64_t)(n - i), ids->list[i].id);
        if (store_batch_count(batch) == IDS_A_COMMIT || i + 1 == n) {
            err = put_row(move->change, move->store, row, batch, doc_of(held),
                          why);
            store_batch_clear(batch);
        }
    }
    if (rows != NULL) {
        rows_free(rows);
    }
    doc_out_free(out);
    store_batch_free(batch);
    return err;
}

/* The only step of more than one commit: it is made again as a whole. */
static enum err copy_ids(const struct repartition_move *move,
                         const struct rows *rows, struct errbuf *why)
{
    struct ids ids = {NULL, 0, 0};
    char name[BUS_NAME_MAX + 1];
    enum err err = read_ids(move, rows, &ids);
    size_t n;

    if (err != ERR_OK) {
        errbuf_set(why, "the store does not answer");
        ids_free(&ids);
        return err;
    }
    n = ids.n > 0 ? choose_ids(&ids) : 0;
    for (int64_t p = 0; err == ERR_OK && n > 0 && p < move->to; p++) {
        err = write_ids(move, &ids, n, name_of(move, p, name), why);
    }
    ids_free(&ids);
    return err;
}

/* No row is through yet. */
static bool is_whole(const struct repartition_move *move,
                     const struct rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        if (is_moved(&rows->list[i], move->change)) {
            return false;
        }
    }
    return true;
}

static enum err take_step(struct repartition_move *move,
                          const struct rows *rows, bool *done,
                          struct errbuf *why)
{
    char name[BUS_NAME_MAX + 1];
    const struct row *row;
    enum err err = check_rows(move, rows, why);

    if (err != ERR_OK) {
        return err;
    }
    find_to_hold(move, rows, name);
    if (name[0] != '\0') {
        return hold(move, rows, name, why);
    }
    if (!move->copied && is_whole(move, rows) &&
        number_before(move, rows) != move->to) {
        err = copy_ids(move, rows, why);
        move->copied = err == ERR_OK;
        return err;
    }
    row = find_gone(move, rows);
    if (row != NULL) {
        return remove_row(move, row, why);
    }
    row = find_held(move, rows);
    *done = row == NULL;
    return row != NULL ? release(move, row, why) : ERR_OK;
}

enum err repartition_step(struct repartition_move *move, bool *done,
                          struct errbuf *why)
{
    struct rows *rows;
    enum err err = rows_read(move->store, &rows, why);

    *done = false;
    if (err != ERR_OK) {
        return err;
    }
    if (rows->n == 0) {
        *done = true; /* it never ran */
    } else {
        err = take_step(move, rows, done, why);
    }
    rows_free(rows);
    return err;
}
