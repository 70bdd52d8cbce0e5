/* SPDX-License-Identifier: Apache-2.0 */
/** Every engine of the suite. */
#include "engines/engines.h"

#include <stddef.h>

#include "engines/alarm/alarm.h"
#include "engines/cleaner/cleaner.h"
#include "engines/collectdgw/collectdgw.h"
#include "engines/context/context.h"
#include "engines/event-filter/event_filter.h"
#include "engines/eventstore/eventstore.h"
#include "engines/perfdata/perfdata.h"

const struct engine_ops *const all_engines[] = {
    &alarm_engine,        &cleaner_engine,
    &collectdgw_engine,   &context_engine,
    &event_filter_engine, &eventstore_engine,
    &perfdata_engine,     NULL};
