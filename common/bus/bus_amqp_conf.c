/* SPDX-License-Identifier: Apache-2.0 */
/** Section [amqp] of amqp.conf. */
#include "common/bus/bus_amqp.h"

#define AMQP_OPTION(name)                                                      \
    .section = "amqp", .key = #name,                                           \
    .offset = offsetof(struct bus_amqp_conf, name)

const struct conf_option bus_amqp_options[] = {
    {AMQP_OPTION(host), .type = CONF_STRING, .fallback = "127.0.0.1", .min = 1,
     .max = 255, .help = "name or address of the broker"},
    {AMQP_OPTION(port), .type = CONF_INT, .fallback = "5672", .min = 1,
     .max = 65535, .help = "its port"},
    {AMQP_OPTION(vhost), .type = CONF_STRING, .fallback = "canopsis", .min = 1,
     .max = 255, .help = "virtual host"},
    {AMQP_OPTION(user), .type = CONF_STRING, .fallback = "hypervise", .min = 1,
     .max = 255, .help = "user to log in as"},
    {.section = "amqp",
     .key = "password_file",
     .type = CONF_SECRET,
     .offset = offsetof(struct bus_amqp_conf, password),
     .fallback = HYP_SYSCONFDIR "/secrets/amqp_password",
     .help = "file whose first line is the password"},
    {AMQP_OPTION(exchange_name), .type = CONF_STRING, .fallback = "canopsis",
     .min = 1, .max = 64, .help = "prefix of the names of the exchanges"},
    {.section = "amqp",
     .key = "heartbeat",
     .type = CONF_DURATION,
     .offset = offsetof(struct bus_amqp_conf, heartbeat_ms),
     .fallback = "20s",
     .min = 2000,
     .max = 600000,
     .help = "a connection silent for twice as long is given up"},
    {AMQP_OPTION(message_bytes), .type = CONF_SIZE, .fallback = "1M",
     .min = 65536, .max = 64 * 1024 * 1024,
     .help = "largest message that is read whole"},
    {0}};
