/* SPDX-License-Identifier: Apache-2.0 */
/** What operators do to many at once: choose, ask, send, report. */
#include "cli/acting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/call.h"
#include "common/base/mem.h"

enum {
    PATH_BYTES = 64 * 1024,
    BODY_BYTES = 8 * 1024 * 1024,
    QUESTION_MAX = 160,
    ALL_MAX = 100000,
    A_REQUEST = 1000 /* targets; as many as a server takes by default */
};

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

static int find_by_filter(struct hyp *hyp, const struct acting *acting,
                          struct targets *targets)
{
    struct buf path;
    int code;

    buf_init(&path, PATH_BYTES);
    buf_add_str(&path, acting->path);
    api_add_param(&path, "filter",
                  hyp_has(hyp, "all") ? acting->all
                                      : hyp_option(hyp, "filter"));
    code = listing_each(hyp, buf_str(&path), 0, add_target, targets, NULL);
    buf_fini(&path);
    return code;
}

static int add_by_id(struct hyp *hyp, const struct acting *acting,
                     const char *id, struct targets *targets)
{
    struct api_answer answer;
    struct buf path;
    int code;

    buf_init(&path, PATH_BYTES);
    buf_add_str(&path, acting->path);
    api_add_param(&path, "id", id);
    code = call_get(hyp, buf_str(&path), &answer);
    buf_fini(&path);
    if (code == HYP_DONE) {
        (void)add_target(targets, answer.doc);
        api_answer_fini(&answer);
    }
    return code;
}

static int find_by_words(struct hyp *hyp, const struct acting *acting,
                         struct targets *targets)
{
    int code = HYP_DONE;

    for (size_t i = 0; code == HYP_DONE && i < hyp->args.n; i++) {
        char *id = NULL;

        code = acting->find(hyp, hyp->args.words[i], &id);
        if (code == HYP_DONE) {
            code = add_by_id(hyp, acting, id, targets);
        }
        free(id);
    }
    return code;
}

void acting_add_text(struct buf *out, const char *name, const char *text)
{
    struct doc_value value = {.type = DOC_STRING};

    value.u.s.text = text;
    value.u.s.len = (uint32_t)strlen(text);
    buf_addf(out, ",\"%s\":", name);
    doc_value_to_json(&value, out);
}

/* The targets from `first` on, as many as a request takes. */
struct part {
    const struct targets *targets;
    size_t first;
    size_t n;
};

static void write_ids(const struct part *part, struct buf *out)
{
    buf_add_str(out, ",\"ids\":[");
    for (size_t i = 0; i < part->n; i++) {
        const char *text = part->targets->ids[part->first + i];
        struct doc_value id = {.type = DOC_STRING};

        id.u.s.text = text;
        id.u.s.len = (uint32_t)strlen(text);
        buf_add_str(out, i > 0 ? "," : "");
        doc_value_to_json(&id, out);
    }
    buf_add_char(out, ']');
}

static void write_body(const struct hyp *hyp, const struct acting *acting,
                       const struct part *part, struct buf *out)
{
    const char *message = hyp_option(hyp, "message");
    char *author = call_author(hyp);
    struct buf members;

    buf_init(&members, BODY_BYTES);
    if (acting->post == NULL) {
        acting_add_text(&members, "type", acting->type);
    }
    buf_add_str(&members, acting->extra == NULL ? "" : acting->extra);
    acting_add_text(&members, "author", author);
    if (message != NULL) {
        acting_add_text(&members, "message", message);
    }
    write_ids(part, &members);
    buf_addf(out, "{%s}", buf_str(&members) + 1); /* without the first comma */
    buf_fini(&members);
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

static int act_on(struct hyp *hyp, const struct acting *acting,
                  const struct part *part)
{
    struct api_answer answer;
    struct buf path;
    struct buf body;
    int code;

    buf_init(&path, PATH_BYTES);
    buf_addf(&path, "%s%s", acting->path,
             acting->post != NULL ? acting->post : "/actions");
    buf_init(&body, BODY_BYTES);
    write_body(hyp, acting, part, &body);
    code = call_any(hyp, buf_str(&path), &body, &answer);
    buf_fini(&body);
    buf_fini(&path);
    if (code == HYP_DONE) {
        code = report(hyp, &answer);
        api_answer_fini(&answer);
    }
    return code;
}

/* What two requests together come to. */
static int join(int code, int next)
{
    return code == next ? code
           : code == HYP_UNREACHABLE || next == HYP_UNREACHABLE
               ? HYP_UNREACHABLE
               : HYP_PARTLY;
}

static int act_now(struct hyp *hyp, const struct acting *acting,
                   const struct targets *targets)
{
    int code = HYP_DONE;

    for (size_t first = 0; first < targets->n && code != HYP_UNREACHABLE;
         first += A_REQUEST) {
        size_t left = targets->n - first;
        const struct part part = {targets, first,
                                  left < A_REQUEST ? left : A_REQUEST};
        int next = act_on(hyp, acting, &part);

        code = first == 0 ? next : join(code, next);
    }
    return code;
}

static int confirm_and_act(struct hyp *hyp, const struct acting *acting,
                           const struct targets *targets)
{
    char question[QUESTION_MAX];
    const char *noun = targets->n == 1 ? acting->one : acting->many;
    bool ask = acting->asks || targets->n > 1 || hyp_has(hyp, "filter") ||
               hyp_has(hyp, "all");

    if (targets->n == 0) {
        hyp_say("no %s matches", acting->one);
        return HYP_REFUSED;
    }
    if (hyp_has(hyp, "dry-run") || (ask && !hyp_has(hyp, "yes"))) {
        table_finish(targets->table);
        (void)fflush(stdout);
    }
    if (hyp_has(hyp, "dry-run")) {
        hyp_say("%s would act on %zu %s%s", acting->type, targets->n, noun,
                acting->and_more);
        return HYP_DONE;
    }
    (void)snprintf(question, sizeof question, "%s %zu %s%s?", acting->type,
                   targets->n, noun, acting->and_more);
    if (ask && !hyp_confirm(hyp, question)) {
        return hyp->terminal ? HYP_REFUSED : HYP_USAGE;
    }
    return act_now(hyp, acting, targets);
}

int acting_do(struct hyp *hyp, const struct acting *acting)
{
    bool by_filter = hyp_has(hyp, "filter") || hyp_has(hyp, "all");
    struct targets targets = {0};
    enum hyp_format format = hyp->format;
    int code;

    if (by_filter == (hyp->args.n > 0) ||
        (hyp_has(hyp, "filter") && hyp_has(hyp, "all"))) {
        hyp_say("give the ids of %s, or --filter%s", acting->many,
                args_listed(hyp->command->options, "all") ? ", or --all" : "");
        return HYP_USAGE;
    }
    hyp->format = FORMAT_TABLE; /* what is shown before asking */
    targets.table = table_new(hyp, acting->columns);
    hyp->format = format;
    code = by_filter ? find_by_filter(hyp, acting, &targets)
                     : find_by_words(hyp, acting, &targets);
    if (code == HYP_DONE) {
        code = confirm_and_act(hyp, acting, &targets);
    }
    targets_fini(&targets);
    return code;
}

int acting_take_id(struct hyp *hyp, const char *word, char **id)
{
    (void)hyp;
    *id = xstrdup(word);
    return HYP_DONE;
}
