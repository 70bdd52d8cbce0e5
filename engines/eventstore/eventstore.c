/* SPDX-License-Identifier: Apache-2.0 */
/** Engine "eventstore": the last check of each entity, the log, the dead. */
#include "engines/eventstore/eventstore.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "engines/eventstore/dead.h"
#include "engines/eventstore/log_sweep.h"

/* The last check of one entity. The whole event is kept only while its row is
 * behind. */
struct last {
    char *entity_id;
    uint64_t output_hash;
    int state;
    bool dirty; /* in the list of those whose row may be behind */
    bool gone;  /* the entity was deleted: out of the map */
    uint8_t *unwritten;
    uint32_t unwritten_len;
    struct last *next_dirty;
};

struct eventstore {
    bool log_every_check;
    int64_t unwritten_max;   /* bytes */
    int64_t unwritten_bytes; /* that wait in memory */
    struct map lasts;
    struct last *dirty;
    struct dead dead;
    struct log_sweep sweep;
};

static const struct conf_option eventstore_options[] = {
    {.section = "eventstore",
     .key = "log_every_check",
     .live = true,
     .type = CONF_BOOL,
     .offset = offsetof(struct eventstore, log_every_check),
     .fallback = "no",
     .help = "log every check, not only those that change something"},
    {.section = "eventstore",
     .key = "keep_log",
     .live = true,
     .type = CONF_DURATION,
     .offset = offsetof(struct eventstore, sweep.keep_ms),
     .fallback = "90d",
     .min = 0,
     .max = INT64_C(100) * 366 * 86400 * 1000,
     .help = "how long the log is kept; 0: for ever"},
    {.section = "eventstore",
     .key = "unwritten_size",
     .live = true,
     .type = CONF_SIZE,
     .offset = offsetof(struct eventstore, unwritten_max),
     .fallback = "256M",
     .min = 0,
     .max = INT64_MAX,
     .help = "last checks that may wait in memory for the next minute; what "
             "is more is written at once"},
    {.section = "eventstore",
     .key = "dead_max",
     .live = true,
     .type = CONF_INT,
     .offset = offsetof(struct eventstore, dead.max),
     .fallback = "20000",
     .min = 10,
     .max = 10000000,
     .unit = "letters",
     .help = "dead letters kept; of more, the oldest are dropped"},
    {.section = "eventstore",
     .key = "dead_bytes",
     .live = true,
     .type = CONF_SIZE,
     .offset = offsetof(struct eventstore, dead.max_bytes),
     .fallback = "256M",
     .min = 1048576,
     .max = INT64_MAX / 16,
     .help = "bytes of dead letters kept; beyond, the oldest are dropped"},
    {0}};

static enum err eventstore_init(void *state, struct engine_io *io,
                                struct errbuf *why)
{
    struct eventstore *store = state;

    (void)io;
    (void)why;
    dead_init(&store->dead);
    return ERR_OK;
}

static const char *const eventstore_extras[] = {"Engine_dead", NULL};

static void last_free(struct last *last)
{
    free(last->entity_id);
    free(last->unwritten);
    free(last);
}

static struct last *next_dirty(struct eventstore *store)
{
    struct last *last = store->dirty;

    if (last != NULL) {
        store->dirty = last->next_dirty;
        last->dirty = false;
    }
    return last;
}

static void forget(struct eventstore *store)
{
    struct map_slot slot;
    struct last *last;
    size_t at = 0;

    while ((last = next_dirty(store)) != NULL) {
        if (last->gone) {
            last_free(last);
        }
    }
    while (map_next(&store->lasts, &at, &slot)) {
        last_free(slot.value);
    }
    map_fini(&store->lasts);
    store->unwritten_bytes = 0;
}

static struct last *find_last(struct eventstore *store, const char *entity_id)
{
    struct last *last = map_get(&store->lasts, entity_id, strlen(entity_id));

    if (last == NULL) {
        last = xcalloc(1, sizeof *last);
        last->entity_id = xstrdup(entity_id);
        (void)map_put(&store->lasts, last->entity_id, strlen(entity_id), last);
    }
    return last;
}

static uint64_t hash_text(const char *text)
{
    return hash_fixed(text, strlen(text));
}

struct loading {
    struct eventstore *store;
    const struct engine_io *io;
};

static bool add_row(void *ctx, const struct store_key *key, struct doc row)
{
    const struct loading *loading = ctx;
    struct last *last;

    if (engine_owns_row(loading->io, row)) {
        last = find_last(loading->store, key->text);
        last->state = (int)doc_i64(row, "state", 0);
        last->output_hash = hash_text(doc_str(row, "output", ""));
    }
    return true;
}

static enum err eventstore_load(void *state, struct engine_io *io)
{
    const struct store_query query = {.collection = STORE_EVENTS,
                                      .limit = INT64_MAX};
    struct eventstore *store = state;
    struct loading loading = {store, io};
    enum err err;

    forget(store);
    err = store_scan(engine_store(io), &query, add_row, &loading, NULL, NULL);
    return err == ERR_OK ? dead_load(&store->dead, io) : err;
}

/* Under its time and position, so that it is there once whatever happens. */
static void append_log(struct engine_io *io, const struct event *event)
{
    const struct store_key key = {.a = event->received_ms,
                                  .b = (int64_t)hash_text(event->id)};

    /* as it came: written again it would be the same */
    store_batch_append(engine_batch(io), STORE_EVENTS_LOG, &key, event->whole);
    engine_count(io, "logged", 1);
}

static void put_row(struct engine_io *io, const struct last *last,
                    struct doc row)
{
    const struct store_key key = {.text = last->entity_id};

    store_batch_put(engine_batch(io), STORE_EVENTS, &key, row);
}

/* The first one of an entity: there is no row yet, as a rule. */
static void append_row(struct engine_io *io, const struct last *last,
                       struct doc row)
{
    const struct store_key key = {.text = last->entity_id};

    store_batch_append(engine_batch(io), STORE_EVENTS, &key, row);
}

/* What waited is older than what is known now. It stays in the list of those
 * that wait, where the fold passes it over. */
static void drop_unwritten(struct eventstore *store, struct last *last)
{
    store->unwritten_bytes -= last->unwritten_len;
    free(last->unwritten);
    last->unwritten = NULL;
    last->unwritten_len = 0;
}

/* A row that only tells a later time waits for the next minute's fold while
 * there is room. Those that wait keep their room: the next check of theirs
 * replaces them, and only what found none costs a write each time. */
static void keep_unwritten(struct eventstore *store, struct engine_io *io,
                           struct last *last, struct doc row)
{
    drop_unwritten(store, last);
    if (store->unwritten_bytes + row.len > store->unwritten_max) {
        put_row(io, last, row);
        return;
    }
    if (!last->dirty) {
        last->dirty = true;
        last->next_dirty = store->dirty;
        store->dirty = last;
    }
    last->unwritten = xmemdup(row.data, row.len);
    last->unwritten_len = row.len;
    store->unwritten_bytes += row.len;
}

static void take_check(struct eventstore *store, struct engine_io *io,
                       const struct event *event)
{
    struct last *last = find_last(store, event->entity_id);
    uint64_t output_hash = hash_text(event->output);
    bool state_changed = last->state != event->state;
    bool is_first = last->output_hash == 0;

    if (state_changed || store->log_every_check) {
        append_log(io, event);
    }
    if (is_first) {
        append_row(io, last, event->whole);
        drop_unwritten(store, last);
    } else if (state_changed || last->output_hash != output_hash) {
        put_row(io, last, event->whole);
        drop_unwritten(store, last);
    } else {
        keep_unwritten(store, io, last, event->whole);
    }
    last->state = event->state;
    last->output_hash = output_hash;
}

/* A deleted entity has no last check any more; what the log tells of it
 * stays. */
static void take_delete(struct eventstore *store, struct engine_io *io,
                        const struct event *event)
{
    const struct store_key key = {.text = event->entity_id};
    struct last *last =
        map_remove(&store->lasts, event->entity_id, strlen(event->entity_id));

    if (last == NULL) {
        return;
    }
    store_batch_delete(engine_batch(io), STORE_EVENTS, &key);
    if (last->dirty) {
        drop_unwritten(store, last);
        last->gone = true; /* the fold frees it */
    } else {
        last_free(last);
    }
}

static enum engine_verdict eventstore_process(void *state, struct engine_io *io,
                                              const struct event *event,
                                              struct errbuf *why)
{
    (void)why;
    if (event_type_is_check(event->type)) {
        take_check(state, io, event);
    } else if (event->type != EVENT_PERF) {
        append_log(io, event);
    }
    if (event->type == EVENT_DELETE) {
        take_delete(state, io, event);
    }
    return ENGINE_FORWARD;
}

static void eventstore_extra(void *state, struct engine_io *io, size_t queue,
                             const struct bus_delivery *delivery)
{
    struct eventstore *store = state;

    (void)queue;
    dead_take(&store->dead, io, delivery);
}

static void eventstore_beat(void *state, struct engine_io *io)
{
    struct eventstore *store = state;

    dead_beat(&store->dead, io);
    log_sweep(&store->sweep, io);
}

static void eventstore_commit(void *state, struct engine_io *io)
{
    struct eventstore *store = state;

    dead_commit(&store->dead, io);
}

static bool eventstore_delta(void *state, struct doc_out *out)
{
    (void)state;
    (void)out;
    return false; /* a time that a kill takes comes with the next check */
}

static void eventstore_delta_apply(void *state, struct doc delta)
{
    (void)state;
    (void)delta;
}

static bool eventstore_fold(void *state, struct engine_io *io, size_t most)
{
    struct eventstore *store = state;

    struct last *last;

    for (size_t n = 0; n < most && (last = next_dirty(store)) != NULL; n++) {
        if (last->gone) {
            last_free(last);
        } else if (last->unwritten != NULL) {
            put_row(io, last,
                    (struct doc){last->unwritten, last->unwritten_len});
            drop_unwritten(store, last);
        }
    }
    return store->dirty == NULL;
}

static void eventstore_fini(void *state)
{
    struct eventstore *store = state;

    forget(store);
    dead_fini(&store->dead);
}

static const struct engine_metric eventstore_metrics[] = {
    {"logged", "Events written to the log", false},
    {"log_removed", "Logged events removed for their age", false},
    {"dead_kept", "Dead letters kept", true},
    {"dead_stored", "Dead letters stored", false},
    {"dead_dropped", "Dead letters dropped because there are too many", false},
    {"dead_repeats", "Dead letters that came again and were known", false},
    {"dead_foreign", "Messages to the dead letters that were not the suite's",
     false},
    {"dead_replayed", "Dead letters given again", false},
    {"dead_refused", "Requests about dead letters that were refused", false},
    {"dead_purged", "Dead letters deleted by people", false},
    {0}};

const struct engine_ops eventstore_engine = {
    .name = "eventstore",
    .description =
        "Keeps the last check of each entity, the log (every event of a log\n"
        "type, every action, every check that changes a state), and the dead\n"
        "letters of all engines, which it gives again or deletes on request.",
    .patient = true,
    .options = eventstore_options,
    .state_size = sizeof(struct eventstore),
    .metrics = eventstore_metrics,
    .extras = eventstore_extras,
    .init = eventstore_init,
    .load = eventstore_load,
    .process = eventstore_process,
    .extra = eventstore_extra,
    .commit = eventstore_commit,
    .beat = eventstore_beat,
    .delta = eventstore_delta,
    .delta_apply = eventstore_delta_apply,
    .fold = eventstore_fold,
    .fini = eventstore_fini,
};
