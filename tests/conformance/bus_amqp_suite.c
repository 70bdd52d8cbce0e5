/* SPDX-License-Identifier: Apache-2.0 */
/** The suite of the bus on a real RabbitMQ, started by its script. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/bus/bus_amqp.h"
#include "tests/conformance/bus_suite.h"
#include "tests/support/amqp_env.h"

enum {
    SKIP = 77,
    WAIT_MS = 60000,
    QUIET_MS = 100,
    SETTLE_MS = 2000
};

static struct bus *open_bus(void *ctx, const char *name)
{
    return bus_amqp_open(ctx, name);
}

/* HYP_TEST_AMQP_RESTART names a program that kills the broker with kill -9
 * and starts it again. */
static void restart(void *ctx)
{
    const char *program = getenv("HYP_TEST_AMQP_RESTART");
    int status = -1;
    pid_t pid;

    (void)ctx;
    BUG_IF(program == NULL);
    pid = fork();
    if (pid == 0) {
        (void)execl(program, program, (char *)NULL);
        _exit(EXIT_FAILURE);
    }
    BUG_IF(pid < 0 || waitpid(pid, &status, 0) != pid || status != 0);
}

int main(void)
{
    struct bus_amqp_conf conf;
    struct bus_suite suite = {.ctx = &conf,
                              .open = open_bus,
                              .restart = restart,
                              .lost_id = "BUS-AWAY",
                              .wait_ms = WAIT_MS,
                              .quiet_ms = QUIET_MS,
                              .settle_ms = SETTLE_MS};
    int failed;

    if (!amqp_env_read(&conf)) {
        return SKIP;
    }
    conf.message_bytes = BUS_SUITE_MESSAGE_BYTES;
    suite.user = conf.user;
    failed = bus_suite_run("bus on RabbitMQ", &suite);
    amqp_env_fini(&conf);
    return failed;
}
