/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Events from JSON text in one streaming pass, every limit checked before
 * memory is taken: an object, an array of objects, or NDJSON.
 */
#ifndef HYP_EVENT_EVENT_JSON_H
#define HYP_EVENT_EVENT_JSON_H

#include "common/base/err.h"
#include "common/event/event.h"

/** What a site allows; fields in bytes unless said otherwise. */
struct event_limits {
    int64_t message_bytes;          /**< 1 MiB */
    int64_t depth;                  /**< 32 */
    int64_t events;                 /**< 10,000 a message */
    int64_t output_bytes;           /**< 4 KiB, then cut with a mark */
    int64_t long_output_bytes;      /**< 64 KiB */
    int64_t extra_bytes;            /**< 64 KiB */
    int64_t perf_items;             /**< 1,000 */
    int64_t max_ahead_ms;           /**< 60 s */
    int64_t default_state;          /**< -1: a check without state is refused */
    const char *const *extra_types; /**< NULL-terminated; NULL: none */
};

/** The defaults of docs/events.md. */
extern const struct event_limits event_limits_default;

struct event_parser;

struct event_sink {
    void *ctx;
    /** A valid event; borrowed for the call. index counts the items. id, rk
     *  and entity_id: rk and entity_id are set, id is NULL. */
    void (*event)(void *ctx, uint32_t index, const struct event *event);
    /** A refused item; text is its part of the message. why names the field. */
    void (*refused)(void *ctx, uint32_t index, const char *text, size_t len,
                    const struct errbuf *why);
};

/** limits is copied, extra_types borrowed for the parser's life. Values that
 *  would let an event pass DOC_BYTES_MAX or DOC_DEPTH_MAX are lowered. */
struct event_parser *event_parser_new(const struct event_limits *limits);
void event_parser_free(struct event_parser *parser);
/**
 * Parse one message. Each item gives exactly one call of event or refused, in
 * order. A message that is not JSON gives one refusal of the whole text with
 * index 0 and no event at all (NDJSON: a bad line refuses only that line).
 * received_ms is the time of receipt. Bytes that are not UTF-8, a NUL in a
 * string, or a passed limit refuse with the reason. Each reason names a field:
 * the path of what was being read, or "body".
 * False: the message was refused as a whole.
 */
bool event_parse(struct event_parser *parser, const char *text, size_t len,
                 int64_t received_ms, const struct event_sink *sink);

#endif
