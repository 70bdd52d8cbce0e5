/* SPDX-License-Identifier: Apache-2.0 */
/** Receipts: which number a message that comes again had. */
#include <stdio.h>
#include <string.h>

#include "common/engine/receipts.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    MOST = 16,
    FIRST_N = 10
};

/* Bodies as letters: equal letters are equal bodies. */
static const struct {
    const char *name;
    const char *list;   /* receipts, oldest first */
    const char *hashes; /* delivered again */
    bool whole;         /* nothing more comes again */
    size_t k;
    size_t proven; /* so many of the list surely do not come again */
} matches[] = {
    {"nothing kept, nothing again", "", "", true, 0, 0},
    {"nothing kept: all are new", "", "abc", true, 0, 0},
    {"all was acknowledged", "abc", "", true, 3, 0},
    {"none was acknowledged", "abc", "abc", true, 0, 0},
    {"the first was acknowledged", "abc", "bc", true, 1, 0},
    {"all but the last were", "abc", "c", true, 2, 0},
    {"further ones, delivered and not taken", "abc", "bcde", true, 1, 0},
    {"only such ones", "abc", "de", true, 3, 0},
    {"2, 0, 2: a tail that repeats itself", "aba", "aba", true, 0, 0},
    {"2, 0, 2 with its first acknowledged", "aba", "ba", true, 1, 0},
    {"2, 0, 2: the last alone", "aba", "a", true, 2, 0},
    {"equal bodies: as many as came", "aaaa", "aa", true, 2, 0},
    {"equal bodies: all came, and new ones", "aa", "aaaa", true, 0, 0},
    {"smallest k: the longest tail that fits", "abab", "abab", true, 0, 0},
    {"periodic, two acknowledged", "abab", "ab", true, 2, 0},
    {"no tail may end before the list does", "abc", "ab", true, 3, 0},
    {"another body in the middle fits nothing", "abc", "axc", true, 3, 0},
    {"more than fits: agree as far as seen", "abcd", "ab", false, 0, 0},
    {"more than fits, first acknowledged", "abcd", "bc", false, 1, 0},
    {"more than fits, none agrees", "abcd", "xy", false, 4, 0},
    {"more than fits, nothing seen", "abc", "", false, 0, 0},
    {"more than fits, list ends first", "abc", "cde", false, 2, 0},
    {"equal bodies, the first one proven", "aa", "aaa", true, 1, 1},
    {"equal bodies, all proven: all are new", "aa", "aa", true, 2, 2},
    {"proven, and more than fits", "aaa", "aa", false, 2, 2},
    {"proven: what fits is above", "abc", "bc", true, 1, 1},
};

static void fill(struct receipts *receipts, const char *list)
{
    receipts_init(receipts);
    for (size_t i = 0; list[i] != '\0'; i++) {
        receipts_add(receipts,
                     &(struct receipt){.n = FIRST_N + i,
                                       .hash = (uint64_t)list[i],
                                       .received_ms = (int64_t)(1000 + i),
                                       .silent = i % 3 == 1});
    }
}

static void test_match(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(matches); i++) {
        struct receipts receipts;
        uint64_t hashes[MOST];
        size_t n = strlen(matches[i].hashes);
        size_t k;

        for (size_t j = 0; j < n; j++) {
            hashes[j] = (uint64_t)matches[i].hashes[j];
        }
        fill(&receipts, matches[i].list);
        k = receipts_match(&receipts, FIRST_N + matches[i].proven - 1, hashes,
                           n, matches[i].whole);
        if (k != matches[i].k) {
            fail_msg("%s: k is %zu, expected %zu", matches[i].name, k,
                     matches[i].k);
        }
        receipts_fini(&receipts);
    }
}

static const struct {
    const char *name;
    uint64_t upto;
    const char *left;
} forgets[] = {
    {"below the first", FIRST_N - 1, "abcd"},
    {"the first", FIRST_N, "bcd"},
    {"in the middle", FIRST_N + 2, "d"},
    {"the last", FIRST_N + 3, ""},
    {"beyond", UINT64_MAX, ""},
};

static void test_forget(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(forgets); i++) {
        struct receipts receipts;
        char left[MOST] = "";

        fill(&receipts, "abcd");
        receipts_forget(&receipts, forgets[i].upto);
        for (size_t j = 0; j < receipts.n; j++) {
            left[j] = (char)receipts.list[j].hash;
        }
        if (strcmp(left, forgets[i].left) != 0) {
            fail_msg("%s: left \"%s\", expected \"%s\"", forgets[i].name, left,
                     forgets[i].left);
        }
        receipts_fini(&receipts);
    }
}

/* The rows of two batches, read back, are the list again. */
static void test_rows(void **state)
{
    struct receipts receipts;
    struct receipts again;
    struct doc_out *out = doc_out_new();

    (void)state;
    fill(&receipts, "abcdefgh");
    receipts_init(&again);
    receipts.n = 3;
    receipts_to_doc(&receipts, 0, out);
    receipts_add_doc(&again, doc_out_done(out));
    receipts.n = 8;
    doc_out_reset(out);
    receipts_to_doc(&receipts, 3, out);
    receipts_add_doc(&again, doc_out_done(out));
    assert_int_equal(again.n, receipts.n);
    for (size_t i = 0; i < again.n; i++) {
        assert_int_equal(again.list[i].n, receipts.list[i].n);
        assert_int_equal(again.list[i].hash, receipts.list[i].hash);
        assert_int_equal(again.list[i].received_ms,
                         receipts.list[i].received_ms);
        assert_int_equal(again.list[i].silent, receipts.list[i].silent);
    }
    doc_out_reset(out);
    receipts_add_doc(&again, doc_out_done(out)); /* no such member */
    assert_int_equal(again.n, receipts.n);
    receipts_fini(&receipts);
    receipts_fini(&again);
    doc_out_free(out);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROW_SINGLE(test_match),
        ROW_SINGLE(test_forget),
        ROW_SINGLE(test_rows),
    };

    return rows_run("receipts", tables, N_ROWS(tables));
}
