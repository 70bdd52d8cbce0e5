/* SPDX-License-Identifier: Apache-2.0 */
/** Inside of the broker in memory: messages, queues, routing. */
#ifndef HYP_BUS_BROKER_H
#define HYP_BUS_BROKER_H

#include "common/bus/bus_memory.h"

struct memory_bus;

/** A message owns all its texts and its body. */
struct broker_message {
    struct broker_message *next;
    uint64_t tag; /**< while it is delivered and not acknowledged */
    bool redelivered;
    struct bus_message content;
};

struct broker_list {
    struct broker_message *first;
    struct broker_message *last;
    size_t n;
};

/** One consumption of a queue by a connection, in order of attachment: the
 *  first of a queue's list is the active one. */
struct broker_consumer {
    struct broker_consumer *next;
    struct memory_bus *bus;
    size_t number; /**< of the queue to the bus */
    int prefetch;
    uint64_t last_tag;
};

struct broker_queue {
    struct broker_queue *next;
    char *name;
    struct broker_list ready;
    struct broker_list unacked; /**< of the active consumer, in order */
    struct broker_consumer *consumers;
};

struct broker_binding {
    struct broker_binding *next;
    struct broker_queue *queue;
    char *exchange;
    char *key;
};

struct broker {
    char *prefix;
    size_t message_bytes;
    struct broker_faults faults;
    struct broker_queue *queues;
    struct broker_binding *bindings;
    struct memory_bus *buses;
    uint64_t clock; /**< orders the events of a bus's two connections */
    bool stopped;
    bool blocked;
};

/** Gives a copy of content from that user (NULL: as content says). */
struct broker_message *broker_message_new(const struct bus_message *content,
                                          const char *user);
void broker_message_free(struct broker_message *message);
void broker_list_free(struct broker_list *list);
/** Takes message. */
void broker_list_append(struct broker_list *list,
                        struct broker_message *message);
/** Gives the first message, NULL when empty. */
struct broker_message *broker_list_take(struct broker_list *list);

/** Borrowed; NULL when there is no such queue. */
struct broker_queue *broker_queue_find(const struct broker *broker,
                                       const char *name);
/** Find or make a queue with its bindings of the topology. */
struct broker_queue *broker_queue_declare(struct broker *broker,
                                          const char *name);
/** Remove the queue, which nobody reads any more, with its bindings. */
void broker_queue_remove(struct broker *broker, struct broker_queue *queue);
bool broker_exchange_is(const struct broker *broker, const char *exchange);
/** Put copies into every queue the message is routed to; how many. */
size_t broker_route(struct broker *broker, const struct bus_message *message,
                    const char *user);
/** Takes consumer; last in the line. */
void broker_attach(struct broker_queue *queue,
                   struct broker_consumer *consumer);
/** Remove a bus's consumers of this queue; what the active one had not
 *  acknowledged returns in front, in order, flagged. */
void broker_detach(struct broker_queue *queue, const struct memory_bus *bus);
/** Send the active consumer what its prefetch allows. */
void broker_pump(struct broker *broker, struct broker_queue *queue);
/** Forget the unacknowledged messages of the queue up to tag. */
void broker_acknowledge(struct broker_queue *queue, uint64_t tag);

/** Defined by the connections: put a delivery into the bus's socket. */
void memory_bus_push(struct memory_bus *bus, size_t number,
                     const struct broker_message *message);

#endif
