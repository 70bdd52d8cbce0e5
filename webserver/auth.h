/* SPDX-License-Identifier: Apache-2.0 */
/** Who asks: for now one API key, made at install. */
#ifndef HYP_WEBSERVER_AUTH_H
#define HYP_WEBSERVER_AUTH_H

#include <stdbool.h>

#include "webserver/request.h"

/** Whether the request carries the key: "Authorization: Bearer KEY", the
 *  header x-canopsis-authkey, or, on routes that take it, ?authkey=. Takes
 *  the same time for every wrong key. */
bool auth_allows(const struct request *request, const char *key);

#endif
