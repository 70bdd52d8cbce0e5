/* SPDX-License-Identifier: Apache-2.0 */
/** One connection to the broker. */
#include "common/bus/amqp_link.h"

#include <amqp_tcp_socket.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/base/str.h"

enum {
    CONNECT_MS = 5000,
    HANDSHAKE_S = 3,
    CLOSE_S = 1,
    BACKOFF_FIRST_MS = 100,
    BACKOFF_MOST_MS = 3000, /* a refused connect costs nobody anything */
    STEADY_MS = 10000,      /* up for so long: the next loss is a new one */
    FRAME_BYTES = 128 * 1024,
    REPLY_MOST = 200, /* shown of what the broker says */
    PORT_TEXT_MAX = 24,
    SERVICE_MS = 1000, /* heartbeats are kept at least so often */
    MS_PER_S = 1000,
    ACCESS_REFUSED = 403,
    NOT_ALLOWED = 530
};

/* The server in turn: its host, copied to out, and its port. */
static int64_t server_of(const struct amqp_link *link, char *out, size_t size)
{
    const struct bus_amqp_conf *conf = link->conf;
    int64_t port = conf->port;
    const char *host = conf->host;
    size_t len = strlen(host);

    if (link->turn > 0) {
        BUG_IF(str_split_host(conf->other_hosts.items[link->turn - 1], &host,
                              &len, &port) != ERR_OK);
    }
    (void)snprintf(out, size, "%.*s", (int)len, host);
    return port;
}

static void name_server(struct amqp_link *link)
{
    char host[LINK_SERVER_MAX];
    int64_t port = server_of(link, host, sizeof host);

    (void)snprintf(link->server, sizeof link->server, "%.253s:%d", host,
                   (int)port);
}

void amqp_link_init(struct amqp_link *link, const struct bus_amqp_conf *conf,
                    struct log_complaint *away, const char *name,
                    const char *suffix)
{
    *link = (struct amqp_link){
        .conf = conf, .away = away, .fd = -1, .backoff_ms = BACKOFF_FIRST_MS};
    (void)snprintf(link->name, sizeof link->name, "%s.%s", name, suffix);
    name_server(link);
}

void amqp_link_bury(struct amqp_link *link)
{
    if (link->dead != NULL) {
        (void)amqp_destroy_connection(link->dead);
        link->dead = NULL;
    }
}

static void close_all(struct amqp_link *link)
{
    if (link->conn != NULL) {
        amqp_link_bury(link);
        if (link->fd >= 0) {
            (void)shutdown(link->fd, SHUT_RDWR);
        }
        link->dead = link->conn;
        link->conn = NULL;
        link->fd = -1; /* the library will close it */
    }
    if (link->fd >= 0) {
        (void)close(link->fd);
        link->fd = -1;
    }
    if (link->addresses != NULL) {
        freeaddrinfo(link->addresses);
        link->addresses = NULL;
    }
    link->address = NULL;
    link->readable = false;
}

void amqp_link_be_patient(struct amqp_link *link, int seconds)
{
    if (link->conn != NULL) {
        (void)amqp_set_rpc_timeout(link->conn,
                                   &(struct timeval){.tv_sec = seconds});
    }
}

void amqp_link_fini(struct amqp_link *link)
{
    if (link->state == LINK_UP) {
        /* What was acknowledged must arrive: a socket closed with unread
         * input would be reset under it. */
        amqp_link_be_patient(link, CLOSE_S);
        (void)amqp_connection_close(link->conn, AMQP_REPLY_SUCCESS);
    }
    close_all(link);
    amqp_link_bury(link);
    link->state = LINK_DOWN;
}

/* Half of the pause is random, so that a suite does not come back at once. */
static int64_t jitter(int64_t ms)
{
    uint32_t dice;

    random_bytes(&dice, sizeof dice);
    return ms / 2 + (int64_t)dice % (ms / 2 + 1);
}

/* The next server at once; a pause when none of them was good. */
static void back_off(struct amqp_link *link, int64_t now)
{
    size_t n_servers = 1 + link->conf->other_hosts.n;

    if (link->state == LINK_UP && now - link->up_ms >= STEADY_MS) {
        link->backoff_ms = BACKOFF_FIRST_MS;
        link->n_failed = 0;
    }
    link->turn = (link->turn + 1) % n_servers;
    if (++link->n_failed < n_servers) {
        link->retry_ms = now;
        return;
    }
    link->n_failed = 0;
    link->retry_ms = now + jitter(link->backoff_ms);
    link->backoff_ms *= 2;
    if (link->backoff_ms > BACKOFF_MOST_MS) {
        link->backoff_ms = BACKOFF_MOST_MS;
    }
}

void amqp_link_lose(struct amqp_link *link, const char *format, ...)
{
    char why[LINK_REASON_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(why, sizeof why, format, args);
    va_end(args);
    (void)snprintf(link->reason, sizeof link->reason, "%.127s: %.500s",
                   link->server, why);
    back_off(link, clock_mono_ms());
    name_server(link);
    close_all(link);
    link->state = LINK_DOWN;
    link->news = link->known ? LINK_NEWS_LOST : LINK_NO_NEWS;
    log_complain(link->away, "BUS-AWAY", "broker %s", link->reason);
}

static void describe_close(uint16_t code, amqp_bytes_t text, char *out,
                           size_t size)
{
    (void)snprintf(out, size, "%u %.*s", code,
                   (int)(text.len < REPLY_MOST ? text.len : REPLY_MOST),
                   text.len > 0 ? (const char *)text.bytes : "");
}

void amqp_reply_describe(amqp_rpc_reply_t reply, char *out, size_t size)
{
    const amqp_channel_close_t *channel = reply.reply.decoded;
    const amqp_connection_close_t *connection = reply.reply.decoded;

    if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION &&
        reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD) {
        describe_close(channel->reply_code, channel->reply_text, out, size);
    } else if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION &&
               reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD) {
        describe_close(connection->reply_code, connection->reply_text, out,
                       size);
    } else {
        (void)snprintf(out, size, "%s",
                       reply.library_error != 0
                           ? amqp_error_string2(reply.library_error)
                           : "no answer");
    }
}

bool amqp_link_check(struct amqp_link *link, amqp_rpc_reply_t reply,
                     const char *what)
{
    char text[LINK_REASON_MAX];

    if (reply.reply_type == AMQP_RESPONSE_NORMAL) {
        return true;
    }
    amqp_reply_describe(reply, text, sizeof text);
    amqp_link_lose(link, "%s: %s", what, text);
    return false;
}

static void resolve(struct amqp_link *link)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICSERV};
    char host[LINK_SERVER_MAX];
    char port[PORT_TEXT_MAX];
    int code;

    (void)snprintf(port, sizeof port, "%lld",
                   (long long)server_of(link, host, sizeof host));
    code = getaddrinfo(host, port, &hints, &link->addresses);
    if (code != 0) {
        link->addresses = NULL;
        amqp_link_lose(link, "%s", gai_strerror(code));
        return;
    }
    link->address = link->addresses;
    link->state = LINK_CONNECTING;
}

static void tune_socket(int fd)
{
    int on = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

static int open_socket(const struct addrinfo *address)
{
    int fd = socket(address->ai_family,
                    address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
                    address->ai_protocol);

    if (fd >= 0) {
        tune_socket(fd);
    }
    return fd;
}

/* Start with this address or one of those behind it. */
static void try_addresses(struct amqp_link *link, int64_t now)
{
    int error = 0;

    for (; link->address != NULL; link->address = link->address->ai_next) {
        link->fd = open_socket(link->address);
        link->deadline_ms = now + CONNECT_MS;
        if (link->fd >= 0 && (connect(link->fd, link->address->ai_addr,
                                      link->address->ai_addrlen) == 0 ||
                              errno == EINPROGRESS)) {
            return;
        }
        error = errno;
        if (link->fd >= 0) {
            (void)close(link->fd);
            link->fd = -1;
        }
    }
    amqp_link_lose(link, "%s", strerror(error));
}

static void try_next(struct amqp_link *link, int64_t now, int error)
{
    (void)close(link->fd);
    link->fd = -1;
    if (link->address->ai_next == NULL) {
        amqp_link_lose(link, "%s", strerror(error));
        return;
    }
    link->address = link->address->ai_next;
    try_addresses(link, now);
}

static amqp_table_entry_t entry_bool(const char *key)
{
    return (amqp_table_entry_t){
        .key = amqp_cstring_bytes(key),
        .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1}};
}

/* The library announces neither of the two capabilities by itself. */
static amqp_rpc_reply_t send_login(struct amqp_link *link)
{
    amqp_table_entry_t can[] = {entry_bool("connection.blocked"),
                                entry_bool("consumer_cancel_notify")};
    amqp_table_entry_t about[] = {
        {.key = amqp_cstring_bytes("capabilities"),
         .value = {.kind = AMQP_FIELD_KIND_TABLE,
                   .value.table = {.num_entries = 2, .entries = can}}},
        {.key = amqp_cstring_bytes("connection_name"),
         .value = {.kind = AMQP_FIELD_KIND_UTF8,
                   .value.bytes = amqp_cstring_bytes(link->name)}},
        {.key = amqp_cstring_bytes("product"),
         .value = {.kind = AMQP_FIELD_KIND_UTF8,
                   .value.bytes = amqp_cstring_bytes("hypervise")}},
    };
    amqp_table_t table = {.num_entries = 3, .entries = about};
    const struct bus_amqp_conf *conf = link->conf;

    return amqp_login_with_properties(
        link->conn, conf->vhost, 0, FRAME_BYTES,
        (int)(conf->heartbeat_ms / MS_PER_S), &table, AMQP_SASL_METHOD_PLAIN,
        conf->user, conf->password != NULL ? conf->password : "");
}

/* A certificate is refused by who reads on: with TLS 1.3 only now. */
static const char *tls_refusal(struct amqp_link *link, amqp_rpc_reply_t reply)
{
    return link->conf->tls &&
                   reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION &&
                   reply.library_error != AMQP_STATUS_TIMEOUT
               ? amqp_tls_refusal(&link->tls)
               : NULL;
}

static void lose_login(struct amqp_link *link, amqp_rpc_reply_t reply)
{
    const amqp_connection_close_t *close = reply.reply.decoded;
    const char *refusal = tls_refusal(link, reply);
    uint16_t code = 0;

    if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION &&
        reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD) {
        code = close->reply_code;
    }
    if (code == ACCESS_REFUSED) {
        amqp_link_lose(link, "access refused: check user and password file");
    } else if (code == NOT_ALLOWED) {
        amqp_link_lose(link,
                       "vhost %s does not exist or user %s has no "
                       "permissions on it",
                       link->conf->vhost, link->conf->user);
    } else if (refusal != NULL) {
        amqp_link_lose(link, "%s", refusal);
    } else {
        (void)amqp_link_check(link, reply, "login");
    }
}

static void take_socket(struct amqp_link *link)
{
    amqp_socket_t *socket = amqp_tcp_socket_new(link->conn);

    BUG_IF(socket == NULL);
    amqp_tcp_socket_set_sockfd(socket, link->fd);
}

/* The library's TLS opens a socket of its own, and waits for it. Ours has
 * shown that the server answers, so that nobody waits for one that is gone. */
static bool open_tls(struct amqp_link *link)
{
    struct amqp_tls_peer peer = {.timeout = {.tv_sec = HANDSHAKE_S}};
    struct errbuf why = {0};
    char host[LINK_SERVER_MAX];

    peer.port = (int)server_of(link, host, sizeof host);
    peer.host = host;
    (void)close(link->fd);
    link->fd = -1;
    if (amqp_tls_open(&link->tls, link->conf, link->conn, &peer, &why) !=
        ERR_OK) {
        amqp_link_lose(link, "%s", why.text);
        return false;
    }
    link->fd = amqp_get_sockfd(link->conn);
    tune_socket(link->fd);
    return true;
}

static bool login(struct amqp_link *link, int64_t now)
{
    struct timeval handshake = {.tv_sec = HANDSHAKE_S};
    amqp_rpc_reply_t reply;

    link->conn = amqp_new_connection();
    BUG_IF(link->conn == NULL);
    if (!link->conf->tls) {
        take_socket(link);
    } else if (!open_tls(link)) {
        return false;
    }
    (void)amqp_set_handshake_timeout(link->conn, &handshake);
    reply = send_login(link);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL) {
        lose_login(link, reply);
        return false;
    }
    amqp_link_be_patient(link, LINK_RPC_TIMEOUT_S);
    link->can_ask = false;
    link->state = LINK_UP;
    link->up_ms = now;
    link->served_ms = now;
    link->heard_ms = now;
    link->heartbeat_ms = (int64_t)amqp_get_heartbeat(link->conn) * MS_PER_S;
    link->readable = true;
    return true;
}

static bool finish_connect(struct amqp_link *link, int64_t now)
{
    struct sockaddr_storage peer;
    socklen_t peer_len = sizeof peer;
    int error = 0;
    socklen_t len = sizeof error;

    (void)getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error != 0) {
        try_next(link, now, error);
        return false;
    }
    /* Without an error there is either a peer or nothing to tell yet. */
    if (getpeername(link->fd, (struct sockaddr *)&peer, &peer_len) == 0) {
        return login(link, now);
    }
    if (now >= link->deadline_ms) {
        try_next(link, now, ETIMEDOUT);
    }
    return false;
}

bool amqp_link_advance(struct amqp_link *link, int64_t now_ms)
{
    if (link->state == LINK_DOWN && link->news == LINK_NO_NEWS &&
        now_ms >= link->retry_ms) {
        resolve(link);
        if (link->state == LINK_CONNECTING) {
            try_addresses(link, now_ms);
        }
    }
    return link->state == LINK_CONNECTING && finish_connect(link, now_ms);
}

static bool closes(struct amqp_link *link, const amqp_frame_t *frame)
{
    amqp_rpc_reply_t reply = {.reply_type = AMQP_RESPONSE_SERVER_EXCEPTION};
    const amqp_basic_cancel_t *cancel;

    if (frame->frame_type != AMQP_FRAME_METHOD) {
        return false;
    }
    reply.reply = frame->payload.method;
    if (reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD ||
        reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD) {
        (void)amqp_link_check(link, reply, "closed by the broker");
        return true;
    }
    if (reply.reply.id == AMQP_BASIC_CANCEL_METHOD) {
        cancel = reply.reply.decoded;
        amqp_link_lose(link, "the broker ended the consumer %.*s",
                       (int)cancel->consumer_tag.len,
                       (const char *)cancel->consumer_tag.bytes);
        return true;
    }
    return false;
}

bool amqp_link_read(struct amqp_link *link, amqp_frame_t *frame)
{
    struct timeval now = {0};
    int status = amqp_simple_wait_frame_noblock(link->conn, frame, &now);

    if (status == AMQP_STATUS_TIMEOUT) {
        link->readable = false;
        return false;
    }
    if (status != AMQP_STATUS_OK) {
        amqp_link_lose(link, "%s", amqp_error_string2(status));
        return false;
    }
    return !closes(link, frame);
}

void amqp_link_note(struct amqp_link *link, short revents, int64_t now_ms)
{
    if (link->state != LINK_UP) {
        return;
    }
    if ((revents & POLLIN) != 0) {
        link->heard_ms = now_ms;
    }
    if (revents != 0 || amqp_link_wait_ms(link, now_ms) <= 0) {
        link->readable = true;
        link->served_ms = now_ms;
    }
}

/* A living one sends heartbeats, at half of what was agreed; the library gives
 * up after twice of it. */
bool amqp_link_is_silent(const struct amqp_link *link, int64_t now_ms)
{
    return link->heartbeat_ms > 0 &&
           now_ms - link->heard_ms >= link->heartbeat_ms;
}

void amqp_link_beat(struct amqp_link *link, int64_t now_ms)
{
    const amqp_frame_t beat = {.frame_type = AMQP_FRAME_HEARTBEAT};
    int status = amqp_send_frame(link->conn, &beat);

    link->served_ms = now_ms;
    if (status != AMQP_STATUS_OK) {
        amqp_link_lose(link, "heartbeat: %s", amqp_error_string2(status));
    }
}

int64_t amqp_link_wait_ms(const struct amqp_link *link, int64_t now_ms)
{
    switch (link->state) {
    case LINK_DOWN:
        return link->retry_ms - now_ms;
    case LINK_CONNECTING:
        return link->deadline_ms - now_ms;
    case LINK_UP:
        return SERVICE_MS - (now_ms - link->served_ms);
    }
    return 0;
}

int amqp_link_fd(const struct amqp_link *link, short *events)
{
    *events = link->state == LINK_CONNECTING ? POLLOUT : POLLIN;
    return link->state == LINK_DOWN ? -1 : link->fd;
}
