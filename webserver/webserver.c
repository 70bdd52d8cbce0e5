/* SPDX-License-Identifier: Apache-2.0 */
/** The webserver's main(): configuration, store and bus, signals, loop. */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/stop.h"
#include "common/bus/bus_amqp.h"
#include "common/bus/partitions.h"
#include "common/conf/conf_program.h"
#include "common/metrics/reload.h"
#include "common/metrics/status_file.h"
#include "common/store/store_conf.h"
#include "webserver/server.h"

enum {
    STEP_MS = 200,
    STORE_RETRY_MS = 1000,
    STORE_PING_MS = 5000,
    DRAIN_MS = 5000 /* for what is under way when told to end */
};

struct process {
    struct reload reload;
    struct web_conf web;
    struct bus_amqp_conf amqp;
    struct store_conf storage;
    struct partitions partitions;
    struct server server;
    struct store *store;
    struct log_complaint store_complaint;
    int64_t store_next_ms;
    struct metric_counter requests, refused, events, actions;
    struct metrics *metrics;
    struct status_file *status;
};

/* Where actions go, and which processes there are. */
static enum err take_partitions(struct process *process)
{
    struct web_conf *web = &process->web;
    struct errbuf why = {0};

    if (partitions_check(&process->partitions, &why) != ERR_OK) {
        log_error("WEB-START", "[partitions] %s: %s", why.field, why.text);
        return ERR_INVALID;
    }
    if (web->alarm_partitions == 1) {
        web->alarm_partitions = partitions_of(&process->partitions, "alarm");
    }
    partitions_spread(&process->partitions, &web->expect);
    return ERR_OK;
}

/* The store may come later, and may be waited for while all else works. */
static enum err try_store(struct process *process)
{
    const struct store_options options = {.uri = process->storage.uri,
                                          .writer = "webserver"};
    struct errbuf why = {0};
    enum err err;

    if (process->store != NULL || clock_mono_ms() < process->store_next_ms) {
        return ERR_OK;
    }
    process->store_next_ms = clock_mono_ms() + STORE_RETRY_MS;
    err = store_open(&options, &process->store, &why);
    if (err == ERR_INVALID) {
        log_error("WEB-STORE", "%s", why.text);
        return err;
    }
    if (err != ERR_OK) {
        process->store = NULL;
        log_complain(&process->store_complaint, "WEB-STORE", "%s", why.text);
    } else {
        log_settled(&process->store_complaint, "WEB-STORE",
                    "the store answers");
    }
    server_set_store(&process->server, process->store, why.text);
    return ERR_OK;
}

static void open_status(struct process *process)
{
    const struct {
        const char *name, *help;
        const struct metric_counter *counter;
    } counters[] = {
        {"hypervise_web_requests_total", "Requests answered",
         &process->requests},
        {"hypervise_web_refused_total", "Requests without a valid key",
         &process->refused},
        {"hypervise_web_events_total", "Events taken in and confirmed",
         &process->events},
        {"hypervise_web_actions_total", "Operator actions sent",
         &process->actions},
    };

    process->metrics = metrics_new();
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        const struct metric_info info = {.name = counters[i].name,
                                         .help = counters[i].help};

        metrics_add_counter(process->metrics, &info, counters[i].counter);
    }
    process->status = status_file_open(process->web.run_folder, "webserver",
                                       process->metrics, clock_now_ms());
    if (process->web.metrics_file) {
        status_file_export(process->status);
    }
}

static void write_status(struct process *process)
{
    const struct web_counts *counts = &process->server.counts;
    struct errbuf why = {0};
    bool ready = server_is_ready(&process->server, &why);

    process->requests.value = counts->requests;
    process->refused.value = counts->refused;
    process->events.value = counts->events;
    process->actions.value = counts->actions;
    if (status_file_write(process->status, ready, why.text, clock_now_ms(),
                          &why) != ERR_OK) {
        log_debug("WEB-STATUS", "%s", why.text);
    }
    /* looked at each second, so that /health knows rates when it is asked */
    health_look(&process->server.health, process->web.run_folder,
                &process->web.expect);
    own_event_look(&process->server, clock_mono_ms());
}

/* Finish what is under way; take nothing new. */
static void drain(struct process *process)
{
    int64_t until_ms = clock_mono_ms() + DRAIN_MS;

    http_quiesce(process->server.http);
    while (http_busy(process->server.http) > 0 && clock_mono_ms() < until_ms) {
        if (server_step(&process->server, STEP_MS) != ERR_OK) {
            return;
        }
    }
}

static void reload(struct process *process)
{
    struct conf_reload *read;

    process->reload.status = process->status;
    if (reload_begin(&process->reload, &read)) {
        conf_reload_swap(read);
        reload_end(&process->reload, read);
    }
}

static int loop(struct process *process)
{
    int64_t status_ms = 0;

    while (!stop_is_asked()) {
        if (try_store(process) != ERR_OK) {
            return EXIT_FAILURE;
        }
        if (stop_take_reload()) {
            reload(process);
            status_ms = 0;
        }
        if (clock_mono_ms() >= status_ms) {
            write_status(process);
            status_ms = clock_mono_ms() + STATUS_WRITE_MS;
        }
        if (server_step(&process->server, STEP_MS) != ERR_OK) {
            log_error("WEB-BUS", "the message bus cannot go on");
            return EXIT_FAILURE;
        }
    }
    drain(process);
    return EXIT_SUCCESS;
}

static int run(struct process *process)
{
    struct bus *bus = bus_amqp_open(&process->amqp, "webserver");
    struct errbuf why = {0};
    int code = EXIT_FAILURE;

    if (server_open(&process->server, &process->web, bus, &why) == ERR_OK) {
        open_status(process);
        log_info("WEB-START", "listening on %s port %d", process->web.listen,
                 http_port(process->server.http));
        code = loop(process);
        server_close(&process->server);
        status_file_close(process->status);
        metrics_free(process->metrics);
        log_info("WEB-STOP", "stopped");
    } else {
        log_error("WEB-LISTEN", "%s", why.text);
    }
    store_close(process->store);
    bus_close(bus);
    return code;
}

int main(int argc, char **argv)
{
    static struct process process;
    const struct conf_part parts[] = {
        {web_options, &process.web},
        {bus_amqp_options, &process.amqp},
        {store_conf_options, &process.storage},
        {partitions_options, &process.partitions},
    };
    const struct conf_file files[] = {
        {"amqp.conf", conf_amqp_sections},
        {"storage.conf", conf_storage_sections},
        {"partitions.conf", conf_partitions_sections},
        {"webserver.conf", NULL}};
    const struct conf_program program = {
        .name = "webserver",
        .summary = "the REST API of the suite",
        .description =
            "Takes events in, shows alarms, entities, metrics and dead\n"
            "letters, and passes operators' actions on to the alarm engine.\n"
            "It keeps what people configure, tells the engines when that\n"
            "changes, reads all else, and answers with JSON.\n"
            "The API is described in docs/api.md.",
        .parts = parts,
        .n_parts = sizeof parts / sizeof parts[0],
        .files = files,
        .n_files = sizeof files / sizeof files[0],
    };
    struct conf *conf;
    int code = conf_program_args(&program, argc, argv, &conf);

    if (code != CONF_GO_ON) {
        return code;
    }
    process.reload = (struct reload){
        .program = &program, .argc = argc, .argv = argv, .conf = conf};
    store_conf_complete(&process.storage);
    if (take_partitions(&process) != ERR_OK) {
        conf_free(conf);
        return EXIT_FAILURE;
    }
    if (sodium_init() < 0) {
        log_error("WEB-START", "the cryptography library does not start");
        return EXIT_FAILURE;
    }
    stop_catch_signals();
    code = run(&process);
    conf_free(conf);
    return code;
}
