/* SPDX-License-Identifier: Apache-2.0 */
/** Connector "alertmanager": alerts of Prometheus become checks. */
#include "connectors/alertmanager/alertmanager.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/connector/tls.h"
#include "connectors/alertmanager/alerts.h"
#include "connectors/alertmanager/http.h"

enum {
    PEM_MAX = 1024 * 1024,
    STATUS_OK = 200,
    STATUS_BAD = 400,
    STATUS_NOT_FOUND = 404,
    STATUS_METHOD = 405,
    STATUS_TOO_LARGE = 413,
    STATUS_AWAY = 503
};

struct alertmanager {
    struct conf_list listen;
    int64_t port;
    char *user;
    char *password;
    char *tls_certificate;
    char *tls_key;
    char *tls_ca;
    int64_t connections_max;
    int64_t body_bytes;
    int64_t idle_ms;
    struct conf_list component_labels;
    struct conf_list ignored_labels;
    char *severity_label;
    struct conf_list severities;
    int64_t default_state;
    char *default_component;
    int64_t webhook_ttl_ms;

    struct connector_io *io;
    struct alerts_conf alerts;
    struct alerts_severity *states; /* names borrow from severities */
    struct buf certificate;
    struct buf key;
    struct buf ca;
    struct http *http;
    const char *peer;    /* of the request under way */
    struct errbuf first; /* refusal of it */
};

/* NOLINTBEGIN(bugprone-macro-parentheses): members, not values. */
#define OPTION(key_, field_)                                                   \
    .section = "alertmanager", .key = key_,                                    \
    .offset = offsetof(struct alertmanager, field_)
/* NOLINTEND(bugprone-macro-parentheses) */

static const struct conf_option alertmanager_options[] = {
    {OPTION("listen", listen), .type = CONF_LIST, .fallback = "127.0.0.1",
     .min = 1, .max = 16,
     .help = "addresses to listen on, as numbers; * for all"},
    {OPTION("port", port), .type = CONF_INT, .fallback = "9093", .min = 1,
     .max = 65535, .help = "TCP port; 9093 is Alertmanager's own"},
    {OPTION("user", user), .type = CONF_STRING, .max = 255,
     .help = "name that senders must give (basic authentication); empty: none "
             "is asked for"},
    {OPTION("password_file", password), .type = CONF_SECRET,
     .help = "file whose first line is that user's password"},
    {OPTION("tls_certificate", tls_certificate), .type = CONF_PATH,
     .help = "our certificate and those up to its authority, PEM: HTTPS; "
             "empty: HTTP"},
    {OPTION("tls_key", tls_key), .type = CONF_PATH, .help = "its key, PEM"},
    {OPTION("tls_ca", tls_ca), .type = CONF_PATH,
     .help = "authorities, PEM: only senders with a certificate of theirs are "
             "let in; empty: everybody is"},
    {OPTION("connections_max", connections_max), .type = CONF_INT,
     .fallback = "256", .min = 1, .max = 10000, .unit = "connections",
     .help = "more at once are refused"},
    {OPTION("body_bytes", body_bytes), .type = CONF_SIZE, .fallback = "4M",
     .min = 4096, .max = ALERTS_BODY_MAX,
     .help = "a larger request is refused"},
    {OPTION("idle", idle_ms), .type = CONF_DURATION, .fallback = "120s",
     .min = 1000, .max = 3600000,
     .help = "a connection that is silent for so long is closed"},
    {OPTION("component_labels", component_labels), .type = CONF_LIST,
     .fallback = "host, hostname, node, instance", .max = 32,
     .help = "labels of which the first that is there names the component"},
    {OPTION("default_component", default_component), .type = CONF_STRING,
     .fallback = "prometheus", .min = 1, .max = EVENT_COMPONENT_MAX,
     .help = "component of an alert without any of them"},
    {OPTION("ignored_labels", ignored_labels), .type = CONF_LIST,
     .fallback = "job, monitor, prometheus, replica, instance", .max = 64,
     .help = "labels that do not tell one alert from another"},
    {OPTION("severity_label", severity_label), .type = CONF_STRING,
     .fallback = "severity", .min = 1, .max = 128,
     .help = "label that tells how bad it is"},
    {OPTION("severities", severities), .type = CONF_LIST,
     .fallback = "critical=3, page=3, error=3, major=2, high=2, warning=1, "
                 "minor=1, low=1, info=0, none=0",
     .max = 64, .help = "its values and the states that they become"},
    {OPTION("default_state", default_state), .type = CONF_INT, .fallback = "2",
     .min = STATE_OK, .max = STATE_CRITICAL,
     .help = "state of a firing alert with another value, or none"},
    {OPTION("webhook_ttl", webhook_ttl_ms), .type = CONF_DURATION,
     .fallback = "0", .min = 0, .max = INT64_C(86400000) * 30,
     .help = "ttl of what comes by webhook: above Alertmanager's "
             "repeat_interval; 0: none"},
    {0}};

/* --- requests ---------------------------------------------------------------
 */

static enum err on_event(void *ctx, const struct event *event)
{
    const struct alertmanager *am = ctx;
    enum err err = connector_publish(am->io, event);

    return err == ERR_UNAVAILABLE ? err : ERR_OK;
}

static void on_refused(void *ctx, const struct errbuf *why)
{
    struct alertmanager *am = ctx;

    connector_refuse(am->io, am->peer, why);
    if (am->first.text[0] == '\0') {
        am->first = *why;
    }
}

static void on_stranger(void *ctx, const char *peer, const struct errbuf *why)
{
    const struct alertmanager *am = ctx;

    connector_refuse(am->io, peer, why);
}

static void reply(struct http_request *request, unsigned int status,
                  const char *text)
{
    request->status = status;
    (void)snprintf(request->text, sizeof request->text, "%.500s", text);
}

static void take_alerts(struct alertmanager *am, struct http_request *request)
{
    const struct alerts_sink sink = {am, on_event, on_refused};
    struct errbuf why = {0};
    size_t refused = 0;
    enum err err;

    am->peer = request->peer;
    am->first = (struct errbuf){0};
    err = alerts_read(&am->alerts, request->body, request->len,
                      connector_now_ms(am->io), &sink, &refused, &why);
    if (err == ERR_UNAVAILABLE) {
        reply(request, STATUS_AWAY, "nothing can be kept now: try again\n");
    } else if (err != ERR_OK) {
        connector_refuse(am->io, request->peer, &why);
        reply(request, err == ERR_LIMIT ? STATUS_TOO_LARGE : STATUS_BAD,
              why.text);
    } else if (refused > 0) {
        reply(request, STATUS_BAD, am->first.text);
    } else {
        reply(request, STATUS_OK, "{\"status\":\"success\"}");
    }
}

/* Paths count from their end, so that any prefix will do. */
static void on_request(void *ctx, struct http_request *request)
{
    static const char *const takes[] = {"/api/v2/alerts", "/api/v1/alerts",
                                        "/webhook", NULL};
    struct alertmanager *am = ctx;
    bool get = strcmp(request->method, "GET") == 0;

    for (size_t i = 0; takes[i] != NULL; i++) {
        if (str_ends(request->path, takes[i])) {
            if (strcmp(request->method, "POST") != 0) {
                reply(request, STATUS_METHOD, "alerts are posted here\n");
            } else {
                take_alerts(am, request);
            }
            return;
        }
    }
    if (get && (str_ends(request->path, "/-/healthy") ||
                str_ends(request->path, "/-/ready"))) {
        reply(request, STATUS_OK, "OK\n");
        return;
    }
    reply(request, STATUS_NOT_FOUND,
          "expected POST /api/v2/alerts or POST /webhook\n");
}

/* --- the connector ----------------------------------------------------------
 */

static enum err read_severities(struct alertmanager *am, struct errbuf *why)
{
    am->states = xcalloc(am->severities.n + 1, sizeof *am->states);
    for (size_t i = 0; i < am->severities.n; i++) {
        char *item = am->severities.items[i];
        char *equal = strchr(item, '=');
        int64_t state = -1;

        if (equal == NULL || equal == item ||
            str_to_i64(equal + 1, STATE_OK, STATE_CRITICAL, &state) != ERR_OK) {
            errbuf_set_field(why, "severities",
                             "severities: \"%.60s\"; expected NAME=0..3", item);
            return ERR_INVALID;
        }
        am->states[i] = (struct alerts_severity){
            xstrndup(item, (size_t)(equal - item)), (int)state};
    }
    return ERR_OK;
}

static enum err read_pem(const char *path, struct buf *out, struct errbuf *why)
{
    buf_init(out, PEM_MAX);
    return path[0] == '\0' || file_read(path, out, why) == ERR_OK ? ERR_OK
                                                                  : ERR_INVALID;
}

/* A certificate of ours, its key, and whose certificates are let in. All are
 * set up in any case. */
static enum err read_tls(struct alertmanager *am, struct errbuf *why)
{
    enum err certificate = read_pem(am->tls_certificate, &am->certificate, why);
    enum err key = read_pem(am->tls_key, &am->key, why);
    enum err ca = read_pem(am->tls_ca, &am->ca, why);

    if (certificate != ERR_OK || key != ERR_OK || ca != ERR_OK) {
        return ERR_INVALID;
    }
    if (am->tls_ca[0] == '\0') {
        return ERR_OK;
    }
    if (am->tls_certificate[0] == '\0') {
        errbuf_set_field(why, "tls_certificate",
                         "tls_ca needs tls_certificate and tls_key");
        return ERR_INVALID;
    }
    return tls_check_ca(buf_str(&am->ca), why);
}

static enum err read_options(struct alertmanager *am, struct errbuf *why)
{
    const char *const *components =
        (const char *const *)am->component_labels.items;
    const char *const *ignored = (const char *const *)am->ignored_labels.items;
    enum err err = read_tls(am, why);

    if (err == ERR_OK) {
        err = read_severities(am, why);
    }
    am->alerts = (struct alerts_conf){
        .component_labels = components,
        .n_component_labels = am->component_labels.n,
        .ignored_labels = ignored,
        .n_ignored_labels = am->ignored_labels.n,
        .severity_label = am->severity_label,
        .severities = am->states,
        .n_severities = am->severities.n,
        .default_state = (int)am->default_state,
        .default_component = am->default_component,
        .webhook_ttl_ms = am->webhook_ttl_ms,
    };
    return err;
}

static enum err alertmanager_open(void *state, struct connector_io *io,
                                  struct errbuf *why)
{
    struct alertmanager *am = state;
    enum err err = read_options(am, why);
    const struct http_conf conf = {
        .port = (int)am->port,
        .connections_max = am->connections_max,
        .body_max = am->body_bytes,
        .idle_ms = am->idle_ms,
        .user = am->user,
        .password = am->password,
        .tls_certificate = buf_str(&am->certificate),
        .tls_key = buf_str(&am->key),
        .tls_ca = buf_str(&am->ca),
        .refused = on_stranger,
    };

    am->io = io;
    am->http = http_new(connector_loop(io), &conf, on_request, am);
    for (size_t i = 0; err == ERR_OK && i < am->listen.n; i++) {
        err = http_listen(am->http, am->listen.items[i], why);
    }
    return err;
}

static void alertmanager_beat(void *state, struct connector_io *io)
{
    struct alertmanager *am = state;

    (void)io;
    http_beat(am->http);
}

static void free_states(struct alertmanager *am)
{
    for (size_t i = 0; am->states != NULL && i < am->severities.n; i++) {
        union {
            const char *in;
            char *out;
        } cast = {am->states[i].name};

        free(cast.out);
    }
    free(am->states);
    am->states = NULL;
}

static void alertmanager_fini(void *state, struct connector_io *io)
{
    struct alertmanager *am = state;

    (void)io;
    http_free(am->http);
    am->http = NULL;
    free_states(am);
    buf_fini(&am->certificate);
    buf_fini(&am->key);
    buf_fini(&am->ca);
}

const struct connector_ops alertmanager_connector = {
    .name = "alertmanager",
    .summary = "takes alerts of Prometheus and Alertmanager",
    .description =
        "Takes what Prometheus posts to an Alertmanager (POST /api/v2/alerts)\n"
        "and what Alertmanager posts to a webhook (POST /webhook), and\n"
        "publishes each alert as a check: firing with the state of its\n"
        "severity and a ttl up to its endsAt, resolved as OK.",
    .options = alertmanager_options,
    .state_size = sizeof(struct alertmanager),
    .open = alertmanager_open,
    .beat = alertmanager_beat,
    .fini = alertmanager_fini,
};
