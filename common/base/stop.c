/* SPDX-License-Identifier: Apache-2.0 */
/** The signals of a daemon: told to end, it ends its loop by itself. */
#include "common/base/stop.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t asked;
static volatile sig_atomic_t reload;

static void on_stop(int number)
{
    (void)number;
    asked = 1;
}

static void on_reload(int number)
{
    (void)number;
    reload = 1;
}

void stop_catch_signals(void)
{
    struct sigaction stop = {.sa_handler = on_stop};
    struct sigaction hang_up = {.sa_handler = on_reload};
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    (void)sigaction(SIGTERM, &stop, NULL);
    (void)sigaction(SIGINT, &stop, NULL);
    (void)sigaction(SIGPIPE, &ignore, NULL);
    (void)sigaction(SIGHUP, &hang_up, NULL);
}

bool stop_is_asked(void)
{
    return asked != 0;
}

bool stop_take_reload(void)
{
    bool was = reload != 0;

    reload = 0;
    return was;
}
