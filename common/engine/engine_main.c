/* SPDX-License-Identifier: Apache-2.0 */
/** The whole of an engine's main(): configuration, connections, loop. */
#include <stdlib.h>

#include "common/base/stop.h"
#include "common/engine/process.h"

static int run_loop(struct process *process)
{
    enum runtime_result result = RUNTIME_GO_ON;

    while (result == RUNTIME_GO_ON || result == RUNTIME_IDLE) {
        if (stop_is_asked()) {
            runtime_stop(process->io);
        }
        if (stop_take_reload()) {
            process_reload(process);
        }
        process_tell(process);
        result = runtime_step(process->io,
                              result == RUNTIME_IDLE ? PROCESS_WAIT_MS : 0);
    }
    if (result == RUNTIME_FAILED) {
        return EXIT_FAILURE;
    }
    return result == RUNTIME_FENCED ? PROCESS_EXIT_FENCED : EXIT_SUCCESS;
}

static int run_bus(struct process *process)
{
    struct bus *bus = bus_amqp_open(&process->amqp, process->name);
    int code = EXIT_FAILURE;

    if (process_start(process, bus, false) == ERR_OK) {
        code = run_loop(process);
        process_end(process);
    }
    bus_close(bus);
    return code;
}

int engine_main(const struct engine_ops *ops, int argc, char **argv)
{
    struct process process;
    int code = process_configure(&process, ops, NULL, argc, argv);

    if (code == CONF_GO_ON) {
        enum err err;

        stop_catch_signals();
        err = process_open(&process);
        code = err == ERR_OK ? run_bus(&process) : EXIT_FAILURE;
        if (err == ERR_UNAVAILABLE && stop_is_asked()) {
            code = EXIT_SUCCESS;
        }
    }
    process_free(&process);
    return code;
}
