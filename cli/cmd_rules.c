/* SPDX-License-Identifier: Apache-2.0 */
/** hyp eventfilter test: what the rules would make of events. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/call.h"
#include "cli/object_files.h"
#include "cli/objects.h"
#include "cli/replay.h"
#include "cli/table.h"
#include "common/base/clock.h"
#include "common/base/str.h"

enum {
    BODY_BYTES = 8 * 1024 * 1024,
    LINE_MAX_BYTES = 64 * 1024
};

/* The body of the request in the making. */
struct asking {
    struct hyp *hyp;
    struct buf body;
    struct buf objects; /* items of its "objects" */
    int64_t from_ms;    /* of --replay */
    int64_t to_ms;
    int code;
};

static void add_object(struct asking *asking, struct doc object)
{
    buf_add_str(&asking->objects, asking->objects.len > 0 ? "," : "");
    doc_to_json(object, &asking->objects);
}

static bool add_from_file(void *ctx, const char *where, struct doc object)
{
    (void)where;
    add_object(ctx, object);
    return true;
}

/* Rules named alone: none but these takes part. */
static int add_named(struct asking *asking)
{
    struct hyp *hyp = asking->hyp;

    for (size_t i = 0; i < hyp->args.n; i++) {
        struct api_answer answer;
        int code =
            objects_fetch(hyp, "eventfilter", hyp->args.words[i], &answer);

        if (code != HYP_DONE) {
            return code;
        }
        add_object(asking, answer.doc);
        api_answer_fini(&answer);
    }
    return HYP_DONE;
}

static void add_member(struct asking *asking, const char *name,
                       const char *text)
{
    struct doc_value value = {.type = DOC_STRING};

    value.u.s.text = text;
    value.u.s.len = (uint32_t)strlen(text);
    buf_addf(&asking->body, "\"%s\":", name);
    doc_value_to_json(&value, &asking->body);
}

static int add_event(struct asking *asking, const char *text, size_t len)
{
    struct doc_out *out = doc_out_new();
    struct errbuf why = {0};
    struct doc doc;
    int code = HYP_DONE;

    if (doc_from_json(text, len, out, &doc, &why) == ERR_OK) {
        buf_add_str(&asking->body, "\"event\":");
        doc_to_json(doc, &asking->body);
    } else {
        hyp_say("the event: expected one JSON object: %s", why.text);
        code = HYP_USAGE;
    }
    doc_out_free(out);
    return code;
}

static int add_event_file(struct asking *asking, const char *path)
{
    struct buf text;
    int code = HYP_USAGE;

    buf_init(&text, BODY_BYTES);
    if (object_files_read(path, &text)) {
        code = add_event(asking, buf_str(&text), text.len);
    }
    buf_fini(&text);
    return code;
}

/* From and to as times: the pages of one replay speak of the same events. */
static int add_replay(struct asking *asking, const char *duration)
{
    int64_t ms;

    if (clock_parse_duration(duration, &ms, NULL) != ERR_OK) {
        hyp_say("--replay: expected a duration such as 15m, 24h, 3d");
        return HYP_USAGE;
    }
    asking->to_ms = clock_now_ms();
    asking->from_ms = asking->to_ms - ms;
    buf_addf(&asking->body, "\"from\":%.3f,\"to\":%.3f",
             clock_ms_to_s(asking->from_ms), clock_ms_to_s(asking->to_ms));
    return HYP_DONE;
}

/* When the event is received: seconds, or before now. */
static int add_time(struct asking *asking, const char *text)
{
    double seconds;

    buf_add_char(&asking->body, ',');
    if (text[0] == '-') {
        add_member(asking, "at", text);
    } else if (str_to_double(text, &seconds) == ERR_OK) {
        buf_addf(&asking->body, "\"at\":%.3f", seconds);
    } else {
        hyp_say("--at: expected seconds since 1970, or before now: -3h");
        return HYP_USAGE;
    }
    return HYP_DONE;
}

/* Which event: exactly one of these. */
static int add_source(struct asking *asking)
{
    static const char *const names[] = {"event", "json", "entity", "id",
                                        "replay"};
    const struct hyp *hyp = asking->hyp;
    const char *given = NULL;
    const char *value = NULL;
    size_t n = 0;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (hyp_has(hyp, names[i])) {
            given = names[i];
            value = hyp_option(hyp, given);
            n++;
        }
    }
    if (n != 1) {
        hyp_say("which event? Give one of --event FILE, --json JSON, --entity "
                "ID, --id ID, --replay DURATION");
        return HYP_USAGE;
    }
    if (strcmp(given, "event") == 0) {
        return add_event_file(asking, value);
    }
    if (strcmp(given, "json") == 0) {
        return add_event(asking, value, strlen(value));
    }
    if (strcmp(given, "replay") == 0) {
        return add_replay(asking, value);
    }
    add_member(asking, given, value);
    return HYP_DONE;
}

static int make_body(struct asking *asking)
{
    const struct hyp *hyp = asking->hyp;
    const char *file = hyp_option(hyp, "file");
    const char *action = hyp_option(hyp, "default");
    int code;

    buf_add_char(&asking->body, '{');
    code = add_source(asking);
    if (code == HYP_DONE && hyp_has(hyp, "at")) {
        code = add_time(asking, hyp_option(hyp, "at"));
    }
    if (code == HYP_DONE) {
        code = add_named(asking);
    }
    if (code == HYP_DONE && file != NULL) {
        code = object_files_each(file, add_from_file, asking);
    }
    if (code != HYP_DONE) {
        return code;
    }
    if (action != NULL) {
        buf_add_char(&asking->body, ',');
        add_member(asking, "default_action", action);
    }
    buf_addf(&asking->body, ",\"only\":%s,\"objects\":[",
             hyp->args.n > 0 ? "true" : "false");
    buf_add(&asking->body, buf_str(&asking->objects), asking->objects.len);
    buf_add_str(&asking->body, "]}");
    return HYP_DONE;
}

/* Telling. */

static void print_clean(const char *before, const char *text, const char *after)
{
    struct buf line;

    buf_init(&line, LINE_MAX_BYTES);
    table_add_clean(&line, text);
    (void)printf("%s%s%s", before, buf_str(&line), after);
    buf_fini(&line);
}

static void print_value(struct doc item, const char *name)
{
    struct doc_value value;
    struct buf text;

    buf_init(&text, LINE_MAX_BYTES);
    if (doc_get(item, name, &value) && value.type != DOC_NULL) {
        doc_value_to_json(&value, &text);
    }
    print_clean("", text.len > 0 ? buf_str(&text) : "-", "");
    buf_fini(&text);
}

static void each_sub(struct doc item, const char *name,
                     void (*each)(struct doc sub))
{
    struct doc_iter it;
    struct doc_value value;
    const char *index;

    doc_iter_init(&it, doc_sub(item, name));
    while (doc_next(&it, &index, &value)) {
        if (value.type == DOC_DOC) {
            each(value.u.doc);
        }
    }
}

static void print_rule(struct doc rule)
{
    const char *reason = doc_str(rule, "reason", "");

    print_clean("  rule ", doc_str(rule, "name", "?"), ": ");
    print_clean("", doc_str(rule, "result", "?"), "");
    if (reason[0] != '\0') {
        print_clean(": ", reason, "");
    }
    (void)putchar('\n');
}

static void print_change(struct doc change)
{
    print_clean("  ", doc_str(change, "field", "?"), ": ");
    print_value(change, "from");
    (void)fputs(" -> ", stdout);
    print_value(change, "to");
    (void)putchar('\n');
}

static void print_item(struct doc item)
{
    const char *reason = doc_str(item, "reason", "");
    const char *id = doc_str(item, "id", "");

    print_clean("", doc_str(item, "verdict", "?"), " ");
    print_clean("", doc_str(item, "entity_id", ""), "");
    if (id[0] != '\0') {
        print_clean(" (", id, ")");
    }
    if (reason[0] != '\0') {
        print_clean(": ", reason, "");
    }
    (void)putchar('\n');
    each_sub(item, "rules", print_rule);
    each_sub(item, "changes", print_change);
}

static void tell_bad(struct doc bad)
{
    hyp_say("rule %s is stored and no good: %s", doc_str(bad, "name", "?"),
            doc_str(bad, "reason", "?"));
}

static void print_answer(struct doc answer)
{
    each_sub(answer, "bad_rules", tell_bad);
    each_sub(answer, "items", print_item);
    (void)printf("tested %lld: %lld pass (%lld changed), %lld dropped, %lld "
                 "to the dead letters\n",
                 (long long)doc_i64(answer, "tested", 0),
                 (long long)doc_i64(answer, "passed", 0),
                 (long long)doc_i64(answer, "changed", 0),
                 (long long)doc_i64(answer, "dropped", 0),
                 (long long)doc_i64(answer, "dead", 0));
}

static int try_one(struct asking *asking)
{
    struct hyp *hyp = asking->hyp;
    struct api_answer answer;
    int code = call_post(hyp, "/api/v1/objects/eventfilter/test", &asking->body,
                         &answer);

    if (code != HYP_DONE) {
        return code;
    }
    if (hyp->format == FORMAT_JSON) {
        (void)printf("%s\n", buf_str(&answer.text));
    } else {
        print_answer(answer.doc);
    }
    api_answer_fini(&answer);
    return HYP_DONE;
}

int cmd_rules_test(struct hyp *hyp)
{
    struct asking asking = {.hyp = hyp};
    int code;

    buf_init(&asking.body, BODY_BYTES);
    buf_init(&asking.objects, BODY_BYTES);
    code = make_body(&asking);
    if (code == HYP_DONE && hyp_has(hyp, "replay")) {
        const struct replay_job job = {.body = &asking.body,
                                       .from_ms = asking.from_ms,
                                       .to_ms = asking.to_ms,
                                       .print = print_item,
                                       .tell_bad = tell_bad};

        code = replay_run(hyp, &job);
    } else if (code == HYP_DONE) {
        code = try_one(&asking);
    }
    buf_fini(&asking.objects);
    buf_fini(&asking.body);
    return code;
}
