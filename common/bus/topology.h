/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Every exchange, queue and binding, named once. All queues but the watching
 * one are durable quorum queues with a single active consumer and no length
 * limit.
 */
#ifndef HYP_BUS_TOPOLOGY_H
#define HYP_BUS_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>

enum {
    BUS_NAME_MAX = 127,
    BUS_GROUP_MAX = 32
};

/** Exchanges, by the prefix that a site configures (exchange_name). */
enum bus_exchange {
    BUS_EVENTS,  /**< <prefix>.events, topic */
    BUS_ALERTS,  /**< <prefix>.alerts, topic */
    BUS_DEAD,    /**< <prefix>.dead, fanout */
    BUS_CONTROL, /**< <prefix>.control, topic */
    BUS_N_EXCHANGES
};

/** Ends the name of the queue by which an engine is told that objects have
 *  changed: "Engine_event-filter.control". */
#define BUS_CONTROL_SUFFIX ".control"

struct bus_binding {
    const char *queue; /**< exact name; ".x": every name that ends so;
                          "x.": that starts so */
    int exchange;      /**< enum bus_exchange, or -1 for amq.topic */
    const char *key;
};

/** Write "<prefix>.events" etc. into out[BUS_NAME_MAX + 1]; returns out. */
char *bus_exchange_name(const char *prefix, enum bus_exchange exchange,
                        char *out);
const char *bus_exchange_type(enum bus_exchange exchange);
/** "Engine_<engine>", or "Engine_<engine>.<p>" when partitions > 1. */
char *bus_queue_name(const char *engine, int partition, int partitions,
                     char *out);
/** Where a program looks on at changes while it runs: exclusive to one
 *  connection and gone with it. */
#define BUS_QUEUE_WATCH "hyp.watch"

/** Whether the queue is kept when its consumer ends. */
bool bus_queue_is_durable(const char *queue);
/** The partition of `partitions` that gets the events of a source: by its
 *  component, or by its connector's name where that is "". */
size_t bus_partition(const char *component, const char *connector_name,
                     size_t partitions);
/** The queue of operators' actions of one partition of the alarm engine:
 *  "Engine_alarm.actions", or "Engine_alarm.<p>.actions" when partitions > 1.
 *  More generally: a queue "Engine_<engine>.<more>" of its own, for one of its
 *  partitions; any other name stays as it is. */
char *bus_own_queue_name(const char *queue, const char *engine, int partition,
                         int partitions, char *out);
/** "<name>.<group>": what stands for name for a group of sources; the name
 *  itself when group is "". */
char *bus_group_name(const char *name, const char *group, char *out);
/** Whether a text may name a group: letters, digits, - and _, not "control". */
bool bus_group_is_valid(const char *group);
/** The group whose entry the queue is, "Engine_cleaner.<group>", else NULL. */
const char *bus_queue_group(const char *queue);
/** Bindings of a queue, ended by a row whose queue is NULL; n-th call style:
 *  start with *at = 0, NULL at the end. */
const struct bus_binding *bus_binding_next(const char *queue, size_t *at);
/** The exchange of a queue's binding: "amq.topic", "<prefix>.events"..., or
 *  "<prefix>.events.<group>" of a group's entry. */
char *bus_binding_exchange(const char *prefix, const char *queue,
                           const struct bus_binding *binding, char *out);

/** Whether a binding key of a topic exchange takes a routing key: words
 *  between dots, "*" stands for one, "#" for any number of them. */
bool bus_topic_matches(const char *pattern, const char *key);

#endif
