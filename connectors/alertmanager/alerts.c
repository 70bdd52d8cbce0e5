/* SPDX-License-Identifier: Apache-2.0 */
/** Alerts of Prometheus and Alertmanager as checks. */
#include "connectors/alertmanager/alerts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/json/json.h"

enum {
    DEPTH_MAX = 8,
    NODES_MAX = 2000000,
    LABELS_MAX = 128,
    NAME_ROOM = 64 * 1024,
    HASH_BYTES = 17, /* "~" and 16 digits */
    MS_PER_S = 1000,
    TTL_LEAST_MS = 1000,
    YEAR_DIGITS = 4,
    NUMBER_MAX = 9999
};

/* One body on its way. */
struct reading {
    const struct alerts_conf *conf;
    const struct alerts_sink *sink;
    int64_t now_ms;
    bool webhook;
    struct doc_out *extra;
    struct buf component;
    struct buf resource;
    struct buf output;
};

/* --- times ------------------------------------------------------------------
 */

static bool take_number(const char **at, size_t digits, int *out)
{
    int64_t value;

    if (strnlen(*at, digits) < digits ||
        str_to_i64_n(*at, digits, 0, NUMBER_MAX, &value) != ERR_OK) {
        return false;
    }
    *at += digits;
    *out = (int)value;
    return true;
}

static bool take_char(const char **at, char c)
{
    if (**at != c) {
        return false;
    }
    (*at)++;
    return true;
}

/* The month still counted from 1. */
static bool is_date(const struct tm *tm)
{
    return tm->tm_mon >= 1 && tm->tm_mon <= 12 && tm->tm_mday >= 1 &&
           tm->tm_mday <= 31 && tm->tm_hour <= 23 && tm->tm_min <= 59 &&
           tm->tm_sec <= 60;
}

static bool take_date(const char **at, struct tm *tm)
{
    return take_number(at, YEAR_DIGITS, &tm->tm_year) && take_char(at, '-') &&
           take_number(at, 2, &tm->tm_mon) && take_char(at, '-') &&
           take_number(at, 2, &tm->tm_mday) && take_char(at, 'T') &&
           take_number(at, 2, &tm->tm_hour) && take_char(at, ':') &&
           take_number(at, 2, &tm->tm_min) && take_char(at, ':') &&
           take_number(at, 2, &tm->tm_sec) && is_date(tm);
}

static bool take_fraction(const char **at, int *ms)
{
    int scale = MS_PER_S / 10;

    if (!take_char(at, '.')) {
        return true;
    }
    if (**at < '0' || **at > '9') {
        return false;
    }
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        *ms += scale * (**at - '0');
        scale /= 10;
    }
    return true;
}

static bool take_zone(const char **at, int *offset_s)
{
    int sign = **at == '-' ? -1 : 1;
    int hours;
    int minutes;

    if (take_char(at, 'Z')) {
        return true;
    }
    if ((!take_char(at, '+') && !take_char(at, '-')) ||
        !take_number(at, 2, &hours) || !take_char(at, ':') ||
        !take_number(at, 2, &minutes)) {
        return false;
    }
    *offset_s = sign * (hours * 60 + minutes) * 60;
    return true;
}

enum err alerts_time(const char *text, int64_t *ms)
{
    struct tm tm = {0};
    int fraction = 0;
    int offset_s = 0;
    int64_t s;

    if (!take_date(&text, &tm) || !take_fraction(&text, &fraction) ||
        !take_zone(&text, &offset_s) || *text != '\0') {
        return ERR_INVALID;
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    s = (int64_t)timegm(&tm) - offset_s;
    *ms = s > 0 ? s * MS_PER_S + fraction : 0;
    return ERR_OK;
}

static enum err get_time(const json_t *alert, const char *key, int64_t *ms,
                         struct errbuf *why)
{
    const json_t *value = json_object_get(alert, key);

    *ms = 0;
    if (value == NULL || json_is_null(value)) {
        return ERR_OK;
    }
    if (!json_is_string(value) ||
        alerts_time(json_string_value(value), ms) != ERR_OK) {
        errbuf_set_field(why, key,
                         "%s: expected a time such as "
                         "2026-11-21T09:30:00Z",
                         key);
        return ERR_INVALID;
    }
    return ERR_OK;
}

/* --- names ------------------------------------------------------------------
 */

static const char *get_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

static bool is_among(const char *name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(name, list[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* "host:9100", "[::1]:9100" are a host and the port of an exporter. */
static void add_host(struct buf *out, const char *text)
{
    const char *colon = strrchr(text, ':');
    size_t len = strlen(text);

    if (colon != NULL && colon[1] != '\0' &&
        strspn(colon + 1, "0123456789") == strlen(colon + 1) &&
        (strchr(text, ':') == colon || colon[-1] == ']')) {
        len = (size_t)(colon - text);
    }
    if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    buf_add(out, text, len);
}

/* Gives the label that names the component, NULL when none does. */
static const char *set_component(struct reading *reading, const json_t *labels)
{
    const struct alerts_conf *conf = reading->conf;

    buf_clear(&reading->component);
    for (size_t i = 0; i < conf->n_component_labels; i++) {
        add_host(&reading->component,
                 get_text(labels, conf->component_labels[i]));
        if (reading->component.len > 0) {
            return conf->component_labels[i];
        }
    }
    buf_add_str(&reading->component, conf->default_component);
    return NULL;
}

static int compare_names(const void *a, const void *b)
{
    const char *const *left = a;
    const char *const *right = b;

    return strcmp(*left, *right);
}

/* The labels that tell this alert from others of its name, in order. */
static size_t pick_labels(const struct alerts_conf *conf, const json_t *labels,
                          const char *component, const char **names)
{
    size_t n = 0;
    union {
        const json_t *in;
        json_t *out;
    } cast = {labels};
    void *it = json_object_iter(cast.out);

    for (; it != NULL; it = json_object_iter_next(cast.out, it)) {
        const char *name = json_object_iter_key(it);

        if (strcmp(name, "alertname") != 0 &&
            (component == NULL || strcmp(name, component) != 0) &&
            !is_among(name, conf->ignored_labels, conf->n_ignored_labels)) {
            names[n++] = name;
        }
    }
    if (n > 1) {
        qsort(names, n, sizeof names[0], compare_names);
    }
    return n;
}

/* Different alerts keep different names where a name has to be cut. */
static void shorten(struct buf *name, size_t max)
{
    uint64_t hash = hash_fixed(buf_str(name), name->len);

    if (name->len <= max) {
        return;
    }
    buf_truncate(name, utf8_cut(buf_str(name), name->len, max - HASH_BYTES));
    buf_addf(name, "~%016" PRIx64, hash);
}

static void set_resource(struct reading *reading, const json_t *labels,
                         const char *component)
{
    struct buf *out = &reading->resource;
    const char *names[LABELS_MAX];
    size_t n = pick_labels(reading->conf, labels, component, names);

    buf_clear(out);
    buf_add_str(out, get_text(labels, "alertname"));
    for (size_t i = 0; i < n; i++) {
        buf_addf(out, "%s%s=%s", i == 0 ? "{" : ",", names[i],
                 get_text(labels, names[i]));
    }
    if (n > 0) {
        buf_add_char(out, '}');
    }
    shorten(out, EVENT_RESOURCE_MAX);
    shorten(&reading->component, EVENT_COMPONENT_MAX);
}

/* --- an event ---------------------------------------------------------------
 */

static int state_of(const struct alerts_conf *conf, const json_t *labels)
{
    const char *name = get_text(labels, conf->severity_label);

    for (size_t i = 0; i < conf->n_severities; i++) {
        if (strcasecmp(name, conf->severities[i].name) == 0) {
            return conf->severities[i].state;
        }
    }
    return conf->default_state;
}

static const char *first_of(const json_t *object, const char *const *keys)
{
    for (; *keys != NULL; keys++) {
        const char *text = get_text(object, *keys);

        if (*text != '\0') {
            return text;
        }
    }
    return "";
}

static void set_texts(struct reading *reading, const json_t *annotations,
                      struct event *event)
{
    static const char *const shorts[] = {"summary", "message", "title",
                                         "description", NULL};
    const char *text = first_of(annotations, shorts);
    const char *more = get_text(annotations, "description");
    size_t line;

    if (*text == '\0') {
        text = event->resource[0] != '\0' ? event->resource : event->component;
    }
    line = strcspn(text, "\r\n");
    buf_clear(&reading->output);
    buf_add(&reading->output, text, line);
    event->output = buf_str(&reading->output);
    if (*more != '\0' && strcmp(more, event->output) != 0) {
        event->long_output = more;
    } else if (text[line] != '\0') {
        event->long_output = text;
    }
}

static void add_texts(struct doc_out *out, const char *key,
                      const json_t *object)
{
    union {
        const json_t *in;
        json_t *out;
    } cast = {object};
    void *it = object != NULL ? json_object_iter(cast.out) : NULL;

    if (it == NULL) {
        return;
    }
    doc_begin_doc(out, key);
    for (; it != NULL; it = json_object_iter_next(cast.out, it)) {
        doc_add_str(out, json_object_iter_key(it),
                    json_string_value(json_object_iter_value(it)));
    }
    doc_end(out);
}

static void add_text(struct doc_out *out, const char *name, const char *text)
{
    if (*text != '\0') {
        doc_add_str(out, name, text);
    }
}

static struct doc make_extra(const struct reading *reading, const json_t *alert,
                             int64_t starts_ms)
{
    struct doc_out *out = reading->extra;

    doc_out_reset(out);
    add_texts(out, "labels", json_object_get(alert, "labels"));
    add_texts(out, "annotations", json_object_get(alert, "annotations"));
    add_text(out, "generator_url", get_text(alert, "generatorURL"));
    add_text(out, "fingerprint", get_text(alert, "fingerprint"));
    if (starts_ms > 0) {
        doc_add_ms(out, "starts_at", starts_ms);
    }
    return doc_out_done(out);
}

/* An object of texts, or absent. */
static enum err check_texts(const json_t *alert, const char *key,
                            struct errbuf *why)
{
    json_t *object = json_object_get(alert, key);
    const char *name;
    const json_t *value;

    if (object == NULL || json_is_null(object)) {
        return ERR_OK;
    }
    if (!json_is_object(object) || json_object_size(object) > LABELS_MAX) {
        errbuf_set_field(why, key, "%s: expected an object of at most %d texts",
                         key, LABELS_MAX);
        return ERR_INVALID;
    }
    json_object_foreach(object, name, value)
    {
        if (!json_is_string(value)) {
            errbuf_set_field(why, key, "%s.%.60s: expected text", key, name);
            return ERR_INVALID;
        }
    }
    return ERR_OK;
}

static enum err check_alert(const json_t *alert, struct errbuf *why)
{
    if (!json_is_object(alert)) {
        errbuf_set_field(why, "alert", "expected an object");
        return ERR_INVALID;
    }
    if (check_texts(alert, "labels", why) != ERR_OK ||
        check_texts(alert, "annotations", why) != ERR_OK) {
        return ERR_INVALID;
    }
    if (json_object_size(json_object_get(alert, "labels")) == 0) {
        errbuf_set_field(why, "labels", "labels: none; expected at least one");
        return ERR_INVALID;
    }
    return ERR_OK;
}

/* Whether it is over; else *ttl_ms says how long it is good for. */
static bool is_resolved(const struct reading *reading, const json_t *alert,
                        int64_t ends_ms, int64_t *ttl_ms)
{
    int64_t left_ms = ends_ms - reading->now_ms;

    *ttl_ms = 0;
    if (reading->webhook) {
        *ttl_ms = reading->conf->webhook_ttl_ms;
        return strcmp(get_text(alert, "status"), "resolved") == 0;
    }
    if (ends_ms == 0) {
        return false;
    }
    if (left_ms > 0) {
        *ttl_ms = left_ms > TTL_LEAST_MS ? left_ms : TTL_LEAST_MS;
    }
    return left_ms <= 0;
}

static enum err read_alert(struct reading *reading, const json_t *alert,
                           struct event *event, struct errbuf *why)
{
    const json_t *labels;
    int64_t starts_ms;
    int64_t ends_ms;
    const char *component;

    if (check_alert(alert, why) != ERR_OK ||
        get_time(alert, "startsAt", &starts_ms, why) != ERR_OK ||
        get_time(alert, "endsAt", &ends_ms, why) != ERR_OK) {
        return ERR_INVALID;
    }
    labels = json_object_get(alert, "labels");
    component = set_component(reading, labels);
    set_resource(reading, labels, component);
    event_init(event, EVENT_CHECK);
    event->component = buf_str(&reading->component);
    event->resource = buf_str(&reading->resource);
    /* With no label but the host's it is about the host. */
    event->source_type = event->resource[0] != '\0' ? EVENT_SOURCE_RESOURCE
                                                    : EVENT_SOURCE_COMPONENT;
    event->state = state_of(reading->conf, labels);
    if (is_resolved(reading, alert, ends_ms, &event->ttl_ms)) {
        event->state = STATE_OK;
        event->ttl_ms = 0;
    }
    set_texts(reading, json_object_get(alert, "annotations"), event);
    event->extra = make_extra(reading, alert, starts_ms);
    return ERR_OK;
}

/* --- a body -----------------------------------------------------------------
 */

static enum err read_all(struct reading *reading, const json_t *alerts,
                         size_t *refused)
{
    size_t n = json_array_size(alerts);

    for (size_t i = 0; i < n; i++) {
        struct errbuf why = {0};
        struct event event;
        enum err err =
            read_alert(reading, json_array_get(alerts, i), &event, &why);

        if (err != ERR_OK) {
            (*refused)++;
            reading->sink->refused(reading->sink->ctx, &why);
            continue;
        }
        err = reading->sink->event(reading->sink->ctx, &event);
        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

static const json_t *find_alerts(const json_t *body, bool *webhook,
                                 struct errbuf *why)
{
    const json_t *alerts = body;

    *webhook = json_is_object(body);
    if (*webhook) {
        alerts = json_object_get(body, "alerts");
    }
    if (!json_is_array(alerts)) {
        errbuf_set_field(why, "body",
                         "expected an array of alerts, or an "
                         "object with the array \"alerts\"");
        return NULL;
    }
    if (json_array_size(alerts) > ALERTS_MAX) {
        errbuf_set_field(why, "body", "%zu alerts; expected at most %d",
                         json_array_size(alerts), ALERTS_MAX);
        return NULL;
    }
    return alerts;
}

static void reading_init(struct reading *reading)
{
    reading->extra = doc_out_new();
    buf_init(&reading->component, NAME_ROOM);
    buf_init(&reading->resource, ALERTS_BODY_MAX);
    buf_init(&reading->output, ALERTS_BODY_MAX);
}

static void reading_fini(struct reading *reading)
{
    doc_out_free(reading->extra);
    buf_fini(&reading->component);
    buf_fini(&reading->resource);
    buf_fini(&reading->output);
}

/* NOLINTNEXTLINE(readability-function-size): a body takes two parameters. */
enum err alerts_read(const struct alerts_conf *conf, const char *text,
                     size_t len, int64_t now_ms, const struct alerts_sink *sink,
                     size_t *refused, struct errbuf *why)
{
    static const struct json_limits limits = {DEPTH_MAX, ALERTS_BODY_MAX,
                                              NODES_MAX};
    struct reading reading = {.conf = conf, .sink = sink, .now_ms = now_ms};
    json_t *body = NULL;
    const json_t *alerts;
    enum err err = json_load_limited(text, len, &limits, &body, why);

    *refused = 0;
    if (err != ERR_OK) {
        return err;
    }
    alerts = find_alerts(body, &reading.webhook, why);
    err = ERR_INVALID;
    if (alerts != NULL) {
        reading_init(&reading);
        err = read_all(&reading, alerts, refused);
        reading_fini(&reading);
    }
    json_decref(body);
    return err;
}
