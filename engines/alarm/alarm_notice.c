/* SPDX-License-Identifier: Apache-2.0 */
/** What is told on the bus about an alarm: a step or a refusal. */
#include "engines/alarm/alarm_fields.h"

static void add_entity(struct doc_out *out, const struct alarm_notice *notice)
{
    const struct alarm_entity *entity = notice->entity;
    struct doc facts = {NULL, 0};

    if (entity->alarm != NULL) {
        facts = (struct doc){entity->alarm->facts, entity->alarm->facts_len};
    }
    doc_begin_doc(out, "entity");
    doc_add_str(out, "id", entity->id);
    doc_add_str(out, "type",
                event_source_name((enum event_source)entity->source_type));
    doc_add_str(out, "connector", entity->connector);
    doc_add_str(out, "connector_name", entity->connector_name);
    doc_add_str(out, "component", entity->component);
    doc_add_str(out, "resource", entity->resource);
    doc_add_doc(out, "infos", doc_sub(facts, alarm_fields[F_INFOS]));
    doc_end(out);
}

static void add_step(struct doc_out *out, const struct alarm_notice *notice)
{
    const struct alarm_step *step = notice->step;

    doc_add_i64(out, "step", step->number);
    doc_add_str(out, "type", alarm_step_name(step->type));
    doc_add_ms(out, "t", step->t_ms);
    alarm_author_add(out, notice->entity, step);
    doc_add_str(out, "message", step->message);
    alarm_value_add(out, step);
    doc_add_i64(out, "state", step->state);
    doc_add_i64(out, "status", step->status);
    doc_begin_doc(out, "previous");
    doc_add_i64(out, "state", step->previous_state);
    doc_add_i64(out, "status", step->previous_status);
    doc_end(out);
}

static void add_refusal(struct doc_out *out, const struct alarm_notice *notice,
                        const struct alarm *alarm)
{
    doc_add_null(out, "step");
    doc_add_str(out, "type", "action_refused");
    doc_add_ms(out, "t", notice->t_ms);
    doc_add_str(out, "author", notice->event->author);
    doc_add_str(out, "message", notice->reason);
    doc_add_null(out, "value");
    if (alarm == NULL) {
        doc_add_null(out, "state");
        doc_add_null(out, "status");
    } else {
        doc_add_i64(out, "state", alarm->state);
        doc_add_i64(out, "status", alarm->status);
    }
    doc_add_null(out, "previous");
}

enum {
    PART_BYTES_MAX = 64 * 1024 /* of a document in the event */
};

static void drop_large(struct doc *part)
{
    if (part->len > PART_BYTES_MAX) {
        *part = (struct doc){NULL, 0};
    }
}

/* The event, without what other consumers of it store: numbers and infos. */
static void add_event(struct doc_out *out, const struct event *event)
{
    struct event copy;

    if (event == NULL) {
        doc_add_null(out, "event");
        return;
    }
    copy = *event;
    copy.perf_data = "";
    copy.perf = (struct doc){NULL, 0};
    copy.infos = (struct doc){NULL, 0};
    drop_large(&copy.tags);
    drop_large(&copy.hostgroups);
    drop_large(&copy.servicegroups);
    drop_large(&copy.extra);
    doc_begin_doc(out, "event");
    event_add_members(&copy, out);
    doc_end(out);
}

struct doc alarm_notice_write(const struct alarm_notice *notice,
                              struct doc_out *out)
{
    const struct alarm_entity *entity = notice->entity;
    const struct alarm *alarm = entity == NULL ? NULL : entity->alarm;

    doc_out_reset(out);
    if (alarm != NULL) {
        doc_add_str(out, "alarm_id", alarm->id);
    } else if (notice->event->alarm_id[0] != '\0') {
        doc_add_str(out, "alarm_id", notice->event->alarm_id);
    } else {
        doc_add_null(out, "alarm_id");
    }
    if (notice->action[0] != '\0') {
        doc_add_str(out, "action", notice->action);
    } else {
        doc_add_null(out, "action");
    }
    if (notice->step != NULL) {
        add_step(out, notice);
    } else {
        add_refusal(out, notice, alarm);
    }
    doc_add_str(out, "entity_id",
                entity != NULL ? entity->id : notice->event->entity_id);
    if (entity != NULL) {
        add_entity(out, notice);
    } else {
        doc_add_null(out, "entity");
    }
    if (alarm != NULL) {
        doc_begin_doc(out, "alarm");
        alarm_item_add(out, entity, notice->resolved_ms);
        doc_end(out);
    } else {
        doc_add_null(out, "alarm");
    }
    add_event(out, notice->event);
    return doc_out_done(out);
}

void alarm_notice_key(const struct alarm_notice *notice, struct buf *key)
{
    struct event named = {.type_name =
                              notice->step == NULL
                                  ? "action_refused"
                                  : alarm_step_name(notice->step->type)};

    if (notice->entity != NULL) {
        named.connector = notice->entity->connector;
        named.connector_name = notice->entity->connector_name;
        named.source_type = (enum event_source)notice->entity->source_type;
        named.component = notice->entity->component;
        named.resource = notice->entity->resource;
    } else {
        named.connector = notice->event->connector;
        named.connector_name = notice->event->connector_name;
        named.source_type = notice->event->source_type;
        named.component = notice->event->component;
        named.resource = notice->event->resource;
    }
    buf_clear(key);
    event_routing_key(&named, key);
}
