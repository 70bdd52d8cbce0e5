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
    const char *queue; /* NULL: a mark that names none */
};

static const struct {
    const char *name;
    struct mark marks[MARKS]; /* until stream is NULL */
    int64_t chain_ms;
    int64_t gap_ms;
} rows[] = {
    {"no mark: not known", {{0}}, 0, 0},
    {"the first mark is the end of a gap",
     {{"s", "c", 50000, NULL}},
     50000,
     50000},
    {"a second later",
     {{"s", "c", 50000, NULL}, {"s", "c", 51000, NULL}},
     51000,
     50000},
    {"5 s are no gap",
     {{"s", "c", 50000, NULL}, {"s", "c", 55000, NULL}},
     55000,
     50000},
    {"more are one",
     {{"s", "c", 50000, NULL}, {"s", "c", 55001, NULL}},
     55001,
     55001},
    {"the least of two streams",
     {{"s", "c", 50000, NULL},
      {"t", "c", 40000, NULL},
      {"s", "c", 51000, NULL}},
     40000,
     40000},
    {"two senders of one stream are two sources",
     {{"s", "c.0", 50000, NULL},
      {"s", "c.1", 49000, NULL},
      {"s", "c.0", 51000, NULL}},
     49000,
     49000},
    {"a little back, as from two clocks, is nothing",
     {{"s", "c", 50000, NULL}, {"s", "c", 45001, NULL}},
     50000,
     50000},
    {"a clock set back is a gap",
     {{"s", "c", 50000, NULL}, {"s", "c", 45000, NULL}},
     45000,
     45000},
    {"a gap of one source is a gap of all",
     {{"s", "c", 50000, NULL},
      {"t", "c", 50000, NULL},
      {"t", "c", 51000, NULL},
      {"s", "c", 60000, NULL}},
     51000,
     60000},
    {"a new stream of the entry replaces the older one",
     {{"old", "c", 50000, "E"}, {"new", "c", 90000, "E"}},
     90000,
     90000},
    {"and stays the only one",
     {{"old", "c", 50000, "E"},
      {"new", "c", 90000, "E"},
      {"new", "c", 91000, "E"}},
     91000,
     90000},
    {"another entry's stream is no replacement",
     {{"old", "c", 50000, "E"}, {"new", "c", 90000, "F"}},
     50000,
     90000},
    {"nor one that came through another sender",
     {{"old", "c.0", 50000, "E"}, {"new", "c.1", 90000, "E"}},
     50000,
     90000},
    {"the same stream through a new sender: the chain was changed",
     {{"s", "cleaner", 50000, "E"}, {"s", "event-filter", 90000, "E"}},
     90000,
     90000},
    {"each partition's way by itself",
     {{"s/0", "c", 50000, "E"},
      {"s/1", "c", 50000, "E"},
      {"s/0", "d", 90000, "E"}},
     50000,
     90000},
    {"nor one that took another partition on its way",
     {{"old/0", "c", 50000, "E"},
      {"old/1", "c", 50000, "E"},
      {"new/1", "c", 90000, "E"}},
     50000,
     90000},
    {"until all ways are replaced",
     {{"old/0", "c", 50000, "E"},
      {"old/1", "c", 50000, "E"},
      {"new/1", "c", 90000, "E"},
      {"new/0", "c", 90500, "E"}},
     90000,
     90500},
    {"a mark that names no queue replaces nothing",
     {{"old", "c", 50000, NULL}, {"new", "c", 90000, NULL}},
     50000,
     90000},
    {"one known from before learns its queue",
     {{"old", "c", 50000, NULL},
      {"old", "c", 51000, "E"},
      {"new", "c", 52000, "E"}},
     52000,
     52000},
};

static void take(struct chain *chain, const struct mark *marks)
{
    for (size_t i = 0; i < MARKS && marks[i].stream != NULL; i++) {
        const struct mark *mark = &marks[i];

        chain_mark(chain, &(struct chain_mark){
                              .stream = mark->stream,
                              .sender = mark->sender,
                              .queue = mark->queue != NULL ? mark->queue : "",
                              .t_ms = mark->t_ms});
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
    struct chain *chain = calloc(1, sizeof *chain);
    struct doc_out *out = doc_out_new();

    (void)state;
    assert_non_null(chain);
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        chain_fini(chain);
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
    chain_fini(chain);
    free(chain);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROW_SINGLE(test_marks),
    };

    return rows_run("chain", tables, N_ROWS(tables));
}
