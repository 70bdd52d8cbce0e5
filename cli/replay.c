/* SPDX-License-Identifier: Apache-2.0 */
/** The rules of the event filter tried on the log. */
#include "cli/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/call.h"
#include "common/base/mem.h"
#include "common/base/str.h"

enum {
    PAGE = 5000,          /* events of one request: some tenths of a second */
    EVENTS_MAX = 1000000, /* unless --limit says otherwise */
    EXAMPLES = 10,
    EXAMPLES_JSON = 100,
    BODY_BYTES = 8 * 1024 * 1024,
    ITEMS_BYTES = 64 * 1024 * 1024,
    RULES_STEP = 16
};

struct tally {
    char *name;
    int64_t matches, drops, failures;
};

struct replay {
    struct hyp *hyp;
    const struct replay_job *job;
    int64_t most; /* events */
    int64_t tested, passed, changed, dropped, dead;
    int64_t examples, examples_most;
    struct tally *tallies;
    size_t n_tallies;
    struct buf body;
    struct buf items; /* as JSON, where that is asked for */
    char *next;       /* cursor; NULL: at the newest */
    bool more;
};

static void add_text(struct buf *out, const char *text)
{
    const struct doc_value value = {.type = DOC_STRING,
                                    .u.s = {text, (uint32_t)strlen(text)}};

    doc_value_to_json(&value, out);
}

static struct tally *tally_of(struct replay *replay, const char *name)
{
    for (size_t i = 0; i < replay->n_tallies; i++) {
        if (strcmp(replay->tallies[i].name, name) == 0) {
            return &replay->tallies[i];
        }
    }
    if (replay->n_tallies % RULES_STEP == 0) {
        replay->tallies =
            xrealloc_array(replay->tallies, replay->n_tallies + RULES_STEP,
                           sizeof replay->tallies[0]);
    }
    replay->tallies[replay->n_tallies] = (struct tally){.name = xstrdup(name)};
    return &replay->tallies[replay->n_tallies++];
}

static void add_rules(struct replay *replay, struct doc rules)
{
    struct doc_iter it;
    struct doc_value rule;
    const char *index;

    doc_iter_init(&it, rules);
    while (doc_next(&it, &index, &rule)) {
        struct tally *tally =
            tally_of(replay, doc_str(rule.u.doc, "name", "?"));

        tally->matches += doc_i64(rule.u.doc, "matches", 0);
        tally->drops += doc_i64(rule.u.doc, "drops", 0);
        tally->failures += doc_i64(rule.u.doc, "failures", 0);
    }
}

static void add_items(struct replay *replay, struct doc items)
{
    bool json = replay->hyp->format == FORMAT_JSON;
    struct doc_iter it;
    struct doc_value item;
    const char *index;

    doc_iter_init(&it, items);
    while (doc_next(&it, &index, &item)) {
        replay->examples++;
        if (json) {
            buf_add_str(&replay->items, replay->items.len > 0 ? "," : "");
            doc_to_json(item.u.doc, &replay->items);
        } else {
            replay->job->print(item.u.doc);
        }
    }
}

static void tell_bad(const struct replay *replay, struct doc bad)
{
    struct doc_iter it;
    struct doc_value rule;
    const char *index;

    doc_iter_init(&it, bad);
    while (doc_next(&it, &index, &rule)) {
        replay->job->tell_bad(rule.u.doc);
    }
}

/* The part of the time that was gone through, from its end on. */
static void show_progress(const struct replay *replay, int64_t reached_ms)
{
    double all = (double)(replay->job->to_ms - replay->job->from_ms);
    double done = (double)(replay->job->to_ms - reached_ms);

    if (isatty(STDERR_FILENO) == 1 && reached_ms > 0 && all > 0) {
        (void)fprintf(stderr, "\r%lld events, %3.0f %% of the time ",
                      (long long)replay->tested,
                      done > all ? 100 : 100 * done / all);
    }
}

static void clear_progress(void)
{
    if (isatty(STDERR_FILENO) == 1) {
        (void)fprintf(stderr, "\r%*s\r", 50, "");
    }
}

static void take_page(struct replay *replay, struct doc answer, bool first)
{
    const char *next = doc_str(answer, "next", NULL);

    if (first) {
        tell_bad(replay, doc_sub(answer, "bad_rules"));
    }
    replay->tested += doc_i64(answer, "tested", 0);
    replay->passed += doc_i64(answer, "passed", 0);
    replay->changed += doc_i64(answer, "changed", 0);
    replay->dropped += doc_i64(answer, "dropped", 0);
    replay->dead += doc_i64(answer, "dead", 0);
    add_rules(replay, doc_sub(answer, "rules"));
    if (doc_count(doc_sub(answer, "items")) > 0) {
        clear_progress();
        add_items(replay, doc_sub(answer, "items"));
    }
    show_progress(replay, doc_ms(answer, "reached_at", 0));
    free(replay->next);
    replay->next = next != NULL ? xstrdup(next) : NULL;
    replay->more = next != NULL;
}

static int64_t page_of(const struct replay *replay)
{
    int64_t left = replay->most - replay->tested;

    return replay->most > 0 && left < PAGE ? left : PAGE;
}

/* The request, with where this page begins behind its other members. */
static void make_body(struct replay *replay)
{
    const struct buf *base = replay->job->body;

    buf_clear(&replay->body);
    buf_add(&replay->body, base->data, base->len - 1);
    buf_addf(&replay->body, ",\"limit\":%lld,\"examples\":%lld",
             (long long)page_of(replay),
             (long long)(replay->examples_most - replay->examples));
    if (replay->next != NULL) {
        buf_add_str(&replay->body, ",\"cursor\":");
        add_text(&replay->body, replay->next);
    }
    buf_add_char(&replay->body, '}');
}

static int each_page(struct replay *replay)
{
    bool first = true;
    int code = HYP_DONE;

    while (code == HYP_DONE && (first || replay->more) && page_of(replay) > 0) {
        struct api_answer answer;

        make_body(replay);
        code = call_post(replay->hyp, "/api/v1/objects/eventfilter/test",
                         &replay->body, &answer);
        if (code == HYP_DONE) {
            take_page(replay, answer.doc, first);
            api_answer_fini(&answer);
        }
        first = false;
    }
    clear_progress();
    return code;
}

static void print_text(const struct replay *replay)
{
    for (size_t i = 0; i < replay->n_tallies; i++) {
        const struct tally *tally = &replay->tallies[i];

        (void)printf("rule %s: %lld matched, %lld dropped, %lld failed\n",
                     tally->name, (long long)tally->matches,
                     (long long)tally->drops, (long long)tally->failures);
    }
    (void)printf("tested %lld: %lld pass (%lld changed), %lld dropped, %lld "
                 "to the dead letters%s\n",
                 (long long)replay->tested, (long long)replay->passed,
                 (long long)replay->changed, (long long)replay->dropped,
                 (long long)replay->dead,
                 replay->more ? "; there were more (--limit)" : "");
}

static void print_json(const struct replay *replay)
{
    struct buf out;

    buf_init(&out, ITEMS_BYTES);
    buf_addf(&out,
             "{\"tested\":%lld,\"passed\":%lld,\"changed\":%lld,"
             "\"dropped\":%lld,\"dead\":%lld,\"more\":%s,\"rules\":[",
             (long long)replay->tested, (long long)replay->passed,
             (long long)replay->changed, (long long)replay->dropped,
             (long long)replay->dead, replay->more ? "true" : "false");
    for (size_t i = 0; i < replay->n_tallies; i++) {
        const struct tally *tally = &replay->tallies[i];

        buf_add_str(&out, i > 0 ? ",{\"name\":" : "{\"name\":");
        add_text(&out, tally->name);
        buf_addf(&out, ",\"matches\":%lld,\"drops\":%lld,\"failures\":%lld}",
                 (long long)tally->matches, (long long)tally->drops,
                 (long long)tally->failures);
    }
    (void)printf("%s],\"items\":[%s]}\n", buf_str(&out),
                 buf_str(&replay->items));
    buf_fini(&out);
}

static void replay_fini(struct replay *replay)
{
    for (size_t i = 0; i < replay->n_tallies; i++) {
        free(replay->tallies[i].name);
    }
    free(replay->tallies);
    free(replay->next);
    buf_fini(&replay->items);
    buf_fini(&replay->body);
}

int replay_run(struct hyp *hyp, const struct replay_job *job)
{
    bool json = hyp->format == FORMAT_JSON;
    const char *limit = hyp_option(hyp, "limit");
    struct replay replay = {.hyp = hyp,
                            .job = job,
                            .most = EVENTS_MAX,
                            .examples_most = json ? EXAMPLES_JSON : EXAMPLES};
    int code;

    if (limit != NULL &&
        str_to_i64(limit, 0, INT64_MAX, &replay.most) != ERR_OK) {
        hyp_say("--limit: expected a number of events; 0: all");
        return HYP_USAGE;
    }
    buf_init(&replay.body, BODY_BYTES);
    buf_init(&replay.items, ITEMS_BYTES);
    code = each_page(&replay);
    if (code == HYP_DONE && json) {
        print_json(&replay);
    } else if (code == HYP_DONE) {
        print_text(&replay);
    }
    replay_fini(&replay);
    return code;
}
