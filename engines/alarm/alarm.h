/* SPDX-License-Identifier: Apache-2.0 */
/** Engine "alarm": one open alarm per entity, and all that happens to it. */
#ifndef HYP_ENGINES_ALARM_ALARM_H
#define HYP_ENGINES_ALARM_ALARM_H

#include "common/engine/engine.h"

extern const struct engine_ops alarm_engine;

#endif
