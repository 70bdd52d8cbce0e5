/* SPDX-License-Identifier: Apache-2.0 */
/** Calls about objects that several commands make. */
#ifndef HYP_CLI_OBJECTS_H
#define HYP_CLI_OBJECTS_H

#include "cli/hyp.h"
#include "common/doc/doc.h"

/** Append "/api/v1/objects/<kind><more>", with ?id= unless id is NULL. */
void objects_path(const char *kind, const char *more, const char *id,
                  struct buf *out);
/** The object of that name, as call_get. */
int objects_fetch(struct hyp *hyp, const char *kind, const char *name,
                  struct api_answer *answer);
/** Put it under its name in the user's name, as call_get. */
int objects_put(struct hyp *hyp, const char *kind, struct doc object,
                struct api_answer *answer);
/** Delete it in the user's name, as call_get. */
int objects_delete(struct hyp *hyp, const char *kind, const char *name,
                   struct api_answer *answer);

#endif
