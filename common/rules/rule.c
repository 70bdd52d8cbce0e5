/* SPDX-License-Identifier: Apache-2.0 */
/** One rule, compiled from its spec; and the table of what a spec holds. */
#include "common/rules/rule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

enum {
    DESCRIPTION_MAX = 2000,
    SPANS_MAX = 50
};

static const char *const on_failures[] = {"pass", "drop", "dead", NULL};

static const struct object_field schedule_fields[] = {
    {.name = "timezone",
     .type = OBJECT_TEXT,
     .min = 1,
     .max = ZONE_NAME_MAX,
     .fallback = "\"UTC\"",
     .help = "whose clock counts, such as Europe/Paris"},
    {.name = "times",
     .type = OBJECT_TEXTS,
     .min = 1,
     .max = SPANS_MAX,
     .help = "when it is in force, such as \"mon-fri 08:00-18:00\"; without it "
             "always"},
    {.name = "except",
     .type = OBJECT_TEXTS,
     .min = 1,
     .max = SPANS_MAX,
     .help = "when it is not, in the same form"},
    {.name = NULL}};

static const struct object_field spec_fields[] = {
    {.name = "description",
     .type = OBJECT_TEXT,
     .max = DESCRIPTION_MAX,
     .help = "what it is for"},
    {.name = "enabled",
     .type = OBJECT_BOOL,
     .fallback = "true",
     .help = "whether it is in force"},
    {.name = "priority",
     .type = OBJECT_INT,
     .max = RULES_PRIORITY_MAX,
     .fallback = "100",
     .help = "lower ones come first, equal ones by name"},
    {.name = "filter",
     .type = OBJECT_FILTER,
     .fallback = "\"\"",
     .help = "the events it speaks of; empty: all"},
    {.name = "schedule",
     .type = OBJECT_DOC,
     .fields = schedule_fields,
     .help = "the times of the week it is in force, by when an event was "
             "received"},
    {.name = "actions",
     .type = OBJECT_LIST,
     .required = true,
     .min = 1,
     .max = RULES_ACTIONS_MAX,
     .variants = action_variants,
     .help = "what is done with them, in order"},
    {.name = "break",
     .type = OBJECT_BOOL,
     .fallback = "false",
     .help = "no later rule sees them"},
    {.name = "on_failure",
     .type = OBJECT_CHOICE,
     .choices = on_failures,
     .fallback = "\"pass\"",
     .help = "when an action fails: go on as if the rule were not there, drop "
             "the event, or send it to the dead letters"},
    {.name = NULL}};

static int index_of(const char *const *names, const char *name)
{
    int i = 0;

    while (names[i] != NULL && strcmp(names[i], name) != 0) {
        i++;
    }
    return i;
}

static enum err read_filter(struct doc spec, struct filter **filter,
                            struct errbuf *why)
{
    struct doc_value value;

    if (!doc_get(spec, "filter", &value)) {
        return ERR_OK;
    }
    return value.type == DOC_DOC ? filter_from_doc(value.u.doc, filter, why)
                                 : filter_parse(value.u.s.text, filter, why);
}

static enum err read_spans(struct week *week, struct doc schedule,
                           const char *member, bool in, struct errbuf *why)
{
    struct doc_iter it;
    struct doc_value value;
    struct errbuf inner = {0};
    const char *index;

    doc_iter_init(&it, doc_sub(schedule, member));
    while (doc_next(&it, &index, &value)) {
        if (week_change(week, value.u.s.text, in, &inner) != ERR_OK) {
            char path[ERRBUF_FIELD_MAX];

            (void)snprintf(path, sizeof path, "schedule.%s[%s]", member, index);
            errbuf_set_field(why, path, "%s", inner.text);
            return ERR_INVALID;
        }
    }
    return ERR_OK;
}

/* What a machine that lacks the zone cannot know is refused there. */
static enum err read_schedule(struct doc spec, struct week **out,
                              struct errbuf *why)
{
    struct doc_value schedule;
    struct doc_value times;
    struct errbuf inner = {0};
    struct zone *zone;
    enum err err;

    if (!doc_get(spec, "schedule", &schedule)) {
        return ERR_OK;
    }
    if (zone_open(doc_str(schedule.u.doc, "timezone", "UTC"), &zone, &inner) !=
        ERR_OK) {
        errbuf_set_field(why, "schedule.timezone", "%s", inner.text);
        return ERR_INVALID;
    }
    *out = week_new(zone);
    if (!doc_get(schedule.u.doc, "times", &times)) {
        week_fill(*out);
    }
    err = read_spans(*out, schedule.u.doc, "times", true, why);
    return err == ERR_OK
               ? read_spans(*out, schedule.u.doc, "except", false, why)
               : err;
}

static enum err read_actions(struct rule *rule, struct doc list,
                             struct errbuf *why)
{
    struct rule_scratch scratch;
    struct errbuf inner = {0};
    struct doc_iter it;
    struct doc_value value;
    const char *index;
    enum err err = ERR_OK;

    rule_scratch_init(&scratch);
    rule->actions = xcalloc(doc_count(list), sizeof rule->actions[0]);
    doc_iter_init(&it, list);
    while (err == ERR_OK && doc_next(&it, &index, &value)) {
        struct action *action = &rule->actions[rule->n_actions];

        err = action_read(value.u.doc, action, &inner);
        if (err == ERR_OK) {
            err = action_check(action, &scratch, &inner);
        }
        if (err != ERR_OK) {
            char path[ERRBUF_FIELD_MAX];

            (void)snprintf(path, sizeof path, "actions[%zu].%.64s",
                           rule->n_actions, inner.field);
            errbuf_set_field(why, path, "%s", inner.text);
            err = ERR_INVALID;
        }
        rule->n_actions++;
    }
    rule_scratch_fini(&scratch);
    return err;
}

/* spec has passed its table. */
static enum err compile(const char *name, struct doc spec, struct rule **out,
                        struct errbuf *why)
{
    struct rule *rule = xcalloc(1, sizeof *rule);
    struct doc own = {xmemdup(spec.data, spec.len), spec.len};
    enum err err;

    rule->name = xstrdup(name);
    rule->storage = (void *)(uintptr_t)own.data;
    rule->priority = doc_i64(own, "priority", RULES_PRIORITY_DEFAULT);
    rule->last = doc_bool(own, "break", false);
    rule->on_failure = (enum on_failure)index_of(
        on_failures, doc_str(own, "on_failure", "pass"));
    err = read_filter(own, &rule->filter, why);
    if (err == ERR_OK) {
        err = read_schedule(own, &rule->schedule, why);
    }
    if (err == ERR_OK) {
        err = read_actions(rule, doc_sub(own, "actions"), why);
    }
    if (err != ERR_OK) {
        rule_free(rule);
        return err;
    }
    *out = rule;
    return ERR_OK;
}

enum err rule_new(const char *name, struct doc spec, struct rule **out,
                  struct errbuf *why)
{
    *out = NULL;
    return doc_bool(spec, "enabled", true) ? compile(name, spec, out, why)
                                           : ERR_OK;
}

void rule_free(struct rule *rule)
{
    if (rule != NULL) {
        filter_free(rule->filter);
        week_free(rule->schedule);
        for (size_t i = 0; i < rule->n_actions; i++) {
            action_fini(&rule->actions[i]);
        }
        free(rule->actions);
        free(rule->storage);
        free(rule->name);
        free(rule);
    }
}

/* One that is not enabled must be right all the same. */
static enum err check_spec(struct doc spec, struct errbuf *why)
{
    struct rule *rule = NULL;
    enum err err = compile("", spec, &rule, why);

    rule_free(rule);
    return err;
}

const struct object_kind rule_kind = {
    .name = "eventfilter",
    .help = "A rule of the event filter: which events it speaks of, and what "
            "it does with them.",
    .fields = spec_fields,
    .check = check_spec,
};
