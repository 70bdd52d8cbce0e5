/* SPDX-License-Identifier: Apache-2.0 */
/** The runtime: what joins the open batch, and its one commit. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/engine/runtime_priv.h"

/* Messages of the outbox are packed as events are, and are of this stream. */
#define OUTBOX_STREAM "outbox"

void batch_open(struct engine_io *io)
{
    if (!io->open) {
        io->open = true;
        io->batch++;
        io->now_ms = runtime_now(io);
        io->open_ms = io->step_ms;
    }
}

/* Stage sealed contents for the open batch, for each group that gets what a
 * partition of a lead group gets: packed once, whoever gets it. */
static void stage_contents(struct engine_io *io, size_t lead, size_t partition)
{
    for (size_t i = lead; i < io->n_groups; i++) {
        if (io->groups[i].lead == lead) {
            sender_add_envelope(io->sender, io->groups[i].first + partition,
                                &io->contents, 0, io->batch);
        }
    }
}

/* Seal what a partition of a lead group has. */
static void flush_partition(struct engine_io *io, size_t lead, size_t partition)
{
    struct envelope_out *builder =
        io->builders[io->groups[lead].first + partition];

    if (envelope_out_count(builder) > 0) {
        buf_clear(&io->contents);
        envelope_out_finish(builder, &io->contents);
        envelope_out_clear(builder);
        stage_contents(io, lead, partition);
    }
}

static void flush_all(struct engine_io *io)
{
    for (size_t i = 0; i < io->n_groups; i++) {
        for (size_t p = 0; p < io->groups[i].partitions; p++) {
            flush_partition(io, i, p);
        }
    }
}

void batch_regroup(struct engine_io *io)
{
    flush_all(io);
    for (size_t i = 0; i < io->n_groups; i++) {
        struct group *group = &io->groups[i];

        group->lead = 0;
        while (io->groups[group->lead].partitions != group->partitions ||
               io->groups[group->lead].shedding != group->shedding) {
            group->lead++;
        }
    }
}

static void add_to_target(struct engine_io *io, size_t lead, size_t partition,
                          const struct envelope_item *item)
{
    struct envelope_out *builder =
        io->builders[io->groups[lead].first + partition];

    if (!envelope_out_add(builder, item)) {
        flush_partition(io, lead, partition);
        BUG_IF(!envelope_out_add(builder, item));
    }
}

bool engine_owns(const struct engine_io *io, const char *component,
                 const char *connector_name)
{
    return bus_partition(component, connector_name,
                         (size_t)io->conf->partitions) ==
           (size_t)io->conf->partition;
}

bool engine_owns_row(const struct engine_io *io, struct doc row)
{
    return io->conf->partitions == 1 ||
           engine_owns(io, doc_str(row, "component", ""),
                       doc_str(row, "connector_name", ""));
}

/* Behind a split, only what took the same partition is in order: each of them
 * is a stream of its own from here on, "<stream>/<partition>", so that an
 * engine that reads several and passes on keeps their positions apart. */
static void add_to_partition(struct engine_io *io, size_t lead,
                             size_t partition, const struct envelope_item *item)
{
    struct envelope_item out = *item;
    char stream[EVENT_STREAM_MAX + 1];
    int len;

    if (io->groups[lead].partitions > 1) {
        len =
            snprintf(stream, sizeof stream, "%.*s%c%zu", (int)item->stream_len,
                     item->stream, ENVELOPE_SPLIT_MARK, partition);
        BUG_IF(len < 0 || (size_t)len >= sizeof stream);
        out.stream = stream;
        out.stream_len = (uint8_t)len;
    }
    add_to_target(io, lead, partition, &out);
}

void batch_forward(struct engine_io *io, const struct event *event,
                   const struct envelope_item *item)
{
    for (size_t i = 0; i < io->n_groups; i++) {
        const struct group *group = &io->groups[i];

        if (group->shedding) {
            engine_count(io, "shed", 1);
            io->shed++;
        } else if (group->lead == i) {
            add_to_partition(io, i,
                             bus_partition(event->component,
                                           event->connector_name,
                                           group->partitions),
                             item);
        }
    }
}

void batch_forward_mark(struct engine_io *io, const struct envelope_item *item)
{
    for (size_t i = 0; i < io->n_groups; i++) {
        const struct group *group = &io->groups[i];

        for (size_t p = 0; group->lead == i && p < group->partitions; p++) {
            add_to_partition(io, i, p, item);
        }
    }
}

/* Behind a split the streams have other names, and who sheds gets less. */
static bool all_get_the_same(const struct engine_io *io)
{
    for (size_t i = 0; i < io->n_groups; i++) {
        if (io->groups[i].lead != 0 || io->groups[i].partitions != 1 ||
            io->groups[i].shedding) {
            return false;
        }
    }
    return io->n_groups > 0;
}

bool batch_begin_relay(struct engine_io *io, const struct envelope *envelope)
{
    bool may = envelope->contents != NULL &&
               envelope->bytes >= io->setup.relay_bytes && all_get_the_same(io);

    if (may) {
        flush_partition(io, 0, 0);
    }
    return may;
}

void batch_relay(struct engine_io *io, const struct envelope *envelope)
{
    struct envelope_out *builder = io->builders[io->groups[0].first];

    if (envelope_out_count(builder) != envelope->count) {
        return; /* some ended here */
    }
    envelope_out_clear(builder);
    buf_clear(&io->contents);
    buf_add(&io->contents, envelope->contents, envelope->contents_len);
    BUG_IF(io->contents.overflow);
    stage_contents(io, 0, 0);
}

static void send_stored_envelope(struct engine_io *io, struct doc message,
                                 const struct doc_value *body,
                                 uint64_t sequence)
{
    size_t target = resend_target(io, doc_str(message, "q", ""));
    struct buf contents;

    buf_init(&contents, ENVELOPE_MESSAGE_MAX);
    buf_add(&contents, body->u.s.text, body->u.s.len);
    sender_add_envelope(io->sender, target, &contents, sequence, io->batch);
    buf_fini(&contents);
}

void batch_send_outbox(struct engine_io *io, struct doc message,
                       uint64_t sequence)
{
    char exchange[BUS_NAME_MAX + 1] = "";
    const char *queue = doc_str(message, "q", "");
    enum bus_exchange to = (enum bus_exchange)doc_i64(message, "x", 0);
    struct doc_value body;
    struct bus_message out = {
        .exchange = exchange,
        .routing_key = queue[0] != '\0' ? queue : doc_str(message, "k", ""),
        .mandatory = queue[0] != '\0' || to == BUS_DEAD || to == BUS_EVENTS,
        .properties = {.content_type = doc_str(message, "c", ""),
                       .message_id = doc_str(message, "i", "")}};

    (void)doc_get(message, "b", &body);
    if (doc_bool(message, "envelope", false)) {
        send_stored_envelope(io, message, &body, sequence);
        return;
    }
    if (queue[0] == '\0') {
        (void)bus_exchange_name(io->setup.exchange_prefix, to, exchange);
    }
    out.body = body.u.s.text;
    out.len = body.u.s.len;
    sender_add_message(io->sender, &out, sequence, io->batch);
}

/* The messages so far become one row, packed: they are many, alike, and stay
 * for a moment only. */
static void seal_outbox(struct engine_io *io)
{
    const struct store_key key = {.text = io->row,
                                  .a = (int64_t)io->outbox_next - 1};
    struct envelope_header header = {.epoch = (uint64_t)io->fence.epoch};

    if (envelope_out_count(io->outbox) == 0) {
        return;
    }
    memcpy(header.sender, io->row, sizeof io->row);
    buf_clear(&io->contents);
    envelope_out_finish(io->outbox, &io->contents);
    envelope_out_clear(io->outbox);
    buf_clear(&io->text);
    envelope_seal(&header, &io->contents, &io->text);
    doc_out_reset(io->outbox_row);
    doc_add_bytes(io->outbox_row, "packed", io->text.data, io->text.len);
    store_batch_append(io->writes, STORE_OUTBOX, &key,
                       doc_out_done(io->outbox_row));
}

/* The message in outbox_out joins the open batch: it is stored with it, and
 * sent once that is committed. A batch may need several rows, for what an
 * engine originates has no limit of its own. */
static void add_message(struct engine_io *io)
{
    const struct envelope_item item = {.stream = OUTBOX_STREAM,
                                       .stream_len = sizeof OUTBOX_STREAM - 1,
                                       .n = io->outbox_next,
                                       .doc = doc_out_done(io->outbox_out)};

    batch_send_outbox(io, item.doc, item.n);
    if (!envelope_out_add(io->outbox, &item)) {
        seal_outbox(io);
        BUG_IF(!envelope_out_add(io->outbox, &item));
    }
    io->outbox_next++;
}

void engine_originate(struct engine_io *io,
                      const struct engine_outgoing *message)
{
    struct doc_out *out = io->outbox_out;

    batch_open(io);
    doc_out_reset(out);
    if (message->queue != NULL) {
        doc_add_str(out, "q", message->queue);
    } else {
        doc_add_i64(out, "x", (int64_t)message->exchange);
        doc_add_str(out, "k", message->routing_key);
    }
    doc_add_str(out, "c", message->content_type);
    doc_add_str(out, "i", message->message_id);
    doc_add_bytes(out, "b", message->body, message->len);
    add_message(io);
}

void batch_originate_envelope(struct engine_io *io, const char *queue,
                              const struct buf *contents)
{
    struct doc_out *out = io->outbox_out;

    batch_open(io);
    doc_out_reset(out);
    doc_add_str(out, "q", queue);
    doc_add_bool(out, "envelope", true);
    doc_add_bytes(out, "b", contents->data, contents->len);
    add_message(io);
}

static void add_body(struct doc_out *out, const void *body, size_t len)
{
    size_t kept = len < RUNTIME_DEAD_BODY ? len : RUNTIME_DEAD_BODY;

    if (body == NULL) {
        doc_add_str(out, "body", "");
    } else if (memchr(body, '\0', kept) == NULL &&
               utf8_valid(body, utf8_cut(body, len, kept))) {
        doc_add_strn(out, "body", body, utf8_cut(body, len, kept));
    } else {
        doc_add_bytes(out, "body", body, kept);
    }
    doc_add_i64(out, "body_bytes", (int64_t)len);
}

void batch_dead_letter(struct engine_io *io, const struct dead_letter *letter,
                       const struct errbuf *why)
{
    char id[128];
    struct doc_out *out = io->scratch;
    bool whole = letter->body != NULL && letter->len <= RUNTIME_DEAD_BODY &&
                 letter->event.len <= RUNTIME_DEAD_BODY;
    struct doc doc;

    (void)snprintf(id, sizeof id, "%s/%s", io->row, letter->position);
    doc_out_reset(out);
    doc_add_str(out, "id", id);
    doc_add_ms(out, "at", io->now_ms);
    doc_add_str(out, "engine", io->row);
    doc_add_str(out, "reason", why->text);
    doc_add_str(out, "field", why->field);
    doc_add_str(out, "routing_key", letter->routing_key);
    doc_add_str(out, "position", letter->position);
    doc_add_str(out, "queue", letter->queue);
    add_body(out, letter->body, letter->len);
    doc_add_bool(out, "replayable", whole && letter->queue[0] != '\0');
    if (whole && letter->event.len > 0) {
        doc_add_doc(out, "event", letter->event);
    }
    doc = doc_out_done(out);
    engine_originate(
        io, &(struct engine_outgoing){.exchange = BUS_DEAD,
                                      .routing_key = "dead",
                                      .content_type = ENGINE_DEAD_CONTENT_TYPE,
                                      .message_id = id,
                                      .body = doc.data,
                                      .len = doc.len});
    engine_count(io, "dead_letters", 1);
}

static void write_receipts(struct engine_io *io)
{
    for (size_t i = 0; i < io->n_queues; i++) {
        struct entry *entry = io->queues[i].entry;
        struct store_key key = {0};

        if (entry == NULL || entry->batch_from == entry->receipts.n) {
            continue;
        }
        doc_out_reset(io->scratch);
        receipts_to_doc(&entry->receipts, entry->batch_from, io->scratch);
        key.text = entry->receipts_row;
        key.a = (int64_t)entry->receipts.list[entry->receipts.n - 1].n;
        store_batch_append(io->writes, STORE_RECEIPTS, &key,
                           doc_out_done(io->scratch));
        entry->batch_from = entry->receipts.n;
    }
}

/* Remove an own collection's rows up to and with a key. */
static void remove_upto(struct engine_io *io, enum store_collection from,
                        const char *text, uint64_t upto)
{
    const struct store_key first = {.text = text, .a = 0};
    const struct store_key past = {.text = text, .a = (int64_t)upto + 1};

    store_batch_delete_range(io->writes, from, &first, &past);
}

static void forget_proven(struct engine_io *io)
{
    for (size_t i = 0; i < io->n_queues; i++) {
        struct entry *entry = io->queues[i].entry;

        /* While repeats are under way, their receipts keep their places. */
        if (entry != NULL && entry->replay == entry->replay_end &&
            !io->queues[i].matching && entry->receipts.n > 0 &&
            entry->receipts.list[0].n <= entry->proven) {
            size_t before = entry->receipts.n;

            remove_upto(io, STORE_RECEIPTS, entry->receipts_row, entry->proven);
            receipts_forget(&entry->receipts, entry->proven);
            entry->batch_from -= before - entry->receipts.n;
            entry->replay = 0;
            entry->replay_end = 0;
        }
    }
}

static void write_outbox(struct engine_io *io)
{
    uint64_t confirmed = sender_outbox_confirmed(io->sender);

    if (confirmed > io->published) {
        io->published = confirmed;
        remove_upto(io, STORE_OUTBOX, io->row, confirmed);
    }
    seal_outbox(io);
}

static void write_deltas(struct engine_io *io)
{
    const struct store_key key = {.text = io->row, .a = io->fence.batch + 1};
    bool folded = false;
    bool any;

    if (io->ops->fold == NULL) {
        return;
    }
    if (io->fold_due) {
        folded = io->ops->fold(io->state, io, RUNTIME_FOLD_ROWS);
        io->fold_due = !folded;
    }
    doc_out_reset(io->scratch);
    any = io->ops->delta(io->state, io->scratch);
    if (folded) {
        remove_upto(io, STORE_DELTAS, io->row, (uint64_t)io->fence.batch);
        io->fold_ms = io->step_ms + io->conf->fold_ms;
    } else if (any) {
        store_batch_append(io->writes, STORE_DELTAS, &key,
                           doc_out_done(io->scratch));
    }
}

void batch_begin_commit(struct engine_io *io)
{
    if (io->ops->commit != NULL) {
        io->ops->commit(io->state, io);
    }
    write_deltas(io);
    forget_proven(io);
    write_receipts(io);
    write_outbox(io);
    progress_write(io);
    flush_all(io);
    io->committing = true;
}

static void remember_inflight(struct engine_io *io)
{
    size_t i =
        (io->inflight_head + io->n_inflight) % (size_t)(io->conf->window + 1);
    struct inflight *inflight = &io->inflight[i];

    BUG_IF(io->n_inflight > (size_t)io->conf->window);
    *inflight =
        (struct inflight){.batch = io->batch, .generation = io->generation};
    for (size_t q = 0; q < io->n_queues; q++) {
        inflight->taken[q] = io->queues[q].taken;
        io->queues[q].taken = (struct taken){0};
    }
    io->n_inflight++;
}

static void finish(struct engine_io *io)
{
    sender_release(io->sender);
    remember_inflight(io);
    store_batch_clear(io->writes);
    engine_count(io, "batches", 1);
    engine_count(io, "events", io->events);
    if (io->events > 0) {
        io->last_event_ms = runtime_now(io);
        io->dense_ms = io->step_ms;
        io->dense = io->events >= RUNTIME_DENSE_EVENTS;
    }
    io->events = 0;
    io->open = false;
    io->committing = false;
}

enum err batch_commit(struct engine_io *io)
{
    bool applied = false;
    enum err err;

    if (io->unknown) {
        err = store_commit_known(io->setup.store, &io->fence, &applied);
        if (err != ERR_OK) {
            return err;
        }
        io->unknown = false;
        if (!applied) {
            return ERR_UNAVAILABLE; /* the same writes once more */
        }
    } else {
        err = store_commit(io->setup.store, &io->fence, io->writes,
                           io->progress_doc);
        io->unknown = err == ERR_UNKNOWN;
    }
    if (err == ERR_OK) {
        finish(io);
    }
    return err;
}
