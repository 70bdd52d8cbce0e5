/* SPDX-License-Identifier: Apache-2.0 */
/** Connector "nsca": what send_nsca sends becomes checks. */
#include "connectors/nsca/nsca.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/base/str.h"
#include "common/connector/server.h"
#include "common/connector/text.h"
#include "connectors/nsca/cipher.h"
#include "connectors/nsca/output.h"
#include "connectors/nsca/packet.h"

enum {
    MS_PER_S = 1000,
    N_SERVICE_CODES = 4,
    N_HOST_CODES = 3,
    /* A character of another encoding takes three bytes at most as UTF-8. */
    GROWTH = 3
};

struct nsca {
    struct conf_list listen;
    int64_t port;
    int64_t connections_max;
    int64_t idle_ms;
    int64_t method;
    char *password;
    int64_t max_age_ms;
    struct conf_list states;
    struct conf_list host_states;

    int service_codes[N_SERVICE_CODES];
    int host_codes[N_HOST_CODES];
    struct server *server;
    struct connector_io *io;
    struct buf host;
    struct buf service;
    struct buf text;
    struct buf output;
    struct buf long_output;
    struct buf perf_data;
};

/* One sender. */
struct sender {
    struct nsca_cipher *cipher;
    /* Of a packet, what was deciphered when only its short form had come. */
    size_t n_clear;
    unsigned char clear[NSCA_PACKET_BYTES];
};

/* NOLINTBEGIN(bugprone-macro-parentheses): members, not values. */
#define OPTION(key_, field_)                                                   \
    .section = "nsca", .key = key_, .offset = offsetof(struct nsca, field_)
/* NOLINTEND(bugprone-macro-parentheses) */

static const struct conf_option nsca_options[] = {
    {OPTION("listen", listen), .type = CONF_LIST, .fallback = "127.0.0.1",
     .min = 1, .max = 16,
     .help = "addresses to listen on, as numbers; * for all"},
    {OPTION("port", port), .type = CONF_INT, .fallback = "5667", .min = 1,
     .max = 65535, .help = "TCP port"},
    {OPTION("method", method), .type = CONF_CHOICE, .fallback = "none",
     .choices = nsca_method_names,
     .help = "how senders encipher, the same on both sides"},
    {OPTION("password_file", password), .type = CONF_SECRET,
     .help = "file whose first line is the password; without it, none"},
    {OPTION("connections_max", connections_max), .type = CONF_INT,
     .fallback = "256", .min = 1, .max = 10000, .unit = "connections",
     .help = "more at once are refused"},
    {OPTION("idle", idle_ms), .type = CONF_DURATION, .fallback = "30s",
     .min = 1000, .max = 3600000,
     .help = "a sender that is silent for so long is disconnected"},
    {OPTION("max_age", max_age_ms), .type = CONF_DURATION, .fallback = "30s",
     .min = 0, .max = 86400000,
     .help = "a packet older by the time it was asked for is refused, as it "
             "may be a recorded one; 0: none is"},
    {OPTION("states", states), .type = CONF_LIST, .fallback = "0, 1, 3, 2",
     .min = N_SERVICE_CODES, .max = N_SERVICE_CODES,
     .help = "states that OK, WARNING, CRITICAL and UNKNOWN become"},
    {OPTION("host_states", host_states), .type = CONF_LIST,
     .fallback = "0, 3, 2", .min = N_HOST_CODES, .max = N_HOST_CODES,
     .help = "states that UP, DOWN and UNREACHABLE of a host become"},
    {0}};

/* --- an event of a packet ---------------------------------------------------
 */

static void split_text(struct nsca *nsca, const struct nsca_packet *packet)
{
    buf_clear(&nsca->output);
    buf_clear(&nsca->long_output);
    buf_clear(&nsca->perf_data);
    output_split(text_set(&nsca->text, packet->output, packet->output_len),
                 &nsca->output, &nsca->long_output, &nsca->perf_data);
}

static enum err make_event(struct nsca *nsca, const struct nsca_packet *packet,
                           struct event *event, struct errbuf *why)
{
    bool is_host = packet->service_len == 0;

    if (is_host && packet->code >= N_HOST_CODES) {
        errbuf_set_field(why, "return_code",
                         "return code %d of a host; expected 0..%d",
                         packet->code, N_HOST_CODES - 1);
        return ERR_INVALID;
    }
    split_text(nsca, packet);
    event_init(event, EVENT_CHECK);
    event->source_type =
        is_host ? EVENT_SOURCE_COMPONENT : EVENT_SOURCE_RESOURCE;
    event->component = text_set(&nsca->host, packet->host, packet->host_len);
    event->resource =
        text_set(&nsca->service, packet->service, packet->service_len);
    event->state = is_host ? nsca->host_codes[packet->code]
                           : nsca->service_codes[packet->code];
    event->output = buf_str(&nsca->output);
    event->long_output = buf_str(&nsca->long_output);
    event->perf_data = buf_str(&nsca->perf_data);
    return ERR_OK;
}

static enum err check_age(const struct nsca *nsca,
                          const struct nsca_packet *packet, struct errbuf *why)
{
    int64_t age_ms = connector_now_ms(nsca->io) - packet->time_s * MS_PER_S;

    if (nsca->max_age_ms > 0 &&
        (age_ms > nsca->max_age_ms || age_ms < -nsca->max_age_ms)) {
        errbuf_set_field(why, "timestamp",
                         "a packet of %lld s ago; expected at most %lld s",
                         (long long)(age_ms / MS_PER_S),
                         (long long)(nsca->max_age_ms / MS_PER_S));
        return ERR_INVALID;
    }
    return ERR_OK;
}

/* ERR_UNAVAILABLE: it is to be offered again. */
static enum err publish(struct nsca *nsca, const struct nsca_packet *packet,
                        struct errbuf *why)
{
    struct event event;
    enum err err = check_age(nsca, packet, why);

    if (err == ERR_OK) {
        err = make_event(nsca, packet, &event, why);
    }
    if (err == ERR_OK) {
        err = connector_publish(nsca->io, &event);
        /* What is missing has been told. */
        err = err == ERR_INVALID ? ERR_OK : err;
    }
    return err;
}

/* --- a connection -----------------------------------------------------------
 */

static void on_opened(void *ctx, struct server_conn *conn)
{
    const struct nsca *nsca = ctx;
    struct sender *sender = server_conn_user(conn);
    unsigned char iv[NSCA_IV_BYTES];
    unsigned char hello[NSCA_HELLO_BYTES];

    random_bytes(iv, sizeof iv);
    sender->cipher = nsca_cipher_new((size_t)nsca->method, nsca->password, iv);
    nsca_hello(iv, connector_now_ms(nsca->io) / MS_PER_S, hello);
    server_conn_send(conn, hello, sizeof hello);
}

static void on_closed(void *ctx, struct server_conn *conn)
{
    struct sender *sender = server_conn_user(conn);

    (void)ctx;
    nsca_cipher_free(sender->cipher);
}

/* Decipher what came of the packet, up to len bytes of it. */
static void clear_up_to(struct sender *sender, const char *data, size_t len)
{
    size_t had = sender->n_clear;

    if (had >= len) {
        return;
    }
    if (had == 0) {
        nsca_cipher_begin(sender->cipher);
    }
    memcpy(sender->clear + had, data + had, len - had);
    nsca_cipher_decrypt(sender->cipher, sender->clear + had, len - had);
    sender->n_clear = len;
}

/* The bytes of the packet at the front, 0 when it is not whole yet. */
static size_t read_packet(struct sender *sender, const char *data, size_t len,
                          struct nsca_packet *packet, struct errbuf *why)
{
    if (len < NSCA_PACKET_SHORT) {
        return 0;
    }
    if (sender->n_clear < NSCA_PACKET_BYTES) {
        clear_up_to(sender, data, NSCA_PACKET_SHORT);
        if (nsca_packet_read(sender->clear, NSCA_PACKET_SHORT, packet, why) ==
            ERR_OK) {
            return NSCA_PACKET_SHORT;
        }
    }
    if (len < NSCA_PACKET_BYTES) {
        return 0;
    }
    clear_up_to(sender, data, NSCA_PACKET_BYTES);
    return nsca_packet_read(sender->clear, NSCA_PACKET_BYTES, packet, why) ==
                   ERR_OK
               ? NSCA_PACKET_BYTES
               : SIZE_MAX;
}

static size_t on_input(void *ctx, struct server_conn *conn, const char *data,
                       size_t len, bool eof)
{
    struct nsca *nsca = ctx;
    struct sender *sender = server_conn_user(conn);
    size_t taken = 0;

    for (;;) {
        struct nsca_packet packet;
        struct errbuf why = {0};
        size_t n =
            read_packet(sender, data + taken, len - taken, &packet, &why);
        enum err err = ERR_INVALID;

        if (n == 0) {
            break;
        }
        if (n != SIZE_MAX) {
            err = publish(nsca, &packet, &why);
            if (err == ERR_UNAVAILABLE) {
                break; /* deciphered already, and kept so */
            }
            taken += n;
            sender->n_clear = 0;
        }
        if (err == ERR_INVALID) {
            connector_refuse(nsca->io, server_conn_peer(conn), &why);
        }
        if (n == SIZE_MAX) {
            /* Nothing behind it could be deciphered. */
            server_conn_end(conn);
            return len;
        }
    }
    if (eof && taken < len && !connector_is_held(nsca->io)) {
        struct errbuf why = {0};

        errbuf_set(&why, "%zu bytes that make no packet", len - taken);
        connector_refuse(nsca->io, server_conn_peer(conn), &why);
    }
    return taken;
}

static const struct server_ops server_ops = {.opened = on_opened,
                                             .input = on_input,
                                             .closed = on_closed,
                                             .user_size =
                                                 sizeof(struct sender)};

/* --- the connector ----------------------------------------------------------
 */

static enum err read_states(const char *key, const struct conf_list *list,
                            int *states, struct errbuf *why)
{
    for (size_t i = 0; i < list->n; i++) {
        int64_t state;

        if (str_to_i64(list->items[i], STATE_OK, STATE_CRITICAL, &state) !=
            ERR_OK) {
            errbuf_set_field(why, key, "%s: \"%.40s\"; expected 0..3", key,
                             list->items[i]);
            return ERR_INVALID;
        }
        states[i] = (int)state;
    }
    return ERR_OK;
}

static enum err nsca_open(void *state, struct connector_io *io,
                          struct errbuf *why)
{
    struct nsca *nsca = state;
    const struct server_conf conf = {.port = (int)nsca->port,
                                     .connections_max = nsca->connections_max,
                                     .idle_ms = nsca->idle_ms,
                                     .input_max = 8 * NSCA_PACKET_BYTES};
    enum err err =
        read_states("states", &nsca->states, nsca->service_codes, why);

    nsca->io = io;
    buf_init(&nsca->host, GROWTH * NSCA_HOST_MAX);
    buf_init(&nsca->service, GROWTH * NSCA_SERVICE_MAX);
    buf_init(&nsca->text, GROWTH * NSCA_OUTPUT_MAX);
    buf_init(&nsca->output, GROWTH * NSCA_OUTPUT_MAX);
    buf_init(&nsca->long_output, GROWTH * NSCA_OUTPUT_MAX);
    buf_init(&nsca->perf_data, GROWTH * NSCA_OUTPUT_MAX);
    if (err == ERR_OK) {
        err = read_states("host_states", &nsca->host_states, nsca->host_codes,
                          why);
    }
    nsca->server = server_new(io, &conf, &server_ops, nsca);
    for (size_t i = 0; err == ERR_OK && i < nsca->listen.n; i++) {
        err = server_listen(nsca->server, nsca->listen.items[i], why);
    }
    return err;
}

static void nsca_beat(void *state, struct connector_io *io)
{
    struct nsca *nsca = state;

    (void)io;
    server_beat(nsca->server);
}

static void nsca_fini(void *state, struct connector_io *io)
{
    struct nsca *nsca = state;

    (void)io;
    server_free(nsca->server);
    nsca->server = NULL;
    buf_fini(&nsca->host);
    buf_fini(&nsca->service);
    buf_fini(&nsca->text);
    buf_fini(&nsca->output);
    buf_fini(&nsca->long_output);
    buf_fini(&nsca->perf_data);
}

const struct connector_ops nsca_connector = {
    .name = "nsca",
    .summary = "takes passive checks of send_nsca",
    .description =
        "Listens for send_nsca as the nsca daemon of Nagios does, and\n"
        "publishes each result as a check of its host and service, with long\n"
        "output and performance data.",
    .options = nsca_options,
    .state_size = sizeof(struct nsca),
    .open = nsca_open,
    .beat = nsca_beat,
    .fini = nsca_fini,
};
