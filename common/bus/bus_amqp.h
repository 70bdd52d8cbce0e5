/* SPDX-License-Identifier: Apache-2.0 */
/** The bus over AMQP 0-9-1 (RabbitMQ 3.10 or later, by librabbitmq). */
#ifndef HYP_BUS_BUS_AMQP_H
#define HYP_BUS_BUS_AMQP_H

#include <stdbool.h>

#include "common/bus/bus.h"
#include "common/conf/conf.h"

/** Section [amqp] of amqp.conf. */
struct bus_amqp_conf {
    char *host;
    int64_t port;
    struct conf_list other_hosts; /**< in turn, when the one before fails */
    char *vhost;
    char *user;
    char *password; /**< CONF_SECRET: password_file */
    char *exchange_name;
    bool tls;
    char *tls_ca;          /**< "": the system's authorities */
    char *tls_certificate; /**< "": none, as tls_key then */
    char *tls_key;
    char *tls_server_name; /**< "": host */
    int64_t heartbeat_ms;
    int64_t message_bytes; /**< larger deliveries come without their body */
};

extern const struct conf_option bus_amqp_options[];

/** Start; connects in bus_poll. name is shown by the broker. Borrows conf. */
struct bus *bus_amqp_open(const struct bus_amqp_conf *conf, const char *name);

#endif
