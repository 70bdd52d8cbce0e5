/* SPDX-License-Identifier: Apache-2.0 */
/** The runtime: the engine's own event, about how it is. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/engine/runtime_priv.h"
#include "common/metrics/usage.h"

enum {
    LOOK_MS = 1000,
    MS_PER_S = 1000
};

/* Messages that wait for this engine: in its queues and in its hands. */
static uint64_t count_waiting(struct engine_io *io)
{
    uint64_t n = io->n_inflight + (io->open ? 1 : 0);

    for (size_t i = 0; i < io->n_queues; i++) {
        const struct queue *queue = &io->queues[i];
        uint64_t depth = 0;

        n += queue->n_held;
        if ((queue->kind == QUEUE_HOP || queue->kind == QUEUE_ENTRY) &&
            bus_depth(io->setup.bus, queue->name, &depth) == ERR_OK) {
            n += depth;
        }
    }
    return n;
}

/* The broker is asked only where its answer matters: to be behind takes a
 * lag. */
static bool may_be_behind(const struct engine_io *io,
                          const struct self_view *view)
{
    const struct self_conf *conf = io->setup.self;

    return (conf->lag_minor_ms > 0 && view->lag_ms >= conf->lag_minor_ms / 2) ||
           (conf->lag_major_ms > 0 && view->lag_ms >= conf->lag_major_ms / 2) ||
           view->now_ms - io->self.told_ms >= conf->interval_ms;
}

static void look(struct engine_io *io, struct self_view *view)
{
    int64_t chain = chain_ms(&io->chain);
    struct usage usage;

    usage_get(&usage);
    *view = (struct self_view){
        .now_ms = runtime_now(io),
        .events = metrics_count_of(io, "events"),
        .batches = metrics_count_of(io, "batches"),
        .dead = metrics_count_of(io, "dead_letters"),
        .errors = metrics_count_of(io, "publish_refused") +
                  metrics_count_of(io, "holes"),
        .lag_ms = -1,
        .held_up = io->paused,
        .resident_bytes = usage.resident_bytes,
        .cpu_ms = usage.cpu_ms,
        .store_away = !io->store_ok,
    };
    if (chain > 0) {
        view->lag_ms = view->now_ms > chain ? view->now_ms - chain : 0;
    }
    if (may_be_behind(io, view)) {
        view->waiting = count_waiting(io);
    }
}

static void write_event(struct engine_io *io, const struct self_view *view,
                        const struct self_word *word)
{
    struct doc_out *out = io->self_out;
    char resource[BUS_NAME_MAX + 1];

    (void)snprintf(resource, sizeof resource, "Engine_%s", io->row);
    doc_out_reset(out);
    report_begin_event(out, resource, word->state);
    doc_add_str(out, "output", buf_str(&word->output));
    doc_add_str(out, "perf_data", buf_str(&word->perf));
    doc_add_i64(out, "ttl", word->ttl_ms / MS_PER_S);
    doc_add_i64(out, "timestamp", view->now_ms / MS_PER_S);
    buf_clear(&io->self_text);
    doc_to_json(doc_out_done(out), &io->self_text);
}

/* Straight to the broker, not with a batch: an engine that waits for its store
 * can say so. One that is lost is followed by the next. */
static bool publish(struct engine_io *io)
{
    char exchange[BUS_NAME_MAX + 1];
    char key[EVENT_ROUTING_KEY_MAX + 1];
    uint64_t number;
    const struct bus_message message = {
        .exchange =
            bus_exchange_name(io->setup.exchange_prefix, BUS_EVENTS, exchange),
        .routing_key = key,
        .properties = {.content_type = "application/json", .message_id = ""},
        .body = buf_str(&io->self_text),
        .len = io->self_text.len};

    (void)snprintf(key, sizeof key,
                   "Engine.engine.check.resource.hypervise.Engine_%s", io->row);
    return bus_publish(io->setup.bus, &message, &number) == ERR_OK;
}

void self_start(struct engine_io *io)
{
    struct self_view view = {.now_ms = runtime_now(io)};

    io->self_out = doc_out_new();
    buf_init(&io->self_text, 2 * DOC_BYTES_MAX);
    buf_init(&io->self_word.output, SELF_TEXT_MAX);
    buf_init(&io->self_word.perf, SELF_TEXT_MAX);
    self_init(&io->self, &view);
}

void self_end(struct engine_io *io)
{
    doc_out_free(io->self_out);
    buf_fini(&io->self_text);
    buf_fini(&io->self_word.output);
    buf_fini(&io->self_word.perf);
}

void self_step(struct engine_io *io)
{
    int64_t now = runtime_now(io);
    struct self_view view;

    /* Before it runs, another process may be the engine. */
    if (io->setup.self == NULL || io->phase != PHASE_RUN || !io->out_up ||
        io->stopping ||
        (now >= io->self_last_ms && now < io->self_last_ms + LOOK_MS)) {
        return;
    }
    io->self_last_ms = now;
    look(io, &view);
    if (self_look(&io->self, io->setup.self, &view, &io->self_word)) {
        write_event(io, &view, &io->self_word);
        if (publish(io)) {
            self_told(&io->self, &view, &io->self_word);
        }
    }
}
