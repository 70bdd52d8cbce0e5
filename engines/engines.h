/* SPDX-License-Identifier: Apache-2.0 */
/** Every engine of the suite, for programs and tests that run several. */
#ifndef HYP_ENGINES_ENGINES_H
#define HYP_ENGINES_ENGINES_H

#include "common/engine/engine.h"

/** NULL-terminated. */
extern const struct engine_ops *const all_engines[];

#endif
