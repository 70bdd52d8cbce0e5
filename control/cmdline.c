/* SPDX-License-Identifier: Apache-2.0 */
/** The command line of hypcontrol and service, from their own tables. */
#include "control/cmdline.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/bus/bus_amqp.h"
#include "common/bus/partitions.h"
#include "common/store/store_conf.h"
#include "control/suite.h"

enum {
    OPTIONS_MAX = 16,
    FIRST_VALUE = 256, /* above every character */
    TELL_ARGS = 4
};

/* What only tells is done by the parser that all daemons share. */
struct telling {
    char *args[CONF_SET_MAX + TELL_ARGS + 1];
    int n;
    bool asked;
};

static struct {
    struct suite_conf suite;
    struct partitions partitions;
    struct bus_amqp_conf amqp;
    struct store_conf storage;
} values;

struct conf_program cmdline_program(const char *name)
{
    static const struct conf_part parts[] = {
        {suite_options, &values.suite},
        {partitions_options, &values.partitions},
        {bus_amqp_options, &values.amqp},
        {store_conf_options, &values.storage}};
    static const struct conf_file files[] = {
        {"hypcontrol.conf", NULL},
        {"partitions.conf", conf_partitions_sections},
        {"amqp.conf", conf_amqp_sections},
        {"storage.conf", conf_storage_sections}};

    return (struct conf_program){.name = name,
                                 .exits = CMDLINE_EXITS,
                                 .parts = parts,
                                 .n_parts = sizeof parts / sizeof parts[0],
                                 .files = files,
                                 .n_files = sizeof files / sizeof files[0]};
}

int cmdline_find(const struct conf_word *words, const char *name)
{
    for (int i = 0; words[i].name != NULL; i++) {
        if (strcmp(words[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

static bool take_wait(const char *text, struct cmdline *line)
{
    struct errbuf why = {0};

    if (clock_parse_duration(text, &line->wait_ms, &why) == ERR_OK &&
        line->wait_ms > 0) {
        return true;
    }
    (void)fprintf(stderr, "--wait %s: expected a duration like 90s\n", text);
    return false;
}

static bool pass_on(struct telling *telling, const char *name,
                    const char *value)
{
    if (telling->n == CONF_SET_MAX) {
        (void)fprintf(stderr, "%s: too many options\n", name);
        return false;
    }
    telling->asked = telling->asked || strcmp(name, "--set") != 0;
    telling->args[telling->n++] =
        value == NULL ? xstrdup(name) : xasprintf("%s=%s", name, value);
    return true;
}

/* Whether the option makes sense. */
static bool take(const char *name, const char *value, struct cmdline *line,
                 struct telling *telling)
{
    if (strcmp(name, "--wait") == 0) {
        return take_wait(value, line);
    }
    if (strcmp(name, "--prefix") == 0) {
        line->prefix = value;
    } else if (strcmp(name, "--json") == 0) {
        line->json = true;
    } else if (strcmp(name, "--secrets") == 0) {
        line->secrets = true;
    } else if (strcmp(name, "--dry-run") == 0) {
        line->dry_run = true;
    } else {
        return pass_on(telling, name, value);
    }
    return true;
}

static int argument_of(const struct conf_word *word)
{
    if (word->value == NULL) {
        return no_argument;
    }
    return word->value[0] == '[' ? optional_argument : required_argument;
}

static void make_table(const struct conf_word *words, struct option *table)
{
    size_t n = 0;

    for (; words[n].name != NULL; n++) {
        BUG_IF(n == OPTIONS_MAX);
        table[n] =
            (struct option){words[n].name + strlen("--"),
                            argument_of(&words[n]), NULL, FIRST_VALUE + (int)n};
    }
    table[n] = (struct option){0};
}

static bool take_options(const struct conf_program *program, int argc,
                         char **argv, struct cmdline *line,
                         struct telling *telling)
{
    struct option table[OPTIONS_MAX + 1];
    int option;

    make_table(program->options, table);
    while ((option = getopt_long(argc, argv, "h", table, NULL)) != -1) {
        const char *name = option == 'h' ? "--help"
                           : option >= FIRST_VALUE
                               ? program->options[option - FIRST_VALUE].name
                               : NULL;

        if (name == NULL || !take(name, optarg, line, telling)) {
            return false;
        }
    }
    return true;
}

static int tell(const struct conf_program *program, const struct cmdline *line,
                struct telling *telling)
{
    char *name = xstrdup(program->name);
    char *folder = line->prefix == NULL
                       ? xstrdup("--config-dir=" HYP_SYSCONFDIR)
                       : xasprintf("--config-dir=%s/etc", line->prefix);
    char *args[CONF_SET_MAX + TELL_ARGS] = {name, folder};
    struct conf *conf = NULL;
    int code;

    memcpy(&args[2], telling->args, (size_t)telling->n * sizeof args[0]);
    code = conf_program_args(program, telling->n + 2, args, &conf);
    BUG_IF(code == CONF_GO_ON);
    free(folder);
    free(name);
    return code;
}

int cmdline_usage(const struct conf_program *program)
{
    (void)fprintf(stderr, "usage: %s %s\n\"%s --help\" tells more\n",
                  program->name, program->usage, program->name);
    return EXIT_USAGE;
}

int cmdline_parse(const struct conf_program *program, int argc, char **argv,
                  struct cmdline *line)
{
    struct telling telling = {0};
    int code = CMDLINE_GO_ON;

    *line = (struct cmdline){0};
    if (!take_options(program, argc, argv, line, &telling)) {
        code = EXIT_USAGE;
    } else if (telling.asked) {
        code = tell(program, line, &telling);
    } else if (telling.n > 0 || argc - optind > CMDLINE_WORDS_MAX) {
        code = cmdline_usage(program);
    }
    for (int i = 0; i < telling.n; i++) {
        free(telling.args[i]);
    }
    while (code == CMDLINE_GO_ON && optind < argc) {
        line->words[line->n++] = argv[optind++];
    }
    return code;
}
