/* SPDX-License-Identifier: Apache-2.0 */
/** Messages of events: one object, an array of objects, or one a line. */
#include "common/event/event_json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/event/event_decode.h"
#include "common/event/event_scan.h"
#include "common/json/json_path.h"

/* However a site sets its limits, an event stays within DOC_BYTES_MAX and
 * what holds it may nest it further. */
enum {
    DEPTH_MOST = DOC_DEPTH_MAX - 6,
    MESSAGE_BYTES_MOST = 4 * 1024 * 1024,
    EXTRA_BYTES_MOST = 512 * 1024
};

struct event_parser {
    struct event_limits limits;
    struct event_decoder *decoder;
    struct buf rk;
    struct buf entity_id;
    /* the message */
    const struct event_sink *sink;
    int64_t received_ms;
    uint32_t index;         /* of the next item */
    bool alone;             /* the text is one object, */
    struct event_item held; /* kept here until the text ended */
    struct errbuf why;
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void refuse(struct event_parser *parser, const char *text, size_t len,
                   const struct errbuf *why)
{
    parser->sink->refused(parser->sink->ctx, parser->index++, text, len, why);
}

static void add_identity(struct event_parser *parser, struct event *event)
{
    buf_clear(&parser->rk);
    buf_clear(&parser->entity_id);
    event_routing_key(event, &parser->rk);
    event_entity_id(event, &parser->entity_id);
    event->rk = buf_str(&parser->rk);
    event->entity_id = buf_str(&parser->entity_id);
}

static void finish_item(struct event_parser *parser,
                        const struct event_item *item)
{
    struct event event = {0};

    if (item->why != NULL) {
        refuse(parser, item->text, item->len, item->why);
        return;
    }
    if (event_from_raw(item->raw, &parser->limits, parser->received_ms, &event,
                       &parser->why) != ERR_OK) {
        refuse(parser, item->text, item->len, &parser->why);
        return;
    }
    event.extra = event_decoder_take_extra(parser->decoder);
    add_identity(parser, &event);
    parser->sink->event(parser->sink->ctx, parser->index++, &event);
}

/* An item of an array is whole; one alone is an event only when nothing but
 * blanks follows it. */
static void on_item(void *ctx, const struct event_item *item)
{
    struct event_parser *parser = ctx;

    if (parser->alone) {
        parser->held = *item;
    } else {
        finish_item(parser, item);
    }
}

static bool decode(struct event_parser *parser, const char *text, size_t len,
                   bool array)
{
    parser->alone = !array;
    return event_decode(parser->decoder, text, len, array);
}

struct event_parser *event_parser_new(const struct event_limits *limits)
{
    struct event_parser *parser = xcalloc(1, sizeof *parser);

    parser->limits = *limits;
    parser->limits.depth = least(limits->depth, DEPTH_MOST);
    parser->limits.message_bytes =
        least(limits->message_bytes, MESSAGE_BYTES_MOST);
    parser->limits.extra_bytes = least(limits->extra_bytes, EXTRA_BYTES_MOST);
    parser->decoder = event_decoder_new(&parser->limits, on_item, parser);
    buf_init(&parser->rk, EVENT_ENTITY_ID_MAX);
    buf_init(&parser->entity_id, EVENT_ENTITY_ID_MAX);
    return parser;
}

void event_parser_free(struct event_parser *parser)
{
    if (parser != NULL) {
        event_decoder_free(parser->decoder);
        buf_fini(&parser->rk);
        buf_fini(&parser->entity_id);
        free(parser);
    }
}

static struct event_scan new_scan(const struct event_parser *parser,
                                  size_t first_line)
{
    return (struct event_scan){
        .depth_max = (size_t)parser->limits.depth,
        .items_max = (size_t)parser->limits.events,
        .first_line = first_line,
    };
}

/* Tell the line and the member whose bytes are not UTF-8. */
static enum err check_utf8(const char *text, size_t len, size_t line,
                           struct errbuf *why)
{
    size_t good = utf8_good(text, len);
    char path[JSON_PATH_MAX + 1];

    if (good == len) {
        return ERR_OK;
    }
    for (size_t i = 0; i < good; i++) {
        line += text[i] == '\n' ? 1 : 0;
    }
    errbuf_set_field(why, json_path_at(text, good, path),
                     "not JSON: line %zu: expected UTF-8, found other bytes",
                     line);
    return ERR_INVALID;
}

/* One object. ERR_OK: it was given to the sink, accepted or refused. */
static enum err read_object(struct event_parser *parser, const char *text,
                            size_t len, size_t line, struct errbuf *why)
{
    struct event_scan scan = new_scan(parser, line);
    enum err err = check_utf8(text, len, line, why);

    if (err != ERR_OK) {
        return err;
    }
    if (decode(parser, text, len, false)) {
        finish_item(parser, &parser->held);
        return ERR_OK;
    }
    err = event_scan(text, len, &scan, why);
    if (err == ERR_OK) {
        errbuf_set_field(why, JSON_PATH_WHOLE,
                         "line %zu: expected one object, found an array", line);
        err = ERR_INVALID;
    }
    return err;
}

/* The whole array is looked at before its first element is given. */
static enum err read_array(struct event_parser *parser, const char *text,
                           size_t len, struct errbuf *why)
{
    struct event_scan scan = new_scan(parser, 1);
    enum err err = check_utf8(text, len, 1, why);
    bool whole;

    if (err == ERR_OK) {
        err = event_scan(text, len, &scan, why);
    }
    if (err != ERR_OK) {
        return err;
    }
    whole = decode(parser, text, len, true);
    BUG_IF(!whole);
    return ERR_OK;
}

static size_t count_blanks(const char *text, size_t len)
{
    size_t n = 0;

    while (n < len && (text[n] == ' ' || text[n] == '\t' || text[n] == '\r' ||
                       text[n] == '\n')) {
        n++;
    }
    return n;
}

struct line {
    const char *text;
    size_t len;
    size_t number; /* from 1 */
};

/* Step to the next line that is not blank; line starts with len 0 and number
 * 0, text at the front. False when there is none. */
static bool next_line(struct line *line, const char *end)
{
    const char *at = line->text + line->len;

    if (line->number > 0) {
        at += at < end ? 1 : 0; /* its line end */
    }
    for (;;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));

        stop = stop != NULL ? stop : end;
        line->number++;
        line->text = at;
        line->len = (size_t)(stop - at);
        if (count_blanks(at, line->len) < line->len) {
            return true;
        }
        if (stop == end) {
            return false;
        }
        at = stop + 1;
    }
}

static bool is_object(const struct event_parser *parser,
                      const struct line *line)
{
    struct event_scan scan = new_scan(parser, 1);

    return utf8_valid(line->text, line->len) &&
           event_scan(line->text, line->len, &scan, NULL) == ERR_OK &&
           !scan.array;
}

/* Text that is no JSON value is one event a line when its first or its last
 * line is a whole object. n_lines are those not blank. */
static bool is_lines(const struct event_parser *parser, const char *text,
                     size_t len, size_t *n_lines)
{
    struct line line = {.text = text};
    struct line first = {0};
    struct line last = {0};

    *n_lines = 0;
    while (next_line(&line, text + len)) {
        if ((*n_lines)++ == 0) {
            first = line;
        }
        last = line;
    }
    return *n_lines > 1 &&
           (is_object(parser, &first) || is_object(parser, &last));
}

static void read_lines(struct event_parser *parser, const char *text,
                       size_t len)
{
    struct line line = {.text = text};

    while (next_line(&line, text + len)) {
        if (read_object(parser, line.text, line.len, line.number,
                        &parser->why) != ERR_OK) {
            refuse(parser, line.text, line.len, &parser->why);
        }
    }
}

static enum err read_message(struct event_parser *parser, const char *text,
                             size_t len, struct errbuf *why)
{
    static const char mark[] = "\xEF\xBB\xBF"; /* byte order */
    size_t n_lines;
    size_t blanks;
    enum err err;

    if (len >= strlen(mark) && memcmp(text, mark, strlen(mark)) == 0) {
        text += strlen(mark);
        len -= strlen(mark);
    }
    blanks = count_blanks(text, len);
    if (blanks < len && text[blanks] == '[') {
        return read_array(parser, text, len, why);
    }
    err = read_object(parser, text, len, 1, why);
    if (err == ERR_OK || !is_lines(parser, text, len, &n_lines)) {
        return err;
    }
    if (n_lines > (size_t)parser->limits.events) {
        errbuf_set_field(why, JSON_PATH_WHOLE,
                         "expected at most %" PRId64
                         " events in one message, found %zu",
                         parser->limits.events, n_lines);
        return ERR_LIMIT;
    }
    read_lines(parser, text, len);
    return ERR_OK;
}

bool event_parse(struct event_parser *parser, const char *text, size_t len,
                 int64_t received_ms, const struct event_sink *sink)
{
    struct errbuf *why = &parser->why;

    parser->sink = sink;
    parser->received_ms = received_ms;
    parser->index = 0;
    if (len > (size_t)parser->limits.message_bytes) {
        errbuf_set_field(why, JSON_PATH_WHOLE,
                         "expected at most %" PRId64 " bytes, found %zu",
                         parser->limits.message_bytes, len);
        refuse(parser, text, len, why);
        return false;
    }
    if (read_message(parser, text, len, why) != ERR_OK) {
        refuse(parser, text, len, why);
        return false;
    }
    return true;
}
