/* SPDX-License-Identifier: Apache-2.0 */
/** Rows of the alarm engine, written in the order of their table. */
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "engines/alarm/alarm_fields.h"

const char *const alarm_fields[N_FIELDS] = {
    [F_ID] = "id",
    [F_ENTITY_ID] = "entity_id",
    [F_SOURCE_TYPE] = "source_type",
    [F_CONNECTOR] = "connector",
    [F_CONNECTOR_NAME] = "connector_name",
    [F_COMPONENT] = "component",
    [F_RESOURCE] = "resource",
    [F_STATE] = "state",
    [F_STATUS] = "status",
    [F_OUTPUT] = "output",
    [F_OPENED_AT] = "opened_at",
    [F_CHANGED_AT] = "changed_at",
    [F_LAST_EVENT_AT] = "last_event_at",
    [F_RESOLVED_AT] = "resolved_at",
    [F_EVENTS_COUNT] = "events_count",
    [F_STEPS_COUNT] = "steps_count",
    [F_ACK] = "ack",
    [F_CANCELED] = "canceled",
    [F_SNOOZE] = "snooze",
    [F_TICKET] = "ticket",
    [F_COMMENT] = "comment",
    [F_MAINTENANCE] = "maintenance",
    [F_TAGS] = "tags",
    [F_SERVICES] = "services",
    [F_INFOS] = "infos",
    [F_HOME] = ALARM_HOME,
    [F_RK] = "_rk",
    [F_VERSION] = "_version",
    [F_SEEN_T] = "_seen_t",
    [F_SEEN_RX] = "_seen_rx",
    [F_TTL] = "_ttl",
    [F_SILENT] = "_silent",
    [F_SILENCE_IS_OK] = "_silence_is_ok",
    [F_CHANGES] = "_changes",
    [F_CHANGE_T] = "_change_t",
    [F_CHANGE_RX] = "_change_rx",
    [F_SOURCE_STATE] = "_source_state",
    [F_HELD] = "_held",
    [F_HELD_OVER] = "_held_over",
    [F_MAINTAINED] = "_maintained",
    [F_CHANGED_RX] = "_changed_rx",
    [F_NONOK_RX] = "_nonok_rx",
    [F_ONSET] = "_onset",
    [F_STEP_T] = "_step_t",
    [F_ACK_STATE] = "_ack_state",
    [F_SNOOZE_STATE] = "_snooze_state",
    [F_CANCEL] = "_cancel",
    [F_COLLAPSED] = "_collapsed",
};

const char *const alarm_collapsed_types[ALARM_STATUSDEC + 1] = {
    [ALARM_STATEINC] = "stateinc",
    [ALARM_STATEDEC] = "statedec",
    [ALARM_STATUSINC] = "statusinc",
    [ALARM_STATUSDEC] = "statusdec",
};

const char *const alarm_collapsed_states[STATE_CRITICAL + 1] = {
    "state:0", "state:1", "state:2", "state:3"};

/* Writing. What is 0 or false is left out of the engine's own members. */

static void add_own(struct doc_out *out, enum alarm_field field, int64_t value)
{
    if (value != 0) {
        doc_add_i64(out, alarm_fields[field], value);
    }
}

static void add_mark_members(struct doc_out *out, const struct alarm_mark *mark)
{
    doc_add_str(out, "author", mark->author);
    doc_add_str(out, "message", mark->message);
    doc_add_ms(out, "at", mark->at_ms);
}

static void add_mark(struct doc_out *out, enum alarm_field field,
                     const struct alarm_mark *mark)
{
    if (mark == NULL) {
        doc_add_null(out, alarm_fields[field]);
        return;
    }
    doc_begin_doc(out, alarm_fields[field]);
    if (mark->number != NULL) {
        doc_add_str(out, "number", mark->number);
        doc_add_str(out, "url", mark->url);
    }
    add_mark_members(out, mark);
    if (mark->until_ms != 0) {
        doc_add_ms(out, "until", mark->until_ms);
    }
    doc_end(out);
}

static void add_names(struct doc_out *out, const struct alarm_entity *entity)
{
    doc_add_str(out, alarm_fields[F_ENTITY_ID], entity->id);
    doc_add_str(out, alarm_fields[F_SOURCE_TYPE],
                event_source_name((enum event_source)entity->source_type));
    doc_add_str(out, alarm_fields[F_CONNECTOR], entity->connector);
    doc_add_str(out, alarm_fields[F_CONNECTOR_NAME], entity->connector_name);
    doc_add_str(out, alarm_fields[F_COMPONENT], entity->component);
    doc_add_str(out, alarm_fields[F_RESOURCE], entity->resource);
}

/* What lists filter by is always there, if empty. */
static void add_facts(struct doc_out *out, struct doc facts)
{
    struct doc_value value;

    if (doc_get(facts, alarm_fields[F_MAINTENANCE], &value)) {
        doc_add_value(out, alarm_fields[F_MAINTENANCE], &value);
    } else {
        doc_add_null(out, alarm_fields[F_MAINTENANCE]);
    }
    if (doc_get(facts, alarm_fields[F_TAGS], &value)) {
        doc_add_value(out, alarm_fields[F_TAGS], &value);
    } else {
        doc_add_array(out, alarm_fields[F_TAGS], (struct doc){NULL, 0});
    }
    doc_add_array(out, alarm_fields[F_SERVICES],
                  doc_sub(facts, alarm_fields[F_SERVICES]));
    doc_add_doc(out, alarm_fields[F_INFOS],
                doc_sub(facts, alarm_fields[F_INFOS]));
}

void alarm_item_add(struct doc_out *out, const struct alarm_entity *entity,
                    int64_t resolved_ms)
{
    const struct alarm *alarm = entity->alarm;

    doc_add_str(out, alarm_fields[F_ID], alarm->id);
    add_names(out, entity);
    doc_add_i64(out, alarm_fields[F_STATE], alarm->state);
    doc_add_i64(out, alarm_fields[F_STATUS], alarm->status);
    doc_add_str(out, alarm_fields[F_OUTPUT], alarm->output);
    doc_add_ms(out, alarm_fields[F_OPENED_AT], alarm->opened_ms);
    doc_add_ms(out, alarm_fields[F_CHANGED_AT], alarm->changed_ms);
    if (entity->seen_rx_ms != 0) {
        doc_add_ms(out, alarm_fields[F_LAST_EVENT_AT], entity->seen_t_ms);
    } else {
        doc_add_null(out, alarm_fields[F_LAST_EVENT_AT]);
    }
    if (resolved_ms != 0) {
        doc_add_ms(out, alarm_fields[F_RESOLVED_AT], resolved_ms);
    } else {
        doc_add_null(out, alarm_fields[F_RESOLVED_AT]);
    }
    doc_add_i64(out, alarm_fields[F_EVENTS_COUNT], alarm->events_count);
    doc_add_i64(out, alarm_fields[F_STEPS_COUNT], alarm->steps_count);
    add_mark(out, F_ACK, alarm->ack);
    doc_add_bool(out, alarm_fields[F_CANCELED], alarm->cancel != NULL);
    add_mark(out, F_SNOOZE, alarm->snooze);
    add_mark(out, F_TICKET, alarm->ticket);
    add_mark(out, F_COMMENT, alarm->comment);
    add_facts(out, (struct doc){alarm->facts, alarm->facts_len});
}

static void add_memory(struct doc_out *out, const struct alarm_entity *entity)
{
    int64_t at;

    if (entity->home != NULL) {
        doc_add_str(out, alarm_fields[F_HOME], entity->home);
    }
    doc_add_i64(out, alarm_fields[F_RK], (int64_t)entity->rk_hash);
    doc_add_i64(out, alarm_fields[F_VERSION], entity->version);
    add_own(out, F_SEEN_T, entity->seen_t_ms);
    add_own(out, F_SEEN_RX, entity->seen_rx_ms);
    add_own(out, F_TTL, entity->ttl_ms);
    add_own(out, F_SILENT, entity->silent);
    add_own(out, F_SILENCE_IS_OK, entity->silence_is_ok);
    if (entity->changes_n > 0) {
        doc_begin_array(out, alarm_fields[F_CHANGES]);
        for (size_t i = entity->changes_n; i > 0; i--) {
            (void)alarm_ring_get(entity, i, &at);
            doc_add_i64(out, NULL, at);
        }
        doc_end(out);
    }
    add_own(out, F_CHANGE_T, entity->change_t_ms);
    add_own(out, F_CHANGE_RX, entity->change_rx_ms);
}

static void add_collapsed(struct doc_out *out,
                          const struct alarm_collapsed *collapsed)
{
    for (size_t i = 0; i <= ALARM_STATUSDEC; i++) {
        doc_add_i64(out, alarm_collapsed_types[i], collapsed->changes[i]);
    }
    for (size_t i = 0; i <= STATE_CRITICAL; i++) {
        doc_add_i64(out, alarm_collapsed_states[i], collapsed->states[i]);
    }
}

static void add_alarm_memory(struct doc_out *out, const struct alarm *alarm)
{
    add_own(out, F_SOURCE_STATE, alarm->source_state);
    add_own(out, F_HELD, alarm->held);
    add_own(out, F_HELD_OVER, alarm->held_over);
    add_own(out, F_MAINTAINED, alarm->maintained);
    add_own(out, F_CHANGED_RX, alarm->changed_rx_ms);
    add_own(out, F_NONOK_RX, alarm->nonok_rx_ms);
    add_own(out, F_ONSET, alarm->onset_ms);
    add_own(out, F_STEP_T, alarm->step_ms);
    if (alarm->ack != NULL) {
        add_own(out, F_ACK_STATE, alarm->ack->seen);
    }
    if (alarm->snooze != NULL) {
        add_own(out, F_SNOOZE_STATE, alarm->snooze->seen);
    }
    if (alarm->cancel != NULL) {
        doc_begin_doc(out, alarm_fields[F_CANCEL]);
        add_mark_members(out, alarm->cancel);
        doc_add_i64(out, "rx", alarm->cancel->rx_ms);
        doc_add_i64(out, "state", alarm->cancel->seen);
        doc_end(out);
    }
    if (alarm->collapsed != NULL) {
        doc_begin_doc(out, alarm_fields[F_COLLAPSED]);
        doc_add_i64(out, "step", alarm->collapsed->number);
        add_collapsed(out, alarm->collapsed);
        doc_end(out);
    }
}

struct doc alarm_row_open(const struct alarm_entity *entity,
                          struct doc_out *out)
{
    doc_out_reset(out);
    alarm_item_add(out, entity, 0);
    add_memory(out, entity);
    add_alarm_memory(out, entity->alarm);
    return doc_out_done(out);
}

struct doc alarm_row_resolved(const struct alarm_entity *entity,
                              int64_t resolved_ms, struct doc_out *out)
{
    doc_out_reset(out);
    alarm_item_add(out, entity, resolved_ms);
    return doc_out_done(out);
}

struct doc alarm_row_track(const struct alarm_entity *entity,
                           struct doc_out *out)
{
    doc_out_reset(out);
    add_names(out, entity);
    add_memory(out, entity);
    return doc_out_done(out);
}

struct doc alarm_row_source(const struct alarm_entity *entity, struct doc facts,
                            struct doc_out *out)
{
    doc_out_reset(out);
    add_names(out, entity);
    add_facts(out, facts);
    return doc_out_done(out);
}

/* The source speaks as "<connector>.<connector_name>", as it always did. */
void alarm_author_add(struct doc_out *out, const struct alarm_entity *entity,
                      const struct alarm_step *step)
{
    char text[2 * EVENT_CONNECTOR_MAX + 2];

    if (step->author == NULL) {
        (void)snprintf(text, sizeof text, "%s.%s", entity->connector,
                       entity->connector_name);
    }
    doc_add_str(out, "author", step->author == NULL ? text : step->author);
}

void alarm_value_add(struct doc_out *out, const struct alarm_step *step)
{
    switch (step->type) {
    case ALARM_STATEINC:
    case ALARM_STATEDEC:
    case ALARM_STATUSINC:
    case ALARM_STATUSDEC:
    case ALARM_CHANGESTATE:
        doc_add_i64(out, "value", step->value);
        break;
    case ALARM_ASSOCTICKET:
        doc_add_str(out, "value", step->text);
        break;
    case ALARM_SNOOZE:
        doc_add_ms(out, "value", step->value);
        break;
    case ALARM_ACK:
    case ALARM_ACKREMOVE:
    case ALARM_CANCEL:
    case ALARM_UNCANCEL:
    case ALARM_COMMENT:
    case ALARM_UNSNOOZE:
    case ALARM_PBHENTER:
    case ALARM_PBHLEAVE:
    case ALARM_RESOLVE:
    case ALARM_N_STEP_TYPES:
        doc_add_null(out, "value");
        break;
    }
}

struct doc alarm_row_step(const struct alarm_entity *entity,
                          const struct alarm_step *step, const char *action,
                          struct doc_out *out)
{
    doc_out_reset(out);
    doc_add_str(out, "alarm_id", entity->alarm->id);
    doc_add_i64(out, "step", step->number);
    doc_add_str(out, "type", alarm_step_name(step->type));
    doc_add_ms(out, "t", step->t_ms);
    alarm_value_add(out, step);
    alarm_author_add(out, entity, step);
    doc_add_str(out, "message", step->message);
    if (action[0] != '\0') {
        doc_add_str(out, "_action", action);
    }
    return doc_out_done(out);
}

struct doc alarm_row_collapsed(const struct alarm_entity *entity,
                               struct doc_out *out)
{
    const struct alarm *alarm = entity->alarm;

    doc_out_reset(out);
    doc_add_str(out, "alarm_id", alarm->id);
    doc_add_i64(out, "step", alarm->collapsed->number);
    doc_add_str(out, "type", "statecounter");
    doc_add_ms(out, "t", alarm->step_ms);
    doc_begin_doc(out, "value");
    add_collapsed(out, alarm->collapsed);
    doc_end(out);
    doc_add_str(out, "author", "hypervise");
    doc_add_str(out, "message", "");
    return doc_out_done(out);
}
