/* SPDX-License-Identifier: Apache-2.0 */
/** Calls whose failures are told at once, as every command needs them. */
#ifndef HYP_CLI_CALL_H
#define HYP_CLI_CALL_H

#include "cli/hyp.h"

/** Call the API. HYP_DONE: answer is given (status 2xx); else what failed is
 *  told on standard error and the exit code is returned. */
int call_get(struct hyp *hyp, const char *path, struct api_answer *answer);
int call_post(struct hyp *hyp, const char *path, const struct buf *body,
              struct api_answer *answer);
/** The same, but the answer is given whatever its status, unless there was
 *  none (HYP_UNREACHABLE, told). */
int call_any(struct hyp *hyp, const char *path, const struct buf *body,
             struct api_answer *answer);
/** The same with any method, as call_get; body may be NULL. */
int call_method(struct hyp *hyp, const char *method, const char *path,
                const struct buf *body, struct api_answer *answer);
/** Who acts: --author, or the user's name; gives. */
char *call_author(const struct hyp *hyp);
/** Tell what a problem document says; returns the exit code for it. */
int call_tell_problem(const struct hyp *hyp, const struct api_answer *answer);

#endif
