/* SPDX-License-Identifier: Apache-2.0 */
/** Inside common/conf: the settings of a program, flat. */
#ifndef HYP_CONF_CONF_PRIVATE_H
#define HYP_CONF_CONF_PRIVATE_H

#include "common/conf/conf_program.h"
#include "common/conf/conf_value.h"

#define CONF_ORIGIN_DEFAULT "default"
#define CONF_ORIGIN_ENV     "environment"
#define CONF_ORIGIN_SET     "set"

struct conf_setting {
    const struct conf_option *option;
    void *field;
    char *origin;     /**< owned; who set it */
    char *text;       /**< owned; as it was set; NULL: never was */
    char *known;      /**< owned; what it was when all was read */
    unsigned reading; /**< number of the file reading that set it, or 0 */
};

struct conf {
    struct conf_setting *settings;
    size_t n;
    char *folder; /**< that relative paths count from outside of files */
    unsigned readings;
};

/** Remember what each setting is, to see by what has changed: with the content
 *  of secrets, and the state of files that paths name. */
void conf_remember(struct conf *conf);
/** All that a program reads, by its command line, into a new conf, checked. */
MUST_CHECK enum err conf_program_read(const struct conf_program *program,
                                      int argc, char **argv, struct conf *conf,
                                      struct errbuf *why);
/** The command line of every daemon. */
extern const struct conf_word conf_daemon_options[];

/** Whether names (NULL: every name) holds name. */
bool conf_has_name(const char *const *names, const char *name);
/** Whether no setting before the i-th has its section. */
bool conf_is_first_of_section(const struct conf *conf, size_t i);
/** Whether no setting before the i-th has its section and key. */
bool conf_is_first_of_key(const struct conf *conf, size_t i);
/** Its default as it stands in a file, "" without one. */
const char *conf_fallback(const struct conf_option *option);
/** Give each option to fn, section by section, each key once; sections as in
 *  conf_has_name. */
typedef void conf_section_fn(void *ctx, const char *section);
typedef void conf_setting_fn(void *ctx, const struct conf_setting *setting);
void conf_each(const struct conf *conf, const char *const *sections,
               conf_section_fn *on_section, conf_setting_fn *on_setting,
               void *ctx);
/** Append the name of the environment variable that overrides the option. */
void conf_env_name(const struct conf_option *option, struct buf *out);

#endif
