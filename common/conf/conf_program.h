/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The command line that every daemon shares: which files are read, what
 * overrides them, and --help, --version and the ways to look at the result.
 */
#ifndef HYP_CONF_CONF_PROGRAM_H
#define HYP_CONF_CONF_PROGRAM_H

#include "common/conf/conf.h"

/** A file under the configuration folder, and the sections it may fill. A
 *  sample of one that may fill all shows those that no other file claims. */
struct conf_file {
    const char *name;            /**< e.g. "engines/cleaner.conf" */
    const char *const *sections; /**< NULL-terminated; NULL: all */
};

/** Names for conf_file.sections of the files that several programs read. */
extern const char *const conf_amqp_sections[];
extern const char *const conf_storage_sections[];
extern const char *const conf_partitions_sections[];

/** A command or an option of a command line, as --help and the manual show
 *  it; a table ends with a zeroed row. */
struct conf_word {
    const char *name;  /**< "start", "--wait" */
    const char *value; /**< what it takes; NULL: nothing; "[=X]": or nothing */
    const char *help;  /**< one line */
};

/** What a program tells of itself; everything is borrowed. */
struct conf_program {
    const char *name;    /**< as started, e.g. "engine-cleaner" */
    const char *summary; /**< one line: what it is */
    const char
        *description;    /**< what it does; a paragraph, wrapped for people */
    const char *example; /**< command lines that help; NULL: a usual one */
    const struct conf_part *parts;
    size_t n_parts;
    const struct conf_file *files; /**< read in this order, later ones win */
    size_t n_files;
    /* Of a program that is no daemon, and reads its command line itself: */
    const char *usage; /**< what stands behind the name; NULL: a daemon */
    const struct conf_word *commands;
    const struct conf_word *options;
    const char *exits; /**< sentence on the exit codes */
};

/** What conf_program_args returns besides the exit codes. */
enum {
    CONF_GO_ON = -1,     /**< the program starts; *conf was given */
    CONF_EXIT_DONE = 0,  /**< what was asked for is printed */
    CONF_EXIT_BAD = 1,   /**< the configuration was refused */
    CONF_EXIT_USAGE = 2, /**< the command line was not understood */
    CONF_SET_MAX = 64,   /**< most --set, and most --config */
};

/**
 * Read the command line and then, each over the one before: defaults, the
 * program's files (one that is missing leaves the defaults), each --config
 * FILE (must be there), the environment, each --set. Then check the whole.
 *
 * conf  gives, with CONF_GO_ON only: release with conf_free() after the last
 *       use of the values.
 * Returns CONF_GO_ON or the code to exit with. Of a failure exactly one line
 * is written to standard error: "NAME: FILE:LINE: key: ...; expected ...".
 */
MUST_CHECK int conf_program_args(const struct conf_program *program, int argc,
                                 char **argv, struct conf **conf);

/** Append the whole text of --help. */
void conf_program_help(const struct conf_program *program,
                       const struct conf *conf, struct buf *out);
/** Append the manual page (section 8), in the man(7) form. */
void conf_program_man(const struct conf_program *program,
                      const struct conf *conf, struct buf *out);

/* --- reload -----------------------------------------------------------------
 */

/** What the files say now, beside what a running program has. */
struct conf_reload;

/** How the running program was started. */
struct conf_start {
    int argc;
    char **argv;
    const struct conf_option *all_live; /**< a table whose options all count as
                                             live; or NULL */
};

/**
 * Read all again as at the start. Nothing changes yet.
 *
 * start  borrows for the call, but for the table.
 * Returns ERR_OK; ERR_INVALID or ERR_UNAVAILABLE with what is wrong.
 */
MUST_CHECK enum err conf_reload_open(const struct conf_program *program,
                                     const struct conf_start *start,
                                     struct conf *conf,
                                     struct conf_reload **out,
                                     struct errbuf *why);
/** Whether a live option of this table is another now. */
bool conf_reload_changes(const struct conf_reload *reload,
                         const struct conf_option *table);
/** Take over the live options that are others now; once more: give back. */
void conf_reload_swap(struct conf_reload *reload);
/** Append "section.key, ..." of those that are (taken), and of those that
 *  need a restart to be (kept). */
void conf_reload_tell(const struct conf_reload *reload, struct buf *taken,
                      struct buf *kept);
void conf_reload_free(struct conf_reload *reload);

#endif
