/* SPDX-License-Identifier: Apache-2.0 */
/** What a consumer has taken, and whether what comes is new. */
#include "common/engine/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

enum {
    ENDED_FIRST = 64,
    ROWS_FIRST = 16,
    ENDED_BYTES = 16
};

void progress_init(struct progress *progress)
{
    *progress = (struct progress){0};
}

void progress_fini(struct progress *progress)
{
    free(progress->floors);
    free(progress->senders);
    free(progress->streams);
    free(progress->ended);
    memset(progress, 0, sizeof *progress);
}

/* Room for one more of n rows. */
static void *room_for(void *rows, size_t n, size_t *cap, size_t size)
{
    if (n < *cap) {
        return rows;
    }
    *cap = *cap > 0 ? 2 * *cap : ROWS_FIRST;
    return xrealloc_array(rows, *cap, size);
}

/* Bytes of a stream's name before the way it took. */
static size_t root_length(const char *stream, size_t len)
{
    const char *way = memchr(stream, ENVELOPE_SPLIT_MARK, len);

    return way != NULL ? (size_t)(way - stream) : len;
}

static struct progress_floor *find_floor(const struct progress *progress,
                                         const char *stream, size_t len)
{
    size_t root = root_length(stream, len);

    for (size_t i = 0; i < progress->n_floors; i++) {
        struct progress_floor *floor = &progress->floors[i];

        if (strlen(floor->stream) == root &&
            memcmp(floor->stream, stream, root) == 0) {
            return floor;
        }
    }
    return NULL;
}

void progress_add_floor(struct progress *progress, const char *stream,
                        uint64_t n)
{
    size_t len = strlen(stream);
    struct progress_floor *floor = find_floor(progress, stream, len);

    BUG_IF(len > EVENT_STREAM_MAX);
    if (floor == NULL) {
        progress->floors = room_for(progress->floors, progress->n_floors,
                                    &progress->cap_floors, sizeof *floor);
        floor = &progress->floors[progress->n_floors++];
        *floor = (struct progress_floor){.n = 0};
        memcpy(floor->stream, stream, root_length(stream, len));
    }
    floor->n = n > floor->n ? n : floor->n;
}

/* NULL: no room for one more. */
static struct progress_sender *find_sender(struct progress *progress,
                                           const char *name)
{
    struct progress_sender *sender;

    for (size_t i = 0; i < progress->n_senders; i++) {
        if (strcmp(progress->senders[i].name, name) == 0) {
            return &progress->senders[i];
        }
    }
    if (progress->n_senders == PROGRESS_SENDERS_MAX) {
        return NULL;
    }
    progress->senders = room_for(progress->senders, progress->n_senders,
                                 &progress->cap_senders, sizeof *sender);
    sender = &progress->senders[progress->n_senders++];
    *sender = (struct progress_sender){.next = 1};
    (void)snprintf(sender->name, sizeof sender->name, "%s", name);
    return sender;
}

enum progress_message progress_judge(struct progress *progress,
                                     const struct envelope_header *header)
{
    struct progress_sender *sender = find_sender(progress, header->sender);
    bool hole;

    if (sender == NULL) {
        return PROGRESS_FULL;
    }
    if (header->epoch < sender->epoch) {
        return PROGRESS_IGNORE;
    }
    if (header->epoch > sender->epoch) {
        sender->epoch = header->epoch;
        sender->next = 1;
    }
    if (header->sequence < sender->next) {
        return PROGRESS_TAKE; /* a repeat: its positions say so */
    }
    hole = header->sequence > sender->next;
    if (hole && header->confirmed < sender->next) {
        return PROGRESS_IGNORE;
    }
    sender->next = header->sequence + 1;
    return hole ? PROGRESS_HOLE : PROGRESS_TAKE;
}

bool progress_awaits(const struct progress *progress)
{
    for (size_t i = 0; i < progress->n_streams; i++) {
        const struct progress_stream *row = &progress->streams[i];

        if (row->kept && !row->heard) {
            return true;
        }
    }
    return false;
}

uint32_t progress_stream(struct progress *progress, const char *stream,
                         size_t len, const char *sender)
{
    const struct progress_floor *floor;
    struct progress_stream *row;

    for (size_t i = 0; i < progress->n_streams; i++) {
        row = &progress->streams[i];
        if (strncmp(row->stream, stream, len) == 0 &&
            row->stream[len] == '\0' && strcmp(row->sender, sender) == 0) {
            return (uint32_t)i;
        }
    }
    BUG_IF(len > EVENT_STREAM_MAX);
    if (progress->n_streams == PROGRESS_STREAMS_MAX) {
        return PROGRESS_NO_STREAM;
    }
    progress->streams = room_for(progress->streams, progress->n_streams,
                                 &progress->cap_streams, sizeof *row);
    row = &progress->streams[progress->n_streams];
    *row = (struct progress_stream){.n = 0};
    floor = find_floor(progress, stream, len);
    if (floor != NULL) {
        row->n = floor->n;
        row->index = UINT32_MAX;
    }
    memcpy(row->stream, stream, len);
    (void)snprintf(row->sender, sizeof row->sender, "%s", sender);
    return (uint32_t)progress->n_streams++;
}

bool progress_is_new(const struct progress *progress, uint32_t stream,
                     uint64_t n, uint32_t index)
{
    const struct progress_stream *row = &progress->streams[stream];

    return n > row->n || (n == row->n && index > row->index);
}

bool progress_advance(struct progress *progress, uint32_t stream, uint64_t n,
                      uint32_t index)
{
    if (!progress_is_new(progress, stream, n, index)) {
        return false;
    }
    progress->streams[stream].n = n;
    progress->streams[stream].index = index;
    return true;
}

bool progress_keeps(struct progress *progress, uint32_t stream, bool local)
{
    struct progress_stream *row = &progress->streams[stream];

    row->kept |= local;
    return row->kept;
}

void progress_hear(struct progress *progress, uint32_t stream, bool local)
{
    progress->streams[stream].heard = true;
    progress->streams[stream].kept = local;
}

static void add_ended(struct progress *progress,
                      const struct progress_ended *ended)
{
    if (progress->n_ended == progress->cap_ended) {
        progress->cap_ended =
            progress->cap_ended > 0 ? 2 * progress->cap_ended : ENDED_FIRST;
        progress->ended = xrealloc_array(progress->ended, progress->cap_ended,
                                         sizeof *progress->ended);
    }
    progress->ended[progress->n_ended++] = *ended;
}

void progress_end(struct progress *progress, uint32_t stream, uint64_t n,
                  uint32_t index)
{
    add_ended(progress, &(struct progress_ended){
                            .n = n, .index = index, .stream = stream});
}

void progress_mark(struct progress *progress, uint32_t stream, uint64_t n,
                   uint64_t batch)
{
    struct progress_stream *row = &progress->streams[stream];

    /* One at a time: the next one starts when this one has arrived. */
    if (row->mark_n == 0) {
        row->mark_n = n;
        row->mark_batch = batch;
    }
}

bool progress_has_ended(const struct progress *progress, uint32_t stream,
                        uint64_t n, uint32_t index)
{
    for (size_t i = 0; i < progress->n_ended; i++) {
        const struct progress_ended *ended = &progress->ended[i];

        if (ended->n == n && ended->index == index && ended->stream == stream) {
            return true;
        }
    }
    return false;
}

static void forget_ended(struct progress *progress, uint32_t stream,
                         uint64_t below)
{
    size_t kept = 0;

    for (size_t i = 0; i < progress->n_ended; i++) {
        const struct progress_ended *ended = &progress->ended[i];

        if (ended->stream != stream || ended->n > below) {
            progress->ended[kept++] = *ended;
        }
    }
    progress->n_ended = kept;
}

void progress_confirmed(struct progress *progress, uint64_t batch)
{
    for (size_t i = 0; i < progress->n_streams; i++) {
        struct progress_stream *row = &progress->streams[i];

        if (row->mark_n > 0 && row->mark_batch <= batch) {
            forget_ended(progress, (uint32_t)i, row->mark_n);
            row->mark_n = 0;
        }
    }
}

static void add_ended_member(const struct progress *progress,
                             struct doc_out *out)
{
    struct buf bytes;

    buf_init(&bytes, DOC_BYTES_MAX);
    for (size_t i = 0; i < progress->n_ended; i++) {
        const struct progress_ended *ended = &progress->ended[i];

        buf_add_u64(&bytes, ended->n);
        buf_add_u32(&bytes, ended->index);
        buf_add_u32(&bytes, ended->stream);
    }
    BUG_IF(bytes.overflow);
    doc_add_bytes(out, "ended", buf_str(&bytes), bytes.len);
    buf_fini(&bytes);
}

static void add_floors_member(const struct progress *progress,
                              struct doc_out *out)
{
    if (progress->n_floors == 0) {
        return;
    }
    doc_begin_array(out, "floors");
    for (size_t i = 0; i < progress->n_floors; i++) {
        doc_begin_doc(out, NULL);
        doc_add_str(out, "stream", progress->floors[i].stream);
        doc_add_i64(out, "n", (int64_t)progress->floors[i].n);
        doc_end(out);
    }
    doc_end(out);
}

void progress_add_members(const struct progress *progress, struct doc_out *out)
{
    add_floors_member(progress, out);
    doc_begin_array(out, "senders");
    for (size_t i = 0; i < progress->n_senders; i++) {
        const struct progress_sender *sender = &progress->senders[i];

        doc_begin_doc(out, NULL);
        doc_add_str(out, "name", sender->name);
        doc_add_i64(out, "epoch", (int64_t)sender->epoch);
        doc_add_i64(out, "next", (int64_t)sender->next);
        doc_end(out);
    }
    doc_end(out);
    doc_begin_array(out, "streams");
    for (size_t i = 0; i < progress->n_streams; i++) {
        const struct progress_stream *stream = &progress->streams[i];

        doc_begin_doc(out, NULL);
        doc_add_str(out, "stream", stream->stream);
        doc_add_str(out, "sender", stream->sender);
        doc_add_i64(out, "n", (int64_t)stream->n);
        doc_add_i64(out, "index", stream->index);
        if (stream->kept) {
            doc_add_bool(out, "kept", true);
        }
        doc_end(out);
    }
    doc_end(out);
    add_ended_member(progress, out);
}

static void read_ended(struct progress *progress, struct doc doc)
{
    struct doc_value value;
    const char *at;

    if (!doc_get(doc, "ended", &value) || value.type != DOC_BYTES) {
        return;
    }
    at = value.u.s.text;
    for (size_t i = 0; i + ENDED_BYTES <= value.u.s.len; i += ENDED_BYTES) {
        struct progress_ended ended = {.n = 0};

        memcpy(&ended.n, at + i, sizeof ended.n);
        memcpy(&ended.index, at + i + 8, sizeof ended.index);
        memcpy(&ended.stream, at + i + ENDED_BYTES - sizeof ended.stream,
               sizeof ended.stream);
        add_ended(progress, &ended);
    }
}

void progress_from_doc(struct progress *progress, struct doc doc)
{
    struct doc_iter it;
    struct doc_value value;
    const char *key;

    progress_fini(progress);
    doc_iter_init(&it, doc_sub(doc, "floors"));
    while (doc_next(&it, &key, &value)) {
        progress_add_floor(progress, doc_str(value.u.doc, "stream", ""),
                           (uint64_t)doc_i64(value.u.doc, "n", 0));
    }
    doc_iter_init(&it, doc_sub(doc, "senders"));
    while (doc_next(&it, &key, &value)) {
        struct progress_sender *sender =
            find_sender(progress, doc_str(value.u.doc, "name", ""));

        BUG_IF(sender == NULL);
        sender->epoch = (uint64_t)doc_i64(value.u.doc, "epoch", 0);
        sender->next = (uint64_t)doc_i64(value.u.doc, "next", 1);
    }
    doc_iter_init(&it, doc_sub(doc, "streams"));
    while (doc_next(&it, &key, &value)) {
        const char *name = doc_str(value.u.doc, "stream", "");
        uint32_t row = progress_stream(progress, name, strlen(name),
                                       doc_str(value.u.doc, "sender", ""));

        BUG_IF(row == PROGRESS_NO_STREAM);
        progress->streams[row].n = (uint64_t)doc_i64(value.u.doc, "n", 0);
        progress->streams[row].index =
            (uint32_t)doc_i64(value.u.doc, "index", 0);
        progress->streams[row].kept = doc_bool(value.u.doc, "kept", false);
    }
    read_ended(progress, doc);
}
