/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Each engine alone: the real engines in one thread on the bus in memory,
 * each run in turn until it has nothing to do, so that the processor time of
 * each is known. "hop" is an engine that only passes on: what the runtime
 * costs. Also fills stores for other benches. Prints JSON.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/bus/bus_memory.h"
#include "common/conf/conf.h"
#include "common/engine/runtime.h"
#include "common/event/event_json.h"
#include "common/store/store_memory.h"
#include "engines/engines.h"
#include "tests/bench/maker.h"
#include "tests/bench/meter.h"

enum {
    STAGES = 8,
    SETS = 16,
    SLICE = 10000, /* events on their way at once */
    COUNT_MAX = 100000000,
    ENTITIES_MAX = 5000000,
    IDLE_STEPS = 3, /* in a row: nothing is left to do */
    IDLE_MS = 100,
    STUCK_MS = 60000,
    SECOND_MS = 1000,
    DECODE_EVENTS = 200000,
    RELAY_BYTES = 64 * 1024, /* as engine_main.c has it */
    EXIT_USAGE = 2
};

static const char usage[] =
    "usage: bench_engine [OPTION...]\n"
    "  --store memory|URI      memory\n"
    "  --engines NAME,...      "
    "cleaner,event-filter,hop,context,perfdata,alarm,eventstore\n"
    "  --entities N            made known first, not measured (100000)\n"
    "  --events N              measured after that (100000)\n"
    "  --changes PERCENT       of the measured, with a new state (5)\n"
    "  --state 0..3            of all entities at first (0)\n"
    "  --set ENGINE.KEY=VALUE  an engine's option\n"
    "  --server PID            whose processor time is told beside\n";

static _Noreturn void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "bench_engine: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

/* An engine that does nothing. */

static enum engine_verdict hop_process(void *state, struct engine_io *io,
                                       const struct event *event,
                                       struct errbuf *why)
{
    (void)state;
    (void)io;
    (void)event;
    (void)why;
    return ENGINE_FORWARD;
}

static const struct engine_ops hop_engine = {
    .name = "hop",
    .description = "Passes every event on.",
    .state_size = 1,
    .process = hop_process,
};

struct stage {
    const struct engine_ops *ops;
    const char *next;
    const char *side;
    void *state;
    struct conf *conf;
    struct runtime_conf runtime;
    struct store *store;
    struct bus *bus;
    struct engine_io *io;
    char queue[BUS_NAME_MAX + 1];
    int64_t ahead_ms;
    struct meter meter;
    struct use use;  /* of the measured events */
    struct use stop; /* of a clean stop */
};

struct bench {
    const char *uri;
    const char *sets[SETS];
    size_t n_sets;
    int64_t entities;
    int64_t events;
    int64_t server_pid;
    struct stage stages[STAGES];
    size_t n_stages;
    struct store_memory *memory;
    struct broker *broker;
    struct maker maker;
};

/* Setting up. */

static const struct engine_ops *find_engine(const char *name)
{
    if (strcmp(name, hop_engine.name) == 0) {
        return &hop_engine;
    }
    for (size_t i = 0; all_engines[i] != NULL; i++) {
        if (strcmp(all_engines[i]->name, name) == 0) {
            return all_engines[i];
        }
    }
    die(name, "no such engine");
}

/* Each is the next of the one before; perfdata is beside it. */
static void add_stages(struct bench *bench, const char *names)
{
    struct stage *before = NULL;
    char *copy = xstrdup(names);
    char *rest = copy;
    const char *name;

    while ((name = strsep(&rest, ",")) != NULL) {
        struct stage *stage = &bench->stages[bench->n_stages++];

        if (bench->n_stages == STAGES) {
            die(names, "too many");
        }
        stage->ops = find_engine(name);
        if (strcmp(name, "perfdata") == 0 && before != NULL) {
            before->side = stage->ops->name;
            continue;
        }
        if (before != NULL) {
            before->next = stage->ops->name;
        }
        before = stage;
    }
    free(copy);
}

static void set_option(const struct stage *stage, const char *section,
                       const char *key, const char *value)
{
    struct errbuf why = {{0}, {0}};

    if (value != NULL &&
        conf_set(stage->conf, section, key, value, &why) != ERR_OK) {
        die(key, why.text);
    }
}

static void configure(const struct bench *bench, struct stage *stage)
{
    static const struct conf_option none[] = {{0}};
    const struct conf_part parts[] = {
        {runtime_options, &stage->runtime},
        {stage->ops->options != NULL ? stage->ops->options : none,
         stage->state}};

    stage->conf = conf_new(parts, 2);
    set_option(stage, "engine", "next", stage->next);
    set_option(stage, "engine", "side", stage->side);
    if (strcmp(stage->ops->name, "context") == 0) {
        /* More entities than one connector should make in an hour. */
        set_option(stage, "context", "new_entities", "0");
    }
    for (size_t i = 0; i < bench->n_sets; i++) {
        char *text = xstrdup(bench->sets[i]);
        char *rest = text;
        const char *engine = strsep(&rest, ".");
        const char *key = strsep(&rest, "=");

        if (key == NULL || rest == NULL) {
            die(bench->sets[i], "expected ENGINE.KEY=VALUE");
        }
        if (strcmp(engine, stage->ops->name) == 0) {
            set_option(stage, engine, key, rest);
        }
        free(text);
    }
}

static struct store *open_store(const struct bench *bench, const char *writer)
{
    const struct store_options options = {.uri = bench->uri, .writer = writer};
    struct errbuf why = {{0}, {0}};
    struct store *store = NULL;

    if (bench->memory != NULL) {
        return store_memory_open(bench->memory, writer);
    }
    if (store_open(&options, &store, &why) != ERR_OK) {
        die(bench->uri, why.text);
    }
    return store;
}

/* Ahead of the wall's by what nobody needs to wait for. */
static int64_t stage_clock(void *ctx)
{
    const struct stage *stage = ctx;

    return clock_now_ms() + stage->ahead_ms;
}

static void start(const struct bench *bench, struct stage *stage)
{
    struct runtime_setup setup = {.ops = stage->ops,
                                  .exchange_prefix = "canopsis",
                                  .user = "hypervise",
                                  .now_ms = stage_clock,
                                  .mono_ms = stage_clock,
                                  .ctx = stage,
                                  .relay_bytes = RELAY_BYTES};
    struct errbuf why = {{0}, {0}};

    stage->meter.server_pid = bench->server_pid;
    stage->state = xcalloc(1, stage->ops->state_size);
    configure(bench, stage);
    stage->store = open_store(bench, stage->ops->name);
    stage->bus = broker_open(bench->broker, stage->ops->name, "hypervise");
    (void)bus_queue_name(stage->ops->name, 0, 1, stage->queue);
    setup.state = stage->state;
    setup.conf = &stage->runtime;
    setup.store = stage->store;
    setup.bus = stage->bus;
    if (runtime_new(&setup, &stage->io, &why) != ERR_OK) {
        die(stage->ops->name, why.text);
    }
}

static void end(struct stage *stage)
{
    runtime_free(stage->io);
    bus_close(stage->bus);
    store_close(stage->store);
    conf_free(stage->conf);
    free(stage->state);
}

/* Running. */

static void give_up(const struct stage *stage, int64_t since_ms)
{
    if (clock_mono_ms() - since_ms > STUCK_MS) {
        die(stage->ops->name, "has been stuck for a minute");
    }
}

/* Until it has nothing to do. */
static void settle(const struct bench *bench, struct stage *stage,
                   struct use *use)
{
    int64_t since_ms = clock_mono_ms();
    size_t depth = broker_depth(bench->broker, stage->queue);
    int idle = 0;

    meter_start(&stage->meter);
    while (idle < IDLE_STEPS || depth > 0) {
        size_t before = depth;
        enum runtime_result result = runtime_step(stage->io, 0);

        if (result != RUNTIME_GO_ON && result != RUNTIME_IDLE) {
            die(stage->ops->name, "has ended");
        }
        if (result == RUNTIME_IDLE) {
            idle++;
            stage->ahead_ms += IDLE_MS; /* acknowledged by then */
        } else {
            idle = 0;
        }
        depth = broker_depth(bench->broker, stage->queue);
        if (depth != before) {
            since_ms = clock_mono_ms();
        } else if (idle > IDLE_STEPS) {
            give_up(stage, since_ms);
        }
    }
    meter_add(&stage->meter, use);
}

/* What is refused costs otherwise, and is not in the store. */
static void check_taken(const struct bench *bench)
{
    struct bus_message message;

    if (broker_peek(bench->broker, "Engine_dead", 0, &message)) {
        struct doc letter = {message.body, (uint32_t)message.len};

        die(doc_str(letter, "engine", "?"), doc_str(letter, "reason", "?"));
    }
}

static void stop(struct stage *stage)
{
    int64_t since_ms = clock_mono_ms();
    enum runtime_result result = RUNTIME_GO_ON;

    meter_start(&stage->meter);
    runtime_stop(stage->io);
    while (result == RUNTIME_GO_ON || result == RUNTIME_IDLE) {
        result = runtime_step(stage->io, 0);
        if (result == RUNTIME_IDLE) {
            give_up(stage, since_ms);
        }
    }
    meter_add(&stage->meter, &stage->stop);
    if (result != RUNTIME_ENDED) {
        die(stage->ops->name, "was fenced");
    }
}

static void publish(struct bench *bench, int64_t n)
{
    char text[MAKER_BYTES + 1];
    const struct bus_message message = {
        .exchange = "canopsis.events",
        .routing_key = "bench.bench1.check.resource.host.disk",
        .properties = {.content_type = "application/json",
                       .message_id = "",
                       .user_id = "bench"},
        .body = text,
        .len = MAKER_BYTES};
    int64_t now_s = clock_now_ms() / SECOND_MS;

    for (int64_t i = 0; i < n; i++) {
        maker_next(&bench->maker, now_s, text);
        if (!broker_publish(bench->broker, &message)) {
            die("publish", "no queue takes it");
        }
    }
}

/* So many events through all stages, each stage alone. */
static void run(struct bench *bench, int64_t n, bool measured)
{
    for (int64_t done = 0; done < n; done += SLICE) {
        publish(bench, n - done < SLICE ? n - done : SLICE);
        for (size_t i = 0; i < bench->n_stages; i++) {
            struct stage *stage = &bench->stages[i];
            struct use ignored = {0};

            check_taken(bench);
            settle(bench, stage, measured ? &stage->use : &ignored);
        }
    }
}

static void nothing_event(void *ctx, uint32_t index, const struct event *event)
{
    (void)ctx;
    (void)index;
    (void)event;
}

static void nothing_refused(void *ctx, uint32_t index, const char *text,
                            size_t len, const struct errbuf *why)
{
    (void)ctx;
    (void)index;
    die("decode", why->text);
    (void)text;
    (void)len;
}

/* Microseconds to decode an event from JSON, without any of the rest. */
static double decode(struct bench *bench)
{
    const struct event_sink sink = {.event = nothing_event,
                                    .refused = nothing_refused};
    struct event_parser *parser = event_parser_new(&event_limits_default);
    char *texts = xmalloc((size_t)SLICE * (MAKER_BYTES + 1));
    struct meter meter = {0};
    struct use use = {0};
    int64_t now_ms;

    for (int64_t i = 0; i < SLICE; i++) {
        maker_next(&bench->maker, clock_now_ms() / SECOND_MS,
                   texts + i * (MAKER_BYTES + 1));
    }
    now_ms = clock_now_ms(); /* as for a batch: once */
    meter_start(&meter);
    for (int64_t i = 0; i < DECODE_EVENTS; i++) {
        (void)event_parse(parser, texts + i % SLICE * (MAKER_BYTES + 1),
                          MAKER_BYTES, now_ms, &sink);
    }
    meter_add(&meter, &use);
    event_parser_free(parser);
    free(texts);
    return use.own / DECODE_EVENTS * 1e6;
}

/* The command line. */

enum long_option {
    OPTION_STORE = 1,
    OPTION_ENGINES,
    OPTION_ENTITIES,
    OPTION_EVENTS,
    OPTION_CHANGES,
    OPTION_STATE,
    OPTION_SET,
    OPTION_SERVER
};

static int64_t number(const char *text, int64_t least, int64_t most)
{
    int64_t value;

    if (str_to_i64(text, least, most, &value) != ERR_OK) {
        (void)fprintf(stderr, "bench_engine: %s: expected %lld to %lld\n%s",
                      text, (long long)least, (long long)most, usage);
        exit(EXIT_USAGE);
    }
    return value;
}

static void read_options(struct bench *bench, int argc, char **argv)
{
    static const struct option options[] = {
        {"store", required_argument, NULL, OPTION_STORE},
        {"engines", required_argument, NULL, OPTION_ENGINES},
        {"entities", required_argument, NULL, OPTION_ENTITIES},
        {"events", required_argument, NULL, OPTION_EVENTS},
        {"changes", required_argument, NULL, OPTION_CHANGES},
        {"state", required_argument, NULL, OPTION_STATE},
        {"set", required_argument, NULL, OPTION_SET},
        {"server", required_argument, NULL, OPTION_SERVER},
        {0}};
    const char *engines =
        "cleaner,event-filter,hop,context,perfdata,alarm,eventstore";
    int64_t changes = 5, state = 0;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case OPTION_STORE:
            bench->uri = optarg;
            break;
        case OPTION_ENGINES:
            engines = optarg;
            break;
        case OPTION_ENTITIES:
            bench->entities = number(optarg, 1, ENTITIES_MAX);
            break;
        case OPTION_EVENTS:
            bench->events = number(optarg, 0, COUNT_MAX);
            break;
        case OPTION_CHANGES:
            changes = number(optarg, 0, 100);
            break;
        case OPTION_STATE:
            state = number(optarg, 0, 3);
            break;
        case OPTION_SET:
            bench->sets[bench->n_sets++ % SETS] = optarg;
            break;
        case OPTION_SERVER:
            bench->server_pid = number(optarg, 1, INT32_MAX);
            break;
        default:
            (void)fputs(usage, stderr);
            exit(EXIT_USAGE);
        }
    }
    add_stages(bench, engines);
    maker_init(&bench->maker, bench->entities, (double)changes / 100,
               (int)state);
}

static void print_use(const char *name, const struct use *use, int64_t n)
{
    double per = n > 0 ? 1e6 / (double)n : 0;

    (void)printf("\"%s\":{\"us\":%.3f,\"server_us\":%.3f,\"wall_us\":%.3f}",
                 name, use->own * per, use->server * per, use->wall * per);
}

static void print_results(struct bench *bench)
{
    (void)printf("{\"bench\":\"engine\",\"store\":\"%.8s\",\"entities\":%lld,"
                 "\"events\":%lld,\"decode_us\":%.3f,\"engines\":{",
                 bench->uri, (long long)bench->entities,
                 (long long)bench->events, decode(bench));
    for (size_t i = 0; i < bench->n_stages; i++) {
        const struct stage *stage = &bench->stages[i];

        (void)printf("%s\"%s\":{", i > 0 ? "," : "", stage->ops->name);
        print_use("event", &stage->use, bench->events);
        (void)putchar(',');
        print_use("stop", &stage->stop, bench->entities);
        (void)putchar('}');
    }
    (void)puts("}}");
}

int main(int argc, char **argv)
{
    struct bench bench = {
        .uri = "memory", .entities = 100000, .events = 100000};

    read_options(&bench, argc, argv);
    if (strcmp(bench.uri, "memory") == 0) {
        bench.memory = store_memory_new();
    }
    bench.broker = broker_new("canopsis");
    for (size_t i = 0; i < bench.n_stages; i++) {
        start(&bench, &bench.stages[i]);
        settle(&bench, &bench.stages[i], &(struct use){0});
    }
    run(&bench, bench.entities, false);
    run(&bench, bench.events, true);
    for (size_t i = 0; i < bench.n_stages; i++) {
        stop(&bench.stages[i]);
    }
    print_results(&bench);
    for (size_t i = 0; i < bench.n_stages; i++) {
        end(&bench.stages[i]);
    }
    broker_free(bench.broker);
    store_memory_free(bench.memory);
    maker_fini(&bench.maker);
    return EXIT_SUCCESS;
}
