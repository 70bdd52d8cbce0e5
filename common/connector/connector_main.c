/* SPDX-License-Identifier: Apache-2.0 */
/** The whole of a connector's main(): configuration, loop, spool, broker. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/stop.h"
#include "common/bus/bus_amqp.h"
#include "common/bus/topology.h"
#include "common/conf/conf_program.h"
#include "common/connector/connector_private.h"
#include "common/metrics/reload.h"
#include "common/metrics/status_file.h"

enum {
    NAME_MAX_BYTES = 128,
    PARTS = 3,
    WAIT_MS = 200,   /* signals and timers are seen after it */
    SOON_MS = 20,    /* while it connects, or the broker's socket is full */
    DRAIN_MS = 5000, /* for what waits when it is told to end */
    BEAT_MS = 1000,
    OPEN_FIRST_MS = 200,
    OPEN_MOST_MS = 5000,
    EVENTS_A_TURN = 10000,
    SEGMENT_BYTES = 8 * 1024 * 1024
};

struct process {
    const struct connector_ops *ops;
    void *state;
    struct bus_amqp_conf amqp;
    struct connector_conf conf;
    char name[NAME_MAX_BYTES]; /* "connector-nsca" */
    struct connector_io *io;
    struct bus *bus;
    struct status_file *status;
    struct reload reload;
    bool opened;
    int64_t open_ms; /* not before */
    int64_t open_wait_ms;
    char open_why[CONNECTOR_WHY_MAX];
    int64_t beat_ms;
};

/* NOLINTBEGIN(bugprone-macro-parentheses): members, not values. */
#define OPTION(section_, key_, field_)                                         \
    .section = section_, .key = key_,                                          \
    .offset = offsetof(struct connector_conf, field_)
/* NOLINTEND(bugprone-macro-parentheses) */

static const struct conf_option connector_options[] = {
    {OPTION("connector", "name", name), .type = CONF_STRING, .max = 128,
     .help = "connector_name of the events; the host's name when empty"},
    {OPTION("connector", "spool_dir", spool_dir), .type = CONF_PATH,
     .fallback = HYP_LOCALSTATEDIR "/spool",
     .help = "folder in which the connector makes its own for the spool"},
    {OPTION("connector", "spool_bytes", spool_bytes), .type = CONF_SIZE,
     .fallback = "1G", .min = 1024 * 1024, .max = INT64_C(1) << 40,
     .help = "most that is kept on disk while the broker is away"},
    {OPTION("connector", "self_interval", self_ms), .type = CONF_DURATION,
     .fallback = "60s", .min = 1000, .max = 3600000, .live = true,
     .help = "how often the connector tells how it is, as an event"},
    {OPTION("process", "status_dir", status_dir), .type = CONF_PATH,
     .fallback = STATUS_FOLDER,
     .help = "folder of the file that tells how this process is"},
    {OPTION("process", "metrics_file", metrics_file), .type = CONF_BOOL,
     .fallback = "yes",
     .help = "write NAME.prom beside it every 5 s: metrics for Prometheus"},
    {0}};

/* --- starting ---------------------------------------------------------------
 */

static void try_open(struct process *process)
{
    const struct connector_ops *ops = process->ops;
    int64_t now_ms = clock_mono_ms();
    struct errbuf why = {0};
    enum err err;

    if (process->opened || now_ms < process->open_ms) {
        return;
    }
    err = ops->open(process->state, process->io, &why);
    process->opened = err == ERR_OK;
    if (process->opened) {
        process->open_why[0] = '\0';
        log_info("CONNECTOR-START", "%s listens", process->name);
        return;
    }
    ops->fini(process->state, process->io);
    (void)snprintf(process->open_why, sizeof process->open_why, "%.255s",
                   why.text);
    if (err == ERR_INVALID) {
        log_error("CONNECTOR-CONFIG", "%s: %s", process->name, why.text);
        process->open_ms = INT64_MAX;
        return;
    }
    log_warning("CONNECTOR-OPEN", "%s: %s; trying again in %" PRId64 " ms",
                process->name, why.text, process->open_wait_ms);
    process->open_ms = now_ms + process->open_wait_ms;
    process->open_wait_ms = process->open_wait_ms * 2 < OPEN_MOST_MS
                                ? process->open_wait_ms * 2
                                : OPEN_MOST_MS;
}

/* Listen anew by the other values; by those from before when it cannot be. A
 * port that is in use is waited for, as at the start. */
static bool reopen(struct process *process, struct conf_reload *read,
                   struct errbuf *why)
{
    enum err err;

    if (process->opened) {
        process->ops->fini(process->state, process->io);
        process->opened = false;
    }
    conf_reload_swap(read);
    err = process->ops->open(process->state, process->io, why);
    process->opened = err == ERR_OK;
    process->open_why[0] = '\0';
    process->open_ms = 0;
    process->open_wait_ms = OPEN_FIRST_MS;
    if (err != ERR_OK) {
        process->ops->fini(process->state, process->io);
    }
    if (err == ERR_INVALID) {
        conf_reload_swap(read);
    }
    return err != ERR_INVALID;
}

static void reload(struct process *process)
{
    struct conf_reload *read;
    struct errbuf why = {{0}, {0}};

    if (!reload_begin(&process->reload, &read)) {
        return;
    }
    if (!conf_reload_changes(read, process->ops->options)) {
        conf_reload_swap(read);
    } else if (!reopen(process, read, &why)) {
        reload_refuse(&process->reload, read, why.text);
        return;
    }
    reload_end(&process->reload, read);
}

static bool is_hopeless(const struct process *process)
{
    return !process->opened && process->open_ms == INT64_MAX;
}

/* --- running ----------------------------------------------------------------
 */

static void tell_status(struct process *process)
{
    struct errbuf why = {{0}, {0}};
    struct outlet_state state;
    const char *why_not;

    outlet_get_state(process->io->outlet, &state);
    /* A broker that is away is not ready, but is no reason to start anew. */
    why_not = process->open_why[0] != '\0' ? process->open_why : state.why;
    connector_update_metrics(process->io, &state);
    if (status_file_write(process->status,
                          process->opened && state.ready && !state.full,
                          why_not, clock_now_ms(), &why) != ERR_OK) {
        log_debug("CONNECTOR-STATUS", "%s", why.text);
    }
}

static void take_bus_events(struct process *process)
{
    struct bus_event event = {.kind = BUS_IDLE};

    for (int i = 0; i < EVENTS_A_TURN; i++) {
        if (bus_poll(process->bus, 0, &event) != ERR_OK ||
            event.kind == BUS_IDLE) {
            return;
        }
        outlet_event(process->io->outlet, &event, process->io->mono_ms);
    }
}

static int wait_ms(const struct process *process)
{
    struct outlet_state state;

    outlet_get_state(process->io->outlet, &state);
    return state.ready && state.waiting == 0 ? WAIT_MS : SOON_MS;
}

static void turn(struct process *process)
{
    struct connector_io *io = process->io;
    int fds[2];
    int n = bus_fds(process->bus, fds);

    loop_wait(io->loop, fds, (size_t)n, wait_ms(process));
    io->now_ms = clock_now_ms();
    io->mono_ms = clock_mono_ms();
    take_bus_events(process);
    outlet_pump(io->outlet, io->mono_ms);
    if (io->mono_ms >= process->beat_ms) {
        process->beat_ms = io->mono_ms + BEAT_MS;
        if (process->opened && process->ops->beat != NULL) {
            process->ops->beat(process->state, io);
        }
        connector_tell_self(io, process->opened ? NULL : process->open_why);
    }
    tell_status(process);
}

/* What was taken is on disk anyway; a broker that answers gets it now. */
static void drain(struct process *process)
{
    int64_t end_ms = clock_mono_ms() + DRAIN_MS;
    struct outlet_state state;

    connector_tell_end(process->io);
    outlet_pump(process->io->outlet, clock_mono_ms());
    outlet_get_state(process->io->outlet, &state);
    while (state.ready && !outlet_is_idle(process->io->outlet) &&
           clock_mono_ms() < end_ms) {
        struct bus_event event;

        if (bus_poll(process->bus, SOON_MS, &event) != ERR_OK) {
            return;
        }
        outlet_event(process->io->outlet, &event, clock_mono_ms());
        outlet_pump(process->io->outlet, clock_mono_ms());
        outlet_get_state(process->io->outlet, &state);
    }
}

static int run_loop(struct process *process)
{
    process->open_wait_ms = OPEN_FIRST_MS;
    while (!stop_is_asked() && !is_hopeless(process)) {
        if (stop_take_reload()) {
            reload(process);
        }
        try_open(process);
        turn(process);
    }
    if (process->opened) {
        process->ops->fini(process->state, process->io);
    }
    if (is_hopeless(process)) {
        return EXIT_FAILURE;
    }
    drain(process);
    log_info("CONNECTOR-STOP", "%s stopped", process->name);
    return EXIT_SUCCESS;
}

static int run_spool(struct process *process, struct spool *spool)
{
    char exchange[BUS_NAME_MAX + 1];
    struct outlet *outlet;
    int code;

    process->bus = bus_amqp_open(&process->amqp, process->name);
    (void)bus_exchange_name(process->amqp.exchange_name, BUS_EVENTS, exchange);
    outlet = outlet_new(process->bus, spool, exchange);
    process->io = connector_io_new(process->ops, &process->conf, outlet);
    process->status = status_file_open(process->conf.status_dir, process->name,
                                       process->io->metrics, clock_now_ms());
    if (process->conf.metrics_file) {
        status_file_export(process->status);
    }
    process->reload.status = process->status;
    code = run_loop(process);
    status_file_close(process->status);
    connector_io_free(process->io);
    outlet_free(outlet);
    bus_close(process->bus);
    return code;
}

static int run(struct process *process)
{
    char *folder = xasprintf("%s/%s", process->conf.spool_dir, process->name);
    const struct spool_conf conf = {folder, process->conf.spool_bytes,
                                    SEGMENT_BYTES};
    struct spool *spool = NULL;
    struct errbuf why = {0};
    int code = EXIT_FAILURE;

    stop_catch_signals();
    if (spool_open(&conf, &spool, &why) == ERR_OK) {
        code = run_spool(process, spool);
        spool_close(spool);
    } else {
        log_error("CONNECTOR-SPOOL", "%s: %s", process->name, why.text);
    }
    free(folder);
    return code;
}

static int configure_and_run(struct process *process, int argc, char **argv)
{
    static const struct conf_option no_options[] = {{0}};
    const struct connector_ops *ops = process->ops;
    char file[NAME_MAX_BYTES];
    const struct conf_part parts[PARTS] = {
        {bus_amqp_options, &process->amqp},
        {connector_options, &process->conf},
        {ops->options != NULL ? ops->options : no_options, process->state}};
    const struct conf_file files[] = {{"amqp.conf", conf_amqp_sections},
                                      {file, NULL}};
    const struct conf_program program = {.name = process->name,
                                         .summary = ops->summary,
                                         .description = ops->description,
                                         .parts = parts,
                                         .n_parts = PARTS,
                                         .files = files,
                                         .n_files =
                                             sizeof files / sizeof files[0]};
    struct conf *conf;
    int code;

    (void)snprintf(process->name, sizeof process->name, "connector-%s",
                   ops->name);
    (void)snprintf(file, sizeof file, "connectors/%s.conf", ops->name);
    code = conf_program_args(&program, argc, argv, &conf);
    if (code != CONF_GO_ON) {
        return code;
    }
    process->reload = (struct reload){.program = &program,
                                      .argc = argc,
                                      .argv = argv,
                                      .conf = conf,
                                      .all_live = ops->options};
    code = run(process);
    conf_free(conf);
    return code;
}

int connector_main(const struct connector_ops *ops, int argc, char **argv)
{
    struct process process = {.ops = ops, .state = xcalloc(1, ops->state_size)};
    int code = configure_and_run(&process, argc, argv);

    free(process.state);
    return code;
}
