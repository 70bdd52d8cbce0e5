/* SPDX-License-Identifier: Apache-2.0 */
/** Engine "collectdgw": collectd's messages become perf events. */
#ifndef HYP_COLLECTDGW_COLLECTDGW_H
#define HYP_COLLECTDGW_COLLECTDGW_H

#include "common/engine/engine.h"

extern const struct engine_ops collectdgw_engine;

#endif
