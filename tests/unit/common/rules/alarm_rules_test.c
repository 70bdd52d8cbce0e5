/* SPDX-License-Identifier: Apache-2.0 */
/** Rules on alarms: which numbers are chosen, and what is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/rules/alarm_rules.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    RULES_OF_A_ROW = 3
};

#define NONE -1

struct choice_row {
    const char *name;
    const char *rules[RULES_OF_A_ROW]; /* specs; their names are r0, r1, ... */
    const char *entity;
    struct alarm_numbers want;
};

#define WEB                                                                    \
    "{\"component\":\"web1\",\"resource\":\"disk\",\"infos\":{\"site\":"       \
    "\"Paris\"},\"tags\":[\"prod\"]}"

static const struct choice_row choices[] = {
    {"no rule", {NULL}, WEB, {{NONE, NONE, NONE, NONE, NONE, NONE}}},
    {"all numbers",
     {"{\"flapping_changes\":4,\"flapping_window\":\"15m\",\"flapping_end\":2,"
      "\"stealthy_time\":60,\"resolve_after\":\"1h\",\"cancel_autosolve\":1."
      "5}"},
     WEB,
     {{4, 900000, 2, 60000, 3600000, 1500}}},
    {"not matched",
     {"{\"filter\":\"component=db1\",\"resolve_after\":5}"},
     WEB,
     {{NONE, NONE, NONE, NONE, NONE, NONE}}},
    {"by infos and tags, as JSON",
     {"{\"filter\":{\"infos.site\":\"Paris\",\"tags\":\"prod\"},"
      "\"resolve_after\":0}"},
     WEB,
     {{NONE, NONE, NONE, NONE, 0, NONE}}},
    {"off",
     {"{\"enabled\":false,\"resolve_after\":5}"},
     WEB,
     {{NONE, NONE, NONE, NONE, NONE, NONE}}},
    {"the first that says it, number by number",
     {"{\"priority\":20,\"resolve_after\":5,\"stealthy_time\":7}",
      "{\"priority\":10,\"resolve_after\":6}",
      "{\"priority\":30,\"stealthy_time\":8,\"flapping_changes\":3}"},
     WEB,
     {{3, NONE, NONE, 7000, 6000, NONE}}},
    {"equal priorities: by name",
     {"{\"resolve_after\":5}", "{\"resolve_after\":6}"},
     WEB,
     {{NONE, NONE, NONE, NONE, 5000, NONE}}},
};

static struct doc parse(struct doc_out *out, const char *json)
{
    struct errbuf why = {0};
    struct doc doc;

    if (doc_from_json(json, strlen(json), out, &doc, &why) != ERR_OK) {
        fail_msg("%s: %s", json, why.text);
    }
    return doc;
}

static enum err add(struct alarm_rule_set *set, const char *name,
                    const char *spec, struct errbuf *why)
{
    struct doc_out *out = doc_out_new();
    char text[1024];
    enum err err;

    (void)snprintf(text, sizeof text, "{\"name\":\"%s\",\"spec\":%s}", name,
                   spec);
    err = alarm_rule_set_add(set, parse(out, text), why);
    doc_out_free(out);
    return err;
}

static void check_choice(void **state)
{
    const struct choice_row *row = *state;
    struct alarm_rule_set *set = alarm_rule_set_new();
    struct doc_out *out = doc_out_new();
    struct errbuf why = {0};
    struct alarm_numbers got;

    for (int i = 0; i < RULES_OF_A_ROW && row->rules[i] != NULL; i++) {
        char name[8];

        (void)snprintf(name, sizeof name, "r%d", i);
        assert_int_equal(add(set, name, row->rules[i], &why), ERR_OK);
    }
    alarm_rule_set_seal(set);
    got = alarm_rule_set_choose(set, parse(out, row->entity));
    for (size_t i = 0; i < ALARM_RULES_N; i++) {
        assert_int_equal(got.at[i], row->want.at[i]);
    }
    doc_out_free(out);
    alarm_rule_set_free(set);
}

struct refused_row {
    const char *name;
    const char *spec;
    const char *field;
    const char *text;
};

static const struct refused_row refused[] = {
    {"says nothing", "{\"filter\":\"component=a\"}", "spec", "says nothing"},
    {"end above changes", "{\"flapping_changes\":3,\"flapping_end\":4}",
     "spec.flapping_end", "at most flapping_changes (3)"},
    {"one change", "{\"flapping_changes\":1}", "spec.flapping_changes",
     "from 2 to 1000"},
    {"changes as text", "{\"flapping_changes\":\"4\"}", "spec.flapping_changes",
     "a whole number"},
    {"no duration", "{\"resolve_after\":\"soon\"}", "spec.resolve_after",
     "a duration like"},
    {"a duration that is none", "{\"resolve_after\":true}",
     "spec.resolve_after", "seconds from 0 to 31622400"},
    {"below", "{\"flapping_window\":\"999ms\"}", "spec.flapping_window",
     "seconds from 1 to"},
    {"negative", "{\"resolve_after\":-1}", "spec.resolve_after", "from 0"},
    {"above", "{\"cancel_autosolve\":\"367d\"}", "spec.cancel_autosolve",
     "seconds from 0"},
    {"filter", "{\"filter\":\"state>\",\"resolve_after\":5}", "spec.filter",
     "column"},
    {"unknown", "{\"steps_max\":5}", "spec.steps_max", "there are: desc"},
    {"off but wrong", "{\"enabled\":false}", "spec", "says nothing"},
};

static void check_refused(void **state)
{
    const struct refused_row *row = *state;
    struct alarm_rule_set *set = alarm_rule_set_new();
    struct errbuf why = {0};

    assert_int_equal(add(set, "a", row->spec, &why), ERR_INVALID);
    assert_string_equal(why.field, row->field);
    if (strstr(why.text, row->text) == NULL) {
        fail_msg("%s: expected \"%s\"", why.text, row->text);
    }
    assert_int_equal(alarm_rule_set_count(set), 0);
    alarm_rule_set_free(set);
}

static void check_most(void **state)
{
    struct alarm_rule_set *set = alarm_rule_set_new();
    struct errbuf why = {0};

    (void)state;
    assert_int_equal(alarm_rule_set_most(set, ALARM_RULES_FLAPPING_WINDOW), -1);
    assert_int_equal(add(set, "a", "{\"flapping_window\":\"1m\"}", &why),
                     ERR_OK);
    assert_int_equal(add(set, "b", "{\"flapping_window\":\"2h\"}", &why),
                     ERR_OK);
    assert_int_equal(alarm_rule_set_most(set, ALARM_RULES_FLAPPING_WINDOW),
                     7200000);
    alarm_rule_set_free(set);
}

static void check_schema(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, 64 * 1024);
    object_add_schema(&alarm_rule_kind, &text);
    assert_non_null(strstr(buf_str(&text),
                           "\"resolve_after\":{\"type\":[\"number\","
                           "\"string\"]"));
    buf_fini(&text);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROWS(choices, check_choice),
        ROWS(refused, check_refused),
        ROW_SINGLE(check_most),
        ROW_SINGLE(check_schema),
    };

    return rows_run("alarm_rules", tables, N_ROWS(tables));
}
