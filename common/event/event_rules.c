/* SPDX-License-Identifier: Apache-2.0 */
/** The rules of docs/events.md: what a raw event's fields may be. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/event/event_number.h"
#include "common/event/event_raw.h"

enum {
    TEXT_BYTES_MAX = 2048,
    PERF_DATA_BYTES_MAX = 65536,
    FOUND_TEXT_MAX = 40,   /* bytes of a wrong text that are shown */
    FOUND_MAX = 64,        /* with what is around them */
    MARK_MAX = 48,         /* of a cut text */
    ORIGINAL_TEXT_MAX = 64 /* of a timestamp that is no number */
};

/* 2001-01-01T00:00:00Z: a clock that was never set shows an earlier time. */
static const int64_t earliest_ms = INT64_C(978307200000);
/* Ten years: more is a mistake of unit. */
static const double seconds_max = 315360000;

struct rules {
    const struct raw_event *raw;
    const struct event_limits *limits;
    int64_t received_ms;
    struct event *event;
    struct errbuf *why;
};

typedef bool rule_fn(struct rules *rules);

static const struct raw *get(const struct rules *rules, enum raw_field field)
{
    return &rules->raw->fields[field];
}

static const char *describe(const struct raw *raw, char found[FOUND_MAX])
{
    size_t shown;

    switch (raw->kind) {
    case RAW_ABSENT:
        return "nothing";
    case RAW_BOOL:
        return raw->b ? "true" : "false";
    case RAW_OBJECT:
        return "an object";
    case RAW_ARRAY:
        return "an array";
    case RAW_NUMBER:
    case RAW_TEXT:
    default:
        shown = utf8_cut(raw->text, raw->len, FOUND_TEXT_MAX);
        (void)snprintf(
            found, FOUND_MAX, raw->kind == RAW_TEXT ? "\"%.*s%s\"" : "%.*s%s",
            (int)shown, raw->text, shown < raw->len ? "\xE2\x80\xA6" : "");
        return found;
    }
}

static bool refuse_expected(struct rules *rules, enum raw_field field,
                            const char *expected)
{
    const char *name = event_raw_name(field);
    char found[FOUND_MAX];

    errbuf_set_field(rules->why, name, "%s: expected %s, found %s", name,
                     expected, describe(get(rules, field), found));
    return false;
}

static bool refuse_missing(struct rules *rules, enum raw_field field,
                           const char *when)
{
    const char *name = event_raw_name(field);

    errbuf_set_field(rules->why, name, "%s: missing, required %s", name, when);
    return false;
}

static bool refuse_long(struct rules *rules, enum raw_field field, size_t max)
{
    const char *name = event_raw_name(field);

    errbuf_set_field(rules->why, name,
                     "%s: expected at most %zu bytes, found %zu", name, max,
                     get(rules, field)->len);
    return false;
}

static bool is_text(const struct raw *raw)
{
    return raw->kind == RAW_TEXT || raw->kind == RAW_NUMBER;
}

/* A text of at most max bytes; "" when absent. Numbers count as texts. */
static bool take_text(struct rules *rules, enum raw_field field, size_t max,
                      const char **out)
{
    const struct raw *raw = get(rules, field);

    *out = "";
    if (raw->kind == RAW_ABSENT) {
        return true;
    }
    if (!is_text(raw)) {
        return refuse_expected(rules, field, "a text");
    }
    if (raw->len > max) {
        return refuse_long(rules, field, max);
    }
    *out = raw->text;
    return true;
}

/* Seconds of 0 to seconds_max, as milliseconds; 0 when absent. */
static bool take_seconds(struct rules *rules, enum raw_field field, int64_t *ms)
{
    const struct raw *raw = get(rules, field);
    struct event_number number;

    *ms = 0;
    if (raw->kind == RAW_ABSENT) {
        return true;
    }
    if (!is_text(raw) || !event_number_parse(raw->text, raw->len, &number) ||
        number.d < 0 || number.d > seconds_max) {
        return refuse_expected(rules, field, "0 to 315360000 seconds");
    }
    *ms = clock_s_to_ms(number.d);
    return true;
}

static bool is_extra_type(const char *const *types, const char *name)
{
    while (types != NULL && *types != NULL) {
        if (strcmp(*types, name) == 0) {
            return true;
        }
        types++;
    }
    return false;
}

static bool rule_type(struct rules *rules)
{
    struct event *event = rules->event;
    const char *name;

    if (!take_text(rules, RAW_EVENT_TYPE, EVENT_TYPE_MAX, &name)) {
        return false;
    }
    event->type = EVENT_CHECK;
    event->type_name = event_type_name(EVENT_CHECK);
    if (name[0] == '\0') {
        return true;
    }
    if (event_type_parse(name, &event->type) == ERR_OK) {
        event->type_name = event_type_name(event->type);
        return true;
    }
    if (is_extra_type(rules->limits->extra_types, name)) {
        event->type = EVENT_EXTRA_LOG;
        event->type_name = name;
        return true;
    }
    errbuf_set_field(rules->why, "event_type", "unknown event type \"%s\"",
                     name);
    return false;
}

static bool rule_connector(struct rules *rules)
{
    struct event *event = rules->event;

    if (!take_text(rules, RAW_CONNECTOR, EVENT_CONNECTOR_MAX,
                   &event->connector) ||
        !take_text(rules, RAW_CONNECTOR_NAME, EVENT_CONNECTOR_MAX,
                   &event->connector_name)) {
        return false;
    }
    if (event->connector[0] == '\0') {
        return refuse_missing(rules, RAW_CONNECTOR, "in every event");
    }
    if (event->connector_name[0] == '\0') {
        return refuse_missing(rules, RAW_CONNECTOR_NAME, "in every event");
    }
    return true;
}

static bool rule_source(struct rules *rules)
{
    struct event *event = rules->event;
    const char *name;

    if (!take_text(rules, RAW_SOURCE_TYPE, TEXT_BYTES_MAX, &name) ||
        !take_text(rules, RAW_COMPONENT, EVENT_COMPONENT_MAX,
                   &event->component) ||
        !take_text(rules, RAW_RESOURCE, EVENT_RESOURCE_MAX, &event->resource)) {
        return false;
    }
    if (name[0] == '\0') {
        event->source_type = event->resource[0] != '\0'
                                 ? EVENT_SOURCE_RESOURCE
                                 : EVENT_SOURCE_COMPONENT;
        return true;
    }
    if (event_source_parse(name, &event->source_type) != ERR_OK) {
        return refuse_expected(rules, RAW_SOURCE_TYPE,
                               "component, resource, connector or service");
    }
    return true;
}

/* Names that the source type does not have are removed. */
static bool rule_entity(struct rules *rules)
{
    struct event *event = rules->event;
    enum event_source source = event->source_type;

    if (source == EVENT_SOURCE_CONNECTOR) {
        event->component = "";
    } else if (event->component[0] == '\0') {
        return refuse_missing(rules, RAW_COMPONENT,
                              "unless source_type is connector");
    }
    if (source != EVENT_SOURCE_RESOURCE) {
        event->resource = "";
    } else if (event->resource[0] == '\0') {
        return refuse_missing(rules, RAW_RESOURCE,
                              "when source_type is resource");
    }
    return true;
}

static bool small_number(const struct raw *raw, int max, int *out)
{
    struct event_number number;

    if (!is_text(raw) || !event_number_parse(raw->text, raw->len, &number) ||
        !(number.d >= 0 && number.d <= max) ||
        (double)(int)number.d != number.d) {
        return false;
    }
    *out = (int)number.d;
    return true;
}

/* A check without a state read as OK would be a false silence. */
static bool state_is_required(const struct event *event)
{
    return event_type_is_check(event->type) || event->type == EVENT_CHANGESTATE;
}

static bool rule_state(struct rules *rules)
{
    const struct raw *raw = get(rules, RAW_STATE);
    struct event *event = rules->event;

    if (raw->kind != RAW_ABSENT) {
        return small_number(raw, STATE_CRITICAL, &event->state) ||
               (raw->kind == RAW_TEXT &&
                event_state_parse(raw->text, &event->state) == ERR_OK) ||
               refuse_expected(rules, RAW_STATE,
                               "0 to 3, or ok, minor, warning, major or "
                               "critical");
    }
    event->state = STATE_OK;
    if (event_type_is_check(event->type) && rules->limits->default_state >= 0) {
        event->state = (int)rules->limits->default_state;
        return true;
    }
    return !state_is_required(event) ||
           refuse_missing(rules, RAW_STATE,
                          event->type == EVENT_CHANGESTATE ? "in a changestate"
                                                           : "in a check");
}

static bool rule_state_type(struct rules *rules)
{
    const struct raw *raw = get(rules, RAW_STATE_TYPE);
    int hard = 1;

    if (raw->kind != RAW_ABSENT && !small_number(raw, 1, &hard)) {
        return refuse_expected(rules, RAW_STATE_TYPE, "0 (soft) or 1 (hard)");
    }
    rules->event->hard = hard == 1;
    return true;
}

/* Keep what the sender wrote beside the time of receipt that stands for it. */
static void keep_original(struct rules *rules, const struct raw *raw,
                          const struct event_number *number)
{
    static const char name[] = "original_timestamp";

    if (number == NULL) {
        doc_add_strn(rules->raw->extra, name, raw->text,
                     raw->len < ORIGINAL_TEXT_MAX ? raw->len
                                                  : ORIGINAL_TEXT_MAX);
    } else if (number->whole) {
        doc_add_i64(rules->raw->extra, name, number->i);
    } else {
        doc_add_f64(rules->raw->extra, name, number->d);
    }
}

static bool rule_timestamp(struct rules *rules)
{
    const struct raw *raw = get(rules, RAW_TIMESTAMP);
    int64_t latest_ms = rules->received_ms + rules->limits->max_ahead_ms;
    struct event_number number;

    rules->event->received_ms = rules->received_ms;
    rules->event->timestamp_ms = rules->received_ms;
    if (raw->kind == RAW_ABSENT) {
        return true;
    }
    if (!is_text(raw) || (raw->kind == RAW_TEXT &&
                          !event_number_parse(raw->text, raw->len, &number))) {
        return refuse_expected(rules, RAW_TIMESTAMP,
                               "seconds since 1970 as a number");
    }
    if (!event_number_parse(raw->text, raw->len, &number)) {
        keep_original(rules, raw, NULL); /* a number that is not finite */
    } else if (number.d < clock_ms_to_s(earliest_ms) ||
               number.d > clock_ms_to_s(latest_ms)) {
        keep_original(rules, raw, &number);
    } else {
        rules->event->timestamp_ms = clock_s_to_ms(number.d);
    }
    return true;
}

/* Cut a text to max bytes, the mark included; it says how long it was. */
static void cut_text(const struct raw *raw, size_t max)
{
    char mark[MARK_MAX];
    int mark_len;
    size_t keep;

    if (raw->len <= max) {
        return;
    }
    mark_len = snprintf(mark, sizeof mark,
                        "\xE2\x80\xA6 (cut, %zu bytes in all)", raw->len);
    if (mark_len < 0 || (size_t)mark_len > max) {
        mark_len = 0;
    }
    keep = utf8_cut(raw->text, raw->len, max - (size_t)mark_len);
    memcpy(raw->text + keep, mark, (size_t)mark_len);
    raw->text[keep + (size_t)mark_len] = '\0';
}

static bool take_cut(struct rules *rules, enum raw_field field, int64_t max,
                     const char **out)
{
    if (!take_text(rules, field, SIZE_MAX, out)) {
        return false;
    }
    if (is_text(get(rules, field))) {
        cut_text(get(rules, field), (size_t)max);
    }
    return true;
}

static bool rule_outputs(struct rules *rules)
{
    struct event *event = rules->event;

    return take_cut(rules, RAW_OUTPUT, rules->limits->output_bytes,
                    &event->output) &&
           take_cut(rules, RAW_LONG_OUTPUT, rules->limits->long_output_bytes,
                    &event->long_output) &&
           take_text(rules, RAW_PERF_DATA, PERF_DATA_BYTES_MAX,
                     &event->perf_data);
}

static bool rule_spans(struct rules *rules)
{
    return take_seconds(rules, RAW_TTL, &rules->event->ttl_ms) &&
           take_seconds(rules, RAW_DURATION, &rules->event->duration_ms);
}

static bool rule_texts(struct rules *rules)
{
    struct event *event = rules->event;
    const struct {
        enum raw_field field;
        const char **out;
    } texts[] = {
        {RAW_AUTHOR, &event->author},
        {RAW_DISPLAY_NAME, &event->display_name},
        {RAW_ADDRESS, &event->address},
        {RAW_DOMAIN, &event->domain},
        {RAW_PERIMETER, &event->perimeter},
        {RAW_REF_RK, &event->ref_rk},
        {RAW_ALARM_ID, &event->alarm_id},
        {RAW_ACTION_ID, &event->action_id},
        {RAW_TICKET, &event->ticket},
        {RAW_TICKET_URL, &event->ticket_url},
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (!take_text(rules, texts[i].field, TEXT_BYTES_MAX, texts[i].out)) {
            return false;
        }
    }
    return true;
}

static bool rule_keep_state(struct rules *rules)
{
    const struct raw *raw = get(rules, RAW_KEEP_STATE);
    struct event *event = rules->event;
    int number;

    if (raw->kind == RAW_ABSENT) {
        event->keep_state = event->type == EVENT_CHANGESTATE;
    } else if (raw->kind == RAW_BOOL) {
        event->keep_state = raw->b;
    } else if (small_number(raw, 1, &number)) {
        event->keep_state = number == 1;
    } else if (raw->kind == RAW_TEXT && strcasecmp(raw->text, "true") == 0) {
        event->keep_state = true;
    } else if (raw->kind == RAW_TEXT && strcasecmp(raw->text, "false") == 0) {
        event->keep_state = false;
    } else {
        return refuse_expected(rules, RAW_KEEP_STATE, "true or false");
    }
    return true;
}

static bool take_doc(struct rules *rules, enum raw_field field,
                     enum raw_kind kind, struct doc *doc)
{
    const struct raw *raw = get(rules, field);

    *doc = raw->doc;
    if (raw->kind == RAW_ABSENT || raw->kind == kind) {
        return true;
    }
    return refuse_expected(rules, field,
                           kind == RAW_ARRAY ? "an array" : "an object");
}

static bool rule_tags(struct rules *rules)
{
    const struct raw *raw = get(rules, RAW_TAGS);
    struct event *event = rules->event;

    event->tags_is_map = raw->kind == RAW_OBJECT;
    event->tags = raw->doc;
    if (raw->kind == RAW_BOOL) {
        return refuse_expected(rules, RAW_TAGS,
                               "a text, an array of texts or a map");
    }
    return true;
}

static bool rule_docs(struct rules *rules)
{
    struct event *event = rules->event;

    return take_doc(rules, RAW_PERF, RAW_ARRAY, &event->perf) &&
           take_doc(rules, RAW_HOSTGROUPS, RAW_ARRAY, &event->hostgroups) &&
           take_doc(rules, RAW_SERVICEGROUPS, RAW_ARRAY,
                    &event->servicegroups) &&
           take_doc(rules, RAW_INFOS, RAW_OBJECT, &event->infos);
}

static rule_fn *const rule_list[] = {
    rule_type,    rule_connector,  rule_source,     rule_entity, rule_state,
    rule_outputs, rule_state_type, rule_timestamp,  rule_spans,  rule_texts,
    rule_tags,    rule_docs,       rule_keep_state,
};

enum err event_from_raw(const struct raw_event *raw,
                        const struct event_limits *limits, int64_t received_ms,
                        struct event *event, struct errbuf *why)
{
    struct rules rules = {raw, limits, received_ms, event, why};

    for (size_t i = 0; i < sizeof rule_list / sizeof rule_list[0]; i++) {
        if (!rule_list[i](&rules)) {
            return ERR_INVALID;
        }
    }
    return ERR_OK;
}

const struct event_limits event_limits_default = {
    .message_bytes = INT64_C(1024) * 1024,
    .depth = 32,
    .events = 10000,
    .output_bytes = 4096,
    .long_output_bytes = 65536,
    .extra_bytes = 65536,
    .perf_items = 1000,
    .max_ahead_ms = 60000,
    .default_state = -1,
    .extra_types = NULL,
};
