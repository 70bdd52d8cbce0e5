/* SPDX-License-Identifier: Apache-2.0 */
/** The runtime: what the broker delivers again after an attach. */
#include <stdlib.h>

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/engine/runtime_priv.h"

/* An event taken before whose forwarding may have failed. */
struct repeat {
    uint32_t stream; /* row in progress */
    struct envelope_item item;
};

struct repeats {
    struct repeat *list;
    size_t n;
    size_t cap;
    struct buf *rooms; /* one for each envelope, which the items borrow from */
    size_t n_rooms;
};

static void add_repeat(struct repeats *repeats, uint32_t stream,
                       const struct envelope_item *item)
{
    if (repeats->n == repeats->cap) {
        repeats->cap = repeats->cap > 0 ? 2 * repeats->cap : 64;
        repeats->list =
            xrealloc_array(repeats->list, repeats->cap, sizeof *repeats->list);
    }
    repeats->list[repeats->n++] =
        (struct repeat){.stream = stream, .item = *item};
}

static int compare_u64(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_repeats(const void *a_, const void *b_)
{
    const struct repeat *a = a_;
    const struct repeat *b = b_;
    int order = compare_u64(a->stream, b->stream);

    if (order == 0) {
        order = compare_u64(a->item.n, b->item.n);
    }
    return order != 0 ? order : compare_u64(a->item.index, b->item.index);
}

static void collect(struct engine_io *io, const struct bus_delivery *delivery,
                    struct repeats *repeats)
{
    struct envelope envelope;
    struct buf *room;

    repeats->rooms = xrealloc_array(repeats->rooms, repeats->n_rooms + 1,
                                    sizeof *repeats->rooms);
    room = &repeats->rooms[repeats->n_rooms++];
    buf_init(room, ENVELOPE_BODY_MAX);
    if (delivery->body == NULL ||
        envelope_open(delivery->body, delivery->len, room, &envelope, NULL) !=
            ERR_OK) {
        return; /* refused when it is taken */
    }
    for (uint32_t i = 0; i < envelope.count; i++) {
        struct envelope_item item;
        uint32_t stream;

        envelope_get(&envelope, i, &item);
        stream = progress_stream(&io->progress, item.stream, item.stream_len,
                                 envelope.header.sender);
        if (item.kind == ENVELOPE_EVENT && stream != PROGRESS_NO_STREAM &&
            !progress_is_new(&io->progress, stream, item.n, item.index) &&
            !progress_has_ended(&io->progress, stream, item.n, item.index)) {
            add_repeat(repeats, stream, &item);
        }
    }
}

/* In the order of their positions, whatever order their copies came in: after
 * a nack, a later message may stand before an earlier one, and the next
 * engine takes nothing below its last position. */
static void forward_repeats(struct engine_io *io, struct repeats *repeats)
{
    if (repeats->n == 0) {
        return;
    }
    qsort(repeats->list, repeats->n, sizeof *repeats->list, compare_repeats);
    batch_open(io);
    for (size_t i = 0; i < repeats->n; i++) {
        const struct repeat *repeat = &repeats->list[i];
        struct event event;

        if (i > 0 && compare_repeats(repeat - 1, repeat) == 0) {
            continue;
        }
        if (event_from_doc(repeat->item.doc, &event, NULL) == ERR_OK) {
            take_forward(io, &event, &repeat->item);
        }
    }
}

/* Walk the held deliveries of a queue that came again; true when a message
 * that was never delivered follows them, so that they are all there are. */
static bool walk_redelivered(struct engine_io *io, const struct queue *queue,
                             void (*each)(struct engine_io *io,
                                          const struct bus_delivery *delivery,
                                          void *ctx),
                             void *ctx)
{
    for (struct held *held = io->held_head; held != NULL; held = held->next) {
        if (&io->queues[held->queue] != queue) {
            continue;
        }
        if (!held->delivery.redelivered) {
            return true;
        }
        each(io, &held->delivery, ctx);
    }
    return false;
}

static void each_count(struct engine_io *io,
                       const struct bus_delivery *delivery, void *ctx)
{
    size_t *n = ctx;

    (void)io;
    (void)delivery;
    (*n)++;
}

static void each_repeat(struct engine_io *io,
                        const struct bus_delivery *delivery, void *ctx)
{
    collect(io, delivery, ctx);
}

struct hashes {
    uint64_t *list;
    size_t n;
};

static void each_hash(struct engine_io *io, const struct bus_delivery *delivery,
                      void *ctx)
{
    struct hashes *hashes = ctx;

    (void)io;
    hashes->list[hashes->n++] = take_hash(delivery);
}

static void match_hop(struct engine_io *io, const struct queue *queue)
{
    struct repeats repeats = {0};

    (void)walk_redelivered(io, queue, each_repeat, &repeats);
    forward_repeats(io, &repeats);
    for (size_t i = 0; i < repeats.n_rooms; i++) {
        buf_fini(&repeats.rooms[i]);
    }
    free(repeats.rooms);
    free(repeats.list);
}

static void match_entry(struct engine_io *io, const struct queue *queue,
                        size_t n, bool whole)
{
    struct entry *entry = queue->entry;
    struct hashes hashes = {.list = xcalloc(n, sizeof *hashes.list)};

    (void)walk_redelivered(io, queue, each_hash, &hashes);
    entry->replay = receipts_match(&entry->receipts, entry->proven, hashes.list,
                                   hashes.n, whole);
    entry->replay_end = entry->receipts.n;
    free(hashes.list);
}

/* All that comes again is here when a message that was never delivered
 * follows it (the mark of each second sees to that), or when no more fits. */
static bool match_queue(struct engine_io *io, struct queue *queue)
{
    size_t n = 0;
    bool whole = walk_redelivered(io, queue, each_count, &n);

    if (!whole && n < queue->prefetch) {
        return false;
    }
    if (queue->entry != NULL) {
        match_entry(io, queue, n, whole);
    } else {
        match_hop(io, queue);
    }
    queue->matching = false;
    return true;
}

bool repeat_match(struct engine_io *io)
{
    for (size_t i = 0; i < io->n_queues; i++) {
        struct queue *queue = &io->queues[i];

        if (queue->kind != QUEUE_LOCAL && queue->matching &&
            queue->n_held > 0 && runtime_may_take(io) &&
            match_queue(io, queue)) {
            return true;
        }
    }
    return false;
}
