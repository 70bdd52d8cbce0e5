/* SPDX-License-Identifier: Apache-2.0 */
/** The rules in order, indexed by what their filters require. */
#include "common/rules/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/rules/rule.h"

enum {
    FIELDS_MAX = 16, /* fields that rules are looked up by */
    VALUES_MAX = 64, /* of one $in that is indexed */
    LISTS_MAX = FIELDS_MAX + 1
};

/* Numbers of rules, ascending. */
struct list {
    char *key; /* the value's text, where it is one of an index */
    uint32_t *items;
    size_t n, cap;
};

/* Rules that require a text in one field. */
struct field {
    const char *name; /* of a filter */
    struct map by_value;
    struct list all;
};

struct rules {
    struct rule **list;
    size_t n, cap;
    struct field fields[FIELDS_MAX];
    size_t n_fields;
    struct list others; /* what no index holds */
    struct rule_scratch scratch;
    struct doc_out *doc; /* the event as changed so far */
};

struct rules *rules_new(void)
{
    struct rules *rules = xcalloc(1, sizeof *rules);

    rule_scratch_init(&rules->scratch);
    rules->doc = doc_out_new();
    return rules;
}

static void list_free(struct list *list)
{
    free(list->items);
    free(list->key);
}

void rules_free(struct rules *rules)
{
    if (rules == NULL) {
        return;
    }
    for (size_t i = 0; i < rules->n_fields; i++) {
        struct map_slot slot;
        size_t at = 0;

        while (map_next(&rules->fields[i].by_value, &at, &slot)) {
            list_free(slot.value);
            free(slot.value);
        }
        map_fini(&rules->fields[i].by_value);
        list_free(&rules->fields[i].all);
    }
    for (size_t i = 0; i < rules->n; i++) {
        rule_free(rules->list[i]);
    }
    list_free(&rules->others);
    free(rules->list);
    rule_scratch_fini(&rules->scratch);
    doc_out_free(rules->doc);
    free(rules);
}

enum err rules_add(struct rules *rules, struct doc object, struct errbuf *why)
{
    struct rule *rule = NULL;
    enum err err = object_check(&rule_kind, object, why);

    if (err == ERR_OK) {
        err = rule_new(doc_str(object, "name", ""), doc_sub(object, "spec"),
                       &rule, why);
    }
    if (err != ERR_OK || rule == NULL) {
        return err;
    }
    if (rules->n == rules->cap) {
        rules->cap = 2 * rules->cap + 16;
        rules->list =
            xrealloc_array(rules->list, rules->cap, sizeof rules->list[0]);
    }
    rules->list[rules->n++] = rule;
    return ERR_OK;
}

size_t rules_count(const struct rules *rules)
{
    return rules->n;
}

const char *rules_name(const struct rules *rules, size_t i)
{
    return rules->list[i]->name;
}

/* The index. */

static int compare_rules(const void *a_, const void *b_)
{
    const struct rule *a = *(struct rule *const *)a_;
    const struct rule *b = *(struct rule *const *)b_;

    if (a->priority != b->priority) {
        return a->priority < b->priority ? -1 : 1;
    }
    return strcmp(a->name, b->name);
}

static void list_add(struct list *list, size_t rule)
{
    if (list->n > 0 && list->items[list->n - 1] == rule) {
        return; /* an $in that names a value twice */
    }
    if (list->n == list->cap) {
        list->cap = 2 * list->cap + 4;
        list->items =
            xrealloc_array(list->items, list->cap, sizeof list->items[0]);
    }
    list->items[list->n++] = (uint32_t)rule;
}

static struct field *field_of(struct rules *rules, const char *name)
{
    for (size_t i = 0; i < rules->n_fields; i++) {
        if (strcmp(rules->fields[i].name, name) == 0) {
            return &rules->fields[i];
        }
    }
    if (rules->n_fields == FIELDS_MAX) {
        return NULL;
    }
    rules->fields[rules->n_fields].name = name;
    return &rules->fields[rules->n_fields++];
}

static struct list *value_list(struct field *field, const char *text,
                               size_t len)
{
    struct list *list = map_get(&field->by_value, text, len);

    if (list == NULL) {
        list = xcalloc(1, sizeof *list);
        list->key = xmemdup(text, len + 1);
        (void)map_put(&field->by_value, list->key, len, list);
    }
    return list;
}

/* Whether events can be looked up by the condition: a text, or some of them,
 * required in a field that is not nested. */
static bool is_indexable(const struct filter_cond *cond)
{
    struct doc_iter it;
    struct doc_value value;
    const char *index;

    if (strchr(cond->field, '.') != NULL) {
        return false;
    }
    if (cond->op == FILTER_EQ) {
        return cond->value.type == DOC_STRING;
    }
    if (cond->op != FILTER_IN || doc_count(cond->value.u.doc) > VALUES_MAX) {
        return false;
    }
    doc_iter_init(&it, cond->value.u.doc);
    while (doc_next(&it, &index, &value)) {
        if (value.type != DOC_STRING) {
            return false;
        }
    }
    return true;
}

/* How little a condition lets through: few events have one component, many
 * have one event type. */
static int rank(const struct filter_cond *cond)
{
    static const char *const broad[] = {"event_type", "source_type",
                                        "connector",  "connector_name",
                                        "domain",     "perimeter"};

    for (size_t i = 0; i < sizeof broad / sizeof broad[0]; i++) {
        if (strcmp(broad[i], cond->field) == 0) {
            return cond->op == FILTER_EQ ? 2 : 3;
        }
    }
    return cond->op == FILTER_EQ ? 0 : 1;
}

static void index_cond(struct field *field, const struct filter_cond *cond,
                       size_t rule)
{
    struct doc_iter it;
    struct doc_value value;
    const char *index;

    list_add(&field->all, rule);
    if (cond->op == FILTER_EQ) {
        list_add(value_list(field, cond->value.u.s.text, cond->value.u.s.len),
                 rule);
        return;
    }
    doc_iter_init(&it, cond->value.u.doc);
    while (doc_next(&it, &index, &value)) {
        list_add(value_list(field, value.u.s.text, value.u.s.len), rule);
    }
}

static void index_rule(struct rules *rules, size_t i)
{
    struct filter_cond conds[FILTER_PUSH_MAX];
    size_t n = filter_pushdown(rules->list[i]->filter, conds);
    const struct filter_cond *best = NULL;
    struct field *field = NULL;

    for (size_t c = 0; c < n; c++) {
        if (is_indexable(&conds[c]) &&
            (best == NULL || rank(&conds[c]) < rank(best))) {
            best = &conds[c];
        }
    }
    if (best != NULL) {
        field = field_of(rules, best->field);
    }
    if (field != NULL) {
        index_cond(field, best, i);
    } else {
        list_add(&rules->others, i);
    }
}

void rules_seal(struct rules *rules)
{
    if (rules->n > 0) {
        qsort(rules->list, rules->n, sizeof rules->list[0], compare_rules);
    }
    for (size_t i = 0; i < rules->n; i++) {
        index_rule(rules, i);
    }
}

/* A run. */

struct run {
    struct rules *rules;
    struct event *event;
    struct doc doc; /* of the event as it is */
    bool stale;     /* doc is older than event */
    bool changed;
    bool pass;
    const struct list *lists[LISTS_MAX];
    size_t at[LISTS_MAX];
    size_t n_lists;
};

static void add_list(struct run *run, const struct list *list)
{
    if (list != NULL && list->n > 0) {
        run->at[run->n_lists] = 0;
        run->lists[run->n_lists++] = list;
    }
}

/* The rules that could match the event as it is. */
static void look_up(struct run *run)
{
    const struct rules *rules = run->rules;

    run->n_lists = 0;
    add_list(run, &rules->others);
    for (size_t i = 0; i < rules->n_fields; i++) {
        const struct field *field = &rules->fields[i];
        struct doc_value value;

        if (!doc_get(run->doc, field->name, &value) &&
            !doc_get(doc_sub(run->doc, "extra"), field->name, &value)) {
            continue;
        }
        if (value.type == DOC_STRING) {
            add_list(run,
                     map_get(&field->by_value, value.u.s.text, value.u.s.len));
        } else if (value.type == DOC_ARRAY) {
            add_list(run, &field->all); /* any element may be the text */
        }
    }
}

/* The first rule from `from` on that could match; the count at the end. */
static size_t next_rule(struct run *run, size_t from)
{
    size_t best = run->rules->n;

    for (size_t i = 0; i < run->n_lists; i++) {
        const struct list *list = run->lists[i];

        while (run->at[i] < list->n && list->items[run->at[i]] < from) {
            run->at[i]++;
        }
        if (run->at[i] < list->n && list->items[run->at[i]] < best) {
            best = list->items[run->at[i]];
        }
    }
    return best;
}

static bool changes(const struct rule *rule)
{
    for (size_t i = 0; i < rule->n_actions; i++) {
        if (rule->actions[i].type >= ACTION_SET) {
            return true;
        }
    }
    return false;
}

/* All of the rule's actions, or none. */
static enum rule_result apply(struct run *run, const struct rule *rule,
                              struct errbuf *why)
{
    const struct event before = *run->event;
    struct errbuf inner = {0};
    bool pass = run->pass;
    enum err err = ERR_OK;
    size_t i = 0;

    for (; err == ERR_OK && i < rule->n_actions; i++) {
        const struct action *action = &rule->actions[i];

        if (action->type == ACTION_DROP) {
            return RULE_DROPPED;
        }
        pass = pass || action->type == ACTION_PASS;
        err = action_apply(action, &run->rules->scratch, run->event, &inner);
    }
    if (err == ERR_OK) {
        err = action_settle(&run->rules->scratch, &before, run->event, &inner);
    }
    if (err != ERR_OK) {
        *run->event = before;
        errbuf_set_field(why, inner.field, "rule %s, action %zu: %s",
                         rule->name, i, inner.text);
        return RULE_FAILED;
    }
    run->pass = pass;
    run->stale = run->stale || changes(rule);
    run->changed = run->changed || run->stale;
    return RULE_APPLIED;
}

/* Try one; true when it ends the run with *verdict. */
static bool try_rule(struct run *run, const struct rule *rule,
                     enum rule_result *result, enum rules_verdict *verdict,
                     struct errbuf *why)
{
    if (!filter_match(rule->filter, run->doc)) {
        *result = RULE_NO_MATCH;
        return false;
    }
    *result = apply(run, rule, why);
    if (*result == RULE_DROPPED) {
        *verdict = RULES_DROP;
        return true;
    }
    if (*result == RULE_FAILED && rule->on_failure != ON_FAILURE_PASS) {
        *verdict =
            rule->on_failure == ON_FAILURE_DROP ? RULES_DROP : RULES_DEAD;
        return true;
    }
    *verdict = run->pass ? RULES_PASS : RULES_DROP;
    return *result == RULE_APPLIED && rule->last;
}

static void refresh(struct run *run)
{
    if (run->stale) {
        event_to_doc(run->event, run->rules->doc);
        run->doc = doc_out_done(run->rules->doc);
        run->stale = false;
        look_up(run);
    }
}

enum rules_verdict rules_run(struct rules *rules, struct rules_event *event,
                             const struct rules_watch *watch,
                             struct errbuf *why)
{
    struct run run = {.rules = rules,
                      .event = &event->event,
                      .doc = event->doc,
                      .pass = event->pass};
    enum rules_verdict verdict = RULES_PASS;
    enum rule_result result;
    bool ends = false;

    rule_scratch_clear(&rules->scratch);
    look_up(&run);
    for (size_t i = next_rule(&run, 0); !ends && i < rules->n;
         i = next_rule(&run, i + 1)) {
        ends = try_rule(&run, rules->list[i], &result, &verdict, why);
        if (watch != NULL) {
            watch->tried(watch->ctx, i, result, why);
        }
        refresh(&run);
    }
    event->changed = run.changed;
    if (!ends) {
        verdict = run.pass ? RULES_PASS : RULES_DROP;
    }
    return verdict;
}
