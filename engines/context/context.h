/* SPDX-License-Identifier: Apache-2.0 */
/** Engine "context": knows every entity, and tells events what it knows. */
#ifndef HYP_CONTEXT_CONTEXT_H
#define HYP_CONTEXT_CONTEXT_H

#include "common/engine/engine.h"

extern const struct engine_ops context_engine;

#endif
