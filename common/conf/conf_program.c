/* SPDX-License-Identifier: Apache-2.0 */
/** The command line that every daemon shares. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/conf/conf_private.h"
#include "common/conf/conf_program.h"

const char *const conf_amqp_sections[] = {"amqp", NULL};
const char *const conf_storage_sections[] = {"storage", NULL};
const char *const conf_partitions_sections[] = {"partitions", NULL};

enum command {
    COMMAND_RUN,
    COMMAND_CHECK,
    COMMAND_PRINT,
    COMMAND_SAMPLE,
    COMMAND_MAN,
    COMMAND_HELP,
    COMMAND_VERSION
};

/** What the command line says; texts borrow from argv. */
struct args {
    enum command command;
    const char *config_dir;
    const char *sample_file; /* NULL: every section */
    const char *configs[CONF_SET_MAX];
    size_t n_configs;
    const char *sets[CONF_SET_MAX];
    size_t n_sets;
};

enum flag {
    FLAG_CONFIG_DIR,
    FLAG_CONFIG,
    FLAG_SET,
    FLAG_CHECK,
    FLAG_PRINT,
    FLAG_SAMPLE,
    FLAG_MAN,
    FLAG_HELP,
    FLAG_VERSION,
    N_FLAGS
};

const struct conf_word conf_daemon_options[] = {
    [FLAG_CONFIG_DIR] =
        {"--config-dir", "DIR",
         "folder of the configuration files (default " HYP_SYSCONFDIR ")"},
    [FLAG_CONFIG] = {"--config", "FILE",
                     "one more file, read over the others; may be given again"},
    [FLAG_SET] = {"--set", "SECTION.KEY=VALUE",
                  "set one value over files and environment; may be given "
                  "again"},
    [FLAG_CHECK] = {"--check-config", NULL,
                    "read and check the configuration, start nothing"},
    [FLAG_PRINT] = {"--print-config", NULL,
                    "print each value and where it was set; secrets are not "
                    "shown"},
    [FLAG_SAMPLE] = {"--sample-config", "[=FILE]",
                     "print a commented sample of one file, or of all "
                     "sections, with what --set says put in"},
    [FLAG_MAN] = {"--man", NULL, "print the manual page, for man -l -"},
    [FLAG_HELP] = {"--help", NULL, "print this text"},
    [FLAG_VERSION] = {"--version", NULL, "print the version"},
    [N_FLAGS] = {0}};

/* False: too many of them. */
static bool take_flag(struct args *args, enum flag flag, const char *value)
{
    switch (flag) {
    case FLAG_CONFIG_DIR:
        args->config_dir = value;
        return true;
    case FLAG_CONFIG:
        if (args->n_configs < CONF_SET_MAX) {
            args->configs[args->n_configs++] = value;
            return true;
        }
        return false;
    case FLAG_SET:
        if (args->n_sets < CONF_SET_MAX) {
            args->sets[args->n_sets++] = value;
            return true;
        }
        return false;
    case FLAG_SAMPLE:
        args->sample_file = value;
        args->command = COMMAND_SAMPLE;
        return true;
    case FLAG_CHECK:
        args->command = COMMAND_CHECK;
        return true;
    case FLAG_PRINT:
        args->command = COMMAND_PRINT;
        return true;
    case FLAG_MAN:
        args->command = COMMAND_MAN;
        return true;
    case FLAG_HELP:
        args->command = COMMAND_HELP;
        return true;
    case FLAG_VERSION:
        args->command = COMMAND_VERSION;
        return true;
    case N_FLAGS:
    default:
        return false;
    }
}

/* --- the command line ---------------------------------------------------- */

/* Whether the argument is this word; *value is what stands behind "=". */
static bool is_word(const struct conf_word *word, const char *arg,
                    const char **value)
{
    size_t len = strlen(word->name);

    if (strncmp(arg, word->name, len) != 0 ||
        (arg[len] != '\0' && arg[len] != '=')) {
        return false;
    }
    *value = arg[len] == '=' ? arg + len + 1 : NULL;
    return true;
}

static enum flag find_flag(const char *arg, const char **value)
{
    size_t flag = 0;

    if (strcmp(arg, "-h") == 0) {
        arg = "--help";
    }
    while (flag < N_FLAGS && !is_word(&conf_daemon_options[flag], arg, value)) {
        flag++;
    }
    return (enum flag)flag;
}

static bool needs_value(const struct conf_word *word)
{
    return word->value != NULL && word->value[0] != '[';
}

/* Take argv[*i] and, where its value is apart, the argument after it. */
static enum err parse_arg(struct args *args, char **argv, int *i,
                          struct errbuf *why)
{
    const char *value = NULL;
    enum flag flag = find_flag(argv[*i], &value);
    const struct conf_word *word = &conf_daemon_options[flag];

    if (flag == N_FLAGS) {
        errbuf_set(why, "unknown argument \"%.80s\"", argv[*i]);
        return ERR_INVALID;
    }
    if (word->value == NULL && value != NULL) {
        errbuf_set(why, "%s takes no value", word->name);
        return ERR_INVALID;
    }
    if (needs_value(word) && value == NULL) {
        value = argv[*i + 1]; /* argv ends with NULL */
        *i += value != NULL;
    }
    if (needs_value(word) && (value == NULL || *value == '\0')) {
        errbuf_set(why, "%s needs %s", word->name, word->value);
        return ERR_INVALID;
    }
    if (!take_flag(args, flag, value)) {
        errbuf_set(why, "%s is given more than %d times", word->name,
                   (int)CONF_SET_MAX);
        return ERR_INVALID;
    }
    return ERR_OK;
}

static enum err parse_args(struct args *args, int argc, char **argv,
                           struct errbuf *why)
{
    for (int i = 1; i < argc; i++) {
        enum err err = parse_arg(args, argv, &i, why);

        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

/* --- reading ----------------------------------------------------------------
 */

static enum err read_files(const struct conf_program *program,
                           struct conf *conf, const struct args *args,
                           struct errbuf *why)
{
    for (size_t i = 0; i < program->n_files; i++) {
        const struct conf_file *file = &program->files[i];
        char *path = xasprintf("%s/%s", args->config_dir, file->name);
        enum err err = conf_read_sections(conf, path, file->sections, why);

        free(path);
        if (err != ERR_OK && err != ERR_NOT_FOUND) {
            return err;
        }
    }
    for (size_t i = 0; i < args->n_configs; i++) {
        enum err err = conf_read_file(conf, args->configs[i], why);

        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

static enum err apply_set(struct conf *conf, const char *text,
                          struct errbuf *why)
{
    struct errbuf inner = {0};
    const char *equals = strchr(text, '=');
    const char *dot = strchr(text, '.');
    char *section;
    char *key;
    enum err err;

    if (equals == NULL || dot == NULL || dot > equals) {
        errbuf_set(why, "--set \"%.80s\": expected SECTION.KEY=VALUE", text);
        return ERR_INVALID;
    }
    section = xstrndup(text, (size_t)(dot - text));
    key = xstrndup(dot + 1, (size_t)(equals - dot - 1));
    err = conf_set(conf, section, key, equals + 1, &inner);
    if (err != ERR_OK) {
        errbuf_set_field(why, inner.field, "--set: %s", inner.text);
    }
    free(section);
    free(key);
    return err;
}

static enum err apply_sets(struct conf *conf, const struct args *args,
                           struct errbuf *why)
{
    enum err err = ERR_OK;

    for (size_t i = 0; err == ERR_OK && i < args->n_sets; i++) {
        err = apply_set(conf, args->sets[i], why);
    }
    return err;
}

static enum err read_all(const struct conf_program *program, struct conf *conf,
                         const struct args *args, struct errbuf *why)
{
    enum err err = read_files(program, conf, args, why);

    if (err == ERR_OK) {
        err = conf_read_env(conf, why);
    }
    return err == ERR_OK ? apply_sets(conf, args, why) : err;
}

/* --- what is printed --------------------------------------------------------
 */

/* Whether some file of the program is the only one that may fill it. */
static bool is_claimed(const struct conf_program *program, const char *section)
{
    for (size_t i = 0; i < program->n_files; i++) {
        if (program->files[i].sections != NULL &&
            conf_has_name(program->files[i].sections, section)) {
            return true;
        }
    }
    return false;
}

/* The sections that a sample of the file shows. Gives names (borrowed texts),
 * NULL-terminated. */
static const char **sample_sections(const struct conf_program *program,
                                    const struct conf *conf,
                                    const struct conf_file *file)
{
    const char **names = xcalloc(conf->n + 1, sizeof *names);
    size_t n = 0;

    for (size_t i = 0; i < conf->n; i++) {
        const char *section = conf->settings[i].option->section;
        bool shown = file->sections != NULL
                         ? conf_has_name(file->sections, section)
                         : !is_claimed(program, section);

        if (shown && conf_is_first_of_section(conf, i)) {
            names[n++] = section;
        }
    }
    return names;
}

static enum err add_sample(const struct conf_program *program,
                           const struct conf *conf, const char *file,
                           struct buf *out)
{
    if (file == NULL) {
        conf_sample(conf, program->summary, out);
        return ERR_OK;
    }
    for (size_t i = 0; i < program->n_files; i++) {
        if (strcmp(program->files[i].name, file) == 0) {
            const char **names =
                sample_sections(program, conf, &program->files[i]);

            conf_sample_sections(conf, file, names, out);
            free(names);
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

static int complain(const struct conf_program *program, const char *text)
{
    (void)fprintf(stderr, "%s: %s\n", program->name, text);
    return CONF_EXIT_BAD;
}

static int complain_usage(const struct conf_program *program, const char *text)
{
    (void)fprintf(stderr, "%s: %s; \"%s --help\" tells more\n", program->name,
                  text, program->name);
    return CONF_EXIT_USAGE;
}

/* Write all to standard output: a full disk or a closed pipe is a failure. */
static int show(const struct conf_program *program, const struct buf *text)
{
    if (fwrite(buf_str(text), 1, text->len, stdout) != text->len ||
        fflush(stdout) != 0) {
        return complain(program, "cannot write to standard output");
    }
    return CONF_EXIT_DONE;
}

static int show_sample(const struct conf_program *program, struct conf *conf,
                       const struct args *args, struct buf *out)
{
    struct errbuf why = {0};

    if (apply_sets(conf, args, &why) != ERR_OK) {
        return complain(program, why.text);
    }
    if (add_sample(program, conf, args->sample_file, out) != ERR_OK) {
        char text[ERRBUF_TEXT_MAX];

        (void)snprintf(text, sizeof text, "%.200s is no file of this program",
                       args->sample_file);
        return complain_usage(program, text);
    }
    return show(program, out);
}

/* The commands that read no configuration. */
static int run_told(const struct conf_program *program, struct conf *conf,
                    const struct args *args)
{
    struct buf out;
    int code;

    buf_init(&out, CONF_TEXT_MAX);
    if (args->command == COMMAND_SAMPLE) {
        code = show_sample(program, conf, args, &out);
    } else {
        if (args->command == COMMAND_HELP) {
            conf_program_help(program, conf, &out);
        } else if (args->command == COMMAND_MAN) {
            conf_program_man(program, conf, &out);
        } else {
            buf_addf(&out, "%s %s\n", program->name, PACKAGE_VERSION);
        }
        code = show(program, &out);
    }
    buf_fini(&out);
    return code;
}

static enum err read_and_check(const struct conf_program *program,
                               struct conf *conf, const struct args *args,
                               struct errbuf *why)
{
    enum err err = read_all(program, conf, args, why);

    if (err == ERR_OK) {
        err = conf_check(conf, why);
    }
    if (err == ERR_OK) {
        conf_remember(conf);
    }
    return err;
}

enum err conf_program_read(const struct conf_program *program, int argc,
                           char **argv, struct conf *conf, struct errbuf *why)
{
    struct args args = {.config_dir = HYP_SYSCONFDIR};
    enum err err = parse_args(&args, argc, argv, why);

    if (err == ERR_OK) {
        conf_set_folder(conf, args.config_dir);
        err = read_and_check(program, conf, &args, why);
    }
    return err;
}

/* Read, check and, if told, show; CONF_GO_ON when the program shall start. */
static int run_read(const struct conf_program *program, struct conf *conf,
                    const struct args *args)
{
    struct errbuf why = {0};
    struct buf out;
    int code = CONF_GO_ON;
    bool good = read_and_check(program, conf, args, &why) == ERR_OK;

    if (!good) {
        return complain(program, why.text);
    }
    buf_init(&out, CONF_TEXT_MAX);
    if (args->command == COMMAND_PRINT) {
        conf_print(conf, &out);
        code = show(program, &out);
    } else if (args->command == COMMAND_CHECK) {
        buf_addf(&out, "%s: the configuration is good\n", program->name);
        code = show(program, &out);
    }
    buf_fini(&out);
    return code;
}

int conf_program_args(const struct conf_program *program, int argc, char **argv,
                      struct conf **conf)
{
    struct args args = {.config_dir = HYP_SYSCONFDIR};
    struct errbuf why = {0};
    struct conf *made;
    int code;

    if (parse_args(&args, argc, argv, &why) != ERR_OK) {
        return complain_usage(program, why.text);
    }
    made = conf_new(program->parts, program->n_parts);
    conf_set_folder(made, args.config_dir);
    code = args.command == COMMAND_RUN || args.command == COMMAND_CHECK ||
                   args.command == COMMAND_PRINT
               ? run_read(program, made, &args)
               : run_told(program, made, &args);
    if (code == CONF_GO_ON) {
        *conf = made;
    } else {
        conf_free(made);
    }
    return code;
}
