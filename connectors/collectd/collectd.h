/* SPDX-License-Identifier: Apache-2.0 */
/** Connector "collectd": datagrams of collectd's network plugin become perf
 *  events, and its notifications checks. */
#ifndef HYP_CONNECTORS_COLLECTD_COLLECTD_H
#define HYP_CONNECTORS_COLLECTD_COLLECTD_H

#include "common/connector/connector.h"

extern const struct connector_ops collectd_connector;

#endif
