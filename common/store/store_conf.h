/* SPDX-License-Identifier: Apache-2.0 */
/** Section [storage] of storage.conf. */
#ifndef HYP_STORE_STORE_CONF_H
#define HYP_STORE_STORE_CONF_H

#include "common/conf/conf.h"

struct store_conf {
    char *uri;
    char *password; /**< of the user in uri; "": none, or it is in there */
};

extern const struct conf_option store_conf_options[];

/** When all is read: put the password into uri. Not before it is printed. */
void store_conf_complete(struct store_conf *conf);

#endif
