/* SPDX-License-Identifier: Apache-2.0 */
/** hyp bench: load on the suite, and how it bears it. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/call.h"
#include "cli/load.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/bus/bus_amqp.h"
#include "common/bus/topology.h"

enum {
    CONNECT_MS = 5000,
    DRAIN_MS = 10000, /* for confirms and changes after the last event */
    ENTRY_MS = 200,
    BATCH_MAX = 1000,
    BATCH_BYTES = 1024 * 1024, /* what one message may hold */
    WINDOW = 1024,             /* messages under way */
    PREFETCH = 1000,
    RATE_MAX = 10000000,
    PERCENT = 100,
    CHANGES_PERCENT = 5, /* what is not told: changes, and the shape */
    COMPONENTS = 100,
    RESOURCES = 10,
    SECOND_MS = 1000
};

#define MOST_OF_ALL 0.999 /* the quantile that is called p99.9 */

static volatile sig_atomic_t stop_asked;

static void on_stop(int number)
{
    (void)number;
    stop_asked = 1;
}

struct bench {
    struct hyp *hyp;
    struct load load;
    int64_t batch, rate, duration_ms;
    bool by_amqp;
    /* the bus: where changes come from, and with --amqp where events go */
    struct bus_amqp_conf amqp;
    struct conf_part part;
    struct conf *conf;
    struct bus *bus;
    char exchange[BUS_NAME_MAX + 1];
    bool in_up, out_up;
    struct doc_out *docs;
    struct buf body;
    bool open[WINDOW];         /* by number: a message that is not confirmed */
    uint64_t oldest, newest;   /* all numbers up to oldest are confirmed */
    int64_t unconfirmed;       /* messages */
    int64_t accepted, refused; /* events */
    int64_t begin_ms, sent_until_ms, told_ms, told_events;
    int code;
};

/* Options. */

static bool number_option(const struct hyp *hyp, const char *name, int64_t most,
                          int64_t *value)
{
    const char *text = hyp_option(hyp, name);

    if (text == NULL || str_to_i64(text, 1, most, value) == ERR_OK) {
        return true;
    }
    hyp_say("--%s: expected a whole number from 1 to %lld", name,
            (long long)most);
    return false;
}

static bool read_shape(const struct hyp *hyp, struct load_shape *shape)
{
    const char *text = hyp_option(hyp, "changes");
    double percent = CHANGES_PERCENT;

    *shape = (struct load_shape){1, COMPONENTS, RESOURCES, 0};
    if (!number_option(hyp, "connectors", LOAD_ENTITIES_MAX,
                       &shape->connectors) ||
        !number_option(hyp, "components", LOAD_ENTITIES_MAX,
                       &shape->components) ||
        !number_option(hyp, "resources", LOAD_ENTITIES_MAX,
                       &shape->resources)) {
        return false;
    }
    if (shape->connectors * shape->components > LOAD_ENTITIES_MAX ||
        shape->connectors * shape->components * shape->resources >
            LOAD_ENTITIES_MAX) {
        hyp_say("connectors x components x resources: expected at most %d",
                LOAD_ENTITIES_MAX);
        return false;
    }
    if (text != NULL && (str_to_double(text, &percent) != ERR_OK ||
                         !(percent >= 0 && percent <= PERCENT))) {
        hyp_say("--changes: expected a percentage from 0 to 100");
        return false;
    }
    shape->changes = percent / PERCENT;
    return true;
}

static bool read_options(struct bench *bench, struct load_shape *shape)
{
    const struct hyp *hyp = bench->hyp;
    const char *text = hyp_option(hyp, "for");

    bench->batch = 1;
    bench->duration_ms = 10 * SECOND_MS;
    bench->by_amqp = hyp_has(hyp, "amqp");
    if (text != NULL &&
        (clock_parse_duration(text, &bench->duration_ms, NULL) != ERR_OK ||
         bench->duration_ms < 1)) {
        hyp_say("--for: expected a duration like 30s or 10m");
        return false;
    }
    return read_shape(hyp, shape) &&
           number_option(hyp, "batch", BATCH_MAX, &bench->batch) &&
           number_option(hyp, "rate", RATE_MAX, &bench->rate);
}

/* The bus. */

static enum err read_conf(struct bench *bench, struct errbuf *why)
{
    const char *folder = place_folder(&bench->hyp->place);
    char *path = xasprintf("%s/amqp.conf", folder);
    enum err err;

    bench->part = (struct conf_part){bus_amqp_options, &bench->amqp};
    bench->conf = conf_new(&bench->part, 1);
    conf_set_folder(bench->conf, folder != NULL ? folder : HYP_SYSCONFDIR);
    err = conf_read_file(bench->conf, path, why);
    if (err == ERR_OK || err == ERR_NOT_FOUND) {
        err = conf_read_env(bench->conf, why);
    }
    if (err == ERR_OK) {
        err = conf_check(bench->conf, why);
    }
    free(path);
    return err;
}

static void take_change(struct bench *bench,
                        const struct bus_delivery *delivery)
{
    struct doc change;

    if (delivery->body != NULL &&
        doc_from_json(delivery->body, delivery->len, bench->docs, &change,
                      NULL) == ERR_OK) {
        struct doc event = doc_sub(change, "event");

        load_answer(&bench->load, doc_str(event, "component", ""),
                    doc_str(event, "resource", ""), clock_mono_ms());
    }
    /* What is lost here is only a latency that is not counted. */
    (void)!bus_ack(bench->bus, delivery->queue, delivery->tag);
}

static void settle(struct bench *bench, const struct bus_event *event)
{
    uint64_t first = event->multiple ? bench->oldest + 1 : event->number;

    for (uint64_t i = first; i <= event->number; i++) {
        if (bench->open[i % WINDOW]) {
            bench->open[i % WINDOW] = false;
            bench->unconfirmed--;
            *(event->kind == BUS_CONFIRMED ? &bench->accepted
                                           : &bench->refused) += bench->batch;
        }
    }
    while (bench->oldest < bench->newest &&
           !bench->open[(bench->oldest + 1) % WINDOW]) {
        bench->oldest++;
    }
}

static void take_event(struct bench *bench, const struct bus_event *event)
{
    switch (event->kind) {
    case BUS_DELIVERY:
        take_change(bench, &event->delivery);
        break;
    case BUS_CONFIRMED:
    case BUS_REFUSED:
        settle(bench, event);
        break;
    case BUS_IN_UP:
        bench->in_up = true;
        break;
    case BUS_OUT_UP:
        bench->out_up = true;
        break;
    case BUS_OUT_LOST:
        hyp_say("the connection to the message broker is lost: what was not "
                "confirmed may or may not have arrived");
        bench->code = HYP_UNREACHABLE;
        break;
    case BUS_IN_LOST:
    case BUS_IDLE:
    case BUS_BLOCKED:
    case BUS_UNBLOCKED:
        break;
    }
}

/* Take what is there; wait at most ms for the first. */
static void poll_bus(struct bench *bench, int ms)
{
    struct bus_event event = {.kind = BUS_IDLE};

    do {
        if (bus_poll(bench->bus, ms, &event) != ERR_OK) {
            bench->code = HYP_UNREACHABLE;
            return;
        }
        take_event(bench, &event);
        ms = 0;
    } while (event.kind != BUS_IDLE);
}

static bool connect_bus(struct bench *bench)
{
    int64_t until_ms = clock_mono_ms() + CONNECT_MS;
    struct errbuf why = {0};
    size_t changes;

    if (read_conf(bench, &why) != ERR_OK) {
        hyp_say("%s", why.text);
        return false;
    }
    (void)bus_exchange_name(bench->amqp.exchange_name, BUS_EVENTS,
                            bench->exchange);
    bench->bus = bus_amqp_open(&bench->amqp, "hyp-bench");
    if (bus_consume(bench->bus, BUS_QUEUE_WATCH, PREFETCH, &changes) !=
        ERR_OK) {
        return false;
    }
    while ((!bench->in_up || !bench->out_up) && bench->code == HYP_DONE &&
           clock_mono_ms() < until_ms) {
        poll_bus(bench, ENTRY_MS);
    }
    if (!bench->in_up || !bench->out_up) {
        hyp_say("the message broker at %s port %lld does not let in (does "
                "another hyp bench run?)",
                bench->amqp.host, (long long)bench->amqp.port);
        return false;
    }
    return true;
}

/* Sending. */

static void make_body(struct bench *bench)
{
    int64_t wall_ms = clock_now_ms(), mono_ms = clock_mono_ms();

    buf_clear(&bench->body);
    for (int64_t i = 0; i < bench->batch; i++) {
        if (i > 0) {
            buf_add_char(&bench->body, '\n');
        }
        load_next(&bench->load, wall_ms, mono_ms, &bench->body);
    }
}

static void send_by_amqp(struct bench *bench)
{
    const struct bus_message message = {
        .exchange = bench->exchange,
        .routing_key = "bench.hyp.check.resource",
        .mandatory = true,
        .properties = {.content_type = "application/json",
                       .message_id = "",
                       .user_id = ""},
        .body = bench->body.data,
        .len = bench->body.len,
    };
    int ms = 0;

    while (bench->newest - bench->oldest == WINDOW ||
           bus_publish(bench->bus, &message, &bench->newest) != ERR_OK) {
        poll_bus(bench, ms);
        ms = 1;
        if (bench->code == HYP_DONE &&
            clock_mono_ms() > bench->sent_until_ms + DRAIN_MS) {
            hyp_say("the message broker takes nothing for %d s",
                    DRAIN_MS / SECOND_MS);
            bench->code = HYP_UNREACHABLE;
        }
        if (bench->code != HYP_DONE || stop_asked) {
            return;
        }
    }
    bench->open[bench->newest % WINDOW] = true;
    bench->unconfirmed++;
}

static void send_by_api(struct bench *bench)
{
    struct api_answer answer;
    int code = call_any(bench->hyp, "/api/v1/events", &bench->body, &answer);

    if (code != HYP_DONE) {
        bench->code = code;
        return;
    }
    if (doc_count(doc_sub(answer.doc, "items")) == 0) {
        bench->code = call_tell_problem(bench->hyp, &answer);
    }
    bench->accepted += doc_i64(answer.doc, "accepted", 0);
    bench->refused += doc_i64(answer.doc, "refused", 0) +
                      doc_i64(answer.doc, "unconfirmed", 0);
    api_answer_fini(&answer);
}

static void tell_progress(struct bench *bench, int64_t now_ms)
{
    if (isatty(STDERR_FILENO) != 1 || now_ms < bench->told_ms + SECOND_MS) {
        return;
    }
    (void)fprintf(stderr,
                  "\r%4" PRId64 " s  %9" PRId64 " events  %7" PRId64
                  "/s  p50 %" PRId64 " ms  p99 %" PRId64 " ms\033[K",
                  (now_ms - bench->begin_ms) / SECOND_MS, bench->accepted,
                  (bench->accepted - bench->told_events) * SECOND_MS /
                      (now_ms - bench->told_ms),
                  load_quantile(&bench->load, 0.5),
                  load_quantile(&bench->load, 0.99));
    bench->told_ms = now_ms;
    bench->told_events = bench->accepted;
}

/* Whether the rate lets the next batch go. */
static bool is_due(const struct bench *bench, int64_t now_ms)
{
    return bench->rate == 0 || bench->load.events * SECOND_MS <=
                                   (now_ms - bench->begin_ms) * bench->rate;
}

static void run_load(struct bench *bench)
{
    int64_t now_ms = clock_mono_ms();

    bench->begin_ms = bench->told_ms = bench->sent_until_ms = now_ms;
    while (bench->code == HYP_DONE && !stop_asked &&
           now_ms < bench->begin_ms + bench->duration_ms) {
        bool due = is_due(bench, now_ms);

        if (due) {
            make_body(bench);
            if (bench->by_amqp) {
                send_by_amqp(bench);
            } else {
                send_by_api(bench);
            }
            bench->sent_until_ms = clock_mono_ms();
        }
        poll_bus(bench, due ? 0 : 1);
        now_ms = clock_mono_ms();
        tell_progress(bench, now_ms);
    }
    bench->sent_until_ms = clock_mono_ms();
}

/* Confirms, and the changes of the last events. */
static void drain(struct bench *bench)
{
    int64_t until_ms = clock_mono_ms() + DRAIN_MS;

    while (bench->code == HYP_DONE && clock_mono_ms() < until_ms &&
           (bench->unconfirmed > 0 || bench->load.pending > 0)) {
        poll_bus(bench, ENTRY_MS);
    }
    if (isatty(STDERR_FILENO) == 1) {
        (void)fputs("\r\033[K", stderr);
    }
}

/* Results. */

static void print_json(const struct bench *bench, double seconds)
{
    const struct load *load = &bench->load;

    (void)printf(
        "{\"by\":\"%s\",\"connectors\":%lld,\"components\":%lld,"
        "\"resources\":%lld,\"changes\":%g,\"batch\":%lld,\"rate\":%lld,"
        "\"seconds\":%.3f,\"sent\":%lld,\"accepted\":%lld,\"refused\":%lld,"
        "\"unconfirmed\":%lld,\"per_second\":%.1f,\"state_changes\":%lld,"
        "\"answered\":%lld,\"unanswered\":%lld,\"latency_ms\":",
        bench->by_amqp ? "amqp" : "api", (long long)load->shape.connectors,
        (long long)load->shape.components, (long long)load->shape.resources,
        load->shape.changes, (long long)bench->batch, (long long)bench->rate,
        seconds, (long long)load->events, (long long)bench->accepted,
        (long long)bench->refused,
        (long long)bench->unconfirmed * (long long)bench->batch,
        (double)bench->accepted / seconds, (long long)load->n_changes,
        (long long)load->n_answered, (long long)load->pending);
    if (load->n_answered == 0) {
        (void)puts("null}");
        return;
    }
    (void)printf("{\"p50\":%lld,\"p99\":%lld,\"p999\":%lld,\"max\":%lld}}\n",
                 (long long)load_quantile(load, 0.5),
                 (long long)load_quantile(load, 0.99),
                 (long long)load_quantile(load, MOST_OF_ALL),
                 (long long)load_quantile(load, 1));
}

static void print_text(const struct bench *bench, double seconds)
{
    const struct load *load = &bench->load;

    (void)printf(
        "%lld events accepted in %.1f s: %.0f a second, by %s, %lld "
        "a %s\n",
        (long long)bench->accepted, seconds, (double)bench->accepted / seconds,
        bench->by_amqp ? "the message bus" : "the API", (long long)bench->batch,
        bench->by_amqp ? "message" : "request");
    if (bench->refused + bench->unconfirmed > 0) {
        (void)printf("%lld refused, %lld not confirmed\n",
                     (long long)bench->refused,
                     (long long)bench->unconfirmed * (long long)bench->batch);
    }
    if (load->n_answered > 0) {
        (void)printf("from sending to the alarm's change: p50 %lld ms, p99 "
                     "%lld ms, p99.9 %lld ms, most %lld ms (%lld changes)\n",
                     (long long)load_quantile(load, 0.5),
                     (long long)load_quantile(load, 0.99),
                     (long long)load_quantile(load, MOST_OF_ALL),
                     (long long)load_quantile(load, 1),
                     (long long)load->n_answered);
    }
    if (load->pending > 0) {
        (void)printf("%lld changes were not told within %d s after the last "
                     "event\n",
                     (long long)load->pending, DRAIN_MS / SECOND_MS);
    }
}

static int finish(const struct bench *bench)
{
    int64_t ms = bench->sent_until_ms - bench->begin_ms;
    double seconds = (double)(ms > 0 ? ms : 1) / SECOND_MS;

    if (bench->hyp->format == FORMAT_JSON) {
        print_json(bench, seconds);
    } else {
        print_text(bench, seconds);
    }
    if (bench->code != HYP_DONE) {
        return bench->code;
    }
    return bench->refused + bench->unconfirmed > 0 ? HYP_PARTLY : HYP_DONE;
}

int cmd_bench(struct hyp *hyp)
{
    const struct sigaction stop = {.sa_handler = on_stop};
    struct bench bench = {.hyp = hyp};
    struct load_shape shape;
    int code = HYP_UNREACHABLE;

    if (!read_options(&bench, &shape)) {
        return HYP_USAGE;
    }
    (void)sigaction(SIGINT, &stop, NULL);
    (void)sigaction(SIGTERM, &stop, NULL);
    load_init(&bench.load, &shape);
    buf_init(&bench.body, BATCH_BYTES);
    bench.docs = doc_out_new();
    if (connect_bus(&bench)) {
        run_load(&bench);
        drain(&bench);
        code = finish(&bench);
    }
    if (bench.bus != NULL) {
        bus_close(bench.bus);
    }
    conf_free(bench.conf);
    doc_out_free(bench.docs);
    buf_fini(&bench.body);
    load_fini(&bench.load);
    return code;
}
