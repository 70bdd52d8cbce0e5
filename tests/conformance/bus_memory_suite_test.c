/* SPDX-License-Identifier: Apache-2.0 */
/** The suite of the bus on the broker in memory. */
#include "common/bus/bus_memory.h"
#include "tests/conformance/bus_suite.h"

static struct bus *open_bus(void *ctx, const char *name)
{
    return broker_open(ctx, name, "hypervise");
}

static void restart(void *ctx)
{
    broker_restart(ctx);
}

int main(void)
{
    struct broker *broker = broker_new("canopsis");
    struct bus_suite suite = {.ctx = broker,
                              .open = open_bus,
                              .restart = restart,
                              .user = "hypervise"};
    int failed;

    broker_set_limit(broker, BUS_SUITE_MESSAGE_BYTES);
    failed = bus_suite_run("bus in memory", &suite);
    broker_free(broker);
    return failed;
}
