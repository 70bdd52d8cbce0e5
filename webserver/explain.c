/* SPDX-License-Identifier: Apache-2.0 */
/** Why an alarm is as it is: what its row and its steps say, in sentences. */
#include <string.h>

#include "webserver/alarms.h"
#include "webserver/json_text.h"
#include "webserver/list.h"
#include "webserver/routes.h"

enum {
    STEPS_LOOK = 500, /* the newest; older ones explain nothing any more */
    TEXT_BYTES = 16 * 1024
};

/* What is kept of the newest step of a kind. */
struct kept_step {
    bool found;
    int64_t number;
    int64_t t_ms;
    struct buf type, author, message;
};

enum step_kind {
    STEP_STATE,  /* of the source */
    STEP_MANUAL, /* changestate */
    STEP_STATUS,
    STEP_FIRST,
    N_STEP_KINDS
};

struct explaining {
    struct buf *out;
    struct doc row;
    bool more; /* a sentence is there already */
    struct kept_step steps[N_STEP_KINDS];
};

/* Steps. */

static void keep_step(struct kept_step *kept, struct doc row)
{
    if (kept->found) {
        return;
    }
    kept->found = true;
    kept->number = doc_i64(row, "step", 0);
    kept->t_ms = doc_ms(row, "t", 0);
    buf_add_str(&kept->type, doc_str(row, "type", ""));
    buf_add_str(&kept->author, doc_str(row, "author", ""));
    buf_add_str(&kept->message, doc_str(row, "message", ""));
}

/* From the newest on. */
static bool on_step(void *ctx, const struct store_key *key, struct doc row)
{
    struct explaining *e = ctx;
    const char *type = doc_str(row, "type", "");

    if (strcmp(type, "stateinc") == 0 || strcmp(type, "statedec") == 0) {
        keep_step(&e->steps[STEP_STATE], row);
    } else if (strcmp(type, "changestate") == 0) {
        keep_step(&e->steps[STEP_MANUAL], row);
    } else if (strcmp(type, "statusinc") == 0 ||
               strcmp(type, "statusdec") == 0) {
        keep_step(&e->steps[STEP_STATUS], row);
    }
    if (key->a == 1) {
        keep_step(&e->steps[STEP_FIRST], row);
    }
    return true;
}

static enum err read_steps(struct server *server, const char *id,
                           struct explaining *e, struct errbuf *why)
{
    const struct store_key from = {.text = id, .a = 0};
    const struct store_key to = {.text = id, .a = INT64_MAX};
    const struct store_query query = {.collection = STORE_STEPS,
                                      .from = &from,
                                      .to = &to,
                                      .descending = true,
                                      .limit = STEPS_LOOK};

    return store_scan(server->store, &query, on_step, e, NULL, why);
}

/* Sentences. */

static void say(struct explaining *e, const char *about, int64_t at_ms,
                const char *text)
{
    buf_addf(e->out, "%s{\"about\":\"%s\",\"at\":", e->more ? "," : "", about);
    if (at_ms > 0) {
        json_add_ms(e->out, at_ms);
    } else {
        buf_add_str(e->out, "null");
    }
    buf_add_str(e->out, ",\"text\":");
    json_add_text(e->out, text);
    buf_add_char(e->out, '}');
    e->more = true;
}

/* What somebody did: "ann: looking". */
static void say_who(struct explaining *e, const char *about, int64_t at_ms,
                    const char *const parts[3])
{
    struct buf text;

    buf_init(&text, TEXT_BYTES);
    buf_addf(&text, "%s%s%s%s", parts[0], parts[1],
             parts[2][0] != '\0' ? ": " : "", parts[2]);
    say(e, about, at_ms, buf_str(&text));
    buf_fini(&text);
}

static void say_step(struct explaining *e, const char *about, const char *what,
                     const struct kept_step *step)
{
    const char *const parts[] = {what, buf_str(&step->author),
                                 buf_str(&step->message)};

    say_who(e, about, step->t_ms, parts);
}

static void explain_opened(struct explaining *e)
{
    if (e->steps[STEP_FIRST].found) {
        say_step(e, "opened", "it was opened by what came from ",
                 &e->steps[STEP_FIRST]);
    } else {
        say(e, "opened", doc_ms(e->row, "opened_at", 0), "it was opened");
    }
}

/* An operator's state holds against the source's until that says OK or
 * worse. */
static void explain_state(struct explaining *e)
{
    const struct kept_step *own = &e->steps[STEP_MANUAL];
    const struct kept_step *state = &e->steps[STEP_STATE];

    if (own->found && (!state->found || own->number > state->number)) {
        say_step(e, "state",
                 "set by hand; it holds until the source says OK, or worse, "
                 "unless it was set to be released by the next check. By ",
                 own);
    } else if (state->found) {
        say_step(e, "state",
                 strcmp(buf_str(&state->type), "stateinc") == 0
                     ? "it became worse by what came from "
                     : "it became better by what came from ",
                 state);
    }
}

static void explain_status(struct explaining *e)
{
    static const char *const texts[] = {
        "off: the source says that all is well",
        "ongoing: the source says that something is wrong",
        "stealthy: what was wrong was over again within stealthy_time",
        "flapping: it changed its state too often within flapping_interval",
        "cancelled: an operator said that it is none",
        "no events: the source is silent for longer than its ttl"};
    int64_t status = doc_i64(e->row, "status", -1);

    if (status >= 0 && (size_t)status < sizeof texts / sizeof texts[0]) {
        say(e, "status",
            e->steps[STEP_STATUS].found ? e->steps[STEP_STATUS].t_ms : 0,
            texts[status]);
    }
}

static void explain_marks(struct explaining *e)
{
    static const struct {
        const char *field, *text;
    } marks[] = {{"ack", "acknowledged by "},
                 {"snooze", "silenced for a time by "},
                 {"ticket", "a ticket was noted by "},
                 {"comment", "the last comment is by "},
                 {"canceled", "cancelled by "}};

    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        struct doc mark = doc_sub(e->row, marks[i].field);
        const char *const parts[] = {marks[i].text,
                                     doc_str(mark, "author", "somebody"),
                                     doc_str(mark, "message", "")};

        if (doc_count(mark) > 0) {
            say_who(e, marks[i].field, doc_ms(mark, "at", 0), parts);
        }
    }
    if (doc_ms(doc_sub(e->row, "snooze"), "until", 0) > 0) {
        say(e, "snooze_until", doc_ms(doc_sub(e->row, "snooze"), "until", 0),
            "the silence ends");
    }
}

static void explain_source(struct explaining *e)
{
    struct doc_value maintenance;

    say(e, "last_event", doc_ms(e->row, "last_event_at", 0),
        "the last event of its source");
    if (doc_get(e->row, "maintenance", &maintenance) &&
        maintenance.type != DOC_NULL &&
        (maintenance.type != DOC_BOOL || maintenance.u.b)) {
        say(e, "maintenance", 0, "inside a maintenance window");
    }
}

static void explain_end(struct explaining *e)
{
    int64_t resolved_ms = doc_ms(e->row, "resolved_at", 0);

    if (resolved_ms > 0) {
        say(e, "end", resolved_ms, "it is resolved");
    } else if (doc_i64(e->row, "state", 0) == 0) {
        say(e, "end", 0,
            "the source is well: it is resolved when nothing is wrong again "
            "for resolve_after, in the time of the chain");
    } else {
        say(e, "end", 0, "it stays open until its source says OK");
    }
}

static void write_explanation(struct explaining *e, const char *id)
{
    buf_add_str(e->out, "{\"id\":");
    json_add_text(e->out, id);
    json_add_member(e->out, "entity_id", doc_str(e->row, "entity_id", ""));
    buf_add_str(e->out, ",\"reasons\":[");
    explain_opened(e);
    explain_state(e);
    explain_status(e);
    explain_marks(e);
    explain_source(e);
    explain_end(e);
    buf_add_str(e->out, "]}");
}

static void explain(struct server *server, struct request *request,
                    struct doc row)
{
    struct explaining e = {.out = request_out(request), .row = row};
    struct errbuf why = {0};
    enum err err;

    for (size_t i = 0; i < N_STEP_KINDS; i++) {
        buf_init(&e.steps[i].type, TEXT_BYTES);
        buf_init(&e.steps[i].author, TEXT_BYTES);
        buf_init(&e.steps[i].message, TEXT_BYTES);
    }
    err = read_steps(server, request->id, &e, &why);
    if (err == ERR_OK) {
        write_explanation(&e, request->id);
        request_reply(request, HTTP_OK);
    } else {
        list_reply_failed(request, err, &why);
    }
    for (size_t i = 0; i < N_STEP_KINDS; i++) {
        buf_fini(&e.steps[i].type);
        buf_fini(&e.steps[i].author);
        buf_fini(&e.steps[i].message);
    }
}

void alarms_explain(struct server *server, struct request *request)
{
    const struct store_key key = {.text = request->id};
    struct errbuf why = {0};
    struct buf row;
    enum err err;

    if (!list_has_store(server, request)) {
        return;
    }
    buf_init(&row, DOC_BYTES_MAX);
    err = store_get(server->store, STORE_ALARMS, &key, &row);
    if (err == ERR_NOT_FOUND) {
        err = store_get(server->store, STORE_ALARMS_RESOLVED, &key, &row);
    }
    if (err == ERR_OK) {
        explain(server, request,
                (struct doc){(const uint8_t *)row.data, (uint32_t)row.len});
    } else if (err == ERR_NOT_FOUND) {
        request_problem(request, HTTP_NOT_FOUND, "id",
                        "there is no such alarm");
    } else {
        list_reply_failed(request, err, &why);
    }
    buf_fini(&row);
}
