/* SPDX-License-Identifier: Apache-2.0 */
/** From JSON text to raw events, without looking at what they mean. */
#ifndef HYP_EVENT_EVENT_DECODE_H
#define HYP_EVENT_EVENT_DECODE_H

#include "common/event/event_raw.h"

/** One item of a message: an object, or what stands in its place. */
struct event_item {
    struct raw_event *raw;
    const struct errbuf *why; /**< refused already, for this; or NULL */
    const char *text;         /**< its part of the message */
    size_t len;
};

typedef void event_item_fn(void *ctx, const struct event_item *item);

struct event_decoder;

/** limits is borrowed for the decoder's life; item gets what is decoded. */
struct event_decoder *event_decoder_new(const struct event_limits *limits,
                                        event_item_fn *item, void *ctx);
void event_decoder_free(struct event_decoder *decoder);
/**
 * Read one value: an object, or with array its elements. Each gives a call of
 * item; what it gets stays until the next item or text. text is UTF-8, of at
 * most message_bytes. False when it is not JSON of that shape or passes the
 * depth; items before that place were given already.
 */
bool event_decode(struct event_decoder *decoder, const char *text, size_t len,
                  bool array);
/** Finish the item's unknown members: a name that repeats stands once. */
struct doc event_decoder_take_extra(struct event_decoder *decoder);

#endif
