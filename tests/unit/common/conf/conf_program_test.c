/* SPDX-License-Identifier: Apache-2.0 */
/** The common command line: exit codes, one line of error, what wins. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/conf/conf_program.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    ARGS_MAX = 8,
    OUT_MAX = 65536
};

struct values {
    int64_t port;
    char *name;
};

static const struct conf_option options[] = {
    {"amqp", "port", CONF_INT, offsetof(struct values, port), "5672", 1, 65535,
     NULL, NULL, .help = "Port of the broker."},
    {"demo", "name", CONF_STRING, offsetof(struct values, name), "nobody", 0, 0,
     NULL, NULL, .help = "Whom to greet."},
    {0},
};

static const char *const amqp_sections[] = {"amqp", NULL};
static const struct conf_file files[] = {
    {"amqp.conf", amqp_sections},
    {"engines/demo.conf", NULL},
};

struct case_row {
    const char *name;
    const char *args[ARGS_MAX]; /* @ stands for the folder */
    const char *amqp_conf;      /* NULL: no such file */
    int code;
    const char *out; /* must be in standard output */
    const char *err; /* the whole of standard error */
    int64_t port;    /* of a program that goes on */
};

static const struct case_row cases[] = {
    {"defaults", {"--config-dir", "@"}, NULL, CONF_GO_ON, "", "", 5672},
    {"dir by equals", {"--config-dir=@"}, NULL, CONF_GO_ON, "", "", 5672},
    {"file wins over default",
     {"--config-dir=@"},
     "[amqp]\nport = 1\n",
     CONF_GO_ON,
     "",
     "",
     1},
    {"config wins over file",
     {"--config-dir=@", "--config", "@/more.conf"},
     "[amqp]\nport = 1\n",
     CONF_GO_ON,
     "",
     "",
     2},
    {"set wins over all",
     {"--set", "amqp.port=3", "--config-dir=@", "--config", "@/more.conf"},
     "[amqp]\nport = 1\n",
     CONF_GO_ON,
     "",
     "",
     3},
    {"check",
     {"--config-dir=@", "--check-config"},
     NULL,
     CONF_EXIT_DONE,
     "demo: the configuration is good\n",
     "",
     0},
    {"print",
     {"--config-dir=@", "--print-config"},
     "[amqp]\n\nport = 1\n",
     CONF_EXIT_DONE,
     "port = 1  # @/amqp.conf:3\n",
     "",
     0},
    {"sample",
     {"--sample-config=amqp.conf"},
     NULL,
     CONF_EXIT_DONE,
     "[amqp]\n\n# Port of the broker.\n# Expected: a whole number from 1 to "
     "65535.\n#port = 5672\n",
     "",
     0},
    {"sample with what is set",
     {"--sample-config=amqp.conf", "--set=amqp.port=9"},
     NULL,
     CONF_EXIT_DONE,
     "# Expected: a whole number from 1 to 65535.\nport = 9\n",
     "",
     0},
    {"sample of a file with the rest",
     {"--sample-config=engines/demo.conf"},
     NULL,
     CONF_EXIT_DONE,
     "away to change one.\n\n[demo]\n",
     "",
     0},
    {"sample with a bad value",
     {"--sample-config", "--set=amqp.port=x"},
     NULL,
     CONF_EXIT_BAD,
     "",
     "demo: --set: port: \"x\" is not a whole number; expected a whole number "
     "from 1 to 65535\n",
     0},
    {"manual page",
     {"--man"},
     NULL,
     CONF_EXIT_DONE,
     ".SS \"[amqp]\"\n.TP\n\\fBport =\\fR \\fI5672\\fR\nPort of the "
     "broker.\n.sp\nExpected: a whole number from 1 to 65535.\n",
     "",
     0},
    {"sample of all",
     {"--sample-config"},
     NULL,
     CONF_EXIT_DONE,
     "\n[demo]\n\n# Whom to greet.\n# Expected: text.\n#name = nobody\n",
     "",
     0},
    {"help", {"--help"}, NULL, CONF_EXIT_DONE, "Whom to greet.", "", 0},
    {"help although the file is bad",
     {"--config-dir=@", "-h"},
     "[amqp]\nport = x\n",
     CONF_EXIT_DONE,
     "Usage: demo [OPTION]...",
     "",
     0},
    {"version", {"--version"}, NULL, CONF_EXIT_DONE, "demo ", "", 0},
    {"bad value",
     {"--config-dir=@"},
     "[amqp]\nport = x\n",
     CONF_EXIT_BAD,
     "",
     "demo: @/amqp.conf:2: port: \"x\" is not a whole number; expected a "
     "whole number from 1 to 65535\n",
     0},
    {"section in the wrong file",
     {"--config-dir=@", "--check-config"},
     "[demo]\nname = x\n",
     CONF_EXIT_BAD,
     "",
     "demo: @/amqp.conf:1: [demo]: this section belongs in another file; "
     "expected [amqp]\n",
     0},
    {"config must be there",
     {"--config-dir=@", "--config=/nonexistent"},
     NULL,
     CONF_EXIT_BAD,
     "",
     "demo: /nonexistent: cannot be opened: No such file or directory\n",
     0},
    {"set a bad value",
     {"--config-dir=@", "--set=amqp.port=0"},
     NULL,
     CONF_EXIT_BAD,
     "",
     "demo: --set: port: \"0\" is out of range; expected a whole number from 1 "
     "to 65535\n",
     0},
    {"set without a key",
     {"--config-dir=@", "--set=port"},
     NULL,
     CONF_EXIT_BAD,
     "",
     "demo: --set \"port\": expected SECTION.KEY=VALUE\n",
     0},
    {"unknown argument",
     {"--frobnicate"},
     NULL,
     CONF_EXIT_USAGE,
     "",
     "demo: unknown argument \"--frobnicate\"; \"demo --help\" tells more\n",
     0},
    {"word",
     {"start"},
     NULL,
     CONF_EXIT_USAGE,
     "",
     "demo: unknown argument \"start\"; \"demo --help\" tells more\n",
     0},
    {"value left out",
     {"--config-dir"},
     NULL,
     CONF_EXIT_USAGE,
     "",
     "demo: --config-dir needs DIR; \"demo --help\" tells more\n",
     0},
    {"value too much",
     {"--check-config=yes"},
     NULL,
     CONF_EXIT_USAGE,
     "",
     "demo: --check-config takes no value; \"demo --help\" tells more\n",
     0},
    {"sample of no file",
     {"--sample-config=x.conf"},
     NULL,
     CONF_EXIT_USAGE,
     "",
     "demo: x.conf is no file of this program; \"demo --help\" tells more\n",
     0},
};

/* Replace each @ by the folder. */
static char *fill_in(const char *text, const char *folder)
{
    struct buf out;

    buf_init(&out, OUT_MAX);
    for (; *text != '\0'; text++) {
        if (*text == '@') {
            buf_add_str(&out, folder);
        } else {
            buf_add_char(&out, *text);
        }
    }
    return buf_take(&out);
}

static void put(const char *folder, const char *name, const char *text)
{
    char *path = xasprintf("%s/%s", folder, name);

    assert_int_equal(file_replace(path, text, strlen(text), 0600, NULL),
                     ERR_OK);
    free(path);
}

/* Point fd at a new file of the folder; returns what it was. */
static int redirect(int fd, const char *folder, const char *name)
{
    char *path = xasprintf("%s/%s", folder, name);
    int saved = dup(fd);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(saved >= 0 && dup2(fileno(file), fd) >= 0);
    assert_int_equal(fclose(file), 0);
    free(path);
    return saved;
}

static void restore(int fd, int saved)
{
    (void)fflush(NULL);
    (void)dup2(saved, fd);
    (void)close(saved);
}

static char *slurp(const char *folder, const char *name)
{
    char *path = xasprintf("%s/%s", folder, name);
    struct buf out;

    buf_init(&out, OUT_MAX);
    assert_int_equal(file_read(path, &out, NULL), ERR_OK);
    assert_int_equal(unlink(path), 0);
    free(path);
    return buf_take(&out);
}

struct run {
    struct values values;
    struct conf *conf;
    int code;
};

static void run_program(const struct case_row *row, const char *folder,
                        struct run *run)
{
    struct conf_part part = {options, &run->values};
    struct conf_program program = {
        .name = "demo",
        .summary = "greets",
        .description = "It greets whom it is told to greet.",
        .parts = &part,
        .n_parts = 1,
        .files = files,
        .n_files = sizeof files / sizeof files[0],
    };
    char *argv[ARGS_MAX + 2] = {xstrdup("demo")};
    int argc = 1;
    int out = redirect(STDOUT_FILENO, folder, "out");
    int err = redirect(STDERR_FILENO, folder, "err");

    for (; argc <= ARGS_MAX && row->args[argc - 1] != NULL; argc++) {
        argv[argc] = fill_in(row->args[argc - 1], folder);
    }
    run->code = conf_program_args(&program, argc, argv, &run->conf);
    restore(STDOUT_FILENO, out);
    restore(STDERR_FILENO, err);
    for (int i = 0; i < argc; i++) {
        free(argv[i]);
    }
}

static void check_case(void **state)
{
    const struct case_row *row = *state;
    char folder[] = "/tmp/hyp-prog-XXXXXX";
    struct run run = {0};
    char *out;
    char *err;
    char *want_out;
    char *want_err;

    assert_non_null(mkdtemp(folder));
    put(folder, "more.conf", "[amqp]\nport = 2\n");
    if (row->amqp_conf != NULL) {
        put(folder, "amqp.conf", row->amqp_conf);
    }
    run_program(row, folder, &run);
    out = slurp(folder, "out");
    err = slurp(folder, "err");
    want_out = fill_in(row->out, folder);
    want_err = fill_in(row->err, folder);
    free(slurp(folder, "more.conf"));
    if (row->amqp_conf != NULL) {
        free(slurp(folder, "amqp.conf"));
    }
    assert_int_equal(rmdir(folder), 0);
    assert_string_equal(err, want_err);
    assert_non_null(strstr(out, want_out));
    assert_int_equal(run.code, row->code);
    if (run.code == CONF_GO_ON) {
        assert_int_equal(run.values.port, row->port);
        conf_free(run.conf);
    }
    free(out);
    free(err);
    free(want_out);
    free(want_err);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROWS(cases, check_case),
    };

    return rows_run("conf/program", tables, sizeof tables / sizeof tables[0]);
}
