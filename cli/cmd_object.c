/* SPDX-License-Identifier: Apache-2.0 */
/** hyp KIND list, show, history, check, delete, restore: objects of a kind,
 *  which is the command's group. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/call.h"
#include "cli/listing.h"
#include "cli/object_files.h"
#include "cli/objects.h"
#include "common/base/mem.h"
#include "common/base/str.h"

enum {
    PATH_BYTES = 16 * 1024,
    BODY_BYTES = 1024 * 1024,
    PRIORITY_DEFAULT = 100 /* of rules of all kinds */
};

static const struct column list_columns[] = {
    {"PRIORITY", "spec.priority", COLUMN_NUMBER, false},
    {"NAME", "name", COLUMN_TEXT, false},
    {"ENABLED", "spec.enabled", COLUMN_BOOL, false},
    {"FILTER", "spec.filter", COLUMN_TEXT, false},
    {"ACTIONS", "spec.actions", COLUMN_TEXT, true},
    {"MATCHES", "stats.matches", COLUMN_NUMBER, false},
    {"DROPS", "stats.drops", COLUMN_NUMBER, true},
    {"FAILURES", "stats.failures", COLUMN_NUMBER, false},
    {"LAST MATCH", "stats.matched_at", COLUMN_AGE, false},
    {"VERSION", "version", COLUMN_NUMBER, true},
    {"CHANGED", "updated_at", COLUMN_AGE, true},
    {"BY", "author", COLUMN_TEXT, true},
    {"PROBLEM", "problem.reason", COLUMN_TEXT, false},
    {NULL, NULL, COLUMN_TEXT, false},
};

static const struct column details[] = {
    {"NAME", "name", COLUMN_TEXT, false},
    {"DESCRIPTION", "spec.description", COLUMN_TEXT, false},
    {"ENABLED", "spec.enabled", COLUMN_BOOL, false},
    {"PRIORITY", "spec.priority", COLUMN_NUMBER, false},
    {"FILTER", "spec.filter", COLUMN_TEXT, false},
    {"ACTIONS", "spec.actions", COLUMN_TEXT, false},
    {"BREAK", "spec.break", COLUMN_BOOL, false},
    {"ON FAILURE", "spec.on_failure", COLUMN_TEXT, false},
    {"LABELS", "labels", COLUMN_TEXT, false},
    {"PROBLEM", "problem.reason", COLUMN_TEXT, false},
    {"MATCHES", "stats.matches", COLUMN_NUMBER, false},
    {"DROPS", "stats.drops", COLUMN_NUMBER, false},
    {"FAILURES", "stats.failures", COLUMN_NUMBER, false},
    {"LAST MATCH", "stats.matched_at", COLUMN_TIME, false},
    {"LAST FAILURE", "stats.last_failure.at", COLUMN_TIME, false},
    {"ITS EVENT", "stats.last_failure.event", COLUMN_TEXT, false},
    {"ITS REASON", "stats.last_failure.reason", COLUMN_TEXT, false},
    {"VERSION", "version", COLUMN_NUMBER, false},
    {"CREATED", "created_at", COLUMN_TIME, false},
    {"CHANGED", "updated_at", COLUMN_TIME, false},
    {"BY", "author", COLUMN_TEXT, false},
    {NULL, NULL, COLUMN_TEXT, false},
};

static const struct column alarm_rule_columns[] = {
    {"PRIORITY", "spec.priority", COLUMN_NUMBER, false},
    {"NAME", "name", COLUMN_TEXT, false},
    {"ENABLED", "spec.enabled", COLUMN_BOOL, false},
    {"FILTER", "spec.filter", COLUMN_TEXT, false},
    {"RESOLVE AFTER", "spec.resolve_after", COLUMN_TEXT, false},
    {"FLAPPING", "spec.flapping_changes", COLUMN_NUMBER, false},
    {"WITHIN", "spec.flapping_window", COLUMN_TEXT, false},
    {"END BELOW", "spec.flapping_end", COLUMN_NUMBER, false},
    {"STEALTHY", "spec.stealthy_time", COLUMN_TEXT, false},
    {"CANCELLED", "spec.cancel_autosolve", COLUMN_TEXT, false},
    {"VERSION", "version", COLUMN_NUMBER, true},
    {"CHANGED", "updated_at", COLUMN_AGE, true},
    {"BY", "author", COLUMN_TEXT, true},
    {"PROBLEM", "problem.reason", COLUMN_TEXT, false},
    {NULL, NULL, COLUMN_TEXT, false},
};

static const struct column alarm_rule_details[] = {
    {"NAME", "name", COLUMN_TEXT, false},
    {"DESCRIPTION", "spec.description", COLUMN_TEXT, false},
    {"ENABLED", "spec.enabled", COLUMN_BOOL, false},
    {"PRIORITY", "spec.priority", COLUMN_NUMBER, false},
    {"FILTER", "spec.filter", COLUMN_TEXT, false},
    {"RESOLVE AFTER", "spec.resolve_after", COLUMN_TEXT, false},
    {"FLAPPING CHANGES", "spec.flapping_changes", COLUMN_NUMBER, false},
    {"FLAPPING WINDOW", "spec.flapping_window", COLUMN_TEXT, false},
    {"FLAPPING END", "spec.flapping_end", COLUMN_NUMBER, false},
    {"STEALTHY TIME", "spec.stealthy_time", COLUMN_TEXT, false},
    {"CANCEL AUTOSOLVE", "spec.cancel_autosolve", COLUMN_TEXT, false},
    {"LABELS", "labels", COLUMN_TEXT, false},
    {"PROBLEM", "problem.reason", COLUMN_TEXT, false},
    {"VERSION", "version", COLUMN_NUMBER, false},
    {"CREATED", "created_at", COLUMN_TIME, false},
    {"CHANGED", "updated_at", COLUMN_TIME, false},
    {"BY", "author", COLUMN_TEXT, false},
    {NULL, NULL, COLUMN_TEXT, false},
};

static const struct column table_columns[] = {
    {"NAME", "name", COLUMN_TEXT, false},
    {"DESCRIPTION", "spec.description", COLUMN_TEXT, false},
    {"VERSION", "version", COLUMN_NUMBER, false},
    {"CHANGED", "updated_at", COLUMN_AGE, false},
    {"BY", "author", COLUMN_TEXT, true},
    {"PROBLEM", "problem.reason", COLUMN_TEXT, false},
    {NULL, NULL, COLUMN_TEXT, false},
};

static const struct column table_details[] = {
    {"NAME", "name", COLUMN_TEXT, false},
    {"DESCRIPTION", "spec.description", COLUMN_TEXT, false},
    {"ROWS", "spec.rows", COLUMN_TEXT, false},
    {"CSV", "spec.csv", COLUMN_TEXT, false},
    {"LABELS", "labels", COLUMN_TEXT, false},
    {"PROBLEM", "problem.reason", COLUMN_TEXT, false},
    {"VERSION", "version", COLUMN_NUMBER, false},
    {"CREATED", "created_at", COLUMN_TIME, false},
    {"CHANGED", "updated_at", COLUMN_TIME, false},
    {"BY", "author", COLUMN_TEXT, false},
    {NULL, NULL, COLUMN_TEXT, false},
};

/* How the objects of each kind are shown. */
static const struct look {
    const char *kind;
    const struct column *list;
    const struct column *one;
} looks[] = {
    {"eventfilter", list_columns, details},
    {"alarmrule", alarm_rule_columns, alarm_rule_details},
    {"table", table_columns, table_details},
};

static const struct look *look_of(const struct hyp *hyp)
{
    size_t i = 0;

    while (strcmp(looks[i].kind, hyp->command->group) != 0) {
        i++;
        BUG_IF(i == sizeof looks / sizeof looks[0]);
    }
    return &looks[i];
}

static const struct column version_columns[] = {
    {"VERSION", "version", COLUMN_NUMBER, false},
    {"CHANGED", "updated_at", COLUMN_TIME, false},
    {"BY", "author", COLUMN_TEXT, false},
    {"SPEC", "spec", COLUMN_TEXT, false},
    {NULL, NULL, COLUMN_TEXT, false},
};

void objects_path(const char *kind, const char *more, const char *id,
                  struct buf *out)
{
    buf_addf(out, "/api/v1/objects/%s%s", kind, more);
    api_add_param(out, "id", id);
}

int objects_fetch(struct hyp *hyp, const char *kind, const char *name,
                  struct api_answer *answer)
{
    struct buf path;
    int code;

    buf_init(&path, PATH_BYTES);
    objects_path(kind, "", name, &path);
    code = call_get(hyp, buf_str(&path), answer);
    buf_fini(&path);
    return code;
}

/* By priority, as they come to an event. */

struct kept {
    struct doc *list;
    size_t n, cap;
};

static bool keep(void *ctx, struct doc item)
{
    struct kept *kept = ctx;

    if (kept->n == kept->cap) {
        kept->cap = 2 * kept->cap + 64;
        kept->list =
            xrealloc_array(kept->list, kept->cap, sizeof kept->list[0]);
    }
    kept->list[kept->n++] =
        (struct doc){xmemdup(item.data, item.len), item.len};
    return true;
}

static int compare_items(const void *a_, const void *b_)
{
    const struct doc *a = a_;
    const struct doc *b = b_;
    int64_t x = doc_i64(doc_sub(*a, "spec"), "priority", PRIORITY_DEFAULT);
    int64_t y = doc_i64(doc_sub(*b, "spec"), "priority", PRIORITY_DEFAULT);

    if (x != y) {
        return x < y ? -1 : 1;
    }
    return strcmp(doc_str(*a, "name", ""), doc_str(*b, "name", ""));
}

static void print_kept(const struct hyp *hyp, const struct kept *kept,
                       const struct column *columns)
{
    struct table *table = table_new(hyp, columns);

    for (size_t i = 0; i < kept->n; i++) {
        table_add(table, kept->list[i]);
    }
    table_finish(table);
    table_free(table);
}

static void kept_fini(struct kept *kept)
{
    for (size_t i = 0; i < kept->n; i++) {
        free((void *)(uintptr_t)kept->list[i].data);
    }
    free(kept->list);
}

int cmd_object_list(struct hyp *hyp)
{
    struct kept kept = {.n = 0};
    struct buf base;
    struct buf path;
    int64_t limit;
    int code = HYP_USAGE;

    buf_init(&base, PATH_BYTES);
    buf_init(&path, PATH_BYTES);
    objects_path(hyp->command->group, "", NULL, &base);
    if (listing_path(hyp, buf_str(&base), &path, &limit)) {
        code = listing_each(hyp, buf_str(&path), 0, keep, &kept, NULL);
    }
    if (code == HYP_DONE) {
        if (kept.n > 0) {
            qsort(kept.list, kept.n, sizeof kept.list[0], compare_items);
        }
        print_kept(hyp, &kept, look_of(hyp)->list);
    }
    kept_fini(&kept);
    buf_fini(&path);
    buf_fini(&base);
    return code;
}

int cmd_object_show(struct hyp *hyp)
{
    struct api_answer answer;
    int code =
        objects_fetch(hyp, hyp->command->group, hyp->args.words[0], &answer);

    if (code == HYP_DONE) {
        listing_show_item(hyp, answer.doc, look_of(hyp)->one);
        api_answer_fini(&answer);
    }
    return code;
}

int cmd_object_history(struct hyp *hyp)
{
    struct kept kept = {.n = 0};
    struct buf path;
    int code;

    buf_init(&path, PATH_BYTES);
    objects_path(hyp->command->group, "/versions", hyp->args.words[0], &path);
    code = listing_each(hyp, buf_str(&path), 0, keep, &kept, NULL);
    if (code == HYP_DONE && kept.n == 0) {
        hyp_say("there was never a %s of this name", hyp->command->group);
        code = HYP_REFUSED;
    } else if (code == HYP_DONE) {
        print_kept(hyp, &kept, version_columns);
    }
    kept_fini(&kept);
    buf_fini(&path);
    return code;
}

/* Changing. */

int objects_put(struct hyp *hyp, const char *kind, struct doc object,
                struct api_answer *answer)
{
    char *author = call_author(hyp);
    struct buf path;
    struct buf body;
    int code;

    buf_init(&path, PATH_BYTES);
    buf_init(&body, BODY_BYTES);
    objects_path(kind, "", doc_str(object, "name", ""), &path);
    api_add_param(&path, "author", author);
    doc_to_json(object, &body);
    code = call_method(hyp, "PUT", buf_str(&path), &body, answer);
    buf_fini(&body);
    buf_fini(&path);
    free(author);
    return code;
}

struct search {
    int64_t version;
    struct doc_out *out;
    const char *name;
    bool found;
};

static bool find_version(void *ctx, struct doc item)
{
    struct search *search = ctx;
    struct doc labels = doc_sub(item, "labels");

    if (doc_i64(item, "version", 0) != search->version) {
        return true;
    }
    search->found = doc_sub(item, "spec").len > 0;
    doc_out_reset(search->out);
    doc_add_str(search->out, "name", search->name);
    if (doc_count(labels) > 0) {
        doc_add_doc(search->out, "labels", labels);
    }
    doc_add_doc(search->out, "spec", doc_sub(item, "spec"));
    return false;
}

static int restore(struct hyp *hyp, const struct search *search)
{
    struct api_answer answer;
    int code = objects_put(hyp, hyp->command->group, doc_out_done(search->out),
                           &answer);

    if (code == HYP_DONE) {
        (void)printf("%s: version %lld, as version %lld was\n", search->name,
                     (long long)doc_i64(answer.doc, "version", 0),
                     (long long)search->version);
        api_answer_fini(&answer);
    }
    return code;
}

int cmd_object_restore(struct hyp *hyp)
{
    struct search search = {.name = hyp->args.words[0]};
    struct buf path;
    int code;

    if (str_to_i64(hyp->args.words[1], 1, INT64_MAX, &search.version) !=
        ERR_OK) {
        hyp_say("%s: expected the number of a version", hyp->args.words[1]);
        return HYP_USAGE;
    }
    search.out = doc_out_new();
    buf_init(&path, PATH_BYTES);
    objects_path(hyp->command->group, "/versions", search.name, &path);
    code = listing_each(hyp, buf_str(&path), 0, find_version, &search, NULL);
    if (code == HYP_DONE && !search.found) {
        hyp_say("%s: version %lld is not kept, or was a deletion", search.name,
                (long long)search.version);
        code = HYP_REFUSED;
    } else if (code == HYP_DONE) {
        code = restore(hyp, &search);
    }
    buf_fini(&path);
    doc_out_free(search.out);
    return code;
}

int objects_delete(struct hyp *hyp, const char *kind, const char *name,
                   struct api_answer *answer)
{
    char *author = call_author(hyp);
    struct buf path;
    int code;

    buf_init(&path, PATH_BYTES);
    objects_path(kind, "", name, &path);
    api_add_param(&path, "author", author);
    code = call_method(hyp, "DELETE", buf_str(&path), NULL, answer);
    buf_fini(&path);
    free(author);
    return code;
}

static int delete_one(struct hyp *hyp, const char *name)
{
    struct api_answer answer;
    int code = objects_delete(hyp, hyp->command->group, name, &answer);

    if (code == HYP_DONE) {
        (void)printf("%s: deleted\n", name);
        api_answer_fini(&answer);
    }
    return code;
}

int cmd_object_delete(struct hyp *hyp)
{
    char question[128];
    size_t n = hyp->args.n;
    size_t done = 0;
    int code = HYP_DONE;

    (void)snprintf(question, sizeof question, "Delete %zu %.64s?", n,
                   hyp->command->group);
    if (!hyp_confirm(hyp, question)) {
        return HYP_REFUSED;
    }
    for (size_t i = 0; i < n; i++) {
        int one = delete_one(hyp, hyp->args.words[i]);

        if (one == HYP_UNREACHABLE) {
            return one;
        }
        done += one == HYP_DONE;
        code = one != HYP_DONE ? one : code;
    }
    return code != HYP_DONE && done > 0 ? HYP_PARTLY : code;
}

/* Checking files. */

struct checking {
    struct hyp *hyp;
    size_t good, bad;
    int code;
};

static bool check_one(void *ctx, const char *where, struct doc object)
{
    struct checking *checking = ctx;
    struct hyp *hyp = checking->hyp;
    struct api_answer answer;
    struct buf path;
    struct buf body;

    buf_init(&path, PATH_BYTES);
    buf_init(&body, BODY_BYTES);
    objects_path(hyp->command->group, "/check", NULL, &path);
    doc_to_json(object, &body);
    checking->code = call_any(hyp, buf_str(&path), &body, &answer);
    if (checking->code == HYP_DONE) {
        const char *name = doc_str(object, "name", "?");

        if (doc_bool(answer.doc, "good", false)) {
            (void)printf("%s: good\n", name);
            checking->good++;
        } else {
            hyp_say("%s (%s):", name, where);
            checking->code = call_tell_problem(hyp, &answer);
            checking->bad++;
        }
        api_answer_fini(&answer);
    }
    buf_fini(&body);
    buf_fini(&path);
    return checking->code != HYP_UNREACHABLE;
}

int cmd_object_check(struct hyp *hyp)
{
    struct checking checking = {.hyp = hyp};
    int code = HYP_DONE;

    for (size_t i = 0; i < hyp->args.n && code == HYP_DONE; i++) {
        code = object_files_each(hyp->args.words[i], check_one, &checking);
        if (checking.code == HYP_UNREACHABLE) {
            return HYP_UNREACHABLE;
        }
    }
    if (code != HYP_DONE || checking.bad == 0) {
        return code;
    }
    return checking.good > 0 ? HYP_PARTLY : HYP_REFUSED;
}
