/* SPDX-License-Identifier: Apache-2.0 */
/** Sockets that wait for senders, and how a sender is called. */
#ifndef HYP_CONNECTOR_LISTEN_H
#define HYP_CONNECTOR_LISTEN_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "common/base/err.h"

enum {
    PEER_TEXT_MAX = INET6_ADDRSTRLEN
};

/**
 * Open and bind a socket that does not block (a stream listens).
 *
 * address  numeric; "*" means every one, IPv6 and IPv4.
 * type     SOCK_STREAM or SOCK_DGRAM.
 * fd       gives.
 * Returns ERR_OK; ERR_INVALID (no address); ERR_UNAVAILABLE (in use, or not
 * allowed), with why.
 */
MUST_CHECK enum err listen_open(const char *address, int port, int type,
                                int *fd, struct errbuf *why);
/** The sender's address as text, IPv4 as such; returns text. */
const char *listen_peer(const struct sockaddr_storage *address,
                        char text[PEER_TEXT_MAX]);

#endif
