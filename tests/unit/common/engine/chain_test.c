/* SPDX-License-Identifier: Apache-2.0 */
/** Chain time: the least of the newest marks, and gaps between them. */
#include <stdlib.h>
#include <string.h>

#include "common/engine/chain.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    MARKS = 6
};

struct mark {
    const char *stream;
    const char *sender;
    int64_t t_ms;
};

static const struct {
    const char *name;
    struct mark marks[MARKS]; /* until stream is NULL */
    int64_t chain_ms;
    int64_t gap_ms;
} rows[] = {
    {"no mark: not known", {{0}}, 0, 0},
    {"the first mark is the end of a gap", {{"s", "c", 50000}}, 50000, 50000},
    {"a second later", {{"s", "c", 50000}, {"s", "c", 51000}}, 51000, 50000},
    {"5 s are no gap", {{"s", "c", 50000}, {"s", "c", 55000}}, 55000, 50000},
    {"more are one", {{"s", "c", 50000}, {"s", "c", 55001}}, 55001, 55001},
    {"the least of two streams",
     {{"s", "c", 50000}, {"t", "c", 40000}, {"s", "c", 51000}},
     40000,
     40000},
    {"two senders of one stream are two sources",
     {{"s", "c.0", 50000}, {"s", "c.1", 49000}, {"s", "c.0", 51000}},
     49000,
     49000},
    {"a little back, as from two clocks, is nothing",
     {{"s", "c", 50000}, {"s", "c", 45001}},
     50000,
     50000},
    {"a clock set back is a gap",
     {{"s", "c", 50000}, {"s", "c", 45000}},
     45000,
     45000},
    {"a gap of one source is a gap of all",
     {{"s", "c", 50000},
      {"t", "c", 50000},
      {"t", "c", 51000},
      {"s", "c", 60000}},
     51000,
     60000},
};

static void take(struct chain *chain, const struct mark *marks)
{
    for (size_t i = 0; i < MARKS && marks[i].stream != NULL; i++) {
        chain_mark(chain, marks[i].stream, marks[i].sender, marks[i].t_ms);
    }
}

static void check(const char *name, const char *when, const struct chain *chain,
                  size_t row)
{
    if (chain_ms(chain) != rows[row].chain_ms ||
        chain->gap_ms != rows[row].gap_ms) {
        fail_msg("%s%s: chain %lld gap %lld, expected %lld and %lld", name,
                 when, (long long)chain_ms(chain), (long long)chain->gap_ms,
                 (long long)rows[row].chain_ms, (long long)rows[row].gap_ms);
    }
}

static void test_marks(void **state)
{
    struct chain *chain = malloc(sizeof *chain);
    struct doc_out *out = doc_out_new();

    (void)state;
    assert_non_null(chain);
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        *chain = (struct chain){.n = 0};
        take(chain, rows[i].marks);
        check(rows[i].name, "", chain, i);
        doc_out_reset(out);
        chain_add_members(chain, out);
        chain_from_doc(chain, doc_out_done(out));
        check(rows[i].name, ", read back", chain, i);
    }
    chain_from_doc(chain, (struct doc){NULL, 0});
    assert_int_equal(chain_ms(chain), 0);
    doc_out_free(out);
    free(chain);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROW_SINGLE(test_marks),
    };

    return rows_run("chain", tables, N_ROWS(tables));
}
