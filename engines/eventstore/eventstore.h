/* SPDX-License-Identifier: Apache-2.0 */
/** Engine "eventstore": the last check of each entity, the log, the dead. */
#ifndef HYP_EVENTSTORE_EVENTSTORE_H
#define HYP_EVENTSTORE_EVENTSTORE_H

#include "common/engine/engine.h"

extern const struct engine_ops eventstore_engine;

#endif
