/* SPDX-License-Identifier: Apache-2.0 */
/** Reading rows of the alarm engine, and what events say of their entity. */
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "engines/alarm/alarm_fields.h"

enum {
    MS_PER_S = 1000,
    RING_MOST = 1000,
    FACT_BYTES_MAX = 64 * 1024 /* of tags, services, infos each */
};

/* A window is told by its name, or as a document with one. */
static const char *window_name(const struct doc_value *value)
{
    switch (value->type) {
    case DOC_STRING:
        return value->u.s.text[0] == '\0' ? NULL : value->u.s.text;
    case DOC_DOC:
        return doc_count(value->u.doc) == 0 ? NULL
                                            : doc_str(value->u.doc, "name", "");
    case DOC_BOOL:
        return value->u.b ? "" : NULL;
    case DOC_MISSING:
    case DOC_NULL:
    case DOC_INT:
    case DOC_DOUBLE:
    case DOC_BYTES:
    case DOC_ARRAY:
        break;
    }
    return NULL;
}

/* Each alarm carries its facts, in memory and in every step's message. */
static void add_fact(struct doc_out *out, enum alarm_field field,
                     enum doc_type type, struct doc doc)
{
    const struct doc_value value = {.type = type, .u.doc = doc};

    if (doc.len <= FACT_BYTES_MAX && doc_count(doc) > 0) {
        doc_add_value(out, alarm_fields[field], &value);
    }
}

static void add_services(struct doc_out *out, const struct event *event)
{
    struct doc_value value;

    if (doc_get(event->extra, alarm_fields[F_SERVICES], &value) &&
        value.type == DOC_ARRAY) {
        add_fact(out, F_SERVICES, DOC_ARRAY, value.u.doc);
    }
}

static const char *add_window(struct doc_out *out, const struct event *event)
{
    struct doc_value value;
    const char *window;

    (void)doc_get(event->extra, alarm_fields[F_MAINTENANCE], &value);
    window = window_name(&value);
    if (window != NULL) {
        doc_add_value(out, alarm_fields[F_MAINTENANCE], &value);
    }
    return window;
}

const char *alarm_facts_read(const struct event *event, struct doc_out *out,
                             struct doc *facts)
{
    const char *window;
    size_t empty;

    *facts = (struct doc){NULL, 0};
    if (event->tags.len == 0 && event->infos.len == 0 &&
        event->extra.len == 0) {
        return NULL;
    }
    doc_out_reset(out);
    empty = doc_out_len(out);
    add_fact(out, F_TAGS, event->tags_is_map ? DOC_DOC : DOC_ARRAY,
             event->tags);
    add_services(out, event);
    add_fact(out, F_INFOS, DOC_DOC, event->infos);
    window = add_window(out, event);
    if (doc_out_len(out) > empty) {
        *facts = doc_out_done(out);
    }
    return window;
}

/* Reading. */

struct values {
    struct doc_value at[N_FIELDS];
};

/* Rows are read in the order they were written in: the next member's name is
 * nearly always the next in the table. */
static void read_values(struct doc row, struct values *values)
{
    struct doc_iter it;
    struct doc_value value;
    const char *key;
    size_t next = 0;

    memset(values, 0, sizeof *values);
    doc_iter_init(&it, row);
    while (doc_next(&it, &key, &value)) {
        for (size_t n = 0; n < N_FIELDS; n++, next++) {
            next = next == N_FIELDS ? 0 : next;
            if (strcmp(alarm_fields[next], key) == 0) {
                values->at[next++] = value;
                break;
            }
        }
    }
}

static int64_t get_i64(const struct values *values, enum alarm_field field)
{
    const struct doc_value *value = &values->at[field];

    switch (value->type) {
    case DOC_INT:
        return value->u.i;
    case DOC_DOUBLE:
        return (int64_t)value->u.d;
    case DOC_BOOL:
        return value->u.b;
    case DOC_MISSING:
    case DOC_NULL:
    case DOC_STRING:
    case DOC_BYTES:
    case DOC_DOC:
    case DOC_ARRAY:
        break;
    }
    return 0;
}

static const char *get_str(const struct values *values, enum alarm_field field)
{
    const struct doc_value *value = &values->at[field];

    return value->type == DOC_STRING ? value->u.s.text : "";
}

static struct doc get_doc(const struct values *values, enum alarm_field field)
{
    const struct doc_value *value = &values->at[field];

    return value->type == DOC_DOC || value->type == DOC_ARRAY
               ? value->u.doc
               : (struct doc){NULL, 0};
}

static int64_t get_ms(const struct values *values, enum alarm_field field)
{
    const struct doc_value *value = &values->at[field];

    if (value->type == DOC_DOUBLE) {
        return clock_s_to_ms(value->u.d);
    }
    return value->type == DOC_INT ? value->u.i * MS_PER_S : 0;
}

static struct alarm_mark *get_mark(const struct values *values,
                                   enum alarm_field field, int64_t seen)
{
    struct doc doc = get_doc(values, field);
    struct alarm_mark *mark;

    if (doc.len == 0) {
        return NULL;
    }
    mark =
        alarm_mark_new(doc_str(doc, "author", ""), doc_str(doc, "message", ""));
    mark->at_ms = doc_ms(doc, "at", 0);
    mark->until_ms = doc_ms(doc, "until", 0);
    mark->rx_ms = doc_i64(doc, "rx", 0);
    mark->seen = (uint8_t)doc_i64(doc, "state", seen);
    if (field == F_TICKET) {
        mark->number = xstrdup(doc_str(doc, "number", ""));
        mark->url = xstrdup(doc_str(doc, "url", ""));
    }
    return mark;
}

static void read_collapsed(struct alarm *alarm, struct doc doc)
{
    if (doc.len == 0) {
        return;
    }
    alarm->collapsed = xcalloc(1, sizeof *alarm->collapsed);
    alarm->collapsed->number = doc_i64(doc, "step", 0);
    for (size_t i = 0; i <= ALARM_STATUSDEC; i++) {
        alarm->collapsed->changes[i] =
            (uint32_t)doc_i64(doc, alarm_collapsed_types[i], 0);
    }
    for (size_t i = 0; i <= STATE_CRITICAL; i++) {
        alarm->collapsed->states[i] =
            (uint32_t)doc_i64(doc, alarm_collapsed_states[i], 0);
    }
}

/* The same document that alarm_facts_read makes of the same facts. */
static void read_facts(struct alarm *alarm, const struct values *values,
                       struct doc_out *out)
{
    static const enum alarm_field kept[] = {F_TAGS, F_SERVICES, F_INFOS};
    const struct doc_value *window = &values->at[F_MAINTENANCE];
    size_t empty;

    doc_out_reset(out);
    empty = doc_out_len(out);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        if (doc_count(get_doc(values, kept[i])) > 0) {
            doc_add_value(out, alarm_fields[kept[i]], &values->at[kept[i]]);
        }
    }
    if (window_name(window) != NULL) {
        doc_add_value(out, alarm_fields[F_MAINTENANCE], window);
    }
    if (doc_out_len(out) > empty) {
        (void)alarm_facts_set(alarm, doc_out_done(out));
    }
}

static uint8_t get_state(const struct values *values, enum alarm_field field)
{
    return (uint8_t)get_i64(values, field);
}

static void read_alarm(struct alarm_entity *entity, const struct values *values,
                       struct doc_out *out)
{
    struct alarm *alarm = alarm_new(entity);
    const char *id = get_str(values, F_ID);
    size_t len = strnlen(id, ALARM_ID_MAX);

    memcpy(alarm->id, id, len);
    alarm->id[len] = '\0';
    alarm->state = get_state(values, F_STATE);
    alarm->status = get_state(values, F_STATUS);
    alarm->source_state = get_state(values, F_SOURCE_STATE);
    alarm->held = get_i64(values, F_HELD) != 0;
    alarm->held_over = get_state(values, F_HELD_OVER);
    alarm->maintained = get_i64(values, F_MAINTAINED) != 0;
    alarm->opened_ms = get_ms(values, F_OPENED_AT);
    alarm->changed_ms = get_ms(values, F_CHANGED_AT);
    alarm->changed_rx_ms = get_i64(values, F_CHANGED_RX);
    alarm->nonok_rx_ms = get_i64(values, F_NONOK_RX);
    alarm->onset_ms = get_i64(values, F_ONSET);
    alarm->step_ms = get_i64(values, F_STEP_T);
    alarm->events_count = get_i64(values, F_EVENTS_COUNT);
    alarm->steps_count = get_i64(values, F_STEPS_COUNT);
    (void)alarm_text_set(&alarm->output, get_str(values, F_OUTPUT));
    alarm->ack = get_mark(values, F_ACK, get_i64(values, F_ACK_STATE));
    alarm->snooze = get_mark(values, F_SNOOZE, get_i64(values, F_SNOOZE_STATE));
    alarm->ticket = get_mark(values, F_TICKET, 0);
    alarm->comment = get_mark(values, F_COMMENT, 0);
    alarm->cancel = get_mark(values, F_CANCEL, 0);
    read_collapsed(alarm, get_doc(values, F_COLLAPSED));
    read_facts(alarm, values, out);
}

static void read_memory(struct alarm_entity *entity,
                        const struct values *values)
{
    struct doc changes = get_doc(values, F_CHANGES);
    size_t n = doc_count(changes);
    struct doc_iter it;
    struct doc_value value;
    const char *key;

    entity->rk_hash = (uint64_t)get_i64(values, F_RK);
    entity->version = get_i64(values, F_VERSION);
    entity->seen_t_ms = get_i64(values, F_SEEN_T);
    entity->seen_rx_ms = get_i64(values, F_SEEN_RX);
    entity->ttl_ms = get_i64(values, F_TTL);
    entity->silent = get_i64(values, F_SILENT) != 0;
    entity->silence_is_ok = get_i64(values, F_SILENCE_IS_OK) != 0;
    entity->change_t_ms = get_i64(values, F_CHANGE_T);
    entity->change_rx_ms = get_i64(values, F_CHANGE_RX);
    doc_iter_init(&it, changes);
    while (doc_next(&it, &key, &value)) {
        if (value.type == DOC_INT) {
            alarm_ring_add(entity, value.u.i, n < RING_MOST ? n : RING_MOST);
        }
    }
}

struct alarm_entity *alarm_row_read(struct doc row, struct doc_out *out)
{
    struct values values;
    struct event named = {0};
    struct alarm_entity *entity;

    read_values(row, &values);
    named.entity_id = get_str(&values, F_ENTITY_ID);
    named.connector = get_str(&values, F_CONNECTOR);
    named.connector_name = get_str(&values, F_CONNECTOR_NAME);
    named.component = get_str(&values, F_COMPONENT);
    named.resource = get_str(&values, F_RESOURCE);
    if (event_source_parse(get_str(&values, F_SOURCE_TYPE),
                           &named.source_type) != ERR_OK) {
        return NULL;
    }
    entity = alarm_entity_new(&named);
    read_memory(entity, &values);
    if (get_str(&values, F_HOME)[0] != '\0') {
        entity->home = xstrdup(get_str(&values, F_HOME));
    }
    if (get_str(&values, F_ID)[0] != '\0') {
        read_alarm(entity, &values, out);
    } else {
        entity->stored = true;
    }
    return entity;
}
