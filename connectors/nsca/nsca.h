/* SPDX-License-Identifier: Apache-2.0 */
/** Connector "nsca": what send_nsca sends becomes checks. */
#ifndef HYP_CONNECTORS_NSCA_NSCA_H
#define HYP_CONNECTORS_NSCA_NSCA_H

#include "common/connector/connector.h"

extern const struct connector_ops nsca_connector;

#endif
