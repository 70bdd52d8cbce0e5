/* SPDX-License-Identifier: Apache-2.0 */
/** Section [storage] of storage.conf. */
#ifndef HYP_STORE_STORE_CONF_H
#define HYP_STORE_STORE_CONF_H

#include "common/conf/conf.h"

struct store_conf {
    char *uri;
};

extern const struct conf_option store_conf_options[];

#endif
