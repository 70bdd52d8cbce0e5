/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The bus: consume from queues, publish with confirms, never block. Backends:
 * AMQP 0-9-1 (RabbitMQ) and memory. A bus reconnects by itself with back-off
 * and declares again what it was told to; its user learns of it by events.
 */
#ifndef HYP_BUS_BUS_H
#define HYP_BUS_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

struct bus;

/** Properties of a message; text members are "" when absent. */
struct bus_properties {
    const char *content_type;
    const char *message_id;
    const char *user_id;  /**< filled in on publish by the bus */
    int64_t timestamp_ms; /**< 0: absent (AMQP carries seconds) */
};

struct bus_message {
    const char *exchange;    /**< "": straight to the queue routing_key */
    const char *routing_key; /**< at most 255 bytes */
    bool mandatory;          /**< a message no queue takes is refused */
    struct bus_properties properties;
    const void *body;
    size_t len;
};

struct bus_delivery {
    size_t queue; /**< number that bus_consume gave */
    uint64_t tag;
    bool redelivered;
    const char *exchange;
    const char *routing_key;
    struct bus_properties properties;
    const void *body; /**< NULL when it passed the limit; len tells its size */
    size_t len;
    /** First min(len, BUS_HEAD_MAX) bytes of a body that passed the limit,
     *  for the dead letters. NULL when body is whole. */
    const void *head;
    size_t head_len;
};

enum {
    BUS_HEAD_MAX = 64 * 1024,
    BUS_TEXT_MAX = 255 /* AMQP short string */
};

enum bus_event_kind {
    BUS_IDLE, /**< nothing within the time */
    BUS_DELIVERY,
    BUS_CONFIRMED, /**< number, or all up to it when multiple */
    BUS_REFUSED,   /**< number: nacked or returned; reason says which */
    BUS_IN_UP,     /**< consuming: what was unacknowledged comes again; never
                        for a bus that consumes nothing */
    BUS_IN_LOST,   /**< acknowledgements under way may not have arrived */
    BUS_OUT_UP,    /**< publishing: numbers start again at 1 */
    BUS_OUT_LOST,  /**< nothing unconfirmed is known: send it again */
    BUS_BLOCKED,   /**< the broker takes no publishes now; reason */
    BUS_UNBLOCKED
};

struct bus_event {
    enum bus_event_kind kind;
    uint64_t number;
    bool multiple;
    const char *reason; /**< for people, borrowed until the next poll */
    struct bus_delivery delivery; /**< borrowed until the next poll */
};

/** A queue as the broker sees it. */
struct bus_queue_state {
    uint64_t messages;  /**< ready, not those delivered already */
    uint64_t consumers; /**< of all connections; the waiting ones may not
                             count */
};

/** Set in the number of a message that is handed over within the process
 *  (bus_local.h): such numbers go on over BUS_OUT_UP, each is confirmed alone,
 *  and they are above all of the broker's. */
#define BUS_LOCAL_NUMBER (UINT64_C(1) << 63)

struct bus_ops {
    void (*close)(struct bus *bus);
    enum err (*consume)(struct bus *bus, const char *queue, int prefetch,
                        size_t *number);
    enum err (*declare)(struct bus *bus, const char *queue);
    enum err (*publish)(struct bus *bus, const struct bus_message *message,
                        uint64_t *number);
    enum err (*ack)(struct bus *bus, size_t queue, uint64_t tag);
    enum err (*prove)(struct bus *bus, size_t queue);
    enum err (*look)(struct bus *bus, const char *queue,
                     struct bus_queue_state *state);
    enum err (*remove)(struct bus *bus, const char *queue);
    void (*pause)(struct bus *bus, bool on);
    enum err (*poll)(struct bus *bus, int timeout_ms, struct bus_event *event);
    int (*fds)(struct bus *bus, int fds[2]);
};

/** A backend's struct begins with this. */
struct bus {
    const struct bus_ops *ops;
};

/** Drop the connections as they are: what is not acknowledged comes again. */
void bus_close(struct bus *bus);
/** Read a queue of the topology (declared with its bindings; single active
 *  consumer). May be called before the connection is up. *number (from 0, in
 *  the order of the calls) names it in deliveries. Never cancelled. */
MUST_CHECK enum err bus_consume(struct bus *bus, const char *queue,
                                int prefetch, size_t *number);
/** Declare a queue (or exchange target) that will be written to, now and
 *  after each reconnect. Again: makes it again, should it be gone. */
MUST_CHECK enum err bus_declare(struct bus *bus, const char *queue);
/** Hand a persistent message to the broker. *number counts from 1 since
 *  BUS_OUT_UP. ERR_UNAVAILABLE: not connected or blocked, nothing was sent;
 *  ERR_LIMIT: a name, key or property of more than BUS_TEXT_MAX bytes.
 *  Copies nothing: the message is written before it returns. */
MUST_CHECK enum err bus_publish(struct bus *bus,
                                const struct bus_message *message,
                                uint64_t *number);
/** Acknowledge everything up to tag (delivered since BUS_IN_UP and not
 *  acknowledged yet) of that queue. ERR_UNAVAILABLE: lost. */
MUST_CHECK enum err bus_ack(struct bus *bus, size_t queue, uint64_t tag);
/** A synchronous exchange on the queue's channel: every acknowledgement
 *  before it has arrived. Waits 5 s at most, as the next ones do; who does
 *  not answer in that time is lost (ERR_UNAVAILABLE). */
MUST_CHECK enum err bus_prove(struct bus *bus, size_t queue);
/** Messages ready in a queue. ERR_NOT_FOUND: no such queue; ERR_UNAVAILABLE:
 *  not connected, paused, or blocked where nothing is consumed. */
MUST_CHECK enum err bus_depth(struct bus *bus, const char *queue,
                              uint64_t *messages);
/** The same, with who reads it. */
MUST_CHECK enum err bus_look(struct bus *bus, const char *queue,
                             struct bus_queue_state *state);
/** Delete a queue with all that is in it. ERR_OK too when there is none;
 *  ERR_UNAVAILABLE. */
MUST_CHECK enum err bus_remove(struct bus *bus, const char *queue);
/** Hand out no deliveries until told otherwise: they stay on their way, and
 *  the broker sends no more when the way is full. The connections are kept; a
 *  loss of the consuming one may be told only afterwards. */
void bus_pause(struct bus *bus, bool on);
/** The next event; waits at most timeout_ms (0: does not wait). Connects,
 *  keeps heartbeats. ERR_OK, with BUS_IDLE when nothing came. */
MUST_CHECK enum err bus_poll(struct bus *bus, int timeout_ms,
                             struct bus_event *event);
/** Sockets to watch in a foreign loop: returns how many (0..2). */
int bus_fds(struct bus *bus, int fds[2]);

#endif
