/* SPDX-License-Identifier: Apache-2.0 */
/** The way out of a source of events. */
#include "common/connector/outlet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/random.h"

enum {
    LIFE_BYTES = 10,
    RETRY_FIRST_MS = 100,
    RETRY_MOST_MS = 10000
};

/* A message in memory: the head of all that waits, or all of it. */
struct waiting {
    STAILQ_ENTRY(waiting) entry;
    uint64_t number;  /* in the spool; 0: not there */
    uint64_t publish; /* number at the broker, while it is under way */
    bool confirmed;   /* behind one that is not */
    unsigned int attempt;
    size_t len; /* of the record behind this */
};
STAILQ_HEAD(waiting_list, waiting);

struct outlet {
    struct bus *bus;
    struct spool *spool;
    char *exchange;
    char life[2 * LIFE_BYTES + 1]; /* begins the ids made by this process */
    uint64_t n_ids;
    struct waiting_list sent; /* in order of their numbers */
    struct waiting_list unsent;
    size_t sent_bytes;
    size_t bytes; /* of both lists */
    uint64_t in_memory;
    uint64_t off_disk; /* of these, those that the disk refused */
    bool up;
    bool blocked;
    bool refusing; /* one was refused: all under way are awaited */
    bool full;
    int64_t retry_ms; /* not before */
    int64_t pause_ms;
    int64_t oldest_ms;       /* of the message that waits first, */
    int64_t oldest_since_ms; /* which it has been since then */
    int64_t synced_ms;
    uint64_t released; /* last number of the spool that is done */
    struct buf record;
    struct log_complaint disk;
    struct log_complaint refusal;
    char why_down[OUTLET_WHY_MAX];
    char why_full[OUTLET_WHY_MAX];
    uint64_t n_confirmed, n_refused, n_unspooled;
};

/* --- the form of a record: time, id, routing key, body ----------------------
 */

struct parts {
    int64_t received_ms;
    const char *id; /* both end with a NUL */
    const char *routing_key;
    const char *body;
    size_t len;
};

static void record_make(struct outlet *outlet,
                        const struct outlet_message *message)
{
    struct buf *out = &outlet->record;
    char id[OUTLET_ID_MAX + 1];

    if (message->message_id != NULL) {
        (void)snprintf(id, sizeof id, "%s", message->message_id);
    } else {
        (void)snprintf(id, sizeof id, "%s-%llu", outlet->life,
                       (unsigned long long)++outlet->n_ids);
    }
    buf_clear(out);
    buf_add_u64(out, (uint64_t)message->received_ms);
    buf_add(out, id, strlen(id) + 1);
    buf_add(out, message->routing_key, strlen(message->routing_key) + 1);
    buf_add(out, message->body, message->len);
}

static bool take_text(const char **at, size_t *left, const char **text)
{
    const char *end = memchr(*at, '\0', *left);

    if (end == NULL || end - *at > BUS_TEXT_MAX) {
        return false;
    }
    *text = *at;
    *left -= (size_t)(end + 1 - *at);
    *at = end + 1;
    return true;
}

static bool record_read(const char *data, size_t len, struct parts *parts)
{
    const unsigned char *bytes = (const unsigned char *)data;
    uint64_t ms = 0;

    if (len < sizeof ms) {
        return false;
    }
    for (size_t i = 0; i < sizeof ms; i++) {
        ms |= (uint64_t)bytes[i] << 8 * i;
    }
    parts->received_ms = (int64_t)ms;
    data += sizeof ms;
    len -= sizeof ms;
    if (!take_text(&data, &len, &parts->id) ||
        !take_text(&data, &len, &parts->routing_key)) {
        return false;
    }
    parts->body = data;
    parts->len = len;
    return true;
}

static char *record_of(struct waiting *waiting)
{
    return (char *)(waiting + 1);
}

/* --- making -----------------------------------------------------------------
 */

struct outlet *outlet_new(struct bus *bus, struct spool *spool,
                          const char *exchange)
{
    struct outlet *outlet = xcalloc(1, sizeof *outlet);

    outlet->bus = bus;
    outlet->spool = spool;
    outlet->exchange = xstrdup(exchange);
    random_hex(outlet->life, LIFE_BYTES);
    STAILQ_INIT(&outlet->sent);
    STAILQ_INIT(&outlet->unsent);
    buf_init(&outlet->record, SPOOL_RECORD_MAX);
    (void)snprintf(outlet->why_down, sizeof outlet->why_down,
                   "not connected to the broker yet");
    return outlet;
}

static void free_list(struct waiting_list *list)
{
    struct waiting *waiting;

    while ((waiting = STAILQ_FIRST(list)) != NULL) {
        STAILQ_REMOVE_HEAD(list, entry);
        free(waiting);
    }
}

void outlet_free(struct outlet *outlet)
{
    if (outlet == NULL) {
        return;
    }
    free_list(&outlet->sent);
    free_list(&outlet->unsent);
    buf_fini(&outlet->record);
    free(outlet->exchange);
    free(outlet);
}

static void push(struct outlet *outlet, uint64_t number)
{
    const struct buf *record = &outlet->record;
    struct waiting *waiting = xmalloc(sizeof *waiting + record->len);

    *waiting = (struct waiting){.number = number, .len = record->len};
    memcpy(record_of(waiting), record->data, record->len);
    STAILQ_INSERT_TAIL(&outlet->unsent, waiting, entry);
    outlet->bytes += waiting->len;
    outlet->in_memory++;
    outlet->off_disk += number == 0;
}

static void drop(struct outlet *outlet, struct waiting *waiting)
{
    outlet->bytes -= waiting->len;
    outlet->in_memory--;
    outlet->off_disk -= waiting->number == 0;
    free(waiting);
}

/* --- keeping ----------------------------------------------------------------
 */

/* The disk refuses: what the broker takes at once goes on all the same. */
static enum err keep_without(struct outlet *outlet, bool direct, enum err err,
                             const struct errbuf *why)
{
    log_complain(&outlet->disk, "SPOOL-REFUSED", "%s", why->text);
    if (direct && outlet->up && !outlet->blocked) {
        push(outlet, 0);
        outlet->n_unspooled++;
        return ERR_OK;
    }
    outlet->full = true;
    (void)snprintf(outlet->why_full, sizeof outlet->why_full, "%.255s",
                   why->text);
    return err;
}

enum err outlet_add(struct outlet *outlet, const struct outlet_message *message,
                    struct errbuf *why)
{
    /* Behind what is on disk only, it cannot go before it. */
    bool direct = !spool_has_next(outlet->spool) &&
                  outlet->bytes + message->len <= OUTLET_MEMORY_BYTES;
    uint64_t number;
    enum err err;

    record_make(outlet, message);
    if (outlet->record.overflow) {
        errbuf_set(why, "a message of %zu bytes; expected at most %d",
                   message->len, SPOOL_RECORD_MAX);
        return ERR_INVALID;
    }
    err = spool_append(outlet->spool, outlet->record.data, outlet->record.len,
                       &number, why);
    if (err != ERR_OK) {
        return keep_without(outlet, direct, err, why);
    }
    log_settled(&outlet->disk, "SPOOL-REFUSED", "the spool takes messages");
    outlet->full = false;
    if (direct) {
        spool_skip(outlet->spool);
        push(outlet, number);
    }
    return ERR_OK;
}

/* --- sending ----------------------------------------------------------------
 */

/* Fetch what is on disk only, once all in memory is under way. */
static bool fetch(struct outlet *outlet)
{
    struct errbuf why = {0};
    uint64_t number;
    enum err err;

    if (!spool_has_next(outlet->spool)) {
        return false;
    }
    err = spool_next(outlet->spool, &outlet->record, &number, &why);
    if (err == ERR_OK) {
        push(outlet, number);
    } else if (err == ERR_UNAVAILABLE) {
        log_complain(&outlet->disk, "SPOOL-REFUSED", "%s", why.text);
    }
    return err == ERR_OK;
}

static enum err publish(struct outlet *outlet, struct waiting *waiting)
{
    struct bus_message message = {.exchange = outlet->exchange,
                                  .mandatory = true};
    char id[BUS_TEXT_MAX + 1];
    struct parts parts;

    if (!record_read(record_of(waiting), waiting->len, &parts)) {
        return ERR_LIMIT;
    }
    /* Behind a refused message, what was confirmed before its turn is sent
     * again under another id: what counts is the last to come. */
    (void)snprintf(id, sizeof id, waiting->attempt > 0 ? "%.200s.%u" : "%.200s",
                   parts.id, waiting->attempt);
    message.routing_key = parts.routing_key;
    message.properties =
        (struct bus_properties){.content_type = "application/json",
                                .message_id = id,
                                .user_id = "",
                                .timestamp_ms = parts.received_ms};
    message.body = parts.body;
    message.len = parts.len;
    return bus_publish(outlet->bus, &message, &waiting->publish);
}

static bool may_send(const struct outlet *outlet, int64_t mono_ms)
{
    return outlet->up && !outlet->blocked && !outlet->refusing &&
           mono_ms >= outlet->retry_ms;
}

static bool has_room(const struct outlet *outlet, const struct waiting *waiting)
{
    return outlet->sent_bytes == 0 ||
           outlet->sent_bytes + waiting->len <= OUTLET_WINDOW_BYTES;
}

/* All up to number needs no keeping any more. */
static void release(struct outlet *outlet, uint64_t number)
{
    if (number > outlet->released) {
        outlet->released = number;
        spool_release(outlet->spool, number);
    }
}

/* A record that no broker takes: there is nothing to wait for. */
static void discard_first(struct outlet *outlet)
{
    struct waiting *waiting = STAILQ_FIRST(&outlet->unsent);

    log_warning("SPOOL-RECORD",
                "a record of %zu bytes makes no message; it "
                "is dropped",
                waiting->len);
    STAILQ_REMOVE_HEAD(&outlet->unsent, entry);
    if (STAILQ_EMPTY(&outlet->sent)) {
        release(outlet, waiting->number);
    }
    drop(outlet, waiting);
}

static bool send_first(struct outlet *outlet)
{
    struct waiting *waiting = STAILQ_FIRST(&outlet->unsent);
    enum err err;

    if (!has_room(outlet, waiting)) {
        return false;
    }
    err = publish(outlet, waiting);
    if (err == ERR_LIMIT) {
        discard_first(outlet);
        return true;
    }
    if (err != ERR_OK) {
        return false;
    }
    STAILQ_REMOVE_HEAD(&outlet->unsent, entry);
    STAILQ_INSERT_TAIL(&outlet->sent, waiting, entry);
    outlet->sent_bytes += waiting->len;
    return true;
}

static int64_t oldest_ms(const struct outlet *outlet)
{
    struct waiting *first = STAILQ_FIRST(&outlet->sent);
    struct parts parts;

    if (first == NULL) {
        first = STAILQ_FIRST(&outlet->unsent);
    }
    return first != NULL && record_read(record_of(first), first->len, &parts)
               ? parts.received_ms
               : 0;
}

/* What waits for long must outlive the machine too. The wall clock, by which
 * messages are stamped, may be set back: how long one waits is told by ours. */
static void sync_if_due(struct outlet *outlet, int64_t mono_ms)
{
    int64_t oldest = oldest_ms(outlet);
    struct errbuf why = {0};

    if (oldest != outlet->oldest_ms) {
        outlet->oldest_ms = oldest;
        outlet->oldest_since_ms = mono_ms;
    }
    if (oldest == 0 || mono_ms - outlet->oldest_since_ms < OUTLET_SYNC_MS ||
        mono_ms - outlet->synced_ms < OUTLET_SYNC_MS) {
        return;
    }
    outlet->synced_ms = mono_ms;
    if (spool_sync(outlet->spool, &why) != ERR_OK) {
        log_complain(&outlet->disk, "SPOOL-REFUSED", "%s", why.text);
    }
}

void outlet_pump(struct outlet *outlet, int64_t mono_ms)
{
    while (may_send(outlet, mono_ms) &&
           (!STAILQ_EMPTY(&outlet->unsent) ||
            (outlet->sent_bytes < OUTLET_WINDOW_BYTES && fetch(outlet)))) {
        if (!send_first(outlet)) {
            break;
        }
    }
    if (STAILQ_EMPTY(&outlet->sent) && STAILQ_EMPTY(&outlet->unsent)) {
        (void)fetch(outlet); /* so that the age of the oldest is known */
    }
    sync_if_due(outlet, mono_ms);
}

/* --- what the broker says ---------------------------------------------------
 */

/* All under way goes back in front, in order, to be sent again: after a
 * refusal, what was confirmed before its turn under a new id. */
static void take_back(struct outlet *outlet)
{
    struct waiting *waiting;

    STAILQ_FOREACH(waiting, &outlet->sent, entry)
    {
        waiting->attempt += outlet->refusing && waiting->confirmed;
        waiting->confirmed = false;
    }
    STAILQ_CONCAT(&outlet->sent, &outlet->unsent);
    STAILQ_CONCAT(&outlet->unsent, &outlet->sent);
    outlet->sent_bytes = 0;
    outlet->refusing = false;
}

/* Those confirmed at the head are done. */
static void pop_confirmed(struct outlet *outlet)
{
    struct waiting *waiting;
    uint64_t done = 0;

    while ((waiting = STAILQ_FIRST(&outlet->sent)) != NULL &&
           waiting->confirmed) {
        STAILQ_REMOVE_HEAD(&outlet->sent, entry);
        done = waiting->number > 0 ? waiting->number : done;
        outlet->sent_bytes -= waiting->len;
        outlet->n_confirmed++;
        drop(outlet, waiting);
    }
    release(outlet, done);
}

static void mark_confirmed(struct outlet *outlet, const struct bus_event *event)
{
    struct waiting *waiting;

    STAILQ_FOREACH(waiting, &outlet->sent, entry)
    {
        if (waiting->publish > event->number) {
            break;
        }
        /* One that was refused has no number any more. */
        if (waiting->publish == event->number ||
            (event->multiple && waiting->publish != 0)) {
            waiting->confirmed = true;
        }
    }
}

/* Every one under way is answered: the refused one and what came behind it go
 * again. */
static void settle_refusal(struct outlet *outlet, int64_t mono_ms)
{
    take_back(outlet);
    outlet->pause_ms = outlet->pause_ms == 0 ? RETRY_FIRST_MS
                       : outlet->pause_ms * 2 < RETRY_MOST_MS
                           ? outlet->pause_ms * 2
                           : RETRY_MOST_MS;
    outlet->retry_ms = mono_ms + outlet->pause_ms;
}

static bool is_unanswered(const struct outlet *outlet)
{
    const struct waiting *waiting;

    STAILQ_FOREACH(waiting, &outlet->sent, entry)
    {
        if (waiting->publish != 0 && !waiting->confirmed) {
            return true;
        }
    }
    return false;
}

static void on_confirmed(struct outlet *outlet, const struct bus_event *event,
                         int64_t mono_ms)
{
    mark_confirmed(outlet, event);
    pop_confirmed(outlet);
    if (!outlet->refusing) {
        outlet->pause_ms = 0;
        log_settled(&outlet->refusal, "SPOOL-NACK",
                    "the broker takes messages again");
    } else if (!is_unanswered(outlet)) {
        settle_refusal(outlet, mono_ms);
    }
}

static void on_refused(struct outlet *outlet, const struct bus_event *event,
                       int64_t mono_ms)
{
    struct waiting *waiting;

    outlet->n_refused++;
    outlet->refusing = true;
    log_complain(&outlet->refusal, "SPOOL-NACK",
                 "a message was refused and will be sent again: %s",
                 event->reason != NULL ? event->reason : "nacked");
    STAILQ_FOREACH(waiting, &outlet->sent, entry)
    {
        if (waiting->publish == event->number) {
            waiting->publish = 0;
        }
    }
    if (!is_unanswered(outlet)) {
        settle_refusal(outlet, mono_ms);
    }
}

static void set_down(struct outlet *outlet, const char *reason)
{
    (void)snprintf(outlet->why_down, sizeof outlet->why_down, "%.255s",
                   reason != NULL ? reason : "");
}

void outlet_event(struct outlet *outlet, const struct bus_event *event,
                  int64_t mono_ms)
{
    switch (event->kind) {
    case BUS_OUT_UP:
        take_back(outlet);
        outlet->up = true;
        outlet->blocked = false;
        outlet->retry_ms = 0;
        break;
    case BUS_OUT_LOST:
        take_back(outlet);
        outlet->up = false;
        set_down(outlet, event->reason);
        break;
    case BUS_BLOCKED:
        outlet->blocked = true;
        set_down(outlet, event->reason);
        break;
    case BUS_UNBLOCKED:
        outlet->blocked = false;
        break;
    case BUS_CONFIRMED:
        on_confirmed(outlet, event, mono_ms);
        break;
    case BUS_REFUSED:
        on_refused(outlet, event, mono_ms);
        break;
    case BUS_IDLE:
    case BUS_DELIVERY:
    case BUS_IN_UP:
    case BUS_IN_LOST:
        break;
    }
}

bool outlet_is_idle(const struct outlet *outlet)
{
    return outlet->in_memory == 0 && !spool_has_next(outlet->spool);
}

void outlet_get_state(const struct outlet *outlet, struct outlet_state *state)
{
    struct spool_state spool;

    spool_get_state(outlet->spool, &spool);
    *state = (struct outlet_state){
        .waiting = spool.records + outlet->off_disk,
        .bytes = spool.bytes,
        .oldest_ms = oldest_ms(outlet),
        .ready = outlet->up && !outlet->blocked,
        .full = outlet->full,
        .confirmed = outlet->n_confirmed,
        .refused = outlet->n_refused,
        .unspooled = outlet->n_unspooled,
        .lost = spool.lost,
    };
    (void)snprintf(state->why, sizeof state->why, "%.255s",
                   outlet->full    ? outlet->why_full
                   : !state->ready ? outlet->why_down
                   : outlet->retry_ms > 0 && outlet->pause_ms > 0
                       ? "the broker refuses a message"
                       : "");
}
