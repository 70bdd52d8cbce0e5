/* SPDX-License-Identifier: Apache-2.0 */
/** Inside common/conf: one option's value from and to text. */
#ifndef HYP_CONF_CONF_VALUE_H
#define HYP_CONF_CONF_VALUE_H

#include "common/conf/conf.h"

/** The option's field in its part's struct. */
void *conf_value_at(const struct conf_option *option, void *values);
/** Release what the field holds and zero it. */
void conf_value_clear(const struct conf_option *option, void *field);
/**
 * Put text into the field; on a failure the field keeps what it had.
 *
 * folder  that a relative path counts from.
 * Returns ERR_OK; ERR_INVALID with "what is wrong; expected ...".
 */
MUST_CHECK enum err conf_value_set(const struct conf_option *option,
                                   void *field, const char *folder,
                                   const char *text, struct errbuf *why);
/** The value as it would stand in a file; a secret as "(set)". */
void conf_value_format(const struct conf_option *option, const void *field,
                       struct buf *out);
/** What the option expects, e.g. "a whole number from 1 to 65535". */
void conf_value_expect(const struct conf_option *option, struct buf *out);

#endif
