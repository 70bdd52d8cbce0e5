/* SPDX-License-Identifier: Apache-2.0 */
/** The data packet of NSCA, protocol version 3, as send_nsca sends it. Pure. */
#ifndef HYP_CONNECTORS_NSCA_PACKET_H
#define HYP_CONNECTORS_NSCA_PACKET_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

enum {
    NSCA_IV_BYTES = 128,                  /**< sent by the server first, */
    NSCA_HELLO_BYTES = NSCA_IV_BYTES + 4, /**< with its time in seconds */
    NSCA_PACKET_BYTES = 4304,
    NSCA_PACKET_SHORT = 720, /**< of senders before 2.9 */
    NSCA_HOST_MAX = 64,
    NSCA_SERVICE_MAX = 128,
    NSCA_OUTPUT_MAX = 4096
};

/** Texts as sent, in whatever encoding, not ended by a NUL. */
struct nsca_packet {
    int64_t time_s; /**< the server's, as the hello told it */
    int code;       /**< 0..3, of a service or a host */
    const char *host;
    size_t host_len;
    const char *service; /**< empty: about the host itself */
    size_t service_len;
    const char *output;
    size_t output_len;
};

/** Write the hello. */
void nsca_hello(const unsigned char iv[NSCA_IV_BYTES], int64_t now_s,
                unsigned char out[NSCA_HELLO_BYTES]);
/**
 * Read a decrypted packet in place; packet borrows from data.
 *
 * len  NSCA_PACKET_BYTES or NSCA_PACKET_SHORT.
 * Returns ERR_OK; ERR_INVALID: the checksum is wrong (also what a wrong
 * password or method looks like), or a field makes no sense.
 */
MUST_CHECK enum err nsca_packet_read(const unsigned char *data, size_t len,
                                     struct nsca_packet *packet,
                                     struct errbuf *why);

#endif
