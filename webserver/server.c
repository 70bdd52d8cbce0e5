/* SPDX-License-Identifier: Apache-2.0 */
/** The API server: one loop over HTTP and bus, and the way to a handler. */
#include "webserver/server.h"

#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/bus/topology.h"
#include "webserver/auth.h"
#include "webserver/routes.h"

enum {
    ALERTS_PREFETCH = 500,
    EVENTS_A_STEP = 1000, /* of the bus, before HTTP gets its turn */
    EVENTS_A_BODY = 50000,
    FDLESS_WAIT_MS = 10 /* a bus without sockets is looked at this often */
};

#define FIELD(member) offsetof(struct web_conf, member)
#define KIB           1024
#define MIB           (1024 * 1024)

const struct conf_option web_options[] = {
    {"webserver", "listen", CONF_STRING, FIELD(listen), "127.0.0.1", 1, 64,
     NULL, NULL, .help = "address to listen on; :: and 0.0.0.0 mean every one"},
    {"webserver", "port", CONF_INT, FIELD(port), "8082", 0, 65535, NULL, NULL,
     .help = "TCP port; 0 lets the kernel choose one"},
    {"webserver", "key_file", CONF_SECRET, FIELD(key), "secrets/api.key", 16,
     256, NULL, NULL,
     .help = "file with the API key that every caller must send", .live = true},
    {"webserver", "body_bytes", CONF_SIZE, FIELD(body_bytes), "8M", KIB,
     64 * MIB, NULL, NULL, .help = "largest body of a request"},
    {"webserver", "header_bytes", CONF_SIZE, FIELD(header_bytes), "32K",
     2 * KIB, MIB, NULL, NULL, .help = "all headers of a request together"},
    {"webserver", "query_bytes", CONF_SIZE, FIELD(query_bytes), "16K", 256, MIB,
     NULL, NULL, .help = "path and query of a request"},
    {"webserver", "connections", CONF_INT, FIELD(connections), "500", 1, 100000,
     "connections", NULL, .help = "most connections at once"},
    {"webserver", "idle_timeout", CONF_DURATION, FIELD(idle_ms), "15s", 1000,
     3600000, NULL, NULL,
     .help = "a connection without a byte is closed after this"},
    {"webserver", "receive_timeout", CONF_DURATION, FIELD(receive_ms), "30s",
     1000, 3600000, NULL, NULL,
     .help = "a request that is not complete after this is cut off"},
    {"webserver", "alarm_partitions", CONF_INT, FIELD(alarm_partitions), "1", 1,
     256, NULL, NULL,
     .help =
         "partitions of engine-alarm, when not as partitions.conf says: where "
         "actions go"},
    {"webserver", "publish_timeout", CONF_DURATION, FIELD(publish_ms), "10s",
     100, 600000, NULL, NULL, .help = "longest wait for the broker's confirm",
     .live = true},
    {"webserver", "answer_timeout", CONF_DURATION, FIELD(answer_ms), "5s", 100,
     600000, NULL, NULL, .help = "longest wait for the alarm engine's answer",
     .live = true},
    {"webserver", "actions_max", CONF_INT, FIELD(actions), "1000", 1, 100000,
     "alarms", NULL, .help = "most alarms that one request may act on",
     .live = true},
    {"webserver", "points_max", CONF_INT, FIELD(points), "20000", 100, 1000000,
     "points", NULL, .help = "most points in one answer", .live = true},
    {"webserver", "extra_event_types", CONF_LIST, FIELD(extra_event_types), "",
     0, 0, NULL, NULL,
     .help = "further event types to take, as in the cleaner's configuration"},
    {"webserver", "expect", CONF_LIST, FIELD(expect),
     "engine-collectdgw, engine-cleaner, engine-event-filter, "
     "engine-context, engine-perfdata, engine-alarm, engine-eventstore",
     0, 64, NULL, NULL,
     .help = "processes that /health misses when they are not there"},
    {"webserver", "run_folder", CONF_PATH, FIELD(run_folder),
     HYP_LOCALSTATEDIR "/run", 0, 0, NULL, NULL,
     .help = "folder of the status files that /health and /metrics read"},
    {"webserver", "metrics_file", CONF_BOOL, FIELD(metrics_file), "yes", 0, 0,
     NULL, NULL,
     .help = "write webserver.prom there every 5 s: metrics for Prometheus"},
    {"webserver", "metrics_key", CONF_BOOL, FIELD(metrics_key), "yes", 0, 0,
     NULL, NULL, .help = "whether /metrics wants the API key, as all else does",
     .live = true},
    {"self", "interval", CONF_DURATION, FIELD(self_ms), "60s", 0, 3600000, NULL,
     NULL,
     .help = "how often the webserver tells how it and its machine are, as an "
             "event; 0: never",
     .live = true},
    {"self", "not_ready_after", CONF_DURATION, FIELD(missed_ms), "60s", 0,
     86400000, NULL, NULL,
     .help = "a process of /health that is not ready for so long is a major "
             "problem",
     .live = true},
    {"self", "disk_minor", CONF_INT, FIELD(disk_minor), "10", 0, 100, "percent",
     NULL, .help = "less free on the disk is a minor problem; 0: never",
     .live = true},
    {"self", "disk_major", CONF_INT, FIELD(disk_major), "5", 0, 100, "percent",
     NULL, .help = "and less than this a major one; 0: never", .live = true},
    {"amqp", "exchange_name", CONF_STRING, FIELD(exchange_name), "canopsis", 1,
     64, NULL, NULL, .help = "prefix of the exchanges"},
    {0},
};

/* Requests. */

static void refuse_key(struct server *server, struct request *request)
{
    server->counts.refused++;
    request_add_header(request, "WWW-Authenticate", "Bearer");
    request_problem(request, HTTP_UNAUTHORIZED, NULL,
                    "send the API key (etc/secrets/api.key) as "
                    "'Authorization: Bearer KEY'");
}

static void refuse_route(struct request *request, enum route_match match,
                         const struct errbuf *why)
{
    if (match == ROUTE_BAD_METHOD) {
        request_problem(request, HTTP_BAD_METHOD, NULL,
                        "this path does not take this method");
    } else if (why->text[0] != '\0') {
        request_problem(request, HTTP_BAD_REQUEST, "id", "%s", why->text);
    } else {
        request_problem(request, HTTP_NOT_FOUND, NULL, "no such path");
    }
}

static bool is_open(const struct server *server, const struct route *route)
{
    return route->permission == NULL ||
           (route->handler == system_metrics && !server->conf->metrics_key);
}

/* The headers are in: refuse now what the body cannot change. */
static void on_head(void *ctx, struct request *request)
{
    struct server *server = ctx;
    struct errbuf bad = {0}, why = {0};
    bool readable;
    enum route_match match = ROUTE_NONE;

    server->counts.requests++;
    readable = uri_parse(request->target, &request->uri, &bad) == ERR_OK;
    if (readable) {
        match = route_find(request, &why);
    }
    if ((match != ROUTE_FOUND || !is_open(server, request->route)) &&
        !auth_allows(request, server->conf->key)) {
        refuse_key(server, request); /* a stranger learns no paths */
    } else if (!readable) {
        request_problem_why(request, HTTP_BAD_REQUEST, &bad);
    } else if (match != ROUTE_FOUND) {
        refuse_route(request, match, &why);
    }
}

static bool check_params(struct request *request)
{
    const struct uri_params *query = &request->uri.query;

    for (size_t i = 0; i < query->n; i++) {
        const char *name = query->items[i].name;

        if (!route_takes(request->route, name)) {
            request_problem(
                request, HTTP_BAD_REQUEST, name, "no such parameter here%s%s",
                request->route->params[0] != '\0' ? "; there are: " : "",
                request->route->params);
            return false;
        }
    }
    return true;
}

static void on_run(void *ctx, struct request *request)
{
    struct server *server = ctx;

    if (check_params(request)) {
        request->route->handler(server, request);
    }
}

/* Bus. */

static void on_delivery(struct server *server,
                        const struct bus_delivery *delivery)
{
    waiters_take(&server->waiters, delivery->body, delivery->len);
    /* A lost acknowledgement only brings changes that nobody waits for. */
    (void)!bus_ack(server->bus, delivery->queue, delivery->tag);
}

static void on_bus_event(struct server *server, const struct bus_event *event)
{
    if (event->kind == BUS_DELIVERY) {
        on_delivery(server, &event->delivery);
    } else if (event->kind == BUS_IN_UP) {
        server->alerts_up = true;
    } else if (event->kind == BUS_IN_LOST) {
        server->alerts_up = false;
    } else {
        publisher_event(&server->publisher, event);
    }
}

static enum err drain_bus(struct server *server)
{
    struct bus_event event = {.kind = BUS_IDLE};

    for (int i = 0; i < EVENTS_A_STEP; i++) {
        enum err err = bus_poll(server->bus, 0, &event);

        if (err != ERR_OK || event.kind == BUS_IDLE) {
            return err;
        }
        on_bus_event(server, &event);
    }
    return ERR_OK;
}

/* The loop. */

static void wait_for_work(struct server *server, int timeout_ms)
{
    struct pollfd fds[3] = {{.fd = http_fd(server->http), .events = POLLIN}};
    int bus_fd[2];
    int n = bus_fds(server->bus, bus_fd);
    int ms = http_timeout_ms(server->http);

    for (int i = 0; i < n; i++) {
        fds[1 + i] = (struct pollfd){.fd = bus_fd[i], .events = POLLIN};
    }
    if (n == 0 && ms > FDLESS_WAIT_MS) {
        ms = FDLESS_WAIT_MS;
    }
    if (ms > timeout_ms) {
        ms = timeout_ms;
    }
    ms = deadlines_wait_ms(&server->deadlines, clock_mono_ms(), ms);
    (void)poll(fds, (nfds_t)n + 1, ms);
}

enum err server_step(struct server *server, int timeout_ms)
{
    enum err err;

    wait_for_work(server, timeout_ms);
    err = drain_bus(server);
    deadlines_run(&server->deadlines, clock_mono_ms());
    http_run(server->http);
    return err;
}

void server_set_store(struct server *server, struct store *store,
                      const char *reason)
{
    server->store = store;
    server->fenced = false;
    (void)snprintf(server->store_reason, sizeof server->store_reason, "%s",
                   reason);
}

static void set_options(struct server *server)
{
    const struct web_conf *conf = server->conf;

    server->http_options = (struct http_options){
        .listen = conf->listen,
        .port = conf->port,
        .connections = conf->connections,
        .header_bytes = conf->header_bytes,
        .body_bytes = conf->body_bytes,
        .target_bytes = conf->query_bytes,
        .idle_ms = conf->idle_ms,
        .receive_ms = conf->receive_ms,
    };
    server->http_app = (struct http_app){server, on_head, on_run};
    server->limits = event_limits_default;
    server->limits.message_bytes = conf->body_bytes;
    server->limits.events = EVENTS_A_BODY; /* each becomes a message */
    server->extra_types =
        xcalloc(conf->extra_event_types.n + 1, sizeof server->extra_types[0]);
    for (size_t i = 0; i < conf->extra_event_types.n; i++) {
        server->extra_types[i] = conf->extra_event_types.items[i];
    }
    server->limits.extra_types = server->extra_types;
}

static enum err declare_actions(struct server *server)
{
    int partitions = (int)server->conf->alarm_partitions;
    enum err err = ERR_OK;

    for (int p = 0; p < partitions && err == ERR_OK; p++) {
        char name[BUS_NAME_MAX + 1];

        err = bus_declare(server->bus,
                          bus_own_queue_name(WEB_QUEUE_ACTIONS, "alarm", p,
                                             partitions, name));
    }
    return err;
}

static enum err attach_bus(struct server *server, struct errbuf *why)
{
    if (bus_declare(server->bus, WEB_QUEUE_EVENTS) != ERR_OK ||
        bus_declare(server->bus, WEB_QUEUE_DEAD) != ERR_OK ||
        declare_actions(server) != ERR_OK ||
        bus_consume(server->bus, WEB_QUEUE_ALERTS, ALERTS_PREFETCH,
                    &server->alerts) != ERR_OK) {
        errbuf_set(why, "the message bus refuses the server's queues");
        return ERR_UNAVAILABLE;
    }
    return ERR_OK;
}

enum err server_open(struct server *server, const struct web_conf *conf,
                     struct bus *bus, struct errbuf *why)
{
    enum err err;

    *server = (struct server){.conf = conf, .bus = bus};
    server_set_store(server, NULL, "not opened yet");
    set_options(server);
    err = attach_bus(server, why);
    if (err == ERR_OK) {
        err = http_open(&server->http_options, &server->http_app, &server->http,
                        why);
    }
    if (err != ERR_OK) {
        free(server->extra_types);
        return err;
    }
    publisher_init(&server->publisher, bus);
    waiters_init(&server->waiters);
    deadlines_init(&server->deadlines);
    server->parser = event_parser_new(&server->limits);
    server->doc = doc_out_new();
    random_hex(server->id, SERVER_ID_MAX / 2);
    server->started_ms = clock_now_ms();
    return ERR_OK;
}

void server_close(struct server *server)
{
    http_close(server->http);
    event_parser_free(server->parser);
    doc_out_free(server->doc);
    free(server->newest);
    publisher_fini(&server->publisher);
    waiters_fini(&server->waiters);
    health_fini(&server->health);
    free(server->extra_types);
}
