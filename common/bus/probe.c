/* SPDX-License-Identifier: Apache-2.0 */
/** Whether a broker lets a user into a vhost: one short connection. */
#include "common/bus/probe.h"

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <sys/time.h>

#include "common/bus/amqp_tls.h"

enum {
    FRAME_MAX = 131072,
    MS_PER_S = 1000,
    US_PER_MS = 1000
};

struct probe {
    const struct bus_amqp_conf *conf;
    struct timeval timeout;
    struct amqp_tls tls;
};

/* What the broker said when it closed the connection at login. */
static enum err explain_close(const struct bus_amqp_conf *conf,
                              const amqp_method_t *method, struct errbuf *why)
{
    if (method->id != AMQP_CONNECTION_CLOSE_METHOD) {
        errbuf_set(why, "%s:%d: unexpected answer to the login", conf->host,
                   (int)conf->port);
        return ERR_UNAVAILABLE;
    }
    const amqp_connection_close_t *closed = method->decoded;
    errbuf_set(why, "%s:%d refuses user %s, vhost %s: %.*s", conf->host,
               (int)conf->port, conf->user, conf->vhost,
               (int)closed->reply_text.len,
               (const char *)closed->reply_text.bytes);
    return ERR_INVALID;
}

static enum err explain_end(struct probe *probe, int status, struct errbuf *why)
{
    const struct bus_amqp_conf *conf = probe->conf;
    const char *refusal = conf->tls && status != AMQP_STATUS_TIMEOUT
                              ? amqp_tls_refusal(&probe->tls)
                              : NULL;

    errbuf_set(why, "%s:%d: login: %s", conf->host, (int)conf->port,
               refusal != NULL ? refusal : amqp_error_string2(status));
    return refusal != NULL || status == AMQP_STATUS_CONNECTION_CLOSED
               ? ERR_INVALID
               : ERR_UNAVAILABLE;
}

static enum err explain_reply(struct probe *probe, amqp_rpc_reply_t reply,
                              struct errbuf *why)
{
    switch (reply.reply_type) {
    case AMQP_RESPONSE_NORMAL:
        return ERR_OK;
    case AMQP_RESPONSE_SERVER_EXCEPTION:
        return explain_close(probe->conf, &reply.reply, why);
    case AMQP_RESPONSE_LIBRARY_EXCEPTION:
    case AMQP_RESPONSE_NONE:
    default:
        return explain_end(probe, reply.library_error, why);
    }
}

static enum err probe_plain(const struct probe *probe,
                            amqp_connection_state_t connection,
                            struct errbuf *why)
{
    const struct bus_amqp_conf *conf = probe->conf;
    amqp_socket_t *socket = amqp_tcp_socket_new(connection);
    BUG_IF(socket == NULL);
    int status = amqp_socket_open_noblock(socket, conf->host, (int)conf->port,
                                          &probe->timeout);
    if (status != AMQP_STATUS_OK) {
        errbuf_set(why, "%s:%d: %s", conf->host, (int)conf->port,
                   amqp_error_string2(status));
        return ERR_UNAVAILABLE;
    }
    return ERR_OK;
}

static enum err probe_tls(struct probe *probe,
                          amqp_connection_state_t connection,
                          struct errbuf *why)
{
    const struct bus_amqp_conf *conf = probe->conf;
    struct errbuf inner = {0};
    const struct amqp_tls_peer peer = {conf->host, (int)conf->port,
                                       probe->timeout};
    enum err err = amqp_tls_open(&probe->tls, conf, connection, &peer, &inner);
    if (err != ERR_OK) {
        errbuf_set(why, "%s:%d: %s", conf->host, (int)conf->port, inner.text);
    }
    return err;
}

static enum err probe_login(struct probe *probe,
                            amqp_connection_state_t connection,
                            struct errbuf *why)
{
    const struct bus_amqp_conf *conf = probe->conf;
    enum err err = conf->tls ? probe_tls(probe, connection, why)
                             : probe_plain(probe, connection, why);
    if (err != ERR_OK) {
        return err;
    }
    amqp_set_handshake_timeout(connection, &probe->timeout);
    amqp_set_rpc_timeout(connection, &probe->timeout);
    amqp_rpc_reply_t reply = amqp_login(
        connection, conf->vhost, AMQP_DEFAULT_MAX_CHANNELS, FRAME_MAX, 0,
        AMQP_SASL_METHOD_PLAIN, conf->user, conf->password);
    err = explain_reply(probe, reply, why);
    if (err == ERR_OK) {
        (void)amqp_connection_close(connection, AMQP_REPLY_SUCCESS);
    }
    return err;
}

enum err bus_probe(const struct bus_amqp_conf *conf, int64_t timeout_ms,
                   struct errbuf *why)
{
    struct probe probe = {
        .conf = conf,
        .timeout = {.tv_sec = (time_t)(timeout_ms / MS_PER_S),
                    .tv_usec =
                        (suseconds_t)(timeout_ms % MS_PER_S) * US_PER_MS}};
    amqp_connection_state_t connection = amqp_new_connection();
    BUG_IF(connection == NULL);
    enum err err = probe_login(&probe, connection, why);
    amqp_destroy_connection(connection);
    return err;
}
