/* SPDX-License-Identifier: Apache-2.0 */
/** hyp: finds the command, reads the common options, explains itself. */
#include "cli/hyp.h"

#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/about.h"
#include "cli/table.h"
#include "common/base/log.h"

enum {
    TEXT_MAX = 4096,
    HELP_MAX = 64 * 1024,
    NAME_COLUMN = 22
};

void hyp_say(const char *format, ...)
{
    char text[TEXT_MAX];
    struct buf clean;
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    buf_init(&clean, TEXT_MAX);
    /* line breaks are ours; what a server says holds none */
    for (char *line = text, *end; line != NULL; line = end) {
        end = strchr(line, '\n');
        if (end != NULL) {
            *end++ = '\0';
        }
        table_add_clean(&clean, line);
        buf_add_str(&clean, end != NULL ? "\n" : "");
    }
    (void)fflush(stdout);
    (void)fprintf(stderr, "hyp: %s\n", buf_str(&clean));
    buf_fini(&clean);
}

const char *hyp_option(const struct hyp *hyp, const char *name)
{
    return args_get(&hyp->args, name);
}

bool hyp_has(const struct hyp *hyp, const char *name)
{
    return args_get(&hyp->args, name) != NULL;
}

bool hyp_confirm(const struct hyp *hyp, const char *question)
{
    char line[16];

    if (hyp_has(hyp, "yes")) {
        return true;
    }
    if (!hyp->terminal) {
        hyp_say("%s Add --yes: there is no terminal to ask on", question);
        return false;
    }
    (void)fprintf(stderr, "%s [y/N] ", question);
    if (fgets(line, sizeof line, stdin) != NULL &&
        (line[0] == 'y' || line[0] == 'Y')) {
        return true;
    }
    hyp_say("nothing done");
    return false;
}

/* Help. */

static void add_command(const struct command *command, struct buf *out)
{
    char name[64];

    (void)snprintf(name, sizeof name, "%s%s%s",
                   command->group != NULL ? command->group : "",
                   command->group != NULL ? " " : "", command->name);
    buf_addf(out, "  %-*s %s\n", NAME_COLUMN, name, command->summary);
}

static void print(struct buf *text)
{
    (void)fwrite(buf_str(text), 1, text->len, stdout);
    buf_fini(text);
}

/* group NULL: all. */
static void print_overview(const char *group)
{
    struct buf out;

    buf_init(&out, HELP_MAX);
    buf_addf(&out,
             "hyp - " HYP_SUMMARY "\n\n"
             "Usage: hyp %s%s[arguments] [options]\n\nCommands:\n",
             group != NULL ? group : "COMMAND",
             group != NULL ? " COMMAND " : " ");
    for (const struct command *c = commands; c->name != NULL; c++) {
        if (group == NULL ||
            (c->group != NULL && strcmp(c->group, group) == 0)) {
            add_command(c, &out);
        }
    }
    buf_add_str(&out, "\n'hyp COMMAND --help' explains one, with examples.\n"
                      "Options of every command:\n");
    args_help(HYP_COMMON_OPTIONS, &out);
    buf_add_str(&out, "\nOptions without a command:\n");
    args_help(ABOUT_OPTIONS, &out);
    buf_addf(&out, "\n%s\nExit codes: %s\n", about_where, about_exits);
    print(&out);
}

static void print_help(const struct command *command)
{
    struct buf out;

    buf_init(&out, HELP_MAX);
    buf_addf(&out, "%s\n\nUsage: hyp %s%s%s%s%s [options]\n", command->summary,
             command->group != NULL ? command->group : "",
             command->group != NULL ? " " : "", command->name,
             command->usage[0] != '\0' ? " " : "", command->usage);
    if (command->help != NULL) {
        buf_addf(&out, "\n%s", command->help);
    }
    buf_add_str(&out, "\nOptions:\n");
    args_help(command->options, &out);
    args_help(HYP_COMMON_OPTIONS, &out);
    print(&out);
}

/* Finding the command. */

static bool is_group(const char *word)
{
    for (const struct command *c = commands; c->name != NULL; c++) {
        if (c->group != NULL && strcmp(c->group, word) == 0) {
            return true;
        }
    }
    return false;
}

/* The words that name the command are taken off. */
static const struct command *find_command(struct args *args)
{
    for (const struct command *c = commands; c->name != NULL; c++) {
        size_t n = c->group != NULL ? 2 : 1;

        if (args->n < n || (n == 2 && strcmp(c->group, args->words[0]) != 0) ||
            strcmp(c->name, args->words[n - 1]) != 0) {
            continue;
        }
        args->n -= n;
        memmove(args->words, args->words + n, args->n * sizeof args->words[0]);
        return c;
    }
    return NULL;
}

/* No command: what was meant? */
static int explain_none(const struct args *args)
{
    bool help = args_get(args, "help") != NULL;
    const char *group =
        args->n > 0 && is_group(args->words[0]) ? args->words[0] : NULL;

    if (args->n == 0 || (group != NULL && args->n == 1)) {
        print_overview(group);
        return help || args->n == 0 ? HYP_DONE : HYP_USAGE;
    }
    hyp_say("there is no command '%s%s%s'; 'hyp --help' lists them",
            args->words[0], group != NULL ? " " : "",
            group != NULL ? args->words[1] : "");
    return HYP_USAGE;
}

/* Common options. */

static bool set_format(struct hyp *hyp)
{
    static const char *const names[] = {"table", "wide", "json",
                                        "yaml",  "csv",  "name"};
    const char *text = hyp_option(hyp, "output");

    if (text == NULL) {
        return true;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], text) == 0) {
            hyp->format = (enum hyp_format)i;
            return true;
        }
    }
    hyp_say("-o %s: expected table, wide, json, yaml, csv or name", text);
    return false;
}

static void look_at_terminal(struct hyp *hyp)
{
    const char *no_color = getenv("NO_COLOR");
    struct winsize size;
    bool out = isatty(STDOUT_FILENO) == 1;

    hyp->terminal = out && isatty(STDIN_FILENO) == 1;
    hyp->color = out && (no_color == NULL || no_color[0] == '\0');
    if (out && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
        hyp->width = size.ws_col;
    }
}

static bool check_words(const struct hyp *hyp)
{
    const struct command *c = hyp->command;
    char list[TEXT_MAX];
    const char *stranger;

    (void)snprintf(list, sizeof list, "%s " HYP_COMMON_OPTIONS, c->options);
    stranger = args_stranger(&hyp->args, list);
    if (stranger != NULL) {
        hyp_say("'%s%s%s' takes no --%s; see --help",
                c->group != NULL ? c->group : "", c->group != NULL ? " " : "",
                c->name, stranger);
        return false;
    }
    if ((int)hyp->args.n < c->min_args ||
        (c->max_args >= 0 && (int)hyp->args.n > c->max_args)) {
        hyp_say("usage: hyp %s%s%s %s", c->group != NULL ? c->group : "",
                c->group != NULL ? " " : "", c->name, c->usage);
        return false;
    }
    return true;
}

static int run(struct hyp *hyp)
{
    const struct api_place place = about_place(hyp);
    struct errbuf why = {0};
    int code;

    if (!check_words(hyp) || !set_format(hyp)) {
        return HYP_USAGE;
    }
    look_at_terminal(hyp);
    if (api_open(&hyp->api, &place, &why) != ERR_OK) {
        hyp_say("%s", why.text);
        code = HYP_USAGE;
    } else {
        code = hyp->command->run(hyp);
    }
    api_close(&hyp->api);
    return code;
}

int main(int argc, char **argv)
{
    static struct hyp hyp;
    struct errbuf why = {0};
    int code;

    (void)signal(SIGPIPE, SIG_IGN);
    log_set_level(LOG_ERROR);
    if (args_parse(argc, argv, &hyp.args, &why) != ERR_OK) {
        hyp_say("%s; 'hyp --help' explains", why.text);
        return HYP_USAGE;
    }
    if (place_find(&hyp.place, &hyp.args, &why) != ERR_OK) {
        hyp_say("%s", why.text);
        return HYP_USAGE;
    }
    if (about_tell(&hyp, &code)) {
        return code;
    }
    hyp.command = find_command(&hyp.args);
    if (hyp.command == NULL) {
        return explain_none(&hyp.args);
    }
    if (hyp_has(&hyp, "help")) {
        print_help(hyp.command);
        return HYP_DONE;
    }
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    code = run(&hyp);
    curl_global_cleanup();
    if (fflush(stdout) != 0 && errno != EPIPE) {
        hyp_say("cannot write the output: %s", strerror(errno));
        return HYP_REFUSED;
    }
    return code;
}
