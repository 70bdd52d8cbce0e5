/* SPDX-License-Identifier: Apache-2.0 */
/** Lists of the API, page by page, as the common options ask for them. */
#ifndef HYP_CLI_LISTING_H
#define HYP_CLI_LISTING_H

#include "cli/table.h"

#define LISTING_OPTIONS "output filter search sort limit"

/** One item, borrowed. Returns whether to go on. */
typedef bool listing_fn(void *ctx, struct doc item);

/** Give up to `limit` items of the list at path to fn (0: all); total (may be
 *  NULL) gets what the list says of itself. Returns the exit code. */
int listing_each(struct hyp *hyp, const char *path, int64_t limit,
                 listing_fn *fn, void *ctx, int64_t *total);
/** The list at path, with the options of the command line, as a table. */
int listing_show(struct hyp *hyp, const char *path,
                 const struct column *columns);
/** The same path with filter, search, sort added to it. False: a bad limit,
 *  told. */
bool listing_path(const struct hyp *hyp, const char *path, struct buf *out,
                  int64_t *limit);
/** Show the one item of path that the first word names by its id. Returns the
 *  exit code. */
int listing_show_one(struct hyp *hyp, const char *path,
                     const struct column *columns);
/** Show one item's members, a line each (or as the format says). */
void listing_show_item(const struct hyp *hyp, struct doc item,
                       const struct column *columns);

#endif
