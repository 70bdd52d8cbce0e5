/* SPDX-License-Identifier: Apache-2.0 */
/** partitions.conf: what it takes, and what becomes of names by it. */
#include <stdio.h>
#include <string.h>

#include "common/bus/partitions.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    TEXT_MAX = 400
};

struct lists {
    struct partitions partitions;
    struct conf_list names;
};

static const struct conf_option names_options[] = {
    {.section = "test",
     .key = "names",
     .type = CONF_LIST,
     .offset = offsetof(struct lists, names)},
    {0}};

/* Both lists, owned by the configuration. */
static struct conf *read_lists(struct lists *lists, const char *engines,
                               const char *names)
{
    const struct conf_part parts[] = {{partitions_options, &lists->partitions},
                                      {names_options, lists}};
    struct conf *conf;

    *lists = (struct lists){.names = {NULL, 0}};
    conf = conf_new(parts, 2);
    assert_int_equal(conf_set(conf, "partitions", "engines", engines, NULL),
                     ERR_OK);
    assert_int_equal(conf_set(conf, "test", "names", names, NULL), ERR_OK);
    return conf;
}

static const struct checked {
    const char *name;
    const char *engines;
    const char *why; /* NULL: good */
} lists_checked[] = {
    {"none", "", NULL},
    {"one", "alarm*4", NULL},
    {"the most", "alarm*256, event-filter*1", NULL},
    {"no number", "alarm", "\"alarm\": expected engine*N"},
    {"no name", "*4", "\"*4\": expected engine*N"},
    {"zero", "alarm*0", "expected engine*N, N from 1 to 256"},
    {"too many", "alarm*257", "expected engine*N"},
    {"a word", "alarm*x", "expected engine*N"},
    {"twice", "alarm*2, context*2, alarm*4", "alarm stands there twice"},
};

static void check_list(void **state)
{
    const struct checked *row = *state;
    struct lists lists;
    struct conf *conf = read_lists(&lists, row->engines, "");
    struct errbuf why = {{0}, {0}};
    enum err err = partitions_check(&lists.partitions, &why);

    assert_int_equal(err, row->why != NULL ? ERR_INVALID : ERR_OK);
    if (row->why != NULL && strstr(why.text, row->why) == NULL) {
        fail_msg("%s: %s", row->name, why.text);
    }
    conf_free(conf);
}

typedef void change_fn(const struct partitions *partitions,
                       struct conf_list *list);

static const struct changed {
    const char *name;
    change_fn *change;
    const char *engines;
    const char *names;
    const char *want;
} changes[] = {
    {"spell none", partitions_spell, "", "alarm, context", "alarm context "},
    {"spell", partitions_spell, "alarm*4, perfdata*2, context*1",
     "context, alarm, alarm*3, alarms, perfdata",
     "context alarm*4 alarm*3 alarms perfdata*2 "},
    {"spread none", partitions_spread, "", "engine-alarm", "engine-alarm "},
    {"spread", partitions_spread, "alarm*3, context*1",
     "epmd, engine-context, engine-alarm, alarm, engine-alarm.9, webserver",
     "epmd engine-context engine-alarm.0 engine-alarm.1 engine-alarm.2 alarm "
     "engine-alarm.9 webserver "},
    {"spread nothing", partitions_spread, "alarm*3", "", ""},
};

static void check_change(void **state)
{
    const struct changed *row = *state;
    struct lists lists;
    struct conf *conf = read_lists(&lists, row->engines, row->names);
    char got[TEXT_MAX] = "";
    size_t len = 0;

    row->change(&lists.partitions, &lists.names);
    for (size_t i = 0; i < lists.names.n; i++) {
        len += (size_t)snprintf(got + len, sizeof got - len, "%s ",
                                lists.names.items[i]);
    }
    assert_string_equal(got, row->want);
    conf_free(conf);
}

static void test_numbers(void **state)
{
    struct lists lists;
    struct conf *conf = read_lists(&lists, "alarm*4, context*1", "");

    (void)state;
    assert_int_equal(partitions_of(&lists.partitions, "alarm"), 4);
    assert_int_equal(partitions_of(&lists.partitions, "context"), 1);
    assert_int_equal(partitions_of(&lists.partitions, "perfdata"), 1);
    assert_int_equal(partitions_of(&lists.partitions, "alar"), 1);
    conf_free(conf);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROWS(lists_checked, check_list),
        ROWS(changes, check_change),
        ROW_SINGLE(test_numbers),
    };

    return rows_run("partitions", tables, N_ROWS(tables));
}
