/* SPDX-License-Identifier: Apache-2.0 */
/** Tests of a change of partitions as it is kept in files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "control/plan.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    ID = 42,
    TEXT_MAX = 4096,
    NUMBERS_MAX = 4
};

static struct conf *now_conf(const char *list, struct partitions *now)
{
    struct conf_part *part = xcalloc(1, sizeof *part);
    struct errbuf why;
    struct conf *conf;

    *part = (struct conf_part){partitions_options, now};
    conf = conf_new(part, 1);
    assert_int_equal(conf_set(conf, "partitions", "engines", list, &why),
                     ERR_OK);
    free(part);
    return conf;
}

struct plan_case {
    const char *name;
    const char *now;
    const char *numbers[NUMBERS_MAX];
    enum err err;
    const char *to; /* else what is said */
};

static const struct plan_case plans[] = {
    {"more", "", {"alarm=4"}, ERR_OK, "alarm*4"},
    {"more of several",
     "",
     {"alarm=4", "event-filter=2"},
     ERR_OK,
     "alarm*4, event-filter*2"},
    {"others keep theirs",
     "alarm*2, context*3",
     {"context=2"},
     ERR_OK,
     "alarm*2, context*2"},
    {"one again", "alarm*4", {"alarm=1"}, ERR_OK, ""},
    {"as in the file", "", {"alarm*4"}, ERR_OK, "alarm*4"},
    {"the same", "alarm*4", {"alarm=4"}, ERR_CONFLICT, "says so already"},
    {"no number", "", {"alarm"}, ERR_INVALID, "expected ENGINE=N"},
    {"none", "", {"alarm=0"}, ERR_INVALID, "N from 1 to 128"},
    {"too many", "", {"alarm=129"}, ERR_INVALID, "N from 1 to 128"},
    {"an entry", "", {"cleaner=2"}, ERR_INVALID, "behind the entry"},
    {"unknown", "", {"alarms=2"}, ERR_INVALID, "behind the entry"},
};

static size_t count(const struct plan_case *row)
{
    size_t n = 0;

    while (n < NUMBERS_MAX && row->numbers[n] != NULL) {
        n++;
    }
    return n;
}

static void check_plan(void **state)
{
    const struct plan_case *row = *state;
    struct partitions now = {{0}};
    struct conf *conf = now_conf(row->now, &now);
    struct errbuf why = {{0}, {0}};
    struct plan plan;
    struct buf to;

    buf_init(&to, TEXT_MAX);
    assert_int_equal(plan_make(&now, row->numbers, count(row), ID, &plan, &why),
                     row->err);
    if (row->err == ERR_OK) {
        plan_list(&plan.to, &to);
        assert_string_equal(buf_str(&to), row->to);
        assert_true(plan_is_for(&plan, row->numbers, count(row)));
        assert_true(plan_is_for(&plan, NULL, 0));
    } else if (strstr(why.text, row->to) == NULL) {
        fail_msg("\"%s\": expected \"%s\" in it", why.text, row->to);
    }
    buf_fini(&to);
    plan_close(&plan);
    conf_free(conf);
}

static void a_plan_is_read_as_it_was_written(void **state)
{
    static const char *const numbers[] = {"alarm=4", "context=1"};
    static const char *const others[] = {"alarm=3"};
    char var[] = "/tmp/hyp-plan.XXXXXX";
    char lib[sizeof var + 8];
    struct partitions now = {{0}};
    struct conf *conf = now_conf("context*2", &now);
    struct errbuf why = {{0}, {0}};
    struct plan plan;

    (void)state;
    assert_non_null(mkdtemp(var));
    (void)snprintf(lib, sizeof lib, "%s/lib", var);
    assert_int_equal(mkdir(lib, 0700), 0);
    assert_int_equal(plan_read(var, &plan, &why), ERR_NOT_FOUND);
    plan_close(&plan);
    assert_int_equal(plan_make(&now, numbers, 2, ID, &plan, &why), ERR_OK);
    plan.phase = PLAN_SETTLE;
    assert_int_equal(plan_write(var, &plan, &why), ERR_OK);
    plan_close(&plan);
    assert_int_equal(plan_read(var, &plan, &why), ERR_OK);
    assert_int_equal(plan.id, ID);
    assert_int_equal(plan.phase, PLAN_SETTLE);
    assert_int_equal(partitions_of(&plan.from, "context"), 2);
    assert_int_equal(partitions_of(&plan.to, "context"), 1);
    assert_int_equal(partitions_of(&plan.to, "alarm"), 4);
    assert_false(plan_is_for(&plan, others, 1));
    plan_close(&plan);
    assert_int_equal(plan_remove(var, &why), ERR_OK);
    assert_int_equal(plan_remove(var, &why), ERR_OK);
    assert_int_equal(rmdir(lib), 0);
    assert_int_equal(rmdir(var), 0);
    conf_free(conf);
}

struct text_case {
    const char *name;
    const char *before;
    const char *list;
    const char *after;
};

static const struct text_case texts[] = {
    {"replaced", "# mine\n[partitions]\nengines = alarm*2\n# end\n", "alarm*4",
     "# mine\n[partitions]\nengines = alarm*4\n# end\n"},
    {"emptied", "[partitions]\n engines=alarm*2\n", "",
     "[partitions]\nengines = \n"},
    {"comments stay", "# engines = alarm*9\n[partitions]\nengines =\n",
     "alarm*4", "# engines = alarm*9\n[partitions]\nengines = alarm*4\n"},
    {"no key", "# nothing\n", "alarm*4",
     "# nothing\n[partitions]\nengines = alarm*4\n"},
    {"no end of line", "[partitions]\nengines = alarm*2", "alarm*4",
     "[partitions]\nengines = alarm*4\n"},
};

static void check_text(void **state)
{
    const struct text_case *row = *state;
    char path[] = "/tmp/hyp-plan.XXXXXX";
    struct errbuf why;
    struct buf text;

    buf_init(&text, TEXT_MAX);
    (void)close(mkstemp(path));
    assert_int_equal(
        file_replace(path, row->before, strlen(row->before), 0600, &why),
        ERR_OK);
    assert_int_equal(plan_write_partitions(path, row->list, &why), ERR_OK);
    assert_int_equal(file_read(path, &text, &why), ERR_OK);
    assert_string_equal(buf_str(&text), row->after);
    (void)unlink(path);
    assert_int_equal(plan_write_partitions(path, row->list, &why), ERR_OK);
    (void)unlink(path);
    buf_fini(&text);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROWS(plans, check_plan),
        ROWS(texts, check_text),
        ROW_SINGLE(a_plan_is_read_as_it_was_written),
    };

    return rows_run("plan", tables, N_ROWS(tables));
}
