/* SPDX-License-Identifier: Apache-2.0 */
/** Files of types: the system's types.db and a site's own. */
#ifndef HYP_COLLECTD_TYPESDB_LOAD_H
#define HYP_COLLECTD_TYPESDB_LOAD_H

#include "common/collectd/typesdb.h"
#include "common/conf/conf.h"

/**
 * Add the types of these files, in order. A type that another file defined
 * otherwise is replaced, and told (COLLECTD-TYPE): values sent by the other
 * definition do not fit it.
 * Returns ERR_OK; ERR_INVALID with why naming file, line and what was
 * expected, or the file that cannot be read.
 */
MUST_CHECK enum err typesdb_load(struct typesdb *db,
                                 const struct conf_list *paths,
                                 struct errbuf *why);

#endif
