/* SPDX-License-Identifier: Apache-2.0 */
/** The command line of hypcontrol and service, from their own tables. */
#ifndef HYP_CONTROL_CMDLINE_H
#define HYP_CONTROL_CMDLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/conf/conf_program.h"

struct rewriter;

enum {
    EXIT_DONE = 0,
    EXIT_NOT_SO = 1,
    EXIT_USAGE = 2,
    CMDLINE_GO_ON = -1,
    CMDLINE_WORDS_MAX = 8
};

#define CMDLINE_EXITS                                                          \
    "0 all that was asked for is so, 1 it is not, 2 the command line was not " \
    "understood."

/** Options that both programs take, for their tables. */
#define CMDLINE_COMMON_OPTIONS                                                 \
    {"--prefix", "DIR", "the suite installed there"},                          \
        {"--check-config", NULL, "read and check the configuration"},          \
        {"--print-config", NULL,                                               \
         "print each value and where it was set; secrets are not shown"},      \
        {"--sample-config", "[=FILE]",                                         \
         "print a commented sample of one file, or of all sections, with "     \
         "what --set says put in"},                                            \
        {"--set", "SECTION.KEY=VALUE",                                         \
         "with --sample-config and the two above it; may be given again"},     \
        {"--man", NULL, "print the manual page, for man -l -"},                \
        {"--help", NULL, "print this text"},                                   \
    {                                                                          \
        "--version", NULL, "print the version"                                 \
    }

struct cmdline {
    const char *prefix; /**< NULL: as built */
    int64_t wait_ms;    /**< 0: as configured */
    bool json;
    bool secrets;
    bool dry_run;
    struct rewriter *rewriter;            /**< hypcontrol's own; NULL: none */
    const char *words[CMDLINE_WORDS_MAX]; /**< what is no option */
    int n;
};

/** What a program that reads hypcontrol.conf and the suite's shared files
 *  tells of itself: the rest of the members is the caller's. */
struct conf_program cmdline_program(const char *name);

/**
 * Read the command line. What only tells (--help, --print-config, ...) is
 * done at once. Returns CMDLINE_GO_ON or the code to exit with, after one line
 * on standard error when something was wrong.
 */
MUST_CHECK int cmdline_parse(const struct conf_program *program, int argc,
                             char **argv, struct cmdline *line);
/** Which of these words, ended by one without a name, is called so; -1: none.
 */
int cmdline_find(const struct conf_word *words, const char *name);
/** Tell that it was not understood; returns EXIT_USAGE. */
int cmdline_usage(const struct conf_program *program);

#endif
