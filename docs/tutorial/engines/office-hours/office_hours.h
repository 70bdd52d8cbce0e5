/* SPDX-License-Identifier: Apache-2.0 */
/** Engine "office-hours": what begins at night waits for the morning. */
#ifndef HYP_OFFICE_HOURS_OFFICE_HOURS_H
#define HYP_OFFICE_HOURS_OFFICE_HOURS_H

#include "common/engine/engine.h"

extern const struct engine_ops office_hours_engine;

#endif
