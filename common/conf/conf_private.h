/* SPDX-License-Identifier: Apache-2.0 */
/** Inside common/conf: the settings of a program, flat. */
#ifndef HYP_CONF_CONF_PRIVATE_H
#define HYP_CONF_CONF_PRIVATE_H

#include "common/conf/conf_value.h"

#define CONF_ORIGIN_DEFAULT "default"
#define CONF_ORIGIN_ENV     "environment"
#define CONF_ORIGIN_SET     "set"

struct conf_setting {
    const struct conf_option *option;
    void *field;
    char *origin;     /**< owned; who set it */
    unsigned reading; /**< number of the file reading that set it, or 0 */
};

struct conf {
    struct conf_setting *settings;
    size_t n;
    char *folder; /**< that relative paths count from outside of files */
    unsigned readings;
};

/** Whether names (NULL: every name) holds name. */
bool conf_has_name(const char *const *names, const char *name);
/** Whether no setting before the i-th has its section. */
bool conf_is_first_of_section(const struct conf *conf, size_t i);
/** Whether no setting before the i-th has its section and key. */
bool conf_is_first_of_key(const struct conf *conf, size_t i);
/** Append the name of the environment variable that overrides the option. */
void conf_env_name(const struct conf_option *option, struct buf *out);

#endif
