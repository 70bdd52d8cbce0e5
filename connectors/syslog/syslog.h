/* SPDX-License-Identifier: Apache-2.0 */
/** Connector "syslog": what syslog senders send becomes log events. */
#ifndef HYP_CONNECTORS_SYSLOG_SYSLOG_H
#define HYP_CONNECTORS_SYSLOG_SYSLOG_H

#include "common/connector/connector.h"

extern const struct connector_ops syslog_connector;

#endif
