/* SPDX-License-Identifier: Apache-2.0 */
/** hyp alarm: list, show, and what operators do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/call.h"
#include "cli/listing.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/event/event.h"

enum {
    PATH_BYTES = 64 * 1024,
    BODY_BYTES = 8 * 1024 * 1024,
    ALL_MAX = 100000
};

#define ALARMS "/api/v1/alarms"

static const struct column columns[] = {
    {"ID", "id", COLUMN_ID, false},
    {"STATE", "state", COLUMN_STATE, false},
    {"STATUS", "status", COLUMN_STATUS, false},
    {"MARKS", "ack", COLUMN_MARKS, false},
    {"OPENED", "opened_at", COLUMN_AGE, false},
    {"CHANGED", "changed_at", COLUMN_TIME, true},
    {"EVENTS", "events_count", COLUMN_NUMBER, true},
    {"STEPS", "steps_count", COLUMN_NUMBER, true},
    {"COMPONENT", "component", COLUMN_TEXT, false},
    {"RESOURCE", "resource", COLUMN_TEXT, false},
    {"ENTITY", "entity_id", COLUMN_TEXT, true},
    {"OUTPUT", "output", COLUMN_TEXT, false},
    {NULL, NULL, COLUMN_TEXT, false},
};

static const struct column details[] = {
    {"ID", "id", COLUMN_TEXT, false},
    {"ENTITY", "entity_id", COLUMN_TEXT, false},
    {"STATE", "state", COLUMN_STATE, false},
    {"STATUS", "status", COLUMN_STATUS, false},
    {"OUTPUT", "output", COLUMN_TEXT, false},
    {"OPENED", "opened_at", COLUMN_TIME, false},
    {"CHANGED", "changed_at", COLUMN_TIME, false},
    {"LAST EVENT", "last_event_at", COLUMN_TIME, false},
    {"RESOLVED", "resolved_at", COLUMN_TIME, false},
    {"EVENTS", "events_count", COLUMN_TEXT, false},
    {"STEPS", "steps_count", COLUMN_TEXT, false},
    {"ACK BY", "ack.author", COLUMN_TEXT, false},
    {"ACK SAYS", "ack.message", COLUMN_TEXT, false},
    {"ACK AT", "ack.at", COLUMN_TIME, false},
    {"SNOOZED BY", "snooze.author", COLUMN_TEXT, false},
    {"SNOOZED UNTIL", "snooze.until", COLUMN_TIME, false},
    {"TICKET", "ticket.number", COLUMN_TEXT, false},
    {"TICKET URL", "ticket.url", COLUMN_TEXT, false},
    {"COMMENT BY", "comment.author", COLUMN_TEXT, false},
    {"COMMENT", "comment.message", COLUMN_TEXT, false},
    {"CANCELED", "canceled", COLUMN_BOOL, false},
    {"MAINTENANCE", "maintenance", COLUMN_TEXT, false},
    {"TAGS", "tags", COLUMN_TEXT, false},
    {"INFOS", "infos", COLUMN_TEXT, false},
    {NULL, NULL, COLUMN_TEXT, false},
};

static const struct column step_columns[] = {
    {"STEP", "step", COLUMN_NUMBER, false},
    {"TIME", "t", COLUMN_TIME, false},
    {"TYPE", "type", COLUMN_TEXT, false},
    {"VALUE", "value", COLUMN_TEXT, false},
    {"AUTHOR", "author", COLUMN_TEXT, false},
    {"MESSAGE", "message", COLUMN_TEXT, false},
    {NULL, NULL, COLUMN_TEXT, false},
};

int cmd_alarm_list(struct hyp *hyp)
{
    const char *opened = hyp_option(hyp, "opened");
    struct buf path;
    int code;

    buf_init(&path, PATH_BYTES);
    buf_add_str(&path, ALARMS);
    api_add_param(&path, "opened", opened);
    code = listing_show(hyp, buf_str(&path), columns);
    buf_fini(&path);
    return code;
}

/* Short ids. */

struct match {
    char *ids[3]; /* more than two need not be told apart */
    size_t n;
};

static bool on_match(void *ctx, struct doc item)
{
    struct match *match = ctx;

    match->ids[match->n++] = xstrdup(doc_str(item, "id", ""));
    return match->n < sizeof match->ids / sizeof match->ids[0];
}

static int choose(const struct match *match, const char *prefix, char **id)
{
    for (size_t i = 0; i < match->n; i++) {
        if (match->n == 1 || strcmp(match->ids[i], prefix) == 0) {
            *id = xstrdup(match->ids[i]);
            return HYP_DONE;
        }
    }
    if (match->n == 0) {
        hyp_say("no alarm's id begins with '%s'; 'hyp alarm list' shows them",
                prefix);
    } else {
        hyp_say("'%s' is the beginning of several ids, %s and %s%s: give more "
                "of it",
                prefix, match->ids[0], match->ids[1],
                match->n > 2 ? " among them" : "");
    }
    return HYP_REFUSED;
}

/* The id that begins so; *id is given. */
static int find_id(struct hyp *hyp, const char *prefix, const char *opened,
                   char **id)
{
    struct match match = {.n = 0};
    struct buf path;
    int code;

    buf_init(&path, PATH_BYTES);
    buf_add_str(&path, ALARMS);
    api_add_param(&path, "opened", opened);
    api_add_param(&path, "prefix", prefix);
    code = listing_each(hyp, buf_str(&path), 3, on_match, &match, NULL);
    buf_fini(&path);
    if (code == HYP_DONE) {
        code = choose(&match, prefix, id);
    }
    for (size_t i = 0; i < match.n; i++) {
        free(match.ids[i]);
    }
    return code;
}

/* Showing. */

static bool add_row(void *ctx, struct doc item)
{
    table_add(ctx, item);
    return true;
}

static int show_steps(struct hyp *hyp, const char *id)
{
    struct table *table;
    struct buf path;
    int code;

    if (hyp->format == FORMAT_TABLE || hyp->format == FORMAT_WIDE) {
        (void)printf("\n");
    }
    table = table_new(hyp, step_columns);
    buf_init(&path, PATH_BYTES);
    buf_add_str(&path, ALARMS "/steps");
    api_add_param(&path, "id", id);
    code = listing_each(hyp, buf_str(&path), 0, add_row, table, NULL);
    if (code == HYP_DONE) {
        table_finish(table);
    }
    buf_fini(&path);
    table_free(table);
    return code;
}

static int show_alarm(struct hyp *hyp, const char *id)
{
    struct api_answer answer;
    struct buf path;
    int code;

    buf_init(&path, PATH_BYTES);
    buf_add_str(&path, ALARMS);
    api_add_param(&path, "id", id);
    code = call_get(hyp, buf_str(&path), &answer);
    buf_fini(&path);
    if (code != HYP_DONE) {
        return code;
    }
    listing_show_item(hyp, answer.doc, details);
    api_answer_fini(&answer);
    return hyp_has(hyp, "steps") ? show_steps(hyp, id) : HYP_DONE;
}

int cmd_alarm_show(struct hyp *hyp)
{
    char *id = NULL;
    int code = find_id(hyp, hyp->args.words[0], "both", &id);

    if (code == HYP_DONE) {
        code = show_alarm(hyp, id);
    }
    free(id);
    return code;
}

/* Acting. */

struct targets {
    char **ids;
    size_t n, cap;
    struct table *table; /* what is shown before asking */
};

static bool add_target(void *ctx, struct doc item)
{
    struct targets *targets = ctx;

    if (targets->n == targets->cap) {
        targets->cap = targets->cap * 2 + 16;
        targets->ids =
            xrealloc_array(targets->ids, targets->cap, sizeof targets->ids[0]);
    }
    targets->ids[targets->n++] = xstrdup(doc_str(item, "id", ""));
    if (targets->table != NULL) {
        table_add(targets->table, item);
    }
    return targets->n < ALL_MAX;
}

static void targets_fini(struct targets *targets)
{
    for (size_t i = 0; i < targets->n; i++) {
        free(targets->ids[i]);
    }
    free(targets->ids);
    table_free(targets->table);
}

static int find_by_filter(struct hyp *hyp, struct targets *targets)
{
    struct buf path;
    int code;

    buf_init(&path, PATH_BYTES);
    buf_add_str(&path, ALARMS);
    api_add_param(&path, "filter", hyp_option(hyp, "filter"));
    code = listing_each(hyp, buf_str(&path), 0, add_target, targets, NULL);
    buf_fini(&path);
    return code;
}

static int find_by_words(struct hyp *hyp, size_t first, struct targets *targets)
{
    for (size_t i = first; i < hyp->args.n; i++) {
        char *id = NULL;
        struct api_answer answer;
        struct buf path;
        int code = find_id(hyp, hyp->args.words[i], "true", &id);

        if (code != HYP_DONE) {
            return code;
        }
        buf_init(&path, PATH_BYTES);
        buf_add_str(&path, ALARMS);
        api_add_param(&path, "id", id);
        free(id);
        code = call_get(hyp, buf_str(&path), &answer);
        buf_fini(&path);
        if (code != HYP_DONE) {
            return code;
        }
        (void)add_target(targets, answer.doc);
        api_answer_fini(&answer);
    }
    return HYP_DONE;
}

static void add_text(struct buf *out, const char *name, const char *text)
{
    struct doc_value value = {.type = DOC_STRING};

    value.u.s.text = text;
    value.u.s.len = (uint32_t)strlen(text);
    buf_addf(out, ",\"%s\":", name);
    doc_value_to_json(&value, out);
}

static void write_body(const struct hyp *hyp, const char *type,
                       const char *extra, const struct targets *targets,
                       struct buf *out)
{
    const char *message = hyp_option(hyp, "message");
    char *author = call_author(hyp);

    buf_addf(out, "{\"type\":\"%s\"%s", type, extra);
    add_text(out, "author", author);
    if (message != NULL) {
        add_text(out, "message", message);
    }
    buf_add_str(out, ",\"ids\":[");
    for (size_t i = 0; i < targets->n; i++) {
        struct doc_value id = {.type = DOC_STRING};

        id.u.s.text = targets->ids[i];
        id.u.s.len = (uint32_t)strlen(targets->ids[i]);
        buf_add_str(out, i > 0 ? "," : "");
        doc_value_to_json(&id, out);
    }
    buf_add_str(out, "]}");
    free(author);
}

static void print_result(const struct hyp *hyp, struct doc item)
{
    const char *reason = doc_str(item, "reason", "");
    struct buf line;

    if (hyp->format != FORMAT_TABLE && hyp->format != FORMAT_WIDE) {
        return;
    }
    buf_init(&line, PATH_BYTES);
    table_add_clean(&line, doc_str(item, "id", ""));
    buf_add_str(&line, ": ");
    table_add_clean(&line, doc_str(item, "result", ""));
    if (reason[0] != '\0') {
        buf_add_str(&line, ": ");
        table_add_clean(&line, reason);
    }
    (void)printf("%s\n", buf_str(&line));
    buf_fini(&line);
}

static const struct column result_columns[] = {
    {"ID", "id", COLUMN_TEXT, false},
    {"RESULT", "result", COLUMN_TEXT, false},
    {"STEP", "step", COLUMN_NUMBER, false},
    {"REASON", "reason", COLUMN_TEXT, false},
    {"ACTION", "action", COLUMN_TEXT, true},
    {NULL, NULL, COLUMN_TEXT, false},
};

/* The answer, item by item; the exit code says how it went. */
static int report(struct hyp *hyp, const struct api_answer *answer)
{
    struct table *table = table_new(hyp, result_columns);
    struct doc_iter it;
    struct doc_value value;
    const char *key;
    size_t n = 0, good = 0;

    doc_iter_init(&it, doc_sub(answer->doc, "items"));
    while (doc_next(&it, &key, &value)) {
        const char *result = doc_str(value.u.doc, "result", "");

        n++;
        good += strcmp(result, "done") == 0 || strcmp(result, "pending") == 0;
        print_result(hyp, value.u.doc);
        if (hyp->format != FORMAT_TABLE && hyp->format != FORMAT_WIDE) {
            table_add(table, value.u.doc);
        }
    }
    table_free(table);
    if (n == 0) {
        return call_tell_problem(hyp, answer);
    }
    if (doc_i64(answer->doc, "unpublished", 0) == (int64_t)n) {
        return HYP_UNREACHABLE;
    }
    return good == n ? HYP_DONE : good > 0 ? HYP_PARTLY : HYP_REFUSED;
}

static int act_now(struct hyp *hyp, const char *type, const char *extra,
                   const struct targets *targets)
{
    struct api_answer answer;
    struct buf body;
    int code;

    buf_init(&body, BODY_BYTES);
    write_body(hyp, type, extra, targets, &body);
    code = call_any(hyp, ALARMS "/actions", &body, &answer);
    buf_fini(&body);
    if (code == HYP_DONE) {
        code = report(hyp, &answer);
        api_answer_fini(&answer);
    }
    return code;
}

static int confirm_and_act(struct hyp *hyp, const char *type, const char *extra,
                           const struct targets *targets)
{
    char question[128];
    bool bulk = targets->n > 1 || hyp_has(hyp, "filter");

    if (targets->n == 0) {
        hyp_say("no open alarm matches");
        return HYP_REFUSED;
    }
    if (hyp_has(hyp, "dry-run") || (bulk && !hyp_has(hyp, "yes"))) {
        table_finish(targets->table);
        (void)fflush(stdout);
    }
    if (hyp_has(hyp, "dry-run")) {
        hyp_say("%s would act on %zu alarm%s", type, targets->n,
                targets->n == 1 ? "" : "s");
        return HYP_DONE;
    }
    (void)snprintf(question, sizeof question, "%s %zu alarm%s?", type,
                   targets->n, targets->n == 1 ? "" : "s");
    if (bulk && !hyp_confirm(hyp, question)) {
        return hyp->terminal ? HYP_REFUSED : HYP_USAGE;
    }
    return act_now(hyp, type, extra, targets);
}

/* first: where the ids begin among the words. extra: further members. */
static int act(struct hyp *hyp, const char *type, const char *extra,
               size_t first)
{
    bool by_filter = hyp_has(hyp, "filter");
    struct targets targets = {0};
    enum hyp_format format = hyp->format;
    int code;

    if (by_filter == (hyp->args.n > first)) {
        hyp_say("give the alarms' ids, or --filter");
        return HYP_USAGE;
    }
    hyp->format = FORMAT_TABLE; /* what is shown before asking */
    targets.table = table_new(hyp, columns);
    hyp->format = format;
    code = by_filter ? find_by_filter(hyp, &targets)
                     : find_by_words(hyp, first, &targets);
    if (code == HYP_DONE) {
        code = confirm_and_act(hyp, type, extra, &targets);
    }
    targets_fini(&targets);
    return code;
}

int cmd_alarm_ack(struct hyp *hyp)
{
    return act(hyp, "ack", "", 0);
}

int cmd_alarm_unack(struct hyp *hyp)
{
    return act(hyp, "ackremove", "", 0);
}

int cmd_alarm_cancel(struct hyp *hyp)
{
    return act(hyp, "cancel", "", 0);
}

int cmd_alarm_uncancel(struct hyp *hyp)
{
    return act(hyp, "uncancel", "", 0);
}

int cmd_alarm_unsnooze(struct hyp *hyp)
{
    return act(hyp, "unsnooze", "", 0);
}

int cmd_alarm_comment(struct hyp *hyp)
{
    if (!hyp_has(hyp, "message")) {
        hyp_say("a comment needs --message TEXT");
        return HYP_USAGE;
    }
    return act(hyp, "comment", "", 0);
}

int cmd_alarm_snooze(struct hyp *hyp)
{
    const char *text = hyp_option(hyp, "for");
    struct errbuf why = {0};
    char extra[64];
    int64_t ms;

    if (text == NULL) {
        hyp_say("how long? --for 90s, 15m, 4h or 3d");
        return HYP_USAGE;
    }
    if (clock_parse_duration(text, &ms, &why) != ERR_OK || ms <= 0) {
        hyp_say("--for: %s",
                why.text[0] != '\0' ? why.text : "expected more than 0");
        return HYP_USAGE;
    }
    (void)snprintf(extra, sizeof extra, ",\"duration\":%.3f",
                   clock_ms_to_s(ms));
    return act(hyp, "snooze", extra, 0);
}

/* The last word is the ticket's number, those before are alarms. */
static const char *take_last_word(struct hyp *hyp)
{
    return hyp->args.words[--hyp->args.n];
}

int cmd_alarm_ticket(struct hyp *hyp)
{
    const char *number = take_last_word(hyp);
    const char *url = hyp_option(hyp, "url");
    struct buf extra;
    int code;

    buf_init(&extra, BODY_BYTES);
    add_text(&extra, "ticket", number);
    if (url != NULL) {
        add_text(&extra, "ticket_url", url);
    }
    code = act(hyp, "assocticket", buf_str(&extra), 0);
    buf_fini(&extra);
    return code;
}

static int parse_state(const char *text)
{
    for (int i = STATE_OK; i <= STATE_CRITICAL; i++) {
        if ((text[0] == '0' + i && text[1] == '\0') ||
            strcmp(text, event_state_name(i)) == 0) {
            return i;
        }
    }
    return -1;
}

int cmd_alarm_state(struct hyp *hyp)
{
    const char *text = take_last_word(hyp);
    int state = parse_state(text);
    char extra[64];

    if (state < 0) {
        hyp_say("'%s': expected 0 to 3, or ok, minor, major or critical", text);
        return HYP_USAGE;
    }
    (void)snprintf(extra, sizeof extra, ",\"state\":%d%s", state,
                   hyp_has(hyp, "release") ? ",\"keep_state\":false" : "");
    return act(hyp, "changestate", extra, 0);
}
