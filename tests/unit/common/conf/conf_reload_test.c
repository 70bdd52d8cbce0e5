/* SPDX-License-Identifier: Apache-2.0 */
/** Reload: what is taken, what is kept, what is refused, and back again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/conf/conf_program.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    TEXT_MAX = 4096
};

struct values {
    int64_t live;
    int64_t fixed;
    char *name;
    struct conf_list list;
    char *secret;
    char *file;
};

static enum err live_is_odd(const void *at, struct errbuf *why)
{
    const struct values *values = at;

    if (values->live % 2 == 0) {
        errbuf_set(why, "live: even; expected odd");
        return ERR_INVALID;
    }
    return ERR_OK;
}

#define OPTION(key_)                                                           \
    .section = "demo", .key = #key_, .offset = offsetof(struct values, key_)

static const struct conf_option options[] = {
    {OPTION(live), .type = CONF_INT, .fallback = "1", .max = 99, .live = true,
     .check = live_is_odd, .help = "Taken."},
    {OPTION(fixed), .type = CONF_INT, .fallback = "1", .max = 99,
     .help = "Kept."},
    {OPTION(name), .type = CONF_STRING, .fallback = "a", .live = true,
     .help = "Taken."},
    {OPTION(list), .type = CONF_LIST, .fallback = "a, b", .live = true,
     .help = "Taken."},
    {OPTION(secret), .type = CONF_SECRET, .live = true, .help = "Taken."},
    {OPTION(file), .type = CONF_PATH, .help = "Kept."},
    {0},
};

struct case_row {
    const char *name;
    const char *before, *after; /* @ stands for the folder */
    const char *refused;        /* NULL: it is not */
    const char *taken, *kept;
    int64_t live; /* then */
    const char *text;
};

static const struct case_row cases[] = {
    {"nothing new", "[demo]\nlive = 3\n", "[demo]\nlive = 3\n", NULL, "", "", 3,
     "a"},
    {"written otherwise", "[demo]\nlist = a,b\n", "[demo]\nlist = a, b\n", NULL,
     "", "", 1, "a"},
    {"taken", "[demo]\nlive = 3\n", "[demo]\nlive = 5\nname = b\n", NULL,
     "demo.live, demo.name", "", 5, "b"},
    {"back to the default", "[demo]\nlive = 3\nname = x\n", "", NULL,
     "demo.live, demo.name", "", 1, "a"},
    {"kept", "[demo]\nfixed = 3\n", "[demo]\nfixed = 4\n", NULL, "",
     "demo.fixed", 1, "a"},
    {"both", "", "[demo]\nfixed = 4\nlive = 7\n", NULL, "demo.live",
     "demo.fixed", 7, "a"},
    {"a bad value", "[demo]\nlive = 3\n", "[demo]\nname = z\nlive = x\n",
     "live: \"x\" is not a whole number", "", "", 3, "a"},
    {"bad together", "[demo]\nlive = 3\n", "[demo]\nlive = 4\n",
     "live: even; expected odd", "", "", 3, "a"},
    {"an unknown key", "", "[demo]\nnope = 1\n", "nope: unknown key", "", "", 1,
     "a"},
};

struct fixture {
    char folder[32];
    char *path;
    char *option;
    char *argv[3];
    struct values values;
    struct conf_part part;
    struct conf_file file;
    struct conf_program program;
    struct conf *conf;
};

static void put(const struct fixture *f, const char *text)
{
    assert_int_equal(file_replace(f->path, text, strlen(text), 0600, NULL),
                     ERR_OK);
}

static void begin(struct fixture *f, const char *text)
{
    static char name[] = "demo";

    *f = (struct fixture){.folder = "/tmp/hyp-reload.XXXXXX"};
    assert_non_null(mkdtemp(f->folder));
    f->path = xasprintf("%s/demo.conf", f->folder);
    f->option = xasprintf("--config-dir=%s", f->folder);
    f->argv[0] = name;
    f->argv[1] = f->option;
    f->part = (struct conf_part){options, &f->values};
    f->file = (struct conf_file){"demo.conf", NULL};
    f->program = (struct conf_program){.name = "demo",
                                       .summary = "greets",
                                       .description = "Greets.",
                                       .parts = &f->part,
                                       .n_parts = 1,
                                       .files = &f->file,
                                       .n_files = 1};
    put(f, text);
    assert_int_equal(conf_program_args(&f->program, 2, f->argv, &f->conf),
                     CONF_GO_ON);
}

static enum err open_reload(struct fixture *f, struct conf_reload **out,
                            struct errbuf *why)
{
    const struct conf_start start = {2, f->argv, NULL};

    return conf_reload_open(&f->program, &start, f->conf, out, why);
}

static void end(struct fixture *f)
{
    conf_free(f->conf);
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(rmdir(f->folder), 0);
    free(f->path);
    free(f->option);
}

static void check_told(const struct conf_reload *reload, const char *taken,
                       const char *kept)
{
    struct buf got_taken, got_kept;

    buf_init(&got_taken, TEXT_MAX);
    buf_init(&got_kept, TEXT_MAX);
    conf_reload_tell(reload, &got_taken, &got_kept);
    assert_string_equal(buf_str(&got_taken), taken);
    assert_string_equal(buf_str(&got_kept), kept);
    buf_fini(&got_taken);
    buf_fini(&got_kept);
}

static void check_case(void **state)
{
    const struct case_row *row = *state;
    struct conf_reload *reload = NULL;
    struct errbuf why = {{0}, {0}};
    struct fixture f;

    begin(&f, row->before);
    put(&f, row->after);
    if (row->refused != NULL) {
        assert_int_equal(open_reload(&f, &reload, &why), ERR_INVALID);
        assert_non_null(strstr(why.text, row->refused));
    } else {
        assert_int_equal(open_reload(&f, &reload, &why), ERR_OK);
        assert_int_equal(conf_reload_changes(reload, options),
                         row->taken[0] != '\0');
        conf_reload_swap(reload);
        check_told(reload, row->taken, row->kept);
        conf_reload_free(reload);
    }
    assert_int_equal(f.values.live, row->live);
    assert_string_equal(f.values.name, row->text);
    end(&f);
}

static void gives_back_what_could_not_be_used(void **state)
{
    struct conf_reload *reload;
    struct errbuf why;
    struct fixture f;

    (void)state;
    begin(&f, "[demo]\nlist = x\n");
    put(&f, "[demo]\nlist = y, z\nlive = 3\n");
    assert_int_equal(open_reload(&f, &reload, &why), ERR_OK);
    conf_reload_swap(reload);
    assert_int_equal(f.values.list.n, 2);
    conf_reload_swap(reload);
    assert_int_equal(f.values.list.n, 1);
    assert_string_equal(f.values.list.items[0], "x");
    assert_int_equal(f.values.live, 1);
    conf_reload_free(reload);
    end(&f);
}

/* The same names, and other content behind them. */
static void sees_through_paths_and_secrets(void **state)
{
    struct conf_reload *reload;
    struct errbuf why;
    struct fixture f;
    char *secret, *text;

    (void)state;
    begin(&f, "");
    secret = xasprintf("%s/secret", f.folder);
    text = xasprintf("[demo]\nsecret = %s\nfile = %s\n", secret, secret);
    conf_free(f.conf);
    assert_int_equal(file_replace(secret, "old\n", 4, 0600, NULL), ERR_OK);
    put(&f, text);
    assert_int_equal(conf_program_args(&f.program, 2, f.argv, &f.conf),
                     CONF_GO_ON);
    assert_int_equal(file_replace(secret, "newer\n", 6, 0600, NULL), ERR_OK);
    assert_int_equal(open_reload(&f, &reload, &why), ERR_OK);
    conf_reload_swap(reload);
    check_told(reload, "demo.secret", "demo.file");
    assert_string_equal(f.values.secret, "newer");
    conf_reload_free(reload);
    assert_int_equal(unlink(secret), 0);
    free(text);
    free(secret);
    end(&f);
}

/* A connector's own table is live as a whole. */
static void a_whole_table_can_be_live(void **state)
{
    struct conf_reload *reload;
    struct fixture f;
    const struct conf_start start = {2, f.argv, options};
    struct errbuf why;

    (void)state;
    begin(&f, "");
    put(&f, "[demo]\nfixed = 9\n");
    assert_int_equal(
        conf_reload_open(&f.program, &start, f.conf, &reload, &why), ERR_OK);
    assert_true(conf_reload_changes(reload, options));
    conf_reload_swap(reload);
    check_told(reload, "demo.fixed", "");
    assert_int_equal(f.values.fixed, 9);
    conf_reload_free(reload);
    end(&f);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROWS(cases, check_case),
        ROW_SINGLE(gives_back_what_could_not_be_used),
        ROW_SINGLE(sees_through_paths_and_secrets),
        ROW_SINGLE(a_whole_table_can_be_live),
    };

    return rows_run("conf/reload", tables, sizeof tables / sizeof tables[0]);
}
