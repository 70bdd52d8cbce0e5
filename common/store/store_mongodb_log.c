/* SPDX-License-Identifier: Apache-2.0 */
/** What the driver says goes to our log, from its first word on. */
#include "common/store/store_mongodb.h"

/* What it fails to do it also answers with, and that is told by who asked. */
static void log_line(mongoc_log_level_t level, const char *domain,
                     const char *message, void *ctx)
{
    (void)level;
    (void)ctx;
    log_debug("STORE-DRIVER", "%s: %s", domain, message);
}

void mongodb_log_take(void)
{
    mongoc_log_set_handler(log_line, NULL);
}

/* The library sets itself up before main(), and complains on standard error
 * where it cannot (counters in shared memory, of a pid that was killed). This
 * runs before the libraries' own constructors. */
__attribute__((section(".preinit_array"),
               used)) static void (*take_first)(void) = mongodb_log_take;
