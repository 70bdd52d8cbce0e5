/* SPDX-License-Identifier: Apache-2.0 */
/** What hyp tells of itself: its settings, its manual page. */
#ifndef HYP_CLI_ABOUT_H
#define HYP_CLI_ABOUT_H

#include "cli/hyp.h"

/** Options that stand without a command. */
#define ABOUT_OPTIONS "check-config print-config man version"

/** Where the API is, by what was given, the environment, webserver.conf. */
struct api_place about_place(const struct hyp *hyp);
/** Whether one of ABOUT_OPTIONS was given; then *code is what to exit with
 *  and all was printed. */
bool about_tell(struct hyp *hyp, int *code);
/** What everybody should know of all commands: --help and the manual. */
extern const char about_where[];
extern const char about_exits[];

#endif
