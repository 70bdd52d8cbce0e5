/* SPDX-License-Identifier: Apache-2.0 */
/** Section [storage] of storage.conf. */
#include "common/store/store_conf.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/str.h"

enum {
    URI_MAX = 16 * 1024
};

const struct conf_option store_conf_options[] = {
    {.section = "storage",
     .key = "uri",
     .type = CONF_STRING,
     .offset = offsetof(struct store_conf, uri),
     .fallback = "sqlite:" HYP_LOCALSTATEDIR "/lib/store",
     .help = "sqlite:FOLDER (one machine), or mongodb://... (a replica set)"},
    {.section = "storage",
     .key = "password_file",
     .type = CONF_SECRET,
     .offset = offsetof(struct store_conf, password),
     .help = "file whose first line is the password of the user in uri"},
    {0}};

void store_conf_complete(struct store_conf *conf)
{
    const char *scheme = strstr(conf->uri, "://");
    const char *at = scheme != NULL ? strchr(scheme, '@') : NULL;
    struct buf whole;

    if (conf->password[0] == '\0' || at == NULL) {
        return;
    }
    buf_init(&whole, URI_MAX);
    buf_add(&whole, conf->uri, (size_t)(at - conf->uri));
    buf_add_char(&whole, ':');
    str_to_percent(&whole, conf->password);
    buf_add_str(&whole, at);
    free(conf->uri);
    conf->uri = buf_take(&whole);
}
