/* SPDX-License-Identifier: Apache-2.0 */
/** Events straight to the message bus, as a connector publishes them. */
#ifndef HYP_CLI_AMQP_SENDER_H
#define HYP_CLI_AMQP_SENDER_H

#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"

struct amqp_sender;

/** Called for each event of a body that is settled, index its place in the
 * body: why NULL: confirmed by the broker, or kept on disk for it. */
typedef void amqp_item_fn(void *ctx, size_t index, const struct errbuf *why);

/** Connect as amqp.conf of the folder says (NULL: the usual one). What cannot
 *  be sent is kept in the folder spool (NULL: the usual one) and told; what
 *  waits there goes first. NULL, and told, when neither can be used. */
struct amqp_sender *amqp_sender_open(const char *config_dir, const char *spool);
/** Tells what is left waiting. */
void amqp_sender_close(struct amqp_sender *sender);
/** Validate and publish a body of events and wait for the confirms; *n gets
 *  the number of events. ERR_UNAVAILABLE, and told: the broker is away or
 *  does not confirm in time, and nothing can be kept. */
MUST_CHECK enum err amqp_sender_send(struct amqp_sender *sender,
                                     const struct buf *body, amqp_item_fn *item,
                                     void *ctx, size_t *n);

#endif
