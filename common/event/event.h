/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The event: one observation or action, as all logic sees it. Strings and
 * nested documents are borrowed from the document or text it was read from.
 * Field rules: docs/events.md.
 */
#ifndef HYP_EVENT_EVENT_H
#define HYP_EVENT_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/doc/doc.h"

enum {
    EVENT_CONNECTOR_MAX = 128, /* bytes of connector and connector_name */
    EVENT_COMPONENT_MAX = 256,
    EVENT_RESOURCE_MAX = 512,
    EVENT_ROUTING_KEY_MAX = 255, /* AMQP short string */
    EVENT_ENTITY_ID_MAX = 3200,  /* every byte escaped, and separators */
    EVENT_ID_MAX = 64,           /* "<stream>-<n>-<index>" */
    EVENT_STREAM_MAX = 31,       /* bytes of a stream tag */
    EVENT_TYPE_MAX = 64
};

enum event_type {
    EVENT_CHECK,
    EVENT_PERF,
    /* appended to the log */
    EVENT_LOG,
    EVENT_TRAP,
    EVENT_CALENDAR,
    EVENT_EUE,
    EVENT_USER,
    EVENT_EXTRA_LOG, /**< a name from extra_event_types */
    /* operator actions */
    EVENT_ACK,
    EVENT_ACKREMOVE,
    EVENT_CANCEL,
    EVENT_UNCANCEL,
    EVENT_COMMENT,
    EVENT_SNOOZE,
    EVENT_UNSNOOZE,
    EVENT_ASSOCTICKET,
    EVENT_DECLARETICKET,
    EVENT_CHANGESTATE,
    EVENT_DOWNTIME,
    /* what is done to entities */
    EVENT_ENABLE,
    EVENT_DISABLE,
    EVENT_DELETE,
    EVENT_SET, /**< made when unknown; its infos are merged */
    /* produced by engines; treated as check */
    EVENT_SELECTOR,
    EVENT_SLA,
    EVENT_TOPOLOGY,
    EVENT_CONSOLIDATION,
    EVENT_WATCHDOG,
    EVENT_N_TYPES
};

enum event_source {
    EVENT_SOURCE_COMPONENT,
    EVENT_SOURCE_RESOURCE,
    EVENT_SOURCE_CONNECTOR,
    EVENT_SOURCE_SERVICE
};

enum event_state {
    STATE_OK,
    STATE_MINOR,
    STATE_MAJOR,
    STATE_CRITICAL
};

/** Where an event stands in its entry queue: its identity everywhere. */
struct event_position {
    const char *stream; /**< tag of the entry queue, 1..EVENT_STREAM_MAX */
    uint64_t n;         /**< message number, from 1 */
    uint32_t index;     /**< place within its message, from 0 */
};

struct event {
    /* identity */
    const char *id;        /**< position as text; NULL before the cleaner */
    const char *rk;        /**< routing key */
    const char *entity_id; /**< set by the cleaner */
    const char *connector;
    const char *connector_name;
    const char *component; /**< "" when the source is a connector */
    const char *resource;  /**< "" unless the source is a resource */
    enum event_type type;
    const char *type_name; /**< as on the wire */
    enum event_source source_type;
    /* time */
    int64_t timestamp_ms;
    int64_t received_ms;
    /* state */
    int state;          /**< enum event_state */
    bool hard;          /**< state_type 1, the default */
    const char *output; /**< "" when absent, as all optional text */
    const char *long_output;
    const char *perf_data;
    struct doc perf; /**< perf_data_array; empty when absent */
    int64_t ttl_ms;  /**< 0: none */
    /* description */
    const char *author;
    const char *display_name;
    const char *address;
    const char *domain;
    const char *perimeter;
    struct doc tags; /**< array of strings, or a map */
    bool tags_is_map;
    struct doc hostgroups; /**< arrays */
    struct doc servicegroups;
    struct doc infos;
    /* operator actions */
    const char *ref_rk;
    const char *alarm_id;
    const char *action_id; /**< who waits for the answer knows it */
    const char *ticket;
    const char *ticket_url;
    int64_t duration_ms; /**< 0: absent */
    bool keep_state;     /**< default true for changestate */
    /* everything else */
    struct doc extra; /**< unknown fields, kept */
    struct doc whole; /**< what event_from_doc read it from; else empty */
};

/** Name on the wire of a type below EVENT_EXTRA_LOG's kind, e.g. "check". */
const char *event_type_name(enum event_type type);
/** ERR_NOT_FOUND for an unknown name. */
MUST_CHECK enum err event_type_parse(const char *name, enum event_type *type);
const char *event_source_name(enum event_source source);
/** ERR_NOT_FOUND for an unknown name. */
MUST_CHECK enum err event_source_parse(const char *name,
                                       enum event_source *source);
/** Whether the type sets its entity's state (check and what engines make). */
bool event_type_is_check(enum event_type type);
/** Whether the type is an operator action on an alarm. */
bool event_type_is_action(enum event_type type);
/** Whether the type is something done to an entity: enable, disable, delete,
 *  set. */
bool event_type_is_entity_action(enum event_type type);
/** Whether the type is appended to the log as it is. */
bool event_type_is_log(enum event_type type);
/** "ok", "minor", "major", "critical"; state 0..3. */
const char *event_state_name(int state);
/** A state by its name, also "warning", upper and lower case alike;
 *  ERR_NOT_FOUND. */
MUST_CHECK enum err event_state_parse(const char *name, int *state);

/** A blank event of a type: texts are "", id is NULL, nested ones empty, all
 *  else at its default; named as on the wire. */
void event_init(struct event *event, enum event_type type);
/** Append "/<source>/<connector>/<connector_name>[/<component>[/<resource>]]",
 *  each part percent-escaped for '/' and '%'. */
void event_entity_id(const struct event *event, struct buf *out);
/** Replace the contents by the names that an entity's id was made of; the
 *  component is "" where it has none. What makes no sense gives "". */
void event_entity_source(const char *entity_id, struct buf *component,
                         struct buf *connector_name);
/** Append "<connector>.<name>.<type>.<source>[.<component>[.<resource>]]", cut
 *  at EVENT_ROUTING_KEY_MAX on a character boundary with a hash suffix
 *  ("~" and 16 hexadecimal digits). Reads type_name, not type. */
void event_routing_key(const struct event *event, struct buf *out);
/** Position as text, "<stream>-<n>-<index>"; EVENT_ID_MAX + 1 bytes do. */
void event_position_format(const struct event_position *position, char *out,
                           size_t size);

/** Start out anew and write the event as its document (absent optional fields
 *  are left out); doc_out_done gives it. type_name must be set. */
void event_to_doc(const struct event *event, struct doc_out *out);
/** Write its members into an open document, so that more can follow. */
void event_add_members(const struct event *event, struct doc_out *out);
/** Read a document in place; the event borrows from it. Members that are not
 *  of an event are passed over. Absent texts are "", but id is NULL.
 *  ERR_INVALID with the field when a member is missing or wrong. */
MUST_CHECK enum err event_from_doc(struct doc doc, struct event *event,
                                   struct errbuf *why);

/** Set one member from a value, as event_from_doc reads it (borrowed); null
 *  takes it away. ERR_NOT_FOUND: no member of an event is called so;
 *  ERR_INVALID with the field: the value is of another kind, or null where a
 *  value must be. */
MUST_CHECK enum err event_set_member(struct event *event, const char *name,
                                     const struct doc_value *value,
                                     struct errbuf *why);
/** One member as event_to_doc writes it; false (and DOC_MISSING) when it
 *  writes none. Borrows from the event. */
bool event_get_member(const struct event *event, const char *name,
                      struct doc_value *value);

/** The same by a path through nested documents; what is not at the top is
 *  looked for in extra. */
bool event_get_path(const struct event *event, const char *path,
                    struct doc_value *value);

#endif
