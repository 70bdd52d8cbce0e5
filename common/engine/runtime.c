/* SPDX-License-Identifier: Apache-2.0 */
/** The runtime of an engine: its loop, one small step at a time. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/hash.h"
#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/bus/bus_local.h"
#include "common/bus/partitions.h"
#include "common/engine/runtime_priv.h"

enum {
    BACKOFF_FIRST_MS = 100,
    BACKOFF_MOST_MS = 5000,
    BEAT_MS = 1000,
    DEPTH_MS = 1000,
    PROVE_MS = 1000,
    DECLARE_MS = 1000,
    TURN_MS = 1000,
    TURN_RANDOM_BYTES = 8,
    GATHER_MS = 2,
    DENSE_MS = 100, /* after the batch before: still the same flow */
    ACK_MS = 100,
    ACK_SHARE = 4 /* of the prefetch */
};

#define RUNTIME_OPTION(name_)                                                  \
    .section = "engine", .key = #name_,                                        \
    .offset = offsetof(struct runtime_conf, name_)

const struct conf_option runtime_options[] = {
    {RUNTIME_OPTION(next), .type = CONF_LIST,
     .help = "engines that get what this one passes on; name*N when the "
             "engine has N partitions other than partitions.conf says"},
    {RUNTIME_OPTION(side), .type = CONF_LIST,
     .help = "engines beside the alarm path, never waited for"},
    {RUNTIME_OPTION(group), .type = CONF_STRING, .max = BUS_GROUP_MAX,
     .help = "of a further cleaner: the group of sources whose entry it reads, "
             "what they publish to <exchange_name>.events.<group>"},
    {RUNTIME_OPTION(partition), .type = CONF_INT, .fallback = "0", .min = 0,
     .max = 255, .help = "number of this partition"},
    {RUNTIME_OPTION(partitions), .type = CONF_INT, .fallback = "1", .min = 1,
     .max = 256,
     .help = "partitions of this engine, when not as partitions.conf "
             "says"},
    {RUNTIME_OPTION(batch_max), .live = true, .type = CONF_INT,
     .fallback = "1000", .min = 1, .max = 10000, .unit = "events",
     .help = "events committed together at most"},
    {RUNTIME_OPTION(batch_bytes), .live = true, .type = CONF_SIZE,
     .fallback = "4M", .min = 65536, .max = 12582912,
     .help = "bytes of writes committed together at most"},
    {RUNTIME_OPTION(window), .type = CONF_INT, .fallback = "8", .min = 1,
     .max = 64, .unit = "batches",
     .help = "batches that may wait for their confirms"},
    {RUNTIME_OPTION(prefetch), .type = CONF_INT, .fallback = "2000", .min = 1,
     .max = 10000, .unit = "messages", .help = "entry messages taken ahead"},
    {RUNTIME_OPTION(held_bytes), .live = true, .type = CONF_SIZE,
     .fallback = "32M", .min = 1024, .max = INT64_MAX,
     .help = "nothing more is read while messages taken ahead hold more"},
    {RUNTIME_OPTION(depth_limit), .live = true, .type = CONF_INT,
     .fallback = "1000", .min = 1, .max = 1000000, .unit = "messages",
     .help = "pause while a queue of next holds more than this"},
    {RUNTIME_OPTION(side_bytes), .live = true, .type = CONF_SIZE,
     .fallback = "4G", .min = 1048576, .max = INT64_MAX,
     .help = "a queue of side that holds more gets nothing new"},
    {.section = "engine",
     .key = "fold_interval",
     .type = CONF_DURATION,
     .offset = offsetof(struct runtime_conf, fold_ms),
     .fallback = "60s",
     .min = 1000,
     .max = 3600000,
     .help = "how often counters are folded into rows",
     .live = true},
    {0}};

int64_t runtime_now(const struct engine_io *io)
{
    return io->setup.now_ms(io->setup.ctx);
}

int64_t runtime_mono(const struct engine_io *io)
{
    return io->setup.mono_ms(io->setup.ctx);
}

/* What an engine sees. */

int64_t engine_now_ms(const struct engine_io *io)
{
    return io->now_ms;
}

int64_t engine_chain_ms(const struct engine_io *io)
{
    return chain_ms(&io->chain);
}

int64_t engine_chain_gap_ms(const struct engine_io *io)
{
    return io->chain.gap_ms;
}

const char *engine_user(const struct engine_io *io)
{
    return io->setup.user;
}

struct store *engine_store(const struct engine_io *io)
{
    return io->setup.store;
}

const char *engine_row(const struct engine_io *io)
{
    return io->row;
}

int64_t engine_partition(const struct engine_io *io, int64_t *of)
{
    *of = io->conf->partitions;
    return io->conf->partition;
}

struct store_batch *engine_batch(struct engine_io *io)
{
    return io->writes;
}

struct doc engine_event_doc(const struct engine_io *io)
{
    return io->event_doc;
}

struct doc_out *engine_scratch(struct engine_io *io)
{
    return io->scratch;
}

/* Setting up. */

static enum err add_group(struct engine_io *io, const char *text, bool side,
                          struct errbuf *why)
{
    size_t len;
    char name[BUS_NAME_MAX + 1];
    char queue[BUS_NAME_MAX + 1];
    int64_t partitions;
    struct group *group = &io->groups[io->n_groups];

    if (!partitions_parse(text, &len, &partitions) ||
        partitions > SENDER_TARGETS_MAX / 2 ||
        io->n_groups == RUNTIME_GROUPS_MAX) {
        errbuf_set_field(why, side ? "side" : "next",
                         "\"%s\": expected the name of an engine, or name*N "
                         "with its number of partitions",
                         text);
        return ERR_INVALID;
    }
    memcpy(name, text, len);
    name[len] = '\0';
    *group = (struct group){.first = sender_n_targets(io->sender),
                            .partitions = (size_t)partitions,
                            .side = side};
    for (int p = 0; p < (int)partitions; p++) {
        (void)sender_add_target(
            io->sender, bus_queue_name(name, p, (int)partitions, queue));
    }
    io->n_groups++;
    return ERR_OK;
}

static enum err add_groups(struct engine_io *io, const struct conf_list *list,
                           bool side, struct errbuf *why)
{
    for (size_t i = 0; i < list->n; i++) {
        enum err err = add_group(io, list->items[i], side, why);

        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

static void make_builders(struct engine_io *io)
{
    size_t n = sender_n_targets(io->sender);

    io->builders = xcalloc(n, sizeof(struct envelope_out *));
    io->n_builders = n;
    for (size_t i = 0; i < n; i++) {
        io->builders[i] = envelope_out_new();
    }
}

static enum err declare_targets(struct engine_io *io)
{
    enum err err = bus_declare(io->setup.bus, "Engine_dead");

    if (err == ERR_OK) {
        err = bus_declare(io->setup.bus, "Engine_cleaner"); /* reports */
    }
    for (size_t i = 0; i < sender_n_targets(io->sender) && err == ERR_OK; i++) {
        err = bus_declare(io->setup.bus, sender_target_queue(io->sender, i));
    }
    return err;
}

/* Whether what it gives has positions, which repeats keep. */
static bool is_in_order(enum queue_kind kind)
{
    return kind == QUEUE_HOP || kind == QUEUE_ENTRY;
}

/* Whether something must be here before any of it is taken. */
static bool waits_first(enum queue_kind kind)
{
    return is_in_order(kind) || kind == QUEUE_LOCAL;
}

static enum err read_queue(struct engine_io *io, const char *name,
                           enum queue_kind kind, int prefetch)
{
    struct queue *queue = &io->queues[io->n_queues];

    BUG_IF(io->n_queues == RUNTIME_QUEUES_MAX);
    *queue = (struct queue){.kind = kind,
                            .matching = waits_first(kind),
                            .prefetch = (size_t)prefetch};
    (void)snprintf(queue->name, sizeof queue->name, "%s", name);
    if (kind == QUEUE_ENTRY) {
        queue->entry = xcalloc(1, sizeof *queue->entry);
        (void)snprintf(queue->entry->receipts_row,
                       sizeof queue->entry->receipts_row, "%s/%s", io->row,
                       name);
    }
    io->n_queues++;
    return bus_consume(io->setup.bus, name, prefetch, &queue->bus_number);
}

static const char *group_of(const struct engine_io *io)
{
    return io->conf->group != NULL ? io->conf->group : "";
}

/* The entry of a group stands for all of the engine's own. */
static enum err name_entries(struct engine_io *io, struct errbuf *why)
{
    const char *group = group_of(io);

    io->entries = io->ops->entries;
    if (group[0] == '\0') {
        return ERR_OK;
    }
    if (io->ops->entries == NULL || io->ops->to_exchange ||
        !bus_group_is_valid(group)) {
        errbuf_set_field(why, "group",
                         "\"%s\": expected nothing, or, for a cleaner, a name "
                         "of letters, digits, - and _",
                         group);
        return ERR_INVALID;
    }
    io->group_entries[0] =
        bus_group_name(io->ops->entries[0], group, io->group_entry);
    io->entries = io->group_entries;
    return ERR_OK;
}

/* What the others in this process send to the queue of that name. */
static enum err read_local(struct engine_io *io, const char *queue)
{
    char name[BUS_NAME_MAX + 1];
    int len = snprintf(name, sizeof name, "%s" BUS_LOCAL_SUFFIX, queue);

    BUG_IF(len < 0 || (size_t)len >= sizeof name);
    random_hex(io->turn, TURN_RANDOM_BYTES);
    io->local = &io->queues[io->n_queues];
    return read_queue(io, name, QUEUE_LOCAL, RUNTIME_LOCAL_PREFETCH);
}

static enum err read_queues(struct engine_io *io)
{
    char name[BUS_NAME_MAX + 1];
    enum err err = ERR_OK;

    if (io->entries == NULL) {
        (void)bus_queue_name(io->ops->name, (int)io->conf->partition,
                             (int)io->conf->partitions, name);
        err = read_queue(io, name, QUEUE_HOP, RUNTIME_HOP_PREFETCH);
        return err == ERR_OK && io->setup.local ? read_local(io, name) : err;
    }
    for (size_t i = 0; io->entries[i] != NULL && err == ERR_OK; i++) {
        err = read_queue(io, io->entries[i], QUEUE_ENTRY,
                         (int)io->conf->prefetch);
    }
    return err;
}

/* "Engine_<row>.<more>" */
static char *own_queue_name(const struct engine_io *io, const char *queue,
                            char *out)
{
    return bus_own_queue_name(queue, io->ops->name, (int)io->conf->partition,
                              (int)io->conf->partitions, out);
}

static enum err read_control(struct engine_io *io)
{
    char queue[BUS_NAME_MAX + 1];
    char name[BUS_NAME_MAX + 1];

    (void)snprintf(queue, sizeof queue, "Engine_%s" BUS_CONTROL_SUFFIX,
                   io->ops->name);
    return read_queue(io, own_queue_name(io, queue, name), QUEUE_CONTROL,
                      RUNTIME_CONTROL_PREFETCH);
}

/* Extra queues are served once the main queue has delivered and the state is
 * there: never by a waiting second instance. */
static enum err read_extras(struct engine_io *io)
{
    char name[BUS_NAME_MAX + 1];
    enum err err = ERR_OK;

    io->extras_read = true;
    for (size_t i = 0;
         io->ops->extras != NULL && io->ops->extras[i] != NULL && err == ERR_OK;
         i++) {
        const char *extra = io->ops->extras[i];

        /* What the partitions share is read by the first alone, so that it
         * has one writer. */
        if (strcmp(own_queue_name(io, extra, name), extra) == 0 &&
            io->conf->partition > 0) {
            continue;
        }
        err = read_queue(io, name, QUEUE_EXTRA, (int)io->conf->prefetch);
        io->queues[io->n_queues - 1].extra = i;
    }
    if (err == ERR_OK && io->ops->kinds != NULL) {
        err = read_control(io);
    }
    return err;
}

static void name_row(struct engine_io *io)
{
    if (io->conf->partitions > 1) {
        (void)snprintf(io->row, sizeof io->row, "%s.%" PRId64, io->ops->name,
                       io->conf->partition);
    } else {
        char name[BUS_NAME_MAX + 1];

        (void)snprintf(io->row, sizeof io->row, "%s",
                       bus_group_name(io->ops->name, group_of(io), name));
    }
    memcpy(io->fence.row, io->row, sizeof io->fence.row);
}

enum err runtime_new(const struct runtime_setup *setup, struct engine_io **out,
                     struct errbuf *why)
{
    struct engine_io *io = xcalloc(1, sizeof *io);
    enum err err;

    io->setup = *setup;
    io->ops = setup->ops;
    io->state = setup->state;
    io->conf = setup->conf;
    progress_init(&io->progress);
    io->writes = store_batch_new();
    io->scratch = doc_out_new();
    io->event_out = doc_out_new();
    io->progress_out = doc_out_new();
    io->outbox = envelope_out_new();
    io->outbox_out = doc_out_new();
    io->outbox_row = doc_out_new();
    io->input_envelope = envelope_out_new();
    buf_init(&io->text, 2 * DOC_BYTES_MAX);
    buf_init(&io->contents, ENVELOPE_MESSAGE_MAX);
    buf_init(&io->room, ENVELOPE_BODY_MAX);
    io->inflight = xcalloc((size_t)io->conf->window + 1, sizeof *io->inflight);
    io->store_ok = true;
    io->now_ms = runtime_now(io);
    io->step_ms = runtime_mono(io);
    io->fold_ms = io->step_ms + io->conf->fold_ms;
    metrics_declare(io);
    self_start(io);
    err = io->ops->init != NULL ? io->ops->init(io->state, io, why) : ERR_OK;
    if (err == ERR_OK) {
        err = name_entries(io, why);
    }
    name_row(io);
    io->sender = sender_new(io->entries != NULL ? io->entries[0] : io->row);
    if (err == ERR_OK) {
        err = add_groups(io, &io->conf->next, false, why);
    }
    if (err == ERR_OK) {
        err = add_groups(io, &io->conf->side, true, why);
    }
    if (err == ERR_OK) {
        make_builders(io);
        batch_regroup(io);
        err = declare_targets(io);
    }
    if (err == ERR_OK) {
        err = read_queues(io);
    }
    if (err != ERR_OK) {
        runtime_free(io);
        return err;
    }
    *out = io;
    return ERR_OK;
}

static void held_free(struct held *held)
{
    const struct bus_delivery *delivery = &held->delivery;

    free((void *)(uintptr_t)delivery->exchange);
    free((void *)(uintptr_t)delivery->routing_key);
    free((void *)(uintptr_t)delivery->properties.content_type);
    free((void *)(uintptr_t)delivery->properties.message_id);
    free((void *)(uintptr_t)delivery->properties.user_id);
    free((void *)(uintptr_t)delivery->body);
    free((void *)(uintptr_t)delivery->head);
    free(held);
}

static size_t held_size(const struct held *held)
{
    const struct bus_delivery *delivery = &held->delivery;

    return sizeof *held + delivery->head_len +
           (delivery->body != NULL ? delivery->len : 0);
}

static void drop_held(struct engine_io *io)
{
    while (io->held_head != NULL) {
        struct held *held = io->held_head;

        io->held_head = held->next;
        held_free(held);
    }
    io->held_tail = NULL;
    io->held_bytes = 0;
    for (size_t i = 0; i < io->n_queues; i++) {
        io->queues[i].n_held = 0;
    }
}

void runtime_free(struct engine_io *io)
{
    if (io->ops->fini != NULL) {
        io->ops->fini(io->state);
    }
    drop_held(io);
    for (size_t i = 0; i < io->n_queues; i++) {
        if (io->queues[i].entry != NULL) {
            receipts_fini(&io->queues[i].entry->receipts);
            free(io->queues[i].entry);
        }
    }
    for (size_t i = 0; i < io->n_builders; i++) {
        envelope_out_free(io->builders[i]);
    }
    free(io->builders);
    sender_free(io->sender);
    progress_fini(&io->progress);
    free(io->orphans);
    chain_fini(&io->chain);
    store_batch_free(io->writes);
    doc_out_free(io->scratch);
    doc_out_free(io->event_out);
    doc_out_free(io->progress_out);
    envelope_out_free(io->outbox);
    doc_out_free(io->outbox_out);
    self_end(io);
    doc_out_free(io->outbox_row);
    envelope_out_free(io->input_envelope);
    buf_fini(&io->text);
    buf_fini(&io->contents);
    buf_fini(&io->room);
    free(io->inflight);
    free(io);
}

/* Taking and holding. */

struct queue *runtime_queue(struct engine_io *io, size_t bus_number)
{
    for (size_t i = 0; i < io->n_queues; i++) {
        if (io->queues[i].bus_number == bus_number) {
            return &io->queues[i];
        }
    }
    BUG_IF(true);
}

static void hold(struct engine_io *io, struct queue *queue,
                 const struct bus_delivery *delivery)
{
    struct held *held = xcalloc(1, sizeof *held);
    struct bus_delivery *copy = &held->delivery;

    held->queue = (size_t)(queue - io->queues);
    *copy = *delivery;
    copy->exchange = xstrdup(delivery->exchange);
    copy->routing_key = xstrdup(delivery->routing_key);
    copy->properties.content_type = xstrdup(delivery->properties.content_type);
    copy->properties.message_id = xstrdup(delivery->properties.message_id);
    copy->properties.user_id = xstrdup(delivery->properties.user_id);
    if (delivery->body != NULL) {
        copy->body = xmemdup(delivery->body, delivery->len);
    }
    if (delivery->head != NULL) {
        copy->head = xmemdup(delivery->head, delivery->head_len);
    }
    if (io->held_tail != NULL) {
        io->held_tail->next = held;
    } else {
        io->held_head = held;
    }
    io->held_tail = held;
    io->held_bytes += held_size(held);
    queue->n_held++;
}

static bool is_full(const struct engine_io *io)
{
    return io->events >= (size_t)io->conf->batch_max ||
           store_batch_bytes(io->writes) >= (size_t)io->conf->batch_bytes;
}

bool runtime_may_take(const struct engine_io *io)
{
    return io->phase == PHASE_RUN && !io->committing && !io->paused &&
           !io->stopping && io->n_inflight < (size_t)io->conf->window &&
           !is_full(io) && !objects_hold(io);
}

/* What came again is looked at only when all of it is here. */
static bool is_matching(const struct engine_io *io)
{
    for (size_t i = 0; i < io->n_queues; i++) {
        if (io->queues[i].matching) {
            return true;
        }
    }
    return false;
}

/* Bound what is held; on again when half of it is taken. */
static void bound_held(struct engine_io *io)
{
    size_t most = (size_t)io->conf->held_bytes;
    bool full =
        io->held_bytes > (io->full ? most / 2 : most) && !is_matching(io);

    if (full != io->full) {
        io->full = full;
        engine_gauge(io, "full", full);
        bus_pause(io->setup.bus, full);
    }
}

static void on_delivery(struct engine_io *io,
                        const struct bus_delivery *delivery)
{
    struct queue *queue = runtime_queue(io, delivery->queue);

    if (io->phase == PHASE_WAIT) {
        io->phase = PHASE_FENCE;
    }
    if (io->stopping || io->stale) {
        return; /* comes again, to the next consumer */
    }
    if (io->held_head == NULL && runtime_may_take(io) && !queue->matching) {
        take_delivery(io, (size_t)(queue - io->queues), delivery);
    } else {
        hold(io, queue, delivery);
    }
}

/* The link to the oldest held delivery of a queue that is ready for it; to
 * NULL when there is none. */
static struct held **find_ready(struct engine_io *io, struct held **before)
{
    struct held **at = &io->held_head;

    *before = NULL;
    while (*at != NULL && io->queues[(*at)->queue].matching) {
        *before = *at;
        at = &(*at)->next;
    }
    return at;
}

static bool has_ready(struct engine_io *io)
{
    struct held *before;

    return runtime_may_take(io) && *find_ready(io, &before) != NULL;
}

static bool take_held(struct engine_io *io)
{
    struct held *before;
    struct held **at = find_ready(io, &before);
    struct held *held = *at;

    if (held == NULL || !runtime_may_take(io)) {
        return false;
    }
    *at = held->next;
    if (io->held_tail == held) {
        io->held_tail = before;
    }
    io->queues[held->queue].n_held--;
    io->held_bytes -= held_size(held);
    take_delivery(io, held->queue, &held->delivery);
    held_free(held);
    return true;
}

/* The consuming connection went: its deliveries come again. */
static void on_in_lost(struct engine_io *io)
{
    io->in_up = false;
    io->generation++;
    io->unproven = false;
    io->stale = false;
    io->due = false;
    drop_held(io);
    for (size_t i = 0; i < io->n_queues; i++) {
        struct entry *entry = io->queues[i].entry;

        io->queues[i].taken = (struct taken){0};
        io->queues[i].due = (struct taken){0};
        io->queues[i].matching |= is_in_order(io->queues[i].kind);
        if (entry != NULL) {
            entry->acked = 0; /* may never have arrived */
        }
    }
}

static void on_event(struct engine_io *io, const struct bus_event *event)
{
    switch (event->kind) {
    case BUS_IDLE:
        io->idle_polled = true;
        break;
    case BUS_DELIVERY:
        on_delivery(io, &event->delivery);
        break;
    case BUS_CONFIRMED:
        sender_confirmed(io->sender, event->number, event->multiple);
        break;
    case BUS_REFUSED:
        engine_count(io, "publish_refused", 1);
        io->refused = true;
        sender_refused(io->sender, event->number);
        break;
    case BUS_IN_UP:
        io->in_up = true;
        break;
    case BUS_IN_LOST:
        on_in_lost(io);
        break;
    case BUS_OUT_UP:
        io->out_up = true;
        break;
    case BUS_OUT_LOST:
        io->out_up = false;
        sender_lost(io->sender);
        break;
    case BUS_BLOCKED:
    case BUS_UNBLOCKED:
        engine_gauge(io, "blocked", event->kind == BUS_BLOCKED);
        break;
    }
}

/* Acting: each of these does one thing and tells whether it did. */

static void back_off(struct engine_io *io, enum err err, const char *what)
{
    io->store_ok = false;
    log_complain(&io->store_complaint, "ENGINE-STORE",
                 "%s: %s: store %s; waiting", io->row, what, err_name(err));
    io->backoff_ms =
        io->backoff_ms == 0 ? BACKOFF_FIRST_MS : 2 * io->backoff_ms;
    if (io->backoff_ms > BACKOFF_MOST_MS) {
        io->backoff_ms = BACKOFF_MOST_MS;
    }
    io->retry_ms = runtime_mono(io) + io->backoff_ms;
}

/* Judge a store call of the runtime's own: true when it is done. */
static bool store_done(struct engine_io *io, enum err err, const char *what)
{
    if (err == ERR_OK) {
        io->backoff_ms = 0;
        io->store_ok = true;
        log_settled(&io->store_complaint, "ENGINE-STORE", "%s: store is back",
                    io->row);
        return true;
    }
    if (err == ERR_FENCED) {
        log_error("ENGINE-FENCED",
                  "%s: another process took over; this one ends", io->row);
        io->phase = PHASE_FENCED;
    } else {
        back_off(io, err, what);
    }
    return false;
}

/* A process that stalled with deliveries in its socket may have lost its place
 * to another one, which took them all since: its receipts are proven and gone,
 * so nothing would tell that they are old. Who is still attached now that the
 * fence is raised has them alone. */
static void drop_stale(struct engine_io *io)
{
    for (size_t i = 0; i < io->n_queues && io->in_up && !io->stale; i++) {
        const struct queue *queue = &io->queues[i];

        io->stale = queue->entry != NULL &&
                    bus_prove(io->setup.bus, queue->bus_number) != ERR_OK;
    }
    if (io->stale) {
        drop_held(io);
    }
}

static bool act_take_over(struct engine_io *io)
{
    if (io->phase == PHASE_FENCE) {
        enum err err = load_fence(io);

        if (io->phase != PHASE_FAILED && store_done(io, err, "taking over")) {
            drop_stale(io);
            io->phase = PHASE_LOAD;
        }
        return true;
    }
    if (io->phase == PHASE_LOAD) {
        if (store_done(io, load_state(io), "reading the state") &&
            store_done(io, read_extras(io), "reading extra queues")) {
            io->phase = PHASE_RUN;
        }
        return true;
    }
    return false;
}

/* What is left of ms that began at since. */
static int64_t left_ms(const struct engine_io *io, int64_t since, int64_t ms)
{
    int64_t past = io->step_ms - since;

    return past < ms ? ms - past : 0;
}

/* How long the open batch may still wait for more: while the one before it is
 * not confirmed, so that one event alone never waits and many go together; and
 * where many come, for as long as suits the store. */
static int64_t gathers_ms(const struct engine_io *io)
{
    int64_t most = io->n_inflight > 0 ? GATHER_MS : 0;

    if (!io->open || io->committing || io->stopping) {
        return 0;
    }
    if (io->local != NULL) {
        most = 0; /* its sender has gathered */
    }
    if (io->ops->patient && io->setup.patience_ms > most) {
        most = io->setup.patience_ms;
    }
    if (io->dense && left_ms(io, io->dense_ms, DENSE_MS) > 0 &&
        store_gather_ms(io->setup.store) > most) {
        most = store_gather_ms(io->setup.store);
    }
    return left_ms(io, io->open_ms, most);
}

static bool act_commit(struct engine_io *io)
{
    if (io->phase != PHASE_RUN || !io->open) {
        return false;
    }
    if (!io->committing) {
        /* What is here already joins: a batch of its own for each held
         * message would never catch up. */
        if (!is_full(io) &&
            (!io->idle_polled || has_ready(io) || gathers_ms(io) > 0)) {
            return false;
        }
        batch_begin_commit(io);
    }
    (void)store_done(io, batch_commit(io), "commit");
    return true;
}

/* Several in a row go as one piece over the network. */
static bool act_publish(struct engine_io *io)
{
    int n = 0;

    while (io->out_up && sender_step(io->sender, io->setup.bus) == ERR_OK &&
           ++n < io->setup.burst) {
    }
    return n > 0;
}

/* What a batch took joins what is to be acknowledged. */
static void make_due(struct engine_io *io, const struct inflight *inflight)
{
    for (size_t q = 0; q < io->n_queues; q++) {
        struct taken *due = &io->queues[q].due;

        if (inflight->taken[q].tag > 0) {
            due->n += inflight->taken[q].n;
            due->tag = inflight->taken[q].tag;
            due->last_n = inflight->taken[q].last_n;
            io->due_ms = io->due ? io->due_ms : io->step_ms;
            io->due = true;
        }
    }
}

static bool act_confirmed(struct engine_io *io)
{
    struct inflight *inflight = &io->inflight[io->inflight_head];

    if (io->n_inflight == 0 ||
        sender_oldest_batch(io->sender) <= inflight->batch) {
        return false;
    }
    if (inflight->generation == io->generation) {
        make_due(io, inflight);
    }
    progress_confirmed(&io->progress, inflight->batch);
    io->inflight_head =
        (io->inflight_head + 1) % (size_t)(io->conf->window + 1);
    io->n_inflight--;
    return true;
}

/* Whether an acknowledgement may not wait. */
static bool is_pressing(const struct engine_io *io)
{
    if (io->stopping || objects_hold(io) ||
        left_ms(io, io->due_ms, ACK_MS) == 0) {
        return true;
    }
    for (size_t q = 0; q < io->n_queues; q++) {
        const struct queue *queue = &io->queues[q];

        if (queue->due.n * ACK_SHARE >= queue->prefetch) {
            return true;
        }
    }
    return false;
}

/* To the broker an acknowledgement is as dear as a message, and nobody waits
 * for it: one goes for several batches, early enough that the broker always
 * has more to deliver. */
static bool act_acknowledge(struct engine_io *io)
{
    if (!io->due || !is_pressing(io)) {
        return false;
    }
    for (size_t q = 0; q < io->n_queues; q++) {
        struct queue *queue = &io->queues[q];
        struct taken due = queue->due;

        queue->due = (struct taken){0};
        if (due.tag > 0 &&
            bus_ack(io->setup.bus, queue->bus_number, due.tag) == ERR_OK &&
            queue->entry != NULL) {
            queue->entry->acked = due.last_n;
        }
    }
    io->due = false;
    io->unproven = io->entries != NULL;
    return true;
}

/* Once a second: which acknowledgements have surely arrived. */
static bool act_prove(struct engine_io *io)
{
    int64_t now = io->step_ms;

    /* Its answer comes behind all deliveries, so not while they wait. */
    if (!io->unproven || now < io->prove_ms || !io->in_up || io->full) {
        return false;
    }
    io->prove_ms = now + PROVE_MS;
    for (size_t i = 0; i < io->n_queues; i++) {
        struct queue *queue = &io->queues[i];

        if (bus_prove(io->setup.bus, queue->bus_number) != ERR_OK) {
            return true;
        }
        if (queue->entry != NULL && queue->entry->acked > 0) {
            queue->entry->proven = queue->entry->acked;
        }
    }
    io->unproven = false;
    return true;
}

/* Marks go into every entry queue, from waiting instances too. */
static bool act_mark(struct engine_io *io)
{
    int64_t now = io->step_ms;
    struct doc doc;

    if (io->entries == NULL || !io->out_up || now < io->mark_ms ||
        io->stopping) {
        return false;
    }
    io->mark_ms = now + CHAIN_MARK_MS;
    for (size_t i = 0; io->entries[i] != NULL; i++) {
        uint64_t number;
        struct bus_message message = {
            .exchange = "",
            .routing_key = io->entries[i],
            .properties = {.content_type = ENGINE_MARK_CONTENT_TYPE,
                           .message_id = ""}};

        doc_out_reset(io->event_out);
        doc_add_i64(io->event_out, "t", runtime_now(io));
        doc_add_str(io->event_out, "q", io->entries[i]);
        doc = doc_out_done(io->event_out);
        message.body = doc.data;
        message.len = doc.len;
        /* One that is lost is followed by the next. */
        (void)!bus_publish(io->setup.bus, &message, &number);
    }
    return true;
}

/* Whether what is in the broker's queue of a hop that reads others in this
 * process, too, is to be told apart from what comes later. */
static bool waits_for_turn(const struct engine_io *io)
{
    return io->local != NULL && (io->local->matching || io->queues[0].matching);
}

/* A message of this life into the own queue at the broker. When it comes back,
 * all that was there before has come: what an earlier life of a sender left
 * must be taken before what the sender hands over now, for its newer epoch
 * makes the older one void. And nothing else may ever come there that ends the
 * wait for what comes again. While it does not come back, another process may
 * read the queue: one of the two is fenced, and an empty commit tells. */
static bool act_turn(struct engine_io *io)
{
    const struct bus_message message = {
        .exchange = "",
        .routing_key = io->queues[0].name,
        .properties = {.content_type = ENGINE_TURN_CONTENT_TYPE,
                       .message_id = io->turn},
        .body = "",
        .len = 0};
    uint64_t number;

    if (io->phase != PHASE_RUN || io->stopping || !io->in_up || !io->out_up ||
        !waits_for_turn(io) || io->step_ms < io->turn_ms) {
        return false;
    }
    if (io->turn_ms > 0 && !io->committing &&
        io->n_inflight < (size_t)io->conf->window) {
        batch_open(io);
    }
    io->turn_ms = io->step_ms + TURN_MS;
    /* One that is lost is followed by the next. */
    (void)!bus_publish(io->setup.bus, &message, &number);
    return true;
}

static void set_shedding(struct engine_io *io, struct group *group, bool on)
{
    if (group->shedding != on) {
        group->shedding = on;
        batch_regroup(io);
    }
}

/* Bytes that wait in a group's queues, roughly; whether one of them holds more
 * messages than the limit. ERR_UNAVAILABLE: the broker does not say. */
static enum err look_at(struct engine_io *io, const struct group *group,
                        uint64_t *bytes, bool *deep)
{
    uint64_t limit = (uint64_t)io->conf->depth_limit;

    for (size_t p = 0; p < group->partitions; p++) {
        size_t target = group->first + p;
        size_t mean = sender_mean_bytes(io->sender, target);
        uint64_t depth = 0;

        if (bus_depth(io->setup.bus, sender_target_queue(io->sender, target),
                      &depth) != ERR_OK) {
            return ERR_UNAVAILABLE;
        }
        *bytes += depth * mean;
        *deep |= depth > (io->paused ? limit / 2 : limit);
        io->depth_known &= depth == 0 || mean > 0;
    }
    return ERR_OK;
}

/* Pressure: look at the queues written to; pause, or shed the side. */
static bool act_depth(struct engine_io *io)
{
    int64_t now = io->step_ms;
    bool deep = false;

    if (!io->out_up || io->n_groups == 0 || now < io->depth_ms) {
        return false;
    }
    io->depth_ms = now + DEPTH_MS;
    io->depth_known = true;
    for (size_t i = 0; i < io->n_groups; i++) {
        struct group *group = &io->groups[i];
        uint64_t bytes = 0;
        bool group_deep = false;

        if (look_at(io, group, &bytes, &group_deep) != ERR_OK) {
            io->depth_known = false;
            return true;
        }
        if (group->side) {
            set_shedding(io, group, bytes > (uint64_t)io->conf->side_bytes);
        } else {
            deep |= group_deep;
        }
    }
    engine_gauge(io, "paused", deep);
    io->paused = deep;
    return true;
}

/* A queue that somebody deleted is made again: what is for it would be
 * returned for ever. */
static bool act_declare(struct engine_io *io)
{
    int64_t now = io->step_ms;

    if (!io->refused || !io->out_up || now < io->declare_ms) {
        return false;
    }
    io->refused = false;
    io->declare_ms = now + DECLARE_MS;
    (void)!declare_targets(io);
    return true;
}

static bool outbox_is_behind(const struct engine_io *io)
{
    return sender_outbox_confirmed(io->sender) > io->published;
}

/* About once a second: the engine's timers, as part of a batch. */
static bool act_beat(struct engine_io *io)
{
    int64_t now = io->step_ms;

    if (io->phase != PHASE_RUN || io->committing || io->stopping ||
        now < io->beat_ms || io->n_inflight >= (size_t)io->conf->window) {
        return false;
    }
    io->beat_ms = now + BEAT_MS;
    io->now_ms = runtime_now(io);
    io->fold_due |= io->ops->fold != NULL && now >= io->fold_ms;
    report_beat(io);
    if (io->ops->beat != NULL) {
        io->ops->beat(io->state, io);
    }
    if (io->fold_due || outbox_is_behind(io) ||
        store_batch_count(io->writes) > 0) {
        batch_open(io);
    }
    return true;
}

/* Draining: fold, commit, publish, acknowledge; say so in a last commit; then
 * the end. */
static bool act_drain(struct engine_io *io)
{
    if (!io->stopping || io->phase != PHASE_RUN || io->open ||
        io->n_inflight >= (size_t)io->conf->window) {
        return false;
    }
    if (!io->fold_done) {
        io->fold_done = true;
        io->fold_due = io->ops->fold != NULL;
    }
    if (io->fold_due || outbox_is_behind(io)) {
        batch_open(io);
        return true;
    }
    if (!io->drained && io->n_inflight == 0 && sender_is_idle(io->sender)) {
        io->drained = true;
        batch_open(io);
        return true;
    }
    return false;
}

static bool is_drained(const struct engine_io *io)
{
    bool done = !io->open && io->n_inflight == 0 && !io->due &&
                sender_is_idle(io->sender) && !outbox_is_behind(io) &&
                (io->drained || io->phase != PHASE_RUN);

    return io->stopping &&
           (done || runtime_mono(io) >= io->stop_ms + RUNTIME_DRAIN_MS);
}

static bool act(struct engine_io *io)
{
    if (io->step_ms >= io->retry_ms &&
        (act_take_over(io) || act_commit(io) || objects_step(io))) {
        return true;
    }
    return act_declare(io) || act_publish(io) || act_confirmed(io) ||
           act_acknowledge(io) || act_prove(io) || act_mark(io) ||
           act_turn(io) || act_depth(io) || repeat_match(io) || act_beat(io) ||
           act_drain(io) || take_held(io);
}

int runtime_wait_ms(const struct engine_io *io, int most_ms)
{
    int64_t gathers = gathers_ms(io);
    int64_t ack = io->due ? left_ms(io, io->due_ms, ACK_MS) : 0;
    int64_t wait = most_ms;

    wait = gathers > 0 && gathers < wait ? gathers : wait;
    wait = ack > 0 && ack < wait ? ack : wait;
    return (int)wait;
}

enum runtime_result runtime_step(struct engine_io *io, int timeout_ms)
{
    struct bus_event event;
    enum err err;
    bool did;

    io->idle_polled = false;
    bound_held(io);
    err = bus_poll(io->setup.bus, runtime_wait_ms(io, timeout_ms), &event);
    io->step_ms = runtime_mono(io);
    if (err == ERR_OK) {
        on_event(io, &event);
    }
    self_step(io);
    did = act(io);
    if (io->phase == PHASE_FENCED) {
        return RUNTIME_FENCED;
    }
    if (io->phase == PHASE_FAILED) {
        return RUNTIME_FAILED;
    }
    if (is_drained(io)) {
        return RUNTIME_ENDED;
    }
    return did || event.kind != BUS_IDLE ? RUNTIME_GO_ON : RUNTIME_IDLE;
}

void runtime_stop(struct engine_io *io)
{
    if (!io->stopping) {
        io->stopping = true;
        io->stop_ms = runtime_mono(io);
        drop_held(io);
    }
}

bool runtime_is_ready(const struct engine_io *io, struct errbuf *why)
{
    if (!io->in_up || !io->out_up) {
        errbuf_set(why, "not connected to the bus");
    } else if (!io->store_ok) {
        errbuf_set(why, "the store does not answer");
    } else if (io->stopping) {
        errbuf_set(why, "stopping");
    } else {
        return true;
    }
    return false;
}
