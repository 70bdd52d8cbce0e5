/* SPDX-License-Identifier: Apache-2.0 */
/** TLS towards the broker, by librabbitmq's socket over OpenSSL. */
#include "common/bus/amqp_tls.h"

#include <amqp_ssl_socket.h>
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    NAME_MAX_BYTES = 128 /* of a certificate's subject, for people */
};

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static enum err refuse(const char *key, const char *path, const char *reason,
                       struct errbuf *why)
{
    errbuf_set_field(why, key, "%s: %s: %s", key, path, reason);
    return ERR_INVALID;
}

/* What OpenSSL complained of first; empties its queue. */
static const char *first_error(void)
{
    unsigned long code = ERR_peek_error();
    const char *reason = ERR_reason_error_string(code);

    ERR_clear_error();
    return reason != NULL ? reason : "no PEM in it";
}

static enum err check_readable(const char *key, const char *path,
                               struct errbuf *why)
{
    return access(path, R_OK) == 0 ? ERR_OK
                                   : refuse(key, path, strerror(errno), why);
}

static enum err load_authorities(SSL_CTX *ctx, const struct bus_amqp_conf *conf,
                                 struct errbuf *why)
{
    enum err err;

    if (!is_set(conf->tls_ca)) {
        (void)SSL_CTX_set_default_verify_paths(ctx);
        return ERR_OK;
    }
    err = check_readable("tls_ca", conf->tls_ca, why);
    if (err == ERR_OK && SSL_CTX_load_verify_file(ctx, conf->tls_ca) != 1) {
        err = refuse("tls_ca", conf->tls_ca, first_error(), why);
    }
    return err;
}

static enum err check_days(const X509 *certificate, const char *path,
                           struct errbuf *why)
{
    if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
        return refuse("tls_certificate", path, "it has expired", why);
    }
    if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) {
        return refuse("tls_certificate", path, "it is not valid yet", why);
    }
    return ERR_OK;
}

static enum err load_certificate(SSL_CTX *ctx, const char *path,
                                 struct errbuf *why)
{
    enum err err = check_readable("tls_certificate", path, why);

    if (err != ERR_OK) {
        return err;
    }
    if (SSL_CTX_use_certificate_chain_file(ctx, path) != 1) {
        return refuse("tls_certificate", path, first_error(), why);
    }
    return check_days(SSL_CTX_get0_certificate(ctx), path, why);
}

static enum err load_key(SSL_CTX *ctx, const char *path, struct errbuf *why)
{
    struct stat st;
    enum err err = check_readable("tls_key", path, why);

    if (err != ERR_OK) {
        return err;
    }
    if (stat(path, &st) == 0 && (st.st_mode & S_IRWXO) != 0) {
        return refuse("tls_key", path,
                      "everybody may read or write it; expected mode 0600 or "
                      "0640",
                      why);
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, path, SSL_FILETYPE_PEM) != 1) {
        return refuse("tls_key", path, first_error(), why);
    }
    return ERR_OK;
}

/* A daemon has nobody to ask for a passphrase. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the library's form. */
static int no_passphrase(char *out, int size, int writes, void *ctx)
{
    (void)out;
    (void)size;
    (void)writes;
    (void)ctx;
    return -1;
}

static enum err load_identity(SSL_CTX *ctx, const struct bus_amqp_conf *conf,
                              struct errbuf *why)
{
    enum err err;

    if (!is_set(conf->tls_certificate) && !is_set(conf->tls_key)) {
        return ERR_OK;
    }
    if (!is_set(conf->tls_certificate) || !is_set(conf->tls_key)) {
        errbuf_set_field(why, "tls_key",
                         "tls_certificate and tls_key: only one is set; "
                         "expected both or none");
        return ERR_INVALID;
    }
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    err = load_certificate(ctx, conf->tls_certificate, why);
    return err == ERR_OK ? load_key(ctx, conf->tls_key, why) : err;
}

static enum err load(SSL_CTX *ctx, const struct bus_amqp_conf *conf,
                     struct errbuf *why)
{
    enum err err;

    ERR_clear_error();
    (void)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    err = load_authorities(ctx, conf, why);
    return err == ERR_OK ? load_identity(ctx, conf, why) : err;
}

/* Who set files and forgot the switch would talk in the clear. */
static enum err check_unused(const struct bus_amqp_conf *conf,
                             struct errbuf *why)
{
    if (is_set(conf->tls_ca) || is_set(conf->tls_certificate) ||
        is_set(conf->tls_key) || is_set(conf->tls_server_name)) {
        errbuf_set_field(why, "tls",
                         "tls: no, but tls_ca, tls_certificate, tls_key or "
                         "tls_server_name is set; expected tls = yes");
        return ERR_INVALID;
    }
    return ERR_OK;
}

enum err amqp_tls_check(const struct bus_amqp_conf *conf, struct errbuf *why)
{
    SSL_CTX *ctx;
    enum err err;

    if (!conf->tls) {
        return check_unused(conf, why);
    }
    ctx = SSL_CTX_new(TLS_client_method());
    BUG_IF(ctx == NULL);
    err = load(ctx, conf, why);
    SSL_CTX_free(ctx);
    return err;
}

static void describe_subject(const X509 *certificate, char *out)
{
    out[0] = '\0';
    if (certificate != NULL) {
        (void)X509_NAME_oneline(X509_get_subject_name(certificate), out,
                                NAME_MAX_BYTES);
    }
}

static bool is_stranger(int code)
{
    return code == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
           code == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
           code == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
           code == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE;
}

static const char *trusted_file(const struct amqp_tls *tls)
{
    return is_set(tls->conf->tls_ca) ? tls->conf->tls_ca
                                     : "the system's, tls_ca is not set";
}

static void remember(struct amqp_tls *tls, int code, const X509 *certificate)
{
    char subject[NAME_MAX_BYTES];

    describe_subject(certificate, subject);
    if (code == X509_V_ERR_HOSTNAME_MISMATCH ||
        code == X509_V_ERR_IP_ADDRESS_MISMATCH) {
        (void)snprintf(tls->why, sizeof tls->why,
                       "its certificate %s is not for %.80s (host, or "
                       "tls_server_name)",
                       subject, tls->name);
        return;
    }
    (void)snprintf(tls->why, sizeof tls->why,
                   "its certificate %s%s: %s (tls_ca: %.100s)", subject,
                   is_stranger(code) ? " is not by an authority we trust" : "",
                   X509_verify_cert_error_string(code), trusted_file(tls));
}

static int on_verify(int good, X509_STORE_CTX *store)
{
    const SSL *ssl =
        X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());

    if (good == 0) {
        remember(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)),
                 X509_STORE_CTX_get_error(store),
                 X509_STORE_CTX_get_current_cert(store));
    }
    return good;
}

/* OpenSSL 3.0 has no word for the newest. */
static const char *alert_text(int code)
{
    return code == SSL_AD_CERTIFICATE_REQUIRED
               ? "certificate required"
               : SSL_alert_desc_string_long(code);
}

static void on_info(const SSL *ssl, int where, int code)
{
    struct amqp_tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT &&
        (code & 0xff) != SSL_AD_CLOSE_NOTIFY) {
        (void)snprintf(tls->alert, sizeof tls->alert, "%s",
                       alert_text(code & 0xff));
    }
}

/* OpenSSL's own check of the name knows addresses and tells what failed. */
static void demand_name(SSL_CTX *ctx, const char *name)
{
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);
    unsigned char address[sizeof(struct in6_addr)];

    X509_VERIFY_PARAM_set_hostflags(param,
                                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (inet_pton(AF_INET, name, address) == 1 ||
        inet_pton(AF_INET6, name, address) == 1) {
        BUG_IF(X509_VERIFY_PARAM_set1_ip_asc(param, name) != 1);
    } else {
        BUG_IF(X509_VERIFY_PARAM_set1_host(param, name, 0) != 1);
    }
}

const char *amqp_tls_refusal(struct amqp_tls *tls)
{
    /* An end that overtook its own alert tells nothing. */
    const char *alert = tls->alert[0] != '\0' ? tls->alert : "no reason given";

    if (is_set(tls->conf->tls_certificate)) {
        (void)snprintf(tls->why, sizeof tls->why,
                       "TLS: it ends the connection: %.60s; is it our "
                       "certificate? (tls_certificate: %.150s)",
                       alert, tls->conf->tls_certificate);
    } else {
        (void)snprintf(tls->why, sizeof tls->why,
                       "TLS: it refuses us without a certificate: %.60s "
                       "(tls_certificate and tls_key are not set)",
                       alert);
    }
    return tls->why;
}

static enum err explain(struct amqp_tls *tls, int status, struct errbuf *why)
{
    if (tls->why[0] != '\0') {
        errbuf_set(why, "TLS: %s", tls->why);
        return ERR_INVALID;
    }
    if (status == AMQP_STATUS_SSL_CONNECTION_FAILED) {
        errbuf_set(why, "%s",
                   tls->alert[0] != '\0'
                       ? amqp_tls_refusal(tls)
                       : "TLS: no handshake: is port its AMQPS port?");
    } else {
        errbuf_set(why, "TLS: %s", amqp_error_string2(status));
    }
    return ERR_UNAVAILABLE;
}

enum err amqp_tls_open(struct amqp_tls *tls, const struct bus_amqp_conf *conf,
                       amqp_connection_state_t conn,
                       const struct amqp_tls_peer *peer, struct errbuf *why)
{
    amqp_socket_t *socket = amqp_ssl_socket_new(conn);
    SSL_CTX *ctx;
    enum err err;
    int status;

    BUG_IF(socket == NULL);
    ctx = amqp_ssl_socket_get_context(socket);
    *tls = (struct amqp_tls){.conf = conf,
                             .name = is_set(conf->tls_server_name)
                                         ? conf->tls_server_name
                                         : peer->host};
    err = load(ctx, conf, why);
    if (err != ERR_OK) {
        return err;
    }
    (void)SSL_CTX_set_app_data(ctx, tls);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, on_verify);
    SSL_CTX_set_info_callback(ctx, on_info);
    demand_name(ctx, tls->name);
    /* The chain is asked for once more; of the name it knows less than
     * OpenSSL, which has checked it by then. */
    amqp_ssl_socket_set_verify_peer(socket, 1);
    amqp_ssl_socket_set_verify_hostname(socket, 0);
    status = amqp_socket_open_noblock(socket, peer->host, peer->port,
                                      &peer->timeout);
    tls->name = "";
    return status == AMQP_STATUS_OK ? ERR_OK : explain(tls, status, why);
}
