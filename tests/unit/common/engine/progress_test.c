/* SPDX-License-Identifier: Apache-2.0 */
/** Progress: which messages and events are new, and what ended. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/engine/progress.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    STEPS = 8
};

/* What comes, and how it is judged. */
struct judged {
    const char *sender; /* NULL: no more */
    uint64_t epoch;
    uint64_t sequence;
    uint64_t confirmed;
    enum progress_message as;
};

#define TAKE   PROGRESS_TAKE
#define IGNORE PROGRESS_IGNORE
#define HOLE   PROGRESS_HOLE

static const struct {
    const char *name;
    struct judged steps[STEPS];
} judgements[] = {
    {"in order", {{"a", 5, 1, 0, TAKE}, {"a", 5, 2, 0, TAKE}}},
    {"the same number again is a repeat to look at",
     {{"a", 5, 1, 0, TAKE}, {"a", 5, 1, 0, TAKE}, {"a", 5, 2, 0, TAKE}}},
    {"after a nack: later ones wait for the missing one",
     {{"a", 5, 1, 0, TAKE},
      {"a", 5, 3, 1, IGNORE},
      {"a", 5, 2, 1, TAKE},
      {"a", 5, 3, 1, TAKE}}},
    {"a gap at the start of a life",
     {{"a", 5, 2, 0, IGNORE}, {"a", 5, 1, 0, TAKE}, {"a", 5, 2, 0, TAKE}}},
    {"missing and confirmed: gone, go on",
     {{"a", 5, 1, 0, TAKE}, {"a", 5, 4, 2, HOLE}, {"a", 5, 5, 2, TAKE}}},
    {"only what stood before the missing one is confirmed",
     {{"a", 5, 1, 0, TAKE}, {"a", 5, 4, 1, IGNORE}}},
    {"an older life is ignored",
     {{"a", 6, 1, 0, TAKE}, {"a", 5, 1, 0, IGNORE}, {"a", 6, 2, 0, TAKE}}},
    {"an older life fills no gap",
     {{"a", 6, 2, 0, IGNORE}, {"a", 5, 1, 0, IGNORE}, {"a", 6, 1, 0, TAKE}}},
    {"a newer life starts at 1",
     {{"a", 5, 1, 0, TAKE}, {"a", 5, 2, 1, TAKE}, {"a", 7, 1, 0, TAKE}}},
    {"a newer life whose first message was nacked",
     {{"a", 5, 1, 0, TAKE},
      {"a", 7, 2, 0, IGNORE},
      {"a", 7, 1, 0, TAKE},
      {"a", 7, 2, 0, TAKE}}},
    {"first sight of a sender in the middle of its life",
     {{"a", 5, 9, 8, HOLE}, {"a", 5, 10, 8, TAKE}}},
    {"senders are apart",
     {{"a", 5, 1, 0, TAKE},
      {"b", 3, 1, 0, TAKE},
      {"b", 3, 3, 1, IGNORE},
      {"a", 5, 2, 0, TAKE},
      {"b", 3, 2, 1, TAKE}}},
};

/* Through a document, as a restart reads it. */
static void store_and_load(struct progress *progress)
{
    struct doc_out *out = doc_out_new();

    progress_add_members(progress, out);
    progress_from_doc(progress, doc_out_done(out));
    doc_out_free(out);
}

static void judge_row(struct progress *progress, size_t row, bool restarts)
{
    progress_init(progress);
    for (size_t i = 0; i < STEPS; i++) {
        const struct judged *step = &judgements[row].steps[i];
        struct envelope_header header = {.epoch = step->epoch,
                                         .sequence = step->sequence,
                                         .confirmed = step->confirmed};
        enum progress_message as;

        if (step->sender == NULL) {
            break;
        }
        memcpy(header.sender, step->sender, strlen(step->sender) + 1);
        as = progress_judge(progress, &header);
        if (as != step->as) {
            fail_msg("%s%s: step %zu is %d, expected %d", judgements[row].name,
                     restarts ? ", restarting" : "", i, (int)as, (int)step->as);
        }
        if (restarts) {
            store_and_load(progress);
        }
    }
    progress_fini(progress);
}

static void test_judge(void **state)
{
    struct progress *progress = malloc(sizeof *progress);

    (void)state;
    assert_non_null(progress);
    for (size_t i = 0; i < N_ROWS(judgements); i++) {
        judge_row(progress, i, false);
        judge_row(progress, i, true);
    }
    free(progress);
}

/* Positions: advance to (n, index) after being at (3, 5). */
static const struct {
    const char *name;
    uint64_t n;
    uint32_t index;
    bool is_new;
} positions[] = {
    {"the same", 3, 5, false},
    {"an earlier message, later place", 2, 9, false},
    {"earlier in the message", 3, 4, false},
    {"later in the message", 3, 6, true},
    {"the next message", 4, 0, true},
    {"a later message, smaller place", 9, 1, true},
};

static void test_positions(void **state)
{
    struct progress *progress = malloc(sizeof *progress);

    (void)state;
    assert_non_null(progress);
    for (size_t i = 0; i < N_ROWS(positions); i++) {
        uint32_t s;

        progress_init(progress);
        s = progress_stream(progress, "stream", 6, "a");
        assert_true(progress_advance(progress, s, 3, 5));
        store_and_load(progress);
        if (progress_is_new(progress, s, positions[i].n, positions[i].index) !=
                positions[i].is_new ||
            progress_advance(progress, s, positions[i].n, positions[i].index) !=
                positions[i].is_new) {
            fail_msg("%s: expected %s", positions[i].name,
                     positions[i].is_new ? "new" : "a repeat");
        }
        /* A repeat does not take the position back. */
        assert_false(progress_is_new(progress, s, 3, 5));
        progress_fini(progress);
    }
    free(progress);
}

static void test_streams(void **state)
{
    struct progress *progress = malloc(sizeof *progress);
    uint32_t first;

    (void)state;
    assert_non_null(progress);
    progress_init(progress);
    first = progress_stream(progress, "abXX", 2, "x");
    assert_int_equal(progress_stream(progress, "ab", 2, "x"), first);
    assert_int_not_equal(progress_stream(progress, "ab", 2, "y"), first);
    assert_int_not_equal(progress_stream(progress, "abX", 3, "x"), first);
    assert_int_not_equal(progress_stream(progress, "a", 1, "x"), first);
    assert_true(progress_is_new(progress, first, 1, 0));
    progress_fini(progress);
    free(progress);
}

/* What has no room is told, and what was known before is known still. */
static void test_limits(void **state)
{
    struct progress *progress = malloc(sizeof *progress);
    struct envelope_header header = {.epoch = 1, .sequence = 1};
    char name[16];

    (void)state;
    assert_non_null(progress);
    progress_init(progress);
    for (int i = 0; i < PROGRESS_STREAMS_MAX; i++) {
        (void)snprintf(name, sizeof name, "s%d", i);
        assert_int_equal(progress_stream(progress, name, strlen(name), "x"), i);
    }
    for (int i = 0; i < PROGRESS_SENDERS_MAX; i++) {
        (void)snprintf(header.sender, sizeof header.sender, "e%d", i);
        assert_int_equal(progress_judge(progress, &header), PROGRESS_TAKE);
    }
    assert_true(progress_stream(progress, "s", 1, "x") == PROGRESS_NO_STREAM);
    (void)snprintf(header.sender, sizeof header.sender, "e");
    assert_int_equal(progress_judge(progress, &header), PROGRESS_FULL);

    store_and_load(progress);
    assert_int_equal(progress_stream(progress, "s7", 2, "x"), 7);
    (void)snprintf(header.sender, sizeof header.sender, "e7");
    header.sequence = 2;
    assert_int_equal(progress_judge(progress, &header), PROGRESS_TAKE);
    progress_fini(progress);
    free(progress);
}

/* Stream 0 ended at 10, 20 and 30; stream 1 at 10. What is known after. */
static const struct {
    const char *name;
    uint64_t mark_n;        /* in batch 7; 0: none */
    uint64_t second_mark_n; /* in batch 8 */
    uint64_t confirmed;     /* batch; 0: none */
    bool known[4];
} endings[] = {
    {"no mark: all stays", 0, 0, 9, {true, true, true, true}},
    {"a mark on its way", 25, 0, 0, {true, true, true, true}},
    {"earlier batches are confirmed", 25, 0, 6, {true, true, true, true}},
    {"the mark has arrived", 25, 0, 7, {false, false, true, true}},
    {"a mark that stood before them", 9, 0, 7, {true, true, true, true}},
    {"one mark at a time", 15, 40, 8, {false, true, true, true}},
};

static void end_all(struct progress *progress, uint32_t *a, uint32_t *b)
{
    progress_init(progress);
    *a = progress_stream(progress, "s", 1, "x");
    *b = progress_stream(progress, "t", 1, "x");
    progress_end(progress, *a, 10, 0);
    progress_end(progress, *a, 20, 1);
    progress_end(progress, *a, 30, 2);
    progress_end(progress, *b, 10, 0);
}

static void test_ended(void **state)
{
    struct progress *progress = malloc(sizeof *progress);

    (void)state;
    assert_non_null(progress);
    for (size_t i = 0; i < N_ROWS(endings); i++) {
        uint32_t a;
        uint32_t b;

        end_all(progress, &a, &b);
        if (endings[i].mark_n > 0) {
            progress_mark(progress, a, endings[i].mark_n, 7);
        }
        if (endings[i].second_mark_n > 0) {
            progress_mark(progress, a, endings[i].second_mark_n, 8);
        }
        if (endings[i].confirmed > 0) {
            progress_confirmed(progress, endings[i].confirmed);
        }
        store_and_load(progress);
        if (progress_has_ended(progress, a, 10, 0) != endings[i].known[0] ||
            progress_has_ended(progress, a, 20, 1) != endings[i].known[1] ||
            progress_has_ended(progress, a, 30, 2) != endings[i].known[2] ||
            progress_has_ended(progress, b, 10, 0) != endings[i].known[3]) {
            fail_msg("%s: another one is forgotten", endings[i].name);
        }
        assert_false(progress_has_ended(progress, a, 10, 1));
        assert_false(progress_has_ended(progress, a, 11, 0));
        progress_fini(progress);
    }
    free(progress);
}

/* The next mark counts once the one before has arrived. */
static void test_marks_follow(void **state)
{
    struct progress *progress = malloc(sizeof *progress);
    uint32_t a;
    uint32_t b;

    (void)state;
    assert_non_null(progress);
    end_all(progress, &a, &b);
    progress_mark(progress, a, 15, 1);
    progress_confirmed(progress, 1);
    assert_false(progress_has_ended(progress, a, 10, 0));
    progress_mark(progress, a, 35, 2);
    progress_confirmed(progress, 1);
    assert_true(progress_has_ended(progress, a, 20, 1));
    progress_confirmed(progress, 2);
    assert_false(progress_has_ended(progress, a, 20, 1));
    assert_false(progress_has_ended(progress, a, 30, 2));
    assert_true(progress_has_ended(progress, b, 10, 0));
    progress_fini(progress);
    free(progress);
}

/* What a stream gave last: repeats of it are nowhere else as long as its sender
 * kept them, whatever another stream of that sender gives. */
static void test_kept(void **state)
{
    struct progress progress;
    uint32_t a;
    uint32_t b;

    (void)state;
    progress_init(&progress);
    a = progress_stream(&progress, "a", 1, "sender");
    b = progress_stream(&progress, "b", 1, "sender");
    assert_false(progress_awaits(&progress));
    assert_true(progress_keeps(&progress, a, true));
    assert_true(progress_keeps(&progress, b, true));
    progress_hear(&progress, a, true);
    progress_hear(&progress, b, true);
    assert_false(progress_awaits(&progress));
    store_and_load(&progress);
    assert_true(progress_awaits(&progress));
    assert_true(progress_keeps(&progress, a, false));
    progress_hear(&progress, a, false);
    assert_false(progress_keeps(&progress, a, false));
    assert_true(progress_keeps(&progress, b, false));
    assert_true(progress_awaits(&progress));
    progress_hear(&progress, b, false);
    assert_false(progress_keeps(&progress, b, false));
    assert_false(progress_awaits(&progress));
    progress_fini(&progress);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROW_SINGLE(test_judge),        ROW_SINGLE(test_positions),
        ROW_SINGLE(test_streams),      ROW_SINGLE(test_ended),
        ROW_SINGLE(test_marks_follow), ROW_SINGLE(test_limits),
        ROW_SINGLE(test_kept),
    };

    return rows_run("progress", tables, N_ROWS(tables));
}
