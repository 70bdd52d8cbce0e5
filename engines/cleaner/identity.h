/* SPDX-License-Identifier: Apache-2.0 */
/** One name for what sources call by several: aliases of connectors, letters'
 *  case and domains of components. Pure. */
#ifndef HYP_CLEANER_IDENTITY_H
#define HYP_CLEANER_IDENTITY_H

#include <stdbool.h>

#include "common/conf/conf.h"
#include "common/event/event.h"

/** Section [identity]. */
struct identity_conf {
    struct conf_list aliases; /**< "from:to", each CONNECTOR[/NAME] */
    bool lower_case;
    struct conf_list domains; /**< taken off; "*": whatever follows a dot */
};

struct identity;

/**
 * Understand what is configured.
 * conf  borrowed for the identity's life.
 * out   gives; NULL when every name stays as it is.
 * Returns ERR_OK; ERR_INVALID with the key and the item.
 */
MUST_CHECK enum err identity_new(const struct identity_conf *conf,
                                 struct identity **out, struct errbuf *why);
void identity_free(struct identity *identity);
/** Put the one name in place of others, with entity_id and rk of it. What is
 *  new in event lives until the next call. Whether anything changed; applying
 *  it again changes nothing. */
bool identity_apply(struct identity *identity, struct event *event);

#endif
