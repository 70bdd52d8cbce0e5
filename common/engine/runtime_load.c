/* SPDX-License-Identifier: Apache-2.0 */
/** The runtime: taking over (fence) and reading back what is stored. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/engine/restored.h"
#include "common/engine/runtime_priv.h"

enum {
    STREAM_RANDOM_BYTES = 5,
    RESTORED_AHEAD = 1000000, /* more than is told while a backup begins */
    MS_PER_S = 1000
};

static struct entry *find_entry(struct engine_io *io, const char *queue)
{
    for (size_t i = 0; i < io->n_queues; i++) {
        if (io->queues[i].entry != NULL &&
            strcmp(io->queues[i].name, queue) == 0) {
            return io->queues[i].entry;
        }
    }
    return NULL;
}

static void read_entries(struct engine_io *io, struct doc doc)
{
    struct doc_iter it;
    struct doc_value value;
    const char *key;

    doc_iter_init(&it, doc_sub(doc, "entries"));
    while (doc_next(&it, &key, &value)) {
        struct entry *entry = find_entry(io, doc_str(value.u.doc, "queue", ""));

        if (entry != NULL) {
            (void)snprintf(entry->stream, sizeof entry->stream, "%s",
                           doc_str(value.u.doc, "stream", ""));
            entry->n = (uint64_t)doc_i64(value.u.doc, "n", 0);
            entry->proven = (uint64_t)doc_i64(value.u.doc, "proven", 0);
        }
    }
}

static void name_new_streams(struct engine_io *io)
{
    for (size_t i = 0; i < io->n_queues; i++) {
        struct entry *entry = io->queues[i].entry;

        if (entry != NULL && entry->stream[0] == '\0') {
            random_hex(entry->stream, STREAM_RANDOM_BYTES);
        }
    }
}

/* What was read and told after the backup has numbers that the others know:
 * an entry goes on in a new stream, what is originated above all numbers of
 * before. What waits in an entry queue is new, whatever the receipts say. */
static void begin_restored(struct engine_io *io, struct doc doc)
{
    char text[CLOCK_TEXT_MAX];
    int64_t at_ms = doc_ms(doc, RESTORED_MEMBER, 0);

    if (at_ms == 0) {
        return;
    }
    for (size_t i = 0; i < io->n_queues; i++) {
        struct entry *entry = io->queues[i].entry;

        if (entry != NULL) {
            entry->stream[0] = '\0';
            entry->proven = entry->n;
        }
    }
    io->outbox_next += RESTORED_AHEAD;
    log_info("ENGINE-RESTORED", "%s: goes on from a backup, restored at %s",
             io->row, clock_format(at_ms, text));
}

/* What was taken is known by partition: with another number of them, rows and
 * positions would be nobody's. */
static enum err refuse_partitions(struct engine_io *io, const char *by)
{
    log_error("ENGINE-PARTITIONS",
              "%s: the store was written by %s, and this is one of %" PRId64
              ": the number in partitions.conf was another; hypcontrol "
              "repartition changes it",
              io->row, by, io->conf->partitions);
    io->phase = PHASE_FAILED;
    return ERR_INVALID;
}

/* A row that only another number of partitions has. */
static enum err find_other_row(struct engine_io *io)
{
    const char *part = io->conf->partitions == 1 ? "0" : "";
    char row[BUS_NAME_MAX + 1];
    enum err err;

    if (io->entries != NULL) {
        return ERR_OK; /* an entry has no partitions */
    }
    (void)bus_group_name(io->ops->name, part, row);
    err = store_fence_find(io->setup.store, row);
    if (err == ERR_OK) {
        return refuse_partitions(io, row);
    }
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* The own row, of a process with another number. */
static enum err check_own_row(struct engine_io *io, struct doc progress)
{
    int64_t stored = doc_i64(progress, "partitions", io->conf->partitions);
    char by[BUS_NAME_MAX + 1];

    if (doc_sub(progress, "move").len > 0) {
        log_error("ENGINE-PARTITIONS",
                  "%s: the number of partitions is being changed; hypcontrol "
                  "repartition ends that",
                  io->row);
        io->phase = PHASE_FAILED;
        return ERR_INVALID;
    }
    if (stored == io->conf->partitions) {
        return ERR_OK;
    }
    (void)snprintf(by, sizeof by, "%s of %" PRId64, io->row, stored);
    return refuse_partitions(io, by);
}

enum err load_fence(struct engine_io *io)
{
    struct buf payload;
    struct doc doc = {NULL, 0};
    enum err err;

    buf_init(&payload, DOC_BYTES_MAX);
    err = find_other_row(io);
    if (err == ERR_OK) {
        err = store_fence_raise(io->setup.store, runtime_now(io) / MS_PER_S,
                                &io->fence, &payload);
    }
    if (err == ERR_OK && payload.len > 0) {
        doc =
            (struct doc){(const uint8_t *)payload.data, (uint32_t)payload.len};
        err = check_own_row(io, doc);
    }
    if (err == ERR_OK) {
        progress_from_doc(&io->progress, doc);
        chain_from_doc(&io->chain, doc);
        report_from_doc(io, doc);
        read_entries(io, doc);
        objects_from_progress(io, doc);
        io->moved = doc_i64(doc, "moved", 0);
        io->outbox_next = (uint64_t)doc_i64(doc, "outbox", 0) + 1;
        begin_restored(io, doc);
        name_new_streams(io);
        io->published = (uint64_t)doc_i64(doc, "published", 0);
        io->resent = (uint64_t)doc_i64(doc, "resent", 0);
        sender_set_epoch(io->sender, (uint64_t)io->fence.epoch);
        log_info("ENGINE-FENCE", "%s: took over with epoch %" PRId64, io->row,
                 io->fence.epoch);
    }
    buf_fini(&payload);
    return err;
}

void progress_write(struct engine_io *io)
{
    struct doc_out *out = io->progress_out;

    doc_out_reset(out);
    progress_add_members(&io->progress, out);
    chain_add_members(&io->chain, out);
    report_add_members(io, out);
    doc_add_i64(out, "partitions", io->conf->partitions);
    if (io->moved > 0) {
        doc_add_i64(out, "moved", io->moved);
    }
    if (io->drained) {
        doc_add_bool(out, "drained", true);
    }
    doc_begin_array(out, "entries");
    for (size_t i = 0; i < io->n_queues; i++) {
        const struct entry *entry = io->queues[i].entry;

        if (entry != NULL) {
            doc_begin_doc(out, NULL);
            doc_add_str(out, "queue", io->queues[i].name);
            doc_add_str(out, "stream", entry->stream);
            doc_add_i64(out, "n", (int64_t)entry->n);
            doc_add_i64(out, "proven", (int64_t)entry->proven);
            doc_end(out);
        }
    }
    doc_end(out);
    objects_add_members(io, out);
    doc_add_i64(out, "outbox", (int64_t)io->outbox_next - 1);
    doc_add_i64(out, "published", (int64_t)io->published);
    doc_add_i64(out, "resent", (int64_t)io->resent);
    io->progress_doc = doc_out_done(out);
}

/* Scan an own collection's rows above a key, oldest first. */
static enum err scan_own(struct engine_io *io, enum store_collection from,
                         const char *text, uint64_t above, store_row_fn *each,
                         void *ctx)
{
    const struct store_key first = {.text = text, .a = (int64_t)above + 1};
    const struct store_key past = {.text = text, .a = INT64_MAX};
    const struct store_query query = {
        .collection = from, .from = &first, .to = &past, .limit = INT64_MAX};

    return store_scan(io->setup.store, &query, each, ctx, NULL, NULL);
}

static bool add_receipts(void *ctx, const struct store_key *key, struct doc row)
{
    struct entry *entry = ctx;

    (void)key;
    receipts_add_doc(&entry->receipts, row);
    return true;
}

static enum err load_receipts(struct engine_io *io)
{
    for (size_t i = 0; i < io->n_queues; i++) {
        struct entry *entry = io->queues[i].entry;
        enum err err;

        if (entry == NULL) {
            continue;
        }
        receipts_fini(&entry->receipts);
        err = scan_own(io, STORE_RECEIPTS, entry->receipts_row, entry->proven,
                       add_receipts, entry);
        if (err != ERR_OK) {
            return err;
        }
        receipts_forget(&entry->receipts, entry->proven);
        entry->batch_from = entry->receipts.n;
    }
    return ERR_OK;
}

static bool apply_delta(void *ctx, const struct store_key *key, struct doc row)
{
    struct engine_io *io = ctx;

    (void)key;
    io->ops->delta_apply(io->state, row);
    return true;
}

/* What an earlier life committed and may not have published. */
static bool queue_outbox(void *ctx, const struct store_key *key, struct doc row)
{
    struct engine_io *io = ctx;
    struct envelope envelope;
    struct doc_value packed;
    struct errbuf why;

    (void)doc_get(row, "packed", &packed);
    if (packed.type != DOC_BYTES ||
        envelope_open(packed.u.s.text, packed.u.s.len, &io->room, &envelope,
                      &why) != ERR_OK) {
        log_error("ENGINE-OUTBOX",
                  "%s: the row of the outbox up to message %" PRId64
                  " makes no sense: what it held is not published",
                  io->row, key->a);
        return true;
    }
    for (uint32_t i = 0; i < envelope.count; i++) {
        struct envelope_item item;

        envelope_get(&envelope, i, &item);
        batch_send_outbox(io, item.doc, item.n);
    }
    return true;
}

enum err load_state(struct engine_io *io)
{
    enum err err = load_receipts(io);

    if (err == ERR_OK && io->ops->load != NULL) {
        err = io->ops->load(io->state, io);
    }
    if (err == ERR_OK && io->ops->delta_apply != NULL) {
        err = scan_own(io, STORE_DELTAS, io->row, 0, apply_delta, io);
    }
    if (err == ERR_OK) {
        err = objects_load(io);
    }
    /* Last, for what it queues is not taken back: should the scan fail half
     * way, a part goes twice, and its consumers know a repeat. */
    if (err == ERR_OK) {
        err = scan_own(io, STORE_OUTBOX, io->row, io->published, queue_outbox,
                       io);
    }
    if (err == ERR_OK) {
        sender_release(io->sender);
        io->fold_due = io->ops->fold != NULL;
    }
    return err;
}
