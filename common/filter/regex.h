/* SPDX-License-Identifier: Apache-2.0 */
/** Regular expressions with named groups, within the limits of filters: what
 *  takes too many steps does not match. Pure. */
#ifndef HYP_FILTER_REGEX_H
#define HYP_FILTER_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

enum {
    REGEX_GROUPS_MAX = 50 /**< named ones */
};

struct regex;

/** A group by its name, borrowed. */
struct regex_group {
    const char *name;
    size_t number;
};

/** Compile a pattern of PCRE2. ERR_INVALID with the place; ERR_LIMIT: it is
 *  too long, or has too many groups. Gives *out. */
MUST_CHECK enum err regex_new(const char *pattern, struct regex **out,
                              struct errbuf *why);
void regex_free(struct regex *regex);
/** The named groups; returns how many. */
size_t regex_groups(const struct regex *regex,
                    struct regex_group groups[REGEX_GROUPS_MAX]);
/** Whether the pattern stands in the text, UTF-8 of len bytes. */
bool regex_match(struct regex *regex, const char *text, size_t len);
/** What a group was in the last text that matched; false: it took no part. */
bool regex_get(const struct regex *regex, size_t number, size_t *at,
               size_t *len);

#endif
