/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The rules of the event filter: which events they speak of and what they do
 * with them. Pure: same rules and event, same result. docs/engines/
 * event-filter.md says what each action means.
 */
#ifndef HYP_RULES_RULES_H
#define HYP_RULES_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "common/event/event.h"
#include "common/object/object.h"

enum {
    RULES_ACTIONS_MAX = 50,       /**< of one rule */
    RULES_PRIORITY_MAX = 1000000, /**< lowest first */
    RULES_PRIORITY_DEFAULT = 100,
    RULES_DOC_BYTES_MAX = 64 * 1024 /**< that tags, infos, ... grow to */
};

/** Kind "eventfilter": its objects are the rules. */
extern const struct object_kind rule_kind;

/** What became of an event at one rule. */
enum rule_result {
    RULE_NO_MATCH,
    RULE_APPLIED,
    RULE_DROPPED, /**< it ends here */
    RULE_FAILED   /**< nothing of the rule's is done; on_failure decides */
};

enum rules_verdict {
    RULES_PASS,
    RULES_DROP,
    RULES_DEAD /**< why names the rule and what failed */
};

/** What names in templates are of an event (the ctx): "event.component",
 *  "event.infos.site"; as template_source has it. */
bool rules_template_get(void *event, const char *path, struct doc_value *value);
/** Whether events have such a name whoever sends them. */
bool rules_template_knows(const char *path);

struct rules;
struct tables;

/** Told of each rule that was tried, in order. */
struct rules_watch {
    void *ctx;
    void (*tried)(void *ctx, size_t rule, enum rule_result result,
                  const struct errbuf *why);
};

struct rules *rules_new(void);
void rules_free(struct rules *rules);
/** Add a rule from its object {name, spec}, which is copied. A rule that is
 *  not enabled is passed over. ERR_INVALID with the path in why. */
MUST_CHECK enum err rules_add(struct rules *rules, struct doc object,
                              struct errbuf *why);
/** All are in: put them in order and index them. */
void rules_seal(struct rules *rules);
/** The tables (borrowed until the next call; NULL: none) that values are
 *  looked up in from now on. */
void rules_set_tables(struct rules *rules, const struct tables *tables);
/** Number of (enabled) rules; rule i's name. In order once sealed. */
size_t rules_count(const struct rules *rules);
const char *rules_name(const struct rules *rules, size_t i);

/** An event on its way, and what a run made of it. */
struct rules_event {
    struct doc doc;     /**< as event_from_doc read event from */
    struct event event; /**< in and out; what is changed lives until the next
                             run */
    bool pass;          /**< the verdict when no rule decides */
    bool changed;       /**< out: whether event is another now */
};

/** Let an event pass all rules. watch may be NULL. */
enum rules_verdict rules_run(struct rules *rules, struct rules_event *event,
                             const struct rules_watch *watch,
                             struct errbuf *why);

#endif
