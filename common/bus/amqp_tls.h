/* SPDX-License-Identifier: Apache-2.0 */
/** TLS towards the broker: whom we trust, who we are, and why it failed. */
#ifndef HYP_BUS_AMQP_TLS_H
#define HYP_BUS_AMQP_TLS_H

#include <amqp.h>
#include <sys/time.h>

#include "common/base/err.h"
#include "common/bus/bus_amqp.h"

enum {
    AMQP_TLS_WHY_MAX = 400
};

/** What one connection attempt learned; the library's callbacks fill it. */
struct amqp_tls {
    const struct bus_amqp_conf *conf; /**< borrowed */
    const char *name;                 /**< that the certificate must be for */
    char why[AMQP_TLS_WHY_MAX];       /**< what is wrong with the certificate */
    char alert[AMQP_TLS_WHY_MAX]; /**< what the broker said before it left */
};

/**
 * Read the files that conf names, as a connection will.
 * Returns ERR_OK, also without TLS; ERR_INVALID with why naming key and file.
 */
MUST_CHECK enum err amqp_tls_check(const struct bus_amqp_conf *conf,
                                   struct errbuf *why);
/** Whom to connect to. */
struct amqp_tls_peer {
    const char *host;
    int port;
    struct timeval timeout; /**< for all of it */
};

/**
 * Connect and shake hands.
 *
 * tls     must stay where it is for as long as the connection lives.
 * conf    borrows.
 * peer    that is tried; the certificate must be for tls_server_name, or for
 *         its host when that is empty.
 * Returns ERR_OK; ERR_INVALID (a file, or the certificate); ERR_UNAVAILABLE.
 */
MUST_CHECK enum err
amqp_tls_open(struct amqp_tls *tls, const struct bus_amqp_conf *conf,
              amqp_connection_state_t conn, const struct amqp_tls_peer *peer,
              struct errbuf *why);
/** What to say when the broker closed the connection without a word of AMQP:
 *  ours is a certificate that it does not take, or none. */
const char *amqp_tls_refusal(struct amqp_tls *tls);

#endif
