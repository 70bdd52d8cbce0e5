/* SPDX-License-Identifier: Apache-2.0 */
/** The signals of a daemon: told to end, it ends its loop by itself. */
#ifndef HYP_BASE_STOP_H
#define HYP_BASE_STOP_H

#include <stdbool.h>

/** From here on TERM and INT only set what stop_is_asked tells, HUP what
 *  stop_take_reload does; PIPE does nothing. Calls under way are interrupted
 * (EINTR). */
void stop_catch_signals(void);
/** Whether the process was told to end. */
bool stop_is_asked(void);
/** Whether it was told to reload since the last call. */
bool stop_take_reload(void);

#endif
