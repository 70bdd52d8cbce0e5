/* SPDX-License-Identifier: Apache-2.0 */
/** Events from a request's body to the broker, with an answer per item. */
#include "webserver/posting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/bus/topology.h"
#include "common/event/event_wire.h"
#include "webserver/json_text.h"

enum {
    KEY_MAX = 200,   /* bytes of an Idempotency-Key */
    ID_ROOM = 48,    /* what stands around it in an id */
    ESCAPED_MAX = 6, /* bytes that a byte takes in JSON text */
    /* What one message may hold: entry engines refuse larger ones. */
    EVENT_BYTES_MAX = 1024 * 1024,
    /* Events of one body travel together: fifty share what a message costs
     * the broker, more would win little. */
    PACK_EVENTS = 50,
    PACK_BYTES = 64 * 1024,
    PART_BYTES = 2 * 1024 * 1024
};

enum item_status {
    ITEM_PENDING,
    ITEM_ACCEPTED,
    ITEM_REFUSED,
    ITEM_FAILED
};

struct item {
    enum item_status status;
    size_t past; /* of the first of a message: the item past its last */
    char *reason, *field;
    char *text; /* the event, for answers that repeat it */
};

struct posting {
    struct publish_job job;
    struct deadline deadline;
    struct server *server;
    struct request *request;
    enum posting_style style;
    char prefix[KEY_MAX + 16]; /* of the messages' ids */
    char exchange[BUS_NAME_MAX + 1];
    bool not_json; /* the last part could not be read at all */
    /* the message that is being filled, an event a line */
    struct buf body, event;
    size_t pack_first, pack_n;
    int64_t pack_ms;
    char pack_key[EVENT_ROUTING_KEY_MAX + 1];
    struct item *items;
    size_t n, cap;
    size_t n_by_status[ITEM_FAILED + 1];
};

static const char *const status_names[] = {"pending", "accepted", "refused",
                                           "unconfirmed"};

static void posting_free(struct posting *posting)
{
    for (size_t i = 0; i < posting->n; i++) {
        free(posting->items[i].reason);
        free(posting->items[i].field);
        free(posting->items[i].text);
    }
    free(posting->items);
    buf_fini(&posting->body);
    buf_fini(&posting->event);
    free(posting);
}

static struct item *add_item(struct posting *posting, enum item_status status)
{
    if (posting->n == posting->cap) {
        posting->cap = posting->cap * 2 + 16;
        posting->items = xrealloc_array(posting->items, posting->cap,
                                        sizeof posting->items[0]);
    }
    posting->items[posting->n] = (struct item){.status = status};
    posting->n_by_status[status]++;
    return &posting->items[posting->n++];
}

static void set_status(struct posting *posting, struct item *item,
                       enum item_status status, const char *reason)
{
    posting->n_by_status[item->status]--;
    posting->n_by_status[status]++;
    item->status = status;
    if (reason != NULL && item->reason == NULL) {
        item->reason = xstrdup(reason);
    }
}

/* Answers. */

static void add_item_json(const struct posting *posting, size_t i,
                          struct buf *out)
{
    const struct item *item = &posting->items[i];

    buf_addf(out, "%s{\"index\":%zu,\"status\":\"%s\"", i > 0 ? "," : "", i,
             status_names[item->status]);
    if (item->status == ITEM_ACCEPTED) {
        char id[KEY_MAX + ID_ROOM];

        (void)snprintf(id, sizeof id, "%s-%zu", posting->prefix, i);
        json_add_member(out, "id", id);
    }
    if (item->reason != NULL) {
        json_add_member(out, "reason", item->reason);
    }
    if (item->field != NULL && item->field[0] != '\0') {
        json_add_member(out, "field", item->field);
    }
    buf_add_char(out, '}');
}

static void add_items(const struct posting *posting, struct buf *out)
{
    buf_addf(out,
             "\"accepted\":%zu,\"refused\":%zu,\"unconfirmed\":%zu,"
             "\"items\":[",
             posting->n_by_status[ITEM_ACCEPTED],
             posting->n_by_status[ITEM_REFUSED],
             posting->n_by_status[ITEM_FAILED]);
    for (size_t i = 0; i < posting->n; i++) {
        add_item_json(posting, i, out);
    }
    buf_add_char(out, ']');
}

static void reply_problem(const struct posting *posting, int status,
                          const struct item *first)
{
    struct request *request = posting->request;
    char detail[ERRBUF_TEXT_MAX];

    (void)snprintf(detail, sizeof detail, "%s%s", first->reason,
                   posting->n > 1 ? " (and more: see items)" : "");
    request_problem_begin(request, status, first->field, detail);
    buf_add_char(request_out(request), ',');
    add_items(posting, request_out(request));
    request_reply_problem(request, status);
}

static const struct item *first_of(const struct posting *posting,
                                   enum item_status status)
{
    for (size_t i = 0; i < posting->n; i++) {
        if (posting->items[i].status == status) {
            return &posting->items[i];
        }
    }
    return NULL;
}

static void reply_api(const struct posting *posting)
{
    size_t accepted = posting->n_by_status[ITEM_ACCEPTED];

    if (accepted == 0 && posting->n_by_status[ITEM_FAILED] > 0) {
        reply_problem(posting, HTTP_UNAVAILABLE,
                      first_of(posting, ITEM_FAILED));
    } else if (accepted == 0) {
        reply_problem(posting,
                      posting->not_json ? HTTP_BAD_REQUEST : HTTP_UNPROCESSABLE,
                      first_of(posting, ITEM_REFUSED));
    } else {
        buf_add_char(request_out(posting->request), '{');
        add_items(posting, request_out(posting->request));
        buf_add_char(request_out(posting->request), '}');
        request_reply(posting->request,
                      accepted == posting->n ? HTTP_ACCEPTED : HTTP_MULTI);
    }
}

static void add_texts(const struct posting *posting, enum item_status status,
                      struct buf *out)
{
    bool first = true;

    buf_add_char(out, '[');
    for (size_t i = 0; i < posting->n; i++) {
        if (posting->items[i].status == status) {
            buf_add_str(out, first ? "" : ",");
            buf_add_str(out, posting->items[i].text);
            first = false;
        }
    }
    buf_add_char(out, ']');
}

static void reply_2015(const struct posting *posting)
{
    struct buf *out = request_out(posting->request);
    size_t accepted = posting->n_by_status[ITEM_ACCEPTED];

    buf_addf(out, "{\"total\":%zu,\"data\":", accepted);
    add_texts(posting, ITEM_ACCEPTED, out);
    buf_addf(out, ",\"success\":%s}",
             accepted == posting->n ? "true" : "false");
    request_reply(posting->request, HTTP_OK);
}

static void reply_2024(const struct posting *posting)
{
    struct buf *out = request_out(posting->request);

    buf_add_str(out, "{\"sent_events\":");
    add_texts(posting, ITEM_ACCEPTED, out);
    buf_add_str(out, ",\"failed_events\":");
    add_texts(posting, ITEM_REFUSED, out);
    buf_add_str(out, ",\"retry_events\":");
    add_texts(posting, ITEM_FAILED, out);
    buf_add_char(out, '}');
    request_reply(posting->request, HTTP_OK);
}

static void reply(const struct posting *posting)
{
    if (posting->style == POSTING_2024) {
        reply_2024(posting);
    } else if (posting->style == POSTING_2015 &&
               posting->n_by_status[ITEM_ACCEPTED] > 0) {
        reply_2015(posting);
    } else {
        reply_api(posting);
    }
}

/* Publishing. */

static void finish(struct posting *posting)
{
    posting->server->counts.events += posting->n_by_status[ITEM_ACCEPTED];
    deadlines_remove(&posting->server->deadlines, &posting->deadline);
    reply(posting);
    posting_free(posting);
}

/* The broker's word on a message is its word on each event in it; what was
 * refused between them was never part of it. */
static void set_packed(struct posting *posting, size_t first,
                       enum item_status status, const char *reason)
{
    for (size_t i = first; i < posting->items[first].past; i++) {
        if (posting->items[i].status == ITEM_PENDING) {
            set_status(posting, &posting->items[i], status, reason);
        }
    }
}

static void on_done(struct publish_job *job, size_t first, const char *reason)
{
    /* job is the first member */
    struct posting *posting = (struct posting *)job;

    set_packed(posting, first, reason == NULL ? ITEM_ACCEPTED : ITEM_FAILED,
               reason);
    if (posting->n_by_status[ITEM_PENDING] == 0 && posting->request->waiting) {
        finish(posting);
    }
}

static void on_deadline(struct deadline *deadline)
{
    struct posting *posting =
        (struct posting *)((char *)deadline -
                           offsetof(struct posting, deadline));
    struct errbuf why = {0};

    if (publisher_ready(&posting->server->publisher, &why)) {
        errbuf_set(&why, "the message broker has not confirmed in time");
    }
    publisher_abandon(&posting->server->publisher, &posting->job);
    for (size_t i = 0; i < posting->n; i++) {
        if (posting->items[i].status == ITEM_PENDING) {
            set_status(posting, &posting->items[i], ITEM_FAILED, why.text);
        }
    }
    reply(posting);
    posting_free(posting);
}

static void on_cancel(void *ctx)
{
    struct posting *posting = ctx;

    publisher_abandon(&posting->server->publisher, &posting->job);
    deadlines_remove(&posting->server->deadlines, &posting->deadline);
    posting_free(posting);
}

/* The id says what the message holds: a body cut into other messages must
 * not pass for a repeat of these. */
static void pack_id(const struct posting *posting, char *id, size_t size)
{
    if (posting->pack_n == 1) {
        (void)snprintf(id, size, "%s-%zu", posting->prefix,
                       posting->pack_first);
    } else {
        (void)snprintf(id, size, "%s-%zu+%zu", posting->prefix,
                       posting->pack_first, posting->pack_n);
    }
}

static void send_pack(struct posting *posting)
{
    char id[KEY_MAX + ID_ROOM];
    const struct bus_message message = {
        .exchange = posting->exchange,
        .routing_key = posting->pack_key,
        .mandatory = true,
        .properties = {.content_type = "application/json",
                       .message_id = id,
                       .user_id = "",
                       .timestamp_ms = posting->pack_ms},
        .body = posting->body.data,
        .len = posting->body.len,
    };

    if (posting->pack_n == 0) {
        return;
    }
    pack_id(posting, id, sizeof id);
    posting->items[posting->pack_first].past = posting->n;
    if (publisher_send(&posting->server->publisher, &message, &posting->job,
                       posting->pack_first) != ERR_OK) {
        set_packed(posting, posting->pack_first, ITEM_FAILED,
                   "too much waits for the message broker already");
    }
    posting->pack_n = 0;
    buf_clear(&posting->body);
}

static bool is_full(const struct posting *posting)
{
    return posting->pack_n == PACK_EVENTS ||
           posting->body.len + 1 + posting->event.len > PACK_BYTES;
}

/* A message goes to the routing key of its first event. */
static void pack_event(struct posting *posting, const struct event *event)
{
    if (is_full(posting)) {
        send_pack(posting);
    }
    (void)add_item(posting, ITEM_PENDING);
    if (posting->pack_n++ == 0) {
        posting->pack_first = posting->n - 1;
        posting->pack_ms = event->received_ms;
        (void)snprintf(posting->pack_key, sizeof posting->pack_key, "%s",
                       event->rk);
    } else {
        buf_add_char(&posting->body, '\n');
    }
    buf_add(&posting->body, posting->event.data, posting->event.len);
}

static void on_event(void *ctx, uint32_t index, const struct event *event)
{
    struct posting *posting = ctx;

    (void)index; /* items come in order */
    buf_clear(&posting->event);
    event_write_json(event, posting->server->doc, &posting->event);
    if (posting->event.overflow) {
        struct item *item = add_item(posting, ITEM_REFUSED);

        item->reason = xstrdup("the event is larger than 1 MiB");
        item->text = xstrdup("null"); /* too large to be repeated */
        return;
    }
    pack_event(posting, event);
    if (posting->style != POSTING_API) {
        posting->items[posting->n - 1].text = xstrdup(buf_str(&posting->event));
    }
}

static void on_refused(void *ctx, uint32_t index, const char *text, size_t len,
                       const struct errbuf *why)
{
    struct posting *posting = ctx;
    struct item *item = add_item(posting, ITEM_REFUSED);
    struct doc_value value = {.type = DOC_STRING};
    struct buf quoted;

    (void)index;
    item->reason = xstrdup(why->text);
    item->field = xstrdup(why->field);
    if (posting->style == POSTING_API) {
        return;
    }
    /* What came is repeated as text: it may be anything. */
    buf_init(&quoted, ESCAPED_MAX * len + 3);
    value.u.s.text = text;
    value.u.s.len = utf8_valid(text, len) ? (uint32_t)len : 0;
    doc_value_to_json(&value, &quoted);
    item->text = buf_take(&quoted);
}

/* Message ids: the caller's key makes a repeat known as one. */
static bool set_prefix(struct posting *posting, struct request *request)
{
    const char *key = request_header(request, "Idempotency-Key");

    if (key == NULL) {
        (void)snprintf(posting->prefix, sizeof posting->prefix, "%s-%llu",
                       posting->server->id,
                       (unsigned long long)++posting->server->n_postings);
        return true;
    }
    if (key[0] == '\0' || strlen(key) > KEY_MAX) {
        request_problem(request, HTTP_BAD_REQUEST, "Idempotency-Key",
                        "expected 1 to %d bytes", KEY_MAX);
        return false;
    }
    for (const char *c = key; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~') {
            request_problem(request, HTTP_BAD_REQUEST, "Idempotency-Key",
                            "expected visible ASCII characters only");
            return false;
        }
    }
    (void)snprintf(posting->prefix, sizeof posting->prefix, "key-%s", key);
    return true;
}

static void parse_part(struct posting *posting, const char *text, size_t len)
{
    const struct event_sink sink = {posting, on_event, on_refused};

    posting->not_json =
        !event_parse(posting->server->parser, text, len, clock_now_ms(), &sink);
}

/* Many lines are parsed part by part: the parser takes less at once than a
 * body may hold. */
static void parse(struct posting *posting, const char *text, size_t len)
{
    bool lines = text[strspn(text, " \t\r\n")] == '{';

    while (lines && len > PART_BYTES) {
        const char *end = memrchr(text, '\n', PART_BYTES);
        size_t n;

        if (end == NULL) {
            break;
        }
        n = (size_t)(end - text) + 1;
        parse_part(posting, text, n);
        text += n;
        len -= n;
    }
    parse_part(posting, text, len);
    send_pack(posting);
}

static void settle(struct posting *posting)
{
    struct server *server = posting->server;

    if (posting->n == 0) {
        request_problem(posting->request, HTTP_UNPROCESSABLE, NULL,
                        "the body holds no event");
    } else if (posting->n_by_status[ITEM_PENDING] == 0) {
        reply(posting);
    } else {
        posting->deadline.at_ms = clock_mono_ms() + server->conf->publish_ms;
        posting->deadline.passed = on_deadline;
        deadlines_add(&server->deadlines, &posting->deadline);
        request_wait(posting->request, on_cancel, posting);
        return;
    }
    posting_free(posting);
}

void posting_start(struct server *server, struct request *request,
                   enum posting_style style, const char *text, size_t len)
{
    struct posting *posting;
    struct errbuf why = {0};

    if (!publisher_ready(&server->publisher, &why)) {
        request_problem_why(request, HTTP_UNAVAILABLE, &why);
        return;
    }
    posting = xcalloc(1, sizeof *posting);
    posting->job.done = on_done;
    posting->server = server;
    posting->request = request;
    posting->style = style;
    buf_init(&posting->body, EVENT_BYTES_MAX);
    buf_init(&posting->event, EVENT_BYTES_MAX);
    (void)bus_exchange_name(server->conf->exchange_name, BUS_EVENTS,
                            posting->exchange);
    if (!set_prefix(posting, request)) {
        posting_free(posting);
        return;
    }
    parse(posting, text, len);
    settle(posting);
}
