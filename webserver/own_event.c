/* SPDX-License-Identifier: Apache-2.0 */
/** What the webserver tells of itself and of its machine. */
#include "webserver/own_event.h"

#include <stdio.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/bus/topology.h"
#include "common/event/event_wire.h"
#include "common/metrics/usage.h"
#include "webserver/server.h"

enum {
    SILENCES = 3, /* own events missed: it counts as gone */
    TEXT_BYTES = 1024,
    EVENT_BYTES = 64 * 1024,
    PERCENT = 100,
    MS_PER_S = 1000
};

#define MIB (1024 * 1024.0)

/* One look. */
struct view {
    struct server *server;
    int64_t now_ms;
    int state;
    struct buf output;
    struct buf perf;
};

static void say(struct view *view, int state, const char *text)
{
    buf_addf(&view->output, "%s%s", view->output.len > 0 ? "; " : "", text);
    view->state = state > view->state ? state : view->state;
}

/* A process that is started anew is no news; one that stays away is. */
static void look_at_processes(struct view *view)
{
    struct server *server = view->server;
    struct own_event *own = &server->own_event;
    struct errbuf why = {0};

    if (health_good(&server->health, &why)) {
        own->missed_ms = 0;
        return;
    }
    if (own->missed_ms == 0) {
        own->missed_ms = view->now_ms;
    }
    if (view->now_ms - own->missed_ms >= server->conf->missed_ms) {
        say(view, STATE_MAJOR, why.text);
    }
}

static void look_at_disk(struct view *view)
{
    const struct web_conf *conf = view->server->conf;
    double free_bytes, bytes, percent;
    char text[TEXT_BYTES];
    int state;

    if (!server_disk(view->server, &free_bytes, &bytes) || bytes <= 0) {
        return;
    }
    percent = free_bytes / bytes * PERCENT;
    state = percent < (double)conf->disk_major   ? STATE_MAJOR
            : percent < (double)conf->disk_minor ? STATE_MINOR
                                                 : STATE_OK;
    if (state > STATE_OK) {
        (void)snprintf(text, sizeof text, "%.0f MiB are left on the disk",
                       free_bytes / MIB);
        say(view, state, text);
    }
    buf_addf(&view->perf, " disk_free=%.1f%%;%lld:;%lld:;0;100", percent,
             (long long)conf->disk_minor, (long long)conf->disk_major);
}

static void measure(struct view *view)
{
    const struct web_counts *counts = &view->server->counts;
    struct usage usage;

    usage_get(&usage);
    buf_addf(&view->perf,
             "requests=%lluc refused=%lluc events=%lluc memory=%lldB;;;0",
             (unsigned long long)counts->requests,
             (unsigned long long)counts->refused,
             (unsigned long long)counts->events,
             (long long)usage.resident_bytes);
}

static void publish(const struct view *view)
{
    struct server *server = view->server;
    char host[EVENT_CONNECTOR_MAX + 1] = "localhost";
    char exchange[BUS_NAME_MAX + 1];
    struct bus_message message = {
        .exchange = bus_exchange_name(server->conf->exchange_name, BUS_EVENTS,
                                      exchange),
        .properties = {.content_type = "application/json", .message_id = ""}};
    struct event event;
    struct buf json, key;

    (void)gethostname(host, sizeof host - 1);
    event_init(&event, EVENT_CHECK);
    event.connector = "webserver";
    event.connector_name = host;
    event.component = "hypervise";
    event.resource = "webserver";
    event.source_type = EVENT_SOURCE_RESOURCE;
    event.state = view->state;
    event.output = buf_str(&view->output);
    event.perf_data = buf_str(&view->perf);
    event.timestamp_ms = clock_now_ms();
    event.ttl_ms = SILENCES * server->conf->self_ms;
    buf_init(&json, EVENT_BYTES);
    buf_init(&key, EVENT_ROUTING_KEY_MAX);
    event_write_json(&event, server->doc, &json);
    event_routing_key(&event, &key);
    message.routing_key = buf_str(&key);
    message.body = json.data;
    message.len = json.len;
    /* One that is lost is followed by the next. */
    (void)!publisher_send(&server->publisher, &message, NULL, 0);
    buf_fini(&json);
    buf_fini(&key);
}

static bool is_time(const struct view *view)
{
    const struct own_event *own = &view->server->own_event;

    return own->told_ms == 0 || view->state > own->told_state ||
           view->now_ms - own->told_ms >= view->server->conf->self_ms;
}

static void tell(struct view *view)
{
    struct own_event *own = &view->server->own_event;

    if (view->output.len == 0) {
        buf_addf(&view->output, "%llu requests since it was told last",
                 (unsigned long long)(view->server->counts.requests -
                                      own->told_requests));
    }
    publish(view);
    own->told_ms = view->now_ms;
    own->told_state = view->state;
    own->told_requests = view->server->counts.requests;
}

void own_event_look(struct server *server, int64_t now_ms)
{
    struct view view = {.server = server, .now_ms = now_ms};

    if (server->conf->self_ms == 0 ||
        !publisher_ready(&server->publisher, NULL)) {
        return;
    }
    buf_init(&view.output, TEXT_BYTES);
    buf_init(&view.perf, TEXT_BYTES);
    measure(&view);
    look_at_processes(&view);
    look_at_disk(&view);
    if (is_time(&view)) {
        tell(&view);
    }
    buf_fini(&view.output);
    buf_fini(&view.perf);
}
