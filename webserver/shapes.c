/* SPDX-License-Identifier: Apache-2.0 */
/** What bodies and answers look like: one table. */
#include "webserver/shapes.h"

#include <string.h>

#include "common/base/err.h"
#include "webserver/json_text.h"

#define REF "{\"$ref\":\"#/components/schemas/"

static const struct shape shapes[] = {
    {.name = "problem",
     .doc = "what went wrong (RFC 9457)",
     .media = "application/problem+json",
     .members = "type:text title:text status:whole detail:text field:text~"},
    {.name = "mark",
     .doc = "what an operator did",
     .members = "author:text~ message:text~ at:time~ until:time~ "
                "number:text~ url:text~"},
    {.name = "alarm",
     .doc = "an alarm",
     .members =
         "id:text entity_id:text? source_type:text? connector:text "
         "connector_name:text component:text resource:text state:whole "
         "status:whole output:text opened_at:time? changed_at:time? "
         "last_event_at:time? resolved_at:time? events_count:whole "
         "steps_count:whole ack:#mark? canceled:any snooze:#mark? "
         "ticket:#mark? comment:#mark? maintenance:any? tags:any services:any "
         "infos:object"},
    {.name = "step",
     .doc = "a step of an alarm",
     .members = "alarm_id:text step:whole type:text t:time? value:any? "
                "author:text message:text"},
    {.name = "explanation",
     .doc = "why an alarm is as it is",
     .members = "id:text entity_id:text reasons:[#reason]"},
    {.name = "reason",
     .doc = "a sentence",
     .members = "about:text at:time? text:text"},
    {.name = "entity",
     .doc = "what sends events",
     .members = "id:text type:text connector:text connector_name:text "
                "component:text resource:text name:text enabled:bool "
                "infos:object tags:any created_at:time? last_event_at:time? "
                "state:whole? import_source:text?"},
    {.name = "inventory",
     .doc = "what another system knows of entities",
     .members = "cis:any"},
    {.name = "imported",
     .doc = "what became of each, or with dry_run would",
     .statuses = "200 202 207",
     .members = "unchanged:whole refused:whole items:any pending:whole~ "
                "done:whole~ unpublished:whole~ dry_run:bool~ set:whole~ "
                "enable:whole~ disable:whole~ delete:whole~"},
    {.name = "metric",
     .doc = "a metric",
     .members = "id:text entity_id:text? name:text unit:text type:text "
                "min:number? max:number? warn:any? crit:any? interval:number? "
                "last:#last?"},
    {.name = "last", .doc = "a value", .members = "t:time value:number?"},
    {.name = "points",
     .doc = "points of a metric",
     .members = "metric:text step:number resolution:text points:any "
                "next:time?"},
    {.name = "points_query",
     .doc = "which metrics, and the options of points",
     .members = "metrics:texts from:any~ to:any~ step:any~ resolution:text~ "
                "agg:text~ raw:bool~ limit:whole~"},
    {.name = "points_of_several",
     .doc = "points of each, in the order asked",
     .members = "items:[#points]"},
    {.name = "counters",
     .doc = "how many alarms are open",
     .members = "total:whole total_is:text by_state:object by_status:object "
                "acked:whole snoozed:whole ticketed:whole commented:whole "
                "cancelled:whole in_maintenance:whole"},
    {.name = "event",
     .doc = "an event (docs/events.md)",
     .members = "id:text~ connector:text~ connector_name:text~ "
                "event_type:text~ source_type:text~ component:text~ "
                "resource:text~ state:any~ output:text~ timestamp:any~"},
    {.name = "events_in",
     .doc = "one event, an array, or one a line",
     .schema = "{\"oneOf\":[" REF "event\"},{\"type\":\"array\",\"items\":" REF
               "event\"}}]}"},
    {.name = "events_taken",
     .doc = "what became of each event",
     .statuses = "202 207",
     .members = "accepted:whole refused:whole unconfirmed:whole items:any"},
    {.name = "taken_2015",
     .doc = "what became of them",
     .members = "total:whole~ data:any~ success:bool~ sent_events:any~ "
                "failed_events:any~ retry_events:any~"},
    {.name = "action",
     .doc = "what is done, and to which",
     .members = "type:text~ ids:texts~ filter:any~ all:bool~ author:text~ "
                "message:text~ duration:any~ state:any~ keep_state:bool~ "
                "ticket:text~ ticket_url:text~ body:text~"},
    {.name = "entity_change",
     .doc = "what an entity becomes",
     .members = "enabled:bool~ author:text~ message:text~"},
    {.name = "acted",
     .doc = "what became of each",
     .statuses = "200 202 207",
     .members = "pending:whole done:whole refused:whole unpublished:whole "
                "items:[#act]"},
    {.name = "act",
     .doc = "what became of one",
     .members = "id:text action:text result:text step:whole~ reason:text~"},
    {.name = "object",
     .doc = "what people configure",
     .members = "kind:text name:text labels:object? spec:object version:whole "
                "revision:whole created_at:time? updated_at:time? author:text "
                "problem:any?"},
    {.name = "object_put",
     .doc = "the object after the change",
     .statuses = "200 201",
     .members = "kind:text name:text version:whole"},
    {.name = "object_in",
     .doc = "an object as it is sent",
     .members = "kind:text~ name:text~ labels:object~ spec:object~"},
    {.name = "object_good", .doc = "it would be taken", .members = "good:bool"},
    {.name = "object_gone", .doc = "it is deleted", .members = ""},
    {.name = "version",
     .doc = "what an object was",
     .members = "version:whole revision:whole updated_at:time author:text "
                "labels:object? spec:object?"},
    {.name = "schema", .doc = "a kind, with its JSON Schema", .members = ""},
    {.name = "tries", .doc = "events to try rules on", .members = ""},
    {.name = "tried",
     .doc = "what the rules would make of them",
     .members = "tested:whole passed:whole changed:whole dropped:whole "
                "dead:whole more:bool next:text? reached_at:time? "
                "rules:any bad_rules:any items:any"},
    {.name = "dead_letter",
     .doc = "a refused message",
     .members = "id:text at:time? engine:text reason:text field:text "
                "routing_key:text position:any? body:any? body_bytes:whole "
                "replayable:bool replayed_at:time? replayed_by:text? "
                "replayed_to:any?"},
    {.name = "dead_count",
     .doc = "how many, of one engine, field and kind of reason",
     .members = "id:text engine:text field:text reason:text total:whole "
                "kept:whole last_at:time?"},
    {.name = "health",
     .doc = "how all is",
     .members = "status:text why_not:text store:object bus:object dead:whole? "
                "disk:any? time:time engines:[#process]"},
    {.name = "process",
     .doc = "how a process is",
     .members = "name:text ready:bool why_not:text pid:whole started_at:time? "
                "last_seen:time? events:number? rate:number? errors:number? "
                "lag:number? memory:number? metrics:object"},
    {.name = "ready", .doc = "all is there", .members = "ready:bool"},
    {.name = "product",
     .doc = "name and version",
     .members = "name:text version:text api:text"},
    {.name = "openapi",
     .doc = "this description",
     .members = "openapi:text info:object paths:object components:object"},
    {.name = "csv",
     .doc = "a head line, and a line each (RFC 4180)",
     .media = "text/csv",
     .schema = "{\"type\":\"string\"}"},
    {.name = "prometheus",
     .doc = "Prometheus text",
     .media = "text/plain",
     .schema = "{\"type\":\"string\"}"},
};

enum {
    N_SHAPES = sizeof shapes / sizeof shapes[0]
};

static size_t name_len(const char *name)
{
    return strcspn(name, "[");
}

const struct shape *shapes_find(const char *name)
{
    size_t len = name_len(name);

    for (size_t i = 0; i < N_SHAPES; i++) {
        if (strlen(shapes[i].name) == len &&
            strncmp(shapes[i].name, name, len) == 0) {
            return &shapes[i];
        }
    }
    BUG_IF(true);
    return NULL;
}

void shapes_add_reference(const char *name, struct buf *out)
{
    const struct shape *shape = shapes_find(name);

    if (name[name_len(name)] == '\0') {
        buf_addf(out, REF "%s\"}", shape->name);
        return;
    }
    buf_addf(out,
             "{\"type\":\"object\",\"required\":[\"items\",\"next\",\"total\","
             "\"total_is\"],\"properties\":{\"items\":{\"type\":\"array\","
             "\"items\":" REF "%s\"}},\"next\":{\"type\":[\"string\",\"null\"]}"
             ",\"total\":{\"type\":\"integer\"},\"total_is\":{\"enum\":"
             "[\"exact\",\"at least\"]}}}",
             shape->name);
}

/* "name:type" of a shape's members. */
struct member {
    const char *name, *type;
    size_t name_len, type_len;
    bool may_be_null, may_be_missing;
};

/* The next one; at is moved behind it. */
static bool next_member(const char **at, struct member *member)
{
    const char *end;

    *member = (struct member){.name = *at + strspn(*at, " ")};
    if (*member->name == '\0') {
        return false;
    }
    member->name_len = strcspn(member->name, ":");
    member->type = member->name + member->name_len + 1;
    end = member->type + strcspn(member->type, " ");
    *at = end;
    for (; strchr("?~", end[-1]) != NULL; end--) {
        member->may_be_null = member->may_be_null || end[-1] == '?';
        member->may_be_missing = member->may_be_missing || end[-1] == '~';
    }
    member->type_len = (size_t)(end - member->type);
    return true;
}

static bool is_type(const struct member *member, const char *type)
{
    return strlen(type) == member->type_len &&
           strncmp(type, member->type, member->type_len) == 0;
}

static void add_type(const struct member *member, struct buf *out)
{
    static const char *const types[][2] = {
        {"text", "string"},  {"number", "number"}, {"whole", "integer"},
        {"bool", "boolean"}, {"time", "number"},   {"object", "object"}};

    if (member->type[0] == '#') {
        buf_addf(out,
                 member->may_be_null ? "{\"oneOf\":[" REF
                                       "%.*s\"},{\"type\":\"null\"}]}"
                                     : REF "%.*s\"}",
                 (int)member->type_len - 1, member->type + 1);
        return;
    }
    if (member->type[0] == '[') {
        buf_addf(out, "{\"type\":\"array\",\"items\":" REF "%.*s\"}}",
                 (int)member->type_len - 3, member->type + 2);
        return;
    }
    if (is_type(member, "texts")) {
        buf_add_str(out,
                    "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}");
        return;
    }
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (is_type(member, types[i][0])) {
            buf_addf(out,
                     member->may_be_null ? "{\"type\":[\"%s\",\"null\"]}"
                                         : "{\"type\":\"%s\"}",
                     types[i][1]);
            return;
        }
    }
    BUG_IF(!is_type(member, "any"));
    buf_add_str(out, "true");
}

static void add_required(const char *members, struct buf *out)
{
    struct member member;
    bool more = false;

    buf_add_str(out, "\"required\":[");
    while (next_member(&members, &member)) {
        if (!member.may_be_missing) {
            buf_addf(out, "%s\"%.*s\"", more ? "," : "", (int)member.name_len,
                     member.name);
            more = true;
        }
    }
    buf_add_char(out, ']');
}

static void add_shape(const struct shape *shape, struct buf *out)
{
    const char *at = shape->members;
    struct member member;
    bool more = false;

    if (shape->schema != NULL) {
        buf_add_str(out, shape->schema);
        return;
    }
    buf_add_str(out, "{\"type\":\"object\",\"description\":");
    json_add_text(out, shape->doc);
    buf_add_char(out, ',');
    add_required(shape->members, out);
    buf_add_str(out, ",\"properties\":{");
    while (next_member(&at, &member)) {
        buf_addf(out, "%s\"%.*s\":", more ? "," : "", (int)member.name_len,
                 member.name);
        add_type(&member, out);
        more = true;
    }
    buf_add_str(out, "}}");
}

void shapes_add_all(struct buf *out)
{
    for (size_t i = 0; i < N_SHAPES; i++) {
        buf_addf(out, "%s\"%s\":", i > 0 ? "," : "{", shapes[i].name);
        add_shape(&shapes[i], out);
    }
    buf_add_char(out, '}');
}
