/* SPDX-License-Identifier: Apache-2.0 */
/** The INI form: [section], key = value, # and ; comments, optional quotes. */
#ifndef HYP_CONF_INI_H
#define HYP_CONF_INI_H

#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"

enum {
    INI_BYTES_MAX = 1024 * 1024, /**< largest file */
    INI_LINE_MAX = 8192,         /**< longest line, bytes */
    INI_NAME_MAX = 64            /**< longest section or key, bytes */
};

/** One "key = value" and where it stands; borrowed during the call. */
struct ini_item {
    const char *section;
    const char *key; /**< NULL: the line that opens the section */
    const char *value;
    int line; /**< from 1 */
};

/** Returns ERR_OK to go on; else the parse ends with that error, and why
 *  (without file and line: the parser puts them in front). */
typedef enum err ini_item_fn(void *ctx, const struct ini_item *item,
                             struct errbuf *why);

/**
 * Give each item of the text to fn, in order.
 *
 * name  of the file, for messages.
 * Returns ERR_OK; ERR_INVALID with "NAME:LINE: what is wrong; expected ...".
 *
 * A value runs to the end of the line or to a blank followed by # or ;.
 * Inside "..." nothing is a comment, \" is a quote and \\ a backslash.
 */
MUST_CHECK enum err ini_parse(const char *name, const struct buf *text,
                              ini_item_fn *fn, void *ctx, struct errbuf *why);

#endif
