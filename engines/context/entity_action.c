/* SPDX-License-Identifier: Apache-2.0 */
/** What operators do to entities: enable, disable, delete. */
#include "engines/context/entity_action.h"

#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"

enum {
    MESSAGE_ID_MAX = 256,
    REASON_MAX = 160
};

static const char refused[] = "action_refused";

static struct doc make_row(struct engine_io *io, const struct entity *entity)
{
    struct doc_out *out = engine_scratch(io);

    doc_out_reset(out);
    entity_to_doc(entity, out);
    return doc_out_done(out);
}

void entity_put_row(struct engine_io *io, const struct entity *entity)
{
    const struct store_key key = {.text = entity->id};

    store_batch_put(engine_batch(io), STORE_ENTITIES, &key,
                    make_row(io, entity));
}

void entity_append_row(struct engine_io *io, const struct entity *entity)
{
    const struct store_key key = {.text = entity->id};

    store_batch_append(engine_batch(io), STORE_ENTITIES, &key,
                       make_row(io, entity));
}

static const char *done_name(enum event_type type)
{
    return type == EVENT_ENABLE    ? "entity_enabled"
           : type == EVENT_DISABLE ? "entity_disabled"
           : type == EVENT_SET     ? "entity_set"
                                   : "entity_deleted";
}

static void add_text(struct doc_out *out, const char *name, const char *text)
{
    if (text[0] == '\0') {
        doc_add_null(out, name);
    } else {
        doc_add_str(out, name, text);
    }
}

/* In the form of an alarm's change, with no alarm and no step. */
static struct doc write_change(const struct event *event,
                               const struct entity *entity, const char *type,
                               const char *message, struct doc_out *out)
{
    static const char *const blanks[] = {"alarm_id", "step",   "value",
                                         "state",    "status", "previous",
                                         "alarm",    "event"};

    doc_out_reset(out);
    add_text(out, "action", event->action_id);
    doc_add_str(out, "type", type);
    doc_add_ms(out, "t", event->timestamp_ms);
    doc_add_str(out, "author", event->author);
    doc_add_str(out, "message", message);
    doc_add_str(out, "entity_id", event->entity_id);
    if (entity == NULL) {
        doc_add_null(out, "entity");
    } else {
        doc_begin_doc(out, "entity");
        entity_to_doc(entity, out);
        doc_end(out);
    }
    for (size_t i = 0; i < sizeof blanks / sizeof blanks[0]; i++) {
        doc_add_null(out, blanks[i]);
    }
    return doc_out_done(out);
}

static void tell(struct engine_io *io, const struct event *event,
                 const struct entity *entity, const char *type,
                 const char *message)
{
    struct doc doc =
        write_change(event, entity, type, message, engine_scratch(io));
    struct event named = *event;
    char id[MESSAGE_ID_MAX];
    struct buf json;
    struct buf key;

    named.type_name = type;
    buf_init(&json, DOC_BYTES_MAX);
    buf_init(&key, EVENT_ENTITY_ID_MAX);
    doc_to_json(doc, &json);
    BUG_IF(json.overflow);
    event_routing_key(&named, &key);
    (void)snprintf(id, sizeof id, "%s/%s", event->id, type);
    engine_originate(
        io, &(struct engine_outgoing){.exchange = BUS_ALERTS,
                                      .routing_key = buf_str(&key),
                                      .content_type = "application/json",
                                      .message_id = id,
                                      .body = json.data,
                                      .len = json.len});
    buf_fini(&json);
    buf_fini(&key);
}

void entity_action_tell(struct engine_io *io, const struct event *event,
                        const struct entity *entity)
{
    tell(io, event, entity, done_name(event->type), event->output);
}

static bool refuse(struct engine_io *io, const struct event *event,
                   const struct entity *entity, const char *reason)
{
    tell(io, event, entity, refused, reason);
    engine_count(io, "actions_refused", 1);
    return false;
}

static bool delete_entity(struct entities *entities, struct engine_io *io,
                          struct entity *entity, const struct event *event)
{
    const struct store_key key = {.text = entity->id};
    char reason[REASON_MAX];

    if (entity->n_children > 0) {
        bool one = entity->n_children == 1;

        (void)snprintf(reason, sizeof reason, "%u %s to it: delete %s first",
                       (unsigned)entity->n_children,
                       one ? "entity belongs" : "entities belong",
                       one ? "that" : "them");
        return refuse(io, event, entity, reason);
    }
    store_batch_delete(engine_batch(io), STORE_ENTITIES, &key);
    entity_action_tell(io, event, entity);
    entities_remove(entities, entity);
    engine_count(io, "entities_deleted", 1);
    return true;
}

bool entity_action_take(struct entities *entities, struct engine_io *io,
                        const struct event *event)
{
    struct entity *entity = entities_find(entities, event->entity_id);

    if (entity == NULL) {
        return refuse(io, event, NULL, "there is no such entity");
    }
    if (event->type == EVENT_DELETE) {
        return delete_entity(entities, io, entity, event);
    }
    entity->enabled = event->type == EVENT_ENABLE;
    entity_put_row(io, entity);
    entity_action_tell(io, event, entity);
    return true;
}
