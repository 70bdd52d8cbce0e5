/* SPDX-License-Identifier: Apache-2.0 */
/** Users and passwords of senders, in the form of collectd's AuthFile. */
#ifndef HYP_CONNECTOR_COLLECTD_AUTH_H
#define HYP_CONNECTOR_COLLECTD_AUTH_H

#include <stdint.h>

#include "common/base/err.h"

struct auth;

/**
 * Read "user: password" lines; blank ones and those from '#' on are nothing.
 * auth gives. Returns ERR_OK; ERR_INVALID with why naming file and line, or
 * that everybody may read it.
 */
MUST_CHECK enum err auth_read(const char *path, struct auth **auth,
                              struct errbuf *why);
void auth_free(struct auth *auth);
/** A user's password, borrowed; NULL for one that is not there. */
const char *auth_password(const struct auth *auth, const char *user);
/** Something that changes when the file does; 0: it is not there. */
int64_t auth_stamp(const char *path);

#endif
