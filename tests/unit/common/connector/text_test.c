/* SPDX-License-Identifier: Apache-2.0 */
/** Texts of whatever encoding as UTF-8. */
#include <string.h>

#include "common/base/str.h"
#include "common/connector/text.h"
#include "tests/support/rows.h"
#include "tests/support/unit.h"

struct text_case {
    const char *name;
    const char *in;
    const char *want;
};

static const struct text_case texts[] = {
    {"empty", "", ""},
    {"plain", "disk full", "disk full"},
    {"UTF-8",
     "Gr\xC3\xB6\xC3\x9F"
     "e 3 \xE2\x82\xAC",
     "Gr\xC3\xB6\xC3\x9F"
     "e 3 \xE2\x82\xAC"},
    {"four bytes", "\xF0\x9F\x94\xA5!", "\xF0\x9F\x94\xA5!"},
    {"ISO 8859-1",
     "Gr\xF6\xDF"
     "e",
     "Gr\xC3\xB6\xC3\x9F"
     "e"},
    {"Windows-1252", "3 \x80 \x93x\x94",
     "3 \xE2\x82\xAC \xE2\x80\x9Cx"
     "\xE2\x80\x9D"},
    {"not assigned", "a\x81z", "a\xEF\xBF\xBDz"},
    {"both: all is read as Windows-1252", "\xC3\xA4 \xE4 x",
     "\xC3\x83\xC2\xA4 \xC3\xA4 x"},
    {"cut in a character", "\xC3\xA4\xC3\xB6\xC3", "\xC3\xA4\xC3\xB6"},
    {"cut in a long character", "\xC3\xA4\xF0\x9F\x94", "\xC3\xA4"},
    {"what looks cut but is not", "caf\xE9", "caf\xC3\xA9"},
    {"control characters",
     "a\x01\x1B[31m\x7F"
     "b\tc\r\nd",
     "a[31mb\tc\nd"},
};

static void check_text(void **state)
{
    const struct text_case *row = *state;
    struct buf out;

    buf_init(&out, 100);
    assert_string_equal(text_set(&out, row->in, strlen(row->in)), row->want);
    buf_fini(&out);
}

static void test_no_room(void **state)
{
    struct buf out;

    (void)state;
    for (size_t max = 1; max < 20; max++) {
        buf_init(&out, max);
        (void)text_set(&out, "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x94\xA5\xC3\xA4",
                       11);
        assert_true(utf8_valid(buf_str(&out), out.len));
        (void)text_set(&out, "\xE4\x80\xF6\xFC", 4);
        assert_true(utf8_valid(buf_str(&out), out.len));
        assert_true(out.len <= max);
        buf_fini(&out);
    }
}

static void test_nul(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 100);
    assert_string_equal(text_set(&out, "a\0b", 3), "ab");
    buf_fini(&out);
}

int main(void)
{
    const struct row_table tables[] = {
        ROWS(texts, check_text),
        ROW_SINGLE(test_no_room),
        ROW_SINGLE(test_nul),
    };

    return rows_run("text", tables, N_ROWS(tables));
}
