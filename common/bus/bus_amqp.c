/* SPDX-License-Identifier: Apache-2.0 */
/** The bus over AMQP 0-9-1: two connections under one loop. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/bus/amqp_in.h"
#include "common/bus/amqp_out.h"
#include "common/bus/amqp_tls.h"

enum {
    /* Events handed out between two looks at both sockets: one busy
     * connection must not hide the other. */
    LOOK_EVERY = 64,
    PREFETCH_MAX = 65535
};

struct amqp_bus {
    struct bus bus;
    const struct bus_amqp_conf *conf;
    struct log_complaint away;
    struct amqp_in in;
    struct amqp_out out;
    int credit;    /* events until the next look */
    bool paused;   /* nothing is read from the consuming connection */
    bool in_first; /* whose turn it is */
};

static struct amqp_bus *amqp_of(struct bus *bus)
{
    return (struct amqp_bus *)bus;
}

static void amqp_close(struct bus *base)
{
    struct amqp_bus *bus = amqp_of(base);

    amqp_in_fini(&bus->in);
    amqp_out_fini(&bus->out);
    free(bus);
}

static enum err amqp_consume(struct bus *base, const char *queue, int prefetch,
                             size_t *number)
{
    struct amqp_bus *bus = amqp_of(base);

    BUG_IF(prefetch < 0 || prefetch > PREFETCH_MAX);
    *number = amqp_in_add(&bus->in, queue, prefetch);
    if (bus->in.link.state == LINK_UP) {
        /* When it fails, the link is lost and comes back with it. */
        (void)amqp_in_start(&bus->in, *number);
    }
    return ERR_OK;
}

static enum err amqp_declare(struct bus *base, const char *queue)
{
    struct amqp_bus *bus = amqp_of(base);

    amqp_out_add(&bus->out, queue);
    if (bus->out.link.state == LINK_UP) {
        (void)amqp_out_declare(&bus->out, queue);
    }
    return ERR_OK;
}

static enum err amqp_publish(struct bus *base,
                             const struct bus_message *message,
                             uint64_t *number)
{
    return amqp_out_publish(&amqp_of(base)->out, message, number);
}

static bool in_is_up(const struct amqp_bus *bus)
{
    return bus->in.link.known && bus->in.link.state == LINK_UP;
}

static enum err amqp_ack(struct bus *base, size_t queue, uint64_t tag)
{
    struct amqp_bus *bus = amqp_of(base);
    int status;

    BUG_IF(queue >= bus->in.n);
    if (!in_is_up(bus)) {
        return ERR_UNAVAILABLE;
    }
    status =
        amqp_basic_ack(bus->in.link.conn, (amqp_channel_t)(queue + 1), tag, 1);
    if (status != AMQP_STATUS_OK) {
        amqp_link_lose(&bus->in.link, "acknowledge: %s",
                       amqp_error_string2(status));
        return ERR_UNAVAILABLE;
    }
    return ERR_OK;
}

static enum err amqp_prove(struct bus *base, size_t queue)
{
    struct amqp_bus *bus = amqp_of(base);

    struct amqp_link *link = &bus->in.link;
    bool good;

    BUG_IF(queue >= bus->in.n);
    if (!in_is_up(bus)) {
        return ERR_UNAVAILABLE;
    }
    amqp_link_be_patient(link, LINK_ASK_TIMEOUT_S);
    good = amqp_in_qos(&bus->in, queue);
    amqp_link_be_patient(link, LINK_RPC_TIMEOUT_S);
    return good ? ERR_OK : ERR_UNAVAILABLE;
}

/* On the connection that consumes: a broker short of memory stops reading the
 * one that publishes, and a question on it would wait until it is lost. Not
 * while paused: the answer comes behind all deliveries. */
static struct amqp_link *asking_link(struct amqp_bus *bus)
{
    if (bus->in.n == 0) {
        return bus->out.link.known && bus->out.link.state == LINK_UP &&
                       !bus->out.blocked
                   ? &bus->out.link
                   : NULL;
    }
    return in_is_up(bus) && !bus->paused ? &bus->in.link : NULL;
}

static enum err amqp_look(struct bus *base, const char *queue,
                          struct bus_queue_state *state)
{
    struct amqp_link *link = asking_link(amqp_of(base));
    enum err err;

    if (link == NULL) {
        return ERR_UNAVAILABLE;
    }
    amqp_link_be_patient(link, LINK_ASK_TIMEOUT_S);
    err = amqp_ask_queue(link, queue, state);
    amqp_link_be_patient(link, LINK_RPC_TIMEOUT_S);
    return err;
}

static enum err amqp_remove(struct bus *base, const char *queue)
{
    struct amqp_link *link = asking_link(amqp_of(base));

    return link != NULL && amqp_remove_queue(link, queue) ? ERR_OK
                                                          : ERR_UNAVAILABLE;
}

static void amqp_pause(struct bus *base, bool on)
{
    amqp_of(base)->paused = on;
}

static bool start_in(struct amqp_bus *bus)
{
    for (size_t i = 0; i < bus->in.n; i++) {
        if (!amqp_in_start(&bus->in, i)) {
            return false;
        }
    }
    return true;
}

static void settle(struct amqp_bus *bus)
{
    if (bus->out.link.state == LINK_UP &&
        (bus->in.n == 0 || bus->in.link.state == LINK_UP)) {
        log_settled(&bus->away, "BUS-AWAY", "broker %s: connected",
                    bus->out.link.server);
    }
}

static void advance(struct amqp_bus *bus, int64_t now)
{
    if (bus->in.n > 0 && amqp_link_advance(&bus->in.link, now) &&
        start_in(bus)) {
        bus->in.link.news = LINK_NEWS_UP;
        settle(bus);
    }
    if (amqp_link_advance(&bus->out.link, now) && amqp_out_start(&bus->out)) {
        bus->out.link.news = LINK_NEWS_UP;
        settle(bus);
    }
}

static int watch(const struct amqp_link *link, struct pollfd *item)
{
    item->revents = 0;
    item->fd = amqp_link_fd(link, &item->events);
    return item->fd;
}

static bool has_input(const struct amqp_link *link)
{
    return link->state == LINK_UP &&
           (link->readable || amqp_frames_enqueued(link->conn) ||
            amqp_data_in_buffer(link->conn));
}

static bool in_has_input(const struct amqp_bus *bus)
{
    return !bus->paused && has_input(&bus->in.link);
}

static int shortest(const struct amqp_bus *bus, int64_t now, int64_t wait)
{
    int64_t out = amqp_link_wait_ms(&bus->out.link, now);
    int64_t in =
        bus->in.n > 0 ? amqp_link_wait_ms(&bus->in.link, now) : INT64_MAX;

    if (in_has_input(bus) || has_input(&bus->out.link)) {
        return 0;
    }
    wait = out < wait ? out : wait;
    wait = in < wait ? in : wait;
    return wait > 0 ? (int)wait : 0;
}

/* Logged in, and what the broker sends is left where it is. */
static bool keeps_quiet(const struct amqp_bus *bus)
{
    return bus->paused && bus->in.link.state == LINK_UP;
}

/* Wait for the sockets, at most wait_ms; go on connecting. */
static void look(struct amqp_bus *bus, int64_t now, int wait_ms)
{
    struct pollfd items[2];
    int64_t wait = shortest(bus, now, wait_ms);

    (void)watch(&bus->in.link, &items[0]);
    if (keeps_quiet(bus)) {
        items[0].fd = -1;
    }
    (void)watch(&bus->out.link, &items[1]);
    (void)poll(items, 2, (int)wait);
    if (wait > 0) {
        now = clock_mono_ms();
    }
    if (!keeps_quiet(bus)) {
        amqp_link_note(&bus->in.link, items[0].revents, now);
    } else if (amqp_link_wait_ms(&bus->in.link, now) <= 0) {
        amqp_link_beat(&bus->in.link, now);
    }
    amqp_link_note(&bus->out.link, items[1].revents, now);
    advance(bus, now);
    bus->credit = LOOK_EVERY;
}

static bool tell_news(struct amqp_link *link, struct bus_event *event,
                      enum bus_event_kind up, enum bus_event_kind lost)
{
    enum link_news news = link->news;

    if (news == LINK_NO_NEWS) {
        return false;
    }
    link->news = LINK_NO_NEWS;
    link->known = news == LINK_NEWS_UP;
    event->kind = news == LINK_NEWS_UP ? up : lost;
    event->reason = news == LINK_NEWS_UP ? "" : link->reason;
    return true;
}

static bool read_in(struct amqp_bus *bus, struct bus_event *event)
{
    amqp_frame_t frame;

    while (in_has_input(bus)) {
        if (amqp_link_read(&bus->in.link, &frame) &&
            amqp_in_frame(&bus->in, &frame, event)) {
            return true;
        }
    }
    return false;
}

static bool read_out(struct amqp_bus *bus, struct bus_event *event)
{
    amqp_frame_t frame;

    while (has_input(&bus->out.link)) {
        if (amqp_link_read(&bus->out.link, &frame) &&
            amqp_out_frame(&bus->out, &frame, event)) {
            return true;
        }
    }
    return false;
}

static bool read_both(struct amqp_bus *bus, struct bus_event *event)
{
    bus->in_first = !bus->in_first;
    if (bus->in_first) {
        return read_in(bus, event) || read_out(bus, event);
    }
    return read_out(bus, event) || read_in(bus, event);
}

/* What can be told without looking at the sockets. Losses are told before
 * anything else: what was read before them has been handed out already. */
static bool tell(struct amqp_bus *bus, struct bus_event *event)
{
    return tell_news(&bus->in.link, event, BUS_IN_UP, BUS_IN_LOST) ||
           tell_news(&bus->out.link, event, BUS_OUT_UP, BUS_OUT_LOST) ||
           amqp_out_next_refused(&bus->out, event) ||
           (bus->credit-- > 0 && read_both(bus, event)) ||
           /* Reading may have lost a connection. */
           tell_news(&bus->in.link, event, BUS_IN_UP, BUS_IN_LOST) ||
           tell_news(&bus->out.link, event, BUS_OUT_UP, BUS_OUT_LOST);
}

static enum err amqp_poll(struct bus *base, int timeout_ms,
                          struct bus_event *event)
{
    struct amqp_bus *bus = amqp_of(base);
    int64_t end = 0;
    int64_t now = 0;
    bool looked = false;

    amqp_out_flush(&bus->out);
    amqp_in_release(&bus->in);
    amqp_link_bury(&bus->in.link);
    amqp_link_bury(&bus->out.link);
    *event = (struct bus_event){.kind = BUS_IDLE, .reason = ""};
    while (!tell(bus, event)) {
        int64_t before = now;

        now = clock_mono_ms();
        end = before == 0 ? now + timeout_ms : end;
        if (looked && now >= end) {
            return ERR_OK;
        }
        look(bus, now, (int)(end - now));
        looked = true;
    }
    return ERR_OK;
}

static int amqp_fds(struct bus *base, int fds[2])
{
    const struct amqp_bus *bus = amqp_of(base);
    int n = 0;

    if (bus->in.link.state == LINK_UP) {
        fds[n++] = bus->in.link.fd;
    }
    if (bus->out.link.state == LINK_UP) {
        fds[n++] = bus->out.link.fd;
    }
    return n;
}

static const struct bus_ops amqp_ops = {
    .close = amqp_close,
    .consume = amqp_consume,
    .declare = amqp_declare,
    .publish = amqp_publish,
    .ack = amqp_ack,
    .prove = amqp_prove,
    .look = amqp_look,
    .remove = amqp_remove,
    .pause = amqp_pause,
    .poll = amqp_poll,
    .fds = amqp_fds,
};

struct bus *bus_amqp_open(const struct bus_amqp_conf *conf, const char *name)
{
    struct amqp_bus *bus = xcalloc(1, sizeof *bus);

    bus->bus.ops = &amqp_ops;
    bus->conf = conf;
    bus->in.message_bytes = (size_t)conf->message_bytes;
    amqp_link_init(&bus->in.link, conf, &bus->away, name, "in");
    amqp_link_init(&bus->out.link, conf, &bus->away, name, "out");
    return &bus->bus;
}

/* All of the part, once everything is read. */
static enum err check_tls(const void *values, struct errbuf *why)
{
    return amqp_tls_check(values, why);
}

#define FIELD(name) offsetof(struct bus_amqp_conf, name)

const struct conf_option bus_amqp_options[] = {
    {.section = "amqp",
     .key = "host",
     .type = CONF_STRING,
     .offset = FIELD(host),
     .fallback = "127.0.0.1",
     .min = 1,
     .max = 253,
     .help = "Name or address of the RabbitMQ server."},
    {.section = "amqp",
     .key = "port",
     .type = CONF_INT,
     .offset = FIELD(port),
     .fallback = "5672",
     .min = 1,
     .max = 65535,
     .help = "Its AMQP port."},
    {.section = "amqp",
     .key = "other_hosts",
     .type = CONF_HOSTS,
     .offset = FIELD(other_hosts),
     .fallback = "",
     .help = "Further servers of its cluster, tried in turn when one fails."},
    {.section = "amqp",
     .key = "vhost",
     .type = CONF_STRING,
     .offset = FIELD(vhost),
     .fallback = "canopsis",
     .min = 1,
     .max = 255,
     .help = "Virtual host."},
    {.section = "amqp",
     .key = "user",
     .type = CONF_STRING,
     .offset = FIELD(user),
     .fallback = "hypervise",
     .min = 1,
     .max = 255,
     .help = "User of the suite."},
    {.section = "amqp",
     .key = "password_file",
     .type = CONF_SECRET,
     .offset = FIELD(password),
     .fallback = HYP_SYSCONFDIR "/secrets/amqp_password",
     .help = "File whose first line is that user's password."},
    {.section = "amqp",
     .key = "exchange_name",
     .type = CONF_STRING,
     .offset = FIELD(exchange_name),
     .fallback = "canopsis",
     .min = 1,
     .max = 100,
     .help = "What the names of the exchanges begin with."},
    {.section = "amqp",
     .key = "tls",
     .type = CONF_BOOL,
     .offset = FIELD(tls),
     .fallback = "no",
     .check = check_tls,
     .help = "Talk to it by AMQPS; port is its AMQPS port then, often 5671."},
    {.section = "amqp",
     .key = "tls_ca",
     .type = CONF_PATH,
     .offset = FIELD(tls_ca),
     .fallback = "",
     .help = "Authorities its certificate must be of, PEM; empty: the "
             "system's."},
    {.section = "amqp",
     .key = "tls_certificate",
     .type = CONF_PATH,
     .offset = FIELD(tls_certificate),
     .fallback = "",
     .help = "Our certificate, for a broker that asks for one, PEM."},
    {.section = "amqp",
     .key = "tls_key",
     .type = CONF_PATH,
     .offset = FIELD(tls_key),
     .fallback = "",
     .help = "Its private key, PEM, without a passphrase."},
    {.section = "amqp",
     .key = "tls_server_name",
     .type = CONF_STRING,
     .offset = FIELD(tls_server_name),
     .fallback = "",
     .max = 253,
     .help = "Name its certificate must be for; empty: the host's."},
    {.section = "amqp",
     .key = "heartbeat",
     .type = CONF_DURATION,
     .offset = FIELD(heartbeat_ms),
     .fallback = "30s",
     .min = 5000,
     .max = 3600000,
     .help = "A silent broker counts as lost after twice this time."},
    {.section = "amqp",
     .key = "message_bytes",
     .type = CONF_SIZE,
     .offset = FIELD(message_bytes),
     .fallback = "1M",
     .min = 64 * 1024,
     .max = 64 * 1024 * 1024,
     .help = "Largest message that is read; larger ones are dead letters."},
    {.section = NULL},
};
