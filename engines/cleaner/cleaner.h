/* SPDX-License-Identifier: Apache-2.0 */
/** Engine "cleaner": the only door; decodes, validates, numbers events. */
#ifndef HYP_CLEANER_CLEANER_H
#define HYP_CLEANER_CLEANER_H

#include "common/engine/engine.h"

extern const struct engine_ops cleaner_engine;

#endif
