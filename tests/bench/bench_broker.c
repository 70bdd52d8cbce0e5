/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The broker's own speed, as a yardstick: persistent messages of 600-byte
 * events through a quorum queue. F: a bare librabbitmq consumer drains the
 * filled and settled queue. P: publishing with confirms, nothing consumes. L:
 * both at the same time. bus: as F, through common/bus. With 50 events a
 * message: F-50, P-50, L-50. Rates are events. Prints JSON.
 */
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/support/amqp_env.h"

enum {
    CHANNEL = 1,
    BODY_BYTES = 600,
    WINDOW = 1000,
    PREFETCH = 1000,
    ACK_EVERY = 100,
    SETTLE_S = 2,
    FRAME_BYTES = 128 * 1024,
    PACK = 50,
    EVENTS = 100000,
    EVENTS_MOST = 10000000,
    POLL_MS = 1000
};

#define QUEUE "Bench_broker"

/* What is sent; window, prefetch and acknowledgement are the same number of
 * events, whatever a message holds. */
struct load {
    const struct bus_amqp_conf *conf;
    int64_t events;
    int64_t pack; /* events a message */
};

/* Rate and what the client's process paid for it, by event. */
struct result {
    double per_s;
    double client_us;
};

static _Noreturn void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "bench_broker: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static void check(amqp_connection_state_t conn, const char *what)
{
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(conn);

    if (reply.reply_type != AMQP_RESPONSE_NORMAL) {
        die(what, reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION
                      ? "refused by the broker"
                      : amqp_error_string2(reply.library_error));
    }
}

static amqp_connection_state_t open_bare(const struct bus_amqp_conf *conf)
{
    amqp_connection_state_t conn = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(conn);

    if (amqp_socket_open(socket, conf->host, (int)conf->port) !=
            AMQP_STATUS_OK ||
        amqp_login(conn, conf->vhost, 0, FRAME_BYTES, 0, AMQP_SASL_METHOD_PLAIN,
                   conf->user, conf->password)
                .reply_type != AMQP_RESPONSE_NORMAL) {
        die("connect", conf->host);
    }
    (void)amqp_channel_open(conn, CHANNEL);
    check(conn, "open a channel");
    return conn;
}

static void close_bare(amqp_connection_state_t conn)
{
    (void)amqp_connection_close(conn, AMQP_REPLY_SUCCESS);
    (void)amqp_destroy_connection(conn);
}

static void make_queue(amqp_connection_state_t conn)
{
    amqp_table_entry_t entries[] = {
        {.key = amqp_cstring_bytes("x-queue-type"),
         .value = {.kind = AMQP_FIELD_KIND_UTF8,
                   .value.bytes = amqp_cstring_bytes("quorum")}},
        {.key = amqp_cstring_bytes("x-single-active-consumer"),
         .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1}},
    };
    amqp_table_t arguments = {.num_entries = 2, .entries = entries};

    (void)amqp_queue_delete(conn, CHANNEL, amqp_cstring_bytes(QUEUE), 0, 0);
    check(conn, "delete the queue");
    (void)amqp_queue_declare(conn, CHANNEL, amqp_cstring_bytes(QUEUE), 0, 1, 0,
                             0, arguments);
    check(conn, "declare the queue");
}

static void make_event(char *body, int64_t i)
{
    int len =
        snprintf(body, BODY_BYTES + 1,
                 "{\"connector\":\"bench\",\"connector_name\":\"bench\","
                 "\"event_type\":\"check\",\"source_type\":\"resource\","
                 "\"component\":\"host%lld\",\"resource\":\"disk\",\"state\":0,"
                 "\"perf_data\":\"used=%lldB;80;90 free=%lldB\",\"output\":\"",
                 (long long)(i % 1000), (long long)i, (long long)(i * 3));

    memset(body + len, 'x', (size_t)(BODY_BYTES - len));
    memcpy(body + BODY_BYTES - 2, "\"}", 2);
}

/* Message i of those with so many events: an object, or an array of them.
 * Returns its bytes. */
static size_t make_body(char *body, int64_t i, int64_t pack)
{
    char *at = body;

    if (pack == 1) {
        make_event(body, i);
        return BODY_BYTES;
    }
    for (int64_t k = 0; k < pack; k++) {
        *at++ = k == 0 ? '[' : ',';
        make_event(at, i * pack + k);
        at += BODY_BYTES;
    }
    *at++ = ']';
    return (size_t)(at - body);
}

/* Wait for acks until at most `open` publishes are unconfirmed. */
static int64_t await(amqp_connection_state_t conn, int64_t sent,
                     int64_t confirmed, int64_t open)
{
    amqp_frame_t frame;

    while (sent - confirmed > open) {
        const amqp_basic_ack_t *ack = NULL;

        amqp_maybe_release_buffers(conn);
        if (amqp_simple_wait_frame(conn, &frame) != AMQP_STATUS_OK ||
            frame.frame_type != AMQP_FRAME_METHOD ||
            frame.payload.method.id != AMQP_BASIC_ACK_METHOD) {
            die("publish", "not confirmed");
        }
        ack = frame.payload.method.decoded;
        confirmed = ack->multiple ? (int64_t)ack->delivery_tag : confirmed + 1;
    }
    return confirmed;
}

static void publish_all(amqp_connection_state_t conn, const struct load *load)
{
    amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_CONTENT_TYPE_FLAG,
        .delivery_mode = AMQP_DELIVERY_PERSISTENT,
        .content_type = amqp_cstring_bytes("application/json"),
    };
    char *body = xmalloc((size_t)load->pack * (BODY_BYTES + 1) + 2);
    int64_t messages = load->events / load->pack;
    int64_t confirmed = 0;

    (void)amqp_confirm_select(conn, CHANNEL);
    check(conn, "ask for confirms");
    for (int64_t i = 1; i <= messages; i++) {
        size_t len = make_body(body, i, load->pack);

        if (amqp_basic_publish(conn, CHANNEL, amqp_empty_bytes,
                               amqp_cstring_bytes(QUEUE), 0, 0, &properties,
                               (amqp_bytes_t){len, body}) != AMQP_STATUS_OK) {
            die("publish", "connection lost");
        }
        confirmed = await(conn, i, confirmed, WINDOW / load->pack);
    }
    (void)await(conn, messages, confirmed, 0);
    free(body);
}

static double cpu_s(void)
{
    struct rusage use;

    (void)getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

/* From the first delivery to the last. */
struct stopwatch {
    int64_t begin_ms;
    double begin_cpu;
};

static void stopwatch_start(struct stopwatch *watch)
{
    watch->begin_ms = clock_mono_ms();
    watch->begin_cpu = cpu_s();
}

static struct result stopwatch_read(const struct stopwatch *watch, int64_t n)
{
    double s = (double)(clock_mono_ms() - watch->begin_ms) / 1e3;

    return (struct result){.per_s = s > 0 ? (double)n / s : 0,
                           .client_us =
                               (cpu_s() - watch->begin_cpu) * 1e6 / (double)n};
}

/* Whether the acknowledgement of all so far is due. */
static bool is_ack_due(const struct load *load, int64_t i)
{
    return i % (ACK_EVERY / load->pack) == 0 || i == load->events / load->pack;
}

static struct result drain_bare(amqp_connection_state_t conn,
                                const struct load *load)
{
    struct stopwatch watch = {0};

    (void)amqp_basic_qos(conn, CHANNEL, 0, (uint16_t)(PREFETCH / load->pack),
                         0);
    check(conn, "set the prefetch");
    (void)amqp_basic_consume(conn, CHANNEL, amqp_cstring_bytes(QUEUE),
                             amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
    check(conn, "consume");
    for (int64_t i = 1; i <= load->events / load->pack; i++) {
        amqp_envelope_t envelope;

        amqp_maybe_release_buffers(conn);
        if (amqp_consume_message(conn, &envelope, NULL, 0).reply_type !=
            AMQP_RESPONSE_NORMAL) {
            die("consume", "connection lost");
        }
        if (i == 1) {
            stopwatch_start(&watch);
        }
        if (is_ack_due(load, i)) {
            (void)amqp_basic_ack(conn, CHANNEL, envelope.delivery_tag, 1);
        }
        amqp_destroy_envelope(&envelope);
    }
    return stopwatch_read(&watch, load->events);
}

static struct result drain_bus(const struct load *load)
{
    struct bus *bus = bus_amqp_open(load->conf, "bench");
    struct stopwatch watch = {0};
    struct result result;
    struct bus_event event;
    size_t queue;
    int64_t n = 0;

    if (bus_consume(bus, QUEUE, PREFETCH, &queue) != ERR_OK) {
        die("consume", QUEUE);
    }
    while (n < load->events) {
        if (bus_poll(bus, POLL_MS, &event) != ERR_OK) {
            die("poll", QUEUE);
        }
        if (event.kind != BUS_DELIVERY) {
            continue;
        }
        if (n++ == 0) {
            stopwatch_start(&watch);
        }
        if (is_ack_due(load, n) &&
            bus_ack(bus, queue, event.delivery.tag) != ERR_OK) {
            die("acknowledge", QUEUE);
        }
    }
    result = stopwatch_read(&watch, load->events);
    bus_close(bus);
    return result;
}

/* Publish all into the queue, made anew. */
static struct result run_publish(const struct load *load)
{
    amqp_connection_state_t conn = open_bare(load->conf);
    struct stopwatch watch = {0};
    struct result result;

    make_queue(conn);
    stopwatch_start(&watch);
    publish_all(conn, load);
    result = stopwatch_read(&watch, load->events);
    close_bare(conn);
    return result;
}

static void fill(const struct load *load)
{
    (void)run_publish(load);
    (void)nanosleep(&(struct timespec){.tv_sec = SETTLE_S}, NULL);
}

static struct result run_settled(const struct load *load)
{
    amqp_connection_state_t conn;
    struct result result;

    fill(load);
    conn = open_bare(load->conf);
    result = drain_bare(conn, load);
    close_bare(conn);
    return result;
}

static struct result run_bus(const struct load *load)
{
    fill(load);
    return drain_bus(load);
}

static struct result run_live(const struct load *load)
{
    amqp_connection_state_t conn = open_bare(load->conf);
    struct result result;
    int status = 0;
    pid_t pid;

    make_queue(conn);
    pid = fork();
    if (pid == 0) {
        publish_all(open_bare(load->conf), load);
        _exit(EXIT_SUCCESS);
    }
    result = drain_bare(conn, load);
    close_bare(conn);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
        die("publish", "the publisher failed");
    }
    return result;
}

static void delete_queue(const struct bus_amqp_conf *conf)
{
    amqp_connection_state_t conn = open_bare(conf);

    (void)amqp_queue_delete(conn, CHANNEL, amqp_cstring_bytes(QUEUE), 0, 0);
    check(conn, "delete the queue");
    close_bare(conn);
}

static const struct {
    const char *name;
    struct result (*run)(const struct load *load);
    int64_t pack;
} runs[] = {{"F", run_settled, 1}, {"F-50", run_settled, PACK},
            {"P", run_publish, 1}, {"P-50", run_publish, PACK},
            {"L", run_live, 1},    {"L-50", run_live, PACK},
            {"bus", run_bus, 1}};

static bool is_wanted(const char *name, int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return true;
        }
    }
    return argc <= 2;
}

/* Usage: bench_broker [EVENTS [RUN...]]. The broker is named by
 * environment. */
int main(int argc, char **argv)
{
    struct bus_amqp_conf conf;
    struct load load = {.conf = &conf, .events = EVENTS};

    if ((argc > 1 &&
         str_to_i64(argv[1], WINDOW, EVENTS_MOST, &load.events) != ERR_OK) ||
        load.events % PACK != 0 || !amqp_env_read(&conf)) {
        (void)fputs("usage: bench_broker [EVENTS [RUN...]]\n"
                    "EVENTS: 1000 or more, a multiple of 50\n",
                    stderr);
        return EXIT_FAILURE;
    }
    (void)printf("{\"bench\":\"broker\",\"events\":%lld,\"bytes\":%d",
                 (long long)load.events, (int)BODY_BYTES);
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        struct result result;

        if (!is_wanted(runs[i].name, argc, argv)) {
            continue;
        }
        load.pack = runs[i].pack;
        result = runs[i].run(&load);
        (void)printf(",\"%s\":{\"per_s\":%.0f,\"client_us\":%.2f}",
                     runs[i].name, result.per_s, result.client_us);
        (void)fflush(stdout);
    }
    (void)puts("}");
    delete_queue(&conf);
    amqp_env_fini(&conf);
    return EXIT_SUCCESS;
}
