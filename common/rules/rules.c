/* SPDX-License-Identifier: Apache-2.0 */
/** The rules in order, indexed by what their filters require. */
#include "common/rules/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/rules/grams.h"
#include "common/rules/rule.h"

enum {
    FIELDS_MAX = 16, /* fields that rules are looked up by */
    VALUES_MAX = 64, /* of one $in that is indexed */
    LISTS_MAX = 2 * FIELDS_MAX + 1
};

/* Numbers of rules, ascending. */
struct list {
    char *key; /* the value's text, where it is one of an index */
    uint32_t *items;
    size_t n, cap;
};

/* Rules that require a text in one field: all of it, or a part. */
struct field {
    const char *name; /* of a filter, dotted */
    char *path;       /* its segments, each with its NUL */
    size_t n_segments;
    struct map by_value;
    struct map by_part;
    struct grams *parts; /* NULL: none */
    struct list found;   /* rules whose part stands in the text looked at */
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

static void lists_free(struct map *lists)
{
    struct map_slot slot;
    size_t at = 0;

    while (map_next(lists, &at, &slot)) {
        list_free(slot.value);
        free(slot.value);
    }
    map_fini(lists);
}

static void field_fini(struct field *field)
{
    lists_free(&field->by_value);
    lists_free(&field->by_part);
    grams_free(field->parts);
    list_free(&field->found);
    list_free(&field->all);
    free(field->path);
}

void rules_free(struct rules *rules)
{
    if (rules == NULL) {
        return;
    }
    for (size_t i = 0; i < rules->n_fields; i++) {
        field_fini(&rules->fields[i]);
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

void rules_set_tables(struct rules *rules, const struct tables *tables)
{
    rules->scratch.tables = tables;
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

static void split_path(struct field *field, const char *name)
{
    field->name = name;
    field->path = xstrdup(name);
    field->n_segments = 1;
    for (char *at = field->path; *at != '\0'; at++) {
        if (*at == '.') {
            *at = '\0';
            field->n_segments++;
        }
    }
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
    split_path(&rules->fields[rules->n_fields], name);
    return &rules->fields[rules->n_fields++];
}

/* The list under a text, made when new. */
static struct list *text_list(struct map *lists, const char *text, size_t len)
{
    struct list *list = map_get(lists, text, len);

    if (list == NULL) {
        list = xcalloc(1, sizeof *list);
        list->key = xstrndup(text, len);
        (void)map_put(lists, list->key, len, list);
    }
    return list;
}

/* Whether events can be looked up by the condition: a text, or some of them,
 * required in a field. */
static bool is_indexable(const struct filter_cond *cond)
{
    struct doc_iter it;
    struct doc_value value;
    const char *index;

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

/* What a rule can be looked up by: how little it lets through decides. Few
 * events have one component, many have one event type. */
struct handle {
    int rank;
    const struct filter_cond *cond;       /* or */
    const struct filter_literal *literal; /* a part of a text */
};

static bool is_broad(const char *field)
{
    static const char *const broad[] = {"event_type", "source_type",
                                        "connector",  "connector_name",
                                        "domain",     "perimeter"};

    for (size_t i = 0; i < sizeof broad / sizeof broad[0]; i++) {
        if (strcmp(broad[i], field) == 0) {
            return true;
        }
    }
    return false;
}

enum {
    RANK_VALUE,
    RANK_PART,
    RANK_VALUES,
    RANK_BROAD, /* and more, for what is one of these there */
    RANK_NONE = 2 * RANK_BROAD
};

static int rank_at(const char *field, int rank)
{
    return is_broad(field) ? rank + RANK_BROAD : rank;
}

static void offer(struct handle *best, const struct handle *other)
{
    if (other->rank < best->rank) {
        *best = *other;
    }
}

static void index_value(struct field *field, const struct filter_cond *cond,
                        size_t rule)
{
    struct doc_iter it;
    struct doc_value value;
    const char *index;

    if (cond->op == FILTER_EQ) {
        list_add(text_list(&field->by_value, cond->value.u.s.text,
                           cond->value.u.s.len),
                 rule);
        return;
    }
    doc_iter_init(&it, cond->value.u.doc);
    while (doc_next(&it, &index, &value)) {
        list_add(text_list(&field->by_value, value.u.s.text, value.u.s.len),
                 rule);
    }
}

static void index_part(struct field *field,
                       const struct filter_literal *literal, size_t rule)
{
    struct list *list = text_list(&field->by_part, literal->text, literal->len);

    if (list->n == 0) {
        if (field->parts == NULL) {
            field->parts = grams_new();
        }
        grams_add(field->parts, list->key, literal->len, list);
    }
    list_add(list, rule);
}

static void index_handle(struct rules *rules, const struct handle *handle,
                         size_t rule)
{
    struct field *field = NULL;

    if (handle->rank < RANK_NONE) {
        field = field_of(rules, handle->cond != NULL ? handle->cond->field
                                                     : handle->literal->field);
    }
    if (field == NULL) {
        list_add(&rules->others, rule);
        return;
    }
    list_add(&field->all, rule);
    if (handle->cond != NULL) {
        index_value(field, handle->cond, rule);
    } else {
        index_part(field, handle->literal, rule);
    }
}

static void index_rule(struct rules *rules, size_t i)
{
    struct filter_cond conds[FILTER_PUSH_MAX];
    struct filter_literal literals[FILTER_PUSH_MAX];
    size_t n = filter_pushdown(rules->list[i]->filter, conds);
    struct handle best = {.rank = RANK_NONE};

    for (size_t c = 0; c < n; c++) {
        int rank = conds[c].op == FILTER_EQ ? RANK_VALUE : RANK_VALUES;

        if (is_indexable(&conds[c])) {
            offer(&best, &(struct handle){.rank = rank_at(conds[c].field, rank),
                                          .cond = &conds[c]});
        }
    }
    n = filter_literals(rules->list[i]->filter, literals);
    for (size_t l = 0; l < n; l++) {
        if (literals[l].len >= GRAMS_MIN) {
            offer(&best, &(struct handle){
                             .rank = rank_at(literals[l].field, RANK_PART),
                             .literal = &literals[l]});
        }
    }
    index_handle(rules, &best, i);
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

static int compare_numbers(const void *a_, const void *b_)
{
    const uint32_t *a = a_;
    const uint32_t *b = b_;

    return (*a > *b) - (*a < *b);
}

static void on_part(void *ctx, void *item)
{
    struct field *field = ctx;
    const struct list *list = item;

    for (size_t i = 0; i < list->n; i++) {
        list_add(&field->found, list->items[i]);
    }
}

/* The rules whose part stands in the text, each once. */
static void find_parts(struct run *run, struct field *field,
                       const struct doc_value *value)
{
    struct list *found = &field->found;
    size_t kept = 0;

    found->n = 0;
    grams_find(field->parts, value->u.s.text, value->u.s.len, on_part, field);
    if (found->n > 1) {
        qsort(found->items, found->n, sizeof found->items[0], compare_numbers);
    }
    for (size_t i = 0; i < found->n; i++) {
        if (kept == 0 || found->items[i] != found->items[kept - 1]) {
            found->items[kept++] = found->items[i];
        }
    }
    found->n = kept;
    add_list(run, found);
}

/* What the field's path leads to, as a filter walks it: what is not at the
 * top is looked for in extra. At a list on the way: the list. */
static bool walk(struct doc doc, const struct field *field,
                 struct doc_value *value)
{
    const char *segment = field->path;

    if (!doc_get(doc, segment, value) &&
        !doc_get(doc_sub(doc, "extra"), segment, value)) {
        return false;
    }
    for (size_t i = 1; i < field->n_segments && value->type == DOC_DOC; i++) {
        segment += strlen(segment) + 1;
        if (!doc_get(value->u.doc, segment, value)) {
            return false;
        }
    }
    return true;
}

/* The rules that could match the event as it is. */
static void look_up(struct run *run)
{
    struct rules *rules = run->rules;

    run->n_lists = 0;
    add_list(run, &rules->others);
    for (size_t i = 0; i < rules->n_fields; i++) {
        struct field *field = &rules->fields[i];
        struct doc_value value;

        if (!walk(run->doc, field, &value)) {
            continue;
        }
        if (value.type == DOC_ARRAY) {
            add_list(run, &field->all); /* any element may be the text */
        } else if (value.type == DOC_STRING) {
            add_list(run,
                     map_get(&field->by_value, value.u.s.text, value.u.s.len));
            if (field->parts != NULL) {
                find_parts(run, field, &value);
            }
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

/* By the time of receipt: a repeat has the same. */
static bool is_in_force(const struct rule *rule, const struct event *event)
{
    return rule->schedule == NULL ||
           week_covers(rule->schedule, event->received_ms);
}

/* Try one; true when it ends the run with *verdict. */
static bool try_rule(struct run *run, const struct rule *rule,
                     enum rule_result *result, enum rules_verdict *verdict,
                     struct errbuf *why)
{
    if (!is_in_force(rule, run->event) ||
        !filter_match(rule->filter, run->doc)) {
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
