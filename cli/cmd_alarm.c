/* SPDX-License-Identifier: Apache-2.0 */
/** hyp alarm: list, show, and what is done to alarms. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/acting.h"
#include "cli/call.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/event/event.h"

enum {
    PATH_BYTES = 64 * 1024,
    EXTRA_BYTES = 64 * 1024
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

/* Why. */

static const struct column reason_columns[] = {
    {"ABOUT", "about", COLUMN_TEXT, false},
    {"AT", "at", COLUMN_TIME, false},
    {"WHY", "text", COLUMN_TEXT, false},
    {NULL, NULL, COLUMN_TEXT, false},
};

static int explain_alarm(struct hyp *hyp, const char *id)
{
    struct api_answer answer;
    struct table *table;
    struct doc_iter it;
    struct doc_value reason;
    const char *key;
    struct buf path;
    int code;

    buf_init(&path, PATH_BYTES);
    buf_add_str(&path, ALARMS "/explain");
    api_add_param(&path, "id", id);
    code = call_get(hyp, buf_str(&path), &answer);
    buf_fini(&path);
    if (code != HYP_DONE) {
        return code;
    }
    table = table_new(hyp, reason_columns);
    doc_iter_init(&it, doc_sub(answer.doc, "reasons"));
    while (doc_next(&it, &key, &reason)) {
        table_add(table, reason.u.doc);
    }
    table_finish(table);
    table_free(table);
    api_answer_fini(&answer);
    return HYP_DONE;
}

int cmd_explain(struct hyp *hyp)
{
    char *id = NULL;
    int code = find_id(hyp, hyp->args.words[0], "both", &id);

    if (code == HYP_DONE) {
        code = explain_alarm(hyp, id);
    }
    free(id);
    return code;
}

/* Acting. */

static int find_open(struct hyp *hyp, const char *word, char **id)
{
    return find_id(hyp, word, "true", id);
}

static int act(struct hyp *hyp, const char *type, const char *extra)
{
    return acting_do(hyp, &(struct acting){.path = ALARMS,
                                           .one = "open alarm",
                                           .many = "open alarms",
                                           .and_more = "",
                                           .columns = columns,
                                           .find = find_open,
                                           .type = type,
                                           .extra = extra});
}

int cmd_alarm_ack(struct hyp *hyp)
{
    return act(hyp, "ack", NULL);
}

int cmd_alarm_unack(struct hyp *hyp)
{
    return act(hyp, "ackremove", NULL);
}

int cmd_alarm_cancel(struct hyp *hyp)
{
    return act(hyp, "cancel", NULL);
}

int cmd_alarm_uncancel(struct hyp *hyp)
{
    return act(hyp, "uncancel", NULL);
}

int cmd_alarm_unsnooze(struct hyp *hyp)
{
    return act(hyp, "unsnooze", NULL);
}

int cmd_alarm_comment(struct hyp *hyp)
{
    if (!hyp_has(hyp, "message")) {
        hyp_say("a comment needs --message TEXT");
        return HYP_USAGE;
    }
    return act(hyp, "comment", NULL);
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
    return act(hyp, "snooze", extra);
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

    buf_init(&extra, EXTRA_BYTES);
    acting_add_text(&extra, "ticket", number);
    if (url != NULL) {
        acting_add_text(&extra, "ticket_url", url);
    }
    code = act(hyp, "assocticket", buf_str(&extra));
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
    return act(hyp, "changestate", extra);
}
