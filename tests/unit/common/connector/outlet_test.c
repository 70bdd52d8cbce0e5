/* SPDX-License-Identifier: Apache-2.0 */
/** The way out of a source: order and nothing lost, whatever the broker, the
 *  disk and the process do. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/bus/bus_memory.h"
#include "common/connector/outlet.h"
#include "tests/support/testlog.h"
#include "tests/support/unit.h"

enum {
    SPOOL_BYTES = 64 * 1024 * 1024,
    NUMBERS_MAX = 4096
};

struct fixture {
    char folder[32];
    struct broker *broker;
    struct bus *bus;
    struct spool *spool;
    struct outlet *outlet;
    int64_t spool_bytes;
    int64_t now_ms;
    uint64_t n; /* messages added */
    unsigned int seed;
    unsigned int share; /* of a hundred publishes that are refused */
};

static void open_spool(struct fixture *f)
{
    char path[64];
    struct errbuf why = {0};
    const struct spool_conf conf = {path, f->spool_bytes, 256 * 1024};

    (void)snprintf(path, sizeof path, "%s/s", f->folder);
    if (spool_open(&conf, &f->spool, &why) != ERR_OK) {
        fail_msg("%s", why.text);
    }
}

static void begin(struct fixture *f)
{
    open_spool(f);
    f->bus = broker_open(f->broker, "connector", "connector");
    f->outlet = outlet_new(f->bus, f->spool, "canopsis.events");
}

/* As a process ends: nothing is told to anybody. */
static void end(struct fixture *f)
{
    outlet_free(f->outlet);
    bus_close(f->bus);
    spool_close(f->spool);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);

    (void)testlog_setup(state);
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/outlet_test.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    f->broker = broker_new("canopsis");
    broker_bind(f->broker, "sink", "canopsis.events", "#");
    f->spool_bytes = SPOOL_BYTES;
    f->now_ms = 1700000000000;
    f->seed = 7;
    begin(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char path[64];
    DIR *dir;
    const struct dirent *entry;

    end(f);
    broker_free(f->broker);
    (void)snprintf(path, sizeof path, "%s/s", f->folder);
    dir = opendir(path);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    (void)rmdir(path);
    (void)rmdir(f->folder);
    free(f);
    return testlog_teardown(state);
}

static enum err try_add(struct fixture *f, const char *more)
{
    char *body = xasprintf("%llu %s", (unsigned long long)f->n + 1, more);
    const struct outlet_message message = {.routing_key = "a.b",
                                           .received_ms = f->now_ms,
                                           .body = body,
                                           .len = strlen(body)};
    struct errbuf why = {0};
    enum err err = outlet_add(f->outlet, &message, &why);

    f->n += err == ERR_OK;
    free(body);
    return err;
}

static void add(struct fixture *f, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(try_add(f, ""), ERR_OK);
    }
}

static void step(struct fixture *f)
{
    struct bus_event event = {.kind = BUS_IDLE};

    f->now_ms += 10;
    outlet_pump(f->outlet, f->now_ms);
    do {
        assert_int_equal(bus_poll(f->bus, 0, &event), ERR_OK);
        outlet_event(f->outlet, &event, f->now_ms);
    } while (event.kind != BUS_IDLE);
    outlet_pump(f->outlet, f->now_ms);
}

static void run_until_idle(struct fixture *f)
{
    for (int i = 0; i < 100000 && !outlet_is_idle(f->outlet); i++) {
        step(f);
    }
    assert_true(outlet_is_idle(f->outlet));
}

static uint64_t number_at(const struct fixture *f, size_t i,
                          struct bus_message *message)
{
    const char *blank;
    int64_t number;

    assert_true(broker_peek(f->broker, "sink", i, message));
    blank = memchr(message->body, ' ', message->len);
    assert_non_null(blank);
    assert_int_equal(str_to_i64_n(message->body,
                                  (size_t)(blank - (const char *)message->body),
                                  1, INT64_MAX, &number),
                     ERR_OK);
    return (uint64_t)number;
}

/* What the entry makes of it: a known id is a repeat. All are there, and the
 * last of each stand in order. Returns how many came twice. */
static size_t expect_all(const struct fixture *f)
{
    static size_t last[NUMBERS_MAX];
    static char ids[NUMBERS_MAX * 2][64];
    size_t n_ids = 0;
    size_t n = broker_depth(f->broker, "sink");
    struct bus_message message;

    assert_true(f->n < NUMBERS_MAX && n < NUMBERS_MAX * 2);
    memset(last, 0, sizeof last);
    for (size_t i = 0; i < n; i++) {
        uint64_t number = number_at(f, i, &message);
        bool known = false;

        for (size_t k = 0; !known && k < n_ids; k++) {
            known = strcmp(ids[k], message.properties.message_id) == 0;
        }
        if (!known) {
            (void)snprintf(ids[n_ids++], sizeof ids[0], "%s",
                           message.properties.message_id);
            last[number] = i + 1;
        }
    }
    for (uint64_t number = 1; number <= f->n; number++) {
        assert_true(last[number] > last[number - 1]);
    }
    return n - (size_t)f->n;
}

/* --- how it should be -------------------------------------------------------
 */

static void test_in_order(void **state)
{
    struct fixture *f = *state;
    struct outlet_state now;

    add(f, 1000);
    run_until_idle(f);
    assert_int_equal(expect_all(f), 0);
    outlet_get_state(f->outlet, &now);
    assert_int_equal(now.waiting, 0);
    assert_int_equal(now.confirmed, 1000);
    assert_int_equal(now.oldest_ms, 0);
    assert_true(now.ready);
    assert_string_equal(now.why, "");
}

static void test_broker_away(void **state)
{
    struct fixture *f = *state;
    struct outlet_state now;

    add(f, 10);
    run_until_idle(f);
    broker_stop(f->broker);
    for (int i = 0; i < 100; i++) {
        add(f, 10);
        step(f);
    }
    outlet_get_state(f->outlet, &now);
    assert_false(now.ready);
    assert_int_equal(now.waiting, 1000);
    assert_true(now.oldest_ms > 0 && now.oldest_ms < f->now_ms);
    broker_start(f->broker);
    run_until_idle(f);
    assert_int_equal(expect_all(f), 0);
}

static void test_blocked(void **state)
{
    struct fixture *f = *state;

    step(f);
    broker_block(f->broker, true);
    step(f);
    add(f, 500);
    step(f);
    assert_int_equal(broker_depth(f->broker, "sink"), 0);
    broker_block(f->broker, false);
    run_until_idle(f);
    assert_int_equal(expect_all(f), 0);
}

/* Killed at any time: what was taken comes, from the next life. */
static void test_killed(void **state)
{
    struct fixture *f = *state;

    for (int life = 0; life < 60; life++) {
        add(f, (size_t)rand_r(&f->seed) % 40);
        for (int i = rand_r(&f->seed) % 4; i > 0; i--) {
            step(f);
        }
        end(f);
        begin(f);
    }
    run_until_idle(f);
    (void)expect_all(f);
}

static bool dice_nack(void *ctx)
{
    struct fixture *f = ctx;

    return (unsigned int)rand_r(&f->seed) % 100 < f->share;
}

static void test_refused_now_and_then(void **state)
{
    struct fixture *f = *state;
    const struct broker_faults faults = {.ctx = f, .nack = dice_nack};

    testlog_expect("SPOOL-NACK");
    f->share = 3;
    broker_set_faults(f->broker, &faults);
    for (int i = 0; i < 100; i++) {
        add(f, 10);
        step(f);
    }
    run_until_idle(f);
    (void)expect_all(f);
}

static void test_lost_and_refused(void **state)
{
    struct fixture *f = *state;
    const struct broker_faults faults = {.ctx = f, .nack = dice_nack};

    testlog_expect("SPOOL-NACK");
    f->share = 1;
    broker_set_faults(f->broker, &faults);
    for (int i = 0; i < 200; i++) {
        add(f, (size_t)rand_r(&f->seed) % 10);
        if (rand_r(&f->seed) % 10 == 0) {
            broker_cut(f->broker, f->bus, false, true);
        }
        if (rand_r(&f->seed) % 2 == 0) {
            step(f);
        }
    }
    run_until_idle(f);
    (void)expect_all(f);
}

/* Nobody reads yet: it is refused until somebody does. */
static void test_no_queue(void **state)
{
    struct fixture *f = *state;
    struct outlet_state now;

    testlog_expect("SPOOL-NACK");
    broker_delete(f->broker, "sink");
    add(f, 5);
    for (int i = 0; i < 50; i++) {
        step(f);
    }
    outlet_get_state(f->outlet, &now);
    assert_int_equal(now.waiting, 5);
    assert_true(now.refused > 0 && now.refused < 50);
    assert_string_not_equal(now.why, "");
    broker_bind(f->broker, "sink", "canopsis.events", "#");
    run_until_idle(f);
    assert_int_equal(expect_all(f), 0);
}

/* --- bounds -----------------------------------------------------------------
 */

/* More waits than memory holds: it is on disk, and comes back in order. */
static void test_more_than_memory(void **state)
{
    struct fixture *f = *state;
    char *large = xcalloc(1, 20001);

    memset(large, 'x', 20000);
    broker_stop(f->broker);
    step(f);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(try_add(f, large), ERR_OK);
    }
    broker_start(f->broker);
    for (int i = 0; i < 100; i++) {
        step(f);
        assert_int_equal(try_add(f, large), ERR_OK);
    }
    run_until_idle(f);
    assert_int_equal(expect_all(f), 0);
    free(large);
}

static void test_full(void **state)
{
    struct fixture *f = *state;
    struct outlet_state now;

    end(f);
    f->spool_bytes = 64 * 1024;
    begin(f);
    testlog_expect("SPOOL-REFUSED");
    broker_stop(f->broker);
    step(f);
    while (try_add(f, "0123456789") == ERR_OK) {
        assert_true(f->n < NUMBERS_MAX);
    }
    outlet_get_state(f->outlet, &now);
    assert_true(now.full);
    assert_non_null(strstr(now.why, "full"));
    assert_int_equal(now.waiting, f->n);
    broker_start(f->broker);
    run_until_idle(f);
    add(f, 10);
    run_until_idle(f);
    outlet_get_state(f->outlet, &now);
    assert_false(now.full);
    assert_int_equal(expect_all(f), 0);
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A disk that refuses does not stop what the broker takes. */
static void test_disk_refuses(void **state)
{
    struct fixture *f = *state;
    struct outlet_state now;

    testlog_expect("SPOOL-REFUSED");
    (void)signal(SIGXFSZ, SIG_IGN);
    add(f, 50);
    step(f);
    limit_files(0);
    add(f, 50);
    run_until_idle(f);
    outlet_get_state(f->outlet, &now);
    assert_int_equal(now.unspooled, 50);
    broker_stop(f->broker);
    step(f);
    assert_int_equal(try_add(f, ""), ERR_UNAVAILABLE);
    limit_files(RLIM_INFINITY);
    add(f, 50);
    broker_start(f->broker);
    run_until_idle(f);
    assert_int_equal(expect_all(f), 0);
}

/* What a spool holds that makes no message does not stop it. */
static void test_strange_record(void **state)
{
    struct fixture *f = *state;
    struct errbuf why;
    uint64_t number;

    testlog_expect("SPOOL-RECORD");
    broker_stop(f->broker);
    add(f, 3);
    end(f);
    open_spool(f);
    assert_int_equal(spool_append(f->spool, "x", 1, &number, &why), ERR_OK);
    spool_close(f->spool);
    broker_start(f->broker);
    begin(f);
    add(f, 3);
    run_until_idle(f);
    assert_int_equal(expect_all(f), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_in_order),
        CASE(test_broker_away),
        CASE(test_blocked),
        CASE(test_killed),
        CASE(test_refused_now_and_then),
        CASE(test_lost_and_refused),
        CASE(test_no_queue),
        CASE(test_more_than_memory),
        CASE(test_full),
        CASE(test_disk_refuses),
        CASE(test_strange_record),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
