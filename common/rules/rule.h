/* SPDX-License-Identifier: Apache-2.0 */
/** One rule: shared by the parts of this folder only. */
#ifndef HYP_RULES_RULE_H
#define HYP_RULES_RULE_H

#include "common/calendar/week.h"
#include "common/filter/filter.h"
#include "common/filter/regex.h"
#include "common/rules/rules.h"
#include "common/rules/tables.h"
#include "common/template/template.h"

enum action_type {
    ACTION_PASS,
    ACTION_DROP,
    /* from here on they change the event */
    ACTION_SET,
    ACTION_COPY,
    ACTION_REMOVE,
    ACTION_ADD_TAG,
    ACTION_REMOVE_TAG,
    ACTION_TEMPLATE,
    ACTION_EXTRACT,
    ACTION_LOOKUP
};

/* A group of a pattern, and the field that is set to it. */
struct extract {
    size_t group;
    char *field;
};

struct action {
    enum action_type type;
    const char *field;      /* what is changed; a tag's action: the tag */
    const char *from;       /* ACTION_COPY, ACTION_EXTRACT, ACTION_LOOKUP */
    struct doc_value value; /* ACTION_SET; ACTION_LOOKUP: the default */
    struct template *tmpl;  /* ACTION_TEMPLATE */
    struct regex *regex;    /* ACTION_EXTRACT */
    struct extract *extracts;
    size_t n_extracts;
    const char *table;  /* ACTION_LOOKUP */
    const char *column; /* NULL: all, into the document field */
    bool required;
    char *own; /* of field, where the spec does not have it as it is */
};

enum on_failure {
    ON_FAILURE_PASS,
    ON_FAILURE_DROP,
    ON_FAILURE_DEAD
};

struct rule {
    char *name;
    void *storage; /* the spec; actions borrow from it */
    int64_t priority;
    struct filter *filter;
    struct week *schedule; /* when it is in force; NULL: always */
    struct action *actions;
    size_t n_actions;
    bool last; /* break */
    enum on_failure on_failure;
};

/* What changed parts of an event live in until the next run. */
struct rule_scratch {
    void **blocks;
    size_t n_blocks, cap_blocks;
    struct doc_out *out;
    struct buf text;
    const struct tables *tables; /* what there is to look up; NULL: nothing */
};

void rule_scratch_init(struct rule_scratch *scratch);
void rule_scratch_fini(struct rule_scratch *scratch);
/* Forget what the last run changed. */
void rule_scratch_clear(struct rule_scratch *scratch);

/* Compile; gives *out, NULL for a rule that is not enabled. */
MUST_CHECK enum err rule_new(const char *name, struct doc spec,
                             struct rule **out, struct errbuf *why);
void rule_free(struct rule *rule);

/* The forms of an action, in a rule's field table. */
extern const struct object_variant action_variants[];

/* Read one from its document, which it borrows from. ERR_INVALID with the
 * member in why. action_fini all the same. */
MUST_CHECK enum err action_read(struct doc doc, struct action *action,
                                struct errbuf *why);
void action_fini(struct action *action);

/* Whether there is such a field to be set: ERR_INVALID, told of member. */
MUST_CHECK enum err action_check_target(const char *field, const char *member,
                                        struct errbuf *why);
/* Whether the action could ever work: ERR_INVALID with the member in why. */
MUST_CHECK enum err action_check(const struct action *action,
                                 struct rule_scratch *scratch,
                                 struct errbuf *why);
/* Do it. ERR_INVALID: it does not work on this event. */
MUST_CHECK enum err action_apply(const struct action *action,
                                 struct rule_scratch *scratch,
                                 struct event *event, struct errbuf *why);
/* After the actions of a rule: names and ids again from the parts. before is
 * the event as it was. ERR_INVALID: it would be no event any more. */
MUST_CHECK enum err action_settle(struct rule_scratch *scratch,
                                  const struct event *before,
                                  struct event *event, struct errbuf *why);

#endif
