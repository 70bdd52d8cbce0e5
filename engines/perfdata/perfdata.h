/* SPDX-License-Identifier: Apache-2.0 */
/** Engine "perfdata": the values of events become stored metrics. */
#ifndef HYP_PERFDATA_PERFDATA_ENGINE_H
#define HYP_PERFDATA_PERFDATA_ENGINE_H

#include "common/engine/engine.h"

extern const struct engine_ops perfdata_engine;

#endif
