/* SPDX-License-Identifier: Apache-2.0 */
/** Dead letters: kept, counted, given again, deleted. */
#include "engines/eventstore/dead.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "engines/eventstore/dead_count.h"
#include "engines/eventstore/dead_request.h"

enum {
    A_BEAT = 500,                   /* requests done in one */
    A_BEAT_BYTES = 4 * 1024 * 1024, /* or letters of so many bytes read */
    REASON_MAX = 512,
    TENTHS = 10
};

/* Enough of a letter to bound and to count it. */
struct dead_letter_kept {
    TAILQ_ENTRY(dead_letter_kept) link;
    struct dead_count *count;
    size_t bytes;
    uint64_t batch; /* that put or changed it last; 0: none in this life */
    char id[];
};

void dead_init(struct dead *dead)
{
    TAILQ_INIT(&dead->by_age);
    TAILQ_INIT(&dead->requests);
    dead->batch = 1;
}

static void forget_all(struct dead *dead)
{
    struct dead_letter_kept *letter;
    struct dead_request *request;

    while ((letter = TAILQ_FIRST(&dead->by_age)) != NULL) {
        TAILQ_REMOVE(&dead->by_age, letter, link);
        free(letter);
    }
    while ((request = TAILQ_FIRST(&dead->requests)) != NULL) {
        TAILQ_REMOVE(&dead->requests, request, link);
        dead_request_free(request);
    }
    map_fini(&dead->letters);
    dead_counts_fini(&dead->counts);
    dead->bytes = 0;
    dead->last_request = 0;
}

void dead_fini(struct dead *dead)
{
    forget_all(dead);
    known_fini(&dead->known);
}

static struct dead_letter_kept *find(const struct dead *dead, const char *id)
{
    return map_get(&dead->letters, id, strlen(id));
}

static void add(struct dead *dead, const char *id, struct doc row)
{
    size_t len = strlen(id);
    struct dead_letter_kept *letter = xcalloc(1, sizeof *letter + len + 1);

    memcpy(letter->id, id, len + 1);
    letter->bytes = row.len;
    letter->count = dead_count_of(&dead->counts, row);
    letter->count->kept++;
    dead->bytes += row.len;
    TAILQ_INSERT_TAIL(&dead->by_age, letter, link);
    (void)map_put(&dead->letters, letter->id, len, letter);
}

static bool add_row(void *ctx, const struct store_key *key, struct doc row)
{
    add(ctx, key->text, row);
    return true;
}

static bool add_count(void *ctx, const struct store_key *key, struct doc row)
{
    struct dead *dead = ctx;

    dead_counts_add(&dead->counts, key->text, row);
    return true;
}

static bool add_request(void *ctx, const struct store_key *key, struct doc row)
{
    struct dead *dead = ctx;
    struct dead_request *request = dead_request_new(key->a, row);

    TAILQ_INSERT_TAIL(&dead->requests, request, link);
    dead->last_request = key->a;
    return true;
}

static enum err scan(struct dead *dead, struct engine_io *io,
                     enum store_collection from, const char *sort,
                     store_row_fn *each)
{
    const struct store_query query = {
        .collection = from, .sort = sort, .limit = INT64_MAX};

    return store_scan(engine_store(io), &query, each, dead, NULL, NULL);
}

enum err dead_load(struct dead *dead, struct engine_io *io)
{
    int64_t of;
    enum err err;

    forget_all(dead);
    if (engine_partition(io, &of) > 0) {
        return ERR_OK; /* the first one reads and keeps them */
    }
    err = scan(dead, io, STORE_DEAD_COUNTS, NULL, add_count);
    if (err == ERR_OK) {
        err = scan(dead, io, STORE_DEAD, "at", add_row);
    }
    if (err == ERR_OK) {
        err = scan(dead, io, STORE_DEAD_REQUESTS, NULL, add_request);
    }
    return err == ERR_OK ? known_load(&dead->known, io) : err;
}

static void remove_letter(struct dead *dead, struct engine_io *io,
                          struct dead_letter_kept *letter)
{
    const struct store_key key = {.text = letter->id};

    store_batch_delete(engine_batch(io), STORE_DEAD, &key);
    known_add(&dead->known, io, letter->id); /* its message may come again */
    letter->count->kept--;
    letter->count->changed = true;
    dead->counts_changed = true;
    dead->bytes -= letter->bytes;
    TAILQ_REMOVE(&dead->by_age, letter, link);
    (void)map_remove(&dead->letters, letter->id, strlen(letter->id));
    free(letter);
}

static bool is_full(const struct dead *dead, size_t tenths)
{
    return dead->letters.n * TENTHS > (size_t)dead->max * tenths ||
           dead->bytes * TENTHS > (size_t)dead->max_bytes * tenths;
}

static void drop_oldest(struct dead *dead, struct engine_io *io)
{
    while (dead->letters.n > 1 && is_full(dead, TENTHS)) {
        log_complain(&dead->full, "EVENTSTORE-DEAD-FULL",
                     "more than %" PRId64 " dead letters, or %" PRId64
                     " bytes of them: the oldest, %s, is dropped",
                     dead->max, dead->max_bytes,
                     TAILQ_FIRST(&dead->by_age)->id);
        remove_letter(dead, io, TAILQ_FIRST(&dead->by_age));
        dead->dropped++;
        engine_count(io, "dead_dropped", 1);
    }
}

/* A repeat has the name that its engine gave it. Only what had no position is
 * named by its content, which may be met again. */
static bool is_repeat(const struct dead *dead, const char *id)
{
    return find(dead, id) != NULL ||
           (known_has(&dead->known, id) && strstr(id, "/raw-") == NULL);
}

static void take_letter(struct dead *dead, struct engine_io *io, struct doc row)
{
    const struct store_key key = {.text = doc_str(row, "id", "")};
    struct dead_letter_kept *letter;
    struct dead_count *count;

    if (is_repeat(dead, key.text)) {
        engine_count(io, "dead_repeats", 1);
        return;
    }
    store_batch_put(engine_batch(io), STORE_DEAD, &key, row);
    add(dead, key.text, row);
    letter = find(dead, key.text);
    letter->batch = dead->batch;
    count = letter->count;
    count->total++;
    count->last_ms = doc_ms(row, "at", 0);
    count->changed = true;
    dead->counts_changed = true;
    engine_count(io, "dead_stored", 1);
    drop_oldest(dead, io);
}

/* It is done once it is stored: a kill does not take it, and by then the
 * letter it speaks of can be read. */
static void take_request(struct dead *dead, struct engine_io *io,
                         const struct bus_delivery *delivery)
{
    struct store_key key = {.a = dead->last_request + 1};
    struct doc_out *json = doc_out_new();
    struct errbuf why = {{0}, {0}};
    struct doc row;
    const char *action;

    if (dead_request_read(delivery, json, engine_scratch(io), &why) != ERR_OK) {
        log_warning("EVENTSTORE-REQUEST",
                    "a request about dead letters: %s: %s", why.field,
                    why.text);
        engine_count(io, "dead_foreign", 1);
        doc_out_free(json);
        return;
    }
    row = doc_out_done(engine_scratch(io));
    action = doc_str(row, "action", "");
    if (!known_has(&dead->known, action)) {
        struct dead_request *request = dead_request_new(key.a, row);

        dead->last_request = key.a;
        TAILQ_INSERT_TAIL(&dead->requests, request, link);
        store_batch_put(engine_batch(io), STORE_DEAD_REQUESTS, &key, row);
        known_add(&dead->known, io,
                  doc_str(dead_request_doc(request), "action", ""));
    }
    doc_out_free(json);
}

void dead_take(struct dead *dead, struct engine_io *io,
               const struct bus_delivery *delivery)
{
    const struct bus_properties *properties = &delivery->properties;
    const struct doc row = {delivery->body, (uint32_t)delivery->len};
    bool ours = strcmp(properties->user_id, engine_user(io)) == 0;

    if (ours && strcmp(properties->content_type, "application/json") == 0) {
        take_request(dead, io, delivery);
    } else if (ours && delivery->body != NULL && doc_check(row) &&
               doc_str(row, "id", "")[0] != '\0') {
        take_letter(dead, io, row);
    } else {
        log_warning("EVENTSTORE-DEAD",
                    "a message on the dead letters' exchange is none of ours "
                    "(user \"%s\", %zu bytes): ignored",
                    properties->user_id, delivery->len);
        engine_count(io, "dead_foreign", 1);
    }
}

/* Doing what was requested. */

/* Where a replay goes, and what goes there. */
struct replay {
    const char *queue;
    struct doc event; /* empty: body goes, as text */
    const char *body;
    size_t len;
};

/* An edited body enters where events enter; of an entry engine, there. */
static void plan_edited(struct doc letter, const struct doc_value *body,
                        struct replay *replay)
{
    bool from_entry = doc_sub(letter, "event").len == 0 &&
                      doc_bool(letter, "replayable", false);

    *replay = (struct replay){.queue = from_entry ? doc_str(letter, "queue", "")
                                                  : "Engine_cleaner",
                              .body = body->u.s.text,
                              .len = body->u.s.len};
}

static bool plan(struct doc letter, struct doc request, struct replay *replay,
                 char why[REASON_MAX])
{
    struct doc_value body;

    if (doc_ms(letter, "replayed_at", 0) > 0) {
        (void)snprintf(why, REASON_MAX,
                       "it was replayed already, by %.128s to %.64s",
                       doc_str(letter, "replayed_by", ""),
                       doc_str(letter, "replayed_to", ""));
        return false;
    }
    if (doc_get(request, "body", &body) && body.type == DOC_STRING) {
        plan_edited(letter, &body, replay);
        return true;
    }
    if (!doc_bool(letter, "replayable", false) ||
        !doc_get(letter, "body", &body)) {
        (void)snprintf(why, REASON_MAX,
                       "it cannot be replayed as it is: too long to be kept "
                       "whole, or no event; replay it with a body of your own");
        return false;
    }
    *replay = (struct replay){.queue = doc_str(letter, "queue", ""),
                              .event = doc_sub(letter, "event"),
                              .body = body.u.s.text,
                              .len = body.u.s.len};
    return true;
}

static void send(struct engine_io *io, const struct replay *replay,
                 const char *action)
{
    char id[KNOWN_ID_MAX + 8];

    if (replay->event.len > 0) {
        engine_resend(io, replay->queue, replay->event);
        return;
    }
    (void)snprintf(id, sizeof id, "dead/%s", action);
    engine_originate(
        io, &(struct engine_outgoing){.queue = replay->queue,
                                      .content_type = "application/json",
                                      .message_id = id,
                                      .body = replay->body,
                                      .len = replay->len});
}

/* The letter stays until it is purged, and tells that it was replayed. */
static void mark_replayed(struct engine_io *io, struct doc letter,
                          struct doc request, const char *to)
{
    const struct store_key key = {.text = doc_str(letter, "id", "")};
    struct doc_out *out = engine_scratch(io);
    struct doc_iter it;
    struct doc_value value;
    const char *name;

    doc_out_reset(out);
    doc_iter_init(&it, letter);
    while (doc_next(&it, &name, &value)) {
        doc_add_value(out, name, &value);
    }
    doc_add_ms(out, "replayed_at", engine_now_ms(io));
    doc_add_str(out, "replayed_by", doc_str(request, "author", ""));
    doc_add_str(out, "replayed_to", to);
    store_batch_put(engine_batch(io), STORE_DEAD, &key, doc_out_done(out));
}

static void replay_letter(struct engine_io *io,
                          const struct dead_request *request, struct doc letter)
{
    const struct doc doc = dead_request_doc(request);
    char why[REASON_MAX];
    struct replay replay;

    if (!plan(letter, doc, &replay, why)) {
        dead_request_answer(io, request, NULL, why);
        engine_count(io, "dead_refused", 1);
        return;
    }
    if (engine_find_queue(io, replay.queue) == ERR_NOT_FOUND) {
        (void)snprintf(why, sizeof why, "the broker has no queue %.127s",
                       replay.queue);
        dead_request_answer(io, request, NULL, why);
        engine_count(io, "dead_refused", 1);
        return;
    }
    send(io, &replay, doc_str(doc, "action", ""));
    mark_replayed(io, letter, doc, replay.queue);
    dead_request_answer(io, request, replay.queue, NULL);
    engine_count(io, "dead_replayed", 1);
}

static void refuse_unknown(struct engine_io *io,
                           const struct dead_request *request)
{
    dead_request_answer(io, request, NULL,
                        "there is no such dead letter (any more)");
    engine_count(io, "dead_refused", 1);
}

/* ERR_UNAVAILABLE: not now. *bytes were read for it. */
static enum err do_replay(struct dead *dead, struct engine_io *io,
                          const struct dead_request *request,
                          struct dead_letter_kept *letter, size_t *bytes)
{
    const struct store_key key = {.text = letter->id};
    struct buf row;
    enum err err;

    if (letter->batch == dead->batch) {
        return ERR_UNAVAILABLE; /* what this very batch puts cannot be read */
    }
    buf_init(&row, DOC_BYTES_MAX);
    err = store_get(engine_store(io), STORE_DEAD, &key, &row);
    if (err == ERR_OK) {
        letter->batch = dead->batch;
        *bytes += row.len;
        replay_letter(
            io, request,
            (struct doc){(const uint8_t *)row.data, (uint32_t)row.len});
    } else if (err == ERR_NOT_FOUND) {
        refuse_unknown(io, request); /* somebody else deleted it */
        err = ERR_OK;
    }
    buf_fini(&row);
    return err;
}

static enum err do_request(struct dead *dead, struct engine_io *io,
                           const struct dead_request *request, size_t *bytes)
{
    struct dead_letter_kept *letter =
        find(dead, doc_str(dead_request_doc(request), "id", ""));

    if (letter == NULL) {
        refuse_unknown(io, request);
        return ERR_OK;
    }
    if (dead_request_op(request) == DEAD_REPLAY) {
        return do_replay(dead, io, request, letter, bytes);
    }
    remove_letter(dead, io, letter);
    dead_request_answer(io, request, NULL, NULL);
    engine_count(io, "dead_purged", 1);
    return ERR_OK;
}

static void tell_full(const struct dead *dead, struct engine_io *io)
{
    char text[REASON_MAX];

    engine_gauge(io, "dead_kept", (int64_t)dead->letters.n);
    if (dead->dropped > 0 && is_full(dead, TENTHS - 1)) {
        (void)snprintf(text, sizeof text,
                       "dead letters are dropped unseen: %" PRIu64
                       " since the start, %zu are kept",
                       dead->dropped, dead->letters.n);
        engine_report(io, "dead", STATE_MAJOR, text);
    } else if (!is_full(dead, TENTHS - 1)) {
        engine_report(io, "dead", STATE_OK, "all dead letters are kept");
    }
}

void dead_beat(struct dead *dead, struct engine_io *io)
{
    struct dead_request *request;
    size_t bytes = 0;

    for (int i = 0; i < A_BEAT && bytes < A_BEAT_BYTES; i++) {
        struct store_key key = {0};

        request = TAILQ_FIRST(&dead->requests);
        if (request == NULL ||
            do_request(dead, io, request, &bytes) != ERR_OK) {
            break;
        }
        key.a = request->n;
        store_batch_delete(engine_batch(io), STORE_DEAD_REQUESTS, &key);
        TAILQ_REMOVE(&dead->requests, request, link);
        dead_request_free(request);
    }
    tell_full(dead, io);
}

void dead_commit(struct dead *dead, struct engine_io *io)
{
    if (dead->counts_changed) {
        dead->counts_changed = false;
        dead_counts_write(&dead->counts, io);
    }
    dead->batch++;
}
