/* SPDX-License-Identifier: Apache-2.0 */
/** Ids of the last actions, so that one which comes again changes nothing. */
#ifndef HYP_ENGINES_ALARM_ALARM_KNOWN_H
#define HYP_ENGINES_ALARM_ALARM_KNOWN_H

#include "common/base/map.h"
#include "common/engine/engine.h"

/** As many are kept: days of what operators do, seconds of what a queue can
 *  deliver again. */
enum {
    ALARM_KNOWN_MAX = 10000,
    ALARM_ACTION_ID_MAX = 128
};

/** A zeroed one is empty and valid. */
struct alarm_known {
    struct map ids;
    char **slots; /**< ALARM_KNOWN_MAX of them, or NULL */
    int64_t n;    /**< ids ever added */
};

void alarm_known_fini(struct alarm_known *known);
/** Start anew with what is stored. ERR_UNAVAILABLE. */
MUST_CHECK enum err alarm_known_load(struct alarm_known *known,
                                     struct engine_io *io);
bool alarm_known_has(const struct alarm_known *known, const char *id);
/** Remember, with the batch; the oldest makes room. */
void alarm_known_add(struct alarm_known *known, struct engine_io *io,
                     const char *id);

#endif
