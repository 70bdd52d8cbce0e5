/* SPDX-License-Identifier: Apache-2.0 */
/** The runtime: what an engine tells people of itself, as events. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/engine/runtime_priv.h"

enum {
    AGAIN_MS = 60 * 1000,     /* between two events of one state */
    LOST_MS = 60 * 60 * 1000, /* a loss is told for so long */
    ID_MAX = 128,
    MS_PER_S = 1000
};

static struct runtime_report *find(struct engine_io *io, const char *name)
{
    struct runtime_report *report;

    for (size_t i = 0; i < io->n_reports; i++) {
        if (strcmp(io->reports[i].name, name) == 0) {
            return &io->reports[i];
        }
    }
    BUG_IF(io->n_reports == RUNTIME_REPORTS_MAX);
    report = &io->reports[io->n_reports++];
    *report = (struct runtime_report){.state = 0};
    (void)snprintf(report->name, sizeof report->name, "%s", name);
    return report;
}

void report_begin_event(struct doc_out *out, const char *resource, int state)
{
    doc_add_str(out, "connector", "Engine");
    doc_add_str(out, "connector_name", "engine");
    doc_add_str(out, "event_type", "check");
    doc_add_str(out, "source_type", "resource");
    doc_add_str(out, "component", "hypervise");
    doc_add_str(out, "resource", resource);
    doc_add_i64(out, "state", state);
    doc_add_i64(out, "state_type", 1);
}

static void write_event(struct engine_io *io, const char *resource, int state,
                        const char *text)
{
    struct doc_out *out = io->event_out;

    doc_out_reset(out);
    report_begin_event(out, resource, state);
    doc_add_str(out, "output", text);
    doc_add_i64(out, "timestamp", runtime_now(io) / MS_PER_S);
    buf_clear(&io->text);
    doc_to_json(doc_out_done(out), &io->text);
}

static void send_event(struct engine_io *io, const char *resource, int state,
                       const char *text)
{
    char key[EVENT_ROUTING_KEY_MAX + 1];
    char id[ID_MAX];

    write_event(io, resource, state, text);
    (void)snprintf(key, sizeof key, "Engine.engine.check.resource.hypervise.%s",
                   resource);
    (void)snprintf(id, sizeof id, "%s/%" PRId64 "/%" PRIu64, io->row,
                   io->fence.epoch, io->outbox_next);
    engine_originate(
        io, &(struct engine_outgoing){.exchange = BUS_EVENTS,
                                      .routing_key = key,
                                      .content_type = "application/json",
                                      .message_id = id,
                                      .body = buf_str(&io->text),
                                      .len = io->text.len});
}

void engine_report(struct engine_io *io, const char *name, int state,
                   const char *text)
{
    struct runtime_report *report = find(io, name);
    char resource[ID_MAX];
    int64_t now = runtime_now(io);

    if (report->state == state &&
        (state == 0 || now - report->at_ms < AGAIN_MS)) {
        return;
    }
    report->state = state;
    report->at_ms = now;
    (void)snprintf(resource, sizeof resource, "Engine_%s.%s", io->row, name);
    send_event(io, resource, state, text);
}

void report_lost(struct engine_io *io, const char *sender, uint64_t sequence)
{
    char text[ENVELOPE_NAME_MAX + ID_MAX];

    (void)snprintf(text, sizeof text,
                   "messages from %s before number %" PRIu64
                   " are gone (a purge or a restore?)",
                   sender, sequence);
    engine_report(io, "lost", STATE_MAJOR, text);
}

static const char *shedding(const struct engine_io *io)
{
    for (size_t i = 0; i < io->n_groups; i++) {
        if (io->groups[i].shedding) {
            return sender_target_queue(io->sender, io->groups[i].first);
        }
    }
    return NULL;
}

/* What partitions told that are gone, or that are others now: nobody else
 * would end it. All have the list; one tells. */
static void end_orphans(struct engine_io *io)
{
    struct doc_iter it;
    struct doc_value value;
    const char *index;
    bool tells = io->setup.self != NULL && io->setup.self->interval_ms > 0;

    doc_iter_init(&it, (struct doc){io->orphans, (uint32_t)io->orphans_len});
    while (io->conf->partition == 0 && doc_next(&it, &index, &value)) {
        const char *resource = value.type == DOC_STRING ? value.u.s.text
                               : value.type == DOC_DOC && tells
                                   ? doc_str(value.u.doc, "own", "")
                                   : "";

        if (resource[0] != '\0') {
            send_event(io, resource, STATE_OK,
                       "the number of partitions is another now");
        }
    }
    free(io->orphans);
    io->orphans = NULL;
    io->orphans_len = 0;
}

void report_beat(struct engine_io *io)
{
    const struct runtime_report *lost = find(io, "lost");
    const char *queue = shedding(io);
    char text[BUS_NAME_MAX + ID_MAX];

    if (io->orphans != NULL) {
        end_orphans(io);
    }
    if (lost->state != 0 && runtime_now(io) - lost->at_ms >= LOST_MS) {
        engine_report(io, "lost", STATE_OK, "nothing was lost for an hour");
    }
    if (queue != NULL) {
        (void)snprintf(text, sizeof text,
                       "%s is too far behind: %" PRIu64
                       " events were not copied to it since the start",
                       queue, io->shed);
        engine_report(io, "shedding", STATE_MAJOR, text);
    } else if (io->depth_known) {
        engine_report(io, "shedding", STATE_OK, "every queue gets all");
    }
}

void report_add_members(const struct engine_io *io, struct doc_out *out)
{
    doc_begin_array(out, "reports");
    for (size_t i = 0; i < io->n_reports; i++) {
        const struct runtime_report *report = &io->reports[i];

        if (report->state != 0) {
            doc_begin_doc(out, NULL);
            doc_add_str(out, "name", report->name);
            doc_add_i64(out, "state", report->state);
            doc_add_i64(out, "at", report->at_ms);
            doc_end(out);
        }
    }
    doc_end(out);
    if (io->orphans != NULL) {
        doc_add_array(out, "orphans",
                      (struct doc){io->orphans, (uint32_t)io->orphans_len});
    }
}

void report_from_doc(struct engine_io *io, struct doc progress)
{
    struct doc_iter it;
    struct doc_value value;
    const char *key;

    struct doc orphans = doc_sub(progress, "orphans");

    io->n_reports = 0;
    free(io->orphans);
    io->orphans =
        doc_count(orphans) > 0 ? xmemdup(orphans.data, orphans.len) : NULL;
    io->orphans_len = io->orphans != NULL ? orphans.len : 0;
    doc_iter_init(&it, doc_sub(progress, "reports"));
    while (doc_next(&it, &key, &value)) {
        struct runtime_report *report =
            find(io, doc_str(value.u.doc, "name", ""));

        report->state = (int)doc_i64(value.u.doc, "state", 0);
        report->at_ms = doc_i64(value.u.doc, "at", 0);
    }
}
