/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Events as documents. One table drives both ways: the writer follows it from
 * top to bottom, so the reader finds each next member just below the last.
 */
#include <stddef.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/event/event.h"

/* Far past any time; doubles below it keep milliseconds. */
#define SECONDS_MOST 1e12

enum kind {
    KIND_TEXT,   /* const char *, left out when empty */
    KIND_TYPE,   /* event type, by name */
    KIND_SOURCE, /* source type, by name */
    KIND_TIME,   /* int64_t ms */
    KIND_SPAN,   /* int64_t ms, left out when 0 */
    KIND_STATE,  /* int, 0..3 */
    KIND_HARD,   /* bool as state_type 0 or 1 */
    KIND_KEEP,   /* keep_state, left out when it is the default */
    KIND_DOC,    /* struct doc, left out when empty */
    KIND_ARRAY,
    KIND_TAGS /* array, or document when tags_is_map */
};

struct field {
    const char *name;
    enum kind kind;
    bool required;
    size_t offset; /* in struct event */
};

#define FIELD(text, kind_, required_, member)                                  \
    {                                                                          \
        text, kind_, required_, offsetof(struct event, member)                 \
    }

static const struct field fields[] = {
    FIELD("id", KIND_TEXT, false, id),
    FIELD("rk", KIND_TEXT, false, rk),
    FIELD("entity_id", KIND_TEXT, false, entity_id),
    FIELD("connector", KIND_TEXT, true, connector),
    FIELD("connector_name", KIND_TEXT, true, connector_name),
    FIELD("event_type", KIND_TYPE, true, type),
    FIELD("source_type", KIND_SOURCE, true, source_type),
    FIELD("component", KIND_TEXT, false, component),
    FIELD("resource", KIND_TEXT, false, resource),
    FIELD("timestamp", KIND_TIME, true, timestamp_ms),
    FIELD("received_at", KIND_TIME, false, received_ms),
    FIELD("state", KIND_STATE, true, state),
    FIELD("state_type", KIND_HARD, false, hard),
    FIELD("output", KIND_TEXT, false, output),
    FIELD("long_output", KIND_TEXT, false, long_output),
    FIELD("perf_data", KIND_TEXT, false, perf_data),
    FIELD("perf_data_array", KIND_ARRAY, false, perf),
    FIELD("ttl", KIND_SPAN, false, ttl_ms),
    FIELD("author", KIND_TEXT, false, author),
    FIELD("display_name", KIND_TEXT, false, display_name),
    FIELD("address", KIND_TEXT, false, address),
    FIELD("domain", KIND_TEXT, false, domain),
    FIELD("perimeter", KIND_TEXT, false, perimeter),
    FIELD("tags", KIND_TAGS, false, tags),
    FIELD("hostgroups", KIND_ARRAY, false, hostgroups),
    FIELD("servicegroups", KIND_ARRAY, false, servicegroups),
    FIELD("infos", KIND_DOC, false, infos),
    FIELD("ref_rk", KIND_TEXT, false, ref_rk),
    FIELD("alarm_id", KIND_TEXT, false, alarm_id),
    FIELD("action_id", KIND_TEXT, false, action_id),
    FIELD("ticket", KIND_TEXT, false, ticket),
    FIELD("ticket_url", KIND_TEXT, false, ticket_url),
    FIELD("duration", KIND_SPAN, false, duration_ms),
    FIELD("keep_state", KIND_KEEP, false, keep_state),
    FIELD("extra", KIND_DOC, false, extra),
};

enum {
    N_FIELDS = sizeof fields / sizeof fields[0]
};

/* What an event holds before its members are read. */
static const struct event blank = {
    .rk = "",
    .entity_id = "",
    .component = "",
    .resource = "",
    .hard = true,
    .output = "",
    .long_output = "",
    .perf_data = "",
    .author = "",
    .display_name = "",
    .address = "",
    .domain = "",
    .perimeter = "",
    .ref_rk = "",
    .alarm_id = "",
    .action_id = "",
    .ticket = "",
    .ticket_url = "",
};

static bool keep_state_default(enum event_type type)
{
    return type == EVENT_CHANGESTATE;
}

void event_init(struct event *event, enum event_type type)
{
    *event = blank;
    event->connector = "";
    event->connector_name = "";
    event->type = type;
    event->type_name = event_type_name(type);
    event->keep_state = keep_state_default(type);
}

static void add_text(const char *name, const char *text, struct doc_out *out)
{
    if (text != NULL && text[0] != '\0') {
        doc_add_str(out, name, text);
    }
}

static void add_nested(const char *name, struct doc doc, bool array,
                       struct doc_out *out)
{
    if (doc.len == 0) {
        return;
    }
    if (array) {
        doc_add_array(out, name, doc);
    } else {
        doc_add_doc(out, name, doc);
    }
}

static void add_field(const struct event *event, const struct field *field,
                      struct doc_out *out)
{
    const char *name = field->name;
    const void *at = (const char *)event + field->offset;

    switch (field->kind) {
    case KIND_TEXT:
        add_text(name, *(const char *const *)at, out);
        break;
    case KIND_TYPE:
        doc_add_str(out, name, event->type_name);
        break;
    case KIND_SOURCE:
        doc_add_str(out, name, event_source_name(event->source_type));
        break;
    case KIND_TIME:
        doc_add_ms(out, name, *(const int64_t *)at);
        break;
    case KIND_SPAN:
        if (*(const int64_t *)at != 0) {
            doc_add_ms(out, name, *(const int64_t *)at);
        }
        break;
    case KIND_STATE:
        doc_add_i64(out, name, event->state);
        break;
    case KIND_HARD:
        doc_add_i64(out, name, event->hard ? 1 : 0);
        break;
    case KIND_KEEP:
        if (event->keep_state != keep_state_default(event->type)) {
            doc_add_bool(out, name, event->keep_state);
        }
        break;
    case KIND_DOC:
        add_nested(name, *(const struct doc *)at, false, out);
        break;
    case KIND_ARRAY:
        add_nested(name, *(const struct doc *)at, true, out);
        break;
    case KIND_TAGS:
        add_nested(name, event->tags, !event->tags_is_map, out);
        break;
    }
}

void event_add_members(const struct event *event, struct doc_out *out)
{
    for (size_t i = 0; i < N_FIELDS; i++) {
        add_field(event, &fields[i], out);
    }
}

void event_to_doc(const struct event *event, struct doc_out *out)
{
    doc_out_reset(out);
    event_add_members(event, out);
}

static bool read_ms(const struct doc_value *value, int64_t *ms)
{
    double s;

    if (value->type != DOC_DOUBLE && value->type != DOC_INT) {
        return false;
    }
    s = value->type == DOC_INT ? (double)value->u.i : value->u.d;
    if (!(s > -SECONDS_MOST && s < SECONDS_MOST)) {
        return false;
    }
    *ms = clock_s_to_ms(s);
    return true;
}

static bool read_int(const struct doc_value *value, int max, int *out)
{
    int64_t number;

    if (value->type == DOC_DOUBLE && value->u.d >= 0 && value->u.d <= max) {
        number = (int64_t)value->u.d;
    } else if (value->type == DOC_INT) {
        number = value->u.i;
    } else {
        return false;
    }
    if (number < 0 || number > max) {
        return false;
    }
    *out = (int)number;
    return true;
}

static bool read_type(const struct doc_value *value, struct event *event)
{
    if (value->type != DOC_STRING || value->u.s.len == 0) {
        return false;
    }
    event->type_name = value->u.s.text;
    if (event_type_parse(event->type_name, &event->type) != ERR_OK) {
        event->type = EVENT_EXTRA_LOG; /* the cleaner let it in by its name */
    }
    return true;
}

static bool read_hard(const struct doc_value *value, bool *hard)
{
    int number;

    if (!read_int(value, 1, &number)) {
        return false;
    }
    *hard = number == 1;
    return true;
}

static bool read_nested(const struct doc_value *value, enum doc_type type,
                        struct doc *doc)
{
    if (value->type != type) {
        return false;
    }
    *doc = value->u.doc;
    return true;
}

static bool read_tags(const struct doc_value *value, struct event *event)
{
    event->tags_is_map = value->type == DOC_DOC;
    return read_nested(value, event->tags_is_map ? DOC_DOC : DOC_ARRAY,
                       &event->tags);
}

static bool read_field(const struct field *field, const struct doc_value *value,
                       struct event *event)
{
    void *at = (char *)event + field->offset;

    switch (field->kind) {
    case KIND_TEXT:
        if (value->type == DOC_STRING) {
            *(const char **)at = value->u.s.text;
        }
        return value->type == DOC_STRING;
    case KIND_TYPE:
        return read_type(value, event);
    case KIND_SOURCE:
        return value->type == DOC_STRING &&
               event_source_parse(value->u.s.text, &event->source_type) ==
                   ERR_OK;
    case KIND_TIME:
    case KIND_SPAN:
        return read_ms(value, at);
    case KIND_STATE:
        return read_int(value, STATE_CRITICAL, at);
    case KIND_HARD:
        return read_hard(value, at);
    case KIND_KEEP:
        if (value->type == DOC_BOOL) {
            event->keep_state = value->u.b;
        }
        return value->type == DOC_BOOL;
    case KIND_DOC:
        return read_nested(value, DOC_DOC, at);
    case KIND_ARRAY:
        return read_nested(value, DOC_ARRAY, at);
    case KIND_TAGS:
        return read_tags(value, event);
    default:
        return false;
    }
}

static const char *kind_expected(enum kind kind)
{
    static const char *const texts[] = {
        [KIND_TEXT] = "text",
        [KIND_TYPE] = "an event type",
        [KIND_SOURCE] = "component, resource, connector or service",
        [KIND_TIME] = "seconds",
        [KIND_SPAN] = "seconds",
        [KIND_STATE] = "0 to 3",
        [KIND_HARD] = "0 or 1",
        [KIND_KEEP] = "true or false",
        [KIND_DOC] = "an object",
        [KIND_ARRAY] = "an array",
        [KIND_TAGS] = "an array or an object",
    };
    return texts[kind];
}

/* The field called key, looked for from *at on and then from the top; NULL
 *  when it is none of ours. *at ends behind it. */
static const struct field *find_field(const char *key, size_t *at)
{
    size_t i = *at;

    for (size_t n = 0; n < N_FIELDS; n++) {
        if (i == N_FIELDS) {
            i = 0;
        }
        if (fields[i].name[0] == key[0] && strcmp(fields[i].name, key) == 0) {
            *at = i + 1;
            return &fields[i];
        }
        i++;
    }
    return NULL;
}

static enum err check_required(uint64_t seen, struct errbuf *why)
{
    for (size_t i = 0; i < N_FIELDS; i++) {
        if (fields[i].required && (seen >> i & 1) == 0) {
            errbuf_set_field(why, fields[i].name, "not an event: %s is missing",
                             fields[i].name);
            return ERR_INVALID;
        }
    }
    return ERR_OK;
}

/* Read all members; seen gets a bit for each field that is there. */
static enum err read_members(struct doc doc, struct event *event,
                             uint64_t *seen, struct errbuf *why)
{
    struct doc_iter it;
    struct doc_value value;
    const char *key;
    size_t at = 0;
    bool keep_seen = false;

    doc_iter_init(&it, doc);
    while (doc_next(&it, &key, &value)) {
        const struct field *field = find_field(key, &at);

        if (field == NULL || value.type == DOC_NULL) {
            continue;
        }
        if (!read_field(field, &value, event)) {
            errbuf_set_field(why, key, "not an event: %s: expected %s", key,
                             kind_expected(field->kind));
            return ERR_INVALID;
        }
        *seen |= UINT64_C(1) << (field - fields);
        keep_seen = keep_seen || field->kind == KIND_KEEP;
    }
    if (!keep_seen) {
        event->keep_state = keep_state_default(event->type);
    }
    return ERR_OK;
}

enum err event_from_doc(struct doc doc, struct event *event, struct errbuf *why)
{
    struct event read = blank;
    uint64_t seen = 0;
    enum err err = read_members(doc, &read, &seen, why);

    if (err == ERR_OK) {
        err = check_required(seen, why);
    }
    if (err == ERR_OK) {
        read.whole = doc;
        *event = read;
    }
    return err;
}

/* Back to what an event holds before its members are read. */
static void clear_field(const struct field *field, struct event *event)
{
    static const size_t sizes[] = {
        [KIND_TEXT] = sizeof event->output,
        [KIND_TYPE] = sizeof event->type,
        [KIND_SOURCE] = sizeof event->source_type,
        [KIND_TIME] = sizeof event->timestamp_ms,
        [KIND_SPAN] = sizeof event->ttl_ms,
        [KIND_STATE] = sizeof event->state,
        [KIND_HARD] = sizeof event->hard,
        [KIND_KEEP] = sizeof event->keep_state,
        [KIND_DOC] = sizeof event->infos,
        [KIND_ARRAY] = sizeof event->perf,
        [KIND_TAGS] = sizeof event->tags,
    };

    memcpy((char *)event + field->offset, (const char *)&blank + field->offset,
           sizes[field->kind]);
    if (field->kind == KIND_TAGS) {
        event->tags_is_map = false;
    } else if (field->kind == KIND_KEEP) {
        event->keep_state = keep_state_default(event->type);
    }
}

enum err event_set_member(struct event *event, const char *name,
                          const struct doc_value *value, struct errbuf *why)
{
    size_t at = 0;
    const struct field *field = find_field(name, &at);
    bool is_null = value->type == DOC_NULL;

    if (field == NULL) {
        return ERR_NOT_FOUND;
    }
    if (is_null ? field->required : !read_field(field, value, event)) {
        errbuf_set_field(why, name, "%s: expected %s", name,
                         kind_expected(field->kind));
        return ERR_INVALID;
    }
    if (is_null) {
        clear_field(field, event);
    }
    return ERR_OK;
}

static struct doc_value text_value(const char *text)
{
    return (struct doc_value){
        .type = text != NULL && text[0] != '\0' ? DOC_STRING : DOC_MISSING,
        .u.s = {text, text != NULL ? (uint32_t)strlen(text) : 0}};
}

static struct doc_value nested_value(struct doc doc, enum doc_type type)
{
    return (struct doc_value){.type = doc.len > 0 ? type : DOC_MISSING,
                              .u.doc = doc};
}

static struct doc_value number_value(int64_t number)
{
    return (struct doc_value){.type = DOC_INT, .u.i = number};
}

static struct doc_value time_value(int64_t ms)
{
    return (struct doc_value){.type = DOC_DOUBLE, .u.d = clock_ms_to_s(ms)};
}

static struct doc_value field_value(const struct event *event,
                                    const struct field *field)
{
    const void *at = (const char *)event + field->offset;
    struct doc_value value = {.type = DOC_MISSING};

    switch (field->kind) {
    case KIND_TEXT:
        return text_value(*(const char *const *)at);
    case KIND_TYPE:
        return text_value(event->type_name);
    case KIND_SOURCE:
        return text_value(event_source_name(event->source_type));
    case KIND_SPAN:
        return *(const int64_t *)at == 0 ? value
                                         : time_value(*(const int64_t *)at);
    case KIND_TIME:
        return time_value(*(const int64_t *)at);
    case KIND_STATE:
        return number_value(event->state);
    case KIND_HARD:
        return number_value(event->hard ? 1 : 0);
    case KIND_KEEP:
        value.type = event->keep_state != keep_state_default(event->type)
                         ? DOC_BOOL
                         : DOC_MISSING;
        value.u.b = event->keep_state;
        break;
    case KIND_DOC:
        return nested_value(*(const struct doc *)at, DOC_DOC);
    case KIND_ARRAY:
        return nested_value(*(const struct doc *)at, DOC_ARRAY);
    case KIND_TAGS:
        return nested_value(event->tags,
                            event->tags_is_map ? DOC_DOC : DOC_ARRAY);
    }
    return value;
}

bool event_get_member(const struct event *event, const char *name,
                      struct doc_value *value)
{
    size_t at = 0;
    const struct field *field = find_field(name, &at);

    *value = field != NULL ? field_value(event, field)
                           : (struct doc_value){.type = DOC_MISSING};
    return value->type != DOC_MISSING;
}

bool event_get_path(const struct event *event, const char *path,
                    struct doc_value *value)
{
    char first[EVENT_TYPE_MAX];
    size_t len = strcspn(path, ".");
    bool is_doc;

    if (len >= sizeof first) {
        return doc_path(event->extra, path, value);
    }
    memcpy(first, path, len);
    first[len] = '\0';
    if (!event_get_member(event, first, value)) {
        return doc_path(event->extra, path, value);
    }
    is_doc = value->type == DOC_DOC || value->type == DOC_ARRAY;
    if (path[len] == '\0' ||
        (is_doc && doc_path(value->u.doc, path + len + 1, value))) {
        return true;
    }
    value->type = DOC_MISSING;
    return false;
}
