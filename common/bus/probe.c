/* SPDX-License-Identifier: Apache-2.0 */
/** Whether a broker lets a user into a vhost: one short connection. */
#include "common/bus/probe.h"

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <sys/time.h>

enum {
    FRAME_MAX = 131072,
    MS_PER_S = 1000,
    US_PER_MS = 1000
};

static struct timeval probe_timeout(const struct bus_probe *probe)
{
    return (struct timeval){
        .tv_sec = (time_t)(probe->timeout_ms / MS_PER_S),
        .tv_usec = (suseconds_t)(probe->timeout_ms % MS_PER_S) * US_PER_MS};
}

/* What the broker said when it closed the connection at login. */
static enum err explain_close(const struct bus_probe *probe,
                              const amqp_method_t *method, struct errbuf *why)
{
    if (method->id != AMQP_CONNECTION_CLOSE_METHOD) {
        errbuf_set(why, "%s:%d: unexpected answer to the login", probe->host,
                   probe->port);
        return ERR_UNAVAILABLE;
    }
    const amqp_connection_close_t *closed = method->decoded;
    errbuf_set(why, "%s:%d refuses user %s, vhost %s: %.*s", probe->host,
               probe->port, probe->user, probe->vhost,
               (int)closed->reply_text.len,
               (const char *)closed->reply_text.bytes);
    return ERR_INVALID;
}

static enum err explain_reply(const struct bus_probe *probe,
                              amqp_rpc_reply_t reply, struct errbuf *why)
{
    switch (reply.reply_type) {
    case AMQP_RESPONSE_NORMAL:
        return ERR_OK;
    case AMQP_RESPONSE_SERVER_EXCEPTION:
        return explain_close(probe, &reply.reply, why);
    case AMQP_RESPONSE_LIBRARY_EXCEPTION:
    case AMQP_RESPONSE_NONE:
    default:
        errbuf_set(why, "%s:%d: login: %s", probe->host, probe->port,
                   amqp_error_string2(reply.library_error));
        return reply.library_error == AMQP_STATUS_CONNECTION_CLOSED
                   ? ERR_INVALID
                   : ERR_UNAVAILABLE;
    }
}

static enum err probe_login(amqp_connection_state_t connection,
                            const struct bus_probe *probe, struct errbuf *why)
{
    struct timeval timeout = probe_timeout(probe);
    amqp_socket_t *socket = amqp_tcp_socket_new(connection);
    BUG_IF(socket == NULL);
    int status =
        amqp_socket_open_noblock(socket, probe->host, probe->port, &timeout);
    if (status != AMQP_STATUS_OK) {
        errbuf_set(why, "%s:%d: %s", probe->host, probe->port,
                   amqp_error_string2(status));
        return ERR_UNAVAILABLE;
    }
    amqp_set_handshake_timeout(connection, &timeout);
    amqp_set_rpc_timeout(connection, &timeout);
    amqp_rpc_reply_t reply = amqp_login(
        connection, probe->vhost, AMQP_DEFAULT_MAX_CHANNELS, FRAME_MAX, 0,
        AMQP_SASL_METHOD_PLAIN, probe->user, probe->password);
    enum err err = explain_reply(probe, reply, why);
    if (err == ERR_OK) {
        (void)amqp_connection_close(connection, AMQP_REPLY_SUCCESS);
    }
    return err;
}

enum err bus_probe(const struct bus_probe *probe, struct errbuf *why)
{
    amqp_connection_state_t connection = amqp_new_connection();
    BUG_IF(connection == NULL);
    enum err err = probe_login(connection, probe, why);
    amqp_destroy_connection(connection);
    return err;
}
