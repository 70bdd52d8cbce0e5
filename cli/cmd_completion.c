/* SPDX-License-Identifier: Apache-2.0 */
/** hyp completion: what a shell needs to complete hyp's command line, made
 *  from the table of commands. */
#include <stdio.h>
#include <string.h>

#include "cli/hyp.h"

enum {
    SCRIPT_MAX = 256 * 1024,
    WORD_MAX = 32
};

/* What an option's value is, by its name in --help. */
static const struct {
    const char *value;
    const char *words; /* NULL: see kind */
    const char *kind;  /* of compgen's actions; NULL: nothing to offer */
} values[] = {
    {"FORMAT", "table wide json yaml csv name", NULL},
    {"WHICH", "true false both", NULL},
    {"ACTION", "pass drop", NULL},
    {"FILE", NULL, "file"},
    {"FOLDER", NULL, "directory"},
    {"DIR", NULL, "directory"},
};

enum {
    N_VALUES = sizeof values / sizeof values[0]
};

typedef void script_fn(struct buf *out);

static bool is_first_of_group(const struct command *command)
{
    for (const struct command *c = commands; c != command; c++) {
        if (c->group != NULL && strcmp(c->group, command->group) == 0) {
            return false;
        }
    }
    return true;
}

/* "alarm ack", "send". */
static void add_name(const struct command *c, struct buf *out)
{
    buf_addf(out, "%s%s%s", c->group != NULL ? c->group : "",
             c->group != NULL ? " " : "", c->name);
}

static void add_quoted(const char *text, const char *specials, struct buf *out)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            buf_add_str(out, "'\\''");
        } else if (strchr(specials, *text) != NULL) {
            buf_addf(out, "\\%c", *text);
        } else {
            buf_add_char(out, *text);
        }
    }
}

/* --file|-f|... of the options whose value is called so; NULL: of all that
 * take one. */
static bool add_flags(const char *value, struct buf *out)
{
    bool any = false;

    for (const struct option_info *o = options; o->name != NULL; o++) {
        if (o->value == NULL ||
            (value != NULL && strcmp(value, o->value) != 0)) {
            continue;
        }
        buf_addf(out, "%s--%s", any ? "|" : "", o->name);
        if (o->letter != 0) {
            buf_addf(out, "|-%c", o->letter);
        }
        any = true;
    }
    return any;
}

/* The words of a usage like "bash|zsh|fish"; false: it is another. */
static bool next_choice(const char **usage, char *word, size_t size)
{
    size_t len = strspn(*usage, "abcdefghijklmnopqrstuvwxyz");

    if (len == 0 || len >= size ||
        ((*usage)[len] != '|' && (*usage)[len] != '\0') ||
        ((*usage)[len] == '\0' && word[0] == '\0')) {
        return false;
    }
    memcpy(word, *usage, len);
    word[len] = '\0';
    *usage += len + ((*usage)[len] == '|');
    return true;
}

/* --- bash -------------------------------------------------------------------
 */

static void add_options(const char *list, struct buf *out)
{
    for (const struct option_info *o = options; o->name != NULL; o++) {
        if (args_listed(list, o->name)) {
            buf_addf(out, " --%s", o->name);
        }
    }
}

static void bash_values(struct buf *out)
{
    for (size_t i = 0; i < N_VALUES; i++) {
        buf_add_str(out, "    ");
        if (!add_flags(values[i].value, out)) {
            buf_add_str(out, "--");
        }
        if (values[i].words != NULL) {
            buf_addf(out, ") words='%s' ;;\n", values[i].words);
        } else {
            buf_addf(out,
                     ") mapfile -t COMPREPLY < <(compgen -A %s -- "
                     "\"$cur\"); return ;;\n",
                     values[i].kind);
        }
    }
    buf_add_str(out, "    ");
    (void)add_flags(NULL, out);
    buf_add_str(out, ") return ;;\n    esac\n");
}

static void add_choices(const struct command *c, struct buf *out)
{
    const char *usage = c->usage;
    char word[WORD_MAX] = "";

    while (next_choice(&usage, word, sizeof word)) {
        buf_addf(out, " %s", word);
    }
}

/* The second words of a group. */
static void bash_group(const struct command *first, struct buf *out)
{
    const char *group = first->group;

    buf_addf(out, "        '%s') words='", group);
    for (const struct command *c = commands; c->name != NULL; c++) {
        if (c->group != NULL && strcmp(c->group, group) == 0) {
            buf_addf(out, "%s%s", c == first ? "" : " ", c->name);
        }
    }
    buf_add_str(out, " --help' ;;\n");
}

static void bash_top(struct buf *out)
{
    buf_add_str(out, "        '') words='");
    for (const struct command *c = commands; c->name != NULL; c++) {
        if (c->group == NULL || is_first_of_group(c)) {
            buf_addf(out, "%s ", c->group != NULL ? c->group : c->name);
        }
    }
    buf_add_str(out, "--help --version --man --check-config "
                     "--print-config' ;;\n");
}

static void bash_script(struct buf *out)
{
    buf_add_str(out,
                "# bash: source <(hyp completion bash)\n"
                "_hyp() {\n"
                "    local cur=${COMP_WORDS[COMP_CWORD]} words='' line='' i\n"
                "    COMPREPLY=()\n"
                "    case ${COMP_WORDS[COMP_CWORD-1]} in\n");
    bash_values(out);
    buf_add_str(out, "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                     "        case ${COMP_WORDS[i]} in\n"
                     "        ");
    (void)add_flags(NULL, out);
    buf_add_str(out, ") i=$((i + 1)) ;;\n"
                     "        -*) ;;\n"
                     "        *) line+=${line:+ }${COMP_WORDS[i]} ;;\n"
                     "        esac\n"
                     "    done\n"
                     "    [ -n \"$words\" ] || case $line in\n");
    bash_top(out);
    for (const struct command *c = commands; c->name != NULL; c++) {
        if (c->group != NULL && is_first_of_group(c)) {
            bash_group(c, out);
        }
    }
    for (const struct command *c = commands; c->name != NULL; c++) {
        buf_add_str(out, "        '");
        add_name(c, out);
        buf_add_str(out, "'*) words='");
        add_choices(c, out);
        add_options(c->options, out);
        add_options(HYP_COMMON_OPTIONS, out);
        buf_add_str(out, "' ;;\n");
    }
    buf_add_str(out, "    esac\n"
                     "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- "
                     "\"$cur\")\n"
                     "}\n"
                     "complete -o default -F _hyp hyp\n");
}

/* --- zsh --------------------------------------------------------------------
 */

static void zsh_item(const char *name, const char *summary, struct buf *out)
{
    buf_addf(out, " '%s:", name);
    add_quoted(summary, "\\:", out);
    buf_add_char(out, '\'');
}

static void zsh_options(const char *list, struct buf *out)
{
    for (const struct option_info *o = options; o->name != NULL; o++) {
        if (args_listed(list, o->name)) {
            char name[64];

            (void)snprintf(name, sizeof name, "--%s", o->name);
            zsh_item(name, o->help, out);
        }
    }
}

static void zsh_values(struct buf *out)
{
    for (size_t i = 0; i < N_VALUES; i++) {
        buf_add_str(out, "    ");
        if (!add_flags(values[i].value, out)) {
            buf_add_str(out, "--");
        }
        if (values[i].words != NULL) {
            buf_addf(out, ") compadd %s; return ;;\n", values[i].words);
        } else {
            buf_addf(out, ") _files%s; return ;;\n",
                     strcmp(values[i].kind, "directory") == 0 ? " -/" : "");
        }
    }
    buf_add_str(out, "    ");
    (void)add_flags(NULL, out);
    buf_add_str(out, ") return ;;\n    esac\n");
}

static void zsh_group(const struct command *first, struct buf *out)
{
    const char *group = first->group;

    buf_addf(out, "        '%s') list=(", group);
    for (const struct command *c = commands; c->name != NULL; c++) {
        if (c->group != NULL && strcmp(c->group, group) == 0) {
            zsh_item(c->name, c->summary, out);
        }
    }
    buf_add_str(out, ") ;;\n");
}

static void zsh_top(struct buf *out)
{
    buf_add_str(out, "        '') list=(");
    for (const struct command *c = commands; c->name != NULL; c++) {
        if (c->group == NULL) {
            zsh_item(c->name, c->summary, out);
        } else if (is_first_of_group(c)) {
            zsh_item(c->group, c->summary, out);
        }
    }
    buf_add_str(out, ") ;;\n");
}

static void zsh_script(struct buf *out)
{
    buf_add_str(out, "#compdef hyp\n"
                     "# zsh: source <(hyp completion zsh)\n"
                     "_hyp() {\n"
                     "    local line='' i\n"
                     "    local -a list\n"
                     "    case ${words[CURRENT-1]} in\n");
    zsh_values(out);
    buf_add_str(out, "    for ((i = 2; i < CURRENT; i++)); do\n"
                     "        case ${words[i]} in\n"
                     "        ");
    (void)add_flags(NULL, out);
    buf_add_str(out, ") i=$((i + 1)) ;;\n"
                     "        -*) ;;\n"
                     "        *) line+=\"${line:+ }${words[i]}\" ;;\n"
                     "        esac\n"
                     "    done\n"
                     "    case $line in\n");
    zsh_top(out);
    for (const struct command *c = commands; c->name != NULL; c++) {
        if (c->group != NULL && is_first_of_group(c)) {
            zsh_group(c, out);
        }
    }
    for (const struct command *c = commands; c->name != NULL; c++) {
        buf_add_str(out, "        '");
        add_name(c, out);
        buf_add_str(out, "'*) list=(");
        add_choices(c, out);
        zsh_options(c->options, out);
        zsh_options(HYP_COMMON_OPTIONS, out);
        buf_add_str(out, ") ;;\n");
    }
    buf_add_str(out, "    esac\n"
                     "    _describe hyp list || _files\n"
                     "}\n"
                     "if [ \"${funcstack[1]-}\" = _hyp ]; then\n"
                     "    _hyp \"$@\"\n"
                     "elif (( ${+functions[compdef]} )); then\n"
                     "    compdef _hyp hyp\n"
                     "fi\n");
}

/* --- fish -------------------------------------------------------------------
 */

static void fish_word(const char *line, const char *word, const char *summary,
                      struct buf *out)
{
    buf_addf(out, "complete -c hyp -n '__hyp_at \"%s\"' -a %s -d '", line,
             word);
    add_quoted(summary, "\\", out);
    buf_add_str(out, "'\n");
}

static void fish_value(const struct option_info *o, struct buf *out)
{
    if (o->value == NULL) {
        return;
    }
    buf_add_str(out, " -r");
    for (size_t i = 0; i < N_VALUES; i++) {
        if (strcmp(values[i].value, o->value) == 0) {
            if (values[i].words != NULL) {
                buf_addf(out, " -f -a '%s'", values[i].words);
            } else {
                buf_add_str(out, " -F");
            }
            return;
        }
    }
    buf_add_str(out, " -f");
}

static void fish_options(const struct command *c, const char *list,
                         struct buf *out)
{
    for (const struct option_info *o = options; o->name != NULL; o++) {
        if (!args_listed(list, o->name)) {
            continue;
        }
        buf_add_str(out, "complete -c hyp -n '__hyp_in \"");
        add_name(c, out);
        buf_addf(out, "\"' -l %s", o->name);
        if (o->letter != 0) {
            buf_addf(out, " -s %c", o->letter);
        }
        fish_value(o, out);
        buf_add_str(out, " -d '");
        add_quoted(o->help, "\\", out);
        buf_add_str(out, "'\n");
    }
}

static void fish_choices(const struct command *c, struct buf *out)
{
    const char *usage = c->usage;
    char word[WORD_MAX] = "";

    while (next_choice(&usage, word, sizeof word)) {
        fish_word(c->name, word, c->summary, out);
    }
}

static void fish_script(struct buf *out)
{
    buf_add_str(out, "# fish: hyp completion fish | source\n"
                     "function __hyp_line\n"
                     "    set -l skip 0\n"
                     "    for word in (commandline -opc)[2..-1]\n"
                     "        if test $skip = 1\n"
                     "            set skip 0\n"
                     "        else if string match -qr '^(");
    (void)add_flags(NULL, out);
    buf_add_str(out, ")$' -- $word\n"
                     "            set skip 1\n"
                     "        else if not string match -q -- '-*' $word\n"
                     "            echo $word\n"
                     "        end\n"
                     "    end\n"
                     "end\n"
                     "function __hyp_at\n"
                     "    test \"$(__hyp_line | string join ' ')\" = "
                     "\"$argv[1]\"\n"
                     "end\n"
                     "function __hyp_in\n"
                     "    string match -q -- \"$argv[1] *\" "
                     "\"$(__hyp_line | string join ' ') \"\n"
                     "end\n");
    for (const struct command *c = commands; c->name != NULL; c++) {
        if (c->group == NULL) {
            fish_word("", c->name, c->summary, out);
        } else {
            if (is_first_of_group(c)) {
                fish_word("", c->group, c->summary, out);
            }
            fish_word(c->group, c->name, c->summary, out);
        }
        fish_choices(c, out);
        fish_options(c, c->options, out);
        fish_options(c, HYP_COMMON_OPTIONS, out);
    }
}

static const struct {
    const char *name;
    script_fn *write;
} shells[] = {
    {"bash", bash_script}, {"fish", fish_script}, {"zsh", zsh_script}};

int cmd_completion(struct hyp *hyp)
{
    const char *name = hyp->args.words[0];
    struct buf out;

    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
        if (strcmp(shells[i].name, name) == 0) {
            buf_init(&out, SCRIPT_MAX);
            shells[i].write(&out);
            (void)fwrite(buf_str(&out), 1, out.len, stdout);
            buf_fini(&out);
            return HYP_DONE;
        }
    }
    hyp_say("%s: expected bash, fish or zsh", name);
    return HYP_USAGE;
}
