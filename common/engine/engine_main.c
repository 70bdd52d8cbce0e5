/* SPDX-License-Identifier: Apache-2.0 */
/** The whole of an engine's main(): configuration, connections, loop. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/stop.h"
#include "common/bus/bus_amqp.h"
#include "common/bus/partitions.h"
#include "common/conf/conf_program.h"
#include "common/engine/export.h"
#include "common/metrics/reload.h"
#include "common/metrics/status_file.h"
#include "common/store/store_conf.h"

enum {
    WAIT_MS = 100, /* of an idle poll: signals and timers are seen after it */
    OPEN_FIRST_MS = 200,
    OPEN_MOST_MS = 5000,
    EXIT_FENCED = 3,
    NAME_MAX_BYTES = 128,
    PARTS = 7,
    BURST = 64, /* messages published between two looks at the bus */
    PATIENCE_MS = 20,
    RELAY_BYTES = 64 * 1024, /* fewer messages count more than packing */
    HOP_MESSAGE_BYTES = 16 * 1024 * 1024
};

static int64_t wall_clock(void *ctx)
{
    (void)ctx;
    return clock_now_ms();
}

struct process {
    const struct engine_ops *ops;
    struct reload reload;
    char *status_dir;
    bool metrics_file;
    struct bus_amqp_conf amqp;
    struct store_conf storage;
    struct partitions partitions;
    struct runtime_conf runtime;
    struct self_conf self;
    void *state;
    char name[NAME_MAX_BYTES];   /* "engine-alarm", "engine-alarm.2" */
    char writer[NAME_MAX_BYTES]; /* "alarm"; "cleaner.<group>" has its own
                                    rows, and its own file in SQLite */
    struct export *export;
    struct status_file *status;
};

static const struct conf_option process_options[] = {
    {.section = "process",
     .key = "status_dir",
     .type = CONF_PATH,
     .offset = offsetof(struct process, status_dir),
     .fallback = STATUS_FOLDER,
     .help = "folder of the file that tells how this process is"},
    {.section = "process",
     .key = "metrics_file",
     .type = CONF_BOOL,
     .offset = offsetof(struct process, metrics_file),
     .fallback = "yes",
     .help = "write NAME.prom beside it every 5 s: metrics for Prometheus"},
    {0}};

static void tell_status(const struct process *process, bool ready,
                        const char *why_not)
{
    struct errbuf why = {{0}, {0}};

    if (status_file_write(process->status, ready, why_not, clock_now_ms(),
                          &why) != ERR_OK) {
        log_debug("ENGINE-STATUS", "%s", why.text);
    }
}

/* A store that is away is waited for; one that refuses is not. */
static enum err open_store(const struct process *process, struct store **store)
{
    const struct store_options options = {.uri = process->storage.uri,
                                          .writer = process->writer};
    struct errbuf why;
    int64_t wait_ms = OPEN_FIRST_MS;
    enum err err = store_open(&options, store, &why);

    while (err == ERR_UNAVAILABLE && !stop_is_asked()) {
        const struct timespec wait = {.tv_sec = wait_ms / 1000,
                                      .tv_nsec = wait_ms % 1000 * 1000000};

        tell_status(process, false, why.text);
        log_warning("ENGINE-STORE", "%s: %s; trying again in %" PRId64 " ms",
                    options.writer, why.text, wait_ms);
        (void)nanosleep(&wait, NULL);
        wait_ms = wait_ms * 2 < OPEN_MOST_MS ? wait_ms * 2 : OPEN_MOST_MS;
        err = store_open(&options, store, &why);
    }
    if (err != ERR_OK && err != ERR_UNAVAILABLE) {
        log_error("ENGINE-STORE", "%s: %s", options.writer, why.text);
    }
    return err;
}

static void write_status(const struct process *process,
                         const struct engine_io *io)
{
    struct errbuf why = {{0}, {0}};
    bool ready = runtime_is_ready(io, &why);

    export_update(process->export, io, clock_now_ms());
    tell_status(process, ready, why.text);
}

/* Between two batches, so that all of one is done by the same options. */
static void reload(const struct process *process)
{
    struct conf_reload *read;

    if (!reload_begin(&process->reload, &read)) {
        return;
    }
    conf_reload_swap(read);
    if (process->ops->reconfigured != NULL) {
        process->ops->reconfigured(process->state);
    }
    reload_end(&process->reload, read);
}

static int run_loop(const struct process *process, struct engine_io *io)
{
    enum runtime_result result = RUNTIME_GO_ON;
    int64_t status_ms = 0;

    while (result == RUNTIME_GO_ON || result == RUNTIME_IDLE) {
        int64_t now = clock_mono_ms();

        if (stop_is_asked()) {
            runtime_stop(io);
        }
        if (stop_take_reload()) {
            reload(process);
            status_ms = now;
        }
        if (now >= status_ms) {
            write_status(process, io);
            status_ms = now + WAIT_MS;
        }
        result = runtime_step(io, result == RUNTIME_IDLE ? WAIT_MS : 0);
    }
    if (result == RUNTIME_FAILED) {
        return EXIT_FAILURE;
    }
    return result == RUNTIME_FENCED ? EXIT_FENCED : EXIT_SUCCESS;
}

static int run_bus(const struct process *process, struct store *store)
{
    struct bus *bus = bus_amqp_open(&process->amqp, process->name);
    const struct runtime_setup setup = {
        .ops = process->ops,
        .state = process->state,
        .conf = &process->runtime,
        .self = &process->self,
        .store = store,
        .bus = bus,
        .exchange_prefix = process->amqp.exchange_name,
        .user = process->amqp.user,
        .now_ms = wall_clock,
        .burst = BURST,
        .patience_ms = PATIENCE_MS,
        .relay_bytes = RELAY_BYTES,
    };
    struct engine_io *io;
    struct errbuf why;
    int code = EXIT_FAILURE;

    if (runtime_new(&setup, &io, &why) == ERR_OK) {
        log_info("ENGINE-START", "%s started", process->name);
        code = run_loop(process, io);
        runtime_free(io);
        log_info("ENGINE-STOP", "%s stopped", process->name);
    } else {
        log_error("ENGINE-CONFIG", "%s: %s: %s", process->name, why.field,
                  why.text);
    }
    bus_close(bus);
    return code;
}

/* From here on this process tells how it is. */
static void status_open(struct process *process)
{
    process->export = export_new();
    process->status =
        status_file_open(process->status_dir, process->name,
                         export_metrics(process->export), clock_now_ms());
    process->reload.status = process->status;
    if (process->metrics_file) {
        status_file_export(process->status);
    }
}

static void status_close(struct process *process)
{
    status_file_close(process->status);
    export_free(process->export);
    process->export = NULL;
}

/* What tells this process from others of its engine, before it names rows
 * and files. */
static bool parts_are_valid(const struct process *process)
{
    if (process->runtime.partition >= process->runtime.partitions) {
        log_error("ENGINE-CONFIG",
                  "[engine] partition: %" PRId64 " of %" PRId64
                  " partitions; expected 0..%" PRId64,
                  process->runtime.partition, process->runtime.partitions,
                  process->runtime.partitions - 1);
        return false;
    }
    if (*process->runtime.group != '\0' &&
        !bus_group_is_valid(process->runtime.group)) {
        log_error("ENGINE-CONFIG",
                  "[engine] group: \"%s\"; expected letters, digits, - and _",
                  process->runtime.group);
        return false;
    }
    return true;
}

static int run(struct process *process)
{
    struct store *store = NULL;
    int code = EXIT_FAILURE;

    if (!parts_are_valid(process)) {
        return EXIT_FAILURE;
    }
    stop_catch_signals();
    status_open(process);
    if (open_store(process, &store) == ERR_OK) {
        code = run_bus(process, store);
        store_close(store);
    } else if (stop_is_asked()) {
        code = EXIT_SUCCESS;
    }
    status_close(process);
    return code;
}

/* What the engine's own file says goes over partitions.conf. */
static enum err take_partitions(struct process *process)
{
    struct runtime_conf *runtime = &process->runtime;
    struct errbuf why = {{0}, {0}};

    if (partitions_check(&process->partitions, &why) != ERR_OK) {
        log_error("ENGINE-CONFIG", "[partitions] %s: %s", why.field, why.text);
        return ERR_INVALID;
    }
    if (runtime->partitions == 1) {
        runtime->partitions =
            partitions_of(&process->partitions, process->ops->name);
    }
    partitions_spell(&process->partitions, &runtime->next);
    partitions_spell(&process->partitions, &runtime->side);
    return ERR_OK;
}

static void name_process(struct process *process)
{
    const char *name = process->ops->name;
    const char *group = process->runtime.group;

    (void)snprintf(process->writer, sizeof process->writer, "%s%s%s", name,
                   *group != '\0' ? "." : "", group);
    if (process->runtime.partitions > 1) {
        (void)snprintf(process->name, sizeof process->name,
                       "engine-%.64s.%" PRId64, name,
                       process->runtime.partition);
    } else {
        (void)snprintf(process->name, sizeof process->name, "engine-%.90s",
                       process->writer);
    }
}

static int configure_and_run(struct process *process, int argc, char **argv)
{
    static const struct conf_option no_options[] = {{0}};
    char file[NAME_MAX_BYTES];
    char name[NAME_MAX_BYTES];
    const struct conf_part parts[PARTS] = {
        {bus_amqp_options, &process->amqp},
        {store_conf_options, &process->storage},
        {partitions_options, &process->partitions},
        {runtime_options, &process->runtime},
        {self_options, &process->self},
        {process_options, process},
        {process->ops->options != NULL ? process->ops->options : no_options,
         process->state}};
    const struct conf_file files[] = {
        {"amqp.conf", conf_amqp_sections},
        {"storage.conf", conf_storage_sections},
        {"partitions.conf", conf_partitions_sections},
        {file, NULL}};
    const struct conf_program program = {
        .name = name,
        .summary = "an engine of the monitoring suite Hypervise",
        .description = process->ops->description,
        .parts = parts,
        .n_parts = PARTS,
        .files = files,
        .n_files = sizeof files / sizeof files[0]};
    struct conf *conf;
    int code;

    (void)snprintf(name, sizeof name, "engine-%s", process->ops->name);
    (void)snprintf(file, sizeof file, "engines/%s.conf", process->ops->name);
    code = conf_program_args(&program, argc, argv, &conf);
    if (code != CONF_GO_ON) {
        return code;
    }
    if (take_partitions(process) != ERR_OK) {
        conf_free(conf);
        return EXIT_FAILURE;
    }
    process->reload = (struct reload){
        .program = &program, .argc = argc, .argv = argv, .conf = conf};
    store_conf_complete(&process->storage);
    name_process(process);
    if (process->ops->entries == NULL &&
        process->amqp.message_bytes < HOP_MESSAGE_BYTES) {
        /* An envelope with one large event may pass the limit that is kept
         * towards outsiders. */
        process->amqp.message_bytes = HOP_MESSAGE_BYTES;
    }
    code = run(process);
    conf_free(conf);
    return code;
}

int engine_main(const struct engine_ops *ops, int argc, char **argv)
{
    struct process process = {.ops = ops, .state = xcalloc(1, ops->state_size)};
    int code = configure_and_run(&process, argc, argv);

    free(process.state);
    return code;
}
