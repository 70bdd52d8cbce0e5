/* SPDX-License-Identifier: Apache-2.0 */
/** The runtime: the objects that an engine works by, and when others do. */
#include <inttypes.h>

#include "common/engine/runtime_priv.h"
#include "common/store/objects.h"

enum {
    LOOK_MS = 30000 /* a change notice may have been lost */
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
            err = io->ops->reload(io->state, io, kind_of(io, i),
                                  kind->revision);
        }
    }
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
    return false;
}

bool objects_hold(const struct engine_io *io)
{
    return io->ops->kinds != NULL && is_wanted(io) && !repeats_wait(io);
}

static enum err look(struct engine_io *io)
{
    enum err err = ERR_OK;

    for (size_t i = 0; kind_of(io, i) != NULL && err == ERR_OK; i++) {
        err = objects_revision(io->setup.store, kind_of(io, i),
                               &io->kinds[i].wanted);
    }
    return err;
}

static enum err swap(struct engine_io *io)
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
    return err;
}

bool objects_step(struct engine_io *io, enum err *err)
{
    int64_t now = runtime_now(io);

    if (io->ops->kinds == NULL || io->phase != PHASE_RUN || io->stopping) {
        return false;
    }
    if (is_wanted(io)) {
        if (io->open || io->n_inflight > 0 || repeats_wait(io)) {
            return false;
        }
        *err = swap(io);
        return true;
    }
    if (!io->kinds_told && now < io->kinds_ms) {
        return false;
    }
    io->kinds_told = false;
    io->kinds_ms = now + LOOK_MS;
    *err = look(io);
    if (*err != ERR_OK) {
        io->kinds_told = true; /* again, after the pause */
    }
    return true;
}
