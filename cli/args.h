/* SPDX-License-Identifier: Apache-2.0 */
/** The command line taken apart: options may stand anywhere. */
#ifndef HYP_CLI_ARGS_H
#define HYP_CLI_ARGS_H

#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"

enum {
    ARGS_MAX = 4096,
    OPTIONS_MAX = 64
};

/** One option that some command takes. */
struct option_info {
    const char *name;  /**< without the dashes */
    char letter;       /**< 0: none */
    const char *value; /**< what --help calls it; NULL: takes none */
    const char *help;
};

/** Ended by a row whose name is NULL. */
extern const struct option_info options[];

struct args {
    const char *values[OPTIONS_MAX]; /**< by row of options; "" when given
                                          without a value */
    const char *words[ARGS_MAX];     /**< what is no option */
    size_t n;
};

/** Sort out argv[1..]; borrows it. ERR_INVALID: unknown option, a missing
 *  value, one too many. */
MUST_CHECK enum err args_parse(int argc, char **argv, struct args *args,
                               struct errbuf *why);
/** The value, or NULL when the option was not given. */
const char *args_get(const struct args *args, const char *name);
/** Whether the blank-separated list holds the word. */
bool args_listed(const char *list, const char *word);
/** First given option that is not in the list; NULL when all are. */
const char *args_stranger(const struct args *args, const char *list);
/** Append one line of help for each option in the list. */
void args_help(const char *list, struct buf *out);

#endif
