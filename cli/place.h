/* SPDX-License-Identifier: Apache-2.0 */
/** Which installation is meant: options, a profile, the environment. */
#ifndef HYP_CLI_PLACE_H
#define HYP_CLI_PLACE_H

#include "cli/args.h"
#include "common/base/err.h"
#include "common/doc/doc.h"

enum place_setting {
    PLACE_SERVER,
    PLACE_KEY_FILE,
    PLACE_FOLDER,
    PLACE_N
};

struct place {
    const char *profile;          /**< NULL: none was asked for */
    char *values[PLACE_N];        /**< NULL: webserver.conf, or the default */
    const char *origins[PLACE_N]; /**< where it was said */
};

/** Find out. ERR_INVALID: the profile is not there, or no good. */
MUST_CHECK enum err place_find(struct place *place, const struct args *args,
                               struct errbuf *why);
/** etc/ of the installation; borrowed. */
const char *place_folder(const struct place *place);

/** A profile {name, server, key_file, config_dir}, borrowed. */
typedef void place_profile_fn(void *ctx, struct doc profile);
/** Give every profile of the file, in its order; none when there is no file.
 *  ERR_INVALID: it cannot be understood. */
MUST_CHECK enum err place_each(place_profile_fn *fn, void *ctx,
                               struct errbuf *why);

#endif
