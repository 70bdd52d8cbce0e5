/* SPDX-License-Identifier: Apache-2.0 */
/** What a program tells of itself: --help and the manual page. */
#include <stdio.h>
#include <string.h>

#include "common/conf/conf_private.h"
#include "common/conf/man.h"

enum {
    HELP_WIDTH = 78,
    EXPECT_MAX = 1024,
    NAME_MAX_BYTES = 128
};

#define DAEMON_EXITS                                                           \
    "0 done, 1 refused or failed, 2 the command line was not understood."
#define FILES_READ                                                             \
    "read in this order; a later one wins, one that is missing leaves the "    \
    "defaults"
#define ENVIRONMENT                                                            \
    "The environment overrides the files: HYP_<SECTION>_<KEY> in capitals, "   \
    "with _ for - and \".\"; --set overrides both."

static bool is_daemon(const struct conf_program *program)
{
    return program->usage == NULL;
}

static const struct conf_word *options_of(const struct conf_program *program)
{
    return is_daemon(program) ? conf_daemon_options : program->options;
}

static void add_example(const struct conf_program *program, struct buf *out)
{
    if (program->example != NULL) {
        buf_addf(out, "%s\n", program->example);
        return;
    }
    buf_addf(out,
             "  %s --check-config\n"
             "  %s --config-dir ./etc --print-config\n",
             program->name, program->name);
}

/* --- help ------------------------------------------------------------------
 */

/* Add a paragraph, its lines broken at blanks. */
static void add_wrapped(struct buf *out, const char *text)
{
    size_t column = 0;

    for (;;) {
        size_t len;

        text += strspn(text, " \n");
        len = strcspn(text, " \n");
        if (len == 0) {
            break;
        }
        if (column > 0) {
            bool fits = column + 1 + len <= HELP_WIDTH;

            buf_add_char(out, fits ? ' ' : '\n');
            column = fits ? column + 1 : 0;
        }
        buf_add(out, text, len);
        column += len;
        text += len;
    }
    buf_add_char(out, '\n');
}

static void help_words(const char *title, const struct conf_word *word,
                       struct buf *out)
{
    if (word == NULL) {
        return;
    }
    buf_addf(out, "\n%s:\n", title);
    for (; word->name != NULL; word++) {
        const char *value = word->value != NULL ? word->value : "";
        bool apart = value[0] != '\0' && value[0] != '[';

        buf_addf(out, "  %s%s%s\n      %s\n", word->name, apart ? " " : "",
                 value, word->help);
    }
}

static void help_files(const struct conf_program *program, struct buf *out)
{
    if (program->n_files == 0) {
        return;
    }
    buf_add_char(out, '\n');
    add_wrapped(out, "Files, " FILES_READ ":");
    for (size_t i = 0; i < program->n_files; i++) {
        buf_addf(out, "  %s/%s\n", HYP_SYSCONFDIR, program->files[i].name);
    }
    buf_add_char(out, '\n');
    add_wrapped(out, ENVIRONMENT);
}

static void help_settings(const struct conf *conf, struct buf *out)
{
    struct buf options;

    buf_init(&options, CONF_TEXT_MAX);
    conf_help(conf, &options);
    if (options.len > 0) {
        buf_addf(out, "\nOptions of the files, with their defaults:\n\n%s",
                 buf_str(&options));
    }
    buf_fini(&options);
}

void conf_program_help(const struct conf_program *program,
                       const struct conf *conf, struct buf *out)
{
    buf_addf(out, "%s - %s\n\nUsage: %s %s\n\n", program->name,
             program->summary, program->name,
             is_daemon(program) ? "[OPTION]..." : program->usage);
    add_wrapped(out, program->description);
    help_words("Commands", program->commands, out);
    help_words("Command line", options_of(program), out);
    help_files(program, out);
    help_settings(conf, out);
    buf_add_str(out, "\nExamples:\n");
    add_example(program, out);
    buf_addf(out, "\nExit codes: %s\n",
             is_daemon(program) ? DAEMON_EXITS : program->exits);
}

/* --- the manual page ---------------------------------------------------------
 */

static void man_words(const char *title, const struct conf_word *word,
                      struct buf *out)
{
    if (word == NULL) {
        return;
    }
    man_section(out, title);
    for (; word->name != NULL; word++) {
        man_item(out, word->name, word->value, word->help);
    }
}

static void man_on_section(void *ctx, const char *section)
{
    char title[NAME_MAX_BYTES];

    (void)snprintf(title, sizeof title, "[%s]", section);
    man_subsection(ctx, title);
}

static void man_on_setting(void *ctx, const struct conf_setting *setting)
{
    const struct conf_option *option = setting->option;
    char tag[NAME_MAX_BYTES];
    struct buf text;

    (void)snprintf(tag, sizeof tag, "%s =", option->key);
    buf_init(&text, EXPECT_MAX);
    buf_addf(&text, "%s\n\nExpected: ", option->help);
    conf_value_expect(option, &text);
    buf_add_str(&text, option->live ? ". Reload: yes." : ".");
    man_item(ctx, tag, conf_fallback(option), buf_str(&text));
    buf_fini(&text);
}

static void man_files(const struct conf_program *program,
                      const struct conf *conf, struct buf *out)
{
    struct buf names;

    if (program->n_files == 0) {
        return;
    }
    man_section(out, "FILES");
    man_text(out, "These are " FILES_READ ":");
    buf_init(&names, EXPECT_MAX);
    for (size_t i = 0; i < program->n_files; i++) {
        buf_addf(&names, "%s/%s\n", HYP_SYSCONFDIR, program->files[i].name);
    }
    man_lines(out, buf_str(&names));
    buf_fini(&names);
    man_text(out, "Their sections and keys, each with its default:");
    conf_each(conf, NULL, man_on_section, man_on_setting, out);
    man_section(out, "ENVIRONMENT");
    man_text(out, ENVIRONMENT);
}

static void man_daemon(const struct conf_program *program, struct buf *out)
{
    if (!is_daemon(program)) {
        return;
    }
    man_section(out, "SIGNALS");
    man_item(out, "TERM", NULL,
             "Ends in order: what was taken is finished or given back.");
    man_item(out, "HUP", NULL,
             "Reads its configuration again. Options with \"Reload: yes\" are "
             "taken; what needs a restart is told in the log and by "
             "\"hypcontrol reload\". A configuration that is not good changes "
             "nothing.");
}

void conf_program_man(const struct conf_program *program,
                      const struct conf *conf, struct buf *out)
{
    struct buf text;

    man_begin(out, program->name, 8, program->summary);
    man_section(out, "SYNOPSIS");
    man_item(out, program->name,
             is_daemon(program) ? "[OPTION]..." : program->usage, "");
    man_section(out, "DESCRIPTION");
    man_text(out, program->description);
    man_words("COMMANDS", program->commands, out);
    man_words("OPTIONS", options_of(program), out);
    man_files(program, conf, out);
    man_daemon(program, out);
    man_section(out, "EXIT STATUS");
    man_text(out, is_daemon(program) ? DAEMON_EXITS : program->exits);
    man_section(out, "EXAMPLES");
    buf_init(&text, CONF_TEXT_MAX);
    add_example(program, &text);
    man_lines(out, buf_str(&text));
    buf_fini(&text);
    man_section(out, "SEE ALSO");
    man_text(out, "hyp(1), hypcontrol(8), service(8)");
}
