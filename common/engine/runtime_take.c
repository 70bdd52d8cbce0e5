/* SPDX-License-Identifier: Apache-2.0 */
/** The runtime: one delivery into the open batch. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/engine/runtime_priv.h"

enum {
    POSITION_TEXT_MAX = EVENT_ID_MAX + 32
};

void take_fail(struct engine_io *io, const char *sender)
{
    log_error("ENGINE-STREAMS",
              "%s: no room for what comes from %s: %d senders and %d streams "
              "are known; are there too many partitions?",
              io->row, sender, (int)io->progress.n_senders,
              (int)io->progress.n_streams);
    io->phase = PHASE_FAILED;
}

uint64_t take_hash(const struct bus_delivery *delivery)
{
    return delivery->body != NULL ? hash_fixed(delivery->body, delivery->len)
                                  : (uint64_t)delivery->len;
}

/* A message of no known form: named by its content, as it has no position. */
static void refuse_message(struct engine_io *io,
                           const struct bus_delivery *delivery,
                           const struct errbuf *why)
{
    char position[POSITION_TEXT_MAX];

    (void)snprintf(position, sizeof position, "raw-%016" PRIx64,
                   take_hash(delivery));
    batch_dead_letter(
        io,
        &(struct dead_letter){.position = position,
                              .routing_key = delivery->routing_key,
                              .queue = "",
                              .body = delivery->body,
                              .len = delivery->len},
        why);
}

static void position_text(const struct envelope_item *item, char *out,
                          size_t size)
{
    char stream[EVENT_STREAM_MAX + 1];

    memcpy(stream, item->stream, item->stream_len);
    stream[item->stream_len] = '\0';
    stream[strcspn(stream, (char[]){ENVELOPE_SPLIT_MARK, '\0'})] = '\0';
    event_position_format(&(struct event_position){.stream = stream,
                                                   .n = item->n,
                                                   .index = item->index},
                          out, size);
}

static void refuse_item(struct engine_io *io, const struct envelope_item *item,
                        const char *routing_key, const struct errbuf *why)
{
    char position[POSITION_TEXT_MAX];
    char queue[BUS_NAME_MAX + 1];

    position_text(item, position, sizeof position);
    buf_clear(&io->text);
    doc_to_json(item->doc, &io->text);
    batch_dead_letter(
        io,
        &(struct dead_letter){
            .position = position,
            .routing_key = routing_key,
            .queue = bus_queue_name(io->ops->name, (int)io->conf->partition,
                                    (int)io->conf->partitions, queue),
            .body = buf_str(&io->text),
            .len = io->text.len,
            .event = item->doc},
        why);
}

void take_forward(struct engine_io *io, struct event *event,
                  const struct envelope_item *item)
{
    struct envelope_item out = *item;

    io->event_doc = item->doc;
    if (io->ops->enrich != NULL && io->ops->enrich(io->state, io, event)) {
        doc_out_reset(io->event_out);
        event_to_doc(event, io->event_out);
        out.doc = doc_out_done(io->event_out);
        io->unchanged = false;
    }
    batch_forward(io, event, &out);
}

static void take_event(struct engine_io *io, const struct envelope_item *item,
                       uint32_t stream)
{
    struct event event;
    struct errbuf why = {{0}, {0}};
    enum engine_verdict verdict = ENGINE_REJECT;

    io->event_doc = item->doc;
    if (event_from_doc(item->doc, &event, &why) == ERR_OK) {
        verdict = io->ops->process(io->state, io, &event, &why);
    } else {
        event.rk = "";
    }
    if (verdict == ENGINE_FORWARD) {
        take_forward(io, &event, item);
        return;
    }
    progress_end(&io->progress, stream, item->n, item->index);
    if (verdict == ENGINE_REJECT) {
        refuse_item(io, item, event.rk, &why);
    } else {
        engine_count(io, "dropped", 1);
    }
}

static void take_mark(struct engine_io *io, const struct envelope_item *item,
                      uint32_t row)
{
    const char *sender = io->progress.streams[row].sender;
    int64_t t_ms = doc_i64(item->doc, "t", 0); /* 0: it tells none */
    char stream[EVENT_STREAM_MAX + 1];

    memcpy(stream, item->stream, item->stream_len);
    stream[item->stream_len] = '\0';
    if (t_ms > 0) {
        chain_mark(&io->chain,
                   &(struct chain_mark){.stream = stream,
                                        .sender = sender,
                                        .queue = doc_str(item->doc, "q", ""),
                                        .t_ms = t_ms});
    }
    progress_mark(&io->progress, row, item->n, io->batch);
    batch_forward_mark(io, item);
}

/* It ends as it did the first time. Where its forwarding may have failed it
 * came among the redelivered, and repeat_match has forwarded it; but for what
 * its sender kept, which is nowhere else. */
static void take_repeat(struct engine_io *io, const struct envelope_item *item,
                        uint32_t stream, bool kept)
{
    struct event event;

    engine_count(io, "repeats", 1);
    if (kept && item->kind == ENVELOPE_EVENT &&
        !progress_has_ended(&io->progress, stream, item->n, item->index) &&
        event_from_doc(item->doc, &event, NULL) == ERR_OK) {
        take_forward(io, &event, item);
    }
}

static void take_items(struct engine_io *io, const struct envelope *envelope,
                       bool local)
{
    const char *sender = envelope->header.sender;
    const char *last = NULL;
    uint32_t stream = 0;

    for (uint32_t i = 0; i < envelope->count; i++) {
        struct envelope_item item;
        bool kept;

        envelope_get(envelope, i, &item);
        BUG_IF(item.stream == NULL);
        if (item.stream != last) {
            stream = progress_stream(&io->progress, item.stream,
                                     item.stream_len, sender);
            last = item.stream;
        }
        if (stream == PROGRESS_NO_STREAM) {
            take_fail(io, sender);
            return;
        }
        kept = progress_keeps(&io->progress, stream, local);
        if (!progress_advance(&io->progress, stream, item.n, item.index)) {
            take_repeat(io, &item, stream, kept);
            continue;
        }
        progress_hear(&io->progress, stream, local);
        if (item.kind == ENVELOPE_MARK) {
            take_mark(io, &item, stream);
        } else {
            take_event(io, &item, stream);
            io->events++;
        }
    }
}

/* All that waited at the broker before this life began its own has come. */
static void take_turn(struct engine_io *io, const struct bus_delivery *delivery)
{
    if (io->local != NULL &&
        strcmp(delivery->properties.message_id, io->turn) == 0) {
        io->local->matching = false;
    }
}

static bool is_turn(const struct bus_delivery *delivery)
{
    return strcmp(delivery->properties.content_type,
                  ENGINE_TURN_CONTENT_TYPE) == 0;
}

static void take_envelope(struct engine_io *io,
                          const struct bus_delivery *delivery, bool local)
{
    struct envelope envelope;
    struct errbuf why;
    bool relay;

    if (delivery->body == NULL) {
        errbuf_set_field(&why, "body", "message of %zu bytes passes the limit",
                         delivery->len);
        refuse_message(io, delivery, &why);
        return;
    }
    if (envelope_open(delivery->body, delivery->len, &io->room, &envelope,
                      &why) != ERR_OK) {
        refuse_message(io, delivery, &why);
        return;
    }
    switch (progress_judge(&io->progress, &envelope.header)) {
    case PROGRESS_IGNORE:
        engine_count(io, "ignored", 1);
        return;
    case PROGRESS_FULL:
        take_fail(io, envelope.header.sender);
        return;
    case PROGRESS_HOLE:
        engine_count(io, "holes", 1);
        log_error("ENGINE-HOLE",
                  "%s: messages from %s before number %" PRIu64
                  " were confirmed but are gone (a purge or a restore?)",
                  io->row, envelope.header.sender, envelope.header.sequence);
        report_lost(io, envelope.header.sender, envelope.header.sequence);
        break;
    case PROGRESS_TAKE:
        break;
    }
    relay = batch_begin_relay(io, &envelope);
    io->unchanged = true;
    take_items(io, &envelope, local);
    if (relay && io->unchanged) {
        batch_relay(io, &envelope);
    }
}

/* The number of an entry message: from its receipt when it comes again. */
static void number_input(struct engine_io *io, struct queue *queue,
                         const struct bus_delivery *delivery,
                         struct engine_input *input)
{
    struct entry *entry = queue->entry;
    struct receipt receipt = {.silent = false};

    *input = (struct engine_input){.delivery = delivery};
    if (entry->replay < entry->replay_end) {
        receipt = entry->receipts.list[entry->replay++];
        input->repeat = true;
        engine_count(io, "repeats", 1);
    } else {
        receipt.n = ++entry->n;
        receipt.hash = take_hash(delivery);
        receipt.received_ms = io->now_ms;
        receipts_add(&entry->receipts, &receipt);
    }
    io->input_silent = receipt.silent;
    input->received_ms = receipt.received_ms;
    queue->taken.last_n = receipt.n;
    io->input_n = receipt.n;
}

static bool is_mark(const struct engine_io *io,
                    const struct bus_delivery *delivery)
{
    const struct bus_properties *properties = &delivery->properties;

    return strcmp(properties->content_type, ENGINE_MARK_CONTENT_TYPE) == 0 &&
           strcmp(properties->user_id, io->setup.user) == 0 &&
           delivery->body != NULL &&
           doc_check((struct doc){delivery->body, (uint32_t)delivery->len});
}

static void pass_mark(struct engine_io *io, const struct queue *queue,
                      const struct bus_delivery *delivery)
{
    const struct entry *entry = queue->entry;
    struct envelope_item item = {
        .stream = entry->stream,
        .stream_len = (uint8_t)strlen(entry->stream),
        .kind = ENVELOPE_MARK,
        .n = io->input_n,
        .doc = {delivery->body, (uint32_t)delivery->len}};

    chain_mark(&io->chain,
               &(struct chain_mark){.stream = entry->stream,
                                    .sender = io->row,
                                    .queue = queue->name,
                                    .t_ms = doc_i64(item.doc, "t", 0)});
    if (!io->ops->to_exchange) {
        batch_forward_mark(io, &item);
    }
}

/* Publish what one input gave, under an id that it keeps for ever. */
static void send_input_envelope(struct engine_io *io)
{
    struct envelope_header header = {.epoch = 0};
    char exchange[BUS_NAME_MAX + 1];
    char id[EVENT_ID_MAX];
    struct bus_message message = {
        .exchange = bus_exchange_name(io->setup.exchange_prefix,
                                      io->ops->exchange, exchange),
        .routing_key = io->input_key,
        .mandatory = true,
        .properties = {.content_type = ENVELOPE_CONTENT_TYPE,
                       .message_id = id}};

    event_position_format(
        &(struct event_position){.stream = io->input_queue->entry->stream,
                                 .n = io->input_n,
                                 .index = io->input_part++},
        id, sizeof id);
    memcpy(header.sender, io->row, sizeof io->row);
    buf_clear(&io->contents);
    envelope_out_finish(io->input_envelope, &io->contents);
    buf_clear(&io->text);
    envelope_seal(&header, &io->contents, &io->text);
    message.body = io->text.data;
    message.len = io->text.len;
    sender_add_message(io->sender, &message, 0, io->batch);
    envelope_out_clear(io->input_envelope);
}

static void take_input(struct engine_io *io, struct queue *queue,
                       const struct bus_delivery *delivery)
{
    struct engine_input input;

    number_input(io, queue, delivery, &input);
    if (is_mark(io, delivery)) {
        pass_mark(io, queue, delivery);
        return;
    }
    if (io->input_silent) {
        return;
    }
    io->input_queue = queue;
    io->input = &input;
    io->input_part = 0;
    io->input_silent = true;
    io->ops->input(io->state, io, &input);
    if (!input.repeat) {
        struct receipts *receipts = &queue->entry->receipts;

        receipts->list[receipts->n - 1].silent = io->input_silent;
    }
    if (envelope_out_count(io->input_envelope) > 0) {
        send_input_envelope(io);
    }
    io->input = NULL;
}

void engine_pass(struct engine_io *io, uint32_t index,
                 const struct event *event)
{
    const struct entry *entry = io->input_queue->entry;
    struct event copy = *event;
    char id[EVENT_ID_MAX];
    struct envelope_item item = {.stream = entry->stream,
                                 .stream_len = (uint8_t)strlen(entry->stream),
                                 .kind = ENVELOPE_EVENT,
                                 .n = io->input_n,
                                 .index = index};

    event_position_format(&(struct event_position){.stream = entry->stream,
                                                   .n = io->input_n,
                                                   .index = index},
                          id, sizeof id);
    copy.id = id;
    doc_out_reset(io->event_out);
    event_to_doc(&copy, io->event_out);
    item.doc = doc_out_done(io->event_out);
    io->events++;
    io->input_silent = false;
    if (!io->ops->to_exchange) {
        batch_forward(io, &copy, &item);
        return;
    }
    if (envelope_out_count(io->input_envelope) == 0) {
        (void)snprintf(io->input_key, sizeof io->input_key, "%s", event->rk);
    }
    if (!envelope_out_add(io->input_envelope, &item)) {
        send_input_envelope(io);
        BUG_IF(!envelope_out_add(io->input_envelope, &item));
    }
}

void engine_refuse(struct engine_io *io, uint32_t index, const void *text,
                   size_t len, const struct errbuf *why)
{
    char position[EVENT_ID_MAX];

    if (io->input->repeat) {
        return; /* committed with the first life's batch */
    }
    event_position_format(
        &(struct event_position){.stream = io->input_queue->entry->stream,
                                 .n = io->input_n,
                                 .index = index},
        position, sizeof position);
    batch_dead_letter(
        io,
        &(struct dead_letter){.position = position,
                              .routing_key = io->input->delivery->routing_key,
                              .queue = io->input_queue->name,
                              .body = text,
                              .len = len},
        why);
}

void take_delivery(struct engine_io *io, size_t queue,
                   const struct bus_delivery *delivery)
{
    struct queue *from = &io->queues[queue];

    batch_open(io);
    from->taken.tag = delivery->tag;
    from->taken.n++;
    switch (from->kind) {
    case QUEUE_HOP:
        if (is_turn(delivery)) {
            take_turn(io, delivery);
        } else {
            take_envelope(io, delivery, false);
        }
        break;
    case QUEUE_LOCAL:
        take_envelope(io, delivery, true);
        break;
    case QUEUE_ENTRY:
        take_input(io, from, delivery);
        break;
    case QUEUE_EXTRA:
        io->ops->extra(io->state, io, from->extra, delivery);
        io->events++;
        break;
    case QUEUE_CONTROL:
        io->kinds_told = true;
        break;
    }
}
