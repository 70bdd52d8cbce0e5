/* SPDX-License-Identifier: Apache-2.0 */
/** What a rule does to an event. */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/rules/rule.h"

enum {
    TEXT_BYTES_MAX = 2048, /* as docs/events.md */
    OUTPUT_BYTES_MAX = 4096,
    LONG_BYTES_MAX = 65536,
    SCRATCH_TEXT_MAX = 128 * 1024
};

#define EVENT_PREFIX "event."

/* What may be changed, and the bytes of a text (0: no text). */
static const struct target {
    const char *name;
    size_t max;
} targets[] = {
    {"connector", EVENT_CONNECTOR_MAX},
    {"connector_name", EVENT_CONNECTOR_MAX},
    {"component", EVENT_COMPONENT_MAX},
    {"resource", EVENT_RESOURCE_MAX},
    {"event_type", EVENT_TYPE_MAX},
    {"state", 0},
    {"state_type", 0},
    {"output", OUTPUT_BYTES_MAX},
    {"long_output", LONG_BYTES_MAX},
    {"perf_data", LONG_BYTES_MAX},
    {"ttl", 0},
    {"author", TEXT_BYTES_MAX},
    {"display_name", TEXT_BYTES_MAX},
    {"address", TEXT_BYTES_MAX},
    {"domain", TEXT_BYTES_MAX},
    {"perimeter", TEXT_BYTES_MAX},
};

void rule_scratch_init(struct rule_scratch *scratch)
{
    *scratch = (struct rule_scratch){.out = doc_out_new()};
    buf_init(&scratch->text, SCRATCH_TEXT_MAX);
}

void rule_scratch_clear(struct rule_scratch *scratch)
{
    for (size_t i = 0; i < scratch->n_blocks; i++) {
        free(scratch->blocks[i]);
    }
    scratch->n_blocks = 0;
}

void rule_scratch_fini(struct rule_scratch *scratch)
{
    rule_scratch_clear(scratch);
    free(scratch->blocks);
    doc_out_free(scratch->out);
    buf_fini(&scratch->text);
}

static void *keep(struct rule_scratch *scratch, const void *data, size_t len)
{
    if (scratch->n_blocks == scratch->cap_blocks) {
        scratch->cap_blocks = 2 * scratch->cap_blocks + 16;
        scratch->blocks = xrealloc_array(scratch->blocks, scratch->cap_blocks,
                                         sizeof scratch->blocks[0]);
    }
    scratch->blocks[scratch->n_blocks] = xmemdup(data, len);
    return scratch->blocks[scratch->n_blocks++];
}

static struct doc keep_doc(struct rule_scratch *scratch)
{
    struct doc doc = doc_out_done(scratch->out);

    return (struct doc){keep(scratch, doc.data, doc.len), doc.len};
}

static const struct target *find_target(const char *name)
{
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        if (strcmp(targets[i].name, name) == 0) {
            return &targets[i];
        }
    }
    return NULL;
}

/* "infos.site" or "extra.x": the document, and the name in it; else NULL. */
static struct doc *find_nested(struct event *event, const char *field,
                               const char **name)
{
    const char *dot = strchr(field, '.');
    size_t len = dot != NULL ? (size_t)(dot - field) : 0;

    if (len == 0 || dot[1] == '\0' || strchr(dot + 1, '.') != NULL) {
        return NULL;
    }
    *name = dot + 1;
    if (strncmp(field, "infos", len) == 0 && len == strlen("infos")) {
        return &event->infos;
    }
    return strncmp(field, "extra", len) == 0 && len == strlen("extra")
               ? &event->extra
               : NULL;
}

static enum err refuse_field(const char *field, struct errbuf *why)
{
    struct buf names;

    buf_init(&names, ERRBUF_TEXT_MAX);
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        buf_addf(&names, "%s, ", targets[i].name);
    }
    errbuf_set_field(why, "field",
                     "\"%.64s\" cannot be changed; expected one of "
                     "%sinfos.NAME or extra.NAME",
                     field, buf_str(&names));
    buf_fini(&names);
    return ERR_INVALID;
}

/* The document with one member set (value NULL: taken away). */
static enum err change_doc(struct rule_scratch *scratch, struct doc *doc,
                           const char *name, const struct doc_value *value,
                           struct errbuf *why)
{
    struct doc_iter it;
    struct doc_value old;
    const char *key;
    struct doc done;

    doc_out_reset(scratch->out);
    doc_iter_init(&it, *doc);
    while (doc_next(&it, &key, &old)) {
        if (strcmp(key, name) != 0) {
            doc_add_value(scratch->out, key, &old);
        }
    }
    if (value != NULL) {
        doc_add_value(scratch->out, name, value);
    }
    done = keep_doc(scratch);
    if (done.len > RULES_DOC_BYTES_MAX && done.len > doc->len) {
        errbuf_set_field(why, name, "more than %d bytes of them",
                         RULES_DOC_BYTES_MAX);
        return ERR_INVALID;
    }
    *doc = doc_count(done) > 0 ? done : (struct doc){NULL, 0};
    return ERR_OK;
}

/* Numbers and bools as text, where text is meant. */
static struct doc_value as_text(struct rule_scratch *scratch,
                                const struct doc_value *value)
{
    if (value->type != DOC_INT && value->type != DOC_DOUBLE &&
        value->type != DOC_BOOL) {
        return *value;
    }
    buf_clear(&scratch->text);
    doc_value_to_json(value, &scratch->text);
    return (struct doc_value){
        .type = DOC_STRING,
        .u.s = {keep(scratch, buf_str(&scratch->text), scratch->text.len + 1),
                (uint32_t)scratch->text.len}};
}

/* Texts as numbers, where a number is meant: what a template or a pattern
 * gives is text. */
static struct doc_value as_number(const struct target *target,
                                  const struct doc_value *value)
{
    struct doc_value number = {.type = DOC_INT};
    int state;

    if (value->type != DOC_STRING) {
        return *value;
    }
    if (strcmp(target->name, "state") == 0 &&
        event_state_parse(value->u.s.text, &state) == ERR_OK) {
        number.u.i = state;
        return number;
    }
    return str_to_i64(value->u.s.text, INT64_MIN, INT64_MAX, &number.u.i) ==
                   ERR_OK
               ? number
               : *value;
}

static enum err set_member(struct rule_scratch *scratch,
                           const struct target *target,
                           const struct doc_value *value, struct event *event,
                           struct errbuf *why)
{
    struct doc_value text =
        target->max > 0 ? as_text(scratch, value) : as_number(target, value);

    if (text.type == DOC_STRING && text.u.s.len > target->max) {
        errbuf_set_field(why, "value", "expected at most %zu bytes for %s",
                         target->max, target->name);
        return ERR_INVALID;
    }
    if (strcmp(target->name, "event_type") == 0) {
        enum event_type type;

        if (text.type != DOC_STRING ||
            event_type_parse(text.u.s.text, &type) != ERR_OK ||
            event_type_is_action(type) || event_type_is_entity_action(type)) {
            errbuf_set_field(why, "value",
                             "expected the name of an event type that is no "
                             "operator's action");
            return ERR_INVALID;
        }
    }
    return event_set_member(event, target->name, &text, why);
}

static enum err set_field(struct rule_scratch *scratch, const char *field,
                          const struct doc_value *value, struct event *event,
                          struct errbuf *why)
{
    const struct target *target = find_target(field);
    const char *name;
    struct doc *doc;

    if (target != NULL) {
        return set_member(scratch, target, value, event, why);
    }
    doc = find_nested(event, field, &name);
    return doc != NULL ? change_doc(scratch, doc, name, value, why)
                       : refuse_field(field, why);
}

static enum err remove_field(struct rule_scratch *scratch, const char *field,
                             struct event *event, struct errbuf *why)
{
    static const struct doc_value null = {.type = DOC_NULL};
    const char *name;
    struct doc *doc;

    if (find_target(field) != NULL) {
        return event_set_member(event, field, &null, why);
    }
    doc = find_nested(event, field, &name);
    return doc != NULL ? change_doc(scratch, doc, name, NULL, why)
                       : refuse_field(field, why);
}

static enum err copy_field(const struct action *action,
                           struct rule_scratch *scratch, struct event *event,
                           struct errbuf *why)
{
    struct doc_value value;

    if (!event_get_path(event, action->from, &value) ||
        value.type == DOC_NULL) {
        errbuf_set_field(why, action->from, "%.64s is not there to be copied",
                         action->from);
        return ERR_INVALID;
    }
    return set_field(scratch, action->field, &value, event, why);
}

/* A value that lives in the scratch, as long as the event does. */
static struct doc_value keep_text(struct rule_scratch *scratch,
                                  const char *text, size_t len)
{
    char *own = keep(scratch, text, len + 1);

    own[len] = '\0';
    return (struct doc_value){.type = DOC_STRING, .u.s = {own, (uint32_t)len}};
}

bool rules_template_get(void *event, const char *path, struct doc_value *value)
{
    value->type = DOC_MISSING;
    return str_starts(path, EVENT_PREFIX) &&
           event_get_path(event, path + strlen(EVENT_PREFIX), value);
}

/* Members of documents are called as their senders like. */
bool rules_template_knows(const char *path)
{
    static const char *const nested[] = {"infos.",         "extra.",
                                         "tags.",          "hostgroups.",
                                         "servicegroups.", "perf_data_array."};
    static const struct doc_value null = {.type = DOC_NULL};
    const char *name = path + strlen(EVENT_PREFIX);
    struct errbuf why;
    struct event event;

    if (!str_starts(path, EVENT_PREFIX)) {
        return false;
    }
    for (size_t i = 0; i < sizeof nested / sizeof nested[0]; i++) {
        if (str_starts(name, nested[i])) {
            return true;
        }
    }
    event_init(&event, EVENT_CHECK);
    return event_set_member(&event, name, &null, &why) != ERR_NOT_FOUND;
}

static enum err set_template(const struct action *action,
                             struct rule_scratch *scratch, struct event *event,
                             struct errbuf *why)
{
    const struct template_source source = {event, rules_template_get};
    struct doc_value value;

    buf_clear(&scratch->text);
    if (template_render(action->tmpl, &source, TEMPLATE_TEXT, &scratch->text) !=
        ERR_OK) {
        errbuf_set_field(why, "template", "it gives more text than it may");
        return ERR_INVALID;
    }
    value = keep_text(scratch, buf_str(&scratch->text), scratch->text.len);
    return set_field(scratch, action->field, &value, event, why);
}

static enum err extract_fields(const struct action *action,
                               struct rule_scratch *scratch,
                               struct event *event, struct errbuf *why)
{
    struct doc_value from = {.type = DOC_MISSING};
    enum err err = ERR_OK;

    if (event_get_path(event, action->from, &from)) {
        from = as_text(scratch, &from);
    }
    if (from.type != DOC_STRING ||
        !regex_match(action->regex, from.u.s.text, from.u.s.len)) {
        errbuf_set_field(why, action->from, "the pattern does not match %.64s",
                         action->from);
        return ERR_INVALID;
    }
    for (size_t i = 0; err == ERR_OK && i < action->n_extracts; i++) {
        const struct extract *extract = &action->extracts[i];
        size_t at;
        size_t len;

        if (regex_get(action->regex, extract->group, &at, &len)) {
            struct doc_value value =
                keep_text(scratch, from.u.s.text + at, len);

            err = set_field(scratch, extract->field, &value, event, why);
        }
    }
    return err;
}

/* Each member of the row, by its name. */
static enum err set_row(const struct action *action,
                        struct rule_scratch *scratch, struct doc row,
                        struct event *event, struct errbuf *why)
{
    bool infos = strcmp(action->field, "infos") == 0;
    struct doc_iter it;
    struct doc_value value;
    const char *name;
    enum err err = ERR_OK;

    doc_iter_init(&it, row);
    while (err == ERR_OK && doc_next(&it, &name, &value)) {
        err = change_doc(scratch, infos ? &event->infos : &event->extra, name,
                         &value, why);
    }
    return err;
}

/* There is no such key, or the row lacks the column. */
static enum err set_nothing(const struct action *action,
                            struct rule_scratch *scratch, struct event *event,
                            struct errbuf *why)
{
    if (action->value.type != DOC_MISSING) {
        return set_field(scratch, action->field, &action->value, event, why);
    }
    if (!action->required) {
        return ERR_OK;
    }
    errbuf_set_field(why, action->from, "table %.64s has nothing for %.64s",
                     action->table, action->from);
    return ERR_INVALID;
}

/* A value of a row lives as long as the tables: longer than a run. */
static enum err look_up(const struct action *action,
                        struct rule_scratch *scratch, struct event *event,
                        struct errbuf *why)
{
    struct doc_value key = {.type = DOC_MISSING};
    struct doc_value value;
    struct doc row;

    if (event_get_path(event, action->from, &key)) {
        key = as_text(scratch, &key);
    }
    if (key.type != DOC_STRING) {
        key.u.s.text = "";
        key.u.s.len = 0;
    }
    if (!tables_find(scratch->tables, action->table, key.u.s.text, key.u.s.len,
                     &row)) {
        errbuf_set_field(why, "table", "there is no table %.128s",
                         action->table);
        return ERR_INVALID;
    }
    if (action->column == NULL && row.len > 0) {
        return set_row(action, scratch, row, event, why);
    }
    if (action->column == NULL || !doc_get(row, action->column, &value) ||
        value.type == DOC_NULL) {
        return set_nothing(action, scratch, event, why);
    }
    return set_field(scratch, action->field, &value, event, why);
}

/* One tag as text; of a map, "key: value". */
static const char *tag_text(struct rule_scratch *scratch, bool is_map,
                            const char *key, const struct doc_value *value)
{
    if (!is_map && value->type == DOC_STRING) {
        return value->u.s.text;
    }
    buf_clear(&scratch->text);
    if (is_map) {
        buf_addf(&scratch->text, "%s: ", key);
    }
    if (value->type == DOC_STRING) {
        buf_add(&scratch->text, value->u.s.text, value->u.s.len);
    } else {
        doc_value_to_json(value, &scratch->text);
    }
    return buf_str(&scratch->text);
}

/* The tags as a list, with or without one. */
static enum err change_tags(struct rule_scratch *scratch, const char *tag,
                            bool add, struct event *event, struct errbuf *why)
{
    struct doc_iter it;
    struct doc_value value;
    const char *key;
    struct doc done;

    doc_out_reset(scratch->out);
    doc_begin_array(scratch->out, "tags");
    doc_iter_init(&it, event->tags);
    while (doc_next(&it, &key, &value)) {
        const char *text = tag_text(scratch, event->tags_is_map, key, &value);

        if (strcmp(text, tag) != 0) {
            doc_add_str(scratch->out, NULL, text);
        }
    }
    if (add) {
        doc_add_str(scratch->out, NULL, tag);
    }
    doc_end(scratch->out);
    done = doc_sub(keep_doc(scratch), "tags");
    if (done.len > RULES_DOC_BYTES_MAX && done.len > event->tags.len) {
        errbuf_set_field(why, "tag", "more than %d bytes of tags",
                         RULES_DOC_BYTES_MAX);
        return ERR_INVALID;
    }
    event->tags = doc_count(done) > 0 ? done : (struct doc){NULL, 0};
    event->tags_is_map = false;
    return ERR_OK;
}

enum err action_apply(const struct action *action, struct rule_scratch *scratch,
                      struct event *event, struct errbuf *why)
{
    switch (action->type) {
    case ACTION_PASS:
    case ACTION_DROP:
        return ERR_OK;
    case ACTION_SET:
        return set_field(scratch, action->field, &action->value, event, why);
    case ACTION_COPY:
        return copy_field(action, scratch, event, why);
    case ACTION_REMOVE:
        return remove_field(scratch, action->field, event, why);
    case ACTION_ADD_TAG:
        return change_tags(scratch, action->field, true, event, why);
    case ACTION_REMOVE_TAG:
        return change_tags(scratch, action->field, false, event, why);
    case ACTION_TEMPLATE:
        return set_template(action, scratch, event, why);
    case ACTION_EXTRACT:
        return extract_fields(action, scratch, event, why);
    case ACTION_LOOKUP:
        return look_up(action, scratch, event, why);
    }
    return ERR_INVALID;
}

enum err action_check_target(const char *field, const char *member,
                             struct errbuf *why)
{
    struct errbuf told = {0};
    struct event event;
    const char *name;

    event_init(&event, EVENT_CHECK);
    if (find_target(field) == NULL &&
        find_nested(&event, field, &name) == NULL) {
        (void)!refuse_field(field, &told);
        errbuf_set_field(why, member, "%s", told.text);
        return ERR_INVALID;
    }
    return ERR_OK;
}

/* The rest was checked as it was read. */
static enum err check_default(const struct action *action,
                              struct rule_scratch *scratch, struct event *event,
                              struct errbuf *why)
{
    struct errbuf told = {0};
    enum err err = ERR_OK;

    if (action->value.type != DOC_MISSING) {
        err = set_field(scratch, action->field, &action->value, event, &told);
    }
    if (err != ERR_OK) {
        errbuf_set_field(why, "default", "%s", told.text);
    }
    rule_scratch_clear(scratch);
    return err;
}

/* Tried on an event that has everything; where the value is not known yet,
 * only the target can be wrong. */
enum err action_check(const struct action *action, struct rule_scratch *scratch,
                      struct errbuf *why)
{
    struct event event;
    struct errbuf told = {0};
    enum err err;

    if (action->type == ACTION_EXTRACT) {
        return ERR_OK; /* checked as it was read */
    }
    if (action->type == ACTION_COPY || action->type == ACTION_TEMPLATE) {
        return action_check_target(
            action->field, action->type == ACTION_COPY ? "to" : "field", why);
    }
    event_init(&event, EVENT_CHECK);
    if (action->type == ACTION_LOOKUP) {
        return check_default(action, scratch, &event, why);
    }
    err = action_apply(action, scratch, &event, &told);
    if (err != ERR_OK) {
        errbuf_set_field(why,
                         strcmp(told.field, "field") == 0 ||
                                 action->type == ACTION_REMOVE
                             ? "field"
                             : "value",
                         "%s", told.text);
    }
    rule_scratch_clear(scratch);
    return err;
}

static bool same_source(const struct event *a, const struct event *b)
{
    return strcmp(a->connector, b->connector) == 0 &&
           strcmp(a->connector_name, b->connector_name) == 0 &&
           strcmp(a->component, b->component) == 0 &&
           strcmp(a->resource, b->resource) == 0 &&
           strcmp(a->type_name, b->type_name) == 0;
}

static enum err refuse_empty(const char *field, struct errbuf *why)
{
    errbuf_set_field(why, field, "%s would be empty", field);
    return ERR_INVALID;
}

enum err action_settle(struct rule_scratch *scratch, const struct event *before,
                       struct event *event, struct errbuf *why)
{
    if (same_source(before, event)) {
        return ERR_OK;
    }
    if (event->connector[0] == '\0' || event->connector_name[0] == '\0') {
        return refuse_empty(
            event->connector[0] == '\0' ? "connector" : "connector_name", why);
    }
    if (event->source_type == EVENT_SOURCE_COMPONENT ||
        event->source_type == EVENT_SOURCE_RESOURCE) {
        event->source_type = event->resource[0] != '\0'
                                 ? EVENT_SOURCE_RESOURCE
                                 : EVENT_SOURCE_COMPONENT;
    }
    if (event->source_type != EVENT_SOURCE_CONNECTOR &&
        event->component[0] == '\0') {
        return refuse_empty("component", why);
    }
    buf_clear(&scratch->text);
    event_entity_id(event, &scratch->text);
    event->entity_id =
        keep(scratch, buf_str(&scratch->text), scratch->text.len + 1);
    buf_clear(&scratch->text);
    event_routing_key(event, &scratch->text);
    event->rk = keep(scratch, buf_str(&scratch->text), scratch->text.len + 1);
    return ERR_OK;
}
