/* SPDX-License-Identifier: Apache-2.0 */
/** Actions of the action queue, from JSON. */
#include "engines/alarm/alarm_request.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/engine/known.h"
#include "engines/alarm/alarm_turn.h"

enum {
    TEXT_MAX = 4096,      /* of a message, as in events */
    AHEAD_MAX_MS = 60000, /* as the cleaner takes of an event's time */
    MS_PER_S = 1000,
    PARTS_MAX = EVENT_ENTITY_ID_MAX + 1
};

/* Before 2001 a time is a mistake, as the cleaner judges it. */
#define EARLIEST_MS (INT64_C(978307200) * MS_PER_S)

void alarm_request_init(struct alarm_request *request)
{
    request->out = doc_out_new();
    buf_init(&request->entity_id, PARTS_MAX);
    buf_init(&request->rk, PARTS_MAX);
}

void alarm_request_fini(struct alarm_request *request)
{
    doc_out_free(request->out);
    buf_fini(&request->entity_id);
    buf_fini(&request->rk);
    *request = (struct alarm_request){0};
}

struct text_field {
    const char *name;
    size_t offset;
    size_t max;
};

#define TEXT(member, max)                                                      \
    {                                                                          \
#member, offsetof(struct event, member), max                           \
    }

static const struct text_field texts[] = {
    TEXT(action_id, KNOWN_ID_MAX),
    TEXT(alarm_id, ALARM_ID_MAX),
    TEXT(ref_rk, EVENT_ROUTING_KEY_MAX),
    TEXT(entity_id, EVENT_ENTITY_ID_MAX),
    TEXT(connector, EVENT_CONNECTOR_MAX),
    TEXT(connector_name, EVENT_CONNECTOR_MAX),
    TEXT(component, EVENT_COMPONENT_MAX),
    TEXT(resource, EVENT_RESOURCE_MAX),
    TEXT(author, EVENT_COMPONENT_MAX),
    TEXT(output, TEXT_MAX),
    TEXT(ticket, EVENT_COMPONENT_MAX),
    TEXT(ticket_url, TEXT_MAX),
};

static enum err read_text(struct doc doc, const struct text_field *field,
                          struct event *event, struct errbuf *why)
{
    const char **to = (const char **)(void *)((char *)event + field->offset);
    struct doc_value value;

    *to = "";
    if (!doc_get(doc, field->name, &value) || value.type == DOC_NULL) {
        return ERR_OK;
    }
    if (value.type != DOC_STRING || value.u.s.len > field->max) {
        errbuf_set_field(why, field->name,
                         "expected a text of at most %zu bytes", field->max);
        return ERR_INVALID;
    }
    *to = value.u.s.text;
    return ERR_OK;
}

static enum err read_texts(struct doc doc, struct event *event,
                           struct errbuf *why)
{
    enum err result = ERR_OK;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (read_text(doc, &texts[i], event, why) != ERR_OK) {
            result = ERR_INVALID;
        }
    }
    return result;
}

static bool is_number(const struct doc_value *value)
{
    return value->type == DOC_INT || value->type == DOC_DOUBLE;
}

static enum err read_type(struct doc doc, struct event *event,
                          struct errbuf *why)
{
    event->type_name = doc_str(doc, "event_type", "");
    if (event_type_parse(event->type_name, &event->type) != ERR_OK ||
        !event_type_is_action(event->type)) {
        errbuf_set_field(why, "event_type",
                         "expected an action (ack, cancel, ...), got \"%.40s\"",
                         event->type_name);
        event->type = EVENT_ACK;
        event->type_name = "ack";
        return ERR_INVALID;
    }
    return ERR_OK;
}

static enum err read_state(struct doc doc, struct event *event,
                           struct errbuf *why)
{
    struct doc_value value;

    if (event->type != EVENT_CHANGESTATE) {
        return ERR_OK;
    }
    if (!doc_get(doc, "state", &value) || value.type != DOC_INT ||
        value.u.i < STATE_OK || value.u.i > STATE_CRITICAL) {
        errbuf_set_field(why, "state", "expected 0, 1, 2 or 3");
        return ERR_INVALID;
    }
    event->state = (int)value.u.i;
    event->keep_state = doc_bool(doc, "keep_state", true);
    return ERR_OK;
}

static enum err read_duration(struct doc doc, struct event *event,
                              struct errbuf *why)
{
    double most = clock_ms_to_s(ALARM_DURATION_MAX_MS);
    struct doc_value value;
    double s;

    if (!doc_get(doc, "duration", &value) || value.type == DOC_NULL) {
        return ERR_OK;
    }
    s = doc_f64(doc, "duration", -1);
    if (!is_number(&value) || !(s > 0 && s <= most)) {
        errbuf_set_field(why, "duration",
                         "expected seconds, above 0 and at most ten years");
        return ERR_INVALID;
    }
    event->duration_ms = doc_ms(doc, "duration", 0);
    return ERR_OK;
}

static void read_time(struct doc doc, int64_t now_ms, struct event *event)
{
    double s = doc_f64(doc, "timestamp", 0);
    double most = (double)(now_ms + AHEAD_MAX_MS) / MS_PER_S;

    event->received_ms = now_ms;
    event->timestamp_ms = now_ms;
    if (s >= (double)EARLIEST_MS / MS_PER_S && s <= most) {
        event->timestamp_ms = doc_ms(doc, "timestamp", now_ms);
    }
}

/* A target named by its parts is found by the id that they make. */
static void read_target(struct alarm_request *request, struct doc doc,
                        struct event *event)
{
    const char *source = doc_str(doc, "source_type", "");

    if (event_source_parse(source, &event->source_type) != ERR_OK) {
        event->source_type = event->resource[0] != '\0'
                                 ? EVENT_SOURCE_RESOURCE
                                 : EVENT_SOURCE_COMPONENT;
    }
    buf_clear(&request->entity_id);
    if (event->entity_id[0] == '\0' && event->connector[0] != '\0') {
        event_entity_id(event, &request->entity_id);
        event->entity_id = buf_str(&request->entity_id);
    }
    buf_clear(&request->rk);
    event_routing_key(event, &request->rk);
    event->rk = buf_str(&request->rk);
}

enum err alarm_request_read(struct alarm_request *request,
                            const struct bus_delivery *delivery, int64_t now_ms,
                            struct event *event, struct errbuf *why)
{
    struct doc doc = {NULL, 0};
    enum err err;

    event_init(event, EVENT_ACK);
    event->received_ms = now_ms;
    event->timestamp_ms = now_ms;
    if (delivery->body == NULL) {
        errbuf_set_field(why, "body", "message of %zu bytes passes the limit",
                         delivery->len);
        return ERR_INVALID;
    }
    if (doc_from_json(delivery->body, delivery->len, request->out, &doc, why) !=
        ERR_OK) {
        return ERR_INVALID;
    }
    err = read_texts(doc, event, why);
    if (event->action_id[0] == '\0' &&
        strlen(delivery->properties.message_id) <= KNOWN_ID_MAX) {
        event->action_id = delivery->properties.message_id;
    }
    if (read_type(doc, event, why) != ERR_OK) {
        err = ERR_INVALID;
    }
    read_time(doc, now_ms, event);
    read_target(request, doc, event);
    if (err != ERR_OK || read_state(doc, event, why) != ERR_OK) {
        return ERR_INVALID;
    }
    return read_duration(doc, event, why);
}
