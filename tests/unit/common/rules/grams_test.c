/* SPDX-License-Identifier: Apache-2.0 */
/** Many texts looked up in one: the same as looking for each. */
#include <stdio.h>
#include <string.h>

#include "common/rules/grams.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    PARTS = 500,
    TEXTS = 500,
    PART_MAX = 12,
    TEXT_MAX = 60
};

struct part {
    char text[PART_MAX + 1];
    size_t found;
};

static unsigned roll(unsigned *dice, unsigned below)
{
    *dice = *dice * 1103515245u + 12345u;
    return (*dice >> 16) % below;
}

static void make_text(char *out, size_t len, unsigned *dice)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = "abc\xc3\xa9"[roll(dice, 5)];
    }
    out[len] = '\0';
}

static void on_found(void *ctx, void *item)
{
    struct part *part = item;

    (void)ctx;
    part->found++;
}

static size_t count(const char *text, const char *part)
{
    size_t n = 0;

    for (const char *at = strstr(text, part); at != NULL;
         at = strstr(at + 1, part)) {
        n++;
    }
    return n;
}

static void finds_each(void **state)
{
    static struct part parts[PARTS];
    struct grams *grams = grams_new();
    unsigned dice = 3;
    size_t all = 0;

    (void)state;
    for (int i = 0; i < PARTS; i++) {
        make_text(parts[i].text, GRAMS_MIN + roll(&dice, PART_MAX - GRAMS_MIN),
                  &dice);
        grams_add(grams, parts[i].text, strlen(parts[i].text), &parts[i]);
    }
    for (int i = 0; i < TEXTS; i++) {
        char text[TEXT_MAX + 1];

        make_text(text, roll(&dice, TEXT_MAX), &dice);
        for (int p = 0; p < PARTS; p++) {
            parts[p].found = 0;
        }
        grams_find(grams, text, strlen(text), on_found, NULL);
        for (int p = 0; p < PARTS; p++) {
            assert_int_equal(parts[p].found, count(text, parts[p].text));
            all += parts[p].found;
        }
    }
    assert_true(all > TEXTS); /* else nothing was compared */
    grams_free(grams);
}

static void finds_nothing_in_nothing(void **state)
{
    struct grams *grams = grams_new();
    struct part part = {.text = "abc"};

    (void)state;
    grams_find(grams, "abc", 3, on_found, NULL);
    grams_add(grams, part.text, 3, &part);
    grams_find(grams, "", 0, on_found, NULL);
    grams_find(grams, "ab", 2, on_found, NULL);
    assert_int_equal(part.found, 0);
    grams_find(grams, "abc", 3, on_found, NULL);
    assert_int_equal(part.found, 1);
    grams_free(grams);
    grams_free(NULL);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROW_SINGLE(finds_each),
        ROW_SINGLE(finds_nothing_in_nothing),
    };

    return rows_run("grams", tables, N_ROWS(tables));
}
