/* SPDX-License-Identifier: Apache-2.0 */
/** The runtime's inside, shared by its own files only. */
#ifndef HYP_ENGINE_RUNTIME_PRIV_H
#define HYP_ENGINE_RUNTIME_PRIV_H

#include "common/base/log.h"
#include "common/bus/envelope.h"
#include "common/engine/chain.h"
#include "common/engine/progress.h"
#include "common/engine/receipts.h"
#include "common/engine/runtime.h"
#include "common/engine/sender.h"

enum {
    RUNTIME_QUEUES_MAX = 8,
    RUNTIME_GROUPS_MAX = 16,
    RUNTIME_COUNTERS_MAX = 64,
    RUNTIME_REPORTS_MAX = 8,
    RUNTIME_KINDS_MAX = 4,
    RUNTIME_CONTROL_PREFETCH = 100,
    RUNTIME_HOP_PREFETCH = 16,
    RUNTIME_FOLD_ROWS = 2000,
    RUNTIME_DENSE_EVENTS = 50, /* of a batch: more are surely coming */
    RUNTIME_DEAD_BODY = 64 * 1024,
    RUNTIME_LOCAL_PREFETCH = 1, /* each is acknowledged at once */
    RUNTIME_TURN_BYTES = 24
};

enum runtime_phase {
    PHASE_WAIT,  /* nothing delivered yet: another instance may be active */
    PHASE_FENCE, /* raise the epoch */
    PHASE_LOAD,  /* read the state */
    PHASE_RUN,
    PHASE_FENCED,
    PHASE_FAILED /* nothing can be taken any more: said why */
};

enum queue_kind {
    QUEUE_HOP,
    QUEUE_LOCAL, /* what others in this process send to the hop's queue */
    QUEUE_ENTRY,
    QUEUE_EXTRA,
    QUEUE_CONTROL /* notices that objects have changed */
};

/* What an entry queue needs beside: numbers, receipts, matching. */
struct entry {
    char stream[EVENT_STREAM_MAX + 1];
    char receipts_row[BUS_NAME_MAX + 64]; /* text key of its receipts */
    uint64_t n;                           /* last number given */
    struct receipts receipts;
    size_t batch_from; /* first receipt of the open batch */
    uint64_t proven;   /* acknowledgements up to it are proven */
    uint64_t acked;    /* acknowledged up to it */
    size_t replay;     /* next receipt that what comes again stands for */
    size_t replay_end; /* none when replay has reached it */
};

/* What one batch, or several, took from a queue. */
struct taken {
    size_t n;
    uint64_t tag;    /* last; 0 none */
    uint64_t last_n; /* entry: last number */
};

struct queue {
    char name[BUS_NAME_MAX + 1];
    enum queue_kind kind;
    size_t bus_number;
    size_t extra; /* index for ops->extra */
    struct entry *entry;
    size_t prefetch;
    struct taken taken; /* in the open batch */
    struct taken due;   /* done, to be acknowledged */
    size_t n_held;
    bool matching; /* until all that comes again is here; local: until all
                      that the broker's queue held before is taken */
};

/* A delivery that cannot be taken yet, copied. */
struct held {
    struct held *next;
    size_t queue;
    struct bus_delivery delivery; /* text and body owned */
};

/* A committed batch whose publishes are not all confirmed. */
struct inflight {
    uint64_t batch;
    uint64_t generation; /* of the consuming connection */
    struct taken taken[RUNTIME_QUEUES_MAX];
};

/* A name in next or side, with its partitions' targets. */
struct group {
    size_t first; /* target of partition 0 */
    size_t partitions;
    bool side;
    bool shedding;
    size_t lead; /* the first group that gets the same; often itself */
};

/* A kind of objects that the engine works by. */
struct kind_in_use {
    int64_t revision; /* -1: none yet */
    int64_t wanted;   /* the newest seen */
};

/* A condition of the engine that people are told of. */
struct runtime_report {
    char name[32];
    int state;
    int64_t at_ms; /* when it was last told */
};

struct engine_io {
    struct runtime_setup setup;
    const struct engine_ops *ops;
    void *state;
    const struct runtime_conf *conf;
    char row[64];
    const char *const *entries; /* NULL: none; those of ops, or the group's */
    const char *group_entries[2];
    char group_entry[BUS_NAME_MAX + 1];
    enum runtime_phase phase;
    struct store_fence fence;
    struct progress progress;
    struct chain chain;
    struct sender *sender;

    struct queue queues[RUNTIME_QUEUES_MAX];
    size_t n_queues;
    struct queue *local;           /* NULL: none */
    char turn[RUNTIME_TURN_BYTES]; /* the own turn's message-id */
    int64_t turn_ms;
    bool extras_read;
    struct group groups[RUNTIME_GROUPS_MAX];
    size_t n_groups;
    struct envelope_out **builders; /* by target; used of lead groups only */
    size_t n_builders;   /* targets of groups: resending adds others */
    struct buf contents; /* of the envelope being sealed */
    struct buf room;     /* of the envelope being read */

    bool in_up;
    bool stale; /* what still comes was delivered to a lost connection */
    bool out_up;
    bool refused; /* a publish, since the queues were declared */
    bool store_ok;
    uint64_t generation;
    struct held *held_head;
    struct held *held_tail;
    size_t held_bytes;
    bool full;   /* of held deliveries: the bus hands out no more */
    bool paused; /* a queue of next is too deep */

    /* the open batch */
    bool open;       /* something was taken or is to be written */
    bool committing; /* begun: nothing more joins it */
    bool unknown;    /* the last commit's result is not known */
    bool fold_done;
    uint64_t batch; /* number of the open batch in this life, from 1 */
    int64_t open_ms;
    int64_t now_ms;
    int64_t step_ms; /* monotonic; the clock is read once a step */
    size_t events;
    bool dense; /* the batch before had many events */
    struct store_batch *writes;
    struct doc_out *scratch;
    struct doc_out *event_out;
    struct doc_out *progress_out;
    struct doc progress_doc;
    struct buf text;
    struct doc event_doc; /* of the event that the engine is called with */

    /* objects that it works by */
    struct kind_in_use kinds[RUNTIME_KINDS_MAX]; /* as ops->kinds */
    bool kinds_told;                             /* one may have changed */
    int64_t kinds_ms; /* when to look without being told */
    int64_t await_ms; /* until then, what a sender kept may come again */
    int64_t kinds_not_before_ms;
    struct log_complaint kinds_complaint;

    /* entry: the message being decoded */
    struct queue *input_queue;
    uint64_t input_n;
    const struct engine_input *input;
    struct envelope_out *input_envelope; /* to_exchange */
    char input_key[EVENT_ROUTING_KEY_MAX + 1];
    uint32_t input_part;
    bool input_silent; /* it passed nothing on (so far) */

    /* a hop: the envelope being taken */
    bool unchanged; /* each of its items (so far) goes on as it came */

    /* outbox */
    struct envelope_out *outbox; /* messages of the open batch */
    struct doc_out *outbox_out;  /* one of them, */
    struct doc_out *outbox_row;  /* and a row of them */
    uint64_t outbox_next;
    uint64_t published; /* as stored */
    uint64_t resent;    /* last position given to what was refused once */

    struct inflight *inflight; /* ring of conf->window */
    size_t inflight_head;
    size_t n_inflight;
    bool unproven;  /* an entry's acknowledgements may be under way */
    bool due;       /* something is to be acknowledged, */
    int64_t due_ms; /* since then */

    int64_t retry_ms; /* not before: store or bus away */
    int64_t backoff_ms;
    int64_t beat_ms;
    int64_t mark_ms;
    int64_t prove_ms;
    int64_t depth_ms;
    int64_t declare_ms;
    int64_t fold_ms;
    bool fold_due;
    bool stopping;
    int64_t moved; /* id of the last change of partitions; 0: none */
    bool drained;  /* the last batch, which says so, is open or committed */
    int64_t stop_ms;
    bool idle_polled;

    struct runtime_report reports[RUNTIME_REPORTS_MAX];
    size_t n_reports;
    uint8_t *orphans; /* array of what other partitions told and nobody ends;
                         NULL: none */
    size_t orphans_len;
    uint64_t shed;    /* copies, in this life */
    bool depth_known; /* whether a side is too deep */

    struct log_complaint store_complaint;
    struct runtime_counter counters[RUNTIME_COUNTERS_MAX];
    size_t n_counters;
    int64_t last_event_ms;
    int64_t dense_ms; /* of the commit of the batch before */

    /* the own event */
    struct self self;
    struct self_word self_word;
    struct doc_out *self_out;
    struct buf self_text;
    int64_t self_last_ms; /* of the last look */
};

/* runtime_batch.c: what joins a batch, and its commit. */
void batch_open(struct engine_io *io);
void batch_forward(struct engine_io *io, const struct event *event,
                   const struct envelope_item *item);
/* Group again what gets the same, after a change of who sheds. */
void batch_regroup(struct engine_io *io);
void batch_forward_mark(struct engine_io *io, const struct envelope_item *item);
/* Before an envelope's items are forwarded: whether it may go on as it came,
 * if they all do. What was forwarded before it is sealed then. */
bool batch_begin_relay(struct engine_io *io, const struct envelope *envelope);
/* All its items were forwarded, and not changed: pass on what it came as,
 * instead of packing the same once more. */
void batch_relay(struct engine_io *io, const struct envelope *envelope);
/* Queue one stored outgoing message {x, k, c, i, b} to the sender. */
void batch_send_outbox(struct engine_io *io, struct doc message,
                       uint64_t sequence);
/* Originate an envelope with these contents, for an engine's queue. */
void batch_originate_envelope(struct engine_io *io, const char *queue,
                              const struct buf *contents);
/* What is kept of a message that was refused. */
struct dead_letter {
    const char *position;
    const char *routing_key;
    const char *queue; /* where it can be given again; "" nowhere */
    const void *body;  /* as people read it; NULL: not here */
    size_t len;
    struct doc event; /* as engines read it; empty: body is all there is */
};
void batch_dead_letter(struct engine_io *io, const struct dead_letter *letter,
                       const struct errbuf *why);
void batch_begin_commit(struct engine_io *io);
enum err batch_commit(struct engine_io *io);

/* runtime_repeat.c: what the broker delivers again after an attach. Once all
 * of it is here: an entry's receipts tell the numbers it had; a hop forwards
 * again what was not surely published. True when it did something. */
bool repeat_match(struct engine_io *io);

/* runtime_take.c: one delivery into the open batch. */
/* End for want of room for one more stream of a sender. */
void take_fail(struct engine_io *io, const char *sender);
uint64_t take_hash(const struct bus_delivery *delivery);
void take_forward(struct engine_io *io, struct event *event,
                  const struct envelope_item *item);
void take_delivery(struct engine_io *io, size_t queue,
                   const struct bus_delivery *delivery);

/* runtime_self.c: the engine's own event. */
void self_start(struct engine_io *io);
void self_end(struct engine_io *io);
/* Look, once a second, and tell when it is time. */
void self_step(struct engine_io *io);

/* runtime_report.c: what the engine tells people of itself. */
/* The members that its events share. */
void report_begin_event(struct doc_out *out, const char *resource, int state);
void report_lost(struct engine_io *io, const char *sender, uint64_t sequence);
/* As part of a beat: what began or ended. */
void report_beat(struct engine_io *io);
/* Member "reports" of the progress document. */
void report_add_members(const struct engine_io *io, struct doc_out *out);
void report_from_doc(struct engine_io *io, struct doc progress);

/* runtime_metrics.c: the counters that every engine has, and its own. */
void metrics_declare(struct engine_io *io);
uint64_t metrics_count_of(struct engine_io *io, const char *name);

/* runtime_resend.c: number of the sender's target, made when new. */
size_t resend_target(struct engine_io *io, const char *queue);

/* runtime_load.c: fence and state. */
enum err load_fence(struct engine_io *io);
enum err load_state(struct engine_io *io);
void progress_write(struct engine_io *io);

/* runtime_objects.c: the objects that the engine works by. */
void objects_from_progress(struct engine_io *io, struct doc doc);
void objects_add_members(const struct engine_io *io, struct doc_out *out);
enum err objects_load(struct engine_io *io);
/* Whether nothing may be taken until newer ones are in use. */
bool objects_hold(const struct engine_io *io);
/* Look for newer ones, or put them in use; false: nothing to do. */
bool objects_step(struct engine_io *io);

int64_t runtime_now(const struct engine_io *io);
/* For waits: the wall clock may be set back by any time. */
int64_t runtime_mono(const struct engine_io *io);
bool runtime_may_take(const struct engine_io *io);
struct queue *runtime_queue(struct engine_io *io, size_t bus_number);

#endif
