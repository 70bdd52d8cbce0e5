/* SPDX-License-Identifier: Apache-2.0 */
/** service: starts, stops and shows one service of the suite. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "control/cmdline.h"
#include "control/report.h"
#include "control/run.h"

enum {
    LOG_SHOWN_BYTES = 8 * 1024
};

typedef int command_fn(const struct suite *suite, char *name);

static int tell(enum err err, const struct errbuf *why)
{
    if (err == ERR_OK) {
        return EXIT_DONE;
    }
    (void)fprintf(stderr, "service: %s\n", why->text);
    return EXIT_NOT_SO;
}

static struct run one_run(const struct suite *suite, char **name)
{
    return (struct run){.suite = suite,
                        .title = *name,
                        .names = name,
                        .n = 1,
                        .begun_ms = clock_mono_ms(),
                        .until_ms = clock_mono_ms() + suite->conf.wait_ms};
}

static int command_start(const struct suite *suite, char *name)
{
    struct errbuf why = {0};
    struct run run = one_run(suite, &name);
    enum err err = suite_supervisor_start(suite, &why);
    if (err == ERR_OK) {
        err = run_start(&run, &why);
    }
    return tell(err, &why);
}

static int command_stop(const struct suite *suite, char *name)
{
    struct errbuf why = {0};
    struct run run = one_run(suite, &name);
    if (!supervisor_is_up(suite->supervisor)) {
        return EXIT_DONE;
    }
    return tell(run_stop(&run, &why), &why);
}

static int command_restart(const struct suite *suite, char *name)
{
    int stopped = command_stop(suite, name);
    return stopped == EXIT_DONE ? command_start(suite, name) : stopped;
}

static int command_status(const struct suite *suite, char *name)
{
    struct buf out;
    buf_init(&out, REPORT_MAX);
    bool ready = report_status(suite, name, REPORT_TABLE, &out);
    (void)fputs(buf_str(&out), stdout);
    buf_fini(&out);
    return ready ? EXIT_DONE : EXIT_NOT_SO;
}

/* The end of the file, from the first whole line on. */
static void show_tail(FILE *file)
{
    char text[LOG_SHOWN_BYTES + 1];
    bool cut = fseek(file, -LOG_SHOWN_BYTES, SEEK_END) == 0;
    if (!cut) {
        rewind(file);
    }
    text[fread(text, 1, LOG_SHOWN_BYTES, file)] = '\0';
    const char *line = cut ? strchr(text, '\n') : NULL;
    (void)fputs(line == NULL ? text : line + 1, stdout);
}

/* The one before, where it has been rotated just now. */
static void show_older_tail(const char *path, FILE *file)
{
    struct stat info;
    if (fstat(fileno(file), &info) != 0 || info.st_size >= LOG_SHOWN_BYTES) {
        return;
    }
    char *older = xasprintf("%s.1", path);
    FILE *before = fopen(older, "r");
    if (before != NULL) {
        show_tail(before);
        (void)fclose(before);
    }
    free(older);
}

static int command_log(const struct suite *suite, char *name)
{
    char *path = xasprintf("%s/log/%s.log", suite->var, name);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        (void)fprintf(stderr, "service: %s: %s\n", path, strerror(errno));
    } else {
        show_older_tail(path, file);
        show_tail(file);
        (void)fclose(file);
    }
    free(path);
    return file == NULL ? EXIT_NOT_SO : EXIT_DONE;
}

enum {
    COMMAND_START,
    COMMAND_STOP,
    COMMAND_RESTART,
    COMMAND_STATUS,
    COMMAND_LOG,
    N_COMMANDS
};

static const struct conf_word command_words[] = {
    [COMMAND_START] = {"start", NULL, "and wait until it is ready"},
    [COMMAND_STOP] = {"stop", NULL, "and wait until its process is gone"},
    [COMMAND_RESTART] = {"restart", NULL, "stop, then start"},
    [COMMAND_STATUS] = {"status", NULL,
                        "state, process, restarts, ready, why not"},
    [COMMAND_LOG] = {"log", NULL, "the end of its log"},
    [N_COMMANDS] = {0}};

static command_fn *const command_fns[N_COMMANDS] = {
    [COMMAND_START] = command_start,
    [COMMAND_STOP] = command_stop,
    [COMMAND_RESTART] = command_restart,
    [COMMAND_STATUS] = command_status,
    [COMMAND_LOG] = command_log};

static const struct conf_word option_words[] = {CMDLINE_COMMON_OPTIONS, {0}};

static command_fn *find_command(const struct cmdline *line)
{
    int i = line->n == 2 ? cmdline_find(command_words, line->words[1]) : -1;

    return i >= 0 ? command_fns[i] : NULL;
}

static struct conf_program describe(void)
{
    struct conf_program program = cmdline_program("service");

    program.summary = "starts, stops and shows one service of the suite";
    program.description =
        "NAME is a service as \"hypcontrol status\" lists them. supervisord is "
        "started when it does not run.";
    program.usage = "NAME COMMAND [OPTION]...";
    program.commands = command_words;
    program.options = option_words;
    program.example = "  service engine-alarm restart\n"
                      "  service webserver log\n";
    return program;
}

static int run_command(command_fn *command, const char *prefix, char *name)
{
    struct suite suite;
    struct errbuf why = {0};
    enum err err = suite_open(&suite, prefix, &why);
    if (err != ERR_OK) {
        return tell(err, &why);
    }
    int code = EXIT_NOT_SO;
    if (suite_has_service(&suite, name)) {
        code = command(&suite, name);
    } else {
        (void)fprintf(stderr,
                      "service: %s: not in hypcontrol.conf; `hypcontrol "
                      "status` lists the services\n",
                      name);
    }
    suite_close(&suite);
    return code;
}

int main(int argc, char **argv)
{
    const struct conf_program program = describe();
    struct cmdline line;
    int code = cmdline_parse(&program, argc, argv, &line);

    if (code != CMDLINE_GO_ON) {
        return code;
    }
    command_fn *command = find_command(&line);
    if (command == NULL) {
        return cmdline_usage(&program);
    }
    char *name = xstrdup(line.words[0]);
    code = run_command(command, line.prefix, name);
    free(name);
    return code;
}
