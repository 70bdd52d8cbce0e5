/* SPDX-License-Identifier: Apache-2.0 */
/** A mongod of the suite's own: made a replica set of one, with its user. */
#ifndef HYP_STORE_STORE_MONGODB_SET_H
#define HYP_STORE_STORE_MONGODB_SET_H

#include <stdint.h>

#include "common/base/err.h"

struct mongodb_set {
    const char *name;    /**< of the set, as in its configuration */
    const char *address; /**< "host:port" of its only member */
    const char *user;
    const char *password;
};

/**
 * Wait until the mongod there answers, make it the set and give it the user,
 * who may do everything. What is so already stays; a user that is there and
 * has another password is refused.
 *
 * wait_ms  how long all of it may take.
 * Returns ERR_OK; ERR_UNAVAILABLE; ERR_INVALID (it is another set's).
 */
MUST_CHECK enum err mongodb_set_make(const struct mongodb_set *set,
                                     int64_t wait_ms, struct errbuf *why);
/** Whether who is at the uri (user and password in it do not matter) takes
 *  writes. ERR_UNAVAILABLE; ERR_INVALID: not a MongoDB address. */
MUST_CHECK enum err mongodb_set_is_ready(const char *uri, struct errbuf *why);

#endif
