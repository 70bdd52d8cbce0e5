/* SPDX-License-Identifier: Apache-2.0 */
/** The runtime: an event given again to the engine that refused it. */
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/engine/runtime_priv.h"

static const char engine_queue[] = "Engine_";

static void add_item(struct envelope_out *out, const char *stream, uint64_t n,
                     enum envelope_kind kind, struct doc doc)
{
    const struct envelope_item item = {.stream = stream,
                                       .stream_len = (uint8_t)strlen(stream),
                                       .kind = kind,
                                       .n = n,
                                       .doc = doc};

    BUG_IF(!envelope_out_add(out, &item));
}

/* The event alone in its envelope, so that any event fits; and behind it a
 * mark that tells no time: the receiver forgets by it how the event ended. */
static void write_contents(const char *stream, uint64_t n, struct doc event,
                           struct buf *contents)
{
    struct envelope_out *out = envelope_out_new();
    struct doc_out *mark = doc_out_new();

    doc_add_i64(mark, "t", 0);
    add_item(out, stream, n, ENVELOPE_EVENT, event);
    add_item(out, stream, n + 1, ENVELOPE_MARK, doc_out_done(mark));
    envelope_out_finish(out, contents);
    doc_out_free(mark);
    envelope_out_free(out);
}

void engine_resend(struct engine_io *io, const char *queue, struct doc event)
{
    char stream[EVENT_STREAM_MAX + 1];
    uint64_t now = (uint64_t)runtime_now(io);
    struct buf contents;
    int len = snprintf(stream, sizeof stream, "dead.%s",
                       queue + strlen(engine_queue));

    BUG_IF(len < 0 || (size_t)len >= sizeof stream);
    buf_init(&contents, ENVELOPE_MESSAGE_MAX);
    /* Never below what a store before this one gave out. */
    io->resent = io->resent + 1 > now ? io->resent + 1 : now;
    write_contents(stream, io->resent, event, &contents);
    io->resent++; /* the mark's */
    batch_originate_envelope(io, queue, &contents);
    buf_fini(&contents);
}

enum err engine_find_queue(struct engine_io *io, const char *queue)
{
    uint64_t depth;

    return io->out_up ? bus_depth(io->setup.bus, queue, &depth)
                      : ERR_UNAVAILABLE;
}

size_t resend_target(struct engine_io *io, const char *queue)
{
    size_t n = sender_n_targets(io->sender);

    for (size_t i = 0; i < n; i++) {
        if (strcmp(sender_target_queue(io->sender, i), queue) == 0) {
            return i;
        }
    }
    (void)!bus_declare(io->setup.bus, queue); /* an act of every attach */
    return sender_add_target(io->sender, queue);
}
