/* SPDX-License-Identifier: Apache-2.0 */
/** Connector "collectd". */
#include "connectors/collectd/collectd.h"

#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/collectd/alive.h"
#include "common/collectd/typesdb_load.h"
#include "common/collectd/values.h"
#include "common/connector/listen.h"
#include "common/connector/text.h"
#include "connectors/collectd/auth.h"
#include "connectors/collectd/network.h"
#include "connectors/collectd/repeats.h"

enum {
    ADDRESSES_MAX = 16,
    LEVELS = 3,
    DATAGRAMS_A_TURN = 64,
    RECEIVE_BYTES = 4 * 1024 * 1024, /* asked of the kernel for a socket */
    GROWTH = 3, /* bytes of UTF-8 for one of another encoding */
    NAME_BYTES = GROWTH * (2 * NETWORK_NAME_MAX + 1),
    MESSAGE_BYTES = GROWTH * NETWORK_MESSAGE_MAX,
    SEVERITY_FAILURE = 1,
    SEVERITY_WARNING = 2,
    SEVERITY_OKAY = 4
};

struct collectd;

struct datagrams {
    struct collectd *collectd;
    enum network_level need;
    struct loop_watch watch;
};

struct collectd {
    struct conf_list listen;
    int64_t ports[LEVELS];
    char *auth_file;
    int64_t datagram_bytes;
    int64_t max_age_ms;
    int64_t repeats_max;
    struct conf_list typesdb;
    int64_t max_ahead_ms;
    bool alive;
    int64_t hosts_max;
    int64_t interval_ms;

    struct connector_io *io;
    struct datagrams udp[LEVELS * ADDRESSES_MAX];
    size_t n_udp;
    struct auth *auth;
    int64_t auth_stamp;
    struct log_complaint auth_bad;
    struct repeats *repeats;
    struct typesdb *types;
    struct values_maker *maker;
    struct alive hosts;
    struct network_sink sink;
    uint8_t *room; /* of a datagram */
    /* the datagram under way */
    uint64_t packet; /* its number, from 1 */
    const char *peer;
    enum network_level need;
    struct typesdb_source lone; /* of a type that is in no file */
    struct buf host;
    struct buf plugin;
    struct buf type;
    struct buf type_instance;
    struct buf message;
};

/* NOLINTBEGIN(bugprone-macro-parentheses): members, not values. */
#define OPTION(key_, field_)                                                   \
    .section = "collectd", .key = key_,                                        \
    .offset = offsetof(struct collectd, field_)
/* NOLINTEND(bugprone-macro-parentheses) */

static const struct conf_option collectd_options[] = {
    {OPTION("listen", listen), .type = CONF_LIST, .fallback = "127.0.0.1",
     .min = 1, .max = ADDRESSES_MAX,
     .help = "addresses to listen on, as numbers; * for all"},
    {OPTION("plain_port", ports[NETWORK_PLAIN]), .type = CONF_INT,
     .fallback = "25826", .max = 65535,
     .help = "UDP port that takes all three forms; 0: none"},
    {OPTION("sign_port", ports[NETWORK_SIGNED]), .type = CONF_INT,
     .fallback = "0", .max = 65535,
     .help = "UDP port that takes what is signed or encrypted; 0: none"},
    {OPTION("encrypt_port", ports[NETWORK_ENCRYPTED]), .type = CONF_INT,
     .fallback = "0", .max = 65535,
     .help = "UDP port that takes only what is encrypted; 0: none"},
    {OPTION("auth_file", auth_file), .type = CONF_PATH,
     .help = "users of senders, a line each, user: password; read again when "
             "it changes"},
    {OPTION("datagram_bytes", datagram_bytes), .type = CONF_SIZE,
     .fallback = "65535", .min = 1024, .max = NETWORK_DATAGRAM_MAX,
     .help = "a longer datagram is refused"},
    {OPTION("max_age", max_age_ms), .type = CONF_DURATION, .fallback = "5m",
     .min = 0, .max = 86400000,
     .help = "what is signed or encrypted and so much older or newer than now "
             "is refused, as it may be a repeat; 0: nothing is"},
    {OPTION("repeats_max", repeats_max), .type = CONF_INT, .fallback = "100000",
     .min = 1000, .max = 10000000, .unit = "datagrams",
     .help = "signed or encrypted ones remembered, of which none is taken "
             "twice"},
    {OPTION("typesdb", typesdb), .type = CONF_LIST,
     .fallback = "/usr/share/collectd/types.db", .min = 1, .max = 32,
     .help = "collectd's types.db and further ones; later ones win"},
    {OPTION("max_ahead", max_ahead_ms), .type = CONF_DURATION,
     .fallback = "60s", .min = 0, .max = 86400000,
     .help = "a time further ahead is replaced by the time of receipt"},
    {OPTION("alive", alive), .type = CONF_BOOL, .fallback = "yes",
     .help = "send a check \"alive\" for each host, every interval"},
    {OPTION("hosts_max", hosts_max), .type = CONF_INT, .fallback = "100000",
     .min = 1, .max = 10000000, .unit = "hosts",
     .help = "hosts that get an alive check"},
    {OPTION("interval", interval_ms), .type = CONF_DURATION, .fallback = "10s",
     .min = 1000, .max = 86400000,
     .help = "interval of values that do not tell theirs"},
    {0}};

/* --- what a datagram holds --------------------------------------------------
 */

static void publish(struct collectd *collectd, const struct event *event)
{
    if (connector_publish(collectd->io, event) == ERR_UNAVAILABLE) {
        connector_lose(collectd->io, 1);
    }
}

static const char *text_of(struct buf *out, const char *text)
{
    return text_set(out, text, strlen(text));
}

/* "df-root" of "df" and "root". */
static const char *join(struct buf *out, const char *name, const char *instance)
{
    (void)text_of(out, name);
    if (instance[0] != '\0') {
        buf_add_char(out, '-');
        text_add(out, instance, strlen(instance));
    }
    return buf_str(out);
}

static enum perf_type perf_type_of(uint8_t type)
{
    switch ((enum network_type)type) {
    case NETWORK_COUNTER:
        return PERF_COUNTER;
    case NETWORK_DERIVE:
        return PERF_DERIVE;
    case NETWORK_ABSOLUTE:
        return PERF_ABSOLUTE;
    case NETWORK_GAUGE:
        break;
    }
    return PERF_GAUGE;
}

/* A type of one value needs no file: collectd calls its source "value". */
static bool set_lone(struct collectd *collectd,
                     const struct network_values *values,
                     struct value_list *list)
{
    if (values->n != 1) {
        return false;
    }
    collectd->lone =
        (struct typesdb_source){.name = "value",
                                .type = perf_type_of(values->types[0]),
                                .min = (double)NAN,
                                .max = (double)NAN};
    list->sources = &collectd->lone;
    return true;
}

static enum err set_sources(struct collectd *collectd,
                            const struct network_values *values,
                            struct value_list *list, struct errbuf *why)
{
    const struct typesdb_type *type =
        typesdb_find(collectd->types, values->name->type);

    list->n = values->n;
    if (type == NULL && set_lone(collectd, values, list)) {
        return ERR_OK;
    }
    if (type == NULL || type->n_sources != values->n) {
        errbuf_set_field(
            why, "type", "type %.64s: has %zu values, %zu in types.db",
            list->type, values->n, type != NULL ? type->n_sources : 0);
        return ERR_INVALID;
    }
    list->sources = type->sources;
    for (size_t i = 0; i < values->n; i++) {
        if (type->sources[i].type != perf_type_of(values->types[i])) {
            errbuf_set_field(why, "type",
                             "type %.64s: its value %zu is of another type in "
                             "types.db: the sender's file differs",
                             list->type, i + 1);
            return ERR_INVALID;
        }
    }
    return ERR_OK;
}

/* Of what is proven, neither much older nor much newer than now: what was
 * recorded cannot be played again later. */
static enum err check_age(const struct collectd *collectd, int64_t time_ms,
                          struct errbuf *why)
{
    int64_t age_ms = connector_now_ms(collectd->io) - time_ms;

    if (collectd->need == NETWORK_PLAIN || collectd->max_age_ms == 0 ||
        (time_ms != 0 && age_ms <= collectd->max_age_ms &&
         age_ms >= -collectd->max_age_ms)) {
        return ERR_OK;
    }
    errbuf_set_field(
        why, "time",
        "time: expected one within max_age of now, found one %" PRId64
        " s away: a clock that is wrong, or a repeat",
        age_ms / 1000);
    return ERR_INVALID;
}

static enum err to_event(struct collectd *collectd,
                         const struct network_values *values,
                         struct value_list *list, struct event *event,
                         struct errbuf *why)
{
    const struct network_name *name = values->name;
    enum err err;

    list->host = text_of(&collectd->host, name->host);
    list->plugin = join(&collectd->plugin, name->plugin, name->plugin_instance);
    list->type = text_of(&collectd->type, name->type);
    list->type_instance =
        text_of(&collectd->type_instance, name->type_instance);
    list->time_ms = name->time_ms;
    list->interval_s = (double)name->interval_ms / 1000;
    if (values->n > TYPESDB_SOURCES_MAX) {
        errbuf_set_field(why, "values", "values: more than %d",
                         (int)TYPESDB_SOURCES_MAX);
        return ERR_INVALID;
    }
    for (size_t i = 0; i < values->n; i++) {
        list->values[i] = network_value(values, i);
    }
    err = check_age(collectd, name->time_ms, why);
    if (err == ERR_OK) {
        err = set_sources(collectd, values, list, why);
    }
    return err == ERR_OK
               ? values_to_event(collectd->maker, list,
                                 connector_now_ms(collectd->io), event, why)
               : err;
}

static void on_values(void *ctx, const struct network_values *values)
{
    struct collectd *collectd = ctx;
    struct value_list list = {0};
    struct errbuf why = {0};
    struct event event;
    struct event alive;
    enum err err = to_event(collectd, values, &list, &event, &why);

    connector_count(collectd->io, "value_lists", 1);
    if (err == ERR_NOT_FOUND) {
        return; /* all unknown */
    }
    if (err != ERR_OK) {
        connector_refuse(collectd->io, collectd->peer, &why);
        return;
    }
    publish(collectd, &event);
    if (collectd->alive &&
        alive_check(&collectd->hosts, &event, collectd->interval_ms,
                    collectd->packet, &alive)) {
        publish(collectd, &alive);
    }
}

static int state_of(uint64_t severity)
{
    switch (severity) {
    case SEVERITY_OKAY:
        return STATE_OK;
    case SEVERITY_WARNING:
        return STATE_MINOR;
    default:
        return STATE_CRITICAL;
    }
}

/* "df-root/percent_bytes-used", as collectd names what it is about. */
static const char *notice_resource(struct collectd *collectd,
                                   const struct network_name *name)
{
    struct buf *out = &collectd->plugin;

    (void)join(out, name->plugin, name->plugin_instance);
    if (name->type[0] != '\0') {
        if (out->len > 0) {
            buf_add_char(out, '/');
        }
        buf_add_str(out,
                    join(&collectd->type, name->type, name->type_instance));
    }
    return buf_str(out);
}

static void on_notice(void *ctx, const struct network_notice *notice)
{
    struct collectd *collectd = ctx;
    struct errbuf why = {0};
    struct event event;

    connector_count(collectd->io, "notifications", 1);
    if (check_age(collectd, notice->name->time_ms, &why) != ERR_OK ||
        notice->severity == 0) {
        if (notice->severity == 0) {
            errbuf_set_field(&why, "severity", "severity: expected one");
        }
        connector_refuse(collectd->io, collectd->peer, &why);
        return;
    }
    event_init(&event, EVENT_CHECK);
    event.component = text_of(&collectd->host, notice->name->host);
    event.resource = notice_resource(collectd, notice->name);
    event.source_type = event.resource[0] != '\0' ? EVENT_SOURCE_RESOURCE
                                                  : EVENT_SOURCE_COMPONENT;
    event.state = state_of(notice->severity);
    event.timestamp_ms = notice->name->time_ms;
    event.output = text_of(&collectd->message, notice->message);
    publish(collectd, &event);
}

static const char *on_password(void *ctx, const char *user)
{
    const struct collectd *collectd = ctx;

    return auth_password(collectd->auth, user);
}

/* --- datagrams --------------------------------------------------------------
 */

static void take(struct collectd *collectd, size_t len, const char *peer)
{
    enum network_level got;
    struct errbuf why = {0};
    enum err err;

    if (len > (size_t)collectd->datagram_bytes) {
        errbuf_set(&why, "datagram: expected at most %" PRId64 " bytes",
                   collectd->datagram_bytes);
        connector_refuse(collectd->io, peer, &why);
        return;
    }
    if (collectd->need != NETWORK_PLAIN &&
        repeats_has(collectd->repeats, collectd->room, len)) {
        connector_count(collectd->io, "repeated", 1);
        return;
    }
    collectd->peer = peer;
    collectd->packet++;
    err = network_read(&collectd->sink, collectd->room, len, collectd->need,
                       &got, &why);
    if (err != ERR_OK) {
        connector_refuse(collectd->io, peer, &why);
    }
    if (collectd->need != NETWORK_PLAIN && got >= collectd->need) {
        repeats_add(collectd->repeats, collectd->room, len);
    }
}

static void on_datagrams(void *ctx, short revents)
{
    const struct datagrams *udp = ctx;
    struct collectd *collectd = udp->collectd;

    (void)revents;
    for (int i = 0; i < DATAGRAMS_A_TURN; i++) {
        struct sockaddr_storage address = {0};
        socklen_t size = sizeof address;
        char peer[PEER_TEXT_MAX];
        ssize_t n =
            recvfrom(udp->watch.fd, collectd->room, NETWORK_DATAGRAM_MAX,
                     MSG_TRUNC, (struct sockaddr *)&address, &size);

        if (n < 0) {
            return;
        }
        connector_count(collectd->io, "datagrams", 1);
        collectd->need = udp->need;
        take(collectd, (size_t)n, listen_peer(&address, peer));
    }
}

static enum err open_datagrams(struct collectd *collectd, const char *address,
                               enum network_level need, struct errbuf *why)
{
    struct datagrams *udp = &collectd->udp[collectd->n_udp];
    int bytes = RECEIVE_BYTES;
    int fd;
    enum err err =
        listen_open(address, (int)collectd->ports[need], SOCK_DGRAM, &fd, why);

    if (err == ERR_OK) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
        udp->collectd = collectd;
        udp->need = need;
        udp->watch = (struct loop_watch){
            .fd = fd, .events = POLLIN, .fn = on_datagrams, .ctx = udp};
        loop_add(connector_loop(collectd->io), &udp->watch);
        collectd->n_udp++;
    }
    return err;
}

static enum err open_level(struct collectd *collectd, enum network_level need,
                           struct errbuf *why)
{
    enum err err = ERR_OK;

    for (size_t i = 0;
         err == ERR_OK && collectd->ports[need] != 0 && i < collectd->listen.n;
         i++) {
        err = open_datagrams(collectd, collectd->listen.items[i], need, why);
    }
    return err;
}

/* --- the connector ----------------------------------------------------------
 */

static enum err open_auth(struct collectd *collectd, struct errbuf *why)
{
    if (collectd->auth_file[0] != '\0') {
        collectd->auth_stamp = auth_stamp(collectd->auth_file);
        return auth_read(collectd->auth_file, &collectd->auth, why);
    }
    if (collectd->ports[NETWORK_SIGNED] != 0 ||
        collectd->ports[NETWORK_ENCRYPTED] != 0) {
        errbuf_set_field(why, "auth_file",
                         "auth_file: not set; expected a file of users for "
                         "sign_port and encrypt_port");
        return ERR_INVALID;
    }
    return ERR_OK;
}

static void make_rooms(struct collectd *collectd)
{
    const struct values_conf conf = {.connector = collectd_connector.name,
                                     .connector_name = "",
                                     .types = collectd->types,
                                     .max_ahead_ms = collectd->max_ahead_ms};

    collectd->maker = values_maker_new(&conf);
    collectd->repeats = repeats_new((size_t)collectd->repeats_max);
    collectd->room = xmalloc(NETWORK_DATAGRAM_MAX);
    collectd->sink = (struct network_sink){.ctx = collectd,
                                           .values = on_values,
                                           .notice = on_notice,
                                           .password = on_password};
    alive_init(&collectd->hosts, (size_t)collectd->hosts_max);
    buf_init(&collectd->host, NAME_BYTES);
    buf_init(&collectd->plugin, 2 * NAME_BYTES);
    buf_init(&collectd->type, NAME_BYTES);
    buf_init(&collectd->type_instance, NAME_BYTES);
    buf_init(&collectd->message, MESSAGE_BYTES);
}

static enum err collectd_open(void *state, struct connector_io *io,
                              struct errbuf *why)
{
    struct collectd *collectd = state;
    enum err err;

    collectd->io = io;
    collectd->types = typesdb_new();
    make_rooms(collectd);
    err = typesdb_load(collectd->types, &collectd->typesdb, why);
    if (err == ERR_OK) {
        err = open_auth(collectd, why);
    }
    for (int need = 0; err == ERR_OK && need < LEVELS; need++) {
        err = open_level(collectd, (enum network_level)need, why);
    }
    if (err == ERR_OK && collectd->n_udp == 0) {
        errbuf_set_field(why, "plain_port",
                         "plain_port, sign_port, encrypt_port: all are 0; "
                         "expected one at least");
        err = ERR_INVALID;
    }
    return err;
}

/* A new file counts at once; a bad one leaves the users as they were. */
static void collectd_beat(void *state, struct connector_io *io)
{
    struct collectd *collectd = state;
    int64_t stamp = auth_stamp(collectd->auth_file);
    struct errbuf why = {0};
    struct auth *auth;

    (void)io;
    if (collectd->auth_file[0] == '\0' || stamp == collectd->auth_stamp) {
        return;
    }
    if (auth_read(collectd->auth_file, &auth, &why) != ERR_OK) {
        log_complain(&collectd->auth_bad, "COLLECTD-AUTH", "%s", why.text);
        return;
    }
    auth_free(collectd->auth);
    collectd->auth = auth;
    collectd->auth_stamp = stamp;
    log_settled(&collectd->auth_bad, "COLLECTD-AUTH", "users are read again");
}

static void collectd_fini(void *state, struct connector_io *io)
{
    struct collectd *collectd = state;

    for (size_t i = 0; i < collectd->n_udp; i++) {
        loop_remove(connector_loop(io), &collectd->udp[i].watch);
        (void)close(collectd->udp[i].watch.fd);
    }
    collectd->n_udp = 0;
    auth_free(collectd->auth);
    collectd->auth = NULL;
    repeats_free(collectd->repeats);
    values_maker_free(collectd->maker);
    typesdb_free(collectd->types);
    alive_fini(&collectd->hosts);
    free(collectd->room);
    buf_fini(&collectd->host);
    buf_fini(&collectd->plugin);
    buf_fini(&collectd->type);
    buf_fini(&collectd->type_instance);
    buf_fini(&collectd->message);
}

const struct connector_ops collectd_connector = {
    .name = "collectd",
    .summary = "takes what collectd's network plugin sends",
    .description =
        "Listens for collectd's binary network protocol over UDP, plain, "
        "signed\n"
        "and encrypted, and publishes each value list as a perf event, each\n"
        "notification as a check, and a check \"alive\" for each host that "
        "runs\n"
        "out when it falls silent.",
    .options = collectd_options,
    .state_size = sizeof(struct collectd),
    .open = collectd_open,
    .beat = collectd_beat,
    .fini = collectd_fini,
};
