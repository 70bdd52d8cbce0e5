/* SPDX-License-Identifier: Apache-2.0 */
/** The runtime: the objects that an engine works by, and when others do. */
#include <inttypes.h>
#include <string.h>

#include "common/engine/runtime_priv.h"
#include "common/store/objects.h"

enum {
    LOOK_MS = 30000,  /* a change notice may have been lost */
    AWAIT_MS = 60000, /* for a sender that may be no more */
    PAUSE_MS = 200,   /* between two looks, when one change follows another */
    RETRY_MS = 1000
};

static const char *kind_of(const struct engine_io *io, size_t i)
{
    return io->ops->kinds != NULL ? io->ops->kinds[i] : NULL;
}

void objects_from_progress(struct engine_io *io, struct doc doc)
{
    for (size_t i = 0; kind_of(io, i) != NULL; i++) {
        BUG_IF(i == RUNTIME_KINDS_MAX);
        io->kinds[i].revision =
            doc_i64(doc_sub(doc, "revisions"), kind_of(io, i), -1);
    }
}

void objects_add_members(const struct engine_io *io, struct doc_out *out)
{
    if (io->ops->kinds == NULL) {
        return;
    }
    doc_begin_doc(out, "revisions");
    for (size_t i = 0; kind_of(io, i) != NULL; i++) {
        doc_add_i64(out, kind_of(io, i), io->kinds[i].revision);
    }
    doc_end(out);
}

/* What is delivered again is worked on by what was in use the first time. */
enum err objects_load(struct engine_io *io)
{
    enum err err = ERR_OK;

    for (size_t i = 0; kind_of(io, i) != NULL && err == ERR_OK; i++) {
        struct kind_in_use *kind = &io->kinds[i];

        if (kind->revision < 0) {
            err = objects_revision(io->setup.store, kind_of(io, i),
                                   &kind->revision);
        }
        if (err == ERR_OK) {
            kind->wanted = kind->revision;
            err =
                io->ops->reload(io->state, io, kind_of(io, i), kind->revision);
        }
    }
    io->await_ms = runtime_mono(io) + AWAIT_MS;
    io->kinds_ms = 0; /* look at once whether there is a newer one */
    return err;
}

static bool is_wanted(const struct engine_io *io)
{
    for (size_t i = 0; kind_of(io, i) != NULL; i++) {
        if (io->kinds[i].wanted != io->kinds[i].revision) {
            return true;
        }
    }
    return false;
}

/* Whether something delivered before is still to be worked on. */
static bool repeats_wait(const struct engine_io *io)
{
    for (size_t i = 0; i < io->n_queues; i++) {
        if (io->queues[i].matching) {
            return true;
        }
    }
    for (const struct held *held = io->held_head; held != NULL;
         held = held->next) {
        if (held->delivery.redelivered) {
            return true;
        }
    }
    return io->step_ms < io->await_ms && progress_awaits(&io->progress);
}

bool objects_hold(const struct engine_io *io)
{
    return io->ops->kinds != NULL && is_wanted(io) && !repeats_wait(io);
}

/* Whether every acknowledgement has surely arrived: an event that came again
 * after newer objects are in use could go to another partition than the first
 * time, which does not know it. */
static bool is_settled(struct engine_io *io)
{
    for (size_t i = 0; i < io->n_queues; i++) {
        if (bus_prove(io->setup.bus, io->queues[i].bus_number) != ERR_OK) {
            return false;
        }
    }
    return true;
}

/* What is in use stays in use; look again soon. */
static void postpone(struct engine_io *io, enum err err)
{
    log_complain(&io->kinds_complaint, "ENGINE-OBJECTS",
                 "%s: objects cannot be read: store %s; going on by the ones "
                 "in use",
                 io->row, err_name(err));
    for (size_t i = 0; kind_of(io, i) != NULL; i++) {
        io->kinds[i].wanted = io->kinds[i].revision;
    }
    io->kinds_told = true;
    io->kinds_not_before_ms = runtime_mono(io) + RETRY_MS;
}

static void look(struct engine_io *io)
{
    int64_t now = runtime_mono(io);
    enum err err = ERR_OK;

    for (size_t i = 0; kind_of(io, i) != NULL && err == ERR_OK; i++) {
        err = objects_revision(io->setup.store, kind_of(io, i),
                               &io->kinds[i].wanted);
    }
    if (err != ERR_OK) {
        postpone(io, err);
        return;
    }
    log_settled(&io->kinds_complaint, "ENGINE-OBJECTS",
                "%s: objects can be read again", io->row);
    io->kinds_told = false;
    io->kinds_not_before_ms = now + PAUSE_MS;
    io->kinds_ms = now + LOOK_MS;
}

static void swap(struct engine_io *io)
{
    enum err err = ERR_OK;

    for (size_t i = 0; kind_of(io, i) != NULL && err == ERR_OK; i++) {
        struct kind_in_use *kind = &io->kinds[i];

        if (kind->wanted == kind->revision) {
            continue;
        }
        err = io->ops->reload(io->state, io, kind_of(io, i), kind->wanted);
        if (err == ERR_OK) {
            kind->revision = kind->wanted;
            log_info("ENGINE-RELOAD", "%s: works by revision %" PRId64 " of %s",
                     io->row, kind->revision, kind_of(io, i));
        }
    }
    if (err != ERR_OK) {
        postpone(io, err);
    }
}

bool objects_step(struct engine_io *io)
{
    int64_t now = io->step_ms;

    if (io->ops->kinds == NULL || io->phase != PHASE_RUN || io->stopping) {
        return false;
    }
    if (is_wanted(io)) {
        if (io->open || io->n_inflight > 0 || io->due || repeats_wait(io) ||
            !io->in_up || !is_settled(io)) {
            return false;
        }
        swap(io);
        return true;
    }
    if (now < io->kinds_not_before_ms ||
        (!io->kinds_told && now < io->kinds_ms)) {
        return false;
    }
    look(io);
    return true;
}
