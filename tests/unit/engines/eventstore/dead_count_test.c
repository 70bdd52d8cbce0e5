/* SPDX-License-Identifier: Apache-2.0 */
/** Kinds of reasons, and the bound of how many are told apart. */
#include <stdio.h>
#include <string.h>

#include "engines/eventstore/dead_count.h"
#include "tests/support/unit.h"

enum {
    FEW = 3
};

static const struct {
    const char *reason;
    const char *kind;
} kinds[] = {
    {"", ""},
    {"it is missing", "it is missing"},
    {"line 4, column 12: no value", "line N, column N: no value"},
    {"expected 0 to 3, got 9", "expected N to N"},
    {"\"a b\": no such type, found 7", "\"...\": no such type"},
    {"an \"open quote of 5", "an \"open quote of N"},
    {"\"\"\"x\"", "\"...\"\"...\""},
    {"7", "N"},
};

static void reasons(void **state)
{
    char kind[DEAD_REASON_MAX + 1];

    (void)state;
    for (size_t i = 0; i < N_ROWS(kinds); i++) {
        dead_reason_kind(kinds[i].reason, kind);
        assert_string_equal(kind, kinds[i].kind);
    }
}

/* A long one is cut, never within a character, whatever stands at the end. */
static void long_reasons(void **state)
{
    char reason[2 * DEAD_REASON_MAX];
    char kind[DEAD_REASON_MAX + 1];

    (void)state;
    for (size_t n = DEAD_REASON_MAX - 8; n < DEAD_REASON_MAX + 8; n++) {
        memset(reason, 'x', n);
        (void)snprintf(reason + n, sizeof reason - n, "\"q\"\xc3\xa9\"q\"7");
        dead_reason_kind(reason, kind);
        assert_in_range(strlen(kind), DEAD_REASON_MAX - 8, DEAD_REASON_MAX);
        assert_true((kind[strlen(kind) - 1] & 0xc0) != 0xc0);
    }
}

static struct doc letter(struct doc_out *out, int i)
{
    char field[32];

    (void)snprintf(field, sizeof field, "f%d", i);
    doc_out_reset(out);
    doc_add_str(out, "engine", "e");
    doc_add_str(out, "field", field);
    doc_add_str(out, "reason", "r");
    return doc_out_done(out);
}

static void bounded(void **state)
{
    struct doc_out *out = doc_out_new();
    struct map counts = {0};
    const struct dead_count *others;

    (void)state;
    for (int i = 0; i < DEAD_COUNTS_MAX; i++) {
        struct dead_count *count = dead_count_of(&counts, letter(out, i));

        assert_ptr_equal(count, dead_count_of(&counts, letter(out, i)));
    }
    others = dead_count_of(&counts, letter(out, DEAD_COUNTS_MAX));
    for (int i = 1; i < FEW; i++) {
        assert_ptr_equal(
            others, dead_count_of(&counts, letter(out, DEAD_COUNTS_MAX + i)));
    }
    assert_string_equal(others->reason, "others");
    assert_int_equal(counts.n, DEAD_COUNTS_MAX + 1);
    dead_counts_fini(&counts);
    doc_out_free(out);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(reasons),
        cmocka_unit_test(long_reasons),
        cmocka_unit_test(bounded),
    };

    return cmocka_run_group_tests_name("dead_count", tests, NULL, NULL);
}
