/* SPDX-License-Identifier: Apache-2.0 */
/** What the connector runtime gives to a connector. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/connector/connector_private.h"
#include "common/connector/text.h"
#include "common/event/event_wire.h"
#include "common/metrics/usage.h"

enum {
    JSON_MAX = 1024 * 1024, /* what the entry takes */
    MS_A_SECOND = 1000,
    HELD_MS = 200 /* then it is tried again */
};

static void add_gauge(struct connector_io *io, struct metric_gauge *gauge,
                      const char *name, const char *help)
{
    const struct metric_info info = {.name = name, .help = help};

    metrics_add_gauge(io->metrics, &info, gauge);
}

static void set_name(struct connector_io *io)
{
    char host[EVENT_CONNECTOR_MAX] = "localhost";

    (void)gethostname(host, sizeof host - 1);
    (void)snprintf(io->name, sizeof io->name, "%s",
                   io->conf->name[0] != '\0' ? io->conf->name : host);
}

/* What connectors count; those of their own are shown by name alone. */
static const struct {
    const char *name, *help;
} known_counters[] = {
    {"events", "Events published"},
    {"refused", "Messages of senders that make no event"},
    {"lost", "Messages lost because they could not be kept"},
    {"cut", "Messages cut because they are too long"},
    {"confirmed", "Events that the broker confirmed"},
    {"nacked", "Events that the broker did not take at once"},
    {"unspooled", "Events sent without having been on disk"},
    {"spoilt", "Events lost to damage of the spool"},
};

enum {
    KNOWN_COUNTERS = sizeof known_counters / sizeof known_counters[0]
};

static const char *help_of(const char *name)
{
    for (size_t i = 0; i < KNOWN_COUNTERS; i++) {
        if (strcmp(known_counters[i].name, name) == 0) {
            return known_counters[i].help;
        }
    }
    return name;
}

static struct connector_counter *counter_get(struct connector_io *io,
                                             const char *name)
{
    struct connector_counter *counter = io->counters;
    struct metric_info info = {.help = help_of(name)};

    for (size_t i = 0; i < io->n_counters; i++, counter++) {
        if (strcmp(counter->name, name) == 0) {
            return counter;
        }
    }
    BUG_IF(io->n_counters == CONNECTOR_COUNTERS_MAX);
    io->n_counters++;
    counter->name = name;
    (void)snprintf(counter->metric, sizeof counter->metric,
                   "hypervise_connector_%s_total", name);
    info.name = counter->metric;
    metrics_add_counter(io->metrics, &info, &counter->value);
    return counter;
}

/* So that each is there from the start, as 0. */
static void declare_counters(struct connector_io *io)
{
    for (size_t i = 0; i < KNOWN_COUNTERS; i++) {
        (void)counter_get(io, known_counters[i].name);
    }
}

struct connector_io *connector_io_new(const struct connector_ops *ops,
                                      const struct connector_conf *conf,
                                      struct outlet *outlet)
{
    struct connector_io *io = xcalloc(1, sizeof *io);

    io->ops = ops;
    io->conf = conf;
    io->outlet = outlet;
    io->loop = loop_new();
    io->metrics = metrics_new();
    io->now_ms = clock_now_ms();
    io->mono_ms = clock_mono_ms();
    io->scratch = doc_out_new();
    io->told_state = -1;
    buf_init(&io->json, JSON_MAX);
    buf_init(&io->rk, EVENT_ROUTING_KEY_MAX);
    buf_init(&io->component, EVENT_COMPONENT_MAX);
    buf_init(&io->resource, EVENT_RESOURCE_MAX);
    buf_init(&io->output, CONNECTOR_WHY_MAX * 2);
    buf_init(&io->perf, CONNECTOR_WHY_MAX * 2);
    set_name(io);
    add_gauge(io, &io->waiting, "hypervise_connector_waiting",
              "Events that the broker has not confirmed");
    add_gauge(io, &io->spool_bytes, "hypervise_connector_spool_bytes",
              "Bytes of the spool on disk");
    add_gauge(io, &io->lag_s, "hypervise_connector_lag_seconds",
              "How long the oldest event waits for the broker's confirm");
    declare_counters(io);
    return io;
}

void connector_io_free(struct connector_io *io)
{
    if (io == NULL) {
        return;
    }
    buf_fini(&io->json);
    buf_fini(&io->rk);
    buf_fini(&io->component);
    buf_fini(&io->resource);
    buf_fini(&io->output);
    buf_fini(&io->perf);
    doc_out_free(io->scratch);
    metrics_free(io->metrics);
    loop_free(io->loop);
    free(io);
}

int64_t connector_now_ms(const struct connector_io *io)
{
    return io->now_ms;
}

struct loop *connector_loop(const struct connector_io *io)
{
    return io->loop;
}

void connector_count(struct connector_io *io, const char *name, uint64_t n)
{
    counter_get(io, name)->value.value += n;
}

static uint64_t count_of(struct connector_io *io, const char *name)
{
    return counter_get(io, name)->value.value;
}

bool connector_is_held(const struct connector_io *io)
{
    return io->mono_ms < io->held_until_ms;
}

void connector_lose(struct connector_io *io, uint64_t n)
{
    io->n_lost += n;
    connector_count(io, "lost", n);
    log_complain(&io->losing, "CONNECTOR-LOST",
                 "%s: messages could not be kept and are lost", io->name);
}

void connector_refuse(struct connector_io *io, const char *peer,
                      const struct errbuf *why)
{
    connector_count(io, "refused", 1);
    log_complain(&io->refusal, "CONNECTOR-REFUSED", "from %s: %s", peer,
                 why->text);
}

static const char *cut(struct buf *out, const char *text)
{
    buf_clear(out);
    buf_add(out, text, utf8_cut(text, strlen(text), out->max));
    return buf_str(out);
}

static enum err refuse_event(struct connector_io *io, const char *what)
{
    connector_count(io, "refused", 1);
    log_complain(&io->invalid, "CONNECTOR-EVENT", "an event without %s", what);
    return ERR_INVALID;
}

/* Complete what every event has, within the limits of names. */
static enum err complete(struct connector_io *io, struct event *event)
{
    event->connector = io->ops->name;
    event->connector_name = io->name;
    event->received_ms = io->now_ms;
    if (event->timestamp_ms == 0) {
        event->timestamp_ms = io->now_ms;
    }
    event->component = cut(&io->component, event->component);
    event->resource = cut(&io->resource, event->resource);
    if (event->source_type != EVENT_SOURCE_CONNECTOR &&
        event->component[0] == '\0') {
        return refuse_event(io, "a component");
    }
    if (event->source_type == EVENT_SOURCE_RESOURCE &&
        event->resource[0] == '\0') {
        return refuse_event(io, "a resource");
    }
    return ERR_OK;
}

static enum err keep(struct connector_io *io, const struct event *event)
{
    struct outlet_message message = {.received_ms = io->now_ms};
    struct errbuf why = {0};
    enum err err;

    buf_clear(&io->rk);
    event_routing_key(event, &io->rk);
    buf_clear(&io->json);
    event_write_json(event, io->scratch, &io->json);
    if (io->json.overflow) {
        return refuse_event(io, "a bound: it is larger than 1 MiB");
    }
    message.routing_key = buf_str(&io->rk);
    message.body = io->json.data;
    message.len = io->json.len;
    err = outlet_add(io->outlet, &message, &why);
    if (err != ERR_OK) {
        io->held_until_ms = io->mono_ms + HELD_MS;
        return ERR_UNAVAILABLE;
    }
    connector_count(io, "events", 1);
    return ERR_OK;
}

enum err connector_publish(struct connector_io *io, const struct event *event)
{
    struct event whole = *event;
    enum err err = complete(io, &whole);

    return err == ERR_OK ? keep(io, &whole) : err;
}

/* --- the connector's own event ----------------------------------------------
 */

static int64_t waits_ms(const struct connector_io *io,
                        const struct outlet_state *state)
{
    return state->oldest_ms > 0 ? io->now_ms - state->oldest_ms : 0;
}

void connector_update_metrics(struct connector_io *io,
                              const struct outlet_state *state)
{
    io->waiting.value = (double)state->waiting;
    io->spool_bytes.value = (double)state->bytes;
    io->lag_s.value = (double)waits_ms(io, state) / MS_A_SECOND;
    counter_get(io, "confirmed")->value.value = state->confirmed;
    counter_get(io, "nacked")->value.value = state->refused;
    counter_get(io, "unspooled")->value.value = state->unspooled;
    counter_get(io, "spoilt")->value.value = state->lost;
}

/* What is wrong, worst first. */
static int judge(struct connector_io *io, const struct outlet_state *state,
                 const char *why_not)
{
    uint64_t lost = io->n_lost + state->lost - io->told_lost;

    buf_clear(&io->output);
    if (why_not != NULL) {
        buf_addf(&io->output, "does not listen: %.200s", why_not);
        return STATE_CRITICAL;
    }
    if (lost > 0 || state->full) {
        buf_addf(&io->output, "%llu messages lost: %.200s",
                 (unsigned long long)lost,
                 state->why[0] != '\0' ? state->why : "the spool was damaged");
        return STATE_CRITICAL;
    }
    if (waits_ms(io, state) >= CONNECTOR_LATE_MS) {
        buf_addf(&io->output,
                 "%llu events wait on disk for the broker, for %lld s: %.200s",
                 (unsigned long long)state->waiting,
                 (long long)(waits_ms(io, state) / MS_A_SECOND),
                 state->why[0] != '\0' ? state->why : "being sent now");
        return STATE_MINOR;
    }
    buf_addf(&io->output, "%llu events since it was told last",
             (unsigned long long)(count_of(io, "events") - io->told_received));
    return STATE_OK;
}

static void add_perf(struct connector_io *io, const struct outlet_state *state)
{
    struct usage usage;

    usage_get(&usage);
    buf_clear(&io->perf);
    buf_addf(&io->perf,
             "events=%lluc refused=%lluc lost=%lluc waiting=%llu;;;0 "
             "spool=%lldB;;;0;%lld lag=%.3fs;;;0 memory=%lldB;;;0",
             (unsigned long long)count_of(io, "events"),
             (unsigned long long)count_of(io, "refused"),
             (unsigned long long)io->n_lost + (unsigned long long)state->lost,
             (unsigned long long)state->waiting, (long long)state->bytes,
             (long long)io->conf->spool_bytes,
             (double)waits_ms(io, state) / MS_A_SECOND,
             (long long)usage.resident_bytes);
}

static bool publish_self(struct connector_io *io, int state, int64_t ttl_ms)
{
    struct event event;

    event_init(&event, EVENT_CHECK);
    event.source_type = EVENT_SOURCE_CONNECTOR;
    event.state = state;
    event.output = buf_str(&io->output);
    event.perf_data = buf_str(&io->perf);
    event.ttl_ms = ttl_ms;
    return connector_publish(io, &event) == ERR_OK;
}

void connector_tell_self(struct connector_io *io, const char *why_not)
{
    struct outlet_state state;
    int now;

    outlet_get_state(io->outlet, &state);
    now = judge(io, &state, why_not);
    /* What gets better waits for the interval: a sender that is refused now
     * and then makes no storm. */
    if (now <= io->told_state && io->mono_ms - io->told_ms < io->conf->self_ms) {
        return;
    }
    add_perf(io, &state);
    if (publish_self(io, now, CONNECTOR_SILENCES * io->conf->self_ms)) {
        io->told_state = now;
        io->told_ms = io->mono_ms;
        io->told_lost = io->n_lost + state.lost;
        io->told_received = count_of(io, "events");
    }
}

void connector_tell_end(struct connector_io *io)
{
    struct outlet_state state;

    outlet_get_state(io->outlet, &state);
    buf_clear(&io->output);
    buf_add_str(&io->output, "stopped");
    add_perf(io, &state);
    (void)publish_self(io, STATE_OK, 0);
}
