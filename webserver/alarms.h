/* SPDX-License-Identifier: Apache-2.0 */
/** Lists of alarms, for what reads them and what acts on them. */
#ifndef HYP_WEBSERVER_ALARMS_H
#define HYP_WEBSERVER_ALARMS_H

#include "webserver/list.h"

/** Open ones; resolved ones. */
extern const struct list_spec alarms_open;
extern const struct list_spec alarms_resolved;

#endif
