/* SPDX-License-Identifier: Apache-2.0 */
/** Section [storage] of storage.conf. */
#include "common/store/store_conf.h"

const struct conf_option store_conf_options[] = {
    {.section = "storage",
     .key = "uri",
     .type = CONF_STRING,
     .offset = offsetof(struct store_conf, uri),
     .fallback = "sqlite:" HYP_LOCALSTATEDIR "/lib/store",
     .help = "sqlite:FOLDER (one machine), or mongodb://... (a replica set)"},
    {0}};
