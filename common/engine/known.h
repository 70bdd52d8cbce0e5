/* SPDX-License-Identifier: Apache-2.0 */
/** Ids of the last requests, so that one which comes again changes nothing. */
#ifndef HYP_ENGINE_KNOWN_H
#define HYP_ENGINE_KNOWN_H

#include "common/base/map.h"
#include "common/engine/engine.h"

/** As many are kept: days of what operators do, seconds of what a queue can
 *  deliver again. */
enum {
    KNOWN_MAX = 10000,
    KNOWN_ID_MAX = 128
};

enum {
    KNOWN_ROW_MAX = 96
};

/** The text key of the ids of a progress row, in out[KNOWN_ROW_MAX]. */
const char *known_row(const char *row, char *out);
/** Put the n-th id (from 1) of a progress row. scratch is used. */
void known_put(struct store_batch *batch, struct doc_out *scratch,
               const char *row, int64_t n, const char *id);

/** An id and its number. */
struct known_id {
    int64_t n;
    char *id;
};

/** A zeroed one is empty and valid. */
struct known {
    struct map ids;
    char **slots; /**< KNOWN_MAX of them, or NULL */
    int64_t n;    /**< ids ever added */
};

void known_fini(struct known *known);
/** Start anew with what is stored. ERR_UNAVAILABLE. */
MUST_CHECK enum err known_load(struct known *known, struct engine_io *io);
bool known_has(const struct known *known, const char *id);
/** Remember, with the batch; the oldest makes room. */
void known_add(struct known *known, struct engine_io *io, const char *id);

#endif
