/* SPDX-License-Identifier: Apache-2.0 */
/** Request targets taken apart strictly: path, query parameters, escapes. */
#ifndef HYP_WEBSERVER_URI_H
#define HYP_WEBSERVER_URI_H

#include <stddef.h>

#include "common/base/err.h"

enum {
    URI_PARAMS_MAX = 32
};

struct uri_params {
    size_t n;
    struct {
        char *name;
        char *value;
    } items[URI_PARAMS_MAX];
};

struct uri {
    char *path; /**< still escaped, begins with '/' */
    struct uri_params query;
};

/** Take a request target ("/path?a=b") apart. Gives *uri, to be released with
 *  uri_fini also on failure. ERR_INVALID names the parameter. */
MUST_CHECK enum err uri_parse(const char *target, struct uri *uri,
                              struct errbuf *why);
void uri_fini(struct uri *uri);
/** Decode the first len bytes: %XX, and '+' as blank when plus is '+'. *out is
 *  given. ERR_INVALID: a bad escape, a NUL, or bytes that are not UTF-8. */
MUST_CHECK enum err uri_decode(const char *text, size_t len, char plus,
                               char **out, struct errbuf *why);
/** Read "a=b&c=d" (a query, or a form's body). A name given twice, an empty
 *  name and more than URI_PARAMS_MAX are refused. */
MUST_CHECK enum err uri_params_parse(const char *text, size_t len,
                                     struct uri_params *params,
                                     struct errbuf *why);
void uri_params_fini(struct uri_params *params);
/** The value, borrowed, or NULL when it was not given. */
const char *uri_params_get(const struct uri_params *params, const char *name);

#endif
