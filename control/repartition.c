/* SPDX-License-Identifier: Apache-2.0 */
/** hypcontrol repartition: drain, move, settle, start. */
#include "control/repartition.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/engine/repartition.h"
#include "common/store/store_conf.h"
#include "control/plan.h"
#include "control/queues.h"
#include "control/rewriter.h"
#include "control/run.h"
#include "engines/engines.h"

enum {
    WAIT_MS = 600000,
    QUIET_MS = 300,   /* empty for so long: what was delivered is done too */
    MARKS_MS = 3000,  /* some marks go all the way */
    SETTLE_MS = 3000, /* until the broker has seen that readers are gone */
    TELL_MS = 2000,
    MS_PER_S = 1000,
    WRITER_MAX = 96
};

static const char webserver[] = "webserver";

struct job {
    struct suite *suite;
    const struct repartition_request *request;
    struct plan plan;
    struct repartition change;
    struct store_conf storage;
    struct conf_part part;
    struct conf *conf;
    struct queues *queues;
    int64_t until_ms;
};

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fputs("repartition: ", stdout);
    (void)vprintf(format, args);
    (void)putchar('\n');
    (void)fflush(stdout);
    va_end(args);
}

/* Services of an engine: of its partitions, or of its groups of sources. */

struct names {
    char *list[PARTITIONS_MAX + 1]; /* borrowed from the suite */
    size_t n;
};

static bool is_of_engine(const char *service, const char *engine)
{
    static const char start[] = "engine-";
    size_t len = strlen(engine);
    const char *name = service + sizeof start - 1;

    return str_starts(service, start) && str_starts(name, engine) &&
           (name[len] == '\0' || name[len] == '.');
}

static void add_services(const struct job *job, const char *engine,
                         struct names *names)
{
    const struct conf_list *all = &job->suite->conf.services[SECTION_ENGINES];
    for (size_t i = 0; i < all->n && names->n < PARTITIONS_MAX; i++) {
        if (is_of_engine(all->items[i], engine)) {
            names->list[names->n++] = all->items[i];
        }
    }
}

static struct run run_of(const struct job *job, const struct names *names,
                         const char *title)
{
    return (struct run){.suite = job->suite,
                        .title = title,
                        .names = names->list,
                        .n = names->n,
                        .begun_ms = clock_mono_ms(),
                        .until_ms = job->until_ms};
}

static enum err stop_engine(const struct job *job, const char *engine,
                            struct errbuf *why)
{
    struct names names = {.n = 0};
    add_services(job, engine, &names);
    struct run run = run_of(job, &names, "stop");
    return names.n > 0 ? run_stop(&run, why) : ERR_OK;
}

static enum err start_engine(const struct job *job, const char *engine,
                             struct errbuf *why)
{
    struct names names = {.n = 0};
    add_services(job, engine, &names);
    struct run run = run_of(job, &names, "start");
    return names.n > 0 ? run_start(&run, why) : ERR_OK;
}

typedef enum err engine_fn(struct job *job, const struct engine_ops *ops,
                           struct errbuf *why);

static enum err each_engine(struct job *job,
                            bool (*is)(const struct engine_ops *ops),
                            engine_fn *fn, struct errbuf *why)
{
    enum err err = ERR_OK;
    for (size_t i = 0; all_engines[i] != NULL && err == ERR_OK; i++) {
        if (is(all_engines[i])) {
            err = fn(job, all_engines[i], why);
        }
    }
    return err;
}

/* The order of the way of an event is that of hypcontrol.conf: what does not
 * follow it costs another round, no more. */
static enum err each_hop_in_order(struct job *job, engine_fn *fn,
                                  struct errbuf *why)
{
    const struct conf_list *all = &job->suite->conf.services[SECTION_ENGINES];
    const struct engine_ops *last = NULL;
    enum err err = ERR_OK;
    for (size_t i = 0; i < all->n && err == ERR_OK; i++) {
        for (size_t e = 0; all_engines[e] != NULL && err == ERR_OK; e++) {
            const struct engine_ops *ops = all_engines[e];
            if (ops != last && plan_is_hop(ops) &&
                is_of_engine(all->items[i], ops->name)) {
                last = ops;
                err = fn(job, ops, why);
            }
        }
    }
    return err;
}

/* Stores. */

static enum err open_store(const struct job *job, const char *writer,
                           struct store **store, struct errbuf *why)
{
    const struct store_options options = {.uri = job->storage.uri,
                                          .writer = writer};
    return store_open(&options, store, why);
}

typedef enum err writer_fn(struct job *job, struct store *store,
                           struct errbuf *why);

static enum err with_store(struct job *job, const char *writer, writer_fn *fn,
                           struct errbuf *why)
{
    struct store *store = NULL;
    enum err err = open_store(job, writer, &store, why);
    if (err == ERR_OK) {
        err = fn(job, store, why);
    }
    store_close(store);
    return err;
}

/* Every entry: with SQLite each group of sources has a file of its own. */
static enum err each_entry_store(struct job *job, const struct engine_ops *ops,
                                 writer_fn *fn, struct errbuf *why)
{
    struct names names = {.n = 0};
    enum err err = with_store(job, ops->name, fn, why);
    add_services(job, ops->name, &names);
    for (size_t i = 0; i < names.n && err == ERR_OK; i++) {
        const char *writer = names.list[i] + strlen("engine-");
        if (strcmp(writer, ops->name) != 0) {
            err = with_store(job, writer, fn, why);
        }
    }
    return err;
}

/* Looking. */

static enum err look_entry(struct job *job, struct store *store,
                           struct errbuf *why)
{
    struct repartition_found found;
    struct progress floors;
    progress_init(&floors);
    enum err err = repartition_look(&job->change, store, &floors, &found, why);
    progress_fini(&floors);
    if (err == ERR_OK && found.open[0] != '\0') {
        errbuf_set(why, "engine-%s did not end in order", found.open);
        err = ERR_CONFLICT;
    }
    return err;
}

static enum err look_entry_queue(struct job *job, const char *queue,
                                 struct errbuf *why)
{
    struct bus_queue_state state;
    enum err err = queues_look(job->queues, queue, &state, why);
    if (err == ERR_OK && state.consumers > 0) {
        errbuf_set(why,
                   "%s is still read: stop engine-cleaner on the other "
                   "machines, then run this again",
                   queue);
        err = ERR_INVALID;
    }
    return err;
}

static enum err check_entry(struct job *job, const struct engine_ops *ops,
                            struct errbuf *why)
{
    struct names names = {.n = 0};
    enum err err = each_entry_store(job, ops, look_entry, why);
    add_services(job, ops->name, &names);
    for (size_t i = 0; i < names.n && err == ERR_OK; i++) {
        char *queue = xasprintf("Engine_%s", names.list[i] + strlen("engine-"));
        err = look_entry_queue(job, queue, why);
        free(queue);
    }
    return err;
}

static int64_t before(const struct job *job, const struct engine_ops *ops)
{
    return partitions_of(&job->plan.from, ops->name);
}

static int64_t after(const struct job *job, const struct engine_ops *ops)
{
    return partitions_of(&job->plan.to, ops->name);
}

static enum err check_queues(struct job *job, const struct engine_ops *ops,
                             struct errbuf *why)
{
    enum err err = ERR_OK;
    int n = (int)before(job, ops);
    for (int p = 0; p < n && err == ERR_OK; p++) {
        char queue[BUS_NAME_MAX + 1];
        struct bus_queue_state state;
        err = queues_look(job->queues, bus_queue_name(ops->name, p, n, queue),
                          &state, why);
        if (err == ERR_OK && state.consumers > 0) {
            errbuf_set(why,
                       "%s is still read: stop the engines on the other "
                       "machines, then run this again",
                       queue);
            err = ERR_INVALID;
        } else if (err == ERR_OK && state.messages > 0) {
            errbuf_set(why, "%s still holds %" PRIu64 " messages", queue,
                       state.messages);
            err = ERR_CONFLICT;
        }
    }
    return err;
}

/* What an engine has taken joins floors, unless they are NULL. */
static enum err look_hop(struct job *job, const struct engine_ops *ops,
                         struct progress *floors,
                         struct repartition_found *found, struct errbuf *why)
{
    struct store *store = NULL;
    struct progress none;
    progress_init(&none);
    enum err err = open_store(job, ops->name, &store, why);
    if (err == ERR_OK) {
        err = repartition_look(&job->change, store,
                               floors != NULL ? floors : &none, found, why);
    }
    store_close(store);
    progress_fini(&none);
    if (err == ERR_OK && found->partitions != 0 &&
        found->partitions != before(job, ops)) {
        errbuf_set(why,
                   "%s: the store was written by %" PRId64
                   " partitions, and partitions.conf said %" PRId64,
                   ops->name, found->partitions, before(job, ops));
        err = ERR_INVALID;
    }
    return err;
}

static enum err check_hop(struct job *job, const struct engine_ops *ops,
                          struct errbuf *why)
{
    struct repartition_found found;
    enum err err = check_queues(job, ops, why);
    if (err == ERR_OK) {
        err = look_hop(job, ops, NULL, &found, why);
    }
    if (err == ERR_OK && found.open[0] != '\0') {
        errbuf_set(why, "engine-%s did not end in order", found.open);
        err = ERR_CONFLICT;
    }
    return err;
}

/* Whether nothing is under way. ERR_CONFLICT: something is; ERR_INVALID: it
 * is not ours to end. */
static enum err check_all(struct job *job, struct errbuf *why)
{
    enum err err = each_engine(job, plan_is_entry, check_entry, why);
    return err == ERR_OK ? each_engine(job, plan_is_hop, check_hop, why) : err;
}

/* What has just stopped is seen a moment later. */
static enum err check_settled(struct job *job, struct errbuf *why)
{
    int64_t until_ms = clock_mono_ms() + SETTLE_MS;
    enum err err = check_all(job, why);
    while ((err == ERR_CONFLICT || err == ERR_INVALID) &&
           clock_mono_ms() < until_ms) {
        suite_pause();
        err = check_all(job, why);
    }
    return err;
}

/* Draining. */

/* Messages in the queues of an engine, those of its extras with them. */
static enum err count_waiting(struct job *job, const struct engine_ops *ops,
                              uint64_t *waiting, struct errbuf *why)
{
    int n = (int)before(job, ops);
    enum err err = ERR_OK;
    *waiting = 0;
    for (int p = 0; p < n; p++) {
        char queue[BUS_NAME_MAX + 1];
        struct bus_queue_state state = {.messages = 0};
        err = queues_look(job->queues, bus_queue_name(ops->name, p, n, queue),
                          &state, why);
        *waiting += state.messages;
        for (size_t i = 0;
             err == ERR_OK && ops->extras != NULL && ops->extras[i] != NULL;
             i++) {
            err = queues_look(
                job->queues,
                bus_own_queue_name(ops->extras[i], ops->name, p, n, queue),
                &state, why);
            *waiting += state.messages;
        }
    }
    return err;
}

static enum err wait_empty(struct job *job, const struct engine_ops *ops,
                           struct errbuf *why)
{
    int64_t empty_ms = 0;
    int64_t told_ms = clock_mono_ms();
    for (;;) {
        uint64_t waiting;
        int64_t now_ms = clock_mono_ms();
        enum err err = count_waiting(job, ops, &waiting, why);
        if (err != ERR_OK) {
            return err;
        }
        empty_ms = waiting > 0 ? 0 : empty_ms == 0 ? now_ms : empty_ms;
        if (empty_ms > 0 && now_ms >= empty_ms + QUIET_MS) {
            return ERR_OK;
        }
        if (now_ms > job->until_ms) {
            errbuf_set(why,
                       "engine-%s: %" PRIu64 " messages still wait; give it "
                       "more time with --wait",
                       ops->name, waiting);
            return ERR_UNAVAILABLE;
        }
        if (now_ms > told_ms + TELL_MS) {
            told_ms = now_ms;
            say("engine-%s: %" PRIu64 " messages wait", ops->name, waiting);
        }
        suite_pause();
    }
}

static enum err drain_hop(struct job *job, const struct engine_ops *ops,
                          struct errbuf *why)
{
    enum err err = wait_empty(job, ops, why);
    if (err == ERR_OK) {
        say("engine-%s: drained, stopping", ops->name);
        err = stop_engine(job, ops->name, why);
    }
    return err;
}

static enum err start_one(struct job *job, const struct engine_ops *ops,
                          struct errbuf *why)
{
    return start_engine(job, ops->name, why);
}

static enum err stop_one(struct job *job, const struct engine_ops *ops,
                         struct errbuf *why)
{
    return stop_engine(job, ops->name, why);
}

/* An entry that was killed is started first: so that it ends in order. */
static enum err end_entries(struct job *job, struct errbuf *why)
{
    enum err err = each_engine(job, plan_is_entry, stop_one, why);
    if (err == ERR_OK) {
        struct errbuf said = {{0}, {0}};
        err = each_engine(job, plan_is_entry, check_entry, &said);
    }
    if (err == ERR_CONFLICT) {
        say("engine-cleaner: starting it once more, to end in order");
        err = each_engine(job, plan_is_entry, start_one, why);
        if (err == ERR_OK) {
            err = each_engine(job, plan_is_entry, stop_one, why);
        }
    } else if (err == ERR_INVALID) {
        err = ERR_OK; /* told at the end of the round, if it is still so */
    }
    return err;
}

/* An engine that lost its connection waits for what comes behind the messages
 * it is given again: the next mark, which only a cleaner sends. */
static enum err let_marks_pass(struct job *job, struct errbuf *why)
{
    int64_t until_ms = clock_mono_ms() + MARKS_MS;
    enum err err = each_engine(job, plan_is_hop, start_one, why);
    if (err == ERR_OK) {
        err = each_engine(job, plan_is_entry, start_one, why);
    }
    while (err == ERR_OK && clock_mono_ms() < until_ms) {
        suite_pause();
    }
    return err;
}

static enum err drain_round(struct job *job, struct errbuf *why)
{
    say("stopping the entry: what sources send waits there");
    enum err err = end_entries(job, why);
    if (err == ERR_OK) {
        err = each_engine(job, plan_is_hop, start_one, why);
    }
    if (err == ERR_OK) {
        err = each_hop_in_order(job, drain_hop, why);
    }
    return err == ERR_OK ? check_settled(job, why) : err;
}

static enum err drain(struct job *job, struct errbuf *why)
{
    enum err err = drain_round(job, why);
    while (err == ERR_CONFLICT && clock_mono_ms() < job->until_ms) {
        say("once more: %s", why->text);
        err = let_marks_pass(job, why);
        err = err == ERR_OK ? drain_round(job, why) : err;
    }
    return err;
}

/* Moving. */

static enum err hold_entry(struct job *job, struct store *store,
                           struct errbuf *why)
{
    return repartition_hold(&job->change, store, why);
}

static enum err hold_entries(struct job *job, const struct engine_ops *ops,
                             struct errbuf *why)
{
    return each_entry_store(job, ops, hold_entry, why);
}

static enum err release_entry(struct job *job, struct store *store,
                              struct errbuf *why)
{
    return repartition_release(&job->change, store, why);
}

static enum err release_entries(struct job *job, const struct engine_ops *ops,
                                struct errbuf *why)
{
    return each_entry_store(job, ops, release_entry, why);
}

static enum err move_hop(struct job *job, const struct engine_ops *ops,
                         const struct progress *floors, struct errbuf *why)
{
    struct repartition_move move = {.change = &job->change,
                                    .engine = ops->name,
                                    .to = after(job, ops),
                                    .floors = floors};
    bool done = false;
    int steps = 0;
    enum err err = open_store(job, ops->name, &move.store, why);
    while (err == ERR_OK && !done) {
        err = repartition_step(&move, &done, why);
        steps += !done;
    }
    store_close(move.store);
    if (err == ERR_OK) {
        say("%s: %" PRId64 " -> %" PRId64 " (%d steps)", ops->name,
            before(job, ops), after(job, ops), steps);
    }
    return err;
}

static enum err move_hops(struct job *job, struct errbuf *why)
{
    struct progress floors;
    enum err err = ERR_OK;
    progress_init(&floors);
    for (size_t i = 0; all_engines[i] != NULL && err == ERR_OK; i++) {
        struct repartition_found found;
        if (plan_is_hop(all_engines[i])) {
            err = look_hop(job, all_engines[i], &floors, &found, why);
        }
    }
    for (size_t i = 0; all_engines[i] != NULL && err == ERR_OK; i++) {
        if (plan_is_hop(all_engines[i])) {
            err = move_hop(job, all_engines[i], &floors, why);
        }
    }
    progress_fini(&floors);
    return err;
}

static enum err enter(struct job *job, enum plan_phase phase,
                      struct errbuf *why)
{
    job->plan.phase = phase;
    return plan_write(job->suite->var, &job->plan, why);
}

/* Whether any row of an engine behind the entry was touched already. */
static enum err look_begun(struct job *job, bool *begun, struct errbuf *why)
{
    enum err err = ERR_OK;
    *begun = false;
    for (size_t i = 0; all_engines[i] != NULL && err == ERR_OK; i++) {
        struct repartition_found found;
        if (plan_is_hop(all_engines[i])) {
            err = look_hop(job, all_engines[i], NULL, &found, why);
            *begun |= err == ERR_OK && found.n_rows > 0 &&
                      (found.moving != 0 || found.moved);
        }
    }
    return err;
}

/* While the entries are held nothing can enter, so what is true then stays
 * true: it is looked at once more before anything is moved. ERR_CONFLICT:
 * somebody was quicker, and nothing is held. */
static enum err hold(struct job *job, struct errbuf *why)
{
    struct errbuf said = {{0}, {0}};
    bool begun;
    enum err err = look_begun(job, &begun, why);
    if (err != ERR_OK || begun) {
        return err;
    }
    err = each_engine(job, plan_is_entry, hold_entries, why);
    if (err == ERR_OK) {
        err = check_all(job, why);
    }
    if (err == ERR_OK || err == ERR_UNAVAILABLE) {
        return err;
    }
    return each_engine(job, plan_is_entry, release_entries, &said) == ERR_OK
               ? ERR_CONFLICT
               : ERR_UNAVAILABLE;
}

static enum err move_all(struct job *job, struct errbuf *why)
{
    say("moving what the engines know of their positions");
    enum err err = hold(job, why);
    return err == ERR_OK ? move_hops(job, why) : err;
}

/* Settling. */

/* Where an operator's action is read now: by the row of its alarm. */
struct routing {
    struct store *store;
    int64_t to;
    struct doc_out *out;
};

static enum err find_partition(const struct routing *routing, struct doc action,
                               size_t *found, struct errbuf *why)
{
    const struct store_key key = {.text = doc_str(action, "alarm_id", "")};
    struct doc row = action;
    struct buf bytes;
    buf_init(&bytes, DOC_BYTES_MAX);
    enum err err = store_get(routing->store, STORE_ALARMS, &key, &bytes);
    if (err == ERR_OK) {
        row = (struct doc){(const uint8_t *)bytes.data, (uint32_t)bytes.len};
    } else if (err != ERR_NOT_FOUND) {
        errbuf_set(why, "the store does not tell of alarm %.64s", key.text);
        buf_fini(&bytes);
        return err;
    }
    *found =
        bus_partition(doc_str(row, "_home", doc_str(row, "component", "")),
                      doc_str(row, "connector_name", ""), (size_t)routing->to);
    buf_fini(&bytes);
    return ERR_OK;
}

static enum err route_action(void *ctx, const struct bus_delivery *delivery,
                             char out[BUS_NAME_MAX + 1], struct errbuf *why)
{
    const struct routing *routing = ctx;
    struct doc action = {NULL, 0};
    struct errbuf unread;
    size_t p = 0;
    enum err err = ERR_OK;
    if (doc_from_json(delivery->body, delivery->len, routing->out, &action,
                      &unread) == ERR_OK) {
        err = find_partition(routing, action, &p, why);
    }
    (void)bus_own_queue_name("Engine_alarm.actions", "alarm", (int)p,
                             (int)routing->to, out);
    return err;
}

/* Also between partitions that stay: an action may be another's now. */
static enum err move_actions(struct job *job, const struct engine_ops *ops,
                             const char *extra, struct errbuf *why)
{
    struct routing routing = {.to = after(job, ops)};
    int n = (int)before(job, ops);
    enum err err = open_store(job, ops->name, &routing.store, why);
    routing.out = doc_out_new();
    for (int p = 0; p < n && err == ERR_OK; p++) {
        char queue[BUS_NAME_MAX + 1];
        err = queues_move(job->queues,
                          bus_own_queue_name(extra, ops->name, p, n, queue),
                          route_action, &routing, why);
    }
    doc_out_free(routing.out);
    store_close(routing.store);
    return err;
}

/* Whether a queue of the old number is one of the new number too. */
static bool is_kept(const char *queue, const char *like,
                    const struct engine_ops *ops, int64_t to)
{
    for (int p = 0; p < (int)to; p++) {
        char name[BUS_NAME_MAX + 1];
        if (strcmp(bus_own_queue_name(like, ops->name, p, (int)to, name),
                   queue) == 0) {
            return true;
        }
    }
    return false;
}

static enum err remove_own(struct job *job, const struct engine_ops *ops,
                           const char *like, struct errbuf *why)
{
    int n = (int)before(job, ops);
    enum err err = ERR_OK;
    for (int p = 0; p < n && err == ERR_OK; p++) {
        char queue[BUS_NAME_MAX + 1];
        (void)bus_own_queue_name(like, ops->name, p, n, queue);
        if (is_kept(queue, like, ops, after(job, ops))) {
            continue;
        }
        err = queues_remove(job->queues, queue, why);
        if (err == ERR_CONFLICT) {
            say("left as it is: %s", why->text);
            err = ERR_OK;
        } else if (err == ERR_OK) {
            say("queue %s: deleted", queue);
        }
    }
    return err;
}

/* The main queues have names of another form. */
static enum err remove_main(struct job *job, const struct engine_ops *ops,
                            struct errbuf *why)
{
    int n = (int)before(job, ops);
    int to = (int)after(job, ops);
    enum err err = ERR_OK;
    for (int p = 0; p < n && err == ERR_OK; p++) {
        char queue[BUS_NAME_MAX + 1];
        if (n > 1 && to > 1 && p < to) {
            continue;
        }
        err = queues_remove(job->queues, bus_queue_name(ops->name, p, n, queue),
                            why);
        if (err == ERR_OK) {
            say("queue %s: deleted", queue);
        }
    }
    return err;
}

static enum err settle_hop(struct job *job, const struct engine_ops *ops,
                           struct errbuf *why)
{
    char control[BUS_NAME_MAX + 1];
    char own[BUS_NAME_MAX + 1];
    enum err err = ERR_OK;
    if (before(job, ops) == after(job, ops)) {
        return ERR_OK;
    }
    for (size_t i = 0;
         err == ERR_OK && ops->extras != NULL && ops->extras[i] != NULL; i++) {
        /* One that all partitions share stays what it is. */
        if (strcmp(bus_own_queue_name(ops->extras[i], ops->name, 0, 2, own),
                   ops->extras[i]) == 0) {
            continue;
        }
        err = move_actions(job, ops, ops->extras[i], why);
        if (err == ERR_OK) {
            err = remove_own(job, ops, ops->extras[i], why);
        }
    }
    if (err == ERR_OK && ops->kinds != NULL) {
        (void)snprintf(control, sizeof control, "Engine_%s" BUS_CONTROL_SUFFIX,
                       ops->name);
        err = remove_own(job, ops, control, why);
    }
    return err == ERR_OK ? remove_main(job, ops, why) : err;
}

/* The services are others from here on. */
static enum err open_again(struct job *job, struct errbuf *why)
{
    suite_close(job->suite);
    return suite_open(job->suite, job->request->prefix, why);
}

static enum err configure(struct job *job, struct errbuf *why)
{
    struct buf list;
    buf_init(&list, REWRITER_LIST_MAX);
    plan_list(&job->plan.to, &list);
    say("partitions.conf: engines = %s", buf_str(&list));
    enum err err = rewriter_write(job->request->rewriter, buf_str(&list), why);
    buf_fini(&list);
    if (err == ERR_OK) {
        err = open_again(job, why);
    }
    return err == ERR_OK
               ? supervisor_update(job->suite->supervisor, "engine-", why)
               : err;
}

static bool has_webserver(const struct job *job)
{
    return suite_has_service(job->suite, webserver);
}

static struct names webserver_names(char *name)
{
    return (struct names){.list = {name}, .n = 1};
}

static enum err stop_webserver(struct job *job, struct errbuf *why)
{
    char name[sizeof webserver];
    memcpy(name, webserver, sizeof name);
    struct names names = webserver_names(name);
    struct run run = run_of(job, &names, "stop");
    return has_webserver(job) ? run_stop(&run, why) : ERR_OK;
}

/* While it moves, the webserver would send actions to where nobody reads. */
static enum err settle(struct job *job, struct errbuf *why)
{
    enum err err = configure(job, why);
    if (err == ERR_OK) {
        err = stop_webserver(job, why);
    }
    if (err == ERR_OK) {
        err = each_engine(job, plan_is_hop, settle_hop, why);
    }
    if (err == ERR_OK) {
        err = each_engine(job, plan_is_entry, release_entries, why);
    }
    return err;
}

static enum err start_all(struct job *job, struct errbuf *why)
{
    const struct conf_list *all = &job->suite->conf.services[SECTION_ENGINES];
    struct run run = {.suite = job->suite,
                      .title = "engines",
                      .names = all->items,
                      .n = all->n,
                      .begun_ms = clock_mono_ms(),
                      .until_ms = job->until_ms};
    enum err err = run_start(&run, why);
    if (err == ERR_OK && has_webserver(job)) {
        char name[sizeof webserver];
        memcpy(name, webserver, sizeof name);
        struct names names = webserver_names(name);
        run = run_of(job, &names, webserver);
        err = run_start(&run, why);
    }
    return err;
}

/* Nothing was moved: all goes on as it was. */
static void give_up(struct job *job)
{
    struct errbuf why = {{0}, {0}};
    say("not now: starting everything as it was");
    job->until_ms = clock_mono_ms() + job->suite->conf.wait_ms;
    if (plan_remove(job->suite->var, &why) != ERR_OK ||
        start_all(job, &why) != ERR_OK) {
        say("%s", why.text);
    }
}

/* Everything. */

static enum err start_backends(struct job *job, struct errbuf *why)
{
    const struct conf_list *all = &job->suite->conf.services[SECTION_BACKENDS];
    struct run run = {.suite = job->suite,
                      .title = "backends",
                      .names = all->items,
                      .n = all->n,
                      .begun_ms = clock_mono_ms(),
                      .until_ms = job->until_ms};
    enum err err = suite_supervisor_start(job->suite, why);
    return err == ERR_OK && all->n > 0 ? run_start(&run, why) : err;
}

static enum err drain_and_move(struct job *job, struct errbuf *why)
{
    enum err err = ERR_OK;
    if (job->plan.phase == PLAN_DRAIN) {
        err = drain(job, why);
        if (err != ERR_OK) {
            give_up(job);
            return err;
        }
        err = enter(job, PLAN_MOVE, why);
    }
    if (err == ERR_OK) {
        err = move_all(job, why);
    }
    return err == ERR_OK ? enter(job, PLAN_SETTLE, why) : err;
}

static enum err go(struct job *job, struct errbuf *why)
{
    enum err err = ERR_OK;
    while (err == ERR_OK && job->plan.phase < PLAN_SETTLE) {
        err = drain_and_move(job, why);
        if (err == ERR_CONFLICT && job->plan.phase == PLAN_MOVE) {
            say("something was started meanwhile: %s", why->text);
            err = enter(job, PLAN_DRAIN, why);
        }
    }
    if (err == ERR_OK && job->plan.phase == PLAN_SETTLE) {
        err = settle(job, why);
        err = err == ERR_OK ? enter(job, PLAN_START, why) : err;
    }
    if (err == ERR_OK) {
        say("starting everything");
        err = start_all(job, why);
    }
    return err == ERR_OK ? plan_remove(job->suite->var, why) : err;
}

static enum err read_now(const struct suite *suite,
                         const struct conf_part *part, struct conf **conf,
                         struct errbuf *why)
{
    char *path = suite_etc_path(suite, "partitions.conf");
    *conf = conf_new(part, 1);
    enum err err = conf_read_file(*conf, path, why);
    if (err == ERR_NOT_FOUND) {
        err = ERR_OK;
    }
    free(path);
    return err;
}

static enum err make_plan(struct job *job, struct errbuf *why)
{
    struct partitions now = {{0}};
    const struct conf_part part = {partitions_options, &now};
    struct conf *conf;
    enum err err = read_now(job->suite, &part, &conf, why);
    if (err == ERR_OK && job->request->n == 0) {
        errbuf_set(why, "no change is under way; expected ENGINE=N, as in "
                        "hypcontrol repartition alarm=4");
        err = ERR_INVALID;
    }
    if (err == ERR_OK && suite_has_service(job->suite, "engine-chain")) {
        errbuf_set(why, "engine-chain runs several engines in one process, "
                        "which have no partitions; expected each as a service "
                        "of its own in hypcontrol.conf");
        err = ERR_INVALID;
    }
    if (err == ERR_OK) {
        plan_close(&job->plan);
        err = plan_make(&now, job->request->numbers, job->request->n,
                        clock_now_ms(), &job->plan, why);
    }
    conf_free(conf);
    return err;
}

static enum err find_plan(struct job *job, struct errbuf *why)
{
    enum err err = plan_read(job->suite->var, &job->plan, why);
    if (err == ERR_NOT_FOUND) {
        return make_plan(job, why);
    }
    if (err == ERR_OK &&
        !plan_is_for(&job->plan, job->request->numbers, job->request->n)) {
        struct buf to;
        buf_init(&to, REWRITER_LIST_MAX);
        plan_list(&job->plan.to, &to);
        errbuf_set(why,
                   "a change to \"%.200s\" is under way: run hypcontrol "
                   "repartition without numbers first",
                   buf_str(&to));
        buf_fini(&to);
        err = ERR_INVALID;
    }
    return err;
}

static enum err read_storage(struct job *job, struct errbuf *why)
{
    char *path = suite_etc_path(job->suite, "storage.conf");
    job->part = (struct conf_part){store_conf_options, &job->storage};
    job->conf = conf_new(&job->part, 1);
    enum err err = conf_read_file(job->conf, path, why);
    if (err == ERR_OK) {
        err = conf_read_env(job->conf, why);
    }
    if (err == ERR_OK) {
        store_conf_complete(&job->storage);
    }
    free(path);
    return err;
}

static void tell_engine(struct job *job, const struct engine_ops *ops)
{
    uint64_t waiting = 0;
    struct errbuf why;
    (void)!count_waiting(job, ops, &waiting, &why);
    say("  %s: %" PRId64 " -> %" PRId64 ", %" PRIu64 " messages wait now",
        ops->name, before(job, ops), after(job, ops), waiting);
}

/* What it would do, after what it can check without changing anything. */
static enum err tell(struct job *job, struct errbuf *why)
{
    static const char *const phases[] = {
        "end the engines in order, from the entry on: sources see nothing of "
        "it, their events wait in the entry's queue",
        "move positions, in the store: some rows for each engine",
        "write partitions.conf and the program files, stop the webserver, "
        "move actions to the new queues, delete the old queues",
        "start everything"};
    enum err err = ERR_OK;
    for (size_t i = 0; all_engines[i] != NULL && err == ERR_OK; i++) {
        struct repartition_found found;
        if (plan_is_hop(all_engines[i])) {
            tell_engine(job, all_engines[i]);
            err = look_hop(job, all_engines[i], NULL, &found, why);
        }
    }
    for (int64_t i = job->plan.phase; i <= PLAN_START && err == ERR_OK; i++) {
        say("would %s", phases[i]);
    }
    return err;
}

static enum err prepare(struct job *job, struct errbuf *why)
{
    enum err err = find_plan(job, why);
    if (err == ERR_OK) {
        err = read_storage(job, why);
    }
    if (err == ERR_OK && !job->request->dry_run) {
        err = start_backends(job, why);
    }
    if (err == ERR_OK) {
        err = queues_open(job->suite, &job->queues, why);
    }
    job->change = (struct repartition){job->plan.id, clock_now_ms() / MS_PER_S};
    return err;
}

enum err repartition_run(struct suite *suite,
                         const struct repartition_request *request,
                         struct errbuf *why)
{
    struct job job = {.suite = suite, .request = request};
    job.until_ms =
        clock_mono_ms() + (request->wait_ms > 0 ? request->wait_ms : WAIT_MS);
    enum err err = prepare(&job, why);
    if (err == ERR_OK && request->dry_run) {
        err = tell(&job, why);
    } else if (err == ERR_OK) {
        err = plan_write(suite->var, &job.plan, why);
        err = err == ERR_OK ? go(&job, why) : err;
    }
    queues_close(job.queues);
    conf_free(job.conf);
    plan_close(&job.plan);
    return err;
}
