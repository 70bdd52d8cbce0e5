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
#include "common/conf/conf_program.h"

enum {
    HELP_WIDTH = 78
};

enum command {
    COMMAND_RUN,
    COMMAND_CHECK,
    COMMAND_PRINT,
    COMMAND_SAMPLE,
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

typedef bool take_fn(struct args *args, const char *value);

/** One option of the command line. */
struct flag {
    const char *name;
    const char *value; /* what it takes, for --help; NULL: nothing */
    bool optional;     /* the value may be left out */
    take_fn *take;
    const char *help;
};

static bool take_dir(struct args *args, const char *value)
{
    args->config_dir = value;
    return true;
}

static bool take_config(struct args *args, const char *value)
{
    if (args->n_configs == CONF_SET_MAX) {
        return false;
    }
    args->configs[args->n_configs++] = value;
    return true;
}

static bool take_set(struct args *args, const char *value)
{
    if (args->n_sets == CONF_SET_MAX) {
        return false;
    }
    args->sets[args->n_sets++] = value;
    return true;
}

static bool take_check(struct args *args, const char *value)
{
    (void)value;
    args->command = COMMAND_CHECK;
    return true;
}

static bool take_print(struct args *args, const char *value)
{
    (void)value;
    args->command = COMMAND_PRINT;
    return true;
}

static bool take_sample(struct args *args, const char *value)
{
    args->command = COMMAND_SAMPLE;
    args->sample_file = value;
    return true;
}

static bool take_help(struct args *args, const char *value)
{
    (void)value;
    args->command = COMMAND_HELP;
    return true;
}

static bool take_version(struct args *args, const char *value)
{
    (void)value;
    args->command = COMMAND_VERSION;
    return true;
}

static const struct flag flags[] = {
    {"--config-dir", "DIR", false, take_dir,
     "folder of the configuration files (default " HYP_SYSCONFDIR ")"},
    {"--config", "FILE", false, take_config,
     "one more file, read over the others; may be given again"},
    {"--set", "SECTION.KEY=VALUE", false, take_set,
     "set one value over files and environment; may be given again"},
    {"--check-config", NULL, false, take_check,
     "read and check the configuration, start nothing"},
    {"--print-config", NULL, false, take_print,
     "print each value and where it was set; secrets are not shown"},
    {"--sample-config", "FILE", true, take_sample,
     "print a commented sample of one file, or of all sections"},
    {"--help", NULL, false, take_help, "print this text"},
    {"--version", NULL, false, take_version, "print the version"},
};

enum {
    N_FLAGS = sizeof flags / sizeof flags[0]
};

/* --- the command line ---------------------------------------------------- */

/* Whether the argument is this flag; *value is what stands behind "=". */
static bool is_flag(const struct flag *flag, const char *arg,
                    const char **value)
{
    size_t len = strlen(flag->name);

    if (strncmp(arg, flag->name, len) != 0 ||
        (arg[len] != '\0' && arg[len] != '=')) {
        return false;
    }
    *value = arg[len] == '=' ? arg + len + 1 : NULL;
    return true;
}

static const struct flag *find_flag(const char *arg, const char **value)
{
    if (strcmp(arg, "-h") == 0) {
        arg = "--help";
    }
    for (size_t i = 0; i < N_FLAGS; i++) {
        if (is_flag(&flags[i], arg, value)) {
            return &flags[i];
        }
    }
    return NULL;
}

/* Take argv[*i] and, where its value is apart, the argument after it. */
static enum err parse_arg(struct args *args, char **argv, int *i,
                          struct errbuf *why)
{
    const char *value = NULL;
    const struct flag *flag = find_flag(argv[*i], &value);

    if (flag == NULL) {
        errbuf_set(why, "unknown argument \"%.80s\"", argv[*i]);
        return ERR_INVALID;
    }
    if (flag->value == NULL && value != NULL) {
        errbuf_set(why, "%s takes no value", flag->name);
        return ERR_INVALID;
    }
    if (flag->value != NULL && !flag->optional && value == NULL) {
        value = argv[*i + 1]; /* argv ends with NULL */
        *i += value != NULL;
    }
    if (flag->value != NULL && !flag->optional &&
        (value == NULL || *value == '\0')) {
        errbuf_set(why, "%s needs %s", flag->name, flag->value);
        return ERR_INVALID;
    }
    if (!flag->take(args, value)) {
        errbuf_set(why, "%s is given more than %d times", flag->name,
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

static enum err read_all(const struct conf_program *program, struct conf *conf,
                         const struct args *args, struct errbuf *why)
{
    enum err err = read_files(program, conf, args, why);

    if (err == ERR_OK) {
        err = conf_read_env(conf, why);
    }
    for (size_t i = 0; err == ERR_OK && i < args->n_sets; i++) {
        err = apply_set(conf, args->sets[i], why);
    }
    return err;
}

/* --- what is printed
 * ----------------------------------------------------------- */

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
}

static void help_flags(struct buf *out)
{
    buf_add_str(out, "\nCommand line:\n");
    for (size_t i = 0; i < N_FLAGS; i++) {
        const struct flag *flag = &flags[i];

        if (flag->value == NULL) {
            buf_addf(out, "  %s\n", flag->name);
        } else {
            buf_addf(out, flag->optional ? "  %s[=%s]\n" : "  %s %s\n",
                     flag->name, flag->value);
        }
        buf_addf(out, "      %s\n", flag->help);
    }
}

static void help_files(const struct conf_program *program, struct buf *out)
{
    buf_add_str(out, "\nFiles, read in this order; a later one wins, one that "
                     "is missing leaves the\ndefaults:\n");
    for (size_t i = 0; i < program->n_files; i++) {
        buf_addf(out, "  %s/%s\n", HYP_SYSCONFDIR, program->files[i].name);
    }
    buf_add_str(out,
                "\nThe environment overrides the files: HYP_<SECTION>_<KEY> "
                "in capitals, with _ for\n- and \".\"; --set overrides "
                "both.\n");
}

static void help_example(const struct conf_program *program, struct buf *out)
{
    buf_add_str(out, "\nExamples:\n");
    if (program->example != NULL) {
        buf_addf(out, "%s\n", program->example);
        return;
    }
    buf_addf(out,
             "  %s --check-config\n"
             "  %s --config-dir ./etc --print-config\n",
             program->name, program->name);
}

void conf_program_help(const struct conf_program *program,
                       const struct conf *conf, struct buf *out)
{
    struct buf options;

    buf_addf(out, "%s - %s\n\nUsage: %s [OPTION]...\n\n", program->name,
             program->summary, program->name);
    add_wrapped(out, program->description);
    buf_add_char(out, '\n');
    help_flags(out);
    help_files(program, out);
    buf_init(&options, CONF_TEXT_MAX);
    conf_help(conf, &options);
    if (options.len > 0) {
        buf_addf(out, "\nOptions of the files, with their defaults:\n\n%s",
                 buf_str(&options));
    }
    buf_fini(&options);
    help_example(program, out);
    buf_add_str(out, "\nExit codes: 0 done, 1 refused or failed, 2 the "
                     "command line was not understood.\n");
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
            conf_sample_sections(conf, file, program->files[i].sections, out);
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

static int show_sample(const struct conf_program *program,
                       const struct conf *conf, const struct args *args,
                       struct buf *out)
{
    if (add_sample(program, conf, args->sample_file, out) != ERR_OK) {
        char text[ERRBUF_TEXT_MAX];

        (void)snprintf(text, sizeof text, "%.200s is no file of this program",
                       args->sample_file);
        return complain_usage(program, text);
    }
    return show(program, out);
}

/* The commands that read no configuration. */
static int run_told(const struct conf_program *program, const struct conf *conf,
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
        } else {
            buf_addf(&out, "%s %s\n", program->name, PACKAGE_VERSION);
        }
        code = show(program, &out);
    }
    buf_fini(&out);
    return code;
}

/* Read, check and, if told, show; CONF_GO_ON when the program shall start. */
static int run_read(const struct conf_program *program, struct conf *conf,
                    const struct args *args)
{
    struct errbuf why = {0};
    struct buf out;
    int code = CONF_GO_ON;
    bool good = read_all(program, conf, args, &why) == ERR_OK &&
                conf_check(conf, &why) == ERR_OK;

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
