/* SPDX-License-Identifier: Apache-2.0 */
/** service: starts, stops and shows one service of the suite. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "control/report.h"
#include "control/run.h"

enum {
    EXIT_DONE = 0,
    EXIT_NOT_SO = 1,
    EXIT_USAGE = 2
};
enum {
    LOG_SHOWN_BYTES = 8 * 1024
};

typedef int command_fn(const struct suite *suite, char *name);

struct command {
    const char *name;
    command_fn *run;
};

static const char help_text[] =
    "service: starts, stops and shows one service of the suite\n"
    "\n"
    "usage: service [--prefix DIR] NAME start|stop|restart|status|log\n"
    "\n"
    "  start, restart   until it is ready\n"
    "  stop             until its process is gone\n"
    "  status           state, process, restarts, ready, why not\n"
    "  log              the end of its log\n"
    "\n"
    "exit status: 0 all that was asked for is so, 1 it is not, 2 usage\n";

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

static int command_log(const struct suite *suite, char *name)
{
    char *path = xasprintf("%s/log/%s.log", suite->var, name);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        (void)fprintf(stderr, "service: %s: %s\n", path, strerror(errno));
    } else {
        show_tail(file);
        (void)fclose(file);
    }
    free(path);
    return file == NULL ? EXIT_NOT_SO : EXIT_DONE;
}

static const struct command commands[] = {
    {"log", command_log},     {"restart", command_restart},
    {"start", command_start}, {"status", command_status},
    {"stop", command_stop},
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static const struct option long_options[] = {
    {"help", no_argument, NULL, 'h'},
    {"prefix", required_argument, NULL, 'p'},
    {0}};

/* Returns -1 to go on, else the code to exit with. */
static int take_options(int argc, char **argv, const char **prefix)
{
    int option;
    while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        switch (option) {
        case 'h':
            (void)fputs(help_text, stdout);
            return EXIT_DONE;
        case 'p':
            *prefix = optarg;
            break;
        default:
            return EXIT_USAGE;
        }
    }
    return -1;
}

static int run_command(const struct command *command, const char *prefix,
                       char *name)
{
    struct suite suite;
    struct errbuf why = {0};
    enum err err = suite_open(&suite, prefix, &why);
    if (err != ERR_OK) {
        return tell(err, &why);
    }
    int code = EXIT_NOT_SO;
    if (suite_has_service(&suite, name)) {
        code = command->run(&suite, name);
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
    const char *prefix = NULL;
    int code = take_options(argc, argv, &prefix);
    if (code >= 0) {
        return code;
    }
    const struct command *command =
        optind + 2 == argc ? find_command(argv[optind + 1]) : NULL;
    if (command == NULL) {
        (void)fputs(help_text, stderr);
        return EXIT_USAGE;
    }
    return run_command(command, prefix, argv[optind]);
}
