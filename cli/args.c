/* SPDX-License-Identifier: Apache-2.0 */
/** The command line taken apart: options may stand anywhere. */
#include "cli/args.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    HELP_COLUMN = 24
};

const struct option_info options[] = {
    {"output", 'o', "FORMAT", "table, wide, json, yaml, csv or name"},
    {"filter", 0, "FILTER",
     "only what matches: 'state>=2 and component~\"^web\"'"},
    {"search", 0, "TEXT", "only what has the text in its names or output"},
    {"sort", 0, "FIELD", "order by this field; -FIELD from high to low"},
    {"limit", 0, "N", "at most N (default 100; 0: all)"},
    {"opened", 0, "WHICH",
     "true: open alarms (default); false: resolved; both"},
    {"steps", 0, NULL, "show the alarm's steps too"},
    {"message", 'm', "TEXT", "what is said with the action"},
    {"author", 0, "NAME", "who acts (default: your user name)"},
    {"for", 0, "DURATION", "how long: 90s, 15m, 4h, 3d"},
    {"url", 0, "URL", "address of the ticket"},
    {"release", 0, NULL, "let the next check change the state again"},
    {"from", 0, "TIME", "seconds since 1970, or before now: -3h"},
    {"to", 0, "TIME", "likewise (default: now)"},
    {"step", 0, "DURATION", "one point for each such time"},
    {"agg", 0, "NAME", "of each step: min, mean, max, last or count"},
    {"resolution", 0, "NAME",
     "read points (raw) or their roll-ups (minute, hour)"},
    {"raw", 0, NULL, "counters as stored, not as rates"},
    {"entity", 0, "ID", "of this entity"},
    {"event", 0, "FILE", "an event of this file (-: standard input)"},
    {"id", 0, "ID", "the logged event of this id"},
    {"at", 0, "TIME", "when it is received (default: now): as --from"},
    {"replay", 0, "DURATION", "events logged since so long: 1h, 24h"},
    {"default", 0, "ACTION", "the engine's default_action: pass or drop"},
    {"target", 0, "WHERE", "where the text goes: text, html, json or header"},
    {"component", 0, "NAME", "only of this component and what it has"},
    {"file", 'f', "FILE", "read from the file (-: standard input)"},
    {"json", 'j', "JSON", "this event, or array of events"},
    {"set", 0, "NAME", "the objects belong to this set (label \"set\")"},
    {"source", 0, "NAME", "who knows what is imported"},
    {"partial", 0, NULL, "what the file has not stays as it is"},
    {"prune", 0, NULL, "delete what the set has and the files have not"},
    {"amqp", 0, NULL, "over the message bus, not the API"},
    {"spool", 0, "DIR", "with --amqp: where events wait for the broker"},
    {"connectors", 0, "N", "so many connectors (default 1)"},
    {"components", 0, "N", "so many components of each (default 100)"},
    {"resources", 0, "N", "so many resources of each (default 10)"},
    {"changes", 0, "PERCENT", "events with a new state (default 5)"},
    {"batch", 0, "N", "events in a message or request (default 1)"},
    {"rate", 0, "N", "events a second (default: flat out)"},
    {"once", 0, NULL, "print once and end"},
    {"interval", 0, "DURATION", "time between two looks"},
    {"all", 0, NULL, "all there are"},
    {"body", 0, "FILE", "this instead of what was refused (-: standard input)"},
    {"store", 0, "URI", "this store (default: that of storage.conf)"},
    {"verify", 0, NULL, "read the file to its end and tell what it holds"},
    {"replace", 0, NULL, "also where a store is: it goes"},
    {"yes", 'y', NULL, "do not ask"},
    {"dry-run", 0, NULL, "show what would be done, do nothing"},
    {"server", 0, "URL", "address of the API (default: this machine's)"},
    {"key-file", 0, "FILE", "file with the API key"},
    {"config-dir", 0, "FOLDER", "where webserver.conf and secrets/ are"},
    {"profile", 0, "NAME", "the installation of this name (profiles.conf)"},
    {"check-config", 0, NULL, "are address and key to be found? start nothing"},
    {"print-config", 0, NULL, "print them and where they were set"},
    {"man", 0, NULL, "print the manual page, for man -l -"},
    {"version", 0, NULL, "print the version"},
    {"help", 'h', NULL, "explain"},
    {0},
};

static enum err find_long(const char *text, size_t len, size_t *at,
                          struct errbuf *why)
{
    for (size_t i = 0; options[i].name != NULL; i++) {
        if (strlen(options[i].name) == len &&
            strncmp(options[i].name, text, len) == 0) {
            *at = i;
            return ERR_OK;
        }
    }
    errbuf_set(why, "there is no option --%.*s", (int)len, text);
    return ERR_INVALID;
}

static enum err find_letter(char letter, size_t *at, struct errbuf *why)
{
    for (size_t i = 0; options[i].name != NULL; i++) {
        if (options[i].letter == letter) {
            *at = i;
            return ERR_OK;
        }
    }
    errbuf_set(why, "there is no option -%c", letter);
    return ERR_INVALID;
}

/* value: what stands in the same word, NULL when nothing does. */
static enum err take_option(struct args *args, size_t at, const char *value,
                            char **argv, int *i, struct errbuf *why)
{
    const struct option_info *option = &options[at];

    if (args->values[at] != NULL) {
        errbuf_set(why, "--%s is given twice", option->name);
        return ERR_INVALID;
    }
    if (option->value == NULL) {
        if (value != NULL) {
            errbuf_set(why, "--%s takes no value", option->name);
            return ERR_INVALID;
        }
        args->values[at] = "";
        return ERR_OK;
    }
    if (value == NULL) {
        value = argv[*i + 1];
        if (value == NULL) {
            errbuf_set(why, "--%s needs a value: %s", option->name,
                       option->value);
            return ERR_INVALID;
        }
        ++*i;
    }
    args->values[at] = value;
    return ERR_OK;
}

static enum err take_word(struct args *args, const char *word,
                          struct errbuf *why)
{
    if (args->n == ARGS_MAX) {
        errbuf_set(why, "more than %d arguments", ARGS_MAX);
        return ERR_LIMIT;
    }
    args->words[args->n++] = word;
    return ERR_OK;
}

static enum err take(struct args *args, char **argv, int *i, struct errbuf *why)
{
    const char *word = argv[*i];
    enum err err;
    size_t at;

    if (strncmp(word, "--", 2) == 0) {
        const char *equal = strchr(word, '=');
        size_t len =
            equal != NULL ? (size_t)(equal - word) - 2 : strlen(word) - 2;

        err = find_long(word + 2, len, &at, why);
        return err != ERR_OK
                   ? err
                   : take_option(args, at, equal != NULL ? equal + 1 : NULL,
                                 argv, i, why);
    }
    if (word[0] == '-' && word[1] != '\0') {
        err = find_letter(word[1], &at, why);
        return err != ERR_OK
                   ? err
                   : take_option(args, at, word[2] != '\0' ? word + 2 : NULL,
                                 argv, i, why);
    }
    return take_word(args, word, why);
}

enum err args_parse(int argc, char **argv, struct args *args,
                    struct errbuf *why)
{
    bool only_words = false;

    *args = (struct args){0};
    for (int i = 1; i < argc; i++) {
        enum err err;

        if (!only_words && strcmp(argv[i], "--") == 0) {
            only_words = true;
            continue;
        }
        err = only_words ? take_word(args, argv[i], why)
                         : take(args, argv, &i, why);
        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

const char *args_get(const struct args *args, const char *name)
{
    size_t at;

    BUG_IF(find_long(name, strlen(name), &at, NULL) != ERR_OK);
    return args->values[at];
}

bool args_listed(const char *list, const char *word)
{
    size_t len = strlen(word);

    while (*list != '\0') {
        size_t n = strcspn(list, " ");

        if (n == len && strncmp(list, word, n) == 0) {
            return true;
        }
        list += n + (list[n] == ' ');
    }
    return false;
}

const char *args_stranger(const struct args *args, const char *list)
{
    for (size_t i = 0; options[i].name != NULL; i++) {
        if (args->values[i] != NULL && !args_listed(list, options[i].name)) {
            return options[i].name;
        }
    }
    return NULL;
}

void args_help(const char *list, struct buf *out)
{
    for (size_t i = 0; options[i].name != NULL; i++) {
        const struct option_info *o = &options[i];
        char left[64];

        if (!args_listed(list, o->name)) {
            continue;
        }
        (void)snprintf(
            left, sizeof left, "  %c%c%s --%s%s%s", o->letter != 0 ? '-' : ' ',
            o->letter != 0 ? o->letter : ' ', o->letter != 0 ? "," : " ",
            o->name, o->value != NULL ? " " : "",
            o->value != NULL ? o->value : "");
        buf_addf(out, "%-*s  %s\n", HELP_COLUMN, left, o->help);
    }
}
