/* SPDX-License-Identifier: Apache-2.0 */
/**
 * An event as a JSON object gave it, before its rules: per known field what
 * stood there last. Shared by the decoder and the rules.
 */
#ifndef HYP_EVENT_EVENT_RAW_H
#define HYP_EVENT_EVENT_RAW_H

#include "common/event/event_json.h"

enum raw_field {
    RAW_CONNECTOR,
    RAW_CONNECTOR_NAME,
    RAW_EVENT_TYPE,
    RAW_SOURCE_TYPE,
    RAW_COMPONENT,
    RAW_RESOURCE,
    RAW_TIMESTAMP,
    RAW_STATE,
    RAW_STATE_TYPE,
    RAW_OUTPUT,
    RAW_LONG_OUTPUT,
    RAW_PERF_DATA,
    RAW_TTL,
    RAW_AUTHOR,
    RAW_DISPLAY_NAME,
    RAW_ADDRESS,
    RAW_DOMAIN,
    RAW_PERIMETER,
    RAW_REF_RK,
    RAW_ALARM_ID,
    RAW_ACTION_ID,
    RAW_TICKET,
    RAW_TICKET_URL,
    RAW_DURATION,
    RAW_KEEP_STATE,
    /* from here on with a document */
    RAW_PERF,
    RAW_TAGS,
    RAW_HOSTGROUPS,
    RAW_SERVICEGROUPS,
    RAW_INFOS,
    RAW_N_FIELDS
};

enum {
    RAW_N_DOCS = RAW_N_FIELDS - RAW_PERF,
    EVENT_PERF_BYTES_MAX = 1024 * 1024 /* of perf_data_array */
};

enum raw_kind {
    RAW_ABSENT, /* also null, an empty text, an empty object or array */
    RAW_BOOL,
    RAW_NUMBER, /* text as written */
    RAW_TEXT,
    RAW_OBJECT,
    RAW_ARRAY
};

struct raw {
    enum raw_kind kind;
    bool b;
    char *text; /* NUL-terminated; may be cut in place */
    size_t len;
    struct doc doc; /* of RAW_PERF and following */
};

struct raw_event {
    struct raw fields[RAW_N_FIELDS];
    struct doc_out *extra; /* unknown members, still open */
};

/** Name on the wire. */
const char *event_raw_name(enum raw_field field);

/**
 * Apply the rules of docs/events.md to a zeroed event. It borrows from raw; rk,
 * entity_id and extra stay unset. Texts too long are cut in place, a replaced
 * timestamp goes to raw->extra. ERR_INVALID: why names the field.
 */
MUST_CHECK enum err event_from_raw(const struct raw_event *raw,
                                   const struct event_limits *limits,
                                   int64_t received_ms, struct event *event,
                                   struct errbuf *why);

#endif
