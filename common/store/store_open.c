/* SPDX-License-Identifier: Apache-2.0 */
/** The choice of a backend by its uri. */
#include <stddef.h>

#include "common/base/str.h"
#include "common/store/store_backend.h"

static const struct {
    const char *scheme;
    enum err (*open)(const struct store_options *options, struct store **out,
                     struct errbuf *why);
} backends[] = {
    {"sqlite:", store_sqlite_open},
    {"mongodb://", store_mongodb_open},
    {"mongodb+srv://", store_mongodb_open},
};

enum err store_open(const struct store_options *options, struct store **out,
                    struct errbuf *why)
{
    for (size_t i = 0; i < sizeof backends / sizeof backends[0]; i++) {
        if (str_starts(options->uri, backends[i].scheme)) {
            return backends[i].open(options, out, why);
        }
    }
    errbuf_set_field(why, "storage",
                     "\"%s\": expected sqlite:<folder> or mongodb://...",
                     options->uri);
    return ERR_INVALID;
}
