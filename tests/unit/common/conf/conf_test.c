/* SPDX-License-Identifier: Apache-2.0 */
/** Option tables: values of every type, refusals, overrides, printing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/conf/conf.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

struct values {
    char *text;
    bool flag;
    int64_t count;
    int64_t wait_ms;
    int64_t room;
    struct conf_list list;
    struct conf_list hosts;
    int64_t mode;
    char *path;
    char *secret;
    int64_t other;
};

static const char *const modes[] = {"fast", "safe", NULL};

static const struct conf_option options[] = {
    {"main", "text", CONF_STRING, offsetof(struct values, text), "hello", 0, 8,
     NULL, NULL, .help = "A text."},
    {"main", "flag", CONF_BOOL, offsetof(struct values, flag), "yes", 0, 0,
     NULL, NULL, .help = "A switch."},
    {"main", "count", CONF_INT, offsetof(struct values, count), "7", 1, 1000,
     "events", NULL, .help = "A number."},
    {"main", "wait", CONF_DURATION, offsetof(struct values, wait_ms), "90s",
     1000, 3600000, NULL, NULL, .help = "A duration."},
    {"main", "room", CONF_SIZE, offsetof(struct values, room), "64K", 1024,
     1073741824, NULL, NULL, .help = "A size."},
    {"main", "list", CONF_LIST, offsetof(struct values, list), "a, b", 0, 3,
     NULL, NULL, .help = "Some names."},
    {"main", "hosts", CONF_HOSTS, offsetof(struct values, hosts), "", 0, 0,
     NULL, NULL, .help = "Some servers."},
    {"main", "mode", CONF_CHOICE, offsetof(struct values, mode), "safe", 0, 0,
     NULL, modes, .help = "How to go about it."},
    {"files", "path", CONF_PATH, offsetof(struct values, path), "data", 0, 0,
     NULL, NULL, .help = "Where it lies."},
    {"files", "secret", CONF_SECRET, offsetof(struct values, secret), NULL, 0,
     0, NULL, NULL, .help = "The key."},
    {"files", "other-key.x", CONF_INT, offsetof(struct values, other), NULL, 0,
     0, NULL, NULL, .help = "Any number."},
    {0},
};

struct fixture {
    char folder[64];
    struct values values;
    struct conf *conf;
};

static void begin(struct fixture *f)
{
    struct conf_part part = {options, NULL};

    memset(f, 0, sizeof *f);
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/hyp-conf-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    part.values = &f->values;
    f->conf = conf_new(&part, 1);
}

static void remove_file(const struct fixture *f, const char *name)
{
    char *path = xasprintf("%s/%s", f->folder, name);

    (void)unlink(path);
    free(path);
}

static void end(struct fixture *f)
{
    static const char *const names[] = {"a.conf", "key", NULL};

    conf_free(f->conf);
    for (size_t i = 0; names[i] != NULL; i++) {
        remove_file(f, names[i]);
    }
    assert_int_equal(rmdir(f->folder), 0);
}

static char *write_file(const struct fixture *f, const char *name,
                        const char *text, mode_t mode)
{
    char *path = xasprintf("%s/%s", f->folder, name);

    assert_int_equal(file_replace(path, text, strlen(text), mode, NULL),
                     ERR_OK);
    return path;
}

/* --- values ----------------------------------------------------------------
 */

struct value_case {
    const char *name;
    const char *key; /* of [main] */
    const char *value;
    const char *want; /* how --print-config shows it */
};

static const struct value_case accepted[] = {
    {"text", "text", "abc", "abc"},
    {"text empty", "text", "", ""},
    {"text longest", "text", "12345678", "12345678"},
    {"text quoted when printed", "text", " # \"", "\" # \\\"\""},
    {"flag no", "flag", "no", "no"},
    {"flag On", "flag", "On", "yes"},
    {"flag 0", "flag", "0", "no"},
    {"flag TRUE", "flag", "TRUE", "yes"},
    {"count least", "count", "1", "1"},
    {"count most", "count", "1000", "1000"},
    {"wait plain seconds", "wait", "5", "5s"},
    {"wait ms", "wait", "1500ms", "1500ms"},
    {"wait whole minutes", "wait", "120s", "2m"},
    {"wait an hour", "wait", "60m", "1h"},
    {"room bytes", "room", "1025", "1025"},
    {"room k", "room", "2k", "2K"},
    {"room M", "room", "8M", "8M"},
    {"room G", "room", "1G", "1G"},
    {"list empty", "list", "", ""},
    {"list one", "list", " x ", "x"},
    {"list three", "list", "x,y , z", "x, y, z"},
    {"hosts", "hosts", "a, b:5673, [::1]:1", "a, b:5673, [::1]:1"},
    {"mode", "mode", "fast", "fast"},
};

static const struct value_case refused[] = {
    {"text too long", "text", "123456789",
     "text: \"123456789\" is too long; expected text of 0 to 8 bytes"},
    {"flag", "flag", "maybe",
     "flag: \"maybe\" is neither yes nor no; expected yes or no"},
    {"count word", "count", "many",
     "count: \"many\" is not a whole number; expected a whole number from 1 to "
     "1000 (events)"},
    {"count fraction", "count", "1.5",
     "count: \"1.5\" is not a whole number; expected a whole number from 1 to "
     "1000 (events)"},
    {"count empty", "count", "",
     "count: \"\" is not a whole number; expected a whole number from 1 to "
     "1000 (events)"},
    {"count low", "count", "0",
     "count: \"0\" is out of range; expected a whole number from 1 to 1000 "
     "(events)"},
    {"count high", "count", "1001",
     "count: \"1001\" is out of range; expected a whole number from 1 to 1000 "
     "(events)"},
    {"count huge", "count", "99999999999999999999",
     "count: \"99999999999999999999\" is out of range; expected a whole "
     "number from 1 to 1000 (events)"},
    {"wait unit", "wait", "5y",
     "wait: \"5y\" is not a duration; expected a duration such as 500ms, 90s, "
     "15m, 3h, 2d from 1s to 1h"},
    {"wait negative", "wait", "-5s",
     "wait: \"-5s\" is not a duration; expected a duration such as 500ms, "
     "90s, 15m, 3h, 2d from 1s to 1h"},
    {"wait long", "wait", "2h",
     "wait: \"2h\" is out of range; expected a duration such as 500ms, 90s, "
     "15m, 3h, 2d from 1s to 1h"},
    {"room unit", "room", "5X",
     "room: \"5X\" is not a size; expected a size in bytes such as 64K, 8M, "
     "1G from 1K to 1G"},
    {"room overflow", "room", "9999999999999999G",
     "room: \"9999999999999999G\" is not a size; expected a size in bytes "
     "such as 64K, 8M, 1G from 1K to 1G"},
    {"list hole", "list", "a,,b",
     "list: \"a,,b\" has an empty item or too many; expected a list separated "
     "by commas of 0 to 3 items"},
    {"list long", "list", "a,b,c,d",
     "list: 4 items; expected a list separated by commas of 0 to 3 items"},
    {"hosts port", "hosts", "a, b:x",
     "hosts: \"b:x\" is no server; expected servers separated by commas, each "
     "host or host:port"},
    {"mode", "mode", "quick",
     "mode: \"quick\" is not known; expected one of fast, safe"},
    {"unknown key, near", "cuont", "1",
     "cuont: unknown key, did you mean \"count\"?; expected text, flag, "
     "count, wait, room, list, hosts, mode"},
    {"unknown key, far", "zzzzzz", "1",
     "zzzzzz: unknown key; expected text, flag, count, wait, room, list, "
     "hosts, mode"},
};

static void print_value(const struct fixture *f, const char *key,
                        struct buf *out)
{
    struct buf text;
    char *start = xasprintf("\n%s = ", key);
    const char *at;

    buf_init(&text, CONF_TEXT_MAX);
    conf_print(f->conf, &text);
    at = strstr(buf_str(&text), start);
    assert_non_null(at);
    at += strlen(start);
    buf_add(out, at, (size_t)(strstr(at, "  # ") - at));
    buf_fini(&text);
    free(start);
}

static void check_accepted(void **state)
{
    const struct value_case *row = *state;
    struct fixture f;
    struct errbuf why = {0};
    struct buf out;

    begin(&f);
    buf_init(&out, CONF_TEXT_MAX);
    assert_int_equal(conf_set(f.conf, "main", row->key, row->value, &why),
                     ERR_OK);
    print_value(&f, row->key, &out);
    assert_string_equal(buf_str(&out), row->want);
    buf_fini(&out);
    end(&f);
}

static void check_refused(void **state)
{
    const struct value_case *row = *state;
    struct fixture f;
    struct errbuf why = {0};
    struct buf before;
    struct buf after;

    begin(&f);
    buf_init(&before, CONF_TEXT_MAX);
    buf_init(&after, CONF_TEXT_MAX);
    conf_print(f.conf, &before);
    assert_int_equal(conf_set(f.conf, "main", row->key, row->value, &why),
                     ERR_INVALID);
    assert_string_equal(why.text, row->want);
    assert_string_equal(why.field, row->key);
    conf_print(f.conf, &after);
    assert_string_equal(buf_str(&before), buf_str(&after));
    buf_fini(&before);
    buf_fini(&after);
    end(&f);
}

static void has_defaults(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    assert_string_equal(f.values.text, "hello");
    assert_true(f.values.flag);
    assert_int_equal(f.values.count, 7);
    assert_int_equal(f.values.wait_ms, 90000);
    assert_int_equal(f.values.room, 65536);
    assert_int_equal(f.values.list.n, 2);
    assert_string_equal(f.values.list.items[1], "b");
    assert_int_equal(f.values.mode, 1);
    assert_string_equal(f.values.path, "data");
    assert_string_equal(f.values.secret, "");
    assert_int_equal(f.values.other, 0);
    end(&f);
}

/* --- files ------------------------------------------------------------------
 */

struct file_case {
    const char *name;
    const char *text;
    const char *want; /* behind FOLDER/a.conf: */
};

static const struct file_case bad_files[] = {
    {"value", "[main]\n\ncount = x\n",
     "3: count: \"x\" is not a whole number; expected a whole number from 1 to "
     "1000 (events)"},
    {"unknown section, near", "[mian]\n",
     "1: [mian]: unknown section, did you mean \"main\"?; expected main, "
     "files"},
    {"unknown section, far", "[else]\ncount = 1\n",
     "1: [else]: unknown section; expected main, files"},
    {"unknown key", "[files]\nsecert = x\n",
     "2: secert: unknown key, did you mean \"secret\"?; expected path, "
     "secret, other-key.x"},
    {"section of another file", "[main]\n[files]\n",
     "2: [files]: this section belongs in another file; expected [main]"},
};

static void check_bad_file(void **state)
{
    static const char *const only_main[] = {"main", NULL};
    const struct file_case *row = *state;
    bool other = strcmp(row->name, "section of another file") == 0;
    struct fixture f;
    struct errbuf why = {0};
    char *path;
    char *want;

    begin(&f);
    path = write_file(&f, "a.conf", row->text, 0600);
    want = xasprintf("%s:%s", path, row->want);
    assert_int_equal(
        conf_read_sections(f.conf, path, other ? only_main : NULL, &why),
        ERR_INVALID);
    assert_string_equal(why.text, want);
    free(want);
    free(path);
    end(&f);
}

static void reads_a_file(void **state)
{
    struct fixture f;
    struct errbuf why = {0};
    char *path;
    char *want;

    (void)state;
    begin(&f);
    path = write_file(&f, "a.conf",
                      "[main]\ncount = 9\nlist = \"x\", y # two\n[files]\n"
                      "path = sub/x\nother-key.x = -3\n",
                      0600);
    assert_int_equal(conf_read_file(f.conf, path, &why), ERR_INVALID);
    free(path);
    path = write_file(&f, "a.conf",
                      "[main]\ncount = 9\nlist = x, y # two\n[files]\n"
                      "path = sub/x\nother-key.x = -3\n",
                      0600);
    assert_int_equal(conf_read_file(f.conf, path, &why), ERR_OK);
    assert_int_equal(f.values.count, 9);
    assert_int_equal(f.values.list.n, 2);
    assert_int_equal(f.values.other, -3);
    want = xasprintf("%s/sub/x", f.folder);
    assert_string_equal(f.values.path, want);
    /* The same file again is no repetition, and a reload works. */
    assert_int_equal(conf_read_file(f.conf, path, &why), ERR_OK);
    free(want);
    free(path);
    end(&f);
}

static void refuses_a_key_twice(void **state)
{
    struct fixture f;
    struct errbuf why = {0};
    char *path;
    char *want;

    (void)state;
    begin(&f);
    path = write_file(&f, "a.conf", "[main]\ncount = 9\ncount = 9\n", 0600);
    want = xasprintf("%s:3: count: set twice, first in %s:2; expected once",
                     path, path);
    assert_int_equal(conf_read_file(f.conf, path, &why), ERR_INVALID);
    assert_string_equal(why.text, want);
    free(want);
    free(path);
    end(&f);
}

static void tells_a_missing_file(void **state)
{
    struct fixture f;
    struct errbuf why = {0};

    (void)state;
    begin(&f);
    assert_int_equal(conf_read_file(f.conf, "/nonexistent/x.conf", &why),
                     ERR_NOT_FOUND);
    assert_int_equal(conf_read_file(f.conf, f.folder, &why), ERR_UNAVAILABLE);
    end(&f);
}

/* --- secrets ----------------------------------------------------------------
 */

static void reads_secrets(void **state)
{
    struct fixture f;
    struct errbuf why = {0};
    struct buf out;
    char *key;
    char *path;

    (void)state;
    begin(&f);
    key = write_file(&f, "key", "s3cret # it\nsecond line\n", 0600);
    path = write_file(&f, "a.conf", "[files]\nsecret = key\n", 0644);
    assert_int_equal(conf_read_file(f.conf, path, &why), ERR_OK);
    assert_string_equal(f.values.secret, "s3cret # it");
    buf_init(&out, CONF_TEXT_MAX);
    conf_print(f.conf, &out);
    assert_null(strstr(buf_str(&out), "s3cret"));
    assert_non_null(strstr(buf_str(&out), "secret = (set)"));
    buf_fini(&out);
    free(key);
    key = write_file(&f, "key", "s3cret\n", 0644);
    assert_int_equal(conf_read_file(f.conf, path, &why), ERR_INVALID);
    assert_non_null(strstr(why.text, "a.conf:2: secret: "));
    assert_non_null(strstr(why.text, "may be read by everybody"));
    free(key);
    key = write_file(&f, "key", "\nsecond\n", 0600);
    assert_int_equal(conf_read_file(f.conf, path, &why), ERR_INVALID);
    assert_non_null(strstr(why.text, "is empty or longer"));
    assert_int_equal(unlink(key), 0);
    assert_int_equal(conf_read_file(f.conf, path, &why), ERR_INVALID);
    assert_non_null(strstr(why.text, "cannot be opened"));
    assert_string_equal(f.values.secret, "s3cret # it");
    free(key);
    free(path);
    end(&f);
}

struct late_values {
    char *needed;
    char *secret;
};

static const struct conf_option late[] = {
    {"late", "needed", CONF_STRING, offsetof(struct late_values, needed), NULL,
     1, 20, NULL, NULL, .help = "Must be set."},
    {"late", "secret", CONF_SECRET, offsetof(struct late_values, secret), "key",
     0, 0, NULL, NULL, .help = "From the folder."},
    {0},
};

static enum err check_both(const void *values, struct errbuf *why)
{
    const struct late_values *late_values = values;

    if (strcmp(late_values->needed, "odd") != 0) {
        return ERR_OK;
    }
    errbuf_set_field(why, "needed", "needed: odd; expected something else");
    return ERR_INVALID;
}

static const struct conf_option judged[] = {
    {.section = "judged",
     .key = "needed",
     .offset = offsetof(struct late_values, needed),
     .fallback = "even",
     .check = check_both,
     .help = "Judged with the others."},
    {0},
};

/* A check of the whole part comes when everything is read. */
static void checks_parts(void **state)
{
    struct late_values values = {0};
    const struct conf_part part = {judged, &values};
    struct conf *conf = conf_new(&part, 1);
    struct errbuf why = {0};

    (void)state;
    assert_int_equal(conf_check(conf, &why), ERR_OK);
    assert_int_equal(conf_set(conf, "judged", "needed", "odd", &why), ERR_OK);
    assert_int_equal(conf_check(conf, &why), ERR_INVALID);
    assert_string_equal(why.text,
                        "judged.needed: odd; expected something else");
    assert_string_equal(why.field, "needed");
    conf_free(conf);
}

static void checks_when_all_is_read(void **state)
{
    struct late_values values = {0};
    struct conf_part part = {late, &values};
    struct fixture f;
    struct errbuf why = {0};
    struct conf *conf = conf_new(&part, 1);
    char *key;

    (void)state;
    begin(&f);
    conf_set_folder(conf, f.folder);
    assert_int_equal(conf_check(conf, &why), ERR_INVALID);
    assert_string_equal(why.text, "late.needed: not set; expected text of 1 "
                                  "to 20 bytes");
    assert_int_equal(conf_set(conf, "late", "needed", "x", &why), ERR_OK);
    assert_int_equal(conf_check(conf, &why), ERR_INVALID);
    assert_non_null(strstr(why.text, "late.secret: "));
    key = write_file(&f, "key", "abc", 0600);
    assert_int_equal(conf_check(conf, &why), ERR_OK);
    assert_string_equal(values.secret, "abc");
    free(key);
    conf_free(conf);
    end(&f);
}

/* --- environment, several parts, printing ------------------------------------
 */

static void reads_the_environment(void **state)
{
    struct fixture f;
    struct errbuf why = {0};
    struct buf out;

    (void)state;
    begin(&f);
    assert_int_equal(setenv("HYP_MAIN_COUNT", "12", 1), 0);
    assert_int_equal(setenv("HYP_FILES_OTHER_KEY_X", "34", 1), 0);
    assert_int_equal(setenv("HYP_UNKNOWN_THING", "34", 1), 0);
    assert_int_equal(conf_read_env(f.conf, &why), ERR_OK);
    assert_int_equal(f.values.count, 12);
    assert_int_equal(f.values.other, 34);
    buf_init(&out, CONF_TEXT_MAX);
    conf_print(f.conf, &out);
    assert_non_null(strstr(buf_str(&out), "count = 12  # environment\n"));
    assert_non_null(strstr(buf_str(&out), "wait = 90s  # default\n"));
    buf_fini(&out);
    assert_int_equal(setenv("HYP_MAIN_COUNT", "0", 1), 0);
    assert_int_equal(conf_read_env(f.conf, &why), ERR_INVALID);
    assert_string_equal(why.text,
                        "environment HYP_MAIN_COUNT: count: \"0\" is out of "
                        "range; expected a whole number from 1 to 1000 "
                        "(events)");
    assert_int_equal(unsetenv("HYP_MAIN_COUNT"), 0);
    assert_int_equal(unsetenv("HYP_FILES_OTHER_KEY_X"), 0);
    end(&f);
}

static void fills_every_part(void **state)
{
    struct values a = {0};
    struct values b = {0};
    struct conf_part parts[] = {{options, &a}, {options, &b}};
    struct conf *conf = conf_new(parts, 2);
    struct buf out;

    (void)state;
    assert_int_equal(conf_set(conf, "main", "count", "5", NULL), ERR_OK);
    assert_int_equal(a.count, 5);
    assert_int_equal(b.count, 5);
    assert_true(conf_has(conf, "main", "count"));
    assert_false(conf_has(conf, "main", "path"));
    buf_init(&out, CONF_TEXT_MAX);
    conf_help(conf, &out);
    /* Told once, though two parts have it. */
    assert_non_null(strstr(buf_str(&out), "\n  count = 7\n"));
    assert_null(strstr(strstr(buf_str(&out), "\n  count = 7\n") + 1,
                       "\n  count = 7\n"));
    buf_fini(&out);
    conf_free(conf);
}

/* Take the comment off each line that holds a key. */
static void uncomment(struct buf *text)
{
    char *at = text->data;

    while ((at = strstr(at, "\n#")) != NULL) {
        const char *stop = strchr(at + 2, '\n');
        const char *equals = strchr(at + 2, '=');

        if (at[2] != ' ' && equals != NULL && equals < stop) {
            at[1] = ' ';
        }
        at++;
    }
}

static void sample_and_print_can_be_read(void **state)
{
    struct fixture f;
    struct errbuf why = {0};
    struct buf out;
    char *path;

    (void)state;
    begin(&f);
    buf_init(&out, CONF_TEXT_MAX);
    conf_sample(f.conf, "A sample", &out);
    uncomment(&out);
    path = write_file(&f, "a.conf", buf_str(&out), 0600);
    /* The one key without a default is the one refused. */
    assert_int_equal(conf_read_file(f.conf, path, &why), ERR_INVALID);
    assert_string_equal(why.field, "other-key.x");
    free(path);
    assert_int_equal(conf_set(f.conf, "main", "text", "\\\"x;", &why), ERR_OK);
    buf_clear(&out);
    conf_print(f.conf, &out);
    path = write_file(&f, "a.conf", buf_str(&out), 0600);
    assert_int_equal(conf_read_file(f.conf, path, &why), ERR_OK);
    assert_string_equal(f.values.text, "\\\"x;");
    free(path);
    buf_fini(&out);
    end(&f);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROWS(accepted, check_accepted),
        ROWS(refused, check_refused),
        ROWS(bad_files, check_bad_file),
        ROW_SINGLE(has_defaults),
        ROW_SINGLE(reads_a_file),
        ROW_SINGLE(refuses_a_key_twice),
        ROW_SINGLE(tells_a_missing_file),
        ROW_SINGLE(reads_secrets),
        ROW_SINGLE(checks_parts),
        ROW_SINGLE(checks_when_all_is_read),
        ROW_SINGLE(reads_the_environment),
        ROW_SINGLE(fills_every_part),
        ROW_SINGLE(sample_and_print_can_be_read),
    };

    return rows_run("conf/conf", tables, sizeof tables / sizeof tables[0]);
}
