/* SPDX-License-Identifier: Apache-2.0 */
/** The whole of engine-chain's main(): several engines in one process. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/stop.h"
#include "common/bus/bus_local.h"
#include "common/engine/process.h"
#include "common/metrics/status_file.h"

enum {
    SEATS_MAX = 8,
    STEPS = 256,     /* of one engine before the next has its turn */
    CONNECT_MS = 10, /* between two looks while something connects */
    FDS = 2,
    CHAIN_PARTS = 5
};

/* One of the engines. */
struct seat {
    struct process process;
    struct bus *broker;
    struct bus *bus; /* in front of it */
    enum runtime_result result;
    int64_t wake_ms; /* step it then, whatever comes */
    bool ended;      /* drained */
};

struct chain_conf {
    struct conf_list engines;
};

struct engine_chain {
    struct chain_conf conf;
    struct process_conf own;
    struct bus_amqp_conf amqp; /* read here for the command line's sake: */
    struct store_conf storage; /* each engine has its own */
    struct partitions partitions;
    const struct engine_ops *const *known;
    struct conf *settings;
    struct reload reload;
    struct status_file *status;
    struct bus_hub *hub;
    struct seat seats[SEATS_MAX];
    size_t n;
    struct pollfd fds[SEATS_MAX * FDS];
    size_t owners[SEATS_MAX * FDS]; /* the seat of each */
    nfds_t n_fds;
    int64_t status_ms;
    int64_t stop_ms; /* told to end then; 0: not */
};

static const struct conf_option chain_options[] = {
    {.section = "chain",
     .key = "engines",
     .type = CONF_LIST,
     .offset = offsetof(struct chain_conf, engines),
     .fallback = "cleaner, event-filter, context, alarm",
     .help = "the engines of this process, in the order of the events' way; "
             "each reads its own file, engines/NAME.conf"},
    {0}};

static const char chain_name[] = "engine-chain";

/* Which engines. */

static const struct engine_ops *find_ops(const struct engine_chain *chain,
                                         const char *name)
{
    size_t i = 0;

    while (chain->known[i] != NULL &&
           strcmp(chain->known[i]->name, name) != 0) {
        i++;
    }
    return chain->known[i];
}

static bool is_listed(const struct engine_chain *chain, const char *name,
                      size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(chain->conf.engines.items[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool refuse(const char *what, const char *name, const char *why)
{
    (void)fprintf(stderr, "%s: %s: \"%s\": %s\n", chain_name, what, name, why);
    return false;
}

static bool list_is_valid(const struct engine_chain *chain)
{
    const struct conf_list *list = &chain->conf.engines;

    if (list->n == 0 || list->n > SEATS_MAX) {
        return refuse("[chain] engines", "", "expected 1 to 8 names");
    }
    for (size_t i = 0; i < list->n; i++) {
        if (find_ops(chain, list->items[i]) == NULL) {
            return refuse("[chain] engines", list->items[i],
                          "expected names of engines");
        }
        if (is_listed(chain, list->items[i], i)) {
            return refuse("[chain] engines", list->items[i],
                          "expected each once");
        }
    }
    return true;
}

/* Positions in another partition are not known: what comes again must take
 * the way it took, and here it may come again long after. */
static bool has_partitions(const struct conf_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        size_t len;
        int64_t n;

        if (partitions_parse(list->items[i], &len, &n) && n > 1) {
            return true;
        }
    }
    return false;
}

/* An engine beside the way would be waited for; one before in the list would
 * be handed what it has handed on. */
static bool links_are_valid(const struct engine_chain *chain, size_t i)
{
    const struct process *process = &chain->seats[i].process;
    const struct runtime_conf *conf = &process->runtime;

    if (conf->partitions > 1 || has_partitions(&conf->next) ||
        has_partitions(&conf->side)) {
        return refuse("[partitions] engines", process->name,
                      "expected no partitions, of its own or of an engine that "
                      "it sends to, to be in one process with others");
    }
    if (conf->group != NULL && *conf->group != '\0') {
        return refuse("[engine] group", conf->group,
                      "expected nothing: a group's cleaner is a process of "
                      "its own");
    }
    for (size_t k = 0; k < conf->side.n; k++) {
        if (is_listed(chain, conf->side.items[k], chain->n)) {
            return refuse("[chain] engines", conf->side.items[k],
                          "expected none that is in side of another: nobody "
                          "may wait for it");
        }
    }
    for (size_t k = 0; k < conf->next.n; k++) {
        if (is_listed(chain, conf->next.items[k], i + 1)) {
            return refuse("[chain] engines", conf->next.items[k],
                          "expected it behind the engines that send to it");
        }
    }
    return true;
}

/* CONF_GO_ON or the code to exit with. */
static int configure_seats(struct engine_chain *chain, int argc, char **argv)
{
    const struct conf_part part = {chain_options, &chain->conf};
    int code = CONF_GO_ON;

    if (!list_is_valid(chain)) {
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < chain->conf.engines.n && code == CONF_GO_ON; i++) {
        code = process_configure(&chain->seats[chain->n++].process,
                                 find_ops(chain, chain->conf.engines.items[i]),
                                 &part, argc, argv);
    }
    for (size_t i = 0; i < chain->n && code == CONF_GO_ON; i++) {
        code = links_are_valid(chain, i) ? code : EXIT_FAILURE;
    }
    return code;
}

/* How it is. */

static bool all_ready(const struct engine_chain *chain, struct errbuf *why)
{
    for (size_t i = 0; i < chain->n; i++) {
        const struct process *process = &chain->seats[i].process;
        struct errbuf one;

        if (!runtime_is_ready(process->io, &one)) {
            errbuf_set(why, "%s: %s", process->name, one.text);
            return false;
        }
    }
    return true;
}

static void write_status(struct engine_chain *chain, bool ready,
                         const char *why_not)
{
    struct errbuf why = {{0}, {0}};

    if (status_file_write(chain->status, ready, why_not, clock_now_ms(),
                          &why) != ERR_OK) {
        log_debug("ENGINE-STATUS", "%s", why.text);
    }
}

static void tell(struct engine_chain *chain, int64_t now)
{
    struct errbuf why = {{0}, {0}};

    if (now < chain->status_ms) {
        return;
    }
    chain->status_ms = now + PROCESS_WAIT_MS;
    for (size_t i = 0; i < chain->n; i++) {
        process_tell(&chain->seats[i].process);
    }
    write_status(chain, all_ready(chain, &why), why.text);
}

static void read_again(struct engine_chain *chain)
{
    struct conf_reload *read;

    for (size_t i = 0; i < chain->n; i++) {
        process_reload(&chain->seats[i].process);
    }
    if (reload_begin(&chain->reload, &read)) {
        conf_reload_swap(read);
        reload_end(&chain->reload, read);
    }
    chain->status_ms = 0;
}

/* The loop. */

/* In the order of the way: what one drains must still be taken by the next.
 * When that takes too long, all at once. */
static void stop_in_order(struct engine_chain *chain, int64_t now)
{
    bool late;

    chain->stop_ms = chain->stop_ms > 0 ? chain->stop_ms : now;
    late = now >= chain->stop_ms + RUNTIME_DRAIN_MS;
    for (size_t i = 0; i < chain->n; i++) {
        runtime_stop(chain->seats[i].process.io);
        if (!chain->seats[i].ended && !late) {
            return;
        }
    }
}

static bool is_due(const struct seat *seat, int64_t now)
{
    return !seat->ended &&
           (seat->result == RUNTIME_GO_ON || now >= seat->wake_ms ||
            bus_local_has_news(seat->bus));
}

/* Several steps of one engine, until it is idle. */
static void run_seat(struct seat *seat, int64_t now)
{
    struct engine_io *io = seat->process.io;
    int n = 0;

    log_set_speaker(seat->process.name);
    do {
        seat->result = runtime_step(io, 0);
    } while (seat->result == RUNTIME_GO_ON && ++n < STEPS);
    log_set_speaker("");
    seat->ended = seat->result == RUNTIME_ENDED;
    seat->wake_ms =
        now + runtime_wait_ms(io, runtime_is_ready(io, NULL) ? PROCESS_WAIT_MS
                                                             : CONNECT_MS);
}

/* What ends the process; RUNTIME_GO_ON: nothing. */
static enum runtime_result run_seats(struct engine_chain *chain)
{
    enum runtime_result end = RUNTIME_ENDED;
    int64_t now = clock_mono_ms();

    for (size_t i = 0; i < chain->n; i++) {
        struct seat *seat = &chain->seats[i];

        if (is_due(seat, now)) {
            run_seat(seat, now);
        }
        if (seat->result == RUNTIME_FENCED || seat->result == RUNTIME_FAILED) {
            return seat->result;
        }
        end = seat->ended ? end : RUNTIME_GO_ON;
    }
    return end;
}

static int time_to_wait(const struct engine_chain *chain)
{
    int64_t now = clock_mono_ms();
    int64_t wait = PROCESS_WAIT_MS;

    for (size_t i = 0; i < chain->n; i++) {
        const struct seat *seat = &chain->seats[i];
        int64_t left = seat->wake_ms - now;

        if (is_due(seat, now)) {
            return 0;
        }
        wait = !seat->ended && left < wait ? left : wait;
    }
    return (int)wait;
}

static void gather_fds(struct engine_chain *chain)
{
    chain->n_fds = 0;
    for (size_t i = 0; i < chain->n; i++) {
        int fds[FDS];
        int n = chain->seats[i].ended ? 0 : bus_fds(chain->seats[i].bus, fds);

        for (int k = 0; k < n; k++) {
            chain->owners[chain->n_fds] = i;
            chain->fds[chain->n_fds++] =
                (struct pollfd){.fd = fds[k], .events = POLLIN};
        }
    }
}

/* Wait until one of them has something to do, and mark whose turn it is. */
static void wait_for_all(struct engine_chain *chain)
{
    gather_fds(chain);
    (void)poll(chain->fds, chain->n_fds, time_to_wait(chain));
    for (nfds_t i = 0; i < chain->n_fds; i++) {
        if (chain->fds[i].revents != 0) {
            chain->seats[chain->owners[i]].wake_ms = 0;
        }
    }
}

static int run_loop(struct engine_chain *chain)
{
    enum runtime_result result = RUNTIME_GO_ON;

    while (result == RUNTIME_GO_ON) {
        int64_t now = clock_mono_ms();

        if (stop_is_asked()) {
            stop_in_order(chain, now);
        }
        if (stop_take_reload()) {
            read_again(chain);
        }
        tell(chain, now);
        wait_for_all(chain);
        result = run_seats(chain);
    }
    if (result == RUNTIME_FAILED) {
        return EXIT_FAILURE;
    }
    return result == RUNTIME_FENCED ? PROCESS_EXIT_FENCED : EXIT_SUCCESS;
}

/* Setting up. */

static enum err open_seat(struct engine_chain *chain, struct seat *seat)
{
    struct process *process = &seat->process;
    enum err err;

    log_set_speaker(process->name);
    err = process_open(process);
    if (err == ERR_OK) {
        seat->broker = bus_amqp_open(&process->amqp, process->name);
        seat->bus = bus_local_open(chain->hub, seat->broker);
        seat->result = RUNTIME_GO_ON;
        err = process_start(process, seat->bus, true);
    }
    log_set_speaker("");
    return err;
}

static void close_seats(struct engine_chain *chain)
{
    for (size_t i = 0; i < chain->n; i++) {
        process_end(&chain->seats[i].process);
    }
    for (size_t i = 0; i < chain->n; i++) {
        bus_close(chain->seats[i].bus);
        bus_close(chain->seats[i].broker);
        chain->seats[i].bus = NULL;
        chain->seats[i].broker = NULL;
    }
}

static int run(struct engine_chain *chain)
{
    enum err err = ERR_OK;
    int code = EXIT_FAILURE;

    stop_catch_signals();
    chain->hub = bus_hub_new();
    chain->status = status_file_open(chain->own.status_dir, chain_name, NULL,
                                     clock_now_ms());
    chain->reload.status = chain->status;
    write_status(chain, false, "starting");
    for (size_t i = 0; i < chain->n && err == ERR_OK; i++) {
        err = open_seat(chain, &chain->seats[i]);
    }
    if (err == ERR_OK) {
        code = run_loop(chain);
    } else if (err == ERR_UNAVAILABLE && stop_is_asked()) {
        code = EXIT_SUCCESS;
    }
    close_seats(chain);
    bus_hub_free(chain->hub);
    status_file_close(chain->status);
    return code;
}

/* --check-config looks at the files of all engines, too: read again without
 * it, to know which they are. */
static int check_seats(struct engine_chain *chain,
                       const struct conf_program *program, int argc,
                       char **argv)
{
    char **rest = xcalloc((size_t)argc + 1, sizeof *rest);
    int n = 0;
    int code;

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--check-config") != 0) {
            rest[n++] = argv[i];
        }
    }
    code = n < argc ? conf_program_args(program, n, rest, &chain->settings)
                    : CONF_EXIT_DONE;
    if (code == CONF_GO_ON) {
        code = configure_seats(chain, n, rest);
    }
    free(rest);
    return code == CONF_GO_ON ? CONF_EXIT_DONE : code;
}

static int configure_and_run(struct engine_chain *chain, int argc, char **argv)
{
    const struct conf_part parts[CHAIN_PARTS] = {
        {bus_amqp_options, &chain->amqp},
        {store_conf_options, &chain->storage},
        {partitions_options, &chain->partitions},
        {chain_options, &chain->conf},
        {process_options, &chain->own}};
    const struct conf_file files[] = {
        {"amqp.conf", conf_amqp_sections},
        {"storage.conf", conf_storage_sections},
        {"partitions.conf", conf_partitions_sections},
        {"engines/chain.conf", NULL}};
    const struct conf_program program = {
        .name = chain_name,
        .summary = "several engines of the suite in one process",
        .description =
            "Runs engines that follow each other, each as it runs alone, with "
            "its own file, its own rows and its own status, but hands events "
            "from one to the next in memory instead of by the broker's queues: "
            "less time and less work for each event. Whatever it loses when it "
            "dies is still in the queue that the first of them reads.",
        .parts = parts,
        .n_parts = CHAIN_PARTS,
        .files = files,
        .n_files = sizeof files / sizeof files[0]};
    int code = conf_program_args(&program, argc, argv, &chain->settings);

    if (code == CONF_EXIT_DONE) {
        return check_seats(chain, &program, argc, argv);
    }
    if (code != CONF_GO_ON) {
        return code;
    }
    chain->reload = (struct reload){.program = &program,
                                    .argc = argc,
                                    .argv = argv,
                                    .conf = chain->settings};
    code = configure_seats(chain, argc, argv);
    return code == CONF_GO_ON ? run(chain) : code;
}

int engine_chain_main(const struct engine_ops *const *known, int argc,
                      char **argv)
{
    struct engine_chain *chain = xcalloc(1, sizeof *chain);
    int code;

    chain->known = known;
    code = configure_and_run(chain, argc, argv);
    for (size_t i = 0; i < chain->n; i++) {
        process_free(&chain->seats[i].process);
    }
    conf_free(chain->settings);
    free(chain);
    return code;
}
