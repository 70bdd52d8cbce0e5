/* SPDX-License-Identifier: Apache-2.0 */
/** TLS towards senders: our certificate, and theirs where it is asked for. */
#ifndef HYP_CONNECTOR_TLS_H
#define HYP_CONNECTOR_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/base/err.h"

struct tls;
struct tls_session;

/**
 * Read certificate and key (PEM).
 *
 * ca   file of the authorities that a sender's certificate must be of; ""
 *      asks for none.
 * tls  gives.
 * Returns ERR_OK; ERR_INVALID with why naming the file.
 */
MUST_CHECK enum err tls_new(const char *certificate, const char *key,
                            const char *ca, struct tls **tls,
                            struct errbuf *why);
void tls_free(struct tls *tls);

/** For an accepted socket (borrowed); the handshake is part of reading. */
struct tls_session *tls_session_new(const struct tls *tls, int fd);
/** Says good-bye without waiting. NULL is fine. */
void tls_session_free(struct tls_session *session);
/**
 * Read at most len bytes, shaking hands first.
 * Returns their number; 0 at the end; -1 when there is nothing now (*events
 * says what to poll for); -2 on failure, with why.
 */
ssize_t tls_read(struct tls_session *session, void *data, size_t len,
                 short *events, struct errbuf *why);
/* For sessions that an HTTP library keeps. */

/** Whether PEM text holds certificates of authorities: ERR_INVALID, with why
 *  that names tls_ca. */
MUST_CHECK enum err tls_check_ca(const char *pem, struct errbuf *why);
/** Whether the other side of a session (a gnutls_session_t that has shaken
 *  hands; NULL: there is none) showed a certificate of the authorities. */
bool tls_is_trusted(void *session, struct errbuf *why);

/** Whether more was read from the socket than tls_read gave. */
bool tls_has_more(const struct tls_session *session);

#endif
