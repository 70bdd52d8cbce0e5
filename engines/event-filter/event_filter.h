/* SPDX-License-Identifier: Apache-2.0 */
/** Engine "event-filter": people's rules on the events that pass. */
#ifndef HYP_EVENT_FILTER_EVENT_FILTER_H
#define HYP_EVENT_FILTER_EVENT_FILTER_H

#include "common/engine/engine.h"

extern const struct engine_ops event_filter_engine;

#endif
