/* SPDX-License-Identifier: Apache-2.0 */
/** The numbers that hold for each entity: the site's, or those of rules. */
#include "engines/alarm/alarm_numbers.h"

#include <stdlib.h>

#include "common/base/mem.h"
#include "engines/alarm/alarm_row.h"

/* The numbers as some alarms have them; many share one. */
struct form {
    struct alarm_numbers said; /* the key */
    struct alarm_rules rules;
};

void alarm_numbers_init(struct alarm_numbers_book *book,
                        const struct alarm_rules *site)
{
    *book = (struct alarm_numbers_book){.site = site, .out = doc_out_new()};
}

static void drop_forms(struct alarm_numbers_book *book)
{
    struct map_slot slot;
    size_t at = 0;

    while (map_next(&book->forms, &at, &slot)) {
        free(slot.value);
    }
    map_fini(&book->forms);
    map_init(&book->forms);
}

void alarm_numbers_fini(struct alarm_numbers_book *book)
{
    drop_forms(book);
    map_fini(&book->forms);
    alarm_rule_set_free(book->rules);
    doc_out_free(book->out);
    *book = (struct alarm_numbers_book){.site = book->site};
}

void alarm_numbers_use(struct alarm_numbers_book *book,
                       struct alarm_rule_set *rules)
{
    drop_forms(book);
    alarm_rule_set_free(book->rules);
    book->rules = rules;
}

static void say(int64_t *number, const struct alarm_numbers *said,
                enum alarm_rules_number which)
{
    if (said->at[which] >= 0) {
        *number = said->at[which];
    }
}

/* Two rules, or a rule and the site, may say an end above the begin. */
static void fill(const struct alarm_numbers_book *book, struct form *form)
{
    const struct alarm_numbers *said = &form->said;
    struct alarm_rules *rules = &form->rules;

    *rules = *book->site;
    say(&rules->flapping_changes, said, ALARM_RULES_FLAPPING_CHANGES);
    say(&rules->flapping_window, said, ALARM_RULES_FLAPPING_WINDOW);
    say(&rules->flapping_end, said, ALARM_RULES_FLAPPING_END);
    say(&rules->stealthy_time, said, ALARM_RULES_STEALTHY_TIME);
    say(&rules->resolve_after, said, ALARM_RULES_RESOLVE_AFTER);
    say(&rules->cancel_autosolve, said, ALARM_RULES_CANCEL_AUTOSOLVE);
    if (rules->flapping_end > rules->flapping_changes) {
        rules->flapping_end = rules->flapping_changes;
    }
    /* Without an alarm it is not known which window will be asked for. */
    rules->remember =
        alarm_rule_set_most(book->rules, ALARM_RULES_FLAPPING_WINDOW);
}

void alarm_numbers_renew(struct alarm_numbers_book *book)
{
    struct map_slot slot;
    size_t at = 0;

    while (map_next(&book->forms, &at, &slot)) {
        fill(book, slot.value);
    }
}

static const struct alarm_rules *form_of(struct alarm_numbers_book *book,
                                         const struct alarm_numbers *said)
{
    struct form *form = map_get(&book->forms, (const char *)said, sizeof *said);

    if (form == NULL) {
        form = xcalloc(1, sizeof *form);
        form->said = *said;
        fill(book, form);
        (void)map_put(&book->forms, (const char *)&form->said,
                      sizeof form->said, form);
    }
    return &form->rules;
}

void alarm_numbers_choose(struct alarm_numbers_book *book,
                          struct alarm_entity *entity, struct doc facts)
{
    struct alarm_numbers said;

    if (book->rules == NULL || alarm_rule_set_count(book->rules) == 0) {
        entity->rules = NULL;
        return;
    }
    said = alarm_rule_set_choose(book->rules,
                                 alarm_row_source(entity, facts, book->out));
    entity->rules = form_of(book, &said);
}

void alarm_numbers_settle(struct alarm_numbers_book *book,
                          struct alarm_entity *entity)
{
    const struct alarm *alarm = entity->alarm;
    struct doc facts = {NULL, 0};

    if (alarm != NULL) {
        facts = (struct doc){alarm->facts, alarm->facts_len};
    }
    alarm_numbers_choose(book, entity, facts);
}
