/* SPDX-License-Identifier: Apache-2.0 */
/** Connector "alertmanager": alerts of Prometheus become checks. */
#ifndef HYP_CONNECTORS_ALERTMANAGER_ALERTMANAGER_H
#define HYP_CONNECTORS_ALERTMANAGER_ALERTMANAGER_H

#include "common/connector/connector.h"

extern const struct connector_ops alertmanager_connector;

#endif
