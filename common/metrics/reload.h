/* SPDX-License-Identifier: Apache-2.0 */
/** HUP: a daemon reads its configuration again and tells what came of it, in
 *  the log and in its status file. */
#ifndef HYP_METRICS_RELOAD_H
#define HYP_METRICS_RELOAD_H

#include "common/conf/conf_program.h"
#include "common/metrics/status_file.h"

/** Everything is borrowed. */
struct reload {
    const struct conf_program *program;
    int argc;
    char **argv; /**< as at the start */
    struct conf *conf;
    const struct conf_option *all_live; /**< see conf_reload_open */
    struct status_file *status;
};

/** Read it. False: it was refused, which is told. */
bool reload_begin(const struct reload *reload, struct conf_reload **out);
/** The changes are taken: tell which, and what needs a restart; release. */
void reload_end(const struct reload *reload, struct conf_reload *read);
/** They could not be, nothing has changed: tell why; release. */
void reload_refuse(const struct reload *reload, struct conf_reload *read,
                   const char *why);

#endif
