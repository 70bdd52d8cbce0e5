/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Option tables and INI files. One table per program part gives the parser,
 * the bounds, --help, --check-config, --print-config, the sample file and the
 * manual page, so none of them can disagree.
 */
#ifndef HYP_CONF_CONF_H
#define HYP_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

enum {
    CONF_SECRET_MAX = 4096,    /**< longest secret, bytes */
    CONF_TEXT_MAX = 256 * 1024 /**< what print, sample and help may take */
};

enum conf_type {
    CONF_STRING,   /**< char *, never NULL; "" when the default is NULL */
    CONF_BOOL,     /**< bool; yes/no, true/false, on/off, 1/0 */
    CONF_INT,      /**< int64_t, within min..max */
    CONF_DURATION, /**< int64_t milliseconds, within min..max; "90s" */
    CONF_SIZE,     /**< int64_t bytes, within min..max; "64K", "8M", "1G" */
    CONF_LIST,     /**< struct conf_list; comma separated, blanks trimmed */
    CONF_HOSTS,    /**< the same of "host" or "host:port" */
    CONF_CHOICE,   /**< int64_t index into choices */
    CONF_PATH,     /**< char *; a relative one counts from the file's folder */
    CONF_SECRET    /**< char *; the content of the file named (first line),
                        never printed; the file must not be readable by all */
};

struct conf_list {
    char **items;
    size_t n;
};

/** One option; a table ends with a zeroed row. */
struct conf_option {
    const char *section;
    const char *key;
    enum conf_type type;
    size_t offset;        /**< of the field in the part's struct */
    const char *fallback; /**< default as it would stand in the file; NULL
                               with a min above 0: must be set */
    int64_t min, max;     /**< both 0: no bounds. Of the value; of a string's
                               bytes; of a list's items */
    const char *unit;     /**< of a CONF_INT, for people; may be NULL */
    const char *const *choices; /**< NULL-terminated, for CONF_CHOICE */
    const char *help;           /**< one line */
    /** What conf_check asks last, of the part's struct, for what one value
     *  alone does not tell; NULL: nothing. ERR_INVALID with why. */
    enum err (*check)(const void *values, struct errbuf *why);
    bool live; /**< a reload takes it: it is read where it is used */
};

/** A part of a program's configuration: a table and the struct it fills. */
struct conf_part {
    const struct conf_option *options;
    void *values; /**< struct that offset counts from */
};

struct conf;

/** Begin: every value at its default. parts is borrowed (n of them). An option
 *  of the same section and key may stand in several parts: all are set. */
struct conf *conf_new(const struct conf_part *parts, size_t n);
/** Release; frees the strings and lists in the parts' structs too. */
void conf_free(struct conf *conf);
/** Folder that relative paths count from when no file names them (defaults,
 *  environment, command line); "." at first. Call before anything is read. */
void conf_set_folder(struct conf *conf, const char *folder);
/**
 * Read one INI file over what is set. Sections and keys not in any table are
 * refused, and a key that stands twice.
 * Returns ERR_OK; ERR_NOT_FOUND (no such file); ERR_UNAVAILABLE (cannot be
 * read); ERR_INVALID with "FILE:LINE: key: what is wrong; expected ...".
 */
MUST_CHECK enum err conf_read_file(struct conf *conf, const char *path,
                                   struct errbuf *why);
/** The same for a file that may fill only these sections (NULL-terminated
 *  names; NULL: all). */
MUST_CHECK enum err conf_read_sections(struct conf *conf, const char *path,
                                       const char *const *sections,
                                       struct errbuf *why);
/** Apply environment HYP_<SECTION>_<KEY> (upper case, - and . as _). */
MUST_CHECK enum err conf_read_env(struct conf *conf, struct errbuf *why);
/** Set one value as the command line or a test would. */
MUST_CHECK enum err conf_set(struct conf *conf, const char *section,
                             const char *key, const char *value,
                             struct errbuf *why);
/** When all is read: what must be set is set, and secrets whose file is still
 *  the default's are read. ERR_INVALID with "section.key: ...; expected ...".
 */
MUST_CHECK enum err conf_check(struct conf *conf, struct errbuf *why);
/** Each value and where it was set ("default", "FILE:LINE", "environment",
 *  "set"); secrets as "(set)". INI form. */
void conf_print(const struct conf *conf, struct buf *out);
/** A commented sample file from the tables: every key, its default, bounds. */
void conf_sample(const struct conf *conf, const char *title, struct buf *out);
/** The same with these sections only (NULL-terminated names; NULL: all). */
void conf_sample_sections(const struct conf *conf, const char *title,
                          const char *const *sections, struct buf *out);
/** The options part of --help. */
void conf_help(const struct conf *conf, struct buf *out);
/** Whether any option of that section and key exists. */
bool conf_has(const struct conf *conf, const char *section, const char *key);

#endif
