/* SPDX-License-Identifier: Apache-2.0 */
/** An installed suite: its folders, its sections of services, supervisord. */
#ifndef HYP_CONTROL_SUITE_H
#define HYP_CONTROL_SUITE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/conf/conf.h"
#include "control/supervisor.h"

/** In order of starting; stopping goes backwards. */
enum suite_section {
    SECTION_BACKENDS,
    SECTION_ENGINES,
    SECTION_FRONTENDS,
    SUITE_N_SECTIONS
};

/** hypcontrol.conf. */
struct suite_conf {
    int64_t wait_ms;
    char *supervisord;
    struct conf_list services[SUITE_N_SECTIONS];
};

extern const struct conf_option suite_options[];

struct suite {
    char *etc; /**< folder of the configuration */
    char *var; /**< folder of lib, log, run, spool */
    struct suite_conf conf;
    struct conf *settings;
    struct supervisor *supervisor;
};

/**
 * Open the suite installed under prefix (NULL: where this program was built
 * for). Root becomes the user that owns it; another user is refused.
 * Returns ERR_OK; ERR_NOT_FOUND (nothing installed there); ERR_INVALID
 * (configuration, or not its owner).
 */
MUST_CHECK enum err suite_open(struct suite *suite, const char *prefix,
                               struct errbuf *why);
void suite_close(struct suite *suite);

/** "backends", ... */
const char *suite_section_name(enum suite_section section);
/** Whether any section lists the service. */
bool suite_has_service(const struct suite *suite, const char *name);
/** Gives "<etc>/<name>". */
char *suite_etc_path(const struct suite *suite, const char *name);
/** Start supervisord unless it runs. ERR_UNAVAILABLE with what it said. */
MUST_CHECK enum err suite_supervisor_start(const struct suite *suite,
                                           struct errbuf *why);
/** End supervisord if it runs, and wait until its process is gone. */
MUST_CHECK enum err suite_supervisor_stop(const struct suite *suite,
                                          struct errbuf *why);
/** Wait before looking again (50 ms). */
void suite_pause(void);

#endif
