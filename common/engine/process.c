/* SPDX-License-Identifier: Apache-2.0 */
/** An engine as a running program has it. */
#include "common/engine/process.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/stop.h"
#include "common/metrics/status_file.h"

enum {
    OPEN_FIRST_MS = 200,
    OPEN_MOST_MS = 5000,
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

static int64_t mono_clock(void *ctx)
{
    (void)ctx;
    return clock_mono_ms();
}

const struct conf_option process_options[] = {
    {.section = "process",
     .key = "status_dir",
     .type = CONF_PATH,
     .offset = offsetof(struct process_conf, status_dir),
     .fallback = STATUS_FOLDER,
     .help = "folder of the file that tells how this process is"},
    {.section = "process",
     .key = "metrics_file",
     .type = CONF_BOOL,
     .offset = offsetof(struct process_conf, metrics_file),
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
static enum err open_store(struct process *process)
{
    const struct store_options options = {.uri = process->storage.uri,
                                          .writer = process->writer};
    struct errbuf why;
    int64_t wait_ms = OPEN_FIRST_MS;
    enum err err = store_open(&options, &process->store, &why);

    while (err == ERR_UNAVAILABLE && !stop_is_asked()) {
        const struct timespec wait = {.tv_sec = wait_ms / 1000,
                                      .tv_nsec = wait_ms % 1000 * 1000000};

        tell_status(process, false, why.text);
        log_warning("ENGINE-STORE", "%s: %s; trying again in %" PRId64 " ms",
                    options.writer, why.text, wait_ms);
        (void)nanosleep(&wait, NULL);
        wait_ms = wait_ms * 2 < OPEN_MOST_MS ? wait_ms * 2 : OPEN_MOST_MS;
        err = store_open(&options, &process->store, &why);
    }
    if (err != ERR_OK && err != ERR_UNAVAILABLE) {
        log_error("ENGINE-STORE", "%s: %s", options.writer, why.text);
    }
    return err;
}

void process_tell(struct process *process)
{
    struct errbuf why = {{0}, {0}};
    int64_t now = clock_mono_ms();
    bool ready;

    if (now < process->status_ms) {
        return;
    }
    process->status_ms = now + PROCESS_WAIT_MS;
    ready = runtime_is_ready(process->io, &why);
    export_update(process->export, process->io, clock_now_ms());
    tell_status(process, ready, why.text);
}

void process_reload(struct process *process)
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
    process->status_ms = 0;
}

enum err process_start(struct process *process, struct bus *bus, bool local)
{
    const struct runtime_setup setup = {
        .ops = process->ops,
        .state = process->state,
        .conf = &process->runtime,
        .self = &process->self,
        .store = process->store,
        .bus = bus,
        .exchange_prefix = process->amqp.exchange_name,
        .user = process->amqp.user,
        .now_ms = wall_clock,
        .mono_ms = mono_clock,
        .burst = BURST,
        .patience_ms = PATIENCE_MS,
        .relay_bytes = RELAY_BYTES,
        .local = local,
    };
    struct errbuf why;
    enum err err = runtime_new(&setup, &process->io, &why);

    if (err == ERR_OK) {
        log_info("ENGINE-START", "%s started", process->name);
    } else {
        process->io = NULL;
        log_error("ENGINE-CONFIG", "%s: %s: %s", process->name, why.field,
                  why.text);
    }
    return err;
}

void process_end(struct process *process)
{
    if (process->io != NULL) {
        runtime_free(process->io);
        process->io = NULL;
        log_info("ENGINE-STOP", "%s stopped", process->name);
    }
}

/* From here on this process tells how it is. */
static void status_open(struct process *process)
{
    process->export = export_new();
    process->status =
        status_file_open(process->conf.status_dir, process->name,
                         export_metrics(process->export), clock_now_ms());
    process->reload.status = process->status;
    if (process->conf.metrics_file) {
        status_file_export(process->status);
    }
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

enum err process_open(struct process *process)
{
    if (!parts_are_valid(process)) {
        return ERR_INVALID;
    }
    status_open(process);
    return open_store(process);
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

static void describe(struct process *process, const struct conf_part *more)
{
    static const struct conf_option no_options[] = {{0}};
    static const struct conf_part nothing = {no_options, NULL};
    const struct engine_ops *ops = process->ops;
    const struct conf_part parts[PROCESS_PARTS] = {
        {bus_amqp_options, &process->amqp},
        {store_conf_options, &process->storage},
        {partitions_options, &process->partitions},
        {runtime_options, &process->runtime},
        {self_options, &process->self},
        {process_options, &process->conf},
        {ops->options != NULL ? ops->options : no_options, process->state},
        more != NULL ? *more : nothing};
    const struct conf_file files[PROCESS_FILES] = {
        {"amqp.conf", conf_amqp_sections},
        {"storage.conf", conf_storage_sections},
        {"partitions.conf", conf_partitions_sections},
        {process->file, NULL}};

    (void)snprintf(process->program_name, sizeof process->program_name,
                   "engine-%s", ops->name);
    (void)snprintf(process->file, sizeof process->file, "engines/%s.conf",
                   ops->name);
    memcpy(process->parts, parts, sizeof parts);
    memcpy(process->files, files, sizeof files);
    process->program = (struct conf_program){
        .name = process->program_name,
        .summary = "an engine of the monitoring suite Hypervise",
        .description = ops->description,
        .parts = process->parts,
        .n_parts = more != NULL ? PROCESS_PARTS : PROCESS_PARTS - 1,
        .files = process->files,
        .n_files = PROCESS_FILES};
}

int process_configure(struct process *process, const struct engine_ops *ops,
                      const struct conf_part *more, int argc, char **argv)
{
    int code;

    *process =
        (struct process){.ops = ops, .state = xcalloc(1, ops->state_size)};
    describe(process, more);
    code = conf_program_args(&process->program, argc, argv, &process->settings);
    if (code != CONF_GO_ON) {
        return code;
    }
    if (take_partitions(process) != ERR_OK) {
        return EXIT_FAILURE;
    }
    process->reload = (struct reload){.program = &process->program,
                                      .argc = argc,
                                      .argv = argv,
                                      .conf = process->settings};
    store_conf_complete(&process->storage);
    name_process(process);
    if (ops->entries == NULL &&
        process->amqp.message_bytes < HOP_MESSAGE_BYTES) {
        /* An envelope with one large event may pass the limit that is kept
         * towards outsiders. */
        process->amqp.message_bytes = HOP_MESSAGE_BYTES;
    }
    return CONF_GO_ON;
}

void process_free(struct process *process)
{
    process_end(process);
    store_close(process->store);
    status_file_close(process->status);
    export_free(process->export);
    conf_free(process->settings);
    free(process->state);
}
