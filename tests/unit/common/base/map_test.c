/* SPDX-License-Identifier: Apache-2.0 */
/** The map against a plain array, over random operations. */
#include <stdio.h>
#include <string.h>

#include "common/base/map.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    KEYS = 512,
    ROUNDS = 60000,
    KEY_TEXT_MAX = 16,
    VALUES = 4
};

struct model {
    char keys[KEYS][KEY_TEXT_MAX];
    int values[VALUES];
    int *held[KEYS]; /* NULL: not in the map */
    size_t n;
};

static void check_walk(const struct map *map, const struct model *model)
{
    bool seen[KEYS] = {false};
    size_t n = 0;
    size_t at = 0;
    struct map_slot slot;

    while (map_next(map, &at, &slot)) {
        size_t i = (size_t)(slot.key - model->keys[0]) / KEY_TEXT_MAX;

        assert_true(i < KEYS);
        assert_false(seen[i]);
        seen[i] = true;
        assert_ptr_equal(slot.value, model->held[i]);
        n++;
    }
    assert_int_equal(n, model->n);
    assert_int_equal(map->n, model->n);
}

static void put(struct map *map, struct model *model, size_t i, int *value)
{
    void *old = map_put(map, model->keys[i], strlen(model->keys[i]), value);

    assert_ptr_equal(old, model->held[i]);
    model->n += model->held[i] == NULL;
    model->held[i] = value;
}

static void take(struct map *map, struct model *model, size_t i)
{
    void *old = map_remove(map, model->keys[i], strlen(model->keys[i]));

    assert_ptr_equal(old, model->held[i]);
    model->n -= model->held[i] != NULL;
    model->held[i] = NULL;
}

static void agrees_with_a_model(void **state)
{
    static struct model model;
    struct map map;
    uint32_t seed = 20265;

    (void)state;
    map_init(&map);
    for (size_t i = 0; i < KEYS; i++) {
        (void)snprintf(model.keys[i], KEY_TEXT_MAX, "key%zu", i);
    }
    for (int round = 0; round < ROUNDS; round++) {
        size_t i;

        seed = seed * 1664525U + 1013904223U;
        i = (seed >> 16) % KEYS;
        /* Long stretches of mostly putting, then mostly removing. */
        if ((seed >> 8) % 4 != 0 ? round / 3000 % 2 == 0
                                 : round / 3000 % 2 != 0) {
            put(&map, &model, i, &model.values[seed % VALUES]);
        } else {
            take(&map, &model, i);
        }
        i = (seed >> 7) % KEYS;
        assert_ptr_equal(map_get(&map, model.keys[i], strlen(model.keys[i])),
                         model.held[i]);
        if (round % 1000 == 0) {
            check_walk(&map, &model);
        }
    }
    for (size_t i = 0; i < KEYS; i++) {
        take(&map, &model, i);
    }
    check_walk(&map, &model);
    map_fini(&map);
}

static void an_empty_one_answers(void **state)
{
    struct map map = {0};
    struct map_slot slot;
    size_t at = 0;

    (void)state;
    assert_null(map_get(&map, "x", 1));
    assert_null(map_remove(&map, "x", 1));
    assert_false(map_next(&map, &at, &slot));
    map_fini(&map);
}

static void takes_any_bytes_as_keys(void **state)
{
    static int values[4];
    struct map map = {0};

    (void)state;
    assert_null(map_put(&map, "", 0, &values[0]));
    assert_null(map_put(&map, "\0", 1, &values[1]));
    assert_null(map_put(&map, "\0\0", 2, &values[2]));
    assert_null(map_put(&map, "a\0b", 3, &values[3]));
    assert_ptr_equal(map_get(&map, "", 0), &values[0]);
    assert_ptr_equal(map_get(&map, "\0\0", 2), &values[2]);
    assert_ptr_equal(map_get(&map, "a\0b", 3), &values[3]);
    assert_null(map_get(&map, "a\0c", 3));
    assert_null(map_get(&map, "a", 1));
    map_fini(&map);
}

static void takes_the_newer_key(void **state)
{
    static int values[2];
    char old[] = "key";
    char new[] = "key";
    struct map map = {0};

    (void)state;
    assert_null(map_put(&map, old, 3, &values[0]));
    assert_ptr_equal(map_put(&map, new, 3, &values[1]), &values[0]);
    memset(old, 'x', 3); /* as if it had been released */
    assert_ptr_equal(map_get(&map, "key", 3), &values[1]);
    map_fini(&map);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROW_SINGLE(agrees_with_a_model),
        ROW_SINGLE(an_empty_one_answers),
        ROW_SINGLE(takes_any_bytes_as_keys),
        ROW_SINGLE(takes_the_newer_key),
    };

    return rows_run("base/map", tables, N_ROWS(tables));
}
