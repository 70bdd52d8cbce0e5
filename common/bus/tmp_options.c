#include <stddef.h>
#include "common/bus/bus_amqp.h"
#define O(f) offsetof(struct bus_amqp_conf, f)
const struct conf_option bus_amqp_options[] = {
 {.section="amqp",.key="host",.type=CONF_STRING,.offset=O(host),.fallback="127.0.0.1",.help="h"},
 {.section="amqp",.key="port",.type=CONF_INT,.offset=O(port),.fallback="5672",.min=1,.max=65535,.help="h"},
 {.section="amqp",.key="vhost",.type=CONF_STRING,.offset=O(vhost),.fallback="canopsis",.help="h"},
 {.section="amqp",.key="user",.type=CONF_STRING,.offset=O(user),.fallback="hypervise",.help="h"},
 {.section="amqp",.key="password_file",.type=CONF_SECRET,.offset=O(password),.help="h"},
 {.section="amqp",.key="exchange_name",.type=CONF_STRING,.offset=O(exchange_name),.fallback="canopsis",.help="h"},
 {0}};
