/* SPDX-License-Identifier: Apache-2.0 */
/** The RabbitMQ that tests use, by environment: HYP_TEST_AMQP_HOST, _PORT,
 *  _VHOST, _USER, _PASSWORD_FILE. */
#ifndef HYP_TESTS_AMQP_ENV_H
#define HYP_TESTS_AMQP_ENV_H

#include <stdbool.h>

#include "common/bus/bus_amqp.h"

/** Fill conf; false, with a line on standard error, when a variable is
 *  missing or wrong. Release with amqp_env_fini(). */
bool amqp_env_read(struct bus_amqp_conf *conf);
/** Go on with the next of the servers: HYP_TEST_AMQP_OTHERS names them,
 *  "host:port" separated by commas. False when there is no other. */
bool amqp_env_next(struct bus_amqp_conf *conf);
void amqp_env_fini(struct bus_amqp_conf *conf);

#endif
