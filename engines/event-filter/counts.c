/* SPDX-License-Identifier: Apache-2.0 */
/** What each rule did: counters and the last failure, kept by its name. */
#include "engines/event-filter/counts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/mem.h"

void counts_init(struct counts *counts)
{
    *counts = (struct counts){.n_touched = 0};
}

void counts_fini(struct counts *counts)
{
    struct map_slot slot;
    size_t at = 0;

    while (map_next(&counts->by_name, &at, &slot)) {
        struct count *count = slot.value;

        free(count->name);
        free(count);
    }
    map_fini(&counts->by_name);
    free(counts->touched);
    counts_init(counts);
}

struct count *counts_take(struct counts *counts, const char *name)
{
    struct count *count = map_get(&counts->by_name, name, strlen(name));

    if (count == NULL) {
        count = xcalloc(1, sizeof *count);
        count->name = xstrdup(name);
        (void)map_put(&counts->by_name, count->name, strlen(name), count);
    }
    return count;
}

void counts_touch(struct counts *counts, struct count *count)
{
    if (count->touched) {
        return;
    }
    if (counts->n_touched == counts->cap_touched) {
        counts->cap_touched = 2 * counts->cap_touched + 16;
        counts->touched = xrealloc_array(counts->touched, counts->cap_touched,
                                         sizeof(struct count *));
    }
    counts->touched[counts->n_touched++] = count;
    count->touched = true;
    count->dirty = true;
}

void counts_begin_round(struct counts *counts)
{
    counts->round++;
}

void counts_see(struct counts *counts, const char *name)
{
    counts_take(counts, name)->seen = counts->round;
}

void counts_end_round(struct counts *counts)
{
    struct map_slot slot;
    size_t at = 0;

    while (map_next(&counts->by_name, &at, &slot)) {
        struct count *count = slot.value;

        count->gone = count->seen != counts->round;
    }
}

static void forget(struct counts *counts, struct count *count)
{
    BUG_IF(count->touched); /* the rules change between batches */
    (void)map_remove(&counts->by_name, count->name, strlen(count->name));
    free(count->name);
    free(count);
}

bool counts_fold(struct counts *counts, size_t most, count_fn *each, void *ctx)
{
    struct count **gone = xcalloc(counts->by_name.n + 1, sizeof *gone);
    struct map_slot slot;
    size_t n_gone = 0;
    size_t n = 0;
    size_t at = 0;

    while (n <= most && map_next(&counts->by_name, &at, &slot)) {
        struct count *count = slot.value;

        if ((!count->dirty && !count->gone) || n++ == most) {
            continue;
        }
        each(ctx, count);
        count->dirty = false;
        count->adopted = false;
        if (count->gone) {
            gone[n_gone++] = count;
        }
    }
    while (n_gone > 0) {
        forget(counts, gone[--n_gone]);
    }
    free(gone);
    return n <= most;
}

void count_add_members(const struct count *count, struct doc_out *out)
{
    doc_add_str(out, "name", count->name);
    doc_add_i64(out, "matches", count->matches);
    doc_add_i64(out, "drops", count->drops);
    doc_add_i64(out, "failures", count->failures);
    if (count->matched_ms > 0) {
        doc_add_ms(out, "matched_at", count->matched_ms);
    }
    if (count->failed_ms > 0) {
        doc_begin_doc(out, "last_failure");
        doc_add_ms(out, "at", count->failed_ms);
        doc_add_str(out, "event", count->failed_event);
        doc_add_str(out, "reason", count->failed_why);
        doc_end(out);
    }
}

void counts_read(struct counts *counts, struct doc doc)
{
    struct count *count = counts_take(counts, doc_str(doc, "name", ""));
    struct doc failure = doc_sub(doc, "last_failure");

    count->matches = doc_i64(doc, "matches", 0);
    count->drops = doc_i64(doc, "drops", 0);
    count->failures = doc_i64(doc, "failures", 0);
    count->matched_ms = doc_ms(doc, "matched_at", 0);
    count->failed_ms = doc_ms(failure, "at", 0);
    (void)snprintf(count->failed_event, sizeof count->failed_event, "%s",
                   doc_str(failure, "event", ""));
    (void)snprintf(count->failed_why, sizeof count->failed_why, "%s",
                   doc_str(failure, "reason", ""));
}

void counts_adopt(struct counts *counts, struct doc doc)
{
    struct count *count = counts_take(counts, doc_str(doc, "name", ""));
    struct count own = *count;

    counts_read(counts, doc);
    if (own.failed_ms > count->failed_ms) {
        count->failed_ms = own.failed_ms;
        memcpy(count->failed_event, own.failed_event, sizeof own.failed_event);
        memcpy(count->failed_why, own.failed_why, sizeof own.failed_why);
    }
    count->matches += own.matches;
    count->drops += own.drops;
    count->failures += own.failures;
    count->matched_ms =
        own.matched_ms > count->matched_ms ? own.matched_ms : count->matched_ms;
    count->adopted = true;
    count->dirty = true;
}

bool counts_delta(struct counts *counts, struct doc_out *out)
{
    bool any = counts->n_touched > 0;

    if (any) {
        doc_begin_array(out, "counts");
        for (size_t i = 0; i < counts->n_touched; i++) {
            doc_begin_doc(out, NULL);
            count_add_members(counts->touched[i], out);
            doc_end(out);
            counts->touched[i]->touched = false;
        }
        doc_end(out);
        counts->n_touched = 0;
    }
    return any;
}

void counts_apply(struct counts *counts, struct doc delta)
{
    struct doc_iter it;
    struct doc_value value;
    const char *index;

    doc_iter_init(&it, doc_sub(delta, "counts"));
    while (doc_next(&it, &index, &value)) {
        counts_read(counts, value.u.doc);
        counts_take(counts, doc_str(value.u.doc, "name", ""))->dirty = true;
    }
}
