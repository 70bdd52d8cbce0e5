/* SPDX-License-Identifier: Apache-2.0 */
/** The AMQP bus against a RabbitMQ that refuses, blocks, or takes a queue
 *  away. Started by bus.sh. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/bus/bus_amqp.h"
#include "tests/support/amqp_env.h"
#include "tests/support/testlog.h"
#include "tests/support/unit.h"

enum {
    SKIP = 77,
    WAIT_MS = 60000,
    STEP_MS = 50,
    IN_TURN_MS = 20000, /* names are asked for a while where no one answers */
    BODY_BYTES = 10000,
    HEARTBEAT_MS = 1000,
    SILENT_MS = 2500, /* more than two heartbeats */
    PUBLISHES_MOST = 20000,
    PUBLISH_MS_MOST = 20000,
    UNCONFIRMED_MOST = 100 /* of BODY_BYTES: below 1 MiB */
};

static struct bus_amqp_conf amqp;

/* rabbitmqctl, by the program that HYP_TEST_AMQP_CTL names. */
static void control(const char *command, const char *a, const char *b,
                    const char *c)
{
    const char *program = getenv("HYP_TEST_AMQP_CTL");
    int status = -1;
    pid_t pid;

    assert_non_null(program);
    pid = fork();
    if (pid == 0) {
        (void)execl(program, program, command, a, b, c, (char *)NULL);
        _exit(EXIT_FAILURE);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static struct bus_event wait_for(struct bus *bus, enum bus_event_kind kind)
{
    int64_t end = clock_mono_ms() + WAIT_MS;
    struct bus_event event = {.kind = BUS_IDLE};

    while (event.kind != kind) {
        if (clock_mono_ms() > end) {
            fail_msg("event %d never came", (int)kind);
        }
        assert_int_equal(bus_poll(bus, STEP_MS, &event), ERR_OK);
    }
    return event;
}

static const struct refusal {
    const char *name;
    const char *want;
    const char *vhost;    /* NULL: the right one */
    const char *password; /* NULL: the right one */
    const char *host;     /* NULL: the right one */
    int64_t port;         /* 0: the right one */
} refusals[] = {
    {.name = "password",
     .want = "access refused: check user and password file",
     .password = "wrong"},
    {.name = "vhost",
     .want = "vhost nowhere does not exist",
     .vhost = "nowhere"},
    {.name = "nobody there", .want = ":1: Connection refused", .port = 1},
    {.name = "no such host",
     .want = "no.such.host.invalid:",
     .host = "no.such.host.invalid"},
};

static void replace(char **field, const char *value)
{
    if (value != NULL) {
        free(*field);
        *field = xstrdup(value);
    }
}

static void check_refusal(const struct refusal *row)
{
    struct bus_amqp_conf conf;
    struct bus_event event;
    struct bus *bus;

    testlog_start();
    testlog_expect("BUS-AWAY");
    assert_true(amqp_env_read(&conf));
    replace(&conf.vhost, row->vhost);
    replace(&conf.password, row->password);
    replace(&conf.host, row->host);
    conf.port = row->port != 0 ? row->port : conf.port;
    bus = bus_amqp_open(&conf, row->name);
    for (int i = 0; testlog_count("BUS-AWAY") == 0 && i < 1000; i++) {
        assert_int_equal(bus_poll(bus, STEP_MS, &event), ERR_OK);
        assert_int_equal(event.kind, BUS_IDLE);
    }
    if (strstr(testlog_text("BUS-AWAY"), row->want) == NULL) {
        fail_msg("%s: \"%s\"", row->name, testlog_text("BUS-AWAY"));
    }
    bus_close(bus);
    amqp_env_fini(&conf);
    assert_int_equal(testlog_stop(), 0);
}

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(refusals); i++) {
        check_refusal(&refusals[i]);
    }
}

static struct bus *open_both(const char *queue)
{
    struct bus *bus = bus_amqp_open(&amqp, "faults");
    bool in = false;
    bool out = false;
    size_t number;

    assert_int_equal(bus_consume(bus, queue, 10, &number), ERR_OK);
    assert_int_equal(bus_declare(bus, queue), ERR_OK);
    while (!in || !out) {
        struct bus_event event;

        assert_int_equal(bus_poll(bus, WAIT_MS, &event), ERR_OK);
        in = in || event.kind == BUS_IN_UP;
        out = out || event.kind == BUS_OUT_UP;
        assert_true(event.kind == BUS_IN_UP || event.kind == BUS_OUT_UP);
    }
    return bus;
}

/* The first of three servers refuses, the second's name is unknown: the third
 * takes both connections, at once. */
static void test_servers_in_turn(void **state)
{
    struct bus_amqp_conf conf;
    int64_t begun = clock_mono_ms();
    size_t number;
    struct bus *bus;

    (void)state;
    testlog_expect("BUS-AWAY");
    assert_true(amqp_env_read(&conf));
    conf.other_hosts.items = xcalloc(2, sizeof(char *));
    conf.other_hosts.items[conf.other_hosts.n++] =
        xstrdup("no.such.host.invalid");
    conf.other_hosts.items[conf.other_hosts.n++] =
        xasprintf("%s:%d", conf.host, (int)conf.port);
    conf.port = 1;
    bus = bus_amqp_open(&conf, "turn");
    assert_int_equal(bus_consume(bus, "Faults_turn", 10, &number), ERR_OK);
    (void)wait_for(bus, BUS_IN_UP);
    (void)wait_for(bus, BUS_OUT_UP);
    assert_true(clock_mono_ms() - begun < IN_TURN_MS);
    bus_close(bus);
    amqp_env_fini(&conf);
}

static enum err publish(struct bus *bus, const char *queue, const char *body,
                        size_t len, uint64_t *number)
{
    struct bus_message message = {.exchange = "",
                                  .routing_key = queue,
                                  .mandatory = true,
                                  .properties = {"", "", "", 0},
                                  .body = body,
                                  .len = len};

    return bus_publish(bus, &message, number);
}

static void test_queue_deleted(void **state)
{
    struct bus *bus = open_both("Faults_gone");
    uint64_t number;

    (void)state;
    testlog_expect("BUS-AWAY");
    control("delete_queue", "-p", amqp.vhost, "Faults_gone");
    assert_non_null(
        strstr(wait_for(bus, BUS_IN_LOST).reason, "ended the consumer"));
    (void)wait_for(bus, BUS_IN_UP);
    assert_int_equal(publish(bus, "Faults_gone", "x", 1, &number), ERR_OK);
    assert_int_equal(number, 1);
    assert_int_equal(wait_for(bus, BUS_DELIVERY).delivery.len, 1);
    bus_close(bus);
}

/* Whose messages are refused again and again begins anew: with the next
 * connection the queue that is gone is there again. */
static void test_refused_for_long(void **state)
{
    struct bus *bus = open_both("Faults_read");
    struct bus_event event = {.kind = BUS_IDLE};
    uint64_t number = 0;
    int n_refused = 0;

    (void)state;
    testlog_expect("BUS-AWAY");
    assert_int_equal(bus_declare(bus, "Faults_missing"), ERR_OK);
    assert_int_equal(publish(bus, "Faults_missing", "x", 1, &number), ERR_OK);
    (void)wait_for(bus, BUS_CONFIRMED);
    control("delete_queue", "-p", amqp.vhost, "Faults_missing");
    while (event.kind != BUS_OUT_LOST) {
        assert_int_equal(publish(bus, "Faults_missing", "x", 1, &number),
                         ERR_OK);
        do {
            assert_int_equal(bus_poll(bus, WAIT_MS, &event), ERR_OK);
            assert_int_not_equal(event.kind, BUS_IDLE);
        } while (event.kind != BUS_REFUSED && event.kind != BUS_OUT_LOST);
        n_refused += event.kind == BUS_REFUSED;
        if (event.kind == BUS_REFUSED) {
            assert_int_equal(bus_poll(bus, STEP_MS, &event), ERR_OK);
        }
    }
    assert_true(n_refused > 1);
    (void)wait_for(bus, BUS_OUT_UP);
    assert_int_equal(publish(bus, "Faults_missing", "x", 1, &number), ERR_OK);
    assert_int_equal(wait_for(bus, BUS_CONFIRMED).number, number);
    bus_close(bus);
}

/* Publishes as a good sender does, until the broker says that it is blocked;
 * how many are not confirmed yet. */
static uint64_t publish_until_blocked(struct bus *bus, uint64_t *sent)
{
    char *body = xcalloc(1, BODY_BYTES);
    uint64_t confirmed = 0;
    struct bus_event event = {.kind = BUS_IDLE};

    while (event.kind != BUS_BLOCKED && *sent < PUBLISHES_MOST) {
        int64_t begun = clock_mono_ms();
        uint64_t number = *sent;

        if (*sent - confirmed < UNCONFIRMED_MOST) {
            (void)!publish(bus, "Faults_blocked", body, BODY_BYTES, &number);
        }
        assert_true(clock_mono_ms() - begun < PUBLISH_MS_MOST);
        *sent = number;
        assert_int_equal(bus_poll(bus, 0, &event), ERR_OK);
        if (event.kind == BUS_CONFIRMED) {
            confirmed = event.number;
        } else if (event.kind == BUS_DELIVERY) {
            assert_int_equal(bus_ack(bus, 0, event.delivery.tag), ERR_OK);
        }
    }
    assert_int_equal(event.kind, BUS_BLOCKED);
    assert_true(strlen(event.reason) > 0);
    free(body);
    return confirmed;
}

static void test_blocked(void **state)
{
    struct bus *bus = open_both("Faults_blocked");
    uint64_t sent = 0;
    uint64_t confirmed;
    uint64_t number;

    (void)state;
    testlog_expect("BUS-BLOCKED");
    control("set_vm_memory_high_watermark", "0.00001", NULL, NULL);
    /* A question is answered, told or not that the broker is blocked. */
    assert_int_equal(publish(bus, "Faults_blocked", "x", 1, &sent), ERR_OK);
    assert_int_equal(bus_depth(bus, "Faults_blocked", &number), ERR_OK);
    confirmed = publish_until_blocked(bus, &sent);
    assert_int_equal(publish(bus, "Faults_blocked", "x", 1, &number),
                     ERR_UNAVAILABLE);
    assert_int_equal(bus_depth(bus, "Faults_blocked", &number), ERR_OK);
    /* Consuming goes on. */
    assert_int_equal(bus_prove(bus, 0), ERR_OK);
    control("set_vm_memory_high_watermark", "0.4", NULL, NULL);
    (void)wait_for(bus, BUS_UNBLOCKED);
    assert_int_equal(publish(bus, "Faults_blocked", "x", 1, &number), ERR_OK);
    assert_int_equal(number, sent + 1);
    while (confirmed < number) {
        struct bus_event event;

        assert_int_equal(bus_poll(bus, WAIT_MS, &event), ERR_OK);
        assert_int_not_equal(event.kind, BUS_IDLE);
        confirmed = event.kind == BUS_CONFIRMED ? event.number : confirmed;
        if (event.kind == BUS_DELIVERY) {
            assert_int_equal(bus_ack(bus, 0, event.delivery.tag), ERR_OK);
        }
    }
    bus_close(bus);
}

/* A user who may only publish, as connectors do. */
static void test_publish_only(void **state)
{
    struct bus *suite = open_both("Engine_cleaner");
    const char *path = getenv("HYP_TEST_AMQP_CONNECTOR_FILE");
    struct bus_message message = {.exchange = "canopsis.events",
                                  .routing_key = "a.b",
                                  .mandatory = true,
                                  .properties = {"", "", "", 0},
                                  .body = "x",
                                  .len = 1};
    const char *own = getenv("HYP_TEST_AMQP_PASSWORD_FILE");
    struct bus_amqp_conf conf;
    struct bus *bus;
    uint64_t number;

    (void)state;
    assert_non_null(path);
    assert_int_equal(setenv("HYP_TEST_AMQP_USER", "connector", 1), 0);
    assert_int_equal(setenv("HYP_TEST_AMQP_PASSWORD_FILE", path, 1), 0);
    assert_true(amqp_env_read(&conf));
    bus = bus_amqp_open(&conf, "connector");
    (void)wait_for(bus, BUS_OUT_UP);
    assert_int_equal(bus_publish(bus, &message, &number), ERR_OK);
    assert_int_equal(wait_for(bus, BUS_CONFIRMED).number, 1);
    assert_string_equal(
        wait_for(suite, BUS_DELIVERY).delivery.properties.user_id, "connector");
    assert_int_equal(bus_ack(suite, 0, 1), ERR_OK);
    assert_int_equal(bus_prove(suite, 0), ERR_OK);

    /* Straight to an engine's queue it may not. */
    testlog_expect("BUS-AWAY");
    message.exchange = "";
    message.routing_key = "Engine_cleaner";
    assert_int_equal(bus_publish(bus, &message, &number), ERR_OK);
    assert_non_null(
        strstr(wait_for(bus, BUS_OUT_LOST).reason, "ACCESS_REFUSED"));
    bus_close(bus);
    bus_close(suite);
    amqp_env_fini(&conf);
    assert_int_equal(unsetenv("HYP_TEST_AMQP_USER"), 0);
    assert_int_equal(setenv("HYP_TEST_AMQP_PASSWORD_FILE", own, 1), 0);
}

static pid_t broker_pid(void)
{
    const char *path = getenv("HYP_TEST_AMQP_PID_FILE");
    FILE *file;
    int pid = 0;

    assert_non_null(path);
    file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &pid), 1);
    assert_int_equal(fclose(file), 0);
    return pid;
}

/* A broker falls silent while its sender is busy for more than two heartbeats:
 * who publishes then is not held up, and the next poll finds it lost. */
static void test_silent(void **state)
{
    const struct timespec busy = {.tv_sec = SILENT_MS / 1000,
                                  .tv_nsec = SILENT_MS % 1000 * 1000000};
    struct bus_amqp_conf conf;
    struct bus_event event;
    struct bus *bus;
    uint64_t number;

    (void)state;
    testlog_expect("BUS-AWAY");
    assert_true(amqp_env_read(&conf));
    conf.heartbeat_ms = HEARTBEAT_MS;
    bus = bus_amqp_open(&conf, "silent");
    assert_int_equal(bus_declare(bus, "Faults_silent"), ERR_OK);
    (void)wait_for(bus, BUS_OUT_UP);
    assert_int_equal(kill(broker_pid(), SIGSTOP), 0);
    /* What it had sent before is read. */
    assert_int_equal(bus_poll(bus, STEP_MS, &event), ERR_OK);
    (void)nanosleep(&busy, NULL);
    (void)alarm(WAIT_MS / 1000); /* it would wait for ever */
    assert_int_equal(publish(bus, "Faults_silent", "x", 1, &number),
                     ERR_UNAVAILABLE);
    (void)wait_for(bus, BUS_OUT_LOST);
    (void)alarm(0);
    assert_int_equal(kill(broker_pid(), SIGCONT), 0);
    (void)wait_for(bus, BUS_OUT_UP);
    assert_int_equal(publish(bus, "Faults_silent", "x", 1, &number), ERR_OK);
    (void)wait_for(bus, BUS_CONFIRMED);
    bus_close(bus);
    amqp_env_fini(&conf);
}

int main(void)
{
#define FAULT_TEST(test)                                                       \
    cmocka_unit_test_setup_teardown(test, testlog_setup, testlog_teardown)
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals), FAULT_TEST(test_servers_in_turn),
        FAULT_TEST(test_queue_deleted),  FAULT_TEST(test_refused_for_long),
        FAULT_TEST(test_blocked),        FAULT_TEST(test_publish_only),
        FAULT_TEST(test_silent),
    };
    int failed;

    if (!amqp_env_read(&amqp)) {
        return SKIP;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    amqp_env_fini(&amqp);
    return failed;
}
