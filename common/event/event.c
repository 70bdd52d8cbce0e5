/* SPDX-License-Identifier: Apache-2.0 */
/** Names of event kinds, and the texts that name an event's entity. */
#include "common/event/event.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/hash.h"
#include "common/base/str.h"

/* "~" and the hash in hexadecimal, at the end of a cut routing key */
enum {
    HASH_SUFFIX_LEN = 17
};

static const char *const type_names[EVENT_N_TYPES] = {
    [EVENT_CHECK] = "check",
    [EVENT_PERF] = "perf",
    [EVENT_LOG] = "log",
    [EVENT_TRAP] = "trap",
    [EVENT_CALENDAR] = "calendar",
    [EVENT_EUE] = "eue",
    [EVENT_USER] = "user",
    [EVENT_EXTRA_LOG] = "", /* its name is the event's own */
    [EVENT_ACK] = "ack",
    [EVENT_ACKREMOVE] = "ackremove",
    [EVENT_CANCEL] = "cancel",
    [EVENT_UNCANCEL] = "uncancel",
    [EVENT_COMMENT] = "comment",
    [EVENT_SNOOZE] = "snooze",
    [EVENT_UNSNOOZE] = "unsnooze",
    [EVENT_ASSOCTICKET] = "assocticket",
    [EVENT_DECLARETICKET] = "declareticket",
    [EVENT_CHANGESTATE] = "changestate",
    [EVENT_DOWNTIME] = "downtime",
    [EVENT_ENABLE] = "enable",
    [EVENT_DISABLE] = "disable",
    [EVENT_DELETE] = "delete",
    [EVENT_SET] = "set",
    [EVENT_SELECTOR] = "selector",
    [EVENT_SLA] = "sla",
    [EVENT_TOPOLOGY] = "topology",
    [EVENT_CONSOLIDATION] = "consolidation",
    [EVENT_WATCHDOG] = "watchdog",
};

static const char *const source_names[] = {
    [EVENT_SOURCE_COMPONENT] = "component",
    [EVENT_SOURCE_RESOURCE] = "resource",
    [EVENT_SOURCE_CONNECTOR] = "connector",
    [EVENT_SOURCE_SERVICE] = "service",
};

static const char *const state_names[] = {
    [STATE_OK] = "ok",
    [STATE_MINOR] = "minor",
    [STATE_MAJOR] = "major",
    [STATE_CRITICAL] = "critical",
};

const char *event_type_name(enum event_type type)
{
    BUG_IF((unsigned)type >= EVENT_N_TYPES);
    return type_names[type];
}

enum err event_type_parse(const char *name, enum event_type *type)
{
    if (name[0] == '\0') {
        return ERR_NOT_FOUND;
    }
    for (unsigned i = 0; i < EVENT_N_TYPES; i++) {
        if (strcmp(type_names[i], name) == 0) {
            *type = (enum event_type)i;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

const char *event_source_name(enum event_source source)
{
    BUG_IF((unsigned)source > EVENT_SOURCE_SERVICE);
    return source_names[source];
}

enum err event_source_parse(const char *name, enum event_source *source)
{
    for (unsigned i = 0; i <= EVENT_SOURCE_SERVICE; i++) {
        if (strcmp(source_names[i], name) == 0) {
            *source = (enum event_source)i;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

bool event_type_is_check(enum event_type type)
{
    return type == EVENT_CHECK ||
           (type >= EVENT_SELECTOR && type <= EVENT_WATCHDOG);
}

bool event_type_is_action(enum event_type type)
{
    return type >= EVENT_ACK && type <= EVENT_DOWNTIME;
}

bool event_type_is_entity_action(enum event_type type)
{
    return type >= EVENT_ENABLE && type <= EVENT_SET;
}

bool event_type_is_log(enum event_type type)
{
    return type >= EVENT_LOG && type <= EVENT_EXTRA_LOG;
}

const char *event_state_name(int state)
{
    BUG_IF(state < STATE_OK || state > STATE_CRITICAL);
    return state_names[state];
}

enum err event_state_parse(const char *name, int *state)
{
    if (strcasecmp(name, "warning") == 0) {
        *state = STATE_MINOR;
        return ERR_OK;
    }
    for (int i = STATE_OK; i <= STATE_CRITICAL; i++) {
        if (strcasecmp(name, event_state_name(i)) == 0) {
            *state = i;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

static void add_escaped(struct buf *out, const char *part)
{
    buf_add_char(out, '/');
    for (;;) {
        size_t plain = strcspn(part, "/%");

        buf_add(out, part, plain);
        if (part[plain] == '\0') {
            return;
        }
        buf_add_str(out, part[plain] == '/' ? "%2F" : "%25");
        part += plain + 1;
    }
}

void event_entity_id(const struct event *event, struct buf *out)
{
    add_escaped(out, event_source_name(event->source_type));
    add_escaped(out, event->connector);
    add_escaped(out, event->connector_name);
    if (event->component[0] != '\0') {
        add_escaped(out, event->component);
    }
    if (event->resource[0] != '\0') {
        add_escaped(out, event->resource);
    }
}

/* Append the part that begins at text, as it was before it was escaped;
 * returns its end. */
static const char *add_unescaped(struct buf *out, const char *text)
{
    while (*text != '\0' && *text != '/') {
        if (text[0] == '%' && text[1] != '\0' && text[2] != '\0') {
            buf_add_char(out, strncmp(text, "%2F", 3) == 0 ? '/' : '%');
            text += 3;
        } else {
            buf_add_char(out, *text++);
        }
    }
    return text;
}

void event_entity_source(const char *entity_id, struct buf *component,
                         struct buf *connector_name)
{
    const char *at = entity_id;

    buf_clear(component);
    buf_clear(connector_name);
    for (int i = 0; i < 2 && *at == '/'; i++) { /* type, connector */
        at += 1 + strcspn(at + 1, "/");
    }
    if (*at == '/') {
        at = add_unescaped(connector_name, at + 1);
    }
    if (*at == '/') {
        (void)add_unescaped(component, at + 1);
    }
}

static void add_part(struct buf *out, const char *part)
{
    if (part[0] != '\0') {
        buf_add_char(out, '.');
        buf_add_str(out, part);
    }
}

/* Two long keys that differ past the cut stay different. */
static void cut_key(struct buf *out, size_t start)
{
    size_t len = out->len - start;
    size_t keep = EVENT_ROUTING_KEY_MAX - HASH_SUFFIX_LEN;
    uint64_t hash;

    if (len <= EVENT_ROUTING_KEY_MAX) {
        return;
    }
    hash = hash_fixed(out->data + start, len);
    buf_truncate(out, start + utf8_cut(out->data + start, len, keep));
    buf_addf(out, "~%016" PRIx64, hash);
}

void event_routing_key(const struct event *event, struct buf *out)
{
    size_t start = out->len;

    buf_add_str(out, event->connector);
    add_part(out, event->connector_name);
    add_part(out, event->type_name);
    add_part(out, event_source_name(event->source_type));
    add_part(out, event->component);
    add_part(out, event->resource);
    cut_key(out, start);
}

void event_position_format(const struct event_position *position, char *out,
                           size_t size)
{
    int len = snprintf(out, size, "%s-%" PRIu64 "-%" PRIu32, position->stream,
                       position->n, position->index);

    BUG_IF(len < 0 || (size_t)len >= size);
}
