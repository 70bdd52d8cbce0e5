/* SPDX-License-Identifier: Apache-2.0 */
/** The set of ids against a plain list of the last ones. */
#include <string.h>

#include "engines/cleaner/idset.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    MOST = 40,
    STEPS = 20000,
    NAMES = 100
};

/* Where the ids of a row lie in the table: in turn at so many places side by
 * side, so that they are in each other's way. */
static const struct ids {
    const char *name;
    uint64_t first;
    uint64_t places;
} rows[] = {
    {"all at one place", 5, 1},
    {"at two places", 5, 2},
    {"at three places, round the end of the table", 126, 3},
    {"at eleven places", 1, 11},
    {"each at its own", 1, NAMES},
};

static uint64_t id_of(const struct ids *row, uint64_t i)
{
    return row->first + i % row->places + (i << 32);
}

struct model {
    uint64_t ids[MOST];
    size_t n;
};

static bool model_has(const struct model *model, uint64_t id)
{
    for (size_t i = 0; i < model->n; i++) {
        if (model->ids[i] == id) {
            return true;
        }
    }
    return false;
}

static void model_add(struct model *model, uint64_t id)
{
    if (model->n == MOST) {
        memmove(model->ids, model->ids + 1, (MOST - 1) * sizeof model->ids[0]);
        model->n--;
    }
    model->ids[model->n++] = id;
}

static void check_all(const struct ids *row, const struct idset *set,
                      const struct model *model, int step)
{
    for (uint64_t i = 0; i < NAMES; i++) {
        uint64_t id = id_of(row, i);

        if (idset_has(set, id) != model_has(model, id)) {
            fail_msg("%s: step %d: id %llu", row->name, step,
                     (unsigned long long)i);
        }
    }
}

static void test_row(void **state)
{
    const struct ids *row = *state;
    struct model model = {.n = 0};
    struct idset set;
    uint64_t dice = 1;

    idset_init(&set, MOST);
    for (int step = 0; step < STEPS; step++) {
        uint64_t id;

        dice = dice * UINT64_C(6364136223846793005) +
               UINT64_C(1442695040888963407);
        id = id_of(row, (dice >> 33) % NAMES);
        if (!idset_has(&set, id)) {
            idset_add(&set, id);
            model_add(&model, id);
        }
        if (step % MOST == 0) {
            check_all(row, &set, &model, step);
        }
    }
    check_all(row, &set, &model, STEPS);
    idset_fini(&set);
}

/* The mark of a free place is an id too: it stands for its neighbour. */
static void test_zero(void **state)
{
    struct idset set;

    (void)state;
    idset_init(&set, 1);
    assert_false(idset_has(&set, 0));
    idset_add(&set, 0);
    assert_true(idset_has(&set, 0));
    assert_true(idset_has(&set, 1));
    idset_add(&set, 2);
    assert_false(idset_has(&set, 0));
    idset_fini(&set);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROWS(rows, test_row),
        ROW_SINGLE(test_zero),
    };

    return rows_run("idset", tables, N_ROWS(tables));
}
