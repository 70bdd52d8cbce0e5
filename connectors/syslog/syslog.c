/* SPDX-License-Identifier: Apache-2.0 */
/** Connector "syslog": what syslog senders send becomes log events. */
#include "connectors/syslog/syslog.h"

#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/connector/listen.h"
#include "common/connector/server.h"
#include "common/connector/text.h"
#include "connectors/syslog/frames.h"
#include "connectors/syslog/message.h"

enum {
    N_SEVERITIES = 8,
    LISTEN_MAX = 16,
    DATAGRAM_MAX = 65536,
    DATAGRAMS_A_TURN = 256,
    INPUT_MORE = 64 * 1024, /* beside one message of message_bytes */
    OUTPUT_BYTES = 4096,    /* what the entry keeps of an output */
    GROWTH = 3, /* bytes as UTF-8 of one of another encoding, at most */
    NAME_BYTES = 1024,
    MS_PER_S = 1000,
    S_PER_MIN = 60,
    TYPE_CHECK = 1
};

struct datagrams {
    struct loop_watch watch;
    struct syslog *syslog;
};

struct syslog {
    struct conf_list listen;
    int64_t udp_port;
    int64_t tcp_port;
    int64_t tls_port;
    char *tls_certificate;
    char *tls_key;
    char *tls_ca;
    int64_t connections_max;
    int64_t idle_ms;
    int64_t message_bytes;
    int64_t event_type;
    char *timezone;
    struct conf_list states;

    struct connector_io *io;
    int severity_states[N_SEVERITIES];
    struct datagrams udp[LISTEN_MAX];
    size_t n_udp;
    struct server *tcp;
    struct server *secure;
    struct tls *tls;
    char *room; /* of a datagram */
    struct buf host;
    struct buf app;
    struct buf field;
    struct buf text;
    struct buf output;
    struct doc_out *extra;
};

/* NOLINTBEGIN(bugprone-macro-parentheses): members, not values. */
#define OPTION(key_, field_)                                                   \
    .section = "syslog", .key = key_, .offset = offsetof(struct syslog, field_)
/* NOLINTEND(bugprone-macro-parentheses) */

static const char *const type_names[] = {"log", "check", NULL};

static const struct conf_option syslog_options[] = {
    {OPTION("listen", listen), .type = CONF_LIST, .fallback = "127.0.0.1",
     .min = 1, .max = LISTEN_MAX,
     .help = "addresses to listen on, as numbers; * for all"},
    {OPTION("udp_port", udp_port), .type = CONF_INT, .fallback = "5514",
     .max = 65535, .help = "UDP port; 0: none"},
    {OPTION("tcp_port", tcp_port), .type = CONF_INT, .fallback = "5514",
     .max = 65535, .help = "TCP port; 0: none"},
    {OPTION("tls_port", tls_port), .type = CONF_INT, .fallback = "0",
     .max = 65535, .help = "TCP port with TLS, usually 6514; 0: none"},
    {OPTION("tls_certificate", tls_certificate), .type = CONF_PATH,
     .help = "our certificate and those up to its authority, PEM"},
    {OPTION("tls_key", tls_key), .type = CONF_PATH, .help = "its key, PEM"},
    {OPTION("tls_ca", tls_ca), .type = CONF_PATH,
     .help = "authorities, PEM: only senders with a certificate of theirs are "
             "let in; empty: everybody is"},
    {OPTION("connections_max", connections_max), .type = CONF_INT,
     .fallback = "1024", .min = 1, .max = 10000, .unit = "connections",
     .help = "more at once are refused"},
    {OPTION("idle", idle_ms), .type = CONF_DURATION, .fallback = "1d",
     .min = 1000, .max = INT64_C(86400000) * 30,
     .help = "a connection that is silent for so long is closed"},
    {OPTION("message_bytes", message_bytes), .type = CONF_SIZE,
     .fallback = "64K", .min = 1024, .max = 256 * 1024,
     .help = "a longer message is cut"},
    {OPTION("event_type", event_type), .type = CONF_CHOICE, .fallback = "log",
     .choices = type_names,
     .help = "log: kept as log; check: each message sets its program's state"},
    {OPTION("timezone", timezone), .type = CONF_STRING, .max = 64,
     .help = "of senders that tell a time without its zone, such as "
             "Europe/Berlin; empty: that of this machine"},
    {OPTION("states", states), .type = CONF_LIST,
     .fallback = "3, 3, 3, 2, 1, 0, 0, 0", .min = N_SEVERITIES,
     .max = N_SEVERITIES,
     .help = "states that emerg, alert, crit, err, warning, notice, info and "
             "debug become"},
    {0}};

/* --- time -------------------------------------------------------------------
 */

static int64_t to_ms(const struct syslog_time *from, int year)
{
    struct tm tm = {.tm_year = year - 1900,
                    .tm_mon = from->month - 1,
                    .tm_mday = from->day,
                    .tm_hour = from->hour,
                    .tm_min = from->minute,
                    .tm_sec = from->second,
                    .tm_isdst = -1};
    time_t s = from->has_zone
                   ? timegm(&tm) - (time_t)from->offset_min * S_PER_MIN
                   : mktime(&tm);

    return (int64_t)s * MS_PER_S + from->ms;
}

static int64_t distance(int64_t a, int64_t b)
{
    return a > b ? a - b : b - a;
}

/* A time without a year is of the one that brings it nearest to now. */
static int64_t time_of(const struct syslog_time *from, int64_t now_ms)
{
    time_t now_s = (time_t)(now_ms / MS_PER_S);
    int64_t best_ms = 0;
    struct tm now;

    if (!from->given) {
        return now_ms;
    }
    if (from->year != 0) {
        return to_ms(from, from->year);
    }
    (void)localtime_r(&now_s, &now);
    now.tm_year += 1900;
    for (int year = now.tm_year - 1; year <= now.tm_year + 1; year++) {
        int64_t ms = to_ms(from, year);

        if (best_ms == 0 || distance(ms, now_ms) < distance(best_ms, now_ms)) {
            best_ms = ms;
        }
    }
    return best_ms;
}

/* --- an event of a message --------------------------------------------------
 */

static void add_text(struct syslog *syslog, const char *key,
                     struct syslog_text text)
{
    if (text.len > 0) {
        doc_add_str(syslog->extra, key,
                    text_set(&syslog->field, text.text, text.len));
    }
}

static struct doc make_extra(struct syslog *syslog,
                             const struct syslog_message *message,
                             const char *peer)
{
    struct doc_out *out = syslog->extra;

    doc_out_reset(out);
    doc_add_str(out, "facility", syslog_facility_name(message->facility));
    doc_add_str(out, "severity", syslog_severity_name(message->severity));
    add_text(syslog, "procid", message->procid);
    add_text(syslog, "msgid", message->msgid);
    doc_add_str(out, "sender", peer);
    if (message->data.len > 0) {
        doc_begin_doc(out, "structured_data");
        syslog_add_data(message->data, out);
        doc_end(out);
    }
    return doc_out_done(out);
}

/* The first line; the whole too where that is more than an output keeps. */
static void set_output(struct syslog *syslog, struct syslog_text text,
                       struct event *event)
{
    const char *all = text_set(&syslog->text, text.text, text.len);
    size_t line = strcspn(all, "\n");

    buf_clear(&syslog->output);
    buf_add(&syslog->output, all, line);
    event->output = buf_str(&syslog->output);
    if (all[line] != '\0' || line > OUTPUT_BYTES) {
        event->long_output = all;
    }
}

static const char *set_host(struct syslog *syslog,
                            const struct syslog_message *message,
                            const char *peer)
{
    const char *host =
        text_set(&syslog->host, message->host.text, message->host.len);

    return *host != '\0' ? host : peer;
}

static enum err publish(struct syslog *syslog, const char *data, size_t len,
                        const char *peer)
{
    int64_t now_ms = connector_now_ms(syslog->io);
    struct syslog_message message;
    struct event event;
    enum err err;

    syslog_parse(data, len, &message);
    event_init(&event,
               syslog->event_type == TYPE_CHECK ? EVENT_CHECK : EVENT_LOG);
    event.component = set_host(syslog, &message, peer);
    event.resource = text_set(&syslog->app, message.app.text, message.app.len);
    event.source_type = event.resource[0] != '\0' ? EVENT_SOURCE_RESOURCE
                                                  : EVENT_SOURCE_COMPONENT;
    event.state = syslog->severity_states[message.severity];
    event.timestamp_ms = time_of(&message.time, now_ms);
    set_output(syslog, message.text, &event);
    event.extra = make_extra(syslog, &message, peer);
    err = connector_publish(syslog->io, &event);
    return err == ERR_UNAVAILABLE ? err : ERR_OK;
}

/* --- datagrams --------------------------------------------------------------
 */

static void on_datagrams(void *ctx, short revents)
{
    const struct datagrams *udp = ctx;
    struct syslog *syslog = udp->syslog;

    (void)revents;
    for (int i = 0; i < DATAGRAMS_A_TURN; i++) {
        struct sockaddr_storage address = {0};
        socklen_t size = sizeof address;
        char peer[PEER_TEXT_MAX];
        ssize_t n = recvfrom(udp->watch.fd, syslog->room, DATAGRAM_MAX, 0,
                             (struct sockaddr *)&address, &size);
        size_t len = (size_t)n;

        if (n < 0) {
            return;
        }
        if (len > (size_t)syslog->message_bytes) {
            len = (size_t)syslog->message_bytes;
            connector_count(syslog->io, "cut", 1);
        }
        if (len > 0 && publish(syslog, syslog->room, len,
                               listen_peer(&address, peer)) != ERR_OK) {
            connector_lose(syslog->io, 1);
        }
    }
}

static enum err open_datagrams(struct syslog *syslog, const char *address,
                               struct errbuf *why)
{
    struct datagrams *udp = &syslog->udp[syslog->n_udp];
    int fd;
    enum err err =
        listen_open(address, (int)syslog->udp_port, SOCK_DGRAM, &fd, why);

    if (err == ERR_OK) {
        udp->syslog = syslog;
        udp->watch = (struct loop_watch){
            .fd = fd, .events = POLLIN, .fn = on_datagrams, .ctx = udp};
        loop_add(connector_loop(syslog->io), &udp->watch);
        syslog->n_udp++;
    }
    return err;
}

/* --- streams ----------------------------------------------------------------
 */

static size_t on_input(void *ctx, struct server_conn *conn, const char *data,
                       size_t len, bool eof)
{
    struct syslog *syslog = ctx;
    struct frames *frames = server_conn_user(conn);
    struct frame frame;
    size_t taken = 0;

    while (frames_next(frames, data + taken, len - taken,
                       (size_t)syslog->message_bytes, eof, &frame)) {
        if (frame.data != NULL && frame.len > 0 &&
            publish(syslog, frame.data, frame.len, server_conn_peer(conn)) !=
                ERR_OK) {
            break;
        }
        connector_count(syslog->io, "cut", frame.cut);
        taken += frame.takes;
        *frames = frame.after;
    }
    return taken;
}

static const struct server_ops stream_ops = {
    .input = on_input, .user_size = sizeof(struct frames)};

static enum err open_stream(struct syslog *syslog, int64_t port,
                            const struct tls *tls, struct server **server,
                            struct errbuf *why)
{
    const struct server_conf conf = {
        .port = (int)port,
        .connections_max = syslog->connections_max,
        .idle_ms = syslog->idle_ms,
        .input_max = (size_t)syslog->message_bytes + INPUT_MORE,
        .tls = tls};
    enum err err = ERR_OK;

    if (port == 0) {
        return ERR_OK;
    }
    *server = server_new(syslog->io, &conf, &stream_ops, syslog);
    for (size_t i = 0; err == ERR_OK && i < syslog->listen.n; i++) {
        err = server_listen(*server, syslog->listen.items[i], why);
    }
    return err;
}

static enum err open_secure(struct syslog *syslog, struct errbuf *why)
{
    enum err err;

    if (syslog->tls_port == 0) {
        return ERR_OK;
    }
    if (syslog->tls_certificate[0] == '\0' || syslog->tls_key[0] == '\0') {
        errbuf_set_field(why, "tls_certificate",
                         "tls_port needs tls_certificate and tls_key");
        return ERR_INVALID;
    }
    err = tls_new(syslog->tls_certificate, syslog->tls_key, syslog->tls_ca,
                  &syslog->tls, why);
    if (err == ERR_OK) {
        err = open_stream(syslog, syslog->tls_port, syslog->tls,
                          &syslog->secure, why);
    }
    return err;
}

/* --- the connector ----------------------------------------------------------
 */

static enum err read_states(struct syslog *syslog, struct errbuf *why)
{
    for (size_t i = 0; i < N_SEVERITIES; i++) {
        int64_t state;

        if (str_to_i64(syslog->states.items[i], STATE_OK, STATE_CRITICAL,
                       &state) != ERR_OK) {
            errbuf_set_field(why, "states", "states: \"%.40s\"; expected 0..3",
                             syslog->states.items[i]);
            return ERR_INVALID;
        }
        syslog->severity_states[i] = (int)state;
    }
    return ERR_OK;
}

/* The library reads the zone of local times from the environment. */
static void set_zone(const struct syslog *syslog)
{
    if (syslog->timezone[0] != '\0') {
        (void)setenv("TZ", syslog->timezone, 1);
    }
    tzset();
}

static void make_rooms(struct syslog *syslog)
{
    size_t text = GROWTH * (size_t)syslog->message_bytes;

    syslog->room = xmalloc(DATAGRAM_MAX);
    syslog->extra = doc_out_new();
    buf_init(&syslog->host, GROWTH * NAME_BYTES);
    buf_init(&syslog->app, GROWTH * NAME_BYTES);
    buf_init(&syslog->field, GROWTH * NAME_BYTES);
    buf_init(&syslog->text, text);
    buf_init(&syslog->output, text);
}

static enum err syslog_open(void *state, struct connector_io *io,
                            struct errbuf *why)
{
    struct syslog *syslog = state;
    enum err err = read_states(syslog, why);

    syslog->io = io;
    make_rooms(syslog);
    set_zone(syslog);
    for (size_t i = 0;
         err == ERR_OK && syslog->udp_port != 0 && i < syslog->listen.n; i++) {
        err = open_datagrams(syslog, syslog->listen.items[i], why);
    }
    if (err == ERR_OK) {
        err = open_stream(syslog, syslog->tcp_port, NULL, &syslog->tcp, why);
    }
    return err == ERR_OK ? open_secure(syslog, why) : err;
}

static void syslog_beat(void *state, struct connector_io *io)
{
    struct syslog *syslog = state;

    (void)io;
    if (syslog->tcp != NULL) {
        server_beat(syslog->tcp);
    }
    if (syslog->secure != NULL) {
        server_beat(syslog->secure);
    }
}

static void syslog_fini(void *state, struct connector_io *io)
{
    struct syslog *syslog = state;

    for (size_t i = 0; i < syslog->n_udp; i++) {
        loop_remove(connector_loop(io), &syslog->udp[i].watch);
        (void)close(syslog->udp[i].watch.fd);
    }
    syslog->n_udp = 0;
    server_free(syslog->tcp);
    server_free(syslog->secure);
    tls_free(syslog->tls);
    syslog->tcp = syslog->secure = NULL;
    syslog->tls = NULL;
    doc_out_free(syslog->extra);
    free(syslog->room);
    buf_fini(&syslog->host);
    buf_fini(&syslog->app);
    buf_fini(&syslog->field);
    buf_fini(&syslog->text);
    buf_fini(&syslog->output);
}

const struct connector_ops syslog_connector = {
    .name = "syslog",
    .summary = "takes syslog messages",
    .description =
        "Listens for syslog (RFC 5424 and RFC 3164) over UDP, TCP and TLS, "
        "and\n"
        "publishes each message as a log of its host and program, or as a\n"
        "check of it.",
    .options = syslog_options,
    .state_size = sizeof(struct syslog),
    .open = syslog_open,
    .beat = syslog_beat,
    .fini = syslog_fini,
};
