/* SPDX-License-Identifier: Apache-2.0 */
/** Rules on alarms: the table of what a spec holds, and the choice. */
#include "common/rules/alarm_rules.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/filter/filter.h"
#include "common/rules/rules.h"

enum {
    DESCRIPTION_MAX = 2000,
    CHANGES_MAX = 1000,
    MS_PER_S = 1000
};

#define MONTH_MS (INT64_C(30) * 86400 * 1000)
#define YEAR_MS  (INT64_C(366) * 86400 * 1000)

/* The numbers have their bounds in common with the engine's options. */
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
     .help = "whose alarms it speaks of; empty: all"},
    {.name = "flapping_changes",
     .type = OBJECT_INT,
     .min = 2,
     .max = CHANGES_MAX,
     .help = "so many state changes within flapping_window are flapping"},
    {.name = "flapping_window",
     .type = OBJECT_DURATION,
     .min = MS_PER_S,
     .max = MONTH_MS,
     .help = "how far back state changes count for flapping"},
    {.name = "flapping_end",
     .type = OBJECT_INT,
     .min = 1,
     .max = CHANGES_MAX,
     .help = "flapping ends when the window holds fewer changes than this"},
    {.name = "stealthy_time",
     .type = OBJECT_DURATION,
     .max = MONTH_MS,
     .help = "a problem that ends sooner stays stealthy so long; 0: off"},
    {.name = "resolve_after",
     .type = OBJECT_DURATION,
     .max = YEAR_MS,
     .help = "an alarm that is OK is resolved so long after its last change"},
    {.name = "cancel_autosolve",
     .type = OBJECT_DURATION,
     .max = YEAR_MS,
     .help = "a cancelled alarm is resolved so long after the cancel and the "
             "last check that was not OK"},
    {.name = NULL}};

static const char *const number_names[ALARM_RULES_N] = {
    [ALARM_RULES_FLAPPING_CHANGES] = "flapping_changes",
    [ALARM_RULES_FLAPPING_WINDOW] = "flapping_window",
    [ALARM_RULES_FLAPPING_END] = "flapping_end",
    [ALARM_RULES_STEALTHY_TIME] = "stealthy_time",
    [ALARM_RULES_RESOLVE_AFTER] = "resolve_after",
    [ALARM_RULES_CANCEL_AUTOSOLVE] = "cancel_autosolve",
};

struct alarm_rule {
    char *name;
    int64_t priority;
    struct filter *filter;
    struct alarm_numbers numbers;
};

struct alarm_rule_set {
    struct alarm_rule *list;
    size_t n, cap;
};

static bool is_count(enum alarm_rules_number number)
{
    return number == ALARM_RULES_FLAPPING_CHANGES ||
           number == ALARM_RULES_FLAPPING_END;
}

/* spec has passed its table. -1: it does not say. */
static int64_t read_number(struct doc spec, enum alarm_rules_number number)
{
    struct doc_value value;
    int64_t ms = 0;

    if (!doc_get(spec, number_names[number], &value)) {
        return -1;
    }
    if (is_count(number)) {
        return value.u.i;
    }
    BUG_IF(!object_duration(&value, &ms));
    return ms;
}

static struct alarm_numbers read_numbers(struct doc spec)
{
    struct alarm_numbers numbers;

    for (size_t i = 0; i < ALARM_RULES_N; i++) {
        numbers.at[i] = read_number(spec, (enum alarm_rules_number)i);
    }
    return numbers;
}

static enum err check_spec(struct doc spec, struct errbuf *why)
{
    const struct alarm_numbers numbers = read_numbers(spec);
    int64_t changes = numbers.at[ALARM_RULES_FLAPPING_CHANGES];
    int64_t end = numbers.at[ALARM_RULES_FLAPPING_END];
    size_t said = 0;

    for (size_t i = 0; i < ALARM_RULES_N; i++) {
        said += numbers.at[i] >= 0;
    }
    if (said == 0) {
        errbuf_set(why, "says nothing: expected one of flapping_changes, "
                        "flapping_window, flapping_end, stealthy_time, "
                        "resolve_after, cancel_autosolve at least");
        return ERR_INVALID;
    }
    if (changes >= 0 && end > changes) {
        errbuf_set_field(why, "flapping_end",
                         "expected at most flapping_changes (%lld)",
                         (long long)changes);
        return ERR_INVALID;
    }
    return ERR_OK;
}

const struct object_kind alarm_rule_kind = {
    .name = "alarmrule",
    .help = "A rule on alarms: other numbers for flapping, stealthy and "
            "resolving than the site's, for the alarms that a filter matches.",
    .fields = spec_fields,
    .check = check_spec,
};

struct alarm_rule_set *alarm_rule_set_new(void)
{
    return xcalloc(1, sizeof(struct alarm_rule_set));
}

void alarm_rule_set_free(struct alarm_rule_set *set)
{
    if (set == NULL) {
        return;
    }
    for (size_t i = 0; i < set->n; i++) {
        filter_free(set->list[i].filter);
        free(set->list[i].name);
    }
    free(set->list);
    free(set);
}

static enum err read_filter(struct doc spec, struct filter **filter,
                            struct errbuf *why)
{
    struct doc_value value;

    *filter = NULL;
    if (!doc_get(spec, "filter", &value)) {
        return ERR_OK;
    }
    return value.type == DOC_DOC ? filter_from_doc(value.u.doc, filter, why)
                                 : filter_parse(value.u.s.text, filter, why);
}

enum err alarm_rule_set_add(struct alarm_rule_set *set, struct doc object,
                            struct errbuf *why)
{
    struct doc spec = doc_sub(object, "spec");
    struct filter *filter = NULL;
    enum err err = object_check(&alarm_rule_kind, object, why);

    if (err == ERR_OK) {
        err = read_filter(spec, &filter, why);
    }
    if (err != ERR_OK || !doc_bool(spec, "enabled", true)) {
        filter_free(filter);
        return err;
    }
    if (set->n == set->cap) {
        set->cap = 2 * set->cap + 16;
        set->list = xrealloc_array(set->list, set->cap, sizeof set->list[0]);
    }
    set->list[set->n++] = (struct alarm_rule){
        .name = xstrdup(doc_str(object, "name", "")),
        .priority = doc_i64(spec, "priority", RULES_PRIORITY_DEFAULT),
        .filter = filter,
        .numbers = read_numbers(spec)};
    return ERR_OK;
}

static int compare_rules(const void *a_, const void *b_)
{
    const struct alarm_rule *a = a_;
    const struct alarm_rule *b = b_;

    if (a->priority != b->priority) {
        return a->priority < b->priority ? -1 : 1;
    }
    return strcmp(a->name, b->name);
}

void alarm_rule_set_seal(struct alarm_rule_set *set)
{
    if (set->n > 0) {
        qsort(set->list, set->n, sizeof set->list[0], compare_rules);
    }
}

size_t alarm_rule_set_count(const struct alarm_rule_set *set)
{
    return set->n;
}

int64_t alarm_rule_set_most(const struct alarm_rule_set *set,
                            enum alarm_rules_number number)
{
    int64_t most = -1;

    for (size_t i = 0; i < set->n; i++) {
        int64_t value = set->list[i].numbers.at[number];

        most = value > most ? value : most;
    }
    return most;
}

struct alarm_numbers alarm_rule_set_choose(const struct alarm_rule_set *set,
                                           struct doc entity)
{
    struct alarm_numbers chosen;

    for (size_t n = 0; n < ALARM_RULES_N; n++) {
        chosen.at[n] = -1;
    }
    for (size_t i = 0; i < set->n; i++) {
        const struct alarm_rule *rule = &set->list[i];

        if (!filter_match(rule->filter, entity)) {
            continue;
        }
        for (size_t n = 0; n < ALARM_RULES_N; n++) {
            if (chosen.at[n] < 0) {
                chosen.at[n] = rule->numbers.at[n];
            }
        }
    }
    return chosen;
}
