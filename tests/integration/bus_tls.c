/* SPDX-License-Identifier: Apache-2.0 */
/** AMQPS against a RabbitMQ that asks for a certificate: who gets in, and what
 *  everybody else is told. Started by bus.sh. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/mem.h"
#include "common/bus/amqp_tls.h"
#include "common/bus/bus_amqp.h"
#include "common/bus/probe.h"
#include "tests/support/amqp_env.h"
#include "tests/support/testlog.h"
#include "tests/support/unit.h"

enum {
    SKIP = 77,
    WAIT_MS = 60000,
    STEP_MS = 50,
    PROBE_MS = 5000,
    FILE_BYTES = 64 * 1024,
    OPEN_TO_ALL = 0644
};

/* Files are of the folder of the test's broker; NULL: the right one, "": none.
 */
struct row {
    const char *name;
    const char *want[3]; /* all in the reason; none: it connects */
    const char *ca;
    const char *certificate;
    const char *key;
    const char *server_name;
    const char *host;
    bool plain_port;
};

static const struct row rows[] = {
    {.name = "as it should be"},
    {.name = "by name", .host = "localhost"},
    {.name = "by address, expected by name", .server_name = "localhost"},
    {.name = "another authority",
     .want = {"TLS: its certificate", "is not by an authority we trust",
              "other/ca.pem"},
     .ca = "other/ca.pem"},
    {.name = "the system's authorities",
     .want = {"TLS: its certificate", "tls_ca is not set"},
     .ca = ""},
    {.name = "another name",
     .want = {"CN=broker is not for broker.example.net", "tls_server_name"},
     .server_name = "broker.example.net"},
    {.name = "another address",
     .want = {"CN=broker is not for 192.0.2.1"},
     .server_name = "192.0.2.1"},
    {.name = "no certificate of ours",
     .want = {"refuses us without a certificate",
              "tls_certificate and tls_key are not set"},
     .certificate = "",
     .key = ""},
    {.name = "ours of another authority",
     .want = {"is it our certificate?", "other/suite.pem"},
     .certificate = "other/suite.pem",
     .key = "other/suite.key"},
    {.name = "ours of the past",
     .want = {"tls_certificate: ", "/past.pem: it has expired"},
     .certificate = "past.pem",
     .key = "tls/broker.key"},
    {.name = "a port in the clear",
     .want = {"TLS: no handshake: is port its AMQPS port?"},
     .plain_port = true},
};

/* What is refused before anybody is asked. */
static const struct row files[] = {
    {.name = "all there"},
    {.name = "no such authority",
     .want = {"tls_ca: ", "/none.pem: No such file or directory"},
     .ca = "none.pem"},
    {.name = "an authority that is none",
     .want = {"tls_ca: ", "/past.info: no"},
     .ca = "past.info"},
    {.name = "no such certificate",
     .want = {"tls_certificate: ", "/none.pem: No such file or directory"},
     .certificate = "none.pem"},
    {.name = "a certificate that is none",
     .want = {"tls_certificate: ", "/past.info: no start line"},
     .certificate = "past.info"},
    {.name = "no such key",
     .want = {"tls_key: ", "/none.key: No such file or directory"},
     .key = "none.key"},
    {.name = "the key of another",
     .want = {"tls_key: ", "connector.key: key values mismatch"},
     .key = "tls/connector.key"},
    {.name = "a key for all to read",
     .want = {"tls_key: ", "open.key: everybody may read or write it"},
     .key = "open.key"},
    {.name = "a key alone",
     .want = {"only one is set; expected both or none"},
     .certificate = ""},
    {.name = "a certificate alone",
     .want = {"only one is set; expected both or none"},
     .key = ""},
};

static const char *folder;

static void set_path(char **field, const char *name)
{
    if (name != NULL) {
        free(*field);
        *field = *name != '\0' ? xasprintf("%s/%s", folder, name) : NULL;
    }
}

static void read_conf(const struct row *row, struct bus_amqp_conf *conf)
{
    assert_true(amqp_env_read(conf));
    set_path(&conf->tls_ca, row->ca);
    set_path(&conf->tls_certificate, row->certificate);
    set_path(&conf->tls_key, row->key);
    if (row->server_name != NULL) {
        conf->tls_server_name = xstrdup(row->server_name);
    }
    if (row->host != NULL) {
        free(conf->host);
        conf->host = xstrdup(row->host);
    }
    if (row->plain_port) {
        conf->port = strtol(getenv("HYP_TEST_AMQP_PORT"), NULL, 10);
    }
}

static void check_text(const struct row *row, const char *text)
{
    for (size_t i = 0; i < N_ROWS(row->want) && row->want[i] != NULL; i++) {
        if (strstr(text, row->want[i]) == NULL) {
            fail_msg("%s: \"%s\" is not in \"%s\"", row->name, row->want[i],
                     text);
        }
    }
}

/* Until it is connected, or the reason why not is told. */
static void check_bus(const struct row *row, const struct bus_amqp_conf *conf)
{
    struct bus *bus = bus_amqp_open(conf, row->name);
    struct bus_event event = {.kind = BUS_IDLE};
    int64_t end = clock_mono_ms() + WAIT_MS;

    while (event.kind != BUS_OUT_UP && testlog_count("BUS-AWAY") == 0) {
        assert_true(clock_mono_ms() < end);
        assert_int_equal(bus_poll(bus, STEP_MS, &event), ERR_OK);
    }
    if ((event.kind == BUS_OUT_UP) != (row->want[0] == NULL)) {
        fail_msg("%s: %s", row->name,
                 event.kind == BUS_OUT_UP ? "connected"
                                          : testlog_text("BUS-AWAY"));
    }
    if (row->want[0] != NULL) {
        check_text(row, testlog_text("BUS-AWAY"));
    }
    bus_close(bus);
}

static void check_probe(const struct row *row, const struct bus_amqp_conf *conf)
{
    struct errbuf why = {0};
    bool good = bus_probe(conf, PROBE_MS, &why) == ERR_OK;

    if (good != (row->want[0] == NULL)) {
        fail_msg("%s: probed: %s", row->name, good ? "good" : why.text);
    }
    check_text(row, why.text);
}

static void check_row(const struct row *row)
{
    struct bus_amqp_conf conf;

    testlog_start();
    if (row->want[0] != NULL) {
        testlog_expect("BUS-AWAY");
    }
    read_conf(row, &conf);
    check_bus(row, &conf);
    check_probe(row, &conf);
    amqp_env_fini(&conf);
    assert_int_equal(testlog_stop(), 0);
}

static void test_connections(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        check_row(&rows[i]);
    }
}

static void copy(const char *from, const char *to, mode_t mode)
{
    char *source = xasprintf("%s/%s", folder, from);
    char *target = xasprintf("%s/%s", folder, to);
    struct errbuf why = {0};
    struct buf data;

    buf_init(&data, FILE_BYTES);
    assert_int_equal(file_read(source, &data, &why), ERR_OK);
    assert_int_equal(file_replace(target, data.data, data.len, mode, &why),
                     ERR_OK);
    buf_fini(&data);
    free(source);
    free(target);
}

static void test_files(void **state)
{
    (void)state;
    copy("tls/suite.key", "open.key", OPEN_TO_ALL);
    for (size_t i = 0; i < N_ROWS(files); i++) {
        const struct row *row = &files[i];
        struct bus_amqp_conf conf;
        struct errbuf why = {0};
        enum err err;

        read_conf(row, &conf);
        err = amqp_tls_check(&conf, &why);
        if ((err == ERR_OK) != (row->want[0] == NULL)) {
            fail_msg("%s: %s", row->name, err_name(err));
        }
        check_text(row, why.text);
        amqp_env_fini(&conf);
    }
}

/* Files without the switch: somebody believes to be safe. */
static void test_switch(void **state)
{
    struct bus_amqp_conf conf;
    struct errbuf why = {0};

    (void)state;
    assert_true(amqp_env_read(&conf));
    conf.tls = false;
    assert_int_equal(amqp_tls_check(&conf, &why), ERR_INVALID);
    assert_non_null(strstr(why.text, "expected tls = yes"));
    amqp_env_fini(&conf);
}

/* The broker reads its files again. */
static void forget_files(void)
{
    const char *program = getenv("HYP_TEST_AMQP_CTL");
    int status = -1;
    pid_t pid;

    assert_non_null(program);
    pid = fork();
    if (pid == 0) {
        (void)execl(program, program, "eval", "ssl:clear_pem_cache().",
                    (char *)NULL);
        _exit(EXIT_FAILURE);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* The broker's certificate expires under a client that knows it, and is
 * replaced: nobody is started again. */
static void test_expired(void **state)
{
    static const struct row expired = {.name = "the broker's of the past",
                                       .want = {"TLS: its certificate",
                                                "certificate has expired",
                                                "tls/ca.pem"}};
    static const struct row renewed = {.name = "renewed"};

    (void)state;
    copy("tls/broker.pem", "good.pem", OPEN_TO_ALL);
    copy("past.pem", "tls/broker.pem", OPEN_TO_ALL);
    forget_files();
    check_row(&expired);
    copy("good.pem", "tls/broker.pem", OPEN_TO_ALL);
    forget_files();
    check_row(&renewed);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_switch),
        cmocka_unit_test(test_connections),
        cmocka_unit_test(test_expired),
    };

    folder = getenv("HYP_TEST_AMQP_DIR");
    return folder != NULL ? cmocka_run_group_tests(tests, NULL, NULL) : SKIP;
}
