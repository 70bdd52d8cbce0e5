/* SPDX-License-Identifier: Apache-2.0 */
/** The buffer: growth, its maximum, and what a refused add leaves behind. */
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

enum {
    ROUNDS = 2000,
    MOST = 4096,
    PART_MAX = 400
};

static void starts_empty(void **state)
{
    struct buf buf;
    char *taken;

    (void)state;
    buf_init(&buf, 8);
    assert_string_equal(buf_str(&buf), "");
    taken = buf_take(&buf);
    assert_string_equal(taken, "");
    free(taken);
    buf_clear(&buf);
    buf_truncate(&buf, 0);
    buf_fini(&buf);
}

struct fill_case {
    const char *name;
    const char *first;
    const char *second;
    const char *want;
    bool overflow;
};

static const struct fill_case fills[] = {
    {"both fit", "1234", "5678", "12345678", false},
    {"second is too much", "1234", "56789", "1234", true},
    {"first is too much", "123456789", "1", "", true},
    {"nothing to a full one", "12345678", "", "12345678", false},
};

static void check_fill(void **state)
{
    const struct fill_case *row = *state;
    struct buf buf;

    buf_init(&buf, 8);
    buf_add_str(&buf, row->first);
    buf_addf(&buf, "%s", row->second);
    assert_string_equal(buf_str(&buf), row->want);
    assert_int_equal(buf.overflow, row->overflow);
    /* Once refused, nothing is added that would fit: no holes. */
    buf_add_char(&buf, '!');
    assert_int_equal(strchr(buf_str(&buf), '!') != NULL,
                     !row->overflow && strlen(row->want) < 8);
    buf_clear(&buf);
    buf_add_str(&buf, "again");
    assert_string_equal(buf_str(&buf), "again");
    buf_fini(&buf);
}

static void writes_little_endian(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, 64);
    buf_add_u32(&buf, 0x01020304U);
    buf_add_u64(&buf, 0x1112131415161718U);
    assert_int_equal(buf.len, 12);
    assert_memory_equal(buf.data,
                        "\x04\x03\x02\x01\x18\x17\x16\x15\x14\x13\x12\x11", 12);
    buf_fini(&buf);
}

/* Random adds and cuts against a plain array. */
static void agrees_with_a_model(void **state)
{
    static char model[MOST];
    size_t len = 0;
    uint32_t seed = 20264;
    struct buf buf;

    (void)state;
    buf_init(&buf, MOST);
    for (int round = 0; round < ROUNDS; round++) {
        char part[PART_MAX];
        size_t n;

        seed = seed * 1664525U + 1013904223U;
        n = (seed >> 8) % PART_MAX;
        memset(part, (int)(seed >> 24), n);
        if (seed % 7 == 0) {
            len = len > 0 ? (seed >> 4) % len : 0;
            buf_truncate(&buf, len);
        } else if (len + n <= MOST) {
            buf_add(&buf, part, n);
            memcpy(model + len, part, n);
            len += n;
        } else {
            buf_add(&buf, part, n);
            assert_true(buf.overflow);
            buf_clear(&buf);
            len = 0;
        }
        assert_int_equal(buf.len, len);
        if (len > 0) {
            assert_memory_equal(buf.data, model, len);
            assert_int_equal(buf.data[len], '\0');
        }
    }
    buf_fini(&buf);
}

static void gives_its_memory(void **state)
{
    struct buf buf;
    char *text;

    (void)state;
    buf_init(&buf, 64);
    buf_add_str(&buf, "mine");
    text = buf_take(&buf);
    assert_string_equal(text, "mine");
    assert_string_equal(buf_str(&buf), "");
    buf_add_str(&buf, "next");
    assert_string_equal(text, "mine");
    free(text);
    buf_fini(&buf);
}

int main(void)
{
    static const struct row_table tables[] = {
        ROW_SINGLE(starts_empty),         ROWS(fills, check_fill),
        ROW_SINGLE(writes_little_endian), ROW_SINGLE(agrees_with_a_model),
        ROW_SINGLE(gives_its_memory),
    };

    return rows_run("base/buf", tables, N_ROWS(tables));
}
