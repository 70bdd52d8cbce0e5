/* SPDX-License-Identifier: Apache-2.0 */
/** The broker in memory: queues, bindings, routing. */
#include "common/bus/broker.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/bus/topology.h"

enum {
    MESSAGE_BYTES = 1024 * 1024
};

static const char amq_topic[] = "amq.topic";

struct broker_message *broker_message_new(const struct bus_message *content,
                                          const char *user)
{
    const struct bus_properties *from = &content->properties;
    struct broker_message *message = xcalloc(1, sizeof *message);

    message->content = *content;
    message->content.exchange = xstrdup(content->exchange);
    message->content.routing_key = xstrdup(content->routing_key);
    message->content.body =
        content->len > 0 ? xmemdup(content->body, content->len) : xstrdup("");
    message->content.properties = (struct bus_properties){
        .content_type = xstrdup(from->content_type ? from->content_type : ""),
        .message_id = xstrdup(from->message_id ? from->message_id : ""),
        .user_id = xstrdup(user            ? user
                           : from->user_id ? from->user_id
                                           : ""),
        /* AMQP carries seconds. */
        .timestamp_ms = from->timestamp_ms / 1000 * 1000,
    };
    return message;
}

/* Texts of a message are constant to everybody but their owner. */
static void free_const(const void *memory)
{
    union {
        const void *in;
        void *out;
    } cast = {memory};

    free(cast.out);
}

void broker_message_free(struct broker_message *message)
{
    if (message == NULL) {
        return;
    }
    free_const(message->content.exchange);
    free_const(message->content.routing_key);
    free_const(message->content.body);
    free_const(message->content.properties.content_type);
    free_const(message->content.properties.message_id);
    free_const(message->content.properties.user_id);
    free(message);
}

void broker_list_append(struct broker_list *list,
                        struct broker_message *message)
{
    message->next = NULL;
    if (list->last != NULL) {
        list->last->next = message;
    } else {
        list->first = message;
    }
    list->last = message;
    list->n++;
}

struct broker_message *broker_list_take(struct broker_list *list)
{
    struct broker_message *message = list->first;

    if (message != NULL) {
        list->first = message->next;
        list->n--;
        if (list->first == NULL) {
            list->last = NULL;
        }
    }
    return message;
}

void broker_list_free(struct broker_list *list)
{
    struct broker_message *message;

    while ((message = broker_list_take(list)) != NULL) {
        broker_message_free(message);
    }
}

struct broker *broker_new(const char *exchange_prefix)
{
    struct broker *broker = xcalloc(1, sizeof *broker);

    broker->prefix = xstrdup(exchange_prefix);
    broker->message_bytes = MESSAGE_BYTES;
    return broker;
}

static void free_queue(struct broker_queue *queue)
{
    broker_list_free(&queue->ready);
    broker_list_free(&queue->unacked);
    free(queue->name);
    free(queue);
}

static void free_binding(struct broker_binding *binding)
{
    free(binding->exchange);
    free(binding->key);
    free(binding);
}

void broker_queue_remove(struct broker *broker, struct broker_queue *queue)
{
    struct broker_binding **binding = &broker->bindings;
    struct broker_queue **at = &broker->queues;

    BUG_IF(queue->consumers != NULL);
    while (*binding != NULL) {
        struct broker_binding *next = (*binding)->next;

        if ((*binding)->queue == queue) {
            free_binding(*binding);
            *binding = next;
        } else {
            binding = &(*binding)->next;
        }
    }
    while (*at != queue) {
        at = &(*at)->next;
    }
    *at = queue->next;
    free_queue(queue);
}

void broker_free(struct broker *broker)
{
    if (broker == NULL) {
        return;
    }
    BUG_IF(broker->buses != NULL);
    while (broker->bindings != NULL) {
        struct broker_binding *binding = broker->bindings;

        broker->bindings = binding->next;
        free_binding(binding);
    }
    while (broker->queues != NULL) {
        struct broker_queue *queue = broker->queues;

        broker->queues = queue->next;
        free_queue(queue);
    }
    free(broker->prefix);
    free(broker);
}

void broker_set_limit(struct broker *broker, size_t message_bytes)
{
    broker->message_bytes = message_bytes;
}

void broker_set_faults(struct broker *broker,
                       const struct broker_faults *faults)
{
    broker->faults = faults != NULL ? *faults : (struct broker_faults){0};
}

struct broker_queue *broker_queue_find(const struct broker *broker,
                                       const char *name)
{
    struct broker_queue *queue = broker->queues;

    while (queue != NULL && strcmp(queue->name, name) != 0) {
        queue = queue->next;
    }
    return queue;
}

static struct broker_queue *queue_get(struct broker *broker, const char *name)
{
    struct broker_queue *queue = broker_queue_find(broker, name);

    if (queue == NULL) {
        queue = xcalloc(1, sizeof *queue);
        queue->name = xstrdup(name);
        queue->next = broker->queues;
        broker->queues = queue;
    }
    return queue;
}

void broker_bind(struct broker *broker, const char *queue, const char *exchange,
                 const char *key)
{
    struct broker_binding *binding = xcalloc(1, sizeof *binding);

    binding->queue = queue_get(broker, queue);
    binding->exchange = xstrdup(exchange);
    binding->key = xstrdup(key);
    binding->next = broker->bindings;
    broker->bindings = binding;
}

struct broker_queue *broker_queue_declare(struct broker *broker,
                                          const char *name)
{
    struct broker_queue *queue = broker_queue_find(broker, name);
    const struct bus_binding *binding;
    char exchange[BUS_NAME_MAX + 1];
    size_t at = 0;

    if (queue != NULL) {
        return queue;
    }
    while ((binding = bus_binding_next(name, &at)) != NULL) {
        broker_bind(
            broker, name,
            bus_binding_exchange(broker->prefix, name, binding, exchange),
            binding->key);
    }
    return queue_get(broker, name);
}

static bool exchange_is(const struct broker *broker, const char *exchange,
                        enum bus_exchange which)
{
    char name[BUS_NAME_MAX + 1];

    return strcmp(exchange, bus_exchange_name(broker->prefix, which, name)) ==
           0;
}

/* That of a group's entry is made with its queue. */
static bool is_bound(const struct broker *broker, const char *exchange)
{
    const struct broker_binding *binding = broker->bindings;

    while (binding != NULL && strcmp(binding->exchange, exchange) != 0) {
        binding = binding->next;
    }
    return binding != NULL;
}

bool broker_exchange_is(const struct broker *broker, const char *exchange)
{
    if (*exchange == '\0' || strcmp(exchange, amq_topic) == 0) {
        return true;
    }
    for (int i = 0; i < BUS_N_EXCHANGES; i++) {
        if (exchange_is(broker, exchange, (enum bus_exchange)i)) {
            return true;
        }
    }
    return is_bound(broker, exchange);
}

static bool queue_takes(const struct broker *broker,
                        const struct broker_queue *queue,
                        const struct bus_message *message)
{
    const struct broker_binding *binding = broker->bindings;

    if (*message->exchange == '\0') {
        return strcmp(queue->name, message->routing_key) == 0;
    }
    for (; binding != NULL; binding = binding->next) {
        if (binding->queue == queue &&
            strcmp(binding->exchange, message->exchange) == 0 &&
            (exchange_is(broker, message->exchange, BUS_DEAD) ||
             bus_topic_matches(binding->key, message->routing_key))) {
            return true;
        }
    }
    return false;
}

size_t broker_route(struct broker *broker, const struct bus_message *message,
                    const char *user)
{
    struct broker_queue *queue = broker->queues;
    size_t taken = 0;

    for (; queue != NULL; queue = queue->next) {
        if (queue_takes(broker, queue, message)) {
            broker_list_append(&queue->ready,
                               broker_message_new(message, user));
            broker_pump(broker, queue);
            taken++;
        }
    }
    return taken;
}

void broker_attach(struct broker_queue *queue, struct broker_consumer *consumer)
{
    struct broker_consumer **end = &queue->consumers;

    while (*end != NULL) {
        end = &(*end)->next;
    }
    consumer->next = NULL;
    *end = consumer;
}

static void return_unacked(struct broker_queue *queue)
{
    struct broker_message *message = queue->unacked.first;

    if (message == NULL) {
        return;
    }
    for (; message != NULL; message = message->next) {
        message->redelivered = true;
    }
    queue->unacked.last->next = queue->ready.first;
    queue->ready.first = queue->unacked.first;
    if (queue->ready.last == NULL) {
        queue->ready.last = queue->unacked.last;
    }
    queue->ready.n += queue->unacked.n;
    queue->unacked = (struct broker_list){0};
}

void broker_detach(struct broker_queue *queue, const struct memory_bus *bus)
{
    struct broker_consumer **at = &queue->consumers;

    if (*at != NULL && (*at)->bus == bus) {
        return_unacked(queue);
    }
    while (*at != NULL) {
        struct broker_consumer *consumer = *at;

        if (consumer->bus == bus) {
            *at = consumer->next;
            free(consumer);
        } else {
            at = &consumer->next;
        }
    }
}

void broker_pump(struct broker *broker, struct broker_queue *queue)
{
    struct broker_consumer *active = queue->consumers;

    if (active == NULL || broker->stopped) {
        return;
    }
    while (queue->ready.n > 0 &&
           (active->prefetch == 0 ||
            queue->unacked.n < (size_t)active->prefetch)) {
        struct broker_message *message = broker_list_take(&queue->ready);

        message->tag = ++active->last_tag;
        memory_bus_push(active->bus, active->number, message);
        broker_list_append(&queue->unacked, message);
    }
}

void broker_acknowledge(struct broker_queue *queue, uint64_t tag)
{
    while (queue->unacked.first != NULL && queue->unacked.first->tag <= tag) {
        broker_message_free(broker_list_take(&queue->unacked));
    }
}

bool broker_publish(struct broker *broker, const struct bus_message *message)
{
    return !broker->stopped && broker_exchange_is(broker, message->exchange) &&
           broker_route(broker, message, NULL) > 0;
}

size_t broker_depth(const struct broker *broker, const char *queue)
{
    const struct broker_queue *found = broker_queue_find(broker, queue);

    return found != NULL ? found->ready.n + found->unacked.n : 0;
}

bool broker_peek(const struct broker *broker, const char *queue, size_t i,
                 struct bus_message *message)
{
    const struct broker_queue *found = broker_queue_find(broker, queue);
    const struct broker_message *at = found != NULL ? found->ready.first : NULL;

    for (; at != NULL && i > 0; i--) {
        at = at->next;
    }
    if (at == NULL) {
        return false;
    }
    *message = at->content;
    return true;
}
