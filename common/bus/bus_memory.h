/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A broker in memory, for tests and the simulator: quorum queues with single
 * active consumers as docs/architecture.md describes them, and every fault
 * that a real broker may show, decided by the caller.
 */
#ifndef HYP_BUS_BUS_MEMORY_H
#define HYP_BUS_BUS_MEMORY_H

#include "common/bus/bus.h"

struct broker;

/** Decisions a test may take; any member may be NULL (no fault). */
struct broker_faults {
    void *ctx;
    /** A publish is refused (nacked) though later ones may be taken. */
    bool (*nack)(void *ctx);
    /** Deliver this connection's next event now? False: BUS_IDLE. Asked for
     *  the consuming and the publishing connection of a bus apart, as
     *  "NAME.in" and "NAME.out": the two overtake each other. */
    bool (*deliver)(void *ctx, const char *connection);
    /** The confirm of this publish comes only after a later one's, or when
     *  nothing else is left to hand out. */
    bool (*late)(void *ctx);
    /** The publishing connection broke unnoticed: this message and all after
     *  it go nowhere until the bus hands out BUS_OUT_LOST. */
    bool (*swallow)(void *ctx);
    /** On a cut: the next event not polled yet is still in the dead socket.
     *  False loses it and all after it. */
    bool (*keep)(void *ctx);
};

struct broker *broker_new(const char *exchange_prefix);
/** Every bus must be closed before. */
void broker_free(struct broker *broker);
/** Deliveries above this come without their body; 1 MiB at start. */
void broker_set_limit(struct broker *broker, size_t message_bytes);
void broker_set_faults(struct broker *broker,
                       const struct broker_faults *faults);
/** A process's bus: events in the order of bus.h, IN_UP and OUT_UP first.
 *  Confirms are queued as events. user is its user-id. */
struct bus *broker_open(struct broker *broker, const char *name,
                        const char *user);
/** Cut a process's consuming or publishing connection from the broker's
 *  side: unacknowledged messages return in order, flagged redelivered, and
 *  the next consumer gets them; events not polled yet are lost but for what
 *  a dead socket would still hold. */
void broker_cut(struct broker *broker, struct bus *bus, bool in, bool out);
/** The process is taken for dead by the broker (its queues go to the next
 *  consumer) but lives on and notices only later, by broker_cut or bus_prove:
 *  publishes still arrive while stalled_publishes, acknowledgements go
 *  nowhere. */
void broker_disown(struct broker *broker, struct bus *bus,
                   bool stalled_publishes);
/** kill -9 of the broker and its return: connections lost, quorum queues
 *  keep all that was confirmed; unacknowledged messages come again. */
void broker_restart(struct broker *broker);
/** The halves of it: nobody can connect in between. */
void broker_stop(struct broker *broker);
void broker_start(struct broker *broker);
/** Memory or disk alarm: every bus is told and its publishes are refused. */
void broker_block(struct broker *broker, bool blocked);
/** Publish as an outsider; true when a queue took it. */
bool broker_publish(struct broker *broker, const struct bus_message *message);
/** Messages ready and unacknowledged in a queue. */
size_t broker_depth(const struct broker *broker, const char *queue);
/** Look at the i-th ready message of a queue; false past the end. */
bool broker_peek(const struct broker *broker, const char *queue, size_t i,
                 struct bus_message *message);
/** Delete a queue with its messages and bindings; who reads it loses the
 *  consuming connection. */
void broker_delete(struct broker *broker, const char *queue);
/** Take what was published to an exchange that tests listen to: bind a
 *  plain queue to it first. */
void broker_bind(struct broker *broker, const char *queue, const char *exchange,
                 const char *key);

#endif
