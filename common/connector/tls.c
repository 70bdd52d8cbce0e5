/* SPDX-License-Identifier: Apache-2.0 */
/** TLS towards senders, by GnuTLS. */
#include "common/connector/tls.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

struct tls {
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priority;
    bool asks;
};

struct tls_session {
    gnutls_session_t session;
    bool shaken;
};

static enum err refuse(const char *key, const char *path, int code,
                       struct errbuf *why)
{
    errbuf_set_field(why, key, "%s: %s: %s", key, path, gnutls_strerror(code));
    return ERR_INVALID;
}

static enum err load(struct tls *tls, const char *certificate, const char *key,
                     const char *ca, struct errbuf *why)
{
    int code = gnutls_certificate_set_x509_key_file(
        tls->credentials, certificate, key, GNUTLS_X509_FMT_PEM);

    if (code < 0) {
        return refuse("tls_certificate", certificate, code, why);
    }
    if (ca[0] == '\0') {
        return ERR_OK;
    }
    tls->asks = true;
    code = gnutls_certificate_set_x509_trust_file(tls->credentials, ca,
                                                  GNUTLS_X509_FMT_PEM);
    if (code <= 0) {
        return refuse("tls_ca", ca,
                      code < 0 ? code : GNUTLS_E_NO_CERTIFICATE_FOUND, why);
    }
    return ERR_OK;
}

enum err tls_new(const char *certificate, const char *key, const char *ca,
                 struct tls **out, struct errbuf *why)
{
    struct tls *tls = xcalloc(1, sizeof *tls);
    enum err err;

    BUG_IF(gnutls_certificate_allocate_credentials(&tls->credentials) !=
           GNUTLS_E_SUCCESS);
    BUG_IF(gnutls_priority_init(&tls->priority,
                                "NORMAL:-VERS-TLS1.0:-VERS-TLS1.1",
                                NULL) != GNUTLS_E_SUCCESS);
    err = load(tls, certificate, key, ca, why);
    if (err != ERR_OK) {
        tls_free(tls);
        return err;
    }
    *out = tls;
    return ERR_OK;
}

void tls_free(struct tls *tls)
{
    if (tls == NULL) {
        return;
    }
    gnutls_certificate_free_credentials(tls->credentials);
    gnutls_priority_deinit(tls->priority);
    free(tls);
}

struct tls_session *tls_session_new(const struct tls *tls, int fd)
{
    struct tls_session *session = xcalloc(1, sizeof *session);

    BUG_IF(gnutls_init(&session->session,
                       GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) !=
           GNUTLS_E_SUCCESS);
    (void)gnutls_priority_set(session->session, tls->priority);
    (void)gnutls_credentials_set(session->session, GNUTLS_CRD_CERTIFICATE,
                                 tls->credentials);
    if (tls->asks) {
        gnutls_certificate_server_set_request(session->session,
                                              GNUTLS_CERT_REQUIRE);
        gnutls_session_set_verify_cert(session->session, NULL, 0);
    }
    gnutls_transport_set_int(session->session, fd);
    return session;
}

void tls_session_free(struct tls_session *session)
{
    if (session == NULL) {
        return;
    }
    if (session->shaken) {
        (void)gnutls_bye(session->session, GNUTLS_SHUT_WR);
    }
    gnutls_deinit(session->session);
    free(session);
}

static bool is_waiting(ssize_t code)
{
    return code == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED;
}

static void set_events(const struct tls_session *session, short *events)
{
    *events = gnutls_record_get_direction(session->session) == 1
                  ? POLLIN | POLLOUT
                  : POLLIN;
}

/* 1 done, -1 goes on later, -2 failed. */
static ssize_t shake(struct tls_session *session, short *events,
                     struct errbuf *why)
{
    int code;

    do {
        code = gnutls_handshake(session->session);
    } while (code < 0 && !is_waiting(code) && gnutls_error_is_fatal(code) == 0);
    set_events(session, events);
    if (is_waiting(code)) {
        return -1;
    }
    if (code < 0) {
        errbuf_set(why, "TLS: %s", gnutls_strerror(code));
        return -2;
    }
    session->shaken = true;
    return 1;
}

ssize_t tls_read(struct tls_session *session, void *data, size_t len,
                 short *events, struct errbuf *why)
{
    ssize_t n;

    if (!session->shaken) {
        n = shake(session, events, why);
        if (n < 0) {
            return n;
        }
    }
    do {
        n = gnutls_record_recv(session->session, data, len);
    } while (n < 0 && !is_waiting(n) && gnutls_error_is_fatal((int)n) == 0);
    set_events(session, events);
    if (is_waiting(n)) {
        return -1;
    }
    if (n == GNUTLS_E_PREMATURE_TERMINATION) {
        return 0; /* many senders leave without a word */
    }
    if (n < 0) {
        errbuf_set(why, "TLS: %s", gnutls_strerror((int)n));
        return -2;
    }
    return n;
}

bool tls_has_more(const struct tls_session *session)
{
    return gnutls_record_check_pending(session->session) > 0;
}

enum err tls_check_ca(const char *pem, struct errbuf *why)
{
    const gnutls_datum_t text = {(unsigned char *)xstrdup(pem),
                                 (unsigned int)strlen(pem)};
    gnutls_x509_crt_t *list = NULL;
    unsigned int n = 0;
    int code =
        gnutls_x509_crt_list_import2(&list, &n, &text, GNUTLS_X509_FMT_PEM, 0);

    for (unsigned int i = 0; code >= 0 && i < n; i++) {
        gnutls_x509_crt_deinit(list[i]);
    }
    gnutls_free(list);
    free(text.data);
    if (code < 0 || n == 0) {
        code = code < 0 ? code : GNUTLS_E_NO_CERTIFICATE_FOUND;
        errbuf_set_field(why, "tls_ca", "tls_ca: %s", gnutls_strerror(code));
        return ERR_INVALID;
    }
    return ERR_OK;
}

bool tls_is_trusted(void *session, struct errbuf *why)
{
    unsigned int status = 0;
    gnutls_datum_t text;
    int code = session != NULL
                   ? gnutls_certificate_verify_peers2(session, &status)
                   : GNUTLS_E_NO_CERTIFICATE_FOUND;

    if (code == GNUTLS_E_SUCCESS && status == 0) {
        return true;
    }
    if (code != GNUTLS_E_SUCCESS ||
        gnutls_certificate_verification_status_print(
            status, GNUTLS_CRT_X509, &text, 0) != GNUTLS_E_SUCCESS) {
        errbuf_set(why, "TLS: %s", gnutls_strerror(code));
        return false;
    }
    errbuf_set(why, "TLS: %.*s", (int)text.size, (const char *)text.data);
    gnutls_free(text.data);
    return false;
}
