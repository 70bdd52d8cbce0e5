/* SPDX-License-Identifier: Apache-2.0 */
/** The engines that the cases of the tutorial's own one need. */
#include "engines/engines.h"

#include <stddef.h>

#include "engines/alarm/alarm.h"
#include "engines/cleaner/cleaner.h"
#include "engines/eventstore/eventstore.h"
#include "engines/office-hours/office_hours.h"

const struct engine_ops *const all_engines[] = {&alarm_engine, &cleaner_engine,
                                                &eventstore_engine,
                                                &office_hours_engine, NULL};
